/* VMDK: only images that are one file with their descriptor inside (monolithicSparse and
 * streamOptimized). Any other kind is a text that names files, which is how hosts were robbed
 * (CVE-2022-47951). The layout is VMware's "Virtual Disk Format 5.0". */
#include "config.h"

#include "vmp-image-private.h"

#include <glib/gi18n-lib.h>
#include <inttypes.h>

#include "vmp-size.h"

#define SECTOR 512
#define MAGIC "KDMV"
#define GRAIN_DIRECTORY_AT_END G_MAXUINT64
#define MAX_DESCRIPTOR (1 << 20)
#define MAX_GRAIN_DIRECTORY (G_GUINT64_CONSTANT (128) << 20)

#define FLAG_NEWLINES (1u << 0)
#define FLAG_REDUNDANT_DIRECTORY (1u << 1)
#define FLAG_ZERO_GRAINS (1u << 2)
#define FLAG_COMPRESSED (1u << 16)
#define FLAG_MARKERS (1u << 17)
#define FLAGS_KNOWN                                                                                \
  (FLAG_NEWLINES | FLAG_REDUNDANT_DIRECTORY | FLAG_ZERO_GRAINS | FLAG_COMPRESSED | FLAG_MARKERS)

#define MARKER_END_OF_STREAM 0
#define MARKER_FOOTER 3

/* Where the fields lie in the header's sector. */
enum
{
  AT_VERSION = 4,
  AT_FLAGS = 8,
  AT_CAPACITY = 12,
  AT_GRAIN_SIZE = 20,
  AT_DESCRIPTOR_OFFSET = 28,
  AT_DESCRIPTOR_SIZE = 36,
  AT_ENTRIES_PER_TABLE = 44,
  AT_REDUNDANT_DIRECTORY = 48,
  AT_DIRECTORY = 56,
  AT_NEWLINES = 73,
  AT_COMPRESSION = 77,
};

/* What the lines of the descriptor have said so far. */
typedef struct
{
  guint64 capacity; /* in sectors, from the header */
  gboolean has_create_type;
  guint n_extents;
  char *parent;
} Descriptor;

static void
descriptor_clear (Descriptor *descriptor)
{
  g_free (descriptor->parent);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Descriptor, descriptor_clear)

static gboolean
check_marker (const guint8 *sector, guint32 type)
{
  /* The first number is the footer's length in sectors, which writers disagree on. */
  return vmp_image_le32 (sector + 8) == 0 && vmp_image_le32 (sector + 12) == type;
}

/* A streamed image ends with a second header that knows where the grain directory came to lie.
 * Readers take that one, so it must not say anything else that is different. */
static gboolean
read_footer (const VmpImageFile *file, guint8 *header, GError **error)
{
  guint8 end[3 * SECTOR];
  guint8 *footer = end + SECTOR;

  if (file->size < 4 * SECTOR)
    return vmp_image_corrupt (file, error, _ ("is cut short: it has no footer"));
  if (!vmp_image_read (file, file->size - sizeof end, end, sizeof end, error))
    return FALSE;
  if (!check_marker (end, MARKER_FOOTER) || !check_marker (end + 2 * SECTOR, MARKER_END_OF_STREAM))
    return vmp_image_corrupt (file, error, _ ("is cut short: it has no footer"));
  memcpy (header + AT_DIRECTORY, footer + AT_DIRECTORY, 8);
  if (memcmp (header, footer, SECTOR) != 0)
    return vmp_image_corrupt (file, error, _ ("its footer contradicts its header"));
  if (vmp_image_le64 (header + AT_DIRECTORY) == GRAIN_DIRECTORY_AT_END)
    return vmp_image_corrupt (file, error, _ ("its footer does not say where its tables are"));
  return TRUE;
}

static gboolean
check_directory (const VmpImageFile *file, guint64 sector, guint64 size, GError **error)
{
  guint64 offset;

  if (sector == 0 || !vmp_size_mul (&offset, sector, SECTOR))
    return vmp_image_corrupt (file, error, _ ("its grain directory is out of bounds"));
  return vmp_image_check_range (file, offset, size, _ ("its grain directory"), error);
}

