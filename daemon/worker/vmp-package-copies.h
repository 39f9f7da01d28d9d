/* The members of a package that are files of their own: copies, digests and flushes them, several at a
 * time. */
#pragma once

#include <gio/gio.h>

#include "vmp-copier.h"
#include "vmp-pace.h"
#include "vmp-package.h"

G_BEGIN_DECLS

typedef struct _VmpPackageCopies VmpPackageCopies;

/* Into the folder @staging, where the members' own folders are there already. */
VmpPackageCopies *vmp_package_copies_new (int staging, VmpCopierFlags flags, VmpPace *pace);
void vmp_package_copies_free (VmpPackageCopies *self);

gboolean vmp_package_copies_add (VmpPackageCopies *self, int source, VmpPackageFile *file,
                                 GVariant *options, GError **error);
/* One that somebody else has filled, for which @copied bytes were moved; @verity is its digest, or
 * NULL where it has to be read for that. */
void vmp_package_copies_add_filled (VmpPackageCopies *self, VmpPackageFile *file, guint64 copied,
                                    const char *verity, const char *locator);
/* Fills in what the files of the package come to. */
gboolean vmp_package_copies_run (VmpPackageCopies *self, guint64 *copied, guint64 *cloned,
                                 GError **error);
/* Flushes all files of the package, other members included, and the descriptor, and @with_sums
 * SHA256SUMS. */
gboolean vmp_package_copies_sync (VmpPackageCopies *self, VmpPackage *package, gboolean with_sums,
                                  GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (VmpPackageCopies, vmp_package_copies_free)

G_END_DECLS
