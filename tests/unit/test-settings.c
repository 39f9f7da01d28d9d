/* The settings dictionaries: what a caller may write in them, and what counts as left out. */
#include "config.h"

#include <string.h>

#include "vmp-settings.h"
#include "vmport-error.h"

#define UUID "6f1c9a3e-5b0d-4c7e-8a52-000000000001"

static const VmpSettingsKind kinds[] = { VMP_SETTINGS_EXPORT, VMP_SETTINGS_IMPORT };

/* A dictionary from GVariant text, full reference. */
static GVariant *
dictionary (const char *text)
{
  g_autoptr (GError) error = NULL;
  GVariant *dict = g_variant_parse (G_VARIANT_TYPE_VARDICT, text, NULL, NULL, &error);

  g_assert_no_error (error);
  return dict;
}

static VmpSettings *
take (VmpSettingsKind kind, const char *text)
{
  g_autoptr (GVariant) dict = dictionary (text);
  g_autoptr (GError) error = NULL;
  VmpSettings *settings = vmp_settings_new (kind, dict, &error);

  g_assert_no_error (error);
  g_assert_nonnull (settings);
  return settings;
}

/* The call is refused with @code, and the message names @word. */
static void
assert_refused (VmpSettingsKind kind, GVariant *dict, VmportError code, const char *word)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (VmpSettings) settings = vmp_settings_new (kind, dict, &error);

  if (settings != NULL)
    {
      g_autofree char *text = g_variant_print (dict, TRUE);

      g_error ("%s had to be refused", text);
    }
  g_assert_error (error, VMPORT_ERROR, (int) code);
  g_assert_true (g_utf8_validate (error->message, -1, NULL));
  if (strstr (error->message, word) == NULL)
    g_error ("“%s” does not name %s", error->message, word);
}

static void
assert_text_refused (VmpSettingsKind kind, const char *text, VmportError code, const char *word)
{
  g_autoptr (GVariant) dict = dictionary (text);

  assert_refused (kind, dict, code, word);
}

/* What GetImportSettings would say of a machine with two disks and an adapter. */
static GVariant *
prefilled_import (void)
{
  g_autoptr (GVariant) defaults = g_variant_ref_sink (
      vmp_settings_defaults (VMP_SETTINGS_IMPORT, UUID));
  GVariantDict dict;
  static const char *const current[] = { "/var/a.qcow2", "/var/b.qcow2", NULL };
  static const char *const source[] = { "/pkg/a.qcow2", "/pkg/b.qcow2", NULL };
  static const char *const target[] = { "", "", NULL };
  static const char *const network[] = { "bridge:br0", NULL };

  g_variant_dict_init (&dict, defaults);
  g_variant_dict_insert (&dict, "Name", "s", "web");
  g_variant_dict_insert (&dict, "CurrentResourcePaths", "^as", current);
  g_variant_dict_insert (&dict, "SourceResourcePaths", "^as", source);
  g_variant_dict_insert (&dict, "TargetResourcePaths", "^as", target);
  g_variant_dict_insert (&dict, "SourceNetworkConnections", "^as", network);
  g_variant_dict_insert (&dict, "TargetNetworkConnections", "^as", network);
  g_variant_dict_insert (&dict, "SourceVhdDataRoot", "s", "/pkg/Virtual Hard Disks");
  return g_variant_ref_sink (g_variant_dict_end (&dict));
}

