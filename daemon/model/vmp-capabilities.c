/* What this host can run, as libvirt tells it, and whether a configuration fits.
 *
 * virConnectGetCapabilities() has the machine types, virConnectGetDomainCapabilities() the rest for
 * one of them. What neither says anything about is left for libvirt to judge: only what surely
 * would not run is a finding. */
#include "config.h"

#include "vmp-capabilities.h"

#include <glib/gi18n-lib.h>
#include <inttypes.h>
#include <string.h>

#include "vmp-domain-private.h"
#include "vmp-error.h"
#include "vmp-finding.h"
#include "vmp-xml.h"

#define MAX_BYTES (16 * 1024 * 1024)
#define MAX_DEPTH 32

/* One architecture of one hypervisor ("kvm" or "qemu"). */
typedef struct
{
  char *arch;
  char *hypervisor;
  GPtrArray *machines; /* of Machine */
} Guest;

typedef struct
{
  char *name;
  char *canonical;  /* what an alias stands for, or NULL */
  guint64 max_cpus; /* 0 = nobody says */
  gboolean deprecated;
} Machine;

/* Words that libvirt lists; NULL where it has no such list. */
typedef GHashTable Words;

struct _VmpCapabilities
{
  GPtrArray *guests; /* of Guest */
  gboolean has_domain;
  Words *firmwares;
  Words *secure;       /* "yes" where a firmware for secure boot is there */
  Words *cpu_modes;    /* that can be used */
  Words *cpu_models;   /* that are known */
  Words *usable_models;
  gboolean has_tpm;
  gboolean tpm_known;
  Words *tpm_models;
  Words *tpm_backends;
  Words *tpm_versions;
  Words *disk_buses;
};

static void
machine_free (gpointer data)
{
  Machine *machine = data;

  g_free (machine->name);
  g_free (machine->canonical);
  g_free (machine);
}

static void
guest_free (gpointer data)
{
  Guest *guest = data;

  g_free (guest->arch);
  g_free (guest->hypervisor);
  g_ptr_array_unref (guest->machines);
  g_free (guest);
}

static void
clear_domain (VmpCapabilities *self)
{
  Words **words[] = {
    &self->firmwares,  &self->secure,       &self->cpu_modes,    &self->cpu_models,
    &self->usable_models, &self->tpm_models, &self->tpm_backends, &self->tpm_versions,
    &self->disk_buses,
  };

  for (gsize i = 0; i < G_N_ELEMENTS (words); i++)
    g_clear_pointer (words[i], g_hash_table_unref);
  self->has_domain = self->has_tpm = self->tpm_known = FALSE;
}

void
vmp_capabilities_free (VmpCapabilities *self)
{
  g_ptr_array_unref (self->guests);
  clear_domain (self);
  g_free (self);
}

/* Reading. */

static xmlNode *
next_named (xmlNode *at, const char *name)
{
  while (at != NULL && !(at->type == XML_ELEMENT_NODE && strcmp ((const char *) at->name, name) == 0))
    at = at->next;
  return at;
}

static xmlNode *
first_named (xmlNode *parent, const char *name)
{
  return parent != NULL ? next_named (parent->children, name) : NULL;
}

static xmlNode *
find_path (xmlNode *at, const char *path)
{
  g_auto (GStrv) names = g_strsplit (path, "/", -1);

  for (gsize i = 0; names[i] != NULL; i++)
    at = first_named (at, names[i]);
  return at;
}

static char *
get (xmlNode *xml, const char *name)
{
  xmlChar *value = xmlGetNoNsProp (xml, BAD_CAST name);
  char *copy = g_strdup ((const char *) value);

  xmlFree (value);
  return copy;
}

static gboolean
says (xmlNode *xml, const char *name, const char *word)
{
  g_autofree char *value = get (xml, name);

  return g_strcmp0 (value, word) == 0;
}

static char *
get_text (xmlNode *xml)
{
  xmlChar *text = xml != NULL ? xmlNodeGetContent (xml) : NULL;
  char *copy = text != NULL ? g_strstrip (g_strdup ((const char *) text)) : NULL;

  xmlFree (text);
  return copy;
}

static Words *
words_new (void)
{
  return g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
}

/* Takes @word, unless it is NULL. */
static void
add_word (Words *words, char *word)
{
  if (word != NULL)
    g_hash_table_add (words, word);
}

