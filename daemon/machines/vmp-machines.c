/* A place that holds virtual machines: the interface that each driver implements, and the part of
 * the books that is the same for all of them (what is reserved, what a job holds, which scope a
 * machine is in). */
#include "config.h"

#include "vmp-machines.h"

#include <glib/gi18n-lib.h>
#include <string.h>

#include "vmp-error.h"

G_DEFINE_INTERFACE (VmpMachines, vmp_machines, G_TYPE_OBJECT)

/* What an import that is under way will make: nobody else may take it meanwhile. */
typedef struct
{
  guint job;
  char *uuid;
  char *name;
  GStrv macs;
} Reservation;

/* A file that an import in place is about to take. */
typedef struct
{
  guint job;
  VmpFileId id;
} Claim;

typedef struct
{
  VmpMachines *face;   /* whose books these are, and whom everybody knows; not owned */
  VmpMachines *driver; /* atomic; who does the work, where it is not the face itself */
  char *id;
  GPtrArray *peers; /* all managers, this one included; not owned */
  VmpScopes *scopes;
  GPtrArray *reservations;
  GArray *claims;
  GHashTable *held; /* uuid → job number */
} Books;

enum
{
  SIGNAL_ADDED,
  SIGNAL_REMOVED,
  SIGNAL_CHANGED,
  SIGNAL_AVAILABLE,
  N_SIGNALS
};

static guint signals[N_SIGNALS];

static void
reservation_free (gpointer data)
{
  Reservation *reservation = data;

  g_free (reservation->uuid);
  g_free (reservation->name);
  g_strfreev (reservation->macs);
  g_free (reservation);
}

static void
books_free (gpointer data)
{
  Books *books = data;

  g_clear_object (&books->driver);
  g_free (books->id);
  g_clear_object (&books->scopes);
  g_ptr_array_unref (books->reservations);
  g_array_unref (books->claims);
  g_hash_table_unref (books->held);
  g_free (books);
}

static GQuark
books_quark (void)
{
  static GQuark quark = 0;

  if (quark == 0)
    quark = g_quark_from_static_string ("vmp-machines-books");
  return quark;
}

static Books *
get_books (VmpMachines *self)
{
  Books *books = g_object_get_qdata (G_OBJECT (self), books_quark ());

  if (books == NULL)
    {
      books = g_new0 (Books, 1);
      books->face = self;
      books->reservations = g_ptr_array_new_with_free_func (reservation_free);
      books->claims = g_array_new (FALSE, FALSE, sizeof (Claim));
      books->held = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
      g_object_set_qdata_full (G_OBJECT (self), books_quark (), books, books_free);
    }
  return books;
}

/* Who implements what is asked of @self. */
static VmpMachines *
driver_of (VmpMachines *self)
{
  VmpMachines *driver = g_atomic_pointer_get (&get_books (self)->driver);

  return driver != NULL ? driver : self;
}

static VmpInventory *
get_inventory (VmpMachines *self)
{
  VmpMachines *driver = driver_of (self);

  return VMP_MACHINES_GET_IFACE (driver)->get_inventory (driver);
}

/* From now on @self, which nobody could do anything with so far, is what @driver is; the books are
 * those of @self, and so are the signals. Takes @driver. In the main thread, once. */
void
vmp_machines_hand_on (VmpMachines *self, VmpMachines *driver)
{
  Books *books = get_books (self);

  g_object_set_qdata (G_OBJECT (driver), books_quark (), books);
  g_atomic_pointer_set (&books->driver, driver);
}

static void
vmp_machines_default_init (VmpMachinesInterface *iface)
{
  GType type = G_TYPE_FROM_INTERFACE (iface);

  signals[SIGNAL_ADDED] = g_signal_new ("added", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                                        G_TYPE_NONE, 1, G_TYPE_STRING);
  signals[SIGNAL_REMOVED] = g_signal_new ("removed", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                                          G_TYPE_NONE, 1, G_TYPE_STRING);
  signals[SIGNAL_AVAILABLE] = g_signal_new ("available", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL,
                                            NULL, G_TYPE_NONE, 0);
  signals[SIGNAL_CHANGED] = g_signal_new ("changed", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                                          G_TYPE_NONE, 2, G_TYPE_STRING, G_TYPE_STRV);
}

