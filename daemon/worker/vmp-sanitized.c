/* What a sanitizer is told in a worker, whose environment is next to empty: part of builds with
 * b_sanitize alone (tests/sanitize), as is what vmp-confine.c opens for it. */
#include "config.h"

#include "vmp-sanitized.h"

/* The fence forbids to look at oneself from outside, as the search for leaks does, and to read the
 * programs' symbols; and a worker's memory goes with it anyway. */
#define COMMON "log_path=" VMP_SANITIZER_REPORTS "/worker:symbolize=0"

const char *
__asan_default_options (void)
{
  return COMMON ":detect_leaks=0:detect_stack_use_after_return=1";
}

const char *
__ubsan_default_options (void)
{
  return COMMON ":halt_on_error=1:print_stacktrace=1";
}

const char *
__tsan_default_options (void)
{
  return COMMON;
}
