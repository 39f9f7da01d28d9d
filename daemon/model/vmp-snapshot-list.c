/* The snapshots of one machine: a tree, as a list in which parents come first. */
#include "config.h"

#include <glib/gi18n-lib.h>
#include <string.h>

#include "vmp-error.h"
#include "vmp-snapshot.h"

static GPtrArray *
list_new (void)
{
  return g_ptr_array_new_with_free_func (g_object_unref);
}

/* Each name to its snapshot; neither is owned. */
static GHashTable *
index_names (GPtrArray *snapshots, GError **error)
{
  g_autoptr (GHashTable) names = g_hash_table_new (g_str_hash, g_str_equal);
  const char *current = NULL;

  for (guint i = 0; i < snapshots->len; i++)
    {
      VmpSnapshot *snapshot = g_ptr_array_index (snapshots, i);
      const char *name = vmp_snapshot_get_name (snapshot);

      if (!g_hash_table_insert (names, (gpointer) name, snapshot))
        {
          vmp_error_set (error, VMPORT_ERROR_CORRUPT, _ ("Two snapshots have the name “%s”"), name);
          return NULL;
        }
      if (!vmp_snapshot_is_current (snapshot))
        continue;
      if (current != NULL)
        {
          vmp_error_set (error, VMPORT_ERROR_CORRUPT,
                         _ ("Both snapshots “%s” and “%s” are the current one"), current, name);
          return NULL;
        }
      current = name;
    }
  return g_steal_pointer (&names);
}

/* Each snapshot to its children (GPtrArray), and NULL to the roots. */
static GHashTable *
index_children (GPtrArray *snapshots, GHashTable *names, GError **error)
{
  g_autoptr (GHashTable) children
      = g_hash_table_new_full (NULL, NULL, NULL, (GDestroyNotify) g_ptr_array_unref);

  for (guint i = 0; i < snapshots->len; i++)
    {
      VmpSnapshot *snapshot = g_ptr_array_index (snapshots, i);
      const char *name = vmp_snapshot_get_parent (snapshot);
      VmpSnapshot *parent = name != NULL ? g_hash_table_lookup (names, name) : NULL;
      GPtrArray *siblings;

      if (name != NULL && parent == NULL)
        {
          vmp_error_set (error, VMPORT_ERROR_CORRUPT,
                         _ ("The snapshot “%s” has the parent “%s”, which is not there"),
                         vmp_snapshot_get_name (snapshot), name);
          return NULL;
        }
      siblings = g_hash_table_lookup (children, parent);
      if (siblings == NULL)
        {
          siblings = g_ptr_array_new ();
          g_hash_table_insert (children, parent, siblings);
        }
      g_ptr_array_add (siblings, snapshot);
    }
  return g_steal_pointer (&children);
}

static void
append_children (GPtrArray *sorted, GHashTable *children, VmpSnapshot *parent)
{
  GPtrArray *list = g_hash_table_lookup (children, parent);

  for (guint i = 0; list != NULL && i < list->len; i++)
    g_ptr_array_add (sorted, g_object_ref (g_ptr_array_index (list, i)));
}

/* A list of the same snapshots, parents first, and siblings in the order that they had. Corrupt
 * where they are no trees: two have one name, a parent is missing, or two are its own ancestors; or
 * where more than one is current, or there are too many. */
GPtrArray *
vmp_snapshot_list_sort (GPtrArray *snapshots, GError **error)
{
  g_autoptr (GPtrArray) sorted = list_new ();
  g_autoptr (GHashTable) names = NULL;
  g_autoptr (GHashTable) children = NULL;

  if (snapshots->len > VMP_SNAPSHOTS_MAX)
    {
      vmp_error_set (error, VMPORT_ERROR_CORRUPT,
                     _ ("The machine has %u snapshots; at most %d are read"), snapshots->len,
                     VMP_SNAPSHOTS_MAX);
      return NULL;
    }
  names = index_names (snapshots, error);
  children = names != NULL ? index_children (snapshots, names, error) : NULL;
  if (children == NULL)
    return NULL;
  append_children (sorted, children, NULL);
  for (guint i = 0; i < sorted->len; i++)
    append_children (sorted, children, g_ptr_array_index (sorted, i));
  /* What no root leads to are ancestors of themselves, and what descends from such. */
  for (guint i = 0; sorted->len < snapshots->len && i < snapshots->len; i++)
    if (!g_ptr_array_find (sorted, g_ptr_array_index (snapshots, i), NULL))
      {
        vmp_error_set (error, VMPORT_ERROR_CORRUPT,
                       _ ("The snapshot “%s” is among its own ancestors, or descends from one "
                          "that is"),
                       vmp_snapshot_get_name (g_ptr_array_index (snapshots, i)));
        return NULL;
      }
  return g_steal_pointer (&sorted);
}

VmpSnapshot *
vmp_snapshot_list_find (GPtrArray *snapshots, const char *name)
{
  for (guint i = 0; i < snapshots->len; i++)
    if (strcmp (vmp_snapshot_get_name (g_ptr_array_index (snapshots, i)), name) == 0)
      return g_ptr_array_index (snapshots, i);
  return NULL;
}

gboolean
vmp_snapshot_list_equal (GPtrArray *a, GPtrArray *b)
{
  if (a->len != b->len)
    return FALSE;
  for (guint i = 0; i < a->len; i++)
    if (!vmp_snapshot_equal (g_ptr_array_index (a, i), g_ptr_array_index (b, i)))
      return FALSE;
  return TRUE;
}
