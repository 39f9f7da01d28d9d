/* What an export would do: the files that go into the package, and what stands in the way. */
#include "config.h"

#include "vmp-export-plan-private.h"

#include <glib/gi18n-lib.h>
#include <inttypes.h>
#include <string.h>

#include "vmp-error.h"
#include "vmp-fd.h"
#include "vmp-finding.h"
#include "vmp-mark.h"
#include "vmp-merge.h"
#include "vmp-name.h"
#include "vmp-source-list.h"

static void
member_free (gpointer data)
{
  VmpExportMember *member = data;

  g_free (member->name);
  g_free (member->backing);
  g_free (member->backing_format);
  g_free (member->state_xml);
  g_free (member->state_cookie);
  g_clear_pointer (&member->merge, vmp_merge_free);
  g_clear_error (&member->failure);
  g_free (member);
}

void
vmp_export_plan_free (VmpExportPlan *self)
{
  g_object_unref (self->domain);
  g_object_unref (self->package);
  vmp_source_list_free (self->sources);
  g_ptr_array_unref (self->members);
  g_ptr_array_unref (self->findings);
  g_ptr_array_unref (self->lost);
  g_hash_table_unref (self->taken);
  g_hash_table_unref (self->by_path);
  g_hash_table_unref (self->texts);
  g_free (self->subdirectory);
  g_free (self->base);
  g_clear_pointer (&self->place, g_variant_unref);
  g_free (self);
}

/* Does the setting @key ask for what goes along? A snapshot that is exported by itself is whole,
 * whatever the two `Copy…` flags say. */
static gboolean
wants (VmpExportPlan *self, const char *key)
{
  return (self->snapshot != NULL && g_str_has_prefix (key, "Copy"))
         || vmp_settings_get_boolean (self->request->settings, key);
}

void
vmp_export_plan_add_finding (VmpExportPlan *self, VmpFinding *finding)
{
  g_ptr_array_add (self->findings, finding);
}

/* For what goes along only because @key asks for it. */
static void
resolve_without (VmpFinding *finding, const char *key)
{
  GVariantDict dict;

  g_variant_dict_init (&dict, NULL);
  g_variant_dict_insert (&dict, key, "b", FALSE);
  vmp_finding_set_resolution (finding, g_variant_dict_end (&dict));
}

/* The manager opens what lies in its own place; anything else the caller must be able to read. */
guint
vmp_export_plan_add_source (VmpExportPlan *self, const char *path, const char *format,
                            GError **error)
{
  VmpMachines *machines = vmp_run_get_machines (self->run);
  int fd;

  if (!vmp_machines_owns_path (machines, path))
    return vmp_source_list_add_path (self->sources, path, format);
  fd = vmp_machines_open_file (machines, path, error);
  return fd >= 0 ? vmp_source_list_add_fd (self->sources, fd, path, format) : G_MAXUINT;
}

static VmpExportMember *
new_member (VmpExportPlan *self, VmpRole role, const char *name)
{
  VmpExportMember *member = g_new0 (VmpExportMember, 1);

  member->role = role;
  member->name = g_strdup (name);
  g_ptr_array_add (self->members, member);
  vmp_package_add_file (self->package, name, role);
  return member;
}

/* Of what lies in the manager's own place its driver takes care. */
static VmpSourceFlags
get_lock (VmpExportPlan *self, const char *path)
{
  return vmp_machines_owns_path (vmp_run_get_machines (self->run), path) ? 0 : VMP_SOURCE_LOCK;
}

VmpExportMember *
vmp_export_plan_add_member (VmpExportPlan *self, VmpRole role, const char *path, const char *format,
                            const char *name)
{
  VmpExportMember *member = new_member (self, role, name);

  member->source = vmp_export_plan_add_source (self, path, format, &member->failure);
  if ((role == VMP_ROLE_DISK || role == VMP_ROLE_SNAPSHOT_DISK) && member->failure == NULL)
    vmp_source_list_set_flags (self->sources, member->source, get_lock (self, path));
  if ((role == VMP_ROLE_STATE || role == VMP_ROLE_SNAPSHOT_MEMORY) && member->failure == NULL
      && (self->snapshot != NULL
          || vmp_machines_get_state_formats (vmp_run_get_machines (self->run)) != NULL))
    vmp_source_list_set_flags (self->sources, member->source, VMP_SOURCE_SAVE_IMAGE);
  return member;
}