static void
test_keys (void)
{
  /* interface.md, "Settings". */
  static const char *const export_keys[] = {
    "Caption", "Description", "ElementName", "InstanceID", "CopyVmStorage",
    "CopyVmRuntimeInformation", "CreateVmExportSubdirectory", "CopySnapshotConfiguration",
    "SnapshotVirtualSystem", "CaptureLiveState", "ExcludedVirtualHardDisks", "Checksum",
    "BandwidthLimit", "DiskFormat", "IncludeRemovableMedia", "DirectoryFd", NULL,
  };
  static const char *const import_keys[] = {
    "Caption", "Description", "ElementName", "InstanceID", "CreateCopy", "GenerateNewId", "Name",
    "SecurityScope", "CurrentResourcePaths", "SourceResourcePaths", "TargetResourcePaths",
    "SourceNetworkConnections", "TargetNetworkConnections", "SourceVmDataRoot",
    "SourceSnapshotDataRoot", "SourceVhdDataRoot", "TargetVmDataRoot", "TargetSnapshotDataRoot",
    "TargetVhdDataRoot", "VerifyChecksums", "BandwidthLimit", "MacAddresses", "DropSavedState",
    "UnsafeDevices", "DirectoryFd", NULL,
  };
  const char *const *const wanted[] = { export_keys, import_keys };

  for (gsize k = 0; k < G_N_ELEMENTS (kinds); k++)
    {
      g_autoptr (GPtrArray) keys = vmp_settings_list_keys (kinds[k]);
      g_autoptr (GVariant) defaults = g_variant_ref_sink (vmp_settings_defaults (kinds[k], UUID));

      g_assert_cmpuint (keys->len, ==, g_strv_length ((GStrv) wanted[k]));
      for (guint i = 0; i < keys->len; i++)
        g_assert_true (g_strv_contains (wanted[k], g_ptr_array_index (keys, i)));
      /* DirectoryFd alone is absent unless it is given. */
      g_assert_cmpuint (g_variant_n_children (defaults), ==, keys->len - 1);
      g_assert_null (g_variant_lookup_value (defaults, "DirectoryFd", NULL));
    }
}

static void
test_defaults (void)
{
  g_autoptr (GVariant) export = g_variant_ref_sink (
      vmp_settings_defaults (VMP_SETTINGS_EXPORT, UUID));
  g_autoptr (GVariant) import = g_variant_ref_sink (
      vmp_settings_defaults (VMP_SETTINGS_IMPORT, UUID));
  g_autoptr (GVariant) wanted_export = dictionary (
      "{'Caption': <'Virtual System Export Setting Data'>,"
      " 'Description': <'VMPort Virtual System Export Setting Data'>,"
      " 'ElementName': <'VMPort Virtual System Export Setting Data'>,"
      " 'InstanceID': <'vmport:" UUID "'>, 'CopyVmStorage': <true>,"
      " 'CopyVmRuntimeInformation': <true>, 'CreateVmExportSubdirectory': <false>,"
      " 'CopySnapshotConfiguration': <byte 0>, 'SnapshotVirtualSystem': <''>,"
      " 'CaptureLiveState': <byte 0>, 'ExcludedVirtualHardDisks': <@as []>,"
      " 'Checksum': <'fs-verity'>, 'BandwidthLimit': <uint64 0>, 'DiskFormat': <'keep'>,"
      " 'IncludeRemovableMedia': <false>}");
  g_autoptr (GVariant) wanted_import = dictionary (
      "{'Caption': <'Virtual System Import Setting Data'>,"
      " 'Description': <'VMPort Virtual System Import Setting Data'>,"
      " 'ElementName': <'VMPort Virtual System Import Setting Data'>,"
      " 'InstanceID': <'vmport:" UUID "'>, 'CreateCopy': <true>, 'GenerateNewId': <true>,"
      " 'Name': <''>, 'SecurityScope': <''>, 'CurrentResourcePaths': <@as []>,"
      " 'SourceResourcePaths': <@as []>, 'TargetResourcePaths': <@as []>,"
      " 'SourceNetworkConnections': <@as []>, 'TargetNetworkConnections': <@as []>,"
      " 'SourceVmDataRoot': <''>, 'SourceSnapshotDataRoot': <''>, 'SourceVhdDataRoot': <''>,"
      " 'TargetVmDataRoot': <''>, 'TargetSnapshotDataRoot': <''>, 'TargetVhdDataRoot': <''>,"
      " 'VerifyChecksums': <true>, 'BandwidthLimit': <uint64 0>, 'MacAddresses': <'auto'>,"
      " 'DropSavedState': <false>, 'UnsafeDevices': <'refuse'>}");
  GVariant *const found[] = { export, import };
  GVariant *const wanted[] = { wanted_export, wanted_import };

  for (gsize k = 0; k < G_N_ELEMENTS (found); k++)
    {
      GVariantIter iter;
      const char *key;
      GVariant *child;

      g_variant_iter_init (&iter, wanted[k]);
      while (g_variant_iter_next (&iter, "{&sv}", &key, &child))
        {
          g_autoptr (GVariant) value = child;
          g_autoptr (GVariant) is = g_variant_lookup_value (found[k], key, NULL);

          g_test_message ("%s", key);
          g_assert_nonnull (is);
          g_assert_cmpvariant (is, value);
        }
      g_assert_cmpuint (g_variant_n_children (found[k]), ==, g_variant_n_children (wanted[k]));
    }
}

