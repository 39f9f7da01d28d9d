/* Waiting for a job, and steering it. */
#include "config.h"

#include "vmport-job.h"

#include "vmp-client-private.h"

/* How often Wait is asked again while the daemon is away, and how long between. */
#define WAIT_RETRIES 30
#define WAIT_RETRY_MSEC 1000

static VmpCall
job_call (VmportJob *self, const char *method, GVariant *parameters, const char *reply_type)
{
  return (VmpCall){ .path = vmport_job_get_object_path (self),
                    .interface = VMP_JOB_INTERFACE,
                    .method = method,
                    .parameters = parameters,
                    .reply_type = reply_type,
                    .kind = VMP_CALL_LONG };
}

/* The call of a method that takes options alone. */
static VmpCall
plain_call (VmportJob *self, const char *method, const char *reply_type)
{
  return job_call (self, method, g_variant_new ("(@a{sv})", vmp_client_vardict (NULL)),
                   reply_type);
}

static gboolean
take_done (GVariant *reply)
{
  g_autoptr (GVariant) owned = reply;

  return owned != NULL;
}

static GVariant *
take_dictionary (GVariant *reply)
{
  g_autoptr (GVariant) owned = reply;

  return owned != NULL ? g_variant_get_child_value (owned, 0) : NULL;
}

/* A daemon that went away is asked again: the bus starts it, and it remembers its jobs. Decided by
 * the error as it came, for a job may itself have failed with NotAvailable. */
static gboolean
may_ask_again (const GError *error, guint *retries, gint64 asked_at)
{
  if (!vmp_client_error_is_daemon_gone (error))
    return FALSE;
  /* One that stayed for a while and went away again starts a new count. */
  if (g_get_monotonic_time () - asked_at > 10 * G_USEC_PER_SEC)
    *retries = 0;
  return (*retries)++ < WAIT_RETRIES;
}

static VmpCall
wait_call (VmportJob *self)
{
  VmpCall call = plain_call (self, "Wait", "(a{sv})");

  call.raw_errors = TRUE;
  return call;
}

typedef struct
{
  guint retries;
  gint64 asked_at;
} Wait;

static void wait_ask (GTask *task);

static gboolean
wait_again_cb (gpointer user_data)
{
  GTask *task = user_data;
  GError *error = NULL;

  if (g_cancellable_set_error_if_cancelled (g_task_get_cancellable (task), &error))
    g_task_return_error (task, error);
  else
    wait_ask (g_object_ref (task));
  return G_SOURCE_REMOVE;
}

static gboolean
wait_cancelled_cb (GCancellable *cancellable, gpointer user_data)
{
  return G_SOURCE_CONTINUE;
}

/* Takes the task, and asks again after a pause that the cancellable cuts short. */
static void
wait_pause (GTask *task)
{
  g_autoptr (GSource) timer = g_timeout_source_new (WAIT_RETRY_MSEC);
  GCancellable *cancellable = g_task_get_cancellable (task);

  if (cancellable != NULL)
    {
      g_autoptr (GSource) cancelled = g_cancellable_source_new (cancellable);

      /* A child source that is ready makes its parent ready. */
      g_source_set_callback (cancelled, G_SOURCE_FUNC (wait_cancelled_cb), NULL, NULL);
      g_source_add_child_source (timer, cancelled);
    }
  g_source_set_callback (timer, wait_again_cb, task, g_object_unref);
  g_source_attach (timer, g_task_get_context (task));
}

static void
wait_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  Wait *wait = g_task_get_task_data (task);
  GError *error = NULL;
  GVariant *reply = g_task_propagate_pointer (G_TASK (result), &error);

  if (reply != NULL)
    g_task_return_pointer (task, take_dictionary (reply), (GDestroyNotify) g_variant_unref);
  else if (may_ask_again (error, &wait->retries, wait->asked_at))
    {
      g_error_free (error);
      wait_pause (g_steal_pointer (&task));
    }
  else
    g_task_return_error (task, vmp_client_error_take_remote (error));
}

