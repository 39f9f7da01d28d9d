/* Which virtual machine is in which security scope: the daemon's own record, and the scopes that
 * are defined, by the configuration or by the authorization store.
 *
 * The record is the text of an a(sssu), a machine on each line: its manager, its UUID, its scope, and
 * the number of the import that put it there, or 0. A machine that is gone keeps its line, for it may
 * come back, until vmport itself deletes it. The file is replaced as a whole and flushed; where it
 * cannot be read, the daemon does not start, for all machines would seem to be in the default
 * scope. */
#include "config.h"

#include "vmp-scopes.h"

#include <fcntl.h>
#include <glib/gi18n-lib.h>
#include <string.h>

#include "vmp-at.h"
#include "vmp-error.h"
#include "vmp-fd.h"
#include "vmp-name.h"

#define RECORD_FILE "scopes"
#define RECORD_TYPE "a(sssu)"
/* What vmp_at_replace() writes before it is renamed. */
#define TEMPORARY_PREFIX "." RECORD_FILE "."
#define MAX_RECORD_BYTES (16 * 1024 * 1024)

typedef struct
{
  char *manager;
  char *uuid;
  char *scope; /* "" for the default one */
  guint job;
} Entry;

struct _VmpScopes
{
  GObject parent_instance;
  int dirfd;
  VmpScopeStore *store; /* or NULL */
  /* Held by whoever changes the record, over the writing of it too. They alone replace `entries`,
   * so with it they may read them. */
  GMutex writing;
  gboolean unsure; /* does the file hold what `entries` hold? */
  /* Held for moments: what follows. */
  GMutex lock;
  GHashTable *entries; /* set of Entry */
  GStrv defined;
};

G_DEFINE_FINAL_TYPE (VmpScopes, vmp_scopes, G_TYPE_OBJECT)

static Entry *
entry_new (const char *manager, const char *uuid, const char *scope, guint job)
{
  Entry *entry = g_new0 (Entry, 1);

  entry->manager = g_strdup (manager);
  entry->uuid = g_strdup (uuid);
  entry->scope = g_strdup (scope);
  entry->job = job;
  return entry;
}

static void
entry_free (gpointer data)
{
  Entry *entry = data;

  g_free (entry->manager);
  g_free (entry->uuid);
  g_free (entry->scope);
  g_free (entry);
}

static guint
entry_hash (gconstpointer data)
{
  const Entry *entry = data;

  return g_str_hash (entry->uuid) ^ g_str_hash (entry->manager);
}

static gboolean
entry_equal (gconstpointer a, gconstpointer b)
{
  const Entry *first = a, *second = b;

  return strcmp (first->uuid, second->uuid) == 0 && strcmp (first->manager, second->manager) == 0;
}

static gint
compare_entries (gconstpointer a, gconstpointer b)
{
  const Entry *first = *(const Entry *const *) a, *second = *(const Entry *const *) b;
  int order = strcmp (first->manager, second->manager);

  return order != 0 ? order : strcmp (first->uuid, second->uuid);
}

static GHashTable *
entries_new (void)
{
  return g_hash_table_new_full (entry_hash, entry_equal, entry_free, NULL);
}

static const Entry *
find_entry (GHashTable *entries, const char *manager, const char *uuid)
{
  const Entry key = { .manager = (char *) manager, .uuid = (char *) uuid };

  return g_hash_table_lookup (entries, &key);
}

static void
vmp_scopes_finalize (GObject *object)
{
  VmpScopes *self = VMP_SCOPES (object);

  vmp_fd_clear (&self->dirfd);
  g_clear_object (&self->store);
  g_mutex_clear (&self->writing);
  g_mutex_clear (&self->lock);
  g_hash_table_unref (self->entries);
  g_strfreev (self->defined);
  G_OBJECT_CLASS (vmp_scopes_parent_class)->finalize (object);
}

static void
vmp_scopes_class_init (VmpScopesClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = vmp_scopes_finalize;
}

