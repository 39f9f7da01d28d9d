/* What a domain's XML may consist of: everything but the devices. */
#include "config.h"

#include <glib/gi18n-lib.h>

#include "vmp-grammar.h"

#define STATE VMP_ATTRIBUTES (VMP_ON_OFF ("state"))
#define FEATURE(name_) \
  { \
    name_, STATE \
  }
#define SCALED(name_) \
  { \
    name_, VMP_TEXT (UNSIGNED), VMP_ATTRIBUTES (VMP_OF ("unit", TOKEN)) \
  }
#define DROPPED(name_) \
  { \
    name_, VMP_GRAMMAR_DROP \
  }
#define TICK VMP_WORDS ("tickpolicy", "delay catchup merge discard")

#define REASON_HOST_FILE N_ ("It has a file of the host read or written.")
#define REASON_HOST_MEMORY N_ ("It pins memory of the host.")
#define REASON_CONFINEMENT N_ ("It changes how the machine is confined on the host.")
#define REASON_COMMAND N_ ("It passes options to QEMU behind libvirt's back.")
#define REASON_HOST_IDENTITY N_ ("It shows the guest what the host is.")

static const VmpElement metadata_rows[] = {
  { "metadata", VMP_GRAMMAR_PRUNE,
    VMP_CHILDREN ({ "vmport:machine", VMP_GRAMMAR_PRUNE,
                    VMP_ATTRIBUTES (VMP_YES_NO ("autostart"), VMP_OF ("scope", LINE),
                                    VMP_OF ("job", TOKEN)) },
                  { "vmport:*", VMP_GRAMMAR_MANY | VMP_GRAMMAR_OPEN },
                  { "libosinfo:libosinfo",
                    VMP_CHILDREN ({ "libosinfo:os", VMP_ATTRIBUTES (VMP_OF ("id", LINE)) }) }) },
  { NULL },
};

static const VmpElement memory_backing_rows[] = {
  { "memoryBacking",
    VMP_CHILDREN (
        { "hugepages",
          VMP_CHILDREN ({ "page", VMP_GRAMMAR_MANY,
                          VMP_ATTRIBUTES (VMP_OF ("size", UNSIGNED), VMP_OF ("unit", TOKEN),
                                          VMP_OF ("nodeset", CPUSET)) }) },
        { "nosharepages" }, { "locked", VMP_GRAMMAR_UNSAFE, .reason = REASON_HOST_MEMORY },
        { "source", VMP_ATTRIBUTES (VMP_WORDS ("type", "file anonymous memfd")) },
        { "access", VMP_ATTRIBUTES (VMP_WORDS ("mode", "shared private")) },
        { "allocation",
          VMP_ATTRIBUTES (VMP_WORDS ("mode", "immediate ondemand"), VMP_OF ("threads", UNSIGNED)) },
        { "discard" }) },
  { NULL },
};

static const VmpElement memtune_rows[] = {
  { "memtune", VMP_CHILDREN (SCALED ("hard_limit"), SCALED ("soft_limit"), SCALED ("min_guarantee"),
                             SCALED ("swap_hard_limit")) },
  { NULL },
};

static const VmpElement vcpus_rows[] = {
  { "vcpus",
    VMP_CHILDREN ({ "vcpu", VMP_GRAMMAR_MANY,
                    VMP_ATTRIBUTES (VMP_OF ("id", UNSIGNED), VMP_YES_NO ("enabled"),
                                    VMP_YES_NO ("hotpluggable"), VMP_OF ("order", UNSIGNED)) }) },
  { NULL },
};

static const VmpElement iothreadids_rows[] = {
  { "iothreadids",
    VMP_CHILDREN ({ "iothread", VMP_GRAMMAR_MANY,
                    VMP_ATTRIBUTES (VMP_OF ("id", UNSIGNED), VMP_OF ("thread_pool_min", UNSIGNED),
                                    VMP_OF ("thread_pool_max", UNSIGNED)) }) },
  { NULL },
};

#define LOADER(text_) \
  { \
    "loader", VMP_GRAMMAR_PRUNE, text_, \
        VMP_ATTRIBUTES (VMP_YES_NO ("readonly"), VMP_YES_NO ("secure"), VMP_YES_NO ("stateless"), \
                        VMP_WORDS ("type", "rom pflash"), VMP_WORDS ("format", "raw qcow2")) \
  }

