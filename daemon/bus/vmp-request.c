/* One call from the bus, on its one way: caller → arguments → authorisation → read again → done.
 *
 * Reading properties comes here too: no object has a get_property, so GDBus hands Get and GetAll
 * on as calls. Nothing is served without a row in the policy. */
#include "config.h"

#include "vmp-request.h"

#include <glib/gi18n-lib.h>
#include <string.h>
#include <unistd.h>

#include "vmp-error.h"
#include "vmp-name.h"

/* Requests of one uid that wait for polkit, a worker or a job. Waiters of jobs are many. */
#define MAX_PENDING_PER_USER 1024

/* One question to polkit. */
typedef struct
{
  VmpAction action;
  const char *scope; /* of the machine, or that the arguments name; NULL as "" */
  const char *message;
} Check;

static void authorize_next (VmpRequest *self);

static void
request_free (VmpRequest *self)
{
  if (self->counted)
    (*vmp_caller_get_pending (self->caller))--;
  g_clear_object (&self->invocation);
  g_clear_object (&self->caller);
  g_clear_object (&self->machines);
  g_free (self->uuid);
  g_free (self->snapshot);
  g_clear_pointer (&self->machine, vmp_machine_unref);
  g_clear_object (&self->job);
  g_clear_pointer (&self->options, g_variant_unref);
  g_clear_pointer (&self->folder, vmp_folder_unref);
  g_clear_object (&self->settings);
  g_clear_pointer (&self->pending, g_array_unref);
  g_object_unref (self->bus);
  g_free (self);
}

/* Answers with @reply, floating or NULL for none. */
void
vmp_request_return (VmpRequest *self, GVariant *reply)
{
  g_dbus_method_invocation_return_value (g_steal_pointer (&self->invocation), reply);
  request_free (self);
}

/* Takes @error. What leaves here has a name of the contract, an error of GLib's own domains being
 * vmport's Failed, and words that a terminal can show. */
void
vmp_request_return_error (VmpRequest *self, GError *error)
{
  g_autoptr (GError) owned = error;
  g_autofree char *name = vmport_error_get_name (owned);
  g_autofree char *message = vmp_name_clean (owned->message, VMP_MESSAGE_MAX_CHARS);

  g_dbus_method_invocation_return_dbus_error (g_steal_pointer (&self->invocation), name, message);
  request_free (self);
}

static void
return_no_such_object (VmpRequest *self)
{
  const char *path = g_dbus_method_invocation_get_object_path (self->invocation);

  vmp_request_return_error (self, g_error_new (G_DBUS_ERROR, G_DBUS_ERROR_UNKNOWN_OBJECT,
                                               _ ("There is no object “%s”"), path));
}

/* The same words for a machine that is not there and for one that the caller may not view. What it is
 * that is not there is the first argument, a name or a path. */
void
vmp_request_return_no_such_machine (VmpRequest *self)
{
  g_autoptr (GVariant) wanted = NULL;

  if (self->own_object)
    {
      return_no_such_object (self);
      return;
    }
  wanted = g_variant_get_child_value (vmp_request_get_parameters (self), 0);
  vmp_request_return_error (self, g_error_new (VMPORT_ERROR, VMPORT_ERROR_NOT_FOUND,
                                               _ ("There is no virtual machine “%s”"),
                                               g_variant_get_string (wanted, NULL)));
}

GVariant *
vmp_request_get_parameters (VmpRequest *self)
{
  return g_dbus_method_invocation_get_parameters (self->invocation);
}

/* Every key of @options must be among the pairs of name and type that follow @error. */
gboolean
vmp_request_check_options (VmpRequest *self, GVariant *options, GError **error, ...)
{
  GVariantIter iter;
  const char *key;
  GVariant *child;

  g_variant_iter_init (&iter, options);
  while (g_variant_iter_next (&iter, "{&sv}", &key, &child))
    {
      g_autoptr (GVariant) value = child;
      const char *name, *type = NULL;
      va_list args;

      va_start (args, error);
      while ((name = va_arg (args, const char *)) != NULL)
        {
          type = va_arg (args, const char *);
          if (strcmp (name, key) == 0)
            break;
        }
      va_end (args);
      if (name == NULL)
        {
          g_autofree char *shown = vmp_name_clean (key, 64);

          return vmp_error_set (error, VMPORT_ERROR_INVALID_PARAMETER,
                                _ ("There is no option “%s”"), shown);
        }
      if (!g_variant_is_of_type (value, G_VARIANT_TYPE (type)))
        return vmp_error_set (error, VMPORT_ERROR_INCORRECT_DATA_TYPE,
                              _ ("%s has the type “%s”; it takes “%s”"), key,
                              g_variant_get_type_string (value), type);
    }
  return TRUE;
}

