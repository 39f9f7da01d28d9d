/* The bridges of this host. */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

void vmp_bridges_add (GStrvBuilder *networks, const char *const *except);

G_END_DECLS
