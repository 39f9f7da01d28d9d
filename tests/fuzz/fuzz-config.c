/* vmport.conf of any kind: what is taken is within the bounds that its page states. */
#include <gio/gio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"
#include "util/vmp-fd.h"
#include "vmp-config.h"
#include "vmp-name.h"

static void
check (VmpConfig *config)
{
  g_assert_true (config->max_jobs >= 1 && config->max_jobs <= 256);
  g_assert_true (config->max_jobs_per_user >= 1 && config->max_jobs_per_user <= 10000);
  g_assert_cmpuint (config->retention_seconds, <=, 86400);
  g_assert_true (config->worker_timeout_seconds >= 1 && config->worker_timeout_seconds <= 3600);
  g_assert_nonnull (config->store_root);
  g_assert_true (vmp_name_is_absolute (config->authorization_store));
  for (gsize i = 0; config->scopes[i] != NULL; i++)
    g_assert_true (vmp_name_is_scope (config->scopes[i]));
  for (guint i = 0; i < config->managers->len; i++)
    {
      VmpConfigManager *manager = g_ptr_array_index (config->managers, i);

      g_assert_true (vmp_name_is_component (manager->id));
      g_assert_nonnull (manager->driver);
      g_assert_true (strcmp (manager->driver, "libvirt") == 0
                         ? manager->uri != NULL
                         : vmp_name_is_absolute (manager->root));
    }
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  vmp_autofd int fd = memfd_create ("vmport.conf", MFD_CLOEXEC);
  g_autofree char *path = g_strdup_printf ("/proc/self/fd/%d", fd);
  g_autoptr (VmpConfig) config = NULL;
  g_autoptr (GError) error = NULL;

  g_assert_cmpint (pwrite (fd, data, size, 0), ==, (gssize) size);
  config = vmp_config_load (path, "/var/lib/vmport", &error);
  g_assert_true ((config == NULL) == (error != NULL));
  if (config != NULL)
    check (config);
  return 0;
}
