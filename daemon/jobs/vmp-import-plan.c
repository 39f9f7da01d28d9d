/* What an import would do: read from a package or a bare directory, and settled by its settings.
 * This half reads; vmp-import-settle.c settles. */
#include "config.h"

#include "vmp-import-plan-private.h"

#include <glib/gi18n-lib.h>
#include <string.h>

#include "vmp-error.h"
#include "vmp-import-snapshots.h"
#include "vmp-name.h"

VmpImportFile *
vmp_import_file_new (VmpRole role, const char *path, const char *format)
{
  VmpImportFile *file = g_new0 (VmpImportFile, 1);

  file->role = role;
  file->source = file->member_source = VMP_NO_SOURCE;
  file->path = g_strdup (path);
  file->format = g_strdup (format);
  file->size = G_MAXUINT64;
  return file;
}

static void
import_file_free (gpointer data)
{
  VmpImportFile *file = data;

  if (file == NULL)
    return;
  g_free (file->path);
  g_free (file->format);
  g_free (file->target);
  g_free (file->member);
  g_free (file->found);
  g_free (file->folder);
  g_free (file->base);
  g_free (file->verity);
  g_free (file->locator);
  g_free (file->sha256);
  g_free (file);
}

char *
vmp_import_file_get_member (VmpImportFile *file, const char *uuid)
{
  if (file->role == VMP_ROLE_SNAPSHOT_DISK || file->role == VMP_ROLE_SNAPSHOT_MEMORY)
    return g_build_filename (VMP_PACKAGE_SNAPSHOT_FOLDER, file->base, NULL);
  if (file->format != NULL)
    return g_build_filename (VMP_PACKAGE_VHD_FOLDER, file->base, NULL);
  return g_build_filename (VMP_PACKAGE_VM_FOLDER, uuid, file->base, NULL);
}

static void
adapter_free (gpointer data)
{
  VmpImportAdapter *adapter = data;

  g_free (adapter->mac);
  g_free (adapter->connection);
  g_free (adapter->source);
  g_free (adapter);
}

static void
import_disk_free (gpointer data)
{
  VmpImportDisk *disk = data;

  g_ptr_array_unref (disk->images);
  g_free (disk->target);
  g_free (disk);
}

static VmpImportFile *
import_disk_add_image (VmpImportDisk *disk, VmpRole role, const char *path, const char *format)
{
  VmpImportFile *image = vmp_import_file_new (role, path, format);
  guint n = disk->images->len;

  image->target = g_strdup (disk->target);
  if (n > 0)
    ((VmpImportFile *) g_ptr_array_index (disk->images, n - 1))->below = image;
  g_ptr_array_add (disk->images, image);
  return image;
}

void
vmp_import_plan_free (VmpImportPlan *self)
{
  g_free (self->directory);
  g_free (self->base);
  g_clear_object (&self->domain);
  g_clear_object (&self->package);
  g_clear_pointer (&self->unsafe, g_variant_unref);
  g_strfreev (self->names);
  g_strfreev (self->folders);
  g_strfreev (self->networks);
  g_free (self->configuration_verity);
  g_clear_pointer (&self->prefilled, g_variant_unref);
  g_clear_pointer (&self->sources, vmp_source_list_free);
  g_clear_pointer (&self->disks, g_ptr_array_unref);
  g_clear_pointer (&self->media, g_ptr_array_unref);
  g_clear_pointer (&self->data, g_ptr_array_unref);
  g_clear_pointer (&self->snapshots, g_ptr_array_unref);
  g_clear_pointer (&self->snapshot_files, g_ptr_array_unref);
  g_clear_pointer (&self->adapters, g_ptr_array_unref);
  g_clear_pointer (&self->macs, g_hash_table_unref);
  g_clear_object (&self->state_domain);
  g_free (self->state_cookie);
  for (guint i = 0; i < VMP_DOMAIN_N_FILES; i++)
    import_file_free (self->files[i]);
  g_clear_pointer (&self->findings, g_ptr_array_unref);
  g_clear_pointer (&self->places, g_hash_table_unref);
  g_free (self);
}

static const struct
{
  VmpDomainFile file;
  VmpRole role;
} file_roles[] = {
  { VMP_DOMAIN_FILE_KERNEL, VMP_ROLE_KERNEL }, { VMP_DOMAIN_FILE_INITRD, VMP_ROLE_INITRD },
  { VMP_DOMAIN_FILE_DTB, VMP_ROLE_DTB },       { VMP_DOMAIN_FILE_LOADER, VMP_ROLE_LOADER },
  { VMP_DOMAIN_FILE_NVRAM, VMP_ROLE_NVRAM },
};

