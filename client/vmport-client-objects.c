/* The objects that a client finds at the daemon: managers and jobs. */
#include "config.h"

#include "vmport-client.h"

#include <glib/gi18n-lib.h>

#include "vmp-client-private.h"

static gpointer
wrap (VmportClient *self, GDBusProxy *proxy)
{
  if (VMPORT_DBUS_IS_MANAGER (proxy))
    return vmp_client_manager_new (self, VMPORT_DBUS_MANAGER (proxy));
  return vmp_client_job_new (self, VMPORT_DBUS_JOB (proxy));
}

static GPtrArray *
wrap_all (VmportClient *self, GPtrArray *proxies)
{
  GPtrArray *objects = g_ptr_array_new_with_free_func (g_object_unref);

  for (guint i = 0; i < proxies->len; i++)
    g_ptr_array_add (objects, wrap (self, proxies->pdata[i]));
  return objects;
}

static void
load_all_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  g_autoptr (GPtrArray) proxies = NULL;
  GError *error = NULL;

  proxies = vmp_client_load_proxies_finish (result, &error);
  if (proxies == NULL)
    g_task_return_error (task, error);
  else
    g_task_return_pointer (task, wrap_all (VMPORT_CLIENT (source), proxies),
                           (GDestroyNotify) g_ptr_array_unref);
}

static void
load_one_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  g_autoptr (GPtrArray) proxies = NULL;
  GError *error = NULL;

  proxies = vmp_client_load_proxies_finish (result, &error);
  if (proxies == NULL)
    g_task_return_error (task, error);
  else
    g_task_return_pointer (task, wrap (VMPORT_CLIENT (source), proxies->pdata[0]),
                           g_object_unref);
}

static gpointer
load_one_sync (VmportClient *self, GType type, const char *interface, const char *path,
               GCancellable *cancellable, GError **error)
{
  const char *paths[] = { path, NULL };
  g_autoptr (GPtrArray) proxies
    = vmp_client_load_proxies_sync (self, type, interface, paths, FALSE, cancellable, error);

  return proxies != NULL ? wrap (self, proxies->pdata[0]) : NULL;
}

static const char **
get_managers_reply (GVariant *reply)
{
  g_autoptr (GVariant) value = NULL;

  g_variant_get (reply, "(v)", &value);
  if (!g_variant_is_of_type (value, G_VARIANT_TYPE_OBJECT_PATH_ARRAY))
    return g_new0 (const char *, 1);
  /* The strings live in the reply. */
  return g_variant_get_objv (value, NULL);
}

/* Asked for anew instead of taken from the proxy, so that the daemon is started and errors are
 * seen. */
static VmpCall
get_managers_call (void)
{
  return (VmpCall){ .path = VMP_DAEMON_PATH,
                    .interface = VMP_PROPERTIES_INTERFACE,
                    .method = "Get",
                    .parameters = g_variant_new ("(ss)", VMP_DAEMON_INTERFACE, "Managers"),
                    .reply_type = "(v)" };
}

static void
managers_next (GTask *task, GVariant *reply)
{
  VmportClient *self = g_task_get_source_object (task);
  g_autofree const char **paths = get_managers_reply (reply);

  vmp_client_load_proxies (self, VMPORT_DBUS_TYPE_MANAGER_PROXY, VMP_MANAGER_INTERFACE, paths,
                           TRUE, g_task_get_cancellable (task), load_all_cb, task);
}

/**
 * vmport_client_list_managers:
 * @self: a client
 * @cancellable: (nullable): a cancellable
 * @callback: called with the result
 * @user_data: for @callback
 *
 * Lists the managers: the places that hold virtual machines.
 */
void
vmport_client_list_managers (VmportClient *self, GCancellable *cancellable,
                             GAsyncReadyCallback callback, gpointer user_data)
{
  VmpCall call;

  g_return_if_fail (VMPORT_IS_CLIENT (self));

  call = get_managers_call ();
  vmp_client_call (vmp_client_task_new (self, vmport_client_list_managers, cancellable, callback,
                                        user_data),
                   self, &call, managers_next);
}

/**
 * vmport_client_list_managers_finish:
 * @self: a client
 * @result: the result
 * @error: return location for an error
 *
 * Finishes [method@Client.list_managers].
 *
 * Returns: (transfer container) (element-type VmportManager): the managers, or %NULL
 *   with @error set
 */
GPtrArray *
vmport_client_list_managers_finish (VmportClient *self, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), NULL);

  return g_task_propagate_pointer (G_TASK (result), error);
}

/**
 * vmport_client_list_managers_sync:
 * @self: a client
 * @cancellable: (nullable): a cancellable
 * @error: return location for an error
 *
 * As [method@Client.list_managers], waiting for the result.
 *
 * Returns: (transfer container) (element-type VmportManager): the managers, or %NULL
 *   with @error set
 */
