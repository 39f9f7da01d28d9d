/* vmportctl scope: the security scope that a virtual machine is in, and those that there are. */
#include "config.h"

#include <glib/gi18n-lib.h>

#include "vmp-ctl-text.h"
#include "vmp-ctl.h"

static void
print_json (GVariant *value)
{
  g_autoptr (GVariant) owned = g_variant_ref_sink (value);
  g_autofree char *json = vmp_ctl_text_json (owned);

  g_print ("%s\n", json);
}

static void
print_line (const char *text)
{
  g_autofree char *clean = vmp_ctl_text_clean (text);

  g_print ("%s\n", clean);
}

static VmpCtlStatus
list_scopes (VmpCtl *ctl, VmportManager *manager)
{
  g_autoptr (GError) error = NULL;
  g_auto (GStrv) scopes = vmport_manager_list_security_scopes_sync (manager, NULL, &error);

  if (scopes == NULL)
    return vmp_ctl_fail (error);
  if (ctl->json)
    print_json (g_variant_new_strv ((const char *const *) scopes, -1));
  for (gsize i = 0; !ctl->json && scopes[i] != NULL; i++)
    print_line (scopes[i]);
  return VMP_CTL_OK;
}

static void
print_scope (VmpCtl *ctl, VmportVirtualMachine *machine)
{
  const char *scope = vmport_virtual_machine_get_security_scope (machine);

  if (ctl->json)
    print_json (g_variant_new_parsed ("{'SecurityScope': <%s>}", scope));
  else
    print_line (scope);
}

VmpCtlStatus
vmp_ctl_scope (VmpCtl *ctl, int argc, char **argv)
{
  g_autoptr (VmportManager) manager = NULL;
  g_autoptr (VmportVirtualMachine) machine = NULL;
  g_autoptr (GError) error = NULL;
  VmpCtlStatus status = vmp_ctl_parse (
    ctl, &argc, &argv, _ ("[VM [SCOPE]]"),
    _ ("Lists security scopes, or shows or sets that of a virtual machine; '' is the default one."),
    NULL, 0, 2);

  if (status != VMP_CTL_OK)
    return status;
  manager = vmp_ctl_get_manager (ctl, &error);
  if (manager == NULL)
    return vmp_ctl_fail (error);
  if (argc == 1)
    return list_scopes (ctl, manager);
  machine = vmport_manager_find_virtual_machine_sync (manager, argv[1], NULL, &error);
  if (machine == NULL)
    return vmp_ctl_fail (error);
  if (argc == 2)
    {
      print_scope (ctl, machine);
      return VMP_CTL_OK;
    }
  vmp_ctl_may_prompt (ctl);
  if (!vmport_virtual_machine_set_security_scope_sync (machine, argv[2], NULL, &error))
    return vmp_ctl_fail (error);
  return VMP_CTL_OK;
}
