/* vmportctl scope list and show, and list and show of roles and groups: what is in the authorization
 * store. */
#include "config.h"

#include <glib/gi18n-lib.h>

#include "vmp-ctl-scope-show.h"
#include "vmp-ctl-scope.h"
#include "vmp-ctl-store.h"
#include "vmp-ctl-text.h"

static VmpCtlStatus
print (VmpCtl *ctl, const char *const *heads, GPtrArray *rows, GVariantBuilder *json)
{
  if (ctl->json)
    vmp_ctl_text_print_json (g_variant_builder_end (json));
  else
    vmp_ctl_text_print_table (heads, rows);
  return VMP_CTL_OK;
}

/* The names of what is in a set, in the order of the store. */
static GStrv
list_operations (const VmpAzman *azman, guint64 operations)
{
  g_autoptr (GStrvBuilder) names = g_strv_builder_new ();

  for (guint i = 0; i < azman->operations->len; i++)
    if ((operations >> i & 1) != 0)
      g_strv_builder_add (names, ((VmpAzmanOperation *) azman->operations->pdata[i])->name);
  return g_strv_builder_end (names);
}

/* As assign and unassign take them. */
static GStrv
list_members (GPtrArray *members, GPtrArray *groups)
{
  g_autoptr (GStrvBuilder) names = g_strv_builder_new ();

  for (guint i = 0; i < members->len; i++)
    g_strv_builder_add (names, ((VmpAzmanMember *) members->pdata[i])->text);
  for (guint i = 0; i < groups->len; i++)
    {
      g_autofree char *name
          = g_strconcat ("appgroup:", ((VmpAzmanGroup *) groups->pdata[i])->name, NULL);

      g_strv_builder_add (names, name);
    }
  return g_strv_builder_end (names);
}

static char *
join_clean (GStrv names)
{
  g_autofree char *joined = g_strjoinv (" ", names);

  return vmp_ctl_text_clean (joined);
}

VmpCtlStatus
vmp_ctl_scope_list (VmpCtl *ctl, int argc, char **argv)
{
  g_auto (VmpCtlStore) store = VMP_CTL_STORE_INIT;
  const GOptionEntry entries[] = { VMP_CTL_STORE_OPTIONS (&store), { NULL } };
  g_autoptr (VmpAzman) azman = NULL;
  g_autoptr (GError) error = NULL;
  g_auto (GStrv) names = NULL;
  VmpCtlStatus status = vmp_ctl_parse (ctl, &argc, &argv, "",
                                       _ ("Lists the scopes of the authorization store."), entries,
                                       0, 0);

  if (status != VMP_CTL_OK)
    return status;
  if (!vmp_ctl_store_read (&store, &error) || !(azman = vmp_ctl_store_parse (&store, &error)))
    return vmp_ctl_fail (error);
  names = vmp_azman_list_scopes (azman);
  if (ctl->json)
    vmp_ctl_text_print_json (g_variant_new_strv ((const char *const *) names, -1));
  for (gsize i = 0; !ctl->json && names[i] != NULL; i++)
    {
      g_autofree char *clean = vmp_ctl_text_clean (names[i]);

      g_print ("%s\n", clean);
    }
  return VMP_CTL_OK;
}

static void
add_assignments (const VmpAzman *azman, const VmpAzmanScope *scope, GPtrArray *rows,
                 GVariantBuilder *json)
{
  for (guint i = 0; i < scope->roles->len; i++)
    {
      const VmpAzmanRole *role = scope->roles->pdata[i];
      g_auto (GStrv) operations = list_operations (azman, role->operations);
      g_auto (GStrv) members = list_members (role->members, role->groups);
      char **cells = g_new0 (char *, 5);

      cells[0] = vmp_ctl_text_clean (role->name);
      cells[1] = g_strdup (scope == azman->root ? _ ("everywhere") : _ ("here"));
      cells[2] = join_clean (members);
      cells[3] = join_clean (operations);
      g_ptr_array_add (rows, cells);
      g_variant_builder_open (json, G_VARIANT_TYPE ("a{sv}"));
      g_variant_builder_add (json, "{sv}", "Role", g_variant_new_string (role->name));
      g_variant_builder_add (json, "{sv}", "Scope", g_variant_new_string (scope->name));
      g_variant_builder_add (json, "{sv}", "Members",
                             g_variant_new_strv ((const char *const *) members, -1));
      g_variant_builder_add (json, "{sv}", "Operations",
                             g_variant_new_strv ((const char *const *) operations, -1));
      g_variant_builder_close (json);
    }
}

