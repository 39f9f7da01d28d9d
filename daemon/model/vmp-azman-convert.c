/* From Hyper-V's authorization store to one of vmport's. Hyper-V had no operations of its own for
 * export and import, so each role is looked at for what it could do with a virtual machine. */
#include "config.h"

#include "vmp-azman-convert.h"

#include <glib/gi18n-lib.h>
#include <string.h>

#include "vmp-name.h"
#include "vmp-xml.h"

#define VIEW "View Virtual Machine Configuration"
#define SNAPSHOT "Allow Virtual Machine Snapshot"
#define RECONFIGURE "Reconfigure Virtual Machine"

/* One for one, found by name: the numbers differ between stores. */
static const struct
{
  const char *theirs;
  const char *ours;
} pairs[] = {
  { VIEW, "view" },
  { "Create Virtual Machine", "import" },
  { "Delete Virtual Machine", "delete" },
  { "Change Virtual Machine Authorization Scope", "set-scope" },
};

typedef struct
{
  VmpAzman *from;
  VmpAzmanSidFunc func;
  gpointer user_data;
  GPtrArray *decisions;
} Conversion;

static void decide (Conversion *self, const char *format, ...) G_GNUC_PRINTF (2, 3);

static void
decide (Conversion *self, const char *format, ...)
{
  g_autofree char *text = NULL;
  va_list args;

  va_start (args, format);
  text = g_strdup_vprintf (format, args);
  va_end (args);
  g_ptr_array_add (self->decisions, vmp_name_clean (text, VMP_MESSAGE_MAX_CHARS));
}

static xmlNode *
add_element (xmlNode *parent, const char *element, const char *guid, const char *name)
{
  xmlNode *node = xmlNewChild (parent, NULL, BAD_CAST element, NULL);

  xmlNewProp (node, BAD_CAST "Guid", BAD_CAST guid);
  xmlNewProp (node, BAD_CAST "Name", BAD_CAST name);
  xmlNewProp (node, BAD_CAST "Description", BAD_CAST "");
  return node;
}

static void
add_operations (xmlNode *application)
{
  gsize n;
  const VmpAzmanKnown *known = vmp_azman_get_known (&n);

  for (gsize i = 0; i < n; i++)
    {
      xmlNode *node = add_element (application, "AzOperation", known[i].guid, known[i].name);
      g_autofree char *id = g_strdup_printf ("%u", known[i].id);

      xmlNewTextChild (node, NULL, BAD_CAST "OperationID", BAD_CAST id);
    }
}

/* A SID that stands for nobody here is kept: it grants nothing, and where it is left out of a group,
 * the group grants nothing. */
static void
add_members (Conversion *self, xmlNode *node, const char *element, GPtrArray *members,
             const char *name)
{
  for (guint i = 0; i < members->len; i++)
    {
      const VmpAzmanMember *member = members->pdata[i];
      g_autofree char *mapped = self->func (member->text, self->user_data);

      if (mapped != NULL)
        decide (self, _ ("“%s”: %s is %s"), name, member->text, mapped);
      else if (member->kind == VMP_AZMAN_FOREIGN)
        decide (self, _ ("“%s”: %s is not carried over: nothing says who it is here (--sid-map)"),
                name, member->text);
      xmlNewTextChild (node, NULL, BAD_CAST element,
                       BAD_CAST (mapped != NULL ? mapped : member->text));
    }
}

static void
add_links (xmlNode *node, const char *element, GPtrArray *groups)
{
  for (guint i = 0; i < groups->len; i++)
    xmlNewTextChild (node, NULL, BAD_CAST element,
                     BAD_CAST ((VmpAzmanGroup *) groups->pdata[i])->guid);
}

static void
add_groups (Conversion *self, xmlNode *parent, GPtrArray *groups)
{
  for (guint i = 0; i < groups->len; i++)
    {
      const VmpAzmanGroup *group = groups->pdata[i];
      xmlNode *node = add_element (parent, "AzApplicationGroup", group->guid, group->name);

      xmlNewProp (node, BAD_CAST "GroupType", BAD_CAST group->type);
      if (strcmp (group->type, "Basic") != 0)
        {
          decide (self, _ ("The group “%s” is not carried over: %s"), group->name,
                  group->unsupported);
          continue;
        }
      add_links (node, "AppMemberLink", group->groups);
      add_links (node, "AppNonMemberLink", group->non_groups);
      add_members (self, node, "Member", group->members, group->name);
      add_members (self, node, "NonMember", group->non_members, group->name);
    }
}

static gboolean
holds (const Conversion *self, guint64 operations, const char *name)
{
  return (operations & vmp_azman_find_operation (self->from, name)) != 0;
}

/* Whoever could look at a virtual machine and take its state away with a snapshot has its content
 * already; a store older than that operation has one that is as strong. */
static const char *
find_export (const Conversion *self, guint64 operations)
{
  const char *second
      = vmp_azman_find_operation (self->from, SNAPSHOT) != 0 ? SNAPSHOT : RECONFIGURE;

  return holds (self, operations, VIEW) && holds (self, operations, second) ? second : NULL;
}

static void
add_operation (Conversion *self, xmlNode *task, const char *ours, GString *said, const char *why)
{
  xmlNewTextChild (task, NULL, BAD_CAST "OperationLink",
                   BAD_CAST vmp_azman_find_known (ours)->guid);
  g_string_append_printf (said, "%s%s (%s)", said->len > 0 ? ", " : "", ours, why);
}

