/* Writes a package into a folder of the caller's.
 *
 * Everything is made under .vmport-<token>. Where the package's folder was missing, that staging
 * folder lies beside it and becomes it by one rename; where an empty one was there, the staging
 * folder lies in it, and its entries are moved out one by one, the descriptor last. */
#include "config.h"

#include "vmp-package-writer.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gi18n-lib.h>
#include <openssl/evp.h>
#include <string.h>
#include <sys/stat.h>

#include "vmp-at.h"
#include "vmp-copier.h"
#include "vmp-error.h"
#include "vmp-fd.h"
#include "vmp-mark.h"
#include "vmp-name.h"
#include "vmp-package-copies.h"
#include "vmp-verity.h"

struct _VmpPackageWriter
{
  int parent;    /* of the package's folder; -1 where it is the caller's descriptor itself */
  int package;   /* the folder where it was there before, else -1 */
  int staging;
  char *name;    /* of the package's folder in @parent */
  char *path;    /* as messages name it */
  char *result;  /* as the job's result names it */
  char *temporary;
  gboolean in_the_way; /* there is something of that name, and it is no folder */
  gboolean made; /* the folder is made by the export */
  VmpMark place; /* of the folder that the staging folder is made in */
  VmpMark mark;  /* of the staging folder */
  GPtrArray *entries; /* names in the staging folder */
  GHashTable *filled; /* members that are there before the package is written */
};

typedef struct
{
  guint64 copied;
  char *verity;  /* or NULL */
  char *locator; /* the same */
} Filled;

static void
filled_free (gpointer data)
{
  Filled *filled = data;

  g_free (filled->verity);
  g_free (filled->locator);
  g_free (filled);
}

void
vmp_package_writer_free (VmpPackageWriter *self)
{
  vmp_fd_clear (&self->parent);
  vmp_fd_clear (&self->package);
  vmp_fd_clear (&self->staging);
  g_free (self->name);
  g_free (self->path);
  g_free (self->result);
  g_free (self->temporary);
  g_clear_pointer (&self->entries, g_ptr_array_unref);
  g_clear_pointer (&self->filled, g_hash_table_unref);
  g_free (self);
}

static gboolean
find_place (VmpPackageWriter *self, const char *directory, int directory_fd,
            const char *subdirectory, GError **error)
{
  g_autoptr (GError) local_error = NULL;
  g_autofree char *parent_path = NULL;

  if (directory_fd >= 0)
    {
      if (!vmp_fd_check_directory (directory_fd, "DirectoryFd", error))
        return FALSE;
      self->path = g_build_filename ("DirectoryFd", subdirectory, NULL);
      self->result = g_strdup (subdirectory[0] != '\0' ? subdirectory : ".");
      if (subdirectory[0] == '\0')
        {
          self->package = vmp_fd_dup (directory_fd, error);
          return self->package >= 0;
        }
      self->parent = vmp_fd_dup (directory_fd, error);
      if (self->parent < 0)
        return FALSE;
      self->name = g_strdup (subdirectory);
    }
  else
    {
      self->path = subdirectory[0] != '\0' ? g_build_filename (directory, subdirectory, NULL)
                                           : g_strdup (directory);
      if (strcmp (self->path, "/") == 0)
        return vmp_error_set (error, VMPORT_ERROR_EXISTS, _ ("“/” is no folder for a package"));
      self->result = g_strdup (self->path);
      parent_path = g_path_get_dirname (self->path);
      self->name = g_path_get_basename (self->path);
      self->parent = vmp_at_open_folder (-1, parent_path, error);
      if (self->parent < 0)
        {
          g_prefix_error (error, _ ("The folder that the package goes into: "));
          return FALSE;
        }
    }
  /* The folder itself may be the caller's link to elsewhere; it is the caller's to follow. But no
   * link leads out of a directory that a program holds open. */
  self->package = openat (self->parent, self->name,
                          O_RDONLY | O_DIRECTORY | O_CLOEXEC
                              | (directory_fd >= 0 ? O_NOFOLLOW : 0));
  self->in_the_way = self->package < 0 && errno == ENOTDIR;
  if (self->package < 0 && errno != ENOENT && errno != ENOTDIR)
    return vmp_error_set_errno (error, errno, _ ("Cannot open “%s”"), self->path);
  return TRUE;
}

