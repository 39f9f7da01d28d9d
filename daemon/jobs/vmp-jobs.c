/* All jobs: their numbers, the queue, what is kept of them and for how long. */
#include "config.h"

#include "vmp-jobs.h"

#include <glib/gi18n-lib.h>

#include "vmp-error.h"
#include "vmp-tally.h"

/* Workers beside the jobs: of one user, so that the others are served too, and of all together. */
#define MAX_ASIDES_PER_USER 8
#define MAX_ASIDES 64

/* Jobs of one user that left what cannot be taken back: each is a record that stays, and is tried
 * again and again. */
#define MAX_UNSETTLED_PER_USER 64

struct _VmpJobs
{
  GObject parent_instance;
  VmpJobsConfig config;
  VmpRecords *records;
  GHashTable *jobs;   /* number → VmpJob */
  GHashTable *timers; /* number → source id */
  GQueue queue;       /* of Task, not started */
  guint running;
  guint restoring;
  guint asides;
  GHashTable *asides_of; /* uid → how many */
  GHashTable *running_of; /* uid → how many */
  GPtrArray *left;        /* of VmpRun: ended, with something still to be taken back */
  GHashTable *unsettled;  /* number → uid, of these and those that it is just tried for */
  guint retry;
};

/* A job on its way through the queue and its thread. */
typedef struct
{
  VmpJobs *jobs;
  VmpRun *run;
  VmpWork work;
  gpointer plan;
  GDestroyNotify free_plan;
  gulong cancelled_handler;
  GError *error;
  GVariant *result;
} Task;

enum
{
  SIGNAL_ADDED,
  SIGNAL_REMOVED,
  N_SIGNALS
};

static guint signals[N_SIGNALS];

G_DEFINE_FINAL_TYPE (VmpJobs, vmp_jobs, G_TYPE_OBJECT)

static void start_next (VmpJobs *self);
static void retry_places (VmpJobs *self, VmpMachines *machines);
static void keep_left (VmpJobs *self, VmpRun *run);

/* Its record says what has to be taken back, and so outlives the job. */
static void
note_unsettled (VmpJobs *self, VmpJob *job)
{
  g_hash_table_insert (self->unsettled, GUINT_TO_POINTER (vmp_job_get_number (job)),
                       GUINT_TO_POINTER (vmp_job_get_owner (job)));
}

static void
note_settled (VmpJobs *self, guint number)
{
  if (g_hash_table_remove (self->unsettled, GUINT_TO_POINTER (number))
      && !g_hash_table_contains (self->jobs, GUINT_TO_POINTER (number)))
    vmp_records_remove (self->records, number);
}

/* In the main thread. What a job could not take back is kept for the next one that names the
 * place, but not a directory that it had open: that would keep its file system busy, and users could
 * make the daemon run out of descriptors. The next one brings the directory along. */
static void
task_free (Task *task)
{
  if (task->free_plan != NULL)
    task->free_plan (task->plan);
  vmp_run_set_folder (task->run, NULL);
  if (vmp_run_has_undo (task->run))
    {
      VmpMachines *machines = vmp_run_get_machines (task->run);

      keep_left (task->jobs, task->run);
      /* The manager may have come back just now. */
      if (machines != NULL && vmp_machines_is_available (machines))
        retry_places (task->jobs, machines);
    }
  else
    {
      note_settled (task->jobs, vmp_run_get_number (task->run));
      vmp_run_free (task->run);
    }
  g_clear_error (&task->error);
  g_clear_pointer (&task->result, g_variant_unref);
  g_object_unref (task->jobs);
  g_free (task);
}

static void
remove_timer (gpointer data)
{
  g_source_remove (GPOINTER_TO_UINT (data));
}

static void
vmp_jobs_finalize (GObject *object)
{
  VmpJobs *self = VMP_JOBS (object);

  g_hash_table_unref (self->timers);
  g_hash_table_unref (self->jobs);
  g_hash_table_unref (self->asides_of);
  g_hash_table_unref (self->running_of);
  g_hash_table_unref (self->unsettled);
  g_clear_handle_id (&self->retry, g_source_remove);
  g_ptr_array_unref (self->left);
  g_clear_pointer (&self->records, vmp_records_free);
  G_OBJECT_CLASS (vmp_jobs_parent_class)->finalize (object);
}

