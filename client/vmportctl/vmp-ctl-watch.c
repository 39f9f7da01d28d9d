/* vmportctl watch: follows a job that runs, or tells the result of one that has ended. */
#include "config.h"

#include <glib/gi18n-lib.h>
#include <unistd.h>

#include "vmp-ctl-follow.h"
#include "vmp-ctl.h"

VmpCtlStatus
vmp_ctl_watch (VmpCtl *ctl, int argc, char **argv)
{
  g_autoptr (VmportJob) job = NULL;
  g_autoptr (GError) error = NULL;
  VmpCtlStatus status
    = vmp_ctl_parse (ctl, &argc, &argv, _ ("JOB"),
                     _ ("Follows a job until it ends, and exits as it did."), NULL, 1, 1);

  if (status != VMP_CTL_OK)
    return status;
  job = vmp_ctl_get_job (ctl, argv[1], &error);
  if (job == NULL)
    return vmp_ctl_fail (error);
  /* Somebody else's job may be watched by those who may manage jobs. */
  if (vmport_job_get_owner_uid (job) != getuid ())
    vmp_ctl_may_prompt (ctl);
  return vmp_ctl_follow (ctl, job);
}
