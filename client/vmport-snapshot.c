/* A snapshot of a virtual machine as it was when it was read. */
#include "config.h"

#include "vmport-snapshot.h"

#include "vmp-client-private.h"

/**
 * VmportSnapshot:
 *
 * A snapshot of a virtual machine as it was when it was read, by
 * [method@VirtualMachine.list_snapshots].
 *
 * The object never changes, so it can be handed between threads.
 */
struct _VmportSnapshot
{
  GObject parent_instance;

  char *object_path;
  /* All as a{sv}, which keeps the strings that the getters return alive. */
  GVariant *properties;
};

enum
{
  PROP_OBJECT_PATH = 1,
  PROP_NAME,
  PROP_PARENT_PATH,
  PROP_CREATION_TIME,
  PROP_STATE,
  PROP_CURRENT,
  PROP_STORAGE,
  N_PROPERTIES
};

static GParamSpec *properties[N_PROPERTIES];

G_DEFINE_FINAL_TYPE (VmportSnapshot, vmport_snapshot, G_TYPE_OBJECT)

static void
vmport_snapshot_finalize (GObject *object)
{
  VmportSnapshot *self = VMPORT_SNAPSHOT (object);

  g_free (self->object_path);
  g_clear_pointer (&self->properties, g_variant_unref);
  G_OBJECT_CLASS (vmport_snapshot_parent_class)->finalize (object);
}

