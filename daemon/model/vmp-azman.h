/* An authorization store in AzMan's policy format ([MS-AZMP]): groups, roles, tasks and scopes. */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* vmport's own application in a store. */
#define VMP_AZMAN_APPLICATION "VMPort"
#define VMP_AZMAN_MAX_BYTES (16 * 1024 * 1024)
/* What can be granted, as a set: AzMan's operations are few, Hyper-V's were 34. */
#define VMP_AZMAN_MAX_OPERATIONS 64

typedef enum
{
  VMP_AZMAN_USER,           /* user:NAME */
  VMP_AZMAN_UNIX_GROUP,     /* group:NAME */
  VMP_AZMAN_UID,            /* S-1-22-1-UID */
  VMP_AZMAN_GID,            /* S-1-22-2-GID */
  VMP_AZMAN_ADMINISTRATORS, /* S-1-5-32-544 */
  VMP_AZMAN_FOREIGN,        /* any other SID: nobody of this host */
} VmpAzmanMemberKind;

typedef struct
{
  char *text; /* as the store has it */
  VmpAzmanMemberKind kind;
  guint32 id;     /* of a uid or gid */
  char *name;     /* of a user or Unix group; of an id, once vmp_azman_bind() found it; or NULL */
  gboolean is_group;
} VmpAzmanMember;

typedef struct _VmpAzmanScope VmpAzmanScope;

typedef struct
{
  char *guid; /* lower case, as everywhere */
  char *name;
  guint id;
} VmpAzmanOperation;

typedef struct _VmpAzmanGroup VmpAzmanGroup;
struct _VmpAzmanGroup
{
  char *guid;
  char *name;
  long line;
  VmpAzmanScope *home; /* NULL for a group of the whole store */
  const char *type;    /* Basic, LdapQuery or BizRule */
  char *unsupported;   /* why it has no members, or NULL */
  GPtrArray *members;  /* of VmpAzmanMember */
  GPtrArray *non_members;
  GPtrArray *groups; /* of VmpAzmanGroup */
  GPtrArray *non_groups;
  guint height; /* 1 where it links to no other; 0 before that is known */
  /* Somebody may be meant to be in it who is not found there, so it must not be what others are
   * excluded by. */
  gboolean partial;
};

typedef struct _VmpAzmanTask VmpAzmanTask;
struct _VmpAzmanTask
{
  char *guid;
  char *name;
  long line;
  VmpAzmanScope *home;
  gboolean is_role; /* a role definition */
  gboolean has_rule; /* a business rule: it grants nothing */
  GPtrArray *tasks; /* of VmpAzmanTask */
  guint64 own_operations;
  guint64 operations; /* with those of the tasks in it */
  guint height;
};

/* A role assignment. */
typedef struct
{
  char *guid;
  char *name;
  GPtrArray *tasks;
  guint64 own_operations;
  guint64 operations;
  GPtrArray *members;
  GPtrArray *groups;
} VmpAzmanRole;

struct _VmpAzmanScope
{
  char *guid;
  char *name; /* "" for the application itself, whose assignments hold in every scope */
  char *description;
  GPtrArray *groups;
  GPtrArray *tasks;
  GPtrArray *roles;
};

typedef struct
{
  char *name;
  char *digest;          /* SHA-256 of the whole store */
  GPtrArray *operations; /* of VmpAzmanOperation; bit N of a set is the one at N */
  VmpAzmanScope *root;
  GPtrArray *scopes;        /* of VmpAzmanScope, without the root */
  GPtrArray *shared_groups; /* those of the whole store */
  /* What is in the store and grants nothing, for people; so far as no names had to be looked up. */
  GPtrArray *notes;
} VmpAzman;

VmpAzman *vmp_azman_parse (GBytes *store, const char *application, const char *what,
                           GError **error);
void vmp_azman_free (VmpAzman *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (VmpAzman, vmp_azman_free)

VmpAzmanMember *vmp_azman_member_new (const char *text, GError **error);
void vmp_azman_member_free (VmpAzmanMember *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (VmpAzmanMember, vmp_azman_member_free)

/* vmport's own operations, by their place in this table. */
typedef struct
{
  guint id;
  const char *name; /* also of the polkit action */
  gboolean scoped;  /* has an action for named scopes too */
  const char *guid; /* in stores that vmport makes */
} VmpAzmanKnown;

const VmpAzmanKnown *vmp_azman_get_known (gsize *n);
const VmpAzmanKnown *vmp_azman_find_known (const char *name);

guint64 vmp_azman_find_operation (const VmpAzman *self, const char *name);
VmpAzmanScope *vmp_azman_find_scope (const VmpAzman *self, const char *name);
VmpAzmanTask *vmp_azman_find_role (const VmpAzman *self, VmpAzmanScope *scope, const char *name);
GStrv vmp_azman_list_scopes (const VmpAzman *self);

/* The name of a user, a group, or the administrators' group, or NULL where this host has none. */
typedef char *(*VmpAzmanNameFunc) (const VmpAzmanMember *member, gpointer user_data);

void vmp_azman_bind (VmpAzman *self, VmpAzmanNameFunc func, gpointer user_data);

G_END_DECLS
