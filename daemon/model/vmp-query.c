/* Single facts out of documents that libvirt writes: pools, volumes, capabilities.
 *
 * Where a whole document would need a grammar of its own and only a handful of its values are asked
 * for, they are found by XPath. The expressions are constants of the code. */
#include "config.h"

#include "vmp-query.h"

#include <glib/gi18n-lib.h>
#include <libxml/xpath.h>
#include <string.h>

#include "vmp-error.h"
#include "vmp-xml.h"

/* The capabilities of a host with every machine type of QEMU have some 300 KB. */
#define MAX_BYTES (16 * 1024 * 1024)
#define MAX_DEPTH 64

struct _VmpQuery
{
  VmpXmlDoc *doc;
  xmlXPathContext *context;
};

typedef xmlXPathObject VmpXPathObject;
G_DEFINE_AUTOPTR_CLEANUP_FUNC (VmpXPathObject, xmlXPathFreeObject)

VmpQuery *
vmp_query_new (const char *xml, const char *what, GError **error)
{
  g_autoptr (VmpXmlDoc) doc = vmp_xml_parse (xml, strlen (xml), MAX_BYTES, MAX_DEPTH, what, error);
  xmlXPathContext *context;
  VmpQuery *self;

  if (doc == NULL)
    return NULL;
  context = xmlXPathNewContext (doc);
  if (context == NULL)
    {
      vmp_error_set (error, VMPORT_ERROR_OUT_OF_MEMORY, _ ("No memory to read %s"), what);
      return NULL;
    }
  self = g_new0 (VmpQuery, 1);
  self->doc = g_steal_pointer (&doc);
  self->context = context;
  return self;
}

void
vmp_query_free (VmpQuery *self)
{
  xmlXPathFreeContext (self->context);
  xmlFreeDoc (self->doc);
  g_free (self);
}

/* The texts of all nodes that @xpath finds, in the document's order. */
static GStrv
list_texts (VmpQuery *self, const char *xpath)
{
  g_autoptr (GStrvBuilder) texts = g_strv_builder_new ();
  g_autoptr (VmpXPathObject) found
      = xmlXPathEvalExpression ((const xmlChar *) xpath, self->context);

  g_return_val_if_fail (found != NULL && found->type == XPATH_NODESET, g_new0 (char *, 1));

  for (int i = 0; found->nodesetval != NULL && i < found->nodesetval->nodeNr; i++)
    {
      xmlChar *content = xmlNodeGetContent (found->nodesetval->nodeTab[i]);

      if (content != NULL)
        g_strv_builder_add (texts, (const char *) content);
      xmlFree (content);
    }
  return g_strv_builder_end (texts);
}

/* The first of them, or NULL. */
char *
vmp_query_text (VmpQuery *self, const char *xpath)
{
  g_auto (GStrv) texts = list_texts (self, xpath);

  return g_strdup (texts[0]);
}
