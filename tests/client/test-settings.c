/* The settings of exports and imports, and findings, as objects: every key, both ways. */
#include "config.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vmport-enums.h"
#include "vmport.h"

/* A row for each key of both tables: what the daemon hands out, another value, and how the
 * property shows the two. */
typedef struct
{
  const char *key;
  const char *property;
  const char *value;
  const char *shown;
  /* NULL: read-only. */
  const char *changed;
  const char *changed_shown;
} Row;

#define IDENTITY(kind)                                                                             \
  { "Caption",                                                                                     \
    "caption",                                                                                     \
    "'Virtual System " kind " Setting Data'",                                                      \
    "\"Virtual System " kind " Setting Data\"",                                                    \
    NULL,                                                                                          \
    NULL },                                                                                        \
    { "Description", "description", "'VMPort'", "\"VMPort\"", NULL, NULL },                        \
    { "ElementName", "element-name", "'VMPort'", "\"VMPort\"", NULL, NULL },                       \
  {                                                                                                \
    "InstanceID", "instance-id", "'vmport:6c5a'", "\"vmport:6c5a\"", NULL, NULL                    \
  }

static const Row export_rows[] = {
  IDENTITY ("Export"),
  { "CopyVmStorage", "copy-vm-storage", "true", "TRUE", "false", "FALSE" },
  { "CopyVmRuntimeInformation", "copy-vm-runtime-information", "true", "TRUE", "false", "FALSE" },
  { "CreateVmExportSubdirectory", "create-vm-export-subdirectory", "false", "FALSE", "true",
    "TRUE" },
  { "CopySnapshotConfiguration", "copy-snapshot-configuration", "byte 0",
    "VMPORT_SNAPSHOT_CONFIGURATION_ALL", "byte 3", "VMPORT_SNAPSHOT_CONFIGURATION_ONE_KEEP_ID" },
  { "SnapshotVirtualSystem", "snapshot-virtual-system", "''", "\"\"", "'before'", "\"before\"" },
  { "CaptureLiveState", "capture-live-state", "byte 0", "VMPORT_LIVE_STATE_CRASH_CONSISTENT",
    "byte 2", "VMPORT_LIVE_STATE_APPLICATION_CONSISTENT" },
  { "ExcludedVirtualHardDisks", "excluded-virtual-hard-disks", "@as []", "[]", "['vdb', 'vdc']",
    "[\"vdb\", \"vdc\"]" },
  { "Checksum", "checksum", "'fs-verity'", "VMPORT_CHECKSUM_FS_VERITY", "'sha256'",
    "VMPORT_CHECKSUM_SHA256" },
  { "BandwidthLimit", "bandwidth-limit", "uint64 0", "0", "uint64 18446744073709551615",
    "18446744073709551615" },
  { "DiskFormat", "disk-format", "'keep'", "VMPORT_DISK_FORMAT_KEEP", "'vhdx'",
    "VMPORT_DISK_FORMAT_VHDX" },
  { "IncludeRemovableMedia", "include-removable-media", "false", "FALSE", "true", "TRUE" },
  { NULL }
};

