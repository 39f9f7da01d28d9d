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
  GHashTable *found;    /* ids to what is said of machines without a record */
  GHashTable *recorded; /* ids to what the record says */
} Settling;

static void
settling_free (gpointer data)
{
  Settling *settling = data;

  g_object_unref (settling->scopes);
  g_hash_table_unref (settling->found);
  g_hash_table_unref (settling->recorded);
  g_free (settling->manager);
  g_free (settling);
}

static void
put_right (virConnectPtr connection, const char *uuid, const char *recorded)
{
  g_autoptr (VmpVirDomain) domain = virDomainLookupByUUIDString (connection, uuid);
  g_autofree char *noted = domain != NULL ? vmp_libvirt_scope_read (domain) : NULL;
  g_autoptr (GError) error = NULL;

  /* It is gone, or says so meanwhile. */
  if (noted == NULL || strcmp (noted, recorded) == 0)
    return;
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
  gpointer uuid, recorded;

  if (!vmp_scopes_adopt (settling->scopes, settling->manager, settling->found, &error))
    g_message ("%s: what configurations say of security scopes cannot be recorded: %s",
               settling->manager, error->message);
  g_hash_table_iter_init (&iter, settling->recorded);
  while (g_hash_table_iter_next (&iter, &uuid, &recorded))
    {
      g_autofree char *now = vmp_scopes_lookup (settling->scopes, settling->manager, uuid);

      /* Else a call is changing both. */
      if (g_strcmp0 (now, recorded) == 0)
        put_right (connection, uuid, recorded);
    }
}

static GHashTable *
new_table (void)
{
  return g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
}

/* Has what the configurations of @machines, as they were read, say of scopes recorded, or put right.
 * In the main thread, of machines that no call and no job has. */
void
vmp_libvirt_scope_settle (VmpLibvirtLink *link, VmpScopes *scopes, const char *manager,
                          GPtrArray *machines)
{
  g_autoptr (GHashTable) found = new_table ();
  g_autoptr (GHashTable) recorded = new_table ();
  Settling *settling;

  for (guint i = 0; i < machines->len; i++)
    {
      VmpMachine *machine = g_ptr_array_index (machines, i);
      const char *uuid = vmp_machine_get_uuid (machine);
      const char *noted = vmp_machine_get_scope (machine);
      char *scope = vmp_scopes_lookup (scopes, manager, uuid);

      if (scope == NULL && noted[0] != '\0')
        g_hash_table_insert (found, g_strdup (uuid), g_strdup (noted));
      if (scope != NULL && strcmp (scope, noted) != 0)
        g_hash_table_insert (recorded, g_strdup (uuid), g_steal_pointer (&scope));
      g_free (scope);
    }
  if (g_hash_table_size (found) == 0 && g_hash_table_size (recorded) == 0)
    return;
  settling = g_new0 (Settling, 1);
  settling->scopes = g_object_ref (scopes);
  settling->manager = g_strdup (manager);
  settling->found = g_steal_pointer (&found);
  settling->recorded = g_steal_pointer (&recorded);
  vmp_libvirt_link_run (link, settle, settling, settling_free);
}
