/* One call from the bus, on its one way: caller → arguments → authorisation → read again → done. */
#pragma once

#include <gio/gio.h>
#include <gio/gunixfdlist.h>

#include "vmp-bus.h"
#include "vmp-caller.h"
#include "vmp-folder.h"
#include "vmp-policy.h"
#include "vmp-settings.h"

G_BEGIN_DECLS

typedef struct _VmpRequest VmpRequest;

/* Checks all arguments and takes from them what authorisation needs. Looks at no machine. */
typedef gboolean (*VmpParse) (VmpRequest *request, GError **error);
/* Does what was asked, and answers: now or later. Takes @request. */
typedef void (*VmpServe) (VmpRequest *request);

typedef struct
{
  const char *interface;
  const char *member; /* or VMP_POLICY_PROPERTIES */
  VmpParse parse;     /* NULL: no arguments but options, and no option is known */
  VmpServe serve;
} VmpHandler;

struct _VmpRequest
{
  VmpBus *bus;
  GDBusMethodInvocation *invocation;
  VmpCaller *caller;
  const VmpPolicyRow *row;
  const VmpHandler *handler;

  /* What it is about. */
  VmpMachines *machines; /* of the object called, if it is one of a manager */
  char *uuid;            /* of the machine called, or named by the first argument */
  char *snapshot;        /* name of the snapshot called */
  gboolean own_object;   /* the machine is the object called, not an argument */
  VmpMachine *machine;   /* as it was when it was authorised */
  VmpJob *job;

  /* What its arguments say. */
  GVariant *options;
  VmpFolder *folder;
  VmpSettings *settings;
  VmpAction applicable; /* of the row's */
  const char *scope;    /* that they name: of an import, or to change to */
  const char *name;     /* that an import gives */

  /* Of authorisation. */
  GArray *pending; /* of Check, those that are left */
  gboolean counted;
};

void vmp_request_start (VmpBus *bus, GDBusMethodInvocation *invocation);

/* Each answers and takes @self. */
void vmp_request_return (VmpRequest *self, GVariant *reply);
void vmp_request_return_error (VmpRequest *self, GError *error);
void vmp_request_return_no_such_machine (VmpRequest *self);

GVariant *vmp_request_get_parameters (VmpRequest *self);
gboolean vmp_request_check_options (VmpRequest *self, GVariant *options, GError **error, ...)
    G_GNUC_NULL_TERMINATED;
gboolean vmp_request_take_directory (VmpRequest *self, const char *directory, GError **error);
gboolean vmp_request_take_machine (VmpRequest *self, const char *path, GError **error);

/* Which of the scopes the caller may do something in; a set of their names. */
typedef void (*VmpScopesFunc) (VmpRequest *request, GHashTable *granted);
void vmp_request_check_each_scope (VmpRequest *self, VmpAction actions, GPtrArray *scopes,
                                   VmpScopesFunc func);

extern const VmpHandler vmp_daemon_handlers[];
extern const VmpHandler vmp_manager_handlers[];
extern const VmpHandler vmp_machine_handlers[];
extern const VmpHandler vmp_snapshot_handlers[];
extern const VmpHandler vmp_job_handlers[];

G_END_DECLS