/* Takes the task. */
static void
wait_ask (GTask *task)
{
  VmportJob *self = g_task_get_source_object (task);
  Wait *wait = g_task_get_task_data (task);
  VmpCall call = wait_call (self);

  wait->asked_at = g_get_monotonic_time ();
  vmp_client_call (vmp_client_task_new (self, wait_ask, g_task_get_cancellable (task), wait_cb,
                                        task),
                   vmp_client_job_get_client (self), &call, NULL);
}

/**
 * vmport_job_wait:
 * @self: a job
 * @cancellable: (nullable): a cancellable; it ends the waiting, not the job
 * @callback: called when the job has ended
 * @user_data: for @callback
 *
 * Waits until the job has ended, however long that takes; comes back at once for one that had
 * ended before. A daemon that is restarted meanwhile is asked again.
 */
void
vmport_job_wait (VmportJob *self, GCancellable *cancellable, GAsyncReadyCallback callback,
                 gpointer user_data)
{
  GTask *task;

  g_return_if_fail (VMPORT_IS_JOB (self));

  task = vmp_client_task_new (self, vmport_job_wait, cancellable, callback, user_data);
  g_task_set_task_data (task, g_new0 (Wait, 1), g_free);
  wait_ask (task);
}

/**
 * vmport_job_wait_finish:
 * @self: a job
 * @result: the result
 * @error: return location for an error
 *
 * Finishes [method@Job.wait]. A job that failed gives its own error, mostly of %VMPORT_ERROR; one
 * that was cancelled gives %VMPORT_ERROR_CANCELLED, while %G_IO_ERROR_CANCELLED says that the
 * waiting was.
 *
 * Returns: (transfer full): the result, an `a{sv}`: `ExportPath s` or `ImportedVirtualMachine o`,
 *   counts such as `BytesCopied t` and `Files u`, and `Warnings aa{sv}`; or %NULL with @error set
 */
GVariant *
vmport_job_wait_finish (VmportJob *self, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), NULL);

  return g_task_propagate_pointer (G_TASK (result), error);
}

/* A pause that @cancellable cuts short. */
static void
pause_sync (GCancellable *cancellable)
{
  GPollFD fd;

  if (cancellable == NULL || !g_cancellable_make_pollfd (cancellable, &fd))
    {
      g_usleep (WAIT_RETRY_MSEC * 1000);
      return;
    }
  g_poll (&fd, 1, WAIT_RETRY_MSEC);
  g_cancellable_release_fd (cancellable);
}

/**
 * vmport_job_wait_sync:
 * @self: a job
 * @cancellable: (nullable): a cancellable; it ends the waiting, not the job
 * @error: return location for an error
 *
 * As [method@Job.wait], waiting for the result. Without a running main context, the properties of
 * @self stay as they are.
 *
 * Returns: (transfer full): the result, as from [method@Job.wait_finish], or %NULL with @error set
 */
GVariant *
vmport_job_wait_sync (VmportJob *self, GCancellable *cancellable, GError **error)
{
  guint retries = 0;

  g_return_val_if_fail (VMPORT_IS_JOB (self), NULL);

  for (;;)
    {
      g_autoptr (GError) local = NULL;
      gint64 asked_at = g_get_monotonic_time ();
      VmpCall call = wait_call (self);
      GVariant *reply = vmp_client_call_sync (vmp_client_job_get_client (self), &call,
                                              cancellable, &local);

      if (reply != NULL)
        return take_dictionary (reply);
      if (!may_ask_again (local, &retries, asked_at))
        {
          g_propagate_error (error, vmp_client_error_take_remote (g_steal_pointer (&local)));
          return NULL;
        }
      pause_sync (cancellable);
      if (g_cancellable_set_error_if_cancelled (cancellable, error))
        return NULL;
    }
}

