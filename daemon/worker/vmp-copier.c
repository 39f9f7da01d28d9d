/* Copies one file into another: holes stay holes, clones where the file system can, digests in the
 * same pass.
 *
 * The file goes by in pieces. Each is read, searched for zeros, hashed and written in one go by one of
 * several lanes, while the thread that runs the copy walks over the extents ahead of them, and behind
 * them puts the digests together in the order of the file.
 *
 * The file system alone says what is data, of a qcow2 file too. What an image counts as allocated is
 * the data of its file, to within a cluster (measured on the disk of a guest), and a table that a stranger
 * has written would decide what arrives. */
#include "config.h"

#include "vmp-copier.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gi18n-lib.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <openssl/evp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "vmp-error.h"
#include "vmp-fd.h"
#include "vmp-file-io.h"
#include "vmp-lanes.h"
#include "vmp-size.h"
#include "vmp-verity.h"

/* What is aligned, hashed and looked at for zeros at once. */
#define BLOCK VMP_VERITY_BLOCK
G_STATIC_ASSERT (BLOCK == VMP_LANES_BLOCK && BLOCK == VMP_FILE_IO_ALIGN);

/* More than cores, since most of them wait for the disk: as many as keep a fast one busy. */
#define MAX_LANES 12
/* What the kernel copies or what is only counted goes in steps of this size. */
#define CHUNK_SIZE (G_GUINT64_CONSTANT (4) << 20)
/* A hole that a linear digest has to wade through reports in after this many bytes. */
#define HOLE_STEP (G_GUINT64_CONSTANT (16) << 20)
/* A clone is made in slices, so that it can be stopped. */
#define CLONE_SLICE (G_GUINT64_CONSTANT (1) << 30)
/* What goes through the page cache is pushed out of it behind the copy, this much at a time. */
#define DROP_WINDOW (G_GINT64_CONSTANT (16) << 20)

static const guint8 zero_bytes[64 * 1024];

typedef struct
{
  VmpFileIo source;
  VmpFileIo to;    /* -1: read only */
  VmpFileIo *from; /* where the bytes come from: the source, or the clone made of it */
  const char *what;
  guint64 size;
  guint64 insert;  /* how much later everything is in the target… */
  guint64 shifted; /* …and in @from */
  struct stat before;

  const VmpCopierPatch *patches;
  gsize n_patches;
  VmpCopierProgress progress;
  gpointer user_data;

  VmpLanes *lanes;
  VmpVerity *verity;
  VmpLocator *locator;
  EVP_MD_CTX *sha256;
  guint8 zero_hash[VMP_SHA256_SIZE];
  gboolean write;
  gboolean cloned;
  gboolean kernel_copies; /* copy_file_range() is worth it, and has not been refused yet */
  gboolean keep_cached;   /* the source was in the page cache before */
  guint64 last;           /* end of the last piece that was handed to a lane */
  guint64 done;           /* payload so far */
  guint64 told;           /* …of which the callback knows */
  guint64 window;         /* start of the bytes that are still in the page cache */
  guint64 flushing;       /* start of the bytes on their way to the disk, up to @window */
} Copy;

static void
copy_clear (Copy *copy)
{
  /* The lanes first: they work with all the rest. */
  g_clear_pointer (&copy->lanes, vmp_lanes_free);
  vmp_file_io_buffer (&copy->source);
  vmp_file_io_buffer (&copy->to);
  vmp_verity_free (copy->verity);
  g_clear_pointer (&copy->locator, vmp_locator_free);
  EVP_MD_CTX_free (copy->sha256);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Copy, copy_clear)

void
vmp_copier_result_clear (VmpCopierResult *result)
{
  g_free (result->verity);
  g_free (result->sha256);
  g_clear_pointer (&result->locator, vmp_locator_free);
  memset (result, 0, sizeof *result);
}

static gboolean
measure (VmpFileIo *file, guint64 start, guint64 end, guint64 *payload, GError **error)
{
  guint64 from, to;

  *payload = 0;
  for (guint64 pos = start; pos < end; pos = to)
    {
      if (!vmp_file_io_find_data (file, pos, end, &from, &to, error))
        return FALSE;
      *payload += to - from;
    }
  return TRUE;
}

