/* Opens what an import is to read: a package, or a bare directory with one domain XML. */
#include "config.h"

#include "vmp-package-reader.h"

#include <fcntl.h>
#include <glib/gi18n-lib.h>
#include <string.h>

#include "vmp-at.h"
#include "vmp-domain.h"
#include "vmp-error.h"
#include "vmp-fd.h"
#include "vmp-name.h"
#include "vmp-package.h"
#include "vmp-snapshot.h"
#include "vmp-verity.h"
#include "vmp-xml.h"

#define MAX_BARE_ENTRIES 65536

/* Deeper than any folder of a package. */
#define MAX_PACKAGE_DEPTH 8
#define MAX_PACKAGE_ENTRIES (4 * VMP_PACKAGE_MAX_FILES)

/* Of all snapshots' documents together: they cross the connection in one message. */
#define MAX_SNAPSHOTS_BYTES (64 * 1024 * 1024)

/* What messages call a directory that came as a descriptor: the setting that it came by. */
#define OPEN_DIRECTORY "DirectoryFd"

/* Opens the directory with the process' own rights; or takes @directory_fd where it is given. */
int
vmp_package_reader_open (const char *directory, int directory_fd, GError **error)
{
  if (directory_fd >= 0)
    {
      if (!vmp_fd_check_directory (directory_fd, OPEN_DIRECTORY, error))
        return -1;
      return vmp_fd_dup (directory_fd, error);
    }
  return vmp_at_open_absolute (directory, O_RDONLY | O_DIRECTORY, error);
}

/* The digest of the very bytes that are parsed. */
static char *
digest_of (const char *xml, gsize size)
{
  g_autoptr (VmpVerity) digest = vmp_verity_new ();

  vmp_verity_update (digest, xml, size);
  return vmp_verity_finish (digest);
}

/* @verity: NULL where nobody asks for the digest. */
static VmpDomain *
read_domain (int dirfd, const char *name, GPtrArray **unsafe, char **verity, GError **error)
{
  g_autoptr (GBytes) content = vmp_at_read (dirfd, name, VMP_DOMAIN_MAX_BYTES, error);
  VmpDomain *domain;
  gsize size;
  const char *xml;

  if (content == NULL)
    return NULL;
  xml = g_bytes_get_data (content, &size);
  domain = vmp_domain_new_from_xml (xml, size, unsafe, error);
  if (domain == NULL)
    {
      g_prefix_error (error, _ ("“%s”: "), name);
      return NULL;
    }
  if (verity != NULL)
    *verity = digest_of (xml, size);
  return domain;
}

/* The descriptor promises the file, so a package without it is broken. */
static void
take_for_broken (GError **error)
{
  if (error != NULL && g_error_matches (*error, VMPORT_ERROR, VMPORT_ERROR_NOT_FOUND))
    (*error)->code = VMPORT_ERROR_CORRUPT;
}

/* The document of @listed as the report has it; floating. */
static GVariant *
read_snapshot (int dirfd, VmpPackageSnapshot *listed, gsize *budget, GError **error)
{
  g_autoptr (GBytes) content = vmp_at_read (dirfd, listed->file,
                                            MIN (VMP_SNAPSHOT_MAX_BYTES, *budget), error);
  g_autoptr (VmpSnapshot) snapshot = NULL;
  g_autoptr (GPtrArray) unsafe = NULL;
  g_autofree char *verity = NULL;
  gsize size;
  const char *xml;

  if (content == NULL)
    {
      take_for_broken (error);
      return NULL;
    }
  xml = g_bytes_get_data (content, &size);
  *budget -= size;
  snapshot = vmp_snapshot_new_from_xml (xml, size, &unsafe, error);
  if (snapshot == NULL)
    {
      g_prefix_error (error, _ ("“%s”: "), listed->file);
      return NULL;
    }
  if (strcmp (vmp_snapshot_get_name (snapshot), listed->name) != 0)
    {
      vmp_error_set (error, VMPORT_ERROR_CORRUPT, _ ("“%s” is not the snapshot “%s”"),
                     listed->file, listed->name);
      return NULL;
    }
  verity = digest_of (xml, size);
  return g_variant_new ("(v@a(ssb)s)", vmp_snapshot_to_variant (snapshot),
                        vmp_unsafe_list_to_variant (unsafe), verity);
}

/* In the descriptor's order. */
static gboolean
add_snapshots (int dirfd, VmpPackage *package, GVariantDict *report, GError **error)
{
  GPtrArray *snapshots = vmp_package_get_snapshots (package);
  gsize budget = MAX_SNAPSHOTS_BYTES;
  GVariantBuilder builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE ("a(va(ssb)s)"));
  for (guint i = 0; i < snapshots->len; i++)
    {
      GVariant *read = read_snapshot (dirfd, g_ptr_array_index (snapshots, i), &budget, error);

      if (read == NULL)
        {
          g_variant_builder_clear (&builder);
          return FALSE;
        }
      g_variant_builder_add_value (&builder, read);
    }
  g_variant_dict_insert_value (report, "Snapshots", g_variant_builder_end (&builder));
  return TRUE;
}

