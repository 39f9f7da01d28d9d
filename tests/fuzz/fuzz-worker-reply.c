/* What a worker answers, of any kind, while a machine is exported, imported or verified: the work goes
 * on or fails, and the daemon is none the worse. The first letter says what is done: E (CheckExport), S
 * (GetImportSettings), I (CheckImport) or V (Verify); the rest is a{sv} in GVariant's text, what each
 * method answers. DomainXml and PackageXml stand for what a worker makes of such documents. */
#include <fcntl.h>
#include <gio/gio.h>
#include <gio/gunixfdlist.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"
#include "util/vmp-fd.h"
#include "vmp-directory.h"
#include "vmp-export.h"
#include "vmp-import.h"
#include "vmp-package.h"
#include "vmp-verify.h"

#define UUID "6f1c9a3e-5b0d-4c7e-8a52-000000000001"

static struct
{
  VmpMachines *machines;
  VmpRecords *records;
  VmpIdentity *identity;
  GVariant *says;
} world;

/* In the place of these functions of the daemon (meson.build): there is no process, and one thread. */
VmpWorkerHost *__wrap_vmp_worker_host_start (const VmpWorkerConfig *config, VmpIdentity *identity,
                                             VmpPlaces *places, GCancellable *cancellable,
                                             GError **error);
VmpWorkerHost *__wrap_vmp_worker_host_start_another (VmpWorkerHost *self, VmpPlaces *places,
                                                     GError **error);
GVariant *__wrap_vmp_worker_host_call (VmpWorkerHost *self, const char *method,
                                       GVariant *parameters, const char *reply_type,
                                       GUnixFDList *fds, GUnixFDList **fds_out, GError **error);
void __wrap_vmp_run_in_main (VmpMainFunc func, gpointer data);
void __wrap_vmp_run_follow (VmpRun *self, VmpWorkerHost *worker);
void __wrap_vmp_run_unfollow (VmpRun *self);

VmpWorkerHost *
__wrap_vmp_worker_host_start (const VmpWorkerConfig *config, VmpIdentity *identity,
                              VmpPlaces *places, GCancellable *cancellable, GError **error)
{
  return g_object_new (VMP_TYPE_WORKER_HOST, NULL);
}

VmpWorkerHost *
__wrap_vmp_worker_host_start_another (VmpWorkerHost *self, VmpPlaces *places, GError **error)
{
  return g_object_new (VMP_TYPE_WORKER_HOST, NULL);
}

void
__wrap_vmp_run_in_main (VmpMainFunc func, gpointer data)
{
  func (data);
}

void
__wrap_vmp_run_follow (VmpRun *self, VmpWorkerHost *worker)
{
}

void
__wrap_vmp_run_unfollow (VmpRun *self)
{
}

static void
add_document (GVariantDict *answer, const char *key, const char *of, GVariant *(*read) (const char *))
{
  const char *xml;
  GVariant *document;

  if (!g_variant_dict_lookup (answer, of, "&s", &xml))
    return;
  document = read (xml);
  if (document != NULL)
    g_variant_dict_insert_value (answer, key, g_variant_new_variant (document));
}

static GVariant *
read_domain (const char *xml)
{
  g_autoptr (VmpDomain) domain = vmp_domain_new_from_xml (xml, strlen (xml), NULL, NULL);

  return domain != NULL ? vmp_domain_to_variant (domain) : NULL;
}

static GVariant *
read_package (const char *xml)
{
  g_autoptr (VmpPackage) package = vmp_package_new_from_xml (xml, strlen (xml), NULL);

  return package != NULL ? vmp_package_to_variant (package) : NULL;
}

/* Readings bear the numbers that they were asked for by, or what follows would rarely be reached; more
 * of them than were asked for are as they are. */
