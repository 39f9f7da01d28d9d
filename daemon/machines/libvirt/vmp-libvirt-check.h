/* Whether this host can run a machine. */
#pragma once

#include <libvirt/libvirt.h>

#include "vmp-domain.h"

G_BEGIN_DECLS

gboolean vmp_libvirt_check_domain (virConnectPtr connection, VmpDomain *domain,
                                   GPtrArray *findings, GError **error);

G_END_DECLS
