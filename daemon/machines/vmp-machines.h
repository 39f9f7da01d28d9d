/* A place that holds virtual machines: the interface that each driver implements.
 *
 * The inventory (list, lookup, reserve, add, remove) belongs to the main thread. The members that
 * touch files block; they are called from a job's thread and change nothing of the inventory.
 * Drivers need not know of security scopes: those are recorded, and laid over what a driver reads. */
#pragma once

#include <gio/gio.h>

#include "vmp-at.h"
#include "vmp-domain.h"
#include "vmp-inventory.h"
#include "vmp-machine.h"
#include "vmp-scopes.h"

G_BEGIN_DECLS

/* Where an import puts a machine while it is being made. Opaque to its user. */
typedef struct _VmpPlace VmpPlace;

/* The holder of a machine that a call has, such as Delete, and no job. */
#define VMP_MACHINES_NO_JOB G_MAXUINT

#define VMP_TYPE_MACHINES (vmp_machines_get_type ())
G_DECLARE_INTERFACE (VmpMachines, vmp_machines, VMP, MACHINES, GObject)

struct _VmpMachinesInterface
{
  GTypeInterface parent_iface;

  const char *(*get_driver) (VmpMachines *self);
  const char *(*get_uri) (VmpMachines *self);
  const char *(*get_version) (VmpMachines *self);
  gboolean (*is_available) (VmpMachines *self);
  const char *const *(*get_features) (VmpMachines *self);
  GStrv (*list_networks) (VmpMachines *self);
  GStrv (*list_roots) (VmpMachines *self);

  VmpInventory *(*get_inventory) (VmpMachines *self);
  gboolean (*load) (VmpMachines *self, const char *uuid, GError **error);
  gboolean (*has_remains) (VmpMachines *self, const char *uuid);
  void (*held) (VmpMachines *self, const char *uuid, gboolean held); /* may be NULL */

  VmpMachine *(*reread) (VmpMachines *self, const char *uuid, GError **error); /* may be NULL */
  gboolean (*confirm) (VmpMachines *self, VmpMachine *machine, GError **error); /* may be NULL */
  gboolean (*examine) (VmpMachines *self, VmpDomain *domain, GPtrArray *findings,
                       GError **error); /* may be NULL */
  gboolean (*note_scope) (VmpMachines *self, const char *uuid, const char *scope,
                          GError **error); /* may be NULL */
  int (*open_file) (VmpMachines *self, const char *path, GError **error);
  gboolean (*check_target) (VmpMachines *self, const char *folder,
                            GError **error); /* may be NULL */
  gboolean (*owns_path) (VmpMachines *self, const char *path);
  gboolean (*remove) (VmpMachines *self, VmpMachine *machine, gboolean delete_storage,
                      GPtrArray *spared, GError **error);

  VmpPlace *(*begin) (VmpMachines *self, const char *token, const char *uuid, const char *name,
                      GError **error);
  int (*create_file) (VmpMachines *self, VmpPlace *place, const char *member, char **final_path,
                      GError **error);
  int (*reopen_file) (VmpMachines *self, VmpPlace *place, const char *member, GError **error);
  gboolean (*write_configuration) (VmpMachines *self, VmpPlace *place, VmpDomain *domain,
                                   GError **error);
  gboolean (*set_state_path) (VmpMachines *self, VmpPlace *place, const char *path,
                              GError **error);
  gboolean (*add_snapshot) (VmpMachines *self, VmpPlace *place, VmpSnapshot *snapshot,
                            GError **error); /* may be NULL: none are kept */
  /* May be NULL; where it is not, set_state_path is never called. */
  const char *const *(*get_state_formats) (VmpMachines *self);
  gboolean (*sync) (VmpMachines *self, VmpPlace *place, GError **error);
  GVariant *(*describe) (VmpMachines *self, VmpPlace *place);
  gboolean (*define) (VmpMachines *self, VmpPlace *place, GError **error);
  void (*end) (VmpMachines *self, VmpPlace *place);
  gboolean (*undo) (VmpMachines *self, GVariant *description, GError **error);
};

