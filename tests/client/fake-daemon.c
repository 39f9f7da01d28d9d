/* A vmportd that does what a test tells it to, on a thread and a connection of its own. */
#include "config.h"

#include "fake-daemon.h"

#include <gio/gunixfdlist.h>
#include <sys/stat.h>
#include <unistd.h>

#define VM_UUID "6c5a2e4e-4f1c-4e0e-9d3a-0d6c1b6a7f10"
#define VM_PATH "/org/vmport/VirtualMachine/store/6c5a2e4e_4f1c_4e0e_9d3a_0d6c1b6a7f10"
#define MANAGER_PATH "/org/vmport/Manager/store"
#define SNAPSHOT_PATH "/org/vmport/Snapshot/store/6c5a2e4e_4f1c_4e0e_9d3a_0d6c1b6a7f10_"

typedef struct
{
  VmportDBusJob *skeleton;
  GPtrArray *waiting;
  char *error_name;
} FakeJob;

struct _FakeDaemon
{
  GThread *thread;
  GMainContext *context;
  GMainLoop *loop;
  char *address;
  GDBusConnection *connection;
  VmportDBusDaemon *daemon;
  VmportDBusManager *manager;
  VmportDBusVirtualMachine *machine;
  VmportDBusSnapshot *snapshots[2];
  /* Object path -> VmportDBusVirtualMachine, besides that one. */
  GHashTable *machines;
  GHashTable *jobs;
  guint last_job;
  guint64 last_inode;
  GVariant *last_settings;
  GVariant *import_settings;
  GVariant *findings;
  GMutex lock;
  GCond changed;
  gboolean ready;
};

static void
unexport (gpointer skeleton)
{
  g_dbus_interface_skeleton_unexport (G_DBUS_INTERFACE_SKELETON (skeleton));
  g_object_unref (skeleton);
}

static void
fake_job_free (FakeJob *job)
{
  g_dbus_interface_skeleton_unexport (G_DBUS_INTERFACE_SKELETON (job->skeleton));
  g_object_unref (job->skeleton);
  g_ptr_array_unref (job->waiting);
  g_free (job->error_name);
  g_free (job);
}

/* ---- on the daemon's thread ---- */

static gboolean
is_final (guint state)
{
  return state == 7 || state == 8 || state == 10 || state == 32768;
}

static GVariant *
make_result (void)
{
  return g_variant_new_parsed ("@a{sv} {'ExportPath': <'/backup/web'>, 'BytesCopied': <uint64 7>,"
                               " 'Files': <uint32 3>}");
}

static void
answer_wait (FakeJob *job, GDBusMethodInvocation *invocation)
{
  if (*job->error_name != '\0')
    g_dbus_method_invocation_return_dbus_error (invocation, job->error_name, "as scripted");
  else
    vmport_dbus_job_complete_wait (job->skeleton, invocation, make_result ());
}

static gboolean
wait_cb (VmportDBusJob *skeleton, GDBusMethodInvocation *invocation, GVariant *options,
         FakeDaemon *fake)
{
  FakeJob *job = g_object_get_data (G_OBJECT (skeleton), "job");

  if (is_final (vmport_dbus_job_get_job_state (skeleton)))
    {
      answer_wait (job, invocation);
      return TRUE;
    }
  g_mutex_lock (&fake->lock);
  g_ptr_array_add (job->waiting, invocation);
  g_cond_broadcast (&fake->changed);
  g_mutex_unlock (&fake->lock);
  return TRUE;
}

static void
end_job (FakeDaemon *fake, FakeJob *job, guint state, const char *error_name)
{
  g_free (job->error_name);
  job->error_name = g_strdup (error_name);
  vmport_dbus_job_set_job_state (job->skeleton, state);
  vmport_dbus_job_set_error_name (job->skeleton, error_name);
  g_dbus_interface_skeleton_flush (G_DBUS_INTERFACE_SKELETON (job->skeleton));
  vmport_dbus_job_emit_finished (job->skeleton, state, error_name);
  for (guint i = 0; i < job->waiting->len; i++)
    answer_wait (job, job->waiting->pdata[i]);
  g_ptr_array_set_size (job->waiting, 0);
}

