/* The typed calls and the list of virtual machines against a scripted daemon. */
#include "config.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fake-daemon.h"
#include "vmport.h"

#define PREFIX "/org/vmport/VirtualMachine/store/"

typedef struct
{
  GTestDBus *bus;
  FakeDaemon *fake;
  VmportClient *client;
  VmportManager *manager;
} Fixture;

static void
set_up (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GDBusConnection) connection = NULL;
  g_autoptr (GError) error = NULL;

  fixture->bus = g_test_dbus_new (G_TEST_DBUS_NONE);
  g_test_dbus_up (fixture->bus);
  fixture->fake = fake_daemon_new (g_test_dbus_get_bus_address (fixture->bus));
  fake_daemon_appear (fixture->fake);
  connection = g_dbus_connection_new_for_address_sync (
    g_test_dbus_get_bus_address (fixture->bus),
    G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT | G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION,
    NULL, NULL, &error);
  g_assert_no_error (error);
  fixture->client = vmport_client_new_for_connection_sync (connection, NULL, &error);
  g_assert_no_error (error);
  fixture->manager = vmport_client_get_manager_sync (fixture->client, "store", NULL, &error);
  g_assert_no_error (error);
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  g_clear_object (&fixture->manager);
  g_clear_object (&fixture->client);
  g_clear_pointer (&fixture->fake, fake_daemon_free);
  g_test_dbus_down (fixture->bus);
  g_clear_object (&fixture->bus);
}

static gboolean
give_up (gpointer data)
{
  g_error ("Nothing happened for 60 seconds");
  return G_SOURCE_REMOVE;
}

/* Runs the main loop until @what holds; the deadline is for a broken test alone. */
#define await(what)                                                                                \
  G_STMT_START                                                                                     \
  {                                                                                                \
    guint deadline = g_timeout_add_seconds (60, give_up, NULL);                                    \
    while (!(what))                                                                                \
      g_main_context_iteration (NULL, TRUE);                                                       \
    g_source_remove (deadline);                                                                    \
  }                                                                                                \
  G_STMT_END

static void
store_result (GObject *source, GAsyncResult *result, gpointer user_data)
{
  *(GAsyncResult **) user_data = g_object_ref (result);
}

/* The names in the list, in its order. */
static char *
names (GListModel *list)
{
  GString *text = g_string_new (NULL);

  for (guint i = 0; i < g_list_model_get_n_items (list); i++)
    {
      g_autoptr (VmportVirtualMachine) machine = g_list_model_get_item (list, i);

      g_string_append_printf (text, "%s%s", i > 0 ? " " : "",
                              vmport_virtual_machine_get_name (machine));
    }
  return g_string_free (text, FALSE);
}

static gboolean
are (VmportVirtualMachineList *list, const char *wanted)
{
  g_autofree char *got = names (G_LIST_MODEL (list));

  return g_str_equal (got, wanted);
}

/* A view that knows the list by its signals alone. */
static void
mirror_cb (GListModel *list, guint position, guint removed, guint added, GPtrArray *mirror)
{
  g_assert_cmpuint (position + removed, <=, mirror->len);
  if (removed > 0)
    g_ptr_array_remove_range (mirror, position, removed);
  for (guint i = 0; i < added; i++)
    g_ptr_array_insert (mirror, (int) (position + i), g_list_model_get_item (list, position + i));
}

static void
assert_mirror (VmportVirtualMachineList *list, GPtrArray *mirror)
{
  g_assert_cmpuint (g_list_model_get_n_items (G_LIST_MODEL (list)), ==, mirror->len);
  for (guint i = 0; i < mirror->len; i++)
    {
      g_autoptr (VmportVirtualMachine) machine = g_list_model_get_item (G_LIST_MODEL (list), i);

      g_assert_true (machine == mirror->pdata[i]);
    }
}

