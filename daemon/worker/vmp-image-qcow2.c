/* qcow2 headers: read within bounds, and rewritten with another backing name. The layout is
 * QEMU's docs/interop/qcow2.txt, the bounds are those of QEMU's own reader. */
#include "config.h"

#include "vmp-image-qcow2.h"

#include <glib/gi18n-lib.h>
#include <inttypes.h>

#define MAGIC 0x514649fb
#define V2_LENGTH 72
#define V3_LENGTH 104
#define MAX_NAME 1023
#define MAX_FORMAT_NAME 15

#define INCOMPATIBLE_DIRTY (G_GUINT64_CONSTANT (1) << 0)
#define INCOMPATIBLE_CORRUPT (G_GUINT64_CONSTANT (1) << 1)
#define INCOMPATIBLE_DATA_FILE (G_GUINT64_CONSTANT (1) << 2)
#define INCOMPATIBLE_COMPRESSION (G_GUINT64_CONSTANT (1) << 3)
#define INCOMPATIBLE_KNOWN                                                                         \
  (INCOMPATIBLE_DIRTY | INCOMPATIBLE_CORRUPT | INCOMPATIBLE_COMPRESSION                            \
   | VMP_QCOW2_INCOMPATIBLE_EXTENDED_L2)
#define AUTOCLEAR_BITMAPS (G_GUINT64_CONSTANT (1) << 0)

#define EXTENSION_END 0
#define EXTENSION_BACKING_FORMAT 0xe2792aca
#define EXTENSION_DATA_FILE 0x44415441
#define EXTENSION_BITMAPS 0x23852875
#define EXTENSION_CRYPTO 0x0537be77

#define MAX_REFCOUNT_TABLE_SIZE (8 << 20)
#define MAX_SNAPSHOTS 65536
#define MAX_SNAPSHOT_TABLE_SIZE (64 << 20)
#define MAX_SNAPSHOT_EXTRA 1024
#define MAX_BITMAPS 65535
#define MAX_BITMAP_DIRECTORY_SIZE (MAX_BITMAPS * 1024)

gboolean
vmp_qcow2_read_header (const VmpImageFile *file, VmpQcow2Header *header, GError **error)
{
  guint8 raw[V3_LENGTH + 8] = { 0 };

  if (file->size < V2_LENGTH)
    return vmp_image_corrupt (file, error, _ ("is too short for a qcow2 image"));
  if (!vmp_image_read (file, 0, raw, MIN (file->size, sizeof raw), error))
    return FALSE;
  if (vmp_image_be32 (raw) != MAGIC)
    return vmp_image_corrupt (file, error, _ ("is not a qcow2 image"));
  header->version = vmp_image_be32 (raw + 4);
  if (header->version != 2 && header->version != 3)
    return vmp_image_corrupt (file, error,
                              _ ("is qcow version %" PRIu32 "; versions 2 and 3 are known"),
                              header->version);
  header->backing_offset = vmp_image_be64 (raw + 8);
  header->backing_size = vmp_image_be32 (raw + 16);
  header->cluster_bits = vmp_image_be32 (raw + 20);
  header->virtual_size = vmp_image_be64 (raw + 24);
  header->crypt_method = vmp_image_be32 (raw + 32);
  header->l1_size = vmp_image_be32 (raw + 36);
  header->l1_offset = vmp_image_be64 (raw + 40);
  header->refcount_offset = vmp_image_be64 (raw + 48);
  header->refcount_clusters = vmp_image_be32 (raw + 56);
  header->n_snapshots = vmp_image_be32 (raw + 60);
  header->snapshots_offset = vmp_image_be64 (raw + 64);
  header->length = V2_LENGTH;
  header->refcount_order = 4;
  if (header->cluster_bits < 9 || header->cluster_bits > 21)
    return vmp_image_corrupt (file, error, _ ("its cluster size, 2^%" PRIu32 ", is out of bounds"),
                              header->cluster_bits);
  header->cluster_size = G_GUINT64_CONSTANT (1) << header->cluster_bits;
  if (header->version == 2)
    return TRUE;

  header->incompatible = vmp_image_be64 (raw + 72);
  header->autoclear = vmp_image_be64 (raw + 88);
  header->refcount_order = vmp_image_be32 (raw + 96);
  header->length = vmp_image_be32 (raw + 100);
  if (header->length < V3_LENGTH || header->length % 8 != 0
      || header->length > header->cluster_size || header->length > file->size)
    return vmp_image_corrupt (file, error,
                              _ ("its header's length, %" PRIu32 ", is out of bounds"),
                              header->length);
  if (header->length > V3_LENGTH)
    header->compression = raw[V3_LENGTH];
  return TRUE;
}

