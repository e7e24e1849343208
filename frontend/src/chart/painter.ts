/**
 * Draws a link chart on a canvas: no WebGL, so that every machine draws the same. Lines of one style are one path, shapes are drawn
 * once and copied, words are written where they are readable and do not lie over each other. While the picture moves and drawing is
 * slow, the last picture is moved, and drawn anew when it rests.
 */
import { token } from "../behaviour/dom";
import type { Drawn, Line, Place } from "./model";

export type Shape = "ellipse" | "box" | "square" | "hexagon" | "diamond" | "group";

export const SHAPES: Record<string, Shape> = {
  case: "box", agency: "box", media: "square", image: "square", video: "square", device: "hexagon", camera: "hexagon", phone: "diamond",
  email: "diamond", account: "diamond", username: "diamond", handle: "diamond", group: "group",
};
export const TONES: Record<string, string> = {
  person: "--accent", entity: "--accent", case: "--violet", agency: "--violet", media: "--good", image: "--good", video: "--good",
  device: "--warn", camera: "--warn",
};
export const RADIUS = 15;
const LEAST_RADIUS = 2.5;
const LEAST_SCALE = 0.02;
const MOST_SCALE = 3;
const MOST_WORDS = 220;
const READABLE = 0.62;
const SLOW_MS = 9;
const COMMON_LABEL = 10;
/** Where a driver only imitates a graphics card, it draws 5,000 lines in 422 ms and the processor in 31 ms; the processor draws everywhere. */
const BY_PROCESSOR: CanvasRenderingContext2DSettings = { willReadFrequently: true };

interface Colours {
  [name: string]: string;
}

export class Painter {
  readonly canvas: HTMLCanvasElement;
  private readonly context: CanvasRenderingContext2D;
  private nodes: Drawn[] = [];
  private lines: Line[] = [];
  private common = new Set<string>();
  private colours: Colours = {};
  private sprites = new Map<string, HTMLCanvasElement>();
  private widths = new Map<string, number>();
  private width = 0;
  private height = 0;
  private ratio = 1;
  private scale = 1;
  private x = 0;
  private y = 0;
  private took = 0;
  private still: { picture: HTMLCanvasElement; scale: number; x: number; y: number } | undefined;
  private asked = 0;
  private rest = 0;
  chosen = new Set<string>();
  faded: Set<string> | undefined;
  marked = new Set<string>();
  focused = "";
  /** Called after each whole drawing. */
  drawn: () => void = () => undefined;

  constructor(canvas: HTMLCanvasElement) {
    const context = canvas.getContext("2d", BY_PROCESSOR);
    if (!context) throw new Error("this browser draws no canvas.");
    this.canvas = canvas;
    this.context = context;
    this.theme();
  }

  theme(): void {
    this.colours = {};
    this.sprites.clear();
  }

  show(nodes: Iterable<Drawn>, lines: Line[]): void {
    this.nodes = [...nodes];
    this.lines = lines;
    const uses = new Map<string, number>();
    for (const line of lines) uses.set(line.label, (uses.get(line.label) ?? 0) + 1);
    // A word that stands on very many ties says nothing on each: it is written only on the ties one looks at.
    this.common = new Set([...uses].filter(([, number]) => number > COMMON_LABEL).map(([label]) => label));
    this.ask();
  }

  resize(width: number, height: number): void {
    if (!width || !height) return;
    this.width = width;
    this.height = height;
    this.ratio = Math.min(2, window.devicePixelRatio || 1);
    this.canvas.width = Math.round(width * this.ratio);
    this.canvas.height = Math.round(height * this.ratio);
    this.sprites.clear();
    this.still = undefined;
    this.paint();
  }

  // --- The window on the chart ---

