/* `--set Key=value`: settings from the command line. */
#pragma once

#include <gio/gio.h>

GVariant *vmp_ctl_set_parse (const char *key, const char *text, const GVariantType *type,
                             GError **error);
gboolean vmp_ctl_set_apply (GVariantDict *settings, GVariant *known, const char *const *assignments,
                            GError **error);
