/* A tree of elements that the domain grammar knows: built from XML, and XML built from it. */
#include "config.h"

#include "vmp-node.h"

#include <glib/gi18n-lib.h>
#include <string.h>

#include "vmp-domain.h"
#include "vmp-error.h"
#include "vmp-name.h"

/* More are not findings but a flood. */
#define MAX_FINDINGS 256
#define MAX_OPEN_BYTES 65536
#define MAX_ATTRIBUTES 64
#define MAX_LOCATION 300

static void
attribute_free (VmpNodeAttribute *attribute)
{
  g_free (attribute->name);
  g_free (attribute->value);
  g_free (attribute);
}

static void
add_attribute (VmpNode *self, const VmpAttribute *row, const char *name, const char *value)
{
  VmpNodeAttribute *attribute = g_new0 (VmpNodeAttribute, 1);

  attribute->row = row;
  attribute->name = g_strdup (name);
  attribute->value = g_strdup (value);
  g_ptr_array_add (self->attributes, attribute);
}

static VmpNode *
node_new (const VmpElement *row, const char *name)
{
  VmpNode *self = g_new0 (VmpNode, 1);

  self->row = row;
  self->name = g_strdup (name);
  self->attributes = g_ptr_array_new_with_free_func ((GDestroyNotify) attribute_free);
  self->children = g_ptr_array_new_with_free_func ((GDestroyNotify) vmp_node_free);
  return self;
}

void
vmp_node_free (VmpNode *self)
{
  g_free (self->name);
  g_free (self->text);
  g_ptr_array_unref (self->attributes);
  g_ptr_array_unref (self->children);
  g_free (self);
}

/* Building from XML. */

typedef struct
{
  GPtrArray *findings; /* of VmpUnsafe */
  gsize open_bytes;    /* in open elements so far */
  GError *error;
} Build;

/* The name with our prefix for its namespace, or NULL for a foreign one. */
static char *
qualified_name (xmlNode *xml)
{
  const char *prefix;

  if (xml->ns == NULL)
    return g_strdup ((const char *) xml->name);
  prefix = vmp_grammar_uri_to_prefix ((const char *) xml->ns->href);
  return prefix != NULL ? g_strdup_printf ("%s:%s", prefix, (const char *) xml->name) : NULL;
}

static char *
step_to (xmlNode *xml)
{
  g_autofree char *name = qualified_name (xml);
  const char *shown = name != NULL ? name : (const char *) xml->name;
  guint position = 1, count = 0;

  for (xmlNode *sibling = xml->parent->children; sibling != NULL; sibling = sibling->next)
    if (sibling->type == XML_ELEMENT_NODE && xmlStrEqual (sibling->name, xml->name))
      {
        count++;
        if (sibling == xml)
          position = count;
      }
  return count > 1 ? g_strdup_printf ("%s[%u]", shown, position) : g_strdup (shown);
}

/* An XPath-like place below the root: "devices/hostdev[2]/source/@dev". */
static char *
location (xmlNode *xml, const char *attribute)
{
  g_autoptr (GString) path = g_string_new (NULL);

  for (xmlNode *at = xml; at->parent != NULL && at->parent->type == XML_ELEMENT_NODE;
       at = at->parent)
    {
      g_autofree char *step = step_to (at);

      if (path->len > 0)
        g_string_prepend_c (path, '/');
      g_string_prepend (path, step);
    }
  if (attribute != NULL)
    g_string_append_printf (path, "%s@%s", path->len > 0 ? "/" : "", attribute);
  /* Names are the document's, and go into messages. */
  return vmp_name_clean (path->str, MAX_LOCATION);
}

static void
report (Build *build, xmlNode *xml, const char *attribute, const char *reason, gboolean keepable)
{
  VmpUnsafe *unsafe;

  if (build->error != NULL)
    return;
  if (build->findings->len >= MAX_FINDINGS)
    {
      build->error = g_error_new (VMPORT_ERROR, VMPORT_ERROR_UNSAFE,
                                  _ ("More than %u parts of the configuration are unknown or reach "
                                     "into the host"),
                                  MAX_FINDINGS);
      return;
    }
  unsafe = g_new0 (VmpUnsafe, 1);
  unsafe->location = location (xml, attribute);
  unsafe->reason = g_strdup (reason);
  unsafe->keepable = keepable;
  g_ptr_array_add (build->findings, unsafe);
}

