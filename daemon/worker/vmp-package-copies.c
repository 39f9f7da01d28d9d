/* The members of a package that are files of their own: copies, digests and flushes them, several at a
 * time. */
#include "config.h"

#include "vmp-package-copies.h"

#include <fcntl.h>
#include <glib/gi18n-lib.h>

#include "vmp-at.h"
#include "vmp-batch.h"
#include "vmp-error.h"
#include "vmp-fd.h"
#include "vmp-image.h"
#include "vmp-state.h"

struct _VmpPackageCopies
{
  int staging; /* not owned */
  VmpCopierFlags flags;
  VmpPace *pace; /* not owned */
  GPtrArray *members;
};

/* Of a second look at what was counted already. */
static gboolean
step_uncounted (guint64 done, guint64 *next, gpointer pace, GError **error)
{
  return vmp_pace_next (0, next, pace, error);
}

/* What moves within the file has its digests computed from the copy: they cover what the package
 * holds. */
static gboolean
copy_shifted (int source, int target, const char *what, VmpCopierFlags flags, guint64 insert,
              VmpCopierPatch *patch, VmpPace *pace, VmpCopierResult *result, GError **error)
{
  g_auto (VmpCopierResult) again = { 0 };

  patch->before_digest = FALSE;
  if (!vmp_copier_run_shifted (source, target, what, VMP_COPIER_NONE, insert, patch, 1,
                               vmp_pace_next, pace, result, error)
      || !vmp_copier_run (target, -1, what, flags, NULL, 0, step_uncounted, pace, &again, error))
    return FALSE;
  result->verity = g_steal_pointer (&again.verity);
  result->sha256 = g_steal_pointer (&again.sha256);
  result->locator = g_steal_pointer (&again.locator);
  return TRUE;
}

/* A member that is to be copied, and how. */
typedef struct
{
  VmpPackageCopies *copies;
  VmpPackageFile *file;
  int source;   /* not owned; -1: the member is there already */
  char *verity; /* of such a one, where it is known… */
  char *locator; /* …and this, too */
  GBytes *patch_bytes;
  VmpCopierPatch patch;
  guint64 insert;
  guint64 copied, cloned;
} Member;

static void
member_free (gpointer data)
{
  Member *member = data;

  g_clear_pointer (&member->patch_bytes, g_bytes_unref);
  g_free (member->verity);
  g_free (member->locator);
  g_free (member);
}

VmpPackageCopies *
vmp_package_copies_new (int staging, VmpCopierFlags flags, VmpPace *pace)
{
  VmpPackageCopies *self = g_new0 (VmpPackageCopies, 1);

  self->staging = staging;
  self->flags = flags;
  self->pace = pace;
  self->members = g_ptr_array_new_with_free_func (member_free);
  return self;
}

void
vmp_package_copies_free (VmpPackageCopies *self)
{
  g_ptr_array_unref (self->members);
  g_free (self);
}

/* Plans to copy @source, whose header may have to say something else in the copy. */
gboolean
vmp_package_copies_add (VmpPackageCopies *self, int source, VmpPackageFile *file,
                        GVariant *options, GError **error)
{
  g_autofree char *quoted = g_strdup_printf (_ ("“%s”"), file->name);
  Member *member = g_new0 (Member, 1);
  const char *backing, *backing_format = NULL;
  gboolean ok;

  member->copies = self;
  member->file = file;
  member->source = source;
  if (g_variant_lookup (options, "BackingFile", "&s", &backing))
    {
      g_variant_lookup (options, "BackingFormat", "&s", &backing_format);
      ok = vmp_image_backing_patch (source, quoted, backing, backing_format,
                                    &member->patch.offset, &member->patch_bytes, error);
    }
  else
    ok = vmp_state_make_head (source, quoted, options, &member->patch_bytes, &member->insert,
                              error);
  if (!ok)
    {
      member_free (member);
      return FALSE;
    }
  member->patch.bytes = member->patch_bytes;
  member->patch.before_digest = TRUE;
  g_ptr_array_add (self->members, member);
  return TRUE;
}

void
vmp_package_copies_add_filled (VmpPackageCopies *self, VmpPackageFile *file, guint64 copied,
                               const char *verity, const char *locator)
{
  Member *member = g_new0 (Member, 1);

  member->copies = self;
  member->file = file;
  member->source = -1;
  member->copied = copied;
  member->verity = g_strdup (verity);
  member->locator = g_strdup (locator);
  g_ptr_array_add (self->members, member);
}

