/* Where an import reads each file: an explicit path wins over a root, and a root over what lies in
 * the directory. */
#include "config.h"

#include "vmp-import-plan-private.h"

#include <glib/gi18n-lib.h>
#include <inttypes.h>
#include <string.h>

#include "vmp-error.h"
#include "vmp-import-snapshots.h"
#include "vmp-name.h"

/* A place where a file may be. */
typedef struct
{
  VmpImportFile *file;
  guint source;
  char *path;
  gboolean is_member;
} Candidate;

/* Candidates of all files, in the order in which they are tried. */
typedef struct
{
  VmpImportPlan *plan;
  VmpSettings *settings;
  GArray *candidates;
} Search;

static void
candidate_clear (gpointer data)
{
  g_free (((Candidate *) data)->path);
}

static void
search_clear (Search *self)
{
  g_clear_pointer (&self->candidates, g_array_unref);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Search, search_clear)

/* The root where the caller set it to something of its own, else NULL. */
static const char *
get_given_root (VmpSettings *settings, const char *key)
{
  const char *root = vmp_settings_get_string (settings, key);

  return vmp_settings_is_given (settings, key) && root[0] != '\0' ? root : NULL;
}

static char *
base_of (VmpImportFile *file)
{
  return g_path_get_basename (file->member != NULL ? file->member : file->path);
}

static VmpSourceFlags
flags_of (VmpImportFile *file)
{
  if (file->save_image)
    return VMP_SOURCE_SAVE_IMAGE;
  if (!file->stays)
    return VMP_SOURCE_PLAIN;
  return file->written ? VMP_SOURCE_HAND_OVER | VMP_SOURCE_WRITABLE : VMP_SOURCE_HAND_OVER;
}

/* Takes @path. */
static void
add_path (Search *self, VmpImportFile *file, char *path)
{
  Candidate candidate = { file, 0, path, FALSE };

  candidate.source = vmp_source_list_add_path (self->plan->sources, path, file->format);
  vmp_source_list_set_flags (self->plan->sources, candidate.source, flags_of (file));
  g_array_append_val (self->candidates, candidate);
}

static void
add_member (Search *self, VmpImportFile *file)
{
  Candidate candidate = { file, file->member_source, NULL, TRUE };

  if (file->member == NULL)
    return;
  candidate.path = g_build_filename (self->plan->directory, file->member, NULL);
  if (file->stays)
    {
      candidate.source = vmp_source_list_add_member (self->plan->sources, file->member,
                                                     file->format);
      vmp_source_list_set_flags (self->plan->sources, candidate.source, flags_of (file));
    }
  g_array_append_val (self->candidates, candidate);
}

static void
add_beneath (Search *self, VmpImportFile *file, const char *folder)
{
  g_autofree char *base = base_of (file);

  if (folder != NULL && folder[0] != '\0')
    add_path (self, file, vmp_name_join (folder, base));
}

/* Lower images have no position: they are beside their top image, or in one of the roots. */
static void
add_lower (Search *self, VmpImportFile *file, const char *beside)
{
  add_beneath (self, file, beside);
  if (beside == NULL)
    add_member (self, file);
  add_beneath (self, file, vmp_settings_get_string (self->settings, "SourceVhdDataRoot"));
  add_beneath (self, file, vmp_settings_get_string (self->settings, "SourceSnapshotDataRoot"));
  if (beside != NULL)
    add_member (self, file);
}

static void
add_disk (Search *self, guint position)
{
  VmpImportDisk *disk = g_ptr_array_index (self->plan->disks, position);
  const char *root = get_given_root (self->settings, "SourceVhdDataRoot");
  const char *given = vmp_settings_get_given_element (self->settings, "SourceResourcePaths",
                                                      position);
  gboolean explicit = given != NULL && given[0] != '\0';
  g_autofree char *beside = explicit ? g_path_get_dirname (given) : g_strdup (root);

  for (guint n = 0; n < disk->images->len; n++)
    {
      VmpImportFile *image = g_ptr_array_index (disk->images, n);

      if (n > 0)
        add_lower (self, image, beside);
      else if (explicit)
        add_path (self, image, g_strdup (given));
      else if (root != NULL)
        add_beneath (self, image, root);
      else
        add_member (self, image);
    }
}

