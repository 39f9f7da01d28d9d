/* QEMU's block layer for one disk: a chain of images opened as one, and a new image to write into. */
#pragma once

#include <gio/gio.h>
#include <gio/gunixfdlist.h>

G_BEGIN_DECLS

typedef struct _VmpBlock VmpBlock;

/* Starts @program; to be done before the process holds a descriptor of anybody's. Blocking, as all
 * that follows. */
VmpBlock *vmp_block_start (const char *program, GError **error);
void vmp_block_free (VmpBlock *self);

/* Adds an image beneath those that are there already; takes @fd, which is read-only. @options are
 * those of an image in org.vmport.Worker.xml. */
gboolean vmp_block_add_image (VmpBlock *self, int fd, GVariant *options, GError **error);

/* Opens them as one disk and connects to it, and so with a new image that is made in @target (taken),
 * or -1. Reply and @options as in org.vmport.Worker.xml. */
GVariant *vmp_block_open (VmpBlock *self, int target, GVariant *options, GUnixFDList *fds_out,
                          GError **error);

/* Ends QEMU: what was written is complete. */
gboolean vmp_block_close (VmpBlock *self, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (VmpBlock, vmp_block_free)

G_END_DECLS