static gboolean
cancel_cb (VmportDBusJob *skeleton, GDBusMethodInvocation *invocation, GVariant *options,
           FakeDaemon *fake)
{
  FakeJob *job = g_object_get_data (G_OBJECT (skeleton), "job");

  if (!is_final (vmport_dbus_job_get_job_state (skeleton)))
    end_job (fake, job, 8, "org.vmport.Error.Cancelled");
  vmport_dbus_job_complete_cancel (skeleton, invocation);
  return TRUE;
}

static gboolean
suspend_cb (VmportDBusJob *skeleton, GDBusMethodInvocation *invocation, GVariant *options,
            FakeDaemon *fake)
{
  vmport_dbus_job_set_job_state (skeleton, 5);
  vmport_dbus_job_complete_suspend (skeleton, invocation);
  return TRUE;
}

static gboolean
resume_cb (VmportDBusJob *skeleton, GDBusMethodInvocation *invocation, GVariant *options,
           FakeDaemon *fake)
{
  vmport_dbus_job_set_job_state (skeleton, 4);
  vmport_dbus_job_complete_resume (skeleton, invocation);
  return TRUE;
}

static gboolean
set_limit_cb (VmportDBusJob *skeleton, GDBusMethodInvocation *invocation, guint64 limit,
              GVariant *options, FakeDaemon *fake)
{
  vmport_dbus_job_set_bandwidth_limit (skeleton, limit);
  vmport_dbus_job_complete_set_bandwidth_limit (skeleton, invocation);
  return TRUE;
}

static FakeJob *
add_job (FakeDaemon *fake, guint number, guint state, const char *error_name)
{
  g_autofree char *path = g_strdup_printf ("/org/vmport/Job/%u", number);
  FakeJob *job = g_new0 (FakeJob, 1);

  job->skeleton = vmport_dbus_job_skeleton_new ();
  job->waiting = g_ptr_array_new ();
  job->error_name = g_strdup (error_name);
  g_object_set_data (G_OBJECT (job->skeleton), "job", job);
  vmport_dbus_job_set_manager (job->skeleton, MANAGER_PATH);
  vmport_dbus_job_set_operation (job->skeleton, "Export");
  vmport_dbus_job_set_job_state (job->skeleton, state);
  vmport_dbus_job_set_error_name (job->skeleton, error_name);
  vmport_dbus_job_set_phase (job->skeleton, is_final (state) ? "Done" : "Queued");
  g_signal_connect (job->skeleton, "handle-wait", G_CALLBACK (wait_cb), fake);
  g_signal_connect (job->skeleton, "handle-cancel", G_CALLBACK (cancel_cb), fake);
  g_signal_connect (job->skeleton, "handle-suspend", G_CALLBACK (suspend_cb), fake);
  g_signal_connect (job->skeleton, "handle-resume", G_CALLBACK (resume_cb), fake);
  g_signal_connect (job->skeleton, "handle-set-bandwidth-limit", G_CALLBACK (set_limit_cb), fake);
  g_assert_true (g_dbus_interface_skeleton_export (G_DBUS_INTERFACE_SKELETON (job->skeleton),
                                                   fake->connection, path, NULL));
  g_mutex_lock (&fake->lock);
  g_hash_table_insert (fake->jobs, GUINT_TO_POINTER (number), job);
  g_mutex_unlock (&fake->lock);
  fake->last_job = MAX (fake->last_job, number);
  return job;
}

/* What a call brought, for the test to look at. */
static void
remember (FakeDaemon *fake, GVariant *settings, GUnixFDList *fd_list)
{
  gint32 handle = -1;

  if (g_variant_lookup (settings, "DirectoryFd", "h", &handle))
    {
      struct stat st;
      int fd = g_unix_fd_list_get (fd_list, handle, NULL);

      g_assert_cmpint (fstat (fd, &st), ==, 0);
      close (fd);
      fake->last_inode = st.st_ino;
    }
  g_mutex_lock (&fake->lock);
  g_clear_pointer (&fake->last_settings, g_variant_unref);
  fake->last_settings = g_variant_ref (settings);
  g_mutex_unlock (&fake->lock);
}

static char *
new_job (FakeDaemon *fake, const char *directory)
{
  add_job (fake, fake->last_job + 1, g_str_equal (directory, "/ended") ? 7 : 4, "");
  return g_strdup_printf ("/org/vmport/Job/%u", fake->last_job);
}

