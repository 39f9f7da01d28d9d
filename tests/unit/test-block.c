/* Chains, snapshots and formats through the real QEMU: what is merged is what a guest would read. */
#include "config.h"

#include <inttypes.h>

#include "scratch.h"
#include "vmp-block.h"
#include "vmp-copier.h"
#include "vmp-image-snapshot.h"
#include "vmp-image.h"
#include "vmp-member.h"
#include "vmp-qmp.h"
#include "vmp-save-image.h"
#include "vmport-error.h"

#ifdef __x86_64__
#define QEMU_ARCH "x86_64"
#else
#define QEMU_ARCH "aarch64"
#endif
#define QEMU "/usr/bin/qemu-system-" QEMU_ARCH

/* What is to be merged, and how. */
typedef struct
{
  const char *images[8]; /* paths, topmost first */
  const char *formats[8];
  const char *snapshot;
  gboolean memory;
  const char *format; /* of the result; "raw" is written without QEMU */
} Merge;

static GVariant *
image_options (const Merge *merge, guint i)
{
  GVariantDict dict;

  g_variant_dict_init (&dict, NULL);
  g_variant_dict_insert (&dict, "Format", "s", merge->formats[i]);
  g_variant_dict_insert (&dict, "Name", "s", merge->images[i]);
  if (i == 0 && merge->snapshot != NULL)
    g_variant_dict_insert (&dict, "Snapshot", "s", merge->snapshot);
  if (i == 0 && merge->memory)
    g_variant_dict_insert (&dict, "Memory", "b", TRUE);
  return g_variant_ref_sink (g_variant_dict_end (&dict));
}

static VmpBlock *
open_images (const Merge *merge, GError **error)
{
  g_autoptr (VmpBlock) block = vmp_block_start (QEMU, error);

  if (block == NULL)
    return NULL;
  for (guint i = 0; merge->images[i] != NULL; i++)
    {
      g_autoptr (GVariant) options = image_options (merge, i);
      int fd = open (merge->images[i], O_RDONLY | O_CLOEXEC);

      g_assert_cmpint (fd, >=, 0);
      if (!vmp_block_add_image (block, fd, options, error))
        return NULL;
    }
  return g_steal_pointer (&block);
}

static int
take (GVariant *reply, const char *key, GUnixFDList *fds)
{
  gint32 handle;

  if (!g_variant_lookup (reply, key, "h", &handle))
    return -1;
  return g_unix_fd_list_get (fds, handle, NULL);
}

/* The digest that was computed on the way is the file's. */
static void
check_digests (int fd, const char *verity, const char *locator)
{
  g_auto (VmpCopierResult) result = { 0 };
  g_autofree char *read = NULL;
  g_autoptr (GError) error = NULL;

  g_assert_true (vmp_copier_run (fd, -1, "it", VMP_COPIER_VERITY, NULL, 0, NULL, NULL, &result,
                                 &error));
  g_assert_no_error (error);
  g_assert_cmpstr (verity, ==, result.verity);
  read = vmp_locator_to_text (result.locator);
  g_assert_cmpstr (locator, ==, read);
}

