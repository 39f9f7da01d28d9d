/* Copies one file into another: holes stay holes, clones where the file system can, digests in
 * the same pass. */
#include "config.h"

#include "vmp-copier.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gi18n-lib.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <openssl/evp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vmp-error.h"
#include "vmp-fd.h"
#include "vmp-size.h"
#include "vmp-verity.h"

/* Stays in a core's cache between reading, looking for zeros, hashing and writing. */
#define BUFFER_SIZE (G_GUINT64_CONSTANT (1) << 20)
/* What the kernel copies or what is only counted goes in steps of this size. */
#define CHUNK_SIZE (G_GUINT64_CONSTANT (4) << 20)
/* A hole that a linear digest has to wade through reports in after this many bytes. */
#define HOLE_STEP (G_GUINT64_CONSTANT (16) << 20)
/* A clone is made in slices, so that it can be stopped. */
#define CLONE_SLICE (G_GUINT64_CONSTANT (1) << 30)
/* Runs of zeros shorter than this are not worth a hole. */
#define ZERO_BLOCK 4096
/* Files from this size on are pushed out of the page cache behind the copy, this much at a time. */
#define BIG_FILE (G_GUINT64_CONSTANT (256) << 20)
#define DROP_WINDOW (G_GINT64_CONSTANT (32) << 20)

static const guint8 zero_bytes[64 * 1024];

typedef struct
{
  int source;
  int target; /* -1: read only */
  int reader; /* where the bytes come from: the source, or the clone made of it */
  const char *what;
  guint64 size;
  guint64 insert;  /* how much later everything is in the target… */
  guint64 shifted; /* …and in @reader */
  struct stat before;

  const VmpCopierPatch *patches;
  gsize n_patches;
  VmpCopierProgress progress;
  gpointer user_data;

  VmpVerity *verity;
  EVP_MD_CTX *sha256;
  guint8 *buffer;
  gboolean cloned;
  gboolean kernel_copies; /* copy_file_range() has not been refused yet */
  guint64 done;           /* payload so far */
  guint64 window;         /* start of the bytes that are still in the page cache */
  guint64 flushing;       /* start of the bytes on their way to the disk, up to @window */
} Copy;

static void
copy_clear (Copy *copy)
{
  vmp_verity_free (copy->verity);
  EVP_MD_CTX_free (copy->sha256);
  if (copy->buffer != NULL)
    munmap (copy->buffer, BUFFER_SIZE);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Copy, copy_clear)

void
vmp_copier_result_clear (VmpCopierResult *result)
{
  g_free (result->verity);
  g_free (result->sha256);
  memset (result, 0, sizeof *result);
}

static gboolean
has_changed (GError **error, const char *what)
{
  return vmp_error_set (error, VMPORT_ERROR_FILE_IN_USE,
                        _ ("%s changed while it was read; end what writes to it and try again"),
                        what);
}

/* Finds the next data in [@pos, @end): *@data == @end where there is none. A file system that
 * knows no holes has data everywhere. */
static gboolean
next_extent (int fd, guint64 pos, guint64 end, const char *what, guint64 *data, guint64 *hole,
             GError **error)
{
  off_t found;

  *data = *hole = end;
  if (pos >= end)
    return TRUE;
  found = lseek (fd, (off_t) pos, SEEK_DATA);
  if (found < 0 && errno == ENXIO)
    return TRUE;
  if (found < 0 && (errno == EINVAL || errno == EOPNOTSUPP))
    {
      *data = pos;
      return TRUE;
    }
  if (found < 0)
    return vmp_error_set_errno (error, errno, _ ("Cannot find the data in %s"), what);
  if ((guint64) found >= end)
    return TRUE;
  *data = (guint64) found;
  found = lseek (fd, found, SEEK_HOLE);
  if (found < 0 && errno == ENXIO)
    return has_changed (error, what);
  if (found < 0)
    return vmp_error_set_errno (error, errno, _ ("Cannot find the data in %s"), what);
  *hole = MIN ((guint64) found, end);
  if (*data < pos || *hole <= *data)
    return vmp_error_set (error, VMPORT_ERROR_FAILED,
                          _ ("The file system tells of data in %s that goes backwards"), what);
  return TRUE;
}

