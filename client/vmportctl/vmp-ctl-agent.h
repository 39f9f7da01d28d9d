/* polkit's agent for terminals, for as long as this program may need it. */
#pragma once

#include <gio/gio.h>

typedef struct _VmpCtlAgent VmpCtlAgent;

gboolean vmp_ctl_agent_is_wanted (void);
VmpCtlAgent *vmp_ctl_agent_start (void);
void vmp_ctl_agent_stop (VmpCtlAgent *agent);
