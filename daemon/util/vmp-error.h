/* Errors from errno, and prefixes on the way up. */
#pragma once

#include <gio/gio.h>

#include "vmport-error.h"

gboolean vmp_error_set_errno (GError **error, int errnum, const char *format, ...) G_GNUC_PRINTF (3, 4);
gboolean vmp_error_set (GError **error, VmportError code, const char *format, ...) G_GNUC_PRINTF (3, 4);
