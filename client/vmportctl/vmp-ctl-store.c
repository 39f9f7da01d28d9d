/* The authorization store and the rules of polkit made of it: read, compiled, and replaced together
 * under a lock. What cannot be parsed and compiled never gets as far as a file. */
#include "config.h"

#include "vmp-ctl-store.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gi18n-lib.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "vmp-at.h"
#include "vmp-azman-rules.h"
#include "vmp-ctl-diff.h"
#include "vmp-ctl-polkit.h"
#include "vmp-ctl-text.h"
#include "vmp-error.h"
#include "vmp-fd.h"

#define POLKIT_GROUP "polkitd"

void
vmp_ctl_store_clear (VmpCtlStore *self)
{
  g_free (self->path);
  g_free (self->rules_path);
  g_free (self->name);
  g_free (self->rules_name);
  g_clear_pointer (&self->content, g_bytes_unref);
  vmp_fd_clear (&self->dirfd);
  vmp_fd_clear (&self->rules_dirfd);
}

static int
open_folder (const char *path, char **name, GError **error)
{
  g_autofree char *folder = g_path_get_dirname (path);

  *name = g_path_get_basename (path);
  return vmp_at_open_absolute (folder, O_RDONLY | O_DIRECTORY, error);
}

static GBytes *
read_absolute (const char *path, gsize max, GError **error)
{
  vmp_autofd int fd = vmp_at_open_absolute (path, O_RDONLY, error);
  g_autofree char *what = g_strdup_printf ("“%s”", path);

  return fd >= 0 ? vmp_fd_read_all (fd, max, what, error) : NULL;
}

/* Reads the store; one that is not there is NotFound. */
gboolean
vmp_ctl_store_read (VmpCtlStore *self, GError **error)
{
  if (self->path == NULL)
    self->path = g_strdup (VMP_AUTHORIZATION_STORE);
  g_clear_pointer (&self->content, g_bytes_unref);
  self->content = self->dirfd >= 0
                      ? vmp_at_read (self->dirfd, self->name, VMP_AZMAN_MAX_BYTES, error)
                      : read_absolute (self->path, VMP_AZMAN_MAX_BYTES, error);
  if (self->content == NULL)
    g_prefix_error (error, _ ("The authorization store, “%s”: "), self->path);
  return self->content != NULL;
}

static gboolean
take_lock (VmpCtlStore *self, GError **error)
{
  self->dirfd = open_folder (self->path, &self->name, error);
  if (self->dirfd < 0)
    return FALSE;
  self->rules_dirfd = open_folder (self->rules_path, &self->rules_name, error);
  if (self->rules_dirfd < 0)
    return FALSE;
  if (flock (self->dirfd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK)
    g_printerr ("%s\n", _ ("Waiting for another vmportctl that changes the store"));
  while (flock (self->dirfd, LOCK_EX) < 0)
    if (errno != EINTR)
      return vmp_error_set_errno (error, errno, "Cannot lock “%s”", self->path);
  /* What one that was killed has left. */
  return vmp_at_discard_all (self->dirfd, self->name, error)
         && vmp_at_discard_all (self->rules_dirfd, self->rules_name, error);
}

/* Keeps others from changing the store until the end, and reads it. One that is not there is no
 * error: it may be about to be made. */
gboolean
vmp_ctl_store_lock (VmpCtlStore *self, GError **error)
{
  g_autoptr (GError) local_error = NULL;

  if (self->path == NULL)
    self->path = g_strdup (VMP_AUTHORIZATION_STORE);
  if (self->rules_path == NULL)
    self->rules_path = g_strdup (VMP_POLKIT_RULES);
  if (!self->dry_run && !take_lock (self, error))
    return FALSE;
  if (vmp_ctl_store_read (self, &local_error)
      || g_error_matches (local_error, VMPORT_ERROR, VMPORT_ERROR_NOT_FOUND))
    return TRUE;
  g_propagate_error (error, g_steal_pointer (&local_error));
  return FALSE;
}

/* The host's names for the numbers of a store. */
static char *
find_name (const VmpAzmanMember *member, gpointer data)
{
  const struct passwd *user;
  const struct group *group;

  if (member->kind == VMP_AZMAN_UID)
    {
      user = getpwuid (member->id);
      return user != NULL && g_utf8_validate (user->pw_name, -1, NULL) ? g_strdup (user->pw_name)
                                                                       : NULL;
    }
  group = member->kind == VMP_AZMAN_GID ? getgrgid (member->id) : getgrnam (VMP_ADMIN_GROUP);
  return group != NULL && g_utf8_validate (group->gr_name, -1, NULL) ? g_strdup (group->gr_name)
                                                                     : NULL;
}

void
vmp_ctl_store_bind (VmpAzman *azman)
{
  vmp_azman_bind (azman, find_name, NULL);
}

VmpAzman *
vmp_ctl_store_parse (VmpCtlStore *self, GError **error)
{
  VmpAzman *azman = vmp_azman_parse (self->content, VMP_AZMAN_APPLICATION, self->path, error);

  if (azman != NULL)
    vmp_ctl_store_bind (azman);
  return azman;
}

static char *
to_text (GBytes *bytes)
{
  gsize size;
  const char *data = bytes != NULL ? g_bytes_get_data (bytes, &size) : NULL;

  return data != NULL ? g_utf8_make_valid (data, (gssize) size) : NULL;
}

/* What polkit reads now. A folder that only polkit and root can look into is no error: then there is
 * nothing to compare with. */
static gboolean
read_rules (VmpCtlStore *self, char **rules)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) bytes = read_absolute (self->rules_path, G_MAXINT32, &error);

  *rules = to_text (bytes);
  if (bytes != NULL || g_error_matches (error, VMPORT_ERROR, VMPORT_ERROR_NOT_FOUND))
    return TRUE;
  g_printerr ("%s\n", error->message);
  return FALSE;
}

