/* What libvirt notes in a save file beside the configuration: read, and written afresh. */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

char *vmp_save_cookie_rewrite (const char *xml, GError **error);

G_END_DECLS