VmpCtlStatus
vmp_ctl_scope_show (VmpCtl *ctl, int argc, char **argv)
{
  g_auto (VmpCtlStore) store = VMP_CTL_STORE_INIT;
  const GOptionEntry entries[] = { VMP_CTL_STORE_OPTIONS (&store), { NULL } };
  const char *heads[] = { _ ("ROLE"), _ ("HOLDS"), _ ("MEMBERS"), _ ("OPERATIONS"), NULL };
  g_autoptr (GPtrArray) rows = g_ptr_array_new_with_free_func ((GDestroyNotify) g_strfreev);
  g_auto (GVariantBuilder) json = G_VARIANT_BUILDER_INIT (G_VARIANT_TYPE ("aa{sv}"));
  g_autoptr (VmpAzman) azman = NULL;
  g_autoptr (GError) error = NULL;
  const VmpAzmanScope *scope;
  VmpCtlStatus status = vmp_ctl_parse (
      ctl, &argc, &argv, _ ("SCOPE"),
      _ ("Shows who has which role in a scope; '' is the default one."), entries, 1, 1);

  if (status != VMP_CTL_OK)
    return status;
  if (!vmp_ctl_store_read (&store, &error) || !(azman = vmp_ctl_store_parse (&store, &error)))
    return vmp_ctl_fail (error);
  scope = vmp_azman_find_scope (azman, argv[1]);
  if (scope == NULL)
    {
      g_set_error (&error, VMPORT_ERROR, VMPORT_ERROR_NOT_FOUND,
                   _ ("There is no scope “%s” in the store; “vmportctl scope list” lists them"),
                   argv[1]);
      return vmp_ctl_fail (error);
    }
  if (scope != azman->root)
    add_assignments (azman, scope, rows, &json);
  add_assignments (azman, azman->root, rows, &json);
  return print (ctl, heads, rows, &json);
}

static void
add_roles (const VmpAzman *azman, const VmpAzmanScope *scope, const char *name, GPtrArray *rows,
           GVariantBuilder *json)
{
  for (guint i = 0; i < scope->tasks->len; i++)
    {
      const VmpAzmanTask *task = scope->tasks->pdata[i];
      g_auto (GStrv) operations = list_operations (azman, task->operations);
      char **cells;

      if (!task->is_role || (name != NULL && !g_str_equal (task->name, name)))
        continue;
      cells = g_new0 (char *, 4);
      cells[0] = vmp_ctl_text_clean (task->name);
      cells[1] = vmp_ctl_text_clean (scope->name);
      cells[2] = join_clean (operations);
      g_ptr_array_add (rows, cells);
      g_variant_builder_open (json, G_VARIANT_TYPE ("a{sv}"));
      g_variant_builder_add (json, "{sv}", "Role", g_variant_new_string (task->name));
      g_variant_builder_add (json, "{sv}", "Scope", g_variant_new_string (scope->name));
      g_variant_builder_add (json, "{sv}", "Operations",
                             g_variant_new_strv ((const char *const *) operations, -1));
      g_variant_builder_close (json);
    }
}

