/* What one connection to libvirt says about its host: networks, pools, users, folders.
 *
 * Files of machines lie in the targets of storage pools and in folders that libvirt keeps for
 * itself. The driver opens what lies beneath them where nobody but root and the hypervisor's users
 * can write; any other file is for a worker to open as its caller. */
#include "config.h"

#include "vmp-libvirt-host.h"

#include <fcntl.h>
#include <glib/gi18n-lib.h>
#include <pwd.h>
#include <string.h>

#include "vmp-at.h"
#include "vmp-error.h"
#include "vmp-fd.h"
#include "vmp-libvirt-error.h"
#include "vmp-libvirt-private.h"
#include "vmp-name.h"
#include "vmp-query.h"
#include "vmp-trust.h"

#define SYSTEM_FOLDER "/var/lib/libvirt"
#define USER_MAX_BYTES 16384
#define QEMU_CONF_MAX_BYTES (1024 * 1024)

void
vmp_room_free (VmpRoom *self)
{
  g_free (self->path);
  vmp_fd_clear (&self->fd);
  g_free (self);
}

VmpRoom *
vmp_room_new (VmpRoomKind kind, const char *path, const uid_t *users, gsize n_users,
              GError **error)
{
  g_autoptr (VmpRoom) self = g_new0 (VmpRoom, 1);

  self->kind = kind;
  self->path = g_strdup (path);
  self->fd = -1;
  if (!vmp_name_is_absolute (path))
    {
      vmp_error_set (error, VMPORT_ERROR_UNSAFE, _ ("“%s” is no absolute path"), path);
      return NULL;
    }
  if (!vmp_trust_check_way (path, users, n_users, error))
    return NULL;
  self->fd = vmp_at_open_absolute (path, O_RDONLY | O_DIRECTORY, error);
  return self->fd >= 0 ? g_steal_pointer (&self) : NULL;
}

VmpLibvirtHost *
vmp_libvirt_host_ref (VmpLibvirtHost *self)
{
  g_atomic_ref_count_inc (&self->ref_count);
  return self;
}

void
vmp_libvirt_host_unref (VmpLibvirtHost *self)
{
  if (!g_atomic_ref_count_dec (&self->ref_count))
    return;
  g_free (self->version);
  vmp_libvirt_folders_clear (&self->folders);
  g_strfreev (self->networks);
  g_ptr_array_unref (self->rooms);
  g_hash_table_unref (self->groups);
  g_array_unref (self->users);
  g_free (self);
}

static gboolean
read_version (VmpLibvirtHost *self, virConnectPtr connection, GError **error)
{
  unsigned long version;

  if (virConnectGetLibVersion (connection, &version) < 0)
    return vmp_libvirt_error_set (error, _ ("libvirt does not tell its version"));
  self->version = g_strdup_printf ("%lu.%lu.%lu", version / 1000000, version / 1000 % 1000,
                                   version % 1000);
  return TRUE;
}

/* Drivers without networks have none. */
static void
read_networks (VmpLibvirtHost *self, virConnectPtr connection)
{
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();
  virNetworkPtr *networks = NULL;
  int n = virConnectListAllNetworks (connection, &networks, 0);

  for (int i = 0; i < n; i++)
    {
      g_autofree char *name = g_strdup_printf ("network:%s", virNetworkGetName (networks[i]));

      g_strv_builder_add (builder, name);
      virNetworkFree (networks[i]);
    }
  free (networks);
  self->networks = g_strv_builder_end (builder);
}

static void
add_user (VmpLibvirtHost *self, uid_t uid)
{
  g_array_append_val (self->users, uid);
}

/* "name", or "+number" as libvirt writes one that is no name. */
static gboolean
find_user (const char *name, uid_t *uid, gid_t *gid)
{
  g_autofree char *buffer = g_malloc (USER_MAX_BYTES);
  struct passwd entry, *found = NULL;
  guint64 number;
  int status;

  if (name[0] == '+' && g_ascii_string_to_unsigned (name + 1, 10, 0, G_MAXINT, &number, NULL))
    status = getpwuid_r ((uid_t) number, &entry, buffer, USER_MAX_BYTES, &found);
  else
    status = getpwnam_r (name, &entry, buffer, USER_MAX_BYTES, &found);
  if (status != 0 || found == NULL)
    return FALSE;
  *uid = found->pw_uid;
  *gid = found->pw_gid;
  return TRUE;
}

