/* What an image's header says, read by bounded parsers of our own: qcow2, vmdk, vhd, vhdx, raw. */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

typedef struct
{
  char *format;         /* the stated one */
  guint64 virtual_size; /* bytes the guest sees */
  char *backing_file;   /* as the header spells it, or NULL */
  char *backing_format; /* as the header spells it, or NULL */
  guint n_snapshots;    /* internal snapshots (qcow2) */
  gboolean encrypted;
  gboolean dirty;       /* qcow2's dirty or corrupt bit */
  guint ratio;          /* of its compression, at best; 0: as the format's */
  guint64 most_data;    /* that a guest can see in a file of this size: more than that is a loop */
} VmpImageInfo;

void vmp_image_info_clear (VmpImageInfo *info);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (VmpImageInfo, vmp_image_info_clear)

/* Formats that vmport takes in a package: "qcow2", "raw", "vmdk", "vpc" (VHD), "vhdx". */
/* What names of such files end with, without a dot; NULL for a format that is not known. */
const char *vmp_image_format_extension (const char *format);

/* Reads the header of @fd, which is stated to be @format. Errors: Corrupt (not that format,
 * broken, out of bounds), Unsafe (an external data file, json: or protocol names, an absolute
 * extent, unknown incompatible features; a file stated as raw that begins as another format is
 * Unsafe too), NotSupported (a format that is not known); @what names the file. @fd need only be
 * readable; its offset is not used. A backing file's name is reported, not judged, save for json:
 * and protocol prefixes, control characters and invalid UTF-8, which are Unsafe. The virtual size
 * is not judged either: a file of a few megabytes may well say an exabyte. */
gboolean vmp_image_inspect (int fd, const char *format, const char *what, VmpImageInfo *info,
                            GError **error);

/* The bytes to put at @offset of an overlay so that its header names @backing_file of
 * @backing_format, without moving anything else: at most the header's own cluster is rewritten.
 * NotSupported for formats other than qcow2, and where the name does not fit; InvalidParameter for
 * an image that has no backing file. Nothing is left of the old name. */
gboolean vmp_image_backing_patch (int fd, const char *what, const char *backing_file,
                                  const char *backing_format, guint64 *offset, GBytes **bytes,
                                  GError **error);

G_END_DECLS
