/* QEMU's block layer for one disk: a chain of images opened as one, and a new image to write into.
 *
 * The graph is spelled out node by node, formats and backing files included: nothing that a header
 * says of other files is looked at. QEMU's disks are read and written over NBD, on sockets that are
 * connected here and handed on. */
#include "config.h"

#include "vmp-block.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gi18n-lib.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "vmp-error.h"
#include "vmp-fd.h"
#include "vmp-fill.h"
#include "vmp-image-snapshot.h"
#include "vmp-image.h"
#include "vmp-size.h"
#include "vmp-qmp.h"

#define MAX_CHAIN 1000
#define JOB_POLL_USEC 5000

struct _VmpBlock
{
  VmpQmp *qmp;
  int server;         /* O_PATH, of the socket that QEMU listens on */
  GPtrArray *formats; /* of the images, topmost first */
  guint n_fds;
  gboolean through_overlay; /* the topmost image is seen as of a snapshot */
  guint64 disk_size;        /* of the topmost image, as a guest sees it */
  guint64 offset, size;     /* what of the disk is meant, size 0 = all */
  guint64 most;             /* bytes of data that all images together can hold */
};

void
vmp_block_free (VmpBlock *self)
{
  g_clear_pointer (&self->qmp, vmp_qmp_free);
  vmp_fd_clear (&self->server);
  g_ptr_array_unref (self->formats);
  g_free (self);
}

/* A socket that is bound for a moment in a folder of nobody else's, and is then known by descriptors
 * alone: nothing is left of it, however the process ends. */
static gboolean
listen_hidden (int socket_fd, int *server, GError **error)
{
  g_autofree char *folder = g_dir_make_tmp ("vmport-XXXXXX", error);
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  g_autofree char *path = NULL;
  gboolean ok;
  int errnum;

  if (folder == NULL)
    return FALSE;
  path = g_build_filename (folder, "nbd", NULL);
  ok = g_strlcpy (address.sun_path, path, sizeof address.sun_path) < sizeof address.sun_path
       && bind (socket_fd, (struct sockaddr *) &address, sizeof address) == 0
       && listen (socket_fd, 2) == 0
       && (*server = open (path, O_PATH | O_NOFOLLOW | O_CLOEXEC)) >= 0;
  errnum = errno;
  unlink (path);
  rmdir (folder);
  if (!ok)
    return vmp_error_set_errno (error, errnum, _ ("Cannot make a socket in “%s”"),
                                g_get_tmp_dir ());
  return TRUE;
}

static gboolean
pass_fd (VmpBlock *self, int fd, char **path, GError **error)
{
  g_autoptr (JsonNode) node = NULL;
  guint id = self->n_fds++;

  node = vmp_qmp_execute (self->qmp, "add-fd",
                          g_variant_new_parsed ("{'fdset-id': <%x>}", (gint64) id), fd, error);
  *path = node != NULL ? g_strdup_printf ("/dev/fdset/%u", id) : NULL;
  return node != NULL;
}

static gboolean
start_server (VmpBlock *self, GError **error)
{
  vmp_autofd int socket_fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  g_autoptr (JsonNode) node = NULL;

  if (socket_fd < 0)
    return vmp_error_set_errno (error, errno, _ ("Cannot make a socket"));
  if (!listen_hidden (socket_fd, &self->server, error))
    return FALSE;
  node = vmp_qmp_execute (self->qmp, "getfd", g_variant_new_parsed ("{'fdname': <'nbd'>}"),
                          socket_fd, error);
  return node != NULL
         && vmp_qmp_do (
             self->qmp, "nbd-server-start",
             g_variant_new_parsed ("{'addr': <{'type': <'fd'>, 'data': <{'str': <'nbd'>}>}>}"),
             error);
}

VmpBlock *
vmp_block_start (const char *program, GError **error)
{
  g_autoptr (VmpBlock) self = g_new0 (VmpBlock, 1);

  self->server = -1;
  self->formats = g_ptr_array_new_with_free_func (g_free);
  self->qmp = vmp_qmp_start (program, error);
  if (self->qmp == NULL || !start_server (self, error))
    return NULL;
  return g_steal_pointer (&self);
}