static void
vmp_jobs_class_init (VmpJobsClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = vmp_jobs_finalize;
  signals[SIGNAL_ADDED] = g_signal_new ("added", VMP_TYPE_JOBS, G_SIGNAL_RUN_LAST, 0, NULL, NULL,
                                        NULL, G_TYPE_NONE, 1, VMP_TYPE_JOB);
  signals[SIGNAL_REMOVED] = g_signal_new ("removed", VMP_TYPE_JOBS, G_SIGNAL_RUN_LAST, 0, NULL,
                                          NULL, NULL, G_TYPE_NONE, 1, VMP_TYPE_JOB);
}

static void
vmp_jobs_init (VmpJobs *self)
{
  self->jobs = g_hash_table_new_full (NULL, NULL, NULL, g_object_unref);
  self->timers = g_hash_table_new_full (NULL, NULL, NULL, remove_timer);
  self->asides_of = vmp_tally_new ();
  self->running_of = vmp_tally_new ();
  self->unsettled = g_hash_table_new (NULL, NULL);
  self->left = g_ptr_array_new_with_free_func ((GDestroyNotify) vmp_run_free);
  g_queue_init (&self->queue);
}

VmpJobs *
vmp_jobs_new (const VmpJobsConfig *config, const char *state_directory, GError **error)
{
  g_autoptr (VmpJobs) self = g_object_new (VMP_TYPE_JOBS, NULL);

  self->config = *config;
  self->records = vmp_records_open (state_directory, error);
  return self->records != NULL ? g_steal_pointer (&self) : NULL;
}

const VmpJobsConfig *
vmp_jobs_get_config (VmpJobs *self)
{
  return &self->config;
}

/* A reference, or NULL. */
VmpJob *
vmp_jobs_lookup (VmpJobs *self, guint number)
{
  VmpJob *job = g_hash_table_lookup (self->jobs, GUINT_TO_POINTER (number));

  return job != NULL ? g_object_ref (job) : NULL;
}

static gint
compare_jobs (gconstpointer a, gconstpointer b)
{
  guint first = vmp_job_get_number (*(VmpJob *const *) a);
  guint second = vmp_job_get_number (*(VmpJob *const *) b);

  return first < second ? -1 : first > second;
}

/* All jobs by number, each a reference. */
GPtrArray *
vmp_jobs_list (VmpJobs *self)
{
  GPtrArray *list = g_ptr_array_new_with_free_func (g_object_unref);
  GHashTableIter iter;
  gpointer job;

  g_hash_table_iter_init (&iter, self->jobs);
  while (g_hash_table_iter_next (&iter, NULL, &job))
    g_ptr_array_add (list, g_object_ref (job));
  g_ptr_array_sort (list, compare_jobs);
  return list;
}

static void
forget (VmpJobs *self, VmpJob *job)
{
  g_autoptr (VmpJob) kept = g_object_ref (job);
  guint number = vmp_job_get_number (job);

  g_hash_table_steal (self->timers, GUINT_TO_POINTER (number));
  g_hash_table_remove (self->jobs, GUINT_TO_POINTER (number));
  if (!g_hash_table_contains (self->unsettled, GUINT_TO_POINTER (number)))
    vmp_records_remove (self->records, number);
  g_signal_emit (self, signals[SIGNAL_REMOVED], 0, kept);
}

static gboolean
on_retention_over (gpointer data)
{
  VmpJob *job = data;

  forget (g_object_get_data (G_OBJECT (job), "vmp-jobs"), job);
  return G_SOURCE_REMOVE;
}

static void
keep_for_a_while (VmpJobs *self, VmpJob *job)
{
  /* A clock that was set back must not keep a job for years. */
  gint64 left = vmp_job_get_end_time (job) + self->config.retention_usec - g_get_real_time ();
  guint id;

  left = CLAMP (left, 0, self->config.retention_usec);
  g_object_set_data (G_OBJECT (job), "vmp-jobs", self);
  id = g_timeout_add_full (G_PRIORITY_DEFAULT, (guint) (left / 1000), on_retention_over,
                           g_object_ref (job), g_object_unref);
  g_hash_table_replace (self->timers, GUINT_TO_POINTER (vmp_job_get_number (job)),
                        GUINT_TO_POINTER (id));
}

