/* Tells which block of a file is damaged, from a few thousand bytes that its package keeps.
 *
 * A digest says that a file was damaged and not where; the digests of all blocks would, for a hundredth
 * of the file's own size. This works like a Hamming code: blocks are dealt out to cells, and a cell
 * keeps the exclusive or of its blocks' hashes, and for each bit of a block's number in the cell that of
 * those whose number has the bit set. Where one block of a cell is other than it was, each of these
 * words differs by just the same, or not at all: these bits are the block's number. Neighbours are in
 * different cells, so that damage of up to CLASSES blocks in a row is found block by block; more of it is
 * narrowed down to a segment of the file.
 *
 * It authenticates nothing, and need not: it is asked once the digest has been found wrong. */
#include "config.h"

#include "vmp-locator.h"

#include <string.h>

#include "vmp-verity.h"

#define CLASSES 16
#define CLASS_BITS 4
#define MAX_SEGMENTS 8

struct _VmpLocator
{
  guint64 size;
  guint segment_bits; /* a segment has 2^segment_bits blocks */
  guint n_segments;
  guint n_words; /* of one cell */
  guint32 *words;
};

static guint64
get_n_blocks (VmpLocator *self)
{
  return self->size / VMP_VERITY_BLOCK + (self->size % VMP_VERITY_BLOCK != 0);
}

static gsize
get_n_all_words (VmpLocator *self)
{
  return (gsize) self->n_segments * CLASSES * self->n_words;
}

VmpLocator *
vmp_locator_new (guint64 size)
{
  VmpLocator *self = g_new0 (VmpLocator, 1);
  guint64 n_blocks;

  self->size = size;
  self->segment_bits = CLASS_BITS;
  n_blocks = MAX (get_n_blocks (self), 1);
  while (((n_blocks - 1) >> self->segment_bits) + 1 > MAX_SEGMENTS)
    self->segment_bits++;
  self->n_segments = (guint) ((n_blocks - 1) >> self->segment_bits) + 1;
  self->n_words = 1 + self->segment_bits - CLASS_BITS;
  self->words = g_new0 (guint32, get_n_all_words (self));
  return self;
}

void
vmp_locator_free (VmpLocator *self)
{
  g_free (self->words);
  g_free (self);
}

void
vmp_locator_add (VmpLocator *self, guint64 block, const guint8 *hash)
{
  guint64 segment = block >> self->segment_bits;
  guint64 number = (block & ((G_GUINT64_CONSTANT (1) << self->segment_bits) - 1)) >> CLASS_BITS;
  guint32 *cell, word;

  g_assert (segment < self->n_segments);
  cell = self->words + (segment * CLASSES + block % CLASSES) * self->n_words;
  memcpy (&word, hash, sizeof word);
  cell[0] ^= word;
  for (guint bit = 1; number > 0; bit++, number >>= 1)
    if ((number & 1) != 0)
      cell[bit] ^= word;
}

/* The words are bytes of hashes, so they are the same on every machine. */
char *
vmp_locator_to_text (VmpLocator *self)
{
  return g_base64_encode ((const guchar *) self->words,
                          get_n_all_words (self) * sizeof *self->words);
}

typedef enum
{
  CELL_WHOLE,
  CELL_ONE_BLOCK,
  CELL_SEVERAL_BLOCKS,
} CellState;

static CellState
compare_cell (VmpLocator *self, const guint32 *found, const guint32 *stated, guint64 *number)
{
  guint32 all = found[0] ^ stated[0];
  gboolean any = all != 0;

  *number = 0;
  for (guint bit = 1; bit < self->n_words; bit++)
    {
      guint32 word = found[bit] ^ stated[bit];

      any = any || word != 0;
      if (word != 0 && word != all)
        return CELL_SEVERAL_BLOCKS;
      if (word != 0)
        *number |= G_GUINT64_CONSTANT (1) << (bit - 1);
    }
  return any ? CELL_ONE_BLOCK : CELL_WHOLE;
}

static gboolean
compare_segment (VmpLocator *self, guint segment, const guint32 *stated, guint64 *offset,
                 guint64 *length)
{
  const guint64 start = (guint64) segment << self->segment_bits;
  const guint64 n_blocks = get_n_blocks (self);
  guint64 first = G_MAXUINT64;
  gboolean several = FALSE;

  for (guint class = 0; class < CLASSES; class ++)
    {
      gsize cell = ((gsize) segment * CLASSES + class) * self->n_words;
      guint64 number, block;
      CellState state = compare_cell (self, self->words + cell, stated + cell, &number);

      block = start + (number << CLASS_BITS) + class;
      if (state == CELL_ONE_BLOCK && block < n_blocks)
        first = MIN (first, block);
      else if (state != CELL_WHOLE)
        several = TRUE;
    }
  if (first == G_MAXUINT64 && !several)
    return FALSE;
  *offset = (several ? start : first) * VMP_VERITY_BLOCK;
  *length = several ? MIN ((guint64) VMP_VERITY_BLOCK << self->segment_bits, self->size - *offset)
                    : VMP_VERITY_BLOCK;
  return TRUE;
}

gboolean
vmp_locator_compare (VmpLocator *self, const char *stated, guint64 *offset, guint64 *length)
{
  gsize size;
  g_autofree guchar *bytes = g_base64_decode (stated, &size);
  g_autofree guint32 *words = NULL;

  if (bytes == NULL || size != get_n_all_words (self) * sizeof *words || self->size == 0)
    return FALSE;
  words = g_memdup2 (bytes, size); /* aligned */
  for (guint segment = 0; segment < self->n_segments; segment++)
    if (compare_segment (self, segment, words, offset, length))
      return TRUE;
  return FALSE;
}
