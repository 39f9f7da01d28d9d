/* Fills a new file with what QEMU reads out of other images. */
#pragma once

#include <gio/gio.h>

#include "vmp-pace.h"
#include "vmp-verity.h"

G_BEGIN_DECLS

typedef struct
{
  int source;        /* connected to the server; taken */
  int target;        /* the same for one whose disk is written, or -1: into @file; taken */
  int file;          /* new and empty, read-write */
  guint64 offset;    /* where in the source's disk to begin */
  guint64 size;      /* bytes from there on; 0: all */
  guint64 most;      /* data that there can be; 0: any */
  guint64 insert;    /* how much later everything is in @file, without @target */
  VmpVerity *verity; /* gets what @file holds as it is written, without @target; or NULL */
  VmpLocator *locator; /* of the same; made by the run */
  const char *what;  /* as errors call it */
} VmpFill;

/* The names under which QEMU has its disks. */
#define VMP_FILL_SOURCE "source"
#define VMP_FILL_TARGET "target"

/* Closes the sockets, and frees the locator, which the digest still uses until it is finished. */
void vmp_fill_clear (VmpFill *fill);

/* Moves what is allocated, and leaves out zeros; counts its bytes in @pace and @copied. Does not flush
 * @file. Blocking: run it in a thread. */
gboolean vmp_fill_run (VmpFill *fill, VmpPace *pace, guint64 *copied, GError **error);

G_END_DECLS
