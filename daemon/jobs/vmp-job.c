/* One export, import or verification: what the bus shows of it, whatever does the work. */
#include "config.h"

#include "vmp-job.h"

#include <glib/gi18n-lib.h>
#include <string.h>

#include "vmp-error.h"
#include "vmp-name.h"

/* Of the file that a worker says it is at: the longest path there is. */
#define MAX_FILE_CHARS 4096

/* So many changes of phase are told at once; a worker that has more to tell has a great many files,
 * or is up to something. */
#define MAX_PROMPT_PHASES 64

/* At most ten signals a second. */
#define EMIT_USEC (G_USEC_PER_SEC / 10)

struct _VmpJob
{
  GObject parent_instance;
  guint number;
  char *manager;
  char *operation;
  guint32 owner;
  VmpJobState state;
  guint16 percent;
  char *phase;
  guint posted_phases; /* changes of phase that came from the worker */
  guint64 done, total;
  guint64 limit;
  gint64 start_time, end_time;
  gboolean cancellable_now;
  gboolean held;
  GError *error;
  GVariant *result;
  GVariantDict *details; /* of Describe */
  GCancellable *cancellable;

  GHashTable *changed; /* names of properties since the last signal */
  gint64 last_emission;
  guint emission;
  gboolean finished;
  gboolean interrupted; /* and nobody has been told */
  /* What is shown while an end is prepared: whoever saw it could find that Wait knows of none. */
  struct
  {
    VmpJobState state;
    guint16 percent;
    guint64 done;
    char *phase;
  } before;

  /* What the job's thread left for the main thread. */
  GMutex mutex;
  gboolean posted;
  guint64 posted_done, posted_total;
  char *posted_phase, *posted_file;
};

enum
{
  SIGNAL_PROGRESS,
  SIGNAL_FINISHED,
  SIGNAL_CONTROL,
  N_SIGNALS
};

static guint signals[N_SIGNALS];

G_DEFINE_FINAL_TYPE (VmpJob, vmp_job, G_TYPE_OBJECT)

static void
vmp_job_finalize (GObject *object)
{
  VmpJob *self = VMP_JOB (object);

  g_clear_handle_id (&self->emission, g_source_remove);
  g_free (self->manager);
  g_free (self->operation);
  g_free (self->phase);
  g_free (self->before.phase);
  g_clear_error (&self->error);
  g_clear_pointer (&self->result, g_variant_unref);
  g_variant_dict_unref (self->details);
  g_object_unref (self->cancellable);
  g_hash_table_unref (self->changed);
  g_mutex_clear (&self->mutex);
  g_free (self->posted_phase);
  g_free (self->posted_file);
  G_OBJECT_CLASS (vmp_job_parent_class)->finalize (object);
}

static void
vmp_job_class_init (VmpJobClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = vmp_job_finalize;
  /* The properties of vmp_job_take_changes(), then Progress, are to be sent. */
  signals[SIGNAL_PROGRESS] = g_signal_new ("progress", VMP_TYPE_JOB, G_SIGNAL_RUN_LAST, 0, NULL,
                                           NULL, NULL, G_TYPE_NONE, 0);
  signals[SIGNAL_FINISHED] = g_signal_new ("finished", VMP_TYPE_JOB, G_SIGNAL_RUN_LAST, 0, NULL,
                                           NULL, NULL, G_TYPE_NONE, 0);
  /* The limit or the hold changed: whoever runs the job tells its worker. */
  signals[SIGNAL_CONTROL] = g_signal_new ("control", VMP_TYPE_JOB, G_SIGNAL_RUN_LAST, 0, NULL,
                                          NULL, NULL, G_TYPE_NONE, 0);
}

static void
vmp_job_init (VmpJob *self)
{
  self->state = VMP_JOB_NEW;
  self->phase = g_strdup ("Queued");
  self->cancellable_now = TRUE;
  self->details = g_variant_dict_new (NULL);
  self->cancellable = g_cancellable_new ();
  self->changed = g_hash_table_new (g_str_hash, g_str_equal);
  g_mutex_init (&self->mutex);
}

