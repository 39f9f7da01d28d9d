/* vmportctl verify: reads a whole package and checks every file of it. */
#include "config.h"

#include <glib/gi18n-lib.h>

#include "vmp-ctl-follow.h"
#include "vmp-ctl-size.h"
#include "vmp-ctl.h"

VmpCtlStatus
vmp_ctl_verify (VmpCtl *ctl, int argc, char **argv)
{
  gboolean no_wait = FALSE;
  g_autofree char *limit = NULL;
  const GOptionEntry entries[]
    = { { "bandwidth-limit", 0, 0, G_OPTION_ARG_FILENAME, &limit,
          N_ ("Bytes a second, such as 10M; 0 for no limit"), N_ ("BYTES") },
        { "no-wait", 'n', 0, G_OPTION_ARG_NONE, &no_wait,
          N_ ("Print the job's path and do not wait for it"), NULL },
        { NULL } };
  g_auto (GVariantDict) settings = G_VARIANT_DICT_INIT (NULL);
  g_autoptr (VmportManager) manager = NULL;
  g_autoptr (VmportJob) job = NULL;
  g_autofree char *directory = NULL;
  g_autoptr (GError) error = NULL;
  guint64 bytes = 0;
  VmpCtlStatus status = vmp_ctl_parse (
    ctl, &argc, &argv, _ ("DIRECTORY"),
    _ ("Checks every file, size and digest of a package, without importing it."), entries, 1, 1);

  if (status != VMP_CTL_OK)
    return status;
  if (limit != NULL)
    {
      if (!vmp_ctl_size_parse (limit, &bytes, &error))
        return vmp_ctl_usage ("%s", error->message);
      g_variant_dict_insert (&settings, "BandwidthLimit", "t", bytes);
    }
  directory = vmp_ctl_absolute_path (argv[1], &error);
  if (directory == NULL)
    return vmp_ctl_fail (error);
  manager = vmp_ctl_get_manager (ctl, &error);
  if (manager == NULL)
    return vmp_ctl_fail (error);
  job = vmport_manager_verify_sync (manager, directory, g_variant_dict_end (&settings), NULL, NULL,
                                    &error);
  if (job == NULL)
    return vmp_ctl_fail (error);
  return vmp_ctl_started (ctl, job, no_wait);
}