static gboolean
show_difference (VmpCtlStore *self, GBytes *content, const char *rules)
{
  g_autofree char *before = to_text (self->content);
  g_autofree char *after = to_text (content);
  g_autofree char *change = vmp_ctl_diff (self->path, before, after);
  g_autofree char *rules_before = NULL;
  g_autofree char *rules_change = NULL;

  g_print ("%s", change);
  if (!read_rules (self, &rules_before))
    return TRUE;
  rules_change = vmp_ctl_diff (self->rules_path, rules_before, rules);
  g_print ("%s", rules_change);
  return TRUE;
}

/* The rules are for polkit alone: they tell who may do what. */
static char *
prepare_rules (VmpCtlStore *self, const char *rules, GError **error)
{
  const struct group *group = getgrnam (POLKIT_GROUP);
  g_autoptr (GBytes) bytes = g_bytes_new (rules, strlen (rules));

  return vmp_at_prepare (self->rules_dirfd, self->rules_name, bytes, group != NULL ? 0640 : 0644, 0,
                         group != NULL ? group->gr_gid : 0, error);
}

/* The store keeps its owner and mode. */
static char *
prepare_store (VmpCtlStore *self, GBytes *content, GError **error)
{
  struct stat st = { .st_mode = 0644 };

  if (fstatat (self->dirfd, self->name, &st, AT_SYMLINK_NOFOLLOW) < 0 && errno != ENOENT)
    {
      vmp_error_set_errno (error, errno, "Cannot examine “%s”", self->path);
      return NULL;
    }
  return vmp_at_prepare (self->dirfd, self->name, content, st.st_mode & 0777, st.st_uid, st.st_gid,
                         error);
}

/* The store first: after a crash between the two, rules of the store before are in force, which the
 * daemon notices. */
static gboolean
replace_both (VmpCtlStore *self, GBytes *content, const char *rules, GError **error)
{
  gboolean same = self->content != NULL && g_bytes_equal (self->content, content);
  g_autofree char *new_rules = prepare_rules (self, rules, error);
  g_autofree char *new_store = NULL;
  g_autofree char *old_store = NULL;

  if (new_rules == NULL)
    return FALSE;
  if (!same)
    new_store = prepare_store (self, content, error);
  if (!same && new_store != NULL && self->content != NULL)
    old_store = prepare_store (self, self->content, error);
  if (!same && (new_store == NULL || (self->content != NULL && old_store == NULL)
                || !vmp_at_commit (self->dirfd, new_store, self->name, error)))
    {
      vmp_at_discard (self->rules_dirfd, new_rules);
      if (new_store != NULL)
        vmp_at_discard (self->dirfd, new_store);
      if (old_store != NULL)
        vmp_at_discard (self->dirfd, old_store);
      return FALSE;
    }
  if (!vmp_at_commit (self->rules_dirfd, new_rules, self->rules_name, error))
    {
      vmp_at_discard (self->rules_dirfd, new_rules);
      if (old_store != NULL)
        vmp_at_commit (self->dirfd, old_store, self->name, NULL);
      return FALSE;
    }
  if (old_store != NULL)
    vmp_at_discard (self->dirfd, old_store);
  return TRUE;
}

/* Puts @content, and the rules compiled from it, in the place of what is there, and waits until polkit
 * goes by them. With --dry-run shows the difference instead. */
gboolean
vmp_ctl_store_commit (VmpCtlStore *self, GBytes *content, GError **error)
{
  g_autoptr (VmpAzman) azman = vmp_azman_parse (content, VMP_AZMAN_APPLICATION, self->path, error);
  g_autofree char *rules = NULL;

  if (azman == NULL)
    return FALSE;
  vmp_ctl_store_bind (azman);
  rules = vmp_azman_compile (azman);
  for (guint i = 0; i < azman->notes->len; i++)
    g_printerr ("%s\n", (const char *) azman->notes->pdata[i]);
  if (self->dry_run)
    return show_difference (self, content, rules);
  if (!replace_both (self, content, rules, error))
    return FALSE;
  return self->offline || vmp_ctl_polkit_wait (azman->digest, error);
}

/* Reads the store under a lock, has @func change it, and commits the result. */
gboolean
vmp_ctl_store_change (VmpCtlStore *self, VmpCtlStoreEdit func, gconstpointer data, GError **error)
{
  g_autoptr (VmpAzmanEdit) edit = NULL;
  g_autoptr (GBytes) content = NULL;

  if (!vmp_ctl_store_lock (self, error))
    return FALSE;
  /* Says what is missing. */
  if (self->content == NULL && !vmp_ctl_store_read (self, error))
    return FALSE;
  edit = vmp_azman_edit_new (self->content, self->path, error);
  if (edit == NULL || !func (edit, data, error))
    return FALSE;
  content = vmp_azman_edit_write (edit);
  return vmp_ctl_store_commit (self, content, error);
}