static gboolean
export_cb (VmportDBusManager *manager, GDBusMethodInvocation *invocation, GUnixFDList *fd_list,
           const char *machine, const char *directory, GVariant *settings, FakeDaemon *fake)
{
  g_autofree char *path = NULL;

  if (g_str_equal (directory, "/forbidden"))
    {
      g_dbus_method_invocation_return_dbus_error (
        invocation, "org.freedesktop.DBus.Error.AccessDenied", "You may not export “web”");
      return TRUE;
    }
  remember (fake, settings, fd_list);
  path = new_job (fake, directory);
  vmport_dbus_manager_complete_export (manager, invocation, NULL, path);
  return TRUE;
}

static gboolean
find_cb (VmportDBusManager *manager, GDBusMethodInvocation *invocation, const char *name,
         GVariant *options, FakeDaemon *fake)
{
  /* A name with a dot is the error to answer with. */
  if (g_str_equal (name, "web"))
    vmport_dbus_manager_complete_find_virtual_machine (manager, invocation, VM_PATH);
  else if (g_str_equal (name, "lost"))
    vmport_dbus_manager_complete_find_virtual_machine (manager, invocation, VM_PATH "0");
  else
    g_dbus_method_invocation_return_dbus_error (invocation, name, "as scripted");
  return TRUE;
}

static gboolean
get_export_settings_cb (VmportDBusManager *manager, GDBusMethodInvocation *invocation,
                        const char *machine, GVariant *options, FakeDaemon *fake)
{
  vmport_dbus_manager_complete_get_export_settings (
    manager, invocation,
    g_variant_new_parsed ("{'CopyVmStorage': <true>, 'ExcludedVirtualHardDisks': <@as []>}"));
  return TRUE;
}

static gboolean
check_export_cb (VmportDBusManager *manager, GDBusMethodInvocation *invocation,
                 GUnixFDList *fd_list, const char *machine, const char *directory,
                 GVariant *settings, FakeDaemon *fake)
{
  remember (fake, settings, fd_list);
  vmport_dbus_manager_complete_check_export (manager, invocation, NULL, fake->findings);
  return TRUE;
}

static gboolean
get_import_settings_cb (VmportDBusManager *manager, GDBusMethodInvocation *invocation,
                        GUnixFDList *fd_list, const char *directory, GVariant *options,
                        FakeDaemon *fake)
{
  remember (fake, options, fd_list);
  vmport_dbus_manager_complete_get_import_settings (manager, invocation, NULL,
                                                    fake->import_settings);
  return TRUE;
}

static gboolean
check_import_cb (VmportDBusManager *manager, GDBusMethodInvocation *invocation,
                 GUnixFDList *fd_list, const char *directory, GVariant *settings,
                 FakeDaemon *fake)
{
  remember (fake, settings, fd_list);
  vmport_dbus_manager_complete_check_import (manager, invocation, NULL, fake->findings);
  return TRUE;
}

static gboolean
import_cb (VmportDBusManager *manager, GDBusMethodInvocation *invocation, GUnixFDList *fd_list,
           const char *directory, GVariant *settings, FakeDaemon *fake)
{
  g_autofree char *path = new_job (fake, directory);

  remember (fake, settings, fd_list);
  vmport_dbus_manager_complete_import (manager, invocation, NULL, path);
  return TRUE;
}

static gboolean
verify_cb (VmportDBusManager *manager, GDBusMethodInvocation *invocation, GUnixFDList *fd_list,
           const char *directory, GVariant *options, FakeDaemon *fake)
{
  g_autofree char *path = new_job (fake, directory);

  remember (fake, options, fd_list);
  vmport_dbus_manager_complete_verify (manager, invocation, NULL, path);
  return TRUE;
}

static gboolean
list_scopes_cb (VmportDBusManager *manager, GDBusMethodInvocation *invocation, GVariant *options,
                FakeDaemon *fake)
{
  vmport_dbus_manager_complete_list_security_scopes (manager, invocation,
                                                     (const char *const[]){ "red", "blue", NULL });
  return TRUE;
}

