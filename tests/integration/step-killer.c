/* Counts the steps of a process or of those that it starts, and kills at one of them.
 *
 *   step-killer PID process|children|SOCKET NUMBER [VICTIM]
 *
 * A step is a system call that leaves something behind, or speaks to another process; with the path of
 * a SOCKET only what is said there, by either end. The signal is sent as the call is entered, before it
 * has any effect, to whoever makes it, or to VICTIM. NUMBER 0 only counts. "attached" is said once all
 * threads are followed, and "steps N, killed N" at the end, which SIGTERM asks for. */
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define THREADS (PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE)
#define CHILDREN (THREADS | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK)

static const unsigned long steps[] = {
  SYS_copy_file_range, SYS_fallocate, SYS_fchmodat,  SYS_fchownat, SYS_fdatasync, SYS_fsync,
  SYS_ftruncate,       SYS_ioctl,     SYS_mkdirat,   SYS_openat2,  SYS_pwrite64,  SYS_pwritev,
  SYS_renameat,        SYS_renameat2, SYS_sendmsg,   SYS_unlinkat, SYS_write,
};
static const unsigned long sends[] = { SYS_sendmsg, SYS_sendto, SYS_write, SYS_writev };

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
attach (pid_t process, int options)
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
      if (ptrace (PTRACE_SEIZE, thread, NULL, options) < 0
          || ptrace (PTRACE_INTERRUPT, thread, NULL, NULL) < 0)
        {
          perror ("ptrace");
          exit (EXIT_FAILURE);
        }
    }
  closedir (threads);
}

/* Whether either end of a process's descriptor is the socket at @path. */
static int
is_socket (pid_t process, int number, const char *path)
{
  struct sockaddr_un name = { 0 }, peer = { 0 };
  socklen_t name_size = sizeof name - 1, peer_size = sizeof peer - 1;
  int pidfd = (int) syscall (SYS_pidfd_open, process, 0);
  int fd = pidfd >= 0 ? (int) syscall (SYS_pidfd_getfd, pidfd, number, 0) : -1;
  int is = 0;

  if (fd >= 0)
    is = (getsockname (fd, (struct sockaddr *) &name, &name_size) == 0 && name.sun_family == AF_UNIX
          && strcmp (name.sun_path, path) == 0)
         || (getpeername (fd, (struct sockaddr *) &peer, &peer_size) == 0
             && peer.sun_family == AF_UNIX && strcmp (peer.sun_path, path) == 0);
  if (fd >= 0)
    close (fd);
  if (pidfd >= 0)
    close (pidfd);
  return is;
}

static int
is_one_of (unsigned long number, const unsigned long *calls, size_t n_calls)
{
  for (size_t i = 0; i < n_calls; i++)
    if (number == calls[i])
      return 1;
  return 0;
}

static int
is_step (pid_t thread, const char *socket)
{
  struct __ptrace_syscall_info info;

  if (ptrace (PTRACE_GET_SYSCALL_INFO, thread, sizeof info, &info) <= 0
      || info.op != PTRACE_SYSCALL_INFO_ENTRY)
    return 0;
  if (socket != NULL)
    return is_one_of (info.entry.nr, sends, sizeof sends / sizeof sends[0])
           && is_socket (process_of (thread), (int) info.entry.args[0], socket);
  return is_one_of (info.entry.nr, steps, sizeof steps / sizeof steps[0]);
}

int
main (int argc, char **argv)
{
  struct sigaction action = { .sa_handler = on_term };
  long number, count = 0, killed = 0;
  const char *socket = NULL;
  int children;
  pid_t root, victim;

  if (argc != 4 && argc != 5)
    return EXIT_FAILURE;
  root = atoi (argv[1]);
  children = strcmp (argv[2], "children") == 0;
  if (argv[2][0] == '/')
    socket = argv[2];
  number = atol (argv[3]);
  victim = argc == 5 ? atoi (argv[4]) : 0;
  sigaction (SIGTERM, &action, NULL); /* without SA_RESTART: it ends the wait */
  attach (root, children ? CHILDREN : THREADS);
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
          if (is_step (thread, socket) && (!children || process_of (thread) != root)
              && ++count == number)
            {
              killed++;
              kill (victim > 0 ? victim : process_of (thread), SIGKILL);
            }
        }
      else if (status >> 16 == 0)
        deliver = WSTOPSIG (status);
      ptrace (PTRACE_SYSCALL, thread, NULL, deliver);
    }
  printf ("steps %ld, killed %ld\n", count, killed);
  return EXIT_SUCCESS; /* and the kernel lets go of all */
}
