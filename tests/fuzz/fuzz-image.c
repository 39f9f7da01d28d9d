/* Fuzzes the image header parsers: the first byte chooses the format, the rest is the file. What
 * has checksums gets right ones here, or no input would come past them. */
#include <sys/mman.h>
#include <string.h>
#include <unistd.h>

#include "util/vmp-fd.h"
#include "fuzz.h"
#include "util/vmp-fd.h"
#include "vmp-image-snapshot.h"
#include "vmp-image.h"

/* These choose vpc and vhdx too, modulo the number of formats. */
enum
{
  ASSEMBLE_VHD = 103,
  ASSEMBLE_VHDX = 104,
};

static void
put (int fd, off_t offset, const void *bytes, size_t size)
{
  g_assert_cmpint (pwrite (fd, bytes, size, offset), ==, (gssize) size);
}

static guint32
get_crc32c (const guint8 *data, gsize size)
{
  guint32 crc = 0xffffffff;

  for (gsize i = 0; i < size; i++)
    {
      crc ^= data[i];
      for (guint bit = 0; bit < 8; bit++)
        crc = (crc >> 1) ^ (0x82f63b78 & (0 - (crc & 1)));
    }
  return ~crc;
}

/* A header, a region table of eight entries, and metadata at 2 MiB: a table of 31 entries, and the
 * rest as items behind it. */
static void
write_vhdx (int fd, const guint8 *data, gsize size)
{
  static guint8 part[65536];
  const struct
  {
    const char *magic;
    off_t offset;
    gsize taken;
    gsize size;
  } parts[] = {
    { "head", 65536, 72, 4096 },
    { "regi", 196608, 264, 65536 },
  };

  put (fd, 0, "vhdxfile", 8);
  for (gsize i = 0; i < G_N_ELEMENTS (parts); i++)
    {
      gsize n = MIN (size, parts[i].taken);
      guint32 crc;

      memset (part, 0, sizeof part);
      memcpy (part, parts[i].magic, 4);
      memcpy (part + 8, data, n);
      crc = GUINT32_TO_LE (get_crc32c (part, parts[i].size));
      memcpy (part + 4, &crc, 4);
      put (fd, parts[i].offset, part, parts[i].size);
      data += n;
      size -= n;
    }
  put (fd, 2 << 20, data, MIN (size, 1024));
  if (size > 1024)
    put (fd, (2 << 20) + 65536, data + 1024, size - 1024);
  g_assert_cmpint (ftruncate (fd, 4 << 20), ==, 0);
}

static void
put_vhd_checksum (guint8 *bytes, gsize size, gsize at)
{
  guint32 sum = 0;

  memset (bytes + at, 0, 4);
  for (gsize i = 0; i < size; i++)
    sum += bytes[i];
  sum = GUINT32_TO_BE (~sum);
  memcpy (bytes + at, &sum, 4);
}

/* A footer, which goes to the start as well, a dynamic header, and the rest between them. */
static void
write_vhd (int fd, const guint8 *data, gsize size)
{
  guint8 footer[512] = { 0 };
  guint8 header[1024] = { 0 };
  gsize n = MIN (size, sizeof footer);

  memcpy (footer, data, n);
  data += n;
  size -= n;
  put_vhd_checksum (footer, sizeof footer, 64);
  n = MIN (size, sizeof header);
  memcpy (header, data, n);
  data += n;
  size -= n;
  put_vhd_checksum (header, sizeof header, 36);
  put (fd, 0, footer, sizeof footer);
  put (fd, 512, header, sizeof header);
  put (fd, 1536, data, size);
  put (fd, (off_t) (1536 + size), footer, sizeof footer);
}

/* A patched header has to be one that the parser takes, and has to say what was asked for. */
static void
check_patch (int fd)
{
  g_autoptr (GBytes) patch = NULL;
  g_auto (VmpImageInfo) info = { 0 };
  g_autoptr (GError) error = NULL;
  guint64 offset;
  gsize size;
  const guint8 *bytes;

  if (!vmp_image_backing_patch (fd, "input", "other.qcow2", "qcow2", &offset, &patch, &error))
    {
      g_assert_nonnull (error);
      return;
    }
  bytes = g_bytes_get_data (patch, &size);
  g_assert_cmpint (pwrite (fd, bytes, size, (off_t) offset), ==, (gssize) size);
  vmp_image_inspect (fd, "qcow2", "input", &info, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (info.backing_file, ==, "other.qcow2");
  g_assert_cmpstr (info.backing_format, ==, "qcow2");
}

/* What is said of snapshots is refused, or can be laid over the file. */
static void
check_snapshots (int fd)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) list = vmp_image_snapshot_list (fd, "input", &error);
  GVariantIter iter;
  const char *name;
  guint64 offset;

  g_assert_true ((list != NULL) == (error == NULL));
  if (list == NULL)
    return;
  g_variant_iter_init (&iter, g_variant_ref_sink (list));
  while (g_variant_iter_next (&iter, "(&stt)", &name, NULL, NULL))
    {
      g_auto (VmpImageSnapshot) snapshot = { 0 };

      g_assert_true (g_utf8_validate (name, -1, NULL));
      if (!vmp_image_snapshot_find (fd, "input", name, &snapshot, NULL))
        continue;
      for (int memory = 0; memory <= 1; memory++)
        {
          vmp_autofd int overlay = vmp_image_snapshot_open (fd, "input", &snapshot, memory, &offset,
                                                            NULL);

          g_assert_true (overlay < 0 || offset <= G_MAXINT64);
        }
    }
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  static const char *const formats[] = { "qcow2", "raw", "vmdk", "vpc", "vhdx" };
  g_auto (VmpImageInfo) info = { 0 };
  g_autoptr (GError) error = NULL;
  const char *format;
  vmp_autofd int fd = -1;

  if (size == 0)
    return 0;
  format = formats[data[0] % G_N_ELEMENTS (formats)];
  fd = memfd_create ("input", MFD_CLOEXEC);
  g_assert_cmpint (fd, >=, 0);
  if (data[0] == ASSEMBLE_VHDX)
    write_vhdx (fd, data + 1, size - 1);
  else if (data[0] == ASSEMBLE_VHD)
    write_vhd (fd, data + 1, size - 1);
  else
    put (fd, 0, data + 1, size - 1);
  if (vmp_image_inspect (fd, format, "input", &info, &error))
    {
      g_assert_no_error (error);
      g_assert_cmpstr (info.format, ==, format);
      g_assert_cmpuint (info.virtual_size, <=, G_MAXINT64);
      g_assert_true (info.backing_file == NULL || g_utf8_validate (info.backing_file, -1, NULL));
    }
  else
    {
      g_assert_nonnull (error);
      g_assert_true (g_utf8_validate (error->message, -1, NULL));
      g_assert_null (info.format);
    }
  check_patch (fd);
  check_snapshots (fd);
  return 0;
}
