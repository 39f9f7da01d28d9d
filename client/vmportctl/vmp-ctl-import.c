/* vmportctl import: a virtual machine from a directory. */
#include "config.h"

#include <glib/gi18n-lib.h>

#include "vmp-ctl-follow.h"
#include "vmp-ctl-set.h"
#include "vmp-ctl.h"

VmpCtlStatus
vmp_ctl_import (VmpCtl *ctl, int argc, char **argv)
{
  gboolean keep_id = FALSE;
  gboolean no_wait = FALSE;
  g_autofree char *name = NULL;
  g_auto (GStrv) assignments = NULL;
  const GOptionEntry entries[] = {
    { "name", 0, 0, G_OPTION_ARG_FILENAME, &name, N_ ("The name that it gets"), N_ ("NAME") },
    { "keep-id", 'k', 0, G_OPTION_ARG_NONE, &keep_id,
      N_ ("Keep its UUID and MAC addresses instead of making new ones"), NULL },
    { "set", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &assignments, N_ ("Change any setting"),
      N_ ("KEY=VALUE") },
    { "no-wait", 'n', 0, G_OPTION_ARG_NONE, &no_wait,
      N_ ("Print the job's path and do not wait for it"), NULL },
    { NULL }
  };
  g_autoptr (VmportManager) manager = NULL;
  g_autoptr (VmportJob) job = NULL;
  g_autofree char *directory = NULL;
  g_auto (GVariantDict) settings = G_VARIANT_DICT_INIT (NULL);
  g_autoptr (GError) error = NULL;
  VmpCtlStatus status = vmp_ctl_parse (
    ctl, &argc, &argv, _ ("DIRECTORY"),
    _ ("Imports a virtual machine from a package, or from a directory with one libvirt domain."),
    entries, 1, 1);

  if (status != VMP_CTL_OK)
    return status;
  if (name != NULL && !g_utf8_validate (name, -1, NULL))
    return vmp_ctl_usage (_ ("“%s” is not valid UTF-8, which names on D-Bus have to be"), name);
  directory = vmp_ctl_absolute_path (argv[1], &error);
  if (directory == NULL)
    return vmp_ctl_fail (error);
  manager = vmp_ctl_get_manager (ctl, &error);
  if (manager == NULL)
    return vmp_ctl_fail (error);

  if (assignments != NULL)
    {
      g_autoptr (GVariant) known
        = vmport_manager_get_import_settings_sync (manager, directory, NULL, NULL, NULL, &error);

      if (known == NULL)
        return vmp_ctl_fail (error);
      if (!vmp_ctl_set_apply (&settings, known, (const char *const *) assignments, &error))
        return vmp_ctl_usage ("%s", error->message);
    }
  if (name != NULL)
    g_variant_dict_insert (&settings, "Name", "s", name);
  if (keep_id)
    g_variant_dict_insert (&settings, "GenerateNewId", "b", FALSE);

  job = vmport_manager_import_sync (manager, directory, g_variant_dict_end (&settings), NULL, NULL,
                                    &error);
  if (job == NULL)
    return vmp_ctl_fail (error);
  return vmp_ctl_started (ctl, job, no_wait);
}
