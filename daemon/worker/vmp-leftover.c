/* Takes back what a job left in folders of its caller's, and removes files that are deleted.
 *
 * A place can be away, and something else be there: a share that is not mounted, a home that is
 * locked. So what is missing counts as gone only in the very folder that the job wrote into, what is
 * there is removed only if it is what the job made, and what cannot be looked at is neither. */
#include "config.h"

#include "vmp-leftover.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gi18n-lib.h>
#include <string.h>

#include "vmp-at.h"
#include "vmp-error.h"
#include "vmp-fd.h"
#include "vmp-mark.h"
#include "vmp-name.h"
#include "vmp-package.h"

/* A folder in which something may be left. */
typedef struct
{
  const char *path; /* as messages name it */
  int fd;
  gboolean is_same; /* the one that the job wrote into */
} Place;

static gboolean
place_look (Place *self, GVariant *left, GError **error)
{
  VmpMark now, then;

  if (!vmp_mark_lookup (left, "Place", &then))
    return vmp_error_set (error, VMPORT_ERROR_INVALID_PARAMETER, "What is left has no place");
  if (!vmp_mark_read (self->fd, &now))
    return vmp_error_set_errno (error, errno, _ ("Cannot examine “%s”"), self->path);
  self->is_same = vmp_mark_equal (&now, &then);
  return TRUE;
}

static gboolean
set_not_the_place (const char *path, GError **error)
{
  return vmp_error_set (error, VMPORT_ERROR_NOT_FOUND,
                        _ ("“%s” is not the folder any more that the job wrote into"), path);
}

typedef enum
{
  IS_ABSENT,
  IS_FOREIGN,
  IS_OURS,
  IS_UNKNOWN, /* errno says why */
} Whose;

/* @mark NULL: it was announced, and perhaps never made; its name, that nobody can guess, and its
 * place have to say enough. */
static Whose
find_whose (Place *place, const char *name, const VmpMark *mark)
{
  VmpMark now;

  if (!vmp_mark_read_at (place->fd, name, &now))
    return errno == ENOENT ? IS_ABSENT : IS_UNKNOWN;
  if (mark == NULL ? place->is_same : vmp_mark_equal (&now, mark))
    return IS_OURS;
  return IS_FOREIGN;
}

/* As above for a name with a token: a file system that does not say when it made an inode may number
 * its inodes anew whenever it is mounted, so there that name is enough. */
static Whose
find_whose_token (Place *place, const char *name, const VmpMark *mark)
{
  Whose whose = find_whose (place, name, mark);
  VmpMark now;

  if (whose == IS_FOREIGN && mark != NULL && mark->born == 0
      && vmp_mark_read_at (place->fd, name, &now) && now.born == 0)
    return IS_OURS;
  return whose;
}

static gboolean
set_unknown (const char *path, const char *name, GError **error)
{
  return vmp_error_set_errno (error, errno, _ ("Cannot examine “%s/%s”"), path, name);
}

/* The descriptor, or all else, of what @entries knows by its mark: anything else there is not ours. */
static gboolean
remove_known (Place *place, GVariant *entries, gboolean descriptor, GError **error)
{
  GVariantIter iter;
  const char *name;
  VmpMark mark;

  g_variant_iter_init (&iter, entries);
  while (g_variant_iter_next (&iter, "(&s(ttt))", &name, &mark.inode, &mark.born, &mark.device))
    {
      Whose whose;

      if (!vmp_name_is_component (name)
          || (strcmp (name, VMP_PACKAGE_DESCRIPTOR) == 0) != descriptor)
        continue;
      whose = find_whose (place, name, &mark);
      if (whose == IS_UNKNOWN)
        return set_unknown (place->path, name, error);
      if (whose == IS_OURS && !vmp_at_remove_tree (place->fd, name, error))
        return FALSE;
    }
  return TRUE;
}

