/* A member of a package that is made of a chain of images, by QEMU as the service's own user. */
#pragma once

#include "vmp-export-plan.h"
#include "vmp-source-list.h"

G_BEGIN_DECLS

/* QEMU's emulator, or NULL with NotSupported, saying what to install. */
char *vmp_merge_find_program (GError **error);

gboolean vmp_merge_check_members (GPtrArray *members, GError **error);
gboolean vmp_merge_check_image (const VmpMerge *self, VmpSourceList *sources,
                                const VmpMergeImage *image, GError **error);

/* Makes @member, which has a VmpMerge, in the package that @worker prepares; @sources were read. Blocking;
 * gives the bytes that were moved. */
gboolean vmp_merge_make_member (VmpRun *run, VmpWorkerHost *worker, VmpSourceList *sources,
                                VmpExportMember *member, guint64 *copied, GError **error);

G_END_DECLS
