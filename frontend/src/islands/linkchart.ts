/**
 * The link chart: records as nodes where the server placed them, ties as edges that say why.
 *
 * `data-url` answers `{nodes, edges, more?}`; `data-expand-url` the same for `?expand=<id>`, merged into what is shown.
 * Canvas only, so it works without WebGL; an equal table is one button away. `data-focus` names the node to begin at.
 */
import cytoscape, { type Core, type EdgeSingular, type ElementDefinition, type NodeSingular, type StylesheetJson } from "cytoscape";
import "./linkchart.css";
import { icon, isTyping, make, readJson, token } from "../behaviour/dom";
import { toast } from "../behaviour/toast";
import { count } from "../behaviour/words";

interface Reason {
  sentence: string;
  left?: string | null;
  right?: string | null;
  bits?: number | null;
}
interface ChartNode {
  id: string;
  label: string;
  kind: string;
  x?: number | null;
  y?: number | null;
  subtitle?: string | null;
  url?: string | null;
  generic?: boolean;
  pointer?: boolean;
}
interface ChartEdge {
  id: string;
  source: string;
  target: string;
  kind: string;
  label?: string | null;
  bits?: number | null;
  sentence?: string | null;
  reasons?: Reason[] | null;
}
interface Chart {
  nodes: ChartNode[];
  edges: ChartEdge[];
  more?: boolean;
}

/** Above this a canvas without a graphics card stutters, and no eye follows it. */
const MOST_ELEMENTS = 1500;
const COMMON_LABEL = 10;
const SHAPES: Record<string, cytoscape.Css.NodeShape> = {
  person: "ellipse",
  entity: "ellipse",
  case: "round-rectangle",
  agency: "round-rectangle",
  media: "rectangle",
  image: "rectangle",
  video: "rectangle",
  device: "round-hexagon",
  camera: "round-hexagon",
  phone: "round-diamond",
  email: "round-diamond",
  account: "round-diamond",
  username: "round-diamond",
  handle: "round-diamond",
};
const TONES: Record<string, string> = {
  person: "--accent",
  entity: "--accent",
  case: "--violet",
  agency: "--violet",
  media: "--good",
  image: "--good",
  video: "--good",
  device: "--warn",
  camera: "--warn",
};

export async function mount(element: HTMLElement): Promise<void> {
  // Cytoscape would write its one rule as an inline style, which the policy refuses; ours stands in linkchart.css.
  if (!document.getElementById("__________cytoscape_stylesheet"))
    document.head.append(make("meta", { id: "__________cytoscape_stylesheet" }));
  const url = element.dataset.url;
  if (!url) throw new Error("the chart has no data-url.");
  const view = new LinkChart(element);
  await view.load(url);
}

class LinkChart {
  private readonly cy: Core;
  private readonly canvas = make("div", { class: "chart-canvas", tabindex: "0", role: "application", "aria-label": "Link chart. Arrow keys move between nodes, Enter shows why, e expands. The table view holds the same." });
  private readonly panel = make("section", { class: "chart-panel", "aria-label": "Explanation", "aria-live": "polite", hidden: true });
  private readonly stage = make("div", { class: "chart-stage" }, this.canvas, this.panel);
  private readonly table = make("div", { class: "stack", hidden: true });
  private readonly legend = make("ul", { class: "chart-legend", "aria-label": "Legend" });
  private readonly counted = make("span", { class: "chart-count", role: "status" });
  private readonly nodes = new Map<string, ChartNode>();
  private readonly edges = new Map<string, ChartEdge>();
  private focused: NodeSingular | undefined;

