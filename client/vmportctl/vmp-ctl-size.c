/* Numbers of bytes as people write them. */
#include "config.h"

#include "vmp-ctl-size.h"

#include <glib/gi18n-lib.h>
#include <string.h>

#include "vmport-error.h"

static gboolean
fail (const char *text, GError **error)
{
  g_set_error (error, VMPORT_ERROR, VMPORT_ERROR_INVALID_PARAMETER,
               _ ("“%s” is no number of bytes, such as 500k, 10M or 0"), text);
  return FALSE;
}

/* Digits, and a unit of 1024 or one of its powers: k, M, G or T; `iB` may follow it. */
gboolean
vmp_ctl_size_parse (const char *text, guint64 *size, GError **error)
{
  static const char units[] = "kMGT";
  gsize n_digits = strspn (text, "0123456789");
  g_autofree char *digits = g_strndup (text, n_digits);
  const char *suffix = text + n_digits;
  const char *unit;
  guint64 number;

  if (!g_ascii_string_to_unsigned (digits, 10, 0, G_MAXUINT64, &number, NULL))
    return fail (text, error);
  if (*suffix != '\0')
    {
      unit = strchr (units, *suffix == 'K' ? 'k' : *suffix);
      if (unit == NULL || (suffix[1] != '\0' && !g_str_equal (suffix + 1, "iB")))
        return fail (text, error);
      for (gssize i = 0; i <= unit - units; i++)
        if (!g_uint64_checked_mul (&number, number, 1024))
          return fail (text, error);
    }
  *size = number;
  return TRUE;
}
