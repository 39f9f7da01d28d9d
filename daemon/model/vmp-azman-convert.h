/* From Hyper-V's authorization store to one of vmport's. */
#pragma once

#include "vmp-azman.h"

G_BEGIN_DECLS

#define VMP_AZMAN_HYPER_V "Hyper-V services"

/* Who a SID stands for on this host, as a member that vmport knows, or NULL. */
typedef char *(*VmpAzmanSidFunc) (const char *sid, gpointer user_data);

GBytes *vmp_azman_convert (GBytes *store, const char *what, VmpAzmanSidFunc func,
                           gpointer user_data, GPtrArray *decisions, GError **error);

G_END_DECLS
