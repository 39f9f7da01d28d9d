/* A job's own thread: what its work may ask for. */
#include "config.h"

#include "vmp-run.h"

#include <glib/gi18n-lib.h>
#include <string.h>

#include "vmp-error.h"
#include "vmp-scope-change.h"

/* So often it is tried to take something back: with the default of LeftoverRetrySec= for a month, on any
 * clock. A folder that its owner has removed since looks just like one that was moved away. */
#define MAX_TRIES 10000

struct _VmpRun
{
  VmpJob *job;
  VmpMachines *machines;
  VmpIdentity *identity; /* NULL where a job came back from a record and nobody was needed yet */
  VmpFolder *folder; /* NULL for a job that is about none, or that came back from a record */
  VmpRecords *records;
  const VmpWorkerConfig *config;
  GCancellable *cancellable;
  GPtrArray *undo; /* of GVariant a{sv} */
  gboolean told; /* the log, of what cannot be taken back */
  char *defined;
  gulong control_handler;
  GDBusConnection *followed; /* of the main thread */
};

/* @identity may be NULL for what is only to be taken back: the user database may be away, too. */
VmpRun *
vmp_run_new (VmpJob *job, VmpMachines *machines, VmpIdentity *identity, VmpRecords *records,
             const VmpWorkerConfig *config)
{
  VmpRun *self = g_new0 (VmpRun, 1);

  self->job = g_object_ref (job);
  self->machines = machines != NULL ? g_object_ref (machines) : NULL;
  self->identity = identity != NULL ? vmp_identity_ref (identity) : NULL;
  self->records = records;
  self->config = config;
  self->cancellable = g_object_ref (vmp_job_get_cancellable (job));
  self->undo = g_ptr_array_new_with_free_func ((GDestroyNotify) g_variant_unref);
  return self;
}

void
vmp_run_free (VmpRun *self)
{
  g_object_unref (self->job);
  g_clear_object (&self->machines);
  g_clear_pointer (&self->identity, vmp_identity_unref);
  g_clear_pointer (&self->folder, vmp_folder_unref);
  g_object_unref (self->cancellable);
  g_ptr_array_unref (self->undo);
  g_free (self->defined);
  g_free (self);
}

VmpJob *
vmp_run_get_job (VmpRun *self)
{
  return self->job;
}

guint
vmp_run_get_number (VmpRun *self)
{
  return vmp_job_get_number (self->job);
}

VmpMachines *
vmp_run_get_machines (VmpRun *self)
{
  return self->machines;
}

VmpIdentity *
vmp_run_get_identity (VmpRun *self)
{
  return self->identity;
}

/* The folder that the job is about, so that it can be cleaned up there; @folder may be NULL. */
void
vmp_run_set_folder (VmpRun *self, VmpFolder *folder)
{
  g_clear_pointer (&self->folder, vmp_folder_unref);
  self->folder = folder != NULL ? vmp_folder_ref (folder) : NULL;
}

typedef struct
{
  VmpMainFunc func;
  gpointer data;
  GMutex mutex;
  GCond done_cond;
  gboolean done;
} MainCall;

static gboolean
on_main (gpointer data)
{
  MainCall *call = data;

  call->func (call->data);
  g_mutex_lock (&call->mutex);
  call->done = TRUE;
  g_cond_signal (&call->done_cond);
  g_mutex_unlock (&call->mutex);
  return G_SOURCE_REMOVE;
}

/* Runs @func in the main thread and waits for it. Not from the main thread. */
void
vmp_run_in_main (VmpMainFunc func, gpointer data)
{
  MainCall call = { .func = func, .data = data };

  g_mutex_init (&call.mutex);
  g_cond_init (&call.done_cond);
  g_idle_add_full (G_PRIORITY_DEFAULT, on_main, &call, NULL);
  g_mutex_lock (&call.mutex);
  while (!call.done)
    g_cond_wait (&call.done_cond, &call.mutex);
  g_mutex_unlock (&call.mutex);
  g_mutex_clear (&call.mutex);
  g_cond_clear (&call.done_cond);
}

gboolean
vmp_run_is_cancelled (VmpRun *self, GError **error)
{
  if (!g_cancellable_is_cancelled (self->cancellable))
    return FALSE;
  vmp_error_set (error, VMPORT_ERROR_CANCELLED, _ ("The job was cancelled"));
  return TRUE;
}

