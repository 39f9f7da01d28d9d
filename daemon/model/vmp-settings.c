/* The settings dictionaries of Export and Import: which keys there are, what each may hold, and
 * what counts as left out.
 *
 * A dictionary passes two gates. vmp_settings_new() takes what can be judged from the dictionary
 * alone: keys, types, sets of values, the form of paths. vmp_settings_fill() lays it over the
 * pre-filled values, once they are known: an element that still equals its pre-filled value counts as
 * left out. */
#include "config.h"

#include "vmp-settings.h"

#include <glib/gi18n-lib.h>
#include <stdlib.h>
#include <string.h>

#include "vmp-error.h"
#include "vmp-name.h"

/* Of InstanceID: the UUID of a machine follows. */
#define INSTANCE_PREFIX "vmport:"

typedef enum
{
  FORM_ANY,
  FORM_CONSTANT,  /* must equal the default */
  FORM_IDENTITY,  /* must equal the pre-filled value */
  FORM_INSTANCE,  /* must besides be "vmport:" and a UUID, or empty */
  FORM_CHOICE,    /* one of a set */
  FORM_VM_NAME,
  FORM_SCOPE,     /* the name of a security scope, or empty */
  FORM_PATH,      /* absolute, or empty; relative with DirectoryFd */
  FORM_NUMBER_TO, /* a byte up to the number in `choices` */
} Form;

typedef struct
{
  const char *key;
  const char *type;
  const char *fallback; /* GVariant text; NULL: absent unless given */
  Form form;
  const char *choices; /* "|a|b|" */
} Row;

static const Row export_rows[] = {
  { "Caption", "s", "'Virtual System Export Setting Data'", FORM_CONSTANT, NULL },
  { "Description", "s", "'VMPort Virtual System Export Setting Data'", FORM_CONSTANT, NULL },
  { "ElementName", "s", "'VMPort Virtual System Export Setting Data'", FORM_CONSTANT, NULL },
  { "InstanceID", "s", "''", FORM_INSTANCE, NULL },
  { "CopyVmStorage", "b", "true", FORM_ANY, NULL },
  { "CopyVmRuntimeInformation", "b", "true", FORM_ANY, NULL },
  { "CreateVmExportSubdirectory", "b", "false", FORM_ANY, NULL },
  { "CopySnapshotConfiguration", "y", "0x00", FORM_NUMBER_TO, "3" },
  { "SnapshotVirtualSystem", "s", "''", FORM_ANY, NULL },
  { "CaptureLiveState", "y", "0x00", FORM_NUMBER_TO, "2" },
  { "ExcludedVirtualHardDisks", "as", "[]", FORM_ANY, NULL },
  { "Checksum", "s", "'fs-verity'", FORM_CHOICE, "|fs-verity|sha256|none|" },
  { "BandwidthLimit", "t", "0", FORM_ANY, NULL },
  { "DiskFormat", "s", "'keep'", FORM_CHOICE, "|keep|qcow2|raw|vhdx|vmdk|" },
  { "IncludeRemovableMedia", "b", "false", FORM_ANY, NULL },
  { "DirectoryFd", "h", NULL, FORM_ANY, NULL },
};

static const Row import_rows[] = {
  { "Caption", "s", "'Virtual System Import Setting Data'", FORM_CONSTANT, NULL },
  { "Description", "s", "'VMPort Virtual System Import Setting Data'", FORM_CONSTANT, NULL },
  { "ElementName", "s", "'VMPort Virtual System Import Setting Data'", FORM_CONSTANT, NULL },
  { "InstanceID", "s", "''", FORM_INSTANCE, NULL },
  { "CreateCopy", "b", "true", FORM_ANY, NULL },
  { "GenerateNewId", "b", "true", FORM_ANY, NULL },
  { "Name", "s", "''", FORM_VM_NAME, NULL },
  { "SecurityScope", "s", "''", FORM_SCOPE, NULL },
  { "CurrentResourcePaths", "as", "[]", FORM_IDENTITY, NULL },
  { "SourceResourcePaths", "as", "[]", FORM_PATH, NULL },
  { "TargetResourcePaths", "as", "[]", FORM_PATH, NULL },
  { "SourceNetworkConnections", "as", "[]", FORM_IDENTITY, NULL },
  { "TargetNetworkConnections", "as", "[]", FORM_ANY, NULL },
  { "SourceVmDataRoot", "s", "''", FORM_PATH, NULL },
  { "SourceSnapshotDataRoot", "s", "''", FORM_PATH, NULL },
  { "SourceVhdDataRoot", "s", "''", FORM_PATH, NULL },
  { "TargetVmDataRoot", "s", "''", FORM_PATH, NULL },
  { "TargetSnapshotDataRoot", "s", "''", FORM_PATH, NULL },
  { "TargetVhdDataRoot", "s", "''", FORM_PATH, NULL },
  { "VerifyChecksums", "b", "true", FORM_ANY, NULL },
  { "BandwidthLimit", "t", "0", FORM_ANY, NULL },
  { "MacAddresses", "s", "'auto'", FORM_CHOICE, "|auto|generate|keep|keep-if-free|" },
  { "DropSavedState", "b", "false", FORM_ANY, NULL },
  { "UnsafeDevices", "s", "'refuse'", FORM_CHOICE, "|refuse|strip|keep|" },
  { "DirectoryFd", "h", NULL, FORM_ANY, NULL },
};

