/* QEMU as a program that knows disk image formats: started, spoken to in QMP, ended.
 *
 * It is QEMU's emulator with no machine in it. qemu-storage-daemon would be the smaller program, but
 * no version of it takes descriptors (it has neither add-fd nor getfd), and a file that only its
 * owner may open comes as nothing else. */
#include "config.h"

#include "vmp-qmp.h"

#include <errno.h>
#include <gio/gunixfdlist.h>
#include <glib/gi18n-lib.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vmp-error.h"
#include "vmp-fd.h"
#include "vmp-fence.h"
#include "vmp-name.h"

#define MONITOR_FD 3
/* Of one answer; the largest is that to the greeting. */
#define MAX_LINE (1 << 20)
/* Opening an image reads its tables, and closing one writes them: minutes on a disk that is busy. */
#define ANSWER_SECONDS 120
#define MAX_MESSAGE_CHARS 500

struct _VmpQmp
{
  GSubprocess *process;
  int socket;
  GByteArray *unread;
};

void
vmp_qmp_free (VmpQmp *self)
{
  vmp_fd_clear (&self->socket);
  if (self->process != NULL)
    {
      g_subprocess_force_exit (self->process);
      g_subprocess_wait (self->process, NULL, NULL);
    }
  g_clear_object (&self->process);
  g_byte_array_unref (self->unread);
  g_free (self);
}

/* In the child. It goes with the thread that starts it, which lives as long as the worker. */
static void
prepare_child (gpointer data)
{
  if (!vmp_fence_enter (data))
    _exit (127);
}

static GSubprocess *
spawn (const char *program, int child_end, GError **error)
{
  g_autoptr (GSubprocessLauncher) launcher
      = g_subprocess_launcher_new (G_SUBPROCESS_FLAGS_STDOUT_SILENCE);
  /* Its own fence: no program is started, and no rights are asked for. */
  static const char sandbox[] = "on,obsolete=deny,elevateprivileges=deny,spawn=deny,"
                                "resourcecontrol=deny";
  /* No machine, and next to no memory for the processor that it does not have. Under systemd no page
   * may be written and executed, hence the last of these. */
  static const char accelerator[] = "tcg,tb-size=1,split-wx=on";
  static const char monitor[] = "socket,id=monitor,fd=3,server=off";
  const char *const argv[] = { program, "-M", "none", "-accel", accelerator, "-nodefaults",
                               "-no-user-config", "-nographic", "-S", "-sandbox", sandbox,
                               "-chardev", monitor, "-mon", "chardev=monitor,mode=control", NULL };
  g_auto (VmpFence) fence = { 0, -1 };
  GSubprocess *process;

  G_STATIC_ASSERT (MONITOR_FD == 3);
  g_subprocess_launcher_take_fd (launcher, child_end, MONITOR_FD);
  if (!vmp_fence_prepare (&fence, error))
    return NULL;
  g_subprocess_launcher_set_child_setup (launcher, prepare_child, &fence, NULL);
  process = g_subprocess_launcher_spawnv (launcher, argv, error);
  if (process == NULL)
    g_prefix_error (error, _ ("Cannot start QEMU: "));
  return process;
}

static gboolean
wait_for_input (VmpQmp *self, gint64 deadline, GError **error)
{
  struct pollfd pollfd = { .fd = self->socket, .events = POLLIN };

  for (;;)
    {
      gint64 left = (deadline - g_get_monotonic_time ()) / 1000;
      int n = left > 0 ? poll (&pollfd, 1, (int) MIN (left, G_MAXINT)) : 0;

      if (n > 0)
        return TRUE;
      if (n == 0)
        return vmp_error_set (error, VMPORT_ERROR_FAILED, _ ("QEMU does not answer"));
      if (errno != EINTR)
        return vmp_error_set_errno (error, errno, _ ("Cannot speak with QEMU"));
    }
}

/* The next line that QEMU says, without its end; NULL without @error at the end of all. */
static char *
read_line (VmpQmp *self, gint64 deadline, GError **error)
{
  for (;;)
    {
      const guint8 *end = self->unread->len > 0
                              ? memchr (self->unread->data, '\n', self->unread->len)
                              : NULL;
      guint8 buffer[4096];
      ssize_t n;

      if (end != NULL)
        {
          gsize length = (gsize) (end - self->unread->data);
          char *line = g_strndup ((const char *) self->unread->data, length);

          g_byte_array_remove_range (self->unread, 0, (guint) length + 1);
          return line;
        }
      if (self->unread->len > MAX_LINE)
        {
          vmp_error_set (error, VMPORT_ERROR_FAILED, _ ("QEMU answers what makes no sense"));
          return NULL;
        }
      if (!wait_for_input (self, deadline, error))
        return NULL;
      n = read (self->socket, buffer, sizeof buffer);
      if (n < 0 && errno == EINTR)
        continue;
      if (n < 0 && errno != ECONNRESET)
        vmp_error_set_errno (error, errno, _ ("Cannot speak with QEMU"));
      if (n <= 0)
        return NULL;
      g_byte_array_append (self->unread, buffer, (guint) n);
    }
}

