/* libxml2 for documents from outside: bounded, without entities, DTDs, network or XInclude. */
#include "config.h"

#include "vmp-xml.h"

#include <glib/gi18n-lib.h>
#include <libxml/SAX2.h>
#include <libxml/parser.h>
#include <libxml/parserInternals.h>
#include <libxml/xmlsave.h>
#include <string.h>

#include "vmp-error.h"
#include "vmp-name.h"

/* Elements and attributes of one document; libxml2 needs some hundred bytes for each. */
#define MAX_NODES 200000
/* Attributes of one element. libxml2 compares each with each before anyone is asked. */
#define MAX_ATTRIBUTES 256

typedef struct
{
  startElementNsSAX2Func start;
  endElementNsSAX2Func end;
  guint max_depth;
  guint depth;
  guint n_nodes;
  int line;
  char *problem; /* the first, translated */
} Watch;

static void
watch_clear (Watch *watch)
{
  g_clear_pointer (&watch->problem, g_free);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Watch, watch_clear)

typedef xmlParserCtxt VmpXmlParser;
G_DEFINE_AUTOPTR_CLEANUP_FUNC (VmpXmlParser, xmlFreeParserCtxt)

static void
watch_stop (xmlParserCtxt *parser, const char *problem)
{
  Watch *watch = parser->_private;

  if (watch->problem == NULL)
    {
      watch->problem = g_strdup (problem);
      watch->line = parser->input != NULL ? parser->input->line : 0;
    }
  xmlStopParser (parser);
}

static void
on_start (void *ctx, const xmlChar *localname, const xmlChar *prefix, const xmlChar *uri,
          int n_namespaces, const xmlChar **namespaces, int n_attributes, int n_defaulted,
          const xmlChar **attributes)
{
  xmlParserCtxt *parser = ctx;
  Watch *watch = parser->_private;

  if (++watch->depth > watch->max_depth)
    {
      watch_stop (parser, _ ("its elements are nested too deeply"));
      return;
    }
  watch->n_nodes += 1 + (guint) n_namespaces + (guint) n_attributes;
  if (watch->n_nodes > MAX_NODES)
    {
      watch_stop (parser, _ ("it has too many elements and attributes"));
      return;
    }
  watch->start (ctx, localname, prefix, uri, n_namespaces, namespaces, n_attributes, n_defaulted,
                attributes);
}

static void
on_end (void *ctx, const xmlChar *localname, const xmlChar *prefix, const xmlChar *uri)
{
  xmlParserCtxt *parser = ctx;
  Watch *watch = parser->_private;

  watch->depth--;
  watch->end (ctx, localname, prefix, uri);
}

/* Called at "<!DOCTYPE", before anything in it is read. */
static void
on_subset (void *ctx, const xmlChar *name, const xmlChar *external_id, const xmlChar *system_id)
{
  watch_stop (ctx, _ ("a document type declaration is not allowed"));
}

static void
on_problem (void *ctx, xmlErrorPtr problem)
{
  xmlParserCtxt *parser = ctx;
  Watch *watch = parser->_private;

  if (watch->problem != NULL || problem->level < XML_ERR_ERROR)
    return;
  watch->problem = vmp_name_clean (problem->message != NULL ? problem->message : "", 200);
  watch->line = problem->line;
}

/* Past the end of @end, or NULL where it does not come. */
static const char *
skip_past (const char *at, const char *limit, const char *end)
{
  const char *found = memmem (at, (gsize) (limit - at), end, strlen (end));

  return found != NULL ? found + strlen (end) : NULL;
}

static gboolean
starts_with (const char *at, const char *limit, const char *start)
{
  return (gsize) (limit - at) >= strlen (start) && memcmp (at, start, strlen (start)) == 0;
}

/* Past the tag at @at, or NULL where it does not end; counts its quoted values. */
static const char *
skip_tag (const char *at, const char *limit, guint *n_values)
{
  for (*n_values = 0; at < limit && *at != '>'; at++)
    if (*at == '"' || *at == '\'')
      {
        at = memchr (at + 1, *at, (gsize) (limit - at) - 1);
        if (at == NULL || ++*n_values > MAX_ATTRIBUTES)
          return NULL;
      }
  return at < limit ? at + 1 : NULL;
}

/* Looks at the raw text, so that an element with a million attributes never reaches libxml2. Where
 * the text is not well-formed this gives up, since the parser will stop there at the latest. */
