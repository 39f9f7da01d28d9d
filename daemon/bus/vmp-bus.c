/* The daemon's objects on the bus, and what their requests need.
 *
 * Managers, machines, snapshots and jobs are subtrees, one level deep, that dispatch to nodes which
 * are not enumerated: nothing is held for each machine, and a path that names nothing is answered
 * by the daemon, in the words of the contract, instead of by GDBus. */
#include "config.h"

#include "vmp-bus.h"

#include <glib/gi18n-lib.h>
#include <string.h>

#include "vmp-error.h"
#include "vmp-name.h"
#include "vmp-request.h"
#include "vmport-dbus.h"

#define ROOT "/org/vmport"
#define MANAGER_ROOT ROOT "/Manager"
#define MACHINE_ROOT ROOT "/VirtualMachine"
#define SNAPSHOT_ROOT ROOT "/Snapshot"
#define JOB_ROOT ROOT "/Job"

#define UUID_LENGTH 36

struct _VmpBus
{
  GObject parent_instance;
  GDBusConnection *connection;
  VmpAuthority *authority;
  VmpCallers *callers;
  VmpJobs *jobs;
  GPtrArray *managers; /* of VmpMachines */
  GArray *subtrees;
  guint daemon;
};

G_DEFINE_FINAL_TYPE (VmpBus, vmp_bus, G_TYPE_OBJECT)

static void
vmp_bus_finalize (GObject *object)
{
  VmpBus *self = VMP_BUS (object);

  for (guint i = 0; i < self->subtrees->len; i++)
    g_dbus_connection_unregister_subtree (self->connection,
                                          g_array_index (self->subtrees, guint, i));
  g_array_unref (self->subtrees);
  if (self->daemon != 0)
    g_dbus_connection_unregister_object (self->connection, self->daemon);
  g_clear_object (&self->authority);
  g_clear_object (&self->callers);
  g_clear_object (&self->jobs);
  g_clear_pointer (&self->managers, g_ptr_array_unref);
  g_clear_object (&self->connection);
  G_OBJECT_CLASS (vmp_bus_parent_class)->finalize (object);
}

static void
vmp_bus_class_init (VmpBusClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = vmp_bus_finalize;
}

static void
vmp_bus_init (VmpBus *self)
{
  self->subtrees = g_array_new (FALSE, FALSE, sizeof (guint));
}

VmpAuthority *
vmp_bus_get_authority (VmpBus *self)
{
  return self->authority;
}

VmpCallers *
vmp_bus_get_callers (VmpBus *self)
{
  return self->callers;
}

VmpJobs *
vmp_bus_get_jobs (VmpBus *self)
{
  return self->jobs;
}

GPtrArray *
vmp_bus_get_managers (VmpBus *self)
{
  return self->managers;
}

char *
vmp_bus_manager_path (VmpMachines *machines)
{
  g_autofree char *id = vmp_name_escape (vmp_machines_get_id (machines));

  return g_strconcat (MANAGER_ROOT "/", id, NULL);
}

char *
vmp_bus_machine_path (VmpMachines *machines, const char *uuid)
{
  g_autofree char *id = vmp_name_escape (vmp_machines_get_id (machines));
  g_autofree char *element = vmp_name_uuid_to_path (uuid);

  return g_strconcat (MACHINE_ROOT "/", id, "/", element, NULL);
}

char *
vmp_bus_snapshot_path (VmpMachines *machines, const char *uuid, const char *name)
{
  g_autofree char *id = vmp_name_escape (vmp_machines_get_id (machines));
  g_autofree char *element = vmp_name_uuid_to_path (uuid);
  g_autofree char *escaped = vmp_name_escape (name);

  return g_strconcat (SNAPSHOT_ROOT "/", id, "/", element, "_", escaped, NULL);
}

char *
vmp_bus_job_path (guint number)
{
  return g_strdup_printf (JOB_ROOT "/%u", number);
}

