/* What a change of a text changes, line by line. */
#pragma once

#include <glib.h>

char *vmp_ctl_diff (const char *name, const char *before, const char *after);
