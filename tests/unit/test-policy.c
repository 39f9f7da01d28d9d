/* The policy covers the contract: one row for each member, a handler for each row, and an action in
 * the installed policy file for all that a row asks for. */
#include "config.h"

#include <gio/gio.h>
#include <libxml/parser.h>
#include <libxml/xpath.h>
#include <stdlib.h>
#include <string.h>

#include "vmp-azman-rules.h"
#include "vmp-policy.h"
#include "vmp-request.h"
#include "vmport-dbus.h"

static const VmpAction all_actions[] = {
  VMP_ACTION_VIEW, VMP_ACTION_EXPORT, VMP_ACTION_IMPORT, VMP_ACTION_IMPORT_IN_PLACE,
  VMP_ACTION_IMPORT_UNSAFE, VMP_ACTION_SET_SCOPE, VMP_ACTION_DELETE, VMP_ACTION_MANAGE_JOBS,
};

/* architecture.md, "Authorisation". */
static const struct
{
  const char *id;
  const char *defaults;
} action_table[] = {
  { "org.vmport.view", "yes" },
  { "org.vmport.export", "auth_admin" },
  { "org.vmport.import", "auth_admin" },
  { "org.vmport.import-in-place", "auth_admin" },
  { "org.vmport.import-unsafe", "auth_admin" },
  { "org.vmport.set-scope", "auth_admin" },
  { "org.vmport.delete", "auth_admin" },
  { "org.vmport.manage-jobs", "auth_admin" },
  { "org.vmport.scoped.view", "no" },
  { "org.vmport.scoped.export", "auth_admin" },
  { "org.vmport.scoped.import", "auth_admin" },
  { "org.vmport.scoped.import-in-place", "auth_admin" },
  { "org.vmport.scoped.import-unsafe", "auth_admin" },
  { "org.vmport.scoped.set-scope", "auth_admin" },
  { "org.vmport.scoped.delete", "auth_admin" },
  { "org.vmport.compiled", "no" },
};

/* And "Requests": what each member needs, then what may apply besides. */
static const VmpPolicyRow wanted_rows[] = {
  { "org.vmport.Daemon", VMP_POLICY_PROPERTIES, VMP_SUBJECT_NOTHING, 0, 0 },
  { "org.vmport.Daemon", "ListJobs", VMP_SUBJECT_NOTHING, 0, VMP_ACTION_MANAGE_JOBS },
  { "org.vmport.Manager", VMP_POLICY_PROPERTIES, VMP_SUBJECT_NOTHING, 0, 0 },
  { "org.vmport.Manager", "ListVirtualMachines", VMP_SUBJECT_EACH_MACHINE, VMP_ACTION_VIEW, 0 },
  { "org.vmport.Manager", "FindVirtualMachine", VMP_SUBJECT_EACH_MACHINE, VMP_ACTION_VIEW, 0 },
  { "org.vmport.Manager", "GetExportSettings", VMP_SUBJECT_MACHINE_ARGUMENT, VMP_ACTION_VIEW, 0 },
  { "org.vmport.Manager", "CheckExport", VMP_SUBJECT_MACHINE_ARGUMENT,
    VMP_ACTION_VIEW | VMP_ACTION_EXPORT, 0 },
  { "org.vmport.Manager", "Export", VMP_SUBJECT_MACHINE_ARGUMENT,
    VMP_ACTION_VIEW | VMP_ACTION_EXPORT, 0 },
  { "org.vmport.Manager", "GetImportSettings", VMP_SUBJECT_NOTHING, 0, 0 },
  { "org.vmport.Manager", "Import", VMP_SUBJECT_IMPORT, VMP_ACTION_IMPORT,
    VMP_ACTION_IMPORT_IN_PLACE | VMP_ACTION_IMPORT_UNSAFE | VMP_ACTION_SET_SCOPE },
  { "org.vmport.Manager", "Verify", VMP_SUBJECT_NOTHING, 0, 0 },
  { "org.vmport.VirtualMachine", VMP_POLICY_PROPERTIES, VMP_SUBJECT_MACHINE, VMP_ACTION_VIEW, 0 },
  { "org.vmport.VirtualMachine", "GetConfiguration", VMP_SUBJECT_MACHINE, VMP_ACTION_VIEW, 0 },
  { "org.vmport.VirtualMachine", "SetSecurityScope", VMP_SUBJECT_MACHINE_AND_SCOPE,
    VMP_ACTION_VIEW | VMP_ACTION_SET_SCOPE, 0 },
  { "org.vmport.VirtualMachine", "Delete", VMP_SUBJECT_MACHINE, VMP_ACTION_VIEW | VMP_ACTION_DELETE,
    0 },
  { "org.vmport.Snapshot", VMP_POLICY_PROPERTIES, VMP_SUBJECT_SNAPSHOT, VMP_ACTION_VIEW, 0 },
  { "org.vmport.Job", VMP_POLICY_PROPERTIES, VMP_SUBJECT_ANY_JOB, 0, 0 },
};