/* The report is a worker's: data of the right types, checked again by the model. */
static gboolean
take_report (VmpImportPlan *self, GVariant *report, GError **error)
{
  g_autoptr (GVariant) domain = NULL;
  g_autoptr (GVariant) package = NULL;

  if (!g_variant_lookup (report, "Bare", "b", &self->bare)
      || !g_variant_lookup (report, "Domain", "v", &domain)
      || !g_variant_lookup (report, "Unsafe", "@a(ssb)", &self->unsafe))
    return vmp_error_set (error, VMPORT_ERROR_FAILED, "The worker's report is not complete");
  self->domain = vmp_domain_new_from_variant (domain, error);
  if (self->domain == NULL)
    return FALSE;
  if (vmp_domain_get_uuid (self->domain) == NULL)
    return vmp_error_set (error, VMPORT_ERROR_FAILED, "The worker's report has no id");
  g_variant_lookup (report, "Names", "^as", &self->names);
  g_variant_lookup (report, "Folders", "^as", &self->folders);
  g_variant_lookup (report, "ConfigurationVerity", "s", &self->configuration_verity);
  if (self->bare)
    return TRUE;
  if (!g_variant_lookup (report, "Package", "v", &package))
    return vmp_error_set (error, VMPORT_ERROR_FAILED, "The worker's report has no package");
  self->package = vmp_package_new_from_variant (package, error);
  return self->package != NULL;
}

/* Where a directory is that came open, only the worker can say: it is the caller's word. */
static void
take_base (VmpImportPlan *self, VmpFolder *folder, GVariant *report)
{
  const char *path;

  if (!vmp_folder_is_open (folder))
    self->base = g_strdup (self->directory);
  else if (g_variant_lookup (report, "Path", "&s", &path) && vmp_name_is_absolute (path))
    self->base = g_strdup (path);
}

static gboolean
has_name (VmpImportPlan *self, const char *name)
{
  return self->names != NULL && g_strv_contains ((const char *const *) self->names, name);
}

void
vmp_import_plan_take_member (VmpImportPlan *self, VmpImportFile *file, const char *member)
{
  VmpPackageFile *listed;

  file->member = g_strdup (member);
  file->source = vmp_source_list_add_member (self->sources, member, file->format);
  file->member_source = file->source;
  if (file->save_image)
    vmp_source_list_set_flags (self->sources, file->source, VMP_SOURCE_SAVE_IMAGE);
  if (self->package == NULL || (listed = vmp_package_find_file (self->package, member)) == NULL)
    return;
  file->verity = g_strdup (listed->verity);
  file->locator = g_strdup (listed->locator);
  file->sha256 = g_strdup (listed->sha256);
  file->size = listed->size;
}

static VmpPackageDisk *
find_package_disk (VmpImportPlan *self, const char *target)
{
  GPtrArray *disks = vmp_package_get_disks (self->package);

  for (guint i = 0; i < disks->len; i++)
    {
      VmpPackageDisk *disk = g_ptr_array_index (disks, i);

      if (strcmp (disk->target, target) == 0)
        return disk;
    }
  return NULL;
}

static gboolean
add_package_images (VmpImportPlan *self, VmpImportDisk *disk, VmpRole role, GError **error)
{
  const char *target = vmp_domain_get_disk_target (self->domain, disk->disk);
  VmpPackageDisk *listed = find_package_disk (self, target);

  if (listed == NULL)
    return vmp_error_set (error, VMPORT_ERROR_CORRUPT,
                          _ ("The package's descriptor does not list the disk “%s”"), target);
  for (guint i = 0; i < listed->images->len; i++)
    {
      VmpPackageImage *image = g_ptr_array_index (listed->images, i);
      VmpImportFile *file = import_disk_add_image (disk, role, image->path, image->format);

      if (image->file != NULL)
        vmp_import_plan_take_member (self, file, image->file);
    }
  return TRUE;
}

