/* How fast the copies go and how far they are: shared by the copying threads and the main loop. */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

typedef struct _VmpPace VmpPace;

/* Called in whatever thread begins the phase. */
typedef void (*VmpPacePhase) (guint64 done, const char *phase, const char *file, gpointer user_data);

VmpPace *vmp_pace_new (void);
void vmp_pace_on_phase (VmpPace *self, VmpPacePhase on_phase, gpointer user_data);
void vmp_pace_free (VmpPace *self);

void vmp_pace_set_limit (VmpPace *self, guint64 bytes_per_second);
void vmp_pace_hold (VmpPace *self, gboolean hold);
void vmp_pace_stop (VmpPace *self);
void vmp_pace_set_place (VmpPace *self, const char *phase, const char *file);
void vmp_pace_read (VmpPace *self, guint64 *done, char **phase, char **file);
gboolean vmp_pace_next (guint64 done, guint64 *next, gpointer self, GError **error);
gboolean vmp_pace_step (guint64 bytes, gpointer self, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (VmpPace, vmp_pace_free)

G_END_DECLS
