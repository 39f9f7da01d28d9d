/* The bridges of this host, as the kernel lists them. */
#include "config.h"

#include "vmp-bridges.h"

/* Adds each as `bridge:NAME`, save for those in @except. */
void
vmp_bridges_add (GStrvBuilder *networks, const char *const *except)
{
  g_autoptr (GDir) dir = g_dir_open ("/sys/class/net", 0, NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_build_filename ("/sys/class/net", name, "bridge", NULL);
      g_autofree char *network = g_strdup_printf ("bridge:%s", name);

      if (g_file_test (path, G_FILE_TEST_IS_DIR) && !g_strv_contains (except, network))
        g_strv_builder_add (networks, network);
    }
}
