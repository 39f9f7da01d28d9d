/* From an authorization store to rules of polkit: tables, and one function that reads them.
 *
 * Names go into the rules as string literals of printable ASCII alone, and into no comment: whatever
 * a store holds, it cannot end a literal. The keys of a table begin with a word of ours, so none is a
 * name that JavaScript gives a meaning to. */
#include "config.h"

#include "vmp-azman-rules.h"

#include <string.h>

#define DIGEST_LINE "// store: sha256 "

/* One literal. Characters beyond U+FFFF are two code units, as JavaScript has them. */
static void
append_string (GString *out, const char *prefix, const char *text)
{
  g_string_append_printf (out, "\"%s", prefix);
  for (const char *c = text; *c != '\0'; c = g_utf8_next_char (c))
    {
      gunichar u = g_utf8_get_char (c);

      if (u >= 0x20 && u < 0x7f && strchr ("\"\\<>&'/*", (int) u) == NULL)
        g_string_append_c (out, (char) u);
      else if (u <= 0xffff)
        g_string_append_printf (out, "\\u%04x", u);
      else
        g_string_append_printf (out, "\\u%04x\\u%04x", 0xd7c0 + (u >> 10), 0xdc00 + (u & 0x3ff));
    }
  g_string_append_c (out, '"');
}

static void
append_members (GString *out, const char *key, GPtrArray *members, gboolean groups)
{
  gboolean first = TRUE;

  g_string_append_printf (out, "%s: [", key);
  for (guint i = 0; i < members->len; i++)
    {
      VmpAzmanMember *member = members->pdata[i];

      if (member->name == NULL || member->is_group != groups)
        continue;
      g_string_append (out, first ? "" : ", ");
      append_string (out, "", member->name);
      first = FALSE;
    }
  g_string_append_c (out, ']');
}

static void
append_links (GString *out, const char *key, GPtrArray *groups, GHashTable *places)
{
  gboolean first = TRUE;

  g_string_append_printf (out, "%s: [", key);
  for (guint i = 0; i < groups->len; i++)
    {
      gpointer place;

      if (!g_hash_table_lookup_extended (places, groups->pdata[i], NULL, &place))
        continue;
      g_string_append_printf (out, "%s%u", first ? "" : ", ", GPOINTER_TO_UINT (place));
      first = FALSE;
    }
  g_string_append_c (out, ']');
}

static void
add_group (GHashTable *used, VmpAzmanGroup *group)
{
  /* Without members: nobody is in it, and whoever leaves it out grants nothing either. */
  if (group->unsupported != NULL || !g_hash_table_add (used, group))
    return;
  for (guint i = 0; i < group->groups->len; i++)
    add_group (used, group->groups->pdata[i]);
  for (guint i = 0; i < group->non_groups->len; i++)
    add_group (used, group->non_groups->pdata[i]);
}

static void
add_groups_of (GHashTable *used, const VmpAzmanScope *scope)
{
  for (guint i = 0; i < scope->roles->len; i++)
    {
      VmpAzmanRole *role = scope->roles->pdata[i];

      for (guint g = 0; g < role->groups->len; g++)
        add_group (used, role->groups->pdata[g]);
    }
}

static gint
compare_groups (gconstpointer a, gconstpointer b)
{
  const VmpAzmanGroup *first = *(VmpAzmanGroup *const *) a, *second = *(VmpAzmanGroup *const *) b;

  if (first->height != second->height)
    return first->height < second->height ? -1 : 1;
  return strcmp (first->guid, second->guid);
}

static gint
compare_roles (gconstpointer a, gconstpointer b)
{
  const VmpAzmanRole *first = *(VmpAzmanRole *const *) a, *second = *(VmpAzmanRole *const *) b;

  return strcmp (first->name, second->name);
}

static gint
compare_scopes (gconstpointer a, gconstpointer b)
{
  const VmpAzmanScope *first = *(VmpAzmanScope *const *) a, *second = *(VmpAzmanScope *const *) b;

  return strcmp (first->name, second->name);
}

