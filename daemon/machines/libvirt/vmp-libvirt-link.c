/* The connection to libvirt: made, watched and made again in a thread of its own.
 *
 * Every call to libvirt may block for as long as libvirtd likes, so none is made in the main thread.
 * Its loop serves only libvirt's sockets and timers (libvirt-glib), which is where events arrive:
 * they become orders for the thread, whose readings come back to the main thread. Keepalives end a
 * connection whose libvirtd hangs. */
#include "config.h"

#include "vmp-libvirt-link.h"

#include <glib/gi18n-lib.h>
#include <libvirt-glib/libvirt-glib-event.h>
#include <libvirt/virterror.h>
#include <string.h>

#include "vmp-error.h"
#include "vmp-libvirt-error.h"
#include "vmp-libvirt-private.h"
#include "vmp-libvirt-reading.h"
#include "vmp-name.h"

/* Every five seconds, and three may go unanswered. */
#define KEEPALIVE_SECONDS 5
#define KEEPALIVE_COUNT 3

#define FIRST_DELAY_MSEC 250
#define LAST_DELAY_MSEC 30000

/* How long a job waits for a connection that is being made, at the daemon's start say. */
#define PATIENCE_SECONDS 5

#define MAX_CALLBACKS 8

typedef enum
{
  ORDER_READ,
  ORDER_READ_NAMED,
  ORDER_READ_HOST,
  ORDER_RUN,
  ORDER_CLOSED,
  ORDER_STOP,
} OrderKind;

typedef struct
{
  OrderKind kind;
  char *machine; /* its id or name; of ORDER_READ and ORDER_READ_NAMED */
  /* Of ORDER_RUN. */
  VmpLibvirtLinkWork work;
  gpointer data;
  GDestroyNotify free_data;
} Order;

struct _VmpLibvirtLink
{
  gatomicrefcount ref_count;
  char *uri;
  GAsyncQueue *orders;
  int stopped; /* atomic */

  const VmpLibvirtLinkFuncs *funcs;
  gpointer owner; /* the main thread's; NULL once it was stopped */

  GMutex lock; /* of what follows */
  GCond changed;
  virConnectPtr connection;
  VmpLibvirtHost *host;
  gboolean tried;
  char *process;        /* a token of this very daemon */
  GHashTable *attempts; /* tokens of imports that were about to define a machine */

  /* The thread's own. */
  char *complaint; /* the last, so that it is logged once */
  int domain_callbacks[MAX_CALLBACKS];
  int pool_callbacks[MAX_CALLBACKS];
  int network_callbacks[MAX_CALLBACKS];
  guint n_domain, n_pool, n_network;
};

static void
order_free (gpointer data)
{
  Order *order = data;

  if (order->free_data != NULL)
    order->free_data (order->data);
  g_free (order->machine);
  g_free (order);
}

static VmpLibvirtLink *
link_ref (VmpLibvirtLink *self)
{
  g_atomic_ref_count_inc (&self->ref_count);
  return self;
}

static void
link_unref (gpointer data)
{
  VmpLibvirtLink *self = data;

  if (!g_atomic_ref_count_dec (&self->ref_count))
    return;
  g_clear_pointer (&self->host, vmp_libvirt_host_unref);
  g_async_queue_unref (self->orders);
  g_mutex_clear (&self->lock);
  g_cond_clear (&self->changed);
  g_free (self->complaint);
  g_hash_table_unref (self->attempts);
  g_free (self->process);
  g_free (self->uri);
  g_free (self);
}

static void
push (VmpLibvirtLink *self, OrderKind kind, const char *machine)
{
  Order *order = g_new0 (Order, 1);

  order->kind = kind;
  order->machine = g_strdup (machine);
  g_async_queue_push (self->orders, order);
}

/* A word for the owner. */
typedef struct
{
  VmpLibvirtLink *link;
  gboolean down;
  gboolean up;
  VmpLibvirtHost *host;
  GPtrArray *machines;
  char *uuid;
  VmpMachine *machine;
} Word;

static void
word_free (gpointer data)
{
  Word *word = data;

  link_unref (word->link);
  g_clear_pointer (&word->host, vmp_libvirt_host_unref);
  g_clear_pointer (&word->machines, g_ptr_array_unref);
  g_clear_pointer (&word->machine, vmp_machine_unref);
  g_free (word->uuid);
  g_free (word);
}

