/* The internal snapshots of a qcow2 image, and the image as it was at one of them.
 *
 * QEMU's block layer reads a snapshot only by loading it, which qemu-img alone can do. But to a
 * reader a snapshot is nothing but another L1 table: where the header names that one, the image is
 * what it was. The file is not ours to change, so the header is changed in a thin overlay over it.
 */
#include "config.h"

#include "vmp-image-snapshot.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gi18n-lib.h>
#include <inttypes.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vmp-fd.h"
#include "vmp-image-qcow2.h"
#include "vmp-name.h"
#include "vmp-size.h"

#define ENTRY_SIZE 40
#define MEMORY_SIZE_64 8 /* of the extra data that have the memory's size in 64 bits… */
#define DISK_SIZE_64 16  /* …and the disk's */
#define MAX_NAME 1023

/* Of the overlay, in clusters: its header, an empty refcount table (nobody writes), an L2 table,
 * the only cluster that has something in it, the L1 table. */
#define CLUSTER_BITS 16
#define CLUSTER (1 << CLUSTER_BITS)
#define REFCOUNTS CLUSTER
#define L2_TABLE (2 * CLUSTER)
#define HEAD (3 * CLUSTER)
#define L1_TABLE (4 * CLUSTER)
#define BYTES_PER_L1_ENTRY ((guint64) CLUSTER * (CLUSTER / 8))
#define COPIED (G_GUINT64_CONSTANT (1) << 63)
#define SECTOR 512

void
vmp_image_snapshot_clear (VmpImageSnapshot *snapshot)
{
  g_free (snapshot->name);
  memset (snapshot, 0, sizeof *snapshot);
}

static gboolean
open_file (int fd, const char *what, VmpImageFile *file, VmpQcow2Header *header, GError **error)
{
  g_auto (VmpImageInfo) info = { 0 };
  struct stat st;

  /* What is read below relies on a header and a table that are in order. */
  if (!vmp_image_inspect (fd, "qcow2", what, &info, error))
    return FALSE;
  if (fstat (fd, &st) < 0)
    return vmp_error_set_errno (error, errno, _ ("Cannot examine %s"), what);
  file->fd = fd;
  file->what = what;
  file->size = vmp_fd_get_size (fd, &st);
  return vmp_qcow2_read_header (file, header, error);
}

/* NULL without @error for a name that nobody could ask for. */
static char *
read_name (const VmpImageFile *file, guint64 offset, gsize size, GError **error)
{
  g_autofree char *name = g_malloc0 (size + 1);

  if (!vmp_image_read (file, offset, name, size, error))
    return NULL;
  if (size == 0 || size > MAX_NAME || strlen (name) != size || !g_utf8_validate (name, -1, NULL))
    return NULL;
  for (const char *c = name; *c != '\0'; c = g_utf8_next_char (c))
    if (g_unichar_iscntrl (g_utf8_get_char (c)))
      return NULL;
  return g_steal_pointer (&name);
}

/* Reads the entry at *@offset and steps over it. Its name stays NULL where nobody could ask for it.
 */
static gboolean
read_entry (const VmpImageFile *file, const VmpQcow2Header *header, guint64 *offset,
            VmpImageSnapshot *snapshot, GError **error)
{
  g_autoptr (GError) local_error = NULL;
  guint8 raw[ENTRY_SIZE + DISK_SIZE_64] = { 0 };
  guint64 id_size, name_size, extra_size;

  if (!vmp_image_read (file, *offset, raw, ENTRY_SIZE, error))
    return FALSE;
  snapshot->l1_offset = vmp_image_be64 (raw);
  snapshot->l1_size = vmp_image_be32 (raw + 8);
  id_size = vmp_image_be16 (raw + 12);
  name_size = vmp_image_be16 (raw + 14);
  extra_size = vmp_image_be32 (raw + 36);
  if (!vmp_image_read (file, *offset + ENTRY_SIZE, raw + ENTRY_SIZE, MIN (extra_size, DISK_SIZE_64),
                       error))
    return FALSE;
  snapshot->memory_size = extra_size >= MEMORY_SIZE_64 ? vmp_image_be64 (raw + ENTRY_SIZE)
                                                       : vmp_image_be32 (raw + 32);
  snapshot->disk_size = extra_size >= DISK_SIZE_64
                            ? vmp_image_be64 (raw + ENTRY_SIZE + MEMORY_SIZE_64)
                            : header->virtual_size;
  snapshot->name
      = read_name (file, *offset + ENTRY_SIZE + extra_size + id_size, name_size, &local_error);
  if (local_error != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&local_error));
      return FALSE;
    }
  *offset += (ENTRY_SIZE + extra_size + id_size + name_size + 7) & ~G_GUINT64_CONSTANT (7);
  return TRUE;
}

