/* The snapshots of a machine in the store. */
#pragma once

#include <gio/gio.h>

#include "vmp-snapshot.h"

G_BEGIN_DECLS

GPtrArray *vmp_directory_snapshots_read (int rootfd, const char *uuid, GError **error);
gboolean vmp_directory_snapshots_remove (int rootfd, const char *uuid, GError **error);
gboolean vmp_directory_snapshots_add (int placefd, const char *uuid, VmpSnapshot *snapshot,
                                      GHashTable *taken, GError **error);

G_END_DECLS
