/* The package's descriptor: as XML, by its schema. */
#include "config.h"

#include "vmp-package-private.h"

#include <glib/gi18n-lib.h>
#include <libxml/relaxng.h>
#include <string.h>

#include "vmp-error.h"
#include "vmp-model-resources.h"
#include "vmp-name.h"
#include "vmp-xml.h"

#define SCHEMA "/org/vmport/model/vmport-package.rng"

typedef xmlRelaxNGParserCtxt VmpSchemaParser;
G_DEFINE_AUTOPTR_CLEANUP_FUNC (VmpSchemaParser, xmlRelaxNGFreeParserCtxt)
typedef xmlRelaxNGValidCtxt VmpValidator;
G_DEFINE_AUTOPTR_CLEANUP_FUNC (VmpValidator, xmlRelaxNGFreeValidCtxt)

/* The schema is part of the program: one that cannot be read is a fault of the build. */
static xmlRelaxNG *
get_schema (void)
{
  static gsize schema = 0;

  if (g_once_init_enter (&schema))
    {
      g_autoptr (GBytes) bytes = g_resource_lookup_data (vmp_model_get_resource (), SCHEMA,
                                                         G_RESOURCE_LOOKUP_FLAGS_NONE, NULL);
      g_autoptr (VmpSchemaParser) parser = NULL;
      const char *text;
      gsize size;

      if (bytes == NULL)
        g_error ("The package's schema is not in the program");
      text = g_bytes_get_data (bytes, &size);
      parser = xmlRelaxNGNewMemParserCtxt (text, (int) size);
      g_once_init_leave (&schema, (gsize) xmlRelaxNGParse (parser));
    }
  if (schema == 0)
    g_error ("The package's schema cannot be read");
  return (xmlRelaxNG *) schema;
}

typedef struct
{
  char *message; /* the first */
  int line;
} Problem;

static void
on_problem (void *user_data, xmlErrorPtr problem)
{
  Problem *first = user_data;

  if (first->message != NULL)
    return;
  first->message = vmp_name_clean (problem->message != NULL ? problem->message : "", 200);
  first->line = problem->line;
}

static gboolean
validate (xmlDoc *doc, GError **error)
{
  g_autoptr (VmpValidator) validator = xmlRelaxNGNewValidCtxt (get_schema ());
  Problem problem = { NULL };
  int result;

  if (validator == NULL)
    return vmp_error_set (error, VMPORT_ERROR_OUT_OF_MEMORY, _ ("No memory to check %s"),
                          VMP_PACKAGE_DESCRIPTOR);
  xmlRelaxNGSetValidStructuredErrors (validator, on_problem, &problem);
  result = xmlRelaxNGValidateDoc (validator, doc);
  if (result != 0)
    vmp_error_set (error, VMPORT_ERROR_CORRUPT, _ ("%s, line %d: %s"), VMP_PACKAGE_DESCRIPTOR,
                   problem.line,
                   problem.message != NULL ? problem.message : _ ("not as the schema has it"));
  g_free (problem.message);
  return result == 0;
}

static char *
get (xmlNode *xml, const char *name)
{
  xmlChar *value = xmlGetNoNsProp (xml, BAD_CAST name);
  char *copy = g_strdup ((const char *) value);

  xmlFree (value);
  return copy;
}

static xmlNode *
child_element (xmlNode *parent, const char *name)
{
  for (xmlNode *child = parent->children; child != NULL; child = child->next)
    if (child->type == XML_ELEMENT_NODE && strcmp ((const char *) child->name, name) == 0)
      return child;
  return NULL;
}

static gboolean
read_bytes (xmlNode *xml, const char *name, guint64 *bytes, GError **error)
{
  g_autofree char *text = get (xml, name);

  if (!g_ascii_string_to_unsigned (text, 10, 0, G_MAXINT64, bytes, NULL))
    return vmp_error_set (error, VMPORT_ERROR_CORRUPT, _ ("%s, line %ld: “%s” is not a size"),
                          VMP_PACKAGE_DESCRIPTOR, xmlGetLineNo (xml), name);
  return TRUE;
}

