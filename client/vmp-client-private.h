/* What the classes of libvmport share among themselves: calls, errors, proxies, constructors. */
#pragma once

#include "vmport-client.h"
#include "vmport-error.h"
#include "vmport-job.h"
#include "vmport-manager.h"
#include "vmport-snapshot.h"
#include "vmport-virtual-machine.h"

#include "vmport-dbus.h"

G_BEGIN_DECLS

#define VMP_BUS_NAME "org.vmport"
#define VMP_DAEMON_PATH "/org/vmport"
#define VMP_DAEMON_INTERFACE "org.vmport.Daemon"
#define VMP_MANAGER_PATH_PREFIX "/org/vmport/Manager/"
#define VMP_MANAGER_INTERFACE "org.vmport.Manager"
#define VMP_VIRTUAL_MACHINE_PATH_PREFIX "/org/vmport/VirtualMachine/"
#define VMP_VIRTUAL_MACHINE_INTERFACE "org.vmport.VirtualMachine"
#define VMP_SNAPSHOT_INTERFACE "org.vmport.Snapshot"
#define VMP_JOB_INTERFACE "org.vmport.Job"
#define VMP_PROPERTIES_INTERFACE "org.freedesktop.DBus.Properties"

typedef enum
{
  /* Answered at once, and never asks anybody anything. */
  VMP_CALL_QUICK,
  /* May prompt, read a slow directory or wait for a job: no limit of time. */
  VMP_CALL_LONG,
} VmpCallKind;

typedef struct
{
  const char *path;
  const char *interface;
  const char *method;
  GVariant *parameters;
  const char *reply_type;
  VmpCallKind kind;
  GUnixFDList *fd_list;
  /* Leave errors as GDBus made them, for a caller that looks at them first. */
  gboolean raw_errors;
} VmpCall;

/* Goes on with a reply; takes the task. */
typedef void (*VmpCallNext) (GTask *task, GVariant *reply);

GTask *vmp_client_task_new (gpointer source, gpointer tag, GCancellable *cancellable,
                            GAsyncReadyCallback callback, gpointer user_data);
void vmp_client_call (GTask *task, VmportClient *client, const VmpCall *call, VmpCallNext next);
GVariant *vmp_client_call_sync (VmportClient *client, const VmpCall *call,
                                GCancellable *cancellable, GError **error);
VmpCall vmp_client_get_all_call (const char *path, const char *interface);
GVariant *vmp_client_vardict (GVariant *dictionary);
const char *vmp_client_get_bus_name (GDBusConnection *connection);

void vmp_client_bind_text_domain (void);

gboolean vmp_client_error_is_daemon_gone (const GError *error);
gboolean vmp_client_error_is_unknown (const GError *error);
GError *vmp_client_error_take_remote (GError *error);

void vmp_client_load_proxies (VmportClient *client, GType proxy_type, const char *interface,
                              const char *const *paths, gboolean skip_unknown,
                              GCancellable *cancellable, GAsyncReadyCallback callback,
                              gpointer user_data);
GPtrArray *vmp_client_load_proxies_finish (GAsyncResult *result, GError **error);
GPtrArray *vmp_client_load_proxies_sync (VmportClient *client, GType proxy_type,
                                         const char *interface, const char *const *paths,
                                         gboolean skip_unknown, GCancellable *cancellable,
                                         GError **error);

VmportManager *vmp_client_manager_new (VmportClient *client, VmportDBusManager *proxy);
VmportClient *vmp_client_manager_get_client (VmportManager *self);
void vmp_client_manager_job_next (GTask *task, GVariant *reply);
VmportJob *vmp_client_manager_call_job_sync (VmportManager *self, const VmpCall *call,
                                             GCancellable *cancellable, GError **error);
GVariant *vmp_client_manager_call_value_sync (VmportManager *self, const VmpCall *call,
                                              GCancellable *cancellable, GError **error);
GVariant *vmp_client_manager_value_finish (GAsyncResult *result, GError **error);
VmportVirtualMachine *vmp_client_virtual_machine_new (VmportClient *client, const char *path,
                                                      GVariant *properties);
VmportClient *vmp_client_virtual_machine_get_client (VmportVirtualMachine *self);
VmportSnapshot *vmp_client_snapshot_new (const char *path, GVariant *properties);
VmportJob *vmp_client_job_new (VmportClient *client, VmportDBusJob *proxy);
VmportClient *vmp_client_job_get_client (VmportJob *self);
void vmp_client_load_job (GTask *task, VmportClient *client, const char *path);
void vmp_client_load_virtual_machine (GTask *task, VmportClient *client, const char *path);
VmportVirtualMachine *vmp_client_load_virtual_machine_sync (VmportClient *client,
                                                            const char *path,
                                                            GCancellable *cancellable,
                                                            GError **error);

G_END_DECLS
