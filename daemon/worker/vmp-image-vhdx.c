/* VHDX: headers, region tables and metadata, read within bounds. The layout is Microsoft's
 * [MS-VHDX]. */
#include "config.h"

#include "vmp-image-private.h"

#include <glib/gi18n-lib.h>
#include <inttypes.h>

#define KIB 1024
#define MIB (1024 * KIB)
#define HEADER_SIZE (4 * KIB)
#define TABLE_SIZE (64 * KIB)
#define MAX_ENTRIES 2047
#define MAX_SIZE (G_GUINT64_CONSTANT (64) << 40)

/* GUIDs as they lie in the file: the first three groups little-endian. */
#define GUID_SIZE 16
#define GUID(a, b, c, d, e, f, g, h, i, j, k)                                                      \
  {                                                                                                \
    (a) & 0xff, (a) >> 8 & 0xff, (a) >> 16 & 0xff, (a) >> 24, (b) & 0xff, (b) >> 8, (c) & 0xff,    \
      (c) >> 8, d, e, f, g, h, i, j, k                                                             \
  }

enum
{
  REGION_BAT,
  REGION_METADATA,
  N_REGIONS
};

static const guint8 region_guids[N_REGIONS][GUID_SIZE] = {
  GUID (0x2dc27766u, 0xf623, 0x4200, 0x9d, 0x64, 0x11, 0x5e, 0x9b, 0xfd, 0x4a, 0x08),
  GUID (0x8b7ca206u, 0x4790, 0x4b9a, 0xb8, 0xfe, 0x57, 0x5f, 0x05, 0x0f, 0x88, 0x6e),
};

enum
{
  ITEM_FILE_PARAMETERS,
  ITEM_VIRTUAL_SIZE,
  ITEM_PAGE_83,
  ITEM_LOGICAL_SECTOR,
  ITEM_PHYSICAL_SECTOR,
  ITEM_PARENT_LOCATOR,
  N_ITEMS
};

static const struct
{
  guint8 guid[GUID_SIZE];
  guint32 size; /* 0: any */
} items[N_ITEMS] = {
  { GUID (0xcaa16737u, 0xfa36, 0x4d43, 0xb3, 0xb6, 0x33, 0xf0, 0xaa, 0x44, 0xe7, 0x6b), 8 },
  { GUID (0x2fa54224u, 0xcd1b, 0x4876, 0xb2, 0x11, 0x5d, 0xbe, 0xd8, 0x3b, 0xf4, 0xb8), 8 },
  { GUID (0xbeca12abu, 0xb2e6, 0x4523, 0x93, 0xef, 0xc3, 0x09, 0xe0, 0x00, 0xc7, 0x46), 16 },
  { GUID (0x8141bf1du, 0xa96f, 0x4709, 0xba, 0x47, 0xf2, 0x33, 0xa8, 0xfa, 0xab, 0x5f), 4 },
  { GUID (0xcda348c7u, 0x445d, 0x4471, 0x9c, 0xc9, 0xe9, 0x88, 0x52, 0x51, 0xc5, 0x56), 4 },
  { GUID (0xa8d35f2du, 0xb30b, 0x454d, 0xab, 0xf7, 0xd3, 0xd8, 0x48, 0x34, 0xab, 0x0c), 0 },
};

typedef struct
{
  guint64 offset;
  guint32 length;
} Region;

/* CRC-32C (Castagnoli) of @data, in which the four bytes from @at count as zeros. */
static guint32
get_crc32c (const guint8 *data, gsize size, gsize at)
{
  guint32 crc = 0xffffffff;

  for (gsize i = 0; i < size; i++)
    {
      crc ^= i >= at && i < at + 4 ? 0 : data[i];
      for (guint bit = 0; bit < 8; bit++)
        crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0x82f63b78 : 0);
    }
  return ~crc;
}