static void
add_bare_images (VmpImportPlan *self, VmpImportDisk *disk)
{
  for (guint i = 0; i < vmp_domain_get_n_images (self->domain, disk->disk); i++)
    {
      const char *path = vmp_domain_get_image_path (self->domain, disk->disk, i);
      g_autofree char *base = g_path_get_basename (path);
      VmpImportFile *file = import_disk_add_image (
          disk, VMP_ROLE_DISK, path, vmp_domain_get_image_format (self->domain, disk->disk, i));

      if (has_name (self, base))
        vmp_import_plan_take_member (self, file, base);
    }
}

static VmpImportDisk *
add_drive (GPtrArray *drives, guint disk, const char *target)
{
  VmpImportDisk *drive = g_new0 (VmpImportDisk, 1);

  drive->disk = disk;
  drive->target = g_strdup (target);
  drive->images = g_ptr_array_new_with_free_func (import_file_free);
  g_ptr_array_add (drives, drive);
  return drive;
}

/* The medium of a drive comes along where the package has it. */
static gboolean
add_medium (VmpImportPlan *self, guint disk, const char *target, GError **error)
{
  VmpPackageDisk *listed = self->package != NULL ? find_package_disk (self, target) : NULL;
  VmpPackageImage *top = listed != NULL ? g_ptr_array_index (listed->images, 0) : NULL;

  if (top == NULL || top->file == NULL)
    return TRUE;
  return add_package_images (self, add_drive (self->media, disk, target), VMP_ROLE_MEDIA, error);
}

static gboolean
add_disk (VmpImportPlan *self, guint disk, const char *target, GError **error)
{
  VmpImportDisk *drive = add_drive (self->disks, disk, target);

  if (self->bare)
    add_bare_images (self, drive);
  else if (!add_package_images (self, drive, VMP_ROLE_DISK, error))
    return FALSE;
  if (drive->images->len > VMP_PACKAGE_MAX_IMAGES)
    return vmp_error_set (error, VMPORT_ERROR_CORRUPT, _ ("The disk “%s” has too many images"),
                          target);
  return TRUE;
}

static gboolean
add_disks (VmpImportPlan *self, GError **error)
{
  for (guint i = 0; i < vmp_domain_get_n_disks (self->domain); i++)
    {
      const char *target = vmp_domain_get_disk_target (self->domain, i);

      /* A disk that is no file has no position: it is a device that reaches into the host. */
      if (vmp_domain_get_n_images (self->domain, i) == 0)
        continue;
      if (vmp_domain_get_disk_device (self->domain, i) != VMP_DISK_DEVICE_DISK
              ? !add_medium (self, i, target, error)
              : !add_disk (self, i, target, error))
        return FALSE;
    }
  return TRUE;
}

static void
add_files (VmpImportPlan *self)
{
  for (gsize i = 0; i < G_N_ELEMENTS (file_roles); i++)
    {
      VmpDomainFile which = file_roles[i].file;
      const char *path = vmp_domain_get_file (self->domain, which);
      g_autofree char *base = path != NULL ? g_path_get_basename (path) : NULL;
      VmpPackageFile *listed = NULL;

      if (path == NULL)
        continue;
      if (self->package != NULL)
        listed = vmp_package_find_role (self->package, file_roles[i].role);
      self->files[which] = vmp_import_file_new (file_roles[i].role, path, NULL);
      if (listed != NULL || (self->package == NULL && has_name (self, base)))
        vmp_import_plan_take_member (self, self->files[which], listed != NULL ? listed->name : base);
    }
}

/* The name that a file has beneath the folder of its machine; NULL where it lies elsewhere. */
static char *
name_data (VmpImportPlan *self, VmpPackageFile *file)
{
  g_autofree char *folder = g_strdup_printf (VMP_PACKAGE_VM_FOLDER "/%s/",
                                             vmp_package_get_uuid (self->package));
  const char *beneath = file->name + strlen (folder);

  if (!g_str_has_prefix (file->name, folder))
    return NULL;
  if (file->role == VMP_ROLE_STATE ? strcmp (beneath, "state.save") != 0
                                   : !g_str_has_prefix (beneath, "tpm/"))
    return NULL;
  return g_strdup (beneath);
}

/* No more than a manager will read of it again. */
static gboolean
is_tpm_file (const char *name, guint before)
{
  guint folders = 0;

  for (const char *slash = strchr (name, '/'); slash != NULL; slash = strchr (slash + 1, '/'))
    folders++;
  return before < VMP_PACKAGE_MAX_TPM_FILES && folders <= VMP_PACKAGE_MAX_TPM_DEPTH;
}

