/* A virtual machine as it was when it was read. */
#include "config.h"

#include "vmport-virtual-machine.h"

#include "vmp-client-private.h"

/**
 * VmportVirtualMachine:
 *
 * A virtual machine as it was when it was read.
 *
 * The object never changes, so it can be handed between threads; [method@VirtualMachine.refresh]
 * reads a new one. [signal@Manager::virtual-machine-added] and
 * [signal@Manager::virtual-machine-removed] tell when that is worthwhile.
 */
struct _VmportVirtualMachine
{
  GObject parent_instance;

  VmportClient *client;
  char *object_path;
  /* All as a{sv}, which keeps the strings that the getters return alive. */
  GVariant *properties;
  const char **resource_paths;
  const char **network_connections;
  const char **snapshot_paths;
};

enum
{
  PROP_OBJECT_PATH = 1,
  PROP_MANAGER_PATH,
  PROP_UUID,
  PROP_NAME,
  PROP_STATE,
  PROP_SECURITY_SCOPE,
  PROP_RESOURCE_PATHS,
  PROP_NETWORK_CONNECTIONS,
  PROP_SNAPSHOT_PATHS,
  PROP_ACTIVE_JOB_PATH,
  N_PROPERTIES
};

static GParamSpec *properties[N_PROPERTIES];

G_DEFINE_FINAL_TYPE (VmportVirtualMachine, vmport_virtual_machine, G_TYPE_OBJECT)

static void
vmport_virtual_machine_finalize (GObject *object)
{
  VmportVirtualMachine *self = VMPORT_VIRTUAL_MACHINE (object);

  g_clear_object (&self->client);
  g_free (self->object_path);
  g_free (self->resource_paths);
  g_free (self->network_connections);
  g_free (self->snapshot_paths);
  g_clear_pointer (&self->properties, g_variant_unref);
  G_OBJECT_CLASS (vmport_virtual_machine_parent_class)->finalize (object);
}

