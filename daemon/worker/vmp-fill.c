/* Fills a new file with what QEMU reads out of other images.
 *
 * Many reads are under way at once. They are taken in the order of the disk, so what is written is
 * written in order, too. */
#include "config.h"

#include "vmp-fill.h"

#include <errno.h>
#include <glib/gi18n-lib.h>
#include <inttypes.h>
#include <unistd.h>

#include "vmp-copier.h"
#include "vmp-error.h"
#include "vmp-fd.h"
#include "vmp-nbd.h"
#include "vmp-size.h"

/* As much as all of them together stays in a processor's cache. */
#define SLOT_SIZE ((guint64) 256 << 10)
#define N_SLOTS 16
/* Runs of zeros shorter than this are not worth a hole: a block of a file, a cluster of an image. */
#define FILE_ZERO_BLOCK 4096
#define IMAGE_ZERO_BLOCK 65536

typedef enum
{
  SLOT_READING,
  SLOT_WRITING,
} SlotState;

typedef struct
{
  guint8 *buffer;
  guint64 offset; /* in the source's disk */
  gsize size;
  SlotState state;
  VmpNbdRequest request;
} Slot;

typedef struct
{
  VmpFill *fill;
  VmpPace *pace;
  VmpNbd *source;
  VmpNbd *target;
  Slot slots[N_SLOTS]; /* a ring: @used of them from @first on */
  guint first;
  guint used;
  guint64 end;        /* of what is to be read */
  guint64 next;       /* what is to be read next… */
  guint64 extent_end; /* …up to here without looking again */
  guint64 asked;      /* bytes of data, so far */
  guint64 copied;
  guint64 hashed; /* of the file */
} Run;

static void
run_clear (Run *run)
{
  /* First the connections: what is under way writes into the buffers. */
  g_clear_pointer (&run->source, vmp_nbd_free);
  g_clear_pointer (&run->target, vmp_nbd_free);
  for (guint i = 0; i < N_SLOTS; i++)
    g_free (run->slots[i].buffer);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Run, run_clear)

static gboolean
on_idle (gpointer pace, GError **error)
{
  return vmp_pace_step (0, pace, error);
}

static gboolean
write_failed (Run *run, int errnum, guint64 offset, GError **error)
{
  return vmp_error_set_errno (error, errnum, _ ("Cannot write %s at byte %" PRIu64),
                              run->fill->what, offset);
}

/* Asks for more as long as there is room for the answers. */
static gboolean
start_reads (Run *run, GError **error)
{
  while (run->used < N_SLOTS && run->next < run->end)
    {
      Slot *slot = &run->slots[(run->first + run->used) % N_SLOTS];

      if (run->next >= run->extent_end
          && !vmp_nbd_next_extent (run->source, run->next, run->end, &run->next, &run->extent_end,
                                   error))
        return FALSE;
      if (run->next >= run->end)
        break;
      if (slot->buffer == NULL)
        slot->buffer = g_malloc (SLOT_SIZE);
      slot->offset = run->next;
      slot->size = MIN (SLOT_SIZE - run->next % SLOT_SIZE, run->extent_end - run->next);
      slot->state = SLOT_READING;
      slot->request.failure = 0;
      run->asked += slot->size;
      if (run->fill->most != 0 && run->asked > run->fill->most)
        return vmp_error_set (error, VMPORT_ERROR_CORRUPT,
                              _ ("%s: its images hold more data than files of their size can; their "
                                 "tables name the same place again and again"),
                              run->fill->what);
      run->used++;
      run->next += slot->size;
      if (!vmp_nbd_start_read (run->source, slot->buffer, slot->size, slot->offset, &slot->request,
                               error))
        return FALSE;
    }
  return TRUE;
}

static gboolean
write_to_file (Run *run, const guint8 *data, gsize size, guint64 offset, GError **error)
{
  while (size > 0)
    {
      ssize_t n = pwrite (run->fill->file, data, size, (off_t) offset);

      if (n < 0 && errno == EINTR)
        continue;
      if (n <= 0)
        return write_failed (run, n < 0 ? errno : EIO, offset, error);
      data += n;
      offset += (guint64) n;
      size -= (gsize) n;
    }
  return TRUE;
}

/* Slots come in the order of the disk, and so do their parts; between them there is nothing. */
static void
hash (Run *run, const guint8 *data, gsize size, guint64 offset)
{
  VmpVerity *verity = run->fill->verity;

  if (verity == NULL || run->target != NULL)
    return;
  vmp_verity_update_zeros (verity, offset - run->hashed);
  if (size > 0)
    vmp_verity_update (verity, data, size);
  run->hashed = offset + size;
}

