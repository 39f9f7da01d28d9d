/* The machines that a driver knows, by id and by name: the main thread's, as all of the books are. */
#include "config.h"

#include "vmp-inventory.h"

#include <string.h>

struct _VmpInventory
{
  GHashTable *machines; /* uuid, the machine's own → VmpMachine */
  GHashTable *names;    /* name, the first one's own → GSList of machines, most often one */
};

static void
machine_unref (gpointer machine)
{
  vmp_machine_unref (machine);
}

VmpInventory *
vmp_inventory_new (void)
{
  VmpInventory *self = g_new0 (VmpInventory, 1);

  self->machines = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, machine_unref);
  self->names = g_hash_table_new (g_str_hash, g_str_equal);
  return self;
}

static void
free_list (gpointer name, gpointer named, gpointer data)
{
  g_slist_free (named);
}

void
vmp_inventory_free (VmpInventory *self)
{
  g_hash_table_foreach (self->names, free_list, NULL);
  g_hash_table_unref (self->names);
  g_hash_table_unref (self->machines);
  g_free (self);
}

/* The key of a list is in its first machine, so the table gets another one whenever that changes. */
static void
set_named (VmpInventory *self, const char *name, GSList *named)
{
  if (named != NULL)
    g_hash_table_replace (self->names, (gpointer) vmp_machine_get_name (named->data), named);
  else
    g_hash_table_remove (self->names, name);
}

/* Instead of what is known of that id, if anything is. */
void
vmp_inventory_put (VmpInventory *self, VmpMachine *machine)
{
  const char *name = vmp_machine_get_name (machine);

  vmp_inventory_drop (self, vmp_machine_get_uuid (machine));
  g_hash_table_insert (self->machines, (gpointer) vmp_machine_get_uuid (machine),
                       vmp_machine_ref (machine));
  set_named (self, name, g_slist_prepend (g_hash_table_lookup (self->names, name), machine));
}

void
vmp_inventory_drop (VmpInventory *self, const char *uuid)
{
  VmpMachine *machine = g_hash_table_lookup (self->machines, uuid);
  const char *name;

  if (machine == NULL)
    return;
  name = vmp_machine_get_name (machine);
  set_named (self, name, g_slist_remove (g_hash_table_lookup (self->names, name), machine));
  g_hash_table_remove (self->machines, vmp_machine_get_uuid (machine));
}

/* No reference; NULL where there is none. */
VmpMachine *
vmp_inventory_peek (VmpInventory *self, const char *uuid)
{
  return g_hash_table_lookup (self->machines, uuid);
}

/* All of them, each a reference. */
GPtrArray *
vmp_inventory_list (VmpInventory *self)
{
  GPtrArray *list = g_ptr_array_new_full (g_hash_table_size (self->machines), machine_unref);
  GHashTableIter iter;
  gpointer machine;

  g_hash_table_iter_init (&iter, self->machines);
  while (g_hash_table_iter_next (&iter, NULL, &machine))
    g_ptr_array_add (list, vmp_machine_ref (machine));
  return list;
}

/* Those called @name, each a reference. */
GPtrArray *
vmp_inventory_list_named (VmpInventory *self, const char *name)
{
  GPtrArray *list = g_ptr_array_new_with_free_func (machine_unref);

  for (GSList *named = g_hash_table_lookup (self->names, name); named != NULL; named = named->next)
    g_ptr_array_add (list, vmp_machine_ref (named->data));
  return list;
}

gboolean
vmp_inventory_has_name (VmpInventory *self, const char *name)
{
  return g_hash_table_contains (self->names, name);
}
