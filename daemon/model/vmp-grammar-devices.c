/* What a domain's XML may consist of: its devices. */
#include "config.h"

#include "vmp-grammar-device.h"

static const VmpElement controller_rows[] = {
  { "controller", VMP_GRAMMAR_MANY,
    VMP_ATTRIBUTES (VMP_WORDS ("type", "fdc sata ccid scsi usb ide isa pci virtio-serial xenbus"),
                    VMP_OF ("index", UNSIGNED), VMP_OF ("model", TOKEN), VMP_OF ("ports", UNSIGNED),
                    VMP_OF ("vectors", UNSIGNED)),
    VMP_CHILDREN (
        { "master", VMP_ATTRIBUTES (VMP_OF ("startport", UNSIGNED)) },
        { "model", VMP_ATTRIBUTES (VMP_OF ("name", TOKEN)) },
        { "target",
          VMP_ATTRIBUTES (VMP_OF ("chassisNr", NUMBER), VMP_OF ("chassis", NUMBER),
                          VMP_OF ("port", NUMBER), VMP_OF ("busNr", NUMBER),
                          VMP_OF ("index", NUMBER), VMP_ON_OFF ("hotplug"),
                          VMP_OF ("memReserve", UNSIGNED)),
          VMP_CHILDREN (COUNT ("node")) },
        SCALED ("pcihole64"),
        { "driver", VMP_ATTRIBUTES (VMP_OF ("queues", UNSIGNED), VMP_OF ("cmd_per_lun", UNSIGNED),
                                    VMP_OF ("max_sectors", UNSIGNED), VMP_ON_OFF ("ioeventfd"),
                                    VMP_OF ("iothread", UNSIGNED), VIRTIO) },
        DEVICE) },
  { NULL },
};

static const VmpElement input_rows[] = {
  { "input", VMP_GRAMMAR_MANY, VMP_WHEN ("type", "tablet mouse keyboard"),
    VMP_ATTRIBUTES (VMP_WORDS ("type", "tablet mouse keyboard"),
                    VMP_WORDS ("bus", "ps2 usb xen virtio none"),
                    VMP_WORDS ("model", VIRTIO_MODELS)),
    VMP_CHILDREN (VIRTIO_DRIVER, DEVICE) },
  { "input", VMP_GRAMMAR_MANY | VMP_GRAMMAR_UNSAFE, VMP_WHEN ("type", "passthrough evdev"),
    .reason = REASON_HOST_DEVICE,
    VMP_ATTRIBUTES (VMP_WORDS ("type", "passthrough evdev"), VMP_WORDS ("bus", "virtio"),
                    VMP_WORDS ("model", VIRTIO_MODELS)),
    VMP_CHILDREN (
        { "source",
          VMP_ATTRIBUTES (VMP_OF ("evdev", PATH), VMP_OF ("dev", PATH), VMP_WORDS ("grab", "all"),
                          VMP_OF ("grabToggle", TOKEN), VMP_ON_OFF ("repeat")) },
        VIRTIO_DRIVER, DEVICE) },
  { NULL },
};

static const VmpElement rng_rows[] = {
  { "rng", VMP_GRAMMAR_MANY, VMP_ATTRIBUTES (VMP_WORDS ("model", VIRTIO_MODELS)),
    VMP_CHILDREN (
        { "backend", VMP_WHEN ("model", "random"), VMP_TEXT_WORDS (" /dev/urandom /dev/random"),
          VMP_ATTRIBUTES (VMP_WORDS ("model", "random")) },
        { "backend", VMP_GRAMMAR_UNSAFE | VMP_GRAMMAR_WITH_PARENT, VMP_WHEN ("model", "random"),
          VMP_TEXT (PATH), VMP_ATTRIBUTES (VMP_WORDS ("model", "random")),
          .reason = REASON_HOST_DEVICE },
        { "backend", VMP_WHEN ("model", "builtin"),
          VMP_ATTRIBUTES (VMP_WORDS ("model", "builtin")) },
        { "backend", VMP_GRAMMAR_REFUSE | VMP_GRAMMAR_WITH_PARENT, .reason = REASON_HOST_SOCKET },
        { "rate", VMP_ATTRIBUTES (VMP_OF ("bytes", UNSIGNED), VMP_OF ("period", UNSIGNED)) },
        VIRTIO_DRIVER, DEVICE) },
  { NULL },
};

