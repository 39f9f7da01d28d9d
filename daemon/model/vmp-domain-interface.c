/* A virtual machine's configuration: its network adapters.
 *
 * An adapter that is not connected is written as one of type 'user' whose link is down: libvirt's
 * type 'null' says the same, but its QEMU driver does not start such a machine. Both are read as
 * VMP_NETWORK_NONE, so an adapter of type 'user' with the link down stays as it is. */
#include "config.h"

#include "vmp-domain-private.h"

#include <string.h>

guint
vmp_domain_get_n_interfaces (VmpDomain *self)
{
  return self->interfaces->len;
}

static VmpNode *
get_interface (VmpDomain *self, guint interface)
{
  g_return_val_if_fail (interface < self->interfaces->len, NULL);

  return g_ptr_array_index (self->interfaces, interface);
}

static gboolean
link_is_down (VmpNode *node)
{
  VmpNode *link = vmp_node_find (node, "link");

  return link != NULL && g_strcmp0 (vmp_node_get (link, "state"), "down") == 0;
}

static VmpNetworkKind
get_kind (VmpNode *node)
{
  const char *type = vmp_node_get (node, "type");

  if (g_strcmp0 (type, "network") == 0)
    return VMP_NETWORK_NETWORK;
  if (g_strcmp0 (type, "bridge") == 0)
    return VMP_NETWORK_BRIDGE;
  if (g_strcmp0 (type, "user") == 0 && !link_is_down (node))
    return VMP_NETWORK_USER;
  return VMP_NETWORK_NONE;
}

/* VMP_NETWORK_NONE too for an unsafe adapter, whose connection is of no kind that can be named. */
VmpNetworkKind
vmp_domain_get_interface_kind (VmpDomain *self, guint interface)
{
  VmpNode *node = get_interface (self, interface);

  return node != NULL ? get_kind (node) : VMP_NETWORK_NONE;
}

/* The network's or bridge's name, or NULL where the kind has none. */
const char *
vmp_domain_get_interface_source (VmpDomain *self, guint interface)
{
  VmpNode *node = get_interface (self, interface);
  VmpNode *source = node != NULL ? vmp_node_find (node, "source") : NULL;

  if (source == NULL)
    return NULL;
  switch (get_kind (node))
    {
    case VMP_NETWORK_NETWORK:
      return vmp_node_get (source, "network");
    case VMP_NETWORK_BRIDGE:
      return vmp_node_get (source, "bridge");
    default:
      return NULL;
    }
}

gboolean
vmp_domain_is_interface_unsafe (VmpDomain *self, guint interface)
{
  VmpNode *node = get_interface (self, interface);

  return node != NULL && node->unsafe;
}

const char *
vmp_domain_get_interface_mac (VmpDomain *self, guint interface)
{
  VmpNode *node = get_interface (self, interface);
  VmpNode *mac = node != NULL ? vmp_node_find (node, "mac") : NULL;

  return mac != NULL ? vmp_node_get (mac, "address") : NULL;
}

/* @mac NULL leaves the choice to whoever defines the machine. */
void
vmp_domain_set_interface_mac (VmpDomain *self, guint interface, const char *mac)
{
  VmpNode *node = get_interface (self, interface);

  g_return_if_fail (node != NULL);

  if (mac == NULL)
    vmp_node_remove (node, "mac");
  else if (!vmp_node_set (vmp_node_ensure (node, "mac"), "address", mac))
    g_critical ("“%s” is not the address of an adapter", mac);
}

/* The same adapter with another connection: a new element of the wanted type with all of the old
 * one's details, the connection's own excepted. */
static VmpNode *
new_connection (VmpNode *devices, VmpNode *old, VmpNetworkKind kind, const char *source)
{
  static const char *const types[] = { "user", "network", "bridge", "user" };
  gboolean was_none = get_kind (old) == VMP_NETWORK_NONE;
  VmpNode *node = vmp_node_add (devices, "interface", "type", types[kind], NULL);

  for (guint i = 0; i < old->children->len; i++)
    {
      VmpNode *child = g_ptr_array_index (old->children, i);

      if (child->unsafe || strcmp (child->name, "source") == 0)
        continue;
      if (strcmp (child->name, "link") == 0 && (was_none || kind == VMP_NETWORK_NONE))
        continue;
      g_ptr_array_add (node->children, vmp_node_copy (child));
    }
  if (kind == VMP_NETWORK_NONE)
    vmp_node_add (node, "link", "state", "down", NULL);
  if (kind == VMP_NETWORK_NETWORK || kind == VMP_NETWORK_BRIDGE)
    {
      const char *attribute = kind == VMP_NETWORK_NETWORK ? "network" : "bridge";

      if (vmp_node_add (node, "source", attribute, source, NULL) == NULL)
        g_critical ("“%s” is not the name of a network", source);
    }
  return node;
}

static void
replace_connection (VmpDomain *self, guint interface, VmpNetworkKind kind, const char *source)
{
  VmpNode *devices = vmp_node_find (self->root, "devices");
  VmpNode *old = g_ptr_array_index (self->interfaces, interface);
  VmpNode *node = new_connection (devices, old, kind, source);
  guint index;

  /* It was added at the end; it belongs where the old one stood. */
  g_ptr_array_steal_index (devices->children, devices->children->len - 1);
  if (!g_ptr_array_find (devices->children, old, &index))
    g_assert_not_reached ();
  g_ptr_array_index (devices->children, index) = node;
  vmp_node_free (old);
  g_ptr_array_index (self->interfaces, interface) = node;
}

/* @source is a name for VMP_NETWORK_NETWORK and VMP_NETWORK_BRIDGE, else it is not looked at. What
 * is unsafe about the old connection (a VLAN, a virtual port) does not outlive it. */
void
vmp_domain_set_interface_source (VmpDomain *self, guint interface, VmpNetworkKind kind,
                                 const char *source)
{
  VmpNode *node = get_interface (self, interface);

  g_return_if_fail (node != NULL);
  g_return_if_fail (source != NULL || kind == VMP_NETWORK_NONE || kind == VMP_NETWORK_USER);

  if (kind == get_kind (node) && kind != VMP_NETWORK_NONE
      && g_strcmp0 (vmp_domain_get_interface_source (self, interface),
                    kind == VMP_NETWORK_USER ? NULL : source)
             == 0)
    return;
  replace_connection (self, interface, kind, source);
}

/* "network:NAME", "bridge:NAME", "user", or "" where it is not connected. */
char *
vmp_domain_get_interface_connection (VmpDomain *self, guint interface)
{
  const char *source = vmp_domain_get_interface_source (self, interface);

  switch (vmp_domain_get_interface_kind (self, interface))
    {
    case VMP_NETWORK_NETWORK:
      return source != NULL ? g_strconcat ("network:", source, NULL) : g_strdup ("");
    case VMP_NETWORK_BRIDGE:
      return source != NULL ? g_strconcat ("bridge:", source, NULL) : g_strdup ("");
    case VMP_NETWORK_USER:
      return g_strdup ("user");
    case VMP_NETWORK_NONE:
    default:
      return g_strdup ("");
    }
}

/* Gives adapters of type 'null' the form that is written for unconnected ones. */
void
vmp_domain_normalize_interfaces (VmpDomain *self)
{
  for (guint i = 0; i < self->interfaces->len; i++)
    if (g_strcmp0 (vmp_node_get (g_ptr_array_index (self->interfaces, i), "type"), "null") == 0)
      replace_connection (self, i, VMP_NETWORK_NONE, NULL);
}
