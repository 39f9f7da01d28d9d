/* vmport.conf. */
#pragma once

#include <gio/gio.h>

#include "vmp-jobs.h"

G_BEGIN_DECLS

typedef struct
{
  char *id;
  char *driver;
  char *root; /* of a directory */
  char *uri;  /* of libvirt */
} VmpConfigManager;

typedef struct
{
  guint max_jobs;
  guint max_jobs_per_user;
  guint retention_seconds;
  guint leftover_retry_seconds;
  guint worker_timeout_seconds;
  char *store_root;
  char *authorization_store;
  GStrv networks;
  GStrv scopes;
  GPtrArray *managers; /* of VmpConfigManager */
} VmpConfig;

VmpConfig *vmp_config_load (const char *file, const char *state_directory, GError **error);
void vmp_config_free (VmpConfig *config);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (VmpConfig, vmp_config_free)

G_END_DECLS