static VmpMachines *
find_manager (VmpBus *self, const char *escaped)
{
  for (guint i = 0; i < self->managers->len; i++)
    {
      VmpMachines *machines = g_ptr_array_index (self->managers, i);
      g_autofree char *id = vmp_name_escape (vmp_machines_get_id (machines));

      if (strcmp (id, escaped) == 0)
        return machines;
    }
  return NULL;
}

static VmpJob *
find_job (VmpBus *self, const char *node)
{
  guint64 number;

  /* One spelling for each job: no leading zeros or signs. */
  if (!g_ascii_isdigit (node[0]) || node[0] == '0'
      || !g_ascii_string_to_unsigned (node, 10, 1, G_MAXUINT32, &number, NULL))
    return NULL;
  return vmp_jobs_lookup (self->jobs, (guint) number);
}

void
vmp_bus_resolve (VmpBus *self, const char *path, VmpRequest *request)
{
  g_auto (GStrv) parts = g_strsplit (path, "/", -1); /* "", "org", "vmport", kind, … */
  guint n = g_strv_length (parts);
  VmpMachines *machines;

  request->own_object = TRUE;
  if (n < 5)
    return;
  if (strcmp (parts[3], "Job") == 0)
    {
      request->job = find_job (self, parts[4]);
      return;
    }
  machines = find_manager (self, parts[4]);
  if (machines == NULL)
    return;
  request->machines = g_object_ref (machines);
  if (n < 6)
    {
      /* A machine that is meant is an argument. */
      request->own_object = FALSE;
      return;
    }
  /* A snapshot's element is its machine's, then its name. */
  if (strcmp (parts[3], "Snapshot") == 0 && strlen (parts[5]) > UUID_LENGTH
      && parts[5][UUID_LENGTH] == '_')
    {
      request->snapshot = vmp_name_unescape (parts[5] + UUID_LENGTH + 1);
      parts[5][UUID_LENGTH] = '\0';
    }
  request->uuid = vmp_name_uuid_from_path (parts[5]);
}

static void
on_method_call (GDBusConnection *connection, const char *sender, const char *object_path,
                const char *interface_name, const char *method_name, GVariant *parameters,
                GDBusMethodInvocation *invocation, gpointer user_data)
{
  vmp_request_start (user_data, invocation);
}

static const GDBusInterfaceVTable call_vtable = { .method_call = on_method_call };

static char **
enumerate_nothing (GDBusConnection *connection, const char *sender, const char *object_path,
                   gpointer user_data)
{
  return g_new0 (char *, 1);
}

static char **
enumerate_managers (GDBusConnection *connection, const char *sender, const char *object_path,
                    gpointer user_data)
{
  VmpBus *self = user_data;
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();

  for (guint i = 0; i < self->managers->len; i++)
    {
      g_autofree char *id = vmp_name_escape (
          vmp_machines_get_id (g_ptr_array_index (self->managers, i)));

      g_strv_builder_add (builder, id);
    }
  return g_strv_builder_end (builder);
}

static char **
enumerate_jobs (GDBusConnection *connection, const char *sender, const char *object_path,
                gpointer user_data)
{
  VmpBus *self = user_data;
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();
  g_autoptr (GPtrArray) jobs = vmp_jobs_list (self->jobs);

  for (guint i = 0; i < jobs->len; i++)
    {
      g_autofree char *number = g_strdup_printf (
          "%u", vmp_job_get_number (g_ptr_array_index (jobs, i)));

      g_strv_builder_add (builder, number);
    }
  return g_strv_builder_end (builder);
}

static GDBusInterfaceInfo **
one_interface (const char *node, GDBusInterfaceInfo *interface)
{
  GDBusInterfaceInfo **interfaces = g_new0 (GDBusInterfaceInfo *, 2);

  if (node != NULL)
    interfaces[0] = g_dbus_interface_info_ref (interface);
  return interfaces;
}

