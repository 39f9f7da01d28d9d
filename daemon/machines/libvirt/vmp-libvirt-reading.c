/* One domain of libvirt's, read into a machine: its configuration, where its volumes are, what lies
 * below its disks, and the files that no configuration names. */
#include "config.h"

#include "vmp-libvirt-reading.h"

#include <fcntl.h>
#include <glib/gi18n-lib.h>
#include <libvirt/virterror.h>
#include <string.h>
#include <sys/stat.h>

#include "vmp-at.h"
#include "vmp-error.h"
#include "vmp-fd.h"
#include "vmp-libvirt-error.h"
#include "vmp-libvirt-private.h"
#include "vmp-name.h"
#include "vmp-query.h"

/* A chain that is longer has been tied into a ring. */
#define MAX_CHAIN 64

/* swtpm has a handful of files, in one folder: a guard, not a limit that anyone meets. */
#define MAX_TPM_ENTRIES 64
#define MAX_TPM_DEPTH 3

/* libvirt remembers which machines it saved, and looks for a state that somebody else put there only
 * when it starts the machine, with which it then goes on. */
static gboolean
has_save_file (virDomainPtr domain, VmpLibvirtHost *host)
{
  VmpRoom *save = vmp_libvirt_host_find_room (host, VMP_ROOM_SAVE);
  g_autofree char *name = g_strconcat (virDomainGetName (domain), VMP_LIBVIRT_SAVE_SUFFIX, NULL);

  return save != NULL && vmp_at_exists (save->fd, name);
}

/* Blocking. NULL where the domain is gone or libvirt is. */
const char *
vmp_libvirt_read_state (virDomainPtr domain, VmpLibvirtHost *host, GError **error)
{
  int state, saved;

  if (virDomainGetState (domain, &state, NULL, 0) < 0)
    {
      vmp_libvirt_error_set (error, "Cannot ask for the machine's state");
      return NULL;
    }
  if (state == VIR_DOMAIN_PAUSED)
    return "paused";
  if (state != VIR_DOMAIN_SHUTOFF && state != VIR_DOMAIN_CRASHED)
    return "running";
  saved = virDomainHasManagedSaveImage (domain, 0);
  return saved > 0 || has_save_file (domain, host) ? "saved" : "off";
}

static char *
get_volume_path (virStorageVolPtr volume, virStoragePoolPtr pool, const char *name, GError **error)
{
  virStorageVolInfo info;
  char *path, *copy;

  if (virStorageVolGetInfo (volume, &info) < 0)
    {
      vmp_libvirt_error_set (error, _ ("The volume “%s”"), name);
      return NULL;
    }
  /* What has no file is no image that could be copied into a package. */
  if (info.type != VIR_STORAGE_VOL_FILE && info.type != VIR_STORAGE_VOL_BLOCK)
    {
      vmp_error_set (error, VMPORT_ERROR_NOT_SUPPORTED,
                     _ ("The volume “%s” of the storage pool “%s” is no file and no block device"),
                     name, virStoragePoolGetName (pool));
      return NULL;
    }
  path = virStorageVolGetPath (volume);
  if (path == NULL)
    {
      vmp_libvirt_error_set (error, _ ("The volume “%s”"), name);
      return NULL;
    }
  copy = g_strdup (path);
  free (path);
  return copy;
}

static gboolean
check_pool_type (virStoragePoolPtr pool, GError **error)
{
  static const char *const known[] = { "dir", "fs", "logical", NULL };
  char *xml = virStoragePoolGetXMLDesc (pool, 0);
  g_autoptr (VmpQuery) query = NULL;
  g_autofree char *type = NULL;

  if (xml == NULL)
    return vmp_libvirt_error_set (error, _ ("The storage pool “%s”"), virStoragePoolGetName (pool));
  query = vmp_query_new (xml, _ ("A storage pool"), error);
  free (xml);
  if (query == NULL)
    return FALSE;
  type = vmp_query_text (query, "/pool/@type");
  if (type != NULL && g_strv_contains (known, type))
    return TRUE;
  return vmp_error_set (error, VMPORT_ERROR_NOT_SUPPORTED,
                        _ ("A disk is in the storage pool “%s”, whose type “%s” vmport does not "
                           "read; move it to a pool of the type dir, fs or logical"),
                        virStoragePoolGetName (pool), type != NULL ? type : "");
}

