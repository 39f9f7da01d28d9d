/* Whether an import can take a saved state on, where the manager's states are libvirt's save files,
 * and what the copy of it says.
 *
 * Such a state has a configuration of its own, which is the one that the machine goes on with. It
 * comes through the same door as any other, must be of the devices that the import makes, and is
 * written afresh with the new name, id, files and networks. */
#include "config.h"

#include "vmp-import-plan-private.h"

#include <glib/gi18n-lib.h>
#include <string.h>

#include "vmp-error.h"
#include "vmp-name.h"
#include "vmp-save-cookie.h"

static VmpImportFile *
find_state (VmpImportPlan *plan)
{
  for (guint i = 0; i < plan->data->len; i++)
    {
      VmpImportFile *file = g_ptr_array_index (plan->data, i);

      if (file->save_image)
        return file;
    }
  return NULL;
}

static GVariant *
resolve_without_state (void)
{
  return vmp_import_resolve_with ("DropSavedState", g_variant_new_boolean (TRUE));
}

static void G_GNUC_PRINTF (2, 3)
report_unusable (VmpImportPlan *plan, const char *format, ...)
{
  g_autofree char *why = NULL;
  va_list args;

  va_start (args, format);
  why = g_strdup_vprintf (format, args);
  va_end (args);
  vmp_import_plan_add_finding (plan,
                               vmp_finding_new (VMP_FINDING_SAVED_STATE_UNUSABLE, "DropSavedState",
                                                -1, _ ("The saved state cannot be used: %s"), why),
                               resolve_without_state ());
}

/* A state that is not what it should be can be left out: TRUE where @why says that, and not that the
 * file cannot be read. */
gboolean
vmp_import_plan_report_state (VmpImportPlan *plan, const GError *why)
{
  if (!g_error_matches (why, VMPORT_ERROR, VMPORT_ERROR_CORRUPT)
      && !g_error_matches (why, VMPORT_ERROR, VMPORT_ERROR_NOT_SUPPORTED)
      && !g_error_matches (why, VMPORT_ERROR, VMPORT_ERROR_UNSAFE))
    return FALSE;
  report_unusable (plan, "%s", why->message);
  return TRUE;
}

/* The reading is a worker's: data of the right types, checked again by the model. */
static gboolean
take_reading (VmpImportPlan *plan, GVariant *reading, GError **error)
{
  g_autoptr (GVariant) domain = NULL;
  const char *cookie;

  if (!g_variant_lookup (reading, "Domain", "v", &domain))
    return vmp_error_set (error, VMPORT_ERROR_FAILED,
                          "The worker does not say what the saved state is of");
  plan->state_domain = vmp_domain_new_from_variant (domain, error);
  if (plan->state_domain == NULL)
    return FALSE;
  if (!g_variant_lookup (reading, "Cookie", "&s", &cookie))
    return TRUE;
  plan->state_cookie = vmp_save_cookie_rewrite (cookie, error);
  return plan->state_cookie != NULL;
}

/* The memory has what a device left in it: nobody can take the device away from the machine that goes
 * on with it. */
static gboolean
is_in_memory (const char *location)
{
  return g_str_has_prefix (location, "devices/") || g_str_has_prefix (location, "qemu:");
}

/* What reaches into the host is kept, stripped or refused, as in the machine's own configuration;
 * FALSE where the state is of no use without it. */
static gboolean
check_devices (VmpImportPlan *plan, GVariant *reading, const char *policy)
{
  g_autoptr (GVariant) unsafe = g_variant_lookup_value (reading, "Unsafe",
                                                        G_VARIANT_TYPE ("a(ssb)"));
  gboolean refuse = strcmp (policy, "refuse") == 0, keep = strcmp (policy, "keep") == 0;
  gboolean usable = TRUE, keepable;
  GVariantIter iter;
  const char *location, *reason;

  if (unsafe == NULL)
    return TRUE;
  g_variant_iter_init (&iter, unsafe);
  while (g_variant_iter_next (&iter, "(&s&sb)", &location, &reason, &keepable))
    {
      g_autofree char *where = vmp_name_clean (location, 200);
      g_autofree char *why = vmp_name_clean (reason, 500);

      if (is_in_memory (location) && !(keep && keepable))
        {
          report_unusable (plan, "%s: %s", where, why);
          usable = FALSE;
        }
      else if (refuse)
        vmp_import_plan_add_finding (
            plan,
            vmp_finding_new (VMP_FINDING_UNSAFE_DEVICE, "UnsafeDevices", -1,
                             _ ("In the saved state, %s: %s"), where, why),
            vmp_import_resolve_with ("UnsafeDevices", g_variant_new_string ("strip")));
    }
  if (!keep)
    vmp_domain_strip_unsafe (plan->state_domain);
  return usable;
}

/* Errors of the host's are the state's here: without it, the machine may well run. */
static gboolean
check_host (VmpImportPlan *plan, GError **error)
{
  g_autoptr (GPtrArray) findings = vmp_findings_new ();

  if (!vmp_machines_examine (vmp_run_get_machines (plan->run), plan->state_domain, findings,
                             error))
    return FALSE;
  for (guint i = 0; i < findings->len; i++)
    {
      VmpFinding *finding = g_ptr_array_index (findings, i);

      if (finding->severity == VMP_SEVERITY_ERROR)
        report_unusable (plan, "%s", finding->message);
    }
  return TRUE;
}

static gboolean
check_format (VmpImportPlan *plan, GVariant *reading)
{
  const char *compression = "";

  g_variant_lookup (reading, "Compression", "&s", &compression);
  if (g_strv_contains (plan->state_formats, compression))
    return TRUE;
  report_unusable (plan, _ ("this host's libvirt does not read memory that is packed as “%s”"),
                   compression);
  return FALSE;
}

/* After the machine's devices, name, id and addresses are settled. FALSE for what no finding can
 * say. */
gboolean
vmp_import_plan_settle_state (VmpImportPlan *plan, VmpSettings *settings, GError **error)
{
  VmpImportFile *file = find_state (plan);
  g_autofree char *difference = NULL;
  GVariant *reading;

  if (file == NULL || !vmp_source_list_check (plan->sources, file->source, NULL))
    return TRUE; /* none, or reported already */
  reading = vmp_source_list_get_reading (plan->sources, file->source);
  if (!take_reading (plan, reading, error))
    return FALSE;
  if (!check_format (plan, reading)
      || !check_devices (plan, reading, vmp_settings_get_string (settings, "UnsafeDevices")))
    return TRUE;
  difference = vmp_domain_find_difference (plan->state_domain, plan->domain);
  if (difference != NULL)
    {
      report_unusable (plan, _ ("it was not saved by the machine that is imported: %s"),
                       difference);
      return TRUE;
    }
  if (vmp_domain_has_other_identity (plan->state_domain, plan->domain))
    vmp_import_plan_add_finding (
        plan,
        vmp_finding_new (VMP_FINDING_STATE_KEEPS_IDENTITY, "GenerateNewId", -1,
                         _ ("The machine goes on from its saved state, in which the guest sees the "
                            "UUID and the MAC addresses that it had before; it sees the new ones "
                            "once it is shut down and started")),
        NULL);
  return check_host (plan, error);
}

char *
vmp_import_plan_write_state (VmpImportPlan *plan, const char **cookie)
{
  *cookie = plan->state_cookie;
  if (plan->state_domain == NULL)
    return NULL;
  vmp_domain_take_identity (plan->state_domain, plan->domain);
  return vmp_domain_to_xml (plan->state_domain);
}
