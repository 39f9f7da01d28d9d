/* The types that attributes and texts of the domain grammar have. */
#include "config.h"

#include "vmp-value.h"

#include <string.h>

#include "vmp-name.h"

#define MAX_LINE 4096
#define MAX_TEXT 65536

/* Where distributions install firmware. A file there belongs to the host, never to a package. */
static const char *const firmware_folders[] = {
  "/usr/share/OVMF/",
  "/usr/share/ovmf/",
  "/usr/share/AAVMF/",
  "/usr/share/edk2/",
  "/usr/share/edk2-ovmf/",
  "/usr/share/qemu/",
  "/usr/share/qemu-efi-aarch64/",
  "/usr/share/qemu-efi/",
  "/usr/share/seabios/",
  "/usr/lib/xen/boot/",
};

/* Where distributions install QEMU; libvirt runs what a domain names when it is merely defined. */
static gboolean
is_emulator (const char *text)
{
  static const char *const others[] = { "/usr/libexec/qemu-kvm", "/usr/bin/qemu-kvm",
                                        "/usr/bin/kvm", "/usr/bin/kvm-spice",
                                        "/usr/bin/qemu-kvm-spice", NULL };
  static const char prefix[] = "/usr/bin/qemu-system-";
  const char *system = g_str_has_prefix (text, prefix) ? text + strlen (prefix) : NULL;

  if (system == NULL)
    return g_strv_contains (others, text);
  return system[0] != '\0'
         && strspn (system, "abcdefghijklmnopqrstuvwxyz0123456789_") == strlen (system);
}

static gboolean
is_word (const char *words, const char *text)
{
  gsize length = strlen (text);

  for (const char *at = words; at != NULL;)
    {
      const char *end = strchr (at, ' ');
      gsize n = end != NULL ? (gsize) (end - at) : strlen (at);

      if (n == length && strncmp (at, text, n) == 0)
        return TRUE;
      at = end != NULL ? end + 1 : NULL;
    }
  return FALSE;
}

static gboolean
is_made_of (const char *text, const char *extra, gsize max)
{
  gsize length = strlen (text);

  if (length == 0 || length > max)
    return FALSE;
  for (const char *c = text; *c != '\0'; c++)
    if (!g_ascii_isalnum (*c) && strchr (extra, *c) == NULL)
      return FALSE;
  return TRUE;
}

static gboolean
is_unsigned (const char *text)
{
  return g_ascii_isdigit (text[0])
         && g_ascii_string_to_unsigned (text, 10, 0, G_MAXUINT64, NULL, NULL);
}

static gboolean
is_integer (const char *text)
{
  return g_ascii_string_to_signed (text[0] == '+' ? text + 1 : text, 10, G_MININT64, G_MAXINT64,
                                   NULL, NULL);
}

static gboolean
is_number (const char *text)
{
  if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X'))
    return g_ascii_isxdigit (text[2])
           && g_ascii_string_to_unsigned (text + 2, 16, 0, G_MAXUINT64, NULL, NULL);
  /* libvirt writes some ids bare, as in "0a" of a USB device's. */
  return is_made_of (text, "", 16) && strspn (text, "0123456789abcdefABCDEF") == strlen (text);
}

static gboolean
is_text (const char *text, gsize max, gboolean lines)
{
  if (strlen (text) > max || !g_utf8_validate (text, -1, NULL))
    return FALSE;
  for (const char *c = text; *c != '\0'; c = g_utf8_next_char (c))
    {
      gunichar u = g_utf8_get_char (c);

      /* What XML cannot spell could not be written again. */
      if (u == '\t' || (lines && u == '\n'))
        continue;
      if (g_unichar_iscntrl (u) || u == 0xfffe || u == 0xffff)
        return FALSE;
    }
  return TRUE;
}

static char *
normalize_uuid (const char *text)
{
  g_autofree char *lower = g_ascii_strdown (text, -1);
  g_autofree char *uuid = NULL;

  if (strlen (lower) == 32 && strchr (lower, '-') == NULL)
    uuid = g_strdup_printf ("%.8s-%.4s-%.4s-%.4s-%.12s", lower, lower + 8, lower + 12, lower + 16,
                            lower + 20);
  else
    uuid = g_steal_pointer (&lower);
  return vmp_name_is_uuid (uuid) ? g_steal_pointer (&uuid) : NULL;
}

/* Six octets, the first of which says that it is one adapter's address. */
static char *
normalize_mac (const char *text)
{
  if (strlen (text) != 17)
    return NULL;
  for (guint i = 0; i < 17; i++)
    if (i % 3 == 2 ? text[i] != ':' : !g_ascii_isxdigit (text[i]))
      return NULL;
  if ((g_ascii_xdigit_value (text[1]) & 1) != 0)
    return NULL;
  return g_ascii_strdown (text, -1);
}

