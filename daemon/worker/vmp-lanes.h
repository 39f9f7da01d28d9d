/* Works on pieces of a file side by side, and hands them back in the order of the file. */
#pragma once

#include <gio/gio.h>

#include "vmp-verity.h"

G_BEGIN_DECLS

#define VMP_LANES_BLOCK VMP_VERITY_BLOCK
#define VMP_LANES_PIECE (1024 * 1024)

/* One piece, with a buffer of VMP_LANES_PIECE bytes that suits O_DIRECT and room for a digest of each
 * block in it. */
typedef struct
{
  guint64 offset;
  guint64 size;
  guint64 payload;     /* what of it counts as moved */
  guint64 hole_before; /* zeros between the piece before and this one */
  guint8 *buffer;
  guint8 *hashes;
  VmpHasher *hasher;
  int write_errno;     /* writing it failed with that */
  GError *error;       /* anything else that failed */

  gboolean finished;
} VmpPiece;

/* Called in one of the threads, of several pieces at a time. */
typedef void (*VmpLanesFunc) (VmpPiece *piece, gpointer data);

typedef struct _VmpLanes VmpLanes;

/* With @n_lanes 0 the caller's own thread does the work. */
VmpLanes *vmp_lanes_new (guint n_lanes, VmpLanesFunc func, gpointer data, GError **error);
/* Ends what is under way after its piece, and forgets the rest. */
void vmp_lanes_free (VmpLanes *self);

/* The next piece to fill in and push; NULL where all are in use. */
VmpPiece *vmp_lanes_get_free (VmpLanes *self);
void vmp_lanes_push (VmpLanes *self);
/* The oldest piece that was pushed, once it is finished; NULL where there is none, or none that is
 * finished and @wait is FALSE. It is in use until vmp_lanes_release(). */
VmpPiece *vmp_lanes_get_oldest (VmpLanes *self, gboolean wait);
void vmp_lanes_release (VmpLanes *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (VmpLanes, vmp_lanes_free)

G_END_DECLS