  fit(nodes: Drawn[] = this.nodes, around = 56, most = 1.4): void {
    if (!nodes.length || !this.width) return;
    let [left, right, top, bottom] = [Infinity, -Infinity, Infinity, -Infinity];
    for (const node of nodes) {
      left = Math.min(left, node.x);
      right = Math.max(right, node.x);
      top = Math.min(top, node.y);
      bottom = Math.max(bottom, node.y);
    }
    const wide = Math.max(1, this.width - 2 * around) / Math.max(1, right - left);
    const high = Math.max(1, this.height - 2 * around) / Math.max(1, bottom - top);
    this.scale = Math.min(most, Math.max(LEAST_SCALE, Math.min(wide, high)));
    this.x = (left + right) / 2;
    this.y = (top + bottom) / 2;
    this.ask();
  }

  zoom(by: number, left = this.width / 2, top = this.height / 2): void {
    const at = this.toChart(left, top);
    this.scale = Math.min(MOST_SCALE, Math.max(LEAST_SCALE, this.scale * by));
    this.x = at.x - (left - this.width / 2) / this.scale;
    this.y = at.y - (top - this.height / 2) / this.scale;
    this.ask(true);
  }

  pan(left: number, top: number): void {
    this.x -= left / this.scale;
    this.y -= top / this.scale;
    this.ask(true);
  }

  centre(place: Place): void {
    this.x = place.x;
    this.y = place.y;
    this.ask();
  }

  toChart(left: number, top: number): Place {
    return { x: (left - this.width / 2) / this.scale + this.x, y: (top - this.height / 2) / this.scale + this.y };
  }

  toWindow(place: Place): { left: number; top: number } {
    return { left: (place.x - this.x) * this.scale + this.width / 2, top: (place.y - this.y) * this.scale + this.height / 2 };
  }

  inSight(place: Place): boolean {
    const { left, top } = this.toWindow(place);
    return left > 20 && top > 20 && left < this.width - 20 && top < this.height - 20;
  }

  /** What stands at a point of the window: a node before a line. */
  at(left: number, top: number): { node?: Drawn; line?: Line } {
    const here = this.toChart(left, top);
    const reach = Math.max(RADIUS, (LEAST_RADIUS + 5) / this.scale);
    let node: Drawn | undefined;
    let least = reach;
    for (const each of this.nodes) {
      const far = Math.hypot(each.x - here.x, each.y - here.y);
      if (far < least) [least, node] = [far, each];
    }
    if (node) return { node };
    let line: Line | undefined;
    least = 7 / this.scale;
    for (const each of this.lines) {
      const far = distance(here, each);
      if (far < least) [least, line] = [far, each];
    }
    return line ? { line } : {};
  }

  /** Where a line can be pressed: its middle, in the window. */
  middleOf(line: Line): { left: number; top: number } {
    return this.toWindow(bentMiddle(line));
  }

  // --- Drawing ---

  /** Draw in the next frame; `moving`: the last picture may be moved where drawing is slow. */
  ask(moving = false): void {
    const cheap = moving && this.took > SLOW_MS && this.still !== undefined;
    if (this.asked) return;
    this.asked = requestAnimationFrame(() => {
      this.asked = 0;
      if (cheap) {
        this.moveStill();
        window.clearTimeout(this.rest);
        this.rest = window.setTimeout(() => this.paint(), 90);
      } else this.paint();
    });
  }

  paint(): void {
    if (!this.width) return;
    window.clearTimeout(this.rest);
    const begun = performance.now();
    this.render(this.context, this.width, this.height, this.ratio);
    this.took = performance.now() - begun;
    if (this.took > SLOW_MS) {
      const picture = this.still?.picture ?? document.createElement("canvas");
      picture.width = this.canvas.width;
      picture.height = this.canvas.height;
      picture.getContext("2d", BY_PROCESSOR)?.drawImage(this.canvas, 0, 0);
      this.still = { picture, scale: this.scale, x: this.x, y: this.y };
    } else this.still = undefined;
    this.drawn();
  }

