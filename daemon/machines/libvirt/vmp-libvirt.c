/* Virtual machines of libvirt: the inventory, kept by libvirt's events, and the driver's face.
 *
 * The inventory is the main thread's, and stays while libvirt is away. Readings arrive from the
 * link; one that says that a machine came or went while a job is about to say so itself waits until
 * that job is done. */
#include "config.h"

#include "vmp-libvirt.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gi18n-lib.h>
#include <gmodule.h>
#include <libvirt/virterror.h>
#include <string.h>
#include <unistd.h>

#include "vmp-at.h"
#include "vmp-awaited.h"
#include "vmp-bridges.h"
#include "vmp-error.h"
#include "vmp-fd.h"
#include "vmp-image-lock.h"
#include "vmp-libvirt-check.h"
#include "vmp-libvirt-error.h"
#include "vmp-libvirt-link.h"
#include "vmp-libvirt-place.h"
#include "vmp-libvirt-private.h"
#include "vmp-libvirt-reading.h"
#include "vmp-libvirt-scope.h"
#include "vmp-libvirt-watch.h"

/* What may have made a machine another than the one that a job read. */
typedef enum
{
  STIR_NONE,
  STIR_STARTED,
  STIR_AWAY, /* libvirt was, and nobody knows */
} Stir;

struct _VmpLibvirt
{
  GObject parent_instance;
  char *uri;
  VmpLibvirtLink *link;
  VmpLibvirtWatch *watch; /* NULL for a driver without folders */

  /* The main thread's. */
  gboolean available;
  VmpLibvirtHost *host;
  VmpInventory *inventory;
  GHashTable *deferred; /* uuids whose reading waits for a job */

  GMutex lock;         /* of what follows */
  GHashTable *stirred; /* uuid of a machine that a job has → Stir: what happened since */
  GHashTable *made;    /* uuid → VmpMachine that a job defined */
};