/* What an export moved out of its staging folder. Without its descriptor a package is none, so that
 * goes first, and for good: nobody may ever see one of which half is gone. */
static gboolean
remove_entries (Place *place, GVariant *left, GError **error)
{
  g_autoptr (GVariant) entries = g_variant_lookup_value (left, "Entries",
                                                         G_VARIANT_TYPE ("a(s" VMP_MARK_TYPE ")"));

  return entries == NULL
         || (remove_known (place, entries, TRUE, error)
             && vmp_at_flush_folder (place->fd, place->path, error)
             && remove_known (place, entries, FALSE, error));
}

static gboolean
remove_staging (Place *place, const char *name, const VmpMark *mark, gboolean *found,
                GError **error)
{
  Whose whose = find_whose_token (place, name, mark);

  if (whose == IS_UNKNOWN)
    return set_unknown (place->path, name, error);
  if (whose != IS_OURS)
    return TRUE;
  *found = TRUE;
  return vmp_at_remove_tree (place->fd, name, error);
}

/* The staging folder became the package's folder: it goes too, unless someone has put something
 * in. */
static gboolean
remove_made (Place *parent, Place *package, const char *name, gboolean *found, GError **error)
{
  *found = TRUE;
  if (unlinkat (parent->fd, name, AT_REMOVEDIR) < 0 && errno != ENOTEMPTY && errno != EEXIST)
    return vmp_error_set_errno (error, errno, _ ("Cannot remove “%s”"), package->path);
  return TRUE;
}

/* The package's folder itself may be the caller's link to elsewhere, but no link leads out of a
 * directory that a program holds open. -1 with *@error unset where there is none. */
static int
open_package (Place *parent, const char *name, const char *path, gboolean follow, GError **error)
{
  int fd = openat (parent->fd, name,
                   O_RDONLY | O_DIRECTORY | O_CLOEXEC | (follow ? 0 : O_NOFOLLOW));

  if (fd < 0 && errno != ENOENT && errno != ENOTDIR && errno != ELOOP)
    vmp_error_set_errno (error, errno, _ ("Cannot open “%s”"), path);
  return fd;
}

/* @parent has no descriptor where the package goes into a directory itself that came open, and
 * @package none where it is not there. */
static gboolean
remove_from_both (Place *parent, Place *package, GVariant *left, const char *staging,
                  const char *name, GError **error)
{
  VmpMark mark, now;
  gboolean is_known = vmp_mark_lookup (left, "Mark", &mark);
  gboolean found = FALSE;

  if (package->fd >= 0)
    {
      if (!place_look (package, left, error) || !remove_entries (package, left, error)
          || !remove_staging (package, staging, is_known ? &mark : NULL, &found, error))
        return FALSE;
      if (parent->fd >= 0 && is_known && vmp_mark_read_at (parent->fd, name, &now)
          && vmp_mark_equal (&now, &mark) && !remove_made (parent, package, name, &found, error))
        return FALSE;
    }
  if (parent->fd >= 0
      && (!place_look (parent, left, error)
          || !remove_staging (parent, staging, is_known ? &mark : NULL, &found, error)))
    return FALSE;
  if (!found && !package->is_same && !parent->is_same)
    return set_not_the_place (package->path, error);
  return (package->fd < 0 || vmp_at_flush_folder (package->fd, package->path, error))
         && (parent->fd < 0 || vmp_at_flush_folder (parent->fd, parent->path, error));
}