static GUnixFDList *
get_descriptors (VmpRequest *self)
{
  return g_dbus_message_get_unix_fd_list (
      g_dbus_method_invocation_get_message (self->invocation));
}

/* A call can wait for minutes, for a person or a job. It must not hold what came with its message
 * meanwhile: a few thousand calls would leave the daemon without descriptors. */
static void
close_descriptors (VmpRequest *self)
{
  GUnixFDList *list = get_descriptors (self);
  g_autofree int *fds = NULL;
  int n = 0;

  if (list != NULL)
    fds = g_unix_fd_list_steal_fds (list, &n);
  for (int i = 0; i < n; i++)
    close (fds[i]);
}

static gboolean
take_open_directory (VmpRequest *self, gint32 handle, GError **error)
{
  GUnixFDList *list = get_descriptors (self);
  int n = list != NULL ? g_unix_fd_list_get_length (list) : 0;

  if (handle < 0 || handle >= n)
    return vmp_error_set (error, VMPORT_ERROR_INVALID_PARAMETER,
                          _ ("DirectoryFd is the descriptor number %d of the message, which came "
                             "with %d"),
                          handle, n);
  self->folder = vmp_folder_new_for_fd (g_unix_fd_list_peek_fds (list, NULL)[handle], error);
  return self->folder != NULL;
}

/* Takes the folder that the call is about: @directory, or DirectoryFd of the settings or options. */
gboolean
vmp_request_take_directory (VmpRequest *self, const char *directory, GError **error)
{
  gint32 handle;

  if (self->settings != NULL ? vmp_settings_lookup_handle (self->settings, &handle)
                             : g_variant_lookup (self->options, "DirectoryFd", "h", &handle))
    {
      if (directory[0] != '\0')
        return vmp_error_set (error, VMPORT_ERROR_INVALID_PARAMETER,
                              _ ("With DirectoryFd the directory must be empty"));
      return take_open_directory (self, handle, error);
    }
  if (!vmp_name_is_absolute (directory))
    return vmp_error_set (error, VMPORT_ERROR_INVALID_PARAMETER,
                          _ ("The directory must be an absolute path without “.”, “..”, empty "
                             "components and control characters, and no longer than a path can "
                             "be"));
  self->folder = vmp_folder_new (directory);
  return TRUE;
}

#define MACHINE_PREFIX "/org/vmport/VirtualMachine/"

/* Takes the machine that an argument names by its object path. Any path that is no machine of this
 * manager is one that is not there. */
gboolean
vmp_request_take_machine (VmpRequest *self, const char *path, GError **error)
{
  g_autofree char *id = vmp_name_escape (vmp_machines_get_id (self->machines));
  g_autofree char *prefix = g_strconcat (MACHINE_PREFIX, id, "/", NULL);

  if (g_str_has_prefix (path, prefix))
    self->uuid = vmp_name_uuid_from_path (path + strlen (prefix));
  return TRUE;
}

/* What rules and prompts learn of the request. */
static VmpAuthorityDetails
get_details (VmpRequest *self, const Check *check)
{
  VmpAuthorityDetails details = { .scope = check->scope };

  if (self->folder != NULL)
    details.directory = vmp_folder_is_open (self->folder)
                            ? _ ("a folder that the program has opened")
                            : vmp_folder_get_path (self->folder);
  if (self->machines != NULL)
    details.manager = vmp_machines_get_id (self->machines);
  if (self->machine != NULL)
    {
      details.vm_name = vmp_machine_get_name (self->machine);
      details.vm_uuid = vmp_machine_get_uuid (self->machine);
    }
  if (self->row->subject == VMP_SUBJECT_IMPORT)
    details.vm_name = self->name;
  return details;
}

static gboolean
may_interact (VmpRequest *self)
{
  GDBusMessage *message = g_dbus_method_invocation_get_message (self->invocation);

  return (g_dbus_message_get_flags (message)
          & G_DBUS_MESSAGE_FLAGS_ALLOW_INTERACTIVE_AUTHORIZATION)
         != 0;
}

static const char *
get_refusal (VmpVerdict verdict)
{
  switch (verdict)
    {
    case VMP_VERDICT_ASK:
      return _ ("This needs authentication; call again with interaction allowed");

    case VMP_VERDICT_UNKNOWN:
      return _ ("Nobody can say whether you are allowed to do this, since polkit does not answer; "
                "see whether polkit.service runs");

    case VMP_VERDICT_GRANTED:
    case VMP_VERDICT_DENIED:
    default:
      return _ ("You are not allowed to do this; ask the administrator for the right");
    }
}

