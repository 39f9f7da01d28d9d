/* vmportd: options, logging, main loop; nothing else. */
#include "config.h"

#include <gio/gio.h>
#include <errno.h>
#include <glib-unix.h>
#include <glib/gi18n-lib.h>
#include <libxml/parser.h>
#include <locale.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "vmp-awaited.h"
#include "vmp-bus.h"
#include "vmp-config.h"
#include "vmp-directory.h"
#include "vmp-error.h"
#include "vmp-idle.h"
#include "vmp-landlock.h"
#include "vmp-scopes.h"

#define BUS_NAME "org.vmport"

/* How long the name may wait for what an earlier daemon left. */
#define RESTORE_SECONDS 10

typedef struct
{
  gboolean session;
  gboolean replace;
  gboolean debug;
  gboolean version;
  char *config_file;
  char *state_directory;
  char *worker;
  int exit_on_idle; /* seconds, 0 = never */
  char *worker_socket;
} Options;

typedef struct
{
  Options options;
  GMainLoop *loop;
  VmpConfig *config;
  VmpScopes *scopes;
  VmpJobs *jobs;
  GPtrArray *managers;
  VmpBus *bus;
  VmpIdle *idle;
  gboolean leaving; /* for want of work */
  int status;
} Daemon;

static void
options_clear (Options *options)
{
  g_free (options->config_file);
  g_free (options->state_directory);
  g_free (options->worker);
  g_free (options->worker_socket);
}

static gboolean
parse_options (Options *options, int *argc, char ***argv, GError **error)
{
  const GOptionEntry entries[] = {
    { "session", 0, 0, G_OPTION_ARG_NONE, &options->session,
      N_ ("Serve your own user on the session bus"), NULL },
    { "replace", 0, 0, G_OPTION_ARG_NONE, &options->replace,
      N_ ("Take the bus name over from a running vmportd"), NULL },
    { "debug", 0, 0, G_OPTION_ARG_NONE, &options->debug, N_ ("Log more"), NULL },
    { "config", 0, 0, G_OPTION_ARG_FILENAME, &options->config_file,
      N_ ("Read this configuration instead of the installed one"), N_ ("FILE") },
    { "state-directory", 0, 0, G_OPTION_ARG_FILENAME, &options->state_directory,
      N_ ("Keep jobs, and the embedded store, here"), N_ ("DIRECTORY") },
    { "worker", 0, 0, G_OPTION_ARG_FILENAME, &options->worker,
      N_ ("Start this program as worker"), N_ ("FILE") },
    { "exit-on-idle", 0, 0, G_OPTION_ARG_INT, &options->exit_on_idle,
      N_ ("End after that long without work"), N_ ("SECONDS") },
    { "worker-socket", 0, 0, G_OPTION_ARG_FILENAME, &options->worker_socket,
      N_ ("Do not start workers, but connect to this socket for each"), N_ ("SOCKET") },
    { "version", 0, 0, G_OPTION_ARG_NONE, &options->version, N_ ("Print the version and exit"),
      NULL },
    { NULL },
  };
  g_autoptr (GOptionContext) context = g_option_context_new (NULL);

  g_option_context_set_summary (context, _ ("Exports and imports virtual machines over D-Bus."));
  g_option_context_add_main_entries (context, entries, GETTEXT_PACKAGE);
  if (!g_option_context_parse (context, argc, argv, error))
    return FALSE;
  if (*argc > 1)
    {
      g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_FAILED,
                   _ ("vmportd takes no arguments but options; “%s” is none"), (*argv)[1]);
      return FALSE;
    }
  if (options->exit_on_idle < 0)
    {
      g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                   _ ("--exit-on-idle takes a number of seconds; %d is none"),
                   options->exit_on_idle);
      return FALSE;
    }
  if (options->state_directory == NULL)
    options->state_directory = options->session
                                   ? g_build_filename (g_get_user_state_dir (), "vmport", NULL)
                                   : g_strdup (VMP_STATEDIR);
  if (options->worker == NULL)
    options->worker = g_strdup (VMP_LIBEXECDIR "/vmport-worker");
  return TRUE;
}