static gboolean
check_features (const VmpImageFile *file, const VmpQcow2Header *header, GError **error)
{
  gboolean compression_bit = (header->incompatible & INCOMPATIBLE_COMPRESSION) != 0;

  if ((header->incompatible & INCOMPATIBLE_DATA_FILE) != 0)
    return vmp_image_unsafe (file, error, _ ("keeps its data in another file"));
  if ((header->incompatible & ~INCOMPATIBLE_KNOWN) != 0)
    return vmp_image_unsafe (file, error,
                             _ ("has incompatible features that are not known (%#" PRIx64 ")"),
                             header->incompatible & ~INCOMPATIBLE_KNOWN);
  /* 0 is zlib, 1 zstd. */
  if (header->compression > 1)
    return vmp_image_unsafe (file, error, _ ("uses a compression that is not known (%u)"),
                             header->compression);
  if (compression_bit != (header->compression != 0))
    return vmp_image_corrupt (file, error, _ ("contradicts itself about its compression"));
  if ((header->incompatible & VMP_QCOW2_INCOMPATIBLE_EXTENDED_L2) != 0 && header->cluster_bits < 14)
    return vmp_image_corrupt (file, error, _ ("has clusters too small for its subclusters"));
  if (header->crypt_method > 2)
    return vmp_image_unsafe (file, error, _ ("uses an encryption that is not known (%" PRIu32 ")"),
                             header->crypt_method);
  if (header->refcount_order > 6)
    return vmp_image_corrupt (file, error, _ ("the width of its refcounts is out of bounds"));
  return TRUE;
}

/* A table that begins with a cluster and lies in the file. Its last cluster need not: files end where
 * nothing more was written. */
static gboolean
check_table (const VmpImageFile *file, const VmpQcow2Header *header, guint64 offset, guint64 size,
             guint64 max, const char *part, GError **error)
{
  if (size == 0)
    return TRUE;
  if (size > max)
    return vmp_image_corrupt (file, error,
                              _ ("%s would have %" PRIu64 " bytes; at most %" PRIu64
                                 " are possible"),
                              part, size, max);
  if (offset == 0 || offset % header->cluster_size != 0)
    return vmp_image_corrupt (file, error, _ ("%s does not begin with a cluster"), part);
  return vmp_image_check_range (file, offset, size, part, error);
}

guint
vmp_qcow2_get_l1_shift (const VmpQcow2Header *header)
{
  guint entry_bits = (header->incompatible & VMP_QCOW2_INCOMPATIBLE_EXTENDED_L2) != 0 ? 4 : 3;

  return header->cluster_bits + (header->cluster_bits - entry_bits);
}

static gboolean
check_tables (const VmpImageFile *file, const VmpQcow2Header *header, GError **error)
{
  guint shift = vmp_qcow2_get_l1_shift (header);
  guint64 needed = header->virtual_size >> shift;

  if (header->virtual_size > VMP_IMAGE_MAX_SIZE)
    return vmp_image_corrupt (file, error, _ ("its virtual size is out of bounds"));
  if ((header->virtual_size & ((G_GUINT64_CONSTANT (1) << shift) - 1)) != 0)
    needed++;
  if (header->l1_size < needed)
    return vmp_image_corrupt (file, error, _ ("its L1 table is too small for its virtual size"));
  if (header->refcount_clusters == 0)
    return vmp_image_corrupt (file, error, _ ("has no refcount table"));
  return check_table (file, header, header->l1_offset, (guint64) header->l1_size * 8,
                      VMP_QCOW2_MAX_L1_BYTES, _ ("its L1 table"), error)
         && check_table (file, header, header->refcount_offset,
                         header->refcount_clusters * header->cluster_size, MAX_REFCOUNT_TABLE_SIZE,
                         _ ("its refcount table"), error);
}

