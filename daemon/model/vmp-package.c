/* The package's descriptor: its content, and as plain data. */
#include "config.h"

#include "vmp-package-private.h"

#include <glib/gi18n-lib.h>
#include <string.h>

#include "vmp-error.h"
#include "vmp-name.h"

#define VARIANT_TYPE "(sssa(ssttsss)a(sa(sss))a(ssssa(sa(sss))))"

G_DEFINE_FINAL_TYPE (VmpPackage, vmp_package, G_TYPE_OBJECT)

static const char *const role_names[] = {
  [VMP_ROLE_CONFIGURATION] = "configuration",
  [VMP_ROLE_DISK] = "disk",
  [VMP_ROLE_MEDIA] = "media",
  [VMP_ROLE_KERNEL] = "kernel",
  [VMP_ROLE_INITRD] = "initrd",
  [VMP_ROLE_DTB] = "dtb",
  [VMP_ROLE_LOADER] = "loader",
  [VMP_ROLE_NVRAM] = "nvram",
  [VMP_ROLE_TPM] = "tpm",
  [VMP_ROLE_STATE] = "state",
  [VMP_ROLE_SNAPSHOT] = "snapshot",
  [VMP_ROLE_SNAPSHOT_DISK] = "snapshot-disk",
  [VMP_ROLE_SNAPSHOT_MEMORY] = "snapshot-memory",
};

G_STATIC_ASSERT (G_N_ELEMENTS (role_names) == VMP_N_ROLES);

const char *
vmp_role_to_string (VmpRole role)
{
  g_return_val_if_fail (role < VMP_N_ROLES, NULL);

  return role_names[role];
}

gboolean
vmp_role_from_string (const char *text, VmpRole *role)
{
  for (guint i = 0; i < VMP_N_ROLES; i++)
    if (strcmp (role_names[i], text) == 0)
      {
        *role = (VmpRole) i;
        return TRUE;
      }
  return FALSE;
}

static void
file_free (VmpPackageFile *file)
{
  g_free (file->name);
  g_free (file->verity);
  g_free (file->sha256);
  g_free (file->locator);
  g_free (file);
}

static void
image_free (VmpPackageImage *image)
{
  g_free (image->path);
  g_free (image->format);
  g_free (image->file);
  g_free (image);
}

static void
disk_free (VmpPackageDisk *disk)
{
  g_free (disk->target);
  g_ptr_array_unref (disk->images);
  g_free (disk);
}

static GPtrArray *
disks_new (void)
{
  return g_ptr_array_new_with_free_func ((GDestroyNotify) disk_free);
}

static void
snapshot_free (VmpPackageSnapshot *snapshot)
{
  g_free (snapshot->name);
  g_free (snapshot->file);
  g_free (snapshot->memory_path);
  g_free (snapshot->memory_file);
  g_ptr_array_unref (snapshot->disks);
  g_free (snapshot);
}

static void
vmp_package_finalize (GObject *object)
{
  VmpPackage *self = VMP_PACKAGE (object);

  g_free (self->uuid);
  g_free (self->name);
  g_free (self->state);
  g_ptr_array_unref (self->disks);
  g_ptr_array_unref (self->files);
  g_ptr_array_unref (self->snapshots);
  G_OBJECT_CLASS (vmp_package_parent_class)->finalize (object);
}

static void
vmp_package_class_init (VmpPackageClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = vmp_package_finalize;
}

static void
vmp_package_init (VmpPackage *self)
{
  self->disks = disks_new ();
  self->files = g_ptr_array_new_with_free_func ((GDestroyNotify) file_free);
  self->snapshots = g_ptr_array_new_with_free_func ((GDestroyNotify) snapshot_free);
}

VmpPackage *
vmp_package_new (void)
{
  return g_object_new (VMP_TYPE_PACKAGE, NULL);
}

void
vmp_package_set_machine (VmpPackage *self, const char *uuid, const char *name, const char *state)
{
  g_free (self->uuid);
  g_free (self->name);
  g_free (self->state);
  self->uuid = g_strdup (uuid);
  self->name = g_strdup (name);
  self->state = g_strdup (state);
}

const char *
vmp_package_get_uuid (VmpPackage *self)
{
  return self->uuid;
}

const char *
vmp_package_get_name (VmpPackage *self)
{
  return self->name;
}

