/* libvirt's errors as vmport's own. */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

gboolean vmp_libvirt_error_set (GError **error, const char *format, ...) G_GNUC_PRINTF (2, 3);
gboolean vmp_libvirt_error_is_gone (void);

G_END_DECLS
