/* Verify: reads a whole package and holds it against its descriptor, without importing it. */
#pragma once

#include "vmp-run.h"

G_BEGIN_DECLS

/* A VmpWork over a VmpFolder; its job's limit holds. */
GVariant *vmp_verify_work (VmpRun *run, gpointer folder, GError **error);

G_END_DECLS
