/* Records of jobs as a daemon finds them when it starts: what is taken can be shown, written again, and
 * says the same then; the undo list is looked at, and not followed. */
#include <gio/gio.h>
#include <unistd.h>

#include "fuzz.h"
#include "vmp-folder.h"
#include "vmp-identity.h"
#include "vmp-job.h"
#include "vmp-records.h"
#include "vmp-run.h"

static VmpRecords *records;
static char *file;

static void
set_up (void)
{
  g_autoptr (GError) error = NULL;
  char *folder = g_dir_make_tmp ("vmport-fuzz-XXXXXX", &error);

  g_assert_no_error (error);
  records = vmp_records_open (folder, &error);
  g_assert_no_error (error);
  file = g_build_filename (folder, "jobs", "1", NULL);
  g_free (folder);
}

static void
check_undo (VmpJob *job, GVariant *record)
{
  static const VmpWorkerConfig config = { .timeout_seconds = 1 };
  g_autoptr (GVariant) undo = g_variant_lookup_value (record, "Undo", G_VARIANT_TYPE ("aa{sv}"));
  g_autoptr (VmpIdentity) identity = vmp_identity_new (getuid (), FALSE, NULL);
  g_autoptr (VmpFolder) folder = vmp_folder_new ("/somewhere");
  g_autoptr (VmpRun) run = NULL;
  g_autoptr (VmpRun) other = NULL;
  g_autoptr (GVariant) again = NULL;

  if (undo == NULL)
    return;
  run = vmp_run_new (job, NULL, identity, records, &config);
  other = vmp_run_new (job, NULL, identity, records, &config);
  vmp_run_set_undo_list (run, undo);
  vmp_run_set_folder (other, folder);
  vmp_run_has_undo (run);
  vmp_run_left_something_for (run, other);
  again = g_variant_ref_sink (vmp_run_get_undo_list (run));
  g_assert_cmpuint (g_variant_n_children (again), ==, g_variant_n_children (undo));
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autoptr (GVariant) record = NULL;
  g_autoptr (GVariant) written = NULL;
  g_autoptr (GVariant) rewritten = NULL;
  g_autoptr (GVariant) described = NULL;
  g_autoptr (VmpJob) job = NULL;
  g_autoptr (VmpJob) again = NULL;

  if (records == NULL)
    set_up ();
  g_assert_true (g_file_set_contents_full (file, (const char *) data, (gssize) size,
                                           G_FILE_SET_CONTENTS_NONE, 0600, NULL));
  record = vmp_records_read (records, 1, NULL);
  job = record != NULL ? vmp_job_new_from_record (1, record, NULL) : NULL;
  if (job == NULL)
    return 0;
  written = vmp_job_to_record (job);
  again = vmp_job_new_from_record (1, written, NULL);
  g_assert_nonnull (again);
  rewritten = vmp_job_to_record (again);
  g_assert_true (vmp_job_is_ended (job));
  g_assert_true (g_variant_equal (written, rewritten));
  described = g_variant_ref_sink (vmp_job_describe (job));
  check_undo (job, record);
  return 0;
}
