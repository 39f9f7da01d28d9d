/* Settings dictionaries of any kind: what is accepted can be filled and read, and handed back whole it
 * is accepted again. The first letter of the text says whose they are: E (Export) or I (Import). */
#include "fuzz.h"
#include "vmp-settings.h"

static GVariant *
read_all (VmpSettings *settings, VmpSettingsKind kind, GVariant *defaults)
{
  g_autoptr (GPtrArray) unused = vmp_settings_list_unused (settings);
  g_autoptr (GPtrArray) keys = vmp_settings_list_keys (kind);
  gint32 handle;

  for (guint i = 0; i < keys->len; i++)
    vmp_settings_is_given (settings, g_ptr_array_index (keys, i));
  vmp_settings_lookup_handle (settings, &handle);
  return vmp_settings_fill (settings, defaults, NULL) ? g_variant_ref (defaults) : NULL;
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  VmpSettingsKind kind = size > 0 && data[0] == 'I' ? VMP_SETTINGS_IMPORT : VMP_SETTINGS_EXPORT;
  g_autoptr (GVariant) given = NULL;
  g_autoptr (GVariant) defaults = NULL;
  g_autoptr (GVariant) whole = NULL;
  g_autoptr (VmpSettings) settings = NULL;
  g_autoptr (VmpSettings) again = NULL;

  if (size == 0 || !g_utf8_validate ((const char *) data, (gssize) size, NULL))
    return 0;
  given = g_variant_parse (G_VARIANT_TYPE_VARDICT, (const char *) data + 1,
                           (const char *) data + size, NULL, NULL);
  if (given == NULL)
    return 0;
  settings = vmp_settings_new (kind, given, NULL);
  if (settings == NULL)
    return 0;
  defaults = g_variant_ref_sink (
      vmp_settings_defaults (kind, "6f1c9a3e-5b0d-4c7e-8a52-00000000abcd"));
  whole = read_all (settings, kind, defaults);
  if (whole != NULL)
    {
      again = vmp_settings_new (kind, whole, NULL);
      g_assert (again != NULL);
    }
  return 0;
}
