/* The settings dictionaries of Export and Import: which keys there are, what each may hold, and
 * what counts as left out.
 *
 * A dictionary passes three gates. vmp_settings_new() takes what can be judged from the dictionary
 * alone: keys, types, sets of values, the form of paths. vmp_settings_check_supported() refuses
 * what is in the contract and not built. vmp_settings_fill() lays it over the pre-filled values,
 * once they are known: an element that still equals its pre-filled value counts as left out. */
#include "config.h"

#include "vmp-settings.h"

#include <glib/gi18n-lib.h>
#include <stdlib.h>
#include <string.h>

#include "vmp-error.h"
#include "vmp-name.h"

typedef enum
{
  FORM_ANY,
  FORM_CONSTANT,  /* must equal the default */
  FORM_IDENTITY,  /* must equal the pre-filled value */
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
  const char *built;   /* GVariant text of the values that this build honours; NULL: all of them */
} Row;

static const Row export_rows[] = {
  { "Caption", "s", "'Virtual System Export Setting Data'", FORM_CONSTANT, NULL, NULL },
  { "Description", "s", "'VMPort Virtual System Export Setting Data'", FORM_CONSTANT, NULL, NULL },
  { "ElementName", "s", "'VMPort Virtual System Export Setting Data'", FORM_CONSTANT, NULL, NULL },
  { "InstanceID", "s", "''", FORM_IDENTITY, NULL, NULL },
  { "CopyVmStorage", "b", "true", FORM_ANY, NULL, NULL },
  { "CopyVmRuntimeInformation", "b", "true", FORM_ANY, NULL, NULL },
  { "CreateVmExportSubdirectory", "b", "false", FORM_ANY, NULL, NULL },
  { "CopySnapshotConfiguration", "y", "0x00", FORM_NUMBER_TO, "3", "[0x00, 0x01]" },
  { "SnapshotVirtualSystem", "s", "''", FORM_ANY, NULL, NULL },
  { "CaptureLiveState", "y", "0x00", FORM_NUMBER_TO, "2", "[0x00]" },
  { "ExcludedVirtualHardDisks", "as", "[]", FORM_ANY, NULL, NULL },
  { "Checksum", "s", "'fs-verity'", FORM_CHOICE, "|fs-verity|sha256|none|", NULL },
  { "BandwidthLimit", "t", "0", FORM_ANY, NULL, NULL },
  { "DiskFormat", "s", "'keep'", FORM_CHOICE, "|keep|qcow2|raw|vhdx|vmdk|",
    "['keep']" },
  { "IncludeRemovableMedia", "b", "false", FORM_ANY, NULL, NULL },
  { "DirectoryFd", "h", NULL, FORM_ANY, NULL, NULL },
};

static const Row import_rows[] = {
  { "Caption", "s", "'Virtual System Import Setting Data'", FORM_CONSTANT, NULL, NULL },
  { "Description", "s", "'VMPort Virtual System Import Setting Data'", FORM_CONSTANT, NULL, NULL },
  { "ElementName", "s", "'VMPort Virtual System Import Setting Data'", FORM_CONSTANT, NULL, NULL },
  { "InstanceID", "s", "''", FORM_IDENTITY, NULL, NULL },
  { "CreateCopy", "b", "true", FORM_ANY, NULL, NULL },
  { "GenerateNewId", "b", "true", FORM_ANY, NULL, NULL },
  { "Name", "s", "''", FORM_VM_NAME, NULL, NULL },
  { "SecurityScope", "s", "''", FORM_SCOPE, NULL, NULL },
  { "CurrentResourcePaths", "as", "[]", FORM_IDENTITY, NULL, NULL },
  { "SourceResourcePaths", "as", "[]", FORM_PATH, NULL, NULL },
  { "TargetResourcePaths", "as", "[]", FORM_PATH, NULL, NULL },
  { "SourceNetworkConnections", "as", "[]", FORM_IDENTITY, NULL, NULL },
  { "TargetNetworkConnections", "as", "[]", FORM_ANY, NULL, NULL },
  { "SourceVmDataRoot", "s", "''", FORM_PATH, NULL, NULL },
  { "SourceSnapshotDataRoot", "s", "''", FORM_PATH, NULL, NULL },
  { "SourceVhdDataRoot", "s", "''", FORM_PATH, NULL, NULL },
  { "TargetVmDataRoot", "s", "''", FORM_PATH, NULL, NULL },
  { "TargetSnapshotDataRoot", "s", "''", FORM_PATH, NULL, NULL },
  { "TargetVhdDataRoot", "s", "''", FORM_PATH, NULL, NULL },
  { "VerifyChecksums", "b", "true", FORM_ANY, NULL, NULL },
  { "BandwidthLimit", "t", "0", FORM_ANY, NULL, NULL },
  { "MacAddresses", "s", "'auto'", FORM_CHOICE, "|auto|generate|keep|keep-if-free|", NULL },
  { "DropSavedState", "b", "false", FORM_ANY, NULL, NULL },
  { "UnsafeDevices", "s", "'refuse'", FORM_CHOICE, "|refuse|strip|keep|", NULL },
  { "DirectoryFd", "h", NULL, FORM_ANY, NULL, NULL },
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
                        relative ? _ ("%s: “%s” is not a path without “.”, “..” and empty components")
                                 : _ ("%s: “%s” is not an absolute path without “.”, “..” and empty "
                                      "components"),
                        key, path);
}