/* A path without doubled and trailing slashes and "." components: they change nothing about which
 * file it names, ".." might. */
static char *
normalize_path (const char *text, gboolean relative_too)
{
  g_auto (GStrv) parts = g_strsplit (text, "/", -1);
  g_autofree char *path = NULL;
  GString *joined = g_string_new (NULL);

  for (gsize i = 0; parts[i] != NULL; i++)
    if (parts[i][0] != '\0' && strcmp (parts[i], ".") != 0)
      g_string_append_printf (joined, "%s%s", joined->len > 0 ? "/" : "", parts[i]);
  if (text[0] == '/')
    g_string_prepend_c (joined, '/');
  path = g_string_free (joined, FALSE);

  if (!is_text (path, MAX_LINE, FALSE))
    return NULL;
  if (vmp_name_is_absolute (path) && path[1] != '\0')
    return g_steal_pointer (&path);
  /* "nbd:…" and "json:…" are no file names to QEMU's block layer. */
  if (relative_too && vmp_name_is_relative (path) && strcspn (path, ":") >= strcspn (path, "/"))
    return g_steal_pointer (&path);
  return NULL;
}

static char *
normalize_firmware (const char *text)
{
  g_autofree char *path = normalize_path (text, FALSE);

  for (gsize i = 0; path != NULL && i < G_N_ELEMENTS (firmware_folders); i++)
    if (g_str_has_prefix (path, firmware_folders[i]))
      return g_steal_pointer (&path);
  return NULL;
}

/* Below /run or /var/lib, or in a home for the session driver: wherever it is, it is only ever
 * dropped. */
static char *
normalize_channel (const char *text)
{
  g_autofree char *path = normalize_path (text, FALSE);

  return path != NULL && strstr (path, "/libvirt/qemu/channel/") != NULL ? g_steal_pointer (&path)
                                                                         : NULL;
}

/* The value as the model keeps it, or NULL where @text is not of @type. Blanks around it count only
 * in free text. */
char *
vmp_value_normalize (VmpValue type, const char *words, const char *text)
{
  g_autofree char *bare = g_strstrip (g_strdup (text));
  gboolean ok = FALSE;

  switch (type)
    {
    case VMP_VALUE_NONE:
      ok = bare[0] == '\0';
      break;
    case VMP_VALUE_WORDS:
      ok = is_word (words, bare);
      break;
    case VMP_VALUE_UNSIGNED:
      ok = is_unsigned (bare);
      break;
    case VMP_VALUE_INTEGER:
      ok = is_integer (bare);
      break;
    case VMP_VALUE_NUMBER:
      ok = is_number (bare);
      break;
    case VMP_VALUE_UUID:
      return normalize_uuid (bare);
    case VMP_VALUE_MAC:
      return normalize_mac (bare);
    case VMP_VALUE_TOKEN:
      ok = is_made_of (bare, "_.:+,-", 255) && bare[0] != '-';
      break;
    case VMP_VALUE_CPUSET:
      ok = bare[0] != '\0' && strlen (bare) <= 1024
           && strspn (bare, "0123456789-,^") == strlen (bare);
      break;
    case VMP_VALUE_VM_NAME:
      ok = is_text (bare, 255, FALSE) && vmp_name_is_vm_name (bare);
      break;
    case VMP_VALUE_LINE:
      return is_text (text, MAX_LINE, FALSE) ? g_strdup (text) : NULL;
    case VMP_VALUE_TEXT:
      return is_text (text, MAX_TEXT, TRUE) ? g_strdup (text) : NULL;
    case VMP_VALUE_PATH:
      return normalize_path (bare, FALSE);
    case VMP_VALUE_FILE:
      return normalize_path (bare, TRUE);
    case VMP_VALUE_EMULATOR:
      return is_emulator (bare) ? g_strdup (bare) : NULL;

    case VMP_VALUE_FIRMWARE:
      return normalize_firmware (bare);
    case VMP_VALUE_CHANNEL:
      return normalize_channel (bare);
    case VMP_VALUE_PORTS:
      ok = is_made_of (bare, ".", 64);
      break;
    case VMP_VALUE_ALIAS:
      ok = g_str_has_prefix (bare, "ua-") && is_made_of (bare, "_.-", 255);
      break;
    case VMP_VALUE_ANY:
      return g_strdup (text);
    default:
      g_return_val_if_reached (NULL);
    }
  return ok ? g_steal_pointer (&bare) : NULL;
}
