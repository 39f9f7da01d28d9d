/* The scopes that an authorization store defines, and whether polkit goes by that store.
 *
 * For any thread. The store is the administrator's, and may change at any time: whoever wants the
 * answer of now has it read first, which takes a while where it is large. */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

#define VMP_TYPE_SCOPE_STORE (vmp_scope_store_get_type ())
G_DECLARE_FINAL_TYPE (VmpScopeStore, vmp_scope_store, VMP, SCOPE_STORE, GObject)

VmpScopeStore *vmp_scope_store_new (const char *path, const char *rules_path);
void vmp_scope_store_refresh (VmpScopeStore *self);
void vmp_scope_store_refresh_async (VmpScopeStore *self, GAsyncReadyCallback callback,
                                    gpointer user_data);
GStrv vmp_scope_store_list (VmpScopeStore *self);
gboolean vmp_scope_store_is_in_force (VmpScopeStore *self);

G_END_DECLS
