/* Names: what may be one, and how one is written in object paths, file names and prompts. */
#include "config.h"

#include "vmp-name.h"

#include <string.h>
#include <sys/random.h>

/* Escapes a name for an element of an object path: what is not [A-Za-z0-9] becomes `_xx`. */
char *
vmp_name_escape (const char *name)
{
  GString *escaped = g_string_new (NULL);

  for (const char *c = name; *c != '\0'; c++)
    if (g_ascii_isalnum (*c))
      g_string_append_c (escaped, *c);
    else
      g_string_append_printf (escaped, "_%02x", (guint8) *c);
  return g_string_free (escaped, FALSE);
}

/* The way back; NULL for what vmp_name_escape() does not write. */
char *
vmp_name_unescape (const char *escaped)
{
  g_autoptr (GString) name = g_string_new (NULL);
  g_autofree char *again = NULL;

  for (const char *c = escaped; *c != '\0'; c++)
    {
      if (*c == '_' && g_ascii_isxdigit (c[1]) && g_ascii_isxdigit (c[2]))
        {
          char byte = (char) (g_ascii_xdigit_value (c[1]) << 4 | g_ascii_xdigit_value (c[2]));

          if (byte == '\0')
            return NULL;
          g_string_append_c (name, byte);
          c += 2;
        }
      else
        g_string_append_c (name, *c);
    }
  again = vmp_name_escape (name->str);
  if (strcmp (again, escaped) != 0 || !g_utf8_validate (name->str, -1, NULL))
    return NULL;
  return g_strdup (name->str);
}

/* A UUID as vmport writes it: lower case, with hyphens. */
gboolean
vmp_name_is_uuid (const char *uuid)
{
  if (!g_uuid_string_is_valid (uuid))
    return FALSE;
  for (const char *c = uuid; *c != '\0'; c++)
    if (g_ascii_isupper (*c))
      return FALSE;
  return TRUE;
}

char *
vmp_name_uuid_to_path (const char *uuid)
{
  return g_strdelimit (g_ascii_strdown (uuid, -1), "-", '_');
}

/* NULL where @element is not what vmp_name_uuid_to_path() writes. */
char *
vmp_name_uuid_from_path (const char *element)
{
  g_autofree char *uuid = NULL;

  if (strchr (element, '-') != NULL)
    return NULL;
  uuid = g_strdelimit (g_strdup (element), "_", '-');
  return vmp_name_is_uuid (uuid) ? g_steal_pointer (&uuid) : NULL;
}

/* One component of a path that vmport itself makes or accepts from a package. */
gboolean
vmp_name_is_component (const char *name)
{
  gsize length = strlen (name);

  if (length == 0 || length > 255 || !g_utf8_validate (name, -1, NULL))
    return FALSE;
  if (strcmp (name, ".") == 0 || strcmp (name, "..") == 0 || strchr (name, '/') != NULL)
    return FALSE;
  for (const char *c = name; *c != '\0'; c++)
    if (g_ascii_iscntrl (*c))
      return FALSE;
  return TRUE;
}

static gboolean
components_are_valid (const char *path)
{
  g_auto (GStrv) parts = g_strsplit (path, "/", -1);

  for (gsize i = 0; parts[i] != NULL; i++)
    if (!vmp_name_is_component (parts[i]))
      return FALSE;
  return TRUE;
}

/* A relative path without empty, "." or ".." components. */
gboolean
vmp_name_is_relative (const char *path)
{
  return path[0] != '\0' && strlen (path) < 4096 && components_are_valid (path);
}

/* An absolute path without empty, "." or ".." components; "/" itself is one. */
gboolean
vmp_name_is_absolute (const char *path)
{
  if (path[0] != '/' || strlen (path) >= 4096)
    return FALSE;
  return path[1] == '\0' || components_are_valid (path + 1);
}

/* The path of @name in @folder, which is "." where g_path_get_dirname() found none: that is no part
 * of a path. */
char *
vmp_name_join (const char *folder, const char *name)
{
  return strcmp (folder, ".") == 0 ? g_strdup (name) : g_build_filename (folder, name, NULL);
}

/* The path @to as it is named in a file that lies in @folder; both absolute, or both beneath the same
 * directory, and "" is that directory itself. */
char *
vmp_name_relative_to (const char *folder, const char *to)
{
  g_auto (GStrv) from_parts = g_strsplit (folder, "/", -1);
  g_auto (GStrv) to_parts = g_strsplit (to, "/", -1);
  GString *relative = g_string_new (NULL);
  gsize common = 0;

  while (from_parts[common] != NULL && to_parts[common] != NULL && to_parts[common + 1] != NULL
         && strcmp (from_parts[common], to_parts[common]) == 0)
    common++;
  for (gsize i = common; from_parts[i] != NULL; i++)
    g_string_append (relative, "../");
  for (gsize i = common; to_parts[i] != NULL; i++)
    g_string_append_printf (relative, "%s%s", i > common ? "/" : "", to_parts[i]);
  return g_string_free (relative, FALSE);
}

/* What @name, found in a file that lies in @folder, stands for beneath the same directory as @folder
 * does. NULL where it is absolute or leads out of that directory. */
