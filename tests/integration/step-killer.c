/* Counts the steps of a process or of those that it starts, and kills at one of them.
 *
 *   step-killer PID process|children NUMBER
 *
 * A step is a system call that leaves something behind, or speaks to another process. The signal is
 * sent as the call is entered, before it has any effect; NUMBER 0 only counts. "attached" is said
 * once all threads are followed, and "steps N, killed N" at the end, which SIGTERM asks for. */
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define OPTIONS (PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK)

static const long steps[] = {
  SYS_copy_file_range, SYS_fallocate, SYS_fchmodat, SYS_fchownat, SYS_fsync,     SYS_ftruncate,
  SYS_ioctl,           SYS_mkdirat,   SYS_openat2,  SYS_pwrite64, SYS_renameat,  SYS_renameat2,
  SYS_sendmsg,         SYS_unlinkat,  SYS_write,
};

static volatile sig_atomic_t asked_to_end;

static void
on_term (int number)
{
  asked_to_end = 1;
}

static pid_t
process_of (pid_t thread)
{
  char path[64], line[128];
  pid_t process = thread;
  FILE *file;

  snprintf (path, sizeof path, "/proc/%d/status", thread);
  file = fopen (path, "re");
  if (file == NULL)
    return thread;
  while (fgets (line, sizeof line, file) != NULL)
    if (sscanf (line, "Tgid: %d", &process) == 1)
      break;
  fclose (file);
  return process;
}

static void
attach (pid_t process)
{
  char path[64];
  struct dirent *entry;
  DIR *threads;

  snprintf (path, sizeof path, "/proc/%d/task", process);
  threads = opendir (path);
  if (threads == NULL)
    {
      perror (path);
      exit (EXIT_FAILURE);
    }
  while ((entry = readdir (threads)) != NULL)
    {
      pid_t thread = atoi (entry->d_name);

      if (thread <= 0)
        continue;
      if (ptrace (PTRACE_SEIZE, thread, NULL, OPTIONS) < 0
          || ptrace (PTRACE_INTERRUPT, thread, NULL, NULL) < 0)
        {
          perror ("ptrace");
          exit (EXIT_FAILURE);
        }
    }
  closedir (threads);
}

static int
is_step (pid_t thread)
{
  struct __ptrace_syscall_info info;

  if (ptrace (PTRACE_GET_SYSCALL_INFO, thread, sizeof info, &info) <= 0
      || info.op != PTRACE_SYSCALL_INFO_ENTRY)
    return 0;
  for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++)
    if (info.entry.nr == (unsigned long) steps[i])
      return 1;
  return 0;
}

int
main (int argc, char **argv)
{
  struct sigaction action = { .sa_handler = on_term };
  long number, count = 0, killed = 0;
  int children;
  pid_t root;

  if (argc != 4)
    return EXIT_FAILURE;
  root = atoi (argv[1]);
  children = strcmp (argv[2], "children") == 0;
  number = atol (argv[3]);
  sigaction (SIGTERM, &action, NULL); /* without SA_RESTART: it ends the wait */
  attach (root);
  puts ("attached");
  fflush (stdout);
  while (!asked_to_end)
    {
      int status, deliver = 0;
      pid_t thread = waitpid (-1, &status, __WALL);

      if (thread < 0 && errno == EINTR)
        continue;
      if (thread < 0)
        break; /* nobody is left */
      if (!WIFSTOPPED (status))
        continue;
      if (WSTOPSIG (status) == (SIGTRAP | 0x80))
        {
          if (is_step (thread) && (!children || process_of (thread) != root) && ++count == number)
            {
              killed++;
              kill (process_of (thread), SIGKILL);
            }
        }
      else if (status >> 16 == 0)
        deliver = WSTOPSIG (status);
      ptrace (PTRACE_SYSCALL, thread, NULL, deliver);
    }
  printf ("steps %ld, killed %ld\n", count, killed);
  return EXIT_SUCCESS; /* and the kernel lets go of all */
}