static const Row import_rows[]
  = { IDENTITY ("Import"),
      { "CreateCopy", "create-copy", "true", "TRUE", "false", "FALSE" },
      { "GenerateNewId", "generate-new-id", "true", "TRUE", "false", "FALSE" },
      { "Name", "name", "'web'", "\"web\"", "'web2'", "\"web2\"" },
      { "SecurityScope", "security-scope", "''", "\"\"", "'red'", "\"red\"" },
      { "CurrentResourcePaths", "current-resource-paths", "['/old']", "[\"/old\"]", NULL, NULL },
      { "SourceResourcePaths", "source-resource-paths", "['/b/old']", "[\"/b/old\"]", "['/c']",
        "[\"/c\"]" },
      { "TargetResourcePaths", "target-resource-paths", "['']", "[\"\"]", "['/d']", "[\"/d\"]" },
      { "SourceNetworkConnections", "source-network-connections", "['bridge:a']", "[\"bridge:a\"]",
        NULL, NULL },
      { "TargetNetworkConnections", "target-network-connections", "['']", "[\"\"]", "['user']",
        "[\"user\"]" },
      { "SourceVmDataRoot", "source-vm-data-root", "'/b/vm'", "\"/b/vm\"", "'/e'", "\"/e\"" },
      { "SourceSnapshotDataRoot", "source-snapshot-data-root", "''", "\"\"", "'/f'", "\"/f\"" },
      { "SourceVhdDataRoot", "source-vhd-data-root", "'/b/vhd'", "\"/b/vhd\"", "'/g'", "\"/g\"" },
      { "TargetVmDataRoot", "target-vm-data-root", "''", "\"\"", "'/h'", "\"/h\"" },
      { "TargetSnapshotDataRoot", "target-snapshot-data-root", "''", "\"\"", "'/i'", "\"/i\"" },
      { "TargetVhdDataRoot", "target-vhd-data-root", "''", "\"\"", "'/j'", "\"/j\"" },
      { "VerifyChecksums", "verify-checksums", "true", "TRUE", "false", "FALSE" },
      { "BandwidthLimit", "bandwidth-limit", "uint64 0", "0", "uint64 1048576", "1048576" },
      { "MacAddresses", "mac-addresses", "'auto'", "VMPORT_MAC_ADDRESSES_AUTO", "'keep-if-free'",
        "VMPORT_MAC_ADDRESSES_KEEP_IF_FREE" },
      { "DropSavedState", "drop-saved-state", "false", "FALSE", "true", "TRUE" },
      { "UnsafeDevices", "unsafe-devices", "'refuse'", "VMPORT_UNSAFE_DEVICES_REFUSE", "'strip'",
        "VMPORT_UNSAFE_DEVICES_STRIP" },
      { NULL } };

typedef struct
{
  const Row *rows;
  GType type;
} Kind;

static GVariant *
parse (const char *text)
{
  g_autoptr (GError) error = NULL;
  GVariant *value = g_variant_parse (NULL, text, NULL, NULL, &error);

  g_assert_no_error (error);
  return value;
}

/* Every key of the rows, and one that this library does not know. */
static GVariant *
make_prefilled (const Row *rows)
{
  g_auto (GVariantDict) dict = G_VARIANT_DICT_INIT (NULL);

  for (const Row *row = rows; row->key != NULL; row++)
    {
      g_autoptr (GVariant) value = parse (row->value);

      g_variant_dict_insert_value (&dict, row->key, value);
    }
  g_variant_dict_insert (&dict, "FromTheFuture", "(uu)", 1, 2);
  return g_variant_ref_sink (g_variant_dict_end (&dict));
}

static VmportSettings *
make_settings (const Kind *kind, GVariant *prefilled)
{
  if (kind->type == VMPORT_TYPE_EXPORT_SETTINGS)
    return VMPORT_SETTINGS (vmport_export_settings_new_from_variant (prefilled));
  return VMPORT_SETTINGS (vmport_import_settings_new_from_variant (prefilled));
}

static char *
show (VmportSettings *settings, const char *property)
{
  g_auto (GValue) value = G_VALUE_INIT;

  g_object_get_property (G_OBJECT (settings), property, &value);
  if (G_VALUE_HOLDS_ENUM (&value))
    {
      g_autoptr (GEnumClass) enum_class = g_type_class_ref (G_VALUE_TYPE (&value));

      return g_strdup (g_enum_get_value (enum_class, g_value_get_enum (&value))->value_name);
    }
  return g_strdup_value_contents (&value);
}

static void
count_cb (VmportSettings *settings, GParamSpec *pspec, guint *count)
{
  (*count)++;
}

/* The same set of keys with equal values, in whatever order. */
static void
assert_same (GVariant *a, GVariant *b)
{
  GVariantIter iter;
  const char *key;
  GVariant *value;

  g_assert_cmpuint (g_variant_n_children (a), ==, g_variant_n_children (b));
  g_variant_iter_init (&iter, a);
  while (g_variant_iter_loop (&iter, "{&sv}", &key, &value))
    {
      g_autoptr (GVariant) other = g_variant_lookup_value (b, key, NULL);

      g_test_message ("%s", key);
      g_assert_nonnull (other);
      g_assert_true (g_variant_equal (value, other));
    }
}