static GDBusInterfaceInfo **
introspect_manager (GDBusConnection *connection, const char *sender, const char *object_path,
                    const char *node, gpointer user_data)
{
  return one_interface (node, vmport_dbus_manager_interface_info ());
}

static GDBusInterfaceInfo **
introspect_machine (GDBusConnection *connection, const char *sender, const char *object_path,
                    const char *node, gpointer user_data)
{
  return one_interface (node, vmport_dbus_virtual_machine_interface_info ());
}

static GDBusInterfaceInfo **
introspect_snapshot (GDBusConnection *connection, const char *sender, const char *object_path,
                     const char *node, gpointer user_data)
{
  return one_interface (node, vmport_dbus_snapshot_interface_info ());
}

static GDBusInterfaceInfo **
introspect_job (GDBusConnection *connection, const char *sender, const char *object_path,
                const char *node, gpointer user_data)
{
  return one_interface (node, vmport_dbus_job_interface_info ());
}

static const GDBusInterfaceVTable *
dispatch (GDBusConnection *connection, const char *sender, const char *object_path,
          const char *interface_name, const char *node, gpointer *out_user_data,
          gpointer user_data)
{
  *out_user_data = user_data;
  return &call_vtable;
}

static gboolean
add_subtree (VmpBus *self, const char *path, const GDBusSubtreeVTable *vtable, GError **error)
{
  guint id = g_dbus_connection_register_subtree (
      self->connection, path, vtable, G_DBUS_SUBTREE_FLAGS_DISPATCH_TO_UNENUMERATED_NODES, self,
      NULL, error);

  if (id == 0)
    return FALSE;
  g_array_append_val (self->subtrees, id);
  return TRUE;
}

static gboolean
add_manager_subtrees (VmpBus *self, VmpMachines *machines, GError **error)
{
  static const GDBusSubtreeVTable machine_vtable = { enumerate_nothing, introspect_machine,
                                                     dispatch };
  static const GDBusSubtreeVTable snapshot_vtable = { enumerate_nothing, introspect_snapshot,
                                                      dispatch };
  g_autofree char *id = vmp_name_escape (vmp_machines_get_id (machines));
  g_autofree char *machine_path = g_strconcat (MACHINE_ROOT "/", id, NULL);
  g_autofree char *snapshot_path = g_strconcat (SNAPSHOT_ROOT "/", id, NULL);

  return add_subtree (self, machine_path, &machine_vtable, error)
         && add_subtree (self, snapshot_path, &snapshot_vtable, error);
}

static void
emit (VmpBus *self, const char *path, const char *interface, const char *signal,
      GVariant *parameters)
{
  g_autoptr (GError) error = NULL;

  if (!g_dbus_connection_emit_signal (self->connection, NULL, path, interface, signal, parameters,
                                      &error))
    g_message ("Cannot send %s: %s", signal, error->message);
}

static void
emit_of_manager (VmpBus *self, VmpMachines *machines, const char *signal, const char *object_path)
{
  g_autofree char *path = vmp_bus_manager_path (machines);

  emit (self, path, "org.vmport.Manager", signal, g_variant_new ("(o)", object_path));
}

static void
on_machine_added (VmpMachines *machines, const char *uuid, gpointer data)
{
  g_autofree char *path = vmp_bus_machine_path (machines, uuid);

  emit_of_manager (data, machines, "VirtualMachineAdded", path);
}

static void
on_machine_removed (VmpMachines *machines, const char *uuid, gpointer data)
{
  g_autofree char *path = vmp_bus_machine_path (machines, uuid);

  emit_of_manager (data, machines, "VirtualMachineRemoved", path);
}

/* Invalidated, not told: the signal goes to everyone, and values are for those who may view. */
static void
on_machine_changed (VmpMachines *machines, const char *uuid, const char *const *properties,
                    gpointer data)
{
  g_autofree char *path = vmp_bus_machine_path (machines, uuid);

  emit (data, path, "org.freedesktop.DBus.Properties", "PropertiesChanged",
        g_variant_new ("(s@a{sv}^as)", "org.vmport.VirtualMachine",
                       g_variant_new_array (G_VARIANT_TYPE ("{sv}"), NULL, 0), properties));
}

