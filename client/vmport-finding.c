/* One thing that a check found, and the settings that would mend it. */
#include "config.h"

#include "vmport-finding.h"

#include "vmport-enums.h"

/**
 * VmportFinding:
 *
 * One thing that a check of an export or import found, or that stopped a job. The object never
 * changes.
 *
 * [method@Settings.apply_finding] puts its resolution into settings.
 */
struct _VmportFinding
{
  GObject parent_instance;

  /* Keeps the strings that the getters return alive. */
  GVariant *dictionary;
  GVariant *resolution;
};

enum
{
  PROP_CODE = 1,
  PROP_SEVERITY,
  PROP_MESSAGE,
  PROP_SETTING,
  PROP_INDEX,
  PROP_RESOLUTION,
  PROP_BYTES,
  N_PROPERTIES
};

static GParamSpec *properties[N_PROPERTIES];

G_DEFINE_FINAL_TYPE (VmportFinding, vmport_finding, G_TYPE_OBJECT)

static void
vmport_finding_finalize (GObject *object)
{
  VmportFinding *self = VMPORT_FINDING (object);

  g_clear_pointer (&self->dictionary, g_variant_unref);
  g_clear_pointer (&self->resolution, g_variant_unref);
  G_OBJECT_CLASS (vmport_finding_parent_class)->finalize (object);
}

