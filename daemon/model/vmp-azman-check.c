/* Who may do what by an authorization store, and why: what the compiled rules decide, with the way
 * there. */
#include "config.h"

#include "vmp-azman-check.h"

#include <string.h>

typedef struct
{
  const VmpAzmanSubject *subject;
  /* From groups to whether the subject is in them: each is worked out once, however many link to
   * it. */
  GHashTable *known;
} Check;

void
vmp_azman_reason_free (VmpAzmanReason *self)
{
  g_ptr_array_unref (self->tasks);
  g_ptr_array_unref (self->groups);
  g_free (self);
}

static const VmpAzmanMember *
find_member (const Check *check, GPtrArray *members)
{
  for (guint i = 0; i < members->len; i++)
    {
      const VmpAzmanMember *member = members->pdata[i];

      if (member->name == NULL)
        continue;
      if (member->is_group ? g_strv_contains (check->subject->groups, member->name)
                           : strcmp (check->subject->user, member->name) == 0)
        return member;
    }
  return NULL;
}

static gboolean is_in_group (const Check *check, const VmpAzmanGroup *group);

static const VmpAzmanGroup *
find_group (const Check *check, GPtrArray *groups)
{
  for (guint i = 0; i < groups->len; i++)
    if (is_in_group (check, groups->pdata[i]))
      return groups->pdata[i];
  return NULL;
}

static gboolean
is_in_group (const Check *check, const VmpAzmanGroup *group)
{
  gpointer known;
  gboolean is_in;

  if (g_hash_table_lookup_extended (check->known, group, NULL, &known))
    return GPOINTER_TO_INT (known);
  is_in = group->unsupported == NULL && find_member (check, group->non_members) == NULL
          && find_group (check, group->non_groups) == NULL
          && (find_member (check, group->members) != NULL
              || find_group (check, group->groups) != NULL);
  g_hash_table_insert (check->known, (gpointer) group, GINT_TO_POINTER (is_in));
  return is_in;
}

/* How the subject has the role: as a member, or through groups. NULL where it has not. */
static const VmpAzmanMember *
find_way_in (const Check *check, GPtrArray *members, GPtrArray *groups, GPtrArray *way)
{
  const VmpAzmanMember *member = find_member (check, members);

  while (member == NULL)
    {
      const VmpAzmanGroup *group = find_group (check, groups);

      if (group == NULL)
        return NULL;
      g_ptr_array_add (way, (gpointer) group);
      member = find_member (check, group->members);
      groups = group->groups;
    }
  return member;
}

static void
find_way_down (GPtrArray *tasks, guint64 operation, GPtrArray *way)
{
  for (guint i = 0; i < tasks->len; i++)
    {
      VmpAzmanTask *task = tasks->pdata[i];

      if ((task->operations & operation) == 0)
        continue;
      g_ptr_array_add (way, task);
      if ((task->own_operations & operation) == 0)
        find_way_down (task->tasks, operation, way);
      return;
    }
}

static void
add_reasons (const Check *check, const VmpAzmanScope *scope, guint64 operation, GPtrArray *reasons)
{
  for (guint i = 0; i < scope->roles->len; i++)
    {
      const VmpAzmanRole *role = scope->roles->pdata[i];
      g_autoptr (GPtrArray) way = g_ptr_array_new ();
      const VmpAzmanMember *member;
      VmpAzmanReason *reason;

      if ((role->operations & operation) == 0)
        continue;
      member = find_way_in (check, role->members, role->groups, way);
      if (member == NULL)
        continue;
      reason = g_new0 (VmpAzmanReason, 1);
      reason->scope = scope;
      reason->role = role;
      reason->member = member;
      reason->groups = g_steal_pointer (&way);
      reason->tasks = g_ptr_array_new ();
      if ((role->own_operations & operation) == 0)
        find_way_down (role->tasks, operation, reason->tasks);
      g_ptr_array_add (reasons, reason);
    }
}

/* Why @subject may do @operation in @scope: VmpAzmanReason, none where it may not. The store's
 * members have been bound. */
GPtrArray *
vmp_azman_check (const VmpAzman *self, const VmpAzmanSubject *subject, const char *operation,
                 const char *scope)
{
  GPtrArray *reasons = g_ptr_array_new_with_free_func ((GDestroyNotify) vmp_azman_reason_free);
  g_autoptr (GHashTable) known = g_hash_table_new (NULL, NULL);
  const Check check = { subject, known };
  const VmpAzmanKnown *row = vmp_azman_find_known (operation);
  const VmpAzmanScope *where = vmp_azman_find_scope (self, scope);
  guint64 set = vmp_azman_find_operation (self, operation);

  if (row == NULL || where == NULL || (where != self->root && !row->scoped))
    return reasons;
  add_reasons (&check, self->root, set, reasons);
  if (where != self->root)
    add_reasons (&check, where, set, reasons);
  return reasons;
}
