/* The system calls that a worker may make, as a seccomp filter.
 *
 * What is not on the list is answered as by a kernel that does not have it (ENOSYS): libraries try
 * newer calls and fall back to older ones, and a new release of one must not end the job. What no
 * library tries, and whoever has taken the worker over would, ends the process; the kernel logs it. */
#include "config.h"

#include "vmp-filter.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sched.h>
#include <seccomp.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "vmp-error.h"

static const char *const allowed[] = {
  /* memory; mmap and mprotect are below */
  "brk", "madvise", "mremap", "munmap",
  /* threads; clone is below */
  "exit", "exit_group", "futex", "futex_waitv", "get_robust_list", "gettid", "membarrier",
  "restart_syscall", "rseq", "sched_getaffinity", "sched_getattr", "sched_getparam",
  "sched_getscheduler", "sched_setattr", "sched_yield", "set_robust_list",
  /* signals of its own */
  "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sigaltstack",
  /* what it is, and the time */
  "clock_getres", "clock_gettime", "clock_nanosleep", "getcpu", "getegid", "geteuid", "getgid",
  "getpid", "getppid", "getrandom", "getrusage", "gettimeofday", "getuid", "nanosleep", "sysinfo",
  "time", "uname",
  /* descriptors; fcntl and ioctl are below */
  "close", "copy_file_range", "eventfd2", "fadvise64", "fallocate", "fdatasync", "fstat",
  "fstatfs", "fsync", "ftruncate", "lseek", "poll", "ppoll", "pread64", "preadv", "preadv2",
  "pwrite64", "pwritev", "pwritev2", "read", "readv", "sync_file_range", "write", "writev",
  /* the sockets that it was handed */
  "getpeername", "getsockname", "getsockopt", "recvfrom", "recvmsg", "sendmsg", "sendto",
  "setsockopt", "shutdown",
  /* files, within what Landlock and the caller's own rights leave */
  "access", "faccessat", "faccessat2", "getdents64", "mkdirat", "newfstatat", "open", "openat",
  "openat2", "readlink", "readlinkat", "renameat", "renameat2", "stat", "statfs", "statx", "umask",
  "unlinkat",
};

static const char *const deadly[] = {
  /* programs and other processes */
  "execve", "execveat", "fork", "kcmp", "pidfd_getfd", "process_madvise", "process_vm_readv",
  "process_vm_writev", "ptrace", "vfork",
  /* becoming somebody else */
  "capset", "chroot", "personality", "pivot_root", "setfsgid", "setfsuid", "setgid", "setgroups",
  "setns", "setregid", "setresgid", "setresuid", "setreuid", "setuid", "unshare",
  /* other ways to files */
  "fanotify_init", "fsconfig", "fsmount", "fsopen", "fspick", "mknod", "mknodat", "mount",
  "mount_setattr", "move_mount", "name_to_handle_at", "open_by_handle_at", "open_tree", "quotactl",
  "quotactl_fd", "swapoff", "swapon", "umount2",
  /* the kernel */
  "acct", "add_key", "adjtimex", "bpf", "clock_adjtime", "clock_settime", "delete_module",
  "finit_module", "init_module", "io_uring_enter", "io_uring_register", "io_uring_setup", "ioperm",
  "iopl", "kexec_file_load", "kexec_load", "keyctl", "lookup_dcookie", "modify_ldt",
  "perf_event_open", "reboot", "request_key", "sethostname", "settimeofday", "syslog",
  "userfaultfd", "vhangup",
};

/* What this architecture does not have needs no rule. */
static int
add_rule (scmp_filter_ctx context, guint32 action, const char *name, const struct scmp_arg_cmp *arg)
{
  int number = seccomp_syscall_resolve_name (name);

  if (number < 0)
    return 0;
  return arg == NULL ? seccomp_rule_add (context, action, number, 0)
                     : seccomp_rule_add_array (context, action, number, 1, arg);
}

static int
add_list (scmp_filter_ctx context, guint32 action, const char *const *list, gsize n)
{
  int result = 0;

  for (gsize i = 0; i < n && result == 0; i++)
    result = add_rule (context, action, list[i], NULL);
  return result;
}