  /** The whole chart as a picture. */
  picture(): Promise<Blob | null> {
    const kept = { scale: this.scale, x: this.x, y: this.y, width: this.width, height: this.height };
    const canvas = document.createElement("canvas");
    const context = canvas.getContext("2d");
    if (!context) return Promise.resolve(null);
    const [xs, ys] = [this.nodes.map((node) => node.x), this.nodes.map((node) => node.y)];
    const [left, right] = [xs.reduce((a, b) => Math.min(a, b), 0) - 90, xs.reduce((a, b) => Math.max(a, b), 0) + 90];
    const [top, bottom] = [ys.reduce((a, b) => Math.min(a, b), 0) - 60, ys.reduce((a, b) => Math.max(a, b), 0) + 60];
    const scale = Math.min(1, 6000 / Math.max(right - left, bottom - top));
    Object.assign(this, { scale, x: (left + right) / 2, y: (top + bottom) / 2, width: (right - left) * scale, height: (bottom - top) * scale });
    const ratio = this.width * this.height > 9_000_000 ? 1 : 2;
    canvas.width = Math.round(this.width * ratio);
    canvas.height = Math.round(this.height * ratio);
    context.fillStyle = this.colour("--surface");
    context.fillRect(0, 0, canvas.width, canvas.height);
    this.render(context, this.width, this.height, ratio, false);
    Object.assign(this, kept);
    return new Promise((done) => canvas.toBlob(done));
  }

  private moveStill(): void {
    const { still, context } = this;
    if (!still) return;
    const by = this.scale / still.scale;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    const left = (still.x - this.x) * this.scale * this.ratio + (this.canvas.width / 2) * (1 - by);
    const top = (still.y - this.y) * this.scale * this.ratio + (this.canvas.height / 2) * (1 - by);
    context.setTransform(by, 0, 0, by, left, top);
    context.drawImage(still.picture, 0, 0);
  }

  private render(on: CanvasRenderingContext2D, width: number, height: number, ratio: number, clear = true): void {
    on.setTransform(ratio, 0, 0, ratio, 0, 0);
    if (clear) on.clearRect(0, 0, width, height);
    const seen = { left: -60, top: -60, right: width + 60, bottom: height + 60 };
    const nodes = this.nodes.filter((node) => {
      const { left, top } = this.toWindow(node);
      return left > seen.left && left < seen.right && top > seen.top && top < seen.bottom;
    });
    this.drawLines(on);
    const radius = Math.max(LEAST_RADIUS, RADIUS * Math.min(1.6, this.scale));
    for (const node of nodes) this.drawNode(on, node, radius, ratio);
    on.globalAlpha = 1;
    this.drawWords(on, nodes, radius);
  }

  private drawLines(on: CanvasRenderingContext2D): void {
    const styles = new Map<string, { colour: string; width: number; alpha: number; lines: Line[] }>();
    const words: Line[] = [];
    for (const line of this.lines) {
      const faded = this.faded !== undefined && !(this.faded.has(line.from.id) && this.faded.has(line.to.id));
      const marked = this.marked.has(line.id);
      const chosen = this.chosen.has(line.id);
      const thick = Math.max(1, Math.round(line.width * Math.min(1, this.scale * 1.4)));
      const key = `${faded ? 0 : 1} ${marked || chosen ? 9 : thick}`;
      const style = styles.get(key) ?? {
        colour: this.colour(marked || chosen ? "--accent" : "--line-strong"), width: marked || chosen ? Math.max(2.5, thick) : thick, alpha: faded ? 0.2 : 1, lines: [],
      };
      styles.set(key, style);
      style.lines.push(line);
      if (!faded && line.label && (chosen || marked || (this.scale >= 0.8 && !this.common.has(line.label)))) words.push(line);
    }
    for (const [, style] of [...styles].sort()) {
      on.globalAlpha = style.alpha;
      on.strokeStyle = style.colour;
      on.lineWidth = style.width;
      on.beginPath();
      for (const line of style.lines) {
        const from = this.toWindow(line.from);
        const to = this.toWindow(line.to);
        if ((from.left < 0 && to.left < 0) || (from.top < 0 && to.top < 0) || (from.left > this.width && to.left > this.width) || (from.top > this.height && to.top > this.height)) continue;
        on.moveTo(from.left, from.top);
        if (line.bend && this.scale > 0.25) {
          const over = this.toWindow(control(line));
          on.quadraticCurveTo(over.left, over.top, to.left, to.top);
        } else on.lineTo(to.left, to.top);
      }
      on.stroke();
    }
    on.globalAlpha = 1;
    on.font = `9.5px ${this.colour("--font") || "sans-serif"}`;
    on.textAlign = "center";
    on.textBaseline = "middle";
    for (const line of words.slice(0, MOST_WORDS)) {
      const { left, top } = this.middleOf(line);
      const wide = this.widthOf(on, line.label);
      on.fillStyle = this.colour("--surface");
      on.fillRect(left - wide / 2 - 2, top - 7, wide + 4, 14);
      on.fillStyle = this.colour(this.chosen.has(line.id) ? "--text" : "--text-2");
      on.fillText(line.label, left, top);
    }
  }

