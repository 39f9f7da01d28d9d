/* How many of something each user has. */
#pragma once

#include <glib.h>
#include <sys/types.h>

G_BEGIN_DECLS

GHashTable *vmp_tally_new (void);
guint vmp_tally_change (GHashTable *tally, uid_t uid, int change);

G_END_DECLS