static void
vmport_virtual_machine_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  VmportVirtualMachine *self = VMPORT_VIRTUAL_MACHINE (object);

  switch (id)
    {
    case PROP_OBJECT_PATH:
      g_value_set_string (value, self->object_path);
      break;
    case PROP_MANAGER_PATH:
      g_value_set_string (value, vmport_virtual_machine_get_manager_path (self));
      break;
    case PROP_UUID:
      g_value_set_string (value, vmport_virtual_machine_get_uuid (self));
      break;
    case PROP_NAME:
      g_value_set_string (value, vmport_virtual_machine_get_name (self));
      break;
    case PROP_STATE:
      g_value_set_string (value, vmport_virtual_machine_get_state (self));
      break;
    case PROP_SECURITY_SCOPE:
      g_value_set_string (value, vmport_virtual_machine_get_security_scope (self));
      break;
    case PROP_RESOURCE_PATHS:
      g_value_set_boxed (value, self->resource_paths);
      break;
    case PROP_NETWORK_CONNECTIONS:
      g_value_set_boxed (value, self->network_connections);
      break;
    case PROP_SNAPSHOT_PATHS:
      g_value_set_boxed (value, self->snapshot_paths);
      break;
    case PROP_ACTIVE_JOB_PATH:
      g_value_set_string (value, vmport_virtual_machine_get_active_job_path (self));
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

static GParamSpec *
strv_property (const char *name)
{
  return g_param_spec_boxed (name, NULL, NULL, G_TYPE_STRV,
                             G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);
}

static void
vmport_virtual_machine_class_init (VmportVirtualMachineClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->finalize = vmport_virtual_machine_finalize;
  object_class->get_property = vmport_virtual_machine_get_property;

  /**
   * VmportVirtualMachine:object-path: (getter get_object_path)
   *
   * Its D-Bus object path.
   */
  properties[PROP_OBJECT_PATH] = string_property ("object-path");
  /**
   * VmportVirtualMachine:manager-path: (getter get_manager_path)
   *
   * The object path of its manager.
   */
  properties[PROP_MANAGER_PATH] = string_property ("manager-path");
  /**
   * VmportVirtualMachine:uuid: (getter get_uuid)
   *
   * Its UUID, in lower case with hyphens.
   */
  properties[PROP_UUID] = string_property ("uuid");
  /**
   * VmportVirtualMachine:name: (getter get_name)
   *
   * Its name. Whoever defined it chose the name: clean it before it reaches a terminal.
   */
  properties[PROP_NAME] = string_property ("name");
  /**
   * VmportVirtualMachine:state: (getter get_state)
   *
   * `running`, `paused`, `saved` or `off`.
   */
  properties[PROP_STATE] = string_property ("state");
  /**
   * VmportVirtualMachine:security-scope: (getter get_security_scope)
   *
   * The security scope that it is in (Hyper-V's `ScopeOfResidence`); empty for the default one.
   */
  properties[PROP_SECURITY_SCOPE] = string_property ("security-scope");
  /**
   * VmportVirtualMachine:resource-paths: (getter get_resource_paths)
   *
   * The topmost image of each disk, in the configuration's order.
   */
  properties[PROP_RESOURCE_PATHS] = strv_property ("resource-paths");
  /**
   * VmportVirtualMachine:network-connections: (getter get_network_connections)
   *
   * What each network adapter is connected to: `network:NAME`, `bridge:NAME`, `user` or nothing.
   */
  properties[PROP_NETWORK_CONNECTIONS] = strv_property ("network-connections");
  /**
   * VmportVirtualMachine:snapshot-paths: (getter get_snapshot_paths)
   *
   * Object paths of its snapshots.
   */
  properties[PROP_SNAPSHOT_PATHS] = strv_property ("snapshot-paths");
  /**
   * VmportVirtualMachine:active-job-path: (getter get_active_job_path)
   *
   * The object path of the job that was at work on it, or %NULL.
   */
  properties[PROP_ACTIVE_JOB_PATH] = string_property ("active-job-path");
  g_object_class_install_properties (object_class, N_PROPERTIES, properties);
}

static void
vmport_virtual_machine_init (VmportVirtualMachine *self)
{
}

static const char **
lookup_strv (GVariant *dictionary, const char *key, const char *format)
{
  const char **strv = NULL;

  g_variant_lookup (dictionary, key, format, &strv);
  return strv != NULL ? strv : g_new0 (const char *, 1);
}

VmportVirtualMachine *
vmp_client_virtual_machine_new (VmportClient *client, const char *path, GVariant *dictionary)
{
  VmportVirtualMachine *self = g_object_new (VMPORT_TYPE_VIRTUAL_MACHINE, NULL);

  self->client = g_object_ref (client);
  self->object_path = g_strdup (path);
  self->properties = g_variant_ref_sink (dictionary);
  self->resource_paths = lookup_strv (dictionary, "ResourcePaths", "^a&s");
  self->network_connections = lookup_strv (dictionary, "NetworkConnections", "^a&s");
  self->snapshot_paths = lookup_strv (dictionary, "Snapshots", "^a&o");
  return self;
}

VmportClient *
vmp_client_virtual_machine_get_client (VmportVirtualMachine *self)
{
  return self->client;
}

static const char *
get_string (VmportVirtualMachine *self, const char *key)
{
  const char *value = "";

  g_variant_lookup (self->properties, key, "&s", &value);
  return value;
}

static const char *
get_path (VmportVirtualMachine *self, const char *key)
{
  const char *value = "/";

  g_variant_lookup (self->properties, key, "&o", &value);
  return value;
}

/**
 * vmport_virtual_machine_get_object_path: (get-property object-path)
 * @self: a virtual machine
 *
 * Returns: (transfer none): its D-Bus object path
 */
const char *
vmport_virtual_machine_get_object_path (VmportVirtualMachine *self)
{
  g_return_val_if_fail (VMPORT_IS_VIRTUAL_MACHINE (self), NULL);

  return self->object_path;
}

/**
 * vmport_virtual_machine_get_manager_path: (get-property manager-path)
 * @self: a virtual machine
 *
 * Returns: (transfer none): the object path of its manager
 */
const char *
vmport_virtual_machine_get_manager_path (VmportVirtualMachine *self)
{
  g_return_val_if_fail (VMPORT_IS_VIRTUAL_MACHINE (self), NULL);

  return get_path (self, "Manager");
}

/**
 * vmport_virtual_machine_get_uuid: (get-property uuid)
 * @self: a virtual machine
 *
 * Returns: (transfer none): its UUID, in lower case with hyphens
 */
const char *
vmport_virtual_machine_get_uuid (VmportVirtualMachine *self)
{
  g_return_val_if_fail (VMPORT_IS_VIRTUAL_MACHINE (self), NULL);

  return get_string (self, "Uuid");
}

/**
 * vmport_virtual_machine_get_name: (get-property name)
 * @self: a virtual machine
 *
 * Returns: (transfer none): its name; see [property@VirtualMachine:name]
 */
const char *
vmport_virtual_machine_get_name (VmportVirtualMachine *self)
{
  g_return_val_if_fail (VMPORT_IS_VIRTUAL_MACHINE (self), NULL);

  return get_string (self, "Name");
}

/**
 * vmport_virtual_machine_get_state: (get-property state)
 * @self: a virtual machine
 *
 * Returns: (transfer none): `running`, `paused`, `saved` or `off`
 */
const char *
vmport_virtual_machine_get_state (VmportVirtualMachine *self)
{
  g_return_val_if_fail (VMPORT_IS_VIRTUAL_MACHINE (self), NULL);

  return get_string (self, "State");
}

/**
 * vmport_virtual_machine_get_security_scope: (get-property security-scope)
 * @self: a virtual machine
 *
 * Returns: (transfer none): the security scope that it is in, empty for the default one
 */
const char *
vmport_virtual_machine_get_security_scope (VmportVirtualMachine *self)
{
  g_return_val_if_fail (VMPORT_IS_VIRTUAL_MACHINE (self), NULL);

  return get_string (self, "SecurityScope");
}

/**
 * vmport_virtual_machine_get_resource_paths: (get-property resource-paths)
 * @self: a virtual machine
 *
 * Returns: (transfer none) (array zero-terminated=1): the topmost image of each disk
 */
const char *const *
vmport_virtual_machine_get_resource_paths (VmportVirtualMachine *self)
{
  g_return_val_if_fail (VMPORT_IS_VIRTUAL_MACHINE (self), NULL);

  return self->resource_paths;
}

/**
 * vmport_virtual_machine_get_network_connections: (get-property network-connections)
 * @self: a virtual machine
 *
 * Returns: (transfer none) (array zero-terminated=1): what each adapter is connected to
 */
const char *const *
vmport_virtual_machine_get_network_connections (VmportVirtualMachine *self)
{
  g_return_val_if_fail (VMPORT_IS_VIRTUAL_MACHINE (self), NULL);

  return self->network_connections;
}

/**
 * vmport_virtual_machine_get_snapshot_paths: (get-property snapshot-paths)
 * @self: a virtual machine
 *
 * Returns: (transfer none) (array zero-terminated=1): object paths of its snapshots
 */
const char *const *
vmport_virtual_machine_get_snapshot_paths (VmportVirtualMachine *self)
{
  g_return_val_if_fail (VMPORT_IS_VIRTUAL_MACHINE (self), NULL);

  return self->snapshot_paths;
}

/**
 * vmport_virtual_machine_get_active_job_path: (get-property active-job-path)
 * @self: a virtual machine
 *
 * Returns: (transfer none) (nullable): the object path of the job that was at work on it
 */
const char *
vmport_virtual_machine_get_active_job_path (VmportVirtualMachine *self)
{
  const char *path;

  g_return_val_if_fail (VMPORT_IS_VIRTUAL_MACHINE (self), NULL);

  path = get_path (self, "ActiveJob");
  return g_str_equal (path, "/") ? NULL : path;
}

/**
 * vmport_virtual_machine_to_variant:
 * @self: a virtual machine
 *
 * Returns: (transfer full): all properties by their D-Bus names, as an `a{sv}`; those too that this
 *   library does not know
 */
GVariant *
vmport_virtual_machine_to_variant (VmportVirtualMachine *self)
{
  g_return_val_if_fail (VMPORT_IS_VIRTUAL_MACHINE (self), NULL);

  return g_variant_ref (self->properties);
}

typedef struct
{
  VmportClient *client;
  char *path;
} Load;

static void
load_free (Load *load)
{
  g_object_unref (load->client);
  g_free (load->path);
  g_free (load);
}

static void
load_next (GTask *task, GVariant *reply)
{
  Load *load = g_task_get_task_data (task);
  g_autoptr (GVariant) dictionary = g_variant_get_child_value (reply, 0);

  g_task_return_pointer (
    task, vmp_client_virtual_machine_new (load->client, load->path, dictionary), g_object_unref);
  g_object_unref (task);
}

/* Takes @task, which returns the virtual machine at @path. */
void
vmp_client_load_virtual_machine (GTask *task, VmportClient *client, const char *path)
{
  VmpCall call = vmp_client_get_all_call (path, VMP_VIRTUAL_MACHINE_INTERFACE);
  Load *load = g_new0 (Load, 1);

  load->client = g_object_ref (client);
  load->path = g_strdup (path);
  g_task_set_task_data (task, load, (GDestroyNotify) load_free);
  vmp_client_call (task, client, &call, load_next);
}

VmportVirtualMachine *
vmp_client_load_virtual_machine_sync (VmportClient *client, const char *path,
                                      GCancellable *cancellable, GError **error)
{
  VmpCall call = vmp_client_get_all_call (path, VMP_VIRTUAL_MACHINE_INTERFACE);
  g_autoptr (GVariant) dictionary = NULL;
  g_autoptr (GVariant) reply = vmp_client_call_sync (client, &call, cancellable, error);

  if (reply == NULL)
    return NULL;
  dictionary = g_variant_get_child_value (reply, 0);
  return vmp_client_virtual_machine_new (client, path, dictionary);
}

/**
 * vmport_virtual_machine_refresh:
 * @self: a virtual machine
 * @cancellable: (nullable): a cancellable
 * @callback: called with the result
 * @user_data: for @callback
 *
 * Reads the virtual machine anew.
 */
void
vmport_virtual_machine_refresh (VmportVirtualMachine *self, GCancellable *cancellable,
                                GAsyncReadyCallback callback, gpointer user_data)
{
  g_return_if_fail (VMPORT_IS_VIRTUAL_MACHINE (self));

  vmp_client_load_virtual_machine (vmp_client_task_new (self, vmport_virtual_machine_refresh,
                                                        cancellable, callback, user_data),
                                   self->client, self->object_path);
}

/**
 * vmport_virtual_machine_refresh_finish:
 * @self: a virtual machine
 * @result: the result
 * @error: return location for an error
 *
 * Finishes [method@VirtualMachine.refresh]; %G_DBUS_ERROR_UNKNOWN_OBJECT for one that is gone or
 * that the caller may not view.
 *
 * Returns: (transfer full): a new object, or %NULL with @error set
 */
VmportVirtualMachine *
vmport_virtual_machine_refresh_finish (VmportVirtualMachine *self, GAsyncResult *result,
                                       GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), NULL);

  return g_task_propagate_pointer (G_TASK (result), error);
}