/* The values of <enum name='@name'> in @parent. */
static Words *
read_enum (xmlNode *parent, const char *name)
{
  for (xmlNode *at = first_named (parent, "enum"); at != NULL; at = next_named (at->next, "enum"))
    {
      g_autoptr (GHashTable) words = NULL;

      if (!says (at, "name", name))
        continue;
      words = words_new ();
      for (xmlNode *value = first_named (at, "value"); value != NULL;
           value = next_named (value->next, "value"))
        add_word (words, get_text (value));
      return g_steal_pointer (&words);
    }
  return NULL;
}

static void
read_machines (Guest *guest, xmlNode *parent)
{
  for (xmlNode *at = first_named (parent, "machine"); at != NULL;
       at = next_named (at->next, "machine"))
    {
      Machine *machine = g_new0 (Machine, 1);
      g_autofree char *max = get (at, "maxCpus");

      machine->name = get_text (at);
      machine->canonical = get (at, "canonical");
      machine->deprecated = says (at, "deprecated", "yes");
      if (max == NULL
          || !g_ascii_string_to_unsigned (max, 10, 0, G_MAXUINT32, &machine->max_cpus, NULL))
        machine->max_cpus = 0;
      g_ptr_array_add (guest->machines, machine);
    }
}

/* A <domain> may have machine types of its own; where it has none, those of <arch> hold. */
static void
read_arch (VmpCapabilities *self, xmlNode *arch)
{
  for (xmlNode *at = first_named (arch, "domain"); at != NULL; at = next_named (at->next, "domain"))
    {
      Guest *guest = g_new0 (Guest, 1);

      guest->arch = get (arch, "name");
      guest->hypervisor = get (at, "type");
      guest->machines = g_ptr_array_new_with_free_func (machine_free);
      read_machines (guest, at);
      if (guest->machines->len == 0)
        read_machines (guest, arch);
      g_ptr_array_add (self->guests, guest);
    }
}

static VmpXmlDoc *
parse (const char *xml, const char *root, GError **error)
{
  g_autoptr (VmpXmlDoc) doc = vmp_xml_parse (xml, strlen (xml), MAX_BYTES, MAX_DEPTH,
                                             _ ("What libvirt says of this host"), error);

  if (doc == NULL)
    return NULL;
  if (strcmp ((const char *) xmlDocGetRootElement (doc)->name, root) != 0)
    {
      vmp_error_set (error, VMPORT_ERROR_CORRUPT,
                     _ ("What libvirt says of this host is not <%s>"), root);
      return NULL;
    }
  return g_steal_pointer (&doc);
}

/* @host_xml is virConnectGetCapabilities()'s. */
VmpCapabilities *
vmp_capabilities_new_from_xml (const char *host_xml, GError **error)
{
  g_autoptr (VmpXmlDoc) doc = parse (host_xml, "capabilities", error);
  VmpCapabilities *self;

  if (doc == NULL)
    return NULL;
  self = g_new0 (VmpCapabilities, 1);
  self->guests = g_ptr_array_new_with_free_func (guest_free);
  for (xmlNode *at = first_named (xmlDocGetRootElement (doc), "guest"); at != NULL;
       at = next_named (at->next, "guest"))
    {
      g_autofree char *type = get_text (first_named (at, "os_type"));
      xmlNode *arch = first_named (at, "arch");

      if (arch != NULL && g_strcmp0 (type, "hvm") == 0)
        read_arch (self, arch);
    }
  return self;
}

static void
read_cpu (VmpCapabilities *self, xmlNode *cpu)
{
  self->cpu_modes = words_new ();
  for (xmlNode *at = first_named (cpu, "mode"); at != NULL; at = next_named (at->next, "mode"))
    {
      if (!says (at, "supported", "yes"))
        continue;
      add_word (self->cpu_modes, get (at, "name"));
      if (!says (at, "name", "custom") || self->cpu_models != NULL)
        continue;
      self->cpu_models = words_new ();
      self->usable_models = words_new ();
      for (xmlNode *model = first_named (at, "model"); model != NULL;
           model = next_named (model->next, "model"))
        {
          add_word (self->cpu_models, get_text (model));
          if (!says (model, "usable", "no"))
            add_word (self->usable_models, get_text (model));
        }
    }
}

/* @domain_xml is virConnectGetDomainCapabilities()'s, for the hypervisor, architecture and machine
 * type of the domain that is to be checked. */
