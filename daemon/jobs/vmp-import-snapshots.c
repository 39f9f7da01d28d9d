/* The snapshots that come along with a machine: what an import reads of them, and how it fits them to
 * the machine that it makes. */
#include "config.h"

#include "vmp-import-snapshots.h"

#include <glib/gi18n-lib.h>
#include <string.h>

#include "vmp-error.h"
#include "vmp-import-plan-private.h"
#include "vmp-name.h"

static void
chain_free (gpointer data)
{
  VmpImportChain *chain = data;

  g_free (chain->target);
  g_ptr_array_unref (chain->images);
  g_free (chain);
}

void
vmp_import_snapshot_free (VmpImportSnapshot *self)
{
  g_clear_object (&self->model);
  g_clear_pointer (&self->unsafe, g_variant_unref);
  g_free (self->verity);
  g_ptr_array_unref (self->chains);
  g_clear_object (&self->memory_domain);
  g_free (self->memory_cookie);
  g_free (self->folder);
  g_hash_table_unref (self->taken);
  g_free (self);
}

/* One file has one key, in whichever chain it stands: its name in the package, or where it lay. */
static char *
key_of (const char *member, const char *path)
{
  return member != NULL ? g_strconcat ("member:", member, NULL) : g_strconcat ("path:", path, NULL);
}

static GHashTable *
list_known_images (VmpImportPlan *self)
{
  GHashTable *known = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  g_autoptr (GPtrArray) files = vmp_import_plan_list_files (self);

  for (guint i = 0; i < files->len; i++)
    {
      VmpImportFile *file = g_ptr_array_index (files, i);

      if (file->format != NULL)
        g_hash_table_insert (known, key_of (file->member, file->path), file);
    }
  return known;
}

static gboolean
has_made (VmpSnapshot *snapshot, const char *path)
{
  for (guint i = 0; i < vmp_snapshot_get_n_disks (snapshot); i++)
    if (g_strcmp0 (vmp_snapshot_get_disk_path (snapshot, i), path) == 0)
      return TRUE;
  return FALSE;
}

/* The snapshot in whose folder a file lies, or would: the one that made it, or else the first that
 * needs it. */
static VmpImportSnapshot *
find_home (VmpImportPlan *self, VmpImportSnapshot *first, const char *path, const char *member)
{
  GPtrArray *listed = vmp_package_get_snapshots (self->package);
  VmpImportSnapshot *home = first;

  for (guint i = 0; i < listed->len; i++)
    {
      const char *document = ((VmpPackageSnapshot *) g_ptr_array_index (listed, i))->file;
      VmpImportSnapshot *snapshot = g_ptr_array_index (self->snapshots, i);
      gsize stem = strlen (document) - strlen (".xml");

      if (member != NULL
              ? g_str_has_suffix (document, ".xml") && strncmp (member, document, stem) == 0
                    && member[stem] == '/'
              : has_made (snapshot->model, path))
        home = snapshot;
    }
  return home;
}

/* A file that no disk of the machine needs. */
static VmpImportFile *
add_file (VmpImportPlan *self, VmpImportSnapshot *snapshot, VmpRole role, const char *path,
          const char *format, const char *target, const char *member)
{
  VmpImportFile *file = vmp_import_file_new (role, path, format);
  VmpImportSnapshot *home = find_home (self, snapshot, path, member);
  g_autofree char *base = NULL;

  if (format != NULL)
    base = vmp_package_name_image (member != NULL ? member : path, format, home->taken);
  else
    base = vmp_name_make_unique ("memory.save", home->taken);
  file->base = g_build_filename (home->folder, base, NULL);
  file->target = g_strdup (target);
  file->save_image = role == VMP_ROLE_SNAPSHOT_MEMORY && self->state_formats != NULL;
  if (member != NULL)
    vmp_import_plan_take_member (self, file, member);
  g_ptr_array_add (self->snapshot_files, file);
  return file;
}

