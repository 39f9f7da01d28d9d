/* org.vmport.VirtualMachine: what a caller may view of a machine, and do with it. */
#include "config.h"

#include "vmp-machine-face.h"

#include <glib/gi18n-lib.h>
#include <string.h>

#include "vmp-delete.h"
#include "vmp-error.h"
#include "vmp-name.h"
#include "vmp-request.h"
#include "vmp-scope-change.h"
#include "vmport-dbus.h"

#define INTERFACE "org.vmport.VirtualMachine"

static GVariant *
get_active_job (VmpMachines *machines, const char *uuid)
{
  guint number = vmp_machines_get_holder (machines, uuid);
  g_autofree char *path = NULL;

  if (number == 0 || number == VMP_MACHINES_NO_JOB)
    return g_variant_new_object_path ("/");
  path = vmp_bus_job_path (number);
  return g_variant_new_object_path (path);
}

static GVariant *
get_snapshots (VmpMachines *machines, VmpMachine *machine)
{
  GPtrArray *snapshots = vmp_machine_get_snapshots (machine);
  GVariantBuilder paths;

  g_variant_builder_init (&paths, G_VARIANT_TYPE_OBJECT_PATH_ARRAY);
  for (guint i = 0; i < snapshots->len; i++)
    {
      VmpSnapshot *snapshot = g_ptr_array_index (snapshots, i);
      g_autofree char *path = vmp_bus_snapshot_path (machines, vmp_machine_get_uuid (machine),
                                                     vmp_snapshot_get_name (snapshot));

      g_variant_builder_add (&paths, "o", path);
    }
  return g_variant_builder_end (&paths);
}

/* Full reference. */
GVariant *
vmp_machine_face_get_property (VmpMachines *machines, VmpMachine *machine, const char *property)
{
  g_autofree char *manager = NULL;
  g_auto (GStrv) list = NULL;
  GVariant *value = NULL;

  if (strcmp (property, "Manager") == 0)
    {
      manager = vmp_bus_manager_path (machines);
      value = g_variant_new_object_path (manager);
    }
  else if (strcmp (property, "Uuid") == 0)
    value = g_variant_new_string (vmp_machine_get_uuid (machine));
  else if (strcmp (property, "Name") == 0)
    value = g_variant_new_string (vmp_machine_get_name (machine));
  else if (strcmp (property, "State") == 0)
    value = g_variant_new_string (vmp_machine_get_state (machine));
  else if (strcmp (property, "SecurityScope") == 0)
    value = g_variant_new_string (vmp_machine_get_scope (machine));
  else if (strcmp (property, "ResourcePaths") == 0)
    {
      list = vmp_machine_get_resource_paths (machine);
      value = g_variant_new_strv ((const char *const *) list, -1);
    }
  else if (strcmp (property, "NetworkConnections") == 0)
    {
      list = vmp_machine_get_network_connections (machine);
      value = g_variant_new_strv ((const char *const *) list, -1);
    }
  else if (strcmp (property, "Snapshots") == 0)
    value = get_snapshots (machines, machine);
  else if (strcmp (property, "ActiveJob") == 0)
    value = get_active_job (machines, vmp_machine_get_uuid (machine));
  g_return_val_if_fail (value != NULL, NULL);
  return g_variant_ref_sink (value);
}

/* All properties, a{sv}, floating. */
GVariant *
vmp_machine_face_get_all (VmpMachines *machines, VmpMachine *machine)
{
  GDBusInterfaceInfo *interface = vmport_dbus_virtual_machine_interface_info ();
  GVariantBuilder all;

  g_variant_builder_init (&all, G_VARIANT_TYPE_VARDICT);
  for (guint i = 0; interface->properties[i] != NULL; i++)
    {
      const char *name = interface->properties[i]->name;
      g_autoptr (GVariant) value = vmp_machine_face_get_property (machines, machine, name);

      g_variant_builder_add (&all, "{sv}", name, value);
    }
  return g_variant_builder_end (&all);
}

static GVariant *
get_property (VmpRequest *request, const char *property)
{
  return vmp_machine_face_get_property (request->machines, request->machine, property);
}

static void
serve_properties (VmpRequest *request)
{
  vmp_bus_return_properties (request, vmport_dbus_virtual_machine_interface_info (),
                             get_property);
}

static void
serve_get_configuration (VmpRequest *request)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *xml = NULL;

  if (!vmp_machine_check_flaw (request->machine, &error))
    {
      vmp_request_return_error (request, g_steal_pointer (&error));
      return;
    }
  xml = vmp_domain_to_xml (vmp_machine_get_domain (request->machine));
  vmp_request_return (request, g_variant_new ("(s)", xml));
}

