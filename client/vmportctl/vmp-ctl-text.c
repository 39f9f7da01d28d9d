/* Text for people: cleaned of what a terminal would obey, in columns, or as JSON. */
#include "config.h"

#include "vmp-ctl-text.h"

#include <json-glib/json-glib.h>

/* Control characters, and those that reorder the text around them. */
static gboolean
is_unfit (gunichar u)
{
  return g_unichar_iscntrl (u) || u == 0x061c || u == 0x200e || u == 0x200f
         || (u >= 0x2028 && u <= 0x202e) || (u >= 0x2066 && u <= 0x2069);
}

/* Drops what a terminal would obey instead of showing; names come from strangers. Line breaks
 * become spaces. */
char *
vmp_ctl_text_clean (const char *text)
{
  g_autofree char *valid = g_utf8_make_valid (text, -1);
  GString *clean = g_string_new (NULL);

  for (const char *c = valid; *c != '\0'; c = g_utf8_next_char (c))
    {
      gunichar u = g_utf8_get_char (c);

      if (u == '\n' || u == '\t')
        g_string_append_c (clean, ' ');
      else if (!is_unfit (u))
        g_string_append_unichar (clean, u);
    }
  return g_string_free (clean, FALSE);
}

static gsize
get_width (const char *text)
{
  gsize width = 0;

  for (const char *c = text; *c != '\0'; c = g_utf8_next_char (c))
    {
      gunichar u = g_utf8_get_char (c);

      if (!g_unichar_iszerowidth (u))
        width += g_unichar_iswide (u) ? 2 : 1;
    }
  return width;
}

static void
append_row (GString *table, const char *const *cells, const gsize *widths, gsize n)
{
  for (gsize i = 0; i < n; i++)
    {
      g_string_append (table, cells[i]);
      /* Nothing to pad after the last column. */
      for (gsize w = get_width (cells[i]); i + 1 < n && w < widths[i] + 2; w++)
        g_string_append_c (table, ' ');
    }
  g_string_append_c (table, '\n');
}

/* A table with a line of heads; @rows holds string arrays of as many cells, cleaned already. */
char *
vmp_ctl_text_table (const char *const *heads, GPtrArray *rows)
{
  gsize n = g_strv_length ((char **) heads);
  g_autofree gsize *widths = g_new0 (gsize, n);
  GString *table = g_string_new (NULL);

  for (gsize i = 0; i < n; i++)
    {
      widths[i] = get_width (heads[i]);
      for (guint r = 0; r < rows->len; r++)
        widths[i] = MAX (widths[i], get_width (((char **) rows->pdata[r])[i]));
    }
  append_row (table, heads, widths, n);
  for (guint r = 0; r < rows->len; r++)
    append_row (table, rows->pdata[r], widths, n);
  return g_string_free (table, FALSE);
}

void
vmp_ctl_text_print_table (const char *const *heads, GPtrArray *rows)
{
  g_autofree char *table = vmp_ctl_text_table (heads, rows);

  g_print ("%s", table);
}

/* JSON of a dictionary or list, on several lines. json-glib escapes the control characters of
 * ASCII; the others are escaped here. */
char *
vmp_ctl_text_json (GVariant *value)
{
  g_autoptr (JsonNode) node = json_gvariant_serialize (value);
  g_autofree char *json = json_to_string (node, TRUE);
  GString *safe = g_string_new (NULL);

  for (const char *c = json; *c != '\0'; c = g_utf8_next_char (c))
    {
      gunichar u = g_utf8_get_char (c);

      if (u != '\n' && is_unfit (u))
        g_string_append_printf (safe, "\\u%04x", u);
      else
        g_string_append_unichar (safe, u);
    }
  return g_string_free (safe, FALSE);
}

/* Consumes @value if it is floating. */
void
vmp_ctl_text_print_json (GVariant *value)
{
  g_autoptr (GVariant) owned = g_variant_ref_sink (value);
  g_autofree char *json = vmp_ctl_text_json (owned);

  g_print ("%s\n", json);
}

/* One value on one line: strings bare, everything else as GVariant's text. */
char *
vmp_ctl_text_value (GVariant *value)
{
  g_autofree char *text = NULL;

  if (g_variant_is_of_type (value, G_VARIANT_TYPE_STRING)
      || g_variant_is_of_type (value, G_VARIANT_TYPE_OBJECT_PATH))
    return vmp_ctl_text_clean (g_variant_get_string (value, NULL));
  /* GVariant would write it in hexadecimal. */
  if (g_variant_is_of_type (value, G_VARIANT_TYPE_BYTE))
    return g_strdup_printf ("%u", g_variant_get_byte (value));
  text = g_variant_print (value, FALSE);
  return vmp_ctl_text_clean (text);
}
