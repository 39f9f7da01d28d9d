/* The settings of an import, with a property for each key. */
#pragma once

#include "vmport-settings.h"

G_BEGIN_DECLS

#define VMPORT_TYPE_IMPORT_SETTINGS (vmport_import_settings_get_type ())
G_DECLARE_FINAL_TYPE (VmportImportSettings, vmport_import_settings, VMPORT, IMPORT_SETTINGS,
                      VmportSettings)

VmportImportSettings *vmport_import_settings_new_from_variant (GVariant *settings);

G_END_DECLS
