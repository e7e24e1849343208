/**
 * The gallery: tiles drawn by the server, shown only while asked for.
 *
 * Hold Space (or the eye) to see a tile, `b` to keep it until pressed again; both end by themselves after
 * `data-reveal-seconds` (20). Every showing is counted at `data-exposure-url` as `{"reveals": [{"id", "milliseconds"}]}`.
 * Arrows move, Enter opens, `k` follows `[data-known-toggle]`, `g` follows `[data-group-toggle]`,
 * `n` and `p` the links to the next and the previous of a series.
 *
 * `x` selects the focused tile or lets it go, Shift and arrows extend, a click with Shift or Ctrl does the same, Escape lets
 * all go. Selected tiles carry `data-selected`. On each change of selection or focus the island's element dispatches
 * `gallery:selection` (bubbling) with `{ids, focus}`. It listens to `gallery:move` with `{key}` (an arrow, Home or End) and
 * `gallery:clear`, so that what grades can go on to the next. Digits and `u` are left to what grades.
 */
import { csrfToken, icon, isTyping, make } from "../behaviour/dom";

/** What `gallery:selection` tells: the selected media in the order they were selected, and the focused one. */
export interface Selection {
  ids: string[];
  focus: string | null;
}

interface Reveal {
  id: string;
  milliseconds: number;
}

const REPORT_AFTER_MS = 1500;
const SIZES = { least: 96, most: 320, usual: 150 };