static gboolean
set_contradiction (VmpImportSnapshot *snapshot, const char *target, GError **error)
{
  return vmp_error_set (error, VMPORT_ERROR_CORRUPT,
                        _ ("The snapshot “%s” has another backing chain for the disk “%s” than the "
                           "machine or another snapshot has for the same images"),
                        vmp_snapshot_get_name (snapshot->model), target);
}

/* What stands in two chains has the same format in both, and the same beneath it. */
static gboolean
add_chain (VmpImportPlan *self, VmpImportSnapshot *snapshot, VmpPackageDisk *listed,
           GHashTable *known, GError **error)
{
  VmpImportChain *chain = g_new0 (VmpImportChain, 1);
  VmpImportFile *above = NULL;
  gboolean above_is_new = FALSE;

  chain->target = g_strdup (listed->target);
  chain->images = g_ptr_array_new ();
  g_ptr_array_add (snapshot->chains, chain);
  for (guint i = 0; i < listed->images->len; i++)
    {
      VmpPackageImage *image = g_ptr_array_index (listed->images, i);
      g_autofree char *key = key_of (image->file, image->path);
      VmpImportFile *file = g_hash_table_lookup (known, key);
      gboolean is_new = file == NULL;

      if (is_new)
        {
          file = add_file (self, snapshot, VMP_ROLE_SNAPSHOT_DISK, image->path, image->format,
                           listed->target, image->file);
          g_hash_table_insert (known, g_steal_pointer (&key), file);
        }
      if (strcmp (file->format, image->format) != 0 || g_ptr_array_find (chain->images, file, NULL)
          || (above != NULL && !above_is_new && above->below != file))
        return set_contradiction (snapshot, listed->target, error);
      if (above_is_new)
        above->below = file;
      g_ptr_array_add (chain->images, file);
      above = file;
      above_is_new = is_new;
    }
  return above_is_new || above->below == NULL
         || set_contradiction (snapshot, listed->target, error);
}

/* NULL where the snapshot's configuration has no such disk in a file. */
VmpImportChain *
vmp_import_snapshot_find_chain (VmpImportSnapshot *self, const char *target)
{
  for (guint i = 0; i < self->chains->len; i++)
    {
      VmpImportChain *chain = g_ptr_array_index (self->chains, i);

      if (strcmp (chain->target, target) == 0)
        return chain;
    }
  return NULL;
}

static VmpPackageDisk *
find_listed (VmpPackageSnapshot *listed, const char *target)
{
  for (guint i = 0; i < listed->disks->len; i++)
    {
      VmpPackageDisk *disk = g_ptr_array_index (listed->disks, i);

      if (strcmp (disk->target, target) == 0)
        return disk;
    }
  return NULL;
}

static gboolean
has_chain (VmpPackageDisk *listed, VmpDomain *domain, guint disk)
{
  if (listed == NULL || listed->images->len != vmp_domain_get_n_images (domain, disk))
    return FALSE;
  for (guint i = 0; i < listed->images->len; i++)
    if (g_strcmp0 (((VmpPackageImage *) g_ptr_array_index (listed->images, i))->path,
                   vmp_domain_get_image_path (domain, disk, i))
        != 0)
      return FALSE;
  return TRUE;
}

/* The descriptor says of each disk that is a file where its images are. */
static gboolean
check_agreement (VmpPackageSnapshot *listed, VmpDomain *domain, GError **error)
{
  for (guint i = 0; domain != NULL && i < vmp_domain_get_n_disks (domain); i++)
    {
      const char *target = vmp_domain_get_disk_target (domain, i);

      if (vmp_domain_get_disk_device (domain, i) == VMP_DISK_DEVICE_DISK
          && vmp_domain_get_n_images (domain, i) > 0
          && !has_chain (find_listed (listed, target), domain, i))
        return vmp_error_set (error, VMPORT_ERROR_CORRUPT,
                              _ ("The package's descriptor and the snapshot “%s” do not agree on the "
                                 "images of the disk “%s”"),
                              listed->name, target);
    }
  return TRUE;
}

