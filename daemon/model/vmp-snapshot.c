/* A snapshot of a virtual machine: its document, and what it says. */
#include "config.h"

#include "vmp-snapshot.h"

#include <glib/gi18n-lib.h>
#include <string.h>

#include "vmp-domain-private.h"
#include "vmp-error.h"
#include "vmp-name.h"
#include "vmp-xml.h"

#define VARIANT_TYPE "(a(usa(ss)s)a(usa(ss)s)a(usa(ss)s))"

struct _VmpSnapshot
{
  GObject parent_instance;

  VmpNode *root;       /* <domainsnapshot>, without the configurations */
  VmpDomain *domain;
  VmpDomain *inactive; /* or NULL */
};

G_DEFINE_FINAL_TYPE (VmpSnapshot, vmp_snapshot, G_TYPE_OBJECT)

static void
vmp_snapshot_finalize (GObject *object)
{
  VmpSnapshot *self = VMP_SNAPSHOT (object);

  g_clear_pointer (&self->root, vmp_node_free);
  g_clear_object (&self->domain);
  g_clear_object (&self->inactive);
  G_OBJECT_CLASS (vmp_snapshot_parent_class)->finalize (object);
}

static void
vmp_snapshot_class_init (VmpSnapshotClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = vmp_snapshot_finalize;
}

static void
vmp_snapshot_init (VmpSnapshot *self)
{
}

static VmpNode *
get_disk (VmpSnapshot *self, guint disk)
{
  VmpNode *disks = vmp_node_find (self->root, "disks");

  g_return_val_if_fail (disks != NULL && disk < disks->children->len, NULL);

  return g_ptr_array_index (disks->children, disk);
}

/* A name that libvirt takes for a snapshot. */
static gboolean
is_name (const char *name)
{
  return vmp_name_is_vm_name (name) && name[0] != '.';
}

static gboolean
is_offline (VmpSnapshot *self)
{
  const char *state = vmp_snapshot_get_state (self);

  return strcmp (state, "shutoff") == 0 || strcmp (state, "disk-snapshot") == 0;
}

static gboolean
check_names (VmpSnapshot *self, GError **error)
{
  const char *name = vmp_snapshot_get_name (self);
  const char *parent = vmp_snapshot_get_parent (self);

  if (name == NULL || !is_name (name))
    return vmp_error_set (error, VMPORT_ERROR_CORRUPT,
                          _ ("The snapshot's <name> is missing or not a valid name"));
  if (vmp_node_find (self->root, "parent") != NULL && (parent == NULL || !is_name (parent)))
    return vmp_error_set (error, VMPORT_ERROR_CORRUPT,
                          _ ("The <parent> of the snapshot has no valid <name>"));
  return TRUE;
}

static gboolean
check_time_and_state (VmpSnapshot *self, GError **error)
{
  const char *time = vmp_node_find_text (self->root, "creationTime");

  /* It has to be told in microseconds, too. */
  if (time == NULL
      || !g_ascii_string_to_unsigned (time, 10, 0, G_MAXINT64 / G_USEC_PER_SEC, NULL, NULL))
    return vmp_error_set (error, VMPORT_ERROR_CORRUPT,
                          _ ("The snapshot's <creationTime> is missing, or not a time"));
  if (vmp_node_find_text (self->root, "state") == NULL)
    return vmp_error_set (error, VMPORT_ERROR_CORRUPT,
                          _ ("The snapshot's <state> is missing, or not one that libvirt knows"));
  return TRUE;
}

/* Says in so many words where the memory is, as libvirt takes it where nothing is said. */
static gboolean
normalize_memory (VmpSnapshot *self, GError **error)
{
  VmpNode *memory = vmp_node_ensure (self->root, "memory");
  gboolean has_file = vmp_node_get (memory, "file") != NULL;

  if (vmp_node_get (memory, "snapshot") == NULL)
    vmp_node_set (memory, "snapshot",
                  has_file                ? "external"
                  : is_offline (self) ? "no"
                                          : "internal");
  if (has_file != (vmp_snapshot_get_memory (self) == VMP_SNAPSHOT_EXTERNAL))
    return vmp_error_set (error, VMPORT_ERROR_CORRUPT,
                          _ ("The snapshot's <memory> names a file and is not external, or is "
                             "external and names none"));
  if (is_offline (self) && vmp_snapshot_get_memory (self) != VMP_SNAPSHOT_NONE)
    return vmp_error_set (error, VMPORT_ERROR_CORRUPT,
                          _ ("The snapshot has a <memory>, and its machine was not running"));
  return TRUE;
}

