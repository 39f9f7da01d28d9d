/* VmpDomain on ordinary configurations: nothing is found, and what comes out means the same. */
#include <string.h>

#include "vmp-domain.h"
#include "vmport-error.h"

/* Written by virt-install and libvirt 9.0 unless said otherwise; NAME.expected.xml is what vmport
 * makes of NAME.xml. */
static const char *const ordinary[] = {
  "chain", /* by hand, with what the others lack */
  "pc-bios", "pc-bios-inactive", "q35-live", "q35-uefi", "q35-uefi-inactive", "windows",
};

static char *
read_sample (const char *name, const char *extension)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *base = g_strconcat (name, extension, NULL);
  g_autofree char *path = g_test_build_filename (G_TEST_DIST, "domains", base, NULL);
  char *text = NULL;

  g_file_get_contents (path, &text, NULL, &error);
  g_assert_no_error (error);
  return text;
}

static VmpDomain *
parse (const char *xml)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) unsafe = NULL;
  VmpDomain *domain = vmp_domain_new_from_xml (xml, strlen (xml), &unsafe, &error);

  g_assert_no_error (error);
  for (guint i = 0; i < unsafe->len; i++)
    {
      VmpUnsafe *finding = g_ptr_array_index (unsafe, i);

      g_test_message ("%s: %s", finding->location, finding->reason);
    }
  g_assert_cmpuint (unsafe->len, ==, 0);
  return domain;
}

static VmpDomain *
parse_sample (const char *name)
{
  g_autofree char *xml = read_sample (name, ".xml");

  return parse (xml);
}

static void
test_ordinary (gconstpointer data)
{
  g_autoptr (VmpDomain) domain = parse_sample (data);
  g_autofree char *expected = read_sample (data, ".expected.xml");
  g_autofree char *written = vmp_domain_to_xml (domain);
  g_autoptr (VmpDomain) again = parse (written);
  g_autofree char *rewritten = vmp_domain_to_xml (again);

  g_assert_cmpstr (written, ==, expected);
  g_assert_cmpstr (rewritten, ==, written);
  g_assert_false (vmp_domain_is_unsafe (domain));
}

static void
test_variant (gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (VmpDomain) domain = parse_sample (data);
  g_autoptr (GVariant) variant = g_variant_ref_sink (vmp_domain_to_variant (domain));
  g_autoptr (VmpDomain) again = vmp_domain_new_from_variant (variant, &error);
  g_autoptr (VmpDomain) copy = vmp_domain_copy (domain);
  g_autofree char *written = vmp_domain_to_xml (domain);
  g_autofree char *rewritten = NULL;
  g_autofree char *copied = vmp_domain_to_xml (copy);

  g_assert_no_error (error);
  rewritten = vmp_domain_to_xml (again);
  g_assert_cmpstr (rewritten, ==, written);
  g_assert_cmpstr (copied, ==, written);
}

static void
test_no_secrets (void)
{
  g_autofree char *source = read_sample ("pc-bios-inactive", ".xml");
  g_autoptr (VmpDomain) domain = parse (source);
  g_autofree char *written = vmp_domain_to_xml (domain);
  g_autoptr (GVariant) variant = g_variant_ref_sink (vmp_domain_to_variant (domain));
  g_autofree char *printed = g_variant_print (variant, FALSE);

  g_assert_nonnull (strstr (source, "passwd='secret'"));
  g_assert_null (strstr (written, "secret"));
  g_assert_null (strstr (printed, "secret"));
}

