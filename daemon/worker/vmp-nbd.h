/* A connection to an NBD server that QEMU is: what of a disk is allocated, and many requests at once. */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

typedef struct _VmpNbd VmpNbd;

/* Called at least ten times a second while something is waited for; FALSE with @error set ends it. */
typedef gboolean (*VmpNbdIdle) (gpointer user_data, GError **error);

/* One or more requests that are under way together. */
typedef struct
{
  guint pending;
  int failure; /* errno of the first that failed, or 0 */
} VmpNbdRequest;

/* Takes @socket, which is connected to the server of the export @name; @what is how errors call it.
 * Blocking, as all that follows. */
VmpNbd *vmp_nbd_new (int socket, const char *name, const char *what, VmpNbdIdle idle,
                     gpointer user_data, GError **error);
void vmp_nbd_free (VmpNbd *self);

guint64 vmp_nbd_get_size (VmpNbd *self);

/* Finds the next data in [@pos, @end): *@data == @end where there is none. What is not data reads as
 * zeros. */
gboolean vmp_nbd_next_extent (VmpNbd *self, guint64 pos, guint64 end, guint64 *data, guint64 *hole,
                              GError **error);

/* Each adds to @request, which must stay where it is until nothing is pending any more. */
gboolean vmp_nbd_start_read (VmpNbd *self, void *buffer, gsize size, guint64 offset,
                             VmpNbdRequest *request, GError **error);
gboolean vmp_nbd_start_write (VmpNbd *self, const void *bytes, gsize size, guint64 offset,
                              VmpNbdRequest *request, GError **error);

/* Waits until something has happened on one of the two, of which @other may be NULL. A server that is
 * gone, or silent for minutes, is an error. */
gboolean vmp_nbd_wait (VmpNbd *self, VmpNbd *other, GError **error);

/* What a request that failed is to be blamed on: FALSE where it is the server. */
gboolean vmp_nbd_check_alive (VmpNbd *self, GError **error);

/* Everything that was written is safe, and the server knows that nothing follows. */
gboolean vmp_nbd_finish (VmpNbd *self, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (VmpNbd, vmp_nbd_free)

G_END_DECLS
