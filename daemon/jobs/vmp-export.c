/* Export: a machine's files into a package that its caller will own. */
#include "config.h"

#include "vmp-export.h"

#include <glib/gi18n-lib.h>
#include <string.h>

#include "vmp-error.h"
#include "vmp-finding.h"
#include "vmp-name.h"
#include "vmp-package.h"
#include "vmp-source-list.h"

/* A member of the package to be, and where it is read from. */
typedef struct
{
  guint source;
  char *name;
  char *backing; /* what an overlay's header is to name */
  char *backing_format;
} Member;

typedef struct
{
  VmpRun *run;
  VmpExportPlan *plan;
  VmpWorkerHost *worker;
  VmpDomain *domain;
  VmpPackage *package;
  VmpSourceList *sources;
  GPtrArray *members;
  GPtrArray *findings;
  GHashTable *taken; /* file names in the disks' folder */
  char *subdirectory;
  char *token;
  char *path;
  guint undo;
} Export;

VmpExportPlan *
vmp_export_plan_new (VmpMachine *machine, const char *directory, VmpSettings *settings)
{
  VmpExportPlan *plan = g_new0 (VmpExportPlan, 1);

  plan->machine = vmp_machine_ref (machine);
  plan->directory = g_strdup (directory);
  plan->settings = g_object_ref (settings);
  return plan;
}

void
vmp_export_plan_free (VmpExportPlan *plan)
{
  vmp_machine_unref (plan->machine);
  g_free (plan->directory);
  g_object_unref (plan->settings);
  g_free (plan);
}

static void
member_free (gpointer data)
{
  Member *member = data;

  g_free (member->name);
  g_free (member->backing);
  g_free (member->backing_format);
  g_free (member);
}

static void
export_clear (Export *self)
{
  if (self->worker != NULL)
    {
      vmp_run_unfollow (self->run);
      vmp_worker_host_stop (self->worker);
    }
  g_clear_object (&self->worker);
  g_clear_object (&self->domain);
  g_clear_object (&self->package);
  g_clear_pointer (&self->sources, vmp_source_list_free);
  g_clear_pointer (&self->members, g_ptr_array_unref);
  g_clear_pointer (&self->findings, g_ptr_array_unref);
  g_clear_pointer (&self->taken, g_hash_table_unref);
  g_free (self->subdirectory);
  g_free (self->token);
  g_free (self->path);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Export, export_clear)

/* The manager opens what lies in its own place; anything else the caller must be able to read. */
static gboolean
add_source (Export *self, const char *path, const char *format, guint *source, GError **error)
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

static Member *
add_member (Export *self, guint source, const char *name, VmpRole role)
{
  Member *member = g_new0 (Member, 1);

  member->source = source;
  member->name = g_strdup (name);
  g_ptr_array_add (self->members, member);
  vmp_package_add_file (self->package, name, role);
  return member;
}

/* A disk that stays behind keeps its position: an import is told where it lies now. */
static void
leave_disk (Export *self, guint disk)
{
  VmpPackageDisk *entry = vmp_package_add_disk (self->package,
                                                vmp_domain_get_disk_target (self->domain, disk));

  for (guint i = 0; i < vmp_domain_get_n_images (self->domain, disk); i++)
    vmp_package_disk_add_image (entry, vmp_domain_get_image_path (self->domain, disk, i),
                                vmp_domain_get_image_format (self->domain, disk, i), NULL);
}

static gboolean
is_excluded (Export *self, guint disk)
{
  const char *const *excluded = vmp_settings_get_strv (self->plan->settings,
                                                       "ExcludedVirtualHardDisks");

  return g_strv_contains (excluded, vmp_domain_get_disk_target (self->domain, disk))
         || g_strv_contains (excluded, vmp_domain_get_image_path (self->domain, disk, 0));
}

/* Hyper-V: one that is no attached disk fails the whole operation. */
static gboolean
check_excluded (Export *self, GError **error)
{
  const char *const *excluded = vmp_settings_get_strv (self->plan->settings,
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
add_disk (Export *self, guint disk, GError **error)
{
  const char *target = vmp_domain_get_disk_target (self->domain, disk);
  VmpPackageDisk *entry;
  Member *above = NULL;

  if (!vmp_settings_get_boolean (self->plan->settings, "CopyVmStorage"))
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
eject (Export *self, guint disk)
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
add_disks (Export *self, GError **error)
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
add_files (Export *self, GError **error)
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
                              vmp_machine_get_uuid (self->plan->machine), files[i].name);
      add_member (self, source, name, files[i].role);
    }
  return TRUE;
}

