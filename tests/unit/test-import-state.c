/* A state that libvirt saved, from a store out into a package and in again for another machine: the
 * store with one member more of the interface, with the real worker. */
#include "config.h"

#include "scratch.h"
#include "vmp-at.h"
#include "vmp-directory.h"
#include "vmp-export.h"
#include "vmp-import.h"
#include "vmp-jobs.h"
#include "vmp-save-image.h"
#include "vmport-error.h"

#define UUID "6f1c9a3e-5b0d-4c7e-8a52-000000000001"
#define MAC "52:54:00:11:22:33"
#define VM_FOLDER UUID "/Virtual Machines/" UUID
#define MEMORY "QEVM\0\0\0\3 and so on"
#define COOKIE "<cookie>\n  <cpu mode='custom'>\n    <model>qemu64</model>\n  </cpu>\n</cookie>\n"

#define DOMAIN(disk_, extra_) \
  "<domain type='qemu'><name>web</name><uuid>" UUID "</uuid>" \
  "<memory unit='KiB'>65536</memory><vcpu>1</vcpu>" \
  "<os><type arch='x86_64' machine='pc-i440fx-7.2'>hvm</type></os><devices>" \
  "<emulator>/usr/bin/qemu-system-x86_64</emulator>" \
  "<disk type='file' device='disk'><driver name='qemu' type='raw'/>" \
  "<source file='" disk_ "'/><target dev='vda' bus='virtio'/></disk>" \
  "<interface type='user'><mac address='" MAC "'/><model type='virtio'/></interface>" \
  extra_ "</devices></domain>"

#define VNC "<graphics type='vnc' port='-1' autoport='yes' passwd='sEcret'/>"

typedef struct
{
  char *base;
  char *worker;
  VmpDirectory *directory;
  VmpMachines *machines;
  VmpJobs *jobs;
  VmpIdentity *identity;
} Host;

static const char *const formats[] = { "none", "gzip", NULL };

static const char *const *
get_formats (VmpMachines *machines)
{
  return formats;
}

static char *
path_in (Host *host, const char *name)
{
  return g_build_filename (host->base, name, NULL);
}

static void
put (Host *host, const char *name, const void *content, gsize size)
{
  g_autofree char *whole = path_in (host, name);
  g_autofree char *folder = g_path_get_dirname (whole);
  g_autoptr (GError) error = NULL;

  g_assert_cmpint (g_mkdir_with_parents (folder, 0700), ==, 0);
  g_file_set_contents (whole, content, (gssize) size, &error);
  g_assert_no_error (error);
}

/* With @slack bytes behind the texts. */
static void
put_state (Host *host, const char *xml, const char *cookie, guint32 compression, gsize slack)
{
  g_autoptr (GByteArray) file = g_byte_array_new ();
  gsize xml_size = strlen (xml) + 1, cookie_size = strlen (cookie) + 1;
  const guint32 numbers[5] = { 2, (guint32) (xml_size + cookie_size + slack), 1, compression,
                               (guint32) xml_size };
  g_autofree guint8 *zeros = g_malloc0 (MAX (slack, 56));

  g_byte_array_append (file, (const guint8 *) "LibvirtQemudSave", 16);
  g_byte_array_append (file, (const guint8 *) numbers, sizeof numbers);
  g_byte_array_append (file, zeros, 56);
  g_byte_array_append (file, (const guint8 *) xml, (guint) xml_size);
  g_byte_array_append (file, (const guint8 *) cookie, (guint) cookie_size);
  g_byte_array_append (file, zeros, (guint) slack);
  g_byte_array_append (file, (const guint8 *) MEMORY, sizeof MEMORY - 1);
  put (host, "store/" VM_FOLDER "/state.save", file->data, file->len);
}

