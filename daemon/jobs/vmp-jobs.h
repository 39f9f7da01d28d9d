/* All jobs: their numbers, the queue, what is kept of them and for how long. */
#pragma once

#include <gio/gio.h>

#include "vmp-run.h"

G_BEGIN_DECLS

typedef struct
{
  guint max_running;
  guint max_per_user; /* jobs of one uid that have not ended */
  gint64 retention_usec;
  guint leftover_retry_seconds;
  VmpWorkerConfig worker;
} VmpJobsConfig;

#define VMP_TYPE_JOBS (vmp_jobs_get_type ())
G_DECLARE_FINAL_TYPE (VmpJobs, vmp_jobs, VMP, JOBS, GObject)

VmpJobs *vmp_jobs_new (const VmpJobsConfig *config, const char *state_directory, GError **error);
const VmpJobsConfig *vmp_jobs_get_config (VmpJobs *self);

typedef VmpMachines *(*VmpFindMachines) (const char *id, gpointer user_data);
gboolean vmp_jobs_restore (VmpJobs *self, VmpFindMachines find, gpointer user_data, GError **error);
gboolean vmp_jobs_is_restoring (VmpJobs *self);
/* Is any thread at work? */
gboolean vmp_jobs_is_empty (VmpJobs *self);
gboolean vmp_jobs_is_busy (VmpJobs *self);

void vmp_jobs_follow (VmpJobs *self, VmpMachines *machines);

VmpJob *vmp_jobs_add (VmpJobs *self, VmpMachines *machines, const char *operation,
                      VmpIdentity *identity, guint64 limit, GError **error);
gboolean vmp_jobs_submit (VmpJobs *self, VmpJob *job, VmpMachines *machines,
                          VmpIdentity *identity, VmpFolder *folder, VmpWork work, gpointer plan,
                          GDestroyNotify free_plan, GError **error);
void vmp_jobs_run_aside (VmpJobs *self, VmpMachines *machines, VmpIdentity *identity, VmpWork work,
                         gpointer plan, GDestroyNotify free_plan, GCancellable *cancellable,
                         GAsyncReadyCallback callback, gpointer user_data);
GVariant *vmp_jobs_run_aside_finish (VmpJobs *self, GAsyncResult *result, GError **error);
VmpJob *vmp_jobs_lookup (VmpJobs *self, guint number);
GPtrArray *vmp_jobs_list (VmpJobs *self);
gboolean vmp_jobs_release (VmpJobs *self, VmpJob *job, GError **error);

G_END_DECLS
