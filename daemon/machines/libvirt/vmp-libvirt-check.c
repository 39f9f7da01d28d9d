/* Whether this host can run a machine: libvirt's capabilities, asked for one configuration. */
#include "config.h"

#include "vmp-libvirt-check.h"

#include <glib/gi18n-lib.h>
#include <libvirt/virterror.h>

#include "vmp-capabilities.h"
#include "vmp-error.h"
#include "vmp-finding.h"
#include "vmp-libvirt-error.h"

static VmpCapabilities *
read_host (virConnectPtr connection, GError **error)
{
  char *xml = virConnectGetCapabilities (connection);
  VmpCapabilities *capabilities;

  if (xml == NULL)
    {
      vmp_libvirt_error_set (error, _ ("Cannot ask for the host's capabilities"));
      return NULL;
    }
  capabilities = vmp_capabilities_new_from_xml (xml, error);
  free (xml);
  return capabilities;
}

/* FALSE with NotAvailable where libvirt is away, else with what it says against the machine. */
static gboolean
add_details (VmpCapabilities *self, virConnectPtr connection, VmpDomain *domain, GError **error)
{
  char *xml = virConnectGetDomainCapabilities (
      connection, NULL, vmp_domain_get_arch (domain), vmp_domain_get_machine_type (domain),
      vmp_domain_get_virt_type (domain), 0);
  gboolean ok;

  if (xml == NULL)
    return vmp_libvirt_error_set (error, _ ("The machine type “%s”"),
                                  vmp_domain_get_machine_type (domain));
  ok = vmp_capabilities_add_domain_xml (self, xml, error);
  free (xml);
  return ok;
}

/* Adds to @findings what stands in the way. FALSE where libvirt could not be asked. Blocking. */
gboolean
vmp_libvirt_check_domain (virConnectPtr connection, VmpDomain *domain, GPtrArray *findings,
                          GError **error)
{
  g_autoptr (VmpCapabilities) capabilities = read_host (connection, error);
  g_autoptr (GError) local_error = NULL;

  if (capabilities == NULL)
    return FALSE;
  if (vmp_capabilities_has_machine (capabilities, domain)
      && !add_details (capabilities, connection, domain, &local_error))
    {
      if (g_error_matches (local_error, VMPORT_ERROR, VMPORT_ERROR_NOT_AVAILABLE))
        {
          g_propagate_error (error, g_steal_pointer (&local_error));
          return FALSE;
        }
      g_ptr_array_add (findings, vmp_finding_new (VMP_FINDING_MACHINE_TYPE_UNSUPPORTED, "", -1,
                                                  "%s", local_error->message));
    }
  vmp_capabilities_check (capabilities, domain, findings);
  return TRUE;
}