static gboolean
set_scope_cb (VmportDBusVirtualMachine *machine, GDBusMethodInvocation *invocation,
              const char *scope, GVariant *options, FakeDaemon *fake)
{
  vmport_dbus_virtual_machine_set_security_scope (machine, scope);
  vmport_dbus_virtual_machine_complete_set_security_scope (machine, invocation);
  return TRUE;
}

static gboolean
list_cb (VmportDBusManager *manager, GDBusMethodInvocation *invocation, GVariant *options,
         FakeDaemon *fake)
{
  g_auto (GVariantBuilder) builder = G_VARIANT_BUILDER_INIT (G_VARIANT_TYPE ("a{oa{sv}}"));
  GHashTableIter iter;
  gpointer path;
  gpointer machine;

  g_variant_builder_add (
    &builder, "{o@a{sv}}", VM_PATH,
    g_variant_new_parsed ("{'Name': <'web'>, 'State': <'off'>, 'Manager': <%o>,"
                          " 'ResourcePaths': <['/a.qcow2', '/b.qcow2']>}",
                          MANAGER_PATH));
  g_hash_table_iter_init (&iter, fake->machines);
  while (g_hash_table_iter_next (&iter, &path, &machine))
    {
      g_autoptr (GVariant) properties = g_variant_take_ref (
        g_dbus_interface_skeleton_get_properties (G_DBUS_INTERFACE_SKELETON (machine)));

      g_variant_builder_add (&builder, "{o@a{sv}}", (const char *) path, properties);
    }
  vmport_dbus_manager_complete_list_virtual_machines (manager, invocation,
                                                      g_variant_builder_end (&builder));
  return TRUE;
}

static gboolean
list_jobs_cb (VmportDBusDaemon *daemon, GDBusMethodInvocation *invocation, GVariant *options,
              FakeDaemon *fake)
{
  g_autoptr (GPtrArray) paths = g_ptr_array_new_with_free_func (g_free);

  for (guint i = 1; i <= fake->last_job; i++)
    g_ptr_array_add (paths, g_strdup_printf ("/org/vmport/Job/%u", i));
  /* One that was forgotten in this very moment. */
  g_ptr_array_add (paths, g_strdup ("/org/vmport/Job/999"));
  g_ptr_array_add (paths, NULL);
  vmport_dbus_daemon_complete_list_jobs (daemon, invocation, (const char *const *) paths->pdata);
  return TRUE;
}

static void
export_object (FakeDaemon *fake, gpointer skeleton, const char *path)
{
  g_assert_true (g_dbus_interface_skeleton_export (skeleton, fake->connection, path, NULL));
}

