/* libwbclient, with what winbind knows in FAKE_WINBIND: words of a SID, "=" and a letter before a number.
 *
 *   S-1-5-21-1-2-3-1104=u1000   a user; g a group; U and G have numbers of both kinds
 *
 * A real winbindd knows SIDs of domains alone, and there is none to be a member of. */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#include <wbclient.h>

wbcErr
wbcStringToSid (const char *text, struct wbcDomainSid *sid)
{
  char *at;

  memset (sid, 0, sizeof *sid);
  if (strncmp (text, "S-1-", 4) != 0)
    return WBC_ERR_INVALID_SID;
  sid->sid_rev_num = 1;
  sid->id_auth[5] = (uint8_t) strtoul (text + 4, &at, 10);
  while (*at == '-' && sid->num_auths < WBC_MAXSUBAUTHS)
    sid->sub_auths[sid->num_auths++] = (uint32_t) strtoul (at + 1, &at, 10);
  return *at == '\0' ? WBC_ERR_SUCCESS : WBC_ERR_INVALID_SID;
}

/* What stands behind "=", or NULL. */
static const char *
find (const struct wbcDomainSid *sid)
{
  const char *at = getenv ("FAKE_WINBIND");

  while (at != NULL && *at != '\0')
    {
      size_t length = strcspn (at, "=");
      char text[200] = "";
      struct wbcDomainSid known;

      if (length >= sizeof text || at[length] == '\0')
        return NULL;
      memcpy (text, at, length);
      if (wbcStringToSid (text, &known) == WBC_ERR_SUCCESS
          && memcmp (&known, sid, sizeof known) == 0)
        return at + length + 1;
      at += length;
      at += strcspn (at, " ");
      at += strspn (at, " ");
    }
  return NULL;
}

wbcErr
wbcSidsToUnixIds (const struct wbcDomainSid *sids, uint32_t n, struct wbcUnixId *ids)
{
  if (getenv ("FAKE_WINBIND") == NULL)
    return WBC_ERR_WINBIND_NOT_AVAILABLE;
  for (uint32_t i = 0; i < n; i++)
    {
      const char *known = find (&sids[i]);

      ids[i].type = known == NULL      ? WBC_ID_TYPE_NOT_SPECIFIED
                    : known[0] == 'u'  ? WBC_ID_TYPE_UID
                    : known[0] == 'g'  ? WBC_ID_TYPE_GID
                                       : WBC_ID_TYPE_BOTH;
      if (known != NULL)
        ids[i].id.uid = (uid_t) strtoul (known + 1, NULL, 10);
    }
  return WBC_ERR_SUCCESS;
}

wbcErr
wbcLookupSid (const struct wbcDomainSid *sid, char **domain, char **name, enum wbcSidType *type)
{
  const char *known = find (sid);

  if (known == NULL)
    return WBC_ERR_DOMAIN_NOT_FOUND;
  *domain = strdup ("LAB");
  *name = strdup ("somebody");
  *type = known[0] == 'U' ? WBC_SID_NAME_USER
          : known[0] == 'G' ? WBC_SID_NAME_DOM_GRP
                            : WBC_SID_NAME_COMPUTER;
  return WBC_ERR_SUCCESS;
}

void
wbcFreeMemory (void *memory)
{
  free (memory);
}