static void
on_available (VmpMachines *machines, gpointer data)
{
  static const char *const invalidated[] = { NULL };
  g_autofree char *path = vmp_bus_manager_path (machines);
  g_auto (GStrv) networks = vmp_machines_list_networks (machines);
  g_auto (GStrv) roots = vmp_machines_list_roots (machines);
  GVariantDict changed;

  g_variant_dict_init (&changed, NULL);
  g_variant_dict_insert (&changed, "Available", "b", vmp_machines_is_available (machines));
  g_variant_dict_insert (&changed, "Version", "s", vmp_machines_get_version (machines));
  g_variant_dict_insert (&changed, "NetworkConnections", "^as", networks);
  g_variant_dict_insert (&changed, "StorageRoots", "^as", roots);
  emit (data, path, "org.freedesktop.DBus.Properties", "PropertiesChanged",
        g_variant_new ("(s@a{sv}^as)", "org.vmport.Manager", g_variant_dict_end (&changed),
                       invalidated));
}

static void
on_job_progress (VmpJob *job, gpointer data)
{
  g_autofree char *path = vmp_bus_job_path (vmp_job_get_number (job));
  g_autoptr (GVariant) changes = vmp_job_take_changes (job);
  g_autoptr (GVariant) percent = vmp_job_get_property_value (job, "PercentComplete");
  g_autoptr (GVariant) done = vmp_job_get_property_value (job, "BytesDone");
  g_autoptr (GVariant) total = vmp_job_get_property_value (job, "BytesTotal");
  g_autoptr (GVariant) phase = vmp_job_get_property_value (job, "Phase");
  static const char *const none[] = { NULL };

  if (g_variant_n_children (changes) > 0)
    emit (data, path, "org.freedesktop.DBus.Properties", "PropertiesChanged",
          g_variant_new ("(s@a{sv}^as)", "org.vmport.Job", changes, none));
  emit (data, path, "org.vmport.Job", "Progress",
        g_variant_new ("(@q@t@t@s)", percent, done, total, phase));
}

static void
on_job_finished (VmpJob *job, gpointer data)
{
  g_autofree char *path = vmp_bus_job_path (vmp_job_get_number (job));
  g_autoptr (GVariant) state = vmp_job_get_property_value (job, "JobState");
  g_autoptr (GVariant) error_name = vmp_job_get_property_value (job, "ErrorName");

  emit (data, path, "org.vmport.Job", "Finished", g_variant_new ("(@q@s)", state, error_name));
}

static VmpMachines *
manager_of_job (VmpBus *self, VmpJob *job)
{
  g_autofree char *id = vmp_name_escape (vmp_job_get_manager (job));

  return find_manager (self, id);
}

static void
follow_job (VmpBus *self, VmpJob *job)
{
  g_signal_connect_object (job, "progress", G_CALLBACK (on_job_progress), self, 0);
  g_signal_connect_object (job, "finished", G_CALLBACK (on_job_finished), self, 0);
}

static void
on_job_added (VmpJobs *jobs, VmpJob *job, gpointer data)
{
  g_autofree char *path = vmp_bus_job_path (vmp_job_get_number (job));
  VmpMachines *machines = manager_of_job (data, job);

  follow_job (data, job);
  if (machines != NULL)
    emit_of_manager (data, machines, "JobAdded", path);
}

static void
on_job_removed (VmpJobs *jobs, VmpJob *job, gpointer data)
{
  g_autofree char *path = vmp_bus_job_path (vmp_job_get_number (job));
  VmpMachines *machines = manager_of_job (data, job);

  if (machines != NULL)
    emit_of_manager (data, machines, "JobRemoved", path);
}

