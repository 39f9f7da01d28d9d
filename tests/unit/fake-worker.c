/* A worker that lies: it stands between vmportd and the real vmport-worker and changes what goes
 * through, in the way that its own file name says. See tests/integration/test_hostile_worker.py.
 *
 * Beside it lie `vmport-worker`, the real one, and `image`, what "swaps-image" puts into a target.
 * What the daemon starts as the service's own user is the real worker, except for the names that
 * begin with "inspector-". */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <gio/gunixconnection.h>
#include <gio/gunixfdlist.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vmp-dbus-worker.h"
#include "vmp-fd.h"
#include "vmp-sandbox.h"

#define WORKER_SOCKET 3
#define WORKER_PATH "/org/vmport/Worker"
#define WORKER_INTERFACE "org.vmport.Worker"

/* What would take over a terminal, reverse a line, and is longer than any sentence. */
#define POISON "\033]0;owned\a\n\xe2\x80\xae" "evil\x01"
#define NOBODYS_ID 7777
#define MANY_ENTRIES 1000000

static const char *mode;
static char *folder;
static int image_fd = -1;
static GDBusConnection *to_daemon, *to_real;
static pid_t real_pid;
static GArray *kept; /* descriptors of targets */

static gboolean
is_mode (const char *name)
{
  return strcmp (mode, name) == 0;
}

G_NORETURN static void
fail (const char *what)
{
  g_printerr ("fake-worker: %s: %s\n", what, g_strerror (errno));
  exit (EXIT_FAILURE);
}

static char *
beside (const char *name)
{
  return g_build_filename (folder, name, NULL);
}

/* The real worker reads its identity itself, so it is only looked at here. */
static guint32
peek_uid (void)
{
  guint32 head[2]; /* the size, then (uu@auba(su)) */

  ssize_t n;

  /* A look at a stream may come before all of it is there. */
  do
    n = recv (WORKER_SOCKET, head, sizeof head, MSG_PEEK | MSG_WAITALL);
  while (n > 0 && n < (ssize_t) sizeof head);
  if (n != sizeof head)
    fail ("identity");
  return head[1];
}

G_NORETURN static void
become_real (void)
{
  g_autofree char *program = beside ("vmport-worker");

  execl (program, program, NULL);
  fail (program);
}

static void
spawn_real (int child_end)
{
  g_autofree char *program = beside ("vmport-worker");

  real_pid = fork ();
  if (real_pid < 0)
    fail ("fork");
  if (real_pid > 0)
    return;
  /* dup2() leaves the close-on-exec flag behind, unless it has nothing to do. */
  if (child_end == WORKER_SOCKET ? fcntl (child_end, F_SETFD, 0) < 0
                                 : dup2 (child_end, WORKER_SOCKET) < 0)
    _exit (EXIT_FAILURE);
  execl (program, program, NULL);
  _exit (EXIT_FAILURE);
}

static GDBusConnection *
connect_on (int fd, GDBusConnectionFlags flags)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GSocket) socket = g_socket_new_from_fd (fd, &error);
  g_autoptr (GSocketConnection) stream = NULL;
  g_autofree char *guid = g_dbus_generate_guid ();
  gboolean server = (flags & G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_SERVER) != 0;
  GDBusConnection *connection;

  g_assert_no_error (error);
  stream = g_socket_connection_factory_create_connection (socket);
  connection = g_dbus_connection_new_sync (G_IO_STREAM (stream), server ? guid : NULL, flags, NULL,
                                           NULL, &error);
  /* A daemon that has given up is no reason to complain. */
  if (connection == NULL)
    exit (EXIT_FAILURE);
  return connection;
}

static void
answer (GDBusMethodInvocation *invocation, GVariant *body, GUnixFDList *fds)
{
  g_autoptr (GDBusMessage) reply = g_dbus_message_new_method_reply (
      g_dbus_method_invocation_get_message (invocation));

  g_dbus_message_set_body (reply, body);
  if (fds != NULL)
    g_dbus_message_set_unix_fd_list (reply, fds);
  g_dbus_connection_send_message (to_daemon, reply, G_DBUS_SEND_MESSAGE_FLAGS_NONE, NULL, NULL);
  g_object_unref (invocation);
}

