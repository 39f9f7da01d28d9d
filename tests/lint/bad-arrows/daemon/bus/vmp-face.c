/* Uses what it may, and says open ("x") and "open (" where it is no code. */
#include "config.h"
#include "vmp-jobs.h"
#include <polkit/polkit.h>
