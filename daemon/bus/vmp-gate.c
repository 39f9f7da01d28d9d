/* How many calls of one user may stand in the daemon's queue.
 *
 * GDBus queues whatever comes for the main loop, without an end, so who calls faster than the daemon
 * serves would have everybody wait, and take its memory. This counts the calls that came and were not
 * started yet, in GDBus's own thread, and answers there what is too much. */
#include "config.h"

#include "vmp-gate.h"

#include <glib/gi18n-lib.h>

#include "vmp-tally.h"

/* Calls that wait for the main loop: of one user; of a connection whose user the bus has not told yet,
 * which lets it wait for 128 answers; and how many there may be for one more to come that wants no
 * answer, of which the bus lets anybody send any number. */
#define MAX_OF_USER 256
#define MAX_OF_STRANGER 128
#define MAX_BEFORE_MUTE 32

typedef struct
{
  char *name;
  guint count;
  gboolean is_known;
  uid_t uid;
} Sender;

/* A call that came and was not answered, by sender and serial. */
typedef struct
{
  Sender *sender;
  gboolean is_counted; /* not started yet */
  gboolean is_mute;    /* whoever sent it wants no answer */
} Call;

typedef struct
{
  GMutex mutex;
  GHashTable *senders; /* name → Sender */
  GHashTable *users;   /* uid → how many */
  GHashTable *calls;   /* "sender serial" → Call */
} State;

struct _VmpGate
{
  GDBusConnection *connection;
  State *state;
  guint filter;
};

static void
sender_free (gpointer data)
{
  Sender *sender = data;

  g_free (sender->name);
  g_free (sender);
}

static void
state_clear (gpointer data)
{
  State *state = data;

  g_hash_table_unref (state->calls);
  g_hash_table_unref (state->senders);
  g_hash_table_unref (state->users);
  g_mutex_clear (&state->mutex);
}

static void
state_unref (gpointer data)
{
  g_atomic_rc_box_release_full (data, state_clear);
}

static void
count (State *self, Sender *sender, int change)
{
  sender->count += (guint) change;
  if (sender->is_known)
    vmp_tally_change (self->users, sender->uid, change);
}

static Sender *
find_sender (State *self, const char *name)
{
  Sender *sender = g_hash_table_lookup (self->senders, name);

  if (sender == NULL)
    {
      sender = g_new0 (Sender, 1);
      sender->name = g_strdup (name);
      g_hash_table_insert (self->senders, sender->name, sender);
    }
  return sender;
}

static gboolean
has_sender (gpointer key, gpointer value, gpointer data)
{
  return ((Call *) value)->sender == data;
}

static gboolean
is_full (State *self, Sender *sender, gboolean is_mute)
{
  guint n = sender->is_known ? vmp_tally_change (self->users, sender->uid, 0) : sender->count;

  if (is_mute)
    return n >= MAX_BEFORE_MUTE;
  return n >= (sender->is_known ? MAX_OF_USER : MAX_OF_STRANGER);
}

static char *
make_key (const char *sender, guint32 serial)
{
  return g_strdup_printf ("%s %u", sender, serial);
}

static void
start (State *self, Call *call)
{
  if (call->is_counted)
    count (self, call->sender, -1);
  call->is_counted = FALSE;
}

/* FALSE where it is one too many. */
static gboolean
let_in (State *self, const char *name, guint32 serial, gboolean is_mute)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->mutex);
  Sender *sender = find_sender (self, name);
  char *key;
  Call *call;

  if (is_full (self, sender, is_mute))
    return FALSE;
  key = make_key (name, serial);
  call = g_hash_table_lookup (self->calls, key);
  /* One that uses a serial twice is counted once. */
  if (call != NULL)
    start (self, call);
  call = g_new0 (Call, 1);
  call->sender = sender;
  call->is_counted = TRUE;
  call->is_mute = is_mute;
  count (self, sender, 1);
  g_hash_table_replace (self->calls, key, call);
  return TRUE;
}

/* TRUE where nobody wants to hear the answer. */
static gboolean
let_out (State *self, const char *name, guint32 serial)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->mutex);
  g_autofree char *key = make_key (name, serial);
  Call *call = g_hash_table_lookup (self->calls, key);
  gboolean is_mute;

  if (call == NULL)
    return FALSE;
  start (self, call);
  is_mute = call->is_mute;
  g_hash_table_remove (self->calls, key);
  return is_mute;
}