static void
add_medium (Search *self, VmpImportDisk *drive)
{
  const char *root = get_given_root (self->settings, "SourceVhdDataRoot");

  for (guint n = 0; n < drive->images->len; n++)
    {
      VmpImportFile *image = g_ptr_array_index (drive->images, n);

      add_beneath (self, image, root);
      add_member (self, image);
    }
}

/* The root is the folder that holds the package's folder of the machine, or the files themselves. */
static void
add_data (Search *self, VmpImportFile *file, const char *name)
{
  const char *root = get_given_root (self->settings, "SourceVmDataRoot");

  if (root == NULL)
    {
      add_member (self, file);
      return;
    }
  if (self->plan->package != NULL)
    add_path (self, file,
              g_build_filename (root, vmp_package_get_uuid (self->plan->package), name, NULL));
  add_path (self, file, g_build_filename (root, name, NULL));
}

/* Its name beneath the folder of all snapshots: in the package, or as the package would have it. */
char *
vmp_import_plan_name_in_snapshots (VmpImportPlan *plan, VmpImportFile *file)
{
  static const char folder[] = VMP_PACKAGE_SNAPSHOT_FOLDER "/";
  g_autofree char *own = NULL;
  g_autofree char *base = NULL;

  if (file->member != NULL && g_str_has_prefix (file->member, folder))
    return g_strdup (file->member + strlen (folder));
  own = g_path_get_dirname (file->base);
  base = base_of (file);
  return vmp_name_join (own, base);
}

/* A file that only snapshots need: in the roots by its name in the package or by its base name, or
 * beside the disk that it is of. */
static void
add_snapshot_file (Search *self, VmpImportFile *file)
{
  const char *snapshots = vmp_settings_get_string (self->settings, "SourceSnapshotDataRoot");
  gboolean given = get_given_root (self->settings, "SourceSnapshotDataRoot") != NULL;
  g_autofree char *name = vmp_import_plan_name_in_snapshots (self->plan, file);

  if (!given)
    add_member (self, file);
  if (snapshots[0] != '\0')
    add_path (self, file, vmp_name_join (snapshots, name));
  add_beneath (self, file, snapshots);
  for (guint i = 0; file->target != NULL && i < self->plan->disks->len; i++)
    {
      VmpImportDisk *disk = g_ptr_array_index (self->plan->disks, i);
      const char *path = vmp_settings_get_given_element (self->settings, "SourceResourcePaths", i);
      g_autofree char *beside = NULL;

      if (path == NULL || path[0] == '\0' || strcmp (disk->target, file->target) != 0)
        continue;
      beside = g_path_get_dirname (path);
      add_beneath (self, file, beside);
    }
  add_beneath (self, file, vmp_settings_get_string (self->settings, "SourceVhdDataRoot"));
  if (given)
    add_member (self, file);
}

gboolean
vmp_import_plan_is_missing (VmpImportPlan *plan, guint source)
{
  g_autoptr (GError) error = NULL;

  return !vmp_source_list_check (plan->sources, source, &error)
         && g_error_matches (error, VMPORT_ERROR, VMPORT_ERROR_NOT_FOUND);
}

/* The first that is there; where none is, the first of all, which is the one to tell about. */
static void
choose (Search *self)
{
  for (guint i = 0; i < self->candidates->len; i++)
    {
      Candidate *candidate = &g_array_index (self->candidates, Candidate, i);
      VmpImportFile *file = candidate->file;

      if (file->source != VMP_NO_SOURCE
          && (!vmp_import_plan_is_missing (self->plan, file->source)
              || vmp_import_plan_is_missing (self->plan, candidate->source)))
        continue;
      file->source = candidate->source;
      file->is_member = candidate->is_member;
      g_free (file->found);
      file->found = g_strdup (candidate->path);
    }
}

static void
forget_sources (VmpImportPlan *plan)
{
  g_autoptr (GPtrArray) files = vmp_import_plan_list_files (plan);

  for (guint i = 0; i < files->len; i++)
    ((VmpImportFile *) g_ptr_array_index (files, i))->source = VMP_NO_SOURCE;
}

