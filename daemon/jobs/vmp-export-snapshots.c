/* What of a machine's snapshots an export takes along: all of them, none, or one as a machine of its
 * own. */
#include "config.h"

#include "vmp-export-plan-private.h"

#include <glib/gi18n-lib.h>
#include <string.h>

#include "vmp-error.h"
#include "vmp-name.h"

/* CopySnapshotConfiguration. */
enum
{
  MODE_ALL,
  MODE_NONE,
  MODE_ONE,
  MODE_ONE_KEEPING_ID,
};

/* Where the files go that one snapshot alone needs. */
typedef struct
{
  char *name; /* beneath the snapshots' folder */
  GHashTable *taken;
} Folder;

static void
folder_free (gpointer data)
{
  Folder *folder = data;

  g_free (folder->name);
  g_hash_table_unref (folder->taken);
  g_free (folder);
}

static guint8
get_mode (VmpExportRequest *request)
{
  return vmp_settings_get_byte (request->settings, "CopySnapshotConfiguration");
}

static char *
object_path_of (VmpMachines *machines, VmpMachine *machine, VmpSnapshot *snapshot)
{
  g_autofree char *id = vmp_name_escape (vmp_machines_get_id (machines));
  g_autofree char *uuid = vmp_name_uuid_to_path (vmp_machine_get_uuid (machine));
  g_autofree char *name = vmp_name_escape (vmp_snapshot_get_name (snapshot));

  return g_strdup_printf ("/org/vmport/Snapshot/%s/%s_%s", id, uuid, name);
}

static VmpSnapshot *
find_snapshot (VmpMachines *machines, VmpMachine *machine, const char *wanted)
{
  GPtrArray *snapshots = vmp_machine_get_snapshots (machine);

  for (guint i = 0; i < snapshots->len; i++)
    {
      VmpSnapshot *snapshot = g_ptr_array_index (snapshots, i);
      g_autofree char *path = object_path_of (machines, machine, snapshot);

      /* A name has no “/” in it, so it is never another one's path. */
      if (strcmp (wanted, vmp_snapshot_get_name (snapshot)) == 0 || strcmp (wanted, path) == 0)
        return snapshot;
    }
  return NULL;
}

/* The format that disks are converted into, or NULL. */
static const char *
get_wanted_format (VmpExportRequest *request)
{
  const char *format = vmp_settings_get_string (request->settings, "DiskFormat");

  return strcmp (format, "keep") != 0 ? format : NULL;
}

/* The snapshot that is to be exported by itself; errors are those that a call gets. */
gboolean
vmp_export_request_find_snapshot (VmpExportRequest *request, VmpMachines *machines, GError **error)
{
  const char *wanted = vmp_settings_get_string (request->settings, "SnapshotVirtualSystem");
  const char *const *excluded = vmp_settings_get_strv (request->settings,
                                                       "ExcludedVirtualHardDisks");
  guint8 mode = get_mode (request);
  VmpSnapshot *found;

  if (mode == MODE_ALL && excluded[0] != NULL
      && vmp_machine_get_snapshots (request->machine)->len > 0)
    return vmp_error_set (error, VMPORT_ERROR_INVALID_PARAMETER,
                          _ ("ExcludedVirtualHardDisks: the machine has snapshots, which are of all "
                             "its disks; leave them out with CopySnapshotConfiguration=1"));
  if (mode == MODE_ALL && get_wanted_format (request) != NULL
      && vmp_machine_get_snapshots (request->machine)->len > 0)
    return vmp_error_set (error, VMPORT_ERROR_INVALID_PARAMETER,
                          _ ("DiskFormat: the machine has snapshots, which are lost where disks are "
                             "converted; leave them out with CopySnapshotConfiguration=1"));
  if (mode == MODE_ALL || mode == MODE_NONE)
    return TRUE;
  if (wanted[0] == '\0')
    return vmp_error_set (error, VMPORT_ERROR_INVALID_PARAMETER,
                          _ ("SnapshotVirtualSystem: CopySnapshotConfiguration=%u exports one "
                             "snapshot; name it, or give its object path"),
                          mode);
  found = find_snapshot (machines, request->machine, wanted);
  if (found == NULL)
    return vmp_error_set (error, VMPORT_ERROR_NOT_FOUND,
                          _ ("SnapshotVirtualSystem: the machine has no snapshot “%s”"), wanted);
  g_set_object (&request->snapshot, found);
  return TRUE;
}