struct _VmpSettings
{
  GObject parent_instance;
  VmpSettingsKind kind;
  GHashTable *given;  /* key → GVariant, as the caller wrote it */
  GHashTable *values; /* key → GVariant, what holds */
  GVariant *prefilled;
  GHashTable *strvs; /* key → GStrv, for the getters */
};

G_DEFINE_FINAL_TYPE (VmpSettings, vmp_settings, G_TYPE_OBJECT)

static void
vmp_settings_finalize (GObject *object)
{
  VmpSettings *self = VMP_SETTINGS (object);

  g_hash_table_unref (self->given);
  g_hash_table_unref (self->values);
  g_hash_table_unref (self->strvs);
  g_clear_pointer (&self->prefilled, g_variant_unref);
  G_OBJECT_CLASS (vmp_settings_parent_class)->finalize (object);
}

static void
vmp_settings_class_init (VmpSettingsClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = vmp_settings_finalize;
}

static void
vmp_settings_init (VmpSettings *self)
{
  self->given = g_hash_table_new_full (g_str_hash, g_str_equal, NULL,
                                       (GDestroyNotify) g_variant_unref);
  self->values = g_hash_table_new_full (g_str_hash, g_str_equal, NULL,
                                        (GDestroyNotify) g_variant_unref);
  self->strvs = g_hash_table_new_full (g_str_hash, g_str_equal, NULL,
                                       (GDestroyNotify) g_strfreev);
}

static const Row *
rows_of (VmpSettingsKind kind, gsize *n)
{
  *n = kind == VMP_SETTINGS_EXPORT ? G_N_ELEMENTS (export_rows) : G_N_ELEMENTS (import_rows);
  return kind == VMP_SETTINGS_EXPORT ? export_rows : import_rows;
}

static const Row *
find_row (VmpSettingsKind kind, const char *key)
{
  gsize n;
  const Row *rows = rows_of (kind, &n);

  for (gsize i = 0; i < n; i++)
    if (strcmp (rows[i].key, key) == 0)
      return &rows[i];
  return NULL;
}

static GVariant *
typed_default (const Row *row)
{
  g_autoptr (GError) error = NULL;
  GVariant *value = g_variant_parse (G_VARIANT_TYPE (row->type), row->fallback, NULL, NULL, &error);

  g_assert_no_error (error);
  return value;
}

static gboolean
check_path (const char *key, const char *path, gboolean relative, GError **error)
{
  if (path[0] == '\0')
    return TRUE;
  if (relative ? vmp_name_is_relative (path) || vmp_name_is_absolute (path)
               : vmp_name_is_absolute (path))
    return TRUE;
  return vmp_error_set (error, VMPORT_ERROR_INVALID_PARAMETER,
                        relative ? _ ("%s: “%s” is not a path without “.”, “..”, empty components "
                                      "and control characters")
                                 : _ ("%s: “%s” is not an absolute path without “.”, “..”, empty "
                                      "components and control characters"),
                        key, path);
}

/* "|a|b|" as a person reads it. */
static char *
show_choices (const Row *row)
{
  g_autofree char *inner = g_strndup (row->choices + 1, strlen (row->choices) - 2);
  g_auto (GStrv) words = g_strsplit (inner, "|", -1);

  return g_strjoinv (", ", words);
}

static gboolean
set_read_only (const Row *row, GError **error)
{
  return vmp_error_set (error, VMPORT_ERROR_INVALID_PARAMETER,
                        _ ("%s is read-only; leave it out or hand it back unchanged"), row->key);
}

/* Which machine it has to be is known once the directory has been read; what is no machine's now. */
static gboolean
is_instance (const char *text)
{
  return text[0] == '\0'
         || (g_str_has_prefix (text, INSTANCE_PREFIX)
             && vmp_name_is_uuid (text + strlen (INSTANCE_PREFIX)));
}

