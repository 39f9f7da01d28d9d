/* What an import would do, settled by its settings: sources, names, networks, and what stands in
 * the way, as findings. */
#include "config.h"

#include "vmp-import-plan-private.h"

#include <fcntl.h>
#include <glib/gi18n-lib.h>
#include <string.h>

#include "vmp-at.h"
#include "vmp-error.h"
#include "vmp-fd.h"
#include "vmp-name.h"

static void
add_finding (VmpImportPlan *self, VmpFinding *finding, GVariant *resolution)
{
  if (resolution != NULL)
    vmp_finding_set_resolution (finding, resolution);
  g_ptr_array_add (self->findings, finding);
}

static GVariant *
resolve_with (const char *key, GVariant *value)
{
  GVariantDict dict;

  g_variant_dict_init (&dict, NULL);
  g_variant_dict_insert_value (&dict, key, value);
  return g_variant_dict_end (&dict);
}

/* An explicit path wins over a root, and a root over what lies in the directory. */
static void
settle_sources (VmpImportPlan *self, VmpSettings *settings)
{
  const char *root = vmp_settings_is_given (settings, "SourceVhdDataRoot")
                         ? vmp_settings_get_string (settings, "SourceVhdDataRoot")
                         : NULL;

  for (guint i = 0; i < self->disks->len; i++)
    {
      VmpImportDisk *disk = g_ptr_array_index (self->disks, i);
      const char *given = vmp_settings_get_given_element (settings, "SourceResourcePaths", i);
      g_autofree char *folder = NULL;

      if (given != NULL && given[0] != '\0')
        folder = g_path_get_dirname (given);
      else if (root != NULL && root[0] != '\0')
        folder = g_strdup (root);
      for (guint n = 0; n < disk->images->len; n++)
        {
          VmpImportFile *image = g_ptr_array_index (disk->images, n);
          g_autofree char *base = g_path_get_basename (image->member != NULL ? image->member
                                                                             : image->path);
          g_autofree char *path = NULL;

          if (folder == NULL)
            continue;
          path = n == 0 && given != NULL && given[0] != '\0' ? g_strdup (given)
                                                             : g_build_filename (folder, base, NULL);
          image->source = vmp_source_list_add_path (self->sources, path, image->format);
        }
    }
}

static gboolean
check_file (VmpImportPlan *self, VmpImportFile *file, VmpSettings *settings, GError **error)
{
  guint64 size = 0;

  g_variant_lookup (vmp_source_list_get_reading (self->sources, file->source), "Size", "t", &size);
  if (vmp_settings_get_boolean (settings, "VerifyChecksums") && file->size != G_MAXUINT64
      && file->size != size)
    return vmp_error_set (error, VMPORT_ERROR_CORRUPT,
                          _ ("“%s” has %" G_GUINT64_FORMAT " bytes; the package states %"
                             G_GUINT64_FORMAT),
                          file->member, size, file->size);
  return TRUE;
}

/* The overlay's header must name the image that the configuration puts beneath it, and the lowest
 * one none: what the header says is what a hypervisor would open. */
static gboolean
check_backing (VmpImportPlan *self, VmpImportDisk *disk, guint index, GError **error)
{
  VmpImportFile *image = g_ptr_array_index (disk->images, index);
  VmpImportFile *below = index + 1 < disk->images->len
                             ? g_ptr_array_index (disk->images, index + 1)
                             : NULL;
  GVariant *reading = vmp_source_list_get_reading (self->sources, image->source);
  const char *target = disk->target;
  const char *backing = NULL;
  g_autofree char *named = NULL;
  g_autofree char *wanted = NULL;

  g_variant_lookup (reading, "BackingFile", "&s", &backing);
  if (below == NULL && backing == NULL)
    return TRUE;
  if (below == NULL || backing == NULL)
    return vmp_error_set (error, VMPORT_ERROR_CORRUPT,
                          _ ("The backing chain of the disk “%s” is not the one that its images "
                             "name (“%s”)"),
                          target, backing != NULL ? backing : "none");
  named = g_path_get_basename (backing);
  wanted = g_path_get_basename (self->bare || below->member == NULL ? below->path : below->member);
  if (strcmp (named, wanted) != 0)
    return vmp_error_set (error, VMPORT_ERROR_CORRUPT,
                          _ ("An image of the disk “%s” names “%s” as its backing file; “%s” is "
                             "expected"),
                          target, named, wanted);
  return TRUE;
}