static GDBusInterfaceInfo *
get_interface (guint i)
{
  GDBusInterfaceInfo *infos[] = {
    vmport_dbus_daemon_interface_info (),   vmport_dbus_manager_interface_info (),
    vmport_dbus_virtual_machine_interface_info (), vmport_dbus_snapshot_interface_info (),
    vmport_dbus_job_interface_info (),
  };

  return i < G_N_ELEMENTS (infos) ? infos[i] : NULL;
}

static guint
count_rows (const char *interface, const char *member)
{
  gsize n;
  const VmpPolicyRow *rows = vmp_policy_get_rows (&n);
  guint count = 0;

  for (gsize i = 0; i < n; i++)
    if (strcmp (rows[i].interface, interface) == 0 && strcmp (rows[i].member, member) == 0)
      count++;
  return count;
}

static void
test_members_have_rows (void)
{
  guint members = 0;
  gsize n_rows;

  for (guint i = 0; get_interface (i) != NULL; i++)
    {
      GDBusInterfaceInfo *info = get_interface (i);

      g_test_message ("%s", info->name);
      g_assert_cmpuint (count_rows (info->name, VMP_POLICY_PROPERTIES), ==, 1);
      members++;
      for (guint m = 0; info->methods != NULL && info->methods[m] != NULL; m++)
        {
          g_test_message ("%s.%s", info->name, info->methods[m]->name);
          g_assert_cmpuint (count_rows (info->name, info->methods[m]->name), ==, 1);
          members++;
        }
      for (guint p = 0; info->properties != NULL && info->properties[p] != NULL; p++)
        g_assert_cmpint (info->properties[p]->flags, ==, G_DBUS_PROPERTY_INFO_FLAGS_READABLE);
    }
  /* Each member has its one row, so were there more rows, one would have no member. */
  vmp_policy_get_rows (&n_rows);
  g_assert_cmpuint (n_rows, ==, members);
}

static void
test_what_has_no_row (void)
{
  g_assert_null (vmp_policy_lookup ("org.vmport.Manager", "Exportx"));
  g_assert_null (vmp_policy_lookup ("org.vmport.Manager", "export"));
  g_assert_null (vmp_policy_lookup ("org.vmport.Manager", ""));
  g_assert_null (vmp_policy_lookup ("org.vmport.Job", "Export"));
  g_assert_null (vmp_policy_lookup ("org.freedesktop.DBus.Properties", "Set"));
  g_assert_null (vmp_policy_lookup ("org.vmport.Worker", "Remove"));
}

static void
test_rows_say_what_the_architecture_says (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (wanted_rows); i++)
    {
      const VmpPolicyRow *wanted = &wanted_rows[i];
      const VmpPolicyRow *row = vmp_policy_lookup (wanted->interface, wanted->member);

      g_test_message ("%s.%s", wanted->interface, wanted->member);
      g_assert_nonnull (row);
      g_assert_cmpint (row->subject, ==, wanted->subject);
      g_assert_cmphex (row->actions, ==, wanted->actions);
      g_assert_cmphex (row->applicable, ==, wanted->applicable);
    }
  g_assert_true (vmp_policy_lookup ("org.vmport.Manager", "CheckImport")->actions
                 & VMP_ACTION_IMPORT);
  /* The methods of a job are its owner's, or those who may manage jobs. */
  for (guint m = 0; get_interface (4)->methods[m] != NULL; m++)
    {
      const VmpPolicyRow *row = vmp_policy_lookup ("org.vmport.Job",
                                                   get_interface (4)->methods[m]->name);

      g_assert_cmpint (row->subject, ==, VMP_SUBJECT_JOB);
      g_assert_cmphex (row->actions, ==, VMP_ACTION_MANAGE_JOBS);
    }
}

