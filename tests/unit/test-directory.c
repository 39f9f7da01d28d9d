/* The embedded store: a machine is there as a whole or not at all, and nothing is taken back that is
 * not the job's own. */
#include "config.h"

#include "store.h"

static void
test_define (Store *store, gconstpointer data)
{
  VmpPlace *place = begin (store, TOKEN, UUID);
  g_autoptr (VmpMachine) machine = NULL;
  g_autofree char *path = g_build_filename (store->root, UUID, DISK, NULL);
  g_autofree char *content = NULL;
  g_autoptr (GError) error = NULL;
  struct stat st;

  write_member (store, place, DISK);
  write_member (store, place, "Virtual Machines/" UUID "/kernel");
  write_machine (store, place, UUID, "web");
  g_assert_false (exists (store, UUID));
  g_assert_cmpint (stat (store->root, &st), ==, 0);
  g_assert_cmpint (st.st_mode & 022, ==, 0);
  define (store, place);
  vmp_machines_end (store->machines, place);
  g_assert_cmpuint (count_entries (store), ==, 1);
  g_file_get_contents (path, &content, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (content, ==, "data");

  load_all (store);
  machine = vmp_machines_lookup (store->machines, UUID);
  g_assert_nonnull (machine);
  g_assert_cmpstr (vmp_machine_get_name (machine), ==, "web");
  g_assert_cmpstr (vmp_machine_get_state (machine), ==, "off");
}

#define OWN_FOLDER UUID "/Virtual Machines/" UUID "/"

/* The machine's files, as "role name=path" without the store's root. */
static char *
describe_files (Store *store, const char *uuid)
{
  g_autoptr (VmpMachine) machine = vmp_machines_lookup (store->machines, uuid);
  GPtrArray *files;
  GString *text = g_string_new (NULL);

  g_assert_nonnull (machine);
  files = vmp_machine_get_files (machine);
  for (guint i = 0; i < files->len; i++)
    {
      VmpMachineFile *file = g_ptr_array_index (files, i);

      g_string_append_printf (text, "%s %s=%s\n", vmp_role_to_string (file->role), file->name,
                              file->path);
    }
  g_string_replace (text, store->root, "", 0);
  return g_string_free (text, FALSE);
}

static void
test_saved_machine (Store *store, gconstpointer data)
{
  g_autoptr (VmpMachine) machine = NULL;
  g_autofree char *files = NULL;

  make_machine (store, UUID, "web");
  make_file (store, OWN_FOLDER "state.save", "memory");
  make_file (store, OWN_FOLDER "kernel", "a file of the configuration");
  load_all (store);
  machine = vmp_machines_lookup (store->machines, UUID);
  g_assert_cmpstr (vmp_machine_get_state (machine), ==, "saved");
  files = describe_files (store, UUID);
  g_assert_cmpstr (files, ==, "state state.save=/" OWN_FOLDER "state.save\n");
}

/* Of a machine that is used in place. */
static void
test_state_elsewhere (Store *store, gconstpointer data)
{
  VmpPlace *place = begin (store, TOKEN, UUID);
  g_autoptr (VmpMachine) machine = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *files = NULL;

  write_machine (store, place, UUID, "web");
  g_assert_false (vmp_machines_set_state_path (store->machines, place, "state.save", &error));
  g_assert_error (error, VMPORT_ERROR, VMPORT_ERROR_FAILED);
  g_clear_error (&error);
  vmp_machines_set_state_path (store->machines, place, "/srv/a package/state.save", &error);
  g_assert_no_error (error);
  define (store, place);
  vmp_machines_end (store->machines, place);
  load_all (store);
  machine = vmp_machines_lookup (store->machines, UUID);
  g_assert_cmpstr (vmp_machine_get_state (machine), ==, "saved");
  files = describe_files (store, UUID);
  g_assert_cmpstr (files, ==, "state state.save=/srv/a package/state.save\n");
}

static void
test_tpm (Store *store, gconstpointer data)
{
  g_autofree char *none = NULL;
  g_autofree char *files = NULL;

  make_machine (store, UUID, "web");
  make_machine (store, OTHER, "other");
  make_file (store, OWN_FOLDER "tpm/tpm2/tpm2-00.permall", "state");
  make_file (store, OWN_FOLDER "tpm/.lock", "");
  load_all (store);
  files = describe_files (store, UUID);
  g_assert_cmpstr (files, ==,
                   "tpm tpm/.lock=/" OWN_FOLDER "tpm/.lock\n"
                   "tpm tpm/tpm2/tpm2-00.permall=/" OWN_FOLDER "tpm/tpm2/tpm2-00.permall\n");
  none = describe_files (store, OTHER);
  g_assert_cmpstr (none, ==, "");
}

static void
make_many (Store *store)
{
  for (guint i = 0; i < 600; i++)
    {
      g_autofree char *name = g_strdup_printf (OWN_FOLDER "tpm/%u", i);

      make_file (store, name, "");
    }
}

static void
make_link (Store *store, const char *path)
{
  g_autofree char *whole = g_build_filename (store->root, path, NULL);

  make_file (store, OWN_FOLDER "tpm/regular", "");
  g_assert_cmpint (symlink ("regular", whole), ==, 0);
}

static void
make_fifo (Store *store, const char *path)
{
  g_autofree char *whole = g_build_filename (store->root, path, NULL);

  make_file (store, OWN_FOLDER "tpm/regular", "");
  g_assert_cmpint (mkfifo (whole, 0600), ==, 0);
}

/* A machine that lost a part is not taken for one that never had it: what is wrong is named. */
static void
test_broken_files (Store *store, gconstpointer data)
{
  static const struct
  {
    const char *file;
    const char *content; /* NULL: something that is no regular file */
    const char *named;
  } cases[] = {
    { "state.path", "", "*state.path*" },
    { "state.path", "/srv/state.save", "*state.path*" },
    { "state.path", "srv/state.save\n", "*state.path*" },
    { "state.path", "/srv/../state.save\n", "*state.path*" },
    { "state.path", "/srv/state.save\n/srv/other\n", "*state.path*" },
    { "state.path", "/srv/\377\n", "*state.path*" },
    { "state.save", NULL, "*state.save*" },
    { "state.path", NULL, "*state.path*" },
    { "tpm/fifo", NULL, "*tpm/fifo*" },
    { "tpm/link", NULL, "*tpm/link*" },
    { "tpm/1/2/3/4/5", "", "*tpm/1/2/3/4*" },
    { "tpm/a\nb", "", "*tpm*" },
    { "tpm/many", "", "*tpm*" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *path = g_strconcat (OWN_FOLDER, cases[i].file, NULL);
      g_autofree char *shown = g_strescape (path, NULL);
      g_autoptr (GError) error = NULL;
      vmp_autofd int root = -1;

      g_test_message ("case %" G_GSIZE_FORMAT ": %s", i, shown);
      make_machine (store, UUID, "web");
      if (cases[i].content != NULL)
        make_file (store, path, cases[i].content);
      else if (g_str_has_suffix (path, "link"))
        make_link (store, path);
      else
        make_fifo (store, path);
      if (g_str_has_suffix (path, "many"))
        make_many (store);
      open_store (store);
      g_assert_false (vmp_machines_load (store->machines, UUID, &error));
      g_assert_true (g_pattern_match_simple (cases[i].named, error->message));
      g_assert_true (g_error_matches (error, VMPORT_ERROR, VMPORT_ERROR_CORRUPT)
                     || g_error_matches (error, VMPORT_ERROR, VMPORT_ERROR_UNSAFE));
      root = open (store->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
      g_clear_error (&error);
      vmp_at_remove_tree (root, UUID, &error);
      g_assert_no_error (error);
    }
}

static void
test_two_states (Store *store, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  make_machine (store, UUID, "web");
  make_file (store, OWN_FOLDER "state.save", "memory");
  make_file (store, OWN_FOLDER "state.path", "/srv/state.save\n");
  g_assert_false (vmp_machines_load (store->machines, UUID, &error));
  g_assert_error (error, VMPORT_ERROR, VMPORT_ERROR_CORRUPT);
}

/* The id of a folder is taken, whatever is in it: an import could not have it. */
static void
test_remains (Store *store, gconstpointer data)
{
  make_file (store, UUID "/Virtual Hard Disks/left.raw", "left behind");
  load_all (store);
  g_assert_null (vmp_machines_lookup (store->machines, UUID));
  g_assert_true (vmp_machines_is_uuid_taken (store->machines, UUID));
  g_assert_false (vmp_machines_is_uuid_taken (store->machines, OTHER));
}

/* Undo in every state that a crash can leave, twice each, since a rollback can be cut short too. */
typedef enum
{
  ANNOUNCED,
  BEGUN,
  WITH_FILES,
  WITH_MACHINE,
  DEFINED,
  N_STATES
} Stage;

static void
test_undo (Store *store, gconstpointer data)
{
  make_machine (store, OTHER, "other");
  for (Stage stage = ANNOUNCED; stage < N_STATES; stage++)
    {
      /* What the journal has before the place was made. */
      g_autoptr (GVariant) description = g_variant_ref_sink (
          g_variant_new_parsed ("{'Token': <'" TOKEN "'>}"));
      VmpPlace *place = NULL;

      g_test_message ("stage %d", stage);
      if (stage >= BEGUN)
        {
          place = begin (store, TOKEN, UUID);
          g_clear_pointer (&description, g_variant_unref);
          description = vmp_machines_describe (store->machines, place);
        }
      if (stage >= WITH_FILES)
        {
          write_member (store, place, DISK);
          write_member (store, place, "Virtual Machines/" UUID "/deeper/and/deeper");
        }
      if (stage >= WITH_MACHINE)
        write_machine (store, place, UUID, "web");
      if (stage >= DEFINED)
        define (store, place);
      if (place != NULL)
        vmp_machines_end (store->machines, place);
      undo (store, description);
      g_assert_cmpuint (count_entries (store), ==, 1);
      undo (store, description);
      g_assert_cmpuint (count_entries (store), ==, 1);
      g_assert_true (exists (store, OTHER "/Virtual Machines/" OTHER ".xml"));
    }
}

/* Begun, not described yet: the journal has the token alone. */
static void
test_undo_by_token (Store *store, gconstpointer data)
{
  g_autoptr (GVariant) description = g_variant_ref_sink (
      g_variant_new_parsed ("{'Token': <'" TOKEN "'>}"));
  VmpPlace *place = begin (store, TOKEN, UUID);

  write_member (store, place, DISK);
  vmp_machines_end (store->machines, place);
  undo (store, description);
  g_assert_cmpuint (count_entries (store), ==, 0);
}

/* A folder of the same uuid that is not the one that was made stays. */
static void
test_undo_of_anothers_folder (Store *store, gconstpointer data)
{
  VmpPlace *place = begin (store, TOKEN, UUID);
  g_autoptr (GVariant) description = vmp_machines_describe (store->machines, place);

  write_machine (store, place, UUID, "web");
  vmp_machines_end (store->machines, place);
  make_file (store, UUID "/Virtual Machines/" UUID ".xml", "another's");
  undo (store, description);
  g_assert_true (exists (store, UUID "/Virtual Machines/" UUID ".xml"));
  g_assert_cmpuint (count_entries (store), ==, 1);
}

static void
test_undo_refuses_nonsense (Store *store, gconstpointer data)
{
  static const char *const nonsense[] = {
    "@a{sv} {}",
    "{'Token': <''>}",
    "{'Token': <'../" UUID "'>}",
    "{'Token': <5>}",
    "{'Token': <'0123456789ABCDEF0123456789ABCDEF'>}",
    "{'Uuid': <'" UUID "'>}",
  };
  /* These are undone, as far as there is anything to undo. */
  static const char *const odd[] = {
    "{'Token': <'" TOKEN "'>, 'Uuid': <'..'>, 'Device': <uint64 1>, 'Inode': <uint64 1>}",
    "{'Token': <'" TOKEN "'>, 'Uuid': <'" UUID "'>, 'Device': <'x'>, 'Inode': <uint64 1>}",
    "{'Token': <'" TOKEN "'>, 'Uuid': <'" UUID "'>, 'Device': <uint64 0>, 'Inode': <uint64 0>}",
  };

  make_machine (store, UUID, "web");
  for (gsize i = 0; i < G_N_ELEMENTS (nonsense); i++)
    {
      g_autoptr (GVariant) description = g_variant_ref_sink (
          g_variant_parse (G_VARIANT_TYPE_VARDICT, nonsense[i], NULL, NULL, NULL));
      g_autoptr (GError) error = NULL;

      g_test_message ("%s", nonsense[i]);
      g_assert_false (vmp_machines_undo (store->machines, description, &error));
      g_assert_error (error, VMPORT_ERROR, VMPORT_ERROR_CORRUPT);
    }
  for (gsize i = 0; i < G_N_ELEMENTS (odd); i++)
    {
      g_autoptr (GVariant) description = g_variant_ref_sink (
          g_variant_parse (G_VARIANT_TYPE_VARDICT, odd[i], NULL, NULL, NULL));

      undo (store, description);
    }
  g_assert_true (exists (store, UUID "/Virtual Machines/" UUID ".xml"));
}

static void
test_taken_uuid (Store *store, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  VmpPlace *place;

  make_file (store, UUID "/Virtual Hard Disks/left.raw", "left behind");
  g_assert_null (vmp_machines_begin (store->machines, TOKEN, UUID, "web", &error));
  g_assert_error (error, VMPORT_ERROR, VMPORT_ERROR_EXISTS);
  g_assert_nonnull (strstr (error->message, UUID));
  g_clear_error (&error);
  g_assert_cmpuint (count_entries (store), ==, 1);

  /* And where it is taken between the two steps. */
  place = begin (store, TOKEN, OTHER);
  write_machine (store, place, OTHER, "web");
  make_file (store, OTHER "/file", "quicker");
  g_assert_false (vmp_machines_define (store->machines, place, &error));
  g_assert_error (error, VMPORT_ERROR, VMPORT_ERROR_EXISTS);
  vmp_machines_end (store->machines, place);
  g_assert_true (exists (store, OTHER "/file"));
}

/* Member names come from a worker in the end. */
static void
test_members_stay_within (Store *store, gconstpointer data)
{
  static const char *const outside[] = { "../x", "/etc/x", "a/../../x", "", ".", "a//b", "a/",
                                         "Virtual Hard Disks/../../x" };
  VmpPlace *place = begin (store, TOKEN, UUID);
  g_autofree char *link = g_build_filename (store->root, ".vmport-" TOKEN, "link", NULL);
  g_autoptr (GError) error = NULL;

  for (gsize i = 0; i < G_N_ELEMENTS (outside); i++)
    {
      g_test_message ("“%s”", outside[i]);
      g_assert_cmpint (vmp_machines_create_file (store->machines, place, outside[i], NULL, &error),
                       <, 0);
      g_assert_nonnull (error);
      g_clear_error (&error);
    }
  /* Nothing is followed and nothing overwritten. */
  g_assert_cmpint (symlink (store->base, link), ==, 0);
  g_assert_cmpint (vmp_machines_create_file (store->machines, place, "link/x", NULL, &error), <, 0);
  g_assert_error (error, VMPORT_ERROR, VMPORT_ERROR_UNSAFE);
  g_clear_error (&error);
  write_member (store, place, DISK);
  g_assert_cmpint (vmp_machines_create_file (store->machines, place, DISK, NULL, &error), <, 0);
  g_assert_error (error, VMPORT_ERROR, VMPORT_ERROR_EXISTS);
  g_clear_error (&error);
  vmp_machines_end (store->machines, place);
}

static void
test_open_file (Store *store, gconstpointer data)
{
  g_autofree char *inside = g_build_filename (store->root, UUID, DISK, NULL);
  g_autofree char *beside = g_strconcat (store->root, "-other/file", NULL);
  g_autofree char *above = g_build_filename (store->root, "../secret", NULL);
  g_autofree char *link = g_build_filename (store->root, "link", NULL);
  g_autofree char *fifo = g_build_filename (store->root, "fifo", NULL);
  const char *const wrong[] = { "/etc/passwd", beside, above, store->root, link, fifo, "" };
  g_autoptr (GError) error = NULL;
  vmp_autofd int fd = -1;

  make_file (store, UUID "/" DISK, "data");
  make_file (store, "../secret", "secret");
  g_assert_cmpint (symlink ("../secret", link), ==, 0);
  g_assert_cmpint (mkfifo (fifo, 0600), ==, 0);
  fd = vmp_machines_open_file (store->machines, inside, &error);
  g_assert_no_error (error);
  g_assert_cmpint (fcntl (fd, F_GETFL) & O_ACCMODE, ==, O_RDONLY);
  g_assert_true (vmp_machines_owns_path (store->machines, inside));
  g_assert_false (vmp_machines_owns_path (store->machines, beside));
  g_assert_false (vmp_machines_owns_path (store->machines, "/etc/passwd"));
  for (gsize i = 0; i < G_N_ELEMENTS (wrong); i++)
    {
      g_test_message ("%s", wrong[i]);
      g_assert_cmpint (vmp_machines_open_file (store->machines, wrong[i], &error), <, 0);
      g_assert_nonnull (error);
      g_clear_error (&error);
    }
}

static void
test_remove (Store *store, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) none = g_ptr_array_new ();
  g_autoptr (VmpMachine) first = NULL;
  g_autoptr (VmpMachine) second = NULL;

  make_machine (store, UUID, "web");
  make_machine (store, OTHER, "other");
  make_file (store, UUID "/" DISK, "data");
  make_file (store, OTHER "/" DISK, "data");
  load_all (store);
  first = vmp_machines_lookup (store->machines, UUID);
  second = vmp_machines_lookup (store->machines, OTHER);

  vmp_machines_remove (store->machines, first, TRUE, none, &error);
  g_assert_no_error (error);
  g_assert_false (exists (store, UUID));
  vmp_machines_remove (store->machines, second, FALSE, none, &error);
  g_assert_no_error (error);
  g_assert_true (exists (store, OTHER "/" DISK));
  g_assert_false (exists (store, OTHER "/Virtual Machines"));
  g_assert_cmpuint (count_entries (store), ==, 1);
  load_all (store);
  g_assert_null (vmp_machines_lookup (store->machines, OTHER));
}

/* A removal that was cut short is carried through at the next start; what else bears a dot stays. */
static void
test_load_sweeps (Store *store, gconstpointer data)
{
  make_machine (store, UUID, "web");
  make_file (store, ".vmport-" TOKEN "/Virtual Hard Disks/a", "left");
  make_file (store, ".vmport-short/a", "not ours");
  make_file (store, ".hidden", "not ours");
  load_all (store);
  g_assert_false (exists (store, ".vmport-" TOKEN));
  g_assert_true (exists (store, ".vmport-short/a"));
  g_assert_true (exists (store, ".hidden"));
  g_assert_true (exists (store, UUID "/Virtual Machines/" UUID ".xml"));
}

/* What cannot be read is told, and the rest is there. */
static void
test_load_broken (Store *store, gconstpointer data)
{
  static const char *const contents[] = { "", "<domain", "<domain/>", "noise",
                                          "<domain type='kvm'><name>a</name><uuid>" OTHER
                                          "</uuid></domain>" };
  g_autoptr (GPtrArray) list = NULL;

  make_machine (store, OTHER, "other");
  for (gsize i = 0; i < G_N_ELEMENTS (contents); i++)
    {
      make_file (store, UUID "/Virtual Machines/" UUID ".xml", contents[i]);
      open_store (store);
      g_test_expect_message (G_LOG_DOMAIN, G_LOG_LEVEL_WARNING, "*cannot read*" UUID "*");
      {
        g_autoptr (GError) error = NULL;

        vmp_directory_load_all (store->directory, &error);
        g_assert_no_error (error);
      }
      g_test_assert_expected_messages ();
      g_clear_pointer (&list, g_ptr_array_unref);
      list = vmp_machines_list (store->machines);
      g_assert_cmpuint (list->len, ==, 1);
      g_assert_cmpstr (vmp_machine_get_uuid (g_ptr_array_index (list, 0)), ==, OTHER);
    }
}

/* Names that are no machines' are passed over. */
static void
test_load_ignores (Store *store, gconstpointer data)
{
  g_autoptr (GPtrArray) list = NULL;

  make_file (store, "lost+found/x", "");
  make_file (store, "6F1C9A3E-5B0D-4C7E-8A52-000000000001/x", "");
  make_file (store, UUID "/Virtual Hard Disks/left.raw", "");
  make_file (store, "notes.txt", "");
  load_all (store);
  list = vmp_machines_list (store->machines);
  g_assert_cmpuint (list->len, ==, 0);
}

/* Roots */

static void
assert_root (const char *root, GQuark domain, int code)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (VmpDirectory) directory = vmp_directory_new ("store", root, NULL, &error);

  g_test_message ("%s", root);
  g_assert_null (directory);
  g_assert_error (error, domain, code);
}

static char *
folder (Store *store, const char *path, mode_t mode)
{
  char *whole = g_build_filename (store->base, path, NULL);

  g_assert_cmpint (g_mkdir_with_parents (whole, 0700), ==, 0);
  g_assert_cmpint (chmod (whole, mode), ==, 0);
  return whole;
}

static void
test_unsafe_roots (Store *store, gconstpointer data)
{
  g_autofree char *by_group = folder (store, "group", 0770);
  g_autofree char *by_others = folder (store, "others", 0707);
  g_autofree char *sticky = folder (store, "sticky", 01777);
  g_autofree char *on_the_way = folder (store, "way", 0775);
  g_autofree char *below = folder (store, "way/below", 0700);
  g_autofree char *safe = folder (store, "safe", 0711);
  g_autofree char *link = g_build_filename (store->base, "link", NULL);
  g_autofree char *past_link = g_build_filename (link, "store", NULL);
  g_autofree char *file = g_build_filename (store->base, "file", NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (VmpDirectory) directory = NULL;

  g_assert_cmpint (symlink ("safe", link), ==, 0);
  assert_root (by_group, VMPORT_ERROR, VMPORT_ERROR_UNSAFE);
  assert_root (by_others, VMPORT_ERROR, VMPORT_ERROR_UNSAFE);
  assert_root (sticky, VMPORT_ERROR, VMPORT_ERROR_UNSAFE);
  assert_root (below, VMPORT_ERROR, VMPORT_ERROR_UNSAFE);
  assert_root (link, VMPORT_ERROR, VMPORT_ERROR_UNSAFE);
  assert_root (past_link, VMPORT_ERROR, VMPORT_ERROR_UNSAFE);
  assert_root ("store", VMPORT_ERROR, VMPORT_ERROR_INVALID_PARAMETER);
  assert_root ("", VMPORT_ERROR, VMPORT_ERROR_INVALID_PARAMETER);
  assert_root ("/a/../b", VMPORT_ERROR, VMPORT_ERROR_INVALID_PARAMETER);
  g_assert_true (g_file_set_contents (file, "", -1, NULL));
  directory = vmp_directory_new ("store", file, NULL, &error);
  g_assert_null (directory);
  g_assert_nonnull (error);
  g_clear_error (&error);

  directory = vmp_directory_new ("store", safe, NULL, &error);
  g_assert_no_error (error);
  g_assert_nonnull (directory);
}

/* Another user's folder could be exchanged by that user at any time. Only root can give one away. */
static void
test_anothers_root (Store *store, gconstpointer data)
{
  g_autofree char *root = folder (store, "another", 0755);
  g_autofree char *inside = folder (store, "another/inside", 0755);

  g_assert_cmpint (chown (root, 65534, 65534), ==, 0);
  assert_root (root, VMPORT_ERROR, VMPORT_ERROR_UNSAFE);
  assert_root (inside, VMPORT_ERROR, VMPORT_ERROR_UNSAFE);
}

static void
test_networks (Store *store, gconstpointer data)
{
  g_auto (GStrv) networks = vmp_machines_list_networks (store->machines);
  guint users = 0;

  g_assert_true (g_strv_contains ((const char *const *) networks, "bridge:lab"));
  for (gsize i = 0; networks[i] != NULL; i++)
    users += strcmp (networks[i], "user") == 0;
  g_assert_cmpuint (users, ==, 1);
}

#define ADD(path, func) \
  g_test_add ("/directory/" path, Store, NULL, store_set_up, func, store_tear_down)
#define ADD_ROOT(path, func) \
  g_test_add ("/directory/" path, Store, NULL, base_set_up, func, store_tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("define", test_define);
  ADD ("saved-machine", test_saved_machine);
  ADD ("state-elsewhere", test_state_elsewhere);
  ADD ("tpm", test_tpm);
  ADD ("broken-files", test_broken_files);
  ADD ("two-states", test_two_states);
  ADD ("remains", test_remains);
  ADD ("undo", test_undo);
  ADD ("undo-by-token", test_undo_by_token);
  ADD ("undo-of-anothers-folder", test_undo_of_anothers_folder);
  ADD ("undo-refuses-nonsense", test_undo_refuses_nonsense);
  ADD ("taken-uuid", test_taken_uuid);
  ADD ("members-stay-within", test_members_stay_within);
  ADD ("open-file", test_open_file);
  ADD ("remove", test_remove);
  ADD ("load-sweeps", test_load_sweeps);
  ADD ("load-broken", test_load_broken);
  ADD ("load-ignores", test_load_ignores);
  ADD ("networks", test_networks);
  ADD_ROOT ("unsafe-roots", test_unsafe_roots);
  if (geteuid () == 0)
    ADD_ROOT ("anothers-root", test_anothers_root);
  return g_test_run ();
}
