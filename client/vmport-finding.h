/* One thing that a check found, and the settings that would mend it. */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/**
 * VmportFindingSeverity:
 * @VMPORT_FINDING_SEVERITY_INFO: worth knowing
 * @VMPORT_FINDING_SEVERITY_WARNING: the operation goes through, but not as one may expect
 * @VMPORT_FINDING_SEVERITY_ERROR: stops the operation
 *
 * How much a finding matters, in rising order.
 */
typedef enum
{
  VMPORT_FINDING_SEVERITY_INFO,
  VMPORT_FINDING_SEVERITY_WARNING,
  VMPORT_FINDING_SEVERITY_ERROR,
} VmportFindingSeverity;

#define VMPORT_TYPE_FINDING (vmport_finding_get_type ())
G_DECLARE_FINAL_TYPE (VmportFinding, vmport_finding, VMPORT, FINDING, GObject)

VmportFinding *vmport_finding_new_from_variant (GVariant *finding);
GPtrArray *vmport_finding_list_from_variant (GVariant *findings);

const char *vmport_finding_get_code (VmportFinding *self);
VmportFindingSeverity vmport_finding_get_severity (VmportFinding *self);
const char *vmport_finding_get_message (VmportFinding *self);
const char *vmport_finding_get_setting (VmportFinding *self);
int vmport_finding_get_index (VmportFinding *self);
GVariant *vmport_finding_get_resolution (VmportFinding *self);
guint64 vmport_finding_get_bytes (VmportFinding *self);
GVariant *vmport_finding_to_variant (VmportFinding *self);

G_END_DECLS
