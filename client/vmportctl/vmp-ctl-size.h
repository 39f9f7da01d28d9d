/* Numbers of bytes as people write them. */
#pragma once

#include <gio/gio.h>

gboolean vmp_ctl_size_parse (const char *text, guint64 *size, GError **error);