static void
test_unknown_keys (void)
{
  for (gsize k = 0; k < G_N_ELEMENTS (kinds); k++)
    {
      assert_text_refused (kinds[k], "{'NoSuchKey': <true>}", VMPORT_ERROR_INVALID_PARAMETER,
                           "NoSuchKey");
      assert_text_refused (kinds[k], "{'copyvmstorage': <true>}", VMPORT_ERROR_INVALID_PARAMETER,
                           "copyvmstorage");
      assert_text_refused (kinds[k], "{'': <true>}", VMPORT_ERROR_INVALID_PARAMETER, "“”");
      /* A message is for a terminal. */
      assert_text_refused (kinds[k], "{'Ev\\u001bil\\u202e': <true>}",
                           VMPORT_ERROR_INVALID_PARAMETER, "“Evil”");
    }
  assert_text_refused (VMP_SETTINGS_EXPORT, "{'CreateCopy': <true>}",
                       VMPORT_ERROR_INVALID_PARAMETER, "CreateCopy");
  assert_text_refused (VMP_SETTINGS_IMPORT, "{'CopyVmStorage': <true>}",
                       VMPORT_ERROR_INVALID_PARAMETER, "CopyVmStorage");
}

/* Every key with every other type; the message names the key and both types. */
static void
test_types (void)
{
  static const char *const samples[] = {
    "true", "byte 1", "int16 1", "uint16 1", "1", "uint32 1", "int64 1", "uint64 1", "1.5", "'s'",
    "objectpath '/o'", "signature 's'", "['a']", "[1]", "('s',)", "<'s'>", "{'k': <1>}",
    "handle 0", "@as []", "b'bytes'",
  };

  for (gsize k = 0; k < G_N_ELEMENTS (kinds); k++)
    {
      g_autoptr (GPtrArray) keys = vmp_settings_list_keys (kinds[k]);
      g_autoptr (GVariant) defaults = g_variant_ref_sink (vmp_settings_defaults (kinds[k], NULL));

      for (guint i = 0; i < keys->len; i++)
        {
          const char *key = g_ptr_array_index (keys, i);
          g_autoptr (GVariant) fallback = g_variant_lookup_value (defaults, key, NULL);
          const char *type = fallback != NULL ? g_variant_get_type_string (fallback) : "h";

          for (gsize s = 0; s < G_N_ELEMENTS (samples); s++)
            {
              g_autofree char *text = g_strdup_printf ("{'%s': <%s>}", key, samples[s]);
              g_autoptr (GVariant) dict = dictionary (text);
              g_autoptr (GVariant) value = g_variant_lookup_value (dict, key, NULL);
              g_autofree char *quoted = g_strdup_printf ("“%s”", type);

              if (g_variant_is_of_type (value, G_VARIANT_TYPE (type)))
                continue;
              g_test_message ("%s", text);
              assert_refused (kinds[k], dict, VMPORT_ERROR_INCORRECT_DATA_TYPE, key);
              assert_refused (kinds[k], dict, VMPORT_ERROR_INCORRECT_DATA_TYPE,
                              g_variant_get_type_string (value));
              assert_refused (kinds[k], dict, VMPORT_ERROR_INCORRECT_DATA_TYPE, quoted);
            }
        }
    }
}

static void
test_constants (void)
{
  static const char *const keys[] = { "Caption", "Description", "ElementName" };

  for (gsize k = 0; k < G_N_ELEMENTS (kinds); k++)
    for (gsize i = 0; i < G_N_ELEMENTS (keys); i++)
      {
        g_autofree char *text = g_strdup_printf ("{'%s': <'mine'>}", keys[i]);
        g_autofree char *empty = g_strdup_printf ("{'%s': <''>}", keys[i]);

        assert_text_refused (kinds[k], text, VMPORT_ERROR_INVALID_PARAMETER, keys[i]);
        assert_text_refused (kinds[k], empty, VMPORT_ERROR_INVALID_PARAMETER, keys[i]);
      }
}

