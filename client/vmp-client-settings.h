/* How the classes of settings describe their keys to their base class. */
#pragma once

#include "vmport-settings.h"

G_BEGIN_DECLS

/* One key of org.vmport.Manager's tables and the property that stands for it. */
typedef struct
{
  const char *key;
  const char *property;
  const char *type;
  gboolean read_only;
  /* Of the values, where they are a set. */
  GType (*get_enum_type) (void);
} VmpClientKey;

void vmp_client_settings_install (VmportSettingsClass *klass, const VmpClientKey *keys);
gpointer vmp_client_settings_new (GType type, GVariant *settings);
GVariant *vmp_client_settings_pack (VmportSettings *settings, GUnixFDList **fd_list,
                                    GError **error);

G_END_DECLS
