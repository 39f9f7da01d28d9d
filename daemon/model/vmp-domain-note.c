/* A virtual machine's configuration: what vmport itself writes down in its <metadata>.
 *
 *   <metadata><vmport:machine autostart="yes" scope="Lab" job="…"/></metadata>
 *
 * It travels with the configuration, through packages and managers that know nothing of it. */
#include "config.h"

#include <string.h>

#include "vmp-domain-private.h"
#include "vmp-xml.h"

/* Others may have put more into it. */
#define MAX_NOTE_BYTES (64 * 1024)
#define MAX_NOTE_DEPTH 16

static const char *const attributes[] = {
  [VMP_DOMAIN_NOTE_AUTOSTART] = "autostart",
  [VMP_DOMAIN_NOTE_SCOPE] = "scope",
  [VMP_DOMAIN_NOTE_JOB] = "job",
};

/* NULL where there is no such note. */
const char *
vmp_domain_get_note (VmpDomain *self, VmpDomainNote note)
{
  VmpNode *machine = vmp_node_find (self->root, "metadata/vmport:machine");

  return machine != NULL ? vmp_node_get (machine, attributes[note]) : NULL;
}

/* @text NULL takes the note away. */
void
vmp_domain_set_note (VmpDomain *self, VmpDomainNote note, const char *text)
{
  VmpNode *machine = vmp_node_find (self->root, "metadata/vmport:machine");

  if (machine == NULL && text == NULL)
    return;
  if (machine == NULL)
    machine = vmp_node_ensure (vmp_node_ensure (self->root, "metadata"), "vmport:machine");
  if (!vmp_node_set (machine, attributes[note], text))
    g_critical ("“%s” cannot be noted as %s", text, attributes[note]);
  if (machine->attributes->len > 0)
    return;
  vmp_node_remove (vmp_node_find (self->root, "metadata"), "vmport:machine");
  if (vmp_node_find (self->root, "metadata")->children->len == 0)
    vmp_node_remove (self->root, "metadata");
}

/* The element alone, for who writes it into a configuration that he has not read. */
char *
vmp_domain_note_scope_to_xml (const char *scope)
{
  g_autoptr (VmpXmlDoc) doc = xmlNewDoc ((const xmlChar *) "1.0");
  xmlNode *machine = xmlNewDocNode (doc, NULL, (const xmlChar *) "machine", NULL);

  xmlDocSetRootElement (doc, machine);
  xmlNewProp (machine, (const xmlChar *) attributes[VMP_DOMAIN_NOTE_SCOPE],
              (const xmlChar *) scope);
  return vmp_xml_write (doc, FALSE);
}

/* The scope in that element, or NULL. */
char *
vmp_domain_note_scope_from_xml (const char *xml)
{
  g_autoptr (VmpXmlDoc) doc
      = vmp_xml_parse (xml, strlen (xml), MAX_NOTE_BYTES, MAX_NOTE_DEPTH, "metadata", NULL);
  xmlChar *value = doc != NULL ? xmlGetNoNsProp (xmlDocGetRootElement (doc),
                                                 (const xmlChar *) attributes[VMP_DOMAIN_NOTE_SCOPE])
                               : NULL;
  char *scope = g_strdup ((const char *) value);

  xmlFree (value);
  return scope;
}
