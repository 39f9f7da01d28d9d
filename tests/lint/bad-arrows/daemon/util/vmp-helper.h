/* The one arrow upwards that is allowed. */
#include "vmport-error.h"
