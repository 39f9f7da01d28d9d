/* Names in an authorization store: each stands once in its place, and those of vmport's own
 * application mean what they say. */
#include "config.h"

#include <glib/gi18n-lib.h>
#include <string.h>

#include "vmp-azman-private.h"
#include "vmp-name.h"

/* The ids are in stores; they never change. */
static const VmpAzmanKnown known[] = {
  { 1, "view", TRUE, "18e54707-ba6d-55e2-91bd-a37810681e8c" },
  { 2, "export", TRUE, "ec99363f-2458-5a39-9754-4848cbe78a15" },
  { 3, "import", TRUE, "8a29d68e-1488-5e28-a9b4-d95759e8695b" },
  { 4, "import-in-place", TRUE, "2973f5e5-754a-566f-bc58-dbb36f5a3f9d" },
  { 5, "import-unsafe", TRUE, "c7c8a33b-9a64-55d0-babe-210723a49113" },
  { 6, "set-scope", TRUE, "c09d8df9-f883-5e2b-be6f-96ceac54dd46" },
  { 7, "delete", TRUE, "2d3fec84-3674-53c9-b8fa-0afe1ffddd70" },
  { 8, "manage-jobs", FALSE, "1e78ae2e-1799-5145-9bae-36b202ec4a4f" },
};

const VmpAzmanKnown *
vmp_azman_get_known (gsize *n)
{
  *n = G_N_ELEMENTS (known);
  return known;
}

const VmpAzmanKnown *
vmp_azman_find_known (const char *name)
{
  for (gsize i = 0; i < G_N_ELEMENTS (known); i++)
    if (strcmp (known[i].name, name) == 0)
      return &known[i];
  return NULL;
}

/* The set of that one, or the empty set. */
guint64
vmp_azman_find_operation (const VmpAzman *self, const char *name)
{
  for (guint i = 0; i < self->operations->len; i++)
    if (strcmp (((VmpAzmanOperation *) self->operations->pdata[i])->name, name) == 0)
      return G_GUINT64_CONSTANT (1) << i;
  return 0;
}

/* The empty name is the application's own. */
VmpAzmanScope *
vmp_azman_find_scope (const VmpAzman *self, const char *name)
{
  if (name[0] == '\0')
    return self->root;
  for (guint i = 0; i < self->scopes->len; i++)
    if (strcmp (((VmpAzmanScope *) self->scopes->pdata[i])->name, name) == 0)
      return self->scopes->pdata[i];
  return NULL;
}

static VmpAzmanTask *
find_own_role (VmpAzmanScope *scope, const char *name)
{
  for (guint i = 0; i < scope->tasks->len; i++)
    {
      VmpAzmanTask *task = scope->tasks->pdata[i];

      if (task->is_role && strcmp (task->name, name) == 0)
        return task;
    }
  return NULL;
}

/* The role definition of that name which @scope sees: its own before the application's. */
VmpAzmanTask *
vmp_azman_find_role (const VmpAzman *self, VmpAzmanScope *scope, const char *name)
{
  VmpAzmanTask *task = find_own_role (scope, name);

  return task != NULL ? task : find_own_role (self->root, name);
}

static gint
compare_strings (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char *const *) a, *(const char *const *) b);
}

/* Sorted by bytes. */
GStrv
vmp_azman_list_scopes (const VmpAzman *self)
{
  g_autoptr (GPtrArray) names = g_ptr_array_new ();

  for (guint i = 0; i < self->scopes->len; i++)
    g_ptr_array_add (names, g_strdup (((VmpAzmanScope *) self->scopes->pdata[i])->name));
  g_ptr_array_sort (names, compare_strings);
  g_ptr_array_add (names, NULL);
  return (GStrv) g_ptr_array_free (g_steal_pointer (&names), FALSE);
}

/* Whatever is in these lists begins with its GUID and its name. */
typedef struct
{
  char *guid;
  char *name;
} Named;