static gpointer
thread_main (gpointer user_data)
{
  FakeDaemon *fake = user_data;
  const char *const managers[] = { MANAGER_PATH, NULL };
  const char *const paths[] = { "/disk.qcow2", NULL };
  /* The one in the middle is not there. */
  const char *const snapshots[]
    = { SNAPSHOT_PATH "first", SNAPSHOT_PATH "gone", SNAPSHOT_PATH "on_20top", NULL };
  g_autoptr (GVariant) reply = NULL;
  g_autoptr (GError) error = NULL;

  g_main_context_push_thread_default (fake->context);
  fake->connection = g_dbus_connection_new_for_address_sync (
    fake->address,
    G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT | G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION,
    NULL, NULL, &error);
  g_assert_no_error (error);
  fake->daemon = vmport_dbus_daemon_skeleton_new ();
  vmport_dbus_daemon_set_version (fake->daemon, "0.1.0");
  vmport_dbus_daemon_set_managers (fake->daemon, managers);
  g_signal_connect (fake->daemon, "handle-list-jobs", G_CALLBACK (list_jobs_cb), fake);
  export_object (fake, fake->daemon, "/org/vmport");
  fake->manager = vmport_dbus_manager_skeleton_new ();
  vmport_dbus_manager_set_id (fake->manager, "store");
  vmport_dbus_manager_set_available (fake->manager, TRUE);
  g_signal_connect (fake->manager, "handle-export", G_CALLBACK (export_cb), fake);
  g_signal_connect (fake->manager, "handle-find-virtual-machine", G_CALLBACK (find_cb), fake);
  g_signal_connect (fake->manager, "handle-get-export-settings",
                    G_CALLBACK (get_export_settings_cb), fake);
  g_signal_connect (fake->manager, "handle-list-virtual-machines", G_CALLBACK (list_cb), fake);
  g_signal_connect (fake->manager, "handle-check-export", G_CALLBACK (check_export_cb), fake);
  g_signal_connect (fake->manager, "handle-get-import-settings",
                    G_CALLBACK (get_import_settings_cb), fake);
  g_signal_connect (fake->manager, "handle-check-import", G_CALLBACK (check_import_cb), fake);
  g_signal_connect (fake->manager, "handle-import", G_CALLBACK (import_cb), fake);
  g_signal_connect (fake->manager, "handle-verify", G_CALLBACK (verify_cb), fake);
  g_signal_connect (fake->manager, "handle-list-security-scopes", G_CALLBACK (list_scopes_cb),
                    fake);
  export_object (fake, fake->manager, MANAGER_PATH);
  fake->machine = vmport_dbus_virtual_machine_skeleton_new ();
  vmport_dbus_virtual_machine_set_manager (fake->machine, MANAGER_PATH);
  vmport_dbus_virtual_machine_set_uuid (fake->machine, VM_UUID);
  vmport_dbus_virtual_machine_set_name (fake->machine, "web");
  vmport_dbus_virtual_machine_set_state (fake->machine, "off");
  vmport_dbus_virtual_machine_set_resource_paths (fake->machine, paths);
  vmport_dbus_virtual_machine_set_active_job (fake->machine, "/");
  g_signal_connect (fake->machine, "handle-set-security-scope", G_CALLBACK (set_scope_cb), fake);
  vmport_dbus_virtual_machine_set_snapshots (fake->machine, snapshots);
  export_object (fake, fake->machine, VM_PATH);
  for (gsize i = 0; i < G_N_ELEMENTS (fake->snapshots); i++)
    {
      VmportDBusSnapshot *snapshot = vmport_dbus_snapshot_skeleton_new ();

      fake->snapshots[i] = snapshot;
      vmport_dbus_snapshot_set_name (snapshot, i == 0 ? "first" : "on top");
      vmport_dbus_snapshot_set_parent (snapshot, i == 0 ? "/" : snapshots[0]);
      vmport_dbus_snapshot_set_creation_time (snapshot, (1000 + i) * G_USEC_PER_SEC);
      vmport_dbus_snapshot_set_state (snapshot, i == 0 ? "off" : "running");
      vmport_dbus_snapshot_set_current (snapshot, i == 1);
      vmport_dbus_snapshot_set_storage (snapshot, i == 0 ? "internal" : "external");
      export_object (fake, snapshot, snapshots[2 * i]);
    }

  g_mutex_lock (&fake->lock);
  fake->ready = TRUE;
  g_cond_broadcast (&fake->changed);
  g_mutex_unlock (&fake->lock);
  g_main_loop_run (fake->loop);

  g_hash_table_remove_all (fake->jobs);
  g_hash_table_remove_all (fake->machines);
  g_dbus_connection_close_sync (fake->connection, NULL, NULL);
  g_clear_object (&fake->machine);
  for (gsize i = 0; i < G_N_ELEMENTS (fake->snapshots); i++)
    g_clear_object (&fake->snapshots[i]);
  g_clear_object (&fake->manager);
  g_clear_object (&fake->daemon);
  g_clear_object (&fake->connection);
  g_main_context_pop_thread_default (fake->context);
  return NULL;
}

/* ---- on the test's thread ---- */

typedef struct
{
  FakeDaemon *fake;
  guint number;
  guint state;
  guint percent;
  guint64 done;
  guint64 total;
  const char *text;
  const char *path;
  GVariant *value;
  const char *const *paths;
  void (*run) (FakeDaemon *fake, gpointer order);
  gboolean over;
} Order;

static gboolean
order_cb (gpointer user_data)
{
  Order *order = user_data;

  order->run (order->fake, order);
  g_mutex_lock (&order->fake->lock);
  order->over = TRUE;
  g_cond_broadcast (&order->fake->changed);
  g_mutex_unlock (&order->fake->lock);
  return G_SOURCE_REMOVE;
}

static void
obey (FakeDaemon *fake, Order *order)
{
  order->fake = fake;
  g_main_context_invoke (fake->context, order_cb, order);
  g_mutex_lock (&fake->lock);
  while (!order->over)
    g_cond_wait (&fake->changed, &fake->lock);
  g_mutex_unlock (&fake->lock);
}