  private drawNode(on: CanvasRenderingContext2D, node: Drawn, radius: number, ratio: number): void {
    const { left, top } = this.toWindow(node);
    on.globalAlpha = this.faded === undefined || this.faded.has(node.id) ? 1 : 0.2;
    if (node.id === this.focused || this.chosen.has(node.id)) {
      on.fillStyle = this.colour("--accent");
      on.globalAlpha = 0.28;
      on.beginPath();
      on.arc(left, top, radius + 8, 0, 2 * Math.PI);
      on.fill();
      on.globalAlpha = 1;
    }
    const sprite = this.sprite(node, radius, ratio);
    const side = sprite.width / ratio;
    on.drawImage(sprite, left - side / 2, top - side / 2, side, side);
  }

  /** The shape of a node, drawn once for its kind and size. */
  private sprite(node: Drawn, radius: number, ratio: number): HTMLCanvasElement {
    const size = Math.round(radius * 4) / 4;
    const key = `${node.kind} ${node.generic} ${node.pointer} ${node.pinned} ${node.members > 0} ${node.note !== ""} ${size} ${ratio}`;
    const kept = this.sprites.get(key);
    if (kept) return kept;
    if (this.sprites.size > 400) this.sprites.clear();
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = Math.ceil((size * 2 + 10) * ratio);
    const on = canvas.getContext("2d", BY_PROCESSOR);
    this.sprites.set(key, canvas);
    if (!on) return canvas;
    on.setTransform(ratio, 0, 0, ratio, canvas.width / 2, canvas.height / 2);
    const tone = TONES[node.kind];
    on.fillStyle = node.generic || node.pointer ? this.colour("--surface") : this.colour(tone ? `${tone}-soft` : "--surface-3");
    on.strokeStyle = node.pointer ? this.colour("--violet") : this.colour(node.generic || !tone ? "--control-line" : tone);
    on.lineWidth = node.pinned ? 3 : size < 5 ? 1 : 1.5;
    if (node.generic || node.pointer) on.setLineDash([3, 2]);
    outline(on, node.members ? "group" : (SHAPES[node.kind] ?? "ellipse"), size);
    on.fill();
    on.stroke();
    if (node.note) {
      on.setLineDash([]);
      on.fillStyle = this.colour("--warn");
      on.beginPath();
      on.arc(size * 0.75, -size * 0.75, Math.max(1.5, size / 4), 0, 2 * Math.PI);
      on.fill();
    }
    return canvas;
  }

