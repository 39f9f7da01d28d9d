/* vmportctl scope: the security scope that a virtual machine is in, and those that there are; the
 * words that go before all names are verbs about the authorization store. */
#include "config.h"

#include <glib/gi18n-lib.h>

#include "vmp-ctl-scope.h"
#include "vmp-ctl-text.h"

static const VmpCtlVerb verbs[] = {
  { "list", N_ ("List the scopes of the authorization store"), vmp_ctl_scope_list },
  { "show", N_ ("Show who has which role in a scope"), vmp_ctl_scope_show },
  { "create", N_ ("Make a scope"), vmp_ctl_scope_create },
  { "delete", N_ ("Remove a scope, with the roles that were given in it"), vmp_ctl_scope_delete },
  { "assign", N_ ("Give somebody a role in a scope"), vmp_ctl_scope_assign },
  { "unassign", N_ ("Take a role from somebody in a scope"), vmp_ctl_scope_unassign },
  { "role", N_ ("List, show, make or remove roles"), vmp_ctl_scope_role },
  { "group", N_ ("List, show, make, change or remove groups"), vmp_ctl_scope_group },
  { "check", N_ ("Tell whether a user has a right, and why"), vmp_ctl_scope_check },
  { "compile", N_ ("Put the store into force"), vmp_ctl_scope_compile },
  { "convert", N_ ("Make a store of one of Hyper-V's"), vmp_ctl_scope_convert },
};

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
    vmp_ctl_text_print_json (g_variant_new_strv ((const char *const *) scopes, -1));
  for (gsize i = 0; !ctl->json && scopes[i] != NULL; i++)
    print_line (scopes[i]);
  return VMP_CTL_OK;
}

static void
print_scope (VmpCtl *ctl, VmportVirtualMachine *machine)
{
  const char *scope = vmport_virtual_machine_get_security_scope (machine);

  if (ctl->json)
    vmp_ctl_text_print_json (g_variant_new_parsed ("{'SecurityScope': <%s>}", scope));
  else
    print_line (scope);
}

static char *
describe_verbs (void)
{
  GString *text = g_string_new (_ ("Lists security scopes, or shows or sets that of a virtual machine;"
                                   " '' is the default one. Or, of the authorization store:"));

  for (gsize i = 0; i < G_N_ELEMENTS (verbs); i++)
    g_string_append_printf (text, "\n  scope %-10s %s", verbs[i].name, _ (verbs[i].summary));
  return g_string_free (text, FALSE);
}

VmpCtlStatus
vmp_ctl_scope (VmpCtl *ctl, int argc, char **argv)
{
  g_autoptr (VmportManager) manager = NULL;
  g_autoptr (VmportVirtualMachine) machine = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *summary = NULL;
  VmpCtlStatus status;

  for (gsize i = 0; argc > 1 && i < G_N_ELEMENTS (verbs); i++)
    if (g_str_equal (argv[1], verbs[i].name))
      {
        g_autofree char *name = g_strdup_printf ("scope %s", argv[1]);

        argv[1] = name;
        return verbs[i].run (ctl, argc - 1, argv + 1);
      }
  summary = describe_verbs ();
  status = vmp_ctl_parse (ctl, &argc, &argv, _ ("[VM [SCOPE]]"), summary, NULL, 0, 2);
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
