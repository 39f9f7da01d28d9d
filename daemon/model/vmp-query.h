/* Single facts out of documents that libvirt writes: pools, volumes, capabilities. */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

typedef struct _VmpQuery VmpQuery;

VmpQuery *vmp_query_new (const char *xml, const char *what, GError **error);
void vmp_query_free (VmpQuery *self);
char *vmp_query_text (VmpQuery *self, const char *xpath);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (VmpQuery, vmp_query_free)

G_END_DECLS
