/* VmpDomain on configurations that reach into the host: each is found, and gone after a strip. */
#include <string.h>

#include "vmp-domain.h"
#include "vmport-error.h"

typedef enum
{
  IN_DOMAIN,
  IN_OS,
  IN_DEVICES,
} Place;

typedef struct
{
  const char *what;
  Place place;
  const char *xml;      /* "EVIL" in it must be gone at the end */
  const char *location; /* of the finding */
  gboolean keepable;
} Hostile;

#define DISK_TAIL "<target dev='vdz' bus='virtio'/></disk>"

static const Hostile hostile[] = {
  { "qemu-commandline", IN_DOMAIN, "<qemu:commandline><qemu:arg value='EVIL'/></qemu:commandline>",
    "qemu:commandline" },
  { "qemu-capabilities", IN_DOMAIN,
    "<qemu:capabilities><qemu:add capability='EVIL'/></qemu:capabilities>", "qemu:capabilities" },
  { "qemu-override", IN_DOMAIN, "<qemu:override><qemu:device alias='EVIL'/></qemu:override>",
    "qemu:override" },
  { "foreign-metadata", IN_DOMAIN, "<metadata><a:b xmlns:a='urn:a'>EVIL</a:b></metadata>",
    "metadata/b" },
  { "metadata-without-namespace", IN_DOMAIN, "<metadata><b>EVIL</b></metadata>", "metadata/b" },
  { "foreign-in-own-metadata", IN_DOMAIN,
    "<metadata><v:a xmlns:v='urn:vmport:metadata:1'><b xmlns='urn:b'>EVIL</b></v:a></metadata>",
    "metadata/vmport:a/b" },
  { "osinfo-with-more", IN_DOMAIN,
    "<metadata><l:libosinfo "
    "xmlns:l='http://libosinfo.org/xmlns/libvirt/domain/1.0'><l:x>EVIL</l:x></l:libosinfo></"
    "metadata>",
    "metadata/libosinfo:libosinfo/libosinfo:x" },
  { "unknown-element", IN_DOMAIN, "<EVIL/>", "EVIL" },
  { "namespaced-name", IN_DOMAIN, "<title xmlns='urn:x'>EVIL</title>", "title" },
  { "seclabel-static", IN_DOMAIN,
    "<seclabel type='static' model='dac'><label>EVIL</label></seclabel>", "seclabel" },
  { "seclabel-none", IN_DOMAIN, "<seclabel type='none' model='EVIL'/>", "seclabel" },
  { "launch-security", IN_DOMAIN,
    "<launchSecurity type='sev'><session>EVIL</session></launchSecurity>", "launchSecurity" },
  { "sysinfo-file", IN_DOMAIN, "<sysinfo type='fwcfg'><entry name='opt/x' file='/EVIL'/></sysinfo>",
    "sysinfo/entry", TRUE },
  { "locked-memory", IN_DOMAIN, "<memoryBacking><locked/></memoryBacking>", "memoryBacking/locked",
    TRUE },
  { "idmap", IN_DOMAIN, "<idmap><uid start='0' target='1000' count='EVIL'/></idmap>", "idmap" },
  { "bootloader", IN_DOMAIN, "<bootloader>/EVIL</bootloader>", "bootloader" },
  { "keywrap", IN_DOMAIN, "<keywrap><cipher name='EVIL' state='on'/></keywrap>", "keywrap" },
  { "acpi-table", IN_OS, "<acpi><table type='slic'>/EVIL</table></acpi>", "os/acpi/table", TRUE },
  { "smbios-host", IN_OS, "<smbios mode='host'/>", "os/smbios/@mode", TRUE },
  { "init", IN_OS, "<init>/EVIL</init>", "os/init" },
  { "nvram-template", IN_OS, "<nvram template='/EVIL'>/var/lib/x</nvram>", "os/nvram/@template",
    TRUE },
  { "nvram-network", IN_OS, "<nvram type='network'><source protocol='nbd' name='EVIL'/></nvram>",
    "os/nvram" },
  { "kernel-json", IN_OS, "<kernel>json:{\"EVIL\"}</kernel>", "os/kernel" },
  { "kernel-dotdot", IN_OS, "<kernel>/boot/../EVIL</kernel>", "os/kernel" },
  { "loader-protocol", IN_OS, "<loader>nbd:EVIL:1</loader>", "os/loader" },
  { "hostdev-pci", IN_DEVICES,
    "<hostdev mode='subsystem' type='pci' managed='yes'><source><address domain='0' bus='1' "
    "slot='0' function='0'/></source>"
    "<alias name='ua-EVIL'/></hostdev>",
    "devices/hostdev", TRUE },
  { "hostdev-usb", IN_DEVICES,
    "<hostdev mode='subsystem' type='usb'><source><vendor id='0x1234'/><product "
    "id='0xbeef'/></source><alias name='ua-EVIL'/></hostdev>",
    "devices/hostdev", TRUE },
  { "hostdev-scsi", IN_DEVICES,
    "<hostdev mode='subsystem' type='scsi'><source><adapter name='EVIL'/></source></hostdev>",
    "devices/hostdev" },
  { "hostdev-capabilities", IN_DEVICES,
    "<hostdev mode='capabilities' "
    "type='storage'><source><block>/dev/EVIL</block></source></hostdev>",
    "devices/hostdev" },
  { "filesystem-mount", IN_DEVICES,
    "<filesystem type='mount'><source dir='/EVIL'/><target dir='x'/></filesystem>",
    "devices/filesystem", TRUE },
  { "filesystem-default", IN_DEVICES,
    "<filesystem><source dir='/EVIL'/><target dir='x'/></filesystem>", "devices/filesystem", TRUE },
  { "filesystem-block", IN_DEVICES,
    "<filesystem type='block'><source dev='/dev/EVIL'/><target dir='x'/></filesystem>",
    "devices/filesystem" },
  { "filesystem-binary", IN_DEVICES,
    "<filesystem><driver type='virtiofs'/><binary path='/EVIL'/><source dir='/x'/><target "
    "dir='x'/></filesystem>",
    "devices/filesystem/binary" },
  { "disk-block", IN_DEVICES,
    "<disk type='block' device='disk'><source dev='/dev/EVIL'/>" DISK_TAIL, "devices/disk", TRUE },
  { "disk-lun", IN_DEVICES,
    "<disk type='block' device='lun' rawio='yes'><source dev='/dev/EVIL'/>" DISK_TAIL,
    "devices/disk", TRUE },
  { "disk-dir", IN_DEVICES, "<disk type='dir'><source dir='/EVIL'/>" DISK_TAIL, "devices/disk",
    TRUE },
  { "disk-network", IN_DEVICES,
    "<disk type='network'><source protocol='nbd' name='EVIL'/>" DISK_TAIL, "devices/disk" },
  { "disk-volume", IN_DEVICES, "<disk type='volume'><source pool='p' volume='EVIL'/>" DISK_TAIL,
    "devices/disk" },
  { "disk-nvme", IN_DEVICES,
    "<disk type='nvme'><source type='pci' namespace='1'/><serial>EVIL</serial>" DISK_TAIL,
    "devices/disk" },
  { "disk-vhostuser", IN_DEVICES,
    "<disk type='vhostuser'><source type='unix' path='/EVIL'/>" DISK_TAIL, "devices/disk" },
  { "disk-unknown-type", IN_DEVICES, "<disk type='EVIL'><source file='/x'/>" DISK_TAIL,
    "devices/disk" },
  { "disk-encryption", IN_DEVICES,
    "<disk type='file'><source file='/x'><encryption format='luks'><secret type='passphrase' "
    "uuid='EVIL'/></encryption></source>" DISK_TAIL,
    "devices/disk/source/encryption" },
  { "disk-old-encryption", IN_DEVICES,
    "<disk type='file'><source file='/x'/><encryption format='qcow'><secret "
    "uuid='EVIL'/></encryption>" DISK_TAIL,
    "devices/disk/encryption" },
  { "disk-auth", IN_DEVICES,
    "<disk type='file'><auth username='EVIL'><secret type='iscsi' usage='EVIL'/></auth>" DISK_TAIL,
    "devices/disk/auth" },
  { "disk-fdgroup", IN_DEVICES, "<disk type='file'><source file='/x' fdgroup='EVIL'/>" DISK_TAIL,
    "devices/disk/source/@fdgroup" },
  { "disk-json", IN_DEVICES, "<disk type='file'><source file='json:{\"EVIL\":1}'/>" DISK_TAIL,
    "devices/disk/source/@file" },
  { "disk-dotdot", IN_DEVICES, "<disk type='file'><source file='../EVIL'/>" DISK_TAIL,
    "devices/disk/source/@file" },
  { "disk-vvfat", IN_DEVICES,
    "<disk type='file'><driver type='fat'/><source file='/x'/><serial>x</serial>" DISK_TAIL,
    "devices/disk/driver/@type" },
  { "backing-block", IN_DEVICES,
    "<disk type='file'><source file='/x'/><backingStore type='block'><source "
    "dev='/dev/EVIL'/></backingStore>" DISK_TAIL,
    "devices/disk/backingStore" },
  { "backing-network-below", IN_DEVICES,
    "<disk type='file'><source file='/x'/><backingStore type='file'><source "
    "file='/y'/><backingStore type='network'>"
    "<source protocol='nbd' name='EVIL'/></backingStore></backingStore>" DISK_TAIL,
    "devices/disk/backingStore/backingStore" },
  { "interface-script", IN_DEVICES,
    "<interface type='bridge'><source bridge='br0'/><script path='/EVIL'/></interface>",
    "devices/interface/script" },
  { "interface-downscript", IN_DEVICES,
    "<interface type='bridge'><downscript path='/EVIL'/></interface>",
    "devices/interface/downscript" },
  { "interface-direct", IN_DEVICES,
    "<interface type='direct'><source dev='EVIL' mode='passthrough'/></interface>",
    "devices/interface", TRUE },
  { "interface-hostdev", IN_DEVICES,
    "<interface type='hostdev'><source><address type='pci' domain='0' bus='1' slot='0' "
    "function='0'/></source><alias name='ua-EVIL'/></interface>",
    "devices/interface", TRUE },
  { "interface-vhostuser", IN_DEVICES,
    "<interface type='vhostuser'><source type='unix' path='/EVIL' mode='client'/></interface>",
    "devices/interface" },
  { "interface-ethernet", IN_DEVICES, "<interface type='ethernet'><target dev='EVIL'/></interface>",
    "devices/interface" },
  { "interface-vdpa", IN_DEVICES, "<interface type='vdpa'><source dev='/dev/EVIL'/></interface>",
    "devices/interface" },
  { "interface-udp", IN_DEVICES,
    "<interface type='udp'><source address='EVIL' port='1'/></interface>", "devices/interface",
    TRUE },
  { "interface-mcast", IN_DEVICES,
    "<interface type='mcast'><source address='EVIL' port='1'/></interface>", "devices/interface",
    TRUE },
  { "interface-internal", IN_DEVICES,
    "<interface type='internal'><source name='EVIL'/></interface>", "devices/interface" },
  { "interface-user-dev", IN_DEVICES, "<interface type='user'><source dev='EVIL'/></interface>",
    "devices/interface/source/@dev", TRUE },
  { "interface-forward", IN_DEVICES,
    "<interface type='user'><portForward proto='tcp' dev='EVIL'><range "
    "start='22'/></portForward></interface>",
    "devices/interface/portForward", TRUE },
  { "interface-backend", IN_DEVICES,
    "<interface type='user'><backend tap='/dev/EVIL'/></interface>",
    "devices/interface/backend/@tap", TRUE },
  { "interface-log", IN_DEVICES,
    "<interface type='user'><backend type='passt' logFile='/EVIL'/></interface>",
    "devices/interface/backend/@logFile", TRUE },
  { "interface-rom", IN_DEVICES, "<interface type='user'><rom file='/EVIL'/></interface>",
    "devices/interface/rom/@file", TRUE },
  { "interface-vlan", IN_DEVICES,
    "<interface type='bridge'><source bridge='br0'/><vlan><tag id='7'/></vlan></interface>",
    "devices/interface/vlan", TRUE },
  { "interface-virtualport", IN_DEVICES,
    "<interface type='bridge'><virtualport type='openvswitch'><parameters "
    "profileid='EVIL'/></virtualport></interface>",
    "devices/interface/virtualport", TRUE },
  { "serial-file", IN_DEVICES, "<serial type='file'><source path='/EVIL'/></serial>",
    "devices/serial", TRUE },
  { "serial-pipe", IN_DEVICES, "<serial type='pipe'><source path='/EVIL'/></serial>",
    "devices/serial", TRUE },
  { "serial-dev", IN_DEVICES, "<serial type='dev'><source path='/dev/EVIL'/></serial>",
    "devices/serial", TRUE },
  { "serial-unix", IN_DEVICES, "<serial type='unix'><source mode='bind' path='/EVIL'/></serial>",
    "devices/serial", TRUE },
  { "serial-tcp", IN_DEVICES,
    "<serial type='tcp'><source mode='connect' host='EVIL' service='1'/></serial>",
    "devices/serial", TRUE },
  { "serial-udp", IN_DEVICES,
    "<serial type='udp'><source mode='connect' host='EVIL' service='1'/></serial>",
    "devices/serial", TRUE },
  { "serial-log", IN_DEVICES, "<serial type='pty'><log file='/EVIL'/></serial>",
    "devices/serial/log", TRUE },
  { "parallel-dev", IN_DEVICES, "<parallel type='dev'><source path='/dev/EVIL'/></parallel>",
    "devices/parallel", TRUE },
  { "console-stdio", IN_DEVICES, "<console type='stdio'><alias name='ua-EVIL'/></console>",
    "devices/console", TRUE },
  { "channel-unix", IN_DEVICES,
    "<channel type='unix'><source mode='bind' path='/EVIL'/><target type='virtio' "
    "name='x'/></channel>",
    "devices/channel/source/@path", TRUE },
  { "channel-connect", IN_DEVICES,
    "<channel type='unix'><source mode='connect'/><target type='virtio' name='x'/></channel>",
    "devices/channel/source/@mode", TRUE },
  { "channel-file", IN_DEVICES, "<channel type='file'><source path='/EVIL'/></channel>",
    "devices/channel", TRUE },
  { "chardev-unknown", IN_DEVICES, "<serial type='EVIL'/>", "devices/serial" },
  { "shmem", IN_DEVICES, "<shmem name='EVIL'><size unit='M'>4</size></shmem>", "devices/shmem",
    TRUE },
  { "rng-egd", IN_DEVICES,
    "<rng model='virtio'><backend model='egd' type='udp'><source mode='connect' "
    "host='EVIL'/></backend></rng>",
    "devices/rng" },
  { "rng-device", IN_DEVICES,
    "<rng model='virtio'><backend model='random'>/dev/EVIL</backend></rng>", "devices/rng", TRUE },
  { "smartcard-host", IN_DEVICES, "<smartcard mode='host'><alias name='ua-EVIL'/></smartcard>",
    "devices/smartcard", TRUE },
  { "smartcard-certificates", IN_DEVICES,
    "<smartcard mode='host-certificates'><certificate>EVIL</certificate></smartcard>",
    "devices/smartcard" },
  { "smartcard-tcp", IN_DEVICES,
    "<smartcard mode='passthrough' type='tcp'><source mode='bind' host='EVIL'/></smartcard>",
    "devices/smartcard" },
  { "tpm-passthrough", IN_DEVICES,
    "<tpm model='tpm-tis'><backend type='passthrough'><device path='/dev/EVIL'/></backend></tpm>",
    "devices/tpm", TRUE },
  { "tpm-external", IN_DEVICES,
    "<tpm><backend type='external'><source type='unix' path='/EVIL' "
    "mode='connect'/></backend></tpm>",
    "devices/tpm" },
  { "emulator", IN_DEVICES, "<emulator>/tmp/EVIL</emulator>", "devices/emulator" },
  { "tpm-secret", IN_DEVICES,
    "<tpm><backend type='emulator'><encryption secret='EVIL'/></backend></tpm>",
    "devices/tpm/backend/encryption" },
  { "graphics-socket", IN_DEVICES, "<graphics type='vnc' socket='/EVIL'/>",
    "devices/graphics/@socket", TRUE },
  { "graphics-listen-socket", IN_DEVICES,
    "<graphics type='spice'><listen type='socket' socket='/EVIL'/></graphics>",
    "devices/graphics/listen", TRUE },
  { "graphics-sdl", IN_DEVICES, "<graphics type='sdl' xauth='/EVIL'/>", "devices/graphics", TRUE },
  { "graphics-dbus", IN_DEVICES, "<graphics type='dbus' address='unix:path=/EVIL'/>",
    "devices/graphics", TRUE },
  { "graphics-rendernode", IN_DEVICES,
    "<graphics type='spice'><gl enable='yes' rendernode='/dev/EVIL'/></graphics>",
    "devices/graphics/gl/@rendernode", TRUE },
  { "video-vhostuser", IN_DEVICES,
    "<video><driver name='vhostuser'/><model type='virtio'/></video>",
    "devices/video/driver/@name" },
  { "audio-file", IN_DEVICES, "<audio id='2' type='file' path='/EVIL'/>", "devices/audio" },
  { "audio-pulse", IN_DEVICES, "<audio id='2' type='pulseaudio' serverName='EVIL'/>",
    "devices/audio" },
  { "input-evdev", IN_DEVICES, "<input type='evdev'><source dev='/dev/EVIL'/></input>",
    "devices/input", TRUE },
  { "input-passthrough", IN_DEVICES,
    "<input type='passthrough' bus='virtio'><source evdev='/dev/EVIL'/></input>", "devices/input",
    TRUE },
  { "nvdimm", IN_DEVICES,
    "<memory model='nvdimm'><source><path>/EVIL</path></source><target><size "
    "unit='M'>4</size></target></memory>",
    "devices/memory", TRUE },
  { "redirdev-tcp", IN_DEVICES,
    "<redirdev bus='usb' type='tcp'><source mode='connect' host='EVIL' service='1'/></redirdev>",
    "devices/redirdev" },
  { "lease", IN_DEVICES,
    "<lease><lockspace>x</lockspace><key>k</key><target path='/EVIL'/></lease>", "devices/lease" },
  { "unknown-device", IN_DEVICES, "<teleporter to='EVIL'/>", "devices/teleporter" },
  { "unknown-attribute", IN_DEVICES, "<hub type='usb' EVIL='1'/>", "devices/hub/@EVIL" },
  { "foreign-attribute", IN_DEVICES, "<hub type='usb' qemu:EVIL='1'/>", "devices/hub/@EVIL" },
  { "text-among-devices", IN_DEVICES, "<hub type='usb'>EVIL</hub>", "devices/hub" },
  { "bad-alias", IN_DEVICES, "<hub type='usb'><alias name='ua-x,EVIL'/></hub>", NULL },
  { "script-in-option", IN_DEVICES, "<controller type='usb' model='x y;EVIL'/>",
    "devices/controller/@model" },
};

