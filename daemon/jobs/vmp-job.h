/* One export, import or verification: what the bus shows of it, whatever does the work.
 *
 * An object of the main thread, save for vmp_job_post_*(), which a job's own thread calls. */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* Hyper-V's Msvm_ConcreteJob.JobState. */
typedef enum
{
  VMP_JOB_NEW = 2,
  VMP_JOB_STARTING = 3,
  VMP_JOB_RUNNING = 4,
  VMP_JOB_SUSPENDED = 5,
  VMP_JOB_SHUTTING_DOWN = 6,
  VMP_JOB_COMPLETED = 7,
  VMP_JOB_TERMINATED = 8,
  VMP_JOB_EXCEPTION = 10,
  VMP_JOB_COMPLETED_WITH_WARNINGS = 32768,
} VmpJobState;

#define VMP_TYPE_JOB (vmp_job_get_type ())
G_DECLARE_FINAL_TYPE (VmpJob, vmp_job, VMP, JOB, GObject)

VmpJob *vmp_job_new (guint number, const char *manager, const char *operation, guint32 owner);
VmpJob *vmp_job_new_from_record (guint number, GVariant *record, GError **error);
GVariant *vmp_job_to_record (VmpJob *self);

guint vmp_job_get_number (VmpJob *self);
guint32 vmp_job_get_owner (VmpJob *self);
const char *vmp_job_get_manager (VmpJob *self);
const char *vmp_job_get_operation (VmpJob *self);
gboolean vmp_job_is_ended (VmpJob *self);
gint64 vmp_job_get_end_time (VmpJob *self);
guint64 vmp_job_get_limit (VmpJob *self);
const GError *vmp_job_get_error (VmpJob *self);
GVariant *vmp_job_get_result (VmpJob *self);
GCancellable *vmp_job_get_cancellable (VmpJob *self);
GVariant *vmp_job_get_property_value (VmpJob *self, const char *name);
GVariant *vmp_job_describe (VmpJob *self);
GVariant *vmp_job_take_changes (VmpJob *self);

void vmp_job_set_limit (VmpJob *self, guint64 limit);
void vmp_job_set_detail (VmpJob *self, const char *key, GVariant *value);
void vmp_job_start (VmpJob *self);
void vmp_job_set_held (VmpJob *self, gboolean held);
gboolean vmp_job_is_held (VmpJob *self);
gboolean vmp_job_enter_last_step (VmpJob *self);
void vmp_job_cancel (VmpJob *self);
void vmp_job_prepare_end (VmpJob *self, const GError *error, GVariant *result);
void vmp_job_finish (VmpJob *self);
void vmp_job_tell_interruption (VmpJob *self);

void vmp_job_post_total (VmpJob *self, guint64 total);
void vmp_job_post_progress (VmpJob *self, guint64 done, const char *phase, const char *file);

G_END_DECLS
