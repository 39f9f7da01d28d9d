/* The files that a worker reads from and writes into, by number. */
#include "config.h"

#include "vmp-sources.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gi18n-lib.h>
#include <string.h>
#include <sys/stat.h>

#include "vmp-at.h"
#include "vmp-copier.h"
#include "vmp-error.h"
#include "vmp-fd.h"
#include "vmp-image.h"
#include "vmp-name.h"

typedef struct
{
  int fd;
  char *format;
} Source;

typedef struct
{
  int fd;
  int folder; /* -1 for the daemon's own */
  char *temporary;
  char *name;
  guint64 device, inode;
} Target;

struct _VmpSources
{
  VmpPace *pace; /* not owned */
  GHashTable *sources;
  GHashTable *targets;
};

static void
source_free (gpointer data)
{
  Source *source = data;

  vmp_fd_clear (&source->fd);
  g_free (source->format);
  g_free (source);
}

static void
target_free (gpointer data)
{
  Target *target = data;

  vmp_fd_clear (&target->fd);
  vmp_fd_clear (&target->folder);
  g_free (target->temporary);
  g_free (target->name);
  g_free (target);
}

VmpSources *
vmp_sources_new (VmpPace *pace)
{
  VmpSources *self = g_new0 (VmpSources, 1);

  self->pace = pace;
  self->sources = g_hash_table_new_full (NULL, NULL, NULL, source_free);
  self->targets = g_hash_table_new_full (NULL, NULL, NULL, target_free);
  return self;
}

void
vmp_sources_free (VmpSources *self)
{
  g_hash_table_unref (self->sources);
  g_hash_table_unref (self->targets);
  g_free (self);
}

static int
take_handle (GVariant *options, GUnixFDList *fds, GError **error)
{
  gint32 handle;

  if (!g_variant_lookup (options, "Fd", "h", &handle))
    return -1;
  if (fds == NULL || handle < 0 || handle >= g_unix_fd_list_get_length (fds))
    {
      vmp_error_set (error, VMPORT_ERROR_INVALID_PARAMETER, "A descriptor is missing");
      return -1;
    }
  return g_unix_fd_list_get (fds, handle, error);
}

static int
open_source (int package_fd, GVariant *options, GUnixFDList *fds, GError **error)
{
  const char *path;

  if (g_variant_lookup (options, "Member", "&s", &path))
    {
      if (package_fd < 0)
        {
          vmp_error_set (error, VMPORT_ERROR_INVALID_PARAMETER, "No package is open");
          return -1;
        }
      return vmp_at_open (package_fd, path, O_RDONLY, 0, error);
    }
  if (g_variant_lookup (options, "Path", "&s", &path))
    {
      if (path[0] != '/' && package_fd >= 0)
        return vmp_at_open (package_fd, path, O_RDONLY, 0, error);
      return vmp_at_open_absolute (path, O_RDONLY, error);
    }
  return take_handle (options, fds, error);
}

/* Could a copy of the overlay name another backing file, as it will have to? */
static gboolean
check_new_backing (int fd, const char *what, GVariant *options, GError **error)
{
  g_autoptr (GBytes) bytes = NULL;
  const char *backing, *backing_format = NULL;
  guint64 offset;

  if (!g_variant_lookup (options, "NewBackingFile", "&s", &backing))
    return TRUE;
  g_variant_lookup (options, "NewBackingFormat", "&s", &backing_format);
  return vmp_image_backing_patch (fd, what, backing, backing_format, &offset, &bytes, error);
}

static gboolean
describe_image (int fd, const char *format, const char *what, GVariant *options,
                GVariantDict *reading, GError **error)
{
  g_auto (VmpImageInfo) info = { NULL };

  if (!vmp_image_inspect (fd, format, what, &info, error))
    return FALSE;
  /* An overlay that names none is for whoever reads this to judge. */
  if (info.backing_file != NULL && !check_new_backing (fd, what, options, error))
    return FALSE;
  g_variant_dict_insert (reading, "VirtualSize", "t", info.virtual_size);
  g_variant_dict_insert (reading, "Snapshots", "u", info.n_snapshots);
  if (info.backing_file != NULL)
    g_variant_dict_insert (reading, "BackingFile", "s", info.backing_file);
  if (info.backing_format != NULL)
    g_variant_dict_insert (reading, "BackingFormat", "s", info.backing_format);
  return TRUE;
}

