/* A virtual machine's configuration as a saved state has it: whether it is of the same devices as
 * another, and what it takes over from that one.
 *
 * The memory holds each device as the guest saw it, so the state keeps its own configuration: only
 * names, files, networks and addresses are another's to give. */
#include "config.h"

#include "vmp-domain-private.h"

#include <glib/gi18n-lib.h>
#include <string.h>

#include "vmp-size.h"

/* Devices that libvirt adds by itself, and leaves out of what it saves, or that the guest does not
 * see. */
static const char *const uncounted[] = {
  "audio", "console", "controller", "disk", "graphics", "hub", "input", "interface", "redirfilter",
  NULL,
};

static const char *
get_of (VmpNode *node, const char *path, const char *attribute)
{
  VmpNode *found = node != NULL ? vmp_node_find (node, path) : NULL;

  return found != NULL ? vmp_node_get (found, attribute) : NULL;
}

/* "q35" stands for whatever version a host has; "pc-q35-7.2" does not. */
static gboolean
is_alias (const char *machine)
{
  return machine == NULL || strchr (machine, '-') == NULL;
}

/* In bytes; 0 where it cannot be told. */
static guint64
get_memory (VmpDomain *self)
{
  static const struct
  {
    const char *name;
    guint64 bytes;
  } units[] = {
    { "b", 1 },
    { "bytes", 1 },
    { "KB", 1000 },
    { "k", 1 << 10 },
    { "KiB", 1 << 10 },
    { "MB", 1000 * 1000 },
    { "M", 1 << 20 },
    { "MiB", 1 << 20 },
    { "GB", 1000 * 1000 * 1000 },
    { "G", 1 << 30 },
    { "GiB", 1 << 30 },
    { "TB", G_GUINT64_CONSTANT (1000000000000) },
    { "T", G_GUINT64_CONSTANT (1) << 40 },
    { "TiB", G_GUINT64_CONSTANT (1) << 40 },
  };
  VmpNode *memory = vmp_node_find (self->root, "memory");
  const char *unit = memory != NULL ? vmp_node_get (memory, "unit") : NULL;
  guint64 n, bytes;

  if (memory == NULL || memory->text == NULL
      || !g_ascii_string_to_unsigned (memory->text, 10, 0, G_MAXUINT64, &n, NULL))
    return 0;
  for (gsize i = 0; i < G_N_ELEMENTS (units); i++)
    if (strcmp (units[i].name, unit != NULL ? unit : "KiB") == 0)
      /* libvirt rounds up to whole KiB. */
      return vmp_size_mul (&bytes, n, units[i].bytes) && bytes <= G_MAXINT64
                 ? (bytes + 1023) / 1024 * 1024
                 : 0;
  return 0;
}

/* "sound ich9": what a guest could tell a device from another by. */
static char *
describe_device (VmpNode *device)
{
  const char *model = vmp_node_get (device, "model");

  if (model == NULL)
    model = get_of (device, "model", "type");
  return model != NULL ? g_strdup_printf ("%s %s", device->name, model) : g_strdup (device->name);
}

static int
compare_words (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char *const *) a, *(const char *const *) b);
}

static GPtrArray *
list_devices (VmpDomain *self)
{
  VmpNode *devices = vmp_node_find (self->root, "devices");
  GPtrArray *list = g_ptr_array_new_with_free_func (g_free);

  for (guint i = 0; devices != NULL && i < devices->children->len; i++)
    {
      VmpNode *device = g_ptr_array_index (devices->children, i);

      /* libvirt gives newer machines of type q35 this one by itself. */
      if (strcmp (device->name, "watchdog") == 0
          && g_strcmp0 (vmp_node_get (device, "model"), "itco") == 0)
        continue;
      if (!g_strv_contains (uncounted, device->name))
        g_ptr_array_add (list, describe_device (device));
    }
  g_ptr_array_sort (list, compare_words);
  return list;
}

/* The first device that only one of the sorted lists has, or NULL. */
static const char *
find_odd (GPtrArray *these, GPtrArray *those)
{
  for (guint i = 0; i < MAX (these->len, those->len); i++)
    {
      const char *one = i < these->len ? g_ptr_array_index (these, i) : NULL;
      const char *other = i < those->len ? g_ptr_array_index (those, i) : NULL;

      if (g_strcmp0 (one, other) != 0)
        return one == NULL || (other != NULL && strcmp (other, one) < 0) ? other : one;
    }
  return NULL;
}

static gboolean
find_disk (VmpDomain *self, const char *target, guint *disk)
{
  for (*disk = 0; *disk < self->disks->len; (*disk)++)
    if (g_strcmp0 (vmp_domain_get_disk_target (self, *disk), target) == 0)
      return TRUE;
  return FALSE;
}

/* A disk of @self that @other does not have, or has on another bus. */
static char *
find_odd_disk (VmpDomain *self, VmpDomain *other)
{
  for (guint i = 0; i < self->disks->len; i++)
    {
      const char *target = vmp_domain_get_disk_target (self, i);
      VmpNode *node = g_ptr_array_index (self->disks, i);
      VmpNode *same;
      guint disk;

      if (!find_disk (other, target, &disk))
        return g_strdup_printf (_ ("the disk “%s” is not in both"), target);
      same = g_ptr_array_index (other->disks, disk);
      if (g_strcmp0 (get_of (node, "target", "bus"), get_of (same, "target", "bus")) != 0
          || vmp_domain_get_disk_device (self, i) != vmp_domain_get_disk_device (other, disk))
        return g_strdup_printf (_ ("the disk “%s” is another device"), target);
    }
  return NULL;
}

