/* Who a SID is on this host. */
#pragma once

#include <glib.h>

char *vmp_ctl_sid_find (const char *sid);