/* The next thing that is no event. */
static JsonObject *
read_answer (VmpQmp *self, GError **error)
{
  gint64 deadline = g_get_monotonic_time () + ANSWER_SECONDS * G_TIME_SPAN_SECOND;

  for (;;)
    {
      g_autoptr (GError) local_error = NULL;
      g_autofree char *line = read_line (self, deadline, &local_error);
      g_autoptr (JsonObject) said = NULL;

      if (line == NULL)
        {
          if (local_error != NULL)
            g_propagate_error (error, g_steal_pointer (&local_error));
          else
            vmp_error_set (error, VMPORT_ERROR_FAILED, _ ("QEMU ended unexpectedly"));
          return NULL;
        }
      said = vmp_qmp_parse (line, error);
      if (said == NULL)
        return NULL;
      if (!json_object_has_member (said, "event"))
        return g_steal_pointer (&said);
    }
}

static gboolean
send_message (VmpQmp *self, const char *text, int fd, GError **error)
{
  gsize size = strlen (text), sent = 0;
  union
  {
    struct cmsghdr align;
    char bytes[CMSG_SPACE (sizeof (int))];
  } control = { 0 };

  while (sent < size)
    {
      struct iovec iov = { .iov_base = (char *) text + sent, .iov_len = size - sent };
      struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };
      ssize_t n;

      if (fd >= 0 && sent == 0)
        {
          struct cmsghdr *header;

          message.msg_control = control.bytes;
          message.msg_controllen = sizeof control.bytes;
          header = CMSG_FIRSTHDR (&message);
          header->cmsg_level = SOL_SOCKET;
          header->cmsg_type = SCM_RIGHTS;
          header->cmsg_len = CMSG_LEN (sizeof (int));
          memcpy (CMSG_DATA (header), &fd, sizeof fd);
        }
      n = sendmsg (self->socket, &message, MSG_NOSIGNAL);
      if (n < 0 && errno == EINTR)
        continue;
      if (n < 0)
        return vmp_error_set_errno (error, errno, _ ("Cannot speak with QEMU"));
      sent += (gsize) n;
    }
  return TRUE;
}

static char *
make_message (const char *command, GVariant *arguments)
{
  g_autoptr (JsonNode) node = json_node_new (JSON_NODE_OBJECT);
  JsonObject *object = json_object_new ();

  json_object_set_string_member (object, "execute", command);
  if (arguments != NULL)
    json_object_set_member (object, "arguments", json_gvariant_serialize (arguments));
  json_node_take_object (node, object);
  return json_to_string (node, FALSE);
}

JsonNode *
vmp_qmp_execute (VmpQmp *self, const char *command, GVariant *arguments, int fd, GError **error)
{
  g_autoptr (GVariant) owned = arguments != NULL ? g_variant_ref_sink (arguments) : NULL;
  g_autofree char *message = make_message (command, owned);
  g_autofree char *line = g_strconcat (message, "\n", NULL);
  g_autoptr (JsonObject) answer = NULL;
  g_autofree char *clean = NULL;
  JsonNode *said;

  if (!send_message (self, line, fd, error))
    return NULL;
  answer = read_answer (self, error);
  if (answer == NULL)
    return NULL;
  said = json_object_get_member (answer, "return");
  if (said != NULL)
    return json_node_copy (said);
  said = json_object_get_member (answer, "error");
  clean = vmp_name_clean (
      said != NULL && JSON_NODE_HOLDS_OBJECT (said)
          ? vmp_qmp_get_text (json_node_get_object (said), "desc", "")
          : "",
      MAX_MESSAGE_CHARS);
  vmp_error_set (error, VMPORT_ERROR_FAILED, _ ("QEMU refuses: %s"), clean);
  return NULL;
}

gboolean
vmp_qmp_do (VmpQmp *self, const char *command, GVariant *arguments, GError **error)
{
  g_autoptr (JsonNode) node = vmp_qmp_execute (self, command, arguments, -1, error);

  return node != NULL;
}

VmpQmp *
vmp_qmp_new (int socket, GSubprocess *process, GError **error)
{
  g_autoptr (VmpQmp) self = g_new0 (VmpQmp, 1);
  g_autoptr (JsonObject) greeting = NULL;

  self->unread = g_byte_array_new ();
  self->socket = socket;
  self->process = process;
  greeting = read_answer (self, error);
  if (greeting == NULL || !vmp_qmp_do (self, "qmp_capabilities", NULL, error))
    return NULL;
  return g_steal_pointer (&self);
}

VmpQmp *
vmp_qmp_start (const char *program, GError **error)
{
  GSubprocess *process;
  int ends[2];

  if (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
    {
      vmp_error_set_errno (error, errno, _ ("Cannot make a socket pair"));
      return NULL;
    }
  process = spawn (program, ends[1], error);
  if (process == NULL)
    {
      close (ends[0]);
      return NULL;
    }
  return vmp_qmp_new (ends[0], process, error);
}

gboolean
vmp_qmp_quit (VmpQmp *self, GError **error)
{
  gint64 deadline = g_get_monotonic_time () + ANSWER_SECONDS * G_TIME_SPAN_SECOND;
  g_autoptr (GError) local_error = NULL;
  char *line;

  if (!vmp_qmp_do (self, "quit", NULL, error))
    return FALSE;
  do
    {
      line = read_line (self, deadline, &local_error);
      g_free (line);
    }
  while (line != NULL);
  if (local_error != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&local_error));
      return FALSE;
    }
  if (!g_subprocess_wait (self->process, NULL, error))
    return FALSE;
  if (!g_subprocess_get_successful (self->process))
    return vmp_error_set (error, VMPORT_ERROR_FAILED, _ ("QEMU ended unexpectedly"));
  g_clear_object (&self->process);
  return TRUE;
}
