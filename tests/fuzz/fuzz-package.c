/* Descriptors of any kind: whatever is accepted comes out the same when it is read again. */
#include <string.h>

#include "fuzz.h"
#include "vmp-package.h"

static void
check_again (VmpPackage *package)
{
  g_autofree char *xml = vmp_package_to_xml (package);
  g_autofree char *rewritten = NULL;
  g_autoptr (VmpPackage) again = vmp_package_new_from_xml (xml, strlen (xml), NULL);

  g_assert (again != NULL);
  rewritten = vmp_package_to_xml (again);
  g_assert_cmpstr (rewritten, ==, xml);
}

static void
try_variant (const uint8_t *data, size_t size)
{
  g_autoptr (GBytes) bytes = g_bytes_new (data, size);
  g_autoptr (GVariant) variant = g_variant_ref_sink (
      g_variant_new_from_bytes (G_VARIANT_TYPE ("(sssa(ssttss)a(sa(sss))a(ssssa(sa(sss))))"), bytes, FALSE));
  g_autoptr (VmpPackage) package = vmp_package_new_from_variant (variant, NULL);

  if (package != NULL)
    check_again (package);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autoptr (VmpPackage) package = vmp_package_new_from_xml ((const char *) data, size, NULL);
  g_autoptr (VmpPackage) carried = NULL;
  g_autoptr (GVariant) variant = NULL;

  try_variant (data, size);
  if (package == NULL)
    return 0;
  variant = g_variant_ref_sink (vmp_package_to_variant (package));
  carried = vmp_package_new_from_variant (variant, NULL);
  g_assert (carried != NULL);
  check_again (carried);
  check_again (package);
  return 0;
}