static void
test_choices (void)
{
  static const struct
  {
    VmpSettingsKind kind;
    const char *key;
    const char *choices[8];
  } rows[] = {
    { VMP_SETTINGS_EXPORT, "Checksum", { "fs-verity", "sha256", "none" } },
    { VMP_SETTINGS_EXPORT, "DiskFormat", { "keep", "qcow2", "raw", "vhdx", "vmdk" } },
    { VMP_SETTINGS_IMPORT, "MacAddresses", { "auto", "generate", "keep", "keep-if-free" } },
    { VMP_SETTINGS_IMPORT, "UnsafeDevices", { "refuse", "strip", "keep" } },
  };
  static const char *const wrong[] = { "", "|", "||", "x", "keep|", "|keep|", "none|sha256", "KEEP",
                                       "keep ", "kee" };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      for (gsize n = 0; rows[i].choices[n] != NULL; n++)
        {
          g_autofree char *text = g_strdup_printf ("{'%s': <'%s'>}", rows[i].key,
                                                   rows[i].choices[n]);
          g_autoptr (VmpSettings) settings = take (rows[i].kind, text);

          g_assert_cmpstr (vmp_settings_get_string (settings, rows[i].key), ==,
                           rows[i].choices[n]);
        }
      for (gsize n = 0; n < G_N_ELEMENTS (wrong); n++)
        {
          g_autofree char *text = g_strdup_printf ("{'%s': <'%s'>}", rows[i].key, wrong[n]);

          assert_text_refused (rows[i].kind, text, VMPORT_ERROR_INVALID_PARAMETER, rows[i].key);
        }
    }
}

static void
test_numbers (void)
{
  g_autoptr (VmpSettings) last = take (VMP_SETTINGS_EXPORT,
                                       "{'CopySnapshotConfiguration': <byte 3>,"
                                       " 'CaptureLiveState': <byte 2>,"
                                       " 'BandwidthLimit': <uint64 18446744073709551615>}");

  g_assert_cmpuint (vmp_settings_get_byte (last, "CopySnapshotConfiguration"), ==, 3);
  g_assert_cmpuint (vmp_settings_get_byte (last, "CaptureLiveState"), ==, 2);
  g_assert_cmpuint (vmp_settings_get_uint64 (last, "BandwidthLimit"), ==, G_MAXUINT64);
  assert_text_refused (VMP_SETTINGS_EXPORT, "{'CopySnapshotConfiguration': <byte 4>}",
                       VMPORT_ERROR_INVALID_PARAMETER, "CopySnapshotConfiguration");
  assert_text_refused (VMP_SETTINGS_EXPORT, "{'CaptureLiveState': <byte 3>}",
                       VMPORT_ERROR_INVALID_PARAMETER, "CaptureLiveState");
  assert_text_refused (VMP_SETTINGS_EXPORT, "{'CaptureLiveState': <byte 255>}",
                       VMPORT_ERROR_INVALID_PARAMETER, "255");
}

static void
test_names (void)
{
  static const char *const wrong[] = { "a/b", ".", "..", " ", "a\\u001bb", "a\\nb", "\\u0085" };
  g_autofree char *longest = g_strnfill (255, 'a');
  g_autofree char *long_text = g_strdup_printf ("{'Name': <'%s'>}", longest);
  g_autofree char *longer_text = g_strdup_printf ("{'Name': <'%sa'>}", longest);
  g_autoptr (VmpSettings) settings = take (VMP_SETTINGS_IMPORT, long_text);

  g_assert_cmpstr (vmp_settings_get_string (settings, "Name"), ==, longest);
  assert_text_refused (VMP_SETTINGS_IMPORT, longer_text, VMPORT_ERROR_INVALID_PARAMETER, "Name");
  for (gsize i = 0; i < G_N_ELEMENTS (wrong); i++)
    {
      g_autofree char *text = g_strdup_printf ("{'Name': <'%s'>}", wrong[i]);

      g_test_message ("%s", wrong[i]);
      assert_text_refused (VMP_SETTINGS_IMPORT, text, VMPORT_ERROR_INVALID_PARAMETER, "Name");
    }
}

