/* A job of the daemon's, followed live. */
#include "config.h"

#include "vmport-job.h"

#include "vmp-client-private.h"
#include "vmport-enums.h"

/**
 * VmportJob:
 *
 * A job of the daemon's: an export, an import or a verification.
 *
 * Its properties follow the daemon's signals, so they need a running main context. The object
 * subscribes to them before it reads the properties for the first time; so nothing is lost
 * between, and a job that has ended meanwhile shows its final state. The job does not depend on
 * this object: it goes on when the program ends.
 *
 * After its end, the daemon remembers a job for some minutes, over a restart too.
 */
struct _VmportJob
{
  GObject parent_instance;

  VmportClient *client;
  VmportDBusJob *proxy;
  /* The daemon has left the bus since the properties were read. */
  gboolean stale;
  gboolean told_finished;
};

enum
{
  PROP_OBJECT_PATH = 1,
  PROP_MANAGER_PATH,
  PROP_OPERATION,
  PROP_OWNER_UID,
  PROP_STATE,
  PROP_ENDED,
  PROP_PERCENT,
  PROP_PHASE,
  PROP_BYTES_DONE,
  PROP_BYTES_TOTAL,
  PROP_BANDWIDTH_LIMIT,
  PROP_START_TIME,
  PROP_END_TIME,
  PROP_CANCELLABLE,
  PROP_ERROR_CODE,
  PROP_ERROR_NAME,
  N_PROPERTIES
};

enum
{
  SIGNAL_PROGRESS,
  SIGNAL_FINISHED,
  N_SIGNALS
};

static GParamSpec *properties[N_PROPERTIES];
static guint signals[N_SIGNALS];

G_DEFINE_FINAL_TYPE (VmportJob, vmport_job, G_TYPE_OBJECT)

static void
vmport_job_finalize (GObject *object)
{
  VmportJob *self = VMPORT_JOB (object);

  if (self->proxy != NULL)
    g_signal_handlers_disconnect_by_data (self->proxy, self);
  g_clear_object (&self->proxy);
  g_clear_object (&self->client);
  G_OBJECT_CLASS (vmport_job_parent_class)->finalize (object);
}

