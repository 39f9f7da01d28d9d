/* How the snapshots that come along are fitted to the machine that an import makes: where their files
 * are, whether the images hold them, and what each says in the end. */
#include "config.h"

#include <glib/gi18n-lib.h>
#include <string.h>

#include "vmp-error.h"
#include "vmp-import-plan-private.h"
#include "vmp-import-snapshots.h"
#include "vmp-name.h"
#include "vmp-save-cookie.h"

/* What could supply all that is missing: a folder that has it by its name, with or without the folder
 * of the snapshot. FALSE for an error. */
static gboolean
try_root (VmpImportPlan *plan, GPtrArray *missing, const char *root, gboolean *supplies,
          GError **error)
{
  g_autoptr (GArray) sources = g_array_new (FALSE, FALSE, sizeof (guint));

  *supplies = FALSE;
  for (guint i = 0; i < missing->len; i++)
    {
      VmpImportFile *file = g_ptr_array_index (missing, i);
      g_autofree char *own = vmp_import_plan_name_in_snapshots (plan, file);
      g_autofree char *base = g_path_get_basename (own);
      g_autofree char *in_folder = vmp_name_join (root, own);
      g_autofree char *beneath = vmp_name_join (root, base);
      guint first = vmp_source_list_add_path (plan->sources, in_folder, file->format);
      guint second = vmp_source_list_add_path (plan->sources, beneath, file->format);

      g_array_append_val (sources, first);
      g_array_append_val (sources, second);
    }
  if (!vmp_source_list_send (plan->sources, plan->worker, error))
    return FALSE;
  for (guint i = 0; i < missing->len; i++)
    {
      VmpImportFile *file = g_ptr_array_index (missing, i);

      if (!vmp_import_plan_is_substitute (plan, file, g_array_index (sources, guint, 2 * i))
          && !vmp_import_plan_is_substitute (plan, file,
                                             g_array_index (sources, guint, 2 * i + 1)))
        return TRUE;
    }
  *supplies = TRUE;
  return TRUE;
}

/* The root that would supply what is missing: the directory's own, which another one was given for,
 * or the folder where it lay on the exporting host, which may be this one. NULL where none does;
 * floating. */
static GVariant *
resolve_missing (VmpImportPlan *plan, GPtrArray *missing, GError **error)
{
  VmpImportFile *first = g_ptr_array_index (missing, 0);
  g_autofree char *before = NULL;
  g_autofree char *folder = g_path_get_dirname (first->path);
  g_autofree char *above = g_path_get_dirname (folder);
  const char *roots[3] = { NULL, folder, above };

  g_variant_lookup (plan->prefilled, "SourceSnapshotDataRoot", "s", &before);
  roots[0] = before;
  for (gsize i = 0; i < G_N_ELEMENTS (roots); i++)
    {
      gboolean supplies;

      if (roots[i][0] == '\0' || (i > 0 && !vmp_name_is_absolute (roots[i])))
        continue;
      if (!try_root (plan, missing, roots[i], &supplies, error))
        return NULL;
      if (supplies)
        return vmp_import_resolve_with ("SourceSnapshotDataRoot",
                                        g_variant_new_string (roots[i]));
    }
  return NULL;
}

/* Files of snapshots that were found nowhere. */
gboolean
vmp_import_plan_report_snapshots (VmpImportPlan *plan, VmpSettings *settings, GError **error)
{
  g_autoptr (GPtrArray) missing = g_ptr_array_new ();
  g_autoptr (GVariant) resolution = NULL;
  g_autoptr (GError) local_error = NULL;

  for (guint i = 0; i < plan->snapshot_files->len; i++)
    {
      VmpImportFile *file = g_ptr_array_index (plan->snapshot_files, i);

      if (file->source == VMP_NO_SOURCE || vmp_import_plan_is_missing (plan, file->source))
        g_ptr_array_add (missing, file);
    }
  if (missing->len == 0)
    return TRUE;
  resolution = resolve_missing (plan, missing, &local_error);
  if (local_error != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&local_error));
      return FALSE;
    }
  if (resolution != NULL)
    g_variant_ref_sink (resolution);
  for (guint i = 0; i < missing->len; i++)
    {
      VmpImportFile *file = g_ptr_array_index (missing, i);

      vmp_import_plan_add_finding (
          plan,
          vmp_finding_new (VMP_FINDING_SNAPSHOT_MISSING, "SourceSnapshotDataRoot", -1,
                           _ ("A file of the snapshots (“%s”) was not found; say where it is with "
                              "SourceSnapshotDataRoot or SourceVhdDataRoot"),
                           file->path),
          resolution);
    }
  return TRUE;
}

