/* What an import would do: read from a package or a bare directory, and settled by its settings.
 *
 * GetImportSettings, CheckImport and Import all make this plan, so they cannot disagree. */
#pragma once

#include "vmp-domain.h"
#include "vmp-package.h"
#include "vmp-run.h"
#include "vmp-settings.h"
#include "vmp-source-list.h"

G_BEGIN_DECLS

/* One file to be copied. */
typedef struct
{
  guint source;    /* of the source list; G_MAXUINT where none was found */
  char *path;      /* on the exporting host */
  char *format;    /* of an image, else NULL */
  char *member;    /* in the directory, or NULL where it is not there */
  char *base;      /* its name where it goes */
  char *verity;    /* what it must be, or NULL */
  char *sha256;
  guint64 size;    /* what the package states, or G_MAXUINT64 */
} VmpImportFile;

typedef struct
{
  guint disk;        /* in the domain */
  char *target;      /* by which it is found again when others were stripped */
  GPtrArray *images; /* of VmpImportFile, topmost first */
} VmpImportDisk;

typedef struct _VmpImportPlan VmpImportPlan;

VmpImportPlan *vmp_import_plan_read (VmpRun *run, VmpWorkerHost *worker, VmpFolder *folder,
                                     GError **error);
void vmp_import_plan_free (VmpImportPlan *self);
GVariant *vmp_import_plan_get_prefilled (VmpImportPlan *self);
gboolean vmp_import_plan_settle (VmpImportPlan *self, VmpSettings *settings, GError **error);

GPtrArray *vmp_import_plan_get_findings (VmpImportPlan *self);
VmpDomain *vmp_import_plan_get_domain (VmpImportPlan *self);
GPtrArray *vmp_import_plan_get_disks (VmpImportPlan *self);
/* The file for @file of the domain, or NULL. */
VmpImportFile *vmp_import_plan_get_file (VmpImportPlan *self, VmpDomainFile file);
VmpSourceList *vmp_import_plan_get_sources (VmpImportPlan *self);
guint64 vmp_import_plan_get_payload (VmpImportPlan *self);
GStrv vmp_import_plan_get_macs (VmpImportPlan *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (VmpImportPlan, vmp_import_plan_free)

G_END_DECLS
