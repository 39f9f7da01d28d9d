/* Fuzzes what an NBD server says, from its greeting to the data of a disk that is read out whole: QEMU
 * works on images of anybody's. All that it says is there before it is asked. */
#include <gio/gio.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fuzz.h"
#include "util/vmp-fd.h"
#include "vmp-fill.h"

/* More than fits the socket's buffer is never heard. */
#define MAX_SAID 131072

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autoptr (VmpPace) pace = vmp_pace_new ();
  g_autoptr (VmpVerity) verity = vmp_verity_new ();
  g_autoptr (GError) error = NULL;
  vmp_autofd int server = -1;
  vmp_autofd int file = memfd_create ("member", MFD_CLOEXEC);
  VmpFill fill = { .target = -1, .file = file, .verity = verity, .what = "the disk" };
  guint64 copied;
  int ends[2];

  g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), ==, 0);
  server = ends[0];
  fill.source = ends[1];
  size = MIN (size, MAX_SAID);
  if (size > 0)
    g_assert_cmpint (send (server, data, size, MSG_DONTWAIT), ==, (gssize) size);
  g_assert_cmpint (shutdown (server, SHUT_WR), ==, 0);
  if (!vmp_fill_run (&fill, pace, &copied, &error))
    g_assert_nonnull (error);
  vmp_fill_clear (&fill);
  return 0;
}