#define NVRAM(text_) \
  { \
    "nvram", VMP_GRAMMAR_PRUNE, VMP_WHEN ("type", " file"), text_, \
        VMP_ATTRIBUTES (VMP_WORDS ("type", "file"), \
                        { "template", VMP_VALUE_FIRMWARE, NULL, VMP_GRAMMAR_DROP }, \
                        VMP_UNSAFE_OF ("template", PATH, REASON_HOST_FILE), \
                        VMP_WORDS ("templateFormat", "raw qcow2"), \
                        VMP_WORDS ("format", "raw qcow2")), \
        VMP_CHILDREN ({ "source", VMP_ATTRIBUTES (VMP_OF ("file", FILE), VMP_DROP ("index")) }) \
  }

/* Paths of kernel, initrd, dtb, loader and nvram are kept and are no findings here: whether they
 * are members of a package only the caller knows, through vmp_domain_get_file(). */
static const VmpElement os_rows[] = {
  { "os", VMP_ATTRIBUTES (VMP_WORDS ("firmware", "bios efi")),
    VMP_CHILDREN (
        { "type", VMP_TEXT_WORDS ("hvm"),
          VMP_ATTRIBUTES (VMP_OF ("arch", TOKEN), VMP_OF ("machine", TOKEN)) },
        { "firmware",
          VMP_CHILDREN ({ "feature", VMP_GRAMMAR_MANY,
                          VMP_ATTRIBUTES (VMP_YES_NO ("enabled"), VMP_OF ("name", TOKEN)) }) },
        LOADER (VMP_TEXT (FILE)), LOADER (VMP_TEXT (NONE)), NVRAM (VMP_TEXT (FILE)),
        NVRAM (VMP_TEXT (NONE)), { "nvram", VMP_GRAMMAR_REFUSE, .reason = REASON_HOST_FILE },
        { "kernel", VMP_TEXT (FILE) }, { "initrd", VMP_TEXT (FILE) },
        { "cmdline", VMP_TEXT (TEXT) }, { "dtb", VMP_TEXT (FILE) },
        { "boot", VMP_GRAMMAR_MANY, VMP_ATTRIBUTES (VMP_WORDS ("dev", "fd hd cdrom network")) },
        { "bootmenu", VMP_ATTRIBUTES (VMP_YES_NO ("enable"), VMP_OF ("timeout", UNSIGNED)) },
        { "smbios", VMP_GRAMMAR_PRUNE,
          VMP_ATTRIBUTES (
              VMP_WORDS ("mode", "emulate sysinfo"),
              { "mode", VMP_VALUE_WORDS, "host", VMP_GRAMMAR_UNSAFE, REASON_HOST_IDENTITY }) },
        { "bios", VMP_ATTRIBUTES (VMP_YES_NO ("useserial"), VMP_OF ("rebootTimeout", INTEGER)) },
        { "acpi", VMP_GRAMMAR_PRUNE,
          VMP_CHILDREN ({ "table", VMP_GRAMMAR_MANY | VMP_GRAMMAR_UNSAFE, VMP_TEXT (PATH),
                          .reason = REASON_HOST_FILE,
                          VMP_ATTRIBUTES (VMP_WORDS ("type", "slic raw rawset msdm")) }) }) },
  { NULL },
};

static const VmpElement hyperv_rows[] = {
  { "hyperv", VMP_ATTRIBUTES (VMP_WORDS ("mode", "custom passthrough host-model")),
    VMP_CHILDREN (
        FEATURE ("relaxed"), FEATURE ("vapic"),
        { "spinlocks", VMP_ATTRIBUTES (VMP_ON_OFF ("state"), VMP_OF ("retries", UNSIGNED)) },
        FEATURE ("vpindex"), FEATURE ("runtime"), FEATURE ("synic"),
        { "stimer", STATE, VMP_CHILDREN (FEATURE ("direct")) }, FEATURE ("reset"),
        { "vendor_id", VMP_ATTRIBUTES (VMP_ON_OFF ("state"), VMP_OF ("value", LINE)) },
        FEATURE ("frequencies"), FEATURE ("reenlightenment"),
        { "tlbflush", STATE, VMP_CHILDREN (FEATURE ("direct"), FEATURE ("extended")) },
        FEATURE ("ipi"), FEATURE ("evmcs"), FEATURE ("avic"), FEATURE ("emsr_bitmap"),
        FEATURE ("xmm_input")) },
  { NULL },
};

