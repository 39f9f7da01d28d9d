/* What a job shows: progress that never goes back, an end that is told once, a record that brings
 * it all back. */
#include "config.h"

#include <string.h>

#include "vmp-job.h"
#include "vmport-error.h"

#define OWNER 64101

typedef struct
{
  VmpJob *job;
  GPtrArray *changes; /* of a{sv}, one for each "progress" */
  guint finished;
  guint changes_after_finish;
  guint controls;
} Watch;

static void
on_progress (VmpJob *job, gpointer data)
{
  Watch *watch = data;

  g_ptr_array_add (watch->changes, vmp_job_take_changes (job));
  if (watch->finished > 0)
    watch->changes_after_finish++;
}

static void
on_finished (VmpJob *job, gpointer data)
{
  Watch *watch = data;

  watch->finished++;
}

static void
on_control (VmpJob *job, gpointer data)
{
  Watch *watch = data;

  watch->controls++;
}

static void
watch_set_up (Watch *watch, gconstpointer data)
{
  watch->job = vmp_job_new (7, "store", "Export", OWNER);
  watch->changes = g_ptr_array_new_with_free_func ((GDestroyNotify) g_variant_unref);
  g_signal_connect (watch->job, "progress", G_CALLBACK (on_progress), watch);
  g_signal_connect (watch->job, "finished", G_CALLBACK (on_finished), watch);
  g_signal_connect (watch->job, "control", G_CALLBACK (on_control), watch);
}

static void
watch_tear_down (Watch *watch, gconstpointer data)
{
  g_assert_finalize_object (watch->job);
  g_ptr_array_unref (watch->changes);
}

static void
drain (void)
{
  while (g_main_context_iteration (NULL, FALSE))
    ;
}

static guint
get_uint (VmpJob *job, const char *name)
{
  g_autoptr (GVariant) value = vmp_job_get_property_value (job, name);

  return g_variant_is_of_type (value, G_VARIANT_TYPE_UINT16) ? g_variant_get_uint16 (value)
                                                             : g_variant_get_uint32 (value);
}

static void
assert_not_cancellable (VmpJob *job)
{
  g_autoptr (GVariant) value = vmp_job_get_property_value (job, "Cancellable");

  g_assert_false (g_variant_get_boolean (value));
}

static guint64
get_uint64 (VmpJob *job, const char *name)
{
  g_autoptr (GVariant) value = vmp_job_get_property_value (job, name);

  return g_variant_get_uint64 (value);
}

static void
assert_text (VmpJob *job, const char *name, const char *text)
{
  g_autoptr (GVariant) value = vmp_job_get_property_value (job, name);

  g_assert_cmpstr (g_variant_get_string (value, NULL), ==, text);
}

static void
post (VmpJob *job, guint64 done, const char *phase, const char *file)
{
  vmp_job_post_progress (job, done, phase, file);
  drain ();
}

static GVariant *
success (void)
{
  return g_variant_new_parsed ("{'Files': <uint32 3>, 'Warnings': <@aa{sv} []>}");
}

static void
test_new (Watch *watch, gconstpointer data)
{
  g_assert_cmpuint (get_uint (watch->job, "JobState"), ==, VMP_JOB_NEW);
  g_assert_cmpuint (get_uint (watch->job, "PercentComplete"), ==, 0);
  assert_text (watch->job, "Phase", "Queued");
  assert_text (watch->job, "Operation", "Export");
  assert_text (watch->job, "ErrorName", "");
  g_assert_cmpuint (get_uint (watch->job, "ErrorCode"), ==, 0);
  g_assert_cmpuint (get_uint64 (watch->job, "StartTime"), ==, 0);
  g_assert_cmpuint (get_uint64 (watch->job, "EndTime"), ==, 0);
  g_assert_cmpuint (get_uint (watch->job, "OwnerUid"), ==, OWNER);
  g_assert_null (vmp_job_get_property_value (watch->job, "NoSuchProperty"));
  g_assert_false (vmp_job_is_ended (watch->job));
}

