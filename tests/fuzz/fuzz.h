/* What a fuzz target gives: libFuzzer's entry point. What GLib is used for wrongly ends it. */
#pragma once

#include <glib.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

static void
fuzz_on_log (const char *domain, GLogLevelFlags level, const char *message, gpointer data)
{
  if ((level & (G_LOG_LEVEL_CRITICAL | G_LOG_LEVEL_ERROR)) == 0)
    return;
  g_printerr ("%s\n", message);
  abort ();
}

/* A trap, as G_DEBUG=fatal-criticals would make of it, libFuzzer does not take for a finding. */
__attribute__ ((constructor)) static void
fuzz_watch_log (void)
{
  g_log_set_default_handler (fuzz_on_log, NULL);
}
