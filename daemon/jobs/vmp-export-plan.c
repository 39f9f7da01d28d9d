/* What an export would do: the files that go into the package, and what stands in the way. */
#include "config.h"

#include "vmp-export-plan.h"

#include <glib/gi18n-lib.h>
#include <string.h>

#include "vmp-error.h"
#include "vmp-finding.h"
#include "vmp-name.h"
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
  g_hash_table_unref (self->taken);
  g_free (self->subdirectory);
  g_free (self->base);
  g_free (self);
}

/* The manager opens what lies in its own place; anything else the caller must be able to read. */
static gboolean
add_source (VmpExportPlan *self, const char *path, const char *format, guint *source, GError **error)
{
  VmpMachines *machines = vmp_run_get_machines (self->run);
  int fd;

  if (!vmp_machines_owns_path (machines, path))
    {
      *source = vmp_source_list_add_path (self->sources, path, format);
      return TRUE;
    }
  fd = vmp_machines_open_file (machines, path, error);
  if (fd < 0)
    return FALSE;
  *source = vmp_source_list_add_fd (self->sources, fd, path, format);
  return TRUE;
}

static VmpExportMember *
add_member (VmpExportPlan *self, guint source, const char *name, VmpRole role)
{
  VmpExportMember *member = g_new0 (VmpExportMember, 1);

  member->source = source;
  member->name = g_strdup (name);
  g_ptr_array_add (self->members, member);
  vmp_package_add_file (self->package, name, role);
  return member;
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

/* Hyper-V: one that is no attached disk fails the whole operation. */
static gboolean
check_excluded (VmpExportPlan *self, GError **error)
{
  const char *const *excluded = vmp_settings_get_strv (self->request->settings,
                                                       "ExcludedVirtualHardDisks");

  for (gsize n = 0; excluded[n] != NULL; n++)
    {
      gboolean known = FALSE;

      for (guint i = 0; i < vmp_domain_get_n_disks (self->domain) && !known; i++)
        known = vmp_domain_get_disk_device (self->domain, i) == VMP_DISK_DEVICE_DISK
                && (strcmp (excluded[n], vmp_domain_get_disk_target (self->domain, i)) == 0
                    || (vmp_domain_get_n_images (self->domain, i) > 0
                        && strcmp (excluded[n],
                                   vmp_domain_get_image_path (self->domain, i, 0)) == 0));
      if (!known)
        return vmp_error_set (error, VMPORT_ERROR_INVALID_PARAMETER,
                              _ ("ExcludedVirtualHardDisks: the machine has no disk “%s”"),
                              excluded[n]);
    }
  return TRUE;
}

static gboolean
add_disk (VmpExportPlan *self, guint disk, GError **error)
{
  const char *target = vmp_domain_get_disk_target (self->domain, disk);
  VmpPackageDisk *entry;
  VmpExportMember *above = NULL;

  if (!vmp_settings_get_boolean (self->request->settings, "CopyVmStorage"))
    {
      leave_disk (self, disk);
      return TRUE;
    }
  if (is_excluded (self, disk))
    {
      leave_disk (self, disk);
      g_ptr_array_add (self->findings,
                       vmp_finding_new (VMP_FINDING_DISK_LEFT_BEHIND, "ExcludedVirtualHardDisks",
                                        -1, _ ("The disk “%s” does not go along"), target));
      return TRUE;
    }
  entry = vmp_package_add_disk (self->package, target);

  for (guint i = 0; i < vmp_domain_get_n_images (self->domain, disk); i++)
    {
      const char *path = vmp_domain_get_image_path (self->domain, disk, i);
      const char *format = vmp_domain_get_image_format (self->domain, disk, i);
      g_autofree char *base = NULL;
      g_autofree char *name = NULL;
      guint source;

      if (format == NULL)
        return vmp_error_set (error, VMPORT_ERROR_UNSAFE,
                              _ ("The disk “%s” has no stated format; state it in the machine's "
                                 "configuration"),
                              target);
      if (!add_source (self, path, format, &source, error))
        {
          g_prefix_error (error, _ ("The disk “%s”: "), target);
          return FALSE;
        }
      base = vmp_package_name_image (path, format, self->taken);
      name = g_build_filename (VMP_PACKAGE_VHD_FOLDER, base, NULL);
      vmp_package_disk_add_image (entry, path, format, name);
      if (above != NULL)
        {
          above->backing = g_strdup (base);
          above->backing_format = g_strdup (format);
        }
      above = add_member (self, source, name, VMP_ROLE_DISK);
    }
  return TRUE;
}

static void
eject (VmpExportPlan *self, guint disk)
{
  static const char *const nothing[] = { NULL };

  if (vmp_domain_get_n_images (self->domain, disk) == 0)
    return;
  g_ptr_array_add (self->findings,
                   vmp_finding_new (VMP_FINDING_MEDIA_LEFT_BEHIND, "IncludeRemovableMedia", -1,
                                    _ ("The medium in “%s” does not go along"),
                                    vmp_domain_get_disk_target (self->domain, disk)));
  vmp_domain_set_images (self->domain, disk, nothing, nothing);
}

static gboolean
add_disks (VmpExportPlan *self, GError **error)
{
  if (!check_excluded (self, error))
    return FALSE;
  for (guint i = 0; i < vmp_domain_get_n_disks (self->domain); i++)
    {
      if (vmp_domain_get_disk_device (self->domain, i) != VMP_DISK_DEVICE_DISK)
        eject (self, i);
      else if (vmp_domain_get_n_images (self->domain, i) == 0)
        return vmp_error_set (error, VMPORT_ERROR_NOT_SUPPORTED,
                              _ ("The disk “%s” has no file as its source"),
                              vmp_domain_get_disk_target (self->domain, i));
      else if (!add_disk (self, i, error))
        return FALSE;
    }
  return TRUE;
}

static gboolean
add_files (VmpExportPlan *self, GError **error)
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
      g_autofree char *name = NULL;
      guint source;

      if (path == NULL)
        continue;
      if (!add_source (self, path, NULL, &source, error))
        return FALSE;
      name = g_strdup_printf (VMP_PACKAGE_VM_FOLDER "/%s/%s",
                              vmp_machine_get_uuid (self->request->machine), files[i].name);
      add_member (self, source, name, files[i].role);
    }
  return TRUE;
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

      if (!vmp_source_list_check (self->sources, member->source, error))
        return FALSE;
      total += vmp_source_list_get_payload (self->sources, member->source);
    }
  vmp_job_post_total (vmp_run_get_job (self->run), total);
  return TRUE;
}

