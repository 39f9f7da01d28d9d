/* The files that a worker reads from and writes into, by number. */
#include "config.h"

#include "vmp-sources.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gi18n-lib.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vmp-at.h"
#include "vmp-batch.h"
#include "vmp-copier.h"
#include "vmp-error.h"
#include "vmp-fd.h"
#include "vmp-image-lock.h"
#include "vmp-image-snapshot.h"
#include "vmp-image.h"
#include "vmp-mark.h"
#include "vmp-name.h"
#include "vmp-state.h"
#include "vmp-verity.h"

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

/* Relative paths mean beneath the package's directory. */
static int
open_named (int package_fd, const char *path, int flags, GError **error)
{
  if (path[0] != '/' && package_fd >= 0)
    return vmp_at_open (package_fd, path, flags, 0, error);
  return vmp_at_open_absolute (path, flags, error);
}

static int
open_source (int package_fd, GVariant *options, GUnixFDList *fds, int flags, GError **error)
{
  const char *path;

  if (g_variant_lookup (options, "Member", "&s", &path))
    {
      if (package_fd < 0)
        {
          vmp_error_set (error, VMPORT_ERROR_INVALID_PARAMETER, "No package is open");
          return -1;
        }
      return vmp_at_open (package_fd, path, flags, 0, error);
    }
  if (g_variant_lookup (options, "Path", "&s", &path))
    return open_named (package_fd, path, flags, error);
  return take_handle (options, fds, error);
}

/* A file that a machine will write must be one that its owner can write now. */
static gboolean
check_writable (int package_fd, GVariant *options, GUnixFDList *fds, GError **error)
{
  gboolean writable = FALSE;
  vmp_autofd int fd = -1;

  if (!g_variant_lookup (options, "Writable", "b", &writable) || !writable)
    return TRUE;
  fd = open_source (package_fd, options, fds, O_RDWR, error);
  return fd >= 0;
}