static gboolean
add_memory (VmpImportPlan *self, VmpImportSnapshot *snapshot, VmpPackageSnapshot *listed,
            GError **error)
{
  gboolean external = vmp_snapshot_get_memory (snapshot->model) == VMP_SNAPSHOT_EXTERNAL;

  if (external != (listed->memory_path != NULL))
    return vmp_error_set (error, VMPORT_ERROR_CORRUPT,
                          _ ("The package's descriptor and the snapshot “%s” do not agree on its "
                             "memory"),
                          listed->name);
  if (external)
    snapshot->memory = add_file (self, snapshot, VMP_ROLE_SNAPSHOT_MEMORY, listed->memory_path,
                                 NULL, NULL, listed->memory_file);
  return TRUE;
}

static gboolean
add_files (VmpImportPlan *self, VmpImportSnapshot *snapshot, VmpPackageSnapshot *listed,
           GHashTable *known, GError **error)
{
  for (guint i = 0; i < listed->disks->len; i++)
    if (!add_chain (self, snapshot, g_ptr_array_index (listed->disks, i), known, error))
      return FALSE;
  return check_agreement (listed, vmp_snapshot_get_domain (snapshot->model), error)
         && check_agreement (listed, vmp_snapshot_get_inactive_domain (snapshot->model), error)
         && add_memory (self, snapshot, listed, error);
}

/* The report is a worker's: each document is checked again by the model. */
static gboolean
take_document (VmpImportPlan *self, VmpPackageSnapshot *listed, GVariant *report,
               GHashTable *folders, GError **error)
{
  VmpImportSnapshot *snapshot = g_new0 (VmpImportSnapshot, 1);
  g_autoptr (GVariant) document = NULL;

  snapshot->chains = g_ptr_array_new_with_free_func (chain_free);
  snapshot->taken = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  snapshot->folder = vmp_package_name_snapshot (listed->name, folders);
  g_ptr_array_add (self->snapshots, snapshot);
  snapshot->document = vmp_package_find_file (self->package, listed->file);
  g_variant_get (report, "(v@a(ssb)s)", &document, &snapshot->unsafe, &snapshot->verity);
  snapshot->model = vmp_snapshot_new_from_variant (document, error);
  if (snapshot->model == NULL)
    return FALSE;
  if (strcmp (vmp_snapshot_get_name (snapshot->model), listed->name) != 0)
    return vmp_error_set (error, VMPORT_ERROR_CORRUPT, _ ("“%s” is not the snapshot “%s”"),
                          listed->file, listed->name);
  return TRUE;
}

static gboolean
take_documents (VmpImportPlan *self, GVariant *report, GError **error)
{
  GPtrArray *listed = vmp_package_get_snapshots (self->package);
  g_autoptr (GHashTable) folders = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  g_autoptr (GPtrArray) models = g_ptr_array_new ();
  g_autoptr (GPtrArray) sorted = NULL;
  g_autoptr (GVariant) documents = g_variant_lookup_value (report, "Snapshots",
                                                           G_VARIANT_TYPE ("a(va(ssb)s)"));

  if ((documents != NULL ? g_variant_n_children (documents) : 0) != listed->len)
    return vmp_error_set (error, VMPORT_ERROR_FAILED, "The worker's report lacks snapshots");
  for (guint i = 0; i < listed->len; i++)
    {
      g_autoptr (GVariant) document = g_variant_get_child_value (documents, i);

      if (!take_document (self, g_ptr_array_index (listed, i), document, folders, error))
        return FALSE;
      g_ptr_array_add (models,
                       ((VmpImportSnapshot *) g_ptr_array_index (self->snapshots, i))->model);
    }
  sorted = vmp_snapshot_list_sort (models, error);
  if (sorted == NULL)
    return FALSE;
  for (guint i = 0; i < listed->len; i++)
    if (g_ptr_array_index (sorted, i) != g_ptr_array_index (models, i))
      return vmp_error_set (error, VMPORT_ERROR_CORRUPT,
                            _ ("The package's descriptor lists a snapshot before the one that it "
                               "came after"));
  return TRUE;
}

