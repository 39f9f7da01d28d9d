/* Export: a machine's files into a package that its caller will own. */
#pragma once

#include "vmp-run.h"
#include "vmp-settings.h"

G_BEGIN_DECLS

typedef struct
{
  VmpMachine *machine;
  char *directory;
  VmpSettings *settings;
} VmpExportPlan;

VmpExportPlan *vmp_export_plan_new (VmpMachine *machine, const char *directory,
                                    VmpSettings *settings);
void vmp_export_plan_free (VmpExportPlan *plan);

/* A VmpWork over a VmpExportPlan. */
GVariant *vmp_export_work (VmpRun *run, gpointer plan, GError **error);
/* The same for what CheckExport answers: the value "Findings". Makes nothing. */
GVariant *vmp_export_check_work (VmpRun *run, gpointer plan, GError **error);

G_END_DECLS