/* Takes @message. */
static GDBusMessage *
refuse (GDBusConnection *connection, GDBusMessage *message, gboolean is_mute)
{
  g_autoptr (GDBusMessage) refused = message;
  g_autoptr (GDBusMessage) reply = NULL;

  if (is_mute)
    return NULL;
  reply = g_dbus_message_new_method_error_literal (
      refused, "org.vmport.Error.NotAvailable",
      _ ("Too many of your calls are waiting to be served; wait for the answers"));
  g_dbus_connection_send_message (connection, reply, G_DBUS_SEND_MESSAGE_FLAGS_NONE, NULL, NULL);
  return NULL;
}

/* Every call that is let in gets an answer, so that the end of each is known; one that nobody wants
 * ends here. */
static GDBusMessage *
let_answer (GDBusMessage *message)
{
  g_autoptr (GDBusMessage) asked = message;
  GDBusMessage *copy = g_dbus_message_copy (asked, NULL);

  if (copy != NULL)
    g_dbus_message_set_flags (copy, g_dbus_message_get_flags (copy)
                                        & ~G_DBUS_MESSAGE_FLAGS_NO_REPLY_EXPECTED);
  return copy;
}

/* In GDBus's thread. Takes @message, and returns it or NULL. */
static GDBusMessage *
on_message (GDBusConnection *connection, GDBusMessage *message, gboolean incoming, gpointer data)
{
  State *self = data;
  GDBusMessageType type = g_dbus_message_get_message_type (message);
  gboolean is_mute;

  if (incoming && type == G_DBUS_MESSAGE_TYPE_METHOD_CALL
      && g_dbus_message_get_sender (message) != NULL)
    {
      is_mute = (g_dbus_message_get_flags (message) & G_DBUS_MESSAGE_FLAGS_NO_REPLY_EXPECTED) != 0;
      if (!let_in (self, g_dbus_message_get_sender (message), g_dbus_message_get_serial (message),
                   is_mute))
        return refuse (connection, message, is_mute);
      return is_mute ? let_answer (message) : message;
    }
  if (!incoming && g_dbus_message_get_destination (message) != NULL
      && (type == G_DBUS_MESSAGE_TYPE_METHOD_RETURN || type == G_DBUS_MESSAGE_TYPE_ERROR)
      && let_out (self, g_dbus_message_get_destination (message),
                  g_dbus_message_get_reply_serial (message)))
    g_clear_object (&message);
  return message;
}

VmpGate *
vmp_gate_new (GDBusConnection *connection)
{
  VmpGate *self = g_new0 (VmpGate, 1);

  self->connection = g_object_ref (connection);
  self->state = g_atomic_rc_box_new0 (State);
  g_mutex_init (&self->state->mutex);
  self->state->senders = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, sender_free);
  self->state->users = vmp_tally_new ();
  self->state->calls = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  self->filter = g_dbus_connection_add_filter (connection, on_message,
                                               g_atomic_rc_box_acquire (self->state), state_unref);
  return self;
}

void
vmp_gate_free (VmpGate *self)
{
  g_dbus_connection_remove_filter (self->connection, self->filter);
  g_object_unref (self->connection);
  state_unref (self->state);
  g_free (self);
}

/* From now on what @sender sends counts for its user. */
void
vmp_gate_note_user (VmpGate *self, const char *name, uid_t uid)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->state->mutex);
  Sender *sender = find_sender (self->state, name);

  if (sender->is_known)
    return;
  sender->is_known = TRUE;
  sender->uid = uid;
  vmp_tally_change (self->state->users, uid, (int) sender->count);
}

/* It left the bus. Answers to what it asked may still be on their way, and go nowhere. */
void
vmp_gate_note_gone (VmpGate *self, const char *name)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->state->mutex);
  Sender *sender = g_hash_table_lookup (self->state->senders, name);

  if (sender == NULL)
    return;
  count (self->state, sender, -(int) sender->count);
  g_hash_table_foreach_remove (self->state->calls, has_sender, sender);
  g_hash_table_remove (self->state->senders, name);
}

/* It left the queue: from here on the limits on calls under way hold. */
void
vmp_gate_note_started (VmpGate *self, GDBusMethodInvocation *invocation)
{
  GDBusMessage *message = g_dbus_method_invocation_get_message (invocation);
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->state->mutex);
  g_autofree char *key = make_key (g_dbus_message_get_sender (message),
                                   g_dbus_message_get_serial (message));
  Call *call = g_hash_table_lookup (self->state->calls, key);

  if (call != NULL)
    start (self->state, call);
}