static char *
make_document (const Hostile *row)
{
  return g_strdup_printf (
      "<domain type='kvm' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>"
      "<name>x</name><memory>1024</memory>%s"
      "<os><type>hvm</type>%s</os><devices>%s<memballoon model='none'/></devices></domain>",
      row->place == IN_DOMAIN ? row->xml : "", row->place == IN_OS ? row->xml : "",
      row->place == IN_DEVICES ? row->xml : "");
}

static void
assert_clean (VmpDomain *domain)
{
  g_autoptr (GPtrArray) unsafe = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *xml = vmp_domain_to_xml (domain);
  g_autoptr (GVariant) variant = g_variant_ref_sink (vmp_domain_to_variant (domain));
  g_autofree char *printed = g_variant_print (variant, FALSE);
  g_autoptr (VmpDomain) again = vmp_domain_new_from_xml (xml, strlen (xml), &unsafe, &error);

  g_assert_no_error (error);
  g_assert_cmpuint (unsafe->len, ==, 0);
  g_assert_null (strstr (xml, "EVIL"));
  g_assert_null (strstr (printed, "EVIL"));
  g_assert_false (vmp_domain_is_unsafe (domain));
  g_assert_nonnull (strstr (xml, "<memballoon model=\"none\"/>"));
}

/* The finding at @location; @marked: any of them can be kept. No reason may repeat hostile text. */
static const VmpUnsafe *
find (GPtrArray *unsafe, const char *place, gboolean *marked)
{
  const VmpUnsafe *found = NULL;

  *marked = FALSE;
  for (guint i = 0; i < unsafe->len; i++)
    {
      const VmpUnsafe *finding = g_ptr_array_index (unsafe, i);

      g_test_message ("%s: %s", finding->location, finding->reason);
      g_assert_null (strstr (finding->reason, "EVIL"));
      *marked = *marked || finding->keepable;
      if (strcmp (finding->location, place) == 0)
        found = finding;
    }
  return found;
}

