/* The virtual machines and scopes that a manager shows to its caller. */
#include "config.h"

#include "vmport-manager.h"

#include "vmp-client-private.h"

static VmpCall
manager_call (VmportManager *self, const char *method, GVariant *parameters,
              const char *reply_type)
{
  return (VmpCall){ .path = vmport_manager_get_object_path (self),
                    .interface = VMP_MANAGER_INTERFACE,
                    .method = method,
                    .parameters = parameters,
                    .reply_type = reply_type };
}

static VmpCall
list_call (VmportManager *self)
{
  return manager_call (self, "ListVirtualMachines",
                       g_variant_new ("(@a{sv})", vmp_client_vardict (NULL)), "(a{oa{sv}})");
}

static GPtrArray *
take_machines (VmportManager *self, GVariant *reply)
{
  g_autoptr (GVariant) owned = reply;
  GPtrArray *machines;
  g_autoptr (GVariantIter) iter = NULL;
  const char *path;
  GVariant *dictionary;

  if (owned == NULL)
    return NULL;
  machines = g_ptr_array_new_with_free_func (g_object_unref);
  g_variant_get (owned, "(a{oa{sv}})", &iter);
  while (g_variant_iter_loop (iter, "{&o@a{sv}}", &path, &dictionary))
    g_ptr_array_add (machines, vmp_client_virtual_machine_new (
                                 vmp_client_manager_get_client (self), path, dictionary));
  return machines;
}

/**
 * vmport_manager_list_virtual_machines:
 * @self: a manager
 * @cancellable: (nullable): a cancellable
 * @callback: called with the result
 * @user_data: for @callback
 *
 * Lists the virtual machines that the caller may view.
 */
void
vmport_manager_list_virtual_machines (VmportManager *self, GCancellable *cancellable,
                                      GAsyncReadyCallback callback, gpointer user_data)
{
  VmpCall call;

  g_return_if_fail (VMPORT_IS_MANAGER (self));

  call = list_call (self);
  vmp_client_call (
    vmp_client_task_new (self, vmport_manager_list_virtual_machines, cancellable, callback,
                         user_data),
    vmp_client_manager_get_client (self), &call, NULL);
}

/**
 * vmport_manager_list_virtual_machines_finish:
 * @self: a manager
 * @result: the result
 * @error: return location for an error
 *
 * Finishes [method@Manager.list_virtual_machines].
 *
 * Returns: (transfer container) (element-type VmportVirtualMachine): the virtual machines, or %NULL
 *   with @error set
 */
GPtrArray *
vmport_manager_list_virtual_machines_finish (VmportManager *self, GAsyncResult *result,
                                             GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), NULL);

  return take_machines (self, g_task_propagate_pointer (G_TASK (result), error));
}

/**
 * vmport_manager_list_virtual_machines_sync:
 * @self: a manager
 * @cancellable: (nullable): a cancellable
 * @error: return location for an error
 *
 * As [method@Manager.list_virtual_machines], waiting for the result.
 *
 * Returns: (transfer container) (element-type VmportVirtualMachine): the virtual machines, or %NULL
 *   with @error set
 */
GPtrArray *
vmport_manager_list_virtual_machines_sync (VmportManager *self, GCancellable *cancellable,
                                           GError **error)
{
  VmpCall call;

  g_return_val_if_fail (VMPORT_IS_MANAGER (self), NULL);

  call = list_call (self);
  return take_machines (self, vmp_client_call_sync (vmp_client_manager_get_client (self), &call,
                                                        cancellable, error));
}

static VmpCall
find_call (VmportManager *self, const char *name_or_uuid)
{
  return manager_call (self, "FindVirtualMachine",
                       g_variant_new ("(s@a{sv})", name_or_uuid, vmp_client_vardict (NULL)),
                       "(o)");
}

static void
find_next (GTask *task, GVariant *reply)
{
  VmportManager *self = g_task_get_source_object (task);
  const char *path;

  g_variant_get (reply, "(&o)", &path);
  vmp_client_load_virtual_machine (task, vmp_client_manager_get_client (self), path);
}

/**
 * vmport_manager_find_virtual_machine:
 * @self: a manager
 * @name_or_uuid: its name, or its UUID
 * @cancellable: (nullable): a cancellable
 * @callback: called with the result
 * @user_data: for @callback
 *
 * Finds a virtual machine that the caller may view.
 */
