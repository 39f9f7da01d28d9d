/* Whom a worker is to be: uid, gid and groups. */
#include "config.h"

#include "vmp-identity.h"

#include <errno.h>
#include <glib/gi18n-lib.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <unistd.h>

#include "vmp-error.h"

struct _VmpIdentity
{
  gatomicrefcount ref_count;
  uid_t uid;
  gid_t gid;
  GArray *groups;
  gboolean change;
};

#define MAX_BUFFER (1024 * 1024)

static gboolean
read_entry (const char *name, uid_t uid, struct passwd *entry, char **buffer, GError **error)
{
  gsize size = 1024;

  for (;;)
    {
      struct passwd *found = NULL;
      int result;

      *buffer = g_realloc (*buffer, size);
      result = name != NULL ? getpwnam_r (name, entry, *buffer, size, &found)
                            : getpwuid_r (uid, entry, *buffer, size, &found);
      if (result == ERANGE && size < MAX_BUFFER)
        {
          size *= 2;
          continue;
        }
      if (found != NULL)
        return TRUE;
      if (name != NULL)
        return vmp_error_set (error, VMPORT_ERROR_NOT_AVAILABLE,
                              _ ("There is no user “%s”; make it with systemd-sysusers"), name);
      return vmp_error_set (error, VMPORT_ERROR_NOT_AVAILABLE,
                            _ ("The user %u is not in the user database, so its groups are not "
                               "known"),
                            uid);
    }
}

static GArray *
read_groups (const char *name, gid_t gid)
{
  GArray *groups = g_array_new (FALSE, TRUE, sizeof (gid_t));
  int n = 64;

  g_array_set_size (groups, (guint) n);
  while (getgrouplist (name, gid, (gid_t *) (void *) groups->data, &n) < 0 && n <= 65536)
    g_array_set_size (groups, (guint) n);
  g_array_set_size (groups, (guint) n);
  return groups;
}

static VmpIdentity *
lookup (const char *name, uid_t uid, gboolean change, GError **error)
{
  g_autofree char *buffer = NULL;
  struct passwd entry;
  VmpIdentity *self;

  if (!read_entry (name, uid, &entry, &buffer, error))
    return NULL;
  self = g_new0 (VmpIdentity, 1);
  g_atomic_ref_count_init (&self->ref_count);
  self->uid = entry.pw_uid;
  self->gid = entry.pw_gid;
  self->groups = read_groups (entry.pw_name, entry.pw_gid);
  self->change = change;
  return self;
}

/* Asks NSS for the groups of @uid. With @change FALSE the worker stays who the daemon is (a session
 * bus). Blocking. */
VmpIdentity *
vmp_identity_new (uid_t uid, gboolean change, GError **error)
{
  return lookup (NULL, uid, change, error);
}

VmpIdentity *
vmp_identity_new_for_name (const char *name, GError **error)
{
  return lookup (name, 0, TRUE, error);
}

VmpIdentity *
vmp_identity_ref (VmpIdentity *self)
{
  g_atomic_ref_count_inc (&self->ref_count);
  return self;
}

void
vmp_identity_unref (VmpIdentity *self)
{
  if (!g_atomic_ref_count_dec (&self->ref_count))
    return;
  g_array_unref (self->groups);
  g_free (self);
}

uid_t
vmp_identity_get_uid (VmpIdentity *self)
{
  return self->uid;
}

/* In the form that the worker reads: VMP_IDENTITY_TYPE of vmp-sandbox.h. Full reference. @places:
 * where it may open files, NULL for nowhere. */
GVariant *
vmp_identity_to_variant (VmpIdentity *self, VmpPlaces *places)
{
  g_autoptr (VmpPlaces) none = places == NULL ? vmp_places_new () : NULL;

  return g_variant_ref_sink (
      g_variant_new ("(uu@aub@a(su))", (guint32) self->uid, (guint32) self->gid,
                     g_variant_new_fixed_array (G_VARIANT_TYPE_UINT32, self->groups->data,
                                                self->groups->len, sizeof (gid_t)),
                     self->change, vmp_places_to_variant (none != NULL ? none : places)));
}
