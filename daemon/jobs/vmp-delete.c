/* Deletion of a machine, with or without its storage. */
#include "config.h"

#include "vmp-delete.h"

#include "vmp-error.h"

struct _VmpDeletePlan
{
  VmpMachine *machine;
  gboolean delete_storage;
  GPtrArray *foreign; /* images outside the manager's place that nothing else uses */
};

static gboolean
uses_image (VmpMachine *machine, const char *path)
{
  VmpDomain *domain = vmp_machine_get_domain (machine);

  for (guint i = 0; i < vmp_domain_get_n_disks (domain); i++)
    for (guint n = 0; n < vmp_domain_get_n_images (domain, i); n++)
      if (g_strcmp0 (vmp_domain_get_image_path (domain, i, n), path) == 0)
        return TRUE;
  return FALSE;
}

static gboolean
is_used_by_others (VmpMachines *machines, VmpMachine *machine, const char *path)
{
  g_autoptr (GPtrArray) all = vmp_machines_list (machines);

  for (guint i = 0; i < all->len; i++)
    {
      VmpMachine *other = g_ptr_array_index (all, i);

      if (!g_str_equal (vmp_machine_get_uuid (other), vmp_machine_get_uuid (machine))
          && uses_image (other, path))
        return TRUE;
    }
  return FALSE;
}

/* In the main thread, which has the inventory. */
VmpDeletePlan *
vmp_delete_plan_new (VmpMachines *machines, VmpMachine *machine, gboolean delete_storage)
{
  VmpDeletePlan *plan = g_new0 (VmpDeletePlan, 1);
  VmpDomain *domain = vmp_machine_get_domain (machine);

  plan->machine = vmp_machine_ref (machine);
  plan->delete_storage = delete_storage;
  plan->foreign = g_ptr_array_new_with_free_func (g_free);
  for (guint i = 0; delete_storage && i < vmp_domain_get_n_disks (domain); i++)
    for (guint n = 0; n < vmp_domain_get_n_images (domain, i); n++)
      {
        const char *path = vmp_domain_get_image_path (domain, i, n);

        if (vmp_domain_get_disk_device (domain, i) == VMP_DISK_DEVICE_DISK
            && !vmp_machines_owns_path (machines, path)
            && !is_used_by_others (machines, machine, path))
          g_ptr_array_add (plan->foreign, g_strdup (path));
      }
  return plan;
}

void
vmp_delete_plan_free (VmpDeletePlan *plan)
{
  vmp_machine_unref (plan->machine);
  g_ptr_array_unref (plan->foreign);
  g_free (plan);
}

/* What lies outside the manager's place goes first, by the caller's own rights: where those do not
 * reach, the machine stays as it is. */
static gboolean
remove_foreign (VmpRun *run, VmpDeletePlan *plan, GError **error)
{
  g_autoptr (VmpWorkerHost) worker = NULL;

  if (plan->foreign->len == 0)
    return TRUE;
  worker = vmp_run_start_worker (run, error);
  if (worker == NULL)
    return FALSE;
  for (guint i = 0; i < plan->foreign->len; i++)
    {
      g_autoptr (GVariant) reply = NULL;
      GVariantDict left;

      g_variant_dict_init (&left, NULL);
      g_variant_dict_insert (&left, "Path", "s", g_ptr_array_index (plan->foreign, i));
      reply = vmp_worker_host_call (worker, "Remove",
                                    g_variant_new ("(@a{sv})", g_variant_dict_end (&left)), "()",
                                    NULL, NULL, error);
      if (reply == NULL)
        return FALSE;
    }
  return TRUE;
}

/* The machine is gone already; what is recorded of it counts for no other. */
static void
drop_scope (VmpMachines *machines, VmpMachine *machine)
{
  g_autoptr (GError) error = NULL;

  if (!vmp_scopes_drop (vmp_machines_get_scopes (machines), vmp_machines_get_id (machines),
                        vmp_machine_get_uuid (machine), &error))
    g_warning ("%s", error->message);
}

GVariant *
vmp_delete_work (VmpRun *run, gpointer data, GError **error)
{
  VmpDeletePlan *plan = data;

  if (!remove_foreign (run, plan, error)
      || !vmp_machines_remove (vmp_run_get_machines (run), plan->machine, plan->delete_storage,
                               error))
    return NULL;
  drop_scope (vmp_run_get_machines (run), plan->machine);
  return g_variant_new_array (G_VARIANT_TYPE ("{sv}"), NULL, 0);
}
