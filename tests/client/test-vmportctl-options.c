/* Settings as options of vmportctl: every key, there and back, and in all that documents it. */
#include "config.h"

#include <errno.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vmp-ctl-agent.h"
#include "vmp-ctl-command.h"
#include "vmp-ctl-options.h"
#include "vmp-ctl-size.h"
#include "vmport.h"

#define KNOWN                                                                                      \
  "{'SourceResourcePaths': <['/p/a', '/p/b']>, 'TargetResourcePaths': <['', '']>,"                 \
  " 'TargetNetworkConnections': <['bridge:br0']>, 'Later': <int16 3>}"

/* What is typed, and the whole dictionary that comes of it. */
typedef struct
{
  VmpCtlPurpose purpose;
  const char *line;
  const char *wanted;
} Row;

static const Row rows[] = {
  { VMP_CTL_EXPORT, "--copy-vm-storage=no", "{'CopyVmStorage': <false>}" },
  { VMP_CTL_EXPORT, "--copy-vm-runtime-information no", "{'CopyVmRuntimeInformation': <false>}" },
  { VMP_CTL_EXPORT, "--create-vm-export-subdirectory=yes",
    "{'CreateVmExportSubdirectory': <true>}" },
  { VMP_CTL_EXPORT, "-s", "{'CreateVmExportSubdirectory': <true>}" },
  { VMP_CTL_EXPORT, "--subdirectory", "{'CreateVmExportSubdirectory': <true>}" },
  { VMP_CTL_EXPORT, "--copy-snapshot-configuration=one",
    "{'CopySnapshotConfiguration': <byte 0x02>}" },
  { VMP_CTL_EXPORT, "--copy-snapshot-configuration=3",
    "{'CopySnapshotConfiguration': <byte 0x03>}" },
  { VMP_CTL_EXPORT, "--snapshot-virtual-system='a b'", "{'SnapshotVirtualSystem': <'a b'>}" },
  { VMP_CTL_EXPORT, "--capture-live-state=saved", "{'CaptureLiveState': <byte 0x01>}" },
  { VMP_CTL_EXPORT, "--excluded-virtual-hard-disk=vdb --excluded-virtual-hard-disk=/x",
    "{'ExcludedVirtualHardDisks': <['vdb', '/x']>}" },
  { VMP_CTL_EXPORT, "--checksum=sha256", "{'Checksum': <'sha256'>}" },
  { VMP_CTL_EXPORT, "--bandwidth-limit=2M", "{'BandwidthLimit': <uint64 2097152>}" },
  { VMP_CTL_EXPORT, "--disk-format=raw", "{'DiskFormat': <'raw'>}" },
  { VMP_CTL_EXPORT, "--include-removable-media=yes", "{'IncludeRemovableMedia': <true>}" },
  { VMP_CTL_EXPORT, "--set CopySnapshotConfiguration=1",
    "{'CopySnapshotConfiguration': <byte 0x01>}" },
  { VMP_CTL_EXPORT, "--set \"ExcludedVirtualHardDisks=['a']\" --excluded-virtual-hard-disk=b",
    "{'ExcludedVirtualHardDisks': <['a', 'b']>}" },
  { VMP_CTL_EXPORT, "--set Checksum=none --checksum=sha256", "{'Checksum': <'sha256'>}" },
  { VMP_CTL_IMPORT, "--create-copy=no", "{'CreateCopy': <false>}" },
  { VMP_CTL_IMPORT, "--generate-new-id=no", "{'GenerateNewId': <false>}" },
  { VMP_CTL_IMPORT, "-k", "{'GenerateNewId': <false>}" },
  { VMP_CTL_IMPORT, "--keep-id", "{'GenerateNewId': <false>}" },
  { VMP_CTL_IMPORT, "--name=yes", "{'Name': <'yes'>}" },
  { VMP_CTL_IMPORT, "--security-scope=red", "{'SecurityScope': <'red'>}" },
  { VMP_CTL_IMPORT, "--source-resource-path=/x", "{'SourceResourcePaths': <['/x', '/p/b']>}" },
  { VMP_CTL_IMPORT, "--source-resource-path=/x --source-resource-path=/y",
    "{'SourceResourcePaths': <['/x', '/y']>}" },
  { VMP_CTL_IMPORT, "--source-resource-path=1=", "{'SourceResourcePaths': <['/p/a', '']>}" },
  { VMP_CTL_IMPORT, "--target-resource-path=1=/y", "{'TargetResourcePaths': <['', '/y']>}" },
  { VMP_CTL_IMPORT, "--target-network-connection=user",
    "{'TargetNetworkConnections': <['user']>}" },
  { VMP_CTL_IMPORT, "--target-network-connection=0=network:n",
    "{'TargetNetworkConnections': <['network:n']>}" },
  { VMP_CTL_IMPORT, "--source-vm-data-root=/a", "{'SourceVmDataRoot': <'/a'>}" },
  { VMP_CTL_IMPORT, "--source-snapshot-data-root=/a/./b/", "{'SourceSnapshotDataRoot': <'/a/b'>}" },
  { VMP_CTL_IMPORT, "--source-vhd-data-root=", "{'SourceVhdDataRoot': <''>}" },
  { VMP_CTL_IMPORT, "--target-vm-data-root=/b", "{'TargetVmDataRoot': <'/b'>}" },
  { VMP_CTL_IMPORT, "--target-snapshot-data-root=/b", "{'TargetSnapshotDataRoot': <'/b'>}" },
  { VMP_CTL_IMPORT, "--target-vhd-data-root=/b", "{'TargetVhdDataRoot': <'/b'>}" },
  { VMP_CTL_IMPORT, "--verify-checksums=no", "{'VerifyChecksums': <false>}" },
  { VMP_CTL_IMPORT, "--bandwidth-limit=0", "{'BandwidthLimit': <uint64 0>}" },
  { VMP_CTL_IMPORT, "--mac-addresses=keep", "{'MacAddresses': <'keep'>}" },
  { VMP_CTL_IMPORT, "--drop-saved-state=yes", "{'DropSavedState': <true>}" },
  { VMP_CTL_IMPORT, "--unsafe-devices=strip", "{'UnsafeDevices': <'strip'>}" },
  { VMP_CTL_IMPORT, "--set Later=4", "{'Later': <int16 4>}" },
  { VMP_CTL_IMPORT, "--set \"TargetResourcePaths=['/a']\"", "{'TargetResourcePaths': <['/a']>}" },
};

