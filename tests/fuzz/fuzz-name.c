/* Names of any kind, from callers, packages and object paths: what is made of them is what it should
 * be, and leads back where it should. */
#include <gio/gio.h>
#include <string.h>

#include "fuzz.h"
#include "vmp-name.h"

/* A relative name never leads out of the folder that everything is beneath. */
static void
check_paths (const char *text)
{
  g_autofree char *resolved = vmp_name_resolve ("a/b", text);
  g_autofree char *back = NULL;
  g_autofree char *again = NULL;
  g_auto (GStrv) parts = NULL;

  if (resolved == NULL)
    return;
  parts = g_strsplit (resolved, "/", -1);
  g_assert_cmpint (resolved[0], !=, '/');
  for (gsize i = 0; parts[i] != NULL; i++)
    g_assert_true (strcmp (parts[i], "..") != 0 && strcmp (parts[i], ".") != 0);
  if (resolved[0] == '\0')
    return;
  back = vmp_name_relative_to ("a/b", resolved);
  again = vmp_name_resolve ("a/b", back);
  g_assert_cmpstr (again, ==, resolved);
}

static void
check_folder (const char *text)
{
  g_autofree char *folder = vmp_name_is_vm_name (text) ? vmp_name_to_folder (text) : NULL;

  if (folder == NULL)
    return;
  g_assert_true (vmp_name_is_component (folder));
  g_assert_cmpuint (strlen (folder), <=, 200);
  g_assert_cmpint (folder[0], !=, '.');
}

static void
check_clean (const char *text)
{
  static const gunichar bad[] = { 0x061c, 0x200e, 0x200f, 0x2028, 0x2029, 0x202a, 0x202b, 0x202c,
                                  0x202d, 0x202e, 0x2066, 0x2067, 0x2068, 0x2069 };
  g_autofree char *clean = vmp_name_clean (text, 100);

  g_assert_true (g_utf8_validate (clean, -1, NULL));
  g_assert_cmpint (g_utf8_strlen (clean, -1), <=, 101);
  for (const char *c = clean; *c != '\0'; c = g_utf8_next_char (c))
    {
      g_assert_false (g_unichar_iscntrl (g_utf8_get_char (c)));
      for (gsize i = 0; i < G_N_ELEMENTS (bad); i++)
        g_assert_cmpuint (g_utf8_get_char (c), !=, bad[i]);
    }
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autofree char *text = g_strndup ((const char *) data, size);
  g_autofree char *unescaped = vmp_name_unescape (text);
  g_autofree char *uuid = vmp_name_uuid_from_path (text);

  if (unescaped != NULL)
    {
      g_autofree char *escaped = vmp_name_escape (unescaped);

      g_assert_cmpstr (escaped, ==, text);
    }
  if (uuid != NULL)
    {
      g_autofree char *element = vmp_name_uuid_to_path (uuid);

      g_assert_cmpstr (element, ==, text);
    }
  if (text[0] != '\0' && g_utf8_validate (text, -1, NULL))
    {
      g_autofree char *escaped = vmp_name_escape (text);
      g_autofree char *back = vmp_name_unescape (escaped);
      g_autofree char *path = g_strconcat ("/", escaped, NULL);

      g_assert_cmpstr (back, ==, text);
      g_assert_true (g_variant_is_object_path (path));
    }
  if (vmp_name_is_component (text))
    g_assert_true (strchr (text, '/') == NULL && strcmp (text, "..") != 0 && text[0] != '\0');
  check_paths (text);
  check_folder (text);
  check_clean (text);
  return 0;
}
