/* What the store has of a machine besides its configuration: the saved state and the TPM's files.
 *
 *   Virtual Machines/<uuid>/state.save    the saved state
 *   Virtual Machines/<uuid>/state.path    or one line: where it lies outside the store
 *   Virtual Machines/<uuid>/tpm/          the TPM's state, folders in it included */
#include "config.h"

#include "vmp-directory-files.h"

#include <fcntl.h>
#include <glib/gi18n-lib.h>
#include <string.h>

#include "vmp-at.h"
#include "vmp-error.h"
#include "vmp-fd.h"
#include "vmp-machine.h"
#include "vmp-name.h"

#define STATE_FILE "state.save"
#define STATE_PATH_FILE "state.path"
#define STATE_PATH_MAX_BYTES 4097 /* the longest path and the end of its line */
#define TPM_FOLDER "tpm"

/* Of files and the folders that they lie in. */
#define MAX_TPM_ENTRIES (VMP_PACKAGE_MAX_TPM_FILES * VMP_PACKAGE_MAX_TPM_DEPTH)

typedef struct
{
  int fd;           /* of `Virtual Machines/<uuid>` */
  const char *path; /* the same, absolute */
  GPtrArray *files; /* of VmpMachineFile */
  guint budget;     /* how many entries of the TPM are still looked at */
} Listing;

static void
add (Listing *self, VmpRole role, const char *name)
{
  g_autofree char *path = g_build_filename (self->path, name, NULL);

  g_ptr_array_add (self->files, vmp_machine_file_new (role, name, path));
}

static gboolean
check_regular (Listing *self, const char *name, GError **error)
{
  g_autofree char *quoted = g_strdup_printf (_ ("“%s/%s”"), self->path, name);
  vmp_autofd int fd = vmp_at_open (self->fd, name, O_RDONLY, 0, error);

  if (fd < 0)
    {
      g_prefix_error (error, "%s: ", quoted);
      return FALSE;
    }
  return vmp_fd_check_regular (fd, quoted, error);
}

/* Of a machine that is used in place, say. What the line names is the caller's, and opened as such. */
static gboolean
add_state_elsewhere (Listing *self, GError **error)
{
  g_autoptr (GBytes) content = vmp_at_read (self->fd, STATE_PATH_FILE, STATE_PATH_MAX_BYTES, error);
  g_autofree char *path = NULL;
  const char *text;
  gsize size;

  if (content == NULL)
    {
      g_prefix_error (error, _ ("“%s/%s”: "), self->path, STATE_PATH_FILE);
      return FALSE;
    }
  text = g_bytes_get_data (content, &size);
  /* A line that does not end was cut short: the path may go on. */
  if (size > 0 && text[size - 1] == '\n' && memchr (text, '\0', size) == NULL)
    path = g_strndup (text, size - 1);
  if (path == NULL || !vmp_name_is_absolute (path))
    return vmp_error_set (error, VMPORT_ERROR_CORRUPT,
                          _ ("“%s/%s” does not hold one line with the absolute path of a saved "
                             "state; mend it, or remove it to discard the state"),
                          self->path, STATE_PATH_FILE);
  g_ptr_array_add (self->files, vmp_machine_file_new (VMP_ROLE_STATE, STATE_FILE, path));
  return TRUE;
}

static gboolean
add_state (Listing *self, GError **error)
{
  gboolean elsewhere = vmp_at_exists (self->fd, STATE_PATH_FILE);

  if (!vmp_at_exists (self->fd, STATE_FILE))
    return !elsewhere || add_state_elsewhere (self, error);
  if (elsewhere)
    return vmp_error_set (error, VMPORT_ERROR_CORRUPT,
                          _ ("“%s” holds both %s and %s; remove the one that is not the machine's "
                             "state"),
                          self->path, STATE_FILE, STATE_PATH_FILE);
  if (!check_regular (self, STATE_FILE, error))
    return FALSE;
  add (self, VMP_ROLE_STATE, STATE_FILE);
  return TRUE;
}

static gboolean
add_tpm_folder (Listing *self, const char *folder, guint depth, GError **error)
{
  g_autoptr (GPtrArray) names = vmp_at_list (self->fd, folder, self->budget, error);

  if (names == NULL)
    {
      g_prefix_error (error, _ ("“%s/%s”: "), self->path, folder);
      return FALSE;
    }
  self->budget -= names->len;
  for (guint i = 0; i < names->len; i++)
    {
      g_autofree char *name = g_build_filename (folder, g_ptr_array_index (names, i), NULL);
      struct stat st;

      if (!vmp_name_is_component (g_ptr_array_index (names, i)))
        return vmp_error_set (error, VMPORT_ERROR_CORRUPT,
                              _ ("“%s/%s” holds a file whose name is not valid UTF-8 text without "
                                 "control characters"),
                              self->path, folder);
      if (fstatat (self->fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return vmp_error_set_errno (error, errno, _ ("Cannot examine “%s/%s”"), self->path, name);
      if (!S_ISDIR (st.st_mode))
        {
          if (!check_regular (self, name, error))
            return FALSE;
          add (self, VMP_ROLE_TPM, name);
        }
      else if (depth >= VMP_PACKAGE_MAX_TPM_DEPTH)
        return vmp_error_set (error, VMPORT_ERROR_CORRUPT,
                              _ ("“%s/%s” lies deeper than any file of a TPM"), self->path, name);
      else if (!add_tpm_folder (self, name, depth + 1, error))
        return FALSE;
    }
  return TRUE;
}

/* The files of a machine that its configuration does not name, of VmpMachineFile, for
 * vmp_machine_new(). Whatever is there and is not as the store would have written it is an error
 * that names it: a machine without its TPM is not the machine. */
GPtrArray *
vmp_directory_files_list (int rootfd, const char *root, const char *uuid, GError **error)
{
  g_autoptr (GPtrArray) files
      = g_ptr_array_new_with_free_func ((GDestroyNotify) vmp_machine_file_free);
  g_autofree char *folder = g_strdup_printf ("%s/" VMP_PACKAGE_VM_FOLDER "/%s", uuid, uuid);
  g_autofree char *path = g_build_filename (root, folder, NULL);
  vmp_autofd int fd = -1;
  Listing listing = { .path = path, .files = files, .budget = MAX_TPM_ENTRIES };

  if (!vmp_at_exists (rootfd, folder))
    return g_steal_pointer (&files);
  fd = vmp_at_open (rootfd, folder, O_RDONLY | O_DIRECTORY, 0, error);
  if (fd < 0)
    return NULL;
  listing.fd = fd;
  if (!add_state (&listing, error)
      || (vmp_at_exists (fd, TPM_FOLDER) && !add_tpm_folder (&listing, TPM_FOLDER, 1, error)))
    return NULL;
  return g_steal_pointer (&files);
}

/* Writes down where the saved state of a machine that is being made lies. */
gboolean
vmp_directory_files_set_state_path (int placefd, const char *uuid, const char *path,
                                    GError **error)
{
  g_autofree char *folder = g_strdup_printf (VMP_PACKAGE_VM_FOLDER "/%s", uuid);
  g_autofree char *name = g_build_filename (folder, STATE_PATH_FILE, NULL);
  g_autofree char *line = g_strconcat (path, "\n", NULL);
  g_autoptr (GBytes) content = g_bytes_new (line, strlen (line));

  if (!vmp_name_is_absolute (path))
    return vmp_error_set (error, VMPORT_ERROR_FAILED, "“%s” is no absolute path", path);
  return vmp_at_mkdir_parents (placefd, folder, 0700, error)
         && vmp_at_write (placefd, name, content, 0600, error);
}