static gboolean
tell_in_main (gpointer data)
{
  Word *word = data;
  VmpLibvirtLink *self = word->link;

  if (self->owner == NULL)
    return G_SOURCE_REMOVE;
  if (word->down)
    self->funcs->down (self->owner);
  else if (word->up)
    self->funcs->up (word->host, word->machines, self->owner);
  else if (word->host != NULL)
    self->funcs->host (word->host, self->owner);
  else
    self->funcs->machine (word->uuid, word->machine, self->owner);
  return G_SOURCE_REMOVE;
}

static Word *
word_new (VmpLibvirtLink *self)
{
  Word *word = g_new0 (Word, 1);

  word->link = link_ref (self);
  return word;
}

/* Words arrive in the order in which they were said. */
static void
tell (Word *word)
{
  GSource *source = g_idle_source_new ();

  g_source_set_priority (source, G_PRIORITY_DEFAULT);
  g_source_set_callback (source, tell_in_main, word, word_free);
  g_source_attach (source, NULL);
  g_source_unref (source);
}

static void
on_close (virConnectPtr connection, int reason, void *opaque)
{
  push (opaque, ORDER_CLOSED, NULL);
}

static void
stir (VmpLibvirtLink *self, virDomainPtr domain)
{
  char uuid[VIR_UUID_STRING_BUFLEN];

  if (self->owner != NULL && virDomainGetUUIDString (domain, uuid) == 0)
    self->funcs->stirred (uuid, self->owner);
}

static void
order_reading (VmpLibvirtLink *self, virDomainPtr domain)
{
  char uuid[VIR_UUID_STRING_BUFLEN];

  if (virDomainGetUUIDString (domain, uuid) == 0)
    push (self, ORDER_READ, uuid);
}

static int
on_lifecycle (virConnectPtr connection, virDomainPtr domain, int event, int detail, void *opaque)
{
  if (event != VIR_DOMAIN_EVENT_DEFINED)
    stir (opaque, domain);
  order_reading (opaque, domain);
  return 0;
}

static void
on_metadata (virConnectPtr connection, virDomainPtr domain, int type, const char *uri,
             void *opaque)
{
  order_reading (opaque, domain);
}

static void
on_pool (virConnectPtr connection, virStoragePoolPtr pool, int event, int detail, void *opaque)
{
  push (opaque, ORDER_READ_HOST, NULL);
}

static void
on_network (virConnectPtr connection, virNetworkPtr network, int event, int detail, void *opaque)
{
  push (opaque, ORDER_READ_HOST, NULL);
}

static void
keep_callback (int *callbacks, guint *n, int id)
{
  if (id >= 0 && *n < MAX_CALLBACKS)
    callbacks[(*n)++] = id;
}

/* A driver that has no events of a kind changes nothing of it behind our back either. */
static void
watch (VmpLibvirtLink *self, virConnectPtr connection)
{
  self->n_domain = self->n_pool = self->n_network = 0;
  keep_callback (self->domain_callbacks, &self->n_domain,
                 virConnectDomainEventRegisterAny (
                     connection, NULL, VIR_DOMAIN_EVENT_ID_LIFECYCLE,
                     VIR_DOMAIN_EVENT_CALLBACK (on_lifecycle), link_ref (self), link_unref));
  keep_callback (self->domain_callbacks, &self->n_domain,
                 virConnectDomainEventRegisterAny (
                     connection, NULL, VIR_DOMAIN_EVENT_ID_METADATA_CHANGE,
                     VIR_DOMAIN_EVENT_CALLBACK (on_metadata), link_ref (self), link_unref));
  keep_callback (self->pool_callbacks, &self->n_pool,
                 virConnectStoragePoolEventRegisterAny (
                     connection, NULL, VIR_STORAGE_POOL_EVENT_ID_LIFECYCLE,
                     VIR_STORAGE_POOL_EVENT_CALLBACK (on_pool), link_ref (self), link_unref));
  keep_callback (self->network_callbacks, &self->n_network,
                 virConnectNetworkEventRegisterAny (
                     connection, NULL, VIR_NETWORK_EVENT_ID_LIFECYCLE,
                     VIR_NETWORK_EVENT_CALLBACK (on_network), link_ref (self), link_unref));
}