/* The caller fills in size, allocated bytes and digests. */
VmpPackageFile *
vmp_package_add_file (VmpPackage *self, const char *name, VmpRole role)
{
  VmpPackageFile *file = g_new0 (VmpPackageFile, 1);

  file->name = g_strdup (name);
  file->role = role;
  g_ptr_array_add (self->files, file);
  return file;
}

GPtrArray *
vmp_package_get_files (VmpPackage *self)
{
  return self->files;
}

VmpPackageFile *
vmp_package_find_file (VmpPackage *self, const char *name)
{
  for (guint i = 0; i < self->files->len; i++)
    {
      VmpPackageFile *file = g_ptr_array_index (self->files, i);

      if (strcmp (file->name, name) == 0)
        return file;
    }
  return NULL;
}

VmpPackageFile *
vmp_package_find_role (VmpPackage *self, VmpRole role)
{
  for (guint i = 0; i < self->files->len; i++)
    {
      VmpPackageFile *file = g_ptr_array_index (self->files, i);

      if (file->role == role)
        return file;
    }
  return NULL;
}

/* Is @verity, of the document @file as it was read, the digest that the package states? TRUE as well
 * where it states none. */
gboolean
vmp_package_check_document (VmpPackageFile *file, const char *verity, GError **error)
{
  if (file->verity == NULL || g_strcmp0 (file->verity, verity) == 0)
    return TRUE;
  return vmp_error_set (error, VMPORT_ERROR_CORRUPT,
                        _ ("“%s” does not have the digest that the package states; it was changed or "
                           "damaged since it was exported"),
                        file->name);
}

static VmpPackageDisk *
add_disk (GPtrArray *disks, const char *target)
{
  VmpPackageDisk *disk = g_new0 (VmpPackageDisk, 1);

  disk->target = g_strdup (target);
  disk->images = g_ptr_array_new_with_free_func ((GDestroyNotify) image_free);
  g_ptr_array_add (disks, disk);
  return disk;
}

VmpPackageDisk *
vmp_package_add_disk (VmpPackage *self, const char *target)
{
  return add_disk (self->disks, target);
}

/* @file is the member's name, or NULL where the image is not in the package. */
VmpPackageImage *
vmp_package_disk_add_image (VmpPackageDisk *disk, const char *path, const char *format,
                            const char *file)
{
  VmpPackageImage *image = g_new0 (VmpPackageImage, 1);

  image->path = g_strdup (path);
  image->format = g_strdup (format);
  image->file = g_strdup (file);
  g_ptr_array_add (disk->images, image);
  return image;
}

GPtrArray *
vmp_package_get_disks (VmpPackage *self)
{
  return self->disks;
}

/* @file is the member that is its document. Parents are added first. */
VmpPackageSnapshot *
vmp_package_add_snapshot (VmpPackage *self, const char *name, const char *file)
{
  VmpPackageSnapshot *snapshot = g_new0 (VmpPackageSnapshot, 1);

  snapshot->name = g_strdup (name);
  snapshot->file = g_strdup (file);
  snapshot->disks = disks_new ();
  g_ptr_array_add (self->snapshots, snapshot);
  return snapshot;
}

/* @file is the member's name, or NULL where the memory is not in the package. */
void
vmp_package_snapshot_set_memory (VmpPackageSnapshot *snapshot, const char *path, const char *file)
{
  g_free (snapshot->memory_path);
  g_free (snapshot->memory_file);
  snapshot->memory_path = g_strdup (path);
  snapshot->memory_file = g_strdup (file);
}

VmpPackageDisk *
vmp_package_snapshot_add_disk (VmpPackageSnapshot *snapshot, const char *target)
{
  return add_disk (snapshot->disks, target);
}

GPtrArray *
vmp_package_get_snapshots (VmpPackage *self)
{
  return self->snapshots;
}

static const char *
or_empty (const char *text)
{
  return text != NULL ? text : "";
}

static const char *
or_null (const char *text)
{
  return text[0] != '\0' ? text : NULL;
}

static GVariant *
disks_to_variant (GPtrArray *disks)
{
  GVariantBuilder builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE ("a(sa(sss))"));
  for (guint i = 0; i < disks->len; i++)
    {
      VmpPackageDisk *disk = g_ptr_array_index (disks, i);

      g_variant_builder_open (&builder, G_VARIANT_TYPE ("(sa(sss))"));
      g_variant_builder_add (&builder, "s", disk->target);
      g_variant_builder_open (&builder, G_VARIANT_TYPE ("a(sss)"));
      for (guint j = 0; j < disk->images->len; j++)
        {
          VmpPackageImage *image = g_ptr_array_index (disk->images, j);

          g_variant_builder_add (&builder, "(sss)", image->path, image->format,
                                 or_empty (image->file));
        }
      g_variant_builder_close (&builder);
      g_variant_builder_close (&builder);
    }
  return g_variant_builder_end (&builder);
}