static gboolean
check_snapshots (const VmpImageFile *file, const VmpQcow2Header *header, GError **error)
{
  guint64 offset = header->snapshots_offset;

  if (header->n_snapshots == 0)
    return TRUE;
  if (header->n_snapshots > MAX_SNAPSHOTS)
    return vmp_image_corrupt (file, error, _ ("would have %" PRIu32 " snapshots"),
                              header->n_snapshots);
  if (!check_table (file, header, offset, header->n_snapshots * 40, MAX_SNAPSHOT_TABLE_SIZE,
                    _ ("its snapshot table"), error))
    return FALSE;
  for (guint32 i = 0; i < header->n_snapshots; i++)
    {
      guint8 raw[40];
      guint64 size;

      if (!vmp_image_read (file, offset, raw, sizeof raw, error))
        return FALSE;
      size = sizeof raw + (guint64) vmp_image_be32 (raw + 36) + vmp_image_be16 (raw + 12)
             + vmp_image_be16 (raw + 14);
      if (vmp_image_be32 (raw + 36) > MAX_SNAPSHOT_EXTRA)
        return vmp_image_corrupt (file, error, _ ("its snapshot table is damaged"));
      if (!check_table (file, header, vmp_image_be64 (raw), (guint64) vmp_image_be32 (raw + 8) * 8,
                        VMP_QCOW2_MAX_L1_BYTES, _ ("the L1 table of a snapshot"), error)
          || !vmp_image_check_range (file, offset, size, _ ("its snapshot table"), error))
        return FALSE;
      /* The last entry is not padded in a file that ends with it. */
      offset += (size + 7) & ~G_GUINT64_CONSTANT (7);
      if (offset - header->snapshots_offset > MAX_SNAPSHOT_TABLE_SIZE)
        return vmp_image_corrupt (file, error, _ ("its snapshot table is too big"));
    }
  return TRUE;
}

/* A backing format is one word, as QEMU names its drivers. */
static gboolean
is_format_name (const char *name, gsize size)
{
  if (size == 0 || size > MAX_FORMAT_NAME)
    return FALSE;
  for (gsize i = 0; i < size; i++)
    if (!g_ascii_isalnum (name[i]) && strchr ("-_.", name[i]) == NULL)
      return FALSE;
  return memchr (name, '\0', size) == NULL;
}

static gboolean
check_bitmaps (const VmpImageFile *file, const VmpQcow2Header *header, const guint8 *data,
               guint32 size, GError **error)
{
  /* Without its bit the extension is stale, and every reader drops it. */
  if ((header->autoclear & AUTOCLEAR_BITMAPS) == 0)
    return TRUE;
  if (size != 24 || vmp_image_be32 (data) == 0 || vmp_image_be32 (data) > MAX_BITMAPS)
    return vmp_image_corrupt (file, error, _ ("its table of bitmaps is damaged"));
  return check_table (file, header, vmp_image_be64 (data + 16), vmp_image_be64 (data + 8),
                      MAX_BITMAP_DIRECTORY_SIZE, _ ("its table of bitmaps"), error);
}

static gboolean
check_crypto (const VmpImageFile *file, const VmpQcow2Header *header, const guint8 *data,
              guint32 size, GError **error)
{
  if (size != 16 || header->crypt_method != 2)
    return vmp_image_corrupt (file, error, _ ("its encryption header is damaged"));
  return check_table (file, header, vmp_image_be64 (data), vmp_image_be64 (data + 8),
                      VMP_IMAGE_MAX_SIZE, _ ("its encryption header"), error);
}

/* The first cluster up to where the extensions have to end: where the backing name begins, else at
 * the cluster's end. Bytes past the file's end read as zeros, and end the list. */
