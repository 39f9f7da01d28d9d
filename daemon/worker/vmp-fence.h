/* What a program that the worker starts may still do: nothing with a file that it was not given. */
#pragma once

#include <glib.h>
#include <sys/types.h>

G_BEGIN_DECLS

typedef struct
{
  pid_t parent;
  int ruleset; /* -1 where the kernel has no Landlock */
} VmpFence;

/* Before the fork, for a child that opens nothing but programs and libraries, for reading. Where the
 * kernel has no Landlock, that is left out. vmp_fence_clear() in any case. */
gboolean vmp_fence_prepare (VmpFence *self, GError **error);
void vmp_fence_clear (VmpFence *self);

/* In the child, between fork and exec, where only system calls are safe: ties it to its parent, and
 * shuts it in. FALSE: it must not go on. */
gboolean vmp_fence_enter (const VmpFence *self);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (VmpFence, vmp_fence_clear)

G_END_DECLS
