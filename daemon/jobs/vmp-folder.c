/* The folder that a request is about: a path that its caller names, or a directory that the caller
 * holds open.
 *
 * The daemon itself never uses either: it hands them to a worker, which has the caller's rights. */
#include "config.h"

#include "vmp-folder.h"

#include <string.h>

#include "vmp-fd.h"

struct _VmpFolder
{
  gatomicrefcount refs;
  char *path; /* empty where there is a descriptor */
  int fd;
  VmpFileId id; /* of the descriptor; no inode where the file system does not say */
};

VmpFolder *
vmp_folder_new (const char *path)
{
  VmpFolder *self = g_new0 (VmpFolder, 1);

  g_atomic_ref_count_init (&self->refs);
  self->path = g_strdup (path);
  self->fd = -1;
  return self;
}

/* Keeps a duplicate of @fd. What can be told without asking its file system is checked. */
VmpFolder *
vmp_folder_new_for_fd (int fd, GError **error)
{
  g_autoptr (VmpFolder) self = vmp_folder_new ("");

  if (!vmp_fd_check_directory (fd, "DirectoryFd", error))
    return NULL;
  self->fd = vmp_fd_dup (fd, error);
  if (self->fd < 0)
    return NULL;
  if (!vmp_fd_identify (self->fd, &self->id))
    self->id = (VmpFileId) { 0, 0 };
  return g_steal_pointer (&self);
}

VmpFolder *
vmp_folder_ref (VmpFolder *self)
{
  g_atomic_ref_count_inc (&self->refs);
  return self;
}

void
vmp_folder_unref (VmpFolder *self)
{
  if (!g_atomic_ref_count_dec (&self->refs))
    return;
  g_free (self->path);
  vmp_fd_clear (&self->fd);
  g_free (self);
}

/* As the caller wrote it: empty where the directory came open. */
const char *
vmp_folder_get_path (VmpFolder *self)
{
  return self->path;
}

gboolean
vmp_folder_is_open (VmpFolder *self)
{
  return self->fd >= 0;
}

/* What messages call it; the worker says the same. */
const char *
vmp_folder_get_label (VmpFolder *self)
{
  return self->fd >= 0 ? "DirectoryFd" : self->path;
}

/* Adds the descriptor, where it is one, to the options of a worker's method. @fds gets a new list,
 * or NULL. */
gboolean
vmp_folder_pass (VmpFolder *self, GVariantDict *options, GUnixFDList **fds, GError **error)
{
  int handle;

  *fds = NULL;
  if (self->fd < 0)
    return TRUE;
  *fds = g_unix_fd_list_new ();
  handle = g_unix_fd_list_append (*fds, self->fd, error);
  if (handle < 0)
    {
      g_clear_object (fds);
      return FALSE;
    }
  g_variant_dict_insert (options, "DirectoryFd", "h", handle);
  return TRUE;
}

/* Calls a method of the worker that takes a directory and options, and answers a dictionary.
 * @options are used up. Blocking. */
GVariant *
vmp_folder_call_worker (VmpFolder *self, VmpWorkerHost *worker, const char *method,
                        GVariantDict *options, GError **error)
{
  g_autoptr (GUnixFDList) fds = NULL;
  g_autoptr (GVariant) reply = NULL;

  if (!vmp_folder_pass (self, options, &fds, error))
    {
      g_variant_dict_clear (options);
      return NULL;
    }
  reply = vmp_worker_host_call (worker, method,
                                g_variant_new ("(s@a{sv})", self->path,
                                               g_variant_dict_end (options)),
                                "(a{sv})", fds, NULL, error);
  return reply != NULL ? g_variant_get_child_value (reply, 0) : NULL;
}

/* The folder, or one in it, is a place of a worker's. */
void
vmp_folder_add_to (VmpFolder *self, VmpPlaces *places, const char *subdirectory,
                   VmpPlaceAccess access)
{
  g_autofree char *path = NULL;

  if (self->fd >= 0)
    {
      vmp_places_add_fd (places, self->fd, access);
      return;
    }
  path = subdirectory[0] != '\0' ? g_build_filename (self->path, subdirectory, NULL)
                                 : g_strdup (self->path);
  vmp_places_add (places, path, access);
}

/* Writes into an entry of the undo list where it was. A descriptor does not outlive the daemon: its
 * inode does, and @base, the path that led to it, if anybody knows one. */
void
vmp_folder_note (VmpFolder *self, const char *base, GVariantDict *entry)
{
  g_variant_dict_insert (entry, "Directory", "s",
                         self->fd < 0 ? self->path : base != NULL ? base : "");
  if (self->fd < 0)
    return;
  g_variant_dict_insert (entry, "ByFd", "b", TRUE);
  g_variant_dict_insert (entry, "FolderDevice", "t", self->id.device);
  g_variant_dict_insert (entry, "FolderInode", "t", self->id.inode);
}

/* Is @entry about this folder? */
gboolean
vmp_folder_is_noted (VmpFolder *self, GVariant *entry)
{
  VmpFileId id = { 0, 0 };
  const char *directory = "";

  if (self->fd < 0)
    return g_variant_lookup (entry, "Directory", "&s", &directory)
           && strcmp (directory, self->path) == 0;
  return self->id.inode != 0 && g_variant_lookup (entry, "FolderDevice", "t", &id.device)
         && g_variant_lookup (entry, "FolderInode", "t", &id.inode)
         && vmp_file_id_equal (&id, &self->id);
}