/* Takes over what the copier found out. */
static void
note_digests (VmpPackageFile *file, VmpCopierResult *result)
{
  if (result->verity != NULL)
    file->verity = g_steal_pointer (&result->verity);
  file->sha256 = g_steal_pointer (&result->sha256);
  if (result->locator != NULL && result->size > 0)
    file->locator = vmp_locator_to_text (result->locator);
}

/* The digests of what somebody else has filled are those of what lies there in the end. */
static gboolean
read_filled (VmpPackageCopies *self, Member *member, GError **error)
{
  VmpPackageFile *file = member->file;
  VmpCopierFlags flags = self->flags;
  vmp_autofd int fd = vmp_at_open (self->staging, file->name, O_RDONLY, 0, error);
  g_autofree char *quoted = g_strdup_printf (_ ("“%s”"), file->name);
  g_auto (VmpCopierResult) result = { 0 };

  if (fd < 0 || !vmp_copier_measure (fd, &file->size, &file->allocated, error))
    return FALSE;
  if ((flags & VMP_COPIER_VERITY) != 0 && member->verity != NULL)
    {
      file->verity = g_strdup (member->verity);
      file->locator = g_strdup (member->locator);
      flags &= ~VMP_COPIER_VERITY;
    }
  if (flags == VMP_COPIER_NONE)
    return TRUE;
  vmp_pace_set_place (self->pace, "Copying", file->name);
  if (!vmp_copier_run (fd, -1, quoted, flags, NULL, 0, step_uncounted, self->pace, &result, error))
    return FALSE;
  note_digests (file, &result);
  return TRUE;
}

/* Runs in a thread of its own, beside those of other members. */
static gboolean
write_member (gpointer item, gpointer data, GError **error)
{
  Member *member = item;
  VmpPackageCopies *self = member->copies;
  VmpPackageFile *file = member->file;
  g_auto (VmpCopierResult) result = { 0 };
  g_autofree char *quoted = g_strdup_printf (_ ("“%s”"), file->name);
  vmp_autofd int target = -1;

  if (member->source < 0)
    return read_filled (self, member, error);
  target = vmp_at_open (self->staging, file->name, O_RDWR | O_CREAT | O_EXCL, 0600, error);
  if (target < 0)
    return FALSE;
  vmp_pace_set_place (self->pace, "Copying", file->name);
  if (member->insert > 0)
    {
      if (!copy_shifted (member->source, target, quoted, self->flags, member->insert,
                         &member->patch, self->pace, &result, error))
        return FALSE;
    }
  else if (!vmp_copier_run (member->source, target, quoted, self->flags, &member->patch,
                            member->patch_bytes != NULL ? 1 : 0, vmp_pace_next, self->pace,
                            &result, error))
    return FALSE;
  file->size = result.size;
  file->allocated = result.copied + result.cloned;
  note_digests (file, &result);
  member->copied = result.copied;
  member->cloned = result.cloned;
  return TRUE;
}

static gboolean
sync_file (gpointer item, gpointer data, GError **error)
{
  VmpPackageCopies *self = data;

  return vmp_at_sync (self->staging, item, error);
}

static void
stop_pace (gpointer pace)
{
  vmp_pace_stop (pace);
}

gboolean
vmp_package_copies_run (VmpPackageCopies *self, guint64 *copied, guint64 *cloned, GError **error)
{
  if (!vmp_batch_run (self->members, VMP_BATCH_FILES, write_member, NULL, stop_pace, self->pace,
                      error))
    return FALSE;
  for (guint i = 0; i < self->members->len; i++)
    {
      Member *member = g_ptr_array_index (self->members, i);

      *copied += member->copied;
      *cloned += member->cloned;
    }
  return TRUE;
}

/* After the last copy, so that the kernel has written most of it back by then; all at once, so that
 * the file system's journal is written for all of them together. */
gboolean
vmp_package_copies_sync (VmpPackageCopies *self, VmpPackage *package, gboolean with_sums,
                         GError **error)
{
  GPtrArray *files = vmp_package_get_files (package);
  g_autoptr (GPtrArray) names = g_ptr_array_new ();

  for (guint i = 0; i < files->len; i++)
    g_ptr_array_add (names, ((VmpPackageFile *) g_ptr_array_index (files, i))->name);
  if (with_sums)
    g_ptr_array_add (names, (gpointer) VMP_PACKAGE_SHA256SUMS);
  g_ptr_array_add (names, (gpointer) VMP_PACKAGE_DESCRIPTOR);
  vmp_pace_set_place (self->pace, "Syncing", "");
  return vmp_pace_step (0, self->pace, error)
         && vmp_batch_run (names, VMP_BATCH_FILES, sync_file, self, stop_pace, self->pace, error);
}
