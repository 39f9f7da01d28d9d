/* What the parsers of the single image formats share: bounded reads, numbers, names. */
#pragma once

#include "vmp-image.h"

#include <string.h>

#include "vmp-error.h"

/* An image that is being read. Nothing reads past @size, the file's own. */
typedef struct
{
  int fd;
  const char *what;
  guint64 size;
  guint64 allocated;
} VmpImageFile;

gboolean vmp_image_read (const VmpImageFile *file, guint64 offset, void *buffer, gsize size,
                         GError **error);
gboolean vmp_image_corrupt (const VmpImageFile *file, GError **error, const char *format, ...)
  G_GNUC_PRINTF (3, 4);
gboolean vmp_image_unsafe (const VmpImageFile *file, GError **error, const char *format, ...)
  G_GNUC_PRINTF (3, 4);
gboolean vmp_image_check_range (const VmpImageFile *file, guint64 offset, guint64 size,
                                const char *part, GError **error);
char *vmp_image_take_name (const VmpImageFile *file, const char *bytes, gsize size, GError **error);
gboolean vmp_image_check_no_other_format (const VmpImageFile *file, const char *format,
                                          GError **error);

gboolean vmp_image_inspect_qcow2 (const VmpImageFile *file, VmpImageInfo *info, GError **error);
gboolean vmp_image_inspect_vmdk (const VmpImageFile *file, VmpImageInfo *info, GError **error);
gboolean vmp_image_inspect_vhd (const VmpImageFile *file, VmpImageInfo *info, GError **error);
gboolean vmp_image_inspect_vhdx (const VmpImageFile *file, VmpImageInfo *info, GError **error);

gboolean vmp_image_patch_qcow2 (const VmpImageFile *file, const char *backing_file,
                                const char *backing_format, GBytes **bytes, GError **error);

#define VMP_IMAGE_MAX_SIZE G_MAXINT64

/* The most bytes that one byte can stand for: 258 in two bits, and a run of a block in four bytes. */
#define VMP_IMAGE_DEFLATE_RATIO 1032
#define VMP_IMAGE_ZSTD_RATIO 32768

static inline guint16
vmp_image_be16 (const guint8 *at)
{
  return (guint16) (at[0] << 8 | at[1]);
}

static inline guint32
vmp_image_be32 (const guint8 *at)
{
  return (guint32) vmp_image_be16 (at) << 16 | vmp_image_be16 (at + 2);
}

static inline guint64
vmp_image_be64 (const guint8 *at)
{
  return (guint64) vmp_image_be32 (at) << 32 | vmp_image_be32 (at + 4);
}

static inline guint16
vmp_image_le16 (const guint8 *at)
{
  return (guint16) (at[1] << 8 | at[0]);
}

static inline guint32
vmp_image_le32 (const guint8 *at)
{
  return (guint32) vmp_image_le16 (at + 2) << 16 | vmp_image_le16 (at);
}

static inline guint64
vmp_image_le64 (const guint8 *at)
{
  return (guint64) vmp_image_le32 (at + 4) << 32 | vmp_image_le32 (at);
}

static inline gboolean
vmp_image_is_power_of_2 (guint64 n)
{
  return n != 0 && (n & (n - 1)) == 0;
}

static inline gboolean
vmp_image_is_zero (const guint8 *at, gsize size)
{
  for (gsize i = 0; i < size; i++)
    if (at[i] != 0)
      return FALSE;
  return TRUE;
}
