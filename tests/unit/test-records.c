/* The records of jobs: numbers that are never used twice, and a record that is the old one or the
 * new one whatever happens. */
#include "config.h"

#include "vmp-at.h"
#include "vmp-records.h"
#include "vmport-error.h"
#include "scratch.h"

typedef struct
{
  char *state;
} State;

static void
state_set_up (State *self, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  self->state = g_dir_make_tmp ("vmport-test-XXXXXX", &error);
  g_assert_no_error (error);
}

static void
state_tear_down (State *self, gconstpointer data)
{
  vmp_autofd int root = open ("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  g_autoptr (GError) error = NULL;

  vmp_at_remove_tree (root, self->state + 1, &error);
  g_assert_no_error (error);
  g_free (self->state);
}

static VmpRecords *
open_records (State *self)
{
  g_autoptr (GError) error = NULL;
  VmpRecords *records = vmp_records_open (self->state, &error);

  g_assert_no_error (error);
  return records;
}

static guint
next_number (VmpRecords *records)
{
  g_autoptr (GError) error = NULL;
  guint number = vmp_records_next_number (records, &error);

  g_assert_no_error (error);
  g_assert_cmpuint (number, >, 0);
  return number;
}

static void
write_record (VmpRecords *records, guint number, const char *text)
{
  g_autoptr (GVariant) record = g_variant_ref_sink (
      g_variant_parse (G_VARIANT_TYPE_VARDICT, text, NULL, NULL, NULL));
  g_autoptr (GError) error = NULL;

  vmp_records_write (records, number, record, &error);
  g_assert_no_error (error);
}

static void
put_file (State *self, const char *name, const char *text)
{
  g_autofree char *path = g_build_filename (self->state, "jobs", name, NULL);
  g_autoptr (GError) error = NULL;

  g_file_set_contents (path, text, -1, &error);
  g_assert_no_error (error);
}

static void
test_numbers_rise (State *self, gconstpointer data)
{
  guint last = 0;

  for (guint round = 0; round < 4; round++)
    {
      g_autoptr (VmpRecords) records = open_records (self);

      for (guint i = 0; i < 5; i++)
        {
          guint number = next_number (records);

          g_assert_cmpuint (number, >, last);
          last = number;
        }
    }
}

/* A number counts as used once it was given, whether or not a record was written. */
static void
test_numbers_of_forgotten_jobs (State *self, gconstpointer data)
{
  guint number;

  {
    g_autoptr (VmpRecords) records = open_records (self);

    next_number (records);
    number = next_number (records);
    write_record (records, number, "{'a': <1>}");
    vmp_records_remove (records, number);
    vmp_records_remove (records, number);
  }
  {
    g_autoptr (VmpRecords) records = open_records (self);

    g_assert_cmpuint (next_number (records), >, number);
  }
}

/* Without the counter the records still tell which numbers were used. */
static void
test_lost_counter (State *self, gconstpointer data)
{
  static const char *const contents[] = { NULL, "", "\n", "x", "-1", "0", "1", "0x7", "3 4",
                                          "4294967295", "99999999999999999999" };

  for (gsize i = 0; i < G_N_ELEMENTS (contents); i++)
    {
      guint last, number;

      {
        g_autoptr (VmpRecords) records = open_records (self);

        last = next_number (records);
        write_record (records, last, "{'a': <1>}");
      }
      if (contents[i] == NULL)
        {
          g_autofree char *path = g_build_filename (self->state, "jobs", "next-job", NULL);

          g_assert_cmpint (g_unlink (path), ==, 0);
        }
      else
        put_file (self, "next-job", contents[i]);
      {
        g_autoptr (VmpRecords) records = open_records (self);

        g_test_message ("“%s”", contents[i] != NULL ? contents[i] : "(none)");
        number = next_number (records);
        g_assert_cmpuint (number, >, last);
      }
      {
        g_autoptr (VmpRecords) records = open_records (self);

        g_assert_cmpuint (next_number (records), >, number);
      }
    }
}

static void
test_round_trip (State *self, gconstpointer data)
{
  static const char *const texts[] = {
    "@a{sv} {}",
    "{'Path': <'/a ‘b’ \\\\ \\\"c\\\" \\n \\u0001'>, 'Undo': <[{'Kind': <'Place'>}]>}",
    "{'t': <uint64 18446744073709551615>, 'x': <int64 -5>, 'd': <0.1>, 'y': <byte 0xff>}",
    "{'empty': <@aa{sv} []>, 'o': <objectpath '/a'>, 'v': <<<'nested'>>>}",
  };
  g_autoptr (VmpRecords) records = open_records (self);

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (GVariant) wanted = g_variant_parse (G_VARIANT_TYPE_VARDICT, texts[i], NULL, NULL,
                                                     &error);
      g_autoptr (GVariant) read = NULL;

      g_assert_no_error (error);
      write_record (records, 3, texts[i]);
      read = vmp_records_read (records, 3, &error);
      g_assert_no_error (error);
      g_assert_cmpvariant (read, wanted);
    }
}

