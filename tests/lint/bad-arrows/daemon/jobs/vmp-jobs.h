/* Includes a header that does not exist. */
#include "vmp-nowhere.h"
