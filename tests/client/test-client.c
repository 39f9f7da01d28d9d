/* libvmport against a scripted daemon: errors, jobs that ended before, restarts, time limits. */
#include "config.h"

#include <fcntl.h>
#include <gio/gunixfdlist.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fake-daemon.h"
#include "vmport.h"

/* What the library asked of GDBus last, by method; the linker puts these between the two. */
static GHashTable *timeouts;
static GDBusCallFlags last_flags;

void __real_g_dbus_connection_call_with_unix_fd_list (
  GDBusConnection *connection, const char *name, const char *path, const char *interface,
  const char *method, GVariant *parameters, const GVariantType *reply_type, GDBusCallFlags flags,
  int timeout, GUnixFDList *fd_list, GCancellable *cancellable, GAsyncReadyCallback callback,
  gpointer user_data);
void __wrap_g_dbus_connection_call_with_unix_fd_list (
  GDBusConnection *connection, const char *name, const char *path, const char *interface,
  const char *method, GVariant *parameters, const GVariantType *reply_type, GDBusCallFlags flags,
  int timeout, GUnixFDList *fd_list, GCancellable *cancellable, GAsyncReadyCallback callback,
  gpointer user_data);

void
__wrap_g_dbus_connection_call_with_unix_fd_list (
  GDBusConnection *connection, const char *name, const char *path, const char *interface,
  const char *method, GVariant *parameters, const GVariantType *reply_type, GDBusCallFlags flags,
  int timeout, GUnixFDList *fd_list, GCancellable *cancellable, GAsyncReadyCallback callback,
  gpointer user_data)
{
  g_hash_table_insert (timeouts, g_strdup (method), GINT_TO_POINTER (timeout));
  last_flags = flags;
  __real_g_dbus_connection_call_with_unix_fd_list (
    connection, name, path, interface, method, parameters, reply_type, flags, timeout, fd_list,
    cancellable, callback, user_data);
}

typedef struct
{
  GTestDBus *bus;
  FakeDaemon *fake;
  VmportClient *client;
} Fixture;

static VmportClient *
connect_client (Fixture *fixture)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GDBusConnection) connection = g_dbus_connection_new_for_address_sync (
    g_test_dbus_get_bus_address (fixture->bus),
    G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT | G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION,
    NULL, NULL, &error);
  VmportClient *client;

  g_assert_no_error (error);
  client = vmport_client_new_for_connection_sync (connection, NULL, &error);
  g_assert_no_error (error);
  return client;
}

static void
set_up (Fixture *fixture, gconstpointer data)
{
  timeouts = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  fixture->bus = g_test_dbus_new (G_TEST_DBUS_NONE);
  g_test_dbus_up (fixture->bus);
  fixture->fake = fake_daemon_new (g_test_dbus_get_bus_address (fixture->bus));
  fake_daemon_appear (fixture->fake);
  fixture->client = connect_client (fixture);
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  g_clear_object (&fixture->client);
  g_clear_pointer (&fixture->fake, fake_daemon_free);
  g_test_dbus_down (fixture->bus);
  g_clear_object (&fixture->bus);
  g_clear_pointer (&timeouts, g_hash_table_unref);
}

static void
store_result (GObject *source, GAsyncResult *result, gpointer user_data)
{
  *(GAsyncResult **) user_data = g_object_ref (result);
}

static gboolean
give_up (gpointer data)
{
  g_error ("Nothing happened for 60 seconds");
  return G_SOURCE_REMOVE;
}

/* Runs the main loop until @what is set; the deadline is for a broken test alone. */
#define await(what)                                                                               \
  G_STMT_START                                                                                    \
  {                                                                                               \
    guint deadline = g_timeout_add_seconds (60, give_up, NULL);                                   \
    while (!(what))                                                                               \
      g_main_context_iteration (NULL, TRUE);                                                      \
    g_source_remove (deadline);                                                                   \
  }                                                                                               \
  G_STMT_END

static VmportManager *
get_store (Fixture *fixture)
{
  g_autoptr (GError) error = NULL;
  VmportManager *manager = vmport_client_get_manager_sync (fixture->client, "store", NULL, &error);

  g_assert_no_error (error);
  return manager;
}