/* Merges into @path; what the copier counted, or -1. */
static gint64
run_merge (const Merge *merge, const char *path, GError **error)
{
  g_autoptr (VmpPace) pace = vmp_pace_new ();
  g_autoptr (VmpBlock) block = open_images (merge, error);
  g_autoptr (GUnixFDList) fds = g_unix_fd_list_new ();
  g_autoptr (GVariant) options = NULL;
  g_autoptr (GVariant) reply = NULL;
  vmp_autofd int member = open (path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  gboolean direct = g_strcmp0 (merge->format, "raw") == 0;
  g_autofree char *verity = NULL;
  g_autofree char *locator = NULL;
  GVariantDict dict;
  guint64 copied;

  g_assert_cmpint (member, >=, 0);
  if (block == NULL)
    return -1;
  g_variant_dict_init (&dict, NULL);
  g_variant_dict_insert (&dict, "Format", "s", merge->format);
  options = g_variant_ref_sink (g_variant_dict_end (&dict));
  reply = vmp_block_open (block, direct ? -1 : dup (member), options, fds, error);
  if (reply == NULL)
    return -1;
  g_variant_ref_sink (reply);
  g_variant_dict_init (&dict, reply);
  g_variant_dict_insert (&dict, "Verity", "b", TRUE);
  if (merge->memory)
    {
      g_variant_dict_insert (&dict, "StateXml", "s", "<domain/>");
      g_variant_dict_insert (&dict, "Running", "b", TRUE);
    }
  g_clear_pointer (&options, g_variant_unref);
  options = g_variant_ref_sink (g_variant_dict_end (&dict));
  if (!vmp_member_fill (member, "member", take (reply, "Source", fds), take (reply, "Target", fds),
                        options, pace, &copied, &verity, &locator, error)
      || !vmp_block_close (block, error))
    return -1;
  g_assert_true ((verity != NULL) == (direct && !merge->memory));
  if (verity != NULL)
    check_digests (member, verity, locator);
  return (gint64) copied;
}

static void
io (const char *path, const char *format, const char *command)
{
  g_free (scratch_runl ("qemu-io", "-f", format, "-c", command, path));
}

/* Both say the same to a guest, and the result is in order. */
static void
check_equal (const char *wanted, const char *wanted_format, const char *path, const char *format)
{
  g_free (scratch_runl ("qemu-img", "compare", "-f", wanted_format, "-F", format, wanted, path));
  if (strcmp (format, "raw") != 0)
    {
      g_auto (VmpImageInfo) info = { 0 };
      g_autoptr (GError) error = NULL;
      vmp_autofd int fd = open (path, O_RDONLY | O_CLOEXEC);

      g_free (scratch_runl ("qemu-img", "check", "-q", "-f", format, path));
      g_assert_true (vmp_image_inspect (fd, format, path, &info, &error));
      g_assert_no_error (error);
      g_assert_null (info.backing_file);
      g_assert_cmpuint (info.n_snapshots, ==, 0);
    }
}

static void
merge_and_compare (Scratch *scratch, Merge *merge)
{
  static const char *const formats[] = { "raw", "qcow2", "vhdx", "vmdk" };

  for (gsize i = 0; i < G_N_ELEMENTS (formats); i++)
    {
      g_autofree char *path = scratch_file (scratch, formats[i]);
      g_autoptr (GError) error = NULL;
      gint64 copied;

      merge->format = formats[i];
      copied = run_merge (merge, path, &error);
      g_assert_no_error (error);
      g_assert_cmpint (copied, >=, 0);
      check_equal (merge->images[0], merge->formats[0], path, formats[i]);
    }
}

/* A disk of every kind of cluster: data, compressed data, zeros that hide data, and nothing. */
static void
test_chain (Scratch *scratch, gconstpointer data)
{
  const char *cluster = data;
  g_autofree char *plain = scratch_file (scratch, "plain.raw");
  g_autofree char *base = scratch_file (scratch, "base.qcow2");
  g_autofree char *middle = scratch_file (scratch, "middle.qcow2");
  g_autofree char *top = scratch_file (scratch, "top.qcow2");
  Merge merge = { .images = { top, middle, base }, .formats = { "qcow2", "qcow2", "qcow2" } };

  g_free (scratch_runl ("qemu-img", "create", "-q", "-f", "raw", plain, "24M"));
  io (plain, "raw", "write -P 1 1M 6M");
  g_free (scratch_runl ("qemu-img", "convert", "-c", "-f", "raw", "-O", "qcow2", "-o", cluster,
                        plain, base));
  g_free (scratch_runl ("qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2", "-o", cluster,
                        "-b", base, middle, "24M"));
  io (middle, "qcow2", "write -P 2 3M 2M");
  io (middle, "qcow2", "write -z 4M 1M");
  /* Larger than what lies beneath. */
  g_free (scratch_runl ("qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2", "-o", cluster,
                        "-b", middle, top, "33M"));
  io (top, "qcow2", "write -P 3 4608k 4k");
  io (top, "qcow2", "write -P 4 32M 1M");
  merge_and_compare (scratch, &merge);
}

static void
test_formats (Scratch *scratch, gconstpointer data)
{
  static const char *const formats[] = { "raw", "vhdx", "vmdk", "vpc" };

  for (gsize i = 0; i < G_N_ELEMENTS (formats); i++)
    {
      g_autofree char *path = scratch_file (scratch, "image");
      Merge merge = { .images = { path }, .formats = { formats[i] } };

      g_free (scratch_runl ("qemu-img", "create", "-q", "-f", formats[i], path, "20M"));
      io (path, formats[i], "write -P 5 1M 3M");
      io (path, formats[i], "write -P 6 16M 64k");
      merge_and_compare (scratch, &merge);
      g_assert_cmpint (g_unlink (path), ==, 0);
    }
}

/* Nothing but what is allocated is read, and nothing but what is not zero is written. */
static void
test_sparse (Scratch *scratch, gconstpointer data)
{
  g_autofree char *path = scratch_file (scratch, "image.qcow2");
  g_autofree char *result = scratch_file (scratch, "result");
  g_autoptr (GError) error = NULL;
  Merge merge = { .images = { path }, .formats = { "qcow2" }, .format = "raw" };
  struct stat st;

  g_free (scratch_runl ("qemu-img", "create", "-q", "-f", "qcow2", path, "1T"));
  io (path, "qcow2", "write -P 5 900G 1M");
  io (path, "qcow2", "write -P 0 10G 1M");
  g_assert_cmpint (run_merge (&merge, result, &error), ==, 2 << 20);
  g_assert_no_error (error);
  g_assert_cmpint (g_stat (result, &st), ==, 0);
  g_assert_cmpuint ((guint64) st.st_size, ==, (guint64) 1 << 40);
  g_assert_cmpuint ((guint64) st.st_blocks * 512, ==, 1 << 20);
}

/* Each moment of an image, one of which had a smaller disk, over a base. */
static void
test_snapshots (Scratch *scratch, gconstpointer data)
{
  const char *options = data;
  g_autofree char *base = scratch_file (scratch, "base.raw");
  g_autofree char *path = scratch_file (scratch, "image.qcow2");
  g_autofree char *result = scratch_file (scratch, "result.qcow2");
  const char *names[] = { "one", "zwei ä", "3" };

  g_free (scratch_runl ("qemu-img", "create", "-q", "-f", "raw", base, "8M"));
  io (base, "raw", "write -P 9 0 2M");
  g_free (scratch_runl ("qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-o", options, "-b",
                        base, path, "16M"));
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autofree char *write = g_strdup_printf ("write -P %u %uM 3M", i + 1, i);
      g_autofree char *copy = scratch_file (scratch, names[i]);

      io (path, "qcow2", write);
      g_free (scratch_runl ("qemu-img", "convert", "-f", "qcow2", "-O", "raw", path, copy));
      g_free (scratch_runl ("qemu-img", "snapshot", "-c", names[i], path));
      if (i == 0 && strstr (options, "compat=1.1") != NULL)
        g_free (scratch_runl ("qemu-img", "resize", "-q", "-f", "qcow2", path, "40M"));
    }
  io (path, "qcow2", "write -P 77 0 12M");
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autofree char *copy = scratch_file (scratch, names[i]);
      g_autoptr (GError) error = NULL;
      Merge merge = { .images = { path, base }, .formats = { "qcow2", "raw" } };

      merge.snapshot = names[i];
      merge.format = i == 1 ? "raw" : "qcow2";
      run_merge (&merge, result, &error);
      g_assert_no_error (error);
      check_equal (copy, "raw", result, merge.format);
      g_free (scratch_runl ("qemu-img", "check", "-q", "-f", "qcow2", path));
    }
}

