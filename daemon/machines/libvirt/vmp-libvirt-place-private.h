/* What the making of a machine and its rollback share. */
#pragma once

#include "vmp-libvirt-place.h"

G_BEGIN_DECLS

#define VMP_PLACE_STAGING_PREFIX ".vmport-"
/* Of the name that a machine has until it is renamed. */
#define VMP_LIBVIRT_UNNAMED_PREFIX "vmport-"

typedef struct
{
  VmpRoom *room;  /* the place's */
  char *member;   /* of the package; NULL for the TPM's folder */
  char *staged;   /* beneath the room */
  char *final;    /* beneath the room; NULL for what is moved with its folder */
  gboolean is_folder;
  gboolean is_promised; /* no other place takes @final as long as this one is there */
  guint64 device; /* once it is finished */
  guint64 inode;
  gint64 mtime;
  gint64 mtime_nsec;
} VmpPlaceItem;

struct _VmpPlace
{
  VmpLibvirtLink *link; /* the manager's, which outlives its jobs */
  VmpLibvirtHost *host;
  char *token;
  char *uuid;
  char *name;
  char *staging;
  GPtrArray *rooms; /* of VmpRoom, one of each kind */
  GPtrArray *items; /* of VmpPlaceItem */
  VmpPlaceItem *tpm; /* its folder, of @items, or NULL */
  VmpDomain *domain;
  GPtrArray *snapshots; /* of VmpSnapshot, parents first */
};

G_END_DECLS