static void
answer_error (GDBusMethodInvocation *invocation, const char *name, const char *text)
{
  g_autoptr (GDBusMessage) reply = g_dbus_message_new_method_error_literal (
      g_dbus_method_invocation_get_message (invocation), name, text);

  g_dbus_connection_send_message (to_daemon, reply, G_DBUS_SEND_MESSAGE_FLAGS_NONE, NULL, NULL);
  g_object_unref (invocation);
}

static char *
poison_of (gsize size)
{
  GString *text = g_string_new (NULL);

  while (text->len < size)
    g_string_append (text, POISON);
  return g_string_free (text, FALSE);
}

static void
tell_progress (guint64 done, const char *phase, const char *file)
{
  g_dbus_connection_emit_signal (to_daemon, NULL, WORKER_PATH, WORKER_INTERFACE, "Progress",
                                 g_variant_new ("(tss)", done, phase, file), NULL);
}

static gboolean
on_dawdle (gpointer data)
{
  g_autofree char *file = poison_of (100000);

  tell_progress (0, "Copying", file);
  return G_SOURCE_CONTINUE;
}

/* (a(ua{sv})) with a change of each dictionary. */
typedef void (*ChangeReading) (guint32 id, GVariantDict *reading);

static GVariant *
change_readings (GVariant *reply, ChangeReading change)
{
  g_autoptr (GVariant) readings = g_variant_get_child_value (reply, 0);
  GVariantBuilder builder;
  GVariantIter iter;
  guint32 id;
  GVariant *child;

  g_variant_builder_init (&builder, G_VARIANT_TYPE ("a(ua{sv})"));
  g_variant_iter_init (&iter, readings);
  while (g_variant_iter_next (&iter, "(u@a{sv})", &id, &child))
    {
      g_autoptr (GVariant) owned = child;
      GVariantDict dict;

      g_variant_dict_init (&dict, owned);
      change (id, &dict);
      g_variant_builder_add (&builder, "(u@a{sv})", id, g_variant_dict_end (&dict));
    }
  if (is_mode ("other-ids"))
    g_variant_builder_add (&builder, "(u@a{sv})", NOBODYS_ID,
                           g_variant_new_array (G_VARIANT_TYPE ("{sv}"), NULL, 0));
  return g_variant_new ("(a(ua{sv}))", &builder);
}

static void
leave (guint32 id, GVariantDict *reading)
{
}

static void
exaggerate (guint32 id, GVariantDict *reading)
{
  static const char *const numbers[] = { "Size", "Payload", "Device", "Inode", "VirtualSize",
                                         "Copied", "Cloned" };

  for (gsize i = 0; i < G_N_ELEMENTS (numbers); i++)
    g_variant_dict_insert (reading, numbers[i], "t", G_MAXUINT64);
}

static void
confuse (guint32 id, GVariantDict *reading)
{
  static const char *const members[] = { "Size", "Payload", "BackingFile", "BackingFormat",
                                         "ErrorName", "Message", "Copied", "Fd" };

  for (gsize i = 0; i < G_N_ELEMENTS (members); i++)
    g_variant_dict_insert (reading, members[i], "(ii)", 1, 2);
}

static void
deny (guint32 id, GVariantDict *reading)
{
  g_autofree char *text = poison_of (100000);

  g_variant_dict_insert (reading, "ErrorName", "s", "org.vmport.Error.Timeout");
  g_variant_dict_insert (reading, "Message", "s", text);
}

static void
name_evil_format (guint32 id, GVariantDict *reading)
{
  if (id != 0)
    return;
  g_variant_dict_insert (reading, "BackingFile", "s", "base.qcow2");
  g_variant_dict_insert (reading, "BackingFormat", "s", "../../../../../../tmp/x");
}

static GVariant *
entries_without_end (void)
{
  GVariantBuilder entries;
  GVariantDict result;

  g_variant_builder_init (&entries, G_VARIANT_TYPE ("a(stt)"));
  for (guint i = 0; i < MANY_ENTRIES; i++)
    g_variant_builder_add (&entries, "(stt)", "vmport.xml", (guint64) 1, (guint64) i);
  g_variant_dict_init (&result, NULL);
  g_variant_dict_insert_value (&result, "Entries", g_variant_builder_end (&entries));
  return g_variant_new ("(@a{sv})", g_variant_dict_end (&result));
}

static GVariant *
odd_report (void)
{
  return g_variant_new_parsed ("({'Bare': <uint32 1>, 'Domain': <'no'>, 'Unsafe': <['x']>},)");
}

