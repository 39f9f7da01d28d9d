/* Where an import puts each file: an explicit path wins over a root, and where neither is given it
 * is the manager's own place. */
#include "config.h"

#include "vmp-import-plan-private.h"

#include <fcntl.h>
#include <glib/gi18n-lib.h>
#include <inttypes.h>
#include <string.h>

#include "vmp-at.h"
#include "vmp-error.h"
#include "vmp-fd.h"
#include "vmp-mark.h"
#include "vmp-name.h"

/* How many names are tried for a file whose own is taken. */
#define MAX_NAMES 64

/* A folder of the caller's choice. */
typedef struct
{
  char *path;
  GPtrArray *settings; /* the roots that name it; where there is none, a path does */
  GPtrArray *names;    /* to ask about */
  GHashTable *taken;   /* casefolded names of the machine's own images there */
  GVariant *reading;
} Folder;

typedef struct
{
  VmpImportPlan *plan;
  VmpSettings *settings;
  GPtrArray *folders;
  GHashTable *taken;  /* as of a folder: in the manager's own place */
  GStrv paths;       /* TargetResourcePaths as it would be mended */
  GPtrArray *about_paths; /* of VmpFinding, which are to carry @paths; not owned */
} Targets;

static void
folder_free (gpointer data)
{
  Folder *folder = data;

  g_free (folder->path);
  g_ptr_array_unref (folder->settings);
  g_ptr_array_unref (folder->names);
  g_hash_table_unref (folder->taken);
  g_clear_pointer (&folder->reading, g_variant_unref);
  g_free (folder);
}

static void
targets_clear (Targets *self)
{
  g_clear_pointer (&self->folders, g_ptr_array_unref);
  g_clear_pointer (&self->taken, g_hash_table_unref);
  g_clear_pointer (&self->paths, g_strfreev);
  g_clear_pointer (&self->about_paths, g_ptr_array_unref);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Targets, targets_clear)

static Folder *
find_folder (Targets *self, const char *path)
{
  for (guint i = 0; i < self->folders->len; i++)
    {
      Folder *folder = g_ptr_array_index (self->folders, i);

      if (strcmp (folder->path, path) == 0)
        return folder;
    }
  return NULL;
}

/* @setting: the root that names the folder; NULL for one that is part of a path. */
static Folder *
add_folder (Targets *self, const char *path, const char *setting)
{
  Folder *folder = find_folder (self, path);

  if (folder == NULL)
    {
      folder = g_new0 (Folder, 1);
      folder->path = g_strdup (path);
      folder->settings = g_ptr_array_new ();
      folder->names = g_ptr_array_new_with_free_func (g_free);
      folder->taken = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
      g_ptr_array_add (self->folders, folder);
    }
  if (setting != NULL && !g_ptr_array_find (folder->settings, setting, NULL))
    g_ptr_array_add (folder->settings, (gpointer) setting);
  return folder;
}

static const char *
get_given_path (Targets *self, guint position)
{
  const char *given = vmp_settings_get_given_element (self->settings, "TargetResourcePaths",
                                                      position);

  return given != NULL && given[0] != '\0' ? given : NULL;
}

static const char *
get_root (Targets *self, const char *key)
{
  const char *root = vmp_settings_get_string (self->settings, key);

  return root[0] != '\0' ? root : NULL;
}

static void
add_about_path (Targets *self, VmpFindingCode code, guint position, const char *message)
{
  VmpFinding *finding = vmp_finding_new (code, "TargetResourcePaths", (int) position, "%s",
                                         message);

  vmp_import_plan_add_finding (self->plan, finding, NULL);
  g_ptr_array_add (self->about_paths, finding);
}

static void
mend_path (Targets *self, guint position, const char *path)
{
  g_free (self->paths[position]);
  self->paths[position] = g_strdup (path);
}

/* The names that the caller chose come first: the others make way for them. */
static void
take_given_names (Targets *self)
{
  g_autoptr (GHashTable) seen = g_hash_table_new (g_str_hash, g_str_equal);

  for (guint i = 0; i < self->plan->disks->len; i++)
    {
      VmpImportDisk *disk = g_ptr_array_index (self->plan->disks, i);
      VmpImportFile *top = g_ptr_array_index (disk->images, 0);
      const char *given = get_given_path (self, i);
      g_autofree char *path = given != NULL ? g_path_get_dirname (given) : NULL;
      g_autofree char *base = NULL;
      g_autofree char *message = NULL;

      if (given == NULL)
        continue;
      base = g_path_get_basename (given);
      g_free (vmp_name_make_unique (base, add_folder (self, path, NULL)->taken));
      g_free (top->base);
      top->base = g_steal_pointer (&base);
      if (g_hash_table_add (seen, (gpointer) given))
        continue;
      message = g_strdup_printf (_ ("Two disks are to be “%s”"), given);
      add_about_path (self, VMP_FINDING_TARGET_EXISTS, i, message);
      mend_path (self, i, "");
    }
}