/* Puts @below beneath @member: what the header of its copy will name. */
void
vmp_export_plan_set_below (VmpExportPlan *self, VmpExportMember *member, VmpExportMember *below,
                           const char *format)
{
  g_autofree char *folder = g_path_get_dirname (member->name);

  member->below = below;
  member->backing = vmp_name_relative_to (folder, below->name);
  member->backing_format = g_strdup (format);
  if (member->failure == NULL)
    vmp_source_list_set_backing (self->sources, member->source, member->backing, format);
}

/* A member that is made of images, as @snapshot of the topmost has them where it is not NULL. */
VmpExportMember *
vmp_export_plan_add_made (VmpExportPlan *self, VmpRole role, const char *format,
                          const char *snapshot, const char *name)
{
  VmpExportMember *member = new_member (self, role, name);

  member->merge = vmp_merge_new (format);
  member->merge->snapshot = g_strdup (snapshot);
  return member;
}

/* The topmost one first. */
void
vmp_export_plan_add_made_image (VmpExportPlan *self, VmpExportMember *member, VmpDomain *domain,
                                guint disk, guint image)
{
  const char *path = vmp_domain_get_image_path (domain, disk, image);
  const char *format = vmp_domain_get_image_format (domain, disk, image);
  guint source = vmp_export_plan_add_source (self, path, format, &member->failure);

  if (member->failure != NULL)
    return;
  if (member->merge->images->len == 0)
    member->source = source;
  vmp_source_list_set_flags (self->sources, source, VMP_SOURCE_HAND_OVER | get_lock (self, path));
  vmp_merge_add_image (member->merge, source, format);
}

static void
add_images (VmpExportPlan *self, guint disk, VmpRole role)
{
  const char *target = vmp_domain_get_disk_target (self->domain, disk);
  VmpPackageDisk *entry = vmp_package_add_disk (self->package, target);
  VmpExportMember *above = NULL;

  for (guint i = 0; i < vmp_domain_get_n_images (self->domain, disk); i++)
    {
      const char *path = vmp_domain_get_image_path (self->domain, disk, i);
      const char *format = vmp_domain_get_image_format (self->domain, disk, i);
      g_autofree char *base = vmp_package_name_image (path, format, self->taken);
      g_autofree char *name = g_build_filename (VMP_PACKAGE_VHD_FOLDER, base, NULL);
      VmpExportMember *member = vmp_export_plan_add_member (self, role, path, format, name);

      vmp_package_disk_add_image (entry, path, format, name);
      member->target = target;
      if (!g_hash_table_contains (self->by_path, path))
        g_hash_table_insert (self->by_path, g_strdup (path), member);
      if (above != NULL)
        vmp_export_plan_set_below (self, above, member, format);
      above = member;
    }
}

/* A disk that stays behind keeps its position: an import is told where it lies now. */
static void
leave_disk (VmpExportPlan *self, guint disk)
{
  VmpPackageDisk *entry = vmp_package_add_disk (self->package,
                                                vmp_domain_get_disk_target (self->domain, disk));

  for (guint i = 0; i < vmp_domain_get_n_images (self->domain, disk); i++)
    vmp_package_disk_add_image (entry, vmp_domain_get_image_path (self->domain, disk, i),
                                vmp_domain_get_image_format (self->domain, disk, i), NULL);
}

static gboolean
has_formats (VmpExportPlan *self, guint disk)
{
  for (guint i = 0; i < vmp_domain_get_n_images (self->domain, disk); i++)
    if (vmp_domain_get_image_format (self->domain, disk, i) == NULL)
      return FALSE;
  return TRUE;
}

