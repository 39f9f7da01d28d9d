/* What vmportctl computes without a daemon: progress, --set, and clean text. */
#include "config.h"

#include <locale.h>

#include "vmp-ctl-diff.h"
#include "vmp-ctl-progress.h"
#include "vmp-ctl-set.h"
#include "vmp-ctl-text.h"
#include "vmport-error.h"

#define MIB (1024 * 1024)

static void
test_rate (void)
{
  VmpCtlRate rate = { 0 };
  gint64 now = 1000;

  g_assert_cmpint (vmp_ctl_rate_get_seconds_left (&rate, 0, 100), ==, -1);
  vmp_ctl_rate_update (&rate, now, 50 * MIB);
  g_assert_false (rate.started);
  /* Too soon to mean anything. */
  vmp_ctl_rate_update (&rate, now + 1000, 51 * MIB);
  g_assert_false (rate.started);
  for (guint i = 1; i <= 20; i++)
    vmp_ctl_rate_update (&rate, now + i * G_USEC_PER_SEC, (50 + i * 10) * (guint64) MIB);
  g_assert_cmpfloat_with_epsilon (rate.rate, 10.0 * MIB, 1.0);
  g_assert_cmpint (vmp_ctl_rate_get_seconds_left (&rate, 250 * MIB, 350 * MIB), ==, 10);
  g_assert_cmpint (vmp_ctl_rate_get_seconds_left (&rate, 250 * MIB, 250 * MIB), ==, 0);
  g_assert_cmpint (vmp_ctl_rate_get_seconds_left (&rate, 300 * MIB, 250 * MIB), ==, -1);
  g_assert_cmpint (vmp_ctl_rate_get_seconds_left (&rate, 0, G_MAXUINT64), ==, -1);
  /* It follows a change, but not at once. */
  vmp_ctl_rate_update (&rate, now + 21 * G_USEC_PER_SEC, 250 * MIB);
  g_assert_cmpfloat (rate.rate, <, 10.0 * MIB);
  g_assert_cmpfloat (rate.rate, >, 5.0 * MIB);
  /* A count that goes back starts anew. */
  vmp_ctl_rate_update (&rate, now + 22 * G_USEC_PER_SEC, 0);
  g_assert_false (rate.started);
}

static void
assert_string (char *got, const char *wanted)
{
  g_assert_cmpstr (got, ==, wanted);
  g_free (got);
}

static void
test_format (void)
{
  assert_string (vmp_ctl_progress_format_time (-1), "-:--");
  assert_string (vmp_ctl_progress_format_time (0), "0:00");
  assert_string (vmp_ctl_progress_format_time (7), "0:07");
  assert_string (vmp_ctl_progress_format_time (3599), "59:59");
  assert_string (vmp_ctl_progress_format_time (3600), "1:00:00");
  assert_string (vmp_ctl_progress_format_time (100 * 3600 + 61), "100:01:01");
  assert_string (vmp_ctl_progress_format_bar (0, 10), "[----------]");
  assert_string (vmp_ctl_progress_format_bar (55, 10), "[#####-----]");
  assert_string (vmp_ctl_progress_format_bar (99, 10), "[#########-]");
  assert_string (vmp_ctl_progress_format_bar (100, 10), "[##########]");
  assert_string (vmp_ctl_progress_format_bar (500, 10), "[##########]");
  assert_string (vmp_ctl_progress_format_bar (50, 0), "[]");
}

static void
test_line (void)
{
  VmpCtlRate rate = { .time = 1, .bytes = 1, .rate = 10.0 * MIB, .started = TRUE };
  g_autofree char *line
    = vmp_ctl_progress_format_line ("Copying", 50, 100 * MIB, 200 * MIB, &rate, 100);
  g_autofree char *step = vmp_ctl_progress_format_step ("Copying", 50, 100 * MIB, 200 * MIB);
  g_autofree char *queued = vmp_ctl_progress_format_step ("Queued", 0, 0, 0);

  g_test_message ("%s", line);
  g_assert_true (g_str_has_prefix (line, "Copying   [####"));
  g_assert_nonnull (strstr (line, "  50%  100.0"));
  g_assert_true (g_str_has_suffix (line, "MiB/s  0:10 left"));
  g_assert_true (g_str_has_prefix (step, "Copying 50% (100.0"));
  g_assert_cmpstr (queued, ==, "Queued 0%");

  /* Whatever the width: one line, never wider. */
  for (guint columns = 1; columns < 200; columns++)
    {
      g_autofree char *narrow = vmp_ctl_progress_format_line ("Vérifying…", 100, G_MAXUINT64,
                                                              G_MAXUINT64, &rate, columns);

      g_assert_cmpint (g_utf8_strlen (narrow, -1), <=, columns);
      g_assert_true (g_utf8_validate (narrow, -1, NULL));
    }
}

static void
test_steps (void)
{
  VmpCtlSteps steps = { 0 };
  guint lines = 0;

  g_assert_true (vmp_ctl_steps_update (&steps, 0, "Queued"));
  g_assert_false (vmp_ctl_steps_update (&steps, 0, "Queued"));
  for (guint percent = 0; percent <= 100; percent++)
    lines += vmp_ctl_steps_update (&steps, percent, "Copying") ? 1 : 0;
  g_assert_cmpuint (lines, ==, 11);
  g_assert_true (vmp_ctl_steps_update (&steps, 100, "Syncing"));
  vmp_ctl_steps_clear (&steps);
}

