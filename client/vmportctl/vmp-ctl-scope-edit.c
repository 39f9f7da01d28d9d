/* vmportctl scope create, delete, assign, unassign, role and compile: changes of the authorization
 * store, each put into force with it. */
#include "config.h"

#include <glib/gi18n-lib.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>

#include "vmp-ctl-scope-show.h"
#include "vmp-ctl-scope.h"
#include "vmp-ctl-store.h"

typedef enum
{
  CHANGE_CREATE,
  CHANGE_DELETE,
  CHANGE_ASSIGN,
  CHANGE_UNASSIGN,
  CHANGE_CREATE_ROLE,
  CHANGE_DELETE_ROLE,
} Change;

typedef struct
{
  Change change;
  const char *scope;
  const char *role;
  const char *description;
  const char *const *rest; /* members or operations */
} Request;

static gboolean
apply (VmpAzmanEdit *edit, gconstpointer data, GError **error)
{
  const Request *request = data;

  switch (request->change)
    {
    case CHANGE_CREATE:
      return vmp_azman_edit_add_scope (edit, request->scope, request->description, error);
    case CHANGE_DELETE:
      return vmp_azman_edit_remove_scope (edit, request->scope, error);
    case CHANGE_ASSIGN:
      return vmp_azman_edit_assign (edit, request->scope, request->role, request->rest, error);
    case CHANGE_UNASSIGN:
      return vmp_azman_edit_unassign (edit, request->scope, request->role, request->rest, error);
    case CHANGE_CREATE_ROLE:
      return vmp_azman_edit_add_role (edit, request->scope, request->role, request->rest, error);
    case CHANGE_DELETE_ROLE:
      return vmp_azman_edit_remove_role (edit, request->scope, request->role, error);
    }
  g_return_val_if_reached (FALSE);
}

static VmpCtlStatus
change (VmpCtlStore *store, const Request *request)
{
  g_autoptr (GError) error = NULL;

  if (!vmp_ctl_store_change (store, apply, request, &error))
    return vmp_ctl_fail (error);
  return VMP_CTL_OK;
}

VmpCtlStatus
vmp_ctl_scope_create (VmpCtl *ctl, int argc, char **argv)
{
  g_auto (VmpCtlStore) store = VMP_CTL_STORE_INIT;
  g_autofree char *description = NULL;
  const GOptionEntry entries[] = {
    { "description", 'd', 0, G_OPTION_ARG_STRING, &description, N_ ("What it is for"),
      N_ ("TEXT") },
    VMP_CTL_STORE_OPTIONS (&store), VMP_CTL_STORE_CHANGE_OPTIONS (&store), { NULL }
  };
  VmpCtlStatus status = vmp_ctl_parse (ctl, &argc, &argv, _ ("SCOPE"),
                                       _ ("Makes a scope, in which nobody has a role yet but those "
                                          "who have one everywhere."),
                                       entries, 1, 1);
  const Request request = { CHANGE_CREATE, argv[1], NULL, description, NULL };

  return status == VMP_CTL_OK ? change (&store, &request) : status;
}

VmpCtlStatus
vmp_ctl_scope_delete (VmpCtl *ctl, int argc, char **argv)
{
  g_auto (VmpCtlStore) store = VMP_CTL_STORE_INIT;
  const GOptionEntry entries[] = { VMP_CTL_STORE_OPTIONS (&store),
                                   VMP_CTL_STORE_CHANGE_OPTIONS (&store), { NULL } };
  VmpCtlStatus status = vmp_ctl_parse (
      ctl, &argc, &argv, _ ("SCOPE"),
      _ ("Removes a scope, with the roles that were given in it. Virtual machines that are in it "
         "stay there, closed to everybody but root, until they are put elsewhere."),
      entries, 1, 1);
  const Request request = { CHANGE_DELETE, argv[1], NULL, NULL, NULL };

  return status == VMP_CTL_OK ? change (&store, &request) : status;
}

/* Somebody may be meant whom a directory will know in a while, so this is no error. */
void
vmp_ctl_scope_warn_of_strangers (const char *const *members)
{
  for (gsize i = 0; members[i] != NULL; i++)
    {
      g_autoptr (VmpAzmanMember) member = vmp_azman_member_new (members[i], NULL);

      if (member != NULL
          && ((member->kind == VMP_AZMAN_USER && getpwnam (member->name) == NULL)
              || (member->kind == VMP_AZMAN_UNIX_GROUP && getgrnam (member->name) == NULL)))
        vmp_ctl_usage (_ ("This host knows no “%s”"), members[i]);
    }
}