static GVariant *
number_readings (GVariant *readings, GVariant *asked)
{
  gsize n = g_variant_n_children (asked);
  GVariantBuilder builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE ("a(ua{sv})"));
  for (gsize i = 0; i < MAX (n, g_variant_n_children (readings)); i++)
    {
      g_autoptr (GVariant) reading = NULL;
      guint32 id;

      if (g_variant_n_children (readings) == 0)
        break;
      g_variant_get_child (readings, i % g_variant_n_children (readings), "(u@a{sv})", &id,
                           &reading);
      if (i < n && id < 1000)
        g_variant_get_child (asked, i, "(u@a{sv})", &id, NULL);
      g_variant_builder_add (&builder, "(u@a{sv})", id, reading);
    }
  return g_variant_builder_end (&builder);
}

static GVariant *
make_answer (const char *method, GVariant *said, GVariant *parameters)
{
  if (strcmp (method, "OpenPackage") == 0)
    {
      GVariantDict answer;

      g_variant_dict_init (&answer, said);
      add_document (&answer, "Domain", "DomainXml", read_domain);
      add_document (&answer, "Package", "PackageXml", read_package);
      return g_variant_dict_end (&answer);
    }
  if (strcmp (method, "AddSources") == 0)
    {
      g_autoptr (GVariant) asked = g_variant_get_child_value (parameters, 0);

      return number_readings (said, asked);
    }
  return g_variant_ref (said);
}

static void
add_descriptors (GUnixFDList **fds_out)
{
  vmp_autofd int file = memfd_create ("file", MFD_CLOEXEC);
  vmp_autofd int folder = open ("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

  if (fds_out == NULL)
    return;
  *fds_out = g_unix_fd_list_new ();
  g_unix_fd_list_append (*fds_out, file, NULL);
  g_unix_fd_list_append (*fds_out, folder, NULL);
}

GVariant *
__wrap_vmp_worker_host_call (VmpWorkerHost *self, const char *method, GVariant *parameters,
                             const char *reply_type, GUnixFDList *fds, GUnixFDList **fds_out,
                             GError **error)
{
  g_autoptr (GVariant) owned = parameters != NULL ? g_variant_ref_sink (parameters) : NULL;
  g_autoptr (GVariant) said = g_variant_lookup_value (world.says, method, NULL);
  g_autoptr (GVariant) answer = NULL;
  GVariant *reply;

  if (said == NULL)
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_FAILED, "The worker says nothing");
      return NULL;
    }
  if (g_variant_is_of_type (said, G_VARIANT_TYPE ("a{sv}"))
      || g_variant_is_of_type (said, G_VARIANT_TYPE ("a(ua{sv})")))
    answer = make_answer (method, said, owned);
  else
    answer = g_variant_ref (said);
  g_variant_ref_sink (answer);
  reply = g_variant_ref_sink (g_variant_new_tuple (&answer, 1));
  if (!g_variant_is_of_type (reply, G_VARIANT_TYPE (reply_type)))
    {
      g_variant_unref (reply);
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_FAILED, "The worker says something else");
      return NULL;
    }
  add_descriptors (fds_out);
  return reply;
}

static void
set_up (void)
{
  static const char *const networks[] = { "bridge:lab", "user", NULL };
  static const char *const none[] = { NULL };
  static const char domain[]
      = "<domain type='kvm'><name>web</name><uuid>" UUID "</uuid><memory>65536</memory>"
        "<os><type arch='x86_64' machine='pc'>hvm</type></os><devices><disk type='file' "
        "device='disk'><driver name='qemu' type='qcow2'/><source file='%s/" UUID
        "/Virtual Hard Disks/disk.qcow2'/><target dev='vda' bus='virtio'/></disk>"
        "<disk type='file' device='disk'><driver name='qemu' type='raw'/><source "
        "file='/elsewhere/disk.raw'/><target dev='vdb' bus='virtio'/></disk></devices></domain>";
  g_autoptr (GError) error = NULL;
  g_autofree char *base = g_dir_make_tmp ("vmport-fuzz-XXXXXX", &error);
  g_autofree char *root = g_build_filename (base, "store", NULL);
  g_autofree char *disks = g_build_filename (root, UUID, "Virtual Hard Disks", NULL);
  g_autofree char *folder = g_build_filename (root, UUID, "Virtual Machines", NULL);
  g_autofree char *disk = g_build_filename (disks, "disk.qcow2", NULL);
  g_autofree char *file = g_build_filename (folder, UUID ".xml", NULL);
  g_autofree char *xml = g_strdup_printf (domain, root);
  g_autoptr (VmpScopes) scopes = NULL;
  VmpDirectory *directory;

  g_assert_cmpint (g_mkdir_with_parents (disks, 0700), ==, 0);
  g_assert_cmpint (g_mkdir_with_parents (folder, 0700), ==, 0);
  g_assert_true (g_file_set_contents (disk, "the disk", -1, NULL));
  g_assert_true (g_file_set_contents (file, xml, -1, NULL));
  scopes = vmp_scopes_open (base, none, &error);
  g_assert_no_error (error);
  directory = vmp_directory_new ("store", root, networks, &error);
  g_assert_no_error (error);
  world.machines = VMP_MACHINES (directory);
  vmp_machines_set_scopes (world.machines, scopes);
  vmp_directory_load_all (directory, &error);
  g_assert_no_error (error);
  world.records = vmp_records_open (base, &error);
  g_assert_no_error (error);
  world.identity = vmp_identity_new (getuid (), FALSE, &error);
  g_assert_no_error (error);
}