/* A worker as the job's caller, which opens files in @places alone. */
VmpWorkerHost *
vmp_run_start_worker (VmpRun *self, VmpPlaces *places, GError **error)
{
  return vmp_worker_host_start (self->config, self->identity, places, self->cancellable, error);
}

static VmpWorkerHost *
start_as_nobody (VmpRun *self, VmpPlaces *places, GError **error)
{
  g_autoptr (VmpIdentity) identity = NULL;

  if (self->config->service_user == NULL)
    identity = vmp_identity_ref (self->identity);
  else
    identity = vmp_identity_new_for_name (self->config->service_user, error);
  if (identity == NULL)
    return NULL;
  return vmp_worker_host_start (self->config, identity, places, self->cancellable, error);
}

/* A worker that is nobody's: it has no connection to the caller, opens no file, and what it says of
 * finished files is what is believed. */
VmpWorkerHost *
vmp_run_start_inspector (VmpRun *self, GError **error)
{
  return start_as_nobody (self, NULL, error);
}

/* One that may start a program of the host's, QEMU, beside what it is handed. */
VmpWorkerHost *
vmp_run_start_block (VmpRun *self, GError **error)
{
  g_autoptr (VmpPlaces) places = vmp_places_new ();

  for (gsize i = 0; vmp_landlock_programs[i] != NULL; i++)
    vmp_places_add (places, vmp_landlock_programs[i], VMP_PLACE_RUN);
  vmp_places_add (places, "/dev/null", VMP_PLACE_CHANGE);
  vmp_places_add (places, "/dev/urandom", VMP_PLACE_READ);
  /* QEMU's server listens for a moment. */
  vmp_places_add (places, g_get_tmp_dir (), VMP_PLACE_MEET);
  return start_as_nobody (self, places, error);
}

static void
on_worker_progress (guint64 done, const char *phase, const char *file, gpointer data)
{
  VmpRun *self = data;

  vmp_job_post_progress (self->job, done, phase, file);
}

/* In the main thread: what the owner of the job asks for goes on to the worker. */
static void
tell_worker (VmpRun *self)
{
  if (self->followed == NULL)
    return;
  g_dbus_connection_call (self->followed, NULL, "/org/vmport/Worker", "org.vmport.Worker",
                          "SetLimit", g_variant_new ("(t)", vmp_job_get_limit (self->job)), NULL,
                          G_DBUS_CALL_FLAGS_NONE, -1, NULL, NULL, NULL);
  g_dbus_connection_call (self->followed, NULL, "/org/vmport/Worker", "org.vmport.Worker", "Hold",
                          g_variant_new ("(b)", vmp_job_is_held (self->job)), NULL,
                          G_DBUS_CALL_FLAGS_NONE, -1, NULL, NULL, NULL);
}

static void
on_control (VmpJob *job, gpointer data)
{
  tell_worker (data);
}

static void
follow_in_main (gpointer data)
{
  VmpRun *self = data;

  self->control_handler = g_signal_connect (self->job, "control", G_CALLBACK (on_control), self);
  tell_worker (self);
}

static void
unfollow_in_main (gpointer data)
{
  VmpRun *self = data;

  g_clear_signal_handler (&self->control_handler, self->job);
  g_clear_object (&self->followed);
}

/* From here on the worker's progress is the job's, and the job's limit the worker's. */
void
vmp_run_follow (VmpRun *self, VmpWorkerHost *worker)
{
  vmp_worker_host_set_progress (worker, on_worker_progress, self);
  self->followed = g_object_ref (vmp_worker_host_get_connection (worker));
  vmp_run_in_main (follow_in_main, self);
}

void
vmp_run_unfollow (VmpRun *self)
{
  if (self->followed != NULL)
    vmp_run_in_main (unfollow_in_main, self);
}

typedef struct
{
  VmpRun *run;
  GVariant *record;
  const char *key;
  GVariant *value;
  gboolean answer;
} RunCall;

static void
record_in_main (gpointer data)
{
  RunCall *call = data;

  call->record = vmp_job_to_record (call->run->job);
}

GVariant *
vmp_run_get_undo_list (VmpRun *self)
{
  GVariantBuilder builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE ("aa{sv}"));
  for (guint i = 0; i < self->undo->len; i++)
    g_variant_builder_add_value (&builder, g_ptr_array_index (self->undo, i));
  return g_variant_builder_end (&builder);
}