static void
test_identity (void)
{
  g_autoptr (VmpDomain) domain = parse_sample ("chain");
  g_autoptr (VmpDomain) bare = NULL;
  g_autofree char *written = NULL;

  g_assert_cmpstr (vmp_domain_get_name (domain), ==, "chain & co");
  g_assert_cmpstr (vmp_domain_get_uuid (domain), ==, "6f1c9a3e-5b0d-4c7e-8a52-000000000001");
  vmp_domain_set_name (domain, "a <b> \"c\"");
  vmp_domain_set_uuid (domain, "00000000-0000-4000-8000-000000000001");
  written = vmp_domain_to_xml (domain);
  g_assert_nonnull (strstr (written, "<name>a &lt;b&gt; \"c\"</name>"));
  g_assert_nonnull (strstr (written, "<uuid>00000000-0000-4000-8000-000000000001</uuid>"));

  bare = parse ("<domain type='qemu'><name>x</name><os><type>hvm</type></os></domain>");
  g_assert_null (vmp_domain_get_uuid (bare));
  g_assert_cmpuint (vmp_domain_get_n_disks (bare), ==, 0);
  vmp_domain_set_uuid (bare, "00000000-0000-4000-8000-000000000001");
  g_assert_cmpstr (vmp_domain_get_uuid (bare), ==, "00000000-0000-4000-8000-000000000001");
  g_assert_nonnull (vmp_domain_get_name (bare));
}

static void
test_disks (void)
{
  static const char *const paths[] = { "/new/top.qcow2", "Virtual Hard Disks/base: 1.raw", NULL };
  static const char *const formats[] = { "qcow2", "raw", NULL };
  static const char *const none[] = { NULL };
  g_autoptr (VmpDomain) domain = parse_sample ("chain");
  g_autoptr (VmpDomain) again = NULL;
  g_autofree char *written = NULL;

  g_assert_cmpuint (vmp_domain_get_n_disks (domain), ==, 2);
  g_assert_cmpint (vmp_domain_get_disk_device (domain, 0), ==, VMP_DISK_DEVICE_DISK);
  g_assert_cmpint (vmp_domain_get_disk_device (domain, 1), ==, VMP_DISK_DEVICE_CDROM);
  g_assert_cmpstr (vmp_domain_get_disk_target (domain, 0), ==, "vda");
  g_assert_cmpuint (vmp_domain_get_n_images (domain, 0), ==, 3);
  g_assert_cmpuint (vmp_domain_get_n_images (domain, 1), ==, 0);
  g_assert_cmpstr (vmp_domain_get_image_path (domain, 0, 0), ==, "/srv/vm/top.qcow2");
  g_assert_cmpstr (vmp_domain_get_image_format (domain, 0, 0), ==, "qcow2");
  g_assert_cmpstr (vmp_domain_get_image_path (domain, 0, 2), ==, "/srv/vm/base.raw");
  g_assert_cmpstr (vmp_domain_get_image_format (domain, 0, 2), ==, "raw");
  g_assert_null (vmp_domain_get_image_path (domain, 0, 3));

  vmp_domain_set_images (domain, 0, paths, formats);
  written = vmp_domain_to_xml (domain);
  again = parse (written);
  g_assert_cmpuint (vmp_domain_get_n_images (again, 0), ==, 2);
  g_assert_cmpstr (vmp_domain_get_image_path (again, 0, 0), ==, paths[0]);
  g_assert_cmpstr (vmp_domain_get_image_path (again, 0, 1), ==, paths[1]);
  g_assert_cmpstr (vmp_domain_get_image_format (again, 0, 1), ==, "raw");
  g_assert_null (strstr (written, "/srv/vm/"));
  /* The chain is ended, and the rest of the disk is as it was. */
  g_assert_nonnull (strstr (written, "<backingStore/>\n"));
  g_assert_nonnull (strstr (written, "<serial>ABC-123</serial>"));
  g_assert_nonnull (strstr (written, "io=\"native\""));

  vmp_domain_set_images (domain, 1, paths, formats);
  g_assert_cmpuint (vmp_domain_get_n_images (domain, 1), ==, 2);
  vmp_domain_set_images (domain, 1, none, none);
  g_assert_cmpuint (vmp_domain_get_n_images (domain, 1), ==, 0);
}

