/* The manager of libvirt's machines, which is there before libvirt is.
 *
 * libvirt brings more libraries along than all the rest of vmportd has, so its driver is a module, and
 * a daemon on a host where no libvirtd runs does without it: until there is a sign of one, this shows
 * the manager as not available; then it loads the driver and hands everything on to that. */
#include "config.h"

#include "vmp-awaited.h"

#include <glib/gi18n-lib.h>
#include <gmodule.h>
#include <string.h>

#include "vmp-bridges.h"
#include "vmp-error.h"

/* Looking costs two system calls. */
#define FIRST_DELAY_MSEC 250
#define LAST_DELAY_MSEC 5000

const char *const vmp_awaited_features[]
    = { "snapshots", "saved-state", "in-place", "reflink", "scopes", NULL };

struct _VmpAwaited
{
  GObject parent_instance;
  char *uri;
  guint delay;
  guint timeout;
  char *complaint;         /* the last, so that it is logged once */
  VmpInventory *inventory; /* empty */
};

static void vmp_awaited_machines_init (VmpMachinesInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (VmpAwaited, vmp_awaited, G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (VMP_TYPE_MACHINES,
                                                      vmp_awaited_machines_init))

static void
vmp_awaited_finalize (GObject *object)
{
  VmpAwaited *self = VMP_AWAITED (object);

  g_clear_handle_id (&self->timeout, g_source_remove);
  vmp_inventory_free (self->inventory);
  g_free (self->complaint);
  g_free (self->uri);
  G_OBJECT_CLASS (vmp_awaited_parent_class)->finalize (object);
}

static void
vmp_awaited_class_init (VmpAwaitedClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = vmp_awaited_finalize;
}

static void
vmp_awaited_init (VmpAwaited *self)
{
  self->inventory = vmp_inventory_new ();
  self->delay = FIRST_DELAY_MSEC;
}

/* Any other driver has no socket, or libvirt starts its daemon when it is first called. */
static gboolean
is_there (VmpAwaited *self)
{
  return strcmp (self->uri, "qemu:///system") != 0
         || g_file_test (VMP_LIBVIRT_RUN_DIR "/libvirt-sock", G_FILE_TEST_EXISTS)
         || g_file_test (VMP_LIBVIRT_RUN_DIR "/virtqemud-sock", G_FILE_TEST_EXISTS);
}

static void
complain (VmpAwaited *self, const char *message)
{
  if (g_strcmp0 (self->complaint, message) != 0)
    g_message ("%s: %s", self->uri, message);
  g_free (self->complaint);
  self->complaint = g_strdup (message);
}

/* A package that was upgraded under a running daemon has another's driver. */
static const VmpDriver *
load_driver (GError **error)
{
  GModule *module = g_module_open (VMP_AWAITED_MODULE, G_MODULE_BIND_LOCAL);
  gpointer symbol = NULL;

  if (module == NULL || !g_module_symbol (module, "vmp_driver", &symbol))
    {
      vmp_error_set (error, VMPORT_ERROR_NOT_SUPPORTED,
                     _ ("The driver of libvirt's machines cannot be loaded: %s"), g_module_error ());
      g_clear_pointer (&module, g_module_close);
      return NULL;
    }
  if (strcmp (((const VmpDriver *) symbol)->version, PACKAGE_VERSION) != 0)
    {
      vmp_error_set (error, VMPORT_ERROR_NOT_SUPPORTED,
                     _ ("“%s” is of vmport %s, and this vmportd of %s; restart vmportd"),
                     VMP_AWAITED_MODULE, ((const VmpDriver *) symbol)->version, PACKAGE_VERSION);
      g_module_close (module);
      return NULL;
    }
  g_module_make_resident (module);
  return symbol;
}

static gboolean
look (VmpAwaited *self)
{
  g_autoptr (GError) error = NULL;
  const VmpDriver *driver = is_there (self) ? load_driver (&error) : NULL;

  if (error != NULL)
    complain (self, error->message);
  if (driver == NULL)
    return FALSE;
  vmp_machines_hand_on (VMP_MACHINES (self),
                        driver->create (vmp_machines_get_id (VMP_MACHINES (self)), self->uri));
  return TRUE;
}

static gboolean
on_timeout (gpointer data)
{
  VmpAwaited *self = data;

  self->timeout = 0;
  if (look (self))
    return G_SOURCE_REMOVE;
  self->delay = MIN (self->delay * 2, LAST_DELAY_MSEC);
  self->timeout = g_timeout_add (self->delay, on_timeout, self);
  return G_SOURCE_REMOVE;
}

/* Is the driver there at all? Distributions may have it in a package of its own. */
gboolean
vmp_awaited_is_installed (void)
{
  return VMP_HAVE_LIBVIRT && g_file_test (VMP_AWAITED_MODULE, G_FILE_TEST_EXISTS);
}

/* Loads the driver now, or once libvirt is there. In the main thread. */
VmpAwaited *
vmp_awaited_new (const char *id, const char *uri)
{
  VmpAwaited *self = g_object_new (VMP_TYPE_AWAITED, NULL);

  self->uri = g_strdup (uri);
  vmp_machines_set_id (VMP_MACHINES (self), id);
  if (!look (self))
    self->timeout = g_timeout_add (self->delay, on_timeout, self);
  return self;
}

static gboolean
not_available (VmpMachines *machines, GError **error)
{
  return vmp_error_set (error, VMPORT_ERROR_NOT_AVAILABLE,
                        _ ("There is no connection to libvirt (%s); start libvirtd"),
                        VMP_AWAITED (machines)->uri);
}

/* The driver's face while there is none. */

static const char *
vmp_awaited_get_driver (VmpMachines *machines)
{
  return "libvirt";
}

static const char *
vmp_awaited_get_uri (VmpMachines *machines)
{
  return VMP_AWAITED (machines)->uri;
}

static const char *
vmp_awaited_get_version (VmpMachines *machines)
{
  return "";
}

static gboolean
vmp_awaited_is_available (VmpMachines *machines)
{
  return FALSE;
}

static const char *const *
vmp_awaited_get_features (VmpMachines *machines)
{
  return vmp_awaited_features;
}

static GStrv
vmp_awaited_list_networks (VmpMachines *machines)
{
  static const char *const none[] = { NULL };
  g_autoptr (GStrvBuilder) networks = g_strv_builder_new ();

  vmp_bridges_add (networks, none);
  g_strv_builder_add (networks, "user");
  return g_strv_builder_end (networks);
}

static GStrv
vmp_awaited_list_roots (VmpMachines *machines)
{
  return g_new0 (char *, 1);
}

static VmpInventory *
vmp_awaited_get_inventory (VmpMachines *machines)
{
  return VMP_AWAITED (machines)->inventory;
}

static gboolean
vmp_awaited_load (VmpMachines *machines, const char *uuid, GError **error)
{
  return not_available (machines, error);
}

static gboolean
vmp_awaited_has_remains (VmpMachines *machines, const char *uuid)
{
  return FALSE;
}

static gboolean
vmp_awaited_examine (VmpMachines *machines, VmpDomain *domain, GPtrArray *findings, GError **error)
{
  return not_available (machines, error);
}

static int
vmp_awaited_open_file (VmpMachines *machines, const char *path, GError **error)
{
  not_available (machines, error);
  return -1;
}

static gboolean
vmp_awaited_check_target (VmpMachines *machines, const char *folder, GError **error)
{
  return not_available (machines, error);
}

static gboolean
vmp_awaited_owns_path (VmpMachines *machines, const char *path)
{
  return FALSE;
}

static gboolean
vmp_awaited_remove (VmpMachines *machines, VmpMachine *machine, gboolean delete_storage,
                    GPtrArray *spared, GError **error)
{
  return not_available (machines, error);
}

static VmpPlace *
vmp_awaited_begin (VmpMachines *machines, const char *token, const char *uuid, const char *name,
                   GError **error)
{
  not_available (machines, error);
  return NULL;
}

static gboolean
vmp_awaited_undo (VmpMachines *machines, GVariant *description, GError **error)
{
  return not_available (machines, error);
}

/* What is done with a place is not here: there is none without vmp_awaited_begin(). */
static void
vmp_awaited_machines_init (VmpMachinesInterface *iface)
{
  iface->get_driver = vmp_awaited_get_driver;
  iface->get_uri = vmp_awaited_get_uri;
  iface->get_version = vmp_awaited_get_version;
  iface->is_available = vmp_awaited_is_available;
  iface->get_features = vmp_awaited_get_features;
  iface->list_networks = vmp_awaited_list_networks;
  iface->list_roots = vmp_awaited_list_roots;
  iface->get_inventory = vmp_awaited_get_inventory;
  iface->load = vmp_awaited_load;
  iface->has_remains = vmp_awaited_has_remains;
  iface->examine = vmp_awaited_examine;
  iface->open_file = vmp_awaited_open_file;
  iface->check_target = vmp_awaited_check_target;
  iface->owns_path = vmp_awaited_owns_path;
  iface->remove = vmp_awaited_remove;
  iface->begin = vmp_awaited_begin;
  iface->undo = vmp_awaited_undo;
}
