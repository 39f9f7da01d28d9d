/* vmportctl scope group: the groups of the authorization store, which roles can be given to. */
#include "config.h"

#include <glib/gi18n-lib.h>

#include "vmp-ctl-scope-show.h"
#include "vmp-ctl-scope.h"
#include "vmp-ctl-store.h"

typedef struct
{
  const char *verb;
  const char *scope;
  const char *group;
  const char *description;
  gboolean excluded;
  const char *const *members;
} Request;

static gboolean
apply (VmpAzmanEdit *edit, gconstpointer data, GError **error)
{
  const Request *request = data;

  if (g_str_equal (request->verb, "create"))
    return vmp_azman_edit_add_group (edit, request->scope, request->group, request->description,
                                     request->members, request->excluded, error);
  if (g_str_equal (request->verb, "delete"))
    return vmp_azman_edit_remove_group (edit, request->scope, request->group, error);
  if (g_str_equal (request->verb, "add"))
    return vmp_azman_edit_add_members (edit, request->scope, request->group, request->members,
                                       request->excluded, error);
  return vmp_azman_edit_remove_members (edit, request->scope, request->group, request->members,
                                        request->excluded, error);
}

static VmpCtlStatus
show (VmpCtl *ctl, VmpCtlStore *store, const char *name)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (VmpAzman) azman = NULL;

  if (!vmp_ctl_store_read (store, &error) || !(azman = vmp_ctl_store_parse (store, &error)))
    return vmp_ctl_fail (error);
  return vmp_ctl_scope_show_groups (ctl, azman, name);
}

/* How many arguments each has, with the verb itself. */
static const struct
{
  const char *verb;
  int least;
  int most;
} verbs[] = {
  { "list", 1, 1 }, { "show", 2, 2 },         { "create", 2, G_MAXINT },
  { "delete", 2, 2 }, { "add", 3, G_MAXINT }, { "remove", 3, G_MAXINT },
};

static gboolean
is_verb (int argc, char **argv)
{
  for (gsize i = 0; i < G_N_ELEMENTS (verbs); i++)
    if (g_str_equal (argv[1], verbs[i].verb))
      return argc > verbs[i].least && argc - 1 <= verbs[i].most;
  return FALSE;
}

VmpCtlStatus
vmp_ctl_scope_group (VmpCtl *ctl, int argc, char **argv)
{
  g_auto (VmpCtlStore) store = VMP_CTL_STORE_INIT;
  g_autofree char *scope = NULL;
  g_autofree char *description = NULL;
  gboolean excluded = FALSE;
  const GOptionEntry entries[] = {
    { "scope", 0, 0, G_OPTION_ARG_STRING, &scope, N_ ("The group is one of this scope alone"),
      N_ ("SCOPE") },
    { "non-member", 0, 0, G_OPTION_ARG_NONE, &excluded,
      N_ ("The members are such as are left out, whatever else they are in"), NULL },
    { "description", 'd', 0, G_OPTION_ARG_STRING, &description, N_ ("What it is for"),
      N_ ("TEXT") },
    VMP_CTL_STORE_OPTIONS (&store), VMP_CTL_STORE_CHANGE_OPTIONS (&store), { NULL }
  };
  g_autoptr (GError) error = NULL;
  VmpCtlStatus status = vmp_ctl_parse (
      ctl, &argc, &argv,
      _ ("list | show GROUP | create GROUP [MEMBER…] | delete GROUP | add GROUP MEMBER… | remove "
         "GROUP MEMBER…"),
      _ ("Lists, shows, makes, changes or removes groups of the store, which roles can be given to "
         "as appgroup:NAME. A member is user:NAME, group:NAME, appgroup:NAME or a SID."),
      entries, 1, G_MAXINT);
  Request request = { 0 };

  if (status != VMP_CTL_OK)
    return status;
  if (!is_verb (argc, argv))
    return vmp_ctl_usage (_ ("It is “scope group” with “list”, “show GROUP”, “create GROUP "
                             "[MEMBER…]”, “delete GROUP”, “add GROUP MEMBER…” or “remove GROUP "
                             "MEMBER…”"));
  if (g_str_equal (argv[1], "list") || g_str_equal (argv[1], "show"))
    return show (ctl, &store, argc == 3 ? argv[2] : NULL);
  request.verb = argv[1];
  request.scope = scope != NULL ? scope : "";
  request.group = argv[2];
  request.description = description;
  request.excluded = excluded;
  request.members = (const char *const *) argv + 3;
  if (!g_str_equal (request.verb, "remove"))
    vmp_ctl_scope_warn_of_strangers (request.members);
  if (!vmp_ctl_store_change (&store, apply, &request, &error))
    return vmp_ctl_fail (error);
  return VMP_CTL_OK;
}