static gboolean
read_file (VmpPackage *self, xmlNode *xml, GError **error)
{
  g_autofree char *name = get (xml, "name");
  g_autofree char *role_name = get (xml, "role");
  VmpPackageFile *file;
  VmpRole role;

  if (self->files->len >= VMP_PACKAGE_MAX_FILES)
    return vmp_error_set (error, VMPORT_ERROR_CORRUPT, _ ("%s: it has more than %d files"),
                          VMP_PACKAGE_DESCRIPTOR, VMP_PACKAGE_MAX_FILES);
  if (!vmp_role_from_string (role_name, &role))
    return vmp_error_set (error, VMPORT_ERROR_CORRUPT, _ ("%s, line %ld: the role is unknown"),
                          VMP_PACKAGE_DESCRIPTOR, xmlGetLineNo (xml));
  file = vmp_package_add_file (self, name, role);
  file->verity = get (xml, "verity");
  file->sha256 = get (xml, "sha256");
  return read_bytes (xml, "size", &file->size, error)
         && read_bytes (xml, "allocated", &file->allocated, error);
}

static void
read_images (VmpPackageDisk *disk, xmlNode *xml)
{
  for (xmlNode *child = xml->children; child != NULL; child = child->next)
    if (child->type == XML_ELEMENT_NODE)
      {
        g_autofree char *path = get (child, "path");
        g_autofree char *format = get (child, "format");
        g_autofree char *file = get (child, "file");

        vmp_package_disk_add_image (disk, path, format, file);
      }
}

static void
read_disk (VmpPackage *self, xmlNode *xml)
{
  g_autofree char *target = get (xml, "target");

  read_images (vmp_package_add_disk (self, target), xml);
}

static gboolean
read_snapshot (VmpPackage *self, xmlNode *xml, GError **error)
{
  g_autofree char *name = get (xml, "name");
  g_autofree char *file = get (xml, "file");
  VmpPackageSnapshot *snapshot;

  if (self->snapshots->len >= VMP_PACKAGE_MAX_SNAPSHOTS)
    return vmp_error_set (error, VMPORT_ERROR_CORRUPT, _ ("%s: it has more than %d snapshots"),
                          VMP_PACKAGE_DESCRIPTOR, VMP_PACKAGE_MAX_SNAPSHOTS);
  snapshot = vmp_package_add_snapshot (self, name, file);
  for (xmlNode *child = xml->children; child != NULL; child = child->next)
    {
      g_autofree char *target = NULL;

      if (child->type != XML_ELEMENT_NODE)
        continue;
      if (strcmp ((const char *) child->name, "memory") == 0)
        {
          snapshot->memory_path = get (child, "path");
          snapshot->memory_file = get (child, "file");
          continue;
        }
      target = get (child, "target");
      read_images (vmp_package_snapshot_add_disk (snapshot, target), child);
    }
  return TRUE;
}

/* Reads the descriptor; Corrupt naming line or element for all that is not as the schema and the
 * package's layout have it. */
VmpPackage *
vmp_package_new_from_xml (const char *xml, gsize size, GError **error)
{
  g_autoptr (VmpXmlDoc) doc
      = vmp_xml_parse (xml, size, VMP_PACKAGE_MAX_BYTES, 8, VMP_PACKAGE_DESCRIPTOR, error);
  g_autoptr (VmpPackage) self = NULL;
  g_autofree char *uuid = NULL;
  g_autofree char *name = NULL;
  g_autofree char *state = NULL;
  xmlNode *root, *machine, *snapshots;

  if (doc == NULL || !validate (doc, error))
    return NULL;
  root = xmlDocGetRootElement (doc);
  machine = child_element (root, "machine");
  uuid = get (machine, "uuid");
  name = get (machine, "name");
  state = get (machine, "state");
  self = vmp_package_new ();
  vmp_package_set_machine (self, uuid, name, state);
  for (xmlNode *child = child_element (root, "disks")->children; child != NULL; child = child->next)
    if (child->type == XML_ELEMENT_NODE)
      read_disk (self, child);
  for (xmlNode *child = child_element (root, "files")->children; child != NULL; child = child->next)
    if (child->type == XML_ELEMENT_NODE && !read_file (self, child, error))
      return NULL;
  snapshots = child_element (root, "snapshots");
  for (xmlNode *child = snapshots != NULL ? snapshots->children : NULL; child != NULL;
       child = child->next)
    if (child->type == XML_ELEMENT_NODE && !read_snapshot (self, child, error))
      return NULL;
  return vmp_package_check (self, error) ? g_steal_pointer (&self) : NULL;
}

