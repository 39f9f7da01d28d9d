/* The machines that a driver knows, by id and by name. */
#pragma once

#include "vmp-machine.h"

G_BEGIN_DECLS

typedef struct _VmpInventory VmpInventory;

VmpInventory *vmp_inventory_new (void);
void vmp_inventory_free (VmpInventory *self);
void vmp_inventory_put (VmpInventory *self, VmpMachine *machine);
void vmp_inventory_drop (VmpInventory *self, const char *uuid);
VmpMachine *vmp_inventory_peek (VmpInventory *self, const char *uuid);
GPtrArray *vmp_inventory_list (VmpInventory *self);
GPtrArray *vmp_inventory_list_named (VmpInventory *self, const char *name);
gboolean vmp_inventory_has_name (VmpInventory *self, const char *name);

G_END_DECLS
