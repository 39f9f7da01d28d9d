/* vmportctl suspend and resume: a job waits, and goes on. */
#include "config.h"

#include <glib/gi18n-lib.h>

#include "vmp-ctl.h"

typedef gboolean (*Control) (VmportJob *job, GCancellable *cancellable, GError **error);

static VmpCtlStatus
run (VmpCtl *ctl, int argc, char **argv, const char *summary, Control control)
{
  g_autoptr (VmportJob) job = NULL;
  g_autoptr (GError) error = NULL;
  VmpCtlStatus status = vmp_ctl_parse (ctl, &argc, &argv, _ ("JOB"), summary, NULL, 1, 1);

  if (status != VMP_CTL_OK)
    return status;
  job = vmp_ctl_get_job (ctl, argv[1], &error);
  if (job == NULL)
    return vmp_ctl_fail (error);
  vmp_ctl_may_prompt (ctl);
  if (!control (job, NULL, &error))
    return vmp_ctl_fail (error);
  return VMP_CTL_OK;
}

VmpCtlStatus
vmp_ctl_suspend (VmpCtl *ctl, int argc, char **argv)
{
  return run (ctl, argc, argv, _ ("Makes a job wait; it moves no bytes until it is resumed."),
              vmport_job_suspend_sync);
}

VmpCtlStatus
vmp_ctl_resume (VmpCtl *ctl, int argc, char **argv)
{
  return run (ctl, argc, argv, _ ("Lets a suspended job go on."), vmport_job_resume_sync);
}
