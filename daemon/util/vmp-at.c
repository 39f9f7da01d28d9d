/* Files beneath a directory descriptor: nothing here follows a link or leaves the directory. */
#include "config.h"

#include "vmp-at.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glib/gi18n-lib.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/statfs.h>
#include <sys/syscall.h>

#include "vmp-error.h"
#include "vmp-fd.h"
#include "vmp-name.h"

static int
openat2_retry (int dirfd, const char *path, const struct open_how *how)
{
  int fd;

  /* EAGAIN is the kernel saying that a rename raced with the resolution of "..". */
  for (guint attempt = 0; attempt < 16; attempt++)
    {
      fd = (int) syscall (SYS_openat2, dirfd, path, how, sizeof *how);
      if (fd >= 0 || (errno != EINTR && errno != EAGAIN))
        break;
    }
  return fd;
}

/* Opens @path, relative and beneath @dirfd, without following any link on the way. FIFOs do not
 * block; the caller checks the type with vmp_fd_check_regular() or …_directory(). */
int
vmp_at_open (int dirfd, const char *path, int flags, mode_t mode, GError **error)
{
  struct open_how how = {
    .flags = (guint64) (flags | O_CLOEXEC | O_NOCTTY | O_NONBLOCK),
    .mode = (flags & (O_CREAT | __O_TMPFILE)) != 0 ? mode : 0,
    .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
  };
  int fd = openat2_retry (dirfd, path, &how);

  if (fd < 0)
    vmp_error_set_errno (error, errno, _ ("Cannot open “%s”"), path);
  return fd;
}

/* Opens an absolute path as whoever the process is; for paths that a caller or the configuration
 * names. Links are followed there, as the caller could follow them; magic links are not. */
int
vmp_at_open_absolute (const char *path, int flags, GError **error)
{
  /* A handle alone takes none of the flags that are about reading. */
  struct open_how how = {
    .flags = (guint64) (flags | O_CLOEXEC | ((flags & O_PATH) != 0 ? 0 : O_NOCTTY | O_NONBLOCK)),
    .resolve = RESOLVE_NO_MAGICLINKS,
  };
  int fd = openat2_retry (AT_FDCWD, path, &how);

  if (fd < 0)
    vmp_error_set_errno (error, errno, _ ("Cannot open “%s”"), path);
  return fd;
}

/* Opens a folder, relative beneath @dirfd, or absolute where that is -1. One that may be written into
 * but not listed can still take a package: it is opened as a handle. */
int
vmp_at_open_folder (int dirfd, const char *path, GError **error)
{
  g_autoptr (GError) local_error = NULL;
  int fd;

  if (dirfd >= 0)
    return vmp_at_open (dirfd, path, O_RDONLY | O_DIRECTORY, 0, error);
  fd = vmp_at_open_absolute (path, O_RDONLY | O_DIRECTORY, &local_error);
  if (fd < 0 && g_error_matches (local_error, G_DBUS_ERROR, G_DBUS_ERROR_ACCESS_DENIED))
    fd = vmp_at_open_absolute (path, O_PATH | O_DIRECTORY, NULL);
  if (fd < 0)
    g_propagate_error (error, g_steal_pointer (&local_error));
  return fd;
}

/* The absolute path by which this process reaches the directory that it has open, or NULL: it may
 * have been removed, be out of this process' reach, or be of another mount namespace. */
