/* Follows a job to its end, with its progress on the terminal. */
#pragma once

#include "vmp-ctl.h"

VmpCtlStatus vmp_ctl_follow (VmpCtl *ctl, VmportJob *job);
VmpCtlStatus vmp_ctl_started (VmpCtl *ctl, VmportJob *job, gboolean no_wait);
