/* A member of a package that is no copy of a file: what QEMU reads out of images, merged. */
#include "config.h"

#include "vmp-member.h"

#include <errno.h>
#include <glib/gi18n-lib.h>
#include <string.h>
#include <unistd.h>

#include "vmp-error.h"
#include "vmp-fill.h"
#include "vmp-save-image.h"

/* A machine's memory as QEMU writes it, in a snapshot and into libvirt's save files alike, begins
 * with this. */
#define MEMORY_MAGIC "QEVM"
#define MEMORY_MAGIC_SIZE 4

/* What a saved state begins with before its memory; NULL without @error for a disk. */
static GBytes *
make_head (GVariant *options, const char *what, GError **error)
{
  const char *xml, *cookie = NULL;
  gboolean running = FALSE;

  if (!g_variant_lookup (options, "StateXml", "&s", &xml))
    return NULL;
  g_variant_lookup (options, "StateCookie", "&s", &cookie);
  g_variant_lookup (options, "Running", "b", &running);
  return vmp_save_image_new_head (xml, cookie, running, what, error);
}

static gboolean
write_head (int member, GBytes *head, const char *what, GError **error)
{
  char magic[MEMORY_MAGIC_SIZE];
  gsize size;
  const char *bytes = g_bytes_get_data (head, &size);

  if (pread (member, magic, sizeof magic, (off_t) size) != sizeof magic
      || memcmp (magic, MEMORY_MAGIC, sizeof magic) != 0)
    return vmp_error_set (error, VMPORT_ERROR_CORRUPT,
                          _ ("%s: the snapshot's memory is not one that QEMU has written"), what);
  for (gsize pos = 0; pos < size;)
    {
      ssize_t n = pwrite (member, bytes + pos, size - pos, (off_t) pos);

      if (n < 0 && errno == EINTR)
        continue;
      if (n <= 0)
        return vmp_error_set_errno (error, n < 0 ? errno : EIO, _ ("Cannot write %s"), what);
      pos += (gsize) n;
    }
  return TRUE;
}

gboolean
vmp_member_fill (int member, const char *name, int source, int target, GVariant *options,
                 VmpPace *pace, guint64 *copied, char **verity, char **locator, GError **error)
{
  g_autoptr (VmpVerity) hashing = NULL;
  gboolean wanted = FALSE, ok;
  g_autofree char *quoted = g_strdup_printf (_ ("“%s”"), name);
  g_autoptr (GError) local_error = NULL;
  g_autoptr (GBytes) head = make_head (options, quoted, &local_error);
  VmpFill fill = { .source = source, .target = target, .file = member, .what = quoted };

  g_variant_lookup (options, "Offset", "t", &fill.offset);
  g_variant_lookup (options, "Size", "t", &fill.size);
  g_variant_lookup (options, "Most", "t", &fill.most);
  g_variant_lookup (options, "Verity", "b", &wanted);
  *verity = *locator = NULL;
  fill.insert = head != NULL ? g_bytes_get_size (head) : 0;
  vmp_pace_set_place (pace, "Copying", name);
  if (local_error != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&local_error));
      vmp_fill_clear (&fill);
      return FALSE;
    }
  /* What QEMU writes, or a head goes before, is read again once it is there. */
  if (wanted && target < 0 && head == NULL)
    fill.verity = hashing = vmp_verity_new ();
  ok = vmp_fill_run (&fill, pace, copied, error)
       && (head == NULL || write_head (member, head, quoted, error));
  if (ok && hashing != NULL)
    {
      *verity = vmp_verity_finish (hashing);
      *locator = fill.size > 0 ? vmp_locator_to_text (fill.locator) : NULL;
    }
  vmp_fill_clear (&fill);
  return ok;
}