/* VmpVolumeFunc. */
static char *
resolve_volume (const char *pool_name, const char *name, gpointer data, GError **error)
{
  virConnectPtr connection = virDomainGetConnect (data);
  g_autoptr (VmpVirPool) pool = virStoragePoolLookupByName (connection, pool_name);
  g_autoptr (VmpVirVolume) volume = NULL;

  if (pool == NULL)
    {
      vmp_libvirt_error_set (error, _ ("The storage pool “%s”"), pool_name);
      return NULL;
    }
  if (!check_pool_type (pool, error))
    return NULL;
  volume = virStorageVolLookupByName (pool, name);
  if (volume == NULL && virStoragePoolRefresh (pool, 0) == 0)
    volume = virStorageVolLookupByName (pool, name);
  if (volume == NULL)
    {
      vmp_libvirt_error_set (error, _ ("The volume “%s” of the storage pool “%s”"), name,
                             pool_name);
      return NULL;
    }
  return get_volume_path (volume, pool, name, error);
}

/* The model has no network disks and the like: without them a package would not be the machine. */
static gboolean
check_disks (GPtrArray *unsafe, GError **error)
{
  for (guint i = 0; i < unsafe->len; i++)
    {
      VmpUnsafe *found = g_ptr_array_index (unsafe, i);

      if (!found->keepable && g_str_has_prefix (found->location, "devices/disk")
          && strchr (found->location + strlen ("devices/"), '/') == NULL)
        return vmp_error_set (error, VMPORT_ERROR_NOT_SUPPORTED,
                              _ ("The configuration's %s is of a type that vmport does not copy: %s "
                                 "Move it to a file first."),
                              found->location, found->reason);
    }
  return TRUE;
}

/* The secrets of a configuration stay with libvirt: they are not asked for. Blocking. */
VmpDomain *
vmp_libvirt_read_domain (virDomainPtr domain, GError **error)
{
  char *xml = virDomainGetXMLDesc (domain, VIR_DOMAIN_XML_INACTIVE);
  g_autoptr (GPtrArray) unsafe = NULL;
  g_autoptr (VmpDomain) model = NULL;
  g_autofree char *resolved = NULL;

  if (xml == NULL)
    {
      vmp_libvirt_error_set (error, "Cannot ask for the machine's configuration");
      return NULL;
    }
  resolved = vmp_domain_resolve_volumes (xml, resolve_volume, domain, error);
  free (xml);
  if (resolved == NULL)
    return NULL;
  model = vmp_domain_new_from_xml (resolved, strlen (resolved), &unsafe, error);
  return model != NULL && check_disks (unsafe, error) ? g_steal_pointer (&model) : NULL;
}

/* The volume at @path. A pool hears of an image that was put into its folder beside it when it is
 * refreshed, and not before. */
static virStorageVolPtr
find_volume (virConnectPtr connection, const char *path)
{
  virStorageVolPtr volume = virStorageVolLookupByPath (connection, path);
  g_autofree char *folder = g_path_get_dirname (path);
  g_autoptr (VmpVirPool) pool = NULL;

  if (volume != NULL)
    return volume;
  pool = virStoragePoolLookupByTargetPath (connection, folder);
  if (pool == NULL || virStoragePoolRefresh (pool, 0) < 0)
    return NULL;
  return virStorageVolLookupByPath (connection, path);
}

/* What libvirt knows to lie below the image at @path, or FALSE for nothing. Backing files are stated
 * only for volumes of pools: libvirt has read those headers itself. */
static gboolean
find_backing (virConnectPtr connection, const char *path, char **backing, char **format)
{
  g_autoptr (VmpVirVolume) volume = find_volume (connection, path);
  char *xml = volume != NULL ? virStorageVolGetXMLDesc (volume, 0) : NULL;
  g_autoptr (VmpQuery) query = xml != NULL ? vmp_query_new (xml, _ ("A volume"), NULL) : NULL;

  free (xml);
  *backing = query != NULL ? vmp_query_text (query, "/volume/backingStore/path") : NULL;
  *format = query != NULL ? vmp_query_text (query, "/volume/backingStore/format/@type") : NULL;
  if (*backing != NULL && vmp_name_is_absolute (*backing) && *format != NULL)
    return TRUE;
  g_clear_pointer (backing, g_free);
  g_clear_pointer (format, g_free);
  return FALSE;
}

