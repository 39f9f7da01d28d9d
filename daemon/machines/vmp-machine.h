/* One virtual machine as a manager knows it: an immutable reading, replaced when something changes. */
#pragma once

#include <gio/gio.h>

#include "vmp-domain.h"
#include "vmp-package.h"
#include "vmp-snapshot.h"

G_BEGIN_DECLS

typedef struct _VmpMachine VmpMachine;

/* A file of the machine that its configuration does not name: the saved state, and the TPM's. */
typedef struct
{
  VmpRole role;
  char *name; /* beneath `Virtual Machines/<uuid>/` of a package: "state.save", "tpm/…" */
  char *path; /* absolute: where it lies */
} VmpMachineFile;

VmpMachineFile *vmp_machine_file_new (VmpRole role, const char *name, const char *path);
void vmp_machine_file_free (VmpMachineFile *file);

VmpMachine *vmp_machine_new (const char *uuid, const char *name, const char *state,
                             const char *scope, VmpDomain *domain, GPtrArray *files,
                             GPtrArray *snapshots);
VmpMachine *vmp_machine_new_flawed (const char *uuid, const char *name, const char *state,
                                    VmpDomain *domain, const GError *flaw);
VmpMachine *vmp_machine_new_with_flaw (VmpMachine *machine, const GError *flaw);
VmpMachine *vmp_machine_new_with_checkpoints (VmpMachine *machine);
VmpMachine *vmp_machine_new_in_scope (VmpMachine *machine, const char *scope);
/* Of a reading that nobody has yet: what its configuration says beyond what the domain does, each a
 * translated sentence. Taken; NULL for nothing. */
void vmp_machine_take_lost (VmpMachine *self, GPtrArray *lost);
VmpMachine *vmp_machine_ref (VmpMachine *self);
void vmp_machine_unref (VmpMachine *self);

const char *vmp_machine_get_uuid (VmpMachine *self);
const char *vmp_machine_get_name (VmpMachine *self);
const char *vmp_machine_get_state (VmpMachine *self);
const char *vmp_machine_get_scope (VmpMachine *self);
/* TRUE, or why the machine could not be taken in as a whole: then the domain may have nothing but the
 * name, and the snapshots are missing. */
gboolean vmp_machine_check_flaw (VmpMachine *self, GError **error);
gboolean vmp_machine_equal (VmpMachine *a, VmpMachine *b);
const char **vmp_machine_list_changes (VmpMachine *before, VmpMachine *now);
gboolean vmp_machine_has_details_of (VmpMachine *self, VmpMachine *authorized);
/* Not to be changed: copy it first. */
VmpDomain *vmp_machine_get_domain (VmpMachine *self);
/* Of VmpMachineFile; never NULL. */
GPtrArray *vmp_machine_get_files (VmpMachine *self);
/* Of VmpSnapshot, parents first; never NULL. Not to be changed either. */
GPtrArray *vmp_machine_get_snapshots (VmpMachine *self);
gboolean vmp_machine_has_checkpoints (VmpMachine *self);
GPtrArray *vmp_machine_list_storage (VmpMachine *self);

/* Of char *; never NULL. */
GPtrArray *vmp_machine_get_lost (VmpMachine *self);

/* Disk devices only, no CD-ROM and no floppy: the positions of interface.md. */
GStrv vmp_machine_get_resource_paths (VmpMachine *self);
GStrv vmp_machine_get_network_connections (VmpMachine *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (VmpMachineFile, vmp_machine_file_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (VmpMachine, vmp_machine_unref)

G_END_DECLS