static const VmpElement kvm_rows[] = {
  { "kvm", VMP_CHILDREN (FEATURE ("hidden"), FEATURE ("hint-dedicated"), FEATURE ("poll-control"),
                         FEATURE ("pv-ipi"),
                         { "dirty-ring",
                           VMP_ATTRIBUTES (VMP_ON_OFF ("state"), VMP_OF ("size", UNSIGNED)) }) },
  { NULL },
};

static const VmpElement features_rows[] = {
  { "features",
    VMP_CHILDREN (
        { "pae" }, { "acpi" }, { "apic", VMP_ATTRIBUTES (VMP_ON_OFF ("eoi")) }, FEATURE ("hap"),
        VMP_INCLUDE (hyperv_rows), VMP_INCLUDE (kvm_rows), { "viridian" }, { "privnet" },
        FEATURE ("pvspinlock"), FEATURE ("pmu"), FEATURE ("vmport"),
        { "gic", VMP_ATTRIBUTES (VMP_WORDS ("version", "host 2 3")) },
        { "smm", STATE, VMP_CHILDREN (SCALED ("tseg")) },
        { "ioapic", VMP_ATTRIBUTES (VMP_WORDS ("driver", "qemu kvm")) },
        { "hpt", VMP_ATTRIBUTES (VMP_WORDS ("resizing", "enabled disabled required")),
          VMP_CHILDREN (SCALED ("maxpagesize")) },
        FEATURE ("vmcoreinfo"), FEATURE ("htm"), FEATURE ("nested-hv"),
        { "msrs", VMP_ATTRIBUTES (VMP_WORDS ("unknown", "ignore fault")) }, FEATURE ("ccf-assist"),
        { "cfpc", VMP_ATTRIBUTES (VMP_WORDS ("value", "broken workaround fixed")) },
        { "sbbc", VMP_ATTRIBUTES (VMP_WORDS ("value", "broken workaround fixed")) },
        { "ibs",
          VMP_ATTRIBUTES (VMP_WORDS ("value", "broken workaround fixed-ibs fixed-ccd fixed-na")) },
        { "tcg", VMP_CHILDREN (SCALED ("tb-cache")) }, FEATURE ("ras"), FEATURE ("ps2"),
        { "async-teardown", VMP_ATTRIBUTES (VMP_YES_NO ("enabled")) }) },
  { NULL },
};

static const VmpElement numa_rows[] = {
  { "numa",
    VMP_CHILDREN (
        { "cell", VMP_GRAMMAR_MANY,
          VMP_ATTRIBUTES (VMP_OF ("id", UNSIGNED), VMP_OF ("cpus", CPUSET),
                          VMP_OF ("memory", UNSIGNED), VMP_OF ("unit", TOKEN),
                          VMP_WORDS ("memAccess", "shared private"), VMP_YES_NO ("discard")),
          VMP_CHILDREN (
              { "distances", VMP_CHILDREN ({ "sibling", VMP_GRAMMAR_MANY,
                                             VMP_ATTRIBUTES (VMP_OF ("id", UNSIGNED),
                                                             VMP_OF ("value", UNSIGNED)) }) },
              { "cache", VMP_GRAMMAR_MANY,
                VMP_ATTRIBUTES (VMP_OF ("level", UNSIGNED),
                                VMP_WORDS ("associativity", "none direct full"),
                                VMP_WORDS ("policy", "none writeback writethrough")),
                VMP_CHILDREN (
                    { "size", VMP_ATTRIBUTES (VMP_OF ("value", UNSIGNED), VMP_OF ("unit", TOKEN)) },
                    { "line",
                      VMP_ATTRIBUTES (VMP_OF ("value", UNSIGNED), VMP_OF ("unit", TOKEN)) }) }) },
        { "interconnects",
          VMP_CHILDREN (
              { "latency", VMP_GRAMMAR_MANY,
                VMP_ATTRIBUTES (VMP_OF ("initiator", UNSIGNED), VMP_OF ("target", UNSIGNED),
                                VMP_OF ("cache", UNSIGNED), VMP_WORDS ("type", "access read write"),
                                VMP_OF ("value", UNSIGNED)) },
              { "bandwidth", VMP_GRAMMAR_MANY,
                VMP_ATTRIBUTES (VMP_OF ("initiator", UNSIGNED), VMP_OF ("target", UNSIGNED),
                                VMP_OF ("cache", UNSIGNED), VMP_WORDS ("type", "access read write"),
                                VMP_OF ("value", UNSIGNED), VMP_OF ("unit", TOKEN)) }) }) },
  { NULL },
};