/* Hyper-V: an empty name counts as not set. */
static void
test_empty_name (void)
{
  g_autoptr (VmpSettings) settings = take (VMP_SETTINGS_IMPORT, "{'Name': <''>}");
  g_autoptr (GVariant) prefilled = prefilled_import ();
  g_autoptr (GError) error = NULL;

  vmp_settings_fill (settings, prefilled, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (vmp_settings_get_string (settings, "Name"), ==, "web");
}

static void
test_paths (void)
{
  static const char *const keys[] = { "SourceVmDataRoot", "SourceSnapshotDataRoot",
                                      "SourceVhdDataRoot", "TargetVmDataRoot",
                                      "TargetSnapshotDataRoot", "TargetVhdDataRoot",
                                      "SourceResourcePaths", "TargetResourcePaths" };
  static const char *const wrong[] = { "a", "a/b", "./a", "/a/./b", "/a/../b", "/..", "//a", "/a/",
                                       "/a//b", "/a\\u0001", "~", "file:///a" };
  g_autofree char *endless = g_strnfill (5000, 'a');

  for (gsize k = 0; k < G_N_ELEMENTS (keys); k++)
    {
      gboolean array = g_str_has_suffix (keys[k], "Paths");
      const char *open = array ? "['/ok', '" : "'", *close = array ? "']" : "'";
      g_autofree char *too_long = g_strdup_printf ("{'%s': <%s/%s%s>}", keys[k], open, endless,
                                                   close);
      g_autofree char *good = g_strdup_printf ("{'%s': <%s/a/b c%s>}", keys[k], open, close);
      g_autofree char *empty = g_strdup_printf ("{'%s': <%s%s>}", keys[k], open, close);
      g_autofree char *relative = g_strdup_printf ("{'%s': <%sa/b%s>, 'DirectoryFd': <handle 0>}",
                                                   keys[k], open, close);
      g_autofree char *up = g_strdup_printf ("{'%s': <%sa/../b%s>, 'DirectoryFd': <handle 0>}",
                                             keys[k], open, close);

      for (gsize i = 0; i < G_N_ELEMENTS (wrong); i++)
        {
          g_autofree char *text = g_strdup_printf ("{'%s': <%s%s%s>}", keys[k], open, wrong[i],
                                                   close);

          g_test_message ("%s", text);
          assert_text_refused (VMP_SETTINGS_IMPORT, text, VMPORT_ERROR_INVALID_PARAMETER, keys[k]);
        }
      assert_text_refused (VMP_SETTINGS_IMPORT, too_long, VMPORT_ERROR_INVALID_PARAMETER, keys[k]);
      g_object_unref (take (VMP_SETTINGS_IMPORT, good));
      g_object_unref (take (VMP_SETTINGS_IMPORT, empty));
      g_object_unref (take (VMP_SETTINGS_IMPORT, relative));
      assert_text_refused (VMP_SETTINGS_IMPORT, up, VMPORT_ERROR_INVALID_PARAMETER, keys[k]);
    }
}

static void
test_directory_fd (void)
{
  for (gsize k = 0; k < G_N_ELEMENTS (kinds); k++)
    {
      g_autoptr (VmpSettings) with = take (kinds[k], "{'DirectoryFd': <handle 3>}");
      g_autoptr (VmpSettings) without = take (kinds[k], "{}");
      g_autoptr (VmpSettings) negative = take (kinds[k], "{'DirectoryFd': <handle -1>}");
      gint32 handle = 7;

      g_assert_true (vmp_settings_lookup_handle (negative, &handle));
      g_assert_cmpint (handle, ==, -1);
      g_assert_true (vmp_settings_lookup_handle (with, &handle));
      g_assert_cmpint (handle, ==, 3);
      g_assert_false (vmp_settings_lookup_handle (without, &handle));
      g_assert_true (vmp_settings_is_given (with, "DirectoryFd"));
      g_assert_false (vmp_settings_is_given (without, "DirectoryFd"));
    }
}

/* D-Bus lets a dictionary hold a key twice. Which of the two would hold? */
static void
test_duplicates (void)
{
  g_autoptr (GVariant) dict = g_variant_ref_sink (
      g_variant_new_parsed ("@a{sv} {'Checksum': <'none'>, 'Checksum': <'sha256'>}"));
  g_autoptr (GVariant) same = g_variant_ref_sink (
      g_variant_new_parsed ("@a{sv} {'Checksum': <'none'>, 'Checksum': <'none'>}"));

  assert_refused (VMP_SETTINGS_EXPORT, dict, VMPORT_ERROR_INVALID_PARAMETER, "Checksum");
  assert_refused (VMP_SETTINGS_EXPORT, same, VMPORT_ERROR_INVALID_PARAMETER, "Checksum");
}

/* Bytes that are no dictionary at all read as something, and never as more than there is. */
static void
test_malformed_data (void)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (20);
  g_autoptr (GVariant) whole = g_variant_ref_sink (
      vmp_settings_defaults (VMP_SETTINGS_IMPORT, UUID));
  gsize size = g_variant_get_size (whole);

  for (guint round = 0; round < 3000; round++)
    {
      g_autofree guint8 *bytes = g_memdup2 (g_variant_get_data (whole), size);
      gsize length = round % 3 == 0 ? (gsize) g_rand_int_range (rand, 0, (gint32) size) : size;
      g_autoptr (GVariant) dict = NULL;
      g_autoptr (VmpSettings) settings = NULL;
      g_autoptr (GError) error = NULL;

      for (guint i = 0; i < 1 + round % 7; i++)
        bytes[g_rand_int_range (rand, 0, (gint32) size)] = (guint8) g_rand_int (rand);
      dict = g_variant_ref_sink (g_variant_new_from_data (G_VARIANT_TYPE_VARDICT, bytes, length,
                                                          FALSE, NULL, NULL));
      settings = vmp_settings_new (VMP_SETTINGS_IMPORT, dict, &error);
      g_assert_true ((settings == NULL) == (error != NULL));
      if (error != NULL)
        g_assert_true (g_utf8_validate (error->message, -1, NULL));
    }
}