static void
unwatch (VmpLibvirtLink *self, virConnectPtr connection)
{
  for (guint i = 0; i < self->n_domain; i++)
    virConnectDomainEventDeregisterAny (connection, self->domain_callbacks[i]);
  for (guint i = 0; i < self->n_pool; i++)
    virConnectStoragePoolEventDeregisterAny (connection, self->pool_callbacks[i]);
  for (guint i = 0; i < self->n_network; i++)
    virConnectNetworkEventDeregisterAny (connection, self->network_callbacks[i]);
  virConnectUnregisterCloseCallback (connection, on_close);
}

static gboolean
is_stopped (VmpLibvirtLink *self)
{
  return g_atomic_int_get (&self->stopped) != 0;
}

static void
complain (VmpLibvirtLink *self, const char *message)
{
  if (g_strcmp0 (self->complaint, message) != 0)
    g_message ("%s: %s", self->uri, message);
  g_free (self->complaint);
  self->complaint = g_strdup (message);
}

static GPtrArray *
read_machines (virConnectPtr connection, VmpLibvirtHost *host, GError **error)
{
  g_autoptr (GPtrArray) machines
      = g_ptr_array_new_with_free_func ((GDestroyNotify) vmp_machine_unref);
  virDomainPtr *domains = NULL;
  int n = virConnectListAllDomains (connection, &domains, 0);
  gboolean alive = n >= 0;

  if (!alive)
    vmp_libvirt_error_set (error, _ ("libvirt does not list its machines"));
  for (int i = 0; i < n; i++)
    {
      g_autoptr (GError) local_error = NULL;
      VmpMachine *machine = alive ? vmp_libvirt_read_machine (domains[i], host, &local_error)
                                  : NULL;

      virDomainFree (domains[i]);
      if (machine != NULL)
        g_ptr_array_add (machines, machine);
      else if (alive && g_error_matches (local_error, VMPORT_ERROR, VMPORT_ERROR_NOT_AVAILABLE))
        {
          g_propagate_error (error, g_steal_pointer (&local_error));
          alive = FALSE;
        }
    }
  free (domains);
  return alive ? g_steal_pointer (&machines) : NULL;
}

/* Events are asked for before the first reading: nothing that changes in between is missed. */
static gboolean
bring_up (VmpLibvirtLink *self, virConnectPtr connection, GError **error)
{
  g_autoptr (VmpLibvirtHost) host = NULL;
  g_autoptr (GPtrArray) machines = NULL;
  Word *word;

  /* A driver that is not behind a socket has no keepalives and closes nothing. */
  virConnectSetKeepAlive (connection, KEEPALIVE_SECONDS, KEEPALIVE_COUNT);
  if (virConnectRegisterCloseCallback (connection, on_close, link_ref (self), link_unref) < 0)
    link_unref (self);
  watch (self, connection);
  host = vmp_libvirt_host_read (connection, self->uri, error);
  machines = host != NULL ? read_machines (connection, host, error) : NULL;
  if (machines == NULL)
    return FALSE;
  g_mutex_lock (&self->lock);
  self->connection = connection;
  g_clear_pointer (&self->host, vmp_libvirt_host_unref);
  self->host = vmp_libvirt_host_ref (host);
  g_mutex_unlock (&self->lock);
  word = word_new (self);
  word->up = TRUE;
  word->host = g_steal_pointer (&host);
  word->machines = g_steal_pointer (&machines);
  tell (word);
  return TRUE;
}

static void
take_down (VmpLibvirtLink *self, virConnectPtr connection, gboolean was_up)
{
  g_mutex_lock (&self->lock);
  self->connection = NULL;
  g_mutex_unlock (&self->lock);
  unwatch (self, connection);
  virConnectClose (connection);
  if (was_up)
    {
      Word *word = word_new (self);

      word->down = TRUE;
      tell (word);
    }
}

static void
read_host (VmpLibvirtLink *self, virConnectPtr connection)
{
  g_autoptr (GError) error = NULL;
  VmpLibvirtHost *host = vmp_libvirt_host_read (connection, self->uri, &error);
  Word *word;

  if (host == NULL)
    {
      g_info ("%s", error->message);
      return;
    }
  g_mutex_lock (&self->lock);
  vmp_libvirt_host_unref (self->host);
  self->host = vmp_libvirt_host_ref (host);
  g_mutex_unlock (&self->lock);
  word = word_new (self);
  word->host = host;
  tell (word);
}

