/* What an import would do, settled by its settings: sources, names, networks, and what stands in
 * the way, as findings. */
#include "config.h"

#include "vmp-import-plan-private.h"

#include <glib/gi18n-lib.h>
#include <string.h>

#include "vmp-error.h"
#include "vmp-import-snapshots.h"
#include "vmp-name.h"

/* @resolution may be NULL, or floating. */
void
vmp_import_plan_add_finding (VmpImportPlan *self, VmpFinding *finding, GVariant *resolution)
{
  if (resolution != NULL)
    vmp_finding_set_resolution (finding, resolution);
  g_ptr_array_add (self->findings, finding);
}

GVariant *
vmp_import_resolve_with (const char *key, GVariant *value)
{
  GVariantDict dict;

  g_variant_dict_init (&dict, NULL);
  g_variant_dict_insert_value (&dict, key, value);
  return g_variant_dict_end (&dict);
}

static void
report_unused (VmpImportPlan *self, VmpSettings *settings)
{
  g_autoptr (GPtrArray) unused = vmp_settings_list_unused (settings);

  for (guint i = 0; i < unused->len; i++)
    {
      const char *key = g_ptr_array_index (unused, i);

      vmp_import_plan_add_finding (self,
                                   vmp_finding_new (VMP_FINDING_SETTING_UNUSED, key, -1,
                                                    _ ("%s has no use where the machine is "
                                                       "imported in place (CreateCopy=false)"),
                                                    key),
                                   NULL);
    }
}

/* Stripping moves the disks that follow. One that has no file and is still there is no device that
 * could be stripped, and nothing that could run. */
static gboolean
find_drive (GPtrArray *drives, const char *target, guint disk)
{
  for (guint i = 0; i < drives->len; i++)
    {
      VmpImportDisk *drive = g_ptr_array_index (drives, i);

      if (strcmp (drive->target, target) != 0)
        continue;
      drive->disk = disk;
      return TRUE;
    }
  return FALSE;
}

static void
find_disks_again (VmpImportPlan *self)
{
  for (guint i = 0; i < vmp_domain_get_n_disks (self->domain); i++)
    {
      const char *target = vmp_domain_get_disk_target (self->domain, i);

      if (!find_drive (self->disks, target, i) && !find_drive (self->media, target, i)
          && vmp_domain_get_disk_device (self->domain, i) == VMP_DISK_DEVICE_DISK
          && !vmp_domain_is_disk_unsafe (self->domain, i))
        vmp_import_plan_add_finding (self,
                     vmp_finding_new (VMP_FINDING_UNSAFE_IMAGE, "", -1,
                                      _ ("The disk “%s” has no file as its source"), target),
                     NULL);
    }
}

static void
check_devices (VmpImportPlan *self, VmpSettings *settings)
{
  const char *policy = vmp_settings_get_string (settings, "UnsafeDevices");
  GVariantIter iter;
  const char *location, *reason;
  gboolean keepable;

  g_variant_iter_init (&iter, self->unsafe);
  while (strcmp (policy, "refuse") == 0
         && g_variant_iter_next (&iter, "(&s&sb)", &location, &reason, &keepable))
    {
      g_autofree char *where = vmp_name_clean (location, 200);
      g_autofree char *why = vmp_name_clean (reason, 500);

      vmp_import_plan_add_finding (self,
                   vmp_finding_new (VMP_FINDING_UNSAFE_DEVICE, "UnsafeDevices", -1, "%s: %s",
                                    where, why),
                   vmp_import_resolve_with ("UnsafeDevices", g_variant_new_string ("strip")));
    }
  if (strcmp (policy, "keep") != 0)
    vmp_domain_strip_unsafe (self->domain);
  vmp_import_plan_check_snapshot_devices (self, policy);
  find_disks_again (self);
}

static void
eject_media (VmpImportPlan *self)
{
  static const char *const nothing[] = { NULL };

  for (guint i = 0; i < vmp_domain_get_n_disks (self->domain); i++)
    {
      if (vmp_domain_get_disk_device (self->domain, i) == VMP_DISK_DEVICE_DISK
          || vmp_domain_get_n_images (self->domain, i) == 0
          || find_drive (self->media, vmp_domain_get_disk_target (self->domain, i), i))
        continue;
      vmp_import_plan_add_finding (self,
                   vmp_finding_new (VMP_FINDING_MEDIA_LEFT_BEHIND, "", -1,
                                    _ ("The medium in “%s” does not go along"),
                                    vmp_domain_get_disk_target (self->domain, i)),
                   NULL);
      vmp_domain_set_images (self->domain, i, nothing, nothing);
    }
}