static void
vmport_job_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  VmportJob *self = VMPORT_JOB (object);

  switch (id)
    {
    case PROP_OBJECT_PATH:
      g_value_set_string (value, vmport_job_get_object_path (self));
      break;
    case PROP_MANAGER_PATH:
      g_value_set_string (value, vmport_job_get_manager_path (self));
      break;
    case PROP_OPERATION:
      g_value_set_string (value, vmport_job_get_operation (self));
      break;
    case PROP_OWNER_UID:
      g_value_set_uint (value, vmport_job_get_owner_uid (self));
      break;
    case PROP_STATE:
      g_value_set_enum (value, vmport_job_get_state (self));
      break;
    case PROP_ENDED:
      g_value_set_boolean (value, vmport_job_get_ended (self));
      break;
    case PROP_PERCENT:
      g_value_set_uint (value, vmport_job_get_percent (self));
      break;
    case PROP_PHASE:
      g_value_set_string (value, vmport_job_get_phase (self));
      break;
    case PROP_BYTES_DONE:
      g_value_set_uint64 (value, vmport_job_get_bytes_done (self));
      break;
    case PROP_BYTES_TOTAL:
      g_value_set_uint64 (value, vmport_job_get_bytes_total (self));
      break;
    case PROP_BANDWIDTH_LIMIT:
      g_value_set_uint64 (value, vmport_job_get_bandwidth_limit (self));
      break;
    case PROP_START_TIME:
      g_value_set_uint64 (value, vmport_job_get_start_time (self));
      break;
    case PROP_END_TIME:
      g_value_set_uint64 (value, vmport_job_get_end_time (self));
      break;
    case PROP_CANCELLABLE:
      g_value_set_boolean (value, vmport_job_get_cancellable (self));
      break;
    case PROP_ERROR_CODE:
      g_value_set_uint (value, vmport_job_get_error_code (self));
      break;
    case PROP_ERROR_NAME:
      g_value_set_string (value, vmport_job_get_error_name (self));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
vmport_job_class_init (VmportJobClass *klass)
{
  const GParamFlags flags = G_PARAM_READABLE | G_PARAM_STATIC_STRINGS;
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->finalize = vmport_job_finalize;
  object_class->get_property = vmport_job_get_property;

  /**
   * VmportJob:object-path: (getter get_object_path)
   *
   * Its D-Bus object path.
   */
  properties[PROP_OBJECT_PATH] = g_param_spec_string ("object-path", NULL, NULL, NULL, flags);
  /**
   * VmportJob:manager-path: (getter get_manager_path)
   *
   * The object path of the manager that it was started on.
   */
  properties[PROP_MANAGER_PATH]
    = g_param_spec_string ("manager-path", NULL, NULL, NULL, flags);
  /**
   * VmportJob:operation: (getter get_operation)
   *
   * `Export`, `Import` or `Verify`.
   */
  properties[PROP_OPERATION]
    = g_param_spec_string ("operation", NULL, NULL, NULL, flags);
  /**
   * VmportJob:owner-uid: (getter get_owner_uid)
   *
   * The user who started it.
   */
  properties[PROP_OWNER_UID]
    = g_param_spec_uint ("owner-uid", NULL, NULL, 0, G_MAXUINT, 0, flags);
  /**
   * VmportJob:state: (getter get_state)
   *
   * What it is doing, or how it ended.
   */
  properties[PROP_STATE]
    = g_param_spec_enum ("state", NULL, NULL, VMPORT_TYPE_JOB_STATE, VMPORT_JOB_STATE_UNKNOWN,
                         flags);
  /**
   * VmportJob:ended: (getter get_ended)
   *
   * Whether it has ended, whichever way.
   */
  properties[PROP_ENDED]
    = g_param_spec_boolean ("ended", NULL, NULL, FALSE, flags);
  /**
   * VmportJob:percent: (getter get_percent)
   *
   * From 0 to 100. Never goes back, and is 100 only when all is done and safe on disk.
   */
  properties[PROP_PERCENT]
    = g_param_spec_uint ("percent", NULL, NULL, 0, G_MAXUINT, 0, flags);
  /**
   * VmportJob:phase: (getter get_phase)
   *
   * What is being done: `Queued`, `Reading`, `Copying`, `Verifying`, `Syncing`, `Defining` or
   * `Done`, and more in later releases.
   */
  properties[PROP_PHASE]
    = g_param_spec_string ("phase", NULL, NULL, NULL, flags);
  /**
   * VmportJob:bytes-done: (getter get_bytes_done)
   *
   * Bytes dealt with so far; holes do not count, clones do.
   */
  properties[PROP_BYTES_DONE]
    = g_param_spec_uint64 ("bytes-done", NULL, NULL, 0, G_MAXUINT64, 0, flags);
  /**
   * VmportJob:bytes-total: (getter get_bytes_total)
   *
   * What [property@Job:bytes-done] will be at the end; 0 until it is known.
   */
  properties[PROP_BYTES_TOTAL]
    = g_param_spec_uint64 ("bytes-total", NULL, NULL, 0, G_MAXUINT64, 0, flags);
  /**
   * VmportJob:bandwidth-limit: (getter get_bandwidth_limit)
   *
   * The limit in force, in bytes a second; 0 for none.
   */
  properties[PROP_BANDWIDTH_LIMIT]
    = g_param_spec_uint64 ("bandwidth-limit", NULL, NULL, 0, G_MAXUINT64, 0, flags);
  /**
   * VmportJob:start-time: (getter get_start_time)
   *
   * When it started to run, in microseconds since the epoch; 0 while it is queued.
   */
  properties[PROP_START_TIME]
    = g_param_spec_uint64 ("start-time", NULL, NULL, 0, G_MAXUINT64, 0, flags);
  /**
   * VmportJob:end-time: (getter get_end_time)
   *
   * When it ended, in microseconds since the epoch; 0 until then.
   */
  properties[PROP_END_TIME]
    = g_param_spec_uint64 ("end-time", NULL, NULL, 0, G_MAXUINT64, 0, flags);
  /**
   * VmportJob:cancellable: (getter get_cancellable)
   *
   * Whether cancelling still has an effect; false in the last, short step alone.
   */
  properties[PROP_CANCELLABLE]
    = g_param_spec_boolean ("cancellable", NULL, NULL, FALSE, flags);
  /**
   * VmportJob:error-code: (getter get_error_code)
   *
   * Hyper-V's number of the error; 0 unless the job failed or was cancelled.
   */
  properties[PROP_ERROR_CODE]
    = g_param_spec_uint ("error-code", NULL, NULL, 0, G_MAXUINT, 0, flags);
  /**
   * VmportJob:error-name: (getter get_error_name)
   *
   * The D-Bus name of the error; empty unless the job failed or was cancelled.
   */
  properties[PROP_ERROR_NAME]
    = g_param_spec_string ("error-name", NULL, NULL, NULL, flags);
  g_object_class_install_properties (object_class, N_PROPERTIES, properties);

  /**
   * VmportJob::progress:
   * @self: the job
   * @percent: a percentage
   * @bytes_done: bytes dealt with so far
   * @bytes_total: what they will be at the end; 0 until it is known
   * @phase: the phase that it is in
   *
   * Something got done: at most ten times a second, and once for each change of phase.
   */
  signals[SIGNAL_PROGRESS] = g_signal_new ("progress", VMPORT_TYPE_JOB, G_SIGNAL_RUN_LAST, 0, NULL,
                                           NULL, NULL, G_TYPE_NONE, 4, G_TYPE_UINT, G_TYPE_UINT64,
                                           G_TYPE_UINT64, G_TYPE_STRING);
  /**
   * VmportJob::finished:
   * @self: the job
   * @state: how it ended
   * @error_name: the D-Bus name of its error; empty for a job that succeeded
   *
   * The job ended. Emitted once at most, after the last change of a property, and never for a job
   * that had already ended when this object was made: look at [property@Job:ended] first.
   */
  signals[SIGNAL_FINISHED]
    = g_signal_new ("finished", VMPORT_TYPE_JOB, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                    G_TYPE_NONE, 2, VMPORT_TYPE_JOB_STATE, G_TYPE_STRING);
}

static void
vmport_job_init (VmportJob *self)
{
}

static gboolean
is_final (VmportJobState state)
{
  return state == VMPORT_JOB_STATE_COMPLETED || state == VMPORT_JOB_STATE_TERMINATED
         || state == VMPORT_JOB_STATE_EXCEPTION
         || state == VMPORT_JOB_STATE_COMPLETED_WITH_WARNINGS;
}

static void
tell_finished (VmportJob *self, VmportJobState state, const char *error_name)
{
  if (self->told_finished)
    return;
  self->told_finished = TRUE;
  g_signal_emit (self, signals[SIGNAL_FINISHED], 0, state, error_name);
}

static void
progress_cb (VmportDBusJob *proxy, guint percent, guint64 done, guint64 total, const char *phase,
             gpointer user_data)
{
  g_signal_emit (user_data, signals[SIGNAL_PROGRESS], 0, percent, done, total, phase);
}

static void
finished_cb (VmportDBusJob *proxy, guint state, const char *error_name, gpointer user_data)
{
  tell_finished (VMPORT_JOB (user_data), (VmportJobState) state, error_name);
}

static void
owner_cb (VmportDBusJob *proxy, GParamSpec *pspec, gpointer user_data)
{
  VmportJob *self = VMPORT_JOB (user_data);
  g_autofree char *owner = g_dbus_proxy_get_name_owner (G_DBUS_PROXY (proxy));

  if (owner == NULL)
    self->stale = TRUE;
}

/* After a restart the job may have ended without a signal that this object could hear. */
static void
properties_cb (VmportDBusJob *proxy, GVariant *changed, GStrv invalidated, gpointer user_data)
{
  VmportJob *self = VMPORT_JOB (user_data);
  g_autoptr (VmportJob) hold = NULL;

  if (!self->stale || vmport_job_get_state (self) == VMPORT_JOB_STATE_UNKNOWN)
    return;
  self->stale = FALSE;
  hold = g_object_ref (self);
  if (vmport_job_get_ended (self))
    tell_finished (self, vmport_job_get_state (self), vmport_job_get_error_name (self));
}

static void
notify_cb (VmportDBusJob *proxy, GParamSpec *pspec, gpointer user_data)
{
  static const struct
  {
    const char *remote;
    guint id;
  } map[] = {
    { "manager", PROP_MANAGER_PATH },
    { "operation", PROP_OPERATION },
    { "owner-uid", PROP_OWNER_UID },
    { "job-state", PROP_STATE },
    { "percent-complete", PROP_PERCENT },
    { "phase", PROP_PHASE },
    { "bytes-done", PROP_BYTES_DONE },
    { "bytes-total", PROP_BYTES_TOTAL },
    { "bandwidth-limit", PROP_BANDWIDTH_LIMIT },
    { "start-time", PROP_START_TIME },
    { "end-time", PROP_END_TIME },
    { "cancellable", PROP_CANCELLABLE },
    { "error-code", PROP_ERROR_CODE },
    { "error-name", PROP_ERROR_NAME },
  };
  VmportJob *self = VMPORT_JOB (user_data);

  for (gsize i = 0; i < G_N_ELEMENTS (map); i++)
    if (g_str_equal (map[i].remote, pspec->name))
      {
        g_object_notify_by_pspec (G_OBJECT (self), properties[map[i].id]);
        if (map[i].id == PROP_STATE)
          g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_ENDED]);
        return;
      }
}