/* True of everything but the domain. */
static GVariant *
report_without_domain (GVariant *reply)
{
  g_autoptr (GVariant) report = g_variant_get_child_value (reply, 0);
  GVariantDict dict;

  g_variant_dict_init (&dict, report);
  g_variant_dict_insert (&dict, "Domain", "v", g_variant_new ("(ii)", 1, 2));
  return g_variant_new ("(@a{sv})", g_variant_dict_end (&dict));
}

static void
keep_targets (GUnixFDList *fds)
{
  for (int i = 0; fds != NULL && i < g_unix_fd_list_get_length (fds); i++)
    {
      int fd = g_unix_fd_list_get (fds, i, NULL);

      g_array_append_val (kept, fd);
    }
}

/* A process of the caller's that outlives the worker, with all that it holds. It tells its pid, so
 * that the test can end it. */
static void
leave_a_child (void)
{
  g_autofree char *path = beside ("child");
  g_autofree char *text = NULL;
  pid_t child = fork ();

  if (child == 0)
    {
      alarm (120);
      for (;;)
        pause ();
    }
  text = g_strdup_printf ("%d\n", (int) child);
  if (child < 0 || !g_file_set_contents (path, text, -1, NULL))
    fail (path);
}

static void
swap_image (void)
{
  for (guint i = 0; i < kept->len; i++)
    {
      int target = g_array_index (kept, int, i);
      guint8 buffer[65536];
      off_t at = 0;
      ssize_t n;

      if (ftruncate (target, 0) < 0)
        fail ("target");
      while ((n = pread (image_fd, buffer, sizeof buffer, at)) > 0)
        {
          if (pwrite (target, buffer, (gsize) n, at) != n)
            fail ("target");
          at += n;
        }
      close (target);
    }
  g_array_set_size (kept, 0);
}

/* The handle of each reading, and what comes with it. */
static gint32 lied_handle;

static void
lie_about_handle (guint32 id, GVariantDict *reading)
{
  g_variant_dict_insert (reading, "Fd", "h", lied_handle);
}

static GUnixFDList *
list_of (const char *path, int flags)
{
  GUnixFDList *fds = g_unix_fd_list_new ();
  int fd = open (path, flags | O_CLOEXEC);

  if (fd < 0 || g_unix_fd_list_append (fds, fd, NULL) < 0)
    fail (path);
  close (fd);
  return fds;
}

static void
answer_target (GDBusMethodInvocation *invocation, GVariant *reply, GUnixFDList *fds)
{
  g_autoptr (GUnixFDList) other = NULL;

  lied_handle = is_mode ("negative-handle") ? -1 : is_mode ("far-handle") ? 1000 : 0;
  if (is_mode ("anothers-file"))
    other = list_of ("/etc/passwd", O_RDONLY);
  else if (is_mode ("a-folder"))
    other = list_of ("/", O_RDONLY | O_DIRECTORY);
  else if (is_mode ("a-path"))
    other = list_of ("/etc/passwd", O_PATH);
  else if (!is_mode ("no-fds"))
    other = g_object_ref (fds);
  answer (invocation, change_readings (reply, lie_about_handle), other);
}

static gboolean
tampers_with_targets (void)
{
  return is_mode ("negative-handle") || is_mode ("far-handle") || is_mode ("no-fds")
         || is_mode ("anothers-file") || is_mode ("a-folder") || is_mode ("a-path");
}

static void
flood (void)
{
  g_autofree char *text = poison_of (16384);

  for (guint64 i = 0; i < 3000; i++)
    tell_progress (i, i % 2 == 0 ? "Copying" : "Syncing", text);
}

