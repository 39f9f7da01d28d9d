/* What polkit says about somebody else; only root may ask that. */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

typedef enum
{
  VMP_CTL_VERDICT_NO,
  VMP_CTL_VERDICT_YES,
  VMP_CTL_VERDICT_ASK, /* an administrator would have to authenticate */
} VmpCtlVerdict;

gboolean vmp_ctl_polkit_check (guint32 uid, const char *action, const char *detail,
                               const char *value, VmpCtlVerdict *verdict, GError **error);
gboolean vmp_ctl_polkit_wait (const char *digest, GError **error);

G_END_DECLS
