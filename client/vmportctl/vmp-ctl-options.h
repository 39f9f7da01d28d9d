/* Every setting of an export or import as an option. */
#pragma once

#include <gio/gio.h>

/* What the options are for: a bit, for many keys are in both tables. */
typedef enum
{
  VMP_CTL_EXPORT = 1,
  VMP_CTL_IMPORT = 2,
} VmpCtlPurpose;

/* One row for each key that can be set. */
typedef struct
{
  const char *key;
  const char *option;
  /* Of the value in the dictionary. */
  const char *type;
  guint purposes;
  /* Relative to the current directory, where it is relative. */
  gboolean path;
  /* An array of which a position is one disk or adapter. */
  gboolean positions;
  /* Words for the numbers from 0, where it is a number that stands for a word. */
  const char *const *words;
  const char *help;
  const char *argument;
} VmpCtlOption;

const VmpCtlOption *vmp_ctl_option_table (gsize *n);
const VmpCtlOption *vmp_ctl_option_find (VmpCtlPurpose purpose, const char *key);

typedef struct _VmpCtlOptions VmpCtlOptions;

VmpCtlOptions *vmp_ctl_options_new (VmpCtlPurpose purpose);
void vmp_ctl_options_free (VmpCtlOptions *options);
GOptionGroup *vmp_ctl_options_make_group (VmpCtlOptions *options);
gboolean vmp_ctl_options_need_known (VmpCtlOptions *options);
GVariant *vmp_ctl_options_build (VmpCtlOptions *options, GVariant *known, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (VmpCtlOptions, vmp_ctl_options_free)
