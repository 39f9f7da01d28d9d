/* Opens what an import is to read: a package, or a bare directory with one domain XML. */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

int vmp_package_reader_open (const char *directory, int directory_fd, GError **error);
GVariant *vmp_package_reader_read (int dirfd, const char *directory, gboolean whole,
                                   GError **error);

G_END_DECLS