static gboolean
remove_package (GVariant *left, int directory_fd, GError **error)
{
  const char *directory = "", *subdirectory = "", *token;
  g_autofree char *staging = NULL;
  g_autofree char *path = NULL;
  g_autofree char *parent_path = NULL;
  g_autofree char *name = NULL;
  g_autoptr (GError) local_error = NULL;
  vmp_autofd int parent_fd = -1;
  vmp_autofd int package_fd = -1;
  Place parent = { NULL, -1, FALSE }, package = { NULL, -1, FALSE };

  if (!g_variant_lookup (left, "Token", "&s", &token) || !vmp_name_is_token (token))
    return vmp_error_set (error, VMPORT_ERROR_INVALID_PARAMETER, "What is left has no token");
  g_variant_lookup (left, "Directory", "&s", &directory);
  g_variant_lookup (left, "Subdirectory", "&s", &subdirectory);
  staging = g_strdup_printf (".vmport-%s", token);
  path = g_build_filename (directory_fd >= 0 ? "DirectoryFd" : directory, subdirectory, NULL);
  parent_path = g_path_get_dirname (path);
  name = g_path_get_basename (path);
  parent.path = parent_path;
  package.path = path;
  if (directory_fd >= 0 && subdirectory[0] == '\0')
    {
      package.fd = package_fd = vmp_fd_dup (directory_fd, error);
      return package_fd >= 0
             && remove_from_both (&parent, &package, left, staging, name, error);
    }
  parent.fd = parent_fd = directory_fd >= 0 ? vmp_fd_dup (directory_fd, error)
                                            : vmp_at_open_folder (-1, parent_path, error);
  if (parent_fd < 0)
    return FALSE;
  package.fd = package_fd = open_package (&parent, name, path, directory_fd < 0, &local_error);
  if (local_error != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&local_error));
      return FALSE;
    }
  return remove_from_both (&parent, &package, left, staging, name, error);
}

/* A target lies in a folder that the caller chose, or in one that was made beneath it. *@missing: the
 * latter is not there, or is a link by now. */
static gboolean
open_beneath (Place *root, const char *beneath, int *fd, gboolean *missing, GError **error)
{
  g_autoptr (GError) local_error = NULL;
  g_autofree char *folder = g_path_get_dirname (beneath);

  *missing = FALSE;
  *fd = vmp_at_open (root->fd, folder, O_RDONLY | O_DIRECTORY, 0, &local_error);
  if (*fd >= 0)
    return TRUE;
  *missing = g_error_matches (local_error, VMPORT_ERROR, VMPORT_ERROR_NOT_FOUND)
             || g_error_matches (local_error, VMPORT_ERROR, VMPORT_ERROR_UNSAFE);
  if (*missing)
    return TRUE;
  g_propagate_error (error, g_steal_pointer (&local_error));
  return FALSE;
}

static gboolean
remove_file (Place *root, GVariant *left, const char *beneath, GError **error)
{
  g_autofree char *name = g_path_get_basename (beneath);
  vmp_autofd int fd = -1;
  gboolean missing, is_token = g_str_has_prefix (name, ".vmport-");
  Place folder = { root->path, -1, root->is_same };
  VmpMark mark;
  gboolean is_known = vmp_mark_lookup (left, "Mark", &mark);
  Whose whose;

  if (!open_beneath (root, beneath, &fd, &missing, error))
    return FALSE;
  folder.fd = fd;
  whose = missing    ? IS_ABSENT
          : is_token ? find_whose_token (&folder, name, is_known ? &mark : NULL)
          : is_known ? find_whose (&folder, name, &mark)
                     : IS_FOREIGN;
  if (whose == IS_UNKNOWN)
    return set_unknown (root->path, beneath, error);
  if (whose != IS_OURS && !root->is_same)
    return set_not_the_place (root->path, error);
  if (whose == IS_OURS && unlinkat (fd, name, 0) < 0 && errno != ENOENT)
    return vmp_error_set_errno (error, errno, _ ("Cannot remove “%s”"), beneath);
  return missing || vmp_at_flush_folder (fd, root->path, error);
}

/* A folder that was made for a machine's files goes once they have, and so do the empty ones in
 * it; not with what anybody else has put there. */
static gboolean
remove_folder (Place *root, const char *name, GError **error)
{
  if (!root->is_same)
    return set_not_the_place (root->path, error);
  return vmp_at_remove_empty_tree (root->fd, name, error)
         && vmp_at_flush_folder (root->fd, root->path, error);
}

