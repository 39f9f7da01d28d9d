/* The files that a worker reads from and writes into, by number. */
#pragma once

#include <gio/gio.h>
#include <gio/gunixfdlist.h>

#include "vmp-pace.h"

G_BEGIN_DECLS

typedef struct _VmpSources VmpSources;

VmpSources *vmp_sources_new (VmpPace *pace);
void vmp_sources_free (VmpSources *self);

GVariant *vmp_sources_add (VmpSources *self, int package_fd, GVariant *sources, GUnixFDList *fds,
                           GUnixFDList *fds_out, GError **error);
GVariant *vmp_sources_add_targets (VmpSources *self, int package_fd, GVariant *targets,
                                   GUnixFDList *fds, GUnixFDList *fds_out, GError **error);
GVariant *vmp_sources_examine_targets (int package_fd, GVariant *folders);
GVariant *vmp_sources_copy (VmpSources *self, GVariant *items, GError **error);
gboolean vmp_sources_publish_targets (VmpSources *self, GError **error);
int vmp_sources_get_fd (VmpSources *self, guint32 id, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (VmpSources, vmp_sources_free)

G_END_DECLS
