/* A manager: one place that holds virtual machines. */
#include "config.h"

#include "vmport-manager.h"

#include "vmp-client-private.h"

/**
 * VmportManager:
 *
 * A place that holds virtual machines: the embedded store, the host's libvirt, or another one that
 * the configuration names. It lists and finds them, and starts exports, imports and
 * verifications; Hyper-V's `Msvm_VirtualSystemManagementService` plays this part.
 *
 * Its properties follow the daemon's, also over a restart; while the daemon is away they are
 * empty.
 */
struct _VmportManager
{
  GObject parent_instance;

  VmportClient *client;
  VmportDBusManager *proxy;
};

enum
{
  PROP_OBJECT_PATH = 1,
  PROP_ID,
  PROP_DRIVER,
  PROP_URI,
  PROP_VERSION,
  PROP_AVAILABLE,
  PROP_FEATURES,
  PROP_NETWORK_CONNECTIONS,
  PROP_STORAGE_ROOTS,
  PROP_JOB_RETENTION_USEC,
  N_PROPERTIES
};

enum
{
  SIGNAL_VIRTUAL_MACHINE_ADDED,
  SIGNAL_VIRTUAL_MACHINE_REMOVED,
  SIGNAL_JOB_ADDED,
  SIGNAL_JOB_REMOVED,
  N_SIGNALS
};

/* The names of the signals, here and of the proxy. */
static const char *const signal_names[N_SIGNALS] = {
  "virtual-machine-added",
  "virtual-machine-removed",
  "job-added",
  "job-removed",
};

static GParamSpec *properties[N_PROPERTIES];
static guint signals[N_SIGNALS];

G_DEFINE_FINAL_TYPE (VmportManager, vmport_manager, G_TYPE_OBJECT)

static void
vmport_manager_finalize (GObject *object)
{
  VmportManager *self = VMPORT_MANAGER (object);

  if (self->proxy != NULL)
    g_signal_handlers_disconnect_by_data (self->proxy, self);
  g_clear_object (&self->proxy);
  g_clear_object (&self->client);
  G_OBJECT_CLASS (vmport_manager_parent_class)->finalize (object);
}

