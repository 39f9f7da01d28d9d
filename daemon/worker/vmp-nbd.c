/* A connection to an NBD server that QEMU is: what of a disk is allocated, and many requests at once. */
#include "config.h"

#include "vmp-nbd.h"

#include <errno.h>
#include <glib/gi18n-lib.h>
#include <inttypes.h>
#include <libnbd.h>
#include <poll.h>
#include <unistd.h>

#include "vmp-error.h"
#include "vmp-name.h"

#define IDLE_MSEC 100
/* A disk under load may take its time, but a server that says nothing for so long is stuck. */
#define SILENCE_SECONDS 120
/* Of which the map is asked for at once: an answer has an upper bound of its own. */
#define MAP_SIZE (G_GUINT64_CONSTANT (1) << 30)
#define MAX_MESSAGE_CHARS 300

typedef struct
{
  guint64 end;
  gboolean data;
} Extent;

struct _VmpNbd
{
  struct nbd_handle *nbd;
  char *what;
  VmpNbdIdle idle;
  gpointer user_data;
  guint64 size;
  gint64 last_sign;

  GArray *map; /* of Extent: what is known from @map_start on, without gaps */
  guint64 map_start;
  guint at; /* the extent that was looked at last */
};

static gboolean
nbd_failed (VmpNbd *self, GError **error)
{
  g_autofree char *why = vmp_name_clean (nbd_get_error (), MAX_MESSAGE_CHARS);

  return vmp_error_set (error, VMPORT_ERROR_FAILED, _ ("QEMU cannot be asked for %s: %s"),
                        self->what, why);
}

void
vmp_nbd_free (VmpNbd *self)
{
  nbd_close (self->nbd);
  g_array_unref (self->map);
  g_free (self->what);
  g_free (self);
}

/* Moves what the socket is ready for. */
static gboolean
take_event (VmpNbd *self, const struct pollfd *pollfd, GError **error)
{
  unsigned direction = nbd_aio_get_direction (self->nbd);

  if (pollfd->revents == 0)
    return TRUE;
  self->last_sign = g_get_monotonic_time ();
  if ((pollfd->revents & (POLLIN | POLLHUP)) != 0 && (direction & LIBNBD_AIO_DIRECTION_READ) != 0)
    return nbd_aio_notify_read (self->nbd) == 0 || nbd_failed (self, error);
  if ((pollfd->revents & POLLOUT) != 0 && (direction & LIBNBD_AIO_DIRECTION_WRITE) != 0)
    return nbd_aio_notify_write (self->nbd) == 0 || nbd_failed (self, error);
  if ((pollfd->revents & (POLLERR | POLLHUP | POLLNVAL)) != 0)
    return vmp_error_set (error, VMPORT_ERROR_FAILED, _ ("QEMU ended while it was asked for %s"),
                          self->what);
  return TRUE;
}

static struct pollfd
get_pollfd (VmpNbd *self)
{
  unsigned direction = nbd_aio_get_direction (self->nbd);
  struct pollfd pollfd = { .fd = nbd_aio_get_fd (self->nbd) };

  if ((direction & LIBNBD_AIO_DIRECTION_READ) != 0)
    pollfd.events |= POLLIN;
  if ((direction & LIBNBD_AIO_DIRECTION_WRITE) != 0)
    pollfd.events |= POLLOUT;
  return pollfd;
}

static gboolean
is_gone (VmpNbd *self)
{
  return nbd_aio_is_dead (self->nbd) > 0 || nbd_aio_is_closed (self->nbd) > 0;
}

gboolean
vmp_nbd_check_alive (VmpNbd *self, GError **error)
{
  if (is_gone (self))
    return vmp_error_set (error, VMPORT_ERROR_FAILED, _ ("QEMU ended while it was asked for %s"),
                          self->what);
  if (nbd_aio_in_flight (self->nbd) > 0
      && g_get_monotonic_time () - self->last_sign > SILENCE_SECONDS * G_TIME_SPAN_SECOND)
    return vmp_error_set (error, VMPORT_ERROR_FAILED, _ ("QEMU does not answer about %s"),
                          self->what);
  return TRUE;
}