/* A file as QEMU's block layer sees it: neither locked nor probed. */
static gboolean
add_file (VmpBlock *self, const char *node, int fd, gboolean writable, GError **error)
{
  g_autofree char *path = NULL;

  return pass_fd (self, fd, &path, error)
         && vmp_qmp_do (self->qmp, "blockdev-add",
                        g_variant_new_parsed ("{'driver': <'file'>, 'node-name': <%s>,"
                                              " 'filename': <%s>, 'read-only': <%b>,"
                                              " 'auto-read-only': <false>, 'locking': <'off'>}",
                                              node, path, !writable),
                        error);
}

/* The image @index, as of an internal snapshot of its: the file's header is overlaid. */
static gboolean
add_overlay (VmpBlock *self, int fd, const char *what, const char *snapshot_name, gboolean memory,
             GError **error)
{
  g_auto (VmpImageSnapshot) snapshot = { 0 };
  vmp_autofd int overlay = -1;

  if (!vmp_image_snapshot_find (fd, what, snapshot_name, &snapshot, error))
    return FALSE;
  if (memory && snapshot.memory_size == 0)
    return vmp_error_set (error, VMPORT_ERROR_NOT_FOUND,
                          _ ("%s: the internal snapshot “%s” has no memory"), what, snapshot_name);
  overlay = vmp_image_snapshot_open (fd, what, &snapshot, memory, &self->offset, error);
  if (overlay < 0)
    return FALSE;
  if (!memory)
    self->offset = 0;
  self->size = memory ? snapshot.memory_size : 0;
  self->through_overlay = TRUE;
  return add_file (self, "head-file", overlay, FALSE, error)
         && vmp_qmp_do (self->qmp, "blockdev-add",
                        g_variant_new_parsed ("{'driver': <'raw'>, 'node-name': <'file-0-raw'>,"
                                              " 'file': <'file-0'>, 'read-only': <true>}"),
                        error)
         && vmp_qmp_do (self->qmp, "blockdev-add",
                        g_variant_new_parsed ("{'driver': <'qcow2'>, 'node-name': <'head'>,"
                                              " 'file': <'head-file'>, 'backing': <'file-0-raw'>,"
                                              " 'read-only': <true>}"),
                        error);
}

static gboolean
check_image (int fd, const char *format, const char *what, guint64 *most, GError **error)
{
  g_auto (VmpImageInfo) info = { 0 };
  int flags = fcntl (fd, F_GETFL);

  if (flags < 0 || (flags & O_ACCMODE) != O_RDONLY)
    return vmp_error_set (error, VMPORT_ERROR_INVALID_PARAMETER, "%s is not open for reading",
                          what);
  if (!vmp_image_inspect (fd, format, what, &info, error))
    return FALSE;
  *most = info.most_data;
  if (info.encrypted)
    return vmp_error_set (error, VMPORT_ERROR_NOT_SUPPORTED,
                          _ ("%s is encrypted; it can only be copied as it is (DiskFormat=keep)"),
                          what);
  return TRUE;
}

static gboolean
has_backing (const char *format)
{
  return strcmp (format, "qcow2") == 0 || strcmp (format, "vmdk") == 0;
}

/* The bytes of the node “alone”, as a guest sees them. */
static gboolean
get_size (VmpBlock *self, guint64 *size, GError **error)
{
  g_autoptr (JsonNode) nodes = vmp_qmp_execute (
      self->qmp, "query-named-block-nodes", g_variant_new_parsed ("{'flat': <true>}"), -1, error);

  if (nodes == NULL)
    return FALSE;
  if (vmp_qmp_find_size (nodes, "alone", size))
    return TRUE;
  return vmp_error_set (error, VMPORT_ERROR_FAILED, _ ("QEMU does not tell how large the disk is"));
}

/* How large the disk on top is. QEMU is asked while the image is alone: of a chain it would name at
 * each image all that are beneath, which is more than anybody wants to read. */