GPtrArray *
vmport_client_list_managers_sync (VmportClient *self, GCancellable *cancellable, GError **error)
{
  VmpCall call;
  g_autoptr (GVariant) reply = NULL;
  g_autoptr (GPtrArray) proxies = NULL;
  g_autofree const char **paths = NULL;

  g_return_val_if_fail (VMPORT_IS_CLIENT (self), NULL);

  call = get_managers_call ();
  reply = vmp_client_call_sync (self, &call, cancellable, error);
  if (reply == NULL)
    return NULL;
  paths = get_managers_reply (reply);
  proxies = vmp_client_load_proxies_sync (self, VMPORT_DBUS_TYPE_MANAGER_PROXY,
                                          VMP_MANAGER_INTERFACE, paths, TRUE, cancellable, error);
  return proxies != NULL ? wrap_all (self, proxies) : NULL;
}

/* The contract's escaping: what is not a letter or digit of ASCII becomes `_xx`. */
static char *
get_manager_path (const char *id)
{
  GString *path = g_string_new (VMP_MANAGER_PATH_PREFIX);

  for (const char *c = id; *c != '\0'; c++)
    if (g_ascii_isalnum (*c))
      g_string_append_c (path, *c);
    else
      g_string_append_printf (path, "_%02x", (guint8) *c);
  return g_string_free (path, FALSE);
}

static GError *
explain_manager_error (GError *error, const char *id)
{
  if (!g_error_matches (error, G_DBUS_ERROR, G_DBUS_ERROR_UNKNOWN_OBJECT))
    return error;
  g_error_free (error);
  return g_error_new (VMPORT_ERROR, VMPORT_ERROR_NOT_FOUND,
                      _ ("There is no manager “%s”; vmport.conf may define one"), id);
}

static void
manager_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  g_autoptr (GPtrArray) proxies = NULL;
  GError *error = NULL;

  proxies = vmp_client_load_proxies_finish (result, &error);
  if (proxies == NULL)
    g_task_return_error (task, explain_manager_error (error, g_task_get_task_data (task)));
  else
    g_task_return_pointer (task, wrap (VMPORT_CLIENT (source), proxies->pdata[0]),
                           g_object_unref);
}

/**
 * vmport_client_get_manager:
 * @self: a client
 * @id: the manager's id, such as `store` or `qemu`
 * @cancellable: (nullable): a cancellable
 * @callback: called with the result
 * @user_data: for @callback
 *
 * Gets one manager by its id.
 */
void
vmport_client_get_manager (VmportClient *self, const char *id, GCancellable *cancellable,
                           GAsyncReadyCallback callback, gpointer user_data)
{
  GTask *task;
  g_autofree char *path = NULL;

  g_return_if_fail (VMPORT_IS_CLIENT (self));
  g_return_if_fail (id != NULL && *id != '\0');

  path = get_manager_path (id);
  task = vmp_client_task_new (self, vmport_client_get_manager, cancellable, callback, user_data);
  g_task_set_task_data (task, g_strdup (id), g_free);
  vmp_client_load_proxies (self, VMPORT_DBUS_TYPE_MANAGER_PROXY, VMP_MANAGER_INTERFACE,
                           (const char *const[]){ path, NULL }, FALSE, cancellable, manager_cb,
                           task);
}

/**
 * vmport_client_get_manager_finish:
 * @self: a client
 * @result: the result
 * @error: return location for an error
 *
 * Finishes [method@Client.get_manager]; %VMPORT_ERROR_NOT_FOUND where there is none with that id.
 *
 * Returns: (transfer full): the manager, or %NULL with @error set
 */
VmportManager *
vmport_client_get_manager_finish (VmportClient *self, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), NULL);

  return g_task_propagate_pointer (G_TASK (result), error);
}

/**
 * vmport_client_get_manager_sync:
 * @self: a client
 * @id: the manager's id, such as `store` or `qemu`
 * @cancellable: (nullable): a cancellable
 * @error: return location for an error
 *
 * As [method@Client.get_manager], waiting for the result.
 *
 * Returns: (transfer full): the manager, or %NULL with @error set
 */
VmportManager *
vmport_client_get_manager_sync (VmportClient *self, const char *id, GCancellable *cancellable,
                                GError **error)
{
  g_autofree char *path = NULL;
  GError *local = NULL;
  VmportManager *manager;

  g_return_val_if_fail (VMPORT_IS_CLIENT (self), NULL);
  g_return_val_if_fail (id != NULL && *id != '\0', NULL);

  path = get_manager_path (id);
  manager = load_one_sync (self, VMPORT_DBUS_TYPE_MANAGER_PROXY, VMP_MANAGER_INTERFACE, path,
                           cancellable, &local);
  if (manager == NULL)
    g_propagate_error (error, explain_manager_error (local, id));
  return manager;
}

static VmpCall
list_jobs_call (void)
{
  return (VmpCall){ .path = VMP_DAEMON_PATH,
                    .interface = VMP_DAEMON_INTERFACE,
                    .method = "ListJobs",
                    .parameters = g_variant_new ("(@a{sv})", vmp_client_vardict (NULL)),
                    .reply_type = "(ao)" };
}

