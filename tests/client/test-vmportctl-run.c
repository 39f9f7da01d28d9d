/* The program vmportctl against a scripted daemon: output, signals and exit statuses. */
#include "config.h"

#include <gio/gio.h>
#include <signal.h>

#include "fake-daemon.h"

#define OK 0
#define FAILED 1
#define USAGE 2
#define NOT_FOUND 3
#define DENIED 4
#define CANCELLED 5
#define DETACHED 6

typedef struct
{
  GTestDBus *bus;
  FakeDaemon *fake;
} Fixture;

static void
set_up (Fixture *fixture, gconstpointer data)
{
  fixture->bus = g_test_dbus_new (G_TEST_DBUS_NONE);
  g_test_dbus_up (fixture->bus);
  fixture->fake = fake_daemon_new (g_test_dbus_get_bus_address (fixture->bus));
  fake_daemon_appear (fixture->fake);
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  g_clear_pointer (&fixture->fake, fake_daemon_free);
  g_test_dbus_down (fixture->bus);
  g_clear_object (&fixture->bus);
}

static GSubprocess *
start (Fixture *fixture, const char *line)
{
  g_autoptr (GSubprocessLauncher) launcher = g_subprocess_launcher_new (
    G_SUBPROCESS_FLAGS_STDOUT_PIPE | G_SUBPROCESS_FLAGS_STDERR_PIPE);
  g_autofree char *full = g_strdup_printf ("%s --session %s", g_getenv ("VMPORTCTL"), line);
  g_auto (GStrv) argv = NULL;
  g_autoptr (GError) error = NULL;
  GSubprocess *process;

  g_test_message ("%s", full);
  g_subprocess_launcher_setenv (launcher, "DBUS_SESSION_BUS_ADDRESS",
                                g_test_dbus_get_bus_address (fixture->bus), TRUE);
  g_subprocess_launcher_setenv (launcher, "LC_ALL", "C.UTF-8", TRUE);
  g_assert_true (g_shell_parse_argv (full, NULL, &argv, &error));
  process = g_subprocess_launcher_spawnv (launcher, (const char *const *) argv, &error);
  g_assert_no_error (error);
  return process;
}

static void
finish (GSubprocess *process, int status, const char *in_output, const char *in_errors)
{
  g_autofree char *output = NULL;
  g_autofree char *errors = NULL;
  g_autoptr (GError) error = NULL;

  g_subprocess_communicate_utf8 (process, NULL, NULL, &output, &errors, &error);
  g_assert_no_error (error);
  g_test_message ("stdout: %s", output);
  g_test_message ("stderr: %s", errors);
  g_assert_true (g_subprocess_get_if_exited (process));
  g_assert_cmpint (g_subprocess_get_exit_status (process), ==, status);
  if (in_output != NULL)
    g_assert_nonnull (strstr (output, in_output));
  else
    g_assert_cmpstr (output, ==, "");
  if (in_errors != NULL)
    g_assert_nonnull (strstr (errors, in_errors));
  else
    g_assert_cmpstr (errors, ==, "");
}

static void
check (Fixture *fixture, const char *line, int status, const char *in_output,
       const char *in_errors)
{
  g_autoptr (GSubprocess) process = start (fixture, line);

  finish (process, status, in_output, in_errors);
}

static void
test_data (Fixture *fixture, gconstpointer data)
{
  check (fixture, "list", OK, "web", NULL);
  check (fixture, "list --all", OK, "store", NULL);
  check (fixture, "--json list", OK, "\"Name\" : \"web\"", NULL);
  check (fixture, "show web", OK, "State: off", NULL);
  check (fixture, "show web --json", OK, "\"/disk.qcow2\"", NULL);
  check (fixture, "snapshots web", OK, "\n  on top", NULL);
  check (fixture, "snapshots web --json", OK, "\"Storage\" : \"external\"", NULL);
  check (fixture, "settings web", OK, "CopyVmStorage=true", NULL);
  fake_daemon_add_job (fixture->fake, 5, 10, "org.vmport.Error.NoSpace");
  check (fixture, "jobs", OK, "org.vmport.Error.NoSpace", NULL);
  check (fixture, "jobs --json", OK, "\"JobState\" : 10", NULL);
}

static void
test_statuses (Fixture *fixture, gconstpointer data)
{
  check (fixture, "", USAGE, NULL, "Usage:");
  check (fixture, "frobnicate", USAGE, NULL, "frobnicate");
  check (fixture, "show", USAGE, NULL, "show VM");
  check (fixture, "snapshots", USAGE, NULL, "snapshots VM");
  check (fixture, "show web --nonsense", USAGE, NULL, "--nonsense");
  check (fixture, "--manager=none list", NOT_FOUND, NULL, "none");
  check (fixture, "show org.vmport.Error.NotFound", NOT_FOUND, NULL, "as scripted");
  check (fixture, "show org.vmport.Error.Failed", FAILED, NULL, "as scripted");
  check (fixture, "watch 77", NOT_FOUND, NULL, "/org/vmport/Job/77");
  check (fixture, "watch elsewhere", NOT_FOUND, NULL, "elsewhere");
  check (fixture, "export web /forbidden", DENIED, NULL, "You may not export");
  check (fixture, "export web /ended --set Nonsense=1", USAGE, NULL, "Nonsense");
  check (fixture, "export web /ended --set CopyVmStorage=maybe", USAGE, NULL, "maybe");
}

