/* How fast the copies go and how far they are: shared by the copying threads and the main loop. */
#include "config.h"

#include "vmp-pace.h"

#include <string.h>

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
  VmpPacePhase on_phase;
  gpointer on_phase_data;
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

/* A phase may be over before anybody looks. Set before the first copy. */
void
vmp_pace_on_phase (VmpPace *self, VmpPacePhase on_phase, gpointer user_data)
{
  self->on_phase = on_phase;
  self->on_phase_data = user_data;
}

void
vmp_pace_set_place (VmpPace *self, const char *phase, const char *file)
{
  g_mutex_lock (&self->mutex);
  if (self->on_phase != NULL && strcmp (self->phase, phase) != 0)
    self->on_phase (self->done, phase, file, self->on_phase_data);
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

/* @bytes more use up the limit. */
static void
pay (VmpPace *self, guint64 bytes)
{
  gint64 earliest = g_get_monotonic_time () - CREDIT_USEC;
  gdouble cost = (gdouble) bytes * G_USEC_PER_SEC / (gdouble) self->limit;

  self->paid_until = MAX (self->paid_until, earliest) + (gint64) MIN (cost, 1e15);
}

/* Waits while the copies are held, and with @limited until what was paid for is used up. */
static gboolean
wait_for_leave (VmpPace *self, gboolean limited, GError **error)
{
  while (!self->stopped)
    {
      if (self->held)
        g_cond_wait (&self->changed, &self->mutex);
      else if (!limited || self->limit == 0 || self->paid_until <= g_get_monotonic_time ())
        return TRUE;
      else
        g_cond_wait_until (&self->changed, &self->mutex, self->paid_until);
    }
  return vmp_error_set (error, VMPORT_ERROR_CANCELLED, "The copy was stopped");
}

/* A VmpCopierProgress: counts @done, waits until the limit and a hold allow more, and lowers @next
 * under a low limit. */
gboolean
vmp_pace_next (guint64 done, guint64 *next, gpointer data, GError **error)
{
  VmpPace *self = data;
  gboolean ok;

  g_mutex_lock (&self->mutex);
  self->done += done;
  ok = wait_for_leave (self, next != NULL, error);
  if (ok && next != NULL && self->limit > 0)
    {
      *next = CLAMP (self->limit / STEPS_PER_SECOND, MIN (*next, MIN_STEP), *next);
      pay (self, *next);
    }
  g_mutex_unlock (&self->mutex);
  return ok;
}

/* For who learns of @bytes once they are moved: counts them, and waits until the next may be. */
gboolean
vmp_pace_step (guint64 bytes, gpointer data, GError **error)
{
  VmpPace *self = data;
  gboolean ok;

  g_mutex_lock (&self->mutex);
  self->done += bytes;
  if (self->limit > 0)
    pay (self, bytes);
  ok = wait_for_leave (self, TRUE, error);
  g_mutex_unlock (&self->mutex);
  return ok;
}
