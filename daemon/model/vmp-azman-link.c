/* The links of an authorization store: each leads to what may be linked to from there, and none
 * leads back to where it started. */
#include "config.h"

#include <glib/gi18n-lib.h>
#include <string.h>

#include "vmp-azman-private.h"
#include "vmp-name.h"

/* A scope sees its own and the application's, an application its own; groups of the whole store
 * are seen by all, and see each other alone. */
static gboolean
is_visible (const VmpAzmanReading *self, VmpAzmanScope *from, VmpAzmanScope *home)
{
  return home == from || home == NULL || (from != NULL && home == self->store->root);
}

static gboolean
follow (VmpAzmanReading *self, VmpAzmanLink *link, GError **error)
{
  VmpAzmanTarget *target = g_hash_table_lookup (self->targets, link->guid);

  if (link->kind == VMP_AZMAN_LINK_OPERATION && target != NULL && target->operation != NULL)
    {
      *link->operations |= target->operation_bit;
      return TRUE;
    }
  if (link->kind == VMP_AZMAN_LINK_TASK && target != NULL && target->task != NULL
      && is_visible (self, link->home, target->task->home))
    {
      g_ptr_array_add (link->list, target->task);
      return TRUE;
    }
  if (link->kind == VMP_AZMAN_LINK_GROUP && target != NULL && target->group != NULL
      && is_visible (self, link->home, target->group->home))
    {
      g_ptr_array_add (link->list, target->group);
      return TRUE;
    }
  return vmp_azman_error (self, link->line, link->element, link->name, error,
                          link->kind == VMP_AZMAN_LINK_OPERATION
                              ? _ ("its link to %s leads to no operation of the application")
                          : link->kind == VMP_AZMAN_LINK_TASK
                              ? _ ("its link to %s leads to no task that it can see")
                              : _ ("its link to %s leads to no group that it can see"),
                          link->guid);
}

static guint measure_group (VmpAzmanReading *self, VmpAzmanGroup *group, guint depth,
                            GError **error);

/* Heights are known once: a group is looked at a single time, however many link to it. One that is
 * met again before its height is known links to itself. */
static gboolean
measure_groups (VmpAzmanReading *self, GPtrArray *groups, guint depth, guint *height,
                GError **error)
{
  for (guint i = 0; i < groups->len; i++)
    {
      guint below = measure_group (self, groups->pdata[i], depth + 1, error);

      if (below == 0)
        return FALSE;
      *height = MAX (*height, below + 1);
    }
  return TRUE;
}

#define BEING_MEASURED G_MAXUINT

/* 0 where it fails. */
static guint
measure_group (VmpAzmanReading *self, VmpAzmanGroup *group, guint depth, GError **error)
{
  guint height = 1;

  if (group->height == BEING_MEASURED)
    {
      vmp_azman_error (self, group->line, "AzApplicationGroup", group->name, error,
                       _ ("by its links it is in itself"));
      return 0;
    }
  if (group->height != 0)
    return group->height;
  group->height = BEING_MEASURED;
  if (depth <= VMP_AZMAN_MAX_HEIGHT
      && (!measure_groups (self, group->groups, depth, &height, error)
          || !measure_groups (self, group->non_groups, depth, &height, error)))
    return 0;
  if (MAX (depth, height) > VMP_AZMAN_MAX_HEIGHT)
    {
      vmp_azman_error (self, group->line, "AzApplicationGroup", group->name, error,
                       _ ("groups are nested more than %d deep"), VMP_AZMAN_MAX_HEIGHT);
      return 0;
    }
  group->height = height;
  return height;
}

static gboolean
too_deep (VmpAzmanReading *self, VmpAzmanTask *task, GError **error)
{
  return vmp_azman_error (self, task->line, "AzTask", task->name, error,
                          _ ("tasks are nested more than %d deep"), VMP_AZMAN_MAX_HEIGHT);
}

static gboolean
measure_task (VmpAzmanReading *self, VmpAzmanTask *task, guint depth, GError **error)
{
  guint64 operations = task->own_operations;
  guint height = 1;

  if (task->height == BEING_MEASURED)
    return vmp_azman_error (self, task->line, "AzTask", task->name, error,
                            _ ("by its links it is in itself"));
  if (task->height != 0)
    return TRUE;
  task->height = BEING_MEASURED;
  if (depth > VMP_AZMAN_MAX_HEIGHT)
    return too_deep (self, task, error);
  for (guint i = 0; i < task->tasks->len; i++)
    {
      VmpAzmanTask *inner = task->tasks->pdata[i];

      if (!measure_task (self, inner, depth + 1, error))
        return FALSE;
      operations |= inner->operations;
      height = MAX (height, inner->height + 1);
    }
  if (height > VMP_AZMAN_MAX_HEIGHT)
    return too_deep (self, task, error);
  task->height = height;
  /* The rule would be asked about all that the task holds. */
  task->operations = task->has_rule ? 0 : operations;
  return TRUE;
}

