/* A snapshot of a virtual machine: libvirt's <domainsnapshot>, reduced to what vmport knows. */
#pragma once

#include <gio/gio.h>

#include "vmp-domain.h"
#include "vmp-package.h"

G_BEGIN_DECLS

/* Bounds on what comes from outside. A document has one configuration or two. */
#define VMP_SNAPSHOT_MAX_BYTES (2 * VMP_DOMAIN_MAX_BYTES)
#define VMP_SNAPSHOT_MAX_DEPTH (VMP_DOMAIN_MAX_DEPTH + 1)
#define VMP_SNAPSHOTS_MAX VMP_PACKAGE_MAX_SNAPSHOTS /* of one machine */

/* Where a snapshot has a disk's content, or the memory. */
typedef enum
{
  VMP_SNAPSHOT_NONE,     /* it has it not; of a disk: it is as it is now, and a revert leaves it so */
  VMP_SNAPSHOT_INTERNAL, /* in the image itself */
  VMP_SNAPSHOT_EXTERNAL, /* in a file: of a disk, in the images that the configuration names */
} VmpSnapshotStorage;

#define VMP_TYPE_SNAPSHOT (vmp_snapshot_get_type ())
G_DECLARE_FINAL_TYPE (VmpSnapshot, vmp_snapshot, VMP, SNAPSHOT, GObject)

VmpSnapshot *vmp_snapshot_new_from_xml (const char *xml, gsize size, GPtrArray **unsafe,
                                        GError **error);
VmpSnapshot *vmp_snapshot_new_from_variant (GVariant *variant, GError **error);
GVariant *vmp_snapshot_to_variant (VmpSnapshot *self);
char *vmp_snapshot_to_xml (VmpSnapshot *self);
VmpSnapshot *vmp_snapshot_copy (VmpSnapshot *self);
gboolean vmp_snapshot_equal (VmpSnapshot *a, VmpSnapshot *b);
gboolean vmp_snapshot_is_unsafe (VmpSnapshot *self);
void vmp_snapshot_strip_unsafe (VmpSnapshot *self);

const char *vmp_snapshot_get_name (VmpSnapshot *self);
const char *vmp_snapshot_get_description (VmpSnapshot *self); /* or NULL */
const char *vmp_snapshot_get_parent (VmpSnapshot *self);      /* its name, or NULL for none */
void vmp_snapshot_set_parent (VmpSnapshot *self, const char *parent);
guint64 vmp_snapshot_get_creation_time (VmpSnapshot *self); /* seconds since the epoch */
const char *vmp_snapshot_get_state (VmpSnapshot *self);     /* libvirt's word */
const char *vmp_snapshot_get_machine_state (VmpSnapshot *self);
/* Is the machine, as it is now, what came of this snapshot? */
gboolean vmp_snapshot_is_current (VmpSnapshot *self);
void vmp_snapshot_set_current (VmpSnapshot *self, gboolean current);
/* External where any part of it is in a file of its own; never none. */
VmpSnapshotStorage vmp_snapshot_get_storage (VmpSnapshot *self);

VmpSnapshotStorage vmp_snapshot_get_memory (VmpSnapshot *self);
/* A save file of libvirt's; NULL unless the memory is external. */
const char *vmp_snapshot_get_memory_path (VmpSnapshot *self);
void vmp_snapshot_set_memory_path (VmpSnapshot *self, const char *path);
char *vmp_snapshot_cookie_to_xml (VmpSnapshot *self);

/* What the snapshot did to each disk; a disk of its configuration that is not listed here has
 * nothing in the snapshot. */
guint vmp_snapshot_get_n_disks (VmpSnapshot *self);
const char *vmp_snapshot_get_disk_target (VmpSnapshot *self, guint disk);
VmpSnapshotStorage vmp_snapshot_get_disk_storage (VmpSnapshot *self, guint disk);
/* The overlay that an external snapshot made, which holds what was written since: it belongs to what
 * came after the snapshot. NULL for any other disk. */
const char *vmp_snapshot_get_disk_path (VmpSnapshot *self, guint disk);
const char *vmp_snapshot_get_disk_format (VmpSnapshot *self, guint disk);
void vmp_snapshot_set_disk_image (VmpSnapshot *self, guint disk, const char *path,
                                  const char *format);
VmpSnapshotStorage vmp_snapshot_find_disk_storage (VmpSnapshot *self, const char *target);

/* The machine as it was then, and, where that differs, as it would have started next. They belong to
 * the snapshot; who owns that may change them. */
VmpDomain *vmp_snapshot_get_domain (VmpSnapshot *self);
VmpDomain *vmp_snapshot_get_inactive_domain (VmpSnapshot *self); /* or NULL */

/* As vmp_domain_resolve_volumes() does it. */
char *vmp_snapshot_resolve_volumes (const char *xml, VmpVolumeFunc resolve, gpointer data,
                                    GError **error);

/* Lists of VmpSnapshot. */
GPtrArray *vmp_snapshot_list_sort (GPtrArray *snapshots, GError **error);
VmpSnapshot *vmp_snapshot_list_find (GPtrArray *snapshots, const char *name);
gboolean vmp_snapshot_list_equal (GPtrArray *a, GPtrArray *b);

G_END_DECLS
