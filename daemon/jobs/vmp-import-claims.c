/* Whose the files are that an import in place takes: nobody else's, and nobody is writing them. */
#include "config.h"

#include "vmp-import-plan-private.h"

#include <errno.h>
#include <glib/gi18n-lib.h>
#include <sys/stat.h>

#include "vmp-error.h"
#include "vmp-fd.h"
#include "vmp-file-uses.h"

/* One file that stays where it lies. */
typedef struct
{
  VmpImportFile *file;
  VmpFileId id;
} Staying;

typedef struct
{
  VmpImportPlan *plan;
  GArray *staying;
  VmpFileUses *uses;
  const char *in_use; /* of which another job has the file */
} Claims;

static void
claims_clear (Claims *self)
{
  g_clear_pointer (&self->staying, g_array_unref);
  g_clear_pointer (&self->uses, vmp_file_uses_free);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Claims, claims_clear)

/* The descriptors that the worker handed over say which files they are. */
static gboolean
find_staying (Claims *self, GError **error)
{
  g_autoptr (GPtrArray) files = vmp_import_plan_list_files (self->plan);

  self->staying = g_array_new (FALSE, FALSE, sizeof (Staying));
  for (guint i = 0; i < files->len; i++)
    {
      VmpImportFile *file = g_ptr_array_index (files, i);
      int fd = file->stays && file->source != VMP_NO_SOURCE
                   ? vmp_source_list_get_fd (self->plan->sources, file->source)
                   : -1;
      Staying staying = { .file = file };
      struct stat st;

      if (fd < 0)
        continue;
      if (fstat (fd, &st) < 0)
        return vmp_error_set_errno (error, errno, _ ("Cannot examine “%s”"), file->found);
      staying.id.device = st.st_dev;
      staying.id.inode = st.st_ino;
      g_array_append_val (self->staying, staying);
    }
  return TRUE;
}

static gboolean
set_in_use (const char *path, GError **error)
{
  return vmp_error_set (error, VMPORT_ERROR_IN_USE,
                        _ ("“%s” belongs to a virtual machine already; import a copy of it, or "
                           "delete that machine first"),
                        path);
}

static void
list_uses_in_main (gpointer data)
{
  Claims *self = data;

  self->uses = vmp_file_uses_new (vmp_run_get_machines (self->plan->run), NULL);
}

static gboolean
check_uses (Claims *self, GError **error)
{
  vmp_run_in_main (list_uses_in_main, self);
  vmp_file_uses_identify (self->uses);
  for (guint i = 0; i < self->staying->len; i++)
    {
      const Staying *staying = &g_array_index (self->staying, Staying, i);

      if (vmp_file_uses_find (self->uses, &staying->id, staying->file->role == VMP_ROLE_MEDIA))
        return set_in_use (staying->file->found, error);
      for (guint n = 0; n < i; n++)
        {
          const Staying *other = &g_array_index (self->staying, Staying, n);

          if (vmp_file_id_equal (&other->id, &staying->id)
              && (other->file->written || staying->file->written))
            return vmp_error_set (error, VMPORT_ERROR_INVALID_PARAMETER,
                                  _ ("“%s” and “%s” are one file; two disks cannot share it"),
                                  other->file->found, staying->file->found);
        }
    }
  return TRUE;
}

/* A program that has a disk open for writing would go on writing into the machine's. Where the file
 * system cannot tell, the caller, who is trusted with the files, answers for it. */
static gboolean
check_writers (Claims *self, GError **error)
{
  for (guint i = 0; i < self->staying->len; i++)
    {
      const Staying *staying = &g_array_index (self->staying, Staying, i);
      int fd = vmp_source_list_get_fd (self->plan->sources, staying->file->source);

      if (vmp_fd_find_writers (fd) == VMP_WRITERS_SOME)
        return vmp_error_set (error, VMPORT_ERROR_FILE_IN_USE,
                              _ ("“%s” is open for writing in some program; close it first"),
                              staying->file->found);
    }
  return TRUE;
}

static void
look_at_claims_in_main (gpointer data)
{
  Claims *self = data;
  VmpMachines *machines = vmp_run_get_machines (self->plan->run);

  for (guint i = 0; i < self->staying->len && self->in_use == NULL; i++)
    {
      const Staying *staying = &g_array_index (self->staying, Staying, i);

      if (vmp_machines_is_file_claimed (machines, &staying->id))
        self->in_use = staying->file->found;
    }
}

static void
claim_in_main (gpointer data)
{
  Claims *self = data;
  VmpMachines *machines = vmp_run_get_machines (self->plan->run);

  for (guint i = 0; i < self->staying->len && self->in_use == NULL; i++)
    {
      const Staying *staying = &g_array_index (self->staying, Staying, i);

      if (staying->file->role != VMP_ROLE_MEDIA
          && !vmp_machines_claim_file (machines, &staying->id,
                                       vmp_run_get_number (self->plan->run)))
        self->in_use = staying->file->found;
    }
}

static gboolean
check (VmpImportPlan *plan, VmpMainFunc look, GError **error)
{
  g_auto (Claims) self = { .plan = plan };

  if (!find_staying (&self, error))
    return FALSE;
  if (self.staying->len == 0)
    return TRUE;
  /* Jobs first: one that ends meanwhile has its machine in the inventory before it lets go. */
  vmp_run_in_main (look, &self);
  if (self.in_use != NULL)
    return set_in_use (self.in_use, error);
  return check_uses (&self, error) && check_writers (&self, error);
}

/* As far as it can be told beforehand. */
gboolean
vmp_import_plan_check_claims (VmpImportPlan *plan, GError **error)
{
  return check (plan, look_at_claims_in_main, error);
}

/* Takes the files for the job of the plan, until it has ended. */
gboolean
vmp_import_plan_claim_files (VmpImportPlan *plan, GError **error)
{
  return check (plan, claim_in_main, error);
}
