/* The copier on real files: what arrives, what stays a hole, what is counted, what is refused. */
#include "config.h"

#include <sched.h>
#include <sys/mount.h>

#include "scratch.h"
#include "vmp-copier.h"
#include "vmport-error.h"

#define MIB (1024 * 1024)

/* As much is on its way at a time, at most. */
#define IN_FLIGHT (24 * MIB)

/* What the progress callback saw, and what it shall do. */
typedef struct
{
  guint64 sum;
  guint64 largest;
  guint calls;
  guint64 stop_at; /* fail once the sum is there; 0 = never */
  int touch;       /* write to this file at the first call; -1 = none */
  int truncate;    /* cut this file to nothing at the first call; -1 = none */
} Watch;

#define WATCH_INIT { .touch = -1, .truncate = -1 }

static gboolean
watch (guint64 bytes, guint64 *next, gpointer user_data, GError **error)
{
  Watch *self = user_data;

  self->calls++;
  self->sum += bytes;
  self->largest = MAX (self->largest, bytes);
  if (self->touch >= 0 && self->calls == 1)
    scratch_fill (self->touch, 0, 10, 1);
  if (self->truncate >= 0 && self->calls == 1)
    g_assert_cmpint (ftruncate (self->truncate, 0), ==, 0);
  if (self->stop_at > 0 && self->sum >= self->stop_at)
    {
      g_set_error_literal (error, VMPORT_ERROR, VMPORT_ERROR_CANCELLED, "stopped");
      return FALSE;
    }
  return TRUE;
}

static guint64
allocated (int fd)
{
  struct stat st;

  g_assert_cmpint (fstat (fd, &st), ==, 0);
  return (guint64) st.st_blocks * 512;
}

static void
assert_same_content (Scratch *scratch, const char *a, const char *b)
{
  g_autofree char *path_a = scratch_file (scratch, a);
  g_autofree char *path_b = scratch_file (scratch, b);
  g_autofree char *output = scratch_runl ("cmp", path_a, path_b);

  g_assert_cmpstr (output, ==, "");
}

static void
assert_digests (Scratch *scratch, const char *name, const VmpCopierResult *result)
{
  g_autofree char *path = scratch_file (scratch, name);

  if (result->verity != NULL)
    {
      g_autofree char *verity = scratch_runl ("fsverity", "digest", "--compact", path);

      g_assert_cmpstr (result->verity, ==, verity);
    }
  if (result->sha256 != NULL)
    {
      g_autofree char *sum = scratch_runl ("sha256sum", path);

      sum[64] = '\0';
      g_assert_cmpstr (result->sha256, ==, sum);
    }
}

/* Sources of many shapes: data at these places, the rest holes. */
typedef struct
{
  const char *name;
  guint64 size;
  struct
  {
    guint64 offset;
    gsize size;
  } data[4];
} Shape;

static const Shape shapes[] = {
  { "empty", 0, { { 0 } } },
  { "byte", 1, { { 0, 1 } } },
  { "odd", 4097, { { 0, 4097 } } },
  { "full", 9 * MIB + 5, { { 0, 9 * MIB + 5 } } },
  { "hole-only", 64 * MIB + 1, { { 0 } } },
  { "hole-first", 20 * MIB, { { 12 * MIB, 8 * MIB } } },
  { "hole-last", 20 * MIB + 3, { { 0, 4 * MIB } } },
  { "many",
    300 * MIB + 1000,
    { { 0, 5000 }, { 7 * MIB + 1, 3 * MIB }, { 100 * MIB, 4096 }, { 300 * MIB, 1000 } } },
  { "big", 300 * MIB, { { 0, 100 * MIB }, { 150 * MIB, 150 * MIB } } },
};

static const VmpCopierFlags all_flags[]
  = { VMP_COPIER_NONE, VMP_COPIER_VERITY, VMP_COPIER_SHA256,
      VMP_COPIER_VERITY | VMP_COPIER_SHA256 };

