/* One virtual machine as a manager knows it: an immutable reading, replaced when something changes. */
#include "config.h"

#include "vmp-machine.h"

#include <string.h>

struct _VmpMachine
{
  gatomicrefcount ref_count;
  char *uuid;
  char *name;
  char *state;
  char *scope;
  VmpDomain *domain;
  GPtrArray *files;
  GPtrArray *snapshots;
  gboolean has_checkpoints;
  GPtrArray *lost;
  GError *flaw; /* or NULL */
};

VmpMachineFile *
vmp_machine_file_new (VmpRole role, const char *name, const char *path)
{
  VmpMachineFile *file = g_new0 (VmpMachineFile, 1);

  file->role = role;
  file->name = g_strdup (name);
  file->path = g_strdup (path);
  return file;
}

void
vmp_machine_file_free (VmpMachineFile *file)
{
  g_free (file->name);
  g_free (file->path);
  g_free (file);
}

/* @files, of VmpMachineFile, and @snapshots, of VmpSnapshot and as vmp_snapshot_list_sort() has them,
 * are taken; NULL for none. */
VmpMachine *
vmp_machine_new (const char *uuid, const char *name, const char *state, const char *scope,
                 VmpDomain *domain, GPtrArray *files, GPtrArray *snapshots)
{
  VmpMachine *self = g_new0 (VmpMachine, 1);

  g_atomic_ref_count_init (&self->ref_count);
  self->uuid = g_strdup (uuid);
  self->name = g_strdup (name);
  self->state = g_strdup (state);
  self->scope = g_strdup (scope);
  self->domain = g_object_ref (domain);
  self->files = files != NULL ? files : g_ptr_array_new ();
  self->snapshots = snapshots != NULL ? snapshots : g_ptr_array_new ();
  self->lost = g_ptr_array_new ();
  return self;
}

/* A machine that is there, and whose configuration cannot be taken in because of @flaw. @domain
 * stands in for it. */
VmpMachine *
vmp_machine_new_flawed (const char *uuid, const char *name, const char *state, VmpDomain *domain,
                        const GError *flaw)
{
  VmpMachine *self = vmp_machine_new (uuid, name, state, "", domain, NULL, NULL);

  self->flaw = g_error_copy (flaw);
  return self;
}

/* @machine as far as it could be read; @flaw is why there is no more of it. */
VmpMachine *
vmp_machine_new_with_flaw (VmpMachine *machine, const GError *flaw)
{
  VmpMachine *self = vmp_machine_new_in_scope (machine, machine->scope);

  g_clear_error (&self->flaw);
  self->flaw = g_error_copy (flaw);
  return self;
}

/* @machine, of which its manager has checkpoints too: what was written since its backups. */
VmpMachine *
vmp_machine_new_with_checkpoints (VmpMachine *machine)
{
  VmpMachine *self = vmp_machine_new_in_scope (machine, machine->scope);

  self->has_checkpoints = TRUE;
  return self;
}

/* The same reading of @machine, in another scope. */
VmpMachine *
vmp_machine_new_in_scope (VmpMachine *machine, const char *scope)
{
  VmpMachine *self = vmp_machine_new (machine->uuid, machine->name, machine->state, scope,
                                      machine->domain, g_ptr_array_ref (machine->files),
                                      g_ptr_array_ref (machine->snapshots));

  self->has_checkpoints = machine->has_checkpoints;
  self->flaw = machine->flaw != NULL ? g_error_copy (machine->flaw) : NULL;
  vmp_machine_take_lost (self, g_ptr_array_ref (machine->lost));
  return self;
}

void
vmp_machine_take_lost (VmpMachine *self, GPtrArray *lost)
{
  if (lost == NULL)
    return;
  g_ptr_array_unref (self->lost);
  self->lost = lost;
}

VmpMachine *
vmp_machine_ref (VmpMachine *self)
{
  g_atomic_ref_count_inc (&self->ref_count);
  return self;
}

void
vmp_machine_unref (VmpMachine *self)
{
  if (!g_atomic_ref_count_dec (&self->ref_count))
    return;
  g_free (self->uuid);
  g_free (self->name);
  g_free (self->state);
  g_free (self->scope);
  g_object_unref (self->domain);
  g_ptr_array_unref (self->files);
  g_ptr_array_unref (self->snapshots);
  g_ptr_array_unref (self->lost);
  g_clear_error (&self->flaw);
  g_free (self);
}

const char *
vmp_machine_get_uuid (VmpMachine *self)
{
  return self->uuid;
}

const char *
vmp_machine_get_name (VmpMachine *self)
{
  return self->name;
}

const char *
vmp_machine_get_state (VmpMachine *self)
{
  return self->state;
}

const char *
vmp_machine_get_scope (VmpMachine *self)
{
  return self->scope;
}

gboolean
vmp_machine_check_flaw (VmpMachine *self, GError **error)
{
  if (self->flaw != NULL && error != NULL)
    *error = g_error_copy (self->flaw);
  return self->flaw == NULL;
}

static gboolean
same_files (VmpMachine *a, VmpMachine *b)
{
  if (a->files->len != b->files->len)
    return FALSE;
  for (guint i = 0; i < a->files->len; i++)
    {
      VmpMachineFile *first = g_ptr_array_index (a->files, i);
      VmpMachineFile *second = g_ptr_array_index (b->files, i);

      if (first->role != second->role || strcmp (first->path, second->path) != 0)
        return FALSE;
    }
  return TRUE;
}

