/* Import: a package or a bare directory into a manager, as a new machine. */
#include "config.h"

#include "vmp-import.h"

#include <fcntl.h>
#include <glib/gi18n-lib.h>
#include <string.h>
#include <sys/stat.h>

#include "vmp-error.h"
#include "vmp-fd.h"
#include "vmp-finding.h"
#include "vmp-import-plan.h"
#include "vmp-import-snapshots.h"
#include "vmp-mark.h"
#include "vmp-name.h"
#include "vmp-scope-change.h"

/* One file on its way to where the machine will have it; or, in place, one that is there. */
typedef struct
{
  VmpImportFile *file;
  char *member;     /* in the manager's place; NULL for a folder of the caller's choice */
  char *token;
  char *final_path;
  int writer;       /* until the worker has it */
  int reader;       /* the same file, for reading alone */
  gboolean answered; /* the worker has taken or made it */
  char *backing;    /* what its header is to name, or NULL */
  char *backing_format;
  char *state_xml;          /* what the copy of a saved state is to say, or NULL */
  const char *state_cookie; /* the plan's */
} Target;

typedef struct
{
  VmpRun *run;
  VmpImportRequest *request;
  VmpWorkerHost *worker;
  VmpWorkerHost *inspector;
  VmpImportPlan *plan;
  VmpPlace *place;
  GPtrArray *targets;
  guint place_slot; /* of @place in the undo list */
  char *path; /* of the new machine's object */
} Import;

static void
target_free (gpointer data)
{
  Target *target = data;

  g_free (target->member);
  g_free (target->token);
  g_free (target->final_path);
  g_free (target->backing);
  g_free (target->backing_format);
  g_free (target->state_xml);
  vmp_fd_clear (&target->writer);
  vmp_fd_clear (&target->reader);
  g_free (target);
}

static void
stop_worker (Import *self)
{
  if (self->worker == NULL)
    return;
  vmp_run_unfollow (self->run);
  vmp_worker_host_stop (self->worker);
  g_clear_object (&self->worker);
}

static void
import_clear (Import *self)
{
  stop_worker (self);
  g_clear_object (&self->inspector);
  if (self->place != NULL)
    vmp_machines_end (vmp_run_get_machines (self->run), self->place);
  g_clear_pointer (&self->plan, vmp_import_plan_free);
  g_clear_pointer (&self->targets, g_ptr_array_unref);
  g_free (self->path);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Import, import_clear)

typedef struct
{
  Import *import;
  gboolean answer;
  GError *error;
} MainCall;

static void
reserve_in_main (gpointer data)
{
  MainCall *call = data;
  Import *self = call->import;
  VmpDomain *domain = vmp_import_plan_get_domain (self->plan);
  g_auto (GStrv) macs = vmp_import_plan_get_macs (self->plan);
  const char *policy = vmp_settings_get_string (self->request->settings, "MacAddresses");
  static const char *const none[] = { NULL };
  gboolean check_macs = strcmp (policy, "keep-if-free") != 0;

  call->answer = vmp_machines_reserve (vmp_run_get_machines (self->run),
                                       vmp_domain_get_uuid (domain), vmp_domain_get_name (domain),
                                       check_macs ? (const char *const *) macs : none,
                                       vmp_run_get_number (self->run), &call->error);
}

static gboolean
reserve (Import *self, GError **error)
{
  MainCall call = { .import = self };

  vmp_run_in_main (reserve_in_main, &call);
  if (call.error != NULL)
    g_propagate_error (error, call.error);
  return call.answer && vmp_import_plan_claim_files (self->plan, error);
}

static gboolean
make_plan (Import *self, GError **error)
{
  GPtrArray *findings;

  self->plan = vmp_import_plan_read (self->run, self->worker, self->request->folder, error);
  if (self->plan == NULL || !vmp_import_plan_settle (self->plan, self->request->settings, error))
    return FALSE;
  vmp_run_set_detail (self->run, "VirtualMachine",
                      g_variant_new_string (
                          vmp_domain_get_name (vmp_import_plan_get_domain (self->plan))));
  findings = vmp_import_plan_get_findings (self->plan);
  vmp_run_set_detail (self->run, "Findings", vmp_findings_to_variant (findings));
  if (!vmp_findings_first_error (findings, error))
    return FALSE;
  vmp_job_post_total (vmp_run_get_job (self->run), vmp_import_plan_get_payload (self->plan, self->request->settings));
  return TRUE;
}

