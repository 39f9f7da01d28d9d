/* Who may call what: one table, a row for each method and for reading each interface's
 * properties. What has no row is denied. */
#include "config.h"

#include "vmp-policy.h"

#include <glib/gi18n-lib.h>
#include <string.h>

#define DAEMON "org.vmport.Daemon"
#define MANAGER "org.vmport.Manager"
#define MACHINE "org.vmport.VirtualMachine"
#define SNAPSHOT "org.vmport.Snapshot"
#define JOB "org.vmport.Job"

static const VmpPolicyRow rows[] = {
  { DAEMON, VMP_POLICY_PROPERTIES, VMP_SUBJECT_NOTHING, 0, 0 },
  { DAEMON, "ListJobs", VMP_SUBJECT_NOTHING, 0, VMP_ACTION_MANAGE_JOBS },

  { MANAGER, VMP_POLICY_PROPERTIES, VMP_SUBJECT_NOTHING, 0, 0 },
  { MANAGER, "ListVirtualMachines", VMP_SUBJECT_EACH_MACHINE, VMP_ACTION_VIEW, 0 },
  { MANAGER, "FindVirtualMachine", VMP_SUBJECT_EACH_MACHINE, VMP_ACTION_VIEW, 0 },
  { MANAGER, "ListSecurityScopes", VMP_SUBJECT_NOTHING, 0, VMP_ACTION_VIEW | VMP_ACTION_IMPORT },
  { MANAGER, "GetExportSettings", VMP_SUBJECT_MACHINE_ARGUMENT, VMP_ACTION_VIEW, 0 },
  { MANAGER, "CheckExport", VMP_SUBJECT_MACHINE_ARGUMENT, VMP_ACTION_VIEW | VMP_ACTION_EXPORT, 0 },
  { MANAGER, "Export", VMP_SUBJECT_MACHINE_ARGUMENT, VMP_ACTION_VIEW | VMP_ACTION_EXPORT, 0 },
  { MANAGER, "GetImportSettings", VMP_SUBJECT_NOTHING, 0, 0 },
  { MANAGER, "CheckImport", VMP_SUBJECT_IMPORT, VMP_ACTION_IMPORT, 0 },
  { MANAGER, "Import", VMP_SUBJECT_IMPORT, VMP_ACTION_IMPORT,
    VMP_ACTION_IMPORT_IN_PLACE | VMP_ACTION_IMPORT_UNSAFE | VMP_ACTION_SET_SCOPE },
  { MANAGER, "Verify", VMP_SUBJECT_NOTHING, 0, 0 },

  { MACHINE, VMP_POLICY_PROPERTIES, VMP_SUBJECT_MACHINE, VMP_ACTION_VIEW, 0 },
  { MACHINE, "GetConfiguration", VMP_SUBJECT_MACHINE, VMP_ACTION_VIEW, 0 },
  { MACHINE, "SetSecurityScope", VMP_SUBJECT_MACHINE_AND_SCOPE,
    VMP_ACTION_VIEW | VMP_ACTION_SET_SCOPE, 0 },
  { MACHINE, "Delete", VMP_SUBJECT_MACHINE, VMP_ACTION_VIEW | VMP_ACTION_DELETE, 0 },

  { SNAPSHOT, VMP_POLICY_PROPERTIES, VMP_SUBJECT_SNAPSHOT, VMP_ACTION_VIEW, 0 },

  { JOB, VMP_POLICY_PROPERTIES, VMP_SUBJECT_ANY_JOB, 0, 0 },
  { JOB, "Wait", VMP_SUBJECT_JOB, VMP_ACTION_MANAGE_JOBS, 0 },
  { JOB, "Describe", VMP_SUBJECT_JOB, VMP_ACTION_MANAGE_JOBS, 0 },
  { JOB, "Cancel", VMP_SUBJECT_JOB, VMP_ACTION_MANAGE_JOBS, 0 },
  { JOB, "Suspend", VMP_SUBJECT_JOB, VMP_ACTION_MANAGE_JOBS, 0 },
  { JOB, "Resume", VMP_SUBJECT_JOB, VMP_ACTION_MANAGE_JOBS, 0 },
  { JOB, "SetBandwidthLimit", VMP_SUBJECT_JOB, VMP_ACTION_MANAGE_JOBS, 0 },
  { JOB, "Release", VMP_SUBJECT_JOB, VMP_ACTION_MANAGE_JOBS, 0 },
};

/* The messages are what a prompt asks; polkitd puts the details in, in the language of whoever is
 * asked, so they are marked for translation here and translated there. */
