/* What a host can run, by what libvirt 9.0 and QEMU 7.2 of Debian 12 say of it. */
#include "vmp-capabilities.h"
#include "vmp-finding.h"
#include "vmport-error.h"

#include <string.h>

/* A domain from its parts; what is NULL is as a plain machine has it. */
typedef struct
{
  const char *capabilities; /* of the domain's machine type; NULL = none were asked for */
  const char *type;
  const char *arch;
  const char *machine;
  const char *vcpu;
  const char *os; /* attributes of <os> */
  const char *os_rows;
  const char *cpu;
  const char *devices;
} Parts;

static char *
read_file (const char *name)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *path
      = g_test_build_filename (G_TEST_DIST, "capabilities", name, NULL);
  char *text = NULL;

  g_file_get_contents (path, &text, NULL, &error);
  g_assert_no_error (error);
  return text;
}

static const char *
either (const char *given, const char *other)
{
  return given != NULL ? given : other;
}

static VmpDomain *
make_domain (const Parts *parts)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) unsafe = NULL;
  g_autofree char *xml = g_strdup_printf (
      "<domain type='%s'><name>vm</name><memory>65536</memory><vcpu>%s</vcpu>"
      "<os %s><type arch='%s' machine='%s'>hvm</type>%s</os>%s<devices>%s</devices></domain>",
      either (parts->type, "qemu"), either (parts->vcpu, "1"), either (parts->os, ""),
      either (parts->arch, "x86_64"), either (parts->machine, "pc-i440fx-7.2"),
      either (parts->os_rows, ""), either (parts->cpu, ""), either (parts->devices, ""));
  VmpDomain *domain = vmp_domain_new_from_xml (xml, strlen (xml), &unsafe, &error);

  g_assert_no_error (error);
  return domain;
}

static VmpCapabilities *
load (const char *of_domain)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *host = read_file ("host.xml");
  g_autoptr (VmpCapabilities) self = vmp_capabilities_new_from_xml (host, &error);

  g_assert_no_error (error);
  if (of_domain != NULL)
    {
      g_autofree char *text = read_file (of_domain);

      vmp_capabilities_add_domain_xml (self, text, &error);
      g_assert_no_error (error);
    }
  return g_steal_pointer (&self);
}

#define CPU(model_, more_) "<cpu mode='custom' match='exact' " more_ "><model>" model_ "</model></cpu>"
#define DISK(bus_, target_) \
  "<disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='/a'/>" \
  "<target dev='" target_ "' bus='" bus_ "'/></disk>"

