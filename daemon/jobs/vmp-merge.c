/* A member of a package that is made of a chain of images, by QEMU as the service's own user.
 *
 * A worker of its own starts QEMU and gives it the images, whose descriptors the caller's worker has
 * handed over. What comes back are sockets on which QEMU offers the chain as one disk: the caller's
 * worker copies from there, and writes the member, or has QEMU write it in the format wanted. */
#include "config.h"

#include "vmp-merge.h"

#include <glib/gi18n-lib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#include "vmp-error.h"
#include "vmp-fd.h"

typedef struct
{
  VmpRun *run;
  VmpWorkerHost *worker; /* the caller's; not owned */
  VmpWorkerHost *block;
  VmpSourceList *sources;
  VmpMerge *merge;
  gboolean digest;
  GArray *before; /* struct stat of each image */
} Work;

static void
work_clear (Work *work)
{
  if (work->block != NULL)
    vmp_worker_host_stop (work->block);
  g_clear_object (&work->block);
  g_clear_pointer (&work->before, g_array_unref);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Work, work_clear)

static void
merge_image_free (gpointer data)
{
  VmpMergeImage *image = data;

  g_free (image->format);
  g_free (image);
}

/* Of images that are added topmost first; @format is the member's. */
VmpMerge *
vmp_merge_new (const char *format)
{
  VmpMerge *self = g_new0 (VmpMerge, 1);

  self->images = g_ptr_array_new_with_free_func (merge_image_free);
  self->format = g_strdup (format);
  return self;
}

void
vmp_merge_add_image (VmpMerge *self, guint source, const char *format)
{
  VmpMergeImage *image = g_new0 (VmpMergeImage, 1);

  image->source = source;
  image->format = g_strdup (format);
  g_ptr_array_add (self->images, image);
}

void
vmp_merge_free (VmpMerge *self)
{
  g_ptr_array_unref (self->images);
  g_free (self->snapshot);
  g_free (self->format);
  g_free (self);
}

/* An encrypted image is for whoever has the key. */
gboolean
vmp_merge_check_image (const VmpMerge *self, VmpSourceList *sources, const VmpMergeImage *image,
                       GError **error)
{
  GVariant *reading = vmp_source_list_get_reading (sources, image->source);
  const char *name = vmp_source_list_get_name (sources, image->source);
  gboolean encrypted = FALSE;
  guint32 n_snapshots = 0;

  g_variant_lookup (reading, "Encrypted", "b", &encrypted);
  g_variant_lookup (reading, "Snapshots", "u", &n_snapshots);
  if (encrypted)
    return vmp_error_set (error, VMPORT_ERROR_NOT_SUPPORTED,
                          _ ("“%s” is encrypted; it can only be copied as it is "
                             "(DiskFormat=keep, all snapshots)"),
                          name);
  if (self->lossless && n_snapshots > 0)
    return vmp_error_set (error, VMPORT_ERROR_INVALID_PARAMETER,
                          _ ("DiskFormat: “%s” holds snapshots, which are lost where it is converted; "
                             "leave them out with CopySnapshotConfiguration=1"),
                          name);
  return TRUE;
}

/* NotSupported where some of @members (VmpExportMember) cannot be made on this host. */
gboolean
vmp_merge_check_members (GPtrArray *members, GError **error)
{
  for (guint i = 0; i < members->len; i++)
    if (((VmpExportMember *) g_ptr_array_index (members, i))->merge != NULL)
      {
        g_autofree char *program = vmp_merge_find_program (error);

        return program != NULL;
      }
  return TRUE;
}

/* Any of its emulators reads disk images; the one for this host is the likeliest to be there. */
char *
vmp_merge_find_program (GError **error)
{
  static const char *const others[]
      = { "/usr/libexec/qemu-kvm", "qemu-kvm",          "qemu-system-x86_64",
          "qemu-system-aarch64",   "qemu-system-ppc64", "qemu-system-s390x",
          "qemu-system-riscv64",   "qemu-system-arm",   "qemu-system-i386" };
  struct utsname host;
  g_autofree char *native = NULL;
  char *program;

  native = g_strdup_printf ("qemu-system-%s", uname (&host) == 0 ? host.machine : "x86_64");
  program = g_find_program_in_path (native);
  for (gsize i = 0; program == NULL && i < G_N_ELEMENTS (others); i++)
    program = g_find_program_in_path (others[i]);
  if (program == NULL)
    vmp_error_set (
        error, VMPORT_ERROR_NOT_SUPPORTED,
        _ ("Disk images are merged and converted by QEMU, and there is no %s; install the "
           "package qemu-system-x86, or that of this host's architecture"),
        native);
  return program;
}

