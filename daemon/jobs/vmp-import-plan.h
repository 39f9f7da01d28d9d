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

/* One file of the machine. */
typedef struct _VmpImportFile VmpImportFile;
struct _VmpImportFile
{
  VmpRole role;
  guint source;    /* of the source list; G_MAXUINT where none was found */
  guint member_source; /* the one in the directory itself, likewise */
  char *path;      /* on the exporting host */
  char *format;    /* of an image, else NULL */
  char *target;    /* of the disk whose image it is, else NULL */
  VmpImportFile *below; /* the next image of the chain, or NULL; not owned */
  char *member;    /* in the directory, or NULL where it is not there */
  gboolean is_member; /* and it is this that is read */
  char *found;     /* where it is read: absolute, or beneath the directory */
  gboolean stays;  /* used where it lies, and not copied */
  gboolean written; /* and the machine will write it there */
  gboolean save_image; /* a state that is written anew, for the machine that is made */
  char *folder;    /* of the caller's choice that it goes into, or NULL for the manager's place */
  char *base;      /* its name where it goes; may have folders of its own */
  char *verity;    /* what it must be, or NULL */
  char *locator;   /* by which the place is found where it is not, or NULL */
  char *sha256;
  guint64 size;    /* what the package states, or G_MAXUINT64 */
};

/* The name that a file without a folder of the caller's choice has in the place of the machine
 * @uuid. */
char *vmp_import_file_get_member (VmpImportFile *file, const char *uuid);

/* A drive and its images. */
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
/* Of VmpImportDisk: the disks by position, and the drives whose medium comes along. */
GPtrArray *vmp_import_plan_get_disks (VmpImportPlan *self);
GPtrArray *vmp_import_plan_get_snapshots (VmpImportPlan *self);
GPtrArray *vmp_import_plan_get_media (VmpImportPlan *self);
/* The file for @file of the domain, or NULL. */
VmpImportFile *vmp_import_plan_get_file (VmpImportPlan *self, VmpDomainFile file);
/* Every file of the machine, of VmpImportFile; the array is the caller's. */
GPtrArray *vmp_import_plan_list_files (VmpImportPlan *self);
VmpSourceList *vmp_import_plan_get_sources (VmpImportPlan *self);
guint64 vmp_import_plan_get_payload (VmpImportPlan *self, VmpSettings *settings);
GStrv vmp_import_plan_get_macs (VmpImportPlan *self);
/* Where the directory is on this host; NULL where nobody knows. */
const char *vmp_import_plan_get_base (VmpImportPlan *self);
char *vmp_import_plan_resolve (VmpImportPlan *self, const char *path);
/* The mark of a folder that files go into, as it is named there; VMP_MARK_TYPE. */
GVariant *vmp_import_plan_get_place (VmpImportPlan *self, const char *folder);
/* What the copy of the saved state is to say once the domain has all its paths; NULL where no state
 * is written anew. @cookie is borrowed, and may be NULL. */
char *vmp_import_plan_write_state (VmpImportPlan *self, const char **cookie);
gboolean vmp_import_plan_claim_files (VmpImportPlan *self, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (VmpImportPlan, vmp_import_plan_free)

G_END_DECLS