static gboolean
check_image (VmpImportPlan *self, guint position, VmpImportDisk *disk, guint index,
             VmpSettings *settings, GError **error)
{
  VmpImportFile *image = g_ptr_array_index (disk->images, index);
  const char *target = disk->target;
  g_autoptr (GError) local_error = NULL;

  if (image->format == NULL)
    {
      add_finding (self,
                   vmp_finding_new (VMP_FINDING_UNSAFE_IMAGE, "SourceResourcePaths",
                                    (int) position,
                                    _ ("The disk “%s” has no stated format; state it in the "
                                       "configuration (<driver type=…/>), it is not guessed"),
                                    target),
                   NULL);
      return TRUE;
    }
  if (image->source == VMP_NO_SOURCE)
    {
      add_finding (self,
                   vmp_finding_new (VMP_FINDING_SOURCE_MISSING, "SourceResourcePaths",
                                    (int) position,
                                    _ ("The disk “%s” (“%s”) is not in the directory; say where it "
                                       "is with SourceResourcePaths or SourceVhdDataRoot"),
                                    target, image->path),
                   NULL);
      return TRUE;
    }
  if (vmp_source_list_check (self->sources, image->source, &local_error))
    return check_file (self, image, settings, error) && check_backing (self, disk, index, error);
  if (g_error_matches (local_error, VMPORT_ERROR, VMPORT_ERROR_NOT_FOUND))
    add_finding (self,
                 vmp_finding_new (VMP_FINDING_SOURCE_MISSING, "SourceResourcePaths",
                                  (int) position, _ ("The disk “%s”: %s"), target,
                                  local_error->message),
                 NULL);
  else if (g_error_matches (local_error, VMPORT_ERROR, VMPORT_ERROR_UNSAFE))
    add_finding (self,
                 vmp_finding_new (VMP_FINDING_UNSAFE_IMAGE, "SourceResourcePaths", (int) position,
                                  _ ("The disk “%s”: %s"), target, local_error->message),
                 NULL);
  else
    {
      g_propagate_prefixed_error (error, g_steal_pointer (&local_error), _ ("The disk “%s”: "),
                                  target);
      return FALSE;
    }
  return TRUE;
}

static gboolean
check_images (VmpImportPlan *self, VmpSettings *settings, GError **error)
{
  for (guint i = 0; i < self->disks->len; i++)
    {
      VmpImportDisk *disk = g_ptr_array_index (self->disks, i);

      for (guint n = 0; n < disk->images->len; n++)
        if (!check_image (self, i, disk, n, settings, error))
          return FALSE;
    }
  return TRUE;
}

static const char *const file_names[VMP_DOMAIN_N_FILES] = {
  [VMP_DOMAIN_FILE_KERNEL] = "kernel",
  [VMP_DOMAIN_FILE_INITRD] = "initrd",
  [VMP_DOMAIN_FILE_DTB] = "dtb",
  [VMP_DOMAIN_FILE_LOADER] = "loader.fd",
  [VMP_DOMAIN_FILE_NVRAM] = "nvram.fd",
};

/* A kernel that is not a member is a file of this host, which the machine's author has no claim
 * to. UEFI variables that were never written are made anew by the hypervisor. */
static gboolean
check_files (VmpImportPlan *self, VmpSettings *settings, GError **error)
{
  for (guint i = 0; i < VMP_DOMAIN_N_FILES; i++)
    {
      VmpImportFile *file = self->files[i];
      const char *path = vmp_domain_get_file (self->domain, i);

      if (path == NULL)
        continue;
      if (file != NULL)
        {
          file->base = g_strdup (file_names[i]);
          if (!vmp_source_list_check (self->sources, file->source, error)
              || !check_file (self, file, settings, error))
            return FALSE;
          continue;
        }
      if (i != VMP_DOMAIN_FILE_NVRAM
          && strcmp (vmp_settings_get_string (settings, "UnsafeDevices"), "refuse") == 0)
        add_finding (self,
                     vmp_finding_new (VMP_FINDING_UNSAFE_DEVICE, "UnsafeDevices", -1,
                                      _ ("The %s “%s” is not a file of the directory, but one of "
                                         "this host"),
                                      file_names[i], path),
                     resolve_with ("UnsafeDevices", g_variant_new_string ("strip")));
      vmp_domain_set_file (self->domain, i, NULL);
    }
  return TRUE;
}

