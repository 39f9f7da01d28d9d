/* Verify: reads a whole package and holds it against its descriptor, without importing it. */
#include "config.h"

#include "vmp-verify.h"

#include <glib/gi18n-lib.h>
#include <inttypes.h>

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
  return vmp_package_check_configuration (self->package, verity, error);
}

static gboolean
check_reading (Verify *self, VmpPackageFile *file, guint source, GError **error)
{
  g_autoptr (GError) local_error = NULL;
  guint64 size = 0;

  if (!vmp_source_list_check (self->sources, source, &local_error))
    {
      if (g_error_matches (local_error, VMPORT_ERROR, VMPORT_ERROR_NOT_FOUND))
        return vmp_error_set (error, VMPORT_ERROR_CORRUPT,
                              _ ("“%s” is missing from the package"), file->name);
      g_propagate_error (error, g_steal_pointer (&local_error));
      return FALSE;
    }
  g_variant_lookup (vmp_source_list_get_reading (self->sources, source), "Size", "t", &size);
  if (size != file->size)
    return vmp_error_set (error, VMPORT_ERROR_CORRUPT,
                          _ ("“%s” has %" PRIu64 " bytes; the package states %" PRIu64),
                          file->name, size, file->size);
  self->bytes += vmp_source_list_get_payload (self->sources, source);
  return TRUE;
}

static gboolean
check_files (Verify *self, GError **error)
{
  GPtrArray *files = vmp_package_get_files (self->package);

  self->sources = vmp_source_list_new ();
  for (guint i = 0; i < files->len; i++)
    vmp_source_list_add_member (self->sources,
                                ((VmpPackageFile *) g_ptr_array_index (files, i))->name, NULL);
  if (!vmp_source_list_send (self->sources, self->worker, error))
    return FALSE;
  for (guint i = 0; i < files->len; i++)
    if (!check_reading (self, g_ptr_array_index (files, i), i, error))
      return FALSE;
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
