/* Import: a package or a bare directory into a manager, as a new machine. */
#pragma once

#include "vmp-run.h"
#include "vmp-settings.h"

G_BEGIN_DECLS

typedef struct
{
  VmpFolder *folder;
  VmpSettings *settings;
} VmpImportRequest;

VmpImportRequest *vmp_import_request_new (VmpFolder *folder, VmpSettings *settings);
void vmp_import_request_free (VmpImportRequest *request);
VmpWorkerHost *vmp_import_request_start_worker (VmpImportRequest *request, VmpRun *run,
                                                GError **error);

/* VmpWorks over a VmpImportRequest: the import itself; what GetImportSettings answers (a{sv}); what
 * CheckImport answers (aa{sv}, wrapped as the value "Findings"). */
GVariant *vmp_import_work (VmpRun *run, gpointer request, GError **error);
GVariant *vmp_import_settings_work (VmpRun *run, gpointer request, GError **error);
GVariant *vmp_import_check_work (VmpRun *run, gpointer request, GError **error);

G_END_DECLS