void
vmport_manager_find_virtual_machine (VmportManager *self, const char *name_or_uuid,
                                     GCancellable *cancellable, GAsyncReadyCallback callback,
                                     gpointer user_data)
{
  VmpCall call;

  g_return_if_fail (VMPORT_IS_MANAGER (self));
  g_return_if_fail (name_or_uuid != NULL);

  call = find_call (self, name_or_uuid);
  vmp_client_call (
    vmp_client_task_new (self, vmport_manager_find_virtual_machine, cancellable, callback,
                         user_data),
    vmp_client_manager_get_client (self), &call, find_next);
}

/**
 * vmport_manager_find_virtual_machine_finish:
 * @self: a manager
 * @result: the result
 * @error: return location for an error
 *
 * Finishes [method@Manager.find_virtual_machine];
 * %VMPORT_ERROR_NOT_FOUND where there is none, %VMPORT_ERROR_AMBIGUOUS where several bear the name.
 *
 * Returns: (transfer full): the virtual machine, or %NULL with @error set
 */
VmportVirtualMachine *
vmport_manager_find_virtual_machine_finish (VmportManager *self, GAsyncResult *result,
                                            GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), NULL);

  return g_task_propagate_pointer (G_TASK (result), error);
}

/**
 * vmport_manager_find_virtual_machine_sync:
 * @self: a manager
 * @name_or_uuid: its name, or its UUID
 * @cancellable: (nullable): a cancellable
 * @error: return location for an error
 *
 * As [method@Manager.find_virtual_machine], waiting for the result.
 *
 * Returns: (transfer full): the virtual machine, or %NULL with @error set
 */
VmportVirtualMachine *
vmport_manager_find_virtual_machine_sync (VmportManager *self, const char *name_or_uuid,
                                          GCancellable *cancellable, GError **error)
{
  VmpCall call;
  g_autoptr (GVariant) reply = NULL;
  const char *path;

  g_return_val_if_fail (VMPORT_IS_MANAGER (self), NULL);
  g_return_val_if_fail (name_or_uuid != NULL, NULL);

  call = find_call (self, name_or_uuid);
  reply = vmp_client_call_sync (vmp_client_manager_get_client (self), &call, cancellable, error);
  if (reply == NULL)
    return NULL;
  g_variant_get (reply, "(&o)", &path);
  return vmp_client_load_virtual_machine_sync (vmp_client_manager_get_client (self), path,
                                               cancellable, error);
}

static VmpCall
scopes_call (VmportManager *self)
{
  return manager_call (self, "ListSecurityScopes",
                       g_variant_new ("(@a{sv})", vmp_client_vardict (NULL)), "(as)");
}

static char **
take_scopes (VmportManager *self, GVariant *reply)
{
  g_autoptr (GVariant) owned = reply;
  char **scopes = NULL;

  if (owned != NULL)
    g_variant_get (owned, "(^as)", &scopes);
  return scopes;
}

/**
 * vmport_manager_list_security_scopes:
 * @self: a manager
 * @cancellable: (nullable): a cancellable
 * @callback: called with the result
 * @user_data: for @callback
 *
 * Lists the security scopes in which the caller may view or import virtual machines.
 */
void
vmport_manager_list_security_scopes (VmportManager *self, GCancellable *cancellable,
                                     GAsyncReadyCallback callback, gpointer user_data)
{
  VmpCall call;

  g_return_if_fail (VMPORT_IS_MANAGER (self));

  call = scopes_call (self);
  vmp_client_call (
    vmp_client_task_new (self, vmport_manager_list_security_scopes, cancellable, callback,
                         user_data),
    vmp_client_manager_get_client (self), &call, NULL);
}

/**
 * vmport_manager_list_security_scopes_finish:
 * @self: a manager
 * @result: the result
 * @error: return location for an error
 *
 * Finishes [method@Manager.list_security_scopes].
 *
 * Returns: (transfer full) (array zero-terminated=1): names of scopes, or %NULL with @error set
 */
char **
vmport_manager_list_security_scopes_finish (VmportManager *self, GAsyncResult *result,
                                            GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), NULL);

  return take_scopes (self, g_task_propagate_pointer (G_TASK (result), error));
}

/**
 * vmport_manager_list_security_scopes_sync:
 * @self: a manager
 * @cancellable: (nullable): a cancellable
 * @error: return location for an error
 *
 * As [method@Manager.list_security_scopes], waiting for the result.
 *
 * Returns: (transfer full) (array zero-terminated=1): names of scopes, or %NULL with @error set
 */
char **
vmport_manager_list_security_scopes_sync (VmportManager *self, GCancellable *cancellable,
                                          GError **error)
{
  VmpCall call;

  g_return_val_if_fail (VMPORT_IS_MANAGER (self), NULL);

  call = scopes_call (self);
  return take_scopes (self, vmp_client_call_sync (vmp_client_manager_get_client (self), &call,
                                                      cancellable, error));
}
