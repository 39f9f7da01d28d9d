/* libvirt's save files, which hold a machine's memory behind a header and its configuration: a
 * bounded parser of all but the memory, and what a copy has to begin with instead. */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

typedef struct
{
  char *xml;               /* the configuration, as it stands there */
  char *cookie;            /* what else libvirt noted, or NULL */
  gboolean running;        /* was it running when it was saved? */
  const char *compression; /* of the memory: "none", or libvirt's word for it */
  guint64 head_size;       /* bytes before the memory */
} VmpSaveImage;

void vmp_save_image_clear (VmpSaveImage *image);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (VmpSaveImage, vmp_save_image_clear)

/* Reads the header, the configuration and the cookie of @fd, which is stated to be a save file.
 * Errors: Corrupt (no save file, incomplete, broken, out of bounds), NotSupported (a version or a
 * compression that is not known). @fd need only be readable; its offset is not used. Neither text
 * is judged, save that it is UTF-8. */
gboolean vmp_save_image_read (int fd, const char *what, VmpSaveImage *image, GError **error);

/* What a copy begins with so that it holds @xml and @cookie (or NULL) instead: @head goes to the
 * start, and the memory comes @insert bytes later than it does in @image. That is 0 where both fit
 * into the old space, else a multiple of 64 KiB, so that what was aligned, or a hole, stays it. */
gboolean vmp_save_image_rewrite (const VmpSaveImage *image, const char *what, const char *xml,
                                 const char *cookie, GBytes **head, guint64 *insert,
                                 GError **error);

/* What a save file begins with whose memory, uncompressed, follows at once: a multiple of 64 KiB. */
GBytes *vmp_save_image_new_head (const char *xml, const char *cookie, gboolean running,
                                 const char *what, GError **error);

G_END_DECLS