/**
 * vmport_job_describe:
 * @self: a job
 * @cancellable: (nullable): a cancellable
 * @callback: called with the result
 * @user_data: for @callback
 *
 * Asks for what only those who may steer the job learn: `VirtualMachine s`, `Directory s`,
 * `CurrentFile s`, `Message s`, `Findings aa{sv}` and `Leftovers as`, as far as they apply.
 */
void
vmport_job_describe (VmportJob *self, GCancellable *cancellable, GAsyncReadyCallback callback,
                     gpointer user_data)
{
  VmpCall call;

  g_return_if_fail (VMPORT_IS_JOB (self));

  call = plain_call (self, "Describe", "(a{sv})");
  vmp_client_call (
    vmp_client_task_new (self, vmport_job_describe, cancellable, callback, user_data),
    vmp_client_job_get_client (self), &call, NULL);
}

/**
 * vmport_job_describe_finish:
 * @self: a job
 * @result: the result
 * @error: return location for an error
 *
 * Finishes [method@Job.describe]; %G_DBUS_ERROR_ACCESS_DENIED for somebody else's job.
 *
 * Returns: (transfer full): an `a{sv}`, or %NULL with @error set
 */
GVariant *
vmport_job_describe_finish (VmportJob *self, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), NULL);

  return take_dictionary (g_task_propagate_pointer (G_TASK (result), error));
}

/**
 * vmport_job_describe_sync:
 * @self: a job
 * @cancellable: (nullable): a cancellable
 * @error: return location for an error
 *
 * As [method@Job.describe], waiting for the result.
 *
 * Returns: (transfer full): an `a{sv}`, or %NULL with @error set
 */
GVariant *
vmport_job_describe_sync (VmportJob *self, GCancellable *cancellable, GError **error)
{
  VmpCall call;

  g_return_val_if_fail (VMPORT_IS_JOB (self), NULL);

  call = plain_call (self, "Describe", "(a{sv})");
  return take_dictionary (
    vmp_client_call_sync (vmp_client_job_get_client (self), &call, cancellable, error));
}

/**
 * vmport_job_cancel:
 * @self: a job
 * @cancellable: (nullable): a cancellable
 * @callback: called with the result
 * @user_data: for @callback
 *
 * Asks the job to stop and to undo what it did. That it is done is told by
 * %VMPORT_JOB_STATE_TERMINATED. Safe to repeat, and no error for a job that has just ended.
 */
void
vmport_job_cancel (VmportJob *self, GCancellable *cancellable, GAsyncReadyCallback callback,
                   gpointer user_data)
{
  VmpCall call;

  g_return_if_fail (VMPORT_IS_JOB (self));

  call = plain_call (self, "Cancel", "()");
  vmp_client_call (
    vmp_client_task_new (self, vmport_job_cancel, cancellable, callback, user_data),
    vmp_client_job_get_client (self), &call, NULL);
}

/**
 * vmport_job_cancel_finish:
 * @self: a job
 * @result: the result
 * @error: return location for an error
 *
 * Finishes [method@Job.cancel].
 *
 * Returns: %TRUE, or %FALSE with @error set
 */
gboolean
vmport_job_cancel_finish (VmportJob *self, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), FALSE);

  return take_done (g_task_propagate_pointer (G_TASK (result), error));
}

/**
 * vmport_job_cancel_sync:
 * @self: a job
 * @cancellable: (nullable): a cancellable
 * @error: return location for an error
 *
 * As [method@Job.cancel], waiting for the result.
 *
 * Returns: %TRUE, or %FALSE with @error set
 */
gboolean
vmport_job_cancel_sync (VmportJob *self, GCancellable *cancellable, GError **error)
{
  VmpCall call;

  g_return_val_if_fail (VMPORT_IS_JOB (self), FALSE);

  call = plain_call (self, "Cancel", "()");
  return take_done (
    vmp_client_call_sync (vmp_client_job_get_client (self), &call, cancellable, error));
}

