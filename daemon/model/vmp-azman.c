/* An authorization store: read from XML in whatever order it comes, link by link checked. */
#include "config.h"

#include <glib/gi18n-lib.h>
#include <string.h>

#include "vmp-azman-private.h"
#include "vmp-error.h"
#include "vmp-name.h"
#include "vmp-xml.h"

/* AzAdminManager, AzApplication, AzScope, AzTask, TaskLink; some to spare. */
#define MAX_DEPTH 16
/* In messages. */
#define MAX_NAME_CHARS 100

static void
operation_free (VmpAzmanOperation *self)
{
  g_free (self->guid);
  g_free (self->name);
  g_free (self);
}

static void
group_free (VmpAzmanGroup *self)
{
  g_free (self->guid);
  g_free (self->name);
  g_free (self->unsupported);
  g_ptr_array_unref (self->members);
  g_ptr_array_unref (self->non_members);
  g_ptr_array_unref (self->groups);
  g_ptr_array_unref (self->non_groups);
  g_free (self);
}

static void
task_free (VmpAzmanTask *self)
{
  g_free (self->guid);
  g_free (self->name);
  g_ptr_array_unref (self->tasks);
  g_free (self);
}

static void
role_free (VmpAzmanRole *self)
{
  g_free (self->guid);
  g_free (self->name);
  g_ptr_array_unref (self->tasks);
  g_ptr_array_unref (self->members);
  g_ptr_array_unref (self->groups);
  g_free (self);
}

static void
scope_free (VmpAzmanScope *self)
{
  g_free (self->guid);
  g_free (self->name);
  g_free (self->description);
  g_ptr_array_unref (self->groups);
  g_ptr_array_unref (self->tasks);
  g_ptr_array_unref (self->roles);
  g_free (self);
}

static VmpAzmanScope *
scope_new (void)
{
  VmpAzmanScope *self = g_new0 (VmpAzmanScope, 1);

  self->groups = g_ptr_array_new_with_free_func ((GDestroyNotify) group_free);
  self->tasks = g_ptr_array_new_with_free_func ((GDestroyNotify) task_free);
  self->roles = g_ptr_array_new_with_free_func ((GDestroyNotify) role_free);
  return self;
}

void
vmp_azman_free (VmpAzman *self)
{
  g_free (self->name);
  g_free (self->digest);
  g_ptr_array_unref (self->operations);
  scope_free (self->root);
  g_ptr_array_unref (self->scopes);
  g_ptr_array_unref (self->shared_groups);
  g_ptr_array_unref (self->notes);
  g_free (self);
}

static VmpAzman *
azman_new (const char *application, GBytes *store)
{
  VmpAzman *self = g_new0 (VmpAzman, 1);

  self->name = g_strdup (application);
  self->digest = g_compute_checksum_for_bytes (G_CHECKSUM_SHA256, store);
  self->operations = g_ptr_array_new_with_free_func ((GDestroyNotify) operation_free);
  self->root = scope_new ();
  self->root->name = g_strdup ("");
  self->scopes = g_ptr_array_new_with_free_func ((GDestroyNotify) scope_free);
  self->shared_groups = g_ptr_array_new_with_free_func ((GDestroyNotify) group_free);
  self->notes = g_ptr_array_new_with_free_func (g_free);
  return self;
}

static void
link_free (VmpAzmanLink *self)
{
  g_free (self->guid);
  g_free (self);
}