/* What belongs to the machine and is not named by its configuration. */
static gboolean
add_data (VmpImportPlan *self, GError **error)
{
  GPtrArray *files = self->package != NULL ? vmp_package_get_files (self->package) : NULL;

  for (guint i = 0; files != NULL && i < files->len; i++)
    {
      VmpPackageFile *listed = g_ptr_array_index (files, i);
      g_autofree char *base = NULL;
      VmpImportFile *file;

      if (listed->role != VMP_ROLE_STATE && listed->role != VMP_ROLE_TPM)
        continue;
      base = name_data (self, listed);
      if (base == NULL
          || (listed->role == VMP_ROLE_TPM && !is_tpm_file (base, self->data->len)))
        return vmp_error_set (error, VMPORT_ERROR_CORRUPT,
                              _ ("“%s” does not lie where a package has its saved state or TPM"),
                              listed->name);
      file = vmp_import_file_new (listed->role, listed->name, NULL);
      file->base = g_steal_pointer (&base);
      file->save_image = listed->role == VMP_ROLE_STATE && self->state_formats != NULL;
      vmp_import_plan_take_member (self, file, listed->name);
      g_ptr_array_add (self->data, file);
    }
  return TRUE;
}

/* A lower image that the configuration of a bare directory does not spell out, but the overlay's
 * header names, is taken where it lies beside it. TRUE while there was one more. */
static gboolean
extend_chains (VmpImportPlan *self)
{
  gboolean extended = FALSE;

  for (guint i = 0; i < self->disks->len; i++)
    {
      VmpImportDisk *disk = g_ptr_array_index (self->disks, i);
      VmpImportFile *last = disk->images->len > 0
                                ? g_ptr_array_index (disk->images, disk->images->len - 1)
                                : NULL;
      const char *backing, *format;
      g_autofree char *base = NULL;
      GVariant *reading;

      if (last == NULL || last->source == VMP_NO_SOURCE
          || disk->images->len >= VMP_PACKAGE_MAX_IMAGES)
        continue;
      reading = vmp_source_list_get_reading (self->sources, last->source);
      if (!g_variant_lookup (reading, "BackingFile", "&s", &backing)
          || !g_variant_lookup (reading, "BackingFormat", "&s", &format))
        continue;
      base = g_path_get_basename (backing);
      if (!has_name (self, base))
        continue;
      vmp_import_plan_take_member (self, import_disk_add_image (disk, VMP_ROLE_DISK, backing, format), base);
      extended = TRUE;
    }
  return extended;
}

static gboolean
send_sources (VmpImportPlan *self, GError **error)
{
  do
    if (!vmp_source_list_send (self->sources, self->worker, error))
      return FALSE;
  while (self->bare && extend_chains (self));
  return TRUE;
}

static gboolean
can_read (VmpImportPlan *self, VmpImportFile *file)
{
  return file->source != VMP_NO_SOURCE
         && vmp_source_list_check (self->sources, file->source, NULL);
}

static void
prefill_disks (VmpImportPlan *self, GVariantDict *dict)
{
  g_autoptr (GStrvBuilder) current = g_strv_builder_new ();
  g_autoptr (GStrvBuilder) source = g_strv_builder_new ();
  g_autoptr (GStrvBuilder) target = g_strv_builder_new ();
  g_auto (GStrv) current_strv = NULL;
  g_auto (GStrv) source_strv = NULL;
  g_auto (GStrv) target_strv = NULL;

  for (guint i = 0; i < self->disks->len; i++)
    {
      VmpImportDisk *disk = g_ptr_array_index (self->disks, i);
      VmpImportFile *top = disk->images->len > 0 ? g_ptr_array_index (disk->images, 0) : NULL;
      g_autofree char *path = top != NULL && can_read (self, top)
                                   ? g_build_filename (self->directory, top->member, NULL)
                                   : g_strdup ("");

      g_strv_builder_add (current, top != NULL ? top->path : "");
      g_strv_builder_add (source, path);
      g_strv_builder_add (target, "");
    }
  current_strv = g_strv_builder_end (current);
  source_strv = g_strv_builder_end (source);
  target_strv = g_strv_builder_end (target);
  g_variant_dict_insert (dict, "CurrentResourcePaths", "^as", current_strv);
  g_variant_dict_insert (dict, "SourceResourcePaths", "^as", source_strv);
  g_variant_dict_insert (dict, "TargetResourcePaths", "^as", target_strv);
}

