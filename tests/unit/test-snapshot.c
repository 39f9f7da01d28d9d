/* VmpSnapshot and lists of it: what libvirt wrote goes there and back, what no snapshot can be is
 * refused, and what is in its configurations goes through the grammar of a domain. */
#include <string.h>

#include "vmp-snapshot.h"
#include "vmport-error.h"

/* Written by libvirt 9.0, save that most features of the CPUs are left out; NAME.expected.xml is what
 * vmport makes of it, and libvirt takes that back with VIR_DOMAIN_SNAPSHOT_CREATE_REDEFINE and
 * …_VALIDATE. */
static const char *const samples[] = { "off", "running-internal", "running-external", "disk-only" };

static char *
read_sample (const char *name, const char *extension)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *base = g_strconcat (name, extension, NULL);
  g_autofree char *path = g_test_build_filename (G_TEST_DIST, "snapshots", base, NULL);
  char *text = NULL;

  g_file_get_contents (path, &text, NULL, &error);
  g_assert_no_error (error);
  return text;
}

static VmpSnapshot *
parse (const char *xml)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) unsafe = NULL;
  VmpSnapshot *snapshot = vmp_snapshot_new_from_xml (xml, strlen (xml), &unsafe, &error);

  g_assert_no_error (error);
  g_assert_cmpuint (unsafe->len, ==, 0);
  return snapshot;
}

static VmpSnapshot *
parse_sample (const char *name)
{
  g_autofree char *xml = read_sample (name, ".xml");

  return parse (xml);
}

static void
test_round_trip (gconstpointer data)
{
  g_autoptr (VmpSnapshot) snapshot = parse_sample (data);
  g_autoptr (GVariant) variant = g_variant_ref_sink (vmp_snapshot_to_variant (snapshot));
  g_autoptr (GError) error = NULL;
  g_autoptr (VmpSnapshot) carried = vmp_snapshot_new_from_variant (variant, &error);
  g_autoptr (VmpSnapshot) copy = vmp_snapshot_copy (snapshot);
  g_autoptr (VmpSnapshot) again = NULL;
  g_autofree char *expected = read_sample (data, ".expected.xml");
  g_autofree char *written = vmp_snapshot_to_xml (snapshot);
  g_autofree char *rewritten = NULL;

  g_assert_no_error (error);
  g_assert_cmpstr (written, ==, expected);
  again = parse (written);
  rewritten = vmp_snapshot_to_xml (again);
  g_assert_cmpstr (rewritten, ==, written);
  g_assert_true (vmp_snapshot_equal (carried, snapshot));
  g_assert_true (vmp_snapshot_equal (copy, snapshot));
  vmp_domain_set_name (vmp_snapshot_get_domain (copy), "other");
  g_assert_false (vmp_snapshot_equal (copy, snapshot));
  g_assert_false (vmp_snapshot_is_unsafe (snapshot));
}

static void
test_offline (void)
{
  g_autoptr (VmpSnapshot) snapshot = parse_sample ("off");

  g_assert_cmpstr (vmp_snapshot_get_name (snapshot), ==, "off <1> ü");
  g_assert_cmpstr (vmp_snapshot_get_description (snapshot), ==, "multi\nline & more");
  g_assert_null (vmp_snapshot_get_parent (snapshot));
  g_assert_cmpuint (vmp_snapshot_get_creation_time (snapshot), ==, 1795399124);
  g_assert_cmpstr (vmp_snapshot_get_state (snapshot), ==, "shutoff");
  g_assert_cmpstr (vmp_snapshot_get_machine_state (snapshot), ==, "off");
  g_assert_false (vmp_snapshot_is_current (snapshot));
  g_assert_cmpint (vmp_snapshot_get_storage (snapshot), ==, VMP_SNAPSHOT_INTERNAL);
  g_assert_cmpint (vmp_snapshot_get_memory (snapshot), ==, VMP_SNAPSHOT_NONE);
  g_assert_null (vmp_snapshot_get_memory_path (snapshot));
  g_assert_null (vmp_snapshot_cookie_to_xml (snapshot));
  g_assert_cmpuint (vmp_snapshot_get_n_disks (snapshot), ==, 3);
  g_assert_cmpstr (vmp_snapshot_get_disk_target (snapshot, 0), ==, "vda");
  g_assert_cmpint (vmp_snapshot_get_disk_storage (snapshot, 0), ==, VMP_SNAPSHOT_INTERNAL);
  g_assert_null (vmp_snapshot_get_disk_path (snapshot, 0));
  g_assert_cmpint (vmp_snapshot_find_disk_storage (snapshot, "vdb"), ==, VMP_SNAPSHOT_INTERNAL);
  g_assert_cmpint (vmp_snapshot_find_disk_storage (snapshot, "sda"), ==, VMP_SNAPSHOT_NONE);
  g_assert_cmpint (vmp_snapshot_find_disk_storage (snapshot, "vdc"), ==, VMP_SNAPSHOT_NONE);
  g_assert_null (vmp_snapshot_get_inactive_domain (snapshot));
}