/* Space that is allocated and not yet written counts as a hole or as data as the kernel has it in
 * its page cache at that moment, so for such files the answer is a good estimate: whoever adds
 * these up corrects the sum by what vmp_copier_run() really moved. */
gboolean
vmp_copier_measure (int fd, guint64 *size, guint64 *payload, GError **error)
{
  VmpFileIo file;
  struct stat st;

  if (fstat (fd, &st) < 0)
    return vmp_error_set_errno (error, errno, _ ("Cannot examine the file"));
  *size = vmp_fd_get_size (fd, &st);
  vmp_file_io_init (&file, fd, _ ("the file"));
  return measure (&file, 0, *size, payload, error);
}

/* Tells what was done so far, and asks for leave to move @next bytes more. */
static gboolean
report (Copy *copy, guint64 *next, GError **error)
{
  guint64 news = copy->done - copy->told;

  copy->told = copy->done;
  return copy->progress == NULL || copy->progress (news, next, copy->user_data, error);
}

/* An error of writing: one for want of space says how much is wanting. */
static gboolean
write_failed (Copy *copy, int errnum, guint64 offset, GError **error)
{
  guint64 payload;

  if ((errnum == ENOSPC || errnum == EDQUOT)
      && measure (&copy->source, 0, copy->size, &payload, NULL))
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
  int errnum = vmp_file_io_write (&copy->to, data, size, offset);

  return errnum == 0 || write_failed (copy, errnum, offset, error);
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

/* Puts into the piece what the digests shall cover. */
static void
patch_piece (Copy *copy, VmpPiece *piece)
{
  for (gsize i = 0; i < copy->n_patches; i++)
    {
      const VmpCopierPatch *patch = &copy->patches[i];
      gsize length;
      const guint8 *bytes = g_bytes_get_data (patch->bytes, &length);
      guint64 from = MAX (patch->offset, piece->offset);
      guint64 to = MIN (patch->offset + length, piece->offset + piece->size);

      if (patch->before_digest && from < to)
        memcpy (piece->buffer + (from - piece->offset), bytes + (from - patch->offset), to - from);
    }
}

static void
hash_run (Copy *copy, VmpPiece *piece, guint64 start, guint64 end, gboolean zero)
{
  for (guint64 pos = start; pos < end; pos += BLOCK)
    {
      guint8 *hash = piece->hashes + pos / BLOCK * VMP_SHA256_SIZE;

      if (zero)
        memcpy (hash, copy->zero_hash, VMP_SHA256_SIZE);
      else
        vmp_hasher_run (piece->hasher, piece->buffer + pos, BLOCK, hash);
    }
}

/* Runs in a lane: reads the piece, and hashes and, where it is not there by cloning, writes what of it
 * is not zero. The file's last block is filled up with zeros, as fs-verity hashes it; what of them
 * reaches the target is cut off in the end. */
static void
work_on_piece (VmpPiece *piece, gpointer data)
{
  Copy *copy = data;
  const guint64 size = (piece->size + BLOCK - 1) / BLOCK * BLOCK;
  guint64 end;

  if (!vmp_file_io_read (copy->from, piece->buffer, piece->size, piece->offset + copy->shifted,
                         &piece->error))
    return;
  memset (piece->buffer + piece->size, 0, size - piece->size);
  patch_piece (copy, piece);
  for (guint64 pos = 0; pos < size && piece->write_errno == 0; pos = end)
    {
      gboolean zero;

      end = pos + vmp_copier_find_run (piece->buffer + pos, size - pos, pos, BLOCK, &zero);
      if (copy->verity != NULL)
        hash_run (copy, piece, pos, end, zero);
      if (copy->write && !zero)
        piece->write_errno = vmp_file_io_write (&copy->to, piece->buffer + pos, end - pos,
                                                piece->offset + copy->insert + pos);
    }
}

static gboolean
sha256_update (Copy *copy, const guint8 *data, gsize size, GError **error)
{
  if (EVP_DigestUpdate (copy->sha256, data, size) != 1)
    return vmp_error_set (error, VMPORT_ERROR_FAILED, _ ("Cannot compute the digest of %s"),
                          copy->what);
  return TRUE;
}

/* The next @size bytes are a hole. */
static gboolean
hash_zeros (Copy *copy, guint64 size, GError **error)
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
          if (!report (copy, NULL, error))
            return FALSE;
          since_report = 0;
        }
    }
  return TRUE;
}

