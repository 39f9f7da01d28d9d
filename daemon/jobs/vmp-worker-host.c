/* The daemon's end of a worker: starts it, calls it, and outlives whatever it does.
 *
 * The worker is the D-Bus server and the daemon the client, since a socket pair's peer credentials
 * name whoever made it, and GDBus passes descriptors only once a peer has said who it is. */
#include "config.h"

#include "vmp-worker-host.h"

#include <errno.h>
#include <gio/gunixconnection.h>
#include <glib-unix.h>
#include <glib/gi18n-lib.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "vmp-error.h"
#include "vmp-fd.h"
#include "vmp-name.h"

#define WORKER_PATH "/org/vmport/Worker"
#define WORKER_INTERFACE "org.vmport.Worker"
#define WORKER_SOCKET 3

/* How long a worker may take to come up, whatever WorkerTimeoutSec= says: at least, since a busy
 * machine takes its time to start a program, and at most; and to go once it was told to. */
#define MIN_START_SECONDS 5
#define MAX_START_SECONDS 20
#define STOP_SECONDS 5

/* One that was killed and is still there waits for a file system that does not answer: nobody can end
 * it, and it will never come to anything. */
#define KILL_SECONDS 5

#define TICK_MSEC 200
#define MAX_MESSAGE_CHARS 1000

struct _VmpWorkerHost
{
  GObject parent_instance;
  const VmpWorkerConfig *config;
  VmpIdentity *identity;
  GSubprocess *process; /* NULL for one that somebody else started */
  int pidfd;
  GSource *end; /* of the process, as the descriptor tells it */
  GDBusConnection *connection;
  GCancellable *cancellable;
  GCancellable *waiting; /* for the process' end */
  guint subscription;
  gint64 last_sign;
  guint patience; /* seconds for one call, 0: as long as there are signs of life */
  gboolean exited;
  gboolean closed; /* the connection, and it has told so */
  VmpWorkerProgress progress;
  gpointer progress_data;
};

G_DEFINE_FINAL_TYPE (VmpWorkerHost, vmp_worker_host, G_TYPE_OBJECT)

static void
vmp_worker_host_finalize (GObject *object)
{
  VmpWorkerHost *self = VMP_WORKER_HOST (object);

  vmp_worker_host_stop (self);
  g_clear_pointer (&self->identity, vmp_identity_unref);
  g_clear_object (&self->process);
  if (self->end != NULL)
    g_source_destroy (self->end);
  g_clear_pointer (&self->end, g_source_unref);
  vmp_fd_clear (&self->pidfd);
  if (self->connection != NULL)
    g_signal_handlers_disconnect_by_data (self->connection, self);
  g_clear_object (&self->connection);
  g_clear_object (&self->cancellable);
  g_object_unref (self->waiting);
  G_OBJECT_CLASS (vmp_worker_host_parent_class)->finalize (object);
}

static void
vmp_worker_host_class_init (VmpWorkerHostClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = vmp_worker_host_finalize;
}

static void
vmp_worker_host_init (VmpWorkerHost *self)
{
  self->pidfd = -1;
  self->waiting = g_cancellable_new ();
}

/* A wait that turns the thread's context, bounded by a deadline. */
typedef struct
{
  GAsyncResult *result;
  gboolean expired;
} Wait;

static void
on_ready (GObject *source, GAsyncResult *result, gpointer data)
{
  Wait *wait = data;

  wait->result = g_object_ref (result);
}

static gboolean
on_deadline (gpointer data)
{
  Wait *wait = data;

  wait->expired = TRUE;
  return G_SOURCE_REMOVE;
}

static GSource *
add_deadline (guint milliseconds, GSourceFunc func, gpointer data)
{
  GSource *source = g_timeout_source_new (milliseconds);

  g_source_set_callback (source, func, data, NULL);
  g_source_attach (source, g_main_context_get_thread_default ());
  return source;
}

static gboolean
on_tick (gpointer data)
{
  return G_SOURCE_CONTINUE; /* only wakes a loop that looks around */
}

static void
on_exited (GObject *source, GAsyncResult *result, gpointer data)
{
  VmpWorkerHost *self = data; /* alive: finalize waits for this */

  g_subprocess_wait_finish (G_SUBPROCESS (source), result, NULL);
  self->exited = TRUE;
}

