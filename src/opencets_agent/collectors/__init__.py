"""One file per collector, each with its declaration; what stands here is all that there is."""

from opencets_agent.collectors import account, address, clipboard, drive, evasion, file, program, shown, typed, window

DECLARATIONS = {
    one.DECLARATION.name: one.DECLARATION
    for one in (typed, shown, window, address, clipboard, file, drive, account, program, evasion)
}