const char *
vmp_machines_get_id (VmpMachines *self)
{
  return get_books (self)->id;
}

void
vmp_machines_set_id (VmpMachines *self, const char *id)
{
  Books *books = get_books (self);

  g_free (books->id);
  books->id = g_strdup (id);
}

/* @managers: all that the daemon has, which outlives them. Files belong to one machine of any. */
void
vmp_machines_set_peers (VmpMachines *self, GPtrArray *managers)
{
  get_books (self)->peers = managers;
}

GPtrArray *
vmp_machines_get_peers (VmpMachines *self)
{
  return get_books (self)->peers;
}

/* The record that says which scope each machine is in. From any thread, once it is set. */
VmpScopes *
vmp_machines_get_scopes (VmpMachines *self)
{
  return get_books (self)->scopes;
}

/* Before the first machine is asked for. */
void
vmp_machines_set_scopes (VmpMachines *self, VmpScopes *scopes)
{
  g_set_object (&get_books (self)->scopes, scopes);
}

/* Takes @machine as the driver has it; what is recorded of its scope holds over what the driver
 * found. */
static VmpMachine *
put_in_scope (VmpMachines *self, VmpMachine *machine)
{
  g_autoptr (VmpMachine) found = machine;
  Books *books = get_books (self);
  g_autofree char *scope = vmp_scopes_lookup (books->scopes, books->id,
                                              vmp_machine_get_uuid (machine));

  if (scope == NULL || strcmp (scope, vmp_machine_get_scope (machine)) == 0)
    return g_steal_pointer (&found);
  return vmp_machine_new_in_scope (machine, scope);
}

static gboolean
same_mac (const char *a, const char *b)
{
  return a != NULL && b != NULL && g_ascii_strcasecmp (a, b) == 0;
}

/* Tells the driver that a job has the machine, or will make it; or has it no more. */
static void
tell_held (VmpMachines *self, const char *uuid, gboolean held)
{
  VmpMachines *driver = driver_of (self);
  VmpMachinesInterface *iface = VMP_MACHINES_GET_IFACE (driver);

  if (iface->held != NULL)
    iface->held (driver, uuid, held);
}

/* Is an import under way to make @uuid? */
gboolean
vmp_machines_is_reserved (VmpMachines *self, const char *uuid)
{
  GPtrArray *reservations = get_books (self)->reservations;

  for (guint i = 0; i < reservations->len; i++)
    if (strcmp (((Reservation *) g_ptr_array_index (reservations, i))->uuid, uuid) == 0)
      return TRUE;
  return FALSE;
}

/* Is @uuid a machine's, or that of an import under way, or still on files in the manager's place? */
gboolean
vmp_machines_is_uuid_taken (VmpMachines *self, const char *uuid)
{
  VmpMachines *driver = driver_of (self);
  g_autoptr (VmpMachine) machine = vmp_machines_lookup (self, uuid);

  return machine != NULL || VMP_MACHINES_GET_IFACE (driver)->has_remains (driver, uuid)
         || vmp_machines_is_reserved (self, uuid);
}

gboolean
vmp_machines_is_name_taken (VmpMachines *self, const char *name)
{
  GPtrArray *reservations = get_books (self)->reservations;

  if (vmp_inventory_has_name (get_inventory (self), name))
    return TRUE;
  for (guint i = 0; i < reservations->len; i++)
    if (strcmp (((Reservation *) g_ptr_array_index (reservations, i))->name, name) == 0)
      return TRUE;
  return FALSE;
}

