/* A manager: one place that holds virtual machines. */
#pragma once

#include <gio/gunixfdlist.h>

#include "vmport-export-settings.h"
#include "vmport-import-settings.h"
#include "vmport-job.h"
#include "vmport-virtual-machine.h"

G_BEGIN_DECLS

#define VMPORT_TYPE_MANAGER (vmport_manager_get_type ())
G_DECLARE_FINAL_TYPE (VmportManager, vmport_manager, VMPORT, MANAGER, GObject)

const char *vmport_manager_get_object_path (VmportManager *self);
const char *vmport_manager_get_id (VmportManager *self);
const char *vmport_manager_get_driver (VmportManager *self);
const char *vmport_manager_get_uri (VmportManager *self);
const char *vmport_manager_get_version (VmportManager *self);
gboolean vmport_manager_get_available (VmportManager *self);
const char *const *vmport_manager_get_features (VmportManager *self);
const char *const *vmport_manager_get_network_connections (VmportManager *self);
const char *const *vmport_manager_get_storage_roots (VmportManager *self);
guint64 vmport_manager_get_job_retention_usec (VmportManager *self);

void vmport_manager_list_virtual_machines (VmportManager *self, GCancellable *cancellable,
                                           GAsyncReadyCallback callback, gpointer user_data);
GPtrArray *vmport_manager_list_virtual_machines_finish (VmportManager *self, GAsyncResult *result,
                                                        GError **error);
GPtrArray *vmport_manager_list_virtual_machines_sync (VmportManager *self,
                                                      GCancellable *cancellable, GError **error);

void vmport_manager_find_virtual_machine (VmportManager *self, const char *name_or_uuid,
                                          GCancellable *cancellable, GAsyncReadyCallback callback,
                                          gpointer user_data);
VmportVirtualMachine *vmport_manager_find_virtual_machine_finish (VmportManager *self,
                                                                  GAsyncResult *result,
                                                                  GError **error);
VmportVirtualMachine *vmport_manager_find_virtual_machine_sync (VmportManager *self,
                                                                const char *name_or_uuid,
                                                                GCancellable *cancellable,
                                                                GError **error);

void vmport_manager_list_security_scopes (VmportManager *self, GCancellable *cancellable,
                                          GAsyncReadyCallback callback, gpointer user_data);
char **vmport_manager_list_security_scopes_finish (VmportManager *self, GAsyncResult *result,
                                                   GError **error);
char **vmport_manager_list_security_scopes_sync (VmportManager *self, GCancellable *cancellable,
                                                 GError **error);

void vmport_manager_get_export_settings (VmportManager *self, VmportVirtualMachine *virtual_machine,
                                         GCancellable *cancellable, GAsyncReadyCallback callback,
                                         gpointer user_data);
GVariant *vmport_manager_get_export_settings_finish (VmportManager *self, GAsyncResult *result,
                                                     GError **error);
GVariant *vmport_manager_get_export_settings_sync (VmportManager *self,
                                                   VmportVirtualMachine *virtual_machine,
                                                   GCancellable *cancellable, GError **error);

void vmport_manager_check_export (VmportManager *self, VmportVirtualMachine *virtual_machine,
                                  const char *directory, GVariant *settings, GUnixFDList *fd_list,
                                  GCancellable *cancellable, GAsyncReadyCallback callback,
                                  gpointer user_data);
GVariant *vmport_manager_check_export_finish (VmportManager *self, GAsyncResult *result,
                                              GError **error);
GVariant *vmport_manager_check_export_sync (VmportManager *self,
                                            VmportVirtualMachine *virtual_machine,
                                            const char *directory, GVariant *settings,
                                            GUnixFDList *fd_list, GCancellable *cancellable,
                                            GError **error);

void vmport_manager_export (VmportManager *self, VmportVirtualMachine *virtual_machine,
                            const char *directory, GVariant *settings, GUnixFDList *fd_list,
                            GCancellable *cancellable, GAsyncReadyCallback callback,
                            gpointer user_data);
VmportJob *vmport_manager_export_finish (VmportManager *self, GAsyncResult *result, GError **error);
VmportJob *vmport_manager_export_sync (VmportManager *self, VmportVirtualMachine *virtual_machine,
                                       const char *directory, GVariant *settings,
                                       GUnixFDList *fd_list, GCancellable *cancellable,
                                       GError **error);

void vmport_manager_get_import_settings (VmportManager *self, const char *directory,
                                         GVariant *options, GUnixFDList *fd_list,
                                         GCancellable *cancellable, GAsyncReadyCallback callback,
                                         gpointer user_data);
GVariant *vmport_manager_get_import_settings_finish (VmportManager *self, GAsyncResult *result,
                                                     GError **error);
GVariant *vmport_manager_get_import_settings_sync (VmportManager *self, const char *directory,
                                                   GVariant *options, GUnixFDList *fd_list,
                                                   GCancellable *cancellable, GError **error);

void vmport_manager_check_import (VmportManager *self, const char *directory, GVariant *settings,
                                  GUnixFDList *fd_list, GCancellable *cancellable,
                                  GAsyncReadyCallback callback, gpointer user_data);
