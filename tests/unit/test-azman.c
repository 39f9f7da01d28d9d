/* VmpAzman: stores that are read, stores that are refused, and the rules made of them. */
#include <string.h>

#include "vmp-azman-check.h"
#include "vmp-azman-rules.h"
#include "vmport-error.h"

/* GUIDs that differ in their last digits. */
#define G(n) "00000000-0000-4000-8000-0000000000" n
#define OPERATIONS                                                                                \
  "<AzOperation Guid='" G ("01") "' Name='view'><OperationID>1</OperationID></AzOperation>"       \
  "<AzOperation Guid='" G ("02") "' Name='export'><OperationID>2</OperationID></AzOperation>"     \
  "<AzOperation Guid='" G ("08") "' Name='manage-jobs'><OperationID>8</OperationID></AzOperation>"
#define STORE(content)                                                                            \
  "<?xml version='1.0'?>\n<AzAdminManager MajorVersion='1' MinorVersion='0'>"                     \
  "<AzApplication Guid='" G ("ff") "' Name='VMPort'>" content "</AzApplication></AzAdminManager>"
#define TASK(n, name, content)                                                                    \
  "<AzTask Guid='" G (n) "' Name='" name "' RoleDefinition='True'>" content "</AzTask>"
#define ROLE(n, name, content) "<AzRole Guid='" G (n) "' Name='" name "'>" content "</AzRole>"
#define GROUP(n, name, content)                                                                   \
  "<AzApplicationGroup Guid='" G (n) "' Name='" name "' GroupType='Basic'>" content              \
  "</AzApplicationGroup>"
#define SCOPE(n, name, content) "<AzScope Guid='" G (n) "' Name='" name "'>" content "</AzScope>"
#define TASK_LINK(n) "<TaskLink>" G (n) "</TaskLink>"
#define OPERATION_LINK(n) "<OperationLink>" G (n) "</OperationLink>"
#define GROUP_LINK(n) "<AppMemberLink>" G (n) "</AppMemberLink>"
#define NON_GROUP_LINK(n) "<AppNonMemberLink>" G (n) "</AppNonMemberLink>"
#define MEMBER(text) "<Member>" text "</Member>"
#define NON_MEMBER(text) "<NonMember>" text "</NonMember>"

static VmpAzman *
parse (const char *xml, GError **error)
{
  g_autoptr (GBytes) bytes = g_bytes_new (xml, strlen (xml));

  return vmp_azman_parse (bytes, VMP_AZMAN_APPLICATION, "the store", error);
}

static char *
give_name (const VmpAzmanMember *member, gpointer data)
{
  if (member->kind == VMP_AZMAN_ADMINISTRATORS)
    return g_strdup ("sudo");
  return member->id < 2000 ? g_strdup_printf ("%s%u", member->is_group ? "g" : "u", member->id)
                           : NULL;
}

static VmpAzman *
parse_well (const char *xml)
{
  g_autoptr (GError) error = NULL;
  VmpAzman *store = parse (xml, &error);

  g_assert_no_error (error);
  vmp_azman_bind (store, give_name, NULL);
  return store;
}

/* "user" or "user group…" */
static gboolean
may (const VmpAzman *store, const char *who, const char *operation, const char *scope)
{
  g_auto (GStrv) words = g_strsplit (who, " ", -1);
  const VmpAzmanSubject subject = { words[0], (const char *const *) words + 1 };
  g_autoptr (GPtrArray) reasons = vmp_azman_check (store, &subject, operation, scope);

  return reasons->len > 0;
}

static void
test_default_store (void)
{
  g_autofree char *path = g_test_build_filename (G_TEST_DIST, "..", "..", "policy",
                                                 "authorization.xml", NULL);
  g_autofree char *text = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (VmpAzman) store = NULL;
  gsize n;
  const VmpAzmanKnown *known = vmp_azman_get_known (&n);

  g_file_get_contents (path, &text, NULL, &error);
  g_assert_no_error (error);
  store = parse_well (text);
  g_assert_cmpuint (store->notes->len, ==, 0);
  g_assert_cmpuint (store->scopes->len, ==, 0);
  g_assert_cmpuint (store->operations->len, ==, n);
  for (gsize i = 0; i < n; i++)
    {
      gboolean trusted = strcmp (known[i].name, "import-in-place") == 0
                         || strcmp (known[i].name, "import-unsafe") == 0;

      VmpAzmanOperation *operation = store->operations->pdata[i];

      g_assert_cmpstr (operation->name, ==, known[i].name);
      g_assert_cmpstr (operation->guid, ==, known[i].guid);
      g_assert_cmpuint (operation->id, ==, known[i].id);
      g_assert_cmpint (may (store, "ann sudo", known[i].name, ""), ==, !trusted);
      g_assert_false (may (store, "ann users", known[i].name, ""));
    }
}