static gboolean
can_read (VmpImportPlan *plan, VmpImportFile *file)
{
  return file->source != VMP_NO_SOURCE
         && vmp_source_list_check (plan->sources, file->source, NULL);
}

/* What could be read in a missing file's stead: is it there, and does it have the size? */
gboolean
vmp_import_plan_is_substitute (VmpImportPlan *plan, VmpImportFile *file, guint source)
{
  guint64 size = 0;

  if (source == VMP_NO_SOURCE || !vmp_source_list_check (plan->sources, source, NULL))
    return FALSE;
  g_variant_lookup (vmp_source_list_get_reading (plan->sources, source), "Size", "t", &size);
  return file->size == G_MAXUINT64 || file->size == size;
}

static gboolean
disk_is_missing (VmpImportPlan *plan, VmpImportDisk *disk)
{
  for (guint n = 0; n < disk->images->len; n++)
    {
      VmpImportFile *image = g_ptr_array_index (disk->images, n);

      if (image->format != NULL
          && (image->source == VMP_NO_SOURCE || vmp_import_plan_is_missing (plan, image->source)))
        return TRUE;
    }
  return FALSE;
}

/* Where the whole chain of each missing disk lay on the exporting host, which may be this one. An
 * array of sources for each disk, NULL for those that are not missing. */
static GPtrArray *
look_at_origins (VmpImportPlan *plan, GError **error)
{
  g_autoptr (GPtrArray) origins = g_ptr_array_new ();

  g_ptr_array_set_free_func (origins, (GDestroyNotify) g_array_unref);
  for (guint i = 0; i < plan->disks->len; i++)
    {
      VmpImportDisk *disk = g_ptr_array_index (plan->disks, i);
      VmpImportFile *top = g_ptr_array_index (disk->images, 0);
      GArray *sources = g_array_new (FALSE, FALSE, sizeof (guint));
      g_autofree char *folder = g_path_get_dirname (top->path);

      g_ptr_array_add (origins, sources);
      if (!disk_is_missing (plan, disk) || !vmp_name_is_absolute (top->path))
        continue;
      for (guint n = 0; n < disk->images->len; n++)
        {
          VmpImportFile *image = g_ptr_array_index (disk->images, n);
          g_autofree char *base = base_of (image);
          g_autofree char *path = n == 0 ? g_strdup (image->path)
                                         : g_build_filename (folder, base, NULL);
          guint source = vmp_source_list_add_path (plan->sources, path, image->format);

          /* The package named it, not the caller. */
          vmp_source_list_set_flags (plan->sources, source, VMP_SOURCE_LOOK);
          g_array_append_val (sources, source);
        }
    }
  if (!vmp_source_list_send (plan->sources, plan->worker, error))
    return NULL;
  return g_steal_pointer (&origins);
}

static gboolean
lay_there (VmpImportPlan *plan, VmpImportDisk *disk, GArray *origins)
{
  for (guint n = 0; n < disk->images->len; n++)
    {
      VmpImportFile *image = g_ptr_array_index (disk->images, n);

      if (n >= origins->len
          || !vmp_import_plan_is_substitute (plan, image, g_array_index (origins, guint, n)))
        return FALSE;
    }
  return TRUE;
}

static gboolean
lies_in_directory (VmpImportPlan *plan, VmpImportDisk *disk)
{
  for (guint n = 0; n < disk->images->len; n++)
    {
      VmpImportFile *image = g_ptr_array_index (disk->images, n);

      if (!vmp_import_plan_is_substitute (plan, image, image->member_source))
        return FALSE;
    }
  return TRUE;
}

/* The settings that would find what is missing, as far as anything would: the disks where they lay
 * before, or in the directory, for which a root that leads elsewhere has to be given up. NULL where
 * nothing can be mended; floating. */
