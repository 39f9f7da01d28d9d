/* Image headers: what qemu-img makes is understood, what is broken or reaches elsewhere is not. */
#include "config.h"

#include "scratch.h"
#include "vmp-image.h"
#include "vmport-error.h"

#define MIB (1024 * 1024)

static void
put (int fd, guint64 offset, const void *bytes, gsize size)
{
  g_assert_cmpint (pwrite (fd, bytes, size, (off_t) offset), ==, (gssize) size);
}

static void
get (int fd, guint64 offset, void *bytes, gsize size)
{
  g_assert_cmpint (pread (fd, bytes, size, (off_t) offset), ==, (gssize) size);
}

/* Writes a big-endian number of @width bytes. */
static void
put_be (int fd, guint64 offset, guint width, guint64 value)
{
  guint64 be = GUINT64_TO_BE (value);

  put (fd, offset, (guint8 *) &be + 8 - width, width);
}

static void
put_le (int fd, guint64 offset, guint width, guint64 value)
{
  guint64 le = GUINT64_TO_LE (value);

  put (fd, offset, &le, width);
}

static guint64
get_be (int fd, guint64 offset, guint width)
{
  guint64 be = 0;

  get (fd, offset, (guint8 *) &be + 8 - width, width);
  return GUINT64_FROM_BE (be);
}

static guint64
file_size (int fd)
{
  struct stat st;

  g_assert_cmpint (fstat (fd, &st), ==, 0);
  return (guint64) st.st_size;
}

/* `qemu-img create` with options. */
static void
create_image (Scratch *scratch, const char *name, const char *format, const char *options,
              const char *size)
{
  g_autofree char *path = scratch_file (scratch, name);
  g_autofree char *output = NULL;

  g_unlink (path);
  if (options != NULL)
    output = scratch_runl ("qemu-img", "create", "-q", "-f", format, "-o", options, path, size);
  else
    output = scratch_runl ("qemu-img", "create", "-q", "-f", format, path, size);
}

static int
make_image (Scratch *scratch, const char *name, const char *format, const char *options,
            const char *size)
{
  create_image (scratch, name, format, options, size);
  return scratch_open (scratch, name);
}

/* An overlay whose backing name need not lead anywhere. */
static int
make_overlay (Scratch *scratch, const char *name, const char *options, const char *backing,
              const char *backing_format)
{
  g_autofree char *path = scratch_file (scratch, name);
  g_autofree char *output = NULL;

  g_unlink (path);
  output = scratch_runl ("qemu-img", "create", "-q", "-f", "qcow2", "-u", "-o",
                         options != NULL ? options : "compat=1.1", "-b", backing, "-F",
                         backing_format, path, "64M");
  return scratch_open (scratch, name);
}

static void
assert_fails (int fd, const char *format, VmportError code)
{
  g_autoptr (GError) error = NULL;
  g_auto (VmpImageInfo) info = { 0 };

  g_assert_false (vmp_image_inspect (fd, format, "“disk”", &info, &error));
  g_assert_error (error, VMPORT_ERROR, (int) code);
  g_assert_true (g_str_has_prefix (error->message, "“disk”"));
  g_assert_null (info.format);
}