static const char *
reason_of (const char *reason)
{
  return reason != NULL ? _ (reason) : _ ("It reaches into the host.");
}

static const char *
get_xml_attribute (gpointer element, const char *name)
{
  xmlNode *xml = element;

  for (xmlAttr *attr = xml->properties; attr != NULL; attr = attr->next)
    if (attr->ns == NULL && strcmp ((const char *) attr->name, name) == 0)
      return attr->children == NULL ? "" : (const char *) attr->children->content;
  return NULL;
}

/* An attribute's value where it is one piece of text: without entities it always is. */
static const char *
attribute_value (xmlAttr *attr)
{
  if (attr->children == NULL)
    return "";
  if (attr->children->next != NULL || attr->children->type != XML_TEXT_NODE)
    return NULL;
  return (const char *) attr->children->content;
}

static char *
own_text (xmlNode *xml)
{
  GString *text = g_string_new (NULL);

  for (xmlNode *child = xml->children; child != NULL; child = child->next)
    if ((child->type == XML_TEXT_NODE || child->type == XML_CDATA_SECTION_NODE)
        && child->content != NULL)
      g_string_append (text, (const char *) child->content);
  return g_string_free (text, FALSE);
}

static gboolean
has_element (xmlNode *xml)
{
  for (xmlNode *child = xml->children; child != NULL; child = child->next)
    if (child->type == XML_ELEMENT_NODE)
      return TRUE;
  return FALSE;
}

static void
build_attributes (Build *build, VmpNode *self, xmlNode *xml)
{
  for (xmlAttr *attr = xml->properties; attr != NULL && build->error == NULL; attr = attr->next)
    {
      const char *name = (const char *) attr->name;
      const char *value = attribute_value (attr);
      g_autofree char *normalized = NULL;
      const VmpAttribute *row;

      if (attr->ns != NULL || value == NULL || !vmp_grammar_knows_attribute (self->row, name))
        {
          report (build, xml, name, _ ("The attribute is not one that vmport knows."), FALSE);
          continue;
        }
      row = vmp_grammar_find_attribute (self->row, name, value, &normalized);
      if (row == NULL || (row->flags & VMP_GRAMMAR_REFUSE) != 0)
        {
          report (build, xml, name,
                  row != NULL && row->reason != NULL
                      ? _ (row->reason)
                      : _ ("The attribute has a value that is not allowed."),
                  FALSE);
          continue;
        }
      if ((row->flags & VMP_GRAMMAR_DROP) != 0)
        continue;
      if ((row->flags & VMP_GRAMMAR_UNSAFE) != 0)
        report (build, xml, name, reason_of (row->reason), TRUE);
      add_attribute (self, row, name, normalized);
    }
}

/* Whatever stands in vmport's own namespace, as long as it is small; the model does not read it. */
static VmpNode *
build_open (Build *build, xmlNode *xml, const VmpElement *row, const char *name)
{
  g_autoptr (VmpNode) self = node_new (row, name);
  g_autofree char *text = own_text (xml);
  g_autofree char *normalized = NULL;

  build->open_bytes += strlen (name) + strlen (text);
  for (xmlAttr *attr = xml->properties; attr != NULL; attr = attr->next)
    {
      const char *value = attribute_value (attr);
      g_autofree char *line
          = value != NULL ? vmp_value_normalize (VMP_VALUE_LINE, NULL, value) : NULL;

      if (attr->ns != NULL || line == NULL || self->attributes->len >= MAX_ATTRIBUTES)
        {
          report (build, xml, (const char *) attr->name,
                  _ ("The attribute has a value that is not allowed."), FALSE);
          return NULL;
        }
      build->open_bytes += strlen ((const char *) attr->name) + strlen (line);
      add_attribute (self, NULL, (const char *) attr->name, line);
    }
  normalized
      = vmp_value_normalize (has_element (xml) ? VMP_VALUE_NONE : VMP_VALUE_TEXT, NULL, text);
  if (normalized == NULL || build->open_bytes > MAX_OPEN_BYTES)
    {
      report (build, xml, NULL, _ ("The metadata is too large, or not plain text."), FALSE);
      return NULL;
    }
  self->text = normalized[0] != '\0' ? g_steal_pointer (&normalized) : NULL;
  for (xmlNode *child = xml->children; child != NULL; child = child->next)
    {
      g_autofree char *child_name = NULL;
      VmpNode *node;

      if (child->type != XML_ELEMENT_NODE)
        continue;
      child_name = qualified_name (child);
      if (child_name == NULL || child->ns == NULL || !xmlStrEqual (child->ns->href, xml->ns->href))
        {
          report (build, child, NULL, _ ("The metadata is not vmport's own."), FALSE);
          return NULL;
        }
      node = build_open (build, child, row, child_name);
      if (node == NULL)
        return NULL;
      g_ptr_array_add (self->children, node);
    }
  return g_steal_pointer (&self);
}