static void
add_target (Import *self, VmpImportFile *file)
{
  Target *target = g_new0 (Target, 1);
  const char *uuid = vmp_domain_get_uuid (vmp_import_plan_get_domain (self->plan));
  g_autofree char *folder = NULL;

  target->file = file;
  target->writer = target->reader = -1;
  g_ptr_array_add (self->targets, target);
  if (file->stays)
    {
      target->final_path = g_strdup (file->found);
      return;
    }
  if (file->folder != NULL)
    {
      folder = vmp_import_plan_resolve (self->plan, file->folder);
      target->token = vmp_name_new_token ();
      if (folder != NULL)
        target->final_path = g_build_filename (folder, file->base, NULL);
      return;
    }
  target->member = vmp_import_file_get_member (file, uuid);
}

static Target *
find_target (Import *self, VmpImportFile *file)
{
  for (guint i = 0; i < self->targets->len; i++)
    {
      Target *target = g_ptr_array_index (self->targets, i);

      if (target->file == file)
        return target;
    }
  g_return_val_if_reached (NULL);
}

static void
plan_targets (Import *self)
{
  g_autoptr (GPtrArray) files = vmp_import_plan_list_files (self->plan);

  self->targets = g_ptr_array_new_with_free_func (target_free);
  for (guint i = 0; i < files->len; i++)
    add_target (self, g_ptr_array_index (files, i));
}

/* The name by which a file finds another: what is beside it moves with it. */
static char *
name_for (const char *path, const char *other)
{
  g_autofree char *folder = g_path_get_dirname (path);
  g_autofree char *other_folder = g_path_get_dirname (other);

  return strcmp (folder, other_folder) == 0 ? g_path_get_basename (other) : g_strdup (other);
}

/* What each overlay's header is to name: a copy the next image by its new name, and one that stays
 * what it named when it was looked at. */
static void
link_chains (Import *self)
{
  VmpSourceList *sources = vmp_import_plan_get_sources (self->plan);

  for (guint i = 0; i < self->targets->len; i++)
    {
      Target *target = g_ptr_array_index (self->targets, i);
      VmpImportFile *file = target->file;
      GVariant *reading;

      if (file->below == NULL)
        continue;
      if (!file->stays)
        {
          target->backing = name_for (target->final_path,
                                      find_target (self, file->below)->final_path);
          target->backing_format = g_strdup (file->below->format);
          continue;
        }
      reading = vmp_source_list_get_reading (sources, file->source);
      g_variant_lookup (reading, "BackingFile", "s", &target->backing);
      g_variant_lookup (reading, "BackingFormat", "s", &target->backing_format);
    }
}

/* What taking the place back needs now. */
static gboolean
note_place (Import *self, GError **error)
{
  g_autoptr (GVariant) described
      = vmp_machines_describe (vmp_run_get_machines (self->run), self->place);
  GVariantDict entry;

  g_variant_dict_init (&entry, NULL);
  g_variant_dict_insert (&entry, "Kind", "s", "Place");
  g_variant_dict_insert_value (&entry, "Description", described);
  return vmp_run_set_undo (self->run, self->place_slot, g_variant_dict_end (&entry), error);
}

/* The staging place, announced before it is made, and told apart by inode once it is. */
static gboolean
make_place (Import *self, GError **error)
{
  VmpMachines *machines = vmp_run_get_machines (self->run);
  VmpDomain *domain = vmp_import_plan_get_domain (self->plan);
  g_autofree char *token = vmp_name_new_token ();
  GVariantDict description, entry;

  g_variant_dict_init (&description, NULL);
  g_variant_dict_insert (&description, "Token", "s", token);
  g_variant_dict_init (&entry, NULL);
  g_variant_dict_insert (&entry, "Kind", "s", "Place");
  g_variant_dict_insert_value (&entry, "Description", g_variant_dict_end (&description));
  self->place_slot = vmp_run_add_undo (self->run, g_variant_dict_end (&entry), error);
  if (self->place_slot == G_MAXUINT)
    return FALSE;
  self->place = vmp_machines_begin (machines, token, vmp_domain_get_uuid (domain),
                                    vmp_domain_get_name (domain), error);
  return self->place != NULL && note_place (self, error);
}

/* What the worker makes in the folder that the caller chose: one for the machine's data. NULL where
 * there is none. */