/* The order, the attributes and the scripts of real stores, which do not keep to the published
 * schema. */
static void
test_shape_of_real_stores (void)
{
  g_autofree char *path = g_test_build_filename (G_TEST_DIST, "..", "fuzz", "corpus", "azman",
                                                 "sample-shape.xml", NULL);
  g_autofree char *text = NULL;
  g_autoptr (GBytes) bytes = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (VmpAzman) store = NULL;
  VmpAzmanRole *role;
  gsize size;

  g_file_get_contents (path, &text, &size, &error);
  g_assert_no_error (error);
  bytes = g_bytes_new (text, size);
  store = vmp_azman_parse (bytes, "Hyper-V services", "the store", &error);
  g_assert_no_error (error);
  role = store->root->roles->pdata[0];
  g_assert_cmphex (role->operations, ==, 1);
  g_assert_cmpuint (role->groups->len, ==, 1);
  g_assert_nonnull (((VmpAzmanGroup *) role->groups->pdata[0])->unsupported);
  g_assert_true (((VmpAzmanTask *) store->root->tasks->pdata[1])->has_rule);
}

static void
test_scopes (void)
{
  g_autoptr (VmpAzman) store = parse_well (STORE (
      SCOPE ("a1", "lab", ROLE ("b1", "r", TASK_LINK ("11") MEMBER ("user:bob"))
             ROLE ("b2", "own", OPERATION_LINK ("08") MEMBER ("user:bob")))
      ROLE ("b3", "r", TASK_LINK ("10") MEMBER ("group:ops") MEMBER ("S-1-22-1-1000"))
      SCOPE ("a2", "prod", "")
      TASK ("10", "outer", TASK_LINK ("11")) TASK ("11", "inner", OPERATION_LINK ("02"))
      OPERATIONS));

  g_assert_true (may (store, "bob", "export", "lab"));
  g_assert_false (may (store, "bob", "view", "lab"));
  g_assert_false (may (store, "bob", "export", ""));
  g_assert_false (may (store, "bob", "export", "prod"));
  g_assert_false (may (store, "bob", "manage-jobs", "lab"));
  for (gsize i = 0; i < 3; i++)
    {
      static const char *const scopes[] = { "", "lab", "prod" };

      g_assert_true (may (store, "ann ops", "export", scopes[i]));
      g_assert_true (may (store, "u1000", "export", scopes[i]));
    }
  g_assert_false (may (store, "ann ops", "export", "gone"));
}

static void
test_groups (void)
{
  g_autoptr (VmpAzman) store = parse_well (STORE (OPERATIONS
      ROLE ("b1", "r", OPERATION_LINK ("01") GROUP_LINK ("31"))
      ROLE ("b2", "s", OPERATION_LINK ("02") GROUP_LINK ("33"))
      GROUP ("31", "staff", GROUP_LINK ("32") MEMBER ("user:ann") NON_MEMBER ("user:eve")
             NON_GROUP_LINK ("33"))
      GROUP ("32", "all", MEMBER ("group:users") MEMBER ("user:eve"))
      GROUP ("33", "guests", MEMBER ("user:guest") MEMBER ("S-1-22-2-77"))));

  g_assert_true (may (store, "ann", "view", ""));
  g_assert_true (may (store, "bob users", "view", ""));
  g_assert_false (may (store, "eve", "view", ""));
  g_assert_false (may (store, "eve users", "view", ""));
  g_assert_false (may (store, "guest users", "view", ""));
  g_assert_false (may (store, "bob users g77", "view", ""));
  g_assert_true (may (store, "bob users g77", "export", ""));
  g_assert_false (may (store, "bob", "view", ""));
}