/* @path: the folder, or NULL for the manager's own place. */
static void
place_drive (Targets *self, VmpImportDisk *disk, const char *path, const char *setting)
{
  Folder *folder = path != NULL ? add_folder (self, path, setting) : NULL;

  for (guint n = 0; n < disk->images->len; n++)
    {
      VmpImportFile *image = g_ptr_array_index (disk->images, n);

      if (image->format == NULL)
        continue;
      if (image->base == NULL)
        image->base = vmp_package_name_image (image->member != NULL ? image->member : image->path,
                                              image->format,
                                              folder != NULL ? folder->taken : self->taken);
      image->folder = g_strdup (path);
    }
}

static void
place_drives (Targets *self)
{
  const char *root = get_root (self, "TargetVhdDataRoot");

  /* It has to be there even if every disk has a path of its own. */
  if (root != NULL)
    add_folder (self, root, "TargetVhdDataRoot");
  for (guint i = 0; i < self->plan->disks->len; i++)
    {
      const char *given = get_given_path (self, i);
      g_autofree char *path = given != NULL ? g_path_get_dirname (given) : NULL;

      place_drive (self, g_ptr_array_index (self->plan->disks, i), path != NULL ? path : root,
                   path != NULL ? NULL : "TargetVhdDataRoot");
    }
  for (guint i = 0; i < self->plan->media->len; i++)
    place_drive (self, g_ptr_array_index (self->plan->media, i), root, "TargetVhdDataRoot");
}

/* In a folder of its own, so that the files of two machines can lie beneath one root. A TPM's state
 * has no path that a configuration could name: it stays with the manager. */
static void
place_data (Targets *self)
{
  const char *root = get_root (self, "TargetVmDataRoot");
  const char *uuid = vmp_domain_get_uuid (self->plan->domain);
  g_autoptr (GPtrArray) files = vmp_import_plan_list_files (self->plan);
  Folder *folder;

  if (root == NULL)
    return;
  folder = add_folder (self, root, "TargetVmDataRoot");
  g_ptr_array_add (folder->names, g_strdup (uuid));
  for (guint i = 0; i < files->len; i++)
    {
      VmpImportFile *file = g_ptr_array_index (files, i);
      char *base;

      /* libvirt looks for a state in its own folder alone. */
      if (file->stays || file->save_image || file->role == VMP_ROLE_DISK
          || file->role == VMP_ROLE_MEDIA || file->role == VMP_ROLE_TPM
          || file->role == VMP_ROLE_SNAPSHOT_DISK || file->role == VMP_ROLE_SNAPSHOT_MEMORY)
        continue;
      base = g_build_filename (uuid, file->base, NULL);
      g_free (file->base);
      file->base = base;
      file->folder = g_strdup (root);
    }
}

/* So it is with what only snapshots need. */
static void
place_snapshot_files (Targets *self)
{
  const char *root = get_root (self, "TargetSnapshotDataRoot");
  const char *uuid = vmp_domain_get_uuid (self->plan->domain);
  Folder *folder;

  if (root == NULL)
    return;
  folder = add_folder (self, root, "TargetSnapshotDataRoot");
  g_ptr_array_add (folder->names, g_strdup (uuid));
  for (guint i = 0; i < self->plan->snapshot_files->len; i++)
    {
      VmpImportFile *file = g_ptr_array_index (self->plan->snapshot_files, i);
      char *base;

      if (file->stays || file->save_image)
        continue;
      base = g_build_filename (uuid, file->base, NULL);
      g_free (file->base);
      file->base = base;
      file->folder = g_strdup (root);
    }
}

/* All names that a file could have there are asked about at once. */
static void
ask_about_name (Folder *folder, const char *base)
{
  g_ptr_array_add (folder->names, g_strdup (base));
  for (guint i = 2; i < MAX_NAMES; i++)
    g_ptr_array_add (folder->names, vmp_name_number (base, i));
}

