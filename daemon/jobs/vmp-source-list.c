/* The files that a worker is to read, gathered and sent in messages that are not too large. */
#include "config.h"

#include "vmp-source-list.h"

#include <string.h>

#include "vmp-error.h"
#include "vmp-fd.h"
#include "vmp-name.h"
#include "vmp-package.h"
#include "vmp-places.h"

typedef struct
{
  int fd;
  char *key; /* "Member", "Path", or NULL for a descriptor */
  char *path;
  char *format;
  VmpSourceFlags flags;
  char *backing;
  char *backing_format;
  char *state_xml;
  char *state_cookie;
  GVariant *reading;
  int handed; /* over by the worker, or -1 */
} Entry;

struct _VmpSourceList
{
  GPtrArray *entries;
  guint sent;
};

static void
entry_free (gpointer data)
{
  Entry *entry = data;

  vmp_fd_clear (&entry->fd);
  g_free (entry->key);
  g_free (entry->path);
  g_free (entry->format);
  g_free (entry->backing);
  g_free (entry->backing_format);
  g_free (entry->state_xml);
  g_free (entry->state_cookie);
  g_clear_pointer (&entry->reading, g_variant_unref);
  vmp_fd_clear (&entry->handed);
  g_free (entry);
}

VmpSourceList *
vmp_source_list_new (void)
{
  VmpSourceList *self = g_new0 (VmpSourceList, 1);

  self->entries = g_ptr_array_new_with_free_func (entry_free);
  return self;
}

void
vmp_source_list_free (VmpSourceList *self)
{
  g_ptr_array_unref (self->entries);
  g_free (self);
}

static guint
add (VmpSourceList *self, int fd, const char *key, const char *path, const char *format)
{
  Entry *entry = g_new0 (Entry, 1);

  entry->fd = fd;
  entry->handed = -1;
  entry->key = g_strdup (key);
  entry->path = g_strdup (path);
  entry->format = g_strdup (format);
  g_ptr_array_add (self->entries, entry);
  return self->entries->len - 1;
}

/* Takes @fd. */
guint
vmp_source_list_add_fd (VmpSourceList *self, int fd, const char *name, const char *format)
{
  return add (self, fd, NULL, name, format);
}

guint
vmp_source_list_add_path (VmpSourceList *self, const char *path, const char *format)
{
  return add (self, -1, "Path", path, format);
}

guint
vmp_source_list_add_member (VmpSourceList *self, const char *member, const char *format)
{
  return add (self, -1, "Member", member, format);
}

/* Before it is sent. */
void
vmp_source_list_set_flags (VmpSourceList *self, guint source, VmpSourceFlags flags)
{
  g_return_if_fail (source >= self->sent);

  ((Entry *) g_ptr_array_index (self->entries, source))->flags = flags;
}

/* The file itself where it was asked for with VMP_SOURCE_HAND_OVER and could be opened, else -1;
 * borrowed. */
int
vmp_source_list_get_fd (VmpSourceList *self, guint source)
{
  return ((Entry *) g_ptr_array_index (self->entries, source))->handed;
}

const char *
vmp_source_list_get_name (VmpSourceList *self, guint source)
{
  return ((Entry *) g_ptr_array_index (self->entries, source))->path;
}

void
vmp_source_list_set_backing (VmpSourceList *self, guint source, const char *backing,
                             const char *backing_format)
{
  Entry *entry = g_ptr_array_index (self->entries, source);

  g_free (entry->backing);
  g_free (entry->backing_format);
  entry->backing = g_strdup (backing);
  entry->backing_format = g_strdup (backing_format);
}

void
vmp_source_list_set_state (VmpSourceList *self, guint source, const char *xml, const char *cookie)
{
  Entry *entry = g_ptr_array_index (self->entries, source);

  entry->flags |= VMP_SOURCE_SAVE_IMAGE;
  g_free (entry->state_xml);
  g_free (entry->state_cookie);
  entry->state_xml = g_strdup (xml);
  entry->state_cookie = g_strdup (cookie);
}

