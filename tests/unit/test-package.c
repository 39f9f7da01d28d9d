/* VmpPackage: the descriptor there and back, and what is refused. */
#include <string.h>

#include "vmp-package.h"
#include "vmport-error.h"

#define UUID "6f1c9a3e-5b0d-4c7e-8a52-000000000001"
#define VM "Virtual Machines/" UUID
#define DIGEST "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static VmpPackage *
make_package (void)
{
  VmpPackage *package = vmp_package_new ();
  VmpPackageSnapshot *snapshot;
  VmpPackageFile *file;
  VmpPackageDisk *disk;

  vmp_package_set_machine (package, UUID, "web <1> & \"2\"", "saved");
  file = vmp_package_add_file (package, VM ".xml", VMP_ROLE_CONFIGURATION);
  file->size = file->allocated = 4321;
  file->verity = g_strdup (DIGEST);
  file = vmp_package_add_file (package, "Virtual Hard Disks/ü & b.qcow2", VMP_ROLE_DISK);
  file->size = G_GUINT64_CONSTANT (1) << 45;
  file->allocated = 4096;
  file->verity = g_strdup (DIGEST);
  file->sha256 = g_strdup (DIGEST);
  file = vmp_package_add_file (package, "Virtual Hard Disks/base.raw", VMP_ROLE_DISK);
  file = vmp_package_add_file (package, VM "/state.save", VMP_ROLE_STATE);
  file = vmp_package_add_file (package, VM "/tpm/tpm2-00.permall", VMP_ROLE_TPM);
  disk = vmp_package_add_disk (package, "vda");
  vmp_package_disk_add_image (disk, "/srv/ü & b.qcow2", "qcow2", "Virtual Hard Disks/ü & b.qcow2");
  vmp_package_disk_add_image (disk, "/srv/base.raw", "raw", "Virtual Hard Disks/base.raw");
  disk = vmp_package_add_disk (package, "vdb");
  vmp_package_disk_add_image (disk, "/srv/left behind.raw", "raw", NULL);
  vmp_package_add_file (package, "Snapshots/a.xml", VMP_ROLE_SNAPSHOT);
  vmp_package_add_file (package, "Snapshots/b.xml", VMP_ROLE_SNAPSHOT);
  vmp_package_add_file (package, "Snapshots/b/memory.save", VMP_ROLE_SNAPSHOT_MEMORY);
  vmp_package_add_file (package, "Snapshots/b/other.qcow2", VMP_ROLE_SNAPSHOT_DISK);
  snapshot = vmp_package_add_snapshot (package, "a \"<", "Snapshots/a.xml");
  disk = vmp_package_snapshot_add_disk (snapshot, "vda");
  vmp_package_disk_add_image (disk, "/srv/base.raw", "raw", "Virtual Hard Disks/base.raw");
  snapshot = vmp_package_add_snapshot (package, "b", "Snapshots/b.xml");
  vmp_package_snapshot_set_memory (snapshot, "/srv/memory", "Snapshots/b/memory.save");
  disk = vmp_package_snapshot_add_disk (snapshot, "vda");
  vmp_package_disk_add_image (disk, "/srv/other.qcow2", "qcow2", "Snapshots/b/other.qcow2");
  vmp_package_disk_add_image (disk, "/srv/base.raw", "raw", "Virtual Hard Disks/base.raw");
  snapshot = vmp_package_add_snapshot (package, "c", "Snapshots/c.xml");
  vmp_package_add_file (package, "Snapshots/c.xml", VMP_ROLE_SNAPSHOT);
  vmp_package_snapshot_set_memory (snapshot, "/srv/memory left behind", NULL);
  return package;
}