static GVariant *
resolve_missing (VmpImportPlan *plan, VmpSettings *settings, GError **error)
{
  g_autoptr (GPtrArray) origins = look_at_origins (plan, error);
  g_auto (GStrv) before = NULL;
  g_auto (GStrv) paths = NULL;
  g_autofree char *default_root = NULL;
  gboolean mended = FALSE, reset = FALSE;
  GVariantDict dict;

  if (origins == NULL)
    return NULL;
  paths = g_strdupv ((GStrv) vmp_settings_get_strv (settings, "SourceResourcePaths"));
  g_variant_lookup (plan->prefilled, "SourceResourcePaths", "^as", &before);
  g_variant_lookup (plan->prefilled, "SourceVhdDataRoot", "s", &default_root);
  for (guint i = 0; i < plan->disks->len; i++)
    {
      VmpImportDisk *disk = g_ptr_array_index (plan->disks, i);
      const char *better = NULL;

      if (!disk_is_missing (plan, disk))
        continue;
      if (lies_in_directory (plan, disk))
        better = before[i];
      else if (lay_there (plan, disk, g_ptr_array_index (origins, i)))
        better = ((VmpImportFile *) g_ptr_array_index (disk->images, 0))->path;
      if (better == NULL)
        continue;
      reset = reset || better == before[i];
      mended = TRUE;
      g_free (paths[i]);
      paths[i] = g_strdup (better);
    }
  if (!mended)
    return NULL;
  reset = reset && get_given_root (settings, "SourceVhdDataRoot") != NULL;
  /* Who was found by the root alone goes on to be found there. */
  for (guint i = 0; reset && i < plan->disks->len; i++)
    {
      VmpImportDisk *disk = g_ptr_array_index (plan->disks, i);
      VmpImportFile *top = g_ptr_array_index (disk->images, 0);

      if (disk_is_missing (plan, disk)
          || vmp_settings_get_given_element (settings, "SourceResourcePaths", i) != NULL)
        continue;
      g_free (paths[i]);
      paths[i] = g_strdup (top->found);
    }
  g_variant_dict_init (&dict, NULL);
  g_variant_dict_insert (&dict, "SourceResourcePaths", "^as", paths);
  if (reset)
    g_variant_dict_insert (&dict, "SourceVhdDataRoot", "s", default_root);
  return g_variant_dict_end (&dict);
}

static gboolean
report_missing (VmpImportPlan *plan, VmpSettings *settings, GError **error)
{
  g_autoptr (GError) local_error = NULL;
  g_autoptr (GVariant) resolution = NULL;
  gboolean any = FALSE;

  for (guint i = 0; i < plan->disks->len; i++)
    any = any || disk_is_missing (plan, g_ptr_array_index (plan->disks, i));
  if (!any)
    return TRUE;
  resolution = resolve_missing (plan, settings, &local_error);
  if (local_error != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&local_error));
      return FALSE;
    }
  if (resolution != NULL)
    g_variant_ref_sink (resolution);
  for (guint i = 0; i < plan->disks->len; i++)
    {
      VmpImportDisk *disk = g_ptr_array_index (plan->disks, i);

      for (guint n = 0; n < disk->images->len; n++)
        {
          VmpImportFile *image = g_ptr_array_index (disk->images, n);
          g_autoptr (GError) why = NULL;

          if (image->format == NULL
              || (image->source != VMP_NO_SOURCE && !vmp_import_plan_is_missing (plan, image->source)))
            continue;
          if (image->source != VMP_NO_SOURCE)
            vmp_source_list_check (plan->sources, image->source, &why);
          vmp_import_plan_add_finding (
              plan,
              why != NULL
                  ? vmp_finding_new (VMP_FINDING_SOURCE_MISSING, "SourceResourcePaths", (int) i,
                                     _ ("The disk “%s”: %s"), disk->target, why->message)
                  : vmp_finding_new (VMP_FINDING_SOURCE_MISSING, "SourceResourcePaths", (int) i,
                                     _ ("The disk “%s” (“%s”) is not in the directory; say where "
                                        "it is with SourceResourcePaths or SourceVhdDataRoot"),
                                     disk->target, image->path),
              resolution);
        }
    }
  return TRUE;
}

static gboolean
check_size (VmpImportPlan *plan, VmpImportFile *file, VmpSettings *settings, GError **error)
{
  guint64 size = 0;

  g_variant_lookup (vmp_source_list_get_reading (plan->sources, file->source), "Size", "t", &size);
  if (vmp_settings_get_boolean (settings, "VerifyChecksums") && file->size != G_MAXUINT64
      && file->size != size)
    return vmp_error_set (error, VMPORT_ERROR_CORRUPT,
                          _ ("“%s” has %" PRIu64 " bytes; the package states %" PRIu64),
                          file->found, size, file->size);
  return TRUE;
}

