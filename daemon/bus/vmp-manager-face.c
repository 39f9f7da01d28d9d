/* org.vmport.Manager: one place that holds virtual machines. */
#include "config.h"

#include <glib/gi18n-lib.h>
#include <string.h>

#include "vmp-error.h"
#include "vmp-export.h"
#include "vmp-import.h"
#include "vmp-machine-face.h"
#include "vmp-merge.h"
#include "vmp-name.h"
#include "vmp-request.h"
#include "vmp-verify.h"
#include "vmport-dbus.h"

#define INTERFACE "org.vmport.Manager"

/* The driver's, and what every manager can do on a host that has the programs. */
static char **
list_features (VmpMachines *machines)
{
  const char *const *features = vmp_machines_get_features (machines);
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();
  g_autofree char *program = vmp_merge_find_program (NULL);

  g_strv_builder_addv (builder, (const char **) features);
  if (program != NULL)
    g_strv_builder_add (builder, "convert");
  return g_strv_builder_end (builder);
}

static GVariant *
get_property (VmpRequest *request, const char *property)
{
  VmpMachines *machines = request->machines;
  g_auto (GStrv) list = NULL;
  GVariant *value = NULL;

  if (strcmp (property, "Id") == 0)
    value = g_variant_new_string (vmp_machines_get_id (machines));
  else if (strcmp (property, "Driver") == 0)
    value = g_variant_new_string (vmp_machines_get_driver (machines));
  else if (strcmp (property, "Uri") == 0)
    value = g_variant_new_string (vmp_machines_get_uri (machines));
  else if (strcmp (property, "Version") == 0)
    value = g_variant_new_string (vmp_machines_get_version (machines));
  else if (strcmp (property, "Available") == 0)
    value = g_variant_new_boolean (vmp_machines_is_available (machines));
  else if (strcmp (property, "Features") == 0)
    {
      list = list_features (machines);
      value = g_variant_new_strv ((const char *const *) list, -1);
    }
  else if (strcmp (property, "NetworkConnections") == 0)
    {
      list = vmp_machines_list_networks (machines);
      value = g_variant_new_strv ((const char *const *) list, -1);
    }
  else if (strcmp (property, "StorageRoots") == 0)
    {
      list = vmp_machines_list_roots (machines);
      value = g_variant_new_strv ((const char *const *) list, -1);
    }
  else if (strcmp (property, "JobRetentionUSec") == 0)
    value = g_variant_new_uint64 (
        (guint64) vmp_jobs_get_config (vmp_bus_get_jobs (request->bus))->retention_usec);
  g_return_val_if_fail (value != NULL, NULL);
  return g_variant_ref_sink (value);
}

static void
serve_properties (VmpRequest *request)
{
  vmp_bus_return_properties (request, vmport_dbus_manager_interface_info (), get_property);
}

/* Asks whether the caller may view @machines, scope by scope. */
static void
check_machines (VmpRequest *request, GPtrArray *machines, VmpScopesFunc func)
{
  g_autoptr (GHashTable) seen = g_hash_table_new (g_str_hash, g_str_equal);
  GPtrArray *scopes = g_ptr_array_new_with_free_func (g_free);

  for (guint i = 0; i < machines->len; i++)
    {
      const char *scope = vmp_machine_get_scope (g_ptr_array_index (machines, i));

      if (g_hash_table_add (seen, (gpointer) scope))
        g_ptr_array_add (scopes, g_strdup (scope));
    }
  vmp_request_check_each_scope (request, VMP_ACTION_VIEW, scopes, func);
}

static gboolean
parse_list (VmpRequest *request, GError **error)
{
  g_variant_get (vmp_request_get_parameters (request), "(@a{sv})", &request->options);
  return vmp_request_check_options (request, request->options, error, "Paths", "ao", NULL);
}