/* Stripping moves the disks that follow. One that has no file and is still there is no device that
 * could be stripped, and nothing that could run. */
static void
find_disks_again (VmpImportPlan *self)
{
  for (guint i = 0; i < vmp_domain_get_n_disks (self->domain); i++)
    {
      const char *target = vmp_domain_get_disk_target (self->domain, i);
      gboolean found = FALSE;

      for (guint n = 0; n < self->disks->len; n++)
        {
          VmpImportDisk *disk = g_ptr_array_index (self->disks, n);

          if (strcmp (disk->target, target) != 0)
            continue;
          disk->disk = i;
          found = TRUE;
        }
      if (!found && vmp_domain_get_disk_device (self->domain, i) == VMP_DISK_DEVICE_DISK)
        add_finding (self,
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

      add_finding (self,
                   vmp_finding_new (VMP_FINDING_UNSAFE_DEVICE, "UnsafeDevices", -1, "%s: %s",
                                    where, why),
                   resolve_with ("UnsafeDevices", g_variant_new_string ("strip")));
    }
  if (strcmp (policy, "keep") != 0)
    vmp_domain_strip_unsafe (self->domain);
  find_disks_again (self);
}

static void
eject_media (VmpImportPlan *self)
{
  static const char *const nothing[] = { NULL };

  for (guint i = 0; i < vmp_domain_get_n_disks (self->domain); i++)
    {
      if (vmp_domain_get_disk_device (self->domain, i) == VMP_DISK_DEVICE_DISK
          || vmp_domain_get_n_images (self->domain, i) == 0)
        continue;
      add_finding (self,
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

static gboolean
settle_networks (VmpImportPlan *self, VmpSettings *settings, GError **error)
{
  const char *const *targets = vmp_settings_get_strv (settings, "TargetNetworkConnections");

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
      vmp_domain_set_interface_source (self->domain, i, VMP_NETWORK_NONE, NULL);
      if (before[0] == '\0')
        continue;
      add_finding (self,
                   vmp_finding_new (VMP_FINDING_NETWORK_MISSING, "TargetNetworkConnections",
                                    (int) i,
                                    _ ("The adapter %u was connected to “%s”; it is left "
                                       "disconnected"),
                                    i, before),
                   NULL);
    }
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

static void
settle_mac (VmpImportPlan *self, guint interface, const char *policy)
{
  VmpMachines *machines = vmp_run_get_machines (self->run);
  const char *mac = vmp_domain_get_interface_mac (self->domain, interface);
  gboolean taken = mac != NULL && vmp_machines_is_mac_taken (machines, mac);

  if (strcmp (policy, "keep") == 0 && mac != NULL)
    {
      if (taken)
        add_finding (self,
                     vmp_finding_new (VMP_FINDING_MAC_IN_USE, "MacAddresses", -1,
                                      _ ("The MAC address %s is in use"), mac),
                     resolve_with ("MacAddresses", g_variant_new_string ("keep-if-free")));
      return;
    }
  if (strcmp (policy, "keep-if-free") == 0 && mac != NULL && !taken)
    return;
  for (;;)
    {
      g_autofree char *generated = new_mac ();

      if (vmp_machines_is_mac_taken (machines, generated))
        continue;
      vmp_domain_set_interface_mac (self->domain, interface, generated);
      return;
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
    add_finding (self,
                 vmp_finding_new (VMP_FINDING_ID_IN_USE, "GenerateNewId", -1,
                                  _ ("The id %s is in use"), vmp_domain_get_uuid (self->domain)),
                 resolve_with ("GenerateNewId", g_variant_new_boolean (TRUE)));
  if (vmp_machines_is_name_taken (machines, name))
    {
      g_autofree char *other = NULL;

      for (guint n = 2; other == NULL || vmp_machines_is_name_taken (machines, other); n++)
        {
          g_free (other);
          other = g_strdup_printf ("%s-%u", name, n);
        }
      add_finding (self,
                   vmp_finding_new (VMP_FINDING_NAME_IN_USE, "Name", -1,
                                    _ ("The name “%s” is in use"), name),
                   resolve_with ("Name", g_variant_new_string (other)));
    }
  if (strcmp (policy, "auto") == 0)
    policy = new_id ? "generate" : "keep";
  for (guint i = 0; i < vmp_domain_get_n_interfaces (self->domain); i++)
    settle_mac (self, i, policy);
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
      if (!vmp_package_check_configuration (self->package, self->configuration_verity, error))
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
    add_finding (self,
                 vmp_finding_new (VMP_FINDING_CHECKSUM_MISSING, "VerifyChecksums", -1,
                                  _ ("There are no digests of some files, so whether they are whole "
                                     "cannot be checked")),
                 NULL);
  return TRUE;
}

/* Names for the images where they go, and told apart there. */
static void
name_images (VmpImportPlan *self)
{
  g_autoptr (GHashTable) taken = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);

  for (guint i = 0; i < self->disks->len; i++)
    {
      VmpImportDisk *disk = g_ptr_array_index (self->disks, i);

      for (guint n = 0; n < disk->images->len; n++)
        {
          VmpImportFile *image = g_ptr_array_index (disk->images, n);

          if (image->format != NULL)
            image->base = vmp_package_name_image (
                image->member != NULL ? image->member : image->path, image->format, taken);
        }
    }
}

/* What goes into the manager's own place must fit there, unless it can be shared instead. */
static gboolean
check_space (VmpImportPlan *self, VmpSettings *settings, GError **error)
{
  g_auto (GStrv) roots = vmp_machines_list_roots (vmp_run_get_machines (self->run));
  const char *target = vmp_settings_get_string (settings, "TargetVhdDataRoot");
  vmp_autofd int fd = vmp_at_open_absolute (roots[0], O_RDONLY | O_DIRECTORY, error);
  guint64 needed = 0;
  VmpFinding *finding;
  VmpSpace space;

  if (fd < 0 || !vmp_fd_get_space (fd, &space, error))
    return FALSE;
  for (guint i = 0; i < self->disks->len && target[0] == '\0'; i++)
    {
      VmpImportDisk *disk = g_ptr_array_index (self->disks, i);
      const char *given = vmp_settings_get_given_element (settings, "TargetResourcePaths", i);

      for (guint n = 0; n < disk->images->len && (given == NULL || given[0] == '\0'); n++)
        {
          VmpImportFile *image = g_ptr_array_index (disk->images, n);
          guint64 device = 0;

          if (image->source == VMP_NO_SOURCE
              || !vmp_source_list_check (self->sources, image->source, NULL))
            continue;
          g_variant_lookup (vmp_source_list_get_reading (self->sources, image->source), "Device",
                            "t", &device);
          if (!space.can_share || device != space.device)
            needed += vmp_source_list_get_payload (self->sources, image->source);
        }
    }
  if (needed <= space.free_bytes)
    return TRUE;
  finding = vmp_finding_new (VMP_FINDING_NOT_ENOUGH_SPACE, "", -1,
                             _ ("The import needs %" G_GUINT64_FORMAT " bytes in “%s”; %"
                                G_GUINT64_FORMAT " are free"),
                             needed, roots[0], space.free_bytes);
  finding->bytes = needed;
  add_finding (self, finding, NULL);
  return TRUE;
}

static void
note_size (VmpImportPlan *self)
{
  guint64 bytes = vmp_import_plan_get_payload (self);
  g_autofree char *size = g_format_size_full (bytes, G_FORMAT_SIZE_IEC_UNITS);
  VmpFinding *finding = vmp_finding_new (VMP_FINDING_PACKAGE_SIZE, "", -1,
                                         _ ("%s are to be copied"), size);

  finding->bytes = bytes;
  add_finding (self, finding, NULL);
}

/* Settles everything by @settings. FALSE for what no finding can say: a right that is missing, a
 * broken package, a setting that cannot be. Findings of severity error stop an import as well;
 * they are for the caller to look at. Once for each plan. Blocking. */
gboolean
vmp_import_plan_settle (VmpImportPlan *self, VmpSettings *settings, GError **error)
{
  Identity identity = { self, settings };

  if (!vmp_settings_fill (settings, self->prefilled, error)
      || !vmp_settings_check_supported (settings, error))
    return FALSE;
  check_devices (self, settings);
  settle_sources (self, settings);
  if (!vmp_source_list_send (self->sources, self->worker, error)
      || !check_images (self, settings, error) || !check_files (self, settings, error)
      || !check_digests (self, settings, error) || !check_space (self, settings, error))
    return FALSE;
  eject_media (self);
  if (!settle_networks (self, settings, error))
    return FALSE;
  name_images (self);
  vmp_run_in_main (settle_identity, &identity);
  note_size (self);
  return TRUE;
}
