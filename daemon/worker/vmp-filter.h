/* The system calls that a worker may make, as a seccomp filter. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef enum
{
  VMP_FILTER_WORKER, /* files and the sockets that it has; no program, no process, no new socket */
  VMP_FILTER_BLOCK,  /* and a program of the host's own: QEMU */
} VmpFilter;

gboolean vmp_filter_install (VmpFilter filter, GError **error);

G_END_DECLS