static gboolean
check_value (VmpSettings *self, const Row *row, GVariant *value, GError **error)
{
  g_autoptr (GVariant) fallback = NULL;

  switch (row->form)
    {
    case FORM_CONSTANT:
      fallback = typed_default (row);
      return g_variant_equal (fallback, value) || set_read_only (row, error);

    case FORM_INSTANCE:
      return is_instance (g_variant_get_string (value, NULL)) || set_read_only (row, error);

    case FORM_CHOICE:
      {
        const char *text = g_variant_get_string (value, NULL);
        g_autofree char *quoted = g_strdup_printf ("|%s|", text);

        g_autofree char *choices = NULL;

        if (strchr (text, '|') == NULL && strstr (row->choices, quoted) != NULL)
          return TRUE;
        choices = show_choices (row);
        return vmp_error_set (error, VMPORT_ERROR_INVALID_PARAMETER,
                              _ ("%s: “%s” is not one of %s"), row->key, text, choices);
      }

    case FORM_NUMBER_TO:
      if (g_variant_get_byte (value) > atoi (row->choices))
        return vmp_error_set (error, VMPORT_ERROR_INVALID_PARAMETER,
                              _ ("%s: %u is not one of 0 to %s"), row->key,
                              g_variant_get_byte (value), row->choices);
      return TRUE;

    case FORM_VM_NAME:
      {
        const char *name = g_variant_get_string (value, NULL);

        /* Hyper-V: an empty name counts as not set. */
        if (name[0] == '\0' || vmp_name_is_vm_name (name))
          return TRUE;
        return vmp_error_set (error, VMPORT_ERROR_INVALID_PARAMETER,
                              _ ("%s: a name has 1 to 255 bytes, no “/” and no control characters"),
                              row->key);
      }

    case FORM_SCOPE:
      {
        const char *scope = g_variant_get_string (value, NULL);

        if (scope[0] == '\0' || vmp_name_is_scope (scope))
          return TRUE;
        return vmp_error_set (error, VMPORT_ERROR_INVALID_PARAMETER,
                              _ ("%s: “%s” is no name that a security scope could have"), row->key,
                              scope);
      }

    case FORM_PATH:
      {
        gboolean relative = g_hash_table_contains (self->given, "DirectoryFd");

        if (g_variant_is_of_type (value, G_VARIANT_TYPE_STRING))
          return check_path (row->key, g_variant_get_string (value, NULL), relative, error);
        for (gsize i = 0; i < g_variant_n_children (value); i++)
          {
            const char *path;

            g_variant_get_child (value, i, "&s", &path);
            if (!check_path (row->key, path, relative, error))
              return FALSE;
          }
        return TRUE;
      }

    case FORM_ANY:
    case FORM_IDENTITY:
    default:
      return TRUE;
    }
}

static gboolean
take_given (VmpSettings *self, GVariant *given, GError **error)
{
  GVariantIter iter;
  const char *key;
  GVariant *child;

  g_variant_iter_init (&iter, given);
  while (g_variant_iter_next (&iter, "{&sv}", &key, &child))
    {
      g_autoptr (GVariant) value = child;
      const Row *row = find_row (self->kind, key);

      if (row == NULL)
        {
          g_autofree char *shown = vmp_name_clean (key, 64);

          return vmp_error_set (error, VMPORT_ERROR_INVALID_PARAMETER,
                                _ ("There is no setting “%s”; see Get…Settings for all of them"),
                                shown);
        }
      if (!g_variant_is_of_type (value, G_VARIANT_TYPE (row->type)))
        return vmp_error_set (error, VMPORT_ERROR_INCORRECT_DATA_TYPE,
                              _ ("%s has the type “%s”; it takes “%s”"), key,
                              g_variant_get_type_string (value), row->type);
      if (g_hash_table_contains (self->given, row->key))
        return vmp_error_set (error, VMPORT_ERROR_INVALID_PARAMETER, _ ("%s is given twice"), key);
      g_hash_table_insert (self->given, (gpointer) row->key, g_steal_pointer (&value));
    }
  return TRUE;
}

/* Takes a caller's dictionary (a{sv}). Errors are those that a call gets: InvalidParameter and
 * IncorrectDataType, naming the key. */
