/* What QEMU answers, taken apart. */
#include "config.h"

#include "vmp-qmp-answer.h"

#include <glib/gi18n-lib.h>
#include <string.h>

#include "vmp-error.h"

/* The JSON parser calls itself for each level; QEMU's own answers have a dozen. */
#define MAX_DEPTH 64

static gboolean
is_flat_enough (const char *line)
{
  gboolean quoted = FALSE;
  guint depth = 0;

  for (const char *c = line; *c != '\0'; c++)
    {
      if (quoted && *c == '\\' && c[1] != '\0')
        c++;
      else if (*c == '"')
        quoted = !quoted;
      else if (!quoted && (*c == '{' || *c == '['))
        {
          if (++depth > MAX_DEPTH)
            return FALSE;
        }
      else if (!quoted && (*c == '}' || *c == ']') && depth > 0)
        depth--;
    }
  return TRUE;
}

JsonObject *
vmp_qmp_parse (const char *line, GError **error)
{
  g_autoptr (JsonNode) node = NULL;

  if (g_utf8_validate (line, -1, NULL) && is_flat_enough (line))
    node = json_from_string (line, NULL);
  if (node == NULL || !JSON_NODE_HOLDS_OBJECT (node))
    {
      vmp_error_set (error, VMPORT_ERROR_FAILED, _ ("QEMU answers what makes no sense"));
      return NULL;
    }
  return json_object_ref (json_node_get_object (node));
}

const char *
vmp_qmp_get_text (JsonObject *object, const char *key, const char *otherwise)
{
  JsonNode *node = json_object_get_member (object, key);

  if (node == NULL || json_node_get_value_type (node) != G_TYPE_STRING)
    return otherwise;
  return json_node_get_string (node);
}

/* NULL where there is none, or it is no object. */
static JsonObject *
get_element (JsonNode *array, guint index)
{
  JsonNode *node;

  if (!JSON_NODE_HOLDS_ARRAY (array) || index >= json_array_get_length (json_node_get_array (array)))
    return NULL;
  node = json_array_get_element (json_node_get_array (array), index);
  return JSON_NODE_HOLDS_OBJECT (node) ? json_node_get_object (node) : NULL;
}

gboolean
vmp_qmp_find_size (JsonNode *nodes, const char *name, guint64 *size)
{
  JsonObject *node;

  for (guint i = 0; (node = get_element (nodes, i)) != NULL; i++)
    {
      JsonNode *image, *bytes;

      if (strcmp (vmp_qmp_get_text (node, "node-name", ""), name) != 0)
        continue;
      image = json_object_get_member (node, "image");
      bytes = image != NULL && JSON_NODE_HOLDS_OBJECT (image)
                  ? json_object_get_member (json_node_get_object (image), "virtual-size")
                  : NULL;
      if (bytes == NULL || json_node_get_value_type (bytes) != G_TYPE_INT64
          || json_node_get_int (bytes) < 0)
        return FALSE;
      *size = (guint64) json_node_get_int (bytes);
      return TRUE;
    }
  return FALSE;
}

gboolean
vmp_qmp_has_ended (JsonNode *jobs, const char **failure)
{
  JsonObject *job = get_element (jobs, 0);

  if (job == NULL || json_array_get_length (json_node_get_array (jobs)) != 1)
    {
      *failure = _ ("it does not know of the job");
      return TRUE;
    }
  *failure = vmp_qmp_get_text (job, "error", NULL);
  return strcmp (vmp_qmp_get_text (job, "status", ""), "concluded") == 0;
}