/* Of a disk that the configuration does not have, or not any more, there is nothing to say. */
static void
drop_unknown_disks (VmpSnapshot *self)
{
  VmpNode *disks = vmp_node_find (self->root, "disks");

  for (guint i = disks != NULL ? disks->children->len : 0; i-- > 0;)
    {
      const char *target = vmp_snapshot_get_disk_target (self, i);
      gboolean known = FALSE;

      for (guint j = 0; !known && j < vmp_domain_get_n_disks (self->domain); j++)
        known = g_strcmp0 (vmp_domain_get_disk_target (self->domain, j), target) == 0;
      if (!known)
        g_ptr_array_remove_index (disks->children, i);
    }
  if (disks != NULL && disks->children->len == 0)
    vmp_node_remove (self->root, "disks");
}

static gboolean
check_disks (VmpSnapshot *self, GError **error)
{
  g_autoptr (GHashTable) targets = g_hash_table_new (g_str_hash, g_str_equal);

  for (guint i = 0; i < vmp_snapshot_get_n_disks (self); i++)
    {
      const char *target = vmp_snapshot_get_disk_target (self, i);

      if (target == NULL)
        return vmp_error_set (error, VMPORT_ERROR_CORRUPT,
                              _ ("Disk %u of the snapshot has no name"), i + 1);
      if (!g_hash_table_add (targets, (gpointer) target))
        return vmp_error_set (error, VMPORT_ERROR_CORRUPT,
                              _ ("The snapshot has the disk “%s” twice"), target);
      if (vmp_snapshot_get_disk_storage (self, i) == VMP_SNAPSHOT_EXTERNAL
          && (vmp_snapshot_get_disk_path (self, i) == NULL
              || vmp_snapshot_get_disk_format (self, i) == NULL))
        return vmp_error_set (
            error, VMPORT_ERROR_CORRUPT,
            _ ("The disk “%s” of the snapshot is external, and file or format of its "
               "overlay are missing"),
            target);
    }
  return TRUE;
}

/* Once the configurations are there. */
static gboolean
finish (VmpSnapshot *self, GError **error)
{
  drop_unknown_disks (self);
  return check_disks (self, error);
}

/* The configuration that stands in @xml, a <domain> or <inactiveDomain>, as a document of its own. */
static VmpDomain *
build_domain (xmlNode *xml, GPtrArray *findings, GError **error)
{
  g_autoptr (GPtrArray) own = g_ptr_array_new_with_free_func ((GDestroyNotify) vmp_unsafe_free);
  g_autoptr (VmpXmlDoc) doc = xmlNewDoc (BAD_CAST "1.0");
  g_autofree char *element = g_strdup ((const char *) xml->name);
  xmlNode *root = doc != NULL ? xmlDocCopyNode (xml, doc, 1) : NULL;
  VmpDomain *domain;

  if (root == NULL)
    g_error ("No memory for an XML document");
  xmlDocSetRootElement (doc, root);
  xmlNodeSetName (root, BAD_CAST "domain");
  domain = vmp_domain_new_from_doc (doc, own, error);
  if (domain == NULL)
    {
      g_prefix_error (error, "<%s>: ", element);
      return NULL;
    }
  for (guint i = 0; i < own->len; i++)
    {
      VmpUnsafe *unsafe = g_ptr_array_index (own, i);
      g_autofree char *location = g_steal_pointer (&unsafe->location);

      unsafe->location = location[0] == '\0' || location[0] == '@'
                             ? g_strconcat (element, location, NULL)
                             : g_strconcat (element, "/", location, NULL);
    }
  g_ptr_array_extend_and_steal (findings, g_steal_pointer (&own));
  return domain;
}