static gboolean
register_all (VmpBus *self, GError **error)
{
  static const GDBusSubtreeVTable manager_vtable = { enumerate_managers, introspect_manager,
                                                     dispatch };
  static const GDBusSubtreeVTable job_vtable = { enumerate_jobs, introspect_job, dispatch };

  self->daemon = g_dbus_connection_register_object (self->connection, ROOT,
                                                    vmport_dbus_daemon_interface_info (),
                                                    &call_vtable, self, NULL, error);
  if (self->daemon == 0 || !add_subtree (self, MANAGER_ROOT, &manager_vtable, error)
      || !add_subtree (self, JOB_ROOT, &job_vtable, error))
    return FALSE;
  for (guint i = 0; i < self->managers->len; i++)
    if (!add_manager_subtrees (self, g_ptr_array_index (self->managers, i), error))
      return FALSE;
  return TRUE;
}

/* Puts the objects on @connection; the caller takes the name afterwards. */
VmpBus *
vmp_bus_new (GDBusConnection *connection, VmpJobs *jobs, GPtrArray *managers, gboolean session,
             GError **error)
{
  g_autoptr (VmpBus) self = g_object_new (VMP_TYPE_BUS, NULL);
  g_autoptr (GPtrArray) restored = vmp_jobs_list (jobs);

  self->connection = g_object_ref (connection);
  self->authority = vmp_authority_new (session);
  self->callers = vmp_callers_new (connection, session);
  self->jobs = g_object_ref (jobs);
  self->managers = g_ptr_array_ref (managers);
  if (!register_all (self, error))
    return NULL;
  for (guint i = 0; i < restored->len; i++)
    follow_job (self, g_ptr_array_index (restored, i));
  g_signal_connect_object (jobs, "added", G_CALLBACK (on_job_added), self, 0);
  g_signal_connect_object (jobs, "removed", G_CALLBACK (on_job_removed), self, 0);
  for (guint i = 0; i < managers->len; i++)
    {
      VmpMachines *machines = g_ptr_array_index (managers, i);

      g_signal_connect_object (machines, "added", G_CALLBACK (on_machine_added), self, 0);
      g_signal_connect_object (machines, "removed", G_CALLBACK (on_machine_removed), self, 0);
      g_signal_connect_object (machines, "changed", G_CALLBACK (on_machine_changed), self, 0);
      g_signal_connect_object (machines, "available", G_CALLBACK (on_available), self, 0);
    }
  return g_steal_pointer (&self);
}

/* Ends the jobs of an earlier daemon for those who listen. They do so by the name, so not before this
 * daemon has it. */
void
vmp_bus_tell_interruptions (VmpBus *self)
{
  g_autoptr (GPtrArray) jobs = vmp_jobs_list (self->jobs);

  for (guint i = 0; i < jobs->len; i++)
    vmp_job_tell_interruption (g_ptr_array_index (jobs, i));
}

void
vmp_bus_return_properties (VmpRequest *request, GDBusInterfaceInfo *interface, VmpGetProperty get)
{
  GVariant *parameters = vmp_request_get_parameters (request);
  GVariantBuilder all;
  const char *property;

  if (strcmp (g_dbus_method_invocation_get_method_name (request->invocation), "Get") == 0)
    {
      g_autoptr (GVariant) value = NULL;

      g_variant_get (parameters, "(&s&s)", NULL, &property);
      value = get (request, property);
      vmp_request_return (request, g_variant_new ("(v)", value));
      return;
    }
  g_variant_builder_init (&all, G_VARIANT_TYPE_VARDICT);
  for (guint i = 0; interface->properties[i] != NULL; i++)
    {
      g_autoptr (GVariant) value = get (request, interface->properties[i]->name);

      g_variant_builder_add (&all, "{sv}", interface->properties[i]->name, value);
    }
  vmp_request_return (request, g_variant_new ("(a{sv})", &all));
}
