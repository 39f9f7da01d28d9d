/* vmp-at: what is done beneath a directory stays beneath it, and follows no link. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vmp-at.h"
#include "vmp-fd.h"
#include "vmport-error.h"

/* An empty directory of the test's own, with a neighbour that nothing may reach:
 *   inside/            the descriptor
 *   outside/secret     */
typedef struct
{
  char *root;
  int root_fd;
  int fd;
} Fixture;

static void
write_file (int dirfd, const char *path, const char *content)
{
  g_autoptr (GBytes) bytes = g_bytes_new (content, strlen (content));
  g_autoptr (GError) error = NULL;

  vmp_at_write (dirfd, path, bytes, 0600, &error);
  g_assert_no_error (error);
}

static void
set_up (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  f->root = g_dir_make_tmp ("vmport-test-XXXXXX", &error);
  g_assert_no_error (error);
  f->root_fd = open (f->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  g_assert_cmpint (f->root_fd, >=, 0);
  vmp_at_mkdir (f->root_fd, "inside", 0700, &error);
  g_assert_no_error (error);
  vmp_at_mkdir (f->root_fd, "outside", 0700, &error);
  g_assert_no_error (error);
  write_file (f->root_fd, "outside/secret", "secret");
  f->fd = vmp_at_open (f->root_fd, "inside", O_RDONLY | O_DIRECTORY, 0, &error);
  g_assert_no_error (error);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  vmp_fd_clear (&f->fd);
  vmp_at_remove_tree (f->root_fd, "inside", &error);
  g_assert_no_error (error);
  vmp_at_remove_tree (f->root_fd, "outside", &error);
  g_assert_no_error (error);
  vmp_fd_clear (&f->root_fd);
  g_assert_cmpint (rmdir (f->root), ==, 0);
  g_free (f->root);
}

static void
test_refused (Fixture *f, gconstpointer data)
{
  g_autofree char *absolute = g_build_filename (f->root, "outside/secret", NULL);
  g_autofree char *proc = g_strdup_printf ("/proc/self/fd/%d", f->root_fd);
  const char *const ways[] = {
    "link",
    "folder/secret",
    "absolute",
    "../outside/secret",
    "sub/../../outside/secret",
    absolute,
    "magic/outside/secret",
    "dangling",
    "loop",
  };

  g_assert_cmpint (mkdirat (f->fd, "sub", 0700), ==, 0);
  g_assert_cmpint (symlinkat ("../outside/secret", f->fd, "link"), ==, 0);
  g_assert_cmpint (symlinkat ("../outside", f->fd, "folder"), ==, 0);
  g_assert_cmpint (symlinkat (absolute, f->fd, "absolute"), ==, 0);
  g_assert_cmpint (symlinkat (proc, f->fd, "magic"), ==, 0);
  g_assert_cmpint (symlinkat ("nowhere", f->fd, "dangling"), ==, 0);
  g_assert_cmpint (symlinkat ("loop", f->fd, "loop"), ==, 0);
  for (gsize i = 0; i < G_N_ELEMENTS (ways); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (GBytes) bytes = NULL;
      vmp_autofd int fd = -1;

      g_test_message ("%s", ways[i]);
      fd = vmp_at_open (f->fd, ways[i], O_RDONLY, 0, &error);
      g_assert_cmpint (fd, ==, -1);
      g_assert_error (error, VMPORT_ERROR, VMPORT_ERROR_UNSAFE);
      bytes = vmp_at_read (f->fd, ways[i], 100, NULL);
      g_assert_null (bytes);
      fd = vmp_at_open (f->fd, ways[i], O_WRONLY | O_CREAT, 0600, NULL);
      g_assert_cmpint (fd, ==, -1);
    }
}

/* A link among names that stays inside is not followed either. */
static void
test_inner_link (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  vmp_autofd int fd = -1;

  write_file (f->fd, "file", "x");
  g_assert_cmpint (symlinkat ("file", f->fd, "link"), ==, 0);
  fd = vmp_at_open (f->fd, "link", O_RDONLY, 0, &error);
  g_assert_cmpint (fd, ==, -1);
  g_assert_error (error, VMPORT_ERROR, VMPORT_ERROR_UNSAFE);
}

static void
test_not_regular (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) bytes = NULL;

  g_assert_cmpint (mkfifoat (f->fd, "fifo", 0600), ==, 0);
  bytes = vmp_at_read (f->fd, "fifo", 100, &error);
  g_assert_null (bytes);
  g_assert_error (error, VMPORT_ERROR, VMPORT_ERROR_UNSAFE);
  g_clear_error (&error);
  bytes = vmp_at_read (f->fd, ".", 100, &error);
  g_assert_null (bytes);
  g_assert_error (error, VMPORT_ERROR, VMPORT_ERROR_UNSAFE);
  g_clear_error (&error);
  bytes = vmp_at_read (f->fd, "missing", 100, &error);
  g_assert_null (bytes);
  g_assert_error (error, VMPORT_ERROR, VMPORT_ERROR_NOT_FOUND);
}

