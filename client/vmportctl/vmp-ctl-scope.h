/* The verbs behind "vmportctl scope" that are about the authorization store. */
#pragma once

#include "vmp-ctl.h"

VmpCtlStatus vmp_ctl_scope_list (VmpCtl *ctl, int argc, char **argv);
VmpCtlStatus vmp_ctl_scope_show (VmpCtl *ctl, int argc, char **argv);
VmpCtlStatus vmp_ctl_scope_create (VmpCtl *ctl, int argc, char **argv);
VmpCtlStatus vmp_ctl_scope_delete (VmpCtl *ctl, int argc, char **argv);
VmpCtlStatus vmp_ctl_scope_assign (VmpCtl *ctl, int argc, char **argv);
VmpCtlStatus vmp_ctl_scope_unassign (VmpCtl *ctl, int argc, char **argv);
VmpCtlStatus vmp_ctl_scope_group (VmpCtl *ctl, int argc, char **argv);
VmpCtlStatus vmp_ctl_scope_role (VmpCtl *ctl, int argc, char **argv);
VmpCtlStatus vmp_ctl_scope_check (VmpCtl *ctl, int argc, char **argv);
VmpCtlStatus vmp_ctl_scope_compile (VmpCtl *ctl, int argc, char **argv);
VmpCtlStatus vmp_ctl_scope_convert (VmpCtl *ctl, int argc, char **argv);

void vmp_ctl_scope_warn_of_strangers (const char *const *members);
