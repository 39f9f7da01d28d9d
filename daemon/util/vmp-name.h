/* Names: what may be one, and how one is written in object paths, file names and prompts. */
#pragma once

#include <glib.h>

char *vmp_name_escape (const char *name);
char *vmp_name_unescape (const char *escaped);
gboolean vmp_name_is_uuid (const char *uuid);
char *vmp_name_uuid_to_path (const char *uuid);
char *vmp_name_uuid_from_path (const char *element);
gboolean vmp_name_is_component (const char *name);
gboolean vmp_name_is_relative (const char *path);
gboolean vmp_name_is_absolute (const char *path);
char *vmp_name_join (const char *folder, const char *name);
char *vmp_name_relative_to (const char *folder, const char *to);
char *vmp_name_resolve (const char *folder, const char *name);
gboolean vmp_name_is_vm_name (const char *name);
char *vmp_name_to_folder (const char *vm_name);
#define VMP_SCOPE_MAX_BYTES 255
gboolean vmp_name_is_scope (const char *name);
/* For vmp_name_clean(), of a whole message: a few of the longest paths fit. */
#define VMP_MESSAGE_MAX_CHARS 10000

char *vmp_name_clean (const char *text, gsize max_chars);
char *vmp_name_new_token (void);
gboolean vmp_name_is_token (const char *token);
char *vmp_name_number (const char *name, guint n);
char *vmp_name_make_unique (const char *name, GHashTable *taken);
