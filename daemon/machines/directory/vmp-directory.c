/* The embedded store: machines that lie in a directory of the host, in the package's own layout.
 *
 *   <root>/<uuid>/Virtual Machines/<uuid>.xml    the configuration, with absolute paths
 *   <root>/<uuid>/Virtual Machines/<uuid>/       kernel, initrd, UEFI variables, and the files of
 *                                                vmp-directory-files.c
 *   <root>/<uuid>/Virtual Hard Disks/            the images
 *   <root>/<uuid>/Snapshots/                     see vmp-directory-snapshots.c
 *   <root>/.vmport-<token>/                      a machine being made or being removed
 *
 * A machine appears and disappears by one rename. */
#include "config.h"

#include "vmp-directory.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gi18n-lib.h>
#include <string.h>

#include "vmp-at.h"
#include "vmp-bridges.h"
#include "vmp-directory-files.h"
#include "vmp-directory-snapshots.h"
#include "vmp-error.h"
#include "vmp-fd.h"
#include "vmp-name.h"
#include "vmp-package.h"
#include "vmp-trust.h"

struct _VmpDirectory
{
  GObject parent_instance;
  char *root;
  int rootfd;
  GStrv networks;
  VmpInventory *inventory;
};

struct _VmpPlace
{
  char *token;
  char *uuid;
  int fd;
  dev_t dev;
  ino_t ino;
  GHashTable *snapshots; /* names in the snapshots' folder, casefolded */
};