static void
return_list (VmpRequest *request, GHashTable *granted)
{
  g_autoptr (GPtrArray) machines = vmp_machines_list (request->machines);
  g_autofree const char **paths = NULL;
  GVariantBuilder builder;

  g_variant_lookup (request->options, "Paths", "^a&o", &paths);
  g_variant_builder_init (&builder, G_VARIANT_TYPE ("a{oa{sv}}"));
  for (guint i = 0; i < machines->len; i++)
    {
      VmpMachine *machine = g_ptr_array_index (machines, i);
      g_autofree char *path = NULL;

      if (!g_hash_table_contains (granted, vmp_machine_get_scope (machine)))
        continue;
      path = vmp_bus_machine_path (request->machines, vmp_machine_get_uuid (machine));
      if (paths != NULL && !g_strv_contains ((const char *const *) paths, path))
        continue;
      g_variant_builder_add (&builder, "{o@a{sv}}", path,
                             vmp_machine_face_get_all (request->machines, machine));
    }
  vmp_request_return (request, g_variant_new ("(a{oa{sv}})", &builder));
}

static void
serve_list (VmpRequest *request)
{
  g_autoptr (GPtrArray) machines = vmp_machines_list (request->machines);

  check_machines (request, machines, return_list);
}

static GPtrArray *
find_wanted (VmpRequest *request, const char **wanted)
{
  g_variant_get (vmp_request_get_parameters (request), "(&s@a{sv})", wanted, NULL);
  return vmp_machines_find (request->machines, *wanted);
}

static void
return_found (VmpRequest *request, GHashTable *granted)
{
  const char *wanted;
  g_autoptr (GPtrArray) machines = find_wanted (request, &wanted);
  VmpMachine *found = NULL;
  g_autofree char *path = NULL;

  for (guint i = 0; i < machines->len; i++)
    {
      VmpMachine *machine = g_ptr_array_index (machines, i);

      if (!g_hash_table_contains (granted, vmp_machine_get_scope (machine)))
        continue;
      if (found != NULL)
        {
          vmp_request_return_error (
              request, g_error_new (VMPORT_ERROR, VMPORT_ERROR_AMBIGUOUS,
                                    _ ("More than one virtual machine is called “%s”; name its id"),
                                    wanted));
          return;
        }
      found = machine;
    }
  if (found == NULL)
    {
      vmp_request_return_no_such_machine (request);
      return;
    }
  path = vmp_bus_machine_path (request->machines, vmp_machine_get_uuid (found));
  vmp_request_return (request, g_variant_new ("(o)", path));
}

/* Where nothing is found polkit is asked all the same: how long it takes is not to tell of machines
 * that the caller may not view. */
static void
serve_find (VmpRequest *request)
{
  const char *wanted;
  g_autoptr (GPtrArray) machines = find_wanted (request, &wanted);
  GPtrArray *scopes;

  if (machines->len > 0)
    {
      check_machines (request, machines, return_found);
      return;
    }
  scopes = g_ptr_array_new_with_free_func (g_free);
  g_ptr_array_add (scopes, g_strdup (""));
  vmp_request_check_each_scope (request, VMP_ACTION_VIEW, scopes, return_found);
}

static void
return_scopes (VmpRequest *request, GHashTable *granted)
{
  g_auto (GStrv) defined = vmp_scopes_list_defined (vmp_machines_get_scopes (request->machines));
  GVariantBuilder builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE_STRING_ARRAY);
  if (g_hash_table_contains (granted, ""))
    g_variant_builder_add (&builder, "s", "");
  for (gsize i = 0; defined[i] != NULL; i++)
    if (g_hash_table_contains (granted, defined[i]))
      g_variant_builder_add (&builder, "s", defined[i]);
  vmp_request_return (request, g_variant_new ("(as)", &builder));
}

static void
serve_list_scopes (VmpRequest *request)
{
  g_auto (GStrv) defined = vmp_scopes_list_defined (vmp_machines_get_scopes (request->machines));
  GPtrArray *scopes = g_ptr_array_new_with_free_func (g_free);

  g_ptr_array_add (scopes, g_strdup (""));
  for (gsize i = 0; defined[i] != NULL; i++)
    g_ptr_array_add (scopes, g_strdup (defined[i]));
  vmp_request_check_each_scope (request, VMP_ACTION_VIEW | VMP_ACTION_IMPORT, scopes,
                                return_scopes);
}

