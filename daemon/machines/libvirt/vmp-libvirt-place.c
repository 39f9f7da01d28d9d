/* A machine that an import makes for libvirt: its files, from their staging folders to where libvirt
 * wants them, and its definition.
 *
 *   <room>/.vmport-<token>/…        while it is made; a room is a pool's target, or libvirt's folder
 *                                   for UEFI variables, TPMs or saved states
 *   <pool>/<name of the image>      then, moved there without replacing anything; overlays that only
 *                                   snapshots use, and snapshots' memories, lie there too
 *   <nvram>/<name>_VARS.fd
 *   <swtpm>/<uuid>/
 *   <save>/<name>.save
 *
 * Files are moved before the definition, and the definition bears the token, so that either can be
 * told from what is anybody else's. Snapshots are defined behind their machine, which a roll-back
 * undefines with them. */
#include "config.h"

#include "vmp-libvirt-place.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gi18n-lib.h>
#include <libvirt/virterror.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vmp-at.h"
#include "vmp-error.h"
#include "vmp-fd.h"
#include "vmp-libvirt-error.h"
#include "vmp-libvirt-place-private.h"
#include "vmp-libvirt-private.h"
#include "vmp-libvirt-reading.h"
#include "vmp-libvirt-snapshot.h"
#include "vmp-name.h"
#include "vmp-package.h"

#define TPM_PREFIX "tpm/"
#define NVRAM_FILE "nvram.fd"
#define STATE_FILE "state.save"
#define MAX_MEMORY_NAME 240 /* with the ending and a number, still a name for a file */
#define TPM_FOLDER_MODE 0711 /* libvirt's own */

/* Paths that the places of jobs under way move their files to in the end. Two imports of one package
 * at a time would choose the same free names. */
static GMutex promised_lock;
static GHashTable *promised;

static gboolean
promise (VmpRoom *room, const char *name)
{
  gboolean is_new;

  g_mutex_lock (&promised_lock);
  if (promised == NULL)
    promised = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  is_new = g_hash_table_add (promised, g_build_filename (room->path, name, NULL));
  g_mutex_unlock (&promised_lock);
  return is_new;
}

static void
forget_promise (VmpPlaceItem *item)
{
  g_autofree char *path = g_build_filename (item->room->path, item->final, NULL);

  g_mutex_lock (&promised_lock);
  g_hash_table_remove (promised, path);
  g_mutex_unlock (&promised_lock);
}

static void
item_free (gpointer data)
{
  VmpPlaceItem *item = data;

  if (item->is_promised)
    forget_promise (item);
  g_free (item->member);
  g_free (item->staged);
  g_free (item->final);
  g_free (item);
}

void
vmp_libvirt_place_free (VmpPlace *self)
{
  g_free (self->token);
  g_free (self->uuid);
  g_free (self->name);
  g_free (self->staging);
  /* They name their rooms. */
  g_ptr_array_unref (self->items);
  g_ptr_array_unref (self->rooms);
  g_ptr_array_unref (self->snapshots);
  g_clear_object (&self->domain);
  vmp_libvirt_host_unref (self->host);
  g_free (self);
}

static VmpRoom *
dup_room (VmpRoom *room, GError **error)
{
  int fd = vmp_fd_dup (room->fd, error);
  VmpRoom *copy;

  if (fd < 0)
    return NULL;
  copy = g_new0 (VmpRoom, 1);
  copy->kind = room->kind;
  copy->path = g_strdup (room->path);
  copy->fd = fd;
  return copy;
}

/* swtpm's folder comes with the first TPM of a host. */
static VmpRoom *
make_tpm_room (VmpLibvirtHost *host, GError **error)
{
  g_autofree char *parent = host->folders.tpm != NULL ? g_path_get_dirname (host->folders.tpm) : NULL;
  vmp_autofd int fd = -1;
  g_autofree char *base = NULL;

  if (parent == NULL)
    {
      vmp_error_set (error, VMPORT_ERROR_NOT_SUPPORTED,
                     _ ("This driver of libvirt's has no place for TPMs"));
      return NULL;
    }
  fd = vmp_at_open_absolute (parent, O_RDONLY | O_DIRECTORY, error);
  base = g_path_get_basename (host->folders.tpm);
  if (fd < 0 || (!vmp_at_exists (fd, base) && !vmp_at_mkdir (fd, base, TPM_FOLDER_MODE, error)))
    return NULL;
  if (fchmodat (fd, base, TPM_FOLDER_MODE, 0) < 0)
    {
      vmp_error_set_errno (error, errno, _ ("Cannot set the mode of “%s”"), host->folders.tpm);
      return NULL;
    }
  return vmp_room_new (VMP_ROOM_TPM, host->folders.tpm, (const uid_t *) host->users->data,
                       host->users->len, error);
}