static void
vmport_finding_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  VmportFinding *self = VMPORT_FINDING (object);

  switch (id)
    {
    case PROP_CODE:
      g_value_set_string (value, vmport_finding_get_code (self));
      break;
    case PROP_SEVERITY:
      g_value_set_enum (value, (int) vmport_finding_get_severity (self));
      break;
    case PROP_MESSAGE:
      g_value_set_string (value, vmport_finding_get_message (self));
      break;
    case PROP_SETTING:
      g_value_set_string (value, vmport_finding_get_setting (self));
      break;
    case PROP_INDEX:
      g_value_set_int (value, vmport_finding_get_index (self));
      break;
    case PROP_RESOLUTION:
      g_value_set_variant (value, self->resolution);
      break;
    case PROP_BYTES:
      g_value_set_uint64 (value, vmport_finding_get_bytes (self));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
vmport_finding_class_init (VmportFindingClass *klass)
{
  const GParamFlags flags = G_PARAM_READABLE | G_PARAM_STATIC_STRINGS;
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->finalize = vmport_finding_finalize;
  object_class->get_property = vmport_finding_get_property;

  /**
   * VmportFinding:code: (getter get_code)
   *
   * What was found, such as `NameInUse`; org.vmport.Manager.xml lists them.
   */
  properties[PROP_CODE] = g_param_spec_string ("code", NULL, NULL, NULL, flags);
  /**
   * VmportFinding:severity: (getter get_severity)
   *
   * How much it matters.
   */
  properties[PROP_SEVERITY] = g_param_spec_enum (
    "severity", NULL, NULL, VMPORT_TYPE_FINDING_SEVERITY, VMPORT_FINDING_SEVERITY_WARNING, flags);
  /**
   * VmportFinding:message: (getter get_message)
   *
   * A sentence for a person, in the daemon's locale. It may hold names that strangers chose: clean
   * it before it reaches a terminal.
   */
  properties[PROP_MESSAGE] = g_param_spec_string ("message", NULL, NULL, NULL, flags);
  /**
   * VmportFinding:setting: (getter get_setting)
   *
   * The D-Bus name of the setting that it is about; empty for none.
   */
  properties[PROP_SETTING] = g_param_spec_string ("setting", NULL, NULL, NULL, flags);
  /**
   * VmportFinding:index: (getter get_index)
   *
   * The position in the array of that setting; -1 for none.
   */
  properties[PROP_INDEX] = g_param_spec_int ("index", NULL, NULL, G_MININT, G_MAXINT, -1, flags);
  /**
   * VmportFinding:resolution: (getter get_resolution)
   *
   * The settings that would mend it, an `a{sv}`; empty where none would.
   */
  properties[PROP_RESOLUTION]
    = g_param_spec_variant ("resolution", NULL, NULL, G_VARIANT_TYPE_VARDICT, NULL, flags);
  /**
   * VmportFinding:bytes: (getter get_bytes)
   *
   * How many bytes it speaks of, where it does; else 0.
   */
  properties[PROP_BYTES] = g_param_spec_uint64 ("bytes", NULL, NULL, 0, G_MAXUINT64, 0, flags);
  g_object_class_install_properties (object_class, N_PROPERTIES, properties);
}

static void
vmport_finding_init (VmportFinding *self)
{
}

/**
 * vmport_finding_new_from_variant:
 * @finding: an `a{sv}` as checks return them. Consumed if floating
 *
 * Returns: (transfer full): a new finding
 */
VmportFinding *
vmport_finding_new_from_variant (GVariant *finding)
{
  VmportFinding *self;

  g_return_val_if_fail (finding != NULL, NULL);
  g_return_val_if_fail (g_variant_is_of_type (finding, G_VARIANT_TYPE_VARDICT), NULL);

  self = g_object_new (VMPORT_TYPE_FINDING, NULL);
  self->dictionary = g_variant_ref_sink (finding);
  self->resolution = g_variant_lookup_value (finding, "Resolution", G_VARIANT_TYPE_VARDICT);
  if (self->resolution == NULL)
    self->resolution = g_variant_ref_sink (g_variant_new_array (G_VARIANT_TYPE ("{sv}"), NULL, 0));
  return self;
}

/**
 * vmport_finding_list_from_variant:
 * @findings: an `aa{sv}`: what a check returned, `Warnings` of a job's result, or `Findings` of
 *   its description. Consumed if floating
 *
 * Returns: (transfer container) (element-type VmportFinding): the findings, in the same order
 */
GPtrArray *
vmport_finding_list_from_variant (GVariant *findings)
{
  g_autoptr (GVariant) owned = NULL;
  GPtrArray *list;
  GVariantIter iter;
  GVariant *finding;

  g_return_val_if_fail (findings != NULL, NULL);
  g_return_val_if_fail (g_variant_is_of_type (findings, G_VARIANT_TYPE ("aa{sv}")), NULL);

  owned = g_variant_ref_sink (findings);
  list = g_ptr_array_new_with_free_func (g_object_unref);
  g_variant_iter_init (&iter, owned);
  while (g_variant_iter_loop (&iter, "@a{sv}", &finding))
    g_ptr_array_add (list, vmport_finding_new_from_variant (finding));
  return list;
}

static const char *
get_string (VmportFinding *self, const char *key)
{
  const char *value = "";

  g_variant_lookup (self->dictionary, key, "&s", &value);
  return value;
}

/**
 * vmport_finding_get_code: (get-property code)
 * @self: a finding
 *
 * Returns: (transfer none): what was found
 */
const char *
vmport_finding_get_code (VmportFinding *self)
{
  g_return_val_if_fail (VMPORT_IS_FINDING (self), NULL);

  return get_string (self, "Code");
}

/**
 * vmport_finding_get_severity: (get-property severity)
 * @self: a finding
 *
 * Only `error` stops an operation, so a word that this library does not know is a warning.
 *
 * Returns: how much it matters
 */
VmportFindingSeverity
vmport_finding_get_severity (VmportFinding *self)
{
  const char *severity;

  g_return_val_if_fail (VMPORT_IS_FINDING (self), VMPORT_FINDING_SEVERITY_WARNING);

  severity = get_string (self, "Severity");
  if (g_str_equal (severity, "error"))
    return VMPORT_FINDING_SEVERITY_ERROR;
  if (g_str_equal (severity, "info"))
    return VMPORT_FINDING_SEVERITY_INFO;
  return VMPORT_FINDING_SEVERITY_WARNING;
}

/**
 * vmport_finding_get_message: (get-property message)
 * @self: a finding
 *
 * Returns: (transfer none): a sentence for a person; see [property@Finding:message]
 */
const char *
vmport_finding_get_message (VmportFinding *self)
{
  g_return_val_if_fail (VMPORT_IS_FINDING (self), NULL);

  return get_string (self, "Message");
}

/**
 * vmport_finding_get_setting: (get-property setting)
 * @self: a finding
 *
 * Returns: (transfer none): the D-Bus name of the setting that it is about; empty for none
 */
const char *
vmport_finding_get_setting (VmportFinding *self)
{
  g_return_val_if_fail (VMPORT_IS_FINDING (self), NULL);

  return get_string (self, "Setting");
}

/**
 * vmport_finding_get_index: (get-property index)
 * @self: a finding
 *
 * Returns: the position in the array of that setting; -1 for none
 */
int
vmport_finding_get_index (VmportFinding *self)
{
  gint32 position = -1;

  g_return_val_if_fail (VMPORT_IS_FINDING (self), -1);

  g_variant_lookup (self->dictionary, "Index", "i", &position);
  return position;
}

/**
 * vmport_finding_get_resolution: (get-property resolution)
 * @self: a finding
 *
 * Every finding on an array has the same complete array, so that the resolutions of several
 * findings can be merged in any order.
 *
 * Returns: (transfer none): the settings that would mend it, an `a{sv}`; empty where none would
 */
GVariant *
vmport_finding_get_resolution (VmportFinding *self)
{
  g_return_val_if_fail (VMPORT_IS_FINDING (self), NULL);

  return self->resolution;
}

/**
 * vmport_finding_get_bytes: (get-property bytes)
 * @self: a finding
 *
 * Returns: how many bytes it speaks of, where it does; else 0
 */
guint64
vmport_finding_get_bytes (VmportFinding *self)
{
  guint64 bytes = 0;

  g_return_val_if_fail (VMPORT_IS_FINDING (self), 0);

  g_variant_lookup (self->dictionary, "Bytes", "t", &bytes);
  return bytes;
}

/**
 * vmport_finding_to_variant:
 * @self: a finding
 *
 * Returns: (transfer full): the dictionary that it was made from, with what this library does not
 *   know
 */
GVariant *
vmport_finding_to_variant (VmportFinding *self)
{
  g_return_val_if_fail (VMPORT_IS_FINDING (self), NULL);

  return g_variant_ref (self->dictionary);
}
