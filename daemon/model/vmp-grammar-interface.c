/* What a domain's XML may consist of: network adapters. */
#include "config.h"

#include "vmp-grammar-device.h"

#define OFFLOADS \
  VMP_ON_OFF ("csum"), VMP_ON_OFF ("gso"), VMP_ON_OFF ("tso4"), VMP_ON_OFF ("tso6"), \
      VMP_ON_OFF ("ecn"), VMP_ON_OFF ("ufo"), VMP_ON_OFF ("uso"), VMP_ON_OFF ("mrg_rxbuf")
#define RATE \
  VMP_ATTRIBUTES (VMP_OF ("average", UNSIGNED), VMP_OF ("peak", UNSIGNED), \
                  VMP_OF ("floor", UNSIGNED), VMP_OF ("burst", UNSIGNED))
static const VmpElement interface_details_rows[] = {
  { "mac", VMP_ATTRIBUTES (VMP_OF ("address", MAC), VMP_WORDS ("type", "generated static"),
                           VMP_YES_NO ("check")) },
  { "model", VMP_ATTRIBUTES (VMP_OF ("type", TOKEN)) },
  { "link", VMP_ATTRIBUTES (VMP_WORDS ("state", "up down")) },
  { "mtu", VMP_ATTRIBUTES (VMP_OF ("size", UNSIGNED)) },
  /* The tap device's name, which a running machine shows. */
  { "target", VMP_GRAMMAR_DROP },
  { "driver",
    VMP_ATTRIBUTES (VMP_WORDS ("name", "qemu vhost"), VMP_OF ("queues", UNSIGNED),
                    VMP_OF ("rx_queue_size", UNSIGNED), VMP_OF ("tx_queue_size", UNSIGNED),
                    VMP_WORDS ("txmode", "iothread timer"), VMP_ON_OFF ("ioeventfd"),
                    VMP_ON_OFF ("event_idx"), VMP_ON_OFF ("rss"), VMP_ON_OFF ("rss_hash_report"),
                    VIRTIO),
    VMP_CHILDREN ({ "host", VMP_ATTRIBUTES (OFFLOADS) }, { "guest", VMP_ATTRIBUTES (OFFLOADS) }) },
  { "coalesce",
    VMP_CHILDREN (
        { "rx", VMP_CHILDREN ({ "frames", VMP_ATTRIBUTES (VMP_OF ("max", UNSIGNED)) }) }) },
  { "filterref", VMP_ATTRIBUTES (VMP_OF ("filter", TOKEN)),
    VMP_CHILDREN ({ "parameter", VMP_GRAMMAR_MANY,
                    VMP_ATTRIBUTES (VMP_OF ("name", TOKEN), VMP_OF ("value", LINE)) }) },
  { "tune", VMP_CHILDREN (COUNT ("sndbuf")) },
  { "bandwidth", VMP_CHILDREN ({ "inbound", RATE }, { "outbound", RATE }) },
  { "port", VMP_ATTRIBUTES (VMP_YES_NO ("isolated")) },
  { "teaming",
    VMP_ATTRIBUTES (VMP_WORDS ("type", "persistent transient"), VMP_OF ("persistent", ALIAS)) },
  { "script", VMP_GRAMMAR_REFUSE, .reason = REASON_SCRIPT },
  { "downscript", VMP_GRAMMAR_REFUSE, .reason = REASON_SCRIPT },
  { "vlan", VMP_GRAMMAR_UNSAFE, .reason = REASON_HOST_NETWORK,
    VMP_ATTRIBUTES (VMP_YES_NO ("trunk")),
    VMP_CHILDREN ({ "tag", VMP_GRAMMAR_MANY,
                    VMP_ATTRIBUTES (VMP_OF ("id", UNSIGNED),
                                    VMP_WORDS ("nativeMode", "tagged untagged")) }) },
  { "virtualport", VMP_GRAMMAR_UNSAFE, .reason = REASON_HOST_NETWORK,
    VMP_ATTRIBUTES (VMP_WORDS ("type", "802.1Qbg 802.1Qbh openvswitch midonet")),
    VMP_CHILDREN ({ "parameters",
                    VMP_ATTRIBUTES (VMP_OF ("managerid", NUMBER), VMP_OF ("typeid", NUMBER),
                                    VMP_OF ("typeidversion", NUMBER), VMP_OF ("instanceid", UUID),
                                    VMP_OF ("profileid", TOKEN), VMP_OF ("interfaceid", UUID)) }) },
  { "portForward", VMP_GRAMMAR_MANY | VMP_GRAMMAR_UNSAFE, .reason = REASON_HOST_NETWORK,
    VMP_ATTRIBUTES (VMP_WORDS ("proto", "tcp udp"), VMP_OF ("address", TOKEN),
                    VMP_OF ("dev", TOKEN)),
    VMP_CHILDREN ({ "range", VMP_GRAMMAR_MANY,
                    VMP_ATTRIBUTES (VMP_OF ("start", UNSIGNED), VMP_OF ("end", UNSIGNED),
                                    VMP_OF ("to", UNSIGNED), VMP_YES_NO ("exclude")) }) },
  { "backend", VMP_GRAMMAR_PRUNE,
    VMP_ATTRIBUTES (VMP_WORDS ("type", "passt"), VMP_UNSAFE_OF ("tap", PATH, REASON_HOST_DEVICE),
                    VMP_UNSAFE_OF ("vhost", PATH, REASON_HOST_DEVICE),
                    VMP_UNSAFE_OF ("logFile", PATH, REASON_HOST_FILE)) },
  { "ip", VMP_GRAMMAR_MANY,
    VMP_ATTRIBUTES (VMP_OF ("address", TOKEN), VMP_WORDS ("family", "ipv4 ipv6"),
                    VMP_OF ("prefix", UNSIGNED)) },
  BOOT,
  ROM,
  DEVICE,
  { NULL },
};

