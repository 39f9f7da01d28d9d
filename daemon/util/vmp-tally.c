/* How many of something each user has; users with none take no room. */
#include "config.h"

#include "vmp-tally.h"

GHashTable *
vmp_tally_new (void)
{
  return g_hash_table_new (NULL, NULL);
}

/* How many @uid has after @change, which 0 only asks. */
guint
vmp_tally_change (GHashTable *tally, uid_t uid, int change)
{
  guint n = GPOINTER_TO_UINT (g_hash_table_lookup (tally, GUINT_TO_POINTER (uid)));

  n += (guint) change;
  if (n > 0)
    g_hash_table_insert (tally, GUINT_TO_POINTER (uid), GUINT_TO_POINTER (n));
  else
    g_hash_table_remove (tally, GUINT_TO_POINTER (uid));
  return n;
}
