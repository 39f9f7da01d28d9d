/* The types that attributes and texts of the domain grammar have. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef enum
{
  VMP_VALUE_NONE,     /* no text at all */
  VMP_VALUE_WORDS,    /* one of a list */
  VMP_VALUE_UNSIGNED, /* decimal, 64 bits */
  VMP_VALUE_INTEGER,  /* decimal with a sign, 64 bits */
  VMP_VALUE_NUMBER,   /* decimal or 0x…: addresses, ids */
  VMP_VALUE_UUID,     /* written with hyphens, in lower case */
  VMP_VALUE_MAC,      /* of one adapter, in lower case */
  VMP_VALUE_TOKEN,    /* a name as the field has them: [A-Za-z0-9_.:+,-], not starting with "-" */
  VMP_VALUE_CPUSET,   /* "0-3,^2" */
  VMP_VALUE_VM_NAME,
  VMP_VALUE_LINE,     /* one line of text */
  VMP_VALUE_TEXT,     /* several lines of text */
  VMP_VALUE_PATH,     /* absolute */
  VMP_VALUE_FILE,     /* absolute, or relative to the package */
  VMP_VALUE_FIRMWARE, /* a firmware file that a host's packages own, and libvirt finds by itself */
  VMP_VALUE_EMULATOR, /* a QEMU where distributions install it, which libvirt finds by itself */
  VMP_VALUE_CHANNEL,  /* a socket that libvirt made up for a channel */
  VMP_VALUE_PORTS,    /* a USB port: "1.2" */
  VMP_VALUE_ALIAS,    /* a device's name that a person chose: "ua-…" */
  VMP_VALUE_ANY,      /* anything; only for what is dropped */
} VmpValue;

/* The value as the model keeps it, or NULL where @text is not of @type. */
char *vmp_value_normalize (VmpValue type, const char *words, const char *text);

G_END_DECLS
