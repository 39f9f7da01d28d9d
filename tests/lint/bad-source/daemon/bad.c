/* Not a sentence */
#include "config.h"

/* goto, strcpy () and system () in a comment are words. */
static int
bad (char *to, const char *from, struct s *s)
{
  strcpy (to, from);
  sprintf(to, "%s system (x)", from);
  if (system (from))
    goto out;
	return g_system (from) + s->system (from);
  polkit_unix_process_new (1); 
  /* TODO */
out:
  return 0;
}