static void
check_set (const char *type, const char *text, const char *wanted)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) value
    = vmp_ctl_set_parse ("Key", text, (const GVariantType *) type, &error);
  g_autofree char *printed = NULL;

  g_test_message ("%s %s", type, text);
  if (wanted == NULL)
    {
      g_assert_null (value);
      g_assert_error (error, VMPORT_ERROR, VMPORT_ERROR_INCORRECT_DATA_TYPE);
      g_assert_nonnull (strstr (error->message, "Key"));
      return;
    }
  g_assert_no_error (error);
  g_assert_true (g_variant_is_of_type (value, (const GVariantType *) type));
  printed = g_variant_print (value, FALSE);
  g_assert_cmpstr (printed, ==, wanted);
}

static void
test_set (void)
{
  check_set ("s", "bare 'words'", "\"bare 'words'\"");
  check_set ("s", "", "''");
  check_set ("b", "yes", "true");
  check_set ("b", "No", "false");
  check_set ("b", "1", "true");
  check_set ("b", "maybe", NULL);
  check_set ("y", "3", "0x03");
  check_set ("y", "256", NULL);
  check_set ("y", "-1", NULL);
  check_set ("t", "18446744073709551615", "18446744073709551615");
  check_set ("t", "fast", NULL);
  check_set ("as", "['a', 'b']", "['a', 'b']");
  check_set ("as", "[]", "[]");
  check_set ("as", "a", NULL);
  check_set ("o", "/", "'/'");
  check_set ("o", "no path", NULL);
  check_set ("h", "0", NULL);
}

static void
test_apply (void)
{
  g_autoptr (GVariant) known = g_variant_ref_sink (
    g_variant_new_parsed ("{'Name': <'web'>, 'CreateCopy': <true>}"));
  const char *const good[] = { "Name=a=b", "CreateCopy=no", "Name=last", NULL };
  const char *const unknown[] = { "Nam=web", NULL };
  const char *const malformed[] = { "Name", NULL };
  g_auto (GVariantDict) settings = G_VARIANT_DICT_INIT (NULL);
  g_autoptr (GVariant) result = NULL;
  g_autofree char *printed = NULL;
  g_autoptr (GError) error = NULL;

  g_assert_false (vmp_ctl_set_apply (&settings, known, unknown, &error));
  g_assert_error (error, VMPORT_ERROR, VMPORT_ERROR_INVALID_PARAMETER);
  g_assert_nonnull (strstr (error->message, "Nam"));
  g_clear_error (&error);
  g_assert_false (vmp_ctl_set_apply (&settings, known, malformed, &error));
  g_clear_error (&error);
  g_assert_true (vmp_ctl_set_apply (&settings, known, good, &error));
  g_assert_no_error (error);
  result = g_variant_ref_sink (g_variant_dict_end (&settings));
  g_assert_cmpuint (g_variant_n_children (result), ==, 2);
  g_assert_true (g_variant_lookup (result, "Name", "s", &printed));
  g_assert_cmpstr (printed, ==, "last");
}

static void
test_text (void)
{
  const char *const heads[] = { "NAME", "STATE", NULL };
  g_autoptr (GPtrArray) rows = g_ptr_array_new ();
  const char *row[] = { "wide 機械", "off", NULL };
  g_autoptr (GVariant) value
    = g_variant_ref_sink (g_variant_new_parsed ("{'Name': <'a\\u009b\\u202eb\\u001b'>}"));

  assert_string (vmp_ctl_text_clean ("a\033[31mb\r\nc\302\233d\u202ee\xff"), "a[31mb cde\ufffd");
  g_ptr_array_add (rows, row);
  assert_string (vmp_ctl_text_table (heads, rows), "NAME       STATE\nwide 機械  off\n");
  assert_string (vmp_ctl_text_json (value),
                 "{\n  \"Name\" : \"a\\u009b\\u202eb\\u001b\"\n}");
}

static void
test_diff (void)
{
  static const struct
  {
    const char *before, *after, *wanted;
  } rows[] = {
    { "a\nb\n", "a\nb\n", "" },
    { NULL, "a\n", "--- f\n+++ f\n@@ 1 @@\n+a\n" },
    { "1\n2\n3\n4\n5\n6\n7\n8\n", "1\n2\n3\n4\nx\n6\n7\n8\n",
      "--- f\n+++ f\n@@ 2 @@\n 2\n 3\n 4\n-5\n+x\n 6\n 7\n 8\n" },
    { "a\nb\nc\n", "b\nc\nd\n", "--- f\n+++ f\n@@ 1 @@\n-a\n b\n c\n+d\n" },
    { "a\n", "\033[2Ja\n", "--- f\n+++ f\n@@ 1 @@\n-a\n+[2Ja\n" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autofree char *diff = vmp_ctl_diff ("f", rows[i].before, rows[i].after);

      g_assert_cmpstr (diff, ==, rows[i].wanted);
    }
}

int
main (int argc, char **argv)
{
  setlocale (LC_ALL, "C.UTF-8");
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/vmportctl/rate", test_rate);
  g_test_add_func ("/vmportctl/format", test_format);
  g_test_add_func ("/vmportctl/line", test_line);
  g_test_add_func ("/vmportctl/steps", test_steps);
  g_test_add_func ("/vmportctl/set", test_set);
  g_test_add_func ("/vmportctl/apply", test_apply);
  g_test_add_func ("/vmportctl/text", test_text);
  g_test_add_func ("/vmportctl/diff", test_diff);
  return g_test_run ();
}