void vmp_machines_hand_on (VmpMachines *self, VmpMachines *driver);
const char *vmp_machines_get_id (VmpMachines *self);
void vmp_machines_set_id (VmpMachines *self, const char *id);
void vmp_machines_set_peers (VmpMachines *self, GPtrArray *managers);
GPtrArray *vmp_machines_get_peers (VmpMachines *self);
VmpScopes *vmp_machines_get_scopes (VmpMachines *self);
void vmp_machines_set_scopes (VmpMachines *self, VmpScopes *scopes);
const char *vmp_machines_get_driver (VmpMachines *self);
const char *vmp_machines_get_uri (VmpMachines *self);
const char *vmp_machines_get_version (VmpMachines *self);
gboolean vmp_machines_is_available (VmpMachines *self);
const char *const *vmp_machines_get_features (VmpMachines *self);
GStrv vmp_machines_list_networks (VmpMachines *self);
GStrv vmp_machines_list_roots (VmpMachines *self);

GPtrArray *vmp_machines_list (VmpMachines *self);
VmpMachine *vmp_machines_lookup (VmpMachines *self, const char *uuid);
GPtrArray *vmp_machines_find (VmpMachines *self, const char *name_or_uuid);
gboolean vmp_machines_reserve (VmpMachines *self, const char *uuid, const char *name,
                               const char *const *macs, guint job, GError **error);
gboolean vmp_machines_is_file_claimed (VmpMachines *self, const VmpFileId *id);
gboolean vmp_machines_claim_file (VmpMachines *self, const VmpFileId *id, guint job);
void vmp_machines_release (VmpMachines *self, guint job);
gboolean vmp_machines_is_uuid_taken (VmpMachines *self, const char *uuid);
gboolean vmp_machines_is_name_taken (VmpMachines *self, const char *name);
gboolean vmp_machines_is_mac_taken (VmpMachines *self, const char *mac);
gboolean vmp_machines_load (VmpMachines *self, const char *uuid, GError **error);
void vmp_machines_forget (VmpMachines *self, const char *uuid);
gboolean vmp_machines_hold (VmpMachines *self, const char *uuid, guint job);
void vmp_machines_let_go (VmpMachines *self, const char *uuid);
guint vmp_machines_get_holder (VmpMachines *self, const char *uuid);
void vmp_machines_emit_added (VmpMachines *self, const char *uuid);
void vmp_machines_emit_removed (VmpMachines *self, const char *uuid);
void vmp_machines_emit_changed (VmpMachines *self, const char *uuid,
                                const char *const *properties);
void vmp_machines_emit_available (VmpMachines *self);
gboolean vmp_machines_is_reserved (VmpMachines *self, const char *uuid);
gboolean vmp_machines_check_available (VmpMachines *self, GError **error);

VmpMachine *vmp_machines_reread (VmpMachines *self, VmpMachine *machine, GError **error);
gboolean vmp_machines_confirm (VmpMachines *self, VmpMachine *machine, GError **error);
gboolean vmp_machines_note_scope (VmpMachines *self, const char *uuid, const char *scope,
                                  GError **error);
gboolean vmp_machines_examine (VmpMachines *self, VmpDomain *domain, GPtrArray *findings,
                               GError **error);

int vmp_machines_open_file (VmpMachines *self, const char *path, GError **error);
gboolean vmp_machines_check_target (VmpMachines *self, const char *folder, GError **error);
gboolean vmp_machines_owns_path (VmpMachines *self, const char *path);
gboolean vmp_machines_remove (VmpMachines *self, VmpMachine *machine, gboolean delete_storage,
                              GPtrArray *spared, GError **error);
VmpPlace *vmp_machines_begin (VmpMachines *self, const char *token, const char *uuid,
                              const char *name, GError **error);
int vmp_machines_create_file (VmpMachines *self, VmpPlace *place, const char *member,
                              char **final_path, GError **error);
int vmp_machines_reopen_file (VmpMachines *self, VmpPlace *place, const char *member,
                              GError **error);
gboolean vmp_machines_write_configuration (VmpMachines *self, VmpPlace *place, VmpDomain *domain,
                                           GError **error);
gboolean vmp_machines_set_state_path (VmpMachines *self, VmpPlace *place, const char *path,
                                      GError **error);
gboolean vmp_machines_add_snapshot (VmpMachines *self, VmpPlace *place, VmpSnapshot *snapshot,
                                    GError **error);
const char *const *vmp_machines_get_state_formats (VmpMachines *self);
gboolean vmp_machines_sync (VmpMachines *self, VmpPlace *place, GError **error);
GVariant *vmp_machines_describe (VmpMachines *self, VmpPlace *place);
gboolean vmp_machines_define (VmpMachines *self, VmpPlace *place, GError **error);
void vmp_machines_end (VmpMachines *self, VmpPlace *place);
gboolean vmp_machines_undo (VmpMachines *self, GVariant *description, GError **error);

G_END_DECLS
