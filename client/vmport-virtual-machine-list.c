/* The virtual machines of a manager as a list that follows them. */
#include "config.h"

#include "vmport-virtual-machine-list.h"

#include "vmp-client-private.h"

/**
 * VmportVirtualMachineList:
 *
 * The virtual machines of one manager that the caller may view, as a [iface@Gio.ListModel] of
 * [class@VirtualMachine], sorted by name and then by UUID.
 *
 * The list follows its manager: what is added, removed or changed there is so here, and a virtual
 * machine that changed is replaced by a new object. It is empty until it has been read for the
 * first time, when [property@VirtualMachineList:ready] becomes true. While the daemon or the
 * manager is away it stays as it was, and it is read anew when they are back.
 *
 * It belongs to the thread-default main context of the thread that made it.
 */
struct _VmportVirtualMachineList
{
  GObject parent_instance;

  VmportManager *manager;
  /* Of the object paths of its virtual machines. */
  char *prefix;
  guint subscription;
  GCancellable *cancellable;

  /* VmportVirtualMachine *, sorted; and where each object path is in it. */
  GSequence *items;
  GHashTable *places;

  gboolean ready;
  GError *error;
  /* Whether the whole list is being read now, and whether that has to be done once more. */
  gboolean loading;
  gboolean again;
  /* GTask * that end with it. */
  GPtrArray *waiting;
  /* Object paths of which signals came meanwhile: the list may be older than they are. */
  GHashTable *touched;
  /* Object path -> Load *. */
  GHashTable *loads;
};

/* One virtual machine that is being read. */
typedef struct
{
  GWeakRef list;
  char *path;
  /* It was removed since: what comes is not wanted. */
  gboolean dropped;
  /* It changed since: what comes may be old. */
  gboolean again;
} Load;

enum
{
  PROP_MANAGER = 1,
  PROP_READY,
  PROP_ERROR,
  N_PROPERTIES
};

static GParamSpec *properties[N_PROPERTIES];