/* Gives each group that somebody has a role by its place, behind all that it links to. */
static GHashTable *
append_groups (GString *out, const VmpAzman *self)
{
  g_autoptr (GHashTable) used = g_hash_table_new (NULL, NULL);
  GHashTable *places = g_hash_table_new (NULL, NULL);
  g_autoptr (GPtrArray) sorted = g_ptr_array_new ();
  GHashTableIter iter;
  gpointer group;

  add_groups_of (used, self->root);
  for (guint i = 0; i < self->scopes->len; i++)
    add_groups_of (used, self->scopes->pdata[i]);
  g_hash_table_iter_init (&iter, used);
  while (g_hash_table_iter_next (&iter, &group, NULL))
    g_ptr_array_add (sorted, group);
  g_ptr_array_sort (sorted, compare_groups);
  g_string_append (out, "    // Each is told by its place, and names only such as stand before it.\n"
                        "    var groups = [\n");
  for (guint i = 0; i < sorted->len; i++)
    {
      VmpAzmanGroup *one = sorted->pdata[i];

      g_hash_table_insert (places, one, GUINT_TO_POINTER (i));
      g_string_append_printf (out, "        /* %u */ { name: ", i);
      append_string (out, "", one->name);
      append_members (out, ",\n            users", one->members, FALSE);
      append_members (out, ", unixGroups", one->members, TRUE);
      append_links (out, ", groups", one->groups, places);
      append_members (out, ",\n            notUsers", one->non_members, FALSE);
      append_members (out, ", notUnixGroups", one->non_members, TRUE);
      append_links (out, ", notGroups", one->non_groups, places);
      g_string_append_printf (out, " }%s\n", i + 1 < sorted->len ? "," : "");
    }
  g_string_append (out, "    ];\n\n");
  return places;
}

/* Those that vmport knows; of a named scope, only what there is in one. */
static guint
append_operations (GString *out, const VmpAzman *self, guint64 operations, gboolean scoped)
{
  gsize n;
  const VmpAzmanKnown *known = vmp_azman_get_known (&n);
  guint count = 0;

  g_string_append (out, "operations: [");
  for (gsize i = 0; i < n; i++)
    if ((vmp_azman_find_operation (self, known[i].name) & operations) != 0
        && (known[i].scoped || !scoped))
      g_string_append_printf (out, "%s\"%s\"", count++ > 0 ? ", " : "", known[i].name);
  g_string_append_c (out, ']');
  return count;
}

static void
append_scope (GString *out, const VmpAzman *self, const VmpAzmanScope *scope, GHashTable *places)
{
  g_autoptr (GPtrArray) sorted = g_ptr_array_copy (scope->roles, NULL, NULL);
  gboolean first = TRUE;

  /* The copy must not free what it does not own. */
  g_ptr_array_set_free_func (sorted, NULL);
  g_ptr_array_sort (sorted, compare_roles);
  g_string_append (out, "        ");
  append_string (out, "scope:", scope->name);
  g_string_append (out, ": [");
  for (guint i = 0; i < sorted->len; i++)
    {
      VmpAzmanRole *role = sorted->pdata[i];
      g_autoptr (GString) line = g_string_new ("            { role: ");

      append_string (line, "", role->name);
      g_string_append (line, ",\n              ");
      if (append_operations (line, self, role->operations, scope != self->root) == 0)
        continue;
      append_members (line, ",\n              users", role->members, FALSE);
      append_members (line, ", unixGroups", role->members, TRUE);
      append_links (line, ", groups", role->groups, places);
      g_string_append_printf (out, "%s\n%s }", first ? "" : ",", line->str);
      first = FALSE;
    }
  g_string_append (out, first ? "]" : "\n        ]");
}

static void
append_roles (GString *out, const VmpAzman *self, GHashTable *places)
{
  g_autoptr (GPtrArray) sorted = g_ptr_array_copy (self->scopes, NULL, NULL);

  g_ptr_array_set_free_func (sorted, NULL);
  g_ptr_array_sort (sorted, compare_scopes);
  g_string_append (out, "    // Who has which role in which scope; the first are those of the"
                        " application, which hold\n    // in every scope that is named here.\n"
                        "    var scopes = {\n");
  append_scope (out, self, self->root, places);
  for (guint i = 0; i < sorted->len; i++)
    {
      g_string_append (out, ",\n");
      append_scope (out, self, sorted->pdata[i], places);
    }
  g_string_append (out, "\n    };\n\n");
}

static void
append_actions (GString *out)
{
  gsize n;
  const VmpAzmanKnown *known = vmp_azman_get_known (&n);

  g_string_append (out, "    // The operation that an action stands for, in the default scope and in"
                        " named ones.\n    var actions = {\n");
  for (gsize i = 0; i < n; i++)
    {
      g_string_append_printf (out, "        \"org.vmport.%s\": { operation: \"%s\", scoped: false }",
                              known[i].name, known[i].name);
      if (known[i].scoped)
        g_string_append_printf (
            out, ",\n        \"org.vmport.scoped.%s\": { operation: \"%s\", scoped: true }",
            known[i].name, known[i].name);
      g_string_append (out, i + 1 < n ? ",\n" : "\n    };\n\n");
    }
}