  constructor(private readonly element: HTMLElement) {
    element.classList.add("chart");
    element.replaceChildren(this.tools(), this.stage, this.legend, this.table);
    this.cy = cytoscape({
      container: this.canvas,
      layout: { name: "preset" },
      minZoom: 0.08,
      maxZoom: 3,
      boxSelectionEnabled: false,
      // On a slow machine a moving picture without labels is better than one that does not move.
      hideEdgesOnViewport: false,
      textureOnViewport: true,
      pixelRatio: Math.min(2, window.devicePixelRatio),
      style: this.style(),
    });
    this.cy.on("tap", "edge", (event) => this.showEdge(event.target as EdgeSingular));
    this.cy.on("tap", "node", (event) => this.showNode(event.target as NodeSingular));
    this.cy.on("dbltap", "node", (event) => void this.expand(event.target as NodeSingular));
    this.cy.on("tap", (event) => event.target === this.cy && this.closePanel());
    this.canvas.addEventListener("keydown", (event) => this.onKey(event));
    document.addEventListener("opencets:theme", () => this.cy.style(this.style()));
    new ResizeObserver(() => this.cy.resize()).observe(this.canvas);
  }

  async load(url: string): Promise<void> {
    this.merge(await readJson<Chart>(url));
    this.fit();
    const start = this.element.dataset.focus;
    if (start && this.cy.getElementById(start).nonempty()) this.focusNode(this.cy.getElementById(start));
  }

  // --- what is shown ---

  private merge(chart: Chart, around?: NodeSingular): number {
    const room = MOST_ELEMENTS - this.cy.elements().length;
    const added: ElementDefinition[] = [];
    let refused = 0;
    const fresh = chart.nodes.filter((node) => !this.nodes.has(node.id));
    const centre = around?.position() ?? { x: 0, y: 0 };
    fresh.forEach((node, at) => {
      if (added.length >= room) {
        refused += 1;
        return;
      }
      this.nodes.set(node.id, node);
      added.push({ group: "nodes", data: { id: node.id, label: shorten(node.label), kind: node.kind }, classes: classesOf(node), position: placed(node, at, fresh.length, centre) });
    });
    for (const edge of chart.edges) {
      if (this.edges.has(edge.id) || !this.nodes.has(edge.source) || !this.nodes.has(edge.target)) continue;
      if (added.length >= room) {
        refused += 1;
        continue;
      }
      this.edges.set(edge.id, edge);
      added.push({ group: "edges", data: { id: edge.id, source: edge.source, target: edge.target, label: edge.label ?? "", kind: edge.kind, width: 1 + Math.min(4, Math.max(0, edge.bits ?? 0) / 6) } });
    }
    const before = this.cy.nodes().length;
    this.cy.batch(() => this.cy.add(added));
    if (refused) toast({ text: `The chart is full at ${count(MOST_ELEMENTS)} elements; ${count(refused)} more are left out. Hide some, then expand again.`, tone: "warn" });
    this.refresh();
    return this.cy.nodes().length - before;
  }

  /** A word that stands on very many ties says nothing on each: it is written only on the ties one looks at. */
  private quietLabels(): void {
    const uses = new Map<string, number>();
    this.cy.edges().forEach((edge) => void uses.set(edge.data("label") as string, (uses.get(edge.data("label") as string) ?? 0) + 1));
    this.cy.batch(() => this.cy.edges().forEach((edge) => void edge.toggleClass("common", (uses.get(edge.data("label") as string) ?? 0) > COMMON_LABEL)));
  }

  private refresh(): void {
    this.quietLabels();
    const nodes = this.cy.nodes().length;
    const edges = this.cy.edges().length;
    this.counted.textContent = `${count(nodes)} nodes, ${count(edges)} ties`;
    const kinds = [...new Set([...this.nodes.values()].filter((node) => this.cy.getElementById(node.id).nonempty()).map((node) => node.kind))].sort();
    this.legend.replaceChildren(...kinds.map((kind) => make("li", {}, swatch(kind), words(kind))));
    this.drawTable();
  }

  private fit(): void {
    if (this.cy.elements().nonempty()) this.cy.fit(undefined, 48);
    if (this.cy.zoom() > 1.4) {
      this.cy.zoom(1.4);
      this.cy.center();
    }
  }

  // --- acts ---

  private async expand(node: NodeSingular): Promise<void> {
    const url = this.element.dataset.expandUrl;
    if (!url || node.empty()) return;
    const address = new URL(url, location.href);
    address.searchParams.set("expand", node.id());
    node.addClass("asking");
    try {
      const added = this.merge(await readJson<Chart>(address.toString()), node);
      toast({ text: added ? `${count(added)} more around ${this.nodes.get(node.id())?.label ?? "it"}.` : "Nothing more is known around it.", tone: added ? "good" : "info" });
    } catch (reason) {
      toast({ text: reason instanceof Error ? reason.message : String(reason), tone: "bad" });
    } finally {
      node.removeClass("asking");
    }
  }