export function mount(element: HTMLElement): void {
  const grid = element.querySelector<HTMLElement>(".gallery") ?? element;
  const seconds = Number(element.dataset.revealSeconds ?? 20);
  const begun = new Map<HTMLElement, number>();
  const ends = new Map<HTMLElement, number>();
  const kept = new Set<HTMLElement>();
  let reveals: Reveal[] = [];
  let report = 0;

  const send = (): void => {
    window.clearTimeout(report);
    report = 0;
    const url = element.dataset.exposureUrl;
    if (!url || !reveals.length) return;
    const body = JSON.stringify({ reveals, count: reveals.length });
    reveals = [];
    // keepalive: the count must arrive even when the officer leaves the page at once.
    void fetch(url, { method: "POST", keepalive: true, credentials: "same-origin", headers: { "X-CSRFToken": csrfToken(), "Content-Type": "application/json" }, body }).catch(() => undefined);
  };

  const show = (tile: HTMLElement): void => {
    if (begun.has(tile)) return;
    begun.set(tile, performance.now());
    tile.classList.add("shown");
    tile.querySelector(".tile-eye")?.setAttribute("aria-pressed", "true");
    ends.set(tile, window.setTimeout(() => veil(tile), seconds * 1000));
  };
  const veil = (tile: HTMLElement): void => {
    const since = begun.get(tile);
    if (since === undefined) return;
    begun.delete(tile);
    kept.delete(tile);
    window.clearTimeout(ends.get(tile));
    tile.classList.remove("shown");
    tile.querySelector(".tile-eye")?.setAttribute("aria-pressed", "false");
    for (const video of tile.querySelectorAll("video")) video.pause();
    reveals.push({ id: tile.dataset.medium ?? "", milliseconds: Math.round(performance.now() - since) });
    report ||= window.setTimeout(send, REPORT_AFTER_MS);
  };
  const veilAll = (): void => [...begun.keys()].forEach(veil);
  const toggle = (tile: HTMLElement): void => {
    if (kept.has(tile)) veil(tile);
    else {
      show(tile);
      kept.add(tile);
    }
  };

  const prepare = (tile: HTMLElement): void => {
    if (tile.querySelector(".tile-eye")) return;
    const label = tile.querySelector(".tile-label")?.firstChild?.textContent?.trim() ?? "this file";
    const eye = make("button", { type: "button", class: "tile-eye", "aria-label": `Show ${label} while held`, "aria-pressed": "false", tabindex: "-1" }, icon("eye"));
    eye.addEventListener("pointerdown", (event) => {
      eye.setPointerCapture(event.pointerId);
      show(tile);
    });
    for (const end of ["pointerup", "pointercancel", "lostpointercapture"]) eye.addEventListener(end, () => veil(tile));
    eye.addEventListener("contextmenu", (event) => event.preventDefault());
    tile.append(eye);
    for (const video of tile.querySelectorAll("video")) {
      video.muted = true;
      video.autoplay = false;
      video.preload = "none";
    }
  };
  const prepareAll = (): void => grid.querySelectorAll<HTMLElement>(".tile").forEach(prepare);
  prepareAll();
  new MutationObserver(prepareAll).observe(grid, { childList: true, subtree: true });

  const chosen = choosing(element, grid);

  const tileOf = (target: EventTarget | null): HTMLElement | null => (target instanceof Element ? target.closest<HTMLElement>(".tile") : null);

  element.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
    if (document.querySelector("dialog[open]")) return;
    const tile = tileOf(event.target);
    if (event.key === " " && tile) {
      event.preventDefault();
      if (!event.repeat && !kept.has(tile)) show(tile);
    } else if (event.key === "b" && tile) toggle(tile);
    else if (event.key === "Escape") {
      veilAll();
      chosen.clear();
    } else if (event.key === "x" && tile) chosen.toggle(tile);
    else if (event.key === "k") follow(element, "[data-known-toggle]");
    else if (event.key === "g") follow(element, "[data-group-toggle]");
    else if (event.key === "n") follow(element, "a[rel=next]");
    else if (event.key === "p") follow(element, "a[rel=prev]");
    else if (event.key.startsWith("Arrow") || event.key === "Home" || event.key === "End") {
      const next = moveFocus(grid, tile, event.key);
      if (!next) return;
      if (event.shiftKey) chosen.extend(tile ?? next, next);
      else chosen.rest();
      event.preventDefault();
    } else return;
    event.stopPropagation();
  });
  element.addEventListener("keyup", (event) => {
    const tile = tileOf(event.target);
    if (event.key === " " && tile && !kept.has(tile)) veil(tile);
  });
  element.addEventListener("focusin", (event) => {
    const tile = tileOf(event.target);
    if (tile) chosen.focus(tile);
  });
  element.addEventListener(
    "click",
    (event) => {
      const tile = event.target instanceof Element && event.target.closest(".tile-frame") ? tileOf(event.target) : null;
      if (!tile || !(event.shiftKey || event.ctrlKey || event.metaKey)) return;
      event.preventDefault();
      if (event.shiftKey) chosen.extend(chosen.focused() ?? tile, tile);
      else chosen.toggle(tile);
      tile.querySelector<HTMLElement>(".tile-frame")?.focus();
    },
    true,
  );
  element.addEventListener("gallery:move", (event) => {
    const { key } = (event as CustomEvent<{ key: string }>).detail;
    moveFocus(grid, chosen.focused(), key);
  });
  element.addEventListener("gallery:clear", () => chosen.clear());
  element.addEventListener("focusout", (event) => {
    const tile = tileOf(event.target);
    if (tile && !tile.contains(event.relatedTarget as Node | null) && !kept.has(tile)) veil(tile);
  });
  // Nobody looks at a page in the background; nothing stays open there.
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) veilAll();
    if (document.hidden) send();
  });
  window.addEventListener("blur", veilAll);
  window.addEventListener("pagehide", () => {
    veilAll();
    send();
  });

  addSizer(element, grid);
  const toggleKnown = element.querySelector<HTMLElement>("button[data-known-toggle]");
  toggleKnown?.addEventListener("click", () => {
    const hidden = grid.toggleAttribute("data-known-hidden");
    toggleKnown.setAttribute("aria-pressed", String(!hidden));
  });
}

function follow(element: HTMLElement, selector: string): void {
  (element.querySelector<HTMLElement>(selector) ?? document.querySelector<HTMLElement>(selector))?.click();
}

interface Choosing {
  toggle: (tile: HTMLElement) => void;
  extend: (from: HTMLElement, to: HTMLElement) => void;
  clear: () => void;
  /** The next Shift begins where the focus is then. */
  rest: () => void;
  focus: (tile: HTMLElement) => void;
  focused: () => HTMLElement | null;
}