/* The image in which @snapshot has the content of the disk @target, or NULL. */
static VmpImportFile *
find_internal (VmpImportSnapshot *snapshot, guint disk)
{
  VmpImportChain *chain = vmp_import_snapshot_find_chain (
      snapshot, vmp_snapshot_get_disk_target (snapshot->model, disk));

  if (vmp_snapshot_get_disk_storage (snapshot->model, disk) != VMP_SNAPSHOT_INTERNAL
      || chain == NULL)
    return NULL;
  return g_ptr_array_index (chain->images, 0);
}

/* A snapshot that an image should hold and does not, a ghost, would be one that nobody can go back
 * to. */
static void
report_ghosts (VmpImportPlan *plan, VmpImportSnapshot *snapshot)
{
  const char *name = vmp_snapshot_get_name (snapshot->model);
  gboolean memory = FALSE, readable = TRUE;

  for (guint i = 0; i < vmp_snapshot_get_n_disks (snapshot->model); i++)
    {
      VmpImportFile *image = find_internal (snapshot, i);

      if (image == NULL)
        continue;
      if (image->source == VMP_NO_SOURCE
          || !vmp_source_list_check (plan->sources, image->source, NULL))
        readable = FALSE;
      else if (!vmp_reading_has_snapshot (
                   vmp_source_list_get_reading (plan->sources, image->source), name, &memory))
        vmp_import_plan_add_finding (
            plan,
            vmp_finding_new (VMP_FINDING_SNAPSHOT_MISSING, "", -1,
                             _ ("The image of the disk “%s” (“%s”) does not hold the snapshot “%s”"),
                             vmp_snapshot_get_disk_target (snapshot->model, i), image->found, name),
            NULL);
    }
  if (vmp_snapshot_get_memory (snapshot->model) == VMP_SNAPSHOT_INTERNAL && readable && !memory)
    vmp_import_plan_add_finding (
        plan,
        vmp_finding_new (VMP_FINDING_SNAPSHOT_MISSING, "", -1,
                         _ ("None of the disks holds the memory of the snapshot “%s”"), name),
        NULL);
}

/* The same of the finished @image, by what the inspector read of it. */
gboolean
vmp_import_plan_check_ghosts (VmpImportPlan *plan, VmpImportFile *image, GVariant *reading,
                              GError **error)
{
  for (guint i = 0; i < plan->snapshots->len; i++)
    {
      VmpImportSnapshot *snapshot = g_ptr_array_index (plan->snapshots, i);
      const char *name = vmp_snapshot_get_name (snapshot->model);

      for (guint n = 0; n < vmp_snapshot_get_n_disks (snapshot->model); n++)
        {
          gboolean memory;

          if (find_internal (snapshot, n) == image && !vmp_reading_has_snapshot (reading, name, &memory))
            return vmp_error_set (error, VMPORT_ERROR_UNSAFE,
                                  _ ("“%s” does not hold the snapshot “%s” any more; somebody "
                                     "changed it meanwhile"),
                                  image->found, name);
        }
    }
  return TRUE;
}

static void
report_memory (VmpImportPlan *plan, VmpImportSnapshot *snapshot, const char *why)
{
  vmp_import_plan_add_finding (plan,
                               vmp_finding_new (VMP_FINDING_SAVED_STATE_UNUSABLE, "", -1,
                                                _ ("The memory of the snapshot “%s”: %s"),
                                                vmp_snapshot_get_name (snapshot->model), why),
                               NULL);
}

/* What libvirt saved has a configuration of its own, which comes through the same door. */
static gboolean
settle_memory (VmpImportPlan *plan, VmpImportSnapshot *snapshot, const char *policy,
               GError **error)
{
  VmpImportFile *file = snapshot->memory;
  g_autoptr (GVariant) domain = NULL;
  g_autoptr (GError) why = NULL;
  GVariant *reading;
  const char *cookie;

  if (file == NULL || !file->save_image || file->source == VMP_NO_SOURCE
      || vmp_import_plan_is_missing (plan, file->source))
    return TRUE;
  if (!vmp_source_list_check (plan->sources, file->source, &why))
    {
      report_memory (plan, snapshot, why->message);
      return TRUE;
    }
  reading = vmp_source_list_get_reading (plan->sources, file->source);
  if (!g_variant_lookup (reading, "Domain", "v", &domain))
    return vmp_error_set (error, VMPORT_ERROR_FAILED,
                          "The worker does not say what a snapshot's memory is of");
  snapshot->memory_domain = vmp_domain_new_from_variant (domain, error);
  if (snapshot->memory_domain == NULL)
    return FALSE;
  if (vmp_domain_is_unsafe (snapshot->memory_domain) && strcmp (policy, "keep") != 0)
    report_memory (plan, snapshot, _ ("it is of devices that reach into the host"));
  if (g_variant_lookup (reading, "Cookie", "&s", &cookie))
    {
      snapshot->memory_cookie = vmp_save_cookie_rewrite (cookie, error);
      return snapshot->memory_cookie != NULL;
    }
  return TRUE;
}

