/* The manager of libvirt's machines, which is there before libvirt is. */
#pragma once

#include "vmp-machines.h"

G_BEGIN_DECLS

#define VMP_AWAITED_MODULE VMP_MODULE_DIR "/libvmport-libvirt.so"

/* What the driver's module exports, as `vmp_driver`. */
typedef struct
{
  const char *version; /* of the vmportd that it belongs to; this stays the first of all versions */
  VmpMachines *(*create) (const char *id, const char *uri);
} VmpDriver;

/* What its managers can do, libvirt being there or not. */
extern const char *const vmp_awaited_features[];

#define VMP_TYPE_AWAITED (vmp_awaited_get_type ())
G_DECLARE_FINAL_TYPE (VmpAwaited, vmp_awaited, VMP, AWAITED, GObject)

gboolean vmp_awaited_is_installed (void);
VmpAwaited *vmp_awaited_new (const char *id, const char *uri);

G_END_DECLS
