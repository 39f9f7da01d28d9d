/* Taking back what an import made for libvirt, from its journal entry alone.
 *
 * A definition goes only where its id and its token are the job's, it has never run, and it has no
 * snapshots but the job's; and without UEFI variables and TPM: those are files like the others, which
 * go only where their inode is in the journal. A managed save goes with it where it is the job's own,
 * and so does what libvirt has noted of the snapshots. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gi18n-lib.h>
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

#define MAX_DEFINITION (16 << 20)

/* Whether the file is still what it was when the job made it. A machine that ran has written. */
static gboolean
is_untouched (const struct stat *st, gint64 mtime, gint64 mtime_nsec)
{
  return mtime == -1 || (st->st_mtim.tv_sec == mtime && st->st_mtim.tv_nsec == mtime_nsec);
}

static gboolean
has_run (GVariant *items)
{
  GVariantIter iter;
  const char *path;
  guint64 device, inode;
  gint64 mtime, mtime_nsec;

  g_variant_iter_init (&iter, items);
  while (g_variant_iter_next (&iter, "(&sttxx)", &path, &device, &inode, &mtime, &mtime_nsec))
    {
      struct stat st;

      if (lstat (path, &st) == 0 && st.st_dev == device && st.st_ino == inode
          && !is_untouched (&st, mtime, mtime_nsec))
        return TRUE;
    }
  return FALSE;
}

/* Is the state that the job gave the machine still there? */
static gboolean
has_state (GVariant *items)
{
  GVariantIter iter;
  const char *path;
  guint64 device, inode;

  g_variant_iter_init (&iter, items);
  while (g_variant_iter_next (&iter, "(&sttxx)", &path, &device, &inode, NULL, NULL))
    {
      struct stat st;

      if (g_str_has_suffix (path, VMP_LIBVIRT_SAVE_SUFFIX) && lstat (path, &st) == 0
          && st.st_dev == device && st.st_ino == inode)
        return TRUE;
    }
  return FALSE;
}

/* FALSE in @ours where the domain is somebody else's, or somebody has used it: a snapshot that the
 * job did not give it is one more thing that somebody would lose. */
static gboolean
examine (virDomainPtr domain, VmpLibvirtHost *host, const char *token, GVariant *items,
         const char *const *snapshots, gboolean *ours, GError **error)
{
  g_autoptr (VmpDomain) model = vmp_libvirt_read_domain (domain, NULL, error);
  gboolean has_others;
  const char *state;

  if (model == NULL)
    return FALSE;
  state = vmp_libvirt_read_state (domain, host, error);
  if (state == NULL
      || !vmp_libvirt_find_other_snapshots (domain, snapshots, &has_others, error))
    return FALSE;
  *ours = g_strcmp0 (vmp_domain_get_note (model, VMP_DOMAIN_NOTE_JOB), token) == 0
          && (strcmp (state, "off") == 0 || (strcmp (state, "saved") == 0 && has_state (items)))
          && !has_others && !has_run (items);
  return TRUE;
}

/* The job's own definition as libvirt has written it under @name, which no machine of libvirt's has;
 * NULL where there is none. */
static VmpDomain *
read_orphan (virConnectPtr connection, VmpLibvirtHost *host, const char *name, const char *token)
{
  g_autofree char *file = g_strconcat (name, ".xml", NULL);
  g_autoptr (VmpVirDomain) domain = virDomainLookupByName (connection, name);
  vmp_autofd int folder = -1;
  g_autoptr (GPtrArray) unsafe = NULL;
  g_autoptr (GBytes) xml = NULL;
  g_autoptr (VmpDomain) model = NULL;

  if (domain != NULL || !vmp_libvirt_error_is_gone ())
    return NULL;
  folder = vmp_at_open_absolute (host->folders.configuration, O_RDONLY | O_DIRECTORY, NULL);
  xml = folder >= 0 ? vmp_at_read (folder, file, MAX_DEFINITION, NULL) : NULL;
  if (xml != NULL)
    model = vmp_domain_new_from_xml (g_bytes_get_data (xml, NULL), g_bytes_get_size (xml), &unsafe,
                                     NULL);
  if (model == NULL || g_strcmp0 (vmp_domain_get_note (model, VMP_DOMAIN_NOTE_JOB), token) != 0)
    return NULL;
  return g_steal_pointer (&model);
}

