/* What the settings of exports and imports have in common: values by key, and what was changed. */
#include "config.h"

#include "vmport-settings.h"

#include <fcntl.h>
#include <glib/gi18n-lib.h>
#include <unistd.h>

#include "vmp-client-private.h"
#include "vmp-client-settings.h"

#define DIRECTORY_FD_KEY "DirectoryFd"

/**
 * VmportSettings:
 *
 * The settings of an export or import: [class@ExportSettings] and [class@ImportSettings].
 *
 * Every key of the D-Bus dictionaries is a property, under its name in lower case with hyphens:
 * `CopyVmStorage` is `copy-vm-storage`. Keys of a newer daemon that this library does not know
 * are kept as they came, and can be reached with [method@Settings.get_value].
 *
 * An object remembers what it was made from. [method@Settings.to_variant_changed] gives what
 * differs from it, which is all that the daemon needs to be told.
 */
typedef struct
{
  /* char * -> GVariant * */
  GHashTable *original;
  GHashTable *values;
  int directory_fd;
} VmportSettingsPrivate;

enum
{
  PROP_DIRECTORY_FD = 1,
  /* The keys of a derived class follow, in the order of its table. */
  N_PROPERTIES
};

static GParamSpec *properties[N_PROPERTIES];

G_DEFINE_ABSTRACT_TYPE_WITH_PRIVATE (VmportSettings, vmport_settings, G_TYPE_OBJECT)

static VmportSettingsPrivate *
get_private (VmportSettings *self)
{
  return vmport_settings_get_instance_private (self);
}

static const VmpClientKey *
get_keys (VmportSettings *self)
{
  return VMPORT_SETTINGS_GET_CLASS (self)->keys;
}

static const VmpClientKey *
find_key (VmportSettings *self, const char *key)
{
  for (const VmpClientKey *row = get_keys (self); row->key != NULL; row++)
    if (g_str_equal (row->key, key))
      return row;
  return NULL;
}

static GVariant *
lookup (VmportSettings *self, const VmpClientKey *row)
{
  GVariant *value = g_hash_table_lookup (get_private (self)->values, row->key);

  return value != NULL && g_variant_is_of_type (value, (const GVariantType *) row->type) ? value
                                                                                         : NULL;
}

static void
vmport_settings_finalize (GObject *object)
{
  VmportSettingsPrivate *priv = get_private (VMPORT_SETTINGS (object));

  g_clear_pointer (&priv->original, g_hash_table_unref);
  g_clear_pointer (&priv->values, g_hash_table_unref);
  if (priv->directory_fd >= 0)
    close (priv->directory_fd);
  G_OBJECT_CLASS (vmport_settings_parent_class)->finalize (object);
}

static int
to_enum (const VmpClientKey *row, GVariant *value)
{
  g_autoptr (GEnumClass) enum_class = g_type_class_ref (row->get_enum_type ());
  const GEnumValue *found;

  if (*row->type == 'y')
    found = g_enum_get_value (enum_class, g_variant_get_byte (value));
  else
    found = g_enum_get_value_by_nick (enum_class, g_variant_get_string (value, NULL));
  return found != NULL ? found->value : -1;
}

/* What is not there, or of another type, reads as nothing. */
static void
get_key (VmportSettings *self, const VmpClientKey *row, GValue *to)
{
  GVariant *value = lookup (self, row);

  if (row->get_enum_type != NULL)
    g_value_set_enum (to, value != NULL ? to_enum (row, value) : -1);
  else if (g_str_equal (row->type, "s"))
    g_value_set_string (to, value != NULL ? g_variant_get_string (value, NULL) : "");
  else if (g_str_equal (row->type, "b"))
    g_value_set_boolean (to, value != NULL && g_variant_get_boolean (value));
  else if (g_str_equal (row->type, "t"))
    g_value_set_uint64 (to, value != NULL ? g_variant_get_uint64 (value) : 0);
  else
    g_value_take_boxed (to, value != NULL ? g_variant_dup_strv (value, NULL) : g_new0 (char *, 1));
}