VmpSettings *
vmp_settings_new (VmpSettingsKind kind, GVariant *given, GError **error)
{
  g_autoptr (VmpSettings) self = g_object_new (VMP_TYPE_SETTINGS, NULL);
  gsize n;
  const Row *rows = rows_of (kind, &n);

  self->kind = kind;
  if (!take_given (self, given, error))
    return NULL;
  for (gsize i = 0; i < n; i++)
    {
      GVariant *value = g_hash_table_lookup (self->given, rows[i].key);

      if (value != NULL && !check_value (self, &rows[i], value, error))
        return NULL;
      if (value != NULL)
        g_hash_table_insert (self->values, (gpointer) rows[i].key, g_variant_ref (value));
      else if (rows[i].fallback != NULL)
        g_hash_table_insert (self->values, (gpointer) rows[i].key, typed_default (&rows[i]));
    }
  return g_steal_pointer (&self);
}

/* Does the mode that the other settings choose leave @key without a use? */
static gboolean
is_unused (VmpSettings *self, const char *key)
{
  guint8 mode;

  if (self->kind == VMP_SETTINGS_IMPORT)
    return !vmp_settings_get_boolean (self, "CreateCopy") && g_str_has_prefix (key, "Target")
           && strcmp (key, "TargetNetworkConnections") != 0;
  /* It is about a machine that runs, which this version does not export. */
  if (strcmp (key, "CaptureLiveState") == 0)
    return TRUE;
  mode = vmp_settings_get_byte (self, "CopySnapshotConfiguration");
  if (strcmp (key, "SnapshotVirtualSystem") == 0)
    return mode < 2;
  return mode >= 2
         && (strcmp (key, "CopyVmStorage") == 0 || strcmp (key, "CopyVmRuntimeInformation") == 0);
}

/* The keys that were set and that a mode does not use, each for a SettingUnused; the array is the
 * caller's, the names are not. */
GPtrArray *
vmp_settings_list_unused (VmpSettings *self)
{
  GPtrArray *unused = g_ptr_array_new ();
  gsize n;
  const Row *rows = rows_of (self->kind, &n);

  for (gsize i = 0; i < n; i++)
    if (is_unused (self, rows[i].key) && vmp_settings_is_given (self, rows[i].key))
      g_ptr_array_add (unused, (gpointer) rows[i].key);
  return unused;
}

/* An array setting has an element for each position, as its pre-filled one has. */
static gboolean
check_length (const Row *row, GVariant *value, GVariant *prefilled, GError **error)
{
  gsize length = g_variant_n_children (value);
  gsize wanted = g_variant_n_children (prefilled);

  if (length != wanted)
    return vmp_error_set (error, VMPORT_ERROR_INVALID_PARAMETER,
                          _ ("%s has %zu elements; this machine has %zu positions"),
                          row->key, length, wanted);
  return TRUE;
}

/* Lays the dictionary over @prefilled (a{sv}, what Get…Settings would return now). Errors are those
 * that a job gets: array lengths and read-only values. */
gboolean
vmp_settings_fill (VmpSettings *self, GVariant *prefilled, GError **error)
{
  gsize n;
  const Row *rows = rows_of (self->kind, &n);

  g_clear_pointer (&self->prefilled, g_variant_unref);
  self->prefilled = g_variant_ref_sink (prefilled);
  g_hash_table_remove_all (self->strvs);
  for (gsize i = 0; i < n; i++)
    {
      g_autoptr (GVariant) before = g_variant_lookup_value (prefilled, rows[i].key, NULL);
      GVariant *value = g_hash_table_lookup (self->given, rows[i].key);

      if (before == NULL)
        continue;
      if (value == NULL)
        {
          g_hash_table_insert (self->values, (gpointer) rows[i].key, g_variant_ref (before));
          continue;
        }
      if (rows[i].form == FORM_IDENTITY || rows[i].form == FORM_INSTANCE)
        {
          if (!g_variant_equal (value, before))
            return set_read_only (&rows[i], error);
          continue;
        }
      if (strcmp (rows[i].type, "as") == 0 && rows[i].fallback != NULL
          && self->kind == VMP_SETTINGS_IMPORT
          && !check_length (&rows[i], value, before, error))
        return FALSE;
      if (rows[i].form == FORM_VM_NAME && g_variant_get_size (value) == 1)
        g_hash_table_insert (self->values, (gpointer) rows[i].key, g_variant_ref (before));
    }
  return TRUE;
}

/* Every key with its default, for @uuid's InstanceID (which may be NULL). a{sv}, floating. */
GVariant *
vmp_settings_defaults (VmpSettingsKind kind, const char *uuid)
{
  GVariantBuilder builder;
  gsize n;
  const Row *rows = rows_of (kind, &n);

  g_variant_builder_init (&builder, G_VARIANT_TYPE_VARDICT);
  for (gsize i = 0; i < n; i++)
    if (uuid != NULL && rows[i].form == FORM_INSTANCE)
      {
        g_autofree char *instance = g_strconcat (INSTANCE_PREFIX, uuid, NULL);

        g_variant_builder_add (&builder, "{sv}", rows[i].key, g_variant_new_string (instance));
      }
    else if (rows[i].fallback != NULL)
      {
        g_autoptr (GVariant) value = typed_default (&rows[i]);

        g_variant_builder_add (&builder, "{sv}", rows[i].key, value);
      }
  return g_variant_builder_end (&builder);
}

