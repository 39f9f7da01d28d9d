/* The virtual machines of a manager as a list that follows them. */
#pragma once

#include "vmport-manager.h"

G_BEGIN_DECLS

#define VMPORT_TYPE_VIRTUAL_MACHINE_LIST (vmport_virtual_machine_list_get_type ())
G_DECLARE_FINAL_TYPE (VmportVirtualMachineList, vmport_virtual_machine_list, VMPORT,
                      VIRTUAL_MACHINE_LIST, GObject)

VmportVirtualMachineList *vmport_virtual_machine_list_new (VmportManager *manager);

VmportManager *vmport_virtual_machine_list_get_manager (VmportVirtualMachineList *self);
gboolean vmport_virtual_machine_list_get_ready (VmportVirtualMachineList *self);
const GError *vmport_virtual_machine_list_get_error (VmportVirtualMachineList *self);

void vmport_virtual_machine_list_reload (VmportVirtualMachineList *self, GCancellable *cancellable,
                                         GAsyncReadyCallback callback, gpointer user_data);
gboolean vmport_virtual_machine_list_reload_finish (VmportVirtualMachineList *self,
                                                    GAsyncResult *result, GError **error);

G_END_DECLS