static gboolean
add_source (VmpSources *self, int package_fd, guint32 id, GVariant *options, GUnixFDList *fds,
            GVariantDict *reading, GError **error)
{
  vmp_autofd int fd = open_source (package_fd, options, fds, error);
  const char *what = "the file", *format = NULL;
  g_autofree char *quoted = NULL;
  guint64 size, payload;
  struct stat st;
  Source *source;

  if (fd < 0)
    {
      if (error != NULL && *error == NULL)
        vmp_error_set (error, VMPORT_ERROR_INVALID_PARAMETER, "A source names no file");
      return FALSE;
    }
  if (!g_variant_lookup (options, "Member", "&s", &what))
    g_variant_lookup (options, "Path", "&s", &what);
  g_variant_lookup (options, "Name", "&s", &what);
  quoted = g_strdup_printf ("“%s”", what);
  if (!vmp_fd_check_regular (fd, quoted, error)
      || !vmp_copier_measure (fd, &size, &payload, error))
    return FALSE;
  if (fstat (fd, &st) < 0)
    return vmp_error_set_errno (error, errno, "Cannot examine %s", quoted);
  g_variant_dict_insert (reading, "Size", "t", size);
  g_variant_dict_insert (reading, "Payload", "t", payload);
  g_variant_dict_insert (reading, "Device", "t", (guint64) st.st_dev);
  g_variant_dict_insert (reading, "Inode", "t", (guint64) st.st_ino);
  if (g_variant_lookup (options, "Format", "&s", &format)
      && !describe_image (fd, format, quoted, options, reading, error))
    return FALSE;
  source = g_new0 (Source, 1);
  source->fd = vmp_fd_steal (&fd);
  source->format = g_strdup (format);
  g_hash_table_replace (self->sources, GUINT_TO_POINTER (id), source);
  return TRUE;
}

/* Opens each of a(ua{sv}); a file that cannot be read is part of the answer, no error. */
GVariant *
vmp_sources_add (VmpSources *self, int package_fd, GVariant *sources, GUnixFDList *fds,
                 GError **error)
{
  GVariantBuilder readings;
  GVariantIter iter;
  guint32 id;
  GVariant *child;

  g_variant_builder_init (&readings, G_VARIANT_TYPE ("a(ua{sv})"));
  g_variant_iter_init (&iter, sources);
  while (g_variant_iter_next (&iter, "(u@a{sv})", &id, &child))
    {
      g_autoptr (GVariant) options = child;
      g_autoptr (GError) local_error = NULL;
      GVariantDict reading;

      g_variant_dict_init (&reading, NULL);
      if (!add_source (self, package_fd, id, options, fds, &reading, &local_error))
        {
          g_autofree char *name = vmport_error_get_name (local_error);

          g_variant_dict_insert (&reading, "ErrorName", "s", name);
          g_variant_dict_insert (&reading, "Message", "s", local_error->message);
        }
      g_variant_builder_add (&readings, "(u@a{sv})", id, g_variant_dict_end (&reading));
    }
  return g_variant_builder_end (&readings);
}

int
vmp_sources_get_fd (VmpSources *self, guint32 id, GError **error)
{
  Source *source = g_hash_table_lookup (self->sources, GUINT_TO_POINTER (id));

  if (source == NULL)
    {
      vmp_error_set (error, VMPORT_ERROR_INVALID_PARAMETER, "There is no source %u", id);
      return -1;
    }
  return source->fd;
}

/* A file in a folder of the caller's choice: made under a name that nobody can guess, and moved to
 * its own name at the end. */
