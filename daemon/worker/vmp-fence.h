/* What a program that the worker starts may still do: nothing with a file that it was not given. */
#pragma once

#include <glib.h>
#include <sys/types.h>

G_BEGIN_DECLS

/* In a child between fork and exec, of @parent: ties it to that, and lets it and what it starts open
 * nothing but programs and libraries, for reading. Where the kernel has no Landlock, the latter is
 * left out. FALSE: it must not go on. */
gboolean vmp_fence_enter (pid_t parent);

G_END_DECLS