/* The descriptor as plain data, losslessly; floating. It crosses D-Bus, which has no maybe type:
 * what is absent is an empty string. */
GVariant *
vmp_package_to_variant (VmpPackage *self)
{
  GVariantBuilder files, snapshots;

  g_variant_builder_init (&files, G_VARIANT_TYPE ("a(ssttsss)"));
  for (guint i = 0; i < self->files->len; i++)
    {
      VmpPackageFile *file = g_ptr_array_index (self->files, i);

      g_variant_builder_add (&files, "(ssttsss)", file->name, vmp_role_to_string (file->role),
                             file->size, file->allocated, or_empty (file->verity),
                             or_empty (file->sha256), or_empty (file->locator));
    }
  g_variant_builder_init (&snapshots, G_VARIANT_TYPE ("a(ssssa(sa(sss)))"));
  for (guint i = 0; i < self->snapshots->len; i++)
    {
      VmpPackageSnapshot *snapshot = g_ptr_array_index (self->snapshots, i);

      g_variant_builder_add (&snapshots, "(ssss@a(sa(sss)))", snapshot->name, snapshot->file,
                             or_empty (snapshot->memory_path), or_empty (snapshot->memory_file),
                             disks_to_variant (snapshot->disks));
    }
  return g_variant_new ("(sssa(ssttsss)@a(sa(sss))a(ssssa(sa(sss))))", or_empty (self->uuid),
                        or_empty (self->name), or_empty (self->state), &files,
                        disks_to_variant (self->disks), &snapshots);
}

static gboolean
read_files (VmpPackage *self, GVariant *files, GError **error)
{
  gsize n = g_variant_n_children (files);

  if (n > VMP_PACKAGE_MAX_FILES)
    return vmp_error_set (error, VMPORT_ERROR_CORRUPT,
                          _ ("The package has %zu files; at most %d are read"), n,
                          VMP_PACKAGE_MAX_FILES);
  for (gsize i = 0; i < n; i++)
    {
      const char *name, *role_name, *verity, *sha256, *locator;
      guint64 size, allocated;
      VmpPackageFile *file;
      VmpRole role;

      g_variant_get_child (files, i, "(&s&stt&s&s&s)", &name, &role_name, &size, &allocated,
                           &verity, &sha256, &locator);
      if (!vmp_role_from_string (role_name, &role))
        return vmp_error_set (error, VMPORT_ERROR_CORRUPT,
                              _ ("File %zu of the package has an unknown role"),
                              i + 1);
      file = vmp_package_add_file (self, name, role);
      file->size = size;
      file->allocated = allocated;
      file->verity = g_strdup (or_null (verity));
      file->sha256 = g_strdup (or_null (sha256));
      file->locator = g_strdup (or_null (locator));
    }
  return TRUE;
}

static gboolean
read_disks (GPtrArray *list, GVariant *disks, GError **error)
{
  gsize n = g_variant_n_children (disks);

  if (n > VMP_PACKAGE_MAX_FILES)
    return vmp_error_set (error, VMPORT_ERROR_CORRUPT,
                          _ ("The package has %zu disks; at most %d are read"), n,
                          VMP_PACKAGE_MAX_FILES);
  for (gsize i = 0; i < n; i++)
    {
      g_autoptr (GVariant) images = NULL;
      const char *target;
      VmpPackageDisk *disk;

      g_variant_get_child (disks, i, "(&s@a(sss))", &target, &images);
      disk = add_disk (list, target);
      if (g_variant_n_children (images) > VMP_PACKAGE_MAX_IMAGES)
        return vmp_error_set (error, VMPORT_ERROR_CORRUPT,
                              _ ("Disk %zu of the package has more than %d images"),
                              i + 1, VMP_PACKAGE_MAX_IMAGES);
      for (gsize j = 0; j < g_variant_n_children (images); j++)
        {
          const char *path, *format, *file;

          g_variant_get_child (images, j, "(&s&s&s)", &path, &format, &file);
          vmp_package_disk_add_image (disk, path, format, or_null (file));
        }
    }
  return TRUE;
}

