/* The table of settings that options, command lines and completion are made from. */
#include "config.h"

#include <glib/gi18n-lib.h>

#include "vmp-ctl-options.h"

#define BOTH (VMP_CTL_EXPORT | VMP_CTL_IMPORT)

static const char *const snapshot_words[] = { "all", "none", "one", "one-keep-id", NULL };
static const char *const live_words[]
  = { "crash-consistent", "saved", "application-consistent", NULL };

/* The options bear the names of the properties of VmportExportSettings and VmportImportSettings,
 * arrays those of one element. Read-only keys have none. */
static const VmpCtlOption table[] = {
  { "CopyVmStorage", "copy-vm-storage", "b", VMP_CTL_EXPORT, FALSE, FALSE, NULL,
    N_ ("Copy the disks (yes)"), N_ ("yes|no") },
  { "CopyVmRuntimeInformation", "copy-vm-runtime-information", "b", VMP_CTL_EXPORT, FALSE, FALSE,
    NULL, N_ ("Copy the saved state (yes)"), N_ ("yes|no") },
  { "CreateVmExportSubdirectory", "create-vm-export-subdirectory", "b", VMP_CTL_EXPORT, FALSE,
    FALSE, NULL, N_ ("Put it into a subdirectory with the name of the virtual machine (no)"),
    N_ ("yes|no") },
  { "CopySnapshotConfiguration", "copy-snapshot-configuration", "y", VMP_CTL_EXPORT, FALSE, FALSE,
    snapshot_words, N_ ("Snapshots to copy: all, none, one or one-keep-id"), N_ ("WHICH") },
  { "SnapshotVirtualSystem", "snapshot-virtual-system", "s", VMP_CTL_EXPORT, FALSE, FALSE, NULL,
    N_ ("The one snapshot, by its name or object path"), N_ ("SNAPSHOT") },
  { "CaptureLiveState", "capture-live-state", "y", VMP_CTL_EXPORT, FALSE, FALSE, live_words,
    N_ ("How to take a running one: crash-consistent, saved or application-consistent"),
    N_ ("HOW") },
  { "ExcludedVirtualHardDisks", "excluded-virtual-hard-disk", "as", VMP_CTL_EXPORT, FALSE, FALSE,
    NULL, N_ ("Leave this disk behind; may be repeated"), N_ ("TARGET|PATH") },
  { "Checksum", "checksum", "s", VMP_CTL_EXPORT, FALSE, FALSE, NULL,
    N_ ("Digests in the package: fs-verity (default), sha256 or none"), N_ ("KIND") },
  { "DiskFormat", "disk-format", "s", VMP_CTL_EXPORT, FALSE, FALSE, NULL,
    N_ ("Format of the disks: keep (default), qcow2, raw, vhdx or vmdk"), N_ ("FORMAT") },
  { "IncludeRemovableMedia", "include-removable-media", "b", VMP_CTL_EXPORT, FALSE, FALSE, NULL,
    N_ ("Copy the images in CD-ROM and floppy drives too (no)"), N_ ("yes|no") },
  { "CreateCopy", "create-copy", "b", VMP_CTL_IMPORT, FALSE, FALSE, NULL,
    N_ ("Copy the files (yes), or use them where they lie"), N_ ("yes|no") },
  { "GenerateNewId", "generate-new-id", "b", VMP_CTL_IMPORT, FALSE, FALSE, NULL,
    N_ ("Give it a new UUID and new MAC addresses (yes)"), N_ ("yes|no") },
  { "Name", "name", "s", VMP_CTL_IMPORT, FALSE, FALSE, NULL, N_ ("The name that it gets"),
    N_ ("NAME") },
  { "SecurityScope", "security-scope", "s", VMP_CTL_IMPORT, FALSE, FALSE, NULL,
    N_ ("The security scope that it lands in"), N_ ("SCOPE") },
  { "SourceResourcePaths", "source-resource-path", "as", VMP_CTL_IMPORT, TRUE, TRUE, NULL,
    N_ ("Read a disk from there; in order, or with its position from 0"), N_ ("[INDEX=]PATH") },
  { "TargetResourcePaths", "target-resource-path", "as", VMP_CTL_IMPORT, TRUE, TRUE, NULL,
    N_ ("Put a disk there"), N_ ("[INDEX=]PATH") },
  { "TargetNetworkConnections", "target-network-connection", "as", VMP_CTL_IMPORT, FALSE, TRUE,
    NULL, N_ ("Connect an adapter to network:NAME, bridge:NAME, user or nothing"),
    N_ ("[INDEX=]NETWORK") },
  { "SourceVmDataRoot", "source-vm-data-root", "s", VMP_CTL_IMPORT, TRUE, FALSE, NULL,
    N_ ("Folder with the configuration and state files"), N_ ("DIRECTORY") },
  { "SourceSnapshotDataRoot", "source-snapshot-data-root", "s", VMP_CTL_IMPORT, TRUE, FALSE, NULL,
    N_ ("Folder with the files of snapshots"), N_ ("DIRECTORY") },
  { "SourceVhdDataRoot", "source-vhd-data-root", "s", VMP_CTL_IMPORT, TRUE, FALSE, NULL,
    N_ ("Folder with the disk images"), N_ ("DIRECTORY") },
  { "TargetVmDataRoot", "target-vm-data-root", "s", VMP_CTL_IMPORT, TRUE, FALSE, NULL,
    N_ ("Folder to copy configuration and state files into"), N_ ("DIRECTORY") },
  { "TargetSnapshotDataRoot", "target-snapshot-data-root", "s", VMP_CTL_IMPORT, TRUE, FALSE, NULL,
    N_ ("Folder to copy the files of snapshots into"), N_ ("DIRECTORY") },
  { "TargetVhdDataRoot", "target-vhd-data-root", "s", VMP_CTL_IMPORT, TRUE, FALSE, NULL,
    N_ ("Folder to copy disk images into"), N_ ("DIRECTORY") },
  { "VerifyChecksums", "verify-checksums", "b", VMP_CTL_IMPORT, FALSE, FALSE, NULL,
    N_ ("Check every byte against the package's digests (yes)"), N_ ("yes|no") },
  { "MacAddresses", "mac-addresses", "s", VMP_CTL_IMPORT, FALSE, FALSE, NULL,
    N_ ("MAC addresses: auto (default), generate, keep or keep-if-free"), N_ ("POLICY") },
  { "DropSavedState", "drop-saved-state", "b", VMP_CTL_IMPORT, FALSE, FALSE, NULL,
    N_ ("Import it as off although it was saved (no)"), N_ ("yes|no") },
  { "UnsafeDevices", "unsafe-devices", "s", VMP_CTL_IMPORT, FALSE, FALSE, NULL,
    N_ ("Devices that reach into the host: refuse (default), strip or keep"), N_ ("POLICY") },
  { "BandwidthLimit", "bandwidth-limit", "t", BOTH, FALSE, FALSE, NULL,
    N_ ("Bytes a second, such as 10M; 0 for no limit"), N_ ("BYTES") },
};

const VmpCtlOption *
vmp_ctl_option_table (gsize *n)
{
  *n = G_N_ELEMENTS (table);
  return table;
}

const VmpCtlOption *
vmp_ctl_option_find (VmpCtlPurpose purpose, const char *key)
{
  for (gsize i = 0; i < G_N_ELEMENTS (table); i++)
    if ((table[i].purposes & purpose) != 0 && g_str_equal (table[i].key, key))
      return &table[i];
  return NULL;
}