  private hide(node: NodeSingular): void {
    if (node.empty()) return;
    const gone = node.union(node.connectedEdges()).remove();
    this.closePanel();
    this.refresh();
    const label = this.nodes.get(node.id())?.label ?? "";
    const back = make("button", { type: "button", class: "btn btn-sm" }, icon("arrow-back-up"), `Show ${label} again`);
    back.addEventListener("click", () => {
      gone.restore();
      back.remove();
      this.refresh();
    });
    this.element.querySelector(".chart-tools")?.append(back);
    this.focused = undefined;
    this.canvas.focus();
  }

  private pin(node: NodeSingular): void {
    if (node.empty()) return;
    if (node.locked()) node.unlock().removeClass("pinned");
    else node.lock().addClass("pinned");
  }

  private savePicture(): void {
    const picture = this.cy.png({ full: true, scale: 2, bg: token("--surface"), output: "blob" }) as unknown as Blob;
    const link = make("a", { href: URL.createObjectURL(picture), download: `chart-${new Date().toISOString().slice(0, 10)}.png` });
    link.click();
    window.setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  }

  private find(text: string): void {
    const wanted = text.trim().toLocaleLowerCase();
    this.cy.batch(() => {
      this.cy.elements().removeClass("found faded");
      if (!wanted) return;
      const hits = this.cy.nodes().filter((node) => {
        const given = this.nodes.get(node.id());
        return `${given?.label ?? ""} ${given?.subtitle ?? ""}`.toLocaleLowerCase().includes(wanted);
      });
      this.cy.elements().difference(hits.union(hits.connectedEdges())).addClass("faded");
      hits.addClass("found");
      if (hits.nonempty()) this.cy.animate({ fit: { eles: hits, padding: 120 }, duration: still() ? 0 : 200 });
      this.counted.textContent = hits.nonempty() ? `${count(hits.length)} found` : "None found";
    });
    if (!wanted) this.refresh();
  }

  // --- keys ---