/* The user that QEMU runs as, out of the capabilities' `+64055:+64055`. */
static gboolean
read_qemu_user (VmpLibvirtHost *self, virConnectPtr connection, GError **error)
{
  char *xml = virConnectGetCapabilities (connection);
  g_autoptr (VmpQuery) query = NULL;
  g_autofree char *label = NULL;
  guint64 uid, gid;
  g_auto (GStrv) parts = NULL;

  if (xml == NULL)
    return vmp_libvirt_error_set (error, _ ("libvirt does not tell the host's capabilities"));
  query = vmp_query_new (xml, _ ("The host's capabilities"), error);
  free (xml);
  if (query == NULL)
    return FALSE;
  label = vmp_query_text (query, "/capabilities/host/secmodel[model='dac']/baselabel");
  parts = g_strsplit (label != NULL ? label : "", ":", 2);
  if (g_strv_length (parts) == 2
      && g_ascii_string_to_unsigned (parts[0] + (parts[0][0] == '+'), 10, 0, G_MAXINT, &uid, NULL)
      && g_ascii_string_to_unsigned (parts[1] + (parts[1][0] == '+'), 10, 0, G_MAXINT, &gid, NULL))
    {
      self->qemu_uid = (uid_t) uid;
      self->qemu_gid = (gid_t) gid;
      add_user (self, self->qemu_uid);
    }
  return TRUE;
}

/* The value of `key = value` or `key = "value"` in qemu.conf; NULL where it is not set. */
static char *
find_conf (const char *text, const char *key)
{
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);

  for (gsize i = 0; lines[i] != NULL; i++)
    {
      char *line = g_strstrip (lines[i]);
      char *value;
      gsize length;

      if (!g_str_has_prefix (line, key))
        continue;
      value = g_strchug (line + strlen (key));
      if (value[0] != '=')
        continue;
      value = g_strchug (value + 1);
      if (value[0] == '"')
        value++;
      length = strcspn (value, "\"#");
      return g_strstrip (g_strndup (value, length));
    }
  return NULL;
}

/* What libvirt has no call for stands in its configuration: whose the TPMs' files are, and whether
 * it changes the owners of files. */
static void
read_conf (VmpLibvirtHost *self)
{
  vmp_autofd int etc = vmp_at_open_absolute ("/etc/libvirt", O_RDONLY | O_DIRECTORY, NULL);
  g_autoptr (GBytes) content
      = etc >= 0 ? vmp_at_read (etc, "qemu.conf", QEMU_CONF_MAX_BYTES, NULL) : NULL;
  g_autofree char *text = content != NULL ? g_strndup (g_bytes_get_data (content, NULL),
                                                       g_bytes_get_size (content))
                                          : g_strdup ("");
  g_autofree char *user = find_conf (text, "swtpm_user");
  g_autofree char *ownership = find_conf (text, "dynamic_ownership");

  self->owns_files = g_strcmp0 (ownership, "0") != 0;
  self->tpm_uid = 0;
  self->tpm_gid = 0;
  /* libvirt's own default, and root where there is no such user. */
  if (find_user (user != NULL ? user : "tss", &self->tpm_uid, &self->tpm_gid))
    add_user (self, self->tpm_uid);
}

static void
add_room (VmpLibvirtHost *self, VmpRoomKind kind, const char *path, gboolean first)
{
  g_autoptr (GError) error = NULL;
  VmpRoom *room = vmp_room_new (kind, path, (const uid_t *) self->users->data, self->users->len,
                                &error);

  if (room == NULL)
    g_info ("“%s” is not used as the manager's own: %s", path, error->message);
  else
    g_ptr_array_insert (self->rooms, first ? 0 : -1, room);
}

static void
read_pool (VmpLibvirtHost *self, virStoragePoolPtr pool)
{
  char *xml = virStoragePoolGetXMLDesc (pool, 0);
  g_autoptr (VmpQuery) query = xml != NULL ? vmp_query_new (xml, _ ("A storage pool"), NULL) : NULL;
  g_autofree char *path = query != NULL ? vmp_query_text (query, "/pool/target/path") : NULL;
  g_autofree char *type = query != NULL ? vmp_query_text (query, "/pool/@type") : NULL;

  free (xml);
  if (path != NULL && g_strcmp0 (type, "logical") == 0)
    g_hash_table_replace (self->groups, g_steal_pointer (&path),
                          g_strdup (virStoragePoolGetName (pool)));
  else if (path != NULL)
    add_room (self, VMP_ROOM_POOL, path, strcmp (virStoragePoolGetName (pool), "default") == 0);
}