static gboolean
says_nothing (VmpNode *self)
{
  return (self->row->flags & VMP_GRAMMAR_PRUNE) != 0 && self->text == NULL
         && self->attributes->len == 0 && self->children->len == 0;
}

static VmpNode *build_node (Build *build, xmlNode *xml, const VmpElement *row, const char *name);

static gboolean
is_repeated (VmpNode *self, const char *name, const VmpElement *row)
{
  if ((row->flags & VMP_GRAMMAR_MANY) != 0)
    return FALSE;
  for (guint i = 0; i < self->children->len; i++)
    if (strcmp (((VmpNode *) g_ptr_array_index (self->children, i))->name, name) == 0)
      return TRUE;
  return FALSE;
}

/* FALSE where @child takes @self with it. */
static gboolean
build_child (Build *build, VmpNode *self, xmlNode *xml, xmlNode *child)
{
  g_autofree char *name = qualified_name (child);
  g_autofree char *text = own_text (child);
  const VmpElement *row = NULL;
  VmpNode *node;

  if (name != NULL)
    row = vmp_grammar_find_child (self->row, name, get_xml_attribute, child, text);
  if (row == NULL)
    {
      report (build, child, NULL, _ ("The element is not one that vmport knows."), FALSE);
      return TRUE;
    }
  if ((row->flags & VMP_GRAMMAR_DROP) != 0)
    return TRUE;
  if ((row->flags & VMP_GRAMMAR_REFUSE) != 0)
    {
      gboolean whole = (row->flags & VMP_GRAMMAR_WITH_PARENT) != 0;

      report (build, whole ? xml : child, NULL, reason_of (row->reason), FALSE);
      return !whole;
    }
  if (is_repeated (self, name, row))
    {
      g_autofree char *place = location (child, NULL);

      if (build->error == NULL)
        build->error = g_error_new (VMPORT_ERROR, VMPORT_ERROR_CORRUPT,
                                    _ ("“%s” of the configuration may stand only once"), place);
      return TRUE;
    }
  if ((row->flags & VMP_GRAMMAR_UNSAFE) != 0)
    {
      gboolean whole = (row->flags & VMP_GRAMMAR_WITH_PARENT) != 0;

      report (build, whole ? xml : child, NULL, reason_of (row->reason), TRUE);
      self->unsafe = self->unsafe || whole;
    }
  node = build_node (build, child, row, name);
  if (node == NULL)
    return TRUE;
  node->unsafe
      = node->unsafe
        || (row->flags & (VMP_GRAMMAR_UNSAFE | VMP_GRAMMAR_WITH_PARENT)) == VMP_GRAMMAR_UNSAFE;
  if (says_nothing (node))
    vmp_node_free (node);
  else
    g_ptr_array_add (self->children, node);
  return TRUE;
}

