/* What this host can run, as libvirt tells it, and whether a configuration fits. */
#pragma once

#include <gio/gio.h>

#include "vmp-domain.h"

G_BEGIN_DECLS

typedef struct _VmpCapabilities VmpCapabilities;

VmpCapabilities *vmp_capabilities_new_from_xml (const char *host_xml, GError **error);
gboolean vmp_capabilities_add_domain_xml (VmpCapabilities *self, const char *domain_xml,
                                          GError **error);
void vmp_capabilities_free (VmpCapabilities *self);
gboolean vmp_capabilities_has_machine (VmpCapabilities *self, VmpDomain *domain);
void vmp_capabilities_check (VmpCapabilities *self, VmpDomain *domain, GPtrArray *findings);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (VmpCapabilities, vmp_capabilities_free)

G_END_DECLS
