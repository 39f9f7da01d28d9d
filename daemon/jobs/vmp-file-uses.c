/* Which files the known machines use, told apart by device and inode: one file has many names. */
#include "config.h"

#include "vmp-file-uses.h"

typedef struct
{
  char *path;
  gboolean medium; /* only ever read, so that any number of machines may share it */
  gboolean found;
  VmpFileId id;
} Use;

struct _VmpFileUses
{
  GArray *uses;
  GHashTable *files; /* their paths, owned by @uses */
  GHashTable *media;
};

static void
use_clear (gpointer data)
{
  g_free (((Use *) data)->path);
}

/* The configurations of snapshots name the same files again and again: each is kept once. */
static void
add_use (VmpFileUses *self, const char *path, gboolean medium)
{
  Use use = { NULL, medium, FALSE, { 0, 0 } };
  GHashTable *known = medium ? self->media : self->files;

  /* Asked first: adding a key that is there puts the new one in the place of the old one. */
  if (g_hash_table_contains (known, path))
    return;
  use.path = g_strdup (path);
  g_hash_table_add (known, use.path);
  g_array_append_val (self->uses, use);
}

static void
add_domain (VmpFileUses *self, VmpDomain *domain)
{
  for (guint i = 0; i < vmp_domain_get_n_disks (domain); i++)
    for (guint n = 0; n < vmp_domain_get_n_images (domain, i); n++)
      add_use (self, vmp_domain_get_image_path (domain, i, n),
               vmp_domain_get_disk_device (domain, i) != VMP_DISK_DEVICE_DISK);
  for (guint i = 0; i < VMP_DOMAIN_N_FILES; i++)
    if (vmp_domain_get_file (domain, i) != NULL)
      add_use (self, vmp_domain_get_file (domain, i), i != VMP_DOMAIN_FILE_NVRAM);
}

static void
add_snapshot (VmpFileUses *self, VmpSnapshot *snapshot)
{
  VmpDomain *inactive = vmp_snapshot_get_inactive_domain (snapshot);

  add_domain (self, vmp_snapshot_get_domain (snapshot));
  if (inactive != NULL)
    add_domain (self, inactive);
  for (guint i = 0; i < vmp_snapshot_get_n_disks (snapshot); i++)
    if (vmp_snapshot_get_disk_path (snapshot, i) != NULL)
      add_use (self, vmp_snapshot_get_disk_path (snapshot, i), FALSE);
  if (vmp_snapshot_get_memory_path (snapshot) != NULL)
    add_use (self, vmp_snapshot_get_memory_path (snapshot), FALSE);
}

static void
add_machine (VmpFileUses *self, VmpMachine *machine)
{
  GPtrArray *files = vmp_machine_get_files (machine);
  GPtrArray *snapshots = vmp_machine_get_snapshots (machine);

  add_domain (self, vmp_machine_get_domain (machine));
  for (guint i = 0; i < snapshots->len; i++)
    add_snapshot (self, g_ptr_array_index (snapshots, i));
  for (guint i = 0; i < files->len; i++)
    add_use (self, ((VmpMachineFile *) g_ptr_array_index (files, i))->path, FALSE);
}

static void
add_manager (VmpFileUses *self, VmpMachines *machines, const char *except)
{
  g_autoptr (GPtrArray) list = vmp_machines_list (machines);

  for (guint i = 0; i < list->len; i++)
    {
      VmpMachine *machine = g_ptr_array_index (list, i);

      if (g_strcmp0 (vmp_machine_get_uuid (machine), except) != 0)
        add_machine (self, machine);
    }
}

VmpFileUses *
vmp_file_uses_new (VmpMachines *machines, VmpMachine *except)
{
  VmpFileUses *self = g_new0 (VmpFileUses, 1);
  GPtrArray *peers = vmp_machines_get_peers (machines);

  self->uses = g_array_new (FALSE, FALSE, sizeof (Use));
  g_array_set_clear_func (self->uses, use_clear);
  self->files = g_hash_table_new (g_str_hash, g_str_equal);
  self->media = g_hash_table_new (g_str_hash, g_str_equal);
  add_manager (self, machines, except != NULL ? vmp_machine_get_uuid (except) : NULL);
  for (guint i = 0; peers != NULL && i < peers->len; i++)
    if (g_ptr_array_index (peers, i) != machines)
      add_manager (self, g_ptr_array_index (peers, i), NULL);
  return self;
}

void
vmp_file_uses_free (VmpFileUses *self)
{
  g_hash_table_unref (self->files);
  g_hash_table_unref (self->media);
  g_array_unref (self->uses);
  g_free (self);
}

void
vmp_file_uses_identify (VmpFileUses *self)
{
  for (guint i = 0; i < self->uses->len; i++)
    {
      Use *use = &g_array_index (self->uses, Use, i);

      use->found = vmp_at_identify (use->path, &use->id);
    }
}

/* Does a machine use the file in a way that forbids another use? Two that only read it as a @medium
 * do not disturb each other. */
gboolean
vmp_file_uses_find (VmpFileUses *self, const VmpFileId *id, gboolean medium)
{
  for (guint i = 0; i < self->uses->len; i++)
    {
      const Use *use = &g_array_index (self->uses, Use, i);

      if (use->found && vmp_file_id_equal (&use->id, id) && !(use->medium && medium))
        return TRUE;
    }
  return FALSE;
}