static gboolean
has_foreign (GPtrArray *members)
{
  for (guint i = 0; i < members->len; i++)
    if (((VmpAzmanMember *) members->pdata[i])->kind == VMP_AZMAN_FOREIGN)
      return TRUE;
  return FALSE;
}

static gint
compare_heights (gconstpointer a, gconstpointer b)
{
  const VmpAzmanGroup *first = *(VmpAzmanGroup *const *) a, *second = *(VmpAzmanGroup *const *) b;

  return (first->height > second->height) - (first->height < second->height);
}

static VmpAzmanGroup *
find_partial (GPtrArray *groups)
{
  for (guint i = 0; i < groups->len; i++)
    if (((VmpAzmanGroup *) groups->pdata[i])->partial)
      return groups->pdata[i];
  return NULL;
}

/* A group that leaves people out who cannot be told would grant to them: it grants nothing. */
static void
settle_group (VmpAzman *store, VmpAzmanGroup *group)
{
  VmpAzmanGroup *excluded = find_partial (group->non_groups);

  if (group->unsupported == NULL && has_foreign (group->non_members))
    group->unsupported
        = g_strdup (_ ("it leaves out a SID that stands for nobody of this host"));
  if (group->unsupported == NULL && excluded != NULL)
    {
      g_autofree char *name = vmp_name_clean (excluded->name, 100);

      group->unsupported = g_strdup_printf (
          _ ("it leaves out the group “%s”, of which not all members are known"), name);
    }
  group->partial = group->unsupported != NULL || has_foreign (group->members)
                   || find_partial (group->groups) != NULL;
  if (group->unsupported != NULL)
    vmp_azman_note (store, _ ("AzApplicationGroup “%s” grants nothing: %s"), group->name,
                    group->unsupported);
}

static void
note_foreign (VmpAzman *store, const char *element, const char *name, GPtrArray *members)
{
  for (guint i = 0; i < members->len; i++)
    {
      VmpAzmanMember *member = members->pdata[i];

      if (member->kind == VMP_AZMAN_FOREIGN)
        vmp_azman_note (store, _ ("%s “%s”: %s stands for nobody of this host"), element, name,
                        member->text);
    }
}

static gboolean
settle_groups (VmpAzmanReading *self, GError **error)
{
  g_autoptr (GPtrArray) all = g_ptr_array_new ();

  g_ptr_array_extend (all, self->store->shared_groups, NULL, NULL);
  g_ptr_array_extend (all, self->store->root->groups, NULL, NULL);
  for (guint i = 0; i < self->store->scopes->len; i++)
    g_ptr_array_extend (all, ((VmpAzmanScope *) self->store->scopes->pdata[i])->groups, NULL,
                        NULL);
  for (guint i = 0; i < all->len; i++)
    if (measure_group (self, all->pdata[i], 1, error) == 0)
      return FALSE;
  /* What a group links to is lower than itself. */
  g_ptr_array_sort (all, compare_heights);
  for (guint i = 0; i < all->len; i++)
    {
      VmpAzmanGroup *group = all->pdata[i];

      settle_group (self->store, group);
      note_foreign (self->store, "AzApplicationGroup", group->name, group->members);
    }
  return TRUE;
}

static gboolean
settle_scope (VmpAzmanReading *self, VmpAzmanScope *scope, GError **error)
{
  for (guint i = 0; i < scope->tasks->len; i++)
    if (!measure_task (self, scope->tasks->pdata[i], 1, error))
      return FALSE;
  for (guint i = 0; i < scope->roles->len; i++)
    {
      VmpAzmanRole *role = scope->roles->pdata[i];

      role->operations = role->own_operations;
      for (guint t = 0; t < role->tasks->len; t++)
        role->operations |= ((VmpAzmanTask *) role->tasks->pdata[t])->operations;
      note_foreign (self->store, "AzRole", role->name, role->members);
    }
  return TRUE;
}

/* Follows all links, and works out what each role grants. */
gboolean
vmp_azman_link (VmpAzmanReading *self, GError **error)
{
  for (guint i = 0; i < self->links->len; i++)
    if (!follow (self, self->links->pdata[i], error))
      return FALSE;
  if (!settle_groups (self, error) || !settle_scope (self, self->store->root, error))
    return FALSE;
  for (guint i = 0; i < self->store->scopes->len; i++)
    if (!settle_scope (self, self->store->scopes->pdata[i], error))
      return FALSE;
  return TRUE;
}