VmportJob *
vmp_client_job_new (VmportClient *client, VmportDBusJob *proxy)
{
  VmportJob *self = g_object_new (VMPORT_TYPE_JOB, NULL);

  self->client = g_object_ref (client);
  self->proxy = g_object_ref (proxy);
  self->told_finished = vmport_job_get_ended (self);
  g_signal_connect (proxy, "progress", G_CALLBACK (progress_cb), self);
  g_signal_connect (proxy, "finished", G_CALLBACK (finished_cb), self);
  g_signal_connect (proxy, "notify", G_CALLBACK (notify_cb), self);
  g_signal_connect (proxy, "notify::g-name-owner", G_CALLBACK (owner_cb), self);
  g_signal_connect_after (proxy, "g-properties-changed", G_CALLBACK (properties_cb), self);
  return self;
}

VmportClient *
vmp_client_job_get_client (VmportJob *self)
{
  return self->client;
}

/**
 * vmport_job_get_object_path: (get-property object-path)
 * @self: a job
 *
 * Returns: (transfer none): its D-Bus object path
 */
const char *
vmport_job_get_object_path (VmportJob *self)
{
  g_return_val_if_fail (VMPORT_IS_JOB (self), NULL);

  return g_dbus_proxy_get_object_path (G_DBUS_PROXY (self->proxy));
}

