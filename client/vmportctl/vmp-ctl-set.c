/* `--set Key=value`: settings from the command line. */
#include "config.h"

#include "vmp-ctl-set.h"

#include <glib/gi18n-lib.h>
#include <string.h>

#include "vmport-error.h"

static GVariant *
parse_boolean (const char *text)
{
  static const char *const yes[] = { "yes", "true", "on", "1", NULL };
  static const char *const no[] = { "no", "false", "off", "0", NULL };
  g_autofree char *lower = g_ascii_strdown (text, -1);

  if (g_strv_contains (yes, lower))
    return g_variant_ref_sink (g_variant_new_boolean (TRUE));
  if (g_strv_contains (no, lower))
    return g_variant_ref_sink (g_variant_new_boolean (FALSE));
  return NULL;
}

static const char *
describe_type (const GVariantType *type)
{
  if (g_variant_type_equal (type, G_VARIANT_TYPE_BOOLEAN))
    return _ ("yes or no");
  if (g_variant_type_equal (type, G_VARIANT_TYPE_STRING_ARRAY))
    return _ ("a list such as ['one', 'two']");
  if (g_variant_type_is_basic (type))
    return _ ("a number that fits");
  return _ ("a value in GVariant's text format");
}

/* Turns what the user typed into a value of the type that the key has: strings bare, booleans as
 * yes or no, the rest in GVariant's text format. */
GVariant *
vmp_ctl_set_parse (const char *key, const char *text, const GVariantType *type, GError **error)
{
  g_autofree char *type_string = NULL;
  GVariant *value = NULL;

  if (!g_utf8_validate (text, -1, NULL))
    {
      g_set_error (error, VMPORT_ERROR, VMPORT_ERROR_INVALID_PARAMETER,
                   _ ("The value of %s is not valid UTF-8"), key);
      return NULL;
    }
  if (g_variant_type_equal (type, G_VARIANT_TYPE_STRING))
    return g_variant_ref_sink (g_variant_new_string (text));
  if (g_variant_type_equal (type, G_VARIANT_TYPE_OBJECT_PATH) && g_variant_is_object_path (text))
    return g_variant_ref_sink (g_variant_new_object_path (text));
  if (g_variant_type_equal (type, G_VARIANT_TYPE_BOOLEAN))
    value = parse_boolean (text);
  else if (!g_variant_type_equal (type, G_VARIANT_TYPE_HANDLE))
    value = g_variant_parse (type, text, NULL, NULL, NULL);
  if (value != NULL)
    return value;
  type_string = g_variant_type_dup_string (type);
  g_set_error (error, VMPORT_ERROR, VMPORT_ERROR_INCORRECT_DATA_TYPE,
               _ ("“%s” cannot be the value of %s (type %s), which is %s"), text, key, type_string,
               describe_type (type));
  return NULL;
}

/* Adds `Key=value` pairs to @settings; @known, an a{sv}, tells each key's type. */
gboolean
vmp_ctl_set_apply (GVariantDict *settings, GVariant *known, const char *const *assignments,
                   GError **error)
{
  for (gsize i = 0; assignments != NULL && assignments[i] != NULL; i++)
    {
      const char *equals = strchr (assignments[i], '=');
      g_autofree char *key = NULL;
      g_autoptr (GVariant) example = NULL;
      g_autoptr (GVariant) value = NULL;

      if (equals == NULL || equals == assignments[i])
        {
          g_set_error (error, VMPORT_ERROR, VMPORT_ERROR_INVALID_PARAMETER,
                       _ ("“%s” is not of the form Key=value"), assignments[i]);
          return FALSE;
        }
      key = g_strndup (assignments[i], (gsize) (equals - assignments[i]));
      example = g_variant_lookup_value (known, key, NULL);
      if (example == NULL)
        {
          g_set_error (error, VMPORT_ERROR, VMPORT_ERROR_INVALID_PARAMETER,
                       _ ("There is no setting “%s”; “vmportctl settings” lists them"), key);
          return FALSE;
        }
      value = vmp_ctl_set_parse (key, equals + 1, g_variant_get_type (example), error);
      if (value == NULL)
        return FALSE;
      g_variant_dict_insert_value (settings, key, value);
    }
  return TRUE;
}
