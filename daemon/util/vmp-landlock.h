/* Landlock: which files a process may open from now on, whatever its rights are. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* What a process may do with a place and all that lies beneath it. */
typedef enum
{
  VMP_PLACE_READ,   /* read files, list folders */
  VMP_PLACE_CHANGE, /* and write files that are there */
  VMP_PLACE_MAKE,   /* and make, move and remove files and folders */
  VMP_PLACE_RUN,    /* read and execute */
  VMP_PLACE_MEET,   /* make sockets and folders for them, and remove them; read nothing */
} VmpPlaceAccess;

/* The first version with which files can still be moved between folders, as workers do. */
#define VMP_LANDLOCK_MOVES 2

/* Where programs lie, and what they are made of; not every system has all of them. NULL-terminated. */
extern const char *const vmp_landlock_programs[];

int vmp_landlock_get_abi (void);
int vmp_landlock_new_ruleset (GError **error);
gboolean vmp_landlock_add_place (int ruleset, int fd, VmpPlaceAccess access, GError **error);
gboolean vmp_landlock_try_enforce (int ruleset);
gboolean vmp_landlock_enforce (int ruleset, GError **error);

G_END_DECLS
