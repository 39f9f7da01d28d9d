/* The inside of an import's plan, for the two files that make it. */
#pragma once

#include "vmp-finding.h"
#include "vmp-import-plan.h"

G_BEGIN_DECLS

#define VMP_NO_SOURCE G_MAXUINT

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
  char *configuration_verity;
  GVariant *prefilled;
  VmpSourceList *sources;
  GPtrArray *disks; /* of VmpImportDisk */
  VmpImportFile *files[VMP_DOMAIN_N_FILES];
  GPtrArray *findings;
};

VmpImportFile *vmp_import_file_new (const char *path, const char *format);
VmpImportFile *vmp_import_disk_add_image (VmpImportDisk *disk, const char *path,
                                          const char *format);

G_END_DECLS
