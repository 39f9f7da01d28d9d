/* vmportctl settings: what an export or import would do, key by key. */
#include "config.h"

#include <glib/gi18n-lib.h>

#include "vmp-ctl-text.h"
#include "vmp-ctl.h"

static GVariant *
get_settings (VmpCtl *ctl, gboolean import, const char *argument, GError **error)
{
  g_autoptr (VmportManager) manager = vmp_ctl_get_manager (ctl, error);
  g_autoptr (VmportVirtualMachine) machine = NULL;
  g_autofree char *directory = NULL;

  if (manager == NULL)
    return NULL;
  if (import)
    {
      directory = vmp_ctl_absolute_path (argument, error);
      if (directory == NULL)
        return NULL;
      return vmport_manager_get_import_settings_sync (manager, directory, NULL, NULL, NULL, error);
    }
  machine = vmport_manager_find_virtual_machine_sync (manager, argument, NULL, error);
  if (machine == NULL)
    return NULL;
  return vmport_manager_get_export_settings_sync (manager, machine, NULL, error);
}

VmpCtlStatus
vmp_ctl_settings (VmpCtl *ctl, int argc, char **argv)
{
  gboolean import = FALSE;
  const GOptionEntry entries[] = {
    { "import", 'i', 0, G_OPTION_ARG_NONE, &import,
      N_ ("Show the settings for importing from a directory"), NULL },
    { NULL }
  };
  g_autoptr (GVariant) settings = NULL;
  g_autoptr (GError) error = NULL;
  GVariantIter iter;
  const char *key;
  GVariant *value;
  VmpCtlStatus status = vmp_ctl_parse (
    ctl, &argc, &argv, _ ("VM | --import DIRECTORY"),
    _ ("Shows the settings of an export or import, in the form that --set takes."), entries, 1, 1);

  if (status != VMP_CTL_OK)
    return status;
  settings = get_settings (ctl, import, argv[1], &error);
  if (settings == NULL)
    return vmp_ctl_fail (error);
  if (ctl->json)
    {
      g_autofree char *json = vmp_ctl_text_json (settings);

      g_print ("%s\n", json);
      return VMP_CTL_OK;
    }
  g_variant_iter_init (&iter, settings);
  while (g_variant_iter_loop (&iter, "{&sv}", &key, &value))
    {
      g_autofree char *clean_key = vmp_ctl_text_clean (key);
      g_autofree char *text = vmp_ctl_text_value (value);

      g_print ("%s=%s\n", clean_key, text);
    }
  return VMP_CTL_OK;
}