static void
prefill_networks (VmpImportPlan *self, GVariantDict *dict)
{
  g_autoptr (GStrvBuilder) source = g_strv_builder_new ();
  g_autoptr (GStrvBuilder) target = g_strv_builder_new ();
  g_auto (GStrv) source_strv = NULL;
  g_auto (GStrv) target_strv = NULL;

  for (guint i = 0; i < vmp_domain_get_n_interfaces (self->domain); i++)
    {
      g_autofree char *connection = vmp_domain_get_interface_connection (self->domain, i);
      gboolean here = g_strv_contains ((const char *const *) self->networks, connection);

      g_strv_builder_add (source, connection);
      g_strv_builder_add (target, here ? connection : "");
    }
  source_strv = g_strv_builder_end (source);
  target_strv = g_strv_builder_end (target);
  g_variant_dict_insert (dict, "SourceNetworkConnections", "^as", source_strv);
  g_variant_dict_insert (dict, "TargetNetworkConnections", "^as", target_strv);
}

static void
prefill_roots (VmpImportPlan *self, GVariantDict *dict)
{
  static const struct
  {
    const char *key;
    const char *folder;
  } roots[] = {
    { "SourceVmDataRoot", VMP_PACKAGE_VM_FOLDER },
    { "SourceSnapshotDataRoot", VMP_PACKAGE_SNAPSHOT_FOLDER },
    { "SourceVhdDataRoot", VMP_PACKAGE_VHD_FOLDER },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (roots); i++)
    {
      gboolean there = self->folders != NULL
                       && g_strv_contains ((const char *const *) self->folders, roots[i].folder);
      g_autofree char *path = there ? g_build_filename (self->directory, roots[i].folder, NULL)
                                    : g_strdup ("");

      g_variant_dict_insert (dict, roots[i].key, "s", path);
    }
}

static void
prefill (VmpImportPlan *self)
{
  g_autoptr (GVariant) defaults = g_variant_ref_sink (
      vmp_settings_defaults (VMP_SETTINGS_IMPORT, vmp_domain_get_uuid (self->domain)));
  g_autoptr (GVariant) filled = NULL;
  GVariantDict dict;

  g_variant_dict_init (&dict, defaults);
  g_variant_dict_insert (&dict, "Name", "s", vmp_domain_get_name (self->domain));
  prefill_disks (self, &dict);
  prefill_networks (self, &dict);
  prefill_roots (self, &dict);
  filled = g_variant_ref_sink (g_variant_dict_end (&dict));
  self->prefilled = g_variant_ref_sink (vmp_settings_sort (VMP_SETTINGS_IMPORT, filled));
}

/* Opens @folder through @worker and reads all that settings do not change. Blocking. */
VmpImportPlan *
vmp_import_plan_read (VmpRun *run, VmpWorkerHost *worker, VmpFolder *folder, GError **error)
{
  g_autoptr (VmpImportPlan) self = g_new0 (VmpImportPlan, 1);
  g_autoptr (GVariant) report = NULL;
  GVariantDict options;

  self->run = run;
  self->worker = worker;
  self->directory = g_strdup (vmp_folder_get_path (folder));
  self->sources = vmp_source_list_new ();
  self->disks = g_ptr_array_new_with_free_func (import_disk_free);
  self->media = g_ptr_array_new_with_free_func (import_disk_free);
  self->data = g_ptr_array_new_with_free_func (import_file_free);
  self->snapshots
      = g_ptr_array_new_with_free_func ((GDestroyNotify) vmp_import_snapshot_free);
  self->snapshot_files = g_ptr_array_new_with_free_func (import_file_free);
  self->adapters = g_ptr_array_new_with_free_func (adapter_free);
  self->macs = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  self->findings = vmp_findings_new ();
  self->places = g_hash_table_new_full (g_str_hash, g_str_equal, g_free,
                                        (GDestroyNotify) g_variant_unref);
  self->networks = vmp_machines_list_networks (vmp_run_get_machines (run));
  self->state_formats = vmp_machines_get_state_formats (vmp_run_get_machines (run));
  g_variant_dict_init (&options, NULL);
  report = vmp_folder_call_worker (folder, worker, "OpenPackage", &options, error);
  if (report == NULL || !take_report (self, report, error) || !add_disks (self, error)
      || !add_data (self, error) || !vmp_import_plan_read_snapshots (self, report, error))
    return NULL;
  take_base (self, folder, report);
  add_files (self);
  if (!send_sources (self, error))
    return NULL;
  prefill (self);
  return g_steal_pointer (&self);
}

