/* A saved state's configuration beside that of its machine: what must be the same, and what it takes
 * over. */
#include "vmp-domain.h"

#include <string.h>

#define OLD "6f1c9a3e-5b0d-4c7e-8a52-000000000001"
#define NEW "6f1c9a3e-5b0d-4c7e-8a52-000000000002"

/* The parts of a domain that tests change. */
typedef struct
{
  const char *type;
  const char *machine;
  const char *memory;
  const char *vcpu;
  const char *disks;
  const char *interfaces;
  const char *devices;
} Parts;

#define DISK(target_, bus_) \
  "<disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='/old/a.qcow2'/>" \
  "<backingStore type='file'><format type='raw'/><source file='/old/b.raw'/><backingStore/>" \
  "</backingStore><target dev='" target_ "' bus='" bus_ "'/></disk>"
#define CDROM "<disk type='file' device='cdrom'><driver name='qemu' type='raw'/>" \
              "<source file='/old/c.iso'/><target dev='sda' bus='sata'/><readonly/></disk>"
#define NIC(mac_, model_) \
  "<interface type='network'><mac address='52:54:00:00:00:" mac_ "'/><source network='default'/>" \
  "<model type='" model_ "'/></interface>"

static const Parts plain = {
  .type = "kvm",
  .machine = "pc-q35-7.2",
  .memory = "<memory unit='KiB'>1048576</memory>",
  .vcpu = "2",
  .disks = DISK ("vda", "virtio") CDROM,
  .interfaces = NIC ("01", "virtio") NIC ("02", "e1000e"),
  .devices = "<sound model='ich9'/><video><model type='virtio'/></video>",
};

static VmpDomain *
make (const Parts *parts, const char *uuid)
{
  g_autoptr (GError) error = NULL;
#define PART(name_) (parts->name_ != NULL ? parts->name_ : plain.name_)
  g_autofree char *xml = g_strdup_printf (
      "<domain type='%s'><name>old</name><uuid>%s</uuid>%s<vcpu>%s</vcpu>"
      "<os><type arch='x86_64' machine='%s'>hvm</type><nvram>/old/vars.fd</nvram></os>"
      "<devices>%s%s%s</devices></domain>",
      PART (type), uuid, PART (memory), PART (vcpu), PART (machine), PART (disks),
      PART (interfaces), PART (devices));
  VmpDomain *domain = vmp_domain_new_from_xml (xml, strlen (xml), NULL, &error);

  g_assert_no_error (error);
  return domain;
}

static const struct
{
  const char *name;
  Parts parts;
  const char *difference; /* a part of it; NULL = none */
} cases[] = {
  { "none", { NULL }, NULL },
  { "alias", { .machine = "q35" }, NULL },
  { "unit", { .memory = "<memory unit='GiB'>1</memory>" }, NULL },
  { "no-unit", { .memory = "<memory>1048576</memory>" }, NULL },
  /* What libvirt adds by itself, and what the guest does not see. */
  { "added",
    { .devices = "<video><model type='virtio'/></video><sound model='ich9'/>"
                 "<controller type='usb' index='0' model='qemu-xhci'/><input type='mouse' bus='ps2'/>"
                 "<audio id='1' type='none'/><graphics type='vnc'/>"
                 "<watchdog model='itco' action='reset'/>" },
    NULL },
  { "hypervisor", { .type = "qemu" }, "hypervisor" },
  { "machine", { .machine = "pc-q35-7.1" }, "machine type" },
  { "memory", { .memory = "<memory unit='KiB'>1048577</memory>" }, "size of the memory" },
  { "memory-unit", { .memory = "<memory unit='GB'>1</memory>" }, "size of the memory" },
  { "vcpu", { .vcpu = "3" }, "virtual CPUs" },
  { "disk-more", { .disks = DISK ("vda", "virtio") DISK ("vdb", "virtio") CDROM }, "“vdb”" },
  { "disk-less", { .disks = CDROM }, "“vda”" },
  { "disk-bus", { .disks = DISK ("vda", "scsi") CDROM }, "“vda” is another device" },
  { "disk-device", { .disks = DISK ("vda", "virtio") DISK ("sda", "sata") }, "“sda”" },
  { "nic-less", { .interfaces = NIC ("01", "virtio") }, "number of network adapters" },
  { "nic-model", { .interfaces = NIC ("01", "virtio") NIC ("02", "rtl8139") }, "adapter 1" },
  { "device-more", { .devices = "<sound model='ich9'/><video><model type='virtio'/></video>"
                                "<panic model='isa'/>" },
    "“panic isa”" },
  { "device-less", { .devices = "<sound model='ich9'/>" }, "“video virtio”" },
  { "device-model", { .devices = "<sound model='ac97'/><video><model type='virtio'/></video>" },
    "“sound ac97”" },
  { "video-model", { .devices = "<sound model='ich9'/><video><model type='vga'/></video>" },
    "“video vga”" },
};

