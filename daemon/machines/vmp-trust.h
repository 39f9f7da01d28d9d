/* Whether a path is out of other users' reach. */
#pragma once

#include <gio/gio.h>
#include <sys/types.h>

G_BEGIN_DECLS

gboolean vmp_trust_check_way (const char *path, const uid_t *users, gsize n_users, GError **error);
gboolean vmp_trust_check_beneath (int rootfd, const char *path, const uid_t *users, gsize n_users,
                                  GError **error);

G_END_DECLS