static void
ask_about_images (Targets *self, VmpImportDisk *disk)
{
  for (guint n = 0; n < disk->images->len; n++)
    {
      VmpImportFile *image = g_ptr_array_index (disk->images, n);
      Folder *folder = image->folder != NULL ? find_folder (self, image->folder) : NULL;

      if (folder != NULL)
        ask_about_name (folder, image->base);
    }
}

/* The name that the top image would have without a path of its own, or NULL. */
static char *
get_own_name (Targets *self, guint position)
{
  VmpImportDisk *disk = g_ptr_array_index (self->plan->disks, position);
  VmpImportFile *top = g_ptr_array_index (disk->images, 0);
  g_autoptr (GHashTable) taken = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);

  return top->format != NULL ? vmp_package_name_image (top->member != NULL ? top->member
                                                                           : top->path,
                                                       top->format, taken)
                             : NULL;
}

/* A path that cannot be used may have to be left to the root. */
static void
ask_about_root (Targets *self, guint position)
{
  const char *root = get_root (self, "TargetVhdDataRoot");
  g_autofree char *base = get_own_name (self, position);

  if (root != NULL && base != NULL && get_given_path (self, position) != NULL)
    ask_about_name (find_folder (self, root), base);
}

static gboolean
ask_worker (Targets *self, GError **error)
{
  g_autoptr (GVariant) reply = NULL;
  g_autoptr (GVariant) readings = NULL;
  GVariantBuilder builder;

  if (self->folders->len == 0)
    return TRUE;
  g_variant_builder_init (&builder, G_VARIANT_TYPE ("a(sas)"));
  for (guint i = 0; i < self->folders->len; i++)
    {
      Folder *folder = g_ptr_array_index (self->folders, i);

      if (!vmp_machines_check_target (vmp_run_get_machines (self->plan->run), folder->path, error))
        {
          g_variant_builder_clear (&builder);
          return FALSE;
        }
      g_variant_builder_add (&builder, "(s@as)", folder->path,
                             g_variant_new_strv ((const char *const *) folder->names->pdata,
                                                 (gssize) folder->names->len));
    }
  reply = vmp_worker_host_call (self->plan->worker, "ExamineTargets",
                                g_variant_new ("(a(sas))", &builder), "(aa{sv})", NULL, NULL,
                                error);
  if (reply == NULL)
    return FALSE;
  readings = g_variant_get_child_value (reply, 0);
  if (g_variant_n_children (readings) != self->folders->len)
    return vmp_error_set (error, VMPORT_ERROR_FAILED,
                          "The worker did not answer for a folder that it was asked about");
  for (guint i = 0; i < self->folders->len; i++)
    ((Folder *) g_ptr_array_index (self->folders, i))->reading
        = g_variant_get_child_value (readings, i);
  return TRUE;
}

/* The folder is not there: without it, the manager's own place would do. */
static void
report_no_folder (Targets *self, Folder *folder, const char *message)
{
  for (guint i = 0; i < folder->settings->len; i++)
    {
      const char *setting = g_ptr_array_index (folder->settings, i);

      vmp_import_plan_add_finding (self->plan,
                                   vmp_finding_new (VMP_FINDING_TARGET_MISSING, setting, -1,
                                                    _ ("The target folder “%s” is not there; make "
                                                       "it first (%s)"),
                                                    folder->path, message),
                                   vmp_import_resolve_with (setting, g_variant_new_string ("")));
    }
  for (guint i = 0; i < self->plan->disks->len; i++)
    {
      const char *given = get_given_path (self, i);
      g_autofree char *wanted = given != NULL ? g_path_get_dirname (given) : NULL;
      g_autofree char *text = NULL;

      if (g_strcmp0 (wanted, folder->path) != 0)
        continue;
      text = g_strdup_printf (_ ("The target folder “%s” is not there; make it first (%s)"),
                              folder->path, message);
      add_about_path (self, VMP_FINDING_TARGET_MISSING, i, text);
      mend_path (self, i, "");
    }
}

static const char *
name_setting (Folder *folder)
{
  return folder->settings->len > 0 ? g_ptr_array_index (folder->settings, 0)
                                   : "TargetResourcePaths";
}

static gboolean
note_place (VmpImportPlan *plan, Folder *folder, GError **error)
{
  GVariant *place = g_variant_lookup_value (folder->reading, "Place",
                                            G_VARIANT_TYPE (VMP_MARK_TYPE));

  if (place == NULL)
    return vmp_error_set (error, VMPORT_ERROR_FAILED, "The worker does not say which folder it is");
  g_hash_table_replace (plan->places, g_strdup (folder->path), place);
  return TRUE;
}

