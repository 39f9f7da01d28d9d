/* What a domain's XML may consist of: disks. */
#include "config.h"

#include "vmp-grammar-device.h"

#define FORMATS "raw qcow2 vmdk vpc vhdx vdi qed qcow"
#define METADATA_CACHE \
  { \
    "metadata_cache", VMP_CHILDREN (SCALED ("max_size")) \
  }
static const VmpElement disk_source_rows[] = {
  { "source", VMP_GRAMMAR_PRUNE,
    VMP_ATTRIBUTES (VMP_OF ("file", FILE), VMP_DROP ("index"),
                    VMP_WORDS ("startupPolicy", "mandatory requisite optional")),
    VMP_CHILDREN (SECLABEL, { "encryption", VMP_GRAMMAR_REFUSE, .reason = REASON_SECRET }) },
  { NULL },
};

static const VmpElement iotune_rows[] = {
  { "iotune",
    VMP_CHILDREN (COUNT ("total_bytes_sec"), COUNT ("read_bytes_sec"), COUNT ("write_bytes_sec"),
                  COUNT ("total_iops_sec"), COUNT ("read_iops_sec"), COUNT ("write_iops_sec"),
                  COUNT ("total_bytes_sec_max"), COUNT ("read_bytes_sec_max"),
                  COUNT ("write_bytes_sec_max"), COUNT ("total_iops_sec_max"),
                  COUNT ("read_iops_sec_max"), COUNT ("write_iops_sec_max"),
                  COUNT ("size_iops_sec"), { "group_name", VMP_TEXT (TOKEN) },
                  COUNT ("total_bytes_sec_max_length"), COUNT ("read_bytes_sec_max_length"),
                  COUNT ("write_bytes_sec_max_length"), COUNT ("total_iops_sec_max_length"),
                  COUNT ("read_iops_sec_max_length"), COUNT ("write_iops_sec_max_length")) },
  { NULL },
};

#define DISK_ATTRIBUTES(types_) \
  VMP_ATTRIBUTES (VMP_WORDS ("type", types_), VMP_WORDS ("device", "disk cdrom floppy"), \
                  VMP_WORDS ("model", VIRTIO_MODELS), \
                  VMP_WORDS ("snapshot", "no internal external manual"))
static const VmpElement disk_details_rows[] = {
  { "driver",
    VMP_ATTRIBUTES (VMP_WORDS ("name", "qemu"), VMP_WORDS ("type", FORMATS),
                    VMP_WORDS ("cache", "default none writeback writethrough directsync unsafe"),
                    VMP_WORDS ("error_policy", "stop report ignore enospace"),
                    VMP_WORDS ("rerror_policy", "stop report ignore"),
                    VMP_WORDS ("io", "threads native io_uring"), VMP_ON_OFF ("ioeventfd"),
                    VMP_ON_OFF ("event_idx"), VMP_ON_OFF ("copy_on_read"),
                    VMP_WORDS ("discard", "unmap ignore"), VMP_ON_OFF ("discard_no_unref"),
                    VMP_OF ("iothread", UNSIGNED), VMP_WORDS ("detect_zeroes", "off on unmap"),
                    VMP_OF ("queues", UNSIGNED), VMP_OF ("queue_size", UNSIGNED), VIRTIO),
    VMP_CHILDREN (METADATA_CACHE) },
  { "target",
    VMP_ATTRIBUTES (VMP_OF ("dev", TOKEN), VMP_WORDS ("bus", "ide fdc scsi virtio xen usb sata sd"),
                    VMP_WORDS ("tray", "open closed"), VMP_ON_OFF ("removable"),
                    VMP_OF ("rotation_rate", UNSIGNED), VMP_OF ("dpofua", TOKEN)) },
  VMP_INCLUDE (iotune_rows),
  { "serial", VMP_TEXT (LINE) },
  { "wwn", VMP_TEXT (TOKEN) },
  { "vendor", VMP_TEXT (LINE) },
  { "product", VMP_TEXT (LINE) },
  BOOT,
  { "readonly" },
  { "shareable" },
  { "transient", VMP_ATTRIBUTES (VMP_YES_NO ("shareBacking")) },
  { "blockio", VMP_ATTRIBUTES (VMP_OF ("logical_block_size", UNSIGNED),
                               VMP_OF ("physical_block_size", UNSIGNED),
                               VMP_OF ("discard_granularity", UNSIGNED)) },
  { "geometry", VMP_ATTRIBUTES (VMP_OF ("cyls", UNSIGNED), VMP_OF ("heads", UNSIGNED),
                                VMP_OF ("secs", UNSIGNED), VMP_WORDS ("trans", "auto none lba")) },
  { "encryption", VMP_GRAMMAR_REFUSE, .reason = REASON_SECRET },
  { "auth", VMP_GRAMMAR_REFUSE, .reason = REASON_SECRET },
  DEVICE,
  /* A block job's: it belongs to the process that runs it, not to the machine. */
  { "mirror", VMP_GRAMMAR_DROP },
  { NULL },
};

