/* The connection to libvirt: made, watched and made again in a thread of its own. */
#pragma once

#include <libvirt/libvirt.h>

#include "vmp-libvirt-host.h"
#include "vmp-machine.h"

G_BEGIN_DECLS

typedef struct _VmpLibvirtLink VmpLibvirtLink;

/* What the link tells its owner, in the main thread. */
typedef struct
{
  void (*up) (VmpLibvirtHost *host, GPtrArray *machines, gpointer owner);
  void (*down) (gpointer owner);
  void (*host) (VmpLibvirtHost *host, gpointer owner);
  /* @machine NULL: it is gone. */
  void (*machine) (const char *uuid, VmpMachine *machine, gpointer owner);
  /* It was started, or its saved state was taken. */
  void (*stirred) (const char *uuid, gpointer owner);
} VmpLibvirtLinkFuncs;

VmpLibvirtLink *vmp_libvirt_link_new (const char *uri, const VmpLibvirtLinkFuncs *funcs,
                                      gpointer owner);
void vmp_libvirt_link_stop (VmpLibvirtLink *self);
void vmp_libvirt_link_read (VmpLibvirtLink *self, const char *uuid);
void vmp_libvirt_link_read_named (VmpLibvirtLink *self, const char *name);
typedef void (*VmpLibvirtLinkWork) (virConnectPtr connection, gpointer data);
void vmp_libvirt_link_run (VmpLibvirtLink *self, VmpLibvirtLinkWork work, gpointer data,
                           GDestroyNotify free_data);
VmpLibvirtHost *vmp_libvirt_link_get_host (VmpLibvirtLink *self);
const char *vmp_libvirt_link_get_process (VmpLibvirtLink *self);
void vmp_libvirt_link_note_attempt (VmpLibvirtLink *self, const char *token);
gboolean vmp_libvirt_link_may_have_defined (VmpLibvirtLink *self, const char *process,
                                            const char *token);
virConnectPtr vmp_libvirt_link_take (VmpLibvirtLink *self, VmpLibvirtHost **host,
                                     GError **error);

G_END_DECLS