/* A room of the place, borrowed; NULL with the reason where this host has none of that kind. */
static VmpRoom *
get_room (VmpPlace *self, VmpRoomKind kind, GError **error)
{
  VmpRoom *room;

  for (guint i = 0; i < self->rooms->len; i++)
    if (((VmpRoom *) g_ptr_array_index (self->rooms, i))->kind == kind)
      return g_ptr_array_index (self->rooms, i);
  if (kind == VMP_ROOM_TPM)
    {
      room = make_tpm_room (self->host, error);
      if (room != NULL)
        g_ptr_array_add (self->rooms, room);
      return room;
    }
  if (kind == VMP_ROOM_POOL)
    vmp_error_set (error, VMPORT_ERROR_NOT_AVAILABLE,
                   _ ("libvirt has no active storage pool of the type dir whose folder is root's "
                      "alone; make one (virsh pool-define-as default dir --target "
                      "/var/lib/libvirt/images), or name a place with the Target… settings"));
  else if (kind == VMP_ROOM_SAVE)
    vmp_error_set (error, VMPORT_ERROR_NOT_AVAILABLE,
                   _ ("libvirt's folder for saved states is not there, or others can write it; "
                      "import with DropSavedState to leave the state behind"));
  else
    vmp_error_set (error, VMPORT_ERROR_NOT_AVAILABLE,
                   _ ("libvirt's folder for UEFI variables is not there, or others can write it"));
  return NULL;
}

/* Makes nothing yet. */
VmpPlace *
vmp_libvirt_place_new (VmpLibvirtLink *link, VmpLibvirtHost *host, const char *token,
                       const char *uuid, const char *name, GError **error)
{
  static const VmpRoomKind kinds[]
      = { VMP_ROOM_POOL, VMP_ROOM_NVRAM, VMP_ROOM_TPM, VMP_ROOM_SAVE };
  VmpPlace *self = g_new0 (VmpPlace, 1);

  self->link = link;
  self->host = vmp_libvirt_host_ref (host);
  self->token = g_strdup (token);
  self->uuid = g_strdup (uuid);
  self->name = g_strdup (name);
  self->staging = g_strconcat (VMP_PLACE_STAGING_PREFIX, token, NULL);
  self->items = g_ptr_array_new_with_free_func (item_free);
  self->snapshots = g_ptr_array_new_with_free_func (g_object_unref);
  self->rooms = g_ptr_array_new_with_free_func ((GDestroyNotify) vmp_room_free);
  for (gsize i = 0; i < G_N_ELEMENTS (kinds); i++)
    {
      VmpRoom *room = vmp_libvirt_host_find_room (host, kinds[i]);
      VmpRoom *copy = room != NULL ? dup_room (room, error) : NULL;

      if (room != NULL && copy == NULL)
        {
          vmp_libvirt_place_free (self);
          return NULL;
        }
      if (copy != NULL)
        g_ptr_array_add (self->rooms, copy);
    }
  return self;
}

static VmpPlaceItem *
find_item (VmpPlace *self, const char *member)
{
  for (guint i = 0; i < self->items->len; i++)
    {
      VmpPlaceItem *item = g_ptr_array_index (self->items, i);

      if (item->member != NULL && strcmp (item->member, member) == 0)
        return item;
    }
  return NULL;
}

static gboolean
is_taken (VmpPlace *self, VmpRoom *room, const char *name)
{
  if (vmp_at_exists (room->fd, name))
    return TRUE;
  for (guint i = 0; i < self->items->len; i++)
    {
      VmpPlaceItem *item = g_ptr_array_index (self->items, i);

      if (item->room == room && g_strcmp0 (item->final, name) == 0)
        return TRUE;
    }
  return FALSE;
}

