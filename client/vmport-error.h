/* The error domain that vmport's D-Bus interface and its client library share. */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/**
 * VMPORT_ERROR:
 *
 * The error domain of vmport. Every code has the D-Bus name `org.vmport.Error.` followed by the
 * nickname that its member documents, registered with GDBus, so an error crosses the bus whole.
 *
 * Refusals by rights are not in it: they are %G_DBUS_ERROR_ACCESS_DENIED and
 * `org.freedesktop.DBus.Error.InteractiveAuthorizationRequired`.
 */
#define VMPORT_ERROR (vmport_error_quark ())

/**
 * VmportError:
 * @VMPORT_ERROR_FAILED: `Failed`, anything without a name of its own
 * @VMPORT_ERROR_NOT_SUPPORTED: `NotSupported`, this cannot be done here
 * @VMPORT_ERROR_TIMEOUT: `Timeout`, the time that the caller set has passed
 * @VMPORT_ERROR_INVALID_PARAMETER: `InvalidParameter`, a key, value or path that cannot be right
 * @VMPORT_ERROR_IN_USE: `InUse`, another job or user needs the virtual machine
 * @VMPORT_ERROR_INVALID_STATE: `InvalidState`, not possible in the state that the object is in
 * @VMPORT_ERROR_INCORRECT_DATA_TYPE: `IncorrectDataType`, a setting has the wrong D-Bus type
 * @VMPORT_ERROR_NOT_AVAILABLE: `NotAvailable`, something that the daemon needs is not there now
 * @VMPORT_ERROR_OUT_OF_MEMORY: `OutOfMemory`
 * @VMPORT_ERROR_FILE_IN_USE: `FileInUse`, a file is held by another process
 * @VMPORT_ERROR_NOT_COMPATIBLE: `NotCompatible`, this host cannot run that machine
 * @VMPORT_ERROR_NOT_FOUND: `NotFound`, no such machine, file or package
 * @VMPORT_ERROR_AMBIGUOUS: `Ambiguous`, the name fits more than one thing
 * @VMPORT_ERROR_EXISTS: `Exists`, the name, id or file is taken
 * @VMPORT_ERROR_NO_SPACE: `NoSpace`, the file system or the quota is full
 * @VMPORT_ERROR_CORRUPT: `Corrupt`, a package whose content is not what it should be
 * @VMPORT_ERROR_UNSAFE: `Unsafe`, content that would reach into the host
 * @VMPORT_ERROR_CANCELLED: `Cancelled`, the job was cancelled
 * @VMPORT_ERROR_INTERRUPTED: `Interrupted`, the daemon ended while the job ran
 *
 * Error codes of vmport. The numbers on the wire are Hyper-V's and come from
 * vmport_error_get_number().
 */
typedef enum
{
  VMPORT_ERROR_FAILED,
  VMPORT_ERROR_NOT_SUPPORTED,
  VMPORT_ERROR_TIMEOUT,
  VMPORT_ERROR_INVALID_PARAMETER,
  VMPORT_ERROR_IN_USE,
  VMPORT_ERROR_INVALID_STATE,
  VMPORT_ERROR_INCORRECT_DATA_TYPE,
  VMPORT_ERROR_NOT_AVAILABLE,
  VMPORT_ERROR_OUT_OF_MEMORY,
  VMPORT_ERROR_FILE_IN_USE,
  VMPORT_ERROR_NOT_COMPATIBLE,
  VMPORT_ERROR_NOT_FOUND,
  VMPORT_ERROR_AMBIGUOUS,
  VMPORT_ERROR_EXISTS,
  VMPORT_ERROR_NO_SPACE,
  VMPORT_ERROR_CORRUPT,
  VMPORT_ERROR_UNSAFE,
  VMPORT_ERROR_CANCELLED,
  VMPORT_ERROR_INTERRUPTED,
} VmportError;

#define VMPORT_N_ERRORS (VMPORT_ERROR_INTERRUPTED + 1)

GQuark vmport_error_quark (void);
guint16 vmport_error_get_number (const GError *error);
char *vmport_error_get_name (const GError *error);
GError *vmport_error_new_from_name (const char *name, const char *message);

G_END_DECLS