/* Does the header's @backing name @below? In a package it is a name as seen from the overlay's folder,
 * and leads nowhere else; a file that was found elsewhere may well have moved. */
static gboolean
names_below (VmpImportPlan *plan, VmpImportFile *image, VmpImportFile *below, const char *backing)
{
  g_autofree char *named = NULL;
  g_autofree char *wanted = NULL;

  if (plan->package != NULL && image->is_member && below->is_member)
    return vmp_package_names_member (image->member, backing, below->member);
  named = g_path_get_basename (backing);
  wanted = g_path_get_basename (plan->bare || below->member == NULL ? below->path : below->member);
  return strcmp (named, wanted) == 0;
}

/* The overlay's header must name the image that the configuration puts beneath it, and the lowest
 * one none: what the header says is what a hypervisor would open. */
static gboolean
check_backing (VmpImportPlan *plan, VmpImportFile *image, GError **error)
{
  VmpImportFile *below = image->below;
  GVariant *reading = vmp_source_list_get_reading (plan->sources, image->source);
  const char *backing = NULL;

  g_variant_lookup (reading, "BackingFile", "&s", &backing);
  if (below == NULL && backing == NULL)
    return TRUE;
  if (below == NULL || backing == NULL)
    return vmp_error_set (error, VMPORT_ERROR_CORRUPT,
                          _ ("The backing chain of the disk “%s” is not the one that its images "
                             "name (“%s”)"),
                          image->target, backing != NULL ? backing : _ ("none"));
  if (!names_below (plan, image, below, backing))
    return vmp_error_set (error, VMPORT_ERROR_CORRUPT,
                          _ ("An image of the disk “%s” names “%s” as its backing file; “%s” is "
                             "expected"),
                          image->target, backing,
                          below->member != NULL ? below->member : below->path);
  return TRUE;
}

static gboolean
check_image (VmpImportPlan *plan, int position, VmpImportFile *image, VmpSettings *settings,
             GError **error)
{
  const char *setting = position >= 0 ? "SourceResourcePaths" : "";
  g_autoptr (GError) local_error = NULL;

  if (image->format == NULL)
    {
      vmp_import_plan_add_finding (
          plan,
          vmp_finding_new (VMP_FINDING_UNSAFE_IMAGE, setting, position,
                           _ ("The disk “%s” has no stated format; state it in the configuration "
                              "(<driver type=…/>), it is not guessed"),
                           image->target),
          NULL);
      return TRUE;
    }
  if ((position >= 0 || image->role == VMP_ROLE_SNAPSHOT_DISK) && (image->source == VMP_NO_SOURCE || vmp_import_plan_is_missing (plan, image->source)))
    return TRUE; /* reported already */
  if (image->source != VMP_NO_SOURCE
      && vmp_source_list_check (plan->sources, image->source, &local_error))
    return check_size (plan, image, settings, error) && check_backing (plan, image, error);
  if (g_error_matches (local_error, VMPORT_ERROR, VMPORT_ERROR_UNSAFE))
    {
      vmp_import_plan_add_finding (plan,
                                   vmp_finding_new (VMP_FINDING_UNSAFE_IMAGE, setting, position,
                                                    _ ("The disk “%s”: %s"), image->target,
                                                    local_error->message),
                                   NULL);
      return TRUE;
    }
  g_propagate_prefixed_error (error, g_steal_pointer (&local_error), _ ("The disk “%s”: "),
                              image->target);
  return FALSE;
}

/* What libvirt saved is looked at when the snapshots are settled. */
static gboolean
check_memory (VmpImportPlan *plan, VmpImportFile *file, VmpSettings *settings, GError **error)
{
  if (file->save_image || file->source == VMP_NO_SOURCE
      || vmp_import_plan_is_missing (plan, file->source))
    return TRUE;
  return vmp_source_list_check (plan->sources, file->source, error)
         && check_size (plan, file, settings, error);
}