/* @name, or "…-2" and so on before its last dot, whichever is free; it is promised. */
static char *
find_free_name (VmpPlace *self, VmpRoom *room, const char *name)
{
  char *found = g_strdup (name);

  for (guint n = 2; is_taken (self, room, found) || !promise (room, found); n++)
    {
      g_free (found);
      found = vmp_name_number (name, n);
    }
  return found;
}

static VmpPlaceItem *
add_item (VmpPlace *self, VmpRoom *room, const char *member, const char *final)
{
  VmpPlaceItem *item = g_new0 (VmpPlaceItem, 1);

  item->room = room;
  item->member = g_strdup (member);
  item->staged = g_strdup_printf ("%s/%u", self->staging, self->items->len);
  item->final = g_strdup (final);
  g_ptr_array_add (self->items, item);
  return item;
}

/* A file of the TPM's folder, which is moved as a whole. */
static VmpPlaceItem *
add_tpm_file (VmpPlace *self, VmpRoom *room, const char *member, const char *beneath)
{
  VmpPlaceItem *item;

  if (self->tpm == NULL)
    {
      if (vmp_at_exists (room->fd, self->uuid))
        return NULL;
      self->tpm = add_item (self, room, NULL, self->uuid);
      self->tpm->is_folder = TRUE;
    }
  item = add_item (self, room, member, NULL);
  g_free (item->staged);
  item->staged = g_build_filename (self->tpm->staged, beneath, NULL);
  return item;
}

/* libvirt looks for a state by the machine's name alone. */
static VmpPlaceItem *
add_state (VmpPlace *self, const char *member, GError **error)
{
  g_autofree char *final = g_strconcat (self->name, VMP_LIBVIRT_SAVE_SUFFIX, NULL);
  VmpRoom *room = get_room (self, VMP_ROOM_SAVE, error);

  if (room == NULL)
    return NULL;
  if (!vmp_name_is_relative (final) || strchr (final, '/') != NULL)
    {
      vmp_error_set (error, VMPORT_ERROR_INVALID_PARAMETER,
                     _ ("A machine called “%s” cannot have a saved state; choose another Name, or "
                        "import with DropSavedState"),
                     self->name);
      return NULL;
    }
  if (is_taken (self, room, final))
    {
      vmp_error_set (error, VMPORT_ERROR_EXISTS,
                     _ ("libvirt still has the saved state of a machine called “%s”; move “%s/%s” "
                        "away, or choose another Name"),
                     self->name, room->path, final);
      return NULL;
    }
  return add_item (self, room, member, final);
}

/* After the machine and the snapshot, whose folder it comes in. */
static char *
name_memory (const char *machine, const char *member)
{
  g_autofree char *folder = g_path_get_dirname (member);
  g_autofree char *snapshot = g_path_get_basename (folder);

  if (strlen (machine) + strlen (snapshot) > MAX_MEMORY_NAME)
    return g_strconcat (machine, VMP_LIBVIRT_SAVE_SUFFIX, NULL);
  return g_strdup_printf ("%s-%s" VMP_LIBVIRT_SAVE_SUFFIX, machine, snapshot);
}

static VmpPlaceItem *
add_member (VmpPlace *self, const char *member, GError **error)
{
  g_autofree char *own = g_strdup_printf (VMP_PACKAGE_VM_FOLDER "/%s/", self->uuid);
  g_autofree char *folder_name = vmp_name_to_folder (self->name);
  g_autofree char *wanted = NULL;
  g_autofree char *final = NULL;
  const char *base;
  VmpPlaceItem *item;
  VmpRoom *room;

  if (!g_str_has_prefix (member, own))
    {
      base = strrchr (member, '/');
      base = base != NULL ? base + 1 : member;
      /* All machines' memories have one name, and a pool is for many machines. */
      wanted = g_str_has_prefix (member, VMP_PACKAGE_SNAPSHOT_FOLDER "/")
                       && g_str_has_suffix (base, VMP_LIBVIRT_SAVE_SUFFIX)
                   ? name_memory (folder_name, member)
                   : g_strdup (base);
      room = get_room (self, VMP_ROOM_POOL, error);
    }
  else if (g_str_has_prefix (member + strlen (own), TPM_PREFIX))
    {
      room = get_room (self, VMP_ROOM_TPM, error);
      item = room != NULL ? add_tpm_file (self, room, member,
                                          member + strlen (own) + strlen (TPM_PREFIX))
                          : NULL;
      if (room != NULL && item == NULL)
        vmp_error_set (error, VMPORT_ERROR_EXISTS,
                       _ ("libvirt still has the TPM of a machine with the id %s; move “%s/%s” "
                          "away, or import with GenerateNewId"),
                       self->uuid, room->path, self->uuid);
      return item;
    }
  else if (strcmp (member + strlen (own), NVRAM_FILE) == 0)
    {
      wanted = g_strdup_printf ("%s_VARS.fd", folder_name);
      room = get_room (self, VMP_ROOM_NVRAM, error);
    }
  else if (strcmp (member + strlen (own), STATE_FILE) == 0)
    return add_state (self, member, error);
  else
    {
      wanted = g_strdup_printf ("%s-%s", folder_name, member + strlen (own));
      room = get_room (self, VMP_ROOM_POOL, error);
    }
  if (room == NULL)
    return NULL;
  final = find_free_name (self, room, wanted);
  item = add_item (self, room, member, final);
  item->is_promised = TRUE;
  return item;
}

