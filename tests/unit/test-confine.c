/* vmp-confine: what a worker behind its fence can open and do, each tried in a child of its own. */
#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vmp-at.h"
#include "vmp-confine.h"
#include "vmp-fd.h"
#include "vmp-landlock.h"

/* root/            a folder of the test's own
 *   inside/file    what is given as a place
 *   outside/file   what is not */
typedef struct
{
  char *root;
  int fd;
} Fixture;

static void
set_up (Fixture *f, gconstpointer data)
{
  static const char *const folders[] = { "inside", "outside" };
  g_autoptr (GError) error = NULL;

  f->root = g_dir_make_tmp ("vmport-test-XXXXXX", &error);
  g_assert_no_error (error);
  f->fd = open (f->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  g_assert_cmpint (f->fd, >=, 0);
  for (gsize i = 0; i < G_N_ELEMENTS (folders); i++)
    {
      g_autofree char *file = g_build_filename (folders[i], "file", NULL);
      g_autoptr (GBytes) content = g_bytes_new_static ("text", 4);

      g_assert_cmpint (mkdirat (f->fd, folders[i], 0700), ==, 0);
      vmp_at_write (f->fd, file, content, 0600, &error);
      g_assert_no_error (error);
    }
  g_assert_cmpint (symlinkat ("../outside/file", f->fd, "inside/link"), ==, 0);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  g_assert_true (vmp_at_remove_tree (f->fd, "inside", NULL));
  g_assert_true (vmp_at_remove_tree (f->fd, "outside", NULL));
  vmp_fd_clear (&f->fd);
  g_assert_cmpint (rmdir (f->root), ==, 0);
  g_free (f->root);
}

typedef void (*Child) (Fixture *f);

/* How a child ended that did @child and nothing else. */
static int
run (Fixture *f, Child child)
{
  pid_t pid = fork ();
  int status;

  g_assert_cmpint (pid, >=, 0);
  if (pid == 0)
    {
      child (f);
      _exit (0);
    }
  g_assert_cmpint (waitpid (pid, &status, 0), ==, pid);
  return status;
}

static void
assert_well (Fixture *f, Child child)
{
  int status = run (f, child);

  g_assert_true (WIFEXITED (status));
  g_assert_cmpint (WEXITSTATUS (status), ==, 0);
}

static void
assert_killed (Fixture *f, Child child)
{
  int status = run (f, child);

  g_assert_true (WIFSIGNALED (status));
  g_assert_cmpint (WTERMSIG (status), ==, SIGSYS);
}

/* As the worker does it, for one place: @path is beneath the root, or absolute; NULL for none. */
static void
confine (Fixture *f, const char *path, VmpPlaceAccess access)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) identity = NULL;
  g_autofree char *absolute = NULL;
  GVariantBuilder places;

  g_variant_builder_init (&places, G_VARIANT_TYPE ("a(su)"));
  if (path != NULL)
    {
      absolute = path[0] == '/' ? g_strdup (path) : g_build_filename (f->root, path, NULL);
      g_variant_builder_add (&places, "(su)", absolute, (guint32) access);
    }
  if (access == VMP_PLACE_RUN)
    {
      g_variant_builder_add (&places, "(su)", "/lib", (guint32) access);
      g_variant_builder_add (&places, "(su)", "/lib64", (guint32) access);
    }
  identity = g_variant_ref_sink (g_variant_new ("(uuauba(su))", 0U, 0U, NULL, FALSE, &places));
  g_assert_cmpint (prctl (PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), ==, 0);
  vmp_confine (identity, -1, &error);
  g_assert_no_error (error);
}

static void
assert_opens (Fixture *f, const char *path, int flags)
{
  int fd = openat (f->fd, path, flags | O_CLOEXEC, 0600);

  g_assert_no_errno (fd);
  close (fd);
}

static void
assert_denied (Fixture *f, const char *path, int flags)
{
  int fd = openat (f->fd, path, flags | O_CLOEXEC, 0600);
  int errnum = errno;

  g_assert_cmpint (fd, ==, -1);
  g_assert_cmpint (errnum, ==, EACCES);
}

static gboolean
has_landlock (void)
{
  if (vmp_landlock_get_abi () > 0)
    return TRUE;
  g_test_message ("this kernel has no Landlock, so nothing of it can be tried");
  return FALSE;
}

static void
read_alone (Fixture *f)
{
  confine (f, "inside", VMP_PLACE_READ);
  assert_opens (f, "inside/file", O_RDONLY);
  assert_opens (f, "inside", O_RDONLY | O_DIRECTORY);
  assert_denied (f, "inside/file", O_RDWR);
  assert_denied (f, "inside/new", O_RDWR | O_CREAT);
  assert_denied (f, "outside/file", O_RDONLY);
  assert_denied (f, "inside/link", O_RDONLY);
  assert_denied (f, "/etc/passwd", O_RDONLY);
  assert_denied (f, "/proc/self/mem", O_RDWR);
  g_assert_cmpint (unlinkat (f->fd, "inside/file", 0), ==, -1);
}

