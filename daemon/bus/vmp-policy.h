/* Who may call what: one table, a row for each method and for reading each interface's
 * properties. What has no row is denied. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The member under which a row stands for reading properties. */
#define VMP_POLICY_PROPERTIES "(properties)"

typedef enum
{
  VMP_ACTION_NONE = 0,
  VMP_ACTION_VIEW = 1 << 0,
  VMP_ACTION_EXPORT = 1 << 1,
  VMP_ACTION_IMPORT = 1 << 2,
  VMP_ACTION_IMPORT_IN_PLACE = 1 << 3,
  VMP_ACTION_IMPORT_UNSAFE = 1 << 4,
  VMP_ACTION_SET_SCOPE = 1 << 5,
  VMP_ACTION_DELETE = 1 << 6,
  VMP_ACTION_MANAGE_JOBS = 1 << 7,
} VmpAction;

/* What an action is checked on: where the details come from. */
typedef enum
{
  VMP_SUBJECT_NOTHING,      /* no action: everyone, within the limits for each uid */
  VMP_SUBJECT_EACH_MACHINE, /* what may not be viewed is left out of the answer */
  VMP_SUBJECT_MACHINE,      /* the object called */
  VMP_SUBJECT_MACHINE_AND_SCOPE, /* the object called, then to put it into the first argument */
  VMP_SUBJECT_SNAPSHOT,     /* the object called, by its machine */
  VMP_SUBJECT_MACHINE_ARGUMENT, /* the first argument */
  VMP_SUBJECT_IMPORT,       /* the settings */
  VMP_SUBJECT_JOB,          /* the object called; its owner needs no action */
  VMP_SUBJECT_ANY_JOB,      /* the object called, for everyone */
} VmpSubject;

typedef struct
{
  const char *interface;
  const char *member;
  VmpSubject subject;
  VmpAction actions;     /* all of them are needed */
  VmpAction applicable;  /* of these, those that the arguments call for */
} VmpPolicyRow;

const VmpPolicyRow *vmp_policy_lookup (const char *interface, const char *member);
const VmpPolicyRow *vmp_policy_get_rows (gsize *n_rows);
char *vmp_policy_action_id (VmpAction action, const char *scope);
const char *vmp_policy_action_message (VmpAction action, const char *scope);
const char *vmp_policy_scope_message (const char *scope, gboolean into);

G_END_DECLS
