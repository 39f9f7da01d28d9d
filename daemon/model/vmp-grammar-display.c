/* What a domain's XML may consist of: displays and sound. */
#include "config.h"

#include "vmp-grammar-device.h"

static const VmpElement listen_rows[] = {
  { "listen", VMP_GRAMMAR_MANY, VMP_WHEN ("type", "address none"),
    VMP_ATTRIBUTES (VMP_WORDS ("type", "address none"), VMP_OF ("address", TOKEN)) },
  { "listen", VMP_GRAMMAR_MANY, VMP_WHEN ("type", "network"),
    VMP_ATTRIBUTES (VMP_WORDS ("type", "network"), VMP_OF ("network", VM_NAME),
                    VMP_DROP ("address")) },
  { "listen", VMP_GRAMMAR_MANY | VMP_GRAMMAR_UNSAFE, VMP_WHEN ("type", "socket"),
    .reason = REASON_HOST_SOCKET,
    VMP_ATTRIBUTES (VMP_WORDS ("type", "socket"), VMP_OF ("socket", PATH)) },
  { NULL },
};

#define COMPRESSION(name_, words_) \
  { \
    name_, VMP_ATTRIBUTES (VMP_WORDS ("compression", words_)) \
  }
#define GL \
  { \
    "gl", VMP_ATTRIBUTES (VMP_YES_NO ("enable"), \
                          VMP_UNSAFE_OF ("rendernode", PATH, REASON_HOST_DEVICE)) \
  }
static const VmpElement graphics_rows[] = {
  { "graphics", VMP_GRAMMAR_MANY, VMP_WHEN ("type", "vnc spice"),
    VMP_ATTRIBUTES (VMP_WORDS ("type", "vnc spice"), VMP_OF ("port", INTEGER),
                    VMP_OF ("tlsPort", INTEGER), VMP_YES_NO ("autoport"),
                    VMP_OF ("websocket", INTEGER), VMP_OF ("listen", TOKEN),
                    VMP_WORDS ("sharePolicy", "allow-exclusive force-shared ignore"),
                    VMP_YES_NO ("powerControl"), VMP_OF ("keymap", TOKEN),
                    VMP_WORDS ("defaultMode", "any secure insecure"),
                    VMP_WORDS ("connected", "fail disconnect keep"),
                    VMP_UNSAFE_OF ("socket", PATH, REASON_HOST_SOCKET),
                    /* Secrets are neither kept nor told of. */
                    VMP_DROP ("passwd"), VMP_DROP ("passwdValidTo")),
    VMP_CHILDREN (VMP_INCLUDE (listen_rows),
                  { "channel", VMP_GRAMMAR_MANY,
                    VMP_ATTRIBUTES (VMP_WORDS ("name", "main display inputs cursor playback record "
                                                       "smartcard usbredir"),
                                    VMP_WORDS ("mode", "any secure insecure")) },
                  COMPRESSION ("image", "auto_glz auto_lz quic glz lz off"),
                  COMPRESSION ("jpeg", "auto never always"),
                  COMPRESSION ("zlib", "auto never always"), COMPRESSION ("playback", "on off"),
                  { "streaming", VMP_ATTRIBUTES (VMP_WORDS ("mode", "filter all off")) },
                  { "clipboard", VMP_ATTRIBUTES (VMP_YES_NO ("copypaste")) },
                  { "mouse", VMP_ATTRIBUTES (VMP_WORDS ("mode", "server client")) },
                  { "filetransfer", VMP_ATTRIBUTES (VMP_YES_NO ("enable")) },
                  { "audio", VMP_ATTRIBUTES (VMP_OF ("id", UNSIGNED)) }, GL) },
  { "graphics", VMP_GRAMMAR_MANY, VMP_WHEN ("type", "egl-headless"),
    VMP_ATTRIBUTES (VMP_WORDS ("type", "egl-headless")), VMP_CHILDREN (GL) },
  { "graphics", VMP_GRAMMAR_MANY | VMP_GRAMMAR_UNSAFE, VMP_WHEN ("type", "sdl desktop dbus"),
    .reason = N_ ("It shows the machine on a display of the host."),
    VMP_ATTRIBUTES (VMP_WORDS ("type", "sdl desktop dbus"), VMP_OF ("display", TOKEN),
                    VMP_OF ("xauth", PATH), VMP_YES_NO ("fullscreen"), VMP_OF ("address", LINE),
                    VMP_YES_NO ("p2p")),
    VMP_CHILDREN (GL, { "audio", VMP_ATTRIBUTES (VMP_OF ("id", UNSIGNED)) }) },
  { NULL },
};

