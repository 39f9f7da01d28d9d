/* Runs a fuzz target over each file of the folders named, where there is no libFuzzer. */
#include <glib.h>

#include "fuzz.h"

static gboolean
run_folder (const char *path)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GDir) folder = g_dir_open (path, 0, &error);
  guint n = 0;
  const char *name;

  if (folder == NULL)
    {
      g_printerr ("%s\n", error->message);
      return FALSE;
    }
  while ((name = g_dir_read_name (folder)) != NULL)
    {
      g_autofree char *file = g_build_filename (path, name, NULL);
      g_autofree char *content = NULL;
      gsize size;

      if (!g_file_get_contents (file, &content, &size, &error))
        {
          g_printerr ("%s\n", error->message);
          return FALSE;
        }
      g_print ("%s\n", name);
      LLVMFuzzerTestOneInput ((const uint8_t *) content, size);
      n++;
    }
  if (n == 0)
    g_printerr ("%s is empty\n", path);
  return n > 0;
}

int
main (int argc, char *argv[])
{
  for (int i = 1; i < argc; i++)
    if (!run_folder (argv[i]))
      return 1;
  return argc > 1 ? 0 : 1;
}