static void
test_remove_tree (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  g_assert_true (vmp_at_mkdir_parents (f->fd, "tree/a/b", 0700, &error));
  g_assert_no_error (error);
  g_assert_true (vmp_at_mkdir_parents (f->fd, "tree/a/b", 0700, &error));
  write_file (f->fd, "tree/a/b/file", "x");
  g_assert_cmpint (symlinkat ("../../outside", f->fd, "tree/link"), ==, 0);
  g_assert_cmpint (symlinkat ("../outside", f->fd, "link"), ==, 0);
  g_assert_true (vmp_at_remove_tree (f->fd, "tree", &error));
  g_assert_no_error (error);
  g_assert_true (vmp_at_remove_tree (f->fd, "link", &error));
  g_assert_no_error (error);
  g_assert_true (vmp_at_remove_tree (f->fd, "tree", &error));
  g_assert_no_error (error);
  g_assert_false (vmp_at_exists (f->fd, "tree"));
  g_assert_true (vmp_at_exists (f->root_fd, "outside/secret"));
}

static void
test_mkdir_parents_link (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  g_assert_cmpint (symlinkat ("../outside", f->fd, "link"), ==, 0);
  g_assert_false (vmp_at_mkdir_parents (f->fd, "link/new", 0700, &error));
  g_assert_nonnull (error);
  g_assert_false (vmp_at_exists (f->root_fd, "outside/new"));
}

static void
test_write (Fixture *f, gconstpointer data)
{
  g_autoptr (GBytes) one = g_bytes_new_static ("one", 3);
  g_autoptr (GBytes) two = g_bytes_new_static ("two!", 4);
  g_autoptr (GBytes) back = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) names = NULL;

  g_assert_true (vmp_at_write (f->fd, "file", one, 0600, &error));
  g_assert_false (vmp_at_write (f->fd, "file", two, 0600, &error));
  g_assert_error (error, VMPORT_ERROR, VMPORT_ERROR_EXISTS);
  g_clear_error (&error);
  g_assert_true (vmp_at_replace (f->fd, "file", two, 0600, &error));
  g_assert_no_error (error);
  back = vmp_at_read (f->fd, "file", 4, &error);
  g_assert_no_error (error);
  g_assert_true (g_bytes_equal (back, two));
  g_clear_pointer (&back, g_bytes_unref);
  back = vmp_at_read (f->fd, "file", 3, &error);
  g_assert_null (back);
  g_assert_error (error, VMPORT_ERROR, VMPORT_ERROR_CORRUPT);
  g_clear_error (&error);

  names = vmp_at_list (f->fd, ".", 10, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (names->len, ==, 1);
}