static gboolean
prepare (Export *self, GError **error)
{
  GVariantDict options, entry;
  g_autoptr (GVariant) reply = NULL;
  g_autoptr (GVariant) place = NULL;
  g_autoptr (GVariant) left = NULL;
  guint64 device, inode;

  self->token = vmp_name_new_token ();
  g_variant_dict_init (&entry, NULL);
  g_variant_dict_insert (&entry, "Kind", "s", "Package");
  g_variant_dict_insert (&entry, "Directory", "s", self->plan->directory);
  g_variant_dict_insert (&entry, "Subdirectory", "s", self->subdirectory);
  g_variant_dict_insert (&entry, "Token", "s", self->token);
  left = g_variant_ref_sink (g_variant_dict_end (&entry));
  self->undo = vmp_run_add_undo (self->run, left, error);
  if (self->undo == G_MAXUINT)
    return FALSE;

  g_variant_dict_init (&options, NULL);
  g_variant_dict_insert (&options, "Subdirectory", "s", self->subdirectory);
  g_variant_dict_insert (&options, "Token", "s", self->token);
  reply = vmp_worker_host_call (self->worker, "Prepare",
                                g_variant_new ("(s@a{sv})", self->plan->directory,
                                               g_variant_dict_end (&options)),
                                "(a{sv})", NULL, NULL, error);
  if (reply == NULL)
    {
      /* A worker that could answer has made nothing. One that died may have. */
      if (!vmp_worker_host_is_gone (self->worker))
        vmp_run_drop_undo (self->run, self->undo, NULL);
      return FALSE;
    }
  place = g_variant_get_child_value (reply, 0);
  if (!g_variant_lookup (place, "Path", "s", &self->path)
      || !g_variant_lookup (place, "Device", "t", &device)
      || !g_variant_lookup (place, "Inode", "t", &inode))
    return vmp_error_set (error, VMPORT_ERROR_FAILED, "The worker does not say what it made");
  g_variant_dict_init (&entry, left);
  g_variant_dict_insert (&entry, "Device", "t", device);
  g_variant_dict_insert (&entry, "Inode", "t", inode);
  g_clear_pointer (&left, g_variant_unref);
  left = g_variant_ref_sink (g_variant_dict_end (&entry));
  return vmp_run_set_undo (self->run, self->undo, left, error);
}

static gboolean
check_sources (Export *self, GError **error)
{
  guint64 total = 0;

  if (!vmp_source_list_send (self->sources, self->worker, error))
    return FALSE;
  for (guint i = 0; i < self->members->len; i++)
    {
      Member *member = g_ptr_array_index (self->members, i);

      if (!vmp_source_list_check (self->sources, member->source, error))
        return FALSE;
      total += vmp_source_list_get_payload (self->sources, member->source);
    }
  vmp_job_post_total (vmp_run_get_job (self->run), total);
  return TRUE;
}

static GVariant *
members_to_variant (Export *self)
{
  GVariantBuilder builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE ("a(usa{sv})"));
  for (guint i = 0; i < self->members->len; i++)
    {
      Member *member = g_ptr_array_index (self->members, i);
      GVariantDict options;

      g_variant_dict_init (&options, NULL);
      if (member->backing != NULL)
        {
          g_variant_dict_insert (&options, "BackingFile", "s", member->backing);
          g_variant_dict_insert (&options, "BackingFormat", "s", member->backing_format);
        }
      g_variant_builder_add (&builder, "(us@a{sv})", member->source, member->name,
                             g_variant_dict_end (&options));
    }
  return g_variant_builder_end (&builder);
}

