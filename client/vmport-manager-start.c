/* Exports and imports with settings as objects. */
#include "config.h"

#include "vmport-manager.h"

#include "vmp-client-private.h"
#include "vmp-client-settings.h"

/* The inner call's task has the job, whichever call it is. */
static void
started_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  GError *error = NULL;
  VmportJob *job = g_task_propagate_pointer (G_TASK (result), &error);

  if (job == NULL)
    g_task_return_error (task, error);
  else
    g_task_return_pointer (task, job, g_object_unref);
}

/**
 * vmport_manager_export_with_settings:
 * @self: a manager
 * @virtual_machine: the virtual machine
 * @directory: (nullable): an absolute path; %NULL where @settings has an open directory
 * @settings: (nullable): the settings; %NULL for the defaults
 * @cancellable: (nullable): a cancellable
 * @callback: called with the result
 * @user_data: for @callback
 *
 * As [method@Manager.export], with an object for the settings. Only those that were changed are
 * sent.
 */
void
vmport_manager_export_with_settings (VmportManager *self, VmportVirtualMachine *virtual_machine,
                                     const char *directory, VmportExportSettings *settings,
                                     GCancellable *cancellable, GAsyncReadyCallback callback,
                                     gpointer user_data)
{
  g_autoptr (GTask) task = NULL;
  g_autoptr (GUnixFDList) fd_list = NULL;
  g_autoptr (GVariant) changed = NULL;
  GError *error = NULL;

  g_return_if_fail (VMPORT_IS_MANAGER (self));
  g_return_if_fail (VMPORT_IS_VIRTUAL_MACHINE (virtual_machine));
  g_return_if_fail (settings == NULL || VMPORT_IS_EXPORT_SETTINGS (settings));

  task = vmp_client_task_new (self, vmport_manager_export_with_settings, cancellable, callback,
                              user_data);
  changed = vmp_client_settings_pack ((VmportSettings *) settings, &fd_list, &error);
  if (changed == NULL)
    {
      g_task_return_error (task, error);
      return;
    }
  vmport_manager_export (self, virtual_machine, directory != NULL ? directory : "", changed,
                         fd_list, cancellable, started_cb, g_steal_pointer (&task));
}

/**
 * vmport_manager_export_with_settings_finish:
 * @self: a manager
 * @result: the result
 * @error: return location for an error
 *
 * Finishes [method@Manager.export_with_settings].
 *
 * Returns: (transfer full): the job, or %NULL with @error set
 */
VmportJob *
vmport_manager_export_with_settings_finish (VmportManager *self, GAsyncResult *result,
                                            GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), NULL);

  return g_task_propagate_pointer (G_TASK (result), error);
}

/**
 * vmport_manager_export_with_settings_sync:
 * @self: a manager
 * @virtual_machine: the virtual machine
 * @directory: (nullable): an absolute path; %NULL where @settings has an open directory
 * @settings: (nullable): the settings; %NULL for the defaults
 * @cancellable: (nullable): a cancellable
 * @error: return location for an error
 *
 * As [method@Manager.export_with_settings], waiting for the result.
 *
 * Returns: (transfer full): the job, or %NULL with @error set
 */
VmportJob *
vmport_manager_export_with_settings_sync (VmportManager *self,
                                          VmportVirtualMachine *virtual_machine,
                                          const char *directory, VmportExportSettings *settings,
                                          GCancellable *cancellable, GError **error)
{
  g_autoptr (GUnixFDList) fd_list = NULL;
  g_autoptr (GVariant) changed = NULL;

  g_return_val_if_fail (VMPORT_IS_MANAGER (self), NULL);
  g_return_val_if_fail (VMPORT_IS_VIRTUAL_MACHINE (virtual_machine), NULL);
  g_return_val_if_fail (settings == NULL || VMPORT_IS_EXPORT_SETTINGS (settings), NULL);

  changed = vmp_client_settings_pack ((VmportSettings *) settings, &fd_list, error);
  if (changed == NULL)
    return NULL;
  return vmport_manager_export_sync (self, virtual_machine, directory != NULL ? directory : "",
                                     changed, fd_list, cancellable, error);
}

/**
 * vmport_manager_import_with_settings:
 * @self: a manager
 * @directory: (nullable): an absolute path; %NULL where @settings has an open directory
 * @settings: (nullable): the settings; %NULL for the defaults
 * @cancellable: (nullable): a cancellable
 * @callback: called with the result
 * @user_data: for @callback
 *
 * As [method@Manager.import], with an object for the settings. Only those that were changed are
 * sent.
 */
void
vmport_manager_import_with_settings (VmportManager *self, const char *directory,
                                     VmportImportSettings *settings, GCancellable *cancellable,
                                     GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr (GTask) task = NULL;
  g_autoptr (GUnixFDList) fd_list = NULL;
  g_autoptr (GVariant) changed = NULL;
  GError *error = NULL;

  g_return_if_fail (VMPORT_IS_MANAGER (self));
  g_return_if_fail (settings == NULL || VMPORT_IS_IMPORT_SETTINGS (settings));

  task = vmp_client_task_new (self, vmport_manager_import_with_settings, cancellable, callback,
                              user_data);
  changed = vmp_client_settings_pack ((VmportSettings *) settings, &fd_list, &error);
  if (changed == NULL)
    {
      g_task_return_error (task, error);
      return;
    }
  vmport_manager_import (self, directory != NULL ? directory : "", changed, fd_list, cancellable,
                         started_cb, g_steal_pointer (&task));
}

/**
 * vmport_manager_import_with_settings_finish:
 * @self: a manager
 * @result: the result
 * @error: return location for an error
 *
 * Finishes [method@Manager.import_with_settings].
 *
 * Returns: (transfer full): the job, or %NULL with @error set
 */
VmportJob *
vmport_manager_import_with_settings_finish (VmportManager *self, GAsyncResult *result,
                                            GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), NULL);

  return g_task_propagate_pointer (G_TASK (result), error);
}

/**
 * vmport_manager_import_with_settings_sync:
 * @self: a manager
 * @directory: (nullable): an absolute path; %NULL where @settings has an open directory
 * @settings: (nullable): the settings; %NULL for the defaults
 * @cancellable: (nullable): a cancellable
 * @error: return location for an error
 *
 * As [method@Manager.import_with_settings], waiting for the result.
 *
 * Returns: (transfer full): the job, or %NULL with @error set
 */
VmportJob *
vmport_manager_import_with_settings_sync (VmportManager *self, const char *directory,
                                          VmportImportSettings *settings, GCancellable *cancellable,
                                          GError **error)
{
  g_autoptr (GUnixFDList) fd_list = NULL;
  g_autoptr (GVariant) changed = NULL;

  g_return_val_if_fail (VMPORT_IS_MANAGER (self), NULL);
  g_return_val_if_fail (settings == NULL || VMPORT_IS_IMPORT_SETTINGS (settings), NULL);

  changed = vmp_client_settings_pack ((VmportSettings *) settings, &fd_list, error);
  if (changed == NULL)
    return NULL;
  return vmport_manager_import_sync (self, directory != NULL ? directory : "", changed, fd_list,
                                     cancellable, error);
}
