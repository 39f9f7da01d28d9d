/* Whether a path is out of other users' reach: what the daemon opens as root it opens only where
 * nobody else could have put a file of his choice. */
#include "config.h"

#include "vmp-trust.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gi18n-lib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vmp-at.h"
#include "vmp-error.h"
#include "vmp-fd.h"

static gboolean
is_trusted (const struct stat *st, gboolean sticky_is_enough, const uid_t *users, gsize n_users)
{
  gboolean shared = (st->st_mode & (S_IWGRP | S_IWOTH)) != 0
                    && !(sticky_is_enough && (st->st_mode & S_ISVTX) != 0);
  gboolean known = st->st_uid == 0 || st->st_uid == geteuid ();

  for (gsize i = 0; i < n_users; i++)
    known = known || st->st_uid == users[i];
  return known && !shared && !S_ISLNK (st->st_mode);
}

static gboolean
refuse (const char *path, GError **error)
{
  return vmp_error_set (error, VMPORT_ERROR_UNSAFE,
                        _ ("“%s” is a link or can be changed by others; make it root's own and not "
                           "writable for them"),
                        path);
}

/* Nobody but root, the user that the daemon runs as and @users may be able to change what lies on
 * the way to @path, absolute, or in it. */
gboolean
vmp_trust_check_way (const char *path, const uid_t *users, gsize n_users, GError **error)
{
  g_autofree char *at = g_strdup (path);

  for (;;)
    {
      const char *name = at[0] != '\0' ? at : "/";
      struct stat st;
      char *slash;

      if (lstat (name, &st) < 0)
        return vmp_error_set_errno (error, errno, _ ("Cannot examine “%s”"), name);
      if (!is_trusted (&st, strcmp (at, path) != 0, users, n_users))
        return refuse (name, error);
      slash = strrchr (at, '/');
      if (slash == NULL || at[0] == '\0')
        return TRUE;
      *slash = '\0';
    }
}

/* The same for the folders between @rootfd, which is trusted, and @path, a file beneath it. */
gboolean
vmp_trust_check_beneath (int rootfd, const char *path, const uid_t *users, gsize n_users,
                         GError **error)
{
  for (const char *slash = strchr (path, '/'); slash != NULL; slash = strchr (slash + 1, '/'))
    {
      g_autofree char *folder = g_strndup (path, (gsize) (slash - path));
      vmp_autofd int fd = vmp_at_open (rootfd, folder, O_RDONLY | O_DIRECTORY, 0, error);
      struct stat st;

      if (fd < 0)
        return FALSE;
      if (fstat (fd, &st) < 0)
        return vmp_error_set_errno (error, errno, _ ("Cannot examine “%s”"), folder);
      if (!is_trusted (&st, FALSE, users, n_users))
        return refuse (folder, error);
    }
  return TRUE;
}