/* Whatever a worker says: the percentage rises, and is 100 only once all is done. */
static void
test_percent (Watch *watch, gconstpointer data)
{
  static const guint64 said[] = { 10, 5, 0, 50, 49, 99, 100, 100, 1000, G_MAXUINT64, 3 };
  guint last = 0;
  guint64 last_done = 0;

  vmp_job_start (watch->job);
  vmp_job_post_total (watch->job, 100);
  for (gsize i = 0; i < G_N_ELEMENTS (said); i++)
    {
      post (watch->job, said[i], "Copying", "disk");
      g_assert_cmpuint (get_uint (watch->job, "PercentComplete"), >=, last);
      g_assert_cmpuint (get_uint (watch->job, "PercentComplete"), <, 100);
      g_assert_cmpuint (get_uint64 (watch->job, "BytesDone"), >=, last_done);
      g_assert_cmpuint (get_uint64 (watch->job, "BytesDone"), <=,
                        get_uint64 (watch->job, "BytesTotal"));
      last = get_uint (watch->job, "PercentComplete");
      last_done = get_uint64 (watch->job, "BytesDone");
    }
  g_assert_cmpuint (last, ==, 99);
  /* A total that grows takes nothing back, and one that shrinks counts for nothing. */
  vmp_job_post_total (watch->job, 1000);
  post (watch->job, 1001, "Copying", "disk");
  g_assert_cmpuint (get_uint (watch->job, "PercentComplete"), ==, 99);
  g_assert_cmpuint (get_uint64 (watch->job, "BytesTotal"), ==, 1000);
  vmp_job_post_total (watch->job, 1);
  drain ();
  g_assert_cmpuint (get_uint64 (watch->job, "BytesTotal"), ==, 1000);

  vmp_job_prepare_end (watch->job, NULL, success ());
  vmp_job_finish (watch->job);
  g_assert_cmpuint (get_uint (watch->job, "PercentComplete"), ==, 100);
  g_assert_cmpuint (get_uint64 (watch->job, "BytesDone"), ==,
                    get_uint64 (watch->job, "BytesTotal"));
}

static void
test_huge_total (Watch *watch, gconstpointer data)
{
  vmp_job_start (watch->job);
  vmp_job_post_total (watch->job, G_MAXUINT64);
  post (watch->job, 1, "Copying", NULL);
  g_assert_cmpuint (get_uint (watch->job, "PercentComplete"), ==, 0);
  post (watch->job, G_MAXUINT64 / 2, "Copying", NULL);
  g_assert_cmpuint (get_uint (watch->job, "PercentComplete"), <=, 50);
  post (watch->job, G_MAXUINT64, "Copying", NULL);
  g_assert_cmpuint (get_uint (watch->job, "PercentComplete"), ==, 99);
}

/* With nothing to copy it stays 0 until it is 100. */
static void
test_nothing_to_copy (Watch *watch, gconstpointer data)
{
  vmp_job_start (watch->job);
  post (watch->job, 5, "Copying", "");
  g_assert_cmpuint (get_uint (watch->job, "PercentComplete"), ==, 0);
  vmp_job_prepare_end (watch->job, NULL, success ());
  vmp_job_finish (watch->job);
  g_assert_cmpuint (get_uint (watch->job, "PercentComplete"), ==, 100);
}

/* A phase is one of the contract's, and a name is for a terminal. */
static void
test_words_of_a_worker (Watch *watch, gconstpointer data)
{
  g_autofree char *endless = g_strnfill (100000, 'x');
  g_autoptr (GVariant) described = NULL;
  const char *file;

  vmp_job_start (watch->job);
  post (watch->job, 0, "Copying", "\033]0;owned\a\xe2\x80\xae" "a\xff");
  assert_text (watch->job, "Phase", "Copying");
  post (watch->job, 0, "Done", NULL);
  assert_text (watch->job, "Phase", "Copying");
  post (watch->job, 0, "\033[2J", NULL);
  assert_text (watch->job, "Phase", "Copying");
  described = vmp_job_describe (watch->job);
  g_assert_true (g_variant_lookup (described, "CurrentFile", "&s", &file));
  g_assert_cmpstr (file, ==, "]0;owneda\xef\xbf\xbd");
  g_clear_pointer (&described, g_variant_unref);

  post (watch->job, 0, NULL, endless);
  described = vmp_job_describe (watch->job);
  g_assert_true (g_variant_lookup (described, "CurrentFile", "&s", &file));
  g_assert_cmpuint (strlen (file), <, 5000);
}