static gboolean
build_domains (VmpSnapshot *self, xmlNode *root, GPtrArray *findings, GError **error)
{
  for (xmlNode *child = root->children; child != NULL; child = child->next)
    {
      const char *name = (const char *) child->name;
      VmpDomain **domain = NULL;

      if (child->type != XML_ELEMENT_NODE || child->ns != NULL)
        continue;
      if (strcmp (name, "domain") == 0)
        domain = &self->domain;
      else if (strcmp (name, "inactiveDomain") == 0)
        domain = &self->inactive;
      if (domain == NULL)
        continue;
      if (*domain != NULL)
        return vmp_error_set (error, VMPORT_ERROR_CORRUPT,
                              _ ("<%s> may stand in a snapshot only once"), name);
      *domain = build_domain (child, findings, error);
      if (*domain == NULL)
        return FALSE;
    }
  if (self->domain == NULL)
    return vmp_error_set (error, VMPORT_ERROR_CORRUPT,
                          _ ("The snapshot has no <domain>, the configuration of its machine"));
  return TRUE;
}

/* Nobody could tell what it would make of the memory to leave a part of the cookie out. */
static gboolean
check_cookie (GPtrArray *findings, GError **error)
{
  for (guint i = 0; i < findings->len; i++)
    {
      VmpUnsafe *unsafe = g_ptr_array_index (findings, i);

      if (strcmp (unsafe->location, "cookie") == 0
          || g_str_has_prefix (unsafe->location, "cookie/"))
        return vmp_error_set (error, VMPORT_ERROR_UNSAFE, _ ("The snapshot: %s: %s"),
                              unsafe->location, unsafe->reason);
    }
  return TRUE;
}

/* The model of @root, a <domainsnapshot>, with its configurations still to come. */
static VmpSnapshot *
build_root (xmlNode *root, GPtrArray *findings, GError **error)
{
  g_autoptr (VmpSnapshot) self = g_object_new (VMP_TYPE_SNAPSHOT, NULL);

  self->root = vmp_node_new_from_xml (root, vmp_grammar_snapshot, findings, error);
  if (self->root == NULL || !check_cookie (findings, error) || !check_names (self, error)
      || !check_time_and_state (self, error) || !normalize_memory (self, error))
    return NULL;
  vmp_snapshot_set_current (self, vmp_snapshot_is_current (self));
  return g_steal_pointer (&self);
}

/* Reads libvirt's XML. What is not in the model, or is in it and marked unsafe, is listed in @unsafe
 * (of VmpUnsafe), the parts of the configurations below "domain/" and "inactiveDomain/". Paths are no
 * findings here, whatever they name. */
VmpSnapshot *
vmp_snapshot_new_from_xml (const char *xml, gsize size, GPtrArray **unsafe, GError **error)
{
  g_autoptr (GPtrArray) findings
      = g_ptr_array_new_with_free_func ((GDestroyNotify) vmp_unsafe_free);
  g_autoptr (VmpXmlDoc) doc = vmp_xml_parse (xml, size, VMP_SNAPSHOT_MAX_BYTES,
                                             VMP_SNAPSHOT_MAX_DEPTH, _ ("The snapshot"), error);
  g_autoptr (VmpSnapshot) self = NULL;
  xmlNode *root;

  if (doc == NULL)
    return NULL;
  root = xmlDocGetRootElement (doc);
  self = build_root (root, findings, error);
  if (self == NULL)
    return NULL;
  if (!build_domains (self, root, findings, error) || !finish (self, error))
    {
      g_prefix_error (error, _ ("Snapshot “%s”: "), vmp_snapshot_get_name (self));
      return NULL;
    }
  if (unsafe != NULL)
    *unsafe = g_steal_pointer (&findings);
  return g_steal_pointer (&self);
}

