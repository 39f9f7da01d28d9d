/* The inside of an export's plan, for the files that make it. */
#pragma once

#include "vmp-export-plan.h"
#include "vmp-finding.h"
#include "vmp-source-list.h"

G_BEGIN_DECLS

struct _VmpExportPlan
{
  VmpRun *run;               /* not owned */
  VmpWorkerHost *worker;     /* not owned */
  VmpExportRequest *request; /* not owned */
  VmpDomain *domain;
  VmpSnapshot *snapshot; /* the one that is exported by itself, or NULL; not owned */
  VmpPackage *package;
  VmpSourceList *sources;
  GPtrArray *members; /* of VmpExportMember */
  VmpExportMember *memory; /* of that snapshot, where an image holds it; else NULL */
  GPtrArray *findings;
  GPtrArray *lost;     /* targets of disks that can only be left behind, the domain's */
  GHashTable *taken;   /* file names in the disks' folder */
  GHashTable *by_path; /* of each image that goes along: VmpExportMember, not owned */
  GHashTable *texts;   /* what members say that are no copies: name → text */
  char *subdirectory;
  GVariant *place; /* the mark of the folder that the package is made in */
  char *base;
  guint64 total; /* bytes to be moved, as far as is known */
};

void vmp_export_plan_add_finding (VmpExportPlan *self, VmpFinding *finding);
guint vmp_export_plan_add_source (VmpExportPlan *self, const char *path, const char *format,
                                  GError **error);
VmpExportMember *vmp_export_plan_add_member (VmpExportPlan *self, VmpRole role, const char *path,
                                             const char *format, const char *name);
VmpExportMember *vmp_export_plan_add_made (VmpExportPlan *self, VmpRole role, const char *format,
                                           const char *snapshot, const char *name);
void vmp_export_plan_add_made_image (VmpExportPlan *self, VmpExportMember *member,
                                     VmpDomain *domain, guint disk, guint image);
void vmp_export_plan_set_below (VmpExportPlan *self, VmpExportMember *member,
                                VmpExportMember *below, const char *format);

void vmp_export_plan_add_problem (VmpExportPlan *self, VmpFindingCode code,
                                  VmpExportMember *member, const char *message);

/* What saved states say: vmp-export-state.c. */
gboolean vmp_export_plan_settle_state (VmpExportPlan *self, VmpExportMember *member,
                                       GError **error);
gboolean vmp_export_is_broken_state (VmpExportMember *member, const GError *error);

/* What of the snapshots goes along: vmp-export-snapshots.c. */
void vmp_export_plan_choose_domain (VmpExportPlan *self);
gboolean vmp_export_plan_is_excluded (VmpExportPlan *self, guint disk);
gboolean vmp_export_plan_merge_disk (VmpExportPlan *self, guint disk);
void vmp_export_plan_add_memory (VmpExportPlan *self);
gboolean vmp_export_plan_add_snapshots (VmpExportPlan *self, GError **error);
void vmp_export_plan_check_snapshots (VmpExportPlan *self);
GVariant *vmp_export_resolve_without_snapshots (void);

G_END_DECLS