/* Of the two headers the valid one with the higher number is in force. */
static gboolean
check_headers (const VmpImageFile *file, GError **error)
{
  guint8 header[2][HEADER_SIZE];
  gboolean valid[2];
  const guint8 *current;

  for (guint i = 0; i < 2; i++)
    {
      if (!vmp_image_read (file, (i + 1) * 64 * KIB, header[i], HEADER_SIZE, error))
        return FALSE;
      valid[i] = memcmp (header[i], "head", 4) == 0
                 && vmp_image_le32 (header[i] + 4) == get_crc32c (header[i], HEADER_SIZE, 4);
    }
  if (!valid[0] && !valid[1])
    return vmp_image_corrupt (file, error, _ ("has no valid VHDX header"));
  if (valid[0] && valid[1]
      && vmp_image_le64 (header[0] + 8) == vmp_image_le64 (header[1] + 8)
      && memcmp (header[0], header[1], HEADER_SIZE) != 0)
    return vmp_image_corrupt (file, error, _ ("its two VHDX headers contradict each other"));
  current = header[valid[1]
                   && (!valid[0]
                       || vmp_image_le64 (header[1] + 8) > vmp_image_le64 (header[0] + 8))];
  if (vmp_image_le16 (current + 66) != 1)
    return vmp_image_corrupt (file, error, _ ("is of a VHDX version that is not known"));
  /* Replaying the log would rewrite what is checked here. */
  if (!vmp_image_is_zero (current + 48, GUID_SIZE))
    return vmp_image_unsafe (file, error,
                             _ ("was not closed properly: its log has changes that are not yet "
                                "applied; let the program that made it open it, or run “qemu-img "
                                "check -r all”"));
  if (vmp_image_le32 (current + 68) % MIB != 0 || vmp_image_le64 (current + 72) % MIB != 0)
    return vmp_image_corrupt (file, error, _ ("its log is out of bounds"));
  return vmp_image_check_range (file, vmp_image_le64 (current + 72),
                                vmp_image_le32 (current + 68), _ ("its log"), error);
}

static gboolean
take_regions (const VmpImageFile *file, const guint8 *table, Region *regions, GError **error)
{
  guint32 n_entries = vmp_image_le32 (table + 8);

  if (n_entries > MAX_ENTRIES)
    return vmp_image_corrupt (file, error, _ ("its region table is too big"));
  for (guint32 i = 0; i < n_entries; i++)
    {
      const guint8 *entry = table + 16 + i * 32;
      guint64 offset = vmp_image_le64 (entry + 16);
      guint32 length = vmp_image_le32 (entry + 24);
      guint which = 0;

      while (which < N_REGIONS && memcmp (entry, region_guids[which], GUID_SIZE) != 0)
        which++;
      if (which == N_REGIONS)
        {
          if ((vmp_image_le32 (entry + 28) & 1) != 0)
            return vmp_image_unsafe (file, error, _ ("needs a region that is not known"));
          continue;
        }
      if (offset < MIB || offset % MIB != 0 || length == 0 || length % MIB != 0
          || regions[which].length != 0)
        return vmp_image_corrupt (file, error, _ ("its region table is damaged"));
      if (!vmp_image_check_range (file, offset, length, _ ("one of its regions"), error))
        return FALSE;
      regions[which] = (Region) { offset, length };
    }
  if (regions[REGION_BAT].length == 0 || regions[REGION_METADATA].length == 0)
    return vmp_image_corrupt (file, error, _ ("lacks its block table or its metadata"));
  if (regions[REGION_BAT].offset < regions[REGION_METADATA].offset + regions[REGION_METADATA].length
      && regions[REGION_METADATA].offset < regions[REGION_BAT].offset + regions[REGION_BAT].length)
    return vmp_image_corrupt (file, error, _ ("its regions overlap"));
  return TRUE;
}

/* There are two copies; where one is damaged readers take the other, so both are held to the same
 * account. */
static gboolean
read_regions (const VmpImageFile *file, Region *regions, GError **error)
{
  g_autofree guint8 *tables = g_malloc (2 * TABLE_SIZE);
  gboolean valid[2];

  if (!vmp_image_read (file, 192 * KIB, tables, 2 * TABLE_SIZE, error))
    return FALSE;
  for (guint i = 0; i < 2; i++)
    valid[i] = memcmp (tables + i * TABLE_SIZE, "regi", 4) == 0
               && vmp_image_le32 (tables + i * TABLE_SIZE + 4)
                    == get_crc32c (tables + i * TABLE_SIZE, TABLE_SIZE, 4);
  if (!valid[0] && !valid[1])
    return vmp_image_corrupt (file, error, _ ("has no valid region table"));
  if (valid[0] && valid[1] && memcmp (tables, tables + TABLE_SIZE, TABLE_SIZE) != 0)
    return vmp_image_corrupt (file, error, _ ("its two region tables contradict each other"));
  return take_regions (file, tables + (valid[0] ? 0 : TABLE_SIZE), regions, error);
}