static const VmpElement tpm_rows[] = {
  { "tpm", VMP_ATTRIBUTES (VMP_WORDS ("model", "tpm-tis tpm-crb tpm-spapr spapr-tpm-proxy")),
    VMP_CHILDREN (
        { "backend", VMP_WHEN ("type", "emulator"),
          VMP_ATTRIBUTES (VMP_WORDS ("type", "emulator"), VMP_WORDS ("version", "1.2 2.0"),
                          VMP_YES_NO ("persistent_state")),
          VMP_CHILDREN ({ "active_pcr_banks",
                          VMP_CHILDREN ({ "sha1" }, { "sha256" }, { "sha384" }, { "sha512" }) },
                        { "encryption", VMP_GRAMMAR_REFUSE, .reason = REASON_SECRET }) },
        { "backend", VMP_GRAMMAR_UNSAFE | VMP_GRAMMAR_WITH_PARENT, VMP_WHEN ("type", "passthrough"),
          .reason = REASON_HOST_DEVICE, VMP_ATTRIBUTES (VMP_WORDS ("type", "passthrough")),
          VMP_CHILDREN ({ "device", VMP_ATTRIBUTES (VMP_OF ("path", PATH)) }) },
        { "backend", VMP_GRAMMAR_REFUSE | VMP_GRAMMAR_WITH_PARENT, .reason = REASON_HOST_SOCKET },
        DEVICE) },
  { NULL },
};

#define MEMORY_NODES \
  SCALED ("pagesize"), { "nodemask", VMP_GRAMMAR_DROP }
#define MEMORY_FILE \
  { "path", VMP_TEXT (PATH) }, SCALED ("alignsize"), { "pmem" }
#define MEMORY_TARGET \
  { \
    "target", VMP_CHILDREN (SCALED ("size"), COUNT ("node"), SCALED ("block"), \
                            SCALED ("requested"), SCALED ("current"), { "readonly" }, \
                            { "label", VMP_CHILDREN (SCALED ("size")) }) \
  }
#define MEMORY(models_, flags_, source_) \
  { \
    "memory", VMP_GRAMMAR_MANY | (flags_), VMP_WHEN ("model", models_), \
        .reason = REASON_HOST_FILE, \
        VMP_ATTRIBUTES (VMP_WORDS ("model", models_), VMP_WORDS ("access", "shared private"), \
                        VMP_YES_NO ("discard")), \
        VMP_CHILDREN ({ "uuid", VMP_TEXT (UUID) }, { "source", VMP_CHILDREN (source_) }, \
                      MEMORY_TARGET, DEVICE) \
  }

/* What reaches into the host and has a type all the same. */
static const VmpElement hostdev_rows[] = {
  { "hostdev", VMP_GRAMMAR_MANY | VMP_GRAMMAR_UNSAFE, VMP_WHEN ("type", "pci usb mdev"),
    .reason = REASON_HOST_DEVICE,
    VMP_ATTRIBUTES (VMP_WORDS ("mode", "subsystem"), VMP_WORDS ("type", "pci usb mdev"),
                    VMP_YES_NO ("managed"), VMP_WORDS ("model", "vfio-pci vfio-ccw vfio-ap"),
                    VMP_ON_OFF ("display"), VMP_ON_OFF ("ramfb")),
    VMP_CHILDREN (
        { "driver", VMP_ATTRIBUTES (VMP_WORDS ("name", "kvm vfio xen")) },
        { "source",
          VMP_ATTRIBUTES (VMP_WORDS ("startupPolicy", "mandatory requisite optional"),
                          VMP_YES_NO ("writeFiltering"),
                          VMP_WORDS ("guestReset", "off uninitialized on")),
          VMP_CHILDREN (
              { "vendor", VMP_ATTRIBUTES (VMP_OF ("id", NUMBER)) },
              { "product", VMP_ATTRIBUTES (VMP_OF ("id", NUMBER)) },
              { "address", VMP_ATTRIBUTES (VMP_OF ("domain", NUMBER), VMP_OF ("bus", NUMBER),
                                           VMP_OF ("slot", NUMBER), VMP_OF ("function", NUMBER),
                                           VMP_OF ("device", NUMBER), VMP_OF ("uuid", UUID),
                                           VMP_WORDS ("type", "pci usb")) }) },
        BOOT, ROM, DEVICE) },
  { "hostdev", VMP_GRAMMAR_MANY | VMP_GRAMMAR_REFUSE, .reason = REASON_HOST_DEVICE },
  { NULL },
};

