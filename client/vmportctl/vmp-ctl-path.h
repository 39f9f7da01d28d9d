/* Paths from the command line, as the daemon wants them. */
#pragma once

#include <gio/gio.h>

char *vmp_ctl_absolute_path (const char *path, GError **error);