static void
test_external (void)
{
  g_autoptr (VmpSnapshot) snapshot = parse_sample ("running-external");
  g_autoptr (VmpSnapshot) again = NULL;
  g_autofree char *cookie = vmp_snapshot_cookie_to_xml (snapshot);
  g_autofree char *xml = NULL;

  g_assert_cmpstr (vmp_snapshot_get_parent (snapshot), ==, "run");
  g_assert_cmpstr (vmp_snapshot_get_machine_state (snapshot), ==, "running");
  g_assert_cmpint (vmp_snapshot_get_storage (snapshot), ==, VMP_SNAPSHOT_EXTERNAL);
  g_assert_cmpint (vmp_snapshot_get_memory (snapshot), ==, VMP_SNAPSHOT_EXTERNAL);
  g_assert_cmpstr (vmp_snapshot_get_memory_path (snapshot), ==, "/var/lib/libvirt/images/ext.mem");
  g_assert_cmpstr (cookie, ==, "<cookie/>\n");
  g_assert_cmpint (vmp_snapshot_get_disk_storage (snapshot, 0), ==, VMP_SNAPSHOT_EXTERNAL);
  g_assert_cmpstr (vmp_snapshot_get_disk_path (snapshot, 0), ==, "/var/lib/libvirt/images/a.ext");
  g_assert_cmpstr (vmp_snapshot_get_disk_format (snapshot, 0), ==, "qcow2");
  g_assert_cmpint (vmp_snapshot_get_disk_storage (snapshot, 1), ==, VMP_SNAPSHOT_NONE);
  g_assert_nonnull (vmp_snapshot_get_inactive_domain (snapshot));

  /* What an import changes. */
  vmp_snapshot_set_memory_path (snapshot, "/new/memory");
  vmp_snapshot_set_disk_image (snapshot, 0, "/new/overlay", "qed");
  vmp_snapshot_set_current (snapshot, TRUE);
  vmp_snapshot_set_parent (snapshot, "other & <parent>");
  xml = vmp_snapshot_to_xml (snapshot);
  again = parse (xml);
  g_assert_cmpstr (vmp_snapshot_get_memory_path (again), ==, "/new/memory");
  g_assert_cmpstr (vmp_snapshot_get_disk_path (again, 0), ==, "/new/overlay");
  g_assert_cmpstr (vmp_snapshot_get_disk_format (again, 0), ==, "qed");
  g_assert_true (vmp_snapshot_is_current (again));
  g_assert_cmpstr (vmp_snapshot_get_parent (again), ==, "other & <parent>");
  vmp_snapshot_set_parent (again, NULL);
  vmp_snapshot_set_current (again, FALSE);
  g_assert_null (vmp_snapshot_get_parent (again));
  g_assert_false (vmp_snapshot_is_current (again));
}

