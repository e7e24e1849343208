"""The clipboard."""

from opencets_agent.collectors.contract import Declaration, labels

DECLARATION = Declaration(
    name="clipboard",
    label=labels("copied text", "le texte copié", "kopierter Text"),
    takes=(
        "Text that is copied is compared, in memory, with the phrases that the order names; only a phrase "
        "found and the characters around it are kept."
    ),
    never="Pictures and files on the clipboard are not read, nor what a password manager marks as its own.",
    library="python-xlib: XFixes selection events; no polling",
    systems="X11; on Wayland only what programs under XWayland copy",
    windows="AddClipboardFormatListener, by ctypes",
    macos="NSPasteboard changeCount, by PyObjC",
)
