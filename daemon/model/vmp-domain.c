/* A virtual machine's configuration: the document as a whole, its names and its files. */
#include "config.h"

#include "vmp-domain-private.h"

#include <glib/gi18n-lib.h>
#include <string.h>

#include "vmp-error.h"
#include "vmp-name.h"
#include "vmp-xml.h"

G_DEFINE_FINAL_TYPE (VmpDomain, vmp_domain, G_TYPE_OBJECT)

static const char *const file_elements[] = {
  [VMP_DOMAIN_FILE_KERNEL] = "kernel", [VMP_DOMAIN_FILE_INITRD] = "initrd",
  [VMP_DOMAIN_FILE_DTB] = "dtb",       [VMP_DOMAIN_FILE_LOADER] = "loader",
  [VMP_DOMAIN_FILE_NVRAM] = "nvram",
};

G_STATIC_ASSERT (G_N_ELEMENTS (file_elements) == VMP_DOMAIN_N_FILES);

void
vmp_unsafe_free (VmpUnsafe *unsafe)
{
  g_free (unsafe->location);
  g_free (unsafe->reason);
  g_free (unsafe);
}

GVariant *
vmp_unsafe_list_to_variant (GPtrArray *unsafe)
{
  GVariantBuilder builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE ("a(ssb)"));
  for (guint i = 0; i < unsafe->len; i++)
    {
      VmpUnsafe *entry = g_ptr_array_index (unsafe, i);

      g_variant_builder_add (&builder, "(ssb)", entry->location, entry->reason, entry->keepable);
    }
  return g_variant_builder_end (&builder);
}

static void
vmp_domain_finalize (GObject *object)
{
  VmpDomain *self = VMP_DOMAIN (object);

  g_clear_pointer (&self->disks, g_ptr_array_unref);
  g_clear_pointer (&self->interfaces, g_ptr_array_unref);
  g_clear_pointer (&self->root, vmp_node_free);
  G_OBJECT_CLASS (vmp_domain_parent_class)->finalize (object);
}

static void
vmp_domain_class_init (VmpDomainClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = vmp_domain_finalize;
}

static void
vmp_domain_init (VmpDomain *self)
{
  self->disks = g_ptr_array_new ();
  self->interfaces = g_ptr_array_new ();
}

static void
collect_devices (VmpDomain *self)
{
  VmpNode *devices = vmp_node_find (self->root, "devices");

  g_ptr_array_set_size (self->disks, 0);
  g_ptr_array_set_size (self->interfaces, 0);
  for (guint i = 0; devices != NULL && i < devices->children->len; i++)
    {
      VmpNode *device = g_ptr_array_index (devices->children, i);

      if (strcmp (device->name, "disk") == 0)
        g_ptr_array_add (self->disks, device);
      else if (strcmp (device->name, "interface") == 0)
        g_ptr_array_add (self->interfaces, device);
    }
}

/* Takes @root. */
static VmpDomain *
domain_new (VmpNode *root)
{
  VmpDomain *self = g_object_new (VMP_TYPE_DOMAIN, NULL);

  self->root = root;
  collect_devices (self);
  return self;
}

/* A firmware that the host's own packages hold is not part of the machine. What it says about the
 * machine, that it boots by UEFI, is written as libvirt's automatic choice of firmware; with that
 * libvirt takes neither a type nor "readonly". */
static void
normalize_loader (VmpDomain *self)
{
  VmpNode *os = vmp_node_find (self->root, "os");
  VmpNode *loader = os != NULL ? vmp_node_find (os, "loader") : NULL;
  g_autofree char *hosts_own = NULL;
  gboolean efi;

  if (loader == NULL)
    return;
  if (loader->text == NULL)
    {
      if (vmp_node_get (os, "firmware") == NULL)
        return;
    }
  else
    {
      hosts_own = vmp_value_normalize (VMP_VALUE_FIRMWARE, NULL, loader->text);
      if (hosts_own == NULL)
        return;
      efi = g_strcmp0 (vmp_node_get (loader, "type"), "pflash") == 0
            || strstr (hosts_own, "OVMF") != NULL || strstr (hosts_own, "AAVMF") != NULL;
      if (efi)
        vmp_node_set (os, "firmware", "efi");
      vmp_node_set_text (loader, NULL);
    }
  vmp_node_set (loader, "type", NULL);
  vmp_node_set (loader, "readonly", NULL);
  vmp_node_set (loader, "format", NULL);
  if (loader->attributes->len == 0)
    vmp_node_remove (os, "loader");
}

