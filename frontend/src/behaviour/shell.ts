/** What every page has: theme, side menu, search key, dialogs, toasts, copying, table keys. */
export function startShell(): void {}
