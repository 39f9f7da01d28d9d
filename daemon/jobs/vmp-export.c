/* Export: a machine's files into a package that its caller will own. */
#include "config.h"

#include "vmp-export.h"

#include <glib/gi18n-lib.h>
#include <string.h>

#include "vmp-error.h"
#include "vmp-export-plan.h"
#include "vmp-finding.h"
#include "vmp-mark.h"
#include "vmp-merge.h"
#include "vmp-name.h"

typedef struct
{
  VmpRun *run;
  VmpExportRequest *request;
  VmpWorkerHost *worker;
  VmpExportPlan *plan;
  char *token;
  char *path;
  guint undo;
} Export;

VmpExportRequest *
vmp_export_request_new (VmpMachine *machine, VmpFolder *folder, VmpSettings *settings)
{
  VmpExportRequest *request = g_new0 (VmpExportRequest, 1);

  request->machine = vmp_machine_ref (machine);
  request->folder = vmp_folder_ref (folder);
  request->settings = g_object_ref (settings);
  return request;
}

void
vmp_export_request_free (VmpExportRequest *request)
{
  vmp_machine_unref (request->machine);
  vmp_folder_unref (request->folder);
  g_object_unref (request->settings);
  g_clear_object (&request->snapshot);
  g_free (request);
}

/* The folder beneath the one that was named, "" for that one itself. */
char *
vmp_export_request_get_subdirectory (VmpExportRequest *request)
{
  return vmp_settings_get_boolean (request->settings, "CreateVmExportSubdirectory")
             ? vmp_name_to_folder (vmp_machine_get_name (request->machine))
             : g_strdup ("");
}

static gboolean
has_disk (VmpDomain *domain, const char *name)
{
  for (guint i = 0; i < vmp_domain_get_n_disks (domain); i++)
    if (vmp_domain_get_disk_device (domain, i) == VMP_DISK_DEVICE_DISK
        && (strcmp (name, vmp_domain_get_disk_target (domain, i)) == 0
            || g_strcmp0 (name, vmp_domain_get_image_path (domain, i, 0)) == 0))
      return TRUE;
  return FALSE;
}

/* What the machine as it is known rules out, whatever the directory: the errors of a call. */
gboolean
vmp_export_request_check (VmpExportRequest *request, VmpMachines *machines, GError **error)
{
  const char *state = vmp_machine_get_state (request->machine);
  const char *const *excluded = vmp_settings_get_strv (request->settings,
                                                       "ExcludedVirtualHardDisks");

  if (!vmp_machine_check_flaw (request->machine, error))
    return FALSE;
  if (strcmp (state, "off") != 0 && strcmp (state, "saved") != 0)
    return vmp_error_set (error, VMPORT_ERROR_NOT_SUPPORTED,
                          _ ("CaptureLiveState: the machine is %s; this version of vmport exports "
                             "machines that are off or saved"),
                          state);
  if (!vmp_export_request_find_snapshot (request, machines, error))
    return FALSE;
  /* Hyper-V: one that is no attached disk fails the whole operation. */
  for (gsize i = 0; excluded[i] != NULL; i++)
    if (!has_disk (vmp_machine_get_domain (request->machine), excluded[i])
        && (request->snapshot == NULL
            || !has_disk (vmp_snapshot_get_domain (request->snapshot), excluded[i])))
      return vmp_error_set (error, VMPORT_ERROR_INVALID_PARAMETER,
                            _ ("ExcludedVirtualHardDisks: the machine has no disk “%s”"),
                            excluded[i]);
  return TRUE;
}

static void
export_clear (Export *self)
{
  if (self->worker != NULL)
    {
      vmp_run_unfollow (self->run);
      vmp_worker_host_stop (self->worker);
    }
  g_clear_object (&self->worker);
  g_clear_pointer (&self->plan, vmp_export_plan_free);
  g_free (self->token);
  g_free (self->path);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Export, export_clear)

