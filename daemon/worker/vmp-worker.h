/* The worker's end of the private interface: one caller, one connection, one thing at a time. */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

#define VMP_WORKER_PATH "/org/vmport/Worker"
#define VMP_WORKER_INTERFACE "org.vmport.Worker"

#define VMP_TYPE_WORKER (vmp_worker_get_type ())
G_DECLARE_FINAL_TYPE (VmpWorker, vmp_worker, VMP, WORKER, GObject)

VmpWorker *vmp_worker_new (GDBusConnection *connection, GError **error);

G_END_DECLS