static gboolean
read_snapshots (VmpPackage *self, GVariant *snapshots, GError **error)
{
  gsize n = g_variant_n_children (snapshots);

  if (n > VMP_PACKAGE_MAX_SNAPSHOTS)
    return vmp_error_set (error, VMPORT_ERROR_CORRUPT,
                          _ ("The package has %zu snapshots; at most %d are read"), n,
                          VMP_PACKAGE_MAX_SNAPSHOTS);
  for (gsize i = 0; i < n; i++)
    {
      g_autoptr (GVariant) disks = NULL;
      const char *name, *file, *memory_path, *memory_file;
      VmpPackageSnapshot *snapshot;

      g_variant_get_child (snapshots, i, "(&s&s&s&s@a(sa(sss)))", &name, &file, &memory_path,
                           &memory_file, &disks);
      snapshot = vmp_package_add_snapshot (self, name, file);
      vmp_package_snapshot_set_memory (snapshot, or_null (memory_path), or_null (memory_file));
      if (!read_disks (snapshot->disks, disks, error))
        return FALSE;
    }
  return TRUE;
}

/* The way back from vmp_package_to_variant(), for data from a process that is not trusted: checked
 * as a descriptor from outside is. */
VmpPackage *
vmp_package_new_from_variant (GVariant *variant, GError **error)
{
  g_autoptr (VmpPackage) self = NULL;
  g_autoptr (GVariant) files = NULL;
  g_autoptr (GVariant) disks = NULL;
  g_autoptr (GVariant) snapshots = NULL;
  const char *uuid, *name, *state;

  if (!g_variant_is_of_type (variant, G_VARIANT_TYPE (VARIANT_TYPE))
      || g_variant_get_size (variant) > VMP_PACKAGE_MAX_BYTES || !g_variant_is_normal_form (variant))
    {
      vmp_error_set (error, VMPORT_ERROR_CORRUPT, _ ("The package's data is malformed"));
      return NULL;
    }
  self = vmp_package_new ();
  g_variant_get (variant, "(&s&s&s@a(ssttsss)@a(sa(sss))@a(ssssa(sa(sss))))", &uuid, &name, &state,
                 &files, &disks, &snapshots);
  vmp_package_set_machine (self, uuid, name, state);
  if (!read_files (self, files, error) || !read_disks (self->disks, disks, error)
      || !read_snapshots (self, snapshots, error) || !vmp_package_check (self, error))
    return NULL;
  return g_steal_pointer (&self);
}

gboolean
vmp_package_names_member (const char *overlay, const char *backing, const char *below)
{
  g_autofree char *folder = g_path_get_dirname (overlay);
  g_autofree char *named = vmp_name_resolve (folder, backing);

  return g_strcmp0 (named, below) == 0;
}

static const char *
extension_of (const char *format)
{
  return strcmp (format, "vpc") == 0 ? "vhd" : format;
}

char *
vmp_package_name_image (const char *path, const char *format, GHashTable *taken)
{
  g_autofree char *base = g_path_get_basename (path);
  g_autofree char *ending = g_strdup_printf (".%s", extension_of (format));
  g_autofree char *clean = vmp_name_clean (base, 120);
  g_autofree char *named = NULL;

  if (clean[0] == '.' || clean[0] == '\0')
    {
      g_free (clean);
      clean = g_strdup ("disk");
    }
  /* The usual ending of a medium says "raw" as well. */
  if (g_str_has_suffix (clean, ending)
      || (strcmp (format, "raw") == 0 && g_str_has_suffix (clean, ".iso")))
    named = g_steal_pointer (&clean);
  else
    {
      if (g_str_has_suffix (clean, ".img") && strlen (clean) > strlen (".img"))
        clean[strlen (clean) - strlen (".img")] = '\0';
      named = g_strconcat (clean, ending, NULL);
    }
  return vmp_name_make_unique (named, taken);
}

char *
vmp_package_name_snapshot (const char *name, GHashTable *taken)
{
  g_autofree char *stem = vmp_name_to_folder (name);
  g_autofree char *candidate = g_strdup (stem);

  for (guint n = 2;; n++)
    {
      g_autofree char *folder = g_utf8_casefold (candidate, -1);
      g_autofree char *document = g_strconcat (folder, ".xml", NULL);

      if (!g_hash_table_contains (taken, folder) && !g_hash_table_contains (taken, document))
        {
          g_hash_table_add (taken, g_steal_pointer (&folder));
          g_hash_table_add (taken, g_steal_pointer (&document));
          return g_steal_pointer (&candidate);
        }
      g_free (candidate);
      candidate = g_strdup_printf ("%s-%u", stem, n);
    }
}
