/* What an export makes of a state that libvirt saved: a machine's, or a snapshot's memory. */
#include "config.h"

#include "vmp-export-plan-private.h"

#include <glib/gi18n-lib.h>
#include <string.h>

#include "vmp-error.h"
#include "vmp-name.h"
#include "vmp-save-cookie.h"

/* Something in the state that the model has no type for, and that the memory has all the same. */
static char *
find_lost_device (GVariant *reading)
{
  g_autoptr (GVariant) unsafe = g_variant_lookup_value (reading, "Unsafe",
                                                        G_VARIANT_TYPE ("a(ssb)"));
  GVariantIter iter;
  const char *location, *reason;
  gboolean keepable;

  if (unsafe == NULL)
    return NULL;
  g_variant_iter_init (&iter, unsafe);
  while (g_variant_iter_next (&iter, "(&s&sb)", &location, &reason, &keepable))
    if (!keepable && g_str_has_prefix (location, "devices/"))
      {
        g_autofree char *where = vmp_name_clean (location, 200);
        g_autofree char *why = vmp_name_clean (reason, 500);

        return g_strdup_printf ("%s: %s", where, why);
      }
  return NULL;
}

static gboolean
is_state (VmpExportMember *member)
{
  return member->role == VMP_ROLE_STATE || member->role == VMP_ROLE_SNAPSHOT_MEMORY;
}

/* A state that libvirt saved has the configuration in it, with its secrets: it is written afresh as
 * the machine's own is. */
gboolean
vmp_export_plan_settle_state (VmpExportPlan *self, VmpExportMember *member, GError **error)
{
  GVariant *reading = vmp_source_list_get_reading (self->sources, member->source);
  g_autoptr (GVariant) variant = NULL;
  g_autoptr (VmpDomain) domain = NULL;
  g_autofree char *lost = NULL;
  const char *cookie;

  if (!is_state (member) || !g_variant_lookup (reading, "Domain", "v", &variant))
    return TRUE;
  domain = vmp_domain_new_from_variant (variant, error);
  if (domain == NULL)
    return FALSE;
  lost = find_lost_device (reading);
  if (lost != NULL)
    vmp_export_plan_add_problem (self, VMP_FINDING_SAVED_STATE_UNUSABLE, member, lost);
  member->state_xml = vmp_domain_to_xml (domain);
  if (!g_variant_lookup (reading, "Cookie", "&s", &cookie))
    return TRUE;
  member->state_cookie = vmp_save_cookie_rewrite (cookie, error);
  return member->state_cookie != NULL;
}

/* Is the state not what libvirt would have saved? */
gboolean
vmp_export_is_broken_state (VmpExportMember *member, const GError *error)
{
  return is_state (member)
         && (g_error_matches (error, VMPORT_ERROR, VMPORT_ERROR_CORRUPT)
             || g_error_matches (error, VMPORT_ERROR, VMPORT_ERROR_NOT_SUPPORTED)
             || g_error_matches (error, VMPORT_ERROR, VMPORT_ERROR_UNSAFE));
}
