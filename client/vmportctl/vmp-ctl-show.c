/* vmportctl show: everything about one virtual machine. */
#include "config.h"

#include <glib/gi18n-lib.h>

#include "vmp-ctl-text.h"
#include "vmp-ctl.h"

static void
print_line (const char *label, const char *value)
{
  g_autofree char *clean = vmp_ctl_text_clean (value);

  g_print ("%s: %s\n", label, clean);
}

static void
print_lines (const char *label, const char *const *values)
{
  for (gsize i = 0; values[i] != NULL; i++)
    {
      g_autofree char *numbered = g_strdup_printf ("%s %" G_GSIZE_FORMAT, label, i + 1);

      print_line (numbered, *values[i] != '\0' ? values[i] : "-");
    }
}

static void
print_machine (VmportVirtualMachine *machine)
{
  const char *scope = vmport_virtual_machine_get_security_scope (machine);
  const char *job = vmport_virtual_machine_get_active_job_path (machine);

  print_line (_ ("Name"), vmport_virtual_machine_get_name (machine));
  print_line (_ ("UUID"), vmport_virtual_machine_get_uuid (machine));
  print_line (_ ("State"), vmport_virtual_machine_get_state (machine));
  print_line (_ ("Security scope"), *scope != '\0' ? scope : "-");
  print_lines (_ ("Disk"), vmport_virtual_machine_get_resource_paths (machine));
  print_lines (_ ("Network"), vmport_virtual_machine_get_network_connections (machine));
  print_lines (_ ("Snapshot"), vmport_virtual_machine_get_snapshot_paths (machine));
  if (job != NULL)
    print_line (_ ("Job"), job);
  print_line (_ ("Object path"), vmport_virtual_machine_get_object_path (machine));
}

/* The document as it is, except for what a terminal would obey; line breaks stay. */
static void
print_configuration (const char *xml)
{
  g_auto (GStrv) lines = g_strsplit (xml, "\n", -1);

  for (gsize i = 0; lines[i] != NULL && (*lines[i] != '\0' || lines[i + 1] != NULL); i++)
    {
      g_autofree char *clean = vmp_ctl_text_clean (lines[i]);

      g_print ("%s\n", clean);
    }
}

VmpCtlStatus
vmp_ctl_show (VmpCtl *ctl, int argc, char **argv)
{
  gboolean xml = FALSE;
  const GOptionEntry entries[] = {
    { "xml", 'x', 0, G_OPTION_ARG_NONE, &xml, N_ ("Print its configuration, a libvirt domain"),
      NULL },
    { NULL }
  };
  g_autoptr (VmportVirtualMachine) machine = NULL;
  g_autoptr (GError) error = NULL;
  VmpCtlStatus status = vmp_ctl_parse (ctl, &argc, &argv, _ ("VM"),
                                       _ ("Shows one virtual machine, by its name or UUID."),
                                       entries, 1, 1);

  if (status != VMP_CTL_OK)
    return status;
  machine = vmp_ctl_find (ctl, argv[1], &error);
  if (machine == NULL)
    return vmp_ctl_fail (error);
  if (xml)
    {
      g_autofree char *configuration
        = vmport_virtual_machine_get_configuration_sync (machine, NULL, &error);

      if (configuration == NULL)
        return vmp_ctl_fail (error);
      print_configuration (configuration);
    }
  else if (ctl->json)
    {
      g_autoptr (GVariant) properties = vmport_virtual_machine_to_variant (machine);
      g_auto (GVariantDict) dict = G_VARIANT_DICT_INIT (properties);
      g_autoptr (GVariant) all = NULL;
      g_autofree char *json = NULL;

      g_variant_dict_insert (&dict, "ObjectPath", "o",
                             vmport_virtual_machine_get_object_path (machine));
      all = g_variant_ref_sink (g_variant_dict_end (&dict));
      json = vmp_ctl_text_json (all);
      g_print ("%s\n", json);
    }
  else
    print_machine (machine);
  return VMP_CTL_OK;
}