/* Sets the property of @row as a program would: from another object's, which has the value. */
static void
set_by_property (const Kind *kind, VmportSettings *settings, const Row *row)
{
  g_autoptr (GVariant) wanted = parse (row->changed);
  g_auto (GVariantDict) dict = G_VARIANT_DICT_INIT (NULL);
  g_autoptr (VmportSettings) model = NULL;
  g_auto (GValue) value = G_VALUE_INIT;

  g_variant_dict_insert_value (&dict, row->key, wanted);
  model = make_settings (kind, g_variant_dict_end (&dict));
  g_object_get_property (G_OBJECT (model), row->property, &value);
  g_object_set_property (G_OBJECT (settings), row->property, &value);
}

static void
test_row (const Kind *kind, GVariant *prefilled, const Row *row)
{
  g_autoptr (VmportSettings) settings = make_settings (kind, prefilled);
  g_autoptr (GVariant) changed = NULL;
  g_autoptr (GVariant) wanted = NULL;
  g_autoptr (GVariant) value = NULL;
  g_autofree char *shown = show (settings, row->property);
  g_autofree char *changed_shown = NULL;
  g_autofree char *notify = g_strconcat ("notify::", row->property, NULL);
  g_autoptr (GError) error = NULL;
  GParamSpec *pspec = g_object_class_find_property (G_OBJECT_GET_CLASS (settings), row->property);
  guint count = 0;

  g_test_message ("%s: %s", row->key, shown);
  g_assert_cmpstr (shown, ==, row->shown);
  if (row->changed == NULL)
    {
      g_assert_false (pspec->flags & G_PARAM_WRITABLE);
      g_assert_false (
        vmport_settings_set_value (settings, row->key, g_variant_new_string ("x"), &error));
      g_assert_error (error, VMPORT_ERROR, VMPORT_ERROR_INVALID_PARAMETER);
      return;
    }
  g_signal_connect (settings, notify, G_CALLBACK (count_cb), &count);
  set_by_property (kind, settings, row);
  set_by_property (kind, settings, row);
  g_assert_cmpuint (count, ==, 1);
  changed_shown = show (settings, row->property);
  g_assert_cmpstr (changed_shown, ==, row->changed_shown);
  g_assert_true (vmport_settings_is_changed (settings, row->key));
  changed = vmport_settings_to_variant_changed (settings, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (g_variant_n_children (changed), ==, 1);
  wanted = parse (row->changed);
  value = g_variant_lookup_value (changed, row->key, NULL);
  g_assert_nonnull (value);
  g_assert_true (g_variant_equal (value, wanted));

  g_assert_false (vmport_settings_set_value (settings, row->key, g_variant_new_int16 (1), &error));
  g_assert_error (error, VMPORT_ERROR, VMPORT_ERROR_INCORRECT_DATA_TYPE);
}

static void
test_keys (gconstpointer data)
{
  const Kind *kind = data;
  g_autoptr (GVariant) prefilled = make_prefilled (kind->rows);
  g_autoptr (VmportSettings) settings = make_settings (kind, prefilled);
  g_autoptr (GVariant) all = vmport_settings_to_variant (settings, NULL, NULL);
  g_autoptr (GVariant) changed = vmport_settings_to_variant_changed (settings, NULL, NULL);
  g_autofree GParamSpec **pspecs = NULL;
  guint n = 0;

  assert_same (prefilled, all);
  g_assert_cmpuint (g_variant_n_children (changed), ==, 0);
  /* A row for each property, the open directory aside. */
  pspecs = g_object_class_list_properties (G_OBJECT_GET_CLASS (settings), &n);
  for (const Row *row = kind->rows; row->key != NULL; row++, n--)
    test_row (kind, prefilled, row);
  g_assert_cmpuint (n, ==, 1);
}

static void
test_future (void)
{
  g_autoptr (VmportExportSettings) settings = vmport_export_settings_new_from_variant (
    g_variant_new_parsed ("{'Checksum': <'blake9'>, 'CopySnapshotConfiguration': <byte 9>,"
                          " 'CopyVmStorage': <'text'>, 'Later': <int64 7>}"));
  g_autoptr (GVariant) all = NULL;
  g_autoptr (GVariant) later = NULL;
  g_autofree char *checksum = show (VMPORT_SETTINGS (settings), "checksum");
  g_autofree char *snapshots = show (VMPORT_SETTINGS (settings), "copy-snapshot-configuration");
  g_autofree char *storage = show (VMPORT_SETTINGS (settings), "copy-vm-storage");
  g_autofree char *printed = NULL;
  g_autoptr (GError) error = NULL;

  g_assert_cmpstr (checksum, ==, "VMPORT_CHECKSUM_UNKNOWN");
  g_assert_cmpstr (snapshots, ==, "VMPORT_SNAPSHOT_CONFIGURATION_UNKNOWN");
  g_assert_cmpstr (storage, ==, "FALSE");
  g_assert_true (vmport_settings_set_value (VMPORT_SETTINGS (settings), "Later",
                                            g_variant_new_int64 (8), &error));
  all = vmport_settings_to_variant (VMPORT_SETTINGS (settings), NULL, NULL);
  printed = g_variant_print (all, FALSE);
  g_assert_cmpstr (printed, ==,
                   "{'Checksum': <'blake9'>, 'CopySnapshotConfiguration': <byte 0x09>, "
                   "'CopyVmStorage': <'text'>, 'Later': <int64 8>}");
  later = vmport_settings_get_value (VMPORT_SETTINGS (settings), "Later");
  g_assert_cmpint (g_variant_get_int64 (later), ==, 8);
  g_assert_null (vmport_settings_get_value (VMPORT_SETTINGS (settings), "Never"));
}

static void
test_unfit (void)
{
  g_autoptr (VmportImportSettings) settings
    = vmport_import_settings_new_from_variant (g_variant_new_parsed ("{'Name': <'web'>}"));
  g_autoptr (GVariant) changed = NULL;
  const char *const bad[] = { "/ok", "/\xff", NULL };

  g_test_expect_message (NULL, G_LOG_LEVEL_CRITICAL, "*name*");
  g_object_set (settings, "name", "\xff", NULL);
  g_test_assert_expected_messages ();
  g_test_expect_message (NULL, G_LOG_LEVEL_CRITICAL, "*source-resource-paths*");
  g_object_set (settings, "source-resource-paths", bad, NULL);
  g_test_assert_expected_messages ();
  g_test_expect_message (NULL, G_LOG_LEVEL_CRITICAL, "*mac-addresses*");
  g_object_set (settings, "mac-addresses", VMPORT_MAC_ADDRESSES_UNKNOWN, NULL);
  g_test_assert_expected_messages ();
  changed = vmport_settings_to_variant_changed (VMPORT_SETTINGS (settings), NULL, NULL);
  g_assert_cmpuint (g_variant_n_children (changed), ==, 0);
}

static void
test_directory_fd (void)
{
  g_autoptr (VmportImportSettings) settings = vmport_import_settings_new_from_variant (NULL);
  VmportSettings *base = VMPORT_SETTINGS (settings);
  g_autoptr (GUnixFDList) fd_list = g_unix_fd_list_new ();
  g_autoptr (GVariant) sent = NULL;
  g_autoptr (GVariant) shown = NULL;
  g_autoptr (GError) error = NULL;
  struct stat st;
  struct stat got;
  int fd = open (g_get_tmp_dir (), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  int kept;
  gint32 handle = -1;

  g_assert_cmpint (fstat (fd, &st), ==, 0);
  g_assert_cmpint (vmport_settings_get_directory_fd (base), ==, -1);
  g_object_set (settings, "directory-fd", fd, NULL);
  kept = vmport_settings_get_directory_fd (base);
  g_assert_cmpint (kept, >=, 0);
  g_assert_cmpint (kept, !=, fd);
  /* The caller's stays the caller's. */
  g_assert_cmpint (close (fd), ==, 0);
  sent = vmport_settings_to_variant_changed (base, fd_list, &error);
  g_assert_no_error (error);
  g_assert_true (g_variant_lookup (sent, "DirectoryFd", "h", &handle));
  g_assert_cmpint (fstat (g_unix_fd_list_peek_fds (fd_list, NULL)[handle], &got), ==, 0);
  g_assert_cmpuint (got.st_ino, ==, st.st_ino);
  shown = vmport_settings_to_variant (base, NULL, &error);
  g_assert_no_error (error);
  g_assert_false (g_variant_lookup (shown, "DirectoryFd", "h", &handle));
  g_assert_false (
    vmport_settings_set_value (base, "DirectoryFd", g_variant_new_handle (0), &error));
  g_assert_error (error, VMPORT_ERROR, VMPORT_ERROR_INVALID_PARAMETER);
  g_clear_error (&error);

  g_assert_false (vmport_settings_set_directory_fd (base, 1000000, &error));
  g_assert_nonnull (error);
  g_assert_cmpint (vmport_settings_get_directory_fd (base), ==, kept);
  g_clear_object (&settings);
  g_assert_cmpint (fcntl (kept, F_GETFD), ==, -1);
}

static void
test_findings (void)
{
  g_autoptr (GPtrArray) findings = vmport_finding_list_from_variant (g_variant_new_parsed (
    "[{'Code': <'NameInUse'>, 'Severity': <'error'>, 'Message': <'taken'>, 'Setting': <'Name'>,"
    "  'Index': <-1>, 'Resolution': <{'Name': <'web-2'>}>},"
    " {'Code': <'SourceMissing'>, 'Severity': <'error'>, 'Message': <'gone'>,"
    "  'Setting': <'SourceResourcePaths'>, 'Index': <1>,"
    "  'Resolution': <{'SourceResourcePaths': <['/a', '/b']>}>},"
    " {'Code': <'PackageSize'>, 'Severity': <'info'>, 'Bytes': <uint64 77>, 'More': <true>},"
    " {'Code': <'New'>, 'Severity': <'odd'>}]"));
  g_autoptr (VmportImportSettings) settings = vmport_import_settings_new_from_variant (
    g_variant_new_parsed ("{'Name': <'web'>, 'SourceResourcePaths': <['/a', '']>}"));
  g_autoptr (GVariant) changed = NULL;
  g_autoptr (GVariant) whole = NULL;
  g_autofree char *printed = NULL;
  VmportFinding *finding;
  VmportFindingSeverity severity;
  gboolean more = FALSE;

  g_assert_cmpuint (findings->len, ==, 4);
  finding = findings->pdata[1];
  g_assert_cmpstr (vmport_finding_get_code (finding), ==, "SourceMissing");
  g_assert_cmpstr (vmport_finding_get_message (finding), ==, "gone");
  g_assert_cmpstr (vmport_finding_get_setting (finding), ==, "SourceResourcePaths");
  g_assert_cmpint (vmport_finding_get_index (finding), ==, 1);
  g_assert_cmpuint (vmport_finding_get_bytes (finding), ==, 0);
  g_object_get (finding, "severity", &severity, NULL);
  g_assert_cmpint (severity, ==, VMPORT_FINDING_SEVERITY_ERROR);
  g_assert_true (vmport_settings_apply_finding (VMPORT_SETTINGS (settings), finding));
  g_assert_false (vmport_settings_apply_finding (VMPORT_SETTINGS (settings), finding));
  g_assert_true (vmport_settings_apply_findings (VMPORT_SETTINGS (settings), findings));
  changed = vmport_settings_to_variant_changed (VMPORT_SETTINGS (settings), NULL, NULL);
  printed = g_variant_print (changed, FALSE);
  g_assert_cmpstr (printed, ==, "{'Name': <'web-2'>, 'SourceResourcePaths': <['/a', '/b']>}");

  finding = findings->pdata[2];
  g_assert_cmpint (vmport_finding_get_severity (finding), ==, VMPORT_FINDING_SEVERITY_INFO);
  g_assert_cmpuint (vmport_finding_get_bytes (finding), ==, 77);
  g_assert_cmpint (vmport_finding_get_index (finding), ==, -1);
  g_assert_cmpstr (vmport_finding_get_setting (finding), ==, "");
  g_assert_cmpuint (g_variant_n_children (vmport_finding_get_resolution (finding)), ==, 0);
  whole = vmport_finding_to_variant (finding);
  g_assert_true (g_variant_lookup (whole, "More", "b", &more));
  g_assert_cmpint (vmport_finding_get_severity (findings->pdata[3]), ==,
                   VMPORT_FINDING_SEVERITY_WARNING);
}

int
main (int argc, char **argv)
{
  const Kind export_kind = { export_rows, VMPORT_TYPE_EXPORT_SETTINGS };
  const Kind import_kind = { import_rows, VMPORT_TYPE_IMPORT_SETTINGS };

  g_test_init (&argc, &argv, NULL);
  g_test_add_data_func ("/settings/export", &export_kind, test_keys);
  g_test_add_data_func ("/settings/import", &import_kind, test_keys);
  g_test_add_func ("/settings/future", test_future);
  g_test_add_func ("/settings/unfit", test_unfit);
  g_test_add_func ("/settings/directory-fd", test_directory_fd);
  g_test_add_func ("/settings/findings", test_findings);
  return g_test_run ();
}