static GVariant *
entry_to_options (Entry *entry, GUnixFDList *fds, GError **error)
{
  GVariantDict options;

  g_variant_dict_init (&options, NULL);
  g_variant_dict_insert (&options, "Name", "s", entry->path);
  if (entry->key != NULL && entry->handed < 0)
    g_variant_dict_insert (&options, entry->key, "s", entry->path);
  else
    {
      int handle = g_unix_fd_list_append (fds, entry->handed >= 0 ? entry->handed : entry->fd,
                                          error);

      if (handle < 0)
        {
          g_variant_dict_clear (&options);
          return NULL;
        }
      g_variant_dict_insert (&options, "Fd", "h", handle);
    }
  if (entry->format != NULL)
    g_variant_dict_insert (&options, "Format", "s", entry->format);
  if ((entry->flags & VMP_SOURCE_WRITABLE) != 0 && entry->handed < 0)
    g_variant_dict_insert (&options, "Writable", "b", TRUE);
  if ((entry->flags & VMP_SOURCE_HAND_OVER) != 0 && entry->handed < 0)
    g_variant_dict_insert (&options, "HandOver", "b", TRUE);
  if ((entry->flags & VMP_SOURCE_LOCK) != 0)
    g_variant_dict_insert (&options, "Lock", "b", TRUE);
  if ((entry->flags & VMP_SOURCE_SAVE_IMAGE) != 0)
    g_variant_dict_insert (&options, "SaveImage", "b", TRUE);
  if (entry->state_xml != NULL)
    g_variant_dict_insert (&options, "StateXml", "s", entry->state_xml);
  if (entry->state_cookie != NULL)
    g_variant_dict_insert (&options, "StateCookie", "s", entry->state_cookie);
  if (entry->backing != NULL)
    {
      g_variant_dict_insert (&options, "NewBackingFile", "s", entry->backing);
      g_variant_dict_insert (&options, "NewBackingFormat", "s", entry->backing_format);
    }
  return g_variant_dict_end (&options);
}

/* No file has more payload than bytes, or more bytes than a file can have: sums of such numbers do
 * not overflow. */
static gboolean
is_sensible (GVariant *reading)
{
  guint64 size = 0, payload = 0;

  g_variant_lookup (reading, "Size", "t", &size);
  g_variant_lookup (reading, "Payload", "t", &payload);
  return payload <= size && size <= G_MAXINT64 / VMP_PACKAGE_MAX_FILES;
}

static gboolean
take_handed (Entry *entry, gboolean wanted, GUnixFDList *fds, GError **error)
{
  gint32 handle;

  if (!wanted || entry->handed >= 0
      || g_variant_lookup (entry->reading, "ErrorName", "&s", NULL))
    return TRUE;
  if (!g_variant_lookup (entry->reading, "Fd", "h", &handle) || fds == NULL || handle < 0
      || handle >= g_unix_fd_list_get_length (fds))
    return vmp_error_set (error, VMPORT_ERROR_FAILED, "The worker hands over no file");
  entry->handed = g_unix_fd_list_get (fds, handle, error);
  return entry->handed >= 0 && vmp_fd_check_regular (entry->handed, entry->path, error);
}

static gboolean
take_readings (VmpSourceList *self, guint from, guint until, GVariant *reply, GUnixFDList *fds,
               gboolean opened, GError **error)
{
  g_autoptr (GVariant) readings = g_variant_get_child_value (reply, 0);
  GVariantIter iter;
  guint32 id;
  GVariant *reading;

  g_variant_iter_init (&iter, readings);
  while (g_variant_iter_next (&iter, "(u@a{sv})", &id, &reading))
    {
      Entry *entry;

      entry = id >= from && id < until ? g_ptr_array_index (self->entries, id) : NULL;
      if (entry == NULL || entry->reading != NULL || !is_sensible (reading))
        {
          g_variant_unref (reading);
          return vmp_error_set (error, VMPORT_ERROR_FAILED,
                                "The worker answered what cannot be, or was not asked about");
        }
      entry->reading = reading;
      if (!take_handed (entry,
                        opened ? (entry->flags & VMP_SOURCE_LOOK) == 0
                               : (entry->flags & VMP_SOURCE_HAND_OVER) != 0,
                        fds, error))
        return FALSE;
    }
  return TRUE;
}

