/* org.vmport.Snapshot: what a caller that may view a machine may view of its snapshots. */
#include "config.h"

#include <string.h>

#include "vmp-request.h"
#include "vmport-dbus.h"

#define INTERFACE "org.vmport.Snapshot"

/* The snapshot called, of the machine as it was read after the authorisation; NULL where it is not
 * there. */
static VmpSnapshot *
find_snapshot (VmpRequest *request)
{
  if (request->snapshot == NULL)
    return NULL;
  return vmp_snapshot_list_find (vmp_machine_get_snapshots (request->machine), request->snapshot);
}

static GVariant *
get_parent (VmpRequest *request, VmpSnapshot *snapshot)
{
  const char *parent = vmp_snapshot_get_parent (snapshot);
  g_autofree char *path = NULL;

  if (parent == NULL)
    return g_variant_new_object_path ("/");
  path = vmp_bus_snapshot_path (request->machines, vmp_machine_get_uuid (request->machine), parent);
  return g_variant_new_object_path (path);
}

static GVariant *
get_property (VmpRequest *request, const char *property)
{
  VmpSnapshot *snapshot = find_snapshot (request);
  GVariant *value = NULL;

  if (strcmp (property, "Name") == 0)
    value = g_variant_new_string (vmp_snapshot_get_name (snapshot));
  else if (strcmp (property, "Parent") == 0)
    value = get_parent (request, snapshot);
  else if (strcmp (property, "CreationTime") == 0)
    value = g_variant_new_uint64 (vmp_snapshot_get_creation_time (snapshot) * G_USEC_PER_SEC);
  else if (strcmp (property, "State") == 0)
    value = g_variant_new_string (vmp_snapshot_get_machine_state (snapshot));
  else if (strcmp (property, "Current") == 0)
    value = g_variant_new_boolean (vmp_snapshot_is_current (snapshot));
  else if (strcmp (property, "Storage") == 0)
    value = g_variant_new_string (
        vmp_snapshot_get_storage (snapshot) == VMP_SNAPSHOT_EXTERNAL ? "external" : "internal");
  g_return_val_if_fail (value != NULL, NULL);
  return g_variant_ref_sink (value);
}

static void
serve_properties (VmpRequest *request)
{
  if (find_snapshot (request) == NULL)
    vmp_request_return_no_such_machine (request);
  else
    vmp_bus_return_properties (request, vmport_dbus_snapshot_interface_info (), get_property);
}

const VmpHandler vmp_snapshot_handlers[] = {
  { INTERFACE, VMP_POLICY_PROPERTIES, NULL, serve_properties },
  { NULL },
};
