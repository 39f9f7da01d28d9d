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
  GPtrArray *chains;         /* of VmpImportChain */
  VmpImportFile *memory;     /* or NULL; the plan's */
  VmpDomain *memory_domain;  /* what a memory that is written anew says, or NULL */
  char *memory_cookie;
  char *folder;              /* of the files that are its own, beneath that of all snapshots */
  GHashTable *taken;         /* their names */
} VmpImportSnapshot;

void vmp_import_snapshot_free (VmpImportSnapshot *self);

/* The path that the machine will have @file by; borrowed. */
typedef const char *(*VmpImportPathFunc) (VmpImportFile *file, gpointer data);

gboolean vmp_import_plan_read_snapshots (VmpImportPlan *self, GVariant *report, GError **error);
void vmp_import_plan_check_snapshot_devices (VmpImportPlan *self, const char *policy);
void vmp_import_plan_note_network (VmpImportPlan *self, guint interface, const char *before);
void vmp_import_plan_note_mac (VmpImportPlan *self, const char *before, const char *mac);
gboolean vmp_import_plan_settle_snapshots (VmpImportPlan *self, VmpSettings *settings,
                                           GError **error);
gboolean vmp_import_check_ghosts (VmpImportSnapshot *snapshot, VmpImportFile *image,
                                  GVariant *reading, GError **error);
void vmp_import_plan_write_snapshots (VmpImportPlan *self, VmpImportPathFunc path_of,
                                      gpointer data);

G_END_DECLS