/* NULL where nothing of it is kept; what was left out has been reported. */
static VmpNode *
build_node (Build *build, xmlNode *xml, const VmpElement *row, const char *name)
{
  g_autoptr (VmpNode) self = NULL;
  g_autofree char *text = NULL;
  g_autofree char *normalized = NULL;

  if ((row->flags & VMP_GRAMMAR_OPEN) != 0)
    return build_open (build, xml, row, name);
  self = node_new (row, name);
  build_attributes (build, self, xml);
  text = own_text (xml);
  normalized = vmp_value_normalize (row->text, row->words, text);
  if (normalized == NULL)
    {
      report (build, xml, NULL, _ ("The element has a content that is not allowed."), FALSE);
      return NULL;
    }
  self->text = normalized[0] != '\0' ? g_steal_pointer (&normalized) : NULL;
  for (xmlNode *child = xml->children; child != NULL && build->error == NULL; child = child->next)
    {
      if (child->type == XML_ENTITY_REF_NODE)
        report (build, xml, NULL, _ ("The element has a content that is not allowed."), FALSE);
      if (child->type == XML_ELEMENT_NODE && !build_child (build, self, xml, child))
        return NULL;
    }
  return g_steal_pointer (&self);
}

/* Builds the tree below @xml, whose row is @row, and adds to @findings (of VmpUnsafe) what is not
 * in it or is marked in it. NULL with @error for what cannot be a configuration at all. */
VmpNode *
vmp_node_new_from_xml (xmlNode *xml, const VmpElement *row, GPtrArray *findings, GError **error)
{
  Build build = { .findings = findings };
  g_autofree char *name = qualified_name (xml);
  g_autoptr (VmpNode) self = NULL;

  if (g_strcmp0 (name, row->name) != 0)
    {
      vmp_error_set (error, VMPORT_ERROR_CORRUPT, _ ("The configuration's root is not <%s>"),
                     row->name);
      return NULL;
    }
  self = build_node (&build, xml, row, name);
  if (build.error != NULL)
    {
      g_propagate_error (error, build.error);
      return NULL;
    }
  if (self == NULL)
    {
      vmp_error_set (error, VMPORT_ERROR_CORRUPT,
                     _ ("The configuration has text where elements belong"));
      return NULL;
    }
  return g_steal_pointer (&self);
}

VmpNode *
vmp_node_copy (VmpNode *self)
{
  VmpNode *copy = node_new (self->row, self->name);

  copy->text = g_strdup (self->text);
  copy->unsafe = self->unsafe;
  for (guint i = 0; i < self->attributes->len; i++)
    {
      VmpNodeAttribute *attribute = g_ptr_array_index (self->attributes, i);

      add_attribute (copy, attribute->row, attribute->name, attribute->value);
    }
  for (guint i = 0; i < self->children->len; i++)
    g_ptr_array_add (copy->children, vmp_node_copy (g_ptr_array_index (self->children, i)));
  return copy;
}

static gboolean
attribute_is_unsafe (VmpNodeAttribute *attribute)
{
  return attribute->row != NULL && (attribute->row->flags & VMP_GRAMMAR_UNSAFE) != 0;
}

gboolean
vmp_node_is_unsafe (VmpNode *self)
{
  if (self->unsafe)
    return TRUE;
  for (guint i = 0; i < self->attributes->len; i++)
    if (attribute_is_unsafe (g_ptr_array_index (self->attributes, i)))
      return TRUE;
  for (guint i = 0; i < self->children->len; i++)
    if (vmp_node_is_unsafe (g_ptr_array_index (self->children, i)))
      return TRUE;
  return FALSE;
}

/* Removes what is unsafe below @self; @self itself stays. */
void
vmp_node_strip_unsafe (VmpNode *self)
{
  for (guint i = self->attributes->len; i-- > 0;)
    if (attribute_is_unsafe (g_ptr_array_index (self->attributes, i)))
      g_ptr_array_remove_index (self->attributes, i);
  for (guint i = self->children->len; i-- > 0;)
    {
      VmpNode *child = g_ptr_array_index (self->children, i);

      if (!child->unsafe)
        vmp_node_strip_unsafe (child);
      if (child->unsafe || says_nothing (child))
        g_ptr_array_remove_index (self->children, i);
    }
}

/* Reading and changing. */

static VmpNodeAttribute *
find_attribute (VmpNode *self, const char *name)
{
  for (guint i = 0; i < self->attributes->len; i++)
    {
      VmpNodeAttribute *attribute = g_ptr_array_index (self->attributes, i);

      if (strcmp (attribute->name, name) == 0)
        return attribute;
    }
  return NULL;
}

