/* The snapshots of one domain of libvirt's: read into the model, and defined from it.
 *
 * libvirt keeps of a snapshot what it was told, the configuration that the domain had then among it,
 * and goes back to that configuration when somebody reverts to it. So a snapshot's document goes
 * through the same door as the domain's own, in both directions. */
#include "config.h"

#include "vmp-libvirt-snapshot.h"

#include <glib/gi18n-lib.h>
#include <libvirt/virterror.h>
#include <string.h>

#include "vmp-error.h"
#include "vmp-libvirt-error.h"
#include "vmp-libvirt-private.h"
#include "vmp-libvirt-reading.h"

/* Somebody deletes snapshots as fast as they are read, or libvirt contradicts itself. */
#define MAX_ATTEMPTS 4

typedef struct
{
  virDomainSnapshotPtr *snapshots;
  int n;
} List;

static void
list_clear (List *list)
{
  for (int i = 0; i < list->n; i++)
    virDomainSnapshotFree (list->snapshots[i]);
  free (list->snapshots);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (List, list_clear)

/* Parents first. Drivers without snapshots have none. */
static gboolean
list_snapshots (virDomainPtr domain, List *list, GError **error)
{
  list->n = virDomainListAllSnapshots (domain, &list->snapshots,
                                       VIR_DOMAIN_SNAPSHOT_LIST_TOPOLOGICAL);
  if (list->n >= 0)
    return TRUE;
  list->n = 0;
  return virGetLastErrorCode () == VIR_ERR_NO_SUPPORT
         || vmp_libvirt_error_set (error, "Cannot ask for the machine's snapshots");
}

/* Of a snapshot's configuration, notes are the machine's of that time. */
static void
clear_notes (VmpDomain *domain)
{
  vmp_domain_set_note (domain, VMP_DOMAIN_NOTE_AUTOSTART, NULL);
  vmp_domain_set_note (domain, VMP_DOMAIN_NOTE_SCOPE, NULL);
  vmp_domain_set_note (domain, VMP_DOMAIN_NOTE_JOB, NULL);
}

static void
complete_domain (VmpDomain *domain, virConnectPtr connection, VmpLibvirtHost *host)
{
  if (domain == NULL)
    return;
  vmp_libvirt_complete_domain (domain, connection, host);
  clear_notes (domain);
}

/* NULL without an error where it was deleted meanwhile. */
static VmpSnapshot *
read_snapshot (virDomainPtr domain, virDomainSnapshotPtr snapshot, VmpLibvirtHost *host,
               GError **error)
{
  virConnectPtr connection = virDomainGetConnect (domain);
  char *xml = virDomainSnapshotGetXMLDesc (snapshot, 0);
  g_autofree char *resolved = NULL;
  g_autoptr (GPtrArray) unsafe = NULL;
  g_autoptr (VmpSnapshot) model = NULL;

  if (xml == NULL)
    {
      if (virGetLastErrorCode () != VIR_ERR_NO_DOMAIN_SNAPSHOT)
        vmp_libvirt_error_set (error, "Cannot ask for a snapshot's configuration");
      return NULL;
    }
  resolved = vmp_snapshot_resolve_volumes (xml, vmp_libvirt_resolve_volume, domain, error);
  free (xml);
  if (resolved == NULL)
    return NULL;
  model = vmp_snapshot_new_from_xml (resolved, strlen (resolved), &unsafe, error);
  if (model == NULL || !vmp_libvirt_check_disks (unsafe, error))
    return NULL;
  complete_domain (vmp_snapshot_get_domain (model), connection, host);
  complete_domain (vmp_snapshot_get_inactive_domain (model), connection, host);
  vmp_snapshot_set_current (model, virDomainSnapshotIsCurrent (snapshot, 0) > 0);
  return g_steal_pointer (&model);
}

/* FALSE without an error where one of them was deleted meanwhile: its children have another parent
 * now. */
static gboolean
read_all (virDomainPtr domain, const List *list, VmpLibvirtHost *host, GPtrArray *models,
          GError **error)
{
  for (int i = 0; i < list->n; i++)
    {
      g_autoptr (GError) local = NULL;
      VmpSnapshot *model = read_snapshot (domain, list->snapshots[i], host, &local);

      if (model == NULL)
        {
          if (local != NULL)
            g_propagate_prefixed_error (error, g_steal_pointer (&local), _ ("Snapshot “%s”: "),
                                        virDomainSnapshotGetName (list->snapshots[i]));
          return FALSE;
        }
      g_ptr_array_add (models, model);
    }
  return TRUE;
}

/* Of VmpSnapshot, parents first. A snapshot that vmport cannot take in is an error, which says so.
 * Blocking. */
GPtrArray *
vmp_libvirt_read_snapshots (virDomainPtr domain, VmpLibvirtHost *host, GError **error)
{
  for (guint attempt = 0; attempt < MAX_ATTEMPTS; attempt++)
    {
      g_autoptr (GPtrArray) models = g_ptr_array_new_with_free_func (g_object_unref);
      g_autoptr (GError) local = NULL;
      g_auto (List) list = { NULL, 0 };

      if (!list_snapshots (domain, &list, error))
        return NULL;
      if (list.n > VMP_SNAPSHOTS_MAX)
        {
          vmp_error_set (error, VMPORT_ERROR_NOT_SUPPORTED,
                         _ ("The machine has %u snapshots; at most %d are read"), (guint) list.n,
                         VMP_SNAPSHOTS_MAX);
          return NULL;
        }
      if (read_all (domain, &list, host, models, &local))
        return vmp_snapshot_list_sort (models, error);
      if (local != NULL)
        {
          g_propagate_error (error, g_steal_pointer (&local));
          return NULL;
        }
    }
  vmp_error_set (error, VMPORT_ERROR_IN_USE,
                 _ ("The snapshots of the machine change while they are read"));
  return NULL;
}

/* What goes to libvirt is written afresh from the model, and what libvirt does not know of it is an
 * error instead of being dropped. */
static gboolean
define_snapshot (virDomainPtr domain, VmpSnapshot *snapshot, GError **error)
{
  g_autoptr (VmpSnapshot) copy = vmp_snapshot_copy (snapshot);
  unsigned int flags
      = VIR_DOMAIN_SNAPSHOT_CREATE_REDEFINE | VIR_DOMAIN_SNAPSHOT_CREATE_VALIDATE
        | (vmp_snapshot_is_current (snapshot) ? VIR_DOMAIN_SNAPSHOT_CREATE_CURRENT : 0);
  g_autofree char *xml = NULL;
  virDomainSnapshotPtr defined;

  /* Said by a flag. */
  vmp_snapshot_set_current (copy, FALSE);
  clear_notes (vmp_snapshot_get_domain (copy));
  if (vmp_snapshot_get_inactive_domain (copy) != NULL)
    clear_notes (vmp_snapshot_get_inactive_domain (copy));
  xml = vmp_snapshot_to_xml (copy);
  defined = virDomainSnapshotCreateXML (domain, xml, flags);
  if (defined == NULL)
    return vmp_libvirt_error_set (error, _ ("libvirt does not take the snapshot “%s”"),
                                  vmp_snapshot_get_name (snapshot));
  virDomainSnapshotFree (defined);
  return TRUE;
}

/* @snapshots, of VmpSnapshot and parents first: their data is there already. Blocking. */
gboolean
vmp_libvirt_define_snapshots (virDomainPtr domain, GPtrArray *snapshots, GError **error)
{
  for (guint i = 0; i < snapshots->len; i++)
    if (!define_snapshot (domain, g_ptr_array_index (snapshots, i), error))
      return FALSE;
  return TRUE;
}

/* Has the domain snapshots that are not @known by name? Blocking. */
gboolean
vmp_libvirt_find_other_snapshots (virDomainPtr domain, const char *const *known, gboolean *found,
                                  GError **error)
{
  g_auto (List) list = { NULL, 0 };

  if (!list_snapshots (domain, &list, error))
    return FALSE;
  *found = FALSE;
  for (int i = 0; i < list.n; i++)
    *found = *found || !g_strv_contains (known, virDomainSnapshotGetName (list.snapshots[i]));
  return TRUE;
}
