/* The snapshots of one domain of libvirt's: read into the model, and defined from it. */
#pragma once

#include <libvirt/libvirt.h>

#include "vmp-libvirt-host.h"
#include "vmp-snapshot.h"

G_BEGIN_DECLS

GPtrArray *vmp_libvirt_read_snapshots (virDomainPtr domain, VmpLibvirtHost *host, GError **error);
gboolean vmp_libvirt_define_snapshots (virDomainPtr domain, GPtrArray *snapshots, GError **error);
gboolean vmp_libvirt_find_other_snapshots (virDomainPtr domain, const char *const *known,
                                           gboolean *found, GError **error);

G_END_DECLS