static void
vmp_scopes_init (VmpScopes *self)
{
  self->dirfd = -1;
  g_mutex_init (&self->writing);
  g_mutex_init (&self->lock);
  self->entries = entries_new ();
  self->defined = g_new0 (char *, 1);
}

static gboolean
take_entries (VmpScopes *self, GVariant *record, GError **error)
{
  GVariantIter iter;
  const char *manager, *uuid, *scope;
  guint32 job;

  g_variant_iter_init (&iter, record);
  while (g_variant_iter_next (&iter, "(&s&s&su)", &manager, &uuid, &scope, &job))
    {
      if (!vmp_name_is_component (manager) || !vmp_name_is_uuid (uuid)
          || (scope[0] != '\0' && !vmp_name_is_scope (scope)))
        return vmp_error_set (error, VMPORT_ERROR_CORRUPT,
                              _ ("(“%s”, “%s”, “%s”) is no manager, id and scope"), manager, uuid,
                              scope);
      if (!g_hash_table_add (self->entries, entry_new (manager, uuid, scope, job)))
        return vmp_error_set (error, VMPORT_ERROR_CORRUPT, _ ("The machine %s stands in it twice"),
                              uuid);
    }
  return TRUE;
}

static gboolean
read_record (VmpScopes *self, GError **error)
{
  g_autoptr (GError) local_error = NULL;
  g_autoptr (GBytes) content = vmp_at_read (self->dirfd, RECORD_FILE, MAX_RECORD_BYTES,
                                            &local_error);
  g_autoptr (GVariant) record = NULL;
  const char *text;
  gsize size;

  if (g_error_matches (local_error, VMPORT_ERROR, VMPORT_ERROR_NOT_FOUND))
    return TRUE; /* no machine was ever put into a scope */
  if (content == NULL)
    {
      g_propagate_error (error, g_steal_pointer (&local_error));
      return FALSE;
    }
  text = g_bytes_get_data (content, &size);
  if (size == 0 || !g_utf8_validate (text, (gssize) size, NULL))
    return vmp_error_set (error, VMPORT_ERROR_CORRUPT, _ ("It is empty, or not text"));
  record = g_variant_parse (G_VARIANT_TYPE (RECORD_TYPE), text, text + size, NULL, error);
  return record != NULL && take_entries (self, record, error);
}

/* Replacements that were cut short; the record itself is whole. */
static gboolean
remove_temporary (VmpScopes *self, GError **error)
{
  g_autoptr (GPtrArray) names = vmp_at_list (self->dirfd, ".", G_MAXUINT, error);

  if (names == NULL)
    return FALSE;
  for (guint i = 0; i < names->len; i++)
    {
      const char *name = g_ptr_array_index (names, i);

      if (g_str_has_prefix (name, TEMPORARY_PREFIX)
          && vmp_name_is_token (name + strlen (TEMPORARY_PREFIX))
          && !vmp_at_remove_tree (self->dirfd, name, error))
        return FALSE;
    }
  return TRUE;
}

/* Reads the record. @defined are the names of the scopes that machines can be put into. */
VmpScopes *
vmp_scopes_open (const char *state_directory, const char *const *defined, GError **error)
{
  g_autoptr (VmpScopes) self = g_object_new (VMP_TYPE_SCOPES, NULL);
  g_autoptr (GError) local_error = NULL;

  vmp_scopes_set_defined (self, defined);
  self->dirfd = vmp_at_open_absolute (state_directory, O_RDONLY | O_DIRECTORY, error);
  if (self->dirfd < 0 || !remove_temporary (self, error))
    return NULL;
  if (read_record (self, &local_error))
    return g_steal_pointer (&self);
  vmp_error_set (error, VMPORT_ERROR_CORRUPT,
                 _ ("The record of security scopes, “%s/%s”, cannot be used: %s. Put a good copy in "
                    "its place: without it, machines would be open to those who may not see them"),
                 state_directory, RECORD_FILE, local_error->message);
  return NULL;
}

/* Replaces the list of scopes that machines can be put into. One that is in another scope stays
 * there. */
