/* One virtual machine as a manager knows it: an immutable reading, replaced when something changes. */
#pragma once

#include <gio/gio.h>

#include "vmp-domain.h"

G_BEGIN_DECLS

typedef struct _VmpMachine VmpMachine;

VmpMachine *vmp_machine_new (const char *uuid, const char *name, const char *state,
                             const char *scope, VmpDomain *domain);
VmpMachine *vmp_machine_ref (VmpMachine *self);
void vmp_machine_unref (VmpMachine *self);

const char *vmp_machine_get_uuid (VmpMachine *self);
const char *vmp_machine_get_name (VmpMachine *self);
const char *vmp_machine_get_state (VmpMachine *self);
const char *vmp_machine_get_scope (VmpMachine *self);
/* Not to be changed: copy it first. */
VmpDomain *vmp_machine_get_domain (VmpMachine *self);

/* Disk devices only, no CD-ROM and no floppy: the positions of interface.md. */
GStrv vmp_machine_get_resource_paths (VmpMachine *self);
GStrv vmp_machine_get_network_connections (VmpMachine *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (VmpMachine, vmp_machine_unref)

G_END_DECLS