/* The language, since what a worker says is shown to people; and GLib's own switches. */
static char **
make_environment (void)
{
  static const char *const handed_on[] = { "LANG",        "LANGUAGE", "LC_ALL",
                                           "LC_MESSAGES", "LC_CTYPE", "G_DEBUG", "G_SLICE" };
  char **environment = g_environ_setenv (NULL, "PATH", "/usr/bin:/bin", TRUE);

  environment = g_environ_setenv (environment, "LANG", "C.UTF-8", TRUE);
  for (gsize i = 0; i < G_N_ELEMENTS (handed_on); i++)
    if (g_getenv (handed_on[i]) != NULL)
      environment = g_environ_setenv (environment, handed_on[i], g_getenv (handed_on[i]), TRUE);
  return environment;
}

static gboolean
spawn (VmpWorkerHost *self, int child_end, GError **error)
{
  g_autoptr (GSubprocessLauncher) launcher = g_subprocess_launcher_new (
      G_SUBPROCESS_FLAGS_STDOUT_SILENCE);
  g_auto (GStrv) environment = make_environment ();

  g_subprocess_launcher_set_environ (launcher, environment);
  g_subprocess_launcher_take_fd (launcher, child_end, WORKER_SOCKET);
  self->process = g_subprocess_launcher_spawn (launcher, error, self->config->program, NULL);
  if (self->process == NULL)
    {
      g_prefix_error (error, _ ("Cannot start a worker: "));
      return FALSE;
    }
  g_subprocess_wait_async (self->process, self->waiting, on_exited, self);
  return TRUE;
}

static gboolean
send_identity (VmpWorkerHost *self, int socket, VmpPlaces *places, GError **error)
{
  g_autoptr (GVariant) who = vmp_identity_to_variant (self->identity, places);
  guint32 size = (guint32) g_variant_get_size (who);
  g_autoptr (GByteArray) message = g_byte_array_new ();

  g_byte_array_append (message, (const guint8 *) &size, sizeof size);
  g_byte_array_append (message, g_variant_get_data (who), size);
  return vmp_fd_send (socket, message->data, message->len,
                      places != NULL ? vmp_places_get_fd (places) : -1, error);
}

static void
on_progress (GDBusConnection *connection, const char *sender, const char *path,
             const char *interface, const char *signal, GVariant *parameters, gpointer data)
{
  VmpWorkerHost *self = data;
  guint64 done;
  const char *phase, *file;

  if (!g_variant_is_of_type (parameters, G_VARIANT_TYPE ("(tss)")))
    return;
  self->last_sign = g_get_monotonic_time ();
  g_variant_get (parameters, "(t&s&s)", &done, &phase, &file);
  if (self->progress != NULL)
    self->progress (done, phase, file, self->progress_data);
}

static guint
get_start_seconds (VmpWorkerHost *self)
{
  return CLAMP (self->config->timeout_seconds, MIN_START_SECONDS, MAX_START_SECONDS);
}

static gboolean
set_start_error (VmpWorkerHost *self, const char *why, GError **error)
{
  if (g_cancellable_is_cancelled (self->cancellable))
    return vmp_error_set (error, VMPORT_ERROR_CANCELLED, _ ("The job was cancelled"));
  return vmp_error_set (error, VMPORT_ERROR_FAILED, _ ("The worker did not come up: %s"), why);
}

static gboolean
wait_readable (VmpWorkerHost *self, int socket, GError **error)
{
  gint64 deadline = g_get_monotonic_time () + (gint64) get_start_seconds (self) * G_USEC_PER_SEC;
  struct pollfd wait = { socket, POLLIN, 0 };

  while (!g_cancellable_is_cancelled (self->cancellable) && g_get_monotonic_time () < deadline)
    {
      int n = poll (&wait, 1, TICK_MSEC);

      if (n > 0)
        return TRUE;
      if (n < 0 && errno != EINTR)
        return set_start_error (self, g_strerror (errno), error);
    }
  return set_start_error (self, _ ("it does not answer"), error);
}

static gboolean
on_ended (int fd, GIOCondition condition, gpointer data)
{
  VmpWorkerHost *self = data; /* alive: finalize destroys the source */

  self->exited = TRUE;
  return G_SOURCE_REMOVE;
}

