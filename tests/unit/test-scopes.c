/* The record of security scopes: it says after any failure what it said before, or it stops the
 * daemon; and what one import takes back is not another's. */
#include "config.h"

#include <signal.h>
#include <sys/resource.h>

#include "vmp-at.h"
#include "vmp-scopes.h"
#include "vmport-error.h"
#include "scratch.h"

#define UUID "6f1c9a3e-5b0d-4c7e-8a52-000000000001"
#define OTHER "6f1c9a3e-5b0d-4c7e-8a52-000000000002"

static const char *const lab_and_prod[] = { "lab", "prod", NULL };

typedef struct
{
  char *state;
  char *file;
  VmpScopes *scopes;
} State;

static void
open_again (State *self)
{
  g_autoptr (GError) error = NULL;

  g_clear_object (&self->scopes);
  self->scopes = vmp_scopes_open (self->state, lab_and_prod, &error);
  g_assert_no_error (error);
}

static void
state_set_up (State *self, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  self->state = g_dir_make_tmp ("vmport-test-XXXXXX", &error);
  g_assert_no_error (error);
  self->file = g_build_filename (self->state, "scopes", NULL);
  open_again (self);
}

static void
state_tear_down (State *self, gconstpointer data)
{
  vmp_autofd int root = open ("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  g_autoptr (GError) error = NULL;

  g_assert_finalize_object (self->scopes);
  vmp_at_remove_tree (root, self->state + 1, &error);
  g_assert_no_error (error);
  g_free (self->state);
  g_free (self->file);
}

static void
set (State *self, const char *manager, const char *uuid, const char *scope, guint job)
{
  g_autoptr (GError) error = NULL;

  vmp_scopes_set (self->scopes, manager, uuid, scope, job, &error);
  g_assert_no_error (error);
}

static void
take_back (State *self, guint job, const char *before)
{
  g_autoptr (GError) error = NULL;

  vmp_scopes_take_back (self->scopes, "store", UUID, job, before, &error);
  g_assert_no_error (error);
}

static void
assert_scope (State *self, const char *manager, const char *uuid, const char *wanted)
{
  g_autofree char *scope = vmp_scopes_lookup (self->scopes, manager, uuid);

  g_assert_cmpstr (scope, ==, wanted);
}

static void
assert_text (State *self, const char *wanted)
{
  g_autofree char *text = NULL;
  g_autoptr (GError) error = NULL;

  g_file_get_contents (self->file, &text, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (text, ==, wanted);
}

static void
put_file (State *self, const char *text, gssize size)
{
  g_autoptr (GError) error = NULL;

  g_file_set_contents (self->file, text, size, &error);
  g_assert_no_error (error);
}

/* Has to fail, with @text in its message. */
static void
assert_broken (State *self, const char *text)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (vmp_scopes_open (self->state, lab_and_prod, &error));
  g_assert_error (error, VMPORT_ERROR, VMPORT_ERROR_CORRUPT);
  g_test_message ("%s", error->message);
  g_assert_nonnull (strstr (error->message, self->file));
  g_assert_nonnull (strstr (error->message, text));
}

static void
test_defined (State *self, gconstpointer data)
{
  static const char *const others[] = { "test", NULL };
  g_auto (GStrv) before = vmp_scopes_list_defined (self->scopes);
  g_auto (GStrv) after = NULL;
  g_autoptr (GError) error = NULL;

  g_assert_true (g_strv_equal ((const char *const *) before, lab_and_prod));
  g_assert_true (vmp_scopes_is_defined (self->scopes, ""));
  g_assert_true (vmp_scopes_is_defined (self->scopes, "lab"));
  g_assert_false (vmp_scopes_is_defined (self->scopes, "Lab"));
  vmp_scopes_set_defined (self->scopes, others);
  after = vmp_scopes_list_defined (self->scopes);
  g_assert_true (g_strv_equal ((const char *const *) after, others));
  g_assert_false (vmp_scopes_check_defined (self->scopes, "lab", &error));
  g_assert_error (error, VMPORT_ERROR, VMPORT_ERROR_INVALID_PARAMETER);
  g_assert_nonnull (strstr (error->message, "lab"));
}

static void
test_round_trip (State *self, gconstpointer data)
{
  assert_scope (self, "store", UUID, NULL);
  g_assert_false (g_file_test (self->file, G_FILE_TEST_EXISTS));
  set (self, "store", UUID, "lab", 7);
  set (self, "archive", UUID, "it's “prod”", VMP_SCOPES_NO_JOB);
  set (self, "store", OTHER, "", VMP_SCOPES_NO_JOB);
  for (guint i = 0; i < 2; i++)
    {
      assert_scope (self, "store", UUID, "lab");
      assert_scope (self, "archive", UUID, "it's “prod”");
      assert_scope (self, "store", OTHER, "");
      assert_scope (self, "archive", OTHER, NULL);
      open_again (self);
    }
  assert_text (self, "[\n"
                     " ('archive', '" UUID "', \"it's “prod”\", 0),\n"
                     " ('store', '" UUID "', 'lab', 7),\n"
                     " ('store', '" OTHER "', '', 0)\n"
                     "]\n");
}

/* A scope need not be defined: that may change, and its machines stay closed. */
static void
test_undefined_scope_is_kept (State *self, gconstpointer data)
{
  static const char *const none[] = { NULL };

  set (self, "store", UUID, "lab", VMP_SCOPES_NO_JOB);
  vmp_scopes_set_defined (self->scopes, none);
  assert_scope (self, "store", UUID, "lab");
}

static void
test_drop (State *self, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  set (self, "store", UUID, "lab", 7);
  set (self, "store", OTHER, "lab", 8);
  for (guint i = 0; i < 2; i++)
    {
      vmp_scopes_drop (self->scopes, "store", UUID, &error);
      g_assert_no_error (error);
    }
  open_again (self);
  assert_scope (self, "store", UUID, NULL);
  assert_scope (self, "store", OTHER, "lab");
}

/* What is found of a machine counts where nothing is recorded of it. */
static void
test_adopt (State *self, gconstpointer data)
{
  g_autofree char *long_name = g_strnfill (256, 'x');
  g_autoptr (GHashTable) found = g_hash_table_new (g_str_hash, g_str_equal);
  g_autoptr (GError) error = NULL;

  set (self, "store", UUID, "", VMP_SCOPES_NO_JOB);
  g_hash_table_insert (found, UUID, "prod");
  g_hash_table_insert (found, OTHER, "gone");
  g_hash_table_insert (found, "6f1c9a3e-5b0d-4c7e-8a52-000000000003", "");
  g_hash_table_insert (found, "6f1c9a3e-5b0d-4c7e-8a52-000000000004", " lab");
  g_hash_table_insert (found, "6f1c9a3e-5b0d-4c7e-8a52-000000000005", long_name);
  g_assert_true (vmp_scopes_adopt (self->scopes, "store", found, &error));
  g_assert_no_error (error);
  for (guint again = 0; again < 2; again++)
    {
      assert_scope (self, "store", UUID, "");
      assert_scope (self, "store", OTHER, "gone");
      assert_scope (self, "other", OTHER, NULL);
      assert_scope (self, "store", "6f1c9a3e-5b0d-4c7e-8a52-000000000003", NULL);
      assert_scope (self, "store", "6f1c9a3e-5b0d-4c7e-8a52-000000000004", NULL);
      assert_scope (self, "store", "6f1c9a3e-5b0d-4c7e-8a52-000000000005", NULL);
      open_again (self);
    }
}

static void
test_take_back (State *self, gconstpointer data)
{
  take_back (self, 7, NULL);
  assert_scope (self, "store", UUID, NULL);
  set (self, "store", UUID, "lab", 7);
  take_back (self, 7, NULL);
  assert_scope (self, "store", UUID, NULL);

  set (self, "store", UUID, "lab", VMP_SCOPES_NO_JOB);
  set (self, "store", UUID, "prod", 7);
  take_back (self, 7, "lab");
  assert_scope (self, "store", UUID, "lab");
  take_back (self, 7, NULL); /* once is enough */
  assert_scope (self, "store", UUID, "lab");
  open_again (self);
  assert_scope (self, "store", UUID, "lab");
}

/* A later import of the same id, or SetSecurityScope, has said something since, were it the same. */
static void
test_take_back_of_what_is_anothers (State *self, gconstpointer data)
{
  static const guint later[] = { 8, VMP_SCOPES_NO_JOB };

  for (gsize i = 0; i < G_N_ELEMENTS (later); i++)
    {
      set (self, "store", UUID, "lab", 7);
      set (self, "store", UUID, "lab", later[i]);
      open_again (self);
      take_back (self, 7, NULL);
      assert_scope (self, "store", UUID, "lab");
    }
}

static void
test_mode (State *self, gconstpointer data)
{
  struct stat st;

  set (self, "store", UUID, "lab", 7);
  g_assert_cmpint (lstat (self->file, &st), ==, 0);
  g_assert_cmphex (st.st_mode, ==, S_IFREG | 0600);
}

static void
test_half_written (State *self, gconstpointer data)
{
  g_autofree char *temporary = g_strconcat (self->state,
                                            "/.scopes.0123456789abcdef0123456789abcdef", NULL);
  g_autofree char *others = g_strconcat (self->state, "/.scopes.old", NULL);

  set (self, "store", UUID, "lab", 7);
  g_assert_true (g_file_set_contents (temporary, "[('st", -1, NULL));
  g_assert_true (g_file_set_contents (others, "mine", -1, NULL));
  open_again (self);
  assert_scope (self, "store", UUID, "lab");
  g_assert_false (g_file_test (temporary, G_FILE_TEST_EXISTS));
  g_assert_true (g_file_test (others, G_FILE_TEST_EXISTS));
}

static void
test_broken (State *self, gconstpointer data)
{
  static const char *const records[] = {
    "",
    "\n",
    "lab",
    "[('store', '" UUID "', 'lab', 7)",
    "[('store', '" UUID "', 'lab', 7),]",
    "[('store', '" UUID "', 'lab')]",
    "[('store', '" UUID "', 'lab', 7)] and more",
    "{'store': '" UUID "'}",
    "[('', '" UUID "', 'lab', 7)]",
    "[('a/b', '" UUID "', 'lab', 7)]",
    "[('store', 'web', 'lab', 7)]",
    "[('store', '6F1C9A3E-5B0D-4C7E-8A52-000000000001', 'lab', 7)]",
    "[('store', '" UUID "', 'la\\nb', 7)]",
    "[('store', '" UUID "', ' lab', 7)]",
    "[('store', '" UUID "', 'lab', -1)]",
    "[('store', '" UUID "', 'lab', 7), ('store', '" UUID "', 'prod', 8)]",
    "[('store', '" UUID "', 'l\xff" "b', 7)]",
  };

  set (self, "store", UUID, "lab", 7);
  for (gsize i = 0; i < G_N_ELEMENTS (records); i++)
    {
      put_file (self, records[i], -1);
      assert_broken (self, "good copy");
    }
  put_file (self, "[]\0[]", 5);
  assert_broken (self, "not text");
  put_file (self, "[]", -1);
  open_again (self);
  assert_scope (self, "store", UUID, NULL);
}

static void
test_no_file (State *self, gconstpointer data)
{
  g_autofree char *elsewhere = g_build_filename (self->state, "elsewhere", NULL);

  g_assert_true (g_file_set_contents (elsewhere, "[]", -1, NULL));
  g_assert_cmpint (symlink (elsewhere, self->file), ==, 0);
  assert_broken (self, "link");
  g_assert_cmpint (g_unlink (self->file), ==, 0);
  g_assert_cmpint (g_mkdir (self->file, 0700), ==, 0);
  assert_broken (self, "good copy");
}

/* As many lines as make the file almost as large as may be read. */
static void
test_full (State *self, gconstpointer data)
{
  g_autoptr (GString) text = g_string_new ("[");
  g_autofree char *name = g_strnfill (255, 'x');
  g_autofree char *before = NULL;
  g_autoptr (GError) error = NULL;

  for (guint i = 0; text->len < 16 * 1024 * 1024 - 700; i++)
    g_string_append_printf (text, "%s\n ('store', '6f1c9a3e-5b0d-4c7e-8a53-%012x', '%s', 0)",
                            i > 0 ? "," : "", i, name);
  g_string_append (text, "\n]\n");
  put_file (self, text->str, (gssize) text->len);
  open_again (self);
  set (self, "store", UUID, "lab", 7);
  g_file_get_contents (self->file, &before, NULL, NULL);
  for (guint i = 0; i < 4 && error == NULL; i++)
    {
      g_autofree char *uuid = g_uuid_string_random ();

      vmp_scopes_set (self->scopes, "store", uuid, name, 0, &error);
    }
  g_assert_error (error, VMPORT_ERROR, VMPORT_ERROR_NO_SPACE);
  g_assert_nonnull (strstr (error->message, "lines"));
  open_again (self); /* what was written can be read */
  assert_scope (self, "store", UUID, "lab");
}

/* Nothing can be written: the limit holds for root too. */
static void
test_write_fails (State *self, gconstpointer data)
{
  struct rlimit before, none;
  g_autoptr (GError) error = NULL;

  set (self, "store", UUID, "lab", 7);
  signal (SIGXFSZ, SIG_IGN);
  g_assert_cmpint (getrlimit (RLIMIT_FSIZE, &before), ==, 0);
  none = before;
  none.rlim_cur = 0;
  g_assert_cmpint (setrlimit (RLIMIT_FSIZE, &none), ==, 0);
  g_assert_false (vmp_scopes_set (self->scopes, "store", UUID, "", 0, &error));
  g_assert_cmpint (setrlimit (RLIMIT_FSIZE, &before), ==, 0);
  g_assert_error (error, VMPORT_ERROR, VMPORT_ERROR_NO_SPACE);
  g_assert_nonnull (strstr (error->message, UUID));
  assert_scope (self, "store", UUID, "lab");
  assert_text (self, "[\n ('store', '" UUID "', 'lab', 7)\n]\n");

  /* Whatever comes next makes sure of the file first, even where it has nothing to change. */
  put_file (self, "[]", -1);
  take_back (self, 1, NULL);
  assert_text (self, "[\n ('store', '" UUID "', 'lab', 7)\n]\n");
  put_file (self, "[]", -1);
  take_back (self, 1, NULL);
  assert_text (self, "[]");
}

typedef struct
{
  State *state;
  gint ended;
} Writing;

static gpointer
write_much (gpointer data)
{
  Writing *writing = data;

  for (guint i = 0; i < 100; i++)
    set (writing->state, "store", UUID, i % 2 == 0 ? "prod" : "lab", i);
  g_atomic_int_set (&writing->ended, TRUE);
  return NULL;
}

/* Each reader sees the one or the other, and none of them waits for a disk. */
static void
test_threads (State *self, gconstpointer data)
{
  Writing writing = { .state = self };
  GThread *thread;
  guint lookups = 0;

  set (self, "store", UUID, "lab", 0);
  thread = g_thread_new ("writer", write_much, &writing);
  while (!g_atomic_int_get (&writing.ended))
    {
      g_autofree char *scope = vmp_scopes_lookup (self->scopes, "store", UUID);

      g_assert_true (g_strv_contains (lab_and_prod, scope));
      lookups++;
    }
  g_thread_join (thread);
  g_test_message ("%u lookups during 100 changes", lookups);
  g_assert_cmpuint (lookups, >, 100);
}

#define ADD(path, func) \
  g_test_add ("/scopes/" path, State, NULL, state_set_up, func, state_tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("defined", test_defined);
  ADD ("round-trip", test_round_trip);
  ADD ("undefined-scope", test_undefined_scope_is_kept);
  ADD ("drop", test_drop);
  ADD ("adopt", test_adopt);
  ADD ("take-back", test_take_back);
  ADD ("take-back-of-anothers", test_take_back_of_what_is_anothers);
  ADD ("mode", test_mode);
  ADD ("half-written", test_half_written);
  ADD ("broken", test_broken);
  ADD ("no-file", test_no_file);
  ADD ("full", test_full);
  ADD ("write-fails", test_write_fails);
  ADD ("threads", test_threads);
  return g_test_run ();
}
