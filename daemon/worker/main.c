/* vmport-worker: does a job's work on files as the job's caller. Started by vmportd alone. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <gio/gunixconnection.h>
#include <glib/gi18n-lib.h>
#include <libxml/parser.h>
#include <locale.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <time.h>

#include "vmp-error.h"
#include "vmp-fd.h"
#include "vmp-confine.h"
#include "vmp-sandbox.h"
#include "vmp-worker.h"

/* Where the daemon leaves the worker's end of the socket pair. */
#define WORKER_SOCKET 3

G_DEFINE_AUTOPTR_CLEANUP_FUNC (EVP_MD, EVP_MD_free)

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

/* Behind the fence no library finds its files: catalogues of messages, the conversion of their
 * characters, OpenSSL's configuration and digests, the time zone, the source of random numbers. */
static void
load_what_is_loaded_late (void)
{
  g_autoptr (EVP_MD) digest = NULL;
  const char *texts[] = { g_strerror (ENOENT), _ ("the file"),
                          g_dgettext ("glib20", "Invalid argument") };

  g_debug ("%s, %s, %s", texts[0], texts[1], texts[2]);
  OPENSSL_init_crypto (OPENSSL_INIT_LOAD_CONFIG, NULL);
  digest = EVP_MD_fetch (NULL, "SHA2-256", NULL);
  tzset ();
  g_random_int ();
}

static gboolean
serve (GError **error)
{
  g_autoptr (GMainLoop) loop = NULL;
  g_autoptr (GVariant) identity = NULL;
  vmp_autofd int passed = -1;
  g_autoptr (GDBusConnection) connection = NULL;
  g_autoptr (VmpWorker) worker = NULL;

  if (!check_standard_streams (error) || !vmp_sandbox_close_others (WORKER_SOCKET, error)
      || !vmp_sandbox_read_identity (WORKER_SOCKET, &identity, &passed, error)
      || !vmp_sandbox_become (identity, error))
    return FALSE;
  load_what_is_loaded_late ();
  if (!vmp_confine (identity, passed, error)
      || !vmp_sandbox_tell_ready (WORKER_SOCKET, error))
    return FALSE;
  vmp_fd_clear (&passed);
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
