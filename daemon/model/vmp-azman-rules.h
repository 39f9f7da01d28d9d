/* From an authorization store to rules of polkit. */
#pragma once

#include "vmp-azman.h"

G_BEGIN_DECLS

/* What the rules say YES to where the detail VMP_AZMAN_RULES_DETAIL is the digest of the store that
 * they were compiled from. Nobody has a right by it. */
#define VMP_AZMAN_RULES_ACTION "org.vmport.compiled"
#define VMP_AZMAN_RULES_DETAIL "store"

char *vmp_azman_compile (const VmpAzman *self);
char *vmp_azman_read_digest (const char *rules, gsize size);

G_END_DECLS