static void
assert_fill_refused (const char *text, const char *word)
{
  g_autoptr (VmpSettings) settings = take (VMP_SETTINGS_IMPORT, text);
  g_autoptr (GVariant) prefilled = prefilled_import ();
  g_autoptr (GError) error = NULL;

  g_assert_false (vmp_settings_fill (settings, prefilled, &error));
  g_assert_error (error, VMPORT_ERROR, VMPORT_ERROR_INVALID_PARAMETER);
  g_assert_nonnull (strstr (error->message, word));
}

static void
test_array_lengths (void)
{
  static const char *const paths[] = { "SourceResourcePaths", "TargetResourcePaths" };

  for (gsize i = 0; i < G_N_ELEMENTS (paths); i++)
    {
      g_autofree char *shorter = g_strdup_printf ("{'%s': <['']>}", paths[i]);
      g_autofree char *longer = g_strdup_printf ("{'%s': <['', '', '']>}", paths[i]);

      assert_fill_refused (shorter, paths[i]);
      assert_fill_refused (longer, paths[i]);
    }
  assert_fill_refused ("{'TargetNetworkConnections': <['', '']>}", "TargetNetworkConnections");
  assert_fill_refused ("{'TargetNetworkConnections': <@as []>}", "TargetNetworkConnections");
  assert_fill_refused ("{'SourceResourcePaths': <@as []>}", "SourceResourcePaths");
}

static void
test_read_only (void)
{
  assert_fill_refused ("{'InstanceID': <'vmport:00000000-0000-4000-8000-000000000000'>}", "InstanceID");
  assert_fill_refused ("{'CurrentResourcePaths': <['/var/a.qcow2', '/etc/shadow']>}",
                       "CurrentResourcePaths");
  assert_fill_refused ("{'CurrentResourcePaths': <@as []>}", "CurrentResourcePaths");
  assert_fill_refused ("{'SourceNetworkConnections': <['user']>}", "SourceNetworkConnections");
}