static char *
made_folder_of (VmpImportFile *file)
{
  const char *slash = strchr (file->base, '/');

  return slash != NULL ? g_strndup (file->base, (gsize) (slash - file->base)) : NULL;
}

/* What is relative lies beneath the directory that the caller holds open. The folder that the caller
 * chose is known by its mark; the ones beneath it may still have to be made. */
static void
describe_made (Import *self, const char *kind, const char *root, const char *beneath,
               GVariantDict *entry)
{
  GVariant *place = vmp_import_plan_get_place (self->plan, root);
  g_autofree char *path = vmp_name_join (root, beneath);

  g_variant_dict_init (entry, NULL);
  if (root[0] != '/')
    vmp_folder_note (self->request->folder, vmp_import_plan_get_base (self->plan), entry);
  g_variant_dict_insert (entry, "Kind", "s", kind);
  g_variant_dict_insert (entry, "Path", "s", path);
  g_variant_dict_insert (entry, "Root", "s", root);
  g_variant_dict_insert (entry, "Beneath", "s", beneath);
  if (place != NULL)
    g_variant_dict_insert_value (entry, "Place", place);
}

static void
describe_file (Import *self, VmpImportFile *file, const char *name, GVariantDict *entry)
{
  g_autofree char *folder = g_path_get_dirname (file->base);
  g_autofree char *beneath = vmp_name_join (folder, name);

  describe_made (self, "File", file->folder, beneath, entry);
}

/* Once for each folder, before the first file in it. */
static gboolean
announce_folder (Import *self, guint id, GError **error)
{
  Target *target = g_ptr_array_index (self->targets, id);
  g_autofree char *made = made_folder_of (target->file);
  GVariantDict entry;

  if (made == NULL)
    return TRUE;
  for (guint i = 0; i < id; i++)
    {
      VmpImportFile *earlier = ((Target *) g_ptr_array_index (self->targets, i))->file;
      g_autofree char *other = earlier->folder != NULL ? made_folder_of (earlier) : NULL;

      if (g_strcmp0 (other, made) == 0 && strcmp (earlier->folder, target->file->folder) == 0)
        return TRUE;
    }
  describe_made (self, "Folder", target->file->folder, made, &entry);
  return vmp_run_add_undo (self->run, g_variant_dict_end (&entry), error) != G_MAXUINT;
}

static gboolean
announce_target (Import *self, Target *target, guint *slot, GError **error)
{
  g_autofree char *name = g_strdup_printf (".vmport-%s", target->token);
  GVariantDict entry;

  describe_file (self, target->file, name, &entry);
  *slot = vmp_run_add_undo (self->run, g_variant_dict_end (&entry), error);
  return *slot != G_MAXUINT;
}

/* The worker made the file; what it says of it is believed as far as the descriptor shows it. */
static gboolean
take_made_target (Import *self, Target *target, GVariant *reading, GUnixFDList *fds,
                  GError **error)
{
  GVariantDict entry;
  struct stat st;
  VmpMark mark;
  g_autofree char *name = NULL;
  gint32 handle;

  if (!g_variant_lookup (reading, "Fd", "h", &handle) || fds == NULL || handle < 0
      || handle >= g_unix_fd_list_get_length (fds))
    return vmp_error_set (error, VMPORT_ERROR_FAILED, "The worker hands over no file");
  target->reader = g_unix_fd_list_get (fds, handle, error);
  if (target->reader < 0 || !vmp_fd_check_regular (target->reader, target->final_path, error))
    return FALSE;
  if (fstat (target->reader, &st) < 0 || !vmp_mark_read (target->reader, &mark)
      || st.st_uid != vmp_identity_get_uid (vmp_run_get_identity (self->run)))
    return vmp_error_set (error, VMPORT_ERROR_FAILED, "The worker hands over another's file");
  name = g_path_get_basename (target->file->base);
  describe_file (self, target->file, name, &entry);
  g_variant_dict_insert_value (&entry, "Mark", vmp_mark_to_variant (&mark));
  return vmp_run_add_undo (self->run, g_variant_dict_end (&entry), error) != G_MAXUINT;
}