/* Forgets an ended job before its time. */
gboolean
vmp_jobs_release (VmpJobs *self, VmpJob *job, GError **error)
{
  gpointer id;

  if (!vmp_job_is_ended (job))
    return vmp_error_set (error, VMPORT_ERROR_INVALID_STATE,
                          _ ("The job has not ended; cancel it first"));
  id = g_hash_table_lookup (self->timers, GUINT_TO_POINTER (vmp_job_get_number (job)));
  if (id != NULL)
    g_source_remove (GPOINTER_TO_UINT (id));
  forget (self, job);
  return TRUE;
}

static guint
count_unsettled (VmpJobs *self, guint32 owner)
{
  GHashTableIter iter;
  gpointer uid;
  guint n = 0;

  g_hash_table_iter_init (&iter, self->unsettled);
  while (g_hash_table_iter_next (&iter, NULL, &uid))
    n += GPOINTER_TO_UINT (uid) == owner;
  return n;
}

static guint
count_unended (VmpJobs *self, guint32 owner)
{
  GHashTableIter iter;
  gpointer job;
  guint count = 0;

  g_hash_table_iter_init (&iter, self->jobs);
  while (g_hash_table_iter_next (&iter, NULL, &job))
    if (vmp_job_get_owner (job) == owner && !vmp_job_is_ended (job))
      count++;
  return count;
}

/* Makes a job, which nobody sees until vmp_jobs_submit(). */
VmpJob *
vmp_jobs_add (VmpJobs *self, VmpMachines *machines, const char *operation, VmpIdentity *identity,
              guint64 limit, GError **error)
{
  g_autoptr (VmpJob) job = NULL;
  guint32 owner = vmp_identity_get_uid (identity);
  guint number;

  if (count_unended (self, owner) >= self->config.max_per_user)
    {
      vmp_error_set (error, VMPORT_ERROR_NOT_AVAILABLE,
                     _ ("You have %u jobs that have not ended, which is the limit; wait for one of "
                        "them"),
                     self->config.max_per_user);
      return NULL;
    }
  if (count_unsettled (self, owner) >= MAX_UNSETTLED_PER_USER)
    {
      vmp_error_set (error, VMPORT_ERROR_NOT_AVAILABLE,
                     _ ("%d jobs of yours have left what cannot be removed now (see Leftovers), which "
                        "is the limit; make the folders reachable"),
                     MAX_UNSETTLED_PER_USER);
      return NULL;
    }
  number = vmp_records_next_number (self->records, error);
  if (number == 0)
    return NULL;
  job = vmp_job_new (number, vmp_machines_get_id (machines), operation, owner);
  if (limit > 0)
    vmp_job_set_limit (job, limit);
  return g_steal_pointer (&job);
}

static void
write_prepared (Task *task, GError **error)
{
  vmp_run_write_record (task->run, error);
}

static void
end_in_main (gpointer data)
{
  Task *task = data;
  VmpJob *job = vmp_run_get_job (task->run);

  vmp_job_prepare_end (job, task->error, task->result);
}

static void
take_in (VmpMachines *machines, const char *uuid)
{
  g_autoptr (GError) error = NULL;

  if (vmp_machines_load (machines, uuid, &error))
    vmp_machines_emit_added (machines, uuid);
  else
    g_warning ("Cannot read the machine %s that was just made: %s", uuid, error->message);
}

static void
finish_in_main (gpointer data)
{
  Task *task = data;
  VmpJobs *self = task->jobs;
  VmpJob *job = vmp_run_get_job (task->run);
  VmpMachines *machines = vmp_run_get_machines (task->run);

  if (task->error == NULL && vmp_run_get_defined (task->run) != NULL)
    take_in (machines, vmp_run_get_defined (task->run));
  /* Before anyone hears of the end, so that whoever does can go on with the machine. */
  vmp_machines_release (machines, vmp_job_get_number (job));
  vmp_job_finish (job);
  if (vmp_run_has_undo (task->run))
    note_unsettled (self, job);
  keep_for_a_while (self, job);
  self->running--;
  /* Whose job has just ended had their turn. */
  start_next (self);
  vmp_tally_change (self->running_of, vmp_job_get_owner (job), -1);
}

static void
fail_task (Task *task)
{
  g_autoptr (GError) local_error = NULL;

  if (!vmp_run_rollback (task->run, &local_error))
    g_prefix_error (&task->error, _ ("Not all could be cleaned up (%s), it is tried again: "),
                    local_error->message);
  g_clear_error (&local_error);
  vmp_run_in_main (end_in_main, task);
  write_prepared (task, &local_error);
  if (local_error != NULL)
    g_warning ("%s", local_error->message);
}

