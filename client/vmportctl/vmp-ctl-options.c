/* Every setting of an export or import as an option: from the command line to the dictionary. */
#include "config.h"

#include "vmp-ctl-options.h"

#include <glib/gi18n-lib.h>
#include <string.h>

#include "vmp-ctl-path.h"
#include "vmp-ctl-set.h"
#include "vmp-ctl-size.h"
#include "vmport-error.h"

/* Short ways to say what others say too. */
typedef struct
{
  const char *option;
  char letter;
  VmpCtlPurpose purpose;
  const char *key;
  const char *value;
  const char *help;
} Alias;

static const Alias aliases[] = {
  { "subdirectory", 's', VMP_CTL_EXPORT, "CreateVmExportSubdirectory", "yes",
    N_ ("The same as --create-vm-export-subdirectory=yes") },
  { "keep-id", 'k', VMP_CTL_IMPORT, "GenerateNewId", "no",
    N_ ("The same as --generate-new-id=no") },
};

/* One option as it was given; a row of none is `--set`. */
typedef struct
{
  const VmpCtlOption *row;
  char *value;
} Given;

struct _VmpCtlOptions
{
  VmpCtlPurpose purpose;
  /* Given *, in the order of the command line: the last one wins. */
  GPtrArray *given;
};

static void
given_free (gpointer data)
{
  Given *given = data;

  g_free (given->value);
  g_free (given);
}

VmpCtlOptions *
vmp_ctl_options_new (VmpCtlPurpose purpose)
{
  VmpCtlOptions *options = g_new0 (VmpCtlOptions, 1);

  options->purpose = purpose;
  options->given = g_ptr_array_new_with_free_func (given_free);
  return options;
}

void
vmp_ctl_options_free (VmpCtlOptions *options)
{
  g_ptr_array_unref (options->given);
  g_free (options);
}

static void
add (VmpCtlOptions *options, const VmpCtlOption *row, const char *value)
{
  Given *given = g_new0 (Given, 1);

  given->row = row;
  given->value = g_strdup (value);
  g_ptr_array_add (options->given, given);
}

static gboolean
option_cb (const char *name, const char *value, gpointer data, GError **error)
{
  VmpCtlOptions *options = data;
  const VmpCtlOption *table;
  gsize n;

  /* A long name, with its dashes, or the one letter of an alias. */
  for (gsize i = 0; i < G_N_ELEMENTS (aliases); i++)
    if (g_str_equal (name + strspn (name, "-"), aliases[i].option)
        || (name[0] == '-' && name[1] == aliases[i].letter && name[2] == '\0'))
      {
        add (options, vmp_ctl_option_find (options->purpose, aliases[i].key), aliases[i].value);
        return TRUE;
      }
  table = vmp_ctl_option_table (&n);
  for (gsize i = 0; i < n; i++)
    if ((table[i].purposes & options->purpose) != 0 && g_str_equal (name + 2, table[i].option))
      {
        add (options, &table[i], value);
        return TRUE;
      }
  add (options, NULL, value);
  return TRUE;
}

/* The group to parse with, which has an option for each setting. */
GOptionGroup *
vmp_ctl_options_make_group (VmpCtlOptions *options)
{
  GOptionGroup *group = g_option_group_new (NULL, NULL, NULL, options, NULL);
  gsize n;
  const VmpCtlOption *table = vmp_ctl_option_table (&n);

  g_option_group_set_translation_domain (group, GETTEXT_PACKAGE);
  for (gsize i = 0; i < G_N_ELEMENTS (aliases); i++)
    {
      const GOptionEntry entries[] = { { aliases[i].option, aliases[i].letter, G_OPTION_FLAG_NO_ARG,
                                         G_OPTION_ARG_CALLBACK, option_cb, aliases[i].help, NULL },
                                       { NULL } };

      if (aliases[i].purpose == options->purpose)
        g_option_group_add_entries (group, entries);
    }
  for (gsize i = 0; i < n; i++)
    {
      const GOptionEntry entries[]
        = { { table[i].option, 0, G_OPTION_FLAG_FILENAME, G_OPTION_ARG_CALLBACK, option_cb,
              table[i].help, table[i].argument },
            { NULL } };

      if ((table[i].purposes & options->purpose) != 0)
        g_option_group_add_entries (group, entries);
    }
  {
    const GOptionEntry entries[] = { { "set", 0, G_OPTION_FLAG_FILENAME, G_OPTION_ARG_CALLBACK,
                                       option_cb, N_ ("Change any setting"), N_ ("KEY=VALUE") },
                                     { NULL } };

    g_option_group_add_entries (group, entries);
  }
  return group;
}