VmpJob *
vmp_job_new (guint number, const char *manager, const char *operation, guint32 owner)
{
  VmpJob *self = g_object_new (VMP_TYPE_JOB, NULL);

  self->number = number;
  self->manager = g_strdup (manager);
  self->operation = g_strdup (operation);
  self->owner = owner;
  return self;
}

static void
emit_now (VmpJob *self)
{
  g_clear_handle_id (&self->emission, g_source_remove);
  self->last_emission = g_get_monotonic_time ();
  g_signal_emit (self, signals[SIGNAL_PROGRESS], 0);
}

static gboolean
on_emission (gpointer data)
{
  VmpJob *self = data;

  self->emission = 0;
  emit_now (self);
  return G_SOURCE_REMOVE;
}

/* A change of phase or state is told at once, numbers at most ten times a second. */
static void
note (VmpJob *self, const char *property, gboolean at_once)
{
  gint64 due = self->last_emission + EMIT_USEC - g_get_monotonic_time ();

  g_hash_table_add (self->changed, (gpointer) property);
  if (at_once)
    emit_now (self);
  else if (self->emission == 0)
    self->emission = g_timeout_add (due > 0 ? (guint) (due / 1000 + 1) : 0, on_emission, self);
}

guint
vmp_job_get_number (VmpJob *self)
{
  return self->number;
}

guint32
vmp_job_get_owner (VmpJob *self)
{
  return self->owner;
}

const char *
vmp_job_get_manager (VmpJob *self)
{
  return self->manager;
}

const char *
vmp_job_get_operation (VmpJob *self)
{
  return self->operation;
}

/* Ended, and said so: vmp_job_prepare_end() alone is not the end yet. */
gboolean
vmp_job_is_ended (VmpJob *self)
{
  return self->finished;
}

gint64
vmp_job_get_end_time (VmpJob *self)
{
  return self->end_time;
}

guint64
vmp_job_get_limit (VmpJob *self)
{
  return self->limit;
}

const GError *
vmp_job_get_error (VmpJob *self)
{
  return self->error;
}

GVariant *
vmp_job_get_result (VmpJob *self)
{
  return self->result;
}

GCancellable *
vmp_job_get_cancellable (VmpJob *self)
{
  return self->cancellable;
}

static gboolean
is_end_untold (VmpJob *self)
{
  return self->end_time != 0 && !self->finished;
}

static VmpJobState
shown_state (VmpJob *self)
{
  if (is_end_untold (self))
    return self->before.state;
  if (self->held && (self->state == VMP_JOB_NEW || self->state == VMP_JOB_RUNNING))
    return VMP_JOB_SUSPENDED;
  return self->state;
}

/* A property of org.vmport.Job, full reference, or NULL for a name that is none. Everyone may read
 * them: numbers, and the manager's path. */
