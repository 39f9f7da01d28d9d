/* Verify: reads a whole package and holds it against its descriptor, without importing it. */
#include "config.h"

#include "vmp-verify.h"

#include <glib/gi18n-lib.h>
#include <inttypes.h>
#include <string.h>

#include "vmp-error.h"
#include "vmp-finding.h"
#include "vmp-package.h"
#include "vmp-source-list.h"

typedef struct
{
  VmpRun *run;
  VmpWorkerHost *worker;
  VmpPackage *package;
  VmpSourceList *sources;
  GPtrArray *findings;
  guint64 bytes;
} Verify;

static void
verify_clear (Verify *self)
{
  if (self->worker != NULL)
    {
      vmp_run_unfollow (self->run);
      vmp_worker_host_stop (self->worker);
    }
  g_clear_object (&self->worker);
  g_clear_object (&self->package);
  g_clear_pointer (&self->sources, vmp_source_list_free);
  g_clear_pointer (&self->findings, g_ptr_array_unref);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Verify, verify_clear)

/* The worker has read the documents: each is of the snapshot that the descriptor says. */
static gboolean
check_snapshots (Verify *self, GVariant *report, GError **error)
{
  g_autoptr (GVariant) documents = g_variant_lookup_value (report, "Snapshots",
                                                           G_VARIANT_TYPE ("a(va(ssb)s)"));
  GPtrArray *listed = vmp_package_get_snapshots (self->package);

  if ((documents != NULL ? g_variant_n_children (documents) : 0) != listed->len)
    return vmp_error_set (error, VMPORT_ERROR_FAILED, "The worker's report lacks snapshots");
  for (guint i = 0; i < listed->len; i++)
    {
      VmpPackageSnapshot *snapshot = g_ptr_array_index (listed, i);
      const char *verity;

      g_variant_get_child (documents, i, "(v@a(ssb)&s)", NULL, NULL, &verity);
      if (!vmp_package_check_document (vmp_package_find_file (self->package, snapshot->file),
                                       verity, error))
        return FALSE;
    }
  return TRUE;
}

static gboolean
check_report (Verify *self, GVariant *report, const char *directory, GError **error)
{
  g_autoptr (GVariant) package = NULL;
  const char *verity = NULL, *unlisted;

  if (!g_variant_lookup (report, "Package", "v", &package))
    return vmp_error_set (error, VMPORT_ERROR_NOT_FOUND,
                          _ ("“%s” holds no package (vmport.xml); only a package has digests to "
                             "verify"),
                          directory);
  self->package = vmp_package_new_from_variant (package, error);
  if (self->package == NULL)
    return FALSE;
  if (g_variant_lookup (report, "Unlisted", "&s", &unlisted))
    return vmp_error_set (error, VMPORT_ERROR_CORRUPT,
                          _ ("“%s” lies in the package, and the descriptor does not list it"),
                          unlisted);
  g_variant_lookup (report, "ConfigurationVerity", "&s", &verity);
  return vmp_package_check_document (vmp_package_find_role (self->package,
                                                            VMP_ROLE_CONFIGURATION),
                                     verity, error)
         && check_snapshots (self, report, error);
}

/* What the descriptor says of an image's chain: its format, and the member beneath it. */
typedef struct
{
  const char *format;
  const char *below;
} Link;

/* By the member's name; one that chains share has the same beneath it in all of them. */
static gboolean
link_images (GHashTable *links, GPtrArray *disks, GError **error)
{
  for (guint i = 0; i < disks->len; i++)
    {
      GPtrArray *images = ((VmpPackageDisk *) g_ptr_array_index (disks, i))->images;

      for (guint n = 0; n < images->len; n++)
        {
          VmpPackageImage *image = g_ptr_array_index (images, n);
          VmpPackageImage *below = n + 1 < images->len ? g_ptr_array_index (images, n + 1) : NULL;
          Link *known = image->file != NULL ? g_hash_table_lookup (links, image->file) : NULL;
          Link link = { image->format, below != NULL ? below->file : NULL };

          if (image->file == NULL || (below != NULL && below->file == NULL))
            continue;
          if (known == NULL)
            g_hash_table_insert (links, image->file, g_memdup2 (&link, sizeof link));
          else if (strcmp (known->format, link.format) != 0
                   || g_strcmp0 (known->below, link.below) != 0)
            return vmp_error_set (error, VMPORT_ERROR_CORRUPT,
                                  _ ("“%s” stands in two backing chains that contradict each other"),
                                  image->file);
        }
    }
  return TRUE;
}

static gboolean
check_size (Verify *self, VmpPackageFile *file, guint source, GError **error)
{
  guint64 size;

  if (!g_variant_lookup (vmp_source_list_get_reading (self->sources, source), "Size", "t", &size)
      || size == file->size)
    return TRUE;
  return vmp_error_set (error, VMPORT_ERROR_CORRUPT,
                        _ ("“%s” has %" PRIu64 " bytes; the package states %" PRIu64), file->name,
                        size, file->size);
}

static gboolean
check_chain (Verify *self, VmpPackageFile *file, guint source, const Link *link, GError **error)
{
  const char *backing = NULL;

  g_variant_lookup (vmp_source_list_get_reading (self->sources, source), "BackingFile", "&s",
                    &backing);
  if (backing == NULL ? link->below == NULL
                      : link->below != NULL
                            && vmp_package_names_member (file->name, backing, link->below))
    return TRUE;
  return vmp_error_set (error, VMPORT_ERROR_CORRUPT,
                        _ ("“%s” names “%s” as its backing file; “%s” is expected"), file->name,
                        backing != NULL ? backing : _ ("none"),
                        link->below != NULL ? link->below : _ ("none"));
}

