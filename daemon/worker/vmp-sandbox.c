/* Becoming the caller: what a worker gives up before it looks at anything.
 *
 * The order matters. The process was exec'd as root, so nobody else could look into it so far;
 * setresuid() makes it non-dumpable at once, so the caller's other processes never can: neither
 * ptrace nor pidfd_getfd nor /proc/PID/fd. An exec after that would undo it, hence there is none. */
#include "config.h"

#include "vmp-sandbox.h"

#include <errno.h>
#include <grp.h>
#include <linux/close_range.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vmp-error.h"
#include "vmp-fd.h"

gboolean
vmp_sandbox_close_others (int keep, GError **error)
{
  if ((keep > 3 && close_range (3, (unsigned) keep - 1, 0) < 0)
      || close_range ((unsigned) keep + 1, ~0U, 0) < 0)
    return vmp_error_set_errno (error, errno, "Cannot close inherited descriptors");
  return TRUE;
}

/* Reads exactly @size bytes, and takes the descriptor that comes with them, if one does. */
static gboolean
read_exactly (int socket, void *buffer, gsize size, int *passed, GError **error)
{
  union
  {
    struct cmsghdr header; /* for its alignment */
    char buffer[CMSG_SPACE (sizeof (int))];
  } control;
  guint8 *at = buffer;

  while (size > 0)
    {
      struct iovec part = { at, size };
      struct msghdr message = { .msg_iov = &part,
                                .msg_iovlen = 1,
                                .msg_control = control.buffer,
                                .msg_controllen = sizeof control.buffer };
      ssize_t n = recvmsg (socket, &message, MSG_CMSG_CLOEXEC);
      struct cmsghdr *header;

      if (n < 0 && errno == EINTR)
        continue;
      if (n < 0)
        return vmp_error_set_errno (error, errno, "Cannot read who to be");
      header = CMSG_FIRSTHDR (&message);
      if (header != NULL && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS)
        {
          vmp_fd_clear (passed);
          memcpy (passed, CMSG_DATA (header), sizeof *passed);
        }
      if (n == 0)
        return vmp_error_set (error, VMPORT_ERROR_FAILED, "The daemon went away");
      at += n;
      size -= (gsize) n;
    }
  return TRUE;
}

/* Reads who to be, from a peer that must be whoever started this process. @passed gets the
 * directory that came open with it, or -1. */
gboolean
vmp_sandbox_read_identity (int socket, GVariant **identity, int *passed, GError **error)
{
  struct ucred peer;
  socklen_t peer_size = sizeof peer;
  guint32 size;
  vmp_autofd int fd = -1;
  g_autofree guint8 *buffer = NULL;
  g_autoptr (GBytes) bytes = NULL;
  g_autoptr (GVariant) read = NULL;

  if (getsockopt (socket, SOL_SOCKET, SO_PEERCRED, &peer, &peer_size) < 0)
    return vmp_error_set_errno (error, errno, "Cannot tell who holds the other end");
  if (peer.uid != geteuid ())
    return vmp_error_set (error, VMPORT_ERROR_FAILED, "The other end is not the daemon's");
  if (!read_exactly (socket, &size, sizeof size, &fd, error))
    return FALSE;
  if (size > VMP_IDENTITY_MAX_BYTES)
    return vmp_error_set (error, VMPORT_ERROR_FAILED, "The identity is too long");
  buffer = g_malloc (size);
  if (!read_exactly (socket, buffer, size, &fd, error))
    return FALSE;
  bytes = g_bytes_new_take (g_steal_pointer (&buffer), size);
  read = g_variant_ref_sink (
      g_variant_new_from_bytes (G_VARIANT_TYPE (VMP_IDENTITY_TYPE), bytes, FALSE));
  *identity = g_variant_get_normal_form (read);
  *passed = vmp_fd_steal (&fd);
  return TRUE;
}

static gboolean
change_ids (guint32 uid, guint32 gid, GVariant *groups, GError **error)
{
  gsize n;
  const guint32 *list = g_variant_get_fixed_array (groups, &n, sizeof (guint32));
  uid_t ruid, euid, suid;
  gid_t rgid, egid, sgid;

  G_STATIC_ASSERT (sizeof (gid_t) == sizeof (guint32));
  if (setgroups (n, (const gid_t *) list) < 0 || setresgid (gid, gid, gid) < 0
      || setresuid (uid, uid, uid) < 0)
    return vmp_error_set_errno (error, errno, "Cannot become the user %u", uid);
  if (getresuid (&ruid, &euid, &suid) < 0 || getresgid (&rgid, &egid, &sgid) < 0 || ruid != uid
      || euid != uid || suid != uid || rgid != gid || egid != gid || sgid != gid)
    return vmp_error_set (error, VMPORT_ERROR_FAILED, "The user did not change");
  if (uid != 0 && setuid (0) == 0)
    return vmp_error_set (error, VMPORT_ERROR_FAILED, "The way back to root is open");
  return TRUE;
}

/* Lower than the caller's own where those are higher. */
static gboolean
lower_limits (GError **error)
{
  /* No core: it would hold the caller's data, and might be written where others read it. Files: the
   * most members that a package has, each opened twice at most, and what the process itself needs. */
  static const struct
  {
    int resource;
    rlim_t most;
  } limits[] = {
    { RLIMIT_CORE, 0 },         { RLIMIT_NOFILE, 16384 }, { RLIMIT_MSGQUEUE, 0 },
    { RLIMIT_SIGPENDING, 256 }, { RLIMIT_RTPRIO, 0 },     { RLIMIT_MEMLOCK, 65536 },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (limits); i++)
    {
      struct rlimit now, lower;

      if (getrlimit (limits[i].resource, &now) < 0)
        return vmp_error_set_errno (error, errno, "Cannot read the worker's limits");
      lower.rlim_max = MIN (now.rlim_max, limits[i].most);
      lower.rlim_cur = lower.rlim_max;
      if (setrlimit (limits[i].resource, &lower) < 0)
        return vmp_error_set_errno (error, errno, "Cannot lower the worker's limits");
    }
  return TRUE;
}

gboolean
vmp_sandbox_become (GVariant *identity, GError **error)
{
  guint32 uid, gid;
  gboolean change;
  g_autoptr (GVariant) groups = NULL;

  umask (0077);
  if (chdir ("/") < 0 || prctl (PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
    return vmp_error_set_errno (error, errno, "Cannot lower the worker's rights");
  if (!lower_limits (error))
    return FALSE;
  g_variant_get (identity, "(uu@auba(su))", &uid, &gid, &groups, &change, NULL);
  if (change && !change_ids (uid, gid, groups, error))
    return FALSE;
  if (prctl (PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 || prctl (PR_GET_DUMPABLE, 0, 0, 0, 0) != 0)
    return vmp_error_set (error, VMPORT_ERROR_FAILED, "The worker could be looked into");
  /* Cleared by the change of ids, so it is set after it. */
  if (prctl (PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
    return vmp_error_set_errno (error, errno, "Cannot tie the worker to the daemon");
  return TRUE;
}

gboolean
vmp_sandbox_tell_ready (int socket, GError **error)
{
  return vmp_fd_send (socket, "", 1, -1, error);
}
