/* libvirt's errors as vmport's own: a name of the contract, and libvirt's number and words. */
#include "config.h"

#include "vmp-libvirt-error.h"

#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>

#include "vmp-error.h"

static VmportError
code_of (virErrorPtr last)
{
  /* A socket that broke, or was closed under a call. QEMU's troubles are system and internal errors
   * too, of another domain. */
  if (last->domain == VIR_FROM_RPC
      && (last->code == VIR_ERR_SYSTEM_ERROR || last->code == VIR_ERR_INTERNAL_ERROR))
    return VMPORT_ERROR_NOT_AVAILABLE;
  switch (last->code)
    {
    case VIR_ERR_NO_CONNECT:
    case VIR_ERR_INVALID_CONN:
    case VIR_ERR_RPC:
      return VMPORT_ERROR_NOT_AVAILABLE;

    case VIR_ERR_NO_DOMAIN:
    case VIR_ERR_NO_STORAGE_POOL:
    case VIR_ERR_NO_STORAGE_VOL:
    case VIR_ERR_NO_NETWORK:
      return VMPORT_ERROR_NOT_FOUND;

    case VIR_ERR_DOM_EXIST:
      return VMPORT_ERROR_EXISTS;

    case VIR_ERR_OPERATION_TIMEOUT: /* another job of libvirt's has the domain */
    case VIR_ERR_RESOURCE_BUSY:
      return VMPORT_ERROR_IN_USE;

    case VIR_ERR_OPERATION_INVALID:
      return VMPORT_ERROR_INVALID_STATE;

    case VIR_ERR_CONFIG_UNSUPPORTED:
    case VIR_ERR_XML_INVALID_SCHEMA:
    case VIR_ERR_CPU_INCOMPATIBLE:
      return VMPORT_ERROR_NOT_COMPATIBLE;

    case VIR_ERR_NO_MEMORY:
      return VMPORT_ERROR_OUT_OF_MEMORY;

    default:
      return VMPORT_ERROR_FAILED;
    }
}

/* Sets what libvirt last said in this thread, behind @format. FALSE. */
gboolean
vmp_libvirt_error_set (GError **error, const char *format, ...)
{
  virErrorPtr last = virGetLastError ();
  g_autofree char *what = NULL;
  va_list args;

  va_start (args, format);
  what = g_strdup_vprintf (format, args);
  va_end (args);
  if (last == NULL)
    return vmp_error_set (error, VMPORT_ERROR_FAILED, "%s: libvirt does not say why", what);
  return vmp_error_set (error, code_of (last), "%s: %s (libvirt error %d)", what,
                        last->message != NULL ? last->message : "", last->code);
}

/* Was the last error that the object is not there? */
gboolean
vmp_libvirt_error_is_gone (void)
{
  int code = virGetLastErrorCode ();

  return code == VIR_ERR_NO_DOMAIN || code == VIR_ERR_NO_STORAGE_POOL
         || code == VIR_ERR_NO_STORAGE_VOL;
}
