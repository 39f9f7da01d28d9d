/* vmportctl cancel: stops a job and waits until it has cleaned up. */
#include "config.h"

#include <glib/gi18n-lib.h>

#include "vmp-ctl.h"

VmpCtlStatus
vmp_ctl_cancel (VmpCtl *ctl, int argc, char **argv)
{
  gboolean no_wait = FALSE;
  const GOptionEntry entries[] = {
    { "no-wait", 'n', 0, G_OPTION_ARG_NONE, &no_wait,
      N_ ("Do not wait until everything is cleaned up"), NULL },
    { NULL }
  };
  g_autoptr (VmportJob) job = NULL;
  g_autoptr (GVariant) result = NULL;
  g_autoptr (GError) error = NULL;
  VmpCtlStatus status = vmp_ctl_parse (ctl, &argc, &argv, _ ("JOB"), _ ("Cancels a job."), entries,
                                       1, 1);

  if (status != VMP_CTL_OK)
    return status;
  job = vmp_ctl_get_job (ctl, argv[1], &error);
  if (job == NULL)
    return vmp_ctl_fail (error);
  vmp_ctl_may_prompt (ctl);
  if (!vmport_job_cancel_sync (job, NULL, &error))
    return vmp_ctl_fail (error);
  if (no_wait)
    return VMP_CTL_OK;
  result = vmport_job_wait_sync (job, NULL, &error);
  if (g_error_matches (error, VMPORT_ERROR, VMPORT_ERROR_CANCELLED))
    return VMP_CTL_OK;
  if (error != NULL)
    return vmp_ctl_fail (error);
  g_printerr (_ ("vmportctl: The job had completed before it could be cancelled\n"));
  return VMP_CTL_FAILED;
}