static void
test_host_sources (void)
{
  static const struct
  {
    const char *disk;
    gboolean host;
  } cases[] = {
    { "<disk type='block' device='disk'><source dev='/dev/sdb'/>", TRUE },
    { "<disk type='block' device='cdrom'><source dev='/dev/sr0'/>", TRUE },
    { "<disk type='block' device='cdrom'>", FALSE },
    { "<disk type='dir' device='floppy'><source dir='/srv'/>", TRUE },
    { "<disk type='file' device='cdrom'>", FALSE },
    { "<disk type='file' device='cdrom'><source file='/x.iso'/>", FALSE },
    { "<disk type='file' device='cdrom'><source startupPolicy='optional' file='/x.iso'/>", FALSE },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *xml = g_strdup_printf (
          "<domain type='qemu'><name>x</name><os><type>hvm</type></os><devices>%s"
          "<target dev='sda'/></disk></devices></domain>",
          cases[i].disk);
      g_autoptr (VmpDomain) domain = NULL;
      g_autoptr (GError) error = NULL;

      g_test_message ("%s", cases[i].disk);
      domain = vmp_domain_new_from_xml (xml, strlen (xml), NULL, &error);
      g_assert_no_error (error);
      g_assert_cmpint (vmp_domain_has_host_source (domain, 0), ==, cases[i].host);
    }
}

static void
test_format_is_not_guessed (void)
{
  g_autoptr (VmpDomain) domain
      = parse ("<domain type='qemu'><name>x</name><os><type>hvm</type></os><devices>"
               "<disk type='file'><source file='/x.img'/><target dev='vda'/></disk>"
               "</devices></domain>");

  g_assert_cmpuint (vmp_domain_get_n_images (domain, 0), ==, 1);
  g_assert_null (vmp_domain_get_image_format (domain, 0, 0));
}

static void
assert_connection (VmpDomain *domain, guint interface, const char *expected)
{
  g_autofree char *connection = vmp_domain_get_interface_connection (domain, interface);

  g_assert_cmpstr (connection, ==, expected);
}

static void
test_interfaces (void)
{
  g_autoptr (VmpDomain) domain = parse_sample ("chain");
  g_autoptr (VmpDomain) again = NULL;
  g_autofree char *before = NULL;
  g_autofree char *after = NULL;
  g_autofree char *written = NULL;

  g_assert_cmpuint (vmp_domain_get_n_interfaces (domain), ==, 2);
  g_assert_cmpstr (vmp_domain_get_interface_mac (domain, 0), ==, "52:54:00:ab:cd:ef");
  assert_connection (domain, 0, "network:default");
  assert_connection (domain, 1, "");

  before = vmp_domain_to_xml (domain);
  vmp_domain_set_interface_source (domain, 0, VMP_NETWORK_BRIDGE, "br0");
  assert_connection (domain, 0, "bridge:br0");
  vmp_domain_set_interface_source (domain, 0, VMP_NETWORK_USER, NULL);
  assert_connection (domain, 0, "user");
  vmp_domain_set_interface_source (domain, 0, VMP_NETWORK_NONE, NULL);
  assert_connection (domain, 0, "");
  written = vmp_domain_to_xml (domain);
  again = parse (written);
  assert_connection (again, 0, "");
  g_assert_cmpint (vmp_domain_get_interface_kind (again, 0), ==, VMP_NETWORK_NONE);
  g_assert_cmpstr (vmp_domain_get_interface_mac (again, 0), ==, "52:54:00:ab:cd:ef");
  vmp_domain_set_interface_source (domain, 0, VMP_NETWORK_NETWORK, "default");
  assert_connection (domain, 0, "network:default");
  after = vmp_domain_to_xml (domain);
  /* The source comes last now; nothing else changed. */
  g_assert_cmpuint (strlen (after), ==, strlen (before));
  g_assert_null (strstr (after, "state=\"down\"/>\n      <bandwidth"));

  vmp_domain_set_interface_mac (domain, 0, "52:54:00:00:00:01");
  g_assert_cmpstr (vmp_domain_get_interface_mac (domain, 0), ==, "52:54:00:00:00:01");
  vmp_domain_set_interface_mac (domain, 0, NULL);
  g_assert_null (vmp_domain_get_interface_mac (domain, 0));
}

