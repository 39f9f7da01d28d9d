/* Tells which block of a file is damaged, from a few thousand bytes that its package keeps. */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

typedef struct _VmpLocator VmpLocator;

VmpLocator *vmp_locator_new (guint64 size);
void vmp_locator_free (VmpLocator *self);
/* The block of number @block has this hash; in any order, and blocks of zeros are left out. */
void vmp_locator_add (VmpLocator *self, guint64 block, const guint8 *hash);
/* As the descriptor has it. */
char *vmp_locator_to_text (VmpLocator *self);

/* Compares what was found with what the package states. TRUE with the first damage: all of it is known
 * where *@length is one block, else some of the blocks in that range are damaged. FALSE where the two
 * agree, or are not of one file. */
gboolean vmp_locator_compare (VmpLocator *self, const char *stated, guint64 *offset,
                              guint64 *length);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (VmpLocator, vmp_locator_free)

G_END_DECLS
