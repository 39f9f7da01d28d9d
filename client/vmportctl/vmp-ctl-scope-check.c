/* vmportctl scope check: whether a user has a right in a scope, and why. */
#include "config.h"

#include <glib/gi18n-lib.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <unistd.h>

#include "vmp-azman-check.h"
#include "vmp-ctl-polkit.h"
#include "vmp-ctl-scope.h"
#include "vmp-ctl-store.h"
#include "vmp-ctl-text.h"

#define MAX_GROUPS 65536

/* The names of all groups that a user is in, as polkit will see them. */
static GStrv
list_groups (const struct passwd *user)
{
  g_autoptr (GStrvBuilder) names = g_strv_builder_new ();
  int n = 64;
  g_autofree gid_t *gids = g_new0 (gid_t, n);

  while (getgrouplist (user->pw_name, user->pw_gid, gids, &n) < 0 && n <= MAX_GROUPS)
    gids = g_renew (gid_t, gids, n);
  for (int i = 0; i < MIN (n, MAX_GROUPS); i++)
    {
      const struct group *group = getgrgid (gids[i]);

      if (group != NULL)
        g_strv_builder_add (names, group->gr_name);
    }
  return g_strv_builder_end (names);
}

static void print_line (const char *format, ...) G_GNUC_PRINTF (1, 2);

static void
print_line (const char *format, ...)
{
  g_autofree char *text = NULL;
  g_autofree char *clean = NULL;
  va_list args;

  va_start (args, format);
  text = g_strdup_vprintf (format, args);
  va_end (args);
  clean = vmp_ctl_text_clean (text);
  g_print ("%s\n", clean);
}

static void
print_reason (const VmpAzmanReason *reason)
{
  if (reason->scope->name[0] != '\0')
    print_line (_ ("  By the role “%s” in the scope “%s”"), reason->role->name,
                reason->scope->name);
  else
    print_line (_ ("  By the role “%s” in every scope"), reason->role->name);
  for (guint i = 0; i < reason->groups->len; i++)
    print_line (_ ("    through the group “%s”"),
                ((VmpAzmanGroup *) reason->groups->pdata[i])->name);
  print_line (_ ("    as member %s"), reason->member->text);
  for (guint i = 0; i < reason->tasks->len; i++)
    print_line (_ ("    with the task “%s”"), ((VmpAzmanTask *) reason->tasks->pdata[i])->name);
}

/* What the store says; polkit may be asked afterwards. */
static gboolean
explain (const VmpAzman *azman, const struct passwd *user, const char *operation, const char *scope)
{
  g_auto (GStrv) groups = list_groups (user);
  const VmpAzmanSubject subject = { user->pw_name, (const char *const *) groups };
  g_autoptr (GPtrArray) reasons = vmp_azman_check (azman, &subject, operation, scope);

  if (vmp_azman_find_scope (azman, scope) == NULL)
    print_line (_ ("By the store: there is no scope “%s”, so nobody has a right in it"), scope);
  else if (reasons->len == 0)
    print_line (_ ("By the store: no role gives %s the right"), user->pw_name);
  else
    print_line (_ ("By the store: granted"));
  for (guint i = 0; i < reasons->len; i++)
    print_reason (reasons->pdata[i]);
  return reasons->len > 0;
}

static VmpCtlStatus
ask_polkit (const struct passwd *user, const VmpAzmanKnown *operation, const char *scope,
            gboolean by_store)
{
  g_autofree char *action
      = g_strconcat ("org.vmport.", scope[0] != '\0' ? "scoped." : "", operation->name, NULL);
  g_autoptr (GError) error = NULL;
  VmpCtlVerdict verdict;

  if (!vmp_ctl_polkit_check (user->pw_uid, action, "scope", scope, &verdict, &error))
    return vmp_ctl_fail (error);
  print_line (verdict == VMP_CTL_VERDICT_YES   ? _ ("By polkit: %s is granted")
              : verdict == VMP_CTL_VERDICT_ASK ? _ ("By polkit: an administrator would have to "
                                                    "authenticate for %s")
                                               : _ ("By polkit: %s is refused"),
              action);
  if ((verdict == VMP_CTL_VERDICT_YES) != by_store)
    print_line (_ ("They differ: by the action's defaults, by other rules of polkit's, or because "
                   "the store was not compiled"));
  return verdict == VMP_CTL_VERDICT_YES ? VMP_CTL_OK : VMP_CTL_DENIED;
}

VmpCtlStatus
vmp_ctl_scope_check (VmpCtl *ctl, int argc, char **argv)
{
  g_auto (VmpCtlStore) store = VMP_CTL_STORE_INIT;
  const GOptionEntry entries[] = { VMP_CTL_STORE_OPTIONS (&store), { NULL } };
  g_autoptr (VmpAzman) azman = NULL;
  g_autoptr (GError) error = NULL;
  const VmpAzmanKnown *operation;
  struct passwd user = { 0 };
  struct passwd *found;
  g_autofree char *name = NULL;
  gboolean granted;
  VmpCtlStatus status = vmp_ctl_parse (
      ctl, &argc, &argv, _ ("USER OPERATION SCOPE"),
      _ ("Tells whether a user has a right, and why: by the store, and for root by polkit too. The "
         "status is 4 where not."),
      entries, 3, 3);

  if (status != VMP_CTL_OK)
    return status;
  operation = vmp_azman_find_known (argv[2]);
  if (operation == NULL)
    return vmp_ctl_usage (_ ("“%s” is no operation: these are view, export, import, "
                             "import-in-place, import-unsafe, set-scope, delete and manage-jobs"),
                          argv[2]);
  if (!operation->scoped && argv[3][0] != '\0')
    return vmp_ctl_usage (_ ("Jobs are in no scope: the scope of “%s” is ''"), operation->name);
  found = getpwnam (argv[1]);
  if (found == NULL)
    {
      g_set_error (&error, VMPORT_ERROR, VMPORT_ERROR_NOT_FOUND, _ ("This host knows no user “%s”"),
                   argv[1]);
      return vmp_ctl_fail (error);
    }
  /* Whatever looks up another user would change it. */
  name = g_strdup (found->pw_name);
  user.pw_name = name;
  user.pw_uid = found->pw_uid;
  user.pw_gid = found->pw_gid;
  if (!vmp_ctl_store_read (&store, &error) || !(azman = vmp_ctl_store_parse (&store, &error)))
    return vmp_ctl_fail (error);
  granted = explain (azman, &user, operation->name, argv[3]);
  if (geteuid () == 0 && store.path != NULL && g_str_equal (store.path, VMP_AUTHORIZATION_STORE))
    return ask_polkit (&user, operation, argv[3], granted);
  return granted ? VMP_CTL_OK : VMP_CTL_DENIED;
}
