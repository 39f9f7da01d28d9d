/* File descriptors with an owner. */
#include "config.h"

#include "vmp-fd.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gi18n-lib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "vmp-error.h"

int
vmp_fd_dup (int fd, GError **error)
{
  int copy = fcntl (fd, F_DUPFD_CLOEXEC, 3);

  if (copy < 0)
    vmp_error_set_errno (error, errno, _ ("Cannot duplicate a file descriptor"));
  return copy;
}

static gboolean
check_kind (int fd, gboolean device_too, const char *what, GError **error)
{
  struct stat st;
  int flags = fcntl (fd, F_GETFL);

  if (flags < 0 || fstat (fd, &st) < 0)
    return vmp_error_set_errno (error, errno, _ ("Cannot examine %s"), what);
  if ((flags & O_PATH) != 0)
    return vmp_error_set (error, VMPORT_ERROR_INVALID_PARAMETER,
                          _ ("%s was opened with O_PATH and cannot be read"), what);
  if (!S_ISREG (st.st_mode) && !(device_too && S_ISBLK (st.st_mode)))
    return vmp_error_set (error, VMPORT_ERROR_UNSAFE, _ ("%s is not a regular file"), what);
  return TRUE;
}

/* Is @fd a regular file, and not an O_PATH handle that no read can use? */
gboolean
vmp_fd_check_regular (int fd, const char *what, GError **error)
{
  return check_kind (fd, FALSE, what, error);
}

/* Is it one, or a block device? For what nobody but the manager of a machine can have opened. */
gboolean
vmp_fd_check_image (int fd, const char *what, GError **error)
{
  return check_kind (fd, TRUE, what, error);
}

/* The bytes that can be read of a regular file or a block device, of which @st is known. */
guint64
vmp_fd_get_size (int fd, const struct stat *st)
{
  off_t end = S_ISBLK (st->st_mode) ? lseek (fd, 0, SEEK_END) : st->st_size;

  return end > 0 ? (guint64) end : 0;
}

/* What is known of an open file without asking a server, as fstat() may: whoever handed it over
 * might have that server stand still. EACCES where the file system does not say, as one of FUSE to
 * anybody but its own user, root not excepted. */
static gboolean
recall (int fd, unsigned mask, struct statx *st)
{
  if (statx (fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, mask, st) < 0)
    return FALSE;
  if ((st->stx_mask & mask) == mask)
    return TRUE;
  errno = EACCES;
  return FALSE;
}

/* Is @fd a directory, and not an O_PATH handle that no listing can use? Does not block. Where the
 * file system hides the type from this process the answer is TRUE: whoever opens something beneath
 * it with the right to do so finds out. */
gboolean
vmp_fd_check_directory (int fd, const char *what, GError **error)
{
  struct statx st = { 0 };
  int flags = fcntl (fd, F_GETFL);

  if (flags < 0)
    return vmp_error_set_errno (error, errno, _ ("Cannot examine %s"), what);
  if (!recall (fd, STATX_TYPE, &st))
    {
      if (errno != EACCES)
        return vmp_error_set_errno (error, errno, _ ("Cannot examine %s"), what);
    }
  else if (!S_ISDIR (st.stx_mode))
    return vmp_error_set (error, VMPORT_ERROR_INVALID_PARAMETER, _ ("%s is not a directory"), what);
  if ((flags & O_PATH) != 0)
    return vmp_error_set (error, VMPORT_ERROR_INVALID_PARAMETER,
                          _ ("%s was opened with O_PATH; open it for reading"), what);
  return TRUE;
}

/* Device and inode of an open file; FALSE where its file system does not say. Does not block. */
gboolean
vmp_fd_identify (int fd, VmpFileId *id)
{
  struct statx st = { 0 };

  if (!recall (fd, STATX_INO, &st))
    return FALSE;
  id->device = makedev (st.stx_dev_major, st.stx_dev_minor);
  id->inode = st.stx_ino;
  return TRUE;
}

/* Does anyone, in any process, still hold the file for writing or map it so?
 *
 * A read lease on a descriptor that is open read-only is granted by the kernel only where no
 * writer is left. It is given back at once: later writers need a name, which is for the caller of
 * this function to think of. */
VmpWriters
vmp_fd_find_writers (int fd)
{
  if (fcntl (fd, F_SETLEASE, F_RDLCK) < 0)
    return errno == EAGAIN ? VMP_WRITERS_SOME : VMP_WRITERS_UNKNOWN;
  fcntl (fd, F_SETLEASE, F_UNLCK);
  return VMP_WRITERS_NONE;
}

/* A peer that has gone is an error here, never a signal. @passed, if not -1, goes with the first
 * byte. */
gboolean
vmp_fd_send (int fd, const void *data, gsize size, int passed, GError **error)
{
  union
  {
    struct cmsghdr header; /* for its alignment */
    char buffer[CMSG_SPACE (sizeof (int))];
  } control = { 0 };
  const guint8 *at = data;

  while (size > 0)
    {
      struct iovec part = { (void *) at, size };
      struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };
      ssize_t n;

      if (passed >= 0)
        {
          message.msg_control = control.buffer;
          message.msg_controllen = sizeof control.buffer;
          control.header.cmsg_level = SOL_SOCKET;
          control.header.cmsg_type = SCM_RIGHTS;
          control.header.cmsg_len = CMSG_LEN (sizeof passed);
          memcpy (CMSG_DATA (&control.header), &passed, sizeof passed);
        }
      n = sendmsg (fd, &message, MSG_NOSIGNAL);
      if (n < 0 && errno == EINTR)
        continue;
      if (n < 0)
        return vmp_error_set_errno (error, errno, _ ("Cannot write to a socket"));
      passed = -1;
      at += n;
      size -= (gsize) n;
    }
  return TRUE;
}