/* What is prepared changes nothing until it is committed. */
static void
test_prepare (Fixture *f, gconstpointer data)
{
  g_autoptr (GBytes) two = g_bytes_new_static ("two!", 4);
  g_autoptr (GBytes) back = NULL;
  g_autoptr (GPtrArray) names = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *prepared = NULL;
  g_autofree char *dropped = NULL;
  mode_t umask_before = umask (0077);
  struct stat st;

  write_file (f->fd, "file", "one");
  prepared = vmp_at_prepare (f->fd, "file", two, 0644, geteuid (), getegid (), &error);
  dropped = vmp_at_prepare (f->fd, "file", two, 0644, geteuid (), getegid (), &error);
  umask (umask_before);
  g_assert_no_error (error);
  g_assert_cmpint (prepared[0], ==, '.');
  back = vmp_at_read (f->fd, "file", 3, &error);
  g_assert_no_error (error);
  g_clear_pointer (&back, g_bytes_unref);

  vmp_at_discard (f->fd, dropped);
  g_assert_true (vmp_at_commit (f->fd, prepared, "file", &error));
  g_assert_no_error (error);
  back = vmp_at_read (f->fd, "file", 4, &error);
  g_assert_no_error (error);
  g_assert_true (g_bytes_equal (back, two));
  g_assert_cmpint (fstatat (f->fd, "file", &st, 0), ==, 0);
  g_assert_cmphex (st.st_mode & 07777, ==, 0644);
  names = vmp_at_list (f->fd, ".", 10, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (names->len, ==, 1);
  g_assert_false (vmp_at_commit (f->fd, prepared, "file", &error));
  g_assert_error (error, VMPORT_ERROR, VMPORT_ERROR_NOT_FOUND);
}

static void
test_rename (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  write_file (f->fd, "a", "a");
  write_file (f->fd, "b", "b");
  g_assert_false (vmp_at_rename_noreplace (f->fd, "a", f->fd, "b", &error));
  g_assert_error (error, VMPORT_ERROR, VMPORT_ERROR_EXISTS);
  g_clear_error (&error);
  g_assert_true (vmp_at_rename_noreplace (f->fd, "a", f->fd, "c", &error));
  g_assert_no_error (error);
  g_assert_true (vmp_at_sync (f->fd, ".", &error));
  g_assert_no_error (error);
}

static void
test_list (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) names = NULL;
  g_autoptr (GPtrArray) none = NULL;

  write_file (f->fd, "b", "");
  write_file (f->fd, "A", "");
  write_file (f->fd, ".c", "");
  names = vmp_at_list (f->fd, ".", 3, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (names->len, ==, 3);
  g_assert_cmpstr (g_ptr_array_index (names, 0), ==, ".c");
  g_assert_cmpstr (g_ptr_array_index (names, 1), ==, "A");
  none = vmp_at_list (f->fd, ".", 2, &error);
  g_assert_null (none);
  g_assert_error (error, VMPORT_ERROR, VMPORT_ERROR_CORRUPT);
}

static void
test_absolute (Fixture *f, gconstpointer data)
{
  g_autofree char *path = g_build_filename (f->root, "inside", "link", NULL);
  g_autofree char *magic = g_strdup_printf ("/proc/self/fd/%d/outside/secret", f->root_fd);
  g_autoptr (GError) error = NULL;
  vmp_autofd int fd = -1;

  g_assert_cmpint (symlinkat ("../outside/secret", f->fd, "link"), ==, 0);
  fd = vmp_at_open_absolute (path, O_RDONLY, &error);
  g_assert_no_error (error);
  g_assert_cmpint (fcntl (fd, F_GETFD) & FD_CLOEXEC, ==, FD_CLOEXEC);
  g_assert_cmpint (vmp_at_open_absolute (magic, O_RDONLY, &error), ==, -1);
  g_assert_error (error, VMPORT_ERROR, VMPORT_ERROR_UNSAFE);
}

static void
test_fds (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  vmp_autofd int reader = -1, writer = -1, handle = -1, copy = -1;

  write_file (f->fd, "file", "x");
  reader = vmp_at_open (f->fd, "file", O_RDONLY, 0, &error);
  g_assert_no_error (error);
  g_assert_cmpint (vmp_fd_find_writers (reader), ==, VMP_WRITERS_NONE);
  writer = vmp_at_open (f->fd, "file", O_RDWR, 0, &error);
  g_assert_cmpint (vmp_fd_find_writers (reader), ==, VMP_WRITERS_SOME);
  vmp_fd_clear (&writer);
  g_assert_cmpint (vmp_fd_find_writers (reader), ==, VMP_WRITERS_NONE);

  handle = openat (f->fd, "file", O_PATH | O_CLOEXEC);
  g_assert_cmpint (handle, >=, 0);
  g_assert_false (vmp_fd_check_regular (handle, "it", &error));
  g_assert_error (error, VMPORT_ERROR, VMPORT_ERROR_INVALID_PARAMETER);
  g_clear_error (&error);
  g_assert_false (vmp_fd_check_directory (reader, "it", &error));
  g_assert_error (error, VMPORT_ERROR, VMPORT_ERROR_INVALID_PARAMETER);
  g_clear_error (&error);
  g_assert_true (vmp_fd_check_directory (f->fd, "it", &error));
  copy = vmp_fd_dup (reader, &error);
  g_assert_no_error (error);
  g_assert_cmpint (copy, !=, reader);
}

static void
test_identify (Fixture *f, gconstpointer data)
{
  VmpFileId id = { 0, 0 };
  struct stat st;

  g_assert_cmpint (fstat (f->fd, &st), ==, 0);
  g_assert_true (vmp_fd_identify (f->fd, &id));
  g_assert_cmpuint (id.device, ==, st.st_dev);
  g_assert_cmpuint (id.inode, ==, st.st_ino);
  g_assert_false (vmp_fd_identify (-1, &id));
}

/* The path of an open directory, as long as the path leads to it. */
static void
test_find_path (Fixture *f, gconstpointer data)
{
  g_autofree char *inside = g_build_filename (f->root, "inside", NULL);
  g_autofree char *moved = g_build_filename (f->root, "outside/moved", NULL);
  g_autofree char *first = vmp_at_find_path (f->fd);
  g_autofree char *second = NULL;
  g_autofree char *odd = NULL;
  vmp_autofd int gone = -1;

  g_assert_cmpstr (first, ==, inside);
  g_assert_cmpint (renameat (f->root_fd, "inside", f->root_fd, "outside/moved"), ==, 0);
  g_assert_cmpint (mkdirat (f->root_fd, "inside", 0700), ==, 0);
  second = vmp_at_find_path (f->fd);
  g_assert_cmpstr (second, ==, moved);

  /* A name that no message can carry. */
  g_assert_cmpint (renameat (f->root_fd, "outside/moved", f->root_fd, "outside/\xff"), ==, 0);
  odd = vmp_at_find_path (f->fd);
  g_assert_null (odd);

  gone = openat (f->root_fd, "inside", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  g_assert_cmpint (gone, >=, 0);
  g_assert_cmpint (unlinkat (f->root_fd, "inside", AT_REMOVEDIR), ==, 0);
  /* The kernel says "… (deleted)" of it, which is a name that something else may have. */
  g_assert_cmpint (mkdirat (f->root_fd, "inside (deleted)", 0700), ==, 0);
  g_assert_null (vmp_at_find_path (gone));
  g_assert_cmpint (unlinkat (f->root_fd, "inside (deleted)", AT_REMOVEDIR), ==, 0);
}

#define ADD(name, function) g_test_add ("/at/" name, Fixture, NULL, set_up, function, tear_down)

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  ADD ("refused", test_refused);
  ADD ("inner-link", test_inner_link);
  ADD ("not-regular", test_not_regular);
  ADD ("remove-tree", test_remove_tree);
  ADD ("mkdir-parents-link", test_mkdir_parents_link);
  ADD ("prepare", test_prepare);
  ADD ("write", test_write);
  ADD ("rename", test_rename);
  ADD ("list", test_list);
  ADD ("absolute", test_absolute);
  ADD ("fds", test_fds);
  ADD ("identify", test_identify);
  ADD ("find-path", test_find_path);
  return g_test_run ();
}
