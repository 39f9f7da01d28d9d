/* What a sanitizer asks of a program for its options. */
#pragma once

const char *__asan_default_options (void);
const char *__ubsan_default_options (void);
const char *__tsan_default_options (void);
