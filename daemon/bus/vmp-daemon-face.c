/* org.vmport.Daemon: finds the rest. */
#include "config.h"

#include <string.h>

#include "vmp-request.h"
#include "vmport-dbus.h"

#define INTERFACE "org.vmport.Daemon"

static GVariant *
get_property (VmpRequest *request, const char *property)
{
  GPtrArray *managers = vmp_bus_get_managers (request->bus);
  GVariantBuilder builder;

  if (strcmp (property, "Version") == 0)
    return g_variant_ref_sink (g_variant_new_string (PACKAGE_VERSION));
  g_variant_builder_init (&builder, G_VARIANT_TYPE ("ao"));
  for (guint i = 0; i < managers->len; i++)
    {
      g_autofree char *path = vmp_bus_manager_path (g_ptr_array_index (managers, i));

      g_variant_builder_add (&builder, "o", path);
    }
  return g_variant_ref_sink (g_variant_builder_end (&builder));
}

static void
serve_properties (VmpRequest *request)
{
  vmp_bus_return_properties (request, vmport_dbus_daemon_interface_info (), get_property);
}

static void
return_jobs (VmpRequest *request, gboolean everyones)
{
  g_autoptr (GPtrArray) jobs = vmp_jobs_list (vmp_bus_get_jobs (request->bus));
  GVariantBuilder builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE ("ao"));
  for (guint i = 0; i < jobs->len; i++)
    {
      VmpJob *job = g_ptr_array_index (jobs, i);
      g_autofree char *path = vmp_bus_job_path (vmp_job_get_number (job));

      if (everyones || vmp_job_get_owner (job) == vmp_caller_get_uid (request->caller))
        g_variant_builder_add (&builder, "o", path);
    }
  vmp_request_return (request, g_variant_new ("(ao)", &builder));
}

static void
on_scopes (VmpRequest *request, GHashTable *granted)
{
  return_jobs (request, g_hash_table_contains (granted, ""));
}

/* One's own; everyone's for those who may manage them. Nobody is asked for a password here. */
static void
serve_list_jobs (VmpRequest *request)
{
  GPtrArray *scopes = g_ptr_array_new_with_free_func (g_free);

  g_ptr_array_add (scopes, g_strdup (""));
  vmp_request_check_each_scope (request, VMP_ACTION_MANAGE_JOBS, scopes, on_scopes);
}

const VmpHandler vmp_daemon_handlers[] = {
  { INTERFACE, VMP_POLICY_PROPERTIES, NULL, serve_properties },
  { INTERFACE, "ListJobs", NULL, serve_list_jobs },
  { NULL },
};