/* After the machine's own files are known. */
gboolean
vmp_import_plan_read_snapshots (VmpImportPlan *self, GVariant *report, GError **error)
{
  GPtrArray *listed = self->package != NULL ? vmp_package_get_snapshots (self->package) : NULL;
  g_autoptr (GHashTable) known = NULL;

  if (listed == NULL || listed->len == 0)
    return TRUE;
  if (!take_documents (self, report, error))
    return FALSE;
  known = list_known_images (self);
  for (guint i = 0; i < listed->len; i++)
    if (!add_files (self, g_ptr_array_index (self->snapshots, i), g_ptr_array_index (listed, i),
                    known, error))
      return FALSE;
  return TRUE;
}

/* Each document is what the package says that it holds. @missing gets TRUE where it does not say. */
gboolean
vmp_import_plan_check_snapshot_digests (VmpImportPlan *self, gboolean *missing, GError **error)
{
  for (guint i = 0; i < self->snapshots->len; i++)
    {
      VmpImportSnapshot *snapshot = g_ptr_array_index (self->snapshots, i);

      *missing = *missing || snapshot->document->verity == NULL;
      if (!vmp_package_check_document (snapshot->document, snapshot->verity, error))
        return FALSE;
    }
  for (guint i = 0; i < self->snapshot_files->len; i++)
    {
      VmpImportFile *file = g_ptr_array_index (self->snapshot_files, i);

      *missing = *missing || (file->verity == NULL && file->sha256 == NULL);
    }
  return TRUE;
}

static void
report_unsafe (VmpImportPlan *self, VmpImportSnapshot *snapshot, const char *location,
               const char *reason)
{
  g_autofree char *where = vmp_name_clean (location, 200);
  g_autofree char *why = vmp_name_clean (reason, 500);

  vmp_import_plan_add_finding (
      self,
      vmp_finding_new (VMP_FINDING_UNSAFE_DEVICE, "UnsafeDevices", -1,
                       _ ("In the snapshot “%s”, %s: %s"), vmp_snapshot_get_name (snapshot->model),
                       where, why),
      vmp_import_resolve_with ("UnsafeDevices", g_variant_new_string ("strip")));
}

/* A file that the snapshot's configuration names and that is not the machine's own is one of this
 * host, to which its author has no claim. UEFI variables are the machine's own in any snapshot. */
static void
check_files (VmpImportPlan *self, VmpImportSnapshot *snapshot, VmpDomain *domain,
             const char *policy)
{
  for (guint i = 0; domain != NULL && i < VMP_DOMAIN_N_FILES; i++)
    {
      const char *path = vmp_domain_get_file (domain, i);
      VmpImportFile *own = self->files[i];

      if (path == NULL || (own != NULL && strcmp (own->path, path) == 0))
        continue;
      if (i != VMP_DOMAIN_FILE_NVRAM && strcmp (policy, "refuse") == 0)
        report_unsafe (self, snapshot, path,
                       _ ("it is not a file of the directory, but one of this host"));
      if (i == VMP_DOMAIN_FILE_NVRAM || strcmp (policy, "keep") != 0)
        vmp_domain_set_file (domain, i, NULL);
    }
}

/* A configuration that a snapshot brings is as foreign as the machine's. */
void
vmp_import_plan_check_snapshot_devices (VmpImportPlan *self, const char *policy)
{
  for (guint i = 0; i < self->snapshots->len; i++)
    {
      VmpImportSnapshot *snapshot = g_ptr_array_index (self->snapshots, i);
      GVariantIter iter;
      const char *location, *reason;

      g_variant_iter_init (&iter, snapshot->unsafe);
      while (strcmp (policy, "refuse") == 0
             && g_variant_iter_next (&iter, "(&s&sb)", &location, &reason, NULL))
        report_unsafe (self, snapshot, location, reason);
      check_files (self, snapshot, vmp_snapshot_get_domain (snapshot->model), policy);
      check_files (self, snapshot, vmp_snapshot_get_inactive_domain (snapshot->model), policy);
      if (strcmp (policy, "keep") != 0)
        vmp_snapshot_strip_unsafe (snapshot->model);
    }
}
