/**
 * The gallery: tiles drawn by the server, shown only while asked for.
 *
 * Hold Space (or the eye) to see a tile, `b` to keep it until pressed again; both end by themselves after
 * `data-reveal-seconds` (20). Every showing is counted at `data-exposure-url` as `{"reveals": [{"id", "milliseconds"}]}`.
 * Arrows move, Enter opens, `k` follows `[data-known-toggle]`, `g` follows `[data-group-toggle]`,
 * `n` and `p` the links to the next and the previous of a series.
 */
import { csrfToken, icon, isTyping, make } from "../behaviour/dom";

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

  const tileOf = (target: EventTarget | null): HTMLElement | null => (target instanceof Element ? target.closest<HTMLElement>(".tile") : null);

  element.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
    const tile = tileOf(event.target);
    if (event.key === " " && tile) {
      event.preventDefault();
      if (!event.repeat && !kept.has(tile)) show(tile);
    } else if (event.key === "b" && tile) toggle(tile);
    else if (event.key === "Escape") veilAll();
    else if (event.key === "k") follow(element, "[data-known-toggle]");
    else if (event.key === "g") follow(element, "[data-group-toggle]");
    else if (event.key === "n") follow(element, "a[rel=next]");
    else if (event.key === "p") follow(element, "a[rel=prev]");
    else if (event.key.startsWith("Arrow") || event.key === "Home" || event.key === "End") {
      if (!moveFocus(grid, tile, event.key)) return;
      event.preventDefault();
    } else return;
    event.stopPropagation();
  });
  element.addEventListener("keyup", (event) => {
    const tile = tileOf(event.target);
    if (event.key === " " && tile && !kept.has(tile)) veil(tile);
  });
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

/** Left and right by order, up and down by what stands above and below; false where there is nowhere to go. */
function moveFocus(grid: HTMLElement, tile: HTMLElement | null, key: string): boolean {
  const frames = [...grid.querySelectorAll<HTMLElement>(".tile-frame")].filter((frame) => frame.offsetParent !== null);
  if (!frames.length) return false;
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
  return next !== undefined;
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