/* What goes through the page cache would push everything else out of it, and the machine's other
 * guests would feel it. Pages go once they are on the disk: so the window just written starts on its
 * way, and the one before, which had that time, is waited for. The flush at the end finds little. */
static void
drop_behind (Copy *copy, guint64 offset)
{
  off_t start = (off_t) copy->window;
  off_t length = (off_t) offset - start;
  off_t older = (off_t) copy->flushing;
  off_t insert = (off_t) copy->insert;

  if (length < DROP_WINDOW)
    return;
  if (copy->write && !g_atomic_int_get (&copy->to.direct))
    {
      sync_file_range (copy->to.fd, insert + start, length, SYNC_FILE_RANGE_WRITE);
      if (older < start)
        {
          sync_file_range (copy->to.fd, insert + older, start - older,
                           SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE
                             | SYNC_FILE_RANGE_WAIT_AFTER);
          posix_fadvise (copy->to.fd, insert + older, start - older, POSIX_FADV_DONTNEED);
        }
    }
  if (!copy->keep_cached && !g_atomic_int_get (&copy->from->direct))
    posix_fadvise (copy->from->fd, (off_t) copy->shifted + start, length, POSIX_FADV_DONTNEED);
  copy->flushing = copy->window;
  copy->window = offset;
}

/* Takes the oldest piece back from the lanes. */
static gboolean
collect (Copy *copy, VmpPiece *piece, GError **error)
{
  if (piece->write_errno != 0)
    return write_failed (copy, piece->write_errno, piece->offset, error);
  if (piece->error != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&piece->error));
      return FALSE;
    }
  if (!hash_zeros (copy, piece->hole_before, error)
      || (copy->sha256 != NULL && !sha256_update (copy, piece->buffer, piece->size, error)))
    return FALSE;
  for (guint64 pos = 0; copy->verity != NULL && pos < piece->size; pos += BLOCK)
    vmp_verity_add_block (copy->verity, piece->hashes + pos / BLOCK * VMP_SHA256_SIZE,
                          MIN (BLOCK, piece->size - pos));
  copy->done += piece->payload;
  drop_behind (copy, piece->offset + piece->size);
  vmp_lanes_release (copy->lanes);
  return TRUE;
}

static gboolean
collect_all (Copy *copy, GError **error)
{
  VmpPiece *piece;

  while ((piece = vmp_lanes_get_oldest (copy->lanes, TRUE)) != NULL)
    if (!collect (copy, piece, error))
      return FALSE;
  return TRUE;
}

/* A piece that no lane works on; waits for one where there is none. */
static VmpPiece *
get_free (Copy *copy, GError **error)
{
  VmpPiece *piece;

  while ((piece = vmp_lanes_get_oldest (copy->lanes, vmp_lanes_get_free (copy->lanes) == NULL))
         != NULL)
    if (!collect (copy, piece, error))
      return NULL;
  return vmp_lanes_get_free (copy->lanes);
}

