/**
 * The gallery: tiles drawn by the server, shown only while asked for, as many in the page as its window needs.
 *
 * Hold Space (or the eye) to see a tile, `b` to keep it until pressed again; both end by themselves after
 * `data-reveal-seconds` (20). Every showing is counted at `data-exposure-url` as `{"reveals": [{"id", "milliseconds"}]}`.
 * Arrows, Home, End, PageUp and PageDown move, Enter opens, `k` follows `[data-known-toggle]`, `g` follows
 * `[data-group-toggle]` or shows the focused tile's group alone and all again, `n` and `p` the links to the next and the
 * previous of a series.
 *
 * `x` selects the focused tile or lets it go, Shift and arrows extend, a click with Shift or Ctrl does the same, Escape lets
 * all go. Selected tiles carry `data-selected`. On each change of selection or focus the island's element dispatches
 * `gallery:selection` (bubbling) with `{ids, focus}`. It listens to `gallery:move` with `{key}` (an arrow, Home or End) and
 * `gallery:clear`, so that what grades can go on to the next. Digits and `u` are left to what grades.
 */
import { icon, isTyping, make } from "../behaviour/dom";
import { frameOf, MOVES, plainGrid, windowedGrid, type Order } from "../gallery/grid";
import { startCalm } from "../gallery/calm";
import { reveals } from "../gallery/reveals";
import { choosing } from "../gallery/selection";

const SIZES = { least: 64, most: 320, usual: 128 };

export function mount(element: HTMLElement): void {
  const tiles = element.querySelector<HTMLElement>(".gallery") ?? element;
  const look = reveals(element);
  const isLong = Boolean(element.dataset.orderUrl && (element.dataset.nextAfter || element.dataset.after));
  if (element.dataset.orderUrl && !isLong && element.dataset.length === "") void countAlone(element);
  const grid = isLong ? windowedGrid(element, tiles, (order) => tellOrder(element, order)) : plainGrid(tiles);
  const chosen = choosing(element, tiles, grid);
  startCalm(element);

  const prepare = (tile: HTMLElement): void => {
    if (tile.dataset.ready !== undefined || tile.dataset.waiting !== undefined) return;
    tile.dataset.ready = "";
    if (tile.querySelector("img, video")) tile.append(eyeOf(tile));
    const sized = tile.querySelector<HTMLElement>("img[data-width]");
    const frame = frameOf(tile);
    // What is drawn over a picture fits its veil only where the frame has the picture's shape.
    if (sized && frame) frame.style.aspectRatio = `${sized.dataset.width ?? "4"} / ${sized.dataset.height ?? "3"}`;
    for (const video of tile.querySelectorAll("video")) {
      video.muted = true;
      video.autoplay = false;
      video.preload = "none";
      const hear = (): void => {
        if (element.dataset.sound === "never") video.muted = true;
        else if (!video.muted && !video.paused) video.dataset.heard = "";
      };
      video.addEventListener("volumechange", hear);
      video.addEventListener("play", hear);
    }
  };
  const eyeOf = (tile: HTMLElement): HTMLElement => {
    const label = tile.querySelector(".tile-label")?.firstChild?.textContent?.trim() ?? "this file";
    const eye = make("button", { type: "button", class: "tile-eye", "aria-label": `Show ${label} while held`, "aria-pressed": "false", tabindex: "-1" }, icon("eye"));
    eye.addEventListener("pointerdown", (event) => {
      eye.setPointerCapture(event.pointerId);
      look.show(tile);
    });
    for (const end of ["pointerup", "pointercancel", "lostpointercapture"]) eye.addEventListener(end, () => look.veil(tile));
    eye.addEventListener("contextmenu", (event) => event.preventDefault());
    return eye;
  };
  const prepareAll = (): void => {
    tiles.querySelectorAll<HTMLElement>(".tile:not([data-ready])").forEach(prepare);
    chosen.paint();
  };
  prepareAll();
  new MutationObserver((changes) => {
    for (const change of changes) for (const gone of change.removedNodes) if (gone instanceof HTMLElement && gone.matches(".tile")) look.veil(gone);
    if (changes.some((change) => change.addedNodes.length)) prepareAll();
  }).observe(tiles, { childList: true });

  const tileOf = (target: EventTarget | null): HTMLElement | null => (target instanceof Element ? target.closest<HTMLElement>(".tile") : null);

  element.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
    if (document.querySelector("dialog[open]")) return;
    if (event.target instanceof HTMLInputElement) return;
    const tile = tileOf(event.target) ?? (event.target === tiles ? chosen.focused() : null);
    if (event.key === " " && tile) {
      event.preventDefault();
      if (!event.repeat && !look.kept(tile)) look.show(tile);
    } else if (event.key === "b" && tile) look.toggle(tile);
    else if (event.key === "Escape") {
      look.veilAll();
      chosen.clear();
    } else if (event.key === "x" && tile) chosen.toggle(tile);
    else if (event.key === "k") follow(element, "[data-known-toggle]:not([hidden])");
    else if (event.key === "g") showGroup(element, tile);
    else if (event.key === "n") follow(element, "a[rel=next]");
    else if (event.key === "p") follow(element, "a[rel=prev]");
    else if (MOVES.has(event.key)) {
      if (tile && look.kept(tile)) look.veil(tile);
      const next = grid.move(tile, event.key);
      if (!next) return;
      if (event.shiftKey) chosen.extend(tile ?? next, next);
      else chosen.rest();
      event.preventDefault();
    } else return;
    event.stopPropagation();
  });
  element.addEventListener("keyup", (event) => {
    const tile = tileOf(event.target);
    if (event.key === " " && tile && !look.kept(tile)) look.veil(tile);
  });
  element.addEventListener("focusin", (event) => {
    const tile = tileOf(event.target);
    if (!tile) return;
    grid.keep(tile);
    chosen.focus(tile);
  });
  element.addEventListener("focusout", (event) => {
    const tile = tileOf(event.target);
    if (tile && !tile.contains(event.relatedTarget as Node | null) && !look.kept(tile)) look.veil(tile);
  });
  element.addEventListener(
    "click",
    (event) => {
      const tile = event.target instanceof Element && event.target.closest(".tile-frame") ? tileOf(event.target) : null;
      if (!tile || !(event.shiftKey || event.ctrlKey || event.metaKey)) return;
      event.preventDefault();
      if (event.shiftKey) chosen.extend(chosen.focused() ?? tile, tile);
      else chosen.toggle(tile);
      frameOf(tile)?.focus();
    },
    true,
  );
  element.addEventListener("gallery:move", (event) => {
    const { key } = (event as CustomEvent<{ key: string }>).detail;
    chosen.rest();
    grid.move(chosen.focused(), key);
  });
  element.addEventListener("gallery:clear", () => chosen.clear());

  addSizer(element, tiles);
  const toggleKnown = element.querySelector<HTMLElement>("button[data-known-toggle]");
  toggleKnown?.addEventListener("click", () => {
    const hidden = tiles.toggleAttribute("data-known-hidden");
    toggleKnown.setAttribute("aria-pressed", String(!hidden));
  });
}