/* Do two readings say the same? Scopes apart, which are no driver's. */
gboolean
vmp_machine_equal (VmpMachine *a, VmpMachine *b)
{
  g_autofree char *first = vmp_domain_to_xml (a->domain);
  g_autofree char *second = vmp_domain_to_xml (b->domain);

  return strcmp (a->uuid, b->uuid) == 0 && strcmp (a->name, b->name) == 0
         && strcmp (a->state, b->state) == 0 && strcmp (first, second) == 0 && same_files (a, b)
         && vmp_snapshot_list_equal (a->snapshots, b->snapshots) && a->has_checkpoints == b->has_checkpoints
         && (a->flaw != NULL) == (b->flaw != NULL);
}

/* The properties of org.vmport.VirtualMachine that are others than before, scopes and jobs apart, which
 * are no driver's: free the array, not the names. Of snapshots, whatever one of them says. */
const char **
vmp_machine_list_changes (VmpMachine *before, VmpMachine *now)
{
  g_auto (GStrv) paths = vmp_machine_get_resource_paths (before);
  g_auto (GStrv) paths_now = vmp_machine_get_resource_paths (now);
  g_auto (GStrv) networks = vmp_machine_get_network_connections (before);
  g_auto (GStrv) networks_now = vmp_machine_get_network_connections (now);
  const char **changes = g_new0 (const char *, 6);
  gsize n = 0;

  if (strcmp (before->name, now->name) != 0)
    changes[n++] = "Name";
  if (strcmp (before->state, now->state) != 0)
    changes[n++] = "State";
  if (!g_strv_equal ((const char *const *) paths, (const char *const *) paths_now))
    changes[n++] = "ResourcePaths";
  if (!g_strv_equal ((const char *const *) networks, (const char *const *) networks_now))
    changes[n++] = "NetworkConnections";
  if (!vmp_snapshot_list_equal (before->snapshots, now->snapshots))
    changes[n++] = "Snapshots";
  return changes;
}

/* Is what a right was asked for with still so: name, scope and files? */
gboolean
vmp_machine_has_details_of (VmpMachine *self, VmpMachine *authorized)
{
  g_auto (GStrv) now = vmp_machine_get_resource_paths (self);
  g_auto (GStrv) then = vmp_machine_get_resource_paths (authorized);

  return strcmp (self->name, authorized->name) == 0
         && strcmp (self->scope, authorized->scope) == 0
         && g_strv_equal ((const char *const *) now, (const char *const *) then);
}

VmpDomain *
vmp_machine_get_domain (VmpMachine *self)
{
  return self->domain;
}

GPtrArray *
vmp_machine_get_files (VmpMachine *self)
{
  return self->files;
}

gboolean
vmp_machine_has_checkpoints (VmpMachine *self)
{
  return self->has_checkpoints;
}

GPtrArray *
vmp_machine_get_snapshots (VmpMachine *self)
{
  return self->snapshots;
}

static void
add_path (GPtrArray *paths, GHashTable *seen, const char *path)
{
  if (path != NULL && g_hash_table_add (seen, (gpointer) path))
    g_ptr_array_add (paths, g_strdup (path));
}

static void
add_images (GPtrArray *paths, GHashTable *seen, VmpDomain *domain)
{
  for (guint i = 0; i < vmp_domain_get_n_disks (domain); i++)
    for (guint n = 0; n < vmp_domain_get_n_images (domain, i); n++)
      if (vmp_domain_get_disk_device (domain, i) == VMP_DISK_DEVICE_DISK)
        add_path (paths, seen, vmp_domain_get_image_path (domain, i, n));
}

/* The paths of all files that hold the content of its disks, now and in its snapshots, and the memory
 * of these; each once. Media in drives are not the machine's. */
GPtrArray *
vmp_machine_list_storage (VmpMachine *self)
{
  GPtrArray *paths = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GHashTable) seen = g_hash_table_new (g_str_hash, g_str_equal);

  add_images (paths, seen, self->domain);
  for (guint i = 0; i < self->snapshots->len; i++)
    {
      VmpSnapshot *snapshot = g_ptr_array_index (self->snapshots, i);
      VmpDomain *inactive = vmp_snapshot_get_inactive_domain (snapshot);

      add_images (paths, seen, vmp_snapshot_get_domain (snapshot));
      if (inactive != NULL)
        add_images (paths, seen, inactive);
      for (guint n = 0; n < vmp_snapshot_get_n_disks (snapshot); n++)
        add_path (paths, seen, vmp_snapshot_get_disk_path (snapshot, n));
      add_path (paths, seen, vmp_snapshot_get_memory_path (snapshot));
    }
  return paths;
}

GPtrArray *
vmp_machine_get_lost (VmpMachine *self)
{
  return self->lost;
}

GStrv
vmp_machine_get_resource_paths (VmpMachine *self)
{
  g_autoptr (GStrvBuilder) paths = g_strv_builder_new ();

  for (guint i = 0; i < vmp_domain_get_n_disks (self->domain); i++)
    {
      if (vmp_domain_get_disk_device (self->domain, i) != VMP_DISK_DEVICE_DISK)
        continue;
      g_strv_builder_add (paths, vmp_domain_get_n_images (self->domain, i) > 0
                                     ? vmp_domain_get_image_path (self->domain, i, 0)
                                     : "");
    }
  return g_strv_builder_end (paths);
}

GStrv
vmp_machine_get_network_connections (VmpMachine *self)
{
  g_autoptr (GStrvBuilder) connections = g_strv_builder_new ();

  for (guint i = 0; i < vmp_domain_get_n_interfaces (self->domain); i++)
    {
      g_autofree char *connection = vmp_domain_get_interface_connection (self->domain, i);

      g_strv_builder_add (connections, connection);
    }
  return g_strv_builder_end (connections);
}
