/* libvirt's save files: a bounded parser of all but the memory, and what a copy has to begin with.
 *
 * The header is a magic, five numbers in the byte order of the host that saved, and 56 bytes that
 * nobody uses. Behind it are the configuration and the cookie, each ended by a zero byte, and zeros
 * up to the memory: libvirt leaves some 64 KiB for a configuration that grows later, and takes
 * the memory from wherever the header says that it begins. */
#include "config.h"

#include "vmp-save-image.h"

#include <glib/gi18n-lib.h>
#include <inttypes.h>
#include <sys/stat.h>

#include "vmp-fd.h"
#include "vmp-image-private.h"

#define MAGIC "LibvirtQemudSave"
#define MAGIC_PARTIAL "LibvirtQemudPart"
#define MAGIC_SIZE 16
#define HEADER_SIZE 92
#define VERSION 2

/* The configuration alone may have 4 MiB, see VMP_DOMAIN_MAX_BYTES. */
#define MAX_TEXT_SIZE (16 * 1024 * 1024)
/* What libvirt itself leaves, and the step in which the memory is moved. */
#define SLACK_SIZE (64 * 1024)

/* By libvirt's number. The memory's first bytes tell whether the header speaks of this file. */
static const struct
{
  const char *name;
  const char *magic;
  gsize magic_size;
} compressions[] = {
  { "none", "QEVM", 4 },
  { "gzip", "\x1f\x8b", 2 },
  { "bzip2", "BZh", 3 },
  { "xz", "\xfd" "7zXZ\0", 6 },
  { "lzop", "\x89" "LZO", 4 },
  { "zstd", "\x28\xb5\x2f\xfd", 4 },
  { "sparse", "QEVM", 4 },
};

/* QEMU writes the memory to fixed offsets of the file. */
#define SPARSE 6

typedef struct
{
  guint32 version;
  guint32 text_size;
  guint32 running;
  guint32 compression;
  guint32 cookie_offset; /* within the text; 0 = there is none */
} Header;

void
vmp_save_image_clear (VmpSaveImage *image)
{
  g_free (image->xml);
  g_free (image->cookie);
  memset (image, 0, sizeof *image);
}

static void
decode (const guint8 *bytes, guint32 (*get) (const guint8 *at), Header *header)
{
  header->version = get (bytes + 16);
  header->text_size = get (bytes + 20);
  header->running = get (bytes + 24);
  header->compression = get (bytes + 28);
  header->cookie_offset = get (bytes + 32);
}

/* As libvirt has it: a version that is too large must be of the other byte order. */
static void
decode_either (const guint8 *bytes, Header *header)
{
  decode (bytes, vmp_image_le32, header);
  if (header->version > VERSION)
    decode (bytes, vmp_image_be32, header);
}

static gboolean
check_header (const VmpImageFile *file, const Header *header, GError **error)
{
  if (header->version != VERSION)
    return vmp_error_set (error, VMPORT_ERROR_NOT_SUPPORTED,
                          _ ("%s is a save file of version %" PRIu32
                             "; only version %d is supported"),
                          file->what, header->version, VERSION);
  if (header->compression >= G_N_ELEMENTS (compressions))
    return vmp_error_set (error, VMPORT_ERROR_NOT_SUPPORTED,
                          _ ("%s is compressed in a way that vmport does not know (%" PRIu32 ")"),
                          file->what, header->compression);
  if (header->text_size == 0 || header->text_size > MAX_TEXT_SIZE)
    return vmp_image_corrupt (file, error,
                              _ ("its configuration would have %" PRIu32 " bytes; 1 to %d are read"),
                              header->text_size, MAX_TEXT_SIZE);
  if (header->cookie_offset >= header->text_size)
    return vmp_image_corrupt (file, error, _ ("its cookie would lie beyond its configuration"));
  return vmp_image_check_range (file, HEADER_SIZE, header->text_size, _ ("its configuration"),
                                error);
}

/* The text that [@at, @at + @size) starts with, up to the zero byte that has to follow. */
static char *
take_text (const VmpImageFile *file, const char *at, gsize size, GError **error)
{
  const char *end = memchr (at, '\0', size);

  if (end == NULL)
    {
      vmp_image_corrupt (file, error, _ ("its configuration does not end where it should"));
      return NULL;
    }
  if (!g_utf8_validate (at, end - at, NULL))
    {
      vmp_image_corrupt (file, error, _ ("its configuration is not UTF-8 text"));
      return NULL;
    }
  return g_strndup (at, (gsize) (end - at));
}

static gboolean
read_texts (const VmpImageFile *file, const Header *header, VmpSaveImage *image, GError **error)
{
  g_autofree char *texts = g_malloc (header->text_size);
  gsize xml_size = header->cookie_offset != 0 ? header->cookie_offset : header->text_size;

  if (!vmp_image_read (file, HEADER_SIZE, texts, header->text_size, error))
    return FALSE;
  image->xml = take_text (file, texts, xml_size, error);
  if (image->xml == NULL)
    return FALSE;
  if (header->cookie_offset == 0)
    return TRUE;
  image->cookie = take_text (file, texts + xml_size, header->text_size - xml_size, error);
  return image->cookie != NULL;
}