/* Does not say which right it was: of a scope, that would tell whether it is defined. */
static void
refuse (VmpRequest *self, VmpAction action, VmpVerdict verdict)
{
  if (action == VMP_ACTION_VIEW)
    {
      vmp_request_return_no_such_machine (self);
      return;
    }
  g_dbus_method_invocation_return_dbus_error (
      g_steal_pointer (&self->invocation),
      verdict == VMP_VERDICT_ASK
          ? "org.freedesktop.DBus.Error.InteractiveAuthorizationRequired"
          : "org.freedesktop.DBus.Error.AccessDenied",
      get_refusal (verdict));
  request_free (self);
}

/* A prompt takes minutes: what was authorised must still be what there is. */
static gboolean
read_again (VmpRequest *self)
{
  g_autoptr (VmpMachine) now = NULL;

  if (self->machine == NULL)
    return TRUE;
  now = vmp_machines_lookup (self->machines, self->uuid);
  if (now == NULL)
    {
      vmp_request_return_no_such_machine (self);
      return FALSE;
    }
  if (!vmp_machine_has_details_of (now, self->machine))
    {
      vmp_request_return_error (
          self, g_error_new_literal (VMPORT_ERROR, VMPORT_ERROR_INVALID_STATE,
                                     _ ("The virtual machine was changed while the right to do "
                                        "this was asked for; look at it again")));
      return FALSE;
    }
  vmp_machine_unref (self->machine);
  self->machine = g_steal_pointer (&now);
  return TRUE;
}

static void
on_scopes_read (GObject *source, GAsyncResult *result, gpointer data)
{
  VmpRequest *self = data;

  if (vmp_caller_is_gone (self->caller))
    refuse (self, VMP_ACTION_NONE, VMP_VERDICT_DENIED);
  else if (read_again (self))
    self->handler->serve (self);
}

static void
on_verdict (GObject *source, GAsyncResult *result, gpointer data)
{
  VmpRequest *self = data;
  VmpVerdict verdict = vmp_authority_check_finish (VMP_AUTHORITY (source), result);
  VmpAction action = g_array_index (self->pending, Check, 0).action;

  if (vmp_caller_is_gone (self->caller))
    verdict = VMP_VERDICT_DENIED;
  if (verdict != VMP_VERDICT_GRANTED)
    {
      refuse (self, action, verdict);
      return;
    }
  g_array_remove_index (self->pending, 0);
  authorize_next (self);
}

static void
authorize_next (VmpRequest *self)
{
  VmpAuthorityDetails details;
  g_autofree char *id = NULL;
  const Check *check;

  if (self->pending->len == 0)
    {
      if (self->handler->reads_scopes)
        vmp_scopes_refresh_async (vmp_machines_get_scopes (self->machines), on_scopes_read, self);
      else if (read_again (self))
        self->handler->serve (self);
      return;
    }
  check = &g_array_index (self->pending, Check, 0);
  details = get_details (self, check);
  id = vmp_policy_action_id (check->action, check->scope);
  vmp_authority_check_async (vmp_bus_get_authority (self->bus), self->caller, id, check->message,
                             &details, check->action != VMP_ACTION_VIEW && may_interact (self),
                             on_verdict, self);
}

static void
add_check (VmpRequest *self, VmpAction action, const char *scope, const char *message)
{
  const Check check = { action, scope, message };

  g_array_append_val (self->pending, check);
}

/* Which actions this request needs, in the order in which they are asked for: to view first, so
 * that a machine that may not be viewed does not exist. */
static void
collect_actions (VmpRequest *self)
{
  VmpAction needed = self->row->actions | (self->row->applicable & self->applicable);
  gboolean moves = self->row->subject == VMP_SUBJECT_MACHINE_AND_SCOPE;
  const char *scope = self->machine != NULL ? vmp_machine_get_scope (self->machine) : self->scope;

  for (guint bit = 0; bit < 8; bit++)
    {
      VmpAction action = 1 << bit;

      if ((needed & action) == 0)
        continue;
      add_check (self, action, scope,
                 moves && action == VMP_ACTION_SET_SCOPE
                     ? vmp_policy_scope_message (scope, FALSE)
                     : vmp_policy_action_message (action, scope));
    }
  /* The right in the scope that it leaves says nothing about the one that it comes into. */
  if (moves && strcmp (scope, self->scope) != 0)
    add_check (self, VMP_ACTION_SET_SCOPE, self->scope,
               vmp_policy_scope_message (self->scope, TRUE));
}

