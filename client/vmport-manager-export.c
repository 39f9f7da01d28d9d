/* Exports of a manager: settings, check, and start. */
#include "config.h"

#include "vmport-manager.h"

#include "vmp-client-private.h"

/* A call on a virtual machine and a directory. */
static VmpCall
machine_call (VmportManager *self, const char *method, VmportVirtualMachine *virtual_machine,
              const char *directory, GVariant *settings, GUnixFDList *fd_list,
              const char *reply_type)
{
  return (VmpCall){ .path = vmport_manager_get_object_path (self),
                    .interface = VMP_MANAGER_INTERFACE,
                    .method = method,
                    .parameters
                    = g_variant_new ("(os@a{sv})",
                                     vmport_virtual_machine_get_object_path (virtual_machine),
                                     directory, vmp_client_vardict (settings)),
                    .reply_type = reply_type,
                    .kind = VMP_CALL_LONG,
                    .fd_list = fd_list };
}

static VmpCall
export_settings_call (VmportManager *self, VmportVirtualMachine *virtual_machine)
{
  return (VmpCall){ .path = vmport_manager_get_object_path (self),
                    .interface = VMP_MANAGER_INTERFACE,
                    .method = "GetExportSettings",
                    .parameters
                    = g_variant_new ("(o@a{sv})",
                                     vmport_virtual_machine_get_object_path (virtual_machine),
                                     vmp_client_vardict (NULL)),
                    .reply_type = "(a{sv})" };
}

/**
 * vmport_manager_get_export_settings:
 * @self: a manager
 * @virtual_machine: the virtual machine
 * @cancellable: (nullable): a cancellable
 * @callback: called with the result
 * @user_data: for @callback
 *
 * Asks for every export setting with its default for one virtual machine. The names are those of
 * Hyper-V's `Msvm_VirtualSystemExportSettingData`; org.vmport.Manager.xml documents them all.
 */
void
vmport_manager_get_export_settings (VmportManager *self, VmportVirtualMachine *virtual_machine,
                                    GCancellable *cancellable, GAsyncReadyCallback callback,
                                    gpointer user_data)
{
  VmpCall call;

  g_return_if_fail (VMPORT_IS_MANAGER (self));
  g_return_if_fail (VMPORT_IS_VIRTUAL_MACHINE (virtual_machine));

  call = export_settings_call (self, virtual_machine);
  vmp_client_call (
    vmp_client_task_new (self, vmport_manager_get_export_settings, cancellable, callback,
                         user_data),
    vmp_client_manager_get_client (self), &call, NULL);
}

/**
 * vmport_manager_get_export_settings_finish:
 * @self: a manager
 * @result: the result
 * @error: return location for an error
 *
 * Finishes [method@Manager.get_export_settings].
 *
 * Returns: (transfer full): an `a{sv}`, or %NULL with @error set
 */
GVariant *
vmport_manager_get_export_settings_finish (VmportManager *self, GAsyncResult *result,
                                           GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), NULL);

  return vmp_client_manager_value_finish (result, error);
}

/**
 * vmport_manager_get_export_settings_sync:
 * @self: a manager
 * @virtual_machine: the virtual machine
 * @cancellable: (nullable): a cancellable
 * @error: return location for an error
 *
 * As [method@Manager.get_export_settings], waiting for the result.
 *
 * Returns: (transfer full): an `a{sv}`, or %NULL with @error set
 */
GVariant *
vmport_manager_get_export_settings_sync (VmportManager *self, VmportVirtualMachine *virtual_machine,
                                         GCancellable *cancellable, GError **error)
{
  VmpCall call;

  g_return_val_if_fail (VMPORT_IS_MANAGER (self), NULL);
  g_return_val_if_fail (VMPORT_IS_VIRTUAL_MACHINE (virtual_machine), NULL);

  call = export_settings_call (self, virtual_machine);
  return vmp_client_manager_call_value_sync (self, &call, cancellable, error);
}