static const VmpElement cpu_rows[] = {
  { "cpu",
    VMP_ATTRIBUTES (VMP_WORDS ("mode", "custom host-model host-passthrough maximum"),
                    VMP_WORDS ("match", "minimum exact strict"),
                    VMP_WORDS ("check", "none partial full"), VMP_ON_OFF ("migratable"),
                    VMP_ON_OFF ("deprecated_features")),
    VMP_CHILDREN (
        { "model", VMP_GRAMMAR_PRUNE, VMP_TEXT (LINE),
          VMP_ATTRIBUTES (VMP_WORDS ("fallback", "allow forbid"), VMP_OF ("vendor_id", LINE)) },
        { "vendor", VMP_TEXT (LINE) },
        { "topology", VMP_ATTRIBUTES (VMP_OF ("sockets", UNSIGNED), VMP_OF ("dies", UNSIGNED),
                                      VMP_OF ("clusters", UNSIGNED), VMP_OF ("cores", UNSIGNED),
                                      VMP_OF ("threads", UNSIGNED)) },
        { "feature", VMP_GRAMMAR_MANY,
          VMP_ATTRIBUTES (VMP_WORDS ("policy", "force require optional disable forbid"),
                          VMP_OF ("name", TOKEN)) },
        VMP_INCLUDE (numa_rows),
        { "cache", VMP_ATTRIBUTES (VMP_WORDS ("level", "1 2 3"),
                                   VMP_WORDS ("mode", "emulate passthrough disable")) },
        { "maxphysaddr",
          VMP_ATTRIBUTES (VMP_WORDS ("mode", "emulate passthrough"), VMP_OF ("bits", UNSIGNED),
                          VMP_OF ("limit", UNSIGNED)) }) },
  { NULL },
};

static const VmpElement clock_rows[] = {
  { "clock",
    VMP_ATTRIBUTES (VMP_WORDS ("offset", "utc localtime timezone variable absolute"),
                    VMP_OF ("adjustment", INTEGER), VMP_WORDS ("adjustment", "reset"),
                    VMP_OF ("timezone", LINE), VMP_WORDS ("basis", "utc localtime"),
                    VMP_OF ("start", UNSIGNED)),
    VMP_CHILDREN (
        { "timer", VMP_GRAMMAR_MANY,
          VMP_ATTRIBUTES (
              VMP_WORDS ("name", "platform rtc tsc hpet pit armvtimer kvmclock hypervclock"),
              VMP_WORDS ("track", "boot guest wall realtime"), TICK, VMP_YES_NO ("present"),
              VMP_OF ("frequency", UNSIGNED),
              VMP_WORDS ("mode", "auto native emulate paravirt smpsafe")),
          VMP_CHILDREN ({ "catchup",
                          VMP_ATTRIBUTES (VMP_OF ("threshold", UNSIGNED), VMP_OF ("slew", UNSIGNED),
                                          VMP_OF ("limit", UNSIGNED)) }) }) },
  { NULL },
};

#define ENTRY \
  { \
    "entry", VMP_GRAMMAR_MANY, VMP_TEXT (LINE), VMP_ATTRIBUTES (VMP_OF ("name", TOKEN)) \
  }

static const VmpElement sysinfo_rows[] = {
  { "sysinfo", VMP_GRAMMAR_MANY, VMP_WHEN ("type", "smbios"),
    VMP_ATTRIBUTES (VMP_WORDS ("type", "smbios")),
    VMP_CHILDREN (
        { "bios", VMP_CHILDREN (ENTRY) }, { "system", VMP_CHILDREN (ENTRY) },
        { "baseBoard", VMP_GRAMMAR_MANY, VMP_CHILDREN (ENTRY) },
        { "chassis", VMP_CHILDREN (ENTRY) },
        { "oemStrings", VMP_CHILDREN ({ "entry", VMP_GRAMMAR_MANY, VMP_TEXT (LINE) }) }) },
  { "sysinfo", VMP_GRAMMAR_MANY, VMP_WHEN ("type", "fwcfg"),
    VMP_ATTRIBUTES (VMP_WORDS ("type", "fwcfg")),
    /* Without the file an entry would have no value, which libvirt does not take. */
    VMP_CHILDREN ({ "entry", VMP_GRAMMAR_MANY, VMP_WHEN ("file", " "), VMP_TEXT (LINE),
                    VMP_ATTRIBUTES (VMP_OF ("name", LINE)) },
                  { "entry", VMP_GRAMMAR_MANY | VMP_GRAMMAR_UNSAFE, .reason = REASON_HOST_FILE,
                    VMP_ATTRIBUTES (VMP_OF ("name", LINE), VMP_OF ("file", PATH)) }) },
  { NULL },
};