static gboolean
hold_machine (VmpRequest *request)
{
  if (vmp_machines_hold (request->machines, vmp_machine_get_uuid (request->machine),
                         VMP_MACHINES_NO_JOB))
    return TRUE;
  vmp_request_return_error (
      request, g_error_new_literal (VMPORT_ERROR, VMPORT_ERROR_IN_USE,
                                    _ ("A job has the virtual machine; wait for it, or cancel "
                                       "it")));
  return FALSE;
}

static gboolean
parse_set_scope (VmpRequest *request, GError **error)
{
  g_variant_get (vmp_request_get_parameters (request), "(&s@a{sv})", &request->scope,
                 &request->options);
  if (request->scope[0] != '\0' && !vmp_name_is_scope (request->scope))
    return vmp_error_set (error, VMPORT_ERROR_INVALID_PARAMETER,
                          _ ("“%s” is no name that a security scope could have"), request->scope);
  return vmp_request_check_options (request, request->options, error, NULL);
}

static void
on_scope_set (GObject *source, GAsyncResult *result, gpointer data)
{
  VmpRequest *request = data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply = vmp_jobs_run_aside_finish (VMP_JOBS (source), result, &error);
  static const char *const properties[] = { "SecurityScope", NULL };
  const char *uuid = vmp_machine_get_uuid (request->machine);

  /* Some have lost sight of it, others may see it now. */
  if (reply != NULL)
    {
      vmp_machines_emit_removed (request->machines, uuid);
      vmp_machines_emit_added (request->machines, uuid);
      vmp_machines_emit_changed (request->machines, uuid, properties);
    }
  vmp_machines_let_go (request->machines, uuid);
  if (reply == NULL)
    vmp_request_return_error (request, g_steal_pointer (&error));
  else
    vmp_request_return (request, NULL);
}

static void
serve_set_scope (VmpRequest *request)
{
  g_autoptr (GError) error = NULL;

  if (!vmp_scopes_check_defined (vmp_machines_get_scopes (request->machines), request->scope,
                                 &error))
    {
      vmp_request_return_error (request, g_steal_pointer (&error));
      return;
    }
  if (strcmp (vmp_machine_get_scope (request->machine), request->scope) == 0)
    {
      vmp_request_return (request, NULL);
      return;
    }
  if (!hold_machine (request))
    return;
  /* Goes on when the caller leaves, who may not know then whether it was done. */
  vmp_jobs_run_aside (vmp_bus_get_jobs (request->bus), request->machines,
                      vmp_caller_get_identity (request->caller), vmp_scope_change_work,
                      vmp_scope_change_new (request->uuid, request->scope),
                      (GDestroyNotify) vmp_scope_change_free, NULL, on_scope_set, request);
}

static gboolean
parse_delete (VmpRequest *request, GError **error)
{
  g_variant_get (vmp_request_get_parameters (request), "(@a{sv})", &request->options);
  return vmp_request_check_options (request, request->options, error, "DeleteStorage", "b", NULL);
}

static void
on_deleted (GObject *source, GAsyncResult *result, gpointer data)
{
  VmpRequest *request = data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply = vmp_jobs_run_aside_finish (VMP_JOBS (source), result, &error);
  const char *uuid = vmp_machine_get_uuid (request->machine);

  vmp_machines_let_go (request->machines, uuid);
  if (reply == NULL)
    {
      vmp_request_return_error (request, g_steal_pointer (&error));
      return;
    }
  vmp_machines_forget (request->machines, uuid);
  vmp_machines_emit_removed (request->machines, uuid);
  vmp_request_return (request, NULL);
}

static void
serve_delete (VmpRequest *request)
{
  gboolean delete_storage = FALSE;
  VmpDeletePlan *plan;

  if (!hold_machine (request))
    return;
  g_variant_lookup (request->options, "DeleteStorage", "b", &delete_storage);
  plan = vmp_delete_plan_new (request->machines, request->machine, delete_storage);
  /* Goes on when the caller leaves: half a deletion helps nobody. */
  vmp_jobs_run_aside (vmp_bus_get_jobs (request->bus), request->machines,
                      vmp_caller_get_identity (request->caller), vmp_delete_work, plan,
                      (GDestroyNotify) vmp_delete_plan_free, NULL, on_deleted, request);
}

const VmpHandler vmp_machine_handlers[] = {
  { INTERFACE, VMP_POLICY_PROPERTIES, NULL, serve_properties },
  { INTERFACE, "GetConfiguration", NULL, serve_get_configuration },
  { INTERFACE, "SetSecurityScope", parse_set_scope, serve_set_scope, .reads_scopes = TRUE },
  { INTERFACE, "Delete", parse_delete, serve_delete },
  { NULL },
};
