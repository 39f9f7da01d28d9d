/* What polkit says about somebody else, and whether it has read new rules. */
#include "config.h"

#include "vmp-ctl-polkit.h"

#include <glib/gi18n-lib.h>
#include <unistd.h>

#include "vmp-azman-rules.h"
#include "vmport-error.h"

#define POLKIT "org.freedesktop.PolicyKit1"
#define POLKIT_PATH "/org/freedesktop/PolicyKit1/Authority"
#define POLKIT_INTERFACE "org.freedesktop.PolicyKit1.Authority"
/* polkit asks nobody about root, so questions that are about no one are about this one. */
#define NOBODY 65534
#define WAIT_SECONDS 10
/* It tells that it has read its rules anew; this is for a polkit whose signal came too early. */
#define ASK_AGAIN_MSEC 250

static gboolean
check (GDBusConnection *bus, guint32 uid, const char *action, const char *detail,
       const char *value, VmpCtlVerdict *verdict, GError **error)
{
  g_autoptr (GVariant) reply = NULL;
  gboolean authorized, challenge;
  GVariantBuilder subject, details;

  /* As pkcheck --process PID,START,UID has it: what counts is the uid. */
  g_variant_builder_init (&subject, G_VARIANT_TYPE ("a{sv}"));
  g_variant_builder_add (&subject, "{sv}", "pid", g_variant_new_uint32 ((guint32) getpid ()));
  g_variant_builder_add (&subject, "{sv}", "start-time", g_variant_new_uint64 (0));
  g_variant_builder_add (&subject, "{sv}", "uid", g_variant_new_int32 ((gint32) uid));
  g_variant_builder_init (&details, G_VARIANT_TYPE ("a{ss}"));
  g_variant_builder_add (&details, "{ss}", detail, value);
  reply = g_dbus_connection_call_sync (
      bus, POLKIT, POLKIT_PATH, POLKIT_INTERFACE, "CheckAuthorization",
      g_variant_new ("((sa{sv})sa{ss}us)", "unix-process", &subject, action, &details, 0u, ""),
      G_VARIANT_TYPE ("((bba{ss}))"), G_DBUS_CALL_FLAGS_NONE, -1, NULL, error);
  if (reply == NULL)
    {
      g_prefix_error (error, _ ("polkit gives no answer about %s: "), action);
      return FALSE;
    }
  g_variant_get (reply, "((bba{ss}))", &authorized, &challenge, NULL);
  *verdict = authorized  ? VMP_CTL_VERDICT_YES
             : challenge ? VMP_CTL_VERDICT_ASK
                         : VMP_CTL_VERDICT_NO;
  return TRUE;
}

/* May the user do @action, by the rules that are in force? */
gboolean
vmp_ctl_polkit_check (guint32 uid, const char *action, const char *detail, const char *value,
                      VmpCtlVerdict *verdict, GError **error)
{
  g_autoptr (GDBusConnection) bus = g_bus_get_sync (G_BUS_TYPE_SYSTEM, NULL, error);

  return bus != NULL && check (bus, uid, action, detail, value, verdict, error);
}

static void
on_changed (GDBusConnection *bus, const char *sender, const char *path, const char *interface,
            const char *signal, GVariant *parameters, gpointer data)
{
  gboolean *again = data;

  *again = TRUE;
}

static gboolean
on_tick (gpointer data)
{
  gboolean *again = data;

  *again = TRUE;
  return G_SOURCE_CONTINUE;
}

/* Returns when rules with that digest are in force: polkit reads them some time after they are
 * there. */
gboolean
vmp_ctl_polkit_wait (const char *digest, GError **error)
{
  g_autoptr (GDBusConnection) bus = g_bus_get_sync (G_BUS_TYPE_SYSTEM, NULL, error);
  gint64 deadline = g_get_monotonic_time () + WAIT_SECONDS * G_USEC_PER_SEC;
  VmpCtlVerdict verdict = VMP_CTL_VERDICT_NO;
  gboolean again = TRUE, good = TRUE;
  guint subscription, tick;

  if (bus == NULL)
    return FALSE;
  subscription = g_dbus_connection_signal_subscribe (bus, POLKIT, POLKIT_INTERFACE, "Changed",
                                                     POLKIT_PATH, NULL, G_DBUS_SIGNAL_FLAGS_NONE,
                                                     on_changed, &again, NULL);
  tick = g_timeout_add (ASK_AGAIN_MSEC, on_tick, &again);
  while (good && verdict != VMP_CTL_VERDICT_YES && g_get_monotonic_time () < deadline)
    {
      if (!again)
        g_main_context_iteration (NULL, TRUE);
      if (again)
        good = check (bus, NOBODY, VMP_AZMAN_RULES_ACTION, VMP_AZMAN_RULES_DETAIL, digest,
                      &verdict, error);
      again = FALSE;
    }
  g_source_remove (tick);
  g_dbus_connection_signal_unsubscribe (bus, subscription);
  if (good && verdict != VMP_CTL_VERDICT_YES)
    {
      g_set_error (error, VMPORT_ERROR, VMPORT_ERROR_TIMEOUT,
                   _ ("The rules are written, and polkit has not taken them within %d seconds; its "
                      "log tells why"),
                   WAIT_SECONDS);
      good = FALSE;
    }
  return good;
}
