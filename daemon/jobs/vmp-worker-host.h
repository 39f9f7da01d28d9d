/* The daemon's end of a worker: starts it, calls it, and outlives whatever it does.
 *
 * An object of one thread, whose thread-default main context it turns while it waits. */
#pragma once

#include <gio/gio.h>
#include <gio/gunixfdlist.h>

#include "vmp-identity.h"
#include "vmp-places.h"

G_BEGIN_DECLS

#define VMP_TYPE_WORKER_HOST (vmp_worker_host_get_type ())
G_DECLARE_FINAL_TYPE (VmpWorkerHost, vmp_worker_host, VMP, WORKER_HOST, GObject)

/* At most so many descriptors go with one message. */
#define VMP_WORKER_MAX_FDS 200

typedef void (*VmpWorkerProgress) (guint64 done, const char *phase, const char *file,
                                   gpointer user_data);

/* How workers are started and watched. Outlives them. */
typedef struct
{
  const char *program;
  const char *socket; /* where somebody else starts them for whoever connects; NULL: the daemon does */
  guint timeout_seconds;
  const char *service_user; /* of the inspector; NULL: whoever the daemon is (a session bus) */
} VmpWorkerConfig;

VmpWorkerHost *vmp_worker_host_start (const VmpWorkerConfig *config, VmpIdentity *identity,
                                      VmpPlaces *places, GCancellable *cancellable,
                                      GError **error);
VmpWorkerHost *vmp_worker_host_start_another (VmpWorkerHost *self, VmpPlaces *places,
                                              GError **error);
void vmp_worker_host_set_patience (VmpWorkerHost *self, guint seconds);
void vmp_worker_host_set_progress (VmpWorkerHost *self, VmpWorkerProgress progress,
                                   gpointer user_data);
GVariant *vmp_worker_host_call (VmpWorkerHost *self, const char *method, GVariant *parameters,
                                const char *reply_type, GUnixFDList *fds, GUnixFDList **fds_out,
                                GError **error);
gboolean vmp_worker_host_check_reading (GVariant *reading, GError **error);
GDBusConnection *vmp_worker_host_get_connection (VmpWorkerHost *self);
gboolean vmp_worker_host_is_gone (VmpWorkerHost *self);
void vmp_worker_host_stop (VmpWorkerHost *self);

G_END_DECLS
