/* Becoming the caller: what a worker gives up before it looks at anything. */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* Who the worker is to be; travels ahead of the D-Bus handshake as a GVariant of this type:
 * uid, gid, supplementary groups, and whether to change at all (not on a session bus). */
#define VMP_IDENTITY_TYPE "(uuaub)"
#define VMP_IDENTITY_MAX_BYTES (512 * 1024)

gboolean vmp_sandbox_close_others (int keep, GError **error);
gboolean vmp_sandbox_read_identity (int socket, GVariant **identity, GError **error);
gboolean vmp_sandbox_become (GVariant *identity, GError **error);

G_END_DECLS
