/* Proxies for a list of object paths: loaded, and with the error where one is not there. */
#include "config.h"

#include "vmp-client-private.h"

typedef struct
{
  VmportClient *client;
  GType proxy_type;
  char *interface;
  char **paths;
  guint next;
  gboolean skip_unknown;
  GDBusProxy *proxy;
  GPtrArray *proxies;
} Load;

static void
load_free (Load *load)
{
  g_clear_object (&load->client);
  g_free (load->interface);
  g_strfreev (load->paths);
  g_clear_object (&load->proxy);
  g_clear_pointer (&load->proxies, g_ptr_array_unref);
  g_free (load);
}

static Load *
load_new (VmportClient *client, GType proxy_type, const char *interface, const char *const *paths,
          gboolean skip_unknown)
{
  Load *load = g_new0 (Load, 1);

  load->client = g_object_ref (client);
  load->proxy_type = proxy_type;
  load->interface = g_strdup (interface);
  load->paths = g_strdupv ((char **) paths);
  load->skip_unknown = skip_unknown;
  load->proxies = g_ptr_array_new_with_free_func (g_object_unref);
  return load;
}

static const char *
get_name (VmportClient *client)
{
  return vmp_client_get_bus_name (vmport_client_get_connection (client));
}

/* Takes an error of loading, and gives the one to show: there is one code for what is not there. */
static GError *
take_error (GError *error)
{
  if (vmp_client_error_is_unknown (error))
    error->code = G_DBUS_ERROR_UNKNOWN_OBJECT;
  return error;
}

/* GDBusProxy keeps the error of its first GetAll to itself; without properties, it is asked for
 * once more. */
static gboolean
is_loaded (GDBusProxy *proxy)
{
  g_auto (GStrv) names = g_dbus_proxy_get_cached_property_names (proxy);

  return names != NULL && names[0] != NULL;
}

static void
set_properties (GDBusProxy *proxy, GVariant *reply)
{
  g_autoptr (GVariant) properties = g_variant_get_child_value (reply, 0);
  GVariantIter iter;
  const char *name;
  GVariant *value;

  g_variant_iter_init (&iter, properties);
  while (g_variant_iter_loop (&iter, "{&sv}", &name, &value))
    g_dbus_proxy_set_cached_property (proxy, name, value);
}

static void load_next (GTask *task);

static void
get_all_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  Load *load = g_task_get_task_data (task);
  g_autoptr (GVariant) reply = NULL;
  GError *error = NULL;

  reply = g_task_propagate_pointer (G_TASK (result), &error);
  if (reply == NULL && !(vmp_client_error_is_unknown (error) && load->skip_unknown))
    {
      g_task_return_error (task, take_error (error));
      return;
    }
  if (reply != NULL)
    {
      set_properties (load->proxy, reply);
      g_ptr_array_add (load->proxies, g_steal_pointer (&load->proxy));
    }
  g_clear_error (&error);
  g_clear_object (&load->proxy);
  load_next (g_steal_pointer (&task));
}

static void
proxy_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  Load *load = g_task_get_task_data (task);
  GError *error = NULL;
  VmpCall call;

  load->proxy = G_DBUS_PROXY (
    g_async_initable_new_finish (G_ASYNC_INITABLE (source), result, &error));
  if (load->proxy == NULL)
    {
      g_task_return_error (task, vmp_client_error_take_remote (error));
      return;
    }
  if (is_loaded (load->proxy))
    {
      g_ptr_array_add (load->proxies, g_steal_pointer (&load->proxy));
      load_next (g_steal_pointer (&task));
      return;
    }
  call = vmp_client_get_all_call (g_dbus_proxy_get_object_path (load->proxy), load->interface);
  vmp_client_call (vmp_client_task_new (load->client, proxy_cb, g_task_get_cancellable (task),
                                        get_all_cb, g_object_ref (task)),
                   load->client, &call, NULL);
}

static void
load_next (GTask *task)
{
  Load *load = g_task_get_task_data (task);
  const char *path = load->paths[load->next];

  if (path == NULL)
    {
      g_task_return_pointer (task, g_steal_pointer (&load->proxies),
                             (GDestroyNotify) g_ptr_array_unref);
      g_object_unref (task);
      return;
    }
  load->next++;
  g_async_initable_new_async (load->proxy_type, G_PRIORITY_DEFAULT, g_task_get_cancellable (task),
                              proxy_cb, task, "g-flags", G_DBUS_PROXY_FLAGS_NONE, "g-name",
                              get_name (load->client), "g-connection",
                              vmport_client_get_connection (load->client), "g-object-path", path,
                              "g-interface-name", load->interface, NULL);
}

/* Makes a proxy of @proxy_type for each path, with its properties read and its signals subscribed
 * to before that. Where @skip_unknown, what is gone by now is left out; else it is the error. */
void
vmp_client_load_proxies (VmportClient *client, GType proxy_type, const char *interface,
                         const char *const *paths, gboolean skip_unknown,
                         GCancellable *cancellable, GAsyncReadyCallback callback,
                         gpointer user_data)
{
  GTask *task = vmp_client_task_new (client, vmp_client_load_proxies, cancellable, callback,
                                     user_data);

  g_task_set_task_data (task, load_new (client, proxy_type, interface, paths, skip_unknown),
                        (GDestroyNotify) load_free);
  load_next (task);
}

GPtrArray *
vmp_client_load_proxies_finish (GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}

static GDBusProxy *
load_one_sync (VmportClient *client, GType proxy_type, const char *interface, const char *path,
               GCancellable *cancellable, GError **error)
{
  GError *local = NULL;
  VmpCall call;
  g_autoptr (GVariant) reply = NULL;
  g_autoptr (GDBusProxy) proxy
    = g_initable_new (proxy_type, cancellable, &local, "g-flags", G_DBUS_PROXY_FLAGS_NONE,
                      "g-name", get_name (client), "g-connection",
                      vmport_client_get_connection (client), "g-object-path", path,
                      "g-interface-name", interface, NULL);

  if (proxy == NULL)
    {
      g_propagate_error (error, vmp_client_error_take_remote (local));
      return NULL;
    }
  if (is_loaded (proxy))
    return g_steal_pointer (&proxy);
  call = vmp_client_get_all_call (path, interface);
  reply = vmp_client_call_sync (client, &call, cancellable, error);
  if (reply == NULL)
    return NULL;
  set_properties (proxy, reply);
  return g_steal_pointer (&proxy);
}

GPtrArray *
vmp_client_load_proxies_sync (VmportClient *client, GType proxy_type, const char *interface,
                              const char *const *paths, gboolean skip_unknown,
                              GCancellable *cancellable, GError **error)
{
  g_autoptr (GPtrArray) proxies = g_ptr_array_new_with_free_func (g_object_unref);

  for (gsize i = 0; paths[i] != NULL; i++)
    {
      g_autoptr (GError) local = NULL;
      GDBusProxy *proxy = load_one_sync (client, proxy_type, interface, paths[i], cancellable,
                                         &local);

      if (proxy != NULL)
        g_ptr_array_add (proxies, proxy);
      else if (!vmp_client_error_is_unknown (local) || !skip_unknown)
        {
          g_propagate_error (error, take_error (g_steal_pointer (&local)));
          return NULL;
        }
    }
  return g_steal_pointer (&proxies);
}