/* `Key=value`: the row of its key, or NULL. */
static const VmpCtlOption *
find_assigned (VmpCtlOptions *options, const char *assignment)
{
  const char *equals = strchr (assignment, '=');
  g_autofree char *key
    = equals != NULL ? g_strndup (assignment, (gsize) (equals - assignment)) : NULL;

  return key != NULL ? vmp_ctl_option_find (options->purpose, key) : NULL;
}

/* Whether the options cannot be understood without the settings that the daemon fills in: how many
 * disks there are, or the type of a key that this program does not know. */
gboolean
vmp_ctl_options_need_known (VmpCtlOptions *options)
{
  for (guint i = 0; i < options->given->len; i++)
    {
      const Given *given = options->given->pdata[i];

      if (given->row != NULL ? given->row->positions
                             : find_assigned (options, given->value) == NULL)
        return TRUE;
    }
  return FALSE;
}

static gboolean fail (GError **error, const char *format, ...) G_GNUC_PRINTF (2, 3);

static gboolean
fail (GError **error, const char *format, ...)
{
  g_autofree char *message = NULL;
  va_list args;

  va_start (args, format);
  message = g_strdup_vprintf (format, args);
  va_end (args);
  g_set_error_literal (error, VMPORT_ERROR, VMPORT_ERROR_INVALID_PARAMETER, message);
  return FALSE;
}

/* An empty path is a value of its own: by the roots, or the manager's own place. */
static char *
make_path (const VmpCtlOption *row, const char *text, GError **error)
{
  if (!row->path || *text == '\0')
    return g_strdup (text);
  return vmp_ctl_absolute_path (text, error);
}

static GVariant *
parse_scalar (const VmpCtlOption *row, const char *text, GError **error)
{
  g_autofree char *name = g_strconcat ("--", row->option, NULL);
  g_autofree char *path = NULL;
  guint64 size;

  if (*row->type == 't')
    return vmp_ctl_size_parse (text, &size, error)
             ? g_variant_ref_sink (g_variant_new_uint64 (size))
             : NULL;
  for (guint i = 0; row->words != NULL && row->words[i] != NULL; i++)
    if (g_str_equal (row->words[i], text))
      return g_variant_ref_sink (g_variant_new_byte ((guint8) i));
  path = make_path (row, text, error);
  if (path == NULL)
    return NULL;
  return vmp_ctl_set_parse (name, path, (const GVariantType *) row->type, error);
}

/* `INDEX=VALUE`, else the value for the next position. */
static const char *
split_position (const char *text, gsize *position)
{
  gsize n_digits = strspn (text, "0123456789");
  guint64 number;
  g_autofree char *digits = g_strndup (text, n_digits);

  if (n_digits == 0 || text[n_digits] != '='
      || !g_ascii_string_to_unsigned (digits, 10, 0, G_MAXUINT32, &number, NULL))
    return text;
  *position = (gsize) number;
  return text + n_digits + 1;
}

/* Puts one element into the array that the dictionary has by now, else into the one that is filled
 * in. @next is the position of a value without one. */
static gboolean
put_position (GVariantDict *settings, GVariant *known, const VmpCtlOption *row, const char *text,
              gsize *next, GError **error)
{
  g_autoptr (GVariant) before
    = g_variant_dict_lookup_value (settings, row->key, G_VARIANT_TYPE_STRING_ARRAY);
  g_auto (GStrv) elements = NULL;
  g_autofree char *path = NULL;
  const char *value;
  gsize n;

  if (before == NULL && known != NULL)
    before = g_variant_lookup_value (known, row->key, G_VARIANT_TYPE_STRING_ARRAY);
  elements = before != NULL ? g_variant_dup_strv (before, &n) : g_new0 (char *, 1);
  n = g_strv_length (elements);
  value = split_position (text, next);
  if (*next >= n)
    return fail (error,
                 g_dngettext (GETTEXT_PACKAGE,
                              "--%s: there is no position %zu; it has %zu element, counted from 0",
                              "--%s: there is no position %zu; it has %zu elements, counted from 0",
                              n),
                 row->option, *next, n);
  if (!g_utf8_validate (value, -1, NULL))
    return fail (error, _ ("The value of %s is not valid UTF-8"), row->option);
  path = make_path (row, value, error);
  if (path == NULL)
    return FALSE;
  g_free (elements[*next]);
  elements[*next] = g_steal_pointer (&path);
  (*next)++;
  g_variant_dict_insert_value (settings, row->key,
                               g_variant_new_strv ((const char *const *) elements, (gssize) n));
  return TRUE;
}