static GVariant *
write_package (Export *self, GError **error)
{
  g_autofree char *xml = vmp_domain_to_xml (self->domain);
  g_autoptr (GVariant) reply = NULL;
  GVariantDict options;

  g_variant_dict_init (&options, NULL);
  g_variant_dict_insert (&options, "Configuration", "s", xml);
  g_variant_dict_insert (&options, "Checksum", "s",
                         vmp_settings_get_string (self->plan->settings, "Checksum"));
  reply = vmp_worker_host_call (self->worker, "WritePackage",
                                g_variant_new ("(v@a(usa{sv})@a{sv})",
                                               vmp_package_to_variant (self->package),
                                               members_to_variant (self),
                                               g_variant_dict_end (&options)),
                                "(a{sv})", NULL, NULL, error);
  return reply != NULL ? g_variant_get_child_value (reply, 0) : NULL;
}

/* The configuration, the descriptor and SHA256SUMS, which are no members. */
#define MAX_OTHER_ENTRIES 3

/* What the worker says that it wrote goes into the journal, which must stay small enough to be
 * read again. */
static gboolean
check_entries (Export *self, GVariant *entries, GError **error)
{
  gsize n = entries != NULL ? g_variant_n_children (entries) : 0;

  if (n == 0 || n > (gsize) self->members->len + MAX_OTHER_ENTRIES)
    return vmp_error_set (error, VMPORT_ERROR_FAILED, "The worker does not say what it wrote");
  for (gsize i = 0; i < n; i++)
    {
      const char *name;

      g_variant_get_child (entries, i, "(&stt)", &name, NULL, NULL);
      if (!vmp_name_is_component (name))
        return vmp_error_set (error, VMPORT_ERROR_FAILED,
                              "The worker says that it wrote what has no name");
    }
  return TRUE;
}

/* From here on the journal knows by inode what will stand in the caller's folder. */
static gboolean
publish (Export *self, GVariant *written, GError **error)
{
  g_autoptr (GVariant) entries = g_variant_lookup_value (written, "Entries",
                                                         G_VARIANT_TYPE ("a(stt)"));
  g_autoptr (GVariant) undo = g_variant_ref_sink (vmp_run_get_undo_list (self->run));
  g_autoptr (GVariant) before = g_variant_get_child_value (undo, self->undo);
  g_autoptr (GVariant) reply = NULL;
  GVariantDict entry;

  if (!check_entries (self, entries, error))
    return FALSE;
  g_variant_dict_init (&entry, before);
  g_variant_dict_insert_value (&entry, "Entries", entries);
  if (!vmp_run_set_undo (self->run, self->undo, g_variant_dict_end (&entry), error)
      || !vmp_run_enter_last_step (self->run, error))
    return FALSE;
  reply = vmp_worker_host_call (self->worker, "Publish", NULL, "()", NULL, NULL, error);
  return reply != NULL;
}

static GVariant *
make_result (Export *self, GVariant *written)
{
  GVariantDict result;
  guint64 copied = 0, cloned = 0;
  guint32 files = 0;

  g_variant_lookup (written, "Copied", "t", &copied);
  g_variant_lookup (written, "Cloned", "t", &cloned);
  g_variant_lookup (written, "Files", "u", &files);
  g_variant_dict_init (&result, NULL);
  g_variant_dict_insert (&result, "ExportPath", "s", self->path);
  g_variant_dict_insert (&result, "BytesCopied", "t", copied);
  g_variant_dict_insert (&result, "BytesCloned", "t", cloned);
  g_variant_dict_insert (&result, "Files", "u", files);
  g_variant_dict_insert_value (&result, "Warnings",
                               vmp_findings_warnings_to_variant (self->findings));
  return g_variant_dict_end (&result);
}

static gboolean
describe_machine (Export *self, GError **error)
{
  VmpMachine *machine = self->plan->machine;
  g_autofree char *configuration = g_strdup_printf (VMP_PACKAGE_VM_FOLDER "/%s.xml",
                                                    vmp_machine_get_uuid (machine));

  if (strcmp (vmp_machine_get_state (machine), "off") != 0)
    return vmp_error_set (error, VMPORT_ERROR_NOT_SUPPORTED,
                          _ ("The machine is %s; this version of vmport exports machines that are "
                             "off"),
                          vmp_machine_get_state (machine));
  self->domain = vmp_domain_copy (vmp_machine_get_domain (machine));
  self->package = vmp_package_new ();
  self->sources = vmp_source_list_new ();
  self->members = g_ptr_array_new_with_free_func (member_free);
  self->findings = vmp_findings_new ();
  self->taken = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  self->subdirectory = vmp_settings_get_boolean (self->plan->settings,
                                                 "CreateVmExportSubdirectory")
                           ? vmp_name_to_folder (vmp_machine_get_name (machine))
                           : g_strdup ("");
  vmp_package_set_machine (self->package, vmp_machine_get_uuid (machine),
                           vmp_machine_get_name (machine), "off");
  vmp_package_add_file (self->package, configuration, VMP_ROLE_CONFIGURATION);
  return TRUE;
}