/* `network:NAME`, `bridge:NAME`, `user`, or a bare NAME that only one kind has. */
static gboolean
find_network (VmpImportPlan *self, const char *given, const char **found, GError **error)
{
  guint matches = 0;

  *found = NULL;
  for (gsize i = 0; self->networks[i] != NULL; i++)
    {
      const char *colon = strchr (self->networks[i], ':');

      if (strcmp (self->networks[i], given) == 0)
        {
          *found = self->networks[i];
          return TRUE;
        }
      if (colon != NULL && strcmp (colon + 1, given) == 0)
        {
          *found = self->networks[i];
          matches++;
        }
    }
  if (matches == 1)
    return TRUE;
  if (matches > 1)
    return vmp_error_set (error, VMPORT_ERROR_AMBIGUOUS,
                          _ ("TargetNetworkConnections: “%s” is the name of a bridge and of a "
                             "network; write bridge:%s or network:%s"),
                          given, given, given);
  return vmp_error_set (error, VMPORT_ERROR_INVALID_PARAMETER,
                        _ ("TargetNetworkConnections: there is no network “%s” here; see the "
                           "manager's NetworkConnections"),
                        given);
}

static void
connect_to (VmpImportPlan *self, guint interface, const char *network)
{
  if (g_str_has_prefix (network, "network:"))
    vmp_domain_set_interface_source (self->domain, interface, VMP_NETWORK_NETWORK,
                                     network + strlen ("network:"));
  else if (g_str_has_prefix (network, "bridge:"))
    vmp_domain_set_interface_source (self->domain, interface, VMP_NETWORK_BRIDGE,
                                     network + strlen ("bridge:"));
  else
    vmp_domain_set_interface_source (self->domain, interface, VMP_NETWORK_USER, NULL);
}

/* For the snapshots, which have the same adapters, or others like them. */
static void
note_adapters (VmpImportPlan *self, VmpDomain *before)
{
  for (guint i = 0; i < vmp_domain_get_n_interfaces (self->domain); i++)
    {
      VmpImportAdapter *adapter;

      if (vmp_domain_is_interface_unsafe (self->domain, i))
        continue;
      adapter = g_new0 (VmpImportAdapter, 1);
      adapter->mac = g_strdup (vmp_domain_get_interface_mac (before, i));
      adapter->connection = vmp_domain_get_interface_connection (before, i);
      adapter->kind = vmp_domain_get_interface_kind (self->domain, i);
      adapter->source = g_strdup (vmp_domain_get_interface_source (self->domain, i));
      g_ptr_array_add (self->adapters, adapter);
    }
}

static gboolean
settle_networks (VmpImportPlan *self, VmpSettings *settings, GError **error)
{
  const char *const *targets = vmp_settings_get_strv (settings, "TargetNetworkConnections");
  g_autoptr (VmpDomain) unchanged = vmp_domain_copy (self->domain);

  for (guint i = 0; i < vmp_domain_get_n_interfaces (self->domain) && targets[i] != NULL; i++)
    {
      g_autofree char *before = vmp_domain_get_interface_connection (self->domain, i);
      const char *network;

      if (targets[i][0] != '\0')
        {
          if (!find_network (self, targets[i], &network, error))
            return FALSE;
          connect_to (self, i, network);
          continue;
        }
      /* Whether one that is passed through stays is not a matter of networks. */
      if (vmp_domain_is_interface_unsafe (self->domain, i))
        continue;
      vmp_domain_set_interface_source (self->domain, i, VMP_NETWORK_NONE, NULL);
      if (before[0] == '\0')
        continue;
      vmp_import_plan_add_finding (self,
                   vmp_finding_new (VMP_FINDING_NETWORK_MISSING, "TargetNetworkConnections",
                                    (int) i,
                                    _ ("The adapter %u was connected to “%s”; it is left "
                                       "disconnected"),
                                    i, before),
                   NULL);
    }
  note_adapters (self, unchanged);
  return TRUE;
}

static char *
new_mac (void)
{
  guint32 random = g_random_int ();

  /* QEMU's own prefix, as libvirt's generated addresses have it. */
  return g_strdup_printf ("52:54:00:%02x:%02x:%02x", random & 0xff, random >> 8 & 0xff,
                          random >> 16 & 0xff);
}

typedef struct
{
  VmpImportPlan *plan;
  VmpSettings *settings;
} Identity;

