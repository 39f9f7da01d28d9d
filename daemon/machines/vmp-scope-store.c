/* The scopes that an authorization store defines, and whether polkit goes by that store: read again
 * where the files have changed. A store that cannot be read leaves what the last good one said. */
#include "config.h"

#include "vmp-scope-store.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "vmp-at.h"
#include "vmp-azman-rules.h"
#include "vmp-fd.h"

#define MAX_RULES_BYTES (64 * 1024 * 1024)

/* Which content a path had. */
typedef struct
{
  gboolean is_there;
  dev_t device;
  ino_t inode;
  off_t size;
  struct timespec changed;
} Seen;

struct _VmpScopeStore
{
  GObject parent_instance;
  char *path;
  char *rules_path; /* NULL where nobody asks polkit */
  /* Held by whoever reads the files, over that too. They alone change what follows. */
  GMutex reading;
  Seen seen;
  Seen rules_seen;
  /* Held for moments: what follows. */
  GMutex lock;
  GStrv names;
  gboolean in_force;
  /* With `reading`. */
  char *digest;       /* of the store; NULL where it is not there or cannot be read */
  char *rules_digest; /* of the one that the rules were compiled from, or NULL */
};

G_DEFINE_FINAL_TYPE (VmpScopeStore, vmp_scope_store, G_TYPE_OBJECT)

static void
vmp_scope_store_finalize (GObject *object)
{
  VmpScopeStore *self = VMP_SCOPE_STORE (object);

  g_free (self->path);
  g_free (self->rules_path);
  g_mutex_clear (&self->reading);
  g_mutex_clear (&self->lock);
  g_strfreev (self->names);
  g_free (self->digest);
  g_free (self->rules_digest);
  G_OBJECT_CLASS (vmp_scope_store_parent_class)->finalize (object);
}

static void
vmp_scope_store_class_init (VmpScopeStoreClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = vmp_scope_store_finalize;
}

static void
vmp_scope_store_init (VmpScopeStore *self)
{
  g_mutex_init (&self->reading);
  g_mutex_init (&self->lock);
  self->names = g_new0 (char *, 1);
}

/* FALSE where it is as it was seen. */
static gboolean
look (const char *path, Seen *seen)
{
  struct stat st;
  Seen now = { .is_there = stat (path, &st) == 0 };
  gboolean same;

  if (now.is_there)
    {
      now.device = st.st_dev;
      now.inode = st.st_ino;
      now.size = st.st_size;
      now.changed = st.st_ctim;
    }
  same = now.is_there == seen->is_there && now.device == seen->device && now.inode == seen->inode
         && now.size == seen->size && now.changed.tv_sec == seen->changed.tv_sec
         && now.changed.tv_nsec == seen->changed.tv_nsec;
  *seen = now;
  return !same;
}

static GBytes *
read_file (const char *path, gsize max, GError **error)
{
  vmp_autofd int fd = vmp_at_open_absolute (path, O_RDONLY, error);
  g_autofree char *what = g_strdup_printf ("“%s”", path);

  return fd >= 0 ? vmp_fd_read_all (fd, max, what, error) : NULL;
}

/* Takes @names. */
static void
set_names (VmpScopeStore *self, GStrv names)
{
  GStrv before;

  g_mutex_lock (&self->lock);
  before = self->names;
  self->names = names;
  g_mutex_unlock (&self->lock);
  g_strfreev (before);
}

/* With `reading`. */
static void
read_store (VmpScopeStore *self)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) bytes = NULL;
  g_autoptr (VmpAzman) azman = NULL;

  g_clear_pointer (&self->digest, g_free);
  if (!self->seen.is_there)
    {
      set_names (self, g_new0 (char *, 1));
      return;
    }
  bytes = read_file (self->path, VMP_AZMAN_MAX_BYTES, &error);
  if (bytes != NULL)
    azman = vmp_azman_parse (bytes, VMP_AZMAN_APPLICATION, self->path, &error);
  if (azman == NULL)
    {
      g_message ("The authorization store cannot be used, and the scopes of the last good one stay "
                 "defined: %s",
                 error->message);
      return;
    }
  set_names (self, vmp_azman_list_scopes (azman));
  self->digest = g_strdup (azman->digest);
}