static VmpCall
check_export_call (VmportManager *self, VmportVirtualMachine *virtual_machine,
                   const char *directory, GVariant *settings, GUnixFDList *fd_list)
{
  return machine_call (self, "CheckExport", virtual_machine, directory, settings, fd_list,
                       "(aa{sv})");
}

/**
 * vmport_manager_check_export:
 * @self: a manager
 * @virtual_machine: the virtual machine
 * @directory: an absolute path; empty with `DirectoryFd`
 * @settings: (nullable): an `a{sv}`; what is left out keeps its default. Consumed if floating
 * @fd_list: (nullable): the file descriptors that handles (`DirectoryFd h`) in @settings mean
 * @cancellable: (nullable): a cancellable
 * @callback: called with the result
 * @user_data: for @callback
 *
 * Tells what an export would run into, and changes nothing. Each finding is a
 * dictionary: `Code s`, `Severity s` (`error`, `warning`, `info`), `Message s`,
 * `Setting s`, `Index i`, `Resolution a{sv}`. Without a finding of severity `error` the operation
 * would go through.
 */
void
vmport_manager_check_export (VmportManager *self, VmportVirtualMachine *virtual_machine,
                             const char *directory, GVariant *settings, GUnixFDList *fd_list,
                             GCancellable *cancellable, GAsyncReadyCallback callback,
                             gpointer user_data)
{
  VmpCall call;

  g_return_if_fail (VMPORT_IS_MANAGER (self));
  g_return_if_fail (VMPORT_IS_VIRTUAL_MACHINE (virtual_machine));
  g_return_if_fail (directory != NULL);
  g_return_if_fail (settings == NULL || g_variant_is_of_type (settings, G_VARIANT_TYPE_VARDICT));
  g_return_if_fail (fd_list == NULL || G_IS_UNIX_FD_LIST (fd_list));

  call = check_export_call (self, virtual_machine, directory, settings, fd_list);
  vmp_client_call (
    vmp_client_task_new (self, vmport_manager_check_export, cancellable, callback, user_data),
    vmp_client_manager_get_client (self), &call, NULL);
}

/**
 * vmport_manager_check_export_finish:
 * @self: a manager
 * @result: the result
 * @error: return location for an error
 *
 * Finishes [method@Manager.check_export].
 *
 * Returns: (transfer full): an `aa{sv}`, or %NULL with @error set
 */
GVariant *
vmport_manager_check_export_finish (VmportManager *self, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), NULL);

  return vmp_client_manager_value_finish (result, error);
}

/**
 * vmport_manager_check_export_sync:
 * @self: a manager
 * @virtual_machine: the virtual machine
 * @directory: an absolute path; empty with `DirectoryFd`
 * @settings: (nullable): an `a{sv}`; what is left out keeps its default. Consumed if floating
 * @fd_list: (nullable): the file descriptors that handles (`DirectoryFd h`) in @settings mean
 * @cancellable: (nullable): a cancellable
 * @error: return location for an error
 *
 * As [method@Manager.check_export], waiting for the result.
 *
 * Returns: (transfer full): an `aa{sv}`, or %NULL with @error set
 */
GVariant *
vmport_manager_check_export_sync (VmportManager *self, VmportVirtualMachine *virtual_machine,
                                  const char *directory, GVariant *settings, GUnixFDList *fd_list,
                                  GCancellable *cancellable, GError **error)
{
  VmpCall call;

  g_return_val_if_fail (VMPORT_IS_MANAGER (self), NULL);
  g_return_val_if_fail (VMPORT_IS_VIRTUAL_MACHINE (virtual_machine), NULL);
  g_return_val_if_fail (directory != NULL, NULL);
  g_return_val_if_fail (settings == NULL || g_variant_is_of_type (settings, G_VARIANT_TYPE_VARDICT),
                        NULL);
  g_return_val_if_fail (fd_list == NULL || G_IS_UNIX_FD_LIST (fd_list), NULL);

  call = check_export_call (self, virtual_machine, directory, settings, fd_list);
  return vmp_client_manager_call_value_sync (self, &call, cancellable, error);
}

