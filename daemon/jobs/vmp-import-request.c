/* What an import was asked for, and the worker that may do that and no more. */
#include "config.h"

#include "vmp-import.h"

VmpImportRequest *
vmp_import_request_new (VmpFolder *folder, VmpSettings *settings)
{
  VmpImportRequest *request = g_new0 (VmpImportRequest, 1);

  request->folder = vmp_folder_ref (folder);
  request->settings = settings != NULL ? g_object_ref (settings) : NULL;
  return request;
}

void
vmp_import_request_free (VmpImportRequest *request)
{
  vmp_folder_unref (request->folder);
  g_clear_object (&request->settings);
  g_free (request);
}

/* A folder to copy into; a relative one lies beneath the directory that came open. */
static void
add_target (VmpPlaces *places, const char *folder, VmpPlaceAccess *directory_access)
{
  if (folder[0] == '/')
    vmp_places_add (places, folder, VMP_PLACE_MAKE);
  else if (folder[0] != '\0')
    *directory_access = VMP_PLACE_MAKE;
}

/* What the settings say of places; returns what is done with the directory itself. */
static VmpPlaceAccess
add_targets (VmpPlaces *places, VmpSettings *settings)
{
  static const char *const roots[] = { "TargetVmDataRoot", "TargetSnapshotDataRoot",
                                       "TargetVhdDataRoot" };
  const char *const *targets = vmp_settings_get_strv (settings, "TargetResourcePaths");
  VmpPlaceAccess access = vmp_settings_get_boolean (settings, "CreateCopy") ? VMP_PLACE_READ
                                                                             : VMP_PLACE_CHANGE;

  for (gsize i = 0; i < G_N_ELEMENTS (roots); i++)
    add_target (places, vmp_settings_get_string (settings, roots[i]), &access);
  for (gsize i = 0; targets != NULL && targets[i] != NULL; i++)
    {
      g_autofree char *folder = g_path_get_dirname (targets[i]);

      if (targets[i][0] != '\0')
        add_target (places, folder, &access);
    }
  return access;
}

/* Everything else that is read is opened by another worker, see vmp_source_list_send(). What stays
 * where it is has to be writable, for the machine's sake. */
VmpWorkerHost *
vmp_import_request_start_worker (VmpImportRequest *request, VmpRun *run, GError **error)
{
  g_autoptr (VmpPlaces) places = vmp_places_new ();
  VmpPlaceAccess access = request->settings != NULL ? add_targets (places, request->settings)
                                                    : VMP_PLACE_READ;

  vmp_folder_add_to (request->folder, places, "", access);
  return vmp_run_start_worker (run, places, error);
}