static GVariant *
image_to_options (Work *work, guint index, GUnixFDList *fds, GError **error)
{
  VmpMergeImage *image = g_ptr_array_index (work->merge->images, index);
  int fd = vmp_source_list_get_fd (work->sources, image->source);
  GVariantDict options;
  struct stat st;
  int handle;

  if (fd < 0)
    {
      vmp_error_set (error, VMPORT_ERROR_FAILED, "The worker has handed over no image");
      return NULL;
    }
  if (fstat (fd, &st) < 0)
    {
      vmp_error_set_errno (error, errno, _ ("Cannot examine “%s”"),
                           vmp_source_list_get_name (work->sources, image->source));
      return NULL;
    }
  g_array_append_val (work->before, st);
  handle = g_unix_fd_list_append (fds, fd, error);
  if (handle < 0)
    return NULL;
  g_variant_dict_init (&options, NULL);
  g_variant_dict_insert (&options, "Fd", "h", handle);
  g_variant_dict_insert (&options, "Format", "s", image->format);
  g_variant_dict_insert (&options, "Name", "s",
                         vmp_source_list_get_name (work->sources, image->source));
  if (index == 0 && work->merge->snapshot != NULL)
    g_variant_dict_insert (&options, "Snapshot", "s", work->merge->snapshot);
  if (index == 0 && work->merge->memory)
    g_variant_dict_insert (&options, "Memory", "b", TRUE);
  return g_variant_dict_end (&options);
}

/* The memory lies in the topmost image alone. */
static gboolean
add_images (Work *work, GError **error)
{
  guint n = work->merge->memory ? 1 : work->merge->images->len;

  for (guint from = 0; from < n; from += VMP_WORKER_MAX_FDS)
    {
      g_autoptr (GUnixFDList) fds = g_unix_fd_list_new ();
      g_autoptr (GVariant) reply = NULL;
      GVariantBuilder images;

      g_variant_builder_init (&images, G_VARIANT_TYPE ("aa{sv}"));
      for (guint i = from; i < MIN (n, from + VMP_WORKER_MAX_FDS); i++)
        {
          GVariant *options = image_to_options (work, i, fds, error);

          if (options == NULL)
            {
              g_variant_builder_clear (&images);
              return FALSE;
            }
          g_variant_builder_add_value (&images, options);
        }
      reply = vmp_worker_host_call (work->block, "AddBlockImages",
                                    g_variant_new ("(aa{sv})", &images), "()", fds, NULL, error);
      if (reply == NULL)
        return FALSE;
    }
  return TRUE;
}

/* Whatever was read was read while nobody wrote it. */
static gboolean
check_unchanged (Work *work, GError **error)
{
  for (guint i = 0; i < work->before->len; i++)
    {
      const struct stat *before = &g_array_index (work->before, struct stat, i);
      VmpMergeImage *image = g_ptr_array_index (work->merge->images, i);
      struct stat after;

      if (fstat (vmp_source_list_get_fd (work->sources, image->source), &after) < 0
          || after.st_size != before->st_size || after.st_mtim.tv_sec != before->st_mtim.tv_sec
          || after.st_mtim.tv_nsec != before->st_mtim.tv_nsec
          || after.st_ctim.tv_sec != before->st_ctim.tv_sec
          || after.st_ctim.tv_nsec != before->st_ctim.tv_nsec)
        return vmp_error_set (
            error, VMPORT_ERROR_FILE_IN_USE,
            _ ("“%s” changed while it was read; end what writes to it and try again"),
            vmp_source_list_get_name (work->sources, image->source));
    }
  return TRUE;
}

static gboolean
call (VmpWorkerHost *host, const char *method, GVariant *parameters, GError **error)
{
  g_autoptr (GVariant) reply
      = vmp_worker_host_call (host, method, parameters, "()", NULL, NULL, error);

  return reply != NULL;
}

/* A descriptor of @reply, one of @fds, or -1. */
static int
take_fd (GVariant *reply, const char *key, GUnixFDList *fds, GError **error)
{
  gint32 handle;

  if (!g_variant_lookup (reply, key, "h", &handle) || fds == NULL || handle < 0
      || handle >= g_unix_fd_list_get_length (fds))
    {
      vmp_error_set (error, VMPORT_ERROR_FAILED, "The worker hands over nothing");
      return -1;
    }
  return g_unix_fd_list_get (fds, handle, error);
}

/* The empty member. */
static int
make_file (Work *work, const char *name, GError **error)
{
  g_autoptr (GUnixFDList) fds = NULL;
  g_autoptr (GVariant) reply = vmp_worker_host_call (
      work->worker, "MakeMember", g_variant_new ("(s)", name), "(h)", NULL, &fds, error);
  vmp_autofd int fd = -1;

  if (reply == NULL)
    return -1;
  if (fds == NULL || g_unix_fd_list_get_length (fds) != 1)
    {
      vmp_error_set (error, VMPORT_ERROR_FAILED, "The worker hands over nothing");
      return -1;
    }
  fd = g_unix_fd_list_get (fds, 0, error);
  if (fd < 0 || !vmp_fd_check_regular (fd, name, error))
    return -1;
  return vmp_fd_steal (&fd);
}