/* What is typed, and what the message must speak of. */
static const Row bad_rows[] = {
  { VMP_CTL_EXPORT, "--copy-vm-storage=maybe", "--copy-vm-storage" },
  { VMP_CTL_EXPORT, "--copy-snapshot-configuration=some", "some" },
  { VMP_CTL_EXPORT, "--copy-snapshot-configuration=256", "256" },
  { VMP_CTL_EXPORT, "--bandwidth-limit=10X", "10X" },
  { VMP_CTL_EXPORT, "--name=web", "--name" },
  { VMP_CTL_EXPORT, "--set Name=web", "Name" },
  { VMP_CTL_IMPORT, "--source-resource-path=2=/x", "position 2" },
  { VMP_CTL_IMPORT, "--target-network-connection=a --target-network-connection=b", "position 1" },
  { VMP_CTL_IMPORT, "--name=\xff", "UTF-8" },
  { VMP_CTL_IMPORT, "--source-resource-path=\xff", "UTF-8" },
  { VMP_CTL_IMPORT, "--set CopyVmStorage=no", "CopyVmStorage" },
  { VMP_CTL_IMPORT, "--set Later=many", "Later" },
};

static GVariant *
build (VmpCtlPurpose purpose, char **words, GVariant *known, GError **error)
{
  g_autoptr (VmpCtlOptions) options = vmp_ctl_options_new (purpose);
  g_autoptr (GOptionContext) context = g_option_context_new (NULL);
  g_autofree char **argv = NULL;
  gsize argc = g_strv_length (words) + 1;

  argv = g_new0 (char *, argc + 1);
  argv[0] = (char *) "vmportctl";
  for (gsize i = 1; i < argc; i++)
    argv[i] = words[i - 1];
  g_option_context_set_main_group (context, vmp_ctl_options_make_group (options));
  g_option_context_set_help_enabled (context, FALSE);
  if (!g_option_context_parse (context, (int *) &(int){ (int) argc }, &argv, error))
    return NULL;
  return vmp_ctl_options_build (options, vmp_ctl_options_need_known (options) ? known : NULL,
                                error);
}