static void
test_list (Fixture *fixture, gconstpointer data)
{
  g_autoptr (VmportVirtualMachineList) list = NULL;
  g_autoptr (GPtrArray) mirror = g_ptr_array_new_with_free_func (g_object_unref);
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;

  fake_daemon_put_machine (fixture->fake, PREFIX "1", "mail");
  fake_daemon_put_machine (fixture->fake, PREFIX "2", "web");
  list = vmport_virtual_machine_list_new (fixture->manager);
  g_signal_connect (list, "items-changed", G_CALLBACK (mirror_cb), mirror);
  g_assert_cmpuint (g_list_model_get_item_type (G_LIST_MODEL (list)), ==,
                    VMPORT_TYPE_VIRTUAL_MACHINE);
  g_assert_false (vmport_virtual_machine_list_get_ready (list));
  g_assert_cmpuint (g_list_model_get_n_items (G_LIST_MODEL (list)), ==, 0);
  await (vmport_virtual_machine_list_get_ready (list));
  g_assert_null (vmport_virtual_machine_list_get_error (list));
  g_assert_true (are (list, "mail web web"));
  g_assert_null (g_list_model_get_item (G_LIST_MODEL (list), 3));

  fake_daemon_put_machine (fixture->fake, PREFIX "3", "alpha");
  await (are (list, "alpha mail web web"));
  assert_mirror (list, mirror);
  /* A changed name moves it, and names that change fast end with the last one. */
  fake_daemon_put_machine (fixture->fake, PREFIX "3", "middle");
  fake_daemon_put_machine (fixture->fake, PREFIX "3", "nearly");
  fake_daemon_put_machine (fixture->fake, PREFIX "3", "zulu");
  await (are (list, "mail web web zulu"));
  assert_mirror (list, mirror);
  fake_daemon_put_machine (fixture->fake, PREFIX "1", "mail2");
  await (are (list, "mail2 web web zulu"));
  assert_mirror (list, mirror);

  /* One that the caller may not view, one that is gone before it is read, one that comes back. */
  fake_daemon_announce_machine (fixture->fake, PREFIX "9");
  fake_daemon_put_machine (fixture->fake, PREFIX "4", "brief");
  fake_daemon_remove_machine (fixture->fake, PREFIX "4");
  fake_daemon_remove_machine (fixture->fake, PREFIX "2");
  fake_daemon_remove_machine (fixture->fake, PREFIX "3");
  fake_daemon_put_machine (fixture->fake, PREFIX "3", "again");
  await (are (list, "again mail2 web"));
  assert_mirror (list, mirror);

  vmport_virtual_machine_list_reload (list, NULL, store_result, &result);
  await (result != NULL);
  g_assert_true (vmport_virtual_machine_list_reload_finish (list, result, &error));
  g_assert_no_error (error);
  g_assert_true (are (list, "again mail2 web"));
  assert_mirror (list, mirror);
}

/* Signals that come while the whole list is being read are not lost. */
static void
test_list_race (Fixture *fixture, gconstpointer data)
{
  for (guint i = 0; i < 20; i++)
    {
      g_autoptr (VmportVirtualMachineList) list
        = vmport_virtual_machine_list_new (fixture->manager);

      fake_daemon_put_machine (fixture->fake, PREFIX "1", "mail");
      fake_daemon_put_machine (fixture->fake, PREFIX "2", "x");
      fake_daemon_put_machine (fixture->fake, PREFIX "2", "y");
      fake_daemon_remove_machine (fixture->fake, PREFIX "1");
      await (are (list, "web y"));
      await (vmport_virtual_machine_list_get_ready (list));
      fake_daemon_remove_machine (fixture->fake, PREFIX "2");
      /* Now and then one that ends while calls are under way. */
      if (i % 2 == 0)
        await (are (list, "web"));
    }
}

static void
test_list_restart (Fixture *fixture, gconstpointer data)
{
  g_autoptr (VmportVirtualMachineList) list = vmport_virtual_machine_list_new (fixture->manager);
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;

  await (vmport_virtual_machine_list_get_ready (list));
  fake_daemon_put_machine (fixture->fake, PREFIX "1", "mail");
  await (are (list, "mail web"));
  g_clear_pointer (&fixture->fake, fake_daemon_free);
  await (!vmport_client_get_running (fixture->client));
  vmport_virtual_machine_list_reload (list, NULL, store_result, &result);
  await (result != NULL);
  g_assert_false (vmport_virtual_machine_list_reload_finish (list, result, &error));
  g_assert_error (error, VMPORT_ERROR, VMPORT_ERROR_NOT_AVAILABLE);
  g_assert_error (vmport_virtual_machine_list_get_error (list), VMPORT_ERROR,
                  VMPORT_ERROR_NOT_AVAILABLE);
  g_assert_true (are (list, "mail web"));

  fixture->fake = fake_daemon_new (g_test_dbus_get_bus_address (fixture->bus));
  fake_daemon_put_machine (fixture->fake, PREFIX "5", "new");
  fake_daemon_appear (fixture->fake);
  await (are (list, "new web"));
  await (vmport_virtual_machine_list_get_error (list) == NULL);
}