static gboolean
check_empty (VmpPackageWriter *self, GError **error)
{
  g_autoptr (GPtrArray) names = NULL;

  if (self->in_the_way)
    return vmp_error_set (error, VMPORT_ERROR_EXISTS,
                          _ ("“%s” is not a folder; name a new or an empty one"), self->path);
  if (self->package < 0)
    return TRUE;
  names = vmp_at_list (self->package, ".", G_MAXUINT, error);
  if (names == NULL)
    return FALSE;
  if (names->len > 0)
    return vmp_error_set (error, VMPORT_ERROR_EXISTS,
                          _ ("“%s” is not empty; name a new or an empty folder"), self->path);
  return TRUE;
}

static gboolean
make_staging (VmpPackageWriter *self, GError **error)
{
  int where = self->package >= 0 ? self->package : self->parent;

  if (!check_empty (self, error))
    return FALSE;
  self->made = self->package < 0;
  if (mkdirat (where, self->temporary, 0700) < 0)
    return vmp_error_set_errno (error, errno, _ ("Cannot write into the folder of “%s”"),
                                self->path);
  self->staging = openat (where, self->temporary,
                          O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (self->staging < 0 || !vmp_mark_read (where, &self->place)
      || !vmp_mark_read (self->staging, &self->mark))
    {
      vmp_error_set_errno (error, errno, _ ("Cannot open the new folder for “%s”"), self->path);
      unlinkat (where, self->temporary, AT_REMOVEDIR);
      return FALSE;
    }
  return TRUE;
}

/* Finds the package's folder with the process' own rights and makes the staging folder. */
VmpPackageWriter *
vmp_package_writer_new (const char *directory, int directory_fd, const char *subdirectory,
                        const char *token, GError **error)
{
  g_autoptr (VmpPackageWriter) self = g_new0 (VmpPackageWriter, 1);

  self->parent = self->package = self->staging = -1;
  self->temporary = g_strdup_printf (".vmport-%s", token);
  self->entries = g_ptr_array_new_with_free_func (g_free);
  self->filled = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, filled_free);
  if (!find_place (self, directory, directory_fd, subdirectory, error)
      || !make_staging (self, error))
    return NULL;
  return g_steal_pointer (&self);
}

/* Would an export find its place, and how much is free there? Makes nothing. */
GVariant *
vmp_package_writer_examine (const char *directory, int directory_fd, const char *subdirectory,
                            GError **error)
{
  g_autoptr (VmpPackageWriter) self = g_new0 (VmpPackageWriter, 1);
  g_autofree char *base = NULL;
  VmpSpace space;
  VmpMark mark;
  GVariantDict place;
  int where;

  self->parent = self->package = self->staging = -1;
  if (!find_place (self, directory, directory_fd, subdirectory, error)
      || !check_empty (self, error))
    return NULL;
  where = self->package >= 0 ? self->package : self->parent;
  if (faccessat (where, ".", W_OK | X_OK, AT_EACCESS) < 0)
    {
      vmp_error_set_errno (error, errno, _ ("Cannot write into the folder of “%s”"), self->path);
      return NULL;
    }
  if (!vmp_fd_get_space (where, &space, error))
    return NULL;
  if (!vmp_mark_read (where, &mark))
    {
      vmp_error_set_errno (error, errno, _ ("Cannot examine “%s”"), self->path);
      return NULL;
    }
  g_variant_dict_init (&place, NULL);
  g_variant_dict_insert_value (&place, "Place", vmp_mark_to_variant (&mark));
  g_variant_dict_insert (&place, "Free", "t", space.free_bytes);
  g_variant_dict_insert (&place, "Device", "t", space.device);
  g_variant_dict_insert (&place, "CanShare", "b", space.can_share);
  if (directory_fd >= 0)
    base = vmp_at_find_path (directory_fd);
  if (base != NULL)
    g_variant_dict_insert (&place, "Base", "s", base);
  return g_variant_dict_end (&place);
}