gboolean
vmp_capabilities_add_domain_xml (VmpCapabilities *self, const char *domain_xml, GError **error)
{
  g_autoptr (VmpXmlDoc) doc = parse (domain_xml, "domainCapabilities", error);
  xmlNode *root, *cpu, *tpm;

  if (doc == NULL)
    return FALSE;
  root = xmlDocGetRootElement (doc);
  clear_domain (self);
  self->has_domain = TRUE;
  self->firmwares = read_enum (find_path (root, "os"), "firmware");
  self->secure = read_enum (find_path (root, "os/loader"), "secure");
  cpu = find_path (root, "cpu");
  if (cpu != NULL)
    read_cpu (self, cpu);
  self->disk_buses = read_enum (find_path (root, "devices/disk"), "bus");
  tpm = find_path (root, "devices/tpm");
  self->tpm_known = tpm != NULL;
  self->has_tpm = tpm != NULL && says (tpm, "supported", "yes");
  self->tpm_models = read_enum (tpm, "model");
  self->tpm_backends = read_enum (tpm, "backendModel");
  self->tpm_versions = read_enum (tpm, "backendVersion");
  return TRUE;
}

/* Checking. */

static void G_GNUC_PRINTF (3, 4)
report (GPtrArray *findings, VmpFindingCode code, const char *format, ...)
{
  g_autofree char *message = NULL;
  va_list args;

  va_start (args, format);
  message = g_strdup_vprintf (format, args);
  va_end (args);
  g_ptr_array_add (findings, vmp_finding_new (code, "", -1, "%s", message));
}

static gboolean
is_listed (Words *words, const char *word)
{
  return word == NULL || words == NULL || g_hash_table_contains (words, word);
}

static int
compare_words (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char *const *) a, *(const char *const *) b);
}

static char *
list_words (Words *words)
{
  guint n;
  g_autofree const char **sorted = (const char **) g_hash_table_get_keys_as_array (words, &n);

  qsort (sorted, n, sizeof *sorted, compare_words);
  return g_strjoinv (", ", (char **) sorted);
}

/* The guest of that architecture and hypervisor; a domain that states no architecture has this
 * host's, and what that is, is libvirt's to know. */
static Guest *
find_guest (VmpCapabilities *self, const char *arch, const char *hypervisor)
{
  for (guint i = 0; i < self->guests->len; i++)
    {
      Guest *guest = g_ptr_array_index (self->guests, i);

      if (g_strcmp0 (guest->arch, arch) == 0
          && (hypervisor == NULL || g_strcmp0 (guest->hypervisor, hypervisor) == 0))
        return guest;
    }
  return NULL;
}

static Machine *
find_machine (Guest *guest, const char *name)
{
  for (guint i = 0; i < guest->machines->len; i++)
    {
      Machine *machine = g_ptr_array_index (guest->machines, i);

      if (g_strcmp0 (machine->name, name) == 0 || g_strcmp0 (machine->canonical, name) == 0)
        return machine;
    }
  return NULL;
}

/* The one that the domain's own is a version of: "pc-q35-9.9" is of "q35", which stands for another
 * here. NULL where there is none. */
static const char *
find_relative (Guest *guest, const char *name)
{
  const char *dash = strrchr (name, '-');

  for (guint i = 0; dash != NULL && i < guest->machines->len; i++)
    {
      Machine *machine = g_ptr_array_index (guest->machines, i);

      if (machine->canonical != NULL && !machine->deprecated
          && strncmp (machine->canonical, name, (gsize) (dash + 1 - name)) == 0)
        return machine->canonical;
    }
  return NULL;
}

static const char *
get_os (VmpDomain *domain, const char *attribute)
{
  VmpNode *type = vmp_node_find (domain->root, "os/type");

  return type != NULL ? vmp_node_get (type, attribute) : NULL;
}

static void
report_machine (Guest *guest, const char *name, GPtrArray *findings)
{
  const char *relative = find_relative (guest, name);

  if (relative != NULL)
    report (findings, VMP_FINDING_MACHINE_TYPE_UNSUPPORTED,
            _ ("This host's QEMU does not have the machine type “%s”; its newest of that kind is "
               "“%s”. Update QEMU, or export the machine with an older type"),
            name, relative);
  else
    report (findings, VMP_FINDING_MACHINE_TYPE_UNSUPPORTED,
            _ ("This host's QEMU does not have the machine type “%s”; change it where the machine "
               "comes from, and export it again"),
            name);
}

/* Can libvirt be asked for the capabilities of @domain's machine type? It knows only those that it
 * has. */
