/* vmportctl snapshots: the snapshots of one virtual machine, as the tree that they are. */
#include "config.h"

#include <glib/gi18n-lib.h>

#include "vmp-ctl-text.h"
#include "vmp-ctl.h"

static char *
format_time (guint64 usec)
{
  g_autoptr (GDateTime) time = NULL;

  if (usec / G_USEC_PER_SEC <= G_MAXINT64)
    time = g_date_time_new_from_unix_local ((gint64) (usec / G_USEC_PER_SEC));
  return time != NULL ? g_date_time_format (time, "%F %T") : g_strdup ("-");
}

static char **
make_row (VmportSnapshot *snapshot, guint depth)
{
  g_autofree char *name = vmp_ctl_text_clean (vmport_snapshot_get_name (snapshot));
  char **cells = g_new0 (char *, 6);

  cells[0] = g_strdup_printf ("%*s%s", (int) (2 * depth), "", name);
  cells[1] = format_time (vmport_snapshot_get_creation_time (snapshot));
  cells[2] = vmp_ctl_text_clean (vmport_snapshot_get_state (snapshot));
  cells[3] = vmp_ctl_text_clean (vmport_snapshot_get_storage (snapshot));
  cells[4] = g_strdup (vmport_snapshot_get_current (snapshot) ? "*" : "");
  return cells;
}

typedef struct
{
  GPtrArray *snapshots;
  GHashTable *seen; /* of VmportSnapshot: the daemon's word that it is a tree is not needed */
  GPtrArray *rows;
} Tree;

static void
add_children (Tree *tree, const char *parent, guint depth)
{
  for (guint i = 0; i < tree->snapshots->len; i++)
    {
      VmportSnapshot *snapshot = tree->snapshots->pdata[i];

      if (g_strcmp0 (vmport_snapshot_get_parent_path (snapshot), parent) != 0
          || !g_hash_table_add (tree->seen, snapshot))
        continue;
      g_ptr_array_add (tree->rows, make_row (snapshot, depth));
      add_children (tree, vmport_snapshot_get_object_path (snapshot), depth + 1);
    }
}

static void
print_tree (GPtrArray *snapshots)
{
  const char *heads[]
    = { _ ("NAME"), _ ("CREATED"), _ ("STATE"), _ ("STORAGE"), _ ("CURRENT"), NULL };
  g_autoptr (GHashTable) seen = g_hash_table_new (NULL, NULL);
  g_autoptr (GPtrArray) rows = g_ptr_array_new_with_free_func ((GDestroyNotify) g_strfreev);
  Tree tree = { snapshots, seen, rows };

  add_children (&tree, NULL, 0);
  /* Of a parent that was gone when its turn came. */
  for (guint i = 0; i < snapshots->len; i++)
    if (g_hash_table_add (seen, snapshots->pdata[i]))
      g_ptr_array_add (rows, make_row (snapshots->pdata[i], 0));
  vmp_ctl_text_print_table (heads, rows);
}

static void
print_json (GPtrArray *snapshots)
{
  g_auto (GVariantBuilder) builder = G_VARIANT_BUILDER_INIT (G_VARIANT_TYPE ("aa{sv}"));

  for (guint i = 0; i < snapshots->len; i++)
    {
      g_autoptr (GVariant) properties = vmport_snapshot_to_variant (snapshots->pdata[i]);
      g_auto (GVariantDict) dict = G_VARIANT_DICT_INIT (properties);

      g_variant_dict_insert (&dict, "ObjectPath", "o",
                             vmport_snapshot_get_object_path (snapshots->pdata[i]));
      g_variant_builder_add_value (&builder, g_variant_dict_end (&dict));
    }
  vmp_ctl_text_print_json (g_variant_builder_end (&builder));
}

VmpCtlStatus
vmp_ctl_snapshots (VmpCtl *ctl, int argc, char **argv)
{
  const GOptionEntry entries[] = { { NULL } };
  g_autoptr (VmportVirtualMachine) machine = NULL;
  g_autoptr (GPtrArray) snapshots = NULL;
  g_autoptr (GError) error = NULL;
  VmpCtlStatus status = vmp_ctl_parse (
    ctl, &argc, &argv, _ ("VM"), _ ("Lists the snapshots of a virtual machine, by its name or UUID."),
    entries, 1, 1);

  if (status != VMP_CTL_OK)
    return status;
  machine = vmp_ctl_find (ctl, argv[1], &error);
  if (machine == NULL)
    return vmp_ctl_fail (error);
  snapshots = vmport_virtual_machine_list_snapshots_sync (machine, NULL, &error);
  if (snapshots == NULL)
    return vmp_ctl_fail (error);
  if (ctl->json)
    print_json (snapshots);
  else
    print_tree (snapshots);
  return VMP_CTL_OK;
}