/* The address that an adapter will have in the place of @mac, which may be NULL. */
static char *
choose_mac (VmpImportPlan *self, const char *mac, const char *policy)
{
  VmpMachines *machines = vmp_run_get_machines (self->run);
  gboolean taken = mac != NULL && vmp_machines_is_mac_taken (machines, mac);

  if (strcmp (policy, "keep") == 0 && mac != NULL)
    {
      if (taken)
        vmp_import_plan_add_finding (self,
                     vmp_finding_new (VMP_FINDING_MAC_IN_USE, "MacAddresses", -1,
                                      _ ("The MAC address %s is in use"), mac),
                     vmp_import_resolve_with ("MacAddresses", g_variant_new_string ("keep-if-free")));
      return g_strdup (mac);
    }
  if (strcmp (policy, "keep-if-free") == 0 && mac != NULL && !taken)
    return g_strdup (mac);
  for (;;)
    {
      g_autofree char *generated = new_mac ();

      if (!vmp_machines_is_mac_taken (machines, generated))
        return g_steal_pointer (&generated);
    }
}

static void
settle_mac (VmpImportPlan *self, guint interface, const char *policy)
{
  const char *before = vmp_domain_get_interface_mac (self->domain, interface);
  g_autofree char *mac = choose_mac (self, before, policy);

  if (before != NULL)
    g_hash_table_insert (self->macs, g_ascii_strdown (before, -1), g_strdup (mac));
  vmp_domain_set_interface_mac (self->domain, interface, mac);
}

/* An adapter that is in several snapshots has the same address in all of them. */
static void
settle_snapshot_macs (VmpImportPlan *self, VmpDomain *domain, const char *policy)
{
  for (guint i = 0; domain != NULL && i < vmp_domain_get_n_interfaces (domain); i++)
    {
      const char *mac = vmp_domain_get_interface_mac (domain, i);
      g_autofree char *key = mac != NULL ? g_ascii_strdown (mac, -1) : NULL;

      if (key != NULL && !g_hash_table_contains (self->macs, key))
        g_hash_table_insert (self->macs, g_steal_pointer (&key), choose_mac (self, mac, policy));
    }
}

/* In the main thread, which has the inventory. */
static void
settle_identity (gpointer data)
{
  Identity *identity = data;
  VmpImportPlan *self = identity->plan;
  VmpMachines *machines = vmp_run_get_machines (self->run);
  gboolean new_id = vmp_settings_get_boolean (identity->settings, "GenerateNewId");
  const char *name = vmp_settings_get_string (identity->settings, "Name");
  const char *policy = vmp_settings_get_string (identity->settings, "MacAddresses");

  vmp_domain_set_name (self->domain, name);
  if (new_id)
    {
      g_autofree char *uuid = g_uuid_string_random ();

      vmp_domain_set_uuid (self->domain, uuid);
    }
  else if (vmp_machines_is_uuid_taken (machines, vmp_domain_get_uuid (self->domain)))
    vmp_import_plan_add_finding (self,
                 vmp_finding_new (VMP_FINDING_ID_IN_USE, "GenerateNewId", -1,
                                  _ ("The id %s is in use"), vmp_domain_get_uuid (self->domain)),
                 vmp_import_resolve_with ("GenerateNewId", g_variant_new_boolean (TRUE)));
  if (vmp_machines_is_name_taken (machines, name))
    {
      g_autofree char *other = NULL;

      for (guint n = 2; other == NULL || vmp_machines_is_name_taken (machines, other); n++)
        {
          g_free (other);
          other = g_strdup_printf ("%s-%u", name, n);
        }
      vmp_import_plan_add_finding (self,
                   vmp_finding_new (VMP_FINDING_NAME_IN_USE, "Name", -1,
                                    _ ("The name “%s” is in use"), name),
                   vmp_import_resolve_with ("Name", g_variant_new_string (other)));
    }
  if (strcmp (policy, "auto") == 0)
    policy = new_id ? "generate" : "keep";
  for (guint i = 0; i < vmp_domain_get_n_interfaces (self->domain); i++)
    settle_mac (self, i, policy);
  for (guint i = 0; i < self->snapshots->len; i++)
    {
      VmpSnapshot *model = ((VmpImportSnapshot *) g_ptr_array_index (self->snapshots, i))->model;

      settle_snapshot_macs (self, vmp_snapshot_get_domain (model), policy);
      settle_snapshot_macs (self, vmp_snapshot_get_inactive_domain (model), policy);
    }
}

