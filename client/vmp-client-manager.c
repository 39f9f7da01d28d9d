/* What the calls of a manager answer with: one value, or the path of a job. */
#include "config.h"

#include "vmp-client-private.h"

static GVariant *
take_value (GVariant *reply)
{
  g_autoptr (GVariant) owned = reply;

  return owned != NULL ? g_variant_get_child_value (owned, 0) : NULL;
}

GVariant *
vmp_client_manager_value_finish (GAsyncResult *result, GError **error)
{
  return take_value (g_task_propagate_pointer (G_TASK (result), error));
}

GVariant *
vmp_client_manager_call_value_sync (VmportManager *self, const VmpCall *call,
                                    GCancellable *cancellable, GError **error)
{
  return take_value (vmp_client_call_sync (vmp_client_manager_get_client (self), call, cancellable,
                                           error));
}

/* A VmpCallNext: the task returns the job. */
void
vmp_client_manager_job_next (GTask *task, GVariant *reply)
{
  VmportManager *self = g_task_get_source_object (task);
  const char *path;

  g_variant_get (reply, "(&o)", &path);
  vmp_client_load_job (task, vmp_client_manager_get_client (self), path);
}

VmportJob *
vmp_client_manager_call_job_sync (VmportManager *self, const VmpCall *call,
                                  GCancellable *cancellable, GError **error)
{
  VmportClient *client = vmp_client_manager_get_client (self);
  g_autoptr (GVariant) reply = vmp_client_call_sync (client, call, cancellable, error);
  const char *path;

  if (reply == NULL)
    return NULL;
  g_variant_get (reply, "(&o)", &path);
  return vmport_client_get_job_sync (client, path, cancellable, error);
}