static void
authorize (VmpRequest *self)
{
  self->pending = g_array_new (FALSE, FALSE, sizeof (Check));
  switch (self->row->subject)
    {
    case VMP_SUBJECT_MACHINE:
    case VMP_SUBJECT_MACHINE_AND_SCOPE:
    case VMP_SUBJECT_MACHINE_ARGUMENT:
    case VMP_SUBJECT_SNAPSHOT:
      if (self->uuid != NULL)
        self->machine = vmp_machines_lookup (self->machines, self->uuid);
      if (self->machine == NULL)
        {
          vmp_request_return_no_such_machine (self);
          return;
        }
      collect_actions (self);
      break;

    case VMP_SUBJECT_IMPORT:
      collect_actions (self);
      break;

    case VMP_SUBJECT_JOB:
      if (self->job == NULL)
        {
          return_no_such_object (self);
          return;
        }
      if (vmp_job_get_owner (self->job) != vmp_caller_get_uid (self->caller))
        collect_actions (self);
      break;

    case VMP_SUBJECT_ANY_JOB:
      if (self->job == NULL)
        {
          return_no_such_object (self);
          return;
        }
      break;

    case VMP_SUBJECT_NOTHING:
    case VMP_SUBJECT_EACH_MACHINE:
      /* Served only by what checks each thing that it shows. */
      break;

    default:
      g_assert_not_reached ();
    }
  authorize_next (self);
}

static gboolean
parse_options_only (VmpRequest *self, GError **error)
{
  GVariant *parameters = vmp_request_get_parameters (self);
  gsize n = g_variant_n_children (parameters);
  g_autoptr (GVariant) last = n > 0 ? g_variant_get_child_value (parameters, n - 1) : NULL;

  if (last == NULL || !g_variant_is_of_type (last, G_VARIANT_TYPE_VARDICT))
    return TRUE;
  return vmp_request_check_options (self, last, error, NULL);
}

/* Every object but the daemon's own and the jobs is of a manager. The subtrees take any name, so it
 * may be one of no manager at all. */
static gboolean
needs_manager (const VmpPolicyRow *row)
{
  return strcmp (row->interface, "org.vmport.Daemon") != 0
         && strcmp (row->interface, "org.vmport.Job") != 0;
}

/* Does the call ask about a machine? Then the manager has to be there. What a manager says of
 * itself, and what goes through files alone, does not wait for it. */
static gboolean
needs_machines (const VmpPolicyRow *row)
{
  static const char *const without[] = { VMP_POLICY_PROPERTIES, "ListSecurityScopes", "Verify",
                                         NULL };

  return needs_manager (row)
         && !(strcmp (row->interface, "org.vmport.Manager") == 0
              && g_strv_contains (without, row->member));
}

static void
on_caller (GObject *source, GAsyncResult *result, gpointer data)
{
  VmpRequest *self = data;
  g_autoptr (GError) error = NULL;
  VmpParse parse = self->handler->parse != NULL ? self->handler->parse : parse_options_only;
  gboolean parsed;
  guint *pending;

  self->caller = vmp_callers_get_finish (VMP_CALLERS (source), result, &error);
  if (self->caller == NULL)
    {
      vmp_request_return_error (self, g_steal_pointer (&error));
      return;
    }
  pending = vmp_caller_get_pending (self->caller);
  if (*pending >= MAX_PENDING_PER_USER)
    {
      vmp_request_return_error (
          self, g_error_new (VMPORT_ERROR, VMPORT_ERROR_NOT_AVAILABLE,
                             _ ("You have %u calls under way, which is the limit; wait for one of "
                                "them"),
                             *pending));
      return;
    }
  (*pending)++;
  self->counted = TRUE;
  parsed = parse (self, &error);
  close_descriptors (self);
  if (!parsed
      || (needs_machines (self->row) && !vmp_machines_check_available (self->machines, &error)))
    {
      vmp_request_return_error (self, g_steal_pointer (&error));
      return;
    }
  authorize (self);
}

static const VmpHandler *
find_handler (const char *interface, const char *member)
{
  const VmpHandler *const tables[] = { vmp_daemon_handlers, vmp_manager_handlers,
                                       vmp_machine_handlers, vmp_snapshot_handlers,
                                       vmp_job_handlers };

  for (gsize i = 0; i < G_N_ELEMENTS (tables); i++)
    for (const VmpHandler *handler = tables[i]; handler->interface != NULL; handler++)
      if (strcmp (handler->interface, interface) == 0 && strcmp (handler->member, member) == 0)
        return handler;
  return NULL;
}

