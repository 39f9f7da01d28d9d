/* Text for people: cleaned of what a terminal would obey, in columns, or as JSON. */
#pragma once

#include <glib.h>

char *vmp_ctl_text_clean (const char *text);
char *vmp_ctl_text_table (const char *const *heads, GPtrArray *rows);
void vmp_ctl_text_print_table (const char *const *heads, GPtrArray *rows);
char *vmp_ctl_text_json (GVariant *value);
void vmp_ctl_text_print_json (GVariant *value);
char *vmp_ctl_text_value (GVariant *value);
