/* What a domain's XML may consist of: how the tables of elements and attributes are looked up. */
#include "config.h"

#include "vmp-grammar.h"

#include <string.h>

static const struct
{
  const char *prefix;
  const char *uri;
} namespaces[] = {
  { "vmport", "urn:vmport:metadata:1" },
  { "libosinfo", "http://libosinfo.org/xmlns/libvirt/domain/1.0" },
  { "qemu", "http://libvirt.org/schemas/domain/qemu/1.0" },
};

const char *
vmp_grammar_prefix_to_uri (const char *prefix)
{
  for (gsize i = 0; i < G_N_ELEMENTS (namespaces); i++)
    if (strcmp (namespaces[i].prefix, prefix) == 0)
      return namespaces[i].uri;
  return NULL;
}

const char *
vmp_grammar_uri_to_prefix (const char *uri)
{
  for (gsize i = 0; i < G_N_ELEMENTS (namespaces); i++)
    if (strcmp (namespaces[i].uri, uri) == 0)
      return namespaces[i].prefix;
  return NULL;
}

static gboolean
name_matches (const VmpElement *row, const char *name)
{
  gsize length = strlen (row->name);

  if (strcmp (row->name, name) == 0)
    return TRUE;
  /* "vmport:*" takes every name in that namespace. */
  return length > 1 && row->name[length - 1] == '*' && strncmp (row->name, name, length - 1) == 0;
}

/* TRUE where @row is for that element as far as its name and its condition go. */
static gboolean
row_is_for (const VmpElement *row, const char *name, VmpGrammarGet get, gpointer element)
{
  g_autofree char *value = NULL;
  const char *given;

  if (!name_matches (row, name))
    return FALSE;
  if (row->when == NULL)
    return TRUE;
  given = get (element, row->when);
  value = vmp_value_normalize (VMP_VALUE_WORDS, row->when_words, given != NULL ? given : "");
  return value != NULL;
}

static gboolean
row_takes_text (const VmpElement *row, const char *text)
{
  g_autofree char *normalized = NULL;

  /* What is dropped may say anything, unless its row says what. */
  if ((row->flags & (VMP_GRAMMAR_REFUSE | VMP_GRAMMAR_OPEN)) != 0
      || ((row->flags & VMP_GRAMMAR_DROP) != 0 && row->text == VMP_VALUE_NONE))
    return TRUE;
  normalized = vmp_value_normalize (row->text, row->words, text);
  return normalized != NULL;
}

/* @first: a row that would do but for the text. */
static const VmpElement *
find_row (const VmpElement *rows, const char *name, VmpGrammarGet get, gpointer element,
          const char *text, const VmpElement **first)
{
  for (const VmpElement *row = rows; row != NULL && row->name != NULL; row++)
    {
      const VmpElement *found = NULL;

      if (row->name[0] == '\0')
        found = find_row (row->children, name, get, element, text, first);
      else if (row_is_for (row, name, get, element))
        {
          if (row_takes_text (row, text))
            found = row;
          else if (*first == NULL)
            *first = row;
        }
      if (found != NULL)
        return found;
    }
  return NULL;
}

/* The row for a child of @parent; where conditions hold for several, the first that takes @text,
 * else the first. NULL where no row does. */
const VmpElement *
vmp_grammar_find_child (const VmpElement *parent, const char *name, VmpGrammarGet get,
                        gpointer element, const char *text)
{
  const VmpElement *first = NULL;
  const VmpElement *row = find_row (parent->children, name, get, element, text, &first);

  return row != NULL ? row : first;
}

/* The row for an attribute, and its value as the model keeps it; NULL where no row takes it. */
const VmpAttribute *
vmp_grammar_find_attribute (const VmpElement *element, const char *name, const char *value,
                            char **normalized)
{
  for (const VmpAttribute *row = element->attributes; row != NULL && row->name != NULL; row++)
    {
      g_autofree char *accepted = NULL;

      if (strcmp (row->name, name) != 0)
        continue;
      accepted = vmp_value_normalize (row->type, row->words, value);
      if (accepted == NULL)
        continue;
      if (normalized != NULL)
        *normalized = g_steal_pointer (&accepted);
      return row;
    }
  return NULL;
}

gboolean
vmp_grammar_knows_attribute (const VmpElement *element, const char *name)
{
  for (const VmpAttribute *row = element->attributes; row != NULL && row->name != NULL; row++)
    if (strcmp (row->name, name) == 0)
      return TRUE;
  return FALSE;
}