/**
 * vmport_virtual_machine_refresh_sync:
 * @self: a virtual machine
 * @cancellable: (nullable): a cancellable
 * @error: return location for an error
 *
 * As [method@VirtualMachine.refresh], waiting for the result.
 *
 * Returns: (transfer full): a new object, or %NULL with @error set
 */
VmportVirtualMachine *
vmport_virtual_machine_refresh_sync (VmportVirtualMachine *self, GCancellable *cancellable,
                                     GError **error)
{
  g_return_val_if_fail (VMPORT_IS_VIRTUAL_MACHINE (self), NULL);

  return vmp_client_load_virtual_machine_sync (self->client, self->object_path, cancellable,
                                               error);
}

static VmpCall
get_configuration_call (VmportVirtualMachine *self)
{
  return (VmpCall){ .path = self->object_path,
                    .interface = VMP_VIRTUAL_MACHINE_INTERFACE,
                    .method = "GetConfiguration",
                    .parameters = g_variant_new ("(@a{sv})", vmp_client_vardict (NULL)),
                    .reply_type = "(s)" };
}

static char *
take_string (GVariant *reply)
{
  g_autoptr (GVariant) owned = reply;
  char *string = NULL;

  if (owned != NULL)
    g_variant_get (owned, "(s)", &string);
  return string;
}

