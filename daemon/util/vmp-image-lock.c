/* Keeping QEMU from an image that is being read, by the locks with which QEMU processes keep each
 * other from one.
 *
 * QEMU's file driver holds a shared lock on byte 100 + n for each right n that it uses, and on byte
 * 200 + n for each that it grants nobody else. Whoever locks byte 201 so keeps others from writing:
 * a QEMU that would does not start, one that only reads (the lower images of a chain) does. */
#include "config.h"

#include "vmp-image-lock.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gi18n-lib.h>
#include <unistd.h>

#include "vmp-error.h"

#define PERM_BASE 100
#define SHARED_BASE 200
#define READ 0
#define WRITE 1
#define RESIZE 3

static gboolean
lock_byte (int fd, off_t byte)
{
  struct flock lock = { .l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1 };

  return fcntl (fd, F_OFD_SETLK, &lock) == 0;
}

static gboolean
is_locked (int fd, off_t byte)
{
  struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1 };

  return fcntl (fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

/* For as long as @fd, or a descriptor that it was passed on as, is open. Where the file system has no
 * locks QEMU goes without as well; the driver looks at the machine once more in the end. */
gboolean
vmp_image_lock (int fd, const char *path, GError **error)
{
  if (!lock_byte (fd, PERM_BASE + READ) || !lock_byte (fd, SHARED_BASE + WRITE)
      || !lock_byte (fd, SHARED_BASE + RESIZE))
    {
      if (errno == EAGAIN || errno == EACCES)
        return vmp_error_set (error, VMPORT_ERROR_FILE_IN_USE,
                              _ ("“%s” is locked by another program"), path);
      /* Whatever else it is, such as a filter that forgets this call, must not pass in silence. */
      return errno == ENOLCK || errno == EOPNOTSUPP
             || vmp_error_set_errno (error, errno, _ ("Cannot lock “%s”"), path);
    }
  if (is_locked (fd, PERM_BASE + WRITE) || is_locked (fd, SHARED_BASE + READ))
    return vmp_error_set (error, VMPORT_ERROR_FILE_IN_USE,
                          _ ("“%s” is being written by a running QEMU; stop it first"), path);
  return TRUE;
}
