/* The record of security scopes, of any kind: it is refused, or a change and its opposite leave it as
 * it was. */
#include <gio/gio.h>

#include "fuzz.h"
#include "vmp-scopes.h"

#define UUID "6f1c9a3e-5b0d-4c7e-8a52-00000000abcd"

static char *folder;
static char *file;

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  static const char *const defined[] = { "Finance", NULL };
  g_autoptr (VmpScopes) scopes = NULL;
  g_autoptr (VmpScopes) again = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *before = NULL;
  g_autofree char *after = NULL;

  if (folder == NULL)
    {
      folder = g_dir_make_tmp ("vmport-fuzz-XXXXXX", &error);
      g_assert_no_error (error);
      file = g_build_filename (folder, "scopes", NULL);
    }
  g_assert_true (g_file_set_contents_full (file, (const char *) data, (gssize) size,
                                           G_FILE_SET_CONTENTS_NONE, 0600, NULL));
  scopes = vmp_scopes_open (folder, defined, &error);
  g_assert_true ((scopes == NULL) == (error != NULL));
  if (scopes == NULL)
    return 0;
  before = vmp_scopes_lookup (scopes, "store", UUID);
  g_assert_true (vmp_scopes_set (scopes, "store", UUID, "Finance", VMP_SCOPES_NO_JOB, NULL));
  again = vmp_scopes_open (folder, defined, &error);
  g_assert_no_error (error);
  after = vmp_scopes_lookup (again, "store", UUID);
  g_assert_cmpstr (after, ==, "Finance");
  return 0;
}