/* A success counts once its record is on the disk: until then a crash would take it back. */
static void
complete_task (Task *task)
{
  g_autoptr (GVariant) undo = g_variant_ref_sink (vmp_run_get_undo_list (task->run));
  g_autoptr (GVariant) nothing = g_variant_ref_sink (
      g_variant_new_array (G_VARIANT_TYPE_VARDICT, NULL, 0));

  vmp_run_in_main (end_in_main, task);
  vmp_run_set_undo_list (task->run, nothing);
  write_prepared (task, &task->error);
  if (task->error == NULL)
    return;
  vmp_run_set_undo_list (task->run, undo);
  fail_task (task);
}

typedef struct
{
  VmpJobs *jobs;
  VmpRun *run;
  GPtrArray *found;
} LeftCall;

static void
find_left_in_main (gpointer data)
{
  LeftCall *call = data;

  for (guint i = call->jobs->left->len; i > 0; i--)
    if (vmp_run_left_something_for (g_ptr_array_index (call->jobs->left, i - 1), call->run))
      g_ptr_array_add (call->found, g_ptr_array_steal_index (call->jobs->left, i - 1));
}

static void
return_left_in_main (gpointer data)
{
  LeftCall *call = data;

  for (guint i = 0; i < call->found->len; i++)
    {
      VmpRun *run = g_ptr_array_index (call->found, i);

      if (vmp_run_has_undo (run))
        {
          keep_left (call->jobs, run);
          continue;
        }
      note_settled (call->jobs, vmp_run_get_number (run));
      vmp_run_free (run);
    }
}

/* A place that was out of reach when an earlier job should have cleaned up there may be back now
 * that a job names it. */
static void
retry_left (Task *task)
{
  g_autoptr (GPtrArray) found = g_ptr_array_new ();
  LeftCall call = { task->jobs, task->run, found };

  vmp_run_in_main (find_left_in_main, &call);
  for (guint i = 0; i < found->len; i++)
    {
      g_autoptr (GError) error = NULL;

      if (vmp_run_rollback_again (g_ptr_array_index (found, i), task->run, &error)
          && !vmp_run_write_record (g_ptr_array_index (found, i), &error))
        g_warning ("%s", error->message);
    }
  vmp_run_in_main (return_left_in_main, &call);
}

/* What was left is tried again in a thread of its own. */
typedef struct
{
  VmpJobs *jobs;
  GPtrArray *found; /* of VmpRun */
} Retry;

static void
retry_done_in_main (gpointer data)
{
  Retry *retry = data;
  LeftCall call = { retry->jobs, NULL, retry->found };

  return_left_in_main (&call);
  retry->jobs->restoring--;
  g_object_unref (retry->jobs);
  g_ptr_array_unref (retry->found);
  g_free (retry);
}

static gpointer
run_retry (gpointer data)
{
  Retry *retry = data;
  g_autoptr (GMainContext) context = g_main_context_new ();

  g_main_context_push_thread_default (context);
  for (guint i = 0; i < retry->found->len; i++)
    {
      g_autoptr (GError) error = NULL;
      VmpRun *run = g_ptr_array_index (retry->found, i);

      /* What is left after this was logged, and is in Leftovers. */
      vmp_run_rollback (run, NULL);
      if (!vmp_run_write_record (run, &error))
        g_warning ("%s", error->message);
    }
  g_main_context_pop_thread_default (context);
  vmp_run_in_main (retry_done_in_main, retry);
  return NULL;
}

/* @found is taken. */
static void
start_retry (VmpJobs *self, GPtrArray *found)
{
  Retry *retry = g_new0 (Retry, 1);

  retry->jobs = g_object_ref (self);
  retry->found = found;
  self->restoring++;
  g_thread_unref (g_thread_new ("vmport-rollback", run_retry, retry));
}

static void
retry_places (VmpJobs *self, VmpMachines *machines)
{
  g_autoptr (GPtrArray) found = g_ptr_array_new ();

  for (guint i = self->left->len; i > 0; i--)
    if (vmp_run_left_something_in (g_ptr_array_index (self->left, i - 1), machines))
      g_ptr_array_add (found, g_ptr_array_steal_index (self->left, i - 1));
  if (found->len > 0)
    start_retry (self, g_steal_pointer (&found));
}