static guint8 *
read_extension_area (const VmpImageFile *file, const VmpQcow2Header *header, guint64 *end,
                     GError **error)
{
  g_autofree guint8 *area = NULL;

  *end = header->backing_offset != 0 ? header->backing_offset : header->cluster_size;
  area = g_malloc0 (*end);
  if (!vmp_image_read (file, 0, area, MIN (*end, file->size), error))
    return NULL;
  return g_steal_pointer (&area);
}

/* Steps to the extension at @offset of @area; @type is 0 at the list's end. */
static gboolean
get_extension (const VmpImageFile *file, const guint8 *area, guint64 end, guint64 offset,
               guint32 *type, guint32 *size, GError **error)
{
  *type = EXTENSION_END;
  *size = 0;
  /* The list may do without an end where nothing follows. */
  if (end - offset < 8)
    return TRUE;
  *type = vmp_image_be32 (area + offset);
  *size = vmp_image_be32 (area + offset + 4);
  if (*type != EXTENSION_END && *size > end - offset - 8)
    return vmp_image_corrupt (file, error, _ ("a header extension runs out of its header"));
  return TRUE;
}

static guint64
next_extension (guint64 offset, guint32 size, guint64 end)
{
  return MIN (offset + 8 + (((guint64) size + 7) & ~G_GUINT64_CONSTANT (7)), end);
}

static gboolean
check_extensions (const VmpImageFile *file, const VmpQcow2Header *header, VmpImageInfo *info,
                  GError **error)
{
  guint64 end;
  g_autofree guint8 *area = read_extension_area (file, header, &end, error);
  gboolean crypto = FALSE;
  guint32 type, size;

  if (area == NULL)
    return FALSE;
  for (guint64 offset = header->length;; offset = next_extension (offset, size, end))
    {
      const guint8 *data = area + offset + 8;

      if (!get_extension (file, area, end, offset, &type, &size, error))
        return FALSE;
      if (type == EXTENSION_END)
        break;
      if (type == EXTENSION_DATA_FILE)
        return vmp_image_unsafe (file, error, _ ("keeps its data in another file"));
      if (type == EXTENSION_BITMAPS && !check_bitmaps (file, header, data, size, error))
        return FALSE;
      if (type == EXTENSION_CRYPTO)
        {
          if (crypto)
            return vmp_image_corrupt (file, error, _ ("has two encryption headers"));
          if (!check_crypto (file, header, data, size, error))
            return FALSE;
          crypto = TRUE;
        }
      if (type == EXTENSION_BACKING_FORMAT)
        {
          if (info->backing_format != NULL)
            return vmp_image_corrupt (file, error, _ ("states two formats for its backing file"));
          if (!is_format_name ((const char *) data, size))
            return vmp_image_unsafe (file, error,
                                     _ ("the format of its backing file is not a format's name"));
          info->backing_format = g_strndup ((const char *) data, size);
        }
    }
  if (header->crypt_method == 2 && !crypto)
    return vmp_image_corrupt (file, error, _ ("is encrypted but has no encryption header"));
  return TRUE;
}

static gboolean
read_backing_name (const VmpImageFile *file, const VmpQcow2Header *header, VmpImageInfo *info,
                   GError **error)
{
  char name[MAX_NAME];

  if (header->backing_offset == 0)
    {
      /* Its format alone means nothing. */
      g_clear_pointer (&info->backing_format, g_free);
      return TRUE;
    }
  if (!vmp_image_read (file, header->backing_offset, name, header->backing_size, error))
    return FALSE;
  info->backing_file = vmp_image_take_name (file, name, header->backing_size, error);
  return info->backing_file != NULL;
}

static gboolean
check_backing_place (const VmpImageFile *file, const VmpQcow2Header *header, GError **error)
{
  if (header->backing_offset == 0)
    return TRUE;
  if (header->backing_size == 0 || header->backing_size > MAX_NAME
      || header->backing_offset < header->length
      || header->backing_offset > header->cluster_size - MIN (header->backing_size,
                                                              header->cluster_size))
    return vmp_image_corrupt (file, error,
                              _ ("the name of its backing file does not lie in its header"));
  return TRUE;
}

