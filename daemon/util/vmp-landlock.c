/* Landlock: which files a process may open from now on, whatever its rights are.
 *
 * By the raw system calls: there is no library for it in a distribution of our age, and the headers
 * of an older kernel lack what a newer one can do. The constants are the kernel's, of its
 * Documentation/userspace-api/landlock.rst. */
#include "config.h"

#include "vmp-landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "vmp-error.h"

#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#define SYS_landlock_add_rule 445
#define SYS_landlock_restrict_self 446
#endif

#define CREATE_RULESET_VERSION 1U
#define RULE_PATH_BENEATH 1

#define FS_EXECUTE (1ULL << 0)
#define FS_WRITE_FILE (1ULL << 1)
#define FS_READ_FILE (1ULL << 2)
#define FS_READ_DIR (1ULL << 3)
#define FS_REMOVE_DIR (1ULL << 4)
#define FS_REMOVE_FILE (1ULL << 5)
#define FS_MAKE_DIR (1ULL << 7)
#define FS_MAKE_REG (1ULL << 8)
#define FS_MAKE_SOCK (1ULL << 9)
#define FS_REFER (1ULL << 13)     /* ABI 2 */
#define FS_TRUNCATE (1ULL << 14)  /* ABI 3 */
#define FS_IOCTL_DEV (1ULL << 15) /* ABI 5 */
#define FS_ALL_OF_ABI_1 ((1ULL << 13) - 1)
#define NET_BIND_TCP (1ULL << 0)                 /* ABI 4 */
#define NET_CONNECT_TCP (1ULL << 1)              /* ABI 4 */
#define SCOPE_ABSTRACT_UNIX_SOCKET (1ULL << 0)   /* ABI 6 */
#define SCOPE_SIGNAL (1ULL << 1)                 /* ABI 6 */

/* Fields were added at its end; the kernel takes any size that it knows. */
typedef struct
{
  guint64 handled_access_fs;
  guint64 handled_access_net;
  guint64 scoped;
} RulesetAttr;

typedef struct
{
  guint64 allowed_access;
  gint32 parent_fd;
} __attribute__ ((packed)) PathBeneathAttr;

const char *const vmp_landlock_programs[]
    = { "/usr",       "/bin",       "/lib", "/lib64", "/etc/ld.so.cache",
        "/nix/store", "/gnu/store", NULL };

/* 0 where the kernel has no Landlock, or has it switched off. */
int
vmp_landlock_get_abi (void)
{
  long abi = syscall (SYS_landlock_create_ruleset, NULL, 0, CREATE_RULESET_VERSION);

  return abi > 0 ? (int) abi : 0;
}

/* Everything that this kernel can rule out. */
static RulesetAttr
make_attr (int abi)
{
  RulesetAttr attr = { .handled_access_fs = FS_ALL_OF_ABI_1 };

  if (abi >= 2)
    attr.handled_access_fs |= FS_REFER;
  if (abi >= 3)
    attr.handled_access_fs |= FS_TRUNCATE;
  if (abi >= 4)
    attr.handled_access_net = NET_BIND_TCP | NET_CONNECT_TCP;
  if (abi >= 5)
    attr.handled_access_fs |= FS_IOCTL_DEV;
  if (abi >= 6)
    attr.scoped = SCOPE_ABSTRACT_UNIX_SOCKET | SCOPE_SIGNAL;
  return attr;
}

static gsize
get_attr_size (int abi)
{
  if (abi >= 6)
    return sizeof (RulesetAttr);
  return abi >= 4 ? G_STRUCT_OFFSET (RulesetAttr, scoped)
                  : G_STRUCT_OFFSET (RulesetAttr, handled_access_net);
}

/* A set of rules that allows nothing yet, or -1. Only where vmp_landlock_get_abi() is not 0. Before
 * VMP_LANDLOCK_MOVES nothing can be moved from one folder to another behind it. */
int
vmp_landlock_new_ruleset (GError **error)
{
  int abi = vmp_landlock_get_abi ();
  RulesetAttr attr = make_attr (abi);
  int fd = (int) syscall (SYS_landlock_create_ruleset, &attr, get_attr_size (abi), 0);

  if (fd < 0)
    vmp_error_set_errno (error, errno, "Cannot make a set of Landlock rules");
  return fd;
}

static guint64
get_rights (VmpPlaceAccess access)
{
  const guint64 read = FS_READ_FILE | FS_READ_DIR;
  const guint64 change = read | FS_WRITE_FILE | FS_TRUNCATE;

  switch (access)
    {
    case VMP_PLACE_READ:
      return read;
    case VMP_PLACE_CHANGE:
      return change;
    case VMP_PLACE_MAKE:
      return change | FS_MAKE_DIR | FS_MAKE_REG | FS_REMOVE_DIR | FS_REMOVE_FILE | FS_REFER;
    case VMP_PLACE_RUN:
      return read | FS_EXECUTE;
    case VMP_PLACE_MEET:
      return FS_MAKE_DIR | FS_MAKE_SOCK | FS_REMOVE_DIR | FS_REMOVE_FILE;
    }
  return 0;
}

/* Allows @access to the file or folder that @fd, which may be an O_PATH one, is of. */
gboolean
vmp_landlock_add_place (int ruleset, int fd, VmpPlaceAccess access, GError **error)
{
  PathBeneathAttr attr = { .parent_fd = fd };
  struct statx st;

  /* Without asking a server, who may not answer. */
  if (statx (fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE, &st) < 0)
    return vmp_error_set_errno (error, errno, "Cannot examine a place of the worker's");
  attr.allowed_access = get_rights (access) & make_attr (vmp_landlock_get_abi ()).handled_access_fs;
  /* The kernel refuses rights of a folder on what is none. */
  if (!S_ISDIR (st.stx_mode))
    attr.allowed_access &= FS_READ_FILE | FS_WRITE_FILE | FS_TRUNCATE | FS_EXECUTE;
  if (syscall (SYS_landlock_add_rule, ruleset, RULE_PATH_BENEATH, &attr, 0) < 0)
    return vmp_error_set_errno (error, errno, "Cannot add a Landlock rule");
  return TRUE;
}

/* For this thread, and for all that it starts from now on: before there are other threads. The
 * process must have given up new privileges (PR_SET_NO_NEW_PRIVS). FALSE with errno; it is safe
 * between fork and exec. */
gboolean
vmp_landlock_try_enforce (int ruleset)
{
  return syscall (SYS_landlock_restrict_self, ruleset, 0) == 0;
}

/* The same elsewhere. */
gboolean
vmp_landlock_enforce (int ruleset, GError **error)
{
  if (!vmp_landlock_try_enforce (ruleset))
    return vmp_error_set_errno (error, errno, "Cannot enforce the Landlock rules");
  return TRUE;
}