static gboolean
send_target (Import *self, guint id, GError **error)
{
  Target *target = g_ptr_array_index (self->targets, id);
  g_autoptr (GUnixFDList) fds = g_unix_fd_list_new ();
  g_autoptr (GUnixFDList) fds_out = NULL;
  g_autoptr (GVariant) reply = NULL;
  g_autoptr (GVariant) reading = NULL;
  GVariantBuilder builder;
  GVariantDict options;
  guint32 answered;

  g_variant_dict_init (&options, NULL);
  if (target->file->folder != NULL)
    {
      g_variant_dict_insert (&options, "Folder", "s", target->file->folder);
      g_variant_dict_insert (&options, "Name", "s", target->file->base);
      g_variant_dict_insert (&options, "Token", "s", target->token);
    }
  else
    {
      int handle = g_unix_fd_list_append (fds, target->writer, error);

      if (handle < 0)
        {
          g_variant_dict_clear (&options);
          return FALSE;
        }
      g_variant_dict_insert (&options, "Fd", "h", handle);
    }
  g_variant_builder_init (&builder, G_VARIANT_TYPE ("a(ua{sv})"));
  g_variant_builder_add (&builder, "(u@a{sv})", id, g_variant_dict_end (&options));
  reply = vmp_worker_host_call (self->worker, "AddTargets",
                                g_variant_new ("(a(ua{sv}))", &builder), "(a(ua{sv}))", fds,
                                &fds_out, error);
  vmp_fd_clear (&target->writer);
  if (reply == NULL)
    return FALSE;
  target->answered = TRUE;
  if (target->file->folder == NULL)
    return TRUE;
  if (g_variant_n_children (reply) != 1)
    return vmp_error_set (error, VMPORT_ERROR_FAILED, "The worker does not say what it made");
  g_variant_get (reply, "(@a(ua{sv}))", &reading);
  if (g_variant_n_children (reading) != 1)
    return vmp_error_set (error, VMPORT_ERROR_FAILED, "The worker does not say what it made");
  {
    g_autoptr (GVariant) made = NULL;

    g_variant_get_child (reading, 0, "(u@a{sv})", &answered, &made);
    return take_made_target (self, target, made, fds_out, error);
  }
}

/* TargetMissing: a folder of the caller's choice that was there a moment ago must still be. */
static gboolean
make_target_in_folder (Import *self, guint id, GError **error)
{
  Target *target = g_ptr_array_index (self->targets, id);
  g_autoptr (GError) local_error = NULL;
  guint slot;

  if (!announce_folder (self, id, error) || !announce_target (self, target, &slot, error))
    return FALSE;
  if (send_target (self, id, &local_error))
    return TRUE;
  /* A worker that could say no has made nothing; one that died, or talked nonsense, may have. */
  if (!target->answered && !vmp_worker_host_is_gone (self->worker))
    vmp_run_drop_undo (self->run, slot, NULL);
  if (g_error_matches (local_error, VMPORT_ERROR, VMPORT_ERROR_NOT_FOUND))
    return vmp_error_set (error, VMPORT_ERROR_INVALID_PARAMETER,
                          _ ("The target folder “%s” is not there; make it first"),
                          target->file->folder);
  g_propagate_error (error, g_steal_pointer (&local_error));
  return FALSE;
}

static gboolean
make_targets (Import *self, GError **error)
{
  VmpMachines *machines = vmp_run_get_machines (self->run);

  plan_targets (self);
  for (guint i = 0; i < self->targets->len; i++)
    {
      Target *target = g_ptr_array_index (self->targets, i);

      if (target->file->stays)
        continue;
      if (target->file->folder != NULL)
        {
          if (!make_target_in_folder (self, i, error))
            return FALSE;
          continue;
        }
      target->writer = vmp_machines_create_file (machines, self->place, target->member,
                                                 &target->final_path, error);
      target->reader = target->writer >= 0
                           ? vmp_machines_reopen_file (machines, self->place, target->member,
                                                       error)
                           : -1;
      if (target->reader < 0)
        return FALSE;
      if (!send_target (self, i, error))
        return FALSE;
    }
  link_chains (self);
  return TRUE;
}

/* What the worker is to do with a file: copy it, or, where it stays, read it to see that it is
 * whole. FALSE for nothing. */