static VmportJob *
start_export (Fixture *fixture, const char *directory, GError **error)
{
  g_autoptr (VmportManager) manager = get_store (fixture);
  g_autoptr (VmportVirtualMachine) machine
    = vmport_manager_find_virtual_machine_sync (manager, "web", NULL, error);

  g_assert_nonnull (machine);
  return vmport_manager_export_sync (manager, machine, directory, NULL, NULL, NULL, error);
}

static void
check_snapshots (GPtrArray *snapshots)
{
  VmportSnapshot *first, *second;
  g_autoptr (GVariant) all = NULL;

  g_assert_cmpuint (snapshots->len, ==, 2);
  first = snapshots->pdata[0];
  second = snapshots->pdata[1];
  g_assert_cmpstr (vmport_snapshot_get_name (first), ==, "first");
  g_assert_null (vmport_snapshot_get_parent_path (first));
  g_assert_cmpuint (vmport_snapshot_get_creation_time (first), ==, 1000 * G_USEC_PER_SEC);
  g_assert_cmpstr (vmport_snapshot_get_state (first), ==, "off");
  g_assert_false (vmport_snapshot_get_current (first));
  g_assert_cmpstr (vmport_snapshot_get_storage (first), ==, "internal");
  g_assert_cmpstr (vmport_snapshot_get_parent_path (second), ==,
                   vmport_snapshot_get_object_path (first));
  g_assert_true (vmport_snapshot_get_current (second));
  all = vmport_snapshot_to_variant (second);
  g_assert_true (g_variant_lookup (all, "Storage", "s", NULL));
}