static void
set_up_image (Scratch *scratch, char **path)
{
  *path = scratch_file (scratch, "image.qcow2");
  g_free (scratch_runl ("qemu-img", "create", "-q", "-f", "qcow2", *path, "64M"));
  io (*path, "qcow2", "write -P 1 0 48M");
}

static void
expect (Merge *merge, Scratch *scratch, int code, const char *message)
{
  g_autofree char *result = scratch_file (scratch, "result");
  g_autoptr (GError) error = NULL;

  if (merge->format == NULL)
    merge->format = "raw";
  g_assert_cmpint (run_merge (merge, result, &error), ==, -1);
  g_assert_error (error, VMPORT_ERROR, code);
  if (strstr (error->message, message) == NULL)
    g_error ("“%s” is not in “%s”", message, error->message);
}

static void
test_refused (Scratch *scratch, gconstpointer data)
{
  g_autofree char *path = NULL;
  g_autofree char *locked = scratch_file (scratch, "locked.qcow2");
  vmp_autofd int fd = -1;
  Merge merge = { .formats = { "qcow2" } };

  set_up_image (scratch, &path);
  merge.images[0] = path;
  merge.snapshot = "none";
  expect (&merge, scratch, VMPORT_ERROR_NOT_FOUND, "has no internal snapshot “none”");
  g_free (scratch_runl ("qemu-img", "snapshot", "-c", "s", path));
  merge.snapshot = "s";
  merge.memory = TRUE;
  expect (&merge, scratch, VMPORT_ERROR_NOT_FOUND, "has no memory");
  g_free (scratch_runl ("qemu-img", "snapshot", "-c", "s", path));
  merge.memory = FALSE;
  expect (&merge, scratch, VMPORT_ERROR_CORRUPT, "two internal snapshots");

  merge.snapshot = NULL;
  merge.formats[0] = "raw";
  expect (&merge, scratch, VMPORT_ERROR_UNSAFE, "begins as a qcow image");
  g_free (scratch_runl ("qemu-img", "create", "-q", "-f", "qcow2", "-o", "data_file=other.raw",
                        locked, "1M"));
  merge.formats[0] = "qcow2";
  merge.images[0] = locked;
  expect (&merge, scratch, VMPORT_ERROR_UNSAFE, "another file");
  g_free (scratch_runl ("rm", "-f", "other.raw"));
  /* The method of encryption stands where qemu-img takes too long to make one. */
  merge.images[0] = path;
  fd = open (path, O_RDWR | O_CLOEXEC);
  g_assert_cmpint (pwrite (fd, "\0\0\0\1", 4, 32), ==, 4);
  expect (&merge, scratch, VMPORT_ERROR_NOT_SUPPORTED, "encrypted");
}