/* The kernel says who sent the byte. A process that ends lets its number go to another one; but the
 * one that was meant goes on to answer on this connection, so it was there when the number became a
 * descriptor. */
static gboolean
hold_process (VmpWorkerHost *self, const struct ucred *sender, GError **error)
{
  if (self->process != NULL)
    return TRUE;
  self->pidfd = pidfd_open (sender->pid, 0);
  if (self->pidfd < 0)
    return set_start_error (self, g_strerror (errno), error);
  self->end = g_unix_fd_source_new (self->pidfd, G_IO_IN);
  g_source_set_callback (self->end, G_SOURCE_FUNC (on_ended), self, NULL);
  g_source_attach (self->end, g_main_context_get_thread_default ());
  return TRUE;
}

/* What is sent while it is on comes with its sender. */
static gboolean
set_passcred (int socket, int on, GError **error)
{
  if (setsockopt (socket, SOL_SOCKET, SO_PASSCRED, &on, sizeof on) < 0)
    return vmp_error_set_errno (error, errno, _ ("Cannot prepare a worker's socket"));
  return TRUE;
}

/* The worker's first byte: it has become who it was told to be, and is behind its fence. */
static gboolean
wait_ready (VmpWorkerHost *self, int socket, GError **error)
{
  union
  {
    struct cmsghdr header; /* for its alignment */
    char buffer[CMSG_SPACE (sizeof (struct ucred))];
  } control;
  char byte = 1;
  struct iovec part = { &byte, 1 };
  struct msghdr message = { .msg_iov = &part,
                            .msg_iovlen = 1,
                            .msg_control = control.buffer,
                            .msg_controllen = sizeof control.buffer };
  struct cmsghdr *header;
  struct ucred sender;

  if (!wait_readable (self, socket, error))
    return FALSE;
  if (recvmsg (socket, &message, MSG_CMSG_CLOEXEC) != 1)
    return set_start_error (self, _ ("it ended"), error);
  header = CMSG_FIRSTHDR (&message);
  if (byte != 0 || header == NULL || header->cmsg_level != SOL_SOCKET
      || header->cmsg_type != SCM_CREDENTIALS)
    return set_start_error (self, _ ("it answers what makes no sense"), error);
  memcpy (&sender, CMSG_DATA (header), sizeof sender);
  if (sender.uid != vmp_identity_get_uid (self->identity))
    return set_start_error (self, _ ("it is not the user that it is to be"), error);
  return set_passcred (socket, FALSE, error) && hold_process (self, &sender, error);
}

static void
on_closed (GDBusConnection *connection, gboolean remote_vanished, GError *error, gpointer data)
{
  VmpWorkerHost *self = data; /* alive: finalize disconnects this */

  self->closed = TRUE;
}

/* Takes @socket_fd. */
static gboolean
connect_to (VmpWorkerHost *self, int socket_fd, GError **error)
{
  g_autoptr (GSocket) socket = g_socket_new_from_fd (socket_fd, error);
  g_autoptr (GSocketConnection) stream = NULL;
  g_autoptr (GCancellable) deadline = g_cancellable_new ();
  g_autoptr (GSource) source = NULL;
  g_autoptr (GSource) tick = NULL;
  g_autoptr (GError) local_error = NULL;
  Wait wait = { NULL, FALSE };

  if (socket == NULL)
    {
      close (socket_fd);
      return FALSE;
    }
  stream = g_socket_connection_factory_create_connection (socket);
  source = add_deadline (get_start_seconds (self) * 1000, on_deadline, &wait);
  tick = add_deadline (TICK_MSEC, on_tick, NULL);
  g_dbus_connection_new (G_IO_STREAM (stream), NULL,
                         G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT, NULL, deadline, on_ready,
                         &wait);
  while (wait.result == NULL)
    {
      g_main_context_iteration (g_main_context_get_thread_default (), TRUE);
      if (wait.expired || g_cancellable_is_cancelled (self->cancellable))
        g_cancellable_cancel (deadline);
    }
  g_source_destroy (source);
  g_source_destroy (tick);
  self->connection = g_dbus_connection_new_finish (wait.result, &local_error);
  g_object_unref (wait.result);
  if (self->connection != NULL)
    {
      g_signal_connect (self->connection, "closed", G_CALLBACK (on_closed), self);
      return TRUE;
    }
  return set_start_error (self, wait.expired ? _ ("it does not answer") : local_error->message,
                          error);
}