static void
test_objects (Fixture *fixture, gconstpointer data)
{
  g_autoptr (VmportManager) manager = get_store (fixture);
  g_autoptr (VmportVirtualMachine) machine = NULL;
  g_autoptr (VmportVirtualMachine) again = NULL;
  g_autoptr (GPtrArray) managers = NULL;
  g_autoptr (GPtrArray) machines = NULL;
  g_autoptr (GPtrArray) snapshots = NULL;
  g_autoptr (GPtrArray) jobs = NULL;
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;

  g_assert_true (vmport_client_get_running (fixture->client));
  g_assert_cmpstr (vmport_client_get_daemon_version (fixture->client), ==, "0.1.0");
  g_assert_cmpstr (vmport_manager_get_id (manager), ==, "store");
  g_assert_true (vmport_manager_get_available (manager));

  vmport_client_list_managers (fixture->client, NULL, store_result, &result);
  await (result);
  managers = vmport_client_list_managers_finish (fixture->client, result, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (managers->len, ==, 1);

  g_clear_object (&result);
  vmport_manager_list_virtual_machines (manager, NULL, store_result, &result);
  await (result);
  machines = vmport_manager_list_virtual_machines_finish (manager, result, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (machines->len, ==, 1);
  g_assert_cmpuint (
    g_strv_length ((char **) vmport_virtual_machine_get_resource_paths (machines->pdata[0])), ==,
    2);
  /* An answer that takes no time keeps the usual limit, and asks nobody. */
  g_assert_cmpint (GPOINTER_TO_INT (g_hash_table_lookup (timeouts, "ListVirtualMachines")), ==,
                   -1);
  g_assert_cmpint (last_flags, ==, G_DBUS_CALL_FLAGS_NONE);

  machine = vmport_manager_find_virtual_machine_sync (manager, "web", NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (vmport_virtual_machine_get_name (machine), ==, "web");
  g_assert_cmpstr (vmport_virtual_machine_get_state (machine), ==, "off");
  g_assert_null (vmport_virtual_machine_get_active_job_path (machine));
  again = vmport_virtual_machine_refresh_sync (machine, NULL, &error);
  g_assert_no_error (error);
  g_assert_true (again != machine);

  /* One that is gone between reading the machine and reading it is left out. */
  g_assert_cmpuint (g_strv_length ((char **) vmport_virtual_machine_get_snapshot_paths (machine)),
                    ==, 3);
  snapshots = vmport_virtual_machine_list_snapshots_sync (machine, NULL, &error);
  g_assert_no_error (error);
  check_snapshots (snapshots);
  g_clear_pointer (&snapshots, g_ptr_array_unref);
  g_clear_object (&result);
  vmport_virtual_machine_list_snapshots (machine, NULL, store_result, &result);
  await (result);
  snapshots = vmport_virtual_machine_list_snapshots_finish (machine, result, &error);
  g_assert_no_error (error);
  check_snapshots (snapshots);

  /* A job that is forgotten between listing and reading is no error. */
  fake_daemon_add_job (fixture->fake, 1, 7, "");
  jobs = vmport_client_list_jobs_sync (fixture->client, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (jobs->len, ==, 1);
}

typedef struct
{
  const char *name;
  const char *domain;
  int code;
} ErrorRow;

static void
test_errors (Fixture *fixture, gconstpointer data)
{
  const ErrorRow rows[] = {
    { "org.vmport.Error.NotFound", "vmport-error-quark", VMPORT_ERROR_NOT_FOUND },
    { "org.vmport.Error.Ambiguous", "vmport-error-quark", VMPORT_ERROR_AMBIGUOUS },
    { "org.vmport.Error.Interrupted", "vmport-error-quark", VMPORT_ERROR_INTERRUPTED },
    { "org.vmport.Error.OfTheFuture", "vmport-error-quark", VMPORT_ERROR_FAILED },
    { "org.example.Error", "vmport-error-quark", VMPORT_ERROR_FAILED },
    { "org.freedesktop.DBus.Error.AccessDenied", "g-dbus-error-quark",
      G_DBUS_ERROR_ACCESS_DENIED },
    { "org.freedesktop.DBus.Error.InteractiveAuthorizationRequired", "g-dbus-error-quark",
      G_DBUS_ERROR_ACCESS_DENIED },
    { "org.freedesktop.DBus.Error.NoReply", "vmport-error-quark", VMPORT_ERROR_NOT_AVAILABLE },
    { "org.freedesktop.DBus.Error.ServiceUnknown", "vmport-error-quark",
      VMPORT_ERROR_NOT_AVAILABLE },
  };
  g_autoptr (VmportManager) manager = get_store (fixture);
  g_autoptr (VmportManager) none = NULL;
  g_autoptr (VmportVirtualMachine) lost = NULL;
  g_autoptr (VmportJob) job = NULL;
  g_autoptr (GError) error = NULL;

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autoptr (GError) local = NULL;
      g_autoptr (VmportVirtualMachine) machine
        = vmport_manager_find_virtual_machine_sync (manager, rows[i].name, NULL, &local);

      g_test_message ("%s: %s", rows[i].name, local->message);
      g_assert_null (machine);
      g_assert_cmpstr (g_quark_to_string (local->domain), ==, rows[i].domain);
      g_assert_cmpint (local->code, ==, rows[i].code);
      g_assert_null (strstr (local->message, "GDBus.Error"));
    }

  none = vmport_client_get_manager_sync (fixture->client, "no/such", NULL, &error);
  g_assert_null (none);
  g_assert_error (error, VMPORT_ERROR, VMPORT_ERROR_NOT_FOUND);
  g_assert_nonnull (strstr (error->message, "no/such"));
  g_clear_error (&error);

  job = vmport_client_get_job_sync (fixture->client, "/org/vmport/Job/77", NULL, &error);
  g_assert_null (job);
  g_assert_error (error, G_DBUS_ERROR, G_DBUS_ERROR_UNKNOWN_OBJECT);
  g_clear_error (&error);

  job = start_export (fixture, "/forbidden", &error);
  g_assert_null (job);
  g_assert_error (error, G_DBUS_ERROR, G_DBUS_ERROR_ACCESS_DENIED);
  g_assert_cmpstr (error->message, ==, "You may not export “web”");
}

static void
count_cb (VmportJob *job, VmportJobState state, const char *error_name, gpointer user_data)
{
  (*(guint *) user_data)++;
}

static void
progress_cb (VmportJob *job, guint percent, guint64 done, guint64 total, const char *phase,
             gpointer user_data)
{
  *(guint *) user_data = percent;
}

static void
test_job (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (VmportJob) job = start_export (fixture, "/backup/web", &error);
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GVariant) value = NULL;
  const char *path = NULL;
  guint finished = 0;
  guint percent = 0;

  g_assert_no_error (error);
  g_assert_false (vmport_job_get_ended (job));
  g_assert_cmpstr (vmport_job_get_operation (job), ==, "Export");
  g_signal_connect (job, "finished", G_CALLBACK (count_cb), &finished);
  g_signal_connect (job, "progress", G_CALLBACK (progress_cb), &percent);

  vmport_job_wait (job, NULL, store_result, &result);
  fake_daemon_await_wait (fixture->fake, 1);
  /* A copy may take hours: neither GDBus' 25 seconds nor any other limit. */
  g_assert_cmpint (GPOINTER_TO_INT (g_hash_table_lookup (timeouts, "Wait")), ==, G_MAXINT);
  g_assert_cmpint (last_flags, ==, G_DBUS_CALL_FLAGS_ALLOW_INTERACTIVE_AUTHORIZATION);

  fake_daemon_progress (fixture->fake, 1, 42, 420, 1000, "Copying");
  await (percent == 42);
  g_assert_cmpuint (vmport_job_get_percent (job), ==, 42);
  g_assert_cmpuint (vmport_job_get_bytes_done (job), ==, 420);
  g_assert_cmpuint (vmport_job_get_bytes_total (job), ==, 1000);
  g_assert_cmpstr (vmport_job_get_phase (job), ==, "Copying");

  fake_daemon_end_job (fixture->fake, 1, 7, "");
  await (result && finished);
  value = vmport_job_wait_finish (job, result, &error);
  g_assert_no_error (error);
  g_assert_true (g_variant_lookup (value, "ExportPath", "&s", &path));
  g_assert_cmpstr (path, ==, "/backup/web");
  g_assert_cmpuint (finished, ==, 1);
  g_assert_true (vmport_job_get_ended (job));
}

static void
test_job_that_failed (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (VmportJob) job = start_export (fixture, "/backup/web", &error);
  g_autoptr (GAsyncResult) result = NULL;

  vmport_client_set_interactive (fixture->client, FALSE);
  vmport_job_wait (job, NULL, store_result, &result);
  fake_daemon_await_wait (fixture->fake, 1);
  g_assert_cmpint (last_flags, ==, G_DBUS_CALL_FLAGS_NONE);
  /* Its own error, which is not a daemon that went away: nobody asks again. */
  fake_daemon_end_job (fixture->fake, 1, 10, "org.vmport.Error.NotAvailable");
  await (result);
  g_assert_null (vmport_job_wait_finish (job, result, &error));
  g_assert_error (error, VMPORT_ERROR, VMPORT_ERROR_NOT_AVAILABLE);
  g_assert_cmpstr (error->message, ==, "as scripted");
}

static void
test_job_that_ended_before (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (VmportJob) job = start_export (fixture, "/ended", &error);
  g_autoptr (VmportJob) same = NULL;
  g_autoptr (GVariant) value = NULL;
  g_autoptr (GVariant) second = NULL;
  g_autoptr (GAsyncResult) result = NULL;

  g_assert_no_error (error);
  g_assert_true (vmport_job_get_ended (job));
  value = vmport_job_wait_sync (job, NULL, &error);
  g_assert_no_error (error);
  g_assert_nonnull (value);

  same = vmport_client_get_job_sync (fixture->client, vmport_job_get_object_path (job), NULL,
                                     &error);
  g_assert_no_error (error);
  vmport_job_wait (same, NULL, store_result, &result);
  await (result);
  second = vmport_job_wait_finish (same, result, &error);
  g_assert_no_error (error);
  g_assert_cmpvariant (value, second);
}

static void
test_cancelled_waiting (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (VmportJob) job = start_export (fixture, "/backup/web", &error);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GAsyncResult) result = NULL;

  vmport_job_wait (job, cancellable, store_result, &result);
  fake_daemon_await_wait (fixture->fake, 1);
  g_cancellable_cancel (cancellable);
  await (result);
  g_assert_null (vmport_job_wait_finish (job, result, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_false (vmport_job_get_ended (job));
}

static void
restart (Fixture *fixture)
{
  g_clear_pointer (&fixture->fake, fake_daemon_free);
  fixture->fake = fake_daemon_new (g_test_dbus_get_bus_address (fixture->bus));
}

static void
test_restart (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (VmportManager) manager = get_store (fixture);
  g_autoptr (VmportJob) job = start_export (fixture, "/backup/web", &error);
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (VmportVirtualMachine) machine = NULL;
  guint finished = 0;

  g_signal_connect (job, "finished", G_CALLBACK (count_cb), &finished);
  vmport_job_wait (job, NULL, store_result, &result);
  fake_daemon_await_wait (fixture->fake, 1);

  restart (fixture);
  await (!vmport_client_get_running (fixture->client));
  machine = vmport_manager_find_virtual_machine_sync (manager, "web", NULL, &error);
  g_assert_null (machine);
  g_assert_error (error, VMPORT_ERROR, VMPORT_ERROR_NOT_AVAILABLE);
  g_clear_error (&error);

  /* It comes back and remembers the job as one that it lost. */
  fake_daemon_add_job (fixture->fake, 1, 10, "org.vmport.Error.Interrupted");
  fake_daemon_appear (fixture->fake);
  await (result && finished);
  g_assert_null (vmport_job_wait_finish (job, result, &error));
  g_assert_error (error, VMPORT_ERROR, VMPORT_ERROR_INTERRUPTED);
  g_clear_error (&error);
  g_assert_cmpuint (finished, ==, 1);
  g_assert_cmpint (vmport_job_get_state (job), ==, VMPORT_JOB_STATE_EXCEPTION);
  g_assert_true (vmport_client_get_running (fixture->client));

  /* The same objects work on. */
  machine = vmport_manager_find_virtual_machine_sync (manager, "web", NULL, &error);
  g_assert_no_error (error);
  g_assert_nonnull (machine);
}

static void
path_cb (VmportClient *client, const char *path, gpointer user_data)
{
  *(char **) user_data = g_strdup (path);
}

static void
test_managers (Fixture *fixture, gconstpointer data)
{
  const char *const two[] = { "/org/vmport/Manager/store", "/org/vmport/Manager/qemu", NULL };
  g_autofree char *added = NULL;
  g_autofree char *removed = NULL;

  g_signal_connect (fixture->client, "manager-added", G_CALLBACK (path_cb), &added);
  g_signal_connect (fixture->client, "manager-removed", G_CALLBACK (path_cb), &removed);
  fake_daemon_set_managers (fixture->fake, two);
  await (added);
  g_assert_cmpstr (added, ==, two[1]);
  g_assert_null (removed);
  fake_daemon_set_managers (fixture->fake, two + 1);
  await (removed);
  g_assert_cmpstr (removed, ==, two[0]);
}

static void
test_directory_fd (Fixture *fixture, gconstpointer data)
{
  g_autoptr (VmportManager) manager = get_store (fixture);
  g_autoptr (VmportVirtualMachine) machine = NULL;
  g_autoptr (VmportJob) job = NULL;
  g_autoptr (GUnixFDList) fds = g_unix_fd_list_new ();
  g_auto (GVariantDict) settings = G_VARIANT_DICT_INIT (NULL);
  g_autoptr (GError) error = NULL;
  struct stat st;
  int fd = open (g_get_tmp_dir (), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  int handle;

  g_assert_cmpint (fstat (fd, &st), ==, 0);
  handle = g_unix_fd_list_append (fds, fd, &error);
  g_assert_no_error (error);
  close (fd);
  g_variant_dict_insert (&settings, "DirectoryFd", "h", handle);
  machine = vmport_manager_find_virtual_machine_sync (manager, "web", NULL, &error);
  g_assert_no_error (error);
  job = vmport_manager_export_sync (manager, machine, "", g_variant_dict_end (&settings), fds,
                                    NULL, &error);
  g_assert_no_error (error);
  g_assert_nonnull (job);
  g_assert_cmpuint (fake_daemon_get_last_inode (fixture->fake), ==, st.st_ino);
}

static void
test_away (void)
{
  Fixture fixture = { 0 };
  g_autoptr (GError) error = NULL;

  timeouts = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  fixture.bus = g_test_dbus_new (G_TEST_DBUS_NONE);
  g_test_dbus_up (fixture.bus);
  fixture.client = connect_client (&fixture);
  g_assert_false (vmport_client_get_running (fixture.client));
  g_assert_null (vmport_client_list_jobs_sync (fixture.client, NULL, &error));
  g_assert_error (error, VMPORT_ERROR, VMPORT_ERROR_NOT_AVAILABLE);
  tear_down (&fixture, NULL);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(name, function) g_test_add (name, Fixture, NULL, set_up, function, tear_down)
  ADD ("/client/objects", test_objects);
  ADD ("/client/errors", test_errors);
  ADD ("/client/job", test_job);
  ADD ("/client/job-that-failed", test_job_that_failed);
  ADD ("/client/job-that-ended-before", test_job_that_ended_before);
  ADD ("/client/cancelled-waiting", test_cancelled_waiting);
  ADD ("/client/restart", test_restart);
  ADD ("/client/managers", test_managers);
  ADD ("/client/directory-fd", test_directory_fd);
  g_test_add_func ("/client/away", test_away);
  return g_test_run ();
}