gboolean
vmp_nbd_wait (VmpNbd *self, VmpNbd *other, GError **error)
{
  struct pollfd pollfds[2] = { get_pollfd (self) };
  int n;

  if (other != NULL)
    pollfds[1] = get_pollfd (other);
  if (!self->idle (self->user_data, error))
    return FALSE;
  n = poll (pollfds, other != NULL ? 2 : 1, IDLE_MSEC);
  if (n < 0 && errno != EINTR)
    return vmp_error_set_errno (error, errno, _ ("Cannot ask QEMU for %s"), self->what);
  if (n > 0
      && (!take_event (self, &pollfds[0], error)
          || (other != NULL && !take_event (other, &pollfds[1], error))))
    return FALSE;
  return vmp_nbd_check_alive (self, error) && (other == NULL || vmp_nbd_check_alive (other, error));
}

static gboolean
connect_to (VmpNbd *self, int socket, const char *name, GError **error)
{
  if (nbd_set_export_name (self->nbd, name) < 0
      || nbd_add_meta_context (self->nbd, LIBNBD_CONTEXT_BASE_ALLOCATION) < 0
      || nbd_aio_connect_socket (self->nbd, socket) < 0)
    return nbd_failed (self, error);
  while (nbd_aio_is_ready (self->nbd) <= 0)
    {
      if (!vmp_nbd_wait (self, NULL, error))
        return FALSE;
      if (g_get_monotonic_time () - self->last_sign > SILENCE_SECONDS * G_TIME_SPAN_SECOND)
        return vmp_error_set (error, VMPORT_ERROR_FAILED, _ ("QEMU does not answer about %s"),
                              self->what);
    }
  return TRUE;
}

VmpNbd *
vmp_nbd_new (int socket, const char *name, const char *what, VmpNbdIdle idle, gpointer user_data,
             GError **error)
{
  g_autoptr (VmpNbd) self = g_new0 (VmpNbd, 1);
  gint64 size;

  self->what = g_strdup (what);
  self->idle = idle;
  self->user_data = user_data;
  self->last_sign = g_get_monotonic_time ();
  self->map = g_array_new (FALSE, FALSE, sizeof (Extent));
  self->nbd = nbd_create ();
  if (self->nbd == NULL)
    {
      close (socket);
      nbd_failed (self, error);
      return NULL;
    }
  if (!connect_to (self, socket, name, error))
    return NULL;
  size = nbd_get_size (self->nbd);
  if (size < 0 || nbd_can_meta_context (self->nbd, LIBNBD_CONTEXT_BASE_ALLOCATION) <= 0)
    {
      nbd_failed (self, error);
      return NULL;
    }
  self->size = (guint64) size;
  return g_steal_pointer (&self);
}

guint64
vmp_nbd_get_size (VmpNbd *self)
{
  return self->size;
}

static int
on_completed (void *user_data, int *failure)
{
  VmpNbdRequest *request = user_data;

  request->pending--;
  if (*failure != 0 && request->failure == 0)
    request->failure = *failure;
  return 1; /* nobody asks again */
}

static gboolean
check_started (VmpNbd *self, gint64 cookie, GError **error)
{
  return cookie >= 0 || nbd_failed (self, error);
}

static void
begin (VmpNbd *self, VmpNbdRequest *request)
{
  request->pending++;
  /* Silence is that of a server which has something to say. */
  if (nbd_aio_in_flight (self->nbd) == 0)
    self->last_sign = g_get_monotonic_time ();
}

gboolean
vmp_nbd_start_read (VmpNbd *self, void *buffer, gsize size, guint64 offset, VmpNbdRequest *request,
                    GError **error)
{
  begin (self, request);
  return check_started (
      self,
      nbd_aio_pread (self->nbd, buffer, size, offset,
                     (nbd_completion_callback){ .callback = on_completed, .user_data = request },
                     0),
      error);
}

gboolean
vmp_nbd_start_write (VmpNbd *self, const void *bytes, gsize size, guint64 offset,
                     VmpNbdRequest *request, GError **error)
{
  begin (self, request);
  return check_started (
      self,
      nbd_aio_pwrite (self->nbd, bytes, size, offset,
                      (nbd_completion_callback){ .callback = on_completed, .user_data = request },
                      0),
      error);
}

