/* A directory for one test, and the programs that tests compare with. */
#pragma once

#include <fcntl.h>
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/vmp-fd.h"

typedef struct
{
  char *path;
} Scratch;

static inline void
scratch_set_up (Scratch *scratch, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  scratch->path = g_dir_make_tmp ("vmport-test-XXXXXX", &error);
  g_assert_no_error (error);
}

static inline void
scratch_tear_down (Scratch *scratch, gconstpointer data)
{
  g_autoptr (GDir) dir = g_dir_open (scratch->path, 0, NULL);
  const char *name;

  g_assert_nonnull (dir);
  while ((name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_build_filename (scratch->path, name, NULL);

      g_assert_cmpint (g_unlink (path), ==, 0);
    }
  g_assert_cmpint (g_rmdir (scratch->path), ==, 0);
  g_free (scratch->path);
}

static inline char *
scratch_file (Scratch *scratch, const char *name)
{
  return g_build_filename (scratch->path, name, NULL);
}

/* Opens a file of the directory for reading and writing, made where it is missing. */
static inline int
scratch_open (Scratch *scratch, const char *name)
{
  g_autofree char *path = scratch_file (scratch, name);
  int fd = open (path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

  g_assert_cmpint (fd, >=, 0);
  return fd;
}

/* Bytes that no compression and no accident makes equal to others; @seed 0 are never zeros. */
static inline void
scratch_fill (int fd, guint64 offset, gsize size, guint32 seed)
{
  g_autofree guint8 *bytes = g_malloc (size);
  guint32 state = seed * 2654435761u + 88172645u;

  for (gsize i = 0; i < size; i++)
    {
      state ^= state << 13;
      state ^= state >> 17;
      state ^= state << 5;
      bytes[i] = (guint8) (state >> 8);
    }
  g_assert_cmpint (pwrite (fd, bytes, size, (off_t) offset), ==, (gssize) size);
}

/* Runs a program that has to succeed; what it prints, without the last newline. A program that is
 * missing fails the test. */
static inline char *
scratch_run (const char *const *argv)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GSubprocess) process = g_subprocess_newv (
    argv, G_SUBPROCESS_FLAGS_STDOUT_PIPE | G_SUBPROCESS_FLAGS_STDERR_MERGE, &error);
  char *output = NULL;

  g_assert_no_error (error);
  g_subprocess_communicate_utf8 (process, NULL, NULL, &output, NULL, &error);
  g_assert_no_error (error);
  if (!g_subprocess_get_successful (process))
    g_error ("%s failed: %s", argv[0], output);
  return g_strchomp (output);
}

#define scratch_runl(...) scratch_run ((const char *const[]) { __VA_ARGS__, NULL })