/* What GetImportSettings answers; borrowed. */
GVariant *
vmp_import_plan_get_prefilled (VmpImportPlan *self)
{
  return self->prefilled;
}

GPtrArray *
vmp_import_plan_get_findings (VmpImportPlan *self)
{
  return self->findings;
}

VmpDomain *
vmp_import_plan_get_domain (VmpImportPlan *self)
{
  return self->domain;
}

/* Of VmpImportSnapshot, parents first. */
GPtrArray *
vmp_import_plan_get_snapshots (VmpImportPlan *self)
{
  return self->snapshots;
}

GPtrArray *
vmp_import_plan_get_disks (VmpImportPlan *self)
{
  return self->disks;
}

GPtrArray *
vmp_import_plan_get_media (VmpImportPlan *self)
{
  return self->media;
}

VmpImportFile *
vmp_import_plan_get_file (VmpImportPlan *self, VmpDomainFile file)
{
  return self->files[file];
}

/* Of the domain, where it turned out not to be the machine's own. */
void
vmp_import_plan_drop_file (VmpImportPlan *self, VmpDomainFile file)
{
  import_file_free (self->files[file]);
  self->files[file] = NULL;
}

VmpSourceList *
vmp_import_plan_get_sources (VmpImportPlan *self)
{
  return self->sources;
}

/* The MAC addresses that the machine will have. */
GStrv
vmp_import_plan_get_macs (VmpImportPlan *self)
{
  g_autoptr (GStrvBuilder) macs = g_strv_builder_new ();

  for (guint i = 0; i < vmp_domain_get_n_interfaces (self->domain); i++)
    if (vmp_domain_get_interface_mac (self->domain, i) != NULL)
      g_strv_builder_add (macs, vmp_domain_get_interface_mac (self->domain, i));
  return g_strv_builder_end (macs);
}

static void
list_images (GPtrArray *drives, GPtrArray *files)
{
  for (guint i = 0; i < drives->len; i++)
    {
      GPtrArray *images = ((VmpImportDisk *) g_ptr_array_index (drives, i))->images;

      for (guint n = 0; n < images->len; n++)
        g_ptr_array_add (files, g_ptr_array_index (images, n));
    }
}

GPtrArray *
vmp_import_plan_list_files (VmpImportPlan *self)
{
  GPtrArray *files = g_ptr_array_new ();

  list_images (self->disks, files);
  list_images (self->media, files);
  for (guint i = 0; i < VMP_DOMAIN_N_FILES; i++)
    if (self->files[i] != NULL)
      g_ptr_array_add (files, self->files[i]);
  for (guint i = 0; i < self->data->len; i++)
    g_ptr_array_add (files, g_ptr_array_index (self->data, i));
  for (guint i = 0; i < self->snapshot_files->len; i++)
    g_ptr_array_add (files, g_ptr_array_index (self->snapshot_files, i));
  return files;
}

/* How many bytes are to be read: what is copied, and what stays and is verified. */
guint64
vmp_import_plan_get_payload (VmpImportPlan *self, VmpSettings *settings)
{
  gboolean verify = vmp_settings_get_boolean (settings, "VerifyChecksums");
  g_autoptr (GPtrArray) files = vmp_import_plan_list_files (self);
  guint64 payload = 0;

  for (guint i = 0; i < files->len; i++)
    {
      VmpImportFile *file = g_ptr_array_index (files, i);

      if (can_read (self, file)
          && (!file->stays || (verify && (file->verity != NULL || file->sha256 != NULL))))
        payload += vmp_source_list_get_payload (self->sources, file->source);
    }
  return payload;
}

const char *
vmp_import_plan_get_base (VmpImportPlan *self)
{
  return self->base;
}

/* Where @path of the settings lies on this host; NULL where it means beneath a directory whose place
 * nobody knows. */
char *
vmp_import_plan_resolve (VmpImportPlan *self, const char *path)
{
  if (g_path_is_absolute (path))
    return g_strdup (path);
  if (self->base == NULL)
    return NULL;
  return strcmp (path, ".") == 0 ? g_strdup (self->base)
                                 : g_build_filename (self->base, path, NULL);
}