static void
vmport_snapshot_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  VmportSnapshot *self = VMPORT_SNAPSHOT (object);

  switch (id)
    {
    case PROP_OBJECT_PATH:
      g_value_set_string (value, self->object_path);
      break;
    case PROP_NAME:
      g_value_set_string (value, vmport_snapshot_get_name (self));
      break;
    case PROP_PARENT_PATH:
      g_value_set_string (value, vmport_snapshot_get_parent_path (self));
      break;
    case PROP_CREATION_TIME:
      g_value_set_uint64 (value, vmport_snapshot_get_creation_time (self));
      break;
    case PROP_STATE:
      g_value_set_string (value, vmport_snapshot_get_state (self));
      break;
    case PROP_CURRENT:
      g_value_set_boolean (value, vmport_snapshot_get_current (self));
      break;
    case PROP_STORAGE:
      g_value_set_string (value, vmport_snapshot_get_storage (self));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static GParamSpec *
string_property (const char *name)
{
  return g_param_spec_string (name, NULL, NULL, NULL, G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);
}

static void
vmport_snapshot_class_init (VmportSnapshotClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->finalize = vmport_snapshot_finalize;
  object_class->get_property = vmport_snapshot_get_property;

  /**
   * VmportSnapshot:object-path: (getter get_object_path)
   *
   * Its D-Bus object path, which [property@ExportSettings:snapshot-virtual-system] takes.
   */
  properties[PROP_OBJECT_PATH] = string_property ("object-path");
  /**
   * VmportSnapshot:name: (getter get_name)
   *
   * What it is called, unique within its virtual machine. Whoever made it chose the name: clean it
   * before it reaches a terminal.
   */
  properties[PROP_NAME] = string_property ("name");
  /**
   * VmportSnapshot:parent-path: (getter get_parent_path)
   *
   * The object path of the snapshot that it was made on top of, or %NULL for none.
   */
  properties[PROP_PARENT_PATH] = string_property ("parent-path");
  /**
   * VmportSnapshot:creation-time: (getter get_creation_time)
   *
   * When it was made, in microseconds since the epoch.
   */
  properties[PROP_CREATION_TIME]
    = g_param_spec_uint64 ("creation-time", NULL, NULL, 0, G_MAXUINT64, 0,
                           G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);
  /**
   * VmportSnapshot:state: (getter get_state)
   *
   * The state that the virtual machine was in: `running`, `paused`, `saved`, `off`, or one of
   * libvirt's, such as `disk-snapshot` for a machine that ran and whose disks alone were recorded.
   */
  properties[PROP_STATE] = string_property ("state");
  /**
   * VmportSnapshot:current: (getter get_current)
   *
   * Whether the virtual machine, as it is now, goes on from this snapshot.
   */
  properties[PROP_CURRENT] = g_param_spec_boolean (
    "current", NULL, NULL, FALSE, G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);
  /**
   * VmportSnapshot:storage: (getter get_storage)
   *
   * `internal`, inside the disks' images, or `external`, where any part of it is in files of its
   * own.
   */
  properties[PROP_STORAGE] = string_property ("storage");
  g_object_class_install_properties (object_class, N_PROPERTIES, properties);
}

static void
vmport_snapshot_init (VmportSnapshot *self)
{
}

VmportSnapshot *
vmp_client_snapshot_new (const char *path, GVariant *dictionary)
{
  VmportSnapshot *self = g_object_new (VMPORT_TYPE_SNAPSHOT, NULL);

  self->object_path = g_strdup (path);
  self->properties = g_variant_ref_sink (dictionary);
  return self;
}

static const char *
get_string (VmportSnapshot *self, const char *key)
{
  const char *value = "";

  g_variant_lookup (self->properties, key, "&s", &value);
  return value;
}

/**
 * vmport_snapshot_get_object_path: (get-property object-path)
 * @self: a snapshot
 *
 * Returns: (transfer none): its D-Bus object path
 */
const char *
vmport_snapshot_get_object_path (VmportSnapshot *self)
{
  g_return_val_if_fail (VMPORT_IS_SNAPSHOT (self), NULL);

  return self->object_path;
}

/**
 * vmport_snapshot_get_name: (get-property name)
 * @self: a snapshot
 *
 * Returns: (transfer none): its name; see [property@Snapshot:name]
 */
const char *
vmport_snapshot_get_name (VmportSnapshot *self)
{
  g_return_val_if_fail (VMPORT_IS_SNAPSHOT (self), NULL);

  return get_string (self, "Name");
}

/**
 * vmport_snapshot_get_parent_path: (get-property parent-path)
 * @self: a snapshot
 *
 * Returns: (transfer none) (nullable): the object path of its parent
 */
const char *
vmport_snapshot_get_parent_path (VmportSnapshot *self)
{
  const char *path = "/";

  g_return_val_if_fail (VMPORT_IS_SNAPSHOT (self), NULL);

  g_variant_lookup (self->properties, "Parent", "&o", &path);
  return g_str_equal (path, "/") ? NULL : path;
}

/**
 * vmport_snapshot_get_creation_time: (get-property creation-time)
 * @self: a snapshot
 *
 * Returns: when it was made, in microseconds since the epoch
 */
guint64
vmport_snapshot_get_creation_time (VmportSnapshot *self)
{
  guint64 time = 0;

  g_return_val_if_fail (VMPORT_IS_SNAPSHOT (self), 0);

  g_variant_lookup (self->properties, "CreationTime", "t", &time);
  return time;
}

/**
 * vmport_snapshot_get_state: (get-property state)
 * @self: a snapshot
 *
 * Returns: (transfer none): what the virtual machine was then; see [property@Snapshot:state]
 */
const char *
vmport_snapshot_get_state (VmportSnapshot *self)
{
  g_return_val_if_fail (VMPORT_IS_SNAPSHOT (self), NULL);

  return get_string (self, "State");
}

/**
 * vmport_snapshot_get_current: (get-property current)
 * @self: a snapshot
 *
 * Returns: whether the virtual machine goes on from it
 */
gboolean
vmport_snapshot_get_current (VmportSnapshot *self)
{
  gboolean current = FALSE;

  g_return_val_if_fail (VMPORT_IS_SNAPSHOT (self), FALSE);

  g_variant_lookup (self->properties, "Current", "b", &current);
  return current;
}

/**
 * vmport_snapshot_get_storage: (get-property storage)
 * @self: a snapshot
 *
 * Returns: (transfer none): `internal` or `external`
 */
const char *
vmport_snapshot_get_storage (VmportSnapshot *self)
{
  g_return_val_if_fail (VMPORT_IS_SNAPSHOT (self), NULL);

  return get_string (self, "Storage");
}

/**
 * vmport_snapshot_to_variant:
 * @self: a snapshot
 *
 * Returns: (transfer full): all properties by their D-Bus names, as an `a{sv}`; those too that this
 *   library does not know
 */
GVariant *
vmport_snapshot_to_variant (VmportSnapshot *self)
{
  g_return_val_if_fail (VMPORT_IS_SNAPSHOT (self), NULL);

  return g_variant_ref (self->properties);
}
