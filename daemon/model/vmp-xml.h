/* libxml2 for documents from outside: bounded, without entities, DTDs, network or XInclude. */
#pragma once

#include <gio/gio.h>
#include <libxml/tree.h>

G_BEGIN_DECLS

typedef xmlDoc VmpXmlDoc;
G_DEFINE_AUTOPTR_CLEANUP_FUNC (VmpXmlDoc, xmlFreeDoc)

/* Corrupt where the document is not well-formed, too large or too deep, or holds a DTD. @what
 * names it in errors. */
VmpXmlDoc *vmp_xml_parse (const char *xml, gsize size, gsize max_bytes, guint max_depth,
                          const char *what, GError **error);
char *vmp_xml_write (VmpXmlDoc *doc, gboolean declaration);

G_END_DECLS
