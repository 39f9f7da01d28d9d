/* vmportctl scope convert: makes an authorization store of one of Hyper-V's. */
#include "config.h"

#include <fcntl.h>
#include <glib/gi18n-lib.h>
#include <string.h>

#include "vmp-at.h"
#include "vmp-azman-convert.h"
#include "vmp-ctl-scope.h"
#include "vmp-ctl-sid.h"
#include "vmp-ctl-store.h"
#include "vmp-ctl-text.h"
#include "vmp-error.h"
#include "vmp-fd.h"

#define MAX_MAP_BYTES (1024 * 1024)

static GBytes *
read_file (const char *path, gsize max, GError **error)
{
  vmp_autofd int fd = vmp_at_open_absolute (path, O_RDONLY, error);
  g_autofree char *what = g_strdup_printf ("“%s”", path);

  return fd >= 0 ? vmp_fd_read_all (fd, max, what, error) : NULL;
}

/* Lines of a SID, blanks and a member; # begins a comment. */
static gboolean
read_map (const char *path, GHashTable *map, GError **error)
{
  g_autoptr (GBytes) bytes = read_file (path, MAX_MAP_BYTES, error);
  g_autofree char *text = NULL;
  g_auto (GStrv) lines = NULL;
  gsize size;
  const char *data;

  if (bytes == NULL)
    return FALSE;
  data = g_bytes_get_data (bytes, &size);
  text = g_strndup (data, size);
  if (strlen (text) != size || !g_utf8_validate (text, -1, NULL))
    return vmp_error_set (error, VMPORT_ERROR_INVALID_PARAMETER, _ ("“%s” is not text"), path);
  lines = g_strsplit (text, "\n", -1);
  for (gsize i = 0; lines[i] != NULL; i++)
    {
      char *line = g_strstrip (lines[i]);
      gsize length = strcspn (line, " \t");
      g_autofree char *sid = g_strndup (line, length);
      const char *member = g_strchug (line + length);
      g_autoptr (VmpAzmanMember) from = NULL;
      g_autoptr (VmpAzmanMember) to = NULL;

      if (line[0] == '\0' || line[0] == '#')
        continue;
      from = vmp_azman_member_new (sid, NULL);
      to = vmp_azman_member_new (member, error);
      if (to != NULL && (from == NULL || !g_str_has_prefix (sid, "S-")))
        vmp_error_set (error, VMPORT_ERROR_INVALID_PARAMETER, _ ("“%s” is no SID"), sid);
      if (to == NULL || from == NULL || !g_str_has_prefix (sid, "S-"))
        {
          g_prefix_error (error, _ ("“%s”, line %u: "), path, (guint) i + 1);
          return FALSE;
        }
      g_hash_table_insert (map, g_strdup (sid), g_strdup (member));
    }
  return TRUE;
}

/* By the map, or of a domain's SIDs by winbind. */
static char *
find_member (const char *sid, gpointer data)
{
  const char *member = g_hash_table_lookup (data, sid);

  if (member != NULL)
    return g_strdup (member);
  return g_str_has_prefix (sid, "S-1-5-21-") ? vmp_ctl_sid_find (sid) : NULL;
}

static void
print_decisions (GPtrArray *decisions)
{
  for (guint i = 0; i < decisions->len; i++)
    {
      g_autofree char *clean = vmp_ctl_text_clean (decisions->pdata[i]);

      g_printerr ("%s\n", clean);
    }
}

/* On standard output, or in the store's place. */
static VmpCtlStatus
put (VmpCtlStore *store, gboolean install, GBytes *content)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (VmpAzman) azman = NULL;
  gsize size;
  const char *text = g_bytes_get_data (content, &size);

  if (install)
    {
      if (!vmp_ctl_store_lock (store, &error) || !vmp_ctl_store_commit (store, content, &error))
        return vmp_ctl_fail (error);
      return VMP_CTL_OK;
    }
  azman = vmp_azman_parse (content, VMP_AZMAN_APPLICATION, _ ("The converted store"), &error);
  if (azman == NULL)
    return vmp_ctl_fail (error);
  g_print ("%.*s", (int) size, text);
  return VMP_CTL_OK;
}

VmpCtlStatus
vmp_ctl_scope_convert (VmpCtl *ctl, int argc, char **argv)
{
  g_auto (VmpCtlStore) store = VMP_CTL_STORE_INIT;
  g_autofree char *map_path = NULL;
  gboolean install = FALSE;
  const GOptionEntry entries[] = {
    { "sid-map", 0, 0, G_OPTION_ARG_FILENAME, &map_path,
      N_ ("Lines of a SID and the user:NAME or group:NAME that it stands for"), N_ ("FILE") },
    { "install", 0, 0, G_OPTION_ARG_NONE, &install,
      N_ ("Put the new store in the place of the one that is there, and into force"), NULL },
    VMP_CTL_STORE_OPTIONS (&store), VMP_CTL_STORE_CHANGE_OPTIONS (&store), { NULL }
  };
  g_autoptr (GHashTable) map = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  g_autoptr (GPtrArray) decisions = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GBytes) from = NULL;
  g_autoptr (GBytes) to = NULL;
  g_autoptr (GError) error = NULL;
  VmpCtlStatus status = vmp_ctl_parse (
      ctl, &argc, &argv, _ ("FILE"),
      _ ("Makes a store of one of Hyper-V's, prints it, and tells on standard error what became of "
         "each role."),
      entries, 1, 1);

  if (status != VMP_CTL_OK)
    return status;
  if (map_path != NULL && !read_map (map_path, map, &error))
    return vmp_ctl_fail (error);
  from = read_file (argv[1], VMP_AZMAN_MAX_BYTES, &error);
  if (from == NULL)
    return vmp_ctl_fail (error);
  to = vmp_azman_convert (from, argv[1], find_member, map, decisions, &error);
  if (to == NULL)
    return vmp_ctl_fail (error);
  print_decisions (decisions);
  return put (&store, install, to);
}
