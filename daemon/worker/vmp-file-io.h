/* Reads and writes a file at offsets, from several threads, past the page cache where that pays. */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* What O_DIRECT wants offsets, sizes and buffers to be multiples of. */
#define VMP_FILE_IO_ALIGN 4096

typedef struct
{
  int fd;           /* not owned */
  const char *what; /* names it in errors; not owned */
  int flags;        /* that the descriptor had */
  int direct;       /* atomic: O_DIRECT is set */
} VmpFileIo;

void vmp_file_io_init (VmpFileIo *self, int fd, const char *what);
/* From here on, until vmp_file_io_buffer(), every access is aligned. */
void vmp_file_io_go_direct (VmpFileIo *self);
void vmp_file_io_buffer (VmpFileIo *self);
gboolean vmp_file_io_is_cached (VmpFileIo *self, guint64 size);

gboolean vmp_file_io_find_data (VmpFileIo *self, guint64 pos, guint64 end, guint64 *from,
                                guint64 *to, GError **error);
gboolean vmp_file_io_read (VmpFileIo *self, guint8 *buffer, guint64 size, guint64 offset,
                           GError **error);
int vmp_file_io_write (VmpFileIo *self, const guint8 *data, guint64 size, guint64 offset);

gboolean vmp_file_io_has_changed (const char *what, GError **error);

G_END_DECLS
