/* What the readers of qcow2's header and of its snapshot table share. */
#pragma once

#include "vmp-image-private.h"

G_BEGIN_DECLS

#define VMP_QCOW2_INCOMPATIBLE_EXTENDED_L2 (G_GUINT64_CONSTANT (1) << 4)
#define VMP_QCOW2_MAX_L1_BYTES (32 << 20)

typedef struct
{
  guint32 version;
  guint64 backing_offset;
  guint32 backing_size;
  guint32 cluster_bits;
  guint64 cluster_size;
  guint64 virtual_size;
  guint32 crypt_method;
  guint32 l1_size;
  guint64 l1_offset;
  guint64 refcount_offset;
  guint32 refcount_clusters;
  guint32 n_snapshots;
  guint64 snapshots_offset;
  guint64 incompatible;
  guint64 autoclear;
  guint32 refcount_order;
  guint32 length;
  guint8 compression;
} VmpQcow2Header;

gboolean vmp_qcow2_read_header (const VmpImageFile *file, VmpQcow2Header *header, GError **error);

/* How many bits of a disk's offset hang on one entry of the L1 table: an L2 table is a cluster. */
guint vmp_qcow2_get_l1_shift (const VmpQcow2Header *header);

G_END_DECLS
