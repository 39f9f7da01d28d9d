/* The fence around a worker: the places where it may open files, and the system calls that it may
 * make, whatever its user could. */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

gboolean vmp_confine (GVariant *identity, int passed, GError **error);

G_END_DECLS
