/** What every page has: theme, side menu, search key, dialogs, toasts, copying, times, table keys. */
import { csrfToken, isTyping } from "./dom";
import { startAddresses } from "./addresses";
import { startLive } from "./live";
import { startLock } from "./lock";
import { startShots } from "./shots";
import { letGo, toast, type Toast } from "./toast";
import { ago } from "./words";

export function startShell(): void {
  startTheme();
  startSide();
  startMenus();
  startKeys();
  startShots();
  startDialogs();
  startConfirm();
  startToasts();
  startCopy();
  startTimes();
  startRequests();
  startFrames();
  startAddresses();
  startLive();
  startLock();
}

function startTheme(): void {
  const system = matchMedia("(prefers-color-scheme: dark)");
  const apply = (): void => {
    const chosen = localStorage.getItem("theme") ?? "system";
    const dark = chosen === "dark" || (chosen === "system" && system.matches);
    document.documentElement.dataset.bsTheme = dark ? "dark" : "light";
    for (const button of document.querySelectorAll<HTMLElement>("[data-theme-set]"))
      button.setAttribute("aria-pressed", String(button.dataset.themeSet === chosen));
    document.dispatchEvent(new CustomEvent("opencets:theme"));
  };
  system.addEventListener("change", apply);
  window.addEventListener("storage", (event) => event.key === "theme" && apply());
  document.addEventListener("click", (event) => {
    const button = closest(event.target, "[data-theme-set]");
    if (!button) return;
    localStorage.setItem("theme", button.dataset.themeSet ?? "system");
    apply();
    button.closest("details")?.removeAttribute("open");
  });
  apply();
}

function startSide(): void {
  const root = document.documentElement;
  const opener = document.querySelector<HTMLElement>("[data-side-open]");
  const veil = document.querySelector<HTMLElement>(".side-veil");
  const set = (open: boolean): void => {
    if (open) root.dataset.side = "open";
    else delete root.dataset.side;
    opener?.setAttribute("aria-expanded", String(open));
    if (veil) veil.hidden = !open;
    if (open) document.querySelector<HTMLElement>(".side-close")?.focus();
    else opener?.focus();
  };
  document.addEventListener("click", (event) => {
    if (closest(event.target, "[data-side-open]")) set(true);
    else if (closest(event.target, "[data-side-close]")) set(false);
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && root.dataset.side === "open") set(false);
  });
}

function startMenus(): void {
  const shut = (except?: Element | null): void => {
    for (const menu of document.querySelectorAll("details.menu[open]")) if (menu !== except) menu.removeAttribute("open");
  };
  document.addEventListener("click", (event) => shut(closest(event.target, "details.menu")));
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    const open = document.querySelector<HTMLDetailsElement>("details.menu[open]");
    if (!open) return;
    const held = open.contains(document.activeElement);
    shut();
    if (held) open.querySelector<HTMLElement>("summary")?.focus();
  });
}

/** `g` and a letter go to a room: the first letter of its label, as the help says. */
const ROOM_KEYS: Record<string, string> = { d: "Desk", c: "Cases", a: "Alerts", m: "Media", e: "Entities", h: "Charts", k: "Known files", s: "Sharing" };
const CHORD_MS = 900;

function startKeys(): void {
  let chordUntil = 0;
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
    if (document.querySelector("dialog[open]")) return;
    if (performance.now() < chordUntil) {
      chordUntil = 0;
      const label = ROOM_KEYS[event.key];
      const room = [...document.querySelectorAll<HTMLAnchorElement>(".rooms a")].find((link) => label && link.textContent?.trim().startsWith(label));
      if (room) {
        event.preventDefault();
        room.click();
      }
      return;
    }
    if (event.key === "/") {
      const search = document.getElementById("search-everywhere");
      if (search instanceof HTMLInputElement) {
        event.preventDefault();
        search.focus();
        search.select();
      }
    } else if (event.key === "?") {
      event.preventDefault();
      openDialog("keys");
    } else if (event.key === "g" && !closest(event.target, "[data-island=gallery]")) {
      chordUntil = performance.now() + CHORD_MS;
    } else if (event.key === "j" || event.key === "k") {
      if (stepRow(event.key === "j" ? 1 : -1, event.target)) event.preventDefault();
    } else if (event.key === "Enter" && event.target instanceof HTMLTableRowElement) {
      event.target.querySelector<HTMLAnchorElement>("a[href]")?.click();
    } else if (event.key === "u") {
      const undo = [...document.querySelectorAll<HTMLButtonElement>("#toasts form button[type=submit]")].at(-1);
      if (undo) {
        event.preventDefault();
        undo.click();
      }
    } else if (/^[0-9a-z]$/.test(event.key) && !closest(event.target, "[data-island]")) {
      const act = document.querySelector<HTMLElement>(`main [data-key="${event.key}"]`);
      if (act && act.offsetParent) {
        event.preventDefault();
        act.click();
      }
    }
  });
}