static GVariant *
from_enum (const VmpClientKey *row, int number)
{
  g_autoptr (GEnumClass) enum_class = g_type_class_ref (row->get_enum_type ());
  const GEnumValue *value = g_enum_get_value (enum_class, number);

  /* “Unknown” tells what was read, and is nothing to ask for. */
  if (value == NULL || number < 0)
    return NULL;
  return *row->type == 'y' ? g_variant_new_byte ((guint8) number)
                           : g_variant_new_string (value->value_nick);
}

static GVariant *
from_string (const char *string)
{
  if (string == NULL)
    return g_variant_new_string ("");
  return g_utf8_validate (string, -1, NULL) ? g_variant_new_string (string) : NULL;
}

static GVariant *
from_strv (const char *const *strv)
{
  static const char *const none[] = { NULL };

  if (strv == NULL)
    strv = none;
  for (gsize i = 0; strv[i] != NULL; i++)
    if (!g_utf8_validate (strv[i], -1, NULL))
      return NULL;
  return g_variant_new_strv (strv, -1);
}

static GVariant *
from_value (const VmpClientKey *row, const GValue *value)
{
  if (row->get_enum_type != NULL)
    return from_enum (row, g_value_get_enum (value));
  if (g_str_equal (row->type, "s"))
    return from_string (g_value_get_string (value));
  if (g_str_equal (row->type, "b"))
    return g_variant_new_boolean (g_value_get_boolean (value));
  if (g_str_equal (row->type, "t"))
    return g_variant_new_uint64 (g_value_get_uint64 (value));
  return from_strv (g_value_get_boxed (value));
}

/* Whether it was another value before. */
static gboolean
replace (VmportSettings *self, const char *key, GVariant *value)
{
  VmportSettingsPrivate *priv = get_private (self);
  const VmpClientKey *row = find_key (self, key);
  g_autoptr (GVariant) owned = g_variant_ref_sink (value);
  GVariant *before = g_hash_table_lookup (priv->values, key);

  if (before != NULL && g_variant_equal (before, owned))
    return FALSE;
  g_hash_table_insert (priv->values, g_strdup (key), g_steal_pointer (&owned));
  if (row != NULL)
    g_object_notify (G_OBJECT (self), row->property);
  return TRUE;
}

static void
vmport_settings_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  VmportSettings *self = VMPORT_SETTINGS (object);

  if (pspec == properties[PROP_DIRECTORY_FD])
    g_value_set_int (value, vmport_settings_get_directory_fd (self));
  else
    get_key (self, &get_keys (self)[id - N_PROPERTIES], value);
}

static void
vmport_settings_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  VmportSettings *self = VMPORT_SETTINGS (object);
  GVariant *variant;

  if (pspec == properties[PROP_DIRECTORY_FD])
    {
      g_autoptr (GError) error = NULL;

      if (!vmport_settings_set_directory_fd (self, g_value_get_int (value), &error))
        g_critical ("VmportSettings:directory-fd: %s", error->message);
      return;
    }
  variant = from_value (&get_keys (self)[id - N_PROPERTIES], value);
  if (variant == NULL)
    g_critical ("VmportSettings:%s: not a value that can travel", pspec->name);
  else
    replace (self, get_keys (self)[id - N_PROPERTIES].key, variant);
}

static void
vmport_settings_class_init (VmportSettingsClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  vmp_client_bind_text_domain ();
  object_class->finalize = vmport_settings_finalize;
  object_class->get_property = vmport_settings_get_property;
  object_class->set_property = vmport_settings_set_property;

  /**
   * VmportSettings:directory-fd: (getter get_directory_fd) (setter set_directory_fd)
   *
   * An open directory that stands in the place of a path, or -1. The object keeps a duplicate of
   * what it is given, and closes that when it ends.
   */
  properties[PROP_DIRECTORY_FD]
    = g_param_spec_int ("directory-fd", NULL, NULL, -1, G_MAXINT, -1,
                        G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);
  g_object_class_install_properties (object_class, N_PROPERTIES, properties);
}

static GHashTable *
new_values (void)
{
  return g_hash_table_new_full (g_str_hash, g_str_equal, g_free, (GDestroyNotify) g_variant_unref);
}

static void
vmport_settings_init (VmportSettings *self)
{
  VmportSettingsPrivate *priv = get_private (self);

  priv->original = new_values ();
  priv->values = new_values ();
  priv->directory_fd = -1;
}