GVariant *
vmp_job_get_property_value (VmpJob *self, const char *name)
{
  g_autofree char *error_name = NULL;
  gboolean untold = is_end_untold (self);
  const GError *error = untold ? NULL : self->error;
  GVariant *value = NULL;

  if (strcmp (name, "Operation") == 0)
    value = g_variant_new_string (self->operation);
  else if (strcmp (name, "OwnerUid") == 0)
    value = g_variant_new_uint32 (self->owner);
  else if (strcmp (name, "JobState") == 0)
    value = g_variant_new_uint16 ((guint16) shown_state (self));
  else if (strcmp (name, "PercentComplete") == 0)
    value = g_variant_new_uint16 (untold ? self->before.percent : self->percent);
  else if (strcmp (name, "Phase") == 0)
    value = g_variant_new_string (untold ? self->before.phase : self->phase);
  else if (strcmp (name, "BytesDone") == 0)
    value = g_variant_new_uint64 (untold ? self->before.done : self->done);
  else if (strcmp (name, "BytesTotal") == 0)
    value = g_variant_new_uint64 (self->total);
  else if (strcmp (name, "BandwidthLimit") == 0)
    value = g_variant_new_uint64 (self->limit);
  else if (strcmp (name, "StartTime") == 0)
    value = g_variant_new_uint64 ((guint64) self->start_time);
  else if (strcmp (name, "EndTime") == 0)
    value = g_variant_new_uint64 (untold ? 0 : (guint64) self->end_time);
  else if (strcmp (name, "Cancellable") == 0)
    value = g_variant_new_boolean (self->cancellable_now);
  else if (strcmp (name, "ErrorCode") == 0)
    value = g_variant_new_uint16 (error != NULL ? vmport_error_get_number (error) : 0);
  else if (strcmp (name, "ErrorName") == 0)
    {
      error_name = error != NULL ? vmport_error_get_name (error) : g_strdup ("");
      value = g_variant_new_string (error_name);
    }
  return value != NULL ? g_variant_ref_sink (value) : NULL;
}

/* The properties that changed since the last call, a{sv}, full reference. */
GVariant *
vmp_job_take_changes (VmpJob *self)
{
  GVariantDict dict;
  GHashTableIter iter;
  gpointer name;

  g_variant_dict_init (&dict, NULL);
  g_hash_table_iter_init (&iter, self->changed);
  while (g_hash_table_iter_next (&iter, &name, NULL))
    {
      g_autoptr (GVariant) value = vmp_job_get_property_value (self, name);

      g_variant_dict_insert_value (&dict, name, value);
    }
  g_hash_table_remove_all (self->changed);
  return g_variant_ref_sink (g_variant_dict_end (&dict));
}

static GVariant *
dict_to_variant (GVariantDict *dict)
{
  GVariant *variant = g_variant_ref_sink (g_variant_dict_end (dict));

  g_variant_dict_init (dict, variant);
  return variant;
}

/* What Describe answers; a{sv}, full reference. */
GVariant *
vmp_job_describe (VmpJob *self)
{
  g_autoptr (GVariant) details = dict_to_variant (self->details);
  GVariantDict dict;

  g_variant_dict_init (&dict, details);
  if (!g_variant_dict_contains (&dict, "VirtualMachine"))
    g_variant_dict_insert (&dict, "VirtualMachine", "s", "");
  if (!g_variant_dict_contains (&dict, "Directory"))
    g_variant_dict_insert (&dict, "Directory", "s", "");
  if (!g_variant_dict_contains (&dict, "CurrentFile"))
    g_variant_dict_insert (&dict, "CurrentFile", "s", "");
  if (!g_variant_dict_contains (&dict, "Findings"))
    g_variant_dict_insert_value (&dict, "Findings",
                                 g_variant_new_array (G_VARIANT_TYPE_VARDICT, NULL, 0));
  if (!g_variant_dict_contains (&dict, "Leftovers"))
    g_variant_dict_insert_value (&dict, "Leftovers",
                                 g_variant_new_array (G_VARIANT_TYPE_STRING, NULL, 0));
  g_variant_dict_insert (&dict, "Message", "s",
                         self->error != NULL && !is_end_untold (self) ? self->error->message : "");
  return g_variant_ref_sink (g_variant_dict_end (&dict));
}

void
vmp_job_set_detail (VmpJob *self, const char *key, GVariant *value)
{
  g_variant_dict_insert_value (self->details, key, value);
}

void
vmp_job_set_limit (VmpJob *self, guint64 limit)
{
  self->limit = limit;
  note (self, "BandwidthLimit", FALSE);
  g_signal_emit (self, signals[SIGNAL_CONTROL], 0);
}

static void
set_phase (VmpJob *self, const char *phase, gboolean at_once)
{
  if (strcmp (phase, self->phase) == 0)
    return;
  g_free (self->phase);
  self->phase = g_strdup (phase);
  note (self, "Phase", at_once);
}