int
vmp_libvirt_place_create (VmpPlace *self, const char *member, char **final_path, GError **error)
{
  g_autofree char *folder = NULL;
  VmpPlaceItem *item;
  int fd;

  if (!vmp_name_is_relative (member))
    {
      vmp_error_set (error, VMPORT_ERROR_FAILED, "“%s” is no name for a file", member);
      return -1;
    }
  item = add_member (self, member, error);
  if (item == NULL)
    return -1;
  folder = g_path_get_dirname (item->staged);
  if (!vmp_at_mkdir_parents (item->room->fd, folder, 0700, error))
    return -1;
  fd = vmp_at_open (item->room->fd, item->staged, O_RDWR | O_CREAT | O_EXCL, 0600, error);
  if (fd >= 0 && final_path != NULL)
    *final_path = g_build_filename (item->room->path,
                                    item->final != NULL ? item->final : item->staged, NULL);
  return fd;
}

int
vmp_libvirt_place_reopen (VmpPlace *self, const char *member, GError **error)
{
  VmpPlaceItem *item = find_item (self, member);

  if (item == NULL)
    {
      vmp_error_set (error, VMPORT_ERROR_FAILED, "“%s” was not made", member);
      return -1;
    }
  return vmp_at_open (item->room->fd, item->staged, O_RDONLY, 0, error);
}

void
vmp_libvirt_place_set_domain (VmpPlace *self, VmpDomain *domain)
{
  g_set_object (&self->domain, domain);
}

/* After its parent. */
void
vmp_libvirt_place_add_snapshot (VmpPlace *self, VmpSnapshot *snapshot)
{
  g_ptr_array_add (self->snapshots, g_object_ref (snapshot));
}

static gboolean
give_to (VmpPlaceItem *item, uid_t uid, gid_t gid, GError **error)
{
  if (geteuid () != 0
      || fchownat (item->room->fd, item->staged, uid, gid, AT_SYMLINK_NOFOLLOW) == 0)
    return TRUE;
  return vmp_error_set_errno (error, errno, _ ("Cannot give “%s/%s” to its user"), item->room->path,
                              item->staged);
}

/* swtpm runs as a user of its own, and libvirt gives it the folder but not what is in it. Disks and
 * UEFI variables libvirt gives to QEMU itself, unless it is told not to. */
static gboolean
give_away (VmpPlace *self, GError **error)
{
  VmpLibvirtHost *host = self->host;

  for (guint i = 0; i < self->items->len; i++)
    {
      VmpPlaceItem *item = g_ptr_array_index (self->items, i);

      if (item->room->kind == VMP_ROOM_TPM)
        {
          if (!give_to (item, host->tpm_uid, host->tpm_gid, error))
            return FALSE;
        }
      else if (!host->owns_files && !give_to (item, host->qemu_uid, host->qemu_gid, error))
        return FALSE;
    }
  return TRUE;
}

