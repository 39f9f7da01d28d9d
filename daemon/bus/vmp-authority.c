/* polkit, the only judge of what a caller may do.
 *
 * Whatever goes wrong on the way is a refusal. Root needs no judge: polkit itself never refuses
 * root, so it goes on working where polkit does not. On a session bus the caller was found to be
 * the daemon's own user before it comes here. */
#include "config.h"

#include "vmp-authority.h"

#include <polkit/polkit.h>

#include "vmp-name.h"

#define MAX_DETAIL_CHARS 256

struct _VmpAuthority
{
  GObject parent_instance;
  gboolean session;
  PolkitAuthority *polkit;
};

G_DEFINE_FINAL_TYPE (VmpAuthority, vmp_authority, G_TYPE_OBJECT)

typedef struct
{
  VmpCaller *caller;
  char *action;
  PolkitDetails *details;
  gboolean interactive;
} Check;

static void
check_free (gpointer data)
{
  Check *check = data;

  g_object_unref (check->caller);
  g_free (check->action);
  g_object_unref (check->details);
  g_free (check);
}

static void
vmp_authority_finalize (GObject *object)
{
  VmpAuthority *self = VMP_AUTHORITY (object);

  g_clear_object (&self->polkit);
  G_OBJECT_CLASS (vmp_authority_parent_class)->finalize (object);
}

static void
vmp_authority_class_init (VmpAuthorityClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = vmp_authority_finalize;
}

static void
vmp_authority_init (VmpAuthority *self)
{
}

VmpAuthority *
vmp_authority_new (gboolean session)
{
  VmpAuthority *self = g_object_new (VMP_TYPE_AUTHORITY, NULL);

  self->session = session;
  return self;
}

static void
insert_detail (PolkitDetails *details, const char *key, const char *value)
{
  g_autofree char *clean = vmp_name_clean (value != NULL ? value : "", MAX_DETAIL_CHARS);

  polkit_details_insert (details, key, clean);
}

/* A scope is matched by rules, so it must not be cut or changed. */
static PolkitDetails *
make_details (const VmpAuthorityDetails *details, const char *message)
{
  PolkitDetails *made = polkit_details_new ();

  insert_detail (made, "manager", details->manager);
  insert_detail (made, "vm_name", details->vm_name);
  insert_detail (made, "vm_uuid", details->vm_uuid);
  insert_detail (made, "directory", details->directory);
  polkit_details_insert (made, "scope", details->scope != NULL ? details->scope : "");
  polkit_details_insert (made, "polkit.message", message);
  polkit_details_insert (made, "polkit.gettext_domain", GETTEXT_PACKAGE);
  return made;
}

static void
on_checked (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GTask) task = data;
  Check *check = g_task_get_task_data (task);
  g_autoptr (GError) error = NULL;
  g_autoptr (PolkitAuthorizationResult) verdict = polkit_authority_check_authorization_finish (
      POLKIT_AUTHORITY (source), result, &error);

  if (verdict == NULL)
    {
      if (!g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
        g_message ("polkit gives no answer about %s: %s", check->action, error->message);
      g_task_return_int (task, VMP_VERDICT_DENIED);
    }
  else if (polkit_authorization_result_get_is_authorized (verdict))
    g_task_return_int (task, VMP_VERDICT_GRANTED);
  else if (polkit_authorization_result_get_is_challenge (verdict) && !check->interactive)
    g_task_return_int (task, VMP_VERDICT_ASK);
  else
    g_task_return_int (task, VMP_VERDICT_DENIED);
}

/* Nothing is cancelled from here: polkitd takes a prompt down by itself when its subject leaves the
 * bus, and would only complain of a cancellation that comes after. */
static void
ask_polkit (VmpAuthority *self, GTask *task)
{
  Check *check = g_task_get_task_data (task);
  g_autoptr (PolkitSubject) subject = polkit_system_bus_name_new (
      vmp_caller_get_name (check->caller));

  polkit_authority_check_authorization (
      self->polkit, subject, check->action, check->details,
      check->interactive ? POLKIT_CHECK_AUTHORIZATION_FLAGS_ALLOW_USER_INTERACTION
                         : POLKIT_CHECK_AUTHORIZATION_FLAGS_NONE,
      NULL, on_checked, task);
}

static void
on_polkit (GObject *source, GAsyncResult *result, gpointer data)
{
  GTask *task = data;
  VmpAuthority *self = g_task_get_source_object (task);
  g_autoptr (GError) error = NULL;
  PolkitAuthority *polkit = polkit_authority_get_finish (result, &error);

  if (polkit == NULL)
    {
      g_message ("polkit is not there: %s", error->message);
      g_task_return_int (task, VMP_VERDICT_DENIED);
      g_object_unref (task);
      return;
    }
  g_clear_object (&self->polkit);
  self->polkit = polkit;
  ask_polkit (self, task);
}

/* May @caller do @action? @message is what a prompt says, untranslated, in polkit's `$(…)` form.
 * @interactive: whether polkit may ask somebody. */
void
vmp_authority_check_async (VmpAuthority *self, VmpCaller *caller, const char *action,
                           const char *message, const VmpAuthorityDetails *details,
                           gboolean interactive, GAsyncReadyCallback callback, gpointer user_data)
{
  GTask *task = g_task_new (self, NULL, callback, user_data);
  Check *check = g_new0 (Check, 1);

  g_task_set_source_tag (task, vmp_authority_check_async);
  check->caller = g_object_ref (caller);
  check->action = g_strdup (action);
  check->details = make_details (details, message);
  check->interactive = interactive;
  g_task_set_task_data (task, check, check_free);
  if (self->session || vmp_caller_get_uid (caller) == 0)
    {
      g_task_return_int (task, VMP_VERDICT_GRANTED);
      g_object_unref (task);
      return;
    }
  if (self->polkit == NULL)
    polkit_authority_get_async (NULL, on_polkit, task);
  else
    ask_polkit (self, task);
}

VmpVerdict
vmp_authority_check_finish (VmpAuthority *self, GAsyncResult *result)
{
  g_autoptr (GError) error = NULL;
  gssize verdict = g_task_propagate_int (G_TASK (result), &error);

  return error == NULL ? (VmpVerdict) verdict : VMP_VERDICT_DENIED;
}
