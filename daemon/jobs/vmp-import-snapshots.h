/* The snapshots that come along with a machine: what an import reads of them, and how it fits them to
 * the machine that it makes. */
#pragma once

#include "vmp-import-plan.h"
#include "vmp-snapshot.h"

G_BEGIN_DECLS

/* The chain of one disk at the moment of the snapshot. */
typedef struct
{
  char *target;
  GPtrArray *images; /* of VmpImportFile, topmost first; not owned: chains share them */
} VmpImportChain;

typedef struct
{
  VmpSnapshot *model;
  GVariant *unsafe;          /* a(ssb) */
  VmpPackageFile *document;  /* the package's */
  char *verity;              /* as it was read */
  GPtrArray *chains;         /* of VmpImportChain */
  VmpImportFile *memory;     /* or NULL; the plan's */
  VmpDomain *memory_domain;  /* what a memory that is written anew says, or NULL */
  char *memory_cookie;
  char *folder;              /* of the files that are its own, beneath that of all snapshots */
  GHashTable *taken;         /* their names */
} VmpImportSnapshot;

void vmp_import_snapshot_free (VmpImportSnapshot *self);
VmpImportChain *vmp_import_snapshot_find_chain (VmpImportSnapshot *self, const char *target);

/* The path that the machine will have @file by; borrowed. */
typedef const char *(*VmpImportPathFunc) (VmpImportFile *file, gpointer data);

/* What there is: vmp-import-snapshots.c. */
gboolean vmp_import_plan_read_snapshots (VmpImportPlan *self, GVariant *report, GError **error);
gboolean vmp_import_plan_check_snapshot_digests (VmpImportPlan *self, gboolean *missing,
                                                 GError **error);
void vmp_import_plan_check_snapshot_devices (VmpImportPlan *self, const char *policy);

/* What becomes of it: vmp-import-tree.c. */
gboolean vmp_import_plan_report_snapshots (VmpImportPlan *self, VmpSettings *settings,
                                           GError **error);
gboolean vmp_import_plan_settle_snapshots (VmpImportPlan *self, VmpSettings *settings,
                                           GError **error);
gboolean vmp_import_plan_check_ghosts (VmpImportPlan *self, VmpImportFile *image,
                                       GVariant *reading, GError **error);
void vmp_import_plan_write_snapshots (VmpImportPlan *self, VmpImportPathFunc path_of,
                                      gpointer data);
/* What the copy of @file, a snapshot's memory, is to say; NULL where it is no such. */
char *vmp_import_plan_write_memory (VmpImportPlan *self, VmpImportFile *file,
                                    const char **cookie);

G_END_DECLS