/* Adds one element to a list that has no positions. */
static gboolean
append (GVariantDict *settings, const VmpCtlOption *row, const char *text, GError **error)
{
  g_auto (GVariantBuilder) builder = G_VARIANT_BUILDER_INIT (G_VARIANT_TYPE_STRING_ARRAY);
  g_autoptr (GVariant) before
    = g_variant_dict_lookup_value (settings, row->key, G_VARIANT_TYPE_STRING_ARRAY);
  GVariantIter iter;
  const char *element;

  if (!g_utf8_validate (text, -1, NULL))
    return fail (error, _ ("The value of %s is not valid UTF-8"), row->option);
  if (before != NULL)
    {
      g_variant_iter_init (&iter, before);
      while (g_variant_iter_next (&iter, "&s", &element))
        g_variant_builder_add (&builder, "s", element);
    }
  g_variant_builder_add (&builder, "s", text);
  g_variant_dict_insert_value (settings, row->key, g_variant_builder_end (&builder));
  return TRUE;
}

/* The types that --set needs: those of the table, and what the daemon filled in. */
static GVariant *
make_examples (VmpCtlOptions *options, GVariant *known)
{
  g_auto (GVariantDict) dict = G_VARIANT_DICT_INIT (known);
  gsize n;
  const VmpCtlOption *table = vmp_ctl_option_table (&n);

  for (gsize i = 0; i < n; i++)
    {
      const char *type = table[i].type;

      if ((table[i].purposes & options->purpose) == 0
          || g_variant_dict_contains (&dict, table[i].key))
        continue;
      if (g_str_equal (type, "as"))
        g_variant_dict_insert_value (&dict, table[i].key, g_variant_new_strv (NULL, 0));
      else if (*type == 's')
        g_variant_dict_insert (&dict, table[i].key, "s", "");
      else if (*type == 'b')
        g_variant_dict_insert (&dict, table[i].key, "b", FALSE);
      else if (*type == 'y')
        g_variant_dict_insert (&dict, table[i].key, "y", 0);
      else
        g_variant_dict_insert (&dict, table[i].key, "t", (guint64) 0);
    }
  return g_variant_ref_sink (g_variant_dict_end (&dict));
}

/* The dictionary of what was given, an a{sv} that holds nothing else; @known is what the daemon
 * filled in, or NULL where it is not needed. */
GVariant *
vmp_ctl_options_build (VmpCtlOptions *options, GVariant *known, GError **error)
{
  g_auto (GVariantDict) settings = G_VARIANT_DICT_INIT (NULL);
  g_autoptr (GVariant) examples = make_examples (options, known);
  /* Next position in each array; more keys than the table has are none of these. */
  g_autoptr (GHashTable) next = g_hash_table_new (g_str_hash, g_str_equal);

  for (guint i = 0; i < options->given->len; i++)
    {
      const Given *given = options->given->pdata[i];
      const VmpCtlOption *row = given->row;

      if (row == NULL)
        {
          const char *const assignments[] = { given->value, NULL };

          if (!vmp_ctl_set_apply (&settings, examples, assignments, error))
            return NULL;
        }
      else if (row->positions)
        {
          gsize position = GPOINTER_TO_SIZE (g_hash_table_lookup (next, row->key));

          if (!put_position (&settings, known, row, given->value, &position, error))
            return NULL;
          g_hash_table_insert (next, (char *) row->key, GSIZE_TO_POINTER (position));
        }
      else if (g_str_equal (row->type, "as"))
        {
          if (!append (&settings, row, given->value, error))
            return NULL;
        }
      else
        {
          g_autoptr (GVariant) value = parse_scalar (row, given->value, error);

          if (value == NULL)
            return NULL;
          g_variant_dict_insert_value (&settings, row->key, value);
        }
    }
  return g_variant_ref_sink (g_variant_dict_end (&settings));
}