/* Drivers without storage have no pools. */
static void
read_pools (VmpLibvirtHost *self, virConnectPtr connection)
{
  virStoragePoolPtr *pools = NULL;
  int n = virConnectListAllStoragePools (connection, &pools,
                                         VIR_CONNECT_LIST_STORAGE_POOLS_ACTIVE
                                             | VIR_CONNECT_LIST_STORAGE_POOLS_DIR
                                             | VIR_CONNECT_LIST_STORAGE_POOLS_FS
                                             | VIR_CONNECT_LIST_STORAGE_POOLS_LOGICAL);

  for (int i = 0; i < n; i++)
    {
      read_pool (self, pools[i]);
      virStoragePoolFree (pools[i]);
    }
  free (pools);
}

/* "qemu:///system" and "qemu:///session", by libvirtd or a daemon of its own, on this host. */
void
vmp_libvirt_folders_init (VmpLibvirtFolders *self, const char *uri)
{
  g_autoptr (GUri) parsed = g_uri_parse (uri, G_URI_FLAGS_NONE, NULL);
  const char *scheme = parsed != NULL ? g_uri_get_scheme (parsed) : "";
  const char *host = parsed != NULL ? g_uri_get_host (parsed) : NULL;
  const char *path = parsed != NULL ? g_uri_get_path (parsed) : "";

  *self = (VmpLibvirtFolders){ NULL, NULL, NULL };
  if ((strcmp (scheme, "qemu") != 0 && strcmp (scheme, "qemu+unix") != 0)
      || (host != NULL && host[0] != '\0'))
    return;
  if (strcmp (path, "/system") == 0)
    {
      self->configuration = g_strdup ("/etc/libvirt/qemu");
      self->state = g_strdup (SYSTEM_FOLDER "/qemu");
      self->tpm = g_strdup (SYSTEM_FOLDER "/swtpm");
    }
  else if (strcmp (path, "/session") == 0)
    {
      self->configuration = g_build_filename (g_get_user_config_dir (), "libvirt/qemu", NULL);
      self->state = g_strdup (self->configuration);
      self->tpm = g_build_filename (self->configuration, "swtpm", NULL);
    }
}

void
vmp_libvirt_folders_clear (VmpLibvirtFolders *self)
{
  g_clear_pointer (&self->configuration, g_free);
  g_clear_pointer (&self->state, g_free);
  g_clear_pointer (&self->tpm, g_free);
}

static void
add_own_folder (VmpLibvirtHost *self, VmpRoomKind kind, const char *base, const char *name)
{
  g_autofree char *path = g_build_filename (base, name, NULL);

  if (g_file_test (path, G_FILE_TEST_IS_DIR))
    add_room (self, kind, path, FALSE);
}

static void
read_own_folders (VmpLibvirtHost *self, const char *uri)
{
  const VmpLibvirtFolders *folders = &self->folders;

  vmp_libvirt_folders_init (&self->folders, uri);
  if (folders->state == NULL)
    return;
  add_own_folder (self, VMP_ROOM_NVRAM, folders->state, "nvram");
  add_own_folder (self, VMP_ROOM_SAVE, folders->state, "save");
  add_own_folder (self, VMP_ROOM_TPM, folders->tpm, "");
}

/* Blocking. */
VmpLibvirtHost *
vmp_libvirt_host_read (virConnectPtr connection, const char *uri, GError **error)
{
  g_autoptr (VmpLibvirtHost) self = g_new0 (VmpLibvirtHost, 1);

  g_atomic_ref_count_init (&self->ref_count);
  self->rooms = g_ptr_array_new_with_free_func ((GDestroyNotify) vmp_room_free);
  self->groups = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  self->users = g_array_new (FALSE, FALSE, sizeof (uid_t));
  self->qemu_uid = geteuid ();
  self->qemu_gid = getegid ();
  self->tpm_uid = geteuid ();
  self->tpm_gid = getegid ();
  self->owns_files = TRUE;
  if (!read_version (self, connection, error) || !read_qemu_user (self, connection, error))
    return NULL;
  if (geteuid () == 0)
    read_conf (self);
  read_networks (self, connection);
  read_pools (self, connection);
  read_own_folders (self, uri);
  return g_steal_pointer (&self);
}

