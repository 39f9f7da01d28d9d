/* How progress is put into words: rates, times and bars, without any output of its own. */
#include "config.h"

#include "vmp-ctl-progress.h"

#include <glib/gi18n-lib.h>
#include <string.h>

#define SMOOTHING_SEC 3.0
/* Rates from shorter spans than this are noise. */
#define MIN_SPAN_USEC (G_USEC_PER_SEC / 5)
#define MIN_BAR 8
#define MAX_BAR 40

void
vmp_ctl_rate_update (VmpCtlRate *rate, gint64 now_usec, guint64 bytes)
{
  double seconds;
  double current;
  double weight;

  /* A count that goes back belongs to another run. */
  if (rate->time == 0 || bytes < rate->bytes)
    {
      *rate = (VmpCtlRate){ .time = now_usec, .bytes = bytes };
      return;
    }
  if (now_usec - rate->time < MIN_SPAN_USEC)
    return;
  seconds = (double) (now_usec - rate->time) / G_USEC_PER_SEC;
  current = (double) (bytes - rate->bytes) / seconds;
  weight = MIN (seconds / SMOOTHING_SEC, 1.0);
  rate->rate = rate->started ? rate->rate + weight * (current - rate->rate) : current;
  rate->started = TRUE;
  rate->time = now_usec;
  rate->bytes = bytes;
}

/* Seconds, or -1 where they cannot be told. */
gint64
vmp_ctl_rate_get_seconds_left (const VmpCtlRate *rate, guint64 done, guint64 total)
{
  double seconds;

  if (total == 0 || done > total || !rate->started || rate->rate < 1.0)
    return -1;
  seconds = (double) (total - done) / rate->rate;
  /* More than a hundred days is no estimate any more. */
  return seconds < 100.0 * 24 * 3600 ? (gint64) (seconds + 0.5) : -1;
}

/* Whether a line is due: a new phase, or another tenth of the way. */
gboolean
vmp_ctl_steps_update (VmpCtlSteps *steps, guint percent, const char *phase)
{
  if (g_strcmp0 (steps->phase, phase) == 0 && percent / 10 <= steps->tenth)
    return FALSE;
  if (g_strcmp0 (steps->phase, phase) != 0)
    {
      g_free (steps->phase);
      steps->phase = g_strdup (phase);
    }
  steps->tenth = percent / 10;
  return TRUE;
}

void
vmp_ctl_steps_clear (VmpCtlSteps *steps)
{
  g_clear_pointer (&steps->phase, g_free);
  steps->tenth = 0;
}

char *
vmp_ctl_progress_format_time (gint64 seconds)
{
  if (seconds < 0)
    return g_strdup ("-:--");
  if (seconds < 3600)
    return g_strdup_printf ("%d:%02d", (int) (seconds / 60), (int) (seconds % 60));
  return g_strdup_printf ("%" G_GINT64_FORMAT ":%02d:%02d", seconds / 3600,
                          (int) (seconds / 60 % 60), (int) (seconds % 60));
}

char *
vmp_ctl_progress_format_bytes (guint64 done, guint64 total)
{
  g_autofree char *done_text = g_format_size_full (done, G_FORMAT_SIZE_IEC_UNITS);
  g_autofree char *total_text = g_format_size_full (total, G_FORMAT_SIZE_IEC_UNITS);

  /* Translators: so many bytes of so many, such as “1.5 GiB of 2.0 GiB”. */
  return g_strdup_printf (_ ("%s of %s"), done_text, total_text);
}

char *
vmp_ctl_progress_format_bar (guint percent, guint cells)
{
  guint full = (guint) ((guint64) MIN (percent, 100) * cells / 100);
  char *bar = g_malloc (cells + 3);

  bar[0] = '[';
  memset (bar + 1, '#', full);
  memset (bar + 1 + full, '-', cells - full);
  bar[cells + 1] = ']';
  bar[cells + 2] = '\0';
  return bar;
}

/* The phases of the contract in the user's language; a new one of a newer daemon stays as it is. */
static const char *
translate_phase (const char *phase)
{
  static const char *const phases[]
    = { N_ ("Queued"),  N_ ("Reading"),  N_ ("Copying"), N_ ("Verifying"),
        N_ ("Syncing"), N_ ("Defining"), N_ ("Done"),    NULL };

  return g_strv_contains (phases, phase) ? _ (phase) : phase;
}

static char *
truncate_line (const char *line, guint columns)
{
  if ((gsize) g_utf8_strlen (line, -1) <= columns)
    return g_strdup (line);
  return g_utf8_substring (line, 0, columns);
}

/* One line for a terminal that is @columns wide; it never wraps. The bar gives way first. */
char *
vmp_ctl_progress_format_line (const char *phase, guint percent, guint64 done, guint64 total,
                              const VmpCtlRate *rate, guint columns)
{
  g_autofree char *head = g_strdup_printf ("%-9s ", translate_phase (phase));
  g_autoptr (GString) tail = g_string_new (NULL);
  g_autofree char *bar = NULL;
  g_autofree char *line = NULL;
  gsize used;
  guint cells;

  g_string_append_printf (tail, " %3u%%", MIN (percent, 100));
  if (total > 0)
    {
      g_autofree char *bytes = vmp_ctl_progress_format_bytes (done, total);

      g_string_append_printf (tail, "  %s", bytes);
    }
  if (rate != NULL && rate->started && total > 0)
    {
      g_autofree char *speed = g_format_size_full ((guint64) rate->rate, G_FORMAT_SIZE_IEC_UNITS);
      g_autofree char *left
        = vmp_ctl_progress_format_time (vmp_ctl_rate_get_seconds_left (rate, done, total));

      g_string_append (tail, "  ");
      /* Translators: a rate, such as “120 MiB/s”. */
      g_string_append_printf (tail, _ ("%s/s"), speed);
      g_string_append (tail, "  ");
      /* Translators: a time, such as “1:23 left”. */
      g_string_append_printf (tail, _ ("%s left"), left);
    }

  used = (gsize) g_utf8_strlen (head, -1) + (gsize) g_utf8_strlen (tail->str, -1) + 2;
  if (columns < used + MIN_BAR)
    {
      line = g_strconcat (head, tail->str, NULL);
      return truncate_line (line, columns);
    }
  cells = (guint) MIN (columns - used, MAX_BAR);
  bar = vmp_ctl_progress_format_bar (percent, cells);
  return g_strconcat (head, bar, tail->str, NULL);
}

/* One line for a log. */
char *
vmp_ctl_progress_format_step (const char *phase, guint percent, guint64 done, guint64 total)
{
  g_autofree char *bytes = NULL;

  if (total == 0)
    return g_strdup_printf ("%s %u%%", translate_phase (phase), MIN (percent, 100));
  bytes = vmp_ctl_progress_format_bytes (done, total);
  return g_strdup_printf ("%s %u%% (%s)", translate_phase (phase), MIN (percent, 100), bytes);
}
