/* Which security scope a machine is in, as its configuration has it for people. */
#pragma once

#include <libvirt/libvirt.h>

#include "vmp-libvirt-link.h"
#include "vmp-scopes.h"

G_BEGIN_DECLS

char *vmp_libvirt_scope_read (virDomainPtr domain);
gboolean vmp_libvirt_scope_note (virConnectPtr connection, const char *uuid, const char *scope,
                                 GError **error);
void vmp_libvirt_scope_settle (VmpLibvirtLink *link, VmpScopes *scopes, const char *manager,
                               GPtrArray *machines);

G_END_DECLS
