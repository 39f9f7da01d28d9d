/* The internal snapshots of a qcow2 image, and the image as it was at one of them. */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

typedef struct
{
  char *name; /* clean UTF-8 */
  guint64 disk_size;
  guint64 memory_size; /* bytes; 0: of the disk alone */
  guint64 l1_offset;
  guint32 l1_size;
} VmpImageSnapshot;

void vmp_image_snapshot_clear (VmpImageSnapshot *snapshot);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (VmpImageSnapshot, vmp_image_snapshot_clear)

/* At most so many are listed. */
#define VMP_IMAGE_MAX_LISTED_SNAPSHOTS 1024

/* Of a qcow2 image that vmp_image_inspect() has found in order, as a(stt): name, the disk's size then,
 * and the memory's. Those whose names no one could ask for (no UTF-8, empty, control characters)
 * are left out. */
GVariant *vmp_image_snapshot_list (int fd, const char *what, GError **error);

/* NotFound where there is none of that name, Corrupt where there are two. */
gboolean vmp_image_snapshot_find (int fd, const char *what, const char *name,
                                  VmpImageSnapshot *snapshot, GError **error);

/* A small qcow2 file (a memfd) that lies over the whole file @fd, and in which the header says what
 * it would if @snapshot were the machine's present, with no snapshots: a qcow2 reader on top of the
 * two sees the disk as it was then. With @memory the disk goes on to the end of the snapshot's
 * memory, which lies at @offset of it. -1 with @error set else. */
int vmp_image_snapshot_open (int fd, const char *what, const VmpImageSnapshot *snapshot,
                             gboolean memory, guint64 *offset, GError **error);

G_END_DECLS