static const VmpElement filesystem_rows[] = {
  { "filesystem", VMP_GRAMMAR_MANY | VMP_GRAMMAR_UNSAFE, VMP_WHEN ("type", " mount"),
    .reason = REASON_HOST_FOLDER,
    VMP_ATTRIBUTES (VMP_WORDS ("type", "mount"), VMP_WORDS ("model", VIRTIO_MODELS),
                    VMP_WORDS ("accessmode", "passthrough mapped squash"),
                    VMP_WORDS ("multidevs", "default remap forbid warn"),
                    VMP_OF ("fmode", UNSIGNED), VMP_OF ("dmode", UNSIGNED)),
    VMP_CHILDREN ({ "driver", VMP_ATTRIBUTES (VMP_WORDS ("type", "path handle virtiofs"),
                                              VMP_OF ("queue", UNSIGNED),
                                              VMP_WORDS ("wrpolicy", "immediate"), VIRTIO) },
                  { "source", VMP_ATTRIBUTES (VMP_OF ("dir", PATH)) },
                  { "target", VMP_ATTRIBUTES (VMP_OF ("dir", LINE)) }, { "readonly" }, BOOT,
                  DEVICE) },
  { "filesystem", VMP_GRAMMAR_MANY | VMP_GRAMMAR_REFUSE, .reason = REASON_HOST_FOLDER },
  { NULL },
};

static const VmpElement shmem_rows[] = {
  { "shmem", VMP_GRAMMAR_MANY | VMP_GRAMMAR_UNSAFE, .reason = REASON_HOST_MEMORY,
    VMP_ATTRIBUTES (VMP_OF ("name", TOKEN), VMP_WORDS ("role", "master peer")),
    VMP_CHILDREN (
        { "model", VMP_ATTRIBUTES (VMP_WORDS ("type", "ivshmem-plain ivshmem-doorbell")) },
        SCALED ("size"), { "server", VMP_ATTRIBUTES (VMP_OF ("path", PATH)) },
        { "msi", VMP_ATTRIBUTES (VMP_ON_OFF ("enabled"), VMP_ON_OFF ("ioeventfd"),
                                 VMP_OF ("vectors", UNSIGNED)) },
        DEVICE) },
  { NULL },
};

static const VmpElement redirection_rows[] = {
  { "redirdev", VMP_GRAMMAR_MANY, VMP_WHEN ("type", "spicevmc"),
    VMP_ATTRIBUTES (VMP_WORDS ("bus", "usb"), VMP_WORDS ("type", "spicevmc")),
    VMP_CHILDREN (BOOT, DEVICE) },
  { "redirdev", VMP_GRAMMAR_MANY | VMP_GRAMMAR_REFUSE, .reason = REASON_HOST_SOCKET },
  { "redirfilter",
    VMP_CHILDREN (
        { "usbdev", VMP_GRAMMAR_MANY,
          VMP_ATTRIBUTES (VMP_YES_NO ("allow"), VMP_OF ("class", LINE), VMP_OF ("vendor", LINE),
                          VMP_OF ("product", LINE), VMP_OF ("version", LINE)) }) },
  { "smartcard", VMP_GRAMMAR_MANY, VMP_WHEN ("type", "spicevmc"),
    VMP_ATTRIBUTES (VMP_WORDS ("mode", "passthrough"), VMP_WORDS ("type", "spicevmc")),
    VMP_CHILDREN (DEVICE) },
  { "smartcard", VMP_GRAMMAR_MANY | VMP_GRAMMAR_UNSAFE, VMP_WHEN ("mode", "host"),
    .reason = REASON_HOST_DEVICE, VMP_ATTRIBUTES (VMP_WORDS ("mode", "host")),
    VMP_CHILDREN (DEVICE) },
  { "smartcard", VMP_GRAMMAR_MANY | VMP_GRAMMAR_REFUSE, .reason = REASON_HOST_DEVICE },
  { NULL },
};

