/* Keeping QEMU from an image that is being read. */
#pragma once

#include <gio/gio.h>

gboolean vmp_libvirt_lock_image (int fd, const char *path, GError **error);
