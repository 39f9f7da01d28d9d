/* vmportctl check: what an import or export would run into, and the command line that mends it. */
#include "config.h"

#include <glib/gi18n-lib.h>

#include "vmp-ctl-command.h"
#include "vmp-ctl-text.h"
#include "vmp-ctl.h"

typedef struct
{
  VmpCtlPurpose purpose;
  /* As it was typed; NULL for an import. */
  const char *machine_name;
  char *directory;
  /* What the daemon fills in, and what was asked for instead. */
  GVariant *known;
  GVariant *settings;
  GVariant *findings;
} Check;

static void
check_clear (Check *check)
{
  g_free (check->directory);
  g_clear_pointer (&check->known, g_variant_unref);
  g_clear_pointer (&check->settings, g_variant_unref);
  g_clear_pointer (&check->findings, g_variant_unref);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Check, check_clear)

/* The options depend on it, so it has to be known before they are parsed. */
static gboolean
is_export (int argc, char **argv)
{
  for (int i = 1; i < argc && !g_str_equal (argv[i], "--"); i++)
    if (g_str_equal (argv[i], "--export"))
      return TRUE;
  return FALSE;
}

static gboolean
run_export (VmportManager *manager, Check *check, VmpCtlOptions *options, VmpCtlStatus *status,
            GError **error)
{
  g_autoptr (VmportVirtualMachine) machine
    = vmport_manager_find_virtual_machine_sync (manager, check->machine_name, NULL, error);
  g_autoptr (GError) local = NULL;

  if (machine == NULL)
    return FALSE;
  check->known = vmport_manager_get_export_settings_sync (manager, machine, NULL, error);
  if (check->known == NULL)
    return FALSE;
  check->settings = vmp_ctl_options_build (options, check->known, &local);
  if (check->settings == NULL)
    {
      *status = vmp_ctl_usage ("%s", local->message);
      return FALSE;
    }
  check->findings = vmport_manager_check_export_sync (manager, machine, check->directory,
                                                      check->settings, NULL, NULL, error);
  return check->findings != NULL;
}

static gboolean
run_import (VmportManager *manager, Check *check, VmpCtlOptions *options, VmpCtlStatus *status,
            GError **error)
{
  g_autoptr (GError) local = NULL;

  check->known
    = vmport_manager_get_import_settings_sync (manager, check->directory, NULL, NULL, NULL, error);
  if (check->known == NULL)
    return FALSE;
  check->settings = vmp_ctl_options_build (options, check->known, &local);
  if (check->settings == NULL)
    {
      *status = vmp_ctl_usage ("%s", local->message);
      return FALSE;
    }
  check->findings = vmport_manager_check_import_sync (manager, check->directory, check->settings,
                                                      NULL, NULL, error);
  return check->findings != NULL;
}

static int
compare_findings (gconstpointer a, gconstpointer b)
{
  VmportFinding *first = *(VmportFinding *const *) a;
  VmportFinding *second = *(VmportFinding *const *) b;

  return (int) vmport_finding_get_severity (second) - (int) vmport_finding_get_severity (first);
}

static const char *
describe_severity (VmportFinding *finding)
{
  switch (vmport_finding_get_severity (finding))
    {
    case VMPORT_FINDING_SEVERITY_ERROR:
      return _ ("error");
    case VMPORT_FINDING_SEVERITY_INFO:
      return _ ("info");
    case VMPORT_FINDING_SEVERITY_WARNING:
    default:
      return _ ("warning");
    }
}

static char *
describe_setting (VmportFinding *finding)
{
  g_autofree char *setting = vmp_ctl_text_clean (vmport_finding_get_setting (finding));
  int position = vmport_finding_get_index (finding);

  if (*setting == '\0')
    return g_strdup ("-");
  return position >= 0 ? g_strdup_printf ("%s[%d]", setting, position) : g_steal_pointer (&setting);
}

static void
print_table (GPtrArray *findings)
{
  const char *heads[] = { _ ("SEVERITY"), _ ("CODE"), _ ("SETTING"), _ ("MESSAGE"), NULL };
  g_autoptr (GPtrArray) rows = g_ptr_array_new_with_free_func ((GDestroyNotify) g_strfreev);

  for (guint i = 0; i < findings->len; i++)
    {
      VmportFinding *finding = findings->pdata[i];
      char **cells = g_new0 (char *, G_N_ELEMENTS (heads));

      cells[0] = g_strdup (describe_severity (finding));
      cells[1] = vmp_ctl_text_clean (vmport_finding_get_code (finding));
      cells[2] = describe_setting (finding);
      cells[3] = vmp_ctl_text_clean (vmport_finding_get_message (finding));
      g_ptr_array_add (rows, cells);
    }
  vmp_ctl_text_print_table (heads, rows);
}

/* All resolutions in one dictionary; in any order, for each array in them is complete. */
static GVariant *
merge_resolutions (GPtrArray *findings)
{
  g_auto (GVariantDict) dict = G_VARIANT_DICT_INIT (NULL);

  for (guint i = 0; i < findings->len; i++)
    {
      GVariantIter iter;
      const char *key;
      GVariant *value;

      g_variant_iter_init (&iter, vmport_finding_get_resolution (findings->pdata[i]));
      while (g_variant_iter_loop (&iter, "{&sv}", &key, &value))
        g_variant_dict_insert_value (&dict, key, value);
    }
  return g_variant_ref_sink (g_variant_dict_end (&dict));
}