static void
own_name (FakeDaemon *fake, gpointer order)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply = g_dbus_connection_call_sync (
    fake->connection, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
    "RequestName", g_variant_new ("(su)", "org.vmport", 4), NULL, 0, -1, NULL, &error);

  g_assert_no_error (error);
}

/* Starts without its name, so that a test can prepare what a client must find. */
FakeDaemon *
fake_daemon_new (const char *address)
{
  FakeDaemon *fake = g_new0 (FakeDaemon, 1);

  fake->address = g_strdup (address);
  fake->context = g_main_context_new ();
  fake->loop = g_main_loop_new (fake->context, FALSE);
  fake->jobs = g_hash_table_new_full (NULL, NULL, NULL, (GDestroyNotify) fake_job_free);
  fake->machines
    = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, (GDestroyNotify) unexport);
  fake->import_settings = g_variant_ref_sink (g_variant_new_parsed ("@a{sv} {}"));
  fake->findings = g_variant_ref_sink (g_variant_new_parsed ("@aa{sv} []"));
  g_mutex_init (&fake->lock);
  g_cond_init (&fake->changed);
  fake->thread = g_thread_new ("fake-daemon", thread_main, fake);
  g_mutex_lock (&fake->lock);
  while (!fake->ready)
    g_cond_wait (&fake->changed, &fake->lock);
  g_mutex_unlock (&fake->lock);
  return fake;
}

void
fake_daemon_appear (FakeDaemon *fake)
{
  obey (fake, &(Order){ .run = own_name });
}

static void
quit (FakeDaemon *fake, gpointer order)
{
  g_main_loop_quit (fake->loop);
}

void
fake_daemon_free (FakeDaemon *fake)
{
  obey (fake, &(Order){ .run = quit });
  g_thread_join (fake->thread);
  g_hash_table_unref (fake->jobs);
  g_hash_table_unref (fake->machines);
  g_variant_unref (fake->import_settings);
  g_variant_unref (fake->findings);
  g_main_loop_unref (fake->loop);
  g_main_context_unref (fake->context);
  g_free (fake->address);
  g_clear_pointer (&fake->last_settings, g_variant_unref);
  g_mutex_clear (&fake->lock);
  g_cond_clear (&fake->changed);
  g_free (fake);
}

static FakeJob *
get_job (FakeDaemon *fake, guint number)
{
  FakeJob *job = g_hash_table_lookup (fake->jobs, GUINT_TO_POINTER (number));

  g_assert_nonnull (job);
  return job;
}

static void
run_add_job (FakeDaemon *fake, gpointer data)
{
  Order *order = data;

  add_job (fake, order->number, order->state, order->text);
}

void
fake_daemon_add_job (FakeDaemon *fake, guint number, guint state, const char *error_name)
{
  obey (fake, &(Order){
                .run = run_add_job, .number = number, .state = state, .text = error_name });
}

static void
run_progress (FakeDaemon *fake, gpointer data)
{
  Order *order = data;
  FakeJob *job = get_job (fake, order->number);

  vmport_dbus_job_set_percent_complete (job->skeleton, order->percent);
  vmport_dbus_job_set_bytes_done (job->skeleton, order->done);
  vmport_dbus_job_set_bytes_total (job->skeleton, order->total);
  vmport_dbus_job_set_phase (job->skeleton, order->text);
  g_dbus_interface_skeleton_flush (G_DBUS_INTERFACE_SKELETON (job->skeleton));
  vmport_dbus_job_emit_progress (job->skeleton, order->percent, order->done, order->total,
                                 order->text);
}

void
fake_daemon_progress (FakeDaemon *fake, guint number, guint percent, guint64 done, guint64 total,
                      const char *phase)
{
  obey (fake, &(Order){ .run = run_progress,
                        .number = number,
                        .percent = percent,
                        .done = done,
                        .total = total,
                        .text = phase });
}

static void
run_end (FakeDaemon *fake, gpointer data)
{
  Order *order = data;

  end_job (fake, get_job (fake, order->number), order->state, order->text);
}

void
fake_daemon_end_job (FakeDaemon *fake, guint number, guint state, const char *error_name)
{
  obey (fake,
        &(Order){ .run = run_end, .number = number, .state = state, .text = error_name });
}