static void
test_hostile (gconstpointer data)
{
  const Hostile *row = data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) unsafe = NULL;
  g_autofree char *document = make_document (row);
  g_autoptr (VmpDomain) domain
      = vmp_domain_new_from_xml (document, strlen (document), &unsafe, &error);
  g_autoptr (GVariant) variant = NULL;
  g_autoptr (VmpDomain) carried = NULL;
  const VmpUnsafe *finding;
  gboolean marked;

  g_assert_no_error (error);
  if (row->location == NULL)
    {
      /* Dropped without a word: nothing of it can do anything. */
      g_assert_cmpuint (unsafe->len, ==, 0);
      assert_clean (domain);
      return;
    }
  finding = find (unsafe, row->location, &marked);
  g_assert_nonnull (finding);
  g_assert_cmpint (finding->keepable, ==, row->keepable);
  /* What cannot be kept is not in the model, what can is marked in it. */
  g_assert_cmpint (vmp_domain_is_unsafe (domain), ==, marked);

  variant = g_variant_ref_sink (vmp_domain_to_variant (domain));
  carried = vmp_domain_new_from_variant (variant, &error);
  g_assert_no_error (error);
  g_assert_cmpint (vmp_domain_is_unsafe (carried), ==, marked);

  vmp_domain_strip_unsafe (domain);
  assert_clean (domain);
  vmp_domain_strip_unsafe (carried);
  assert_clean (carried);
}

