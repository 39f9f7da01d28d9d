/* A virtual machine's configuration: disks that name a volume of a storage pool.
 *
 * The model has files alone. Before it reads a document of libvirt's, every such disk is written
 * anew as a disk of the file that the volume is. */
#include "config.h"

#include "vmp-domain-private.h"

#include <glib/gi18n-lib.h>
#include <string.h>

#include "vmp-error.h"
#include "vmp-snapshot.h"
#include "vmp-xml.h"

static xmlNode *
find_child (xmlNode *parent, const char *name)
{
  for (xmlNode *child = parent->children; child != NULL; child = child->next)
    if (child->type == XML_ELEMENT_NODE && child->ns == NULL
        && strcmp ((const char *) child->name, name) == 0)
      return child;
  return NULL;
}

static gboolean
has_value (xmlNode *node, const char *name, const char *value)
{
  xmlChar *given = xmlGetNoNsProp (node, (const xmlChar *) name);
  gboolean same = given != NULL && strcmp ((const char *) given, value) == 0;

  xmlFree (given);
  return same;
}

static gboolean
resolve_disk (xmlNode *disk, VmpVolumeFunc resolve, gpointer data, GError **error)
{
  xmlNode *source = find_child (disk, "source");
  xmlChar *pool, *volume;
  g_autofree char *path = NULL;

  if (source == NULL)
    return TRUE;
  pool = xmlGetNoNsProp (source, (const xmlChar *) "pool");
  volume = xmlGetNoNsProp (source, (const xmlChar *) "volume");
  if (pool != NULL && volume != NULL)
    path = resolve ((const char *) pool, (const char *) volume, data, error);
  else
    vmp_error_set (error, VMPORT_ERROR_CORRUPT,
                   _ ("A disk of the configuration names no pool or no volume"));
  xmlFree (pool);
  xmlFree (volume);
  if (path == NULL)
    return FALSE;
  xmlUnsetProp (source, (const xmlChar *) "pool");
  xmlUnsetProp (source, (const xmlChar *) "volume");
  xmlUnsetProp (source, (const xmlChar *) "mode");
  xmlSetProp (source, (const xmlChar *) "file", (const xmlChar *) path);
  xmlSetProp (disk, (const xmlChar *) "type", (const xmlChar *) "file");
  return TRUE;
}

static gboolean
resolve_disks (xmlNode *domain, VmpVolumeFunc resolve, gpointer data, GError **error)
{
  xmlNode *devices = domain != NULL ? find_child (domain, "devices") : NULL;

  for (xmlNode *disk = devices != NULL ? devices->children : NULL; disk != NULL; disk = disk->next)
    if (disk->type == XML_ELEMENT_NODE && strcmp ((const char *) disk->name, "disk") == 0
        && has_value (disk, "type", "volume") && !resolve_disk (disk, resolve, data, error))
      return FALSE;
  return TRUE;
}

/* Writes libvirt's @xml anew, with files instead of volumes; NULL with the error of @resolve, which
 * says where a volume is. */
char *
vmp_domain_resolve_volumes (const char *xml, VmpVolumeFunc resolve, gpointer data, GError **error)
{
  g_autoptr (VmpXmlDoc) doc
      = vmp_xml_parse (xml, strlen (xml), VMP_DOMAIN_MAX_BYTES, VMP_DOMAIN_MAX_DEPTH,
                       _ ("The configuration"), error);

  if (doc == NULL || !resolve_disks (xmlDocGetRootElement (doc), resolve, data, error))
    return NULL;
  return vmp_xml_write (doc, FALSE);
}

/* The same for both configurations of a snapshot. */
char *
vmp_snapshot_resolve_volumes (const char *xml, VmpVolumeFunc resolve, gpointer data,
                              GError **error)
{
  g_autoptr (VmpXmlDoc) doc
      = vmp_xml_parse (xml, strlen (xml), VMP_SNAPSHOT_MAX_BYTES, VMP_SNAPSHOT_MAX_DEPTH,
                       _ ("The snapshot"), error);
  xmlNode *root = doc != NULL ? xmlDocGetRootElement (doc) : NULL;

  if (root == NULL || !resolve_disks (find_child (root, "domain"), resolve, data, error)
      || !resolve_disks (find_child (root, "inactiveDomain"), resolve, data, error))
    return NULL;
  return vmp_xml_write (doc, FALSE);
}