static void
test_rows_have_handlers (void)
{
  const VmpHandler *const tables[] = { vmp_daemon_handlers, vmp_manager_handlers,
                                       vmp_machine_handlers, vmp_snapshot_handlers,
                                       vmp_job_handlers };
  g_autoptr (GHashTable) handled = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  gsize n;
  const VmpPolicyRow *rows = vmp_policy_get_rows (&n);

  for (gsize t = 0; t < G_N_ELEMENTS (tables); t++)
    for (const VmpHandler *handler = tables[t]; handler->interface != NULL; handler++)
      {
        char *name = g_strdup_printf ("%s.%s", handler->interface, handler->member);

        g_test_message ("%s", name);
        g_assert_nonnull (vmp_policy_lookup (handler->interface, handler->member));
        g_assert_nonnull (handler->serve);
        g_assert_cmpstr (handler->interface, ==, tables[t]->interface);
        g_assert_true (g_hash_table_add (handled, name));
      }
  for (gsize i = 0; i < n; i++)
    {
      g_autofree char *name = g_strdup_printf ("%s.%s", rows[i].interface, rows[i].member);

      g_test_message ("%s", name);
      g_assert_true (g_hash_table_contains (handled, name));
    }
}

/* An operation of the authorization store for each action, and no other: what it grants is what the
 * daemon asks for. */
static void
test_operations_of_the_store (void)
{
  gsize n;

  vmp_azman_get_known (&n);
  g_assert_cmpuint (n, ==, G_N_ELEMENTS (all_actions));
  for (gsize i = 0; i < G_N_ELEMENTS (all_actions); i++)
    {
      g_autofree char *plain = vmp_policy_action_id (all_actions[i], "");
      g_autofree char *scoped = vmp_policy_action_id (all_actions[i], "lab");
      const VmpAzmanKnown *known = vmp_azman_find_known (plain + strlen ("org.vmport."));

      g_test_message ("%s", plain);
      g_assert_nonnull (known);
      g_assert_cmpint (known->scoped, ==, strcmp (plain, scoped) != 0);
      /* No request asks for what tells which store is in force. */
      g_assert_cmpstr (plain, !=, VMP_AZMAN_RULES_ACTION);
    }
}

/* The policy file */

typedef struct
{
  xmlDoc *doc;
  xmlXPathContext *context;
} Policy;

static void
policy_set_up (Policy *policy, gconstpointer data)
{
  const char *path = g_getenv ("VMPORT_POLICY");

  g_assert_nonnull (path);
  policy->doc = xmlReadFile (path, NULL, XML_PARSE_NONET);
  g_assert_nonnull (policy->doc);
  policy->context = xmlXPathNewContext (policy->doc);
}

static void
policy_tear_down (Policy *policy, gconstpointer data)
{
  xmlXPathFreeContext (policy->context);
  xmlFreeDoc (policy->doc);
}

static char *
evaluate (Policy *policy, const char *expression)
{
  xmlXPathObject *object = xmlXPathEvalExpression (BAD_CAST expression, policy->context);
  xmlChar *text;
  char *copy;

  g_assert_nonnull (object);
  text = xmlXPathCastToString (object);
  copy = g_strdup ((const char *) text);
  xmlFree (text);
  xmlXPathFreeObject (object);
  return copy;
}

/* The text of @element, a path beneath the action. */
static char *
text_of (Policy *policy, const char *id, const char *element)
{
  g_autofree char *expression = g_strdup_printf (
      "normalize-space(/policyconfig/action[@id='%s']/%s)", id, element);

  return evaluate (policy, expression);
}

static void
assert_action (Policy *policy, const char *id)
{
  g_autofree char *expression = g_strdup_printf ("count(/policyconfig/action[@id='%s'])", id);
  g_autofree char *count = evaluate (policy, expression);

  g_test_message ("%s", id);
  g_assert_cmpstr (count, ==, "1");
}

static void
test_actions_are_installed (Policy *policy, gconstpointer data)
{
  g_autoptr (GHashTable) known = g_hash_table_new (g_str_hash, g_str_equal);
  gsize n;
  const VmpPolicyRow *rows = vmp_policy_get_rows (&n);
  VmpAction used = VMP_ACTION_NONE;

  for (gsize i = 0; i < G_N_ELEMENTS (action_table); i++)
    g_hash_table_add (known, (gpointer) action_table[i].id);
  for (gsize i = 0; i < n; i++)
    used |= rows[i].actions | rows[i].applicable;
  for (gsize i = 0; i < G_N_ELEMENTS (all_actions); i++)
    {
      g_autofree char *plain = vmp_policy_action_id (all_actions[i], NULL);
      g_autofree char *empty = vmp_policy_action_id (all_actions[i], "");
      g_autofree char *scoped = vmp_policy_action_id (all_actions[i], "lab");

      g_assert_cmpstr (plain, ==, empty);
      g_assert_cmphex (used & all_actions[i], !=, 0);
      assert_action (policy, plain);
      assert_action (policy, scoped);
      g_assert_true (g_hash_table_contains (known, plain));
      g_assert_true (g_hash_table_contains (known, scoped));
      if (all_actions[i] == VMP_ACTION_MANAGE_JOBS)
        g_assert_cmpstr (plain, ==, scoped);
      else
        g_assert_true (g_str_has_prefix (scoped, "org.vmport.scoped."));
      used &= (VmpAction) ~all_actions[i];
    }
  /* No action but these is asked for. */
  g_assert_cmphex (used, ==, 0);
}