/* The interface and member that the policy knows the call by. */
static void
get_policy_name (GDBusMethodInvocation *invocation, const char **interface, const char **member)
{
  GVariant *parameters = g_dbus_method_invocation_get_parameters (invocation);

  *interface = g_dbus_method_invocation_get_interface_name (invocation);
  *member = g_dbus_method_invocation_get_method_name (invocation);
  if (strcmp (*interface, "org.freedesktop.DBus.Properties") != 0)
    return;
  *member = VMP_POLICY_PROPERTIES;
  g_variant_get_child (parameters, 0, "&s", interface);
}

/* Takes a call that GDBus has matched with the interface's own description. */
void
vmp_request_start (VmpBus *bus, GDBusMethodInvocation *invocation)
{
  VmpRequest *self = g_new0 (VmpRequest, 1);
  const char *interface, *member;

  self->bus = g_object_ref (bus);
  self->invocation = invocation;
  vmp_callers_note_started (vmp_bus_get_callers (bus), invocation);
  get_policy_name (invocation, &interface, &member);
  self->row = vmp_policy_lookup (interface, member);
  self->handler = find_handler (interface, member);
  if (self->row == NULL || self->handler == NULL
      || strcmp (g_dbus_method_invocation_get_method_name (invocation), "Set") == 0)
    {
      vmp_request_return_error (self, g_error_new (G_DBUS_ERROR, G_DBUS_ERROR_ACCESS_DENIED,
                                                   _ ("%s.%s is not allowed"), interface, member));
      return;
    }
  vmp_bus_resolve (bus, g_dbus_method_invocation_get_object_path (invocation), self);
  if (needs_manager (self->row) && self->machines == NULL)
    {
      vmp_request_return_no_such_machine (self);
      return;
    }
  vmp_callers_get_async (vmp_bus_get_callers (bus),
                         g_dbus_method_invocation_get_sender (invocation), on_caller, self);
}

/* A few checks for each scope, however many machines there are. */
typedef struct
{
  VmpRequest *request;
  VmpAction actions; /* any of them is enough */
  VmpAction asked;   /* of these, for the last of the scopes */
  GPtrArray *scopes;
  GHashTable *granted;
  VmpScopesFunc func;
} ScopeCheck;

static void check_next_scope (ScopeCheck *check);

static void
on_scope_verdict (GObject *source, GAsyncResult *result, gpointer data)
{
  ScopeCheck *check = data;
  guint last = check->scopes->len - 1;
  gboolean granted = vmp_authority_check_finish (VMP_AUTHORITY (source), result)
                     == VMP_VERDICT_GRANTED;

  if (granted)
    g_hash_table_add (check->granted, g_strdup (g_ptr_array_index (check->scopes, last)));
  if (granted || check->asked == check->actions)
    {
      g_ptr_array_remove_index (check->scopes, last);
      check->asked = VMP_ACTION_NONE;
    }
  check_next_scope (check);
}

/* The lowest action that was not asked for. */
static VmpAction
take_next_action (ScopeCheck *check)
{
  VmpAction left = check->actions & ~check->asked;
  VmpAction action = left & -left;

  check->asked |= action;
  return action;
}

static void
check_next_scope (ScopeCheck *check)
{
  VmpRequest *request = check->request;
  VmpAuthorityDetails details = { 0 };
  g_autofree char *id = NULL;
  VmpAction action;

  if (check->scopes->len == 0)
    {
      check->func (request, check->granted);
      g_ptr_array_unref (check->scopes);
      g_hash_table_unref (check->granted);
      g_free (check);
      return;
    }
  if (request->machines != NULL)
    details.manager = vmp_machines_get_id (request->machines);
  details.scope = g_ptr_array_index (check->scopes, check->scopes->len - 1);
  action = take_next_action (check);
  id = vmp_policy_action_id (action, details.scope);
  vmp_authority_check_async (vmp_bus_get_authority (request->bus), request->caller, id,
                             vmp_policy_action_message (action, details.scope), &details, FALSE,
                             on_scope_verdict, check);
}

/* Calls @func with the set of those in @scopes (taken) in which the caller may do any of @actions.
 * Nobody is asked. */
void
vmp_request_check_each_scope (VmpRequest *self, VmpAction actions, GPtrArray *scopes,
                              VmpScopesFunc func)
{
  ScopeCheck *check = g_new0 (ScopeCheck, 1);

  check->request = self;
  check->actions = actions;
  check->scopes = scopes;
  check->granted = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  check->func = func;
  check_next_scope (check);
}