static void
list_others (Conversion *self, const VmpAzmanRole *role, const char *place)
{
  g_autoptr (GString) others = g_string_new (NULL);

  for (guint i = 0; i < self->from->operations->len; i++)
    {
      const char *name = ((VmpAzmanOperation *) self->from->operations->pdata[i])->name;
      gboolean known = strcmp (name, SNAPSHOT) == 0 || strcmp (name, RECONFIGURE) == 0;

      for (gsize p = 0; p < G_N_ELEMENTS (pairs); p++)
        known = known || strcmp (name, pairs[p].theirs) == 0;
      if (!known && (role->operations >> i & 1) != 0)
        g_string_append_printf (others, "%s%s", others->len > 0 ? ", " : "", name);
    }
  if (others->len > 0)
    decide (self, _ ("The role “%s” %s: not vmport's, so not carried over: %s"), role->name,
            place, others->str);
}

/* Each assignment becomes a role definition of its own with what it comes to, and an assignment of
 * that. */
static void
add_role (Conversion *self, xmlNode *parent, const VmpAzmanRole *role, const char *place)
{
  g_autofree char *guid = g_uuid_string_random ();
  g_autoptr (GString) said = g_string_new (NULL);
  const char *second = find_export (self, role->operations);
  g_autofree char *both = second != NULL ? g_strdup_printf ("%s + %s", VIEW, second) : NULL;
  xmlNode *task = add_element (parent, "AzTask", guid, role->name);
  xmlNode *assignment;

  xmlNewProp (task, BAD_CAST "RoleDefinition", BAD_CAST "True");
  for (gsize i = 0; i < G_N_ELEMENTS (pairs); i++)
    if (holds (self, role->operations, pairs[i].theirs))
      add_operation (self, task, pairs[i].ours, said, pairs[i].theirs);
  if (both != NULL)
    add_operation (self, task, "export", said, both);
  list_others (self, role, place);
  if (said->len == 0)
    {
      decide (self, _ ("The role “%s” %s is not carried over: it has nothing to do with export "
                       "and import"),
              role->name, place);
      xmlUnlinkNode (task);
      xmlFreeNode (task);
      return;
    }
  decide (self, _ ("The role “%s” %s: %s"), role->name, place, said->str);
  assignment = add_element (parent, "AzRole", role->guid, role->name);
  xmlNewTextChild (assignment, NULL, BAD_CAST "TaskLink", BAD_CAST guid);
  add_links (assignment, "AppMemberLink", role->groups);
  add_members (self, assignment, "Member", role->members, role->name);
}

static void
add_scope (Conversion *self, xmlNode *parent, const VmpAzmanScope *scope, const char *place)
{
  for (guint i = 0; i < scope->tasks->len; i++)
    if (((VmpAzmanTask *) scope->tasks->pdata[i])->has_rule)
      decide (self, _ ("The task “%s” %s is not carried over: it has a script as its rule"),
              ((VmpAzmanTask *) scope->tasks->pdata[i])->name, place);
  add_groups (self, parent, scope->groups);
  for (guint i = 0; i < scope->roles->len; i++)
    add_role (self, parent, scope->roles->pdata[i], place);
}

/* @decisions gets, for people, what became of each role and member, and what could not be carried
 * over. */
GBytes *
vmp_azman_convert (GBytes *store, const char *what, VmpAzmanSidFunc func, gpointer user_data,
                   GPtrArray *decisions, GError **error)
{
  g_autoptr (VmpAzman) from = vmp_azman_parse (store, VMP_AZMAN_HYPER_V, what, error);
  Conversion self = { from, func, user_data, decisions };
  g_autoptr (VmpXmlDoc) doc = NULL;
  g_autofree char *guid = g_uuid_string_random ();
  xmlNode *root, *application;
  char *text;

  if (from == NULL)
    return NULL;
  doc = xmlNewDoc (BAD_CAST "1.0");
  root = xmlNewNode (NULL, BAD_CAST "AzAdminManager");
  xmlDocSetRootElement (doc, root);
  xmlNewProp (root, BAD_CAST "MajorVersion", BAD_CAST "2");
  xmlNewProp (root, BAD_CAST "MinorVersion", BAD_CAST "0");
  xmlNewProp (root, BAD_CAST "Guid", BAD_CAST guid);
  add_groups (&self, root, from->shared_groups);
  application = add_element (root, "AzApplication", from->root->guid, VMP_AZMAN_APPLICATION);
  add_operations (application);
  add_scope (&self, application, from->root, _ ("in the application"));
  for (guint i = 0; i < from->scopes->len; i++)
    {
      const VmpAzmanScope *scope = from->scopes->pdata[i];
      g_autofree char *place = g_strdup_printf (_ ("in the scope “%s”"), scope->name);
      xmlNode *node;

      if (!vmp_name_is_scope (scope->name))
        {
          decide (&self, _ ("The scope “%s” is not carried over: vmport has no such names"),
                  scope->name);
          continue;
        }
      node = add_element (application, "AzScope", scope->guid, scope->name);
      if (scope->description != NULL)
        xmlSetProp (node, BAD_CAST "Description", BAD_CAST scope->description);
      add_scope (&self, node, scope, place);
    }
  text = vmp_xml_write (doc, TRUE);
  return g_bytes_new_take (text, strlen (text));
}
