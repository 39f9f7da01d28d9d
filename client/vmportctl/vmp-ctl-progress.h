/* How progress is put into words: rates, times and bars, without any output of its own. */
#pragma once

#include <glib.h>

/* A rate in bytes a second, smoothed over some seconds. */
typedef struct
{
  gint64 time;
  guint64 bytes;
  double rate;
  gboolean started;
} VmpCtlRate;

/* Which lines to print where there is no terminal. */
typedef struct
{
  char *phase;
  guint tenth;
} VmpCtlSteps;

void vmp_ctl_rate_update (VmpCtlRate *rate, gint64 now_usec, guint64 bytes);
gint64 vmp_ctl_rate_get_seconds_left (const VmpCtlRate *rate, guint64 done, guint64 total);
gboolean vmp_ctl_steps_update (VmpCtlSteps *steps, guint percent, const char *phase);
void vmp_ctl_steps_clear (VmpCtlSteps *steps);

char *vmp_ctl_progress_format_time (gint64 seconds);
char *vmp_ctl_progress_format_bytes (guint64 done, guint64 total);
char *vmp_ctl_progress_format_bar (guint percent, guint cells);
char *vmp_ctl_progress_format_line (const char *phase, guint percent, guint64 done, guint64 total,
                                    const VmpCtlRate *rate, guint columns);
char *vmp_ctl_progress_format_step (const char *phase, guint percent, guint64 done,
                                    guint64 total);