gboolean
vmp_capabilities_has_machine (VmpCapabilities *self, VmpDomain *domain)
{
  const char *arch = get_os (domain, "arch"), *machine = get_os (domain, "machine");
  Guest *guest;

  if (arch == NULL)
    return machine == NULL;
  guest = find_guest (self, arch, vmp_node_get (domain->root, "type"));
  return guest != NULL && (machine == NULL || find_machine (guest, machine) != NULL);
}

static void
check_vcpus (Machine *machine, VmpDomain *domain, GPtrArray *findings)
{
  const char *text = vmp_node_find_text (domain->root, "vcpu");
  guint64 n;

  if (text != NULL && machine->max_cpus != 0
      && g_ascii_string_to_unsigned (text, 10, 0, G_MAXUINT64, &n, NULL) && n > machine->max_cpus)
    report (findings, VMP_FINDING_CPU_UNSUPPORTED,
            _ ("The machine has %" PRIu64 " virtual CPUs; the machine type “%s” has at "
               "most %" PRIu64 " on this host"),
            n, machine->name, machine->max_cpus);
}

/* FALSE where nothing more can be said. */
static gboolean
check_machine (VmpCapabilities *self, VmpDomain *domain, GPtrArray *findings)
{
  const char *hypervisor = vmp_node_get (domain->root, "type");
  const char *arch = get_os (domain, "arch"), *name = get_os (domain, "machine");
  Guest *guest;
  Machine *machine;

  if (arch == NULL)
    return TRUE;
  if (find_guest (self, arch, NULL) == NULL)
    {
      report (findings, VMP_FINDING_MACHINE_TYPE_UNSUPPORTED,
              _ ("This host has no QEMU for machines of the architecture “%s”; install it "
                 "(qemu-system-…)"),
              arch);
      return FALSE;
    }
  guest = find_guest (self, arch, hypervisor);
  if (guest == NULL)
    {
      report (findings, VMP_FINDING_MACHINE_TYPE_UNSUPPORTED,
              _ ("The machine is one of the hypervisor “%s”, which this host does not offer for "
                 "“%s”; look whether virtualization is enabled in its firmware"),
              hypervisor, arch);
      return FALSE;
    }
  if (name == NULL)
    return TRUE;
  machine = find_machine (guest, name);
  if (machine == NULL)
    {
      report_machine (guest, name, findings);
      return FALSE;
    }
  check_vcpus (machine, domain, findings);
  return TRUE;
}

/* libvirt compares the CPU with the host's before a start where check says so; a feature that is
 * taken away may be just the one that is wanting. */
static gboolean
must_be_usable (VmpNode *cpu)
{
  const char *check = vmp_node_get (cpu, "check");

  if (g_strcmp0 (check, "partial") != 0 && g_strcmp0 (check, "full") != 0)
    return FALSE;
  for (guint i = 0; i < cpu->children->len; i++)
    {
      VmpNode *child = g_ptr_array_index (cpu->children, i);
      const char *policy = vmp_node_get (child, "policy");

      if (strcmp (child->name, "feature") == 0
          && (g_strcmp0 (policy, "disable") == 0 || g_strcmp0 (policy, "forbid") == 0))
        return FALSE;
    }
  return TRUE;
}

static void
check_cpu (VmpCapabilities *self, VmpDomain *domain, GPtrArray *findings)
{
  VmpNode *cpu = vmp_node_find (domain->root, "cpu");
  const char *model = cpu != NULL ? vmp_node_find_text (cpu, "model") : NULL;
  const char *mode = cpu != NULL ? vmp_node_get (cpu, "mode") : NULL;

  if (cpu == NULL || (mode == NULL && model == NULL))
    return;
  if (mode == NULL)
    mode = "custom";
  if (!is_listed (self->cpu_modes, mode))
    report (findings, VMP_FINDING_CPU_UNSUPPORTED,
            _ ("The machine's CPU has the mode “%s”, which this host does not have for the "
               "hypervisor “%s”"),
            mode, vmp_node_get (domain->root, "type"));
  else if (strcmp (mode, "custom") != 0)
    return;
  else if (!is_listed (self->cpu_models, model))
    report (findings, VMP_FINDING_CPU_UNSUPPORTED,
            _ ("This host does not know the machine's CPU model “%s”"), model);
  else if (!is_listed (self->usable_models, model) && must_be_usable (cpu))
    report (findings, VMP_FINDING_CPU_UNSUPPORTED,
            _ ("This host's CPU lacks features of the machine's CPU model “%s”"), model);
}

