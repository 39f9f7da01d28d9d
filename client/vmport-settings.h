/* What the settings of exports and imports have in common, and the sets of their values. */
#pragma once

#include <gio/gio.h>
#include <gio/gunixfdlist.h>

#include "vmport-finding.h"

G_BEGIN_DECLS

/**
 * VmportSnapshotConfiguration:
 * @VMPORT_SNAPSHOT_CONFIGURATION_UNKNOWN: a value that this library does not know
 * @VMPORT_SNAPSHOT_CONFIGURATION_ALL: all snapshots
 * @VMPORT_SNAPSHOT_CONFIGURATION_NONE: none
 * @VMPORT_SNAPSHOT_CONFIGURATION_ONE: one, as a virtual machine of its own
 * @VMPORT_SNAPSHOT_CONFIGURATION_ONE_KEEP_ID: one, keeping the virtual machine's id
 *
 * Which snapshots an export takes along; the numbers are those of Hyper-V's
 * `CopySnapshotConfiguration`.
 */
typedef enum
{
  VMPORT_SNAPSHOT_CONFIGURATION_UNKNOWN = -1,
  VMPORT_SNAPSHOT_CONFIGURATION_ALL = 0,
  VMPORT_SNAPSHOT_CONFIGURATION_NONE = 1,
  VMPORT_SNAPSHOT_CONFIGURATION_ONE = 2,
  VMPORT_SNAPSHOT_CONFIGURATION_ONE_KEEP_ID = 3,
} VmportSnapshotConfiguration;

/**
 * VmportLiveState:
 * @VMPORT_LIVE_STATE_UNKNOWN: a value that this library does not know
 * @VMPORT_LIVE_STATE_CRASH_CONSISTENT: the disks as a power cut would leave them
 * @VMPORT_LIVE_STATE_SAVED: with memory and devices
 * @VMPORT_LIVE_STATE_APPLICATION_CONSISTENT: prepared by the guest's agent
 *
 * How an export takes a running virtual machine; the numbers are those of Hyper-V's
 * `CaptureLiveState`.
 */
typedef enum
{
  VMPORT_LIVE_STATE_UNKNOWN = -1,
  VMPORT_LIVE_STATE_CRASH_CONSISTENT = 0,
  VMPORT_LIVE_STATE_SAVED = 1,
  VMPORT_LIVE_STATE_APPLICATION_CONSISTENT = 2,
} VmportLiveState;

/**
 * VmportChecksum:
 * @VMPORT_CHECKSUM_UNKNOWN: a value that this library does not know
 * @VMPORT_CHECKSUM_FS_VERITY: each file's fs-verity digest
 * @VMPORT_CHECKSUM_SHA256: besides, the linear digest and a file `SHA256SUMS`
 * @VMPORT_CHECKSUM_NONE: none
 *
 * Which digests a package gets. The nicks of the values are the words that travel.
 */
typedef enum
{
  VMPORT_CHECKSUM_UNKNOWN = -1,
  VMPORT_CHECKSUM_FS_VERITY = 0,
  VMPORT_CHECKSUM_SHA256 = 1,
  VMPORT_CHECKSUM_NONE = 2,
} VmportChecksum;

/**
 * VmportDiskFormat:
 * @VMPORT_DISK_FORMAT_UNKNOWN: a value that this library does not know
 * @VMPORT_DISK_FORMAT_KEEP: images are copied byte for byte
 * @VMPORT_DISK_FORMAT_QCOW2: QEMU's format
 * @VMPORT_DISK_FORMAT_RAW: without a format
 * @VMPORT_DISK_FORMAT_VHDX: Hyper-V's format
 * @VMPORT_DISK_FORMAT_VMDK: VMware's format
 *
 * The format that an export converts disks to. The nicks of the values are the words that travel.
 */
typedef enum
{
  VMPORT_DISK_FORMAT_UNKNOWN = -1,
  VMPORT_DISK_FORMAT_KEEP = 0,
  VMPORT_DISK_FORMAT_QCOW2 = 1,
  VMPORT_DISK_FORMAT_RAW = 2,
  VMPORT_DISK_FORMAT_VHDX = 3,
  VMPORT_DISK_FORMAT_VMDK = 4,
} VmportDiskFormat;

/**
 * VmportMacAddresses:
 * @VMPORT_MAC_ADDRESSES_UNKNOWN: a value that this library does not know
 * @VMPORT_MAC_ADDRESSES_AUTO: new ones with a new id, else the same
 * @VMPORT_MAC_ADDRESSES_GENERATE: new ones
 * @VMPORT_MAC_ADDRESSES_KEEP: the same; a clash is an error
 * @VMPORT_MAC_ADDRESSES_KEEP_IF_FREE: the same where they are free, else new ones
 *
 * What becomes of MAC addresses in an import. The nicks of the values are the words that travel.
 */
typedef enum
{
  VMPORT_MAC_ADDRESSES_UNKNOWN = -1,
  VMPORT_MAC_ADDRESSES_AUTO = 0,
  VMPORT_MAC_ADDRESSES_GENERATE = 1,
  VMPORT_MAC_ADDRESSES_KEEP = 2,
  VMPORT_MAC_ADDRESSES_KEEP_IF_FREE = 3,
} VmportMacAddresses;

/**
 * VmportUnsafeDevices:
 * @VMPORT_UNSAFE_DEVICES_UNKNOWN: a value that this library does not know
 * @VMPORT_UNSAFE_DEVICES_REFUSE: they stop the import
 * @VMPORT_UNSAFE_DEVICES_STRIP: they are left out
 * @VMPORT_UNSAFE_DEVICES_KEEP: they are kept, which needs an authorization of its own
 *
 * What becomes of parts of a configuration that reach into the host. The nicks of the values are
 * the words that travel.
 */
typedef enum
{
  VMPORT_UNSAFE_DEVICES_UNKNOWN = -1,
  VMPORT_UNSAFE_DEVICES_REFUSE = 0,
  VMPORT_UNSAFE_DEVICES_STRIP = 1,
  VMPORT_UNSAFE_DEVICES_KEEP = 2,
} VmportUnsafeDevices;

#define VMPORT_TYPE_SETTINGS (vmport_settings_get_type ())
G_DECLARE_DERIVABLE_TYPE (VmportSettings, vmport_settings, VMPORT, SETTINGS, GObject)

/**
 * VmportSettingsClass:
 *
 * Only libvmport derives classes from it.
 */
struct _VmportSettingsClass
{
  GObjectClass parent_class;

  /*< private >*/
  gconstpointer keys;
  gpointer padding[7];
};

GVariant *vmport_settings_get_value (VmportSettings *self, const char *key);
gboolean vmport_settings_set_value (VmportSettings *self, const char *key, GVariant *value,
                                    GError **error);
gboolean vmport_settings_is_changed (VmportSettings *self, const char *key);

int vmport_settings_get_directory_fd (VmportSettings *self);
gboolean vmport_settings_set_directory_fd (VmportSettings *self, int directory_fd,
                                           GError **error);

gboolean vmport_settings_apply_finding (VmportSettings *self, VmportFinding *finding);
gboolean vmport_settings_apply_findings (VmportSettings *self, GPtrArray *findings);

GVariant *vmport_settings_to_variant (VmportSettings *self, GUnixFDList *fd_list, GError **error);
GVariant *vmport_settings_to_variant_changed (VmportSettings *self, GUnixFDList *fd_list,
                                              GError **error);

G_END_DECLS