static gboolean
read_variant (VmpSnapshot **self, GVariant *variant, GError **error)
{
  g_autoptr (GPtrArray) findings
      = g_ptr_array_new_with_free_func ((GDestroyNotify) vmp_unsafe_free);
  g_autoptr (GVariant) root = g_variant_get_child_value (variant, 0);
  g_autoptr (GVariant) domain = g_variant_get_child_value (variant, 1);
  g_autoptr (GVariant) inactive = g_variant_get_child_value (variant, 2);
  g_autoptr (VmpXmlDoc) doc = vmp_node_variant_to_xml (root, error);

  if (doc == NULL)
    return FALSE;
  *self = build_root (xmlDocGetRootElement (doc), findings, error);
  if (*self == NULL)
    return FALSE;
  (*self)->domain = vmp_domain_new_from_variant (domain, error);
  if ((*self)->domain == NULL)
    return FALSE;
  if (g_variant_n_children (inactive) > 0)
    {
      (*self)->inactive = vmp_domain_new_from_variant (inactive, error);
      if ((*self)->inactive == NULL)
        return FALSE;
    }
  return finish (*self, error);
}

/* The way back from vmp_snapshot_to_variant(), for data from a process that is not trusted: the
 * grammar holds for it as for XML, and nothing may be in it that would not be written again. */
VmpSnapshot *
vmp_snapshot_new_from_variant (GVariant *variant, GError **error)
{
  g_autoptr (VmpSnapshot) self = NULL;
  g_autoptr (GVariant) again = NULL;

  if (!g_variant_is_of_type (variant, G_VARIANT_TYPE (VARIANT_TYPE)))
    {
      vmp_error_set (error, VMPORT_ERROR_CORRUPT, _ ("The snapshot's data is malformed"));
      return NULL;
    }
  if (!read_variant (&self, variant, error))
    return NULL;
  again = g_variant_ref_sink (vmp_snapshot_to_variant (self));
  if (!g_variant_equal (again, variant))
    {
      vmp_error_set (error, VMPORT_ERROR_CORRUPT,
                     _ ("The snapshot's data has parts that vmport does not know"));
      return NULL;
    }
  return g_steal_pointer (&self);
}

/* The snapshot as plain data, losslessly; floating. */
GVariant *
vmp_snapshot_to_variant (VmpSnapshot *self)
{
  return g_variant_new ("(@a(usa(ss)s)@a(usa(ss)s)@a(usa(ss)s))", vmp_node_to_variant (self->root),
                        vmp_domain_to_variant (self->domain),
                        self->inactive != NULL
                            ? vmp_domain_to_variant (self->inactive)
                            : g_variant_new_array (G_VARIANT_TYPE ("(usa(ss)s)"), NULL, 0));
}

static void
add_domain (xmlDoc *doc, VmpDomain *domain, const char *element)
{
  g_autoptr (VmpXmlDoc) own = vmp_node_to_xml (domain->root);
  xmlNode *copy = xmlDocCopyNode (xmlDocGetRootElement (own), doc, 1);

  if (copy == NULL)
    g_error ("No memory for an XML document");
  xmlNodeSetName (copy, BAD_CAST element);
  xmlAddChild (xmlDocGetRootElement (doc), copy);
}

/* Fresh XML, the same for equal snapshots. libvirt takes it to redefine a snapshot. */
char *
vmp_snapshot_to_xml (VmpSnapshot *self)
{
  g_autoptr (VmpXmlDoc) doc = vmp_node_to_xml (self->root);

  add_domain (doc, self->domain, "domain");
  if (self->inactive != NULL)
    add_domain (doc, self->inactive, "inactiveDomain");
  return vmp_xml_write (doc, FALSE);
}

VmpSnapshot *
vmp_snapshot_copy (VmpSnapshot *self)
{
  VmpSnapshot *copy = g_object_new (VMP_TYPE_SNAPSHOT, NULL);

  copy->root = vmp_node_copy (self->root);
  copy->domain = vmp_domain_copy (self->domain);
  copy->inactive = self->inactive != NULL ? vmp_domain_copy (self->inactive) : NULL;
  return copy;
}

