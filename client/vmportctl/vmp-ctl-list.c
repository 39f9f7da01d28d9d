/* vmportctl list: the virtual machines that the caller may view. */
#include "config.h"

#include <glib/gi18n-lib.h>
#include <string.h>

#include "vmp-ctl-text.h"
#include "vmp-ctl.h"

static int
compare_names (gconstpointer a, gconstpointer b)
{
  VmportVirtualMachine *first = *(VmportVirtualMachine *const *) a;
  VmportVirtualMachine *second = *(VmportVirtualMachine *const *) b;

  return g_utf8_collate (vmport_virtual_machine_get_name (first),
                         vmport_virtual_machine_get_name (second));
}

static char *
get_manager_id (VmportVirtualMachine *machine, GPtrArray *managers)
{
  const char *path = vmport_virtual_machine_get_manager_path (machine);

  for (guint i = 0; i < managers->len; i++)
    if (g_str_equal (vmport_manager_get_object_path (managers->pdata[i]), path))
      return vmp_ctl_text_clean (vmport_manager_get_id (managers->pdata[i]));
  return g_strdup ("-");
}

static void
print_table (GPtrArray *machines, GPtrArray *managers, gboolean all)
{
  const char *heads[] = { _ ("NAME"), _ ("STATE"), _ ("SCOPE"), _ ("UUID"),
                          all ? _ ("MANAGER") : NULL, NULL };
  g_autoptr (GPtrArray) rows = g_ptr_array_new_with_free_func ((GDestroyNotify) g_strfreev);

  for (guint i = 0; i < machines->len; i++)
    {
      VmportVirtualMachine *machine = machines->pdata[i];
      char **cells = g_new0 (char *, G_N_ELEMENTS (heads));

      cells[0] = vmp_ctl_text_clean (vmport_virtual_machine_get_name (machine));
      cells[1] = vmp_ctl_text_clean (vmport_virtual_machine_get_state (machine));
      cells[2] = vmp_ctl_text_clean (vmport_virtual_machine_get_security_scope (machine));
      cells[3] = vmp_ctl_text_clean (vmport_virtual_machine_get_uuid (machine));
      if (all)
        cells[4] = get_manager_id (machine, managers);
      g_ptr_array_add (rows, cells);
    }
  vmp_ctl_text_print_table (heads, rows);
}

static void
print_json (GPtrArray *machines)
{
  g_auto (GVariantBuilder) builder = G_VARIANT_BUILDER_INIT (G_VARIANT_TYPE ("aa{sv}"));

  for (guint i = 0; i < machines->len; i++)
    {
      g_autoptr (GVariant) properties = vmport_virtual_machine_to_variant (machines->pdata[i]);
      g_auto (GVariantDict) dict = G_VARIANT_DICT_INIT (properties);

      g_variant_dict_insert (&dict, "ObjectPath", "o",
                             vmport_virtual_machine_get_object_path (machines->pdata[i]));
      g_variant_builder_add_value (&builder, g_variant_dict_end (&dict));
    }
  vmp_ctl_text_print_json (g_variant_builder_end (&builder));
}

VmpCtlStatus
vmp_ctl_list (VmpCtl *ctl, int argc, char **argv)
{
  gboolean all = FALSE;
  const GOptionEntry entries[] = {
    { "all", 'a', 0, G_OPTION_ARG_NONE, &all, N_ ("List those of all managers"), NULL },
    { NULL }
  };
  g_autoptr (GPtrArray) managers = NULL;
  g_autoptr (GPtrArray) machines = g_ptr_array_new_with_free_func (g_object_unref);
  g_autoptr (GError) error = NULL;
  VmpCtlStatus status = vmp_ctl_parse (ctl, &argc, &argv, "", _ ("Lists virtual machines."),
                                       entries, 0, 0);

  if (status != VMP_CTL_OK)
    return status;
  if (all && ctl->manager_id != NULL)
    return vmp_ctl_usage (_ ("Use either --all or --manager"));
  if (all)
    {
      if (!vmp_ctl_connect (ctl, &error))
        return vmp_ctl_fail (error);
      managers = vmport_client_list_managers_sync (ctl->client, NULL, &error);
      if (managers == NULL)
        return vmp_ctl_fail (error);
    }
  else
    {
      VmportManager *manager = vmp_ctl_get_manager (ctl, &error);

      if (manager == NULL)
        return vmp_ctl_fail (error);
      managers = g_ptr_array_new_with_free_func (g_object_unref);
      g_ptr_array_add (managers, manager);
    }

  for (guint i = 0; i < managers->len; i++)
    {
      g_autoptr (GPtrArray) some = NULL;

      /* One of several may be away, as libvirt is on many hosts. */
      if (all && !vmport_manager_get_available (managers->pdata[i]))
        continue;
      some = vmport_manager_list_virtual_machines_sync (managers->pdata[i], NULL, &error);
      if (some == NULL)
        return vmp_ctl_fail (error);
      g_ptr_array_extend_and_steal (machines, g_steal_pointer (&some));
    }
  g_ptr_array_sort (machines, compare_names);
  if (ctl->json)
    print_json (machines);
  else
    print_table (machines, managers, all);
  return VMP_CTL_OK;
}
