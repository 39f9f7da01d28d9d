/* What a program that the worker starts may still do: nothing with a file that it was not given. */
#include "config.h"

#include "vmp-fence.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "vmp-error.h"
#include "vmp-fd.h"
#include "vmp-landlock.h"

/* Above all that a child is given a descriptor in the place of. */
#define LOWEST_FD 64

static gboolean
allow_programs (int ruleset, GError **error)
{
  for (gsize i = 0; vmp_landlock_programs[i] != NULL; i++)
    {
      vmp_autofd int fd = open (vmp_landlock_programs[i], O_PATH | O_CLOEXEC);

      /* Not every system has all of them. */
      if (fd >= 0 && !vmp_landlock_add_place (ruleset, fd, VMP_PLACE_RUN, error))
        return FALSE;
    }
  return TRUE;
}

gboolean
vmp_fence_prepare (VmpFence *self, GError **error)
{
  vmp_autofd int ruleset = -1;

  self->parent = getpid ();
  self->ruleset = -1;
  /* The daemon says in its log that there is none. */
  if (vmp_landlock_get_abi () == 0)
    return TRUE;
  ruleset = vmp_landlock_new_ruleset (error);
  if (ruleset < 0 || !allow_programs (ruleset, error))
    return FALSE;
  self->ruleset = fcntl (ruleset, F_DUPFD_CLOEXEC, LOWEST_FD);
  if (self->ruleset < 0)
    return vmp_error_set_errno (error, errno, "Cannot keep a set of Landlock rules");
  return TRUE;
}

void
vmp_fence_clear (VmpFence *self)
{
  vmp_fd_clear (&self->ruleset);
}

gboolean
vmp_fence_enter (const VmpFence *self)
{
  return prctl (PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == 0
         /* It may have ended before it was tied. */
         && getppid () == self->parent && prctl (PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
         && (self->ruleset < 0 || vmp_landlock_try_enforce (self->ruleset));
}