char *
vmp_at_find_path (int dirfd)
{
  g_autofree char *link = g_strdup_printf ("/proc/self/fd/%d", dirfd);
  g_autofree char *path = g_file_read_link (link, NULL);
  vmp_autofd int again = -1;
  struct stat before, now;

  if (path == NULL || !vmp_name_is_absolute (path))
    return NULL;
  /* What the kernel writes there is a text, which may be the name of something else by now. */
  again = open (path, O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (again < 0 || fstat (dirfd, &before) < 0 || fstat (again, &now) < 0
      || before.st_dev != now.st_dev || before.st_ino != now.st_ino)
    return NULL;
  return g_steal_pointer (&path);
}

gboolean
vmp_at_mkdir (int dirfd, const char *name, mode_t mode, GError **error)
{
  if (mkdirat (dirfd, name, mode) < 0)
    return vmp_error_set_errno (error, errno, _ ("Cannot make the folder “%s”"), name);
  return TRUE;
}

/* Makes @path and what is missing above it, beneath @dirfd. */
gboolean
vmp_at_mkdir_parents (int dirfd, const char *path, mode_t mode, GError **error)
{
  g_auto (GStrv) parts = g_strsplit (path, "/", -1);
  vmp_autofd int at = -1;

  for (gsize i = 0; parts[i] != NULL; i++)
    {
      int parent = at >= 0 ? at : dirfd;
      int next;

      if (mkdirat (parent, parts[i], mode) < 0 && errno != EEXIST)
        return vmp_error_set_errno (error, errno, _ ("Cannot make the folder “%s”"), path);
      next = vmp_at_open (parent, parts[i], O_RDONLY | O_DIRECTORY, 0, error);
      if (next < 0)
        return FALSE;
      vmp_fd_clear (&at);
      at = next;
    }
  return TRUE;
}

gboolean
vmp_at_exists (int dirfd, const char *path)
{
  struct stat st;

  return fstatat (dirfd, path, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

gboolean
vmp_at_rename_noreplace (int from_dirfd, const char *from, int to_dirfd, const char *to,
                         GError **error)
{
  if (renameat2 (from_dirfd, from, to_dirfd, to, RENAME_NOREPLACE) < 0)
    return vmp_error_set_errno (error, errno, _ ("Cannot move “%s” to its place"), to);
  return TRUE;
}

/* Tree deeper than any that vmport makes: a guard against a loop, not a limit anyone meets. */
#define MAX_DEPTH 64

static gboolean
remove_children (int dirfd, guint depth, GError **error)
{
  g_autoptr (GPtrArray) names = vmp_at_list (dirfd, ".", G_MAXUINT, error);

  if (names == NULL)
    return FALSE;
  for (guint i = 0; i < names->len; i++)
    {
      const char *name = g_ptr_array_index (names, i);
      vmp_autofd int child = -1;

      if (unlinkat (dirfd, name, 0) == 0 || errno == ENOENT)
        continue;
      if (errno != EISDIR && errno != EPERM)
        return vmp_error_set_errno (error, errno, _ ("Cannot remove “%s”"), name);
      if (depth >= MAX_DEPTH)
        return vmp_error_set (error, VMPORT_ERROR_FAILED, _ ("“%s” is too deep to remove"), name);
      child = vmp_at_open (dirfd, name, O_RDONLY | O_DIRECTORY, 0, error);
      if (child < 0 || !remove_children (child, depth + 1, error))
        return FALSE;
      if (unlinkat (dirfd, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
        return vmp_error_set_errno (error, errno, _ ("Cannot remove the folder “%s”"), name);
    }
  return TRUE;
}

/* Removes the file at @path beneath @dirfd; one that is not there is no error. */
gboolean
vmp_at_unlink (int dirfd, const char *path, GError **error)
{
  g_autofree char *folder = g_path_get_dirname (path);
  g_autofree char *name = g_path_get_basename (path);
  g_autoptr (GError) local_error = NULL;
  vmp_autofd int fd = vmp_at_open (dirfd, folder, O_RDONLY | O_DIRECTORY, 0, &local_error);

  if (fd < 0 && g_error_matches (local_error, VMPORT_ERROR, VMPORT_ERROR_NOT_FOUND))
    return TRUE;
  if (fd < 0)
    {
      g_propagate_error (error, g_steal_pointer (&local_error));
      return FALSE;
    }
  if (unlinkat (fd, name, 0) < 0 && errno != ENOENT)
    return vmp_error_set_errno (error, errno, _ ("Cannot remove “%s”"), path);
  return TRUE;
}

/* Removes @name beneath @dirfd with all that is in it; one that is not there is no error. */
gboolean
vmp_at_remove_tree (int dirfd, const char *name, GError **error)
{
  vmp_autofd int fd = -1;

  if (unlinkat (dirfd, name, 0) == 0 || errno == ENOENT)
    return TRUE;
  if (errno != EISDIR && errno != EPERM)
    return vmp_error_set_errno (error, errno, _ ("Cannot remove “%s”"), name);
  fd = vmp_at_open (dirfd, name, O_RDONLY | O_DIRECTORY, 0, error);
  if (fd < 0 || !remove_children (fd, 0, error))
    return FALSE;
  if (unlinkat (dirfd, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
    return vmp_error_set_errno (error, errno, _ ("Cannot remove the folder “%s”"), name);
  return TRUE;
}

/* Deeper than any folder that is made for a machine's files. */
#define MAX_EMPTY_DEPTH 4

static gboolean
remove_empty (int dirfd, const char *name, guint depth, GError **error)
{
  g_autoptr (GError) local_error = NULL;
  vmp_autofd int fd = vmp_at_open (dirfd, name, O_RDONLY | O_DIRECTORY, 0, &local_error);
  g_autoptr (GPtrArray) names = NULL;

  if (fd < 0)
    {
      if (g_error_matches (local_error, VMPORT_ERROR, VMPORT_ERROR_NOT_FOUND))
        return TRUE;
      g_propagate_error (error, g_steal_pointer (&local_error));
      return FALSE;
    }
  names = vmp_at_list (fd, ".", G_MAXUINT, error);
  if (names == NULL)
    return FALSE;
  /* The kernel tells whether a folder is empty; all that this has to do is to begin below. */
  for (guint i = 0; i < names->len; i++)
    {
      const char *child = g_ptr_array_index (names, i);
      struct stat st;

      if (fstatat (fd, child, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return vmp_error_set_errno (error, errno, _ ("Cannot examine “%s”"), child);
      if (depth == MAX_EMPTY_DEPTH || !S_ISDIR (st.st_mode))
        return TRUE;
      if (!remove_empty (fd, child, depth + 1, error))
        return FALSE;
    }
  if (unlinkat (dirfd, name, AT_REMOVEDIR) < 0 && errno != ENOTEMPTY && errno != ENOENT)
    return vmp_error_set_errno (error, errno, _ ("Cannot remove the folder “%s”"), name);
  return TRUE;
}

/* Removes a folder that holds nothing but empty folders. One that holds anything else stays; that,
 * and a missing one, is no error. */
gboolean
vmp_at_remove_empty_tree (int dirfd, const char *name, GError **error)
{
  return remove_empty (dirfd, name, 0, error);
}

/* FALSE where there is no such file, or nobody can say now. Opens nothing: for paths that the
 * process has no business with, but to tell whether another file is the same one. */
gboolean
vmp_at_identify (const char *path, VmpFileId *id)
{
  struct stat st;

  if (fstatat (AT_FDCWD, path, &st, AT_NO_AUTOMOUNT) < 0)
    return FALSE;
  id->device = st.st_dev;
  id->inode = st.st_ino;
  return TRUE;
}

/* Flushes a file or a directory, entries included, to the disk. */
gboolean
vmp_at_sync (int dirfd, const char *path, GError **error)
{
  vmp_autofd int fd = vmp_at_open (dirfd, path, O_RDONLY, 0, error);

  if (fd < 0)
    return FALSE;
  if (fsync (fd) < 0)
    return vmp_error_set_errno (error, errno, _ ("Cannot flush “%s”"), path);
  return TRUE;
}

/* Flushes a folder that is open; @path names it to people. One that may not be listed cannot be flushed
 * (EBADF); its file system still journals what was done in it in order with what was flushed before. */
gboolean
vmp_at_flush_folder (int fd, const char *path, GError **error)
{
  if (fsync (fd) < 0 && errno != EBADF)
    return vmp_error_set_errno (error, errno, _ ("Cannot flush the folder of “%s”"), path);
  return TRUE;
}

/* Flushes the folders that lead from @dirfd to @path, @dirfd among them: what was made on the way. */
gboolean
vmp_at_sync_way (int dirfd, const char *path, GError **error)
{
  g_autofree char *folder = g_path_get_dirname (path);

  return vmp_at_sync (dirfd, folder, error)
         && (strcmp (folder, ".") == 0 || vmp_at_sync_way (dirfd, folder, error));
}

/* Flushes the folders of a tree, deepest first; whoever wrote a file in it has flushed that. */
gboolean
vmp_at_sync_folders (int dirfd, const char *path, GError **error)
{
  vmp_autofd int fd = vmp_at_open (dirfd, path, O_RDONLY | O_DIRECTORY, 0, error);
  g_autoptr (GPtrArray) names = fd >= 0 ? vmp_at_list (fd, ".", G_MAXUINT, error) : NULL;

  if (names == NULL)
    return FALSE;
  for (guint i = 0; i < names->len; i++)
    {
      const char *name = g_ptr_array_index (names, i);
      struct stat st;

      if (fstatat (fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR (st.st_mode)
          && !vmp_at_sync_folders (fd, name, error))
        return FALSE;
    }
  if (fsync (fd) < 0)
    return vmp_error_set_errno (error, errno, _ ("Cannot flush “%s”"), path);
  return TRUE;
}

static gint
compare_names (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char *const *) a, *(const char *const *) b);
}

/* The names in @path beneath @dirfd, sorted by bytes, without "." and "..". More than @max is an
 * error: a directory with a million entries is not a package. */
GPtrArray *
vmp_at_list (int dirfd, const char *path, guint max, GError **error)
{
  g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);
  vmp_autofd int fd = vmp_at_open (dirfd, path, O_RDONLY | O_DIRECTORY, 0, error);
  struct dirent *entry;
  DIR *dir;
  int saved_errno;

  if (fd < 0)
    return NULL;
  dir = fdopendir (fd);
  if (dir == NULL)
    {
      vmp_error_set_errno (error, errno, _ ("Cannot list “%s”"), path);
      return NULL;
    }
  vmp_fd_steal (&fd);
  while (errno = 0, (entry = readdir (dir)) != NULL)
    {
      if (strcmp (entry->d_name, ".") == 0 || strcmp (entry->d_name, "..") == 0)
        continue;
      if (names->len >= max)
        {
          closedir (dir);
          vmp_error_set (error, VMPORT_ERROR_CORRUPT, _ ("“%s” has more than %u entries"), path,
                         max);
          return NULL;
        }
      g_ptr_array_add (names, g_strdup (entry->d_name));
    }
  saved_errno = errno;
  closedir (dir);
  if (saved_errno != 0)
    {
      vmp_error_set_errno (error, saved_errno, _ ("Cannot list “%s”"), path);
      return NULL;
    }
  g_ptr_array_sort (names, compare_names);
  return g_steal_pointer (&names);
}

/* Reads all of @fd, a regular file of at most @max bytes; @what names it in errors. */
GBytes *
vmp_fd_read_all (int fd, gsize max, const char *what, GError **error)
{
  g_autoptr (GByteArray) content = g_byte_array_new ();
  struct stat st;

  if (!vmp_fd_check_regular (fd, what, error))
    return NULL;
  if (fstat (fd, &st) < 0)
    {
      vmp_error_set_errno (error, errno, _ ("Cannot examine %s"), what);
      return NULL;
    }
  if ((guint64) st.st_size > max)
    {
      vmp_error_set (error, VMPORT_ERROR_CORRUPT,
                     _ ("%s has %" PRIu64 " bytes; at most %zu are read"), what,
                     (guint64) st.st_size, max);
      return NULL;
    }
  for (;;)
    {
      guint8 buffer[16384];
      ssize_t n = pread (fd, buffer, sizeof buffer, content->len);

      if (n < 0 && errno == EINTR)
        continue;
      if (n < 0)
        {
          vmp_error_set_errno (error, errno, _ ("Cannot read %s"), what);
          return NULL;
        }
      if (n == 0)
        break;
      if (content->len + (gsize) n > max)
        {
          vmp_error_set (error, VMPORT_ERROR_CORRUPT, _ ("%s grew while it was read"), what);
          return NULL;
        }
      g_byte_array_append (content, buffer, (guint) n);
    }
  return g_byte_array_free_to_bytes (g_steal_pointer (&content));
}

/* Reads a whole regular file beneath @dirfd. */
GBytes *
vmp_at_read (int dirfd, const char *path, gsize max, GError **error)
{
  vmp_autofd int fd = vmp_at_open (dirfd, path, O_RDONLY, 0, error);
  g_autofree char *what = g_strdup_printf (_ ("“%s”"), path);

  return fd < 0 ? NULL : vmp_fd_read_all (fd, max, what, error);
}

gboolean
vmp_fd_write_all (int fd, const void *data, gsize size, const char *what, GError **error)
{
  const guint8 *at = data;

  while (size > 0)
    {
      ssize_t n = write (fd, at, size);

      if (n < 0 && errno == EINTR)
        continue;
      if (n < 0)
        return vmp_error_set_errno (error, errno, _ ("Cannot write %s"), what);
      at += n;
      size -= (gsize) n;
    }
  return TRUE;
}

static int
write_new (int dirfd, const char *path, GBytes *content, mode_t mode, GError **error)
{
  vmp_autofd int fd = vmp_at_open (dirfd, path, O_WRONLY | O_CREAT | O_EXCL, mode, error);
  gsize size;
  const void *data = g_bytes_get_data (content, &size);

  if (fd < 0 || !vmp_fd_write_all (fd, data, size, path, error))
    return -1;
  return vmp_fd_steal (&fd);
}

/* Makes a new file with @content, which somebody else flushes; one that is there already is an error. */
gboolean
vmp_at_write_unflushed (int dirfd, const char *path, GBytes *content, mode_t mode, GError **error)
{
  vmp_autofd int fd = write_new (dirfd, path, content, mode, error);

  return fd >= 0;
}

/* The same, flushed. */
gboolean
vmp_at_write (int dirfd, const char *path, GBytes *content, mode_t mode, GError **error)
{
  vmp_autofd int fd = write_new (dirfd, path, content, mode, error);

  if (fd < 0)
    return FALSE;
  if (fsync (fd) < 0)
    return vmp_error_set_errno (error, errno, _ ("Cannot flush “%s”"), path);
  return TRUE;
}

/* Puts @content in place of what @name holds, if anything: after a crash it is the old content or
 * the new one. @name is one component. */
gboolean
vmp_at_replace (int dirfd, const char *name, GBytes *content, mode_t mode, GError **error)
{
  g_autofree char *token = vmp_name_new_token ();
  g_autofree char *temporary = g_strdup_printf (".%s.%s", name, token);

  if (!vmp_at_write (dirfd, temporary, content, mode, error))
    {
      unlinkat (dirfd, temporary, 0);
      return FALSE;
    }
  if (renameat (dirfd, temporary, dirfd, name) < 0)
    {
      vmp_error_set_errno (error, errno, _ ("Cannot replace “%s”"), name);
      unlinkat (dirfd, temporary, 0);
      return FALSE;
    }
  return vmp_at_sync (dirfd, ".", error);
}

/* Writes what is to be put in place of @name, flushed and with its owner and mode; gives the name
 * that it has until then, which begins with a dot. */
char *
vmp_at_prepare (int dirfd, const char *name, GBytes *content, mode_t mode, uid_t uid, gid_t gid,
                GError **error)
{
  g_autofree char *token = vmp_name_new_token ();
  g_autofree char *prepared = g_strdup_printf (".%s.%s", name, token);
  vmp_autofd int fd = vmp_at_open (dirfd, prepared, O_WRONLY | O_CREAT | O_EXCL, 0600, error);
  gsize size;
  const void *data = g_bytes_get_data (content, &size);

  if (fd < 0)
    return NULL;
  if (!vmp_fd_write_all (fd, data, size, name, error))
    {
      vmp_at_discard (dirfd, prepared);
      return NULL;
    }
  /* The mode comes after the owner, whose change takes bits of it away. */
  if (fchown (fd, uid, gid) < 0 || fchmod (fd, mode) < 0 || fsync (fd) < 0)
    {
      vmp_error_set_errno (error, errno, "Cannot write “%s”", name);
      vmp_at_discard (dirfd, prepared);
      return NULL;
    }
  return g_steal_pointer (&prepared);
}

/* Puts what vmp_at_prepare() wrote in the place of @name. */
gboolean
vmp_at_commit (int dirfd, const char *prepared, const char *name, GError **error)
{
  if (renameat (dirfd, prepared, dirfd, name) < 0)
    return vmp_error_set_errno (error, errno, "Cannot replace “%s”", name);
  return vmp_at_sync (dirfd, ".", error);
}

void
vmp_at_discard (int dirfd, const char *prepared)
{
  unlinkat (dirfd, prepared, 0);
}

/* Removes what vmp_at_prepare() and vmp_at_replace() wrote for @name when they were cut short; @name
 * itself is whole. Nobody else may be about to replace it. */
gboolean
vmp_at_discard_all (int dirfd, const char *name, GError **error)
{
  g_autofree char *prefix = g_strdup_printf (".%s.", name);
  g_autoptr (GPtrArray) names = vmp_at_list (dirfd, ".", G_MAXUINT, error);

  for (guint i = 0; names != NULL && i < names->len; i++)
    {
      const char *left = g_ptr_array_index (names, i);

      if (g_str_has_prefix (left, prefix) && vmp_name_is_token (left + strlen (prefix))
          && !vmp_at_remove_tree (dirfd, left, error))
        return FALSE;
    }
  return names != NULL;
}

gboolean
vmp_fd_get_space (int fd, VmpSpace *space, GError **error)
{
  struct statfs fs;
  struct stat st;

  if (fstatfs (fd, &fs) < 0 || fstat (fd, &st) < 0)
    return vmp_error_set_errno (error, errno, _ ("Cannot tell how much space is left"));
  space->free_bytes = (guint64) fs.f_bavail * (guint64) fs.f_bsize;
  space->device = st.st_dev;
  space->can_share = fs.f_type == XFS_SUPER_MAGIC || fs.f_type == BTRFS_SUPER_MAGIC;
  return TRUE;
}