/* The daemon tells files apart by device and inode, and believes no number for that. */
static gboolean
hand_over (int fd, GVariant *options, GUnixFDList *fds_out, GVariantDict *reading, GError **error)
{
  gboolean wanted = FALSE;
  int handle;

  if (!g_variant_lookup (options, "HandOver", "b", &wanted) || !wanted)
    return TRUE;
  handle = g_unix_fd_list_append (fds_out, fd, error);
  if (handle < 0)
    return FALSE;
  g_variant_dict_insert (reading, "Fd", "h", handle);
  return TRUE;
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
describe_snapshots (int fd, const char *what, GVariantDict *reading, GError **error)
{
  GVariant *table = vmp_image_snapshot_list (fd, what, error);

  if (table == NULL)
    return FALSE;
  g_variant_dict_insert_value (reading, "SnapshotTable", table);
  return TRUE;
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
  if (info.n_snapshots > 0 && !describe_snapshots (fd, what, reading, error))
    return FALSE;
  if (info.encrypted)
    g_variant_dict_insert (reading, "Encrypted", "b", TRUE);
  if (info.backing_file != NULL)
    g_variant_dict_insert (reading, "BackingFile", "s", info.backing_file);
  if (info.backing_format != NULL)
    g_variant_dict_insert (reading, "BackingFormat", "s", info.backing_format);
  return TRUE;
}

/* A device can only be one that the daemon has opened: a logical volume. */
static gboolean
check_kind (int fd, const char *what, GVariant *options, GError **error)
{
  return g_variant_lookup (options, "Fd", "h", NULL) ? vmp_fd_check_image (fd, what, error)
                                                     : vmp_fd_check_regular (fd, what, error);
}

/* For as long as the worker lives. */
static gboolean
lock (int fd, const char *what, GVariant *options, GError **error)
{
  gboolean wanted = FALSE;

  g_variant_lookup (options, "Lock", "b", &wanted);
  return !wanted || vmp_image_lock (fd, what, error);
}

static gboolean
describe_state (int fd, const char *what, GVariant *options, GVariantDict *reading, GError **error)
{
  gboolean wanted = FALSE;

  g_variant_lookup (options, "SaveImage", "b", &wanted);
  return !wanted || vmp_state_describe (fd, what, options, reading, error);
}

static gboolean
add_source (VmpSources *self, int package_fd, guint32 id, GVariant *options, GUnixFDList *fds,
            GUnixFDList *fds_out, GVariantDict *reading, GError **error)
{
  vmp_autofd int fd = open_source (package_fd, options, fds, O_RDONLY, error);
  const char *what = _ ("the file"), *format = NULL;
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
  quoted = g_strdup_printf (_ ("“%s”"), what);
  if (!check_kind (fd, quoted, options, error) || !lock (fd, what, options, error)
      || !vmp_copier_measure (fd, &size, &payload, error))
    return FALSE;
  if (fstat (fd, &st) < 0)
    return vmp_error_set_errno (error, errno, _ ("Cannot examine %s"), quoted);
  g_variant_dict_insert (reading, "Size", "t", size);
  g_variant_dict_insert (reading, "Payload", "t", payload);
  g_variant_dict_insert (reading, "Device", "t", (guint64) st.st_dev);
  g_variant_dict_insert (reading, "Inode", "t", (guint64) st.st_ino);
  if (g_variant_lookup (options, "Format", "&s", &format)
      && !describe_image (fd, format, quoted, options, reading, error))
    return FALSE;
  if (!describe_state (fd, quoted, options, reading, error))
    return FALSE;
  if (!check_writable (package_fd, options, fds, error)
      || !hand_over (fd, options, fds_out, reading, error))
    return FALSE;
  source = g_new0 (Source, 1);
  source->fd = vmp_fd_steal (&fd);
  source->format = g_strdup (format);
  g_hash_table_replace (self->sources, GUINT_TO_POINTER (id), source);
  return TRUE;
}

/* What cannot be done with one file or folder is part of the answer. */
static void
report_error (GVariantDict *reading, const GError *error)
{
  g_autofree char *name = vmport_error_get_name (error);

  g_variant_dict_insert (reading, "ErrorName", "s", name);
  g_variant_dict_insert (reading, "Message", "s", error->message);
}

/* Opens each of a(ua{sv}); a file that cannot be read is part of the answer, no error. */
GVariant *
vmp_sources_add (VmpSources *self, int package_fd, GVariant *sources, GUnixFDList *fds,
                 GUnixFDList *fds_out, GError **error)
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
      if (!add_source (self, package_fd, id, options, fds, fds_out, &reading, &local_error))
        report_error (&reading, local_error);
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

/* The folder that the file itself lies in: beneath the one that the caller chose, and made where it
 * is missing. */
static int
open_target_folder (int package_fd, const char *folder, const char *name, GError **error)
{
  vmp_autofd int chosen = open_named (package_fd, folder, O_RDONLY | O_DIRECTORY, error);
  g_autofree char *beneath = g_path_get_dirname (name);

  if (chosen < 0 || strcmp (beneath, ".") == 0)
    return vmp_fd_steal (&chosen);
  if (!vmp_at_mkdir_parents (chosen, beneath, 0700, error)
      || !vmp_at_sync_way (chosen, beneath, error))
    return -1;
  return vmp_at_open (chosen, beneath, O_RDONLY | O_DIRECTORY, 0, error);
}

/* A file in a folder of the caller's choice: made under a name that nobody can guess, and moved to
 * its own name at the end. */
static gboolean
make_target (Target *target, int package_fd, GVariant *options, GUnixFDList *fds_out,
             GVariantDict *reading, GError **error)
{
  const char *folder, *name, *token;
  vmp_autofd int reader = -1;
  struct stat st;
  int handle;

  if (!g_variant_lookup (options, "Folder", "&s", &folder)
      || !g_variant_lookup (options, "Name", "&s", &name) || !vmp_name_is_relative (name)
      || !g_variant_lookup (options, "Token", "&s", &token))
    return vmp_error_set (error, VMPORT_ERROR_INVALID_PARAMETER, "A target names no file");
  target->folder = open_target_folder (package_fd, folder, name, error);
  if (target->folder < 0)
    return FALSE;
  target->name = g_path_get_basename (name);
  if (vmp_at_exists (target->folder, target->name))
    return vmp_error_set (error, VMPORT_ERROR_EXISTS,
                          _ ("“%s/%s” exists; name another place, or move it away"), folder, name);
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
    return vmp_error_set_errno (error, errno, _ ("Cannot examine “%s”"), name);
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
vmp_sources_add_targets (VmpSources *self, int package_fd, GVariant *targets, GUnixFDList *fds,
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
              ? !make_target (target, package_fd, options, fds_out, &reading, error)
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

/* Can a lease on a file of that folder tell whether it still has a writer? Tried on a file without
 * a name, which nobody sees. */
static gboolean
knows_leases (int folder)
{
  vmp_autofd int writer = vmp_at_open (folder, ".", O_RDWR | O_TMPFILE, 0600, NULL);
  g_autofree char *again = g_strdup_printf ("/proc/self/fd/%d", writer);
  vmp_autofd int reader = -1;

  /* Not every file system has nameless files; what cannot be tried is not complained about. */
  if (writer < 0)
    return TRUE;
  reader = open (again, O_RDONLY | O_CLOEXEC);
  vmp_fd_clear (&writer);
  return reader < 0 || vmp_fd_find_writers (reader) != VMP_WRITERS_UNKNOWN;
}

static gboolean
examine_folder (int package_fd, const char *path, const char *const *names, GVariantDict *reading,
                GError **error)
{
  vmp_autofd int folder = open_named (package_fd, path, O_RDONLY | O_DIRECTORY, error);
  g_autoptr (GStrvBuilder) taken = g_strv_builder_new ();
  g_auto (GStrv) found = NULL;
  VmpSpace space;
  VmpMark mark;

  if (folder < 0)
    return FALSE;
  if (faccessat (folder, ".", W_OK | X_OK, AT_EACCESS) < 0)
    return vmp_error_set_errno (error, errno, _ ("Cannot write into “%s”"), path);
  if (!vmp_fd_get_space (folder, &space, error))
    return FALSE;
  if (!vmp_mark_read (folder, &mark))
    return vmp_error_set_errno (error, errno, _ ("Cannot examine “%s”"), path);
  for (gsize i = 0; names[i] != NULL; i++)
    if (vmp_at_exists (folder, names[i]))
      g_strv_builder_add (taken, names[i]);
  found = g_strv_builder_end (taken);
  g_variant_dict_insert_value (reading, "Place", vmp_mark_to_variant (&mark));
  g_variant_dict_insert (reading, "Taken", "^as", found);
  g_variant_dict_insert (reading, "Free", "t", space.free_bytes);
  g_variant_dict_insert (reading, "Device", "t", space.device);
  g_variant_dict_insert (reading, "CanShare", "b", space.can_share);
  g_variant_dict_insert (reading, "Leases", "b", knows_leases (folder));
  return TRUE;
}

/* Looks at folders that are to be copied into, a(sas) with the names that are wanted there, and
 * makes nothing. A folder that cannot be used is part of the answer, aa{sv}. */
GVariant *
vmp_sources_examine_targets (int package_fd, GVariant *folders)
{
  GVariantBuilder readings;
  GVariantIter iter;
  const char *path;
  const char **names;

  g_variant_builder_init (&readings, G_VARIANT_TYPE ("aa{sv}"));
  g_variant_iter_init (&iter, folders);
  while (g_variant_iter_next (&iter, "(&s^a&s)", &path, &names))
    {
      g_autofree const char **owned = names;
      g_autoptr (GError) error = NULL;
      GVariantDict reading;

      g_variant_dict_init (&reading, NULL);
      if (!examine_folder (package_fd, path, owned, &reading, &error))
        report_error (&reading, error);
      g_variant_builder_add_value (&readings, g_variant_dict_end (&reading));
    }
  return g_variant_builder_end (&readings);
}

/* A copy that is to be made, or a file to be verified. */
typedef struct
{
  VmpSources *sources;
  guint32 id;
  GVariant *options;
  Source *source;
  Target *target; /* NULL: only read */
  GBytes *patch_bytes;
  VmpCopierPatch patch;
  guint64 insert;
  guint64 copied, cloned;
} Item;

static void
item_free (gpointer data)
{
  Item *item = data;

  g_variant_unref (item->options);
  g_clear_pointer (&item->patch_bytes, g_bytes_unref);
  g_free (item);
}

static gboolean
find_files (VmpSources *self, Item *item, GError **error)
{
  guint32 target;

  item->source = g_hash_table_lookup (self->sources, GUINT_TO_POINTER (item->id));
  if (item->source == NULL)
    return vmp_error_set (error, VMPORT_ERROR_INVALID_PARAMETER, "There is no source %u",
                          item->id);
  if (!g_variant_lookup (item->options, "Target", "u", &target))
    return TRUE;
  item->target = g_hash_table_lookup (self->targets, GUINT_TO_POINTER (target));
  if (item->target == NULL)
    return vmp_error_set (error, VMPORT_ERROR_INVALID_PARAMETER, "There is no target %u", target);
  return TRUE;
}

static char *
quote_name (Item *item)
{
  const char *name = "";

  g_variant_lookup (item->options, "Name", "&s", &name);
  return g_strdup_printf (_ ("“%s”"), name);
}

/* What the copy's header is to say. */
static gboolean
make_patch (Item *item, GError **error)
{
  g_autofree char *quoted = quote_name (item);
  const char *backing, *backing_format = NULL;
  gboolean ok;

  if (g_variant_lookup (item->options, "BackingFile", "&s", &backing))
    {
      g_variant_lookup (item->options, "BackingFormat", "&s", &backing_format);
      ok = vmp_image_backing_patch (item->source->fd, quoted, backing, backing_format,
                                    &item->patch.offset, &item->patch_bytes, error);
    }
  else
    ok = vmp_state_make_head (item->source->fd, quoted, item->options, &item->patch_bytes,
                              &item->insert, error);
  item->patch.bytes = item->patch_bytes;
  return ok;
}

static gboolean
check_sum (const char *name, const char *wanted, const VmpCopierResult *result, GError **error)
{
  if (wanted == NULL || g_strcmp0 (wanted, result->sha256) == 0)
    return TRUE;
  return vmp_error_set (error, VMPORT_ERROR_CORRUPT,
                        _ ("“%s” does not have the digest that the package states; it was changed "
                           "or damaged since it was exported"),
                        name);
}

/* Where it is not what the package states, the package may tell as well at which byte. */
static gboolean
check_digest (Item *item, const char *name, const char *wanted, const VmpCopierResult *result,
              GError **error)
{
  const char *stated = "";
  guint64 offset, length;

  if (wanted == NULL || g_strcmp0 (wanted, result->verity) == 0)
    return TRUE;
  g_variant_lookup (item->options, "Locator", "&s", &stated);
  if (!vmp_locator_compare (result->locator, stated, &offset, &length))
    return vmp_error_set (error, VMPORT_ERROR_CORRUPT,
                          _ ("“%s” does not have the digest that the package states; it was "
                             "changed or damaged since it was exported"),
                          name);
  if (length <= VMP_VERITY_BLOCK)
    return vmp_error_set (error, VMPORT_ERROR_CORRUPT,
                          _ ("“%s” was changed or damaged since it was exported: the block at byte "
                             "%" PRIu64 " is not what the package states"),
                          name, offset);
  return vmp_error_set (error, VMPORT_ERROR_CORRUPT,
                        _ ("“%s” was changed or damaged since it was exported: several blocks "
                           "between byte %" PRIu64 " and byte %" PRIu64
                           " are not what the package states"),
                        name, offset, offset + length);
}

/* Runs in a thread of its own, beside those of other items. */
static gboolean
copy_item (gpointer data, gpointer user_data, GError **error)
{
  Item *item = data;
  VmpPace *pace = item->sources->pace;
  g_auto (VmpCopierResult) result = { 0 };
  g_autofree char *quoted = quote_name (item);
  VmpCopierFlags flags = VMP_COPIER_NONE;
  const char *name = "", *verity = NULL, *sha256 = NULL;

  g_variant_lookup (item->options, "Name", "&s", &name);
  if (g_variant_lookup (item->options, "Verity", "&s", &verity))
    flags |= VMP_COPIER_VERITY;
  if (g_variant_lookup (item->options, "Sha256", "&s", &sha256))
    flags |= VMP_COPIER_SHA256;
  vmp_pace_set_place (pace, item->target != NULL ? "Copying" : "Verifying", name);
  if (!vmp_copier_run_shifted (item->source->fd, item->target != NULL ? item->target->fd : -1,
                               quoted, flags, item->insert, &item->patch,
                               item->patch_bytes != NULL ? 1 : 0, vmp_pace_next, pace, &result,
                               error)
      || !check_digest (item, name, verity, &result, error)
      || !check_sum (name, sha256, &result, error))
    return FALSE;
  item->copied = result.copied;
  item->cloned = result.cloned;
  return TRUE;
}

static void
stop_pace (gpointer pace)
{
  vmp_pace_stop (pace);
}

static gboolean
sync_target (gpointer data, gpointer user_data, GError **error)
{
  Target *target = data;

  return vmp_copier_sync (target->fd, target->name != NULL ? target->name : _ ("the copy"), error);
}

/* After the last copy, so that the kernel has written most of it back by then. It counts as part of
 * the copying: phases go forward, and the daemon has its own verifying to do before its syncing. */
static gboolean
sync_targets (VmpSources *self, GError **error)
{
  g_autoptr (GPtrArray) targets = g_ptr_array_new ();
  GHashTableIter iter;
  gpointer value;

  g_hash_table_iter_init (&iter, self->targets);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    g_ptr_array_add (targets, value);
  if (!vmp_batch_run (targets, VMP_BATCH_FILES, sync_target, NULL, stop_pace, self->pace, error))
    return FALSE;
  for (guint i = 0; i < targets->len; i++)
    vmp_fd_clear (&((Target *) g_ptr_array_index (targets, i))->fd);
  return TRUE;
}

GVariant *
vmp_sources_copy (VmpSources *self, GVariant *items, GError **error)
{
  g_autoptr (GPtrArray) copies = g_ptr_array_new_with_free_func (item_free);
  GVariantBuilder results;
  GVariantIter iter;
  guint32 id;
  GVariant *child;

  g_variant_iter_init (&iter, items);
  while (g_variant_iter_next (&iter, "(u@a{sv})", &id, &child))
    {
      Item *item = g_new0 (Item, 1);

      item->sources = self;
      item->id = id;
      item->options = child;
      g_ptr_array_add (copies, item);
      if (!find_files (self, item, error) || !make_patch (item, error))
        return NULL;
    }
  if (!vmp_batch_run (copies, VMP_BATCH_FILES, copy_item, NULL, stop_pace, self->pace, error)
      || !sync_targets (self, error))
    return NULL;
  g_variant_builder_init (&results, G_VARIANT_TYPE ("a(ua{sv})"));
  for (guint i = 0; i < copies->len; i++)
    {
      Item *item = g_ptr_array_index (copies, i);
      GVariantDict outcome;

      g_variant_dict_init (&outcome, NULL);
      if (item->target != NULL)
        {
          g_variant_dict_insert (&outcome, "Copied", "t", item->copied);
          g_variant_dict_insert (&outcome, "Cloned", "t", item->cloned);
        }
      g_variant_builder_add (&results, "(u@a{sv})", item->id, g_variant_dict_end (&outcome));
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
        return vmp_error_set_errno (error, errno, _ ("Cannot flush the folder of “%s”"),
                                    target->name);
    }
  return TRUE;
}