static gboolean
describe_item (Import *self, guint id, GVariantDict *options)
{
  gboolean verify = vmp_settings_get_boolean (self->request->settings, "VerifyChecksums");
  Target *target = g_ptr_array_index (self->targets, id);
  VmpImportFile *file = target->file;

  if (file->stays && !(verify && (file->verity != NULL || file->sha256 != NULL)))
    return FALSE;
  g_variant_dict_init (options, NULL);
  if (!file->stays)
    g_variant_dict_insert (options, "Target", "u", id);
  g_variant_dict_insert (options, "Name", "s", file->found);
  if (verify && file->verity != NULL)
    g_variant_dict_insert (options, "Verity", "s", file->verity);
  else if (verify && file->sha256 != NULL)
    g_variant_dict_insert (options, "Sha256", "s", file->sha256);
  if (verify && file->locator != NULL)
    g_variant_dict_insert (options, "Locator", "s", file->locator);
  if (!file->stays && target->backing != NULL)
    {
      g_variant_dict_insert (options, "BackingFile", "s", target->backing);
      g_variant_dict_insert (options, "BackingFormat", "s", target->backing_format);
    }
  if (file->save_image)
    {
      g_variant_dict_insert (options, "StateXml", "s", target->state_xml);
      if (target->state_cookie != NULL)
        g_variant_dict_insert (options, "StateCookie", "s", target->state_cookie);
    }
  return TRUE;
}

static GVariant *
copy_all (Import *self, GError **error)
{
  g_autoptr (GVariant) reply = NULL;
  GVariantBuilder items;

  g_variant_builder_init (&items, G_VARIANT_TYPE ("a(ua{sv})"));
  for (guint i = 0; i < self->targets->len; i++)
    {
      Target *target = g_ptr_array_index (self->targets, i);
      GVariantDict options;

      if (describe_item (self, i, &options))
        g_variant_builder_add (&items, "(u@a{sv})", target->file->source,
                               g_variant_dict_end (&options));
    }
  reply = vmp_worker_host_call (self->worker, "Copy", g_variant_new ("(a(ua{sv}))", &items),
                                "(a(ua{sv}))", NULL, NULL, error);
  return reply != NULL ? g_variant_get_child_value (reply, 0) : NULL;
}

static gboolean
publish_targets (Import *self, GError **error)
{
  g_autoptr (GVariant) reply = vmp_worker_host_call (self->worker, "PublishTargets", NULL, "()",
                                                     NULL, NULL, error);

  return reply != NULL;
}

/* The file as it is now, for reading; borrowed. */
static int
get_reader (Import *self, Target *target)
{
  return target->file->stays
             ? vmp_source_list_get_fd (vmp_import_plan_get_sources (self->plan),
                                       target->file->source)
             : target->reader;
}

/* The caller had these files open for writing, in a process of its own uid. Now that it is gone,
 * nobody may be left who has. In place, where the caller is trusted with the files, it is enough
 * that nobody is known to. */
static gboolean
check_writers (Import *self, GError **error)
{
  for (guint i = 0; i < self->targets->len; i++)
    {
      Target *target = g_ptr_array_index (self->targets, i);
      VmpWriters writers = vmp_fd_find_writers (get_reader (self, target));

      if (target->file->stays && writers == VMP_WRITERS_SOME)
        return vmp_error_set (error, VMPORT_ERROR_FILE_IN_USE,
                              _ ("“%s” is open for writing in some program; close it first"),
                              target->final_path);
      if (!target->file->stays && writers != VMP_WRITERS_NONE)
        return vmp_error_set (error, VMPORT_ERROR_UNSAFE,
                              _ ("“%s” is still open for writing after its copy was made"),
                              target->file->base);
    }
  return TRUE;
}

static gboolean
judge_image (Import *self, Target *target, GVariant *reading, GError **error)
{
  const char *backing = NULL, *format = NULL, *name, *message = "";

  if (g_variant_lookup (reading, "ErrorName", "&s", &name))
    {
      g_variant_lookup (reading, "Message", "&s", &message);
      return vmp_error_set (error, VMPORT_ERROR_UNSAFE, "%s", message);
    }
  g_variant_lookup (reading, "BackingFile", "&s", &backing);
  g_variant_lookup (reading, "BackingFormat", "&s", &format);
  if (g_strcmp0 (backing, target->backing) != 0
      || (backing != NULL && g_strcmp0 (format, target->backing_format) != 0))
    return vmp_error_set (error, VMPORT_ERROR_UNSAFE,
                          _ ("“%s” names another backing file than it should"),
                          target->final_path);
  return vmp_import_plan_check_ghosts (self->plan, target->file, reading, error);
}

/* Bytes are judged where nobody can change them any more, by a process that never had to do with
 * the caller. */