/* Where the machine would have started anew, there is no memory that its devices must match. */
static VmpDomain *
domain_of (VmpSnapshot *snapshot)
{
  VmpDomain *inactive = vmp_snapshot_get_inactive_domain (snapshot);

  return inactive != NULL && vmp_snapshot_get_memory (snapshot) == VMP_SNAPSHOT_NONE
             ? inactive
             : vmp_snapshot_get_domain (snapshot);
}

static gboolean
find_disk (VmpDomain *domain, const char *target, guint *disk)
{
  for (*disk = 0; *disk < vmp_domain_get_n_disks (domain); (*disk)++)
    if (strcmp (vmp_domain_get_disk_target (domain, *disk), target) == 0)
      return TRUE;
  return FALSE;
}

/* A disk that a snapshot left out is for it as it is now. */
static void
take_present_disks (VmpExportPlan *self, VmpDomain *present)
{
  for (guint i = 0; i < vmp_domain_get_n_disks (self->domain); i++)
    {
      const char *target = vmp_domain_get_disk_target (self->domain, i);
      guint disk;

      if (vmp_domain_get_disk_device (self->domain, i) == VMP_DISK_DEVICE_DISK
          && vmp_snapshot_find_disk_storage (self->snapshot, target) == VMP_SNAPSHOT_NONE
          && find_disk (present, target, &disk) && vmp_domain_get_n_images (present, disk) > 0)
        vmp_domain_take_images (self->domain, i, present, disk);
    }
}

/* The configuration that is exported: the machine's, or that of one snapshot. */
void
vmp_export_plan_choose_domain (VmpExportPlan *self)
{
  VmpMachine *machine = self->request->machine;
  VmpDomain *present = vmp_machine_get_domain (machine);
  g_autofree char *uuid = NULL;

  self->snapshot = self->request->snapshot;
  if (self->snapshot == NULL)
    {
      self->domain = vmp_domain_copy (present);
      return;
    }
  self->domain = vmp_domain_copy (domain_of (self->snapshot));
  take_present_disks (self, present);
  uuid = get_mode (self->request) == MODE_ONE ? g_uuid_string_random ()
                                              : g_strdup (vmp_machine_get_uuid (machine));
  vmp_domain_set_name (self->domain, vmp_machine_get_name (machine));
  vmp_domain_set_uuid (self->domain, uuid);
}

/* Are disks to go along as one image each, without what lies beneath it or in it? */
static gboolean
merges (VmpExportPlan *self)
{
  guint8 mode = get_mode (self->request);

  return mode >= MODE_ONE
         || (mode == MODE_NONE && vmp_machine_get_snapshots (self->request->machine)->len > 0);
}

/* @path's name in the package as an image of @format, which it may not have had. */
static char *
name_converted (VmpExportPlan *self, const char *path, const char *old_format, const char *format)
{
  g_autofree char *ending = g_strconcat (".", old_format, NULL);
  g_autofree char *stem = g_strdup (path);

  if (strcmp (old_format, format) != 0 && g_str_has_suffix (stem, ending))
    stem[strlen (stem) - strlen (ending)] = '\0';
  return vmp_package_name_image (stem, format, self->taken);
}

/* TRUE where @disk goes along as one image that is made of its chain. Of a machine that has snapshots
 * any qcow2 image may hold some, also such as nobody lists any more. */