void
vmp_scopes_set_defined (VmpScopes *self, const char *const *defined)
{
  GStrv before;

  g_mutex_lock (&self->lock);
  before = self->defined;
  self->defined = g_strdupv ((GStrv) defined);
  g_mutex_unlock (&self->lock);
  g_strfreev (before);
}

/* The scopes of an authorization store are defined too. Before the daemon serves anybody. */
void
vmp_scopes_set_store (VmpScopes *self, VmpScopeStore *store)
{
  g_set_object (&self->store, store);
}

/* FALSE where the authorization store was changed, and polkit does not go by it yet. */
gboolean
vmp_scopes_are_in_force (VmpScopes *self)
{
  return self->store == NULL || vmp_scope_store_is_in_force (self->store);
}

static GStrv
list_configured (VmpScopes *self)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->lock);

  return g_strdupv (self->defined);
}

/* The names, without that of the default scope, which has none: those of the configuration, then
 * those of the store. */
GStrv
vmp_scopes_list_defined (VmpScopes *self)
{
  g_auto (GStrv) configured = list_configured (self);
  g_auto (GStrv) stored = self->store != NULL ? vmp_scope_store_list (self->store) : NULL;
  g_autoptr (GStrvBuilder) names = g_strv_builder_new ();

  g_strv_builder_addv (names, (const char **) configured);
  for (gsize i = 0; stored != NULL && stored[i] != NULL; i++)
    if (!g_strv_contains ((const char *const *) configured, stored[i]))
      g_strv_builder_add (names, stored[i]);
  return g_strv_builder_end (names);
}

/* The default scope, "", always is. */
gboolean
vmp_scopes_is_defined (VmpScopes *self, const char *scope)
{
  g_auto (GStrv) names = scope[0] != '\0' ? vmp_scopes_list_defined (self) : NULL;

  return names == NULL || g_strv_contains ((const char *const *) names, scope);
}

/* Or InvalidParameter, naming it. */
gboolean
vmp_scopes_check_defined (VmpScopes *self, const char *scope, GError **error)
{
  if (vmp_scopes_is_defined (self, scope))
    return TRUE;
  return vmp_error_set (error, VMPORT_ERROR_INVALID_PARAMETER,
                        _ ("There is no security scope “%s”; see ListSecurityScopes"), scope);
}

/* The scope of a machine, or NULL where none was ever recorded. */
char *
vmp_scopes_lookup (VmpScopes *self, const char *manager, const char *uuid)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->lock);
  const Entry *entry = find_entry (self->entries, manager, uuid);

  return entry != NULL ? g_strdup (entry->scope) : NULL;
}

static GBytes *
print_entries (GHashTable *entries)
{
  g_autoptr (GPtrArray) sorted = g_ptr_array_sized_new (g_hash_table_size (entries));
  GString *text = g_string_new ("[");
  GHashTableIter iter;
  gpointer entry;

  g_hash_table_iter_init (&iter, entries);
  while (g_hash_table_iter_next (&iter, &entry, NULL))
    g_ptr_array_add (sorted, entry);
  g_ptr_array_sort (sorted, compare_entries);
  for (guint i = 0; i < sorted->len; i++)
    {
      const Entry *one = g_ptr_array_index (sorted, i);
      g_autoptr (GVariant) line = g_variant_ref_sink (
          g_variant_new ("(sssu)", one->manager, one->uuid, one->scope, (guint32) one->job));

      g_string_append (text, i > 0 ? ",\n " : "\n ");
      g_variant_print_string (line, text, FALSE);
    }
  g_string_append (text, "\n]\n");
  return g_string_free_to_bytes (text);
}

static gboolean
write_entries (VmpScopes *self, GHashTable *entries, GError **error)
{
  g_autoptr (GBytes) content = print_entries (entries);

  if (g_bytes_get_size (content) > MAX_RECORD_BYTES)
    return vmp_error_set (error, VMPORT_ERROR_NO_SPACE,
                          _ ("“%s” has grown too large; remove the lines of machines that are gone "
                             "from it"),
                          RECORD_FILE);
  return vmp_at_replace (self->dirfd, RECORD_FILE, content, 0600, error);
}