/* <nvram type='file'><source file='…'/></nvram> is the same as <nvram>…</nvram>. */
static void
normalize_nvram (VmpDomain *self)
{
  VmpNode *nvram = vmp_node_find (self->root, "os/nvram");
  VmpNode *source = nvram != NULL ? vmp_node_find (nvram, "source") : NULL;
  const char *file = source != NULL ? vmp_node_get (source, "file") : NULL;

  if (nvram == NULL)
    return;
  if (nvram->text == NULL && file != NULL)
    vmp_domain_set_file (self, VMP_DOMAIN_FILE_NVRAM, file);
  nvram = vmp_node_find (self->root, "os/nvram");
  vmp_node_remove (nvram, "source");
  vmp_node_set (nvram, "type", NULL);
  if (nvram->text == NULL && nvram->attributes->len == 0)
    vmp_node_remove (vmp_node_find (self->root, "os"), "nvram");
}

static void
normalize (VmpDomain *self)
{
  VmpNode *cid = vmp_node_find (self->root, "devices/vsock/cid");

  if (cid != NULL)
    vmp_node_set (cid, "auto", "yes");
  normalize_loader (self);
  normalize_nvram (self);
  vmp_domain_normalize_interfaces (self);
}

/* What no configuration can be without, and what may be there once only. */
static gboolean
check_whole (VmpDomain *self, GError **error)
{
  g_autoptr (GHashTable) targets = g_hash_table_new (g_str_hash, g_str_equal);

  if (vmp_node_find_text (self->root, "name") == NULL)
    return vmp_error_set (error, VMPORT_ERROR_CORRUPT,
                          _ ("The configuration names no virtual machine: <name> is missing or not "
                             "a valid name"));
  if (vmp_node_get (self->root, "type") == NULL)
    return vmp_error_set (
        error, VMPORT_ERROR_NOT_SUPPORTED,
        _ ("The configuration is of a hypervisor other than QEMU and KVM: <domain "
           "type='…'> must be “kvm” or “qemu”"));
  if (vmp_node_find_text (self->root, "os/type") == NULL)
    return vmp_error_set (error, VMPORT_ERROR_NOT_SUPPORTED,
                          _ ("The configuration is not of a complete machine: <os> needs a <type> "
                             "“hvm”"));
  for (guint i = 0; i < self->disks->len; i++)
    {
      const char *target = vmp_domain_get_disk_target (self, i);

      if (target == NULL)
        return vmp_error_set (error, VMPORT_ERROR_CORRUPT,
                              _ ("Disk %u of the configuration has no <target dev='…'>"), i + 1);
      if (!g_hash_table_add (targets, (gpointer) target))
        return vmp_error_set (error, VMPORT_ERROR_CORRUPT,
                              _ ("Two disks of the configuration have the target “%s”"), target);
    }
  return TRUE;
}

/* Two elements of a kind that may stand once are Corrupt even where neither is valid. */
static gboolean
check_repeated (xmlNode *root, GError **error)
{
  static const char *const once[] = { "name", "uuid", "os", "devices", "memory", "vcpu" };

  for (gsize i = 0; i < G_N_ELEMENTS (once); i++)
    {
      guint count = 0;

      for (xmlNode *child = root->children; child != NULL; child = child->next)
        if (child->type == XML_ELEMENT_NODE && child->ns == NULL
            && strcmp ((const char *) child->name, once[i]) == 0)
          count++;
      if (count > 1)
        return vmp_error_set (error, VMPORT_ERROR_CORRUPT,
                              _ ("“%s” of the configuration may stand only once"), once[i]);
    }
  return TRUE;
}

/* The model of the <domain> that is the root of @doc; findings are added to @findings. */
VmpDomain *
vmp_domain_new_from_doc (xmlDoc *doc, GPtrArray *findings, GError **error)
{
  xmlNode *root = xmlDocGetRootElement (doc);
  g_autoptr (VmpDomain) self = NULL;
  VmpNode *node;

  if (!check_repeated (root, error))
    return NULL;
  node = vmp_node_new_from_xml (root, vmp_grammar_domain, findings, error);
  if (node == NULL)
    return NULL;
  self = domain_new (node);
  if (!check_whole (self, error))
    return NULL;
  normalize (self);
  return g_steal_pointer (&self);
}

/* Reads a domain's XML. What is not in the model, or is in it and marked unsafe, is listed in
 * @unsafe (of VmpUnsafe). Kernel, initrd, dtb, loader and NVRAM are no findings here, whatever path
 * they name: see vmp_domain_get_file(); the same goes for the images of disks. */
VmpDomain *
vmp_domain_new_from_xml (const char *xml, gsize size, GPtrArray **unsafe, GError **error)
{
  g_autoptr (GPtrArray) findings
      = g_ptr_array_new_with_free_func ((GDestroyNotify) vmp_unsafe_free);
  g_autoptr (VmpXmlDoc) doc = vmp_xml_parse (xml, size, VMP_DOMAIN_MAX_BYTES, VMP_DOMAIN_MAX_DEPTH,
                                             _ ("The configuration"), error);
  VmpDomain *self;

  if (doc == NULL)
    return NULL;
  self = vmp_domain_new_from_doc (doc, findings, error);
  if (self != NULL && unsafe != NULL)
    *unsafe = g_steal_pointer (&findings);
  return self;
}