const char *
vmp_node_get (VmpNode *self, const char *name)
{
  VmpNodeAttribute *attribute = find_attribute (self, name);

  return attribute != NULL ? attribute->value : NULL;
}

/* Sets an attribute, or removes it where @value is NULL. FALSE where the grammar does not take the
 * value. */
gboolean
vmp_node_set (VmpNode *self, const char *name, const char *value)
{
  VmpNodeAttribute *attribute = find_attribute (self, name);
  g_autofree char *normalized = NULL;
  const VmpAttribute *row;

  if (value == NULL)
    {
      if (attribute != NULL)
        g_ptr_array_remove (self->attributes, attribute);
      return TRUE;
    }
  row = vmp_grammar_find_attribute (self->row, name, value, &normalized);
  if (row == NULL || (row->flags & (VMP_GRAMMAR_DROP | VMP_GRAMMAR_REFUSE)) != 0)
    return FALSE;
  if (attribute == NULL)
    {
      add_attribute (self, row, name, normalized);
      return TRUE;
    }
  attribute->row = row;
  g_free (attribute->value);
  attribute->value = g_steal_pointer (&normalized);
  return TRUE;
}

gboolean
vmp_node_set_text (VmpNode *self, const char *text)
{
  g_autofree char *normalized
      = vmp_value_normalize (self->row->text, self->row->words, text != NULL ? text : "");

  if (text == NULL)
    g_clear_pointer (&self->text, g_free);
  else if (normalized != NULL)
    {
      g_free (self->text);
      self->text = g_steal_pointer (&normalized);
    }
  else
    return FALSE;
  return TRUE;
}

static VmpNode *
find_child (VmpNode *self, const char *name, gsize length)
{
  for (guint i = 0; i < self->children->len; i++)
    {
      VmpNode *child = g_ptr_array_index (self->children, i);

      if (strlen (child->name) == length && strncmp (child->name, name, length) == 0)
        return child;
    }
  return NULL;
}

/* The first element at @path ("os/loader") below @self, or NULL. */
VmpNode *
vmp_node_find (VmpNode *self, const char *path)
{
  VmpNode *at = self;

  for (const char *name = path; at != NULL && name != NULL;)
    {
      const char *slash = strchr (name, '/');

      at = find_child (at, name, slash != NULL ? (gsize) (slash - name) : strlen (name));
      name = slash != NULL ? slash + 1 : NULL;
    }
  return at;
}

const char *
vmp_node_find_text (VmpNode *self, const char *path)
{
  VmpNode *node = vmp_node_find (self, path);

  return node != NULL ? node->text : NULL;
}

typedef struct
{
  const char *name;
  const char *value;
} Given;

static const char *
get_given (gpointer element, const char *name)
{
  Given *given = element;

  return g_strcmp0 (given->name, name) == 0 ? given->value : NULL;
}

/* Adds a child with at most one attribute and a text, after all others. NULL where the grammar does
 * not take it. */
VmpNode *
vmp_node_add (VmpNode *self, const char *name, const char *attribute, const char *value,
              const char *text)
{
  Given given = { attribute, value };
  const VmpElement *row
      = vmp_grammar_find_child (self->row, name, get_given, &given, text != NULL ? text : "");
  g_autoptr (VmpNode) child = NULL;

  if (row == NULL || (row->flags & (VMP_GRAMMAR_DROP | VMP_GRAMMAR_REFUSE)) != 0)
    return NULL;
  child = node_new (row, name);
  if (attribute != NULL && !vmp_node_set (child, attribute, value))
    return NULL;
  if (text != NULL && !vmp_node_set_text (child, text))
    return NULL;
  g_ptr_array_add (self->children, child);
  return g_steal_pointer (&child);
}

VmpNode *
vmp_node_ensure (VmpNode *self, const char *name)
{
  VmpNode *child = vmp_node_find (self, name);

  return child != NULL ? child : vmp_node_add (self, name, NULL, NULL, NULL);
}

void
vmp_node_remove (VmpNode *self, const char *name)
{
  for (guint i = self->children->len; i-- > 0;)
    if (strcmp (((VmpNode *) g_ptr_array_index (self->children, i))->name, name) == 0)
      g_ptr_array_remove_index (self->children, i);
}
