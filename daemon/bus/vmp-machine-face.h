/* The properties of org.vmport.VirtualMachine, which listings carry too. */
#pragma once

#include "vmp-bus.h"

G_BEGIN_DECLS

GVariant *vmp_machine_face_get_property (VmpMachines *machines, VmpMachine *machine,
                                         const char *property);
GVariant *vmp_machine_face_get_all (VmpMachines *machines, VmpMachine *machine);

G_END_DECLS
