/* Copies one file into another: holes stay holes, clones where the file system can, digests in
 * the same pass. */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

typedef enum
{
  VMP_COPIER_NONE = 0,
  VMP_COPIER_VERITY = 1 << 0, /* compute the fs-verity digest */
  VMP_COPIER_SHA256 = 1 << 1, /* compute the linear SHA-256 */
} VmpCopierFlags;

/* Bytes that replace what the copy would have at @offset (an overlay's backing name). With
 * @before_digest the digests cover them (export), else they cover the source (import). A patch
 * lies within the copy's size. */
typedef struct
{
  guint64 offset;
  GBytes *bytes;
  gboolean before_digest;
} VmpCopierPatch;

/* Called from the copying thread after every chunk (at most 4 MiB) with the payload bytes of that
 * chunk, and with 0 from time to time in long holes. It may block (bandwidth limit, suspend).
 * FALSE with @error set stops the copy (cancel). */
typedef gboolean (*VmpCopierProgress) (guint64 bytes, gpointer user_data, GError **error);

typedef struct
{
  guint64 size;      /* of the copy; of the source where nothing is written */
  guint64 copied;    /* payload bytes read and written, or copied in the kernel */
  guint64 cloned;    /* payload bytes shared with the source */
  char *verity;      /* hex, with VMP_COPIER_VERITY */
  char *sha256;      /* hex, with VMP_COPIER_SHA256 */
} VmpCopierResult;

void vmp_copier_result_clear (VmpCopierResult *result);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (VmpCopierResult, vmp_copier_result_clear)

/* The payload of @fd in bytes: its data extents by SEEK_DATA, clipped to its size. A run over the
 * same file moves that many, zeros that the source has written included. (Space that is set aside
 * and was never written is data only while its pages are cached: where that changes between the two
 * calls, copied + cloned is right and the total has to follow it.) Moves the file offset. */
gboolean vmp_copier_measure (int fd, guint64 *size, guint64 *payload, GError **error);

/* Copies all of @source (regular, readable) into @target (regular, new and empty, read-write).
 * With @target -1 nothing is written: the pass only reads and computes digests (verification).
 * @what names the file in errors. Does not flush: see vmp_copier_sync(). A source whose size or
 * inode times change while it is read is FileInUse. After an error the target holds part of the
 * file, and @result nothing. Runs on different files may be in several threads. Blocking: run it in
 * a thread.
 *
 * Blocks of zeros become holes in the target where the data passes through here, which is not so
 * where the kernel copies (no digests wanted) or clones. The digests of a clone are computed from
 * the clone, which nobody else can change. */
gboolean vmp_copier_run (int source, int target, const char *what, VmpCopierFlags flags,
                         const VmpCopierPatch *patches, gsize n_patches,
                         VmpCopierProgress progress, gpointer user_data,
                         VmpCopierResult *result, GError **error);

/* The same for a copy that has everything @insert bytes later than the source, a multiple of
 * VMP_COPIER_INSERT_UNIT. What comes before it are holes, for patches to fill. The digests cover the
 * source, and no patch has @before_digest. */
#define VMP_COPIER_INSERT_UNIT (64 * 1024)
gboolean vmp_copier_run_shifted (int source, int target, const char *what, VmpCopierFlags flags,
                                 guint64 insert, const VmpCopierPatch *patches, gsize n_patches,
                                 VmpCopierProgress progress, gpointer user_data,
                                 VmpCopierResult *result, GError **error);

/* The length of the run of zeros, or of anything else, that @data starts with. Blocks of @unit bytes
 * are counted from the start of the file, wherever @offset lies in one. */
gsize vmp_copier_find_run (const guint8 *data, gsize size, guint64 offset, gsize unit,
                           gboolean *zero);

gboolean vmp_copier_sync (int target, const char *what, GError **error);

G_END_DECLS