static void
test_export (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GVariant) settings = NULL;
  g_autoptr (GSubprocess) process = NULL;
  gboolean value = TRUE;

  check (fixture, "export web /ended --set CopyVmStorage=no -s", OK, "/backup/web\n", NULL);
  settings = fake_daemon_dup_last_settings (fixture->fake);
  /* Only what was asked for travels. */
  g_assert_cmpuint (g_variant_n_children (settings), ==, 2);
  g_assert_true (g_variant_lookup (settings, "CopyVmStorage", "b", &value));
  g_assert_false (value);
  g_assert_true (g_variant_lookup (settings, "CreateVmExportSubdirectory", "b", &value));
  g_assert_true (value);

  check (fixture, "export web /ended --no-wait", OK, "/org/vmport/Job/2\n", NULL);
  check (fixture, "watch 2 --json", OK, "\"BytesCopied\" : 7", NULL);

  process = start (fixture, "export web /backup/web");
  fake_daemon_await_wait (fixture->fake, 3);
  fake_daemon_progress (fixture->fake, 3, 50, 512, 1024, "Copying");
  fake_daemon_end_job (fixture->fake, 3, 10, "org.vmport.Error.NoSpace");
  finish (process, FAILED, NULL, "as scripted");
}

#define FINDINGS                                                                                  \
  "[{'Code': <'PackageSize'>, 'Severity': <'info'>, 'Message': <'7 bytes'>, 'Setting': <''>,"     \
  "  'Index': <-1>, 'Resolution': <@a{sv} {}>, 'Bytes': <uint64 7>},"                             \
  " {'Code': <'NameInUse'>, 'Severity': <'error'>, 'Message': <'The name is taken'>,"             \
  "  'Setting': <'Name'>, 'Index': <-1>, 'Resolution': <{'Name': <'web 2'>}>},"                   \
  " {'Code': <'SourceMissing'>, 'Severity': <'error'>, 'Message': <'No disk'>,"                   \
  "  'Setting': <'SourceResourcePaths'>, 'Index': <1>,"                                           \
  "  'Resolution': <{'SourceResourcePaths': <['/p/a', '/q/b']>}>}]"

static void
test_check (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GVariant) settings = NULL;
  g_autofree const char **paths = NULL;

  fake_daemon_set_import_settings (
    fixture->fake,
    g_variant_new_parsed ("{'Name': <'web'>, 'SourceResourcePaths': <['/p/a', '']>,"
                          " 'TargetResourcePaths': <['', '']>}"));
  check (fixture, "check /p", OK, "Nothing stands in its way.", NULL);

  fake_daemon_set_findings (fixture->fake, g_variant_new_parsed (FINDINGS));
  check (fixture, "check /p --target-resource-path=1=/t/b", FAILED,
         "SEVERITY  CODE           SETTING                 MESSAGE\n"
         "error     NameInUse      Name                    The name is taken\n"
         "error     SourceMissing  SourceResourcePaths[1]  No disk\n"
         "info      PackageSize    -                       7 bytes\n"
         "\n"
         "This command line mends it:\n"
         "  vmportctl --session import '--name=web 2' --source-resource-path=1=/q/b"
         " --target-resource-path=1=/t/b /p\n",
         NULL);
  settings = fake_daemon_dup_last_settings (fixture->fake);
  g_assert_cmpuint (g_variant_n_children (settings), ==, 1);
  g_assert_true (g_variant_lookup (settings, "TargetResourcePaths", "^a&s", &paths));
  g_assert_cmpstr (paths[0], ==, "");
  g_assert_cmpstr (paths[1], ==, "/t/b");

  check (fixture, "check /p --json", FAILED, "\"Code\" : \"NameInUse\"", NULL);
  check (fixture, "check /p --json", FAILED, "\"Command\" : \"vmportctl ", NULL);
  check (fixture, "check /p --target-resource-path=2=/t/b", USAGE, NULL, "position 2");
  check (fixture, "check --export web", USAGE, NULL, "--export VM DIRECTORY");

  fake_daemon_set_findings (
    fixture->fake,
    g_variant_new_parsed ("[{'Code': <'DiskLeftBehind'>, 'Severity': <'warning'>,"
                          " 'Message': <'vdb'>, 'Setting': <'ExcludedVirtualHardDisks'>}]"));
  check (fixture, "check --export web /p --excluded-virtual-hard-disk=vdb", OK,
         "DiskLeftBehind  ExcludedVirtualHardDisks  vdb\nNothing stands", NULL);
  fake_daemon_set_findings (
    fixture->fake,
    g_variant_new_parsed ("[{'Code': <'X'>, 'Severity': <'error'>, 'Message': <'m'>},"
                          " {'Code': <'Y'>, 'Severity': <'error'>, 'Message': <'n'>,"
                          "  'Resolution': <{'CopyVmStorage': <false>}>}]"));
  check (fixture, "check --export web /p --copy-snapshot-configuration=none", FAILED,
         "mended by settings:\n  vmportctl --session export --copy-vm-storage=no "
         "--copy-snapshot-configuration=none web /p\n",
         NULL);
}

