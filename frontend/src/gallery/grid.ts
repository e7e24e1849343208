/**
 * The tiles of a gallery in their order: as many elements as the window needs, however many tiles there are.
 *
 * A short gallery is the elements of its page. A long one keeps the page's height by padding, and puts tiles into it as they come
 * near the window: they are fetched by pages of `per_page`, each after the last tile of the one before (`data-tiles-url`,
 * `data-order-url`), and dropped again when they are far away.
 */
import { make, readJson } from "../behaviour/dom";

/** What `data-order-url` answers. */
export interface Order {
  length: number;
  whole: boolean;
  starts: string[];
  per_page: number;
  known: number;
  near_known: number;
}

export interface Grid {
  tile: (id: string) => HTMLElement | null;
  /** Where an arrow, Home, End, PageUp or PageDown leads from a tile; the tile gone to, focused, or null where there is none. */
  move: (from: HTMLElement | null, key: string) => HTMLElement | null;
  /** The media between two, in order, as far as they were ever drawn. */
  between: (one: string, other: string) => string[];
  /** The last tile that had the focus, where its element is gone. */
  keep: (tile: HTMLElement) => void;
}

/** Pages of tiles that stay in memory, on each side of the window. */
const KEPT_PAGES = 6;
const OVERSCAN_ROWS = 2;
const SETTLE_MS = 60;
export const MOVES = new Set(["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Home", "End", "PageUp", "PageDown"]);

const idOf = (tile: HTMLElement): string => tile.dataset.medium ?? "";

/** A gallery that is all there: moves go by what stands where. */
export function plainGrid(grid: HTMLElement): Grid {
  const shown = (): HTMLElement[] => [...grid.querySelectorAll<HTMLElement>(".tile")].filter((tile) => tile.offsetParent !== null);
  return {
    tile: (id) => grid.querySelector<HTMLElement>(`.tile[data-medium="${CSS.escape(id)}"]`),
    keep: () => undefined,
    between(one, other) {
      const ids = shown().map(idOf);
      const [from, to] = [ids.indexOf(one), ids.indexOf(other)];
      return ids.slice(Math.min(from, to), Math.max(from, to) + 1);
    },
    move(from, key) {
      const tiles = shown();
      const at = from ? tiles.indexOf(from) : -1;
      const here = tiles[at];
      let next: HTMLElement | undefined;
      if (!here || key === "Home") next = tiles[0];
      else if (key === "End") next = tiles.at(-1);
      else if (key === "ArrowRight") next = tiles[at + 1];
      else if (key === "ArrowLeft") next = tiles[at - 1];
      else if (key === "ArrowDown" || key === "ArrowUp") {
        const box = here.getBoundingClientRect();
        const down = key === "ArrowDown";
        let least = Infinity;
        for (const tile of tiles) {
          const other = tile.getBoundingClientRect();
          const away = down ? other.top - box.top : box.top - other.top;
          if (away < box.height / 2) continue;
          const cost = away + Math.abs(other.left - box.left) / 1000;
          if (cost < least) [least, next] = [cost, tile];
        }
      }
      if (!next) return null;
      frameOf(next)?.focus();
      next.scrollIntoView({ block: "nearest" });
      return next;
    },
  };
}

export const frameOf = (tile: HTMLElement): HTMLElement | null => tile.querySelector<HTMLElement>(".tile-frame");