static gboolean
make_target (Target *target, GVariant *options, GUnixFDList *fds_out, GVariantDict *reading,
             GError **error)
{
  const char *folder, *name, *token;
  vmp_autofd int reader = -1;
  struct stat st;
  int handle;

  if (!g_variant_lookup (options, "Folder", "&s", &folder)
      || !g_variant_lookup (options, "Name", "&s", &name) || !vmp_name_is_component (name)
      || !g_variant_lookup (options, "Token", "&s", &token))
    return vmp_error_set (error, VMPORT_ERROR_INVALID_PARAMETER, "A target names no file");
  target->folder = vmp_at_open_absolute (folder, O_RDONLY | O_DIRECTORY, error);
  if (target->folder < 0)
    return FALSE;
  if (vmp_at_exists (target->folder, name))
    return vmp_error_set (error, VMPORT_ERROR_EXISTS,
                          _ ("“%s/%s” exists; name another place, or move it away"), folder, name);
  target->name = g_strdup (name);
  target->temporary = g_strdup_printf (".vmport-%s", token);
  target->fd = vmp_at_open (target->folder, target->temporary, O_RDWR | O_CREAT | O_EXCL, 0600,
                            error);
  if (target->fd < 0)
    {
      g_prefix_error (error, "%s: ", folder);
      return FALSE;
    }
  reader = vmp_at_open (target->folder, target->temporary, O_RDONLY, 0, error);
  if (reader < 0)
    return FALSE;
  if (fstat (target->fd, &st) < 0)
    return vmp_error_set_errno (error, errno, "Cannot examine “%s”", name);
  target->device = st.st_dev;
  target->inode = st.st_ino;
  handle = g_unix_fd_list_append (fds_out, reader, error);
  if (handle < 0)
    return FALSE;
  g_variant_dict_insert (reading, "Fd", "h", handle);
  g_variant_dict_insert (reading, "Device", "t", target->device);
  g_variant_dict_insert (reading, "Inode", "t", target->inode);
  return TRUE;
}

GVariant *
vmp_sources_add_targets (VmpSources *self, GVariant *targets, GUnixFDList *fds,
                         GUnixFDList *fds_out, GError **error)
{
  GVariantBuilder readings;
  GVariantIter iter;
  guint32 id;
  GVariant *child;

  g_variant_builder_init (&readings, G_VARIANT_TYPE ("a(ua{sv})"));
  g_variant_iter_init (&iter, targets);
  while (g_variant_iter_next (&iter, "(u@a{sv})", &id, &child))
    {
      g_autoptr (GVariant) options = child;
      Target *target = g_new0 (Target, 1);
      GVariantDict reading;

      target->fd = -1;
      target->folder = -1;
      g_hash_table_replace (self->targets, GUINT_TO_POINTER (id), target);
      g_variant_dict_init (&reading, NULL);
      if (g_variant_lookup (options, "Folder", "&s", NULL)
              ? !make_target (target, options, fds_out, &reading, error)
              : (target->fd = take_handle (options, fds, error)) < 0)
        {
          g_variant_dict_clear (&reading);
          g_variant_builder_clear (&readings);
          return NULL;
        }
      g_variant_builder_add (&readings, "(u@a{sv})", id, g_variant_dict_end (&reading));
    }
  return g_variant_builder_end (&readings);
}

static gboolean
check_digest (const char *wanted, const char *found, const char *name, GError **error)
{
  if (wanted == NULL || g_strcmp0 (wanted, found) == 0)
    return TRUE;
  return vmp_error_set (error, VMPORT_ERROR_CORRUPT,
                        _ ("“%s” does not have the digest that the package states; it was changed "
                           "or damaged since it was exported"),
                        name);
}

