/* The copier alone, without the service around it: copies a file and flushes the copy.
 *
 *   bench-copy none|fs-verity|sha256 SOURCE [TARGET]
 *
 * Without TARGET it only reads. Prints the digest. */
#include "config.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "vmp-copier.h"
#include "vmp-fd.h"

static int
open_file (const char *path, int flags)
{
  int fd = open (path, flags | O_CLOEXEC, 0600);

  if (fd < 0)
    {
      perror (path);
      exit (EXIT_FAILURE);
    }
  return fd;
}

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  g_auto (VmpCopierResult) result = { 0 };
  VmpCopierFlags flags = VMP_COPIER_NONE;
  vmp_autofd int source = -1;
  vmp_autofd int target = -1;

  if (argc < 3 || argc > 4)
    {
      fprintf (stderr, "usage: %s none|fs-verity|sha256 SOURCE [TARGET]\n", argv[0]);
      return EXIT_FAILURE;
    }
  if (g_str_equal (argv[1], "fs-verity"))
    flags = VMP_COPIER_VERITY;
  else if (g_str_equal (argv[1], "sha256"))
    flags = VMP_COPIER_VERITY | VMP_COPIER_SHA256;
  source = open_file (argv[2], O_RDONLY);
  if (argc == 4)
    target = open_file (argv[3], O_RDWR | O_CREAT | O_EXCL);
  if (!vmp_copier_run (source, target, argv[2], flags, NULL, 0, NULL, NULL, &result, &error)
      || (target >= 0 && !vmp_copier_sync (target, argv[3], &error)))
    {
      fprintf (stderr, "%s\n", error->message);
      return EXIT_FAILURE;
    }
  printf ("%s\n", result.verity != NULL ? result.verity : "-");
  return EXIT_SUCCESS;
}
