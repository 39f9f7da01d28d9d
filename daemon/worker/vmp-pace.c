/* How fast the copies go and how far they are: shared by the copying threads and the main loop. */
#include "config.h"

#include "vmp-pace.h"

#include "vmp-error.h"

/* Under a limit bytes move in this many steps a second at least, so that it holds over a few seconds
 * too, but not in steps of less than this many bytes. */
#define STEPS_PER_SECOND 10
#define MIN_STEP 4096
/* What a late thread or a slow disk left unused may be made up for, up to that time. */
#define CREDIT_USEC (G_USEC_PER_SEC / 5)

struct _VmpPace
{
  GMutex mutex;
  GCond changed;
  guint64 limit;
  gboolean held;
  gboolean stopped;
  guint64 done;
  /* The moment until which what was copied so far uses up the limit. */
  gint64 paid_until;
  char *phase;
  char *file;
};

VmpPace *
vmp_pace_new (void)
{
  VmpPace *self = g_new0 (VmpPace, 1);

  g_mutex_init (&self->mutex);
  g_cond_init (&self->changed);
  self->phase = g_strdup ("Reading");
  self->file = g_strdup ("");
  return self;
}

void
vmp_pace_free (VmpPace *self)
{
  g_mutex_clear (&self->mutex);
  g_cond_clear (&self->changed);
  g_free (self->phase);
  g_free (self->file);
  g_free (self);
}

void
vmp_pace_set_limit (VmpPace *self, guint64 bytes_per_second)
{
  g_mutex_lock (&self->mutex);
  self->limit = bytes_per_second;
  /* What was copied under the old limit is paid for; a debt of hours must not outlive it. */
  self->paid_until = g_get_monotonic_time ();
  g_cond_broadcast (&self->changed);
  g_mutex_unlock (&self->mutex);
}

void
vmp_pace_hold (VmpPace *self, gboolean hold)
{
  g_mutex_lock (&self->mutex);
  self->held = hold;
  self->paid_until = g_get_monotonic_time ();
  g_cond_broadcast (&self->changed);
  g_mutex_unlock (&self->mutex);
}

/* Ends every copy at its next step. */
void
vmp_pace_stop (VmpPace *self)
{
  g_mutex_lock (&self->mutex);
  self->stopped = TRUE;
  g_cond_broadcast (&self->changed);
  g_mutex_unlock (&self->mutex);
}

void
vmp_pace_set_place (VmpPace *self, const char *phase, const char *file)
{
  g_mutex_lock (&self->mutex);
  g_free (self->phase);
  self->phase = g_strdup (phase);
  g_free (self->file);
  self->file = g_strdup (file);
  g_mutex_unlock (&self->mutex);
}

void
vmp_pace_read (VmpPace *self, guint64 *done, char **phase, char **file)
{
  g_mutex_lock (&self->mutex);
  *done = self->done;
  *phase = g_strdup (self->phase);
  *file = g_strdup (self->file);
  g_mutex_unlock (&self->mutex);
}

/* What is moved next uses up the limit; under a low one it goes in small steps. */
static void
pay (VmpPace *self, guint64 *next)
{
  gint64 now = g_get_monotonic_time ();

  *next = CLAMP (self->limit / STEPS_PER_SECOND, MIN (*next, MIN_STEP), *next);
  self->paid_until = MAX (self->paid_until, now - CREDIT_USEC)
                     + (gint64) MIN ((gdouble) *next * G_USEC_PER_SEC / (gdouble) self->limit,
                                     1e15);
}

/* A VmpCopierProgress: counts @done, and waits until the limit and a hold allow the @next bytes. */
gboolean
vmp_pace_step (guint64 done, guint64 *next, gpointer data, GError **error)
{
  VmpPace *self = data;
  gboolean stopped;

  g_mutex_lock (&self->mutex);
  self->done += done;
  while (!self->stopped)
    {
      if (self->held)
        g_cond_wait (&self->changed, &self->mutex);
      else if (next == NULL || self->limit == 0 || self->paid_until <= g_get_monotonic_time ())
        break;
      else
        g_cond_wait_until (&self->changed, &self->mutex, self->paid_until);
    }
  if (next != NULL && self->limit > 0)
    pay (self, next);
  stopped = self->stopped;
  g_mutex_unlock (&self->mutex);
  if (stopped)
    return vmp_error_set (error, VMPORT_ERROR_CANCELLED, "The copy was stopped");
  return TRUE;
}