static void
test_machine_states (void)
{
  static const struct
  {
    const char *state;
    const char *machine_state;
  } states[] = { { "running", "running" },   { "blocked", "running" },
                 { "paused", "paused" },     { "shutdown", "shutdown" },
                 { "shutoff", "off" },       { "crashed", "crashed" },
                 { "disk-snapshot", "disk-snapshot" } };
  g_autofree char *sample = read_sample ("off", ".xml");

  for (gsize i = 0; i < G_N_ELEMENTS (states); i++)
    {
      g_autofree char *element = g_strdup_printf ("<state>%s</state>", states[i].state);
      g_autoptr (GString) xml = g_string_new (sample);
      g_autoptr (VmpSnapshot) snapshot = NULL;

      g_string_replace (xml, "<state>shutoff</state>", element, 0);
      snapshot = parse (xml->str);
      g_assert_cmpstr (vmp_snapshot_get_machine_state (snapshot), ==, states[i].machine_state);
    }
}

#define UUID "6f1c9a3e-5b0d-4c7e-8a52-000000000001"
#define DOMAIN_WITH(name, more) \
  "<domain type='kvm'><name>" name "</name><uuid>" UUID "</uuid><os><type>hvm</type></os><devices>" \
  "<disk type='file'><driver name='qemu' type='qcow2'/><source file='/a.qcow2'/>" \
  "<target dev='vda' bus='virtio'/></disk>" more "</devices></domain>"
#define DOMAIN DOMAIN_WITH ("web", "")
#define TIME "<creationTime>1</creationTime>"
#define SNAPSHOT(content) "<domainsnapshot>" content "</domainsnapshot>"
#define SMALL(content) SNAPSHOT ("<name>s</name><state>shutoff</state>" TIME content)

static const struct
{
  const char *what;
  const char *xml;
  VmportError code;
} refused[] = {
  { "another root", "<domain type='kvm'/>", VMPORT_ERROR_CORRUPT },
  { "nothing", "", VMPORT_ERROR_CORRUPT },
  { "a document type", "<!DOCTYPE x><domainsnapshot/>", VMPORT_ERROR_CORRUPT },
  { "no name", SNAPSHOT ("<state>shutoff</state>" TIME DOMAIN), VMPORT_ERROR_CORRUPT },
  { "an empty name", SNAPSHOT ("<name/><state>shutoff</state>" TIME DOMAIN),
    VMPORT_ERROR_CORRUPT },
  { "a path for a name", SNAPSHOT ("<name>../x</name><state>shutoff</state>" TIME DOMAIN),
    VMPORT_ERROR_CORRUPT },
  { "a hidden name", SNAPSHOT ("<name>.x</name><state>shutoff</state>" TIME DOMAIN),
    VMPORT_ERROR_CORRUPT },
  { "two names", SMALL ("<name>t</name>" DOMAIN), VMPORT_ERROR_CORRUPT },
  { "no state", SNAPSHOT ("<name>s</name>" TIME DOMAIN), VMPORT_ERROR_CORRUPT },
  { "an unknown state", SNAPSHOT ("<name>s</name><state>asleep</state>" TIME DOMAIN),
    VMPORT_ERROR_CORRUPT },
  { "no time", SNAPSHOT ("<name>s</name><state>shutoff</state>" DOMAIN), VMPORT_ERROR_CORRUPT },
  { "a time past all",
    SNAPSHOT ("<name>s</name><state>shutoff</state>"
              "<creationTime>9223372036855</creationTime>" DOMAIN),
    VMPORT_ERROR_CORRUPT },
  { "a parent without a name", SMALL ("<parent/>" DOMAIN), VMPORT_ERROR_CORRUPT },
  { "a parent with a path", SMALL ("<parent><name>a/b</name></parent>" DOMAIN),
    VMPORT_ERROR_CORRUPT },
  { "memory of a machine that is off", SMALL ("<memory snapshot='internal'/>" DOMAIN),
    VMPORT_ERROR_CORRUPT },
  { "external memory without a file",
    SNAPSHOT ("<name>s</name><state>running</state>" TIME "<memory snapshot='external'/>" DOMAIN),
    VMPORT_ERROR_CORRUPT },
  { "a file of internal memory",
    SNAPSHOT ("<name>s</name><state>running</state>" TIME
              "<memory snapshot='internal' file='/m'/>" DOMAIN),
    VMPORT_ERROR_CORRUPT },
  { "a disk twice",
    SMALL ("<disks><disk name='vda' snapshot='no'/><disk name='vda' snapshot='no'/></disks>" DOMAIN),
    VMPORT_ERROR_CORRUPT },
  { "an external disk without a file",
    SMALL ("<disks><disk name='vda' snapshot='external'/></disks>" DOMAIN), VMPORT_ERROR_CORRUPT },
  { "an external disk without a format",
    SMALL ("<disks><disk name='vda' snapshot='external'><source file='/o'/></disk></disks>" DOMAIN),
    VMPORT_ERROR_CORRUPT },
  { "no configuration", SMALL (""), VMPORT_ERROR_CORRUPT },
  { "half a configuration", SMALL ("<domain><uuid>" UUID "</uuid></domain>"),
    VMPORT_ERROR_CORRUPT },
  { "two configurations", SMALL (DOMAIN DOMAIN), VMPORT_ERROR_CORRUPT },
  { "another hypervisor", SMALL ("<domain type='xen'><name>x</name></domain>"),
    VMPORT_ERROR_NOT_SUPPORTED },
  { "a broken inactive configuration", SMALL (DOMAIN "<inactiveDomain/>"), VMPORT_ERROR_CORRUPT },
  { "an unknown cookie", SMALL ("<cookie><evil/></cookie>" DOMAIN), VMPORT_ERROR_UNSAFE },
};