static void
reading_clear (VmpAzmanReading *self)
{
  g_hash_table_unref (self->targets);
  g_ptr_array_unref (self->links);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (VmpAzmanReading, reading_clear)

/* Always returns FALSE. */
gboolean
vmp_azman_error (const VmpAzmanReading *self, long line, const char *element, const char *name,
                 GError **error, const char *format, ...)
{
  g_autofree char *problem = NULL;
  g_autofree char *clean = vmp_name_clean (name != NULL ? name : "", MAX_NAME_CHARS);
  va_list args;

  va_start (args, format);
  problem = g_strdup_vprintf (format, args);
  va_end (args);
  if (line <= 0)
    return vmp_error_set (error, VMPORT_ERROR_CORRUPT, _ ("%s: %s “%s”: %s"), self->what, element,
                          clean, problem);
  return vmp_error_set (error, VMPORT_ERROR_CORRUPT, _ ("%s, line %ld: %s “%s”: %s"), self->what,
                        line, element, clean, problem);
}

void
vmp_azman_note (VmpAzman *self, const char *format, ...)
{
  g_autofree char *note = NULL;
  va_list args;

  va_start (args, format);
  note = g_strdup_vprintf (format, args);
  va_end (args);
  g_ptr_array_add (self->notes, vmp_name_clean (note, VMP_MESSAGE_MAX_CHARS));
}

/* Elements. */

static char *
get_attribute (xmlNode *xml, const char *name)
{
  xmlChar *value = xmlGetNoNsProp (xml, BAD_CAST name);
  char *copy = g_strdup ((const char *) value);

  xmlFree (value);
  return copy;
}

static char *
get_text (xmlNode *xml)
{
  xmlChar *value = xmlNodeGetContent (xml);
  char *copy = g_strstrip (g_strdup (value != NULL ? (const char *) value : ""));

  xmlFree (value);
  return copy;
}

static gboolean
is_named (xmlNode *xml, const char *name)
{
  return strcmp ((const char *) xml->name, name) == 0;
}

/* The elements in @xml, or NULL: besides them there are only blanks and comments. */
static GPtrArray *
list_elements (VmpAzmanReading *self, xmlNode *xml, GError **error)
{
  g_autoptr (GPtrArray) elements = g_ptr_array_new ();

  for (xmlNode *at = xml->children; at != NULL; at = at->next)
    {
      if (at->type == XML_COMMENT_NODE || at->type == XML_PI_NODE || xmlIsBlankNode (at))
        continue;
      if (at->type != XML_ELEMENT_NODE || at->ns != NULL)
        {
          vmp_azman_error (self, xmlGetLineNo (at), (const char *) xml->name, "", error,
                           _ ("there is something in it that is no element of AzMan's"));
          return NULL;
        }
      g_ptr_array_add (elements, at);
    }
  return g_steal_pointer (&elements);
}

static gboolean
has_children (xmlNode *xml)
{
  for (xmlNode *child = xml->children; child != NULL; child = child->next)
    if (child->type == XML_ELEMENT_NODE)
      return TRUE;
  return FALSE;
}

static gboolean
refuse_element (VmpAzmanReading *self, xmlNode *xml, GError **error)
{
  g_autofree char *name = get_attribute (xml, "Name");

  return vmp_azman_error (self, xmlGetLineNo (xml), (const char *) xml->name, name, error,
                          _ ("no such element is known in %s"), (const char *) xml->parent->name);
}

/* Reads Guid and Name, and enters the GUID. @target is taken; NULL for what nothing links to. */
static gboolean
read_identity (VmpAzmanReading *self, xmlNode *xml, char **guid, char **name,
               VmpAzmanTarget *target, GError **error)
{
  g_autofree VmpAzmanTarget *owned = target;
  const char *element = (const char *) xml->name;
  g_autofree char *value = get_attribute (xml, "Guid");

  *name = get_attribute (xml, "Name");
  if (*name == NULL || **name == '\0')
    return vmp_azman_error (self, xmlGetLineNo (xml), element, value, error, _ ("it has no Name"));
  if (value == NULL || !g_uuid_string_is_valid (value))
    return vmp_azman_error (self, xmlGetLineNo (xml), element, *name, error,
                            _ ("its Guid is missing, or no GUID"));
  *guid = g_ascii_strdown (value, -1);
  if (g_hash_table_contains (self->targets, *guid))
    return vmp_azman_error (self, xmlGetLineNo (xml), element, *name, error,
                            _ ("another element has its Guid too"));
  g_hash_table_insert (self->targets, g_strdup (*guid), g_steal_pointer (&owned));
  return TRUE;
}

static gboolean
add_link (VmpAzmanReading *self, xmlNode *xml, VmpAzmanLinkKind kind, VmpAzmanScope *home,
          const char *name, GPtrArray *list, guint64 *operations, GError **error)
{
  g_autofree char *guid = get_text (xml);
  VmpAzmanLink *link;

  if (has_children (xml) || !g_uuid_string_is_valid (guid))
    return vmp_azman_error (self, xmlGetLineNo (xml), (const char *) xml->parent->name, name, error,
                            _ ("a %s is not a GUID"), (const char *) xml->name);
  link = g_new0 (VmpAzmanLink, 1);
  link->kind = kind;
  link->guid = g_ascii_strdown (guid, -1);
  link->home = home;
  link->element = (const char *) xml->parent->name;
  link->name = name;
  link->line = xmlGetLineNo (xml);
  link->list = list;
  link->operations = operations;
  g_ptr_array_add (self->links, link);
  return TRUE;
}

static gboolean
add_member (VmpAzmanReading *self, xmlNode *xml, const char *name, GPtrArray *members,
            GError **error)
{
  g_autofree char *text = get_text (xml);
  g_autoptr (GError) local_error = NULL;
  VmpAzmanMember *member;

  if (has_children (xml))
    return refuse_element (self, xmlFirstElementChild (xml), error);
  member = vmp_azman_member_new (text, &local_error);
  if (member == NULL)
    return vmp_azman_error (self, xmlGetLineNo (xml), (const char *) xml->parent->name, name, error,
                            "%s", local_error->message);
  g_ptr_array_add (members, member);
  return TRUE;
}

static gboolean
read_operation (VmpAzmanReading *self, xmlNode *xml, GError **error)
{
  VmpAzmanOperation *operation = g_new0 (VmpAzmanOperation, 1);
  VmpAzmanTarget *target = g_new0 (VmpAzmanTarget, 1);
  guint place = self->store->operations->len;
  g_autoptr (GPtrArray) elements = NULL;
  g_autofree char *text = NULL;
  guint64 id;

  target->operation = operation;
  target->operation_bit = place < VMP_AZMAN_MAX_OPERATIONS ? G_GUINT64_CONSTANT (1) << place : 0;
  g_ptr_array_add (self->store->operations, operation);
  if (!read_identity (self, xml, &operation->guid, &operation->name, target, error))
    return FALSE;
  if (place >= VMP_AZMAN_MAX_OPERATIONS)
    return vmp_azman_error (self, xmlGetLineNo (xml), "AzOperation", operation->name, error,
                            _ ("an application has at most %d operations"),
                            VMP_AZMAN_MAX_OPERATIONS);
  elements = list_elements (self, xml, error);
  if (elements == NULL)
    return FALSE;
  for (guint i = 0; i < elements->len; i++)
    if (!is_named (elements->pdata[i], "OperationID"))
      return refuse_element (self, elements->pdata[i], error);
  text = elements->len == 1 ? get_text (elements->pdata[0]) : NULL;
  if (text == NULL || has_children (elements->pdata[0])
      || !g_ascii_string_to_unsigned (text, 10, 0, G_MAXINT32, &id, NULL))
    return vmp_azman_error (self, xmlGetLineNo (xml), "AzOperation", operation->name, error,
                            _ ("it has no single number as its OperationID"));
  operation->id = (guint) id;
  return TRUE;
}

static gboolean
is_true (xmlNode *xml, const char *attribute)
{
  g_autofree char *value = get_attribute (xml, attribute);

  return value != NULL && g_ascii_strcasecmp (value, "true") == 0;
}

static gboolean
read_task (VmpAzmanReading *self, xmlNode *xml, VmpAzmanScope *home, GError **error)
{
  VmpAzmanTask *task = g_new0 (VmpAzmanTask, 1);
  VmpAzmanTarget *target = g_new0 (VmpAzmanTarget, 1);
  g_autoptr (GPtrArray) elements = NULL;

  target->task = task;
  task->home = home;
  task->line = xmlGetLineNo (xml);
  task->tasks = g_ptr_array_new ();
  task->is_role = is_true (xml, "RoleDefinition");
  g_ptr_array_add (home->tasks, task);
  if (!read_identity (self, xml, &task->guid, &task->name, target, error))
    return FALSE;
  elements = list_elements (self, xml, error);
  for (guint i = 0; elements != NULL && i < elements->len; i++)
    {
      xmlNode *at = elements->pdata[i];

      if (is_named (at, "TaskLink"))
        {
          if (!add_link (self, at, VMP_AZMAN_LINK_TASK, home, task->name, task->tasks, NULL, error))
            return FALSE;
        }
      else if (is_named (at, "OperationLink"))
        {
          if (!add_link (self, at, VMP_AZMAN_LINK_OPERATION, home, task->name, NULL,
                         &task->own_operations, error))
            return FALSE;
        }
      else if (is_named (at, "BizRule"))
        {
          g_autofree char *rule = get_text (at);

          task->has_rule = task->has_rule || rule[0] != '\0';
        }
      else if (!is_named (at, "BizRuleLanguage"))
        return refuse_element (self, at, error);
    }
  if (task->has_rule)
    vmp_azman_note (self->store,
                    _ ("AzTask “%s” has a business rule, which is not supported: it grants nothing"),
                    task->name);
  return elements != NULL;
}

static gboolean
read_role (VmpAzmanReading *self, xmlNode *xml, VmpAzmanScope *home, GError **error)
{
  VmpAzmanRole *role = g_new0 (VmpAzmanRole, 1);
  g_autoptr (GPtrArray) elements = NULL;

  role->tasks = g_ptr_array_new ();
  role->groups = g_ptr_array_new ();
  role->members = g_ptr_array_new_with_free_func ((GDestroyNotify) vmp_azman_member_free);
  g_ptr_array_add (home->roles, role);
  if (!read_identity (self, xml, &role->guid, &role->name, NULL, error))
    return FALSE;
  elements = list_elements (self, xml, error);
  for (guint i = 0; elements != NULL && i < elements->len; i++)
    {
      xmlNode *at = elements->pdata[i];
      gboolean good;

      if (is_named (at, "TaskLink"))
        good = add_link (self, at, VMP_AZMAN_LINK_TASK, home, role->name, role->tasks, NULL, error);
      else if (is_named (at, "OperationLink"))
        good = add_link (self, at, VMP_AZMAN_LINK_OPERATION, home, role->name, NULL,
                         &role->own_operations, error);
      else if (is_named (at, "AppMemberLink"))
        good = add_link (self, at, VMP_AZMAN_LINK_GROUP, home, role->name, role->groups, NULL,
                         error);
      else if (is_named (at, "Member"))
        good = add_member (self, at, role->name, role->members, error);
      else
        good = refuse_element (self, at, error);
      if (!good)
        return FALSE;
    }
  return elements != NULL;
}

/* The types that nothing here can evaluate have no members. */
static gboolean
read_group_type (VmpAzmanReading *self, xmlNode *xml, VmpAzmanGroup *group, GError **error)
{
  g_autofree char *type = get_attribute (xml, "GroupType");

  if (type == NULL || g_ascii_strcasecmp (type, "Basic") == 0)
    group->type = "Basic";
  else if (g_ascii_strcasecmp (type, "LdapQuery") == 0)
    {
      group->type = "LdapQuery";
      group->unsupported = g_strdup (_ ("it is an LDAP query, which is not supported"));
    }
  else if (g_ascii_strcasecmp (type, "BizRule") == 0)
    {
      group->type = "BizRule";
      group->unsupported = g_strdup (_ ("it is a business rule, which is not supported"));
    }
  else
    return vmp_azman_error (self, xmlGetLineNo (xml), "AzApplicationGroup", group->name, error,
                            _ ("its GroupType is none of Basic, LdapQuery and BizRule"));
  return TRUE;
}

static gboolean
read_group_element (VmpAzmanReading *self, xmlNode *at, VmpAzmanGroup *group, GError **error)
{
  if (is_named (at, "Member"))
    return add_member (self, at, group->name, group->members, error);
  if (is_named (at, "NonMember"))
    return add_member (self, at, group->name, group->non_members, error);
  if (is_named (at, "AppMemberLink"))
    return add_link (self, at, VMP_AZMAN_LINK_GROUP, group->home, group->name, group->groups, NULL,
                     error);
  if (is_named (at, "AppNonMemberLink"))
    return add_link (self, at, VMP_AZMAN_LINK_GROUP, group->home, group->name, group->non_groups,
                     NULL, error);
  if (is_named (at, "LdapQuery") || is_named (at, "BizRuleLanguage") || is_named (at, "BizRule")
      || is_named (at, "BizRuleImportedPath"))
    return TRUE; /* what they say is for the types that are not supported */
  return refuse_element (self, at, error);
}

static gboolean
read_group (VmpAzmanReading *self, xmlNode *xml, VmpAzmanScope *home, GPtrArray *groups,
            GError **error)
{
  VmpAzmanGroup *group = g_new0 (VmpAzmanGroup, 1);
  VmpAzmanTarget *target = g_new0 (VmpAzmanTarget, 1);
  g_autoptr (GPtrArray) elements = NULL;

  target->group = group;
  group->home = home;
  group->line = xmlGetLineNo (xml);
  group->members = g_ptr_array_new_with_free_func ((GDestroyNotify) vmp_azman_member_free);
  group->non_members = g_ptr_array_new_with_free_func ((GDestroyNotify) vmp_azman_member_free);
  group->groups = g_ptr_array_new ();
  group->non_groups = g_ptr_array_new ();
  g_ptr_array_add (groups, group);
  if (!read_identity (self, xml, &group->guid, &group->name, target, error)
      || !read_group_type (self, xml, group, error))
    return FALSE;
  elements = list_elements (self, xml, error);
  for (guint i = 0; elements != NULL && i < elements->len; i++)
    if (!read_group_element (self, elements->pdata[i], group, error))
      return FALSE;
  return elements != NULL;
}

/* What an application and a scope have alike. */
static gboolean
read_part (VmpAzmanReading *self, xmlNode *at, VmpAzmanScope *home, GError **error)
{
  if (is_named (at, "AzTask"))
    return read_task (self, at, home, error);
  if (is_named (at, "AzRole"))
    return read_role (self, at, home, error);
  if (is_named (at, "AzApplicationGroup"))
    return read_group (self, at, home, home->groups, error);
  return refuse_element (self, at, error);
}

static gboolean
read_scope (VmpAzmanReading *self, xmlNode *xml, GError **error)
{
  VmpAzmanScope *scope = scope_new ();
  g_autoptr (GPtrArray) elements = NULL;

  g_ptr_array_add (self->store->scopes, scope);
  scope->description = get_attribute (xml, "Description");
  if (!read_identity (self, xml, &scope->guid, &scope->name, NULL, error))
    return FALSE;
  elements = list_elements (self, xml, error);
  for (guint i = 0; elements != NULL && i < elements->len; i++)
    if (!read_part (self, elements->pdata[i], scope, error))
      return FALSE;
  return elements != NULL;
}

static gboolean
read_application (VmpAzmanReading *self, xmlNode *xml, GError **error)
{
  g_autoptr (GPtrArray) elements = NULL;
  g_autofree char *name = NULL;

  self->store->root->description = get_attribute (xml, "Description");
  if (!read_identity (self, xml, &self->store->root->guid, &name, NULL, error))
    return FALSE;
  elements = list_elements (self, xml, error);
  for (guint i = 0; elements != NULL && i < elements->len; i++)
    {
      xmlNode *at = elements->pdata[i];
      gboolean good;

      if (is_named (at, "AzOperation"))
        good = read_operation (self, at, error);
      else if (is_named (at, "AzScope"))
        good = read_scope (self, at, error);
      else
        good = read_part (self, at, self->store->root, error);
      if (!good)
        return FALSE;
    }
  return elements != NULL;
}

static gboolean
read_store (VmpAzmanReading *self, xmlNode *root, GError **error)
{
  g_autoptr (GPtrArray) elements = NULL;
  xmlNode *application = NULL;

  if (!is_named (root, "AzAdminManager") || root->ns != NULL)
    return vmp_error_set (error, VMPORT_ERROR_CORRUPT,
                          _ ("%s is no authorization store: its root is no AzAdminManager"),
                          self->what);
  elements = list_elements (self, root, error);
  if (elements == NULL)
    return FALSE;
  for (guint i = 0; i < elements->len; i++)
    {
      xmlNode *at = elements->pdata[i];
      g_autofree char *name = get_attribute (at, "Name");

      if (is_named (at, "AzApplicationGroup"))
        {
          if (!read_group (self, at, NULL, self->store->shared_groups, error))
            return FALSE;
        }
      else if (!is_named (at, "AzApplication"))
        return refuse_element (self, at, error);
      else if (g_strcmp0 (name, self->store->name) == 0)
        {
          if (application != NULL)
            return vmp_azman_error (self, xmlGetLineNo (at), "AzApplication", name, error,
                                    _ ("there is another of that name"));
          application = at;
        }
    }
  if (application == NULL)
    return vmp_error_set (error, VMPORT_ERROR_CORRUPT, _ ("%s has no application “%s”"), self->what,
                          self->store->name);
  return read_application (self, application, error);
}

/* Reads one application of a store, and the groups that it shares with others. Corrupt where it
 * cannot be used as a whole; the message names the element. @what names the store in errors. */
VmpAzman *
vmp_azman_parse (GBytes *store, const char *application, const char *what, GError **error)
{
  g_autoptr (VmpAzman) self = azman_new (application, store);
  g_auto (VmpAzmanReading) reading = { .store = self, .what = what };
  g_autoptr (VmpXmlDoc) doc = NULL;
  const char *text;
  gsize size;

  reading.targets = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  reading.links = g_ptr_array_new_with_free_func ((GDestroyNotify) link_free);
  text = g_bytes_get_data (store, &size);
  doc = vmp_xml_parse (text, size, VMP_AZMAN_MAX_BYTES, MAX_DEPTH, what, error);
  if (doc == NULL || !read_store (&reading, xmlDocGetRootElement (doc), error)
      || !vmp_azman_link (&reading, error) || !vmp_azman_check_names (&reading, error))
    return NULL;
  return g_steal_pointer (&self);
}
