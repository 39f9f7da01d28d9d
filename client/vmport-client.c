/* The connection to vmportd, from which everything else is reached. */
#include "config.h"

#include "vmport-client.h"

#include <glib/gi18n-lib.h>

#include "vmp-client-private.h"

/**
 * VmportClient:
 *
 * The connection to the vmport daemon on a message bus.
 *
 * A client outlives the daemon: while it is away, [property@Client:running] is false and calls fail
 * with %VMPORT_ERROR_NOT_AVAILABLE, unless the bus can start it; when it is back, the same objects
 * work again and their properties are read anew.
 *
 * Signals and changed properties are delivered in the thread-default main context of the thread
 * that made the object. Calls that may ask the user for a password, or take as long as a job
 * does, have no limit of time; use a [class@Gio.Cancellable]. Cancelling a call does not take back
 * what the daemon has already been asked to do.
 */
struct _VmportClient
{
  GObject parent_instance;

  GDBusConnection *connection;
  VmportDBusDaemon *proxy;
  gboolean interactive;
  /* What was last told by signals. */
  char **managers;
};

enum
{
  PROP_CONNECTION = 1,
  PROP_INTERACTIVE,
  PROP_RUNNING,
  PROP_DAEMON_VERSION,
  N_PROPERTIES
};

enum
{
  SIGNAL_MANAGER_ADDED,
  SIGNAL_MANAGER_REMOVED,
  N_SIGNALS
};

static GParamSpec *properties[N_PROPERTIES];
static guint signals[N_SIGNALS];

G_DEFINE_FINAL_TYPE (VmportClient, vmport_client, G_TYPE_OBJECT)

static void
vmport_client_finalize (GObject *object)
{
  VmportClient *self = VMPORT_CLIENT (object);

  if (self->proxy != NULL)
    g_signal_handlers_disconnect_by_data (self->proxy, self);
  g_clear_object (&self->proxy);
  g_clear_object (&self->connection);
  g_clear_pointer (&self->managers, g_strfreev);
  G_OBJECT_CLASS (vmport_client_parent_class)->finalize (object);
}

static void
vmport_client_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  VmportClient *self = VMPORT_CLIENT (object);

  switch (id)
    {
    case PROP_CONNECTION:
      g_value_set_object (value, self->connection);
      break;
    case PROP_INTERACTIVE:
      g_value_set_boolean (value, self->interactive);
      break;
    case PROP_RUNNING:
      g_value_set_boolean (value, vmport_client_get_running (self));
      break;
    case PROP_DAEMON_VERSION:
      g_value_set_string (value, vmport_client_get_daemon_version (self));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
vmport_client_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  VmportClient *self = VMPORT_CLIENT (object);

  switch (id)
    {
    case PROP_CONNECTION:
      self->connection = g_value_dup_object (value);
      break;
    case PROP_INTERACTIVE:
      vmport_client_set_interactive (self, g_value_get_boolean (value));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
vmport_client_class_init (VmportClientClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  vmp_client_bind_text_domain ();
  object_class->finalize = vmport_client_finalize;
  object_class->get_property = vmport_client_get_property;
  object_class->set_property = vmport_client_set_property;

  /**
   * VmportClient:connection: (getter get_connection)
   *
   * The connection that the daemon is reached on.
   */
  properties[PROP_CONNECTION] = g_param_spec_object (
    "connection", NULL, NULL, G_TYPE_DBUS_CONNECTION,
    G_PARAM_READWRITE | G_PARAM_CONSTRUCT_ONLY | G_PARAM_STATIC_STRINGS);
  /**
   * VmportClient:interactive: (getter get_interactive) (setter set_interactive)
   *
   * Whether the user may be asked to authenticate for a call that needs it.
   */
  properties[PROP_INTERACTIVE] = g_param_spec_boolean (
    "interactive", NULL, NULL, TRUE,
    G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);
  /**
   * VmportClient:running: (getter get_running)
   *
   * Whether the daemon is on the bus now.
   */
  properties[PROP_RUNNING] = g_param_spec_boolean ("running", NULL, NULL, FALSE,
                                                   G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);
  /**
   * VmportClient:daemon-version: (getter get_daemon_version)
   *
   * The release of the daemon, or %NULL while it is not running.
   */
  properties[PROP_DAEMON_VERSION] = g_param_spec_string (
    "daemon-version", NULL, NULL, NULL, G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);
  g_object_class_install_properties (object_class, N_PROPERTIES, properties);

  /**
   * VmportClient::manager-added:
   * @self: the client
   * @object_path: the manager's object path
   *
   * The daemon has a new manager.
   */
  signals[SIGNAL_MANAGER_ADDED]
    = g_signal_new ("manager-added", VMPORT_TYPE_CLIENT, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                    G_TYPE_NONE, 1, G_TYPE_STRING);
  /**
   * VmportClient::manager-removed:
   * @self: the client
   * @object_path: the manager's object path
   *
   * The daemon no longer has this manager. Not emitted when the daemon itself ends.
   */
  signals[SIGNAL_MANAGER_REMOVED]
    = g_signal_new ("manager-removed", VMPORT_TYPE_CLIENT, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                    G_TYPE_NONE, 1, G_TYPE_STRING);
}

static void
vmport_client_init (VmportClient *self)
{
  self->interactive = TRUE;
  /* Registers the errors with GDBus before the first reply can hold one. */
  (void) VMPORT_ERROR;
}

static void
managers_changed (VmportClient *self)
{
  const char *const *now = vmport_dbus_daemon_get_managers (self->proxy);
  g_auto (GStrv) before = NULL;

  /* Unknown, not none: the daemon is away. */
  if (now == NULL)
    return;
  before = g_steal_pointer (&self->managers);
  self->managers = g_strdupv ((char **) now);
  for (gsize i = 0; before != NULL && before[i] != NULL; i++)
    if (!g_strv_contains ((const char *const *) self->managers, before[i]))
      g_signal_emit (self, signals[SIGNAL_MANAGER_REMOVED], 0, before[i]);
  for (gsize i = 0; self->managers[i] != NULL; i++)
    if (before == NULL || !g_strv_contains ((const char *const *) before, self->managers[i]))
      g_signal_emit (self, signals[SIGNAL_MANAGER_ADDED], 0, self->managers[i]);
}

static void
owner_changed (VmportClient *self)
{
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_RUNNING]);
}

