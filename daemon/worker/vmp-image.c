/* What an image's header says: the formats, and what their parsers share. */
#include "config.h"

#include "vmp-image-private.h"

#include <errno.h>
#include <glib/gi18n-lib.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vmp-fd.h"
#include "vmp-size.h"

static gboolean
inspect_raw (const VmpImageFile *file, VmpImageInfo *info, GError **error)
{
  info->virtual_size = file->size;
  return vmp_image_check_no_other_format (file, "raw", error);
}

static const struct
{
  const char *format; /* as QEMU and libvirt call it */
  const char *extension;
  guint ratio; /* of what is compressed, at best; 0 where nothing is */
  gboolean (*inspect) (const VmpImageFile *file, VmpImageInfo *info, GError **error);
} formats[] = {
  { "qcow2", "qcow2", VMP_IMAGE_DEFLATE_RATIO, vmp_image_inspect_qcow2 },
  { "raw", "raw", 0, inspect_raw },
  { "vhdx", "vhdx", 0, vmp_image_inspect_vhdx },
  { "vmdk", "vmdk", VMP_IMAGE_DEFLATE_RATIO, vmp_image_inspect_vmdk },
  { "vpc", "vhd", 0, vmp_image_inspect_vhd },
};

/* Every format that a prober, QEMU's above all, could see at the start of a file. ISO 9660, disk
 * labels, file systems and LUKS are a guest's own business and are not in it. */
static const struct
{
  const char *name;
  guint offset;
  guint size;
  const char *magic;
} magics[] = {
  { "qcow", 0, 4, "QFI\xfb" }, /* all versions */
  { "QED", 0, 4, "QED\0" },
  { "VMDK", 0, 4, "KDMV" },
  { "VMDK", 0, 4, "COWD" },
  { "VHDX", 0, 8, "vhdxfile" },
  { "VHD", 0, 8, "conectix" },
  { "VDI", 64, 4, "\x7f\x10\xda\xbe" },
  { "Parallels", 0, 16, "WithoutFreeSpace" },
  { "Parallels", 0, 16, "WithouFreSpacExt" },
  { "Bochs", 0, 22, "Bochs Virtual HD Image" },
  { "cloop", 0, 25, "#!/bin/sh\n#V2.0 Format\nmod" },
};

/* How much of a file's start QEMU hands to its probes. */
#define PROBE_SIZE 2048

/* The largest block that a format allocates at once, VHDX'. */
#define MAX_UNIT (256 << 20)

void
vmp_image_info_clear (VmpImageInfo *info)
{
  g_free (info->format);
  g_free (info->backing_file);
  g_free (info->backing_format);
  memset (info, 0, sizeof *info);
}

const char *
vmp_image_format_extension (const char *format)
{
  for (gsize i = 0; i < G_N_ELEMENTS (formats); i++)
    if (g_strcmp0 (format, formats[i].format) == 0)
      return formats[i].extension;
  return NULL;
}

gboolean
vmp_image_corrupt (const VmpImageFile *file, GError **error, const char *format, ...)
{
  g_autofree char *message = NULL;
  va_list args;

  va_start (args, format);
  message = g_strdup_vprintf (format, args);
  va_end (args);
  return vmp_error_set (error, VMPORT_ERROR_CORRUPT, "%s: %s", file->what, message);
}

gboolean
vmp_image_unsafe (const VmpImageFile *file, GError **error, const char *format, ...)
{
  g_autofree char *message = NULL;
  va_list args;

  va_start (args, format);
  message = g_strdup_vprintf (format, args);
  va_end (args);
  return vmp_error_set (error, VMPORT_ERROR_UNSAFE, "%s: %s", file->what, message);
}