static char *
find_odd_interface (VmpDomain *self, VmpDomain *other)
{
  if (self->interfaces->len != other->interfaces->len)
    return g_strdup (_ ("the number of network adapters is another"));
  for (guint i = 0; i < self->interfaces->len; i++)
    if (g_strcmp0 (get_of (g_ptr_array_index (self->interfaces, i), "model", "type"),
                   get_of (g_ptr_array_index (other->interfaces, i), "model", "type"))
        != 0)
      return g_strdup_printf (_ ("the network adapter %u is of another model"), i);
  return NULL;
}

/* What of the machine in @self, a saved state's, a guest would miss or find changed in @other: part of
 * a sentence, or NULL where they are of the same devices. */
char *
vmp_domain_find_difference (VmpDomain *self, VmpDomain *other)
{
  const char *machine = get_of (self->root, "os/type", "machine");
  const char *other_machine = get_of (other->root, "os/type", "machine");
  guint64 memory = get_memory (self), other_memory = get_memory (other);
  g_autoptr (GPtrArray) devices = list_devices (self);
  g_autoptr (GPtrArray) other_devices = list_devices (other);
  const char *odd = find_odd (devices, other_devices);
  g_autofree char *difference = NULL;

  if (g_strcmp0 (vmp_node_get (self->root, "type"), vmp_node_get (other->root, "type")) != 0)
    return g_strdup (_ ("the hypervisor is another (KVM or plain QEMU)"));
  if (g_strcmp0 (get_of (self->root, "os/type", "arch"), get_of (other->root, "os/type", "arch"))
          != 0
      || (g_strcmp0 (machine, other_machine) != 0 && !is_alias (machine)
          && !is_alias (other_machine)))
    return g_strdup (_ ("the machine type is another"));
  if (memory != 0 && other_memory != 0 && memory != other_memory)
    return g_strdup (_ ("the size of the memory is another"));
  if (g_strcmp0 (vmp_node_find_text (self->root, "vcpu"), vmp_node_find_text (other->root, "vcpu"))
      != 0)
    return g_strdup (_ ("the number of virtual CPUs is another"));
  difference = find_odd_disk (self, other);
  if (difference == NULL)
    difference = find_odd_disk (other, self);
  if (difference == NULL)
    difference = find_odd_interface (self, other);
  if (difference == NULL && odd != NULL)
    difference = g_strdup_printf (_ ("the device “%s” is not in both"), odd);
  return g_steal_pointer (&difference);
}

/* Would a guest that goes on from @self, a saved state's, have another id or other addresses than
 * @other says? */
gboolean
vmp_domain_has_other_identity (VmpDomain *self, VmpDomain *other)
{
  if (g_strcmp0 (vmp_domain_get_uuid (self), vmp_domain_get_uuid (other)) != 0)
    return TRUE;
  for (guint i = 0; i < MIN (self->interfaces->len, other->interfaces->len); i++)
    if (g_strcmp0 (vmp_domain_get_interface_mac (self, i), vmp_domain_get_interface_mac (other, i))
        != 0)
      return TRUE;
  return FALSE;
}

/* Gives @disk the whole chain of another's. */
void
vmp_domain_take_images (VmpDomain *self, guint disk, VmpDomain *from, guint from_disk)
{
  g_autoptr (GPtrArray) paths = g_ptr_array_new ();
  g_autoptr (GPtrArray) formats = g_ptr_array_new ();

  for (guint i = 0; i < vmp_domain_get_n_images (from, from_disk); i++)
    {
      g_ptr_array_add (paths, (gpointer) vmp_domain_get_image_path (from, from_disk, i));
      g_ptr_array_add (formats, (gpointer) vmp_domain_get_image_format (from, from_disk, i));
    }
  g_ptr_array_add (paths, NULL);
  g_ptr_array_add (formats, NULL);
  vmp_domain_set_images (self, disk, (const char *const *) paths->pdata,
                         (const char *const *) formats->pdata);
}

/* What is passed through stays what it is. */
static void
take_interface (VmpDomain *self, guint interface, VmpDomain *from)
{
  const char *mac = vmp_domain_get_interface_mac (from, interface);

  if (!vmp_domain_is_interface_unsafe (from, interface))
    vmp_domain_set_interface_source (self, interface,
                                     vmp_domain_get_interface_kind (from, interface),
                                     vmp_domain_get_interface_source (from, interface));
  if (mac != NULL)
    vmp_domain_set_interface_mac (self, interface, mac);
}

/* Gives @self, a saved state's, the name, id, files, networks and addresses of @from, which is of the
 * same devices. */
void
vmp_domain_take_identity (VmpDomain *self, VmpDomain *from)
{
  vmp_domain_set_name (self, vmp_domain_get_name (from));
  vmp_domain_set_uuid (self, vmp_domain_get_uuid (from));
  for (guint i = 0; i < self->disks->len; i++)
    {
      guint disk;

      /* One that is a device of the host, and kept, is in no file. */
      if (find_disk (from, vmp_domain_get_disk_target (self, i), &disk)
          && !vmp_domain_is_disk_unsafe (from, disk))
        vmp_domain_take_images (self, i, from, disk);
    }
  for (guint i = 0; i < MIN (self->interfaces->len, from->interfaces->len); i++)
    take_interface (self, i, from);
  for (guint i = 0; i < VMP_DOMAIN_N_FILES; i++)
    vmp_domain_set_file (self, i, vmp_domain_get_file (from, i));
}
