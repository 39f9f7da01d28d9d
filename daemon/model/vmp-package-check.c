/* The package's descriptor: what must hold whichever way it came in. */
#include "config.h"

#include "vmp-package-private.h"

#include <glib/gi18n-lib.h>
#include <string.h>

#include "vmp-error.h"
#include "vmp-name.h"
#include "vmp-size.h"

#define DIGEST_LENGTH 64

static gboolean G_GNUC_PRINTF (2, 3) corrupt (GError **error, const char *format, ...)
{
  g_autofree char *detail = NULL;
  va_list args;

  va_start (args, format);
  detail = g_strdup_vprintf (format, args);
  va_end (args);
  return vmp_error_set (error, VMPORT_ERROR_CORRUPT, "%s: %s", VMP_PACKAGE_DESCRIPTOR, detail);
}

static gboolean
is_digest (const char *digest)
{
  return strlen (digest) == DIGEST_LENGTH && strspn (digest, "0123456789abcdef") == DIGEST_LENGTH;
}

static gboolean
is_beneath (const char *name, const char *folder)
{
  gsize length = strlen (folder);

  return strncmp (name, folder, length) == 0 && name[length] == '/' && name[length + 1] != '\0';
}

static gboolean
check_machine (VmpPackage *self, GError **error)
{
  if (self->uuid == NULL || !vmp_name_is_uuid (self->uuid))
    return corrupt (error, _ ("<machine uuid> is not a UUID in lower case"));
  if (self->name == NULL || !vmp_name_is_vm_name (self->name))
    return corrupt (error, _ ("<machine name> is not a name that a virtual machine can bear"));
  if (g_strcmp0 (self->state, "off") != 0 && g_strcmp0 (self->state, "saved") != 0)
    return corrupt (error, _ ("<machine state> is neither “off” nor “saved”"));
  if ((vmp_package_find_role (self, VMP_ROLE_STATE) != NULL)
      != (strcmp (self->state, "saved") == 0))
    return corrupt (error, _ ("<machine state> and the files do not agree on a saved state"));
  return TRUE;
}

/* The four places that a package has: the configuration, the folder beside it, and the other two.
 */
static gboolean
check_place (VmpPackage *self, VmpPackageFile *file, const char *shown, GError **error)
{
  g_autofree char *configuration = g_strdup_printf (VMP_PACKAGE_VM_FOLDER "/%s.xml", self->uuid);
  g_autofree char *folder = g_strdup_printf (VMP_PACKAGE_VM_FOLDER "/%s", self->uuid);

  if (file->role == VMP_ROLE_CONFIGURATION)
    return strcmp (file->name, configuration) == 0
           || corrupt (error, _ ("the configuration is “%s”; it must be “%s”"), shown,
                       configuration);
  if (file->role == VMP_ROLE_SNAPSHOT || file->role == VMP_ROLE_SNAPSHOT_DISK
      || file->role == VMP_ROLE_SNAPSHOT_MEMORY)
    return is_beneath (file->name, VMP_PACKAGE_SNAPSHOT_FOLDER)
           || corrupt (error, _ ("the file “%s” is of a snapshot and not below “%s”"), shown,
                       VMP_PACKAGE_SNAPSHOT_FOLDER);
  if (is_beneath (file->name, folder) || is_beneath (file->name, VMP_PACKAGE_VHD_FOLDER)
      || is_beneath (file->name, VMP_PACKAGE_SNAPSHOT_FOLDER))
    return TRUE;
  return corrupt (error, _ ("the file “%s” is in none of the package's folders"), shown);
}

/* Is @name, or a folder on the way to it, taken by another file? Without case: packages travel on
 * file systems that do not tell names apart by it. */
static gboolean
claim_name (GHashTable *names, GHashTable *folders, const char *name)
{
  g_autofree char *folded = g_utf8_casefold (name, -1);

  if (g_hash_table_contains (folders, folded))
    return FALSE;
  for (char *slash = strchr (folded, '/'); slash != NULL; slash = strchr (slash + 1, '/'))
    {
      g_autofree char *folder = g_strndup (folded, (gsize) (slash - folded));

      if (g_hash_table_contains (names, folder))
        return FALSE;
      g_hash_table_add (folders, g_steal_pointer (&folder));
    }
  return g_hash_table_add (names, g_steal_pointer (&folded));
}

