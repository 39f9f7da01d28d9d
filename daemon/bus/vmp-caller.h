/* Who calls: a bus name, and whom the bus and the user database say stands behind it. */
#pragma once

#include <gio/gio.h>

#include "vmp-identity.h"

G_BEGIN_DECLS

#define VMP_TYPE_CALLER (vmp_caller_get_type ())
G_DECLARE_FINAL_TYPE (VmpCaller, vmp_caller, VMP, CALLER, GObject)

const char *vmp_caller_get_name (VmpCaller *self);
uid_t vmp_caller_get_uid (VmpCaller *self);
VmpIdentity *vmp_caller_get_identity (VmpCaller *self);
/* Cancelled when the caller leaves the bus. */
GCancellable *vmp_caller_get_cancellable (VmpCaller *self);
gboolean vmp_caller_is_gone (VmpCaller *self);
/* Counts what is under way for this uid, over all its connections. */
guint *vmp_caller_get_pending (VmpCaller *self);

#define VMP_TYPE_CALLERS (vmp_callers_get_type ())
G_DECLARE_FINAL_TYPE (VmpCallers, vmp_callers, VMP, CALLERS, GObject)

/* Emits `changed` where it may have become, or is no longer, empty. */
VmpCallers *vmp_callers_new (GDBusConnection *connection, gboolean session);
void vmp_callers_get_async (VmpCallers *self, const char *sender, GAsyncReadyCallback callback,
                            gpointer user_data);
VmpCaller *vmp_callers_get_finish (VmpCallers *self, GAsyncResult *result, GError **error);

/* Is no connection on the bus that has called? */
void vmp_callers_note_started (VmpCallers *self, GDBusMethodInvocation *invocation);
gboolean vmp_callers_is_empty (VmpCallers *self);

G_END_DECLS
