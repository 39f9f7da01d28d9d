/* The connection to vmportd, from which everything else is reached. */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

#define VMPORT_TYPE_CLIENT (vmport_client_get_type ())
G_DECLARE_FINAL_TYPE (VmportClient, vmport_client, VMPORT, CLIENT, GObject)

typedef struct _VmportManager VmportManager;
typedef struct _VmportJob VmportJob;

void vmport_client_new (GBusType bus_type, GCancellable *cancellable, GAsyncReadyCallback callback,
                        gpointer user_data);
void vmport_client_new_for_connection (GDBusConnection *connection, GCancellable *cancellable,
                                       GAsyncReadyCallback callback, gpointer user_data);
VmportClient *vmport_client_new_finish (GAsyncResult *result, GError **error);
VmportClient *vmport_client_new_sync (GBusType bus_type, GCancellable *cancellable,
                                      GError **error);
VmportClient *vmport_client_new_for_connection_sync (GDBusConnection *connection,
                                                     GCancellable *cancellable, GError **error);

GDBusConnection *vmport_client_get_connection (VmportClient *self);
gboolean vmport_client_get_interactive (VmportClient *self);
void vmport_client_set_interactive (VmportClient *self, gboolean interactive);
gboolean vmport_client_get_running (VmportClient *self);
const char *vmport_client_get_daemon_version (VmportClient *self);

void vmport_client_list_managers (VmportClient *self, GCancellable *cancellable,
                                  GAsyncReadyCallback callback, gpointer user_data);
GPtrArray *vmport_client_list_managers_finish (VmportClient *self, GAsyncResult *result,
                                               GError **error);
GPtrArray *vmport_client_list_managers_sync (VmportClient *self, GCancellable *cancellable,
                                             GError **error);

void vmport_client_get_manager (VmportClient *self, const char *id, GCancellable *cancellable,
                                GAsyncReadyCallback callback, gpointer user_data);
VmportManager *vmport_client_get_manager_finish (VmportClient *self, GAsyncResult *result,
                                                 GError **error);
VmportManager *vmport_client_get_manager_sync (VmportClient *self, const char *id,
                                               GCancellable *cancellable, GError **error);

void vmport_client_list_jobs (VmportClient *self, GCancellable *cancellable,
                              GAsyncReadyCallback callback, gpointer user_data);
GPtrArray *vmport_client_list_jobs_finish (VmportClient *self, GAsyncResult *result,
                                           GError **error);
GPtrArray *vmport_client_list_jobs_sync (VmportClient *self, GCancellable *cancellable,
                                         GError **error);

void vmport_client_get_job (VmportClient *self, const char *object_path,
                            GCancellable *cancellable, GAsyncReadyCallback callback,
                            gpointer user_data);
VmportJob *vmport_client_get_job_finish (VmportClient *self, GAsyncResult *result,
                                         GError **error);
VmportJob *vmport_client_get_job_sync (VmportClient *self, const char *object_path,
                                       GCancellable *cancellable, GError **error);

G_END_DECLS