/* QEMU opens the chain, and the member where it is to be another format than plain bytes. */
static GVariant *
open_block (Work *work, int file, GUnixFDList **fds_out, GError **error)
{
  gboolean formatted = work->merge->format != NULL && strcmp (work->merge->format, "raw") != 0;
  g_autoptr (GUnixFDList) fds = g_unix_fd_list_new ();
  g_autoptr (GVariant) reply = NULL;
  GVariantDict options;

  g_variant_dict_init (&options, NULL);
  if (formatted)
    {
      int handle = g_unix_fd_list_append (fds, file, error);

      if (handle < 0)
        {
          g_variant_dict_clear (&options);
          return NULL;
        }
      g_variant_dict_insert (&options, "Target", "h", handle);
      g_variant_dict_insert (&options, "Format", "s", work->merge->format);
    }
  reply = vmp_worker_host_call (work->block, "OpenBlock",
                                g_variant_new ("(@a{sv})", g_variant_dict_end (&options)),
                                "(a{sv})", fds, fds_out, error);
  return reply != NULL ? g_variant_get_child_value (reply, 0) : NULL;
}

static gboolean
add_socket (GVariantDict *options, const char *key, GVariant *opened, GUnixFDList *from,
            GUnixFDList *to, GError **error)
{
  vmp_autofd int fd = take_fd (opened, key, from, error);
  int handle = fd >= 0 ? g_unix_fd_list_append (to, fd, error) : -1;

  if (handle >= 0)
    g_variant_dict_insert (options, key, "h", handle);
  return handle >= 0;
}

static gboolean
fill (Work *work, VmpExportMember *member, GVariant *opened, GUnixFDList *sockets, guint64 *copied,
      GError **error)
{
  g_autoptr (GUnixFDList) fds = g_unix_fd_list_new ();
  g_autoptr (GVariant) reply = NULL;
  guint64 offset = 0, size = 0, most = 0;
  GVariantDict options;

  g_variant_lookup (opened, "Offset", "t", &offset);
  g_variant_lookup (opened, "Size", "t", &size);
  g_variant_lookup (opened, "Most", "t", &most);
  g_variant_dict_init (&options, NULL);
  g_variant_dict_insert (&options, "Offset", "t", offset);
  g_variant_dict_insert (&options, "Size", "t", size);
  g_variant_dict_insert (&options, "Most", "t", most);
  g_variant_dict_insert (&options, "Verity", "b", work->digest);
  if (work->merge->memory)
    {
      g_variant_dict_insert (&options, "StateXml", "s", member->state_xml);
      if (member->state_cookie != NULL)
        g_variant_dict_insert (&options, "StateCookie", "s", member->state_cookie);
      g_variant_dict_insert (&options, "Running", "b", work->merge->running);
    }
  if (!add_socket (&options, "Source", opened, sockets, fds, error)
      || (g_variant_lookup (opened, "Target", "h", NULL)
          && !add_socket (&options, "Target", opened, sockets, fds, error)))
    {
      g_variant_dict_clear (&options);
      return FALSE;
    }
  reply = vmp_worker_host_call (
      work->worker, "FillMember",
      g_variant_new ("(s@a{sv})", member->name, g_variant_dict_end (&options)), "(t)", fds, NULL,
      error);
  if (reply == NULL)
    return FALSE;
  g_variant_get (reply, "(t)", copied);
  return TRUE;
}

gboolean
vmp_merge_make_member (VmpRun *run, VmpWorkerHost *worker, VmpSourceList *sources,
                       VmpExportMember *member, gboolean digest, guint64 *copied, GError **error)
{
  g_auto (Work) work = { .run = run, .worker = worker, .sources = sources,
                         .merge = member->merge, .digest = digest };
  g_autofree char *program = vmp_merge_find_program (error);
  g_autoptr (GUnixFDList) sockets = NULL;
  g_autoptr (GVariant) opened = NULL;
  vmp_autofd int file = -1;

  if (program == NULL)
    return FALSE;
  work.before = g_array_new (FALSE, FALSE, sizeof (struct stat));
  work.block = vmp_run_start_block (run, error);
  if (work.block == NULL || !call (work.block, "StartBlock", g_variant_new ("(s)", program), error)
      || !add_images (&work, error))
    return FALSE;
  file = make_file (&work, member->name, error);
  if (file < 0)
    return FALSE;
  opened = open_block (&work, file, &sockets, error);
  if (opened == NULL)
    return FALSE;
  vmp_fd_clear (&file);
  if (!fill (&work, member, opened, sockets, copied, error))
    return FALSE;
  g_clear_object (&sockets);
  return call (work.block, "CloseBlock", NULL, error) && check_unchanged (&work, error);
}