/* swtpm's folder comes with the first TPM of a host, and no event tells of it. */
static gboolean
has_grown_a_tpm_folder (VmpLibvirtHost *host)
{
  return host->folders.tpm != NULL && vmp_libvirt_host_find_room (host, VMP_ROOM_TPM) == NULL
         && g_file_test (host->folders.tpm, G_FILE_TEST_IS_DIR);
}

static void
read_one (VmpLibvirtLink *self, virConnectPtr connection, const char *uuid)
{
  g_autoptr (VmpVirDomain) domain = virDomainLookupByUUIDString (connection, uuid);
  g_autoptr (GError) error = NULL;
  g_autoptr (VmpMachine) machine = NULL;
  Word *word;

  if (domain == NULL && !vmp_libvirt_error_is_gone ())
    return;
  if (has_grown_a_tpm_folder (self->host))
    read_host (self, connection);
  if (domain != NULL)
    machine = vmp_libvirt_read_machine (domain, self->host, &error);
  if (error != NULL && !g_error_matches (error, VMPORT_ERROR, VMPORT_ERROR_NOT_FOUND))
    {
      g_info ("%s: %s", uuid, error->message);
      return;
    }
  word = word_new (self);
  word->uuid = g_strdup (uuid);
  word->machine = g_steal_pointer (&machine);
  tell (word);
}

/* What is removed when the machine is has gone with it. */
static void
read_named (VmpLibvirtLink *self, virConnectPtr connection, const char *name)
{
  g_autoptr (VmpVirDomain) domain = virDomainLookupByName (connection, name);
  char uuid[VIR_UUID_STRING_BUFLEN];

  if (domain != NULL && virDomainGetUUIDString (domain, uuid) == 0)
    read_one (self, connection, uuid);
}

/* Until the connection is closed. */
static void
serve (VmpLibvirtLink *self, virConnectPtr connection)
{
  while (!is_stopped (self))
    {
      Order *order = g_async_queue_pop (self->orders);
      OrderKind kind = order->kind;

      if (kind == ORDER_READ)
        read_one (self, connection, order->machine);
      else if (kind == ORDER_READ_NAMED)
        read_named (self, connection, order->machine);
      else if (kind == ORDER_READ_HOST)
        read_host (self, connection);
      else if (kind == ORDER_RUN)
        order->work (connection, order->data);
      order_free (order);
      if (kind == ORDER_CLOSED || kind == ORDER_STOP)
        return;
    }
}

/* Orders of a connection that is gone mean nothing to the next one, which reads everything. */
static void
rest (VmpLibvirtLink *self, guint msec)
{
  gint64 end = g_get_monotonic_time () + (gint64) msec * 1000;
  gint64 now;

  while (!is_stopped (self) && (now = g_get_monotonic_time ()) < end)
    {
      Order *order = g_async_queue_timeout_pop (self->orders, (guint64) (end - now));

      g_clear_pointer (&order, order_free);
    }
}

static void
note_try (VmpLibvirtLink *self)
{
  g_mutex_lock (&self->lock);
  self->tried = TRUE;
  g_cond_broadcast (&self->changed);
  g_mutex_unlock (&self->lock);
}

static gpointer
run (gpointer data)
{
  VmpLibvirtLink *self = data;
  guint delay = FIRST_DELAY_MSEC;

  while (!is_stopped (self))
    {
      g_autoptr (GError) error = NULL;
      virConnectPtr connection = virConnectOpen (self->uri);
      gboolean up = connection != NULL && bring_up (self, connection, &error);

      if (connection == NULL)
        vmp_libvirt_error_set (&error, _ ("Cannot connect to libvirt"));
      note_try (self);
      if (up)
        {
          delay = FIRST_DELAY_MSEC;
          g_clear_pointer (&self->complaint, g_free);
          serve (self, connection);
        }
      else
        complain (self, error->message);
      if (connection != NULL)
        take_down (self, connection, up);
      rest (self, delay);
      delay = MIN (delay * 2, LAST_DELAY_MSEC);
    }
  link_unref (self);
  return NULL;
}

/* libvirt would write to the standard error what its caller is told anyway. */
static void
on_libvirt_error (void *data, virErrorPtr error)
{
}

static gpointer
set_up_libvirt (gpointer data)
{
  gvir_event_register ();
  virSetErrorFunc (NULL, on_libvirt_error);
  return NULL;
}

