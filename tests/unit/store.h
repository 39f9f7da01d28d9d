/* An embedded store of the test's own, and machines in it. */
#pragma once

#include "vmp-at.h"
#include "vmp-directory.h"
#include "vmp-name.h"
#include "vmport-error.h"
#include "scratch.h"

#define TOKEN "0123456789abcdef0123456789abcdef"
#define UUID "6f1c9a3e-5b0d-4c7e-8a52-000000000001"
#define OTHER "6f1c9a3e-5b0d-4c7e-8a52-000000000002"
#define DISK "Virtual Hard Disks/disk.raw"

typedef struct
{
  char *base;
  char *root;
  VmpDirectory *directory;
  VmpMachines *machines;
} Store;

static inline void
open_store (Store *store)
{
  static const char *const networks[] = { "bridge:lab", "user", NULL };
  static const char *const none[] = { NULL };
  g_autoptr (GError) error = NULL;
  g_autoptr (VmpScopes) scopes = vmp_scopes_open (store->base, none, &error);

  g_assert_no_error (error);
  g_clear_object (&store->directory);
  store->directory = vmp_directory_new ("store", store->root, networks, &error);
  g_assert_no_error (error);
  store->machines = VMP_MACHINES (store->directory);
  vmp_machines_set_scopes (store->machines, scopes);
}

static inline void
load_all (Store *store)
{
  g_autoptr (GError) error = NULL;

  open_store (store);
  vmp_directory_load_all (store->directory, &error);
  g_assert_no_error (error);
}

static inline void
base_set_up (Store *store, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  store->base = g_dir_make_tmp ("vmport-test-XXXXXX", &error);
  g_assert_no_error (error);
  store->root = g_build_filename (store->base, "store", NULL);
}

static inline void
store_set_up (Store *store, gconstpointer data)
{
  base_set_up (store, data);
  open_store (store);
}

static inline void
store_tear_down (Store *store, gconstpointer data)
{
  vmp_autofd int top = open ("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  g_autoptr (GError) error = NULL;

  g_clear_object (&store->directory);
  vmp_at_remove_tree (top, store->base + 1, &error);
  g_assert_no_error (error);
  g_free (store->base);
  g_free (store->root);
}

static inline gboolean
exists (Store *store, const char *path)
{
  g_autofree char *whole = g_build_filename (store->root, path, NULL);

  return g_file_test (whole, G_FILE_TEST_EXISTS);
}

static inline void
make_file (Store *store, const char *path, const char *content)
{
  g_autofree char *whole = g_build_filename (store->root, path, NULL);
  g_autofree char *folder = g_path_get_dirname (whole);
  g_autoptr (GError) error = NULL;

  g_assert_cmpint (g_mkdir_with_parents (folder, 0700), ==, 0);
  g_file_set_contents (whole, content, -1, &error);
  g_assert_no_error (error);
}

/* How many entries the store's root has. */
static inline guint
count_entries (Store *store)
{
  g_autoptr (GDir) dir = g_dir_open (store->root, 0, NULL);
  guint n = 0;

  while (g_dir_read_name (dir) != NULL)
    n++;
  return n;
}

static inline VmpDomain *
make_domain (const char *uuid, const char *name)
{
  g_autofree char *xml = g_strdup_printf (
      "<domain type='kvm'><name>%s</name><uuid>%s</uuid><memory unit='KiB'>65536</memory>"
      "<vcpu>1</vcpu><os><type arch='x86_64' machine='q35'>hvm</type></os></domain>",
      name, uuid);
  g_autoptr (GError) error = NULL;
  VmpDomain *domain = vmp_domain_new_from_xml (xml, strlen (xml), NULL, &error);

  g_assert_no_error (error);
  return domain;
}

static inline VmpPlace *
begin (Store *store, const char *token, const char *uuid)
{
  g_autoptr (GError) error = NULL;
  VmpPlace *place = vmp_machines_begin (store->machines, token, uuid, "web", &error);

  g_assert_no_error (error);
  return place;
}

static inline void
write_member (Store *store, VmpPlace *place, const char *member)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *final_path = NULL;
  g_autofree char *wanted = NULL;
  vmp_autofd int fd = vmp_machines_create_file (store->machines, place, member, &final_path,
                                                &error);
  struct stat st;

  g_assert_no_error (error);
  g_assert_cmpint (write (fd, "data", 4), ==, 4);
  g_assert_cmpint (fstat (fd, &st), ==, 0);
  g_assert_cmpint (st.st_mode & 0777, ==, 0600);
  wanted = g_build_filename (store->root, UUID, member, NULL);
  g_assert_cmpstr (final_path, ==, wanted);
}

static inline void
write_machine (Store *store, VmpPlace *place, const char *uuid, const char *name)
{
  g_autoptr (VmpDomain) domain = make_domain (uuid, name);
  g_autoptr (GError) error = NULL;

  vmp_machines_write_configuration (store->machines, place, domain, &error);
  g_assert_no_error (error);
  vmp_machines_sync (store->machines, place, &error);
  g_assert_no_error (error);
}

static inline void
define (Store *store, VmpPlace *place)
{
  g_autoptr (GError) error = NULL;

  vmp_machines_define (store->machines, place, &error);
  g_assert_no_error (error);
}

static inline void
undo (Store *store, GVariant *description)
{
  g_autoptr (GError) error = NULL;

  vmp_machines_undo (store->machines, description, &error);
  g_assert_no_error (error);
}

/* A whole machine. */
static inline void
make_machine (Store *store, const char *uuid, const char *name)
{
  g_autofree char *token = vmp_name_new_token ();
  VmpPlace *place = begin (store, token, uuid);

  write_machine (store, place, uuid, name);
  define (store, place);
  vmp_machines_end (store->machines, place);
}