static void
test_shape (Scratch *scratch, gconstpointer data)
{
  const Shape *shape = data;
  vmp_autofd int source = scratch_open (scratch, "source");
  guint64 size, payload, sum = 0;

  g_assert_cmpint (ftruncate (source, (off_t) shape->size), ==, 0);
  for (gsize i = 0; i < G_N_ELEMENTS (shape->data); i++)
    if (shape->data[i].size > 0)
      {
        scratch_fill (source, shape->data[i].offset, shape->data[i].size, (guint32) i + 1);
        sum += shape->data[i].size;
      }
  g_assert_true (vmp_copier_measure (source, &size, &payload, NULL));
  g_assert_cmpuint (size, ==, shape->size);
  /* Extents are whole blocks of the file system. */
  g_assert_cmpuint (payload, >=, sum);
  g_assert_cmpuint (payload, <, sum + 8 * 65536);

  for (gsize i = 0; i < G_N_ELEMENTS (all_flags); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autofree char *path = scratch_file (scratch, "target");
      vmp_autofd int target = scratch_open (scratch, "target");
      g_auto (VmpCopierResult) result = { 0 };
      Watch seen = WATCH_INIT;

      vmp_copier_run (source, target, "the disk", all_flags[i], NULL, 0, watch, &seen, &result,
                      &error);
      g_assert_no_error (error);
      g_assert_true (vmp_copier_sync (target, "the disk", NULL));
      g_assert_cmpuint (result.size, ==, shape->size);
      g_assert_cmpuint (result.copied + result.cloned, ==, payload);
      g_assert_cmpuint (seen.sum, ==, payload);
      g_assert_cmpuint (seen.largest, <=, IN_FLIGHT);
      g_assert_cmpint (result.verity != NULL, ==, (all_flags[i] & VMP_COPIER_VERITY) != 0);
      g_assert_cmpint (result.sha256 != NULL, ==, (all_flags[i] & VMP_COPIER_SHA256) != 0);
      assert_same_content (scratch, "source", "target");
      assert_digests (scratch, "source", &result);
      g_assert_cmpuint (allocated (target), <=, payload + 8 * 65536);
      g_assert_cmpint (g_unlink (path), ==, 0);
    }
}