static void
test_files (void)
{
  g_autoptr (VmpDomain) domain = parse_sample ("chain");
  g_autoptr (VmpDomain) live = parse_sample ("q35-live");
  g_autofree char *written = NULL;

  g_assert_cmpstr (vmp_domain_get_file (domain, VMP_DOMAIN_FILE_KERNEL), ==, "/boot/vmlinuz");
  g_assert_cmpstr (vmp_domain_get_file (domain, VMP_DOMAIN_FILE_INITRD), ==, "/boot/initrd.img");
  g_assert_null (vmp_domain_get_file (domain, VMP_DOMAIN_FILE_DTB));
  for (VmpDomainFile file = 0; file < VMP_DOMAIN_N_FILES; file++)
    {
      vmp_domain_set_file (domain, file, "Virtual Machines/x/file");
      g_assert_cmpstr (vmp_domain_get_file (domain, file), ==, "Virtual Machines/x/file");
      vmp_domain_set_file (domain, file, NULL);
      g_assert_null (vmp_domain_get_file (domain, file));
    }

  /* The host's own firmware is no file of the machine; that it boots by UEFI stays. */
  g_assert_null (vmp_domain_get_file (live, VMP_DOMAIN_FILE_LOADER));
  g_assert_nonnull (vmp_domain_get_file (live, VMP_DOMAIN_FILE_NVRAM));
  written = vmp_domain_to_xml (live);
  g_assert_nonnull (strstr (written, "<os firmware=\"efi\">"));
  g_assert_null (strstr (written, "/usr/share/"));
}

static void
test_loader_of_the_package (void)
{
  g_autoptr (VmpDomain) domain
      = parse ("<domain type='qemu'><name>x</name><os><type>hvm</type>"
               "<loader readonly='yes' type='pflash'>/home/me/code.fd</loader>"
               "<nvram type='file' format='raw'><source file='/home/me/vars.fd'/></nvram>"
               "</os></domain>");
  g_autofree char *written = NULL;

  g_assert_cmpstr (vmp_domain_get_file (domain, VMP_DOMAIN_FILE_LOADER), ==, "/home/me/code.fd");
  g_assert_cmpstr (vmp_domain_get_file (domain, VMP_DOMAIN_FILE_NVRAM), ==, "/home/me/vars.fd");
  vmp_domain_set_file (domain, VMP_DOMAIN_FILE_LOADER, "Virtual Machines/x/loader.fd");
  written = vmp_domain_to_xml (domain);
  g_assert_nonnull (
      strstr (written, "<loader readonly=\"yes\" type=\"pflash\">Virtual Machines/x/"));
  g_assert_nonnull (strstr (written, "<nvram format=\"raw\">/home/me/vars.fd</nvram>"));
}

typedef struct
{
  const char *what;
  const char *xml;
  int code;
} Broken;

#define OS "<os><type>hvm</type></os>"

static const Broken broken[] = {
  { "two-names", "<domain type='kvm'><name>a</name><name>b</name>" OS "</domain>",
    VMPORT_ERROR_CORRUPT },
  { "two-names-one-bad", "<domain type='kvm'><name/><name>b</name>" OS "</domain>",
    VMPORT_ERROR_CORRUPT },
  { "two-oses", "<domain type='kvm'><name>a</name>" OS OS "</domain>", VMPORT_ERROR_CORRUPT },
  { "two-sources",
    "<domain type='kvm'><name>a</name>" OS "<devices><disk><source file='/a'/><source file='/b'/>"
    "<target dev='vda'/></disk></devices></domain>",
    VMPORT_ERROR_CORRUPT },
  { "two-targets",
    "<domain type='kvm'><name>a</name>" OS "<devices><disk><target dev='vda'/></disk>"
    "<disk><target dev='vda'/></disk></devices></domain>",
    VMPORT_ERROR_CORRUPT },
  { "no-target",
    "<domain type='kvm'><name>a</name>" OS
    "<devices><disk><source file='/a'/></disk></devices></domain>",
    VMPORT_ERROR_CORRUPT },
  { "no-name", "<domain type='kvm'>" OS "</domain>", VMPORT_ERROR_CORRUPT },
  { "name-with-slash", "<domain type='kvm'><name>../x</name>" OS "</domain>",
    VMPORT_ERROR_CORRUPT },
  { "name-with-newline", "<domain type='kvm'><name>a\nb</name>" OS "</domain>",
    VMPORT_ERROR_CORRUPT },
  { "snapshot", "<domainsnapshot><name>x</name></domainsnapshot>", VMPORT_ERROR_CORRUPT },
  { "foreign-root", "<domain xmlns='urn:x' type='kvm'><name>x</name></domain>",
    VMPORT_ERROR_CORRUPT },
  { "text-in-root", "<domain type='kvm'>x<name>x</name>" OS "</domain>", VMPORT_ERROR_CORRUPT },
  { "lxc", "<domain type='lxc'><name>x</name><os><type>exe</type></os></domain>",
    VMPORT_ERROR_NOT_SUPPORTED },
  { "xen", "<domain type='kvm'><name>x</name><os><type>xen</type></os></domain>",
    VMPORT_ERROR_NOT_SUPPORTED },
  { "no-os", "<domain type='kvm'><name>x</name></domain>", VMPORT_ERROR_NOT_SUPPORTED },
};