/* libvirt's configurations seldom state the chain below a disk; QEMU reads it from the headers. */
static void
complete_chain (VmpDomain *domain, guint disk, virConnectPtr connection)
{
  g_autoptr (GPtrArray) paths = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GPtrArray) formats = g_ptr_array_new_with_free_func (g_free);
  guint n = vmp_domain_get_n_images (domain, disk);
  char *backing, *format;

  for (guint i = 0; i < n; i++)
    {
      const char *given = vmp_domain_get_image_format (domain, disk, i);

      if (given == NULL)
        return;
      g_ptr_array_add (paths, g_strdup (vmp_domain_get_image_path (domain, disk, i)));
      g_ptr_array_add (formats, g_strdup (given));
    }
  while (paths->len > 0 && paths->len < MAX_CHAIN
         && strcmp (g_ptr_array_index (formats, formats->len - 1), "raw") != 0
         && find_backing (connection, g_ptr_array_index (paths, paths->len - 1), &backing, &format))
    {
      g_ptr_array_add (paths, backing);
      g_ptr_array_add (formats, format);
    }
  if (paths->len == n)
    return;
  g_ptr_array_add (paths, NULL);
  g_ptr_array_add (formats, NULL);
  vmp_domain_set_images (domain, disk, (const char *const *) paths->pdata,
                         (const char *const *) formats->pdata);
}

static void
add_tpm_folder (GPtrArray *files, VmpRoom *room, const char *folder, const char *name, guint depth)
{
  g_autoptr (GPtrArray) names = vmp_at_list (room->fd, folder, MAX_TPM_ENTRIES, NULL);

  for (guint i = 0; names != NULL && i < names->len; i++)
    {
      const char *base = g_ptr_array_index (names, i);
      g_autofree char *beneath = g_build_filename (folder, base, NULL);
      g_autofree char *member = g_build_filename (name, base, NULL);
      g_autofree char *path = g_build_filename (room->path, beneath, NULL);
      struct stat st;

      /* swtpm's lock. */
      if (base[0] == '.' || fstatat (room->fd, beneath, &st, AT_SYMLINK_NOFOLLOW) < 0)
        continue;
      if (S_ISREG (st.st_mode))
        g_ptr_array_add (files, vmp_machine_file_new (VMP_ROLE_TPM, member, path));
      else if (S_ISDIR (st.st_mode) && depth < MAX_TPM_DEPTH)
        add_tpm_folder (files, room, beneath, member, depth + 1);
    }
}

/* The TPM's state goes by the machine's id, a managed save by its name. */
static GPtrArray *
list_files (VmpLibvirtHost *host, const char *uuid, const char *name, const char *state)
{
  GPtrArray *files = g_ptr_array_new_with_free_func ((GDestroyNotify) vmp_machine_file_free);
  VmpRoom *tpm = vmp_libvirt_host_find_room (host, VMP_ROOM_TPM);
  VmpRoom *save = vmp_libvirt_host_find_room (host, VMP_ROOM_SAVE);

  if (tpm != NULL && vmp_at_exists (tpm->fd, uuid))
    add_tpm_folder (files, tpm, uuid, "tpm", 1);
  if (save != NULL && strcmp (state, "saved") == 0)
    {
      g_autofree char *path = g_strdup_printf ("%s/%s" VMP_LIBVIRT_SAVE_SUFFIX, save->path, name);

      g_ptr_array_add (files, vmp_machine_file_new (VMP_ROLE_STATE, "state.save", path));
    }
  return files;
}

/* The file for UEFI variables that libvirt makes for a machine whose firmware it chooses: it goes by
 * the machine's name, and no configuration says so (tried with libvirt 9.0). NULL for none. */
static char *
find_own_nvram (VmpDomain *domain, VmpLibvirtHost *host)
{
  VmpRoom *room = vmp_libvirt_host_find_room (host, VMP_ROOM_NVRAM);
  g_autofree char *base = g_strdup_printf ("%s_VARS.fd", vmp_domain_get_name (domain));

  if (room == NULL || g_strcmp0 (vmp_domain_get_firmware (domain), "efi") != 0
      || !vmp_at_exists (room->fd, base))
    return NULL;
  return g_build_filename (room->path, base, NULL);
}

