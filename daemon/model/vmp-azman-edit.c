/* Changes of an authorization store, made in its document: comments, and what vmport has no use for,
 * stay. Whoever makes one reads the result again before it counts. */
#include "config.h"

#include "vmp-azman-edit.h"

#include <glib/gi18n-lib.h>
#include <string.h>

#include "vmp-error.h"
#include "vmp-name.h"
#include "vmp-xml.h"

#define MAX_DEPTH 16
/* A group of the store among members. */
#define STORE_GROUP_PREFIX "appgroup:"

struct _VmpAzmanEdit
{
  VmpAzman *store;
  xmlDoc *doc;
};

void
vmp_azman_edit_free (VmpAzmanEdit *self)
{
  g_clear_pointer (&self->store, vmp_azman_free);
  g_clear_pointer (&self->doc, xmlFreeDoc);
  g_free (self);
}

/* NULL where the store cannot be used. */
VmpAzmanEdit *
vmp_azman_edit_new (GBytes *store, const char *what, GError **error)
{
  g_autoptr (VmpAzmanEdit) self = g_new0 (VmpAzmanEdit, 1);
  gsize size;
  const char *text = g_bytes_get_data (store, &size);

  self->store = vmp_azman_parse (store, VMP_AZMAN_APPLICATION, what, error);
  if (self->store == NULL)
    return NULL;
  self->doc = vmp_xml_parse (text, size, VMP_AZMAN_MAX_BYTES, MAX_DEPTH, what, error);
  return self->doc != NULL ? g_steal_pointer (&self) : NULL;
}

/* Blanks between elements go, so that the document is indented as a whole when it is written. */
static void
drop_blanks (xmlNode *node)
{
  xmlNode *child = node->children;

  while (child != NULL)
    {
      xmlNode *next = child->next;

      if (child->type == XML_ELEMENT_NODE)
        drop_blanks (child);
      else if (xmlIsBlankNode (child) && xmlChildElementCount (node) > 0)
        {
          xmlUnlinkNode (child);
          xmlFreeNode (child);
        }
      child = next;
    }
}

GBytes *
vmp_azman_edit_write (VmpAzmanEdit *self)
{
  char *text;

  drop_blanks (xmlDocGetRootElement (self->doc));
  text = vmp_xml_write (self->doc, TRUE);
  return g_bytes_new_take (text, strlen (text));
}

/* GUIDs stand once in a store. */
static xmlNode *
find_guid (xmlNode *node, const char *guid)
{
  for (xmlNode *child = xmlFirstElementChild (node); child != NULL;
       child = xmlNextElementSibling (child))
    {
      xmlChar *value = xmlGetNoNsProp (child, BAD_CAST "Guid");
      gboolean found = value != NULL && g_ascii_strcasecmp ((const char *) value, guid) == 0;
      xmlNode *inner;

      xmlFree (value);
      if (found)
        return child;
      inner = find_guid (child, guid);
      if (inner != NULL)
        return inner;
    }
  return NULL;
}

static xmlNode *
get_node (VmpAzmanEdit *self, const char *guid)
{
  return find_guid (xmlDocGetRootElement (self->doc), guid);
}

static xmlNode *
add_element (xmlNode *parent, const char *element, const char *name, const char *description)
{
  xmlNode *node = xmlNewChild (parent, NULL, BAD_CAST element, NULL);
  g_autofree char *guid = g_uuid_string_random ();

  xmlNewProp (node, BAD_CAST "Guid", BAD_CAST guid);
  xmlNewProp (node, BAD_CAST "Name", BAD_CAST name);
  xmlNewProp (node, BAD_CAST "Description", BAD_CAST (description != NULL ? description : ""));
  return node;
}

static VmpAzmanScope *
find_scope (VmpAzmanEdit *self, const char *name, GError **error)
{
  VmpAzmanScope *scope = vmp_azman_find_scope (self->store, name);

  if (scope == NULL)
    vmp_error_set (error, VMPORT_ERROR_NOT_FOUND,
                   _ ("There is no scope “%s” in the store; “vmportctl scope list” lists them"),
                   name);
  return scope;
}

static VmpAzmanTask *
find_role (VmpAzmanEdit *self, VmpAzmanScope *scope, const char *name, GError **error)
{
  VmpAzmanTask *role = vmp_azman_find_role (self->store, scope, name);

  if (role == NULL)
    vmp_error_set (error, VMPORT_ERROR_NOT_FOUND,
                   _ ("There is no role “%s”; “vmportctl scope role list” lists them"), name);
  return role;
}

