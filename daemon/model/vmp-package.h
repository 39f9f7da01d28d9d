/* The package's descriptor, vmport.xml: which files a package has, and what each is for. */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

#define VMP_PACKAGE_DESCRIPTOR "vmport.xml"
#define VMP_PACKAGE_SHA256SUMS "SHA256SUMS"
#define VMP_PACKAGE_VM_FOLDER "Virtual Machines"
#define VMP_PACKAGE_VHD_FOLDER "Virtual Hard Disks"
#define VMP_PACKAGE_SNAPSHOT_FOLDER "Snapshots"
#define VMP_PACKAGE_NAMESPACE "urn:vmport:package:1"

#define VMP_PACKAGE_MAX_BYTES (8 * 1024 * 1024)
#define VMP_PACKAGE_MAX_FILES 4096
/* Of one file; and what a descriptor has room for, beyond which further files go without. */
#define VMP_PACKAGE_MAX_LOCATOR (128 * 1024)
#define VMP_PACKAGE_MAX_LOCATORS (4 * 1024 * 1024)
#define VMP_PACKAGE_MAX_IMAGES 240 /* in one backing chain: a configuration can spell out so many */
#define VMP_PACKAGE_MAX_SNAPSHOTS 1024

/* swtpm has a handful of files, in one folder: guards, not limits that anyone meets. */
#define VMP_PACKAGE_MAX_TPM_FILES 128
#define VMP_PACKAGE_MAX_TPM_DEPTH 4 /* folders, that of the TPM included */

typedef enum
{
  VMP_ROLE_CONFIGURATION, /* Virtual Machines/<uuid>.xml, exactly one */
  VMP_ROLE_DISK,          /* an image, topmost or lower */
  VMP_ROLE_MEDIA,         /* a CD-ROM or floppy image */
  VMP_ROLE_KERNEL,
  VMP_ROLE_INITRD,
  VMP_ROLE_DTB,
  VMP_ROLE_LOADER,
  VMP_ROLE_NVRAM,
  VMP_ROLE_TPM,           /* one file of the TPM's state folder */
  VMP_ROLE_STATE,         /* the saved state */
  VMP_ROLE_SNAPSHOT,      /* a snapshot's metadata */
  VMP_ROLE_SNAPSHOT_DISK,
  VMP_ROLE_SNAPSHOT_MEMORY,
  VMP_N_ROLES,
} VmpRole;

const char *vmp_role_to_string (VmpRole role);
gboolean vmp_role_from_string (const char *text, VmpRole *role);

/* One file of the package. */
typedef struct
{
  char *name;      /* relative to the package, `/` between components; valid by vmp_name_is_relative() */
  VmpRole role;
  guint64 size;      /* bytes */
  guint64 allocated; /* bytes of payload: the data extents, holes not counted */
  char *verity;    /* fs-verity digest, 64 lower-case hex digits, or NULL */
  char *sha256;    /* linear SHA-256, 64 lower-case hex digits, or NULL */
  char *locator;   /* by which a damaged block is found, Base64, or NULL */
} VmpPackageFile;

/* One image of a disk's chain. */
typedef struct
{
  char *path;   /* where it lay on the exporting host */
  char *format; /* "qcow2", "raw", … : stated, never probed */
  char *file;   /* the member's name, or NULL where it is not in the package */
} VmpPackageImage;

/* One disk device (or, in @media drives, an image that came along), in the configuration's order. */
typedef struct
{
  char *target;      /* "vda" */
  GPtrArray *images; /* of VmpPackageImage, topmost first, at least one */
} VmpPackageDisk;

/* One snapshot, with what its document does not say: where each file is that it needs, and where that
 * lay. */
typedef struct
{
  char *name;        /* the snapshot's own */
  char *file;        /* the member that is its document */
  char *memory_path; /* of external memory, as VmpPackageImage has it; or NULL */
  char *memory_file; /* or NULL */
  GPtrArray *disks;  /* of VmpPackageDisk: the chain of each disk at that moment */
} VmpPackageSnapshot;

#define VMP_TYPE_PACKAGE (vmp_package_get_type ())
G_DECLARE_FINAL_TYPE (VmpPackage, vmp_package, VMP, PACKAGE, GObject)

VmpPackage *vmp_package_new (void);
VmpPackage *vmp_package_new_from_xml (const char *xml, gsize size, GError **error);
char *vmp_package_to_xml (VmpPackage *self);
VmpPackage *vmp_package_new_from_variant (GVariant *variant, GError **error);
GVariant *vmp_package_to_variant (VmpPackage *self);

/* The exported machine. @state is "off" or "saved". */
void vmp_package_set_machine (VmpPackage *self, const char *uuid, const char *name,
                              const char *state);
const char *vmp_package_get_uuid (VmpPackage *self);
const char *vmp_package_get_name (VmpPackage *self);

VmpPackageFile *vmp_package_add_file (VmpPackage *self, const char *name, VmpRole role);
GPtrArray *vmp_package_get_files (VmpPackage *self); /* of VmpPackageFile */
VmpPackageFile *vmp_package_find_file (VmpPackage *self, const char *name);
VmpPackageFile *vmp_package_find_role (VmpPackage *self, VmpRole role); /* the first, or NULL */

gboolean vmp_package_check_document (VmpPackageFile *file, const char *verity, GError **error);

VmpPackageDisk *vmp_package_add_disk (VmpPackage *self, const char *target);
VmpPackageImage *vmp_package_disk_add_image (VmpPackageDisk *disk, const char *path,
                                             const char *format, const char *file);
GPtrArray *vmp_package_get_disks (VmpPackage *self); /* of VmpPackageDisk */

/* Does @backing, from the header of the member @overlay, name the member @below? Such names are
 * relative to the overlay's folder and do not lead out of the package. */
gboolean vmp_package_names_member (const char *overlay, const char *backing, const char *below);

VmpPackageSnapshot *vmp_package_add_snapshot (VmpPackage *self, const char *name,
                                              const char *file);
void vmp_package_snapshot_set_memory (VmpPackageSnapshot *snapshot, const char *path,
                                      const char *file);
VmpPackageDisk *vmp_package_snapshot_add_disk (VmpPackageSnapshot *snapshot, const char *target);
GPtrArray *vmp_package_get_snapshots (VmpPackage *self); /* of VmpPackageSnapshot, parents first */

/* What a snapshot's document (with ".xml") and its folder are called below the snapshots' folder, told
 * apart from those in @taken (casefolded names), to which both are added. */
char *vmp_package_name_snapshot (const char *name, GHashTable *taken);

/* A base name for an image that lies at @path: its own, ended as @format is, and told apart from
 * those in @taken (casefolded names), to which it is added. */
char *vmp_package_name_image (const char *path, const char *format, GHashTable *taken);

G_END_DECLS
