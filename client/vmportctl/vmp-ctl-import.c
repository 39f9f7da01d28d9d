/* vmportctl import: a virtual machine from a directory. */
#include "config.h"

#include <glib/gi18n-lib.h>

#include "vmp-ctl-follow.h"
#include "vmp-ctl.h"

VmpCtlStatus
vmp_ctl_import (VmpCtl *ctl, int argc, char **argv)
{
  gboolean no_wait = FALSE;
  const GOptionEntry entries[] = { { "no-wait", 'n', 0, G_OPTION_ARG_NONE, &no_wait,
                                     N_ ("Print the job's path and do not wait for it"), NULL },
                                   { NULL } };
  g_autoptr (VmportManager) manager = NULL;
  g_autoptr (VmportJob) job = NULL;
  g_autoptr (VmpCtlOptions) options = vmp_ctl_options_new (VMP_CTL_IMPORT);
  g_autoptr (GVariant) known = NULL;
  g_autoptr (GVariant) settings = NULL;
  g_autofree char *directory = NULL;
  g_autoptr (GError) error = NULL;
  VmpCtlStatus status = vmp_ctl_parse_settings (
    ctl, options, &argc, &argv, _ ("DIRECTORY"),
    _ ("Imports a virtual machine from a package, or from a directory with one libvirt domain."),
    entries, 1, 1);

  if (status != VMP_CTL_OK)
    return status;
  directory = vmp_ctl_absolute_path (argv[1], &error);
  if (directory == NULL)
    return vmp_ctl_fail (error);
  manager = vmp_ctl_get_manager (ctl, &error);
  if (manager == NULL)
    return vmp_ctl_fail (error);

  if (vmp_ctl_options_need_known (options))
    {
      known
        = vmport_manager_get_import_settings_sync (manager, directory, NULL, NULL, NULL, &error);
      if (known == NULL)
        return vmp_ctl_fail (error);
    }
  settings = vmp_ctl_options_build (options, known, &error);
  if (settings == NULL)
    return vmp_ctl_usage ("%s", error->message);

  vmp_ctl_may_prompt (ctl);
  job = vmport_manager_import_sync (manager, directory, settings, NULL, NULL, &error);
  vmp_ctl_prompted (ctl);
  if (job == NULL)
    return vmp_ctl_fail (error);
  return vmp_ctl_started (ctl, job, no_wait);
}