/* What was read is written, or on its way. */
static gboolean
write_slot (Run *run, Slot *slot, GError **error)
{
  gsize unit = run->target != NULL ? IMAGE_ZERO_BLOCK : FILE_ZERO_BLOCK, length;

  if (slot->request.failure != 0)
    return vmp_nbd_check_alive (run->source, error)
           && vmp_error_set_errno (error, slot->request.failure,
                                   _ ("Cannot read %s at byte %" PRIu64), run->fill->what,
                                   slot->offset);
  slot->state = SLOT_WRITING;
  for (gsize pos = 0; pos < slot->size; pos += length)
    {
      const guint8 *data = slot->buffer + pos;
      guint64 offset = slot->offset - run->fill->offset + pos;
      gboolean zero;

      length = vmp_copier_find_run (data, slot->size - pos, offset, unit, &zero);
      if (zero)
        continue;
      if (run->target != NULL
              ? !vmp_nbd_start_write (run->target, data, length, offset, &slot->request, error)
              : !write_to_file (run, data, length, run->fill->insert + offset, error))
        return FALSE;
      hash (run, data, length, offset);
    }
  return TRUE;
}

/* Takes whatever is there: writes what was read, and lets go what was written. */
static gboolean
take_answers (Run *run, gboolean *any, GError **error)
{
  *any = FALSE;
  for (guint i = 0; i < run->used; i++)
    {
      Slot *slot = &run->slots[(run->first + i) % N_SLOTS];

      if (slot->state == SLOT_READING && slot->request.pending > 0)
        break;
      if (slot->state == SLOT_READING && !write_slot (run, slot, error))
        return FALSE;
    }
  while (run->used > 0)
    {
      Slot *slot = &run->slots[run->first];

      if (slot->state != SLOT_WRITING || slot->request.pending > 0)
        break;
      if (slot->request.failure != 0)
        return vmp_nbd_check_alive (run->target, error)
               && write_failed (run, slot->request.failure, slot->offset - run->fill->offset,
                                error);
      *any = TRUE;
      run->copied += slot->size;
      run->first = (run->first + 1) % N_SLOTS;
      run->used--;
      if (!vmp_pace_step (slot->size, run->pace, error))
        return FALSE;
    }
  return TRUE;
}

static gboolean
move_all (Run *run, GError **error)
{
  gboolean any;

  while (run->used > 0 || run->next < run->end)
    {
      if (!start_reads (run, error) || !take_answers (run, &any, error))
        return FALSE;
      if (!any && run->used > 0 && !vmp_nbd_wait (run->source, run->target, error))
        return FALSE;
    }
  return TRUE;
}

static gboolean
open_both (Run *run, GError **error)
{
  VmpFill *fill = run->fill;
  guint64 size;

  run->source = vmp_nbd_new (fill->source, VMP_FILL_SOURCE, fill->what, on_idle, run->pace, error);
  fill->source = -1;
  if (run->source == NULL)
    return FALSE;
  size = vmp_nbd_get_size (run->source);
  if (fill->size == 0)
    fill->size = size - MIN (size, fill->offset);
  if (!vmp_size_add (&run->end, fill->offset, fill->size) || run->end > size)
    return vmp_error_set (error, VMPORT_ERROR_FAILED,
                          _ ("QEMU has less of %s than there should be"), fill->what);
  run->next = run->extent_end = fill->offset;
  if (fill->verity != NULL)
    {
      fill->locator = vmp_locator_new (fill->size);
      vmp_verity_set_locator (fill->verity, fill->locator);
    }
  if (fill->target >= 0)
    {
      run->target
          = vmp_nbd_new (fill->target, VMP_FILL_TARGET, fill->what, on_idle, run->pace, error);
      fill->target = -1;
      if (run->target == NULL)
        return FALSE;
      if (vmp_nbd_get_size (run->target) < fill->size)
        return vmp_error_set (error, VMPORT_ERROR_FAILED,
                              _ ("QEMU has made the copy of %s smaller than it should be"),
                              fill->what);
      return TRUE;
    }
  if (!vmp_size_add (&size, fill->insert, fill->size) || size > G_MAXINT64)
    return vmp_error_set_errno (error, EFBIG, _ ("Cannot copy %s"), fill->what);
  if (ftruncate (fill->file, (off_t) size) < 0)
    return write_failed (run, errno, size, error);
  return TRUE;
}

static void
close_sockets (VmpFill *fill)
{
  vmp_fd_clear (&fill->source);
  vmp_fd_clear (&fill->target);
}

void
vmp_fill_clear (VmpFill *fill)
{
  close_sockets (fill);
  g_clear_pointer (&fill->locator, vmp_locator_free);
}

gboolean
vmp_fill_run (VmpFill *fill, VmpPace *pace, guint64 *copied, GError **error)
{
  g_auto (Run) run = { .fill = fill, .pace = pace };
  gboolean ok = open_both (&run, error) && move_all (&run, error)
                && vmp_nbd_finish (run.source, error)
                && (run.target == NULL || vmp_nbd_finish (run.target, error));

  if (ok)
    hash (&run, NULL, 0, fill->size);
  close_sockets (fill);
  *copied = run.copied;
  return ok;
}