static void vmp_libvirt_machines_init (VmpMachinesInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (VmpLibvirt, vmp_libvirt, G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (VMP_TYPE_MACHINES,
                                                      vmp_libvirt_machines_init))

static void
vmp_libvirt_finalize (GObject *object)
{
  VmpLibvirt *self = VMP_LIBVIRT (object);

  g_clear_pointer (&self->watch, vmp_libvirt_watch_free);
  g_clear_pointer (&self->link, vmp_libvirt_link_stop);
  g_clear_pointer (&self->host, vmp_libvirt_host_unref);
  vmp_inventory_free (self->inventory);
  g_hash_table_unref (self->deferred);
  g_hash_table_unref (self->stirred);
  g_hash_table_unref (self->made);
  g_mutex_clear (&self->lock);
  g_free (self->uri);
  G_OBJECT_CLASS (vmp_libvirt_parent_class)->finalize (object);
}

static void
vmp_libvirt_class_init (VmpLibvirtClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = vmp_libvirt_finalize;
}

static void
vmp_libvirt_init (VmpLibvirt *self)
{
  g_mutex_init (&self->lock);
  self->inventory = vmp_inventory_new ();
  self->made = g_hash_table_new_full (g_str_hash, g_str_equal, g_free,
                                      (GDestroyNotify) vmp_machine_unref);
  self->deferred = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  self->stirred = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
}

/* Is a job about to say itself that the machine came or went? */
static gboolean
is_job_to_tell (VmpLibvirt *self, const char *uuid, gboolean comes)
{
  VmpMachines *machines = VMP_MACHINES (self);

  return comes ? vmp_machines_is_reserved (machines, uuid)
               : vmp_machines_get_holder (machines, uuid) != 0;
}

/* What configurations say of scopes, once no job is about to change it. */
static void
settle_scopes (VmpLibvirt *self, GPtrArray *machines)
{
  VmpMachines *books = VMP_MACHINES (self);
  g_autoptr (GPtrArray) free = g_ptr_array_new ();

  for (guint i = 0; i < machines->len; i++)
    {
      const char *uuid = vmp_machine_get_uuid (g_ptr_array_index (machines, i));

      if (vmp_machines_is_reserved (books, uuid))
        continue;
      if (vmp_machines_get_holder (books, uuid) != 0)
        g_hash_table_add (self->deferred, g_strdup (uuid));
      else
        g_ptr_array_add (free, g_ptr_array_index (machines, i));
    }
  vmp_libvirt_scope_settle (self->link, vmp_machines_get_scopes (books),
                            vmp_machines_get_id (books), free);
}

static void
tell_changes (VmpLibvirt *self, VmpMachine *before, VmpMachine *now)
{
  /* What is no property is read by GetConfiguration: these, too, come from there. */
  static const char *const configured[] = { "ResourcePaths", "NetworkConnections", NULL };
  g_autofree const char **changes = vmp_machine_list_changes (before, now);

  vmp_machines_emit_changed (VMP_MACHINES (self), vmp_machine_get_uuid (now),
                             changes[0] != NULL ? (const char *const *) changes : configured);
}

static void
take_reading (VmpLibvirt *self, const char *uuid, VmpMachine *machine)
{
  g_autoptr (VmpMachine) before = vmp_inventory_peek (self->inventory, uuid);

  if (before != NULL)
    vmp_machine_ref (before);
  if ((before != NULL) != (machine != NULL) && is_job_to_tell (self, uuid, machine != NULL))
    {
      g_hash_table_add (self->deferred, g_strdup (uuid));
      return;
    }
  if (machine != NULL)
    vmp_inventory_put (self->inventory, machine);
  else
    vmp_inventory_drop (self->inventory, uuid);
  if (before == NULL && machine != NULL)
    vmp_machines_emit_added (VMP_MACHINES (self), uuid);
  else if (before != NULL && machine == NULL)
    vmp_machines_emit_removed (VMP_MACHINES (self), uuid);
  else if (before != NULL && !vmp_machine_equal (before, machine))
    tell_changes (self, before, machine);
}

static void
set_host (VmpLibvirt *self, VmpLibvirtHost *host)
{
  g_clear_pointer (&self->host, vmp_libvirt_host_unref);
  self->host = vmp_libvirt_host_ref (host);
  vmp_machines_emit_available (VMP_MACHINES (self));
}

static void
on_machine (const char *uuid, VmpMachine *machine, gpointer owner)
{
  g_autoptr (GPtrArray) one = g_ptr_array_new ();

  take_reading (owner, uuid, machine);
  if (machine != NULL)
    g_ptr_array_add (one, machine);
  settle_scopes (owner, one);
}

/* What changed while libvirt was away is told as if it had happened now. */
static void
on_up (VmpLibvirtHost *host, GPtrArray *machines, gpointer owner)
{
  VmpLibvirt *self = owner;
  g_autoptr (GHashTable) there = g_hash_table_new (g_str_hash, g_str_equal);
  g_autoptr (GPtrArray) known = vmp_inventory_list (self->inventory);

  self->available = TRUE;
  if (self->watch != NULL)
    vmp_libvirt_watch_look (self->watch);
  set_host (self, host);
  for (guint i = 0; i < machines->len; i++)
    g_hash_table_add (there,
                      (gpointer) vmp_machine_get_uuid (g_ptr_array_index (machines, i)));
  for (guint i = 0; i < known->len; i++)
    {
      const char *uuid = vmp_machine_get_uuid (g_ptr_array_index (known, i));

      if (!g_hash_table_contains (there, uuid))
        take_reading (self, uuid, NULL);
    }
  for (guint i = 0; i < machines->len; i++)
    {
      VmpMachine *machine = g_ptr_array_index (machines, i);

      take_reading (self, vmp_machine_get_uuid (machine), machine);
    }
  settle_scopes (self, machines);
  g_info ("%s: %u machines", self->uri, machines->len);
}

static void
stir (VmpLibvirt *self, const char *uuid)
{
  g_mutex_lock (&self->lock);
  if (g_hash_table_contains (self->stirred, uuid))
    g_hash_table_replace (self->stirred, g_strdup (uuid), GINT_TO_POINTER (STIR_STARTED));
  g_mutex_unlock (&self->lock);
}

static void
on_down (gpointer owner)
{
  VmpLibvirt *self = owner;
  GHashTableIter iter;
  gpointer uuid;

  self->available = FALSE;
  /* Nobody knows what happened to the machines of jobs meanwhile. */
  g_mutex_lock (&self->lock);
  g_hash_table_iter_init (&iter, self->stirred);
  while (g_hash_table_iter_next (&iter, &uuid, NULL))
    g_hash_table_iter_replace (&iter, GINT_TO_POINTER (STIR_AWAY));
  g_mutex_unlock (&self->lock);
  vmp_machines_emit_available (VMP_MACHINES (self));
}

static void
on_host (VmpLibvirtHost *host, gpointer owner)
{
  set_host (owner, host);
}

static void
on_stirred (const char *uuid, gpointer owner)
{
  stir (owner, uuid);
}

static void
on_folder_changed (const char *name, gpointer owner)
{
  vmp_libvirt_link_read_named (VMP_LIBVIRT (owner)->link, name);
}

/* Starts to connect at once. In the main thread. */
static VmpMachines *
vmp_libvirt_new (const char *id, const char *uri)
{
  static const VmpLibvirtLinkFuncs funcs = { on_up, on_down, on_host, on_machine, on_stirred };
  VmpLibvirt *self = g_object_new (VMP_TYPE_LIBVIRT, NULL);
  g_auto (VmpLibvirtFolders) folders = { NULL };

  self->uri = g_strdup (uri);
  vmp_machines_set_id (VMP_MACHINES (self), id);
  vmp_libvirt_folders_init (&folders, uri);
  /* Before the first reading: nothing that changes in between is missed. */
  if (folders.configuration != NULL)
    self->watch = vmp_libvirt_watch_new (folders.configuration, folders.state, on_folder_changed,
                                         self);
  self->link = vmp_libvirt_link_new (uri, &funcs, self);
  return VMP_MACHINES (self);
}

static const char *
vmp_libvirt_get_driver (VmpMachines *machines)
{
  return "libvirt";
}

static const char *
vmp_libvirt_get_uri (VmpMachines *machines)
{
  return VMP_LIBVIRT (machines)->uri;
}

/* libvirt's, as it was last seen. */
static const char *
vmp_libvirt_get_version (VmpMachines *machines)
{
  VmpLibvirt *self = VMP_LIBVIRT (machines);

  return self->host != NULL ? self->host->version : "";
}

static gboolean
vmp_libvirt_is_available (VmpMachines *machines)
{
  return VMP_LIBVIRT (machines)->available;
}

static const char *const *
vmp_libvirt_get_features (VmpMachines *machines)
{
  return vmp_awaited_features;
}

static GStrv
vmp_libvirt_list_networks (VmpMachines *machines)
{
  VmpLibvirt *self = VMP_LIBVIRT (machines);
  static const char *const none[] = { NULL };
  g_autoptr (GStrvBuilder) networks = g_strv_builder_new ();

  if (self->host != NULL)
    g_strv_builder_addv (networks, (const char **) self->host->networks);
  vmp_bridges_add (networks, none);
  g_strv_builder_add (networks, "user");
  return g_strv_builder_end (networks);
}

static GStrv
vmp_libvirt_list_roots (VmpMachines *machines)
{
  VmpLibvirt *self = VMP_LIBVIRT (machines);
  g_autoptr (GStrvBuilder) roots = g_strv_builder_new ();

  for (guint i = 0; self->host != NULL && i < self->host->rooms->len; i++)
    {
      VmpRoom *room = g_ptr_array_index (self->host->rooms, i);

      if (room->kind == VMP_ROOM_POOL)
        g_strv_builder_add (roots, room->path);
    }
  return g_strv_builder_end (roots);
}

static VmpInventory *
vmp_libvirt_get_inventory (VmpMachines *machines)
{
  return VMP_LIBVIRT (machines)->inventory;
}

/* A machine that define() made: it was read then. */
static gboolean
vmp_libvirt_load (VmpMachines *machines, const char *uuid, GError **error)
{
  VmpLibvirt *self = VMP_LIBVIRT (machines);
  g_autofree char *key = NULL;
  g_autoptr (VmpMachine) machine = NULL;

  g_mutex_lock (&self->lock);
  g_hash_table_steal_extended (self->made, uuid, (gpointer *) &key, (gpointer *) &machine);
  g_mutex_unlock (&self->lock);
  if (machine == NULL)
    return vmp_error_set (error, VMPORT_ERROR_NOT_FOUND, _ ("There is no such virtual machine"));
  vmp_inventory_put (self->inventory, machine);
  return TRUE;
}

/* The TPM of a machine that was undefined without it. */
static gboolean
vmp_libvirt_has_remains (VmpMachines *machines, const char *uuid)
{
  VmpLibvirt *self = VMP_LIBVIRT (machines);
  VmpRoom *tpm = self->host != NULL ? vmp_libvirt_host_find_room (self->host, VMP_ROOM_TPM) : NULL;

  return tpm != NULL && vmp_at_exists (tpm->fd, uuid);
}

static void
vmp_libvirt_held (VmpMachines *machines, const char *uuid, gboolean held)
{
  VmpLibvirt *self = VMP_LIBVIRT (machines);

  g_mutex_lock (&self->lock);
  if (held)
    g_hash_table_replace (self->stirred, g_strdup (uuid), GINT_TO_POINTER (STIR_NONE));
  else
    g_hash_table_remove (self->stirred, uuid);
  g_mutex_unlock (&self->lock);
  if (!held && g_hash_table_remove (self->deferred, uuid))
    vmp_libvirt_link_read (self->link, uuid);
}

/* Events are told by libvirtd, and by its folders, a moment later than things happen. */
static VmpMachine *
vmp_libvirt_reread (VmpMachines *machines, const char *uuid, GError **error)
{
  VmpLibvirt *self = VMP_LIBVIRT (machines);
  g_autoptr (VmpLibvirtHost) host = NULL;
  g_autoptr (VmpVirConnect) connection = vmp_libvirt_link_take (self->link, &host, error);
  g_autoptr (VmpVirDomain) domain = NULL;

  if (connection == NULL)
    return NULL;
  domain = virDomainLookupByUUIDString (connection, uuid);
  if (domain == NULL)
    {
      vmp_libvirt_error_set (error, _ ("The virtual machine"));
      return NULL;
    }
  return vmp_libvirt_read_machine (domain, host, error);
}

static Stir
get_stir (VmpLibvirt *self, const char *uuid)
{
  Stir stirred;

  g_mutex_lock (&self->lock);
  stirred = GPOINTER_TO_INT (g_hash_table_lookup (self->stirred, uuid));
  g_mutex_unlock (&self->lock);
  return stirred;
}

/* Nothing keeps libvirt from starting a machine whose disks are no files that QEMU locks; so it is
 * looked at once more when all was read. */
static gboolean
vmp_libvirt_confirm (VmpMachines *machines, VmpMachine *machine, GError **error)
{
  VmpLibvirt *self = VMP_LIBVIRT (machines);
  const char *uuid = vmp_machine_get_uuid (machine);
  g_autoptr (VmpMachine) now = vmp_libvirt_reread (machines, uuid, error);
  Stir stirred;

  if (now == NULL)
    return FALSE;
  stirred = get_stir (self, uuid);
  if (stirred == STIR_AWAY)
    return vmp_error_set (error, VMPORT_ERROR_NOT_AVAILABLE,
                          _ ("libvirt was away while the virtual machine was read, which may have "
                             "been started meanwhile; try again"));
  if (strcmp (vmp_machine_get_state (now), vmp_machine_get_state (machine)) != 0
      || stirred == STIR_STARTED)
    return vmp_error_set (error, VMPORT_ERROR_IN_USE,
                          _ ("The virtual machine was started while it was read; try again while it "
                             "is off"));
  if (!vmp_machine_equal (now, machine))
    {
      /* libvirt tells of most changes, but not of all (autostart): the next attempt shall know. */
      vmp_libvirt_link_read (self->link, uuid);
      return vmp_error_set (error, VMPORT_ERROR_IN_USE,
                            _ ("The configuration of the virtual machine was changed while it was "
                               "read; try again"));
    }
  return TRUE;
}

static gboolean
vmp_libvirt_examine (VmpMachines *machines, VmpDomain *domain, GPtrArray *findings, GError **error)
{
  g_autoptr (VmpVirConnect) connection
      = vmp_libvirt_link_take (VMP_LIBVIRT (machines)->link, NULL, error);

  return connection != NULL
         && vmp_libvirt_check_domain (connection, domain, findings, error);
}

static gboolean
vmp_libvirt_note_scope (VmpMachines *machines, const char *uuid, const char *scope,
                        GError **error)
{
  g_autoptr (VmpVirConnect) connection
      = vmp_libvirt_link_take (VMP_LIBVIRT (machines)->link, NULL, error);

  return connection != NULL && vmp_libvirt_scope_note (connection, uuid, scope, error);
}

static VmpLibvirtHost *
take_host (VmpLibvirt *self, GError **error)
{
  VmpLibvirtHost *host = NULL;
  g_autoptr (VmpVirConnect) connection = vmp_libvirt_link_take (self->link, &host, error);

  return connection != NULL ? host : NULL;
}

/* While it is open, no QEMU of this host gets to write an image. */
static int
vmp_libvirt_open_file (VmpMachines *machines, const char *path, GError **error)
{
  g_autoptr (VmpLibvirtHost) host = take_host (VMP_LIBVIRT (machines), error);
  vmp_autofd int fd = host != NULL ? vmp_libvirt_host_open (host, path, error) : -1;

  if (fd < 0 || !vmp_image_lock (fd, path, error))
    return -1;
  return vmp_fd_steal (&fd);
}

/* A group of logical volumes has no files. */
static gboolean
vmp_libvirt_check_target (VmpMachines *machines, const char *folder, GError **error)
{
  g_autoptr (VmpLibvirtHost) host = take_host (VMP_LIBVIRT (machines), error);
  const char *pool = host != NULL ? g_hash_table_lookup (host->groups, folder) : NULL;

  if (host == NULL)
    return FALSE;
  return pool == NULL
         || vmp_error_set (error, VMPORT_ERROR_NOT_SUPPORTED,
                           _ ("“%s” is the storage pool “%s” of the type logical; vmport makes files, "
                              "so name a folder of a pool of the type dir or fs"),
                           folder, pool);
}

static gboolean
vmp_libvirt_owns_path (VmpMachines *machines, const char *path)
{
  g_autoptr (VmpLibvirtHost) host
      = vmp_libvirt_link_get_host (VMP_LIBVIRT (machines)->link);

  return host != NULL && vmp_libvirt_host_owns (host, path);
}

static gboolean
unlink_image (VmpLibvirtHost *host, const char *path, GError **error)
{
  const char *beneath;
  VmpRoom *room = vmp_libvirt_host_find_path (host, path, &beneath);

  if (room == NULL || !vmp_libvirt_host_owns (host, path))
    return TRUE;
  if (unlinkat (room->fd, beneath, 0) < 0 && errno != ENOENT)
    return vmp_error_set_errno (error, errno, _ ("Cannot remove “%s”"), path);
  return TRUE;
}

static gboolean
unlink_storage (VmpLibvirtHost *host, VmpMachine *machine, GPtrArray *spared, GError **error)
{
  g_autoptr (GPtrArray) paths = vmp_machine_list_storage (machine);

  for (guint i = 0; i < paths->len; i++)
    {
      const char *path = g_ptr_array_index (paths, i);

      if (!g_ptr_array_find_with_equal_func (spared, path, g_str_equal, NULL)
          && !unlink_image (host, path, error))
        return FALSE;
    }
  return TRUE;
}

/* UEFI variables, TPM and saved state belong to the definition and go with it. */
static gboolean
vmp_libvirt_remove (VmpMachines *machines, VmpMachine *machine, gboolean delete_storage,
                    GPtrArray *spared, GError **error)
{
  VmpLibvirt *self = VMP_LIBVIRT (machines);
  const unsigned int flags
      = VIR_DOMAIN_UNDEFINE_MANAGED_SAVE | VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA
        | VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA | VIR_DOMAIN_UNDEFINE_NVRAM
        | VIR_DOMAIN_UNDEFINE_TPM;
  g_autoptr (VmpLibvirtHost) host = NULL;
  g_autoptr (VmpVirConnect) connection = vmp_libvirt_link_take (self->link, &host, error);
  g_autoptr (VmpVirDomain) domain = NULL;

  if (connection == NULL)
    return FALSE;
  domain = virDomainLookupByUUIDString (connection, vmp_machine_get_uuid (machine));
  if (domain == NULL)
    return vmp_libvirt_error_set (error, _ ("The virtual machine"));
  if (virDomainIsActive (domain) != 0)
    return vmp_error_set (error, VMPORT_ERROR_INVALID_STATE,
                          _ ("The virtual machine runs; shut it down first"));
  if (virDomainUndefineFlags (domain, flags) < 0
      && (virGetLastErrorCode () != VIR_ERR_INVALID_ARG
          || virDomainUndefineFlags (domain, VIR_DOMAIN_UNDEFINE_MANAGED_SAVE
                                                 | VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA)
                 < 0))
    return vmp_libvirt_error_set (error, _ ("libvirt does not undefine the virtual machine"));
  return !delete_storage || unlink_storage (host, machine, spared, error);
}

static VmpPlace *
vmp_libvirt_begin (VmpMachines *machines, const char *token, const char *uuid, const char *name,
                   GError **error)
{
  VmpLibvirtLink *link = VMP_LIBVIRT (machines)->link;
  g_autoptr (VmpLibvirtHost) host = take_host (VMP_LIBVIRT (machines), error);

  return host != NULL ? vmp_libvirt_place_new (link, host, token, uuid, name, error) : NULL;
}

static int
vmp_libvirt_create_file (VmpMachines *machines, VmpPlace *place, const char *member,
                         char **final_path, GError **error)
{
  return vmp_libvirt_place_create (place, member, final_path, error);
}

static int
vmp_libvirt_reopen_file (VmpMachines *machines, VmpPlace *place, const char *member,
                         GError **error)
{
  return vmp_libvirt_place_reopen (place, member, error);
}

static gboolean
vmp_libvirt_write_configuration (VmpMachines *machines, VmpPlace *place, VmpDomain *domain,
                                 GError **error)
{
  vmp_libvirt_place_set_domain (place, domain);
  return TRUE;
}

static gboolean
vmp_libvirt_add_snapshot (VmpMachines *machines, VmpPlace *place, VmpSnapshot *snapshot,
                          GError **error)
{
  vmp_libvirt_place_add_snapshot (place, snapshot);
  return TRUE;
}

/* libvirt 9.0's; what later ones add is refused until a driver tells them apart by version. */
static const char *const *
vmp_libvirt_get_state_formats (VmpMachines *machines)
{
  static const char *const formats[] = { "none", "gzip", "bzip2", "xz", "lzop", NULL };

  return formats;
}

static gboolean
vmp_libvirt_sync (VmpMachines *machines, VmpPlace *place, GError **error)
{
  return vmp_libvirt_place_sync (place, error);
}

static GVariant *
vmp_libvirt_describe (VmpMachines *machines, VmpPlace *place)
{
  return vmp_libvirt_place_describe (place);
}

static gboolean
vmp_libvirt_define (VmpMachines *machines, VmpPlace *place, GError **error)
{
  VmpLibvirt *self = VMP_LIBVIRT (machines);
  g_autoptr (VmpVirConnect) connection = vmp_libvirt_link_take (self->link, NULL, error);
  VmpMachine *machine
      = connection != NULL ? vmp_libvirt_place_define (place, connection, error) : NULL;

  if (machine == NULL)
    return FALSE;
  g_mutex_lock (&self->lock);
  g_hash_table_replace (self->made, g_strdup (vmp_machine_get_uuid (machine)), machine);
  g_mutex_unlock (&self->lock);
  return TRUE;
}

static void
vmp_libvirt_end (VmpMachines *machines, VmpPlace *place)
{
  vmp_libvirt_place_free (place);
}

static gboolean
vmp_libvirt_undo (VmpMachines *machines, GVariant *description, GError **error)
{
  return vmp_libvirt_place_undo (VMP_LIBVIRT (machines)->link, description, error);
}

static void
vmp_libvirt_machines_init (VmpMachinesInterface *iface)
{
  iface->get_driver = vmp_libvirt_get_driver;
  iface->get_uri = vmp_libvirt_get_uri;
  iface->get_version = vmp_libvirt_get_version;
  iface->is_available = vmp_libvirt_is_available;
  iface->get_features = vmp_libvirt_get_features;
  iface->list_networks = vmp_libvirt_list_networks;
  iface->list_roots = vmp_libvirt_list_roots;
  iface->get_inventory = vmp_libvirt_get_inventory;
  iface->load = vmp_libvirt_load;
  iface->has_remains = vmp_libvirt_has_remains;
  iface->held = vmp_libvirt_held;
  iface->reread = vmp_libvirt_reread;
  iface->confirm = vmp_libvirt_confirm;
  iface->examine = vmp_libvirt_examine;
  iface->note_scope = vmp_libvirt_note_scope;
  iface->open_file = vmp_libvirt_open_file;
  iface->check_target = vmp_libvirt_check_target;
  iface->owns_path = vmp_libvirt_owns_path;
  iface->remove = vmp_libvirt_remove;
  iface->begin = vmp_libvirt_begin;
  iface->create_file = vmp_libvirt_create_file;
  iface->reopen_file = vmp_libvirt_reopen_file;
  iface->write_configuration = vmp_libvirt_write_configuration;
  iface->add_snapshot = vmp_libvirt_add_snapshot;
  iface->get_state_formats = vmp_libvirt_get_state_formats;
  iface->sync = vmp_libvirt_sync;
  iface->describe = vmp_libvirt_describe;
  iface->define = vmp_libvirt_define;
  iface->end = vmp_libvirt_end;
  iface->undo = vmp_libvirt_undo;
}

G_MODULE_EXPORT const VmpDriver vmp_driver = { PACKAGE_VERSION, vmp_libvirt_new };
