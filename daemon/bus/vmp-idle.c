/* Tells when nobody has needed the daemon for a while. */
#include "config.h"

#include "vmp-idle.h"

struct _VmpIdle
{
  GObject parent_instance;
  VmpCallers *callers;
  VmpJobs *jobs;
  guint seconds;
  guint timer; /* runs while there is no work */
};

G_DEFINE_FINAL_TYPE (VmpIdle, vmp_idle, G_TYPE_OBJECT)

static guint idle_signal;

static void
vmp_idle_finalize (GObject *object)
{
  VmpIdle *self = VMP_IDLE (object);

  g_clear_handle_id (&self->timer, g_source_remove);
  g_clear_object (&self->callers);
  g_clear_object (&self->jobs);
  G_OBJECT_CLASS (vmp_idle_parent_class)->finalize (object);
}

static void
vmp_idle_class_init (VmpIdleClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = vmp_idle_finalize;
  idle_signal = g_signal_new ("idle", VMP_TYPE_IDLE, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                              G_TYPE_NONE, 0);
}

static void
vmp_idle_init (VmpIdle *self)
{
}

gboolean
vmp_idle_is_idle (VmpIdle *self)
{
  return vmp_callers_is_empty (self->callers) && vmp_jobs_is_empty (self->jobs)
         && !vmp_jobs_is_busy (self->jobs);
}

/* Work that no signal tells of, the end of what is no job, is seen to here. */
static gboolean
on_timer (gpointer data)
{
  VmpIdle *self = data;

  if (!vmp_idle_is_idle (self))
    return G_SOURCE_CONTINUE;
  self->timer = 0;
  g_signal_emit (self, idle_signal, 0);
  return G_SOURCE_REMOVE;
}

static void
update (VmpIdle *self)
{
  gboolean idle = vmp_callers_is_empty (self->callers) && vmp_jobs_is_empty (self->jobs);

  if (!idle)
    g_clear_handle_id (&self->timer, g_source_remove);
  else if (self->timer == 0)
    self->timer = g_timeout_add_seconds (self->seconds, on_timer, self);
}

VmpIdle *
vmp_idle_new (VmpCallers *callers, VmpJobs *jobs, guint seconds)
{
  VmpIdle *self = g_object_new (VMP_TYPE_IDLE, NULL);

  self->callers = g_object_ref (callers);
  self->jobs = g_object_ref (jobs);
  self->seconds = seconds;
  g_signal_connect_object (callers, "changed", G_CALLBACK (update), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (jobs, "added", G_CALLBACK (update), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (jobs, "removed", G_CALLBACK (update), self, G_CONNECT_SWAPPED);
  update (self);
  return self;
}