/* polkit's engines differ in how they hand over characters beyond U+FFFF: as one unit or as two. */
static const char function_text[] =
  "    function has(table, key) {\n"
  "        return Object.prototype.hasOwnProperty.call(table, key);\n"
  "    }\n"
  "\n"
  "    // In the code units of a literal, whichever way polkit hands a text over.\n"
  "    function units(text) {\n"
  "        var result = \"\";\n"
  "        for (var i = 0; i < text.length; i++) {\n"
  "            var unit = text.charCodeAt(i);\n"
  "            result += unit > 0xffff\n"
  "                ? String.fromCharCode(0xd7c0 + (unit >> 10), 0xdc00 + (unit & 0x3ff))\n"
  "                : String.fromCharCode(unit);\n"
  "        }\n"
  "        return result;\n"
  "    }\n"
  "\n"
  "    function isOneOf(who, users, unixGroups, groups) {\n"
  "        return users.indexOf(who.user) >= 0 ||\n"
  "            unixGroups.some(function(name) { return who.unixGroups.indexOf(name) >= 0; }) ||\n"
  "            groups.some(function(place) { return who.groups[place]; });\n"
  "    }\n"
  "\n"
  "    function describe(subject) {\n"
  "        var who = { user: units(String(subject.user)), unixGroups: [], groups: [] };\n"
  "        for (var i = 0; i < subject.groups.length; i++)\n"
  "            who.unixGroups.push(units(String(subject.groups[i])));\n"
  "        groups.forEach(function(group) {\n"
  "            who.groups.push(\n"
  "                isOneOf(who, group.users, group.unixGroups, group.groups) &&\n"
  "                !isOneOf(who, group.notUsers, group.notUnixGroups, group.notGroups));\n"
  "        });\n"
  "        return who;\n"
  "    }\n"
  "\n"
  "    function isGranted(who, operation, key) {\n"
  "        return has(scopes, key) && scopes[key].some(function(role) {\n"
  "            return role.operations.indexOf(operation) >= 0 &&\n"
  "                isOneOf(who, role.users, role.unixGroups, role.groups);\n"
  "        });\n"
  "    }\n"
  "\n"
  "    polkit.addRule(function(action, subject) {\n"
  "        if (action.id == \"" VMP_AZMAN_RULES_ACTION "\")\n"
  "            return action.lookup(\"" VMP_AZMAN_RULES_DETAIL "\") == store ? polkit.Result.YES\n"
  "                                                       : polkit.Result.NO;\n"
  "        if (!has(actions, action.id))\n"
  "            return polkit.Result.NOT_HANDLED;\n"
  "\n"
  "        var asked = actions[action.id], scope = action.lookup(\"scope\");\n"
  "        if (typeof scope != \"string\" || asked.scoped != (scope != \"\"))\n"
  "            return polkit.Result.NO;\n"
  "\n"
  "        var key = \"scope:\" + units(scope), who = describe(subject);\n"
  "        // A scope that is not named here has nobody with rights in it.\n"
  "        if (has(scopes, key) && (isGranted(who, asked.operation, key) ||\n"
  "                                 isGranted(who, asked.operation, \"scope:\")))\n"
  "            return polkit.Result.YES;\n"
  "        if (!asked.scoped)\n"
  "            return polkit.Result.NOT_HANDLED;\n"
  "        return asked.operation == \"view\" ? polkit.Result.NO : polkit.Result.AUTH_ADMIN;\n"
  "    });\n"
  "})();\n";

/* The same text for the same store and the same names. */
char *
vmp_azman_compile (const VmpAzman *self)
{
  GString *out = g_string_new (
      "// Who may do what with the virtual machines of which security scope.\n"
      "//\n"
      "// Made by \"vmportctl scope compile\" from the authorization store: change that instead, see\n"
      "// vmport-authorization(5). What is changed here is lost.\n");
  g_autoptr (GHashTable) places = NULL;

  g_string_append_printf (out, DIGEST_LINE "%s\n\n(function() {\n    \"use strict\";\n\n", self->digest);
  g_string_append_printf (out, "    var store = \"%s\";\n\n", self->digest);
  append_actions (out);
  places = append_groups (out, self);
  append_roles (out, self, places);
  g_string_append (out, function_text);
  return g_string_free (out, FALSE);
}

/* The digest of the store that @rules were compiled from, or NULL. */
char *
vmp_azman_read_digest (const char *rules, gsize size)
{
  const char *line = g_strstr_len (rules, (gssize) size, "\n" DIGEST_LINE);
  gsize length = 64; /* SHA-256 */

  if (line == NULL)
    return NULL;
  line += strlen ("\n" DIGEST_LINE);
  if ((gsize) (rules + size - line) < length + 1 || line[length] != '\n'
      || strspn (line, "0123456789abcdef") != length)
    return NULL;
  return g_strndup (line, length);
}
