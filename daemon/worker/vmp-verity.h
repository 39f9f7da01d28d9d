/* fs-verity digests (SHA-256, 4096-byte blocks, no salt), built while a file streams by. */
#pragma once

#include <gio/gio.h>

#include "vmp-locator.h"

G_BEGIN_DECLS

#define VMP_VERITY_BLOCK 4096
#define VMP_SHA256_SIZE 32

/* Hashes blocks, each by itself: for whoever does so in several threads. */
typedef struct _VmpHasher VmpHasher;

VmpHasher *vmp_hasher_new (void);
void vmp_hasher_free (VmpHasher *self);
void vmp_hasher_run (VmpHasher *self, const void *data, gsize size, guint8 *hash);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (VmpHasher, vmp_hasher_free)

typedef struct _VmpVerity VmpVerity;

VmpVerity *vmp_verity_new (void);
void vmp_verity_free (VmpVerity *self);
/* From the first block on, @locator gets those that are no zeros; not owned. */
void vmp_verity_set_locator (VmpVerity *self, VmpLocator *locator);
/* The next @size bytes of the file, of any size. */
void vmp_verity_update (VmpVerity *self, const void *data, gsize size);
/* The next block of the file has this hash. Not after an update that ended within a block, save that the
 * last block of the file may be any: then @size tells how much of it the file has. */
void vmp_verity_add_block (VmpVerity *self, const guint8 *hash, gsize size);
/* The next @size bytes are zeros (a hole): costs the logarithm of @size. */
void vmp_verity_update_zeros (VmpVerity *self, guint64 size);
/* The file digest as `fsverity digest` prints it, in lower-case hex. Ends the stream. */
char *vmp_verity_finish (VmpVerity *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (VmpVerity, vmp_verity_free)

G_END_DECLS