static void
test_round_trip (void)
{
  g_autoptr (VmpPackage) package = make_package ();
  g_autoptr (VmpPackage) from_xml = NULL;
  g_autoptr (VmpPackage) from_variant = NULL;
  g_autoptr (GVariant) variant = g_variant_ref_sink (vmp_package_to_variant (package));
  g_autoptr (GError) error = NULL;
  g_autofree char *xml = vmp_package_to_xml (package);
  g_autofree char *again = NULL;
  g_autofree char *and_again = NULL;
  VmpPackageSnapshot *snapshot;
  VmpPackageDisk *disk;
  VmpPackageFile *file;

  g_test_message ("%s", xml);
  from_xml = vmp_package_new_from_xml (xml, strlen (xml), &error);
  g_assert_no_error (error);
  again = vmp_package_to_xml (from_xml);
  g_assert_cmpstr (again, ==, xml);
  from_variant = vmp_package_new_from_variant (variant, &error);
  g_assert_no_error (error);
  and_again = vmp_package_to_xml (from_variant);
  g_assert_cmpstr (and_again, ==, xml);

  g_assert_cmpstr (vmp_package_get_uuid (from_xml), ==, UUID);
  g_assert_cmpstr (vmp_package_get_name (from_xml), ==, "web <1> & \"2\"");
  g_assert_cmpuint (vmp_package_get_files (from_xml)->len, ==, 10);
  g_assert_cmpuint (vmp_package_get_disks (from_xml)->len, ==, 2);
  disk = g_ptr_array_index (vmp_package_get_disks (from_xml), 1);
  g_assert_cmpstr (disk->target, ==, "vdb");
  g_assert_null (((VmpPackageImage *) g_ptr_array_index (disk->images, 0))->file);
  file = vmp_package_find_file (from_xml, "Virtual Hard Disks/ü & b.qcow2");
  g_assert_cmpuint (file->size, ==, G_GUINT64_CONSTANT (1) << 45);
  g_assert_cmpstr (file->sha256, ==, DIGEST);
  g_assert_cmpstr (vmp_package_find_role (from_xml, VMP_ROLE_STATE)->name, ==, VM "/state.save");
  g_assert_null (vmp_package_find_role (from_xml, VMP_ROLE_KERNEL));
  g_assert_null (vmp_package_find_file (from_xml, "x"));

  g_assert_cmpuint (vmp_package_get_snapshots (from_xml)->len, ==, 3);
  snapshot = g_ptr_array_index (vmp_package_get_snapshots (from_xml), 0);
  g_assert_cmpstr (snapshot->name, ==, "a \"<");
  g_assert_cmpstr (snapshot->file, ==, "Snapshots/a.xml");
  g_assert_null (snapshot->memory_path);
  snapshot = g_ptr_array_index (vmp_package_get_snapshots (from_xml), 1);
  g_assert_cmpstr (snapshot->name, ==, "b");
  g_assert_cmpstr (snapshot->memory_path, ==, "/srv/memory");
  g_assert_cmpstr (snapshot->memory_file, ==, "Snapshots/b/memory.save");
  disk = g_ptr_array_index (snapshot->disks, 0);
  g_assert_cmpuint (disk->images->len, ==, 2);
  snapshot = g_ptr_array_index (vmp_package_get_snapshots (from_xml), 2);
  g_assert_cmpstr (snapshot->name, ==, "c");
  g_assert_cmpstr (snapshot->memory_path, ==, "/srv/memory left behind");
  g_assert_null (snapshot->memory_file);
}

static void
test_snapshot_names (void)
{
  static const struct
  {
    const char *name;
    const char *file;
  } names[] = { { "a", "a" },         { "A", "A-2" },       { "a.xml", "a.xml-2" },
                { "a-2", "a-2-2" },   { "v1.2", "v1.2" },   { "V1.2", "V1.2-2" },
                { ".hidden", "%2Ehidden" }, { "x/y", "x%2Fy" } };
  g_autoptr (GHashTable) taken = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);

  for (gsize i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autofree char *file = vmp_package_name_snapshot (names[i].name, taken);

      g_assert_cmpstr (file, ==, names[i].file);
    }
}

static void
test_roles (void)
{
  for (VmpRole role = 0; role < VMP_N_ROLES; role++)
    {
      VmpRole back;

      g_assert_true (vmp_role_from_string (vmp_role_to_string (role), &back));
      g_assert_cmpint (back, ==, role);
    }
  g_assert_false (vmp_role_from_string ("emulator", &(VmpRole){ 0 }));
}

