/* Arithmetic on sizes that came from outside. */
#pragma once

#include <glib.h>

#define vmp_size_add(dest, a, b) (!__builtin_add_overflow ((guint64) (a), (guint64) (b), (dest)))
#define vmp_size_mul(dest, a, b) (!__builtin_mul_overflow ((guint64) (a), (guint64) (b), (dest)))