static void
set_up (Host *host, gconstpointer data)
{
  static const char *const networks[] = { "user", NULL };
  static const char *const none[] = { NULL };
  g_autoptr (GError) error = NULL;
  g_autoptr (VmpScopes) scopes = NULL;
  g_autofree char *root = NULL;
  g_autofree char *disk = NULL;
  g_autofree char *state = NULL;
  g_autofree char *xml = NULL;
  VmpJobsConfig config = {
    .max_running = 1,
    .max_per_user = 10,
    .retention_usec = 60 * G_USEC_PER_SEC,
    .leftover_retry_seconds = 60,
    .worker = { .timeout_seconds = 30 },
  };

  host->base = g_dir_make_tmp ("vmport-test-XXXXXX", &error);
  g_assert_no_error (error);
  root = path_in (host, "store");
  disk = g_build_filename (root, UUID "/Virtual Hard Disks/disk.raw", NULL);
  xml = g_strdup_printf (DOMAIN ("%s", VNC), disk);
  put (host, "store/" VM_FOLDER ".xml", xml, strlen (xml));
  put (host, "store/" UUID "/Virtual Hard Disks/disk.raw", "disk", 4);

  scopes = vmp_scopes_open (host->base, none, &error);
  g_assert_no_error (error);
  host->directory = vmp_directory_new ("store", root, networks, &error);
  g_assert_no_error (error);
  host->machines = VMP_MACHINES (host->directory);
  vmp_machines_set_scopes (host->machines, scopes);
  VMP_MACHINES_GET_IFACE (host->machines)->get_state_formats = get_formats;
  host->worker = g_test_build_filename (G_TEST_BUILT, "..", "..", "daemon", "worker",
                                        "vmport-worker", NULL);
  config.worker.program = host->worker;
  state = path_in (host, "jobs");
  g_assert_cmpint (g_mkdir (state, 0700), ==, 0);
  host->jobs = vmp_jobs_new (&config, state, &error);
  g_assert_no_error (error);
  host->identity = vmp_identity_new (geteuid (), FALSE, &error);
  g_assert_no_error (error);
}

