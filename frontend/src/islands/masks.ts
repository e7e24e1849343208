/**
 * A rectangle drawn over the picture `data-over` fills the form's fields: left, top, width and height in thousandths of its sides.
 *
 * While the form's `details` is open, dragging over the picture draws; the fields can be written by hand as well. Nothing is sent
 * until the form is.
 */
import { make } from "../behaviour/dom";

interface Box {
  left: number;
  top: number;
  width: number;
  height: number;
}

const NAMES = ["left", "top", "width", "height"] as const;

export function mount(element: HTMLElement): void {
  const frame = document.getElementById(element.dataset.over ?? "")?.querySelector<HTMLElement>(".tile-frame");
  const picture = frame?.querySelector<HTMLImageElement>("img");
  if (!frame || !picture || !(element instanceof HTMLFormElement)) return;
  const details = element.closest("details");
  const rectangle = make("div", { class: "mask-rect", hidden: true });
  frame.append(rectangle);
  const field = (name: string): HTMLInputElement => element.elements.namedItem(name) as HTMLInputElement;

  /** Where the picture stands in its frame: as large as fits, in the middle. */
  const stands = (): DOMRect => {
    const box = frame.getBoundingClientRect();
    const ratio = Number(picture.dataset.ratio ?? 1) || 1;
    const width = Math.min(box.width, box.height * ratio);
    const height = width / ratio;
    return new DOMRect((box.width - width) / 2, (box.height - height) / 2, width, height);
  };
  const draw = (): void => {
    const [left, top, width, height] = NAMES.map((name) => Number(field(name).value)) as [number, number, number, number];
    const on = stands();
    rectangle.hidden = !(width > 0 && height > 0);
    rectangle.style.left = `${on.left + (on.width * left) / 1000}px`;
    rectangle.style.top = `${on.top + (on.height * top) / 1000}px`;
    rectangle.style.width = `${(on.width * width) / 1000}px`;
    rectangle.style.height = `${(on.height * height) / 1000}px`;
  };
  const fill = (box: Box): void => {
    for (const name of NAMES) field(name).value = String(box[name]);
    draw();
  };
  const at = (event: PointerEvent): [number, number] => {
    const box = frame.getBoundingClientRect();
    const on = stands();
    const place = (share: number): number => Math.round(Math.min(1, Math.max(0, share)) * 1000);
    return [place((event.clientX - box.left - on.left) / on.width), place((event.clientY - box.top - on.top) / on.height)];
  };

  let from: [number, number] | null = null;
  frame.addEventListener("pointerdown", (event) => {
    if (!details?.open || event.button !== 0) return;
    event.preventDefault();
    frame.setPointerCapture(event.pointerId);
    from = at(event);
  });
  frame.addEventListener("pointermove", (event) => {
    if (!from) return;
    const to = at(event);
    fill({ left: Math.min(from[0], to[0]), top: Math.min(from[1], to[1]), width: Math.abs(from[0] - to[0]), height: Math.abs(from[1] - to[1]) });
  });
  for (const end of ["pointerup", "pointercancel"]) frame.addEventListener(end, () => (from = null));
  element.addEventListener("input", draw);
  const mark = (): void => {
    frame.classList.toggle("mask-drawing", details?.open ?? false);
  };
  details?.addEventListener("toggle", mark);
  mark();
}