static void
test_refused (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (refused); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (GPtrArray) unsafe = NULL;
      g_autoptr (VmpSnapshot) snapshot = vmp_snapshot_new_from_xml (
          refused[i].xml, strlen (refused[i].xml), &unsafe, &error);

      g_test_message ("%s: %s", refused[i].what, error != NULL ? error->message : "accepted");
      g_assert_null (snapshot);
      g_assert_null (unsafe);
      g_assert_error (error, VMPORT_ERROR, (int) refused[i].code);
    }
}

/* libvirt's meaning where nothing is said. */
static void
test_implied (void)
{
  static const char running[]
      = SNAPSHOT ("<name>s</name><state>running</state>" TIME "<active>0</active>" DOMAIN);
  static const char file[] = SNAPSHOT ("<name>s</name><state>running</state>" TIME
                                       "<memory file='/m'/><active>1</active>" DOMAIN);
  g_autoptr (VmpSnapshot) off = parse (SMALL (DOMAIN));
  g_autoptr (VmpSnapshot) internal = parse (running);
  g_autoptr (VmpSnapshot) external = parse (file);
  g_autofree char *xml = vmp_snapshot_to_xml (internal);

  g_assert_cmpint (vmp_snapshot_get_memory (off), ==, VMP_SNAPSHOT_NONE);
  g_assert_cmpuint (vmp_snapshot_get_n_disks (off), ==, 0);
  g_assert_cmpint (vmp_snapshot_get_memory (internal), ==, VMP_SNAPSHOT_INTERNAL);
  g_assert_nonnull (strstr (xml, "<memory snapshot=\"internal\"/>"));
  g_assert_null (strstr (xml, "<active>"));
  g_assert_cmpint (vmp_snapshot_get_memory (external), ==, VMP_SNAPSHOT_EXTERNAL);
  g_assert_true (vmp_snapshot_is_current (external));
}

#define HOSTDEV \
  "<hostdev mode='subsystem' type='pci' managed='yes'><source><address domain='0' bus='1' " \
  "slot='0' function='0'/></source></hostdev>"
#define EMULATOR "<emulator>/tmp/EVIL</emulator>"
#define BLOCK \
  "<disk type='block'><driver name='qemu' type='raw'/><source dev='/dev/EVIL'/>" \
  "<target dev='vdb' bus='virtio'/></disk>"
#define INACTIVE(more) \
  "<inactiveDomain type='kvm'><name>web</name><os><type>hvm</type></os><devices>" more \
  "</devices></inactiveDomain>"