static VmpCall
export_call (VmportManager *self, VmportVirtualMachine *virtual_machine, const char *directory,
             GVariant *settings, GUnixFDList *fd_list)
{
  return machine_call (self, "Export", virtual_machine, directory, settings, fd_list, "(o)");
}

/**
 * vmport_manager_export:
 * @self: a manager
 * @virtual_machine: the virtual machine
 * @directory: an absolute path; empty with `DirectoryFd`
 * @settings: (nullable): an `a{sv}`; what is left out keeps its default. Consumed if floating
 * @fd_list: (nullable): the file descriptors that handles (`DirectoryFd h`) in @settings mean
 * @cancellable: (nullable): a cancellable
 * @callback: called with the result
 * @user_data: for @callback
 *
 * Starts to export a virtual machine into a package. The package's folder is made where it is
 * missing, and must be empty where it exists. May ask the user to authenticate.
 *
 * What can be known without reading the directory is an error of this call; everything else is told
 * by [method@Job.wait].
 */
void
vmport_manager_export (VmportManager *self, VmportVirtualMachine *virtual_machine,
                       const char *directory, GVariant *settings, GUnixFDList *fd_list,
                       GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  VmpCall call;

  g_return_if_fail (VMPORT_IS_MANAGER (self));
  g_return_if_fail (VMPORT_IS_VIRTUAL_MACHINE (virtual_machine));
  g_return_if_fail (directory != NULL);
  g_return_if_fail (settings == NULL || g_variant_is_of_type (settings, G_VARIANT_TYPE_VARDICT));
  g_return_if_fail (fd_list == NULL || G_IS_UNIX_FD_LIST (fd_list));

  call = export_call (self, virtual_machine, directory, settings, fd_list);
  vmp_client_call (
    vmp_client_task_new (self, vmport_manager_export, cancellable, callback, user_data),
    vmp_client_manager_get_client (self), &call, vmp_client_manager_job_next);
}

/**
 * vmport_manager_export_finish:
 * @self: a manager
 * @result: the result
 * @error: return location for an error
 *
 * Finishes [method@Manager.export].
 *
 * Returns: (transfer full): the job, or %NULL with @error set
 */
VmportJob *
vmport_manager_export_finish (VmportManager *self, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), NULL);

  return g_task_propagate_pointer (G_TASK (result), error);
}

/**
 * vmport_manager_export_sync:
 * @self: a manager
 * @virtual_machine: the virtual machine
 * @directory: an absolute path; empty with `DirectoryFd`
 * @settings: (nullable): an `a{sv}`; what is left out keeps its default. Consumed if floating
 * @fd_list: (nullable): the file descriptors that handles (`DirectoryFd h`) in @settings mean
 * @cancellable: (nullable): a cancellable
 * @error: return location for an error
 *
 * As [method@Manager.export], waiting for the result.
 *
 * Returns: (transfer full): the job, or %NULL with @error set
 */
VmportJob *
vmport_manager_export_sync (VmportManager *self, VmportVirtualMachine *virtual_machine,
                            const char *directory, GVariant *settings, GUnixFDList *fd_list,
                            GCancellable *cancellable, GError **error)
{
  VmpCall call;

  g_return_val_if_fail (VMPORT_IS_MANAGER (self), NULL);
  g_return_val_if_fail (VMPORT_IS_VIRTUAL_MACHINE (virtual_machine), NULL);
  g_return_val_if_fail (directory != NULL, NULL);
  g_return_val_if_fail (settings == NULL || g_variant_is_of_type (settings, G_VARIANT_TYPE_VARDICT),
                        NULL);
  g_return_val_if_fail (fd_list == NULL || G_IS_UNIX_FD_LIST (fd_list), NULL);

  call = export_call (self, virtual_machine, directory, settings, fd_list);
  return vmp_client_manager_call_job_sync (self, &call, cancellable, error);
}