static gboolean
check_header (const VmpImageFile *file, const guint8 *header, guint64 *virtual_size, GError **error)
{
  guint32 version = vmp_image_le32 (header + AT_VERSION);
  guint32 flags = vmp_image_le32 (header + AT_FLAGS);
  guint64 capacity = vmp_image_le64 (header + AT_CAPACITY);
  guint64 grain = vmp_image_le64 (header + AT_GRAIN_SIZE);
  guint32 entries = vmp_image_le32 (header + AT_ENTRIES_PER_TABLE);
  guint16 compression = vmp_image_le16 (header + AT_COMPRESSION);
  guint64 n_tables;

  if (version < 1 || version > 3)
    return vmp_image_corrupt (file, error,
                              _ ("is VMDK version %" PRIu32 "; versions 1 to 3 are known"),
                              version);
  if ((flags & ~FLAGS_KNOWN) != 0)
    return vmp_image_unsafe (file, error, _ ("has features that are not known (%#" PRIx32 ")"),
                             flags & ~FLAGS_KNOWN);
  if ((flags & FLAG_NEWLINES) != 0 && memcmp (header + AT_NEWLINES, "\n \r\n", 4) != 0)
    return vmp_image_corrupt (file, error, _ ("was damaged by a transfer as text"));
  if (compression > 1)
    return vmp_image_unsafe (file, error, _ ("uses a compression that is not known (%u)"),
                             compression);
  /* With a capacity of 0 readers would follow the descriptor instead of this header. */
  if (capacity == 0 || !vmp_size_mul (virtual_size, capacity, SECTOR)
      || *virtual_size > VMP_IMAGE_MAX_SIZE)
    return vmp_image_corrupt (file, error, _ ("its virtual size is out of bounds"));
  if (!vmp_image_is_power_of_2 (grain) || grain < 8 || grain > 0x200000)
    return vmp_image_corrupt (file, error, _ ("its grain size is out of bounds"));
  if (entries == 0 || entries > 512)
    return vmp_image_corrupt (file, error, _ ("the size of its grain tables is out of bounds"));
  n_tables = capacity / (entries * grain) + (capacity % (entries * grain) != 0 ? 1 : 0);
  if (n_tables * 4 > MAX_GRAIN_DIRECTORY)
    return vmp_image_corrupt (file, error, _ ("its grain directory is too big"));
  if ((flags & FLAG_REDUNDANT_DIRECTORY) != 0
      && !check_directory (file, vmp_image_le64 (header + AT_REDUNDANT_DIRECTORY), n_tables * 4,
                           error))
    return FALSE;
  return check_directory (file, vmp_image_le64 (header + AT_DIRECTORY), n_tables * 4, error);
}

/* The text between the quotes that @value has to be wrapped in, or NULL. */
static char *
unquote (const char *value)
{
  gsize length = strlen (value);

  if (length < 2 || value[0] != '"' || value[length - 1] != '"'
      || memchr (value + 1, '"', length - 2) != NULL)
    return NULL;
  return g_strndup (value + 1, length - 2);
}

/* `RW 8192 SPARSE "disk.vmdk"`. An embedded descriptor has one such line, and it means the file
 * itself, whatever the file was called when it was made. */
static gboolean
take_extent (const VmpImageFile *file, Descriptor *descriptor, const char *line, GError **error)
{
  g_auto (GStrv) words = g_strsplit (line, " ", 4);
  g_autofree char *name = NULL;
  guint64 sectors;

  if (g_strv_length (words) != 4 || strcmp (words[2], "SPARSE") != 0
      || !g_ascii_string_to_unsigned (words[1], 10, 0, G_MAXUINT64, &sectors, NULL))
    return vmp_image_unsafe (file, error, _ ("has an extent that is not part of this file"));
  name = unquote (g_strstrip (words[3]));
  if (name == NULL || name[0] == '\0' || strpbrk (name, "/\\:") != NULL || strcmp (name, ".") == 0
      || strcmp (name, "..") == 0)
    return vmp_image_unsafe (file, error, _ ("has an extent that lies elsewhere"));
  if (descriptor->n_extents++ > 0)
    return vmp_image_unsafe (file, error, _ ("has more than one extent"));
  if (sectors != descriptor->capacity)
    return vmp_image_corrupt (file, error, _ ("its descriptor contradicts its header's size"));
  return TRUE;
}

static gboolean
take_assignment (const VmpImageFile *file, Descriptor *descriptor, const char *key,
                 const char *value, GError **error)
{
  static const char *const harmless[]
    = { "version", "encoding", "CID", "parentCID", "isNativeSnapshot", NULL };

  if (g_strv_contains (harmless, key) || g_str_has_prefix (key, "ddb."))
    return TRUE;
  if (strcmp (key, "createType") == 0)
    {
      g_autofree char *type = unquote (value);

      if (descriptor->has_create_type)
        return vmp_image_corrupt (file, error, _ ("its descriptor states two types"));
      if (g_strcmp0 (type, "monolithicSparse") != 0 && g_strcmp0 (type, "streamOptimized") != 0)
        return vmp_image_unsafe (file, error,
                                 _ ("is a VMDK that consists of several files or of a device; make "
                                    "it one file with “qemu-img convert -O qcow2”"));
      descriptor->has_create_type = TRUE;
      return TRUE;
    }
  if (strcmp (key, "parentFileNameHint") == 0)
    {
      g_autofree char *name = unquote (value);

      if (name == NULL || descriptor->parent != NULL)
        return vmp_image_corrupt (file, error, _ ("its descriptor names a parent wrongly"));
      descriptor->parent = vmp_image_take_name (file, name, strlen (name), error);
      return descriptor->parent != NULL;
    }
  return vmp_image_unsafe (file, error, _ ("its descriptor has the line “%s”, which is not known"),
                           key);
}

