"""Windows in front."""

from opencets_agent.collectors.contract import Declaration, labels

DECLARATION = Declaration(
    name="window",
    label=labels("which window is in front", "la fenêtre au premier plan", "das Fenster im Vordergrund"),
    takes="The program and the title of a window when it comes to the front or changes its title.",
    never=(
        "No picture and no content. Excluded programs, and windows whose title names an excluded person or "
        "site, leave nothing."
    ),
    library="python-xlib: _NET_ACTIVE_WINDOW, _NET_WM_NAME, _NET_WM_PID",
    systems="X11; on Wayland only programs that run under XWayland",
    windows="SetWinEventHook, EVENT_SYSTEM_FOREGROUND, by ctypes",
    macos="NSWorkspace.didActivateApplicationNotification, by PyObjC",
)
