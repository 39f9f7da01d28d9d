/* Command lines that a person can copy. */
#pragma once

#include "vmp-ctl-options.h"

char *vmp_ctl_command_quote (const char *argument);
void vmp_ctl_command_add_settings (GPtrArray *arguments, VmpCtlPurpose purpose,
                                   GVariant *settings, GVariant *known);
char *vmp_ctl_command_join (GPtrArray *arguments);