static const struct
{
  VmpAction action;
  const char *id;
  gboolean scoped;
  const char *message;
  const char *in_scope; /* of what is in a named scope, or comes into one; NULL for the same */
} actions[] = {
  { VMP_ACTION_VIEW, "view", TRUE,
    N_ ("Authentication is required to see the virtual machine “$(vm_name)”") },
  { VMP_ACTION_EXPORT, "export", TRUE,
    N_ ("Authentication is required to export the virtual machine “$(vm_name)” to “$(directory)”"),
    N_ ("Authentication is required to export the virtual machine “$(vm_name)” of the security "
        "scope “$(scope)” to “$(directory)”") },
  { VMP_ACTION_IMPORT, "import", TRUE,
    N_ ("Authentication is required to import a virtual machine from “$(directory)”"),
    N_ ("Authentication is required to import a virtual machine from “$(directory)” into the "
        "security scope “$(scope)”") },
  { VMP_ACTION_IMPORT_IN_PLACE, "import-in-place", TRUE,
    N_ ("Authentication is required to import a virtual machine from “$(directory)” that runs on "
        "files which stay under the control of whoever imports it. This equals trusting them with "
        "the host's virtual machines altogether"),
    N_ ("Authentication is required to import a virtual machine from “$(directory)” into the "
        "security scope “$(scope)” that runs on files which stay under the control of whoever "
        "imports it. This equals trusting them with the host's virtual machines altogether") },
  { VMP_ACTION_IMPORT_UNSAFE, "import-unsafe", TRUE,
    N_ ("Authentication is required to import a virtual machine from “$(directory)” with devices "
        "that reach into this host"),
    N_ ("Authentication is required to import a virtual machine from “$(directory)” into the "
        "security scope “$(scope)” with devices that reach into this host") },
  { VMP_ACTION_SET_SCOPE, "set-scope", TRUE,
    N_ ("Authentication is required to put the virtual machine that is imported from "
        "“$(directory)” into the security scope “$(scope)”") },
  { VMP_ACTION_DELETE, "delete", TRUE,
    N_ ("Authentication is required to delete the virtual machine “$(vm_name)”"),
    N_ ("Authentication is required to delete the virtual machine “$(vm_name)” of the security "
        "scope “$(scope)”") },
  { VMP_ACTION_MANAGE_JOBS, "manage-jobs", FALSE,
    N_ ("Authentication is required to control the jobs of other users") },
};

/* The row, or NULL: then the call is denied. */
const VmpPolicyRow *
vmp_policy_lookup (const char *interface, const char *member)
{
  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    if (strcmp (rows[i].interface, interface) == 0 && strcmp (rows[i].member, member) == 0)
      return &rows[i];
  return NULL;
}

const VmpPolicyRow *
vmp_policy_get_rows (gsize *n_rows)
{
  *n_rows = G_N_ELEMENTS (rows);
  return rows;
}

/* The polkit action for one of VmpAction; that of a named scope where @scope is not empty. */
char *
vmp_policy_action_id (VmpAction action, const char *scope)
{
  for (gsize i = 0; i < G_N_ELEMENTS (actions); i++)
    if (actions[i].action == action)
      return g_strconcat ("org.vmport.",
                          actions[i].scoped && scope != NULL && scope[0] != '\0' ? "scoped." : "",
                          actions[i].id, NULL);
  g_return_val_if_reached (NULL);
}

/* What a prompt asks of the action; @scope, which may be NULL, as for its id. */
const char *
vmp_policy_action_message (VmpAction action, const char *scope)
{
  for (gsize i = 0; i < G_N_ELEMENTS (actions); i++)
    if (actions[i].action == action)
      return actions[i].in_scope != NULL && scope != NULL && scope[0] != '\0'
                 ? actions[i].in_scope
                 : actions[i].message;
  g_return_val_if_reached (NULL);
}

/* What a prompt asks of a machine that changes its scope: out of one, and @into another. The default
 * scope has no name that could stand for $(scope). */
const char *
vmp_policy_scope_message (const char *scope, gboolean into)
{
  if (into)
    return scope[0] != '\0'
               ? N_ ("Authentication is required to put the virtual machine “$(vm_name)” into the "
                     "security scope “$(scope)”")
               : N_ ("Authentication is required to put the virtual machine “$(vm_name)” into the "
                     "default security scope");
  return scope[0] != '\0'
             ? N_ ("Authentication is required to take the virtual machine “$(vm_name)” out of the "
                   "security scope “$(scope)”")
             : N_ ("Authentication is required to take the virtual machine “$(vm_name)” out of the "
                   "default security scope");
}
