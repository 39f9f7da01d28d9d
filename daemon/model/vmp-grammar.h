/* What a domain's XML may consist of: tables of elements and attributes, and how they are looked
 * up.
 *
 * The tables are an allow-list. Several rows may bear one name: the first whose condition (@when)
 * holds and whose type takes the value is the one that counts. */
#pragma once

#include <glib.h>

#include "vmp-value.h"

G_BEGIN_DECLS

typedef enum
{
  VMP_GRAMMAR_MANY = 1 << 0,        /* may stand more than once */
  VMP_GRAMMAR_DROP = 1 << 1,        /* known and not kept: this host derives its own, or a secret */
  VMP_GRAMMAR_UNSAFE = 1 << 2,      /* reaches into the host; kept when that is asked for */
  VMP_GRAMMAR_REFUSE = 1 << 3,      /* reaches into the host; never kept */
  VMP_GRAMMAR_WITH_PARENT = 1 << 4, /* without it the element around it makes no sense */
  VMP_GRAMMAR_PRUNE = 1 << 5,       /* says nothing when it is empty */
  VMP_GRAMMAR_OPEN = 1 << 6,        /* anything, in the namespace of the element itself */
} VmpGrammarFlags;

typedef struct
{
  const char *name;
  VmpValue type;
  const char *words; /* of VMP_VALUE_WORDS, separated by blanks */
  VmpGrammarFlags flags;
  const char *reason; /* why it is unsafe; untranslated */
} VmpAttribute;

typedef struct _VmpElement VmpElement;

struct _VmpElement
{
  const char *name; /* with vmport's prefix for the namespace: "libosinfo:os" */
  VmpGrammarFlags flags;
  const char *when;       /* name of an attribute… */
  const char *when_words; /* …and the values for which the row holds; leading blank: and none */
  const char *reason;     /* why it is unsafe; untranslated */
  VmpValue text;
  const char *words;
  const VmpAttribute *attributes; /* ended by a row without a name */
  const VmpElement *children;     /* ended by a row without a name */
};

/* Writing tables. */
#define VMP_INCLUDE(rows_) \
  { \
    "", .children = (rows_) \
  } /* the rows of another table */
#define VMP_ATTRIBUTES(...) \
  .attributes = (const VmpAttribute[]) \
  { \
    __VA_ARGS__, { NULL } \
  }
#define VMP_CHILDREN(...) \
  .children = (const VmpElement[]) \
  { \
    __VA_ARGS__, { NULL } \
  }
#define VMP_TEXT(type_) .text = VMP_VALUE_##type_
#define VMP_TEXT_WORDS(words_) .text = VMP_VALUE_WORDS, .words = (words_)
#define VMP_WHEN(attribute_, words_) .when = (attribute_), .when_words = (words_)
#define VMP_WORDS(name_, words_) \
  { \
    (name_), VMP_VALUE_WORDS, (words_) \
  }
#define VMP_YES_NO(name_) VMP_WORDS (name_, "yes no")
#define VMP_ON_OFF(name_) VMP_WORDS (name_, "on off")
#define VMP_OF(name_, type_) \
  { \
    (name_), VMP_VALUE_##type_ \
  }
#define VMP_DROP(name_) \
  { \
    (name_), VMP_VALUE_ANY, NULL, VMP_GRAMMAR_DROP \
  }
#define VMP_UNSAFE_OF(name_, type_, reason_) \
  { \
    (name_), VMP_VALUE_##type_, NULL, VMP_GRAMMAR_UNSAFE, (reason_) \
  }

extern const VmpElement vmp_grammar_domain[];      /* one row: <domain> */
extern const VmpElement vmp_grammar_devices[];     /* children of <devices> */
extern const VmpElement vmp_grammar_save_cookie[]; /* one row: <cookie> */
extern const VmpElement vmp_grammar_snapshot[];    /* one row: <domainsnapshot> */

/* The namespace for a prefix of ours, and the way back; NULL where there is none. */
const char *vmp_grammar_prefix_to_uri (const char *prefix);
const char *vmp_grammar_uri_to_prefix (const char *uri);

/* An attribute's value as an element has it, or NULL. */
typedef const char *(*VmpGrammarGet) (gpointer element, const char *attribute);

const VmpElement *vmp_grammar_find_child (const VmpElement *parent, const char *name,
                                          VmpGrammarGet get, gpointer element, const char *text);
const VmpAttribute *vmp_grammar_find_attribute (const VmpElement *element, const char *name,
                                                const char *value, char **normalized);
gboolean vmp_grammar_knows_attribute (const VmpElement *element, const char *name);

G_END_DECLS
