/* Who may do what by an authorization store, and why. */
#pragma once

#include "vmp-azman.h"

G_BEGIN_DECLS

typedef struct
{
  const char *user;
  const char *const *groups; /* the Unix groups that the user is in */
} VmpAzmanSubject;

/* Why somebody has a right: one role that they have. */
typedef struct
{
  const VmpAzmanScope *scope; /* where it is assigned */
  const VmpAzmanRole *role;
  GPtrArray *tasks;    /* of VmpAzmanTask, each in the one before it; empty where the role has the
                        * operation itself */
  GPtrArray *groups;   /* of VmpAzmanGroup, in the same way */
  const VmpAzmanMember *member;
} VmpAzmanReason;

void vmp_azman_reason_free (VmpAzmanReason *self);

GPtrArray *vmp_azman_check (const VmpAzman *self, const VmpAzmanSubject *subject,
                            const char *operation, const char *scope);

G_END_DECLS