static void
test_difference (gconstpointer data)
{
  gsize i = GPOINTER_TO_SIZE (data);
  g_autoptr (VmpDomain) domain = make (&plain, OLD);
  g_autoptr (VmpDomain) state = make (&cases[i].parts, OLD);
  g_autofree char *there = vmp_domain_find_difference (state, domain);
  g_autofree char *back = vmp_domain_find_difference (domain, state);

  if (cases[i].difference == NULL)
    {
      g_assert_cmpstr (there, ==, NULL);
      g_assert_cmpstr (back, ==, NULL);
      return;
    }
  g_assert_nonnull (there);
  g_assert_nonnull (back);
  if (strstr (there, cases[i].difference) == NULL)
    g_error ("“%s” is not in “%s”", cases[i].difference, there);
}

static void
test_other_identity (void)
{
  const Parts other_mac = { .interfaces = NIC ("01", "virtio") NIC ("03", "e1000e") };
  g_autoptr (VmpDomain) state = make (&plain, OLD);
  g_autoptr (VmpDomain) same = make (&plain, OLD);
  g_autoptr (VmpDomain) id = make (&plain, NEW);
  g_autoptr (VmpDomain) mac = make (&other_mac, OLD);

  g_assert_false (vmp_domain_has_other_identity (state, same));
  g_assert_true (vmp_domain_has_other_identity (state, id));
  g_assert_true (vmp_domain_has_other_identity (state, mac));
}

static void
test_take_identity (void)
{
  static const char *const paths[] = { "/new/a.qcow2", "/new/b.raw", NULL };
  static const char *const image_formats[] = { "qcow2", "raw", NULL };
  static const char *const nothing[] = { NULL };
  g_autoptr (VmpDomain) state = make (&plain, OLD);
  g_autoptr (VmpDomain) domain = make (&plain, NEW);
  g_autofree char *xml = NULL;
  g_autofree char *connection = NULL;

  vmp_domain_set_name (domain, "new");
  vmp_domain_set_images (domain, 0, paths, image_formats);
  vmp_domain_set_images (domain, 1, nothing, nothing);
  vmp_domain_set_interface_mac (domain, 0, "52:54:00:aa:aa:aa");
  vmp_domain_set_interface_source (domain, 0, VMP_NETWORK_BRIDGE, "br0");
  vmp_domain_set_interface_source (domain, 1, VMP_NETWORK_NONE, NULL);
  vmp_domain_set_file (domain, VMP_DOMAIN_FILE_NVRAM, "/new/vars.fd");

  vmp_domain_set_note (state, VMP_DOMAIN_NOTE_SCOPE, "lab");
  vmp_domain_set_note (state, VMP_DOMAIN_NOTE_JOB, "old");

  vmp_domain_take_identity (state, domain);
  g_assert_null (vmp_domain_get_note (state, VMP_DOMAIN_NOTE_SCOPE));
  g_assert_null (vmp_domain_get_note (state, VMP_DOMAIN_NOTE_JOB));
  xml = vmp_domain_to_xml (state);
  g_assert_cmpstr (vmp_domain_get_name (state), ==, "new");
  g_assert_cmpstr (vmp_domain_get_uuid (state), ==, NEW);
  g_assert_cmpuint (vmp_domain_get_n_images (state, 0), ==, 2);
  g_assert_cmpstr (vmp_domain_get_image_path (state, 0, 1), ==, "/new/b.raw");
  g_assert_cmpuint (vmp_domain_get_n_images (state, 1), ==, 0);
  g_assert_cmpstr (vmp_domain_get_interface_mac (state, 0), ==, "52:54:00:aa:aa:aa");
  connection = vmp_domain_get_interface_connection (state, 0);
  g_assert_cmpstr (connection, ==, "bridge:br0");
  g_assert_cmpint (vmp_domain_get_interface_kind (state, 1), ==, VMP_NETWORK_NONE);
  g_assert_cmpstr (vmp_domain_get_file (state, VMP_DOMAIN_FILE_NVRAM), ==, "/new/vars.fd");
  g_assert_null (strstr (xml, "/old/"));
  g_assert_null (strstr (xml, OLD));
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *path = g_strdup_printf ("/domain-state/difference/%s", cases[i].name);

      g_test_add_data_func (path, GSIZE_TO_POINTER (i), test_difference);
    }
  g_test_add_func ("/domain-state/other-identity", test_other_identity);
  g_test_add_func ("/domain-state/take-identity", test_take_identity);
  return g_test_run ();
}
