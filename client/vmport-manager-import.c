/* Imports of a manager, and what reads a package as they do: settings, check, start, verify. */
#include "config.h"

#include "vmport-manager.h"

#include "vmp-client-private.h"

/* A call on a directory. */
static VmpCall
directory_call (VmportManager *self, const char *method, const char *directory,
                GVariant *settings, GUnixFDList *fd_list, const char *reply_type)
{
  return (VmpCall){ .path = vmport_manager_get_object_path (self),
                    .interface = VMP_MANAGER_INTERFACE,
                    .method = method,
                    .parameters
                    = g_variant_new ("(s@a{sv})", directory, vmp_client_vardict (settings)),
                    .reply_type = reply_type,
                    .kind = VMP_CALL_LONG,
                    .fd_list = fd_list };
}

static VmpCall
import_settings_call (VmportManager *self, const char *directory, GVariant *options,
                      GUnixFDList *fd_list)
{
  return directory_call (self, "GetImportSettings", directory, options, fd_list, "(a{sv})");
}

/**
 * vmport_manager_get_import_settings:
 * @self: a manager
 * @directory: an absolute path; empty with `DirectoryFd`
 * @options: (nullable): an `a{sv}`. Consumed if floating
 * @fd_list: (nullable): the file descriptors that handles (`DirectoryFd h`) in @options mean
 * @cancellable: (nullable): a cancellable
 * @callback: called with the result
 * @user_data: for @callback
 *
 * Asks for every import setting, filled in from what a directory holds. The names are those of
 * Hyper-V's `Msvm_VirtualSystemImportSettingData`; org.vmport.Manager.xml documents them all.
 */
void
vmport_manager_get_import_settings (VmportManager *self, const char *directory, GVariant *options,
                                    GUnixFDList *fd_list, GCancellable *cancellable,
                                    GAsyncReadyCallback callback, gpointer user_data)
{
  VmpCall call;

  g_return_if_fail (VMPORT_IS_MANAGER (self));
  g_return_if_fail (directory != NULL);
  g_return_if_fail (options == NULL || g_variant_is_of_type (options, G_VARIANT_TYPE_VARDICT));
  g_return_if_fail (fd_list == NULL || G_IS_UNIX_FD_LIST (fd_list));

  call = import_settings_call (self, directory, options, fd_list);
  vmp_client_call (
    vmp_client_task_new (self, vmport_manager_get_import_settings, cancellable, callback,
                         user_data),
    vmp_client_manager_get_client (self), &call, NULL);
}

/**
 * vmport_manager_get_import_settings_finish:
 * @self: a manager
 * @result: the result
 * @error: return location for an error
 *
 * Finishes [method@Manager.get_import_settings];
 * %VMPORT_ERROR_NOT_FOUND where there is nothing to import, %VMPORT_ERROR_CORRUPT for a broken
 * package.
 *
 * Returns: (transfer full): an `a{sv}`, or %NULL with @error set
 */
GVariant *
vmport_manager_get_import_settings_finish (VmportManager *self, GAsyncResult *result,
                                           GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), NULL);

  return vmp_client_manager_value_finish (result, error);
}

/**
 * vmport_manager_get_import_settings_sync:
 * @self: a manager
 * @directory: an absolute path; empty with `DirectoryFd`
 * @options: (nullable): an `a{sv}`. Consumed if floating
 * @fd_list: (nullable): the file descriptors that handles (`DirectoryFd h`) in @options mean
 * @cancellable: (nullable): a cancellable
 * @error: return location for an error
 *
 * As [method@Manager.get_import_settings], waiting for the result.
 *
 * Returns: (transfer full): an `a{sv}`, or %NULL with @error set
 */
GVariant *
vmport_manager_get_import_settings_sync (VmportManager *self, const char *directory,
                                         GVariant *options, GUnixFDList *fd_list,
                                         GCancellable *cancellable, GError **error)
{
  VmpCall call;

  g_return_val_if_fail (VMPORT_IS_MANAGER (self), NULL);
  g_return_val_if_fail (directory != NULL, NULL);
  g_return_val_if_fail (options == NULL || g_variant_is_of_type (options, G_VARIANT_TYPE_VARDICT),
                        NULL);
  g_return_val_if_fail (fd_list == NULL || G_IS_UNIX_FD_LIST (fd_list), NULL);

  call = import_settings_call (self, directory, options, fd_list);
  return vmp_client_manager_call_value_sync (self, &call, cancellable, error);
}

static VmpCall
check_import_call (VmportManager *self, const char *directory, GVariant *settings,
                   GUnixFDList *fd_list)
{
  return directory_call (self, "CheckImport", directory, settings, fd_list, "(aa{sv})");
}