/* Is there anything that could not be taken back? */
gboolean
vmp_run_has_undo (VmpRun *self)
{
  return self->undo->len > 0;
}

static gboolean
is_of_kind (GVariant *entry, const char *wanted)
{
  const char *kind;

  return g_variant_lookup (entry, "Kind", "&s", &kind) && strcmp (kind, wanted) == 0;
}

static gboolean
has_place (VmpRun *self)
{
  for (guint i = 0; i < self->undo->len; i++)
    if (is_of_kind (g_ptr_array_index (self->undo, i), VMP_UNDO_PLACE))
      return TRUE;
  return FALSE;
}

static gboolean
have_one_owner (VmpRun *self, VmpRun *other)
{
  return vmp_job_get_owner (self->job) == vmp_job_get_owner (other->job);
}

/* Did the ended job of @self leave something in @machines, which may have been away then? */
gboolean
vmp_run_left_something_in (VmpRun *self, VmpMachines *machines)
{
  return self->machines == machines && has_place (self);
}

/* Did the ended job of @self leave something in the manager of @other, or in the folder that @other is
 * about? Of one owner alone: nobody's job waits for a place of somebody else's. */
gboolean
vmp_run_left_something_for (VmpRun *self, VmpRun *other)
{
  if (!have_one_owner (self, other))
    return FALSE;
  if (vmp_run_left_something_in (self, other->machines))
    return TRUE;
  if (other->folder == NULL)
    return FALSE;
  for (guint i = 0; i < self->undo->len; i++)
    if (vmp_folder_is_noted (other->folder, g_ptr_array_index (self->undo, i)))
      return TRUE;
  return FALSE;
}

/* Tries again to take back what the ended job of @self left. The folder of @other, if it is the same
 * owner's, may be what opens the way there. */
gboolean
vmp_run_rollback_again (VmpRun *self, VmpRun *other, GError **error)
{
  gboolean whole;

  vmp_run_set_folder (self, other->folder);
  whole = vmp_run_rollback (self, error);
  vmp_run_set_folder (self, NULL);
  return whole;
}

/* For a job that comes back from a record. */
void
vmp_run_set_undo_list (VmpRun *self, GVariant *undo)
{
  GVariantIter iter;
  GVariant *entry;

  g_ptr_array_set_size (self->undo, 0);
  g_variant_iter_init (&iter, undo);
  while ((entry = g_variant_iter_next_value (&iter)) != NULL)
    g_ptr_array_add (self->undo, entry);
}

/* Keeps the job as it is now, with what would have to be taken back, flushed. */
gboolean
vmp_run_write_record (VmpRun *self, GError **error)
{
  RunCall call = { .run = self };
  g_autoptr (GVariant) whole = NULL;
  GVariantDict dict;

  vmp_run_in_main (record_in_main, &call);
  g_variant_dict_init (&dict, call.record);
  g_variant_dict_insert_value (&dict, "Undo", vmp_run_get_undo_list (self));
  whole = g_variant_ref_sink (g_variant_dict_end (&dict));
  g_variant_unref (call.record);
  return vmp_records_write (self->records, vmp_run_get_number (self), whole, error);
}

/* Announces a step that would have to be taken back: recorded before it is done. Returns a slot for
 * vmp_run_set_undo(), or G_MAXUINT. @entry may be floating. */
guint
vmp_run_add_undo (VmpRun *self, GVariant *entry, GError **error)
{
  g_ptr_array_add (self->undo, g_variant_ref_sink (entry));
  return vmp_run_write_record (self, error) ? self->undo->len - 1 : G_MAXUINT;
}

/* Tells more of an announced step, such as the inode of what it made. */
gboolean
vmp_run_set_undo (VmpRun *self, guint slot, GVariant *entry, GError **error)
{
  g_return_val_if_fail (slot < self->undo->len, FALSE);

  g_variant_unref (g_ptr_array_index (self->undo, slot));
  g_ptr_array_index (self->undo, slot) = g_variant_ref_sink (entry);
  return vmp_run_write_record (self, error);
}

/* Forgets an announced step that was not done after all. */
gboolean
vmp_run_drop_undo (VmpRun *self, guint slot, GError **error)
{
  g_ptr_array_remove_index (self->undo, slot);
  return vmp_run_write_record (self, error);
}

