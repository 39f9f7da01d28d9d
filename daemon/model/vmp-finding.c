/* One finding of a check, as the D-Bus contract has it. */
#include "config.h"

#include "vmp-finding.h"

#include <glib/gi18n-lib.h>
#include <string.h>

#include "vmp-error.h"
#include "vmp-name.h"

static const struct
{
  const char *name;
  VmpSeverity severity;
  VmportError error; /* of severity error alone */
} codes[] = {
#define ERROR_ROW(code, name, error) \
  [VMP_FINDING_##code] = { name, VMP_SEVERITY_ERROR, VMPORT_ERROR_##error }
#define WARNING_ROW(code, name) [VMP_FINDING_##code] = { name, VMP_SEVERITY_WARNING, 0 }
  ERROR_ROW (NAME_IN_USE, "NameInUse", EXISTS),
  ERROR_ROW (ID_IN_USE, "IdInUse", EXISTS),
  ERROR_ROW (MAC_IN_USE, "MacInUse", EXISTS),
  ERROR_ROW (TARGET_EXISTS, "TargetExists", EXISTS),
  ERROR_ROW (SOURCE_MISSING, "SourceMissing", NOT_FOUND),
  ERROR_ROW (SNAPSHOT_MISSING, "SnapshotMissing", NOT_FOUND),
  ERROR_ROW (NOT_ENOUGH_SPACE, "NotEnoughSpace", NO_SPACE),
  ERROR_ROW (MACHINE_TYPE_UNSUPPORTED, "MachineTypeUnsupported", NOT_COMPATIBLE),
  ERROR_ROW (CPU_UNSUPPORTED, "CpuUnsupported", NOT_COMPATIBLE),
  ERROR_ROW (FIRMWARE_MISSING, "FirmwareMissing", NOT_COMPATIBLE),
  ERROR_ROW (TPM_UNSUPPORTED, "TpmUnsupported", NOT_COMPATIBLE),
  ERROR_ROW (SAVED_STATE_UNUSABLE, "SavedStateUnusable", NOT_COMPATIBLE),
  ERROR_ROW (UNSAFE_DEVICE, "UnsafeDevice", UNSAFE),
  ERROR_ROW (UNSAFE_IMAGE, "UnsafeImage", UNSAFE),
  ERROR_ROW (SCOPE_UNKNOWN, "ScopeUnknown", INVALID_PARAMETER),
  ERROR_ROW (TARGET_MISSING, "TargetMissing", INVALID_PARAMETER),
  WARNING_ROW (NETWORK_MISSING, "NetworkMissing"),
  WARNING_ROW (CHECKSUM_MISSING, "ChecksumMissing"),
  WARNING_ROW (SETTING_UNUSED, "SettingUnused"),
  WARNING_ROW (DISK_LEFT_BEHIND, "DiskLeftBehind"),
  WARNING_ROW (MEDIA_LEFT_BEHIND, "MediaLeftBehind"),
  WARNING_ROW (STATE_LEFT_BEHIND, "StateLeftBehind"),
  WARNING_ROW (STATE_KEEPS_IDENTITY, "StateKeepsIdentity"),
  WARNING_ROW (CHECKPOINTS_LEFT_BEHIND, "CheckpointsLeftBehind"),
  WARNING_ROW (CONFIGURATION_LEFT_BEHIND, "ConfigurationLeftBehind"),
  [VMP_FINDING_PACKAGE_SIZE] = { "PackageSize", VMP_SEVERITY_INFO, 0 },
};

G_STATIC_ASSERT (G_N_ELEMENTS (codes) == VMP_N_FINDINGS);

static const char *const severities[] = {
  [VMP_SEVERITY_INFO] = "info",
  [VMP_SEVERITY_WARNING] = "warning",
  [VMP_SEVERITY_ERROR] = "error",
};

/* The severity follows from the code. @setting is the key that it is about, or NULL; @index the
 * position in it, or -1; the message is translated. */
VmpFinding *
vmp_finding_new (VmpFindingCode code, const char *setting, int index, const char *format, ...)
{
  g_autofree char *message = NULL;
  VmpFinding *self;
  va_list args;

  g_return_val_if_fail (code < VMP_N_FINDINGS, NULL);

  self = g_new0 (VmpFinding, 1);
  self->code = code;
  self->severity = codes[code].severity;
  self->setting = g_strdup (setting != NULL ? setting : "");
  self->index = index;
  va_start (args, format);
  message = g_strdup_vprintf (format, args);
  va_end (args);
  /* Names out of a package stand in it. */
  self->message = vmp_name_clean (message, VMP_MESSAGE_MAX_CHARS);
  return self;
}

void
vmp_finding_free (VmpFinding *self)
{
  g_free (self->message);
  g_free (self->setting);
  g_clear_pointer (&self->resolution, g_variant_unref);
  g_free (self);
}

/* The settings (a{sv}) that would mend it; a floating reference is taken. */
void
vmp_finding_set_resolution (VmpFinding *self, GVariant *resolution)
{
  g_return_if_fail (g_variant_is_of_type (resolution, G_VARIANT_TYPE_VARDICT));

  g_variant_ref_sink (resolution);
  g_clear_pointer (&self->resolution, g_variant_unref);
  self->resolution = resolution;
}

const char *
vmp_finding_get_code (const VmpFinding *self)
{
  return codes[self->code].name;
}

const char *
vmp_severity_to_string (VmpSeverity severity)
{
  g_return_val_if_fail (severity < G_N_ELEMENTS (severities), NULL);

  return severities[severity];
}

GPtrArray *
vmp_findings_new (void)
{
  return g_ptr_array_new_with_free_func ((GDestroyNotify) vmp_finding_free);
}

static GVariant *
to_variant (const VmpFinding *self)
{
  g_autoptr (GVariantDict) dict = g_variant_dict_new (NULL);

  g_variant_dict_insert (dict, "Code", "s", vmp_finding_get_code (self));
  g_variant_dict_insert (dict, "Severity", "s", vmp_severity_to_string (self->severity));
  g_variant_dict_insert (dict, "Message", "s", self->message);
  g_variant_dict_insert (dict, "Setting", "s", self->setting);
  g_variant_dict_insert (dict, "Index", "i", self->index);
  g_variant_dict_insert_value (dict, "Resolution",
                               self->resolution != NULL
                                   ? self->resolution
                                   : g_variant_new_array (G_VARIANT_TYPE ("{sv}"), NULL, 0));
  if (self->bytes > 0 || self->code == VMP_FINDING_PACKAGE_SIZE)
    g_variant_dict_insert (dict, "Bytes", "t", self->bytes);
  if (self->outdated)
    g_variant_dict_insert (dict, "ScopesOutdated", "b", TRUE);
  return g_variant_dict_end (dict);
}

/* aa{sv}, as the methods and results of the D-Bus interface have it; floating. */
GVariant *
vmp_findings_to_variant (GPtrArray *findings)
{
  GVariantBuilder builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE ("aa{sv}"));
  for (guint i = 0; i < findings->len; i++)
    g_variant_builder_add_value (&builder, to_variant (g_ptr_array_index (findings, i)));
  return g_variant_builder_end (&builder);
}

/* Those of severity warning, which a result carries as `Warnings`; floating. */
GVariant *
vmp_findings_warnings_to_variant (GPtrArray *findings)
{
  GVariantBuilder builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE ("aa{sv}"));
  for (guint i = 0; i < findings->len; i++)
    {
      const VmpFinding *finding = g_ptr_array_index (findings, i);

      if (finding->severity == VMP_SEVERITY_WARNING)
        g_variant_builder_add_value (&builder, to_variant (finding));
    }
  return g_variant_builder_end (&builder);
}

/* FALSE where any finding stops the operation: @error then has the name and message of the first. */
gboolean
vmp_findings_first_error (GPtrArray *findings, GError **error)
{
  for (guint i = 0; i < findings->len; i++)
    {
      const VmpFinding *finding = g_ptr_array_index (findings, i);

      if (finding->severity == VMP_SEVERITY_ERROR)
        return vmp_error_set (error, codes[finding->code].error, "%s", finding->message);
    }
  return TRUE;
}