static void list_model_init (GListModelInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (VmportVirtualMachineList, vmport_virtual_machine_list, G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (G_TYPE_LIST_MODEL, list_model_init))

static GType
get_item_type (GListModel *model)
{
  return VMPORT_TYPE_VIRTUAL_MACHINE;
}

static guint
get_n_items (GListModel *model)
{
  return (guint) g_sequence_get_length (VMPORT_VIRTUAL_MACHINE_LIST (model)->items);
}

static gpointer
get_item (GListModel *model, guint position)
{
  VmportVirtualMachineList *self = VMPORT_VIRTUAL_MACHINE_LIST (model);
  GSequenceIter *iter;

  if (position >= get_n_items (model))
    return NULL;
  iter = g_sequence_get_iter_at_pos (self->items, (int) position);
  return g_object_ref (g_sequence_get (iter));
}

static void
list_model_init (GListModelInterface *iface)
{
  iface->get_item_type = get_item_type;
  iface->get_n_items = get_n_items;
  iface->get_item = get_item;
}

static int
compare (gconstpointer a, gconstpointer b, gpointer user_data)
{
  VmportVirtualMachine *first = (VmportVirtualMachine *) a;
  VmportVirtualMachine *second = (VmportVirtualMachine *) b;
  int order = g_utf8_collate (vmport_virtual_machine_get_name (first),
                              vmport_virtual_machine_get_name (second));

  if (order == 0)
    order = g_strcmp0 (vmport_virtual_machine_get_uuid (first),
                       vmport_virtual_machine_get_uuid (second));
  /* What ListVirtualMachines gave need not have a UUID in it. */
  return order != 0 ? order
                    : g_strcmp0 (vmport_virtual_machine_get_object_path (first),
                                 vmport_virtual_machine_get_object_path (second));
}

static void
remove_path (VmportVirtualMachineList *self, const char *path)
{
  GSequenceIter *place = g_hash_table_lookup (self->places, path);
  guint position;

  if (place == NULL)
    return;
  position = (guint) g_sequence_iter_get_position (place);
  g_hash_table_remove (self->places, path);
  g_sequence_remove (place);
  g_list_model_items_changed (G_LIST_MODEL (self), position, 1, 0);
}

static GSequenceIter *
insert (VmportVirtualMachineList *self, VmportVirtualMachine *machine)
{
  GSequenceIter *place
    = g_sequence_insert_sorted (self->items, g_object_ref (machine), compare, NULL);

  g_hash_table_insert (self->places, g_strdup (vmport_virtual_machine_get_object_path (machine)),
                       place);
  return place;
}

static gboolean
is_same (VmportVirtualMachine *a, VmportVirtualMachine *b)
{
  g_autoptr (GVariant) first = vmport_virtual_machine_to_variant (a);
  g_autoptr (GVariant) second = vmport_virtual_machine_to_variant (b);

  return g_variant_equal (first, second);
}

/* Puts @machine where it belongs, in the place of an older object of it. */
static void
put (VmportVirtualMachineList *self, VmportVirtualMachine *machine)
{
  const char *path = vmport_virtual_machine_get_object_path (machine);
  GSequenceIter *place = g_hash_table_lookup (self->places, path);
  guint before;
  guint after;

  if (place == NULL)
    {
      place = insert (self, machine);
      g_list_model_items_changed (G_LIST_MODEL (self), (guint) g_sequence_iter_get_position (place),
                                  0, 1);
      return;
    }
  if (is_same (g_sequence_get (place), machine))
    return;
  before = (guint) g_sequence_iter_get_position (place);
  g_sequence_set (place, g_object_ref (machine));
  g_sequence_sort_changed (place, compare, NULL);
  after = (guint) g_sequence_iter_get_position (place);
  /* A new name moves it past others: all between the two places are told as changed. */
  g_list_model_items_changed (G_LIST_MODEL (self), MIN (before, after),
                              MAX (before, after) - MIN (before, after) + 1,
                              MAX (before, after) - MIN (before, after) + 1);
}

/* Makes the list equal to what was read, telling no more than what differs. */
static void
put_all (VmportVirtualMachineList *self, GPtrArray *machines)
{
  g_autoptr (GHashTable) paths = g_hash_table_new (g_str_hash, g_str_equal);
  g_autoptr (GList) before = NULL;

  if (g_sequence_is_empty (self->items))
    {
      for (guint i = 0; i < machines->len; i++)
        insert (self, machines->pdata[i]);
      if (machines->len > 0)
        g_list_model_items_changed (G_LIST_MODEL (self), 0, 0, machines->len);
      return;
    }
  for (guint i = 0; i < machines->len; i++)
    g_hash_table_add (paths, (char *) vmport_virtual_machine_get_object_path (machines->pdata[i]));
  before = g_hash_table_get_keys (self->places);
  for (GList *l = before; l != NULL; l = l->next)
    if (!g_hash_table_contains (paths, l->data))
      {
        g_autofree char *path = g_strdup (l->data);

        remove_path (self, path);
      }
  for (guint i = 0; i < machines->len; i++)
    put (self, machines->pdata[i]);
}

static void
load_free (gpointer data)
{
  Load *load = data;

  g_weak_ref_clear (&load->list);
  g_free (load->path);
  g_free (load);
}

static void load_path (VmportVirtualMachineList *self, const char *path);

static void
load_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Load *load = user_data;
  g_autoptr (VmportVirtualMachineList) self = g_weak_ref_get (&load->list);
  g_autoptr (GError) error = NULL;
  g_autoptr (VmportVirtualMachine) machine = g_task_propagate_pointer (G_TASK (result), &error);
  g_autofree char *path = g_strdup (load->path);
  gboolean dropped = load->dropped;
  gboolean again = load->again;

  if (self != NULL)
    g_hash_table_remove (self->loads, path);
  load_free (load);
  if (self == NULL)
    return;

  if (!dropped && machine != NULL)
    put (self, machine);
  else if (!dropped && vmp_client_error_is_unknown (error))
    /* Gone, or no longer for the caller to view. */
    remove_path (self, path);
  if (again)
    load_path (self, path);
}

/* Reads one virtual machine; however many signals come of it, there is one call under way. */
static void
load_path (VmportVirtualMachineList *self, const char *path)
{
  Load *load = g_hash_table_lookup (self->loads, path);

  if (load != NULL)
    {
      load->again = TRUE;
      return;
    }
  load = g_new0 (Load, 1);
  g_weak_ref_init (&load->list, self);
  load->path = g_strdup (path);
  g_hash_table_insert (self->loads, load->path, load);
  vmp_client_load_virtual_machine (
    vmp_client_task_new (NULL, load_path, self->cancellable, load_cb, load),
    vmp_client_manager_get_client (self->manager), path);
}