static gboolean
check_all_read (VmpSourceList *self, guint from, guint until, GError **error)
{
  for (guint i = from; i < until; i++)
    if (((Entry *) g_ptr_array_index (self->entries, i))->reading == NULL)
      return vmp_error_set (error, VMPORT_ERROR_FAILED,
                            "The worker did not answer for a file that it was asked about");
  return TRUE;
}

static gboolean
is_elsewhere (Entry *entry)
{
  return g_strcmp0 (entry->key, "Path") == 0 && entry->path[0] == '/';
}

/* What a worker that only opens files is told: that of a file which is looked at alone is all that
 * anybody wants to know of it. */
static GVariant *
entry_to_opening (Entry *entry, GError **error)
{
  GVariantDict options;

  if ((entry->flags & VMP_SOURCE_LOOK) != 0)
    return entry_to_options (entry, NULL, error);
  g_variant_dict_init (&options, NULL);
  g_variant_dict_insert (&options, "Name", "s", entry->path);
  g_variant_dict_insert (&options, "Path", "s", entry->path);
  if ((entry->flags & VMP_SOURCE_WRITABLE) != 0)
    g_variant_dict_insert (&options, "Writable", "b", TRUE);
  /* It is of the open file, and lasts as long as anybody has that. */
  if ((entry->flags & VMP_SOURCE_LOCK) != 0)
    g_variant_dict_insert (&options, "Lock", "b", TRUE);
  g_variant_dict_insert (&options, "HandOver", "b", TRUE);
  return g_variant_dict_end (&options);
}

/* The reading of what could be opened, and is to be read, is for the other worker to give. */
static void
forget_openings (VmpSourceList *self, guint from, guint until)
{
  for (guint i = from; i < until; i++)
    {
      Entry *entry = g_ptr_array_index (self->entries, i);

      if (entry->handed >= 0)
        g_clear_pointer (&entry->reading, g_variant_unref);
    }
}

static gboolean
open_with (VmpSourceList *self, VmpWorkerHost *opener, guint from, guint until, GError **error)
{
  g_autoptr (GUnixFDList) fds_out = NULL;
  g_autoptr (GVariant) reply = NULL;
  GVariantBuilder sources;

  g_variant_builder_init (&sources, G_VARIANT_TYPE ("a(ua{sv})"));
  for (guint i = from; i < until; i++)
    {
      Entry *entry = g_ptr_array_index (self->entries, i);
      GVariant *options;

      if (!is_elsewhere (entry))
        continue;
      options = entry_to_opening (entry, error);
      if (options == NULL)
        {
          g_variant_builder_clear (&sources);
          return FALSE;
        }
      g_variant_builder_add (&sources, "(u@a{sv})", i, options);
    }
  reply = vmp_worker_host_call (opener, "AddSources", g_variant_new ("(a(ua{sv}))", &sources),
                                "(a(ua{sv}))", NULL, &fds_out, error);
  if (reply == NULL || !take_readings (self, from, until, reply, fds_out, TRUE, error))
    return FALSE;
  for (guint i = from; i < until; i++)
    if (is_elsewhere (g_ptr_array_index (self->entries, i))
        && !check_all_read (self, i, i + 1, error))
      return FALSE;
  forget_openings (self, from, until);
  return TRUE;
}