static void
set_state (VmpJob *self, VmpJobState state)
{
  self->state = state;
  g_hash_table_add (self->changed, (gpointer) "JobState");
}

/* The job leaves the queue. */
void
vmp_job_start (VmpJob *self)
{
  self->start_time = g_get_real_time ();
  g_hash_table_add (self->changed, (gpointer) "StartTime");
  set_state (self, VMP_JOB_RUNNING);
  set_phase (self, "Reading", TRUE);
}

/* A job that is held in the queue waits there, and when its turn has come. */
void
vmp_job_set_held (VmpJob *self, gboolean held)
{
  VmpJobState shown = shown_state (self);

  if (self->held == held)
    return;
  self->held = held;
  /* One that is being cancelled goes on saying so. */
  if (shown_state (self) != shown)
    note (self, "JobState", TRUE);
  g_signal_emit (self, signals[SIGNAL_CONTROL], 0);
}

gboolean
vmp_job_is_held (VmpJob *self)
{
  return self->held;
}

/* From here on the job cannot be cancelled; FALSE where it was already. */
gboolean
vmp_job_enter_last_step (VmpJob *self)
{
  if (g_cancellable_is_cancelled (self->cancellable))
    return FALSE;
  self->cancellable_now = FALSE;
  g_hash_table_add (self->changed, (gpointer) "Cancellable");
  set_phase (self, "Defining", TRUE);
  return TRUE;
}

void
vmp_job_cancel (VmpJob *self)
{
  if (self->finished || !self->cancellable_now || g_cancellable_is_cancelled (self->cancellable))
    return;
  set_state (self, VMP_JOB_SHUTTING_DOWN);
  g_cancellable_cancel (self->cancellable);
  emit_now (self);
}

static gboolean
has_warnings (GVariant *result)
{
  g_autoptr (GVariant) warnings = NULL;

  if (result == NULL)
    return FALSE;
  warnings = g_variant_lookup_value (result, "Warnings", G_VARIANT_TYPE ("aa{sv}"));
  return warnings != NULL && g_variant_n_children (warnings) > 0;
}

/* Sets how the job ended, so that it can be recorded before anyone is told; vmp_job_finish() tells.
 * @error NULL means success, with @result. */
void
vmp_job_prepare_end (VmpJob *self, const GError *error, GVariant *result)
{
  if (!is_end_untold (self))
    {
      self->before.state = shown_state (self);
      self->before.percent = self->percent;
      self->before.done = self->done;
      g_free (self->before.phase);
      self->before.phase = g_strdup (self->phase);
    }
  /* The clock may have been set back meanwhile. */
  self->end_time = MAX (g_get_real_time (), self->start_time);
  self->held = FALSE;
  self->cancellable_now = FALSE;
  if (error == NULL)
    {
      self->result = g_variant_ref_sink (result);
      self->done = self->total;
      self->percent = 100;
      self->state = has_warnings (result) ? VMP_JOB_COMPLETED_WITH_WARNINGS : VMP_JOB_COMPLETED;
      g_free (self->phase);
      self->phase = g_strdup ("Done");
    }
  else
    {
      /* The words may hold what a package or a worker said; they go to terminals. */
      g_autofree char *message = vmp_name_clean (error->message, VMP_MESSAGE_MAX_CHARS);

      /* A success that could not be recorded was none, and nobody has been told of it. */
      g_clear_pointer (&self->result, g_variant_unref);
      g_clear_error (&self->error);
      self->percent = MIN (self->percent, 99);
      self->error = g_error_new_literal (error->domain, error->code, message);
      self->state = g_error_matches (error, VMPORT_ERROR, VMPORT_ERROR_CANCELLED)
                        ? VMP_JOB_TERMINATED
                        : VMP_JOB_EXCEPTION;
    }
}

