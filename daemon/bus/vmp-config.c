/* vmport.conf: a key file with the group [vmport] and a group [manager ID] for each further
 * manager. What it does not know it refuses: a misspelt key must not count as a default. */
#include "config.h"

#include "vmp-config.h"

#include <glib/gi18n-lib.h>
#include <string.h>

#include "vmp-awaited.h"
#include "vmp-error.h"
#include "vmp-name.h"

#define GROUP "vmport"
#define MANAGER_PREFIX "manager "

static void
config_manager_free (gpointer data)
{
  VmpConfigManager *manager = data;

  g_free (manager->id);
  g_free (manager->driver);
  g_free (manager->root);
  g_free (manager->uri);
  g_free (manager);
}

void
vmp_config_free (VmpConfig *config)
{
  g_free (config->store_root);
  g_free (config->authorization_store);
  g_strfreev (config->networks);
  g_strfreev (config->scopes);
  g_ptr_array_unref (config->managers);
  g_free (config);
}

static gboolean
read_number (GKeyFile *file, const char *key, guint from, guint to, guint *number, GError **error)
{
  g_autofree char *text = g_key_file_get_value (file, GROUP, key, NULL);
  guint64 value;

  if (text == NULL)
    return TRUE;
  if (!g_ascii_string_to_unsigned (g_strstrip (text), 10, from, to, &value, NULL))
    return vmp_error_set (error, VMPORT_ERROR_INVALID_PARAMETER,
                          _ ("%s=%s: not a number from %u to %u"), key, text, from, to);
  *number = (guint) value;
  return TRUE;
}

static gboolean
check_keys (GKeyFile *file, const char *group, const char *const *known, GError **error)
{
  g_auto (GStrv) keys = g_key_file_get_keys (file, group, NULL, NULL);

  for (gsize i = 0; keys != NULL && keys[i] != NULL; i++)
    if (!g_strv_contains (known, keys[i]))
      return vmp_error_set (error, VMPORT_ERROR_INVALID_PARAMETER, _ ("[%s]: there is no key “%s”"),
                            group, keys[i]);
  return TRUE;
}

/* A list that is not there stays as it is. */
static gboolean
read_list (GKeyFile *file, const char *key, GStrv *list, GError **error)
{
  g_autoptr (GError) local_error = NULL;
  GStrv value = g_key_file_get_string_list (file, GROUP, key, NULL, &local_error);

  if (value == NULL && g_error_matches (local_error, G_KEY_FILE_ERROR,
                                        G_KEY_FILE_ERROR_KEY_NOT_FOUND))
    return TRUE;
  if (value == NULL)
    {
      g_propagate_prefixed_error (error, g_steal_pointer (&local_error), "%s=: ", key);
      return FALSE;
    }
  g_strfreev (*list);
  *list = value;
  return TRUE;
}

static gboolean
check_scopes (VmpConfig *config, GError **error)
{
  for (gsize i = 0; config->scopes[i] != NULL; i++)
    {
      if (!vmp_name_is_scope (config->scopes[i]))
        return vmp_error_set (error, VMPORT_ERROR_INVALID_PARAMETER,
                              _ ("Scopes=: “%s” is no name of a security scope: 1 to %d bytes, no "
                                 "control characters, no space at its ends"),
                              config->scopes[i], VMP_SCOPE_MAX_BYTES);
      for (gsize n = 0; n < i; n++)
        if (strcmp (config->scopes[n], config->scopes[i]) == 0)
          return vmp_error_set (error, VMPORT_ERROR_INVALID_PARAMETER,
                                _ ("Scopes=: “%s” stands there twice"), config->scopes[i]);
    }
  return TRUE;
}

static gboolean
check_networks (VmpConfig *config, GError **error)
{
  for (gsize i = 0; config->networks[i] != NULL; i++)
    if (strcmp (config->networks[i], "user") != 0
        && !g_str_has_prefix (config->networks[i], "bridge:")
        && !g_str_has_prefix (config->networks[i], "network:"))
      return vmp_error_set (error, VMPORT_ERROR_INVALID_PARAMETER,
                            _ ("Networks=: “%s” is not written as bridge:NAME, network:NAME or "
                               "user"),
                            config->networks[i]);
  return TRUE;
}

static gboolean
read_main (VmpConfig *config, GKeyFile *file, GError **error)
{
  static const char *const known[] = { "MaxJobs",   "MaxJobsPerUser", "JobRetentionSec",
                                       "LeftoverRetrySec",
                                       "WorkerTimeoutSec", "StoreRoot", "Networks", "Scopes",
                                       "AuthorizationStore", NULL };
  char *store = g_key_file_get_string (file, GROUP, "AuthorizationStore", NULL);
  char *root = g_key_file_get_string (file, GROUP, "StoreRoot", NULL);

  if (root != NULL && root[0] != '\0')
    {
      g_free (config->store_root);
      config->store_root = g_steal_pointer (&root);
    }
  g_free (root);
  if (store != NULL)
    {
      g_free (config->authorization_store);
      config->authorization_store = store;
      if (!vmp_name_is_absolute (store))
        return vmp_error_set (error, VMPORT_ERROR_INVALID_PARAMETER,
                              _ ("AuthorizationStore= is an absolute path"));
    }
  return check_keys (file, GROUP, known, error)
         && read_list (file, "Networks", &config->networks, error)
         && check_networks (config, error)
         && read_list (file, "Scopes", &config->scopes, error) && check_scopes (config, error)
         && read_number (file, "MaxJobs", 1, 256, &config->max_jobs, error)
         && read_number (file, "MaxJobsPerUser", 1, 10000, &config->max_jobs_per_user, error)
         && read_number (file, "JobRetentionSec", 0, 86400, &config->retention_seconds, error)
         && read_number (file, "LeftoverRetrySec", 1, 86400, &config->leftover_retry_seconds,
                         error)
         && read_number (file, "WorkerTimeoutSec", 1, 3600, &config->worker_timeout_seconds,
                         error);
}