static gboolean
check_images (VmpImportPlan *plan, VmpSettings *settings, GError **error)
{
  for (guint i = 0; i < plan->disks->len + plan->media->len; i++)
    {
      gboolean is_disk = i < plan->disks->len;
      VmpImportDisk *disk = is_disk ? g_ptr_array_index (plan->disks, i)
                                    : g_ptr_array_index (plan->media, i - plan->disks->len);

      for (guint n = 0; n < disk->images->len; n++)
        if (!check_image (plan, is_disk ? (int) i : -1, g_ptr_array_index (disk->images, n), settings,
                          error))
          return FALSE;
    }
  for (guint i = 0; i < plan->snapshot_files->len; i++)
    {
      VmpImportFile *file = g_ptr_array_index (plan->snapshot_files, i);

      if (file->format != NULL ? !check_image (plan, -1, file, settings, error)
                               : !check_memory (plan, file, settings, error))
        return FALSE;
    }
  return TRUE;
}

static const char *const file_names[VMP_DOMAIN_N_FILES] = {
  [VMP_DOMAIN_FILE_KERNEL] = "kernel",
  [VMP_DOMAIN_FILE_INITRD] = "initrd",
  [VMP_DOMAIN_FILE_DTB] = "dtb",
  [VMP_DOMAIN_FILE_LOADER] = "loader.fd",
  [VMP_DOMAIN_FILE_NVRAM] = "nvram.fd",
};

static void
report_missing_data (VmpImportPlan *plan, VmpImportFile *file)
{
  g_autoptr (GError) why = NULL;
  g_autofree char *before = NULL;

  vmp_source_list_check (plan->sources, file->source, &why);
  g_variant_lookup (plan->prefilled, "SourceVmDataRoot", "s", &before);
  vmp_import_plan_add_finding (plan,
                               vmp_finding_new (VMP_FINDING_SOURCE_MISSING, "SourceVmDataRoot",
                                                -1, "%s", why->message),
                               vmp_import_resolve_with ("SourceVmDataRoot",
                                                        g_variant_new_string (before)));
}

/* What the package states to be its own must be there. */
static gboolean
check_data (VmpImportPlan *plan, VmpImportFile *file, VmpSettings *settings, GError **error)
{
  g_autoptr (GError) why = NULL;

  if (vmp_import_plan_is_missing (plan, file->source) && get_given_root (settings, "SourceVmDataRoot") != NULL)
    {
      report_missing_data (plan, file);
      return TRUE;
    }
  if (vmp_source_list_check (plan->sources, file->source, &why))
    return check_size (plan, file, settings, error);
  if (file->save_image && vmp_import_plan_report_state (plan, why))
    return TRUE;
  g_propagate_error (error, g_steal_pointer (&why));
  return FALSE;
}

/* A kernel that is not a member is a file of this host, which the machine's author has no claim
 * to. UEFI variables that were never written are made anew by the hypervisor. */
static void
report_hosts_file (VmpImportPlan *plan, VmpDomainFile which, VmpSettings *settings)
{
  const char *policy = vmp_settings_get_string (settings, "UnsafeDevices");

  if (which != VMP_DOMAIN_FILE_NVRAM && strcmp (policy, "refuse") == 0)
    vmp_import_plan_add_finding (
        plan,
        vmp_finding_new (VMP_FINDING_UNSAFE_DEVICE, "UnsafeDevices", -1,
                         _ ("The %s “%s” is not a file of the directory, but one of this host"),
                         file_names[which], plan->files[which]->path),
        vmp_import_resolve_with ("UnsafeDevices", g_variant_new_string ("strip")));
  if (strcmp (policy, "keep") != 0)
    vmp_domain_set_file (plan->domain, which, NULL);
}

static gboolean
check_files (VmpImportPlan *plan, VmpSettings *settings, GError **error)
{
  for (guint i = 0; i < VMP_DOMAIN_N_FILES; i++)
    {
      VmpImportFile *file = plan->files[i];

      if (file == NULL)
        continue;
      if (file->member == NULL
          && (file->source == VMP_NO_SOURCE || vmp_import_plan_is_missing (plan, file->source)))
        {
          report_hosts_file (plan, i, settings);
          vmp_import_plan_drop_file (plan, i);
        }
      else if (!check_data (plan, file, settings, error))
        return FALSE;
    }
  for (guint i = 0; i < plan->data->len; i++)
    if (!check_data (plan, g_ptr_array_index (plan->data, i), settings, error))
      return FALSE;
  return TRUE;
}