/* A relative root lies beneath @directory_fd. */
static gboolean
remove_target (GVariant *left, int directory_fd, const char *root_path, GError **error)
{
  const char *kind = "", *beneath;
  vmp_autofd int fd = -1;
  Place root = { NULL, -1, FALSE };

  if (!g_variant_lookup (left, "Beneath", "&s", &beneath) || !vmp_name_is_relative (beneath))
    return vmp_error_set (error, VMPORT_ERROR_INVALID_PARAMETER, "What is left has no name");
  g_variant_lookup (left, "Kind", "&s", &kind);
  fd = vmp_at_open_folder (root_path[0] != '/' ? directory_fd : -1, root_path, error);
  if (fd < 0)
    return FALSE;
  root.path = root_path;
  root.fd = fd;
  if (!place_look (&root, left, error))
    return FALSE;
  return strcmp (kind, "Folder") == 0 ? remove_folder (&root, beneath, error)
                                      : remove_file (&root, left, beneath, error);
}

/* The directory that a program held open, by the path that led to it then; what is there now must be
 * the same one. */
static int
open_again (GVariant *left, GError **error)
{
  const char *directory = "";
  VmpFileId before = { 0, 0 }, now;
  vmp_autofd int fd = -1;

  g_variant_lookup (left, "Directory", "&s", &directory);
  g_variant_lookup (left, "FolderDevice", "t", &before.device);
  g_variant_lookup (left, "FolderInode", "t", &before.inode);
  if (directory[0] != '/' || before.inode == 0)
    {
      vmp_error_set (error, VMPORT_ERROR_NOT_FOUND,
                     _ ("A program held the folder open, and nobody knows where it is; it is "
                        "tried again when a job is about the same folder"));
      return -1;
    }
  fd = vmp_at_open_absolute (directory, O_RDONLY | O_DIRECTORY, error);
  if (fd < 0)
    return -1;
  if (!vmp_fd_identify (fd, &now) || !vmp_file_id_equal (&now, &before))
    {
      vmp_error_set (error, VMPORT_ERROR_NOT_FOUND,
                     _ ("“%s” is not the folder any more that a program held open"), directory);
      return -1;
    }
  return vmp_fd_steal (&fd);
}

/* Takes back what an export or a target left, in any state of it, and flushes that: the journal will
 * know nothing of it any more. See org.vmport.Worker.xml. TRUE: nothing of it is left. */
gboolean
vmp_leftover_remove (GVariant *left, int directory_fd, GError **error)
{
  vmp_autofd int again = -1;
  gboolean by_fd = FALSE;
  const char *root;

  g_variant_lookup (left, "ByFd", "b", &by_fd);
  if (by_fd && directory_fd < 0)
    {
      directory_fd = again = open_again (left, error);
      if (again < 0)
        return FALSE;
    }
  if (g_variant_lookup (left, "Root", "&s", &root))
    return remove_target (left, directory_fd, root, error);
  return remove_package (left, directory_fd, error);
}

/* A file of a machine that is deleted, whoever made it; or a folder, with the empty ones in it. One
 * that is not there is no error, but where its folder is not, a share may be away. */
gboolean
vmp_leftover_remove_path (const char *kind, const char *path, GError **error)
{
  g_autofree char *folder = g_path_get_dirname (path);
  g_autofree char *name = g_path_get_basename (path);
  vmp_autofd int fd = vmp_at_open_folder (-1, folder, error);

  if (fd < 0)
    return FALSE;
  if (strcmp (kind, "Folder") == 0)
    {
      if (!vmp_at_remove_empty_tree (fd, name, error))
        return FALSE;
    }
  else if (unlinkat (fd, name, 0) < 0 && errno != ENOENT)
    return vmp_error_set_errno (error, errno, _ ("Cannot remove “%s”"), path);
  return vmp_at_flush_folder (fd, folder, error);
}