static GParamSpec *
new_property (const VmpClientKey *row)
{
  const GParamFlags flags
    = row->read_only ? G_PARAM_READABLE | G_PARAM_STATIC_STRINGS
                     : G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS;

  if (row->get_enum_type != NULL)
    return g_param_spec_enum (row->property, NULL, NULL, row->get_enum_type (), -1, flags);
  if (g_str_equal (row->type, "s"))
    return g_param_spec_string (row->property, NULL, NULL, "", flags);
  if (g_str_equal (row->type, "b"))
    return g_param_spec_boolean (row->property, NULL, NULL, FALSE, flags);
  if (g_str_equal (row->type, "t"))
    return g_param_spec_uint64 (row->property, NULL, NULL, 0, G_MAXUINT64, 0, flags);
  g_assert (g_str_equal (row->type, "as"));
  return g_param_spec_boxed (row->property, NULL, NULL, G_TYPE_STRV, flags);
}

/* Makes a property of each row; @keys, which lives on, ends with an empty one. */
void
vmp_client_settings_install (VmportSettingsClass *klass, const VmpClientKey *keys)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  klass->keys = keys;
  /* Classes inherit properties, but not the functions for those of their own. */
  object_class->get_property = vmport_settings_get_property;
  object_class->set_property = vmport_settings_set_property;
  for (guint i = 0; keys[i].key != NULL; i++)
    g_object_class_install_property (object_class, N_PROPERTIES + i, new_property (&keys[i]));
}

gpointer
vmp_client_settings_new (GType type, GVariant *settings)
{
  VmportSettings *self = g_object_new (type, NULL);
  VmportSettingsPrivate *priv = get_private (self);
  g_autoptr (GVariant) owned = g_variant_ref_sink (settings);
  GVariantIter iter;
  const char *key;
  GVariant *value;

  g_variant_iter_init (&iter, owned);
  while (g_variant_iter_loop (&iter, "{&sv}", &key, &value))
    {
      /* A number in a list of descriptors that is not ours. */
      if (g_str_equal (key, DIRECTORY_FD_KEY))
        continue;
      g_hash_table_insert (priv->original, g_strdup (key), g_variant_ref (value));
      g_hash_table_insert (priv->values, g_strdup (key), g_variant_ref (value));
    }
  return self;
}

/**
 * vmport_settings_get_value:
 * @self: settings
 * @key: a key by its D-Bus name, such as `CopyVmStorage`
 *
 * Returns: (transfer full) (nullable): the key's value, or %NULL where it has none
 */
GVariant *
vmport_settings_get_value (VmportSettings *self, const char *key)
{
  GVariant *value;

  g_return_val_if_fail (VMPORT_IS_SETTINGS (self), NULL);
  g_return_val_if_fail (key != NULL, NULL);

  value = g_hash_table_lookup (get_private (self)->values, key);
  return value != NULL ? g_variant_ref (value) : NULL;
}

/**
 * vmport_settings_set_value:
 * @self: settings
 * @key: a key by its D-Bus name, such as `CopyVmStorage`; one that this library does not know is
 *   left to the daemon to judge
 * @value: its value. Consumed if floating
 * @error: return location for an error
 *
 * Sets a key where its name comes from elsewhere; properties are the usual way. Fails with
 * %VMPORT_ERROR_INVALID_PARAMETER for a key that is read-only and with
 * %VMPORT_ERROR_INCORRECT_DATA_TYPE for a value of another type, as the daemon would.
 *
 * Returns: whether it was set
 */