gboolean
vmp_image_inspect_qcow2 (const VmpImageFile *file, VmpImageInfo *info, GError **error)
{
  VmpQcow2Header header = { 0 };

  if (!vmp_qcow2_read_header (file, &header, error) || !check_features (file, &header, error)
      || !check_tables (file, &header, error) || !check_snapshots (file, &header, error)
      || !check_backing_place (file, &header, error)
      || !check_extensions (file, &header, info, error)
      || !read_backing_name (file, &header, info, error))
    return FALSE;
  info->virtual_size = header.virtual_size;
  info->n_snapshots = header.n_snapshots;
  info->encrypted = header.crypt_method != 0;
  info->ratio = header.compression != 0 ? VMP_IMAGE_ZSTD_RATIO : 0;
  info->dirty = (header.incompatible & (INCOMPATIBLE_DIRTY | INCOMPATIBLE_CORRUPT)) != 0;
  return TRUE;
}

static void
append_be32 (GByteArray *bytes, guint32 number)
{
  guint32 be = GUINT32_TO_BE (number);

  g_byte_array_append (bytes, (const guint8 *) &be, sizeof be);
}

static void
append_extension (GByteArray *bytes, guint32 type, const void *data, guint32 size)
{
  static const guint8 padding[8];

  append_be32 (bytes, type);
  append_be32 (bytes, size);
  if (size > 0)
    g_byte_array_append (bytes, data, size);
  g_byte_array_append (bytes, padding, (8 - size % 8) % 8);
}

/* The header of an image that vmp_image_inspect_qcow2() has found in order, up to the end of the
 * backing name, with another one. All other header fields and extensions stay as they are. */
gboolean
vmp_image_patch_qcow2 (const VmpImageFile *file, const char *backing_file,
                       const char *backing_format, GBytes **bytes, GError **error)
{
  g_autoptr (GByteArray) patch = g_byte_array_new ();
  g_autofree guint8 *area = NULL;
  gsize name_size = strlen (backing_file);
  VmpQcow2Header header = { 0 };
  guint32 type, size, be_size;
  guint64 end, be_offset, old_end;

  if (!is_format_name (backing_format, strlen (backing_format)))
    return vmp_error_set (error, VMPORT_ERROR_INVALID_PARAMETER,
                          _ ("%s: “%s” is not a format's name"), file->what, backing_format);
  if (!vmp_qcow2_read_header (file, &header, error))
    return FALSE;
  area = read_extension_area (file, &header, &end, error);
  if (area == NULL)
    return FALSE;

  g_byte_array_append (patch, area, header.length);
  append_extension (patch, EXTENSION_BACKING_FORMAT, backing_format,
                    (guint32) strlen (backing_format));
  for (guint64 offset = header.length;; offset = next_extension (offset, size, end))
    {
      if (!get_extension (file, area, end, offset, &type, &size, error))
        return FALSE;
      if (type == EXTENSION_END)
        break;
      if (type != EXTENSION_BACKING_FORMAT)
        append_extension (patch, type, area + offset + 8, size);
    }
  append_extension (patch, EXTENSION_END, NULL, 0);
  be_offset = GUINT64_TO_BE ((guint64) patch->len);
  be_size = GUINT32_TO_BE ((guint32) name_size);
  memcpy (patch->data + 8, &be_offset, sizeof be_offset);
  memcpy (patch->data + 16, &be_size, sizeof be_size);
  if (name_size > MAX_NAME || patch->len + name_size > MIN (header.cluster_size, file->size))
    return vmp_error_set (error, VMPORT_ERROR_NOT_SUPPORTED,
                          _ ("%s: its header has no room for the backing name “%s”; make it anew "
                             "with larger clusters or a shorter name"),
                          file->what, backing_file);
  g_byte_array_append (patch, (const guint8 *) backing_file, (guint) name_size);

  /* Nothing of a longer old name, a path of the exporting host, is left behind. */
  old_end = header.backing_offset + header.backing_size;
  if (patch->len < old_end)
    {
      guint from = patch->len;

      g_byte_array_set_size (patch, (guint) old_end);
      memset (patch->data + from, 0, patch->len - from);
    }
  *bytes = g_byte_array_free_to_bytes (g_steal_pointer (&patch));
  return TRUE;
}
