/* Takes back what a job left in folders of its caller's, and removes files that are deleted. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

gboolean vmp_leftover_remove (GVariant *left, int directory_fd, GError **error);
gboolean vmp_leftover_remove_path (const char *kind, const char *path, GError **error);

G_END_DECLS