static void
tell_end (VmpJob *self)
{
  static const char *const all[] = { "JobState", "PercentComplete", "Phase", "BytesDone",
                                     "BytesTotal", "EndTime", "Cancellable", "ErrorCode",
                                     "ErrorName" };

  for (gsize i = 0; i < G_N_ELEMENTS (all); i++)
    g_hash_table_add (self->changed, (gpointer) all[i]);
  self->finished = TRUE;
  emit_now (self);
  g_signal_emit (self, signals[SIGNAL_FINISHED], 0);
}

void
vmp_job_finish (VmpJob *self)
{
  if (!self->finished)
    tell_end (self);
}

/* Of a job that an earlier daemon did not end: this one has, and those who listened then may still
 * do so. Once. */
void
vmp_job_tell_interruption (VmpJob *self)
{
  if (!self->interrupted)
    return;
  self->interrupted = FALSE;
  tell_end (self);
}

static void
update_numbers (VmpJob *self, guint64 done, guint64 total)
{
  guint16 percent;

  total = MAX (total, self->total);
  if (total != self->total)
    {
      self->total = total;
      note (self, "BytesTotal", FALSE);
    }
  done = MIN (done, total);
  if (done <= self->done)
    return;
  self->done = done;
  note (self, "BytesDone", FALSE);
  /* 100 is for the end alone. */
  percent = (guint16) MIN ((gdouble) done * 100.0 / (gdouble) total, 99.0);
  if (percent > self->percent)
    {
      self->percent = percent;
      note (self, "PercentComplete", FALSE);
    }
}

static gboolean
on_posted (gpointer data)
{
  VmpJob *self = data;
  g_autofree char *phase = NULL;
  g_autofree char *file = NULL;
  guint64 done, total;

  g_mutex_lock (&self->mutex);
  self->posted = FALSE;
  phase = g_steal_pointer (&self->posted_phase);
  file = g_steal_pointer (&self->posted_file);
  done = self->posted_done;
  total = self->posted_total;
  g_mutex_unlock (&self->mutex);

  if (self->finished || self->end_time != 0)
    return G_SOURCE_REMOVE;
  update_numbers (self, done, total);
  if (file != NULL)
    g_variant_dict_insert (self->details, "CurrentFile", "s", file);
  if (phase != NULL && self->cancellable_now && strcmp (phase, self->phase) != 0)
    set_phase (self, phase, self->posted_phases++ < MAX_PROMPT_PHASES);
  return G_SOURCE_REMOVE;
}

static void
schedule_post (VmpJob *self)
{
  if (self->posted)
    return;
  self->posted = TRUE;
  g_idle_add_full (G_PRIORITY_DEFAULT, on_posted, g_object_ref (self), g_object_unref);
}

/* How many bytes there are to move. From any thread; never lowers what was said. */
void
vmp_job_post_total (VmpJob *self, guint64 total)
{
  g_mutex_lock (&self->mutex);
  self->posted_total = total;
  schedule_post (self);
  g_mutex_unlock (&self->mutex);
}

/* How far the job is. From any thread. @phase NULL leaves it as it is. */
void
vmp_job_post_progress (VmpJob *self, guint64 done, const char *phase, const char *file)
{
  static const char *const phases[] = { "Reading", "Copying", "Verifying", "Syncing", "Defining",
                                        NULL };

  g_mutex_lock (&self->mutex);
  self->posted_done = MAX (self->posted_done, done);
  if (phase != NULL && g_strv_contains (phases, phase))
    {
      g_free (self->posted_phase);
      self->posted_phase = g_strdup (phase);
    }
  if (file != NULL)
    {
      g_free (self->posted_file);
      self->posted_file = vmp_name_clean (file, MAX_FILE_CHARS);
    }
  schedule_post (self);
  g_mutex_unlock (&self->mutex);
}