gboolean
vmp_machines_is_mac_taken (VmpMachines *self, const char *mac)
{
  GPtrArray *reservations = get_books (self)->reservations;
  g_autoptr (GPtrArray) machines = vmp_inventory_list (get_inventory (self));

  for (guint i = 0; i < machines->len; i++)
    {
      VmpDomain *domain = vmp_machine_get_domain (g_ptr_array_index (machines, i));

      for (guint n = 0; n < vmp_domain_get_n_interfaces (domain); n++)
        if (same_mac (vmp_domain_get_interface_mac (domain, n), mac))
          return TRUE;
    }
  for (guint i = 0; i < reservations->len; i++)
    {
      Reservation *reservation = g_ptr_array_index (reservations, i);

      for (gsize n = 0; reservation->macs[n] != NULL; n++)
        if (same_mac (reservation->macs[n], mac))
          return TRUE;
    }
  return FALSE;
}

/* Keeps an id, a name and MAC addresses for @job until vmp_machines_release(), or says which of
 * them is taken. The caller has looked before; this closes the time between looking and taking. */
gboolean
vmp_machines_reserve (VmpMachines *self, const char *uuid, const char *name,
                      const char *const *macs, guint job, GError **error)
{
  Reservation *reservation;

  if (vmp_machines_is_uuid_taken (self, uuid))
    return vmp_error_set (error, VMPORT_ERROR_EXISTS, _ ("The id %s is in use"), uuid);
  if (vmp_machines_is_name_taken (self, name))
    return vmp_error_set (error, VMPORT_ERROR_EXISTS, _ ("The name “%s” is in use"), name);
  for (gsize i = 0; macs[i] != NULL; i++)
    if (vmp_machines_is_mac_taken (self, macs[i]))
      return vmp_error_set (error, VMPORT_ERROR_EXISTS, _ ("The MAC address %s is in use"),
                            macs[i]);
  reservation = g_new0 (Reservation, 1);
  reservation->job = job;
  reservation->uuid = g_strdup (uuid);
  reservation->name = g_strdup (name);
  reservation->macs = g_strdupv ((GStrv) macs);
  g_ptr_array_add (get_books (self)->reservations, reservation);
  tell_held (self, uuid, TRUE);
  return TRUE;
}

static gboolean
is_claimed (VmpMachines *self, const VmpFileId *id)
{
  GArray *claims = get_books (self)->claims;

  for (guint i = 0; i < claims->len; i++)
    if (vmp_file_id_equal (&g_array_index (claims, Claim, i).id, id))
      return TRUE;
  return FALSE;
}

/* Is a job about to take the file, for a machine of any manager? */
gboolean
vmp_machines_is_file_claimed (VmpMachines *self, const VmpFileId *id)
{
  GPtrArray *peers = get_books (self)->peers;

  for (guint i = 0; peers != NULL && i < peers->len; i++)
    if (is_claimed (g_ptr_array_index (peers, i), id))
      return TRUE;
  return is_claimed (self, id);
}

/* Keeps a file for @job until vmp_machines_release(). FALSE where another job has it. */
gboolean
vmp_machines_claim_file (VmpMachines *self, const VmpFileId *id, guint job)
{
  Claim claim = { job, *id };

  if (vmp_machines_is_file_claimed (self, id))
    return FALSE;
  g_array_append_val (get_books (self)->claims, claim);
  return TRUE;
}

