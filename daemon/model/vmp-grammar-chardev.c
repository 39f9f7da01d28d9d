/* What a domain's XML may consist of: serial ports, consoles and channels. */
#include "config.h"

#include "vmp-grammar-device.h"

static const VmpElement chardev_details_rows[] = {
  { "target",
    VMP_ATTRIBUTES (VMP_OF ("type", TOKEN), VMP_OF ("port", UNSIGNED), VMP_OF ("name", TOKEN),
                    VMP_WORDS ("state", "connected disconnected"), VMP_OF ("address", TOKEN)),
    VMP_CHILDREN ({ "model", VMP_ATTRIBUTES (VMP_OF ("name", TOKEN)) }) },
  { "protocol", VMP_ATTRIBUTES (VMP_WORDS ("type", "raw telnet telnets tls")) },
  { "log", VMP_GRAMMAR_UNSAFE, .reason = REASON_HOST_FILE,
    VMP_ATTRIBUTES (VMP_OF ("file", PATH), VMP_ON_OFF ("append")) },
  DEVICE,
  { NULL },
};

#define INNER_CHARDEVS "pty null vc spicevmc"
#define HOST_CHARDEVS "file pipe dev unix tcp udp stdio nmdm"
#define CHARDEV_SOURCE(extra_) \
  { \
    "source", VMP_GRAMMAR_PRUNE | VMP_GRAMMAR_MANY, VMP_ATTRIBUTES (extra_), \
        VMP_CHILDREN (SECLABEL) \
  }
#define CHARDEVS(name_) \
  { name_, VMP_GRAMMAR_MANY, VMP_WHEN ("type", " " INNER_CHARDEVS), \
    VMP_ATTRIBUTES (VMP_WORDS ("type", INNER_CHARDEVS), VMP_DROP ("tty")), \
    VMP_CHILDREN (CHARDEV_SOURCE (VMP_DROP ("path")), VMP_INCLUDE (chardev_details_rows)) }, \
      { name_, VMP_GRAMMAR_MANY, VMP_WHEN ("type", "spiceport dbus"), \
        VMP_ATTRIBUTES (VMP_WORDS ("type", "spiceport dbus")), \
        VMP_CHILDREN (CHARDEV_SOURCE (VMP_OF ("channel", TOKEN)), \
                      VMP_INCLUDE (chardev_details_rows)) }, \
      { name_, VMP_GRAMMAR_MANY, VMP_WHEN ("type", "qemu-vdagent"), \
        VMP_ATTRIBUTES (VMP_WORDS ("type", "qemu-vdagent")), \
        VMP_CHILDREN ( \
            { "source", \
              VMP_CHILDREN ({ "clipboard", VMP_ATTRIBUTES (VMP_YES_NO ("copypaste")) }, \
                            { "mouse", VMP_ATTRIBUTES (VMP_WORDS ("mode", "server client")) }) }, \
            VMP_INCLUDE (chardev_details_rows)) }, \
  { \
    name_, VMP_GRAMMAR_MANY | VMP_GRAMMAR_UNSAFE, VMP_WHEN ("type", HOST_CHARDEVS), \
        .reason = REASON_HOST_SOCKET, VMP_ATTRIBUTES (VMP_WORDS ("type", HOST_CHARDEVS)), \
        VMP_CHILDREN ({ "source", VMP_GRAMMAR_MANY, \
                        VMP_ATTRIBUTES (VMP_OF ("path", PATH), VMP_WORDS ("mode", "bind connect"), \
                                        VMP_OF ("host", TOKEN), VMP_OF ("service", TOKEN), \
                                        VMP_ON_OFF ("append"), VMP_YES_NO ("tls")), \
                        VMP_CHILDREN (SECLABEL, RECONNECT) }, \
                      VMP_INCLUDE (chardev_details_rows)) \
  }
/* libvirt makes up a path of its own for a channel's socket; a running machine shows it. */
static const VmpElement channel_unix_rows[] = {
  { "channel", VMP_GRAMMAR_MANY, VMP_WHEN ("type", "unix"),
    VMP_ATTRIBUTES (VMP_WORDS ("type", "unix")),
    VMP_CHILDREN (
        { "source", VMP_GRAMMAR_PRUNE,
          VMP_ATTRIBUTES (
              { "path", VMP_VALUE_CHANNEL, NULL, VMP_GRAMMAR_DROP },
              VMP_UNSAFE_OF ("path", PATH, REASON_HOST_SOCKET), VMP_WORDS ("mode", "bind"),
              { "mode", VMP_VALUE_WORDS, "connect", VMP_GRAMMAR_UNSAFE, REASON_HOST_SOCKET }),
          VMP_CHILDREN (SECLABEL) },
        VMP_INCLUDE (chardev_details_rows)) },
  { NULL },
};

const VmpElement vmp_grammar_chardevs[] = {
  VMP_INCLUDE (channel_unix_rows),
  CHARDEVS ("serial"),
  CHARDEVS ("parallel"),
  CHARDEVS ("console"),
  CHARDEVS ("channel"),
  { NULL },
};