/* An element that still equals its pre-filled value counts as left out. */
static void
test_left_out (void)
{
  g_autoptr (VmpSettings) settings = take (
      VMP_SETTINGS_IMPORT,
      "{'SourceResourcePaths': <['/pkg/a.qcow2', '/else/b.qcow2']>,"
      " 'SourceVhdDataRoot': <'/pkg/Virtual Hard Disks'>, 'TargetResourcePaths': <['', '/t']>,"
      " 'Name': <'web'>, 'GenerateNewId': <true>, 'CreateCopy': <true>}");
  g_autoptr (GVariant) prefilled = prefilled_import ();
  g_autoptr (GError) error = NULL;

  vmp_settings_fill (settings, prefilled, &error);
  g_assert_no_error (error);
  g_assert_null (vmp_settings_get_given_element (settings, "SourceResourcePaths", 0));
  g_assert_cmpstr (vmp_settings_get_given_element (settings, "SourceResourcePaths", 1), ==,
                   "/else/b.qcow2");
  g_assert_null (vmp_settings_get_given_element (settings, "SourceResourcePaths", 2));
  g_assert_null (vmp_settings_get_given_element (settings, "TargetResourcePaths", 0));
  g_assert_cmpstr (vmp_settings_get_given_element (settings, "TargetResourcePaths", 1), ==, "/t");
  g_assert_true (vmp_settings_is_given (settings, "SourceResourcePaths"));
  g_assert_false (vmp_settings_is_given (settings, "SourceVhdDataRoot"));
  g_assert_false (vmp_settings_is_given (settings, "Name"));
  g_assert_false (vmp_settings_is_given (settings, "GenerateNewId"));
  g_assert_false (vmp_settings_is_given (settings, "MacAddresses"));
}

/* Handing back the whole dictionary that Get…Settings returned is always valid. */
static void
test_handed_back (void)
{
  g_autoptr (GVariant) import = prefilled_import ();
  g_autoptr (GVariant) export = g_variant_ref_sink (
      vmp_settings_defaults (VMP_SETTINGS_EXPORT, UUID));
  GVariant *const whole[] = { export, import };

  for (gsize k = 0; k < G_N_ELEMENTS (kinds); k++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (VmpSettings) settings = vmp_settings_new (kinds[k], whole[k], &error);
      g_autoptr (GPtrArray) keys = vmp_settings_list_keys (kinds[k]);

      g_assert_no_error (error);
      vmp_settings_fill (settings, whole[k], &error);
      g_assert_no_error (error);
      for (guint i = 0; i < keys->len; i++)
        g_assert_false (vmp_settings_is_given (settings, g_ptr_array_index (keys, i)));
    }
}

/* People read them: in the order of the contract's table. */
static void
test_order (void)
{
  g_autoptr (GVariant) import = prefilled_import ();

  for (gsize k = 0; k < G_N_ELEMENTS (kinds); k++)
    {
      g_autoptr (GVariant) defaults = g_variant_ref_sink (vmp_settings_defaults (kinds[k], UUID));
      g_autoptr (GVariant) sorted = g_variant_ref_sink (
          vmp_settings_sort (kinds[k], kinds[k] == VMP_SETTINGS_IMPORT ? import : defaults));
      g_autoptr (GPtrArray) keys = vmp_settings_list_keys (kinds[k]);
      GVariant *const both[] = { defaults, sorted };

      g_assert_cmpstr (g_ptr_array_index (keys, keys->len - 1), ==, "DirectoryFd");
      for (gsize i = 0; i < G_N_ELEMENTS (both); i++)
        {
          g_assert_cmpuint (g_variant_n_children (both[i]), ==, keys->len - 1);
          for (guint key = 0; key < keys->len - 1; key++)
            {
              const char *name;

              g_variant_get_child (both[i], key, "{&s@v}", &name, NULL);
              g_assert_cmpstr (name, ==, g_ptr_array_index (keys, key));
            }
        }
    }
}

/* What is no machine's at all needs no directory to be refused; and people read the choices. */
static void
test_words (void)
{
  assert_text_refused (VMP_SETTINGS_IMPORT, "{'InstanceID': <'web'>}",
                       VMPORT_ERROR_INVALID_PARAMETER, "InstanceID");
  assert_text_refused (VMP_SETTINGS_IMPORT, "{'InstanceID': <'vmport:web'>}",
                       VMPORT_ERROR_INVALID_PARAMETER, "InstanceID");
  assert_text_refused (VMP_SETTINGS_EXPORT, "{'Checksum': <'md5'>}",
                       VMPORT_ERROR_INVALID_PARAMETER, "fs-verity, sha256, none");
}

