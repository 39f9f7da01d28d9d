/* The inside of an import's plan, for the two files that make it. */
#pragma once

#include "vmp-finding.h"
#include "vmp-import-plan.h"

G_BEGIN_DECLS

#define VMP_NO_SOURCE G_MAXUINT

/* What a network adapter was connected to, and what it will be. */
typedef struct
{
  char *mac; /* before, or NULL */
  char *connection; /* before */
  VmpNetworkKind kind;
  char *source;
} VmpImportAdapter;

struct _VmpImportPlan
{
  VmpRun *run;           /* not owned */
  VmpWorkerHost *worker; /* not owned */
  char *directory; /* as the caller names it; empty for one that it holds open */
  char *base;      /* where that is on this host, absolute; NULL where nobody knows */
  gboolean bare;
  VmpDomain *domain;
  VmpPackage *package; /* NULL for a bare directory */
  GVariant *unsafe;    /* a(ssb) */
  GStrv names;         /* of a bare directory */
  GStrv folders;
  GStrv networks; /* of the manager */
  const char *const *state_formats; /* of the manager; NULL where states are mere bytes */
  char *configuration_verity;
  GVariant *prefilled;
  VmpSourceList *sources;
  GPtrArray *disks; /* of VmpImportDisk, by position */
  GPtrArray *media; /* of VmpImportDisk, drives whose medium is in the package */
  GPtrArray *snapshots;      /* of VmpImportSnapshot, parents first */
  GPtrArray *snapshot_files; /* of VmpImportFile: what only snapshots need */
  GPtrArray *adapters;       /* of VmpImportAdapter */
  GHashTable *macs;          /* MAC addresses, in lower case: before → new */
  GPtrArray *data;  /* of VmpImportFile: what the configuration does not name */
  VmpImportFile *files[VMP_DOMAIN_N_FILES];
  VmpDomain *state_domain; /* what the saved state says, where it is written anew */
  char *state_cookie;
  GPtrArray *findings;
  GHashTable *places; /* folders of the caller's choice → their marks */
};

void vmp_import_plan_drop_file (VmpImportPlan *self, VmpDomainFile file);
void vmp_import_plan_add_finding (VmpImportPlan *self, VmpFinding *finding, GVariant *resolution);
GVariant *vmp_import_resolve_with (const char *key, GVariant *value);

VmpImportFile *vmp_import_file_new (VmpRole role, const char *path, const char *format);
void vmp_import_plan_take_member (VmpImportPlan *self, VmpImportFile *file, const char *member);

/* Where each file is read: vmp-import-sources.c. */
gboolean vmp_import_plan_is_missing (VmpImportPlan *self, guint source);
gboolean vmp_import_plan_is_substitute (VmpImportPlan *self, VmpImportFile *file, guint source);
char *vmp_import_plan_name_in_snapshots (VmpImportPlan *self, VmpImportFile *file);
gboolean vmp_import_plan_settle_sources (VmpImportPlan *self, VmpSettings *settings,
                                         GError **error);
/* Where each file goes: vmp-import-targets.c. */
gboolean vmp_import_plan_settle_targets (VmpImportPlan *self, VmpSettings *settings,
                                         GError **error);
/* Whether the saved state can be taken on: vmp-import-state.c. */
gboolean vmp_import_plan_settle_state (VmpImportPlan *self, VmpSettings *settings, GError **error);
gboolean vmp_import_plan_report_state (VmpImportPlan *self, const GError *why);
/* Whose the files are that are used where they lie: vmp-import-claims.c. */
gboolean vmp_import_plan_check_claims (VmpImportPlan *self, GError **error);

G_END_DECLS
