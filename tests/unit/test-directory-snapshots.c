/* The embedded store's snapshots: they come and go with their machine, and one that cannot be read is
 * a flaw of it. */
#include "config.h"

#include "store.h"

#define SNAPSHOTS UUID "/Snapshots/"

static VmpSnapshot *
make_snapshot (const char *uuid, const char *name, const char *parent, guint time,
               const char *overlay)
{
  g_autofree char *disk = g_strdup_printf (
      "<disk name='vda' snapshot='external'><driver type='qcow2'/><source file='%s'/></disk>",
      overlay != NULL ? overlay : "");
  g_autofree char *xml = g_markup_printf_escaped (
      "<domainsnapshot><name>%s</name><state>shutoff</state><parent><name>%s</name></parent>"
      "<creationTime>%u</creationTime><disks>@</disks><domain type='kvm'><name>web</name>"
      "<uuid>%s</uuid><os><type>hvm</type></os><devices><disk type='file'><driver type='qcow2'/>"
      "<source file='%s'/><backingStore/><target dev='vda'/></disk></devices></domain>"
      "</domainsnapshot>",
      name, parent != NULL ? parent : "none", time, uuid, "/srv/base.qcow2");
  g_autoptr (GString) text = g_string_new (xml);
  g_autoptr (GError) error = NULL;
  VmpSnapshot *snapshot;

  g_string_replace (text, "@", overlay != NULL ? disk : "", 0);
  snapshot = vmp_snapshot_new_from_xml (text->str, text->len, NULL, &error);
  g_assert_no_error (error);
  vmp_snapshot_set_parent (snapshot, parent);
  return snapshot;
}

static void
add (Store *store, VmpPlace *place, VmpSnapshot *snapshot)
{
  g_autoptr (VmpSnapshot) owned = snapshot;
  g_autoptr (GError) error = NULL;

  vmp_machines_add_snapshot (store->machines, place, owned, &error);
  g_assert_no_error (error);
}

/* Puts a snapshot's document beside a machine that is there. */
static void
put (Store *store, const char *file, VmpSnapshot *snapshot)
{
  g_autoptr (VmpSnapshot) owned = snapshot;
  g_autofree char *xml = vmp_snapshot_to_xml (owned);
  g_autofree char *path = g_strconcat (SNAPSHOTS, file, NULL);

  make_file (store, path, xml);
}

static char *
list_snapshots (VmpMachine *machine)
{
  GPtrArray *snapshots = vmp_machine_get_snapshots (machine);
  GString *text = g_string_new (NULL);

  for (guint i = 0; i < snapshots->len; i++)
    g_string_append_printf (text, "%s%s", i > 0 ? " " : "",
                            vmp_snapshot_get_name (g_ptr_array_index (snapshots, i)));
  return g_string_free (text, FALSE);
}

static VmpMachine *
lookup (Store *store)
{
  VmpMachine *machine;

  load_all (store);
  machine = vmp_machines_lookup (store->machines, UUID);
  g_assert_nonnull (machine);
  return machine;
}

static void
test_tree (Store *store, gconstpointer data)
{
  VmpPlace *place = begin (store, TOKEN, UUID);
  g_autofree char *document = g_build_filename (store->root, SNAPSHOTS "first.xml", NULL);
  g_autoptr (VmpMachine) machine = NULL;
  g_autofree char *names = NULL;
  struct stat st;

  add (store, place, make_snapshot (UUID, "first", NULL, 5, NULL));
  add (store, place, make_snapshot (UUID, "late", "first", 9, NULL));
  add (store, place, make_snapshot (UUID, "early", "first", 7, "/srv/o.qcow2"));
  write_machine (store, place, UUID, "web");
  g_assert_false (exists (store, SNAPSHOTS));
  define (store, place);
  vmp_machines_end (store->machines, place);
  g_assert_cmpint (stat (document, &st), ==, 0);
  g_assert_cmpint (st.st_mode & 0777, ==, 0600);

  machine = lookup (store);
  g_assert_true (vmp_machine_check_flaw (machine, NULL));
  names = list_snapshots (machine);
  g_assert_cmpstr (names, ==, "first early late");
  g_assert_true (g_strv_contains (vmp_machines_get_features (store->machines), "snapshots"));
}

/* Each document is a file of its own, where names differ by case alone, and beside any member. */
static void
test_names (Store *store, gconstpointer data)
{
  VmpPlace *place = begin (store, TOKEN, UUID);
  g_autoptr (VmpMachine) machine = NULL;
  g_autofree char *names = NULL;

  write_member (store, place, "Snapshots/taken.xml/overlay.qcow2");
  add (store, place, make_snapshot (UUID, "a", NULL, 1, NULL));
  add (store, place, make_snapshot (UUID, "A", NULL, 2, NULL));
  add (store, place, make_snapshot (UUID, "a.xml", NULL, 3, NULL));
  add (store, place, make_snapshot (UUID, "taken", NULL, 4, NULL));
  add (store, place, make_snapshot (UUID, "ü <&> \"'", NULL, 5, NULL));
  write_machine (store, place, UUID, "web");
  define (store, place);
  vmp_machines_end (store->machines, place);
  machine = lookup (store);
  names = list_snapshots (machine);
  g_assert_cmpstr (names, ==, "a A a.xml taken ü <&> \"'");
}

