/* The snapshots of a virtual machine, read one after the other. */
#include "config.h"

#include "vmport-virtual-machine.h"

#include "vmp-client-private.h"

typedef struct
{
  char **paths;
  guint next;
  GPtrArray *snapshots;
} Load;

static void
load_free (Load *load)
{
  g_strfreev (load->paths);
  g_clear_pointer (&load->snapshots, g_ptr_array_unref);
  g_free (load);
}

static void
add_snapshot (GPtrArray *snapshots, const char *path, GVariant *reply)
{
  g_autoptr (GVariant) dictionary = g_variant_get_child_value (reply, 0);

  g_ptr_array_add (snapshots, vmp_client_snapshot_new (path, dictionary));
}

static void load_next (GTask *task);

static void
get_all_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  Load *load = g_task_get_task_data (task);
  g_autoptr (GVariant) reply = NULL;
  GError *error = NULL;

  reply = g_task_propagate_pointer (G_TASK (result), &error);
  /* One that is gone by now is left out. */
  if (reply == NULL && !vmp_client_error_is_unknown (error))
    {
      g_task_return_error (task, error);
      return;
    }
  g_clear_error (&error);
  if (reply != NULL)
    add_snapshot (load->snapshots, load->paths[load->next - 1], reply);
  load_next (g_steal_pointer (&task));
}

/* Not all at once: a bus allows so many calls to be without a reply. */
static void
load_next (GTask *task)
{
  VmportVirtualMachine *self = g_task_get_source_object (task);
  Load *load = g_task_get_task_data (task);
  const char *path = load->paths[load->next];
  VmpCall call;

  if (path == NULL)
    {
      g_task_return_pointer (task, g_steal_pointer (&load->snapshots),
                             (GDestroyNotify) g_ptr_array_unref);
      g_object_unref (task);
      return;
    }
  load->next++;
  call = vmp_client_get_all_call (path, VMP_SNAPSHOT_INTERFACE);
  vmp_client_call (vmp_client_task_new (self, load_next, g_task_get_cancellable (task), get_all_cb,
                                        task),
                   vmp_client_virtual_machine_get_client (self), &call, NULL);
}

/**
 * vmport_virtual_machine_list_snapshots:
 * @self: a virtual machine
 * @cancellable: (nullable): a cancellable
 * @callback: called with the result
 * @user_data: for @callback
 *
 * Reads the snapshots that the virtual machine had when it was read itself, save for those that are
 * gone by now.
 */
void
vmport_virtual_machine_list_snapshots (VmportVirtualMachine *self, GCancellable *cancellable,
                                       GAsyncReadyCallback callback, gpointer user_data)
{
  GTask *task;
  Load *load;

  g_return_if_fail (VMPORT_IS_VIRTUAL_MACHINE (self));

  task = vmp_client_task_new (self, vmport_virtual_machine_list_snapshots, cancellable, callback,
                              user_data);
  load = g_new0 (Load, 1);
  load->paths = g_strdupv ((char **) vmport_virtual_machine_get_snapshot_paths (self));
  load->snapshots = g_ptr_array_new_with_free_func (g_object_unref);
  g_task_set_task_data (task, load, (GDestroyNotify) load_free);
  load_next (task);
}

/**
 * vmport_virtual_machine_list_snapshots_finish:
 * @self: a virtual machine
 * @result: the result
 * @error: return location for an error
 *
 * Finishes [method@VirtualMachine.list_snapshots].
 *
 * Returns: (transfer container) (element-type VmportSnapshot): the snapshots, parents before their
 *   children, or %NULL with @error set
 */
GPtrArray *
vmport_virtual_machine_list_snapshots_finish (VmportVirtualMachine *self, GAsyncResult *result,
                                              GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), NULL);

  return g_task_propagate_pointer (G_TASK (result), error);
}

/**
 * vmport_virtual_machine_list_snapshots_sync:
 * @self: a virtual machine
 * @cancellable: (nullable): a cancellable
 * @error: return location for an error
 *
 * As [method@VirtualMachine.list_snapshots], waiting for the result.
 *
 * Returns: (transfer container) (element-type VmportSnapshot): the snapshots, parents before their
 *   children, or %NULL with @error set
 */
GPtrArray *
vmport_virtual_machine_list_snapshots_sync (VmportVirtualMachine *self, GCancellable *cancellable,
                                            GError **error)
{
  g_autoptr (GPtrArray) snapshots = g_ptr_array_new_with_free_func (g_object_unref);
  const char *const *paths;

  g_return_val_if_fail (VMPORT_IS_VIRTUAL_MACHINE (self), NULL);

  paths = vmport_virtual_machine_get_snapshot_paths (self);
  for (gsize i = 0; paths[i] != NULL; i++)
    {
      VmpCall call = vmp_client_get_all_call (paths[i], VMP_SNAPSHOT_INTERFACE);
      g_autoptr (GError) local = NULL;
      g_autoptr (GVariant) reply = vmp_client_call_sync (
        vmp_client_virtual_machine_get_client (self), &call, cancellable, &local);

      if (reply != NULL)
        add_snapshot (snapshots, paths[i], reply);
      else if (!vmp_client_error_is_unknown (local))
        {
          g_propagate_error (error, g_steal_pointer (&local));
          return NULL;
        }
    }
  return g_steal_pointer (&snapshots);
}