gboolean
vmport_settings_set_value (VmportSettings *self, const char *key, GVariant *value, GError **error)
{
  const VmpClientKey *row;
  g_autoptr (GVariant) owned = NULL;

  g_return_val_if_fail (VMPORT_IS_SETTINGS (self), FALSE);
  g_return_val_if_fail (key != NULL, FALSE);
  g_return_val_if_fail (value != NULL, FALSE);

  owned = g_variant_ref_sink (value);
  row = find_key (self, key);
  if (g_str_equal (key, DIRECTORY_FD_KEY))
    {
      g_set_error (error, VMPORT_ERROR, VMPORT_ERROR_INVALID_PARAMETER,
                   _ ("%s is an open file and cannot be set as a value"), key);
      return FALSE;
    }
  if (row != NULL && row->read_only)
    {
      g_set_error (error, VMPORT_ERROR, VMPORT_ERROR_INVALID_PARAMETER, _ ("%s is read-only"), key);
      return FALSE;
    }
  if (row != NULL && !g_variant_is_of_type (owned, (const GVariantType *) row->type))
    {
      g_set_error (error, VMPORT_ERROR, VMPORT_ERROR_INCORRECT_DATA_TYPE,
                   _ ("%s is of type %s, and was given a value of type %s"), key, row->type,
                   g_variant_get_type_string (owned));
      return FALSE;
    }
  replace (self, key, owned);
  return TRUE;
}

/**
 * vmport_settings_is_changed:
 * @self: settings
 * @key: a key by its D-Bus name
 *
 * Returns: whether the key's value differs from what the object was made from
 */
gboolean
vmport_settings_is_changed (VmportSettings *self, const char *key)
{
  VmportSettingsPrivate *priv;
  GVariant *before;
  GVariant *now;

  g_return_val_if_fail (VMPORT_IS_SETTINGS (self), FALSE);
  g_return_val_if_fail (key != NULL, FALSE);

  priv = get_private (self);
  before = g_hash_table_lookup (priv->original, key);
  now = g_hash_table_lookup (priv->values, key);
  return now != NULL && (before == NULL || !g_variant_equal (before, now));
}

/**
 * vmport_settings_get_directory_fd: (get-property directory-fd)
 * @self: settings
 *
 * Returns: the open directory, which stays the object's, or -1
 */
int
vmport_settings_get_directory_fd (VmportSettings *self)
{
  g_return_val_if_fail (VMPORT_IS_SETTINGS (self), -1);

  return get_private (self)->directory_fd;
}

/**
 * vmport_settings_set_directory_fd: (set-property directory-fd)
 * @self: settings
 * @directory_fd: a directory that is open for reading (not with `O_PATH`), or -1 for none
 * @error: return location for an error
 *
 * Names the directory of an export or import by an open file. @directory_fd stays the caller's; the
 * object keeps a duplicate.
 *
 * Returns: whether it was set
 */
gboolean
vmport_settings_set_directory_fd (VmportSettings *self, int directory_fd, GError **error)
{
  VmportSettingsPrivate *priv;
  int copy = -1;

  g_return_val_if_fail (VMPORT_IS_SETTINGS (self), FALSE);

  priv = get_private (self);
  if (directory_fd == priv->directory_fd)
    return TRUE;
  if (directory_fd >= 0)
    {
      copy = fcntl (directory_fd, F_DUPFD_CLOEXEC, 3);
      if (copy < 0)
        {
          int saved_errno = errno;

          g_set_error (error, G_IO_ERROR, g_io_error_from_errno (saved_errno),
                       _ ("The directory's file descriptor cannot be duplicated: %s"),
                       g_strerror (saved_errno));
          return FALSE;
        }
    }
  if (priv->directory_fd >= 0)
    close (priv->directory_fd);
  priv->directory_fd = copy;
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_DIRECTORY_FD]);
  return TRUE;
}

/**
 * vmport_settings_apply_finding:
 * @self: settings
 * @finding: what a check of these settings found
 *
 * Puts the finding's resolution into the settings, so that another check would not find it again.
 *
 * Returns: whether that changed anything; %FALSE for a finding without a resolution
 */
gboolean
vmport_settings_apply_finding (VmportSettings *self, VmportFinding *finding)
{
  gboolean changed = FALSE;
  GVariantIter iter;
  const char *key;
  GVariant *value;

  g_return_val_if_fail (VMPORT_IS_SETTINGS (self), FALSE);
  g_return_val_if_fail (VMPORT_IS_FINDING (finding), FALSE);

  g_variant_iter_init (&iter, vmport_finding_get_resolution (finding));
  while (g_variant_iter_loop (&iter, "{&sv}", &key, &value))
    changed = replace (self, key, value) || changed;
  return changed;
}