static void
test_flood (void)
{
  g_autoptr (GString) document
      = g_string_new ("<domain type='kvm'><name>x</name><os><type>hvm</type></os>");
  g_autoptr (GError) error = NULL;
  g_autoptr (VmpDomain) domain = NULL;

  for (guint i = 0; i < 1000; i++)
    g_string_append (document, "<x/>");
  g_string_append (document, "</domain>");
  domain = vmp_domain_new_from_xml (document->str, document->len, NULL, &error);
  g_assert_null (domain);
  g_assert_error (error, VMPORT_ERROR, VMPORT_ERROR_UNSAFE);
}

static void
test_large_metadata (void)
{
  g_autofree char *filler = g_strnfill (70000, 'a');
  g_autofree char *document = g_strdup_printf ("<domain type='kvm'><name>x</name><metadata><v:a "
                                               "xmlns:v='urn:vmport:metadata:1'>%s</v:a></metadata>"
                                               "<os><type>hvm</type></os></domain>",
                                               filler);
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) unsafe = NULL;
  g_autoptr (VmpDomain) domain
      = vmp_domain_new_from_xml (document, strlen (document), &unsafe, &error);
  g_autofree char *xml = NULL;

  g_assert_no_error (error);
  g_assert_cmpuint (unsafe->len, ==, 1);
  xml = vmp_domain_to_xml (domain);
  g_assert_cmpuint (strlen (xml), <, 1000);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  for (gsize i = 0; i < G_N_ELEMENTS (hostile); i++)
    {
      g_autofree char *path = g_strdup_printf ("/domain/hostile/%s", hostile[i].what);

      g_test_add_data_func (path, &hostile[i], test_hostile);
    }
  g_test_add_func ("/domain/flood", test_flood);
  g_test_add_func ("/domain/large-metadata", test_large_metadata);
  return g_test_run ();
}
