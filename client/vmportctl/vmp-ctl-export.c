/* vmportctl export: a virtual machine into a directory. */
#include "config.h"

#include <glib/gi18n-lib.h>

#include "vmp-ctl-follow.h"
#include "vmp-ctl.h"

VmpCtlStatus
vmp_ctl_export (VmpCtl *ctl, int argc, char **argv)
{
  gboolean no_wait = FALSE;
  const GOptionEntry entries[] = { { "no-wait", 'n', 0, G_OPTION_ARG_NONE, &no_wait,
                                     N_ ("Print the job's path and do not wait for it"), NULL },
                                   { NULL } };
  g_autoptr (VmportManager) manager = NULL;
  g_autoptr (VmportVirtualMachine) machine = NULL;
  g_autoptr (VmportJob) job = NULL;
  g_autoptr (VmpCtlOptions) options = vmp_ctl_options_new (VMP_CTL_EXPORT);
  g_autoptr (GVariant) known = NULL;
  g_autoptr (GVariant) settings = NULL;
  g_autofree char *directory = NULL;
  g_autoptr (GError) error = NULL;
  VmpCtlStatus status = vmp_ctl_parse_settings (
    ctl, options, &argc, &argv, _ ("VM DIRECTORY"),
    _ ("Exports a virtual machine into a directory, which must not exist yet or be empty."),
    entries, 2, 2);

  if (status != VMP_CTL_OK)
    return status;
  directory = vmp_ctl_absolute_path (argv[2], &error);
  if (directory == NULL)
    return vmp_ctl_fail (error);
  manager = vmp_ctl_get_manager (ctl, &error);
  if (manager == NULL)
    return vmp_ctl_fail (error);
  machine = vmport_manager_find_virtual_machine_sync (manager, argv[1], NULL, &error);
  if (machine == NULL)
    return vmp_ctl_fail (error);

  if (vmp_ctl_options_need_known (options))
    {
      known = vmport_manager_get_export_settings_sync (manager, machine, NULL, &error);
      if (known == NULL)
        return vmp_ctl_fail (error);
    }
  settings = vmp_ctl_options_build (options, known, &error);
  if (settings == NULL)
    return vmp_ctl_usage ("%s", error->message);

  vmp_ctl_may_prompt (ctl);
  job = vmport_manager_export_sync (manager, machine, directory, settings, NULL, NULL, &error);
  vmp_ctl_prompted (ctl);
  if (job == NULL)
    return vmp_ctl_fail (error);
  return vmp_ctl_started (ctl, job, no_wait);
}