/* What is allowed with certain arguments alone. */
static int
add_conditions (scmp_filter_ctx context)
{
  static const int commands[] = { F_DUPFD_CLOEXEC, F_GETFD,     F_SETFD,     F_GETFL,
                                  F_SETFL,         F_GETLEASE,  F_SETLEASE,  F_GET_SEALS,
                                  F_OFD_GETLK,     F_OFD_SETLK };
  static const unsigned long requests[] = { FICLONE, FICLONERANGE };
  const struct {
    const char *name;
    struct scmp_arg_cmp arg;
  } conditions[] = {
    /* no new code */
    { "mmap", SCMP_A2 (SCMP_CMP_MASKED_EQ, PROT_EXEC, 0) },
    { "mprotect", SCMP_A2 (SCMP_CMP_MASKED_EQ, PROT_EXEC, 0) },
    /* threads, not processes; clone3 hides its flags, and so is not there */
    { "clone", SCMP_A0 (SCMP_CMP_MASKED_EQ, CLONE_THREAD | CLONE_VM, CLONE_THREAD | CLONE_VM) },
    /* abort() */
    { "tgkill", SCMP_A0 (SCMP_CMP_EQ, (scmp_datum_t) getpid ()) },
    { "prctl", SCMP_A0 (SCMP_CMP_EQ, PR_SET_NAME) },
    /* limits are read, not set */
    { "prlimit64", SCMP_A2 (SCMP_CMP_EQ, 0) },
  };
  int result = 0;

  for (gsize i = 0; i < G_N_ELEMENTS (commands) && result == 0; i++)
    result = add_rule (context, SCMP_ACT_ALLOW, "fcntl",
                       &SCMP_A1 (SCMP_CMP_EQ, (scmp_datum_t) commands[i]));
  for (gsize i = 0; i < G_N_ELEMENTS (requests) && result == 0; i++)
    result = add_rule (context, SCMP_ACT_ALLOW, "ioctl", &SCMP_A1 (SCMP_CMP_EQ, requests[i]));
  for (gsize i = 0; i < G_N_ELEMENTS (conditions) && result == 0; i++)
    result = add_rule (context, SCMP_ACT_ALLOW, conditions[i].name, &conditions[i].arg);
  return result;
}

/* A list of what QEMU may do would be of one version of it. So what nobody needs for images is
 * taken away, and it gets the answer of a kernel without it, for it does ask for some of it; beside
 * that it has a filter of its own (-sandbox). */
static int
build_for_block (scmp_filter_ctx context)
{
  static const char *const needed[] = { "execve", "fork", "vfork" };
  int result = 0;

  for (gsize i = 0; i < G_N_ELEMENTS (deadly) && result == 0; i++)
    {
      gboolean is_needed = FALSE;

      for (gsize n = 0; n < G_N_ELEMENTS (needed); n++)
        is_needed = is_needed || strcmp (deadly[i], needed[n]) == 0;
      if (!is_needed)
        result = add_rule (context, SCMP_ACT_ERRNO (ENOSYS), deadly[i], NULL);
    }
  return result;
}

static int
build_for_files (scmp_filter_ctx context)
{
  int result = add_list (context, SCMP_ACT_ALLOW, allowed, G_N_ELEMENTS (allowed));

  if (result == 0)
    result = add_list (context, SCMP_ACT_KILL_PROCESS, deadly, G_N_ELEMENTS (deadly));
  return result == 0 ? add_conditions (context) : result;
}

/* For this thread and all that it starts from now on: before there are other threads. */
gboolean
vmp_filter_install (VmpFilter filter, GError **error)
{
  scmp_filter_ctx context = seccomp_init (filter == VMP_FILTER_BLOCK ? SCMP_ACT_ALLOW
                                                                     : SCMP_ACT_ERRNO (ENOSYS));
  int result = -ENOMEM;

  /* Calls of another architecture, 32-bit ones say, are not what the lists are about. */
  if (context != NULL)
    result = seccomp_attr_set (context, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
  if (result == 0)
    result = filter == VMP_FILTER_BLOCK ? build_for_block (context) : build_for_files (context);
  if (result == 0)
    result = seccomp_load (context);
  if (context != NULL)
    seccomp_release (context);
  if (result < 0)
    return vmp_error_set_errno (error, -result, "Cannot limit the worker's system calls");
  return TRUE;
}
