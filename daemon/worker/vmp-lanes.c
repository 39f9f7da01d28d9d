/* Works on pieces of a file side by side, and hands them back in the order of the file.
 *
 * The pieces form a ring: one thread fills and collects them, the lanes work on whatever is between.
 * A lane that waits for the disk leaves its core to the others. */
#include "config.h"

#include "vmp-lanes.h"

#include <errno.h>
#include <glib/gi18n-lib.h>
#include <sys/mman.h>

#include "vmp-error.h"

#define HASHES_SIZE (VMP_LANES_PIECE / VMP_LANES_BLOCK * VMP_SHA256_SIZE)

/* Beyond one for each lane: what is finished and waits for its turn. */
#define SPARE_PIECES 3

struct _VmpLanes
{
  VmpLanesFunc func;
  gpointer data;
  GPtrArray *threads;

  VmpPiece *pieces;
  guint n_pieces;
  guint8 *memory;
  gsize memory_size;

  GMutex mutex;
  GCond pushed;
  GCond finished;
  gboolean stop;
  /* Counters of pieces, each a place in the ring; released <= taken <= filled. */
  guint64 filled;
  guint64 taken;
  guint64 released;
};

static void
work (VmpLanes *self, VmpPiece *piece)
{
  g_clear_error (&piece->error);
  piece->write_errno = 0;
  self->func (piece, self->data);
}

static gpointer
lane (gpointer data)
{
  VmpLanes *self = data;

  g_mutex_lock (&self->mutex);
  while (!self->stop)
    {
      VmpPiece *piece;

      if (self->taken == self->filled)
        {
          g_cond_wait (&self->pushed, &self->mutex);
          continue;
        }
      piece = &self->pieces[self->taken++ % self->n_pieces];
      g_mutex_unlock (&self->mutex);
      work (self, piece);
      g_mutex_lock (&self->mutex);
      piece->finished = TRUE;
      g_cond_signal (&self->finished);
    }
  g_mutex_unlock (&self->mutex);
  return NULL;
}

static gboolean
get_memory (VmpLanes *self, GError **error)
{
  const gsize each = VMP_LANES_PIECE + HASHES_SIZE;

  /* Not of the heap: whole pages, which are given back and cost nothing until they are used. */
  self->memory_size = self->n_pieces * each;
  self->memory = mmap (NULL, self->memory_size, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (self->memory == MAP_FAILED)
    {
      self->memory = NULL;
      return vmp_error_set_errno (error, errno, _ ("There is no memory to copy with"));
    }
  self->pieces = g_new0 (VmpPiece, self->n_pieces);
  for (guint i = 0; i < self->n_pieces; i++)
    {
      self->pieces[i].buffer = self->memory + i * (gsize) VMP_LANES_PIECE;
      self->pieces[i].hashes = self->memory + self->n_pieces * (gsize) VMP_LANES_PIECE
                               + i * (gsize) HASHES_SIZE;
      self->pieces[i].hasher = vmp_hasher_new ();
    }
  return TRUE;
}

VmpLanes *
vmp_lanes_new (guint n_lanes, VmpLanesFunc func, gpointer data, GError **error)
{
  g_autoptr (VmpLanes) self = g_new0 (VmpLanes, 1);

  g_mutex_init (&self->mutex);
  g_cond_init (&self->pushed);
  g_cond_init (&self->finished);
  self->func = func;
  self->data = data;
  self->threads = g_ptr_array_new ();
  self->n_pieces = n_lanes > 0 ? n_lanes + SPARE_PIECES : 1;
  if (!get_memory (self, error))
    return NULL;
  for (guint i = 0; i < n_lanes; i++)
    {
      GThread *thread = g_thread_try_new ("lane", lane, self, self->threads->len == 0 ? error : NULL);

      /* Fewer do as well. */
      if (thread == NULL && self->threads->len == 0)
        return NULL;
      if (thread == NULL)
        break;
      g_ptr_array_add (self->threads, thread);
    }
  return g_steal_pointer (&self);
}

void
vmp_lanes_free (VmpLanes *self)
{
  g_mutex_lock (&self->mutex);
  self->stop = TRUE;
  g_cond_broadcast (&self->pushed);
  g_mutex_unlock (&self->mutex);
  for (guint i = 0; i < self->threads->len; i++)
    g_thread_join (g_ptr_array_index (self->threads, i));
  g_ptr_array_unref (self->threads);
  for (guint i = 0; self->pieces != NULL && i < self->n_pieces; i++)
    {
      g_clear_error (&self->pieces[i].error);
      vmp_hasher_free (self->pieces[i].hasher);
    }
  g_free (self->pieces);
  if (self->memory != NULL)
    munmap (self->memory, self->memory_size);
  g_mutex_clear (&self->mutex);
  g_cond_clear (&self->pushed);
  g_cond_clear (&self->finished);
  g_free (self);
}

/* Only the caller's thread changes @filled and @released, and it alone reads them unlocked. */
VmpPiece *
vmp_lanes_get_free (VmpLanes *self)
{
  if (self->filled - self->released == self->n_pieces)
    return NULL;
  return &self->pieces[self->filled % self->n_pieces];
}

void
vmp_lanes_push (VmpLanes *self)
{
  VmpPiece *piece = &self->pieces[self->filled % self->n_pieces];

  piece->finished = FALSE;
  if (self->threads->len == 0)
    {
      work (self, piece);
      piece->finished = TRUE;
      self->filled = ++self->taken;
      return;
    }
  g_mutex_lock (&self->mutex);
  self->filled++;
  g_cond_signal (&self->pushed);
  g_mutex_unlock (&self->mutex);
}

VmpPiece *
vmp_lanes_get_oldest (VmpLanes *self, gboolean wait)
{
  VmpPiece *piece = &self->pieces[self->released % self->n_pieces];
  gboolean finished;

  if (self->released == self->filled)
    return NULL;
  g_mutex_lock (&self->mutex);
  while (wait && !piece->finished)
    g_cond_wait (&self->finished, &self->mutex);
  finished = piece->finished;
  g_mutex_unlock (&self->mutex);
  return finished ? piece : NULL;
}

void
vmp_lanes_release (VmpLanes *self)
{
  self->released++;
}
