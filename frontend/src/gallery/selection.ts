/** The selection of a gallery, by media; a tile that is drawn again carries its mark again. */
import { make } from "../behaviour/dom";
import type { Grid } from "./grid";

/** What `gallery:selection` tells: the selected media in the order they were selected, and the focused one. */
export interface Selection {
  ids: string[];
  focus: string | null;
}

export interface Choosing {
  toggle: (tile: HTMLElement) => void;
  extend: (from: HTMLElement, to: HTMLElement) => void;
  clear: () => void;
  /** The next Shift begins where the focus is then. */
  rest: () => void;
  focus: (tile: HTMLElement) => void;
  focused: () => HTMLElement | null;
  paint: () => void;
}

export function choosing(element: HTMLElement, tiles: HTMLElement, grid: Grid): Choosing {
  const selected = new Set<string>();
  let focus: string | null = null;
  // Where Shift began, and what was selected before it: going back shrinks what Shift took.
  let anchor: string | null = null;
  let before: string[] = [];
  const said = make("span", { class: "gallery-selected", role: "status" });
  element.querySelector(".gallery-tools")?.append(said);

  const of = (tile: HTMLElement): string => tile.dataset.medium ?? "";
  const paint = (): void => {
    for (const tile of tiles.querySelectorAll<HTMLElement>(".tile")) tile.toggleAttribute("data-selected", selected.has(of(tile)));
  };
  const tell = (): void => {
    const words = selected.size ? `${selected.size.toLocaleString("en-GB")} selected` : "";
    if (said.textContent !== words) said.textContent = words;
    const detail: Selection = { ids: [...selected], focus };
    element.dispatchEvent(new CustomEvent("gallery:selection", { detail, bubbles: true }));
  };
  return {
    paint,
    toggle(tile) {
      anchor = null;
      if (!selected.delete(of(tile))) selected.add(of(tile));
      tile.toggleAttribute("data-selected", selected.has(of(tile)));
      tell();
    },
    extend(from, to) {
      if (anchor === null) {
        anchor = of(from);
        before = [...selected];
      }
      selected.clear();
      for (const id of [...before, ...grid.between(anchor, of(to))]) if (id) selected.add(id);
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
      if (!of(tile) || focus === of(tile)) return;
      focus = of(tile);
      tell();
    },
    focused: () => (focus === null ? null : grid.tile(focus)),
  };
}
