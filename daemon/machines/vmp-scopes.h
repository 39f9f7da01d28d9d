/* Which virtual machine is in which security scope: the daemon's own record, and the scopes that
 * are defined.
 *
 * Looking something up never blocks and is for any thread. What changes the record flushes it to
 * the disk first, so it is for a job's thread. */
#pragma once

#include "vmp-scope-store.h"

G_BEGIN_DECLS

#define VMP_TYPE_SCOPES (vmp_scopes_get_type ())
G_DECLARE_FINAL_TYPE (VmpScopes, vmp_scopes, VMP, SCOPES, GObject)

VmpScopes *vmp_scopes_open (const char *state_directory, const char *const *defined,
                            GError **error);

void vmp_scopes_set_defined (VmpScopes *self, const char *const *defined);
void vmp_scopes_set_store (VmpScopes *self, VmpScopeStore *store);
gboolean vmp_scopes_are_in_force (VmpScopes *self);
GStrv vmp_scopes_list_defined (VmpScopes *self);
gboolean vmp_scopes_is_defined (VmpScopes *self, const char *scope);
gboolean vmp_scopes_check_defined (VmpScopes *self, const char *scope, GError **error);

/* The change was no import's. */
#define VMP_SCOPES_NO_JOB 0

char *vmp_scopes_lookup (VmpScopes *self, const char *manager, const char *uuid);
gboolean vmp_scopes_set (VmpScopes *self, const char *manager, const char *uuid, const char *scope,
                         guint job, GError **error);
gboolean vmp_scopes_add (VmpScopes *self, const char *manager, const char *uuid, const char *scope,
                         GError **error);
gboolean vmp_scopes_take_back (VmpScopes *self, const char *manager, const char *uuid, guint job,
                               const char *before, GError **error);
gboolean vmp_scopes_drop (VmpScopes *self, const char *manager, const char *uuid, GError **error);

G_END_DECLS