/* Lets go all that @job reserved, claimed or held. */
void
vmp_machines_release (VmpMachines *self, guint job)
{
  Books *books = get_books (self);
  g_autoptr (GPtrArray) freed = g_ptr_array_new_with_free_func (g_free);
  GHashTableIter iter;
  gpointer uuid, holder;

  for (guint i = books->reservations->len; i > 0; i--)
    {
      Reservation *reservation = g_ptr_array_index (books->reservations, i - 1);

      g_autofree char *made = NULL;

      if (reservation->job != job)
        continue;
      made = g_strdup (reservation->uuid);
      g_ptr_array_remove_index_fast (books->reservations, i - 1);
      tell_held (self, made, FALSE);
    }
  for (guint i = books->claims->len; i > 0; i--)
    if (g_array_index (books->claims, Claim, i - 1).job == job)
      g_array_remove_index_fast (books->claims, i - 1);
  g_hash_table_iter_init (&iter, books->held);
  while (g_hash_table_iter_next (&iter, &uuid, &holder))
    if (GPOINTER_TO_UINT (holder) == job)
      g_ptr_array_add (freed, g_strdup (uuid));
  for (guint i = 0; i < freed->len; i++)
    vmp_machines_let_go (self, g_ptr_array_index (freed, i));
}

static void
tell_active_job (VmpMachines *self, const char *uuid)
{
  static const char *const properties[] = { "ActiveJob", NULL };

  vmp_machines_emit_changed (self, uuid, properties);
}

/* Takes a machine for one job (or, with VMP_MACHINES_NO_JOB, for a call). FALSE where another
 * has it. */
gboolean
vmp_machines_hold (VmpMachines *self, const char *uuid, guint job)
{
  GHashTable *held = get_books (self)->held;

  if (g_hash_table_contains (held, uuid))
    return FALSE;
  g_hash_table_insert (held, g_strdup (uuid), GUINT_TO_POINTER (job));
  tell_held (self, uuid, TRUE);
  /* A call that has it is no job, and is not shown. */
  if (job != VMP_MACHINES_NO_JOB)
    tell_active_job (self, uuid);
  return TRUE;
}

void
vmp_machines_let_go (VmpMachines *self, const char *uuid)
{
  guint job = vmp_machines_get_holder (self, uuid);

  if (job == 0)
    return;
  g_hash_table_remove (get_books (self)->held, uuid);
  tell_held (self, uuid, FALSE);
  if (job != VMP_MACHINES_NO_JOB)
    tell_active_job (self, uuid);
}

/* The job that has the machine, or 0. */
guint
vmp_machines_get_holder (VmpMachines *self, const char *uuid)
{
  return GPOINTER_TO_UINT (g_hash_table_lookup (get_books (self)->held, uuid));
}

void
vmp_machines_emit_added (VmpMachines *self, const char *uuid)
{
  g_signal_emit (get_books (self)->face, signals[SIGNAL_ADDED], 0, uuid);
}

void
vmp_machines_emit_removed (VmpMachines *self, const char *uuid)
{
  g_signal_emit (get_books (self)->face, signals[SIGNAL_REMOVED], 0, uuid);
}

/* @properties: those of org.vmport.VirtualMachine that have another value now. */
void
vmp_machines_emit_changed (VmpMachines *self, const char *uuid, const char *const *properties)
{
  if (properties[0] != NULL)
    g_signal_emit (get_books (self)->face, signals[SIGNAL_CHANGED], 0, uuid, properties);
}

/* The manager came or went. */
void
vmp_machines_emit_available (VmpMachines *self)
{
  g_signal_emit (get_books (self)->face, signals[SIGNAL_AVAILABLE], 0);
}

/* The machine as it is at this moment, where a driver may know it as it was a while ago. It is still
 * the one that the right was asked for with, or this fails. Blocking. */
VmpMachine *
vmp_machines_reread (VmpMachines *self, VmpMachine *machine, GError **error)
{
  VmpMachines *driver = driver_of (self);
  VmpMachinesInterface *iface = VMP_MACHINES_GET_IFACE (driver);
  g_autoptr (VmpMachine) now = NULL;

  if (iface->reread == NULL)
    return vmp_machine_ref (machine);
  now = iface->reread (driver, vmp_machine_get_uuid (machine), error);
  if (now == NULL)
    return NULL;
  now = put_in_scope (self, g_steal_pointer (&now));
  if (vmp_machine_has_details_of (now, machine))
    return g_steal_pointer (&now);
  vmp_error_set (error, VMPORT_ERROR_INVALID_STATE,
                 _ ("The virtual machine was changed since the right to do this was asked for; look "
                    "at it again"));
  return NULL;
}