GVariant *
vmp_import_plan_get_place (VmpImportPlan *self, const char *folder)
{
  return g_hash_table_lookup (self->places, folder);
}

static gboolean
check_folder (Targets *self, Folder *folder, GError **error)
{
  g_autofree char *resolved = vmp_import_plan_resolve (self->plan, folder->path);
  g_autoptr (GError) local_error = NULL;
  gboolean leases = TRUE;

  if (resolved == NULL)
    return vmp_error_set (error, VMPORT_ERROR_NOT_SUPPORTED,
                          _ ("%s: the directory has no path on this host that the machine could "
                             "find “%s” by; name the target with an absolute path"),
                          name_setting (folder), folder->path);
  if (!vmp_worker_host_check_reading (folder->reading, &local_error))
    {
      if (g_error_matches (local_error, VMPORT_ERROR, VMPORT_ERROR_NOT_FOUND))
        {
          report_no_folder (self, folder, local_error->message);
          return TRUE;
        }
      g_propagate_prefixed_error (error, g_steal_pointer (&local_error), "%s: ",
                                  name_setting (folder));
      return FALSE;
    }
  g_variant_lookup (folder->reading, "Leases", "b", &leases);
  if (leases)
    return note_place (self->plan, folder, error);
  return vmp_error_set (error, VMPORT_ERROR_UNSAFE,
                        _ ("%s: the file system of “%s” cannot tell whether a file is still open "
                           "for writing (it has no leases); choose another folder"),
                        name_setting (folder), folder->path);
}

static gboolean
is_taken (Folder *folder, const char *name)
{
  g_autofree const char **taken = NULL;

  return g_variant_lookup (folder->reading, "Taken", "^a&s", &taken)
         && g_strv_contains ((const char *const *) taken, name);
}

/* A free name, which no other file of the machine will have either; or NULL. */
static char *
find_free_name (Folder *folder, const char *base)
{
  for (guint i = 2; i < MAX_NAMES; i++)
    {
      g_autofree char *name = vmp_name_number (base, i);
      g_autofree char *unique = NULL;

      if (is_taken (folder, name))
        continue;
      unique = vmp_name_make_unique (name, folder->taken);
      if (strcmp (unique, name) == 0)
        return g_steal_pointer (&name);
    }
  return NULL;
}

/* Nothing is ever overwritten. The top image has a name that the caller can count on, so another one
 * is the caller's to choose; all the others just make way. */
static gboolean
check_name (Targets *self, VmpImportFile *image, int position, GError **error)
{
  Folder *folder = image->folder != NULL ? find_folder (self, image->folder) : NULL;
  g_autofree char *other = NULL;
  g_autofree char *path = NULL;
  g_autofree char *message = NULL;

  if (folder == NULL || !is_taken (folder, image->base))
    return TRUE;
  other = find_free_name (folder, image->base);
  if (position < 0)
    {
      if (other == NULL)
        return vmp_error_set (error, VMPORT_ERROR_EXISTS,
                              _ ("“%s/%s” exists, and so do all other names for it; choose another "
                                 "folder"),
                              folder->path, image->base);
      g_free (image->base);
      image->base = g_steal_pointer (&other);
      return TRUE;
    }
  message = g_strdup_printf (_ ("“%s/%s” exists; name another place, or move it away"),
                             folder->path, image->base);
  add_about_path (self, VMP_FINDING_TARGET_EXISTS, (guint) position, message);
  path = other != NULL ? vmp_name_join (folder->path, other) : g_strdup ("");
  mend_path (self, (guint) position, path);
  return TRUE;
}

static gboolean
check_names (Targets *self, GError **error)
{
  for (guint i = 0; i < self->plan->disks->len + self->plan->media->len; i++)
    {
      gboolean is_disk = i < self->plan->disks->len;
      VmpImportDisk *disk
          = is_disk ? g_ptr_array_index (self->plan->disks, i)
                    : g_ptr_array_index (self->plan->media, i - self->plan->disks->len);

      for (guint n = 0; n < disk->images->len; n++)
        if (!check_name (self, g_ptr_array_index (disk->images, n),
                         is_disk && n == 0 ? (int) i : -1, error))
          return FALSE;
    }
  return TRUE;
}

