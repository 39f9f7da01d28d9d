/* Members of an authorization store: names of this host, or SIDs. */
#include "config.h"

#include <glib/gi18n-lib.h>
#include <string.h>

#include "vmp-azman.h"
#include "vmp-error.h"
#include "vmp-name.h"

#define MAX_MEMBER_BYTES 256
/* As Samba writes what has no SID of its own. */
#define UID_PREFIX "S-1-22-1-"
#define GID_PREFIX "S-1-22-2-"
#define ADMINISTRATORS "S-1-5-32-544"
#define USER_PREFIX "user:"
#define GROUP_PREFIX "group:"

void
vmp_azman_member_free (VmpAzmanMember *self)
{
  g_free (self->text);
  g_free (self->name);
  g_free (self);
}

static gboolean
is_sid (const char *text)
{
  guint parts = 0;

  if (!g_str_has_prefix (text, "S-1-"))
    return FALSE;
  for (const char *at = text + strlen ("S-1-"); ; at++, parts++)
    {
      gsize digits = strspn (at, "0123456789");

      if (digits == 0 || digits > 15 || parts > 15)
        return FALSE;
      at += digits;
      if (*at == '\0')
        return TRUE;
      if (*at != '-')
        return FALSE;
    }
}

/* A name that the host's databases could have: nothing that a line of them could not hold. */
static gboolean
is_name (const char *name)
{
  g_autofree char *clean = vmp_name_clean (name, MAX_MEMBER_BYTES);

  return name[0] != '\0' && strcmp (clean, name) == 0 && strpbrk (name, ":,") == NULL
         && !g_ascii_isspace (name[0]);
}

static gboolean
take_id (VmpAzmanMember *self, const char *prefix, VmpAzmanMemberKind kind)
{
  guint64 id;

  /* -1 is what system calls take for "no change". */
  if (!g_str_has_prefix (self->text, prefix)
      || !g_ascii_string_to_unsigned (self->text + strlen (prefix), 10, 0, G_MAXUINT32 - 1, &id,
                                      NULL))
    return FALSE;
  self->kind = kind;
  self->id = (guint32) id;
  self->is_group = kind == VMP_AZMAN_GID;
  return TRUE;
}

static gboolean
take_name (VmpAzmanMember *self, const char *prefix, VmpAzmanMemberKind kind)
{
  if (!g_str_has_prefix (self->text, prefix) || !is_name (self->text + strlen (prefix)))
    return FALSE;
  self->kind = kind;
  self->name = g_strdup (self->text + strlen (prefix));
  self->is_group = kind == VMP_AZMAN_UNIX_GROUP;
  return TRUE;
}

/* InvalidParameter where @text is neither a name nor a SID. */
VmpAzmanMember *
vmp_azman_member_new (const char *text, GError **error)
{
  g_autoptr (VmpAzmanMember) self = g_new0 (VmpAzmanMember, 1);
  g_autofree char *clean = NULL;

  self->text = g_strdup (text);
  if (strlen (text) <= MAX_MEMBER_BYTES)
    {
      if (take_name (self, USER_PREFIX, VMP_AZMAN_USER)
          || take_name (self, GROUP_PREFIX, VMP_AZMAN_UNIX_GROUP)
          || take_id (self, UID_PREFIX, VMP_AZMAN_UID) || take_id (self, GID_PREFIX, VMP_AZMAN_GID))
        return g_steal_pointer (&self);
      if (strcmp (text, ADMINISTRATORS) == 0)
        {
          self->kind = VMP_AZMAN_ADMINISTRATORS;
          self->is_group = TRUE;
          return g_steal_pointer (&self);
        }
      if (is_sid (text))
        {
          self->kind = VMP_AZMAN_FOREIGN;
          return g_steal_pointer (&self);
        }
    }
  clean = vmp_name_clean (text, 100);
  vmp_error_set (error, VMPORT_ERROR_INVALID_PARAMETER,
                 _ ("“%s” is no member: user:NAME, group:NAME, or a SID"), clean);
  return NULL;
}

typedef struct
{
  VmpAzman *store;
  VmpAzmanNameFunc func;
  gpointer user_data;
} Binding;

static void
bind_members (Binding *self, const char *element, const char *name, GPtrArray *members)
{
  for (guint i = 0; i < members->len; i++)
    {
      VmpAzmanMember *member = members->pdata[i];

      if (member->kind != VMP_AZMAN_UID && member->kind != VMP_AZMAN_GID
          && member->kind != VMP_AZMAN_ADMINISTRATORS)
        continue;
      g_free (member->name);
      member->name = self->func (member, self->user_data);
      if (member->name != NULL)
        continue;
      g_ptr_array_add (self->store->notes,
                       g_strdup_printf (_ ("%s “%s”: this host has no name for %s"), element, name,
                                        member->text));
    }
}

static void
bind_groups (Binding *self, GPtrArray *groups)
{
  for (guint i = 0; i < groups->len; i++)
    {
      VmpAzmanGroup *group = groups->pdata[i];
      g_autofree char *clean = vmp_name_clean (group->name, 100);

      bind_members (self, "AzApplicationGroup", clean, group->members);
      bind_members (self, "AzApplicationGroup", clean, group->non_members);
    }
}

static void
bind_scope (Binding *self, VmpAzmanScope *scope)
{
  bind_groups (self, scope->groups);
  for (guint i = 0; i < scope->roles->len; i++)
    {
      VmpAzmanRole *role = scope->roles->pdata[i];
      g_autofree char *clean = vmp_name_clean (role->name, 100);

      bind_members (self, "AzRole", clean, role->members);
    }
}

/* Gives names to the members that the store has by number: polkit's rules know names alone. A number
 * without a name is nobody's: whom it stood for cannot be asked about either. */
void
vmp_azman_bind (VmpAzman *self, VmpAzmanNameFunc func, gpointer user_data)
{
  Binding binding = { self, func, user_data };

  bind_groups (&binding, self->shared_groups);
  bind_scope (&binding, self->root);
  for (guint i = 0; i < self->scopes->len; i++)
    bind_scope (&binding, self->scopes->pdata[i]);
}