static void vmp_directory_machines_init (VmpMachinesInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (VmpDirectory, vmp_directory, G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (VMP_TYPE_MACHINES,
                                                      vmp_directory_machines_init))

#define STAGING_PREFIX ".vmport-"

static void
vmp_directory_finalize (GObject *object)
{
  VmpDirectory *self = VMP_DIRECTORY (object);

  g_free (self->root);
  vmp_fd_clear (&self->rootfd);
  g_strfreev (self->networks);
  vmp_inventory_free (self->inventory);
  G_OBJECT_CLASS (vmp_directory_parent_class)->finalize (object);
}

static void
vmp_directory_class_init (VmpDirectoryClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = vmp_directory_finalize;
}

static void
vmp_directory_init (VmpDirectory *self)
{
  self->rootfd = -1;
  self->inventory = vmp_inventory_new ();
}

VmpDirectory *
vmp_directory_new (const char *id, const char *root, const char *const *networks, GError **error)
{
  g_autoptr (VmpDirectory) self = g_object_new (VMP_TYPE_DIRECTORY, NULL);

  if (!vmp_name_is_absolute (root))
    {
      vmp_error_set (error, VMPORT_ERROR_INVALID_PARAMETER,
                     _ ("The root of the manager “%s”, “%s”, is not an absolute path without “.” "
                        "and “..”"),
                     id, root);
      return NULL;
    }
  if (g_mkdir_with_parents (root, 0711) < 0)
    {
      vmp_error_set_errno (error, errno, _ ("Cannot make the store “%s”"), root);
      return NULL;
    }
  /* Everything opened beneath the root is trusted for this reason. */
  if (!vmp_trust_check_way (root, NULL, 0, error))
    return NULL;
  self->rootfd = vmp_at_open_absolute (root, O_RDONLY | O_DIRECTORY, error);
  if (self->rootfd < 0)
    return NULL;
  self->root = g_strdup (root);
  self->networks = g_strdupv ((GStrv) networks);
  vmp_machines_set_id (VMP_MACHINES (self), id);
  return g_steal_pointer (&self);
}

static char *
configuration_path (const char *uuid)
{
  return g_strdup_printf ("%s/" VMP_PACKAGE_VM_FOLDER "/%s.xml", uuid, uuid);
}

static VmpDomain *
read_configuration (VmpDirectory *self, const char *uuid, GError **error)
{
  g_autofree char *path = configuration_path (uuid);
  g_autoptr (GBytes) content = vmp_at_read (self->rootfd, path, VMP_DOMAIN_MAX_BYTES, error);
  g_autoptr (VmpDomain) domain = NULL;
  gsize size;
  const char *xml;

  if (content == NULL)
    return NULL;
  xml = g_bytes_get_data (content, &size);
  domain = vmp_domain_new_from_xml (xml, size, NULL, error);
  if (domain == NULL)
    return NULL;
  if (g_strcmp0 (vmp_domain_get_uuid (domain), uuid) != 0)
    {
      vmp_error_set (error, VMPORT_ERROR_CORRUPT, _ ("“%s” is the configuration of another machine"),
                     path);
      return NULL;
    }
  return g_steal_pointer (&domain);
}

/* A machine with a snapshot that cannot be taken in is there, with that flaw: nobody is to think that
 * it has none. */
static VmpMachine *
read_machine (VmpDirectory *self, const char *uuid, GError **error)
{
  g_autoptr (VmpDomain) domain = read_configuration (self, uuid, error);
  g_autoptr (VmpMachine) machine = NULL;
  g_autoptr (GError) flaw = NULL;
  GPtrArray *files, *snapshots;
  gboolean saved = FALSE;

  if (domain == NULL)
    return NULL;
  files = vmp_directory_files_list (self->rootfd, self->root, uuid, error);
  if (files == NULL)
    return NULL;
  for (guint i = 0; i < files->len; i++)
    saved |= ((VmpMachineFile *) g_ptr_array_index (files, i))->role == VMP_ROLE_STATE;
  snapshots = vmp_directory_snapshots_read (self->rootfd, uuid, &flaw);
  machine = vmp_machine_new (uuid, vmp_domain_get_name (domain), saved ? "saved" : "off", "",
                             domain, files, snapshots);
  if (snapshots != NULL)
    return g_steal_pointer (&machine);
  g_warning ("%s: %s", self->root, flaw->message);
  return vmp_machine_new_with_flaw (machine, flaw);
}

static gboolean
vmp_directory_load (VmpMachines *machines, const char *uuid, GError **error)
{
  VmpDirectory *self = VMP_DIRECTORY (machines);
  g_autoptr (VmpMachine) machine = read_machine (self, uuid, error);

  if (machine == NULL)
    return FALSE;
  vmp_inventory_put (self->inventory, machine);
  return TRUE;
}

/* Reads the whole store, once the journal has been rolled back: what still bears a staging name
 * then is a removal that was cut short, and is carried through. */
gboolean
vmp_directory_load_all (VmpDirectory *self, GError **error)
{
  g_autoptr (GPtrArray) names = vmp_at_list (self->rootfd, ".", G_MAXUINT, error);

  if (names == NULL)
    return FALSE;
  for (guint i = 0; i < names->len; i++)
    {
      const char *name = g_ptr_array_index (names, i);
      g_autoptr (GError) local_error = NULL;
      g_autofree char *path = NULL;

      if (g_str_has_prefix (name, STAGING_PREFIX)
          && vmp_name_is_token (name + strlen (STAGING_PREFIX)))
        {
          if (!vmp_at_remove_tree (self->rootfd, name, &local_error))
            g_warning ("%s: %s", self->root, local_error->message);
          continue;
        }
      if (!vmp_name_is_uuid (name))
        continue;
      path = configuration_path (name);
      if (!vmp_at_exists (self->rootfd, path))
        continue; /* disks of a machine that was deleted without them */
      if (!vmp_directory_load (VMP_MACHINES (self), name, &local_error))
        g_warning ("%s: cannot read the machine %s: %s", self->root, name, local_error->message);
    }
  return TRUE;
}

static const char *
vmp_directory_get_driver (VmpMachines *machines)
{
  return "directory";
}

static const char *
vmp_directory_get_uri (VmpMachines *machines)
{
  return VMP_DIRECTORY (machines)->root;
}

static const char *
vmp_directory_get_version (VmpMachines *machines)
{
  return PACKAGE_VERSION;
}

static gboolean
vmp_directory_is_available (VmpMachines *machines)
{
  return TRUE;
}

static const char *const *
vmp_directory_get_features (VmpMachines *machines)
{
  static const char *const features[]
      = { "snapshots", "saved-state", "in-place", "reflink", "scopes", NULL };

  return features;
}

/* The host's bridges as the kernel lists them, the user network, and what the configuration adds. */
static GStrv
vmp_directory_list_networks (VmpMachines *machines)
{
  VmpDirectory *self = VMP_DIRECTORY (machines);
  g_autoptr (GStrvBuilder) networks = g_strv_builder_new ();

  vmp_bridges_add (networks, (const char *const *) self->networks);
  g_strv_builder_addv (networks, (const char **) self->networks);
  if (!g_strv_contains ((const char *const *) self->networks, "user"))
    g_strv_builder_add (networks, "user");
  return g_strv_builder_end (networks);
}

static GStrv
vmp_directory_list_roots (VmpMachines *machines)
{
  const char *roots[] = { VMP_DIRECTORY (machines)->root, NULL };

  return g_strdupv ((GStrv) roots);
}

static VmpInventory *
vmp_directory_get_inventory (VmpMachines *machines)
{
  return VMP_DIRECTORY (machines)->inventory;
}

/* Besides machines, the disks of one that was deleted without them, and a folder that cannot be
 * read. */
static gboolean
vmp_directory_has_remains (VmpMachines *machines, const char *uuid)
{
  return vmp_at_exists (VMP_DIRECTORY (machines)->rootfd, uuid);
}

static const char *
path_beneath (VmpDirectory *self, const char *path)
{
  gsize length = strlen (self->root);

  if (strncmp (path, self->root, length) != 0 || path[length] != '/')
    return NULL;
  return path + length + 1;
}

static gboolean
vmp_directory_owns_path (VmpMachines *machines, const char *path)
{
  return path_beneath (VMP_DIRECTORY (machines), path) != NULL;
}

static int
vmp_directory_open_file (VmpMachines *machines, const char *path, GError **error)
{
  VmpDirectory *self = VMP_DIRECTORY (machines);
  const char *beneath = path_beneath (self, path);
  vmp_autofd int fd = -1;

  if (beneath == NULL)
    {
      vmp_error_set (error, VMPORT_ERROR_FAILED, _ ("“%s” does not lie in the store"), path);
      return -1;
    }
  fd = vmp_at_open (self->rootfd, beneath, O_RDONLY, 0, error);
  if (fd < 0 || !vmp_fd_check_regular (fd, path, error))
    return -1;
  return vmp_fd_steal (&fd);
}

/* Takes the machine out of the store by one rename, then removes what was renamed: its whole folder,
 * or what its configuration lies in. */
static gboolean
remove_folder (VmpDirectory *self, const char *folder, GError **error)
{
  g_autofree char *token = vmp_name_new_token ();
  g_autofree char *staging = g_strconcat (STAGING_PREFIX, token, NULL);

  return vmp_at_rename_noreplace (self->rootfd, folder, self->rootfd, staging, error)
         && vmp_at_sync (self->rootfd, ".", error)
         && vmp_at_remove_tree (self->rootfd, staging, error);
}

/* Each file of the machine's by itself, for another machine uses one that lies among them. */
static gboolean
remove_storage (VmpDirectory *self, VmpMachine *machine, GPtrArray *spared, GError **error)
{
  const char *uuid = vmp_machine_get_uuid (machine);
  g_autoptr (GPtrArray) storage = vmp_machine_list_storage (machine);
  g_autofree char *own = g_build_filename (self->root, uuid, "", NULL);

  for (guint i = 0; i < storage->len; i++)
    {
      const char *path = g_ptr_array_index (storage, i);

      if (g_str_has_prefix (path, own)
          && !g_ptr_array_find_with_equal_func (spared, path, g_str_equal, NULL)
          && !vmp_at_unlink (self->rootfd, path_beneath (self, path), error))
        return FALSE;
    }
  return vmp_directory_snapshots_remove (self->rootfd, uuid, error)
         && vmp_at_remove_empty_tree (self->rootfd, uuid, error);
}

/* Documents of snapshots stay with the images that they are of. Where all of these lie elsewhere, after
 * an import in place, there is nothing here to keep. */
static gboolean
remove_documents (VmpDirectory *self, VmpMachine *machine, GError **error)
{
  const char *uuid = vmp_machine_get_uuid (machine);
  g_autoptr (GPtrArray) storage = vmp_machine_list_storage (machine);
  g_autofree char *own = g_build_filename (self->root, uuid, "", NULL);

  for (guint i = 0; i < storage->len; i++)
    if (g_str_has_prefix (g_ptr_array_index (storage, i), own))
      return TRUE;
  return vmp_directory_snapshots_remove (self->rootfd, uuid, error)
         && vmp_at_remove_empty_tree (self->rootfd, uuid, error);
}

static gboolean
vmp_directory_remove (VmpMachines *machines, VmpMachine *machine, gboolean delete_storage,
                      GPtrArray *spared, GError **error)
{
  VmpDirectory *self = VMP_DIRECTORY (machines);
  const char *uuid = vmp_machine_get_uuid (machine);
  g_autofree char *folder = g_build_filename (uuid, VMP_PACKAGE_VM_FOLDER, NULL);

  if (delete_storage && spared->len == 0)
    return remove_folder (self, uuid, error) && vmp_at_sync (self->rootfd, ".", error);
  if (!remove_folder (self, folder, error)
      || !(delete_storage ? remove_storage (self, machine, spared, error)
                          : remove_documents (self, machine, error)))
    return FALSE;
  if (unlinkat (self->rootfd, uuid, AT_REMOVEDIR) < 0 && errno != ENOTEMPTY && errno != ENOENT)
    g_warning ("%s: cannot remove the folder of %s: %s", self->root, uuid, g_strerror (errno));
  return vmp_at_sync (self->rootfd, ".", error);
}

static void
vmp_directory_end (VmpMachines *machines, VmpPlace *place)
{
  g_free (place->token);
  g_free (place->uuid);
  g_hash_table_unref (place->snapshots);
  vmp_fd_clear (&place->fd);
  g_free (place);
}

static VmpPlace *
vmp_directory_begin (VmpMachines *machines, const char *token, const char *uuid, const char *name,
                     GError **error)
{
  VmpDirectory *self = VMP_DIRECTORY (machines);
  g_autofree char *staging = g_strconcat (STAGING_PREFIX, token, NULL);
  VmpPlace *place;
  struct stat st;
  int fd;

  if (vmp_at_exists (self->rootfd, uuid))
    {
      vmp_error_set (error, VMPORT_ERROR_EXISTS,
                     _ ("The store still has a folder of the id %s; move it away, or import with "
                        "GenerateNewId"),
                     uuid);
      return NULL;
    }
  if (!vmp_at_mkdir (self->rootfd, staging, 0700, error))
    return NULL;
  fd = vmp_at_open (self->rootfd, staging, O_RDONLY | O_DIRECTORY, 0, error);
  if (fd < 0)
    return NULL;
  if (fstat (fd, &st) < 0)
    {
      vmp_error_set_errno (error, errno, _ ("Cannot examine “%s”"), staging);
      close (fd);
      return NULL;
    }
  place = g_new0 (VmpPlace, 1);
  place->token = g_strdup (token);
  place->uuid = g_strdup (uuid);
  place->fd = fd;
  place->dev = st.st_dev;
  place->ino = st.st_ino;
  place->snapshots = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  return place;
}

static int
vmp_directory_create_file (VmpMachines *machines, VmpPlace *place, const char *member,
                           char **final_path, GError **error)
{
  VmpDirectory *self = VMP_DIRECTORY (machines);
  g_autofree char *folder = g_path_get_dirname (member);
  int fd;

  if (!vmp_name_is_relative (member))
    {
      vmp_error_set (error, VMPORT_ERROR_FAILED, "“%s” is no name for a file", member);
      return -1;
    }
  if (!vmp_at_mkdir_parents (place->fd, folder, 0700, error))
    return -1;
  fd = vmp_at_open (place->fd, member, O_RDWR | O_CREAT | O_EXCL, 0600, error);
  if (fd >= 0 && final_path != NULL)
    *final_path = g_build_filename (self->root, place->uuid, member, NULL);
  return fd;
}

static int
vmp_directory_reopen_file (VmpMachines *machines, VmpPlace *place, const char *member,
                           GError **error)
{
  return vmp_at_open (place->fd, member, O_RDONLY, 0, error);
}

static gboolean
vmp_directory_write_configuration (VmpMachines *machines, VmpPlace *place, VmpDomain *domain,
                                   GError **error)
{
  g_autofree char *path = g_strdup_printf (VMP_PACKAGE_VM_FOLDER "/%s.xml", place->uuid);
  char *xml = vmp_domain_to_xml (domain);
  g_autoptr (GBytes) content = g_bytes_new_take (xml, strlen (xml));

  return vmp_at_mkdir_parents (place->fd, VMP_PACKAGE_VM_FOLDER, 0700, error)
         && vmp_at_write (place->fd, path, content, 0600, error);
}

static gboolean
vmp_directory_set_state_path (VmpMachines *machines, VmpPlace *place, const char *path,
                              GError **error)
{
  return vmp_directory_files_set_state_path (place->fd, place->uuid, path, error);
}

static gboolean
vmp_directory_add_snapshot (VmpMachines *machines, VmpPlace *place, VmpSnapshot *snapshot,
                            GError **error)
{
  return vmp_directory_snapshots_add (place->fd, place->uuid, snapshot, place->snapshots, error);
}

static gboolean
vmp_directory_sync (VmpMachines *machines, VmpPlace *place, GError **error)
{
  return vmp_at_sync_folders (place->fd, ".", error);
}

static GVariant *
vmp_directory_describe (VmpMachines *machines, VmpPlace *place)
{
  GVariantDict dict;

  g_variant_dict_init (&dict, NULL);
  g_variant_dict_insert (&dict, "Token", "s", place->token);
  g_variant_dict_insert (&dict, "Uuid", "s", place->uuid);
  g_variant_dict_insert (&dict, "Device", "t", (guint64) place->dev);
  g_variant_dict_insert (&dict, "Inode", "t", (guint64) place->ino);
  return g_variant_ref_sink (g_variant_dict_end (&dict));
}

static gboolean
vmp_directory_define (VmpMachines *machines, VmpPlace *place, GError **error)
{
  VmpDirectory *self = VMP_DIRECTORY (machines);
  g_autofree char *staging = g_strconcat (STAGING_PREFIX, place->token, NULL);

  return vmp_at_rename_noreplace (self->rootfd, staging, self->rootfd, place->uuid, error)
         && vmp_at_sync (self->rootfd, ".", error);
}

static gboolean
vmp_directory_undo (VmpMachines *machines, GVariant *description, GError **error)
{
  VmpDirectory *self = VMP_DIRECTORY (machines);
  const char *token, *uuid;
  guint64 dev, ino;
  g_autofree char *staging = NULL;
  struct stat st;

  if (!g_variant_lookup (description, "Token", "&s", &token) || !vmp_name_is_token (token))
    return vmp_error_set (error, VMPORT_ERROR_CORRUPT, "A journal entry has no token");
  staging = g_strconcat (STAGING_PREFIX, token, NULL);
  if (g_variant_lookup (description, "Uuid", "&s", &uuid) && vmp_name_is_uuid (uuid)
      && g_variant_lookup (description, "Device", "t", &dev)
      && g_variant_lookup (description, "Inode", "t", &ino)
      && fstatat (self->rootfd, uuid, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_dev == dev
      && st.st_ino == ino
      && !vmp_at_rename_noreplace (self->rootfd, uuid, self->rootfd, staging, error))
    return FALSE;
  return vmp_at_remove_tree (self->rootfd, staging, error)
         && vmp_at_sync (self->rootfd, ".", error);
}

static void
vmp_directory_machines_init (VmpMachinesInterface *iface)
{
  iface->get_driver = vmp_directory_get_driver;
  iface->get_uri = vmp_directory_get_uri;
  iface->get_version = vmp_directory_get_version;
  iface->is_available = vmp_directory_is_available;
  iface->get_features = vmp_directory_get_features;
  iface->list_networks = vmp_directory_list_networks;
  iface->list_roots = vmp_directory_list_roots;
  iface->get_inventory = vmp_directory_get_inventory;
  iface->load = vmp_directory_load;
  iface->has_remains = vmp_directory_has_remains;
  iface->open_file = vmp_directory_open_file;
  iface->owns_path = vmp_directory_owns_path;
  iface->remove = vmp_directory_remove;
  iface->begin = vmp_directory_begin;
  iface->create_file = vmp_directory_create_file;
  iface->reopen_file = vmp_directory_reopen_file;
  iface->write_configuration = vmp_directory_write_configuration;
  iface->set_state_path = vmp_directory_set_state_path;
  iface->add_snapshot = vmp_directory_add_snapshot;
  iface->sync = vmp_directory_sync;
  iface->describe = vmp_directory_describe;
  iface->define = vmp_directory_define;
  iface->end = vmp_directory_end;
  iface->undo = vmp_directory_undo;
}