void
fake_daemon_await_wait (FakeDaemon *fake, guint number)
{
  FakeJob *job;

  g_mutex_lock (&fake->lock);
  while ((job = g_hash_table_lookup (fake->jobs, GUINT_TO_POINTER (number))) == NULL
         || job->waiting->len == 0)
    g_cond_wait (&fake->changed, &fake->lock);
  g_mutex_unlock (&fake->lock);
}

static void
run_set_managers (FakeDaemon *fake, gpointer data)
{
  Order *order = data;

  vmport_dbus_daemon_set_managers (fake->daemon, order->paths);
  g_dbus_interface_skeleton_flush (G_DBUS_INTERFACE_SKELETON (fake->daemon));
}

void
fake_daemon_set_managers (FakeDaemon *fake, const char *const *paths)
{
  obey (fake, &(Order){ .run = run_set_managers, .paths = paths });
}

guint64
fake_daemon_get_last_inode (FakeDaemon *fake)
{
  return fake->last_inode;
}

/* What the last export was called with, an a{sv}. */
GVariant *
fake_daemon_dup_last_settings (FakeDaemon *fake)
{
  GVariant *settings;

  g_mutex_lock (&fake->lock);
  settings = g_variant_ref (fake->last_settings);
  g_mutex_unlock (&fake->lock);
  return settings;
}

static void
run_set_import_settings (FakeDaemon *fake, gpointer data)
{
  Order *order = data;

  g_variant_unref (fake->import_settings);
  fake->import_settings = g_variant_ref_sink (order->value);
}

/* What GetImportSettings answers with. */
void
fake_daemon_set_import_settings (FakeDaemon *fake, GVariant *settings)
{
  obey (fake, &(Order){ .run = run_set_import_settings, .value = settings });
}

static void
run_set_findings (FakeDaemon *fake, gpointer data)
{
  Order *order = data;

  g_variant_unref (fake->findings);
  fake->findings = g_variant_ref_sink (order->value);
}

/* What checks answer with. */
void
fake_daemon_set_findings (FakeDaemon *fake, GVariant *findings)
{
  obey (fake, &(Order){ .run = run_set_findings, .value = findings });
}

static void
run_put_machine (FakeDaemon *fake, gpointer data)
{
  Order *order = data;
  VmportDBusVirtualMachine *machine = g_hash_table_lookup (fake->machines, order->path);

  if (machine != NULL)
    {
      vmport_dbus_virtual_machine_set_name (machine, order->text);
      g_dbus_interface_skeleton_flush (G_DBUS_INTERFACE_SKELETON (machine));
      return;
    }
  machine = vmport_dbus_virtual_machine_skeleton_new ();
  vmport_dbus_virtual_machine_set_manager (machine, MANAGER_PATH);
  vmport_dbus_virtual_machine_set_uuid (machine, strrchr (order->path, '/') + 1);
  vmport_dbus_virtual_machine_set_name (machine, order->text);
  export_object (fake, machine, order->path);
  g_hash_table_insert (fake->machines, g_strdup (order->path), machine);
  vmport_dbus_manager_emit_virtual_machine_added (fake->manager, order->path);
}

/* Adds a virtual machine, or changes its name. */
void
fake_daemon_put_machine (FakeDaemon *fake, const char *path, const char *name)
{
  obey (fake, &(Order){ .run = run_put_machine, .path = path, .text = name });
}

static void
run_announce_machine (FakeDaemon *fake, gpointer data)
{
  Order *order = data;

  vmport_dbus_manager_emit_virtual_machine_added (fake->manager, order->path);
}

/* Announces one that the caller may not view. */
void
fake_daemon_announce_machine (FakeDaemon *fake, const char *path)
{
  obey (fake, &(Order){ .run = run_announce_machine, .path = path });
}

static void
run_remove_machine (FakeDaemon *fake, gpointer data)
{
  Order *order = data;

  g_assert_true (g_hash_table_remove (fake->machines, order->path));
  vmport_dbus_manager_emit_virtual_machine_removed (fake->manager, order->path);
}

void
fake_daemon_remove_machine (FakeDaemon *fake, const char *path)
{
  obey (fake, &(Order){ .run = run_remove_machine, .path = path });
}