static const struct
{
  const char *what;
  const char *xml;      /* "EVIL" in it must be gone at the end */
  const char *location; /* of the finding */
  gboolean keepable;
} hostile[] = {
  { "emulator", SMALL (DOMAIN_WITH ("web", EMULATOR)), "domain/devices/emulator", FALSE },
  { "commandline",
    SMALL ("<domain type='kvm' xmlns:q='http://libvirt.org/schemas/domain/qemu/1.0'><name>x</name>"
           "<os><type>hvm</type></os><q:commandline><q:arg value='EVIL'/></q:commandline></domain>"),
    "domain/qemu:commandline", FALSE },
  { "commandline by a name of the document's",
    "<domainsnapshot xmlns:q='http://libvirt.org/schemas/domain/qemu/1.0'><name>s</name>"
    "<state>shutoff</state>" TIME "<domain type='kvm'><name>x</name><os><type>hvm</type></os>"
    "<q:commandline><q:arg value='EVIL'/></q:commandline></domain></domainsnapshot>",
    "domain/qemu:commandline", FALSE },
  { "host device", SMALL (DOMAIN_WITH ("web", HOSTDEV)), "domain/devices/hostdev", TRUE },
  { "inactive emulator", SMALL (DOMAIN INACTIVE (EMULATOR)), "inactiveDomain/devices/emulator",
    FALSE },
  { "block device",
    SMALL ("<disks><disk name='vda' snapshot='internal'/><disk name='vdb' snapshot='no'/></disks>"
           DOMAIN_WITH ("web", BLOCK)),
    "domain/devices/disk[2]", TRUE },
  { "overlay on a device",
    SMALL ("<disks><disk name='vda' snapshot='external' type='block'><source dev='/dev/EVIL'/>"
           "</disk></disks>" DOMAIN),
    "disks/disk", FALSE },
  { "unknown element", SMALL ("<EVIL/>" DOMAIN), "EVIL", FALSE },
  { "unknown attribute",
    SMALL ("<disks><disk name='vda' snapshot='internal' EVIL='x'/></disks>" DOMAIN),
    "disks/disk/@EVIL", FALSE },
};

static void
test_hostile (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (hostile); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (GPtrArray) unsafe = NULL;
      g_autoptr (GPtrArray) none = NULL;
      g_autoptr (VmpSnapshot) again = NULL;
      g_autofree char *xml = NULL;
      g_autoptr (VmpSnapshot) snapshot = vmp_snapshot_new_from_xml (
          hostile[i].xml, strlen (hostile[i].xml), &unsafe, &error);

      g_test_message ("%s", hostile[i].what);
      g_assert_no_error (error);
      g_assert_cmpuint (unsafe->len, ==, 1);
      g_assert_cmpstr (((VmpUnsafe *) g_ptr_array_index (unsafe, 0))->location, ==,
                       hostile[i].location);
      g_assert_cmpint (((VmpUnsafe *) g_ptr_array_index (unsafe, 0))->keepable, ==,
                       hostile[i].keepable);
      g_assert_cmpint (vmp_snapshot_is_unsafe (snapshot), ==, hostile[i].keepable);
      vmp_snapshot_strip_unsafe (snapshot);
      xml = vmp_snapshot_to_xml (snapshot);
      g_assert_null (strstr (xml, "EVIL"));
      again = vmp_snapshot_new_from_xml (xml, strlen (xml), &none, &error);
      g_assert_no_error (error);
      g_assert_cmpuint (none->len, ==, 0);
      g_assert_cmpint (vmp_snapshot_find_disk_storage (again, "vdb"), ==, VMP_SNAPSHOT_NONE);
    }
}