static gboolean
check_file (VmpPackage *self, VmpPackageFile *file, GError **error)
{
  g_autofree char *shown = vmp_name_clean (file->name, 200);

  if (!vmp_name_is_relative (file->name))
    return corrupt (error, _ ("<file name=\"%s\"> is not a relative path beneath the package"),
                    shown);
  if (!check_place (self, file, shown, error))
    return FALSE;
  if (file->size > G_MAXINT64 || file->allocated > file->size)
    return corrupt (error, _ ("<file name=\"%s\"> has sizes that cannot be"), shown);
  if ((file->verity != NULL && !is_digest (file->verity))
      || (file->sha256 != NULL && !is_digest (file->sha256)))
    return corrupt (error, _ ("<file name=\"%s\"> has a digest that is not 64 hexadecimal digits"),
                    shown);
  return TRUE;
}

static gboolean
check_files (VmpPackage *self, GError **error)
{
  g_autoptr (GHashTable) names = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  g_autoptr (GHashTable) folders = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  guint n_configurations = 0;
  guint64 total = 0;

  if (self->files->len > VMP_PACKAGE_MAX_FILES)
    return corrupt (error, _ ("it has %u files; at most %d are read"), self->files->len,
                    VMP_PACKAGE_MAX_FILES);
  for (guint i = 0; i < self->files->len; i++)
    {
      VmpPackageFile *file = g_ptr_array_index (self->files, i);

      if (!check_file (self, file, error))
        return FALSE;
      if (!claim_name (names, folders, file->name))
        {
          g_autofree char *shown = vmp_name_clean (file->name, 200);

          return corrupt (error, _ ("<file name=\"%s\"> has the name of another file or folder"),
                          shown);
        }
      n_configurations += file->role == VMP_ROLE_CONFIGURATION;
      if (!vmp_size_add (&total, total, file->size) || total > G_MAXINT64)
        return corrupt (error, _ ("the sizes of its files add up to more than can be"));
    }
  if (n_configurations != 1)
    return corrupt (error, _ ("it has %u files of the role “configuration”; it must have one"),
                    n_configurations);
  return TRUE;
}

static gboolean
is_line (const char *text)
{
  gsize length = strlen (text);

  if (length == 0 || length > 4095 || !g_utf8_validate (text, -1, NULL))
    return FALSE;
  for (const char *c = text; *c != '\0'; c = g_utf8_next_char (c))
    if (g_unichar_iscntrl (g_utf8_get_char (c)))
      return FALSE;
  return TRUE;
}

#define LOWER "abcdefghijklmnopqrstuvwxyz0123456789"
#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

static gboolean
is_made_of (const char *text, gsize max, const char *characters)
{
  gsize length = strlen (text);

  return length > 0 && length <= max && strspn (text, characters) == length;
}

/* @files: names of the files that may be images; @once: each of them of one disk alone, so what is
 * taken is removed. */
static gboolean
check_image (VmpPackageDisk *disk, VmpPackageImage *image, GHashTable *files, gboolean once,
             GError **error)
{
  g_autofree char *shown = NULL;

  if (!is_line (image->path))
    return corrupt (error,
                    _ ("<disk target=\"%s\"> has an image whose path is not one line of text"),
                    disk->target);
  if (!is_made_of (image->format, 16, LOWER))
    return corrupt (error, _ ("<disk target=\"%s\"> has an image whose format is not a name"),
                    disk->target);
  if (image->file == NULL
      || (once ? g_hash_table_remove (files, image->file)
               : g_hash_table_contains (files, image->file)))
    return TRUE;
  shown = vmp_name_clean (image->file, 200);
  return corrupt (
      error,
      _ ("<disk target=\"%s\"> has the image file “%s”, which is not listed as one, or is "
         "used twice"),
      disk->target, shown);
}

/* Names of the files whose role is one of @roles, which VMP_N_ROLES ends. */
static GHashTable *
list_files (VmpPackage *self, const VmpRole *roles)
{
  GHashTable *files = g_hash_table_new (g_str_hash, g_str_equal);

  for (guint i = 0; i < self->files->len; i++)
    {
      VmpPackageFile *file = g_ptr_array_index (self->files, i);

      for (const VmpRole *role = roles; *role != VMP_N_ROLES; role++)
        if (file->role == *role)
          g_hash_table_add (files, file->name);
    }
  return files;
}

static const VmpRole image_roles[]
    = { VMP_ROLE_DISK, VMP_ROLE_MEDIA, VMP_ROLE_SNAPSHOT_DISK, VMP_N_ROLES };
static const VmpRole document_roles[] = { VMP_ROLE_SNAPSHOT, VMP_N_ROLES };
static const VmpRole memory_roles[] = { VMP_ROLE_SNAPSHOT_MEMORY, VMP_N_ROLES };

