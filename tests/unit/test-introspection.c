/* The shape of the D-Bus contract: every member, its signature, and a dictionary to grow in. */
#include "config.h"

#include <gio/gio.h>

#include "vmport-dbus.h"

typedef struct
{
  const char *interface;
  const char *name;
  const char *in;
  const char *out;
} MethodRow;

static const MethodRow method_table[] = {
  { "org.vmport.Daemon", "ListJobs", "a{sv}", "ao" },
  { "org.vmport.Manager", "ListVirtualMachines", "a{sv}", "a{oa{sv}}" },
  { "org.vmport.Manager", "FindVirtualMachine", "sa{sv}", "o" },
  { "org.vmport.Manager", "ListSecurityScopes", "a{sv}", "as" },
  { "org.vmport.Manager", "GetExportSettings", "oa{sv}", "a{sv}" },
  { "org.vmport.Manager", "CheckExport", "osa{sv}", "aa{sv}" },
  { "org.vmport.Manager", "Export", "osa{sv}", "o" },
  { "org.vmport.Manager", "GetImportSettings", "sa{sv}", "a{sv}" },
  { "org.vmport.Manager", "CheckImport", "sa{sv}", "aa{sv}" },
  { "org.vmport.Manager", "Import", "sa{sv}", "o" },
  { "org.vmport.Manager", "Verify", "sa{sv}", "o" },
  { "org.vmport.VirtualMachine", "GetConfiguration", "a{sv}", "s" },
  { "org.vmport.VirtualMachine", "SetSecurityScope", "sa{sv}", "" },
  { "org.vmport.VirtualMachine", "Delete", "a{sv}", "" },
  { "org.vmport.Job", "Wait", "a{sv}", "a{sv}" },
  { "org.vmport.Job", "Describe", "a{sv}", "a{sv}" },
  { "org.vmport.Job", "Cancel", "a{sv}", "" },
  { "org.vmport.Job", "Suspend", "a{sv}", "" },
  { "org.vmport.Job", "Resume", "a{sv}", "" },
  { "org.vmport.Job", "SetBandwidthLimit", "ta{sv}", "" },
  { "org.vmport.Job", "Release", "a{sv}", "" },
};

typedef struct
{
  const char *interface;
  const char *name;
  const char *signature;
  /* What EmitsChangedSignal must say. */
  const char *emits;
} PropertyRow;

static const PropertyRow property_table[] = {
  { "org.vmport.Daemon", "Managers", "ao", "true" },
  { "org.vmport.Daemon", "Version", "s", "const" },
  { "org.vmport.Manager", "Id", "s", "const" },
  { "org.vmport.Manager", "Driver", "s", "const" },
  { "org.vmport.Manager", "Uri", "s", "const" },
  { "org.vmport.Manager", "Version", "s", "true" },
  { "org.vmport.Manager", "Available", "b", "true" },
  { "org.vmport.Manager", "Features", "as", "true" },
  { "org.vmport.Manager", "NetworkConnections", "as", "true" },
  { "org.vmport.Manager", "StorageRoots", "as", "true" },
  { "org.vmport.Manager", "JobRetentionUSec", "t", "const" },
  { "org.vmport.VirtualMachine", "Manager", "o", "const" },
  { "org.vmport.VirtualMachine", "Uuid", "s", "const" },
  { "org.vmport.VirtualMachine", "Name", "s", "invalidates" },
  { "org.vmport.VirtualMachine", "State", "s", "invalidates" },
  { "org.vmport.VirtualMachine", "SecurityScope", "s", "invalidates" },
  { "org.vmport.VirtualMachine", "ResourcePaths", "as", "invalidates" },
  { "org.vmport.VirtualMachine", "NetworkConnections", "as", "invalidates" },
  { "org.vmport.VirtualMachine", "Snapshots", "ao", "invalidates" },
  { "org.vmport.VirtualMachine", "ActiveJob", "o", "invalidates" },
  { "org.vmport.Snapshot", "Name", "s", "false" },
  { "org.vmport.Snapshot", "Parent", "o", "false" },
  { "org.vmport.Snapshot", "CreationTime", "t", "false" },
  { "org.vmport.Snapshot", "State", "s", "false" },
  { "org.vmport.Snapshot", "Current", "b", "false" },
  { "org.vmport.Snapshot", "Storage", "s", "false" },
  { "org.vmport.Job", "Manager", "o", "const" },
  { "org.vmport.Job", "Operation", "s", "const" },
  { "org.vmport.Job", "OwnerUid", "u", "const" },
  { "org.vmport.Job", "JobState", "q", "true" },
  { "org.vmport.Job", "PercentComplete", "q", "true" },
  { "org.vmport.Job", "Phase", "s", "true" },
  { "org.vmport.Job", "BytesDone", "t", "true" },
  { "org.vmport.Job", "BytesTotal", "t", "true" },
  { "org.vmport.Job", "BandwidthLimit", "t", "true" },
  { "org.vmport.Job", "StartTime", "t", "true" },
  { "org.vmport.Job", "EndTime", "t", "true" },
  { "org.vmport.Job", "Cancellable", "b", "true" },
  { "org.vmport.Job", "ErrorCode", "q", "true" },
  { "org.vmport.Job", "ErrorName", "s", "true" },
};