/**
 * vmport_job_suspend:
 * @self: a job
 * @cancellable: (nullable): a cancellable
 * @callback: called with the result
 * @user_data: for @callback
 *
 * Stops the job from moving bytes until [method@Job.resume]. Safe to repeat.
 */
void
vmport_job_suspend (VmportJob *self, GCancellable *cancellable, GAsyncReadyCallback callback,
                    gpointer user_data)
{
  VmpCall call;

  g_return_if_fail (VMPORT_IS_JOB (self));

  call = plain_call (self, "Suspend", "()");
  vmp_client_call (
    vmp_client_task_new (self, vmport_job_suspend, cancellable, callback, user_data),
    vmp_client_job_get_client (self), &call, NULL);
}

/**
 * vmport_job_suspend_finish:
 * @self: a job
 * @result: the result
 * @error: return location for an error
 *
 * Finishes [method@Job.suspend]; %VMPORT_ERROR_INVALID_STATE for a job that has ended.
 *
 * Returns: %TRUE, or %FALSE with @error set
 */
gboolean
vmport_job_suspend_finish (VmportJob *self, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), FALSE);

  return take_done (g_task_propagate_pointer (G_TASK (result), error));
}

/**
 * vmport_job_suspend_sync:
 * @self: a job
 * @cancellable: (nullable): a cancellable
 * @error: return location for an error
 *
 * As [method@Job.suspend], waiting for the result.
 *
 * Returns: %TRUE, or %FALSE with @error set
 */
gboolean
vmport_job_suspend_sync (VmportJob *self, GCancellable *cancellable, GError **error)
{
  VmpCall call;

  g_return_val_if_fail (VMPORT_IS_JOB (self), FALSE);

  call = plain_call (self, "Suspend", "()");
  return take_done (
    vmp_client_call_sync (vmp_client_job_get_client (self), &call, cancellable, error));
}

/**
 * vmport_job_resume:
 * @self: a job
 * @cancellable: (nullable): a cancellable
 * @callback: called with the result
 * @user_data: for @callback
 *
 * Lets a suspended job go on. Safe to repeat.
 */
void
vmport_job_resume (VmportJob *self, GCancellable *cancellable, GAsyncReadyCallback callback,
                   gpointer user_data)
{
  VmpCall call;

  g_return_if_fail (VMPORT_IS_JOB (self));

  call = plain_call (self, "Resume", "()");
  vmp_client_call (
    vmp_client_task_new (self, vmport_job_resume, cancellable, callback, user_data),
    vmp_client_job_get_client (self), &call, NULL);
}

/**
 * vmport_job_resume_finish:
 * @self: a job
 * @result: the result
 * @error: return location for an error
 *
 * Finishes [method@Job.resume]; %VMPORT_ERROR_INVALID_STATE for a job that has ended.
 *
 * Returns: %TRUE, or %FALSE with @error set
 */
gboolean
vmport_job_resume_finish (VmportJob *self, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), FALSE);

  return take_done (g_task_propagate_pointer (G_TASK (result), error));
}

/**
 * vmport_job_resume_sync:
 * @self: a job
 * @cancellable: (nullable): a cancellable
 * @error: return location for an error
 *
 * As [method@Job.resume], waiting for the result.
 *
 * Returns: %TRUE, or %FALSE with @error set
 */
gboolean
vmport_job_resume_sync (VmportJob *self, GCancellable *cancellable, GError **error)
{
  VmpCall call;

  g_return_val_if_fail (VMPORT_IS_JOB (self), FALSE);

  call = plain_call (self, "Resume", "()");
  return take_done (
    vmp_client_call_sync (vmp_client_job_get_client (self), &call, cancellable, error));
}

static VmpCall
bandwidth_call (VmportJob *self, guint64 bandwidth_limit)
{
  return job_call (self, "SetBandwidthLimit",
                   g_variant_new ("(t@a{sv})", bandwidth_limit, vmp_client_vardict (NULL)), "()");
}