/* After the sources are settled. */
gboolean
vmp_import_plan_settle_snapshots (VmpImportPlan *plan, VmpSettings *settings, GError **error)
{
  const char *policy = vmp_settings_get_string (settings, "UnsafeDevices");

  for (guint i = 0; i < plan->snapshots->len; i++)
    {
      VmpImportSnapshot *snapshot = g_ptr_array_index (plan->snapshots, i);

      report_ghosts (plan, snapshot);
      if (!settle_memory (plan, snapshot, policy, error))
        return FALSE;
    }
  return TRUE;
}

/* What rewriting takes. */
typedef struct
{
  VmpImportPlan *plan;
  VmpImportSnapshot *snapshot;
  VmpImportPathFunc path_of;
  gpointer data;
} Writing;

static const char *
path_of (Writing *self, VmpImportFile *file)
{
  return self->path_of (file, self->data);
}

static VmpImportFile *
find_medium (VmpImportPlan *plan, const char *path)
{
  for (guint i = 0; i < plan->media->len; i++)
    {
      VmpImportDisk *drive = g_ptr_array_index (plan->media, i);
      VmpImportFile *top = g_ptr_array_index (drive->images, 0);

      if (strcmp (top->path, path) == 0)
        return top;
    }
  return NULL;
}

static void
set_images (Writing *self, VmpDomain *domain, guint disk, VmpImportFile *const *images, guint n)
{
  g_autoptr (GPtrArray) paths = g_ptr_array_new ();
  g_autoptr (GPtrArray) formats = g_ptr_array_new ();

  for (guint i = 0; i < n; i++)
    {
      g_ptr_array_add (paths, (gpointer) path_of (self, images[i]));
      g_ptr_array_add (formats, images[i]->format);
    }
  g_ptr_array_add (paths, NULL);
  g_ptr_array_add (formats, NULL);
  vmp_domain_set_images (domain, disk, (const char *const *) paths->pdata,
                         (const char *const *) formats->pdata);
}

static void
write_disks (Writing *self, VmpDomain *domain)
{
  for (guint i = 0; i < vmp_domain_get_n_disks (domain); i++)
    {
      gboolean is_disk = vmp_domain_get_disk_device (domain, i) == VMP_DISK_DEVICE_DISK;
      VmpImportChain *chain = vmp_import_snapshot_find_chain (
          self->snapshot, vmp_domain_get_disk_target (domain, i));
      VmpImportFile *medium;

      if (vmp_domain_get_n_images (domain, i) == 0)
        continue;
      medium = is_disk ? NULL : find_medium (self->plan, vmp_domain_get_image_path (domain, i, 0));
      if (is_disk && chain != NULL)
        set_images (self, domain, i, (VmpImportFile *const *) chain->images->pdata,
                    chain->images->len);
      else
        set_images (self, domain, i, &medium, medium != NULL ? 1 : 0);
    }
}

static void
write_files (Writing *self, VmpDomain *domain)
{
  VmpImportPlan *plan = self->plan;

  for (guint i = 0; i < VMP_DOMAIN_N_FILES; i++)
    {
      const char *path = vmp_domain_get_file (domain, i);

      if (path == NULL)
        continue;
      if (plan->files[i] != NULL)
        vmp_domain_set_file (domain, i, path_of (self, plan->files[i]));
      else if (g_strcmp0 (path, vmp_domain_get_file (plan->domain, i)) != 0)
        vmp_domain_set_file (domain, i, NULL);
    }
}

/* An adapter that the machine has, too, is connected to what that one is; another one as the first
 * adapter that was connected to the same. */
static const VmpImportAdapter *
find_adapter (VmpImportPlan *plan, const char *mac, const char *connection)
{
  for (guint i = 0; mac != NULL && i < plan->adapters->len; i++)
    {
      VmpImportAdapter *adapter = g_ptr_array_index (plan->adapters, i);

      if (adapter->mac != NULL && g_ascii_strcasecmp (adapter->mac, mac) == 0)
        return adapter;
    }
  for (guint i = 0; i < plan->adapters->len; i++)
    {
      VmpImportAdapter *adapter = g_ptr_array_index (plan->adapters, i);

      if (strcmp (adapter->connection, connection) == 0)
        return adapter;
    }
  return NULL;
}