static const MethodRow signal_table[] = {
  { "org.vmport.Manager", "VirtualMachineAdded", "o", NULL },
  { "org.vmport.Manager", "VirtualMachineRemoved", "o", NULL },
  { "org.vmport.Manager", "JobAdded", "o", NULL },
  { "org.vmport.Manager", "JobRemoved", "o", NULL },
  { "org.vmport.Job", "Progress", "qtts", NULL },
  { "org.vmport.Job", "Finished", "qs", NULL },
};

static GDBusInterfaceInfo *
get_interface (const char *name)
{
  GDBusInterfaceInfo *infos[] = {
    vmport_dbus_daemon_interface_info (),
    vmport_dbus_manager_interface_info (),
    vmport_dbus_virtual_machine_interface_info (),
    vmport_dbus_snapshot_interface_info (),
    vmport_dbus_job_interface_info (),
  };

  for (gsize i = 0; i < G_N_ELEMENTS (infos); i++)
    if (g_str_equal (infos[i]->name, name))
      return infos[i];
  g_error ("No interface %s", name);
}

static char *
join_signatures (GDBusArgInfo **args)
{
  g_autoptr (GString) signature = g_string_new (NULL);

  for (gsize i = 0; args != NULL && args[i] != NULL; i++)
    g_string_append (signature, args[i]->signature);
  return g_string_free (g_steal_pointer (&signature), FALSE);
}

static guint
count (gpointer array)
{
  gpointer *items = array;
  guint n = 0;

  while (items != NULL && items[n] != NULL)
    n++;
  return n;
}

static const char *const interface_names[] = {
  "org.vmport.Daemon", "org.vmport.Manager", "org.vmport.VirtualMachine", "org.vmport.Snapshot",
  "org.vmport.Job",
};

static void
test_methods (void)
{
  guint total = 0;

  for (gsize i = 0; i < G_N_ELEMENTS (method_table); i++)
    {
      const MethodRow *row = &method_table[i];
      GDBusInterfaceInfo *interface = get_interface (row->interface);
      GDBusMethodInfo *method = g_dbus_interface_info_lookup_method (interface, row->name);
      g_autofree char *in = NULL;
      g_autofree char *out = NULL;

      g_test_message ("%s.%s", row->interface, row->name);
      g_assert_nonnull (method);
      in = join_signatures (method->in_args);
      out = join_signatures (method->out_args);
      g_assert_cmpstr (in, ==, row->in);
      g_assert_cmpstr (out, ==, row->out);
      /* A method grows by keys, never by a twin; so each one ends in a dictionary. */
      g_assert_true (g_str_has_suffix (in, "a{sv}"));
    }
  for (gsize i = 0; i < G_N_ELEMENTS (interface_names); i++)
    total += count (get_interface (interface_names[i])->methods);
  g_assert_cmpuint (total, ==, G_N_ELEMENTS (method_table));
}

