/* Whether this host can run a machine: its machine type, CPU, firmware and TPM, as libvirt's domain
 * capabilities say. */
#include "config.h"

#include "vmp-libvirt-check.h"

#include <glib/gi18n-lib.h>
#include <libvirt/virterror.h>
#include <string.h>

#include "vmp-error.h"
#include "vmp-finding.h"
#include "vmp-libvirt-error.h"
#include "vmp-libvirt-private.h"
#include "vmp-query.h"

static void
add (GPtrArray *findings, VmpFinding *finding)
{
  g_ptr_array_add (findings, finding);
}

static gboolean
is_among (VmpQuery *query, const char *xpath, const char *word)
{
  g_auto (GStrv) words = vmp_query_list (query, xpath);

  return g_strv_contains ((const char *const *) words, word);
}

/* libvirt lists models that the host knows and says which of them it can run. */
static void
check_cpu (VmpQuery *query, VmpDomain *domain, GPtrArray *findings)
{
  const char *mode = vmp_domain_get_cpu_mode (domain);
  const char *model = vmp_domain_get_cpu_model (domain);

  if (mode != NULL && strcmp (mode, "custom") != 0)
    {
      if (!is_among (query, "/domainCapabilities/cpu/mode[@supported='yes']/@name", mode))
        add (findings, vmp_finding_new (VMP_FINDING_CPU_UNSUPPORTED, "", -1,
                                        _ ("This host cannot run a machine with the CPU mode “%s”; "
                                           "change <cpu> of the configuration"),
                                        mode));
      return;
    }
  if (model == NULL)
    return;
  if (!is_among (query, "/domainCapabilities/cpu/mode[@name='custom']/model", model))
    add (findings, vmp_finding_new (VMP_FINDING_CPU_UNSUPPORTED, "", -1,
                                    _ ("This host does not know the CPU model “%s”; change <cpu> of "
                                       "the configuration"),
                                    model));
  else if (is_among (query,
                     "/domainCapabilities/cpu/mode[@name='custom']/model[@usable='no']", model))
    add (findings, vmp_finding_new (VMP_FINDING_CPU_UNSUPPORTED, "", -1,
                                    _ ("This host's CPU cannot be the model “%s”; change <cpu> of "
                                       "the configuration"),
                                    model));
}

static void
check_firmware (VmpQuery *query, VmpDomain *domain, GPtrArray *findings)
{
  const char *firmware = vmp_domain_get_firmware (domain);

  if (firmware != NULL
      && !is_among (query, "/domainCapabilities/os/enum[@name='firmware']/value", firmware))
    add (findings, vmp_finding_new (VMP_FINDING_FIRMWARE_MISSING, "", -1,
                                    _ ("This host has no firmware of the kind “%s” for the machine; "
                                       "install it (OVMF, say)"),
                                    firmware));
}

static void
check_tpm (VmpQuery *query, VmpDomain *domain, GPtrArray *findings)
{
  if (vmp_domain_has_tpm (domain)
      && !is_among (query,
                    "/domainCapabilities/devices/tpm[@supported='yes']"
                    "/enum[@name='backendModel']/value",
                    "emulator"))
    add (findings, vmp_finding_new (VMP_FINDING_TPM_UNSUPPORTED, "", -1,
                                    _ ("This host has no emulated TPM; install swtpm and "
                                       "swtpm-tools")));
}

static void
check_state (gboolean saved, GPtrArray *findings)
{
  VmpFinding *finding;
  GVariantDict dict;

  if (!saved)
    return;
  finding = vmp_finding_new (VMP_FINDING_SAVED_STATE_UNUSABLE, "DropSavedState", -1,
                             _ ("This version cannot give libvirt a saved state; import the machine "
                                "as off"));
  g_variant_dict_init (&dict, NULL);
  g_variant_dict_insert (&dict, "DropSavedState", "b", TRUE);
  vmp_finding_set_resolution (finding, g_variant_dict_end (&dict));
  add (findings, finding);
}

/* Adds to @findings what stands in the way. FALSE where libvirt could not be asked. Blocking. */
gboolean
vmp_libvirt_check_domain (virConnectPtr connection, VmpDomain *domain, gboolean saved,
                          GPtrArray *findings, GError **error)
{
  const char *machine = vmp_domain_get_machine_type (domain);
  const char *type = vmp_domain_get_virt_type (domain);
  char *xml = virConnectGetDomainCapabilities (connection, NULL, vmp_domain_get_arch (domain),
                                               machine, type, 0);
  g_autoptr (VmpQuery) query = NULL;

  check_state (saved, findings);
  if (xml == NULL)
    {
      g_autoptr (GError) local_error = NULL;

      vmp_libvirt_error_set (&local_error, _ ("The machine type “%s” (%s)"),
                             machine != NULL ? machine : "", type);
      if (g_error_matches (local_error, VMPORT_ERROR, VMPORT_ERROR_NOT_AVAILABLE))
        {
          g_propagate_error (error, g_steal_pointer (&local_error));
          return FALSE;
        }
      add (findings, vmp_finding_new (VMP_FINDING_MACHINE_TYPE_UNSUPPORTED, "", -1, "%s",
                                      local_error->message));
      return TRUE;
    }
  query = vmp_query_new (xml, _ ("The host's capabilities"), error);
  free (xml);
  if (query == NULL)
    return FALSE;
  check_cpu (query, domain, findings);
  check_firmware (query, domain, findings);
  check_tpm (query, domain, findings);
  return TRUE;
}