static GVariant *
check_import (VmpRun *run, gboolean only_settings, GError **error)
{
  g_autoptr (GVariant) none = g_variant_ref_sink (g_variant_new ("a{sv}", NULL));
  g_autoptr (VmpSettings) settings = vmp_settings_new (VMP_SETTINGS_IMPORT, none, NULL);
  g_autoptr (VmpFolder) folder = vmp_folder_new ("/somewhere");
  VmpImportRequest *request = vmp_import_request_new (folder, settings);
  GVariant *result = only_settings ? vmp_import_settings_work (run, request, error)
                                   : vmp_import_check_work (run, request, error);

  vmp_import_request_free (request);
  return result;
}

static GVariant *
check_export (VmpRun *run, GError **error)
{
  g_autoptr (GVariant) none = g_variant_ref_sink (g_variant_new ("a{sv}", NULL));
  g_autoptr (VmpSettings) settings = vmp_settings_new (VMP_SETTINGS_EXPORT, none, NULL);
  g_autoptr (VmpFolder) folder = vmp_folder_new ("/somewhere");
  g_autoptr (VmpMachine) machine = vmp_machines_lookup (world.machines, UUID);
  g_autoptr (VmpExportRequest) request = NULL;

  g_assert_nonnull (machine);
  request = vmp_export_request_new (machine, folder, settings);
  return vmp_export_check_work (run, request, error);
}

static GVariant *
work (VmpRun *run, char what, GError **error)
{
  g_autoptr (VmpFolder) folder = vmp_folder_new ("/somewhere");

  if (what == 'E')
    return check_export (run, error);
  if (what == 'V')
    return vmp_verify_work (run, folder, error);
  return check_import (run, what == 'S', error);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  static const VmpWorkerConfig config = { .timeout_seconds = 1 };
  g_autoptr (VmpJob) job = NULL;
  g_autoptr (VmpRun) run = NULL;
  g_autoptr (GVariant) result = NULL;
  g_autoptr (GError) error = NULL;

  if (size < 2 || !g_utf8_validate ((const char *) data, (gssize) size, NULL))
    return 0;
  world.says = g_variant_parse (G_VARIANT_TYPE_VARDICT, (const char *) data + 1,
                                (const char *) data + size, NULL, NULL);
  if (world.says == NULL)
    return 0;
  if (world.machines == NULL)
    set_up ();
  job = vmp_job_new (1, "store", "Import", getuid ());
  run = vmp_run_new (job, world.machines, world.identity, world.records, &config);
  result = work (run, (char) data[0], &error);
  if (result != NULL)
    g_variant_ref_sink (result);
  g_assert_true ((result == NULL) == (error != NULL));
  if (error != NULL)
    g_assert_true (g_utf8_validate (error->message, -1, NULL));
  g_clear_pointer (&world.says, g_variant_unref);
  return 0;
}
