/* Paths from the command line, as the daemon wants them. */
#include "config.h"

#include "vmp-ctl-path.h"

#include <glib/gi18n-lib.h>
#include <stdlib.h>

#include "vmport-error.h"

static gboolean
has_dot_dot (const char *path)
{
  g_auto (GStrv) parts = g_strsplit (path, "/", -1);

  return g_strv_contains ((const char *const *) parts, "..");
}

/* The daemon wants an absolute path without `..`; where there is one, what it means depends on
 * symbolic links, so the kernel is asked. The last component need not exist. */
char *
vmp_ctl_absolute_path (const char *path, GError **error)
{
  g_autofree char *resolved = NULL;
  g_autofree char *parent = NULL;
  g_autofree char *base = NULL;

  if (*path == '\0')
    {
      g_set_error_literal (error, VMPORT_ERROR, VMPORT_ERROR_INVALID_PARAMETER,
                           _ ("The directory's name is empty"));
      return NULL;
    }
  if (!has_dot_dot (path))
    return g_canonicalize_filename (path, NULL);

  resolved = realpath (path, NULL);
  if (resolved != NULL)
    return g_strdup (resolved);
  parent = g_path_get_dirname (path);
  base = g_path_get_basename (path);
  resolved = realpath (parent, NULL);
  if (resolved == NULL || g_str_equal (base, "..") || g_str_equal (base, "."))
    {
      g_set_error (error, VMPORT_ERROR, VMPORT_ERROR_NOT_FOUND,
                   _ ("%s: the parent directory does not exist or cannot be entered"), path);
      return NULL;
    }
  return g_build_filename (resolved, base, NULL);
}