/* Files of machines are opened by their paths, which mean nothing of another host. */
static gboolean
check_uri (const char *group, const char *uri, GError **error)
{
  g_autoptr (GUri) parsed = uri != NULL ? g_uri_parse (uri, G_URI_FLAGS_NONE, NULL) : NULL;
  const char *host = parsed != NULL ? g_uri_get_host (parsed) : NULL;

  if (parsed == NULL)
    return vmp_error_set (error, VMPORT_ERROR_INVALID_PARAMETER,
                          _ ("[%s]: Uri= is a URI of libvirt's, such as qemu:///system"), group);
  if (host != NULL && host[0] != '\0')
    return vmp_error_set (error, VMPORT_ERROR_INVALID_PARAMETER,
                          _ ("[%s]: Uri= names another host, “%s”; run vmportd there"), group, host);
  return TRUE;
}

static gboolean
check_driver (VmpConfigManager *manager, const char *group, GError **error)
{
  if (g_strcmp0 (manager->driver, "libvirt") == 0)
    {
      if (!VMP_HAVE_LIBVIRT)
        return vmp_error_set (error, VMPORT_ERROR_NOT_SUPPORTED,
                              _ ("[%s]: this vmportd was built without libvirt"), group);
      if (!vmp_awaited_is_installed ())
        return vmp_error_set (error, VMPORT_ERROR_NOT_SUPPORTED,
                              _ ("[%s]: the driver of libvirt's machines is not installed; there is "
                                 "no “%s”"),
                              group, VMP_AWAITED_MODULE);
      return check_uri (group, manager->uri, error);
    }
  if (g_strcmp0 (manager->driver, "directory") != 0)
    return vmp_error_set (error, VMPORT_ERROR_INVALID_PARAMETER,
                          _ ("[%s]: Driver= is “directory” or “libvirt”"), group);
  if (manager->root == NULL || !vmp_name_is_absolute (manager->root))
    return vmp_error_set (error, VMPORT_ERROR_INVALID_PARAMETER,
                          _ ("[%s]: Root= is an absolute path"), group);
  return TRUE;
}

static gboolean
read_manager (VmpConfig *config, GKeyFile *file, const char *group, GError **error)
{
  static const char *const directory_keys[] = { "Driver", "Root", NULL };
  static const char *const libvirt_keys[] = { "Driver", "Uri", NULL };
  VmpConfigManager *manager = g_new0 (VmpConfigManager, 1);

  g_ptr_array_add (config->managers, manager);
  manager->id = g_strstrip (g_strdup (group + strlen (MANAGER_PREFIX)));
  manager->driver = g_key_file_get_string (file, group, "Driver", NULL);
  manager->root = g_key_file_get_string (file, group, "Root", NULL);
  manager->uri = g_key_file_get_string (file, group, "Uri", NULL);
  if (!vmp_name_is_component (manager->id) || strcmp (manager->id, "store") == 0
      || strcmp (manager->id, "qemu") == 0)
    return vmp_error_set (error, VMPORT_ERROR_INVALID_PARAMETER,
                          _ ("[%s]: not an id that a further manager can have"), group);
  return check_driver (manager, group, error)
         && check_keys (file, group,
                        strcmp (manager->driver, "libvirt") == 0 ? libvirt_keys : directory_keys,
                        error);
}

static gboolean
read_file (VmpConfig *config, const char *path, GError **error)
{
  g_autoptr (GKeyFile) file = g_key_file_new ();
  g_auto (GStrv) groups = NULL;

  if (!g_key_file_load_from_file (file, path, G_KEY_FILE_NONE, error))
    return FALSE;
  groups = g_key_file_get_groups (file, NULL);
  for (gsize i = 0; groups[i] != NULL; i++)
    {
      if (strcmp (groups[i], GROUP) == 0)
        {
          if (!read_main (config, file, error))
            return FALSE;
        }
      else if (!g_str_has_prefix (groups[i], MANAGER_PREFIX))
        return vmp_error_set (error, VMPORT_ERROR_INVALID_PARAMETER, _ ("There is no group [%s]"),
                              groups[i]);
      else if (!read_manager (config, file, groups[i], error))
        return FALSE;
    }
  return TRUE;
}

/* Reads @file; with @file NULL the installed one, which need not be there. */
VmpConfig *
vmp_config_load (const char *file, const char *state_directory, GError **error)
{
  g_autoptr (VmpConfig) config = g_new0 (VmpConfig, 1);
  g_autoptr (GError) local_error = NULL;
  const char *path = file != NULL ? file : VMP_SYSCONFDIR "/vmport/vmport.conf";

  config->max_jobs = 4;
  config->max_jobs_per_user = 16;
  config->retention_seconds = 300;
  config->leftover_retry_seconds = 300;
  config->worker_timeout_seconds = 30;
  config->store_root = g_build_filename (state_directory, "store", NULL);
  config->authorization_store = g_strdup (VMP_AUTHORIZATION_STORE);
  config->networks = g_new0 (char *, 1);
  config->scopes = g_new0 (char *, 1);
  config->managers = g_ptr_array_new_with_free_func (config_manager_free);
  if (read_file (config, path, &local_error)
      || (file == NULL && g_error_matches (local_error, G_FILE_ERROR, G_FILE_ERROR_NOENT)))
    return g_steal_pointer (&config);
  g_propagate_prefixed_error (error, g_steal_pointer (&local_error), "%s: ", path);
  return NULL;
}
