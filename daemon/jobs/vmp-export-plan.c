/* What an export would do: the files that go into the package, and what stands in the way. */
#include "config.h"

#include "vmp-export-plan.h"

#include <glib/gi18n-lib.h>
#include <inttypes.h>
#include <string.h>

#include "vmp-error.h"
#include "vmp-fd.h"
#include "vmp-finding.h"
#include "vmp-name.h"
#include "vmp-save-cookie.h"
#include "vmp-source-list.h"

struct _VmpExportPlan
{
  VmpRun *run;               /* not owned */
  VmpWorkerHost *worker;     /* not owned */
  VmpExportRequest *request; /* not owned */
  VmpDomain *domain;
  VmpPackage *package;
  VmpSourceList *sources;
  GPtrArray *members; /* of VmpExportMember */
  GPtrArray *findings;
  GPtrArray *lost;   /* targets of disks that can only be left behind, the domain's */
  GHashTable *taken; /* file names in the disks' folder */
  char *subdirectory;
  char *base;
};

static void
member_free (gpointer data)
{
  VmpExportMember *member = data;

  g_free (member->name);
  g_free (member->backing);
  g_free (member->backing_format);
  g_free (member->state_xml);
  g_free (member->state_cookie);
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
  g_free (self->subdirectory);
  g_free (self->base);
  g_free (self);
}

static gboolean
wants (VmpExportPlan *self, const char *key)
{
  return vmp_settings_get_boolean (self->request->settings, key);
}

