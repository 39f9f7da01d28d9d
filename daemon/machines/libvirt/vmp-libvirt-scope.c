/* Which security scope a machine is in, as its configuration has it for people: written there, and
 * put right where somebody rolled it back.
 *
 * The daemon's record holds. A snapshot that is reverted to, and an old document that is defined
 * again, bring an old <metadata> back, and would take a machine into another scope otherwise. Only of
 * a machine that has no record yet, of another host say, its own word is taken, and recorded then. */
#include "config.h"

#include "vmp-libvirt-scope.h"

#include <glib/gi18n-lib.h>
#include <libvirt/virterror.h>
#include <string.h>

#include "vmp-libvirt-error.h"
#include "vmp-libvirt-private.h"

/* The scope that is noted of a machine whose configuration as a whole cannot be taken in; "" for
 * none. Blocking. */
char *
vmp_libvirt_scope_read (virDomainPtr domain)
{
  char *xml = virDomainGetMetadata (domain, VIR_DOMAIN_METADATA_ELEMENT, VMP_DOMAIN_NOTE_URI,
                                    VIR_DOMAIN_AFFECT_CONFIG);
  char *scope = xml != NULL ? vmp_domain_note_scope_from_xml (xml) : NULL;

  free (xml);
  return scope != NULL ? scope : g_strdup ("");
}

/* Writes @scope into the configuration; "" takes it out. Blocking. */
gboolean
vmp_libvirt_scope_note (virConnectPtr connection, const char *uuid, const char *scope,
                        GError **error)
{
  g_autoptr (VmpVirDomain) domain = virDomainLookupByUUIDString (connection, uuid);
  g_autofree char *xml = scope[0] != '\0' ? vmp_domain_note_scope_to_xml (scope) : NULL;

  if (domain != NULL
      && virDomainSetMetadata (domain, VIR_DOMAIN_METADATA_ELEMENT, xml, VMP_DOMAIN_NOTE_PREFIX,
                               VMP_DOMAIN_NOTE_URI, VIR_DOMAIN_AFFECT_CONFIG)
             == 0)
    return TRUE;
  /* There was none to remove. */
  if (xml == NULL && virGetLastErrorCode () == VIR_ERR_NO_DOMAIN_METADATA)
    return TRUE;
  return vmp_libvirt_error_set (error, _ ("The virtual machine"));
}

/* Machines whose configuration says something else than the record. */
typedef struct
{
  VmpScopes *scopes;
  char *manager;
  GHashTable *found; /* ids to what their configurations say */
} Settling;

static void
settling_free (gpointer data)
{
  Settling *settling = data;

  g_object_unref (settling->scopes);
  g_hash_table_unref (settling->found);
  g_free (settling->manager);
  g_free (settling);
}

static void
put_right (virConnectPtr connection, const char *uuid, const char *noted, const char *recorded)
{
  g_autoptr (GError) error = NULL;

  if (vmp_libvirt_scope_note (connection, uuid, recorded, &error))
    g_message ("%s: its configuration had it in the security scope “%s”. It is recorded in “%s”, "
               "which holds, and the configuration says so again",
               uuid, noted, recorded);
  else
    g_message ("%s: its configuration has it in the security scope “%s”. It is recorded in “%s”, "
               "which holds, but the configuration cannot be changed: %s",
               uuid, noted, recorded, error->message);
}

static void
settle (virConnectPtr connection, gpointer data)
{
  Settling *settling = data;
  g_autoptr (GError) error = NULL;
  GHashTableIter iter;
  gpointer uuid, noted;

  if (!vmp_scopes_adopt (settling->scopes, settling->manager, settling->found, &error))
    g_message ("%s: what configurations say of security scopes cannot be recorded: %s",
               settling->manager, error->message);
  g_hash_table_iter_init (&iter, settling->found);
  while (g_hash_table_iter_next (&iter, &uuid, &noted))
    {
      /* It may have been changed since. */
      g_autofree char *recorded = vmp_scopes_lookup (settling->scopes, settling->manager, uuid);

      if (recorded != NULL && strcmp (recorded, noted) != 0)
        put_right (connection, uuid, noted, recorded);
    }
}

/* Has what the configurations of @machines, as they were read, say of scopes recorded, or put right.
 * In the main thread. */
void
vmp_libvirt_scope_settle (VmpLibvirtLink *link, VmpScopes *scopes, const char *manager,
                          GPtrArray *machines)
{
  g_autoptr (GHashTable) found = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  Settling *settling;

  for (guint i = 0; i < machines->len; i++)
    {
      VmpMachine *machine = g_ptr_array_index (machines, i);
      const char *uuid = vmp_machine_get_uuid (machine);
      g_autofree char *recorded = vmp_scopes_lookup (scopes, manager, uuid);

      if (strcmp (recorded != NULL ? recorded : "", vmp_machine_get_scope (machine)) != 0)
        g_hash_table_insert (found, g_strdup (uuid), g_strdup (vmp_machine_get_scope (machine)));
    }
  if (g_hash_table_size (found) == 0)
    return;
  settling = g_new0 (Settling, 1);
  settling->scopes = g_object_ref (scopes);
  settling->manager = g_strdup (manager);
  settling->found = g_steal_pointer (&found);
  vmp_libvirt_link_run (link, settle, settling, settling_free);
}
