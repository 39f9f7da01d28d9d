/* The settings of an export, with a property for each key. */
#pragma once

#include "vmport-settings.h"

G_BEGIN_DECLS

#define VMPORT_TYPE_EXPORT_SETTINGS (vmport_export_settings_get_type ())
G_DECLARE_FINAL_TYPE (VmportExportSettings, vmport_export_settings, VMPORT, EXPORT_SETTINGS,
                      VmportSettings)

VmportExportSettings *vmport_export_settings_new_from_variant (GVariant *settings);

G_END_DECLS
