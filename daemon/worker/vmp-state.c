/* The state of a saved machine, as libvirt writes it: what the file says, and what a copy of it is to
 * say. The keys of @options and @reading are those of org.vmport.Worker.xml. */
#include "config.h"

#include "vmp-state.h"

#include <errno.h>
#include <glib/gi18n-lib.h>
#include <string.h>
#include <unistd.h>

#include "vmp-domain.h"
#include "vmp-error.h"
#include "vmp-save-cookie.h"
#include "vmp-save-image.h"

static gboolean
read_all (int fd, guint8 *bytes, gsize size, const char *what, GError **error)
{
  gsize have = 0;

  while (have < size)
    {
      ssize_t n = pread (fd, bytes + have, size - have, (off_t) have);

      if (n < 0 && errno == EINTR)
        continue;
      if (n < 0)
        return vmp_error_set_errno (error, errno, _ ("Cannot read %s"), what);
      if (n == 0)
        return vmp_error_set (error, VMPORT_ERROR_FILE_IN_USE, _ ("%s became shorter meanwhile"),
                              what);
      have += (gsize) n;
    }
  return TRUE;
}

/* A finished copy begins with what it was given, byte by byte: nobody has put other words before
 * libvirt, or behind the ones that are read. */
static gboolean
check_head (int fd, const char *what, GVariant *options, GError **error)
{
  g_autoptr (GBytes) head = NULL;
  g_autofree guint8 *found = NULL;
  const guint8 *wanted;
  guint64 insert;
  gsize size;

  if (!vmp_state_make_head (fd, what, options, &head, &insert, error))
    return FALSE;
  if (head == NULL)
    return TRUE;
  wanted = g_bytes_get_data (head, &size);
  found = g_malloc (size);
  if (insert == 0 && !read_all (fd, found, size, what, error))
    return FALSE;
  if (insert != 0 || memcmp (found, wanted, size) != 0)
    return vmp_error_set (error, VMPORT_ERROR_UNSAFE,
                          _ ("%s: the saved state has another configuration than it should"),
                          what);
  return TRUE;
}

/* Adds to @reading what the save file @fd says, or with StateXml among @options sees to it that it
 * says just that. */
gboolean
vmp_state_describe (int fd, const char *what, GVariant *options, GVariantDict *reading,
                    GError **error)
{
  g_auto (VmpSaveImage) image = { 0 };
  g_autoptr (GPtrArray) unsafe = NULL;
  g_autoptr (VmpDomain) domain = NULL;
  g_autofree char *cookie = NULL;

  if (!vmp_save_image_read (fd, what, &image, error))
    return FALSE;
  domain = vmp_domain_new_from_xml (image.xml, strlen (image.xml), &unsafe, error);
  if (domain == NULL)
    {
      g_prefix_error (error, _ ("%s, in the saved state: "), what);
      return FALSE;
    }
  if (image.cookie != NULL)
    {
      cookie = vmp_save_cookie_rewrite (image.cookie, error);
      if (cookie == NULL)
        return FALSE;
      g_variant_dict_insert (reading, "Cookie", "s", cookie);
    }
  g_variant_dict_insert (reading, "Domain", "v", vmp_domain_to_variant (domain));
  g_variant_dict_insert_value (reading, "Unsafe", vmp_unsafe_list_to_variant (unsafe));
  g_variant_dict_insert (reading, "Running", "b", image.running);
  g_variant_dict_insert (reading, "Compression", "s", image.compression);
  return check_head (fd, what, options, error);
}

/* What a copy of @fd begins with; @head is NULL where @options has no StateXml. */
gboolean
vmp_state_make_head (int fd, const char *what, GVariant *options, GBytes **head, guint64 *insert,
                     GError **error)
{
  g_auto (VmpSaveImage) image = { 0 };
  const char *xml, *cookie = NULL;

  *head = NULL;
  *insert = 0;
  if (!g_variant_lookup (options, "StateXml", "&s", &xml))
    return TRUE;
  g_variant_lookup (options, "StateCookie", "&s", &cookie);
  return vmp_save_image_read (fd, what, &image, error)
         && vmp_save_image_rewrite (&image, what, xml, cookie, head, insert, error);
}