static gboolean
measure (VmpBlock *self, const char *format, GError **error)
{
  GVariantDict dict;

  g_variant_dict_init (&dict, NULL);
  g_variant_dict_insert (&dict, "driver", "s", format);
  g_variant_dict_insert (&dict, "node-name", "s", "alone");
  g_variant_dict_insert (&dict, "file", "s", self->through_overlay ? "head" : "file-0");
  g_variant_dict_insert (&dict, "read-only", "b", TRUE);
  if (has_backing (format))
    g_variant_dict_insert (&dict, "backing", "ms", NULL);
  return vmp_qmp_do (self->qmp, "blockdev-add", g_variant_dict_end (&dict), error)
         && get_size (self, &self->disk_size, error)
         && vmp_qmp_do (self->qmp, "blockdev-del",
                        g_variant_new_parsed ("{'node-name': <'alone'>}"), error);
}

gboolean
vmp_block_add_image (VmpBlock *self, int fd, GVariant *options, GError **error)
{
  vmp_autofd int owned = fd;
  g_autofree char *node = g_strdup_printf ("file-%u", self->formats->len);
  g_autofree char *what = NULL;
  const char *format, *name = "", *snapshot;
  gboolean memory = FALSE;
  guint64 most = 0;

  if (!g_variant_lookup (options, "Format", "&s", &format))
    return vmp_error_set (error, VMPORT_ERROR_INVALID_PARAMETER, "An image has no format");
  g_variant_lookup (options, "Name", "&s", &name);
  g_variant_lookup (options, "Memory", "b", &memory);
  what = g_strdup_printf (_ ("“%s”"), name);
  if (self->formats->len >= MAX_CHAIN)
    return vmp_error_set (error, VMPORT_ERROR_NOT_SUPPORTED,
                          _ ("%s: the backing chain is longer than %d images"), what, MAX_CHAIN);
  if (!check_image (owned, format, what, &most, error) || !add_file (self, node, owned, FALSE, error))
    return FALSE;
  if (g_variant_lookup (options, "Snapshot", "&s", &snapshot)
      && (self->formats->len > 0 || strcmp (format, "qcow2") != 0))
    return vmp_error_set (error, VMPORT_ERROR_INVALID_PARAMETER,
                          "Only a topmost qcow2 image is read as of a snapshot");
  if (g_variant_lookup (options, "Snapshot", "&s", &snapshot)
      && !add_overlay (self, owned, what, snapshot, memory, error))
    return FALSE;
  if (self->formats->len == 0 && !measure (self, format, error))
    return FALSE;
  if (!vmp_size_add (&self->most, self->most, most))
    self->most = G_MAXUINT64;
  g_ptr_array_add (self->formats, g_strdup (format));
  return TRUE;
}

/* The image @index on its file, over what lies beneath it. Only qcow2 has a backing file that is
 * stated; that another format's header names one was refused when it was looked at. */
static gboolean
add_format (VmpBlock *self, guint index, GError **error)
{
  const char *format = g_ptr_array_index (self->formats, index);
  g_autofree char *node = g_strdup_printf ("image-%u", index);
  g_autofree char *file = index == 0 && self->through_overlay ? g_strdup ("head")
                                                              : g_strdup_printf ("file-%u", index);
  GVariantDict dict;

  g_variant_dict_init (&dict, NULL);
  g_variant_dict_insert (&dict, "driver", "s", format);
  g_variant_dict_insert (&dict, "node-name", "s", node);
  g_variant_dict_insert (&dict, "file", "s", file);
  g_variant_dict_insert (&dict, "read-only", "b", TRUE);
  if (index + 1 < self->formats->len)
    {
      g_autofree char *beneath = g_strdup_printf ("image-%u", index + 1);

      g_variant_dict_insert (&dict, "backing", "s", beneath);
    }
  else if (has_backing (format))
    g_variant_dict_insert (&dict, "backing", "ms", NULL);
  return vmp_qmp_do (self->qmp, "blockdev-add", g_variant_dict_end (&dict), error);
}