static void
test_typed (Fixture *fixture, gconstpointer data)
{
  g_autoptr (VmportVirtualMachine) machine
    = vmport_manager_find_virtual_machine_sync (fixture->manager, "web", NULL, NULL);
  g_autoptr (VmportExportSettings) settings = NULL;
  g_autoptr (GPtrArray) findings = NULL;
  g_autoptr (GPtrArray) again = NULL;
  g_autoptr (VmportJob) job = NULL;
  g_autoptr (GAsyncResult) loaded = NULL;
  g_autoptr (GAsyncResult) checked = NULL;
  g_autoptr (GAsyncResult) started = NULL;
  g_autoptr (GVariant) sent = NULL;
  g_autofree char *printed = NULL;
  g_autoptr (GError) error = NULL;

  fake_daemon_set_findings (
    fixture->fake, g_variant_new_parsed (
                     "[{'Code': <'SettingUnused'>, 'Resolution': <{'CopyVmStorage': <false>}>}]"));
  vmport_manager_load_export_settings (fixture->manager, machine, NULL, store_result, &loaded);
  await (loaded != NULL);
  settings = vmport_manager_load_export_settings_finish (fixture->manager, loaded, &error);
  g_assert_no_error (error);
  vmport_manager_check_export_with_settings (fixture->manager, machine, "/ended", settings, NULL,
                                             store_result, &checked);
  await (checked != NULL);
  findings = vmport_manager_check_export_with_settings_finish (fixture->manager, checked, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (findings->len, ==, 1);
  g_assert_true (vmport_settings_apply_findings (VMPORT_SETTINGS (settings), findings));
  again = vmport_manager_check_export_with_settings_sync (fixture->manager, machine, "/ended",
                                                          settings, NULL, &error);
  g_assert_no_error (error);
  vmport_manager_export_with_settings (fixture->manager, machine, "/ended", settings, NULL,
                                       store_result, &started);
  await (started != NULL);
  job = vmport_manager_export_with_settings_finish (fixture->manager, started, &error);
  g_assert_no_error (error);
  g_assert_true (vmport_job_get_ended (job));
  sent = fake_daemon_dup_last_settings (fixture->fake);
  printed = g_variant_print (sent, FALSE);
  g_assert_cmpstr (printed, ==, "{'CopyVmStorage': <false>}");
}

static void
test_typed_directory_fd (Fixture *fixture, gconstpointer data)
{
  g_autoptr (VmportImportSettings) settings = NULL;
  g_autoptr (VmportImportSettings) later = NULL;
  g_autoptr (GPtrArray) findings = NULL;
  g_autoptr (VmportJob) job = NULL;
  g_autoptr (GAsyncResult) loaded = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) sent = NULL;
  struct stat st;
  int fd = open (g_get_tmp_dir (), O_RDONLY | O_DIRECTORY | O_CLOEXEC);

  g_assert_cmpint (fstat (fd, &st), ==, 0);
  fake_daemon_set_import_settings (fixture->fake, g_variant_new_parsed ("{'Name': <'web'>}"));
  settings = vmport_manager_load_import_settings_sync (fixture->manager, NULL, fd, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (fake_daemon_get_last_inode (fixture->fake), ==, st.st_ino);
  vmport_manager_load_import_settings (fixture->manager, NULL, fd, NULL, store_result, &loaded);
  close (fd);
  await (loaded != NULL);
  later = vmport_manager_load_import_settings_finish (fixture->manager, loaded, &error);
  g_assert_no_error (error);
  g_assert_cmpint (vmport_settings_get_directory_fd (VMPORT_SETTINGS (later)), >=, 0);

  g_object_set (settings, "name", "web2", NULL);
  findings = vmport_manager_check_import_with_settings_sync (fixture->manager, NULL, settings, NULL,
                                                             &error);
  g_assert_no_error (error);
  g_assert_cmpuint (findings->len, ==, 0);
  job = vmport_manager_import_with_settings_sync (fixture->manager, NULL, settings, NULL, &error);
  g_assert_no_error (error);
  g_assert_nonnull (job);
  g_assert_cmpuint (fake_daemon_get_last_inode (fixture->fake), ==, st.st_ino);
  sent = fake_daemon_dup_last_settings (fixture->fake);
  g_assert_cmpuint (g_variant_n_children (sent), ==, 2);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(name, function) g_test_add (name, Fixture, NULL, set_up, function, tear_down)
  ADD ("/list/follows", test_list);
  ADD ("/list/race", test_list_race);
  ADD ("/list/restart", test_list_restart);
  ADD ("/typed/export", test_typed);
  ADD ("/typed/directory-fd", test_typed_directory_fd);
  return g_test_run ();
}
