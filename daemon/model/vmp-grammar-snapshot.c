/* What a snapshot's XML may consist of: everything but the configuration in it. */
#include "config.h"

#include "vmp-grammar-device.h"

const VmpElement vmp_grammar_snapshot[] = {
  { "domainsnapshot",
    VMP_CHILDREN (
        { "name", VMP_TEXT (LINE) }, { "description", VMP_GRAMMAR_PRUNE, VMP_TEXT (TEXT) },
        /* "pmsuspended" is a state that libvirt takes no snapshot in. */
        { "state",
          VMP_TEXT_WORDS ("running blocked paused shutdown shutoff crashed disk-snapshot") },
        { "parent", VMP_CHILDREN ({ "name", VMP_TEXT (LINE) }) },
        { "creationTime", VMP_TEXT (UNSIGNED) },
        { "memory",
          VMP_ATTRIBUTES (VMP_WORDS ("snapshot", "no internal external"), VMP_OF ("file", FILE)) },
        { "disks", VMP_GRAMMAR_PRUNE, .children = vmp_grammar_snapshot_disks },
        /* The configurations go through the grammar of a domain, each as a document of its own. */
        { "domain", VMP_GRAMMAR_DROP }, { "inactiveDomain", VMP_GRAMMAR_DROP },
        VMP_INCLUDE (vmp_grammar_save_cookie), { "active", VMP_TEXT_WORDS ("0 1") }) },
  { NULL },
};