/* Nobody tells when a home is unlocked or a share comes back. A thread for each user, as one may be
 * kept waiting by a file system of their own. */
static gboolean
on_retry (gpointer data)
{
  VmpJobs *self = data;

  self->retry = 0;
  while (self->left->len > 0)
    {
      GPtrArray *found = g_ptr_array_new ();
      guint32 owner = vmp_job_get_owner (vmp_run_get_job (g_ptr_array_index (self->left, 0)));

      for (guint i = self->left->len; i > 0; i--)
        if (vmp_job_get_owner (vmp_run_get_job (g_ptr_array_index (self->left, i - 1))) == owner)
          g_ptr_array_add (found, g_ptr_array_steal_index (self->left, i - 1));
      start_retry (self, found);
    }
  return G_SOURCE_REMOVE;
}

static void
keep_left (VmpJobs *self, VmpRun *run)
{
  g_ptr_array_add (self->left, run);
  if (self->retry == 0)
    self->retry = g_timeout_add_seconds (self->config.leftover_retry_seconds, on_retry, self);
}

static void
on_available (VmpMachines *machines, gpointer data)
{
  if (vmp_machines_is_available (machines))
    retry_places (data, machines);
}

/* Whenever @machines comes back, what jobs left there is taken back. */
void
vmp_jobs_follow (VmpJobs *self, VmpMachines *machines)
{
  g_signal_connect_object (machines, "available", G_CALLBACK (on_available), self, 0);
}

static gpointer
run_task (gpointer data)
{
  Task *task = data;
  g_autoptr (GMainContext) context = g_main_context_new ();

  g_main_context_push_thread_default (context);
  retry_left (task);
  if (!vmp_run_is_cancelled (task->run, &task->error)
      && vmp_run_write_record (task->run, &task->error))
    task->result = task->work (task->run, task->plan, &task->error);
  if (task->result != NULL)
    {
      g_variant_ref_sink (task->result);
      complete_task (task);
    }
  else
    fail_task (task);
  g_main_context_pop_thread_default (context);
  vmp_run_in_main (finish_in_main, task);
  vmp_run_in_main ((VmpMainFunc) task_free, task);
  return NULL;
}

static void
start_task (VmpJobs *self, Task *task)
{
  VmpJob *job = vmp_run_get_job (task->run);

  g_clear_signal_handler (&task->cancelled_handler, vmp_job_get_cancellable (job));
  self->running++;
  vmp_tally_change (self->running_of, vmp_job_get_owner (job), 1);
  if (!g_cancellable_is_cancelled (vmp_job_get_cancellable (job)))
    vmp_job_start (job);
  g_thread_unref (g_thread_new ("vmport-job", run_task, task));
}

/* The first of whoever has the fewest jobs running: who brings a hundred does not keep the others
 * waiting until the last of them. */
static Task *
take_next (VmpJobs *self)
{
  GList *next = NULL;
  Task *chosen;
  guint fewest = G_MAXUINT;

  for (GList *l = self->queue.head; l != NULL && fewest > 0; l = l->next)
    {
      Task *task = l->data;
      guint running
          = vmp_tally_change (self->running_of, vmp_job_get_owner (vmp_run_get_job (task->run)), 0);

      if (running >= fewest)
        continue;
      next = l;
      fewest = running;
    }
  if (next == NULL)
    return NULL;
  chosen = next->data;
  g_queue_delete_link (&self->queue, next);
  return chosen;
}

static void
start_next (VmpJobs *self)
{
  while (self->running < self->config.max_running && !g_queue_is_empty (&self->queue))
    start_task (self, take_next (self));
}

static gboolean
start_cancelled (gpointer data)
{
  VmpJobs *self = data;
  GList *next;

  /* They go through a thread all the same, past the others: one way to end for all. */
  for (GList *l = self->queue.head; l != NULL; l = next)
    {
      Task *task = l->data;

      next = l->next;
      if (!g_cancellable_is_cancelled (vmp_job_get_cancellable (vmp_run_get_job (task->run))))
        continue;
      g_queue_delete_link (&self->queue, l);
      start_task (self, task);
    }
  return G_SOURCE_REMOVE;
}

static void
on_cancelled (GCancellable *cancellable, gpointer data)
{
  g_idle_add_full (G_PRIORITY_DEFAULT, start_cancelled, g_object_ref (data), g_object_unref);
}

