/* A snapshot of a virtual machine as it was when it was read. */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

#define VMPORT_TYPE_SNAPSHOT (vmport_snapshot_get_type ())
G_DECLARE_FINAL_TYPE (VmportSnapshot, vmport_snapshot, VMPORT, SNAPSHOT, GObject)

const char *vmport_snapshot_get_object_path (VmportSnapshot *self);
const char *vmport_snapshot_get_name (VmportSnapshot *self);
const char *vmport_snapshot_get_parent_path (VmportSnapshot *self);
guint64 vmport_snapshot_get_creation_time (VmportSnapshot *self);
const char *vmport_snapshot_get_state (VmportSnapshot *self);
gboolean vmport_snapshot_get_current (VmportSnapshot *self);
const char *vmport_snapshot_get_storage (VmportSnapshot *self);
GVariant *vmport_snapshot_to_variant (VmportSnapshot *self);

G_END_DECLS
