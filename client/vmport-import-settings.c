/* The settings of an import, with a property for each key. */
#include "config.h"

#include "vmport-import-settings.h"

#include "vmp-client-settings.h"
#include "vmport-enums.h"

/**
 * VmportImportSettings:
 *
 * The settings of an import from one directory. Names, meanings and defaults are those of
 * Hyper-V's `Msvm_VirtualSystemImportSettingData` where it has them.
 * [method@Manager.load_import_settings] gives them filled in from what the directory holds.
 *
 * Position *i* of the three properties with resource paths is one disk, and position *i* of the two
 * with network connections is one adapter. Arrays of another length are an error of the import.
 */
struct _VmportImportSettings
{
  VmportSettings parent_instance;
};

G_DEFINE_FINAL_TYPE (VmportImportSettings, vmport_import_settings, VMPORT_TYPE_SETTINGS)

static const VmpClientKey keys[] = {
  /**
   * VmportImportSettings:caption:
   *
   * What these settings are called. Read-only.
   */
  { "Caption", "caption", "s", TRUE, NULL },
  /**
   * VmportImportSettings:description:
   *
   * What these settings are. Read-only.
   */
  { "Description", "description", "s", TRUE, NULL },
  /**
   * VmportImportSettings:element-name:
   *
   * The same as the description. Read-only.
   */
  { "ElementName", "element-name", "s", TRUE, NULL },
  /**
   * VmportImportSettings:instance-id:
   *
   * `vmport:` followed by the UUID of the exported virtual machine. Read-only.
   */
  { "InstanceID", "instance-id", "s", TRUE, NULL },
  /**
   * VmportImportSettings:create-copy:
   *
   * Whether the files are copied; without that the virtual machine is registered where they lie.
   */
  { "CreateCopy", "create-copy", "b", FALSE, NULL },
  /**
   * VmportImportSettings:generate-new-id:
   *
   * Whether it gets a new UUID and new MAC addresses.
   */
  { "GenerateNewId", "generate-new-id", "b", FALSE, NULL },
  /**
   * VmportImportSettings:name:
   *
   * The name that it gets.
   */
  { "Name", "name", "s", FALSE, NULL },
  /**
   * VmportImportSettings:security-scope:
   *
   * The security scope that it lands in; empty for the default one.
   */
  { "SecurityScope", "security-scope", "s", FALSE, NULL },
  /**
   * VmportImportSettings:current-resource-paths:
   *
   * The path of each disk on the host that exported it. Read-only.
   */
  { "CurrentResourcePaths", "current-resource-paths", "as", TRUE, NULL },
  /**
   * VmportImportSettings:source-resource-paths:
   *
   * Where each disk is read; empty for one that the package does not hold.
   */
  { "SourceResourcePaths", "source-resource-paths", "as", FALSE, NULL },
  /**
   * VmportImportSettings:target-resource-paths:
   *
   * Where each disk goes; empty for where the roots say.
   */
  { "TargetResourcePaths", "target-resource-paths", "as", FALSE, NULL },
  /**
   * VmportImportSettings:source-network-connections:
   *
   * What each network adapter was connected to. Read-only.
   */
  { "SourceNetworkConnections", "source-network-connections", "as", TRUE, NULL },
  /**
   * VmportImportSettings:target-network-connections:
   *
   * What each network adapter is connected to: `network:NAME`, `bridge:NAME`, `user`, or empty for
   * nothing.
   */
  { "TargetNetworkConnections", "target-network-connections", "as", FALSE, NULL },
  /**
   * VmportImportSettings:source-vm-data-root:
   *
   * The folder that holds configuration and state files.
   */
  { "SourceVmDataRoot", "source-vm-data-root", "s", FALSE, NULL },
  /**
   * VmportImportSettings:source-snapshot-data-root:
   *
   * The folder that holds the files of snapshots.
   */
  { "SourceSnapshotDataRoot", "source-snapshot-data-root", "s", FALSE, NULL },
  /**
   * VmportImportSettings:source-vhd-data-root:
   *
   * The folder that holds the disk images. Changing it alone moves the sources of all disks.
   */
  { "SourceVhdDataRoot", "source-vhd-data-root", "s", FALSE, NULL },
  /**
   * VmportImportSettings:target-vm-data-root:
   *
   * An existing folder to copy configuration and state files into; empty for the manager's own
   * place.
   */
  { "TargetVmDataRoot", "target-vm-data-root", "s", FALSE, NULL },
  /**
   * VmportImportSettings:target-snapshot-data-root:
   *
   * The same for the files of snapshots.
   */
  { "TargetSnapshotDataRoot", "target-snapshot-data-root", "s", FALSE, NULL },
  /**
   * VmportImportSettings:target-vhd-data-root:
   *
   * The same for disk images.
   */
  { "TargetVhdDataRoot", "target-vhd-data-root", "s", FALSE, NULL },
  /**
   * VmportImportSettings:verify-checksums:
   *
   * Whether every byte is checked against the package's digests.
   */
  { "VerifyChecksums", "verify-checksums", "b", FALSE, NULL },
  /**
   * VmportImportSettings:bandwidth-limit:
   *
   * Bytes a second for the whole job; 0 for no limit.
   */
  { "BandwidthLimit", "bandwidth-limit", "t", FALSE, NULL },
  /**
   * VmportImportSettings:mac-addresses:
   *
   * What becomes of the MAC addresses.
   */
  { "MacAddresses", "mac-addresses", "s", FALSE, vmport_mac_addresses_get_type },
  /**
   * VmportImportSettings:drop-saved-state:
   *
   * Whether it is imported as off although the package holds a saved state.
   */
  { "DropSavedState", "drop-saved-state", "b", FALSE, NULL },
  /**
   * VmportImportSettings:unsafe-devices:
   *
   * What becomes of parts of the configuration that reach into the host.
   */
  { "UnsafeDevices", "unsafe-devices", "s", FALSE, vmport_unsafe_devices_get_type },
  { NULL }
};

static void
vmport_import_settings_class_init (VmportImportSettingsClass *klass)
{
  vmp_client_settings_install (VMPORT_SETTINGS_CLASS (klass), keys);
}

static void
vmport_import_settings_init (VmportImportSettings *self)
{
}

/**
 * vmport_import_settings_new_from_variant:
 * @settings: (nullable): an `a{sv}` that [method@Manager.get_import_settings] returned. Consumed if
 *   floating
 *
 * Returns: (transfer full): new settings
 */
VmportImportSettings *
vmport_import_settings_new_from_variant (GVariant *settings)
{
  g_return_val_if_fail (settings == NULL || g_variant_is_of_type (settings, G_VARIANT_TYPE_VARDICT),
                        NULL);

  return settings != NULL ? vmp_client_settings_new (VMPORT_TYPE_IMPORT_SETTINGS, settings)
                          : g_object_new (VMPORT_TYPE_IMPORT_SETTINGS, NULL);
}
