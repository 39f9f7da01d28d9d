/* What an export would do: the files that go into the package, and what stands in the way.
 *
 * CheckExport and Export both make this plan, so they cannot disagree. */
#pragma once

#include "vmp-domain.h"
#include "vmp-export.h"
#include "vmp-package.h"

G_BEGIN_DECLS

/* A member of the package to be, and where it is read from. */
typedef struct
{
  VmpRole role;
  guint source; /* of the worker */
  char *name;
  char *backing; /* what an overlay's header is to name, or NULL */
  char *backing_format;
  char *state_xml; /* what a saved state is to say, or NULL */
  char *state_cookie;
  const char *target; /* of the disk or drive whose image it is, or NULL */
  GError *failure;    /* why the manager could not open it, or NULL */
} VmpExportMember;

typedef struct _VmpExportPlan VmpExportPlan;

VmpExportPlan *vmp_export_plan_make (VmpRun *run, VmpWorkerHost *worker, VmpExportRequest *request,
                                     GError **error);
void vmp_export_plan_free (VmpExportPlan *self);

VmpDomain *vmp_export_plan_get_domain (VmpExportPlan *self);
VmpPackage *vmp_export_plan_get_package (VmpExportPlan *self);
GPtrArray *vmp_export_plan_get_members (VmpExportPlan *self); /* of VmpExportMember */
GPtrArray *vmp_export_plan_get_findings (VmpExportPlan *self);
const char *vmp_export_plan_get_subdirectory (VmpExportPlan *self);
const char *vmp_export_plan_get_base (VmpExportPlan *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (VmpExportPlan, vmp_export_plan_free)

G_END_DECLS
