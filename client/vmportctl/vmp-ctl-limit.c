/* vmportctl limit: how many bytes a second a job may move. */
#include "config.h"

#include <glib/gi18n-lib.h>

#include "vmp-ctl-size.h"
#include "vmp-ctl-text.h"
#include "vmp-ctl.h"

static void
print_limit (VmpCtl *ctl, VmportJob *job)
{
  guint64 limit = vmport_job_get_bandwidth_limit (job);
  g_autoptr (GVariant) value = NULL;
  g_autofree char *json = NULL;

  if (!ctl->json)
    {
      g_print ("%" G_GUINT64_FORMAT "\n", limit);
      return;
    }
  value = g_variant_ref_sink (g_variant_new_parsed ("{'BandwidthLimit': <%t>}", limit));
  json = vmp_ctl_text_json (value);
  g_print ("%s\n", json);
}

VmpCtlStatus
vmp_ctl_limit (VmpCtl *ctl, int argc, char **argv)
{
  g_autoptr (VmportJob) job = NULL;
  g_autoptr (GError) error = NULL;
  guint64 limit = 0;
  VmpCtlStatus status = vmp_ctl_parse (
    ctl, &argc, &argv, _ ("JOB [BYTES]"),
    _ ("Shows how many bytes a second a job may move, or sets it: 500k, 10M, 0 for no limit."),
    NULL, 1, 2);

  if (status != VMP_CTL_OK)
    return status;
  if (argc > 2 && !vmp_ctl_size_parse (argv[2], &limit, &error))
    return vmp_ctl_usage ("%s", error->message);
  job = vmp_ctl_get_job (ctl, argv[1], &error);
  if (job == NULL)
    return vmp_ctl_fail (error);
  if (argc == 2)
    {
      print_limit (ctl, job);
      return VMP_CTL_OK;
    }
  vmp_ctl_may_prompt (ctl);
  if (!vmport_job_set_bandwidth_limit_sync (job, limit, NULL, &error))
    return vmp_ctl_fail (error);
  return VMP_CTL_OK;
}
