/* vmportctl delete: removes a virtual machine. */
#include "config.h"

#include <glib/gi18n-lib.h>

#include "vmp-ctl.h"

VmpCtlStatus
vmp_ctl_delete (VmpCtl *ctl, int argc, char **argv)
{
  gboolean storage = FALSE;
  const GOptionEntry entries[] = {
    { "storage", 0, 0, G_OPTION_ARG_NONE, &storage,
      N_ ("Delete its files too; without this, they stay where they are"), NULL },
    { NULL }
  };
  g_autoptr (VmportVirtualMachine) machine = NULL;
  g_autoptr (GError) error = NULL;
  VmpCtlStatus status = vmp_ctl_parse (ctl, &argc, &argv, _ ("VM"),
                                       _ ("Removes a virtual machine that is off."), entries, 1,
                                       1);

  if (status != VMP_CTL_OK)
    return status;
  machine = vmp_ctl_find (ctl, argv[1], &error);
  if (machine == NULL)
    return vmp_ctl_fail (error);
  vmp_ctl_may_prompt (ctl);
  if (!vmport_virtual_machine_delete_sync (machine, storage, NULL, &error))
    return vmp_ctl_fail (error);
  return VMP_CTL_OK;
}
