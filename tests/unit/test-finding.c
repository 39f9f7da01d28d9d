/* VmpFinding: the contract's table of codes, and the way to D-Bus. */
#include "vmp-finding.h"
#include "vmport-error.h"

static const struct
{
  const char *code;
  const char *severity;
  const char *error; /* the full D-Bus name, or NULL */
} contract[] = {
  { "NameInUse", "error", "org.vmport.Error.Exists" },
  { "IdInUse", "error", "org.vmport.Error.Exists" },
  { "MacInUse", "error", "org.vmport.Error.Exists" },
  { "TargetExists", "error", "org.vmport.Error.Exists" },
  { "SourceMissing", "error", "org.vmport.Error.NotFound" },
  { "SnapshotMissing", "error", "org.vmport.Error.NotFound" },
  { "NotEnoughSpace", "error", "org.vmport.Error.NoSpace" },
  { "MachineTypeUnsupported", "error", "org.vmport.Error.NotCompatible" },
  { "CpuUnsupported", "error", "org.vmport.Error.NotCompatible" },
  { "FirmwareMissing", "error", "org.vmport.Error.NotCompatible" },
  { "TpmUnsupported", "error", "org.vmport.Error.NotCompatible" },
  { "SavedStateUnusable", "error", "org.vmport.Error.NotCompatible" },
  { "UnsafeDevice", "error", "org.vmport.Error.Unsafe" },
  { "UnsafeImage", "error", "org.vmport.Error.Unsafe" },
  { "ScopeUnknown", "error", "org.vmport.Error.InvalidParameter" },
  { "TargetMissing", "error", "org.vmport.Error.InvalidParameter" },
  { "NetworkMissing", "warning", NULL },
  { "ChecksumMissing", "warning", NULL },
  { "SettingUnused", "warning", NULL },
  { "DiskLeftBehind", "warning", NULL },
  { "MediaLeftBehind", "warning", NULL },
  { "StateLeftBehind", "warning", NULL },
  { "StateKeepsIdentity", "warning", NULL },
  { "CheckpointsLeftBehind", "warning", NULL },
  { "ConfigurationLeftBehind", "warning", NULL },
  { "PackageSize", "info", NULL },
};

static void
test_table (void)
{
  g_assert_cmpuint (G_N_ELEMENTS (contract), ==, VMP_N_FINDINGS);
  for (guint i = 0; i < VMP_N_FINDINGS; i++)
    {
      g_autoptr (GPtrArray) findings = vmp_findings_new ();
      g_autoptr (GError) error = NULL;
      VmpFinding *finding = vmp_finding_new ((VmpFindingCode) i, NULL, -1, "message %u", i);

      g_ptr_array_add (findings, finding);
      g_assert_cmpstr (vmp_finding_get_code (finding), ==, contract[i].code);
      g_assert_cmpstr (vmp_severity_to_string (finding->severity), ==, contract[i].severity);
      g_assert_cmpint (vmp_findings_first_error (findings, &error), ==, contract[i].error == NULL);
      g_assert_cmpint (error != NULL, ==, contract[i].error != NULL);
      if (error != NULL)
        {
          g_autofree char *name = vmport_error_get_name (error);

          g_assert_cmpstr (name, ==, contract[i].error);
          g_assert_cmpstr (error->message, ==, finding->message);
        }
    }
}

static void
test_first_error (void)
{
  g_autoptr (GPtrArray) findings = vmp_findings_new ();
  g_autoptr (GError) error = NULL;

  g_assert_true (vmp_findings_first_error (findings, &error));
  g_ptr_array_add (findings, vmp_finding_new (VMP_FINDING_NETWORK_MISSING, NULL, -1, "first"));
  g_ptr_array_add (findings, vmp_finding_new (VMP_FINDING_UNSAFE_DEVICE, NULL, -1, "100%%"));
  g_ptr_array_add (findings, vmp_finding_new (VMP_FINDING_ID_IN_USE, NULL, -1, "third"));
  g_assert_false (vmp_findings_first_error (findings, &error));
  g_assert_error (error, VMPORT_ERROR, VMPORT_ERROR_UNSAFE);
  g_assert_cmpstr (error->message, ==, "100%");
}

static void
assert_finding (GVariant *findings, gsize i, const char *code, const char *severity,
                const char *message, const char *setting, int index)
{
  g_autoptr (GVariant) dictionary = g_variant_get_child_value (findings, i);
  const char *text;
  gint32 number;

  g_assert_true (g_variant_lookup (dictionary, "Code", "&s", &text));
  g_assert_cmpstr (text, ==, code);
  g_assert_true (g_variant_lookup (dictionary, "Severity", "&s", &text));
  g_assert_cmpstr (text, ==, severity);
  g_assert_true (g_variant_lookup (dictionary, "Message", "&s", &text));
  g_assert_cmpstr (text, ==, message);
  g_assert_true (g_variant_lookup (dictionary, "Setting", "&s", &text));
  g_assert_cmpstr (text, ==, setting);
  g_assert_true (g_variant_lookup (dictionary, "Index", "i", &number));
  g_assert_cmpint (number, ==, index);
}

static void
test_variant (void)
{
  g_autoptr (GPtrArray) findings = vmp_findings_new ();
  g_autoptr (GVariant) variant = NULL;
  g_autoptr (GVariant) first = NULL;
  g_autoptr (GVariant) second = NULL;
  g_autoptr (GVariant) resolution = NULL;
  g_autofree char *printed = NULL;
  const char *name;
  guint64 bytes;
  VmpFinding *finding = vmp_finding_new (VMP_FINDING_NAME_IN_USE, "Name", -1, "It is taken.");

  vmp_finding_set_resolution (finding, g_variant_new_parsed ("{'Name': <'web 2'>}"));
  g_ptr_array_add (findings, finding);
  finding = vmp_finding_new (VMP_FINDING_PACKAGE_SIZE, NULL, -1, "big");
  finding->bytes = G_GUINT64_CONSTANT (1) << 40;
  g_ptr_array_add (findings, finding);
  g_ptr_array_add (findings,
                   vmp_finding_new (VMP_FINDING_SOURCE_MISSING, "SourceResourcePaths", 3, "gone"));

  variant = g_variant_ref_sink (vmp_findings_to_variant (findings));
  g_assert_cmpstr (g_variant_get_type_string (variant), ==, "aa{sv}");
  printed = g_variant_print (variant, TRUE);
  g_test_message ("%s", printed);
  assert_finding (variant, 0, "NameInUse", "error", "It is taken.", "Name", -1);
  assert_finding (variant, 1, "PackageSize", "info", "big", "", -1);
  assert_finding (variant, 2, "SourceMissing", "error", "gone", "SourceResourcePaths", 3);
  g_variant_get_child (variant, 0, "@a{sv}", &first);
  resolution = g_variant_lookup_value (first, "Resolution", G_VARIANT_TYPE_VARDICT);
  g_assert_true (g_variant_lookup (resolution, "Name", "&s", &name));
  g_assert_cmpstr (name, ==, "web 2");
  g_variant_get_child (variant, 1, "@a{sv}", &second);
  g_assert_true (g_variant_lookup (second, "Bytes", "t", &bytes));
  g_assert_cmpuint (bytes, ==, G_GUINT64_CONSTANT (1) << 40);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/finding/table", test_table);
  g_test_add_func ("/finding/first-error", test_first_error);
  g_test_add_func ("/finding/variant", test_variant);
  return g_test_run ();
}