static gboolean
check_memory (const VmpImageFile *file, const Header *header, GError **error)
{
  char start[8];
  gsize size = compressions[header->compression].magic_size;

  g_assert (size <= sizeof start);
  if (!vmp_image_read (file, HEADER_SIZE + (guint64) header->text_size, start, size, error))
    return FALSE;
  if (memcmp (start, compressions[header->compression].magic, size) != 0)
    return vmp_image_corrupt (file, error,
                              _ ("the machine's memory does not begin where the header says"));
  return TRUE;
}

gboolean
vmp_save_image_read (int fd, const char *what, VmpSaveImage *image, GError **error)
{
  g_auto (VmpSaveImage) found = { 0 };
  VmpImageFile file = { .fd = fd, .what = what };
  guint8 bytes[HEADER_SIZE];
  Header header;
  struct stat st;

  memset (image, 0, sizeof *image);
  if (!vmp_fd_check_regular (fd, what, error))
    return FALSE;
  if (fstat (fd, &st) < 0)
    return vmp_error_set_errno (error, errno, _ ("Cannot examine %s"), what);
  file.size = (guint64) st.st_size;
  if (!vmp_image_read (&file, 0, bytes, sizeof bytes, error))
    return FALSE;
  if (memcmp (bytes, MAGIC_PARTIAL, MAGIC_SIZE) == 0)
    return vmp_image_corrupt (&file, error,
                              _ ("saving the machine was never completed; save it again"));
  if (memcmp (bytes, MAGIC, MAGIC_SIZE) != 0)
    return vmp_image_corrupt (&file, error, _ ("it is not a save file of libvirt"));
  decode_either (bytes, &header);
  if (!check_header (&file, &header, error) || !read_texts (&file, &header, &found, error)
      || !check_memory (&file, &header, error))
    return FALSE;
  found.running = header.running != 0;
  found.compression = compressions[header.compression].name;
  found.head_size = HEADER_SIZE + (guint64) header.text_size;
  *image = found;
  memset (&found, 0, sizeof found);
  return TRUE;
}

static guint32
number_of (const char *compression)
{
  guint32 number = 0;

  while (strcmp (compressions[number].name, compression) != 0)
    number++;
  return number;
}

/* In the byte order of this host, as libvirt writes it. */
static GBytes *
build_head (const VmpSaveImage *image, gsize text_size, const char *xml, const char *cookie)
{
  gsize xml_size = strlen (xml) + 1;
  const guint32 numbers[] = {
    VERSION,
    (guint32) text_size,
    image->running ? 1 : 0,
    number_of (image->compression),
    cookie != NULL ? (guint32) xml_size : 0,
  };
  gsize size = HEADER_SIZE + text_size;
  guint8 *bytes = g_malloc0 (size);

  memcpy (bytes, MAGIC, MAGIC_SIZE);
  memcpy (bytes + MAGIC_SIZE, numbers, sizeof numbers);
  memcpy (bytes + HEADER_SIZE, xml, xml_size);
  if (cookie != NULL)
    memcpy (bytes + HEADER_SIZE + xml_size, cookie, strlen (cookie) + 1);
  return g_bytes_new_take (bytes, size);
}

/* The bytes that both take up in a file. */
static guint64
measure_texts (const char *xml, const char *cookie)
{
  return (guint64) strlen (xml) + 1 + (cookie != NULL ? strlen (cookie) + 1 : 0);
}

GBytes *
vmp_save_image_new_head (const char *xml, const char *cookie, gboolean running, const char *what,
                         GError **error)
{
  const VmpSaveImage image = { .running = running, .compression = compressions[0].name };
  guint64 size = HEADER_SIZE + measure_texts (xml, cookie) + SLACK_SIZE;

  size = (size + SLACK_SIZE - 1) / SLACK_SIZE * SLACK_SIZE;
  if (size - HEADER_SIZE > MAX_TEXT_SIZE)
    {
      vmp_error_set (error, VMPORT_ERROR_NOT_SUPPORTED,
                     _ ("%s: the new configuration is too large for a save file"), what);
      return NULL;
    }
  return build_head (&image, (gsize) (size - HEADER_SIZE), xml, cookie);
}

gboolean
vmp_save_image_rewrite (const VmpSaveImage *image, const char *what, const char *xml,
                        const char *cookie, GBytes **head, guint64 *insert, GError **error)
{
  guint64 room = image->head_size - HEADER_SIZE;
  guint64 needed = measure_texts (xml, cookie);
  guint64 missing = needed > room ? needed - room + SLACK_SIZE : 0;

  *insert = (missing + SLACK_SIZE - 1) / SLACK_SIZE * SLACK_SIZE;
  if (room + *insert > MAX_TEXT_SIZE)
    return vmp_error_set (error, VMPORT_ERROR_NOT_SUPPORTED,
                          _ ("%s: the new configuration is too large for a save file"), what);
  if (*insert > 0 && number_of (image->compression) == SPARSE)
    return vmp_error_set (error, VMPORT_ERROR_NOT_SUPPORTED,
                          _ ("%s: the new configuration does not fit into the file, whose memory "
                             "cannot be moved; save the machine in another format than “sparse”"),
                          what);
  *head = build_head (image, (gsize) (room + *insert), xml, cookie);
  return TRUE;
}