GVariant *vmport_manager_check_import_finish (VmportManager *self, GAsyncResult *result,
                                              GError **error);
GVariant *vmport_manager_check_import_sync (VmportManager *self, const char *directory,
                                            GVariant *settings, GUnixFDList *fd_list,
                                            GCancellable *cancellable, GError **error);

void vmport_manager_import (VmportManager *self, const char *directory, GVariant *settings,
                            GUnixFDList *fd_list, GCancellable *cancellable,
                            GAsyncReadyCallback callback, gpointer user_data);
VmportJob *vmport_manager_import_finish (VmportManager *self, GAsyncResult *result, GError **error);
VmportJob *vmport_manager_import_sync (VmportManager *self, const char *directory,
                                       GVariant *settings, GUnixFDList *fd_list,
                                       GCancellable *cancellable, GError **error);

void vmport_manager_verify (VmportManager *self, const char *directory, GVariant *options,
                            GUnixFDList *fd_list, GCancellable *cancellable,
                            GAsyncReadyCallback callback, gpointer user_data);
VmportJob *vmport_manager_verify_finish (VmportManager *self, GAsyncResult *result, GError **error);
VmportJob *vmport_manager_verify_sync (VmportManager *self, const char *directory,
                                       GVariant *options, GUnixFDList *fd_list,
                                       GCancellable *cancellable, GError **error);

void vmport_manager_load_export_settings (VmportManager *self,
                                          VmportVirtualMachine *virtual_machine,
                                          GCancellable *cancellable, GAsyncReadyCallback callback,
                                          gpointer user_data);
VmportExportSettings *vmport_manager_load_export_settings_finish (VmportManager *self,
                                                                  GAsyncResult *result,
                                                                  GError **error);
VmportExportSettings *
vmport_manager_load_export_settings_sync (VmportManager *self,
                                          VmportVirtualMachine *virtual_machine,
                                          GCancellable *cancellable, GError **error);

void vmport_manager_load_import_settings (VmportManager *self, const char *directory,
                                          int directory_fd, GCancellable *cancellable,
                                          GAsyncReadyCallback callback, gpointer user_data);
VmportImportSettings *vmport_manager_load_import_settings_finish (VmportManager *self,
                                                                  GAsyncResult *result,
                                                                  GError **error);
VmportImportSettings *vmport_manager_load_import_settings_sync (VmportManager *self,
                                                                const char *directory,
                                                                int directory_fd,
                                                                GCancellable *cancellable,
                                                                GError **error);

void vmport_manager_check_export_with_settings (VmportManager *self,
                                                VmportVirtualMachine *virtual_machine,
                                                const char *directory,
                                                VmportExportSettings *settings,
                                                GCancellable *cancellable,
                                                GAsyncReadyCallback callback, gpointer user_data);
GPtrArray *vmport_manager_check_export_with_settings_finish (VmportManager *self,
                                                             GAsyncResult *result, GError **error);
GPtrArray *vmport_manager_check_export_with_settings_sync (VmportManager *self,
                                                           VmportVirtualMachine *virtual_machine,
                                                           const char *directory,
                                                           VmportExportSettings *settings,
                                                           GCancellable *cancellable,
                                                           GError **error);

void vmport_manager_check_import_with_settings (VmportManager *self, const char *directory,
                                                VmportImportSettings *settings,
                                                GCancellable *cancellable,
                                                GAsyncReadyCallback callback, gpointer user_data);
GPtrArray *vmport_manager_check_import_with_settings_finish (VmportManager *self,
                                                             GAsyncResult *result, GError **error);
GPtrArray *vmport_manager_check_import_with_settings_sync (VmportManager *self,
                                                           const char *directory,
                                                           VmportImportSettings *settings,
                                                           GCancellable *cancellable,
                                                           GError **error);

void vmport_manager_export_with_settings (VmportManager *self,
                                          VmportVirtualMachine *virtual_machine,
                                          const char *directory, VmportExportSettings *settings,
                                          GCancellable *cancellable, GAsyncReadyCallback callback,
                                          gpointer user_data);
VmportJob *vmport_manager_export_with_settings_finish (VmportManager *self, GAsyncResult *result,
                                                       GError **error);
VmportJob *vmport_manager_export_with_settings_sync (VmportManager *self,
                                                     VmportVirtualMachine *virtual_machine,
                                                     const char *directory,
                                                     VmportExportSettings *settings,
                                                     GCancellable *cancellable, GError **error);

void vmport_manager_import_with_settings (VmportManager *self, const char *directory,
                                          VmportImportSettings *settings, GCancellable *cancellable,
                                          GAsyncReadyCallback callback, gpointer user_data);
VmportJob *vmport_manager_import_with_settings_finish (VmportManager *self, GAsyncResult *result,
                                                       GError **error);
VmportJob *vmport_manager_import_with_settings_sync (VmportManager *self, const char *directory,
                                                     VmportImportSettings *settings,
                                                     GCancellable *cancellable, GError **error);

G_END_DECLS