static void
check_data_folder (Targets *self, const char *key)
{
  const char *root = get_root (self, key);
  const char *uuid = vmp_domain_get_uuid (self->plan->domain);
  Folder *folder = root != NULL ? find_folder (self, root) : NULL;

  if (folder != NULL && is_taken (folder, uuid))
    vmp_import_plan_add_finding (self->plan,
                                 vmp_finding_new (VMP_FINDING_TARGET_EXISTS, key, -1,
                                                  _ ("“%s/%s” exists; name another place, or move "
                                                     "it away"),
                                                  root, uuid),
                                 vmp_import_resolve_with (key, g_variant_new_string ("")));
}

/* A path that is mended to nothing leaves the disk to the root, where its own name may be taken. */
static void
mend_by_root (Targets *self)
{
  const char *root = get_root (self, "TargetVhdDataRoot");
  Folder *folder = root != NULL ? find_folder (self, root) : NULL;

  for (guint i = 0; i < self->plan->disks->len && folder != NULL; i++)
    {
      g_autofree char *base = get_own_name (self, i);
      g_autofree char *other = NULL;
      g_autofree char *path = NULL;

      if (get_given_path (self, i) == NULL || self->paths[i][0] != '\0' || base == NULL
          || !is_taken (folder, base))
        continue;
      other = find_free_name (folder, base);
      if (other == NULL)
        continue;
      path = g_build_filename (root, other, NULL);
      mend_path (self, i, path);
    }
}

/* What is to be written on one file system, and where. */
typedef struct
{
  const char *path;
  VmpSpace space;
  guint64 needed;
} Volume;

static Volume *
find_volume (GArray *volumes, guint64 device)
{
  for (guint i = 0; i < volumes->len; i++)
    if (g_array_index (volumes, Volume, i).space.device == device)
      return &g_array_index (volumes, Volume, i);
  return NULL;
}

static Volume *
volume_of (Targets *self, GArray *volumes, VmpImportFile *file)
{
  Folder *folder = file->folder != NULL ? find_folder (self, file->folder) : NULL;
  Volume volume = { 0 };
  Volume *found;

  if (folder == NULL)
    return &g_array_index (volumes, Volume, 0);
  if (!g_variant_lookup (folder->reading, "Device", "t", &volume.space.device)
      || !g_variant_lookup (folder->reading, "Free", "t", &volume.space.free_bytes)
      || !g_variant_lookup (folder->reading, "CanShare", "b", &volume.space.can_share))
    return NULL; /* it is not there */
  found = find_volume (volumes, volume.space.device);
  if (found != NULL)
    return found;
  volume.path = folder->path;
  g_array_append_val (volumes, volume);
  return &g_array_index (volumes, Volume, volumes->len - 1);
}

static void
add_need (Targets *self, GArray *volumes, VmpImportFile *file)
{
  VmpImportPlan *plan = self->plan;
  Volume *volume = NULL;
  guint64 device = 0;

  if (file->stays || file->source == VMP_NO_SOURCE
      || !vmp_source_list_check (plan->sources, file->source, NULL))
    return;
  volume = volume_of (self, volumes, file);
  if (volume == NULL)
    return;
  g_variant_lookup (vmp_source_list_get_reading (plan->sources, file->source), "Device", "t",
                    &device);
  if (!volume->space.can_share || device != volume->space.device)
    volume->needed += vmp_source_list_get_payload (plan->sources, file->source);
}

/* What is copied must fit, unless it can be shared instead. */
static gboolean
check_space (Targets *self, GError **error)
{
  g_auto (GStrv) roots = vmp_machines_list_roots (vmp_run_get_machines (self->plan->run));
  vmp_autofd int fd = vmp_at_open_absolute (roots[0], O_RDONLY | O_DIRECTORY, error);
  g_autoptr (GArray) volumes = g_array_new (FALSE, FALSE, sizeof (Volume));
  g_autoptr (GPtrArray) files = vmp_import_plan_list_files (self->plan);
  Volume own = { .path = roots[0] };

  if (fd < 0 || !vmp_fd_get_space (fd, &own.space, error))
    return FALSE;
  g_array_append_val (volumes, own);
  for (guint i = 0; i < files->len; i++)
    add_need (self, volumes, g_ptr_array_index (files, i));
  for (guint i = 0; i < volumes->len; i++)
    {
      const Volume *volume = &g_array_index (volumes, Volume, i);
      VmpFinding *finding;

      if (volume->needed <= volume->space.free_bytes)
        continue;
      finding = vmp_finding_new (VMP_FINDING_NOT_ENOUGH_SPACE, "", -1,
                                 _ ("The import needs %" PRIu64 " bytes in “%s”; %" PRIu64
                                    " are free"),
                                 volume->needed, volume->path, volume->space.free_bytes);
      finding->bytes = volume->needed;
      vmp_import_plan_add_finding (self->plan, finding, NULL);
    }
  return TRUE;
}