/* What the state directory keeps of a job; a{sv}, full reference. */
GVariant *
vmp_job_to_record (VmpJob *self)
{
  g_autoptr (GVariant) details = dict_to_variant (self->details);
  g_autofree char *error_name = self->error != NULL ? vmport_error_get_name (self->error) : NULL;
  GVariantDict dict;

  g_variant_dict_init (&dict, NULL);
  g_variant_dict_insert (&dict, "Manager", "s", self->manager);
  g_variant_dict_insert (&dict, "Operation", "s", self->operation);
  g_variant_dict_insert (&dict, "OwnerUid", "u", self->owner);
  g_variant_dict_insert (&dict, "JobState", "q", (guint16) self->state);
  g_variant_dict_insert (&dict, "PercentComplete", "q", self->percent);
  g_variant_dict_insert (&dict, "Phase", "s", self->phase);
  g_variant_dict_insert (&dict, "BytesDone", "t", self->done);
  g_variant_dict_insert (&dict, "BytesTotal", "t", self->total);
  g_variant_dict_insert (&dict, "BandwidthLimit", "t", self->limit);
  g_variant_dict_insert (&dict, "StartTime", "x", self->start_time);
  g_variant_dict_insert (&dict, "EndTime", "x", self->end_time);
  g_variant_dict_insert (&dict, "Details", "@a{sv}", details);
  if (self->error != NULL)
    {
      g_variant_dict_insert (&dict, "ErrorName", "s", error_name);
      g_variant_dict_insert (&dict, "ErrorMessage", "s", self->error->message);
    }
  if (self->result != NULL)
    g_variant_dict_insert (&dict, "Result", "@a{sv}", self->result);
  return g_variant_ref_sink (g_variant_dict_end (&dict));
}

/* The way back. A job that had not ended comes back as one that was interrupted, now. */
VmpJob *
vmp_job_new_from_record (guint number, GVariant *record, GError **error)
{
  g_autoptr (VmpJob) self = NULL;
  g_autoptr (GVariant) details = NULL;
  const char *manager, *operation, *error_name, *message;
  guint32 owner;
  guint16 state;
  char *phase;

  if (!g_variant_lookup (record, "Manager", "&s", &manager)
      || !g_variant_lookup (record, "Operation", "&s", &operation)
      || !g_variant_lookup (record, "OwnerUid", "u", &owner)
      || !g_variant_lookup (record, "JobState", "q", &state))
    {
      vmp_error_set (error, VMPORT_ERROR_CORRUPT, "The record of job %u is not complete", number);
      return NULL;
    }
  self = vmp_job_new (number, manager, operation, owner);
  self->state = state;
  g_variant_lookup (record, "PercentComplete", "q", &self->percent);
  g_variant_lookup (record, "BytesDone", "t", &self->done);
  g_variant_lookup (record, "BytesTotal", "t", &self->total);
  g_variant_lookup (record, "BandwidthLimit", "t", &self->limit);
  g_variant_lookup (record, "StartTime", "x", &self->start_time);
  g_variant_lookup (record, "EndTime", "x", &self->end_time);
  if (g_variant_lookup (record, "Phase", "s", &phase))
    {
      g_free (self->phase);
      self->phase = phase;
    }
  details = g_variant_lookup_value (record, "Details", G_VARIANT_TYPE_VARDICT);
  if (details != NULL)
    {
      g_variant_dict_unref (self->details);
      self->details = g_variant_dict_new (details);
    }
  if (g_variant_lookup (record, "ErrorName", "&s", &error_name)
      && g_variant_lookup (record, "ErrorMessage", "&s", &message))
    self->error = vmport_error_new_from_name (error_name, message);
  self->result = g_variant_lookup_value (record, "Result", G_VARIANT_TYPE_VARDICT);
  if (self->error == NULL && self->result == NULL)
    {
      g_autoptr (GError) interrupted = g_error_new_literal (
          VMPORT_ERROR, VMPORT_ERROR_INTERRUPTED,
          _ ("vmportd ended while the job ran; nothing of it is left, start it again"));

      vmp_job_prepare_end (self, interrupted, NULL);
      self->interrupted = TRUE;
    }
  self->cancellable_now = FALSE;
  self->finished = TRUE;
  return g_steal_pointer (&self);
}