/* Does [@offset, @offset + @size) lie in the file? @part says what is there. */
gboolean
vmp_image_check_range (const VmpImageFile *file, guint64 offset, guint64 size, const char *part,
                       GError **error)
{
  if (offset > file->size || size > file->size - offset)
    return vmp_image_corrupt (file, error,
                              _ ("%s would be %" PRIu64 " bytes at %" PRIu64
                                 ", but the file has %" PRIu64),
                              part, size, offset, file->size);
  return TRUE;
}

/* Reads all of a range or fails; a file that is too short is Corrupt. */
gboolean
vmp_image_read (const VmpImageFile *file, guint64 offset, void *buffer, gsize size, GError **error)
{
  gsize have = 0;

  if (!vmp_image_check_range (file, offset, size, _ ("its header"), error))
    return FALSE;
  while (have < size)
    {
      ssize_t n = pread (file->fd, (guint8 *) buffer + have, size - have,
                         (off_t) (offset + have));

      if (n < 0 && errno == EINTR)
        continue;
      if (n < 0)
        return vmp_error_set_errno (error, errno, _ ("Cannot read %s at byte %" PRIu64),
                                    file->what, offset + have);
      if (n == 0)
        return vmp_error_set (error, VMPORT_ERROR_FILE_IN_USE, _ ("%s became shorter meanwhile"),
                              file->what);
      have += (gsize) n;
    }
  return TRUE;
}

/* A name from a header, which goes on to libvirt, QEMU and messages. A colon before the first slash
 * is what makes QEMU take a name for a protocol (`nbd:`, `json:`, `fat:`) rather than a path. */
static gboolean
check_name (const char *bytes, gsize size, const char **why)
{
  *why = NULL;
  if (size == 0)
    *why = _ ("is empty");
  else if (memchr (bytes, '\0', size) != NULL || !g_utf8_validate (bytes, (gssize) size, NULL))
    *why = _ ("is not valid UTF-8");
  else
    {
      const char *slash = memchr (bytes, '/', size);
      const char *end = bytes + size;

      for (const char *c = bytes; *why == NULL && c < end; c = g_utf8_next_char (c))
        if (g_unichar_iscntrl (g_utf8_get_char (c)))
          *why = _ ("has control characters in it");
      if (*why == NULL
          && memchr (bytes, ':', slash != NULL ? (gsize) (slash - bytes) : size) != NULL)
        *why = _ ("names a protocol rather than a file");
    }
  return *why == NULL;
}

/* The backing name in @bytes as a string, if it may be looked at any further. */
char *
vmp_image_take_name (const VmpImageFile *file, const char *bytes, gsize size, GError **error)
{
  const char *why;

  if (!check_name (bytes, size, &why))
    {
      vmp_image_unsafe (file, error, _ ("the name of its backing file %s"), why);
      return NULL;
    }
  return g_strndup (bytes, size);
}

/* A VMDK descriptor is mere text: QEMU skips comments and blank lines, and then looks for this. */
static gboolean
is_vmdk_text (const char *at, const char *end)
{
  static const char title[] = "# Disk DescriptorFile";

  if ((gsize) (end - at) >= strlen (title) && g_ascii_strncasecmp (at, title, strlen (title)) == 0)
    return TRUE;
  while (at < end)
    {
      if (*at == '#')
        {
          at = memchr (at, '\n', (gsize) (end - at));
          if (at == NULL)
            return FALSE;
        }
      else if (*at != ' ' && *at != '\t' && *at != '\r' && *at != '\n')
        return (gsize) (end - at) >= 8 && strncmp (at, "version=", 8) == 0;
      at++;
    }
  return FALSE;
}

/* A file whose first bytes are a guest's own must not look like an image of another format: someone
 * down the line who probes would follow what the guest has written there. */
