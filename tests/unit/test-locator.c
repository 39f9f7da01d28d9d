/* Damage of many kinds, and what the locator tells of it. */
#include "config.h"

#include <glib.h>
#include <string.h>

#include "vmp-locator.h"
#include "vmp-verity.h"

#define N_SIZES 7
static const guint64 sizes[N_SIZES] = { 1, 4096, 4097, 16 * 4096, 3 * 1024 * 1024 + 5,
                                        64 * 1024 * 1024, G_GUINT64_CONSTANT (1) << 50 };

static guint64
n_blocks_of (guint64 size)
{
  return (size + VMP_VERITY_BLOCK - 1) / VMP_VERITY_BLOCK;
}

/* The hash of a block as @version of the file has it. */
static void
hash_block (guint64 block, guint version, guint8 *hash)
{
  g_autoptr (VmpHasher) hasher = vmp_hasher_new ();
  guint64 input[2] = { block, version };

  vmp_hasher_run (hasher, input, sizeof input, hash);
}

/* A locator of what there is: up to @n_listed blocks, of which those that are damaged count from a new
 * version. A block of another number is a hole. */
static VmpLocator *
make (guint64 size, const guint64 *listed, gsize n_listed, guint64 from, guint64 to)
{
  VmpLocator *locator = vmp_locator_new (size);

  for (gsize i = 0; i < n_listed; i++)
    {
      guint8 hash[VMP_SHA256_SIZE];

      hash_block (listed[i], listed[i] >= from && listed[i] < to, hash);
      vmp_locator_add (locator, listed[i], hash);
    }
  return locator;
}

/* Some blocks of a file of @size: all of a small one, else those at its start, end and middle. */
static GArray *
pick_blocks (guint64 size)
{
  GArray *blocks = g_array_new (FALSE, FALSE, sizeof (guint64));
  guint64 n = n_blocks_of (size);

  for (guint64 block = 0; block < n; block++)
    {
      if (block == 600 && n > 2000)
        block = n / 2;
      else if (block == n / 2 + 600 && n > 2000)
        block = n - 600;
      g_array_append_val (blocks, block);
    }
  return blocks;
}

/* A single damaged block is named by its offset, wherever it lies. */
static void
test_one_block (void)
{
  for (guint i = 0; i < N_SIZES; i++)
    {
      g_autoptr (GArray) blocks = pick_blocks (sizes[i]);
      const guint64 *listed = &g_array_index (blocks, guint64, 0);
      g_autoptr (VmpLocator) whole = make (sizes[i], listed, blocks->len, 0, 0);
      g_autofree char *text = vmp_locator_to_text (whole);
      guint64 offset, length;

      g_assert_cmpuint (strlen (text), <, 128 * 1024);
      g_assert_false (vmp_locator_compare (whole, text, &offset, &length));
      for (guint j = 0; j < blocks->len; j += 1 + blocks->len / 50)
        {
          g_autoptr (VmpLocator) damaged = make (sizes[i], listed, blocks->len, listed[j],
                                                 listed[j] + 1);

          g_assert_true (vmp_locator_compare (damaged, text, &offset, &length));
          g_assert_cmpuint (offset, ==, listed[j] * VMP_VERITY_BLOCK);
          g_assert_cmpuint (length, ==, VMP_VERITY_BLOCK);
        }
    }
}

/* A few in a row are told by the first of them, many by where they lie. */
static void
test_rows (void)
{
  const guint64 size = 64 * 1024 * 1024;
  g_autoptr (GArray) blocks = pick_blocks (size);
  const guint64 *listed = &g_array_index (blocks, guint64, 0);
  g_autoptr (VmpLocator) whole = make (size, listed, blocks->len, 0, 0);
  g_autofree char *text = vmp_locator_to_text (whole);

  for (guint row = 1; row <= 400; row = row * 2 - row / 3)
    {
      const guint64 first = n_blocks_of (size) / 2 + 100;
      g_autoptr (VmpLocator) damaged = make (size, listed, blocks->len, first, first + row);
      guint64 offset, length;

      g_assert_true (vmp_locator_compare (damaged, text, &offset, &length));
      if (row <= 16)
        {
          g_assert_cmpuint (offset, ==, first * VMP_VERITY_BLOCK);
          g_assert_cmpuint (length, ==, VMP_VERITY_BLOCK);
          continue;
        }
      g_assert_cmpuint (offset, <=, first * VMP_VERITY_BLOCK);
      g_assert_cmpuint (offset + length, >=, (first + row) * VMP_VERITY_BLOCK);
      g_assert_cmpuint (length, ==, size / 8);
    }
}

/* A block that became zeros, and zeros that became something. */
static void
test_holes (void)
{
  const guint64 size = 8 * 1024 * 1024;
  const guint64 listed[] = { 0, 5, 77, 1500 };
  guint64 offset, length;

  for (guint i = 0; i < G_N_ELEMENTS (listed); i++)
    {
      g_autoptr (VmpLocator) whole = make (size, listed, G_N_ELEMENTS (listed), 0, 0);
      g_autoptr (VmpLocator) without = make (size, listed, i, 0, 0);
      g_autofree char *text = vmp_locator_to_text (whole);
      g_autofree char *text_without = NULL;
      guint8 hash[VMP_SHA256_SIZE];

      for (guint j = i + 1; j < G_N_ELEMENTS (listed); j++)
        {
          hash_block (listed[j], 0, hash);
          vmp_locator_add (without, listed[j], hash);
        }
      text_without = vmp_locator_to_text (without);
      g_assert_true (vmp_locator_compare (without, text, &offset, &length));
      g_assert_cmpuint (offset, ==, listed[i] * VMP_VERITY_BLOCK);
      g_assert_true (vmp_locator_compare (whole, text_without, &offset, &length));
      g_assert_cmpuint (offset, ==, listed[i] * VMP_VERITY_BLOCK);
    }
}

/* What a package states is from outside. */
static void
test_foreign (void)
{
  static const char *const texts[] = { "", "=", "AAAA", "not Base64 at all" };
  g_autoptr (VmpLocator) locator = vmp_locator_new (8 * 1024 * 1024);
  g_autoptr (VmpLocator) empty = vmp_locator_new (0);
  g_autoptr (VmpLocator) other = vmp_locator_new (1024 * 1024);
  g_autofree char *text = vmp_locator_to_text (other);
  guint64 offset, length;

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      g_assert_false (vmp_locator_compare (locator, texts[i], &offset, &length));
      g_assert_false (vmp_locator_compare (empty, texts[i], &offset, &length));
    }
  g_assert_false (vmp_locator_compare (locator, text, &offset, &length));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/locator/one-block", test_one_block);
  g_test_add_func ("/locator/rows", test_rows);
  g_test_add_func ("/locator/holes", test_holes);
  g_test_add_func ("/locator/foreign", test_foreign);
  return g_test_run ();
}