gboolean
vmp_azman_edit_add_scope (VmpAzmanEdit *self, const char *name, const char *description,
                          GError **error)
{
  if (!vmp_name_is_scope (name))
    return vmp_error_set (error, VMPORT_ERROR_INVALID_PARAMETER,
                          _ ("“%s” is no name that a security scope could have"), name);
  if (vmp_azman_find_scope (self->store, name) != NULL)
    return vmp_error_set (error, VMPORT_ERROR_EXISTS, _ ("There is a scope “%s” already"), name);
  add_element (get_node (self, self->store->root->guid), "AzScope", name, description);
  return TRUE;
}

static void
remove_node (xmlNode *node)
{
  xmlUnlinkNode (node);
  xmlFreeNode (node);
}

gboolean
vmp_azman_edit_remove_scope (VmpAzmanEdit *self, const char *name, GError **error)
{
  VmpAzmanScope *scope;

  if (name[0] == '\0')
    return vmp_error_set (error, VMPORT_ERROR_INVALID_PARAMETER,
                          _ ("The default scope cannot be deleted"));
  scope = find_scope (self, name, error);
  if (scope == NULL)
    return FALSE;
  remove_node (get_node (self, scope->guid));
  return TRUE;
}

/* The operation's GUID. One that vmport knows and the store has not got yet is added to it. */
static char *
ensure_operation (VmpAzmanEdit *self, const char *name, GError **error)
{
  const VmpAzmanKnown *known = vmp_azman_find_known (name);
  g_autofree char *id = NULL;
  xmlNode *node;

  if (known == NULL)
    {
      vmp_error_set (error, VMPORT_ERROR_INVALID_PARAMETER,
                     _ ("“%s” is no operation: these are view, export, import, import-in-place, "
                        "import-unsafe, set-scope, delete and manage-jobs"),
                     name);
      return NULL;
    }
  for (guint i = 0; i < self->store->operations->len; i++)
    {
      VmpAzmanOperation *operation = self->store->operations->pdata[i];

      if (strcmp (operation->name, name) == 0)
        return g_strdup (operation->guid);
    }
  node = add_element (get_node (self, self->store->root->guid), "AzOperation", name, NULL);
  id = g_strdup_printf ("%u", known->id);
  xmlSetProp (node, BAD_CAST "Guid", BAD_CAST known->guid);
  xmlNewTextChild (node, NULL, BAD_CAST "OperationID", BAD_CAST id);
  return g_strdup (known->guid);
}

static gboolean
has_task (VmpAzmanScope *scope, const char *name)
{
  for (guint i = 0; i < scope->tasks->len; i++)
    if (strcmp (((VmpAzmanTask *) scope->tasks->pdata[i])->name, name) == 0)
      return TRUE;
  return FALSE;
}

/* A role definition of @scope alone, or of the application where that is "". */
gboolean
vmp_azman_edit_add_role (VmpAzmanEdit *self, const char *scope_name, const char *name,
                         const char *const *operations, GError **error)
{
  VmpAzmanScope *scope = find_scope (self, scope_name, error);
  g_autoptr (GHashTable) seen = g_hash_table_new (g_str_hash, g_str_equal);
  xmlNode *node;

  if (scope == NULL)
    return FALSE;
  if (!vmp_name_is_scope (name))
    return vmp_error_set (error, VMPORT_ERROR_INVALID_PARAMETER,
                          _ ("“%s” is no name that a role could have"), name);
  if (has_task (scope, name))
    return vmp_error_set (error, VMPORT_ERROR_EXISTS, _ ("There is a role “%s” already"), name);
  node = add_element (get_node (self, scope->guid), "AzTask", name, NULL);
  xmlNewProp (node, BAD_CAST "BizRuleImportedPath", BAD_CAST "");
  xmlNewProp (node, BAD_CAST "RoleDefinition", BAD_CAST "True");
  for (gsize i = 0; operations[i] != NULL; i++)
    {
      g_autofree char *guid = ensure_operation (self, operations[i], error);

      if (guid == NULL)
        return FALSE;
      if (g_hash_table_add (seen, (gpointer) operations[i]))
        xmlNewTextChild (node, NULL, BAD_CAST "OperationLink", BAD_CAST guid);
    }
  return TRUE;
}

static gboolean
links_to (GPtrArray *tasks, const VmpAzmanTask *task)
{
  return g_ptr_array_find (tasks, task, NULL);
}