gboolean
vmp_export_plan_merge_disk (VmpExportPlan *self, guint disk)
{
  const char *target = vmp_domain_get_disk_target (self->domain, disk);
  g_autofree char *path = g_strdup (vmp_domain_get_image_path (self->domain, disk, 0));
  const char *old_format = vmp_domain_get_image_format (self->domain, disk, 0);
  const char *wanted = get_wanted_format (self->request);
  g_autofree char *format = g_strdup (wanted != NULL ? wanted : old_format);
  const char *paths[] = { path, NULL }, *formats[] = { format, NULL };
  const char *snapshot = NULL;
  g_autofree char *base = NULL;
  g_autofree char *name = NULL;
  VmpExportMember *member;

  /* Byte by byte is better, where that is what it should become. */
  if (strcmp (format, old_format) == 0
      && ((wanted == NULL && !merges (self))
          || (vmp_domain_get_n_images (self->domain, disk) == 1
              && (!merges (self) || strcmp (format, "qcow2") != 0))))
    return FALSE;
  if (self->snapshot != NULL
      && vmp_snapshot_find_disk_storage (self->snapshot, target) == VMP_SNAPSHOT_INTERNAL)
    snapshot = vmp_snapshot_get_name (self->snapshot);
  base = name_converted (self, path, old_format, format);
  name = g_build_filename (VMP_PACKAGE_VHD_FOLDER, base, NULL);
  member = vmp_export_plan_add_made (self, VMP_ROLE_DISK, format, snapshot, name);
  for (guint i = 0; i < vmp_domain_get_n_images (self->domain, disk) && member->failure == NULL;
       i++)
    vmp_export_plan_add_made_image (self, member, self->domain, disk, i);
  member->target = target;
  member->merge->lossless = get_mode (self->request) == MODE_ALL;
  vmp_package_disk_add_image (vmp_package_add_disk (self->package, target), path, format, name);
  vmp_domain_set_images (self->domain, disk, paths, formats);
  return TRUE;
}

/* The memory of the snapshot that is exported by itself, as that machine's saved state. Which of the
 * disks holds an internal one, only the disks can tell. */
void
vmp_export_plan_add_memory (VmpExportPlan *self)
{
  VmpSnapshot *snapshot = self->snapshot;
  VmpDomain *domain = snapshot != NULL ? vmp_snapshot_get_domain (snapshot) : NULL;
  g_autofree char *name = NULL;

  if (snapshot == NULL || vmp_snapshot_get_memory (snapshot) == VMP_SNAPSHOT_NONE)
    return;
  name = g_build_filename (VMP_PACKAGE_VM_FOLDER, vmp_domain_get_uuid (self->domain), "state.save",
                           NULL);
  if (vmp_snapshot_get_memory (snapshot) == VMP_SNAPSHOT_EXTERNAL)
    {
      vmp_export_plan_add_member (self, VMP_ROLE_STATE, vmp_snapshot_get_memory_path (snapshot),
                                  NULL, name);
      return;
    }
  self->memory = vmp_export_plan_add_made (self, VMP_ROLE_STATE, NULL,
                                           vmp_snapshot_get_name (snapshot), name);
  self->memory->merge->memory = TRUE;
  self->memory->merge->running
      = strcmp (vmp_snapshot_get_machine_state (snapshot), "running") == 0;
  self->memory->state_xml = vmp_domain_to_xml (self->domain);
  self->memory->state_cookie = vmp_snapshot_cookie_to_xml (snapshot);
  for (guint i = 0; i < vmp_domain_get_n_disks (domain) && self->memory->failure == NULL; i++)
    if (vmp_snapshot_find_disk_storage (snapshot, vmp_domain_get_disk_target (domain, i))
            == VMP_SNAPSHOT_INTERNAL
        && vmp_domain_get_n_images (domain, i) > 0)
      vmp_export_plan_add_made_image (self, self->memory, domain, i, 0);
}

static gboolean
set_contradiction (VmpSnapshot *snapshot, const char *target, GError **error)
{
  return vmp_error_set (error, VMPORT_ERROR_CORRUPT,
                        _ ("The snapshot “%s” has another backing chain for the disk “%s” than the "
                           "machine or another snapshot has for the same images"),
                        vmp_snapshot_get_name (snapshot), target);
}

typedef struct
{
  VmpExportPlan *plan;
  GPtrArray *folders; /* of Folder, for each snapshot */
  GHashTable *homes;  /* path of an overlay → Folder of the snapshot that made it */
  gboolean stored;    /* do disks and memory go along? */
} Tree;

static void
tree_clear (Tree *self)
{
  g_clear_pointer (&self->folders, g_ptr_array_unref);
  g_clear_pointer (&self->homes, g_hash_table_unref);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Tree, tree_clear)

/* An image that no chain had before. */
static VmpExportMember *
add_image (Tree *self, Folder *folder, const char *target, const char *path, const char *format)
{
  Folder *home = g_hash_table_lookup (self->homes, path);
  g_autofree char *base = NULL;
  g_autofree char *name = NULL;
  VmpExportMember *member;

  if (home == NULL)
    home = folder;
  base = vmp_package_name_image (path, format, home->taken);
  name = g_build_filename (VMP_PACKAGE_SNAPSHOT_FOLDER, home->name, base, NULL);
  member = vmp_export_plan_add_member (self->plan, VMP_ROLE_SNAPSHOT_DISK, path, format, name);
  member->target = target;
  g_hash_table_insert (self->plan->by_path, g_strdup (path), member);
  return member;
}