static void
test_broken (gconstpointer data)
{
  const Broken *row = data;
  g_autoptr (GError) error = NULL;
  g_autoptr (VmpDomain) domain
      = vmp_domain_new_from_xml (row->xml, strlen (row->xml), NULL, &error);

  g_assert_null (domain);
  g_assert_error (error, VMPORT_ERROR, row->code);
}

/* Variants that vmp_domain_to_variant() does not write. */
static const char *const bad_variants[] = {
  "@a(usa(ss)s) []",
  "[(0, 'domain', [('type', 'kvm')], ''), (2, 'name', @a(ss) [], 'x')]",
  "[(1, 'domain', [('type', 'kvm')], '')]",
  "[(0, 'domain', [('type', 'kvm')], ''), (0, 'domain', [('type', 'kvm')], '')]",
  "[(0, 'domain', [('type', 'kvm')], ''), (4294967295, 'name', @a(ss) [], 'x')]",
  /* Good but for one thing each. */
  "[(0, 'domain', [('type', 'kvm')], ''), (1, 'name', @a(ss) [], 'a/b'), (1, 'os', @a(ss) [], ''),"
  " (2, 'type', @a(ss) [], 'hvm')]",
  "[(0, 'domain', [('type', 'kvm'), ('type', 'kvm')], ''), (1, 'name', @a(ss) [], 'x'),"
  " (1, 'os', @a(ss) [], ''), (2, 'type', @a(ss) [], 'hvm')]",
  "[(0, 'domain', [('type', 'kvm')], ''), (1, 'name', @a(ss) [], ' x '), (1, 'os', @a(ss) [], ''),"
  " (2, 'type', @a(ss) [], 'hvm')]",
  "[(0, 'domain', [('type', 'kvm'), ('id', '1')], ''), (1, 'name', @a(ss) [], 'x'),"
  " (1, 'os', @a(ss) [], ''), (2, 'type', @a(ss) [], 'hvm')]",
  "[(0, 'domain', [('type', 'kvm')], ''), (1, 'name', @a(ss) [], 'x'), (1, 'os', @a(ss) [], ''),"
  " (2, 'type', @a(ss) [], 'hvm'), (1, 'devices', @a(ss) [], ''), (2, 'emulator', @a(ss) [], "
  "'/x')]",
  "[(0, 'domain', [('type', 'kvm')], ''), (1, 'name', @a(ss) [], 'x'), (1, 'os', @a(ss) [], ''),"
  " (2, 'type', @a(ss) [], 'hvm'), (1, 'qemu:commandline', @a(ss) [], '')]",
  "[(0, 'domain', [('type', 'kvm')], ''), (1, 'name', @a(ss) [], 'x'), (1, 'os', @a(ss) [], ''),"
  " (2, 'type', @a(ss) [], 'hvm'), (2, 'loader', [('type', 'pflash')], '/usr/share/OVMF/x.fd')]",
  "[(0, 'domain', [('type', 'kvm')], ''), (1, 'name', @a(ss) [], 'x'), (1, 'os', @a(ss) [], ''),"
  " (2, 'type', @a(ss) [], 'hvm'), (2, 'x:y', @a(ss) [], '')]",
  "[(0, 'domain', [('type', 'kvm')], ''), (1, 'name', @a(ss) [], 'x'), (1, 'os', @a(ss) [], ''),"
  " (2, 'type', @a(ss) [], 'hvm'), (2, '><x', @a(ss) [], '')]",
  "[(0, 'domain', [('type', 'kvm')], ''), (1, 'name', @a(ss) [], 'x'), (1, 'os', @a(ss) [], ''),"
  " (2, 'type', [('a b', '1')], 'hvm')]",
  "[(0, 'domain', [('type', 'kvm')], ''), (1, 'name', @a(ss) [], 'x'), (1, 'os', @a(ss) [], ''),"
  " (2, 'type', @a(ss) [], 'hvm'), (2, 'cmdline', @a(ss) [], 'a\\u0001b')]",
};

