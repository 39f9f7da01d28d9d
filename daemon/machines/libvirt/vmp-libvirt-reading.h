/* One domain of libvirt's, read into a machine. */
#pragma once

#include <libvirt/libvirt.h>

#include "vmp-libvirt-host.h"
#include "vmp-machine.h"

G_BEGIN_DECLS

VmpMachine *vmp_libvirt_read_machine (virDomainPtr domain, VmpLibvirtHost *host, GError **error);
#define VMP_LIBVIRT_SAVE_SUFFIX ".save"

const char *vmp_libvirt_read_state (virDomainPtr domain, VmpLibvirtHost *host, GError **error);
VmpDomain *vmp_libvirt_read_domain (virDomainPtr domain, GPtrArray **lost, GError **error);
char *vmp_libvirt_resolve_volume (const char *pool_name, const char *name, gpointer data,
                                  GError **error);
gboolean vmp_libvirt_check_disks (GPtrArray *unsafe, GError **error);
void vmp_libvirt_complete_domain (VmpDomain *domain, virConnectPtr connection,
                                  VmpLibvirtHost *host);

G_END_DECLS
