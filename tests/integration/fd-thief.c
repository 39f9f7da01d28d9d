/* Tries, again and again, to take file descriptors and memory of another process of its own uid.
 *
 *   fd-thief NAME        processes of that name, any that come and go
 *
 * Runs until its standard input is closed, then prints "seen N tried N stolen WHAT...". */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_FD 64

static unsigned long n_tried;
static unsigned long n_seen;
static bool stolen_getfd, stolen_open, stolen_ptrace, stolen_memory, stolen_list;

/* The effective uid of a process, or -1. */
static long
get_uid (const char *pid)
{
  char path[64];
  char line[256];
  long uid = -1;
  FILE *file;

  snprintf (path, sizeof path, "/proc/%.16s/status", pid);
  file = fopen (path, "re");
  if (file == NULL)
    return -1;
  while (fgets (line, sizeof line, file) != NULL)
    if (sscanf (line, "Uid: %*d %ld", &uid) == 1)
      break;
  fclose (file);
  return uid;
}

static bool
has_name (const char *pid, const char *name)
{
  char path[64];
  char comm[32] = "";
  FILE *file;

  snprintf (path, sizeof path, "/proc/%.16s/comm", pid);
  file = fopen (path, "re");
  if (file == NULL)
    return false;
  if (fgets (comm, sizeof comm, file) == NULL)
    comm[0] = '\0';
  fclose (file);
  comm[strcspn (comm, "\n")] = '\0';
  return strcmp (comm, name) == 0;
}

static void
try_process (const char *text)
{
  pid_t pid = atoi (text);
  int pidfd = (int) syscall (SYS_pidfd_open, pid, 0);
  char path[64];
  char byte;
  struct iovec local = { &byte, 1 };
  DIR *folder;
  bool own;
  int mem;

  if (pidfd < 0)
    return;
  own = get_uid (text) == (long) geteuid ();
  for (int number = 0; number < MAX_FD; number++)
    {
      int fd = (int) syscall (SYS_pidfd_getfd, pidfd, number, 0);

      n_tried++;
      if (fd >= 0)
        {
          stolen_getfd = true;
          close (fd);
        }
    }
  snprintf (path, sizeof path, "/proc/%.16s/fd", text);
  folder = opendir (path);
  if (folder != NULL)
    {
      if (readdir (folder) != NULL)
        stolen_list = true;
      closedir (folder);
    }
  for (int number = 0; number < MAX_FD; number++)
    {
      int fd;

      snprintf (path, sizeof path, "/proc/%.16s/fd/%d", text, number);
      fd = open (path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
      n_tried++;
      if (fd >= 0)
        {
          stolen_open = true;
          close (fd);
        }
    }
  snprintf (path, sizeof path, "/proc/%.16s/mem", text);
  mem = open (path, O_RDONLY | O_CLOEXEC);
  if (mem >= 0)
    {
      stolen_memory = true;
      close (mem);
    }
  /* EFAULT would mean that the address alone is wrong. */
  if (process_vm_readv (pid, &local, 1, &(struct iovec){ (void *) 8, 1 }, 1, 0) >= 0 ||
      errno == EFAULT)
    stolen_memory = true;
  n_tried += 2;
  if (ptrace (PTRACE_SEIZE, pid, NULL, NULL) == 0)
    {
      stolen_ptrace = true;
      if (ptrace (PTRACE_INTERRUPT, pid, NULL, NULL) == 0)
        waitpid (pid, NULL, __WALL);
      ptrace (PTRACE_DETACH, pid, NULL, NULL);
    }
  n_tried++;
  close (pidfd);
  if (own && n_seen++ == 0)
    {
      puts ("met one");
      fflush (stdout);
    }
}

static bool
is_over (void)
{
  struct pollfd input = { .fd = STDIN_FILENO, .events = POLLIN };

  return poll (&input, 1, 0) > 0;
}

int
main (int argc, char **argv)
{
  if (argc != 2)
    return 2;
  puts ("ready");
  fflush (stdout);
  while (!is_over ())
    {
      DIR *folder = opendir ("/proc");
      struct dirent *entry;

      if (folder == NULL)
        return 1;
      while ((entry = readdir (folder)) != NULL)
        {
          if (entry->d_name[0] < '1' || entry->d_name[0] > '9' ||
              !has_name (entry->d_name, argv[1]))
            continue;
          /* As long as it is there, look at nothing else: what is sought is one short moment. */
          for (int turn = 0; turn < 200 && has_name (entry->d_name, argv[1]); turn++)
            try_process (entry->d_name);
        }
      closedir (folder);
    }
  printf ("seen %lu tried %lu stolen%s%s%s%s%s\n", n_seen, n_tried,
          stolen_getfd ? " pidfd_getfd" : "", stolen_open ? " /proc/PID/fd/N" : "",
          stolen_list ? " /proc/PID/fd" : "", stolen_ptrace ? " ptrace" : "",
          stolen_memory ? " memory" : "");
  return 0;
}