/**
 * vmport_job_get_manager_path: (get-property manager-path)
 * @self: a job
 *
 * Returns: (transfer none) (nullable): the object path of its manager
 */
const char *
vmport_job_get_manager_path (VmportJob *self)
{
  g_return_val_if_fail (VMPORT_IS_JOB (self), NULL);

  return vmport_dbus_job_get_manager (self->proxy);
}

/**
 * vmport_job_get_operation: (get-property operation)
 * @self: a job
 *
 * Returns: (transfer none) (nullable): `Export`, `Import` or `Verify`
 */
const char *
vmport_job_get_operation (VmportJob *self)
{
  g_return_val_if_fail (VMPORT_IS_JOB (self), NULL);

  return vmport_dbus_job_get_operation (self->proxy);
}

/**
 * vmport_job_get_owner_uid: (get-property owner-uid)
 * @self: a job
 *
 * Returns: the uid of the user who started it
 */
guint
vmport_job_get_owner_uid (VmportJob *self)
{
  g_return_val_if_fail (VMPORT_IS_JOB (self), 0);

  return vmport_dbus_job_get_owner_uid (self->proxy);
}

/**
 * vmport_job_get_state: (get-property state)
 * @self: a job
 *
 * Returns: what it is doing, or how it ended
 */
VmportJobState
vmport_job_get_state (VmportJob *self)
{
  g_return_val_if_fail (VMPORT_IS_JOB (self), VMPORT_JOB_STATE_UNKNOWN);

  return (VmportJobState) vmport_dbus_job_get_job_state (self->proxy);
}

