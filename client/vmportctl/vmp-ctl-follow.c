/* Follows a job to its end, with its progress on the terminal. */
#include "config.h"

#include "vmp-ctl-follow.h"

#include <glib-unix.h>
#include <glib/gi18n-lib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "vmp-ctl-progress.h"
#include "vmp-ctl-text.h"

/* How long a second Ctrl-C is awaited after the first one. */
#define DETACH_MSEC 2500
#define DEFAULT_COLUMNS 80

typedef struct
{
  VmpCtl *ctl;
  VmportJob *job;
  GMainLoop *loop;
  GCancellable *cancellable;
  gboolean terminal;
  gboolean line_shown;
  VmpCtlRate rate;
  VmpCtlSteps steps;
  guint detach_id;
  gboolean interrupted;
  gboolean detached;
  GVariant *result;
  GError *error;
} Follow;

static guint
get_columns (void)
{
  struct winsize size = { 0 };

  if (ioctl (STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
    /* Writing the last column makes some terminals wrap. */
    return size.ws_col - 1u;
  return DEFAULT_COLUMNS - 1;
}

static void
clear_line (Follow *follow)
{
  if (follow->line_shown)
    g_printerr ("\r\033[K");
  follow->line_shown = FALSE;
}

static void
show (Follow *follow, guint percent, guint64 done, guint64 total, const char *phase)
{
  g_autofree char *clean = vmp_ctl_text_clean (phase);
  g_autofree char *line = NULL;

  vmp_ctl_rate_update (&follow->rate, g_get_monotonic_time (), done);
  if (!follow->terminal)
    {
      if (!vmp_ctl_steps_update (&follow->steps, percent, clean))
        return;
      line = vmp_ctl_progress_format_step (clean, percent, done, total);
      g_printerr ("%s\n", line);
      return;
    }
  /* A message about Ctrl-C stays readable. */
  if (follow->detach_id != 0)
    return;
  line = vmp_ctl_progress_format_line (clean, percent, done, total, &follow->rate,
                                       get_columns ());
  g_printerr ("\r%s\033[K", line);
  follow->line_shown = TRUE;
}

static void
progress_cb (VmportJob *job, guint percent, guint64 done, guint64 total, const char *phase,
             gpointer user_data)
{
  show (user_data, percent, done, total, phase);
}

static void
wait_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Follow *follow = user_data;

  follow->result = vmport_job_wait_finish (VMPORT_JOB (source), result, &follow->error);
  g_main_loop_quit (follow->loop);
}

static void
detach (Follow *follow)
{
  follow->detached = TRUE;
  g_cancellable_cancel (follow->cancellable);
}

static gboolean
detach_cb (gpointer user_data)
{
  Follow *follow = user_data;

  follow->detach_id = 0;
  detach (follow);
  return G_SOURCE_REMOVE;
}

static void
cancel_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *clean = NULL;

  if (vmport_job_cancel_finish (VMPORT_JOB (source), result, &error))
    return;
  clean = vmp_ctl_text_clean (error->message);
  g_printerr (_ ("vmportctl: The job could not be cancelled: %s\n"), clean);
}

static const char *
get_number (VmportJob *job)
{
  const char *path = vmport_job_get_object_path (job);

  return strrchr (path, '/') + 1;
}

static const char *
get_session_option (Follow *follow)
{
  return follow->ctl->session ? " --session" : "";
}

/* The first one detaches after a moment, the second one cancels, any further one leaves at once. */
static gboolean
interrupt_cb (gpointer user_data)
{
  Follow *follow = user_data;

  clear_line (follow);
  if (!follow->interrupted)
    {
      follow->interrupted = TRUE;
      g_printerr (_ ("\nThe job goes on. Press Ctrl-C once more to cancel it.\n"
                     "To watch it again: vmportctl%s watch %s\n"
                     "To cancel it:      vmportctl%s cancel %s\n"),
                  get_session_option (follow), get_number (follow->job),
                  get_session_option (follow), get_number (follow->job));
      follow->detach_id = g_timeout_add (DETACH_MSEC, detach_cb, follow);
      return G_SOURCE_CONTINUE;
    }
  if (follow->detach_id == 0)
    {
      detach (follow);
      return G_SOURCE_CONTINUE;
    }
  g_clear_handle_id (&follow->detach_id, g_source_remove);
  g_printerr (_ ("\nCancelling; this takes until everything is cleaned up.\n"));
  vmport_job_cancel (follow->job, NULL, cancel_cb, follow);
  return G_SOURCE_CONTINUE;
}

static gboolean
terminate_cb (gpointer user_data)
{
  detach (user_data);
  return G_SOURCE_CONTINUE;
}

static void
print_findings (GVariant *findings, const char *severity, const char *known, const char *prefix)
{
  GVariantIter iter;
  GVariant *finding;

  g_variant_iter_init (&iter, findings);
  while (g_variant_iter_loop (&iter, "@a{sv}", &finding))
    {
      const char *message = NULL;
      const char *is = NULL;
      g_autofree char *clean = NULL;

      if (!g_variant_lookup (finding, "Message", "&s", &message)
          || g_strcmp0 (message, known) == 0)
        continue;
      if (severity != NULL
          && (!g_variant_lookup (finding, "Severity", "&s", &is) || !g_str_equal (is, severity)))
        continue;
      clean = vmp_ctl_text_clean (message);
      g_printerr ("%s%s\n", prefix, clean);
    }
}