static gboolean
parse_get_export_settings (VmpRequest *request, GError **error)
{
  const char *path;

  g_variant_get (vmp_request_get_parameters (request), "(&o@a{sv})", &path, &request->options);
  return vmp_request_check_options (request, request->options, error, NULL)
         && vmp_request_take_machine (request, path, error);
}

static void
serve_get_export_settings (VmpRequest *request)
{
  vmp_request_return (request,
                      g_variant_new ("(@a{sv})", vmp_settings_defaults (VMP_SETTINGS_EXPORT,
                                                                        request->uuid)));
}

static gboolean
parse_export (VmpRequest *request, GError **error)
{
  g_autoptr (GVariant) given = NULL;
  const char *path, *directory;

  g_variant_get (vmp_request_get_parameters (request), "(&o&s@a{sv})", &path, &directory, &given);
  request->settings = vmp_settings_new (VMP_SETTINGS_EXPORT, given, error);
  return request->settings != NULL && vmp_request_take_machine (request, path, error)
         && vmp_settings_fill (request->settings,
                               vmp_settings_defaults (VMP_SETTINGS_EXPORT, request->uuid), error)
         && vmp_request_take_directory (request, directory, error);
}

static gboolean
check_available (VmpRequest *request)
{
  g_autoptr (GError) error = NULL;

  if (vmp_machines_check_available (request->machines, &error))
    return TRUE;
  vmp_request_return_error (request, g_steal_pointer (&error));
  return FALSE;
}

static void
log_job (VmpRequest *request, VmpJob *job)
{
  g_autofree char *number = g_strdup_printf ("%u", vmp_job_get_number (job));
  g_autofree char *uid = g_strdup_printf ("%u", vmp_caller_get_uid (request->caller));

  g_log_structured (G_LOG_DOMAIN, G_LOG_LEVEL_INFO, "VMPORT_JOB", number, "VMPORT_SENDER_UID", uid,
                    "VMPORT_VM", request->uuid != NULL ? request->uuid : "", "MESSAGE",
                    "Job %s: %s on %s for uid %s", number, vmp_job_get_operation (job),
                    vmp_job_get_manager (job), uid);
}

/* Shows the job and answers with its path, in this order. */
static void
submit (VmpRequest *request, VmpJob *job, VmpWork work, gpointer plan, GDestroyNotify free_plan)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *path = vmp_bus_job_path (vmp_job_get_number (job));

  vmp_job_set_detail (job, "Directory",
                      g_variant_new_string (vmp_folder_get_path (request->folder)));
  if (!vmp_jobs_submit (vmp_bus_get_jobs (request->bus), job, request->machines,
                        vmp_caller_get_identity (request->caller), request->folder, work, plan,
                        free_plan, &error))
    {
      vmp_machines_release (request->machines, vmp_job_get_number (job));
      vmp_request_return_error (request, g_steal_pointer (&error));
      return;
    }
  log_job (request, job);
  vmp_request_return (request, g_variant_new ("(o)", path));
}

static VmpJob *
add_job (VmpRequest *request, const char *operation, guint64 limit)
{
  g_autoptr (GError) error = NULL;
  VmpJob *job = vmp_jobs_add (vmp_bus_get_jobs (request->bus), request->machines, operation,
                              vmp_caller_get_identity (request->caller), limit, &error);

  if (job == NULL)
    vmp_request_return_error (request, g_steal_pointer (&error));
  return job;
}

static void
return_in_use (VmpRequest *request)
{
  vmp_request_return_error (
      request, g_error_new_literal (VMPORT_ERROR, VMPORT_ERROR_IN_USE,
                                    _ ("Another job has the virtual machine; wait for it, or cancel "
                                       "it")));
}

/* What Export and CheckExport refuse as calls, in the same words; NULL once that was answered. */
static VmpExportRequest *
take_export (VmpRequest *request)
{
  g_autoptr (VmpExportRequest) taken = NULL;
  g_autoptr (GError) error = NULL;

  if (!check_available (request))
    return NULL;
  taken = vmp_export_request_new (request->machine, request->folder, request->settings);
  if (!vmp_export_request_check (taken, request->machines, &error))
    {
      vmp_request_return_error (request, g_steal_pointer (&error));
      return NULL;
    }
  return g_steal_pointer (&taken);
}