static gboolean
inspect (Import *self, GError **error)
{
  g_autoptr (VmpSourceList) images = vmp_source_list_new ();
  g_autoptr (GArray) numbers = g_array_new (FALSE, FALSE, sizeof (guint));

  vmp_job_post_progress (vmp_run_get_job (self->run), 0, "Verifying", "");
  if (!check_writers (self, error))
    return FALSE;
  self->inspector = vmp_run_start_inspector (self->run, error);
  if (self->inspector == NULL)
    return FALSE;
  for (guint i = 0; i < self->targets->len; i++)
    {
      Target *target = g_ptr_array_index (self->targets, i);
      guint number;
      int fd;

      if (target->file->format == NULL && !target->file->save_image)
        continue;
      fd = vmp_fd_dup (get_reader (self, target), error);
      if (fd < 0)
        return FALSE;
      number = vmp_source_list_add_fd (images, fd, target->final_path, target->file->format);
      if (target->file->save_image)
        vmp_source_list_set_state (images, number, target->state_xml, target->state_cookie);
      g_array_append_val (numbers, i);
    }
  if (!vmp_source_list_send (images, self->inspector, error))
    return FALSE;
  for (guint i = 0; i < numbers->len; i++)
    if (!judge_image (self,
                      g_ptr_array_index (self->targets, g_array_index (numbers, guint, i)),
                      vmp_source_list_get_reading (images, i), error))
      return FALSE;
  vmp_worker_host_stop (self->inspector);
  return TRUE;
}

static void
point_drives_at_files (Import *self, GPtrArray *drives)
{
  VmpDomain *domain = vmp_import_plan_get_domain (self->plan);

  for (guint i = 0; i < drives->len; i++)
    {
      VmpImportDisk *drive = g_ptr_array_index (drives, i);
      g_autoptr (GPtrArray) paths = g_ptr_array_new ();
      g_autoptr (GPtrArray) formats = g_ptr_array_new ();

      for (guint n = 0; n < drive->images->len; n++)
        {
          VmpImportFile *image = g_ptr_array_index (drive->images, n);

          g_ptr_array_add (paths, find_target (self, image)->final_path);
          g_ptr_array_add (formats, image->format);
        }
      g_ptr_array_add (paths, NULL);
      g_ptr_array_add (formats, NULL);
      vmp_domain_set_images (domain, drive->disk, (const char *const *) paths->pdata,
                             (const char *const *) formats->pdata);
    }
}

static void
point_domain_at_files (Import *self)
{
  point_drives_at_files (self, vmp_import_plan_get_disks (self->plan));
  point_drives_at_files (self, vmp_import_plan_get_media (self->plan));
  for (guint i = 0; i < VMP_DOMAIN_N_FILES; i++)
    {
      VmpImportFile *file = vmp_import_plan_get_file (self->plan, i);

      if (file != NULL)
        vmp_domain_set_file (vmp_import_plan_get_domain (self->plan), i,
                             find_target (self, file)->final_path);
    }
}

static const char *
path_of (VmpImportFile *file, gpointer data)
{
  return find_target (data, file)->final_path;
}

/* What is not copied byte by byte, once all paths are known. */
static void
write_texts (Import *self)
{
  vmp_import_plan_write_snapshots (self->plan, path_of, self);
  for (guint i = 0; i < self->targets->len; i++)
    {
      Target *target = g_ptr_array_index (self->targets, i);

      if (!target->file->save_image)
        continue;
      target->state_xml
          = target->file->role == VMP_ROLE_STATE
                ? vmp_import_plan_write_state (self->plan, &target->state_cookie)
                : vmp_import_plan_write_memory (self->plan, target->file, &target->state_cookie);
    }
}

/* A saved state that does not lie in the machine's own folder. */
static gboolean
record_state (Import *self, GError **error)
{
  for (guint i = 0; i < self->targets->len; i++)
    {
      Target *target = g_ptr_array_index (self->targets, i);

      if (target->file->role == VMP_ROLE_STATE && target->member == NULL)
        return vmp_machines_set_state_path (vmp_run_get_machines (self->run), self->place,
                                            target->final_path, error);
    }
  return TRUE;
}

static char *
object_path_of (Import *self)
{
  const char *id = vmp_machines_get_id (vmp_run_get_machines (self->run));
  g_autofree char *escaped = vmp_name_escape (id);
  g_autofree char *element = vmp_name_uuid_to_path (
      vmp_domain_get_uuid (vmp_import_plan_get_domain (self->plan)));

  return g_strdup_printf ("/org/vmport/VirtualMachine/%s/%s", escaped, element);
}

