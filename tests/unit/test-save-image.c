/* libvirt's save files: what is read of them, what is refused, and what a copy begins with. */
#include "config.h"

#include <sys/mman.h>

#include "scratch.h"
#include "vmp-copier.h"
#include "vmp-save-cookie.h"
#include "vmp-save-image.h"
#include "vmp-state.h"
#include "vmport-error.h"

#define HEADER 92
#define XML "<domain type='qemu'><name>vm</name></domain>"
#define COOKIE "<cookie>\n  <slirpHelper/>\n</cookie>\n"
#define MEMORY "QEVM\0\0\0\3 and so on"

/* A file from parts that may lie. What is 0 is the true one. */
typedef struct
{
  const char *magic;
  int newer; /* than version 2 */
  guint32 text_size;
  guint32 running;
  guint32 compression;
  gboolean cookie;
  guint32 cookie_offset; /* instead of the true one */
  gboolean swapped;
  char memory[sizeof MEMORY]; /* as long as that, or else nothing of it is said */
} Parts;

static guint32
number (const Parts *parts, guint32 value)
{
  return parts->swapped ? GUINT32_SWAP_LE_BE (value) : value;
}

static int
make (const Parts *parts)
{
  static const char zeros[56 + 100];
  const char *magic = parts->magic != NULL ? parts->magic : "LibvirtQemudSave";
  const char *memory = parts->memory[0] != '\0' ? parts->memory : MEMORY;
  gsize xml_size = sizeof XML, cookie_size = parts->cookie ? sizeof COOKIE : 0;
  guint32 text_size = (guint32) (xml_size + cookie_size + 100);
  guint32 cookie_offset = parts->cookie ? (guint32) xml_size : 0;
  const guint32 numbers[] = {
    number (parts, (guint32) (2 + parts->newer)),
    number (parts, parts->text_size != 0 ? parts->text_size : text_size),
    number (parts, parts->running),
    number (parts, parts->compression),
    number (parts, parts->cookie_offset != 0 ? parts->cookie_offset : cookie_offset),
  };
  int fd = memfd_create ("save", MFD_CLOEXEC);

  g_assert_cmpint (fd, >=, 0);
  g_assert_cmpint (write (fd, magic, 16), ==, 16);
  g_assert_cmpint (write (fd, numbers, sizeof numbers), ==, sizeof numbers);
  g_assert_cmpint (write (fd, zeros, 56), ==, 56);
  g_assert_cmpint (write (fd, XML, xml_size), ==, (gssize) xml_size);
  g_assert_cmpint (write (fd, COOKIE, cookie_size), ==, (gssize) cookie_size);
  g_assert_cmpint (write (fd, zeros, 100), ==, 100);
  g_assert_cmpint (write (fd, memory, sizeof MEMORY - 1), ==, sizeof MEMORY - 1);
  return fd;
}

static const struct
{
  const char *name;
  Parts parts;
  const char *compression;
} good[] = {
  { "plain", { .running = 1 }, "none" },
  { "cookie", { .running = 1, .cookie = TRUE }, "none" },
  { "paused", { .cookie = TRUE }, "none" },
  { "swapped", { .running = 1, .cookie = TRUE, .swapped = TRUE }, "none" },
  { "odd-running", { .running = 0x80000000, .cookie = TRUE }, "none" },
  { "gzip", { .compression = 1, .memory = "\x1f\x8b and so on    " }, "gzip" },
  { "bzip2", { .compression = 2, .memory = "BZh9 and so on   " }, "bzip2" },
  { "xz", { .compression = 3, .memory = "\xfd" "7zXZ\0 and so on " }, "xz" },
  { "lzop", { .compression = 4, .memory = "\x89LZO\0 and so on" }, "lzop" },
  { "zstd", { .compression = 5, .memory = "\x28\xb5\x2f\xfd and so on  " }, "zstd" },
  { "sparse", { .compression = 6 }, "sparse" },
};