gboolean
vmp_image_check_no_other_format (const VmpImageFile *file, const char *format, GError **error)
{
  char start[PROBE_SIZE] = { 0 };
  gsize size = MIN (file->size, sizeof start);

  if (!vmp_image_read (file, 0, start, size, error))
    return FALSE;
  for (gsize i = 0; i < G_N_ELEMENTS (magics); i++)
    if (size >= magics[i].offset + magics[i].size
        && memcmp (start + magics[i].offset, magics[i].magic, magics[i].size) == 0)
      return vmp_image_unsafe (file, error, _ ("is stated to be %s but begins as a %s image"),
                               format, magics[i].name);
  if (is_vmdk_text (start, start + size))
    return vmp_image_unsafe (file, error, _ ("is stated to be %s but begins as a %s image"), format,
                             "VMDK");
  return TRUE;
}

static gboolean
open_file (int fd, const char *what, VmpImageFile *file, GError **error)
{
  struct stat st;

  if (!vmp_fd_check_image (fd, what, error))
    return FALSE;
  if (fstat (fd, &st) < 0)
    return vmp_error_set_errno (error, errno, _ ("Cannot examine %s"), what);
  file->fd = fd;
  file->what = what;
  file->size = vmp_fd_get_size (fd, &st);
  file->allocated = S_ISBLK (st.st_mode) ? file->size : (guint64) st.st_blocks * 512;
  return TRUE;
}

/* Holes that an image has reserved read as data, too, and what a file is cut off in the middle of
 * counts as a whole. */
static guint64
get_most_data (const VmpImageFile *file, guint ratio)
{
  guint64 most;

  if (!vmp_size_mul (&most, file->allocated, ratio) || !vmp_size_add (&most, most, file->size)
      || !vmp_size_add (&most, most, MAX_UNIT))
    return G_MAXUINT64;
  return most;
}

gboolean
vmp_image_inspect (int fd, const char *format, const char *what, VmpImageInfo *info, GError **error)
{
  g_auto (VmpImageInfo) found = { 0 };
  VmpImageFile file;

  memset (info, 0, sizeof *info);
  for (gsize i = 0; i < G_N_ELEMENTS (formats); i++)
    {
      if (g_strcmp0 (format, formats[i].format) != 0)
        continue;
      if (!open_file (fd, what, &file, error) || !formats[i].inspect (&file, &found, error))
        return FALSE;
      found.format = g_strdup (format);
      found.most_data = get_most_data (&file, found.ratio != 0 ? found.ratio : formats[i].ratio);
      *info = found;
      memset (&found, 0, sizeof found);
      return TRUE;
    }
  return vmp_error_set (error, VMPORT_ERROR_NOT_SUPPORTED,
                        _ ("%s: images of the format “%s” are not supported; convert it to qcow2"),
                        what, format);
}

gboolean
vmp_image_backing_patch (int fd, const char *what, const char *backing_file,
                         const char *backing_format, guint64 *offset, GBytes **bytes,
                         GError **error)
{
  g_auto (VmpImageInfo) info = { 0 };
  VmpImageFile file;
  char magic[4];
  const char *why;

  if (!check_name (backing_file, strlen (backing_file), &why))
    return vmp_error_set (error, VMPORT_ERROR_INVALID_PARAMETER,
                          _ ("%s: the new name of its backing file %s"), what, why);
  if (!open_file (fd, what, &file, error))
    return FALSE;
  if (file.size < sizeof magic || !vmp_image_read (&file, 0, magic, sizeof magic, NULL)
      || memcmp (magic, "QFI\xfb", sizeof magic) != 0)
    return vmp_error_set (error, VMPORT_ERROR_NOT_SUPPORTED,
                          _ ("%s: only in qcow2 images can the backing file's name be changed"),
                          what);
  /* What is rebuilt below relies on a header that is in order. */
  if (!vmp_image_inspect (fd, "qcow2", what, &info, error))
    return FALSE;
  if (info.backing_file == NULL)
    return vmp_error_set (error, VMPORT_ERROR_INVALID_PARAMETER,
                          _ ("%s has no backing file whose name could be changed"), what);
  *offset = 0;
  return vmp_image_patch_qcow2 (&file, backing_file, backing_format, bytes, error);
}