/* What is copied must fit, unless it can be shared instead. */
static gboolean
check_space (Export *self, GError **error)
{
  g_autoptr (GVariant) reply = NULL;
  g_autoptr (GVariant) place = NULL;
  guint64 needed = 0, free_bytes = 0, device = 0, source_device;
  gboolean can_share = FALSE;
  GVariantDict options;
  VmpFinding *finding;

  g_variant_dict_init (&options, NULL);
  g_variant_dict_insert (&options, "Subdirectory", "s", self->subdirectory);
  reply = vmp_worker_host_call (self->worker, "Examine",
                                g_variant_new ("(s@a{sv})", self->plan->directory,
                                               g_variant_dict_end (&options)),
                                "(a{sv})", NULL, NULL, error);
  if (reply == NULL)
    return FALSE;
  place = g_variant_get_child_value (reply, 0);
  g_variant_lookup (place, "Free", "t", &free_bytes);
  g_variant_lookup (place, "Device", "t", &device);
  g_variant_lookup (place, "CanShare", "b", &can_share);
  for (guint i = 0; i < self->members->len; i++)
    {
      Member *member = g_ptr_array_index (self->members, i);
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
                             needed, self->plan->directory, free_bytes);
  finding->bytes = needed;
  g_ptr_array_add (self->findings, finding);
  return TRUE;
}

static void
note_size (Export *self)
{
  VmpFinding *finding;
  g_autofree char *size = NULL;
  guint64 bytes = 0;

  for (guint i = 0; i < self->members->len; i++)
    bytes += vmp_source_list_get_payload (
        self->sources, ((Member *) g_ptr_array_index (self->members, i))->source);
  size = g_format_size_full (bytes, G_FORMAT_SIZE_IEC_UNITS);
  finding = vmp_finding_new (VMP_FINDING_PACKAGE_SIZE, "", -1, _ ("%s are to be copied"), size);
  finding->bytes = bytes;
  g_ptr_array_add (self->findings, finding);
}

/* All that is known of an export before its first byte is written. */
static gboolean
plan_export (Export *self, GError **error)
{
  if (!add_disks (self, error) || !add_files (self, error) || !check_sources (self, error)
      || !check_space (self, error))
    return FALSE;
  note_size (self);
  return TRUE;
}

GVariant *
vmp_export_check_work (VmpRun *run, gpointer data, GError **error)
{
  g_auto (Export) self = { .run = run, .plan = data };
  GVariantDict dict;

  if (!describe_machine (&self, error))
    return NULL;
  self.worker = vmp_run_start_worker (run, error);
  if (self.worker == NULL || !plan_export (&self, error))
    return NULL;
  g_variant_dict_init (&dict, NULL);
  g_variant_dict_insert_value (&dict, "Findings", vmp_findings_to_variant (self.findings));
  return g_variant_dict_end (&dict);
}

GVariant *
vmp_export_work (VmpRun *run, gpointer data, GError **error)
{
  g_auto (Export) self = { .run = run, .plan = data };
  g_autoptr (GVariant) written = NULL;

  if (!describe_machine (&self, error))
    return NULL;
  self.worker = vmp_run_start_worker (run, error);
  if (self.worker == NULL)
    return NULL;
  vmp_run_follow (run, self.worker);
  if (!plan_export (&self, error))
    return NULL;
  vmp_run_set_detail (run, "Findings", vmp_findings_to_variant (self.findings));
  if (!vmp_findings_first_error (self.findings, error) || !prepare (&self, error))
    return NULL;
  written = write_package (&self, error);
  if (written == NULL || !publish (&self, written, error))
    return NULL;
  return make_result (&self, written);
}