static void
serve_export (VmpRequest *request)
{
  g_autoptr (VmpExportRequest) taken = take_export (request);
  g_autoptr (VmpJob) job = NULL;

  if (taken == NULL)
    return;
  job = add_job (request, "Export",
                 vmp_settings_get_uint64 (request->settings, "BandwidthLimit"));
  if (job == NULL)
    return;
  if (!vmp_machines_hold (request->machines, request->uuid, vmp_job_get_number (job)))
    {
      return_in_use (request);
      return;
    }
  vmp_job_set_detail (job, "VirtualMachine",
                      g_variant_new_string (vmp_machine_get_name (request->machine)));
  submit (request, job, vmp_export_work, g_steal_pointer (&taken),
          (GDestroyNotify) vmp_export_request_free);
}

static gboolean
parse_get_import_settings (VmpRequest *request, GError **error)
{
  const char *directory;

  g_variant_get (vmp_request_get_parameters (request), "(&s@a{sv})", &directory,
                 &request->options);
  return vmp_request_check_options (request, request->options, error, "DirectoryFd", "h", NULL)
         && vmp_request_take_directory (request, directory, error);
}

static gboolean
parse_verify (VmpRequest *request, GError **error)
{
  const char *directory;

  g_variant_get (vmp_request_get_parameters (request), "(&s@a{sv})", &directory,
                 &request->options);
  return vmp_request_check_options (request, request->options, error, "DirectoryFd", "h",
                                    "BandwidthLimit", "t", NULL)
         && vmp_request_take_directory (request, directory, error);
}

static void
on_import_settings (GObject *source, GAsyncResult *result, gpointer data)
{
  VmpRequest *request = data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) settings = vmp_jobs_run_aside_finish (VMP_JOBS (source), result, &error);

  if (settings == NULL)
    vmp_request_return_error (request, g_steal_pointer (&error));
  else
    vmp_request_return (request, g_variant_new ("(@a{sv})", settings));
}

static void
run_aside (VmpRequest *request, VmpWork work, GAsyncReadyCallback callback)
{
  vmp_jobs_run_aside (vmp_bus_get_jobs (request->bus), request->machines,
                      vmp_caller_get_identity (request->caller), work,
                      vmp_import_request_new (request->folder, request->settings),
                      (GDestroyNotify) vmp_import_request_free,
                      vmp_caller_get_cancellable (request->caller), callback, request);
}

static void
serve_get_import_settings (VmpRequest *request)
{
  if (check_available (request))
    run_aside (request, vmp_import_settings_work, on_import_settings);
}

/* Which further rights the settings call for. Targets of one's own choice are files that stay under
 * the caller's control, as in place. */
static void
take_applicable (VmpRequest *request)
{
  static const char *const targets[] = { "TargetVmDataRoot", "TargetSnapshotDataRoot",
                                         "TargetVhdDataRoot" };
  const char *const *paths = vmp_settings_get_strv (request->settings, "TargetResourcePaths");

  request->scope = vmp_settings_get_string (request->settings, "SecurityScope");
  request->name = vmp_settings_get_string (request->settings, "Name");
  if (request->scope[0] != '\0')
    request->applicable |= VMP_ACTION_SET_SCOPE;
  if (strcmp (vmp_settings_get_string (request->settings, "UnsafeDevices"), "keep") == 0)
    request->applicable |= VMP_ACTION_IMPORT_UNSAFE;
  if (!vmp_settings_get_boolean (request->settings, "CreateCopy"))
    request->applicable |= VMP_ACTION_IMPORT_IN_PLACE;
  for (gsize i = 0; i < G_N_ELEMENTS (targets); i++)
    if (vmp_settings_get_string (request->settings, targets[i])[0] != '\0')
      request->applicable |= VMP_ACTION_IMPORT_IN_PLACE;
  for (gsize i = 0; paths[i] != NULL; i++)
    if (paths[i][0] != '\0')
      request->applicable |= VMP_ACTION_IMPORT_IN_PLACE;
}

