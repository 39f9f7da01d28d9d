/* The library's own translations, whatever the program does about its own. */
#include "config.h"

#include <libintl.h>

#include "vmp-client-private.h"

/* Called from the classes that everything else is reached through: a program that uses the library
 * need not know that there is a text domain. The text comes in UTF-8, as all strings of GLib do. */
void
vmp_client_bind_text_domain (void)
{
  static gsize bound = 0;

  if (!g_once_init_enter (&bound))
    return;
  bindtextdomain (GETTEXT_PACKAGE, VMP_LOCALEDIR);
  bind_textdomain_codeset (GETTEXT_PACKAGE, "UTF-8");
  g_once_init_leave (&bound, 1);
}