static gboolean
announce_scope (Import *self, GError **error)
{
  return vmp_scope_change_announce (
      self->run, vmp_domain_get_uuid (vmp_import_plan_get_domain (self->plan)),
      vmp_settings_get_string (self->request->settings, "SecurityScope"), error);
}

/* What a package notes of the scope was so on another host, or somebody's wish. */
static void
note_scope (Import *self)
{
  VmpDomain *domain = vmp_import_plan_get_domain (self->plan);
  const char *scope = vmp_settings_get_string (self->request->settings, "SecurityScope");

  vmp_domain_set_note (domain, VMP_DOMAIN_NOTE_SCOPE, scope[0] != '\0' ? scope : NULL);
  vmp_domain_set_note (domain, VMP_DOMAIN_NOTE_JOB, NULL);
}

/* Parents first. */
static gboolean
add_snapshots (Import *self, GError **error)
{
  GPtrArray *snapshots = vmp_import_plan_get_snapshots (self->plan);

  for (guint i = 0; i < snapshots->len; i++)
    if (!vmp_machines_add_snapshot (vmp_run_get_machines (self->run), self->place,
                                    ((VmpImportSnapshot *) g_ptr_array_index (snapshots, i))->model,
                                    error))
      return FALSE;
  return TRUE;
}

static gboolean
define (Import *self, GError **error)
{
  VmpMachines *machines = vmp_run_get_machines (self->run);

  note_scope (self);
  vmp_job_post_progress (vmp_run_get_job (self->run), 0, "Syncing", "");
  return vmp_machines_write_configuration (machines, self->place,
                                           vmp_import_plan_get_domain (self->plan), error)
         && add_snapshots (self, error) && record_state (self, error)
         && vmp_machines_sync (machines, self->place, error)
         && note_place (self, error) && announce_scope (self, error)
         && vmp_run_enter_last_step (self->run, error)
         && vmp_machines_define (machines, self->place, error);
}

static guint
count_copies (Import *self)
{
  guint copies = 1 + vmp_import_plan_get_snapshots (self->plan)->len; /* what is written */

  for (guint i = 0; i < self->targets->len; i++)
    copies += !((Target *) g_ptr_array_index (self->targets, i))->file->stays;
  return copies;
}

static GVariant *
make_result (Import *self, GVariant *copied_items)
{
  guint64 copied = 0, cloned = 0, bytes;
  GVariantDict result;

  for (gsize i = 0; i < g_variant_n_children (copied_items); i++)
    {
      g_autoptr (GVariant) item = NULL;

      g_variant_get_child (copied_items, i, "(u@a{sv})", NULL, &item);
      if (g_variant_lookup (item, "Copied", "t", &bytes))
        copied += bytes;
      if (g_variant_lookup (item, "Cloned", "t", &bytes))
        cloned += bytes;
    }
  g_variant_dict_init (&result, NULL);
  g_variant_dict_insert (&result, "ImportedVirtualMachine", "o", self->path);
  g_variant_dict_insert (&result, "BytesCopied", "t", copied);
  g_variant_dict_insert (&result, "BytesCloned", "t", cloned);
  g_variant_dict_insert (&result, "Files", "u", count_copies (self));
  g_variant_dict_insert_value (
      &result, "Warnings",
      vmp_findings_warnings_to_variant (vmp_import_plan_get_findings (self->plan)));
  return g_variant_dict_end (&result);
}

GVariant *
vmp_import_work (VmpRun *run, gpointer request, GError **error)
{
  g_auto (Import) self = { .run = run, .request = request };
  g_autoptr (GVariant) copied = NULL;

  self.worker = vmp_import_request_start_worker (request, run, error);
  if (self.worker == NULL)
    return NULL;
  vmp_run_follow (run, self.worker);
  if (!make_plan (&self, error) || !reserve (&self, error) || !make_place (&self, error)
      || !make_targets (&self, error))
    return NULL;
  point_domain_at_files (&self);
  write_texts (&self);
  copied = copy_all (&self, error);
  if (copied == NULL || !publish_targets (&self, error))
    return NULL;
  stop_worker (&self);
  if (!inspect (&self, error) || !define (&self, error))
    return NULL;
  self.path = object_path_of (&self);
  vmp_run_set_defined (run, vmp_domain_get_uuid (vmp_import_plan_get_domain (self.plan)));
  return make_result (&self, copied);
}
