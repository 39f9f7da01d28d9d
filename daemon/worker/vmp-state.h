/* The state of a saved machine, as libvirt writes it: what the file says, and what a copy of it is to
 * say. */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

gboolean vmp_state_describe (int fd, const char *what, GVariant *options, GVariantDict *reading,
                             GError **error);
gboolean vmp_state_make_head (int fd, const char *what, GVariant *options, GBytes **head,
                              guint64 *insert, GError **error);

G_END_DECLS
