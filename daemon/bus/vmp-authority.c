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

/* Questions of one user that polkitd has at a time, which answers one after the other; the next ones
 * wait here, so that those of others come in between. A prompt stays open for minutes. */
#define MAX_CHECKS_PER_USER 4
#define MAX_PROMPTS_PER_USER 32

struct _VmpAuthority
{
  GObject parent_instance;
  gboolean session;
  PolkitAuthority *polkit;
  GHashTable *shares; /* uid → Share, of those who have asked for something */
};

/* One user's part of polkitd's time: the checks of which nobody is asked, and those with prompts. */
typedef struct
{
  guint running[2];
  GQueue waiting[2]; /* of GTask */
} Share;

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
  g_hash_table_unref (self->shares);
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
  self->shares = g_hash_table_new_full (NULL, NULL, NULL, g_free);
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

static void start_check (VmpAuthority *self, GTask *task);

static Share *
get_share (VmpAuthority *self, Check *check)
{
  gpointer uid = GUINT_TO_POINTER (vmp_caller_get_uid (check->caller));
  Share *share = g_hash_table_lookup (self->shares, uid);

  if (share == NULL)
    {
      share = g_new0 (Share, 1);
      g_queue_init (&share->waiting[FALSE]);
      g_queue_init (&share->waiting[TRUE]);
      g_hash_table_insert (self->shares, uid, share);
    }
  return share;
}

/* Takes @task, which has a turn. */
static void
answer (GTask *task, VmpVerdict verdict)
{
  g_autoptr (GTask) owned = task;
  VmpAuthority *self = g_task_get_source_object (task);
  Check *check = g_task_get_task_data (task);
  Share *share = get_share (self, check);
  GTask *next = g_queue_pop_head (&share->waiting[check->interactive]);

  if (next == NULL)
    share->running[check->interactive]--;
  if (share->running[FALSE] == 0 && share->running[TRUE] == 0)
    g_hash_table_remove (self->shares, GUINT_TO_POINTER (vmp_caller_get_uid (check->caller)));
  g_task_return_int (task, verdict);
  if (next != NULL)
    start_check (self, next);
}

static void
on_checked (GObject *source, GAsyncResult *result, gpointer data)
{
  GTask *task = data;
  Check *check = g_task_get_task_data (task);
  g_autoptr (GError) error = NULL;
  g_autoptr (PolkitAuthorizationResult) verdict = polkit_authority_check_authorization_finish (
      POLKIT_AUTHORITY (source), result, &error);

  if (verdict == NULL)
    {
      if (!g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
        g_message ("polkit gives no answer about %s: %s", check->action, error->message);
      answer (task, VMP_VERDICT_UNKNOWN);
    }
  else if (polkit_authorization_result_get_is_authorized (verdict))
    answer (task, VMP_VERDICT_GRANTED);
  else if (polkit_authorization_result_get_is_challenge (verdict) && !check->interactive)
    answer (task, VMP_VERDICT_ASK);
  else
    answer (task, VMP_VERDICT_DENIED);
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
      answer (task, VMP_VERDICT_UNKNOWN);
      return;
    }
  g_clear_object (&self->polkit);
  self->polkit = polkit;
  ask_polkit (self, task);
}

static void
start_check (VmpAuthority *self, GTask *task)
{
  Check *check = g_task_get_task_data (task);

  if (vmp_caller_is_gone (check->caller))
    answer (task, VMP_VERDICT_DENIED);
  else if (self->polkit == NULL)
    polkit_authority_get_async (NULL, on_polkit, task);
  else
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
  Share *share;

  interactive = !!interactive;
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
  share = get_share (self, check);
  if (share->running[interactive] >= (interactive ? MAX_PROMPTS_PER_USER : MAX_CHECKS_PER_USER))
    {
      g_queue_push_tail (&share->waiting[interactive], task);
      return;
    }
  share->running[interactive]++;
  start_check (self, task);
}

VmpVerdict
vmp_authority_check_finish (VmpAuthority *self, GAsyncResult *result)
{
  g_autoptr (GError) error = NULL;
  gssize verdict = g_task_propagate_int (G_TASK (result), &error);

  return error == NULL ? (VmpVerdict) verdict : VMP_VERDICT_DENIED;
}