/* The chain of a disk as a snapshot's configuration names it. What the machine or another snapshot
 * has as well is one member. */
static gboolean
add_chain (Tree *self, VmpSnapshot *snapshot, Folder *folder, VmpDomain *domain, guint disk,
           VmpPackageDisk *entry, GError **error)
{
  const char *target = vmp_domain_get_disk_target (domain, disk);
  guint n = vmp_domain_get_n_images (domain, disk);
  VmpExportMember *above = NULL;
  gboolean above_is_new = FALSE;

  for (guint i = 0; i < n; i++)
    {
      const char *path = vmp_domain_get_image_path (domain, disk, i);
      const char *format = vmp_domain_get_image_format (domain, disk, i);
      VmpExportMember *member;
      gboolean is_new;

      if (format == NULL)
        return vmp_error_set (error, VMPORT_ERROR_UNSAFE,
                              _ ("In the snapshot “%s” the disk “%s” has no stated format; it is "
                                 "not guessed"),
                              vmp_snapshot_get_name (snapshot), target);
      if (!self->stored)
        {
          vmp_package_disk_add_image (entry, path, format, NULL);
          continue;
        }
      member = above != NULL && !above_is_new ? above->below
                                              : g_hash_table_lookup (self->plan->by_path, path);
      is_new = member == NULL;
      if (is_new && above != NULL && !above_is_new)
        return set_contradiction (snapshot, target, error);
      if (is_new)
        member = add_image (self, folder, target, path, format);
      if (above_is_new)
        vmp_export_plan_set_below (self->plan, above, member, format);
      vmp_package_disk_add_image (entry, path, format, member->name);
      above = member;
      above_is_new = is_new;
    }
  return above == NULL || above_is_new || above->below == NULL
         || set_contradiction (snapshot, target, error);
}

static gboolean
has_disk (VmpPackageSnapshot *entry, const char *target)
{
  for (guint i = 0; i < entry->disks->len; i++)
    if (strcmp (((VmpPackageDisk *) g_ptr_array_index (entry->disks, i))->target, target) == 0)
      return TRUE;
  return FALSE;
}

static gboolean
add_chains (Tree *self, VmpSnapshot *snapshot, Folder *folder, VmpDomain *domain,
            VmpPackageSnapshot *entry, GError **error)
{
  for (guint i = 0; domain != NULL && i < vmp_domain_get_n_disks (domain); i++)
    {
      const char *target = vmp_domain_get_disk_target (domain, i);

      if (vmp_domain_get_disk_device (domain, i) != VMP_DISK_DEVICE_DISK
          || vmp_domain_get_n_images (domain, i) == 0 || has_disk (entry, target))
        continue;
      if (!add_chain (self, snapshot, folder, domain, i,
                      vmp_package_snapshot_add_disk (entry, target), error))
        return FALSE;
    }
  return TRUE;
}

static void
add_external_memory (Tree *self, VmpSnapshot *snapshot, Folder *folder, VmpPackageSnapshot *entry)
{
  const char *path = vmp_snapshot_get_memory_path (snapshot);
  g_autofree char *base = NULL;
  g_autofree char *name = NULL;

  if (vmp_snapshot_get_memory (snapshot) != VMP_SNAPSHOT_EXTERNAL)
    return;
  if (self->stored)
    {
      base = vmp_name_make_unique ("memory.save", folder->taken);
      name = g_build_filename (VMP_PACKAGE_SNAPSHOT_FOLDER, folder->name, base, NULL);
      vmp_export_plan_add_member (self->plan, VMP_ROLE_SNAPSHOT_MEMORY, path, NULL, name);
    }
  vmp_package_snapshot_set_memory (entry, path, name);
}

/* Media of drives are the machine's own: a snapshot has them where the machine has the same one and
 * it goes along. */
static void
eject_media (Tree *self, VmpDomain *domain)
{
  static const char *const nothing[] = { NULL };

  for (guint i = 0; domain != NULL && i < vmp_domain_get_n_disks (domain); i++)
    if (vmp_domain_get_disk_device (domain, i) != VMP_DISK_DEVICE_DISK
        && vmp_domain_get_n_images (domain, i) > 0
        && !g_hash_table_contains (self->plan->by_path, vmp_domain_get_image_path (domain, i, 0)))
      vmp_domain_set_images (domain, i, nothing, nothing);
}