static void
test_another_machines (Store *store, gconstpointer data)
{
  VmpPlace *place = begin (store, TOKEN, UUID);
  g_autoptr (VmpSnapshot) snapshot = make_snapshot (OTHER, "first", NULL, 5, NULL);
  g_autoptr (GError) error = NULL;

  g_assert_false (vmp_machines_add_snapshot (store->machines, place, snapshot, &error));
  g_assert_error (error, VMPORT_ERROR, VMPORT_ERROR_FAILED);
  vmp_machines_end (store->machines, place);
}

typedef void (*Breaks) (Store *store);

static void
write_noise (Store *store)
{
  make_file (store, SNAPSHOTS "broken.xml", "noise");
}

static void
write_nothing (Store *store)
{
  make_file (store, SNAPSHOTS "broken.xml", "");
}

static void
write_child (Store *store)
{
  put (store, "broken.xml", make_snapshot (UUID, "child", "never", 1, NULL));
}

static void
write_twin (Store *store)
{
  put (store, "one.xml", make_snapshot (UUID, "twin", NULL, 1, NULL));
  put (store, "broken.xml", make_snapshot (UUID, "twin", NULL, 1, NULL));
}

static void
write_circle (Store *store)
{
  put (store, "one.xml", make_snapshot (UUID, "one", "two", 1, NULL));
  put (store, "broken.xml", make_snapshot (UUID, "two", "one", 1, NULL));
}

static void
write_anothers (Store *store)
{
  put (store, "broken.xml", make_snapshot (OTHER, "one", NULL, 1, NULL));
}

static void
write_fifo (Store *store)
{
  g_autofree char *path = g_build_filename (store->root, SNAPSHOTS "broken.xml", NULL);

  make_file (store, SNAPSHOTS "folder/x", "");
  g_assert_cmpint (mkfifo (path, 0600), ==, 0);
}

static void
write_link (Store *store)
{
  g_autofree char *path = g_build_filename (store->root, SNAPSHOTS "broken.xml", NULL);
  g_autoptr (VmpSnapshot) snapshot = make_snapshot (UUID, "one", NULL, 1, NULL);
  g_autofree char *xml = vmp_snapshot_to_xml (snapshot);

  make_file (store, "elsewhere", xml);
  make_file (store, SNAPSHOTS "folder/x", "");
  g_assert_cmpint (symlink ("../../elsewhere", path), ==, 0);
}

static void
link_folder (Store *store)
{
  g_autofree char *path = g_build_filename (store->root, UUID "/Snapshots", NULL);

  make_file (store, "broken/x", "");
  g_assert_cmpint (symlink ("../broken", path), ==, 0);
}

static void
write_flood (Store *store)
{
  for (guint i = 0; i <= VMP_SNAPSHOTS_MAX; i++)
    {
      g_autofree char *name = g_strdup_printf ("%u", i);
      g_autofree char *file = g_strdup_printf ("%u.xml", i);

      put (store, file, make_snapshot (UUID, name, NULL, 1, NULL));
    }
}

static const struct
{
  const char *what;
  Breaks breaks;
  const char *message;
} broken[] = {
  { "noise", write_noise, "*broken.xml*" },
  { "nothing", write_nothing, "*broken.xml*" },
  { "a missing parent", write_child, "*“child”*“never”*" },
  { "two of a name", write_twin, "*“twin”*" },
  { "a circle", write_circle, "*“one”*ancestors*" },
  { "another machine's", write_anothers, "*broken.xml*another machine*" },
  { "a FIFO", write_fifo, "*broken.xml*" },
  { "a link", write_link, "*broken.xml*" },
  { "a link for the folder", link_folder, "*Snapshots*" },
  { "too many", write_flood, "*Snapshots*1024*" },
};

