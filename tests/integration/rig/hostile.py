"""Domain configurations that reach into the host: {what: (place, XML)}. libvirt's schema knows each of
these ways. @evil@ is a program that would leave a trace if anybody ran it, @decoy@ a file of root's;
EVIL stands for whatever must not come through."""

DISK = "<target dev='vdz' bus='virtio'/></disk>"
# Bare directories of these have a file disk.raw.
RAW = "<disk type='file' device='disk'><driver name='qemu' type='raw'/>"
IN_DOMAIN, IN_OS, IN_DEVICES = '<!--domain-->', '<!--os-->', '<!--devices-->'

WAYS = {
    # What is run, or read, by libvirt or QEMU
    'emulator': (IN_DEVICES, "<emulator>@evil@</emulator>"),
    'qemu command line': (IN_DOMAIN, "<q:commandline xmlns:q='http://libvirt.org/schemas/domain/"
                          "qemu/1.0'><q:arg value='-drive'/><q:arg value='file=@decoy@'/>"
                          "<q:env name='LD_PRELOAD' value='@evil@'/></q:commandline>"),
    'qemu capabilities': (IN_DOMAIN, "<q:capabilities xmlns:q='http://libvirt.org/schemas/domain/"
                          "qemu/1.0'><q:del capability='EVIL'/></q:capabilities>"),
    'qemu override': (IN_DOMAIN, "<q:override xmlns:q='http://libvirt.org/schemas/domain/qemu/1.0'>"
                      "<q:device alias='EVIL'><q:frontend><q:property name='x' type='string' "
                      "value='y'/></q:frontend></q:device></q:override>"),
    'boot loader': (IN_DOMAIN, "<bootloader>@evil@</bootloader>"),
    'kernel of the host': (IN_OS, "<kernel>@decoy@</kernel>"),
    'initrd of the host': (IN_OS, "<initrd>@decoy@</initrd>"),
    'device tree of the host': (IN_OS, "<dtb>@decoy@</dtb>"),
    'loader of the caller': (IN_OS, "<loader readonly='yes' type='pflash'>@decoy@</loader>"),
    'template for UEFI variables': (IN_OS, "<nvram template='@decoy@'>/var/lib/x_VARS.fd</nvram>"),
    'UEFI variables on the network': (IN_OS, "<nvram type='network'><source protocol='nbd' "
                                      "name='EVIL'><host name='h'/></source></nvram>"),
    'ACPI table': (IN_OS, "<acpi><table type='slic'>@decoy@</table></acpi>"),
    'SMBIOS of the host': (IN_OS, "<smbios mode='host'/>"),
    'firmware configuration from a file': (IN_DOMAIN, "<sysinfo type='fwcfg'><entry "
                                           "name='opt/org.x' file='@decoy@'/></sysinfo>"),
    'interface script': (IN_DEVICES, "<interface type='ethernet'><script path='@evil@'/>"
                         "<model type='virtio'/></interface>"),
    'bridge script': (IN_DEVICES, "<interface type='bridge'><source bridge='br0'/>"
                      "<script path='@evil@'/></interface>"),
    'helper of a file system': (IN_DEVICES, "<filesystem><driver type='virtiofs'/>"
                                "<binary path='@evil@'/><source dir='/'/><target dir='x'/>"
                                "</filesystem>"),
    # Labels and rights
    'no label': (IN_DOMAIN, "<seclabel type='none' model='dac'/>"),
    'root as label': (IN_DOMAIN, "<seclabel type='static' model='dac' relabel='yes'>"
                      "<label>+0:+0</label></seclabel>"),
    'launch security': (IN_DOMAIN, "<launchSecurity type='sev'><cbitpos>47</cbitpos>"
                        "<reducedPhysBits>1</reducedPhysBits><policy>0x1</policy>"
                        "<session>EVIL</session></launchSecurity>"),
    'locked memory': (IN_DOMAIN, "<memoryBacking><locked/></memoryBacking>"),
    'metadata of somebody': (IN_DOMAIN, "<metadata><a:b xmlns:a='urn:a'>EVIL</a:b></metadata>"),
    'an unknown element': (IN_DOMAIN, "<EVIL/>"),
    # Devices of the host
    'PCI device': (IN_DEVICES, "<hostdev mode='subsystem' type='pci' managed='yes'><source>"
                   "<address domain='0' bus='1' slot='0' function='0'/></source></hostdev>"),
    'USB device': (IN_DEVICES, "<hostdev mode='subsystem' type='usb'><source><vendor id='0x1234'/>"
                   "<product id='0xbeef'/></source></hostdev>"),
    'SCSI device': (IN_DEVICES, "<hostdev mode='subsystem' type='scsi'><source>"
                    "<adapter name='scsi_host0'/><address bus='0' target='0' unit='0'/></source>"
                    "</hostdev>"),
    'mediated device': (IN_DEVICES, "<hostdev mode='subsystem' type='mdev' model='vfio-pci'><source>"
                        "<address uuid='c2177883-f1bb-47f0-914d-32a22e3a8804'/></source></hostdev>"),
    'vhost-scsi': (IN_DEVICES, "<hostdev mode='subsystem' type='scsi_host'><source protocol='vhost' "
                   "wwpn='naa.5123456789abcde0'/></hostdev>"),
    'storage of a container': (IN_DEVICES, "<hostdev mode='capabilities' type='storage'><source>"
                               "<block>/dev/EVIL</block></source></hostdev>"),
    # Disks
    'block device': (IN_DEVICES, "<disk type='block' device='disk'><source dev='/dev/EVIL'/>"
                     + DISK),
    'SCSI pass-through': (IN_DEVICES, "<disk type='block' device='lun' sgio='unfiltered'>"
                          "<source dev='/dev/EVIL'/><target dev='sdz' bus='scsi'/></disk>"),
    'a folder as a disk': (IN_DEVICES, "<disk type='dir' device='disk'><driver name='qemu' "
                           "type='fat'/><source dir='/EVIL'/><readonly/>" + DISK),
    'a disk on the network': (IN_DEVICES, "<disk type='network' device='disk'><source protocol='nbd'"
                              " name='EVIL'><host name='127.0.0.1'/></source>" + DISK),
    'a volume': (IN_DEVICES, "<disk type='volume' device='disk'><source pool='default' "
                 "volume='EVIL'/>" + DISK),
    'NVMe of the host': (IN_DEVICES, "<disk type='nvme' device='disk'><source type='pci' "
                         "managed='yes' namespace='1'><address domain='0' bus='1' slot='0' "
                         "function='0'/></source>" + DISK),
    'vhost-user disk': (IN_DEVICES, "<disk type='vhostuser' device='disk'><driver name='qemu' "
                        "type='raw'/><source type='unix' path='/EVIL'/>" + DISK),
    'a chain that ends in a device': (IN_DEVICES, RAW + "<source file='/old/disk.raw'/>"
                                      "<backingStore type='block'><format type='raw'/><source "
                                      "dev='/dev/EVIL'/></backingStore>" + DISK),
    'lower image that is JSON': (IN_DEVICES, RAW + "<source file='/old/disk.raw'/><backingStore "
                                 "type='file'><format type='raw'/><source file='json:{&quot;"
                                 "file.filename&quot;:&quot;EVIL&quot;}'/></backingStore>" + DISK),
    'a key of the host': (IN_DEVICES, RAW + "<source file='/old/disk.raw'>"
                          "<encryption format='luks'><secret type='passphrase' uuid='"
                          "c2177883-f1bb-47f0-914d-32a22e3a8804'/></encryption></source>" + DISK),
    'file system of the host': (IN_DEVICES, "<filesystem type='mount' accessmode='passthrough'>"
                                "<source dir='/'/><target dir='EVIL'/></filesystem>"),
    # Networks
    'network device of the host': (IN_DEVICES, "<interface type='direct'><source dev='EVIL0' "
                                   "mode='passthrough'/></interface>"),
    'PCI network device': (IN_DEVICES, "<interface type='hostdev'><source><address type='pci' "
                           "domain='0' bus='1' slot='0' function='0'/></source></interface>"),
    'vhost-user network': (IN_DEVICES, "<interface type='vhostuser'><source type='unix' "
                           "path='/EVIL' mode='client'/><model type='virtio'/></interface>"),
    'VDPA': (IN_DEVICES, "<interface type='vdpa'><source dev='/dev/EVIL'/></interface>"),
    'network tunnel': (IN_DEVICES, "<interface type='udp'><source address='127.0.0.1' port='1'>"
                       "<local address='127.0.0.1' port='2'/></source></interface>"),
    'vhost device': (IN_DEVICES, "<interface type='user'><model type='virtio'/>"
                     "<backend tap='/dev/EVIL' vhost='/dev/EVIL'/></interface>"),
    'option ROM': (IN_DEVICES, "<interface type='user'><rom file='@decoy@'/></interface>"),
    # Character devices
    'serial into a file': (IN_DEVICES, "<serial type='file'><source path='/etc/cron.d/EVIL'/>"
                           "</serial>"),
    'serial to a pipe': (IN_DEVICES, "<serial type='pipe'><source path='/EVIL'/></serial>"),
    'serial to a device': (IN_DEVICES, "<serial type='dev'><source path='/dev/EVIL'/></serial>"),
    'serial to a socket': (IN_DEVICES, "<serial type='unix'><source mode='connect' path='/EVIL'/>"
                           "</serial>"),
    'serial over TCP': (IN_DEVICES, "<serial type='tcp'><source mode='bind' host='0.0.0.0' "
                        "service='1'/><protocol type='raw'/></serial>"),
    'log of a serial port': (IN_DEVICES, "<serial type='pty'><log file='/EVIL' append='off'/>"
                             "</serial>"),
    'parallel port': (IN_DEVICES, "<parallel type='dev'><source path='/dev/EVIL'/></parallel>"),
    'channel to a socket': (IN_DEVICES, "<channel type='unix'><source mode='connect' path='/EVIL'/>"
                            "<target type='virtio' name='x'/></channel>"),
    'USB redirection over TCP': (IN_DEVICES, "<redirdev bus='usb' type='tcp'><source mode='connect' "
                                 "host='EVIL' service='1'/></redirdev>"),
    # The rest
    'shared memory': (IN_DEVICES, "<shmem name='EVIL'><model type='ivshmem-plain'/>"
                      "<size unit='M'>4</size></shmem>"),
    'random numbers from a device': (IN_DEVICES, "<rng model='virtio'><backend model='random'>"
                                     "/dev/EVIL</backend></rng>"),
    'random numbers over TCP': (IN_DEVICES, "<rng model='virtio'><backend model='egd' type='tcp'>"
                                "<source mode='connect' host='EVIL' service='1'/></backend></rng>"),
    'smartcard of the host': (IN_DEVICES, "<smartcard mode='host'/>"),
    'smartcard over TCP': (IN_DEVICES, "<smartcard mode='passthrough' type='tcp'><source "
                           "mode='bind' host='127.0.0.1' service='2001'/></smartcard>"),
    'TPM of the host': (IN_DEVICES, "<tpm model='tpm-tis'><backend type='passthrough'><device "
                        "path='/dev/EVIL'/></backend></tpm>"),
    'TPM of somebody': (IN_DEVICES, "<tpm model='tpm-crb'><backend type='external'><source "
                        "type='unix' mode='connect' path='/EVIL'/></backend></tpm>"),
    'display on a socket': (IN_DEVICES, "<graphics type='vnc' socket='/EVIL'/>"),
    'display in a window': (IN_DEVICES, "<graphics type='sdl' display=':0' xauth='/EVIL'/>"),
    'display on D-Bus': (IN_DEVICES, "<graphics type='dbus' address='unix:path=/EVIL'/>"),
    'GPU of the host': (IN_DEVICES, "<graphics type='egl-headless'><gl rendernode='/dev/EVIL'/>"
                        "</graphics>"),
    'sound into a file': (IN_DEVICES, "<audio id='2' type='file' path='/EVIL'/>"),
    'keyboard of the host': (IN_DEVICES, "<input type='evdev'><source dev='/dev/EVIL'/></input>"),
    'NVDIMM': (IN_DEVICES, "<memory model='nvdimm'><source><path>/EVIL</path></source><target>"
               "<size unit='M'>128</size><node>0</node></target></memory>"),
    'lease': (IN_DEVICES, "<lease><lockspace>x</lockspace><key>k</key><target path='/EVIL'/>"
              "</lease>"),
    'an unknown device': (IN_DEVICES, "<EVIL to='EVIL'/>"),
}

BASE = f"""<domain type='qemu'>
  <name>evil</name>
  <memory unit='MiB'>64</memory>
  {IN_DOMAIN}
  <os><type arch='x86_64' machine='q35'>hvm</type>{IN_OS}</os>
  <devices>{IN_DEVICES}<memballoon model='none'/></devices>
</domain>
"""


def configuration(what, program, decoy):
    place, xml = WAYS[what]
    return BASE.replace(place, xml).replace('@evil@', str(program)).replace('@decoy@', str(decoy))