/**
 * vmport_settings_apply_findings:
 * @self: settings
 * @findings: (element-type VmportFinding): what a check of these settings found
 *
 * Puts the resolutions of all findings into the settings. Their order does not matter, for every
 * finding on an array has the same complete array.
 *
 * Returns: whether that changed anything
 */
gboolean
vmport_settings_apply_findings (VmportSettings *self, GPtrArray *findings)
{
  gboolean changed = FALSE;

  g_return_val_if_fail (VMPORT_IS_SETTINGS (self), FALSE);
  g_return_val_if_fail (findings != NULL, FALSE);

  for (guint i = 0; i < findings->len; i++)
    changed = vmport_settings_apply_finding (self, findings->pdata[i]) || changed;
  return changed;
}

static GVariant *
collect (VmportSettings *self, gboolean all, GUnixFDList *fd_list, GError **error)
{
  VmportSettingsPrivate *priv = get_private (self);
  g_auto (GVariantBuilder) builder = G_VARIANT_BUILDER_INIT (G_VARIANT_TYPE_VARDICT);
  g_autoptr (GList) keys = g_hash_table_get_keys (priv->values);

  /* The same settings are the same bytes. */
  keys = g_list_sort (keys, (GCompareFunc) strcmp);
  for (GList *l = keys; l != NULL; l = l->next)
    if (all || vmport_settings_is_changed (self, l->data))
      g_variant_builder_add (&builder, "{sv}", (const char *) l->data,
                             g_hash_table_lookup (priv->values, l->data));
  if (priv->directory_fd >= 0 && fd_list != NULL)
    {
      int handle = g_unix_fd_list_append (fd_list, priv->directory_fd, error);

      if (handle < 0)
        return NULL;
      g_variant_builder_add (&builder, "{sv}", DIRECTORY_FD_KEY, g_variant_new_handle (handle));
    }
  return g_variant_ref_sink (g_variant_builder_end (&builder));
}

/**
 * vmport_settings_to_variant:
 * @self: settings
 * @fd_list: (nullable): takes a duplicate of the open directory, where there is one; without a list
 *   `DirectoryFd` is left out
 * @error: return location for an error
 *
 * Returns: (transfer full): all settings by their D-Bus names, an `a{sv}`, or %NULL with @error set
 *   where the process has no more file descriptors
 */
GVariant *
vmport_settings_to_variant (VmportSettings *self, GUnixFDList *fd_list, GError **error)
{
  g_return_val_if_fail (VMPORT_IS_SETTINGS (self), NULL);
  g_return_val_if_fail (fd_list == NULL || G_IS_UNIX_FD_LIST (fd_list), NULL);

  return collect (self, TRUE, fd_list, error);
}

/**
 * vmport_settings_to_variant_changed:
 * @self: settings
 * @fd_list: (nullable): takes a duplicate of the open directory, where there is one; without a list
 *   `DirectoryFd` is left out
 * @error: return location for an error
 *
 * As [method@Settings.to_variant], with those alone that differ from what the object was made from.
 * To the daemon both mean the same.
 *
 * Returns: (transfer full): an `a{sv}`, or %NULL with @error set
 */
GVariant *
vmport_settings_to_variant_changed (VmportSettings *self, GUnixFDList *fd_list, GError **error)
{
  g_return_val_if_fail (VMPORT_IS_SETTINGS (self), NULL);
  g_return_val_if_fail (fd_list == NULL || G_IS_UNIX_FD_LIST (fd_list), NULL);

  return collect (self, FALSE, fd_list, error);
}

/* What a call sends: the changes, and the list of descriptors that they speak of, where they do.
 * NULL means the defaults. */
GVariant *
vmp_client_settings_pack (VmportSettings *settings, GUnixFDList **fd_list, GError **error)
{
  g_autoptr (GVariant) changed = NULL;

  *fd_list = NULL;
  if (settings == NULL)
    return g_variant_ref_sink (vmp_client_vardict (NULL));
  if (get_private (settings)->directory_fd >= 0)
    *fd_list = g_unix_fd_list_new ();
  changed = vmport_settings_to_variant_changed (settings, *fd_list, error);
  if (changed == NULL)
    g_clear_object (fd_list);
  return g_steal_pointer (&changed);
}