static void
jobs_next (GTask *task, GVariant *reply)
{
  VmportClient *self = g_task_get_source_object (task);
  g_autofree const char **paths = NULL;

  g_variant_get (reply, "(^a&o)", &paths);
  vmp_client_load_proxies (self, VMPORT_DBUS_TYPE_JOB_PROXY, VMP_JOB_INTERFACE, paths, TRUE,
                           g_task_get_cancellable (task), load_all_cb, task);
}

/**
 * vmport_client_list_jobs:
 * @self: a client
 * @cancellable: (nullable): a cancellable
 * @callback: called with the result
 * @user_data: for @callback
 *
 * Lists the caller's jobs, ended ones that the daemon still remembers included; everyone's for
 * those who may manage jobs.
 */
void
vmport_client_list_jobs (VmportClient *self, GCancellable *cancellable,
                         GAsyncReadyCallback callback, gpointer user_data)
{
  VmpCall call;

  g_return_if_fail (VMPORT_IS_CLIENT (self));

  call = list_jobs_call ();
  vmp_client_call (vmp_client_task_new (self, vmport_client_list_jobs, cancellable, callback,
                                        user_data),
                   self, &call, jobs_next);
}

/**
 * vmport_client_list_jobs_finish:
 * @self: a client
 * @result: the result
 * @error: return location for an error
 *
 * Finishes [method@Client.list_jobs].
 *
 * Returns: (transfer container) (element-type VmportJob): the jobs, or %NULL with @error set
 */
GPtrArray *
vmport_client_list_jobs_finish (VmportClient *self, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), NULL);

  return g_task_propagate_pointer (G_TASK (result), error);
}

/**
 * vmport_client_list_jobs_sync:
 * @self: a client
 * @cancellable: (nullable): a cancellable
 * @error: return location for an error
 *
 * As [method@Client.list_jobs], waiting for the result.
 *
 * Returns: (transfer container) (element-type VmportJob): the jobs, or %NULL with @error set
 */
GPtrArray *
vmport_client_list_jobs_sync (VmportClient *self, GCancellable *cancellable, GError **error)
{
  VmpCall call;
  g_autoptr (GVariant) reply = NULL;
  g_autoptr (GPtrArray) proxies = NULL;
  g_autofree const char **paths = NULL;

  g_return_val_if_fail (VMPORT_IS_CLIENT (self), NULL);

  call = list_jobs_call ();
  reply = vmp_client_call_sync (self, &call, cancellable, error);
  if (reply == NULL)
    return NULL;
  g_variant_get (reply, "(^a&o)", &paths);
  proxies = vmp_client_load_proxies_sync (self, VMPORT_DBUS_TYPE_JOB_PROXY, VMP_JOB_INTERFACE,
                                          paths, TRUE, cancellable, error);
  return proxies != NULL ? wrap_all (self, proxies) : NULL;
}

/* Ends @task, whose source may be any object, with the job at @path. */
void
vmp_client_load_job (GTask *task, VmportClient *client, const char *path)
{
  vmp_client_load_proxies (client, VMPORT_DBUS_TYPE_JOB_PROXY, VMP_JOB_INTERFACE,
                           (const char *const[]){ path, NULL }, FALSE,
                           g_task_get_cancellable (task), load_one_cb, task);
}

/**
 * vmport_client_get_job:
 * @self: a client
 * @object_path: the job's object path
 * @cancellable: (nullable): a cancellable
 * @callback: called with the result
 * @user_data: for @callback
 *
 * Gets a job by its object path, also one that has ended and is still remembered.
 */
void
vmport_client_get_job (VmportClient *self, const char *object_path, GCancellable *cancellable,
                       GAsyncReadyCallback callback, gpointer user_data)
{
  g_return_if_fail (VMPORT_IS_CLIENT (self));
  g_return_if_fail (object_path != NULL && g_variant_is_object_path (object_path));

  vmp_client_load_job (vmp_client_task_new (self, vmport_client_get_job, cancellable, callback,
                                            user_data),
                       self, object_path);
}

/**
 * vmport_client_get_job_finish:
 * @self: a client
 * @result: the result
 * @error: return location for an error
 *
 * Finishes [method@Client.get_job]; %G_DBUS_ERROR_UNKNOWN_OBJECT for a job that is unknown or
 * forgotten.
 *
 * Returns: (transfer full): the job, or %NULL with @error set
 */
VmportJob *
vmport_client_get_job_finish (VmportClient *self, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), NULL);

  return g_task_propagate_pointer (G_TASK (result), error);
}

/**
 * vmport_client_get_job_sync:
 * @self: a client
 * @object_path: the job's object path
 * @cancellable: (nullable): a cancellable
 * @error: return location for an error
 *
 * As [method@Client.get_job], waiting for the result.
 *
 * Returns: (transfer full): the job, or %NULL with @error set
 */
VmportJob *
vmport_client_get_job_sync (VmportClient *self, const char *object_path, GCancellable *cancellable,
                            GError **error)
{
  g_return_val_if_fail (VMPORT_IS_CLIENT (self), NULL);
  g_return_val_if_fail (object_path != NULL && g_variant_is_object_path (object_path), NULL);

  return load_one_sync (self, VMPORT_DBUS_TYPE_JOB_PROXY, VMP_JOB_INTERFACE, object_path,
                        cancellable, error);
}