static void
test_control (Fixture *fixture, gconstpointer data)
{
  fake_daemon_add_job (fixture->fake, 5, 4, "");
  check (fixture, "suspend 5", OK, NULL, NULL);
  check (fixture, "jobs", OK, "suspended", NULL);
  check (fixture, "resume 5", OK, NULL, NULL);
  check (fixture, "jobs", OK, "running", NULL);
  check (fixture, "limit 5 10M", OK, NULL, NULL);
  check (fixture, "limit 5", OK, "10485760\n", NULL);
  check (fixture, "limit 5 0", OK, NULL, NULL);
  check (fixture, "limit 5 --json", OK, "\"BandwidthLimit\" : 0", NULL);
  check (fixture, "limit 5 fast", USAGE, NULL, "fast");
  check (fixture, "suspend 77", NOT_FOUND, NULL, "/org/vmport/Job/77");

  check (fixture, "scope", OK, "red\nblue\n", NULL);
  check (fixture, "scope web", OK, "\n", NULL);
  check (fixture, "scope web red", OK, NULL, NULL);
  check (fixture, "scope web --json", OK, "\"SecurityScope\" : \"red\"", NULL);
  check (fixture, "scope web ''", OK, NULL, NULL);
  check (fixture, "scope org.vmport.Error.NotFound red", NOT_FOUND, NULL, "as scripted");

  check (fixture, "verify /ended --bandwidth-limit=1k --json", OK, "\"Files\" : 3", NULL);
  check (fixture, "verify /ended --no-wait", OK, "/org/vmport/Job/7\n", NULL);
}

static void
test_interrupt (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GSubprocess) once = start (fixture, "export web /backup/web");
  g_autoptr (GSubprocess) watching = NULL;
  g_autoptr (GSubprocess) leaving = NULL;

  fake_daemon_await_wait (fixture->fake, 1);
  g_subprocess_send_signal (once, SIGINT);
  finish (once, DETACHED, NULL, "vmportctl --session watch 1");

  watching = start (fixture, "export web /backup/web2");
  fake_daemon_await_wait (fixture->fake, 2);
  check (fixture, "cancel 2", OK, NULL, NULL);
  finish (watching, CANCELLED, NULL, "as scripted");

  leaving = start (fixture, "export web /backup/web3");
  fake_daemon_await_wait (fixture->fake, 3);
  g_subprocess_send_signal (leaving, SIGTERM);
  finish (leaving, DETACHED, NULL, "Queued");
}

static void
test_interrupt_twice (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GSubprocess) process = start (fixture, "export web /backup/web");
  g_autoptr (GError) error = NULL;
  GInputStream *errors = g_subprocess_get_stderr_pipe (process);
  g_autoptr (GDataInputStream) lines = g_data_input_stream_new (errors);
  gboolean told = FALSE;

  fake_daemon_await_wait (fixture->fake, 1);
  g_subprocess_send_signal (process, SIGINT);
  /* Two signals that are pending together would be one. */
  while (!told)
    {
      g_autofree char *line = g_data_input_stream_read_line (lines, NULL, NULL, &error);

      g_assert_no_error (error);
      g_assert_nonnull (line);
      told = strstr (line, "cancel 1") != NULL;
    }
  g_subprocess_send_signal (process, SIGINT);
  g_assert_true (g_subprocess_wait (process, NULL, &error));
  g_assert_no_error (error);
  g_assert_cmpint (g_subprocess_get_exit_status (process), ==, CANCELLED);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_assert_nonnull (g_getenv ("VMPORTCTL"));
#define ADD(name, function) g_test_add (name, Fixture, NULL, set_up, function, tear_down)
  ADD ("/vmportctl-run/data", test_data);
  ADD ("/vmportctl-run/statuses", test_statuses);
  ADD ("/vmportctl-run/export", test_export);
  ADD ("/vmportctl-run/check", test_check);
  ADD ("/vmportctl-run/control", test_control);
  ADD ("/vmportctl-run/interrupt", test_interrupt);
  ADD ("/vmportctl-run/interrupt-twice", test_interrupt_twice);
  return g_test_run ();
}
