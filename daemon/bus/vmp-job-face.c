/* org.vmport.Job: how far it is, how it ended, and what its owner may do with it. */
#include "config.h"

#include <glib/gi18n-lib.h>
#include <string.h>

#include "vmp-error.h"
#include "vmp-request.h"
#include "vmport-dbus.h"

#define INTERFACE "org.vmport.Job"

static GVariant *
get_property (VmpRequest *request, const char *property)
{
  GPtrArray *managers = vmp_bus_get_managers (request->bus);
  const char *id = vmp_job_get_manager (request->job);
  g_autofree char *path = NULL;

  if (strcmp (property, "Manager") != 0)
    return vmp_job_get_property_value (request->job, property);
  for (guint i = 0; i < managers->len && path == NULL; i++)
    if (strcmp (vmp_machines_get_id (g_ptr_array_index (managers, i)), id) == 0)
      path = vmp_bus_manager_path (g_ptr_array_index (managers, i));
  return g_variant_ref_sink (g_variant_new_object_path (path != NULL ? path : "/"));
}

static void
serve_properties (VmpRequest *request)
{
  vmp_bus_return_properties (request, vmport_dbus_job_interface_info (), get_property);
}

/* Somebody who waits: until the job ends, the time is over, or it leaves the bus. */
typedef struct
{
  VmpRequest *request;
  gulong finished;
  gulong gone;
  guint timeout;
} Waiter;

static void
return_outcome (VmpRequest *request)
{
  const GError *error = vmp_job_get_error (request->job);

  if (error != NULL)
    vmp_request_return_error (request, g_error_copy (error));
  else
    vmp_request_return (request,
                        g_variant_new ("(@a{sv})", vmp_job_get_result (request->job)));
}

static VmpRequest *
waiter_end (Waiter *waiter)
{
  VmpRequest *request = waiter->request;

  g_clear_signal_handler (&waiter->finished, request->job);
  g_clear_signal_handler (&waiter->gone, vmp_caller_get_cancellable (request->caller));
  g_clear_handle_id (&waiter->timeout, g_source_remove);
  g_free (waiter);
  return request;
}

static void
on_finished (VmpJob *job, gpointer data)
{
  return_outcome (waiter_end (data));
}

static void
return_timeout (VmpRequest *request)
{
  vmp_request_return_error (request,
                            g_error_new_literal (VMPORT_ERROR, VMPORT_ERROR_TIMEOUT,
                                                 _ ("The job has not ended yet; wait again")));
}

static gboolean
on_timeout (gpointer data)
{
  Waiter *waiter = data;

  waiter->timeout = 0;
  return_timeout (waiter_end (waiter));
  return G_SOURCE_REMOVE;
}

static void
on_gone (GCancellable *cancellable, gpointer data)
{
  /* The answer goes to nobody; it only ends the request. */
  return_timeout (waiter_end (data));
}

static gboolean
parse_wait (VmpRequest *request, GError **error)
{
  g_variant_get (vmp_request_get_parameters (request), "(@a{sv})", &request->options);
  return vmp_request_check_options (request, request->options, error, "TimeoutUSec", "t", NULL);
}

static void
serve_wait (VmpRequest *request)
{
  guint64 timeout = G_MAXUINT64;
  Waiter *waiter;

  if (vmp_job_is_ended (request->job))
    {
      return_outcome (request);
      return;
    }
  g_variant_lookup (request->options, "TimeoutUSec", "t", &timeout);
  if (timeout == 0)
    {
      return_timeout (request);
      return;
    }
  waiter = g_new0 (Waiter, 1);
  waiter->request = request;
  waiter->finished = g_signal_connect_after (request->job, "finished", G_CALLBACK (on_finished),
                                             waiter);
  waiter->gone = g_signal_connect (vmp_caller_get_cancellable (request->caller), "cancelled",
                                   G_CALLBACK (on_gone), waiter);
  if (timeout / 1000 < G_MAXUINT)
    waiter->timeout = g_timeout_add ((guint) (timeout / 1000), on_timeout, waiter);
}

static void
serve_describe (VmpRequest *request)
{
  g_autoptr (GVariant) description = vmp_job_describe (request->job);

  vmp_request_return (request, g_variant_new ("(@a{sv})", description));
}

static void
serve_cancel (VmpRequest *request)
{
  vmp_job_cancel (request->job);
  vmp_request_return (request, NULL);
}

static gboolean
check_running (VmpRequest *request)
{
  if (!vmp_job_is_ended (request->job))
    return TRUE;
  vmp_request_return_error (request, g_error_new_literal (VMPORT_ERROR, VMPORT_ERROR_INVALID_STATE,
                                                          _ ("The job has ended")));
  return FALSE;
}

static void
serve_suspend (VmpRequest *request)
{
  if (!check_running (request))
    return;
  vmp_job_set_held (request->job, TRUE);
  vmp_request_return (request, NULL);
}

static void
serve_resume (VmpRequest *request)
{
  if (!check_running (request))
    return;
  vmp_job_set_held (request->job, FALSE);
  vmp_request_return (request, NULL);
}

static gboolean
parse_set_limit (VmpRequest *request, GError **error)
{
  g_autoptr (GVariant) options = NULL;

  g_variant_get (vmp_request_get_parameters (request), "(t@a{sv})", NULL, &options);
  return vmp_request_check_options (request, options, error, NULL);
}

static void
serve_set_limit (VmpRequest *request)
{
  guint64 limit;

  if (!check_running (request))
    return;
  g_variant_get (vmp_request_get_parameters (request), "(t@a{sv})", &limit, NULL);
  vmp_job_set_limit (request->job, limit);
  vmp_request_return (request, NULL);
}

static void
serve_release (VmpRequest *request)
{
  g_autoptr (GError) error = NULL;

  if (vmp_jobs_release (vmp_bus_get_jobs (request->bus), request->job, &error))
    vmp_request_return (request, NULL);
  else
    vmp_request_return_error (request, g_steal_pointer (&error));
}

const VmpHandler vmp_job_handlers[] = {
  { INTERFACE, VMP_POLICY_PROPERTIES, NULL, serve_properties },
  { INTERFACE, "Wait", parse_wait, serve_wait },
  { INTERFACE, "Describe", NULL, serve_describe },
  { INTERFACE, "Cancel", NULL, serve_cancel },
  { INTERFACE, "Suspend", NULL, serve_suspend },
  { INTERFACE, "Resume", NULL, serve_resume },
  { INTERFACE, "SetBandwidthLimit", parse_set_limit, serve_set_limit },
  { INTERFACE, "Release", NULL, serve_release },
  { NULL },
};