static void
add_disk (VmpExportPlan *self, guint disk)
{
  const char *target = vmp_domain_get_disk_target (self->domain, disk);

  /* It has no position in a package either: whoever imports it decides on the device. */
  if (vmp_domain_get_n_images (self->domain, disk) == 0)
    vmp_export_plan_add_finding (self, vmp_finding_new (VMP_FINDING_DISK_LEFT_BEHIND, "", -1,
                                        _ ("The disk “%s” is not in a file; it stays in the "
                                           "configuration, and its content does not go along"),
                                        target));
  else if (!has_formats (self, disk))
    vmp_export_plan_add_finding (self, vmp_finding_new (VMP_FINDING_UNSAFE_IMAGE, "", -1,
                                        _ ("The disk “%s” has no stated format; state it in the "
                                           "machine's configuration (<driver type=…/>), it is not "
                                           "guessed"),
                                        target));
  else if (!wants (self, "CopyVmStorage"))
    leave_disk (self, disk);
  else if (vmp_export_plan_is_excluded (self, disk))
    {
      leave_disk (self, disk);
      vmp_export_plan_add_finding (self,
                   vmp_finding_new (VMP_FINDING_DISK_LEFT_BEHIND, "ExcludedVirtualHardDisks", -1,
                                    _ ("The disk “%s” does not go along"), target));
    }
  else if (!vmp_export_plan_merge_disk (self, disk))
    add_images (self, disk, VMP_ROLE_DISK);
}

/* Media go along whatever CopyVmStorage says: they are asked for by a key of their own. */
static void
add_drive (VmpExportPlan *self, guint disk)
{
  static const char *const nothing[] = { NULL };
  const char *target = vmp_domain_get_disk_target (self->domain, disk);
  VmpFinding *finding;

  if (vmp_domain_has_host_source (self->domain, disk))
    vmp_export_plan_add_finding (self, vmp_finding_new (VMP_FINDING_MEDIA_LEFT_BEHIND, "", -1,
                                        _ ("The drive “%s” is one of this host; it stays in the "
                                           "configuration, and what is in it does not go along"),
                                        target));
  else if (vmp_domain_get_n_images (self->domain, disk) == 0)
    return;
  else if (!wants (self, "IncludeRemovableMedia"))
    {
      vmp_export_plan_add_finding (self,
                   vmp_finding_new (VMP_FINDING_MEDIA_LEFT_BEHIND, "IncludeRemovableMedia", -1,
                                    _ ("The medium in “%s” does not go along"), target));
      vmp_domain_set_images (self->domain, disk, nothing, nothing);
    }
  else if (!has_formats (self, disk))
    {
      finding = vmp_finding_new (VMP_FINDING_UNSAFE_IMAGE, "IncludeRemovableMedia", -1,
                                 _ ("The medium in “%s” has no stated format; state it in the "
                                    "machine's configuration (<driver type=…/>), it is not guessed, "
                                    "or leave it behind"),
                                 target);
      resolve_without (finding, "IncludeRemovableMedia");
      vmp_export_plan_add_finding (self, finding);
    }
  else
    add_images (self, disk, VMP_ROLE_MEDIA);
}

static void
add_disks (VmpExportPlan *self)
{
  for (guint i = 0; i < vmp_domain_get_n_disks (self->domain); i++)
    if (vmp_domain_get_disk_device (self->domain, i) == VMP_DISK_DEVICE_DISK)
      add_disk (self, i);
    else
      add_drive (self, i);
}

/* A file of the machine's own folder, which @name is beneath. */
static void
add_own_file (VmpExportPlan *self, VmpRole role, const char *path, const char *name)
{
  g_autofree char *whole = g_build_filename (VMP_PACKAGE_VM_FOLDER, vmp_domain_get_uuid (self->domain),
                                             name, NULL);

  vmp_export_plan_add_member (self, role, path, NULL, whole);
}

