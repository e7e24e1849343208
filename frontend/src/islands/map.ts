/**
 * Positions on a map whose outlines stand on this server (Natural Earth, by world-atlas): a canvas, no tiles, no request to anybody.
 *
 * The points come from `data-url` as columns (`x` longitude, `y` latitude, `when`, `label`, `url`), or from the rows of a table inside
 * the element (`data-x`, `data-y`, `data-when`; label and address from the first cell). Near points are drawn as one with their number; choosing it lists them with their addresses.
 * Pointer: drag, wheel, click. Keys: arrows move, + and - zoom, 0 shows all, n and p go from point to point, Enter lists.
 */
import { feature } from "topojson-client";
import type { GeometryCollection, Topology } from "topojson-specification";
import "./map.css";
import { icon, make, readJson, token } from "../behaviour/dom";
import { count } from "../behaviour/words";

interface Spot {
  x: number;
  y: number;
  when: string;
  label: string;
  url: string;
}

interface Columns {
  x: number[];
  y: number[];
  when: string[];
  label: string[];
  url: string[];
}

interface Cluster {
  left: number;
  top: number;
  spots: Spot[];
}

const CELL = 30;
const CLOSEST = 40_000;
const LISTED = 50;

export async function mount(element: HTMLElement): Promise<void> {
  const small = "small" in element.dataset;
  const spots = element.dataset.url ? await fetched(element.dataset.url) : rowsOf(element);
  const world = await outlines();
  const canvas = make("canvas", { tabindex: "0", role: "img", "aria-label": `Map with ${count(spots.length)} positions. The table below tells the same.` });
  const status = make("div", { class: "map-status", role: "status" });
  const chosen = make("div", { class: "map-chosen" });
  const tools = make("div", { class: "map-tools" });
  const frame = make("div", { class: "map" }, canvas, tools);
  if (!small) frame.append(status, chosen);
  for (const left of [...element.children]) if (!left.matches("table, .table-frame")) left.remove();
  element.prepend(frame);

  const context = canvas.getContext("2d");
  if (!context) {
    frame.remove();
    return;
  }
  let width = 0;
  let height = 0;
  let scale = 1;
  let x = 0;
  let y = 20;
  let clusters: Cluster[] = [];
  let current: Spot | undefined;

  const least = (): number => Math.max(width / 360, height / 180) * 0.98;
  const leftOf = (longitude: number): number => (longitude - x) * scale + width / 2;
  const topOf = (latitude: number): number => (y - latitude) * scale + height / 2;

  /** All points in view; at first with so much round them that land is in sight too. */
  const fit = (round = 1): void => {
    if (!spots.length) return;
    const xs = spots.map((spot) => spot.x);
    const ys = spots.map((spot) => spot.y);
    const [west, east, south, north] = [lowest(xs), highest(xs), lowest(ys), highest(ys)];
    x = (west + east) / 2;
    y = (south + north) / 2;
    const wide = Math.max(east - west, round);
    const high = Math.max(north - south, round / 2);
    scale = Math.min((width * 0.8) / wide, (height * 0.75) / high);
    bound();
  };

  const bound = (): void => {
    scale = Math.min(CLOSEST, Math.max(least(), scale));
    const aside = Math.max(0, 180 - width / 2 / scale);
    const over = Math.max(0, 90 - height / 2 / scale);
    x = Math.min(aside, Math.max(-aside, x));
    y = Math.min(over, Math.max(-over, y));
  };

  const draw = (): void => {
    const ratio = window.devicePixelRatio || 1;
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, height);
    context.setTransform(ratio * scale, 0, 0, ratio * scale, ratio * (width / 2 - x * scale), ratio * (height / 2 + y * scale));
    context.fillStyle = token("--surface") || "#fff";
    context.fill(world);
    context.strokeStyle = token("--control-line") || "#888";
    context.lineWidth = 0.8 / scale;
    context.stroke(world);
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    drawGrid(context);
    clusters = gathered();
    for (const cluster of clusters) drawCluster(context, cluster);
  };

  const drawGrid = (on: CanvasRenderingContext2D): void => {
    const degrees = [30, 10, 5, 1, 0.5, 0.1, 0.05, 0.01].find((step) => step * scale < 160) ?? 0.005;
    on.strokeStyle = token("--line") || "#ddd";
    on.fillStyle = token("--text-3") || "#666";
    on.font = `10px ${token("--font") || "sans-serif"}`;
    on.lineWidth = 0.5;
    on.beginPath();
    const digits = degrees < 0.1 ? 2 : degrees < 1 ? 1 : 0;
    for (let at = Math.ceil((x - width / 2 / scale) / degrees) * degrees; at <= x + width / 2 / scale; at += degrees) {
      on.moveTo(leftOf(at), 0);
      on.lineTo(leftOf(at), height);
      on.fillText(`${Math.abs(at).toFixed(digits)}°${Math.abs(at) < degrees / 2 ? "" : at > 0 ? "E" : "W"}`, leftOf(at) + 2, height - 4);
    }
    for (let at = Math.ceil((y - height / 2 / scale) / degrees) * degrees; at <= y + height / 2 / scale; at += degrees) {
      on.moveTo(0, topOf(at));
      on.lineTo(width, topOf(at));
      on.fillText(`${Math.abs(at).toFixed(digits)}°${Math.abs(at) < degrees / 2 ? "" : at > 0 ? "N" : "S"}`, 2, topOf(at) - 2);
    }
    on.stroke();
  };

  const gathered = (): Cluster[] => {
    const cells = new Map<string, Cluster>();
    for (const spot of spots) {
      const left = leftOf(spot.x);
      const top = topOf(spot.y);
      if (left < -20 || top < -20 || left > width + 20 || top > height + 20) continue;
      const key = `${Math.floor((spot.x * scale) / CELL)}:${Math.floor((spot.y * scale) / CELL)}`;
      const cell = cells.get(key);
      if (!cell) cells.set(key, { left, top, spots: [spot] });
      else {
        cell.spots.push(spot);
        cell.left += (left - cell.left) / cell.spots.length;
        cell.top += (top - cell.top) / cell.spots.length;
      }
    }
    return [...cells.values()];
  };

  const drawCluster = (on: CanvasRenderingContext2D, cluster: Cluster): void => {
    const number = cluster.spots.length;
    const radius = number === 1 ? 6 : 9 + Math.min(9, Math.log2(number) * 1.5);
    on.beginPath();
    on.arc(cluster.left, cluster.top, radius, 0, 2 * Math.PI);
    on.fillStyle = token("--accent-solid") || "#1f5fbf";
    on.fill();
    on.lineWidth = current && cluster.spots.includes(current) ? 4 : 1.5;
    on.strokeStyle = current && cluster.spots.includes(current) ? token("--text") || "#000" : token("--surface") || "#fff";
    on.stroke();
    if (number === 1) return;
    on.fillStyle = token("--accent-contrast") || "#fff";
    on.font = `600 11px ${token("--font") || "sans-serif"}`;
    on.textAlign = "center";
    on.textBaseline = "middle";
    on.fillText(number > 9_999 ? "10k+" : String(number), cluster.left, cluster.top);
    on.textAlign = "start";
    on.textBaseline = "alphabetic";
  };

  const list = (given: Spot[]): void => {
    chosen.replaceChildren(
      make(
        "ul",
        {},
        ...given.slice(0, LISTED).map((spot) => {
          const name = spot.url ? make("a", { href: spot.url }, spot.label) : make("span", {}, spot.label);
          return make("li", {}, name, make("span", { class: "sub" }, spot.when || "no time"));
        }),
      ),
    );
    const more = given.length > LISTED ? `; the first ${LISTED} are listed` : "";
    status.textContent = `${count(given.length)} ${given.length === 1 ? "file" : "files"} here${more}.`;
  };

  const zoom = (factor: number, left = width / 2, top = height / 2): void => {
    const before = scale;
    scale *= factor;
    scale = Math.min(CLOSEST, Math.max(least(), scale));
    x += (left - width / 2) * (1 / before - 1 / scale);
    y -= (top - height / 2) * (1 / before - 1 / scale);
    bound();
    draw();
  };

  const go = (step: number): void => {
    if (!spots.length) return;
    const at = current ? spots.indexOf(current) : step > 0 ? -1 : 0;
    current = spots[(at + step + spots.length) % spots.length];
    if (!current) return;
    x = current.x;
    y = current.y;
    bound();
    draw();
    status.textContent = `${current.label}, ${current.when || "no time"}. Enter lists what is here.`;
  };

  const at = (left: number, top: number): Cluster | undefined =>
    clusters.find((cluster) => Math.hypot(cluster.left - left, cluster.top - top) <= 16);

  for (const [words, name, act] of [
    ["Nearer", "plus", () => zoom(2)],
    ["Farther", "minus", () => zoom(0.5)],
    ["Show all", "maximize", () => (fit(), draw())],
  ] as const) {
    const button = make("button", { type: "button", class: "btn btn-sm btn-icon", "aria-label": words, title: words }, icon(name));
    button.addEventListener("click", act);
    tools.append(button);
  }

  canvas.addEventListener("keydown", (event) => {
    const pan = 60 / scale;
    const acts: Record<string, () => void> = {
      ArrowLeft: () => (x -= pan),
      ArrowRight: () => (x += pan),
      ArrowUp: () => (y += pan),
      ArrowDown: () => (y -= pan),
      "+": () => zoom(1.6),
      "=": () => zoom(1.6),
      "-": () => zoom(0.625),
      "0": () => fit(),
      n: () => go(1),
      p: () => go(-1),
      Enter: () => {
        const here = clusters.find((cluster) => current && cluster.spots.includes(current));
        if (here) list(here.spots);
      },
    };
    const act = acts[event.key];
    if (!act || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    event.stopPropagation();
    act();
    bound();
    draw();
  });
  canvas.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && document.activeElement !== canvas) return;
    event.preventDefault();
    zoom(event.deltaY < 0 ? 1.3 : 1 / 1.3, event.offsetX, event.offsetY);
  }, { passive: false });
  let held: { left: number; top: number; moved: boolean } | undefined;
  canvas.addEventListener("pointerdown", (event) => {
    held = { left: event.offsetX, top: event.offsetY, moved: false };
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!held) return;
    const [along, down] = [event.offsetX - held.left, event.offsetY - held.top];
    if (!held.moved && Math.hypot(along, down) < 4) return;
    held = { left: event.offsetX, top: event.offsetY, moved: true };
    x -= along / scale;
    y += down / scale;
    bound();
    draw();
  });
  canvas.addEventListener("pointerup", (event) => {
    const was = held;
    held = undefined;
    if (was?.moved) return;
    const cluster = at(event.offsetX, event.offsetY);
    if (!cluster) return;
    current = cluster.spots[0];
    draw();
    list(cluster.spots);
  });
  canvas.addEventListener("dblclick", (event) => zoom(2, event.offsetX, event.offsetY));

  let begun = false;
  new ResizeObserver(() => {
    if (frame.clientWidth === width || !frame.clientWidth) return;
    width = frame.clientWidth;
    height = small ? 180 : Math.round(Math.min(520, Math.max(280, width * 0.5)));
    canvas.style.height = `${height}px`;
    if (!begun) fit(small ? 120 : 90);
    begun = true;
    bound();
    draw();
  }).observe(frame);
  document.addEventListener("opencets:theme", draw);
  status.textContent = spots.length
    ? `${count(spots.length)} positions. Choose a point to list its files; with the map focused, arrows move, + and - zoom, n and p go from point to point.`
    : "No positions.";
}