static void
add_finding (VmpExportPlan *self, VmpFinding *finding)
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
static VmpExportMember *
add_member (VmpExportPlan *self, VmpRole role, const char *path, const char *format,
            const char *name)
{
  VmpMachines *machines = vmp_run_get_machines (self->run);
  VmpExportMember *member = g_new0 (VmpExportMember, 1);

  member->role = role;
  member->name = g_strdup (name);
  g_ptr_array_add (self->members, member);
  vmp_package_add_file (self->package, name, role);
  if (vmp_machines_owns_path (machines, path))
    {
      int fd = vmp_machines_open_file (machines, path, &member->failure);

      if (fd >= 0)
        member->source = vmp_source_list_add_fd (self->sources, fd, path, format);
    }
  else
    member->source = vmp_source_list_add_path (self->sources, path, format);
  if (role == VMP_ROLE_STATE && member->failure == NULL
      && vmp_machines_get_state_formats (machines) != NULL)
    vmp_source_list_set_flags (self->sources, member->source, VMP_SOURCE_SAVE_IMAGE);
  return member;
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
      VmpExportMember *member = add_member (self, role, path, format, name);

      vmp_package_disk_add_image (entry, path, format, name);
      member->target = target;
      if (above != NULL)
        {
          above->backing = g_strdup (base);
          above->backing_format = g_strdup (format);
          if (above->failure == NULL)
            vmp_source_list_set_backing (self->sources, above->source, base, format);
        }
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
is_excluded (VmpExportPlan *self, guint disk)
{
  const char *const *excluded = vmp_settings_get_strv (self->request->settings,
                                                       "ExcludedVirtualHardDisks");

  return g_strv_contains (excluded, vmp_domain_get_disk_target (self->domain, disk))
         || g_strv_contains (excluded, vmp_domain_get_image_path (self->domain, disk, 0));
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
    add_finding (self, vmp_finding_new (VMP_FINDING_DISK_LEFT_BEHIND, "", -1,
                                        _ ("The disk “%s” is not in a file; it stays in the "
                                           "configuration, and its content does not go along"),
                                        target));
  else if (!has_formats (self, disk))
    add_finding (self, vmp_finding_new (VMP_FINDING_UNSAFE_IMAGE, "", -1,
                                        _ ("The disk “%s” has no stated format; state it in the "
                                           "machine's configuration (<driver type=…/>), it is not "
                                           "guessed"),
                                        target));
  else if (!wants (self, "CopyVmStorage"))
    leave_disk (self, disk);
  else if (is_excluded (self, disk))
    {
      leave_disk (self, disk);
      add_finding (self,
                   vmp_finding_new (VMP_FINDING_DISK_LEFT_BEHIND, "ExcludedVirtualHardDisks", -1,
                                    _ ("The disk “%s” does not go along"), target));
    }
  else
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
    add_finding (self, vmp_finding_new (VMP_FINDING_MEDIA_LEFT_BEHIND, "", -1,
                                        _ ("The drive “%s” is one of this host; it stays in the "
                                           "configuration, and what is in it does not go along"),
                                        target));
  else if (vmp_domain_get_n_images (self->domain, disk) == 0)
    return;
  else if (!wants (self, "IncludeRemovableMedia"))
    {
      add_finding (self,
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
      add_finding (self, finding);
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
  g_autofree char *whole = g_strdup_printf (VMP_PACKAGE_VM_FOLDER "/%s/%s",
                                            vmp_machine_get_uuid (self->request->machine), name);

  add_member (self, role, path, NULL, whole);
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

      if (file->role != VMP_ROLE_STATE || wants (self, "CopyVmRuntimeInformation"))
        add_own_file (self, file->role, file->path, file->name);
      else
        add_finding (self, vmp_finding_new (VMP_FINDING_STATE_LEFT_BEHIND,
                                            "CopyVmRuntimeInformation", -1,
                                            _ ("The saved state does not go along; the machine will "
                                               "be imported as off")));
    }
}

/* What can be said of a file that cannot be read, and be mended by leaving it behind. */
static void
add_problem (VmpExportPlan *self, VmpFindingCode code, VmpExportMember *member,
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

    case VMP_ROLE_STATE:
      finding = vmp_finding_new (code, "CopyVmRuntimeInformation", -1, _ ("The saved state: %s"),
                                 message);
      resolve_without (finding, "CopyVmRuntimeInformation");
      break;

    default:
      finding = vmp_finding_new (code, "", -1, "%s", message);
      break;
    }
  add_finding (self, finding);
}

/* The header names a backing file exactly where the configuration puts an image beneath: else the
 * package would not be the machine that the configuration says. */
static gboolean
check_chain (VmpExportPlan *self, VmpExportMember *member, GError **error)
{
  const char *backing = NULL;

  if (member->target == NULL)
    return TRUE;
  g_variant_lookup (vmp_source_list_get_reading (self->sources, member->source), "BackingFile",
                    "&s", &backing);
  if ((backing != NULL) == (member->backing != NULL))
    return TRUE;
  return vmp_error_set (error, VMPORT_ERROR_CORRUPT,
                        _ ("The backing chain of the disk “%s” is not the one that its images name "
                           "(“%s”)"),
                        member->target, backing != NULL ? backing : _ ("none"));
}

/* Something in the state that the model has no type for, and that the memory has all the same. */
static char *
find_lost_device (GVariant *reading)
{
  g_autoptr (GVariant) unsafe = g_variant_lookup_value (reading, "Unsafe",
                                                        G_VARIANT_TYPE ("a(ssb)"));
  GVariantIter iter;
  const char *location, *reason;
  gboolean keepable;

  if (unsafe == NULL)
    return NULL;
  g_variant_iter_init (&iter, unsafe);
  while (g_variant_iter_next (&iter, "(&s&sb)", &location, &reason, &keepable))
    if (!keepable && g_str_has_prefix (location, "devices/"))
      {
        g_autofree char *where = vmp_name_clean (location, 200);
        g_autofree char *why = vmp_name_clean (reason, 500);

        return g_strdup_printf ("%s: %s", where, why);
      }
  return NULL;
}

/* A state that libvirt saved has the configuration in it, with its secrets: it is written afresh as
 * the machine's own is. */
static gboolean
settle_state (VmpExportPlan *self, VmpExportMember *member, GError **error)
{
  GVariant *reading = vmp_source_list_get_reading (self->sources, member->source);
  g_autoptr (GVariant) variant = NULL;
  g_autoptr (VmpDomain) domain = NULL;
  g_autofree char *lost = NULL;
  const char *cookie;

  if (member->role != VMP_ROLE_STATE || !g_variant_lookup (reading, "Domain", "v", &variant))
    return TRUE;
  domain = vmp_domain_new_from_variant (variant, error);
  if (domain == NULL)
    return FALSE;
  lost = find_lost_device (reading);
  if (lost != NULL)
    add_problem (self, VMP_FINDING_SAVED_STATE_UNUSABLE, member, lost);
  member->state_xml = vmp_domain_to_xml (domain);
  if (!g_variant_lookup (reading, "Cookie", "&s", &cookie))
    return TRUE;
  member->state_cookie = vmp_save_cookie_rewrite (cookie, error);
  return member->state_cookie != NULL;
}

/* Is the state not what libvirt would have saved? */
static gboolean
is_broken_state (VmpExportMember *member, const GError *error)
{
  return member->role == VMP_ROLE_STATE
         && (g_error_matches (error, VMPORT_ERROR, VMPORT_ERROR_CORRUPT)
             || g_error_matches (error, VMPORT_ERROR, VMPORT_ERROR_NOT_SUPPORTED)
             || g_error_matches (error, VMPORT_ERROR, VMPORT_ERROR_UNSAFE));
}

static gboolean
check_member (VmpExportPlan *self, VmpExportMember *member, GError **error)
{
  g_autoptr (GError) local_error = NULL;
  gboolean is_image = member->target != NULL;

  if (member->failure != NULL)
    local_error = g_error_copy (member->failure);
  else if (vmp_source_list_check (self->sources, member->source, &local_error))
    return check_chain (self, member, error) && settle_state (self, member, error);
  if (g_error_matches (local_error, VMPORT_ERROR, VMPORT_ERROR_NOT_FOUND))
    add_problem (self, VMP_FINDING_SOURCE_MISSING, member, local_error->message);
  else if (is_image && g_error_matches (local_error, VMPORT_ERROR, VMPORT_ERROR_UNSAFE))
    add_problem (self, VMP_FINDING_UNSAFE_IMAGE, member, local_error->message);
  else if (is_broken_state (member, local_error))
    add_problem (self, VMP_FINDING_SAVED_STATE_UNUSABLE, member, local_error->message);
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

static guint64
get_payload (VmpExportPlan *self, VmpExportMember *member)
{
  return member->failure == NULL ? vmp_source_list_get_payload (self->sources, member->source) : 0;
}

static gboolean
check_sources (VmpExportPlan *self, GError **error)
{
  guint64 total = 0;

  if (!vmp_source_list_send (self->sources, self->worker, error))
    return FALSE;
  for (guint i = 0; i < self->members->len; i++)
    {
      VmpExportMember *member = g_ptr_array_index (self->members, i);

      if (!check_member (self, member, error))
        return FALSE;
      total += get_payload (self, member);
    }
  resolve_lost_disks (self);
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

  return round_up (strlen (configuration)) + described
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
  g_variant_lookup (place, "Free", "t", &free_bytes);
  g_variant_lookup (place, "Device", "t", &device);
  g_variant_lookup (place, "CanShare", "b", &can_share);
  for (guint i = 0; i < self->members->len; i++)
    {
      VmpExportMember *member = g_ptr_array_index (self->members, i);

      if (can_share && member->failure == NULL
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
  add_finding (self, finding);
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
  add_finding (self, finding);
}

static VmpExportPlan *
plan_new (VmpRun *run, VmpWorkerHost *worker, VmpExportRequest *request)
{
  VmpExportPlan *self = g_new0 (VmpExportPlan, 1);
  VmpMachine *machine = request->machine;
  g_autofree char *configuration = g_strdup_printf (VMP_PACKAGE_VM_FOLDER "/%s.xml",
                                                    vmp_machine_get_uuid (machine));

  self->run = run;
  self->worker = worker;
  self->request = request;
  self->domain = vmp_domain_copy (vmp_machine_get_domain (machine));
  /* Scopes are this host's. */
  vmp_domain_set_note (self->domain, VMP_DOMAIN_NOTE_SCOPE, NULL);
  vmp_domain_set_note (self->domain, VMP_DOMAIN_NOTE_JOB, NULL);
  self->package = vmp_package_new ();
  self->sources = vmp_source_list_new ();
  self->members = g_ptr_array_new_with_free_func (member_free);
  self->findings = vmp_findings_new ();
  self->lost = g_ptr_array_new ();
  self->taken = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  self->subdirectory = vmp_export_request_get_subdirectory (request);
  vmp_package_add_file (self->package, configuration, VMP_ROLE_CONFIGURATION);
  return self;
}

static void
describe_machine (VmpExportPlan *self)
{
  VmpMachine *machine = self->request->machine;
  gboolean saved = vmp_package_find_role (self->package, VMP_ROLE_STATE) != NULL;

  vmp_package_set_machine (self->package, vmp_machine_get_uuid (machine),
                           vmp_machine_get_name (machine), saved ? "saved" : "off");
}

static void
report_unused (VmpExportPlan *self)
{
  VmpSettings *settings = self->request->settings;
  g_autoptr (GPtrArray) unused = vmp_settings_list_unused (settings);

  for (guint i = 0; i < unused->len; i++)
    {
      const char *key = g_ptr_array_index (unused, i);

      add_finding (self,
                   vmp_finding_new (VMP_FINDING_SETTING_UNUSED, key, -1,
                                    _ ("%s has no use with CopySnapshotConfiguration=%u"), key,
                                    vmp_settings_get_byte (settings, "CopySnapshotConfiguration")));
    }
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

/* All that is known of an export before its first byte is written; @worker has opened the files that
 * it is to read. Blocking. */
VmpExportPlan *
vmp_export_plan_make (VmpRun *run, VmpWorkerHost *worker, VmpExportRequest *request, GError **error)
{
  g_autoptr (VmpExportPlan) self = plan_new (run, worker, request);

  add_disks (self);
  add_files (self);
  add_machine_files (self);
  describe_machine (self);
  if (!check_package (self, error) || !check_sources (self, error) || !check_space (self, error))
    return NULL;
  report_unused (self);
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

GPtrArray *
vmp_export_plan_get_findings (VmpExportPlan *self)
{
  return self->findings;
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