static gboolean
measure (int fd, guint64 size, const char *what, guint64 *payload, GError **error)
{
  guint64 data, hole;

  *payload = 0;
  for (guint64 pos = 0; pos < size; pos = hole)
    {
      if (!next_extent (fd, pos, size, what, &data, &hole, error))
        return FALSE;
      *payload += hole - data;
    }
  return TRUE;
}

/* Space that is allocated and not yet written counts as a hole or as data as the kernel has it in
 * its page cache at that moment, so for such files the answer is a good estimate: whoever adds
 * these up corrects the sum by what vmp_copier_run() really moved. */
gboolean
vmp_copier_measure (int fd, guint64 *size, guint64 *payload, GError **error)
{
  struct stat st;

  if (fstat (fd, &st) < 0)
    return vmp_error_set_errno (error, errno, _ ("Cannot examine the file"));
  *size = (guint64) st.st_size;
  return measure (fd, *size, _ ("the file"), payload, error);
}

static gboolean
report (Copy *copy, guint64 bytes, GError **error)
{
  copy->done += bytes;
  return copy->progress == NULL || copy->progress (bytes, copy->user_data, error);
}

/* An error of writing: one for want of space says how much is wanting. */
static gboolean
write_failed (Copy *copy, int errnum, guint64 offset, GError **error)
{
  guint64 payload;

  if ((errnum == ENOSPC || errnum == EDQUOT)
      && measure (copy->source, copy->size, copy->what, &payload, NULL))
    {
      guint64 missing = payload > copy->done ? payload - copy->done : 0;

      return vmp_error_set (error, VMPORT_ERROR_NO_SPACE,
                            _ ("No space for %s: %" PRIu64 " bytes more are needed: %s"),
                            copy->what, missing, g_strerror (errnum));
    }
  return vmp_error_set_errno (error, errnum, _ ("Cannot write %s at byte %" PRIu64),
                              copy->what, offset);
}

static gboolean
write_at (Copy *copy, const guint8 *data, guint64 size, guint64 offset, GError **error)
{
  while (size > 0)
    {
      ssize_t n = pwrite (copy->target, data, size, (off_t) offset);

      if (n < 0 && errno == EINTR)
        continue;
      if (n <= 0)
        return write_failed (copy, n < 0 ? errno : EIO, offset, error);
      data += n;
      offset += (guint64) n;
      size -= (guint64) n;
    }
  return TRUE;
}

static gboolean
read_at (Copy *copy, guint64 size, guint64 offset, GError **error)
{
  guint64 have = 0;

  while (have < size)
    {
      ssize_t n = pread (copy->reader, copy->buffer + have, size - have,
                         (off_t) (offset + copy->shifted + have));

      if (n < 0 && errno == EINTR)
        continue;
      if (n < 0)
        return vmp_error_set_errno (error, errno, _ ("Cannot read %s at byte %" PRIu64),
                                    copy->what, offset + have);
      if (n == 0)
        return has_changed (error, copy->what);
      have += (guint64) n;
    }
  return TRUE;
}

static gboolean
is_zero (const guint8 *data, gsize size)
{
  /* The bytes equal their own successors, and the first few are zero: memcmp() is vectorised. */
  const gsize head = MIN (size, 16);

  return memcmp (data, zero_bytes, head) == 0 && memcmp (data, data + head, size - head) == 0;
}

gsize
vmp_copier_find_run (const guint8 *data, gsize size, guint64 offset, gsize unit, gboolean *zero)
{
  gsize length = 0;

  while (length < size)
    {
      gsize block = MIN (unit - (offset + length) % unit, size - length);
      gboolean block_zero = is_zero (data + length, block);

      if (length == 0)
        *zero = block_zero;
      else if (block_zero != *zero)
        break;
      length += block;
    }
  return length;
}