/* In the main thread, whose loop serves the connection's sockets. */
VmpLibvirtLink *
vmp_libvirt_link_new (const char *uri, const VmpLibvirtLinkFuncs *funcs, gpointer owner)
{
  static GOnce once = G_ONCE_INIT;
  VmpLibvirtLink *self = g_new0 (VmpLibvirtLink, 1);

  g_once (&once, set_up_libvirt, NULL);
  g_atomic_ref_count_init (&self->ref_count);
  self->uri = g_strdup (uri);
  self->process = vmp_name_new_token ();
  self->attempts = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  self->orders = g_async_queue_new_full (order_free);
  self->funcs = funcs;
  self->owner = owner;
  g_mutex_init (&self->lock);
  g_cond_init (&self->changed);
  g_thread_unref (g_thread_new ("libvirt", run, link_ref (self)));
  return self;
}

/* Takes @self. Its thread may be in a call that does not return; it is not waited for. */
void
vmp_libvirt_link_stop (VmpLibvirtLink *self)
{
  self->owner = NULL;
  g_atomic_int_set (&self->stopped, 1);
  push (self, ORDER_STOP, NULL);
  link_unref (self);
}

/* Has a machine read again. */
void
vmp_libvirt_link_read (VmpLibvirtLink *self, const char *uuid)
{
  push (self, ORDER_READ, uuid);
}

void
vmp_libvirt_link_read_named (VmpLibvirtLink *self, const char *name)
{
  push (self, ORDER_READ_NAMED, name);
}

/* Has @work done in the link's thread, after what was ordered before; not at all where the connection
 * is gone first. Takes @data. */
void
vmp_libvirt_link_run (VmpLibvirtLink *self, VmpLibvirtLinkWork work, gpointer data,
                      GDestroyNotify free_data)
{
  Order *order = g_new0 (Order, 1);

  order->kind = ORDER_RUN;
  order->work = work;
  order->data = data;
  order->free_data = free_data;
  g_async_queue_push (self->orders, order);
}

/* A reference to the connection for a job's thread, for virConnectClose(), and to what is known of
 * its host. NotAvailable where there is none. Blocking. */
virConnectPtr
vmp_libvirt_link_take (VmpLibvirtLink *self, VmpLibvirtHost **host, GError **error)
{
  gint64 end = g_get_monotonic_time () + PATIENCE_SECONDS * G_TIME_SPAN_SECOND;
  virConnectPtr connection;

  g_mutex_lock (&self->lock);
  while (!self->tried && g_cond_wait_until (&self->changed, &self->lock, end))
    ;
  connection = self->connection;
  if (connection != NULL)
    {
      virConnectRef (connection);
      if (host != NULL)
        *host = vmp_libvirt_host_ref (self->host);
    }
  g_mutex_unlock (&self->lock);
  if (connection == NULL)
    vmp_error_set (error, VMPORT_ERROR_NOT_AVAILABLE,
                   _ ("There is no connection to libvirt (%s); start libvirtd"), self->uri);
  return connection;
}

/* What is known of the host, libvirt being there or not; NULL where it never was. A full reference,
 * from any thread. */
VmpLibvirtHost *
vmp_libvirt_link_get_host (VmpLibvirtLink *self)
{
  VmpLibvirtHost *host;

  g_mutex_lock (&self->lock);
  host = self->host != NULL ? vmp_libvirt_host_ref (self->host) : NULL;
  g_mutex_unlock (&self->lock);
  return host;
}

/* What tells this daemon from one that left a journal behind. */
const char *
vmp_libvirt_link_get_process (VmpLibvirtLink *self)
{
  return self->process;
}

/* The import with that token is about to hand a definition to libvirt. From any thread. */
void
vmp_libvirt_link_note_attempt (VmpLibvirtLink *self, const char *token)
{
  g_mutex_lock (&self->lock);
  g_hash_table_add (self->attempts, g_strdup (token));
  g_mutex_unlock (&self->lock);
}

/* Can libvirt have the import's definition? @process is that of the journal: what a daemon before
 * this one did, nobody knows. */
gboolean
vmp_libvirt_link_may_have_defined (VmpLibvirtLink *self, const char *process, const char *token)
{
  gboolean attempted;

  if (strcmp (process, self->process) != 0)
    return TRUE;
  g_mutex_lock (&self->lock);
  attempted = g_hash_table_contains (self->attempts, token);
  g_mutex_unlock (&self->lock);
  return attempted;
}
