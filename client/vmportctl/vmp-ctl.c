/* What the verbs of vmportctl share: the connection, options, exit statuses. */
#include "config.h"

#include "vmp-ctl.h"

#include <glib/gi18n-lib.h>
#include <string.h>

#include "vmp-ctl-text.h"

#define DEFAULT_MANAGER "store"
#define JOB_PATH_PREFIX "/org/vmport/Job/"

/* Options that may stand before the verb or after it. */
void
vmp_ctl_add_common_options (VmpCtl *ctl, GOptionContext *context)
{
  const GOptionEntry entries[] = {
    { "session", 0, 0, G_OPTION_ARG_NONE, &ctl->session,
      N_ ("Talk to the daemon on the session bus"), NULL },
    { "manager", 'm', 0, G_OPTION_ARG_FILENAME, &ctl->manager_id,
      N_ ("The manager to work with (default: store)"), N_ ("ID") },
    { "json", 'j', 0, G_OPTION_ARG_NONE, &ctl->json, N_ ("Print data as JSON"), NULL },
    { "no-ask-password", 0, 0, G_OPTION_ARG_NONE, &ctl->no_ask,
      N_ ("Fail where the user would have to authenticate"), NULL },
    { NULL }
  };

  g_option_context_add_main_entries (context, entries, GETTEXT_PACKAGE);
}

VmpCtlStatus
vmp_ctl_usage (const char *format, ...)
{
  va_list args;
  g_autofree char *message = NULL;
  g_autofree char *clean = NULL;

  va_start (args, format);
  message = g_strdup_vprintf (format, args);
  va_end (args);
  clean = vmp_ctl_text_clean (message);
  g_printerr ("vmportctl: %s\n", clean);
  return VMP_CTL_USAGE;
}

VmpCtlStatus
vmp_ctl_parse (VmpCtl *ctl, int *argc, char ***argv, const char *arguments, const char *summary,
               const GOptionEntry *entries, int min_arguments, int max_arguments)
{
  return vmp_ctl_parse_settings (ctl, NULL, argc, argv, arguments, summary, entries, min_arguments,
                                 max_arguments);
}

/* Parses a verb's command line, @options too where there are any; what is left are its arguments,
 * from argv[1] on, in UTF-8. */
VmpCtlStatus
vmp_ctl_parse_settings (VmpCtl *ctl, VmpCtlOptions *options, int *argc, char ***argv,
                        const char *arguments, const char *summary, const GOptionEntry *entries,
                        int min_arguments, int max_arguments)
{
  g_autofree char *usage = g_strdup_printf ("%s %s", (*argv)[0], arguments);
  g_autoptr (GOptionContext) context = g_option_context_new (usage);
  g_autoptr (GError) error = NULL;

  /* The verb's name is part of the usage line, after the program's. */
  (*argv)[0] = (char *) "vmportctl";
  if (options != NULL)
    g_option_context_set_main_group (context, vmp_ctl_options_make_group (options));
  g_option_context_set_translation_domain (context, GETTEXT_PACKAGE);
  g_option_context_set_summary (context, summary);
  if (entries != NULL)
    g_option_context_add_main_entries (context, entries, GETTEXT_PACKAGE);
  vmp_ctl_add_common_options (ctl, context);
  if (!g_option_context_parse (context, argc, argv, &error))
    return vmp_ctl_usage ("%s", error->message);

  /* An end of options that GOption leaves in place. */
  if (*argc > 1 && g_str_equal ((*argv)[1], "--"))
    {
      memmove (&(*argv)[1], &(*argv)[2], sizeof (char *) * (gsize) (*argc - 1));
      (*argc)--;
    }
  if (*argc - 1 < min_arguments || *argc - 1 > max_arguments)
    {
      g_autofree char *help = g_option_context_get_help (context, TRUE, NULL);

      g_printerr ("%s", help);
      return VMP_CTL_USAGE;
    }
  for (int i = 1; i < *argc; i++)
    if (!g_utf8_validate ((*argv)[i], -1, NULL))
      return vmp_ctl_usage (_ ("“%s” is not valid UTF-8, which names on D-Bus have to be"),
                            (*argv)[i]);
  if (ctl->manager_id != NULL
      && (*ctl->manager_id == '\0' || !g_utf8_validate (ctl->manager_id, -1, NULL)))
    return vmp_ctl_usage (_ ("“%s” cannot be the id of a manager"), ctl->manager_id);
  return VMP_CTL_OK;
}

