/* The inventory that all drivers share: by id, and by names that several machines may bear. */
#include "config.h"

#include "vmp-inventory.h"

#include <string.h>

#define FIRST "00000000-0000-4000-8000-000000000001"
#define SECOND "00000000-0000-4000-8000-000000000002"

static VmpMachine *
make (const char *uuid, const char *name)
{
  g_autofree char *xml = g_strdup_printf ("<domain type='qemu'><name>%s</name><uuid>%s</uuid>"
                                          "<memory>1024</memory><os><type arch='x86_64'>hvm</type>"
                                          "</os></domain>",
                                          name, uuid);
  g_autoptr (GError) error = NULL;
  g_autoptr (VmpDomain) domain = vmp_domain_new_from_xml (xml, strlen (xml), NULL, &error);

  g_assert_no_error (error);
  return vmp_machine_new (uuid, name, "off", "", domain, NULL, NULL);
}

static void
put (VmpInventory *inventory, const char *uuid, const char *name)
{
  g_autoptr (VmpMachine) machine = make (uuid, name);

  vmp_inventory_put (inventory, machine);
}

static void
assert_named (VmpInventory *inventory, const char *name, guint n)
{
  g_autoptr (GPtrArray) named = vmp_inventory_list_named (inventory, name);

  g_assert_cmpuint (named->len, ==, n);
  g_assert_cmpint (vmp_inventory_has_name (inventory, name), ==, n > 0);
  for (guint i = 0; i < n; i++)
    g_assert_cmpstr (vmp_machine_get_name (g_ptr_array_index (named, i)), ==, name);
}

/* Whichever of two goes first, the other one is still found. */
static void
test_names (gconstpointer data)
{
  const char *leaves = data;
  const char *stays = g_str_equal (leaves, FIRST) ? SECOND : FIRST;
  VmpInventory *inventory = vmp_inventory_new ();

  put (inventory, FIRST, "web");
  put (inventory, SECOND, "web");
  assert_named (inventory, "web", 2);
  vmp_inventory_drop (inventory, leaves);
  assert_named (inventory, "web", 1);
  g_assert_null (vmp_inventory_peek (inventory, leaves));
  g_assert_nonnull (vmp_inventory_peek (inventory, stays));
  vmp_inventory_drop (inventory, stays);
  assert_named (inventory, "web", 0);
  vmp_inventory_free (inventory);
}

static void
test_rename (void)
{
  VmpInventory *inventory = vmp_inventory_new ();
  g_autoptr (GPtrArray) all = NULL;

  put (inventory, FIRST, "web");
  put (inventory, SECOND, "mail");
  put (inventory, FIRST, "mail");
  assert_named (inventory, "web", 0);
  assert_named (inventory, "mail", 2);
  put (inventory, FIRST, "mail");
  assert_named (inventory, "mail", 2);
  all = vmp_inventory_list (inventory);
  g_assert_cmpuint (all->len, ==, 2);
  vmp_inventory_drop (inventory, "no such id");
  vmp_inventory_free (inventory);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_data_func ("/inventory/names/first", FIRST, test_names);
  g_test_add_data_func ("/inventory/names/second", SECOND, test_names);
  g_test_add_func ("/inventory/rename", test_rename);
  return g_test_run ();
}
