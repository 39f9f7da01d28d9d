/* What libvirt says of its host, of any kind: the first part, up to a NUL, is the capabilities, the rest
 * a domain's. A configuration is held against whatever is taken. */
#include <string.h>

#include "fuzz.h"
#include "vmp-capabilities.h"
#include "vmp-finding.h"
#include "vmp-query.h"

static const char domain_xml[]
    = "<domain type='kvm'><name>web</name><memory>65536</memory><vcpu>1</vcpu>"
      "<os firmware='efi'><type arch='x86_64' machine='pc-q35-7.2'>hvm</type></os>"
      "<cpu mode='custom' match='exact'><model>Skylake-Server</model></cpu>"
      "<devices><tpm model='tpm-crb'><backend type='emulator' version='2.0'/></tpm></devices></domain>";

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autofree char *host = g_strndup ((const char *) data, size);
  gsize host_size = strlen (host);
  g_autofree char *rest = host_size < size ? g_strndup ((const char *) data + host_size + 1,
                                                        size - host_size - 1)
                                           : g_strdup (host);
  g_autoptr (VmpCapabilities) capabilities = vmp_capabilities_new_from_xml (host, NULL);
  g_autoptr (VmpQuery) query = vmp_query_new (rest, "the input", NULL);
  g_autoptr (VmpDomain) domain = NULL;
  g_autoptr (GPtrArray) findings = vmp_findings_new ();

  if (query != NULL)
    g_free (vmp_query_text (query, "/pool/target/path"));
  if (capabilities == NULL)
    return 0;
  vmp_capabilities_add_domain_xml (capabilities, rest, NULL);
  domain = vmp_domain_new_from_xml (domain_xml, strlen (domain_xml), NULL, NULL);
  g_assert_nonnull (domain);
  vmp_capabilities_check (capabilities, domain, findings);
  vmp_capabilities_has_machine (capabilities, domain);
  return 0;
}
