/* Becoming the caller: what a worker gives up before it looks at anything. */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* Who the worker is to be; travels ahead of the D-Bus handshake as a GVariant of this type:
 * uid, gid, supplementary groups, whether to change at all (not on a session bus), and the places
 * where it may open files, with a VmpPlaceAccess each. An empty path is the directory that comes
 * open with the message. When it is ready the worker answers with a byte, whose credentials the
 * kernel states. */
#define VMP_IDENTITY_TYPE "(uuauba(su))"
#define VMP_IDENTITY_MAX_BYTES (16 * 1024 * 1024)

gboolean vmp_sandbox_close_others (int keep, GError **error);
gboolean vmp_sandbox_read_identity (int socket, GVariant **identity, int *passed,
                                    GError **error);
gboolean vmp_sandbox_become (GVariant *identity, GError **error);
gboolean vmp_sandbox_tell_ready (int socket, GError **error);

G_END_DECLS
