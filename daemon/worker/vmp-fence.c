/* What a program that the worker starts may still do: nothing with a file that it was not given.
 *
 * Everything here runs between fork and exec, where only system calls are safe. */
#include "config.h"

#include "vmp-fence.h"

#include <fcntl.h>
#include <linux/landlock.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "vmp-landlock.h"

/* All rights on files that there were in version 1 of Landlock. */
#define ALL_RIGHTS ((G_GUINT64_CONSTANT (1) << 13) - 1)
#define RIGHTS_OF_A_FILE (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_EXECUTE)

static gboolean
allow (int ruleset, const char *path)
{
  struct landlock_path_beneath_attr rule = {
    .allowed_access = RIGHTS_OF_A_FILE,
    .parent_fd = open (path, O_PATH | O_CLOEXEC),
  };
  struct stat st;
  gboolean ok;

  /* Not every system has all of them. */
  if (rule.parent_fd < 0)
    return TRUE;
  if (fstat (rule.parent_fd, &st) == 0 && S_ISDIR (st.st_mode))
    rule.allowed_access |= LANDLOCK_ACCESS_FS_READ_DIR;
  ok = syscall (SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) == 0;
  close (rule.parent_fd);
  return ok;
}

static gboolean
restrict_files (void)
{
  struct landlock_ruleset_attr attributes = { .handled_access_fs = ALL_RIGHTS };
  int ruleset;
  gboolean ok = TRUE;

  if (syscall (SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION) < 1)
    return TRUE;
  ruleset = (int) syscall (SYS_landlock_create_ruleset, &attributes, sizeof attributes, 0);
  if (ruleset < 0)
    return FALSE;
  for (gsize i = 0; ok && vmp_landlock_programs[i] != NULL; i++)
    ok = allow (ruleset, vmp_landlock_programs[i]);
  ok = ok && syscall (SYS_landlock_restrict_self, ruleset, 0) == 0;
  close (ruleset);
  return ok;
}

gboolean
vmp_fence_enter (pid_t parent)
{
  return prctl (PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == 0
         /* It may have ended before it was tied. */
         && getppid () == parent && prctl (PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
         && restrict_files ();
}
