/* Checks of exports and imports, with settings and findings as objects. */
#include "config.h"

#include "vmport-manager.h"

#include "vmp-client-private.h"
#include "vmp-client-settings.h"

static void
checked_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  g_autoptr (GVariant) findings = NULL;
  GError *error = NULL;

  findings = vmp_client_manager_value_finish (result, &error);
  if (findings == NULL)
    g_task_return_error (task, error);
  else
    g_task_return_pointer (task, vmport_finding_list_from_variant (findings),
                           (GDestroyNotify) g_ptr_array_unref);
}

/**
 * vmport_manager_check_export_with_settings:
 * @self: a manager
 * @virtual_machine: the virtual machine
 * @directory: (nullable): an absolute path; %NULL where @settings has an open directory
 * @settings: (nullable): the settings; %NULL for the defaults
 * @cancellable: (nullable): a cancellable
 * @callback: called with the result
 * @user_data: for @callback
 *
 * As [method@Manager.check_export], with objects. Without a finding of severity
 * %VMPORT_FINDING_SEVERITY_ERROR the export would go through;
 * [method@Settings.apply_findings] mends what can be mended.
 */
void
vmport_manager_check_export_with_settings (VmportManager *self,
                                           VmportVirtualMachine *virtual_machine,
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

  task = vmp_client_task_new (self, vmport_manager_check_export_with_settings, cancellable,
                              callback, user_data);
  changed = vmp_client_settings_pack ((VmportSettings *) settings, &fd_list, &error);
  if (changed == NULL)
    {
      g_task_return_error (task, error);
      return;
    }
  vmport_manager_check_export (self, virtual_machine, directory != NULL ? directory : "", changed,
                               fd_list, cancellable, checked_cb, g_steal_pointer (&task));
}

/**
 * vmport_manager_check_export_with_settings_finish:
 * @self: a manager
 * @result: the result
 * @error: return location for an error
 *
 * Finishes [method@Manager.check_export_with_settings].
 *
 * Returns: (transfer container) (element-type VmportFinding): the findings, or %NULL
 *   with @error set
 */
GPtrArray *
vmport_manager_check_export_with_settings_finish (VmportManager *self, GAsyncResult *result,
                                                  GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), NULL);

  return g_task_propagate_pointer (G_TASK (result), error);
}

/**
 * vmport_manager_check_export_with_settings_sync:
 * @self: a manager
 * @virtual_machine: the virtual machine
 * @directory: (nullable): an absolute path; %NULL where @settings has an open directory
 * @settings: (nullable): the settings; %NULL for the defaults
 * @cancellable: (nullable): a cancellable
 * @error: return location for an error
 *
 * As [method@Manager.check_export_with_settings], waiting for the result.
 *
 * Returns: (transfer container) (element-type VmportFinding): the findings, or %NULL
 *   with @error set
 */
GPtrArray *
vmport_manager_check_export_with_settings_sync (VmportManager *self,
                                                VmportVirtualMachine *virtual_machine,
                                                const char *directory,
                                                VmportExportSettings *settings,
                                                GCancellable *cancellable, GError **error)
{
  g_autoptr (GUnixFDList) fd_list = NULL;
  g_autoptr (GVariant) changed = NULL;
  g_autoptr (GVariant) findings = NULL;

  g_return_val_if_fail (VMPORT_IS_MANAGER (self), NULL);
  g_return_val_if_fail (VMPORT_IS_VIRTUAL_MACHINE (virtual_machine), NULL);
  g_return_val_if_fail (settings == NULL || VMPORT_IS_EXPORT_SETTINGS (settings), NULL);

  changed = vmp_client_settings_pack ((VmportSettings *) settings, &fd_list, error);
  if (changed == NULL)
    return NULL;
  findings
    = vmport_manager_check_export_sync (self, virtual_machine, directory != NULL ? directory : "",
                                        changed, fd_list, cancellable, error);
  return findings != NULL ? vmport_finding_list_from_variant (findings) : NULL;
}

/**
 * vmport_manager_check_import_with_settings:
 * @self: a manager
 * @directory: (nullable): an absolute path; %NULL where @settings has an open directory
 * @settings: (nullable): the settings; %NULL for the defaults
 * @cancellable: (nullable): a cancellable
 * @callback: called with the result
 * @user_data: for @callback
 *
 * As [method@Manager.check_import], with objects. Without a finding of severity
 * %VMPORT_FINDING_SEVERITY_ERROR the import would go through;
 * [method@Settings.apply_findings] mends what can be mended.
 */
void
vmport_manager_check_import_with_settings (VmportManager *self, const char *directory,
                                           VmportImportSettings *settings,
                                           GCancellable *cancellable, GAsyncReadyCallback callback,
                                           gpointer user_data)
{
  g_autoptr (GTask) task = NULL;
  g_autoptr (GUnixFDList) fd_list = NULL;
  g_autoptr (GVariant) changed = NULL;
  GError *error = NULL;

  g_return_if_fail (VMPORT_IS_MANAGER (self));
  g_return_if_fail (settings == NULL || VMPORT_IS_IMPORT_SETTINGS (settings));

  task = vmp_client_task_new (self, vmport_manager_check_import_with_settings, cancellable,
                              callback, user_data);
  changed = vmp_client_settings_pack ((VmportSettings *) settings, &fd_list, &error);
  if (changed == NULL)
    {
      g_task_return_error (task, error);
      return;
    }
  vmport_manager_check_import (self, directory != NULL ? directory : "", changed, fd_list,
                               cancellable, checked_cb, g_steal_pointer (&task));
}

/**
 * vmport_manager_check_import_with_settings_finish:
 * @self: a manager
 * @result: the result
 * @error: return location for an error
 *
 * Finishes [method@Manager.check_import_with_settings].
 *
 * Returns: (transfer container) (element-type VmportFinding): the findings, or %NULL
 *   with @error set
 */
GPtrArray *
vmport_manager_check_import_with_settings_finish (VmportManager *self, GAsyncResult *result,
                                                  GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), NULL);

  return g_task_propagate_pointer (G_TASK (result), error);
}

/**
 * vmport_manager_check_import_with_settings_sync:
 * @self: a manager
 * @directory: (nullable): an absolute path; %NULL where @settings has an open directory
 * @settings: (nullable): the settings; %NULL for the defaults
 * @cancellable: (nullable): a cancellable
 * @error: return location for an error
 *
 * As [method@Manager.check_import_with_settings], waiting for the result.
 *
 * Returns: (transfer container) (element-type VmportFinding): the findings, or %NULL
 *   with @error set
 */
GPtrArray *
vmport_manager_check_import_with_settings_sync (VmportManager *self, const char *directory,
                                                VmportImportSettings *settings,
                                                GCancellable *cancellable, GError **error)
{
  g_autoptr (GUnixFDList) fd_list = NULL;
  g_autoptr (GVariant) changed = NULL;
  g_autoptr (GVariant) findings = NULL;

  g_return_val_if_fail (VMPORT_IS_MANAGER (self), NULL);
  g_return_val_if_fail (settings == NULL || VMPORT_IS_IMPORT_SETTINGS (settings), NULL);

  changed = vmp_client_settings_pack ((VmportSettings *) settings, &fd_list, error);
  if (changed == NULL)
    return NULL;
  findings = vmport_manager_check_import_sync (self, directory != NULL ? directory : "", changed,
                                               fd_list, cancellable, error);
  return findings != NULL ? vmport_finding_list_from_variant (findings) : NULL;
}
