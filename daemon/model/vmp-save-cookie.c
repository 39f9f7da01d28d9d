/* What libvirt notes in a save file beside the configuration: read, and written afresh.
 *
 * It is the CPU as QEMU really had it when the machine was saved, with which it has to be restored,
 * and whether libvirt's own slirp helper served its network. */
#include "config.h"

#include "vmp-save-cookie.h"

#include <glib/gi18n-lib.h>
#include <string.h>

#include "vmp-domain.h"
#include "vmp-error.h"
#include "vmp-node.h"
#include "vmp-xml.h"

#define MAX_BYTES (256 * 1024)
#define MAX_DEPTH 8

/* Fresh XML of all that @xml says; what vmport does not know is Unsafe, for nobody could tell what
 * it would make of the memory to leave it out. */
char *
vmp_save_cookie_rewrite (const char *xml, GError **error)
{
  g_autoptr (GPtrArray) findings
      = g_ptr_array_new_with_free_func ((GDestroyNotify) vmp_unsafe_free);
  g_autoptr (VmpXmlDoc) doc = vmp_xml_parse (xml, strlen (xml), MAX_BYTES, MAX_DEPTH,
                                             _ ("The saved state's cookie"), error);
  g_autoptr (VmpXmlDoc) fresh = NULL;
  g_autoptr (VmpNode) root = NULL;

  if (doc == NULL)
    return NULL;
  root = vmp_node_new_from_xml (xmlDocGetRootElement (doc), vmp_grammar_save_cookie, findings,
                                error);
  if (root == NULL)
    {
      g_prefix_error (error, _ ("The saved state's cookie: "));
      return NULL;
    }
  if (findings->len > 0)
    {
      VmpUnsafe *first = g_ptr_array_index (findings, 0);

      vmp_error_set (error, VMPORT_ERROR_UNSAFE, _ ("The saved state's cookie: %s: %s"),
                     first->location, first->reason);
      return NULL;
    }
  fresh = vmp_node_to_xml (root);
  return vmp_xml_write (fresh, FALSE);
}