G_STATIC_ASSERT (G_STRUCT_OFFSET (VmpAzmanOperation, name) == G_STRUCT_OFFSET (Named, name));
G_STATIC_ASSERT (G_STRUCT_OFFSET (VmpAzmanGroup, name) == G_STRUCT_OFFSET (Named, name));
G_STATIC_ASSERT (G_STRUCT_OFFSET (VmpAzmanTask, name) == G_STRUCT_OFFSET (Named, name));
G_STATIC_ASSERT (G_STRUCT_OFFSET (VmpAzmanRole, name) == G_STRUCT_OFFSET (Named, name));
G_STATIC_ASSERT (G_STRUCT_OFFSET (VmpAzmanScope, name) == G_STRUCT_OFFSET (Named, name));

static gboolean
check_unique (VmpAzmanReading *self, const char *element, GPtrArray *list, GError **error)
{
  g_autoptr (GHashTable) seen = g_hash_table_new (g_str_hash, g_str_equal);

  for (guint i = 0; i < list->len; i++)
    {
      Named *one = list->pdata[i];

      if (!g_hash_table_add (seen, one->name))
        return vmp_azman_error (self, 0, element, one->name, error,
                                _ ("there is another of that name in the same place"));
    }
  return TRUE;
}

static gboolean
check_scope (VmpAzmanReading *self, VmpAzmanScope *scope, GError **error)
{
  return check_unique (self, "AzTask", scope->tasks, error)
         && check_unique (self, "AzRole", scope->roles, error)
         && check_unique (self, "AzApplicationGroup", scope->groups, error);
}

/* An operation that says one thing and does another would grant what nobody meant. */
static gboolean
check_operation (VmpAzmanReading *self, VmpAzmanOperation *operation, GError **error)
{
  const VmpAzmanKnown *by_name = vmp_azman_find_known (operation->name);

  for (gsize i = 0; i < G_N_ELEMENTS (known); i++)
    if (known[i].id == operation->id && by_name != &known[i])
      return vmp_azman_error (self, 0, "AzOperation", operation->name, error,
                              _ ("its OperationID %u is that of “%s”"), operation->id,
                              known[i].name);
  if (by_name != NULL && by_name->id != operation->id)
    return vmp_azman_error (self, 0, "AzOperation", operation->name, error,
                            _ ("its OperationID is %u, and has to be %u"), operation->id,
                            by_name->id);
  if (by_name == NULL)
    vmp_azman_note (self->store,
                    _ ("AzOperation “%s” is none that vmport knows, so it grants nothing"),
                    operation->name);
  return TRUE;
}

static void
note_unscoped (VmpAzman *store, const VmpAzmanScope *scope)
{
  guint64 jobs = vmp_azman_find_operation (store, "manage-jobs");

  for (guint i = 0; i < scope->roles->len; i++)
    {
      const VmpAzmanRole *role = scope->roles->pdata[i];

      if ((role->operations & jobs) != 0)
        vmp_azman_note (store,
                        _ ("AzRole “%s”: “manage-jobs” grants nothing in the scope “%s”, for jobs "
                           "are in none; give the role to the application"),
                        role->name, scope->name);
    }
}

static gboolean
check_own (VmpAzmanReading *self, GError **error)
{
  for (guint i = 0; i < self->store->operations->len; i++)
    if (!check_operation (self, self->store->operations->pdata[i], error))
      return FALSE;
  for (guint i = 0; i < self->store->scopes->len; i++)
    {
      VmpAzmanScope *scope = self->store->scopes->pdata[i];

      note_unscoped (self->store, scope);
      if (!vmp_name_is_scope (scope->name))
        return vmp_azman_error (self, 0, "AzScope", scope->name, error,
                                _ ("that is no name of a security scope: 1 to %d bytes, no control "
                                   "characters, no space at its ends"),
                                VMP_SCOPE_MAX_BYTES);
    }
  return TRUE;
}

gboolean
vmp_azman_check_names (VmpAzmanReading *self, GError **error)
{
  VmpAzman *store = self->store;

  if (!check_unique (self, "AzOperation", store->operations, error)
      || !check_unique (self, "AzScope", store->scopes, error)
      || !check_unique (self, "AzApplicationGroup", store->shared_groups, error)
      || !check_scope (self, store->root, error))
    return FALSE;
  for (guint i = 0; i < store->scopes->len; i++)
    if (!check_scope (self, store->scopes->pdata[i], error))
      return FALSE;
  return strcmp (store->name, VMP_AZMAN_APPLICATION) != 0 || check_own (self, error);
}