static void
test_defaults (Policy *policy, gconstpointer data)
{
  static const char *const places[] = { "defaults/allow_any", "defaults/allow_inactive",
                                        "defaults/allow_active" };
  g_autofree char *count = evaluate (policy, "count(/policyconfig/action)");
  g_autofree char *kept = evaluate (policy, "count(//*[contains(text(), '_keep')])");

  g_assert_cmpint (atoi (count), ==, G_N_ELEMENTS (action_table));
  g_assert_cmpstr (kept, ==, "0");
  for (gsize i = 0; i < G_N_ELEMENTS (action_table); i++)
    for (gsize p = 0; p < G_N_ELEMENTS (places); p++)
      {
        g_autofree char *value = text_of (policy, action_table[i].id, places[p]);

        g_test_message ("%s %s", action_table[i].id, places[p]);
        g_assert_cmpstr (value, ==, action_table[i].defaults);
      }
}

static void
test_messages (Policy *policy, gconstpointer data)
{
  for (gsize i = 0; i < G_N_ELEMENTS (all_actions); i++)
    {
      const char *message = vmp_policy_action_message (all_actions[i], "");
      const char *in_scope = vmp_policy_action_message (all_actions[i], "lab");
      gboolean asks = all_actions[i] != VMP_ACTION_VIEW && all_actions[i] != VMP_ACTION_MANAGE_JOBS;

      g_assert_cmpuint (strlen (message), >, 20);
      g_assert_null (strchr (message, '%'));
      g_assert_null (strchr (in_scope, '%'));
      g_assert_cmpstr (message, ==, vmp_policy_action_message (all_actions[i], NULL));
      /* Of what is in a named scope, a prompt names it. */
      g_assert_cmpint (strstr (in_scope, "“$(scope)”") != NULL, ==, asks);
    }
  for (gsize i = 0; i < G_N_ELEMENTS (action_table); i++)
    {
      g_autofree char *description = text_of (policy, action_table[i].id, "description");
      g_autofree char *message = text_of (policy, action_table[i].id, "message");

      g_assert_cmpstr (description, !=, "");
      g_assert_cmpstr (message, !=, "");
    }
}

/* A change of scope asks twice; each prompt says which of the two it is about. */
static void
test_scope_messages (void)
{
  static const char *const scopes[] = { "", "lab" };
  g_autoptr (GHashTable) seen = g_hash_table_new (g_str_hash, g_str_equal);

  for (gsize i = 0; i < G_N_ELEMENTS (scopes); i++)
    for (gboolean into = FALSE; into <= TRUE; into++)
      {
        const char *message = vmp_policy_scope_message (scopes[i], into);

        g_assert_true (g_hash_table_add (seen, (gpointer) message));
        g_assert_nonnull (strstr (message, "$(vm_name)"));
        g_assert_nonnull (strstr (message, into ? " into " : " out of "));
        g_assert_cmpint (strstr (message, "$(scope)") != NULL, ==, scopes[i][0] != '\0');
      }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/policy/members-have-rows", test_members_have_rows);
  g_test_add_func ("/policy/what-has-no-row", test_what_has_no_row);
  g_test_add_func ("/policy/rows", test_rows_say_what_the_architecture_says);
  g_test_add_func ("/policy/handlers", test_rows_have_handlers);
  g_test_add ("/policy/actions", Policy, NULL, policy_set_up, test_actions_are_installed,
              policy_tear_down);
  g_test_add ("/policy/defaults", Policy, NULL, policy_set_up, test_defaults, policy_tear_down);
  g_test_add_func ("/policy/operations-of-the-store", test_operations_of_the_store);
  g_test_add_func ("/policy/scope-messages", test_scope_messages);
  g_test_add ("/policy/messages", Policy, NULL, policy_set_up, test_messages, policy_tear_down);
  return g_test_run ();
}
