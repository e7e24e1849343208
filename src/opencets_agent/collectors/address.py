"""Addresses visited."""

from opencets_agent.collectors.contract import Declaration, labels

DECLARATION = Declaration(
    name="address",
    label=labels("addresses that are visited", "les adresses visitées", "besuchte Adressen"),
    takes="The address and the title of a page when a browser opened it.",
    never=(
        "No content of the page, no history from before the order, no passwords in addresses. Excluded sites "
        "leave nothing."
    ),
    library="AT-SPI over D-Bus (dbus-fast): event LoadComplete, the document's attribute URI",
    systems="X11 and Wayland; browsers with an accessibility tree, Chromium with --force-renderer-accessibility",
    windows="UI Automation, the document's ValuePattern, by comtypes",
    macos="AXURL of AXWebArea, by PyObjC",
)