GVariant *
vmp_package_writer_get_place (VmpPackageWriter *self)
{
  GVariantDict place;

  g_variant_dict_init (&place, NULL);
  g_variant_dict_insert (&place, "Path", "s", self->result);
  g_variant_dict_insert (&place, "Made", "b", self->made);
  g_variant_dict_insert_value (&place, "Place", vmp_mark_to_variant (&self->place));
  g_variant_dict_insert_value (&place, "Mark", vmp_mark_to_variant (&self->mark));
  return g_variant_dict_end (&place);
}

/* An empty file for a member that is no copy of a file, or -1. */
int
vmp_package_writer_make_member (VmpPackageWriter *self, const char *name, GError **error)
{
  g_autofree char *folder = g_path_get_dirname (name);

  if (strcmp (folder, ".") != 0 && !vmp_at_mkdir_parents (self->staging, folder, 0700, error))
    return -1;
  return vmp_at_open (self->staging, name, O_RDWR | O_CREAT | O_EXCL, 0600, error);
}

/* That member is complete: @copied bytes were moved into it. @verity may be NULL: not known yet. */
void
vmp_package_writer_note_filled (VmpPackageWriter *self, const char *name, guint64 copied,
                                const char *verity)
{
  Filled *filled = g_new0 (Filled, 1);

  filled->copied = copied;
  filled->verity = g_strdup (verity);
  g_hash_table_replace (self->filled, g_strdup (name), filled);
}

/* …and this finds a damaged block of it; @locator may be NULL. */
void
vmp_package_writer_note_locator (VmpPackageWriter *self, const char *name, const char *locator)
{
  Filled *filled = g_hash_table_lookup (self->filled, name);

  g_return_if_fail (filled != NULL);
  g_free (filled->locator);
  filled->locator = g_strdup (locator);
}

static char *
sha256_of (const void *data, gsize size)
{
  guint8 digest[EVP_MAX_MD_SIZE];
  unsigned length = 0;
  GString *hex = g_string_new (NULL);

  EVP_Digest (data, size, digest, &length, EVP_sha256 (), NULL);
  for (unsigned i = 0; i < length; i++)
    g_string_append_printf (hex, "%02x", digest[i]);
  return g_string_free (hex, FALSE);
}

/* A small file whose content is in memory. */
static gboolean
write_text (VmpPackageWriter *self, VmpPackageFile *file, const char *text, VmpCopierFlags flags,
            GError **error)
{
  gsize size = strlen (text);
  g_autoptr (GBytes) content = g_bytes_new (text, size);

  if (!vmp_at_write_unflushed (self->staging, file->name, content, 0600, error))
    return FALSE;
  file->size = file->allocated = size;
  if ((flags & VMP_COPIER_VERITY) != 0)
    {
      g_autoptr (VmpVerity) verity = vmp_verity_new ();

      vmp_verity_update (verity, text, size);
      file->verity = vmp_verity_finish (verity);
    }
  if ((flags & VMP_COPIER_SHA256) != 0)
    file->sha256 = sha256_of (text, size);
  return TRUE;
}

/* A package of thousands of big images keeps a descriptor that can be read. */
static void
limit_locators (VmpPackage *package)
{
  GPtrArray *files = vmp_package_get_files (package);
  gsize sum = 0;

  for (guint i = 0; i < files->len; i++)
    {
      VmpPackageFile *file = g_ptr_array_index (files, i);

      sum += file->locator != NULL ? strlen (file->locator) : 0;
      if (sum > VMP_PACKAGE_MAX_LOCATORS)
        g_clear_pointer (&file->locator, g_free);
    }
}

/* In the form that `sha256sum -c` reads: a name with a backslash is escaped, and the line says so
 * by beginning with one. */
static gboolean
write_sums (VmpPackageWriter *self, VmpPackage *package, GError **error)
{
  GPtrArray *files = vmp_package_get_files (package);
  g_autoptr (GString) sums = g_string_new (NULL);
  g_autoptr (GBytes) content = NULL;

  for (guint i = 0; i < files->len; i++)
    {
      VmpPackageFile *file = g_ptr_array_index (files, i);
      g_auto (GStrv) parts = g_strsplit (file->name, "\\", -1);
      g_autofree char *escaped = g_strjoinv ("\\\\", parts);

      g_string_append_printf (sums, "%s%s  %s\n", parts[1] != NULL ? "\\" : "", file->sha256,
                              escaped);
    }
  content = g_bytes_new (sums->str, sums->len);
  return vmp_at_write_unflushed (self->staging, VMP_PACKAGE_SHA256SUMS, content, 0600, error);
}

