/* What the files of the libvirt driver share: libvirt's objects with an owner. */
#pragma once

#include <gio/gio.h>
#include <libvirt/libvirt.h>

G_BEGIN_DECLS

typedef virConnect VmpVirConnect;
typedef virDomain VmpVirDomain;
typedef virStoragePool VmpVirPool;
typedef virStorageVol VmpVirVolume;

G_DEFINE_AUTOPTR_CLEANUP_FUNC (VmpVirConnect, virConnectClose)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (VmpVirDomain, virDomainFree)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (VmpVirPool, virStoragePoolFree)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (VmpVirVolume, virStorageVolFree)

G_END_DECLS