#define HEAD "<package xmlns='urn:vmport:package:1' version='1'><generator>x</generator>"
#define MACHINE "<machine uuid='" UUID "' name='x' state='off'/>"
#define FILE(name, role) "<file name='" name "' role='" role "' size='1' allocated='1'/>"
#define CONFIGURATION FILE (VM ".xml", "configuration")
#define DISKFILE FILE ("Virtual Hard Disks/a.raw", "disk")
#define DISK(target, file) \
  "<disk target='" target "'><image path='/a' format='raw' file='" file "'/></disk>"
#define PACKAGE(disks, files) \
  HEAD MACHINE "<disks>" disks "</disks><files>" files "</files></package>"

#define SNAPSHOT(content, files) \
  HEAD MACHINE "<disks/><snapshots>" content "</snapshots><files>" CONFIGURATION DISKFILE files \
               "</files></package>"
#define ONE "<snapshot name='s' file='Snapshots/s.xml'/>"
#define ONE_WITH(content) "<snapshot name='s' file='Snapshots/s.xml'>" content "</snapshot>"
#define ONEFILE FILE ("Snapshots/s.xml", "snapshot")

static const struct
{
  const char *what;
  const char *xml;
} refused[] = {
  { "empty snapshots", SNAPSHOT ("", "") },
  { "document not listed", SNAPSHOT (ONE, "") },
  { "document of another role", SNAPSHOT (ONE, FILE ("Snapshots/s.xml", "snapshot-disk")) },
  { "document of no snapshot",
    HEAD MACHINE "<disks/><files>" CONFIGURATION ONEFILE "</files></package>" },
  { "document of two", SNAPSHOT (ONE "<snapshot name='t' file='Snapshots/s.xml'/>", ONEFILE) },
  { "snapshot twice", SNAPSHOT (ONE "<snapshot name='s' file='Snapshots/t.xml'/>",
                                ONEFILE FILE ("Snapshots/t.xml", "snapshot")) },
  { "snapshot elsewhere", SNAPSHOT ("<snapshot name='s' file='Virtual Hard Disks/s.xml'/>",
                                    FILE ("Virtual Hard Disks/s.xml", "snapshot")) },
  { "snapshot's image elsewhere",
    SNAPSHOT (ONE, ONEFILE FILE ("Virtual Hard Disks/x", "snapshot-disk")) },
  { "snapshot with a path", SNAPSHOT ("<snapshot name='../s' file='Snapshots/s.xml'/>", ONEFILE) },
  { "snapshot hidden", SNAPSHOT ("<snapshot name='.s' file='Snapshots/s.xml'/>", ONEFILE) },
  { "memory not listed",
    SNAPSHOT (ONE_WITH ("<memory path='/m' file='Snapshots/s/m'/>"), ONEFILE) },
  { "memory of another role", SNAPSHOT (ONE_WITH ("<memory path='/m' file='Snapshots/s/m'/>"),
                                        ONEFILE FILE ("Snapshots/s/m", "snapshot-disk")) },
  { "memory without a path", SNAPSHOT (ONE_WITH ("<memory file='Snapshots/s/m'/>"),
                                       ONEFILE FILE ("Snapshots/s/m", "snapshot-memory")) },
  { "two memories",
    SNAPSHOT (ONE_WITH ("<memory path='/m'/><memory path='/m'/>"), ONEFILE) },
  { "snapshot's disk not listed", SNAPSHOT (ONE_WITH (DISK ("vda", "Snapshots/s/x")), ONEFILE) },
  { "snapshot's disk twice", SNAPSHOT (ONE_WITH (DISK ("vda", "Virtual Hard Disks/a.raw")
                                                     DISK ("vda", "Virtual Hard Disks/a.raw")),
                                       ONEFILE) },
  { "snapshot's disk is a document", SNAPSHOT (ONE_WITH (DISK ("vda", "Snapshots/s.xml")),
                                               ONEFILE) },
  { "no namespace", "<package version='1'/>" },
  { "version 2", "<package xmlns='urn:vmport:package:1' version='2'/>" },
  { "empty", HEAD "</package>" },
  { "unknown attribute",
    "<package xmlns='urn:vmport:package:1' version='1' x='1'><generator>x</generator>" MACHINE
    "<disks/><files>" CONFIGURATION "</files></package>" },
  { "unknown element", PACKAGE ("", CONFIGURATION "<x/>") },
  { "foreign element", PACKAGE ("", CONFIGURATION "<x:file xmlns:x='urn:x'/>") },
  { "text", PACKAGE ("x", CONFIGURATION) },
  { "no files", PACKAGE ("", "") },
  { "no configuration", PACKAGE ("", DISKFILE) },
  { "two configurations", PACKAGE ("", CONFIGURATION CONFIGURATION) },
  { "configuration elsewhere", PACKAGE ("", FILE ("Virtual Machines/x.xml", "configuration")) },
  { "role at the configuration's place", PACKAGE ("", FILE (VM ".xml", "nvram")) },
  { "unknown role", PACKAGE ("", CONFIGURATION FILE ("Virtual Hard Disks/x", "emulator")) },
  { "absolute", PACKAGE ("", CONFIGURATION FILE ("/etc/passwd", "disk")) },
  { "dotdot", PACKAGE ("", CONFIGURATION FILE ("Virtual Hard Disks/../../x", "disk")) },
  { "descriptor", PACKAGE ("", CONFIGURATION FILE ("vmport.xml", "disk")) },
  { "sums", PACKAGE ("", CONFIGURATION FILE ("SHA256SUMS", "disk")) },
  { "other folder", PACKAGE ("", CONFIGURATION FILE ("Other/x", "disk")) },
  { "folder itself", PACKAGE ("", CONFIGURATION FILE ("Virtual Hard Disks", "disk")) },
  { "folder with slash", PACKAGE ("", CONFIGURATION FILE ("Virtual Hard Disks/", "disk")) },
  { "another machine's",
    PACKAGE ("", CONFIGURATION FILE ("Virtual Machines/00000000-0000-4000-8000-000000000000/x",
                                     "nvram")) },
  { "twice", PACKAGE ("", CONFIGURATION DISKFILE DISKFILE) },
  { "twice but for case",
    PACKAGE ("", CONFIGURATION DISKFILE FILE ("Virtual Hard Disks/A.RAW", "disk")) },
  { "file as folder",
    PACKAGE ("", CONFIGURATION DISKFILE FILE ("Virtual Hard Disks/a.raw/b", "disk")) },
  { "folder as file",
    PACKAGE ("", CONFIGURATION FILE ("Virtual Hard Disks/a.raw/b", "disk") DISKFILE) },
  { "image not listed",
    PACKAGE (DISK ("vda", "Virtual Hard Disks/b.raw"), CONFIGURATION DISKFILE) },
  { "image of another role", PACKAGE (DISK ("vda", VM ".xml"), CONFIGURATION DISKFILE) },
  { "image used twice",
    PACKAGE (DISK ("vda", "Virtual Hard Disks/a.raw") DISK ("vdb", "Virtual Hard Disks/a.raw"),
             CONFIGURATION DISKFILE) },
  { "target twice",
    PACKAGE (DISK ("vda", "Virtual Hard Disks/a.raw") DISK ("vda", "Virtual Hard Disks/b.raw"),
             CONFIGURATION DISKFILE FILE ("Virtual Hard Disks/b.raw", "disk")) },
  { "disk without image", PACKAGE ("<disk target='vda'/>", CONFIGURATION) },
  { "target",
    PACKAGE ("<disk target='v/a'><image path='/a' format='raw'/></disk>", CONFIGURATION) },
  { "format",
    PACKAGE ("<disk target='vda'><image path='/a' format='json:{}'/></disk>", CONFIGURATION) },
  { "no path", PACKAGE ("<disk target='vda'><image format='raw'/></disk>", CONFIGURATION) },
  { "short digest",
    PACKAGE ("",
             "<file name='" VM ".xml' role='configuration' size='1' allocated='1' verity='ab'/>") },
  { "upper-case digest", PACKAGE ("", "<file name='" VM ".xml' role='configuration' size='1' "
                                      "allocated='1' sha256='"
                                      "ABCDEF6789abcdef0123456789abcdef"
                                      "0123456789abcdef0123456789abcdef'/>") },
  { "negative size",
    PACKAGE ("", "<file name='" VM ".xml' role='configuration' size='-1' allocated='0'/>") },
  { "huge size", PACKAGE ("", "<file name='" VM ".xml' role='configuration' "
                              "size='9999999999999999999' allocated='0'/>") },
  { "more allocated than size",
    PACKAGE ("", "<file name='" VM ".xml' role='configuration' size='1' allocated='2'/>") },
  { "sum", PACKAGE ("", "<file name='" VM ".xml' role='configuration' size='9000000000000000000' "
                        "allocated='0'/><file name='Virtual Hard Disks/a' role='disk' "
                        "size='9000000000000000000' allocated='0'/>") },
  { "saved without state",
    HEAD "<machine uuid='" UUID "' name='x' state='saved'/><disks/><files>" CONFIGURATION
         "</files></package>" },
  { "state without saved", PACKAGE ("", CONFIGURATION FILE (VM "/state.save", "state")) },
  { "running",
    HEAD "<machine uuid='" UUID "' name='x' state='running'/><disks/><files>" CONFIGURATION
         "</files></package>" },
  { "bad uuid", HEAD "<machine uuid='../x' name='x' state='off'/><disks/><files>" CONFIGURATION
                     "</files></package>" },
  { "bad name",
    HEAD "<machine uuid='" UUID "' name='a/b' state='off'/><disks/><files>" CONFIGURATION
         "</files></package>" },
  { "dtd", "<!DOCTYPE package [<!ENTITY a 'b'>]>" PACKAGE ("", CONFIGURATION) },
};