#define INTERFACE_ATTRIBUTES(types_) \
  VMP_ATTRIBUTES ( \
      VMP_WORDS ("type", types_), VMP_WORDS ("trustGuestRxFilters", "no"), \
      { "trustGuestRxFilters", VMP_VALUE_WORDS, "yes", VMP_GRAMMAR_UNSAFE, REASON_HOST_NETWORK }, \
      VMP_YES_NO ("managed"))
const VmpElement vmp_grammar_interfaces[] = {
  { "interface", VMP_GRAMMAR_MANY, VMP_WHEN ("type", "network"), INTERFACE_ATTRIBUTES ("network"),
    VMP_CHILDREN ({ "source", VMP_ATTRIBUTES (VMP_OF ("network", VM_NAME),
                                              VMP_OF ("portgroup", TOKEN), VMP_DROP ("portid"),
                                              VMP_DROP ("bridge"), VMP_DROP ("macTableManager")) },
                  VMP_INCLUDE (interface_details_rows)) },
  { "interface", VMP_GRAMMAR_MANY, VMP_WHEN ("type", "bridge"), INTERFACE_ATTRIBUTES ("bridge"),
    VMP_CHILDREN (
        { "source",
          VMP_ATTRIBUTES (VMP_OF ("bridge", TOKEN), VMP_WORDS ("macTableManager", "kernel libvirt"),
                          VMP_DROP ("network"), VMP_DROP ("portgroup"), VMP_DROP ("portid")) },
        VMP_INCLUDE (interface_details_rows)) },
  { "interface", VMP_GRAMMAR_MANY, VMP_WHEN ("type", "user"), INTERFACE_ATTRIBUTES ("user"),
    VMP_CHILDREN ({ "source", VMP_GRAMMAR_PRUNE,
                    VMP_ATTRIBUTES (VMP_UNSAFE_OF ("dev", TOKEN, REASON_HOST_NETWORK)) },
                  VMP_INCLUDE (interface_details_rows)) },
  { "interface", VMP_GRAMMAR_MANY, VMP_WHEN ("type", "null"), INTERFACE_ATTRIBUTES ("null"),
    VMP_CHILDREN (VMP_INCLUDE (interface_details_rows)) },
  { "interface", VMP_GRAMMAR_MANY | VMP_GRAMMAR_UNSAFE, VMP_WHEN ("type", "direct"),
    .reason = REASON_HOST_NETWORK, INTERFACE_ATTRIBUTES ("direct"),
    VMP_CHILDREN (
        { "source", VMP_ATTRIBUTES (VMP_OF ("dev", TOKEN),
                                    VMP_WORDS ("mode", "vepa bridge private passthrough")) },
        VMP_INCLUDE (interface_details_rows)) },
  { "interface", VMP_GRAMMAR_MANY | VMP_GRAMMAR_UNSAFE, VMP_WHEN ("type", "hostdev"),
    .reason = REASON_HOST_DEVICE, INTERFACE_ATTRIBUTES ("hostdev"),
    VMP_CHILDREN ({ "source", VMP_CHILDREN (ADDRESS) }, VMP_INCLUDE (interface_details_rows)) },
  { "interface", VMP_GRAMMAR_MANY | VMP_GRAMMAR_UNSAFE,
    VMP_WHEN ("type", "udp mcast client server"), .reason = REASON_HOST_NETWORK,
    INTERFACE_ATTRIBUTES ("udp mcast client server"),
    VMP_CHILDREN ({ "source", VMP_ATTRIBUTES (VMP_OF ("address", TOKEN), VMP_OF ("port", UNSIGNED)),
                    VMP_CHILDREN ({ "local", VMP_ATTRIBUTES (VMP_OF ("address", TOKEN),
                                                             VMP_OF ("port", UNSIGNED)) }) },
                  VMP_INCLUDE (interface_details_rows)) },
  { "interface", VMP_GRAMMAR_MANY | VMP_GRAMMAR_REFUSE, .reason = REASON_HOST_NETWORK },
  { NULL },
};
