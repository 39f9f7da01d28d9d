/* What the tables of devices share: reasons, and the elements that many devices have. */
#pragma once

#include <glib/gi18n-lib.h>

#include "vmp-grammar.h"

#define REASON_HOST_DEVICE N_ ("It hands a device of the host to the guest.")
#define REASON_HOST_FILE N_ ("It has a file of the host read or written.")
#define REASON_HOST_FOLDER N_ ("It shares a folder of the host with the guest.")
#define REASON_HOST_NETWORK N_ ("It reaches into the network of the host.")
#define REASON_HOST_SOCKET N_ ("It connects the guest with a socket or a program of the host.")
#define REASON_HOST_MEMORY N_ ("It shares memory of the host with the guest.")
#define REASON_NOT_A_FILE N_ ("Its content is not in a file.")
#define REASON_SECRET N_ ("It needs a secret that stays on the old host.")
#define REASON_SCRIPT N_ ("It has a program run on the host.")

/* What many devices have. */
#define ALIAS \
  { \
    "alias", VMP_GRAMMAR_PRUNE, \
        VMP_ATTRIBUTES (VMP_OF ("name", ALIAS), \
                        { "name", VMP_VALUE_TOKEN, NULL, VMP_GRAMMAR_DROP }) \
  }
#define ADDRESS \
  { \
    "address", \
        VMP_ATTRIBUTES ( \
            VMP_WORDS ("type", "pci drive virtio-serial ccid usb spapr-vio ccw isa " \
                               "virtio-mmio dimm unassigned"), \
            VMP_OF ("domain", NUMBER), VMP_OF ("bus", NUMBER), VMP_OF ("slot", NUMBER), \
            VMP_OF ("function", NUMBER), VMP_ON_OFF ("multifunction"), \
            VMP_OF ("controller", NUMBER), VMP_OF ("target", NUMBER), VMP_OF ("unit", NUMBER), \
            VMP_OF ("port", PORTS), VMP_OF ("cssid", NUMBER), VMP_OF ("ssid", NUMBER), \
            VMP_OF ("devno", NUMBER), VMP_OF ("reg", NUMBER), VMP_OF ("iobase", NUMBER), \
            VMP_OF ("irq", NUMBER), VMP_OF ("base", NUMBER)), \
        VMP_CHILDREN ({ "zpci", VMP_ATTRIBUTES (VMP_OF ("uid", NUMBER), VMP_OF ("fid", NUMBER)) }) \
  }
#define ACPI \
  { \
    "acpi", VMP_ATTRIBUTES (VMP_OF ("index", UNSIGNED)) \
  }
#define BOOT \
  { \
    "boot", VMP_ATTRIBUTES (VMP_OF ("order", UNSIGNED), VMP_OF ("loadparm", LINE)) \
  }
#define DEVICE ALIAS, ADDRESS, ACPI
#define VIRTIO \
  VMP_ON_OFF ("iommu"), VMP_ON_OFF ("ats"), VMP_ON_OFF ("packed"), VMP_ON_OFF ("page_per_vq")
#define VIRTIO_DRIVER \
  { \
    "driver", VMP_ATTRIBUTES (VIRTIO) \
  }
#define VIRTIO_MODELS "virtio virtio-transitional virtio-non-transitional"
#define SCALED(name_) \
  { \
    name_, VMP_TEXT (UNSIGNED), VMP_ATTRIBUTES (VMP_OF ("unit", TOKEN)) \
  }
#define COUNT(name_) \
  { \
    name_, VMP_TEXT (UNSIGNED) \
  }
#define SECLABEL \
  { \
    "seclabel", VMP_GRAMMAR_DROP \
  }
#define ROM \
  { \
    "rom", VMP_ATTRIBUTES (VMP_YES_NO ("enabled"), VMP_ON_OFF ("bar"), \
                           VMP_UNSAFE_OF ("file", PATH, REASON_HOST_FILE)) \
  }
#define RECONNECT \
  { \
    "reconnect", VMP_ATTRIBUTES (VMP_YES_NO ("enabled"), VMP_OF ("timeout", UNSIGNED)) \
  }

/* Rows of <devices>, to be included in it. */
extern const VmpElement vmp_grammar_disks[];
extern const VmpElement vmp_grammar_interfaces[];
extern const VmpElement vmp_grammar_chardevs[];
extern const VmpElement vmp_grammar_displays[];

/* Rows of a snapshot's <disks>. */
extern const VmpElement vmp_grammar_snapshot_disks[];