static void
pass_on (GDBusMethodInvocation *invocation, const char *method, GVariant *reply, GUnixFDList *fds)
{
  gboolean opens = strcmp (method, "OpenPackage") == 0, reads = strcmp (method, "AddSources") == 0;
  gboolean targets = strcmp (method, "AddTargets") == 0, copies = strcmp (method, "Copy") == 0;
  gboolean writes = strcmp (method, "WritePackage") == 0;

  if (opens && is_mode ("empty-report"))
    answer (invocation, g_variant_new_parsed ("(@a{sv} {},)"), NULL);
  else if (opens && is_mode ("odd-report"))
    answer (invocation, odd_report (), NULL);
  else if (opens && is_mode ("no-domain"))
    answer (invocation, report_without_domain (reply), NULL);
  else if ((reads || copies) && is_mode ("absurd-numbers"))
    {
      tell_progress (G_MAXUINT64, "Done", POISON);
      answer (invocation, change_readings (reply, exaggerate), NULL);
    }
  else if ((reads || copies) && is_mode ("confused-readings"))
    answer (invocation, change_readings (reply, confuse), NULL);
  else if (reads && is_mode ("other-ids"))
    answer (invocation, change_readings (reply, leave), NULL);
  else if (reads && is_mode ("no-ids"))
    answer (invocation, g_variant_new_parsed ("(@a(ua{sv}) [],)"), NULL);
  else if (reads && is_mode ("evil-format"))
    answer (invocation, change_readings (reply, name_evil_format), NULL);
  else if (reads && is_mode ("poisoned-readings"))
    answer (invocation, change_readings (reply, deny), NULL);
  else if (targets && tampers_with_targets ())
    answer_target (invocation, reply, fds);
  else if (writes && is_mode ("many-entries"))
    answer (invocation, entries_without_end (), NULL);
  else if (strcmp (method, "Prepare") == 0 && is_mode ("no-place"))
    answer (invocation, g_variant_new_parsed ("(@a{sv} {},)"), NULL);
  else
    {
      if (copies && is_mode ("swaps-image"))
        swap_image ();
      if (copies && is_mode ("floods"))
        flood ();
      answer (invocation, g_variant_ref (reply), fds);
    }
}

static void
on_real_reply (GObject *source, GAsyncResult *result, gpointer data)
{
  GDBusMethodInvocation *invocation = data;
  const char *method = g_dbus_method_invocation_get_method_name (invocation);
  g_autoptr (GUnixFDList) fds = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply = g_dbus_connection_call_with_unix_fd_list_finish (
      G_DBUS_CONNECTION (source), &fds, result, &error);

  if (reply != NULL)
    {
      pass_on (invocation, method, reply, fds);
      return;
    }
  if (g_dbus_error_is_remote_error (error))
    {
      g_autofree char *name = g_dbus_error_get_remote_error (error);

      g_dbus_error_strip_remote_error (error);
      answer_error (invocation, name, error->message);
      return;
    }
  answer_error (invocation, "org.vmport.Error.Failed", error->message);
}

/* What is answered, or not, without asking the real worker. */
static gboolean
lies_at_once (GDBusMethodInvocation *invocation, const char *method)
{
  gboolean opens = strcmp (method, "OpenPackage") == 0;
  gboolean copies = strcmp (method, "Copy") == 0;

  if (opens && is_mode ("dies-when-called"))
    _exit (EXIT_SUCCESS);
  if (strcmp (method, "PublishTargets") == 0 && is_mode ("dies-at-the-end"))
    _exit (EXIT_SUCCESS);
  if (is_mode ("silent") || is_mode ("dawdles"))
    {
      if (is_mode ("dawdles"))
        g_timeout_add (100, on_dawdle, NULL);
      return TRUE;
    }
  if (opens && is_mode ("wrong-types"))
    answer (invocation, g_variant_new ("(su)", "not a report", 1), NULL);
  else if (opens && g_str_has_prefix (mode, "error-"))
    {
      g_autofree char *name = g_strconcat ("org.vmport.Error.", mode + strlen ("error-"), NULL);

      answer_error (invocation, name, "lied");
    }
  else if (opens && is_mode ("huge-error"))
    {
      g_autofree char *text = poison_of (1 << 20);

      answer_error (invocation, "org.vmport.Error.Corrupt", text);
    }
  else if (opens && is_mode ("foreign-error"))
    answer_error (invocation, "com.example.Strange", "said");
  else if (copies && is_mode ("writes-nothing"))
    answer (invocation, g_variant_new_parsed ("(@a(ua{sv}) [],)"), NULL);
  else
    return FALSE;
  return TRUE;
}

static void
method_call (GDBusConnection *connection, const char *sender, const char *object_path,
             const char *interface_name, const char *method, GVariant *parameters,
             GDBusMethodInvocation *invocation, gpointer user_data)
{
  GUnixFDList *fds = g_dbus_message_get_unix_fd_list (
      g_dbus_method_invocation_get_message (invocation));

  /* Cleaning up is the real worker's, whatever else is lied about. */
  if (strcmp (method, "Remove") != 0 && lies_at_once (invocation, method))
    return;
  if (strcmp (method, "AddTargets") == 0 && (is_mode ("stays") || is_mode ("swaps-image")))
    {
      keep_targets (fds);
      if (is_mode ("stays") && kept->len > 0)
        leave_a_child ();
    }
  g_dbus_connection_call_with_unix_fd_list (to_real, NULL, WORKER_PATH, WORKER_INTERFACE, method,
                                            parameters, NULL, G_DBUS_CALL_FLAGS_NONE, G_MAXINT, fds,
                                            NULL, on_real_reply, invocation);
}