/* The way back from vmp_domain_to_variant(), for data from a process that is not trusted: the
 * grammar holds for it as for XML, and nothing may be in it that would not be written again. */
VmpDomain *
vmp_domain_new_from_variant (GVariant *variant, GError **error)
{
  g_autoptr (GPtrArray) findings
      = g_ptr_array_new_with_free_func ((GDestroyNotify) vmp_unsafe_free);
  g_autoptr (VmpXmlDoc) doc = vmp_node_variant_to_xml (variant, error);
  g_autoptr (VmpDomain) self = NULL;
  g_autoptr (GVariant) again = NULL;

  if (doc == NULL)
    return NULL;
  self = vmp_domain_new_from_doc (doc, findings, error);
  if (self == NULL)
    return NULL;
  again = g_variant_ref_sink (vmp_domain_to_variant (self));
  if (!g_variant_equal (again, variant))
    {
      vmp_error_set (error, VMPORT_ERROR_CORRUPT,
                     _ ("The configuration's data has parts that vmport does not know"));
      return NULL;
    }
  return g_steal_pointer (&self);
}

/* The configuration as plain data, losslessly; floating. */
GVariant *
vmp_domain_to_variant (VmpDomain *self)
{
  return vmp_node_to_variant (self->root);
}

/* Fresh XML, the same for equal configurations. */
char *
vmp_domain_to_xml (VmpDomain *self)
{
  g_autoptr (VmpXmlDoc) doc = vmp_node_to_xml (self->root);

  return vmp_xml_write (doc, FALSE);
}

VmpDomain *
vmp_domain_copy (VmpDomain *self)
{
  return domain_new (vmp_node_copy (self->root));
}

/* Is anything in the model that reaches into the host? */
gboolean
vmp_domain_is_unsafe (VmpDomain *self)
{
  return vmp_node_is_unsafe (self->root);
}

void
vmp_domain_strip_unsafe (VmpDomain *self)
{
  vmp_node_strip_unsafe (self->root);
  collect_devices (self);
}

static void
set_element (VmpNode *parent, const char *name, const char *text)
{
  VmpNode *node = vmp_node_find (parent, name);
  gboolean ok = node != NULL ? vmp_node_set_text (node, text)
                             : vmp_node_add (parent, name, NULL, NULL, text) != NULL;

  if (!ok)
    g_critical ("“%s” is not a valid <%s>", text, name);
}

const char *
vmp_domain_get_name (VmpDomain *self)
{
  return vmp_node_find_text (self->root, "name");
}

void
vmp_domain_set_name (VmpDomain *self, const char *name)
{
  g_return_if_fail (vmp_name_is_vm_name (name));

  set_element (self->root, "name", name);
}

/* NULL where a hand-written document has none yet. */
const char *
vmp_domain_get_uuid (VmpDomain *self)
{
  return vmp_node_find_text (self->root, "uuid");
}

void
vmp_domain_set_uuid (VmpDomain *self, const char *uuid)
{
  g_return_if_fail (vmp_name_is_uuid (uuid));

  set_element (self->root, "uuid", uuid);
}

/* The path as the document states it, or NULL. Whether it lies in the package or on the host is the
 * caller's to judge. A loader that the host's own packages hold is never told: it is not part of
 * the machine. */
const char *
vmp_domain_get_file (VmpDomain *self, VmpDomainFile file)
{
  VmpNode *os = vmp_node_find (self->root, "os");

  g_return_val_if_fail (file < VMP_DOMAIN_N_FILES, NULL);

  return os != NULL ? vmp_node_find_text (os, file_elements[file]) : NULL;
}

/* Sets the path, absolute or relative to the package; NULL removes the file from the
 * configuration. */
void
vmp_domain_set_file (VmpDomain *self, VmpDomainFile file, const char *path)
{
  VmpNode *os, *old, *node;
  const char *name;

  g_return_if_fail (file < VMP_DOMAIN_N_FILES);

  name = file_elements[file];
  os = vmp_node_ensure (self->root, "os");
  old = vmp_node_find (os, name);
  if (path == NULL)
    {
      vmp_node_remove (os, name);
      return;
    }
  node = vmp_node_add (os, name, NULL, NULL, path);
  if (node == NULL)
    {
      g_critical ("“%s” is not a path for <%s>", path, name);
      return;
    }
  for (guint i = 0; old != NULL && i < old->attributes->len; i++)
    {
      VmpNodeAttribute *attribute = g_ptr_array_index (old->attributes, i);

      vmp_node_set (node, attribute->name, attribute->value);
    }
  if (old != NULL)
    g_ptr_array_remove (os->children, old);
}
