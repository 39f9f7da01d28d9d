/* fs-verity digests, built while a file streams by: see the kernel's Documentation/filesystems/
 * fsverity.rst for the tree and the descriptor. */
#include "config.h"

#include "vmp-verity.h"

#include <openssl/evp.h>
#include <string.h>

#define HASHES_PER_BLOCK (VMP_VERITY_BLOCK / VMP_SHA256_SIZE)

/* Data blocks (2^52 in 2^64 bytes), eight levels of 2^7 hashes a block above them, and the root. */
#define MAX_LEVELS 10

/* What fs-verity hashes in the end; all numbers little-endian. */
typedef struct
{
  guint8 version;
  guint8 hash_algorithm;
  guint8 log_blocksize;
  guint8 salt_size;
  guint32 reserved_0;
  guint64 data_size;
  guint8 root_hash[64];
  guint8 salt[32];
  guint8 reserved[144];
} Descriptor;

G_STATIC_ASSERT (sizeof (Descriptor) == 256);

/* A block that is being filled: bytes of the file on level 0, hashes of the level below on the
 * others. */
typedef struct
{
  guint8 block[VMP_VERITY_BLOCK];
  gsize used;
  guint64 n_done; /* blocks of this level that are hashed already */
} Level;

struct _VmpHasher
{
  EVP_MD *md;
  EVP_MD_CTX *context;
};

struct _VmpVerity
{
  VmpHasher *hasher;
  VmpLocator *locator;
  guint64 size;
  Level levels[MAX_LEVELS];
  /* Hash of a block of zeros on level 0, of a block full of zeros[i - 1] on level i: what a hole
   * of 128^i blocks comes to. */
  guint8 zeros[MAX_LEVELS][VMP_SHA256_SIZE];
  guint n_zeros;
};

VmpHasher *
vmp_hasher_new (void)
{
  VmpHasher *self = g_new0 (VmpHasher, 1);

  /* Fetched here once: an implicit fetch for each block costs more than a small block's hash. */
  self->md = EVP_MD_fetch (NULL, "SHA2-256", NULL);
  self->context = EVP_MD_CTX_new ();
  if (self->md == NULL || self->context == NULL)
    g_error ("OpenSSL offers no SHA-256");
  return self;
}

void
vmp_hasher_free (VmpHasher *self)
{
  EVP_MD_CTX_free (self->context);
  EVP_MD_free (self->md);
  g_free (self);
}

void
vmp_hasher_run (VmpHasher *self, const void *data, gsize size, guint8 *hash)
{
  /* Nothing but memory can run out in here, and for that GLib aborts too. */
  if (EVP_DigestInit_ex2 (self->context, self->md, NULL) != 1
      || EVP_DigestUpdate (self->context, data, size) != 1
      || EVP_DigestFinal_ex (self->context, hash, NULL) != 1)
    g_error ("OpenSSL cannot compute SHA-256");
}

static void
hash_bytes (VmpVerity *self, const void *data, gsize size, guint8 *hash)
{
  vmp_hasher_run (self->hasher, data, size, hash);
}

VmpVerity *
vmp_verity_new (void)
{
  VmpVerity *self = g_new0 (VmpVerity, 1);

  self->hasher = vmp_hasher_new ();
  return self;
}

void
vmp_verity_free (VmpVerity *self)
{
  if (self == NULL)
    return;
  vmp_hasher_free (self->hasher);
  g_free (self);
}

void
vmp_verity_set_locator (VmpVerity *self, VmpLocator *locator)
{
  self->locator = locator;
}

static void
add_hash (VmpVerity *self, guint level, const guint8 *hash)
{
  Level *at = &self->levels[level];

  g_assert (level < MAX_LEVELS);
  memcpy (at->block + at->used, hash, VMP_SHA256_SIZE);
  at->used += VMP_SHA256_SIZE;
  if (at->used == VMP_VERITY_BLOCK)
    {
      guint8 above[VMP_SHA256_SIZE];

      hash_bytes (self, at->block, VMP_VERITY_BLOCK, above);
      at->used = 0;
      at->n_done++;
      add_hash (self, level + 1, above);
    }
}

static const guint8 *
get_zero_hash (VmpVerity *self, guint level)
{
  while (self->n_zeros <= level)
    {
      guint8 block[VMP_VERITY_BLOCK] = { 0 };

      if (self->n_zeros > 0)
        for (guint i = 0; i < HASHES_PER_BLOCK; i++)
          memcpy (block + i * VMP_SHA256_SIZE, self->zeros[self->n_zeros - 1], VMP_SHA256_SIZE);
      hash_bytes (self, block, sizeof block, self->zeros[self->n_zeros]);
      self->n_zeros++;
    }
  return self->zeros[level];
}