static void
test_bad_variants (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (bad_variants); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (GVariant) variant
          = g_variant_parse (G_VARIANT_TYPE ("a(usa(ss)s)"), bad_variants[i], NULL, NULL, &error);
      g_autoptr (VmpDomain) domain = NULL;

      g_assert_no_error (error);
      domain = vmp_domain_new_from_variant (variant, &error);
      g_test_message ("%s: %s", bad_variants[i], error != NULL ? error->message : "accepted");
      g_assert_null (domain);
      g_assert_true (error->domain == VMPORT_ERROR);
    }
}

/* Any byte changed in a variant's serialization gives an error, or a domain that is as good as any.
 */
static void
test_mutated_variants (void)
{
  g_autoptr (VmpDomain) domain = parse_sample ("chain");
  g_autoptr (GVariant) variant = g_variant_ref_sink (vmp_domain_to_variant (domain));
  gsize size = g_variant_get_size (variant);

  for (guint round = 0; round < 3000; round++)
    {
      g_autofree guint8 *bytes = g_memdup2 (g_variant_get_data (variant), size);
      g_autoptr (GBytes) mutated = NULL;
      g_autoptr (GVariant) hostile = NULL;
      g_autoptr (VmpDomain) again = NULL;
      g_autoptr (GError) error = NULL;
      guint n = (guint) g_test_rand_int_range (1, 4);

      for (guint i = 0; i < n; i++)
        bytes[g_test_rand_int_range (0, (gint32) size)] = (guint8) g_test_rand_int_range (0, 256);
      mutated = g_bytes_new_take (g_steal_pointer (&bytes), size);
      hostile = g_variant_ref_sink (
          g_variant_new_from_bytes (G_VARIANT_TYPE ("a(usa(ss)s)"), mutated, FALSE));
      again = vmp_domain_new_from_variant (hostile, &error);
      g_assert_true ((again == NULL) == (error != NULL));
      if (again != NULL)
        {
          g_autofree char *xml = vmp_domain_to_xml (again);

          g_assert_nonnull (vmp_domain_get_name (again));
          g_assert_true (g_utf8_validate (xml, -1, NULL));
        }
    }
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  for (gsize i = 0; i < G_N_ELEMENTS (ordinary); i++)
    {
      g_autofree char *path = g_strdup_printf ("/domain/ordinary/%s", ordinary[i]);
      g_autofree char *variant_path = g_strdup_printf ("/domain/variant/%s", ordinary[i]);

      g_test_add_data_func (path, ordinary[i], test_ordinary);
      g_test_add_data_func (variant_path, ordinary[i], test_variant);
    }
  for (gsize i = 0; i < G_N_ELEMENTS (broken); i++)
    {
      g_autofree char *path = g_strdup_printf ("/domain/broken/%s", broken[i].what);

      g_test_add_data_func (path, &broken[i], test_broken);
    }
  g_test_add_func ("/domain/no-secrets", test_no_secrets);
  g_test_add_func ("/domain/identity", test_identity);
  g_test_add_func ("/domain/disks", test_disks);
  g_test_add_func ("/domain/host-sources", test_host_sources);
  g_test_add_func ("/domain/format-is-not-guessed", test_format_is_not_guessed);
  g_test_add_func ("/domain/interfaces", test_interfaces);
  g_test_add_func ("/domain/files", test_files);
  g_test_add_func ("/domain/loader-of-the-package", test_loader_of_the_package);
  g_test_add_func ("/domain/bad-variants", test_bad_variants);
  g_test_add_func ("/domain/mutated-variants", test_mutated_variants);
  return g_test_run ();
}
