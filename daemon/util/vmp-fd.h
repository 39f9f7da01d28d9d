/* File descriptors with an owner. */
#pragma once

#include <glib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <errno.h>

static inline void
vmp_fd_clear (int *fd)
{
  int saved_errno = errno;

  if (*fd >= 0)
    close (*fd);
  *fd = -1;
  errno = saved_errno;
}

static inline int
vmp_fd_steal (int *fd)
{
  int stolen = *fd;

  *fd = -1;
  return stolen;
}

/* GLib has g_autofd from 2.76 on; Debian 12 has 2.74. */
#define vmp_autofd __attribute__ ((cleanup (vmp_fd_clear)))

int vmp_fd_dup (int fd, GError **error);
gboolean vmp_fd_check_regular (int fd, const char *what, GError **error);
gboolean vmp_fd_check_image (int fd, const char *what, GError **error);
guint64 vmp_fd_get_size (int fd, const struct stat *st);
gboolean vmp_fd_check_directory (int fd, const char *what, GError **error);

/* Which file it is: the same two numbers for whatever name it has. */
typedef struct
{
  guint64 device;
  guint64 inode;
} VmpFileId;

static inline gboolean
vmp_file_id_equal (const VmpFileId *a, const VmpFileId *b)
{
  return a->device == b->device && a->inode == b->inode;
}

gboolean vmp_fd_identify (int fd, VmpFileId *id);

typedef enum
{
  VMP_WRITERS_NONE,
  VMP_WRITERS_SOME,
  VMP_WRITERS_UNKNOWN, /* the file system knows no leases */
} VmpWriters;

VmpWriters vmp_fd_find_writers (int fd);
gboolean vmp_fd_send (int fd, const void *data, gsize size, int passed, GError **error);