static gboolean
check_reading (Verify *self, VmpPackageFile *file, guint source, const Link *link, GError **error)
{
  g_autoptr (GError) local_error = NULL;

  if (!check_size (self, file, source, error))
    return FALSE;
  if (!vmp_source_list_check (self->sources, source, &local_error))
    {
      if (g_error_matches (local_error, VMPORT_ERROR, VMPORT_ERROR_NOT_FOUND))
        return vmp_error_set (error, VMPORT_ERROR_CORRUPT,
                              _ ("“%s” is missing from the package"), file->name);
      g_propagate_error (error, g_steal_pointer (&local_error));
      return FALSE;
    }
  if (link != NULL && !check_chain (self, file, source, link, error))
    return FALSE;
  self->bytes += vmp_source_list_get_payload (self->sources, source);
  return TRUE;
}

static gboolean
check_files (Verify *self, GError **error)
{
  g_autoptr (GHashTable) links = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, g_free);
  GPtrArray *files = vmp_package_get_files (self->package);
  GPtrArray *snapshots = vmp_package_get_snapshots (self->package);

  if (!link_images (links, vmp_package_get_disks (self->package), error))
    return FALSE;
  for (guint i = 0; i < snapshots->len; i++)
    if (!link_images (links, ((VmpPackageSnapshot *) g_ptr_array_index (snapshots, i))->disks,
                      error))
      return FALSE;
  self->sources = vmp_source_list_new ();
  for (guint i = 0; i < files->len; i++)
    {
      const char *name = ((VmpPackageFile *) g_ptr_array_index (files, i))->name;
      const Link *link = g_hash_table_lookup (links, name);

      vmp_source_list_add_member (self->sources, name, link != NULL ? link->format : NULL);
    }
  if (!vmp_source_list_send (self->sources, self->worker, error))
    return FALSE;
  for (guint i = 0; i < files->len; i++)
    {
      VmpPackageFile *file = g_ptr_array_index (files, i);

      if (!check_reading (self, file, i, g_hash_table_lookup (links, file->name), error))
        return FALSE;
    }
  vmp_job_post_total (vmp_run_get_job (self->run), self->bytes);
  return TRUE;
}

static gboolean
read_all (Verify *self, GError **error)
{
  GPtrArray *files = vmp_package_get_files (self->package);
  g_autoptr (GVariant) reply = NULL;
  GVariantBuilder items;
  gboolean missing = FALSE;

  g_variant_builder_init (&items, G_VARIANT_TYPE ("a(ua{sv})"));
  for (guint i = 0; i < files->len; i++)
    {
      VmpPackageFile *file = g_ptr_array_index (files, i);
      GVariantDict options;

      g_variant_dict_init (&options, NULL);
      g_variant_dict_insert (&options, "Name", "s", file->name);
      if (file->verity != NULL)
        g_variant_dict_insert (&options, "Verity", "s", file->verity);
      if (file->locator != NULL)
        g_variant_dict_insert (&options, "Locator", "s", file->locator);
      if (file->sha256 != NULL)
        g_variant_dict_insert (&options, "Sha256", "s", file->sha256);
      missing = missing || (file->verity == NULL && file->sha256 == NULL);
      g_variant_builder_add (&items, "(u@a{sv})", i, g_variant_dict_end (&options));
    }
  if (missing)
    g_ptr_array_add (self->findings,
                     vmp_finding_new (VMP_FINDING_CHECKSUM_MISSING, "", -1,
                                      _ ("There are no digests of some files, so whether they are "
                                         "whole cannot be checked")));
  reply = vmp_worker_host_call (self->worker, "Copy", g_variant_new ("(a(ua{sv}))", &items),
                                "(a(ua{sv}))", NULL, NULL, error);
  return reply != NULL;
}

GVariant *
vmp_verify_work (VmpRun *run, gpointer folder, GError **error)
{
  g_auto (Verify) self = { .run = run };
  g_autoptr (GVariant) report = NULL;
  GVariantDict options, result;

  g_autoptr (VmpPlaces) places = vmp_places_new ();

  g_variant_dict_init (&options, NULL);
  g_variant_dict_insert (&options, "Whole", "b", TRUE);
  self.findings = vmp_findings_new ();
  vmp_folder_add_to (folder, places, "", VMP_PLACE_READ);
  self.worker = vmp_run_start_worker (run, places, error);
  if (self.worker == NULL)
    {
      g_variant_dict_clear (&options);
      return NULL;
    }
  vmp_run_follow (run, self.worker);
  report = vmp_folder_call_worker (folder, self.worker, "OpenPackage", &options, error);
  if (report == NULL || !check_report (&self, report, vmp_folder_get_label (folder), error)
      || !check_files (&self, error) || !read_all (&self, error))
    return NULL;
  vmp_run_set_detail (run, "Findings", vmp_findings_to_variant (self.findings));
  g_variant_dict_init (&result, NULL);
  g_variant_dict_insert (&result, "Files", "u", vmp_package_get_files (self.package)->len);
  g_variant_dict_insert (&result, "BytesRead", "t", self.bytes);
  g_variant_dict_insert_value (&result, "Warnings",
                               vmp_findings_warnings_to_variant (self.findings));
  return g_variant_dict_end (&result);
}
