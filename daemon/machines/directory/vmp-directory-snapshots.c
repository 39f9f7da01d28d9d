/* The snapshots of a machine in the store.
 *
 *   Snapshots/<name>.xml    each one's document, with absolute paths
 *   Snapshots/<name>/       images and memory that only snapshots use
 *
 * What a snapshot is called stands in its document; the name of the file only resembles it. */
#include "config.h"

#include "vmp-directory-snapshots.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gi18n-lib.h>
#include <string.h>

#include "vmp-at.h"
#include "vmp-error.h"
#include "vmp-fd.h"
#include "vmp-name.h"
#include "vmp-package.h"

#define DOCUMENT_ENDING ".xml"

/* Documents, folders, and images that an administrator put beside them. */
#define MAX_ENTRIES (VMP_SNAPSHOTS_MAX + VMP_PACKAGE_MAX_FILES)

/* Is the entry a document? A snapshot may bear any name, and its folder with it. */
static gboolean
is_document (int folderfd, const char *name)
{
  struct stat st;

  return g_str_has_suffix (name, DOCUMENT_ENDING)
         && (fstatat (folderfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISDIR (st.st_mode));
}

static VmpSnapshot *
read_document (int folderfd, const char *name, const char *uuid, GError **error)
{
  g_autoptr (GBytes) content = vmp_at_read (folderfd, name, VMP_SNAPSHOT_MAX_BYTES, error);
  g_autoptr (VmpSnapshot) snapshot = NULL;
  const char *xml;
  gsize size;

  if (content == NULL)
    return NULL;
  xml = g_bytes_get_data (content, &size);
  snapshot = vmp_snapshot_new_from_xml (xml, size, NULL, error);
  if (snapshot == NULL)
    return NULL;
  if (g_strcmp0 (vmp_domain_get_uuid (vmp_snapshot_get_domain (snapshot)), uuid) != 0)
    {
      vmp_error_set (error, VMPORT_ERROR_CORRUPT, _ ("it is a snapshot of another machine"));
      return NULL;
    }
  return g_steal_pointer (&snapshot);
}

static int
compare_snapshots (gconstpointer a, gconstpointer b)
{
  VmpSnapshot *first = *(VmpSnapshot *const *) a;
  VmpSnapshot *second = *(VmpSnapshot *const *) b;
  guint64 first_time = vmp_snapshot_get_creation_time (first);
  guint64 second_time = vmp_snapshot_get_creation_time (second);

  if (first_time != second_time)
    return first_time < second_time ? -1 : 1;
  return strcmp (vmp_snapshot_get_name (first), vmp_snapshot_get_name (second));
}

static GPtrArray *
read_documents (int folderfd, const char *uuid, GError **error)
{
  g_autoptr (GPtrArray) names = vmp_at_list (folderfd, ".", MAX_ENTRIES, error);
  g_autoptr (GPtrArray) snapshots = g_ptr_array_new_with_free_func (g_object_unref);

  for (guint i = 0; names != NULL && i < names->len; i++)
    {
      const char *name = g_ptr_array_index (names, i);
      g_autofree char *shown = NULL;
      VmpSnapshot *snapshot;

      if (!is_document (folderfd, name))
        continue;
      if (snapshots->len == VMP_SNAPSHOTS_MAX)
        {
          vmp_error_set (error, VMPORT_ERROR_CORRUPT,
                         _ ("There are more than %d snapshots, which is the limit"),
                         VMP_SNAPSHOTS_MAX);
          return NULL;
        }
      snapshot = read_document (folderfd, name, uuid, error);
      if (snapshot == NULL)
        {
          shown = vmp_name_clean (name, 255);
          g_prefix_error (error, "“%s”: ", shown);
          return NULL;
        }
      g_ptr_array_add (snapshots, snapshot);
    }
  return names != NULL ? g_steal_pointer (&snapshots) : NULL;
}

/* All of a machine's, of VmpSnapshot, for vmp_machine_new(): parents first, siblings in the order of
 * their creation. What the store would not have written is an error that names the file. */
GPtrArray *
vmp_directory_snapshots_read (int rootfd, const char *uuid, GError **error)
{
  g_autofree char *folder = g_build_filename (uuid, VMP_PACKAGE_SNAPSHOT_FOLDER, NULL);
  g_autoptr (GPtrArray) snapshots = NULL;
  GPtrArray *sorted = NULL;
  vmp_autofd int fd = -1;

  if (!vmp_at_exists (rootfd, folder))
    return g_ptr_array_new_with_free_func (g_object_unref);
  fd = vmp_at_open (rootfd, folder, O_RDONLY | O_DIRECTORY, 0, error);
  snapshots = fd >= 0 ? read_documents (fd, uuid, error) : NULL;
  if (snapshots != NULL)
    {
      g_ptr_array_sort (snapshots, compare_snapshots);
      sorted = vmp_snapshot_list_sort (snapshots, error);
    }
  if (sorted == NULL)
    g_prefix_error (error, "“%s”: ", folder);
  return sorted;
}

/* Removes the documents; the files that they name are none of its business. */
gboolean
vmp_directory_snapshots_remove (int rootfd, const char *uuid, GError **error)
{
  g_autofree char *folder = g_build_filename (uuid, VMP_PACKAGE_SNAPSHOT_FOLDER, NULL);
  g_autoptr (GPtrArray) names = NULL;
  vmp_autofd int fd = -1;

  if (!vmp_at_exists (rootfd, folder))
    return TRUE;
  fd = vmp_at_open (rootfd, folder, O_RDONLY | O_DIRECTORY, 0, error);
  if (fd < 0)
    return FALSE;
  names = vmp_at_list (fd, ".", G_MAXUINT, error);
  for (guint i = 0; names != NULL && i < names->len; i++)
    if (is_document (fd, g_ptr_array_index (names, i))
        && !vmp_at_unlink (fd, g_ptr_array_index (names, i), error))
      return FALSE;
  return names != NULL;
}

/* Writes the document of a snapshot into the place of the machine @uuid that is being made. @taken has
 * the names that others of it have, casefolded. */
gboolean
vmp_directory_snapshots_add (int placefd, const char *uuid, VmpSnapshot *snapshot,
                             GHashTable *taken, GError **error)
{
  const char *owner = vmp_domain_get_uuid (vmp_snapshot_get_domain (snapshot));
  char *xml = vmp_snapshot_to_xml (snapshot);
  g_autoptr (GBytes) content = g_bytes_new_take (xml, strlen (xml));
  g_autofree char *path = NULL;

  if (g_strcmp0 (owner, uuid) != 0)
    return vmp_error_set (error, VMPORT_ERROR_FAILED, "The snapshot “%s” is of the machine %s",
                          vmp_snapshot_get_name (snapshot), owner);
  do
    {
      g_autofree char *name = vmp_package_name_snapshot (vmp_snapshot_get_name (snapshot), taken);

      g_free (path);
      path = g_strconcat (VMP_PACKAGE_SNAPSHOT_FOLDER "/", name, DOCUMENT_ENDING, NULL);
    }
  while (vmp_at_exists (placefd, path)); /* a file of a snapshot's with just that name */
  return vmp_at_mkdir_parents (placefd, VMP_PACKAGE_SNAPSHOT_FOLDER, 0700, error)
         && vmp_at_write (placefd, path, content, 0600, error);
}
