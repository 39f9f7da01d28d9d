/* What an import would do, told and not done: GetImportSettings and CheckImport. */
#include "config.h"

#include "vmp-finding.h"
#include "vmp-import-plan.h"
#include "vmp-import.h"

typedef struct
{
  VmpRun *run;
  VmpWorkerHost *worker;
  VmpImportPlan *plan;
} Look;

static void
look_clear (Look *self)
{
  if (self->worker != NULL)
    vmp_worker_host_stop (self->worker);
  g_clear_object (&self->worker);
  g_clear_pointer (&self->plan, vmp_import_plan_free);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Look, look_clear)

static gboolean
look (Look *self, VmpImportRequest *request, GError **error)
{
  self->worker = vmp_import_request_start_worker (request, self->run, error);
  if (self->worker == NULL)
    return FALSE;
  self->plan = vmp_import_plan_read (self->run, self->worker, request->folder, error);
  return self->plan != NULL;
}

GVariant *
vmp_import_settings_work (VmpRun *run, gpointer data, GError **error)
{
  g_auto (Look) self = { .run = run };

  return look (&self, data, error) ? g_variant_ref (vmp_import_plan_get_prefilled (self.plan))
                                   : NULL;
}

GVariant *
vmp_import_check_work (VmpRun *run, gpointer data, GError **error)
{
  g_auto (Look) self = { .run = run };
  VmpImportRequest *request = data;
  GVariantDict dict;

  if (!look (&self, request, error)
      || !vmp_import_plan_settle (self.plan, request->settings, error))
    return NULL;
  g_variant_dict_init (&dict, NULL);
  g_variant_dict_insert_value (
      &dict, "Findings", vmp_findings_to_variant (vmp_import_plan_get_findings (self.plan)));
  return g_variant_dict_end (&dict);
}
