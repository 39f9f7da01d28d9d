/* The daemon's objects on the bus, and what their requests need. */
#pragma once

#include <gio/gio.h>

#include "vmp-authority.h"
#include "vmp-caller.h"
#include "vmp-jobs.h"
#include "vmp-machines.h"

G_BEGIN_DECLS

typedef struct _VmpRequest VmpRequest;

#define VMP_TYPE_BUS (vmp_bus_get_type ())
G_DECLARE_FINAL_TYPE (VmpBus, vmp_bus, VMP, BUS, GObject)

VmpBus *vmp_bus_new (GDBusConnection *connection, VmpJobs *jobs, GPtrArray *managers,
                     gboolean session, GError **error);

void vmp_bus_tell_interruptions (VmpBus *self);

VmpAuthority *vmp_bus_get_authority (VmpBus *self);
VmpCallers *vmp_bus_get_callers (VmpBus *self);
VmpJobs *vmp_bus_get_jobs (VmpBus *self);
GPtrArray *vmp_bus_get_managers (VmpBus *self);

/* Fills in what the object at @path is about. */
void vmp_bus_resolve (VmpBus *self, const char *path, VmpRequest *request);

char *vmp_bus_manager_path (VmpMachines *machines);
char *vmp_bus_machine_path (VmpMachines *machines, const char *uuid);
char *vmp_bus_snapshot_path (VmpMachines *machines, const char *uuid, const char *name);
char *vmp_bus_job_path (guint number);

/* Answers a Get or GetAll of @interface; @get gives a full reference for each property. */
typedef GVariant *(*VmpGetProperty) (VmpRequest *request, const char *property);
void vmp_bus_return_properties (VmpRequest *request, GDBusInterfaceInfo *interface,
                                VmpGetProperty get);

G_END_DECLS