/* What cannot be evaluated grants nothing, and neither does what leaves it out. */
static void
test_unsupported (void)
{
  g_autoptr (VmpAzman) store = parse_well (STORE (OPERATIONS
      "<AzApplicationGroup Guid='" G ("31") "' Name='ldap' GroupType='LdapQuery'>"
      "<LdapQuery>(x=y)</LdapQuery>" MEMBER ("user:ann") "</AzApplicationGroup>"
      "<AzApplicationGroup Guid='" G ("32") "' Name='rule' GroupType='BizRule'/>"
      GROUP ("33", "with", GROUP_LINK ("31") MEMBER ("user:bob"))
      GROUP ("34", "without", MEMBER ("user:bob") NON_GROUP_LINK ("33"))
      GROUP ("35", "sid", MEMBER ("user:bob") NON_MEMBER ("S-1-5-21-1-2-3-500"))
      "<AzTask Guid='" G ("10") "' Name='scripted'><BizRuleLanguage>VBScript</BizRuleLanguage>"
      "<BizRule>AzBizRuleContext.BusinessRuleResult = True</BizRule>" TASK_LINK ("11")
      OPERATION_LINK ("08") "</AzTask>"
      TASK ("11", "plain", OPERATION_LINK ("01"))
      ROLE ("b1", "a", OPERATION_LINK ("02") GROUP_LINK ("31") GROUP_LINK ("32") GROUP_LINK ("34")
            GROUP_LINK ("35") MEMBER ("S-1-5-21-1-2-3-1000"))
      ROLE ("b2", "b", OPERATION_LINK ("01") GROUP_LINK ("33"))
      ROLE ("b3", "c", TASK_LINK ("10") MEMBER ("user:cid") MEMBER ("S-1-22-1-2001"))));
  g_autofree char *rules = vmp_azman_compile (store);

  g_assert_false (may (store, "ann", "export", ""));
  g_assert_false (may (store, "bob", "export", ""));
  g_assert_true (may (store, "bob", "view", ""));
  g_assert_false (may (store, "ann", "view", ""));
  g_assert_false (may (store, "cid", "view", ""));
  g_assert_false (may (store, "cid", "manage-jobs", ""));
  g_assert_null (strstr (rules, "ann"));
  g_assert_null (strstr (rules, "cid"));
  g_assert_null (strstr (rules, "2001"));
  /* ldap, rule, without, sid; the task; the foreign SID and the number without a name. */
  g_assert_cmpuint (store->notes->len, ==, 7);
}

static void
test_reasons (void)
{
  const char *const no_groups[] = { "users", NULL };
  const VmpAzmanSubject subject = { "bob", no_groups };
  g_autoptr (VmpAzman) store = parse_well (STORE (OPERATIONS
      TASK ("10", "outer", TASK_LINK ("12") TASK_LINK ("11")) TASK ("12", "other", "")
      TASK ("11", "inner", OPERATION_LINK ("01"))
      GROUP ("31", "staff", GROUP_LINK ("32")) GROUP ("32", "all", MEMBER ("group:users"))
      SCOPE ("a1", "lab", ROLE ("b1", "r", TASK_LINK ("10") GROUP_LINK ("31")))));
  g_autoptr (GPtrArray) reasons = vmp_azman_check (store, &subject, "view", "lab");
  VmpAzmanReason *reason;

  g_assert_cmpuint (reasons->len, ==, 1);
  reason = reasons->pdata[0];
  g_assert_cmpstr (reason->scope->name, ==, "lab");
  g_assert_cmpstr (reason->role->name, ==, "r");
  g_assert_cmpstr (reason->member->text, ==, "group:users");
  g_assert_cmpuint (reason->tasks->len, ==, 2);
  g_assert_cmpstr (((VmpAzmanTask *) reason->tasks->pdata[1])->name, ==, "inner");
  g_assert_cmpuint (reason->groups->len, ==, 2);
  g_assert_cmpstr (((VmpAzmanGroup *) reason->groups->pdata[1])->name, ==, "all");
}