/** The selection of a gallery, by media; a tile that is drawn again carries its mark again. */
function choosing(element: HTMLElement, grid: HTMLElement): Choosing {
  const selected = new Set<string>();
  let focus: string | null = null;
  // Where Shift began, and what was selected before it: going back shrinks what Shift took.
  let anchor: string | null = null;
  let before: string[] = [];
  const said = make("span", { class: "gallery-selected", role: "status" });
  element.querySelector(".gallery-tools")?.append(said);

  const of = (tile: HTMLElement): string => tile.dataset.medium ?? "";
  const paint = (): void => {
    for (const tile of grid.querySelectorAll<HTMLElement>(".tile")) tile.toggleAttribute("data-selected", selected.has(of(tile)));
  };
  const tell = (): void => {
    said.textContent = selected.size ? `${selected.size.toLocaleString("en-GB")} selected` : "";
    const detail: Selection = { ids: [...selected], focus };
    element.dispatchEvent(new CustomEvent("gallery:selection", { detail, bubbles: true }));
  };
  new MutationObserver(paint).observe(grid, { childList: true, subtree: true });
  return {
    toggle(tile) {
      anchor = null;
      if (!selected.delete(of(tile))) selected.add(of(tile));
      paint();
      tell();
    },
    extend(from, to) {
      if (anchor === null) {
        anchor = of(from);
        before = [...selected];
      }
      const tiles = [...grid.querySelectorAll<HTMLElement>(".tile")];
      const begin = tiles.findIndex((tile) => of(tile) === anchor);
      const end = tiles.indexOf(to);
      const range = tiles.slice(Math.min(begin < 0 ? end : begin, end), Math.max(begin, end) + 1).filter((tile) => tile.offsetParent !== null);
      selected.clear();
      for (const id of [...before, ...range.map(of)]) selected.add(id);
      focus = of(to);
      paint();
      tell();
    },
    clear() {
      anchor = null;
      if (!selected.size) return;
      selected.clear();
      paint();
      tell();
    },
    rest() {
      anchor = null;
    },
    focus(tile) {
      if (focus === of(tile)) return;
      focus = of(tile);
      tell();
    },
    focused: () => (focus === null ? null : grid.querySelector<HTMLElement>(`.tile[data-medium="${CSS.escape(focus)}"]`)),
  };
}

/** Left and right by order, up and down by what stands above and below; the tile gone to, or null where there is none. */
function moveFocus(grid: HTMLElement, tile: HTMLElement | null, key: string): HTMLElement | null {
  const frames = [...grid.querySelectorAll<HTMLElement>(".tile-frame")].filter((frame) => frame.offsetParent !== null);
  if (!frames.length) return null;
  const at = tile ? frames.findIndex((frame) => tile.contains(frame)) : -1;
  const here = frames[at];
  let next: HTMLElement | undefined;
  if (!here || key === "Home") next = frames[0];
  else if (key === "End") next = frames.at(-1);
  else if (key === "ArrowRight") next = frames[at + 1];
  else if (key === "ArrowLeft") next = frames[at - 1];
  else {
    const box = here.getBoundingClientRect();
    const down = key === "ArrowDown";
    let least = Infinity;
    for (const frame of frames) {
      const other = frame.getBoundingClientRect();
      const away = down ? other.top - box.top : box.top - other.top;
      if (away < box.height / 2) continue;
      const cost = away + Math.abs(other.left - box.left) / 1000;
      if (cost < least) [least, next] = [cost, frame];
    }
  }
  next?.focus();
  next?.scrollIntoView({ block: "nearest" });
  return next?.closest<HTMLElement>(".tile") ?? null;
}

function addSizer(element: HTMLElement, grid: HTMLElement): void {
  const tools = element.querySelector<HTMLElement>(".gallery-tools");
  if (!tools) return;
  const stored = Number(localStorage.getItem("gallery-tile") ?? SIZES.usual);
  const slider = make("input", { type: "range", min: String(SIZES.least), max: String(SIZES.most), step: "8", value: String(stored) });
  const apply = (): void => {
    grid.style.setProperty("--tile", `${slider.value}px`);
    localStorage.setItem("gallery-tile", slider.value);
  };
  slider.addEventListener("input", apply);
  apply();
  tools.append(make("label", { class: "spread" }, "Size", slider));
}