static GVariant *
parse_known (void)
{
  return g_variant_ref_sink (g_variant_new_parsed (KNOWN));
}

static void
test_rows (void)
{
  g_autoptr (GVariant) known = parse_known ();
  g_autoptr (GHashTable) seen = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  const VmpCtlOption *table;
  gsize n;

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_auto (GStrv) words = NULL;
      g_autoptr (GPtrArray) arguments = g_ptr_array_new_with_free_func (g_free);
      g_autoptr (GVariant) settings = NULL;
      g_autoptr (GVariant) again = NULL;
      g_autofree char *printed = NULL;
      g_autoptr (GError) error = NULL;
      GVariantIter iter;
      const char *key;

      g_test_message ("%s", rows[i].line);
      g_assert_true (g_shell_parse_argv (rows[i].line, NULL, &words, &error));
      settings = build (rows[i].purpose, words, known, &error);
      g_assert_no_error (error);
      printed = g_variant_print (settings, FALSE);
      g_assert_cmpstr (printed, ==, rows[i].wanted);
      g_variant_iter_init (&iter, settings);
      while (g_variant_iter_next (&iter, "{&sv}", &key, NULL))
        g_hash_table_add (seen, g_strdup_printf ("%d %s", rows[i].purpose, key));

      /* What the check prints for it means the same. */
      if (strstr (rows[i].line, "Paths=['/a']") != NULL)
        continue;
      vmp_ctl_command_add_settings (arguments, rows[i].purpose, settings, known);
      g_ptr_array_add (arguments, NULL);
      again = build (rows[i].purpose, (char **) arguments->pdata, known, &error);
      g_assert_no_error (error);
      g_assert_true (g_variant_equal (settings, again));
    }
  table = vmp_ctl_option_table (&n);
  for (gsize i = 0; i < n; i++)
    for (int purpose = VMP_CTL_EXPORT; purpose <= VMP_CTL_IMPORT; purpose++)
      {
        g_autofree char *name = g_strdup_printf ("%d %s", purpose, table[i].key);

        g_test_message ("%s", name);
        g_assert_true ((table[i].purposes & (guint) purpose) == 0
                       || g_hash_table_contains (seen, name));
      }
}

static void
test_bad_rows (void)
{
  g_autoptr (GVariant) known = parse_known ();

  for (gsize i = 0; i < G_N_ELEMENTS (bad_rows); i++)
    {
      g_auto (GStrv) words = NULL;
      g_autoptr (GVariant) settings = NULL;
      g_autoptr (GError) error = NULL;

      g_assert_true (g_shell_parse_argv (bad_rows[i].line, NULL, &words, NULL));
      settings = build (bad_rows[i].purpose, words, known, &error);
      g_assert_null (settings);
      g_test_message ("%s", error->message);
      g_assert_nonnull (strstr (error->message, bad_rows[i].wanted));
    }
}

/* A relative path means what it means to the shell. */
static void
test_relative (void)
{
  char *words[] = { (char *) "--target-vhd-data-root=sub", NULL };
  g_autoptr (GVariant) settings = build (VMP_CTL_IMPORT, words, NULL, NULL);
  g_autofree char *wanted = g_canonicalize_filename ("sub", NULL);
  const char *path = NULL;

  g_assert_true (g_variant_lookup (settings, "TargetVhdDataRoot", "&s", &path));
  g_assert_cmpstr (path, ==, wanted);
}

