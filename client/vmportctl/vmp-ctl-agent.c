/* polkit's agent for terminals, for as long as this program may need it. */
#include "config.h"

#include "vmp-ctl-agent.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#define PROGRAM "pkttyagent"
/* Where the agent's end of the pipe is in the agent. */
#define NOTIFY_FD 3
#define REGISTER_MSEC 10000

struct _VmpCtlAgent
{
  GSubprocess *process;
};

/* The question is about input; and root is never asked. */
gboolean
vmp_ctl_agent_is_wanted (void)
{
  return geteuid () != 0 && isatty (STDIN_FILENO) == 1;
}

/* Whether this was started in a login session, as pam_systemd says. Where it says so wrongly nobody
 * is asked, and where it fails to, the question comes to the terminal: both are bearable. */
static gboolean
is_in_session (void)
{
  return g_getenv ("XDG_SESSION_ID") != NULL;
}

/* In the child: it must not outlive the program that it answers for, however that ends. */
static void
child_setup (gpointer data)
{
  (void) prctl (PR_SET_PDEATHSIG, SIGTERM);
}

static GSubprocess *
spawn (const char *program, int notify_fd)
{
  g_autoptr (GSubprocessLauncher) launcher = g_subprocess_launcher_new (
    G_SUBPROCESS_FLAGS_STDIN_INHERIT | G_SUBPROCESS_FLAGS_STDOUT_SILENCE);
  g_autofree char *process = g_strdup_printf ("%d", (int) getpid ());
  g_autofree char *notify = g_strdup_printf ("%d", NOTIFY_FD);

  /* In a session, the agent of the desktop is asked, and this one only where there is none. polkit
   * asks fallbacks in sessions alone, so elsewhere it must not be one. */
  const char *fallback = is_in_session () ? "--fallback" : NULL;

  g_subprocess_launcher_set_child_setup (launcher, child_setup, NULL, NULL);
  g_subprocess_launcher_take_fd (launcher, notify_fd, NOTIFY_FD);
  return g_subprocess_launcher_spawn (launcher, NULL, program, "--process", process, "--notify-fd",
                                      notify, fallback, NULL);
}

/* The agent closes its end of the pipe when polkit knows it; so does one that fails. */
static void
await_registration (int fd)
{
  gint64 deadline = g_get_monotonic_time () + REGISTER_MSEC * (gint64) 1000;
  struct pollfd entry = { .fd = fd, .events = POLLIN };
  gint64 left;

  while ((left = deadline - g_get_monotonic_time ()) > 0)
    {
      int n = poll (&entry, 1, (int) (left / 1000) + 1);

      if (n > 0 || (n < 0 && errno != EINTR))
        return;
    }
}

/* Starts the agent and waits until polkit knows it. NULL where there is none: the call may still
 * succeed, and its own error tells more than one about the agent would. */
VmpCtlAgent *
vmp_ctl_agent_start (void)
{
  g_autofree char *program = g_find_program_in_path (PROGRAM);
  g_autoptr (GSubprocess) process = NULL;
  VmpCtlAgent *agent;
  int fds[2];

  if (program == NULL || !g_unix_open_pipe (fds, FD_CLOEXEC, NULL))
    return NULL;
  process = spawn (program, fds[1]);
  if (process != NULL)
    await_registration (fds[0]);
  close (fds[0]);
  if (process == NULL)
    return NULL;
  agent = g_new0 (VmpCtlAgent, 1);
  agent->process = g_steal_pointer (&process);
  return agent;
}

void
vmp_ctl_agent_stop (VmpCtlAgent *agent)
{
  g_subprocess_send_signal (agent->process, SIGTERM);
  /* One that was stopped by job control would not see it. */
  g_subprocess_send_signal (agent->process, SIGCONT);
  g_subprocess_wait (agent->process, NULL, NULL);
  g_object_unref (agent->process);
  g_free (agent);
}
