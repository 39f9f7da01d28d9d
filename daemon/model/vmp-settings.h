/* The settings dictionaries of Export and Import: which keys there are, what each may hold, and
 * what counts as left out. */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

typedef enum
{
  VMP_SETTINGS_EXPORT,
  VMP_SETTINGS_IMPORT,
} VmpSettingsKind;

#define VMP_TYPE_SETTINGS (vmp_settings_get_type ())
G_DECLARE_FINAL_TYPE (VmpSettings, vmp_settings, VMP, SETTINGS, GObject)

VmpSettings *vmp_settings_new (VmpSettingsKind kind, GVariant *given, GError **error);
GPtrArray *vmp_settings_list_unused (VmpSettings *self);
gboolean vmp_settings_fill (VmpSettings *self, GVariant *prefilled, GError **error);
GVariant *vmp_settings_defaults (VmpSettingsKind kind, const char *uuid);
GVariant *vmp_settings_sort (VmpSettingsKind kind, GVariant *settings);
GPtrArray *vmp_settings_list_keys (VmpSettingsKind kind);

gboolean vmp_settings_is_given (VmpSettings *self, const char *key);
gboolean vmp_settings_get_boolean (VmpSettings *self, const char *key);
guint8 vmp_settings_get_byte (VmpSettings *self, const char *key);
guint64 vmp_settings_get_uint64 (VmpSettings *self, const char *key);
const char *vmp_settings_get_string (VmpSettings *self, const char *key);
const char *const *vmp_settings_get_strv (VmpSettings *self, const char *key);
const char *vmp_settings_get_given_element (VmpSettings *self, const char *key, guint index);
gboolean vmp_settings_lookup_handle (VmpSettings *self, gint32 *handle);

G_END_DECLS