static gboolean
prepare (Export *self, GError **error)
{
  const char *subdirectory = vmp_export_plan_get_subdirectory (self->plan);
  GVariantDict options, entry;
  g_autoptr (GVariant) place = NULL;
  g_autoptr (GVariant) left = NULL;
  g_autoptr (GVariant) where = NULL;
  g_autoptr (GVariant) mark = NULL;

  self->token = vmp_name_new_token ();
  g_variant_dict_init (&entry, NULL);
  g_variant_dict_insert (&entry, "Kind", "s", "Package");
  vmp_folder_note (self->request->folder, vmp_export_plan_get_base (self->plan), &entry);
  g_variant_dict_insert (&entry, "Subdirectory", "s", subdirectory);
  g_variant_dict_insert (&entry, "Token", "s", self->token);
  g_variant_dict_insert_value (&entry, "Place", vmp_export_plan_get_place (self->plan));
  left = g_variant_ref_sink (g_variant_dict_end (&entry));
  self->undo = vmp_run_add_undo (self->run, left, error);
  if (self->undo == G_MAXUINT)
    return FALSE;

  g_variant_dict_init (&options, NULL);
  g_variant_dict_insert (&options, "Subdirectory", "s", subdirectory);
  g_variant_dict_insert (&options, "Token", "s", self->token);
  place = vmp_folder_call_worker (self->request->folder, self->worker, "Prepare", &options, error);
  if (place == NULL)
    {
      /* A worker that could answer has made nothing. One that died may have. */
      if (!vmp_worker_host_is_gone (self->worker))
        vmp_run_drop_undo (self->run, self->undo, NULL);
      return FALSE;
    }
  where = g_variant_lookup_value (place, "Place", G_VARIANT_TYPE (VMP_MARK_TYPE));
  mark = g_variant_lookup_value (place, "Mark", G_VARIANT_TYPE (VMP_MARK_TYPE));
  if (!g_variant_lookup (place, "Path", "s", &self->path) || where == NULL || mark == NULL)
    return vmp_error_set (error, VMPORT_ERROR_FAILED, "The worker does not say what it made");
  g_variant_dict_init (&entry, left);
  g_variant_dict_insert_value (&entry, "Place", where);
  g_variant_dict_insert_value (&entry, "Mark", mark);
  g_clear_pointer (&left, g_variant_unref);
  left = g_variant_ref_sink (g_variant_dict_end (&entry));
  return vmp_run_set_undo (self->run, self->undo, left, error);
}

static GVariant *
members_to_variant (Export *self)
{
  GPtrArray *members = vmp_export_plan_get_members (self->plan);
  GVariantBuilder builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE ("a(usa{sv})"));
  for (guint i = 0; i < members->len; i++)
    {
      VmpExportMember *member = g_ptr_array_index (members, i);
      GVariantDict options;

      g_variant_dict_init (&options, NULL);
      if (member->backing != NULL)
        {
          g_variant_dict_insert (&options, "BackingFile", "s", member->backing);
          g_variant_dict_insert (&options, "BackingFormat", "s", member->backing_format);
        }
      if (member->state_xml != NULL)
        g_variant_dict_insert (&options, "StateXml", "s", member->state_xml);
      if (member->state_cookie != NULL)
        g_variant_dict_insert (&options, "StateCookie", "s", member->state_cookie);
      g_variant_builder_add (&builder, "(us@a{sv})", member->source, member->name,
                             g_variant_dict_end (&options));
    }
  return g_variant_builder_end (&builder);
}

/* What is no copy is made first: QEMU and its worker are gone before anything is published. */
static gboolean
make_members (Export *self, GError **error)
{
  GPtrArray *members = vmp_export_plan_get_members (self->plan);
  VmpSourceList *sources = vmp_export_plan_get_sources (self->plan);
  const char *checksum = vmp_settings_get_string (self->request->settings, "Checksum");
  gboolean digest = strcmp (checksum, "none") != 0;

  for (guint i = 0; i < members->len; i++)
    {
      VmpExportMember *member = g_ptr_array_index (members, i);
      guint64 copied;

      if (member->merge == NULL)
        continue;
      if (!vmp_merge_make_member (self->run, self->worker, sources, member, digest, &copied,
                                  error))
        return FALSE;
      vmp_export_plan_note_copied (self->plan, member, copied);
    }
  return TRUE;
}

static GVariant *
write_package (Export *self, GError **error)
{
  VmpPackage *package = vmp_export_plan_get_package (self->plan);
  g_autofree char *xml = vmp_domain_to_xml (vmp_export_plan_get_domain (self->plan));
  g_autoptr (GVariant) reply = NULL;
  GVariantDict options;

  g_variant_dict_init (&options, NULL);
  g_variant_dict_insert (&options, "Configuration", "s", xml);
  g_variant_dict_insert_value (&options, "Texts", vmp_export_plan_get_texts (self->plan));
  g_variant_dict_insert (&options, "Checksum", "s",
                         vmp_settings_get_string (self->request->settings, "Checksum"));
  reply = vmp_worker_host_call (self->worker, "WritePackage",
                                g_variant_new ("(v@a(usa{sv})@a{sv})",
                                               vmp_package_to_variant (package),
                                               members_to_variant (self),
                                               g_variant_dict_end (&options)),
                                "(a{sv})", NULL, NULL, error);
  return reply != NULL ? g_variant_get_child_value (reply, 0) : NULL;
}

/* The configuration, the descriptor and SHA256SUMS, which are no members. */
#define MAX_OTHER_ENTRIES 3

/* What the worker says that it wrote goes into the journal, which must stay small enough to be
 * read again. */
static gboolean
check_entries (Export *self, GVariant *entries, GError **error)
{
  GPtrArray *members = vmp_export_plan_get_members (self->plan);
  gsize n = entries != NULL ? g_variant_n_children (entries) : 0;

  if (n == 0 || n > (gsize) members->len + MAX_OTHER_ENTRIES)
    return vmp_error_set (error, VMPORT_ERROR_FAILED, "The worker does not say what it wrote");
  for (gsize i = 0; i < n; i++)
    {
      const char *name;

      g_variant_get_child (entries, i, "(&s@" VMP_MARK_TYPE ")", &name, NULL);
      if (!vmp_name_is_component (name))
        return vmp_error_set (error, VMPORT_ERROR_FAILED,
                              "The worker says that it wrote what has no name");
    }
  return TRUE;
}

