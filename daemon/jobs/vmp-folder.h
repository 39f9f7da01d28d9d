/* The folder that a request is about: a path that its caller names, or a directory that the caller
 * holds open. */
#pragma once

#include <gio/gio.h>

#include "vmp-places.h"
#include "vmp-worker-host.h"

G_BEGIN_DECLS

/* Immutable; any thread may hold a reference. */
typedef struct _VmpFolder VmpFolder;

VmpFolder *vmp_folder_new (const char *path);
VmpFolder *vmp_folder_new_for_fd (int fd, GError **error);
VmpFolder *vmp_folder_ref (VmpFolder *self);
void vmp_folder_unref (VmpFolder *self);

const char *vmp_folder_get_path (VmpFolder *self);
gboolean vmp_folder_is_open (VmpFolder *self);
const char *vmp_folder_get_label (VmpFolder *self);

gboolean vmp_folder_pass (VmpFolder *self, GVariantDict *options, GUnixFDList **fds,
                          GError **error);
GVariant *vmp_folder_call_worker (VmpFolder *self, VmpWorkerHost *worker, const char *method,
                                  GVariantDict *options, GError **error);

void vmp_folder_add_to (VmpFolder *self, VmpPlaces *places, const char *subdirectory,
                        VmpPlaceAccess access);
void vmp_folder_note (VmpFolder *self, const char *base, GVariantDict *entry);
gboolean vmp_folder_is_noted (VmpFolder *self, GVariant *entry);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (VmpFolder, vmp_folder_unref)

G_END_DECLS
