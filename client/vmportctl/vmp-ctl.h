/* What the verbs of vmportctl share: the connection, options, exit statuses. */
#pragma once

#include "vmp-ctl-agent.h"
#include "vmp-ctl-options.h"
#include "vmp-ctl-path.h"
#include "vmport.h"

/* For scripts; the manual page lists them. */
typedef enum
{
  VMP_CTL_OK = 0,
  VMP_CTL_FAILED = 1,
  VMP_CTL_USAGE = 2,
  VMP_CTL_NOT_FOUND = 3,
  VMP_CTL_DENIED = 4,
  VMP_CTL_CANCELLED = 5,
  VMP_CTL_DETACHED = 6,
} VmpCtlStatus;

typedef struct
{
  gboolean session;
  gboolean json;
  gboolean no_ask;
  char *manager_id;
  VmportClient *client;
  VmpCtlAgent *agent;
} VmpCtl;

typedef struct
{
  const char *name;
  const char *summary;
  VmpCtlStatus (*run) (VmpCtl *ctl, int argc, char **argv);
} VmpCtlVerb;

void vmp_ctl_add_common_options (VmpCtl *ctl, GOptionContext *context);
VmpCtlStatus vmp_ctl_parse (VmpCtl *ctl, int *argc, char ***argv, const char *arguments,
                            const char *summary, const GOptionEntry *entries, int min_arguments,
                            int max_arguments);
VmpCtlStatus vmp_ctl_parse_settings (VmpCtl *ctl, VmpCtlOptions *options, int *argc, char ***argv,
                                     const char *arguments, const char *summary,
                                     const GOptionEntry *entries, int min_arguments,
                                     int max_arguments);
VmpCtlStatus vmp_ctl_fail (const GError *error);
VmpCtlStatus vmp_ctl_usage (const char *format, ...) G_GNUC_PRINTF (1, 2);
gboolean vmp_ctl_connect (VmpCtl *ctl, GError **error);
VmportManager *vmp_ctl_get_manager (VmpCtl *ctl, GError **error);
VmportVirtualMachine *vmp_ctl_find (VmpCtl *ctl, const char *name_or_uuid, GError **error);
VmportJob *vmp_ctl_get_job (VmpCtl *ctl, const char *number_or_path, GError **error);
void vmp_ctl_may_prompt (VmpCtl *ctl);
void vmp_ctl_prompted (VmpCtl *ctl);

VmpCtlStatus vmp_ctl_list (VmpCtl *ctl, int argc, char **argv);
VmpCtlStatus vmp_ctl_show (VmpCtl *ctl, int argc, char **argv);
VmpCtlStatus vmp_ctl_snapshots (VmpCtl *ctl, int argc, char **argv);
VmpCtlStatus vmp_ctl_settings (VmpCtl *ctl, int argc, char **argv);
VmpCtlStatus vmp_ctl_export (VmpCtl *ctl, int argc, char **argv);
VmpCtlStatus vmp_ctl_import (VmpCtl *ctl, int argc, char **argv);
VmpCtlStatus vmp_ctl_check (VmpCtl *ctl, int argc, char **argv);
VmpCtlStatus vmp_ctl_verify (VmpCtl *ctl, int argc, char **argv);
VmpCtlStatus vmp_ctl_jobs (VmpCtl *ctl, int argc, char **argv);
VmpCtlStatus vmp_ctl_watch (VmpCtl *ctl, int argc, char **argv);
VmpCtlStatus vmp_ctl_cancel (VmpCtl *ctl, int argc, char **argv);
VmpCtlStatus vmp_ctl_suspend (VmpCtl *ctl, int argc, char **argv);
VmpCtlStatus vmp_ctl_resume (VmpCtl *ctl, int argc, char **argv);
VmpCtlStatus vmp_ctl_limit (VmpCtl *ctl, int argc, char **argv);
VmpCtlStatus vmp_ctl_scope (VmpCtl *ctl, int argc, char **argv);
VmpCtlStatus vmp_ctl_delete (VmpCtl *ctl, int argc, char **argv);