/* The name of what links to @task in @scope, or NULL. */
static const char *
find_user_in (const VmpAzmanScope *scope, const VmpAzmanTask *task)
{
  for (guint i = 0; i < scope->roles->len; i++)
    if (links_to (((VmpAzmanRole *) scope->roles->pdata[i])->tasks, task))
      return ((VmpAzmanRole *) scope->roles->pdata[i])->name;
  for (guint i = 0; i < scope->tasks->len; i++)
    if (links_to (((VmpAzmanTask *) scope->tasks->pdata[i])->tasks, task))
      return ((VmpAzmanTask *) scope->tasks->pdata[i])->name;
  return NULL;
}

gboolean
vmp_azman_edit_remove_role (VmpAzmanEdit *self, const char *scope_name, const char *name,
                            GError **error)
{
  VmpAzmanScope *scope = find_scope (self, scope_name, error);
  VmpAzmanTask *role = scope != NULL ? find_role (self, scope, name, error) : NULL;

  if (role == NULL)
    return FALSE;
  if (role->home != scope)
    return vmp_error_set (error, VMPORT_ERROR_NOT_FOUND,
                          _ ("The role “%s” is the application's, not the scope's"), name);
  for (guint i = 0; i <= self->store->scopes->len; i++)
    {
      const VmpAzmanScope *at
          = i > 0 ? self->store->scopes->pdata[i - 1] : self->store->root;
      const char *user = find_user_in (at, role);

      if (user != NULL && at->name[0] != '\0')
        return vmp_error_set (error, VMPORT_ERROR_IN_USE,
                              _ ("The role “%s” is used by “%s” in the scope “%s”"), name, user,
                              at->name);
      if (user != NULL)
        return vmp_error_set (error, VMPORT_ERROR_IN_USE, _ ("The role “%s” is used by “%s”"), name,
                              user);
    }
  remove_node (get_node (self, role->guid));
  return TRUE;
}

/* The group of that name which @scope sees: its own, the application's, the whole store's. */
static VmpAzmanGroup *
find_group (VmpAzmanEdit *self, VmpAzmanScope *scope, const char *name, GError **error)
{
  GPtrArray *const places[] = { scope->groups, self->store->root->groups,
                                self->store->shared_groups };

  for (gsize i = 0; i < G_N_ELEMENTS (places); i++)
    for (guint n = 0; n < places[i]->len; n++)
      {
        VmpAzmanGroup *group = places[i]->pdata[n];

        if (strcmp (group->name, name) == 0)
          return group;
      }
  vmp_error_set (error, VMPORT_ERROR_NOT_FOUND,
                 _ ("There is no group “%s” in the store; “vmportctl scope group list” lists them"),
                 name);
  return NULL;
}

/* The element of a member, or with @excluded of one who is left out, and its text. */
static char *
read_member (VmpAzmanEdit *self, VmpAzmanScope *scope, const char *text, gboolean excluded,
             const char **element, GError **error)
{
  g_autoptr (VmpAzmanMember) member = NULL;
  VmpAzmanGroup *group;

  if (!g_str_has_prefix (text, STORE_GROUP_PREFIX))
    {
      *element = excluded ? "NonMember" : "Member";
      member = vmp_azman_member_new (text, error);
      return member != NULL ? g_strdup (text) : NULL;
    }
  *element = excluded ? "AppNonMemberLink" : "AppMemberLink";
  group = find_group (self, scope, text + strlen (STORE_GROUP_PREFIX), error);
  return group != NULL ? g_strdup (group->guid) : NULL;
}

static xmlNode *
find_child (xmlNode *node, const char *element, const char *text)
{
  for (xmlNode *child = xmlFirstElementChild (node); child != NULL;
       child = xmlNextElementSibling (child))
    {
      xmlChar *content = xmlNodeGetContent (child);
      g_autofree char *stripped = g_strstrip (g_strdup ((const char *) content));

      xmlFree (content);
      if (strcmp ((const char *) child->name, element) == 0
          && (strcmp (stripped, text) == 0
              || (g_uuid_string_is_valid (text) && g_ascii_strcasecmp (stripped, text) == 0)))
        return child;
    }
  return NULL;
}

/* Those who are there stay as they are. */
static gboolean
add_members (VmpAzmanEdit *self, xmlNode *node, VmpAzmanScope *scope, const char *const *members,
             gboolean excluded, GError **error)
{
  for (gsize i = 0; members[i] != NULL; i++)
    {
      const char *element;
      g_autofree char *text = read_member (self, scope, members[i], excluded, &element, error);

      if (text == NULL)
        return FALSE;
      if (find_child (node, element, text) == NULL)
        xmlNewTextChild (node, NULL, BAD_CAST element, BAD_CAST text);
    }
  return TRUE;
}