/* With `reading`. */
static void
read_rules (VmpScopeStore *self)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) bytes = NULL;
  gsize size;
  const char *text;

  g_clear_pointer (&self->rules_digest, g_free);
  if (!self->rules_seen.is_there)
    return;
  bytes = read_file (self->rules_path, MAX_RULES_BYTES, &error);
  if (bytes == NULL)
    {
      g_message ("The rules of the authorization store cannot be read: %s", error->message);
      return;
    }
  text = g_bytes_get_data (bytes, &size);
  self->rules_digest = text != NULL ? vmp_azman_read_digest (text, size) : NULL;
}

/* With `reading`. Without either file there is nothing that could be in force. */
static gboolean
is_in_force (VmpScopeStore *self)
{
  if (self->rules_path == NULL || (!self->seen.is_there && !self->rules_seen.is_there))
    return TRUE;
  return self->digest != NULL && g_strcmp0 (self->digest, self->rules_digest) == 0;
}

/* With `reading`. */
static void
complain (VmpScopeStore *self)
{
  if (!self->rules_seen.is_there)
    g_message ("The authorization store “%s” is not compiled, so nobody has a right by it until "
               "“vmportctl scope compile”",
               self->path);
  else if (!self->seen.is_there)
    g_message ("The authorization store “%s” is gone: what was compiled last stays in force. Put it "
               "back, or remove “%s”",
               self->path, self->rules_path);
  else
    g_message ("The authorization store “%s” is not the one that polkit goes by: what was compiled "
               "last stays in force until “vmportctl scope compile”",
               self->path);
}

/* Reads again what has changed. Blocking: half a second for the largest store. */
void
vmp_scope_store_refresh (VmpScopeStore *self)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->reading);
  gboolean changed = look (self->path, &self->seen);
  gboolean rules_changed = self->rules_path != NULL && look (self->rules_path, &self->rules_seen);

  if (changed)
    read_store (self);
  if (rules_changed)
    read_rules (self);
  if (!changed && !rules_changed)
    return;
  g_mutex_lock (&self->lock);
  self->in_force = is_in_force (self);
  g_mutex_unlock (&self->lock);
  if (!self->in_force)
    complain (self);
}

static void
refresh_in_thread (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  vmp_scope_store_refresh (source);
  g_task_return_boolean (task, TRUE);
}

/* For the main thread. It always succeeds: what cannot be read leaves what was known. */
void
vmp_scope_store_refresh_async (VmpScopeStore *self, GAsyncReadyCallback callback,
                               gpointer user_data)
{
  g_autoptr (GTask) task = g_task_new (self, NULL, callback, user_data);

  g_task_set_source_tag (task, vmp_scope_store_refresh_async);
  g_task_run_in_thread (task, refresh_in_thread);
}

/* @rules_path is where the rules are that polkit reads, or NULL where polkit is not asked. Neither
 * file need be there. Blocking. */
VmpScopeStore *
vmp_scope_store_new (const char *path, const char *rules_path)
{
  VmpScopeStore *self = g_object_new (VMP_TYPE_SCOPE_STORE, NULL);

  self->path = g_strdup (path);
  self->rules_path = g_strdup (rules_path);
  self->in_force = TRUE; /* as long as there is neither file */
  vmp_scope_store_refresh (self);
  return self;
}

/* As they were read last; sorted by bytes. */
GStrv
vmp_scope_store_list (VmpScopeStore *self)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->lock);

  return g_strdupv (self->names);
}

/* FALSE where the store was changed, or brought, and not compiled when it was read last. */
gboolean
vmp_scope_store_is_in_force (VmpScopeStore *self)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->lock);

  return self->in_force;
}
