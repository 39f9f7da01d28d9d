/* The settings of exports and imports as objects. */
#include "config.h"

#include "vmport-manager.h"

#include "vmp-client-private.h"

static void
export_settings_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  g_autoptr (GVariant) settings = NULL;
  GError *error = NULL;

  settings = vmport_manager_get_export_settings_finish (VMPORT_MANAGER (source), result, &error);
  if (settings == NULL)
    g_task_return_error (task, error);
  else
    g_task_return_pointer (task, vmport_export_settings_new_from_variant (settings),
                           g_object_unref);
}

/**
 * vmport_manager_load_export_settings:
 * @self: a manager
 * @virtual_machine: the virtual machine
 * @cancellable: (nullable): a cancellable
 * @callback: called with the result
 * @user_data: for @callback
 *
 * As [method@Manager.get_export_settings], with an object to change and hand to
 * [method@Manager.check_export_with_settings] and [method@Manager.export_with_settings].
 */
void
vmport_manager_load_export_settings (VmportManager *self, VmportVirtualMachine *virtual_machine,
                                     GCancellable *cancellable, GAsyncReadyCallback callback,
                                     gpointer user_data)
{
  g_return_if_fail (VMPORT_IS_MANAGER (self));
  g_return_if_fail (VMPORT_IS_VIRTUAL_MACHINE (virtual_machine));

  vmport_manager_get_export_settings (self, virtual_machine, cancellable, export_settings_cb,
                                      vmp_client_task_new (self,
                                                           vmport_manager_load_export_settings,
                                                           cancellable, callback, user_data));
}

/**
 * vmport_manager_load_export_settings_finish:
 * @self: a manager
 * @result: the result
 * @error: return location for an error
 *
 * Finishes [method@Manager.load_export_settings].
 *
 * Returns: (transfer full): the settings, or %NULL with @error set
 */
VmportExportSettings *
vmport_manager_load_export_settings_finish (VmportManager *self, GAsyncResult *result,
                                            GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), NULL);

  return g_task_propagate_pointer (G_TASK (result), error);
}

/**
 * vmport_manager_load_export_settings_sync:
 * @self: a manager
 * @virtual_machine: the virtual machine
 * @cancellable: (nullable): a cancellable
 * @error: return location for an error
 *
 * As [method@Manager.load_export_settings], waiting for the result.
 *
 * Returns: (transfer full): the settings, or %NULL with @error set
 */
VmportExportSettings *
vmport_manager_load_export_settings_sync (VmportManager *self,
                                          VmportVirtualMachine *virtual_machine,
                                          GCancellable *cancellable, GError **error)
{
  g_autoptr (GVariant) settings = NULL;

  g_return_val_if_fail (VMPORT_IS_MANAGER (self), NULL);
  g_return_val_if_fail (VMPORT_IS_VIRTUAL_MACHINE (virtual_machine), NULL);

  settings = vmport_manager_get_export_settings_sync (self, virtual_machine, cancellable, error);
  return settings != NULL ? vmport_export_settings_new_from_variant (settings) : NULL;
}

/* Options and descriptors for a call on a directory that may be an open one. */
static GVariant *
make_options (int directory_fd, GUnixFDList **fd_list, GError **error)
{
  int handle;

  *fd_list = NULL;
  if (directory_fd < 0)
    return vmp_client_vardict (NULL);
  *fd_list = g_unix_fd_list_new ();
  handle = g_unix_fd_list_append (*fd_list, directory_fd, error);
  if (handle < 0)
    {
      g_clear_object (fd_list);
      return NULL;
    }
  return g_variant_new_parsed ("{'DirectoryFd': <%h>}", handle);
}

/* The settings know the open directory that they are about. */
static VmportImportSettings *
make_import_settings (GVariant *dictionary, GUnixFDList *fd_list, GError **error)
{
  g_autoptr (VmportImportSettings) settings = vmport_import_settings_new_from_variant (dictionary);

  if (fd_list != NULL
      && !vmport_settings_set_directory_fd (VMPORT_SETTINGS (settings),
                                            g_unix_fd_list_peek_fds (fd_list, NULL)[0], error))
    return NULL;
  return g_steal_pointer (&settings);
}