/* The image is in order, and has the virtual size that QEMU sees. */
static void
assert_inspects (Scratch *scratch, const char *name, const char *format, VmpImageInfo *info)
{
  g_autofree char *path = scratch_file (scratch, name);
  g_autofree char *json = scratch_runl ("qemu-img", "info", "--output=json", "-f", format, path);
  vmp_autofd int fd = open (path, O_RDONLY | O_CLOEXEC);
  g_autofree char *size = NULL;
  g_autoptr (GError) error = NULL;

  vmp_image_inspect (fd, format, "“disk”", info, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (info->format, ==, format);
  size = g_strdup_printf ("\"virtual-size\": %" G_GUINT64_FORMAT ",", info->virtual_size);
  if (strstr (json, size) == NULL)
    g_error ("%s %s is not in %s", name, size, json);
}

static void
test_formats (void)
{
  g_assert_cmpstr (vmp_image_format_extension ("qcow2"), ==, "qcow2");
  g_assert_cmpstr (vmp_image_format_extension ("raw"), ==, "raw");
  g_assert_cmpstr (vmp_image_format_extension ("vpc"), ==, "vhd");
  g_assert_cmpstr (vmp_image_format_extension ("vhdx"), ==, "vhdx");
  g_assert_null (vmp_image_format_extension ("qed"));
  g_assert_null (vmp_image_format_extension (""));
  g_assert_null (vmp_image_format_extension (NULL));
  g_assert_null (vmp_image_format_extension ("luks"));
}

static void
test_unknown_format (Scratch *scratch, gconstpointer data)
{
  vmp_autofd int fd = scratch_open (scratch, "disk");

  assert_fails (fd, "qed", VMPORT_ERROR_NOT_SUPPORTED);
}

/* Every kind of qcow2 that this qemu-img makes. */
static void
test_qcow2_kinds (Scratch *scratch, gconstpointer data)
{
  const struct
  {
    const char *options;
    const char *size;
  } rows[] = {
    { NULL, "64M" },
    { NULL, "0" },
    { NULL, "10T" },
    { "compat=0.10", "64M" },
    { "cluster_size=512", "1G" },
    { "cluster_size=2M", "64M" },
    { "cluster_size=2M", "1P" },
    { "compat=0.10,cluster_size=512", "64M" },
    { "compression_type=zstd", "64M" },
    { "extended_l2=on,cluster_size=128k", "64M" },
    { "lazy_refcounts=on", "64M" },
    { "refcount_bits=1", "64M" },
    { "refcount_bits=64", "64M" },
    { "preallocation=metadata", "1G" },
    { "preallocation=falloc", "64M" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_auto (VmpImageInfo) info = { 0 };

      create_image (scratch, "disk", "qcow2", rows[i].options, rows[i].size);
      assert_inspects (scratch, "disk", "qcow2", &info);
      g_assert_null (info.backing_file);
      g_assert_null (info.backing_format);
      g_assert_false (info.encrypted);
      g_assert_false (info.dirty);
      g_assert_cmpuint (info.n_snapshots, ==, 0);
    }
}

static void
test_qcow2_snapshots (Scratch *scratch, gconstpointer data)
{
  vmp_autofd int fd = make_image (scratch, "disk", "qcow2", NULL, "64M");
  g_autofree char *path = scratch_file (scratch, "disk");
  g_auto (VmpImageInfo) info = { 0 };
  guint64 table;

  for (guint i = 0; i < 3; i++)
    {
      g_autofree char *name = g_strdup_printf ("before the %u. upgrade", i);

      g_free (scratch_runl ("qemu-img", "snapshot", "-c", name, path));
    }
  g_free (scratch_runl ("qemu-img", "bitmap", "--add", path, "bitmap0"));
  assert_inspects (scratch, "disk", "qcow2", &info);
  g_assert_cmpuint (info.n_snapshots, ==, 3);

  table = get_be (fd, 64, 8);
  put_be (fd, 64, 8, table + 8); /* not aligned */
  assert_fails (fd, "qcow2", VMPORT_ERROR_CORRUPT);
  put_be (fd, 64, 8, G_GUINT64_CONSTANT (1) << 40);
  assert_fails (fd, "qcow2", VMPORT_ERROR_CORRUPT);
  put_be (fd, 64, 8, table);
  put_be (fd, 60, 4, 65537);
  assert_fails (fd, "qcow2", VMPORT_ERROR_CORRUPT);
  put_be (fd, 60, 4, 3);
  put_be (fd, table + 36, 4, 2000); /* extra data */
  assert_fails (fd, "qcow2", VMPORT_ERROR_CORRUPT);
  put_be (fd, table + 36, 4, 24);
  put_be (fd, table + 8, 4, 0x7fffffff); /* L1 entries of the first snapshot */
  assert_fails (fd, "qcow2", VMPORT_ERROR_CORRUPT);
}

/* An encrypted image. qemu-img times its key derivation and gives up where the kernel's clock for
 * that jumps, as it does in virtual machines once in a while: it gets several chances. */
static void
make_encrypted (const char *path, const char *backing)
{
  const char *argv[] = { "qemu-img",
                         "create",
                         "-q",
                         "-f",
                         "qcow2",
                         "--object",
                         "secret,id=s,data=secret",
                         "-o",
                         "encrypt.format=luks,encrypt.key-secret=s,encrypt.iter-time=10",
                         path,
                         "64M",
                         backing != NULL ? "-b" : NULL,
                         backing,
                         "-F",
                         "qcow2",
                         NULL };

  for (guint attempt = 0; attempt < 20; attempt++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (GSubprocess) process = g_subprocess_newv (argv, G_SUBPROCESS_FLAGS_NONE, &error);

      g_assert_no_error (error);
      if (g_subprocess_wait_check (process, NULL, &error))
        return;
    }
  g_error ("qemu-img makes no encrypted image");
}

static void
test_qcow2_encrypted (Scratch *scratch, gconstpointer data)
{
  g_autofree char *path = scratch_file (scratch, "disk");
  g_auto (VmpImageInfo) info = { 0 };
  vmp_autofd int fd = -1;

  make_encrypted (path, NULL);
  assert_inspects (scratch, "disk", "qcow2", &info);
  g_assert_true (info.encrypted);
  fd = scratch_open (scratch, "disk");
  put_be (fd, 32, 4, 3);
  assert_fails (fd, "qcow2", VMPORT_ERROR_UNSAFE);
  put_be (fd, 32, 4, 0); /* its header is still there */
  assert_fails (fd, "qcow2", VMPORT_ERROR_CORRUPT);
}

static void
test_qcow2_dirty (Scratch *scratch, gconstpointer data)
{
  vmp_autofd int fd = make_image (scratch, "disk", "qcow2", "lazy_refcounts=on", "64M");
  g_auto (VmpImageInfo) info = { 0 };

  put_be (fd, 72, 8, 1);
  g_assert_true (vmp_image_inspect (fd, "qcow2", "disk", &info, NULL));
  g_assert_true (info.dirty);
}

/* One field of a good header at a time. */
static void
test_qcow2_fields (Scratch *scratch, gconstpointer data)
{
  const struct
  {
    const char *what;
    guint64 offset;
    guint width;
    guint64 value;
    VmportError code;
  } rows[] = {
    { "magic", 0, 4, 0x514649fc, VMPORT_ERROR_CORRUPT },
    { "version 1", 4, 4, 1, VMPORT_ERROR_CORRUPT },
    { "version 4", 4, 4, 4, VMPORT_ERROR_CORRUPT },
    { "cluster bits 8", 20, 4, 8, VMPORT_ERROR_CORRUPT },
    { "cluster bits 22", 20, 4, 22, VMPORT_ERROR_CORRUPT },
    { "cluster bits huge", 20, 4, 0xffffffff, VMPORT_ERROR_CORRUPT },
    { "size negative", 24, 8, G_GUINT64_CONSTANT (1) << 63, VMPORT_ERROR_CORRUPT },
    { "size beyond L1", 24, 8, G_GUINT64_CONSTANT (1) << 40, VMPORT_ERROR_CORRUPT },
    { "L1 size 0", 36, 4, 0, VMPORT_ERROR_CORRUPT },
    { "L1 huge", 36, 4, 0x10000000, VMPORT_ERROR_CORRUPT },
    { "L1 beyond the end", 36, 4, 0x10000, VMPORT_ERROR_CORRUPT },
    { "L1 at 0", 40, 8, 0, VMPORT_ERROR_CORRUPT },
    { "L1 askew", 40, 8, 0x30008, VMPORT_ERROR_CORRUPT },
    { "L1 far", 40, 8, G_MAXUINT64 & ~0xffffu, VMPORT_ERROR_CORRUPT },
    { "refcounts askew", 48, 8, 0x10001, VMPORT_ERROR_CORRUPT },
    { "refcounts far", 48, 8, G_GUINT64_CONSTANT (1) << 50, VMPORT_ERROR_CORRUPT },
    { "no refcounts", 56, 4, 0, VMPORT_ERROR_CORRUPT },
    { "refcounts huge", 56, 4, 0xffffffff, VMPORT_ERROR_CORRUPT },
    { "data file", 72, 8, 4, VMPORT_ERROR_UNSAFE },
    { "compression without a type", 72, 8, 8, VMPORT_ERROR_CORRUPT },
    { "unknown feature", 72, 8, 32, VMPORT_ERROR_UNSAFE },
    { "unknown high feature", 72, 8, G_GUINT64_CONSTANT (1) << 63, VMPORT_ERROR_UNSAFE },
    { "refcount order", 96, 4, 7, VMPORT_ERROR_CORRUPT },
    { "header short", 100, 4, 96, VMPORT_ERROR_CORRUPT },
    { "header odd", 100, 4, 105, VMPORT_ERROR_CORRUPT },
    { "header long", 100, 4, 0x20000, VMPORT_ERROR_CORRUPT },
    { "compression type", 104, 1, 2, VMPORT_ERROR_UNSAFE },
    { "compression type without its bit", 104, 1, 1, VMPORT_ERROR_CORRUPT },
    { "extension too long", 116, 4, 0x10000, VMPORT_ERROR_CORRUPT },
    { "extension of maximal length", 116, 4, 0xffffffff, VMPORT_ERROR_CORRUPT },
    { "data file's name", 112, 4, 0x44415441, VMPORT_ERROR_UNSAFE },
    { "backing name's place 1", 8, 8, 16, VMPORT_ERROR_CORRUPT },
    { "backing name's place 2", 8, 8, 0x10001, VMPORT_ERROR_CORRUPT },
    { "backing name's place 3", 8, 8, G_MAXUINT64, VMPORT_ERROR_CORRUPT },
    { "backing name empty", 16, 4, 0, VMPORT_ERROR_CORRUPT },
    { "backing name long", 16, 4, 1024, VMPORT_ERROR_CORRUPT },
    { "backing name longest", 16, 4, 0xffffffff, VMPORT_ERROR_CORRUPT },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      vmp_autofd int fd = make_overlay (scratch, "disk", NULL, "base.qcow2", "qcow2");
      g_auto (VmpImageInfo) info = { 0 };

      g_assert_true (vmp_image_inspect (fd, "qcow2", "disk", &info, NULL));
      g_test_message ("%s", rows[i].what);
      put_be (fd, rows[i].offset, rows[i].width, rows[i].value);
      assert_fails (fd, "qcow2", rows[i].code);
    }
}

static void
test_qcow2_backing (Scratch *scratch, gconstpointer data)
{
  const char *const good[]
      = { "base.qcow2", "../Virtual Hard Disks/base.qcow2", "/srv/base: 1.qcow2", "Grüße.qcow2" };
  const char *const bad[] = { "json:{\"driver\":\"file\",\"filename\":\"/etc/shadow\"}",
                              "nbd://host/disk",
                              "nbd:unix:/x",
                              "http://host/disk",
                              "fat:rw:/etc",
                              "file:/etc/shadow",
                              "host_device:/dev/vda",
                              "a+b-c.d:x" };

  for (gsize i = 0; i < G_N_ELEMENTS (good); i++)
    {
      vmp_autofd int fd = make_overlay (scratch, "disk", NULL, good[i], "raw");
      g_auto (VmpImageInfo) info = { 0 };
      g_autoptr (GError) error = NULL;

      vmp_image_inspect (fd, "qcow2", "disk", &info, &error);
      g_assert_no_error (error);
      g_assert_cmpstr (info.backing_file, ==, good[i]);
      g_assert_cmpstr (info.backing_format, ==, "raw");
    }
  for (gsize i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      vmp_autofd int fd
          = make_overlay (scratch, "disk", NULL,
                          "a-name-as-long-as-any-of-those-in-the-table-above.qcow2", "qcow2");

      put (fd, get_be (fd, 8, 8), bad[i], strlen (bad[i]));
      put_be (fd, 16, 4, strlen (bad[i]));
      assert_fails (fd, "qcow2", VMPORT_ERROR_UNSAFE);
    }
  {
    const char *const dirty[] = { "a\nb",
                                  "a\x7f"
                                  "b",
                                  "a\xff"
                                  "b",
                                  "a\0b",
                                  "\xc2\x9b"
                                  "b" };

    for (gsize i = 0; i < G_N_ELEMENTS (dirty); i++)
      {
        vmp_autofd int fd = make_overlay (scratch, "disk", NULL, "abc", "qcow2");

        put (fd, get_be (fd, 8, 8), dirty[i], 3);
        assert_fails (fd, "qcow2", VMPORT_ERROR_UNSAFE);
      }
  }
  {
    vmp_autofd int fd = make_overlay (scratch, "disk", NULL, "base.qcow2", "qcow2");

    put (fd, 120, "qc/w2", 5); /* the format, in the first extension */
    assert_fails (fd, "qcow2", VMPORT_ERROR_UNSAFE);
  }
}

static void
test_qcow2_data_file (Scratch *scratch, gconstpointer data)
{
  g_autofree char *path = scratch_file (scratch, "data");
  g_autofree char *options = g_strdup_printf ("data_file=%s,data_file_raw=on", path);
  vmp_autofd int fd = make_image (scratch, "disk", "qcow2", options, "64M");

  assert_fails (fd, "qcow2", VMPORT_ERROR_UNSAFE);
  put_be (fd, 72, 8, 0); /* without its bit the name is still there */
  assert_fails (fd, "qcow2", VMPORT_ERROR_UNSAFE);
}

static void
test_vmdk (Scratch *scratch, gconstpointer data)
{
  g_autofree char *sparse_path = scratch_file (scratch, "disk.vmdk");
  g_autofree char *stream_path = scratch_file (scratch, "stream.vmdk");
  vmp_autofd int stream = -1;
  g_auto (VmpImageInfo) info = { 0 };
  g_auto (VmpImageInfo) stream_info = { 0 };

  create_image (scratch, "disk.vmdk", "vmdk", "subformat=monolithicSparse", "64M");
  assert_inspects (scratch, "disk.vmdk", "vmdk", &info);
  g_assert_null (info.backing_file);
  g_free (scratch_runl ("qemu-img", "convert", "-O", "vmdk", "-o", "subformat=streamOptimized",
                        sparse_path, stream_path));
  assert_inspects (scratch, "stream.vmdk", "vmdk", &stream_info);

  /* As VMware streams it: the header does not know the tables' place, the footer does, and that is
   * all that it may add. */
  stream = scratch_open (scratch, "stream.vmdk");
  {
    guint64 end = file_size (stream);
    guint8 sector[512];
    g_auto (VmpImageInfo) footer_info = { 0 };

    get (stream, 0, sector, sizeof sector);
    put_le (stream, 56, 8, G_MAXUINT64);
    assert_fails (stream, "vmdk", VMPORT_ERROR_CORRUPT);
    g_assert_cmpint (ftruncate (stream, (off_t) end + 1536), ==, 0);
    put_le (stream, end, 8, 1);
    put_le (stream, end + 12, 4, 3);
    put (stream, end + 512, sector, sizeof sector);
    assert_inspects (scratch, "stream.vmdk", "vmdk", &footer_info);
    g_assert_cmpuint (footer_info.virtual_size, ==, stream_info.virtual_size);
    put_le (stream, end + 512 + 56, 8, G_MAXUINT64);
    assert_fails (stream, "vmdk", VMPORT_ERROR_CORRUPT);
    put (stream, end + 512, sector, sizeof sector);
    put_le (stream, end + 512 + 12, 8, 99);
    assert_fails (stream, "vmdk", VMPORT_ERROR_CORRUPT);
  }
}

/* Kinds that are texts naming files. */
static void
test_vmdk_flat (Scratch *scratch, gconstpointer data)
{
  const char *const kinds[] = { "subformat=monolithicFlat", "subformat=twoGbMaxExtentSparse",
                                "subformat=twoGbMaxExtentFlat" };

  for (gsize i = 0; i < G_N_ELEMENTS (kinds); i++)
    {
      vmp_autofd int fd = make_image (scratch, "disk.vmdk", "vmdk", kinds[i], "64M");

      assert_fails (fd, "vmdk", VMPORT_ERROR_UNSAFE);
      assert_fails (fd, "raw", VMPORT_ERROR_UNSAFE);
    }
}

/* Replaces @old, which is in the descriptor, by @new, and pads with the zeros at its end. */
static void
edit_descriptor (int fd, const char *old, const char *new)
{
  char text[20 * 512 + 1] = { 0 };
  char *at;
  g_autofree char *rest = NULL;

  get (fd, 512, text, sizeof text - 1);
  at = strstr (text, old);
  g_assert_nonnull (at);
  rest = g_strdup (at + strlen (old));
  memset (at, 0, strlen (at));
  g_assert_cmpuint (g_strlcpy (at, new, sizeof text - (gsize) (at - text)), ==, strlen (new));
  g_strlcat (text, rest, sizeof text);
  put (fd, 512, text, sizeof text - 1);
}

static void
test_vmdk_descriptor (Scratch *scratch, gconstpointer data)
{
  const struct
  {
    const char *old;
    const char *new;
    VmportError code;
  } rows[] = {
    { "\"disk.vmdk\"", "\"/etc/shadow\"", VMPORT_ERROR_UNSAFE },
    { "\"disk.vmdk\"", "\"..\"", VMPORT_ERROR_UNSAFE },
    { "\"disk.vmdk\"", "\"a\\b\"", VMPORT_ERROR_UNSAFE },
    { "\"disk.vmdk\"", "\"nbd:x\"", VMPORT_ERROR_UNSAFE },
    { "\"disk.vmdk\"", "\"disk.vmdk\" 0", VMPORT_ERROR_UNSAFE },
    { "SPARSE", "FLAT", VMPORT_ERROR_UNSAFE },
    { "\"disk.vmdk\"", "\"disk.vmdk\"\nRW 131072 SPARSE \"two.vmdk\"", VMPORT_ERROR_UNSAFE },
    { "RW 131072", "RW 131073", VMPORT_ERROR_CORRUPT },
    { "RW 131072", "RW x", VMPORT_ERROR_UNSAFE },
    { "RW 131072 SPARSE \"disk.vmdk\"", "", VMPORT_ERROR_CORRUPT },
    { "monolithicSparse", "monolithicFlat", VMPORT_ERROR_UNSAFE },
    { "monolithicSparse", "custom", VMPORT_ERROR_UNSAFE },
    { "createType=\"monolithicSparse\"", "", VMPORT_ERROR_CORRUPT },
    { "createType=", "changeTrackPath=\"/etc/x\"\ncreateType=", VMPORT_ERROR_UNSAFE },
    { "createType=", "gibberish\ncreateType=", VMPORT_ERROR_UNSAFE },
    { "createType=", "a=b\rRW 1\ncreateType=", VMPORT_ERROR_UNSAFE },
    { "createType=", "parentFileNameHint=\"json:{}\"\ncreateType=", VMPORT_ERROR_UNSAFE },
    { "createType=", "parentFileNameHint=x\ncreateType=", VMPORT_ERROR_CORRUPT },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      vmp_autofd int fd = make_image (scratch, "disk.vmdk", "vmdk", NULL, "64M");

      g_test_message ("%s -> %s", rows[i].old, rows[i].new);
      edit_descriptor (fd, rows[i].old, rows[i].new);
      assert_fails (fd, "vmdk", rows[i].code);
    }
  {
    vmp_autofd int fd = make_image (scratch, "disk.vmdk", "vmdk", NULL, "64M");
    g_auto (VmpImageInfo) info = { 0 };

    edit_descriptor (fd, "createType=", "parentFileNameHint=\"base.vmdk\"\ncreateType=");
    g_assert_true (vmp_image_inspect (fd, "vmdk", "disk", &info, NULL));
    g_assert_cmpstr (info.backing_file, ==, "base.vmdk");
    /* Behind the text, where a person does not see it. */
    put (fd, 512 + 20 * 512 - 6, "hidden", 6);
    assert_fails (fd, "vmdk", VMPORT_ERROR_UNSAFE);
  }
}

static void
test_vmdk_fields (Scratch *scratch, gconstpointer data)
{
  const struct
  {
    guint64 offset;
    guint width;
    guint64 value;
    VmportError code;
  } rows[] = {
    { 4, 4, 0, VMPORT_ERROR_CORRUPT },
    { 4, 4, 4, VMPORT_ERROR_CORRUPT },
    { 8, 4, 0x80000003, VMPORT_ERROR_UNSAFE },
    { 12, 8, 0, VMPORT_ERROR_CORRUPT }, /* QEMU would follow the descriptor */
    { 12, 8, G_GUINT64_CONSTANT (1) << 60, VMPORT_ERROR_CORRUPT },
    { 20, 8, 0, VMPORT_ERROR_CORRUPT },
    { 20, 8, 100, VMPORT_ERROR_CORRUPT },
    { 28, 8, 2, VMPORT_ERROR_UNSAFE },
    { 36, 8, 0, VMPORT_ERROR_UNSAFE },
    { 36, 8, 4096, VMPORT_ERROR_CORRUPT },
    { 36, 8, G_MAXUINT64, VMPORT_ERROR_CORRUPT },
    { 44, 4, 0, VMPORT_ERROR_CORRUPT },
    { 44, 4, 513, VMPORT_ERROR_CORRUPT },
    { 48, 8, 1u << 30, VMPORT_ERROR_CORRUPT },
    { 56, 8, 1u << 30, VMPORT_ERROR_CORRUPT },
    { 56, 8, G_MAXUINT64 / 2, VMPORT_ERROR_CORRUPT },
    { 56, 8, G_MAXUINT64, VMPORT_ERROR_CORRUPT }, /* no footer */
    { 73, 1, '\r', VMPORT_ERROR_CORRUPT },
    { 77, 2, 2, VMPORT_ERROR_UNSAFE },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      vmp_autofd int fd = make_image (scratch, "disk.vmdk", "vmdk", NULL, "64M");

      put_le (fd, rows[i].offset, rows[i].width, rows[i].value);
      assert_fails (fd, "vmdk", rows[i].code);
    }
}

static void
put_vhd_checksum (int fd, guint64 offset, gsize size, gsize at)
{
  guint8 bytes[1024];
  guint32 sum = 0;

  put_be (fd, offset + at, 4, 0);
  get (fd, offset, bytes, size);
  for (gsize i = 0; i < size; i++)
    sum += bytes[i];
  put_be (fd, offset + at, 4, (guint32) ~sum);
}

static void
test_vhd (Scratch *scratch, gconstpointer data)
{
  const char *const options[]
      = { "subformat=dynamic", "subformat=fixed", "subformat=dynamic,force_size=on",
          "subformat=fixed,force_size=on" };
  const char *const sizes[] = { "1M", "64M", "100G" };

  for (gsize i = 0; i < G_N_ELEMENTS (options); i++)
    for (gsize j = 0; j < G_N_ELEMENTS (sizes); j++)
      {
        g_auto (VmpImageInfo) info = { 0 };

        create_image (scratch, "disk.vhd", "vpc", options[i], sizes[j]);
        assert_inspects (scratch, "disk.vhd", "vpc", &info);
      }
}

static void
test_vhd_broken (Scratch *scratch, gconstpointer data)
{
  for (guint fixed = 0; fixed < 2; fixed++)
    {
      vmp_autofd int fd = make_image (scratch, "disk.vhd", "vpc",
                                      fixed ? "subformat=fixed" : "subformat=dynamic", "64M");
      guint64 footer = file_size (fd) - 512;

      put_be (fd, footer + 72, 1, 0x5a); /* in the UUID */
      assert_fails (fd, "vpc", VMPORT_ERROR_CORRUPT);
      put_be (fd, footer + 60, 4, 4); /* differencing */
      put_vhd_checksum (fd, footer, 512, 64);
      assert_fails (fd, "vpc", VMPORT_ERROR_UNSAFE);
      put_be (fd, footer + 60, 4, 7);
      put_vhd_checksum (fd, footer, 512, 64);
      assert_fails (fd, "vpc", VMPORT_ERROR_CORRUPT);
      g_assert_cmpint (ftruncate (fd, (off_t) footer), ==, 0);
      assert_fails (fd, "vpc", VMPORT_ERROR_CORRUPT);
    }
  {
    vmp_autofd int fd = make_image (scratch, "disk.vhd", "vpc", "subformat=fixed", "64M");

    /* What a guest may write into its disk. */
    put (fd, 0, "QFI\xfb\0\0\0\3", 8);
    assert_fails (fd, "vpc", VMPORT_ERROR_UNSAFE);
  }
  {
    vmp_autofd int fd = make_image (scratch, "disk.vhd", "vpc", "subformat=dynamic", "64M");
    guint64 footer = file_size (fd) - 512;
    const struct
    {
      guint64 offset; /* in the dynamic header */
      guint width;
      guint64 value;
      VmportError code;
    } rows[] = {
      { 0, 1, 'x', VMPORT_ERROR_CORRUPT },
      { 16, 8, G_MAXUINT64 & ~511u, VMPORT_ERROR_CORRUPT },
      { 16, 8, 7, VMPORT_ERROR_CORRUPT },
      { 28, 4, 1, VMPORT_ERROR_CORRUPT },
      { 28, 4, 0xffffffff, VMPORT_ERROR_CORRUPT },
      { 32, 4, 0, VMPORT_ERROR_CORRUPT },
      { 32, 4, 3 << 20, VMPORT_ERROR_CORRUPT },
      { 32, 4, 1u << 31, VMPORT_ERROR_CORRUPT },
      { 576, 4, 0x57326b75, VMPORT_ERROR_UNSAFE },          /* W2ku, the first parent locator */
      { 576 + 7 * 24, 4, 0x57326b75, VMPORT_ERROR_UNSAFE }, /* the last */
    };

    for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
      {
        guint8 header[1024];

        get (fd, 512, header, sizeof header);
        put_be (fd, 512 + rows[i].offset, rows[i].width, rows[i].value);
        put_vhd_checksum (fd, 512, 1024, 36);
        assert_fails (fd, "vpc", rows[i].code);
        put (fd, 512, header, sizeof header);
      }
    put_be (fd, 48, 8, 1 << 20); /* the copy tells of another size */
    put_vhd_checksum (fd, 0, 512, 64);
    assert_fails (fd, "vpc", VMPORT_ERROR_CORRUPT);
    put_be (fd, 48, 8, get_be (fd, footer + 48, 8));
    put_vhd_checksum (fd, 0, 512, 64);
    put_be (fd, 16, 8, G_MAXUINT64 - 1023);
    put_vhd_checksum (fd, 0, 512, 64);
    put_be (fd, footer + 16, 8, G_MAXUINT64 - 1023);
    put_vhd_checksum (fd, footer, 512, 64);
    assert_fails (fd, "vpc", VMPORT_ERROR_CORRUPT);
  }
}

static void
test_vhdx (Scratch *scratch, gconstpointer data)
{
  const struct
  {
    const char *options;
    const char *size;
  } rows[] = {
    { "subformat=dynamic", "64M" },
    { "subformat=fixed", "64M" },
    { "subformat=dynamic,block_size=1M", "100G" },
    { "subformat=dynamic,block_size=256M", "10T" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_auto (VmpImageInfo) info = { 0 };

      create_image (scratch, "disk.vhdx", "vhdx", rows[i].options, rows[i].size);
      assert_inspects (scratch, "disk.vhdx", "vhdx", &info);
    }
}

static void
put_crc32c (int fd, guint64 offset, gsize size)
{
  g_autofree guint8 *bytes = g_malloc (size);
  guint32 crc = 0xffffffff;

  put_le (fd, offset + 4, 4, 0);
  get (fd, offset, bytes, size);
  for (gsize i = 0; i < size; i++)
    {
      crc ^= bytes[i];
      for (guint bit = 0; bit < 8; bit++)
        crc = (crc >> 1) ^ (0x82f63b78 & (0 - (crc & 1)));
    }
  put_le (fd, offset + 4, 4, (guint32) ~crc);
}

/* Where @bytes first are in the first @size bytes of the file. */
static guint64
find_bytes (int fd, gsize size, const void *bytes, gsize n_bytes)
{
  g_autofree guint8 *start = g_malloc (size);
  const guint8 *at;

  get (fd, 0, start, size);
  at = memmem (start, size, bytes, n_bytes);
  g_assert_nonnull (at);
  return (guint64) (at - start);
}

static void
test_vhdx_broken (Scratch *scratch, gconstpointer data)
{
  const struct
  {
    const char *what;
    guint64 offset;
    guint width;
    guint64 value;
    guint64 table; /* its checksum is written anew; 0: not */
    gsize table_size;
    VmportError code;
  } rows[] = {
    { "magic", 0, 1, 'x', 0, 0, VMPORT_ERROR_CORRUPT },
    { "log", 65536 + 48, 8, 77, 65536, 4096, VMPORT_ERROR_UNSAFE },
    { "version", 65536 + 66, 2, 2, 65536, 4096, VMPORT_ERROR_CORRUPT },
    { "log's place", 65536 + 72, 8, G_GUINT64_CONSTANT (1) << 60, 65536, 4096,
      VMPORT_ERROR_CORRUPT },
    { "region count", 196608 + 8, 4, 2048, 196608, 65536, VMPORT_ERROR_CORRUPT },
    { "unknown region", 196608 + 16, 8, 1, 196608, 65536,
      VMPORT_ERROR_CORRUPT }, /* the table is not found */
    { "region's place", 196608 + 32, 8, G_MAXUINT64 & ~0xfffffu, 196608, 65536,
      VMPORT_ERROR_CORRUPT },
    { "region's length", 196608 + 40, 4, 0, 196608, 65536, VMPORT_ERROR_CORRUPT },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      vmp_autofd int fd = make_image (scratch, "disk.vhdx", "vhdx", NULL, "64M");

      g_test_message ("%s", rows[i].what);
      put_be (fd, 131072, 4, 0); /* the other header and table are gone */
      put_be (fd, 262144, 4, 0);
      put_crc32c (fd, 65536, 4096); /* proves that the checksum here is the one of the format */
      {
        g_auto (VmpImageInfo) info = { 0 };

        g_assert_true (vmp_image_inspect (fd, "vhdx", "disk", &info, NULL));
      }
      put_le (fd, rows[i].offset, rows[i].width, rows[i].value);
      if (rows[i].table != 0)
        {
          assert_fails (fd, "vhdx", VMPORT_ERROR_CORRUPT); /* by the checksum */
          put_crc32c (fd, rows[i].table, rows[i].table_size);
        }
      assert_fails (fd, "vhdx", rows[i].code);
    }
  {
    vmp_autofd int fd = make_image (scratch, "disk.vhdx", "vhdx", NULL, "64M");

    put_be (fd, 262144, 4, 0);
    put_le (fd, 196608 + 8, 4, 3); /* one region more, which is required */
    put_le (fd, 196608 + 16 + 2 * 32, 8, 1);
    put_le (fd, 196608 + 16 + 2 * 32 + 28, 4, 1);
    put_crc32c (fd, 196608, 65536);
    assert_fails (fd, "vhdx", VMPORT_ERROR_UNSAFE);
  }
  {
    vmp_autofd int fd = make_image (scratch, "disk.vhdx", "vhdx", NULL, "64M");
    const guint8 parameters[] = { 0x37, 0x67, 0xa1, 0xca, 0x36, 0xfa, 0x43, 0x4d };
    guint64 table = find_bytes (fd, 8 * MIB, "metadata", 8);
    guint64 entry = find_bytes (fd, 8 * MIB, parameters, sizeof parameters);
    guint32 offset;
    guint8 bits, first;

    get (fd, entry + 16, &offset, 4);
    offset = GUINT32_FROM_LE (offset);
    get (fd, table + offset + 4, &bits, 1);
    put_le (fd, table + offset + 4, 1, bits | 2); /* has a parent */
    assert_fails (fd, "vhdx", VMPORT_ERROR_UNSAFE);
    put_le (fd, table + offset + 4, 1, bits);
    put_le (fd, table + offset, 4, 12345); /* block size */
    assert_fails (fd, "vhdx", VMPORT_ERROR_CORRUPT);
    put_le (fd, entry + 16, 4, 0xfffffff0);
    assert_fails (fd, "vhdx", VMPORT_ERROR_CORRUPT);
    get (fd, entry, &first, 1);
    put_le (fd, entry, 1, first ^ 1); /* a required item that is not known */
    assert_fails (fd, "vhdx", VMPORT_ERROR_UNSAFE);
    put_le (fd, table + 10, 2, 2048);
    assert_fails (fd, "vhdx", VMPORT_ERROR_CORRUPT);
  }
}

static void
test_raw (Scratch *scratch, gconstpointer data)
{
  const struct
  {
    guint offset;
    const char *start;
  } bad[] = {
    { 0, "QFI\xfb" },
    { 0, "QED\0" },
    { 0, "KDMV" },
    { 0, "COWD" },
    { 0, "vhdxfile" },
    { 0, "conectix" },
    { 64, "\x7f\x10\xda\xbe" },
    { 0, "# Disk DescriptorFile\nversion=1\n" },
    { 0, "# disk descriptorfile" },
    { 0, "#\n  \n\r\nversion=1\n" },
    { 0, "version=3\n" },
    { 0, "WithoutFreeSpace" },
  };
  const char *const good[]
      = { "LUKS\xba\xbe", "\xeb\x63\x90", "#!/bin/sh\n", "# a comment\nvers", "" };

  for (gsize i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      vmp_autofd int fd = scratch_open (scratch, "disk");

      g_assert_cmpint (ftruncate (fd, 0), ==, 0);
      g_assert_cmpint (ftruncate (fd, MIB), ==, 0);
      put (fd, bad[i].offset, bad[i].start, MAX (strlen (bad[i].start), 4));
      assert_fails (fd, "raw", VMPORT_ERROR_UNSAFE);
    }
  for (gsize i = 0; i < G_N_ELEMENTS (good); i++)
    {
      vmp_autofd int fd = scratch_open (scratch, "disk");
      g_auto (VmpImageInfo) info = { 0 };
      g_autoptr (GError) error = NULL;

      g_assert_cmpint (ftruncate (fd, 0), ==, 0);
      put (fd, 0, good[i], strlen (good[i]));
      vmp_image_inspect (fd, "raw", "disk", &info, &error);
      g_assert_no_error (error);
      g_assert_cmpuint (info.virtual_size, ==, strlen (good[i]));
    }
}

/* No image passes as another format, and none passes cut short. */
static void
test_mistaken_and_cut (Scratch *scratch, gconstpointer data)
{
  const char *const formats[] = { "qcow2", "raw", "vmdk", "vpc", "vhdx" };

  for (gsize i = 0; i < G_N_ELEMENTS (formats); i++)
    {
      vmp_autofd int fd = make_image (scratch, "disk", formats[i], NULL, "64M");
      guint64 size = file_size (fd);

      if (strcmp (formats[i], "raw") == 0)
        continue;
      for (gsize j = 0; j < G_N_ELEMENTS (formats); j++)
        if (i != j)
          {
            g_auto (VmpImageInfo) info = { 0 };
            g_autoptr (GError) error = NULL;

            g_assert_false (vmp_image_inspect (fd, formats[j], "disk", &info, &error));
            g_assert_true (g_error_matches (error, VMPORT_ERROR, VMPORT_ERROR_CORRUPT)
                           || g_error_matches (error, VMPORT_ERROR, VMPORT_ERROR_UNSAFE));
          }
      /* VHDX ends with blocks that may be missing; the others with what their header needs. */
      if (strcmp (formats[i], "vmdk") != 0 && strcmp (formats[i], "vhdx") != 0)
        {
          g_assert_cmpint (ftruncate (fd, (off_t) size - 1), ==, 0);
          assert_fails (fd, formats[i], VMPORT_ERROR_CORRUPT);
        }
      for (guint64 cut = MIN (size, 2 * MIB) - 1; cut > 0; cut = cut * 2 / 3)
        {
          g_assert_cmpint (ftruncate (fd, (off_t) cut), ==, 0);
          if (cut < 10000)
            assert_fails (fd, formats[i], VMPORT_ERROR_CORRUPT);
        }
    }
}

static void
assert_has_line (const char *json, const char *key, const char *value)
{
  g_autofree char *line = g_strdup_printf ("\"%s\": \"%s\"", key, value);

  if (strstr (json, line) == NULL)
    g_error ("%s is not in %s", line, json);
}

static gboolean
apply_patch (int fd, const char *backing, const char *format, GError **error)
{
  g_autoptr (GBytes) bytes = NULL;
  guint64 offset = 1;
  gsize size;
  gconstpointer content;

  if (!vmp_image_backing_patch (fd, "“disk”", backing, format, &offset, &bytes, error))
    return FALSE;
  content = g_bytes_get_data (bytes, &size);
  g_assert_cmpuint (offset, ==, 0);
  g_assert_cmpuint (size, <=, G_GUINT64_CONSTANT (1) << get_be (fd, 20, 4));
  g_assert_cmpuint (size, <=, file_size (fd));
  put (fd, 0, content, size);
  return TRUE;
}

/* qemu-img agrees about the new name, finds nothing broken, and sees the same content. */
static void
test_patch (Scratch *scratch, gconstpointer data)
{
  const char *const options[] = { "compat=1.1",
                                  "compat=0.10",
                                  "compat=1.1,cluster_size=2M",
                                  "compat=1.1,compression_type=zstd",
                                  "compat=1.1,extended_l2=on,cluster_size=64k",
                                  "compat=0.10,cluster_size=512" };
  const char *const names[] = { "b.qcow2", "a rather longer name for the base of this disk.qcow2",
                                "../Virtual Hard Disks/base.qcow2", "x" };
  g_autofree char *base = scratch_file (scratch, "base.qcow2");
  g_autofree char *path = scratch_file (scratch, "disk");

  g_free (scratch_runl ("qemu-img", "create", "-q", "-f", "qcow2", base, "64M"));
  for (gsize i = 0; i < G_N_ELEMENTS (options); i++)
    {
      vmp_autofd int fd = -1;

      g_unlink (path);
      g_free (scratch_runl ("qemu-img", "create", "-q", "-f", "qcow2", "-o", options[i], "-b", base,
                            "-F", "qcow2", path, "64M"));
      g_free (scratch_runl ("qemu-io", "-f", "qcow2", "-c", "write -P 7 1M 3M", path));
      fd = scratch_open (scratch, "disk");
      for (gsize j = 0; j < G_N_ELEMENTS (names); j++)
        {
          const char *format = j % 2 == 0 ? "qcow2" : "raw";
          g_autofree char *json = NULL;
          g_autoptr (GError) error = NULL;
          guint8 start[512];

          apply_patch (fd, names[j], format, &error);
          g_assert_no_error (error);
          json = scratch_runl ("qemu-img", "info", "--output=json", "-f", "qcow2", path);
          assert_has_line (json, "backing-filename", names[j]);
          assert_has_line (json, "backing-filename-format", format);
          get (fd, 0, start, sizeof start);
          g_assert_null (memmem (start, sizeof start, base, strlen (base)));
          if (j > 0)
            g_assert_null (memmem (start, sizeof start, names[j - 1], strlen (names[j - 1])));
        }
      /* Back to a base that is there, for programs that open it. */
      {
        g_autoptr (GError) error = NULL;

        apply_patch (fd, "base.qcow2", "qcow2", &error);
        g_assert_no_error (error);
        g_free (scratch_runl ("qemu-img", "check", "-f", "qcow2", path));
        g_free (scratch_runl ("qemu-io", "-f", "qcow2", "-c", "read -P 7 1M 3M", "-c",
                              "read -P 0 4M 1M", path));
      }
    }
}

/* Bitmaps, encryption and snapshots live in extensions and fields that have to stay. */
static void
test_patch_keeps (Scratch *scratch, gconstpointer data)
{
  g_autofree char *base = scratch_file (scratch, "base.qcow2");
  g_autofree char *path = scratch_file (scratch, "disk");
  g_autofree char *json = NULL;
  g_autofree char *image = g_strdup_printf (
      "driver=qcow2,encrypt.key-secret=s,file.driver=file,file.filename=%s", path);
  g_autoptr (GError) error = NULL;
  g_auto (VmpImageInfo) info = { 0 };
  vmp_autofd int fd = -1;

  g_free (scratch_runl ("qemu-img", "create", "-q", "-f", "qcow2", base, "64M"));
  make_encrypted (path, base);
  g_free (scratch_runl ("qemu-io", "--object", "secret,id=s,data=secret", "--image-opts", "-c",
                        "write -P 9 0 1M", image));
  g_free (scratch_runl ("qemu-img", "bitmap", "--add", "--object", "secret,id=s,data=secret",
                        "--image-opts", image, "bitmap0"));
  fd = scratch_open (scratch, "disk");
  apply_patch (fd, "base.qcow2", "qcow2", &error);
  g_assert_no_error (error);
  g_assert_true (vmp_image_inspect (fd, "qcow2", "disk", &info, NULL));
  g_assert_true (info.encrypted);
  json = scratch_runl ("qemu-img", "info", "--output=json", "-f", "qcow2", path);
  assert_has_line (json, "backing-filename", "base.qcow2");
  assert_has_line (json, "name", "bitmap0");
  g_free (scratch_runl ("qemu-io", "--object", "secret,id=s,data=secret", "--image-opts", "-c",
                        "read -P 9 0 1M", image));
}

static void
test_patch_refused (Scratch *scratch, gconstpointer data)
{
  g_autofree char *long_name = g_strnfill (1023, 'x');
  g_autofree char *longer_name = g_strnfill (1024, 'x');
  vmp_autofd int raw = make_image (scratch, "raw", "raw", NULL, "64M");
  vmp_autofd int vmdk = make_image (scratch, "vmdk", "vmdk", NULL, "64M");
  vmp_autofd int plain = make_image (scratch, "plain", "qcow2", NULL, "64M");
  vmp_autofd int small = make_overlay (scratch, "small", "cluster_size=512", "b", "qcow2");
  vmp_autofd int large = make_overlay (scratch, "large", NULL, "b", "qcow2");
  const struct
  {
    int fd;
    const char *name;
    const char *format;
    VmportError code;
  } rows[] = {
    { raw, "b", "qcow2", VMPORT_ERROR_NOT_SUPPORTED },
    { vmdk, "b", "qcow2", VMPORT_ERROR_NOT_SUPPORTED },
    { plain, "b", "qcow2", VMPORT_ERROR_INVALID_PARAMETER },
    { small, long_name, "qcow2", VMPORT_ERROR_NOT_SUPPORTED },
    { large, longer_name, "qcow2", VMPORT_ERROR_NOT_SUPPORTED },
    { large, "", "qcow2", VMPORT_ERROR_INVALID_PARAMETER },
    { large, "nbd:x", "qcow2", VMPORT_ERROR_INVALID_PARAMETER },
    { large, "a\nb", "qcow2", VMPORT_ERROR_INVALID_PARAMETER },
    { large, "b", "q/2", VMPORT_ERROR_INVALID_PARAMETER },
    { large, "b", "a-name-of-16-chr", VMPORT_ERROR_INVALID_PARAMETER },
  };
  g_autoptr (GError) error = NULL;

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autoptr (GError) row_error = NULL;

      g_assert_false (apply_patch (rows[i].fd, rows[i].name, rows[i].format, &row_error));
      g_assert_error (row_error, VMPORT_ERROR, (int) rows[i].code);
    }
  apply_patch (large, long_name, "qcow2", &error);
  g_assert_no_error (error);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(path, func) g_test_add (path, Scratch, NULL, scratch_set_up, func, scratch_tear_down)
  g_test_add_func ("/image/formats", test_formats);
  ADD ("/image/unknown-format", test_unknown_format);
  ADD ("/image/qcow2/kinds", test_qcow2_kinds);
  ADD ("/image/qcow2/snapshots", test_qcow2_snapshots);
  ADD ("/image/qcow2/encrypted", test_qcow2_encrypted);
  ADD ("/image/qcow2/dirty", test_qcow2_dirty);
  ADD ("/image/qcow2/fields", test_qcow2_fields);
  ADD ("/image/qcow2/backing", test_qcow2_backing);
  ADD ("/image/qcow2/data-file", test_qcow2_data_file);
  ADD ("/image/vmdk/kinds", test_vmdk);
  ADD ("/image/vmdk/flat", test_vmdk_flat);
  ADD ("/image/vmdk/descriptor", test_vmdk_descriptor);
  ADD ("/image/vmdk/fields", test_vmdk_fields);
  ADD ("/image/vhd/kinds", test_vhd);
  ADD ("/image/vhd/broken", test_vhd_broken);
  ADD ("/image/vhdx/kinds", test_vhdx);
  ADD ("/image/vhdx/broken", test_vhdx_broken);
  ADD ("/image/raw", test_raw);
  ADD ("/image/mistaken-and-cut", test_mistaken_and_cut);
  ADD ("/image/patch/applies", test_patch);
  ADD ("/image/patch/keeps", test_patch_keeps);
  ADD ("/image/patch/refused", test_patch_refused);
  return g_test_run ();
}