static void
test_read (Fixture *f, gconstpointer data)
{
  if (has_landlock ())
    assert_well (f, read_alone);
}

static void
change (Fixture *f)
{
  confine (f, "inside", VMP_PLACE_CHANGE);
  assert_opens (f, "inside/file", O_RDWR);
  assert_denied (f, "inside/new", O_RDWR | O_CREAT);
  assert_denied (f, "outside/file", O_RDWR);
  g_assert_cmpint (mkdirat (f->fd, "inside/folder", 0700), ==, -1);
  g_assert_cmpint (unlinkat (f->fd, "inside/file", 0), ==, -1);
}

static void
test_change (Fixture *f, gconstpointer data)
{
  if (has_landlock ())
    assert_well (f, change);
}

static void
make (Fixture *f)
{
  confine (f, "inside", VMP_PLACE_MAKE);
  assert_opens (f, "inside/new", O_RDWR | O_CREAT | O_EXCL);
  g_assert_no_errno (mkdirat (f->fd, "inside/folder", 0700));
  g_assert_no_errno (renameat2 (f->fd, "inside/new", f->fd, "inside/folder/moved",
                                RENAME_NOREPLACE));
  g_assert_no_errno (renameat2 (f->fd, "inside/folder", f->fd, "inside/other", RENAME_NOREPLACE));
  g_assert_no_errno (unlinkat (f->fd, "inside/other/moved", 0));
  g_assert_no_errno (unlinkat (f->fd, "inside/other", AT_REMOVEDIR));
  assert_denied (f, "outside/new", O_RDWR | O_CREAT);
  g_assert_cmpint (mkdirat (f->fd, "outside/folder", 0700), ==, -1);
  g_assert_cmpint (unlinkat (f->fd, "outside/file", 0), ==, -1);
  g_assert_cmpint (renameat2 (f->fd, "inside/file", f->fd, "outside/taken", 0), ==, -1);
  g_assert_cmpint (renameat2 (f->fd, "outside/file", f->fd, "inside/taken", 0), ==, -1);
}

static void
test_make (Fixture *f, gconstpointer data)
{
  if (has_landlock ())
    assert_well (f, make);
}

/* The place of a package that is still to be made: its folder comes into being beside others. */
static void
make_missing (Fixture *f)
{
  confine (f, "inside/package", VMP_PLACE_MAKE);
  g_assert_no_errno (mkdirat (f->fd, "inside/package", 0700));
  assert_opens (f, "inside/package/new", O_RDWR | O_CREAT | O_EXCL);
  assert_denied (f, "outside/new", O_RDWR | O_CREAT);
}

static void
test_make_missing (Fixture *f, gconstpointer data)
{
  if (has_landlock ())
    assert_well (f, make_missing);
}

static void
one_file (Fixture *f)
{
  confine (f, "inside/file", VMP_PLACE_CHANGE);
  assert_opens (f, "inside/file", O_RDWR);
  assert_denied (f, "inside", O_RDONLY | O_DIRECTORY);
  assert_denied (f, "outside/file", O_RDONLY);
}

static void
test_one_file (Fixture *f, gconstpointer data)
{
  if (has_landlock ())
    assert_well (f, one_file);
}

/* The inspector. */
static void
nothing (Fixture *f)
{
  confine (f, NULL, VMP_PLACE_READ);
  assert_denied (f, "inside/file", O_RDONLY);
  assert_denied (f, "outside/file", O_RDONLY);
  assert_denied (f, "inside", O_RDONLY | O_DIRECTORY);
  assert_denied (f, "/usr/bin/env", O_RDONLY);
}

static void
test_nothing (Fixture *f, gconstpointer data)
{
  if (has_landlock ())
    assert_well (f, nothing);
}

/* A kernel without Landlock, or one where it is switched off. */
static void
do_without_landlock (Fixture *f)
{
  scmp_filter_ctx context = seccomp_init (SCMP_ACT_ALLOW);

  g_assert_nonnull (context);
  g_assert_cmpint (seccomp_rule_add (context, SCMP_ACT_ERRNO (EOPNOTSUPP),
                                     SCMP_SYS (landlock_create_ruleset), 0), ==, 0);
  g_assert_cmpint (seccomp_load (context), ==, 0);
  seccomp_release (context);
  g_assert_cmpint (vmp_landlock_get_abi (), ==, 0);
  confine (f, "inside", VMP_PLACE_READ);
  assert_opens (f, "outside/file", O_RDONLY);
  /* The filter is there all the same. */
  g_assert_cmpint (socket (AF_UNIX, SOCK_STREAM, 0), ==, -1);
}

static void
test_without_landlock (Fixture *f, gconstpointer data)
{
  assert_well (f, do_without_landlock);
}

static gpointer
be_a_thread (gpointer data)
{
  return data;
}

