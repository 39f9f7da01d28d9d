/* The settings of an export, with a property for each key. */
#include "config.h"

#include "vmport-export-settings.h"

#include "vmp-client-settings.h"
#include "vmport-enums.h"

/**
 * VmportExportSettings:
 *
 * The settings of an export of one virtual machine. Names, meanings and defaults are those of
 * Hyper-V's `Msvm_VirtualSystemExportSettingData` where it has them.
 * [method@Manager.load_export_settings] gives them filled in.
 */
struct _VmportExportSettings
{
  VmportSettings parent_instance;
};

G_DEFINE_FINAL_TYPE (VmportExportSettings, vmport_export_settings, VMPORT_TYPE_SETTINGS)

static const VmpClientKey keys[] = {
  /**
   * VmportExportSettings:caption:
   *
   * What these settings are called. Read-only.
   */
  { "Caption", "caption", "s", TRUE, NULL },
  /**
   * VmportExportSettings:description:
   *
   * What these settings are. Read-only.
   */
  { "Description", "description", "s", TRUE, NULL },
  /**
   * VmportExportSettings:element-name:
   *
   * The same as the description. Read-only.
   */
  { "ElementName", "element-name", "s", TRUE, NULL },
  /**
   * VmportExportSettings:instance-id:
   *
   * `vmport:` followed by the virtual machine's UUID. Read-only.
   */
  { "InstanceID", "instance-id", "s", TRUE, NULL },
  /**
   * VmportExportSettings:copy-vm-storage:
   *
   * Whether the disks go along. Without them the package is a configuration alone.
   */
  { "CopyVmStorage", "copy-vm-storage", "b", FALSE, NULL },
  /**
   * VmportExportSettings:copy-vm-runtime-information:
   *
   * Whether the saved state (memory and devices) goes along.
   */
  { "CopyVmRuntimeInformation", "copy-vm-runtime-information", "b", FALSE, NULL },
  /**
   * VmportExportSettings:create-vm-export-subdirectory:
   *
   * Whether the package is a subdirectory with the virtual machine's name.
   */
  { "CreateVmExportSubdirectory", "create-vm-export-subdirectory", "b", FALSE, NULL },
  /**
   * VmportExportSettings:copy-snapshot-configuration:
   *
   * Which snapshots go along.
   */
  { "CopySnapshotConfiguration", "copy-snapshot-configuration", "y", FALSE,
    vmport_snapshot_configuration_get_type },
  /**
   * VmportExportSettings:snapshot-virtual-system:
   *
   * The one snapshot to export, by its object path or its name.
   */
  { "SnapshotVirtualSystem", "snapshot-virtual-system", "s", FALSE, NULL },
  /**
   * VmportExportSettings:capture-live-state:
   *
   * How a running virtual machine is taken.
   */
  { "CaptureLiveState", "capture-live-state", "y", FALSE, vmport_live_state_get_type },
  /**
   * VmportExportSettings:excluded-virtual-hard-disks:
   *
   * Disks that stay behind, by their target names (`vdb`) or paths.
   */
  { "ExcludedVirtualHardDisks", "excluded-virtual-hard-disks", "as", FALSE, NULL },
  /**
   * VmportExportSettings:checksum:
   *
   * Which digests the package gets.
   */
  { "Checksum", "checksum", "s", FALSE, vmport_checksum_get_type },
  /**
   * VmportExportSettings:bandwidth-limit:
   *
   * Bytes a second for the whole job; 0 for no limit.
   */
  { "BandwidthLimit", "bandwidth-limit", "t", FALSE, NULL },
  /**
   * VmportExportSettings:disk-format:
   *
   * The format of the disks in the package.
   */
  { "DiskFormat", "disk-format", "s", FALSE, vmport_disk_format_get_type },
  /**
   * VmportExportSettings:include-removable-media:
   *
   * Whether the images in CD-ROM and floppy drives go along.
   */
  { "IncludeRemovableMedia", "include-removable-media", "b", FALSE, NULL },
  { NULL }
};

static void
vmport_export_settings_class_init (VmportExportSettingsClass *klass)
{
  vmp_client_settings_install (VMPORT_SETTINGS_CLASS (klass), keys);
}

static void
vmport_export_settings_init (VmportExportSettings *self)
{
}

/**
 * vmport_export_settings_new_from_variant:
 * @settings: (nullable): an `a{sv}` that [method@Manager.get_export_settings] returned. Consumed if
 *   floating
 *
 * Returns: (transfer full): new settings
 */
VmportExportSettings *
vmport_export_settings_new_from_variant (GVariant *settings)
{
  g_return_val_if_fail (settings == NULL || g_variant_is_of_type (settings, G_VARIANT_TYPE_VARDICT),
                        NULL);

  return settings != NULL ? vmp_client_settings_new (VMPORT_TYPE_EXPORT_SETTINGS, settings)
                          : g_object_new (VMPORT_TYPE_EXPORT_SETTINGS, NULL);
}