  private onKey(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
    const node = this.focused;
    const step: Record<string, [number, number]> = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] };
    const direction = step[event.key];
    if (direction) this.focusNode(this.nearest(direction));
    else if (event.key === "Tab") {
      const all = this.cy.nodes().sort((one, other) => one.position("y") - other.position("y") || one.position("x") - other.position("x"));
      const at = node ? all.toArray().findIndex((each) => each.id() === node.id()) : event.shiftKey ? all.length : -1;
      const next = all[at + (event.shiftKey ? -1 : 1)];
      // Past the last node the focus leaves the chart, so it is never a trap.
      if (!next) return;
      this.focusNode(next as NodeSingular);
    } else if (event.key === "Enter" && node) this.showNode(node);
    else if (event.key === "e" && node) void this.expand(node);
    else if (event.key === "h" && node) this.hide(node);
    else if (event.key === "p" && node) this.pin(node);
    else if (event.key === "+" || event.key === "=") this.zoom(1.25);
    else if (event.key === "-") this.zoom(0.8);
    else if (event.key === "0") this.fit();
    else if (event.key === "Escape") this.closePanel();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  private zoom(by: number): void {
    this.cy.zoom({ level: this.cy.zoom() * by, renderedPosition: { x: this.cy.width() / 2, y: this.cy.height() / 2 } });
  }

  /** The nearest node in a direction: distance along it, and twice the distance across it. */
  private nearest([right, down]: [number, number]): NodeSingular | undefined {
    const from = this.focused?.position();
    let best: NodeSingular | undefined;
    let least = Infinity;
    this.cy.nodes().forEach((node) => {
      if (node.id() === this.focused?.id()) return;
      const x = node.position("x") - (from?.x ?? 0);
      const y = node.position("y") - (from?.y ?? 0);
      const along = x * right + y * down;
      const across = Math.abs(x * down) + Math.abs(y * right);
      if (from && along <= 0) return;
      const cost = from ? along + 2 * across : Math.hypot(x, y);
      if (cost < least) [least, best] = [cost, node];
    });
    return best;
  }

  private focusNode(node: NodeSingular | undefined): void {
    if (!node) return;
    this.focused?.removeClass("focused");
    this.focused = node;
    node.addClass("focused");
    const box = node.renderedBoundingBox();
    if (box.x1 < 0 || box.y1 < 0 || box.x2 > this.cy.width() || box.y2 > this.cy.height()) this.cy.animate({ center: { eles: node }, duration: still() ? 0 : 150 });
    this.showNode(node);
  }

  // --- the panel ---

  private showNode(node: NodeSingular): void {
    if (this.focused?.id() !== node.id()) {
      this.focused?.removeClass("focused");
      this.focused = node;
      node.addClass("focused");
    }
    const given = this.nodes.get(node.id());
    if (!given) return;
    const acts = make("div", { class: "button-row mb-3" });
    if (given.url) acts.append(make("a", { class: "btn btn-sm", href: given.url }, "Open"));
    if (this.element.dataset.expandUrl) acts.append(button("plus", "Expand", () => void this.expand(node)));
    acts.append(
      button("eye-off", "Hide", () => this.hide(node)),
      button("pin", node.locked() ? "Unpin" : "Pin", () => {
        this.pin(node);
        this.showNode(node);
      }),
    );
    const ties = make("ul", { class: "reasons" });
    node.connectedEdges().forEach((edge) => {
      const tie = this.edges.get(edge.id());
      if (!tie) return;
      const other = this.nodes.get(tie.source === node.id() ? tie.target : tie.source);
      const why = make("button", { type: "button", class: "btn btn-sm btn-ghost" }, "Why");
      why.addEventListener("click", () => this.showEdge(edge));
      ties.append(make("li", { class: "reason" }, make("span", {}, make("strong", {}, other?.label ?? ""), " ", tie.sentence ?? tie.label ?? words(tie.kind)), make("span", {}, why)));
    });
    const head: (Node | string)[] = [make("div", { class: "path-kind" }, words(given.kind))];
    if (given.subtitle) head.push(make("p", { class: "soft" }, given.subtitle));
    if (given.generic) head.push(make("p", {}, make("span", { class: "mark", "data-tone": "line" }, "generic"), " Too many use this value; it does not link by itself."));
    this.openPanel(given.label, ...head, acts, make("h3", { class: "mb-2" }, `${count(node.connectedEdges().length)} ties`), ties);
  }

  private showEdge(edge: EdgeSingular): void {
    const tie = this.edges.get(edge.id());
    if (!tie) return;
    this.cy.edges(".chosen").removeClass("chosen");
    edge.addClass("chosen");
    const ends = make("div", { class: "chart-ends" }, this.nodes.get(tie.source)?.label ?? "", icon("arrows-sort"), this.nodes.get(tie.target)?.label ?? "");
    const reasons = make("ul", { class: "reasons" });
    for (const reason of tie.reasons ?? []) reasons.append(reasonLine(reason));
    const weight = tie.bits == null ? [] : [make("p", { class: "quiet" }, `${tie.bits.toFixed(1)} bits of evidence`)];
    this.openPanel(tie.sentence ?? tie.label ?? words(tie.kind), ends, ...weight, reasons);
  }

  private openPanel(title: string, ...content: (Node | string)[]): void {
    const shut = button("x", "Close the explanation", () => {
      this.closePanel();
      this.canvas.focus();
    });
    shut.className = "copy";
    shut.setAttribute("aria-label", "Close the explanation");
    shut.replaceChildren(icon("x"));
    this.panel.replaceChildren(make("div", { class: "chart-panel-head" }, make("h2", {}, title), shut), ...content);
    if (this.panel.hidden) this.makeRoom(-1);
    this.panel.hidden = false;
    this.stage.dataset.panel = "";
  }

  /** The panel takes its width from the right of the canvas; the picture moves by half of it so its middle stays in sight. */
  private makeRoom(direction: 1 | -1): void {
    if (this.element.clientWidth > 700) this.cy.panBy({ x: direction * 160, y: 0 });
  }

  private closePanel(): void {
    if (!this.panel.hidden) this.makeRoom(1);
    this.panel.hidden = true;
    delete this.stage.dataset.panel;
    this.cy.edges(".chosen").removeClass("chosen");
  }

  // --- the same as a table ---

  private drawTable(): void {
    const head = make("tr", {}, ...["From", "Tie", "To", "Why"].map((text) => make("th", { scope: "col" }, text)));
    const rows = this.cy.edges().map((edge) => {
      const tie = this.edges.get(edge.id());
      const from = tie && this.nodes.get(tie.source);
      const to = tie && this.nodes.get(tie.target);
      const why = make("td", {}, tie?.sentence ?? "");
      for (const reason of tie?.reasons ?? []) why.append(make("span", { class: "sub" }, reason.sentence));
      return make("tr", {}, cell(from), make("td", {}, tie?.label || words(tie?.kind ?? "")), cell(to), why);
    });
    const alone = this.cy.nodes().filter((node) => node.connectedEdges().empty());
    alone.forEach((node) => void rows.push(make("tr", {}, cell(this.nodes.get(node.id())), make("td", { class: "quiet" }, "no tie shown"), make("td"), make("td"))));
    const table = make("table", { class: "grid-table", "data-rows": true }, make("thead", {}, head), make("tbody", {}, ...rows));
    this.table.replaceChildren(make("div", { class: "table-frame", "data-tall": true, tabindex: "0", role: "region", "aria-label": "The chart as a table" }, table));
  }

  private tools(): HTMLElement {
    const search = make("input", { type: "search", class: "form-control", placeholder: "Find in the chart", "aria-label": "Find in the chart" });
    search.addEventListener("input", () => this.find(search.value));
    const asTable = button("table", "Table", () => {
      const on = this.table.hidden;
      this.table.hidden = !on;
      this.stage.hidden = on;
      this.legend.hidden = on;
      asTable.setAttribute("aria-pressed", String(on));
    });
    asTable.setAttribute("aria-pressed", "false");
    return make(
      "div",
      { class: "chart-tools", role: "toolbar", "aria-label": "Chart" },
      search,
      iconButton("zoom-in", "Zoom in", () => this.zoom(1.25)),
      iconButton("zoom-out", "Zoom out", () => this.zoom(0.8)),
      iconButton("maximize", "Fit everything", () => this.fit()),
      asTable,
      button("download", "PNG", () => this.savePicture()),
      this.counted,
    );
  }

  private style(): StylesheetJson {
    const toned = Object.entries(TONES).map(([kind, name]) => ({ selector: `node[kind = "${kind}"]`, style: { "background-color": token(`${name}-soft`), "border-color": token(name) } }));
    const shaped = Object.entries(SHAPES).map(([kind, shape]) => ({ selector: `node[kind = "${kind}"]`, style: { shape } }));
    return [
      {
        selector: "node",
        style: {
          width: 30,
          height: 30,
          shape: "ellipse",
          "background-color": token("--surface-3"),
          "border-width": 1.5,
          "border-color": token("--control-line"),
          label: "data(label)",
          color: token("--text"),
          "font-family": token("--font"),
          "font-size": 11,
          "text-valign": "bottom",
          "text-margin-y": 5,
          "text-background-color": token("--surface"),
          "text-background-opacity": 0.85,
          "text-background-padding": "2px",
          "min-zoomed-font-size": 7,
        },
      },
      ...shaped,
      ...toned,
      { selector: "node.generic", style: { "border-style": "dashed", "border-color": token("--control-line"), "background-color": token("--surface"), color: token("--text-3") } },
      { selector: "node.pointer", style: { "border-style": "dashed", "border-color": token("--violet"), "background-color": token("--surface") } },
      { selector: "node.pinned", style: { "border-width": 3 } },
      { selector: "node.asking", style: { "background-blacken": 0.15 } },
      { selector: "node.focused, node.found", style: { "underlay-color": token("--accent"), "underlay-opacity": 0.25, "underlay-padding": 7, "underlay-shape": "ellipse", "font-weight": 600 } },
      {
        selector: "edge",
        style: {
          width: "data(width)",
          "line-color": token("--line-strong"),
          "curve-style": "bezier",
          "control-point-step-size": 28,
          label: "data(label)",
          color: token("--text-3"),
          "font-family": token("--font"),
          "font-size": 9,
          "text-rotation": "autorotate",
          "text-background-color": token("--surface"),
          "text-background-opacity": 1,
          "text-background-padding": "2px",
          "min-zoomed-font-size": 8,
        },
      },
      { selector: "edge.common", style: { label: "" } },
      { selector: "edge.chosen", style: { "line-color": token("--accent"), color: token("--text"), label: "data(label)", "z-index": 10 } },
      { selector: ".faded", style: { opacity: 0.2 } },
    ] as StylesheetJson;
  }
}