static gboolean
on_time_up (gpointer data)
{
  gboolean *over = data;

  *over = TRUE;
  return G_SOURCE_REMOVE;
}

/* At most ten signals a second, however often it is posted, whatever the phase does. */
static void
test_rate (Watch *watch, gconstpointer data)
{
  gboolean over = FALSE;
  gint64 start = g_get_monotonic_time ();
  gdouble seconds;

  vmp_job_start (watch->job);
  vmp_job_post_total (watch->job, G_MAXUINT32);
  g_timeout_add (500, on_time_up, &over);
  for (guint64 i = 0; !over; i++)
    {
      vmp_job_post_progress (watch->job, i, "Copying", "disk");
      g_main_context_iteration (NULL, FALSE);
    }
  seconds = (gdouble) (g_get_monotonic_time () - start) / G_USEC_PER_SEC;
  /* Two are of changes of phase. */
  g_assert_cmpfloat (watch->changes->len, <=, 2 + seconds * 10 + 1);
  g_assert_cmpuint (watch->changes->len, >=, 3);

  g_ptr_array_set_size (watch->changes, 0);
  for (guint i = 0; i < 1000; i++)
    post (watch->job, i, i % 2 == 0 ? "Copying" : "Syncing", "disk");
  g_assert_cmpuint (watch->changes->len, >=, 20);
  g_assert_cmpuint (watch->changes->len, <, 100);
}

/* Finished exactly once, after the last property change. */
static void
test_end_is_told_once (Watch *watch, gconstpointer data)
{
  vmp_job_start (watch->job);
  vmp_job_prepare_end (watch->job, NULL, success ());
  g_assert_false (vmp_job_is_ended (watch->job));
  g_assert_cmpuint (watch->finished, ==, 0);
  /* Whoever looks at the state instead must not know better than Wait. */
  g_assert_cmpuint (get_uint (watch->job, "JobState"), ==, VMP_JOB_RUNNING);
  g_assert_cmpuint (get_uint (watch->job, "PercentComplete"), ==, 0);
  g_assert_cmpuint (get_uint64 (watch->job, "EndTime"), ==, 0);
  assert_text (watch->job, "Phase", "Reading");
  vmp_job_finish (watch->job);
  vmp_job_finish (watch->job);
  g_assert_true (vmp_job_is_ended (watch->job));
  post (watch->job, 50, "Copying", "late");
  vmp_job_cancel (watch->job);
  drain ();
  g_assert_cmpuint (watch->finished, ==, 1);
  g_assert_cmpuint (watch->changes_after_finish, ==, 0);
  assert_text (watch->job, "Phase", "Done");
  g_assert_cmpuint (get_uint (watch->job, "JobState"), ==, VMP_JOB_COMPLETED);
}

static void
test_warnings (Watch *watch, gconstpointer data)
{
  vmp_job_start (watch->job);
  vmp_job_prepare_end (watch->job, NULL,
                       g_variant_new_parsed ("{'Warnings': <[{'Code': <'MediaLeftBehind'>}]>}"));
  vmp_job_finish (watch->job);
  g_assert_cmpuint (get_uint (watch->job, "JobState"), ==, VMP_JOB_COMPLETED_WITH_WARNINGS);
}

