/* Whom a worker is to be: uid, gid and groups. */
#pragma once

#include <gio/gio.h>
#include <sys/types.h>

#include "vmp-places.h"

G_BEGIN_DECLS

typedef struct _VmpIdentity VmpIdentity;

VmpIdentity *vmp_identity_new (uid_t uid, gboolean change, GError **error);
VmpIdentity *vmp_identity_new_for_name (const char *name, GError **error);
VmpIdentity *vmp_identity_ref (VmpIdentity *self);
void vmp_identity_unref (VmpIdentity *self);
uid_t vmp_identity_get_uid (VmpIdentity *self);
GVariant *vmp_identity_to_variant (VmpIdentity *self, VmpPlaces *places);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (VmpIdentity, vmp_identity_unref)

G_END_DECLS