static gboolean
take_done (GVariant *reply)
{
  g_autoptr (GVariant) owned = reply;

  return owned != NULL;
}

/**
 * vmport_virtual_machine_get_configuration:
 * @self: a virtual machine
 * @cancellable: (nullable): a cancellable
 * @callback: called with the result
 * @user_data: for @callback
 *
 * Reads the configuration: a libvirt domain document without secrets.
 */
void
vmport_virtual_machine_get_configuration (VmportVirtualMachine *self, GCancellable *cancellable,
                                          GAsyncReadyCallback callback, gpointer user_data)
{
  VmpCall call;

  g_return_if_fail (VMPORT_IS_VIRTUAL_MACHINE (self));

  call = get_configuration_call (self);
  vmp_client_call (vmp_client_task_new (self, vmport_virtual_machine_get_configuration,
                                        cancellable, callback, user_data),
                   self->client, &call, NULL);
}

/**
 * vmport_virtual_machine_get_configuration_finish:
 * @self: a virtual machine
 * @result: the result
 * @error: return location for an error
 *
 * Finishes [method@VirtualMachine.get_configuration].
 *
 * Returns: (transfer full): the document, or %NULL with @error set
 */
char *
vmport_virtual_machine_get_configuration_finish (VmportVirtualMachine *self, GAsyncResult *result,
                                                 GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), NULL);

  return take_string (g_task_propagate_pointer (G_TASK (result), error));
}