/* The first of all, as an import is refused for it before it reads anything. */
static void
check_scope (VmpImportPlan *self, VmpSettings *settings)
{
  VmpScopes *scopes = vmp_machines_get_scopes (vmp_run_get_machines (self->run));
  g_autoptr (GError) error = NULL;

  if (vmp_scopes_check_defined (scopes, vmp_settings_get_string (settings, "SecurityScope"),
                                &error))
    return;
  vmp_import_plan_add_finding (self,
                               vmp_finding_new (VMP_FINDING_SCOPE_UNKNOWN, "SecurityScope", -1,
                                                "%s", error->message),
                               vmp_import_resolve_with ("SecurityScope",
                                                        g_variant_new_string ("")));
}

static gboolean
check_digests (VmpImportPlan *self, VmpSettings *settings, GError **error)
{
  VmpPackageFile *configuration;
  gboolean missing = self->bare;

  if (!vmp_settings_get_boolean (settings, "VerifyChecksums"))
    return TRUE;
  if (!self->bare)
    {
      configuration = vmp_package_find_role (self->package, VMP_ROLE_CONFIGURATION);
      missing = configuration->verity == NULL;
      if (!vmp_package_check_document (configuration, self->configuration_verity, error)
          || !vmp_import_plan_check_snapshot_digests (self, &missing, error))
        return FALSE;
    }
  for (guint i = 0; i < self->disks->len; i++)
    {
      VmpImportDisk *disk = g_ptr_array_index (self->disks, i);

      for (guint n = 0; n < disk->images->len; n++)
        {
          VmpImportFile *image = g_ptr_array_index (disk->images, n);

          missing = missing || (image->verity == NULL && image->sha256 == NULL);
        }
    }
  if (missing)
    vmp_import_plan_add_finding (self,
                 vmp_finding_new (VMP_FINDING_CHECKSUM_MISSING, "VerifyChecksums", -1,
                                  _ ("There are no digests of some files, so whether they are whole "
                                     "cannot be checked")),
                 NULL);
  return TRUE;
}

static void
note_size (VmpImportPlan *self, VmpSettings *settings)
{
  gboolean copies = vmp_settings_get_boolean (settings, "CreateCopy");
  g_autoptr (GPtrArray) files = vmp_import_plan_list_files (self);
  guint64 bytes = 0;
  g_autofree char *size = NULL;
  VmpFinding *finding;

  for (guint i = 0; i < files->len; i++)
    {
      VmpImportFile *file = g_ptr_array_index (files, i);

      if (file->source != VMP_NO_SOURCE
          && vmp_source_list_check (self->sources, file->source, NULL))
        bytes += vmp_source_list_get_payload (self->sources, file->source);
    }
  size = g_format_size_full (bytes, G_FORMAT_SIZE_IEC_UNITS);
  finding = vmp_finding_new (VMP_FINDING_PACKAGE_SIZE, "", -1,
                             copies ? _ ("%s are to be copied") : _ ("%s are used where they lie"),
                             size);
  finding->bytes = bytes;
  finding->outdated
      = !vmp_scopes_are_in_force (vmp_machines_get_scopes (vmp_run_get_machines (self->run)));
  vmp_import_plan_add_finding (self, finding, NULL);
}

/* Settles everything by @settings. FALSE for what no finding can say: a right that is missing, a
 * broken package, a setting that cannot be. Findings of severity error stop an import as well;
 * they are for the caller to look at. Once for each plan. Blocking. */
gboolean
vmp_import_plan_settle (VmpImportPlan *self, VmpSettings *settings, GError **error)
{
  Identity identity = { self, settings };

  vmp_scopes_refresh (vmp_machines_get_scopes (vmp_run_get_machines (self->run)));
  check_scope (self, settings);
  if (!vmp_settings_fill (settings, self->prefilled, error))
    return FALSE;
  report_unused (self, settings);
  /* Before any device goes: the settings count those of the package. */
  if (!settle_networks (self, settings, error))
    return FALSE;
  check_devices (self, settings);
  if (!vmp_import_plan_settle_sources (self, settings, error)
      || !vmp_import_plan_settle_snapshots (self, settings, error)
      || !check_digests (self, settings, error)
      || !vmp_import_plan_check_claims (self, error))
    return FALSE;
  eject_media (self);
  vmp_run_in_main (settle_identity, &identity);
  if (!vmp_import_plan_settle_state (self, settings, error)
      || !vmp_import_plan_settle_targets (self, settings, error)
      || !vmp_machines_examine (vmp_run_get_machines (self->run), self->domain, self->findings,
                                error))
    return FALSE;
  note_size (self, settings);
  return TRUE;
}