/* A job that fails keeps its last percentage. */
static void
test_failure (Watch *watch, gconstpointer data)
{
  g_autoptr (GError) error = g_error_new_literal (VMPORT_ERROR, VMPORT_ERROR_CORRUPT, "“a” is bad");
  g_autoptr (GVariant) described = NULL;
  const char *message;

  vmp_job_start (watch->job);
  vmp_job_post_total (watch->job, 100);
  post (watch->job, 42, "Copying", "a");
  vmp_job_prepare_end (watch->job, error, NULL);
  vmp_job_finish (watch->job);
  g_assert_cmpuint (get_uint (watch->job, "JobState"), ==, VMP_JOB_EXCEPTION);
  g_assert_cmpuint (get_uint (watch->job, "PercentComplete"), ==, 42);
  g_assert_cmpuint (get_uint (watch->job, "ErrorCode"), ==, 32768);
  assert_text (watch->job, "ErrorName", "org.vmport.Error.Corrupt");
  assert_text (watch->job, "Phase", "Copying");
  g_assert_cmpuint (get_uint64 (watch->job, "EndTime"), >=, get_uint64 (watch->job, "StartTime"));
  described = vmp_job_describe (watch->job);
  g_assert_true (g_variant_lookup (described, "Message", "&s", &message));
  g_assert_cmpstr (message, ==, "“a” is bad");
}

/* A message may quote a package; it goes to terminals. */
static void
test_message_is_clean (Watch *watch, gconstpointer data)
{
  g_autoptr (GError) error = g_error_new_literal (VMPORT_ERROR, VMPORT_ERROR_CORRUPT,
                                                  "\033[2J“a\xe2\x80\xae” is\nbad");

  vmp_job_start (watch->job);
  vmp_job_prepare_end (watch->job, error, NULL);
  g_assert_error (vmp_job_get_error (watch->job), VMPORT_ERROR, VMPORT_ERROR_CORRUPT);
  g_assert_cmpstr (vmp_job_get_error (watch->job)->message, ==, "[2J“a” isbad");
}

static void
test_cancel (Watch *watch, gconstpointer data)
{
  g_autoptr (GError) error = g_error_new_literal (VMPORT_ERROR, VMPORT_ERROR_CANCELLED, "no more");

  vmp_job_start (watch->job);
  vmp_job_cancel (watch->job);
  vmp_job_cancel (watch->job);
  g_assert_cmpuint (get_uint (watch->job, "JobState"), ==, VMP_JOB_SHUTTING_DOWN);
  g_assert_true (g_cancellable_is_cancelled (vmp_job_get_cancellable (watch->job)));
  /* The last step is not entered any more. */
  g_assert_false (vmp_job_enter_last_step (watch->job));
  vmp_job_prepare_end (watch->job, error, NULL);
  vmp_job_finish (watch->job);
  g_assert_cmpuint (get_uint (watch->job, "JobState"), ==, VMP_JOB_TERMINATED);
}

static void
test_last_step (Watch *watch, gconstpointer data)
{
  vmp_job_start (watch->job);
  g_assert_true (vmp_job_enter_last_step (watch->job));
  assert_not_cancellable (watch->job);
  assert_text (watch->job, "Phase", "Defining");
  vmp_job_cancel (watch->job);
  g_assert_false (g_cancellable_is_cancelled (vmp_job_get_cancellable (watch->job)));
  g_assert_cmpuint (get_uint (watch->job, "JobState"), ==, VMP_JOB_RUNNING);
  /* A worker's last words do not take the phase back. */
  post (watch->job, 0, "Copying", "");
  assert_text (watch->job, "Phase", "Defining");
}

static void
test_hold_and_limit (Watch *watch, gconstpointer data)
{
  vmp_job_start (watch->job);
  vmp_job_set_held (watch->job, TRUE);
  g_assert_cmpuint (get_uint (watch->job, "JobState"), ==, VMP_JOB_SUSPENDED);
  vmp_job_set_held (watch->job, TRUE);
  g_assert_cmpuint (watch->controls, ==, 1);
  vmp_job_set_held (watch->job, FALSE);
  g_assert_cmpuint (get_uint (watch->job, "JobState"), ==, VMP_JOB_RUNNING);
  vmp_job_set_limit (watch->job, 1000);
  g_assert_cmpuint (get_uint64 (watch->job, "BandwidthLimit"), ==, 1000);
  g_assert_cmpuint (watch->controls, ==, 3);
}