/* A snapshot's entry that says more than there is. */
static void
test_hostile_snapshot (Scratch *scratch, gconstpointer data)
{
  static const guint8 much[] = { 0x00, 0x00, 0x7f, 0xff, 0, 0, 0, 0 };
  static const guint8 overflow[] = { 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
  g_autofree char *path = NULL;
  g_autoptr (GVariant) list = NULL;
  g_autoptr (GError) error = NULL;
  vmp_autofd int fd = -1;
  guint64 table;
  Merge merge = { .formats = { "qcow2" }, .snapshot = "s" };

  set_up_image (scratch, &path);
  merge.images[0] = path;
  g_free (scratch_runl ("qemu-img", "snapshot", "-c", "s", path));
  fd = open (path, O_RDWR | O_CLOEXEC);
  g_assert_cmpint (pread (fd, &table, 8, 64), ==, 8);
  table = GUINT64_FROM_BE (table);
  list = g_variant_ref_sink (vmp_image_snapshot_list (fd, "it", &error));
  g_assert_no_error (error);
  g_assert_cmpuint (g_variant_n_children (list), ==, 1);

  /* The disk's size. */
  g_assert_cmpint (pwrite (fd, much, 8, (off_t) table + 48), ==, 8);
  expect (&merge, scratch, VMPORT_ERROR_CORRUPT, "larger than its L1 table");
  g_assert_cmpint (pwrite (fd, overflow, 8, (off_t) table + 48), ==, 8);
  expect (&merge, scratch, VMPORT_ERROR_CORRUPT, "too large");
  /* The memory's. */
  g_assert_cmpint (pwrite (fd, "\0\0\0\0\4\0\0\0", 8, (off_t) table + 48), ==, 8);
  g_assert_cmpint (pwrite (fd, much, 8, (off_t) table + 40), ==, 8);
  merge.memory = TRUE;
  expect (&merge, scratch, VMPORT_ERROR_CORRUPT, "larger than its L1 table");
  g_assert_cmpint (pwrite (fd, overflow, 8, (off_t) table + 40), ==, 8);
  expect (&merge, scratch, VMPORT_ERROR_CORRUPT, "too large");
  /* A memory that nobody wrote. */
  g_assert_cmpint (pwrite (fd, "\0\0\0\0\0\0\1\0", 8, (off_t) table + 40), ==, 8);
  expect (&merge, scratch, VMPORT_ERROR_CORRUPT, "L1 table");
}

typedef struct
{
  VmpPace *pace;
  gint64 stopped;
} Stop;

static gpointer
stop_later (gpointer data)
{
  Stop *stop = data;
  guint64 done = 0;

  while (done == 0)
    {
      g_autofree char *phase = NULL;
      g_autofree char *file = NULL;

      vmp_pace_read (stop->pace, &done, &phase, &file);
      g_usleep (1000);
    }
  stop->stopped = g_get_monotonic_time ();
  vmp_pace_stop (stop->pace);
  return NULL;
}

/* Connects to an image of 48 MiB and stands ready to fill a member from it. */
static void
open_for_fill (Scratch *scratch, char **path, VmpBlock **block, int *source)
{
  g_autoptr (GUnixFDList) fds = g_unix_fd_list_new ();
  g_autoptr (GVariant) options = g_variant_ref_sink (g_variant_new ("a{sv}", NULL));
  g_autoptr (GVariant) reply = NULL;
  g_autoptr (GError) error = NULL;
  Merge merge = { .formats = { "qcow2" } };

  set_up_image (scratch, path);
  merge.images[0] = *path;
  *block = open_images (&merge, &error);
  g_assert_no_error (error);
  reply = g_variant_ref_sink (vmp_block_open (*block, -1, options, fds, &error));
  g_assert_no_error (error);
  *source = take (reply, "Source", fds);
}

static void
test_cancel (Scratch *scratch, gconstpointer data)
{
  g_autoptr (GVariant) options = g_variant_ref_sink (g_variant_new ("a{sv}", NULL));
  g_autofree char *path = NULL;
  g_autoptr (VmpBlock) block = NULL;
  g_autoptr (VmpPace) pace = vmp_pace_new ();
  g_autoptr (GError) error = NULL;
  vmp_autofd int member = scratch_open (scratch, "member");
  Stop stop = { .pace = pace };
  GThread *thread;
  g_autofree char *verity = NULL;
  g_autofree char *locator = NULL;
  guint64 copied;
  int source;

  open_for_fill (scratch, &path, &block, &source);
  vmp_pace_set_limit (pace, 1 << 20);
  thread = g_thread_new ("stop", stop_later, &stop);
  g_assert_false (vmp_member_fill (member, "member", source, -1, options, pace, &copied, &verity, &locator,
                                   &error));
  g_assert_error (error, VMPORT_ERROR, VMPORT_ERROR_CANCELLED);
  g_thread_join (thread);
  /* The rest would take most of a minute. */
  g_assert_cmpint (g_get_monotonic_time () - stop.stopped, <, 20 * G_TIME_SPAN_SECOND);
}

/* A server that goes away is an error and no wait. */
static void
test_dead_server (Scratch *scratch, gconstpointer data)
{
  g_autoptr (GVariant) options = g_variant_ref_sink (g_variant_new ("a{sv}", NULL));
  g_autofree char *path = NULL;
  g_autoptr (VmpBlock) block = NULL;
  g_autoptr (VmpPace) pace = vmp_pace_new ();
  g_autoptr (GError) error = NULL;
  vmp_autofd int member = scratch_open (scratch, "member");
  g_autofree char *verity = NULL;
  g_autofree char *locator = NULL;
  guint64 copied;
  int source;

  open_for_fill (scratch, &path, &block, &source);
  g_clear_pointer (&block, vmp_block_free);
  g_assert_false (vmp_member_fill (member, "member", source, -1, options, pace, &copied, &verity, &locator,
                                   &error));
  g_assert_error (error, VMPORT_ERROR, VMPORT_ERROR_FAILED);
}

/* What QEMU's monitor answers to lines, which a script may look at in "said" beside the disk. */
static char *
run_machine (const char *disk, const char *incoming, const char *commands)
{
  g_autofree char *folder = g_path_get_dirname (disk);
  g_autofree char *script = g_strdup_printf (
    "cd %s; : > said; (%s) | %s -M pc-i440fx-7.2,accel=tcg -m 32 -nodefaults -display none "
    "-drive file=%s,format=qcow2,if=ide -monitor stdio %s%s%s 2>&1 | tee said",
    folder, commands, QEMU, disk, incoming != NULL ? "-incoming '" : "",
    incoming != NULL ? incoming : "", incoming != NULL ? "'" : "");

  return scratch_runl ("sh", "-c", script);
}

/* The memory of a snapshot is one that a machine starts from as from a saved state's. */
static void
test_memory (Scratch *scratch, gconstpointer data)
{
  g_autofree char *path = scratch_file (scratch, "disk.qcow2");
  g_autofree char *result = scratch_file (scratch, "state.save");
  g_autofree char *incoming = NULL;
  g_autofree char *said = NULL;
  g_auto (VmpSaveImage) image = { 0 };
  g_autoptr (GError) error = NULL;
  vmp_autofd int fd = -1;
  Merge merge = { .images = { path }, .formats = { "qcow2" }, .snapshot = "s", .memory = TRUE,
                  .format = "raw" };

  g_free (scratch_runl ("qemu-img", "create", "-q", "-f", "qcow2", path, "32M"));
  g_free (run_machine (path, NULL, "echo savevm s; echo quit"));
  /* Written over since. */
  io (path, "qcow2", "write -P 7 0 32M");
  g_assert_cmpint (run_merge (&merge, result, &error), >, 0);
  g_assert_no_error (error);
  fd = open (result, O_RDONLY | O_CLOEXEC);
  g_assert_true (vmp_save_image_read (fd, "state", &image, &error));
  g_assert_no_error (error);
  g_assert_cmpstr (image.xml, ==, "<domain/>");
  g_assert_cmpstr (image.compression, ==, "none");
  g_assert_true (image.running);
  incoming = g_strdup_printf ("exec:tail -c +%" PRIu64 " %s", image.head_size + 1, result);
  said = run_machine (path, incoming,
                      "for i in $(seq 600); do grep -q 'VM status: running' said && break;"
                      " echo info status; sleep 0.1; done; echo quit");
  if (strstr (said, "VM status: running") == NULL)
    g_error ("the machine does not run: %s", said);
}

/* QEMU opens no file by its name, whatever a header or a user might name. */
static void
test_fence (Scratch *scratch, gconstpointer data)
{
  g_autofree char *path = NULL;
  g_autoptr (VmpQmp) qmp = NULL;
  g_autoptr (GError) error = NULL;

  set_up_image (scratch, &path);
  qmp = vmp_qmp_start (QEMU, &error);
  g_assert_no_error (error);
  g_assert_false (vmp_qmp_do (qmp, "blockdev-add",
                              g_variant_new_parsed ("{'driver': <'file'>, 'node-name': <'it'>,"
                                                    " 'filename': <%s>, 'read-only': <true>}",
                                                    path),
                              &error));
  g_assert_error (error, VMPORT_ERROR, VMPORT_ERROR_FAILED);
  g_assert_nonnull (strstr (error->message, "Permission denied"));
  g_clear_error (&error);
  g_assert_true (vmp_qmp_quit (qmp, &error));
  g_assert_no_error (error);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

#define ADD(name, data, func) \
  g_test_add ("/block/" name, Scratch, data, scratch_set_up, func, scratch_tear_down)
  ADD ("chain/64k", "cluster_size=65536", test_chain);
  ADD ("chain/4k", "cluster_size=4096", test_chain);
  ADD ("chain/2m", "cluster_size=2M", test_chain);
  ADD ("chain/subclusters", "cluster_size=128k,extended_l2=on", test_chain);
  ADD ("chain/zstd", "compression_type=zstd", test_chain);
  ADD ("formats", NULL, test_formats);
  ADD ("sparse", NULL, test_sparse);
  ADD ("snapshots/64k", "compat=1.1", test_snapshots);
  ADD ("snapshots/2m", "compat=1.1,cluster_size=2M", test_snapshots);
  ADD ("snapshots/subclusters", "compat=1.1,extended_l2=on", test_snapshots);
  ADD ("snapshots/old", "compat=0.10,cluster_size=4096", test_snapshots);
  ADD ("memory", NULL, test_memory);
  ADD ("refused", NULL, test_refused);
  ADD ("hostile-snapshot", NULL, test_hostile_snapshot);
  ADD ("fence", NULL, test_fence);
  ADD ("cancel", NULL, test_cancel);
  ADD ("dead-server", NULL, test_dead_server);
#undef ADD
  return g_test_run ();
}