static const VmpElement video_rows[] = {
  { "video", VMP_GRAMMAR_MANY,
    VMP_CHILDREN (
        { "driver",
          VMP_ATTRIBUTES (VIRTIO, VMP_WORDS ("name", "qemu"), VMP_WORDS ("vgaconf", "io on off")) },
        { "model",
          VMP_ATTRIBUTES (VMP_WORDS ("type", "vga cirrus vmvga xen vbox virtio gop none bochs "
                                             "ramfb qxl"),
                          VMP_OF ("ram", UNSIGNED), VMP_OF ("vgamem", UNSIGNED),
                          VMP_OF ("vram64", UNSIGNED), VMP_OF ("vram", UNSIGNED),
                          VMP_OF ("heads", UNSIGNED), VMP_YES_NO ("primary"), VMP_ON_OFF ("blob"),
                          VMP_ON_OFF ("edid")),
          VMP_CHILDREN (
              { "acceleration",
                VMP_ATTRIBUTES (VMP_YES_NO ("accel3d"), VMP_YES_NO ("accel2d"),
                                VMP_UNSAFE_OF ("rendernode", PATH, REASON_HOST_DEVICE)) },
              { "resolution", VMP_ATTRIBUTES (VMP_OF ("x", UNSIGNED), VMP_OF ("y", UNSIGNED)) }) },
        DEVICE) },
  { NULL },
};

#define AUDIO_SIDE(name_) \
  { \
    name_, \
        VMP_ATTRIBUTES (VMP_YES_NO ("mixingEngine"), VMP_YES_NO ("fixedSettings"), \
                        VMP_OF ("voices", UNSIGNED), VMP_OF ("bufferLength", UNSIGNED)), \
        VMP_CHILDREN ( \
            { "settings", \
              VMP_ATTRIBUTES (VMP_OF ("frequency", UNSIGNED), VMP_OF ("channels", UNSIGNED), \
                              VMP_WORDS ("format", "s8 u8 s16 u16 s32 u32 f32")) }) \
  }
static const VmpElement audio_rows[] = {
  { "sound", VMP_GRAMMAR_MANY,
    VMP_ATTRIBUTES (VMP_WORDS ("model", "sb16 es1370 pcspk ac97 ich6 ich7 ich9 usb virtio"),
                    VMP_OF ("streams", UNSIGNED), VMP_YES_NO ("multichannel")),
    VMP_CHILDREN (
        { "codec", VMP_GRAMMAR_MANY, VMP_ATTRIBUTES (VMP_WORDS ("type", "duplex micro output")) },
        { "audio", VMP_ATTRIBUTES (VMP_OF ("id", UNSIGNED)) }, VIRTIO_DRIVER, DEVICE) },
  { "audio", VMP_GRAMMAR_MANY, VMP_WHEN ("type", "none spice"),
    VMP_ATTRIBUTES (VMP_OF ("id", UNSIGNED), VMP_OF ("timerPeriod", UNSIGNED),
                    VMP_WORDS ("type", "none spice")),
    VMP_CHILDREN (AUDIO_SIDE ("input"), AUDIO_SIDE ("output")) },
  { "audio", VMP_GRAMMAR_MANY | VMP_GRAMMAR_REFUSE,
    .reason = N_ ("It plays and records on a sound device of the host.") },
  { NULL },
};

const VmpElement vmp_grammar_displays[] = {
  VMP_INCLUDE (graphics_rows),
  VMP_INCLUDE (video_rows),
  VMP_INCLUDE (audio_rows),
  { NULL },
};