static int
spawn_on_a_pair (VmpWorkerHost *self, GError **error)
{
  int ends[2];

  if (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
    {
      vmp_error_set_errno (error, errno, _ ("Cannot make a socket pair"));
      return -1;
    }
  if (!spawn (self, ends[1], error))
    {
      close (ends[0]);
      return -1;
    }
  return ends[0];
}

/* Who listens there must be root, or whoever the daemon is: it hears who the worker is to be. */
static gboolean
check_listener (int fd, const char *path, GError **error)
{
  struct ucred peer;
  socklen_t size = sizeof peer;

  if (getsockopt (fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
    return vmp_error_set_errno (error, errno, _ ("Cannot tell who listens on “%s”"), path);
  if (peer.uid != 0 && peer.uid != geteuid ())
    return vmp_error_set (error, VMPORT_ERROR_FAILED,
                          _ ("“%s” is the socket of user %u, who may not start workers"), path,
                          peer.uid);
  return TRUE;
}

static int
connect_to_starter (const char *path, GError **error)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  vmp_autofd int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

  if (strlen (path) >= sizeof address.sun_path)
    {
      vmp_error_set (error, VMPORT_ERROR_FAILED, _ ("“%s” is too long for a socket"), path);
      return -1;
    }
  memcpy (address.sun_path, path, strlen (path) + 1);
  if (fd < 0 || connect (fd, (struct sockaddr *) &address, sizeof address) < 0)
    {
      vmp_error_set_errno (error, errno, _ ("Cannot reach “%s”, which starts workers"), path);
      return -1;
    }
  return check_listener (fd, path, error) ? vmp_fd_steal (&fd) : -1;
}

/* Starts a worker as @identity, which opens files in @places alone: NULL for none at all. Blocking,
 * as all that follows; @cancellable ends every wait. */
VmpWorkerHost *
vmp_worker_host_start (const VmpWorkerConfig *config, VmpIdentity *identity, VmpPlaces *places,
                       GCancellable *cancellable, GError **error)
{
  g_autoptr (VmpWorkerHost) self = g_object_new (VMP_TYPE_WORKER_HOST, NULL);
  vmp_autofd int socket = -1;

  self->config = config;
  self->identity = vmp_identity_ref (identity);
  self->cancellable = g_object_ref (cancellable);
  socket = config->socket != NULL ? connect_to_starter (config->socket, error)
                                  : spawn_on_a_pair (self, error);
  if (socket < 0 || !set_passcred (socket, TRUE, error) || !send_identity (self, socket, places, error)
      || !wait_ready (self, socket, error) || !connect_to (self, vmp_fd_steal (&socket), error))
    return NULL;
  self->last_sign = g_get_monotonic_time ();
  self->subscription = g_dbus_connection_signal_subscribe (
      self->connection, NULL, WORKER_INTERFACE, "Progress", WORKER_PATH, NULL,
      G_DBUS_SIGNAL_FLAGS_NONE, on_progress, self, NULL);
  return g_steal_pointer (&self);
}

/* A second one beside it, for the same user and job. */
VmpWorkerHost *
vmp_worker_host_start_another (VmpWorkerHost *self, VmpPlaces *places, GError **error)
{
  return vmp_worker_host_start (self->config, self->identity, places, self->cancellable, error);
}

/* How long each call may take, whatever signs of life there are: a worker goes on to give them while
 * it waits for a file system that does not answer. */
void
vmp_worker_host_set_patience (VmpWorkerHost *self, guint seconds)
{
  self->patience = seconds;
}

void
vmp_worker_host_set_progress (VmpWorkerHost *self, VmpWorkerProgress progress, gpointer user_data)
{
  self->progress = progress;
  self->progress_data = user_data;
}

static gboolean
is_silent (VmpWorkerHost *self)
{
  return g_get_monotonic_time () - self->last_sign
         > (gint64) self->config->timeout_seconds * G_USEC_PER_SEC;
}

static gboolean
is_out_of_patience (VmpWorkerHost *self, gint64 begin)
{
  return self->patience > 0
         && g_get_monotonic_time () - begin > (gint64) self->patience * G_USEC_PER_SEC;
}

/* What a worker says of an error is data like all else: a name of the contract and a clean text,
 * or it is a failure of the worker. How a job ends that was cancelled, or whose daemon ended, is
 * not the worker's to say. */
static GError *
new_error (const char *name, const char *message)
{
  g_autofree char *clean = vmp_name_clean (message, MAX_MESSAGE_CHARS);
  GError *error = vmport_error_new_from_name (name, clean);

  if (g_error_matches (error, VMPORT_ERROR, VMPORT_ERROR_CANCELLED)
      || g_error_matches (error, VMPORT_ERROR, VMPORT_ERROR_INTERRUPTED)
      || g_error_matches (error, VMPORT_ERROR, VMPORT_ERROR_TIMEOUT))
    error->code = VMPORT_ERROR_FAILED;
  return error;
}

/* FALSE with the worker's own error where it could not read what @reading is of. */
gboolean
vmp_worker_host_check_reading (GVariant *reading, GError **error)
{
  const char *name, *message = "";

  if (!g_variant_lookup (reading, "ErrorName", "&s", &name))
    return TRUE;
  g_variant_lookup (reading, "Message", "&s", &message);
  g_propagate_error (error, new_error (name, message));
  return FALSE;
}

static void
wait_for_end (VmpWorkerHost *self, guint seconds)
{
  Wait wait = { NULL, FALSE };
  g_autoptr (GSource) source = add_deadline (seconds * 1000, on_deadline, &wait);

  while (!self->exited && !wait.expired)
    g_main_context_iteration (g_main_context_get_thread_default (), TRUE);
  g_source_destroy (source);
}

/* A kernel that is out of memory kills like this, and only its log tells. */
static gboolean
was_killed (VmpWorkerHost *self)
{
  if (self->process != NULL && !self->exited)
    wait_for_end (self, STOP_SECONDS);
  return self->process != NULL && self->exited && g_subprocess_get_if_signaled (self->process)
         && g_subprocess_get_term_sig (self->process) == SIGKILL;
}

static void
take_remote_error (VmpWorkerHost *self, GError *remote, GError **error)
{
  g_autofree char *name = NULL;

  if (g_cancellable_is_cancelled (self->cancellable))
    {
      vmp_error_set (error, VMPORT_ERROR_CANCELLED, _ ("The job was cancelled"));
      return;
    }
  if (!g_dbus_error_is_remote_error (remote) && was_killed (self))
    {
      vmp_error_set (error, VMPORT_ERROR_FAILED,
                     _ ("The worker was killed; the kernel's log tells whether the memory ran out"));
      return;
    }
  if (!g_dbus_error_is_remote_error (remote))
    {
      vmp_error_set (error, VMPORT_ERROR_FAILED,
                     _ ("The worker ended unexpectedly, or answered what makes no sense (%s)"),
                     remote->message);
      return;
    }
  name = g_dbus_error_get_remote_error (remote);
  g_dbus_error_strip_remote_error (remote);
  g_propagate_error (error, new_error (name, remote->message));
}

static void
on_cancelled (GCancellable *cancellable, gpointer data)
{
  g_cancellable_cancel (data);
}

/* Calls a method of the worker and waits for the answer, as long as it takes and the worker gives
 * signs of life. @parameters may be floating. */
GVariant *
vmp_worker_host_call (VmpWorkerHost *self, const char *method, GVariant *parameters,
                      const char *reply_type, GUnixFDList *fds, GUnixFDList **fds_out,
                      GError **error)
{
  g_autoptr (GCancellable) stop = g_cancellable_new ();
  g_autoptr (GSource) source = add_deadline (TICK_MSEC, on_tick, NULL);
  g_autoptr (GError) local_error = NULL;
  Wait wait = { NULL, FALSE };
  gint64 begin = g_get_monotonic_time ();
  gulong handler;
  GVariant *reply;

  handler = g_cancellable_connect (self->cancellable, G_CALLBACK (on_cancelled), stop, NULL);
  g_dbus_connection_call_with_unix_fd_list (
      self->connection, NULL, WORKER_PATH, WORKER_INTERFACE, method, parameters,
      G_VARIANT_TYPE (reply_type), G_DBUS_CALL_FLAGS_NO_AUTO_START, G_MAXINT, fds, stop, on_ready,
      &wait);
  while (wait.result == NULL)
    {
      g_main_context_iteration (g_main_context_get_thread_default (), TRUE);
      if (wait.result == NULL && (is_silent (self) || is_out_of_patience (self, begin)))
        {
          wait.expired = TRUE;
          g_cancellable_cancel (stop);
        }
    }
  g_cancellable_disconnect (self->cancellable, handler);
  g_source_destroy (source);
  reply = g_dbus_connection_call_with_unix_fd_list_finish (self->connection, fds_out, wait.result,
                                                           &local_error);
  g_object_unref (wait.result);
  if (reply != NULL)
    return reply;
  if (wait.expired && !is_silent (self))
    vmp_error_set (error, VMPORT_ERROR_FAILED,
                   _ ("It took longer than %u seconds, perhaps because a file system does not answer"),
                   self->patience);
  else if (wait.expired)
    vmp_error_set (error, VMPORT_ERROR_FAILED,
                   _ ("The worker gave no sign of life for %u seconds and was ended"),
                   self->config->timeout_seconds);
  else
    take_remote_error (self, local_error, error);
  return NULL;
}

/* Can it no longer answer? What it did last is not known then. */
gboolean
vmp_worker_host_is_gone (VmpWorkerHost *self)
{
  return self->exited || g_dbus_connection_is_closed (self->connection) || is_silent (self)
         || g_cancellable_is_cancelled (self->cancellable);
}

/* For what the main thread sends along without waiting (SetLimit, Hold). */
GDBusConnection *
vmp_worker_host_get_connection (VmpWorkerHost *self)
{
  return self->connection;
}

static void
kill_process (VmpWorkerHost *self)
{
  if (self->process != NULL)
    g_subprocess_force_exit (self->process);
  else
    pidfd_send_signal (self->pidfd, SIGKILL, NULL, 0);
}

/* GLib goes on to look after a child. */
static void
leave_to_itself (VmpWorkerHost *self)
{
  g_message ("A worker of user %u was killed and does not end, since a file system does not answer it",
             vmp_identity_get_uid (self->identity));
  g_cancellable_cancel (self->waiting);
  while (self->process != NULL && !self->exited)
    g_main_context_iteration (g_main_context_get_thread_default (), TRUE);
  self->exited = TRUE;
}

/* What the connection has still to tell the thread's context keeps the connection, and that keeps the
 * context: so it is told here, or they would hold each other for ever. */
static void
close_connection (VmpWorkerHost *self)
{
  g_autoptr (GSource) source = NULL;
  Wait wait = { NULL, FALSE };

  if (self->connection == NULL)
    return;
  g_dbus_connection_close_sync (self->connection, NULL, NULL);
  source = add_deadline (STOP_SECONDS * 1000, on_deadline, &wait);
  while (!self->closed && !wait.expired)
    g_main_context_iteration (g_main_context_get_thread_default (), TRUE);
  g_source_destroy (source);
  while (g_main_context_iteration (g_main_context_get_thread_default (), FALSE))
    continue;
}

static void
end_process (VmpWorkerHost *self)
{
  if ((self->process == NULL && self->pidfd < 0) || self->exited)
    return;
  if (self->connection != NULL && !g_cancellable_is_cancelled (self->cancellable)
      && !is_silent (self))
    {
      g_dbus_connection_close (self->connection, NULL, NULL, NULL);
      wait_for_end (self, STOP_SECONDS);
    }
  if (!self->exited)
    {
      kill_process (self);
      wait_for_end (self, KILL_SECONDS);
    }
  if (!self->exited)
    leave_to_itself (self);
}

/* Ends the worker and waits until it is gone: by itself when it still listens, killed else. */
void
vmp_worker_host_stop (VmpWorkerHost *self)
{
  if (self->subscription != 0)
    g_dbus_connection_signal_unsubscribe (self->connection, self->subscription);
  self->subscription = 0;
  end_process (self);
  close_connection (self);
}
