/* The state directory's part for jobs: a record for each, and the number that comes next. */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

typedef struct _VmpRecords VmpRecords;

VmpRecords *vmp_records_open (const char *state_directory, GError **error);
void vmp_records_free (VmpRecords *self);
guint vmp_records_next_number (VmpRecords *self, GError **error);
gboolean vmp_records_write (VmpRecords *self, guint number, GVariant *record, GError **error);
GVariant *vmp_records_read (VmpRecords *self, guint number, GError **error);
void vmp_records_remove (VmpRecords *self, guint number);
GArray *vmp_records_list (VmpRecords *self, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (VmpRecords, vmp_records_free)

G_END_DECLS