/**
 * vmport_manager_check_import:
 * @self: a manager
 * @directory: an absolute path; empty with `DirectoryFd`
 * @settings: (nullable): an `a{sv}`; what is left out keeps its default. Consumed if floating
 * @fd_list: (nullable): the file descriptors that handles (`DirectoryFd h`) in @settings mean
 * @cancellable: (nullable): a cancellable
 * @callback: called with the result
 * @user_data: for @callback
 *
 * Tells what an import would run into, and changes nothing. The findings are as from
 * [method@Manager.check_export].
 */
void
vmport_manager_check_import (VmportManager *self, const char *directory, GVariant *settings,
                             GUnixFDList *fd_list, GCancellable *cancellable,
                             GAsyncReadyCallback callback, gpointer user_data)
{
  VmpCall call;

  g_return_if_fail (VMPORT_IS_MANAGER (self));
  g_return_if_fail (directory != NULL);
  g_return_if_fail (settings == NULL || g_variant_is_of_type (settings, G_VARIANT_TYPE_VARDICT));
  g_return_if_fail (fd_list == NULL || G_IS_UNIX_FD_LIST (fd_list));

  call = check_import_call (self, directory, settings, fd_list);
  vmp_client_call (
    vmp_client_task_new (self, vmport_manager_check_import, cancellable, callback, user_data),
    vmp_client_manager_get_client (self), &call, NULL);
}

/**
 * vmport_manager_check_import_finish:
 * @self: a manager
 * @result: the result
 * @error: return location for an error
 *
 * Finishes [method@Manager.check_import].
 *
 * Returns: (transfer full): an `aa{sv}`, or %NULL with @error set
 */
GVariant *
vmport_manager_check_import_finish (VmportManager *self, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), NULL);

  return vmp_client_manager_value_finish (result, error);
}

/**
 * vmport_manager_check_import_sync:
 * @self: a manager
 * @directory: an absolute path; empty with `DirectoryFd`
 * @settings: (nullable): an `a{sv}`; what is left out keeps its default. Consumed if floating
 * @fd_list: (nullable): the file descriptors that handles (`DirectoryFd h`) in @settings mean
 * @cancellable: (nullable): a cancellable
 * @error: return location for an error
 *
 * As [method@Manager.check_import], waiting for the result.
 *
 * Returns: (transfer full): an `aa{sv}`, or %NULL with @error set
 */
GVariant *
vmport_manager_check_import_sync (VmportManager *self, const char *directory, GVariant *settings,
                                  GUnixFDList *fd_list, GCancellable *cancellable, GError **error)
{
  VmpCall call;

  g_return_val_if_fail (VMPORT_IS_MANAGER (self), NULL);
  g_return_val_if_fail (directory != NULL, NULL);
  g_return_val_if_fail (settings == NULL || g_variant_is_of_type (settings, G_VARIANT_TYPE_VARDICT),
                        NULL);
  g_return_val_if_fail (fd_list == NULL || G_IS_UNIX_FD_LIST (fd_list), NULL);

  call = check_import_call (self, directory, settings, fd_list);
  return vmp_client_manager_call_value_sync (self, &call, cancellable, error);
}

static VmpCall
import_call (VmportManager *self, const char *directory, GVariant *settings,
             GUnixFDList *fd_list)
{
  return directory_call (self, "Import", directory, settings, fd_list, "(o)");
}

/**
 * vmport_manager_import:
 * @self: a manager
 * @directory: an absolute path; empty with `DirectoryFd`
 * @settings: (nullable): an `a{sv}`; what is left out keeps its default. Consumed if floating
 * @fd_list: (nullable): the file descriptors that handles (`DirectoryFd h`) in @settings mean
 * @cancellable: (nullable): a cancellable
 * @callback: called with the result
 * @user_data: for @callback
 *
 * Starts to import a virtual machine from a package, or from a bare directory with one libvirt
 * domain document. May ask the user to authenticate.
 *
 * What can be known without reading the directory is an error of this call; everything else is told
 * by [method@Job.wait].
 */
void
vmport_manager_import (VmportManager *self, const char *directory, GVariant *settings,
                       GUnixFDList *fd_list, GCancellable *cancellable,
                       GAsyncReadyCallback callback, gpointer user_data)
{
  VmpCall call;

  g_return_if_fail (VMPORT_IS_MANAGER (self));
  g_return_if_fail (directory != NULL);
  g_return_if_fail (settings == NULL || g_variant_is_of_type (settings, G_VARIANT_TYPE_VARDICT));
  g_return_if_fail (fd_list == NULL || G_IS_UNIX_FD_LIST (fd_list));

  call = import_call (self, directory, settings, fd_list);
  vmp_client_call (
    vmp_client_task_new (self, vmport_manager_import, cancellable, callback, user_data),
    vmp_client_manager_get_client (self), &call, vmp_client_manager_job_next);
}

/**
 * vmport_manager_import_finish:
 * @self: a manager
 * @result: the result
 * @error: return location for an error
 *
 * Finishes [method@Manager.import].
 *
 * Returns: (transfer full): the job, or %NULL with @error set
 */