/** Move the focus between the rows of a `table[data-rows]`; false where the page has none. */
function stepRow(by: number, from: EventTarget | null): boolean {
  const inside = closest(from, "table[data-rows]");
  const table = inside ?? document.querySelector("table[data-rows]");
  const rows = [...(table?.querySelectorAll<HTMLTableRowElement>("tbody tr") ?? [])];
  if (!rows.length) return false;
  const at = rows.findIndex((row) => row.contains(from as Node));
  const next = rows[at < 0 ? 0 : Math.min(rows.length - 1, Math.max(0, at + by))];
  next?.setAttribute("tabindex", "-1");
  next?.focus();
  next?.scrollIntoView({ block: "nearest" });
  return true;
}

export function openDialog(id: string): void {
  const dialog = document.getElementById(id);
  if (dialog instanceof HTMLDialogElement && !dialog.open) dialog.showModal();
}

function startDialogs(): void {
  document.addEventListener("click", (event) => {
    const opener = closest(event.target, "[data-open-dialog]");
    if (opener) openDialog(opener.dataset.openDialog ?? "");
    else if (closest(event.target, "[data-close-dialog]")) closest(event.target, "dialog")?.dispatchEvent(new Event("opencets:close"));
    // A click on the dialog itself, outside its content, is a click on the backdrop.
    else if (event.target instanceof HTMLDialogElement) event.target.dispatchEvent(new Event("opencets:close"));
  });
  for (const dialog of document.querySelectorAll("dialog")) dialog.addEventListener("opencets:close", () => dialog.close());
}

/** A form with `data-confirm` asks its sentence first, whether htmx or the browser would send it. */
function startConfirm(): void {
  const dialog = document.getElementById("confirm");
  if (!(dialog instanceof HTMLDialogElement)) return;
  const yes = dialog.querySelector<HTMLButtonElement>("[data-confirm-yes]");
  let asked: { form: HTMLFormElement; by: HTMLElement | null } | undefined;
  const agreed = new WeakSet<HTMLFormElement>();
  document.addEventListener(
    "submit",
    (event) => {
      const form = event.target;
      if (!(form instanceof HTMLFormElement) || !form.dataset.confirm) return;
      if (agreed.delete(form)) return;
      event.preventDefault();
      event.stopImmediatePropagation();
      asked = { form, by: event.submitter };
      const words = dialog.querySelector("[data-confirm-words]");
      if (words) words.textContent = form.dataset.confirm;
      if (yes) yes.textContent = form.dataset.confirmLabel ?? "Confirm";
      dialog.showModal();
    },
    true,
  );
  yes?.addEventListener("click", () => {
    dialog.close();
    if (!asked) return;
    agreed.add(asked.form);
    asked.form.requestSubmit(asked.by ?? undefined);
    asked = undefined;
  });
}

function startToasts(): void {
  for (const line of document.querySelectorAll<HTMLElement>("#toasts > .toast-line")) letGo(line);
  document.addEventListener("click", (event) => {
    if (closest(event.target, "[data-close-toast]")) closest(event.target, ".toast-line")?.remove();
  });
  document.addEventListener("toast", (event) => {
    const detail = (event as CustomEvent<Toast>).detail;
    if (typeof detail?.text === "string") toast(detail);
  });
}

function startCopy(): void {
  document.addEventListener("click", (event) => {
    const button = closest(event.target, "[data-copy]");
    if (!button) return;
    event.preventDefault();
    navigator.clipboard.writeText(button.dataset.copy ?? "").then(
      () => {
        button.dataset.copied = "";
        window.setTimeout(() => delete button.dataset.copied, 1500);
        toast({ text: `Copied ${button.dataset.copy}`, tone: "good" });
      },
      () => toast({ text: "The browser did not allow copying. Select the value and copy it by hand.", tone: "warn" }),
    );
  });
}

function startTimes(): void {
  const renew = (): void => {
    const now = new Date();
    for (const time of document.querySelectorAll<HTMLTimeElement>("time[data-reltime]")) {
      const words = ago(new Date(time.dateTime), now);
      if (time.textContent !== words) time.textContent = words;
    }
  };
  window.setInterval(renew, 30_000);
}

function startRequests(): void {
  document.addEventListener("htmx:config:request", (event) => {
    const { ctx } = (event as CustomEvent<{ ctx: { request: { headers: Record<string, string> } } }>).detail;
    ctx.request.headers["X-CSRFToken"] = csrfToken();
  });
  document.addEventListener("htmx:error", () => {
    toast({ text: "The server did not answer. Nothing was changed; try again in a moment.", tone: "bad" });
  });
}

/** A table wider than its frame scrolls; the keyboard must reach it, and it needs a name then. */
function startFrames(): void {
  const name = (): void => {
    for (const frame of document.querySelectorAll<HTMLElement>(".table-frame:not([tabindex])")) {
      frame.tabIndex = 0;
      if (!frame.hasAttribute("role")) frame.setAttribute("role", "region");
      const heading = frame.closest("section, .panel")?.querySelector("h2") ?? document.querySelector("h1");
      if (!frame.hasAttribute("aria-label")) frame.setAttribute("aria-label", frame.querySelector("caption")?.textContent ?? heading?.textContent ?? "Table");
    }
  };
  name();
  document.addEventListener("htmx:after:swap", name);
}

export function closest(target: EventTarget | null, selector: string): HTMLElement | null {
  return target instanceof Element ? target.closest<HTMLElement>(selector) : null;
}