/* The roles of a store, or those of one name. */
VmpCtlStatus
vmp_ctl_scope_show_roles (VmpCtl *ctl, const VmpAzman *azman, const char *name)
{
  const char *heads[] = { _ ("ROLE"), _ ("SCOPE"), _ ("OPERATIONS"), NULL };
  g_autoptr (GPtrArray) rows = g_ptr_array_new_with_free_func ((GDestroyNotify) g_strfreev);
  g_auto (GVariantBuilder) json = G_VARIANT_BUILDER_INIT (G_VARIANT_TYPE ("aa{sv}"));

  add_roles (azman, azman->root, name, rows, &json);
  for (guint i = 0; i < azman->scopes->len; i++)
    add_roles (azman, azman->scopes->pdata[i], name, rows, &json);
  if (name != NULL && rows->len == 0)
    {
      g_autoptr (GError) error = g_error_new (
          VMPORT_ERROR, VMPORT_ERROR_NOT_FOUND,
          _ ("There is no role “%s”; “vmportctl scope role list” lists them"), name);

      return vmp_ctl_fail (error);
    }
  return print (ctl, heads, rows, &json);
}

static void
add_groups (GPtrArray *groups, const char *scope, gboolean shared, const char *name, GPtrArray *rows,
            GVariantBuilder *json)
{
  for (guint i = 0; i < groups->len; i++)
    {
      const VmpAzmanGroup *group = groups->pdata[i];
      g_auto (GStrv) members = list_members (group->members, group->groups);
      g_auto (GStrv) others = list_members (group->non_members, group->non_groups);
      char **cells;

      if (name != NULL && !g_str_equal (group->name, name))
        continue;
      cells = g_new0 (char *, 6);
      cells[0] = vmp_ctl_text_clean (group->name);
      cells[1] = shared ? g_strdup (_ ("(all applications)")) : vmp_ctl_text_clean (scope);
      cells[2] = join_clean (members);
      cells[3] = join_clean (others);
      cells[4] = vmp_ctl_text_clean (group->unsupported != NULL ? group->unsupported : "");
      g_ptr_array_add (rows, cells);
      g_variant_builder_open (json, G_VARIANT_TYPE ("a{sv}"));
      g_variant_builder_add (json, "{sv}", "Group", g_variant_new_string (group->name));
      g_variant_builder_add (json, "{sv}", "Scope", g_variant_new_string (scope));
      g_variant_builder_add (json, "{sv}", "Shared", g_variant_new_boolean (shared));
      g_variant_builder_add (json, "{sv}", "Type", g_variant_new_string (group->type));
      g_variant_builder_add (json, "{sv}", "Members",
                             g_variant_new_strv ((const char *const *) members, -1));
      g_variant_builder_add (json, "{sv}", "NonMembers",
                             g_variant_new_strv ((const char *const *) others, -1));
      g_variant_builder_add (json, "{sv}", "Supported",
                             g_variant_new_boolean (group->unsupported == NULL));
      g_variant_builder_close (json);
    }
}

/* The groups of a store, or those of one name. */
VmpCtlStatus
vmp_ctl_scope_show_groups (VmpCtl *ctl, const VmpAzman *azman, const char *name)
{
  const char *heads[] = { _ ("GROUP"), _ ("SCOPE"), _ ("MEMBERS"), _ ("LEFT OUT"), _ ("GRANTS NOTHING"),
                          NULL };
  g_autoptr (GPtrArray) rows = g_ptr_array_new_with_free_func ((GDestroyNotify) g_strfreev);
  g_auto (GVariantBuilder) json = G_VARIANT_BUILDER_INIT (G_VARIANT_TYPE ("aa{sv}"));

  add_groups (azman->shared_groups, "", TRUE, name, rows, &json);
  add_groups (azman->root->groups, "", FALSE, name, rows, &json);
  for (guint i = 0; i < azman->scopes->len; i++)
    {
      const VmpAzmanScope *scope = azman->scopes->pdata[i];

      add_groups (scope->groups, scope->name, FALSE, name, rows, &json);
    }
  if (name != NULL && rows->len == 0)
    {
      g_autoptr (GError) error = g_error_new (
          VMPORT_ERROR, VMPORT_ERROR_NOT_FOUND,
          _ ("There is no group “%s” in the store; “vmportctl scope group list” lists them"), name);

      return vmp_ctl_fail (error);
    }
  return print (ctl, heads, rows, &json);
}