VmportJob *
vmport_manager_import_finish (VmportManager *self, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), NULL);

  return g_task_propagate_pointer (G_TASK (result), error);
}

/**
 * vmport_manager_import_sync:
 * @self: a manager
 * @directory: an absolute path; empty with `DirectoryFd`
 * @settings: (nullable): an `a{sv}`; what is left out keeps its default. Consumed if floating
 * @fd_list: (nullable): the file descriptors that handles (`DirectoryFd h`) in @settings mean
 * @cancellable: (nullable): a cancellable
 * @error: return location for an error
 *
 * As [method@Manager.import], waiting for the result.
 *
 * Returns: (transfer full): the job, or %NULL with @error set
 */
VmportJob *
vmport_manager_import_sync (VmportManager *self, const char *directory, GVariant *settings,
                            GUnixFDList *fd_list, GCancellable *cancellable, GError **error)
{
  VmpCall call;

  g_return_val_if_fail (VMPORT_IS_MANAGER (self), NULL);
  g_return_val_if_fail (directory != NULL, NULL);
  g_return_val_if_fail (settings == NULL || g_variant_is_of_type (settings, G_VARIANT_TYPE_VARDICT),
                        NULL);
  g_return_val_if_fail (fd_list == NULL || G_IS_UNIX_FD_LIST (fd_list), NULL);

  call = import_call (self, directory, settings, fd_list);
  return vmp_client_manager_call_job_sync (self, &call, cancellable, error);
}

static VmpCall
verify_call (VmportManager *self, const char *directory, GVariant *options,
             GUnixFDList *fd_list)
{
  return directory_call (self, "Verify", directory, options, fd_list, "(o)");
}

/**
 * vmport_manager_verify:
 * @self: a manager
 * @directory: an absolute path; empty with `DirectoryFd`
 * @options: (nullable): an `a{sv}`. Consumed if floating
 * @fd_list: (nullable): the file descriptors that handles (`DirectoryFd h`) in @options mean
 * @cancellable: (nullable): a cancellable
 * @callback: called with the result
 * @user_data: for @callback
 *
 * Starts to read a whole package and to check each file, its size and its digest. The job fails
 * with %VMPORT_ERROR_CORRUPT, naming file and offset.
 */
void
vmport_manager_verify (VmportManager *self, const char *directory, GVariant *options,
                       GUnixFDList *fd_list, GCancellable *cancellable,
                       GAsyncReadyCallback callback, gpointer user_data)
{
  VmpCall call;

  g_return_if_fail (VMPORT_IS_MANAGER (self));
  g_return_if_fail (directory != NULL);
  g_return_if_fail (options == NULL || g_variant_is_of_type (options, G_VARIANT_TYPE_VARDICT));
  g_return_if_fail (fd_list == NULL || G_IS_UNIX_FD_LIST (fd_list));

  call = verify_call (self, directory, options, fd_list);
  vmp_client_call (
    vmp_client_task_new (self, vmport_manager_verify, cancellable, callback, user_data),
    vmp_client_manager_get_client (self), &call, vmp_client_manager_job_next);
}

/**
 * vmport_manager_verify_finish:
 * @self: a manager
 * @result: the result
 * @error: return location for an error
 *
 * Finishes [method@Manager.verify].
 *
 * Returns: (transfer full): the job, or %NULL with @error set
 */
VmportJob *
vmport_manager_verify_finish (VmportManager *self, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), NULL);

  return g_task_propagate_pointer (G_TASK (result), error);
}

/**
 * vmport_manager_verify_sync:
 * @self: a manager
 * @directory: an absolute path; empty with `DirectoryFd`
 * @options: (nullable): an `a{sv}`. Consumed if floating
 * @fd_list: (nullable): the file descriptors that handles (`DirectoryFd h`) in @options mean
 * @cancellable: (nullable): a cancellable
 * @error: return location for an error
 *
 * As [method@Manager.verify], waiting for the result.
 *
 * Returns: (transfer full): the job, or %NULL with @error set
 */
VmportJob *
vmport_manager_verify_sync (VmportManager *self, const char *directory, GVariant *options,
                            GUnixFDList *fd_list, GCancellable *cancellable, GError **error)
{
  VmpCall call;

  g_return_val_if_fail (VMPORT_IS_MANAGER (self), NULL);
  g_return_val_if_fail (directory != NULL, NULL);
  g_return_val_if_fail (options == NULL || g_variant_is_of_type (options, G_VARIANT_TYPE_VARDICT),
                        NULL);
  g_return_val_if_fail (fd_list == NULL || G_IS_UNIX_FD_LIST (fd_list), NULL);

  call = verify_call (self, directory, options, fd_list);
  return vmp_client_manager_call_job_sync (self, &call, cancellable, error);
}