/* The assignment of @task alone in @scope. */
static VmpAzmanRole *
find_assignment (VmpAzmanScope *scope, const VmpAzmanTask *task)
{
  for (guint i = 0; i < scope->roles->len; i++)
    {
      VmpAzmanRole *role = scope->roles->pdata[i];

      if (role->own_operations == 0 && role->tasks->len == 1 && role->tasks->pdata[0] == task)
        return role;
    }
  return NULL;
}

static xmlNode *
add_assignment (VmpAzmanEdit *self, VmpAzmanScope *scope, const VmpAzmanTask *task, GError **error)
{
  xmlNode *node;

  for (guint i = 0; i < scope->roles->len; i++)
    if (strcmp (((VmpAzmanRole *) scope->roles->pdata[i])->name, task->name) == 0)
      {
        vmp_error_set (error, VMPORT_ERROR_EXISTS,
                       _ ("There is an AzRole “%s” that stands for something else; change the store "
                          "by hand"),
                       task->name);
        return NULL;
      }
  node = add_element (get_node (self, scope->guid), "AzRole", task->name, NULL);
  xmlNewTextChild (node, NULL, BAD_CAST "TaskLink", BAD_CAST task->guid);
  return node;
}

/* Gives @members a role in a scope, or with "" in every one. Those who have it stay as they are. */
gboolean
vmp_azman_edit_assign (VmpAzmanEdit *self, const char *scope_name, const char *role_name,
                       const char *const *members, GError **error)
{
  VmpAzmanScope *scope = find_scope (self, scope_name, error);
  VmpAzmanTask *task = scope != NULL ? find_role (self, scope, role_name, error) : NULL;
  VmpAzmanRole *role;
  xmlNode *node;

  if (task == NULL)
    return FALSE;
  role = find_assignment (scope, task);
  node = role != NULL ? get_node (self, role->guid) : add_assignment (self, scope, task, error);
  return node != NULL && add_members (self, node, scope, members, FALSE, error);
}

static gboolean
has_member (xmlNode *node)
{
  for (xmlNode *child = xmlFirstElementChild (node); child != NULL;
       child = xmlNextElementSibling (child))
    if (strcmp ((const char *) child->name, "Member") == 0
        || strcmp ((const char *) child->name, "AppMemberLink") == 0)
      return TRUE;
  return FALSE;
}

/* Takes a role from @members, or from all where there are none. An assignment to nobody goes. */
gboolean
vmp_azman_edit_unassign (VmpAzmanEdit *self, const char *scope_name, const char *role_name,
                         const char *const *members, GError **error)
{
  VmpAzmanScope *scope = find_scope (self, scope_name, error);
  VmpAzmanTask *task = scope != NULL ? find_role (self, scope, role_name, error) : NULL;
  VmpAzmanRole *role = task != NULL ? find_assignment (scope, task) : NULL;
  xmlNode *node;

  if (task == NULL)
    return FALSE;
  if (role == NULL)
    return vmp_error_set (error, VMPORT_ERROR_NOT_FOUND, _ ("Nobody has the role “%s” there"),
                          role_name);
  node = get_node (self, role->guid);
  for (gsize i = 0; members[i] != NULL; i++)
    {
      const char *element;
      g_autofree char *text = read_member (self, scope, members[i], FALSE, &element, error);
      xmlNode *child = text != NULL ? find_child (node, element, text) : NULL;

      if (text == NULL)
        return FALSE;
      if (child == NULL)
        return vmp_error_set (error, VMPORT_ERROR_NOT_FOUND,
                              _ ("“%s” has not got the role “%s” there"), members[i], role_name);
      remove_node (child);
    }
  if (members[0] == NULL || !has_member (node))
    remove_node (node);
  return TRUE;
}

/* A group of @scope alone, or of the application where that is "". */
gboolean
vmp_azman_edit_add_group (VmpAzmanEdit *self, const char *scope_name, const char *name,
                          const char *description, const char *const *members, gboolean excluded,
                          GError **error)
{
  VmpAzmanScope *scope = find_scope (self, scope_name, error);
  xmlNode *node;

  if (scope == NULL)
    return FALSE;
  if (!vmp_name_is_scope (name))
    return vmp_error_set (error, VMPORT_ERROR_INVALID_PARAMETER,
                          _ ("“%s” is no name that a group could have"), name);
  for (guint i = 0; i < scope->groups->len; i++)
    if (strcmp (((VmpAzmanGroup *) scope->groups->pdata[i])->name, name) == 0)
      return vmp_error_set (error, VMPORT_ERROR_EXISTS, _ ("There is a group “%s” already"), name);
  node = add_element (get_node (self, scope->guid), "AzApplicationGroup", name, description);
  xmlNewProp (node, BAD_CAST "GroupType", BAD_CAST "Basic");
  return add_members (self, node, scope, members, excluded, error);
}