static void
do_daily_work (Fixture *f)
{
  g_autoptr (GThread) thread = NULL;
  g_autofree char *large = NULL;

  confine (f, "inside", VMP_PLACE_MAKE);
  thread = g_thread_new ("one", be_a_thread, f);
  g_assert_true (g_thread_join (g_steal_pointer (&thread)) == f);
  large = g_malloc0 (64 * 1024 * 1024);
  large[1] = 1;
  g_assert_cmpint (prctl (PR_SET_NAME, "name", 0, 0, 0), ==, 0);
}

static void
test_daily_work (Fixture *f, gconstpointer data)
{
  assert_well (f, do_daily_work);
}

static void
be_refused (Fixture *f)
{
  confine (f, "inside", VMP_PLACE_MAKE);
  g_assert_cmpint (socket (AF_INET, SOCK_STREAM, 0), ==, -1);
  g_assert_cmpint (socket (AF_UNIX, SOCK_STREAM, 0), ==, -1);
  g_assert_cmpint (fork (), ==, -1);
  g_assert_true (mmap (NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
                 == MAP_FAILED);
  g_assert_cmpint (prctl (PR_SET_DUMPABLE, 1, 0, 0, 0), ==, -1);
  g_assert_cmpint (kill (getppid (), 0), ==, -1);
  g_assert_cmpint (symlinkat ("/etc", f->fd, "inside/etc"), ==, -1);
  g_assert_cmpint (linkat (f->fd, "inside/file", f->fd, "inside/twice", 0), ==, -1);
  g_assert_cmpint (fchmodat (f->fd, "inside/file", 04755, 0), ==, -1);
  g_assert_cmpint (fcntl (f->fd, F_SETOWN, getppid ()), ==, -1);
  g_assert_cmpint (syscall (SYS_pidfd_open, getppid (), 0), ==, -1);
}

static void
test_refused (Fixture *f, gconstpointer data)
{
  assert_well (f, be_refused);
}

static void
run_a_program (Fixture *f)
{
  confine (f, "inside", VMP_PLACE_MAKE);
  execl ("/usr/bin/true", "true", NULL);
}

static void
trace (Fixture *f)
{
  confine (f, "inside", VMP_PLACE_MAKE);
  ptrace (PTRACE_ATTACH, getppid (), NULL, NULL);
}

static void
become_another (Fixture *f)
{
  confine (f, "inside", VMP_PLACE_MAKE);
  setuid (getuid ());
}

static void
make_a_device (Fixture *f)
{
  confine (f, "inside", VMP_PLACE_MAKE);
  mknodat (f->fd, "inside/null", S_IFCHR | 0666, 259);
}

static void
look_for_io_uring (Fixture *f)
{
  confine (f, "inside", VMP_PLACE_MAKE);
  syscall (SYS_io_uring_setup, 1, NULL);
}

static void
open_a_namespace (Fixture *f)
{
  confine (f, "inside", VMP_PLACE_MAKE);
  syscall (SYS_unshare, 0x10000000 /* CLONE_NEWUSER */);
}

static void
test_killed (Fixture *f, gconstpointer data)
{
  static const Child children[] = { run_a_program, trace,          become_another,
                                    make_a_device, look_for_io_uring, open_a_namespace };

  for (gsize i = 0; i < G_N_ELEMENTS (children); i++)
    assert_killed (f, children[i]);
}

/* The one that starts QEMU. */
static void
be_a_program (Fixture *f)
{
  confine (f, "/usr", VMP_PLACE_RUN);
  execl ("/usr/bin/true", "true", NULL);
  _exit (1);
}

static void
be_blocks_worker (Fixture *f)
{
  confine (f, "/usr", VMP_PLACE_RUN);
  if (vmp_landlock_get_abi () > 0)
    assert_denied (f, "inside/file", O_RDONLY);
  g_assert_cmpint (ptrace (PTRACE_TRACEME, 0, NULL, NULL), ==, -1);
  g_assert_cmpint (setuid (getuid ()), ==, -1);
}

static void
test_block (Fixture *f, gconstpointer data)
{
  assert_well (f, be_a_program);
  assert_well (f, be_blocks_worker);
}

int
main (int argc, char **argv)
{
  static const struct
  {
    const char *path;
    void (*test) (Fixture *f, gconstpointer data);
  } tests[] = {
    { "/confine/read", test_read },
    { "/confine/change", test_change },
    { "/confine/make", test_make },
    { "/confine/make-missing", test_make_missing },
    { "/confine/one-file", test_one_file },
    { "/confine/nothing", test_nothing },
    { "/confine/without-landlock", test_without_landlock },
    { "/confine/daily-work", test_daily_work },
    { "/confine/refused", test_refused },
    { "/confine/killed", test_killed },
    { "/confine/block", test_block },
  };

  g_test_init (&argc, &argv, NULL);
  for (gsize i = 0; i < G_N_ELEMENTS (tests); i++)
    g_test_add (tests[i].path, Fixture, NULL, set_up, tests[i].test, tear_down);
  return g_test_run ();
}
