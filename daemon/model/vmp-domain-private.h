/* What the files of VmpDomain share. */
#pragma once

#include "vmp-domain.h"
#include "vmp-node.h"

G_BEGIN_DECLS

struct _VmpDomain
{
  GObject parent_instance;

  VmpNode *root;         /* <domain> */
  GPtrArray *disks;      /* of VmpNode, owned by @root, in the document's order */
  GPtrArray *interfaces; /* the same for <interface> */
};

VmpDomain *vmp_domain_new_from_doc (xmlDoc *doc, GPtrArray *findings, GError **error);
void vmp_domain_normalize_interfaces (VmpDomain *self);

G_END_DECLS