/** A gallery of which a window is drawn. `counted` is told the order as soon as it is known. */
export function windowedGrid(element: HTMLElement, grid: HTMLElement, counted: (order: Order) => void): Grid {
  const tilesUrl = element.dataset.tilesUrl ?? "";
  const given = [...grid.querySelectorAll<HTMLElement>(".tile")];
  const pages = new Map<number, HTMLElement[]>([[0, given]]);
  const ids = new Map<number, string[]>([[0, given.map(idOf)]]);
  const places = new Map<string, number>(given.map((tile, place) => [idOf(tile), place]));
  const asked = new Map<number, AbortController>();
  const drawn = new Map<number, HTMLElement>();
  given.forEach((tile, place) => drawn.set(place, tile));
  let per = Math.max(given.length, 1);
  let length = given.length;
  let starts: string[] = [];
  let focus = -1;
  let settle = 0;
  let frame = 0;
  let columns = 1;
  let rowHeight = 1;
  grid.dataset.windowed = "";
  grid.tabIndex = -1;

  const measure = (): void => {
    const style = getComputedStyle(grid);
    columns = Math.max(1, style.gridTemplateColumns.split(" ").length);
    const first = [...drawn.values()][0];
    if (first) rowHeight = first.getBoundingClientRect().height + (parseFloat(style.rowGap) || 0);
  };

  const page = (place: number): number => Math.floor(place / per);
  const node = (place: number): HTMLElement => pages.get(page(place))?.[place % per] ?? waiting(place);
  const waitingNodes = new Map<number, HTMLElement>();
  const waiting = (place: number): HTMLElement => {
    let found = waitingNodes.get(place);
    if (!found) {
      found = make("figure", { class: "tile", "data-waiting": "", "aria-busy": "true" }, make("span", { class: "tile-frame", tabindex: "-1" }), make("figcaption", { class: "tile-label" }, "\u00a0"));
      waitingNodes.set(place, found);
    }
    return found;
  };

  const draw = (): void => {
    frame = 0;
    const top = grid.getBoundingClientRect().top;
    const rows = Math.ceil(length / columns);
    const first = Math.max(0, Math.floor(-top / rowHeight) - OVERSCAN_ROWS);
    const last = Math.min(rows, Math.ceil((innerHeight - top) / rowHeight) + OVERSCAN_ROWS);
    const from = Math.min(first, Math.max(0, rows - 1)) * columns;
    const to = Math.min(length, Math.max(last * columns, from + columns));
    const held = document.activeElement;
    const hadFocus = focus >= 0 && held instanceof Node && drawn.get(focus)?.contains(held);
    for (const [place, tile] of drawn) {
      if (place >= from && place < to && tile === node(place)) continue;
      drawn.delete(place);
      tile.remove();
    }
    let before: ChildNode | null = grid.firstChild;
    for (let place = from; place < to; place++) {
      const tile = node(place);
      if (before === tile) before = tile.nextSibling;
      else grid.insertBefore(tile, before);
      drawn.set(place, tile);
    }
    for (const place of waitingNodes.keys()) if (place < from || place >= to) waitingNodes.delete(place);
    grid.style.paddingTop = `${Math.floor(from / columns) * rowHeight}px`;
    grid.style.paddingBottom = `${Math.max(0, rows - Math.ceil(to / columns)) * rowHeight}px`;
    // A tile that leaves the window takes the focus with it; the keys go on from where it was.
    if (hadFocus) {
      const still = drawn.get(focus);
      (still ? (frameOf(still) ?? grid) : grid).focus({ preventScroll: true });
    }
    want(from, to);
  };

  const want = (from: number, to: number): void => {
    const wanted = new Set<number>();
    for (let number = page(from); number <= page(Math.max(from, to - 1)) + 1; number++) if (number * per < length) wanted.add(number);
    if (page(from) > 0) wanted.add(page(from) - 1);
    for (const [number, control] of asked) if (!wanted.has(number)) control.abort();
    const near = page(from);
    for (const number of pages.keys()) if (Math.abs(number - near) > KEPT_PAGES) pages.delete(number);
    const missing = [...wanted].filter((number) => !pages.has(number) && !asked.has(number));
    if (!missing.length) return;
    window.clearTimeout(settle);
    // While the page is still being scrolled through, what flies past is not fetched.
    settle = window.setTimeout(() => missing.forEach((number) => void fetchPage(number)), drawnWaiting() ? SETTLE_MS : 0);
  };
  const drawnWaiting = (): boolean => [...drawn.values()].some((tile) => tile.dataset.waiting !== undefined);

  const fetchPage = async (number: number): Promise<void> => {
    if (asked.has(number) || pages.has(number) || (number > 0 && !starts[number - 1])) return;
    const control = new AbortController();
    asked.set(number, control);
    try {
      const after = number > 0 ? `${tilesUrl.includes("?") ? "&" : "?"}after=${starts[number - 1]}` : "";
      const answer = await fetch(tilesUrl + after, { credentials: "same-origin", signal: control.signal });
      if (!answer.ok) return;
      const read = new DOMParser().parseFromString(await answer.text(), "text/html");
      const tiles = [...read.querySelectorAll<HTMLElement>(".tile")].map((tile) => document.adoptNode(tile));
      pages.set(number, tiles);
      ids.set(number, tiles.map(idOf));
      tiles.forEach((tile, at) => places.set(idOf(tile), number * per + at));
    } catch (reason) {
      if (!control.signal.aborted) console.error(reason);
      return;
    } finally {
      asked.delete(number);
    }
    draw();
  };

  const soon = (): void => {
    frame ||= requestAnimationFrame(draw);
  };
  const again = (): void => {
    measure();
    draw();
  };
  document.addEventListener("scroll", soon, { passive: true, capture: true });
  new ResizeObserver(() => {
    const before = [columns, rowHeight];
    measure();
    if (before[0] !== columns || before[1] !== rowHeight) soon();
  }).observe(grid);
  element.addEventListener("gallery:resized", again);

  const begin = async (): Promise<void> => {
    const order = await readJson<Order>(element.dataset.orderUrl ?? "");
    counted(order);
    per = order.per_page;
    const base = element.dataset.after ? order.starts.indexOf(element.dataset.after) + 1 : 0;
    starts = order.starts;
    length = order.length;
    if (base > 0) {
      // A page reached by its own address stands in its place.
      pages.clear();
      ids.clear();
      places.clear();
      drawn.clear();
      pages.set(base, given);
      ids.set(base, given.map(idOf));
      given.forEach((tile, at) => {
        places.set(idOf(tile), base * per + at);
        drawn.set(base * per + at, tile);
      });
    }
    again();
    element.parentElement?.querySelector(".gallery-more")?.remove();
    if (base > 0) scrollTo(base * per);
  };
  // After the first screen stands: how far it goes is not what a person waits for.
  requestAnimationFrame(() => window.setTimeout(() => void begin().catch((reason: unknown) => console.error(reason)), 50));

  const scrollTo = (place: number): void => {
    const top = grid.getBoundingClientRect().top + Math.floor(place / columns) * rowHeight;
    const scroller = scrollerOf(grid);
    scroller.scrollTop += top - innerHeight / 3;
    draw();
  };

  measure();
  return {
    tile: (id) => {
      const place = places.get(id);
      return place === undefined ? null : (drawn.get(place) ?? null);
    },
    keep(tile) {
      focus = places.get(idOf(tile)) ?? focus;
    },
    between(one, other) {
      const [a, b] = [places.get(one), places.get(other)];
      if (a === undefined || b === undefined) return [other];
      const found = [];
      for (let place = Math.min(a, b); place <= Math.max(a, b); place++) {
        const id = ids.get(page(place))?.[place % per];
        if (id) found.push(id);
      }
      return found;
    },
    move(from, key) {
      const here = from ? (places.get(idOf(from)) ?? focus) : focus;
      const screen = Math.max(1, Math.floor(innerHeight / rowHeight) - 1) * columns;
      const step: Record<string, number> = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns, PageDown: screen, PageUp: -screen };
      let place = key === "Home" || here < 0 ? 0 : key === "End" ? length - 1 : here + (step[key] ?? 0);
      if (key === "PageDown") place = Math.min(place, length - 1);
      if (key === "PageUp") place = Math.max(place, 0);
      if (place < 0 || place >= length) return null;
      if (!drawn.has(place)) scrollTo(place);
      const tile = drawn.get(place);
      if (!tile) return null;
      focus = place;
      frameOf(tile)?.focus({ preventScroll: true });
      tile.scrollIntoView({ block: "nearest" });
      return tile;
    },
  };
}

function scrollerOf(element: HTMLElement): Element {
  for (let parent = element.parentElement; parent && parent !== document.body; parent = parent.parentElement) {
    const { overflowY } = getComputedStyle(parent);
    if ((overflowY === "auto" || overflowY === "scroll") && parent.scrollHeight > parent.clientHeight) return parent;
  }
  return document.scrollingElement ?? document.documentElement;
}
