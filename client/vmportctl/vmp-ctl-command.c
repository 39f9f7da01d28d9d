/* Command lines that a person can copy. */
#include "config.h"

#include "vmp-ctl-command.h"

#include <string.h>

#include "vmp-ctl-text.h"

/* What no shell takes for anything else. */
#define PLAIN                                                                                      \
  "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"                                 \
  "%+,-./:=@_"

/* Names come from strangers: what a terminal would obey is written in the form $'\ooo', so that it
 * neither acts on the screen nor is lost on the way into the shell. */
static char *
quote_bytes (const char *argument)
{
  GString *text = g_string_new ("$'");

  for (const char *c = argument; *c != '\0'; c++)
    if (*c == '\'' || *c == '\\')
      g_string_append_printf (text, "\\%c", *c);
    else if (g_ascii_isprint (*c))
      g_string_append_c (text, *c);
    else
      g_string_append_printf (text, "\\%03o", (guint8) *c);
  g_string_append_c (text, '\'');
  return g_string_free (text, FALSE);
}

/* One argument for a shell: bare where that is safe, else quoted. */
char *
vmp_ctl_command_quote (const char *argument)
{
  g_autofree char *clean = vmp_ctl_text_clean (argument);

  if (!g_str_equal (clean, argument))
    return quote_bytes (argument);
  if (*argument != '\0' && strspn (argument, PLAIN) == strlen (argument))
    return g_strdup (argument);
  return g_shell_quote (argument);
}

static void
add_positions (GPtrArray *arguments, const VmpCtlOption *row, GVariant *value, GVariant *known)
{
  g_autoptr (GVariant) filled
    = known != NULL ? g_variant_lookup_value (known, row->key, G_VARIANT_TYPE_STRING_ARRAY) : NULL;
  g_autofree const char **elements = g_variant_get_strv (value, NULL);
  g_autofree const char **before = filled != NULL ? g_variant_get_strv (filled, NULL) : NULL;
  gsize n_before = before != NULL ? g_strv_length ((char **) before) : 0;

  /* An element that equals what is filled in counts as left out. */
  for (gsize i = 0; elements[i] != NULL; i++)
    if (i >= n_before || !g_str_equal (elements[i], before[i]))
      g_ptr_array_add (arguments, g_strdup_printf ("--%s=%zu=%s", row->option, i, elements[i]));
}

static void
add_list (GPtrArray *arguments, const VmpCtlOption *row, GVariant *value)
{
  g_autofree const char **elements = g_variant_get_strv (value, NULL);

  for (gsize i = 0; elements[i] != NULL; i++)
    g_ptr_array_add (arguments, g_strdup_printf ("--%s=%s", row->option, elements[i]));
}

/* As --set and vmp_ctl_set_parse() take it. */
static char *
format_value (GVariant *value)
{
  if (g_variant_is_of_type (value, G_VARIANT_TYPE_STRING)
      || g_variant_is_of_type (value, G_VARIANT_TYPE_OBJECT_PATH))
    return g_variant_dup_string (value, NULL);
  if (g_variant_is_of_type (value, G_VARIANT_TYPE_BOOLEAN))
    return g_strdup (g_variant_get_boolean (value) ? "yes" : "no");
  return g_variant_print (value, FALSE);
}

static char *
format_option (const VmpCtlOption *row, GVariant *value)
{
  guint8 number;

  if (row->words == NULL)
    return format_value (value);
  number = g_variant_get_byte (value);
  if (number < g_strv_length ((char **) row->words))
    return g_strdup (row->words[number]);
  return g_strdup_printf ("%u", number);
}

static void
add_row (GPtrArray *arguments, const VmpCtlOption *row, GVariant *value, GVariant *known)
{
  if (row->positions)
    add_positions (arguments, row, value, known);
  else if (g_str_equal (row->type, "as"))
    add_list (arguments, row, value);
  else
    {
      g_autofree char *text = format_option (row, value);

      g_ptr_array_add (arguments, g_strdup_printf ("--%s=%s", row->option, text));
    }
}

/* Adds the options that make these settings, in the order of the table. */
void
vmp_ctl_command_add_settings (GPtrArray *arguments, VmpCtlPurpose purpose, GVariant *settings,
                              GVariant *known)
{
  gsize n;
  const VmpCtlOption *table = vmp_ctl_option_table (&n);
  GVariantIter iter;
  const char *key;
  GVariant *value;

  for (gsize i = 0; i < n; i++)
    {
      g_autoptr (GVariant) found = NULL;

      if ((table[i].purposes & purpose) == 0)
        continue;
      found = g_variant_lookup_value (settings, table[i].key, (const GVariantType *) table[i].type);
      if (found != NULL)
        add_row (arguments, &table[i], found, known);
    }
  /* What a newer daemon speaks of. */
  g_variant_iter_init (&iter, settings);
  while (g_variant_iter_loop (&iter, "{&sv}", &key, &value))
    if (vmp_ctl_option_find (purpose, key) == NULL)
      {
        g_autofree char *text = format_value (value);

        g_ptr_array_add (arguments, g_strdup_printf ("--set=%s=%s", key, text));
      }
}

/* One line of all arguments, each quoted. */
char *
vmp_ctl_command_join (GPtrArray *arguments)
{
  GString *line = g_string_new (NULL);

  for (guint i = 0; i < arguments->len; i++)
    {
      g_autofree char *quoted = vmp_ctl_command_quote (arguments->pdata[i]);

      g_string_append_printf (line, "%s%s", i > 0 ? " " : "", quoted);
    }
  return g_string_free (line, FALSE);
}