extern const VmpElement vmp_grammar_backing_store[];

const VmpElement vmp_grammar_backing_store[] = {
  { "format", VMP_ATTRIBUTES (VMP_WORDS ("type", FORMATS)), VMP_CHILDREN (METADATA_CACHE) },
  VMP_INCLUDE (disk_source_rows),
  { "backingStore", VMP_WHEN ("type", " file"),
    VMP_ATTRIBUTES (VMP_WORDS ("type", "file"), VMP_DROP ("index")),
    .children = vmp_grammar_backing_store },
  { "backingStore", VMP_GRAMMAR_REFUSE, .reason = REASON_NOT_A_FILE },
  { NULL },
};

static const VmpElement backing_store_rows[] = {
  { "backingStore", VMP_WHEN ("type", " file"),
    VMP_ATTRIBUTES (VMP_WORDS ("type", "file"), VMP_DROP ("index")),
    .children = vmp_grammar_backing_store },
  { "backingStore", VMP_GRAMMAR_REFUSE, .reason = REASON_NOT_A_FILE },
  { NULL },
};

const VmpElement vmp_grammar_disks[] = {
  { "disk", VMP_GRAMMAR_MANY, VMP_WHEN ("type", " file"), DISK_ATTRIBUTES ("file"),
    VMP_CHILDREN (VMP_INCLUDE (disk_source_rows), VMP_INCLUDE (backing_store_rows),
                  VMP_INCLUDE (disk_details_rows)) },
  { "disk", VMP_GRAMMAR_MANY | VMP_GRAMMAR_UNSAFE, VMP_WHEN ("type", "block"),
    .reason = REASON_HOST_DEVICE,
    VMP_ATTRIBUTES (VMP_WORDS ("type", "block"), VMP_WORDS ("device", "disk cdrom floppy lun"),
                    VMP_WORDS ("model", VIRTIO_MODELS),
                    VMP_WORDS ("snapshot", "no internal external manual"),
                    VMP_WORDS ("sgio", "filtered unfiltered"), VMP_YES_NO ("rawio")),
    VMP_CHILDREN (
        { "source",
          VMP_ATTRIBUTES (VMP_OF ("dev", PATH), VMP_DROP ("index"),
                          VMP_WORDS ("startupPolicy", "mandatory requisite optional")),
          VMP_CHILDREN (SECLABEL, { "encryption", VMP_GRAMMAR_REFUSE, .reason = REASON_SECRET }) },
        { "backingStore" }, VMP_INCLUDE (disk_details_rows)) },
  { "disk", VMP_GRAMMAR_MANY | VMP_GRAMMAR_UNSAFE, VMP_WHEN ("type", "dir"),
    .reason = REASON_HOST_FOLDER, DISK_ATTRIBUTES ("dir"),
    VMP_CHILDREN ({ "source", VMP_ATTRIBUTES (VMP_OF ("dir", PATH), VMP_DROP ("index")) },
                  { "backingStore" }, VMP_INCLUDE (disk_details_rows)) },
  { "disk", VMP_GRAMMAR_MANY | VMP_GRAMMAR_REFUSE, .reason = REASON_NOT_A_FILE },
  { NULL },
};

/* What a snapshot did to each disk; see vmp-grammar-snapshot.c. */
const VmpElement vmp_grammar_snapshot_disks[] = {
  { "disk", VMP_GRAMMAR_MANY, VMP_WHEN ("type", " file"),
    VMP_ATTRIBUTES (VMP_OF ("name", TOKEN), VMP_WORDS ("snapshot", "no internal external manual"),
                    VMP_WORDS ("type", "file")),
    VMP_CHILDREN ({ "driver", VMP_GRAMMAR_PRUNE, VMP_ATTRIBUTES (VMP_WORDS ("type", FORMATS)),
                    VMP_CHILDREN (METADATA_CACHE) },
                  VMP_INCLUDE (disk_source_rows)) },
  { "disk", VMP_GRAMMAR_MANY | VMP_GRAMMAR_REFUSE, .reason = REASON_NOT_A_FILE },
  { NULL },
};