  /** The names of nodes: all where they are readable, else of those with most ties; none over another. */
  private drawWords(on: CanvasRenderingContext2D, nodes: Drawn[], radius: number): void {
    const readable = this.scale >= READABLE;
    const wanted = nodes.filter((node) => this.faded === undefined || this.faded.has(node.id));
    const first = (node: Drawn): number => (node.id === this.focused ? 3e6 : 0) + (this.chosen.has(node.id) ? 2e6 : 0) + (node.note ? 1e6 : 0) + (node.members ? 5e5 : 0) + node.degree;
    const ranked = wanted.sort((one, other) => first(other) - first(one)).slice(0, readable ? MOST_WORDS : 40);
    const taken = new Set<number>();
    const column = (at: number): number => Math.floor(at / 16);
    on.textBaseline = "top";
    on.textAlign = "center";
    on.font = `11px ${this.colour("--font") || "sans-serif"}`;
    for (const node of ranked) {
      const { left, top } = this.toWindow(node);
      const text = shorten(node.label);
      const wide = this.widthOf(on, text);
      const cells: number[] = [];
      for (let x = column(left - wide / 2); x <= column(left + wide / 2); x += 1) for (let y = column(top + radius + 2); y <= column(top + radius + 15); y += 1) cells.push(x * 10_007 + y);
      if (cells.some((cell) => taken.has(cell)) && node.id !== this.focused) continue;
      for (const cell of cells) taken.add(cell);
      on.globalAlpha = 0.85;
      on.fillStyle = this.colour("--surface");
      on.fillRect(left - wide / 2 - 2, top + radius + 2, wide + 4, 14);
      on.globalAlpha = 1;
      on.fillStyle = this.colour(node.generic ? "--text-3" : "--text");
      on.fillText(text, left, top + radius + 3);
      if (!node.note) continue;
      const note = shorten(node.note);
      const across = this.widthOf(on, note);
      on.fillStyle = this.colour("--warn-soft");
      on.fillRect(left - across / 2 - 4, top - radius - 20, across + 8, 16);
      on.fillStyle = this.colour("--text");
      on.fillText(note, left, top - radius - 18);
    }
  }

  private widthOf(on: CanvasRenderingContext2D, text: string): number {
    const key = `${on.font.slice(0, 4)}${text}`;
    const kept = this.widths.get(key);
    if (kept !== undefined) return kept;
    const wide = on.measureText(text).width;
    this.widths.set(key, wide);
    return wide;
  }

  private colour(name: string): string {
    return (this.colours[name] ??= token(name) || (name === "--font" ? "sans-serif" : "#777"));
  }
}

/** The outline of a shape around (0, 0). */
export function outline(on: CanvasRenderingContext2D, shape: Shape, size: number): void {
  on.beginPath();
  if (shape === "ellipse") on.arc(0, 0, size, 0, 2 * Math.PI);
  else if (shape === "square") on.rect(-size * 0.88, -size * 0.88, size * 1.76, size * 1.76);
  else if (shape === "box") on.roundRect(-size * 0.92, -size * 0.92, size * 1.84, size * 1.84, size * 0.35);
  else {
    const corners = shape === "hexagon" ? 6 : shape === "group" ? 8 : 4;
    for (let at = 0; at < corners; at += 1) {
      const angle = (2 * Math.PI * at) / corners + (shape === "group" ? Math.PI / 8 : 0);
      on.lineTo(size * Math.cos(angle), size * Math.sin(angle));
    }
    on.closePath();
  }
}

export function shorten(label: string): string {
  return label.length > 28 ? `${label.slice(0, 26)}…` : label;
}

function control(line: Line): Place {
  const [along, down] = [line.to.x - line.from.x, line.to.y - line.from.y];
  const far = Math.hypot(along, down) || 1;
  return { x: (line.from.x + line.to.x) / 2 - (down / far) * line.bend * 2, y: (line.from.y + line.to.y) / 2 + (along / far) * line.bend * 2 };
}

function bentMiddle(line: Line): Place {
  const over = control(line);
  return { x: (line.from.x + 2 * over.x + line.to.x) / 4, y: (line.from.y + 2 * over.y + line.to.y) / 4 };
}

function distance(here: Place, line: Line): number {
  if (!line.bend) return toSegment(here, line.from, line.to);
  const middle = bentMiddle(line);
  return Math.min(toSegment(here, line.from, middle), toSegment(here, middle, line.to));
}

function toSegment(here: Place, from: Place, to: Place): number {
  const [along, down] = [to.x - from.x, to.y - from.y];
  const share = Math.max(0, Math.min(1, ((here.x - from.x) * along + (here.y - from.y) * down) / (along * along + down * down || 1)));
  return Math.hypot(here.x - from.x - share * along, here.y - from.y - share * down);
}