/* Prints an error, and gives the exit status for it. */
VmpCtlStatus
vmp_ctl_fail (const GError *error)
{
  g_autofree char *clean = vmp_ctl_text_clean (error->message);

  g_printerr ("vmportctl: %s\n", clean);
  if (g_error_matches (error, VMPORT_ERROR, VMPORT_ERROR_NOT_FOUND)
      || g_error_matches (error, G_DBUS_ERROR, G_DBUS_ERROR_UNKNOWN_OBJECT))
    return VMP_CTL_NOT_FOUND;
  if (g_error_matches (error, G_DBUS_ERROR, G_DBUS_ERROR_ACCESS_DENIED))
    return VMP_CTL_DENIED;
  if (g_error_matches (error, VMPORT_ERROR, VMPORT_ERROR_CANCELLED))
    return VMP_CTL_CANCELLED;
  return VMP_CTL_FAILED;
}

gboolean
vmp_ctl_connect (VmpCtl *ctl, GError **error)
{
  if (ctl->client != NULL)
    return TRUE;
  ctl->client = vmport_client_new_sync (
    ctl->session ? G_BUS_TYPE_SESSION : G_BUS_TYPE_SYSTEM, NULL, error);
  if (ctl->client == NULL)
    return FALSE;
  vmport_client_set_interactive (ctl->client, !ctl->no_ask);
  return TRUE;
}

/* Before calls that may ask the user to authenticate: where this is a terminal, polkit gets an agent
 * that asks there. On the session bus nobody asks polkit. */
void
vmp_ctl_may_prompt (VmpCtl *ctl)
{
  if (ctl->agent == NULL && !ctl->no_ask && !ctl->session && vmp_ctl_agent_is_wanted ())
    ctl->agent = vmp_ctl_agent_start ();
}

/* After them: the terminal is the program's own again. */
void
vmp_ctl_prompted (VmpCtl *ctl)
{
  g_clear_pointer (&ctl->agent, vmp_ctl_agent_stop);
}

VmportManager *
vmp_ctl_get_manager (VmpCtl *ctl, GError **error)
{
  if (!vmp_ctl_connect (ctl, error))
    return NULL;
  return vmport_client_get_manager_sync (
    ctl->client, ctl->manager_id != NULL ? ctl->manager_id : DEFAULT_MANAGER, NULL, error);
}

VmportVirtualMachine *
vmp_ctl_find (VmpCtl *ctl, const char *name_or_uuid, GError **error)
{
  g_autoptr (VmportManager) manager = vmp_ctl_get_manager (ctl, error);

  if (manager == NULL)
    return NULL;
  return vmport_manager_find_virtual_machine_sync (manager, name_or_uuid, NULL, error);
}

/* A job by the last element of its path, or by the whole path. */
VmportJob *
vmp_ctl_get_job (VmpCtl *ctl, const char *number_or_path, GError **error)
{
  g_autofree char *path = NULL;
  VmportJob *job;

  if (*number_or_path != '\0' && strspn (number_or_path, "0123456789") == strlen (number_or_path))
    path = g_strconcat (JOB_PATH_PREFIX, number_or_path, NULL);
  else
    path = g_strdup (number_or_path);
  if (!g_str_has_prefix (path, JOB_PATH_PREFIX) || !g_variant_is_object_path (path))
    {
      g_set_error (error, VMPORT_ERROR, VMPORT_ERROR_NOT_FOUND,
                   _ ("“%s” is no job; “vmportctl jobs” lists them"), number_or_path);
      return NULL;
    }
  if (!vmp_ctl_connect (ctl, error))
    return NULL;
  job = vmport_client_get_job_sync (ctl->client, path, NULL, error);
  if (job == NULL)
    g_prefix_error (error, "%s: ", path);
  return job;
}
