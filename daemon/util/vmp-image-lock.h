/* Keeping QEMU from an image that is being read. */
#pragma once

#include <gio/gio.h>

gboolean vmp_image_lock (int fd, const char *path, GError **error);
