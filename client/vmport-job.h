/* A job of the daemon's: an export, import or verification. */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/**
 * VmportJobState:
 * @VMPORT_JOB_STATE_UNKNOWN: not known, because the daemon is away
 * @VMPORT_JOB_STATE_NEW: made, and waiting for its turn
 * @VMPORT_JOB_STATE_STARTING: starting
 * @VMPORT_JOB_STATE_RUNNING: at work
 * @VMPORT_JOB_STATE_SUSPENDED: moves no bytes until it is resumed
 * @VMPORT_JOB_STATE_SHUTTING_DOWN: cancelled, and cleaning up
 * @VMPORT_JOB_STATE_COMPLETED: done
 * @VMPORT_JOB_STATE_TERMINATED: cancelled, and everything is cleaned up
 * @VMPORT_JOB_STATE_EXCEPTION: failed
 * @VMPORT_JOB_STATE_COMPLETED_WITH_WARNINGS: done, and its result has warnings
 *
 * States of a job; names and numbers are those of `JobState` of Hyper-V's `Msvm_ConcreteJob`.
 */
typedef enum
{
  VMPORT_JOB_STATE_UNKNOWN = 0,
  VMPORT_JOB_STATE_NEW = 2,
  VMPORT_JOB_STATE_STARTING = 3,
  VMPORT_JOB_STATE_RUNNING = 4,
  VMPORT_JOB_STATE_SUSPENDED = 5,
  VMPORT_JOB_STATE_SHUTTING_DOWN = 6,
  VMPORT_JOB_STATE_COMPLETED = 7,
  VMPORT_JOB_STATE_TERMINATED = 8,
  VMPORT_JOB_STATE_EXCEPTION = 10,
  VMPORT_JOB_STATE_COMPLETED_WITH_WARNINGS = 32768,
} VmportJobState;

#define VMPORT_TYPE_JOB (vmport_job_get_type ())
G_DECLARE_FINAL_TYPE (VmportJob, vmport_job, VMPORT, JOB, GObject)

const char *vmport_job_get_object_path (VmportJob *self);
const char *vmport_job_get_manager_path (VmportJob *self);
const char *vmport_job_get_operation (VmportJob *self);
guint vmport_job_get_owner_uid (VmportJob *self);
VmportJobState vmport_job_get_state (VmportJob *self);
gboolean vmport_job_get_ended (VmportJob *self);
guint vmport_job_get_percent (VmportJob *self);
const char *vmport_job_get_phase (VmportJob *self);
guint64 vmport_job_get_bytes_done (VmportJob *self);
guint64 vmport_job_get_bytes_total (VmportJob *self);
guint64 vmport_job_get_bandwidth_limit (VmportJob *self);
guint64 vmport_job_get_start_time (VmportJob *self);
guint64 vmport_job_get_end_time (VmportJob *self);
gboolean vmport_job_get_cancellable (VmportJob *self);
guint vmport_job_get_error_code (VmportJob *self);
const char *vmport_job_get_error_name (VmportJob *self);

void vmport_job_wait (VmportJob *self, GCancellable *cancellable, GAsyncReadyCallback callback,
                      gpointer user_data);
GVariant *vmport_job_wait_finish (VmportJob *self, GAsyncResult *result, GError **error);
GVariant *vmport_job_wait_sync (VmportJob *self, GCancellable *cancellable, GError **error);

void vmport_job_describe (VmportJob *self, GCancellable *cancellable,
                          GAsyncReadyCallback callback, gpointer user_data);
GVariant *vmport_job_describe_finish (VmportJob *self, GAsyncResult *result, GError **error);
GVariant *vmport_job_describe_sync (VmportJob *self, GCancellable *cancellable, GError **error);

void vmport_job_cancel (VmportJob *self, GCancellable *cancellable, GAsyncReadyCallback callback,
                        gpointer user_data);
gboolean vmport_job_cancel_finish (VmportJob *self, GAsyncResult *result, GError **error);
gboolean vmport_job_cancel_sync (VmportJob *self, GCancellable *cancellable, GError **error);

void vmport_job_suspend (VmportJob *self, GCancellable *cancellable, GAsyncReadyCallback callback,
                         gpointer user_data);
gboolean vmport_job_suspend_finish (VmportJob *self, GAsyncResult *result, GError **error);
gboolean vmport_job_suspend_sync (VmportJob *self, GCancellable *cancellable, GError **error);

void vmport_job_resume (VmportJob *self, GCancellable *cancellable, GAsyncReadyCallback callback,
                        gpointer user_data);
gboolean vmport_job_resume_finish (VmportJob *self, GAsyncResult *result, GError **error);
gboolean vmport_job_resume_sync (VmportJob *self, GCancellable *cancellable, GError **error);

void vmport_job_set_bandwidth_limit (VmportJob *self, guint64 bandwidth_limit,
                                     GCancellable *cancellable, GAsyncReadyCallback callback,
                                     gpointer user_data);
gboolean vmport_job_set_bandwidth_limit_finish (VmportJob *self, GAsyncResult *result,
                                                GError **error);
gboolean vmport_job_set_bandwidth_limit_sync (VmportJob *self, guint64 bandwidth_limit,
                                              GCancellable *cancellable, GError **error);

void vmport_job_release (VmportJob *self, GCancellable *cancellable, GAsyncReadyCallback callback,
                         gpointer user_data);
gboolean vmport_job_release_finish (VmportJob *self, GAsyncResult *result, GError **error);
gboolean vmport_job_release_sync (VmportJob *self, GCancellable *cancellable, GError **error);

G_END_DECLS