GVariant *
vmp_image_snapshot_list (int fd, const char *what, GError **error)
{
  GVariantBuilder builder;
  VmpQcow2Header header = { 0 };
  VmpImageFile file;
  guint64 offset;

  if (!open_file (fd, what, &file, &header, error))
    return NULL;
  offset = header.snapshots_offset;
  g_variant_builder_init (&builder, G_VARIANT_TYPE ("a(stt)"));
  for (guint i = 0; i < MIN (header.n_snapshots, VMP_IMAGE_MAX_LISTED_SNAPSHOTS); i++)
    {
      g_auto (VmpImageSnapshot) found = { 0 };

      if (!read_entry (&file, &header, &offset, &found, error))
        {
          g_variant_builder_clear (&builder);
          return NULL;
        }
      if (found.name != NULL)
        g_variant_builder_add (&builder, "(stt)", found.name, found.disk_size, found.memory_size);
    }
  return g_variant_builder_end (&builder);
}

gboolean
vmp_image_snapshot_find (int fd, const char *what, const char *name, VmpImageSnapshot *snapshot,
                         GError **error)
{
  g_auto (VmpImageSnapshot) match = { 0 };
  VmpQcow2Header header = { 0 };
  VmpImageFile file;
  guint64 offset;

  memset (snapshot, 0, sizeof *snapshot);
  if (!open_file (fd, what, &file, &header, error))
    return FALSE;
  offset = header.snapshots_offset;
  for (guint i = 0; i < header.n_snapshots; i++)
    {
      g_auto (VmpImageSnapshot) found = { 0 };

      if (!read_entry (&file, &header, &offset, &found, error))
        return FALSE;
      if (g_strcmp0 (found.name, name) != 0)
        continue;
      if (match.name != NULL)
        return vmp_image_corrupt (&file, error, _ ("has two internal snapshots “%s”"), name);
      match = found;
      memset (&found, 0, sizeof found);
    }
  if (match.name == NULL)
    return vmp_error_set (error, VMPORT_ERROR_NOT_FOUND, _ ("%s has no internal snapshot “%s”"),
                          what, name);
  *snapshot = match;
  memset (&match, 0, sizeof match);
  return TRUE;
}

static void
put_be32 (guint8 *at, guint32 number)
{
  guint32 be = GUINT32_TO_BE (number);

  memcpy (at, &be, sizeof be);
}

static void
put_be64 (guint8 *at, guint64 number)
{
  guint64 be = GUINT64_TO_BE (number);

  memcpy (at, &be, sizeof be);
}

/* What the L1 table can reach: the memory lies behind the disk, from the next L1 entry on. */
static gboolean
measure (const VmpImageFile *file, const VmpQcow2Header *header, const VmpImageSnapshot *snapshot,
         gboolean memory, guint64 *offset, guint64 *size, GError **error)
{
  guint shift = vmp_qcow2_get_l1_shift (header);
  guint64 unit = G_GUINT64_CONSTANT (1) << shift, end;

  if (snapshot->disk_size > VMP_IMAGE_MAX_SIZE - unit
      || snapshot->memory_size > VMP_IMAGE_MAX_SIZE - SECTOR)
    return vmp_image_corrupt (file, error, _ ("its snapshot “%s” is too large"), snapshot->name);
  *offset = ((snapshot->disk_size + unit - 1) >> shift) << shift;
  end = memory ? snapshot->memory_size : 0;
  if (!vmp_size_add (&end, memory ? *offset : snapshot->disk_size, end)
      || end > VMP_IMAGE_MAX_SIZE - unit || (end + unit - 1) >> shift > snapshot->l1_size)
    return vmp_image_corrupt (file, error, _ ("its snapshot “%s” is larger than its L1 table"),
                              snapshot->name);
  *size = memory ? (end + SECTOR - 1) / SECTOR * SECTOR : end;
  return TRUE;
}

