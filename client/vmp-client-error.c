/* The one place where errors that come over the bus become those that libvmport's callers see. */
#include "config.h"

#include <glib/gi18n-lib.h>

#include "vmp-client-private.h"

/* Whether the daemon was not there to answer, or left before it did. */
gboolean
vmp_client_error_is_daemon_gone (const GError *error)
{
  return g_error_matches (error, G_DBUS_ERROR, G_DBUS_ERROR_NO_REPLY)
         || g_error_matches (error, G_DBUS_ERROR, G_DBUS_ERROR_SERVICE_UNKNOWN)
         || g_error_matches (error, G_DBUS_ERROR, G_DBUS_ERROR_NAME_HAS_NO_OWNER);
}

static gboolean
is_start_failure (const GError *error)
{
  g_autofree char *name = g_dbus_error_get_remote_error (error);

  return name != NULL
         && (g_str_has_prefix (name, "org.freedesktop.DBus.Error.Spawn.")
             || g_str_has_prefix (name, "org.freedesktop.systemd1."));
}

/* Takes an error that a call returned, and gives the one to show: in VMPORT_ERROR where the name
 * is one of vmport's, in G_DBUS_ERROR for rights and unknown objects, always without the prefix
 * that GDBus puts before messages. Errors that never crossed the bus stay as they are. */
GError *
vmp_client_error_take_remote (GError *error)
{
  g_autofree char *name = NULL;

  if (error == NULL || !g_dbus_error_is_remote_error (error))
    return error;

  if (g_error_matches (error, G_DBUS_ERROR, G_DBUS_ERROR_NO_REPLY))
    {
      g_error_free (error);
      return g_error_new_literal (VMPORT_ERROR, VMPORT_ERROR_NOT_AVAILABLE,
                                  _ ("The vmport daemon ended before it answered; try again"));
    }
  if (vmp_client_error_is_daemon_gone (error) || is_start_failure (error))
    {
      g_dbus_error_strip_remote_error (error);
      g_autoptr (GError) original = error;

      return g_error_new (VMPORT_ERROR, VMPORT_ERROR_NOT_AVAILABLE,
                          _ ("The vmport daemon does not run and could not be started (%s); see "
                             "the journal of vmportd.service"),
                          original->message);
    }

  name = g_dbus_error_get_remote_error (error);
  g_dbus_error_strip_remote_error (error);
  if (error->domain == VMPORT_ERROR || error->domain == G_DBUS_ERROR)
    return error;

  /* A name of a newer daemon's that this library does not know: keep it in sight. */
  g_autoptr (GError) unknown = error;
  if (g_str_equal (name, "org.freedesktop.DBus.Error.InteractiveAuthorizationRequired"))
    /* GDBus has no code for this kind of refusal. */
    return g_error_new (G_DBUS_ERROR, G_DBUS_ERROR_ACCESS_DENIED,
                        _ ("%s (the user would have to authenticate)"), unknown->message);
  if (g_str_has_prefix (name, "org.vmport.Error."))
    return vmport_error_new_from_name (name, unknown->message);
  return g_error_new (VMPORT_ERROR, VMPORT_ERROR_FAILED, "%s: %s", name, unknown->message);
}

/* Whether an object whose properties were asked for is not there: GDBus on the other side may say so
 * of its method or interface. */
gboolean
vmp_client_error_is_unknown (const GError *error)
{
  return g_error_matches (error, G_DBUS_ERROR, G_DBUS_ERROR_UNKNOWN_OBJECT)
         || g_error_matches (error, G_DBUS_ERROR, G_DBUS_ERROR_UNKNOWN_METHOD)
         || g_error_matches (error, G_DBUS_ERROR, G_DBUS_ERROR_UNKNOWN_INTERFACE);
}