const VmpElement vmp_grammar_devices[] = {
  /* Every libvirt XML has one, and libvirt runs it: this host derives its own. */
  { "emulator", VMP_GRAMMAR_DROP, VMP_TEXT (EMULATOR) },
  { "emulator", VMP_GRAMMAR_REFUSE, .reason = REASON_SCRIPT },
  VMP_INCLUDE (vmp_grammar_disks),
  VMP_INCLUDE (controller_rows),
  VMP_INCLUDE (vmp_grammar_interfaces),
  VMP_INCLUDE (vmp_grammar_chardevs),
  VMP_INCLUDE (input_rows),
  VMP_INCLUDE (vmp_grammar_displays),
  VMP_INCLUDE (rng_rows),
  VMP_INCLUDE (tpm_rows),
  { "hub", VMP_GRAMMAR_MANY, VMP_ATTRIBUTES (VMP_WORDS ("type", "usb")), VMP_CHILDREN (DEVICE) },
  { "watchdog", VMP_GRAMMAR_MANY,
    VMP_ATTRIBUTES (VMP_WORDS ("model", "i6300esb ib700 diag288 itco"),
                    VMP_WORDS ("action", "reset shutdown poweroff pause none dump inject-nmi")),
    VMP_CHILDREN (DEVICE) },
  { "memballoon",
    VMP_ATTRIBUTES (VMP_WORDS ("model", VIRTIO_MODELS " xen none"), VMP_ON_OFF ("autodeflate"),
                    VMP_ON_OFF ("freePageReporting")),
    VMP_CHILDREN ({ "stats", VMP_ATTRIBUTES (VMP_OF ("period", UNSIGNED)) }, VIRTIO_DRIVER,
                  DEVICE) },
  { "panic", VMP_GRAMMAR_MANY,
    VMP_ATTRIBUTES (VMP_WORDS ("model", "isa pseries hyperv s390 pvpanic")),
    VMP_CHILDREN (DEVICE) },
  { "nvram", VMP_CHILDREN (ADDRESS) },
  { "iommu", VMP_ATTRIBUTES (VMP_WORDS ("model", "intel smmuv3 virtio")),
    VMP_CHILDREN ({ "driver", VMP_ATTRIBUTES (VMP_ON_OFF ("intremap"), VMP_ON_OFF ("caching_mode"),
                                              VMP_ON_OFF ("eim"), VMP_ON_OFF ("iotlb"),
                                              VMP_OF ("aw_bits", UNSIGNED)) },
                  DEVICE) },
  { "vsock", VMP_ATTRIBUTES (VMP_WORDS ("model", VIRTIO_MODELS)),
    /* A fixed number would clash with another machine's: the host picks one. */
    VMP_CHILDREN ({ "cid", VMP_ATTRIBUTES (VMP_YES_NO ("auto"), VMP_DROP ("address")) },
                  VIRTIO_DRIVER, DEVICE) },
  MEMORY ("dimm virtio-mem", 0, MEMORY_NODES),
  MEMORY ("nvdimm virtio-pmem", VMP_GRAMMAR_UNSAFE, MEMORY_FILE),
  VMP_INCLUDE (hostdev_rows),
  VMP_INCLUDE (filesystem_rows),
  VMP_INCLUDE (shmem_rows),
  VMP_INCLUDE (redirection_rows),
  { NULL },
};