/**
 * vmport_virtual_machine_get_configuration_sync:
 * @self: a virtual machine
 * @cancellable: (nullable): a cancellable
 * @error: return location for an error
 *
 * As [method@VirtualMachine.get_configuration], waiting for the result.
 *
 * Returns: (transfer full): the document, or %NULL with @error set
 */
char *
vmport_virtual_machine_get_configuration_sync (VmportVirtualMachine *self,
                                               GCancellable *cancellable, GError **error)
{
  VmpCall call;

  g_return_val_if_fail (VMPORT_IS_VIRTUAL_MACHINE (self), NULL);

  call = get_configuration_call (self);
  return take_string (vmp_client_call_sync (self->client, &call, cancellable, error));
}

static VmpCall
delete_call (VmportVirtualMachine *self, gboolean delete_storage)
{
  g_auto (GVariantDict) options = G_VARIANT_DICT_INIT (NULL);

  g_variant_dict_insert (&options, "DeleteStorage", "b", delete_storage);
  return (VmpCall){ .path = self->object_path,
                    .interface = VMP_VIRTUAL_MACHINE_INTERFACE,
                    .method = "Delete",
                    .parameters = g_variant_new ("(@a{sv})", g_variant_dict_end (&options)),
                    .reply_type = "()",
                    .kind = VMP_CALL_LONG };
}

/**
 * vmport_virtual_machine_delete:
 * @self: a virtual machine
 * @delete_storage: whether to delete its files too; those that others use stay in any case
 * @cancellable: (nullable): a cancellable
 * @callback: called with the result
 * @user_data: for @callback
 *
 * Removes the virtual machine. May ask the user to authenticate.
 */
void
vmport_virtual_machine_delete (VmportVirtualMachine *self, gboolean delete_storage,
                               GCancellable *cancellable, GAsyncReadyCallback callback,
                               gpointer user_data)
{
  VmpCall call;

  g_return_if_fail (VMPORT_IS_VIRTUAL_MACHINE (self));

  call = delete_call (self, delete_storage);
  vmp_client_call (vmp_client_task_new (self, vmport_virtual_machine_delete, cancellable,
                                        callback, user_data),
                   self->client, &call, NULL);
}

/**
 * vmport_virtual_machine_delete_finish:
 * @self: a virtual machine
 * @result: the result
 * @error: return location for an error
 *
 * Finishes [method@VirtualMachine.delete]; %VMPORT_ERROR_INVALID_STATE for one that runs,
 * %VMPORT_ERROR_IN_USE while a job works on it.
 *
 * Returns: %TRUE, or %FALSE with @error set
 */