static const struct
{
  const char *name;
  Parts parts;
  const char *code; /* NULL = it fits */
  const char *message;
} cases[] = {
  { "plain", { "qemu-pc.xml" }, NULL },
  { "alias", { "qemu-pc.xml", .machine = "pc" }, NULL },
  { "old", { "qemu-pc.xml", .machine = "pc-i440fx-2.4" }, NULL },
  { "deprecated", { "qemu-pc.xml", .machine = "pc-i440fx-1.5" }, NULL },
  { "kvm", { "kvm-q35.xml", .type = "kvm", .machine = "q35" }, NULL },

  { "newer", { "qemu-pc.xml", .machine = "pc-q35-99.0" }, "MachineTypeUnsupported",
    "newest of that kind is “pc-q35-7.2”" },
  { "newer-alone", { NULL, .machine = "pc-i440fx-99.0" }, "MachineTypeUnsupported",
    "“pc-i440fx-7.2”" },
  { "other", { "qemu-pc.xml", .machine = "virt" }, "MachineTypeUnsupported", "“virt”" },
  { "arch", { "qemu-pc.xml", .arch = "aarch64", .machine = "virt" }, "MachineTypeUnsupported",
    "architecture “aarch64”" },

  { "vcpus-most", { "qemu-pc.xml", .vcpu = "255" }, NULL },
  { "vcpus", { "qemu-pc.xml", .vcpu = "256" }, "CpuUnsupported", "at most 255" },
  { "vcpus-q35", { "qemu-q35.xml", .vcpu = "288", .machine = "pc-q35-7.2" }, NULL },
  { "vcpus-alone", { NULL, .vcpu = "1000" }, "CpuUnsupported", "1000 virtual CPUs" },

  { "cpu", { "qemu-pc.xml", .cpu = CPU ("qemu64", "check='full'") }, NULL },
  { "cpu-unusable", { "qemu-pc.xml", .cpu = CPU ("Skylake-Server", "check='partial'") },
    "CpuUnsupported", "lacks features of the machine's CPU model “Skylake-Server”" },
  { "cpu-unusable-unchecked", { "qemu-pc.xml", .cpu = CPU ("Skylake-Server", "check='none'") },
    NULL },
  { "cpu-unusable-but",
    { "qemu-pc.xml",
      .cpu = "<cpu mode='custom' check='partial'><model>Skylake-Server</model>"
             "<feature policy='disable' name='hle'/></cpu>" },
    NULL },
  { "cpu-unknown", { "qemu-pc.xml", .cpu = CPU ("SapphireRapids", "") }, "CpuUnsupported",
    "does not know the machine's CPU model “SapphireRapids”" },
  { "cpu-passthrough", { "qemu-pc.xml", .cpu = "<cpu mode='host-passthrough'/>" },
    "CpuUnsupported", "“host-passthrough”" },
  { "cpu-passthrough-kvm",
    { "kvm-q35.xml", .type = "kvm", .machine = "q35", .cpu = "<cpu mode='host-passthrough'/>" },
    NULL },
  { "cpu-topology", { "qemu-pc.xml", .cpu = "<cpu><topology sockets='1' cores='1' threads='1'/></cpu>" },
    NULL },
  { "cpu-alone", { NULL, .cpu = CPU ("SapphireRapids", "") }, NULL },

  { "efi", { "qemu-pc.xml", .os = "firmware='efi'" }, NULL },
  { "bios", { "qemu-pc.xml", .os = "firmware='bios'" }, "FirmwareMissing", "“bios”" },
  { "secure-boot-q35",
    { "qemu-q35.xml", .machine = "pc-q35-7.2", .os = "firmware='efi'",
      .os_rows = "<firmware><feature enabled='yes' name='secure-boot'/></firmware>" },
    NULL },
  { "secure-boot-pc",
    { "qemu-pc.xml", .os = "firmware='efi'",
      .os_rows = "<firmware><feature enabled='yes' name='secure-boot'/></firmware>" },
    "FirmwareMissing", "Secure Boot" },
  { "no-secure-boot-pc",
    { "qemu-pc.xml", .os = "firmware='efi'",
      .os_rows = "<firmware><feature enabled='no' name='secure-boot'/></firmware>" },
    NULL },
  { "secure-loader-pc",
    { "qemu-pc.xml", .os = "firmware='efi'", .os_rows = "<loader secure='yes'/>" },
    "FirmwareMissing", "Secure Boot" },
  { "own-loader", { "qemu-pc.xml", .os = "firmware='bios'", .os_rows = "<loader>/x/own.fd</loader>" },
    NULL },

  { "tpm",
    { "qemu-pc.xml",
      .devices = "<tpm model='tpm-crb'><backend type='emulator' version='2.0'/></tpm>" },
    NULL },
  { "tpm-model",
    { "qemu-pc.xml",
      .devices = "<tpm model='tpm-spapr'><backend type='emulator' version='2.0'/></tpm>" },
    "TpmUnsupported", "“tpm-spapr”" },
  { "tpm-none",
    { "no-tpm", .devices = "<tpm model='tpm-crb'><backend type='emulator' version='2.0'/></tpm>" },
    "TpmUnsupported", "install swtpm" },
  { "tpm-version",
    { "tpm-1.2", .devices = "<tpm model='tpm-crb'><backend type='emulator' version='2.0'/></tpm>" },
    "TpmUnsupported", "version 2.0" },
  { "tpm-no-emulator",
    { "no-emulator",
      .devices = "<tpm model='tpm-crb'><backend type='emulator' version='2.0'/></tpm>" },
    "TpmUnsupported", "install swtpm" },

  { "disks", { "qemu-pc.xml", .devices = DISK ("ide", "hda") DISK ("virtio", "vda") }, NULL },
  { "ide-on-q35",
    { "qemu-q35.xml", .machine = "pc-q35-7.2", .devices = DISK ("ide", "hda") DISK ("sata", "sda") },
    "MachineTypeUnsupported", "(it has: fdc, sata, scsi, usb, virtio)" },
};

/* Hosts that this one is not. */
static VmpCapabilities *
load_without (const char *what)
{
  g_autoptr (VmpCapabilities) self = load (NULL);
  g_autoptr (GError) error = NULL;
  g_autofree char *text = g_strdup_printf (
      "<domainCapabilities><devices><tpm supported='%s'>%s</tpm></devices></domainCapabilities>",
      strcmp (what, "no-tpm") == 0 ? "no" : "yes",
      strcmp (what, "tpm-1.2") == 0
          ? "<enum name='backendModel'><value>emulator</value></enum>"
            "<enum name='backendVersion'><value>1.2</value></enum>"
          : "<enum name='backendModel'><value>passthrough</value></enum>");

  vmp_capabilities_add_domain_xml (self, text, &error);
  g_assert_no_error (error);
  return g_steal_pointer (&self);
}