static void
add_document (Tree *self, VmpSnapshot *snapshot, const char *name)
{
  g_autoptr (VmpSnapshot) copy = vmp_snapshot_copy (snapshot);

  eject_media (self, vmp_snapshot_get_domain (copy));
  eject_media (self, vmp_snapshot_get_inactive_domain (copy));
  vmp_package_add_file (self->plan->package, name, VMP_ROLE_SNAPSHOT);
  g_hash_table_insert (self->plan->texts, g_strdup (name), vmp_snapshot_to_xml (copy));
}

static gboolean
add_snapshot (Tree *self, VmpSnapshot *snapshot, Folder *folder, GError **error)
{
  g_autofree char *name = g_strdup_printf (VMP_PACKAGE_SNAPSHOT_FOLDER "/%s.xml", folder->name);
  VmpPackageSnapshot *entry;

  entry = vmp_package_add_snapshot (self->plan->package, vmp_snapshot_get_name (snapshot), name);
  add_external_memory (self, snapshot, folder, entry);
  if (!add_chains (self, snapshot, folder, vmp_snapshot_get_domain (snapshot), entry, error)
      || !add_chains (self, snapshot, folder, vmp_snapshot_get_inactive_domain (snapshot), entry,
                      error))
    return FALSE;
  add_document (self, snapshot, name);
  return TRUE;
}

/* What was written after the last snapshot of a branch that the machine has left is in no snapshot,
 * and not in the machine. */
static void
report_abandoned (Tree *self, VmpSnapshot *snapshot)
{
  for (guint i = 0; i < vmp_snapshot_get_n_disks (snapshot); i++)
    {
      const char *path = vmp_snapshot_get_disk_path (snapshot, i);

      if (path == NULL || g_hash_table_contains (self->plan->by_path, path))
        continue;
      vmp_export_plan_add_finding (
          self->plan,
          vmp_finding_new (VMP_FINDING_DISK_LEFT_BEHIND, "CopySnapshotConfiguration", -1,
                           _ ("The overlay “%s” that the snapshot “%s” made is part of no snapshot, "
                              "and the machine does not use it; it does not go along"),
                           path, vmp_snapshot_get_name (snapshot)));
    }
}

/* After the machine's own images. */
gboolean
vmp_export_plan_add_snapshots (VmpExportPlan *self, GError **error)
{
  GPtrArray *snapshots = vmp_machine_get_snapshots (self->request->machine);
  g_autoptr (GHashTable) taken = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  g_auto (Tree) tree = { .plan = self };

  if (get_mode (self->request) != MODE_ALL)
    return TRUE;
  tree.folders = g_ptr_array_new_with_free_func (folder_free);
  tree.homes = g_hash_table_new (g_str_hash, g_str_equal);
  tree.stored = vmp_settings_get_boolean (self->request->settings, "CopyVmStorage");
  for (guint i = 0; i < snapshots->len; i++)
    {
      VmpSnapshot *snapshot = g_ptr_array_index (snapshots, i);
      Folder *folder = g_new0 (Folder, 1);

      folder->name = vmp_package_name_snapshot (vmp_snapshot_get_name (snapshot), taken);
      folder->taken = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
      g_ptr_array_add (tree.folders, folder);
      for (guint n = 0; n < vmp_snapshot_get_n_disks (snapshot); n++)
        if (vmp_snapshot_get_disk_path (snapshot, n) != NULL)
          g_hash_table_insert (tree.homes, (gpointer) vmp_snapshot_get_disk_path (snapshot, n),
                               folder);
    }
  for (guint i = 0; i < snapshots->len; i++)
    if (!add_snapshot (&tree, g_ptr_array_index (snapshots, i),
                       g_ptr_array_index (tree.folders, i), error))
      return FALSE;
  for (guint i = 0; tree.stored && i < snapshots->len; i++)
    report_abandoned (&tree, g_ptr_array_index (snapshots, i));
  return TRUE;
}

