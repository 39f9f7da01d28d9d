/* vmportctl: finds the verb and hands it the command line. */
#include "config.h"

#include <glib/gi18n-lib.h>
#include <locale.h>

#include "vmp-ctl.h"

static const VmpCtlVerb verbs[] = {
  { "list", N_ ("List virtual machines"), vmp_ctl_list },
  { "show", N_ ("Show one virtual machine"), vmp_ctl_show },
  { "snapshots", N_ ("List the snapshots of a virtual machine"), vmp_ctl_snapshots },
  { "settings", N_ ("Show the settings of an export or import"), vmp_ctl_settings },
  { "export", N_ ("Export a virtual machine into a directory"), vmp_ctl_export },
  { "import", N_ ("Import a virtual machine from a directory"), vmp_ctl_import },
  { "check", N_ ("Tell what an import or export would run into"), vmp_ctl_check },
  { "verify", N_ ("Check every file of a package"), vmp_ctl_verify },
  { "jobs", N_ ("List jobs"), vmp_ctl_jobs },
  { "watch", N_ ("Follow a job until it ends"), vmp_ctl_watch },
  { "cancel", N_ ("Cancel a job"), vmp_ctl_cancel },
  { "suspend", N_ ("Make a job wait"), vmp_ctl_suspend },
  { "resume", N_ ("Let a suspended job go on"), vmp_ctl_resume },
  { "limit", N_ ("Show or set how fast a job may be"), vmp_ctl_limit },
  { "scope", N_ ("Show or set the security scope of a virtual machine"), vmp_ctl_scope },
  { "delete", N_ ("Remove a virtual machine"), vmp_ctl_delete },
};

static char *
describe_verbs (void)
{
  GString *text = g_string_new (_ ("Verbs:"));

  for (gsize i = 0; i < G_N_ELEMENTS (verbs); i++)
    g_string_append_printf (text, "\n  %-10s %s", verbs[i].name, _ (verbs[i].summary));
  g_string_append_printf (text, "\n\n%s",
                          _ ("“vmportctl VERB --help” tells the options of a verb."));
  return g_string_free (text, FALSE);
}

static VmpCtlStatus
run (VmpCtl *ctl, int argc, char **argv)
{
  gboolean version = FALSE;
  const GOptionEntry entries[] = {
    { "version", 0, 0, G_OPTION_ARG_NONE, &version, N_ ("Print the version"), NULL },
    { NULL }
  };
  g_autofree char *description = describe_verbs ();
  g_autofree char *help = NULL;
  g_autoptr (GOptionContext) context = g_option_context_new (_ ("VERB…"));
  g_autoptr (GError) error = NULL;

  g_option_context_set_translation_domain (context, GETTEXT_PACKAGE);
  g_option_context_set_summary (context, _ ("Exports and imports virtual machines."));
  g_option_context_set_description (context, description);
  g_option_context_add_main_entries (context, entries, GETTEXT_PACKAGE);
  vmp_ctl_add_common_options (ctl, context);
  /* Options after the verb are the verb's. */
  g_option_context_set_strict_posix (context, TRUE);
  if (!g_option_context_parse (context, &argc, &argv, &error))
    return vmp_ctl_usage ("%s", error->message);
  if (version)
    {
      g_print ("vmportctl %s\n", PACKAGE_VERSION);
      return VMP_CTL_OK;
    }
  if (argc < 2)
    {
      help = g_option_context_get_help (context, TRUE, NULL);
      g_printerr ("%s", help);
      return VMP_CTL_USAGE;
    }
  for (gsize i = 0; i < G_N_ELEMENTS (verbs); i++)
    if (g_str_equal (argv[1], verbs[i].name))
      return verbs[i].run (ctl, argc - 1, argv + 1);
  return vmp_ctl_usage (_ ("There is no verb “%s”; “vmportctl --help” lists them"), argv[1]);
}

int
main (int argc, char **argv)
{
  VmpCtl ctl = { 0 };
  VmpCtlStatus status;

  setlocale (LC_ALL, "");
  bindtextdomain (GETTEXT_PACKAGE, VMP_LOCALEDIR);
  bind_textdomain_codeset (GETTEXT_PACKAGE, "UTF-8");
  textdomain (GETTEXT_PACKAGE);

  status = run (&ctl, argc, argv);
  vmp_ctl_prompted (&ctl);
  g_clear_object (&ctl.client);
  g_free (ctl.manager_id);
  return (int) status;
}
