/* Which files the known machines use, whatever manager has them. */
#pragma once

#include "vmp-machines.h"

G_BEGIN_DECLS

typedef struct _VmpFileUses VmpFileUses;

/* In the main thread, which has the inventories. @except, of @machines, is left out; NULL for none. */
VmpFileUses *vmp_file_uses_new (VmpMachines *machines, VmpMachine *except);
void vmp_file_uses_free (VmpFileUses *self);

/* Looks at the files: blocking, once, before anything is found. */
void vmp_file_uses_identify (VmpFileUses *self);
gboolean vmp_file_uses_find (VmpFileUses *self, const VmpFileId *id, gboolean medium);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (VmpFileUses, vmp_file_uses_free)

G_END_DECLS