/* What a mode does not use, and only where it was set to something else than its default. */
static void
test_unused (void)
{
  static const struct
  {
    VmpSettingsKind kind;
    const char *text;
    const char *unused;
  } rows[] = {
    { VMP_SETTINGS_EXPORT, "{}", "" },
    { VMP_SETTINGS_EXPORT, "{'SnapshotVirtualSystem': <'monday'>}", "SnapshotVirtualSystem" },
    { VMP_SETTINGS_EXPORT, "{'SnapshotVirtualSystem': <''>}", "" },
    { VMP_SETTINGS_EXPORT, "{'CaptureLiveState': <byte 1>}", "CaptureLiveState" },
    { VMP_SETTINGS_EXPORT, "{'CaptureLiveState': <byte 0>}", "" },
    { VMP_SETTINGS_EXPORT,
      "{'SnapshotVirtualSystem': <'monday'>, 'CopySnapshotConfiguration': <byte 2>}", "" },
    { VMP_SETTINGS_EXPORT,
      "{'CopyVmStorage': <false>, 'CopyVmRuntimeInformation': <false>, "
      "'CopySnapshotConfiguration': <byte 3>}",
      "CopyVmStorage CopyVmRuntimeInformation" },
    { VMP_SETTINGS_EXPORT, "{'CopyVmStorage': <false>}", "" },
    { VMP_SETTINGS_IMPORT, "{'TargetVhdDataRoot': <'/x'>}", "" },
    { VMP_SETTINGS_IMPORT, "{'CreateCopy': <false>, 'TargetVhdDataRoot': <'/x'>}",
      "TargetVhdDataRoot" },
    { VMP_SETTINGS_IMPORT, "{'CreateCopy': <false>, 'TargetVhdDataRoot': <''>}", "" },
    { VMP_SETTINGS_IMPORT, "{'CreateCopy': <false>, 'TargetResourcePaths': <@as []>}", "" },
    { VMP_SETTINGS_IMPORT,
      "{'CreateCopy': <false>, 'TargetResourcePaths': <['/x/a']>, 'TargetVmDataRoot': <'/x'>, "
      "'TargetSnapshotDataRoot': <'/x'>, 'TargetNetworkConnections': <['user']>}",
      "TargetResourcePaths TargetVmDataRoot TargetSnapshotDataRoot" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autoptr (VmpSettings) settings = take (rows[i].kind, rows[i].text);
      g_autoptr (GPtrArray) unused = vmp_settings_list_unused (settings);
      g_autofree char *joined = NULL;

      g_ptr_array_add (unused, NULL);
      joined = g_strjoinv (" ", (GStrv) unused->pdata);
      g_assert_cmpstr (joined, ==, rows[i].unused);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/settings/keys", test_keys);
  g_test_add_func ("/settings/defaults", test_defaults);
  g_test_add_func ("/settings/unknown-keys", test_unknown_keys);
  g_test_add_func ("/settings/types", test_types);
  g_test_add_func ("/settings/constants", test_constants);
  g_test_add_func ("/settings/choices", test_choices);
  g_test_add_func ("/settings/numbers", test_numbers);
  g_test_add_func ("/settings/names", test_names);
  g_test_add_func ("/settings/empty-name", test_empty_name);
  g_test_add_func ("/settings/paths", test_paths);
  g_test_add_func ("/settings/directory-fd", test_directory_fd);
  g_test_add_func ("/settings/duplicates", test_duplicates);
  g_test_add_func ("/settings/malformed-data", test_malformed_data);
  g_test_add_func ("/settings/array-lengths", test_array_lengths);
  g_test_add_func ("/settings/read-only", test_read_only);
  g_test_add_func ("/settings/left-out", test_left_out);
  g_test_add_func ("/settings/handed-back", test_handed_back);
  g_test_add_func ("/settings/order", test_order);
  g_test_add_func ("/settings/words", test_words);
  g_test_add_func ("/settings/unused", test_unused);
  return g_test_run ();
}
