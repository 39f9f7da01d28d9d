/* Tells when nobody has needed the daemon for a while. */
#pragma once

#include <gio/gio.h>

#include "vmp-caller.h"
#include "vmp-jobs.h"

G_BEGIN_DECLS

#define VMP_TYPE_IDLE (vmp_idle_get_type ())
G_DECLARE_FINAL_TYPE (VmpIdle, vmp_idle, VMP, IDLE, GObject)

/* Emits `idle` once there has been no work for @seconds: no job, not even one that has ended and is
 * kept, and on the bus no connection that has ever called. */
VmpIdle *vmp_idle_new (VmpCallers *callers, VmpJobs *jobs, guint seconds);
gboolean vmp_idle_is_idle (VmpIdle *self);

G_END_DECLS