static void
test_refused (void)
{
  g_autoptr (GError) error = NULL;
  const char *good = PACKAGE (DISK ("vda", "Virtual Hard Disks/a.raw"), CONFIGURATION DISKFILE);
  g_autoptr (VmpPackage) package = vmp_package_new_from_xml (good, strlen (good), &error);

  g_assert_no_error (error);
  g_assert_nonnull (package);
  for (gsize i = 0; i < G_N_ELEMENTS (refused); i++)
    {
      g_autoptr (VmpPackage) bad = NULL;
      g_autoptr (GError) problem = NULL;

      bad = vmp_package_new_from_xml (refused[i].xml, strlen (refused[i].xml), &problem);
      g_test_message ("%s: %s", refused[i].what, problem != NULL ? problem->message : "accepted");
      g_assert_null (bad);
      g_assert_error (problem, VMPORT_ERROR, VMPORT_ERROR_CORRUPT);
      g_assert_nonnull (strstr (problem->message, "vmport.xml"));
    }
}

static void
test_too_many (void)
{
  g_autoptr (VmpPackage) package = make_package ();
  g_autoptr (VmpPackage) chained = make_package ();
  g_autoptr (VmpPackage) back = NULL;
  g_autoptr (GVariant) variant = NULL;
  g_autoptr (GVariant) long_chain = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *xml = NULL;
  VmpPackageDisk *disk;

  while (vmp_package_get_files (package)->len <= VMP_PACKAGE_MAX_FILES)
    {
      g_autofree char *name
          = g_strdup_printf ("Snapshots/%u", vmp_package_get_files (package)->len);

      if (vmp_package_get_files (package)->len == VMP_PACKAGE_MAX_FILES)
        {
          xml = vmp_package_to_xml (package);
          back = vmp_package_new_from_xml (xml, strlen (xml), &error);
          g_assert_no_error (error);
          g_clear_object (&back);
          g_clear_pointer (&xml, g_free);
        }
      vmp_package_add_file (package, name, VMP_ROLE_SNAPSHOT_DISK);
    }
  xml = vmp_package_to_xml (package);
  back = vmp_package_new_from_xml (xml, strlen (xml), &error);
  g_assert_null (back);
  g_assert_error (error, VMPORT_ERROR, VMPORT_ERROR_CORRUPT);
  g_clear_error (&error);
  variant = g_variant_ref_sink (vmp_package_to_variant (package));
  back = vmp_package_new_from_variant (variant, &error);
  g_assert_null (back);
  g_assert_error (error, VMPORT_ERROR, VMPORT_ERROR_CORRUPT);
  g_clear_error (&error);

  disk = g_ptr_array_index (vmp_package_get_disks (chained), 1);
  while (disk->images->len <= VMP_PACKAGE_MAX_IMAGES)
    vmp_package_disk_add_image (disk, "/x", "raw", NULL);
  long_chain = g_variant_ref_sink (vmp_package_to_variant (chained));
  back = vmp_package_new_from_variant (long_chain, &error);
  g_assert_null (back);
  g_assert_error (error, VMPORT_ERROR, VMPORT_ERROR_CORRUPT);
}