/* A libvirtd that ends while it renames a machine leaves a file of each name. The next one knows that
 * which it reads first; the other would be a machine when the first is gone. libvirt removes it, once
 * it is told of it again. */
static gboolean
remove_orphan (virConnectPtr connection, VmpLibvirtHost *host, const char *name, const char *token,
               GVariant *items, GError **error)
{
  g_autoptr (VmpDomain) model = NULL;
  g_autoptr (VmpVirDomain) domain = NULL;
  g_autofree char *xml = NULL;

  if (host->folders.configuration == NULL || !vmp_name_is_component (name))
    return TRUE;
  model = read_orphan (connection, host, name, token);
  if (model == NULL)
    return TRUE;
  xml = vmp_domain_to_xml (model);
  domain = virDomainDefineXMLFlags (connection, xml, VIR_DOMAIN_DEFINE_VALIDATE);
  if (domain == NULL
      || virDomainUndefineFlags (domain, VIR_DOMAIN_UNDEFINE_KEEP_NVRAM | VIR_DOMAIN_UNDEFINE_KEEP_TPM
                                             | (has_state (items)
                                                    ? VIR_DOMAIN_UNDEFINE_MANAGED_SAVE
                                                    : 0))
             < 0)
    return vmp_libvirt_error_set (error, _ ("libvirt does not remove what it has written of “%s”"),
                                  name);
  return TRUE;
}

static gboolean
remove_orphans (virConnectPtr connection, VmpLibvirtHost *host, const char *name, const char *token,
                GVariant *items, GError **error)
{
  g_autofree char *unnamed = g_strconcat (VMP_LIBVIRT_UNNAMED_PREFIX, token, NULL);

  return remove_orphan (connection, host, name, token, items, error)
         && remove_orphan (connection, host, unnamed, token, items, error);
}

/* FALSE in @gone where the definition stays, and its files with it. */
static gboolean
undefine (VmpLibvirtLink *link, const char *uuid, const char *wanted, const char *token,
          GVariant *items, const char *const *snapshots, gboolean *gone, GError **error)
{
  g_autoptr (VmpLibvirtHost) host = NULL;
  g_autoptr (VmpVirConnect) connection = vmp_libvirt_link_take (link, &host, error);
  g_autoptr (VmpVirDomain) domain = NULL;
  g_autofree char *name = NULL;
  gboolean ours;

  *gone = TRUE;
  if (connection == NULL)
    return FALSE;
  domain = virDomainLookupByUUIDString (connection, uuid);
  if (domain == NULL && !vmp_libvirt_error_is_gone ())
    return vmp_libvirt_error_set (error, _ ("libvirt does not say whether the machine %s is there"),
                                  uuid);
  /* What an earlier attempt removed may not be flushed. */
  if (domain == NULL)
    return remove_orphans (connection, host, wanted, token, items, error)
           && vmp_libvirt_host_sync (host, NULL, error);
  if (!examine (domain, host, token, items, snapshots, &ours, error))
    return FALSE;
  if (!ours)
    {
      g_message ("%s: the machine was changed or started since it was made; it stays", uuid);
      *gone = FALSE;
      return TRUE;
    }
  name = g_strdup (virDomainGetName (domain));
  if (virDomainUndefineFlags (domain,
                              VIR_DOMAIN_UNDEFINE_MANAGED_SAVE | VIR_DOMAIN_UNDEFINE_KEEP_NVRAM
                                  | VIR_DOMAIN_UNDEFINE_KEEP_TPM
                                  | VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA)
          < 0
      && !vmp_libvirt_error_is_gone ())
    return vmp_libvirt_error_set (error, _ ("libvirt does not undefine the machine %s"), uuid);
  return remove_orphans (connection, host, wanted, token, items, error)
         && vmp_libvirt_host_sync (host, name, error);
}