static GVariant *
overlay (GVariant *settings, GVariant *resolution)
{
  g_auto (GVariantDict) dict = G_VARIANT_DICT_INIT (settings);
  GVariantIter iter;
  const char *key;
  GVariant *value;

  g_variant_iter_init (&iter, resolution);
  while (g_variant_iter_loop (&iter, "{&sv}", &key, &value))
    g_variant_dict_insert_value (&dict, key, value);
  return g_variant_ref_sink (g_variant_dict_end (&dict));
}

/* The whole command line of the operation, as it was asked for and with what mends it. */
static char *
make_command (VmpCtl *ctl, const Check *check, GVariant *resolution)
{
  g_autoptr (GPtrArray) arguments = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GVariant) settings = overlay (check->settings, resolution);

  g_ptr_array_add (arguments, g_strdup ("vmportctl"));
  if (ctl->session)
    g_ptr_array_add (arguments, g_strdup ("--session"));
  if (ctl->manager_id != NULL)
    g_ptr_array_add (arguments, g_strdup_printf ("--manager=%s", ctl->manager_id));
  if (ctl->no_ask)
    g_ptr_array_add (arguments, g_strdup ("--no-ask-password"));
  g_ptr_array_add (arguments, g_strdup (check->purpose == VMP_CTL_EXPORT ? "export" : "import"));
  vmp_ctl_command_add_settings (arguments, check->purpose, settings, check->known);
  if (check->machine_name != NULL)
    {
      if (*check->machine_name == '-')
        g_ptr_array_add (arguments, g_strdup ("--"));
      g_ptr_array_add (arguments, g_strdup (check->machine_name));
    }
  g_ptr_array_add (arguments, g_strdup (check->directory));
  return vmp_ctl_command_join (arguments);
}

static guint
count_errors (GPtrArray *findings, gboolean without_resolution)
{
  guint n = 0;

  for (guint i = 0; i < findings->len; i++)
    if (vmport_finding_get_severity (findings->pdata[i]) == VMPORT_FINDING_SEVERITY_ERROR
        && (!without_resolution
            || g_variant_n_children (vmport_finding_get_resolution (findings->pdata[i])) == 0))
      n++;
  return n;
}

static void
print_json (const Check *check, GVariant *resolution, const char *command)
{
  g_auto (GVariantDict) dict = G_VARIANT_DICT_INIT (NULL);
  g_autoptr (GVariant) report = NULL;
  g_autofree char *json = NULL;

  g_variant_dict_insert_value (&dict, "Findings", check->findings);
  g_variant_dict_insert_value (&dict, "Resolution", resolution);
  g_variant_dict_insert (&dict, "Command", "s", command != NULL ? command : "");
  report = g_variant_ref_sink (g_variant_dict_end (&dict));
  json = vmp_ctl_text_json (report);
  g_print ("%s\n", json);
}

static void
print_text (GPtrArray *findings, const char *command)
{
  if (findings->len > 0)
    print_table (findings);
  if (count_errors (findings, FALSE) == 0)
    g_print ("%s\n", _ ("Nothing stands in its way."));
  if (command == NULL)
    return;
  if (count_errors (findings, TRUE) == 0)
    g_print ("\n%s\n", _ ("This command line mends it:"));
  else
    g_print ("\n%s\n", _ ("This command line mends what can be mended by settings:"));
  g_print ("  %s\n", command);
}

static VmpCtlStatus
report (VmpCtl *ctl, const Check *check)
{
  g_autoptr (GPtrArray) findings = vmport_finding_list_from_variant (check->findings);
  g_autoptr (GVariant) resolution = merge_resolutions (findings);
  g_autofree char *command
    = g_variant_n_children (resolution) > 0 ? make_command (ctl, check, resolution) : NULL;

  if (ctl->json)
    print_json (check, resolution, command);
  else
    {
      g_ptr_array_sort (findings, compare_findings);
      print_text (findings, command);
    }
  return count_errors (findings, FALSE) > 0 ? VMP_CTL_FAILED : VMP_CTL_OK;
}

VmpCtlStatus
vmp_ctl_check (VmpCtl *ctl, int argc, char **argv)
{
  gboolean export = is_export (argc, argv);
  const GOptionEntry entries[]
    = { { "export", 0, 0, G_OPTION_ARG_NONE, &export,
          N_ ("Check an export; the options are those of “vmportctl export” then"), NULL },
        { NULL } };
  g_auto (Check) check = { .purpose = export ? VMP_CTL_EXPORT : VMP_CTL_IMPORT };
  g_autoptr (VmpCtlOptions) options = vmp_ctl_options_new (check.purpose);
  g_autoptr (VmportManager) manager = NULL;
  g_autoptr (GError) error = NULL;
  int n_arguments = export ? 2 : 1;
  gboolean done;
  VmpCtlStatus status = vmp_ctl_parse_settings (
    ctl, options, &argc, &argv, export ? _ ("--export VM DIRECTORY") : _ ("DIRECTORY"),
    _ ("Tells what an import, or with --export an export, would run into. Changes nothing."),
    entries, n_arguments, n_arguments);

  if (status != VMP_CTL_OK)
    return status;
  check.machine_name = export ? argv[1] : NULL;
  check.directory = vmp_ctl_absolute_path (argv[n_arguments], &error);
  if (check.directory == NULL)
    return vmp_ctl_fail (error);
  manager = vmp_ctl_get_manager (ctl, &error);
  if (manager == NULL)
    return vmp_ctl_fail (error);
  vmp_ctl_may_prompt (ctl);
  done = export ? run_export (manager, &check, options, &status, &error)
                : run_import (manager, &check, options, &status, &error);
  vmp_ctl_prompted (ctl);
  if (done)
    return report (ctl, &check);
  return error != NULL ? vmp_ctl_fail (error) : status;
}
