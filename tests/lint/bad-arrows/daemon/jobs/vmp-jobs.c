/* Uses the room above it, the judge, and the door. */
#include "vmp-helper.h"
#include <polkit/polkit.h>
static int f (void) { return open ("/etc/passwd", 0); }
static int g (void) { return g_file_get_contents ("/etc/passwd", 0, 0, 0); }
static int h (struct s *s) { return s->open (0) + s.open (0) + reopen (0); }
static int i (void) { return g_bus_own_name (0); }
