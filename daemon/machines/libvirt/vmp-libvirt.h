/* Virtual machines of libvirt. */
#pragma once

#include "vmp-machines.h"

G_BEGIN_DECLS

#define VMP_TYPE_LIBVIRT (vmp_libvirt_get_type ())
G_DECLARE_FINAL_TYPE (VmpLibvirt, vmp_libvirt, VMP, LIBVIRT, GObject)

G_END_DECLS