static void
test_case (gconstpointer data)
{
  gsize i = GPOINTER_TO_SIZE (data);
  const Parts *parts = &cases[i].parts;
  gboolean real = parts->capabilities == NULL || g_str_has_suffix (parts->capabilities, ".xml");
  g_autoptr (VmpCapabilities) capabilities = real ? load (parts->capabilities)
                                                  : load_without (parts->capabilities);
  g_autoptr (VmpDomain) domain = make_domain (parts);
  g_autoptr (GPtrArray) findings = vmp_findings_new ();
  VmpFinding *finding;

  vmp_capabilities_check (capabilities, domain, findings);
  if (cases[i].code == NULL)
    {
      if (findings->len > 0)
        g_error ("%s", ((VmpFinding *) g_ptr_array_index (findings, 0))->message);
      g_assert_true (vmp_capabilities_has_machine (capabilities, domain));
      return;
    }
  g_assert_cmpuint (findings->len, ==, 1);
  finding = g_ptr_array_index (findings, 0);
  g_assert_cmpstr (vmp_finding_get_code (finding), ==, cases[i].code);
  if (strstr (finding->message, cases[i].message) == NULL)
    g_error ("“%s” is not in “%s”", cases[i].message, finding->message);
  g_assert_cmpint (vmp_capabilities_has_machine (capabilities, domain), ==,
                   strcmp (cases[i].code, "MachineTypeUnsupported") != 0
                       || strstr (finding->message, "bus") != NULL);
}

static void
test_no_kvm (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *host = read_file ("host.xml");
  g_auto (GStrv) parts = g_strsplit (host, "<domain type='kvm'/>", -1);
  g_autofree char *without = g_strjoinv ("", parts);
  g_autoptr (VmpCapabilities) capabilities = vmp_capabilities_new_from_xml (without, &error);
  const Parts machine = { .type = "kvm" };
  g_autoptr (VmpDomain) domain = make_domain (&machine);
  g_autoptr (GPtrArray) findings = vmp_findings_new ();

  g_assert_no_error (error);
  vmp_capabilities_check (capabilities, domain, findings);
  g_assert_cmpuint (findings->len, ==, 1);
  g_assert_nonnull (
      strstr (((VmpFinding *) g_ptr_array_index (findings, 0))->message, "hypervisor “kvm”"));
  g_assert_false (vmp_capabilities_has_machine (capabilities, domain));
}

/* Another domain's replace the one's before. */
static void
test_replaced (void)
{
  g_autoptr (VmpCapabilities) capabilities = load ("qemu-pc.xml");
  g_autoptr (GError) error = NULL;
  g_autofree char *text = read_file ("qemu-q35.xml");
  g_autoptr (GPtrArray) findings = vmp_findings_new ();
  const Parts parts = { .machine = "pc-q35-7.2", .os = "firmware='efi'",
                        .os_rows = "<loader secure='yes'/>" };
  g_autoptr (VmpDomain) domain = make_domain (&parts);

  vmp_capabilities_add_domain_xml (capabilities, text, &error);
  g_assert_no_error (error);
  vmp_capabilities_check (capabilities, domain, findings);
  g_assert_cmpuint (findings->len, ==, 0);
}

static void
test_malformed (void)
{
  static const char *const texts[] = { "", "<capabilities>", "<domainCapabilities/>", "<x/>" };
  g_autoptr (VmpCapabilities) capabilities = load (NULL);

  for (gsize i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_null (vmp_capabilities_new_from_xml (texts[i], &error));
      g_assert_error (error, VMPORT_ERROR, VMPORT_ERROR_CORRUPT);
    }
  for (gsize i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      g_autoptr (GError) error = NULL;

      if (i == 2)
        continue;
      g_assert_false (vmp_capabilities_add_domain_xml (capabilities, texts[i], &error));
      g_assert_error (error, VMPORT_ERROR, VMPORT_ERROR_CORRUPT);
    }
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *path = g_strdup_printf ("/capabilities/%s", cases[i].name);

      g_test_add_data_func (path, GSIZE_TO_POINTER (i), test_case);
    }
  g_test_add_func ("/capabilities/no-kvm", test_no_kvm);
  g_test_add_func ("/capabilities/replaced", test_replaced);
  g_test_add_func ("/capabilities/malformed", test_malformed);
  return g_test_run ();
}
