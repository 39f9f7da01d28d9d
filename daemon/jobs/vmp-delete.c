/* Deletion of a machine, with or without its storage. */
#include "config.h"

#include "vmp-delete.h"

#include <string.h>

#include "vmp-error.h"
#include "vmp-file-uses.h"

struct _VmpDeletePlan
{
  VmpMachine *machine;
  gboolean delete_storage;
  GPtrArray *foreign; /* files of the machine outside the manager's place */
  GPtrArray *own;     /* images in the manager's place */
  GPtrArray *folders; /* that an import made for its files there */
  VmpFileUses *uses;  /* of all other machines */
};

static void
add_foreign (VmpDeletePlan *plan, VmpMachines *machines, const char *path)
{
  gboolean own = vmp_machines_owns_path (machines, path);

  g_ptr_array_add (own ? plan->own : plan->foreign, g_strdup (path));
}

/* What an import put beneath TargetVmDataRoot lies in a folder that bears the machine's id. A kernel
 * or a firmware anywhere else is the host's. */
static void
add_data (VmpDeletePlan *plan, VmpMachines *machines, const char *path)
{
  const char *uuid = vmp_machine_get_uuid (plan->machine);
  g_autofree char *needle = g_strdup_printf ("/%s/", uuid);
  const char *at = g_strrstr (path, needle);
  g_autofree char *folder = NULL;

  if (at == NULL || vmp_machines_owns_path (machines, path)
      || g_ptr_array_find_with_equal_func (plan->foreign, path, g_str_equal, NULL))
    return;
  g_ptr_array_add (plan->foreign, g_strdup (path));
  folder = g_strndup (path, (gsize) (at - path) + strlen (uuid) + 1);
  if (!g_ptr_array_find_with_equal_func (plan->folders, folder, g_str_equal, NULL))
    g_ptr_array_add (plan->folders, g_steal_pointer (&folder));
}

static void
add_domain_data (VmpDeletePlan *plan, VmpMachines *machines, VmpDomain *domain)
{
  for (guint i = 0; i < VMP_DOMAIN_N_FILES; i++)
    if (vmp_domain_get_file (domain, i) != NULL)
      add_data (plan, machines, vmp_domain_get_file (domain, i));
}

static void
collect_foreign (VmpDeletePlan *plan, VmpMachines *machines)
{
  GPtrArray *files = vmp_machine_get_files (plan->machine);
  GPtrArray *snapshots = vmp_machine_get_snapshots (plan->machine);
  g_autoptr (GPtrArray) storage = vmp_machine_list_storage (plan->machine);

  for (guint i = 0; i < storage->len; i++)
    add_foreign (plan, machines, g_ptr_array_index (storage, i));
  add_domain_data (plan, machines, vmp_machine_get_domain (plan->machine));
  for (guint i = 0; i < snapshots->len; i++)
    add_domain_data (plan, machines, vmp_snapshot_get_domain (g_ptr_array_index (snapshots, i)));
  for (guint i = 0; i < files->len; i++)
    {
      VmpMachineFile *file = g_ptr_array_index (files, i);

      if (file->role == VMP_ROLE_STATE)
        add_foreign (plan, machines, file->path);
      add_data (plan, machines, file->path);
    }
}

/* In the main thread, which has the inventory. */
VmpDeletePlan *
vmp_delete_plan_new (VmpMachines *machines, VmpMachine *machine, gboolean delete_storage)
{
  VmpDeletePlan *plan = g_new0 (VmpDeletePlan, 1);

  plan->machine = vmp_machine_ref (machine);
  plan->delete_storage = delete_storage;
  plan->foreign = g_ptr_array_new_with_free_func (g_free);
  plan->own = g_ptr_array_new_with_free_func (g_free);
  plan->folders = g_ptr_array_new_with_free_func (g_free);
  plan->uses = vmp_file_uses_new (machines, machine);
  if (delete_storage)
    collect_foreign (plan, machines);
  return plan;
}

void
vmp_delete_plan_free (VmpDeletePlan *plan)
{
  vmp_machine_unref (plan->machine);
  g_ptr_array_unref (plan->foreign);
  g_ptr_array_unref (plan->own);
  g_ptr_array_unref (plan->folders);
  vmp_file_uses_free (plan->uses);
  g_free (plan);
}

static gboolean
remove_path (VmpWorkerHost *worker, const char *kind, const char *path, GError **error)
{
  g_autoptr (GVariant) reply = vmp_worker_host_call (worker, "RemovePath",
                                                     g_variant_new ("(ss)", kind, path), "()", NULL,
                                                     NULL, error);

  return reply != NULL;
}

static gboolean
is_used_by_others (VmpDeletePlan *plan, const char *path)
{
  VmpFileId id;

  return vmp_at_identify (path, &id) && vmp_file_uses_find (plan->uses, &id, FALSE);
}

/* What lies outside the manager's place goes first, by the caller's own rights: where those do not
 * reach, the machine stays as it is. */
static gboolean
remove_foreign (VmpRun *run, VmpDeletePlan *plan, GError **error)
{
  g_autoptr (VmpWorkerHost) worker = NULL;
  g_autoptr (VmpPlaces) places = vmp_places_new ();

  if (plan->foreign->len == 0)
    return TRUE;
  for (guint i = 0; i < plan->foreign->len; i++)
    vmp_places_add_around (places, g_ptr_array_index (plan->foreign, i));
  for (guint i = 0; i < plan->folders->len; i++)
    vmp_places_add_around (places, g_ptr_array_index (plan->folders, i));
  worker = vmp_run_start_worker (run, places, error);
  if (worker == NULL)
    return FALSE;
  for (guint i = 0; i < plan->foreign->len; i++)
    {
      const char *path = g_ptr_array_index (plan->foreign, i);

      if (!is_used_by_others (plan, path) && !remove_path (worker, "File", path, error))
        return FALSE;
    }
  for (guint i = 0; i < plan->folders->len; i++)
    if (!remove_path (worker, "Folder", g_ptr_array_index (plan->folders, i), error))
      return FALSE;
  return TRUE;
}

/* Images in the manager's place that another machine uses, as a base of its own say. */
static GPtrArray *
list_spared (VmpDeletePlan *plan)
{
  GPtrArray *spared = g_ptr_array_new ();

  for (guint i = 0; i < plan->own->len; i++)
    if (is_used_by_others (plan, g_ptr_array_index (plan->own, i)))
      g_ptr_array_add (spared, g_ptr_array_index (plan->own, i));
  return spared;
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
  g_autoptr (GPtrArray) spared = NULL;

  if (plan->delete_storage)
    vmp_file_uses_identify (plan->uses);
  spared = list_spared (plan);
  if (!remove_foreign (run, plan, error)
      || !vmp_machines_remove (vmp_run_get_machines (run), plan->machine, plan->delete_storage,
                               spared, error))
    return NULL;
  drop_scope (vmp_run_get_machines (run), plan->machine);
  return g_variant_new_array (G_VARIANT_TYPE ("{sv}"), NULL, 0);
}
