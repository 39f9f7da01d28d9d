/* Fuzzes what QEMU says in QMP: a line for the greeting, one for each command, all there before it is
 * asked. Every answer is taken for each of those that somebody looks into. */
#include <gio/gio.h>
#include <sys/socket.h>

#include "fuzz.h"
#include "util/vmp-fd.h"
#include "vmp-qmp.h"

#define MAX_SAID 131072

static void
look (JsonNode *answer)
{
  const char *failure;
  guint64 size;

  if (vmp_qmp_find_size (answer, "alone", &size))
    g_assert_cmpuint (size, <=, G_MAXINT64);
  if (vmp_qmp_has_ended (answer, &failure) && failure != NULL)
    g_assert_true (g_utf8_validate (failure, -1, NULL));
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autoptr (VmpQmp) qmp = NULL;
  g_autoptr (GError) error = NULL;
  vmp_autofd int peer = -1;
  int ends[2];

  g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), ==, 0);
  peer = ends[0];
  size = MIN (size, MAX_SAID);
  if (size > 0)
    g_assert_cmpint (send (peer, data, size, MSG_DONTWAIT), ==, (gssize) size);
  g_assert_cmpint (shutdown (peer, SHUT_WR), ==, 0);
  qmp = vmp_qmp_new (ends[1], NULL, &error);
  for (guint i = 0; qmp != NULL && i < 100; i++)
    {
      g_autoptr (JsonNode) answer = NULL;

      g_clear_error (&error);
      answer = vmp_qmp_execute (qmp, "query-jobs", NULL, -1, &error);
      if (answer != NULL)
        look (answer);
      else
        g_assert_true (g_utf8_validate (error->message, -1, NULL));
    }
  g_assert_true (qmp != NULL || error != NULL);
  return 0;
}