static void
write_interface (Writing *self, VmpDomain *domain, guint interface)
{
  VmpImportPlan *plan = self->plan;
  const char *mac = vmp_domain_get_interface_mac (domain, interface);
  g_autofree char *connection = vmp_domain_get_interface_connection (domain, interface);
  const VmpImportAdapter *adapter = find_adapter (plan, mac, connection);
  const char *generated = NULL;

  if (mac != NULL)
    {
      g_autofree char *key = g_ascii_strdown (mac, -1);

      generated = g_hash_table_lookup (plan->macs, key);
    }
  if (generated != NULL)
    vmp_domain_set_interface_mac (domain, interface, generated);
  /* What is passed through stays what it is. */
  if (vmp_domain_is_interface_unsafe (domain, interface))
    return;
  if (adapter != NULL)
    vmp_domain_set_interface_source (domain, interface, adapter->kind, adapter->source);
  else if (!g_strv_contains ((const char *const *) plan->networks, connection))
    vmp_domain_set_interface_source (domain, interface, VMP_NETWORK_NONE, NULL);
}

static void
write_domain (Writing *self, VmpDomain *domain)
{
  if (domain == NULL)
    return;
  vmp_domain_set_name (domain, vmp_domain_get_name (self->plan->domain));
  vmp_domain_set_uuid (domain, vmp_domain_get_uuid (self->plan->domain));
  vmp_domain_set_note (domain, VMP_DOMAIN_NOTE_SCOPE, NULL);
  vmp_domain_set_note (domain, VMP_DOMAIN_NOTE_JOB, NULL);
  write_disks (self, domain);
  write_files (self, domain);
  for (guint i = 0; i < vmp_domain_get_n_interfaces (domain); i++)
    write_interface (self, domain, i);
}

static VmpImportFile *
find_image (VmpImportPlan *plan, const char *path)
{
  g_autoptr (GPtrArray) files = vmp_import_plan_list_files (plan);

  for (guint i = 0; i < files->len; i++)
    {
      VmpImportFile *file = g_ptr_array_index (files, i);

      if (file->format != NULL && strcmp (file->path, path) == 0)
        return file;
    }
  return NULL;
}

/* The overlays that a snapshot made. One that did not come along must not go by its old path: there
 * may be somebody else's file here, which goes with the snapshot one day. */
static void
write_overlays (Writing *self)
{
  VmpSnapshot *model = self->snapshot->model;

  for (guint i = 0; i < vmp_snapshot_get_n_disks (model); i++)
    {
      const char *path = vmp_snapshot_get_disk_path (model, i);
      VmpImportFile *file = path != NULL ? find_image (self->plan, path) : NULL;
      VmpImportChain *chain = vmp_import_snapshot_find_chain (
          self->snapshot, vmp_snapshot_get_disk_target (model, i));
      g_autofree char *format = g_strdup (vmp_snapshot_get_disk_format (model, i));
      g_autofree char *folder = NULL;
      g_autofree char *name = NULL;
      g_autofree char *gone = NULL;

      if (path == NULL)
        continue;
      if (file != NULL)
        {
          vmp_snapshot_set_disk_image (model, i, path_of (self, file), file->format);
          continue;
        }
      folder = chain != NULL
                   ? g_path_get_dirname (path_of (self, g_ptr_array_index (chain->images, 0)))
                   : g_strdup ("/");
      name = g_strdup_printf ("%s-%s.missing", self->snapshot->folder,
                              vmp_snapshot_get_disk_target (model, i));
      gone = g_build_filename (folder, name, NULL);
      vmp_snapshot_set_disk_image (model, i, gone, format);
    }
}

/* Fits every snapshot to the machine, whose configuration has all that is new in it. */
void
vmp_import_plan_write_snapshots (VmpImportPlan *plan, VmpImportPathFunc func, gpointer data)
{
  for (guint i = 0; i < plan->snapshots->len; i++)
    {
      VmpImportSnapshot *snapshot = g_ptr_array_index (plan->snapshots, i);
      Writing writing = { plan, snapshot, func, data };

      write_domain (&writing, vmp_snapshot_get_domain (snapshot->model));
      write_domain (&writing, vmp_snapshot_get_inactive_domain (snapshot->model));
      write_overlays (&writing);
      if (snapshot->memory != NULL)
        vmp_snapshot_set_memory_path (snapshot->model, func (snapshot->memory, data));
      if (snapshot->memory_domain != NULL)
        vmp_domain_take_identity (snapshot->memory_domain,
                                  vmp_snapshot_get_domain (snapshot->model));
    }
}

char *
vmp_import_plan_write_memory (VmpImportPlan *plan, VmpImportFile *file, const char **cookie)
{
  for (guint i = 0; i < plan->snapshots->len; i++)
    {
      VmpImportSnapshot *snapshot = g_ptr_array_index (plan->snapshots, i);

      if (snapshot->memory != file || snapshot->memory_domain == NULL)
        continue;
      *cookie = snapshot->memory_cookie;
      return vmp_domain_to_xml (snapshot->memory_domain);
    }
  return NULL;
}