static void
test_mutated_variants (void)
{
  g_autoptr (VmpPackage) package = make_package ();
  g_autoptr (GVariant) variant = g_variant_ref_sink (vmp_package_to_variant (package));
  gsize size = g_variant_get_size (variant);

  for (guint round = 0; round < 5000; round++)
    {
      g_autofree guint8 *bytes = g_memdup2 (g_variant_get_data (variant), size);
      g_autoptr (GBytes) mutated = NULL;
      g_autoptr (GVariant) hostile = NULL;
      g_autoptr (VmpPackage) again = NULL;
      g_autoptr (GError) error = NULL;

      bytes[g_test_rand_int_range (0, (gint32) size)] = (guint8) g_test_rand_int_range (0, 256);
      bytes[g_test_rand_int_range (0, (gint32) size)] = (guint8) g_test_rand_int_range (0, 256);
      mutated = g_bytes_new_take (g_steal_pointer (&bytes), size);
      hostile = g_variant_ref_sink (
          g_variant_new_from_bytes (g_variant_get_type (variant), mutated, FALSE));
      again = vmp_package_new_from_variant (hostile, &error);
      g_assert_true ((again == NULL) == (error != NULL));
      if (again != NULL)
        {
          g_autofree char *xml = vmp_package_to_xml (again);
          g_autoptr (VmpPackage) back = vmp_package_new_from_xml (xml, strlen (xml), &error);

          g_assert_no_error (error);
          g_assert_nonnull (back);
        }
    }
}