/* Moves what the job put at @path back beside its other files. */
static gboolean
take_back_item (const char *path, guint64 device, guint64 inode, const char *staging,
                GError **error)
{
  g_autofree char *folder = g_path_get_dirname (path);
  g_autofree char *base = g_path_get_basename (path);
  g_autofree char *back = NULL;
  vmp_autofd int fd = -1;
  struct stat st;

  if (!vmp_name_is_absolute (path) || lstat (path, &st) < 0 || st.st_dev != device
      || st.st_ino != inode)
    return TRUE;
  fd = vmp_at_open_absolute (folder, O_RDONLY | O_DIRECTORY, error);
  if (fd < 0)
    return FALSE;
  if (!vmp_at_mkdir_parents (fd, staging, 0700, error))
    return FALSE;
  back = g_strdup_printf ("%s/back-%" G_GUINT64_FORMAT, staging, inode);
  return vmp_at_rename_noreplace (fd, base, fd, back, error);
}

static gboolean
take_back_items (GVariant *items, const char *staging, GError **error)
{
  GVariantIter iter;
  const char *path;
  guint64 device, inode;

  g_variant_iter_init (&iter, items);
  while (g_variant_iter_next (&iter, "(&sttxx)", &path, &device, &inode, NULL, NULL))
    if (!take_back_item (path, device, inode, staging, error))
      {
        g_prefix_error (error, "“%s”: ", path);
        return FALSE;
      }
  return TRUE;
}

static gboolean
remove_staging (GVariant *rooms, const char *staging, GError **error)
{
  GVariantIter iter;
  const char *path;

  g_variant_iter_init (&iter, rooms);
  while (g_variant_iter_next (&iter, "(u&s)", NULL, &path))
    {
      vmp_autofd int fd = -1;

      if (!g_file_test (path, G_FILE_TEST_IS_DIR))
        continue;
      fd = vmp_at_open_absolute (path, O_RDONLY | O_DIRECTORY, error);
      if (fd < 0 || !vmp_at_remove_tree (fd, staging, error) || !vmp_at_sync (fd, ".", error))
        return FALSE;
    }
  return TRUE;
}

/* The journal is the daemon's own; before vmp_libvirt_place_describe() was written into it nothing
 * had been made. Blocking. */
gboolean
vmp_libvirt_place_undo (VmpLibvirtLink *link, GVariant *description, GError **error)
{
  g_autoptr (GVariant) rooms = NULL;
  g_autoptr (GVariant) items = NULL;
  g_autofree const char **snapshots = NULL;
  g_autofree char *staging = NULL;
  static const char *const none[] = { NULL };
  const char *token, *uuid, *name = "", *process = "";
  gboolean defining = FALSE, gone = TRUE;

  if (!g_variant_lookup (description, "Token", "&s", &token) || !vmp_name_is_token (token))
    return vmp_error_set (error, VMPORT_ERROR_CORRUPT, "A journal entry has no token");
  rooms = g_variant_lookup_value (description, "Rooms", G_VARIANT_TYPE ("a(us)"));
  items = g_variant_lookup_value (description, "Items", G_VARIANT_TYPE ("a(sttxx)"));
  if (rooms == NULL || items == NULL || !g_variant_lookup (description, "Uuid", "&s", &uuid)
      || !vmp_name_is_uuid (uuid))
    return TRUE;
  g_variant_lookup (description, "Name", "&s", &name);
  g_variant_lookup (description, "Defining", "b", &defining);
  g_variant_lookup (description, "Process", "&s", &process);
  g_variant_lookup (description, "Snapshots", "^a&s", &snapshots);
  if (defining && vmp_libvirt_link_may_have_defined (link, process, token)
      && !undefine (link, uuid, name, token, items,
                    snapshots != NULL ? (const char *const *) snapshots : none, &gone, error))
    return FALSE;
  staging = g_strconcat (VMP_PLACE_STAGING_PREFIX, token, NULL);
  return (!gone || take_back_items (items, staging, error))
         && remove_staging (rooms, staging, error);
}