static void
set_ready (VmportVirtualMachineList *self)
{
  if (self->ready)
    return;
  self->ready = TRUE;
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_READY]);
}

static void
take_error (VmportVirtualMachineList *self, GError *error)
{
  if (self->error == NULL && error == NULL)
    return;
  g_clear_error (&self->error);
  self->error = error;
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_ERROR]);
}

static void load_all (VmportVirtualMachineList *self);

/* Ends the tasks that wait for the list; their callbacks may well ask for another reading. */
static void
answer_waiting (VmportVirtualMachineList *self)
{
  g_autoptr (GPtrArray) waiting = g_steal_pointer (&self->waiting);

  self->waiting = g_ptr_array_new_with_free_func (g_object_unref);
  for (guint i = 0; i < waiting->len; i++)
    if (self->error != NULL)
      g_task_return_error (waiting->pdata[i], g_error_copy (self->error));
    else
      g_task_return_boolean (waiting->pdata[i], TRUE);
}

static void
load_touched (VmportVirtualMachineList *self)
{
  g_autoptr (GHashTable) touched = g_steal_pointer (&self->touched);
  GHashTableIter iter;
  gpointer path;

  self->touched = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  g_hash_table_iter_init (&iter, touched);
  while (g_hash_table_iter_next (&iter, &path, NULL))
    load_path (self, path);
}

static void
weak_ref_free (gpointer data)
{
  g_weak_ref_clear (data);
  g_free (data);
}

static void
load_all_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (VmportVirtualMachineList) self = g_weak_ref_get (user_data);
  g_autoptr (GPtrArray) machines = NULL;
  GError *error = NULL;

  weak_ref_free (user_data);
  machines = vmport_manager_list_virtual_machines_finish (VMPORT_MANAGER (source), result, &error);
  if (self == NULL)
    {
      g_clear_error (&error);
      return;
    }
  self->loading = FALSE;
  if (machines != NULL)
    put_all (self, machines);
  load_touched (self);
  if (self->again)
    {
      g_clear_error (&error);
      load_all (self);
      return;
    }
  take_error (self, error);
  if (machines != NULL)
    set_ready (self);
  answer_waiting (self);
}

static void
load_all (VmportVirtualMachineList *self)
{
  GWeakRef *weak;

  if (self->loading)
    {
      self->again = TRUE;
      return;
    }
  self->loading = TRUE;
  self->again = FALSE;
  weak = g_new0 (GWeakRef, 1);
  g_weak_ref_init (weak, self);
  vmport_manager_list_virtual_machines (self->manager, self->cancellable, load_all_cb, weak);
}

static void
touch (VmportVirtualMachineList *self, const char *path)
{
  if (self->loading)
    g_hash_table_add (self->touched, g_strdup (path));
}

static void
added_cb (VmportVirtualMachineList *self, const char *path)
{
  touch (self, path);
  load_path (self, path);
}

static void
removed_cb (VmportVirtualMachineList *self, const char *path)
{
  Load *load = g_hash_table_lookup (self->loads, path);

  touch (self, path);
  if (load != NULL)
    {
      load->dropped = TRUE;
      load->again = FALSE;
    }
  remove_path (self, path);
}

static void
changed_cb (GDBusConnection *connection, const char *sender, const char *path,
            const char *interface, const char *signal, GVariant *parameters, gpointer user_data)
{
  g_autoptr (VmportVirtualMachineList) self = g_weak_ref_get (user_data);

  if (self == NULL)
    return;
  /* Of another manager's, and of what the caller may not view, there is nothing to refresh. */
  if (g_hash_table_contains (self->places, path) || g_hash_table_contains (self->loads, path))
    load_path (self, path);
  if (self->loading && g_str_has_prefix (path, self->prefix))
    touch (self, path);
}

static void
back_cb (GObject *object, GParamSpec *pspec, VmportVirtualMachineList *self)
{
  if (vmport_manager_get_available (self->manager))
    load_all (self);
}

/* /org/vmport/Manager/store → /org/vmport/VirtualMachine/store/ */
static char *
get_prefix (VmportManager *manager)
{
  g_autofree char *id = g_path_get_basename (vmport_manager_get_object_path (manager));

  return g_strconcat (VMP_VIRTUAL_MACHINE_PATH_PREFIX, id, "/", NULL);
}

