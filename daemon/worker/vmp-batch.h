/* Does a list of things, several at a time. */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* As many files are copied or flushed at a time: enough for one's flush, or the linear digest that is
 * computed by one core, to go on beside another's copying, and few enough for a disk and for memory. */
#define VMP_BATCH_FILES 3

/* Called in one of several threads. */
typedef gboolean (*VmpBatchFunc) (gpointer item, gpointer data, GError **error);

/* Calls @func for each of @items, at most @n_threads at a time, begun in their order. After the first
 * failure none is begun any more, @stop is called so that those under way end soon, and what they end
 * with is not told. Returns when the last has ended. */
gboolean vmp_batch_run (GPtrArray *items, guint n_threads, VmpBatchFunc func, gpointer data,
                        GDestroyNotify stop, gpointer stop_data, GError **error);

G_END_DECLS