static gboolean
check_value (VmpSettings *self, const Row *row, GVariant *value, GError **error)
{
  g_autoptr (GVariant) fallback = NULL;

  switch (row->form)
    {
    case FORM_CONSTANT:
      fallback = typed_default (row);
      if (!g_variant_equal (fallback, value))
        return vmp_error_set (error, VMPORT_ERROR_INVALID_PARAMETER,
                              _ ("%s is read-only; leave it out or hand it back unchanged"),
                              row->key);
      return TRUE;

    case FORM_CHOICE:
      {
        const char *text = g_variant_get_string (value, NULL);
        g_autofree char *quoted = g_strdup_printf ("|%s|", text);

        if (strchr (text, '|') == NULL && strstr (row->choices, quoted) != NULL)
          return TRUE;
        return vmp_error_set (error, VMPORT_ERROR_INVALID_PARAMETER,
                              _ ("%s: “%s” is not one of %s"), row->key, text, row->choices);
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

static gboolean
is_built (const Row *row, GVariant *value)
{
  g_autoptr (GVariant) built = NULL;
  g_autofree char *type = g_strconcat ("a", row->type, NULL);
  g_autoptr (GError) error = NULL;

  if (row->built == NULL)
    return TRUE;
  built = g_variant_parse (G_VARIANT_TYPE (type), row->built, NULL, NULL, &error);
  g_assert_no_error (error);
  for (gsize i = 0; i < g_variant_n_children (built); i++)
    {
      g_autoptr (GVariant) child = g_variant_get_child_value (built, i);

      if (g_variant_equal (child, value))
        return TRUE;
    }
  return FALSE;
}

/* Refuses a value that is in the contract and that this build does not honour: NotSupported,
 * naming the key. */
gboolean
vmp_settings_check_supported (VmpSettings *self, GError **error)
{
  gsize n;
  const Row *rows = rows_of (self->kind, &n);

  for (gsize i = 0; i < n; i++)
    {
      GVariant *value = g_hash_table_lookup (self->values, rows[i].key);
      g_autofree char *shown = NULL;

      if (value == NULL || is_built (&rows[i], value))
        continue;
      shown = g_variant_print (value, FALSE);
      return vmp_error_set (error, VMPORT_ERROR_NOT_SUPPORTED,
                            _ ("%s: this version of vmport does not support %s"), rows[i].key,
                            shown);
    }
  return TRUE;
}

/* Does the mode that the other settings choose leave @key without a use? */
static gboolean
is_unused (VmpSettings *self, const char *key)
{
  guint8 mode;

  if (self->kind == VMP_SETTINGS_IMPORT)
    return !vmp_settings_get_boolean (self, "CreateCopy") && g_str_has_prefix (key, "Target")
           && strcmp (key, "TargetNetworkConnections") != 0;
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
      if (rows[i].form == FORM_IDENTITY)
        {
          if (!g_variant_equal (value, before))
            return vmp_error_set (error, VMPORT_ERROR_INVALID_PARAMETER,
                                  _ ("%s is read-only; leave it out or hand it back unchanged"),
                                  rows[i].key);
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
  GVariantDict dict;
  gsize n;
  const Row *rows = rows_of (kind, &n);

  g_variant_dict_init (&dict, NULL);
  for (gsize i = 0; i < n; i++)
    if (rows[i].fallback != NULL)
      {
        g_autoptr (GVariant) value = typed_default (&rows[i]);

        g_variant_dict_insert_value (&dict, rows[i].key, value);
      }
  if (uuid != NULL)
    {
      g_autofree char *instance_id = g_strdup_printf ("vmport:%s", uuid);

      g_variant_dict_insert (&dict, "InstanceID", "s", instance_id);
    }
  return g_variant_dict_end (&dict);
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
