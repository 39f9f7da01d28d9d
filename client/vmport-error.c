/* The error domain that vmport's D-Bus interface and its client library share. */
#include "config.h"

#include "vmport-error.h"

typedef struct
{
  GDBusErrorEntry entry;
  guint16 number;
} ErrorRow;

#define PREFIX "org.vmport.Error."

/* Numbers: Hyper-V's return codes; what Hyper-V has no code of its own for is its Failed. */
static const ErrorRow error_table[] = {
  { { VMPORT_ERROR_FAILED, PREFIX "Failed" }, 32768 },
  { { VMPORT_ERROR_NOT_SUPPORTED, PREFIX "NotSupported" }, 32770 },
  { { VMPORT_ERROR_TIMEOUT, PREFIX "Timeout" }, 32772 },
  { { VMPORT_ERROR_INVALID_PARAMETER, PREFIX "InvalidParameter" }, 32773 },
  { { VMPORT_ERROR_IN_USE, PREFIX "InUse" }, 32774 },
  { { VMPORT_ERROR_INVALID_STATE, PREFIX "InvalidState" }, 32775 },
  { { VMPORT_ERROR_INCORRECT_DATA_TYPE, PREFIX "IncorrectDataType" }, 32776 },
  { { VMPORT_ERROR_NOT_AVAILABLE, PREFIX "NotAvailable" }, 32777 },
  { { VMPORT_ERROR_OUT_OF_MEMORY, PREFIX "OutOfMemory" }, 32778 },
  { { VMPORT_ERROR_FILE_IN_USE, PREFIX "FileInUse" }, 32779 },
  { { VMPORT_ERROR_NOT_COMPATIBLE, PREFIX "NotCompatible" }, 32784 },
  { { VMPORT_ERROR_NOT_FOUND, PREFIX "NotFound" }, 32768 },
  { { VMPORT_ERROR_AMBIGUOUS, PREFIX "Ambiguous" }, 32768 },
  { { VMPORT_ERROR_EXISTS, PREFIX "Exists" }, 32768 },
  { { VMPORT_ERROR_NO_SPACE, PREFIX "NoSpace" }, 32768 },
  { { VMPORT_ERROR_CORRUPT, PREFIX "Corrupt" }, 32768 },
  { { VMPORT_ERROR_UNSAFE, PREFIX "Unsafe" }, 32768 },
  { { VMPORT_ERROR_CANCELLED, PREFIX "Cancelled" }, 32768 },
  { { VMPORT_ERROR_INTERRUPTED, PREFIX "Interrupted" }, 32768 },
};

G_STATIC_ASSERT (G_N_ELEMENTS (error_table) == VMPORT_N_ERRORS);

/* Hyper-V's "Access Denied"; on the bus it is D-Bus' own error. */
#define ACCESS_DENIED_NUMBER 32769

/**
 * vmport_error_quark:
 *
 * Registers the domain with GDBus on first use.
 *
 * Returns: the quark of %VMPORT_ERROR
 */
GQuark
vmport_error_quark (void)
{
  static gsize quark = 0;

  if (g_once_init_enter (&quark))
    {
      GQuark q = g_quark_from_static_string ("vmport-error-quark");

      for (gsize i = 0; i < G_N_ELEMENTS (error_table); i++)
        g_dbus_error_register_error (q, error_table[i].entry.error_code,
                                     error_table[i].entry.dbus_error_name);
      g_once_init_leave (&quark, (gsize) q);
    }
  return (GQuark) quark;
}

/**
 * vmport_error_get_number:
 * @error: an error
 *
 * Gives the number that `ErrorCode` of a job carries for @error: the return code that Hyper-V
 * documents for its `Msvm_VirtualSystemManagementService` methods.
 *
 * Returns: a number from 32768
 */
guint16
vmport_error_get_number (const GError *error)
{
  g_return_val_if_fail (error != NULL, 32768);

  if (error->domain == VMPORT_ERROR && error->code >= 0 && error->code < VMPORT_N_ERRORS)
    return error_table[error->code].number;
  if (g_error_matches (error, G_DBUS_ERROR, G_DBUS_ERROR_ACCESS_DENIED))
    return ACCESS_DENIED_NUMBER;
  return error_table[VMPORT_ERROR_FAILED].number;
}

/**
 * vmport_error_get_name:
 * @error: an error
 *
 * Returns: (transfer full): the full D-Bus name of @error; errors of domains that have none on
 *   the bus are `org.vmport.Error.Failed`
 */
char *
vmport_error_get_name (const GError *error)
{
  g_return_val_if_fail (error != NULL, NULL);

  if (error->domain == VMPORT_ERROR || error->domain == G_DBUS_ERROR)
    {
      g_autofree char *name = g_dbus_error_encode_gerror (error);

      if (!g_str_has_prefix (name, "org.gtk.GDBus.UnmappedGError"))
        return g_steal_pointer (&name);
    }
  return g_strdup (error_table[VMPORT_ERROR_FAILED].entry.dbus_error_name);
}

/**
 * vmport_error_new_from_name:
 * @name: the full D-Bus name of an error
 * @message: its message
 *
 * The way back from vmport_error_get_name(), for errors that travel as data (a job's `ErrorName`).
 *
 * Returns: (transfer full): a new error; of %VMPORT_ERROR_FAILED for a name that is not known
 */
GError *
vmport_error_new_from_name (const char *name, const char *message)
{
  for (gsize i = 0; i < G_N_ELEMENTS (error_table); i++)
    if (g_strcmp0 (name, error_table[i].entry.dbus_error_name) == 0)
      return g_error_new_literal (VMPORT_ERROR, error_table[i].entry.error_code, message);
  if (g_strcmp0 (name, "org.freedesktop.DBus.Error.AccessDenied") == 0)
    return g_error_new_literal (G_DBUS_ERROR, G_DBUS_ERROR_ACCESS_DENIED, message);
  return g_error_new_literal (VMPORT_ERROR, VMPORT_ERROR_FAILED, message);
}