static gboolean
make_folders (VmpPackageWriter *self, VmpPackage *package, GError **error)
{
  GPtrArray *files = vmp_package_get_files (package);

  for (guint i = 0; i < files->len; i++)
    {
      VmpPackageFile *file = g_ptr_array_index (files, i);
      g_autofree char *folder = g_path_get_dirname (file->name);

      if (strcmp (folder, ".") != 0
          && !vmp_at_mkdir_parents (self->staging, folder, 0700, error))
        return FALSE;
    }
  return TRUE;
}

static gboolean
list_entries (VmpPackageWriter *self, GVariantDict *result, GError **error)
{
  GVariantBuilder entries;

  g_clear_pointer (&self->entries, g_ptr_array_unref);
  self->entries = vmp_at_list (self->staging, ".", G_MAXUINT, error);
  if (self->entries == NULL)
    return FALSE;
  g_variant_builder_init (&entries, G_VARIANT_TYPE ("a(s" VMP_MARK_TYPE ")"));
  for (guint i = 0; i < self->entries->len; i++)
    {
      const char *name = g_ptr_array_index (self->entries, i);
      VmpMark mark;

      if (!vmp_mark_read_at (self->staging, name, &mark))
        {
          g_variant_builder_clear (&entries);
          return vmp_error_set_errno (error, errno, _ ("Cannot examine “%s”"), name);
        }
      g_variant_builder_add (&entries, "(s@" VMP_MARK_TYPE ")", name, vmp_mark_to_variant (&mark));
    }
  g_variant_dict_insert_value (result, "Entries", g_variant_builder_end (&entries));
  return TRUE;
}

/* What else is no copy of a file: the snapshots' documents. */
static gboolean
write_texts (VmpPackageWriter *self, VmpPackage *package, GVariant *options, VmpCopierFlags flags,
             GError **error)
{
  g_autoptr (GVariant) texts = g_variant_lookup_value (options, "Texts",
                                                       G_VARIANT_TYPE ("a(ss)"));
  GVariantIter iter;
  const char *name, *text;

  if (texts == NULL)
    return TRUE;
  g_variant_iter_init (&iter, texts);
  while (g_variant_iter_next (&iter, "(&s&s)", &name, &text))
    {
      VmpPackageFile *file = vmp_package_find_file (package, name);

      if (file == NULL)
        return vmp_error_set (error, VMPORT_ERROR_INVALID_PARAMETER, "“%s” is not planned", name);
      if (!write_text (self, file, text, flags, error))
        return FALSE;
    }
  return TRUE;
}