/* The group that a change is about: one of the scope's own, or without a scope one of the
 * application's or the whole store's. @at gets the scope that its members are looked up from. */
static VmpAzmanGroup *
find_own_group (VmpAzmanEdit *self, const char *scope_name, const char *name, VmpAzmanScope **at,
                GError **error)
{
  VmpAzmanScope *scope = find_scope (self, scope_name, error);
  VmpAzmanGroup *group = scope != NULL ? find_group (self, scope, name, error) : NULL;

  if (group == NULL)
    return NULL;
  if (scope != self->store->root && group->home != scope)
    {
      vmp_error_set (error, VMPORT_ERROR_NOT_FOUND,
                     _ ("The group “%s” is the application's, not the scope's"), name);
      return NULL;
    }
  *at = scope;
  return group;
}

static gboolean
check_has_members (const VmpAzmanGroup *group, GError **error)
{
  if (strcmp (group->type, "Basic") == 0)
    return TRUE;
  return vmp_error_set (error, VMPORT_ERROR_INVALID_PARAMETER,
                        _ ("The group “%s” has no members: %s"), group->name, group->unsupported);
}

/* @excluded: they are to be left out, whatever else would make them members. */
gboolean
vmp_azman_edit_add_members (VmpAzmanEdit *self, const char *scope_name, const char *name,
                            const char *const *members, gboolean excluded, GError **error)
{
  VmpAzmanScope *scope;
  VmpAzmanGroup *group = find_own_group (self, scope_name, name, &scope, error);

  return group != NULL && check_has_members (group, error)
         && add_members (self, get_node (self, group->guid), scope, members, excluded, error);
}

gboolean
vmp_azman_edit_remove_members (VmpAzmanEdit *self, const char *scope_name, const char *name,
                               const char *const *members, gboolean excluded, GError **error)
{
  VmpAzmanScope *scope;
  VmpAzmanGroup *group = find_own_group (self, scope_name, name, &scope, error);

  for (gsize i = 0; group != NULL && members[i] != NULL; i++)
    {
      const char *element;
      g_autofree char *text = read_member (self, scope, members[i], excluded, &element, error);
      xmlNode *child
          = text != NULL ? find_child (get_node (self, group->guid), element, text) : NULL;

      if (text == NULL)
        return FALSE;
      if (child == NULL)
        return vmp_error_set (error, VMPORT_ERROR_NOT_FOUND,
                              excluded ? _ ("The group “%s” does not leave out “%s”")
                                       : _ ("The group “%s” has no member “%s”"),
                              name, members[i]);
      remove_node (child);
    }
  return group != NULL;
}

/* The name of what links to @group in @groups or @roles, or NULL. */
static const char *
find_linking (GPtrArray *groups, GPtrArray *roles, gpointer group)
{
  for (guint i = 0; roles != NULL && i < roles->len; i++)
    if (g_ptr_array_find (((VmpAzmanRole *) roles->pdata[i])->groups, group, NULL))
      return ((VmpAzmanRole *) roles->pdata[i])->name;
  for (guint i = 0; i < groups->len; i++)
    {
      VmpAzmanGroup *other = groups->pdata[i];

      if (g_ptr_array_find (other->groups, group, NULL)
          || g_ptr_array_find (other->non_groups, group, NULL))
        return other->name;
    }
  return NULL;
}

gboolean
vmp_azman_edit_remove_group (VmpAzmanEdit *self, const char *scope_name, const char *name,
                             GError **error)
{
  VmpAzmanScope *scope;
  VmpAzmanGroup *group = find_own_group (self, scope_name, name, &scope, error);
  const char *user;

  if (group == NULL)
    return FALSE;
  user = find_linking (self->store->shared_groups, NULL, group);
  for (guint i = 0; user == NULL && i <= self->store->scopes->len; i++)
    {
      const VmpAzmanScope *at
          = i > 0 ? self->store->scopes->pdata[i - 1] : self->store->root;

      user = find_linking (at->groups, at->roles, group);
      if (user != NULL && at->name[0] != '\0')
        return vmp_error_set (error, VMPORT_ERROR_IN_USE,
                              _ ("The group “%s” is used by “%s” in the scope “%s”"), name, user,
                              at->name);
    }
  if (user != NULL)
    return vmp_error_set (error, VMPORT_ERROR_IN_USE, _ ("The group “%s” is used by “%s”"), name,
                          user);
  remove_node (get_node (self, group->guid));
  return TRUE;
}
