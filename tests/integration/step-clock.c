/* A real-time clock that a test steps, in the place of the C library's: the seconds by which it is off
 * stand in the file that STEP_CLOCK names. */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static time_t
get_step (void)
{
  static int fd = -1;
  char text[32] = "";

  if (fd < 0 && getenv ("STEP_CLOCK") != NULL)
    fd = open (getenv ("STEP_CLOCK"), O_RDONLY | O_CLOEXEC);
  return fd >= 0 && pread (fd, text, sizeof text - 1, 0) > 0 ? (time_t) atoll (text) : 0;
}

int
clock_gettime (clockid_t clock, struct timespec *now)
{
  static int (*real) (clockid_t, struct timespec *);
  int result;

  if (real == NULL)
    real = (int (*) (clockid_t, struct timespec *)) dlsym (RTLD_NEXT, "clock_gettime");
  result = real (clock, now);
  if (result == 0 && clock == CLOCK_REALTIME)
    now->tv_sec += get_step ();
  return result;
}

int
gettimeofday (struct timeval *restrict now, void *restrict zone)
{
  struct timespec exact;

  if (clock_gettime (CLOCK_REALTIME, &exact) != 0)
    return -1;
  now->tv_sec = exact.tv_sec;
  now->tv_usec = exact.tv_nsec / 1000;
  return 0;
}

time_t
time (time_t *now)
{
  struct timespec exact;

  clock_gettime (CLOCK_REALTIME, &exact);
  if (now != NULL)
    *now = exact.tv_sec;
  return exact.tv_sec;
}