/**
 * vmport_job_get_ended: (get-property ended)
 * @self: a job
 *
 * Returns: whether it has ended, whichever way
 */
gboolean
vmport_job_get_ended (VmportJob *self)
{
  g_return_val_if_fail (VMPORT_IS_JOB (self), FALSE);

  return is_final (vmport_job_get_state (self));
}

/**
 * vmport_job_get_percent: (get-property percent)
 * @self: a job
 *
 * Returns: a percentage, from 0 to 100
 */
guint
vmport_job_get_percent (VmportJob *self)
{
  g_return_val_if_fail (VMPORT_IS_JOB (self), 0);

  return vmport_dbus_job_get_percent_complete (self->proxy);
}

/**
 * vmport_job_get_phase: (get-property phase)
 * @self: a job
 *
 * Returns: (transfer none) (nullable): the phase that it is in
 */
const char *
vmport_job_get_phase (VmportJob *self)
{
  g_return_val_if_fail (VMPORT_IS_JOB (self), NULL);

  return vmport_dbus_job_get_phase (self->proxy);
}

/**
 * vmport_job_get_bytes_done: (get-property bytes-done)
 * @self: a job
 *
 * Returns: bytes dealt with so far
 */
guint64
vmport_job_get_bytes_done (VmportJob *self)
{
  g_return_val_if_fail (VMPORT_IS_JOB (self), 0);

  return vmport_dbus_job_get_bytes_done (self->proxy);
}

/**
 * vmport_job_get_bytes_total: (get-property bytes-total)
 * @self: a job
 *
 * Returns: what the bytes done will be at the end; 0 until it is known
 */
guint64
vmport_job_get_bytes_total (VmportJob *self)
{
  g_return_val_if_fail (VMPORT_IS_JOB (self), 0);

  return vmport_dbus_job_get_bytes_total (self->proxy);
}

/**
 * vmport_job_get_bandwidth_limit: (get-property bandwidth-limit)
 * @self: a job
 *
 * Returns: the limit in force, in bytes a second; 0 for none
 */
guint64
vmport_job_get_bandwidth_limit (VmportJob *self)
{
  g_return_val_if_fail (VMPORT_IS_JOB (self), 0);

  return vmport_dbus_job_get_bandwidth_limit (self->proxy);
}

/**
 * vmport_job_get_start_time: (get-property start-time)
 * @self: a job
 *
 * Returns: microseconds since the epoch; 0 while it is queued
 */
guint64
vmport_job_get_start_time (VmportJob *self)
{
  g_return_val_if_fail (VMPORT_IS_JOB (self), 0);

  return vmport_dbus_job_get_start_time (self->proxy);
}

/**
 * vmport_job_get_end_time: (get-property end-time)
 * @self: a job
 *
 * Returns: microseconds since the epoch; 0 until it has ended
 */
guint64
vmport_job_get_end_time (VmportJob *self)
{
  g_return_val_if_fail (VMPORT_IS_JOB (self), 0);

  return vmport_dbus_job_get_end_time (self->proxy);
}

/**
 * vmport_job_get_cancellable: (get-property cancellable)
 * @self: a job
 *
 * Returns: whether cancelling still has an effect
 */
gboolean
vmport_job_get_cancellable (VmportJob *self)
{
  g_return_val_if_fail (VMPORT_IS_JOB (self), FALSE);

  return vmport_dbus_job_get_cancellable (self->proxy);
}

/**
 * vmport_job_get_error_code: (get-property error-code)
 * @self: a job
 *
 * Returns: Hyper-V's number of the error, or 0
 */
guint
vmport_job_get_error_code (VmportJob *self)
{
  g_return_val_if_fail (VMPORT_IS_JOB (self), 0);

  return vmport_dbus_job_get_error_code (self->proxy);
}

/**
 * vmport_job_get_error_name: (get-property error-name)
 * @self: a job
 *
 * Returns: (transfer none) (nullable): the D-Bus name of the error, or an empty string
 */
const char *
vmport_job_get_error_name (VmportJob *self)
{
  g_return_val_if_fail (VMPORT_IS_JOB (self), NULL);

  return vmport_dbus_job_get_error_name (self->proxy);
}