gboolean
vmport_virtual_machine_delete_finish (VmportVirtualMachine *self, GAsyncResult *result,
                                      GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), FALSE);

  return take_done (g_task_propagate_pointer (G_TASK (result), error));
}

/**
 * vmport_virtual_machine_delete_sync:
 * @self: a virtual machine
 * @delete_storage: whether to delete its files too
 * @cancellable: (nullable): a cancellable
 * @error: return location for an error
 *
 * As [method@VirtualMachine.delete], waiting for the result.
 *
 * Returns: %TRUE, or %FALSE with @error set
 */
gboolean
vmport_virtual_machine_delete_sync (VmportVirtualMachine *self, gboolean delete_storage,
                                    GCancellable *cancellable, GError **error)
{
  VmpCall call;

  g_return_val_if_fail (VMPORT_IS_VIRTUAL_MACHINE (self), FALSE);

  call = delete_call (self, delete_storage);
  return take_done (vmp_client_call_sync (self->client, &call, cancellable, error));
}

static VmpCall
set_security_scope_call (VmportVirtualMachine *self, const char *security_scope)
{
  return (VmpCall){ .path = self->object_path,
                    .interface = VMP_VIRTUAL_MACHINE_INTERFACE,
                    .method = "SetSecurityScope",
                    .parameters
                    = g_variant_new ("(s@a{sv})", security_scope, vmp_client_vardict (NULL)),
                    .reply_type = "()",
                    .kind = VMP_CALL_LONG };
}

/**
 * vmport_virtual_machine_set_security_scope:
 * @self: a virtual machine
 * @security_scope: a defined scope, or an empty string for the default one
 * @cancellable: (nullable): a cancellable
 * @callback: called with the result
 * @user_data: for @callback
 *
 * Moves the virtual machine into another security scope. May ask the user to authenticate.
 */
void
vmport_virtual_machine_set_security_scope (VmportVirtualMachine *self, const char *security_scope,
                                           GCancellable *cancellable,
                                           GAsyncReadyCallback callback, gpointer user_data)
{
  VmpCall call;

  g_return_if_fail (VMPORT_IS_VIRTUAL_MACHINE (self));
  g_return_if_fail (security_scope != NULL);

  call = set_security_scope_call (self, security_scope);
  vmp_client_call (vmp_client_task_new (self, vmport_virtual_machine_set_security_scope,
                                        cancellable, callback, user_data),
                   self->client, &call, NULL);
}

/**
 * vmport_virtual_machine_set_security_scope_finish:
 * @self: a virtual machine
 * @result: the result
 * @error: return location for an error
 *
 * Finishes [method@VirtualMachine.set_security_scope]; %VMPORT_ERROR_INVALID_PARAMETER for a scope
 * that is not defined.
 *
 * Returns: %TRUE, or %FALSE with @error set
 */
gboolean
vmport_virtual_machine_set_security_scope_finish (VmportVirtualMachine *self, GAsyncResult *result,
                                                  GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), FALSE);

  return take_done (g_task_propagate_pointer (G_TASK (result), error));
}

/**
 * vmport_virtual_machine_set_security_scope_sync:
 * @self: a virtual machine
 * @security_scope: a defined scope, or an empty string for the default one
 * @cancellable: (nullable): a cancellable
 * @error: return location for an error
 *
 * As [method@VirtualMachine.set_security_scope], waiting for the result.
 *
 * Returns: %TRUE, or %FALSE with @error set
 */
gboolean
vmport_virtual_machine_set_security_scope_sync (VmportVirtualMachine *self,
                                                const char *security_scope,
                                                GCancellable *cancellable, GError **error)
{
  VmpCall call;

  g_return_val_if_fail (VMPORT_IS_VIRTUAL_MACHINE (self), FALSE);
  g_return_val_if_fail (security_scope != NULL, FALSE);

  call = set_security_scope_call (self, security_scope);
  return take_done (vmp_client_call_sync (self->client, &call, cancellable, error));
}
