/* Locators of any kind, as a descriptor has them: what is named as damaged lies in the file. The first
 * eight bytes are the file's size. */
#include <glib.h>
#include <string.h>

#include "fuzz.h"
#include "vmp-locator.h"
#include "vmp-verity.h"

static void
compare (VmpLocator *locator, guint64 file_size, const char *stated)
{
  guint64 offset, length;

  if (!vmp_locator_compare (locator, stated, &offset, &length))
    return;
  g_assert_cmpuint (offset, <, file_size);
  g_assert_cmpuint (offset % VMP_VERITY_BLOCK, ==, 0);
  g_assert_true (length == VMP_VERITY_BLOCK || length <= file_size - offset);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autoptr (VmpLocator) locator = NULL;
  g_autofree char *text = NULL;
  g_autofree char *raw = NULL;
  g_autofree char *own = NULL;
  guint64 file_size, last, offset, length;
  guint8 hash[32];

  if (size < sizeof file_size)
    return 0;
  memcpy (&file_size, data, sizeof file_size);
  file_size = GUINT64_FROM_LE (file_size) % (G_MAXINT64 - 1) + 1;
  data += sizeof file_size;
  size -= sizeof file_size;
  locator = vmp_locator_new (file_size);
  for (gsize i = 0; i < sizeof hash; i++)
    hash[i] = (guint8) i;
  last = (file_size - 1) / VMP_VERITY_BLOCK;
  vmp_locator_add (locator, 0, hash);
  vmp_locator_add (locator, last, hash);
  own = vmp_locator_to_text (locator);
  g_assert_false (vmp_locator_compare (locator, own, &offset, &length));
  text = g_strndup ((const char *) data, size);
  compare (locator, file_size, text);
  /* The bytes as they are, so that something has the right length. */
  raw = g_base64_encode (data, size);
  compare (locator, file_size, raw);
  return 0;
}
