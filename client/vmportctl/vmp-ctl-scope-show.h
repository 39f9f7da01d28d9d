/* What is in the authorization store, for people and as JSON. */
#pragma once

#include "vmp-azman.h"
#include "vmp-ctl.h"

VmpCtlStatus vmp_ctl_scope_show_roles (VmpCtl *ctl, const VmpAzman *azman, const char *name);
VmpCtlStatus vmp_ctl_scope_show_groups (VmpCtl *ctl, const VmpAzman *azman, const char *name);