/* @settings (a{sv}) in the order of the contract's table, for who reads them. a{sv}, floating. */
GVariant *
vmp_settings_sort (VmpSettingsKind kind, GVariant *settings)
{
  GVariantBuilder builder;
  gsize n;
  const Row *rows = rows_of (kind, &n);

  g_variant_builder_init (&builder, G_VARIANT_TYPE_VARDICT);
  for (gsize i = 0; i < n; i++)
    {
      g_autoptr (GVariant) value = g_variant_lookup_value (settings, rows[i].key, NULL);

      if (value != NULL)
        g_variant_builder_add (&builder, "{sv}", rows[i].key, value);
    }
  return g_variant_builder_end (&builder);
}

/* The names of all keys, for tests and completions. */
GPtrArray *
vmp_settings_list_keys (VmpSettingsKind kind)
{
  GPtrArray *keys = g_ptr_array_new ();
  gsize n;
  const Row *rows = rows_of (kind, &n);

  for (gsize i = 0; i < n; i++)
    g_ptr_array_add (keys, (gpointer) rows[i].key);
  return keys;
}

/* Was @key given, with a value other than the pre-filled one? */
gboolean
vmp_settings_is_given (VmpSettings *self, const char *key)
{
  GVariant *value = g_hash_table_lookup (self->given, key);
  g_autoptr (GVariant) before = NULL;

  if (value == NULL
      || (g_variant_is_of_type (value, G_VARIANT_TYPE_STRING_ARRAY)
          && g_variant_n_children (value) == 0))
    return FALSE;
  if (self->prefilled != NULL)
    before = g_variant_lookup_value (self->prefilled, key, NULL);
  if (before == NULL)
    {
      const Row *row = find_row (self->kind, key);

      before = row->fallback != NULL ? typed_default (row) : NULL;
    }
  return before == NULL || !g_variant_equal (value, before);
}

gboolean
vmp_settings_get_boolean (VmpSettings *self, const char *key)
{
  return g_variant_get_boolean (g_hash_table_lookup (self->values, key));
}

guint8
vmp_settings_get_byte (VmpSettings *self, const char *key)
{
  return g_variant_get_byte (g_hash_table_lookup (self->values, key));
}

guint64
vmp_settings_get_uint64 (VmpSettings *self, const char *key)
{
  return g_variant_get_uint64 (g_hash_table_lookup (self->values, key));
}

const char *
vmp_settings_get_string (VmpSettings *self, const char *key)
{
  return g_variant_get_string (g_hash_table_lookup (self->values, key), NULL);
}

const char *const *
vmp_settings_get_strv (VmpSettings *self, const char *key)
{
  GStrv strv = g_hash_table_lookup (self->strvs, key);

  if (strv == NULL)
    {
      strv = g_variant_dup_strv (g_hash_table_lookup (self->values, key), NULL);
      g_hash_table_insert (self->strvs, (gpointer) find_row (self->kind, key)->key, strv);
    }
  return (const char *const *) strv;
}

/* The element that the caller set at @index, or NULL where it left it out: it equals its pre-filled
 * value. */
const char *
vmp_settings_get_given_element (VmpSettings *self, const char *key, guint index)
{
  GVariant *value = g_hash_table_lookup (self->given, key);
  g_autoptr (GVariant) before = NULL;
  const char *given, *prefilled;

  if (value == NULL || index >= g_variant_n_children (value))
    return NULL;
  g_variant_get_child (value, index, "&s", &given);
  if (self->prefilled != NULL)
    before = g_variant_lookup_value (self->prefilled, key, G_VARIANT_TYPE_STRING_ARRAY);
  if (before != NULL && index < g_variant_n_children (before))
    {
      g_variant_get_child (before, index, "&s", &prefilled);
      if (strcmp (given, prefilled) == 0)
        return NULL;
    }
  return given;
}

/* The index of `DirectoryFd` in the message's list of descriptors, as the caller wrote it; FALSE
 * where it was not given. */
gboolean
vmp_settings_lookup_handle (VmpSettings *self, gint32 *handle)
{
  GVariant *value = g_hash_table_lookup (self->given, "DirectoryFd");

  if (value != NULL)
    *handle = g_variant_get_handle (value);
  return value != NULL;
}