/* A store that is refused, and what the message names. */
static const struct
{
  const char *xml;
  const char *named;
} refused[] = {
  { "", "the store is empty" },
  { "<a/>", "AzAdminManager" },
  { "<AzAdminManager/>", "VMPort" },
  { "<AzAdminManager><AzOther Name='x'/></AzAdminManager>", "AzOther “x”" },
  { "<AzAdminManager xmlns='urn:x'/>", "AzAdminManager" },
  { "<!DOCTYPE a [<!ENTITY x 'y'>]><AzAdminManager/>", "document type" },
  { STORE ("") "x", "line" },
  { STORE ("text"), "AzApplication" },
  { STORE ("<AzTask Name='t'/>"), "AzTask “t”" },
  { STORE ("<AzTask Guid='" G ("10") "'/>"), "Name" },
  { STORE ("<AzTask Guid='x' Name='t'/>"), "AzTask “t”" },
  { STORE (TASK ("10", "t", "<Odd/>")), "Odd" },
  { STORE (TASK ("10", "t", TASK_LINK ("11"))), "AzTask “t”" },
  { STORE (TASK ("10", "t", "<TaskLink>odd</TaskLink>")), "AzTask “t”" },
  { STORE (TASK ("10", "t", TASK_LINK ("10"))), "AzTask “t”" },
  { STORE (TASK ("10", "t", TASK_LINK ("11")) TASK ("11", "s", TASK_LINK ("10"))), "in itself" },
  { STORE (TASK ("10", "t", "") TASK ("11", "t", "")), "AzTask “t”" },
  { STORE (TASK ("10", "t", "") TASK ("10", "s", "")), "AzTask “s”" },
  { STORE (OPERATIONS TASK ("10", "t", TASK_LINK ("01"))), "AzTask “t”" },
  { STORE (OPERATIONS TASK ("10", "t", "") TASK ("11", "s", OPERATION_LINK ("10"))),
    "AzTask “s”" },
  { STORE (GROUP ("31", "g", GROUP_LINK ("31"))), "AzApplicationGroup “g”" },
  { STORE (GROUP ("31", "g", NON_GROUP_LINK ("32")) GROUP ("32", "h", GROUP_LINK ("31"))),
    "in itself" },
  { STORE (GROUP ("31", "g", MEMBER ("bob"))), "“bob”" },
  { STORE (GROUP ("31", "g", MEMBER ("user:"))), "“user:”" },
  { STORE (GROUP ("31", "g", MEMBER ("S-1-22-1-99999999999"))
           ROLE ("b1", "r", MEMBER ("S-1-"))), "“S-1-”" },
  { STORE ("<AzApplicationGroup Guid='" G ("31") "' Name='g' GroupType='Odd'/>"), "GroupType" },
  { STORE (ROLE ("b1", "r", NON_MEMBER ("user:ann"))), "NonMember" },
  { STORE (ROLE ("b1", "r", GROUP_LINK ("31")) SCOPE ("a1", "lab", GROUP ("31", "g", ""))),
    "AzRole “r”" },
  { STORE (SCOPE ("a1", "lab", ROLE ("b1", "r", TASK_LINK ("10")))
           SCOPE ("a2", "prod", TASK ("10", "t", ""))), "AzRole “r”" },
  { STORE (SCOPE ("a1", "lab", OPERATIONS)), "AzOperation “view”" },
  { STORE (SCOPE ("a1", "lab", "") SCOPE ("a2", "lab", "")), "AzScope “lab”" },
  { STORE (SCOPE ("a1", " lab", "")), "AzScope “ lab”" },
  { STORE (SCOPE ("a1", "a&#10;b", "")), "AzScope “ab”" },
  { STORE (SCOPE ("a1", "a\342\200\250b", "")), "AzScope “ab”" },
  { STORE (SCOPE ("a1", "lab", SCOPE ("a2", "prod", ""))), "AzScope “prod”" },
  { STORE ("<AzOperation Guid='" G ("01") "' Name='view'/>"), "AzOperation “view”" },
  { STORE ("<AzOperation Guid='" G ("01") "' Name='view'><OperationID>2</OperationID>"
           "</AzOperation>"), "“export”" },
  { STORE ("<AzOperation Guid='" G ("01") "' Name='view'><OperationID>9</OperationID>"
           "</AzOperation>"), "AzOperation “view”" },
  { STORE ("<AzOperation Guid='" G ("01") "' Name='odd'><OperationID>7</OperationID>"
           "</AzOperation>"), "“delete”" },
  { STORE ("<AzOperation Guid='" G ("01") "' Name='view'><OperationID>-1</OperationID>"
           "</AzOperation>"), "AzOperation “view”" },
  { STORE ("") "<!---->" STORE (""), "line" },
};