/* The next block of the file. */
static void
add_block_hash (VmpVerity *self, const guint8 *hash)
{
  if (self->locator != NULL && memcmp (hash, get_zero_hash (self, 0), VMP_SHA256_SIZE) != 0)
    vmp_locator_add (self->locator, self->levels[0].n_done, hash);
  self->levels[0].n_done++;
  add_hash (self, 1, hash);
}

static void
add_block (VmpVerity *self, const guint8 *block)
{
  guint8 hash[VMP_SHA256_SIZE];

  hash_bytes (self, block, VMP_VERITY_BLOCK, hash);
  add_block_hash (self, hash);
}

/* The next @n blocks of @level are what zeros make of them. */
static void
add_zero_blocks (VmpVerity *self, guint level, guint64 n)
{
  Level *above = &self->levels[level + 1];

  self->levels[level].n_done += n;
  while (n > 0 && above->used > 0)
    {
      add_hash (self, level + 1, get_zero_hash (self, level));
      n--;
    }
  if (n >= HASHES_PER_BLOCK)
    add_zero_blocks (self, level + 1, n / HASHES_PER_BLOCK);
  for (n %= HASHES_PER_BLOCK; n > 0; n--)
    add_hash (self, level + 1, get_zero_hash (self, level));
}

void
vmp_verity_update (VmpVerity *self, const void *data, gsize size)
{
  Level *bottom = &self->levels[0];
  const guint8 *at = data;

  self->size += size;
  while (size > 0)
    {
      gsize n;

      if (bottom->used == 0 && size >= VMP_VERITY_BLOCK)
        {
          add_block (self, at);
          at += VMP_VERITY_BLOCK;
          size -= VMP_VERITY_BLOCK;
          continue;
        }
      n = MIN (size, VMP_VERITY_BLOCK - bottom->used);
      memcpy (bottom->block + bottom->used, at, n);
      bottom->used += n;
      at += n;
      size -= n;
      if (bottom->used == VMP_VERITY_BLOCK)
        {
          bottom->used = 0;
          add_block (self, bottom->block);
        }
    }
}

void
vmp_verity_add_block (VmpVerity *self, const guint8 *hash, gsize size)
{
  g_assert (self->levels[0].used == 0);
  self->size += size;
  add_block_hash (self, hash);
}

void
vmp_verity_update_zeros (VmpVerity *self, guint64 size)
{
  static const guint8 zeros[VMP_VERITY_BLOCK];
  gsize head = self->levels[0].used > 0 ? VMP_VERITY_BLOCK - self->levels[0].used : 0;

  head = MIN (head, size);
  vmp_verity_update (self, zeros, head);
  size -= head;
  add_zero_blocks (self, 0, size / VMP_VERITY_BLOCK);
  self->size += size - size % VMP_VERITY_BLOCK;
  vmp_verity_update (self, zeros, size % VMP_VERITY_BLOCK);
}

/* The one hash that is left at the top: each level's last block is filled up with zeros. */
static void
get_root (VmpVerity *self, guint8 *root)
{
  if (self->size == 0)
    {
      memset (root, 0, VMP_SHA256_SIZE);
      return;
    }
  if (self->levels[0].used > 0)
    {
      Level *bottom = &self->levels[0];

      memset (bottom->block + bottom->used, 0, VMP_VERITY_BLOCK - bottom->used);
      bottom->used = 0;
      add_block (self, bottom->block);
    }
  for (guint level = 1;; level++)
    {
      Level *at = &self->levels[level];

      /* A level of one hash is the root itself. */
      if (at->n_done == 0 && at->used == VMP_SHA256_SIZE)
        {
          memcpy (root, at->block, VMP_SHA256_SIZE);
          return;
        }
      if (at->used > 0)
        {
          guint8 hash[VMP_SHA256_SIZE];

          memset (at->block + at->used, 0, VMP_VERITY_BLOCK - at->used);
          hash_bytes (self, at->block, VMP_VERITY_BLOCK, hash);
          at->used = 0;
          at->n_done++;
          add_hash (self, level + 1, hash);
        }
    }
}

char *
vmp_verity_finish (VmpVerity *self)
{
  Descriptor descriptor = {
    .version = 1,
    .hash_algorithm = 1, /* SHA-256 */
    .log_blocksize = 12,
    .data_size = GUINT64_TO_LE (self->size),
  };
  guint8 digest[VMP_SHA256_SIZE];
  GString *hex = g_string_sized_new (2 * VMP_SHA256_SIZE + 1);

  get_root (self, descriptor.root_hash);
  hash_bytes (self, &descriptor, sizeof descriptor, digest);
  for (gsize i = 0; i < sizeof digest; i++)
    g_string_append_printf (hex, "%02x", digest[i]);
  return g_string_free (hex, FALSE);
}