/* Finds the items that vmport knows in the table at the start of the metadata region. */
static gboolean
take_items (const VmpImageFile *file, const Region *metadata, const guint8 *table, Region *found,
            GError **error)
{
  guint16 n_entries = vmp_image_le16 (table + 10);

  if (memcmp (table, "metadata", 8) != 0 || n_entries > MAX_ENTRIES)
    return vmp_image_corrupt (file, error, _ ("its metadata table is damaged"));
  for (guint i = 0; i < n_entries; i++)
    {
      const guint8 *entry = table + 32 + i * 32;
      guint32 offset = vmp_image_le32 (entry + 16);
      guint32 length = vmp_image_le32 (entry + 20);
      guint32 flags = vmp_image_le32 (entry + 24);
      guint which = 0;

      while (which < N_ITEMS && memcmp (entry, items[which].guid, GUID_SIZE) != 0)
        which++;
      if (which == ITEM_PARENT_LOCATOR)
        return vmp_image_unsafe (file, error,
                                 _ ("is a differencing VHDX, which depends on another file; merge "
                                    "it into its parent first"));
      if (which == N_ITEMS)
        {
          if ((flags & 4) != 0)
            return vmp_image_unsafe (file, error, _ ("needs metadata that is not known"));
          continue;
        }
      if (found[which].length != 0 || length != items[which].size || offset < TABLE_SIZE
          || offset > metadata->length || length > metadata->length - offset)
        return vmp_image_corrupt (file, error, _ ("its metadata table is damaged"));
      found[which] = (Region) { metadata->offset + offset, length };
    }
  return TRUE;
}

static gboolean
read_item (const VmpImageFile *file, const Region *found, guint which, guint64 *value,
           GError **error)
{
  guint8 raw[8] = { 0 };

  if (found[which].length == 0)
    return vmp_image_corrupt (file, error, _ ("its metadata is not complete"));
  if (!vmp_image_read (file, found[which].offset, raw, MIN (found[which].length, sizeof raw),
                       error))
    return FALSE;
  *value = vmp_image_le64 (raw);
  return TRUE;
}

static gboolean
check_metadata (const VmpImageFile *file, const Region *regions, guint64 *virtual_size,
                GError **error)
{
  g_autofree guint8 *table = g_malloc (TABLE_SIZE);
  Region found[N_ITEMS] = { 0 };
  guint64 parameters, block, sector, physical;
  guint64 blocks, chunk_ratio, entries;

  if (!vmp_image_read (file, regions[REGION_METADATA].offset, table, TABLE_SIZE, error)
      || !take_items (file, &regions[REGION_METADATA], table, found, error)
      || !read_item (file, found, ITEM_FILE_PARAMETERS, &parameters, error)
      || !read_item (file, found, ITEM_VIRTUAL_SIZE, virtual_size, error)
      || !read_item (file, found, ITEM_LOGICAL_SECTOR, &sector, error)
      || !read_item (file, found, ITEM_PHYSICAL_SECTOR, &physical, error))
    return FALSE;
  if ((parameters >> 32 & 2) != 0)
    return vmp_image_unsafe (file, error,
                             _ ("is a differencing VHDX, which depends on another file; merge it "
                                "into its parent first"));
  block = parameters & G_MAXUINT32;
  if (!vmp_image_is_power_of_2 (block) || block < MIB || block > 256 * MIB)
    return vmp_image_corrupt (file, error, _ ("its block size is out of bounds"));
  if ((sector != 512 && sector != 4096) || (physical != 512 && physical != 4096))
    return vmp_image_corrupt (file, error, _ ("its sector size is out of bounds"));
  if (*virtual_size == 0 || *virtual_size > MAX_SIZE || *virtual_size % sector != 0)
    return vmp_image_corrupt (file, error, _ ("its virtual size is out of bounds"));

  /* One more entry, for a bitmap of sectors, follows the entries of every full chunk. */
  blocks = (*virtual_size + block - 1) / block;
  chunk_ratio = (G_GUINT64_CONSTANT (1) << 23) * sector / block;
  entries = blocks + (blocks - 1) / chunk_ratio;
  if (entries * 8 > regions[REGION_BAT].length)
    return vmp_image_corrupt (file, error,
                              _ ("its block table is too small for its virtual size"));
  return TRUE;
}

gboolean
vmp_image_inspect_vhdx (const VmpImageFile *file, VmpImageInfo *info, GError **error)
{
  Region regions[N_REGIONS] = { 0 };
  char magic[8];

  if (file->size < MIB)
    return vmp_image_corrupt (file, error, _ ("is too short for a VHDX image"));
  if (!vmp_image_read (file, 0, magic, sizeof magic, error))
    return FALSE;
  if (memcmp (magic, "vhdxfile", sizeof magic) != 0)
    return vmp_image_corrupt (file, error, _ ("is not a VHDX image"));
  return check_headers (file, error) && read_regions (file, regions, error)
         && check_metadata (file, regions, &info->virtual_size, error);
}