static gboolean
check_disks (GPtrArray *disks, GHashTable *files, gboolean once, GError **error)
{
  g_autoptr (GHashTable) targets = g_hash_table_new (g_str_hash, g_str_equal);

  if (disks->len > VMP_PACKAGE_MAX_FILES)
    return corrupt (error, _ ("it has %u disks; at most %d are read"), disks->len,
                    VMP_PACKAGE_MAX_FILES);
  for (guint i = 0; i < disks->len; i++)
    {
      VmpPackageDisk *disk = g_ptr_array_index (disks, i);

      if (!is_made_of (disk->target, 64, LOWER UPPER "_.:-"))
        return corrupt (error, _ ("<disk target> number %u is not the name of a disk"), i + 1);
      if (!g_hash_table_add (targets, disk->target))
        return corrupt (error, _ ("<disk target=\"%s\"> stands there twice"), disk->target);
      if (disk->images->len == 0 || disk->images->len > VMP_PACKAGE_MAX_IMAGES)
        return corrupt (error, _ ("<disk target=\"%s\"> has %u images; 1 to %d can be read"),
                        disk->target, disk->images->len, VMP_PACKAGE_MAX_IMAGES);
      for (guint j = 0; j < disk->images->len; j++)
        if (!check_image (disk, g_ptr_array_index (disk->images, j), files, once, error))
          return FALSE;
    }
  return TRUE;
}

static gboolean
check_own_disks (VmpPackage *self, GError **error)
{
  g_autoptr (GHashTable) files = list_files (self, image_roles);

  return check_disks (self->disks, files, TRUE, error);
}

/* @documents and @memories: names of the files that no snapshot has taken yet. */
static gboolean
check_snapshot (VmpPackageSnapshot *snapshot, GHashTable *documents, GHashTable *memories,
                GHashTable *images, GError **error)
{
  g_autofree char *shown = NULL;

  if (!vmp_name_is_vm_name (snapshot->name) || snapshot->name[0] == '.')
    {
      shown = vmp_name_clean (snapshot->name, 200);
      return corrupt (error, _ ("<snapshot name=\"%s\"> is not a name that a snapshot can bear"),
                      shown);
    }
  if (!g_hash_table_remove (documents, snapshot->file))
    {
      shown = vmp_name_clean (snapshot->file, 200);
      return corrupt (error,
                      _ ("<snapshot name=\"%s\"> has the file “%s”, which is not listed as a "
                         "snapshot, or is used twice"),
                      snapshot->name, shown);
    }
  if (snapshot->memory_path == NULL ? snapshot->memory_file != NULL
                                    : !is_line (snapshot->memory_path))
    return corrupt (error,
                    _ ("<snapshot name=\"%s\"> has a memory whose path is not one line of text"),
                    snapshot->name);
  if (snapshot->memory_file != NULL && !g_hash_table_remove (memories, snapshot->memory_file))
    {
      shown = vmp_name_clean (snapshot->memory_file, 200);
      return corrupt (error,
                      _ ("<snapshot name=\"%s\"> has the memory “%s”, which is not listed as "
                         "one, or is used twice"),
                      snapshot->name, shown);
    }
  if (!check_disks (snapshot->disks, images, FALSE, error))
    {
      g_prefix_error (error, _ ("Snapshot “%s”: "), snapshot->name);
      return FALSE;
    }
  return TRUE;
}

static gboolean
check_snapshots (VmpPackage *self, GError **error)
{
  g_autoptr (GHashTable) names = g_hash_table_new (g_str_hash, g_str_equal);
  g_autoptr (GHashTable) documents = list_files (self, document_roles);
  g_autoptr (GHashTable) memories = list_files (self, memory_roles);
  g_autoptr (GHashTable) images = list_files (self, image_roles);

  if (self->snapshots->len > VMP_PACKAGE_MAX_SNAPSHOTS)
    return corrupt (error, _ ("it has more than %d snapshots"), VMP_PACKAGE_MAX_SNAPSHOTS);
  for (guint i = 0; i < self->snapshots->len; i++)
    {
      VmpPackageSnapshot *snapshot = g_ptr_array_index (self->snapshots, i);

      if (!check_snapshot (snapshot, documents, memories, images, error))
        return FALSE;
      if (!g_hash_table_add (names, snapshot->name))
        return corrupt (error, _ ("<snapshot name=\"%s\"> stands there twice"), snapshot->name);
    }
  if (g_hash_table_size (documents) > 0)
    return corrupt (error, _ ("a file of the role “snapshot” is of no <snapshot>"));
  return TRUE;
}

/* Corrupt naming the element, where the descriptor contradicts itself or the package's layout. */
gboolean
vmp_package_check (VmpPackage *self, GError **error)
{
  return check_machine (self, error) && check_files (self, error) && check_own_disks (self, error)
         && check_snapshots (self, error);
}
