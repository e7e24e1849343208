/**
 * Drawing a region over a picture: a rectangle by dragging, or an outline corner by corner.
 *
 * The fields `left`, `top`, `width` and `height` (percent) are the same rectangle and work without this island; `polygon`
 * takes an outline as JSON. With the drawing in focus, arrows move the region, Shift and arrows size it, Escape gives an
 * outline up. While a picture is veiled it can be drawn on as well.
 */
import { icon, make } from "../behaviour/dom";

type Corner = [number, number];

const SVG = "http://www.w3.org/2000/svg";
const STEP = 1;
const NAMES = ["left", "top", "width", "height"] as const;

export function mount(element: HTMLElement): void {
  const frame = element.querySelector<HTMLElement>(".tile-frame");
  const image = frame?.querySelector("img");
  const fields = Object.fromEntries(NAMES.map((name) => [name, element.querySelector<HTMLInputElement>(`[name="${name}"]`)]));
  const outline = element.querySelector<HTMLInputElement>('[name="polygon"]');
  if (!frame || !image || !outline || NAMES.some((name) => !fields[name])) return;
  const box = (): number[] => NAMES.map((name) => Number(fields[name]?.value) || 0);
  let corners: Corner[] = [];
  let outlining = false;
  let start: Corner | null = null;

  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "region-drawn");
  svg.setAttribute("data-draw", "");
  svg.setAttribute("tabindex", "0");
  svg.setAttribute("role", "application");
  const shape = document.createElementNS(SVG, "polygon");
  svg.append(shape);
  frame.append(svg);

  const fit = (): void => {
    svg.setAttribute("viewBox", `0 0 ${Number(image.dataset.width) || 4} ${Number(image.dataset.height) || 3}`);
    draw();
  };
  const current = (): Corner[] => {
    if (corners.length) return corners;
    const [left = 0, top = 0, width = 0, height = 0] = box().map((part) => part / 100);
    return [[left, top], [left + width, top], [left + width, top + height], [left, top + height]];
  };
  const draw = (): void => {
    const { width, height } = svg.viewBox.baseVal;
    shape.setAttribute("points", current().map(([x, y]) => `${x * width},${y * height}`).join(" "));
    const [left, top, wide, high] = box().map((part) => Math.round(part));
    svg.setAttribute("aria-label", corners.length ? `Outline with ${corners.length} corners` : `Region from ${left} % left, ${top} % top, ${wide} % wide, ${high} % high. Arrows move it, Shift and arrows size it.`);
  };
  const keep = (left: number, top: number, width: number, height: number): void => {
    const wide = Math.min(Math.max(width, STEP), 100);
    const high = Math.min(Math.max(height, STEP), 100);
    const values = { left: Math.min(Math.max(left, 0), 100 - wide), top: Math.min(Math.max(top, 0), 100 - high), width: wide, height: high };
    for (const name of NAMES) {
      const field = fields[name];
      if (field) field.value = values[name].toFixed(1);
    }
    corners = [];
    outline.value = "";
    draw();
  };
  const at = (event: PointerEvent): Corner => {
    const matrix = svg.getScreenCTM();
    if (!matrix) return [0, 0];
    const point = new DOMPoint(event.clientX, event.clientY).matrixTransform(matrix.inverse());
    const { width, height } = svg.viewBox.baseVal;
    return [Math.min(Math.max(point.x / width, 0), 1), Math.min(Math.max(point.y / height, 0), 1)];
  };

  svg.addEventListener("pointerdown", (event) => {
    event.preventDefault();
    svg.focus();
    if (outlining) {
      corners.push(at(event));
      outline.value = corners.length > 2 ? JSON.stringify(corners) : "";
      draw();
      return;
    }
    svg.setPointerCapture(event.pointerId);
    start = at(event);
  });
  svg.addEventListener("pointermove", (event) => {
    if (!start) return;
    const end = at(event);
    keep(100 * Math.min(start[0], end[0]), 100 * Math.min(start[1], end[1]), 100 * Math.abs(end[0] - start[0]), 100 * Math.abs(end[1] - start[1]));
  });
  for (const end of ["pointerup", "pointercancel"]) svg.addEventListener(end, () => (start = null));
  svg.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && corners.length) keep(...(box() as [number, number, number, number]));
    const across = { ArrowLeft: -STEP, ArrowRight: STEP }[event.key] ?? 0;
    const down = { ArrowUp: -STEP, ArrowDown: STEP }[event.key] ?? 0;
    if (!across && !down) return;
    event.preventDefault();
    event.stopPropagation();
    const [left = 0, top = 0, width = 0, height = 0] = box();
    if (event.shiftKey) keep(left, top, width + across, height + down);
    else keep(left + across, top + down, width, height);
  });
  for (const name of NAMES) fields[name]?.addEventListener("input", () => { corners = []; outline.value = ""; draw(); });

  const tools = element.querySelector<HTMLElement>("[data-region-tools]");
  const way = make("button", { type: "button", class: "btn btn-sm", "aria-pressed": "false" }, icon("edit"), "Outline");
  way.addEventListener("click", () => {
    outlining = !outlining;
    way.setAttribute("aria-pressed", String(outlining));
    if (outlining) corners = [];
    svg.focus();
  });
  tools?.append(way);

  fit();
}
