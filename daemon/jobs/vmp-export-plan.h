/* What an export would do: the files that go into the package, and what stands in the way.
 *
 * CheckExport and Export both make this plan, so they cannot disagree. */
#pragma once

#include "vmp-domain.h"
#include "vmp-export.h"
#include "vmp-package.h"
#include "vmp-source-list.h"

G_BEGIN_DECLS

/* An image of a chain that is read as a whole. */
typedef struct
{
  guint source; /* of the worker; its descriptor is handed over */
  char *format;
} VmpMergeImage;

/* A member that is no copy of a file but made of what a guest sees in a chain of images. */
typedef struct
{
  GPtrArray *images; /* of VmpMergeImage, topmost first */
  char *snapshot;    /* the topmost one's internal snapshot as of which it is read, or NULL */
  gboolean memory;   /* not the disk but the memory that @snapshot holds, as a saved state… */
  gboolean running;  /* …of a machine that goes on running when it is started */
  gboolean lossless; /* no internal snapshots may get lost */
  char *format;      /* of the member; NULL with @memory */
} VmpMerge;

VmpMerge *vmp_merge_new (const char *format);
void vmp_merge_add_image (VmpMerge *self, guint source, const char *format);
void vmp_merge_free (VmpMerge *self);

/* A member of the package to be, and where it is read from. */
typedef struct _VmpExportMember
{
  VmpRole role;
  guint source;    /* of the worker; the topmost image's with @merge */
  VmpMerge *merge; /* or NULL: a copy of @source */
  char *name;
  char *backing; /* what an overlay's header is to name, or NULL */
  char *backing_format;
  char *state_xml; /* what a saved state is to say, or NULL */
  char *state_cookie;
  struct _VmpExportMember *below; /* the next image of its chain, or NULL; not owned */
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
VmpSourceList *vmp_export_plan_get_sources (VmpExportPlan *self);
void vmp_export_plan_note_copied (VmpExportPlan *self, VmpExportMember *member, guint64 copied);
GPtrArray *vmp_export_plan_get_findings (VmpExportPlan *self);
const char *vmp_export_plan_get_subdirectory (VmpExportPlan *self);
GVariant *vmp_export_plan_get_texts (VmpExportPlan *self);
const char *vmp_export_plan_get_base (VmpExportPlan *self);
GVariant *vmp_export_plan_get_place (VmpExportPlan *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (VmpExportPlan, vmp_export_plan_free)

G_END_DECLS
