/* A virtual machine's configuration: libvirt's domain XML, reduced to what vmport knows. */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* Bounds on a document from outside. */
#define VMP_DOMAIN_MAX_BYTES (4 * 1024 * 1024)
#define VMP_DOMAIN_MAX_DEPTH 250 /* a backing chain is nested; libxml2 itself ends at 256 */

#define VMP_TYPE_DOMAIN (vmp_domain_get_type ())
G_DECLARE_FINAL_TYPE (VmpDomain, vmp_domain, VMP, DOMAIN, GObject)

/* What was found in a document and is not in the model, or is there marked unsafe. @location is
 * an XPath-like place ("devices/hostdev[2]"); @reason a translated sentence; @keepable whether
 * `UnsafeDevices=keep` can keep it (the model has a type for it). */
typedef struct
{
  char *location;
  char *reason;
  gboolean keepable;
} VmpUnsafe;

void vmp_unsafe_free (VmpUnsafe *unsafe);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (VmpUnsafe, vmp_unsafe_free)

/* A list of VmpUnsafe as a worker reports it, a(ssb); floating. */
GVariant *vmp_unsafe_list_to_variant (GPtrArray *unsafe);

typedef enum
{
  VMP_DISK_DEVICE_DISK,
  VMP_DISK_DEVICE_CDROM,
  VMP_DISK_DEVICE_FLOPPY,
} VmpDiskDevice;

typedef enum
{
  VMP_NETWORK_NONE,    /* not connected */
  VMP_NETWORK_NETWORK, /* libvirt's network, by name */
  VMP_NETWORK_BRIDGE,  /* a bridge of the host, by name */
  VMP_NETWORK_USER,    /* QEMU's user mode network; no name */
} VmpNetworkKind;

/* Files of the configuration other than disks. */
typedef enum
{
  VMP_DOMAIN_FILE_KERNEL,
  VMP_DOMAIN_FILE_INITRD,
  VMP_DOMAIN_FILE_DTB,
  VMP_DOMAIN_FILE_LOADER, /* only a loader that is a member of the package */
  VMP_DOMAIN_FILE_NVRAM,
  VMP_DOMAIN_N_FILES,
} VmpDomainFile;

VmpDomain *vmp_domain_new_from_xml (const char *xml, gsize size, GPtrArray **unsafe, GError **error);
VmpDomain *vmp_domain_new_from_variant (GVariant *variant, GError **error);
GVariant *vmp_domain_to_variant (VmpDomain *self);
char *vmp_domain_to_xml (VmpDomain *self);
VmpDomain *vmp_domain_copy (VmpDomain *self);
gboolean vmp_domain_is_unsafe (VmpDomain *self);
void vmp_domain_strip_unsafe (VmpDomain *self);

const char *vmp_domain_get_name (VmpDomain *self);
void vmp_domain_set_name (VmpDomain *self, const char *name);
const char *vmp_domain_get_uuid (VmpDomain *self);
void vmp_domain_set_uuid (VmpDomain *self, const char *uuid);

/* What a host must be able to run; NULL where the document leaves it to the host. */
const char *vmp_domain_get_virt_type (VmpDomain *self);
const char *vmp_domain_get_arch (VmpDomain *self);
const char *vmp_domain_get_machine_type (VmpDomain *self);
const char *vmp_domain_get_firmware (VmpDomain *self);

/* Disks, in the document's order: every device, CD-ROM and floppy drives included. */
guint vmp_domain_get_n_disks (VmpDomain *self);
VmpDiskDevice vmp_domain_get_disk_device (VmpDomain *self, guint disk);
const char *vmp_domain_get_disk_target (VmpDomain *self, guint disk);
/* Is it a device of the host, and no file? */
gboolean vmp_domain_is_disk_unsafe (VmpDomain *self, guint disk);
/* Is the guest kept from writing it? */
gboolean vmp_domain_is_disk_read_only (VmpDomain *self, guint disk);
/* The images of a disk, topmost first: element 0 is the disk's own source, the others its stated
 * backing chain. An empty drive, and a disk without a source, has none. */
guint vmp_domain_get_n_images (VmpDomain *self, guint disk);
const char *vmp_domain_get_image_path (VmpDomain *self, guint disk, guint image);
const char *vmp_domain_get_image_format (VmpDomain *self, guint disk, guint image);
gboolean vmp_domain_has_host_source (VmpDomain *self, guint disk);
/* Replaces the whole chain; @paths and @formats are NULL-terminated and of equal length, empty to
 * eject. The document ends the chain with an empty <backingStore/>. */
void vmp_domain_set_images (VmpDomain *self, guint disk, const char *const *paths,
                            const char *const *formats);
void vmp_domain_take_images (VmpDomain *self, guint disk, VmpDomain *from, guint from_disk);

/* Network adapters, in the document's order. */
guint vmp_domain_get_n_interfaces (VmpDomain *self);
VmpNetworkKind vmp_domain_get_interface_kind (VmpDomain *self, guint interface);
const char *vmp_domain_get_interface_source (VmpDomain *self, guint interface);
const char *vmp_domain_get_interface_mac (VmpDomain *self, guint interface);
/* Does it reach into the host by its kind, such as a device that is passed through? Then it has no
 * connection but that, until it is given one. */
gboolean vmp_domain_is_interface_unsafe (VmpDomain *self, guint interface);
void vmp_domain_set_interface_source (VmpDomain *self, guint interface, VmpNetworkKind kind,
                                      const char *source);
void vmp_domain_set_interface_mac (VmpDomain *self, guint interface, const char *mac);
char *vmp_domain_get_interface_connection (VmpDomain *self, guint interface);

/* What vmport writes down in the configuration, for people and for the next manager. What counts for
 * access is the daemon's own record of scopes. */
typedef enum
{
  VMP_DOMAIN_NOTE_AUTOSTART, /* "yes": it starts with its host */
  VMP_DOMAIN_NOTE_SCOPE,
  VMP_DOMAIN_NOTE_JOB,       /* the token of the import that made it */
} VmpDomainNote;

const char *vmp_domain_get_note (VmpDomain *self, VmpDomainNote note);
void vmp_domain_set_note (VmpDomain *self, VmpDomainNote note, const char *text);
#define VMP_DOMAIN_NOTE_PREFIX "vmport"
#define VMP_DOMAIN_NOTE_URI "urn:vmport:metadata:1"
char *vmp_domain_note_scope_to_xml (const char *scope);

/* Where a volume is: an absolute path, or NULL with @error set. */
typedef char *(*VmpVolumeFunc) (const char *pool, const char *volume, gpointer data,
                                GError **error);
char *vmp_domain_resolve_volumes (const char *xml, VmpVolumeFunc resolve, gpointer data,
                                  GError **error);

const char *vmp_domain_get_file (VmpDomain *self, VmpDomainFile file);
void vmp_domain_set_file (VmpDomain *self, VmpDomainFile file, const char *path);

/* A saved state's configuration (@self) beside that of its machine. */
char *vmp_domain_find_difference (VmpDomain *self, VmpDomain *other);
gboolean vmp_domain_has_other_identity (VmpDomain *self, VmpDomain *other);
void vmp_domain_take_identity (VmpDomain *self, VmpDomain *from);

G_END_DECLS