static gboolean
make_image (VmpBlock *self, const char *format, guint64 size, GError **error)
{
  GVariantDict dict;

  g_variant_dict_init (&dict, NULL);
  g_variant_dict_insert (&dict, "driver", "s", format);
  g_variant_dict_insert (&dict, "file", "s", "target-file");
  g_variant_dict_insert (&dict, "size", "t", size);
  if (!vmp_qmp_do (self->qmp, "blockdev-create",
                   g_variant_new_parsed ("{'job-id': <'create'>, 'options': <%@a{sv}>}",
                                         g_variant_dict_end (&dict)),
                   error))
    return FALSE;
  for (;;)
    {
      g_autoptr (JsonNode) jobs = vmp_qmp_execute (self->qmp, "query-jobs", NULL, -1, error);
      const char *failure;

      if (jobs == NULL)
        return FALSE;
      if (vmp_qmp_has_ended (jobs, &failure) && failure != NULL)
        return vmp_error_set (error, VMPORT_ERROR_FAILED, _ ("QEMU cannot make a %s image: %s"),
                              format, failure);
      if (vmp_qmp_has_ended (jobs, &failure))
        return vmp_qmp_do (self->qmp, "job-dismiss", g_variant_new_parsed ("{'id': <'create'>}"),
                           error);
      g_usleep (JOB_POLL_USEC);
    }
}

static gboolean
add_target (VmpBlock *self, int fd, const char *format, guint64 size, GError **error)
{
  return add_file (self, "target-file", fd, TRUE, error) && make_image (self, format, size, error)
         && vmp_qmp_do (self->qmp, "blockdev-add",
                        g_variant_new_parsed ("{'driver': <%s>, 'node-name': <'target'>,"
                                              " 'file': <'target-file'>}",
                                              format),
                        error);
}

/* Offers @node under @name and connects to it; the server tells names apart, not sockets. */
static gboolean
offer (VmpBlock *self, const char *node, const char *name, gboolean writable, GVariantDict *reply,
       const char *key, GUnixFDList *fds_out, GError **error)
{
  vmp_autofd int socket_fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  int handle;

  if (!vmp_qmp_do (self->qmp, "block-export-add",
                   g_variant_new_parsed ("{'type': <'nbd'>, 'id': <%s>, 'node-name': <%s>,"
                                         " 'name': <%s>, 'writable': <%b>}",
                                         name, node, name, writable),
                   error))
    return FALSE;
  g_snprintf (address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d", self->server);
  if (socket_fd < 0 || connect (socket_fd, (struct sockaddr *) &address, sizeof address) < 0)
    return vmp_error_set_errno (error, errno, _ ("Cannot connect to QEMU"));
  handle = g_unix_fd_list_append (fds_out, socket_fd, error);
  if (handle < 0)
    return FALSE;
  g_variant_dict_insert (reply, key, "h", handle);
  return TRUE;
}

static gboolean
open_all (VmpBlock *self, int target, GVariant *options, GVariantDict *reply, GUnixFDList *fds_out,
          GError **error)
{
  const char *format;

  for (guint i = self->formats->len; i > 0; i--)
    if (!add_format (self, i - 1, error))
      return FALSE;
  if (!offer (self, "image-0", VMP_FILL_SOURCE, FALSE, reply, "Source", fds_out, error))
    return FALSE;
  g_variant_dict_insert (reply, "Offset", "t", self->offset);
  g_variant_dict_insert (reply, "Size", "t", self->size);
  g_variant_dict_insert (reply, "Most", "t", self->most);
  if (target < 0)
    return TRUE;
  if (!g_variant_lookup (options, "Format", "&s", &format))
    return vmp_error_set (error, VMPORT_ERROR_INVALID_PARAMETER, "The new image has no format");
  return add_target (self, target, format, self->disk_size, error)
         && offer (self, "target", VMP_FILL_TARGET, TRUE, reply, "Target", fds_out, error);
}

GVariant *
vmp_block_open (VmpBlock *self, int target, GVariant *options, GUnixFDList *fds_out, GError **error)
{
  vmp_autofd int owned = target;
  GVariantDict reply;

  if (self->formats->len == 0)
    {
      vmp_error_set (error, VMPORT_ERROR_INVALID_STATE, "No image was added");
      return NULL;
    }
  g_variant_dict_init (&reply, NULL);
  if (!open_all (self, owned, options, &reply, fds_out, error))
    {
      g_variant_dict_clear (&reply);
      return NULL;
    }
  return g_variant_dict_end (&reply);
}

gboolean
vmp_block_close (VmpBlock *self, GError **error)
{
  return vmp_qmp_quit (self->qmp, error);
}