static void
on_real_progress (GDBusConnection *connection, const char *sender, const char *path,
                  const char *interface, const char *signal, GVariant *parameters, gpointer data)
{
  if (!is_mode ("silent"))
    g_dbus_connection_emit_signal (to_daemon, NULL, WORKER_PATH, WORKER_INTERFACE, "Progress",
                                   parameters, NULL);
}

static void
on_closed (GDBusConnection *connection, gboolean remote_vanished, GError *error, gpointer data)
{
  kill (real_pid, SIGKILL);
  waitpid (real_pid, NULL, 0);
  _exit (EXIT_SUCCESS);
}

static void
send_all (int fd, const void *data, gsize size, int passed)
{
  if (!vmp_fd_send (fd, data, size, passed, NULL))
    fail ("the real worker");
}

/* The real worker becomes who it is told to be by itself, and so does this one. */
static void
start_real (GVariant *identity, int passed)
{
  guint32 size = (guint32) g_variant_get_size (identity);
  char ready;
  int ends[2];

  if (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
    fail ("socketpair");
  spawn_real (ends[1]);
  close (ends[1]);
  send_all (ends[0], &size, sizeof size, passed);
  send_all (ends[0], g_variant_get_data (identity), size, -1);
  if (recv (ends[0], &ready, 1, 0) != 1)
    fail ("the real worker is not ready");
  to_real = connect_on (ends[0], G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT);
  g_dbus_connection_signal_subscribe (to_real, NULL, WORKER_INTERFACE, "Progress", WORKER_PATH,
                                      NULL, G_DBUS_SIGNAL_FLAGS_NONE, on_real_progress, NULL, NULL);
}

static void
serve (void)
{
  static const GDBusInterfaceVTable vtable = { .method_call = method_call };
  g_autoptr (GMainLoop) loop = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) identity = NULL;
  int passed;

  if (!vmp_sandbox_close_others (WORKER_SOCKET, &error)
      || !vmp_sandbox_read_identity (WORKER_SOCKET, &identity, &passed, &error))
    g_error ("%s", error->message);
  loop = g_main_loop_new (NULL, FALSE);
  if (is_mode ("swaps-image"))
    {
      g_autofree char *path = beside ("image");

      image_fd = open (path, O_RDONLY | O_CLOEXEC);
      if (image_fd < 0)
        fail (path);
    }
  fcntl (WORKER_SOCKET, F_SETFD, FD_CLOEXEC);
  start_real (identity, passed);
  if (!vmp_sandbox_become (identity, &error)
      || !vmp_sandbox_tell_ready (WORKER_SOCKET, &error))
    g_error ("%s", error->message);
  to_daemon = connect_on (WORKER_SOCKET,
                          G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_SERVER
                              | G_DBUS_CONNECTION_FLAGS_DELAY_MESSAGE_PROCESSING);
  g_signal_connect (to_daemon, "closed", G_CALLBACK (on_closed), NULL);
  g_dbus_connection_register_object (to_daemon, WORKER_PATH, vmp_dbus_worker_interface_info (),
                                     &vtable, NULL, NULL, &error);
  g_assert_no_error (error);
  g_dbus_connection_start_message_processing (to_daemon);
  g_main_loop_run (loop);
}

int
main (int argc, char **argv)
{
  struct passwd *service = getpwnam (VMP_SERVICE_USER);
  gboolean inspector = service != NULL && peek_uid () == service->pw_uid;

  folder = g_path_get_dirname (argv[0]);
  mode = g_path_get_basename (argv[0]);
  kept = g_array_new (FALSE, FALSE, sizeof (int));
  if (inspector != g_str_has_prefix (mode, "inspector-"))
    become_real ();
  if (inspector)
    mode += strlen ("inspector-");
  if (is_mode ("dies"))
    return EXIT_FAILURE;
  if (is_mode ("says-nothing"))
    for (;;)
      pause ();
  serve ();
  return EXIT_SUCCESS;
}
