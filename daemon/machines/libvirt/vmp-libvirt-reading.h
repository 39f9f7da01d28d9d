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

G_END_DECLS
