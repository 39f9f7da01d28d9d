/* A virtual machine's configuration: what it asks of the host that is to run it. */
#include "config.h"

#include "vmp-domain-private.h"

static const char *
get (VmpDomain *self, const char *path, const char *attribute)
{
  VmpNode *node = vmp_node_find (self->root, path);

  return node != NULL ? vmp_node_get (node, attribute) : NULL;
}

/* "kvm" or "qemu". */
const char *
vmp_domain_get_virt_type (VmpDomain *self)
{
  return vmp_node_get (self->root, "type");
}

const char *
vmp_domain_get_arch (VmpDomain *self)
{
  return get (self, "os/type", "arch");
}

const char *
vmp_domain_get_machine_type (VmpDomain *self)
{
  return get (self, "os/type", "machine");
}

/* The kind that the host is to choose one of: "efi" or "bios". */
const char *
vmp_domain_get_firmware (VmpDomain *self)
{
  return get (self, "os", "firmware");
}
