/* The files that a worker is to read, gathered and sent in messages that are not too large. */
#pragma once

#include "vmp-worker-host.h"

G_BEGIN_DECLS

typedef struct _VmpSourceList VmpSourceList;

typedef enum
{
  VMP_SOURCE_PLAIN = 0,
  VMP_SOURCE_WRITABLE = 1 << 0,  /* the worker must be able to write it, too */
  VMP_SOURCE_HAND_OVER = 1 << 1, /* the daemon wants the file itself */
  VMP_SOURCE_SAVE_IMAGE = 1 << 2, /* it is a state that libvirt saved */
  VMP_SOURCE_LOCK = 1 << 3,       /* no QEMU may write the image while the worker has it */
  VMP_SOURCE_LOOK = 1 << 4,       /* only its reading is wanted: it is not copied */
} VmpSourceFlags;

VmpSourceList *vmp_source_list_new (void);
void vmp_source_list_free (VmpSourceList *self);

/* Each gives the source's number. @format NULL: no image. @name is what errors call it. */
guint vmp_source_list_add_fd (VmpSourceList *self, int fd, const char *name, const char *format);
guint vmp_source_list_add_path (VmpSourceList *self, const char *path, const char *format);
guint vmp_source_list_add_member (VmpSourceList *self, const char *member, const char *format);

void vmp_source_list_set_flags (VmpSourceList *self, guint source, VmpSourceFlags flags);
int vmp_source_list_get_fd (VmpSourceList *self, guint source);
const char *vmp_source_list_get_name (VmpSourceList *self, guint source);

/* What the header of the overlay @source is to name when it is copied: its reading is an error where
 * that cannot be. Before it is sent. */
void vmp_source_list_set_backing (VmpSourceList *self, guint source, const char *backing,
                                  const char *backing_format);

/* What the saved state @source must say, word by word (@cookie may be NULL): its reading is an error
 * where it says anything else. Before it is sent. */
void vmp_source_list_set_state (VmpSourceList *self, guint source, const char *xml,
                                const char *cookie);

/* Files that are named by an absolute path are opened by a worker of their own: the one that goes on
 * to read what is in them can open nothing but what lies in the places of its job. */
gboolean vmp_source_list_send (VmpSourceList *self, VmpWorkerHost *worker, GError **error);
/* What the worker says of it (a{sv}, borrowed), after it was sent. */
GVariant *vmp_source_list_get_reading (VmpSourceList *self, guint source);
gboolean vmp_source_list_check (VmpSourceList *self, guint source, GError **error);
guint64 vmp_source_list_get_payload (VmpSourceList *self, guint source);

/* Does the image's own table have an internal snapshot @name? @memory gets TRUE where it has the
 * machine's memory, too. */
gboolean vmp_reading_has_snapshot (GVariant *reading, const char *name, gboolean *memory);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (VmpSourceList, vmp_source_list_free)

G_END_DECLS