static void
version_changed (VmportClient *self)
{
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_DAEMON_VERSION]);
}

static void
take_proxy (VmportClient *self, VmportDBusDaemon *proxy)
{
  self->proxy = proxy;
  self->managers = g_strdupv ((char **) vmport_dbus_daemon_get_managers (proxy));
  g_signal_connect_swapped (proxy, "notify::managers", G_CALLBACK (managers_changed), self);
  g_signal_connect_swapped (proxy, "notify::version", G_CALLBACK (version_changed), self);
  g_signal_connect_swapped (proxy, "notify::g-name-owner", G_CALLBACK (owner_changed), self);
}

static void
proxy_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  VmportClient *self = g_task_get_task_data (task);
  GError *error = NULL;
  VmportDBusDaemon *proxy = vmport_dbus_daemon_proxy_new_finish (result, &error);

  if (proxy == NULL)
    {
      g_task_return_error (task, vmp_client_error_take_remote (error));
      return;
    }
  take_proxy (self, proxy);
  g_task_return_pointer (task, g_object_ref (self), g_object_unref);
}

static void
start (GTask *task, GDBusConnection *connection)
{
  VmportClient *self = g_object_new (VMPORT_TYPE_CLIENT, "connection", connection, NULL);

  g_task_set_task_data (task, self, g_object_unref);
  vmport_dbus_daemon_proxy_new (connection, G_DBUS_PROXY_FLAGS_NONE,
                                vmp_client_get_bus_name (connection), VMP_DAEMON_PATH,
                                g_task_get_cancellable (task), proxy_cb, task);
}

static void
bus_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  GError *error = NULL;
  g_autoptr (GDBusConnection) connection = g_bus_get_finish (result, &error);

  if (connection == NULL)
    g_task_return_error (task, error);
  else
    start (g_steal_pointer (&task), connection);
}

/**
 * vmport_client_new:
 * @bus_type: %G_BUS_TYPE_SYSTEM, or %G_BUS_TYPE_SESSION for `vmportd --session`
 * @cancellable: (nullable): a cancellable
 * @callback: called when the client is ready
 * @user_data: for @callback
 *
 * Connects to the daemon and starts it where the bus knows how to. Finish with
 * [ctor@Client.new_finish].
 */
void
vmport_client_new (GBusType bus_type, GCancellable *cancellable, GAsyncReadyCallback callback,
                   gpointer user_data)
{
  g_bus_get (bus_type, cancellable, bus_cb,
             vmp_client_task_new (NULL, vmport_client_new, cancellable, callback, user_data));
}

/**
 * vmport_client_new_for_connection:
 * @connection: a connection to a message bus, or to the daemon itself
 * @cancellable: (nullable): a cancellable
 * @callback: called when the client is ready
 * @user_data: for @callback
 *
 * As [func@Client.new], on a connection that the caller has. Finish with
 * [ctor@Client.new_finish].
 */
void
vmport_client_new_for_connection (GDBusConnection *connection, GCancellable *cancellable,
                                  GAsyncReadyCallback callback, gpointer user_data)
{
  g_return_if_fail (G_IS_DBUS_CONNECTION (connection));

  start (vmp_client_task_new (NULL, vmport_client_new, cancellable, callback, user_data),
         connection);
}