function classesOf(node: ChartNode): string {
  return [node.generic && "generic", node.pointer && "pointer"].filter(Boolean).join(" ");
}

/** Where the server put it; where it did not, on a circle around the node that was expanded. */
function placed(node: ChartNode, at: number, of: number, centre: { x: number; y: number }): { x: number; y: number } {
  if (node.x != null && node.y != null) return { x: node.x, y: node.y };
  const angle = (2 * Math.PI * at) / Math.max(1, of);
  const radius = 90 + 9 * of;
  return { x: centre.x + radius * Math.cos(angle), y: centre.y + radius * Math.sin(angle) };
}

function reasonLine(reason: Reason): HTMLElement {
  const line = make("li", { class: "reason" }, make("span", { class: "reason-sentence" }, reason.sentence));
  if (reason.left || reason.right)
    line.append(make("span", { class: "sides" }, make("span", { class: "side-value" }, reason.left ?? "(none)"), make("span", { class: "side-value" }, reason.right ?? "(none)")));
  if (reason.bits != null) line.append(make("span", { class: "reason-weight" }, `${reason.bits.toFixed(1)} bits`));
  return line;
}

function cell(node: ChartNode | undefined): HTMLElement {
  const name = node?.url ? make("a", { href: node.url }, node.label) : (node?.label ?? "");
  return make("td", {}, name, make("span", { class: "sub" }, [node && words(node.kind), node?.subtitle].filter(Boolean).join(", ")));
}

