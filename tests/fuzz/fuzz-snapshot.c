/* Snapshot XML of any kind: whatever is accepted comes out the same when it is read again, carries
 * nothing unsafe after a strip, and survives the way through plain data. */
#include <string.h>

#include "fuzz.h"
#include "vmp-snapshot.h"

static void
check_stripped (VmpSnapshot *snapshot)
{
  g_autoptr (GPtrArray) unsafe = NULL;
  g_autoptr (VmpSnapshot) again = NULL;
  g_autofree char *xml = NULL;

  vmp_snapshot_strip_unsafe (snapshot);
  xml = vmp_snapshot_to_xml (snapshot);
  again = vmp_snapshot_new_from_xml (xml, strlen (xml), &unsafe, NULL);
  g_assert (again != NULL && unsafe->len == 0 && !vmp_snapshot_is_unsafe (again));
  g_assert (vmp_snapshot_equal (again, snapshot));
}

static void
read_all (VmpSnapshot *snapshot)
{
  g_autofree char *cookie = vmp_snapshot_cookie_to_xml (snapshot);

  g_assert (vmp_snapshot_get_name (snapshot) != NULL);
  g_assert (vmp_snapshot_get_machine_state (snapshot) != NULL);
  g_assert (vmp_snapshot_get_creation_time (snapshot) <= G_MAXINT64 / G_USEC_PER_SEC);
  g_assert (vmp_snapshot_get_storage (snapshot) != VMP_SNAPSHOT_NONE);
  g_assert ((vmp_snapshot_get_memory (snapshot) == VMP_SNAPSHOT_EXTERNAL)
            == (vmp_snapshot_get_memory_path (snapshot) != NULL));
  for (guint i = 0; i < vmp_snapshot_get_n_disks (snapshot); i++)
    {
      gboolean external = vmp_snapshot_get_disk_storage (snapshot, i) == VMP_SNAPSHOT_EXTERNAL;

      g_assert (vmp_snapshot_get_disk_target (snapshot, i) != NULL);
      g_assert (external == (vmp_snapshot_get_disk_path (snapshot, i) != NULL));
      g_assert (external == (vmp_snapshot_get_disk_format (snapshot, i) != NULL));
      if (external)
        vmp_snapshot_set_disk_image (snapshot, i, "/new", "qcow2");
    }
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autoptr (VmpSnapshot) snapshot
      = vmp_snapshot_new_from_xml ((const char *) data, size, NULL, NULL);
  g_autoptr (VmpSnapshot) carried = NULL;
  g_autoptr (GVariant) variant = NULL;

  if (snapshot == NULL)
    return 0;
  variant = g_variant_ref_sink (vmp_snapshot_to_variant (snapshot));
  carried = vmp_snapshot_new_from_variant (variant, NULL);
  g_assert (carried != NULL && vmp_snapshot_equal (carried, snapshot));
  check_stripped (carried);
  read_all (snapshot);
  check_stripped (snapshot);
  return 0;
}