/* Was it made by a descriptor that is at hand? A job has but one folder. */
static gboolean
is_by_fd (VmpRun *self, GVariant *entry)
{
  gboolean by_fd = FALSE;

  g_variant_lookup (entry, "ByFd", "b", &by_fd);
  return by_fd && self->folder != NULL;
}

/* Where what an entry is about may be. */
static VmpPlaces *
find_places (VmpRun *self, GVariant *entry)
{
  g_autoptr (VmpPlaces) places = vmp_places_new ();
  const char *directory = "", *subdirectory = "", *path;
  g_autofree char *package = NULL;

  if (is_by_fd (self, entry))
    vmp_folder_add_to (self->folder, places, "", VMP_PLACE_MAKE);
  g_variant_lookup (entry, "Directory", "&s", &directory);
  g_variant_lookup (entry, "Subdirectory", "&s", &subdirectory);
  package = g_build_filename (directory, subdirectory, NULL);
  vmp_places_add_around (places, package);
  if (g_variant_lookup (entry, "Path", "&s", &path))
    vmp_places_add_around (places, path);
  if (g_variant_lookup (entry, "Root", "&s", &path))
    vmp_places_add (places, path, VMP_PLACE_MAKE);
  return g_steal_pointer (&places);
}

static gboolean
know_owner (VmpRun *self, GError **error)
{
  if (self->identity == NULL)
    self->identity = vmp_identity_new (vmp_job_get_owner (self->job),
                                       self->config->service_user != NULL, error);
  return self->identity != NULL;
}

/* The place may have become a share that does not answer. What is removed until then is, and the
 * rest the next time. */
static gboolean
undo_as_owner (VmpRun *self, GVariant *entry, GError **error)
{
  g_autoptr (GCancellable) never = g_cancellable_new ();
  g_autoptr (VmpPlaces) places = find_places (self, entry);
  g_autoptr (VmpWorkerHost) worker = NULL;
  g_autoptr (GUnixFDList) fds = NULL;
  g_autoptr (GVariant) reply = NULL;
  GVariantDict left;

  if (!know_owner (self, error))
    return FALSE;
  worker = vmp_worker_host_start (self->config, self->identity, places, never, error);
  if (worker == NULL)
    return FALSE;
  vmp_worker_host_set_patience (worker, self->config->timeout_seconds);
  g_variant_dict_init (&left, entry);
  if (is_by_fd (self, entry) && !vmp_folder_pass (self->folder, &left, &fds, error))
    {
      g_variant_dict_clear (&left);
      return FALSE;
    }
  reply = vmp_worker_host_call (worker, "Remove",
                                g_variant_new ("(@a{sv})", g_variant_dict_end (&left)), "()", fds,
                                NULL, error);
  return reply != NULL;
}

static gboolean
undo_entry (VmpRun *self, GVariant *entry, GError **error)
{
  g_autoptr (GVariant) description = NULL;

  if (!g_variant_lookup (entry, "Kind", "s", NULL))
    return vmp_error_set (error, VMPORT_ERROR_CORRUPT, "A journal entry has no kind");
  if (is_of_kind (entry, VMP_UNDO_SCOPE))
    return vmp_scope_change_undo (self, entry, error);
  if (is_of_kind (entry, VMP_UNDO_PLACE))
    {
      description = g_variant_lookup_value (entry, "Description", G_VARIANT_TYPE_VARDICT);
      if (description == NULL || self->machines == NULL)
        return vmp_error_set (error, VMPORT_ERROR_NOT_AVAILABLE,
                              _ ("The manager that the job wrote into is not there"));
      return vmp_machines_undo (self->machines, description, error);
    }
  return undo_as_owner (self, entry, error);
}

/* Relative where nobody knows where the folder is: beneath what the caller held open. */
static char *
name_of_left (GVariant *entry)
{
  const char *directory = "", *path = "", *token = "";

  if (g_variant_lookup (entry, "Uuid", "&s", &path))
    return g_strdup (path);
  g_variant_lookup (entry, "Directory", "&s", &directory);
  if (g_variant_lookup (entry, "Path", "&s", &path))
    return path[0] == '/' ? g_strdup (path) : g_build_filename (directory, path, NULL);
  g_variant_lookup (entry, "Subdirectory", "&s", &path);
  g_variant_lookup (entry, "Token", "&s", &token);
  if (directory[0] == '\0' && path[0] == '\0')
    return g_strconcat (".vmport-", token, NULL);
  return g_build_filename (directory, path, NULL);
}