static void
report_ghost (VmpExportPlan *self, VmpSnapshot *snapshot, const char *what)
{
  VmpFinding *finding = vmp_finding_new (VMP_FINDING_SNAPSHOT_MISSING, "CopySnapshotConfiguration",
                                         -1, _ ("The snapshot “%s” is not there any more: %s"),
                                         vmp_snapshot_get_name (snapshot), what);

  vmp_finding_set_resolution (finding, vmp_export_resolve_without_snapshots ());
  vmp_export_plan_add_finding (self, finding);
}

static VmpExportMember *
find_made (VmpExportPlan *self, const char *target)
{
  for (guint i = 0; i < self->members->len; i++)
    {
      VmpExportMember *member = g_ptr_array_index (self->members, i);

      if (member->merge != NULL && g_strcmp0 (member->target, target) == 0)
        return member;
    }
  return NULL;
}

/* The image in which @snapshot has the content of a disk, if it goes along, or is read to make one
 * that does; NULL where there is nothing to be looked at. */
static VmpExportMember *
find_internal (VmpExportPlan *self, VmpSnapshot *snapshot, guint disk)
{
  VmpDomain *domain = vmp_snapshot_get_domain (snapshot);
  const char *target = vmp_snapshot_get_disk_target (snapshot, disk);
  VmpExportMember *member;
  guint i;

  if (vmp_snapshot_get_disk_storage (snapshot, disk) != VMP_SNAPSHOT_INTERNAL
      || !find_disk (domain, target, &i) || vmp_domain_get_n_images (domain, i) == 0)
    return NULL;
  member = self->snapshot != NULL
               ? find_made (self, target)
               : g_hash_table_lookup (self->by_path, vmp_domain_get_image_path (domain, i, 0));
  return member != NULL && member->failure == NULL
                 && vmp_source_list_check (self->sources, member->source, NULL)
             ? member
             : NULL;
}

static void
check_snapshot (VmpExportPlan *self, VmpSnapshot *snapshot)
{
  gboolean memory = FALSE, seen = TRUE;

  for (guint i = 0; i < vmp_snapshot_get_n_disks (snapshot); i++)
    {
      VmpExportMember *member = find_internal (self, snapshot, i);
      g_autofree char *what = NULL;

      if (member == NULL)
        {
          seen = FALSE;
          continue;
        }
      if (vmp_reading_has_snapshot (vmp_source_list_get_reading (self->sources, member->source),
                                    vmp_snapshot_get_name (snapshot), &memory))
        continue;
      what = g_strdup_printf (_ ("the image of the disk “%s” does not hold it"), member->target);
      report_ghost (self, snapshot, what);
    }
  if (seen && !memory && vmp_snapshot_get_memory (snapshot) == VMP_SNAPSHOT_INTERNAL)
    report_ghost (self, snapshot, _ ("none of its disks holds the memory"));
}

/* Of the disks that hold the snapshot, the one that has its memory as well. */
static void
choose_memory (VmpExportPlan *self)
{
  GPtrArray *images = self->memory->merge->images;

  for (guint i = 0; i < images->len; i++)
    {
      VmpMergeImage *image = g_ptr_array_index (images, i);
      gboolean memory = FALSE;

      if (!vmp_source_list_check (self->sources, image->source, NULL)
          || !vmp_reading_has_snapshot (vmp_source_list_get_reading (self->sources, image->source),
                                        self->memory->merge->snapshot, &memory)
          || !memory)
        continue;
      self->memory->source = image->source;
      g_ptr_array_remove_range (images, i + 1, images->len - i - 1);
      g_ptr_array_remove_range (images, 0, i);
      return;
    }
}

/* Once the images have been looked at: do they hold what goes along? */
void
vmp_export_plan_check_snapshots (VmpExportPlan *self)
{
  GPtrArray *snapshots = vmp_machine_get_snapshots (self->request->machine);

  if (self->memory != NULL && self->memory->failure == NULL)
    choose_memory (self);
  if (self->snapshot != NULL)
    check_snapshot (self, self->snapshot);
  for (guint i = 0; get_mode (self->request) == MODE_ALL && i < snapshots->len; i++)
    check_snapshot (self, g_ptr_array_index (snapshots, i));
}

/* The settings that leave the snapshots behind. */
GVariant *
vmp_export_resolve_without_snapshots (void)
{
  GVariantDict dict;

  g_variant_dict_init (&dict, NULL);
  g_variant_dict_insert (&dict, "CopySnapshotConfiguration", "y", (guint8) MODE_NONE);
  return g_variant_dict_end (&dict);
}
