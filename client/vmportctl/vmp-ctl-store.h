/* The authorization store and the rules of polkit made of it, which change together. */
#pragma once

#include "vmp-azman-edit.h"

G_BEGIN_DECLS

typedef struct
{
  char *path;       /* the store's; --store */
  char *rules_path; /* --rules */
  gboolean dry_run;
  gboolean offline; /* polkit need not run */
  /* The folders that they are in, and their names there. */
  int dirfd;
  int rules_dirfd;
  char *name;
  char *rules_name;
  GBytes *content; /* what the store holds; NULL where there is none */
} VmpCtlStore;

void vmp_ctl_store_clear (VmpCtlStore *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (VmpCtlStore, vmp_ctl_store_clear)

#define VMP_CTL_STORE_INIT { .dirfd = -1, .rules_dirfd = -1 }

/* For the options of a verb: those that any verb has, or those of a verb that changes something. */
#define VMP_CTL_STORE_OPTIONS(store)                                                              \
  { "store", 0, 0, G_OPTION_ARG_FILENAME, &(store)->path,                                        \
    N_ ("The authorization store, instead of the installed one"), N_ ("FILE") }
#define VMP_CTL_STORE_CHANGE_OPTIONS(store)                                                       \
  { "rules", 0, 0, G_OPTION_ARG_FILENAME, &(store)->rules_path,                                  \
    N_ ("Where polkit reads the compiled rules"), N_ ("FILE") },                                 \
  { "dry-run", 'n', 0, G_OPTION_ARG_NONE, &(store)->dry_run,                                     \
    N_ ("Show what would change, and change nothing"), NULL },                                   \
  { "offline", 0, 0, G_OPTION_ARG_NONE, &(store)->offline,                                       \
    N_ ("Do not wait until polkit has the rules in force"), NULL }

gboolean vmp_ctl_store_read (VmpCtlStore *self, GError **error);
gboolean vmp_ctl_store_lock (VmpCtlStore *self, GError **error);
VmpAzman *vmp_ctl_store_parse (VmpCtlStore *self, GError **error);
/* Makes a change in the document that is about to be written. */
typedef gboolean (*VmpCtlStoreEdit) (VmpAzmanEdit *edit, gconstpointer data, GError **error);

gboolean vmp_ctl_store_change (VmpCtlStore *self, VmpCtlStoreEdit func, gconstpointer data,
                               GError **error);
gboolean vmp_ctl_store_commit (VmpCtlStore *self, GBytes *content, GError **error);

void vmp_ctl_store_bind (VmpAzman *azman);

G_END_DECLS