/* The folders between the TPM's own and its files. */
static gboolean
give_tpm_folders (VmpPlace *self, GError **error)
{
  for (guint i = 0; self->tpm != NULL && geteuid () == 0 && i < self->items->len; i++)
    {
      VmpPlaceItem *item = g_ptr_array_index (self->items, i);
      g_autofree char *folder = g_path_get_dirname (item->staged);

      if (item->room->kind != VMP_ROOM_TPM || item->is_folder)
        continue;
      while (strlen (folder) > strlen (self->tpm->staged))
        {
          char *up;

          if (fchownat (item->room->fd, folder, self->host->tpm_uid, self->host->tpm_gid,
                        AT_SYMLINK_NOFOLLOW)
              < 0)
            return vmp_error_set_errno (error, errno, _ ("Cannot give “%s/%s” to its user"),
                                        item->room->path, folder);
          up = g_path_get_dirname (folder);
          g_free (folder);
          folder = up;
        }
    }
  return TRUE;
}

/* The folder of a TPM belongs to root, and can be passed through. */
static gboolean
open_tpm_folder (VmpPlace *self, GError **error)
{
  if (self->tpm == NULL)
    return TRUE;
  if (geteuid () == 0 && fchownat (self->tpm->room->fd, self->tpm->staged, 0, 0, 0) < 0)
    return vmp_error_set_errno (error, errno, _ ("Cannot change the owner of “%s”"),
                                self->tpm->staged);
  if (fchmodat (self->tpm->room->fd, self->tpm->staged, TPM_FOLDER_MODE, 0) < 0)
    return vmp_error_set_errno (error, errno, _ ("Cannot set the mode of “%s”"), self->tpm->staged);
  return TRUE;
}

static gboolean
identify (VmpPlaceItem *item, GError **error)
{
  struct stat st;

  if (fstatat (item->room->fd, item->staged, &st, AT_SYMLINK_NOFOLLOW) < 0)
    return vmp_error_set_errno (error, errno, _ ("Cannot examine “%s/%s”"), item->room->path,
                                item->staged);
  item->device = st.st_dev;
  item->inode = st.st_ino;
  item->mtime = st.st_mtim.tv_sec;
  item->mtime_nsec = st.st_mtim.tv_nsec;
  return TRUE;
}

/* All bytes are on the disk, and each file is known by its inode. */
gboolean
vmp_libvirt_place_sync (VmpPlace *self, GError **error)
{
  if (!give_away (self, error) || !give_tpm_folders (self, error)
      || !open_tpm_folder (self, error))
    return FALSE;
  for (guint i = 0; i < self->rooms->len; i++)
    {
      VmpRoom *room = g_ptr_array_index (self->rooms, i);

      if (vmp_at_exists (room->fd, self->staging)
          && !vmp_at_sync_folders (room->fd, self->staging, error))
        return FALSE;
    }
  for (guint i = 0; i < self->items->len; i++)
    {
      VmpPlaceItem *item = g_ptr_array_index (self->items, i);

      if (item->final != NULL && !identify (item, error))
        return FALSE;
    }
  return TRUE;
}

GVariant *
vmp_libvirt_place_describe (VmpPlace *self)
{
  GVariantBuilder rooms, items, snapshots;
  GVariantDict dict;

  g_variant_builder_init (&rooms, G_VARIANT_TYPE ("a(us)"));
  for (guint i = 0; i < self->rooms->len; i++)
    {
      VmpRoom *room = g_ptr_array_index (self->rooms, i);

      g_variant_builder_add (&rooms, "(us)", (guint32) room->kind, room->path);
    }
  /* swtpm's folder may be made on the way. */
  if (self->host->folders.tpm != NULL)
    g_variant_builder_add (&rooms, "(us)", (guint32) VMP_ROOM_TPM, self->host->folders.tpm);
  g_variant_builder_init (&snapshots, G_VARIANT_TYPE_STRING_ARRAY);
  for (guint i = 0; i < self->snapshots->len; i++)
    g_variant_builder_add (&snapshots, "s",
                           vmp_snapshot_get_name (g_ptr_array_index (self->snapshots, i)));
  g_variant_builder_init (&items, G_VARIANT_TYPE ("a(sttxx)"));
  for (guint i = 0; i < self->items->len; i++)
    {
      VmpPlaceItem *item = g_ptr_array_index (self->items, i);
      g_autofree char *path = item->final != NULL
                                  ? g_build_filename (item->room->path, item->final, NULL)
                                  : NULL;

      if (path != NULL && item->inode != 0)
        g_variant_builder_add (&items, "(sttxx)", path, item->device, item->inode,
                               item->is_folder ? (gint64) -1 : item->mtime, item->mtime_nsec);
    }
  g_variant_dict_init (&dict, NULL);
  g_variant_dict_insert (&dict, "Token", "s", self->token);
  g_variant_dict_insert (&dict, "Uuid", "s", self->uuid);
  g_variant_dict_insert (&dict, "Name", "s", self->name);
  g_variant_dict_insert_value (&dict, "Rooms", g_variant_builder_end (&rooms));
  g_variant_dict_insert_value (&dict, "Items", g_variant_builder_end (&items));
  g_variant_dict_insert_value (&dict, "Snapshots", g_variant_builder_end (&snapshots));
  g_variant_dict_insert (&dict, "Process", "s", vmp_libvirt_link_get_process (self->link));
  g_variant_dict_insert (&dict, "Defining", "b", self->domain != NULL);
  return g_variant_ref_sink (g_variant_dict_end (&dict));
}