/* Puts into the buffer, which holds @size bytes from @offset, what the digests shall cover. */
static void
patch_buffer (Copy *copy, guint64 offset, guint64 size)
{
  for (gsize i = 0; i < copy->n_patches; i++)
    {
      const VmpCopierPatch *patch = &copy->patches[i];
      gsize length;
      const guint8 *bytes = g_bytes_get_data (patch->bytes, &length);
      guint64 from = MAX (patch->offset, offset);
      guint64 to = MIN (patch->offset + length, offset + size);

      if (patch->before_digest && from < to)
        memcpy (copy->buffer + (from - offset), bytes + (from - patch->offset), to - from);
    }
}

static gboolean
sha256_update (Copy *copy, const guint8 *data, gsize size, GError **error)
{
  if (copy->sha256 != NULL && EVP_DigestUpdate (copy->sha256, data, size) != 1)
    return vmp_error_set (error, VMPORT_ERROR_FAILED, _ ("Cannot compute the digest of %s"),
                          copy->what);
  return TRUE;
}

/* Hashes and, where it is not there by cloning, writes the @size bytes in the buffer. */
static gboolean
take_buffer (Copy *copy, guint64 offset, guint64 size, gboolean write, GError **error)
{
  gsize length;

  if (!sha256_update (copy, copy->buffer, size, error))
    return FALSE;
  for (guint64 pos = 0; pos < size; pos += length)
    {
      const guint8 *data = copy->buffer + pos;
      gboolean zero;

      length = vmp_copier_find_run (data, size - pos, offset + pos, ZERO_BLOCK, &zero);
      if (copy->verity != NULL && zero)
        vmp_verity_update_zeros (copy->verity, length);
      else if (copy->verity != NULL)
        vmp_verity_update (copy->verity, data, length);
      if (write && !zero && !write_at (copy, data, length, offset + copy->insert + pos, error))
        return FALSE;
    }
  return TRUE;
}

/* Big files would push everything else out of the page cache, and the machine's other guests would
 * feel it. Pages go once they are on the disk: so the window just written starts on its way, and
 * the one before, which had that time, is waited for. */
static void
drop_behind (Copy *copy, guint64 offset)
{
  off_t start = (off_t) copy->window;
  off_t length = (off_t) offset - start;
  off_t older = (off_t) copy->flushing;
  off_t insert = (off_t) copy->insert;

  if (copy->size < BIG_FILE || length < DROP_WINDOW)
    return;
  if (copy->target >= 0 && !copy->cloned)
    {
      sync_file_range (copy->target, insert + start, length, SYNC_FILE_RANGE_WRITE);
      if (older < start)
        {
          sync_file_range (copy->target, insert + older, start - older,
                           SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE
                             | SYNC_FILE_RANGE_WAIT_AFTER);
          posix_fadvise (copy->target, insert + older, start - older, POSIX_FADV_DONTNEED);
        }
    }
  posix_fadvise (copy->reader, (off_t) copy->shifted + start, length, POSIX_FADV_DONTNEED);
  copy->flushing = copy->window;
  copy->window = offset;
}

static gboolean
read_extent (Copy *copy, guint64 start, guint64 end, GError **error)
{
  guint64 n;

  for (guint64 pos = start; pos < end; pos += n)
    {
      /* Whole pages of the file, whatever the extent starts with. */
      n = MIN (BUFFER_SIZE - pos % BUFFER_SIZE, end - pos);
      /* Instead of the kernel's own reading ahead, which would run on into allocated space that
       * was never written and thereby turn it into data. */
      if (pos + n < end)
        posix_fadvise (copy->reader, (off_t) (copy->shifted + pos + n),
                       (off_t) MIN (BUFFER_SIZE, end - pos - n), POSIX_FADV_WILLNEED);
      if (!read_at (copy, n, pos, error))
        return FALSE;
      patch_buffer (copy, pos, n);
      if (!take_buffer (copy, pos, n, copy->target >= 0 && !copy->cloned, error)
          || !report (copy, n, error))
        return FALSE;
      drop_behind (copy, pos + n);
    }
  return TRUE;
}

/* Cloning and copying in the kernel are refused in many ways, by file systems, seccomp and security
 * modules. Whatever they say, reading and writing is tried next and names what is really wrong;
 * only a full disk is known to be full. */
