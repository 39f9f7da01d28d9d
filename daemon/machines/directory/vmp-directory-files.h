/* What the store has of a machine besides its configuration: the saved state and the TPM's files. */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

GPtrArray *vmp_directory_files_list (int rootfd, const char *root, const char *uuid,
                                     GError **error);
gboolean vmp_directory_files_set_state_path (int placefd, const char *uuid, const char *path,
                                             GError **error);

G_END_DECLS
