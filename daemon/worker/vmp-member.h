/* A member of a package that is no copy of a file: what QEMU reads out of images, merged. */
#pragma once

#include <gio/gio.h>

#include "vmp-pace.h"

G_BEGIN_DECLS

/* Fills @member, which is new, from the sockets @source and @target (-1: none), both taken. @options
 * are those of FillMember in org.vmport.Worker.xml. @verity is the fs-verity digest where it was
 * computed on the way, else NULL, and @locator what finds a damaged block by it. */
gboolean vmp_member_fill (int member, const char *name, int source, int target, GVariant *options,
                          VmpPace *pace, guint64 *copied, char **verity, char **locator,
                          GError **error);

G_END_DECLS
