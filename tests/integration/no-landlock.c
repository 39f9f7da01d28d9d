/* Runs a program as on a kernel that has Landlock switched off. */
#include <errno.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int
main (int argc, char **argv)
{
  scmp_filter_ctx context = seccomp_init (SCMP_ACT_ALLOW);

  if (argc < 2 || context == NULL
      || seccomp_rule_add (context, SCMP_ACT_ERRNO (EOPNOTSUPP), SCMP_SYS (landlock_create_ruleset),
                           0) < 0
      || seccomp_load (context) < 0)
    {
      fputs ("no-landlock: cannot take Landlock away\n", stderr);
      return EXIT_FAILURE;
    }
  execv (argv[1], argv + 1);
  perror (argv[1]);
  return EXIT_FAILURE;
}
