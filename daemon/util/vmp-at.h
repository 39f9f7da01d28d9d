/* Files beneath a directory descriptor: nothing here follows a link or leaves the directory. */
#pragma once

#include <gio/gio.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "vmp-fd.h"

int vmp_at_open (int dirfd, const char *path, int flags, mode_t mode, GError **error);
int vmp_at_open_absolute (const char *path, int flags, GError **error);
int vmp_at_open_folder (int dirfd, const char *path, GError **error);
char *vmp_at_find_path (int dirfd);
gboolean vmp_at_mkdir (int dirfd, const char *name, mode_t mode, GError **error);
gboolean vmp_at_mkdir_parents (int dirfd, const char *path, mode_t mode, GError **error);
gboolean vmp_at_exists (int dirfd, const char *path);
gboolean vmp_at_rename_noreplace (int from_dirfd, const char *from, int to_dirfd, const char *to,
                                  GError **error);
gboolean vmp_at_unlink (int dirfd, const char *path, GError **error);
gboolean vmp_at_remove_tree (int dirfd, const char *name, GError **error);
gboolean vmp_at_remove_empty_tree (int dirfd, const char *name, GError **error);
gboolean vmp_at_sync (int dirfd, const char *path, GError **error);
gboolean vmp_at_flush_folder (int fd, const char *path, GError **error);
gboolean vmp_at_sync_way (int dirfd, const char *path, GError **error);
gboolean vmp_at_sync_folders (int dirfd, const char *path, GError **error);
GPtrArray *vmp_at_list (int dirfd, const char *path, guint max, GError **error);
GBytes *vmp_at_read (int dirfd, const char *path, gsize max, GError **error);
GBytes *vmp_fd_read_all (int fd, gsize max, const char *what, GError **error);
gboolean vmp_fd_write_all (int fd, const void *data, gsize size, const char *what, GError **error);
gboolean vmp_at_write_unflushed (int dirfd, const char *path, GBytes *content, mode_t mode,
                                 GError **error);
gboolean vmp_at_write (int dirfd, const char *path, GBytes *content, mode_t mode, GError **error);
gboolean vmp_at_replace (int dirfd, const char *name, GBytes *content, mode_t mode, GError **error);

/* A replacement in two steps, for files that have to change together. */
char *vmp_at_prepare (int dirfd, const char *name, GBytes *content, mode_t mode, uid_t uid,
                      gid_t gid, GError **error);
gboolean vmp_at_commit (int dirfd, const char *prepared, const char *name, GError **error);
void vmp_at_discard (int dirfd, const char *prepared);
gboolean vmp_at_discard_all (int dirfd, const char *name, GError **error);

gboolean vmp_at_identify (const char *path, VmpFileId *id);

/* What a file system has left for whoever asks, and whether two files on it can share their data. */
typedef struct
{
  guint64 free_bytes;
  guint64 device;
  gboolean can_share;
} VmpSpace;

gboolean vmp_fd_get_space (int fd, VmpSpace *space, GError **error);
