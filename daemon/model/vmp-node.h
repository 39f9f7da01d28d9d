/* A tree of elements that the domain grammar knows: the model itself. */
#pragma once

#include <gio/gio.h>
#include <libxml/tree.h>

#include "vmp-grammar.h"

G_BEGIN_DECLS

typedef struct
{
  const VmpAttribute *row; /* NULL within an open element */
  char *name;
  char *value;
} VmpNodeAttribute;

typedef struct
{
  const VmpElement *row;
  char *name;            /* with our prefix */
  char *text;            /* or NULL */
  GPtrArray *attributes; /* of VmpNodeAttribute */
  GPtrArray *children;   /* of VmpNode */
  gboolean unsafe;
} VmpNode;

void vmp_node_free (VmpNode *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (VmpNode, vmp_node_free)

VmpNode *vmp_node_new_from_xml (xmlNode *xml, const VmpElement *row, GPtrArray *findings,
                                GError **error);
xmlDoc *vmp_node_to_xml (VmpNode *self);
VmpNode *vmp_node_copy (VmpNode *self);

#define VMP_NODE_VARIANT_TYPE G_VARIANT_TYPE ("a(usa(ss)s)")
GVariant *vmp_node_to_variant (VmpNode *self);
xmlDoc *vmp_node_variant_to_xml (GVariant *variant, GError **error);

gboolean vmp_node_is_unsafe (VmpNode *self);
void vmp_node_strip_unsafe (VmpNode *self);

const char *vmp_node_get (VmpNode *self, const char *attribute);
gboolean vmp_node_set (VmpNode *self, const char *attribute, const char *value);
gboolean vmp_node_set_text (VmpNode *self, const char *text);
VmpNode *vmp_node_find (VmpNode *self, const char *path);
const char *vmp_node_find_text (VmpNode *self, const char *path);
VmpNode *vmp_node_add (VmpNode *self, const char *name, const char *attribute, const char *value,
                       const char *text);
VmpNode *vmp_node_ensure (VmpNode *self, const char *name);
void vmp_node_remove (VmpNode *self, const char *name);

G_END_DECLS