static void
test_image_names (void)
{
  static const char *const rows[][3] = {
    { "/srv/web.qcow2", "qcow2", "web.qcow2" },   { "/srv/web", "qcow2", "web.qcow2" },
    { "/srv/web.img", "raw", "web.raw" },         { "/srv/web.img", "qcow2", "web.qcow2" },
    { "/srv/disk.vhd", "vpc", "disk.vhd" },       { "/srv/.hidden", "raw", "disk.raw" },
    { "/srv/install.iso", "raw", "install.iso" }, { "/srv/install.iso", "qcow2", "install.iso.qcow2" },
    { "/srv/boot.vfd", "raw", "boot.vfd.raw" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autoptr (GHashTable) taken = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
      g_autofree char *name = vmp_package_name_image (rows[i][0], rows[i][1], taken);
      g_autofree char *second = vmp_package_name_image (rows[i][0], rows[i][1], taken);

      g_assert_cmpstr (name, ==, rows[i][2]);
      g_assert_cmpstr (second, !=, rows[i][2]);
    }
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/package/round-trip", test_round_trip);
  g_test_add_func ("/package/snapshot-names", test_snapshot_names);
  g_test_add_func ("/package/roles", test_roles);
  g_test_add_func ("/package/image-names", test_image_names);
  g_test_add_func ("/package/refused", test_refused);
  g_test_add_func ("/package/too-many", test_too_many);
  g_test_add_func ("/package/mutated-variants", test_mutated_variants);
  return g_test_run ();
}
