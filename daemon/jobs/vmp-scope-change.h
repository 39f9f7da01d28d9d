/* Changes of a machine's security scope: by SetSecurityScope, and by an import, which may have to
 * take it back. */
#pragma once

#include "vmp-run.h"

G_BEGIN_DECLS

/* What SetSecurityScope wants. */
typedef struct _VmpScopeChange VmpScopeChange;

VmpScopeChange *vmp_scope_change_new (const char *uuid, const char *scope);
void vmp_scope_change_free (VmpScopeChange *change);
/* A VmpWork over a VmpScopeChange. */
GVariant *vmp_scope_change_work (VmpRun *run, gpointer change, GError **error);

gboolean vmp_scope_change_announce (VmpRun *run, const char *uuid, const char *scope,
                                    GError **error);
gboolean vmp_scope_change_undo (VmpRun *run, GVariant *entry, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (VmpScopeChange, vmp_scope_change_free)

G_END_DECLS
