/* vmp-name: names that come from outside, and what is made of them. */
#include <string.h>

#include "vmp-name.h"

typedef struct
{
  const char *text;
  gboolean relative;
  gboolean absolute;
  gboolean component;
} PathRow;

static const PathRow paths[] = {
  { "a", TRUE, FALSE, TRUE },
  { "a/b", TRUE, FALSE, FALSE },
  { "a b/ü.qcow2", TRUE, FALSE, FALSE },
  { ".hidden", TRUE, FALSE, TRUE },
  { "...", TRUE, FALSE, TRUE },
  { "", FALSE, FALSE, FALSE },
  { ".", FALSE, FALSE, FALSE },
  { "..", FALSE, FALSE, FALSE },
  { "a/../b", FALSE, FALSE, FALSE },
  { "a//b", FALSE, FALSE, FALSE },
  { "a/", FALSE, FALSE, FALSE },
  { "a/./b", FALSE, FALSE, FALSE },
  { "a\nb", FALSE, FALSE, FALSE },
  { "a\x7f", FALSE, FALSE, FALSE },
  { "\xff", FALSE, FALSE, FALSE },
  { "/", FALSE, TRUE, FALSE },
  { "/a/b", FALSE, TRUE, FALSE },
  { "//a", FALSE, FALSE, FALSE },
  { "/a/", FALSE, FALSE, FALSE },
  { "/a/..", FALSE, FALSE, FALSE },
  { "/../a", FALSE, FALSE, FALSE },
  { "/./a", FALSE, FALSE, FALSE },
};

static void
test_paths (void)
{
  g_autofree char *long_name = g_strnfill (256, 'a');
  g_autofree char *long_path = g_strnfill (5000, 'a');

  for (gsize i = 0; i < G_N_ELEMENTS (paths); i++)
    {
      g_autofree char *shown = g_utf8_make_valid (paths[i].text, -1);

      g_test_message ("“%s”", shown);
      g_assert_cmpint (vmp_name_is_relative (paths[i].text), ==, paths[i].relative);
      g_assert_cmpint (vmp_name_is_absolute (paths[i].text), ==, paths[i].absolute);
      g_assert_cmpint (vmp_name_is_component (paths[i].text), ==, paths[i].component);
    }
  g_assert_false (vmp_name_is_component (long_name));
  g_assert_true (vmp_name_is_component (long_name + 1));
  for (gsize i = 100; i < 5000; i += 100)
    long_path[i] = '/';
  g_assert_false (vmp_name_is_relative (long_path));
  g_assert_true (vmp_name_is_relative (long_path + 1001));
}