static void
test_properties (void)
{
  guint total = 0;

  for (gsize i = 0; i < G_N_ELEMENTS (property_table); i++)
    {
      const PropertyRow *row = &property_table[i];
      GDBusInterfaceInfo *interface = get_interface (row->interface);
      GDBusPropertyInfo *property = g_dbus_interface_info_lookup_property (interface, row->name);

      g_test_message ("%s.%s", row->interface, row->name);
      g_assert_nonnull (property);
      g_assert_cmpstr (property->signature, ==, row->signature);
      g_assert_cmpint (property->flags, ==, G_DBUS_PROPERTY_INFO_FLAGS_READABLE);
      g_assert_cmpstr (g_dbus_annotation_info_lookup (
                         property->annotations,
                         "org.freedesktop.DBus.Property.EmitsChangedSignal"),
                       ==, row->emits);
    }
  for (gsize i = 0; i < G_N_ELEMENTS (interface_names); i++)
    total += count (get_interface (interface_names[i])->properties);
  g_assert_cmpuint (total, ==, G_N_ELEMENTS (property_table));
}

static void
test_signals (void)
{
  guint total = 0;

  for (gsize i = 0; i < G_N_ELEMENTS (signal_table); i++)
    {
      const MethodRow *row = &signal_table[i];
      GDBusSignalInfo *signal
        = g_dbus_interface_info_lookup_signal (get_interface (row->interface), row->name);
      g_autofree char *args = NULL;

      g_test_message ("%s.%s", row->interface, row->name);
      g_assert_nonnull (signal);
      args = join_signatures (signal->args);
      g_assert_cmpstr (args, ==, row->in);
    }
  for (gsize i = 0; i < G_N_ELEMENTS (interface_names); i++)
    total += count (get_interface (interface_names[i])->signals);
  g_assert_cmpuint (total, ==, G_N_ELEMENTS (signal_table));
}

/* The methods that take a DirectoryFd are generated with a parameter for file descriptors; the
 * compiler checks that, for the annotation that asks for it is not in the generated data. */
typedef gboolean (*DirectoryCall) (VmportDBusManager *, const char *, GVariant *, GDBusCallFlags,
                                   int, GUnixFDList *, char **, GUnixFDList **, GCancellable *,
                                   GError **);
typedef gboolean (*DirectoryQuery) (VmportDBusManager *, const char *, GVariant *, GDBusCallFlags,
                                    int, GUnixFDList *, GVariant **, GUnixFDList **,
                                    GCancellable *, GError **);
typedef gboolean (*MachineCall) (VmportDBusManager *, const char *, const char *, GVariant *,
                                 GDBusCallFlags, int, GUnixFDList *, char **, GUnixFDList **,
                                 GCancellable *, GError **);
typedef gboolean (*MachineQuery) (VmportDBusManager *, const char *, const char *, GVariant *,
                                  GDBusCallFlags, int, GUnixFDList *, GVariant **, GUnixFDList **,
                                  GCancellable *, GError **);

static void
test_unix_fds (void)
{
  DirectoryCall import = vmport_dbus_manager_call_import_sync;
  DirectoryCall verify = vmport_dbus_manager_call_verify_sync;
  DirectoryQuery get_import_settings = vmport_dbus_manager_call_get_import_settings_sync;
  DirectoryQuery check_import = vmport_dbus_manager_call_check_import_sync;
  MachineCall export = vmport_dbus_manager_call_export_sync;
  MachineQuery check_export = vmport_dbus_manager_call_check_export_sync;

  g_assert_nonnull (import);
  g_assert_nonnull (verify);
  g_assert_nonnull (get_import_settings);
  g_assert_nonnull (check_import);
  g_assert_nonnull (export);
  g_assert_nonnull (check_export);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/introspection/methods", test_methods);
  g_test_add_func ("/introspection/properties", test_properties);
  g_test_add_func ("/introspection/signals", test_signals);
  g_test_add_func ("/introspection/unix-fds", test_unix_fds);
  return g_test_run ();
}