/* Says what else stopped the job, and what it could not clean up. */
static void
explain_failure (Follow *follow)
{
  g_autoptr (GVariant) description = vmport_job_describe_sync (follow->job, NULL, NULL);
  g_autoptr (GVariant) findings = NULL;
  g_autoptr (GVariantIter) leftovers = NULL;
  const char *path;

  if (description == NULL)
    return;
  findings = g_variant_lookup_value (description, "Findings", G_VARIANT_TYPE ("aa{sv}"));
  if (findings != NULL)
    print_findings (findings, "error", follow->error->message, _ ("Also: "));
  if (!g_variant_lookup (description, "Leftovers", "as", &leftovers))
    return;
  while (g_variant_iter_loop (leftovers, "&s", &path))
    {
      g_autofree char *clean = vmp_ctl_text_clean (path);

      g_printerr (_ ("Left behind: %s\n"), clean);
    }
}

static void
print_result (Follow *follow)
{
  g_autoptr (GVariant) warnings
    = g_variant_lookup_value (follow->result, "Warnings", G_VARIANT_TYPE ("aa{sv}"));
  g_autofree char *text = NULL;
  const char *path;
  guint32 files = 0;
  guint64 bytes = 0;

  if (warnings != NULL)
    print_findings (warnings, NULL, NULL, _ ("Warning: "));
  if (follow->ctl->json)
    {
      g_auto (GVariantDict) dict = G_VARIANT_DICT_INIT (follow->result);
      g_autoptr (GVariant) all = NULL;

      g_variant_dict_insert (&dict, "Job", "o", vmport_job_get_object_path (follow->job));
      all = g_variant_ref_sink (g_variant_dict_end (&dict));
      text = vmp_ctl_text_json (all);
      g_print ("%s\n", text);
    }
  else if (g_variant_lookup (follow->result, "ExportPath", "&s", &path)
           || g_variant_lookup (follow->result, "ImportedVirtualMachine", "&o", &path))
    {
      text = vmp_ctl_text_clean (path);
      g_print ("%s\n", text);
    }
  else if (g_variant_lookup (follow->result, "BytesRead", "t", &bytes)
           && g_variant_lookup (follow->result, "Files", "u", &files))
    {
      text = g_format_size_full (bytes, G_FORMAT_SIZE_IEC_UNITS);
      g_print (g_dngettext (GETTEXT_PACKAGE, "%u file is as it should be (%s read)\n",
                            "%u files are as they should be (%s read)\n", files),
               files, text);
    }
}

static VmpCtlStatus
finish (Follow *follow)
{
  clear_line (follow);
  if (follow->detached)
    return VMP_CTL_DETACHED;
  if (follow->result != NULL)
    {
      print_result (follow);
      return VMP_CTL_OK;
    }
  if (!g_error_matches (follow->error, VMPORT_ERROR, VMPORT_ERROR_CANCELLED))
    {
      VmpCtlStatus status = vmp_ctl_fail (follow->error);

      explain_failure (follow);
      return status;
    }
  return vmp_ctl_fail (follow->error);
}

/* Shows a job until it ends or the user leaves it, and gives the exit status. */
VmpCtlStatus
vmp_ctl_follow (VmpCtl *ctl, VmportJob *job)
{
  g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  Follow follow = { .ctl = ctl,
                    .job = job,
                    .loop = loop,
                    .cancellable = cancellable,
                    .terminal = isatty (STDERR_FILENO) == 1 };
  gulong progress_id = g_signal_connect (job, "progress", G_CALLBACK (progress_cb), &follow);
  guint interrupt_id = g_unix_signal_add (SIGINT, interrupt_cb, &follow);
  guint terminate_id = g_unix_signal_add (SIGTERM, terminate_cb, &follow);
  const char *phase = vmport_job_get_phase (job);
  VmpCtlStatus status;

  if (!vmport_job_get_ended (job) && phase != NULL && *phase != '\0')
    show (&follow, vmport_job_get_percent (job), vmport_job_get_bytes_done (job),
          vmport_job_get_bytes_total (job), phase);
  vmport_job_wait (job, cancellable, wait_cb, &follow);
  g_main_loop_run (loop);

  status = finish (&follow);
  g_signal_handler_disconnect (job, progress_id);
  g_source_remove (interrupt_id);
  g_source_remove (terminate_id);
  g_clear_handle_id (&follow.detach_id, g_source_remove);
  g_clear_pointer (&follow.result, g_variant_unref);
  g_clear_error (&follow.error);
  vmp_ctl_steps_clear (&follow.steps);
  return status;
}

/* After a job was started: follows it, or says where it is. */
VmpCtlStatus
vmp_ctl_started (VmpCtl *ctl, VmportJob *job, gboolean no_wait)
{
  if (!no_wait)
    return vmp_ctl_follow (ctl, job);
  if (ctl->json)
    {
      g_autoptr (GVariant) value = g_variant_ref_sink (
        g_variant_new_parsed ("{'Job': <%o>}", vmport_job_get_object_path (job)));
      g_autofree char *text = vmp_ctl_text_json (value);

      g_print ("%s\n", text);
    }
  else
    g_print ("%s\n", vmport_job_get_object_path (job));
  return VMP_CTL_OK;
}