static gboolean
open_elsewhere (VmpSourceList *self, VmpWorkerHost *worker, guint from, guint until,
                GError **error)
{
  g_autoptr (VmpPlaces) places = vmp_places_new ();
  g_autoptr (VmpWorkerHost) opener = NULL;
  gboolean any = FALSE, done;

  for (guint i = from; i < until; i++)
    {
      Entry *entry = g_ptr_array_index (self->entries, i);

      if (!is_elsewhere (entry))
        continue;
      any = TRUE;
      vmp_places_add (places, entry->path,
                      (entry->flags & VMP_SOURCE_WRITABLE) != 0 ? VMP_PLACE_CHANGE
                                                                : VMP_PLACE_READ);
    }
  if (!any)
    return TRUE;
  opener = vmp_worker_host_start_another (worker, places, error);
  if (opener == NULL)
    return FALSE;
  done = open_with (self, opener, from, until, error);
  vmp_worker_host_stop (opener);
  return done;
}

/* What nobody has read yet. */
static gboolean
read_with (VmpSourceList *self, VmpWorkerHost *worker, guint from, guint until, GError **error)
{
  g_autoptr (GUnixFDList) fds = g_unix_fd_list_new ();
  g_autoptr (GUnixFDList) fds_out = NULL;
  g_autoptr (GVariant) reply = NULL;
  GVariantBuilder sources;

  g_variant_builder_init (&sources, G_VARIANT_TYPE ("a(ua{sv})"));
  for (guint i = from; i < until; i++)
    {
      Entry *entry = g_ptr_array_index (self->entries, i);
      GVariant *options;

      if (entry->reading != NULL)
        continue;
      options = entry_to_options (entry, fds, error);
      if (options == NULL)
        {
          g_variant_builder_clear (&sources);
          return FALSE;
        }
      g_variant_builder_add (&sources, "(u@a{sv})", i, options);
      /* The message has a copy; this one is not needed again. */
      vmp_fd_clear (&entry->fd);
      if ((entry->flags & VMP_SOURCE_HAND_OVER) == 0)
        vmp_fd_clear (&entry->handed);
    }
  reply = vmp_worker_host_call (worker, "AddSources", g_variant_new ("(a(ua{sv}))", &sources),
                                "(a(ua{sv}))", fds, &fds_out, error);
  return reply != NULL && take_readings (self, from, until, reply, fds_out, FALSE, error)
         && check_all_read (self, from, until, error);
}

/* Sends what was added since the last time and takes the readings. */
gboolean
vmp_source_list_send (VmpSourceList *self, VmpWorkerHost *worker, GError **error)
{
  while (self->sent < self->entries->len)
    {
      guint until = MIN (self->entries->len, self->sent + VMP_WORKER_MAX_FDS);

      if (!open_elsewhere (self, worker, self->sent, until, error)
          || !read_with (self, worker, self->sent, until, error))
        return FALSE;
      self->sent = until;
    }
  return TRUE;
}

GVariant *
vmp_source_list_get_reading (VmpSourceList *self, guint source)
{
  return ((Entry *) g_ptr_array_index (self->entries, source))->reading;
}

/* FALSE with the worker's own error where the file cannot be read. */
gboolean
vmp_source_list_check (VmpSourceList *self, guint source, GError **error)
{
  return vmp_worker_host_check_reading (vmp_source_list_get_reading (self, source), error);
}

guint64
vmp_source_list_get_payload (VmpSourceList *self, guint source)
{
  guint64 payload = 0;

  g_variant_lookup (vmp_source_list_get_reading (self, source), "Payload", "t", &payload);
  return payload;
}

gboolean
vmp_reading_has_snapshot (GVariant *reading, const char *name, gboolean *memory)
{
  g_autoptr (GVariant) table = g_variant_lookup_value (reading, "SnapshotTable",
                                                       G_VARIANT_TYPE ("a(stt)"));
  const char *listed;
  guint64 memory_size;
  GVariantIter iter;

  if (table == NULL)
    return FALSE;
  g_variant_iter_init (&iter, table);
  while (g_variant_iter_next (&iter, "(&stt)", &listed, NULL, &memory_size))
    if (strcmp (listed, name) == 0)
      {
        *memory = *memory || memory_size > 0;
        return TRUE;
      }
  return FALSE;
}