static void
follow (VmportVirtualMachineList *self)
{
  VmportClient *client = vmp_client_manager_get_client (self->manager);
  GDBusConnection *connection = vmport_client_get_connection (client);
  GWeakRef *weak = g_new0 (GWeakRef, 1);

  g_weak_ref_init (weak, self);
  self->prefix = get_prefix (self->manager);
  /* Virtual machines have no proxies: one match is enough for all of them. */
  self->subscription = g_dbus_connection_signal_subscribe (
    connection, vmp_client_get_bus_name (connection), VMP_PROPERTIES_INTERFACE, "PropertiesChanged",
    NULL, VMP_VIRTUAL_MACHINE_INTERFACE, G_DBUS_SIGNAL_FLAGS_NONE, changed_cb, weak, weak_ref_free);
  g_signal_connect_object (self->manager, "virtual-machine-added", G_CALLBACK (added_cb), self,
                           G_CONNECT_SWAPPED);
  g_signal_connect_object (self->manager, "virtual-machine-removed", G_CALLBACK (removed_cb), self,
                           G_CONNECT_SWAPPED);
  /* The proxy reads its properties anew after a restart of the daemon, so this tells of both. */
  g_signal_connect_object (self->manager, "notify::available", G_CALLBACK (back_cb), self, 0);
}

static void
vmport_virtual_machine_list_dispose (GObject *object)
{
  VmportVirtualMachineList *self = VMPORT_VIRTUAL_MACHINE_LIST (object);

  if (self->cancellable != NULL)
    g_cancellable_cancel (self->cancellable);
  if (self->subscription != 0)
    {
      VmportClient *client = vmp_client_manager_get_client (self->manager);

      g_dbus_connection_signal_unsubscribe (vmport_client_get_connection (client),
                                            self->subscription);
      self->subscription = 0;
    }
  G_OBJECT_CLASS (vmport_virtual_machine_list_parent_class)->dispose (object);
}

static void
vmport_virtual_machine_list_finalize (GObject *object)
{
  VmportVirtualMachineList *self = VMPORT_VIRTUAL_MACHINE_LIST (object);

  g_clear_object (&self->manager);
  g_clear_pointer (&self->prefix, g_free);
  g_clear_object (&self->cancellable);
  g_clear_pointer (&self->items, g_sequence_free);
  g_clear_pointer (&self->places, g_hash_table_unref);
  g_clear_pointer (&self->waiting, g_ptr_array_unref);
  g_clear_pointer (&self->touched, g_hash_table_unref);
  /* The loads themselves end with their calls. */
  g_clear_pointer (&self->loads, g_hash_table_unref);
  g_clear_error (&self->error);
  G_OBJECT_CLASS (vmport_virtual_machine_list_parent_class)->finalize (object);
}