static VmpJob *
round_trip (VmpJob *job)
{
  g_autoptr (GVariant) record = vmp_job_to_record (job);
  g_autofree char *text = g_variant_print (record, TRUE);
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) read = g_variant_parse (G_VARIANT_TYPE_VARDICT, text, NULL, NULL, &error);
  VmpJob *again;

  g_assert_no_error (error);
  again = vmp_job_new_from_record (vmp_job_get_number (job), read, &error);
  g_assert_no_error (error);
  return again;
}

static void
assert_same_properties (VmpJob *first, VmpJob *second)
{
  static const char *const names[] = { "Operation", "OwnerUid", "JobState", "PercentComplete",
                                       "Phase", "BytesDone", "BytesTotal", "BandwidthLimit",
                                       "StartTime", "EndTime", "Cancellable", "ErrorCode",
                                       "ErrorName" };
  g_autoptr (GVariant) described = vmp_job_describe (first);
  g_autoptr (GVariant) again = vmp_job_describe (second);
  g_autoptr (GVariantDict) dict = g_variant_dict_new (again);
  GVariantIter iter;
  const char *key;
  GVariant *child;

  for (gsize i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autoptr (GVariant) a = vmp_job_get_property_value (first, names[i]);
      g_autoptr (GVariant) b = vmp_job_get_property_value (second, names[i]);

      g_test_message ("%s", names[i]);
      g_assert_cmpvariant (a, b);
    }
  g_variant_iter_init (&iter, described);
  while (g_variant_iter_next (&iter, "{&sv}", &key, &child))
    {
      g_autoptr (GVariant) value = child;
      g_autoptr (GVariant) other = g_variant_dict_lookup_value (dict, key, NULL);

      g_test_message ("%s", key);
      g_assert_cmpvariant (value, other);
    }
  g_assert_cmpstr (vmp_job_get_manager (first), ==, vmp_job_get_manager (second));
}

static void
test_record_of_success (Watch *watch, gconstpointer data)
{
  g_autoptr (VmpJob) again = NULL;

  vmp_job_set_limit (watch->job, 5);
  vmp_job_start (watch->job);
  vmp_job_post_total (watch->job, 100);
  post (watch->job, 100, "Copying", "a ‘b’ \"c\" \\ \n");
  vmp_job_set_detail (watch->job, "Directory", g_variant_new_string ("/backup/‘web’"));
  vmp_job_set_detail (watch->job, "Findings",
                      g_variant_new_parsed ("[{'Code': <'PackageSize'>}]"));
  vmp_job_prepare_end (watch->job, NULL, success ());
  vmp_job_finish (watch->job);
  again = round_trip (watch->job);
  assert_same_properties (watch->job, again);
  g_assert_true (vmp_job_is_ended (again));
  g_assert_cmpvariant (vmp_job_get_result (watch->job), vmp_job_get_result (again));
}

static void
test_record_of_failure (Watch *watch, gconstpointer data)
{
  g_autoptr (GError) error = g_error_new_literal (G_DBUS_ERROR, G_DBUS_ERROR_ACCESS_DENIED,
                                                  "“/root/x” is not yours");
  g_autoptr (VmpJob) again = NULL;

  vmp_job_start (watch->job);
  vmp_job_prepare_end (watch->job, error, NULL);
  vmp_job_finish (watch->job);
  again = round_trip (watch->job);
  assert_same_properties (watch->job, again);
  g_assert_cmpuint (get_uint (again, "ErrorCode"), ==, 32769);
}