#define LIFE "destroy restart preserve rename-restart"

const VmpElement vmp_grammar_domain[] = {
  { "domain", VMP_ATTRIBUTES (VMP_WORDS ("type", "kvm qemu"), VMP_DROP ("id")),
    VMP_CHILDREN (
        { "name", VMP_TEXT (VM_NAME) }, { "uuid", VMP_TEXT (UUID) }, { "genid", VMP_TEXT (UUID) },
        { "genid" }, { "title", VMP_TEXT (LINE) }, { "description", VMP_TEXT (TEXT) },
        VMP_INCLUDE (metadata_rows),
        { "maxMemory", VMP_TEXT (UNSIGNED),
          VMP_ATTRIBUTES (VMP_OF ("unit", TOKEN), VMP_OF ("slots", UNSIGNED)) },
        { "memory", VMP_TEXT (UNSIGNED),
          VMP_ATTRIBUTES (VMP_OF ("unit", TOKEN), VMP_ON_OFF ("dumpCore")) },
        SCALED ("currentMemory"), VMP_INCLUDE (memory_backing_rows), VMP_INCLUDE (memtune_rows),
        { "vcpu", VMP_TEXT (UNSIGNED),
          VMP_ATTRIBUTES (VMP_WORDS ("placement", "static"), VMP_DROP ("placement"),
                          VMP_DROP ("cpuset"), VMP_OF ("current", UNSIGNED)) },
        VMP_INCLUDE (vcpus_rows), { "iothreads", VMP_TEXT (UNSIGNED) },
        VMP_INCLUDE (iothreadids_rows),
        { "defaultiothread", VMP_ATTRIBUTES (VMP_OF ("thread_pool_min", UNSIGNED),
                                             VMP_OF ("thread_pool_max", UNSIGNED)) },
        /* How the old host's CPUs, memory and cgroups were shared out says nothing here. */
        DROPPED ("cputune"), DROPPED ("numatune"), DROPPED ("blkiotune"), DROPPED ("resource"),
        DROPPED ("perf"), VMP_INCLUDE (sysinfo_rows), VMP_INCLUDE (os_rows),
        VMP_INCLUDE (features_rows), VMP_INCLUDE (cpu_rows), VMP_INCLUDE (clock_rows),
        { "on_poweroff", VMP_TEXT_WORDS (LIFE) }, { "on_reboot", VMP_TEXT_WORDS (LIFE) },
        { "on_crash", VMP_TEXT_WORDS (LIFE " coredump-destroy coredump-restart") },
        { "on_lockfailure", VMP_TEXT_WORDS ("poweroff restart pause ignore") },
        { "pm", VMP_CHILDREN ({ "suspend-to-mem", VMP_ATTRIBUTES (VMP_YES_NO ("enabled")) },
                              { "suspend-to-disk", VMP_ATTRIBUTES (VMP_YES_NO ("enabled")) }) },
        { "devices", .children = vmp_grammar_devices },
        /* Labels that libvirt makes up at each start, and shows in live XML. */
        { "seclabel", VMP_GRAMMAR_DROP, VMP_WHEN ("type", "dynamic") },
        { "seclabel", VMP_GRAMMAR_REFUSE, .reason = REASON_CONFINEMENT },
        { "launchSecurity", VMP_GRAMMAR_REFUSE, .reason = REASON_CONFINEMENT },
        { "qemu:commandline", VMP_GRAMMAR_REFUSE, .reason = REASON_COMMAND },
        { "qemu:capabilities", VMP_GRAMMAR_REFUSE, .reason = REASON_COMMAND },
        { "qemu:override", VMP_GRAMMAR_REFUSE, .reason = REASON_COMMAND },
        { "qemu:deprecation", VMP_GRAMMAR_REFUSE, .reason = REASON_COMMAND }) },
  { NULL },
};

const VmpElement vmp_grammar_save_cookie[] = {
  { "cookie", VMP_CHILDREN (VMP_INCLUDE (cpu_rows), { "slirpHelper" }) },
  { NULL },
};