static void
test_join (void)
{
  const struct
  {
    const char *given, *joined;
  } rows[] = {
    { "/a/b", "/a/c" }, { "/b", "/c" }, { "a/b", "a/c" }, { "b", "c" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autofree char *folder = g_path_get_dirname (rows[i].given);
      g_autofree char *joined = vmp_name_join (folder, "c");

      g_assert_cmpstr (joined, ==, rows[i].joined);
    }
}

static void
test_vm_names (void)
{
  static const char *const good[] = { "web", "web 2", "ü", "a.b", "-x", ".x", "日本" };
  static const char *const bad[] = { "", " ", "\t", "a/b", ".", "..", "a\nb", "a\xc2\x85", "\xff" };
  g_autofree char *long_name = g_strnfill (256, 'a');

  for (gsize i = 0; i < G_N_ELEMENTS (good); i++)
    g_assert_true (vmp_name_is_vm_name (good[i]));
  for (gsize i = 0; i < G_N_ELEMENTS (bad); i++)
    g_assert_false (vmp_name_is_vm_name (bad[i]));
  g_assert_false (vmp_name_is_vm_name (long_name));
}

static void
test_scopes (void)
{
  static const char *const good[] = { "lab", "R&D lab", "ü", "日本", ".", "a/b", "$(vm_name)" };
  static const char *const bad[] = { "",      " ",      " lab",           "lab ", "lab\xc2\xa0",
                                     "a\nb",  "a\x7f", "a\xe2\x80\xae" "b", "\xff", "a\xc2\x85" };
  g_autofree char *longest = g_strnfill (VMP_SCOPE_MAX_BYTES, 'a');
  g_autofree char *too_long = g_strnfill (VMP_SCOPE_MAX_BYTES + 1, 'a');

  for (gsize i = 0; i < G_N_ELEMENTS (good); i++)
    g_assert_true (vmp_name_is_scope (good[i]));
  for (gsize i = 0; i < G_N_ELEMENTS (bad); i++)
    g_assert_false (vmp_name_is_scope (bad[i]));
  g_assert_true (vmp_name_is_scope (longest));
  g_assert_false (vmp_name_is_scope (too_long));
}

static void
test_escape (void)
{
  static const char *const names[] = { "abc", "a_b", "", "a b/ü", "_", "0", "system-1.ü" };
  static const char *const never_written[] = { "_", "_x", "_5F", "a-b", "_00", "_61", "_ff" };

  for (gsize i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autofree char *escaped = vmp_name_escape (names[i]);
      g_autofree char *back = vmp_name_unescape (escaped);

      g_assert_cmpstr (back, ==, names[i]);
      g_assert_cmpuint (strspn (escaped, "abcdefghijklmnopqrstuvwxyz0123456789_"), ==,
                        strlen (escaped));
    }
  for (gsize i = 0; i < G_N_ELEMENTS (never_written); i++)
    {
      g_autofree char *back = vmp_name_unescape (never_written[i]);

      g_assert_null (back);
    }
}

static void
test_uuid (void)
{
  const char *uuid = "6f1c9a3e-5b0d-4c7e-8a52-000000000001";
  g_autofree char *element = vmp_name_uuid_to_path (uuid);
  g_autofree char *back = vmp_name_uuid_from_path (element);

  g_assert_cmpstr (element, ==, "6f1c9a3e_5b0d_4c7e_8a52_000000000001");
  g_assert_cmpstr (back, ==, uuid);
  g_assert_null (vmp_name_uuid_from_path (uuid));
  g_assert_null (vmp_name_uuid_from_path ("6F1C9A3E_5B0D_4C7E_8A52_000000000001"));
  g_assert_false (vmp_name_is_uuid ("6F1C9A3E-5B0D-4C7E-8A52-000000000001"));
  g_assert_false (vmp_name_is_uuid ("6f1c9a3e5b0d4c7e8a52000000000001"));
}

static void
test_folder (void)
{
  g_autofree char *plain = vmp_name_to_folder ("web 2");
  g_autofree char *dot = vmp_name_to_folder (".a.b");
  g_autofree char *slash = vmp_name_to_folder ("a/b\n\xc2\x85");
  g_autofree char *umlauts = NULL;
  g_autoptr (GString) name = g_string_new (NULL);

  g_assert_cmpstr (plain, ==, "web 2");
  g_assert_cmpstr (dot, ==, "%2Ea.b");
  g_assert_cmpstr (slash, ==, "a%2Fb%0A%C2%85");
  for (guint i = 0; i < 120; i++)
    g_string_append (name, "ü");
  umlauts = vmp_name_to_folder (name->str);
  g_assert_cmpuint (strlen (umlauts), ==, 200);
  g_assert_true (g_utf8_validate (umlauts, -1, NULL));
  g_assert_true (vmp_name_is_component (umlauts));
}

static void
test_clean (void)
{
  g_autofree char *clean = vmp_name_clean ("a\n\x1b[31mb\xe2\x80\xae"
                                           "c\xe2\x80\xa8",
                                           100);
  g_autofree char *cut = vmp_name_clean ("abcdef", 3);
  g_autofree char *invalid = vmp_name_clean ("a\xff", 10);

  g_assert_cmpstr (clean, ==, "a[31mbc");
  g_assert_cmpstr (cut, ==, "abc…");
  g_assert_true (g_utf8_validate (invalid, -1, NULL));
}

static void
test_token (void)
{
  g_autofree char *first = vmp_name_new_token ();
  g_autofree char *second = vmp_name_new_token ();

  g_assert_true (vmp_name_is_token (first));
  g_assert_cmpstr (first, !=, second);
  g_assert_false (vmp_name_is_token ("xyz"));
  g_assert_false (vmp_name_is_token ("ABCDEFABCDEFABCDEFABCDEFABCDEFAB"));
}

static void
test_make_unique (void)
{
  static const char *const rows[][2] = {
    { "disk.qcow2", "disk.qcow2" },
    { "disk.qcow2", "disk-2.qcow2" },
    { "DISK.QCOW2", "DISK-3.QCOW2" },
    { "a.tar.gz", "a.tar.gz" },
    { "a.tar.gz", "a.tar-2.gz" },
    { ".x", ".x" },
    { ".x", ".x-2" },
    { "plain", "plain" },
    { "plain", "plain-2" },
  };
  g_autoptr (GHashTable) taken = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autofree char *unique = vmp_name_make_unique (rows[i][0], taken);

      g_assert_cmpstr (unique, ==, rows[i][1]);
    }
}

