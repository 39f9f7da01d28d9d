/* Who calls: a bus name, and whom the bus and the user database say stands behind it.
 *
 * A caller is looked up once and forgotten when its name leaves the bus. */
#include "config.h"

#include "vmp-caller.h"

#include <glib/gi18n-lib.h>
#include <unistd.h>

#include "vmp-error.h"
#include "vmp-gate.h"

struct _VmpCaller
{
  GObject parent_instance;
  char *name;
  uid_t uid;
  VmpIdentity *identity;
  GCancellable *cancellable;
  guint *pending; /* of the uid */
};

G_DEFINE_FINAL_TYPE (VmpCaller, vmp_caller, G_TYPE_OBJECT)

struct _VmpCallers
{
  GObject parent_instance;
  GDBusConnection *connection;
  gboolean session;
  GHashTable *callers; /* bus name → VmpCaller */
  GHashTable *lookups; /* Lookups under way */
  GHashTable *pending; /* uid → guint */
  guint subscription;
  VmpGate *gate;
};

G_DEFINE_FINAL_TYPE (VmpCallers, vmp_callers, G_TYPE_OBJECT)

static guint changed_signal;

static void
vmp_caller_finalize (GObject *object)
{
  VmpCaller *self = VMP_CALLER (object);

  g_free (self->name);
  g_clear_pointer (&self->identity, vmp_identity_unref);
  g_object_unref (self->cancellable);
  G_OBJECT_CLASS (vmp_caller_parent_class)->finalize (object);
}

static void
vmp_caller_class_init (VmpCallerClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = vmp_caller_finalize;
}

static void
vmp_caller_init (VmpCaller *self)
{
  self->cancellable = g_cancellable_new ();
}

const char *
vmp_caller_get_name (VmpCaller *self)
{
  return self->name;
}

uid_t
vmp_caller_get_uid (VmpCaller *self)
{
  return self->uid;
}

VmpIdentity *
vmp_caller_get_identity (VmpCaller *self)
{
  return self->identity;
}

GCancellable *
vmp_caller_get_cancellable (VmpCaller *self)
{
  return self->cancellable;
}

gboolean
vmp_caller_is_gone (VmpCaller *self)
{
  return g_cancellable_is_cancelled (self->cancellable);
}

guint *
vmp_caller_get_pending (VmpCaller *self)
{
  return self->pending;
}

typedef struct
{
  VmpCallers *callers;
  char *sender;
  guint32 uid;
  gboolean change;
  gboolean gone;
} Lookup;

static void
lookup_free (gpointer data)
{
  Lookup *lookup = data;

  g_hash_table_remove (lookup->callers->lookups, lookup);
  g_signal_emit (lookup->callers, changed_signal, 0);
  g_object_unref (lookup->callers);
  g_free (lookup->sender);
  g_free (lookup);
}

static Lookup *
lookup_new (VmpCallers *callers, const char *sender)
{
  Lookup *lookup = g_new0 (Lookup, 1);

  lookup->callers = g_object_ref (callers);
  lookup->sender = g_strdup (sender);
  lookup->change = !callers->session;
  g_hash_table_add (callers->lookups, lookup);
  g_signal_emit (callers, changed_signal, 0);
  return lookup;
}

static void
vmp_callers_finalize (GObject *object)
{
  VmpCallers *self = VMP_CALLERS (object);

  g_dbus_connection_signal_unsubscribe (self->connection, self->subscription);
  g_clear_pointer (&self->gate, vmp_gate_free);
  g_object_unref (self->connection);
  g_hash_table_unref (self->callers);
  g_hash_table_unref (self->lookups);
  g_hash_table_unref (self->pending);
  G_OBJECT_CLASS (vmp_callers_parent_class)->finalize (object);
}

static void
vmp_callers_class_init (VmpCallersClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = vmp_callers_finalize;
  changed_signal = g_signal_new ("changed", VMP_TYPE_CALLERS, G_SIGNAL_RUN_LAST, 0, NULL, NULL,
                                 NULL, G_TYPE_NONE, 0);
}

static void
vmp_callers_init (VmpCallers *self)
{
  self->callers = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_object_unref);
  self->lookups = g_hash_table_new (NULL, NULL);
  self->pending = g_hash_table_new_full (NULL, NULL, NULL, g_free);
}

static void
on_name_owner_changed (GDBusConnection *connection, const char *sender, const char *path,
                       const char *interface, const char *signal, GVariant *parameters,
                       gpointer data)
{
  VmpCallers *self = data;
  const char *name, *new_owner;
  g_autoptr (VmpCaller) caller = NULL;
  GHashTableIter iter;
  gpointer lookup;

  g_variant_get (parameters, "(&s&s&s)", &name, NULL, &new_owner);
  if (name[0] != ':' || new_owner[0] != '\0')
    return;
  if (self->gate != NULL)
    vmp_gate_note_gone (self->gate, name);
  g_hash_table_iter_init (&iter, self->lookups);
  while (g_hash_table_iter_next (&iter, &lookup, NULL))
    if (g_str_equal (((Lookup *) lookup)->sender, name))
      ((Lookup *) lookup)->gone = TRUE;
  caller = g_hash_table_lookup (self->callers, name);
  if (caller == NULL)
    return;
  g_object_ref (caller);
  g_hash_table_remove (self->callers, name);
  g_cancellable_cancel (caller->cancellable);
  g_signal_emit (self, changed_signal, 0);
}

