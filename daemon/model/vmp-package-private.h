/* What the files of VmpPackage share. */
#pragma once

#include "vmp-package.h"

G_BEGIN_DECLS

struct _VmpPackage
{
  GObject parent_instance;

  char *uuid;
  char *name;
  char *state;
  GPtrArray *disks;     /* of VmpPackageDisk */
  GPtrArray *files;     /* of VmpPackageFile */
  GPtrArray *snapshots; /* of VmpPackageSnapshot */
};

gboolean vmp_package_check (VmpPackage *self, GError **error);

G_END_DECLS