static void
import_settings_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  g_autoptr (GVariant) dictionary = NULL;
  VmportImportSettings *settings = NULL;
  GError *error = NULL;

  dictionary = vmport_manager_get_import_settings_finish (VMPORT_MANAGER (source), result, &error);
  if (dictionary != NULL)
    settings = make_import_settings (dictionary, g_task_get_task_data (task), &error);
  if (settings == NULL)
    g_task_return_error (task, error);
  else
    g_task_return_pointer (task, settings, g_object_unref);
}

/**
 * vmport_manager_load_import_settings:
 * @self: a manager
 * @directory: (nullable): an absolute path; %NULL with @directory_fd
 * @directory_fd: a directory that is open for reading (not with `O_PATH`), or -1; stays the
 *   caller's
 * @cancellable: (nullable): a cancellable
 * @callback: called with the result
 * @user_data: for @callback
 *
 * As [method@Manager.get_import_settings], with an object to change and hand to
 * [method@Manager.check_import_with_settings] and [method@Manager.import_with_settings]. It holds a
 * duplicate of @directory_fd.
 */
void
vmport_manager_load_import_settings (VmportManager *self, const char *directory, int directory_fd,
                                     GCancellable *cancellable, GAsyncReadyCallback callback,
                                     gpointer user_data)
{
  g_autoptr (GTask) task = NULL;
  g_autoptr (GUnixFDList) fd_list = NULL;
  GVariant *options;
  GError *error = NULL;

  g_return_if_fail (VMPORT_IS_MANAGER (self));
  g_return_if_fail (directory != NULL || directory_fd >= 0);

  task = vmp_client_task_new (self, vmport_manager_load_import_settings, cancellable, callback,
                              user_data);
  options = make_options (directory_fd, &fd_list, &error);
  if (options == NULL)
    {
      g_task_return_error (task, error);
      return;
    }
  if (fd_list != NULL)
    g_task_set_task_data (task, g_object_ref (fd_list), g_object_unref);
  vmport_manager_get_import_settings (self, directory != NULL ? directory : "", options, fd_list,
                                      cancellable, import_settings_cb, g_steal_pointer (&task));
}

/**
 * vmport_manager_load_import_settings_finish:
 * @self: a manager
 * @result: the result
 * @error: return location for an error
 *
 * Finishes [method@Manager.load_import_settings].
 *
 * Returns: (transfer full): the settings, or %NULL with @error set
 */
VmportImportSettings *
vmport_manager_load_import_settings_finish (VmportManager *self, GAsyncResult *result,
                                            GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), NULL);

  return g_task_propagate_pointer (G_TASK (result), error);
}

/**
 * vmport_manager_load_import_settings_sync:
 * @self: a manager
 * @directory: (nullable): an absolute path; %NULL with @directory_fd
 * @directory_fd: a directory that is open for reading (not with `O_PATH`), or -1; stays the
 *   caller's
 * @cancellable: (nullable): a cancellable
 * @error: return location for an error
 *
 * As [method@Manager.load_import_settings], waiting for the result.
 *
 * Returns: (transfer full): the settings, or %NULL with @error set
 */
VmportImportSettings *
vmport_manager_load_import_settings_sync (VmportManager *self, const char *directory,
                                          int directory_fd, GCancellable *cancellable,
                                          GError **error)
{
  g_autoptr (GUnixFDList) fd_list = NULL;
  g_autoptr (GVariant) dictionary = NULL;
  GVariant *options;

  g_return_val_if_fail (VMPORT_IS_MANAGER (self), NULL);
  g_return_val_if_fail (directory != NULL || directory_fd >= 0, NULL);

  options = make_options (directory_fd, &fd_list, error);
  if (options == NULL)
    return NULL;
  dictionary = vmport_manager_get_import_settings_sync (self, directory != NULL ? directory : "",
                                                        options, fd_list, cancellable, error);
  return dictionary != NULL ? make_import_settings (dictionary, fd_list, error) : NULL;
}