static void
test_refused (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (refused); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (VmpAzman) store = parse (refused[i].xml, &error);

      g_test_message ("%s", refused[i].xml);
      g_assert_null (store);
      g_assert_error (error, VMPORT_ERROR, VMPORT_ERROR_CORRUPT);
      g_test_message ("%s", error->message);
      g_assert_nonnull (strstr (error->message, refused[i].named));
    }
}

/* A ladder of groups, each in the next one twice: quick, and refused where it is too high. */
static char *
make_ladder (guint height)
{
  GString *xml = g_string_new (NULL);

  for (guint i = 0; i < height; i++)
    {
      g_string_append_printf (xml, "<AzApplicationGroup Guid='00000000-0000-4000-9000-%012x'"
                                   " Name='g%u'>", i, i);
      for (guint n = 0; i > 0 && n < 2; n++)
        g_string_append_printf (xml, "<AppMemberLink>00000000-0000-4000-9000-%012x</AppMemberLink>",
                                i - 1);
      g_string_append (xml, "</AzApplicationGroup>");
    }
  g_string_prepend (xml, "<AzAdminManager><AzApplication Guid='" G ("ff") "' Name='VMPort'>"
                         OPERATIONS);
  g_string_append_printf (xml, ROLE ("b1", "r", OPERATION_LINK ("01")
                                     "<AppMemberLink>00000000-0000-4000-9000-%012x</AppMemberLink>")
                               "</AzApplication></AzAdminManager>", height - 1);
  return g_string_free (xml, FALSE);
}

static void
test_ladder (void)
{
  g_autofree char *high = make_ladder (64);
  g_autofree char *too_high = make_ladder (65);
  g_autoptr (VmpAzman) store = NULL;
  g_autoptr (GError) error = NULL;

  store = parse_well (high);
  g_assert_false (may (store, "ann users", "view", ""));
  g_assert_null (parse (too_high, &error));
  g_assert_error (error, VMPORT_ERROR, VMPORT_ERROR_CORRUPT);
}

static void
test_encoding (void)
{
  g_autoptr (VmpAzman) store = parse_well (STORE (OPERATIONS
      SCOPE ("a1", "&quot;]}; //", ROLE ("b1", "*/ &lt;/script&gt;&#10;\342\200\250\\u0022",
                                         OPERATION_LINK ("01") MEMBER ("user:\360\237\230\200")))
      SCOPE ("a2", "__proto__", "") SCOPE ("a3", "B\303\274ro", "")));
  g_autofree char *rules = vmp_azman_compile (store);
  g_autofree char *again = vmp_azman_compile (store);
  g_autofree char *digest = vmp_azman_read_digest (rules, strlen (rules));

  g_assert_cmpstr (rules, ==, again);
  g_assert_true (g_str_is_ascii (rules));
  g_assert_nonnull (strstr (rules, "\"scope:\\u0022]}; \\u002f\\u002f\": ["));
  g_assert_nonnull (strstr (rules, "\"\\u002a\\u002f \\u003c\\u002fscript\\u003e\\u000a\\u2028"
                                   "\\u005cu0022\""));
  g_assert_nonnull (strstr (rules, "\"\\ud83d\\ude00\""));
  g_assert_nonnull (strstr (rules, "\"scope:__proto__\""));
  g_assert_nonnull (strstr (rules, "\"scope:B\\u00fcro\""));
  g_assert_cmpstr (digest, ==, store->digest);
  g_assert_null (vmp_azman_read_digest (rules, 100));
  g_assert_null (vmp_azman_read_digest ("", 0));
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/azman/default-store", test_default_store);
  g_test_add_func ("/azman/shape-of-real-stores", test_shape_of_real_stores);
  g_test_add_func ("/azman/scopes", test_scopes);
  g_test_add_func ("/azman/groups", test_groups);
  g_test_add_func ("/azman/unsupported", test_unsupported);
  g_test_add_func ("/azman/reasons", test_reasons);
  g_test_add_func ("/azman/refused", test_refused);
  g_test_add_func ("/azman/ladder", test_ladder);
  g_test_add_func ("/azman/encoding", test_encoding);
  return g_test_run ();
}