/* Reading only computes the same digests and counts the same bytes. */
static void
test_verify (Scratch *scratch, gconstpointer data)
{
  vmp_autofd int file = scratch_open (scratch, "source");
  g_autoptr (GError) error = NULL;
  g_auto (VmpCopierResult) result = { 0 };
  Watch seen = WATCH_INIT;
  guint64 size, payload;

  scratch_fill (file, 10 * MIB, 3 * MIB, 1);
  g_assert_cmpint (ftruncate (file, 40 * MIB + 1), ==, 0);
  g_assert_true (vmp_copier_measure (file, &size, &payload, NULL));
  vmp_copier_run (file, -1, "the disk", VMP_COPIER_VERITY | VMP_COPIER_SHA256, NULL, 0, watch,
                  &seen, &result, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (result.copied, ==, payload);
  g_assert_cmpuint (result.cloned, ==, 0);
  g_assert_cmpuint (seen.sum, ==, payload);
  assert_digests (scratch, "source", &result);
}

/* Zeros that the source has written become holes, and count as read all the same. */
static void
test_zeros_become_holes (Scratch *scratch, gconstpointer data)
{
  vmp_autofd int source = scratch_open (scratch, "source");
  vmp_autofd int target = scratch_open (scratch, "target");
  g_autoptr (GError) error = NULL;
  g_auto (VmpCopierResult) result = { 0 };
  g_autofree guint8 *zeros = g_malloc0 (16 * MIB);

  g_assert_cmpint (pwrite (source, zeros, 16 * MIB, 0), ==, 16 * MIB);
  scratch_fill (source, 5 * MIB + 100, 50, 1);
  scratch_fill (source, 11 * MIB, 4097, 2);
  vmp_copier_run (source, target, "the disk", VMP_COPIER_VERITY, NULL, 0, NULL, NULL, &result,
                  &error);
  g_assert_no_error (error);
  g_assert_true (vmp_copier_sync (target, "the disk", NULL));
  g_assert_cmpuint (result.copied + result.cloned, ==, 16 * MIB);
  assert_same_content (scratch, "source", "target");
  assert_digests (scratch, "source", &result);
  if (result.cloned == 0)
    g_assert_cmpuint (allocated (target), <=, 65536);
}

/* Space that was set aside and never written is a hole and stays one: reading ahead of the data
 * before it must not turn it into data on the way. */
static void
test_preallocated (Scratch *scratch, gconstpointer data)
{
  vmp_autofd int source = scratch_open (scratch, "source");
  vmp_autofd int target = scratch_open (scratch, "target");
  g_autoptr (GError) error = NULL;
  g_auto (VmpCopierResult) result = { 0 };
  guint64 size, payload;

  g_assert_cmpint (fallocate (source, 0, 0, 64 * MIB), ==, 0);
  for (guint i = 0; i < 8; i++)
    scratch_fill (source, i * 8 * MIB, 2 * MIB, i);
  g_assert_cmpint (fsync (source), ==, 0);
  g_assert_cmpint (posix_fadvise (source, 0, 0, POSIX_FADV_DONTNEED), ==, 0);
  g_assert_true (vmp_copier_measure (source, &size, &payload, NULL));
  vmp_copier_run (source, target, "the disk", VMP_COPIER_VERITY, NULL, 0, NULL, NULL, &result,
                  &error);
  g_assert_no_error (error);
  g_assert_cmpuint (result.copied + result.cloned, ==, payload);
  assert_same_content (scratch, "source", "target");
  assert_digests (scratch, "source", &result);
}

/* A patch reaches the target always, and the digests where it says so; in data, over the border of
 * a chunk, in a hole, and at the very end. */
static void
test_patches (Scratch *scratch, gconstpointer data)
{
  const guint64 offsets[] = { 0, MIB - 7, 6 * MIB + 4000, 40 * MIB - 20 };
  const VmpCopierFlags flags = VMP_COPIER_VERITY | VMP_COPIER_SHA256;

  for (guint before = 0; before < 2; before++)
    for (guint with_digests = 0; with_digests < 2; with_digests++)
      {
        g_autofree char *source_path = scratch_file (scratch, "source");
        g_autofree char *target_path = scratch_file (scratch, "target");
        vmp_autofd int source = scratch_open (scratch, "source");
        vmp_autofd int target = scratch_open (scratch, "target");
        vmp_autofd int expected = scratch_open (scratch, "expected");
        g_autoptr (GError) error = NULL;
        g_auto (VmpCopierResult) result = { 0 };
        VmpCopierPatch patches[G_N_ELEMENTS (offsets)];

        for (guint i = 0; i < G_N_ELEMENTS (offsets); i++)
          {
            patches[i].offset = offsets[i];
            patches[i].bytes = g_bytes_new_static ("the name of a backing", 20);
            patches[i].before_digest = before == 1;
          }
        for (guint i = 0; i < 2; i++)
          {
            int fd = i == 0 ? source : expected;

            scratch_fill (fd, 0, 4 * MIB, 7);
            g_assert_cmpint (ftruncate (fd, 40 * MIB), ==, 0);
          }
        for (guint i = 0; i < G_N_ELEMENTS (offsets); i++)
          g_assert_cmpint (pwrite (expected, "the name of a backing", 20, (off_t) offsets[i]), ==,
                           20);
        vmp_copier_run (source, target, "the disk", with_digests ? flags : VMP_COPIER_NONE, patches,
                        G_N_ELEMENTS (patches), NULL, NULL, &result, &error);
        g_assert_no_error (error);
        assert_same_content (scratch, "expected", "target");
        assert_digests (scratch, before ? "expected" : "source", &result);
        for (guint i = 0; i < G_N_ELEMENTS (patches); i++)
          g_bytes_unref (patches[i].bytes);
        g_assert_cmpint (g_unlink (source_path), ==, 0);
        g_assert_cmpint (g_unlink (target_path), ==, 0);
      }
}

static void
test_patch_beyond_end (Scratch *scratch, gconstpointer data)
{
  vmp_autofd int source = scratch_open (scratch, "source");
  vmp_autofd int target = scratch_open (scratch, "target");
  g_autoptr (GBytes) bytes = g_bytes_new_static ("ab", 2);
  g_autoptr (GError) error = NULL;
  g_auto (VmpCopierResult) result = { 0 };
  VmpCopierPatch patch = { 9, bytes, FALSE };

  scratch_fill (source, 0, 10, 1);
  g_assert_false (
    vmp_copier_run (source, target, "disk", 0, &patch, 1, NULL, NULL, &result, &error));
  g_assert_error (error, VMPORT_ERROR, VMPORT_ERROR_INVALID_PARAMETER);
}

/* The callback's FALSE ends the copy at that very chunk, on each of the ways to copy. */
static void
test_stop (Scratch *scratch, gconstpointer data)
{
  for (guint i = 0; i < G_N_ELEMENTS (all_flags); i++)
    {
      g_autofree char *path = scratch_file (scratch, "target");
      vmp_autofd int source = scratch_open (scratch, "source");
      vmp_autofd int target = scratch_open (scratch, "target");
      g_autoptr (GError) error = NULL;
      g_auto (VmpCopierResult) result = { 0 };
      Watch seen = WATCH_INIT;

      scratch_fill (source, 0, 64 * MIB, 1);
      seen.stop_at = 10 * MIB;
      g_assert_false (vmp_copier_run (source, target, "the disk", all_flags[i], NULL, 0, watch,
                                      &seen, &result, &error));
      g_assert_error (error, VMPORT_ERROR, VMPORT_ERROR_CANCELLED);
      g_assert_cmpuint (seen.sum, <, 10 * MIB + IN_FLIGHT);
      g_assert_null (result.verity);
      g_assert_cmpint (g_unlink (path), ==, 0);
    }
}

/* A hole with a linear digest calls back too, so that it can be stopped. */
static void
test_long_hole_reports (Scratch *scratch, gconstpointer data)
{
  vmp_autofd int source = scratch_open (scratch, "source");
  g_autoptr (GError) error = NULL;
  g_auto (VmpCopierResult) result = { 0 };
  Watch seen = WATCH_INIT;

  g_assert_cmpint (ftruncate (source, 200 * MIB), ==, 0);
  vmp_copier_run (source, -1, "the disk", VMP_COPIER_SHA256, NULL, 0, watch, &seen, &result,
                  &error);
  g_assert_no_error (error);
  g_assert_cmpuint (seen.calls, >=, 10);
  g_assert_cmpuint (seen.sum, ==, 0);
}

static void
test_source_changes (Scratch *scratch, gconstpointer data)
{
  for (guint cut = 0; cut < 2; cut++)
    for (gsize i = 0; i < G_N_ELEMENTS (all_flags); i++)
      {
        g_autofree char *path = scratch_file (scratch, "target");
        vmp_autofd int source = scratch_open (scratch, "source");
        vmp_autofd int target = scratch_open (scratch, "target");
        g_autoptr (GError) error = NULL;
        g_auto (VmpCopierResult) result = { 0 };
        Watch seen = WATCH_INIT;

        scratch_fill (source, 0, 16 * MIB, 1);
        /* The clock that stamps files ticks only a few hundred times a second. */
        g_assert_cmpint (futimens (source, (struct timespec[2]) { { 1 }, { 1 } }), ==, 0);
        seen.touch = cut ? -1 : source;
        seen.truncate = cut ? source : -1;
        g_assert_false (vmp_copier_run (source, target, "“web.qcow2”", all_flags[i], NULL, 0, watch,
                                        &seen, &result, &error));
        g_assert_error (error, VMPORT_ERROR, VMPORT_ERROR_FILE_IN_USE);
        g_assert_nonnull (strstr (error->message, "“web.qcow2”"));
        g_assert_cmpint (g_unlink (path), ==, 0);
      }
}

static void
test_target_not_empty (Scratch *scratch, gconstpointer data)
{
  vmp_autofd int source = scratch_open (scratch, "source");
  vmp_autofd int target = scratch_open (scratch, "target");
  g_autoptr (GError) error = NULL;
  g_auto (VmpCopierResult) result = { 0 };

  scratch_fill (source, 0, 10, 1);
  scratch_fill (target, 0, 10, 1);
  g_assert_false (vmp_copier_run (source, target, "disk", 0, NULL, 0, NULL, NULL, &result, &error));
  g_assert_error (error, VMPORT_ERROR, VMPORT_ERROR_EXISTS);
}

static void
test_not_regular (Scratch *scratch, gconstpointer data)
{
  vmp_autofd int source = open ("/dev/zero", O_RDONLY | O_CLOEXEC);
  g_autoptr (GError) error = NULL;
  g_auto (VmpCopierResult) result = { 0 };

  g_assert_false (vmp_copier_run (source, -1, "disk", 0, NULL, 0, NULL, NULL, &result, &error));
  g_assert_error (error, VMPORT_ERROR, VMPORT_ERROR_UNSAFE);
}

static void
write_proc (const char *path, const char *text)
{
  vmp_autofd int fd = open (path, O_WRONLY | O_CLOEXEC);

  g_assert_cmpint (fd, >=, 0);
  g_assert_cmpint (write (fd, text, strlen (text)), ==, (gssize) strlen (text));
}

/* A file system of 8 MiB, seen by nobody but this process. */
static void
mount_small (const char *path)
{
  uid_t uid = getuid ();
  gid_t gid = getgid ();
  int flags = CLONE_NEWNS | (uid != 0 ? CLONE_NEWUSER : 0);

  if (unshare (flags) < 0)
    g_error ("unshare: %s", g_strerror (errno));
  if (uid != 0)
    {
      g_autofree char *uid_map = g_strdup_printf ("0 %u 1", uid);
      g_autofree char *gid_map = g_strdup_printf ("0 %u 1", gid);

      write_proc ("/proc/self/uid_map", uid_map);
      write_proc ("/proc/self/setgroups", "deny");
      write_proc ("/proc/self/gid_map", gid_map);
    }
  if (mount ("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0
      || mount ("none", path, "tmpfs", 0, "size=8m") < 0)
    g_error ("mount: %s", g_strerror (errno));
}

static void
full_disk (VmpCopierFlags flags)
{
  g_autofree char *directory = g_dir_make_tmp ("vmport-test-XXXXXX", NULL);
  g_autofree char *path = NULL;
  vmp_autofd int source = -1;
  vmp_autofd int target = -1;
  g_autoptr (GError) error = NULL;
  g_auto (VmpCopierResult) result = { 0 };
  FILE *file = tmpfile ();
  guint64 missing;
  Watch seen = WATCH_INIT;

  g_assert_nonnull (file);
  source = dup (fileno (file));
  fclose (file);
  scratch_fill (source, 0, 16 * MIB, 1);
  mount_small (directory);
  path = g_build_filename (directory, "target", NULL);
  target = open (path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  g_assert_cmpint (target, >=, 0);
  g_assert_false (vmp_copier_run (source, target, "“web.qcow2”", flags, NULL, 0, watch, &seen,
                                  &result, &error));
  g_assert_error (error, VMPORT_ERROR, VMPORT_ERROR_NO_SPACE);
  g_assert_nonnull (strstr (error->message, "“web.qcow2”"));
  /* At least what the file system cannot hold, at most what the callback was not told of. */
  missing = g_ascii_strtoull (strstr (error->message, ": ") + 2, NULL, 10);
  g_assert_cmpuint (missing, >=, 8 * MIB);
  g_assert_cmpuint (missing, <=, 16 * MIB - seen.sum);
  vmp_fd_clear (&target);
  g_assert_cmpint (umount2 (directory, MNT_DETACH), ==, 0);
  g_assert_cmpint (g_rmdir (directory), ==, 0);
}

/* Each in a process of its own, since mounting changes the process. */
static void
test_full_disk (gconstpointer data)
{
  if (g_test_subprocess ())
    {
      full_disk (GPOINTER_TO_UINT (data));
      return;
    }
  g_test_trap_subprocess (NULL, 0, G_TEST_SUBPROCESS_INHERIT_STDERR);
  g_test_trap_assert_passed ();
}

typedef struct
{
  Scratch *scratch;
  guint number;
} ThreadInput;

static gpointer
copy_in_thread (gpointer data)
{
  ThreadInput *input = data;
  g_autofree char *source_name = g_strdup_printf ("source-%u", input->number);
  g_autofree char *target_name = g_strdup_printf ("target-%u", input->number);
  vmp_autofd int source = scratch_open (input->scratch, source_name);
  vmp_autofd int target = scratch_open (input->scratch, target_name);
  g_autoptr (GError) error = NULL;
  g_auto (VmpCopierResult) result = { 0 };

  scratch_fill (source, MIB, 20 * MIB, input->number);
  vmp_copier_run (source, target, "disk", VMP_COPIER_VERITY | VMP_COPIER_SHA256, NULL, 0, NULL,
                  NULL, &result, &error);
  g_assert_no_error (error);
  assert_same_content (input->scratch, source_name, target_name);
  assert_digests (input->scratch, source_name, &result);
  return NULL;
}

static void
test_threads (Scratch *scratch, gconstpointer data)
{
  ThreadInput inputs[4];
  GThread *threads[4];

  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    {
      inputs[i] = (ThreadInput) { scratch, i };
      threads[i] = g_thread_new ("copy", copy_in_thread, &inputs[i]);
    }
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    g_thread_join (threads[i]);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(path, func) g_test_add (path, Scratch, NULL, scratch_set_up, func, scratch_tear_down)
  for (gsize i = 0; i < G_N_ELEMENTS (shapes); i++)
    {
      g_autofree char *path = g_strdup_printf ("/copier/shape/%s", shapes[i].name);

      g_test_add (path, Scratch, &shapes[i], scratch_set_up, test_shape, scratch_tear_down);
    }
  ADD ("/copier/verify", test_verify);
  ADD ("/copier/zeros-become-holes", test_zeros_become_holes);
  ADD ("/copier/preallocated", test_preallocated);
  ADD ("/copier/patches", test_patches);
  ADD ("/copier/patch-beyond-end", test_patch_beyond_end);
  ADD ("/copier/stop", test_stop);
  ADD ("/copier/long-hole-reports", test_long_hole_reports);
  ADD ("/copier/source-changes", test_source_changes);
  ADD ("/copier/target-not-empty", test_target_not_empty);
  ADD ("/copier/not-regular", test_not_regular);
  ADD ("/copier/threads", test_threads);
  g_test_add_data_func ("/copier/full-disk/no-digest", GUINT_TO_POINTER (VMP_COPIER_NONE),
                        test_full_disk);
  g_test_add_data_func ("/copier/full-disk/digest", GUINT_TO_POINTER (VMP_COPIER_VERITY),
                        test_full_disk);
  return g_test_run ();
}
