/* What tells a file or folder apart from any other that has its name later. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

#define VMP_MARK_TYPE "(ttt)"

/* Numbers of inodes are given out again, and those of devices change when a file system is mounted
 * again; the moment at which an inode was made does neither. */
typedef struct
{
  guint64 inode;
  guint64 born; /* ns since the epoch; 0 where the file system does not say */
  guint64 device;
} VmpMark;

gboolean vmp_mark_read (int fd, VmpMark *mark);
gboolean vmp_mark_read_at (int dirfd, const char *name, VmpMark *mark);
gboolean vmp_mark_equal (const VmpMark *a, const VmpMark *b);
GVariant *vmp_mark_to_variant (const VmpMark *mark);
gboolean vmp_mark_lookup (GVariant *dict, const char *key, VmpMark *mark);

G_END_DECLS
