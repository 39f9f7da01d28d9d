/* Deletion of a machine, with or without its storage. */
#pragma once

#include "vmp-run.h"

G_BEGIN_DECLS

typedef struct _VmpDeletePlan VmpDeletePlan;

VmpDeletePlan *vmp_delete_plan_new (VmpMachines *machines, VmpMachine *machine,
                                    gboolean delete_storage);
void vmp_delete_plan_free (VmpDeletePlan *plan);

/* A VmpWork over a VmpDeletePlan; its result is empty. */
GVariant *vmp_delete_work (VmpRun *run, gpointer plan, GError **error);

G_END_DECLS