/* The file's first bytes, as the overlay has them. */
static guint8 *
make_head (const VmpImageFile *file, const VmpQcow2Header *header, const VmpImageSnapshot *snapshot,
           guint64 size, GError **error)
{
  g_autofree guint8 *head = g_malloc0 (CLUSTER);

  if (!vmp_image_read (file, 0, head, MIN (file->size, CLUSTER), error))
    return NULL;
  put_be64 (head + 24, size);
  put_be32 (head + 36, snapshot->l1_size);
  put_be64 (head + 40, snapshot->l1_offset);
  put_be32 (head + 60, 0);
  put_be64 (head + 64, 0);
  /* Bitmaps are of the present. */
  if (header->version >= 3)
    put_be64 (head + 88, 0);
  return g_steal_pointer (&head);
}

static gboolean
write_at (int fd, const guint8 *bytes, gsize size, guint64 offset, GError **error)
{
  ssize_t n = pwrite (fd, bytes, size, (off_t) offset);

  if (n != (ssize_t) size)
    return vmp_error_set_errno (error, n < 0 ? errno : EIO,
                                _ ("Cannot write a header into memory"));
  return TRUE;
}

/* QEMU takes a descriptor only for just what it is open for. */
static int
reopen_for_reading (int fd, GError **error)
{
  g_autofree char *path = g_strdup_printf ("/proc/self/fd/%d", fd);
  int reader = open (path, O_RDONLY | O_CLOEXEC);

  if (reader < 0)
    vmp_error_set_errno (error, errno, _ ("Cannot read a header in memory"));
  return reader;
}

int
vmp_image_snapshot_open (int fd, const char *what, const VmpImageSnapshot *snapshot,
                         gboolean memory, guint64 *offset, GError **error)
{
  vmp_autofd int overlay = memfd_create ("vmport-snapshot", MFD_CLOEXEC);
  g_autofree guint8 *head = NULL;
  guint8 own[72] = { 0 }, entry[8];
  VmpQcow2Header header = { 0 };
  VmpImageFile file;
  guint64 size = 0, n_entries, covered;

  if (overlay < 0)
    {
      vmp_error_set_errno (error, errno, _ ("Cannot write a header into memory"));
      return -1;
    }
  if (!open_file (fd, what, &file, &header, error)
      || !measure (&file, &header, snapshot, memory, offset, &size, error))
    return -1;
  head = make_head (&file, &header, snapshot, size, error);
  if (head == NULL)
    return -1;
  /* The last cluster need not be whole, and QEMU knows nothing smaller than a sector. */
  covered = (MAX (file.size, CLUSTER) + SECTOR - 1) / SECTOR * SECTOR;
  n_entries = (covered + BYTES_PER_L1_ENTRY - 1) / BYTES_PER_L1_ENTRY;
  put_be32 (own, 0x514649fb);
  put_be32 (own + 4, 2);
  put_be32 (own + 20, CLUSTER_BITS);
  put_be64 (own + 24, covered);
  put_be32 (own + 36, (guint32) n_entries);
  put_be64 (own + 40, L1_TABLE);
  put_be64 (own + 48, REFCOUNTS);
  put_be32 (own + 56, 1);
  if (ftruncate (overlay, (off_t) (L1_TABLE + (n_entries * 8 + CLUSTER - 1) / CLUSTER * CLUSTER))
      < 0)
    {
      vmp_error_set_errno (error, errno, _ ("Cannot write a header into memory"));
      return -1;
    }
  if (!write_at (overlay, own, sizeof own, 0, error)
      || !write_at (overlay, head, CLUSTER, HEAD, error))
    return -1;
  put_be64 (entry, HEAD | COPIED);
  if (!write_at (overlay, entry, sizeof entry, L2_TABLE, error))
    return -1;
  put_be64 (entry, L2_TABLE | COPIED);
  if (!write_at (overlay, entry, sizeof entry, L1_TABLE, error))
    return -1;
  return reopen_for_reading (overlay, error);
}