static gboolean
is_full (int errnum)
{
  return errnum == ENOSPC || errnum == EDQUOT;
}

static gboolean
copy_extent (Copy *copy, guint64 start, guint64 end, GError **error)
{
  guint64 pos = start;

  while (pos < end && copy->kernel_copies)
    {
      loff_t from = (loff_t) pos;
      loff_t to = (loff_t) (pos + copy->insert);
      ssize_t n = copy_file_range (copy->source, &from, copy->target, &to,
                                   MIN (CHUNK_SIZE, end - pos), 0);

      if (n < 0 && errno == EINTR)
        continue;
      if (n < 0 && is_full (errno))
        return write_failed (copy, errno, pos, error);
      /* 0 is the end of a file that shrank, or one more way to refuse. */
      if (n <= 0)
        {
          copy->kernel_copies = FALSE;
          break;
        }
      pos += (guint64) n;
      if (!report (copy, (guint64) n, error))
        return FALSE;
      drop_behind (copy, pos);
    }
  return read_extent (copy, pos, end, error);
}

/* A clone has nothing left to move; it is counted in the same steps all the same. */
static gboolean
count_extent (Copy *copy, guint64 start, guint64 end, GError **error)
{
  guint64 n;

  for (guint64 pos = start; pos < end; pos += n)
    {
      n = MIN (CHUNK_SIZE, end - pos);
      if (!report (copy, n, error))
        return FALSE;
    }
  return TRUE;
}

/* Hashes a hole without patches. */
static gboolean
skip_zeros (Copy *copy, guint64 size, GError **error)
{
  guint64 since_report = 0;

  if (copy->verity != NULL)
    vmp_verity_update_zeros (copy->verity, size);
  while (copy->sha256 != NULL && size > 0)
    {
      gsize n = MIN (size, sizeof zero_bytes);

      if (!sha256_update (copy, zero_bytes, n, error))
        return FALSE;
      size -= n;
      since_report += n;
      if (since_report >= HOLE_STEP)
        {
          if (!report (copy, 0, error))
            return FALSE;
          since_report = 0;
        }
    }
  return TRUE;
}

/* Hashes the hole [@start, @end). A patch may lie in it: what the digests cover is then not zero.
 * (It reaches the target with all the other patches.) */
static gboolean
skip_hole (Copy *copy, guint64 start, guint64 end, GError **error)
{
  guint64 pos = start;

  if (copy->verity == NULL && copy->sha256 == NULL)
    return TRUE;
  while (pos < end)
    {
      guint64 from = end;
      guint64 to = end;
      guint64 n;

      for (gsize i = 0; i < copy->n_patches; i++)
        {
          const VmpCopierPatch *patch = &copy->patches[i];
          guint64 patch_end = patch->offset + g_bytes_get_size (patch->bytes);

          if (patch->before_digest && patch_end > pos && patch->offset < from)
            {
              from = MAX (patch->offset, pos);
              to = MIN (patch_end, end);
            }
        }
      if (!skip_zeros (copy, from - pos, error))
        return FALSE;
      n = MIN (to - from, BUFFER_SIZE);
      if (n > 0)
        {
          memset (copy->buffer, 0, n);
          patch_buffer (copy, from, n);
          if (!take_buffer (copy, from, n, FALSE, error))
            return FALSE;
        }
      pos = from + n;
    }
  return TRUE;
}

/* Shares all blocks of the source with the target, where the file system can. */
static gboolean
try_clone (Copy *copy, GError **error)
{
  guint64 n;

  for (guint64 pos = 0; pos < copy->size; pos += n)
    {
      struct file_clone_range range = {
        .src_fd = copy->source,
        .src_offset = pos,
        .dest_offset = pos + copy->insert,
      };
      gboolean last = copy->size - pos <= CLONE_SLICE;

      n = last ? copy->size - pos : CLONE_SLICE;
      range.src_length = last ? 0 : n; /* 0: to the end, which need not be aligned */
      while (ioctl (copy->target, FICLONERANGE, &range) < 0)
        {
          if (errno == EINTR)
            continue;
          if (is_full (errno))
            return write_failed (copy, errno, pos, error);
          /* Slices that came over already would stand where the copy wants holes. */
          if (pos > 0 && ftruncate (copy->target, 0) < 0)
            return write_failed (copy, errno, 0, error);
          return TRUE;
        }
      if (!report (copy, 0, error))
        return FALSE;
    }
  copy->cloned = copy->size > 0;
  return TRUE;
}

