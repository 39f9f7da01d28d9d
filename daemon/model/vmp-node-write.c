/* A tree of elements that the domain grammar knows: as XML and as plain data, and back from that.
 */
#include "config.h"

#include "vmp-node.h"

#include <glib/gi18n-lib.h>
#include <string.h>

#include "vmp-domain.h"
#include "vmp-error.h"
#include "vmp-xml.h"

/* What a document within VMP_DOMAIN_MAX_BYTES can come to, with room for the variant's framing. */
#define MAX_VARIANT_BYTES (4 * VMP_DOMAIN_MAX_BYTES)
#define MAX_VARIANT_NODES 200000
#define MAX_ATTRIBUTES 64

static xmlNs *
find_or_declare_ns (xmlDoc *doc, xmlNode *xml, const char *prefix)
{
  const xmlChar *uri = BAD_CAST vmp_grammar_prefix_to_uri (prefix);
  xmlNs *ns = xmlSearchNsByHref (doc, xml, uri);

  return ns != NULL ? ns : xmlNewNs (xml, uri, BAD_CAST prefix);
}

/* A new element for @name, which may carry a prefix of ours, below @parent. */
static xmlNode *
add_element (xmlDoc *doc, xmlNode *parent, const char *name)
{
  const char *colon = strchr (name, ':');
  xmlNode *xml = xmlNewDocNode (doc, NULL, BAD_CAST (colon != NULL ? colon + 1 : name), NULL);

  if (xml == NULL)
    g_error ("No memory for an XML element");
  if (parent != NULL)
    xmlAddChild (parent, xml);
  else
    xmlDocSetRootElement (doc, xml);
  if (colon != NULL)
    {
      g_autofree char *prefix = g_strndup (name, (gsize) (colon - name));

      xmlSetNs (xml, find_or_declare_ns (doc, xml, prefix));
    }
  return xml;
}

static void
write_node (xmlDoc *doc, xmlNode *parent, VmpNode *self)
{
  xmlNode *xml = add_element (doc, parent, self->name);

  for (guint i = 0; i < self->attributes->len; i++)
    {
      VmpNodeAttribute *attribute = g_ptr_array_index (self->attributes, i);

      xmlNewNsProp (xml, NULL, BAD_CAST attribute->name, BAD_CAST attribute->value);
    }
  if (self->text != NULL)
    xmlAddChild (xml, xmlNewDocText (doc, BAD_CAST self->text));
  for (guint i = 0; i < self->children->len; i++)
    write_node (doc, xml, g_ptr_array_index (self->children, i));
}

/* A fresh document. */
xmlDoc *
vmp_node_to_xml (VmpNode *self)
{
  xmlDoc *doc = xmlNewDoc (BAD_CAST "1.0");

  if (doc == NULL)
    g_error ("No memory for an XML document");
  write_node (doc, NULL, self);
  return doc;
}

static void
write_variant (GVariantBuilder *builder, VmpNode *self, guint depth)
{
  g_variant_builder_open (builder, G_VARIANT_TYPE ("(usa(ss)s)"));
  g_variant_builder_add (builder, "u", depth);
  g_variant_builder_add (builder, "s", self->name);
  g_variant_builder_open (builder, G_VARIANT_TYPE ("a(ss)"));
  for (guint i = 0; i < self->attributes->len; i++)
    {
      VmpNodeAttribute *attribute = g_ptr_array_index (self->attributes, i);

      g_variant_builder_add (builder, "(ss)", attribute->name, attribute->value);
    }
  g_variant_builder_close (builder);
  g_variant_builder_add (builder, "s", self->text != NULL ? self->text : "");
  g_variant_builder_close (builder);
  for (guint i = 0; i < self->children->len; i++)
    write_variant (builder, g_ptr_array_index (self->children, i), depth + 1);
}

/* The tree as a list of elements in the document's order: depth, name, attributes, text. Floating.
 */
GVariant *
vmp_node_to_variant (VmpNode *self)
{
  GVariantBuilder builder;

  g_variant_builder_init (&builder, VMP_NODE_VARIANT_TYPE);
  write_variant (&builder, self, 0);
  return g_variant_builder_end (&builder);
}

static gboolean
is_name (const char *name)
{
  const char *colon = strchr (name, ':');

  if (colon != NULL)
    {
      g_autofree char *prefix = g_strndup (name, (gsize) (colon - name));

      if (vmp_grammar_prefix_to_uri (prefix) == NULL)
        return FALSE;
      name = colon + 1;
    }
  return strlen (name) <= 255 && xmlValidateNCName (BAD_CAST name, 0) == 0;
}

static gboolean
add_attributes (xmlNode *xml, GVariant *attributes)
{
  gsize n = g_variant_n_children (attributes);

  if (n > MAX_ATTRIBUTES)
    return FALSE;
  for (gsize i = 0; i < n; i++)
    {
      const char *name, *value;

      g_variant_get_child (attributes, i, "(&s&s)", &name, &value);
      if (xmlValidateNCName (BAD_CAST name, 0) != 0 || xmlHasProp (xml, BAD_CAST name) != NULL)
        return FALSE;
      xmlNewNsProp (xml, NULL, BAD_CAST name, BAD_CAST value);
    }
  return TRUE;
}

/* The tree that @variant lists, not yet checked against the grammar. */
xmlDoc *
vmp_node_variant_to_xml (GVariant *variant, GError **error)
{
  g_autoptr (VmpXmlDoc) doc = NULL;
  xmlNode *last = NULL;
  guint last_depth = 0;
  gsize n;

  if (!g_variant_is_of_type (variant, VMP_NODE_VARIANT_TYPE)
      || g_variant_get_size (variant) > MAX_VARIANT_BYTES || !g_variant_is_normal_form (variant))
    {
      vmp_error_set (error, VMPORT_ERROR_CORRUPT, _ ("The configuration's data is malformed"));
      return NULL;
    }
  n = g_variant_n_children (variant);
  if (n == 0 || n > MAX_VARIANT_NODES)
    {
      vmp_error_set (error, VMPORT_ERROR_CORRUPT,
                     _ ("The configuration's data has %zu elements"), n);
      return NULL;
    }
  doc = xmlNewDoc (BAD_CAST "1.0");
  for (gsize i = 0; i < n; i++)
    {
      g_autoptr (GVariant) attributes = NULL;
      const char *name, *text;
      xmlNode *parent = last;
      guint depth;

      g_variant_get_child (variant, i, "(u&s@a(ss)&s)", &depth, &name, &attributes, &text);
      if (!is_name (name) || depth >= VMP_DOMAIN_MAX_DEPTH
          || (i == 0 ? depth != 0 : depth == 0 || depth > last_depth + 1))
        {
          vmp_error_set (error, VMPORT_ERROR_CORRUPT,
                         _ ("The configuration's data is malformed at element %zu"),
                         i);
          return NULL;
        }
      for (guint up = depth; up <= last_depth && i > 0; up++)
        parent = parent->parent;
      last = add_element (doc, i > 0 ? parent : NULL, name);
      last_depth = depth;
      if (!add_attributes (last, attributes))
        {
          vmp_error_set (error, VMPORT_ERROR_CORRUPT,
                         _ ("The configuration's data has malformed attributes at element %zu"),
                         i);
          return NULL;
        }
      if (text[0] != '\0')
        xmlAddChild (last, xmlNewDocText (doc, BAD_CAST text));
    }
  return g_steal_pointer (&doc);
}