static void
test_good (gconstpointer data)
{
  const Parts *parts = &good[GPOINTER_TO_SIZE (data)].parts;
  vmp_autofd int fd = make (parts);
  g_auto (VmpSaveImage) image = { 0 };
  g_autoptr (GError) error = NULL;

  vmp_save_image_read (fd, "“x”", &image, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (image.xml, ==, XML);
  g_assert_cmpstr (image.cookie, ==, parts->cookie ? COOKIE : NULL);
  g_assert_cmpint (image.running, ==, parts->running != 0);
  g_assert_cmpstr (image.compression, ==, good[GPOINTER_TO_SIZE (data)].compression);
  g_assert_cmpuint (image.head_size, ==,
                    HEADER + sizeof XML + (parts->cookie ? sizeof COOKIE : 0) + 100);
}

static const struct
{
  const char *name;
  Parts parts;
  VmportError code;
  const char *message; /* a part of it */
} bad[] = {
  { "partial", { .magic = "LibvirtQemudPart" }, VMPORT_ERROR_CORRUPT, "never completed" },
  { "magic", { .magic = "LibvirtQemudSavE" }, VMPORT_ERROR_CORRUPT, "not a save file" },
  { "version-0", { .newer = -2 }, VMPORT_ERROR_NOT_SUPPORTED, "version 0" },
  { "version-1", { .newer = -1 }, VMPORT_ERROR_NOT_SUPPORTED, "version 1" },
  { "version-3", { .newer = 1 }, VMPORT_ERROR_NOT_SUPPORTED, "version" },
  { "version-3-swapped", { .newer = 1, .swapped = TRUE }, VMPORT_ERROR_NOT_SUPPORTED,
    "version 3" },
  { "compression-7", { .compression = 7 }, VMPORT_ERROR_NOT_SUPPORTED, "(7)" },
  { "compression-max", { .compression = 0xffffffff }, VMPORT_ERROR_NOT_SUPPORTED,
    "(4294967295)" },
  { "text-max", { .text_size = 0xffffffff }, VMPORT_ERROR_CORRUPT, "4294967295 bytes" },
  { "text-over-limit", { .text_size = 16 * 1024 * 1024 + 1 }, VMPORT_ERROR_CORRUPT,
    "16777217 bytes" },
  { "text-beyond-file", { .text_size = 4096 }, VMPORT_ERROR_CORRUPT, "4096 bytes at 92" },
  { "text-is-all", { .text_size = sizeof XML + 100 + sizeof MEMORY - 1 }, VMPORT_ERROR_CORRUPT,
    "its header" },
  { "text-short", { .text_size = 20 }, VMPORT_ERROR_CORRUPT, "does not end" },
  { "memory-elsewhere", { .text_size = sizeof XML + 99 }, VMPORT_ERROR_CORRUPT,
    "does not begin" },
  { "memory-not-gzip", { .compression = 1 }, VMPORT_ERROR_CORRUPT, "does not begin" },
  { "cookie-beyond", { .cookie = TRUE, .cookie_offset = 0xffffffff }, VMPORT_ERROR_CORRUPT,
    "its cookie" },
  { "cookie-at-end", { .cookie_offset = sizeof XML + 100 }, VMPORT_ERROR_CORRUPT,
    "its cookie" },
  { "cookie-in-xml", { .cookie = TRUE, .cookie_offset = 10 }, VMPORT_ERROR_CORRUPT,
    "does not end" },
};

static void
test_bad (gconstpointer data)
{
  gsize i = GPOINTER_TO_SIZE (data);
  vmp_autofd int fd = make (&bad[i].parts);
  g_auto (VmpSaveImage) image = { 0 };
  g_autoptr (GError) error = NULL;

  g_assert_false (vmp_save_image_read (fd, "“x”", &image, &error));
  g_assert_error (error, VMPORT_ERROR, (int) bad[i].code);
  if (strstr (error->message, bad[i].message) == NULL)
    g_error ("“%s” is not in “%s”", bad[i].message, error->message);
  g_assert_nonnull (strstr (error->message, "“x”"));
  g_assert_null (image.xml);
}

static void
test_truncated (void)
{
  const Parts parts = { .cookie = TRUE };
  gsize head = HEADER + sizeof XML + sizeof COOKIE + 100;

  /* At each length, up to the memory's first bytes. */
  for (gsize size = 0; size < head + 4; size++)
    {
      vmp_autofd int fd = make (&parts);
      g_auto (VmpSaveImage) image = { 0 };
      g_autoptr (GError) error = NULL;

      g_assert_cmpint (ftruncate (fd, (off_t) size), ==, 0);
      g_assert_false (vmp_save_image_read (fd, "x", &image, &error));
      g_assert_error (error, VMPORT_ERROR, VMPORT_ERROR_CORRUPT);
    }
}

static void
test_not_utf8 (void)
{
  const Parts parts = { .cookie = TRUE };

  for (guint which = 0; which < 2; which++)
    {
      vmp_autofd int fd = make (&parts);
      g_auto (VmpSaveImage) image = { 0 };
      g_autoptr (GError) error = NULL;

      g_assert_cmpint (pwrite (fd, "\xff", 1, HEADER + 5 + (which == 1 ? (off_t) sizeof XML : 0)),
                       ==, 1);
      g_assert_false (vmp_save_image_read (fd, "x", &image, &error));
      g_assert_error (error, VMPORT_ERROR, VMPORT_ERROR_CORRUPT);
    }
}

/* Copies @fd with @xml and @cookie in it, as a worker does, and compares what came. */
static guint64
check_copy_with (Scratch *scratch, int fd, const char *xml, const char *cookie,
                 VmpCopierFlags flags)
{
  vmp_autofd int target = scratch_open (scratch, "target");
  g_auto (VmpSaveImage) image = { 0 };
  g_auto (VmpSaveImage) again = { 0 };
  g_auto (VmpCopierResult) result = { 0 };
  g_auto (VmpCopierResult) plain = { 0 };
  g_autoptr (GBytes) head = NULL;
  g_autoptr (GError) error = NULL;
  VmpCopierPatch patch = { 0 };
  char memory[sizeof MEMORY - 1];
  guint64 insert = 0;
  struct stat st;

  g_assert_cmpint (ftruncate (target, 0), ==, 0);
  vmp_save_image_read (fd, "x", &image, &error);
  g_assert_no_error (error);
  vmp_save_image_rewrite (&image, "x", xml, cookie, &head, &insert, &error);
  g_assert_no_error (error);
  patch.bytes = head;
  vmp_copier_run_shifted (fd, target, "x", flags, insert, &patch, 1, NULL, NULL, &result, &error);
  g_assert_no_error (error);
  vmp_save_image_read (target, "x", &again, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (again.xml, ==, xml);
  g_assert_cmpstr (again.cookie, ==, cookie);
  g_assert_cmpint (again.running, ==, image.running);
  g_assert_cmpuint (again.head_size, ==, image.head_size + insert);
  g_assert_cmpint (pread (target, memory, sizeof memory, (off_t) again.head_size), ==,
                   sizeof memory);
  g_assert_cmpmem (memory, sizeof memory, MEMORY, sizeof MEMORY - 1);
  g_assert_cmpint (fstat (fd, &st), ==, 0);
  g_assert_cmpuint (result.size, ==, (guint64) st.st_size + insert);

  /* The digests are those of the source. */
  if (flags == VMP_COPIER_NONE)
    return insert;
  vmp_copier_run (fd, -1, "x", VMP_COPIER_VERITY | VMP_COPIER_SHA256, NULL, 0, NULL, NULL, &plain,
                  &error);
  g_assert_no_error (error);
  g_assert_cmpstr (result.verity, ==, plain.verity);
  g_assert_cmpstr (result.sha256, ==, plain.sha256);
  return insert;
}

/* With digests the bytes pass through here, without them the kernel copies. */
static guint64
check_copy (Scratch *scratch, int fd, const char *xml, const char *cookie)
{
  check_copy_with (scratch, fd, xml, cookie, VMP_COPIER_NONE);
  return check_copy_with (scratch, fd, xml, cookie, VMP_COPIER_VERITY | VMP_COPIER_SHA256);
}

static void
test_rewrite (Scratch *scratch, gconstpointer data)
{
  const Parts parts = { .running = 1, .cookie = TRUE, .swapped = TRUE };
  g_autofree char *fits = g_strnfill (sizeof XML + sizeof COOKIE + 100 - 1, 'a');
  g_autofree char *no_more = g_strnfill (sizeof XML + sizeof COOKIE + 100, 'b');
  g_autofree char *large = g_strnfill (300 * 1000, 'c');
  vmp_autofd int memory = make (&parts);
  /* On the file system of the target: only there the kernel copies by itself. */
  vmp_autofd int fd = scratch_open (scratch, "source");
  g_auto (VmpCopierResult) result = { 0 };
  g_autoptr (GError) error = NULL;
  /* A hole and more of the memory behind it. */
  const guint64 end = 40 << 20;

  vmp_copier_run (memory, fd, "x", VMP_COPIER_VERITY, NULL, 0, NULL, NULL, &result, &error);
  g_assert_no_error (error);
  scratch_fill (fd, end, 5000, 1);
  g_assert_cmpuint (check_copy (scratch, fd, XML, COOKIE), ==, 0);
  g_assert_cmpuint (check_copy (scratch, fd, "", NULL), ==, 0);
  g_assert_cmpuint (check_copy (scratch, fd, fits, NULL), ==, 0);
  g_assert_cmpuint (check_copy (scratch, fd, no_more, NULL), ==, 128 * 1024);
  g_assert_cmpuint (check_copy (scratch, fd, large, COOKIE), ==, 384 * 1024);
  {
    g_autofree guint8 *before = g_malloc (5000);
    g_autofree guint8 *after = g_malloc (5000);
    vmp_autofd int target = scratch_open (scratch, "target");
    struct stat st;

    g_assert_cmpint (pread (fd, before, 5000, (off_t) end), ==, 5000);
    g_assert_cmpint (pread (target, after, 5000, (off_t) end + 384 * 1024), ==, 5000);
    g_assert_cmpmem (before, 5000, after, 5000);
    g_assert_cmpint (fstat (target, &st), ==, 0);
    g_assert_cmpint (st.st_blocks, <, 1 << 21 >> 9);
  }
}

static void
test_rewrite_refused (void)
{
  const Parts sparse = { .compression = 6 }, plain = { .running = 1 };
  const Parts *both[] = { &sparse, &plain };
  g_autofree char *larger = g_strnfill (1000, 'a');
  g_autofree char *too_large = g_strnfill (16 << 20, 'a');
  const char *texts[] = { larger, too_large };

  for (guint i = 0; i < 2; i++)
    {
      vmp_autofd int fd = make (both[i]);
      g_auto (VmpSaveImage) image = { 0 };
      g_autoptr (GBytes) head = NULL;
      g_autoptr (GError) error = NULL;
      guint64 insert;

      vmp_save_image_read (fd, "x", &image, &error);
      g_assert_no_error (error);
      g_assert_false (
          vmp_save_image_rewrite (&image, "x", texts[i], NULL, &head, &insert, &error));
      g_assert_error (error, VMPORT_ERROR, VMPORT_ERROR_NOT_SUPPORTED);
      g_assert_null (head);
    }
}

static GVariant *
expect (const char *xml, const char *cookie)
{
  GVariantDict dict;

  g_variant_dict_init (&dict, NULL);
  g_variant_dict_insert (&dict, "StateXml", "s", xml);
  if (cookie != NULL)
    g_variant_dict_insert (&dict, "StateCookie", "s", cookie);
  return g_variant_ref_sink (g_variant_dict_end (&dict));
}

static void
assert_says (int fd, const char *xml, const char *cookie, gboolean is_so)
{
  g_autoptr (GVariant) options = expect (xml, cookie);
  g_autoptr (GError) error = NULL;
  GVariantDict reading;

  g_variant_dict_init (&reading, NULL);
  vmp_state_describe (fd, "x", options, &reading, &error);
  g_variant_dict_clear (&reading);
  if (is_so)
    g_assert_no_error (error);
  else
    g_assert_error (error, VMPORT_ERROR, VMPORT_ERROR_UNSAFE);
}

/* A finished copy has just the bytes that it was to have, those that nobody reads included. */
static void
test_says (Scratch *scratch, gconstpointer data)
{
  const char *xml = "<domain type='qemu'><name>new</name><os><type>hvm</type></os></domain>";
  const char *other = "<domain type='qemu'><name>odd</name><os><type>hvm</type></os></domain>";
  const Parts parts = { .cookie = TRUE };
  vmp_autofd int fd = make (&parts);
  vmp_autofd int target = -1;
  const off_t places[] = { 24, 40, 91, HEADER + (off_t) strlen (xml) + 1,
                           HEADER + sizeof XML + sizeof COOKIE + 99 };

  check_copy (scratch, fd, xml, NULL);
  target = scratch_open (scratch, "target");
  assert_says (target, xml, NULL, TRUE);
  assert_says (target, other, NULL, FALSE);
  assert_says (target, xml, COOKIE, FALSE);
  for (gsize i = 0; i < G_N_ELEMENTS (places); i++)
    {
      char before;

      g_assert_cmpint (pread (target, &before, 1, places[i]), ==, 1);
      g_assert_cmpint (pwrite (target, "\7", 1, places[i]), ==, 1);
      assert_says (target, xml, NULL, FALSE);
      g_assert_cmpint (pwrite (target, &before, 1, places[i]), ==, 1);
    }
  assert_says (target, xml, NULL, TRUE);
}

/* As libvirt 9.0 writes it. */
static void
test_cookie (void)
{
  static const char before[] = "<cookie>\n"
                               "  <cpu mode='custom' match='exact' check='full'>\n"
                               "    <model fallback='forbid'>qemu64</model>\n"
                               "    <feature policy='require' name='hypervisor'/>\n"
                               "  </cpu>\n"
                               "  <slirpHelper/>\n"
                               "</cookie>\n";
  g_autoptr (GError) error = NULL;
  g_autofree char *fresh = vmp_save_cookie_rewrite (before, &error);
  g_autofree char *again = NULL;

  g_assert_no_error (error);
  g_assert_nonnull (strstr (fresh, "<feature policy=\"require\" name=\"hypervisor\"/>"));
  g_assert_nonnull (strstr (fresh, "<slirpHelper/>"));
  again = vmp_save_cookie_rewrite (fresh, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (fresh, ==, again);
}

static void
test_bad_cookie (void)
{
  static const struct
  {
    const char *xml;
    VmportError code;
  } cookies[] = {
    { "", VMPORT_ERROR_CORRUPT },
    { "<cookie>", VMPORT_ERROR_CORRUPT },
    { "<domain/>", VMPORT_ERROR_CORRUPT },
    { "<!DOCTYPE cookie [<!ENTITY a 'b'>]><cookie/>", VMPORT_ERROR_CORRUPT },
    { "<cookie><emulator>/tmp/x</emulator></cookie>", VMPORT_ERROR_UNSAFE },
    { "<cookie a='b'/>", VMPORT_ERROR_UNSAFE },
    { "<cookie><cpu><model>a\001</model></cpu></cookie>", VMPORT_ERROR_CORRUPT },
    { "<cookie><cpu shell='/bin/sh'/></cookie>", VMPORT_ERROR_UNSAFE },
    { "<cookie><cpu/><cpu/></cookie>", VMPORT_ERROR_CORRUPT },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cookies); i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_null (vmp_save_cookie_rewrite (cookies[i].xml, &error));
      g_assert_error (error, VMPORT_ERROR, (int) cookies[i].code);
      g_assert_nonnull (strstr (error->message, "cookie"));
    }
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  for (gsize i = 0; i < G_N_ELEMENTS (good); i++)
    {
      g_autofree char *path = g_strdup_printf ("/save-image/good/%s", good[i].name);

      g_test_add_data_func (path, GSIZE_TO_POINTER (i), test_good);
    }
  for (gsize i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autofree char *path = g_strdup_printf ("/save-image/bad/%s", bad[i].name);

      g_test_add_data_func (path, GSIZE_TO_POINTER (i), test_bad);
    }
  g_test_add_func ("/save-image/truncated", test_truncated);
  g_test_add_func ("/save-image/not-utf8", test_not_utf8);
  g_test_add ("/save-image/rewrite", Scratch, NULL, scratch_set_up, test_rewrite,
              scratch_tear_down);
  g_test_add ("/save-image/says", Scratch, NULL, scratch_set_up, test_says, scratch_tear_down);
  g_test_add_func ("/save-image/rewrite-refused", test_rewrite_refused);
  g_test_add_func ("/save-image/cookie", test_cookie);
  g_test_add_func ("/save-image/bad-cookie", test_bad_cookie);
  return g_test_run ();
}
