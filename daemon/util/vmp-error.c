/* Errors from errno, and prefixes on the way up. */
#include "config.h"

#include "vmp-error.h"

#include <errno.h>
#include <glib/gi18n-lib.h>

static GError *
error_for_errno (int errnum, const char *message)
{
  switch (errnum)
    {
    case EACCES:
    case EPERM:
    case EROFS:
      return g_error_new (G_DBUS_ERROR, G_DBUS_ERROR_ACCESS_DENIED, "%s: %s", message,
                          g_strerror (errnum));
    case ENOENT:
    case ENOTDIR:
      return g_error_new (VMPORT_ERROR, VMPORT_ERROR_NOT_FOUND, "%s: %s", message,
                          g_strerror (errnum));
    case EEXIST:
    case ENOTEMPTY:
      return g_error_new (VMPORT_ERROR, VMPORT_ERROR_EXISTS, "%s: %s", message,
                          g_strerror (errnum));
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      return g_error_new (VMPORT_ERROR, VMPORT_ERROR_NO_SPACE, "%s: %s", message,
                          g_strerror (errnum));
    case ENOMEM:
      return g_error_new (VMPORT_ERROR, VMPORT_ERROR_OUT_OF_MEMORY, "%s: %s", message,
                          g_strerror (errnum));
    case EBUSY:
    case ETXTBSY:
      return g_error_new (VMPORT_ERROR, VMPORT_ERROR_FILE_IN_USE, "%s: %s", message,
                          g_strerror (errnum));
    case ELOOP:
    case EXDEV:
      /* What openat2 says of a symbolic link, or of a way out of the directory. */
      return g_error_new (VMPORT_ERROR, VMPORT_ERROR_UNSAFE,
                          _ ("%s: a symbolic link or a path that leads elsewhere is not followed"),
                          message);
    case ENXIO:
      /* What open says of a socket, and of a device without a driver. */
      return g_error_new (VMPORT_ERROR, VMPORT_ERROR_UNSAFE,
                          _ ("%s: it is not a regular file"), message);
    case EMFILE:
    case ENFILE:
    case EAGAIN:
      return g_error_new (VMPORT_ERROR, VMPORT_ERROR_NOT_AVAILABLE, "%s: %s", message,
                          g_strerror (errnum));
    default:
      return g_error_new (VMPORT_ERROR, VMPORT_ERROR_FAILED, "%s: %s", message,
                          g_strerror (errnum));
    }
}

/* Sets @error from an errno value, under the D-Bus name that a caller can act on.
 * Always returns FALSE, for `return vmp_error_set_errno (...)`. */
gboolean
vmp_error_set_errno (GError **error, int errnum, const char *format, ...)
{
  g_autofree char *message = NULL;
  va_list args;

  va_start (args, format);
  message = g_strdup_vprintf (format, args);
  va_end (args);
  g_propagate_error (error, error_for_errno (errnum, message));
  return FALSE;
}

/* Sets @error in VMPORT_ERROR and always returns FALSE. */
gboolean
vmp_error_set (GError **error, VmportError code, const char *format, ...)
{
  va_list args;

  va_start (args, format);
  g_propagate_error (error, g_error_new_valist (VMPORT_ERROR, code, format, args));
  va_end (args);
  return FALSE;
}