function follow(element: HTMLElement, selector: string): void {
  (element.querySelector<HTMLElement>(selector) ?? document.querySelector<HTMLElement>(selector))?.click();
}

/** The group of near-duplicates of a tile alone; where one is shown alone, all again. */
function showGroup(element: HTMLElement, tile: HTMLElement | null): void {
  const toggle = element.querySelector<HTMLElement>("[data-group-toggle]");
  if (toggle) return toggle.click();
  const here = new URL(location.href);
  here.searchParams.delete("after");
  if (here.searchParams.has("group")) here.searchParams.delete("group");
  else if (tile?.dataset.group) here.searchParams.set("group", tile.dataset.group);
  else return;
  location.assign(here);
}

async function countAlone(element: HTMLElement): Promise<void> {
  const { readJson } = await import("../behaviour/dom");
  tellOrder(element, await readJson<Order>(element.dataset.orderUrl ?? ""));
}

/** How many files there are, and how many known ones are hidden, where the page came before they were counted. */
function tellOrder(element: HTMLElement, order: Order): void {
  const count = (number: number): string => number.toLocaleString("en-GB").replaceAll(",", "\u202f");
  const length = element.querySelector("[data-gallery-length]");
  const files = element.querySelector("[data-gallery-files]");
  if (length && !length.textContent?.trim()) {
    length.textContent = `${order.whole ? "" : "more than "}${count(order.length)}`;
    if (files) files.textContent = order.length === 1 ? "file" : "files";
  }
  const words = element.querySelector<HTMLElement>("[data-known-words]");
  const { known, near_known } = order;
  if (!words || words.textContent?.trim() || !known) return;
  const plural = known === 1 ? "file" : "files";
  const near = near_known ? `, ${count(near_known)} of them near-known` : "";
  words.textContent = words.dataset.shown === "hidden" ? `${count(known)} known ${plural} hidden${near}: list without pictures` : `Hide ${count(known)} known ${plural}${near}`;
  words.closest<HTMLElement>("[data-known-toggle]")?.removeAttribute("hidden");
}

function addSizer(element: HTMLElement, grid: HTMLElement): void {
  const tools = element.querySelector<HTMLElement>(".gallery-tools");
  if (!tools) return;
  const stored = Number(localStorage.getItem("gallery-tile") ?? element.dataset.tile ?? SIZES.usual);
  const slider = make("input", { type: "range", min: String(SIZES.least), max: String(SIZES.most), step: "8", value: String(stored) });
  const apply = (): void => {
    grid.style.setProperty("--tile", `${slider.value}px`);
    element.dispatchEvent(new Event("gallery:resized"));
  };
  slider.addEventListener("input", () => {
    localStorage.setItem("gallery-tile", slider.value);
    apply();
  });
  if (stored !== SIZES.usual) apply();
  tools.append(make("label", { class: "spread" }, "Size", slider));
}