/* Where libvirt does name the file for UEFI variables, it does so when a machine is defined, and
 * makes it at its first start. Until then there is nothing that could be lost. */
static void
find_nvram (VmpDomain *domain, VmpLibvirtHost *host)
{
  const char *path = vmp_domain_get_file (domain, VMP_DOMAIN_FILE_NVRAM);
  g_autofree char *own = path == NULL ? find_own_nvram (domain, host) : NULL;
  const char *beneath;
  VmpRoom *room = path != NULL ? vmp_libvirt_host_find_path (host, path, &beneath) : NULL;

  if (own != NULL)
    vmp_domain_set_file (domain, VMP_DOMAIN_FILE_NVRAM, own);
  else if (room != NULL && !vmp_at_exists (room->fd, beneath))
    vmp_domain_set_file (domain, VMP_DOMAIN_FILE_NVRAM, NULL);
}

static VmpMachine *
read_flawed (virDomainPtr domain, const char *uuid, const char *state, const GError *flaw)
{
  static const char stand_in[]
      = "<domain type='qemu'><name>x</name><os><type>hvm</type></os><devices/></domain>";
  g_autoptr (VmpDomain) instead
      = vmp_domain_new_from_xml (stand_in, strlen (stand_in), NULL, NULL);
  const char *name = virDomainGetName (domain);
  g_autofree char *shown = vmp_name_clean (name, 255);

  if (!vmp_name_is_vm_name (shown))
    {
      g_free (shown);
      shown = g_strdup (uuid);
    }
  vmp_domain_set_name (instead, shown);
  vmp_domain_set_uuid (instead, uuid);
  return vmp_machine_new_flawed (uuid, shown, state, instead, flaw);
}

static void
note_autostart (virDomainPtr domain, VmpDomain *model)
{
  int autostart = 0;

  vmp_domain_set_note (model, VMP_DOMAIN_NOTE_JOB, NULL);
  if (virDomainGetAutostart (domain, &autostart) < 0)
    autostart = 0;
  vmp_domain_set_note (model, VMP_DOMAIN_NOTE_AUTOSTART, autostart != 0 ? "yes" : NULL);
}

/* A machine whose configuration vmport cannot take in is one all the same; its flaw says why.
 * NULL where the domain is gone or libvirt is. Blocking. */
VmpMachine *
vmp_libvirt_read_machine (virDomainPtr domain, VmpLibvirtHost *host, GError **error)
{
  char uuid[VIR_UUID_STRING_BUFLEN];
  const char *state = vmp_libvirt_read_state (domain, host, error);
  g_autoptr (GError) flaw = NULL;
  g_autoptr (VmpDomain) model = NULL;
  g_autofree char *scope = NULL;

  if (state == NULL)
    return NULL;
  if (virDomainGetUUIDString (domain, uuid) < 0)
    {
      vmp_libvirt_error_set (error, "Cannot ask for the machine's id");
      return NULL;
    }
  model = vmp_libvirt_read_domain (domain, &flaw);
  if (model == NULL)
    {
      if (g_error_matches (flaw, VMPORT_ERROR, VMPORT_ERROR_NOT_AVAILABLE))
        {
          g_propagate_error (error, g_steal_pointer (&flaw));
          return NULL;
        }
      return read_flawed (domain, uuid, state, flaw);
    }
  for (guint i = 0; i < vmp_domain_get_n_disks (model); i++)
    complete_chain (model, i, virDomainGetConnect (domain));
  find_nvram (model, host);
  note_autostart (domain, model);
  /* Of the machine, and no part of what it is: it changes under an export's eyes. */
  scope = g_strdup (vmp_domain_get_note (model, VMP_DOMAIN_NOTE_SCOPE));
  vmp_domain_set_note (model, VMP_DOMAIN_NOTE_SCOPE, NULL);
  return vmp_machine_new (uuid, vmp_domain_get_name (model), state, scope != NULL ? scope : "",
                          model, list_files (host, uuid, vmp_domain_get_name (model), state), NULL);
}
