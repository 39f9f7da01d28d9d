/* Changes of an authorization store, which leave alone what they are not about. */
#pragma once

#include "vmp-azman.h"

G_BEGIN_DECLS

typedef struct _VmpAzmanEdit VmpAzmanEdit;

VmpAzmanEdit *vmp_azman_edit_new (GBytes *store, const char *what, GError **error);
void vmp_azman_edit_free (VmpAzmanEdit *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (VmpAzmanEdit, vmp_azman_edit_free)

/* One change for each VmpAzmanEdit. */
gboolean vmp_azman_edit_add_scope (VmpAzmanEdit *self, const char *name, const char *description,
                                   GError **error);
gboolean vmp_azman_edit_remove_scope (VmpAzmanEdit *self, const char *name, GError **error);
gboolean vmp_azman_edit_add_role (VmpAzmanEdit *self, const char *scope, const char *name,
                                  const char *const *operations, GError **error);
gboolean vmp_azman_edit_remove_role (VmpAzmanEdit *self, const char *scope, const char *name,
                                     GError **error);
gboolean vmp_azman_edit_assign (VmpAzmanEdit *self, const char *scope, const char *role,
                                const char *const *members, GError **error);
gboolean vmp_azman_edit_unassign (VmpAzmanEdit *self, const char *scope, const char *role,
                                  const char *const *members, GError **error);

gboolean vmp_azman_edit_add_group (VmpAzmanEdit *self, const char *scope, const char *name,
                                   const char *description, const char *const *members,
                                   gboolean excluded, GError **error);
gboolean vmp_azman_edit_remove_group (VmpAzmanEdit *self, const char *scope, const char *name,
                                      GError **error);
gboolean vmp_azman_edit_add_members (VmpAzmanEdit *self, const char *scope, const char *group,
                                     const char *const *members, gboolean excluded,
                                     GError **error);
gboolean vmp_azman_edit_remove_members (VmpAzmanEdit *self, const char *scope, const char *group,
                                        const char *const *members, gboolean excluded,
                                        GError **error);

GBytes *vmp_azman_edit_write (VmpAzmanEdit *self);

G_END_DECLS