static gboolean
wait_for (VmpNbd *self, VmpNbdRequest *request, GError **error)
{
  while (request->pending > 0)
    if (!vmp_nbd_wait (self, NULL, error))
      return FALSE;
  return TRUE;
}

static int
on_map (void *user_data, const char *context, uint64_t offset, uint32_t *entries, size_t n_entries,
        int *failure)
{
  VmpNbd *self = user_data;
  guint64 end = offset;

  for (size_t i = 0; i + 1 < n_entries; i += 2)
    {
      Extent extent = { .data = (entries[i + 1] & LIBNBD_STATE_ZERO) == 0 };

      end = extent.end = end + MIN ((guint64) entries[i], self->size - end);
      if (self->map->len > 0
          && g_array_index (self->map, Extent, self->map->len - 1).data == extent.data)
        g_array_index (self->map, Extent, self->map->len - 1).end = end;
      else
        g_array_append_val (self->map, extent);
    }
  return 0;
}

/* Knows at least the extent at @pos afterwards. */
static gboolean
read_map (VmpNbd *self, guint64 pos, GError **error)
{
  VmpNbdRequest request = { 0 };

  g_array_set_size (self->map, 0);
  self->map_start = pos;
  self->at = 0;
  begin (self, &request);
  if (!check_started (
          self,
          nbd_aio_block_status (
              self->nbd, MIN (MAP_SIZE, self->size - pos), pos,
              (nbd_extent_callback){ .callback = on_map, .user_data = self },
              (nbd_completion_callback){ .callback = on_completed, .user_data = &request }, 0),
          error)
      || !wait_for (self, &request, error))
    return FALSE;
  if (request.failure != 0)
    return vmp_error_set_errno (error, request.failure, _ ("Cannot find the data in %s"),
                                self->what);
  if (self->map->len == 0 || g_array_index (self->map, Extent, 0).end <= pos)
    return vmp_error_set (error, VMPORT_ERROR_FAILED, _ ("QEMU does not tell what data %s has"),
                          self->what);
  return TRUE;
}

/* The extent that @pos lies in, which is before the disk's end. */
static gboolean
find_extent (VmpNbd *self, guint64 pos, Extent *extent, GError **error)
{
  if (pos < self->map_start)
    self->at = self->map->len;
  while (self->at < self->map->len && g_array_index (self->map, Extent, self->at).end <= pos)
    self->at++;
  if (self->at >= self->map->len && !read_map (self, pos, error))
    return FALSE;
  *extent = g_array_index (self->map, Extent, self->at);
  return TRUE;
}

gboolean
vmp_nbd_next_extent (VmpNbd *self, guint64 pos, guint64 end, guint64 *data, guint64 *hole,
                     GError **error)
{
  Extent extent;

  *data = *hole = end;
  while (pos < end)
    {
      if (!find_extent (self, pos, &extent, error))
        return FALSE;
      if (extent.data)
        {
          *data = pos;
          *hole = MIN (extent.end, end);
          return TRUE;
        }
      pos = extent.end;
    }
  return TRUE;
}

static gboolean
flush (VmpNbd *self, GError **error)
{
  VmpNbdRequest request = { 0 };

  begin (self, &request);
  if (!check_started (self,
                      nbd_aio_flush (self->nbd,
                                     (nbd_completion_callback){ .callback = on_completed,
                                                                .user_data = &request },
                                     0),
                      error)
      || !wait_for (self, &request, error))
    return FALSE;
  if (request.failure != 0)
    return vmp_error_set_errno (error, request.failure, _ ("Cannot flush %s to the disk"),
                                self->what);
  return TRUE;
}

gboolean
vmp_nbd_finish (VmpNbd *self, GError **error)
{
  if (nbd_is_read_only (self->nbd) == 0 && nbd_can_flush (self->nbd) > 0 && !flush (self, error))
    return FALSE;
  return nbd_shutdown (self->nbd, 0) == 0 || nbd_failed (self, error);
}
