/* Who a SID is on this host, where winbind knows. The user databases do not: they find users and groups
 * by name and number alone, so winbind is asked for the number, and they have the name (tried with
 * winbind 4.17: getpwnam and getgrnam of a SID find nobody). */
#include "config.h"

#include "vmp-ctl-sid.h"

#if VMP_HAVE_WBCLIENT
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <wbclient.h>

/* Some maps give a SID a number of each kind; then the domain says what it is. */
static enum wbcIdType
find_type (const struct wbcDomainSid *sid)
{
  char *domain = NULL, *name = NULL;
  enum wbcSidType type = WBC_SID_NAME_UNKNOWN;

  if (wbcLookupSid (sid, &domain, &name, &type) != WBC_ERR_SUCCESS)
    return WBC_ID_TYPE_NOT_SPECIFIED;
  wbcFreeMemory (domain);
  wbcFreeMemory (name);
  switch (type)
    {
    case WBC_SID_NAME_USER:
      return WBC_ID_TYPE_UID;
    case WBC_SID_NAME_DOM_GRP:
    case WBC_SID_NAME_ALIAS:
    case WBC_SID_NAME_WKN_GRP:
      return WBC_ID_TYPE_GID;
    default:
      return WBC_ID_TYPE_NOT_SPECIFIED;
    }
}
#endif

/* As a SID of a uid or gid, which Samba writes as S-1-22; NULL where nobody knows, or winbind does not
 * run. */
char *
vmp_ctl_sid_find (const char *sid)
{
#if VMP_HAVE_WBCLIENT
  struct wbcDomainSid parsed;
  struct wbcUnixId id = { .type = WBC_ID_TYPE_NOT_SPECIFIED };

  if (wbcStringToSid (sid, &parsed) != WBC_ERR_SUCCESS
      || wbcSidsToUnixIds (&parsed, 1, &id) != WBC_ERR_SUCCESS)
    return NULL;
  if (id.type == WBC_ID_TYPE_BOTH)
    id.type = find_type (&parsed);
  if (id.type == WBC_ID_TYPE_UID)
    return g_strdup_printf ("S-1-22-1-%u", (guint) id.id.uid);
  if (id.type == WBC_ID_TYPE_GID)
    return g_strdup_printf ("S-1-22-2-%u", (guint) id.id.gid);
#endif
  return NULL;
}
