/* What tells a file or folder apart from any other that has its name later. */
#include "config.h"

#include "vmp-mark.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

static gboolean
read_mark (int dirfd, const char *name, int flags, VmpMark *mark)
{
  struct statx st = { 0 };

  if (statx (dirfd, name, flags, STATX_INO | STATX_BTIME, &st) < 0)
    return FALSE;
  mark->inode = st.stx_ino;
  mark->device = makedev (st.stx_dev_major, st.stx_dev_minor);
  mark->born = 0;
  if ((st.stx_mask & STATX_BTIME) != 0)
    mark->born = (guint64) st.stx_btime.tv_sec * 1000000000u + st.stx_btime.tv_nsec;
  return TRUE;
}

/* Of an open file; may wait for its server. FALSE with errno. */
gboolean
vmp_mark_read (int fd, VmpMark *mark)
{
  return read_mark (fd, "", AT_EMPTY_PATH, mark);
}

/* Of what bears @name in @dirfd, itself and not where it leads. FALSE with errno. */
gboolean
vmp_mark_read_at (int dirfd, const char *name, VmpMark *mark)
{
  return read_mark (dirfd, name, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, mark);
}

gboolean
vmp_mark_equal (const VmpMark *a, const VmpMark *b)
{
  return a->inode == b->inode && a->born == b->born && (a->born != 0 || a->device == b->device);
}

/* VMP_MARK_TYPE, floating. */
GVariant *
vmp_mark_to_variant (const VmpMark *mark)
{
  return g_variant_new (VMP_MARK_TYPE, mark->inode, mark->born, mark->device);
}

gboolean
vmp_mark_lookup (GVariant *dict, const char *key, VmpMark *mark)
{
  return g_variant_lookup (dict, key, VMP_MARK_TYPE, &mark->inode, &mark->born, &mark->device);
}