static gboolean
make_state_directory (Daemon *self, GError **error)
{
  const char *path = self->options.state_directory;
  struct stat st;

  /* The store beneath it has a mode of its own, and has to be reached by a hypervisor's user. */
  if (g_mkdir_with_parents (path, 0711) < 0)
    return vmp_error_set_errno (error, errno, _ ("Cannot make the state directory “%s”"), path);
  if (stat (path, &st) < 0 || st.st_uid != geteuid () || (st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
    return vmp_error_set (error, VMPORT_ERROR_UNSAFE,
                          _ ("The state directory “%s” can be changed by others"), path);
  return TRUE;
}

/* Takes @machines. */
static void
take_manager (Daemon *self, VmpMachines *machines)
{
  vmp_machines_set_scopes (machines, self->scopes);
  g_ptr_array_add (self->managers, machines);
}

static gboolean
add_directory (Daemon *self, const char *id, const char *root, GError **error)
{
  VmpDirectory *directory = vmp_directory_new (
      id, root, (const char *const *) self->config->networks, error);

  if (directory == NULL)
    {
      g_prefix_error (error, _ ("The manager “%s”: "), id);
      return FALSE;
    }
  take_manager (self, VMP_MACHINES (directory));
  return TRUE;
}

/* One that libvirtd is not there for is shown all the same, as not available. */
static void
add_libvirt (Daemon *self, const char *id, const char *uri)
{
  take_manager (self, VMP_MACHINES (vmp_awaited_new (id, uri)));
}

static gboolean
add_managers (Daemon *self, GError **error)
{
  self->managers = g_ptr_array_new_with_free_func (g_object_unref);
  if (!add_directory (self, "store", self->config->store_root, error))
    return FALSE;
  if (vmp_awaited_is_installed ())
    add_libvirt (self, "qemu", self->options.session ? "qemu:///session" : "qemu:///system");
  for (guint i = 0; i < self->config->managers->len; i++)
    {
      VmpConfigManager *manager = g_ptr_array_index (self->config->managers, i);

      if (manager->uri != NULL)
        add_libvirt (self, manager->id, manager->uri);
      else if (!add_directory (self, manager->id, manager->root, error))
        return FALSE;
    }
  for (guint i = 0; i < self->managers->len; i++)
    vmp_machines_set_peers (g_ptr_array_index (self->managers, i), self->managers);
  return TRUE;
}

static VmpMachines *
find_machines (const char *id, gpointer data)
{
  Daemon *self = data;

  for (guint i = 0; i < self->managers->len; i++)
    if (g_str_equal (vmp_machines_get_id (g_ptr_array_index (self->managers, i)), id))
      return g_ptr_array_index (self->managers, i);
  return NULL;
}

static gboolean
on_patience_over (gpointer data)
{
  gboolean *over = data;

  *over = TRUE;
  return G_SOURCE_REMOVE;
}

/* What an earlier daemon left is taken back before anyone can call; a place that does not answer
 * must not keep the daemon from its work for ever. */
static void
wait_for_rollback (Daemon *self)
{
  gboolean over = FALSE;
  guint timeout = g_timeout_add_seconds (RESTORE_SECONDS, on_patience_over, &over);

  while (vmp_jobs_is_restoring (self->jobs) && !over)
    g_main_context_iteration (NULL, TRUE);
  if (!over)
    g_source_remove (timeout);
}

/* Once, rather than by each worker. */
static void
tell_of_the_fence (void)
{
  int abi = vmp_landlock_get_abi ();

  if (abi == 0)
    g_message ("%s", _ ("This kernel has no Landlock: workers, and the QEMU that reads images for "
                        "them, are held by their user's rights and a filter of system calls, and "
                        "can open whatever their user can"));
  else if (abi < VMP_LANDLOCK_MOVES)
    g_message ("%s", _ ("This kernel has no Landlock that lets files be moved: workers are held by "
                        "their user's rights and a filter of system calls, and can open whatever "
                        "their user can"));
}

static gboolean
prepare (Daemon *self, GError **error)
{
  g_autoptr (VmpScopeStore) store = NULL;
  VmpJobsConfig jobs = { 0 };

  tell_of_the_fence ();
  self->config = vmp_config_load (self->options.config_file, self->options.state_directory, error);
  if (self->config == NULL || !make_state_directory (self, error))
    return FALSE;
  self->scopes = vmp_scopes_open (self->options.state_directory,
                                  (const char *const *) self->config->scopes, error);
  if (self->scopes == NULL)
    return FALSE;
  store = vmp_scope_store_new (self->config->authorization_store,
                               self->options.session ? NULL : VMP_POLKIT_RULES);
  vmp_scopes_set_store (self->scopes, store);
  jobs.max_running = self->config->max_jobs;
  jobs.max_per_user = self->config->max_jobs_per_user;
  jobs.retention_usec = (gint64) self->config->retention_seconds * G_USEC_PER_SEC;
  jobs.leftover_retry_seconds = self->config->leftover_retry_seconds;
  jobs.worker.program = self->options.worker;
  jobs.worker.socket = self->options.worker_socket;
  jobs.worker.timeout_seconds = self->config->worker_timeout_seconds;
  jobs.worker.service_user = self->options.session ? NULL : VMP_SERVICE_USER;
  self->jobs = vmp_jobs_new (&jobs, self->options.state_directory, error);
  if (self->jobs == NULL || !add_managers (self, error))
    return FALSE;
  for (guint i = 0; i < self->managers->len; i++)
    vmp_jobs_follow (self->jobs, g_ptr_array_index (self->managers, i));
  if (!vmp_jobs_restore (self->jobs, find_machines, self, error))
    return FALSE;
  wait_for_rollback (self);
  for (guint i = 0; i < self->managers->len; i++)
    if (VMP_IS_DIRECTORY (g_ptr_array_index (self->managers, i))
        && !vmp_directory_load_all (g_ptr_array_index (self->managers, i), error))
      return FALSE;
  return TRUE;
}

static void
fail (Daemon *self, const GError *error)
{
  g_printerr ("vmportd: %s\n", error->message);
  self->status = EXIT_FAILURE;
  g_main_loop_quit (self->loop);
}

static void
on_idle (Daemon *self)
{
  self->leaving = TRUE;
  g_main_loop_quit (self->loop);
}

static void
on_bus_acquired (GDBusConnection *connection, const char *name, gpointer data)
{
  Daemon *self = data;
  g_autoptr (GError) error = NULL;

  if (self->bus != NULL)
    return;
  self->bus = vmp_bus_new (connection, self->jobs, self->managers, self->options.session, &error);
  if (self->bus == NULL)
    {
      fail (self, error);
      return;
    }
  if (self->options.exit_on_idle > 0)
    {
      self->idle = vmp_idle_new (vmp_bus_get_callers (self->bus), self->jobs,
                                 (guint) self->options.exit_on_idle);
      g_signal_connect_swapped (self->idle, "idle", G_CALLBACK (on_idle), self);
    }
}

static void
on_name_acquired (GDBusConnection *connection, const char *name, gpointer data)
{
  Daemon *self = data;

  if (self->bus != NULL)
    vmp_bus_tell_interruptions (self->bus);
  sd_notify (0, "READY=1");
  g_info ("Serving %s", name);
}

static void
on_name_lost (GDBusConnection *connection, const char *name, gpointer data)
{
  Daemon *self = data;
  g_autoptr (GError) error = g_error_new (VMPORT_ERROR, VMPORT_ERROR_NOT_AVAILABLE,
                                          connection == NULL
                                              ? _ ("There is no message bus")
                                              : _ ("The bus name %s is another's"),
                                          name);

  fail (self, error);
}

static gboolean
on_signal (gpointer data)
{
  Daemon *self = data;

  g_main_loop_quit (self->loop);
  return G_SOURCE_REMOVE;
}

/* With the name, calls end to come: those that were on their way still do, and then there is work
 * again. */
static gboolean
is_needed_after_all (Daemon *self)
{
  if (!self->leaving)
    return FALSE;
  while (g_main_context_iteration (NULL, FALSE))
    ;
  self->leaving = vmp_idle_is_idle (self->idle);
  return !self->leaving;
}

static void
run (Daemon *self)
{
  GBusNameOwnerFlags flags = G_BUS_NAME_OWNER_FLAGS_ALLOW_REPLACEMENT;
  guint owner;

  if (self->options.replace)
    flags |= G_BUS_NAME_OWNER_FLAGS_REPLACE;
  g_unix_signal_add (SIGTERM, on_signal, self);
  g_unix_signal_add (SIGINT, on_signal, self);
  do
    {
      owner = g_bus_own_name (self->options.session ? G_BUS_TYPE_SESSION : G_BUS_TYPE_SYSTEM,
                              BUS_NAME, flags, on_bus_acquired, on_name_acquired, on_name_lost,
                              self, NULL);
      g_main_loop_run (self->loop);
      g_bus_unown_name (owner);
    }
  while (is_needed_after_all (self));
  sd_notify (0, "STOPPING=1");
}

int
main (int argc, char **argv)
{
  Daemon self = { .status = EXIT_SUCCESS };
  g_autoptr (GError) error = NULL;

  setlocale (LC_ALL, "");
  bindtextdomain (GETTEXT_PACKAGE, VMP_LOCALEDIR);
  bind_textdomain_codeset (GETTEXT_PACKAGE, "UTF-8");
  textdomain (GETTEXT_PACKAGE);
  umask (0077);
  signal (SIGPIPE, SIG_IGN);
  xmlInitParser ();
  vmport_error_quark ();
  if (!parse_options (&self.options, &argc, &argv, &error))
    {
      g_printerr ("vmportd: %s\n", error->message);
      return 2;
    }
  if (self.options.version)
    {
      g_print ("vmportd %s\n", PACKAGE_VERSION);
      return EXIT_SUCCESS;
    }
  if (self.options.debug)
    g_log_set_debug_enabled (TRUE);
  self.loop = g_main_loop_new (NULL, FALSE);
  if (prepare (&self, &error))
    run (&self);
  else
    fail (&self, error);
  /* Threads of jobs still use all of this. Their workers end with the process, and what they made
   * is taken back at the next start. */
  if (self.jobs != NULL && vmp_jobs_is_busy (self.jobs))
    _exit (self.status);
  g_clear_object (&self.idle);
  g_clear_object (&self.bus);
  g_clear_pointer (&self.managers, g_ptr_array_unref);
  g_clear_object (&self.jobs);
  g_clear_object (&self.scopes);
  g_clear_pointer (&self.config, vmp_config_free);
  g_main_loop_unref (self.loop);
  options_clear (&self.options);
#if VMP_HAVE_LIBVIRT
  /* A thread that waits for libvirtd cannot be waited for in its turn, and must not meet what exit()
   * takes from under it. */
  fflush (NULL);
  _exit (self.status);
#endif
  return self.status;
}