/* What is copied must fit, unless it can be shared instead. */
static gboolean
check_space (VmpExportPlan *self, GError **error)
{
  g_autoptr (GVariant) place = NULL;
  guint64 needed = 0, free_bytes = 0, device = 0, source_device;
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
      GVariant *reading = vmp_source_list_get_reading (self->sources, member->source);

      if (can_share && g_variant_lookup (reading, "Device", "t", &source_device)
          && source_device == device)
        continue;
      needed += vmp_source_list_get_payload (self->sources, member->source);
    }
  if (needed <= free_bytes)
    return TRUE;
  finding = vmp_finding_new (VMP_FINDING_NOT_ENOUGH_SPACE, "", -1,
                             _ ("The export needs %" G_GUINT64_FORMAT " bytes in “%s”; %"
                                G_GUINT64_FORMAT " are free"),
                             needed, vmp_folder_get_label (self->request->folder), free_bytes);
  finding->bytes = needed;
  g_ptr_array_add (self->findings, finding);
  return TRUE;
}

static void
note_size (VmpExportPlan *self)
{
  VmpFinding *finding;
  g_autofree char *size = NULL;
  guint64 bytes = 0;

  for (guint i = 0; i < self->members->len; i++)
    bytes += vmp_source_list_get_payload (
        self->sources, ((VmpExportMember *) g_ptr_array_index (self->members, i))->source);
  size = g_format_size_full (bytes, G_FORMAT_SIZE_IEC_UNITS);
  finding = vmp_finding_new (VMP_FINDING_PACKAGE_SIZE, "", -1, _ ("%s are to be copied"), size);
  finding->bytes = bytes;
  g_ptr_array_add (self->findings, finding);
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
  self->package = vmp_package_new ();
  self->sources = vmp_source_list_new ();
  self->members = g_ptr_array_new_with_free_func (member_free);
  self->findings = vmp_findings_new ();
  self->taken = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  self->subdirectory = vmp_settings_get_boolean (request->settings, "CreateVmExportSubdirectory")
                           ? vmp_name_to_folder (vmp_machine_get_name (machine))
                           : g_strdup ("");
  vmp_package_set_machine (self->package, vmp_machine_get_uuid (machine),
                           vmp_machine_get_name (machine), "off");
  vmp_package_add_file (self->package, configuration, VMP_ROLE_CONFIGURATION);
  return self;
}

/* All that is known of an export before its first byte is written; @worker has opened the files that
 * it is to read. Blocking. */
VmpExportPlan *
vmp_export_plan_make (VmpRun *run, VmpWorkerHost *worker, VmpExportRequest *request, GError **error)
{
  g_autoptr (VmpExportPlan) self = plan_new (run, worker, request);

  if (strcmp (vmp_machine_get_state (request->machine), "off") != 0)
    {
      vmp_error_set (error, VMPORT_ERROR_NOT_SUPPORTED,
                     _ ("The machine is %s; this version of vmport exports machines that are off"),
                     vmp_machine_get_state (request->machine));
      return NULL;
    }
  if (!add_disks (self, error) || !add_files (self, error) || !check_sources (self, error)
      || !check_space (self, error))
    return NULL;
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