/* Records @job, shows it, and queues its work on @folder. @plan is taken, also on failure. */
gboolean
vmp_jobs_submit (VmpJobs *self, VmpJob *job, VmpMachines *machines, VmpIdentity *identity,
                 VmpFolder *folder, VmpWork work, gpointer plan, GDestroyNotify free_plan,
                 GError **error)
{
  g_autoptr (GVariant) record = vmp_job_to_record (job);
  Task *task = g_new0 (Task, 1);

  task->jobs = g_object_ref (self);
  task->run = vmp_run_new (job, machines, identity, self->records, &self->config.worker);
  vmp_run_set_folder (task->run, folder);
  task->work = work;
  task->plan = plan;
  task->free_plan = free_plan;
  if (!vmp_records_write (self->records, vmp_job_get_number (job), record, error))
    {
      task_free (task);
      return FALSE;
    }
  g_hash_table_replace (self->jobs, GUINT_TO_POINTER (vmp_job_get_number (job)),
                        g_object_ref (job));
  g_signal_emit (self, signals[SIGNAL_ADDED], 0, job);
  g_queue_push_tail (&self->queue, task);
  task->cancelled_handler = g_signal_connect (vmp_job_get_cancellable (job), "cancelled",
                                              G_CALLBACK (on_cancelled), self);
  start_next (self);
  return TRUE;
}

static gpointer
roll_back (gpointer data)
{
  Task *task = data;
  g_autoptr (GMainContext) context = g_main_context_new ();
  g_autoptr (GError) error = NULL;

  g_main_context_push_thread_default (context);
  if (!vmp_run_rollback (task->run, &error))
    g_clear_error (&error); /* it was logged, and is in Leftovers */
  if (!vmp_run_write_record (task->run, &error))
    g_warning ("%s", error->message);
  g_main_context_pop_thread_default (context);
  vmp_run_in_main ((VmpMainFunc) task_free, task);
  return NULL;
}

static void
task_restored (gpointer data, GObject *where_the_object_was)
{
  guint *restoring = data;

  (*restoring)--;
}

static void
roll_back_job (VmpJobs *self, VmpJob *job, VmpMachines *machines, GVariant *undo)
{
  g_autoptr (GObject) marker = NULL;
  Task *task = g_new0 (Task, 1);

  task->jobs = g_object_ref (self);
  task->run = vmp_run_new (job, machines, NULL, self->records, &self->config.worker);
  vmp_run_set_undo_list (task->run, undo);
  marker = g_object_new (G_TYPE_OBJECT, NULL);
  g_object_weak_ref (marker, task_restored, &self->restoring);
  task->plan = g_steal_pointer (&marker);
  task->free_plan = g_object_unref;
  self->restoring++;
  note_unsettled (self, job);
  g_thread_unref (g_thread_new ("vmport-rollback", roll_back, task));
}

static gboolean
restore_job (VmpJobs *self, guint number, VmpFindMachines find, gpointer user_data,
             GError **error)
{
  g_autoptr (GVariant) record = vmp_records_read (self->records, number, error);
  g_autoptr (GVariant) undo = NULL;
  g_autoptr (VmpJob) job = NULL;
  VmpMachines *machines;

  if (record == NULL)
    return FALSE;
  job = vmp_job_new_from_record (number, record, error);
  if (job == NULL)
    return FALSE;
  undo = g_variant_lookup_value (record, "Undo", G_VARIANT_TYPE ("aa{sv}"));
  machines = find (vmp_job_get_manager (job), user_data);
  g_hash_table_replace (self->jobs, GUINT_TO_POINTER (number), g_object_ref (job));
  if (undo != NULL && g_variant_n_children (undo) > 0)
    roll_back_job (self, job, machines, undo);
  else
    {
      g_autoptr (GVariant) now = vmp_job_to_record (job);

      if (!vmp_records_write (self->records, number, now, error))
        return FALSE;
    }
  keep_for_a_while (self, job);
  return TRUE;
}

/* Brings back the jobs of an earlier daemon, and starts to take back what they left. Before the
 * managers are read: vmp_jobs_is_restoring() tells when all of it is done. */
gboolean
vmp_jobs_restore (VmpJobs *self, VmpFindMachines find, gpointer user_data, GError **error)
{
  g_autoptr (GArray) numbers = vmp_records_list (self->records, error);

  if (numbers == NULL)
    return FALSE;
  for (guint i = 0; i < numbers->len; i++)
    {
      g_autoptr (GError) local_error = NULL;
      guint number = g_array_index (numbers, guint, i);

      if (!restore_job (self, number, find, user_data, &local_error))
        g_warning ("Cannot bring back job %u: %s", number, local_error->message);
    }
  return TRUE;
}