static gboolean
write_patches (Copy *copy, GError **error)
{
  for (gsize i = 0; i < copy->n_patches; i++)
    {
      gsize length;
      const guint8 *bytes = g_bytes_get_data (copy->patches[i].bytes, &length);

      if (!write_at (copy, bytes, length, copy->patches[i].offset, error))
        return FALSE;
    }
  return TRUE;
}

static gboolean
check_unchanged (Copy *copy, GError **error)
{
  struct stat after;

  if (fstat (copy->source, &after) < 0)
    return vmp_error_set_errno (error, errno, _ ("Cannot examine %s"), copy->what);
  if (after.st_size != copy->before.st_size
      || after.st_mtim.tv_sec != copy->before.st_mtim.tv_sec
      || after.st_mtim.tv_nsec != copy->before.st_mtim.tv_nsec
      || after.st_ctim.tv_sec != copy->before.st_ctim.tv_sec
      || after.st_ctim.tv_nsec != copy->before.st_ctim.tv_nsec)
    return has_changed (error, copy->what);
  return TRUE;
}

static gboolean
check_arguments (Copy *copy, GError **error)
{
  guint64 after;
  struct stat st;

  if (!vmp_fd_check_regular (copy->source, copy->what, error))
    return FALSE;
  if (fstat (copy->source, &copy->before) < 0)
    return vmp_error_set_errno (error, errno, _ ("Cannot examine %s"), copy->what);
  copy->size = (guint64) copy->before.st_size;
  if (!vmp_size_add (&after, copy->size, copy->insert) || after > G_MAXINT64)
    return vmp_error_set_errno (error, EFBIG, _ ("Cannot copy %s"), copy->what);
  for (gsize i = 0; i < copy->n_patches; i++)
    {
      gsize length = g_bytes_get_size (copy->patches[i].bytes);

      if (copy->patches[i].offset > after || length > after - copy->patches[i].offset)
        return vmp_error_set (error, VMPORT_ERROR_INVALID_PARAMETER,
                              _ ("A change to %s lies beyond its end"), copy->what);
    }
  if (copy->target < 0)
    return TRUE;
  if (!vmp_fd_check_regular (copy->target, copy->what, error))
    return FALSE;
  if (fstat (copy->target, &st) < 0)
    return vmp_error_set_errno (error, errno, _ ("Cannot examine %s"), copy->what);
  /* Holes would show what was there before. */
  if (st.st_size != 0)
    return vmp_error_set (error, VMPORT_ERROR_EXISTS, _ ("The place for %s is not empty"),
                          copy->what);
  return TRUE;
}

static gboolean
prepare (Copy *copy, VmpCopierFlags flags, GError **error)
{
  copy->buffer = mmap (NULL, BUFFER_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
                       0);
  if (copy->buffer == MAP_FAILED)
    {
      copy->buffer = NULL;
      return vmp_error_set_errno (error, errno, _ ("Cannot copy %s"), copy->what);
    }
  if ((flags & VMP_COPIER_VERITY) != 0)
    copy->verity = vmp_verity_new ();
  if ((flags & VMP_COPIER_SHA256) != 0)
    {
      copy->sha256 = EVP_MD_CTX_new ();
      if (copy->sha256 == NULL || EVP_DigestInit_ex (copy->sha256, EVP_sha256 (), NULL) != 1)
        return vmp_error_set (error, VMPORT_ERROR_FAILED, _ ("Cannot compute the digest of %s"),
                              copy->what);
    }
  return TRUE;
}