/* The library's properties and the program's options are the same set. */
static void
check_class (GType type, VmpCtlPurpose purpose)
{
  g_autoptr (GTypeClass) klass = g_type_class_ref (type);
  guint n;
  g_autofree GParamSpec **pspecs = g_object_class_list_properties (G_OBJECT_CLASS (klass), &n);
  gsize n_rows;
  const VmpCtlOption *table = vmp_ctl_option_table (&n_rows);

  for (guint i = 0; i < n; i++)
    {
      gboolean found = FALSE;

      if (!(pspecs[i]->flags & G_PARAM_WRITABLE) || g_str_equal (pspecs[i]->name, "directory-fd"))
        continue;
      for (gsize r = 0; r < n_rows; r++)
        {
          /* One element's option is in the singular. */
          g_autofree char *plural = g_strconcat (table[r].option, "s", NULL);

          found |= (table[r].purposes & purpose) != 0
                   && g_str_equal (g_str_equal (table[r].type, "as") ? plural : table[r].option,
                                   pspecs[i]->name);
        }
      g_test_message ("%s", pspecs[i]->name);
      g_assert_true (found);
    }
}

static void
test_classes (void)
{
  check_class (VMPORT_TYPE_EXPORT_SETTINGS, VMP_CTL_EXPORT);
  check_class (VMPORT_TYPE_IMPORT_SETTINGS, VMP_CTL_IMPORT);
}

static void
test_documents (void)
{
  const char *const names[] = { "completions/vmportctl", "man/vmportctl.1.rst" };
  gsize n;
  const VmpCtlOption *table = vmp_ctl_option_table (&n);

  for (gsize d = 0; d < G_N_ELEMENTS (names); d++)
    {
      g_autofree char *path = g_build_filename (g_getenv ("DATA_DIR"), names[d], NULL);
      g_autofree char *text = NULL;
      g_autoptr (GError) error = NULL;

      g_file_get_contents (path, &text, NULL, &error);
      g_assert_no_error (error);
      for (gsize i = 0; i < n; i++)
        {
          g_autofree char *option = g_strdup_printf ("--%s=", table[i].option);

          g_test_message ("%s in %s", option, names[d]);
          g_assert_nonnull (strstr (text, option));
        }
    }
}

static void
check_size (const char *text, gboolean good, guint64 wanted)
{
  g_autoptr (GError) error = NULL;
  guint64 size = 0;

  g_test_message ("%s", text);
  g_assert_true (vmp_ctl_size_parse (text, &size, &error) == good);
  g_assert_true (good == (error == NULL));
  g_assert_cmpuint (size, ==, wanted);
}

static void
test_size (void)
{
  check_size ("0", TRUE, 0);
  check_size ("500k", TRUE, 500 * 1024);
  check_size ("500K", TRUE, 500 * 1024);
  check_size ("10M", TRUE, 10 * 1024 * 1024);
  check_size ("10MiB", TRUE, 10 * 1024 * 1024);
  check_size ("3G", TRUE, 3 * G_GUINT64_CONSTANT (1073741824));
  check_size ("1T", TRUE, G_GUINT64_CONSTANT (1099511627776));
  check_size ("18446744073709551615", TRUE, G_MAXUINT64);
  check_size ("18446744073709551616", FALSE, 0);
  check_size ("18446744073709551615k", FALSE, 0);
  check_size ("99999999T", FALSE, 0);
  check_size ("", FALSE, 0);
  check_size ("M", FALSE, 0);
  check_size ("-1", FALSE, 0);
  check_size ("+1", FALSE, 0);
  check_size ("1.5M", FALSE, 0);
  check_size ("1MB", FALSE, 0);
  check_size ("1m", FALSE, 0);
  check_size ("1 M", FALSE, 0);
}

static void
test_quote (void)
{
  /* The first is for the shell's eyes, the second must come back out of it. */
  static const char *const words[] = {
    "plain/Path-1.qcow2",
    "",
    "two words",
    "it's",
    "$(reboot)",
    "~",
    "a\\b",
    "wide 機械",
    "\033[31mred",
    "line\nbreak",
    "reversed \342\200\256txt",
    "q'\033\\",
  };

  for (gsize i = 0; i < G_N_ELEMENTS (words); i++)
    {
      g_autofree char *quoted = vmp_ctl_command_quote (words[i]);
      g_autofree char *script = g_strdup_printf ("printf %%s %s", quoted);
      g_autofree char *output = NULL;
      const char *argv[] = { "bash", "-c", script, NULL };
      g_autoptr (GError) error = NULL;

      g_test_message ("%s", quoted);
      for (const char *c = quoted; *c != '\0'; c++)
        g_assert_false (g_ascii_iscntrl (*c));
      g_assert_null (strstr (quoted, "\342\200\256"));
      g_spawn_sync (NULL, (char **) argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, &output, NULL,
                    NULL, &error);
      g_assert_no_error (error);
      g_assert_cmpstr (output, ==, words[i]);
    }
}