/* The machine is there, and says what is wrong; nobody takes it for one without snapshots. */
static void
test_broken (Store *store, gconstpointer data)
{
  for (gsize i = 0; i < G_N_ELEMENTS (broken); i++)
    {
      vmp_autofd int root = open (store->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
      g_autoptr (VmpMachine) machine = NULL;
      g_autoptr (GError) flaw = NULL;
      g_autoptr (GError) error = NULL;

      g_test_message ("%s", broken[i].what);
      make_machine (store, UUID, "web");
      broken[i].breaks (store);
      g_test_expect_message (G_LOG_DOMAIN, G_LOG_LEVEL_WARNING, broken[i].message);
      machine = lookup (store);
      g_test_assert_expected_messages ();
      g_assert_cmpstr (vmp_machine_get_name (machine), ==, "web");
      g_assert_cmpuint (vmp_machine_get_snapshots (machine)->len, ==, 0);
      g_assert_false (vmp_machine_check_flaw (machine, &flaw));
      g_assert_true (g_pattern_match_simple (broken[i].message, flaw->message));
      vmp_at_remove_tree (root, UUID, &error);
      g_assert_no_error (error);
    }
}

/* A file that another machine uses is left, and nothing else is. */
static void
test_remove (Store *store, gconstpointer data)
{
  g_autofree char *overlay
      = g_build_filename (store->root, SNAPSHOTS "first/o.qcow2", NULL);
  g_autofree char *spare = g_build_filename (store->root, SNAPSHOTS "second/o.qcow2", NULL);
  g_autoptr (GPtrArray) spared = g_ptr_array_new ();
  g_autoptr (GPtrArray) storage = NULL;
  g_autoptr (VmpMachine) machine = NULL;
  g_autoptr (GError) error = NULL;

  make_machine (store, UUID, "web");
  make_file (store, SNAPSHOTS "first/o.qcow2", "overlay");
  make_file (store, SNAPSHOTS "second/o.qcow2", "overlay");
  put (store, "first.xml", make_snapshot (UUID, "first", NULL, 1, overlay));
  put (store, "second.xml", make_snapshot (UUID, "second", "first", 1, spare));
  machine = lookup (store);
  storage = vmp_machine_list_storage (machine);
  g_assert_cmpuint (storage->len, ==, 3);
  g_assert_cmpstr (g_ptr_array_index (storage, 0), ==, "/srv/base.qcow2");
  g_assert_cmpstr (g_ptr_array_index (storage, 1), ==, overlay);

  g_ptr_array_add (spared, spare);
  vmp_machines_remove (store->machines, machine, TRUE, spared, &error);
  g_assert_no_error (error);
  g_assert_true (exists (store, SNAPSHOTS "second/o.qcow2"));
  g_assert_false (exists (store, SNAPSHOTS "first"));
  g_assert_false (exists (store, SNAPSHOTS "first.xml"));
  g_assert_false (exists (store, SNAPSHOTS "second.xml"));
  g_assert_false (exists (store, UUID "/Virtual Machines"));
  g_assert_cmpuint (count_entries (store), ==, 1);
}

/* Without their storage, machines leave the documents with the images that lie beside them. */
static void
test_remove_all (Store *store, gconstpointer data)
{
  g_autofree char *overlay
      = g_build_filename (store->root, SNAPSHOTS "first/o.qcow2", NULL);
  g_autoptr (GPtrArray) none = g_ptr_array_new ();
  g_autoptr (VmpMachine) machine = NULL;
  g_autoptr (GError) error = NULL;

  make_machine (store, UUID, "web");
  make_file (store, SNAPSHOTS "first/o.qcow2", "overlay");
  put (store, "first.xml", make_snapshot (UUID, "first", NULL, 1, overlay));
  machine = lookup (store);
  vmp_machines_remove (store->machines, machine, FALSE, none, &error);
  g_assert_no_error (error);
  g_assert_true (exists (store, SNAPSHOTS "first.xml"));
  g_assert_true (exists (store, SNAPSHOTS "first/o.qcow2"));
  g_assert_false (exists (store, UUID "/Virtual Machines"));

  make_file (store, UUID "/Virtual Machines/x", "");
  vmp_machines_remove (store->machines, machine, TRUE, none, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (count_entries (store), ==, 0);
}

static void
test_remove_in_place (Store *store, gconstpointer data)
{
  g_autoptr (GPtrArray) none = g_ptr_array_new ();
  g_autoptr (VmpMachine) machine = NULL;
  g_autoptr (GError) error = NULL;

  make_machine (store, UUID, "web");
  put (store, "first.xml", make_snapshot (UUID, "first", NULL, 1, NULL));
  machine = lookup (store);
  vmp_machines_remove (store->machines, machine, FALSE, none, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (count_entries (store), ==, 0);
}

static void
test_equal (Store *store, gconstpointer data)
{
  g_autoptr (VmpMachine) before = NULL;
  g_autoptr (VmpMachine) same = NULL;
  g_autoptr (VmpMachine) after = NULL;

  make_machine (store, UUID, "web");
  put (store, "first.xml", make_snapshot (UUID, "first", NULL, 1, NULL));
  before = lookup (store);
  same = lookup (store);
  put (store, "second.xml", make_snapshot (UUID, "second", "first", 2, NULL));
  after = lookup (store);
  g_assert_true (vmp_machine_equal (before, same));
  g_assert_false (vmp_machine_equal (before, after));
}

#define ADD(path, func) \
  g_test_add ("/directory-snapshots/" path, Store, NULL, store_set_up, func, store_tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("tree", test_tree);
  ADD ("names", test_names);
  ADD ("another-machines", test_another_machines);
  ADD ("broken", test_broken);
  ADD ("remove", test_remove);
  ADD ("remove-all", test_remove_all);
  ADD ("remove-in-place", test_remove_in_place);
  ADD ("equal", test_equal);
  return g_test_run ();
}
