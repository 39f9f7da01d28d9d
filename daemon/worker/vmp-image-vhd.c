/* VHD, which QEMU calls vpc: fixed and dynamic images; differencing ones are refused. The layout is
 * Microsoft's "Virtual Hard Disk Image Format Specification" 1.0. */
#include "config.h"

#include "vmp-image-private.h"

#include <glib/gi18n-lib.h>
#include <inttypes.h>

#include "vmp-size.h"

#define SECTOR 512
#define FOOTER_SIZE 512
#define DYNAMIC_SIZE 1024
#define MAX_SIZE (G_GUINT64_CONSTANT (2040) << 30)
#define MAX_CHS_SECTORS (G_GUINT64_CONSTANT (65535) * 16 * 255)

#define TYPE_FIXED 2
#define TYPE_DYNAMIC 3
#define TYPE_DIFFERENCING 4

/* The checksum is the complement of the sum of all bytes, its own four left out. */
static guint32
get_checksum (const guint8 *data, gsize size, gsize at)
{
  guint32 sum = 0;

  for (gsize i = 0; i < size; i++)
    if (i < at || i >= at + 4)
      sum += data[i];
  return ~sum;
}

/* What the guest sees. Virtual PC and old QEMU mean the geometry, Hyper-V and all later ones the
 * size; the creator tells which, and QEMU reads it in this very way. */
static guint64
get_virtual_size (const guint8 *footer)
{
  static const char *const by_size[] = { "win ", "qem2", "d2v ", "tap", "wa" };
  guint64 size = vmp_image_be64 (footer + 48) / SECTOR * SECTOR;
  guint64 sectors = (guint64) vmp_image_be16 (footer + 56) * footer[58] * footer[59];
  char creator[5] = { 0 };

  memcpy (creator, footer + 28, 4);
  for (gsize i = 0; i < G_N_ELEMENTS (by_size); i++)
    if (strcmp (creator, by_size[i]) == 0)
      return size;
  return sectors == MAX_CHS_SECTORS ? size : sectors * SECTOR;
}

static gboolean
check_footer (const VmpImageFile *file, const guint8 *footer, GError **error)
{
  if (memcmp (footer, "conectix", 8) != 0)
    return vmp_image_corrupt (file, error, _ ("is not a VHD image, or is cut short"));
  if (vmp_image_be32 (footer + 64) != get_checksum (footer, FOOTER_SIZE, 64))
    return vmp_image_corrupt (file, error, _ ("the checksum of its footer is wrong"));
  if (vmp_image_be32 (footer + 12) >> 16 != 1)
    return vmp_image_corrupt (file, error, _ ("is of a VHD version that is not known"));
  if (vmp_image_be64 (footer + 48) > MAX_SIZE)
    return vmp_image_corrupt (file, error, _ ("its virtual size is out of bounds"));
  return TRUE;
}

static gboolean
check_dynamic (const VmpImageFile *file, const guint8 *footer, guint64 virtual_size, GError **error)
{
  guint64 offset = vmp_image_be64 (footer + 16);
  guint8 copy[FOOTER_SIZE];
  guint8 header[DYNAMIC_SIZE];
  guint64 table, capacity;
  guint32 n_entries, block_size;

  if (!vmp_image_read (file, 0, copy, sizeof copy, error))
    return FALSE;
  /* Some readers take the copy, some the footer: they have to agree. The saved-state flag alone may
   * differ, since only one of the two is written with it. */
  if (memcmp (copy, footer, 64) != 0 || memcmp (copy + 68, footer + 68, 16) != 0
      || vmp_image_be32 (copy + 64) != get_checksum (copy, FOOTER_SIZE, 64))
    return vmp_image_corrupt (file, error, _ ("its footer contradicts its header"));
  if (offset < FOOTER_SIZE || offset % SECTOR != 0)
    return vmp_image_corrupt (file, error, _ ("its header is out of bounds"));
  if (!vmp_image_read (file, offset, header, sizeof header, error))
    return FALSE;
  if (memcmp (header, "cxsparse", 8) != 0)
    return vmp_image_corrupt (file, error, _ ("has no header of a dynamic VHD image"));
  if (vmp_image_be32 (header + 36) != get_checksum (header, DYNAMIC_SIZE, 36))
    return vmp_image_corrupt (file, error, _ ("the checksum of its header is wrong"));
  if (vmp_image_be32 (header + 24) >> 16 != 1)
    return vmp_image_corrupt (file, error, _ ("is of a VHD version that is not known"));
  for (guint i = 0; i < 8; i++)
    if (vmp_image_be32 (header + 576 + i * 24) != 0)
      return vmp_image_unsafe (file, error, _ ("names a parent image"));

  table = vmp_image_be64 (header + 16);
  n_entries = vmp_image_be32 (header + 28);
  block_size = vmp_image_be32 (header + 32);
  if (!vmp_image_is_power_of_2 (block_size) || block_size < SECTOR
      || block_size > (256u << 20))
    return vmp_image_corrupt (file, error, _ ("its block size is out of bounds"));
  if (!vmp_size_mul (&capacity, n_entries, block_size) || capacity < virtual_size)
    return vmp_image_corrupt (file, error,
                              _ ("its block table is too small for its virtual size"));
  if (table < FOOTER_SIZE || table % SECTOR != 0)
    return vmp_image_corrupt (file, error, _ ("its block table is out of bounds"));
  return vmp_image_check_range (file, table, (guint64) n_entries * 4, _ ("its block table"), error);
}

gboolean
vmp_image_inspect_vhd (const VmpImageFile *file, VmpImageInfo *info, GError **error)
{
  guint8 footer[FOOTER_SIZE];

  if (file->size < FOOTER_SIZE)
    return vmp_image_corrupt (file, error, _ ("is too short for a VHD image"));
  if (!vmp_image_read (file, file->size - FOOTER_SIZE, footer, sizeof footer, error)
      || !check_footer (file, footer, error))
    return FALSE;
  info->virtual_size = get_virtual_size (footer);
  switch (vmp_image_be32 (footer + 60))
    {
    case TYPE_FIXED:
      /* The guest's own bytes come first: they may look like anything. */
      if (!vmp_image_check_no_other_format (file, "vpc", error))
        return FALSE;
      return vmp_image_check_range (file, 0, info->virtual_size + FOOTER_SIZE, _ ("its content"),
                                    error);
    case TYPE_DYNAMIC:
      return check_dynamic (file, footer, info->virtual_size, error);
    case TYPE_DIFFERENCING:
      return vmp_image_unsafe (file, error,
                               _ ("is a differencing VHD, which depends on another file; merge it "
                                  "into its parent first"));
    default:
      return vmp_image_corrupt (file, error, _ ("is of a VHD type that is not known"));
    }
}
