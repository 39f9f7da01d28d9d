/* polkit, the only judge of what a caller may do. */
#pragma once

#include <gio/gio.h>

#include "vmp-caller.h"

G_BEGIN_DECLS

typedef enum
{
  VMP_VERDICT_DENIED,
  VMP_VERDICT_GRANTED,
  VMP_VERDICT_ASK, /* granted, had it been allowed to ask somebody */
  VMP_VERDICT_UNKNOWN, /* there is nobody to judge, which is a refusal */
} VmpVerdict;

/* What a rule can look up, and a prompt can name. Strings may be NULL. */
typedef struct
{
  const char *manager;
  const char *vm_name;
  const char *vm_uuid;
  const char *scope;
  const char *directory;
} VmpAuthorityDetails;

#define VMP_TYPE_AUTHORITY (vmp_authority_get_type ())
G_DECLARE_FINAL_TYPE (VmpAuthority, vmp_authority, VMP, AUTHORITY, GObject)

VmpAuthority *vmp_authority_new (gboolean session);
void vmp_authority_check_async (VmpAuthority *self, VmpCaller *caller, const char *action,
                                const char *message, const VmpAuthorityDetails *details,
                                gboolean interactive, GAsyncReadyCallback callback,
                                gpointer user_data);
VmpVerdict vmp_authority_check_finish (VmpAuthority *self, GAsyncResult *result);

G_END_DECLS