function button(name: string, label: string, act: () => void): HTMLButtonElement {
  const made = make("button", { type: "button", class: "btn btn-sm" }, icon(name), label);
  made.addEventListener("click", act);
  return made;
}

function iconButton(name: string, label: string, act: () => void): HTMLButtonElement {
  const made = make("button", { type: "button", class: "btn btn-icon", "aria-label": label, title: label }, icon(name));
  made.addEventListener("click", act);
  return made;
}

function swatch(kind: string): SVGSVGElement {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("class", "chart-swatch");
  svg.setAttribute("viewBox", "0 0 14 14");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  const shape = SHAPES[kind] ?? "ellipse";
  const forms: Record<string, string> = {
    rectangle: "M1.5 1.5h11v11h-11z",
    "round-rectangle": "M3.5 1.5h7a2 2 0 0 1 2 2v7a2 2 0 0 1-2 2h-7a2 2 0 0 1-2-2v-7a2 2 0 0 1 2-2z",
    "round-diamond": "M7 .8 13.2 7 7 13.2.8 7z",
    "round-hexagon": "M4 1.5h6L13.2 7 10 12.5H4L.8 7z",
  };
  path.setAttribute("d", forms[shape] ?? "M7 1a6 6 0 1 1 0 12A6 6 0 0 1 7 1z");
  const tone = TONES[kind];
  path.setAttribute("fill", tone ? `var(${tone}-soft)` : "var(--surface-3)");
  path.setAttribute("stroke", tone ? `var(${tone})` : "var(--control-line)");
  svg.append(path);
  return svg;
}

function words(kind: string): string {
  const text = kind.replaceAll(/[_.-]/g, " ");
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function shorten(label: string): string {
  return label.length > 28 ? `${label.slice(0, 26)}…` : label;
}

function still(): boolean {
  return matchMedia("(prefers-reduced-motion: reduce)").matches;
}