gboolean
vmp_snapshot_equal (VmpSnapshot *a, VmpSnapshot *b)
{
  g_autofree char *first = vmp_snapshot_to_xml (a);
  g_autofree char *second = vmp_snapshot_to_xml (b);

  return strcmp (first, second) == 0;
}

gboolean
vmp_snapshot_is_unsafe (VmpSnapshot *self)
{
  return vmp_domain_is_unsafe (self->domain)
         || (self->inactive != NULL && vmp_domain_is_unsafe (self->inactive));
}

void
vmp_snapshot_strip_unsafe (VmpSnapshot *self)
{
  vmp_domain_strip_unsafe (self->domain);
  if (self->inactive != NULL)
    vmp_domain_strip_unsafe (self->inactive);
  drop_unknown_disks (self);
}

const char *
vmp_snapshot_get_name (VmpSnapshot *self)
{
  return vmp_node_find_text (self->root, "name");
}

const char *
vmp_snapshot_get_description (VmpSnapshot *self)
{
  return vmp_node_find_text (self->root, "description");
}

const char *
vmp_snapshot_get_parent (VmpSnapshot *self)
{
  return vmp_node_find_text (self->root, "parent/name");
}

/* NULL makes it a root of the tree. */
void
vmp_snapshot_set_parent (VmpSnapshot *self, const char *parent)
{
  g_return_if_fail (parent == NULL || is_name (parent));

  vmp_node_remove (self->root, "parent");
  if (parent != NULL)
    vmp_node_add (vmp_node_ensure (self->root, "parent"), "name", NULL, NULL, parent);
}

guint64
vmp_snapshot_get_creation_time (VmpSnapshot *self)
{
  return g_ascii_strtoull (vmp_node_find_text (self->root, "creationTime"), NULL, 10);
}

const char *
vmp_snapshot_get_state (VmpSnapshot *self)
{
  return vmp_node_find_text (self->root, "state");
}

/* What the machine was when the snapshot was taken, in the words that vmport has for a machine's
 * state where it has one, else in libvirt's. */
const char *
vmp_snapshot_get_machine_state (VmpSnapshot *self)
{
  const char *state = vmp_snapshot_get_state (self);

  if (strcmp (state, "shutoff") == 0)
    return "off";
  /* A guest that waits for its host runs. */
  if (strcmp (state, "blocked") == 0)
    return "running";
  return state;
}

gboolean
vmp_snapshot_is_current (VmpSnapshot *self)
{
  return g_strcmp0 (vmp_node_find_text (self->root, "active"), "1") == 0;
}

void
vmp_snapshot_set_current (VmpSnapshot *self, gboolean current)
{
  vmp_node_remove (self->root, "active");
  if (current)
    vmp_node_add (self->root, "active", NULL, NULL, "1");
}

VmpSnapshotStorage
vmp_snapshot_get_storage (VmpSnapshot *self)
{
  if (vmp_snapshot_get_memory (self) == VMP_SNAPSHOT_EXTERNAL)
    return VMP_SNAPSHOT_EXTERNAL;
  for (guint i = 0; i < vmp_snapshot_get_n_disks (self); i++)
    if (vmp_snapshot_get_disk_storage (self, i) == VMP_SNAPSHOT_EXTERNAL)
      return VMP_SNAPSHOT_EXTERNAL;
  return VMP_SNAPSHOT_INTERNAL;
}

static VmpSnapshotStorage
storage_of (VmpNode *node, gboolean has_file)
{
  const char *word = vmp_node_get (node, "snapshot");

  if (word == NULL)
    return has_file ? VMP_SNAPSHOT_EXTERNAL : VMP_SNAPSHOT_NONE;
  if (strcmp (word, "internal") == 0)
    return VMP_SNAPSHOT_INTERNAL;
  return strcmp (word, "external") == 0 ? VMP_SNAPSHOT_EXTERNAL : VMP_SNAPSHOT_NONE;
}

VmpSnapshotStorage
vmp_snapshot_get_memory (VmpSnapshot *self)
{
  return storage_of (vmp_node_find (self->root, "memory"), FALSE);
}