char *
vmp_name_resolve (const char *folder, const char *name)
{
  g_autoptr (GPtrArray) path = g_ptr_array_new ();
  g_auto (GStrv) folder_parts = g_strsplit (folder, "/", -1);
  g_auto (GStrv) parts = g_strsplit (name, "/", -1);

  for (gsize i = 0; folder_parts[i] != NULL; i++)
    g_ptr_array_add (path, folder_parts[i]);
  if (name[0] == '/' || name[0] == '\0')
    return NULL;
  for (gsize i = 0; parts[i] != NULL; i++)
    if (strcmp (parts[i], "..") == 0)
      {
        if (path->len == 0)
          return NULL;
        g_ptr_array_set_size (path, (int) path->len - 1);
      }
    else if (strcmp (parts[i], ".") != 0 && parts[i][0] != '\0')
      g_ptr_array_add (path, parts[i]);
  g_ptr_array_add (path, NULL);
  return g_strjoinv ("/", (char **) path->pdata);
}

/* A name that a virtual machine may bear: what libvirt takes, without control characters. */
gboolean
vmp_name_is_vm_name (const char *name)
{
  gsize length = strlen (name);
  gboolean visible = FALSE;

  if (length == 0 || length > 255 || !g_utf8_validate (name, -1, NULL))
    return FALSE;
  if (strchr (name, '/') != NULL || strcmp (name, ".") == 0 || strcmp (name, "..") == 0)
    return FALSE;
  for (const char *c = name; *c != '\0'; c = g_utf8_next_char (c))
    {
      gunichar u = g_utf8_get_char (c);

      if (g_unichar_iscntrl (u))
        return FALSE;
      visible = visible || !g_unichar_isspace (u);
    }
  return visible;
}

/* The name of a VM's folder (`CreateVmExportSubdirectory`): `/`, control characters and a leading
 * dot as %XX, cut at a character's end to at most 200 bytes. */
char *
vmp_name_to_folder (const char *vm_name)
{
  GString *folder = g_string_new (NULL);

  for (const char *c = vm_name; *c != '\0'; c = g_utf8_next_char (c))
    {
      gsize length = (gsize) (g_utf8_next_char (c) - c);
      gunichar u = g_utf8_get_char (c);
      gboolean escape = *c == '/' || (*c == '.' && c == vm_name) || g_unichar_iscntrl (u);

      if (folder->len + length * (escape ? 3 : 1) > 200)
        break;
      for (gsize i = 0; i < length; i++)
        if (escape)
          g_string_append_printf (folder, "%%%02X", (guint8) c[i]);
        else
          g_string_append_c (folder, c[i]);
    }
  return g_string_free (folder, FALSE);
}

static gboolean
is_bidi_control (gunichar u)
{
  return u == 0x061c || u == 0x200e || u == 0x200f || (u >= 0x202a && u <= 0x202e)
         || (u >= 0x2066 && u <= 0x2069);
}

/* Text from outside, for a prompt or a log: valid UTF-8, no control and no bidi characters, at
 * most @max_chars characters. */
char *
vmp_name_clean (const char *text, gsize max_chars)
{
  g_autofree char *valid = g_utf8_make_valid (text, -1);
  GString *clean = g_string_new (NULL);
  gsize count = 0;

  for (const char *c = valid; *c != '\0'; c = g_utf8_next_char (c))
    {
      gunichar u = g_utf8_get_char (c);

      if (g_unichar_iscntrl (u) || is_bidi_control (u) || u == 0x2028 || u == 0x2029)
        continue;
      if (count++ == max_chars)
        {
          g_string_append (clean, "…");
          break;
        }
      g_string_append_unichar (clean, u);
    }
  return g_string_free (clean, FALSE);
}

/* A name that a security scope may bear. Rules match it and prompts show it as it is, so nothing in
 * it may have to be cleaned away, and it must not only seem to be another. */
gboolean
vmp_name_is_scope (const char *name)
{
  gsize length = strlen (name);
  g_autofree char *clean = NULL;

  if (length == 0 || length > VMP_SCOPE_MAX_BYTES || !g_utf8_validate (name, -1, NULL))
    return FALSE;
  if (g_unichar_isspace (g_utf8_get_char (name))
      || g_unichar_isspace (g_utf8_get_char (g_utf8_prev_char (name + length))))
    return FALSE;
  clean = vmp_name_clean (name, length);
  return strcmp (clean, name) == 0;
}

/* 128 random bits in hexadecimal: a name that nobody can guess. */
char *
vmp_name_new_token (void)
{
  guint8 random[16];
  GString *token = g_string_sized_new (33);

  if (getrandom (random, sizeof random, 0) != sizeof random)
    g_error ("The kernel gives no random bytes");
  for (gsize i = 0; i < sizeof random; i++)
    g_string_append_printf (token, "%02x", random[i]);
  return g_string_free (token, FALSE);
}

gboolean
vmp_name_is_token (const char *token)
{
  return strlen (token) == 32 && strspn (token, "0123456789abcdef") == 32;
}

/* @name with a number before its last extension: `disk.qcow2` becomes `disk-2.qcow2`. */
char *
vmp_name_number (const char *name, guint n)
{
  const char *dot = strrchr (name, '.');
  gsize stem = dot != NULL && dot != name ? (gsize) (dot - name) : strlen (name);

  return g_strdup_printf ("%.*s-%u%s", (int) stem, name, n, name + stem);
}

/* A name that is not in @taken, @name itself or that with a number, and added to @taken. Compared
 * without case, for the file systems that
 * packages travel on. */
char *
vmp_name_make_unique (const char *name, GHashTable *taken)
{
  g_autofree char *candidate = g_strdup (name);

  for (guint n = 2;; n++)
    {
      g_autofree char *folded = g_utf8_casefold (candidate, -1);

      if (g_hash_table_add (taken, g_steal_pointer (&folded)))
        return g_steal_pointer (&candidate);
      g_free (candidate);
      candidate = vmp_name_number (name, n);
    }
}
