/* A virtual machine's configuration: its disks and their images. */
#include "config.h"

#include "vmp-domain-private.h"

#include <string.h>

guint
vmp_domain_get_n_disks (VmpDomain *self)
{
  return self->disks->len;
}

static VmpNode *
get_disk (VmpDomain *self, guint disk)
{
  g_return_val_if_fail (disk < self->disks->len, NULL);

  return g_ptr_array_index (self->disks, disk);
}

VmpDiskDevice
vmp_domain_get_disk_device (VmpDomain *self, guint disk)
{
  VmpNode *node = get_disk (self, disk);
  const char *device = node != NULL ? vmp_node_get (node, "device") : NULL;

  if (g_strcmp0 (device, "cdrom") == 0)
    return VMP_DISK_DEVICE_CDROM;
  if (g_strcmp0 (device, "floppy") == 0)
    return VMP_DISK_DEVICE_FLOPPY;
  return VMP_DISK_DEVICE_DISK;
}

const char *
vmp_domain_get_disk_target (VmpDomain *self, guint disk)
{
  VmpNode *node = get_disk (self, disk);
  VmpNode *target = node != NULL ? vmp_node_find (node, "target") : NULL;

  return target != NULL ? vmp_node_get (target, "dev") : NULL;
}

gboolean
vmp_domain_is_disk_unsafe (VmpDomain *self, guint disk)
{
  VmpNode *node = get_disk (self, disk);

  return node != NULL && node->unsafe;
}

gboolean
vmp_domain_is_disk_read_only (VmpDomain *self, guint disk)
{
  VmpNode *node = get_disk (self, disk);

  return node != NULL && vmp_node_find (node, "readonly") != NULL;
}

static const char *
get_source_file (VmpNode *node)
{
  VmpNode *source = vmp_node_find (node, "source");

  return source != NULL ? vmp_node_get (source, "file") : NULL;
}

/* The element that holds image @image of a disk: <disk> itself, or a <backingStore>. NULL past the
 * end. A disk whose content is not in files has none. */
static VmpNode *
get_image (VmpDomain *self, guint disk, guint image)
{
  VmpNode *node = get_disk (self, disk);

  for (guint i = 0; node != NULL && get_source_file (node) != NULL; i++)
    {
      if (i == image)
        return node;
      node = vmp_node_find (node, "backingStore");
    }
  return NULL;
}

guint
vmp_domain_get_n_images (VmpDomain *self, guint disk)
{
  guint n = 0;

  while (get_image (self, disk, n) != NULL)
    n++;
  return n;
}

const char *
vmp_domain_get_image_path (VmpDomain *self, guint disk, guint image)
{
  VmpNode *node = get_image (self, disk, image);

  return node != NULL ? get_source_file (node) : NULL;
}

/* NULL where the document does not state one: nothing is guessed. */
const char *
vmp_domain_get_image_format (VmpDomain *self, guint disk, guint image)
{
  VmpNode *node = get_image (self, disk, image);
  VmpNode *format = node != NULL ? vmp_node_find (node, image == 0 ? "driver" : "format") : NULL;

  return format != NULL ? vmp_node_get (format, "type") : NULL;
}

/* Is what the disk or drive holds no file, but a device or a folder of the host? */
gboolean
vmp_domain_has_host_source (VmpDomain *self, guint disk)
{
  VmpNode *node = get_disk (self, disk);

  return node != NULL && vmp_node_find (node, "source") != NULL && get_source_file (node) == NULL;
}

static gboolean
set_source (VmpNode *node, const char *path)
{
  VmpNode *source = vmp_node_ensure (node, "source");

  return source != NULL && vmp_node_set (source, "file", path);
}

/* Replaces the whole chain; see the header. Paths are absolute, or relative to the package. */
void
vmp_domain_set_images (VmpDomain *self, guint disk, const char *const *paths,
                       const char *const *formats)
{
  VmpNode *node = get_disk (self, disk);
  VmpNode *driver;

  g_return_if_fail (node != NULL && strcmp (node->name, "disk") == 0);

  vmp_node_remove (node, "source");
  vmp_node_remove (node, "backingStore");
  if (paths[0] == NULL)
    return;
  driver = vmp_node_ensure (node, "driver");
  if (!vmp_node_set (driver, "type", formats[0]) || !set_source (node, paths[0]))
    {
      g_critical ("“%s” of format “%s” is no image for a disk", paths[0], formats[0]);
      return;
    }
  for (gsize i = 1; paths[i] != NULL; i++)
    {
      VmpNode *lower = vmp_node_add (node, "backingStore", "type", "file", NULL);

      if (vmp_node_add (lower, "format", "type", formats[i], NULL) == NULL
          || !set_source (lower, paths[i]))
        {
          g_critical ("“%s” of format “%s” is no image for a disk", paths[i], formats[i]);
          return;
        }
      node = lower;
    }
  /* Without it libvirt and QEMU would go and read the header for what lies below. */
  vmp_node_add (node, "backingStore", NULL, NULL, NULL);
}
