/* Fuzzes the parser of libvirt's save files: what is taken can be rewritten, with less and with
 * more room, and the rewritten file says what it was given. */
#include <gio/gio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"
#include "util/vmp-fd.h"
#include "vmp-save-image.h"

static void
put (int fd, off_t offset, const void *bytes, size_t size)
{
  g_assert_cmpint (pwrite (fd, bytes, size, offset), ==, (gssize) size);
}

/* As a copy would be made: the memory later, the new start over what is before it. */
static void
check_rewrite (const VmpSaveImage *image, const uint8_t *data, size_t size, const char *xml,
               const char *cookie)
{
  g_auto (VmpSaveImage) again = { 0 };
  g_autoptr (GBytes) head = NULL;
  g_autoptr (GError) error = NULL;
  vmp_autofd int fd = memfd_create ("copy", MFD_CLOEXEC);
  guint64 insert;

  g_assert_cmpint (fd, >=, 0);
  if (!vmp_save_image_rewrite (image, "input", xml, cookie, &head, &insert, &error))
    {
      g_assert_nonnull (error);
      return;
    }
  g_assert_cmpuint (insert % 65536, ==, 0);
  g_assert_cmpuint (g_bytes_get_size (head), ==, image->head_size + insert);
  put (fd, (off_t) insert, data, size);
  put (fd, 0, g_bytes_get_data (head, NULL), g_bytes_get_size (head));
  vmp_save_image_read (fd, "input", &again, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (again.xml, ==, xml);
  g_assert_cmpstr (again.cookie, ==, cookie);
  g_assert_cmpstr (again.compression, ==, image->compression);
  g_assert_cmpint (again.running, ==, image->running);
  g_assert_cmpuint (again.head_size, ==, image->head_size + insert);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_auto (VmpSaveImage) image = { 0 };
  g_autoptr (GError) error = NULL;
  g_autofree char *large = NULL;
  vmp_autofd int fd = memfd_create ("input", MFD_CLOEXEC);

  g_assert_cmpint (fd, >=, 0);
  put (fd, 0, data, size);
  if (!vmp_save_image_read (fd, "input", &image, &error))
    {
      g_assert_nonnull (error);
      g_assert_true (g_utf8_validate (error->message, -1, NULL));
      g_assert_null (image.xml);
      return 0;
    }
  g_assert_no_error (error);
  g_assert_true (g_utf8_validate (image.xml, -1, NULL));
  check_rewrite (&image, data, size, image.xml, image.cookie);
  check_rewrite (&image, data, size, "", NULL);
  large = g_strnfill ((gsize) image.head_size + 1000, 'x');
  check_rewrite (&image, data, size, large, image.cookie);
  return 0;
}