/* The state can be left out; disks, and what belongs to the configuration, cannot. */
static void
drop_state (VmpImportPlan *plan)
{
  for (guint i = plan->data->len; i > 0; i--)
    if (((VmpImportFile *) g_ptr_array_index (plan->data, i - 1))->role == VMP_ROLE_STATE)
      g_ptr_array_remove_index (plan->data, i - 1);
}

/* In place, disks, media and the state are used where they lie. What belongs to the configuration is
 * the manager's own copy, and so is a state that is written anew. */
static void
mark_staying (VmpImportPlan *plan)
{
  g_autoptr (GPtrArray) files = vmp_import_plan_list_files (plan);

  for (guint i = 0; i < files->len; i++)
    {
      VmpImportFile *file = g_ptr_array_index (files, i);

      file->stays = file->role == VMP_ROLE_DISK || file->role == VMP_ROLE_MEDIA
                    || file->role == VMP_ROLE_SNAPSHOT_DISK
                    || ((file->role == VMP_ROLE_STATE || file->role == VMP_ROLE_SNAPSHOT_MEMORY)
                        && !file->save_image);
    }
  for (guint i = 0; i < plan->disks->len; i++)
    {
      VmpImportDisk *disk = g_ptr_array_index (plan->disks, i);

      ((VmpImportFile *) g_ptr_array_index (disk->images, 0))->written
          = !vmp_domain_is_disk_read_only (plan->domain, disk->disk);
    }
}

/* What stays must have a path that the machine can have it by. */
static gboolean
resolve_staying (VmpImportPlan *plan, GError **error)
{
  g_autoptr (GPtrArray) files = vmp_import_plan_list_files (plan);

  for (guint i = 0; i < files->len; i++)
    {
      VmpImportFile *file = g_ptr_array_index (files, i);
      char *path;

      if (!file->stays || !can_read (plan, file))
        continue;
      path = vmp_import_plan_resolve (plan, file->found);
      if (path == NULL)
        return vmp_error_set (error, VMPORT_ERROR_NOT_SUPPORTED,
                              _ ("The directory has no path on this host that the machine could "
                                 "find “%s” by; import it as a copy"),
                              file->found);
      g_free (file->found);
      file->found = path;
    }
  return TRUE;
}

gboolean
vmp_import_plan_settle_sources (VmpImportPlan *plan, VmpSettings *settings, GError **error)
{
  g_auto (Search) search = { plan, settings, NULL };

  search.candidates = g_array_new (FALSE, FALSE, sizeof (Candidate));
  g_array_set_clear_func (search.candidates, candidate_clear);
  if (vmp_settings_get_boolean (settings, "DropSavedState"))
    drop_state (plan);
  if (!vmp_settings_get_boolean (settings, "CreateCopy"))
    mark_staying (plan);
  forget_sources (plan);
  for (guint i = 0; i < plan->disks->len; i++)
    add_disk (&search, i);
  for (guint i = 0; i < plan->media->len; i++)
    add_medium (&search, g_ptr_array_index (plan->media, i));
  for (guint i = 0; i < VMP_DOMAIN_N_FILES; i++)
    if (plan->files[i] != NULL)
      {
        g_autofree char *base = base_of (plan->files[i]);

        plan->files[i]->base = g_strdup (file_names[i]);
        add_data (&search, plan->files[i], base);
      }
  for (guint i = 0; i < plan->data->len; i++)
    {
      VmpImportFile *file = g_ptr_array_index (plan->data, i);

      add_data (&search, file, file->base);
    }
  for (guint i = 0; i < plan->snapshot_files->len; i++)
    add_snapshot_file (&search, g_ptr_array_index (plan->snapshot_files, i));
  if (!vmp_source_list_send (plan->sources, plan->worker, error))
    return FALSE;
  choose (&search);
  return report_missing (plan, settings, error)
         && vmp_import_plan_report_snapshots (plan, settings, error) && check_images (plan, settings, error)
         && check_files (plan, settings, error) && resolve_staying (plan, error);
}