static void
vmport_manager_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  VmportManager *self = VMPORT_MANAGER (object);

  switch (id)
    {
    case PROP_OBJECT_PATH:
      g_value_set_string (value, vmport_manager_get_object_path (self));
      break;
    case PROP_ID:
      g_value_set_string (value, vmport_manager_get_id (self));
      break;
    case PROP_DRIVER:
      g_value_set_string (value, vmport_manager_get_driver (self));
      break;
    case PROP_URI:
      g_value_set_string (value, vmport_manager_get_uri (self));
      break;
    case PROP_VERSION:
      g_value_set_string (value, vmport_manager_get_version (self));
      break;
    case PROP_AVAILABLE:
      g_value_set_boolean (value, vmport_manager_get_available (self));
      break;
    case PROP_FEATURES:
      g_value_set_boxed (value, vmport_manager_get_features (self));
      break;
    case PROP_NETWORK_CONNECTIONS:
      g_value_set_boxed (value, vmport_manager_get_network_connections (self));
      break;
    case PROP_STORAGE_ROOTS:
      g_value_set_boxed (value, vmport_manager_get_storage_roots (self));
      break;
    case PROP_JOB_RETENTION_USEC:
      g_value_set_uint64 (value, vmport_manager_get_job_retention_usec (self));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static guint
new_signal (const char *name)
{
  return g_signal_new (name, VMPORT_TYPE_MANAGER, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                       G_TYPE_NONE, 1, G_TYPE_STRING);
}

static void
vmport_manager_class_init (VmportManagerClass *klass)
{
  const GParamFlags flags = G_PARAM_READABLE | G_PARAM_STATIC_STRINGS;
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->finalize = vmport_manager_finalize;
  object_class->get_property = vmport_manager_get_property;

  /**
   * VmportManager:object-path: (getter get_object_path)
   *
   * Its D-Bus object path.
   */
  properties[PROP_OBJECT_PATH] = g_param_spec_string ("object-path", NULL, NULL, NULL, flags);
  /**
   * VmportManager:id: (getter get_id)
   *
   * The name in its object path: `store`, `qemu`, or what the configuration says.
   */
  properties[PROP_ID]
    = g_param_spec_string ("id", NULL, NULL, NULL, flags);
  /**
   * VmportManager:driver: (getter get_driver)
   *
   * What is behind it: `directory` or `libvirt`.
   */
  properties[PROP_DRIVER]
    = g_param_spec_string ("driver", NULL, NULL, NULL, flags);
  /**
   * VmportManager:uri: (getter get_uri)
   *
   * Where that is.
   */
  properties[PROP_URI]
    = g_param_spec_string ("uri", NULL, NULL, NULL, flags);
  /**
   * VmportManager:version: (getter get_version)
   *
   * The version of what is behind it.
   */
  properties[PROP_VERSION]
    = g_param_spec_string ("version", NULL, NULL, NULL, flags);
  /**
   * VmportManager:available: (getter get_available)
   *
   * Whether it can be worked with now.
   */
  properties[PROP_AVAILABLE]
    = g_param_spec_boolean ("available", NULL, NULL, FALSE, flags);
  /**
   * VmportManager:features: (getter get_features)
   *
   * What it can do beyond the common part, such as `live`, `snapshots` or `reflink`.
   */
  properties[PROP_FEATURES]
    = g_param_spec_boxed ("features", NULL, NULL, G_TYPE_STRV, flags);
  /**
   * VmportManager:network-connections: (getter get_network_connections)
   *
   * What an imported network adapter may be connected to: `network:NAME`, `bridge:NAME`,
   * `user`.
   */
  properties[PROP_NETWORK_CONNECTIONS]
    = g_param_spec_boxed ("network-connections", NULL, NULL, G_TYPE_STRV, flags);
  /**
   * VmportManager:storage-roots: (getter get_storage_roots)
   *
   * The folders that it puts virtual machines in.
   */
  properties[PROP_STORAGE_ROOTS]
    = g_param_spec_boxed ("storage-roots", NULL, NULL, G_TYPE_STRV, flags);
  /**
   * VmportManager:job-retention-usec: (getter get_job_retention_usec)
   *
   * How long a job is remembered after its end, in microseconds.
   */
  properties[PROP_JOB_RETENTION_USEC]
    = g_param_spec_uint64 ("job-retention-usec", NULL, NULL, 0, G_MAXUINT64, 0, flags);
  g_object_class_install_properties (object_class, N_PROPERTIES, properties);

  /**
   * VmportManager::virtual-machine-added:
   * @self: the manager
   * @object_path: the virtual machine's object path
   *
   * A virtual machine appeared, or moved into another security scope. The caller may not be allowed
   * to view it.
   */
  signals[SIGNAL_VIRTUAL_MACHINE_ADDED] = new_signal (signal_names[SIGNAL_VIRTUAL_MACHINE_ADDED]);
  /**
   * VmportManager::virtual-machine-removed:
   * @self: the manager
   * @object_path: the virtual machine's object path
   *
   * A virtual machine is gone, or is about to be announced in another security scope.
   */
  signals[SIGNAL_VIRTUAL_MACHINE_REMOVED]
    = new_signal (signal_names[SIGNAL_VIRTUAL_MACHINE_REMOVED]);
  /**
   * VmportManager::job-added:
   * @self: the manager
   * @object_path: the job's object path
   *
   * A job was made on this manager, by whomever.
   */
  signals[SIGNAL_JOB_ADDED] = new_signal (signal_names[SIGNAL_JOB_ADDED]);
  /**
   * VmportManager::job-removed:
   * @self: the manager
   * @object_path: the job's object path
   *
   * A job was forgotten.
   */
  signals[SIGNAL_JOB_REMOVED] = new_signal (signal_names[SIGNAL_JOB_REMOVED]);
}

static void
vmport_manager_init (VmportManager *self)
{
}

static void
notify_cb (VmportDBusManager *proxy, GParamSpec *pspec, gpointer user_data)
{
  for (guint i = PROP_OBJECT_PATH + 1; i < N_PROPERTIES; i++)
    if (g_str_equal (properties[i]->name, pspec->name))
      g_object_notify_by_pspec (G_OBJECT (user_data), properties[i]);
}

static void
virtual_machine_added_cb (VmportManager *self, const char *object_path)
{
  g_signal_emit (self, signals[SIGNAL_VIRTUAL_MACHINE_ADDED], 0, object_path);
}

static void
virtual_machine_removed_cb (VmportManager *self, const char *object_path)
{
  g_signal_emit (self, signals[SIGNAL_VIRTUAL_MACHINE_REMOVED], 0, object_path);
}

static void
job_added_cb (VmportManager *self, const char *object_path)
{
  g_signal_emit (self, signals[SIGNAL_JOB_ADDED], 0, object_path);
}

static void
job_removed_cb (VmportManager *self, const char *object_path)
{
  g_signal_emit (self, signals[SIGNAL_JOB_REMOVED], 0, object_path);
}

VmportManager *
vmp_client_manager_new (VmportClient *client, VmportDBusManager *proxy)
{
  static const GCallback callbacks[N_SIGNALS] = {
    G_CALLBACK (virtual_machine_added_cb),
    G_CALLBACK (virtual_machine_removed_cb),
    G_CALLBACK (job_added_cb),
    G_CALLBACK (job_removed_cb),
  };
  VmportManager *self = g_object_new (VMPORT_TYPE_MANAGER, NULL);

  self->client = g_object_ref (client);
  self->proxy = g_object_ref (proxy);
  for (gsize i = 0; i < N_SIGNALS; i++)
    g_signal_connect_swapped (proxy, signal_names[i], callbacks[i], self);
  g_signal_connect (proxy, "notify", G_CALLBACK (notify_cb), self);
  return self;
}

VmportClient *
vmp_client_manager_get_client (VmportManager *self)
{
  return self->client;
}

/**
 * vmport_manager_get_object_path: (get-property object-path)
 * @self: a manager
 *
 * Returns: (transfer none): its D-Bus object path
 */
const char *
vmport_manager_get_object_path (VmportManager *self)
{
  g_return_val_if_fail (VMPORT_IS_MANAGER (self), NULL);

  return g_dbus_proxy_get_object_path (G_DBUS_PROXY (self->proxy));
}

/**
 * vmport_manager_get_id: (get-property id)
 * @self: a manager
 *
 * Returns: (transfer none) (nullable): its id
 */
const char *
vmport_manager_get_id (VmportManager *self)
{
  g_return_val_if_fail (VMPORT_IS_MANAGER (self), NULL);

  return vmport_dbus_manager_get_id (self->proxy);
}

/**
 * vmport_manager_get_driver: (get-property driver)
 * @self: a manager
 *
 * Returns: (transfer none) (nullable): `directory` or `libvirt`
 */
const char *
vmport_manager_get_driver (VmportManager *self)
{
  g_return_val_if_fail (VMPORT_IS_MANAGER (self), NULL);

  return vmport_dbus_manager_get_driver (self->proxy);
}

/**
 * vmport_manager_get_uri: (get-property uri)
 * @self: a manager
 *
 * Returns: (transfer none) (nullable): where its virtual machines are
 */
const char *
vmport_manager_get_uri (VmportManager *self)
{
  g_return_val_if_fail (VMPORT_IS_MANAGER (self), NULL);

  return vmport_dbus_manager_get_uri (self->proxy);
}

/**
 * vmport_manager_get_version: (get-property version)
 * @self: a manager
 *
 * Returns: (transfer none) (nullable): the version of what is behind it
 */
const char *
vmport_manager_get_version (VmportManager *self)
{
  g_return_val_if_fail (VMPORT_IS_MANAGER (self), NULL);

  return vmport_dbus_manager_get_version (self->proxy);
}

/**
 * vmport_manager_get_available: (get-property available)
 * @self: a manager
 *
 * Returns: whether it can be worked with now
 */
gboolean
vmport_manager_get_available (VmportManager *self)
{
  g_return_val_if_fail (VMPORT_IS_MANAGER (self), FALSE);

  return vmport_dbus_manager_get_available (self->proxy);
}

/**
 * vmport_manager_get_features: (get-property features)
 * @self: a manager
 *
 * Returns: (transfer none) (nullable) (array zero-terminated=1):
 *   what it can do beyond the common part
 */
const char *const *
vmport_manager_get_features (VmportManager *self)
{
  g_return_val_if_fail (VMPORT_IS_MANAGER (self), NULL);

  return vmport_dbus_manager_get_features (self->proxy);
}

/**
 * vmport_manager_get_network_connections: (get-property network-connections)
 * @self: a manager
 *
 * Returns: (transfer none) (nullable) (array zero-terminated=1):
 *   what an imported network adapter may be connected to
 */
const char *const *
vmport_manager_get_network_connections (VmportManager *self)
{
  g_return_val_if_fail (VMPORT_IS_MANAGER (self), NULL);

  return vmport_dbus_manager_get_network_connections (self->proxy);
}

/**
 * vmport_manager_get_storage_roots: (get-property storage-roots)
 * @self: a manager
 *
 * Returns: (transfer none) (nullable) (array zero-terminated=1):
 *   the folders that it puts virtual machines in
 */
const char *const *
vmport_manager_get_storage_roots (VmportManager *self)
{
  g_return_val_if_fail (VMPORT_IS_MANAGER (self), NULL);

  return vmport_dbus_manager_get_storage_roots (self->proxy);
}

/**
 * vmport_manager_get_job_retention_usec: (get-property job-retention-usec)
 * @self: a manager
 *
 * Returns: how long a job is remembered after its end, in microseconds
 */
guint64
vmport_manager_get_job_retention_usec (VmportManager *self)
{
  g_return_val_if_fail (VMPORT_IS_MANAGER (self), 0);

  return vmport_dbus_manager_get_job_retention_usec (self->proxy);
}
