"""Typed text."""

from opencets_agent.collectors.contract import Declaration, labels

DECLARATION = Declaration(
    name="typed",
    label=labels("text that is typed", "le texte saisi", "eingegebener Text"),
    takes=(
        "What is typed into the text fields of programs is compared, in memory, with the phrases that the "
        "order names. Of a text in which one is found, the phrase and at most as many characters around it as "
        "the condition allows are kept. The last messages of a conversation are remembered in memory for fifteen "
        "minutes, so that a phrase in several pieces is found. All else is forgotten."
    ),
    never=(
        "Keys are not logged. A password field gives dots to this collector, and is left out besides. Text of "
        "excluded programs, sites, people and hours is put away before it is compared."
    ),
    library="AT-SPI over D-Bus (dbus-fast): events TextChanged of editable fields that have the focus",
    systems=(
        "X11 and Wayland alike; programs with an accessibility tree (GTK, Qt, Firefox, Chromium with "
        "--force-renderer-accessibility)"
    ),
    windows="UI Automation, AddTextEditTextChangedEventHandler, by comtypes; IsPassword is left out",
    macos="AXObserver, kAXValueChanged, by PyObjC; kAXSecureTextField is left out",
)
