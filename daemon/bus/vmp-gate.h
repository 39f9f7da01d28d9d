/* How many calls of one user may stand in the daemon's queue. */
#pragma once

#include <gio/gio.h>
#include <sys/types.h>

G_BEGIN_DECLS

typedef struct _VmpGate VmpGate;

VmpGate *vmp_gate_new (GDBusConnection *connection);
void vmp_gate_free (VmpGate *self);
void vmp_gate_note_user (VmpGate *self, const char *sender, uid_t uid);
void vmp_gate_note_gone (VmpGate *self, const char *sender);
void vmp_gate_note_started (VmpGate *self, GDBusMethodInvocation *invocation);

G_END_DECLS
