/* The pace of a job's copies: the limit is for all of them together and for any moment of it, and
 * whoever waits for leave hears of a stop at once. */
#include "config.h"

#include "vmp-pace.h"
#include "vmport-error.h"

#define MIB (1024 * 1024)
#define LIMIT (8 * MIB)
#define N_COPIES 3
#define PIECE ((guint64) MIB)

/* What a copy was allowed, and when. */
typedef struct
{
  gint64 when;
  guint64 bytes;
} Leave;

typedef struct
{
  VmpPace *pace;
  gint64 end;
  GMutex mutex;
  GArray *leaves; /* of Leave, in the order of time */
} Copies;

static gpointer
copy_until_the_end (gpointer data)
{
  Copies *copies = data;
  guint64 done = 0;

  while (g_get_monotonic_time () < copies->end)
    {
      g_autoptr (GError) error = NULL;
      Leave leave = { 0, PIECE };

      vmp_pace_next (done, &leave.bytes, copies->pace, &error);
      g_assert_no_error (error);
      g_assert_cmpuint (leave.bytes, >, 0);
      g_assert_cmpuint (leave.bytes, <=, PIECE);
      g_mutex_lock (&copies->mutex);
      leave.when = g_get_monotonic_time ();
      g_array_append_val (copies->leaves, leave);
      g_mutex_unlock (&copies->mutex);
      done = leave.bytes;
    }
  return NULL;
}

/* Runs that many copies under the limit, for so long. */
static GArray *
run_copies (guint n, gdouble seconds)
{
  g_autoptr (VmpPace) pace = vmp_pace_new ();
  Copies copies = { .pace = pace };
  GThread *threads[N_COPIES];

  g_mutex_init (&copies.mutex);
  copies.leaves = g_array_new (FALSE, FALSE, sizeof (Leave));
  vmp_pace_set_limit (pace, LIMIT);
  /* What is not used in a second is not made up for in the next. */
  g_usleep (G_USEC_PER_SEC);
  copies.end = g_get_monotonic_time () + (gint64) (seconds * G_USEC_PER_SEC);
  for (guint i = 0; i < n; i++)
    threads[i] = g_thread_new ("copy", copy_until_the_end, &copies);
  for (guint i = 0; i < n; i++)
    g_thread_join (threads[i]);
  g_mutex_clear (&copies.mutex);
  return copies.leaves;
}

/* Between any two moments no more moves than the limit, and what 5 % of ten seconds come to: that
 * much may a copy that was late make up for, whatever the span. No machine is too busy for that. */
static void
test_limit (gconstpointer data)
{
  g_autoptr (GArray) leaves = run_copies (GPOINTER_TO_UINT (data), 1.5);
  const guint64 allowance = (guint64) LIMIT * 10 / 100 * 5;

  g_assert_cmpuint (leaves->len, >, 10);
  for (guint first = 0; first < leaves->len; first++)
    {
      const Leave *start = &g_array_index (leaves, Leave, first);
      guint64 sum = 0;

      for (guint last = first; last < leaves->len; last++)
        {
          const Leave *leave = &g_array_index (leaves, Leave, last);

          sum += leave->bytes;
          g_assert_cmpuint (sum, <=, allowance + (guint64) ((gdouble) LIMIT / G_USEC_PER_SEC
                                                            * (gdouble) (leave->when - start->when)));
        }
    }
}

/* A limit is used, not only kept: many copies get as much as one does. */
static void
test_used (void)
{
  g_autoptr (GArray) leaves = run_copies (N_COPIES, 1.5);
  const Leave *last = &g_array_index (leaves, Leave, leaves->len - 1);
  gdouble seconds = (gdouble) (last->when - g_array_index (leaves, Leave, 0).when) / G_USEC_PER_SEC;
  guint64 sum = 0;

  for (guint i = 0; i < leaves->len; i++)
    sum += g_array_index (leaves, Leave, i).bytes;
  /* A busy machine keeps threads from their turns. */
  g_assert_cmpfloat ((gdouble) sum, >=, LIMIT * seconds * 0.8);
}

static gpointer
stop_soon (gpointer pace)
{
  g_usleep (50 * 1000);
  vmp_pace_stop (pace);
  return NULL;
}

/* Under a limit of a byte a second, and while it is held. */
static void
test_stop (gconstpointer data)
{
  gboolean held = GPOINTER_TO_INT (data);
  g_autoptr (VmpPace) pace = vmp_pace_new ();
  g_autoptr (GError) error = NULL;
  GThread *thread;
  guint64 next = PIECE;

  vmp_pace_set_limit (pace, held ? 0 : 1);
  g_assert_true (vmp_pace_next (0, &next, pace, NULL));
  if (held)
    vmp_pace_hold (pace, TRUE);
  thread = g_thread_new ("stop", stop_soon, pace);
  g_assert_false (vmp_pace_next (0, &next, pace, &error));
  g_assert_error (error, VMPORT_ERROR, VMPORT_ERROR_CANCELLED);
  g_thread_join (thread);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_data_func ("/pace/limit/one", GUINT_TO_POINTER (1), test_limit);
  g_test_add_data_func ("/pace/limit/three", GUINT_TO_POINTER (N_COPIES), test_limit);
  g_test_add_func ("/pace/used", test_used);
  g_test_add_data_func ("/pace/stop/limit", GINT_TO_POINTER (FALSE), test_stop);
  g_test_add_data_func ("/pace/stop/held", GINT_TO_POINTER (TRUE), test_stop);
  return g_test_run ();
}