/* What could not be taken back, as it is to be kept; NULL where it was tried often enough. */
static GVariant *
count_try (GVariant *entry)
{
  GVariantDict dict;
  guint32 tries = 0;

  g_variant_lookup (entry, "Tries", "u", &tries);
  if (tries >= MAX_TRIES)
    return NULL;
  g_variant_dict_init (&dict, entry);
  g_variant_dict_insert (&dict, "Tries", "u", tries + 1);
  return g_variant_ref_sink (g_variant_dict_end (&dict));
}

/* The last first: all scopes, or all else. */
static gboolean
undo_entries (VmpRun *self, gboolean scopes, GStrvBuilder *left, GError **error)
{
  gboolean whole = TRUE;

  for (guint i = self->undo->len; i > 0; i--)
    {
      GVariant *entry = g_ptr_array_index (self->undo, i - 1);
      g_autoptr (GError) local_error = NULL;
      g_autofree char *name = NULL;
      GVariant *kept;

      if (is_of_kind (entry, VMP_UNDO_SCOPE) != scopes)
        continue;
      if (undo_entry (self, entry, &local_error))
        {
          g_ptr_array_remove_index (self->undo, i - 1);
          continue;
        }
      name = name_of_left (entry);
      kept = count_try (entry);
      if (kept == NULL)
        {
          g_message ("Job %u: “%s” was not to be cleaned up for a long time, and is not tried again: %s",
                     vmp_run_get_number (self), name, local_error->message);
          g_ptr_array_remove_index (self->undo, i - 1);
          continue;
        }
      g_variant_unref (entry);
      g_ptr_array_index (self->undo, i - 1) = kept;
      g_log (G_LOG_DOMAIN, self->told ? G_LOG_LEVEL_DEBUG : G_LOG_LEVEL_WARNING,
             "Job %u: cannot clean up “%s” now: %s", vmp_run_get_number (self), name,
             local_error->message);
      g_strv_builder_add (left, name);
      if (whole)
        g_propagate_error (error, g_steal_pointer (&local_error));
      whole = FALSE;
    }
  return whole;
}

/* Takes back all that was announced, the last first. What cannot be taken back now stays on the
 * list, and in the job's Leftovers; the first such error is set. A machine keeps its scope for as
 * long as anything of it may be there, or it would be open to everyone. */
gboolean
vmp_run_rollback (VmpRun *self, GError **error)
{
  g_autoptr (GStrvBuilder) left = g_strv_builder_new ();
  g_auto (GStrv) leftovers = NULL;
  gboolean whole = undo_entries (self, FALSE, left, error);

  if (!has_place (self))
    whole = undo_entries (self, TRUE, left, whole ? error : NULL) && whole;
  leftovers = g_strv_builder_end (left);
  self->told = !whole;
  vmp_run_set_detail (self, "Leftovers",
                      g_variant_new_strv ((const char *const *) leftovers, -1));
  return whole;
}

static void
detail_in_main (gpointer data)
{
  RunCall *call = data;

  vmp_job_set_detail (call->run->job, call->key, call->value);
}

/* Sets what Describe tells. @value may be floating. */
void
vmp_run_set_detail (VmpRun *self, const char *key, GVariant *value)
{
  g_autoptr (GVariant) owned = g_variant_ref_sink (value);
  RunCall call = { .run = self, .key = key, .value = owned };

  vmp_run_in_main (detail_in_main, &call);
}

/* The machine that the job made; it enters the inventory once the job's success is recorded. */
void
vmp_run_set_defined (VmpRun *self, const char *uuid)
{
  g_free (self->defined);
  self->defined = g_strdup (uuid);
}

const char *
vmp_run_get_defined (VmpRun *self)
{
  return self->defined;
}

static void
last_step_in_main (gpointer data)
{
  RunCall *call = data;

  call->answer = vmp_job_enter_last_step (call->run->job);
}

/* The last moment at which a cancellation still counts. */
gboolean
vmp_run_enter_last_step (VmpRun *self, GError **error)
{
  RunCall call = { .run = self };

  vmp_run_in_main (last_step_in_main, &call);
  if (!call.answer)
    return vmp_error_set (error, VMPORT_ERROR_CANCELLED, _ ("The job was cancelled"));
  return TRUE;
}