/* A worker's data may be anything: what would not have been written is refused. */
static void
test_hostile_variant (void)
{
  g_autoptr (VmpSnapshot) snapshot = parse (SMALL (DOMAIN));
  g_autoptr (GVariant) good = g_variant_ref_sink (vmp_snapshot_to_variant (snapshot));
  g_autoptr (GVariant) root = g_variant_get_child_value (good, 0);
  g_autoptr (GVariant) domain = g_variant_get_child_value (good, 1);
  g_autoptr (GVariant) inactive = g_variant_get_child_value (good, 2);
  GVariant *const bad[] = {
    g_variant_new ("(@a(usa(ss)s)@a(usa(ss)s)@a(usa(ss)s))", domain, domain, inactive),
    g_variant_new ("(@a(usa(ss)s)@a(usa(ss)s)@a(usa(ss)s))", root, root, inactive),
    g_variant_new ("(@a(usa(ss)s)@a(usa(ss)s)@a(usa(ss)s))", root, inactive, inactive),
    g_variant_new ("(@a(usa(ss)s)@a(usa(ss)s)@a(usa(ss)s))", root, domain, root),
    g_variant_new_string ("s"),
    g_variant_new_parsed ("([(uint32 0, 'domainsnapshot', @a(ss) [], ''), (1, 'name', [], 's'), "
                          "(1, 'state', [], 'shutoff'), (1, 'creationTime', [], '1'), "
                          "(1, 'memory', [('snapshot', 'no')], ''), (1, 'domain', [], '')], "
                          "%@a(usa(ss)s), %@a(usa(ss)s))",
                          domain, inactive),
  };

  for (gsize i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autoptr (GVariant) variant = g_variant_ref_sink (bad[i]);
      g_autoptr (GError) error = NULL;

      g_assert_null (vmp_snapshot_new_from_variant (variant, &error));
      g_assert_error (error, VMPORT_ERROR, VMPORT_ERROR_CORRUPT);
    }
}

/* Lists: "name<parent*" for each, the star for the current one. */

static GPtrArray *
make_list (const char *text)
{
  GPtrArray *list = g_ptr_array_new_with_free_func (g_object_unref);
  g_auto (GStrv) words = g_strsplit (text, " ", -1);

  for (gsize i = 0; words[i] != NULL && words[i][0] != '\0'; i++)
    {
      g_auto (GStrv) parts = g_strsplit (words[i], "<", 2);
      gboolean current = g_str_has_suffix (words[i], "*");
      g_autofree char *xml = NULL;
      VmpSnapshot *snapshot;

      g_strdelimit (parts[0], "*", '\0');
      if (parts[1] != NULL)
        g_strdelimit (parts[1], "*", '\0');
      xml = g_strdup_printf ("<domainsnapshot><name>%s</name><state>shutoff</state>" TIME DOMAIN
                             "</domainsnapshot>",
                             parts[0]);
      snapshot = parse (xml);
      vmp_snapshot_set_current (snapshot, current);
      vmp_snapshot_set_parent (snapshot, parts[1]);
      g_ptr_array_add (list, snapshot);
    }
  return list;
}

static char *
describe_list (GPtrArray *list)
{
  GString *text = g_string_new (NULL);

  for (guint i = 0; i < list->len; i++)
    g_string_append_printf (text, "%s%s", i > 0 ? " " : "",
                            vmp_snapshot_get_name (g_ptr_array_index (list, i)));
  return g_string_free (text, FALSE);
}

static const struct
{
  const char *list;
  const char *sorted; /* NULL where it is refused */
} lists[] = {
  { "", "" },
  { "a", "a" },
  { "c<b b<a a", "a b c" },
  { "b2<a b1<a a* c<b1 x", "a x b2 b1 c" },
  { "a a", NULL },
  { "a<b", NULL },
  { "a<a", NULL },
  { "a<b b<a", NULL },
  { "x a<c b<a c<b d<c", NULL },
  { "a* b*", NULL },
};

