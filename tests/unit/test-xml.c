/* vmp_xml_parse(): documents that attack the parser are refused, quickly and in silence. */
#include <string.h>

#include "vmp-domain.h"
#include "vmp-xml.h"
#include "vmport-error.h"

#define MAX_BYTES (4 * 1024 * 1024)
#define MAX_DEPTH 64

static void
assert_refused (const char *xml, gsize size, const char *part)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (VmpXmlDoc) doc = vmp_xml_parse (xml, size, MAX_BYTES, MAX_DEPTH, "the thing", &error);

  g_assert_null (doc);
  g_assert_error (error, VMPORT_ERROR, VMPORT_ERROR_CORRUPT);
  g_test_message ("%s", error->message);
  g_assert_nonnull (strstr (error->message, "the thing"));
  g_assert_nonnull (strstr (error->message, part));
  g_assert_null (strchr (error->message, '\n'));
}

static const struct
{
  const char *what;
  const char *xml;
  const char *part; /* of the message */
} refused[] = {
  { "billion-laughs",
    "<?xml version='1.0'?><!DOCTYPE a [<!ENTITY a 'ha'><!ENTITY b '&a;&a;&a;'>]><a>&b;</a>",
    "document type" },
  { "xxe", "<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/passwd'>]>\n<a>&x;</a>", "document type" },
  { "external-dtd", "<!DOCTYPE a SYSTEM 'http://127.0.0.1:1/x.dtd'><a/>", "document type" },
  { "public-dtd", "<!DOCTYPE a PUBLIC '-//X//Y' 'http://127.0.0.1:1/x.dtd'><a/>", "document type" },
  { "parameter-entity", "<!DOCTYPE a [<!ENTITY % p SYSTEM 'file:///etc/passwd'>%p;]><a/>",
    "document type" },
  { "empty-doctype", "<!DOCTYPE a><a/>", "document type" },
  { "undefined-entity", "<a>&nothing;</a>", "line 1" },
  { "not-closed", "<a>\n<b></a>", "line 2" },
  { "two-roots", "<a/><b/>", "line 1" },
  { "no-element", "<?xml version='1.0'?>", "the thing" },
  { "not-xml", "hello", "line 1" },
  { "blank", " ", "the thing" },
  { "empty", "", "empty" },
  { "bytes", "<a>\xff\xfe</a>", "UTF-8" },
  { "control-character", "<a>\x01</a>", "line 1" },
  { "duplicate-attribute", "<a b='1' b='2'/>", "line 1" },
  { "unbound-prefix", "<x:a/>", "line 1" },
};

static void
test_refused (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (refused); i++)
    {
      g_test_message ("%s", refused[i].what);
      assert_refused (refused[i].xml, strlen (refused[i].xml), refused[i].part);
    }
}

static void
test_nul (void)
{
  assert_refused ("<a>\0</a>", 8, "UTF-8");
}

static char *
nested (guint depth)
{
  GString *xml = g_string_new (NULL);

  for (guint i = 0; i < depth; i++)
    g_string_append (xml, "<a>");
  for (guint i = 0; i < depth; i++)
    g_string_append (xml, "</a>");
  return g_string_free (xml, FALSE);
}

static void
test_depth (void)
{
  g_autofree char *deep = nested (MAX_DEPTH + 1);
  g_autofree char *very_deep = nested (100000);
  g_autofree char *fine = nested (MAX_DEPTH);
  g_autoptr (GError) error = NULL;
  g_autoptr (VmpXmlDoc) doc = NULL;

  assert_refused (deep, strlen (deep), "nested");
  assert_refused (very_deep, strlen (very_deep), "nested");
  doc = vmp_xml_parse (fine, strlen (fine), MAX_BYTES, MAX_DEPTH, "the thing", &error);
  g_assert_no_error (error);
  g_assert_nonnull (doc);
}

static void
test_size (void)
{
  g_autofree char *xml = g_strnfill (5 * 1024 * 1024, ' ');

  memcpy (xml, "<a>", 3);
  memcpy (xml + strlen (xml) - 4, "</a>", 4);
  assert_refused (xml, strlen (xml), "bytes");
}

/* Within the limit of bytes, and still more elements, or attributes of one, than anyone has. */
static void
test_many (void)
{
  g_autoptr (GString) elements = g_string_new ("<r>");
  g_autoptr (GString) attributes = g_string_new ("<r");
  gint64 start = g_get_monotonic_time ();

  while (elements->len < MAX_BYTES - 100)
    g_string_append (elements, "<a/>");
  g_string_append (elements, "</r>");
  assert_refused (elements->str, elements->len, "too many");

  for (guint i = 0; attributes->len < MAX_BYTES - 100; i++)
    g_string_append_printf (attributes, " a%x=''", i);
  g_string_append (attributes, "/>");
  assert_refused (attributes->str, attributes->len, "too many");
  g_test_message ("%" G_GINT64_FORMAT " µs", g_get_monotonic_time () - start);
  g_assert_cmpint (g_get_monotonic_time () - start, <, 20 * G_USEC_PER_SEC);
}

static void
test_text (void)
{
  const char *xml = "<a b='x &amp; &#x41; &lt;'><![CDATA[<raw>]]> &gt; tail</a>";
  g_autoptr (GError) error = NULL;
  g_autoptr (VmpXmlDoc) doc
      = vmp_xml_parse (xml, strlen (xml), MAX_BYTES, MAX_DEPTH, "the thing", &error);
  g_autofree char *written = NULL;

  g_assert_no_error (error);
  written = vmp_xml_write (doc, TRUE);
  g_assert_cmpstr (written, ==,
                   "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
                   "<a b=\"x &amp; A &lt;\">&lt;raw&gt; &gt; tail</a>\n");
}

/* The claimed encoding is not what counts. */
static void
test_encoding (void)
{
  const char *xml = "<?xml version='1.0' encoding='ISO-8859-1'?><a>\xc3\xa4</a>";
  g_autoptr (VmpXmlDoc) doc
      = vmp_xml_parse (xml, strlen (xml), MAX_BYTES, MAX_DEPTH, "the thing", NULL);
  g_autofree char *written = NULL;

  g_assert_nonnull (doc);
  written = vmp_xml_write (doc, FALSE);
  g_assert_cmpstr (written, ==, "<a>\xc3\xa4</a>\n");
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/xml/refused", test_refused);
  g_test_add_func ("/xml/nul", test_nul);
  g_test_add_func ("/xml/depth", test_depth);
  g_test_add_func ("/xml/size", test_size);
  g_test_add_func ("/xml/many", test_many);
  g_test_add_func ("/xml/text", test_text);
  g_test_add_func ("/xml/encoding", test_encoding);
  return g_test_run ();
}