/**
 * vmport_job_set_bandwidth_limit:
 * @self: a job
 * @bandwidth_limit: bytes a second for the whole job; 0 for no limit
 * @cancellable: (nullable): a cancellable
 * @callback: called with the result
 * @user_data: for @callback
 *
 * Sets how fast the job may be, at any time.
 */
void
vmport_job_set_bandwidth_limit (VmportJob *self, guint64 bandwidth_limit,
                                GCancellable *cancellable, GAsyncReadyCallback callback,
                                gpointer user_data)
{
  VmpCall call;

  g_return_if_fail (VMPORT_IS_JOB (self));

  call = bandwidth_call (self, bandwidth_limit);
  vmp_client_call (
    vmp_client_task_new (self, vmport_job_set_bandwidth_limit, cancellable, callback, user_data),
    vmp_client_job_get_client (self), &call, NULL);
}

/**
 * vmport_job_set_bandwidth_limit_finish:
 * @self: a job
 * @result: the result
 * @error: return location for an error
 *
 * Finishes [method@Job.set_bandwidth_limit]; %VMPORT_ERROR_INVALID_STATE for a job that has ended.
 *
 * Returns: %TRUE, or %FALSE with @error set
 */
gboolean
vmport_job_set_bandwidth_limit_finish (VmportJob *self, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), FALSE);

  return take_done (g_task_propagate_pointer (G_TASK (result), error));
}

/**
 * vmport_job_set_bandwidth_limit_sync:
 * @self: a job
 * @bandwidth_limit: bytes a second for the whole job; 0 for no limit
 * @cancellable: (nullable): a cancellable
 * @error: return location for an error
 *
 * As [method@Job.set_bandwidth_limit], waiting for the result.
 *
 * Returns: %TRUE, or %FALSE with @error set
 */
gboolean
vmport_job_set_bandwidth_limit_sync (VmportJob *self, guint64 bandwidth_limit,
                                     GCancellable *cancellable, GError **error)
{
  VmpCall call;

  g_return_val_if_fail (VMPORT_IS_JOB (self), FALSE);

  call = bandwidth_call (self, bandwidth_limit);
  return take_done (
    vmp_client_call_sync (vmp_client_job_get_client (self), &call, cancellable, error));
}

/**
 * vmport_job_release:
 * @self: a job
 * @cancellable: (nullable): a cancellable
 * @callback: called with the result
 * @user_data: for @callback
 *
 * Lets the daemon forget a job that has ended before its time is up.
 */
void
vmport_job_release (VmportJob *self, GCancellable *cancellable, GAsyncReadyCallback callback,
                    gpointer user_data)
{
  VmpCall call;

  g_return_if_fail (VMPORT_IS_JOB (self));

  call = plain_call (self, "Release", "()");
  vmp_client_call (
    vmp_client_task_new (self, vmport_job_release, cancellable, callback, user_data),
    vmp_client_job_get_client (self), &call, NULL);
}

/**
 * vmport_job_release_finish:
 * @self: a job
 * @result: the result
 * @error: return location for an error
 *
 * Finishes [method@Job.release]; %VMPORT_ERROR_INVALID_STATE for one that has not.
 *
 * Returns: %TRUE, or %FALSE with @error set
 */
gboolean
vmport_job_release_finish (VmportJob *self, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), FALSE);

  return take_done (g_task_propagate_pointer (G_TASK (result), error));
}

/**
 * vmport_job_release_sync:
 * @self: a job
 * @cancellable: (nullable): a cancellable
 * @error: return location for an error
 *
 * As [method@Job.release], waiting for the result.
 *
 * Returns: %TRUE, or %FALSE with @error set
 */
gboolean
vmport_job_release_sync (VmportJob *self, GCancellable *cancellable, GError **error)
{
  VmpCall call;

  g_return_val_if_fail (VMPORT_IS_JOB (self), FALSE);

  call = plain_call (self, "Release", "()");
  return take_done (
    vmp_client_call_sync (vmp_client_job_get_client (self), &call, cancellable, error));
}