const char *
vmp_snapshot_get_memory_path (VmpSnapshot *self)
{
  return vmp_node_get (vmp_node_find (self->root, "memory"), "file");
}

/* Only for external memory. */
void
vmp_snapshot_set_memory_path (VmpSnapshot *self, const char *path)
{
  g_return_if_fail (vmp_snapshot_get_memory (self) == VMP_SNAPSHOT_EXTERNAL);

  if (path == NULL || !vmp_node_set (vmp_node_find (self->root, "memory"), "file", path))
    g_critical ("“%s” is not a path for a snapshot's memory", path);
}

/* What libvirt noted about the memory, as a save file has it; NULL where it noted nothing. */
char *
vmp_snapshot_cookie_to_xml (VmpSnapshot *self)
{
  VmpNode *cookie = vmp_node_find (self->root, "cookie");
  g_autoptr (VmpXmlDoc) doc = cookie != NULL ? vmp_node_to_xml (cookie) : NULL;

  return doc != NULL ? vmp_xml_write (doc, FALSE) : NULL;
}

guint
vmp_snapshot_get_n_disks (VmpSnapshot *self)
{
  VmpNode *disks = vmp_node_find (self->root, "disks");

  return disks != NULL ? disks->children->len : 0;
}

const char *
vmp_snapshot_get_disk_target (VmpSnapshot *self, guint disk)
{
  VmpNode *node = get_disk (self, disk);

  return node != NULL ? vmp_node_get (node, "name") : NULL;
}

static const char *
get_of (VmpNode *node, const char *element, const char *attribute)
{
  VmpNode *child = node != NULL ? vmp_node_find (node, element) : NULL;

  return child != NULL ? vmp_node_get (child, attribute) : NULL;
}

VmpSnapshotStorage
vmp_snapshot_get_disk_storage (VmpSnapshot *self, guint disk)
{
  VmpNode *node = get_disk (self, disk);

  if (node == NULL)
    return VMP_SNAPSHOT_NONE;
  return storage_of (node, get_of (node, "source", "file") != NULL);
}

const char *
vmp_snapshot_get_disk_path (VmpSnapshot *self, guint disk)
{
  return vmp_snapshot_get_disk_storage (self, disk) == VMP_SNAPSHOT_EXTERNAL
             ? get_of (get_disk (self, disk), "source", "file")
             : NULL;
}

const char *
vmp_snapshot_get_disk_format (VmpSnapshot *self, guint disk)
{
  return vmp_snapshot_get_disk_storage (self, disk) == VMP_SNAPSHOT_EXTERNAL
             ? get_of (get_disk (self, disk), "driver", "type")
             : NULL;
}

/* Only for an external disk. */
void
vmp_snapshot_set_disk_image (VmpSnapshot *self, guint disk, const char *path, const char *format)
{
  VmpNode *node = get_disk (self, disk);

  g_return_if_fail (vmp_snapshot_get_disk_storage (self, disk) == VMP_SNAPSHOT_EXTERNAL);

  if (!vmp_node_set (vmp_node_ensure (node, "source"), "file", path)
      || !vmp_node_set (vmp_node_ensure (node, "driver"), "type", format))
    g_critical ("“%s” of format “%s” is no overlay of a snapshot", path, format);
}

/* Where the snapshot has the disk @target of its configuration. */
VmpSnapshotStorage
vmp_snapshot_find_disk_storage (VmpSnapshot *self, const char *target)
{
  for (guint i = 0; i < vmp_snapshot_get_n_disks (self); i++)
    if (g_strcmp0 (vmp_snapshot_get_disk_target (self, i), target) == 0)
      return vmp_snapshot_get_disk_storage (self, i);
  return VMP_SNAPSHOT_NONE;
}

VmpDomain *
vmp_snapshot_get_domain (VmpSnapshot *self)
{
  return self->domain;
}

VmpDomain *
vmp_snapshot_get_inactive_domain (VmpSnapshot *self)
{
  return self->inactive;
}