static void
set (xmlNode *xml, const char *name, const char *value)
{
  if (value != NULL)
    xmlNewNsProp (xml, NULL, BAD_CAST name, BAD_CAST value);
}

static void
set_bytes (xmlNode *xml, const char *name, guint64 bytes)
{
  g_autofree char *text = g_strdup_printf ("%" G_GUINT64_FORMAT, bytes);

  set (xml, name, text);
}

static xmlNode *
add (xmlNode *parent, const char *name)
{
  xmlNode *xml = xmlNewChild (parent, parent->ns, BAD_CAST name, NULL);

  if (xml == NULL)
    g_error ("No memory for an XML element");
  return xml;
}

static void
write_disk (xmlNode *parent, VmpPackageDisk *disk)
{
  xmlNode *xml = add (parent, "disk");

  set (xml, "target", disk->target);
  for (guint i = 0; i < disk->images->len; i++)
    {
      VmpPackageImage *image = g_ptr_array_index (disk->images, i);
      xmlNode *child = add (xml, "image");

      set (child, "path", image->path);
      set (child, "format", image->format);
      set (child, "file", image->file);
    }
}

static void
write_snapshot (xmlNode *snapshots, VmpPackageSnapshot *snapshot)
{
  xmlNode *xml = add (snapshots, "snapshot");

  set (xml, "name", snapshot->name);
  set (xml, "file", snapshot->file);
  if (snapshot->memory_path != NULL)
    {
      xmlNode *memory = add (xml, "memory");

      set (memory, "path", snapshot->memory_path);
      set (memory, "file", snapshot->memory_file);
    }
  for (guint i = 0; i < snapshot->disks->len; i++)
    write_disk (xml, g_ptr_array_index (snapshot->disks, i));
}

static void
write_file (xmlNode *files, VmpPackageFile *file)
{
  xmlNode *xml = add (files, "file");

  set (xml, "name", file->name);
  set (xml, "role", vmp_role_to_string (file->role));
  set_bytes (xml, "size", file->size);
  set_bytes (xml, "allocated", file->allocated);
  set (xml, "verity", file->verity);
  set (xml, "sha256", file->sha256);
}

/* The descriptor as vmport.xml holds it. */
char *
vmp_package_to_xml (VmpPackage *self)
{
  g_autoptr (VmpXmlDoc) doc = xmlNewDoc (BAD_CAST "1.0");
  xmlNode *root = xmlNewDocNode (doc, NULL, BAD_CAST "package", NULL);
  xmlNode *machine, *disks, *snapshots, *files;

  if (root == NULL)
    g_error ("No memory for an XML element");
  xmlDocSetRootElement (doc, root);
  xmlSetNs (root, xmlNewNs (root, BAD_CAST VMP_PACKAGE_NAMESPACE, NULL));
  set (root, "version", "1");
  xmlNewTextChild (root, root->ns, BAD_CAST "generator", BAD_CAST "vmport " PACKAGE_VERSION);
  machine = add (root, "machine");
  set (machine, "uuid", self->uuid);
  set (machine, "name", self->name);
  set (machine, "state", self->state);
  disks = add (root, "disks");
  for (guint i = 0; i < self->disks->len; i++)
    write_disk (disks, g_ptr_array_index (self->disks, i));
  snapshots = self->snapshots->len > 0 ? add (root, "snapshots") : NULL;
  for (guint i = 0; i < self->snapshots->len; i++)
    write_snapshot (snapshots, g_ptr_array_index (self->snapshots, i));
  files = add (root, "files");
  for (guint i = 0; i < self->files->len; i++)
    write_file (files, g_ptr_array_index (self->files, i));
  return vmp_xml_write (doc, TRUE);
}