static void
tear_down (Host *host, gconstpointer data)
{
  vmp_autofd int top = open ("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  g_autoptr (GError) error = NULL;

  VMP_MACHINES_GET_IFACE (host->machines)->get_state_formats = NULL;
  g_clear_object (&host->jobs);
  g_clear_object (&host->directory);
  vmp_identity_unref (host->identity);
  vmp_at_remove_tree (top, host->base + 1, &error);
  g_assert_no_error (error);
  g_free (host->base);
  g_free (host->worker);
}

static gboolean
on_deadline (gpointer data)
{
  g_error ("the job does not end");
  return G_SOURCE_REMOVE;
}

static VmpJob *
run (Host *host, const char *operation, VmpFolder *folder, VmpWork work, gpointer plan,
     GDestroyNotify free_plan)
{
  g_autoptr (GError) error = NULL;
  guint deadline = g_timeout_add_seconds (60, on_deadline, NULL);
  VmpJob *job = vmp_jobs_add (host->jobs, host->machines, operation, host->identity, 0, &error);

  g_assert_no_error (error);
  vmp_jobs_submit (host->jobs, job, host->machines, host->identity, folder, work, plan, free_plan,
                   &error);
  g_assert_no_error (error);
  while (!vmp_job_is_ended (job))
    g_main_context_iteration (NULL, TRUE);
  g_source_remove (deadline);
  return job;
}

static VmpJob *
export (Host *host, GVariant *given)
{
  g_autoptr (GVariant) owned = g_variant_ref_sink (given);
  g_autoptr (GError) error = NULL;
  g_autofree char *path = path_in (host, "package");
  g_autoptr (VmpFolder) folder = vmp_folder_new (path);
  g_autoptr (VmpSettings) settings = vmp_settings_new (VMP_SETTINGS_EXPORT, owned, &error);
  VmpMachine *machine;

  g_assert_no_error (error);
  vmp_directory_load_all (host->directory, &error);
  g_assert_no_error (error);
  machine = vmp_machines_lookup (host->machines, UUID);
  g_assert_nonnull (machine);
  return run (host, "Export", folder, vmp_export_work,
              vmp_export_request_new (machine, folder, settings),
              (GDestroyNotify) vmp_export_request_free);
}

static VmpJob *
import (Host *host, GVariant *given)
{
  g_autoptr (GVariant) owned = g_variant_ref_sink (given);
  g_autoptr (GError) error = NULL;
  g_autofree char *path = path_in (host, "package");
  g_autoptr (VmpFolder) folder = vmp_folder_new (path);
  g_autoptr (VmpSettings) settings = vmp_settings_new (VMP_SETTINGS_IMPORT, owned, &error);

  g_assert_no_error (error);
  return run (host, "Import", folder, vmp_import_work, vmp_import_request_new (folder, settings),
              (GDestroyNotify) vmp_import_request_free);
}

static GVariant *
nothing (void)
{
  return g_variant_new_array (G_VARIANT_TYPE ("{sv}"), NULL, 0);
}

static GVariant *
setting (const char *key, GVariant *value)
{
  GVariantDict dict;

  g_variant_dict_init (&dict, NULL);
  g_variant_dict_insert (&dict, "Name", "s", "copy");
  g_variant_dict_insert_value (&dict, key, value);
  return g_variant_dict_end (&dict);
}

static GVariant *
copy_named (void)
{
  return setting ("Name", g_variant_new_string ("copy"));
}

static void
assert_ended_well (VmpJob *job)
{
  g_assert_no_error (vmp_job_get_error (job));
}

/* The one finding of a job that has no other but the size. */
static void
assert_finding (VmpJob *job, const char *code, const char *part)
{
  g_autoptr (GVariant) described = g_variant_ref_sink (vmp_job_describe (job));
  g_autoptr (GVariant) findings = g_variant_lookup_value (described, "Findings",
                                                          G_VARIANT_TYPE ("aa{sv}"));
  gboolean found = FALSE;

  g_assert_nonnull (findings);
  for (gsize i = 0; i < g_variant_n_children (findings); i++)
    {
      g_autoptr (GVariant) finding = g_variant_get_child_value (findings, i);
      const char *has, *message;

      g_variant_lookup (finding, "Code", "&s", &has);
      g_variant_lookup (finding, "Message", "&s", &message);
      if (strcmp (has, "PackageSize") == 0)
        continue;
      g_assert_cmpstr (has, ==, code);
      if (strstr (message, part) == NULL)
        g_error ("“%s” is not in “%s”", part, message);
      found = TRUE;
    }
  g_assert_true (found);
}

/* The UUID of the machine that the import made. */
static char *
get_uuid (VmpJob *job)
{
  GVariant *result = vmp_job_get_result (job);
  const char *path;

  g_assert_true (g_variant_lookup (result, "ImportedVirtualMachine", "&o", &path));
  return g_strdelimit (g_path_get_basename (path), "_", '-');
}

static void
read_state (Host *host, const char *uuid, VmpSaveImage *image)
{
  g_autofree char *path = g_strdup_printf ("%s/store/%s/Virtual Machines/%s/state.save",
                                           host->base, uuid, uuid);
  g_autoptr (GError) error = NULL;
  vmp_autofd int fd = open (path, O_RDONLY | O_CLOEXEC);
  char memory[sizeof MEMORY - 1];

  g_assert_cmpint (fd, >=, 0);
  vmp_save_image_read (fd, "the copy", image, &error);
  g_assert_no_error (error);
  g_assert_cmpint (pread (fd, memory, sizeof memory, (off_t) image->head_size), ==,
                   sizeof memory);
  g_assert_cmpmem (memory, sizeof memory, MEMORY, sizeof memory);
}

/* Both texts of the copy are fresh: the new machine's names and files, none of the old one's
 * secrets, and nothing that this host would choose itself. */
static void
check_copy (Host *host, const char *uuid)
{
  g_autofree char *disk = g_strdup_printf ("%s/store/%s/Virtual Hard Disks/disk.raw", host->base,
                                           uuid);
  g_auto (VmpSaveImage) image = { 0 };
  g_autoptr (VmpDomain) domain = NULL;
  g_autoptr (GError) error = NULL;
  VmpMachine *machine = vmp_machines_lookup (host->machines, uuid);

  read_state (host, uuid, &image);
  domain = vmp_domain_new_from_xml (image.xml, strlen (image.xml), NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (vmp_domain_get_name (domain), ==, "copy");
  g_assert_cmpstr (vmp_domain_get_uuid (domain), ==, uuid);
  g_assert_cmpstr (vmp_domain_get_image_path (domain, 0, 0), ==, disk);
  g_assert_cmpstr (vmp_domain_get_interface_mac (domain, 0), !=, MAC);
  g_assert_null (strstr (image.xml, "sEcret"));
  g_assert_null (strstr (image.xml, "emulator"));
  g_assert_nonnull (strstr (image.cookie, "qemu64"));
  g_assert_null (strchr (image.cookie, '\''));
  g_assert_true (image.running);
  g_assert_nonnull (machine);
  g_assert_cmpstr (vmp_machine_get_state (machine), ==, "saved");
}

/* With as much room as libvirt leaves, and with none. */
static void
test_copy (Host *host, gconstpointer data)
{
  g_autofree char *package = NULL;
  g_autofree char *content = NULL;
  g_autofree char *uuid = NULL;
  gsize slack = GPOINTER_TO_SIZE (data), size;
  VmpJob *job;

  put_state (host, DOMAIN ("/d", VNC), COOKIE, 0, slack);
  assert_ended_well (export (host, nothing ()));
  /* The secret stays here. */
  package = path_in (host, "package/Virtual Machines/" UUID "/state.save");
  g_assert_true (g_file_get_contents (package, &content, &size, NULL));
  g_assert_null (memmem (content, size, "sEcret", 6));

  job = import (host, copy_named ());
  assert_ended_well (job);
  assert_finding (job, "StateKeepsIdentity", "UUID");
  uuid = get_uuid (job);
  check_copy (host, uuid);
}

/* Without a new id and new addresses there is nothing to warn of. */
static void
test_same_identity (Host *host, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_auto (VmpSaveImage) image = { 0 };
  g_autoptr (VmpDomain) domain = NULL;
  g_autoptr (GVariant) job_state = NULL;
  g_autoptr (GPtrArray) spared = g_ptr_array_new ();
  VmpJob *job;

  put_state (host, DOMAIN ("/d", VNC), COOKIE, 0, 65536);
  assert_ended_well (export (host, nothing ()));
  vmp_machines_remove (host->machines, vmp_machines_lookup (host->machines, UUID), TRUE, spared,
                       &error);
  g_assert_no_error (error);
  vmp_machines_forget (host->machines, UUID);
  job = import (host, setting ("GenerateNewId", g_variant_new_boolean (FALSE)));
  assert_ended_well (job);
  job_state = vmp_job_get_property_value (job, "JobState");
  g_assert_cmpuint (g_variant_get_uint16 (job_state), ==, VMP_JOB_COMPLETED);
  read_state (host, UUID, &image);
  domain = vmp_domain_new_from_xml (image.xml, strlen (image.xml), NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (vmp_domain_get_interface_mac (domain, 0), ==, MAC);
}

/* A package that somebody else made: its state as it is, with whatever is in it. */
static void
make_package (Host *host, const char *xml, const char *cookie, guint32 compression)
{
  put_state (host, xml, cookie, compression, 4096);
  VMP_MACHINES_GET_IFACE (host->machines)->get_state_formats = NULL;
  assert_ended_well (export (host, nothing ()));
  VMP_MACHINES_GET_IFACE (host->machines)->get_state_formats = get_formats;
}

static const struct
{
  const char *name;
  const char *xml;
  const char *cookie;
  guint32 compression;
  const char *code;
  const char *part;
} unusable[] = {
  { "no-domain", "<network/>", COOKIE, 0, "SavedStateUnusable", "root is not <domain>" },
  { "not-xml", "<domain>", COOKIE, 0, "SavedStateUnusable", "in the saved state" },
  { "cookie", DOMAIN ("/d", VNC), "<cookie><emulator>/tmp/x</emulator></cookie>", 0,
    "SavedStateUnusable", "cookie: emulator" },
  { "compression", DOMAIN ("/d", VNC), COOKIE, 6, "SavedStateUnusable", "“sparse”" },
  { "unknown-compression", DOMAIN ("/d", VNC), COOKIE, 60, "SavedStateUnusable", "(60)" },
  { "emulator", DOMAIN ("/d", VNC "<emulator>/tmp/script</emulator>"), COOKIE, 0,
    "SavedStateUnusable", "devices/emulator" },
  { "hostdev",
    DOMAIN ("/d", VNC "<hostdev mode='subsystem' type='pci'><source><address domain='0' bus='1' "
                      "slot='2' function='3'/></source></hostdev>"),
    COOKIE, 0, "SavedStateUnusable", "devices/hostdev" },
  { "more-devices", DOMAIN ("/d", VNC "<sound model='ich9'/>"), COOKIE, 0, "SavedStateUnusable",
    "the device “sound ich9” is not in both" },
  { "another-disk",
    DOMAIN ("/d", VNC "<disk type='file' device='disk'><driver name='qemu' type='raw'/>"
                      "<source file='/etc/shadow'/><target dev='vdb' bus='virtio'/></disk>"),
    COOKIE, 0, "SavedStateUnusable", "the disk “vdb” is not in both" },
};

static void
test_unusable (Host *host, gconstpointer data)
{
  gsize i = GPOINTER_TO_SIZE (data);
  VmpJob *job;

  make_package (host, unusable[i].xml, unusable[i].cookie, unusable[i].compression);
  job = import (host, copy_named ());
  g_assert_error (vmp_job_get_error (job), VMPORT_ERROR, VMPORT_ERROR_NOT_COMPATIBLE);
  assert_finding (job, unusable[i].code, unusable[i].part);

  /* What the finding says would mend it does. */
  job = import (host, setting ("DropSavedState", g_variant_new_boolean (TRUE)));
  assert_ended_well (job);
  {
    g_autofree char *uuid = get_uuid (job);
    VmpMachine *machine = vmp_machines_lookup (host->machines, uuid);

    g_assert_cmpstr (vmp_machine_get_state (machine), ==, "off");
  }
}

/* What is no device can be stripped from the state as from the configuration. */
static void
test_stripped (Host *host, gconstpointer data)
{
  static const char foreign[]
      = "<domain type='qemu'><metadata><x:y xmlns:x='urn:other'>words</x:y></metadata>";
  g_autofree char *xml = g_strconcat (foreign, strstr (DOMAIN ("/d", VNC), "<name>"), NULL);
  g_autofree char *uuid = NULL;
  VmpJob *job;

  make_package (host, xml, COOKIE, 0);
  job = import (host, copy_named ());
  g_assert_error (vmp_job_get_error (job), VMPORT_ERROR, VMPORT_ERROR_UNSAFE);
  job = import (host, setting ("UnsafeDevices", g_variant_new_string ("strip")));
  assert_ended_well (job);
  uuid = get_uuid (job);
  check_copy (host, uuid);
}

/* In place the state is taken along all the same: libvirt has it where it wants it. */
static void
test_in_place (Host *host, gconstpointer data)
{
  g_autofree char *package = NULL;
  g_autofree char *before = NULL;
  g_autofree char *after = NULL;
  g_autofree char *uuid = NULL;
  g_auto (VmpSaveImage) image = { 0 };
  VmpJob *job;
  gsize size;

  put_state (host, DOMAIN ("/d", VNC), COOKIE, 0, 65536);
  assert_ended_well (export (host, nothing ()));
  package = path_in (host, "package/Virtual Machines/" UUID "/state.save");
  g_assert_true (g_file_get_contents (package, &before, &size, NULL));
  job = import (host, setting ("CreateCopy", g_variant_new_boolean (FALSE)));
  assert_ended_well (job);
  uuid = get_uuid (job);
  read_state (host, uuid, &image);
  g_assert_nonnull (strstr (image.xml, "/package/Virtual Hard Disks/disk.raw"));
  g_assert_nonnull (strstr (image.xml, uuid));
  g_assert_true (g_file_get_contents (package, &after, &size, NULL));
  g_assert_cmpmem (before, size, after, size);
}

/* A state that was changed since it was exported fails the digest in the pass that rewrites it. */
static void
test_changed (Host *host, gconstpointer data)
{
  g_autofree char *package = NULL;
  struct stat st;
  vmp_autofd int fd = -1;
  VmpJob *job;

  put_state (host, DOMAIN ("/d", VNC), COOKIE, 0, 65536);
  assert_ended_well (export (host, nothing ()));
  package = path_in (host, "package/Virtual Machines/" UUID "/state.save");
  fd = open (package, O_RDWR | O_CLOEXEC);
  g_assert_cmpint (fstat (fd, &st), ==, 0);
  g_assert_cmpint (pwrite (fd, "!", 1, st.st_size - 1), ==, 1);
  job = import (host, copy_named ());
  g_assert_error (vmp_job_get_error (job), VMPORT_ERROR, VMPORT_ERROR_CORRUPT);
  g_assert_nonnull (strstr (vmp_job_get_error (job)->message, "state.save"));
}

static void
test_export_broken (Host *host, gconstpointer data)
{
  GVariantDict without;
  VmpJob *job;

  put_state (host, "<domain>", COOKIE, 0, 100);
  job = export (host, nothing ());
  g_assert_error (vmp_job_get_error (job), VMPORT_ERROR, VMPORT_ERROR_NOT_COMPATIBLE);
  assert_finding (job, "SavedStateUnusable", "The saved state: ");
  g_variant_dict_init (&without, NULL);
  g_variant_dict_insert (&without, "CopyVmRuntimeInformation", "b", FALSE);
  assert_ended_well (export (host, g_variant_dict_end (&without)));
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

#define ADD(name_, data_, func_) \
  g_test_add ("/import-state/" name_, Host, data_, set_up, func_, tear_down)
  ADD ("copy", GSIZE_TO_POINTER (65536), test_copy);
  ADD ("copy-without-room", GSIZE_TO_POINTER (0), test_copy);
  ADD ("same-identity", NULL, test_same_identity);
  ADD ("stripped", NULL, test_stripped);
  ADD ("in-place", NULL, test_in_place);
  ADD ("changed", NULL, test_changed);
  ADD ("export-broken", NULL, test_export_broken);
  for (gsize i = 0; i < G_N_ELEMENTS (unusable); i++)
    {
      g_autofree char *path = g_strdup_printf ("/import-state/unusable/%s", unusable[i].name);

      g_test_add (path, Host, GSIZE_TO_POINTER (i), set_up, test_unusable, tear_down);
    }
  return g_test_run ();
}