static GHashTable *
copy_entries (GHashTable *entries)
{
  GHashTable *copy = entries_new ();
  GHashTableIter iter;
  gpointer data;

  g_hash_table_iter_init (&iter, entries);
  while (g_hash_table_iter_next (&iter, &data, NULL))
    {
      const Entry *entry = data;

      g_hash_table_add (copy, entry_new (entry->manager, entry->uuid, entry->scope, entry->job));
    }
  return copy;
}

/* With `writing` held. Where a write failed, the file may be the one or the other. */
static gboolean
make_sure (VmpScopes *self, GError **error)
{
  if (self->unsure && !write_entries (self, self->entries, error))
    return FALSE;
  self->unsure = FALSE;
  return TRUE;
}

/* With `writing` held. @scope NULL: no record of the machine. */
static gboolean
change (VmpScopes *self, const char *manager, const char *uuid, const char *scope, guint job,
        GError **error)
{
  g_autoptr (GHashTable) before = NULL;
  g_autoptr (GHashTable) now = copy_entries (self->entries);
  const Entry key = { .manager = (char *) manager, .uuid = (char *) uuid };

  if (scope != NULL)
    g_hash_table_add (now, entry_new (manager, uuid, scope, job));
  else
    g_hash_table_remove (now, &key);
  if (!write_entries (self, now, error))
    {
      self->unsure = TRUE;
      make_sure (self, NULL);
      g_prefix_error (error, _ ("The security scope of %s cannot be recorded: "), uuid);
      return FALSE;
    }
  g_mutex_lock (&self->lock);
  before = self->entries;
  self->entries = g_steal_pointer (&now);
  g_mutex_unlock (&self->lock);
  return TRUE;
}

/* Records that a machine is in @scope, which need not be defined. @job: the import that makes the
 * machine, and may have to take this back, or VMP_SCOPES_NO_JOB. Blocking. */
gboolean
vmp_scopes_set (VmpScopes *self, const char *manager, const char *uuid, const char *scope,
                guint job, GError **error)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->writing);
  const Entry *entry = find_entry (self->entries, manager, uuid);

  if (!make_sure (self, error))
    return FALSE;
  if (entry != NULL && entry->job == job && strcmp (entry->scope, scope) == 0)
    return TRUE;
  return change (self, manager, uuid, scope, job, error);
}

/* Records the scope of a machine that was never seen before; a record that there is holds. Blocking. */
gboolean
vmp_scopes_add (VmpScopes *self, const char *manager, const char *uuid, const char *scope,
                GError **error)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->writing);

  if (!make_sure (self, error))
    return FALSE;
  if (find_entry (self->entries, manager, uuid) != NULL)
    return TRUE;
  return change (self, manager, uuid, scope, VMP_SCOPES_NO_JOB, error);
}

/* Takes back what @job recorded: the machine is as it was @before, NULL for no record. What somebody
 * else recorded since stays. Blocking. */
gboolean
vmp_scopes_take_back (VmpScopes *self, const char *manager, const char *uuid, guint job,
                      const char *before, GError **error)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->writing);
  const Entry *entry = find_entry (self->entries, manager, uuid);

  if (!make_sure (self, error))
    return FALSE;
  if (entry == NULL || entry->job != job)
    return TRUE;
  return change (self, manager, uuid, before, VMP_SCOPES_NO_JOB, error);
}

/* Forgets a machine that was deleted. Blocking. */
gboolean
vmp_scopes_drop (VmpScopes *self, const char *manager, const char *uuid, GError **error)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->writing);

  if (!make_sure (self, error))
    return FALSE;
  if (find_entry (self->entries, manager, uuid) == NULL)
    return TRUE;
  return change (self, manager, uuid, NULL, VMP_SCOPES_NO_JOB, error);
}