/* What the header of @image's copy will name, as far as that is known before the copy has its place. */
static char *
name_below (Targets *self, VmpImportFile *image)
{
  VmpImportFile *below = image->below;
  const char *uuid = vmp_domain_get_uuid (self->plan->domain);
  g_auto (GStrv) roots = NULL;
  g_autofree char *folder = NULL;
  g_autofree char *member = NULL;

  if (image->role == below->role && g_strcmp0 (image->folder, below->folder) == 0
      && strchr (image->base, '/') == NULL)
    return g_strdup (below->base);
  if (below->folder != NULL)
    {
      folder = vmp_import_plan_resolve (self->plan, below->folder);
      return vmp_name_join (folder != NULL ? folder : ".", below->base);
    }
  roots = vmp_machines_list_roots (vmp_run_get_machines (self->plan->run));
  member = vmp_import_file_get_member (below, uuid);
  return g_build_filename (roots[0], uuid, member, NULL);
}

/* The copies' headers will name the copies beneath them; whether there is room for that is known
 * before the first byte is copied. */
static gboolean
check_chains (Targets *self, GError **error)
{
  VmpImportPlan *plan = self->plan;
  g_autoptr (GPtrArray) files = vmp_import_plan_list_files (plan);
  g_autoptr (GPtrArray) images = g_ptr_array_new ();
  g_autoptr (GArray) sources = g_array_new (FALSE, FALSE, sizeof (guint));

  for (guint i = 0; i < files->len; i++)
    {
      VmpImportFile *image = g_ptr_array_index (files, i);
      g_autofree char *backing = NULL;
      guint source;

      if (image->below == NULL || image->stays || image->base == NULL || image->below->base == NULL
          || image->found == NULL || !vmp_source_list_check (plan->sources, image->source, NULL))
        continue;
      backing = name_below (self, image);
      source = vmp_source_list_add_path (plan->sources, image->found, image->format);
      vmp_source_list_set_backing (plan->sources, source, backing, image->below->format);
      g_array_append_val (sources, source);
      g_ptr_array_add (images, image);
    }
  if (!vmp_source_list_send (plan->sources, plan->worker, error))
    return FALSE;
  for (guint i = 0; i < sources->len; i++)
    if (!vmp_source_list_check (plan->sources, g_array_index (sources, guint, i), error))
      {
        g_prefix_error (error, _ ("The disk “%s”: "),
                        ((VmpImportFile *) g_ptr_array_index (images, i))->target);
        return FALSE;
      }
  return TRUE;
}

/* After the machine's own id is settled. */
gboolean
vmp_import_plan_settle_targets (VmpImportPlan *plan, VmpSettings *settings, GError **error)
{
  g_auto (Targets) self = { plan, settings, NULL, NULL, NULL, NULL };
  gboolean copies = vmp_settings_get_boolean (settings, "CreateCopy");

  self.folders = g_ptr_array_new_with_free_func (folder_free);
  self.taken = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  self.paths = g_strdupv ((GStrv) vmp_settings_get_strv (settings, "TargetResourcePaths"));
  self.about_paths = g_ptr_array_new ();
  if (copies)
    {
      take_given_names (&self);
      place_drives (&self);
      place_data (&self);
      place_snapshot_files (&self);
      for (guint i = 0; i < plan->disks->len; i++)
        {
          ask_about_images (&self, g_ptr_array_index (plan->disks, i));
          ask_about_root (&self, i);
        }
      for (guint i = 0; i < plan->media->len; i++)
        ask_about_images (&self, g_ptr_array_index (plan->media, i));
    }
  if (!ask_worker (&self, error))
    return FALSE;
  for (guint i = 0; i < self.folders->len; i++)
    if (!check_folder (&self, g_ptr_array_index (self.folders, i), error))
      return FALSE;
  if (!check_names (&self, error) || !check_chains (&self, error))
    return FALSE;
  check_data_folder (&self, "TargetVmDataRoot");
  check_data_folder (&self, "TargetSnapshotDataRoot");
  if (copies)
    mend_by_root (&self);
  for (guint i = 0; i < self.about_paths->len; i++)
    vmp_finding_set_resolution (
        g_ptr_array_index (self.about_paths, i),
        vmp_import_resolve_with ("TargetResourcePaths",
                                 g_variant_new_strv ((const char *const *) self.paths, -1)));
  return check_space (&self, error);
}