static gboolean
wants_secure_boot (VmpNode *os)
{
  VmpNode *loader = vmp_node_find (os, "loader"), *firmware = vmp_node_find (os, "firmware");

  if (loader != NULL && g_strcmp0 (vmp_node_get (loader, "secure"), "yes") == 0)
    return TRUE;
  for (guint i = 0; firmware != NULL && i < firmware->children->len; i++)
    {
      VmpNode *feature = g_ptr_array_index (firmware->children, i);

      if (g_strcmp0 (vmp_node_get (feature, "name"), "secure-boot") == 0
          && g_strcmp0 (vmp_node_get (feature, "enabled"), "yes") == 0)
        return TRUE;
    }
  return FALSE;
}

static void
check_firmware (VmpCapabilities *self, VmpDomain *domain, GPtrArray *findings)
{
  VmpNode *os = vmp_node_find (domain->root, "os");
  const char *firmware = os != NULL ? vmp_node_get (os, "firmware") : NULL;

  /* A loader that comes along needs none of the host's. */
  if (firmware == NULL || vmp_domain_get_file (domain, VMP_DOMAIN_FILE_LOADER) != NULL)
    return;
  if (!is_listed (self->firmwares, firmware))
    report (findings, VMP_FINDING_FIRMWARE_MISSING,
            _ ("This host has no firmware of the kind “%s” for the machine's type; install one "
               "(for UEFI the package ovmf or edk2)"),
            firmware);
  else if (wants_secure_boot (os) && !is_listed (self->secure, "yes"))
    report (findings, VMP_FINDING_FIRMWARE_MISSING,
            _ ("The machine boots with UEFI Secure Boot, for which this host has no firmware that "
               "suits the machine's type; install one (package ovmf or edk2)"));
}

static void
check_tpm (VmpCapabilities *self, VmpDomain *domain, GPtrArray *findings)
{
  VmpNode *tpm = vmp_node_find (domain->root, "devices/tpm");
  VmpNode *backend = tpm != NULL ? vmp_node_find (tpm, "backend") : NULL;
  const char *model = tpm != NULL ? vmp_node_get (tpm, "model") : NULL;
  const char *type = backend != NULL ? vmp_node_get (backend, "type") : NULL;
  const char *version = backend != NULL ? vmp_node_get (backend, "version") : NULL;

  if (tpm == NULL || !self->tpm_known)
    return;
  if (!self->has_tpm || !is_listed (self->tpm_backends, type))
    report (findings, VMP_FINDING_TPM_UNSUPPORTED,
            _ ("This host cannot give the machine its TPM (“%s”); for an emulated one install "
               "swtpm and swtpm-tools"),
            type != NULL ? type : "emulator");
  else if (!is_listed (self->tpm_models, model))
    report (findings, VMP_FINDING_TPM_UNSUPPORTED,
            _ ("This host's QEMU does not have the TPM model “%s” for the machine's type"), model);
  else if (g_strcmp0 (type, "emulator") == 0 && !is_listed (self->tpm_versions, version))
    report (findings, VMP_FINDING_TPM_UNSUPPORTED,
            _ ("This host cannot emulate a TPM of version %s; install swtpm-tools"), version);
}

static void
check_disks (VmpCapabilities *self, VmpDomain *domain, GPtrArray *findings)
{
  for (guint i = 0; i < domain->disks->len; i++)
    {
      VmpNode *target = vmp_node_find (g_ptr_array_index (domain->disks, i), "target");
      const char *bus = target != NULL ? vmp_node_get (target, "bus") : NULL;
      g_autofree char *known = NULL;

      if (is_listed (self->disk_buses, bus))
        continue;
      known = list_words (self->disk_buses);
      report (findings, VMP_FINDING_MACHINE_TYPE_UNSUPPORTED,
              _ ("The disk “%s” is on the bus “%s”, which the machine's type does not have on this "
                 "host (it has: %s)"),
              vmp_domain_get_disk_target (domain, i), bus, known);
    }
}

/* Adds to @findings (of VmpFinding) what of @domain this host surely cannot run. Without
 * vmp_capabilities_add_domain_xml() that is its machine type and number of CPUs alone. No setting of
 * an import mends any of it. */
void
vmp_capabilities_check (VmpCapabilities *self, VmpDomain *domain, GPtrArray *findings)
{
  if (!check_machine (self, domain, findings) || !self->has_domain)
    return;
  check_cpu (self, domain, findings);
  check_firmware (self, domain, findings);
  check_tpm (self, domain, findings);
  check_disks (self, domain, findings);
}