/* From here on the journal knows by inode what will stand in the caller's folder. */
static gboolean
publish (Export *self, GVariant *written, GError **error)
{
  g_autoptr (GVariant) entries = g_variant_lookup_value (written, "Entries",
                                                         G_VARIANT_TYPE ("a(s" VMP_MARK_TYPE ")"));
  g_autoptr (GVariant) undo = g_variant_ref_sink (vmp_run_get_undo_list (self->run));
  g_autoptr (GVariant) before = g_variant_get_child_value (undo, self->undo);
  g_autoptr (GVariant) reply = NULL;
  GVariantDict entry;

  if (!check_entries (self, entries, error))
    return FALSE;
  g_variant_dict_init (&entry, before);
  g_variant_dict_insert_value (&entry, "Entries", entries);
  if (!vmp_run_set_undo (self->run, self->undo, g_variant_dict_end (&entry), error)
      || !vmp_run_enter_last_step (self->run, error))
    return FALSE;
  reply = vmp_worker_host_call (self->worker, "Publish", NULL, "()", NULL, NULL, error);
  return reply != NULL;
}

static GVariant *
make_result (Export *self, GVariant *written)
{
  GPtrArray *findings = vmp_export_plan_get_findings (self->plan);
  GVariantDict result;
  guint64 copied = 0, cloned = 0;
  guint32 files = 0;

  g_variant_lookup (written, "Copied", "t", &copied);
  g_variant_lookup (written, "Cloned", "t", &cloned);
  g_variant_lookup (written, "Files", "u", &files);
  g_variant_dict_init (&result, NULL);
  g_variant_dict_insert (&result, "ExportPath", "s", self->path);
  g_variant_dict_insert (&result, "BytesCopied", "t", copied);
  g_variant_dict_insert (&result, "BytesCloned", "t", cloned);
  g_variant_dict_insert (&result, "Files", "u", files);
  g_variant_dict_insert_value (&result, "Warnings", vmp_findings_warnings_to_variant (findings));
  return g_variant_dict_end (&result);
}

/* A job may have been queued for hours. */
static gboolean
look_again (Export *self, GError **error)
{
  VmpMachine *now
      = vmp_machines_reread (vmp_run_get_machines (self->run), self->request->machine, error);

  if (now == NULL)
    return FALSE;
  vmp_machine_unref (self->request->machine);
  self->request->machine = now;
  return vmp_export_request_check (self->request, vmp_run_get_machines (self->run), error);
}

/* A machine's files that are not the manager's own are opened by another worker, see
 * vmp_source_list_send(). */
static VmpWorkerHost *
start_worker (VmpRun *run, VmpExportRequest *request, GError **error)
{
  g_autoptr (VmpPlaces) places = vmp_places_new ();
  g_autofree char *subdirectory = vmp_export_request_get_subdirectory (request);

  vmp_folder_add_to (request->folder, places, subdirectory, VMP_PLACE_MAKE);
  return vmp_run_start_worker (run, places, error);
}

GVariant *
vmp_export_check_work (VmpRun *run, gpointer data, GError **error)
{
  g_auto (Export) self = { .run = run, .request = data };
  GVariantDict dict;

  if (!look_again (&self, error))
    return NULL;
  self.worker = start_worker (run, self.request, error);
  if (self.worker == NULL)
    return NULL;
  self.plan = vmp_export_plan_make (run, self.worker, self.request, error);
  if (self.plan == NULL)
    return NULL;
  g_variant_dict_init (&dict, NULL);
  g_variant_dict_insert_value (&dict, "Findings",
                               vmp_findings_to_variant (vmp_export_plan_get_findings (self.plan)));
  return g_variant_dict_end (&dict);
}

GVariant *
vmp_export_work (VmpRun *run, gpointer data, GError **error)
{
  g_auto (Export) self = { .run = run, .request = data };
  g_autoptr (GVariant) written = NULL;
  GPtrArray *findings;

  if (!look_again (&self, error))
    return NULL;
  self.worker = start_worker (run, self.request, error);
  if (self.worker == NULL)
    return NULL;
  vmp_run_follow (run, self.worker);
  self.plan = vmp_export_plan_make (run, self.worker, self.request, error);
  if (self.plan == NULL)
    return NULL;
  findings = vmp_export_plan_get_findings (self.plan);
  vmp_run_set_detail (run, "Findings", vmp_findings_to_variant (findings));
  if (!vmp_findings_first_error (findings, error) || !prepare (&self, error))
    return NULL;
  if (!make_members (&self, error))
    return NULL;
  written = write_package (&self, error);
  if (written == NULL
      || !vmp_machines_confirm (vmp_run_get_machines (run), self.request->machine, error)
      || !publish (&self, written, error))
    return NULL;
  return make_result (&self, written);
}