/** The outlines of all countries as one path in degrees, north up. */
async function outlines(): Promise<Path2D> {
  const atlas = (await import("world-atlas/countries-50m.json")).default as unknown as Topology<{ countries: GeometryCollection }>;
  const path = new Path2D();
  for (const country of feature(atlas, atlas.objects.countries).features) {
    const shape = country.geometry;
    const polygons = shape.type === "Polygon" ? [shape.coordinates] : shape.type === "MultiPolygon" ? shape.coordinates : [];
    for (const polygon of polygons) {
      for (const ring of polygon) {
        let before = ring[0]?.[0] ?? 0;
        let turn = 0;
        ring.forEach(([longitude = 0, latitude = 0], index) => {
          // A country across the 180th meridian goes on beyond it, instead of back around the globe; the pole is its own edge.
          if (Math.abs(longitude - before) > 180 && Math.abs(latitude) < 85) turn += longitude < before ? 360 : -360;
          before = longitude;
          if (index === 0) path.moveTo(longitude, -latitude);
          else path.lineTo(longitude + turn, -latitude);
        });
        path.closePath();
      }
    }
  }
  return path;
}

async function fetched(url: string): Promise<Spot[]> {
  const given = await readJson<Columns>(url);
  return given.x.map((x, at) => ({ x, y: given.y[at] ?? 0, when: given.when[at] ?? "", label: given.label[at] ?? "", url: given.url[at] ?? "" }));
}

function rowsOf(element: HTMLElement): Spot[] {
  return [...element.querySelectorAll<HTMLTableRowElement>("tr[data-x]")].map((row) => ({
    x: Number(row.dataset.x),
    y: Number(row.dataset.y),
    when: row.dataset.when ?? "",
    label: row.cells[0]?.firstChild?.textContent ?? "",
    url: row.cells[0]?.querySelector("a")?.getAttribute("href") ?? "",
  }));
}

function lowest(values: number[]): number {
  return values.reduce((least, value) => Math.min(least, value), Infinity);
}

function highest(values: number[]): number {
  return values.reduce((most, value) => Math.max(most, value), -Infinity);
}
