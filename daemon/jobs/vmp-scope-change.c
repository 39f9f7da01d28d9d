/* Changes of a machine's security scope: by SetSecurityScope, and by an import, which may have to
 * take it back. */
#include "config.h"

#include "vmp-scope-change.h"

#include <glib/gi18n-lib.h>

#include "vmp-error.h"
#include "vmp-name.h"

struct _VmpScopeChange
{
  char *uuid;
  char *scope;
};

VmpScopeChange *
vmp_scope_change_new (const char *uuid, const char *scope)
{
  VmpScopeChange *change = g_new0 (VmpScopeChange, 1);

  change->uuid = g_strdup (uuid);
  change->scope = g_strdup (scope);
  return change;
}

void
vmp_scope_change_free (VmpScopeChange *change)
{
  g_free (change->uuid);
  g_free (change->scope);
  g_free (change);
}

GVariant *
vmp_scope_change_work (VmpRun *run, gpointer data, GError **error)
{
  VmpMachines *machines = vmp_run_get_machines (run);
  VmpScopeChange *change = data;
  g_autoptr (GError) local_error = NULL;

  if (!vmp_scopes_set (vmp_machines_get_scopes (machines), vmp_machines_get_id (machines),
                       change->uuid, change->scope, VMP_SCOPES_NO_JOB, error))
    return NULL;
  /* The record holds; the note is for people. */
  if (!vmp_machines_note_scope (machines, change->uuid, change->scope, &local_error))
    g_message ("%s: the scope is not noted in the configuration: %s", change->uuid,
               local_error->message);
  return g_variant_new_array (G_VARIANT_TYPE ("{sv}"), NULL, 0);
}

/* Records the scope of a machine before it is there, so that it never is without; what an earlier
 * machine of that id left is not to count. Blocking. */
gboolean
vmp_scope_change_announce (VmpRun *run, const char *uuid, const char *scope, GError **error)
{
  VmpMachines *machines = vmp_run_get_machines (run);
  VmpScopes *scopes = vmp_machines_get_scopes (machines);
  const char *id = vmp_machines_get_id (machines);
  g_autofree char *before = vmp_scopes_lookup (scopes, id, uuid);
  GVariantDict entry;

  if (before == NULL && scope[0] == '\0')
    return TRUE;
  g_variant_dict_init (&entry, NULL);
  g_variant_dict_insert (&entry, "Kind", "s", VMP_UNDO_SCOPE);
  g_variant_dict_insert (&entry, "Uuid", "s", uuid);
  if (before != NULL)
    g_variant_dict_insert (&entry, "Before", "s", before);
  return vmp_run_add_undo (run, g_variant_dict_end (&entry), error) != G_MAXUINT
         && vmp_scopes_set (scopes, id, uuid, scope, vmp_run_get_number (run), error);
}

/* Takes that back, where nobody has recorded anything else since. Blocking. */
gboolean
vmp_scope_change_undo (VmpRun *run, GVariant *entry, GError **error)
{
  VmpMachines *machines = vmp_run_get_machines (run);
  const char *uuid, *before = NULL;

  if (!g_variant_lookup (entry, "Uuid", "&s", &uuid) || !vmp_name_is_uuid (uuid))
    return vmp_error_set (error, VMPORT_ERROR_CORRUPT, "A journal entry has no id");
  if (machines == NULL)
    return vmp_error_set (error, VMPORT_ERROR_NOT_AVAILABLE,
                          _ ("The manager that the job wrote into is not there"));
  g_variant_lookup (entry, "Before", "&s", &before);
  return vmp_scopes_take_back (vmp_machines_get_scopes (machines), vmp_machines_get_id (machines),
                               uuid, vmp_run_get_number (run), before, error);
}