/**
 * vmport_client_new_finish: (constructor)
 * @result: the result
 * @error: return location for an error
 *
 * Finishes [func@Client.new] and [func@Client.new_for_connection]. Fails where there is no bus. A
 * daemon that does not run is no error yet: see [property@Client:running].
 *
 * Returns: (transfer full): the client, or %NULL with @error set
 */
VmportClient *
vmport_client_new_finish (GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_async_result_is_tagged (result, vmport_client_new), NULL);

  return g_task_propagate_pointer (G_TASK (result), error);
}

/**
 * vmport_client_new_sync: (constructor)
 * @bus_type: %G_BUS_TYPE_SYSTEM, or %G_BUS_TYPE_SESSION for `vmportd --session`
 * @cancellable: (nullable): a cancellable
 * @error: return location for an error
 *
 * As [func@Client.new], waiting for the result.
 *
 * Returns: (transfer full): the client, or %NULL with @error set
 */
VmportClient *
vmport_client_new_sync (GBusType bus_type, GCancellable *cancellable, GError **error)
{
  g_autoptr (GDBusConnection) connection = g_bus_get_sync (bus_type, cancellable, error);

  if (connection == NULL)
    return NULL;
  return vmport_client_new_for_connection_sync (connection, cancellable, error);
}

/**
 * vmport_client_new_for_connection_sync: (constructor)
 * @connection: a connection to a message bus, or to the daemon itself
 * @cancellable: (nullable): a cancellable
 * @error: return location for an error
 *
 * As [func@Client.new_for_connection], waiting for the result.
 *
 * Returns: (transfer full): the client, or %NULL with @error set
 */
VmportClient *
vmport_client_new_for_connection_sync (GDBusConnection *connection, GCancellable *cancellable,
                                       GError **error)
{
  g_autoptr (VmportClient) self = NULL;
  VmportDBusDaemon *proxy;
  GError *local = NULL;

  g_return_val_if_fail (G_IS_DBUS_CONNECTION (connection), NULL);

  self = g_object_new (VMPORT_TYPE_CLIENT, "connection", connection, NULL);
  proxy = vmport_dbus_daemon_proxy_new_sync (connection, G_DBUS_PROXY_FLAGS_NONE,
                                             vmp_client_get_bus_name (connection),
                                             VMP_DAEMON_PATH, cancellable, &local);
  if (proxy == NULL)
    {
      g_propagate_error (error, vmp_client_error_take_remote (local));
      return NULL;
    }
  take_proxy (self, proxy);
  return g_steal_pointer (&self);
}

/**
 * vmport_client_get_connection: (get-property connection)
 * @self: a client
 *
 * Returns: (transfer none): the connection that the daemon is reached on
 */
GDBusConnection *
vmport_client_get_connection (VmportClient *self)
{
  g_return_val_if_fail (VMPORT_IS_CLIENT (self), NULL);

  return self->connection;
}

/**
 * vmport_client_get_interactive: (get-property interactive)
 * @self: a client
 *
 * Returns: whether the user may be asked to authenticate
 */
gboolean
vmport_client_get_interactive (VmportClient *self)
{
  g_return_val_if_fail (VMPORT_IS_CLIENT (self), FALSE);

  return self->interactive;
}

/**
 * vmport_client_set_interactive: (set-property interactive)
 * @self: a client
 * @interactive: whether the user may be asked to authenticate; %TRUE is the default
 *
 * With %FALSE, a call that needs authentication fails with %G_DBUS_ERROR_ACCESS_DENIED also where
 * asking would have helped.
 */
void
vmport_client_set_interactive (VmportClient *self, gboolean interactive)
{
  g_return_if_fail (VMPORT_IS_CLIENT (self));

  if (self->interactive == !!interactive)
    return;
  self->interactive = !!interactive;
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_INTERACTIVE]);
}

/**
 * vmport_client_get_running: (get-property running)
 * @self: a client
 *
 * Returns: whether the daemon is on the bus now
 */
gboolean
vmport_client_get_running (VmportClient *self)
{
  g_autofree char *owner = NULL;

  g_return_val_if_fail (VMPORT_IS_CLIENT (self), FALSE);

  if (self->proxy == NULL)
    return FALSE;
  /* Without a bus, the daemon is there as long as the connection. */
  if (g_dbus_proxy_get_name (G_DBUS_PROXY (self->proxy)) == NULL)
    return !g_dbus_connection_is_closed (self->connection);
  owner = g_dbus_proxy_get_name_owner (G_DBUS_PROXY (self->proxy));
  return owner != NULL;
}

/**
 * vmport_client_get_daemon_version: (get-property daemon-version)
 * @self: a client
 *
 * Returns: (transfer none) (nullable): the release of the daemon, or %NULL while it is not running
 */
const char *
vmport_client_get_daemon_version (VmportClient *self)
{
  g_return_val_if_fail (VMPORT_IS_CLIENT (self), NULL);

  return self->proxy != NULL ? vmport_dbus_daemon_get_version (self->proxy) : NULL;
}