static gboolean
copy_item (VmpSources *self, guint32 id, GVariant *options, GVariantDict *outcome, GError **error)
{
  Source *source = g_hash_table_lookup (self->sources, GUINT_TO_POINTER (id));
  Target *target = NULL;
  g_auto (VmpCopierResult) result = { 0 };
  g_autoptr (GBytes) patch_bytes = NULL;
  VmpCopierPatch patch = { 0 };
  VmpCopierFlags flags = VMP_COPIER_NONE;
  const char *name = "", *verity = NULL, *sha256 = NULL, *backing, *backing_format = NULL;
  g_autofree char *quoted = NULL;
  guint32 target_id;

  if (source == NULL)
    return vmp_error_set (error, VMPORT_ERROR_INVALID_PARAMETER, "There is no source %u", id);
  if (g_variant_lookup (options, "Target", "u", &target_id))
    {
      target = g_hash_table_lookup (self->targets, GUINT_TO_POINTER (target_id));
      if (target == NULL)
        return vmp_error_set (error, VMPORT_ERROR_INVALID_PARAMETER, "There is no target %u",
                              target_id);
    }
  g_variant_lookup (options, "Name", "&s", &name);
  quoted = g_strdup_printf ("“%s”", name);
  if (g_variant_lookup (options, "Verity", "&s", &verity))
    flags |= VMP_COPIER_VERITY;
  if (g_variant_lookup (options, "Sha256", "&s", &sha256))
    flags |= VMP_COPIER_SHA256;
  if (g_variant_lookup (options, "BackingFile", "&s", &backing))
    {
      g_variant_lookup (options, "BackingFormat", "&s", &backing_format);
      if (!vmp_image_backing_patch (source->fd, quoted, backing, backing_format, &patch.offset,
                                    &patch_bytes, error))
        return FALSE;
      patch.bytes = patch_bytes;
    }
  vmp_pace_set_place (self->pace, target != NULL ? "Copying" : "Verifying", name);
  if (!vmp_copier_run (source->fd, target != NULL ? target->fd : -1, quoted, flags, &patch,
                       patch_bytes != NULL ? 1 : 0, vmp_pace_step, self->pace, &result, error))
    return FALSE;
  if (!check_digest (verity, result.verity, name, error)
      || !check_digest (sha256, result.sha256, name, error))
    return FALSE;
  g_variant_dict_insert (outcome, "Copied", "t", result.copied);
  g_variant_dict_insert (outcome, "Cloned", "t", result.cloned);
  return TRUE;
}

/* After the last copy, so that the kernel has written most of it back by then. It counts as part of
 * the copying: phases go forward, and the daemon has its own verifying to do before its syncing. */
static gboolean
sync_targets (VmpSources *self, GError **error)
{
  GHashTableIter iter;
  gpointer value;

  g_hash_table_iter_init (&iter, self->targets);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    {
      Target *target = value;

      if (!vmp_copier_sync (target->fd, target->name != NULL ? target->name : "the copy", error))
        return FALSE;
      vmp_fd_clear (&target->fd);
    }
  return TRUE;
}

GVariant *
vmp_sources_copy (VmpSources *self, GVariant *items, GError **error)
{
  GVariantBuilder results;
  GVariantIter iter;
  guint32 id;
  GVariant *child;

  g_variant_builder_init (&results, G_VARIANT_TYPE ("a(ua{sv})"));
  g_variant_iter_init (&iter, items);
  while (g_variant_iter_next (&iter, "(u@a{sv})", &id, &child))
    {
      g_autoptr (GVariant) options = child;
      GVariantDict outcome;

      g_variant_dict_init (&outcome, NULL);
      if (!copy_item (self, id, options, &outcome, error))
        {
          g_variant_dict_clear (&outcome);
          g_variant_builder_clear (&results);
          return NULL;
        }
      g_variant_builder_add (&results, "(u@a{sv})", id, g_variant_dict_end (&outcome));
    }
  if (!sync_targets (self, error))
    {
      g_variant_builder_clear (&results);
      return NULL;
    }
  return g_variant_builder_end (&results);
}

gboolean
vmp_sources_publish_targets (VmpSources *self, GError **error)
{
  GHashTableIter iter;
  gpointer value;

  g_hash_table_iter_init (&iter, self->targets);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    {
      Target *target = value;

      if (target->folder < 0)
        continue;
      if (!vmp_at_rename_noreplace (target->folder, target->temporary, target->folder,
                                    target->name, error))
        return FALSE;
      if (fsync (target->folder) < 0)
        return vmp_error_set_errno (error, errno, "Cannot flush the folder of “%s”", target->name);
    }
  return TRUE;
}