/* Files that the configuration names. */
static void
add_files (VmpExportPlan *self)
{
  static const struct
  {
    VmpDomainFile file;
    VmpRole role;
    const char *name;
  } files[] = {
    { VMP_DOMAIN_FILE_KERNEL, VMP_ROLE_KERNEL, "kernel" },
    { VMP_DOMAIN_FILE_INITRD, VMP_ROLE_INITRD, "initrd" },
    { VMP_DOMAIN_FILE_DTB, VMP_ROLE_DTB, "dtb" },
    { VMP_DOMAIN_FILE_LOADER, VMP_ROLE_LOADER, "loader.fd" },
    { VMP_DOMAIN_FILE_NVRAM, VMP_ROLE_NVRAM, "nvram.fd" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (files); i++)
    {
      const char *path = vmp_domain_get_file (self->domain, files[i].file);

      if (path != NULL)
        add_own_file (self, files[i].role, path, files[i].name);
    }
}

/* Files that it does not name. What a TPM holds belongs to the machine as its UEFI variables do; the
 * saved state is the caller's to leave. */
static void
add_machine_files (VmpExportPlan *self)
{
  GPtrArray *files = vmp_machine_get_files (self->request->machine);

  for (guint i = 0; i < files->len; i++)
    {
      VmpMachineFile *file = g_ptr_array_index (files, i);

      if (file->role == VMP_ROLE_STATE && self->snapshot != NULL)
        continue;
      if (file->role != VMP_ROLE_STATE || wants (self, "CopyVmRuntimeInformation"))
        add_own_file (self, file->role, file->path, file->name);
      else
        vmp_export_plan_add_finding (self, vmp_finding_new (VMP_FINDING_STATE_LEFT_BEHIND,
                                            "CopyVmRuntimeInformation", -1,
                                            _ ("The saved state does not go along; the machine will "
                                               "be imported as off")));
    }
}

/* What can be said of a file that cannot be read, and be mended by leaving it behind. */
void
vmp_export_plan_add_problem (VmpExportPlan *self, VmpFindingCode code, VmpExportMember *member,
             const char *message)
{
  VmpFinding *finding;

  switch (member->role)
    {
    case VMP_ROLE_DISK:
      finding = vmp_finding_new (code, "ExcludedVirtualHardDisks", -1, _ ("The disk “%s”: %s"),
                                 member->target, message);
      if (!g_ptr_array_find (self->lost, member->target, NULL))
        g_ptr_array_add (self->lost, (gpointer) member->target);
      break;

    case VMP_ROLE_MEDIA:
      finding = vmp_finding_new (code, "IncludeRemovableMedia", -1, _ ("The medium in “%s”: %s"),
                                 member->target, message);
      resolve_without (finding, "IncludeRemovableMedia");
      break;

    case VMP_ROLE_SNAPSHOT_DISK:
    case VMP_ROLE_SNAPSHOT_MEMORY:
      if (code == VMP_FINDING_SOURCE_MISSING)
        code = VMP_FINDING_SNAPSHOT_MISSING;
      finding = vmp_finding_new (code, "CopySnapshotConfiguration", -1, _ ("The snapshots: %s"),
                                 message);
      vmp_finding_set_resolution (finding, vmp_export_resolve_without_snapshots ());
      break;

    case VMP_ROLE_STATE:
      if (self->snapshot != NULL)
        {
          finding = vmp_finding_new (code, "SnapshotVirtualSystem", -1,
                                     _ ("The memory of the snapshot: %s"), message);
          break;
        }
      finding = vmp_finding_new (code, "CopyVmRuntimeInformation", -1, _ ("The saved state: %s"),
                                 message);
      resolve_without (finding, "CopyVmRuntimeInformation");
      break;

    default:
      finding = vmp_finding_new (code, "", -1, "%s", message);
      break;
    }
  vmp_export_plan_add_finding (self, finding);
}

/* The header names a backing file exactly where the configuration puts an image beneath: else the
 * package would not be the machine that the configuration says. */
static gboolean
check_link (VmpExportPlan *self, VmpExportMember *member, guint source, gboolean has_below,
            GError **error)
{
  const char *backing = NULL;

  g_variant_lookup (vmp_source_list_get_reading (self->sources, source), "BackingFile", "&s",
                    &backing);
  if ((backing != NULL) == has_below)
    return TRUE;
  return vmp_error_set (error, VMPORT_ERROR_CORRUPT,
                        _ ("The backing chain of the disk “%s” is not the one that its images name "
                           "(“%s”)"),
                        member->target, backing != NULL ? backing : _ ("none"));
}

static gboolean
check_chain (VmpExportPlan *self, VmpExportMember *member, GError **error)
{
  GPtrArray *images = member->merge != NULL ? member->merge->images : NULL;

  if (member->target == NULL)
    return TRUE;
  if (images == NULL)
    return check_link (self, member, member->source, member->backing != NULL, error);
  for (guint i = 0; i < images->len; i++)
    if (!check_link (self, member, ((VmpMergeImage *) g_ptr_array_index (images, i))->source,
                     i + 1 < images->len, error))
      return FALSE;
  return TRUE;
}

/* Can all that it is made of be read? */
static gboolean
check_readable (VmpExportPlan *self, VmpExportMember *member, GError **error)
{
  if (member->failure != NULL)
    {
      g_propagate_error (error, g_error_copy (member->failure));
      return FALSE;
    }
  if (member->merge == NULL)
    return vmp_source_list_check (self->sources, member->source, error);
  for (guint i = 0; i < member->merge->images->len; i++)
    {
      VmpMergeImage *image = g_ptr_array_index (member->merge->images, i);

      if (!vmp_source_list_check (self->sources, image->source, error)
          || !vmp_merge_check_image (member->merge, self->sources, image, error))
        return FALSE;
    }
  return TRUE;
}

static gboolean
check_member (VmpExportPlan *self, VmpExportMember *member, GError **error)
{
  g_autoptr (GError) local_error = NULL;
  gboolean is_image = member->target != NULL;

  if (check_readable (self, member, &local_error))
    return check_chain (self, member, error) && vmp_export_plan_settle_state (self, member, error);
  if (g_error_matches (local_error, VMPORT_ERROR, VMPORT_ERROR_NOT_FOUND))
    vmp_export_plan_add_problem (self, VMP_FINDING_SOURCE_MISSING, member, local_error->message);
  else if (is_image && g_error_matches (local_error, VMPORT_ERROR, VMPORT_ERROR_UNSAFE))
    vmp_export_plan_add_problem (self, VMP_FINDING_UNSAFE_IMAGE, member, local_error->message);
  else if (vmp_export_is_broken_state (member, local_error))
    vmp_export_plan_add_problem (self, VMP_FINDING_SAVED_STATE_UNUSABLE, member, local_error->message);
  else
    {
      g_propagate_error (error, g_steal_pointer (&local_error));
      if (is_image)
        g_prefix_error (error, _ ("The disk “%s”: "), member->target);
      return FALSE;
    }
  return TRUE;
}

/* Every finding on the array has all the disks that would have to be left behind. */
static void
resolve_lost_disks (VmpExportPlan *self)
{
  static const char key[] = "ExcludedVirtualHardDisks";
  const char *const *given = vmp_settings_get_strv (self->request->settings, key);
  GVariantBuilder excluded;
  GVariantDict dict;
  g_autoptr (GVariant) resolution = NULL;

  if (self->lost->len == 0)
    return;
  g_variant_builder_init (&excluded, G_VARIANT_TYPE_STRING_ARRAY);
  for (gsize i = 0; given[i] != NULL; i++)
    g_variant_builder_add (&excluded, "s", given[i]);
  for (guint i = 0; i < self->lost->len; i++)
    g_variant_builder_add (&excluded, "s", g_ptr_array_index (self->lost, i));
  g_variant_dict_init (&dict, NULL);
  g_variant_dict_insert_value (&dict, key, g_variant_builder_end (&excluded));
  resolution = g_variant_ref_sink (g_variant_dict_end (&dict));
  for (guint i = 0; i < self->findings->len; i++)
    {
      VmpFinding *finding = g_ptr_array_index (self->findings, i);

      if (strcmp (finding->setting, key) == 0)
        vmp_finding_set_resolution (finding, resolution);
    }
}

/* Of a member that is made of a chain, as much as it can have at most. */
static guint64
get_payload (VmpExportPlan *self, VmpExportMember *member)
{
  guint64 payload = 0;

  if (member->failure != NULL)
    return 0;
  if (member->merge == NULL)
    return vmp_source_list_get_payload (self->sources, member->source);
  for (guint i = 0; i < member->merge->images->len; i++)
    {
      VmpMergeImage *image = g_ptr_array_index (member->merge->images, i);

      payload += vmp_source_list_get_payload (self->sources, image->source);
    }
  return payload;
}

static gboolean
check_sources (VmpExportPlan *self, GError **error)
{
  guint64 total = 0;

  if (!vmp_merge_check_members (self->members, error))
    return FALSE;
  if (!vmp_source_list_send (self->sources, self->worker, error))
    return FALSE;
  for (guint i = 0; i < self->members->len; i++)
    {
      VmpExportMember *member = g_ptr_array_index (self->members, i);

      if (!check_member (self, member, error))
        return FALSE;
      total += get_payload (self, member);
    }
  vmp_export_plan_check_snapshots (self);
  resolve_lost_disks (self);
  self->total = total;
  vmp_job_post_total (vmp_run_get_job (self->run), total);
  return TRUE;
}

/* Of nearly every file system. */
#define BLOCK_SIZE 4096

/* Size and digests of a file, which the descriptor does not have yet. */
#define DESCRIPTION_SIZE 200

static guint64
round_up (guint64 bytes)
{
  return (bytes + BLOCK_SIZE - 1) / BLOCK_SIZE * BLOCK_SIZE;
}

/* What the export writes besides the members. */
static guint64
measure_texts (VmpExportPlan *self)
{
  const char *checksum = vmp_settings_get_string (self->request->settings, "Checksum");
  g_autofree char *configuration = vmp_domain_to_xml (self->domain);
  g_autofree char *descriptor = vmp_package_to_xml (self->package);
  guint n_files = vmp_package_get_files (self->package)->len;
  guint64 described = round_up (strlen (descriptor) + (guint64) n_files * DESCRIPTION_SIZE);
  guint64 texts = 0;
  GHashTableIter iter;
  gpointer text;

  g_hash_table_iter_init (&iter, self->texts);
  while (g_hash_table_iter_next (&iter, NULL, &text))
    texts += round_up (strlen (text));
  return texts + round_up (strlen (configuration)) + described
         + (strcmp (checksum, "sha256") == 0 ? described : 0);
}

/* What is copied must fit, unless it can be shared instead. */
static gboolean
check_space (VmpExportPlan *self, GError **error)
{
  g_autoptr (GVariant) place = NULL;
  guint64 needed = measure_texts (self), free_bytes = 0, device = 0, source_device;
  gboolean can_share = FALSE;
  GVariantDict options;
  VmpFinding *finding;

  g_variant_dict_init (&options, NULL);
  g_variant_dict_insert (&options, "Subdirectory", "s", self->subdirectory);
  place = vmp_folder_call_worker (self->request->folder, self->worker, "Examine", &options, error);
  if (place == NULL)
    return FALSE;
  if (g_variant_lookup (place, "Base", "s", &self->base) && !vmp_name_is_absolute (self->base))
    g_clear_pointer (&self->base, g_free);
  self->place = g_variant_lookup_value (place, "Place", G_VARIANT_TYPE (VMP_MARK_TYPE));
  if (self->place == NULL)
    return vmp_error_set (error, VMPORT_ERROR_FAILED, "The worker does not say what it found");
  g_variant_lookup (place, "Free", "t", &free_bytes);
  g_variant_lookup (place, "Device", "t", &device);
  g_variant_lookup (place, "CanShare", "b", &can_share);
  for (guint i = 0; i < self->members->len; i++)
    {
      VmpExportMember *member = g_ptr_array_index (self->members, i);

      if (can_share && member->failure == NULL && member->merge == NULL
          && g_variant_lookup (vmp_source_list_get_reading (self->sources, member->source),
                               "Device", "t", &source_device)
          && source_device == device)
        continue;
      needed += round_up (get_payload (self, member));
    }
  if (needed <= free_bytes)
    return TRUE;
  finding = vmp_finding_new (VMP_FINDING_NOT_ENOUGH_SPACE, "", -1,
                             _ ("The export needs %" PRIu64 " bytes in “%s”; %" PRIu64
                                " are free"),
                             needed, vmp_folder_get_label (self->request->folder), free_bytes);
  finding->bytes = needed;
  vmp_export_plan_add_finding (self, finding);
  return TRUE;
}

static void
note_size (VmpExportPlan *self)
{
  VmpFinding *finding;
  g_autofree char *size = NULL;
  guint64 bytes = 0;

  for (guint i = 0; i < self->members->len; i++)
    bytes += get_payload (self, g_ptr_array_index (self->members, i));
  size = g_format_size_full (bytes, G_FORMAT_SIZE_IEC_UNITS);
  finding = vmp_finding_new (VMP_FINDING_PACKAGE_SIZE, "", -1, _ ("%s are to be copied"), size);
  finding->bytes = bytes;
  vmp_export_plan_add_finding (self, finding);
}

static VmpExportPlan *
plan_new (VmpRun *run, VmpWorkerHost *worker, VmpExportRequest *request)
{
  VmpExportPlan *self = g_new0 (VmpExportPlan, 1);
  g_autofree char *configuration = NULL;

  self->run = run;
  self->worker = worker;
  self->request = request;
  vmp_export_plan_choose_domain (self);
  /* Scopes are this host's. */
  vmp_domain_set_note (self->domain, VMP_DOMAIN_NOTE_SCOPE, NULL);
  vmp_domain_set_note (self->domain, VMP_DOMAIN_NOTE_JOB, NULL);
  self->package = vmp_package_new ();
  self->sources = vmp_source_list_new ();
  self->members = g_ptr_array_new_with_free_func (member_free);
  self->findings = vmp_findings_new ();
  self->lost = g_ptr_array_new ();
  self->taken = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  self->by_path = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  self->texts = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  self->subdirectory = vmp_export_request_get_subdirectory (request);
  configuration = g_strdup_printf (VMP_PACKAGE_VM_FOLDER "/%s.xml",
                                   vmp_domain_get_uuid (self->domain));
  vmp_package_add_file (self->package, configuration, VMP_ROLE_CONFIGURATION);
  return self;
}

static void
describe_machine (VmpExportPlan *self)
{
  gboolean saved = vmp_package_find_role (self->package, VMP_ROLE_STATE) != NULL;

  vmp_package_set_machine (self->package, vmp_domain_get_uuid (self->domain),
                           vmp_domain_get_name (self->domain), saved ? "saved" : "off");
}

static void
report_unused (VmpExportPlan *self)
{
  VmpSettings *settings = self->request->settings;
  g_autoptr (GPtrArray) unused = vmp_settings_list_unused (settings);

  for (guint i = 0; i < unused->len; i++)
    {
      const char *key = g_ptr_array_index (unused, i);
      VmpFinding *finding
          = strcmp (key, "CaptureLiveState") == 0
                ? vmp_finding_new (VMP_FINDING_SETTING_UNUSED, key, -1,
                                   _ ("%s has no use where the machine does not run"), key)
                : vmp_finding_new (VMP_FINDING_SETTING_UNUSED, key, -1,
                                   _ ("%s has no use with CopySnapshotConfiguration=%u"), key,
                                   vmp_settings_get_byte (settings, "CopySnapshotConfiguration"));

      vmp_export_plan_add_finding (self, finding);
    }
}

/* A package has no more than vmport knows, and its reader should not have to find that out. */
static void
report_lost (VmpExportPlan *self)
{
  GPtrArray *lost = vmp_machine_get_lost (self->request->machine);

  for (guint i = 0; i < lost->len; i++)
    vmp_export_plan_add_finding (self, vmp_finding_new (VMP_FINDING_CONFIGURATION_LEFT_BEHIND, "", -1,
                                        _ ("A part of the configuration does not go along: %s"),
                                        (const char *) g_ptr_array_index (lost, i)));
}

/* The worker will refuse to write a descriptor that no reader takes; whether this is one is known
 * now. */
static gboolean
check_package (VmpExportPlan *self, GError **error)
{
  g_autoptr (GVariant) described = g_variant_ref_sink (vmp_package_to_variant (self->package));
  g_autoptr (VmpPackage) read = vmp_package_new_from_variant (described, error);

  return read != NULL;
}

/* libvirt can compare checkpoints with the images' bitmaps only while the machine runs; what nobody
 * has compared may tell a backup that nothing changed. */
static void
report_checkpoints (VmpExportPlan *self)
{
  if (vmp_machine_has_checkpoints (self->request->machine))
    vmp_export_plan_add_finding (
        self, vmp_finding_new (VMP_FINDING_CHECKPOINTS_LEFT_BEHIND, NULL, -1,
                               _ ("The checkpoints of the machine do not go along; the first "
                                  "backup of an imported machine is a full one")));
}

/* All that is known of an export before its first byte is written; @worker has opened the files that
 * it is to read. Blocking. */
VmpExportPlan *
vmp_export_plan_make (VmpRun *run, VmpWorkerHost *worker, VmpExportRequest *request, GError **error)
{
  g_autoptr (VmpExportPlan) self = plan_new (run, worker, request);

  add_disks (self);
  add_files (self);
  add_machine_files (self);
  vmp_export_plan_add_memory (self);
  if (!vmp_export_plan_add_snapshots (self, error))
    return NULL;
  describe_machine (self);
  if (!check_package (self, error) || !check_sources (self, error) || !check_space (self, error))
    return NULL;
  report_unused (self);
  report_checkpoints (self);
  report_lost (self);
  note_size (self);
  return g_steal_pointer (&self);
}

VmpDomain *
vmp_export_plan_get_domain (VmpExportPlan *self)
{
  return self->domain;
}

VmpPackage *
vmp_export_plan_get_package (VmpExportPlan *self)
{
  return self->package;
}

GPtrArray *
vmp_export_plan_get_members (VmpExportPlan *self)
{
  return self->members;
}

/* How much was moved into a member that is no copy: clusters that were compressed are more than the
 * files that they were read from. */
void
vmp_export_plan_note_copied (VmpExportPlan *self, VmpExportMember *member, guint64 copied)
{
  guint64 payload = get_payload (self, member);

  if (copied <= payload)
    return;
  self->total += copied - payload;
  vmp_job_post_total (vmp_run_get_job (self->run), self->total);
}

VmpSourceList *
vmp_export_plan_get_sources (VmpExportPlan *self)
{
  return self->sources;
}

GPtrArray *
vmp_export_plan_get_findings (VmpExportPlan *self)
{
  return self->findings;
}

/* What is written besides the configuration and is no copy: names and texts, a(ss); floating. */
GVariant *
vmp_export_plan_get_texts (VmpExportPlan *self)
{
  GVariantBuilder builder;
  GHashTableIter iter;
  gpointer name, text;

  g_variant_builder_init (&builder, G_VARIANT_TYPE ("a(ss)"));
  g_hash_table_iter_init (&iter, self->texts);
  while (g_hash_table_iter_next (&iter, &name, &text))
    g_variant_builder_add (&builder, "(ss)", name, text);
  return g_variant_builder_end (&builder);
}

/* The package's folder in the directory that was named, or "" where it is that directory. */
const char *
vmp_export_plan_get_subdirectory (VmpExportPlan *self)
{
  return self->subdirectory;
}

/* The path by which the worker reaches a directory that came open; NULL where it does not, and for
 * one that came as a path. */
const char *
vmp_export_plan_get_base (VmpExportPlan *self)
{
  return self->base;
}

/* The mark of the folder that the package is made in. */
GVariant *
vmp_export_plan_get_place (VmpExportPlan *self)
{
  return self->place;
}
