/* What one connection to libvirt says about its host: networks, pools, users, folders. */
#pragma once

#include <gio/gio.h>
#include <libvirt/libvirt.h>
#include <sys/types.h>

G_BEGIN_DECLS

/* A folder that the driver opens files beneath. */
typedef enum
{
  VMP_ROOM_POOL,  /* of a storage pool */
  VMP_ROOM_NVRAM, /* libvirt's own: UEFI variables */
  VMP_ROOM_TPM,   /* libvirt's own: a folder of swtpm's for each UUID */
  VMP_ROOM_SAVE,  /* libvirt's own: managed saves */
} VmpRoomKind;

typedef struct
{
  VmpRoomKind kind;
  char *path;
  int fd;
} VmpRoom;

/* Where QEMU's driver on this host keeps what it has no calls for. */
typedef struct
{
  char *configuration; /* NULL for a driver that keeps nothing of it here */
  char *state;
  char *tpm;
} VmpLibvirtFolders;

/* Immutable once it was read. */
typedef struct
{
  gatomicrefcount ref_count;
  char *version;
  GStrv networks;
  GPtrArray *rooms; /* of VmpRoom; the default pool's first */
  GHashTable *groups; /* target of a pool of the type logical → the pool's name */
  VmpLibvirtFolders folders; /* made or not */
  GArray *users;    /* of uid_t: of the hypervisor and of swtpm */
  gboolean owns_files; /* libvirt gives files to its users by itself, when it starts a machine */
  uid_t qemu_uid;
  gid_t qemu_gid;
  uid_t tpm_uid;
  gid_t tpm_gid;
} VmpLibvirtHost;

void vmp_libvirt_folders_init (VmpLibvirtFolders *self, const char *uri);
void vmp_libvirt_folders_clear (VmpLibvirtFolders *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (VmpLibvirtFolders, vmp_libvirt_folders_clear)

VmpLibvirtHost *vmp_libvirt_host_read (virConnectPtr connection, const char *uri, GError **error);
VmpLibvirtHost *vmp_libvirt_host_ref (VmpLibvirtHost *self);
void vmp_libvirt_host_unref (VmpLibvirtHost *self);

VmpRoom *vmp_libvirt_host_find_room (VmpLibvirtHost *self, VmpRoomKind kind);
VmpRoom *vmp_libvirt_host_find_path (VmpLibvirtHost *self, const char *path, const char **beneath);
gboolean vmp_libvirt_host_owns (VmpLibvirtHost *self, const char *path);
gboolean vmp_libvirt_host_sync (VmpLibvirtHost *self, const char *name, GError **error);
int vmp_libvirt_host_open (VmpLibvirtHost *self, const char *path, GError **error);
VmpRoom *vmp_room_new (VmpRoomKind kind, const char *path, const uid_t *users, gsize n_users,
                       GError **error);
void vmp_room_free (VmpRoom *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (VmpLibvirtHost, vmp_libvirt_host_unref)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (VmpRoom, vmp_room_free)

G_END_DECLS