/* Is a machine that a job has held still what it was read as, so that what the job read of it is of
 * one moment? Blocking. */
gboolean
vmp_machines_confirm (VmpMachines *self, VmpMachine *machine, GError **error)
{
  VmpMachines *driver = driver_of (self);
  VmpMachinesInterface *iface = VMP_MACHINES_GET_IFACE (driver);

  return iface->confirm == NULL || iface->confirm (driver, machine, error);
}

/* Adds to @findings (of VmpFinding) what keeps this host from running @domain. FALSE where that
 * cannot be told. Blocking. */
gboolean
vmp_machines_examine (VmpMachines *self, VmpDomain *domain, GPtrArray *findings, GError **error)
{
  VmpMachines *driver = driver_of (self);
  VmpMachinesInterface *iface = VMP_MACHINES_GET_IFACE (driver);

  return iface->examine == NULL || iface->examine (driver, domain, findings, error);
}

/* Writes the scope of a machine into its configuration, for people. Blocking. */
gboolean
vmp_machines_note_scope (VmpMachines *self, const char *uuid, const char *scope, GError **error)
{
  VmpMachines *driver = driver_of (self);
  VmpMachinesInterface *iface = VMP_MACHINES_GET_IFACE (driver);

  return iface->note_scope == NULL || iface->note_scope (driver, uuid, scope, error);
}

gboolean
vmp_machines_check_available (VmpMachines *self, GError **error)
{
  if (vmp_machines_is_available (self))
    return TRUE;
  return vmp_error_set (error, VMPORT_ERROR_NOT_AVAILABLE,
                        _ ("The manager “%s” is not there at this moment"),
                        vmp_machines_get_id (self));
}

const char *
vmp_machines_get_driver (VmpMachines *self)
{
  VmpMachines *driver = driver_of (self);

  return VMP_MACHINES_GET_IFACE (driver)->get_driver (driver);
}

const char *
vmp_machines_get_uri (VmpMachines *self)
{
  VmpMachines *driver = driver_of (self);

  return VMP_MACHINES_GET_IFACE (driver)->get_uri (driver);
}

const char *
vmp_machines_get_version (VmpMachines *self)
{
  VmpMachines *driver = driver_of (self);

  return VMP_MACHINES_GET_IFACE (driver)->get_version (driver);
}

gboolean
vmp_machines_is_available (VmpMachines *self)
{
  VmpMachines *driver = driver_of (self);

  return VMP_MACHINES_GET_IFACE (driver)->is_available (driver);
}

const char *const *
vmp_machines_get_features (VmpMachines *self)
{
  VmpMachines *driver = driver_of (self);

  return VMP_MACHINES_GET_IFACE (driver)->get_features (driver);
}

/* The networks that an adapter can be connected to, as interface.md writes them. */
GStrv
vmp_machines_list_networks (VmpMachines *self)
{
  VmpMachines *driver = driver_of (self);

  return VMP_MACHINES_GET_IFACE (driver)->list_networks (driver);
}

/* The manager's own directories. */
GStrv
vmp_machines_list_roots (VmpMachines *self)
{
  VmpMachines *driver = driver_of (self);

  return VMP_MACHINES_GET_IFACE (driver)->list_roots (driver);
}

/* Takes @machines as the driver has them. */
static GPtrArray *
put_all_in_scope (VmpMachines *self, GPtrArray *machines)
{
  for (guint i = 0; i < machines->len; i++)
    g_ptr_array_index (machines, i) = put_in_scope (self, g_ptr_array_index (machines, i));
  return machines;
}

/* All machines, each a reference. */
GPtrArray *
vmp_machines_list (VmpMachines *self)
{
  return put_all_in_scope (self, vmp_inventory_list (get_inventory (self)));
}