/* The success was prepared, and could not be recorded. */
static void
test_end_turns_bad (Watch *watch, gconstpointer data)
{
  g_autoptr (GError) error = g_error_new_literal (VMPORT_ERROR, VMPORT_ERROR_NO_SPACE, "full");

  vmp_job_start (watch->job);
  vmp_job_prepare_end (watch->job, NULL, success ());
  vmp_job_prepare_end (watch->job, error, NULL);
  g_assert_cmpuint (get_uint (watch->job, "JobState"), ==, VMP_JOB_RUNNING);
  g_assert_cmpuint (get_uint (watch->job, "ErrorCode"), ==, 0);
  assert_text (watch->job, "ErrorName", "");
  vmp_job_finish (watch->job);
  g_assert_cmpuint (get_uint (watch->job, "JobState"), ==, VMP_JOB_EXCEPTION);
  assert_text (watch->job, "ErrorName", "org.vmport.Error.NoSpace");
}

/* A job that was running, or waited, when the daemon died. */
static void
test_interrupted (Watch *watch, gconstpointer data)
{
  g_autoptr (VmpJob) queued = round_trip (watch->job);
  g_autoptr (VmpJob) running = NULL;
  gint64 now = g_get_real_time ();

  g_assert_cmpuint (get_uint (queued, "JobState"), ==, VMP_JOB_EXCEPTION);
  assert_text (queued, "ErrorName", "org.vmport.Error.Interrupted");

  vmp_job_start (watch->job);
  vmp_job_post_total (watch->job, 100);
  post (watch->job, 30, "Copying", "a");
  running = round_trip (watch->job);
  g_assert_cmpuint (get_uint (running, "JobState"), ==, VMP_JOB_EXCEPTION);
  assert_text (running, "ErrorName", "org.vmport.Error.Interrupted");
  g_assert_cmpuint (get_uint (running, "PercentComplete"), ==, 30);
  g_assert_true (vmp_job_is_ended (running));
  assert_not_cancellable (running);
  /* Its five minutes start now. */
  g_assert_cmpint (vmp_job_get_end_time (running), >=, now);
  vmp_job_cancel (running);
  g_assert_cmpuint (get_uint (running, "JobState"), ==, VMP_JOB_EXCEPTION);
}

static void
test_broken_records (void)
{
  static const char *const broken[] = {
    "@a{sv} {}",
    "{'Manager': <'store'>, 'Operation': <'Export'>, 'OwnerUid': <uint32 1>}",
    "{'Manager': <1>, 'Operation': <'Export'>, 'OwnerUid': <uint32 1>, 'JobState': <uint16 4>}",
    "{'Manager': <'store'>, 'Operation': <'Export'>, 'OwnerUid': <'root'>, 'JobState': <uint16 7>}",
  };

  for (gsize i = 0; i < G_N_ELEMENTS (broken); i++)
    {
      g_autoptr (GVariant) record = g_variant_ref_sink (
          g_variant_parse (NULL, broken[i], NULL, NULL, NULL));
      g_autoptr (GError) error = NULL;

      g_assert_null (vmp_job_new_from_record (3, record, &error));
      g_assert_error (error, VMPORT_ERROR, VMPORT_ERROR_CORRUPT);
      g_assert_nonnull (strstr (error->message, "3"));
    }
}

#define ADD(path, func) \
  g_test_add ("/job/" path, Watch, NULL, watch_set_up, func, watch_tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("new", test_new);
  ADD ("percent", test_percent);
  ADD ("huge-total", test_huge_total);
  ADD ("nothing-to-copy", test_nothing_to_copy);
  ADD ("words-of-a-worker", test_words_of_a_worker);
  ADD ("rate", test_rate);
  ADD ("end-is-told-once", test_end_is_told_once);
  ADD ("warnings", test_warnings);
  ADD ("failure", test_failure);
  ADD ("message-is-clean", test_message_is_clean);
  ADD ("cancel", test_cancel);
  ADD ("last-step", test_last_step);
  ADD ("hold-and-limit", test_hold_and_limit);
  ADD ("record-of-success", test_record_of_success);
  ADD ("record-of-failure", test_record_of_failure);
  ADD ("end-turns-bad", test_end_turns_bad);
  ADD ("interrupted", test_interrupted);
  g_test_add_func ("/job/broken-records", test_broken_records);
  return g_test_run ();
}