static void
test_relative (void)
{
  static const char *const rows[][3] = {
    { "Virtual Hard Disks", "Virtual Hard Disks/base.qcow2", "base.qcow2" },
    { "Snapshots/s1", "Virtual Hard Disks/base.qcow2", "../../Virtual Hard Disks/base.qcow2" },
    { "Snapshots/s1", "Snapshots/s1/a.qcow2", "a.qcow2" },
    { "Snapshots/s1", "Snapshots/s2/a.qcow2", "../s2/a.qcow2" },
    { "Snapshots/s1", "Snapshots/s1", "../s1" },
    { "a", "ab/c", "../ab/c" },
    { "a/b", "a", "../../a" },
    { "/x/y", "/x/z/a", "../z/a" },
    { "/x", "/y", "../y" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autofree char *relative = vmp_name_relative_to (rows[i][0], rows[i][1]);
      g_autofree char *again = NULL;

      g_assert_cmpstr (relative, ==, rows[i][2]);
      again = vmp_name_resolve (rows[i][0], relative);
      g_assert_cmpstr (again, ==, rows[i][1]);
    }
}

static void
test_resolve (void)
{
  static const char *const rows[][3] = {
    { "Snapshots/s1", "./a//b", "Snapshots/s1/a/b" },
    { "Snapshots/s1", "../../../etc/passwd", NULL },
    { "Snapshots/s1", "../../../Snapshots/s1/a", NULL },
    { "Snapshots/s1", "/etc/passwd", NULL },
    { "Snapshots/s1", "", NULL },
    { "Virtual Hard Disks", "../vmport.xml", "vmport.xml" },
    { "Virtual Hard Disks", "..", "" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autofree char *resolved = vmp_name_resolve (rows[i][0], rows[i][1]);

      g_assert_cmpstr (resolved, ==, rows[i][2]);
    }
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/name/paths", test_paths);
  g_test_add_func ("/name/join", test_join);
  g_test_add_func ("/name/vm-names", test_vm_names);
  g_test_add_func ("/name/scopes", test_scopes);
  g_test_add_func ("/name/escape", test_escape);
  g_test_add_func ("/name/uuid", test_uuid);
  g_test_add_func ("/name/folder", test_folder);
  g_test_add_func ("/name/clean", test_clean);
  g_test_add_func ("/name/token", test_token);
  g_test_add_func ("/name/make-unique", test_make_unique);
  g_test_add_func ("/name/relative", test_relative);
  g_test_add_func ("/name/resolve", test_resolve);
  return g_test_run ();
}