/* A reference, or NULL. */
VmpMachine *
vmp_machines_lookup (VmpMachines *self, const char *uuid)
{
  VmpMachine *machine = vmp_inventory_peek (get_inventory (self), uuid);

  return machine != NULL ? put_in_scope (self, vmp_machine_ref (machine)) : NULL;
}

/* Those with that name, and the one with that id, in letters of either case; each a reference. */
GPtrArray *
vmp_machines_find (VmpMachines *self, const char *name_or_uuid)
{
  GPtrArray *found = vmp_inventory_list_named (get_inventory (self), name_or_uuid);
  g_autofree char *uuid = g_ascii_strdown (name_or_uuid, -1);
  VmpMachine *machine = vmp_inventory_peek (get_inventory (self), uuid);

  if (machine != NULL && !g_ptr_array_find (found, machine, NULL))
    g_ptr_array_add (found, vmp_machine_ref (machine));
  return put_all_in_scope (self, found);
}

/* Takes a machine that was just defined into the inventory. */
gboolean
vmp_machines_load (VmpMachines *self, const char *uuid, GError **error)
{
  VmpMachines *driver = driver_of (self);

  return VMP_MACHINES_GET_IFACE (driver)->load (driver, uuid, error);
}

/* Takes a machine that was removed out of the inventory. */
void
vmp_machines_forget (VmpMachines *self, const char *uuid)
{
  vmp_inventory_drop (get_inventory (self), uuid);
}

/* Does @path, a file of a machine's configuration, lie in the manager's own place? Any other is
 * opened by a worker as its caller. */
gboolean
vmp_machines_owns_path (VmpMachines *self, const char *path)
{
  VmpMachines *driver = driver_of (self);

  return VMP_MACHINES_GET_IFACE (driver)->owns_path (driver, path);
}

/* Can files be made in @folder, which a caller chose? */
gboolean
vmp_machines_check_target (VmpMachines *self, const char *folder, GError **error)
{
  VmpMachines *driver = driver_of (self);
  VmpMachinesInterface *iface = VMP_MACHINES_GET_IFACE (driver);

  return iface->check_target == NULL || iface->check_target (driver, folder, error);
}

/* Opens a file of the manager's own place for reading. Blocking. */
int
vmp_machines_open_file (VmpMachines *self, const char *path, GError **error)
{
  VmpMachines *driver = driver_of (self);

  return VMP_MACHINES_GET_IFACE (driver)->open_file (driver, path, error);
}

/* Removes a machine; with @delete_storage its files in the manager's place too, save for those in
 * @spared (paths), which another machine uses. Blocking. */
gboolean
vmp_machines_remove (VmpMachines *self, VmpMachine *machine, gboolean delete_storage,
                     GPtrArray *spared, GError **error)
{
  VmpMachines *driver = driver_of (self);

  return VMP_MACHINES_GET_IFACE (driver)->remove (driver, machine, delete_storage, spared, error);
}

/* Makes the place for the new machine @uuid called @name, with a name that @token makes unguessable.
 * Blocking. */
VmpPlace *
vmp_machines_begin (VmpMachines *self, const char *token, const char *uuid, const char *name,
                    GError **error)
{
  VmpMachines *driver = driver_of (self);

  return VMP_MACHINES_GET_IFACE (driver)->begin (driver, token, uuid, name, error);
}

/* Makes an empty file for the package member @member; @final_path is where it will lie. Blocking. */
int
vmp_machines_create_file (VmpMachines *self, VmpPlace *place, const char *member,
                          char **final_path, GError **error)
{
  VmpMachines *driver = driver_of (self);

  return VMP_MACHINES_GET_IFACE (driver)->create_file (driver, place, member, final_path, error);
}

