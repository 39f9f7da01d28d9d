/* Authorization stores of any kind: whatever is accepted makes rules in which no name can end a
 * string, and is still accepted after a change. */
#include <string.h>

#include "fuzz.h"
#include "vmp-azman-check.h"
#include "vmp-azman-convert.h"
#include "vmp-azman-edit.h"
#include "vmp-azman-rules.h"

static char *
give_name (const VmpAzmanMember *member, gpointer data)
{
  return member->id % 2 == 0 ? g_strdup ("name") : NULL;
}

static char *
give_member (const char *sid, gpointer data)
{
  return strlen (sid) % 2 == 0 ? g_strdup ("user:ann") : NULL;
}

static void
check_rules (VmpAzman *store)
{
  g_autofree char *rules = vmp_azman_compile (store);
  g_autofree char *digest = vmp_azman_read_digest (rules, strlen (rules));

  g_assert (g_str_is_ascii (rules));
  g_assert_cmpstr (digest, ==, store->digest);
}

static void
check_answers (VmpAzman *store)
{
  const char *const groups[] = { "name", "operators", NULL };
  const VmpAzmanSubject subject = { "ann", groups };
  g_auto (GStrv) scopes = vmp_azman_list_scopes (store);
  gsize n;
  const VmpAzmanKnown *known = vmp_azman_get_known (&n);

  for (gsize s = 0; scopes[s] != NULL; s++)
    for (gsize i = 0; i < n; i++)
      g_ptr_array_unref (vmp_azman_check (store, &subject, known[i].name, scopes[s]));
}

static void
check_change (GBytes *bytes, VmpAzman *store)
{
  const char *const operations[] = { "view", "export", NULL };
  g_autoptr (VmpAzmanEdit) edit = vmp_azman_edit_new (bytes, "store", NULL);
  g_autoptr (GBytes) changed = NULL;
  g_autoptr (VmpAzman) again = NULL;

  g_assert (edit != NULL);
  if (!vmp_azman_edit_add_role (edit, "", "Fuzzer's own", operations, NULL))
    return;
  changed = vmp_azman_edit_write (edit);
  again = vmp_azman_parse (changed, VMP_AZMAN_APPLICATION, "store", NULL);
  /* An operation that was missing may have got the GUID of something else, or been one too many. */
  g_assert (again != NULL || vmp_azman_find_operation (store, "view") == 0
            || vmp_azman_find_operation (store, "export") == 0);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autoptr (GBytes) bytes = g_bytes_new (data, size);
  g_autoptr (VmpAzman) store = vmp_azman_parse (bytes, VMP_AZMAN_APPLICATION, "store", NULL);
  g_autoptr (GPtrArray) decisions = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GBytes) converted
      = vmp_azman_convert (bytes, "store", give_member, NULL, decisions, NULL);

  g_autofree char *digest = vmp_azman_read_digest ((const char *) data, size);

  if (converted != NULL)
    {
      g_autoptr (VmpAzman) ours
          = vmp_azman_parse (converted, VMP_AZMAN_APPLICATION, "store", NULL);

      if (ours != NULL)
        check_rules (ours);
    }
  if (store == NULL)
    return 0;
  vmp_azman_bind (store, give_name, NULL);
  check_rules (store);
  check_answers (store);
  check_change (bytes, store);
  return 0;
}