static gboolean
write_all (VmpPackageWriter *self, VmpSources *sources, VmpPace *pace, VmpPackage *package,
           GVariant *members, GVariant *options, GVariantDict *result, GError **error)
{
  VmpPackageFile *configuration = vmp_package_find_role (package, VMP_ROLE_CONFIGURATION);
  VmpCopierFlags flags = VMP_COPIER_NONE;
  const char *text, *checksum;
  g_autofree char *xml = NULL;
  g_autoptr (GBytes) descriptor = NULL;
  g_autoptr (VmpPackageCopies) copies = NULL;
  guint64 copied = 0, cloned = 0;
  GVariantIter iter;
  guint32 id;
  const char *name;
  GVariant *child;

  if (!g_variant_lookup (options, "Configuration", "&s", &text) || configuration == NULL
      || !g_variant_lookup (options, "Checksum", "&s", &checksum))
    return vmp_error_set (error, VMPORT_ERROR_INVALID_PARAMETER, "The plan is not complete");
  if (strcmp (checksum, "none") != 0)
    flags |= VMP_COPIER_VERITY;
  if (strcmp (checksum, "sha256") == 0)
    flags |= VMP_COPIER_SHA256;
  if (!make_folders (self, package, error)
      || !write_text (self, configuration, text, flags, error)
      || !write_texts (self, package, options, flags, error))
    return FALSE;
  copies = vmp_package_copies_new (self->staging, flags, pace);
  g_variant_iter_init (&iter, members);
  while (g_variant_iter_next (&iter, "(u&s@a{sv})", &id, &name, &child))
    {
      g_autoptr (GVariant) member_options = child;
      VmpPackageFile *file = vmp_package_find_file (package, name);
      const Filled *filled = g_hash_table_lookup (self->filled, name);
      int source;

      if (file == NULL)
        return vmp_error_set (error, VMPORT_ERROR_INVALID_PARAMETER, "“%s” is not planned", name);
      if (filled != NULL)
        {
          vmp_package_copies_add_filled (copies, file, filled->copied, filled->verity,
                                         filled->locator);
          continue;
        }
      source = vmp_sources_get_fd (sources, id, error);
      if (source < 0)
        return FALSE;
      if (!vmp_package_copies_add (copies, source, file, member_options, error))
        return FALSE;
    }
  if (!vmp_package_copies_run (copies, &copied, &cloned, error))
    return FALSE;
  if ((flags & VMP_COPIER_SHA256) != 0 && !write_sums (self, package, error))
    return FALSE;
  limit_locators (package);
  xml = vmp_package_to_xml (package);
  descriptor = g_bytes_new (xml, strlen (xml));
  /* Before the flush: none of it is a package until it is published. */
  if (!vmp_at_write_unflushed (self->staging, VMP_PACKAGE_DESCRIPTOR, descriptor, 0600, error)
      || !vmp_package_copies_sync (copies, package, (flags & VMP_COPIER_SHA256) != 0, error)
      || !vmp_at_sync_folders (self->staging, ".", error) || !list_entries (self, result, error))
    return FALSE;
  g_variant_dict_insert (result, "Copied", "t", copied);
  g_variant_dict_insert (result, "Cloned", "t", cloned);
  g_variant_dict_insert (result, "Files", "u", vmp_package_get_files (package)->len);
  return TRUE;
}

GVariant *
vmp_package_writer_write (VmpPackageWriter *self, VmpSources *sources, VmpPace *pace,
                          VmpPackage *package, GVariant *members, GVariant *options,
                          GError **error)
{
  GVariantDict result;

  g_variant_dict_init (&result, NULL);
  if (!write_all (self, sources, pace, package, members, options, &result, error))
    {
      g_variant_dict_clear (&result);
      return NULL;
    }
  return g_variant_dict_end (&result);
}

static gboolean
publish_as_folder (VmpPackageWriter *self, GError **error)
{
  VmpMark now;

  if (!vmp_at_rename_noreplace (self->parent, self->temporary, self->parent, self->name, error))
    return FALSE;
  if (!vmp_mark_read_at (self->parent, self->name, &now) || !vmp_mark_equal (&now, &self->mark))
    return vmp_error_set (error, VMPORT_ERROR_UNSAFE,
                          _ ("“%s” was exchanged by someone else while it was written"), self->path);
  return vmp_at_flush_folder (self->parent, self->path, error);
}

gboolean
vmp_package_writer_publish (VmpPackageWriter *self, GError **error)
{
  if (self->made)
    return publish_as_folder (self, error);
  for (guint i = 0; i < self->entries->len; i++)
    {
      const char *name = g_ptr_array_index (self->entries, i);

      if (strcmp (name, VMP_PACKAGE_DESCRIPTOR) != 0
          && !vmp_at_rename_noreplace (self->staging, name, self->package, name, error))
        return FALSE;
    }
  if (fsync (self->package) < 0)
    return vmp_error_set_errno (error, errno, _ ("Cannot flush “%s”"), self->path);
  if (!vmp_at_rename_noreplace (self->staging, VMP_PACKAGE_DESCRIPTOR, self->package,
                                VMP_PACKAGE_DESCRIPTOR, error))
    return FALSE;
  if (unlinkat (self->package, self->temporary, AT_REMOVEDIR) < 0)
    return vmp_error_set_errno (error, errno, _ ("Cannot remove the staging folder in “%s”"),
                                self->path);
  if (fsync (self->package) < 0)
    return vmp_error_set_errno (error, errno, _ ("Cannot flush “%s”"), self->path);
  return TRUE;
}