VmpCallers *
vmp_callers_new (GDBusConnection *connection, gboolean session)
{
  VmpCallers *self = g_object_new (VMP_TYPE_CALLERS, NULL);

  self->connection = g_object_ref (connection);
  self->session = session;
  /* A session has one user, who keeps nobody else waiting. */
  if (!session)
    self->gate = vmp_gate_new (connection);
  self->subscription = g_dbus_connection_signal_subscribe (
      connection, "org.freedesktop.DBus", "org.freedesktop.DBus", "NameOwnerChanged",
      "/org/freedesktop/DBus", NULL, G_DBUS_SIGNAL_FLAGS_NONE, on_name_owner_changed, self, NULL);
  return self;
}

static void
look_up_groups (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  Lookup *lookup = data;
  g_autoptr (GError) error = NULL;
  VmpIdentity *identity = vmp_identity_new (lookup->uid, lookup->change, &error);

  if (identity != NULL)
    g_task_return_pointer (task, identity, (GDestroyNotify) vmp_identity_unref);
  else
    g_task_return_error (task, g_steal_pointer (&error));
}

static void
on_groups (GObject *source, GAsyncResult *result, gpointer data)
{
  VmpCallers *self = VMP_CALLERS (source);
  g_autoptr (GTask) task = data;
  Lookup *lookup = g_task_get_task_data (task);
  g_autoptr (GError) error = NULL;
  VmpIdentity *identity = g_task_propagate_pointer (G_TASK (result), &error);
  VmpCaller *caller;

  if (identity == NULL)
    {
      g_task_return_error (task, g_steal_pointer (&error));
      return;
    }
  if (lookup->gone)
    {
      vmp_identity_unref (identity);
      g_task_return_new_error (task, G_DBUS_ERROR, G_DBUS_ERROR_ACCESS_DENIED,
                               _ ("The caller has left the bus"));
      return;
    }
  caller = g_hash_table_lookup (self->callers, lookup->sender);
  if (caller != NULL)
    {
      /* A second call of the same caller was quicker. */
      vmp_identity_unref (identity);
      g_task_return_pointer (task, g_object_ref (caller), g_object_unref);
      return;
    }
  caller = g_object_new (VMP_TYPE_CALLER, NULL);
  caller->name = g_strdup (lookup->sender);
  caller->uid = lookup->uid;
  caller->identity = identity;
  caller->pending = g_hash_table_lookup (self->pending, GUINT_TO_POINTER (lookup->uid));
  if (caller->pending == NULL)
    {
      caller->pending = g_new0 (guint, 1);
      g_hash_table_insert (self->pending, GUINT_TO_POINTER (lookup->uid), caller->pending);
    }
  g_hash_table_insert (self->callers, g_strdup (lookup->sender), caller);
  if (self->gate != NULL)
    vmp_gate_note_user (self->gate, caller->name, caller->uid);
  g_task_return_pointer (task, g_object_ref (caller), g_object_unref);
}

static void
on_credentials (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GTask) task = data;
  VmpCallers *self = g_task_get_source_object (task);
  Lookup *lookup = g_task_get_task_data (task);
  g_autoptr (GError) error = NULL;
  g_autoptr (GTask) groups = NULL;
  g_autoptr (GVariant) reply = g_dbus_connection_call_finish (G_DBUS_CONNECTION (source), result,
                                                              &error);
  g_autoptr (GVariant) credentials = NULL;

  if (reply == NULL)
    {
      /* No uid is ever guessed: a caller that is gone has no rights. */
      g_task_return_new_error (task, G_DBUS_ERROR, G_DBUS_ERROR_ACCESS_DENIED,
                               _ ("The bus does not say who calls: %s"), error->message);
      return;
    }
  credentials = g_variant_get_child_value (reply, 0);
  if (!g_variant_lookup (credentials, "UnixUserID", "u", &lookup->uid))
    {
      g_task_return_new_error (task, G_DBUS_ERROR, G_DBUS_ERROR_ACCESS_DENIED,
                               _ ("The bus does not say which user calls"));
      return;
    }
  if (self->session && lookup->uid != geteuid ())
    {
      g_task_return_new_error (task, G_DBUS_ERROR, G_DBUS_ERROR_ACCESS_DENIED,
                               _ ("This vmportd serves its own user alone"));
      return;
    }
  groups = g_task_new (self, NULL, on_groups, g_object_ref (task));
  g_task_set_source_tag (groups, on_credentials);
  g_task_set_task_data (groups, lookup, NULL); /* the outer task's, which waits for this one */
  g_task_run_in_thread (groups, look_up_groups);
}

void
vmp_callers_get_async (VmpCallers *self, const char *sender, GAsyncReadyCallback callback,
                       gpointer user_data)
{
  GTask *task = g_task_new (self, NULL, callback, user_data);
  VmpCaller *caller = g_hash_table_lookup (self->callers, sender);

  g_task_set_source_tag (task, vmp_callers_get_async);
  if (caller != NULL)
    {
      g_task_return_pointer (task, g_object_ref (caller), g_object_unref);
      g_object_unref (task);
      return;
    }
  g_task_set_task_data (task, lookup_new (self, sender), lookup_free);
  g_dbus_connection_call (self->connection, "org.freedesktop.DBus", "/org/freedesktop/DBus",
                          "org.freedesktop.DBus", "GetConnectionCredentials",
                          g_variant_new ("(s)", sender), G_VARIANT_TYPE ("(a{sv})"),
                          G_DBUS_CALL_FLAGS_NONE, -1, NULL, on_credentials, task);
}

VmpCaller *
vmp_callers_get_finish (VmpCallers *self, GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}

/* The call is looked at from now on, and stands in no queue any more. */
void
vmp_callers_note_started (VmpCallers *self, GDBusMethodInvocation *invocation)
{
  if (self->gate != NULL)
    vmp_gate_note_started (self->gate, invocation);
}

gboolean
vmp_callers_is_empty (VmpCallers *self)
{
  return g_hash_table_size (self->callers) == 0 && g_hash_table_size (self->lookups) == 0;
}
