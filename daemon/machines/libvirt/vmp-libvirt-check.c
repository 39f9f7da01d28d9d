/* Whether this host can run a machine: its machine type, CPU, firmware, TPM and disks, as libvirt's
 * capabilities say. */
#include "config.h"

#include "vmp-libvirt-check.h"

#include <glib/gi18n-lib.h>
#include <libvirt/virterror.h>

#include "vmp-capabilities.h"
#include "vmp-error.h"
#include "vmp-libvirt-error.h"
#include "vmp-libvirt-private.h"

/* libvirt can be asked for the capabilities of a machine type that it has, and no other. */
static gboolean
add_domain (VmpCapabilities *capabilities, virConnectPtr connection, VmpDomain *domain,
            GError **error)
{
  char *xml;
  gboolean ok;

  if (!vmp_capabilities_has_machine (capabilities, domain))
    return TRUE;
  xml = virConnectGetDomainCapabilities (connection, NULL, vmp_domain_get_arch (domain),
                                         vmp_domain_get_machine_type (domain),
                                         vmp_domain_get_virt_type (domain), 0);
  if (xml == NULL)
    return vmp_libvirt_error_set (error, "Cannot ask for the capabilities of “%s”",
                                  vmp_domain_get_machine_type (domain));
  ok = vmp_capabilities_add_domain_xml (capabilities, xml, error);
  free (xml);
  return ok;
}

/* The only format of a package's that libvirt has no word for. */
static gboolean
check_formats (VmpDomain *domain, GError **error)
{
  for (guint disk = 0; disk < vmp_domain_get_n_disks (domain); disk++)
    for (guint i = 0; i < vmp_domain_get_n_images (domain, disk); i++)
      if (g_strcmp0 (vmp_domain_get_image_format (domain, disk, i), "vhdx") == 0)
        return vmp_error_set (error, VMPORT_ERROR_NOT_COMPATIBLE,
                              _ ("The disk “%s” is a VHDX image, which libvirt does not know; export "
                                 "the machine with DiskFormat=qcow2, or import it into a store"),
                              vmp_domain_get_disk_target (domain, disk));
  return TRUE;
}

/* Adds to @findings what stands in the way. FALSE where libvirt could not be asked, or never takes the
 * machine. Blocking. */
gboolean
vmp_libvirt_check_domain (virConnectPtr connection, VmpDomain *domain, GPtrArray *findings,
                          GError **error)
{
  char *xml = virConnectGetCapabilities (connection);
  g_autoptr (VmpCapabilities) capabilities = NULL;

  if (xml == NULL)
    return vmp_libvirt_error_set (error, "Cannot ask for the host's capabilities");
  capabilities = vmp_capabilities_new_from_xml (xml, error);
  free (xml);
  if (capabilities == NULL || !check_formats (domain, error)
      || !add_domain (capabilities, connection, domain, error))
    return FALSE;
  vmp_capabilities_check (capabilities, domain, findings);
  return TRUE;
}