/* The configuration and the descriptor say the same of the machine: the descriptor lists its disks
 * that are files, and drives whose medium came along, each once, in the configuration's order. */
static gboolean
check_agreement (VmpPackage *package, VmpDomain *domain, GError **error)
{
  GPtrArray *disks = vmp_package_get_disks (package);
  guint at = 0;

  if (g_strcmp0 (vmp_domain_get_uuid (domain), vmp_package_get_uuid (package)) != 0
      || g_strcmp0 (vmp_domain_get_name (domain), vmp_package_get_name (package)) != 0)
    return vmp_error_set (error, VMPORT_ERROR_CORRUPT,
                          _ ("The package's descriptor and configuration are of two machines"));
  for (guint i = 0; i < vmp_domain_get_n_disks (domain); i++)
    {
      VmpPackageDisk *disk = at < disks->len ? g_ptr_array_index (disks, at) : NULL;
      gboolean same = disk != NULL
                      && strcmp (disk->target, vmp_domain_get_disk_target (domain, i)) == 0;

      /* A disk on a device of the exporting host, say: a package can hold nothing of it. */
      if (vmp_domain_get_n_images (domain, i) == 0)
        continue;
      if (same)
        at++;
      else if (vmp_domain_get_disk_device (domain, i) == VMP_DISK_DEVICE_DISK)
        return vmp_error_set (error, VMPORT_ERROR_CORRUPT,
                              _ ("The package's descriptor does not list the disk “%s”"),
                              vmp_domain_get_disk_target (domain, i));
    }
  if (at != disks->len)
    return vmp_error_set (error, VMPORT_ERROR_CORRUPT,
                          _ ("The package's descriptor lists a disk that the machine has not"));
  return TRUE;
}

static void
add_folders (int dirfd, GVariantDict *report)
{
  static const char *const known[] = { VMP_PACKAGE_VM_FOLDER, VMP_PACKAGE_SNAPSHOT_FOLDER,
                                       VMP_PACKAGE_VHD_FOLDER, NULL };
  g_autoptr (GStrvBuilder) folders = g_strv_builder_new ();
  g_auto (GStrv) found = NULL;

  for (gsize i = 0; known[i] != NULL; i++)
    {
      vmp_autofd int fd = vmp_at_open (dirfd, known[i], O_RDONLY | O_DIRECTORY, 0, NULL);

      if (fd >= 0)
        g_strv_builder_add (folders, known[i]);
    }
  found = g_strv_builder_end (folders);
  g_variant_dict_insert (report, "Folders", "^as", found);
}

/* The first thing beneath @path that is no member, deeper folders included; @budget bounds how much
 * is looked at. */
static gboolean
find_unlisted (int dirfd, const char *path, VmpPackage *package, guint depth, guint *budget,
               char **found, GError **error)
{
  g_autoptr (GPtrArray) entries = vmp_at_list (dirfd, path, *budget, error);

  if (entries == NULL)
    return FALSE;
  *budget -= entries->len;
  for (guint i = 0; i < entries->len && *found == NULL; i++)
    {
      const char *entry = g_ptr_array_index (entries, i);
      g_autofree char *name = depth == 0 ? g_strdup (entry)
                                         : g_build_filename (path, entry, NULL);
      vmp_autofd int folder = -1;

      if (vmp_package_find_file (package, name) != NULL
          || (depth == 0
              && (strcmp (entry, VMP_PACKAGE_DESCRIPTOR) == 0
                  || strcmp (entry, VMP_PACKAGE_SHA256SUMS) == 0)))
        continue;
      folder = depth < MAX_PACKAGE_DEPTH
                   ? vmp_at_open (dirfd, name, O_RDONLY | O_DIRECTORY, 0, NULL)
                   : -1;
      if (folder < 0)
        *found = vmp_name_clean (name, 500);
      else if (!find_unlisted (dirfd, name, package, depth + 1, budget, found, error))
        return FALSE;
    }
  return TRUE;
}

static gboolean
add_unlisted (int dirfd, VmpPackage *package, GVariantDict *report, GError **error)
{
  g_autofree char *found = NULL;
  guint budget = MAX_PACKAGE_ENTRIES;

  if (!find_unlisted (dirfd, ".", package, 0, &budget, &found, error))
    return FALSE;
  if (found != NULL)
    g_variant_dict_insert (report, "Unlisted", "s", found);
  return TRUE;
}