/* The same file again, for reading alone. Blocking. */
int
vmp_machines_reopen_file (VmpMachines *self, VmpPlace *place, const char *member, GError **error)
{
  VmpMachines *driver = driver_of (self);

  return VMP_MACHINES_GET_IFACE (driver)->reopen_file (driver, place, member, error);
}

gboolean
vmp_machines_write_configuration (VmpMachines *self, VmpPlace *place, VmpDomain *domain,
                                  GError **error)
{
  VmpMachines *driver = driver_of (self);

  return VMP_MACHINES_GET_IFACE (driver)->write_configuration (driver, place, domain, error);
}

/* Where the saved state is not the member "state.save" of the place, because it is used where it lies
 * or went to a folder of the caller's choice: @path, absolute, is where. Blocking. */
gboolean
vmp_machines_set_state_path (VmpMachines *self, VmpPlace *place, const char *path, GError **error)
{
  VmpMachines *driver = driver_of (self);

  return VMP_MACHINES_GET_IFACE (driver)->set_state_path (driver, place, path, error);
}

/* Adds a snapshot to the machine that is being made, once its configuration is written, and parents
 * before their children. Its configuration is that machine's: name, id and paths are those that the
 * machine will have. It is there with the machine, after vmp_machines_define(). Blocking. */
gboolean
vmp_machines_add_snapshot (VmpMachines *self, VmpPlace *place, VmpSnapshot *snapshot,
                           GError **error)
{
  VmpMachines *driver = driver_of (self);
  VmpMachinesInterface *iface = VMP_MACHINES_GET_IFACE (driver);

  if (iface->add_snapshot == NULL)
    return vmp_error_set (error, VMPORT_ERROR_NOT_SUPPORTED,
                          _ ("The manager “%s” keeps no snapshots"), vmp_machines_get_id (self));
  return iface->add_snapshot (driver, place, snapshot, error);
}

/* Where the manager's saved states are libvirt's save files: the ways in which their memory may be
 * packed, as VmpSaveImage names them. An import then reads what the state says, and writes it anew
 * for the machine that it makes, in the manager's own place. NULL where states are mere bytes. */
const char *const *
vmp_machines_get_state_formats (VmpMachines *self)
{
  VmpMachines *driver = driver_of (self);
  VmpMachinesInterface *iface = VMP_MACHINES_GET_IFACE (driver);

  return iface->get_state_formats != NULL ? iface->get_state_formats (driver) : NULL;
}

gboolean
vmp_machines_sync (VmpMachines *self, VmpPlace *place, GError **error)
{
  VmpMachines *driver = driver_of (self);

  return VMP_MACHINES_GET_IFACE (driver)->sync (driver, place, error);
}

/* What vmp_machines_undo() needs to take the place back, before or after it was defined; a{sv},
 * full reference. */
GVariant *
vmp_machines_describe (VmpMachines *self, VmpPlace *place)
{
  VmpMachines *driver = driver_of (self);

  return VMP_MACHINES_GET_IFACE (driver)->describe (driver, place);
}

/* The one step that makes the machine exist; vmp_machines_describe() says before it, after
 * vmp_machines_sync(), what it would have to be known by. Blocking. */
gboolean
vmp_machines_define (VmpMachines *self, VmpPlace *place, GError **error)
{
  VmpMachines *driver = driver_of (self);

  return VMP_MACHINES_GET_IFACE (driver)->define (driver, place, error);
}

/* Frees @place; its files stay for define() or undo(). */
void
vmp_machines_end (VmpMachines *self, VmpPlace *place)
{
  VmpMachines *driver = driver_of (self);

  VMP_MACHINES_GET_IFACE (driver)->end (driver, place);
}

/* Takes back what the job with that description made. Safe to repeat. Blocking. */
gboolean
vmp_machines_undo (VmpMachines *self, GVariant *description, GError **error)
{
  VmpMachines *driver = driver_of (self);

  return VMP_MACHINES_GET_IFACE (driver)->undo (driver, description, error);
}
