/* One finding of a check, as the D-Bus contract has it. */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

typedef enum
{
  VMP_SEVERITY_INFO,
  VMP_SEVERITY_WARNING,
  VMP_SEVERITY_ERROR,
} VmpSeverity;

typedef enum
{
  VMP_FINDING_NAME_IN_USE,
  VMP_FINDING_ID_IN_USE,
  VMP_FINDING_MAC_IN_USE,
  VMP_FINDING_TARGET_EXISTS,
  VMP_FINDING_SOURCE_MISSING,
  VMP_FINDING_SNAPSHOT_MISSING,
  VMP_FINDING_NOT_ENOUGH_SPACE,
  VMP_FINDING_MACHINE_TYPE_UNSUPPORTED,
  VMP_FINDING_CPU_UNSUPPORTED,
  VMP_FINDING_FIRMWARE_MISSING,
  VMP_FINDING_TPM_UNSUPPORTED,
  VMP_FINDING_SAVED_STATE_UNUSABLE,
  VMP_FINDING_UNSAFE_DEVICE,
  VMP_FINDING_UNSAFE_IMAGE,
  VMP_FINDING_SCOPE_UNKNOWN,
  VMP_FINDING_TARGET_MISSING,
  VMP_FINDING_NETWORK_MISSING,
  VMP_FINDING_CHECKSUM_MISSING,
  VMP_FINDING_SETTING_UNUSED,
  VMP_FINDING_DISK_LEFT_BEHIND,
  VMP_FINDING_MEDIA_LEFT_BEHIND,
  VMP_FINDING_STATE_LEFT_BEHIND,
  VMP_FINDING_STATE_KEEPS_IDENTITY,
  VMP_FINDING_CHECKPOINTS_LEFT_BEHIND,
  VMP_FINDING_CONFIGURATION_LEFT_BEHIND,
  VMP_FINDING_PACKAGE_SIZE,
  VMP_N_FINDINGS,
} VmpFindingCode;

typedef struct
{
  VmpFindingCode code;
  VmpSeverity severity;
  char *message;        /* for a person, translated */
  char *setting;        /* the key, or "" */
  int index;            /* the position in its array, or -1 */
  GVariant *resolution; /* a{sv}, or NULL */
  gboolean outdated;    /* of VMP_FINDING_PACKAGE_SIZE: rights are by an older store than there is */
  guint64 bytes;        /* of VMP_FINDING_PACKAGE_SIZE and VMP_FINDING_NOT_ENOUGH_SPACE, else 0 */
} VmpFinding;

VmpFinding *vmp_finding_new (VmpFindingCode code, const char *setting, int index,
                             const char *format, ...) G_GNUC_PRINTF (4, 5);
void vmp_finding_free (VmpFinding *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (VmpFinding, vmp_finding_free)

void vmp_finding_set_resolution (VmpFinding *self, GVariant *resolution);
const char *vmp_finding_get_code (const VmpFinding *self);
const char *vmp_severity_to_string (VmpSeverity severity);

/* Arrays of VmpFinding. */
GPtrArray *vmp_findings_new (void);
GVariant *vmp_findings_to_variant (GPtrArray *findings);
GVariant *vmp_findings_warnings_to_variant (GPtrArray *findings);
gboolean vmp_findings_first_error (GPtrArray *findings, GError **error);

G_END_DECLS
