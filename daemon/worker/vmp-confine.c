/* The fence around a worker: the places where it may open files, and the system calls that it may
 * make, whatever its user could. */
#include "config.h"

#include "vmp-confine.h"

#include <fcntl.h>
#include <unistd.h>

#include "vmp-at.h"
#include "vmp-error.h"
#include "vmp-fd.h"
#include "vmp-filter.h"
#include "vmp-landlock.h"

/* A place that is not there has no rule: opening it fails all the same, and it is for the call that
 * wants it to say so. One that is still to be made is made in the folder above it. */
static gboolean
allow_path (int ruleset, const char *path, VmpPlaceAccess access, GError **error)
{
  g_autoptr (GError) local_error = NULL;
  vmp_autofd int fd = vmp_at_open_absolute (path, O_PATH, &local_error);

  if (access == VMP_PLACE_MAKE
      && g_error_matches (local_error, VMPORT_ERROR, VMPORT_ERROR_NOT_FOUND))
    {
      g_autofree char *above = g_path_get_dirname (path);

      fd = vmp_at_open_absolute (above, O_PATH, NULL);
    }
  return fd < 0 || vmp_landlock_add_place (ruleset, fd, access, error);
}

static gboolean
allow_places (int ruleset, GVariant *places, int passed, GError **error)
{
  GVariantIter iter;
  const char *path;
  guint32 access;

  g_variant_iter_init (&iter, places);
  while (g_variant_iter_next (&iter, "(&su)", &path, &access))
    {
      if (access > VMP_PLACE_MEET)
        return vmp_error_set (error, VMPORT_ERROR_FAILED, "A place has an unknown access");
      if (path[0] != '\0' ? !allow_path (ruleset, path, access, error)
                          : passed < 0
                                || !vmp_landlock_add_place (ruleset, passed, access, error))
        return FALSE;
    }
  return TRUE;
}

/* Where the tests look for what a sanitizer reports. */
static gboolean
allow_reports (int ruleset, GError **error)
{
  return !VMP_SANITIZED || allow_path (ruleset, VMP_SANITIZER_REPORTS, VMP_PLACE_MAKE, error);
}

/* Where the kernel has no Landlock, or one too old to move files, the worker is held by its user's rights and its filter alone;
 * the daemon says so in its log when it starts. */
static gboolean
restrict_files (GVariant *places, int passed, GError **error)
{
  vmp_autofd int ruleset = -1;

  if (vmp_landlock_get_abi () < VMP_LANDLOCK_MOVES)
    return TRUE;
  ruleset = vmp_landlock_new_ruleset (error);
  return ruleset >= 0 && allow_places (ruleset, places, passed, error)
         && allow_reports (ruleset, error) && vmp_landlock_enforce (ruleset, error);
}

static gboolean
may_run (GVariant *places)
{
  GVariantIter iter;
  guint32 access;

  g_variant_iter_init (&iter, places);
  while (g_variant_iter_next (&iter, "(&su)", NULL, &access))
    if (access == VMP_PLACE_RUN)
      return TRUE;
  return FALSE;
}

/* The last step, as whoever the worker has become: from here on it opens nothing but what lies in
 * the places of its identity, and makes no system call that it does not need. Before there is a
 * second thread. @passed is the directory that came with the identity, or -1. */
gboolean
vmp_confine (GVariant *identity, int passed, GError **error)
{
  g_autoptr (GVariant) places = g_variant_get_child_value (identity, 4);

  return restrict_files (places, passed, error)
         && vmp_filter_install (may_run (places) ? VMP_FILTER_BLOCK : VMP_FILTER_WORKER, error);
}