static gboolean
read_package (int dirfd, gboolean whole, GVariantDict *report, GError **error)
{
  g_autoptr (GBytes) content = vmp_at_read (dirfd, VMP_PACKAGE_DESCRIPTOR, VMP_PACKAGE_MAX_BYTES,
                                            error);
  g_autoptr (VmpPackage) package = NULL;
  g_autoptr (VmpDomain) domain = NULL;
  g_autoptr (GPtrArray) unsafe = NULL;
  g_autofree char *verity = NULL;
  gsize size;
  const char *xml;

  if (content == NULL)
    return FALSE;
  xml = g_bytes_get_data (content, &size);
  package = vmp_package_new_from_xml (xml, size, error);
  if (package == NULL)
    return FALSE;
  domain = read_domain (dirfd, vmp_package_find_role (package, VMP_ROLE_CONFIGURATION)->name,
                        &unsafe, &verity, error);
  if (domain == NULL)
    {
      take_for_broken (error);
      return FALSE;
    }
  if (!check_agreement (package, domain, error))
    return FALSE;
  g_variant_dict_insert (report, "Bare", "b", FALSE);
  g_variant_dict_insert (report, "ConfigurationVerity", "s", verity);
  g_variant_dict_insert_value (report, "Package",
                               g_variant_new_variant (vmp_package_to_variant (package)));
  g_variant_dict_insert_value (report, "Domain",
                               g_variant_new_variant (vmp_domain_to_variant (domain)));
  g_variant_dict_insert_value (report, "Unsafe", vmp_unsafe_list_to_variant (unsafe));
  add_folders (dirfd, report);
  if (!add_snapshots (dirfd, package, report, error))
    return FALSE;
  return !whole || add_unlisted (dirfd, package, report, error);
}

static gboolean
is_domain_xml (int dirfd, const char *name)
{
  g_autoptr (GBytes) content = vmp_at_read (dirfd, name, VMP_DOMAIN_MAX_BYTES, NULL);
  g_autoptr (VmpXmlDoc) doc = NULL;
  gsize size;
  const char *xml;

  if (content == NULL)
    return FALSE;
  xml = g_bytes_get_data (content, &size);
  doc = vmp_xml_parse (xml, size, VMP_DOMAIN_MAX_BYTES, VMP_DOMAIN_MAX_DEPTH, name, NULL);
  /* A document that cannot be parsed is taken for the domain, so that it is the one complained
   * about and not passed over. */
  return doc == NULL || xmlStrEqual (xmlDocGetRootElement (doc)->name, BAD_CAST "domain");
}

static gboolean
read_bare (int dirfd, const char *directory, GVariantDict *report, GError **error)
{
  g_autoptr (GPtrArray) names = vmp_at_list (dirfd, ".", MAX_BARE_ENTRIES, error);
  g_autoptr (VmpDomain) domain = NULL;
  g_autoptr (GPtrArray) unsafe = NULL;
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();
  g_auto (GStrv) valid = NULL;
  const char *found = NULL;

  if (names == NULL)
    return FALSE;
  for (guint i = 0; i < names->len; i++)
    {
      const char *name = g_ptr_array_index (names, i);

      if (!vmp_name_is_component (name))
        continue;
      g_strv_builder_add (builder, name);
      if (!g_str_has_suffix (name, ".xml") || !is_domain_xml (dirfd, name))
        continue;
      if (found != NULL)
        return vmp_error_set (error, VMPORT_ERROR_AMBIGUOUS,
                              _ ("“%s” holds two domain configurations, “%s” and “%s”; leave one"),
                              directory, found, name);
      found = name;
    }
  if (found == NULL)
    return vmp_error_set (error, VMPORT_ERROR_NOT_FOUND,
                          _ ("“%s” holds neither a package (vmport.xml) nor a libvirt domain "
                             "configuration (*.xml)"),
                          directory);
  domain = read_domain (dirfd, found, &unsafe, NULL, error);
  if (domain == NULL)
    return FALSE;
  if (vmp_domain_get_uuid (domain) == NULL)
    {
      g_autofree char *uuid = g_uuid_string_random ();

      vmp_domain_set_uuid (domain, uuid);
    }
  valid = g_strv_builder_end (builder);
  g_variant_dict_insert (report, "Bare", "b", TRUE);
  g_variant_dict_insert_value (report, "Domain",
                               g_variant_new_variant (vmp_domain_to_variant (domain)));
  g_variant_dict_insert_value (report, "Unsafe", vmp_unsafe_list_to_variant (unsafe));
  g_variant_dict_insert (report, "Names", "^as", valid);
  add_folders (dirfd, report);
  return TRUE;
}

/* The report of OpenPackage; see org.vmport.Worker.xml. @directory: NULL where it came as a
 * descriptor. @whole: also look for what the descriptor does not list. */
GVariant *
vmp_package_reader_read (int dirfd, const char *directory, gboolean whole, GError **error)
{
  g_autofree char *path = NULL;
  GVariantDict report;
  gboolean read;

  g_variant_dict_init (&report, NULL);
  if (vmp_at_exists (dirfd, VMP_PACKAGE_DESCRIPTOR))
    read = read_package (dirfd, whole, &report, error);
  else
    read = read_bare (dirfd, directory != NULL ? directory : OPEN_DIRECTORY, &report, error);
  if (!read)
    {
      g_variant_dict_clear (&report);
      return NULL;
    }
  if (directory == NULL)
    path = vmp_at_find_path (dirfd);
  if (path != NULL)
    g_variant_dict_insert (&report, "Path", "s", path);
  return g_variant_dict_end (&report);
}
