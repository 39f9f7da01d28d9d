/* vmp-folder: what a job is about, by a path or by a directory that somebody holds open. */
#include "scratch.h"

#include "vmp-fd.h"
#include "vmp-folder.h"
#include "vmport-error.h"

static int
open_folder (const char *path)
{
  int fd = open (path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

  g_assert_cmpint (fd, >=, 0);
  return fd;
}

static VmpFolder *
new_open (const char *path)
{
  g_autoptr (GError) error = NULL;
  vmp_autofd int fd = open_folder (path);
  VmpFolder *folder = vmp_folder_new_for_fd (fd, &error);

  g_assert_no_error (error);
  return folder;
}

static GVariant *
note (VmpFolder *folder, const char *base)
{
  GVariantDict entry;

  g_variant_dict_init (&entry, NULL);
  vmp_folder_note (folder, base, &entry);
  return g_variant_ref_sink (g_variant_dict_end (&entry));
}

static void
test_path (Scratch *scratch, gconstpointer data)
{
  g_autoptr (VmpFolder) folder = vmp_folder_new ("/backup/web");
  g_autoptr (VmpFolder) other = vmp_folder_new ("/backup");
  g_autoptr (GUnixFDList) fds = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) noted = note (folder, NULL);
  g_autoptr (GVariant) empty = NULL;
  GVariantDict options;

  g_assert_false (vmp_folder_is_open (folder));
  g_assert_cmpstr (vmp_folder_get_path (folder), ==, "/backup/web");
  g_assert_cmpstr (vmp_folder_get_label (folder), ==, "/backup/web");
  g_variant_dict_init (&options, NULL);
  g_assert_true (vmp_folder_pass (folder, &options, &fds, &error));
  g_assert_no_error (error);
  g_assert_null (fds);
  empty = g_variant_ref_sink (g_variant_dict_end (&options));
  g_assert_cmpuint (g_variant_n_children (empty), ==, 0);

  g_assert_true (vmp_folder_is_noted (folder, noted));
  g_assert_false (vmp_folder_is_noted (other, noted));
  g_assert_false (g_variant_lookup (noted, "ByFd", "b", NULL));
}

/* The descriptor goes along as a duplicate, and its giver may close it. */
static void
test_open (Scratch *scratch, gconstpointer data)
{
  g_autoptr (VmpFolder) folder = new_open (scratch->path);
  g_autoptr (GUnixFDList) fds = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) options = NULL;
  GVariantDict dict;
  struct stat st, passed;
  gint32 handle = -1;

  g_assert_true (vmp_folder_is_open (folder));
  g_assert_cmpstr (vmp_folder_get_path (folder), ==, "");
  g_assert_cmpstr (vmp_folder_get_label (folder), ==, "DirectoryFd");
  g_variant_dict_init (&dict, NULL);
  g_assert_true (vmp_folder_pass (folder, &dict, &fds, &error));
  g_assert_no_error (error);
  options = g_variant_ref_sink (g_variant_dict_end (&dict));
  g_assert_true (g_variant_lookup (options, "DirectoryFd", "h", &handle));
  g_assert_cmpint (g_unix_fd_list_get_length (fds), ==, 1);
  g_assert_cmpint (handle, ==, 0);
  g_assert_cmpint (stat (scratch->path, &st), ==, 0);
  g_assert_cmpint (fstat (g_unix_fd_list_peek_fds (fds, NULL)[0], &passed), ==, 0);
  g_assert_cmpuint (passed.st_ino, ==, st.st_ino);
}

/* After a restart there is no descriptor; the inode tells whether another one is of the same. */
static void
test_noted (Scratch *scratch, gconstpointer data)
{
  g_autoptr (VmpFolder) folder = new_open (scratch->path);
  g_autoptr (VmpFolder) again = new_open (scratch->path);
  g_autoptr (VmpFolder) other = new_open (g_get_tmp_dir ());
  g_autoptr (VmpFolder) by_path = vmp_folder_new (scratch->path);
  g_autoptr (GVariant) known = note (folder, scratch->path);
  g_autoptr (GVariant) unknown = note (folder, NULL);
  GVariant *notes[] = { known, unknown };
  gboolean by_fd = FALSE;
  const char *directory;

  for (gsize i = 0; i < G_N_ELEMENTS (notes); i++)
    {
      g_assert_true (g_variant_lookup (notes[i], "ByFd", "b", &by_fd));
      g_assert_true (by_fd);
      g_assert_true (vmp_folder_is_noted (again, notes[i]));
      g_assert_false (vmp_folder_is_noted (other, notes[i]));
      g_assert_true (g_variant_lookup (notes[i], "Directory", "&s", &directory));
      g_assert_cmpstr (directory, ==, i == 0 ? scratch->path : "");
    }
  g_assert_true (vmp_folder_is_noted (by_path, known));
  g_assert_false (vmp_folder_is_noted (by_path, unknown));
}

static void
test_refused (Scratch *scratch, gconstpointer data)
{
  vmp_autofd int file = scratch_open (scratch, "file");
  vmp_autofd int handle = open (scratch->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
  vmp_autofd int null = open ("/dev/null", O_RDONLY | O_CLOEXEC);
  const int fds[] = { file, handle, null };

  for (gsize i = 0; i < G_N_ELEMENTS (fds); i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_cmpint (fds[i], >=, 0);
      g_assert_null (vmp_folder_new_for_fd (fds[i], &error));
      g_assert_error (error, VMPORT_ERROR, VMPORT_ERROR_INVALID_PARAMETER);
      g_assert_nonnull (strstr (error->message, "DirectoryFd"));
    }
}

#define ADD(name, function)                                                                        \
  g_test_add ("/folder/" name, Scratch, NULL, scratch_set_up, function, scratch_tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("path", test_path);
  ADD ("open", test_open);
  ADD ("noted", test_noted);
  ADD ("refused", test_refused);
  return g_test_run ();
}