VmpCtlStatus
vmp_ctl_scope_assign (VmpCtl *ctl, int argc, char **argv)
{
  g_auto (VmpCtlStore) store = VMP_CTL_STORE_INIT;
  const GOptionEntry entries[] = { VMP_CTL_STORE_OPTIONS (&store),
                                   VMP_CTL_STORE_CHANGE_OPTIONS (&store), { NULL } };
  VmpCtlStatus status = vmp_ctl_parse (
      ctl, &argc, &argv, _ ("SCOPE ROLE MEMBER…"),
      _ ("Gives somebody a role in a scope, or with '' everywhere. A member is user:NAME, "
         "group:NAME, appgroup:NAME for a group of the store, or a SID."),
      entries, 3, G_MAXINT);
  Request request = { CHANGE_ASSIGN };

  if (status != VMP_CTL_OK)
    return status;
  request.scope = argv[1];
  request.role = argv[2];
  request.rest = (const char *const *) argv + 3;
  vmp_ctl_scope_warn_of_strangers (request.rest);
  return change (&store, &request);
}

VmpCtlStatus
vmp_ctl_scope_unassign (VmpCtl *ctl, int argc, char **argv)
{
  g_auto (VmpCtlStore) store = VMP_CTL_STORE_INIT;
  const GOptionEntry entries[] = { VMP_CTL_STORE_OPTIONS (&store),
                                   VMP_CTL_STORE_CHANGE_OPTIONS (&store), { NULL } };
  VmpCtlStatus status = vmp_ctl_parse (
      ctl, &argc, &argv, _ ("SCOPE ROLE [MEMBER…]"),
      _ ("Takes a role from somebody, or from everybody who was given it in that scope."), entries, 2,
      G_MAXINT);
  Request request = { CHANGE_UNASSIGN };

  if (status != VMP_CTL_OK)
    return status;
  request.scope = argv[1];
  request.role = argv[2];
  request.rest = (const char *const *) argv + 3;
  return change (&store, &request);
}

VmpCtlStatus
vmp_ctl_scope_role (VmpCtl *ctl, int argc, char **argv)
{
  g_auto (VmpCtlStore) store = VMP_CTL_STORE_INIT;
  g_autofree char *scope = NULL;
  const GOptionEntry entries[] = {
    { "scope", 0, 0, G_OPTION_ARG_STRING, &scope,
      N_ ("The role is one of this scope alone"), N_ ("SCOPE") },
    VMP_CTL_STORE_OPTIONS (&store), VMP_CTL_STORE_CHANGE_OPTIONS (&store), { NULL }
  };
  g_autoptr (VmpAzman) azman = NULL;
  g_autoptr (GError) error = NULL;
  VmpCtlStatus status = vmp_ctl_parse (
      ctl, &argc, &argv, _ ("list | show ROLE | create ROLE OPERATION… | delete ROLE"),
      _ ("Lists, shows, makes or removes roles, which are sets of operations."), entries, 1,
      G_MAXINT);
  Request request = { CHANGE_CREATE_ROLE };

  if (status != VMP_CTL_OK)
    return status;
  request.scope = scope != NULL ? scope : "";
  if (g_str_equal (argv[1], "create") && argc > 3)
    {
      request.role = argv[2];
      request.rest = (const char *const *) argv + 3;
      return change (&store, &request);
    }
  if (g_str_equal (argv[1], "delete") && argc == 3)
    {
      request.change = CHANGE_DELETE_ROLE;
      request.role = argv[2];
      return change (&store, &request);
    }
  if (!(g_str_equal (argv[1], "list") && argc == 2) && !(g_str_equal (argv[1], "show") && argc == 3))
    return vmp_ctl_usage (_ ("It is “scope role” with “list”, “show ROLE”, “create ROLE "
                             "OPERATION…” or “delete ROLE”"));
  if (!vmp_ctl_store_read (&store, &error) || !(azman = vmp_ctl_store_parse (&store, &error)))
    return vmp_ctl_fail (error);
  return vmp_ctl_scope_show_roles (ctl, azman, argc == 3 ? argv[2] : NULL);
}

VmpCtlStatus
vmp_ctl_scope_compile (VmpCtl *ctl, int argc, char **argv)
{
  g_auto (VmpCtlStore) store = VMP_CTL_STORE_INIT;
  const GOptionEntry entries[] = { VMP_CTL_STORE_OPTIONS (&store),
                                   VMP_CTL_STORE_CHANGE_OPTIONS (&store), { NULL } };
  g_autoptr (GError) error = NULL;
  VmpCtlStatus status = vmp_ctl_parse (
      ctl, &argc, &argv, "",
      _ ("Makes polkit's rules of the authorization store, after it was changed by hand or users and "
         "groups of the host got other names."),
      entries, 0, 0);

  if (status != VMP_CTL_OK)
    return status;
  if (!vmp_ctl_store_lock (&store, &error)
      || (store.content == NULL && !vmp_ctl_store_read (&store, &error))
      || !vmp_ctl_store_commit (&store, store.content, &error))
    return vmp_ctl_fail (error);
  return VMP_CTL_OK;
}
