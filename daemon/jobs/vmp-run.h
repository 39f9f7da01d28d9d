/* A job's own thread: what its work may ask for.
 *
 * Work is written as plain steps that block. What belongs to the main thread (the job's face, the
 * inventory) it reaches only through vmp_run_in_main(). */
#pragma once

#include <gio/gio.h>

#include "vmp-folder.h"
#include "vmp-identity.h"
#include "vmp-job.h"
#include "vmp-machines.h"
#include "vmp-records.h"
#include "vmp-worker-host.h"

G_BEGIN_DECLS

typedef struct _VmpRun VmpRun;

/* Kinds of entries in the undo list that the order of taking back depends on. */
#define VMP_UNDO_PLACE "Place"
#define VMP_UNDO_SCOPE "Scope"

/* The work of a job: its result, a{sv}, or NULL with @error set. */
typedef GVariant *(*VmpWork) (VmpRun *run, gpointer plan, GError **error);
typedef void (*VmpMainFunc) (gpointer data);

VmpRun *vmp_run_new (VmpJob *job, VmpMachines *machines, VmpIdentity *identity,
                     VmpRecords *records, const VmpWorkerConfig *config);
void vmp_run_free (VmpRun *self);
void vmp_run_set_folder (VmpRun *self, VmpFolder *folder);
void vmp_run_set_undo_list (VmpRun *self, GVariant *undo);
GVariant *vmp_run_get_undo_list (VmpRun *self);

gboolean vmp_run_has_undo (VmpRun *self);
gboolean vmp_run_left_something_in (VmpRun *self, VmpMachines *machines);
gboolean vmp_run_left_something_for (VmpRun *self, VmpRun *other);

VmpJob *vmp_run_get_job (VmpRun *self);
guint vmp_run_get_number (VmpRun *self);
VmpMachines *vmp_run_get_machines (VmpRun *self);
VmpIdentity *vmp_run_get_identity (VmpRun *self);
void vmp_run_in_main (VmpMainFunc func, gpointer data);
gboolean vmp_run_is_cancelled (VmpRun *self, GError **error);

VmpWorkerHost *vmp_run_start_worker (VmpRun *self, VmpPlaces *places, GError **error);
VmpWorkerHost *vmp_run_start_inspector (VmpRun *self, GError **error);
VmpWorkerHost *vmp_run_start_block (VmpRun *self, GError **error);
void vmp_run_follow (VmpRun *self, VmpWorkerHost *worker);
void vmp_run_unfollow (VmpRun *self);
guint vmp_run_add_undo (VmpRun *self, GVariant *entry, GError **error);
gboolean vmp_run_set_undo (VmpRun *self, guint slot, GVariant *entry, GError **error);
gboolean vmp_run_drop_undo (VmpRun *self, guint slot, GError **error);
gboolean vmp_run_rollback (VmpRun *self, GError **error);
gboolean vmp_run_rollback_again (VmpRun *self, VmpRun *other, GError **error);
gboolean vmp_run_write_record (VmpRun *self, GError **error);
void vmp_run_set_detail (VmpRun *self, const char *key, GVariant *value);
void vmp_run_set_defined (VmpRun *self, const char *uuid);
const char *vmp_run_get_defined (VmpRun *self);
gboolean vmp_run_enter_last_step (VmpRun *self, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (VmpRun, vmp_run_free)

G_END_DECLS