gboolean
vmp_jobs_is_empty (VmpJobs *self)
{
  return g_hash_table_size (self->jobs) == 0;
}

gboolean
vmp_jobs_is_busy (VmpJobs *self)
{
  return self->running > 0 || self->asides > 0 || self->restoring > 0;
}

gboolean
vmp_jobs_is_restoring (VmpJobs *self)
{
  return self->restoring > 0;
}

/* Work that is answered by the call that asked for it, and is no job: nobody sees it, it is never
 * queued, and what it makes it has to take back itself. */
typedef struct
{
  GTask *task;
  VmpRun *run;
  VmpWork work;
  gpointer plan;
  GDestroyNotify free_plan;
  GVariant *result;
  GError *error;
  GCancellable *cancellable;
  gulong cancelled;
} Aside;

static void
aside_in_main (gpointer data)
{
  Aside *aside = data;
  VmpJobs *self = g_task_get_source_object (aside->task);

  self->asides--;
  vmp_tally_change (self->asides_of, vmp_job_get_owner (vmp_run_get_job (aside->run)), -1);
  if (aside->cancellable != NULL)
    {
      g_cancellable_disconnect (aside->cancellable, aside->cancelled);
      g_object_unref (aside->cancellable);
    }
  if (aside->result != NULL)
    g_task_return_pointer (aside->task, aside->result, (GDestroyNotify) g_variant_unref);
  else
    g_task_return_error (aside->task, aside->error);
  aside->free_plan (aside->plan);
  vmp_run_free (aside->run);
  g_object_unref (aside->task);
  g_free (aside);
}

static gpointer
run_aside (gpointer data)
{
  Aside *aside = data;
  g_autoptr (GMainContext) context = g_main_context_new ();

  g_main_context_push_thread_default (context);
  aside->result = aside->work (aside->run, aside->plan, &aside->error);
  if (aside->result != NULL && g_variant_is_floating (aside->result))
    g_variant_ref_sink (aside->result);
  g_main_context_pop_thread_default (context);
  vmp_run_in_main (aside_in_main, aside);
  return NULL;
}

static void
on_aside_cancelled (GCancellable *cancellable, gpointer data)
{
  g_cancellable_cancel (data);
}

/* Runs @work beside the jobs; @plan is taken. */
void
vmp_jobs_run_aside (VmpJobs *self, VmpMachines *machines, VmpIdentity *identity, VmpWork work,
                    gpointer plan, GDestroyNotify free_plan, GCancellable *cancellable,
                    GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr (VmpJob) nobody = vmp_job_new (0, vmp_machines_get_id (machines), "",
                                           vmp_identity_get_uid (identity));
  GTask *task = g_task_new (self, NULL, callback, user_data);
  Aside *aside;

  g_task_set_source_tag (task, vmp_jobs_run_aside);
  if (self->asides >= MAX_ASIDES
      || vmp_tally_change (self->asides_of, vmp_identity_get_uid (identity), 0)
             >= MAX_ASIDES_PER_USER)
    {
      free_plan (plan);
      g_task_return_new_error (task, VMPORT_ERROR, VMPORT_ERROR_NOT_AVAILABLE,
                               _ ("Too many such calls are under way at this moment; try again "
                                  "when one has been answered"));
      g_object_unref (task);
      return;
    }
  self->asides++;
  vmp_tally_change (self->asides_of, vmp_identity_get_uid (identity), 1);
  aside = g_new0 (Aside, 1);
  aside->task = task;
  aside->run = vmp_run_new (nobody, machines, identity, self->records, &self->config.worker);
  aside->work = work;
  aside->plan = plan;
  aside->free_plan = free_plan;
  if (cancellable != NULL)
    {
      aside->cancellable = g_object_ref (cancellable);
      aside->cancelled = g_cancellable_connect (cancellable, G_CALLBACK (on_aside_cancelled),
                                                vmp_job_get_cancellable (nobody), NULL);
    }
  g_thread_unref (g_thread_new ("vmport-aside", run_aside, aside));
}

/* What the work answered; full reference. */
GVariant *
vmp_jobs_run_aside_finish (VmpJobs *self, GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}