static gboolean
parse_import (VmpRequest *request, GError **error)
{
  g_autoptr (GVariant) given = NULL;
  const char *directory;

  g_variant_get (vmp_request_get_parameters (request), "(&s@a{sv})", &directory, &given);
  request->settings = vmp_settings_new (VMP_SETTINGS_IMPORT, given, error);
  if (request->settings == NULL
      || !vmp_request_take_directory (request, directory, error))
    return FALSE;
  take_applicable (request);
  return TRUE;
}

static void
serve_import (VmpRequest *request)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (VmpJob) job = NULL;

  if (!check_available (request))
    return;
  /* Not before authorisation: who has no right in any scope does not learn which there are. */
  if (!vmp_scopes_check_defined (vmp_machines_get_scopes (request->machines), request->scope,
                                 &error))
    {
      g_prefix_error (&error, "SecurityScope: ");
      vmp_request_return_error (request, g_steal_pointer (&error));
      return;
    }
  job = add_job (request, "Import",
                 vmp_settings_get_uint64 (request->settings, "BandwidthLimit"));
  if (job != NULL)
    submit (request, job, vmp_import_work,
            vmp_import_request_new (request->folder, request->settings),
            (GDestroyNotify) vmp_import_request_free);
}

static void
serve_verify (VmpRequest *request)
{
  g_autoptr (VmpJob) job = NULL;
  guint64 limit = 0;

  g_variant_lookup (request->options, "BandwidthLimit", "t", &limit);
  job = add_job (request, "Verify", limit);
  if (job != NULL)
    submit (request, job, vmp_verify_work, vmp_folder_ref (request->folder),
            (GDestroyNotify) vmp_folder_unref);
}

static void
on_checked (GObject *source, GAsyncResult *result, gpointer data)
{
  VmpRequest *request = data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply = vmp_jobs_run_aside_finish (VMP_JOBS (source), result, &error);
  g_autoptr (GVariant) findings = NULL;

  if (reply == NULL)
    {
      vmp_request_return_error (request, g_steal_pointer (&error));
      return;
    }
  findings = g_variant_lookup_value (reply, "Findings", G_VARIANT_TYPE ("aa{sv}"));
  vmp_request_return (request, g_variant_new ("(@aa{sv})", findings));
}

static void
serve_check_import (VmpRequest *request)
{
  if (check_available (request))
    run_aside (request, vmp_import_check_work, on_checked);
}

static void
serve_check_export (VmpRequest *request)
{
  g_autoptr (VmpExportRequest) taken = take_export (request);

  if (taken == NULL)
    return;
  if (vmp_machines_get_holder (request->machines, request->uuid) != 0)
    {
      return_in_use (request);
      return;
    }
  vmp_jobs_run_aside (vmp_bus_get_jobs (request->bus), request->machines,
                      vmp_caller_get_identity (request->caller), vmp_export_check_work,
                      g_steal_pointer (&taken), (GDestroyNotify) vmp_export_request_free,
                      vmp_caller_get_cancellable (request->caller), on_checked, request);
}

const VmpHandler vmp_manager_handlers[] = {
  { INTERFACE, VMP_POLICY_PROPERTIES, NULL, serve_properties },
  { INTERFACE, "ListVirtualMachines", parse_list, serve_list },
  { INTERFACE, "FindVirtualMachine", NULL, serve_find },
  { INTERFACE, "ListSecurityScopes", NULL, serve_list_scopes, .reads_scopes = TRUE },
  { INTERFACE, "GetExportSettings", parse_get_export_settings, serve_get_export_settings },
  { INTERFACE, "CheckExport", parse_export, serve_check_export },
  { INTERFACE, "Export", parse_export, serve_export },
  { INTERFACE, "GetImportSettings", parse_get_import_settings, serve_get_import_settings },
  { INTERFACE, "CheckImport", parse_import, serve_check_import },
  { INTERFACE, "Import", parse_import, serve_import, .reads_scopes = TRUE },
  { INTERFACE, "Verify", parse_verify, serve_verify },
  { NULL },
};
