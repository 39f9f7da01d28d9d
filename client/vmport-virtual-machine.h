/* A virtual machine as it was when it was read. */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

#define VMPORT_TYPE_VIRTUAL_MACHINE (vmport_virtual_machine_get_type ())
G_DECLARE_FINAL_TYPE (VmportVirtualMachine, vmport_virtual_machine, VMPORT, VIRTUAL_MACHINE,
                      GObject)

const char *vmport_virtual_machine_get_object_path (VmportVirtualMachine *self);
const char *vmport_virtual_machine_get_manager_path (VmportVirtualMachine *self);
const char *vmport_virtual_machine_get_uuid (VmportVirtualMachine *self);
const char *vmport_virtual_machine_get_name (VmportVirtualMachine *self);
const char *vmport_virtual_machine_get_state (VmportVirtualMachine *self);
const char *vmport_virtual_machine_get_security_scope (VmportVirtualMachine *self);
const char *const *vmport_virtual_machine_get_resource_paths (VmportVirtualMachine *self);
const char *const *vmport_virtual_machine_get_network_connections (VmportVirtualMachine *self);
const char *const *vmport_virtual_machine_get_snapshot_paths (VmportVirtualMachine *self);
const char *vmport_virtual_machine_get_active_job_path (VmportVirtualMachine *self);
GVariant *vmport_virtual_machine_to_variant (VmportVirtualMachine *self);

void vmport_virtual_machine_refresh (VmportVirtualMachine *self, GCancellable *cancellable,
                                     GAsyncReadyCallback callback, gpointer user_data);
VmportVirtualMachine *vmport_virtual_machine_refresh_finish (VmportVirtualMachine *self,
                                                             GAsyncResult *result, GError **error);
VmportVirtualMachine *vmport_virtual_machine_refresh_sync (VmportVirtualMachine *self,
                                                           GCancellable *cancellable,
                                                           GError **error);

void vmport_virtual_machine_get_configuration (VmportVirtualMachine *self,
                                               GCancellable *cancellable,
                                               GAsyncReadyCallback callback, gpointer user_data);
char *vmport_virtual_machine_get_configuration_finish (VmportVirtualMachine *self,
                                                       GAsyncResult *result, GError **error);
char *vmport_virtual_machine_get_configuration_sync (VmportVirtualMachine *self,
                                                     GCancellable *cancellable, GError **error);

void vmport_virtual_machine_list_snapshots (VmportVirtualMachine *self, GCancellable *cancellable,
                                            GAsyncReadyCallback callback, gpointer user_data);
GPtrArray *vmport_virtual_machine_list_snapshots_finish (VmportVirtualMachine *self,
                                                         GAsyncResult *result, GError **error);
GPtrArray *vmport_virtual_machine_list_snapshots_sync (VmportVirtualMachine *self,
                                                       GCancellable *cancellable, GError **error);

void vmport_virtual_machine_delete (VmportVirtualMachine *self, gboolean delete_storage,
                                    GCancellable *cancellable, GAsyncReadyCallback callback,
                                    gpointer user_data);
gboolean vmport_virtual_machine_delete_finish (VmportVirtualMachine *self, GAsyncResult *result,
                                               GError **error);
gboolean vmport_virtual_machine_delete_sync (VmportVirtualMachine *self, gboolean delete_storage,
                                             GCancellable *cancellable, GError **error);

void vmport_virtual_machine_set_security_scope (VmportVirtualMachine *self,
                                                const char *security_scope,
                                                GCancellable *cancellable,
                                                GAsyncReadyCallback callback, gpointer user_data);
gboolean vmport_virtual_machine_set_security_scope_finish (VmportVirtualMachine *self,
                                                           GAsyncResult *result, GError **error);
gboolean vmport_virtual_machine_set_security_scope_sync (VmportVirtualMachine *self,
                                                         const char *security_scope,
                                                         GCancellable *cancellable,
                                                         GError **error);

G_END_DECLS