static gboolean
take_line (const VmpImageFile *file, Descriptor *descriptor, char *line, GError **error)
{
  char *equals;

  g_strstrip (line);
  if (line[0] == '\0' || line[0] == '#')
    return TRUE;
  if (g_str_has_prefix (line, "RW ") || g_str_has_prefix (line, "RDONLY ")
      || g_str_has_prefix (line, "NOACCESS "))
    return take_extent (file, descriptor, line, error);
  equals = strchr (line, '=');
  if (equals == NULL)
    return vmp_image_unsafe (file, error,
                             _ ("its descriptor has the line “%s”, which is not known"), line);
  *equals = '\0';
  return take_assignment (file, descriptor, g_strchomp (line), g_strchug (equals + 1), error);
}

static gboolean
read_descriptor (const VmpImageFile *file, const guint8 *header, Descriptor *descriptor,
                 GError **error)
{
  guint64 sector = vmp_image_le64 (header + AT_DESCRIPTOR_OFFSET);
  guint64 n_sectors = vmp_image_le64 (header + AT_DESCRIPTOR_SIZE);
  g_autofree char *text = NULL;
  g_auto (GStrv) lines = NULL;
  gsize size, length;

  /* Readers look for it right behind the header, whatever the header says. */
  if (sector != 1 || n_sectors == 0)
    return vmp_image_unsafe (file, error, _ ("has no descriptor where one belongs"));
  if (n_sectors > MAX_DESCRIPTOR / SECTOR)
    return vmp_image_corrupt (file, error, _ ("its descriptor is too big"));
  size = n_sectors * SECTOR;
  text = g_malloc (size + 1);
  text[size] = '\0';
  if (!vmp_image_read (file, SECTOR, text, size, error))
    return FALSE;
  length = strlen (text);
  if (!vmp_image_is_zero ((const guint8 *) text + length, size - length))
    return vmp_image_unsafe (file, error, _ ("has something hidden behind its descriptor"));
  if (!g_utf8_validate (text, (gssize) length, NULL))
    return vmp_image_unsafe (file, error, _ ("its descriptor is not valid UTF-8"));
  for (gsize i = 0; i < length; i++)
    if (g_ascii_iscntrl (text[i]) && strchr ("\t\r\n", text[i]) == NULL)
      return vmp_image_unsafe (file, error, _ ("its descriptor has control characters in it"));
  lines = g_strsplit (text, "\n", -1);
  for (gsize i = 0; lines[i] != NULL; i++)
    {
      /* A line break of another kind would make two lines of one for another reader. */
      g_strchomp (lines[i]);
      if (strchr (lines[i], '\r') != NULL)
        return vmp_image_unsafe (file, error, _ ("its descriptor has control characters in it"));
      if (!take_line (file, descriptor, lines[i], error))
        return FALSE;
    }
  if (!descriptor->has_create_type || descriptor->n_extents == 0)
    return vmp_image_corrupt (file, error, _ ("its descriptor is not complete"));
  return TRUE;
}

gboolean
vmp_image_inspect_vmdk (const VmpImageFile *file, VmpImageInfo *info, GError **error)
{
  g_auto (Descriptor) descriptor = { 0 };
  guint8 header[SECTOR] = { 0 };

  if (!vmp_image_read (file, 0, header, MIN (file->size, sizeof header), error))
    return FALSE;
  if (memcmp (header, MAGIC, 4) != 0)
    {
      /* A bare descriptor, an extent of ESX's, another format, or nothing known. */
      if (vmp_image_check_no_other_format (file, "vmdk", NULL))
        return vmp_image_corrupt (file, error, _ ("is not a VMDK image"));
      return vmp_image_unsafe (file, error,
                               _ ("is not a VMDK that is one file with the descriptor inside; make "
                                  "it one file with “qemu-img convert -O qcow2”"));
    }
  if (file->size < 2 * SECTOR)
    return vmp_image_corrupt (file, error, _ ("is too short for a VMDK image"));
  if (vmp_image_le64 (header + AT_DIRECTORY) == GRAIN_DIRECTORY_AT_END
      && !read_footer (file, header, error))
    return FALSE;
  if (!check_header (file, header, &info->virtual_size, error))
    return FALSE;
  descriptor.capacity = vmp_image_le64 (header + AT_CAPACITY);
  if (!read_descriptor (file, header, &descriptor, error))
    return FALSE;
  info->backing_file = g_steal_pointer (&descriptor.parent);
  return TRUE;
}