static void
vmport_virtual_machine_list_get_property (GObject *object, guint id, GValue *value,
                                          GParamSpec *pspec)
{
  VmportVirtualMachineList *self = VMPORT_VIRTUAL_MACHINE_LIST (object);

  switch (id)
    {
    case PROP_MANAGER:
      g_value_set_object (value, self->manager);
      break;
    case PROP_READY:
      g_value_set_boolean (value, self->ready);
      break;
    case PROP_ERROR:
      g_value_set_boxed (value, self->error);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
vmport_virtual_machine_list_set_property (GObject *object, guint id, const GValue *value,
                                          GParamSpec *pspec)
{
  VmportVirtualMachineList *self = VMPORT_VIRTUAL_MACHINE_LIST (object);

  switch (id)
    {
    case PROP_MANAGER:
      self->manager = g_value_dup_object (value);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
vmport_virtual_machine_list_constructed (GObject *object)
{
  VmportVirtualMachineList *self = VMPORT_VIRTUAL_MACHINE_LIST (object);

  G_OBJECT_CLASS (vmport_virtual_machine_list_parent_class)->constructed (object);
  g_return_if_fail (self->manager != NULL);
  /* In this order nothing is missed between the two. */
  follow (self);
  load_all (self);
}

static void
vmport_virtual_machine_list_class_init (VmportVirtualMachineListClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->constructed = vmport_virtual_machine_list_constructed;
  object_class->dispose = vmport_virtual_machine_list_dispose;
  object_class->finalize = vmport_virtual_machine_list_finalize;
  object_class->get_property = vmport_virtual_machine_list_get_property;
  object_class->set_property = vmport_virtual_machine_list_set_property;

  /**
   * VmportVirtualMachineList:manager: (getter get_manager)
   *
   * The manager that it follows.
   */
  properties[PROP_MANAGER]
    = g_param_spec_object ("manager", NULL, NULL, VMPORT_TYPE_MANAGER,
                           G_PARAM_READWRITE | G_PARAM_CONSTRUCT_ONLY | G_PARAM_STATIC_STRINGS);
  /**
   * VmportVirtualMachineList:ready: (getter get_ready)
   *
   * Whether it has been read for the first time, so that an empty list means that there is none.
   */
  properties[PROP_READY]
    = g_param_spec_boolean ("ready", NULL, NULL, FALSE, G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);
  /**
   * VmportVirtualMachineList:error: (getter get_error)
   *
   * Why it could not be read the last time, or %NULL.
   */
  properties[PROP_ERROR] = g_param_spec_boxed ("error", NULL, NULL, G_TYPE_ERROR,
                                               G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);
  g_object_class_install_properties (object_class, N_PROPERTIES, properties);
}

static void
vmport_virtual_machine_list_init (VmportVirtualMachineList *self)
{
  self->cancellable = g_cancellable_new ();
  self->items = g_sequence_new (g_object_unref);
  self->places = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  self->waiting = g_ptr_array_new_with_free_func (g_object_unref);
  self->touched = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  self->loads = g_hash_table_new (g_str_hash, g_str_equal);
}

/**
 * vmport_virtual_machine_list_new:
 * @manager: a manager
 *
 * Makes a list and begins to read it.
 *
 * Returns: (transfer full): a new list
 */
VmportVirtualMachineList *
vmport_virtual_machine_list_new (VmportManager *manager)
{
  g_return_val_if_fail (VMPORT_IS_MANAGER (manager), NULL);

  return g_object_new (VMPORT_TYPE_VIRTUAL_MACHINE_LIST, "manager", manager, NULL);
}

/**
 * vmport_virtual_machine_list_get_manager: (get-property manager)
 * @self: a list
 *
 * Returns: (transfer none): the manager that it follows
 */
VmportManager *
vmport_virtual_machine_list_get_manager (VmportVirtualMachineList *self)
{
  g_return_val_if_fail (VMPORT_IS_VIRTUAL_MACHINE_LIST (self), NULL);

  return self->manager;
}

/**
 * vmport_virtual_machine_list_get_ready: (get-property ready)
 * @self: a list
 *
 * Returns: whether it has been read for the first time
 */
gboolean
vmport_virtual_machine_list_get_ready (VmportVirtualMachineList *self)
{
  g_return_val_if_fail (VMPORT_IS_VIRTUAL_MACHINE_LIST (self), FALSE);

  return self->ready;
}

/**
 * vmport_virtual_machine_list_get_error: (get-property error)
 * @self: a list
 *
 * Returns: (transfer none) (nullable): why it could not be read the last time
 */
const GError *
vmport_virtual_machine_list_get_error (VmportVirtualMachineList *self)
{
  g_return_val_if_fail (VMPORT_IS_VIRTUAL_MACHINE_LIST (self), NULL);

  return self->error;
}

/**
 * vmport_virtual_machine_list_reload:
 * @self: a list
 * @cancellable: (nullable): a cancellable
 * @callback: called when the list has been read
 * @user_data: for @callback
 *
 * Reads the whole list anew. It follows its manager without this, which is for waiting until it is
 * ready and for trying again after an error.
 */
void
vmport_virtual_machine_list_reload (VmportVirtualMachineList *self, GCancellable *cancellable,
                                    GAsyncReadyCallback callback, gpointer user_data)
{
  GTask *task;

  g_return_if_fail (VMPORT_IS_VIRTUAL_MACHINE_LIST (self));

  task = g_task_new (self, cancellable, callback, user_data);
  g_task_set_source_tag (task, vmport_virtual_machine_list_reload);
  g_ptr_array_add (self->waiting, task);
  load_all (self);
}

/**
 * vmport_virtual_machine_list_reload_finish:
 * @self: a list
 * @result: the result
 * @error: return location for an error
 *
 * Finishes [method@VirtualMachineList.reload].
 *
 * Returns: whether it has been read
 */
gboolean
vmport_virtual_machine_list_reload_finish (VmportVirtualMachineList *self, GAsyncResult *result,
                                           GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), FALSE);

  return g_task_propagate_boolean (G_TASK (result), error);
}
