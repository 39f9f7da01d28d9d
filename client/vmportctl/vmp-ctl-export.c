/* vmportctl export: a virtual machine into a directory. */
#include "config.h"

#include <glib/gi18n-lib.h>

#include "vmp-ctl-follow.h"
#include "vmp-ctl-set.h"
#include "vmp-ctl.h"

VmpCtlStatus
vmp_ctl_export (VmpCtl *ctl, int argc, char **argv)
{
  gboolean subdirectory = FALSE;
  gboolean no_wait = FALSE;
  g_autofree char *checksum = NULL;
  g_auto (GStrv) assignments = NULL;
  const GOptionEntry entries[] = {
    { "subdirectory", 's', 0, G_OPTION_ARG_NONE, &subdirectory,
      N_ ("Put it into a subdirectory with the name of the virtual machine"), NULL },
    { "checksum", 0, 0, G_OPTION_ARG_STRING, &checksum,
      N_ ("Digests in the package: fs-verity (default), sha256 or none"), N_ ("KIND") },
    { "set", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &assignments, N_ ("Change any setting"),
      N_ ("KEY=VALUE") },
    { "no-wait", 'n', 0, G_OPTION_ARG_NONE, &no_wait,
      N_ ("Print the job's path and do not wait for it"), NULL },
    { NULL }
  };
  g_autoptr (VmportManager) manager = NULL;
  g_autoptr (VmportVirtualMachine) machine = NULL;
  g_autoptr (VmportJob) job = NULL;
  g_autofree char *directory = NULL;
  g_auto (GVariantDict) settings = G_VARIANT_DICT_INIT (NULL);
  g_autoptr (GError) error = NULL;
  VmpCtlStatus status = vmp_ctl_parse (ctl, &argc, &argv, _ ("VM DIRECTORY"),
                                       _ ("Exports a virtual machine into a directory, which must "
                                          "not exist yet or be empty."),
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

  if (assignments != NULL)
    {
      g_autoptr (GVariant) known
        = vmport_manager_get_export_settings_sync (manager, machine, NULL, &error);

      if (known == NULL)
        return vmp_ctl_fail (error);
      if (!vmp_ctl_set_apply (&settings, known, (const char *const *) assignments, &error))
        return vmp_ctl_usage ("%s", error->message);
    }
  if (subdirectory)
    g_variant_dict_insert (&settings, "CreateVmExportSubdirectory", "b", TRUE);
  if (checksum != NULL)
    g_variant_dict_insert (&settings, "Checksum", "s", checksum);

  job = vmport_manager_export_sync (manager, machine, directory, g_variant_dict_end (&settings),
                                    NULL, NULL, &error);
  if (job == NULL)
    return vmp_ctl_fail (error);
  return vmp_ctl_started (ctl, job, no_wait);
}
