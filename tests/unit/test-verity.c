/* fs-verity digests against the fsverity program. */
#include "config.h"

#include "scratch.h"
#include "vmp-verity.h"

/* The digest of a file, read in pieces of @piece bytes. */
static char *
digest_by_reading (int fd, gsize piece)
{
  g_autoptr (VmpVerity) verity = vmp_verity_new ();
  g_autofree guint8 *buffer = g_malloc (piece);
  off_t offset = 0;
  ssize_t n;

  while ((n = pread (fd, buffer, piece, offset)) > 0)
    {
      vmp_verity_update (verity, buffer, (gsize) n);
      offset += n;
    }
  g_assert_cmpint (n, ==, 0);
  return vmp_verity_finish (verity);
}

/* The same, with holes told as holes. */
static char *
digest_by_extents (int fd)
{
  g_autoptr (VmpVerity) verity = vmp_verity_new ();
  g_autofree guint8 *buffer = g_malloc (100000);
  off_t end = lseek (fd, 0, SEEK_END);
  off_t pos = 0;

  while (pos < end)
    {
      off_t data = lseek (fd, pos, SEEK_DATA);
      off_t hole;

      if (data < 0)
        data = end;
      vmp_verity_update_zeros (verity, (guint64) (data - pos));
      if (data == end)
        break;
      hole = lseek (fd, data, SEEK_HOLE);
      for (pos = data; pos < hole;)
        {
          ssize_t n = pread (fd, buffer, MIN (100000, (gsize) (hole - pos)), pos);

          g_assert_cmpint (n, >, 0);
          vmp_verity_update (verity, buffer, (gsize) n);
          pos += n;
        }
    }
  return vmp_verity_finish (verity);
}

static char *
digest_by_program (Scratch *scratch, const char *name)
{
  g_autofree char *path = scratch_file (scratch, name);

  return scratch_runl ("fsverity", "digest", "--compact", path);
}

static void
test_sizes (Scratch *scratch, gconstpointer data)
{
  const gsize block = VMP_VERITY_BLOCK;
  const gsize sizes[] = { 0,
                          1,
                          block - 1,
                          block,
                          block + 1,
                          2 * block,
                          128 * block - 1,
                          128 * block,
                          128 * block + 1,
                          129 * block,
                          128 * 128 * block,
                          128 * 128 * block + 12345 };

  for (gsize i = 0; i < G_N_ELEMENTS (sizes); i++)
    {
      vmp_autofd int fd = scratch_open (scratch, "file");
      g_autofree char *expected = NULL;
      g_autofree char *whole = NULL;
      g_autofree char *odd = NULL;

      g_assert_cmpint (ftruncate (fd, 0), ==, 0);
      if (sizes[i] > 0)
        scratch_fill (fd, 0, sizes[i], (guint32) i);
      expected = digest_by_program (scratch, "file");
      whole = digest_by_reading (fd, 1 << 20);
      odd = digest_by_reading (fd, 4099);
      g_assert_cmpuint (strlen (whole), ==, 64);
      g_assert_cmpstr (whole, ==, expected);
      g_assert_cmpstr (odd, ==, expected);
    }
}

static void
test_byte_by_byte (Scratch *scratch, gconstpointer data)
{
  vmp_autofd int fd = scratch_open (scratch, "file");
  g_autofree char *expected = NULL;
  g_autofree char *digest = NULL;

  scratch_fill (fd, 0, 3 * VMP_VERITY_BLOCK + 77, 9);
  expected = digest_by_program (scratch, "file");
  digest = digest_by_reading (fd, 1);
  g_assert_cmpstr (digest, ==, expected);
}