/* A missing folder has nothing in it. */
static gboolean
sync_folder (const char *folder, const char *child, const char *grandchild, GError **error)
{
  g_autofree char *path = g_build_filename (folder, child, grandchild, NULL);
  vmp_autofd int fd = -1;

  if (!g_file_test (path, G_FILE_TEST_IS_DIR))
    return TRUE;
  fd = vmp_at_open_absolute (path, O_RDONLY | O_DIRECTORY, error);
  return fd >= 0 && vmp_at_sync (fd, ".", error);
}

/* libvirt flushes the definitions and snapshots that it writes, but no folder: until somebody does,
 * a loss of power can take a new one, or bring back one that was removed. @name is the machine's. */
gboolean
vmp_libvirt_host_sync (VmpLibvirtHost *self, const char *name, GError **error)
{
  const VmpLibvirtFolders *folders = &self->folders;

  if (folders->configuration == NULL)
    return TRUE;
  return sync_folder (folders->state, "snapshot", name, error)
         && sync_folder (folders->state, "snapshot", NULL, error)
         && sync_folder (folders->configuration, "autostart", NULL, error)
         && sync_folder (folders->configuration, NULL, NULL, error);
}

/* The first of that kind, or NULL. */
VmpRoom *
vmp_libvirt_host_find_room (VmpLibvirtHost *self, VmpRoomKind kind)
{
  for (guint i = 0; i < self->rooms->len; i++)
    if (((VmpRoom *) g_ptr_array_index (self->rooms, i))->kind == kind)
      return g_ptr_array_index (self->rooms, i);
  return NULL;
}

/* The room that @path lies in, the innermost where pools lie in pools; NULL for none. */
VmpRoom *
vmp_libvirt_host_find_path (VmpLibvirtHost *self, const char *path, const char **beneath)
{
  VmpRoom *found = NULL;

  if (!vmp_name_is_absolute (path))
    return NULL;
  for (guint i = 0; i < self->rooms->len; i++)
    {
      VmpRoom *room = g_ptr_array_index (self->rooms, i);
      gsize length = strlen (room->path);

      if (strncmp (path, room->path, length) != 0 || path[length] != '/'
          || (found != NULL && strlen (found->path) > length))
        continue;
      found = room;
      *beneath = path + length + 1;
    }
  return found;
}

/* Is @path a volume of a pool of the type logical, and its folder (/dev/<group>) root's alone? */
static gboolean
is_logical (VmpLibvirtHost *self, const char *path)
{
  g_autofree char *folder = vmp_name_is_absolute (path) ? g_path_get_dirname (path) : NULL;

  return folder != NULL
         && g_hash_table_contains (self->groups, folder)
         && vmp_trust_check_way (folder, NULL, 0, NULL);
}

/* Does @path lie where nobody but root and the hypervisor's users can have put it? */
gboolean
vmp_libvirt_host_owns (VmpLibvirtHost *self, const char *path)
{
  const char *beneath;
  VmpRoom *room = vmp_libvirt_host_find_path (self, path, &beneath);

  if (is_logical (self, path))
    return TRUE;
  return room != NULL
         && vmp_trust_check_beneath (room->fd, beneath, (const uid_t *) self->users->data,
                                     self->users->len, NULL);
}

/* What is there is a link that root has put there. */
static int
open_logical (const char *path, GError **error)
{
  vmp_autofd int fd = vmp_at_open_absolute (path, O_RDONLY, error);

  return fd >= 0 && vmp_fd_check_image (fd, path, error) ? vmp_fd_steal (&fd) : -1;
}

/* Opens such a file for reading. */
int
vmp_libvirt_host_open (VmpLibvirtHost *self, const char *path, GError **error)
{
  const char *beneath;
  VmpRoom *room = vmp_libvirt_host_find_path (self, path, &beneath);
  vmp_autofd int fd = -1;

  if (is_logical (self, path))
    return open_logical (path, error);
  if (room == NULL)
    {
      vmp_error_set (error, VMPORT_ERROR_FAILED, _ ("“%s” does not lie in a storage pool"), path);
      return -1;
    }
  if (!vmp_trust_check_beneath (room->fd, beneath, (const uid_t *) self->users->data,
                                self->users->len, error))
    {
      g_prefix_error (error, "“%s”: ", path);
      return -1;
    }
  fd = vmp_at_open (room->fd, beneath, O_RDONLY, 0, error);
  if (fd < 0)
    {
      g_prefix_error (error, "“%s”: ", room->path);
      return -1;
    }
  if (!vmp_fd_check_regular (fd, path, error))
    return -1;
  return vmp_fd_steal (&fd);
}
