/* Export: a machine's files into a package that its caller will own. */
#pragma once

#include "vmp-run.h"
#include "vmp-settings.h"

G_BEGIN_DECLS

typedef struct
{
  VmpMachine *machine;
  VmpFolder *folder;
  VmpSettings *settings;
  VmpSnapshot *snapshot; /* that is exported by itself, or NULL */
} VmpExportRequest;

VmpExportRequest *vmp_export_request_new (VmpMachine *machine, VmpFolder *folder,
                                          VmpSettings *settings);
void vmp_export_request_free (VmpExportRequest *request);
char *vmp_export_request_get_subdirectory (VmpExportRequest *request);
gboolean vmp_export_request_check (VmpExportRequest *request, VmpMachines *machines,
                                   GError **error);
gboolean vmp_export_request_find_snapshot (VmpExportRequest *request, VmpMachines *machines,
                                           GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (VmpExportRequest, vmp_export_request_free)

/* VmpWorks over a VmpExportRequest: the export itself; what CheckExport answers (aa{sv}, wrapped as
 * the value "Findings"), which makes nothing. */
GVariant *vmp_export_work (VmpRun *run, gpointer request, GError **error);
GVariant *vmp_export_check_work (VmpRun *run, gpointer request, GError **error);

G_END_DECLS