static gboolean
walk (Copy *copy, GError **error)
{
  gboolean digests = copy->verity != NULL || copy->sha256 != NULL;
  guint64 data, hole;

  for (guint64 pos = 0; pos < copy->size; pos = hole)
    {
      gboolean ok;

      if (!next_extent (copy->source, pos, copy->size, copy->what, &data, &hole, error)
          || !skip_hole (copy, pos, data, error))
        return FALSE;
      if (copy->cloned && !digests)
        ok = count_extent (copy, data, hole, error);
      else if (copy->target >= 0 && !digests)
        ok = copy_extent (copy, data, hole, error);
      else
        ok = read_extent (copy, data, hole, error);
      if (!ok)
        return FALSE;
    }
  return TRUE;
}

static gboolean
finish_sha256 (Copy *copy, char **hex, GError **error)
{
  guint8 digest[VMP_SHA256_SIZE];
  GString *text;

  if (EVP_DigestFinal_ex (copy->sha256, digest, NULL) != 1)
    return vmp_error_set (error, VMPORT_ERROR_FAILED, _ ("Cannot compute the digest of %s"),
                          copy->what);
  text = g_string_sized_new (2 * sizeof digest + 1);
  for (gsize i = 0; i < sizeof digest; i++)
    g_string_append_printf (text, "%02x", digest[i]);
  *hex = g_string_free (text, FALSE);
  return TRUE;
}

gboolean
vmp_copier_run_shifted (int source, int target, const char *what, VmpCopierFlags flags,
                        guint64 insert, const VmpCopierPatch *patches, gsize n_patches,
                        VmpCopierProgress progress, gpointer user_data, VmpCopierResult *result,
                        GError **error)
{
  g_auto (Copy) copy = {
    .source = source,
    .target = target,
    .reader = source,
    .what = what,
    .insert = insert,
    .patches = patches,
    .n_patches = n_patches,
    .progress = progress,
    .user_data = user_data,
    .kernel_copies = TRUE,
  };
  gboolean ok;

  g_return_val_if_fail (insert % VMP_COPIER_INSERT_UNIT == 0, FALSE);

  memset (result, 0, sizeof *result);
  if (!check_arguments (&copy, error) || !prepare (&copy, flags, error))
    return FALSE;
  if (target >= 0)
    {
      if (!try_clone (&copy, error))
        return FALSE;
      if (!copy.cloned && ftruncate (target, (off_t) (copy.size + insert)) < 0)
        return write_failed (&copy, errno, copy.size + insert, error);
      /* The digest of a clone is the clone's own: nobody but us can change that any more. */
      if (copy.cloned)
        {
          copy.reader = target;
          copy.shifted = insert;
        }
    }
  posix_fadvise (copy.reader, 0, 0, POSIX_FADV_RANDOM); /* see read_extent() */
  ok = walk (&copy, error);
  posix_fadvise (copy.reader, 0, 0, POSIX_FADV_NORMAL);
  if (!ok || (target >= 0 && !write_patches (&copy, error)) || !check_unchanged (&copy, error))
    return FALSE;

  if (copy.sha256 != NULL && !finish_sha256 (&copy, &result->sha256, error))
    return FALSE;
  if (copy.verity != NULL)
    result->verity = vmp_verity_finish (copy.verity);
  result->size = target >= 0 ? copy.size + insert : copy.size;
  result->cloned = copy.cloned ? copy.done : 0;
  result->copied = copy.cloned ? 0 : copy.done;
  return TRUE;
}

gboolean
vmp_copier_run (int source, int target, const char *what, VmpCopierFlags flags,
                const VmpCopierPatch *patches, gsize n_patches, VmpCopierProgress progress,
                gpointer user_data, VmpCopierResult *result, GError **error)
{
  return vmp_copier_run_shifted (source, target, what, flags, 0, patches, n_patches, progress,
                                 user_data, result, error);
}

gboolean
vmp_copier_sync (int target, const char *what, GError **error)
{
  int r;

  do
    r = fsync (target);
  while (r < 0 && errno == EINTR);
  if (r < 0)
    return vmp_error_set_errno (error, errno, _ ("Cannot flush %s to the disk"), what);
  return TRUE;
}
