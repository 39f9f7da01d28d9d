/* What QEMU answers, taken apart. It works on images of anybody's, so what it says is data from outside:
 * whatever has another form than it should is as if it were not there. */
#pragma once

#include <gio/gio.h>
#include <json-glib/json-glib.h>

G_BEGIN_DECLS

/* The object that @line is; NULL with @error set for anything else. */
JsonObject *vmp_qmp_parse (const char *line, GError **error);

/* The text of the member @key, or @otherwise. */
const char *vmp_qmp_get_text (JsonObject *object, const char *key, const char *otherwise);

/* Of the answer to query-named-block-nodes: the bytes of the node @name as a guest sees them. */
gboolean vmp_qmp_find_size (JsonNode *nodes, const char *name, guint64 *size);

/* Of the answer to query-jobs: TRUE once the only job has ended; then *@failure is what it says about
 * that. */
gboolean vmp_qmp_has_ended (JsonNode *jobs, const char **failure);

G_END_DECLS
