/* Reads and writes a file at offsets, from several threads, past the page cache where that pays. */
#include "config.h"

#include "vmp-file-io.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gi18n-lib.h>
#include <inttypes.h>
#include <sys/uio.h>
#include <unistd.h>

#include "vmp-error.h"

/* How many places of a file are looked at to tell whether it is in memory. */
#define SAMPLES 16

void
vmp_file_io_init (VmpFileIo *self, int fd, const char *what)
{
  self->fd = fd;
  self->what = what;
  self->flags = fd >= 0 ? fcntl (fd, F_GETFL) : -1;
  self->direct = FALSE;
}

/* Not every file system can; then all goes through the page cache. */
void
vmp_file_io_go_direct (VmpFileIo *self)
{
  if (self->flags >= 0 && fcntl (self->fd, F_SETFL, self->flags | O_DIRECT) == 0)
    g_atomic_int_set (&self->direct, TRUE);
}

void
vmp_file_io_buffer (VmpFileIo *self)
{
  /* In this order: whoever finds it cleared can rely on it. */
  if (g_atomic_int_get (&self->direct))
    fcntl (self->fd, F_SETFL, self->flags & ~O_DIRECT);
  g_atomic_int_set (&self->direct, FALSE);
}

/* Is most of the data in the page cache, as that of a machine which ran just now? Then reading it
 * from the disk again would be the slower way. */
gboolean
vmp_file_io_is_cached (VmpFileIo *self, guint64 size)
{
  guint seen = 0, cached = 0;

  for (guint i = 0; i < SAMPLES; i++)
    {
      guint8 byte;
      struct iovec vector = { &byte, 1 };
      off_t at = lseek (self->fd, (off_t) (size / SAMPLES * i), SEEK_DATA);

      if (at < 0)
        continue;
      seen++;
      if (preadv2 (self->fd, &vector, 1, at, RWF_NOWAIT) == 1)
        cached++;
    }
  return cached * 2 > seen;
}

gboolean
vmp_file_io_has_changed (const char *what, GError **error)
{
  return vmp_error_set (error, VMPORT_ERROR_FILE_IN_USE,
                        _ ("%s changed while it was read; end what writes to it and try again"),
                        what);
}

/* Finds the next data in [@pos, @end): *@from == @end where there is none. A file system that
 * knows no holes has data everywhere. */
gboolean
vmp_file_io_find_data (VmpFileIo *self, guint64 pos, guint64 end, guint64 *from, guint64 *to,
                       GError **error)
{
  off_t found;

  *from = *to = end;
  if (pos >= end)
    return TRUE;
  found = lseek (self->fd, (off_t) pos, SEEK_DATA);
  if (found < 0 && errno == ENXIO)
    return TRUE;
  if (found < 0 && (errno == EINVAL || errno == EOPNOTSUPP))
    {
      *from = pos;
      return TRUE;
    }
  if (found < 0)
    return vmp_error_set_errno (error, errno, _ ("Cannot find the data in %s"), self->what);
  if ((guint64) found >= end)
    return TRUE;
  *from = (guint64) found;
  found = lseek (self->fd, found, SEEK_HOLE);
  if (found < 0 && errno == ENXIO)
    return vmp_file_io_has_changed (self->what, error);
  if (found < 0)
    return vmp_error_set_errno (error, errno, _ ("Cannot find the data in %s"), self->what);
  *to = MIN ((guint64) found, end);
  if (*from < pos || *to <= *from)
    return vmp_error_set (error, VMPORT_ERROR_FAILED,
                          _ ("The file system tells of data in %s that goes backwards"),
                          self->what);
  return TRUE;
}

/* Reads @size bytes, all of which lie before the end of the file. The buffer has room up to the next
 * multiple of VMP_FILE_IO_ALIGN. */
gboolean
vmp_file_io_read (VmpFileIo *self, guint8 *buffer, guint64 size, guint64 offset, GError **error)
{
  const guint64 room = (size + VMP_FILE_IO_ALIGN - 1) / VMP_FILE_IO_ALIGN * VMP_FILE_IO_ALIGN;
  guint64 have = 0;

  while (have < size)
    {
      gboolean direct = g_atomic_int_get (&self->direct);
      ssize_t n;

      /* What a short read left is read again as far as that is out of step. */
      if (direct)
        have -= have % VMP_FILE_IO_ALIGN;
      n = pread (self->fd, buffer + have, (direct ? room : size) - have, (off_t) (offset + have));
      if (n < 0 && errno == EINTR)
        continue;
      if (n < 0 && errno == EINVAL && direct)
        {
          vmp_file_io_buffer (self);
          continue;
        }
      if (n < 0)
        return vmp_error_set_errno (error, errno, _ ("Cannot read %s at byte %" PRIu64),
                                    self->what, offset + have);
      if (n == 0 || (direct && n < VMP_FILE_IO_ALIGN && have + (guint64) n < size))
        return vmp_file_io_has_changed (self->what, error);
      have += (guint64) n;
    }
  return TRUE;
}

/* Writes all of it; 0, or what went wrong as an errno. */
int
vmp_file_io_write (VmpFileIo *self, const guint8 *data, guint64 size, guint64 offset)
{
  while (size > 0)
    {
      gboolean direct = g_atomic_int_get (&self->direct);
      ssize_t n;

      n = pwrite (self->fd, data, size, (off_t) offset);
      if (n < 0 && errno == EINTR)
        continue;
      if (n < 0 && errno == EINVAL && direct)
        {
          vmp_file_io_buffer (self);
          continue;
        }
      if (n <= 0)
        return n < 0 ? errno : EIO;
      data += n;
      offset += (guint64) n;
      size -= (guint64) n;
    }
  return 0;
}
