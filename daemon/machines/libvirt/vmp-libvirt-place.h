/* A machine that an import makes for libvirt. */
#pragma once

#include "vmp-libvirt-host.h"
#include "vmp-libvirt-link.h"
#include "vmp-machines.h"

G_BEGIN_DECLS

VmpPlace *vmp_libvirt_place_new (VmpLibvirtLink *link, VmpLibvirtHost *host, const char *token, const char *uuid,
                                 const char *name, GError **error);
void vmp_libvirt_place_free (VmpPlace *self);
int vmp_libvirt_place_create (VmpPlace *self, const char *member, char **final_path,
                              GError **error);
int vmp_libvirt_place_reopen (VmpPlace *self, const char *member, GError **error);
void vmp_libvirt_place_set_domain (VmpPlace *self, VmpDomain *domain);
void vmp_libvirt_place_add_snapshot (VmpPlace *self, VmpSnapshot *snapshot);
gboolean vmp_libvirt_place_sync (VmpPlace *self, GError **error);
GVariant *vmp_libvirt_place_describe (VmpPlace *self);
VmpMachine *vmp_libvirt_place_define (VmpPlace *self, virConnectPtr connection, GError **error);
gboolean vmp_libvirt_place_undo (VmpLibvirtLink *link, GVariant *description, GError **error);

G_END_DECLS
