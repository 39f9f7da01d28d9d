/* vmport-worker: does a job's work on files as the job's caller. Started by vmportd alone. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <gio/gunixconnection.h>
#include <glib/gi18n-lib.h>
#include <libxml/parser.h>
#include <locale.h>
#include <stdlib.h>
#include <sys/prctl.h>

#include "vmp-error.h"
#include "vmp-sandbox.h"
#include "vmp-worker.h"

/* Where the daemon leaves the worker's end of the socket pair. */
#define WORKER_SOCKET 3

/* GLib says this of a file descriptor: what a worker opens must not be these. */
static gboolean
check_standard_streams (GError **error)
{
  for (int fd = 0; fd <= 2; fd++)
    if (fcntl (fd, F_GETFD) < 0)
      return vmp_error_set_errno (error, errno, "Standard stream %d is closed", fd);
  return TRUE;
}

static void
on_closed (GDBusConnection *connection, gboolean remote_vanished, GError *error, gpointer data)
{
  /* Whatever is under way in the thread ends with the process; the daemon cleans up. */
  _exit (EXIT_SUCCESS);
}

static GDBusConnection *
connect_to_daemon (GError **error)
{
  g_autoptr (GSocket) socket = g_socket_new_from_fd (WORKER_SOCKET, error);
  g_autoptr (GSocketConnection) stream = NULL;
  g_autofree char *guid = g_dbus_generate_guid ();

  if (socket == NULL)
    return NULL;
  stream = g_socket_connection_factory_create_connection (socket);
  return g_dbus_connection_new_sync (G_IO_STREAM (stream), guid,
                                     G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_SERVER
                                         | G_DBUS_CONNECTION_FLAGS_DELAY_MESSAGE_PROCESSING,
                                     NULL, NULL, error);
}

static gboolean
serve (GError **error)
{
  g_autoptr (GMainLoop) loop = NULL;
  g_autoptr (GVariant) identity = NULL;
  g_autoptr (GDBusConnection) connection = NULL;
  g_autoptr (VmpWorker) worker = NULL;

  if (!check_standard_streams (error) || !vmp_sandbox_close_others (WORKER_SOCKET, error)
      || !vmp_sandbox_read_identity (WORKER_SOCKET, &identity, error)
      || !vmp_sandbox_become (identity, error))
    return FALSE;
  /* Not before what was inherited is closed: a main context has a descriptor of its own. */
  loop = g_main_loop_new (NULL, FALSE);
  connection = connect_to_daemon (error);
  if (connection == NULL)
    return FALSE;
  g_signal_connect (connection, "closed", G_CALLBACK (on_closed), NULL);
  worker = vmp_worker_new (connection, error);
  if (worker == NULL)
    return FALSE;
  g_dbus_connection_start_message_processing (connection);
  g_main_loop_run (loop);
  return TRUE;
}

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;

  /* Before anything else, so that there is no moment in which another process can look in. */
  prctl (PR_SET_DUMPABLE, 0, 0, 0, 0);
  setlocale (LC_ALL, "");
  bindtextdomain (GETTEXT_PACKAGE, VMP_LOCALEDIR);
  bind_textdomain_codeset (GETTEXT_PACKAGE, "UTF-8");
  xmlInitParser ();
  if (argc != 1)
    {
      g_printerr ("vmport-worker is started by vmportd and takes no arguments\n");
      return EXIT_FAILURE;
    }
  if (!serve (&error))
    {
      g_printerr ("vmport-worker: %s\n", error->message);
      return EXIT_FAILURE;
    }
  return EXIT_SUCCESS;
}
