"""Displayed text."""

from opencets_agent.collectors.contract import Declaration, labels

DECLARATION = Declaration(
    name="shown",
    label=labels("text that is shown", "le texte affiché", "angezeigter Text"),
    takes=(
        "What programs show, messages that arrive among it, is compared, in memory, with the phrases that the "
        "order names. Where a program has no accessibility tree, the changed rows of its window in front are "
        "read as a picture, at most every two seconds. Of a text in which a phrase is found, the phrase and "
        "at most as many characters around it as the condition allows are kept. The last messages of a conversation "
        "are remembered in memory for fifteen minutes, so that a phrase in several pieces is found."
    ),
    never=(
        "Pages and windows are not kept. The picture that was read is put away in memory. Windows in the back "
        "are not read as pictures."
    ),
    library=(
        "AT-SPI over D-Bus (dbus-fast): events TextChanged and ChildrenChanged; mss and the program tesseract "
        "where there is no tree"
    ),
    systems="X11 and Wayland for programs with an accessibility tree; reading pictures on X11 only",
    windows="UI Automation, StructureChanged and TextChanged events, by comtypes; Windows.Media.Ocr",
    macos="AXObserver, by PyObjC; Vision for pictures, with the person's consent to screen recording",
)
