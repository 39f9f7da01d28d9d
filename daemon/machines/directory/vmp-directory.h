/* The embedded store: machines that lie in a directory of the host, in the package's own layout. */
#pragma once

#include "vmp-machines.h"

G_BEGIN_DECLS

#define VMP_TYPE_DIRECTORY (vmp_directory_get_type ())
G_DECLARE_FINAL_TYPE (VmpDirectory, vmp_directory, VMP, DIRECTORY, GObject)

VmpDirectory *vmp_directory_new (const char *id, const char *root, const char *const *networks,
                                 GError **error);
gboolean vmp_directory_load_all (VmpDirectory *self, GError **error);

G_END_DECLS