static gboolean
move_files (VmpPlace *self, GError **error)
{
  for (guint i = 0; i < self->items->len; i++)
    {
      VmpPlaceItem *item = g_ptr_array_index (self->items, i);

      if (item->final != NULL
          && !vmp_at_rename_noreplace (item->room->fd, item->staged, item->room->fd, item->final,
                                       error))
        {
          g_prefix_error (error, "“%s/%s”: ", item->room->path, item->final);
          return FALSE;
        }
    }
  for (guint i = 0; i < self->rooms->len; i++)
    {
      VmpRoom *room = g_ptr_array_index (self->rooms, i);

      if (!vmp_at_remove_tree (room->fd, self->staging, error)
          || !vmp_at_sync (room->fd, ".", error))
        return FALSE;
    }
  return TRUE;
}

/* Our own imports are kept apart by the inventory; anybody else's are looked for at the last moment. */
static gboolean
check_free (VmpPlace *self, virConnectPtr connection, GError **error)
{
  g_autoptr (VmpVirDomain) by_id = virDomainLookupByUUIDString (connection, self->uuid);
  g_autoptr (VmpVirDomain) by_name = NULL;

  if (by_id == NULL && !vmp_libvirt_error_is_gone ())
    return vmp_libvirt_error_set (error, _ ("libvirt does not say who has the id %s"), self->uuid);
  if (by_id != NULL)
    return vmp_error_set (error, VMPORT_ERROR_EXISTS, _ ("The id %s is in use"), self->uuid);
  by_name = virDomainLookupByName (connection, self->name);
  if (by_name == NULL && !vmp_libvirt_error_is_gone ())
    return vmp_libvirt_error_set (error, _ ("libvirt does not say who has the name “%s”"), self->name);
  if (by_name != NULL)
    return vmp_error_set (error, VMPORT_ERROR_EXISTS, _ ("The name “%s” is in use"), self->name);
  return TRUE;
}

static gboolean
is_ours (VmpPlace *self, virDomainPtr domain)
{
  g_autoptr (VmpDomain) model = vmp_libvirt_read_domain (domain, NULL, NULL);

  return model != NULL
         && g_strcmp0 (vmp_domain_get_note (model, VMP_DOMAIN_NOTE_JOB), self->token) == 0;
}

/* Did anybody else make a machine of that id or name meanwhile? */
static gboolean
is_other_there (VmpPlace *self, virConnectPtr connection, GError **error)
{
  g_autoptr (VmpVirDomain) by_id = virDomainLookupByUUIDString (connection, self->uuid);
  g_autoptr (VmpVirDomain) by_name = virDomainLookupByName (connection, self->name);
  char uuid[VIR_UUID_STRING_BUFLEN];

  if (by_id != NULL && !is_ours (self, by_id))
    vmp_error_set (error, VMPORT_ERROR_EXISTS, _ ("The id %s is in use"), self->uuid);
  else if (by_name != NULL && virDomainGetUUIDString (by_name, uuid) == 0
           && strcmp (uuid, self->uuid) != 0)
    vmp_error_set (error, VMPORT_ERROR_EXISTS, _ ("The name “%s” is in use"), self->name);
  else
    return FALSE;
  return TRUE;
}

