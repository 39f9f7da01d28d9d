/* vmportctl jobs: the caller's jobs. */
#include "config.h"

#include <glib/gi18n-lib.h>
#include <string.h>

#include "vmp-ctl-progress.h"
#include "vmp-ctl-text.h"
#include "vmp-ctl.h"

static const char *
describe_state (VmportJob *job)
{
  switch (vmport_job_get_state (job))
    {
    case VMPORT_JOB_STATE_NEW:
      return _ ("queued");
    case VMPORT_JOB_STATE_STARTING:
      return _ ("starting");
    case VMPORT_JOB_STATE_RUNNING:
      return _ ("running");
    case VMPORT_JOB_STATE_SUSPENDED:
      return _ ("suspended");
    case VMPORT_JOB_STATE_SHUTTING_DOWN:
      return _ ("cancelling");
    case VMPORT_JOB_STATE_COMPLETED:
      return _ ("completed");
    case VMPORT_JOB_STATE_TERMINATED:
      return _ ("cancelled");
    case VMPORT_JOB_STATE_EXCEPTION:
      return _ ("failed");
    case VMPORT_JOB_STATE_COMPLETED_WITH_WARNINGS:
      return _ ("completed with warnings");
    case VMPORT_JOB_STATE_UNKNOWN:
    default:
      return _ ("unknown");
    }
}

static char **
make_row (VmportJob *job)
{
  const char *error_name = vmport_job_get_error_name (job);
  const char *operation = vmport_job_get_operation (job);
  char **cells = g_new0 (char *, 8);

  cells[0] = g_path_get_basename (vmport_job_get_object_path (job));
  cells[1] = vmp_ctl_text_clean (operation != NULL ? operation : "-");
  cells[2] = g_strdup (describe_state (job));
  cells[3] = g_strdup_printf ("%u%%", vmport_job_get_percent (job));
  cells[4] = vmp_ctl_progress_format_bytes (vmport_job_get_bytes_done (job),
                                            vmport_job_get_bytes_total (job));
  cells[5] = g_strdup_printf ("%u", vmport_job_get_owner_uid (job));
  cells[6] = vmp_ctl_text_clean (error_name != NULL && *error_name != '\0' ? error_name : "-");
  return cells;
}

static GVariant *
to_variant (VmportJob *job)
{
  const char *operation = vmport_job_get_operation (job);
  const char *phase = vmport_job_get_phase (job);
  const char *error_name = vmport_job_get_error_name (job);
  g_auto (GVariantDict) dict = G_VARIANT_DICT_INIT (NULL);

  g_variant_dict_insert (&dict, "ObjectPath", "o", vmport_job_get_object_path (job));
  g_variant_dict_insert (&dict, "Operation", "s", operation != NULL ? operation : "");
  g_variant_dict_insert (&dict, "OwnerUid", "u", vmport_job_get_owner_uid (job));
  g_variant_dict_insert (&dict, "JobState", "q", (guint) vmport_job_get_state (job));
  g_variant_dict_insert (&dict, "PercentComplete", "q", vmport_job_get_percent (job));
  g_variant_dict_insert (&dict, "Phase", "s", phase != NULL ? phase : "");
  g_variant_dict_insert (&dict, "BytesDone", "t", vmport_job_get_bytes_done (job));
  g_variant_dict_insert (&dict, "BytesTotal", "t", vmport_job_get_bytes_total (job));
  g_variant_dict_insert (&dict, "BandwidthLimit", "t", vmport_job_get_bandwidth_limit (job));
  g_variant_dict_insert (&dict, "StartTime", "t", vmport_job_get_start_time (job));
  g_variant_dict_insert (&dict, "EndTime", "t", vmport_job_get_end_time (job));
  g_variant_dict_insert (&dict, "ErrorCode", "q", vmport_job_get_error_code (job));
  g_variant_dict_insert (&dict, "ErrorName", "s", error_name != NULL ? error_name : "");
  return g_variant_dict_end (&dict);
}

static void
print_json (GPtrArray *jobs)
{
  g_auto (GVariantBuilder) builder = G_VARIANT_BUILDER_INIT (G_VARIANT_TYPE ("aa{sv}"));
  g_autoptr (GVariant) list = NULL;
  g_autofree char *json = NULL;

  for (guint i = 0; i < jobs->len; i++)
    g_variant_builder_add_value (&builder, to_variant (jobs->pdata[i]));
  list = g_variant_ref_sink (g_variant_builder_end (&builder));
  json = vmp_ctl_text_json (list);
  g_print ("%s\n", json);
}

VmpCtlStatus
vmp_ctl_jobs (VmpCtl *ctl, int argc, char **argv)
{
  const char *heads[] = { _ ("JOB"),   _ ("OPERATION"), _ ("STATE"), _ ("DONE"),
                          _ ("BYTES"), _ ("OWNER"),     _ ("ERROR"), NULL };
  g_autoptr (GPtrArray) jobs = NULL;
  g_autoptr (GPtrArray) rows = g_ptr_array_new_with_free_func ((GDestroyNotify) g_strfreev);
  g_autoptr (GError) error = NULL;
  VmpCtlStatus status = vmp_ctl_parse (
    ctl, &argc, &argv, "",
    _ ("Lists your jobs, and those of others where you may manage jobs."), NULL, 0, 0);

  if (status != VMP_CTL_OK)
    return status;
  if (!vmp_ctl_connect (ctl, &error))
    return vmp_ctl_fail (error);
  jobs = vmport_client_list_jobs_sync (ctl->client, NULL, &error);
  if (jobs == NULL)
    return vmp_ctl_fail (error);
  if (ctl->json)
    {
      print_json (jobs);
      return VMP_CTL_OK;
    }
  for (guint i = 0; i < jobs->len; i++)
    g_ptr_array_add (rows, make_row (jobs->pdata[i]));
  vmp_ctl_text_print_table (heads, rows);
  return VMP_CTL_OK;
}
