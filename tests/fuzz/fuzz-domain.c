/* Domain XML of any kind: whatever is accepted comes out the same when it is read again, carries
 * nothing unsafe after a strip, and survives the way through plain data. */
#include <string.h>

#include "fuzz.h"
#include "vmp-domain.h"

static void
check_stripped (VmpDomain *domain)
{
  g_autoptr (GPtrArray) unsafe = NULL;
  g_autoptr (VmpDomain) again = NULL;
  g_autofree char *xml = NULL;
  g_autofree char *rewritten = NULL;

  vmp_domain_strip_unsafe (domain);
  xml = vmp_domain_to_xml (domain);
  again = vmp_domain_new_from_xml (xml, strlen (xml), &unsafe, NULL);
  g_assert (again != NULL && unsafe->len == 0 && !vmp_domain_is_unsafe (again));
  rewritten = vmp_domain_to_xml (again);
  g_assert_cmpstr (rewritten, ==, xml);
}

static void
read_all (VmpDomain *domain)
{
  g_assert (vmp_domain_get_name (domain) != NULL);
  for (guint i = 0; i < vmp_domain_get_n_disks (domain); i++)
    for (guint j = 0; j < vmp_domain_get_n_images (domain, i); j++)
      g_assert (vmp_domain_get_image_path (domain, i, j) != NULL);
  for (guint i = 0; i < vmp_domain_get_n_interfaces (domain); i++)
    {
      g_autofree char *connection = vmp_domain_get_interface_connection (domain, i);

      g_assert (connection != NULL);
      vmp_domain_set_interface_source (domain, i, VMP_NETWORK_NETWORK, "default");
      vmp_domain_set_interface_source (domain, i, VMP_NETWORK_NONE, NULL);
    }
}

static void
try_variant (const uint8_t *data, size_t size)
{
  g_autoptr (GBytes) bytes = g_bytes_new (data, size);
  g_autoptr (GVariant) variant = g_variant_ref_sink (
      g_variant_new_from_bytes (G_VARIANT_TYPE ("a(usa(ss)s)"), bytes, FALSE));
  g_autoptr (VmpDomain) domain = vmp_domain_new_from_variant (variant, NULL);

  if (domain != NULL)
    check_stripped (domain);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autoptr (VmpDomain) domain = vmp_domain_new_from_xml ((const char *) data, size, NULL, NULL);
  g_autoptr (VmpDomain) carried = NULL;
  g_autoptr (GVariant) variant = NULL;

  try_variant (data, size);
  if (domain == NULL)
    return 0;
  variant = g_variant_ref_sink (vmp_domain_to_variant (domain));
  carried = vmp_domain_new_from_variant (variant, NULL);
  g_assert (carried != NULL);
  g_assert (vmp_domain_is_unsafe (carried) == vmp_domain_is_unsafe (domain));
  check_stripped (carried);
  read_all (domain);
  check_stripped (domain);
  return 0;
}