/* Hands [@start, @end) to the lanes; @payload bytes of it count. */
static gboolean
push_span (Copy *copy, guint64 start, guint64 end, guint64 payload, GError **error)
{
  guint64 n;

  for (guint64 pos = start; pos < end; pos += n)
    {
      VmpPiece *piece = get_free (copy, error);

      if (piece == NULL)
        return FALSE;
      n = MIN (VMP_LANES_PIECE - pos % VMP_LANES_PIECE, end - pos);
      if (!report (copy, &n, error))
        return FALSE;
      n = MIN (MAX (n / BLOCK * BLOCK, BLOCK), end - pos);
      piece->offset = pos;
      piece->size = n;
      piece->payload = pos + n == end ? payload : MIN (n, payload);
      piece->hole_before = pos - copy->last;
      payload -= piece->payload;
      copy->last = pos + n;
      vmp_lanes_push (copy->lanes);
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

/* Has a file server copy as much of [*@pos, @end) as it likes to. */
static gboolean
copy_in_kernel (Copy *copy, guint64 *pos, guint64 end, GError **error)
{
  while (*pos < end && copy->kernel_copies)
    {
      loff_t from = (loff_t) *pos;
      loff_t to = (loff_t) (*pos + copy->insert);
      guint64 next = MIN (CHUNK_SIZE, end - *pos);
      ssize_t n;

      if (!report (copy, &next, error))
        return FALSE;
      n = copy_file_range (copy->source.fd, &from, copy->to.fd, &to, next, 0);
      if (n < 0 && errno == EINTR)
        continue;
      if (n < 0 && is_full (errno))
        return write_failed (copy, errno, *pos, error);
      /* 0 is the end of a file that shrank, or one more way to refuse. */
      if (n <= 0)
        copy->kernel_copies = FALSE;
      else
        {
          *pos += (guint64) n;
          copy->done += (guint64) n;
        }
    }
  return TRUE;
}

/* A clone has nothing left to move; it is counted in steps all the same. */
static gboolean
count_span (Copy *copy, guint64 payload, GError **error)
{
  while (payload > 0)
    {
      guint64 n = MIN (CHUNK_SIZE, payload);

      copy->done += n;
      payload -= n;
      if (!report (copy, NULL, error))
        return FALSE;
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
        .src_fd = copy->source.fd,
        .src_offset = pos,
        .dest_offset = pos + copy->insert,
      };
      gboolean last = copy->size - pos <= CLONE_SLICE;

      n = last ? copy->size - pos : CLONE_SLICE;
      range.src_length = last ? 0 : n; /* 0: to the end, which need not be aligned */
      while (ioctl (copy->to.fd, FICLONERANGE, &range) < 0)
        {
          if (errno == EINTR)
            continue;
          if (is_full (errno))
            return write_failed (copy, errno, pos, error);
          /* Slices that came over already would stand where the copy wants holes. */
          if (pos > 0 && ftruncate (copy->to.fd, 0) < 0)
            return write_failed (copy, errno, 0, error);
          return TRUE;
        }
      if (!report (copy, NULL, error))
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

  if (fstat (copy->source.fd, &after) < 0)
    return vmp_error_set_errno (error, errno, _ ("Cannot examine %s"), copy->what);
  if (after.st_size != copy->before.st_size
      || after.st_mtim.tv_sec != copy->before.st_mtim.tv_sec
      || after.st_mtim.tv_nsec != copy->before.st_mtim.tv_nsec
      || after.st_ctim.tv_sec != copy->before.st_ctim.tv_sec
      || after.st_ctim.tv_nsec != copy->before.st_ctim.tv_nsec)
    return vmp_file_io_has_changed (copy->what, error);
  return TRUE;
}

static gboolean
check_arguments (Copy *copy, GError **error)
{
  guint64 after;
  struct stat st;

  if (!vmp_fd_check_image (copy->source.fd, copy->what, error))
    return FALSE;
  if (fstat (copy->source.fd, &copy->before) < 0)
    return vmp_error_set_errno (error, errno, _ ("Cannot examine %s"), copy->what);
  copy->size = vmp_fd_get_size (copy->source.fd, &copy->before);
  if (!vmp_size_add (&after, copy->size, copy->insert) || after > G_MAXINT64 - BLOCK)
    return vmp_error_set_errno (error, EFBIG, _ ("Cannot copy %s"), copy->what);
  for (gsize i = 0; i < copy->n_patches; i++)
    {
      gsize length = g_bytes_get_size (copy->patches[i].bytes);

      if (copy->patches[i].offset > after || length > after - copy->patches[i].offset)
        return vmp_error_set (error, VMPORT_ERROR_INVALID_PARAMETER,
                              _ ("A change to %s lies beyond its end"), copy->what);
    }
  if (!copy->write)
    return TRUE;
  if (!vmp_fd_check_regular (copy->to.fd, copy->what, error))
    return FALSE;
  if (fstat (copy->to.fd, &st) < 0)
    return vmp_error_set_errno (error, errno, _ ("Cannot examine %s"), copy->what);
  /* Holes would show what was there before. */
  if (st.st_size != 0)
    return vmp_error_set (error, VMPORT_ERROR_EXISTS, _ ("The place for %s is not empty"),
                          copy->what);
  return TRUE;
}

static gboolean
prepare_digests (Copy *copy, VmpCopierFlags flags, GError **error)
{
  if ((flags & VMP_COPIER_VERITY) != 0)
    {
      g_autoptr (VmpHasher) hasher = vmp_hasher_new ();

      copy->verity = vmp_verity_new ();
      copy->locator = vmp_locator_new (copy->size);
      vmp_verity_set_locator (copy->verity, copy->locator);
      vmp_hasher_run (hasher, zero_bytes, BLOCK, copy->zero_hash);
    }
  if ((flags & VMP_COPIER_SHA256) != 0)
    {
      copy->sha256 = EVP_MD_CTX_new ();
      if (copy->sha256 == NULL || EVP_DigestInit_ex (copy->sha256, EVP_sha256 (), NULL) != 1)
        return vmp_error_set (error, VMPORT_ERROR_FAILED, _ ("Cannot compute the digest of %s"),
                              copy->what);
    }
  return TRUE;
}

/* Does the kernel hand copies on to a server, which need not send the bytes to and fro? On a disk of
 * this machine the lanes are faster. */
static gboolean
is_remote (int fd)
{
  static const guint32 remote[] = { NFS_SUPER_MAGIC, SMB_SUPER_MAGIC,  CIFS_SUPER_MAGIC,
                                    SMB2_SUPER_MAGIC, CEPH_SUPER_MAGIC, FUSE_SUPER_MAGIC };
  struct statfs fs;

  if (fstatfs (fd, &fs) < 0)
    return FALSE;
  for (gsize i = 0; i < G_N_ELEMENTS (remote); i++)
    if ((guint32) fs.f_type == remote[i])
      return TRUE;
  return FALSE;
}

/* Sees to the target's size, and how source and target are best reached. */
static gboolean
prepare_files (Copy *copy, GError **error)
{
  gboolean digests = copy->verity != NULL || copy->sha256 != NULL;
  gboolean big = copy->size > VMP_LANES_PIECE;

  if (copy->write && !try_clone (copy, error))
    return FALSE;
  if (copy->cloned)
    {
      /* The digest of a clone is the clone's own: nobody but us can change that any more. */
      copy->from = &copy->to;
      copy->shifted = copy->insert;
      copy->write = FALSE;
    }
  if (copy->write)
    {
      if (ftruncate (copy->to.fd, (off_t) (copy->size + copy->insert)) < 0)
        return write_failed (copy, errno, copy->size + copy->insert, error);
      copy->kernel_copies = !digests && is_remote (copy->to.fd);
      if (big)
        vmp_file_io_go_direct (&copy->to);
    }
  copy->keep_cached = vmp_file_io_is_cached (copy->from, copy->size);
  if (big && !copy->keep_cached)
    vmp_file_io_go_direct (copy->from);
  /* The kernel's own reading ahead would run on into allocated space that was never written, and
   * thereby turn it into data. */
  posix_fadvise (copy->from->fd, 0, 0, POSIX_FADV_RANDOM);
  return TRUE;
}

/* The next span of whole blocks in [@pos, size) that has data, or that a patch fills which the digests
 * cover, and how much of it is payload. */
static gboolean
next_span (Copy *copy, guint64 pos, guint64 *start, guint64 *end, guint64 *payload, GError **error)
{
  guint64 from, to, more = 0;

  if (!vmp_file_io_find_data (&copy->source, pos, copy->size, &from, &to, error))
    return FALSE;
  *payload = to - from;
  *start = from == copy->size ? from : MAX (pos, from / BLOCK * BLOCK);
  *end = MIN ((to + BLOCK - 1) / BLOCK * BLOCK, copy->size);
  for (gsize i = 0; i < copy->n_patches; i++)
    {
      const VmpCopierPatch *patch = &copy->patches[i];
      guint64 patch_end = patch->offset + g_bytes_get_size (patch->bytes);

      if (patch->before_digest && patch_end > pos && patch->offset < *start)
        {
          *end = MIN ((patch_end + BLOCK - 1) / BLOCK * BLOCK, *start);
          *start = MAX (pos, patch->offset / BLOCK * BLOCK);
          *payload = 0;
        }
    }
  /* Blocks of the file system may be smaller than ours. */
  if (*payload > 0 && to < *end
      && !measure (&copy->source, to, *end, &more, error))
    return FALSE;
  *payload += more;
  return TRUE;
}

static gboolean
walk (Copy *copy, GError **error)
{
  gboolean digests = copy->verity != NULL || copy->sha256 != NULL;
  guint64 start, end, payload;

  for (guint64 pos = 0; pos < copy->size; pos = end)
    {
      gboolean ok = TRUE;

      if (!next_span (copy, pos, &start, &end, &payload, error))
        return FALSE;
      if (copy->cloned && !digests)
        ok = count_span (copy, payload, error);
      else if (copy->kernel_copies)
        {
          guint64 at = start;

          ok = copy_in_kernel (copy, &at, end, error)
               && push_span (copy, at, end, end - at, error);
        }
      else
        ok = push_span (copy, start, end, payload, error);
      if (!ok)
        return FALSE;
    }
  return collect_all (copy, error) && hash_zeros (copy, copy->size - copy->last, error)
         && report (copy, NULL, error);
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

/* What remains once all bytes are there. */
static gboolean
finish (Copy *copy, VmpCopierResult *result, GError **error)
{
  /* No lane is at work any more; what follows is not aligned. */
  vmp_file_io_buffer (&copy->source);
  vmp_file_io_buffer (&copy->to);
  if (copy->write && copy->size % BLOCK != 0
      && ftruncate (copy->to.fd, (off_t) (copy->size + copy->insert)) < 0)
    return write_failed (copy, errno, copy->size, error);
  if ((copy->to.fd >= 0 && !write_patches (copy, error)) || !check_unchanged (copy, error))
    return FALSE;
  if (copy->sha256 != NULL && !finish_sha256 (copy, &result->sha256, error))
    return FALSE;
  if (copy->verity != NULL)
    {
      result->verity = vmp_verity_finish (copy->verity);
      result->locator = g_steal_pointer (&copy->locator);
    }
  result->size = copy->to.fd >= 0 ? copy->size + copy->insert : copy->size;
  result->cloned = copy->cloned ? copy->done : 0;
  result->copied = copy->cloned ? 0 : copy->done;
  return TRUE;
}

gboolean
vmp_copier_run_shifted (int source, int target, const char *what, VmpCopierFlags flags,
                        guint64 insert, const VmpCopierPatch *patches, gsize n_patches,
                        VmpCopierProgress progress, gpointer user_data, VmpCopierResult *result,
                        GError **error)
{
  g_auto (Copy) copy = {
    .what = what,
    .insert = insert,
    .patches = patches,
    .n_patches = n_patches,
    .progress = progress,
    .user_data = user_data,
    .write = target >= 0,
  };
  gboolean ok;

  g_return_val_if_fail (insert % VMP_COPIER_INSERT_UNIT == 0, FALSE);

  memset (result, 0, sizeof *result);
  vmp_file_io_init (&copy.source, source, what);
  vmp_file_io_init (&copy.to, target, what);
  copy.from = &copy.source;
  if (!check_arguments (&copy, error) || !prepare_digests (&copy, flags, error)
      || !prepare_files (&copy, error))
    return FALSE;
  copy.lanes = vmp_lanes_new (copy.size > VMP_LANES_PIECE ? MAX_LANES : 0, work_on_piece, &copy,
                              error);
  ok = copy.lanes != NULL && walk (&copy, error);
  /* Ends what lanes are at work, after a failure. */
  g_clear_pointer (&copy.lanes, vmp_lanes_free);
  posix_fadvise (copy.from->fd, 0, 0, POSIX_FADV_NORMAL);
  return ok && finish (&copy, result, error);
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