static gboolean
has_flood_of_attributes (const char *xml, gsize size)
{
  const char *limit = xml + size;
  guint n_values = 0;

  for (const char *at = xml; at != NULL && n_values <= MAX_ATTRIBUTES;)
    {
      at = memchr (at, '<', (gsize) (limit - at));
      if (at == NULL)
        break;
      if (starts_with (at, limit, "<!--"))
        at = skip_past (at + 4, limit, "-->");
      else if (starts_with (at, limit, "<![CDATA["))
        at = skip_past (at, limit, "]]>");
      else if (starts_with (at, limit, "<?"))
        at = skip_past (at, limit, "?>");
      else
        at = skip_tag (at, limit, &n_values);
    }
  return n_values > MAX_ATTRIBUTES;
}

/* Corrupt where the document is not well-formed, too large or too deep, is not UTF-8, or holds a
 * DTD. @what names it in errors. */
VmpXmlDoc *
vmp_xml_parse (const char *xml, gsize size, gsize max_bytes, guint max_depth, const char *what,
               GError **error)
{
  g_autoptr (VmpXmlParser) parser = NULL;
  g_autoptr (VmpXmlDoc) doc = NULL;
  g_auto (Watch) watch = { .max_depth = max_depth };

  if (size > max_bytes || size > G_MAXINT)
    {
      vmp_error_set (error, VMPORT_ERROR_CORRUPT,
                     _ ("%s has %zu bytes; at most %zu are read"),
                     what, size, max_bytes);
      return NULL;
    }
  if (size == 0)
    {
      vmp_error_set (error, VMPORT_ERROR_CORRUPT, _ ("%s is empty"), what);
      return NULL;
    }
  /* One encoding, whatever the document claims: what is checked here is what libxml2 reads. */
  if (!g_utf8_validate_len (xml, size, NULL))
    {
      vmp_error_set (error, VMPORT_ERROR_CORRUPT, _ ("%s is not UTF-8 text"), what);
      return NULL;
    }

  if (has_flood_of_attributes (xml, size))
    {
      vmp_error_set (error, VMPORT_ERROR_CORRUPT, _ ("%s has an element with too many attributes"),
                     what);
      return NULL;
    }

  parser = xmlNewParserCtxt ();
  if (parser == NULL)
    {
      vmp_error_set (error, VMPORT_ERROR_OUT_OF_MEMORY, _ ("No memory to read %s"), what);
      return NULL;
    }
  watch.start = parser->sax->startElementNs;
  watch.end = parser->sax->endElementNs;
  parser->_private = &watch;
  parser->sax->startElementNs = on_start;
  parser->sax->endElementNs = on_end;
  parser->sax->internalSubset = on_subset;
  parser->sax->externalSubset = on_subset;
  parser->sax->serror = on_problem;
  doc = xmlCtxtReadMemory (parser, xml, (int) size, NULL, "UTF-8",
                           XML_PARSE_NONET | XML_PARSE_NOCDATA);
  parser->_private = NULL;
  if (watch.problem != NULL || doc == NULL || !parser->wellFormed)
    {
      vmp_error_set (error, VMPORT_ERROR_CORRUPT, _ ("%s, line %d: %s"), what, watch.line,
                     watch.problem != NULL ? watch.problem : _ ("not well-formed"));
      return NULL;
    }
  if (xmlDocGetRootElement (doc) == NULL)
    {
      vmp_error_set (error, VMPORT_ERROR_CORRUPT, _ ("%s has no element"), what);
      return NULL;
    }
  return g_steal_pointer (&doc);
}

/* The document as UTF-8 text, indented by two blanks as virsh has it; with or without the XML
 * declaration. */
char *
vmp_xml_write (VmpXmlDoc *doc, gboolean declaration)
{
  xmlBuffer *buffer = xmlBufferCreate ();
  xmlSaveCtxt *writer;
  char *text;

  if (buffer == NULL)
    g_error ("No memory to write XML");
  writer
      = xmlSaveToBuffer (buffer, "UTF-8", XML_SAVE_FORMAT | (declaration ? 0 : XML_SAVE_NO_DECL));
  if (writer == NULL || xmlSaveDoc (writer, doc) < 0 || xmlSaveClose (writer) < 0)
    g_error ("No memory to write XML");
  text = g_strdup ((const char *) xmlBufferContent (buffer));
  xmlBufferFree (buffer);
  return text;
}