static void
test_lists (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (lists); i++)
    {
      g_autoptr (GPtrArray) list = make_list (lists[i].list);
      g_autoptr (GError) error = NULL;
      g_autoptr (GPtrArray) sorted = vmp_snapshot_list_sort (list, &error);
      g_autoptr (GPtrArray) again = NULL;
      g_autofree char *names = NULL;

      g_test_message ("%s: %s", lists[i].list, error != NULL ? error->message : "sorted");
      if (lists[i].sorted == NULL)
        {
          g_assert_error (error, VMPORT_ERROR, VMPORT_ERROR_CORRUPT);
          continue;
        }
      g_assert_no_error (error);
      names = describe_list (sorted);
      g_assert_cmpstr (names, ==, lists[i].sorted);
      again = vmp_snapshot_list_sort (sorted, &error);
      g_assert_true (vmp_snapshot_list_equal (again, sorted));
      if (list->len > 0)
        g_assert_true (vmp_snapshot_list_find (sorted, "a") != NULL);
      g_assert_null (vmp_snapshot_list_find (sorted, "never"));
    }
}

static void
test_too_many (void)
{
  g_autoptr (GPtrArray) list = g_ptr_array_new_with_free_func (g_object_unref);
  g_autoptr (GPtrArray) sorted = NULL;
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i <= VMP_SNAPSHOTS_MAX; i++)
    {
      g_autofree char *xml = g_strdup_printf ("<domainsnapshot><name>%u</name><state>shutoff</state>"
                                              TIME DOMAIN "</domainsnapshot>",
                                              i);
      VmpSnapshot *snapshot = parse (xml);

      if (i > 0)
        vmp_snapshot_set_parent (snapshot,
                                 vmp_snapshot_get_name (g_ptr_array_index (list, i - 1)));
      g_ptr_array_add (list, snapshot);
      if (i == VMP_SNAPSHOTS_MAX - 1)
        {
          sorted = vmp_snapshot_list_sort (list, &error);
          g_assert_no_error (error);
          g_assert_cmpuint (sorted->len, ==, VMP_SNAPSHOTS_MAX);
          g_clear_pointer (&sorted, g_ptr_array_unref);
        }
    }
  sorted = vmp_snapshot_list_sort (list, &error);
  g_assert_error (error, VMPORT_ERROR, VMPORT_ERROR_CORRUPT);
}

static char *
resolve (const char *pool, const char *volume, gpointer data, GError **error)
{
  return g_strdup_printf ("/%s/%s", pool, volume);
}

static void
test_volumes (void)
{
#define VOLUME \
  "<disk type='volume'><driver name='qemu' type='qcow2'/><source pool='p' volume='v.qcow2'/>" \
  "<target dev='vdb' bus='virtio'/></disk>"
  g_autoptr (GError) error = NULL;
  g_autofree char *xml = vmp_snapshot_resolve_volumes (
      SMALL (DOMAIN_WITH ("web", VOLUME) INACTIVE (VOLUME)), resolve, NULL, &error);
  g_autoptr (VmpSnapshot) snapshot = NULL;

  g_assert_no_error (error);
  snapshot = parse (xml);
  g_assert_cmpstr (vmp_domain_get_image_path (vmp_snapshot_get_domain (snapshot), 1, 0), ==,
                   "/p/v.qcow2");
  g_assert_cmpstr (vmp_domain_get_image_path (vmp_snapshot_get_inactive_domain (snapshot), 0, 0),
                   ==, "/p/v.qcow2");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  for (gsize i = 0; i < G_N_ELEMENTS (samples); i++)
    {
      g_autofree char *path = g_strconcat ("/snapshot/round-trip/", samples[i], NULL);

      g_test_add_data_func (path, samples[i], test_round_trip);
    }
  g_test_add_func ("/snapshot/offline", test_offline);
  g_test_add_func ("/snapshot/external", test_external);
  g_test_add_func ("/snapshot/machine-states", test_machine_states);
  g_test_add_func ("/snapshot/refused", test_refused);
  g_test_add_func ("/snapshot/implied", test_implied);
  g_test_add_func ("/snapshot/hostile", test_hostile);
  g_test_add_func ("/snapshot/hostile-variant", test_hostile_variant);
  g_test_add_func ("/snapshot/lists", test_lists);
  g_test_add_func ("/snapshot/too-many", test_too_many);
  g_test_add_func ("/snapshot/volumes", test_volumes);
  return g_test_run ();
}