static void
test_modes (State *self, gconstpointer data)
{
  g_autoptr (VmpRecords) records = open_records (self);
  g_autofree char *path = g_build_filename (self->state, "jobs", "1", NULL);
  g_autofree char *folder = g_build_filename (self->state, "jobs", NULL);
  struct stat st;

  write_record (records, 1, "{'Directory': <'/home/alice/secret'>}");
  g_assert_cmpint (stat (path, &st), ==, 0);
  g_assert_cmpint (st.st_mode & 0777, ==, 0600);
  g_assert_cmpint (stat (folder, &st), ==, 0);
  g_assert_cmpint (st.st_mode & 0777, ==, 0700);
}

/* A replacement that was cut short is not the record, and does not stay. */
static void
test_half_written (State *self, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) read = NULL;
  g_autoptr (GArray) numbers = NULL;
  const char *a;

  {
    g_autoptr (VmpRecords) records = open_records (self);

    write_record (records, 4, "{'a': <'whole'>}");
  }
  put_file (self, ".4.0123456789abcdef0123456789abcdef", "{'a': <'ha");
  put_file (self, ".next-job.0123456789abcdef0123456789abcdef", "");
  {
    g_autoptr (VmpRecords) records = open_records (self);
    g_autofree char *folder = g_build_filename (self->state, "jobs", NULL);
    g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
    const char *name;

    read = vmp_records_read (records, 4, &error);
    g_assert_no_error (error);
    g_assert_true (g_variant_lookup (read, "a", "&s", &a));
    g_assert_cmpstr (a, ==, "whole");
    numbers = vmp_records_list (records, &error);
    g_assert_no_error (error);
    g_assert_cmpuint (numbers->len, ==, 1);
    while ((name = g_dir_read_name (dir)) != NULL)
      g_assert_cmpint (name[0], !=, '.');
  }
}

/* A record that cannot be read fails by itself; the others are there, and its number is used. */
static void
test_broken_record (State *self, gconstpointer data)
{
  static const char *const broken[] = { "", "{", "5", "[1, 2]", "{'a': 1}", "{'a': <1>} x",
                                        "@a{sv} <{}>" };
  g_autoptr (GArray) numbers = NULL;
  g_autoptr (GError) error = NULL;

  {
    g_autoptr (VmpRecords) records = open_records (self);

    write_record (records, 1, "{'a': <1>}");
  }
  for (guint i = 0; i < G_N_ELEMENTS (broken); i++)
    {
      g_autofree char *name = g_strdup_printf ("%u", 10 + i);

      put_file (self, name, broken[i]);
    }
  put_file (self, "notes.txt", "not a record");
  put_file (self, "0", "{'a': <1>}");
  put_file (self, "007x", "{'a': <1>}");
  {
    g_autoptr (VmpRecords) records = open_records (self);

    numbers = vmp_records_list (records, &error);
    g_assert_no_error (error);
    g_assert_cmpuint (numbers->len, ==, 1 + G_N_ELEMENTS (broken));
    g_assert_cmpuint (g_array_index (numbers, guint, 0), ==, 1);
    for (guint i = 1; i < numbers->len; i++)
      {
        g_test_message ("%s", broken[i - 1]);
        g_assert_cmpuint (g_array_index (numbers, guint, i), ==, 9 + i);
        g_assert_null (vmp_records_read (records, 9 + i, &error));
        g_assert_nonnull (error);
        g_clear_error (&error);
      }
    g_assert_cmpuint (next_number (records), ==, 10 + G_N_ELEMENTS (broken));
    g_assert_null (vmp_records_read (records, 999, &error));
    g_assert_error (error, VMPORT_ERROR, VMPORT_ERROR_NOT_FOUND);
  }
}

/* A link in the place of a record leads nowhere. */
static void
test_links (State *self, gconstpointer data)
{
  g_autoptr (VmpRecords) records = open_records (self);
  g_autofree char *path = g_build_filename (self->state, "jobs", "5", NULL);
  g_autofree char *elsewhere = g_build_filename (self->state, "elsewhere", NULL);
  g_autofree char *content = NULL;
  g_autoptr (GError) error = NULL;

  g_file_set_contents (elsewhere, "{'a': <1>}", -1, &error);
  g_assert_no_error (error);
  g_assert_cmpint (symlink (elsewhere, path), ==, 0);
  g_assert_null (vmp_records_read (records, 5, &error));
  g_assert_nonnull (error);
  g_clear_error (&error);
  write_record (records, 5, "{'a': <2>}");
  g_file_get_contents (elsewhere, &content, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (content, ==, "{'a': <1>}");
}

#define ADD(path, func) \
  g_test_add ("/records/" path, State, NULL, state_set_up, func, state_tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("numbers-rise", test_numbers_rise);
  ADD ("numbers-of-forgotten-jobs", test_numbers_of_forgotten_jobs);
  ADD ("lost-counter", test_lost_counter);
  ADD ("round-trip", test_round_trip);
  ADD ("modes", test_modes);
  ADD ("half-written", test_half_written);
  ADD ("broken-record", test_broken_record);
  ADD ("links", test_links);
  return g_test_run ();
}
