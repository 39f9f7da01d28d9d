/* What libvirt tells no event of, heard from the folders in which it keeps it: autostart, snapshots,
 * and saved states that are removed (tried with libvirt 9.0).
 *
 *   <configuration>/autostart/<machine>.xml
 *   <state>/save/<machine>.save
 *   <state>/snapshot/<machine>/<snapshot>.xml
 *
 * libvirt makes some of them when it first needs them, so the folder above is watched as well: GIO
 * would look again and again for one that is not there. A change is but a reason to ask libvirt,
 * which holds a machine's lock while it changes any of this. */
#include "config.h"

#include "vmp-libvirt-watch.h"

#include <string.h>

#include "vmp-libvirt-reading.h"

struct _VmpLibvirtWatch
{
  char *configuration;
  char *state;
  VmpLibvirtWatchFunc func;
  gpointer data;
  gboolean watching; /* what is found from here on is new */
  GHashTable *monitors; /* path of a folder → GFileMonitor */
};

typedef enum
{
  FOLDER_OWN, /* libvirt's: its configuration, its state, or both in one */
  FOLDER_AUTOSTART,
  FOLDER_SAVE,
  FOLDER_SNAPSHOTS,
  FOLDER_SNAPSHOTS_OF_ONE,
} FolderKind;

static const struct
{
  const char *name;
  FolderKind kind;
} parts[] = {
  { "autostart", FOLDER_AUTOSTART },
  { "save", FOLDER_SAVE },
  { "snapshot", FOLDER_SNAPSHOTS },
};

static void add (VmpLibvirtWatch *self, const char *path, FolderKind kind);

static void
tell (VmpLibvirtWatch *self, const char *base, const char *suffix)
{
  g_autofree char *name = NULL;

  if (!g_str_has_suffix (base, suffix))
    return;
  name = g_strndup (base, strlen (base) - strlen (suffix));
  if (name[0] != '\0')
    self->func (name, self->data);
}

/* A folder that came or went. */
static void
follow (VmpLibvirtWatch *self, const char *path, FolderKind kind)
{
  if (g_file_test (path, G_FILE_TEST_IS_DIR))
    add (self, path, kind);
  else
    g_hash_table_remove (self->monitors, path);
}

/* Whose @path is, in a folder of that kind. */
static void
tell_of (VmpLibvirtWatch *self, const char *path, FolderKind kind)
{
  g_autofree char *base = g_path_get_basename (path);
  g_autofree char *folder = NULL;
  g_autofree char *machine = NULL;

  switch (kind)
    {
    case FOLDER_OWN:
      break;

    case FOLDER_AUTOSTART:
      tell (self, base, ".xml");
      break;

    case FOLDER_SAVE:
      tell (self, base, VMP_LIBVIRT_SAVE_SUFFIX);
      break;

    case FOLDER_SNAPSHOTS:
      tell (self, base, "");
      break;

    case FOLDER_SNAPSHOTS_OF_ONE:
      folder = g_path_get_dirname (path);
      machine = g_path_get_basename (folder);
      tell (self, machine, "");
      break;
    }
}

static void
note (VmpLibvirtWatch *self, GFile *file, FolderKind kind)
{
  const char *path = g_file_peek_path (file);
  g_autofree char *base = path != NULL ? g_path_get_basename (path) : NULL;

  if (path == NULL)
    return;
  for (gsize i = 0; kind == FOLDER_OWN && i < G_N_ELEMENTS (parts); i++)
    if (strcmp (base, parts[i].name) == 0)
      follow (self, path, parts[i].kind);
  if (kind == FOLDER_SNAPSHOTS)
    follow (self, path, FOLDER_SNAPSHOTS_OF_ONE);
  tell_of (self, path, kind);
}

static void
on_changed (GFileMonitor *monitor, GFile *file, GFile *other, GFileMonitorEvent event,
            gpointer data)
{
  VmpLibvirtWatch *self = data;
  FolderKind kind = GPOINTER_TO_INT (g_object_get_data (G_OBJECT (monitor), "vmp-folder"));

  switch (event)
    {
    case G_FILE_MONITOR_EVENT_CREATED:
    case G_FILE_MONITOR_EVENT_DELETED:
    case G_FILE_MONITOR_EVENT_MOVED_IN:
    case G_FILE_MONITOR_EVENT_MOVED_OUT:
    case G_FILE_MONITOR_EVENT_RENAMED:
    case G_FILE_MONITOR_EVENT_CHANGES_DONE_HINT:
      note (self, file, kind);
      if (other != NULL)
        note (self, other, kind);
      break;

    default:
      break; /* a saved state is written for as long as it takes */
    }
}

/* What is in @path already. It counts as new where the folder does: libvirt makes that, and the first
 * file in it, faster than anybody can watch. */
static void
add_children (VmpLibvirtWatch *self, const char *path, FolderKind kind)
{
  g_autoptr (GDir) dir = kind != FOLDER_OWN ? g_dir_open (path, 0, NULL) : NULL;
  const char *name;

  for (gsize i = 0; kind == FOLDER_OWN && i < G_N_ELEMENTS (parts); i++)
    {
      g_autofree char *child = g_build_filename (path, parts[i].name, NULL);

      follow (self, child, parts[i].kind);
    }
  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *child = g_build_filename (path, name, NULL);

      if (kind == FOLDER_SNAPSHOTS)
        follow (self, child, FOLDER_SNAPSHOTS_OF_ONE);
      if (self->watching)
        tell_of (self, child, kind);
    }
}

static void
add (VmpLibvirtWatch *self, const char *path, FolderKind kind)
{
  g_autoptr (GFile) folder = g_file_new_for_path (path);
  g_autoptr (GError) error = NULL;
  GFileMonitor *monitor;

  if (g_hash_table_contains (self->monitors, path))
    return;
  monitor = g_file_monitor_directory (folder, G_FILE_MONITOR_WATCH_MOVES, NULL, &error);
  if (monitor == NULL)
    {
      g_warning ("“%s” cannot be watched, changes that libvirt tells no event of are noticed late: %s",
                 path, error->message);
      return;
    }
  g_object_set_data (G_OBJECT (monitor), "vmp-folder", GINT_TO_POINTER (kind));
  g_signal_connect (monitor, "changed", G_CALLBACK (on_changed), self);
  g_hash_table_insert (self->monitors, g_strdup (path), monitor);
  add_children (self, path, kind);
}

static void
drop_monitor (gpointer data)
{
  g_signal_handlers_disconnect_matched (data, G_SIGNAL_MATCH_FUNC, 0, 0, NULL, on_changed, NULL);
  g_file_monitor_cancel (data);
  g_object_unref (data);
}

/* @func is called in the main thread. */
VmpLibvirtWatch *
vmp_libvirt_watch_new (const char *configuration, const char *state, VmpLibvirtWatchFunc func,
                       gpointer data)
{
  VmpLibvirtWatch *self = g_new0 (VmpLibvirtWatch, 1);

  self->configuration = g_strdup (configuration);
  self->state = g_strdup (state);
  self->func = func;
  self->data = data;
  self->monitors = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, drop_monitor);
  vmp_libvirt_watch_look (self);
  self->watching = TRUE;
  return self;
}

/* libvirt may have been installed since. */
void
vmp_libvirt_watch_look (VmpLibvirtWatch *self)
{
  follow (self, self->configuration, FOLDER_OWN);
  follow (self, self->state, FOLDER_OWN);
}

void
vmp_libvirt_watch_free (VmpLibvirtWatch *self)
{
  g_hash_table_unref (self->monitors);
  g_free (self->configuration);
  g_free (self->state);
  g_free (self);
}