/* Puts a program of that text into the PATH, in the place of polkit's agent. */
static char *
install_agent (const char *text)
{
  g_autoptr (GError) error = NULL;
  char *folder = g_dir_make_tmp ("vmportctl-XXXXXX", &error);
  g_autofree char *program = g_build_filename (folder, "pkttyagent", NULL);
  g_autofree char *path = g_strdup_printf ("%s:/usr/bin:/bin", folder);

  g_assert_no_error (error);
  if (text != NULL)
    {
      g_file_set_contents_full (program, text, -1, G_FILE_SET_CONTENTS_NONE, 0755, &error);
      g_assert_no_error (error);
    }
  else
    {
      g_free (g_steal_pointer (&path));
      path = g_strdup (folder);
    }
  g_setenv ("PATH", path, TRUE);
  return folder;
}

static void
remove_agent (const char *folder)
{
  static const char *const names[] = { "pkttyagent", "log" };

  for (gsize i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autofree char *path = g_build_filename (folder, names[i], NULL);

      (void) unlink (path);
    }
  g_assert_cmpint (rmdir (folder), ==, 0);
}

static void
check_agent (void)
{
  g_autofree char *path_before = g_strdup (g_getenv ("PATH"));
  g_autofree char *none = install_agent (NULL);
  g_autofree char *fails = install_agent ("#!/bin/sh\nexit 1\n");
  g_autofree char *works
    = install_agent ("#!/bin/sh\necho \"$$ $*\" > \"${0%/*}/log\"\nexec 3>&-\nexec sleep 600\n");
  g_autofree char *log = g_build_filename (works, "log", NULL);
  g_autofree char *logged = NULL;
  g_autofree char *wanted = NULL;
  VmpCtlAgent *agent = vmp_ctl_agent_start ();
  pid_t pid;

  /* It is registered when the call returns, so the log is there. */
  g_assert_nonnull (agent);
  g_assert_true (g_file_get_contents (log, &logged, NULL, NULL));
  pid = (pid_t) g_ascii_strtoll (logged, NULL, 10);
  wanted = g_strdup_printf ("%d --process %d --notify-fd 3%s\n", (int) pid, (int) getpid (),
                            g_getenv ("XDG_SESSION_ID") != NULL ? " --fallback" : "");
  g_assert_cmpstr (logged, ==, wanted);
  g_assert_cmpint (kill (pid, 0), ==, 0);
  vmp_ctl_agent_stop (agent);
  g_assert_cmpint (kill (pid, 0), ==, -1);
  g_assert_cmpint (errno, ==, ESRCH);

  g_setenv ("PATH", fails, TRUE);
  agent = vmp_ctl_agent_start ();
  g_assert_nonnull (agent);
  vmp_ctl_agent_stop (agent);

  g_setenv ("PATH", none, TRUE);
  g_assert_null (vmp_ctl_agent_start ());

  g_setenv ("PATH", path_before, TRUE);
  remove_agent (none);
  remove_agent (fails);
  remove_agent (works);
}

/* In a session it leaves precedence to the desktop's agent; outside polkit asks no fallback. */
static void
test_agent (void)
{
  g_setenv ("XDG_SESSION_ID", "1", TRUE);
  check_agent ();
  g_unsetenv ("XDG_SESSION_ID");
  check_agent ();
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/vmportctl-options/rows", test_rows);
  g_test_add_func ("/vmportctl-options/bad-rows", test_bad_rows);
  g_test_add_func ("/vmportctl-options/relative", test_relative);
  g_test_add_func ("/vmportctl-options/classes", test_classes);
  g_test_add_func ("/vmportctl-options/documents", test_documents);
  g_test_add_func ("/vmportctl-options/size", test_size);
  g_test_add_func ("/vmportctl-options/quote", test_quote);
  g_test_add_func ("/vmportctl-options/agent", test_agent);
  return g_test_run ();
}