static void
refresh_pools (VmpPlace *self, virConnectPtr connection)
{
  virStoragePoolPtr *pools = NULL;
  int n = virConnectListAllStoragePools (connection, &pools,
                                         VIR_CONNECT_LIST_STORAGE_POOLS_ACTIVE
                                             | VIR_CONNECT_LIST_STORAGE_POOLS_DIR
                                             | VIR_CONNECT_LIST_STORAGE_POOLS_FS);

  /* A pool that cannot be refreshed shows the new images later; the machine does not need it. */
  for (int i = 0; i < n; i++)
    {
      if (virStoragePoolRefresh (pools[i], 0) < 0)
        g_info ("%s: %s", virStoragePoolGetName (pools[i]), virGetLastErrorMessage ());
      virStoragePoolFree (pools[i]);
    }
  free (pools);
}

/* What goes to libvirt is written afresh from the model, and what libvirt does not know of it is an
 * error instead of being dropped. */
static virDomainPtr
define_as (VmpPlace *self, virConnectPtr connection, VmpDomain *domain, GError **error)
{
  g_autofree char *xml = vmp_domain_to_xml (domain);
  virDomainPtr defined = virDomainDefineXMLFlags (connection, xml, VIR_DOMAIN_DEFINE_VALIDATE);

  if (defined == NULL)
    vmp_libvirt_error_set (error, _ ("libvirt does not take the configuration"));
  return defined;
}

/* libvirt refuses a second machine of an id, and of a name, but takes a definition with both of them
 * for an order to replace, and has no flag that says otherwise. So the machine is made under a name
 * that nobody else has: whoever has the id keeps it. Then it is renamed, which is refused where the
 * name is somebody's, and only then, being ours, defined once more with all that follows from the
 * name. */
static virDomainPtr
define_new (VmpPlace *self, virConnectPtr connection, VmpDomain *domain, GError **error)
{
  g_autoptr (VmpDomain) unnamed = vmp_domain_copy (domain);
  g_autofree char *name = g_strconcat (VMP_LIBVIRT_UNNAMED_PREFIX, self->token, NULL);
  g_autoptr (VmpVirDomain) made = NULL;

  vmp_domain_set_name (unnamed, name);
  vmp_libvirt_link_note_attempt (self->link, self->token);
  made = define_as (self, connection, unnamed, error);
  if (made == NULL)
    return NULL;
  if (virDomainRename (made, self->name, 0) < 0)
    {
      vmp_libvirt_error_set (error, _ ("The machine cannot be called “%s”"), self->name);
      return NULL;
    }
  return define_as (self, connection, domain, error);
}

static virDomainPtr
define_domain (VmpPlace *self, virConnectPtr connection, gboolean *autostart, GError **error)
{
  g_autoptr (VmpDomain) domain = vmp_domain_copy (self->domain);
  g_autoptr (GError) local_error = NULL;
  virDomainPtr defined;

  *autostart = vmp_domain_get_note (domain, VMP_DOMAIN_NOTE_AUTOSTART) != NULL;
  vmp_domain_set_note (domain, VMP_DOMAIN_NOTE_AUTOSTART, NULL);
  vmp_domain_set_note (domain, VMP_DOMAIN_NOTE_JOB, self->token);
  defined = define_new (self, connection, domain, &local_error);
  if (defined != NULL)
    return defined;
  /* Where somebody was faster, that is what went wrong. */
  if (!is_other_there (self, connection, error))
    g_propagate_error (error, g_steal_pointer (&local_error));
  return NULL;
}

/* The machine as libvirt has it then. Blocking. */
VmpMachine *
vmp_libvirt_place_define (VmpPlace *self, virConnectPtr connection, GError **error)
{
  g_autoptr (VmpVirDomain) domain = NULL;
  gboolean autostart;

  if (!check_free (self, connection, error) || !move_files (self, error))
    return NULL;
  domain = define_domain (self, connection, &autostart, error);
  if (domain == NULL)
    return NULL;
  refresh_pools (self, connection);
  /* What belongs to the definition comes to the disk after it: nobody would find it without. */
  if (!vmp_libvirt_host_sync (self->host, self->name, error)
      || !vmp_libvirt_define_snapshots (domain, self->snapshots, error))
    return NULL;
  if (autostart && virDomainSetAutostart (domain, 1) < 0)
    {
      vmp_libvirt_error_set (error, _ ("The machine cannot be made to start with its host"));
      return NULL;
    }
  if (!vmp_libvirt_host_sync (self->host, self->name, error))
    return NULL;
  return vmp_libvirt_read_machine (domain, self->host, error);
}