/* Every way in which a run of zeros can begin and end in the tree. */
static void
test_sparse (Scratch *scratch, gconstpointer data)
{
  const guint64 block = VMP_VERITY_BLOCK;
  const struct
  {
    guint64 size;
    guint64 at[3]; /* where 5000 bytes of data lie, 0 = none */
  } rows[] = {
    { 1, { 0 } },
    { block - 1, { 0 } },
    { block, { 0 } },
    { block + 1, { 0 } },
    { 128 * block, { 0 } },
    { 128 * block + 1, { 0 } },
    { 128 * 128 * block, { 0 } },
    { 128 * 128 * block + 1, { 0 } },
    { 127 * 128 * block + 5000, { 127 * 128 * block } },
    { 128 * 128 * block + 5000, { 1, 128 * 128 * block } },
    { (G_GUINT64_CONSTANT (2) << 30) + 777, { 4096, 128 * block - 5000, 128 * 128 * block + 1 } },
    { (G_GUINT64_CONSTANT (4) << 30) + 9999,
      { 1, 128 * 128 * block - 1, G_GUINT64_CONSTANT (4) << 30 } },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      vmp_autofd int fd = scratch_open (scratch, "file");
      g_autofree char *expected = NULL;
      g_autofree char *digest = NULL;

      g_assert_cmpint (ftruncate (fd, 0), ==, 0);
      g_assert_cmpint (ftruncate (fd, (off_t) rows[i].size), ==, 0);
      for (gsize j = 0; j < G_N_ELEMENTS (rows[i].at); j++)
        if (rows[i].at[j] != 0)
          scratch_fill (fd, rows[i].at[j], 5000, (guint32) j);
      expected = digest_by_program (scratch, "file");
      digest = digest_by_extents (fd);
      g_assert_cmpstr (digest, ==, expected);
    }
}

/* A run told in pieces is the same as the run; so is one told as bytes. */
static void
test_zeros_in_pieces (void)
{
  g_autofree guint8 *zeros = g_malloc0 (1 << 20);

  for (guint round = 0; round < 30; round++)
    {
      g_autoptr (VmpVerity) once = vmp_verity_new ();
      g_autoptr (VmpVerity) pieces = vmp_verity_new ();
      g_autofree char *expected = NULL;
      g_autofree char *digest = NULL;
      guint64 total = 0;

      for (guint i = 0; i < 20; i++)
        {
          gsize n = (gsize) g_test_rand_int_range (0, 1 << 20);

          if (g_test_rand_bit ())
            n -= n % VMP_VERITY_BLOCK;
          if (g_test_rand_bit ())
            vmp_verity_update (pieces, zeros, n);
          else
            vmp_verity_update_zeros (pieces, n);
          total += n;
        }
      vmp_verity_update_zeros (once, total);
      expected = vmp_verity_finish (once);
      digest = vmp_verity_finish (pieces);
      g_assert_cmpstr (digest, ==, expected);
    }
}

/* The largest file that the kernel can have: done at once or not at all. */
static void
test_huge_hole (void)
{
  g_autoptr (VmpVerity) verity = vmp_verity_new ();
  g_autoptr (VmpVerity) halves = vmp_verity_new ();
  g_autofree char *one = NULL;
  g_autofree char *two = NULL;

  vmp_verity_update_zeros (verity, G_MAXINT64);
  vmp_verity_update_zeros (halves, G_MAXINT64 / 2);
  vmp_verity_update_zeros (halves, G_MAXINT64 - G_MAXINT64 / 2);
  one = vmp_verity_finish (verity);
  two = vmp_verity_finish (halves);
  g_assert_cmpstr (one, ==, two);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(path, func) g_test_add (path, Scratch, NULL, scratch_set_up, func, scratch_tear_down)
  ADD ("/verity/sizes", test_sizes);
  ADD ("/verity/byte-by-byte", test_byte_by_byte);
  ADD ("/verity/sparse", test_sparse);
  g_test_add_func ("/verity/zeros-in-pieces", test_zeros_in_pieces);
  g_test_add_func ("/verity/huge-hole", test_huge_hole);
  return g_test_run ();
}
