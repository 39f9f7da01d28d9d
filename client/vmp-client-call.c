/* Method calls to the daemon, with and without a main loop. */
#include "config.h"

#include "vmp-client-private.h"

/* A call whose message was sent has its effect; so a task never forgets a result because its
 * cancellable was cancelled in the meantime. */
GTask *
vmp_client_task_new (gpointer source, gpointer tag, GCancellable *cancellable,
                     GAsyncReadyCallback callback, gpointer user_data)
{
  GTask *task = g_task_new (source, cancellable, callback, user_data);

  g_task_set_source_tag (task, tag);
  g_task_set_check_cancellable (task, FALSE);
  return task;
}

/* An a{sv} for a parameter; what is NULL is empty. */
GVariant *
vmp_client_vardict (GVariant *dictionary)
{
  if (dictionary == NULL)
    return g_variant_new_array (G_VARIANT_TYPE ("{sv}"), NULL, 0);
  return dictionary;
}

/* Whom signals come from and calls go to: on a connection without a bus there are no names. */
const char *
vmp_client_get_bus_name (GDBusConnection *connection)
{
  return g_dbus_connection_get_unique_name (connection) != NULL ? VMP_BUS_NAME : NULL;
}

static GDBusCallFlags
get_flags (VmportClient *client, const VmpCall *call)
{
  return call->kind == VMP_CALL_LONG && vmport_client_get_interactive (client)
           ? G_DBUS_CALL_FLAGS_ALLOW_INTERACTIVE_AUTHORIZATION
           : G_DBUS_CALL_FLAGS_NONE;
}

static int
get_timeout (const VmpCall *call)
{
  return call->kind == VMP_CALL_LONG ? G_MAXINT : -1;
}

/* Reads all properties of an object that has no proxy. */
VmpCall
vmp_client_get_all_call (const char *path, const char *interface)
{
  return (VmpCall){ .path = path,
                    .interface = VMP_PROPERTIES_INTERFACE,
                    .method = "GetAll",
                    .parameters = g_variant_new ("(s)", interface),
                    .reply_type = "(a{sv})" };
}

typedef struct
{
  GTask *task;
  VmpCallNext next;
  gboolean raw_errors;
} Pending;

static void
call_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autofree Pending *pending = user_data;
  g_autoptr (GTask) task = pending->task;
  g_autoptr (GVariant) reply = NULL;
  GError *error = NULL;

  reply = g_dbus_connection_call_with_unix_fd_list_finish (G_DBUS_CONNECTION (source), NULL,
                                                           result, &error);
  if (reply == NULL)
    g_task_return_error (task,
                         pending->raw_errors ? error : vmp_client_error_take_remote (error));
  else if (pending->next != NULL)
    pending->next (g_steal_pointer (&task), reply);
  else
    g_task_return_pointer (task, g_steal_pointer (&reply), (GDestroyNotify) g_variant_unref);
}

/* Calls a method; takes @task, which returns the reply (a GVariant) or goes on in @next. */
void
vmp_client_call (GTask *task, VmportClient *client, const VmpCall *call, VmpCallNext next)
{
  GDBusConnection *connection = vmport_client_get_connection (client);
  Pending *pending = g_new0 (Pending, 1);

  pending->task = task;
  pending->next = next;
  pending->raw_errors = call->raw_errors;
  g_dbus_connection_call_with_unix_fd_list (
    connection, vmp_client_get_bus_name (connection), call->path, call->interface, call->method,
    call->parameters, G_VARIANT_TYPE (call->reply_type), get_flags (client, call),
    get_timeout (call), call->fd_list, g_task_get_cancellable (task), call_cb, pending);
}

GVariant *
vmp_client_call_sync (VmportClient *client, const VmpCall *call, GCancellable *cancellable,
                      GError **error)
{
  GDBusConnection *connection = vmport_client_get_connection (client);
  GError *local = NULL;
  GVariant *reply = g_dbus_connection_call_with_unix_fd_list_sync (
    connection, vmp_client_get_bus_name (connection), call->path, call->interface, call->method,
    call->parameters, G_VARIANT_TYPE (call->reply_type), get_flags (client, call),
    get_timeout (call), call->fd_list, NULL, cancellable, &local);

  if (reply == NULL)
    g_propagate_error (error, call->raw_errors ? local : vmp_client_error_take_remote (local));
  return reply;
}
