/**
 * The link chart: records as nodes where the server placed them, ties as lines that say why.
 *
 * `data-url` answers `{nodes, edges, more?, layout?}`; `data-expand-url` the same for `?expand=<id>`, merged into what is shown;
 * `data-why-url` answers `{reasons}` for `?tie=<id>` where a tie came without them; `data-path-url` the chart of a way between
 * `?from=<id>&to=<id>`. Drawn on a canvas without WebGL; an equal table is one button away. `data-focus` names the node to begin at.
 * Forms with an input `data-chart-layout` get what the reader made of the chart when they are sent.
 */
import "./linkchart.css";
import { icon, isTyping, make, readJson } from "../behaviour/dom";
import { toast } from "../behaviour/toast";
import { count } from "../behaviour/words";
import { Model, type Chart, type ChartEdge, type ChartNode, type Drawn, type Line, type Reason } from "../chart/model";
import { Painter, SHAPES, TONES } from "../chart/painter";

const ROWS = 400;
const KEYS = "Arrow keys move between nodes, Enter shows why, e expands, h hides, p pins, x chooses, g groups what is chosen, w finds the way between two chosen, u takes back. The table view holds the same.";

export async function mount(element: HTMLElement): Promise<void> {
  const url = element.dataset.url;
  if (!url) throw new Error("the chart has no data-url.");
  const view = new LinkChart(element);
  await view.load(url);
}

class LinkChart {
  readonly model = new Model();
  readonly painter: Painter;
  private readonly canvas = make("canvas", {});
  private readonly frame = make("div", { class: "chart-canvas", tabindex: "0", role: "application", "aria-label": `Link chart. ${KEYS}` }, this.canvas);
  private readonly panel = make("section", { class: "chart-panel", "aria-label": "Explanation", "aria-live": "polite", hidden: true });
  private readonly stage = make("div", { class: "chart-stage" }, this.frame, this.panel);
  private readonly table = make("div", { class: "stack", hidden: true });
  private readonly legend = make("ul", { class: "chart-legend", "aria-label": "Legend" });
  private readonly counted = make("span", { class: "chart-count", role: "status" });
  private readonly time = make("div", { class: "chart-time", hidden: true });
  private readonly undoing = iconButton("arrow-back-up", "Nothing to take back", () => this.takeBack());
  private readonly redoing = iconButton("arrow-forward-up", "Nothing to do again", () => this.doAgain());
  private readonly returning = button("eye", "Show hidden", () => this.act(() => this.model.showAll()));
  private readonly grouping = button("stack-2", "Group", () => this.group());
  private readonly wayfinding = button("route", "Way", () => void this.way());
  private readonly chosen = new Set<string>();
  private focused = "";
  private rows = ROWS;

  constructor(private readonly element: HTMLElement) {
    element.classList.add("chart");
    element.replaceChildren(this.tools(), this.time, this.stage, this.legend, this.table);
    this.painter = new Painter(this.canvas);
    Object.assign(this.frame, { chart: this });
    this.listen();
    document.addEventListener("opencets:theme", () => {
      this.painter.theme();
      this.painter.ask();
    });
    document.addEventListener("submit", (event) => this.fill(event.target as HTMLFormElement), true);
    new ResizeObserver(() => this.painter.resize(this.frame.clientWidth, this.frame.clientHeight)).observe(this.frame);
  }

  async load(url: string): Promise<void> {
    const chart = await readJson<Chart>(url);
    this.model.merge(chart);
    if (chart.layout) {
      this.model.take(chart.layout);
      for (const id of chart.layout.expanded ?? []) await this.fetchAround(id).catch(() => 0);
    }
    this.painter.resize(this.frame.clientWidth, this.frame.clientHeight);
    this.refresh();
    this.painter.fit();
    this.drawTime();
    const start = this.element.dataset.focus;
    if (start && this.model.shown().nodes.has(start)) this.focus(start);
    this.painter.paint();
    this.element.dataset.ready = "";
  }

  // --- what is shown ---

  private refresh(): void {
    const { nodes, lines } = this.model.shown();
    for (const id of [...this.chosen]) if (!nodes.has(id)) this.chosen.delete(id);
    if (!nodes.has(this.focused)) this.focused = "";
    this.painter.show(nodes.values(), lines);
    this.mark();
    this.counted.textContent = `${count(nodes.size)} nodes, ${count(lines.length)} ties`;
    const kinds = [...new Set([...nodes.values()].map((node) => node.kind))].sort();
    this.legend.replaceChildren(...kinds.map((kind) => make("li", {}, swatch(kind), words(kind))));
    const [undo, redo] = [this.model.mayUndo, this.model.mayRedo];
    named(this.undoing, undo ? `Take back: ${undo}` : "Nothing to take back", !undo);
    named(this.redoing, redo ? `Do again: ${redo}` : "Nothing to do again", !redo);
    this.returning.hidden = !this.model.hidden;
    this.returning.lastChild?.replaceWith(`Show ${count(this.model.hidden)} hidden`);
    if (!this.table.hidden) this.drawTable();
  }

  /** What is chosen and focused, on the canvas and on the buttons. */
  private mark(): void {
    this.painter.focused = this.focused;
    this.painter.chosen = new Set([...this.chosen, ...[...this.painter.chosen].filter((id) => this.model.edges.has(id))]);
    this.grouping.disabled = this.chosen.size < 2;
    this.wayfinding.disabled = this.chosen.size !== 2;
    this.painter.ask();
  }

  private act(change: () => unknown): void {
    change();
    this.refresh();
  }

  // --- acts ---

  private async fetchAround(id: string): Promise<number> {
    const url = this.element.dataset.expandUrl;
    const node = this.model.shown().nodes.get(id);
    if (!url || !node || node.members) return 0;
    const address = new URL(url, location.href);
    address.searchParams.set("expand", id);
    const added = this.model.merge(await readJson<Chart>(address.toString()), node);
    this.model.expanded.add(id);
    return added;
  }

  private async expand(id: string): Promise<void> {
    if (!this.element.dataset.expandUrl || !id) return;
    const label = this.model.nodes.get(id)?.label ?? "it";
    try {
      const added = await this.fetchAround(id);
      this.refresh();
      this.drawTime();
      toast({ text: added ? `${count(added)} more around ${label}.` : "Nothing more is known around it.", tone: added ? "good" : "info" });
    } catch (reason) {
      toast({ text: reason instanceof Error ? reason.message : String(reason), tone: "bad" });
    }
  }

  private hide(): void {
    const ids = this.chosen.size ? [...this.chosen] : this.focused ? [this.focused] : [];
    if (!ids.length) return;
    this.closePanel();
    this.chosen.clear();
    this.act(() => this.model.hide(ids));
    this.frame.focus();
  }

  private pin(): void {
    const ids = this.chosen.size ? [...this.chosen] : this.focused ? [this.focused] : [];
    if (ids.length) this.act(() => this.model.pin(ids, !ids.every((id) => this.model.isPinned(id))));
  }

  private group(): void {
    if (this.chosen.size < 2) return;
    const kinds = new Set([...this.chosen].map((id) => this.model.nodes.get(id)?.kind ?? "group"));
    const [only] = kinds;
    let made = "";
    this.act(() => (made = this.model.group([...this.chosen], `${this.chosen.size} ${kinds.size === 1 && only ? plural(only) : "things"}`)));
    this.chosen.clear();
    this.focus(made);
    this.refresh();
  }

  private takeBack(): void {
    const what = this.model.undo();
    if (what) toast({ text: `Taken back: ${what}.`, tone: "info" });
    this.refresh();
  }

  private doAgain(): void {
    this.model.redo();
    this.refresh();
  }

  /** The way between the two that are chosen: the likeliest, as the server weighs it, else the shortest over what is drawn. */
  private async way(): Promise<void> {
    const [from, to] = [...this.chosen];
    if (!from || !to || this.chosen.size !== 2) {
      toast({ text: "Choose two nodes: click one, then the other with Shift held, or press x on each.", tone: "info" });
      return;
    }
    let lines: Line[] | undefined;
    let told: readonly string[] = [];
    const url = this.element.dataset.pathUrl;
    if (url && ![from, to].some((node) => node.startsWith("g:"))) {
      const address = new URL(url, location.href);
      address.searchParams.set("from", from);
      address.searchParams.set("to", to);
      try {
        const answer = await readJson<Chart>(address.toString());
        told = answer.told ?? [];
        this.model.merge(answer, this.model.shown().nodes.get(from));
        this.refresh();
        const found = new Set(answer.edges.map((edge) => edge.id));
        lines = this.model.shown().lines.filter((line) => line.ties.some((tie) => found.has(tie.id)));
      } catch (reason) {
        toast({ text: reason instanceof Error ? reason.message : String(reason), tone: "bad" });
        return;
      }
    }
    if (!lines?.length) lines = this.model.way(from, to);
    if (!lines) {
      toast({ text: "No way between the two was found over values that link.", tone: "info" });
      return;
    }
    this.painter.marked = new Set(lines.map((line) => line.id));
    this.painter.faded = new Set(lines.flatMap((line) => [line.from.id, line.to.id]));
    const steps = make("ul", { class: "reasons" }, ...lines.map((line) => this.tieLine(line)));
    const words = told.map((sentence) => make("p", {}, sentence));
    this.openPanel(told.length ? "The likeliest way between the two" : `${count(lines.length)} ${lines.length === 1 ? "step" : "steps"} over what is drawn`, ...words, steps);
    this.painter.fit(lines.flatMap((line) => [line.from, line.to]), 120);
  }

  private async savePicture(): Promise<void> {
    const picture = await this.painter.picture();
    if (!picture) return;
    const link = make("a", { href: URL.createObjectURL(picture), download: `chart-${new Date().toISOString().slice(0, 10)}.png` });
    link.click();
    window.setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  }

  private find(text: string): void {
    const wanted = text.trim().toLocaleLowerCase();
    if (!wanted) {
      this.painter.faded = undefined;
      this.refresh();
      return;
    }
    const { nodes, lines } = this.model.shown();
    const hits = [...nodes.values()].filter((node) => `${node.label} ${node.subtitle} ${node.note}`.toLocaleLowerCase().includes(wanted));
    const found = new Set(hits.map((node) => node.id));
    const near = lines.filter((line) => found.has(line.from.id) || found.has(line.to.id)).flatMap((line) => [line.from.id, line.to.id]);
    this.painter.faded = new Set([...found, ...near]);
    this.counted.textContent = hits.length ? `${count(hits.length)} found` : "None found";
    this.painter.fit(hits, 120);
  }

  private fill(form: HTMLFormElement): void {
    for (const input of form.querySelectorAll<HTMLInputElement>("input[data-chart-layout]")) input.value = JSON.stringify(this.model.layout());
  }

  // --- time ---

  private drawTime(): void {
    const days = this.model.days();
    this.time.hidden = days.length < 2;
    if (days.length < 2) return;
    const [least, most] = this.model.time ?? [days[0] ?? "", days.at(-1) ?? ""];
    const at = (day: string, up: boolean): number => (up ? days.findLastIndex((each) => each <= day) : Math.max(0, days.findIndex((each) => each >= day)));
    const slider = (label: string, value: number): HTMLInputElement => make("input", { type: "range", min: "0", max: String(days.length - 1), value: String(value), "aria-label": label });
    const [from, to] = [slider("Ties from this day on", at(least, false)), slider("Ties until this day", at(most, true))];
    const told = make("span", { class: "tabular", role: "status" });
    const change = (moved: HTMLInputElement | undefined): void => {
      if (Number(from.value) > Number(to.value)) (moved === from ? to : from).value = moved?.value ?? "0";
      const [first, last] = [days[Number(from.value)] ?? "", days[Number(to.value)] ?? ""];
      const whole = first === days[0] && last === days.at(-1);
      told.textContent = whole ? `${first} to ${last}, all` : `${first} to ${last}`;
      for (const input of [from, to]) input.setAttribute("aria-valuetext", days[Number(input.value)] ?? "");
      if (!moved) return;
      this.model.within(whole ? null : [first, last]);
      this.refresh();
      document.dispatchEvent(new CustomEvent("opencets:time", { detail: whole ? null : [first, last] }));
    };
    for (const input of [from, to]) input.addEventListener("input", () => change(input));
    this.time.replaceChildren(make("span", {}, "Time"), from, to, told);
    change(undefined);
  }

  // --- pointer and keys ---

  private listen(): void {
    const { frame, painter } = this;
    let held: { left: number; top: number; moved: boolean; node: Drawn | undefined } | undefined;
    const spot = (event: MouseEvent): [number, number] => {
      const box = this.canvas.getBoundingClientRect();
      return [event.clientX - box.left, event.clientY - box.top];
    };
    frame.addEventListener("keydown", (event) => this.onKey(event));
    frame.addEventListener("wheel", (event) => {
      if (!event.ctrlKey && document.activeElement !== frame) return;
      event.preventDefault();
      painter.zoom(event.deltaY < 0 ? 1.2 : 1 / 1.2, ...spot(event));
    }, { passive: false });
    frame.addEventListener("pointerdown", (event) => {
      const [left, top] = spot(event);
      held = { left, top, moved: false, node: painter.at(left, top).node };
      frame.setPointerCapture(event.pointerId);
    });
    frame.addEventListener("pointermove", (event) => {
      if (!held) return;
      const [left, top] = spot(event);
      if (!held.moved && Math.hypot(left - held.left, top - held.top) < 4) return;
      if (held.node && !held.node.pinned) {
        const { node } = held;
        if (!held.moved) this.model.act(`move ${node.label}`, () => undefined);
        this.model.move(node.id, painter.toChart(left, top));
        this.model.shown();
        if (!held.moved) this.refresh();
        held = { ...held, moved: true, node: this.model.shown().nodes.get(node.id) ?? node };
        painter.ask();
        return;
      }
      painter.pan(left - held.left, top - held.top);
      held = { ...held, left, top, moved: true };
    });
    frame.addEventListener("pointerup", (event) => {
      const was = held;
      held = undefined;
      if (!was || was.moved) return;
      frame.focus({ preventScroll: true });
      const { node, line } = painter.at(...spot(event));
      if (node && (event.shiftKey || event.ctrlKey || event.metaKey)) this.choose(node.id);
      else if (node) this.focus(node.id);
      else if (line) this.showLine(line);
      else this.closePanel();
    });
    frame.addEventListener("pointercancel", () => (held = undefined));
    frame.addEventListener("dblclick", (event) => {
      const { node } = painter.at(...spot(event));
      if (node) void this.expand(node.id);
    });
  }

  private choose(id: string): void {
    if (!this.chosen.delete(id)) this.chosen.add(id);
    this.mark();
    this.counted.textContent = `${count(this.chosen.size)} chosen`;
  }

  private onKey(event: KeyboardEvent): void {
    if ((event.ctrlKey || event.metaKey) && event.key === "z") this.takeBack();
    else if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
    else if (!this.onPlainKey(event)) return;
    event.preventDefault();
    event.stopPropagation();
  }

  private onPlainKey(event: KeyboardEvent): boolean {
    const steps: Record<string, [number, number]> = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] };
    const direction = steps[event.key];
    const acts: Record<string, () => unknown> = {
      h: () => this.hide(), p: () => this.pin(), g: () => this.group(), w: () => this.way(), u: () => this.takeBack(), "+": () => this.painter.zoom(1.25),
      "=": () => this.painter.zoom(1.25), "-": () => this.painter.zoom(0.8), "0": () => this.painter.fit(), Escape: () => this.closePanel(),
    };
    if (direction) this.focus(this.nearest(direction));
    else if (event.key === "Tab") {
      const all = [...this.model.shown().nodes.values()].sort((one, other) => one.y - other.y || one.x - other.x);
      const at = this.focused ? all.findIndex((each) => each.id === this.focused) : event.shiftKey ? all.length : -1;
      const next = all[at + (event.shiftKey ? -1 : 1)];
      // Past the last node the focus leaves the chart, so it is never a trap.
      if (!next) return false;
      this.focus(next.id);
    } else if (event.key === "Enter" && this.focused) this.showNode(this.focused);
    else if (event.key === "e" && this.focused) void this.expand(this.focused);
    else if (event.key === "x" && this.focused) this.choose(this.focused);
    else if (acts[event.key]) acts[event.key]?.();
    else return false;
    return true;
  }

  /** The nearest node in a direction: distance along it, and twice the distance across it. */
  private nearest([right, down]: [number, number]): string {
    const { nodes } = this.model.shown();
    const from = nodes.get(this.focused);
    let best = this.focused;
    let least = Infinity;
    for (const node of nodes.values()) {
      if (node.id === this.focused) continue;
      const x = node.x - (from?.x ?? 0);
      const y = node.y - (from?.y ?? 0);
      const along = x * right + y * down;
      const across = Math.abs(x * down) + Math.abs(y * right);
      if (from && along <= 0) continue;
      const cost = from ? along + 2 * across : Math.hypot(x, y);
      if (cost < least) [least, best] = [cost, node.id];
    }
    return best;
  }

  private focus(id: string): void {
    const node = this.model.shown().nodes.get(id);
    if (!node) return;
    this.focused = id;
    this.mark();
    if (!this.painter.inSight(node)) this.painter.centre(node);
    this.showNode(id);
  }

  // --- the panel ---

  private showNode(id: string): void {
    const { nodes, lines } = this.model.shown();
    const node = nodes.get(id);
    if (!node) return;
    const given: Partial<ChartNode> = this.model.nodes.get(id) ?? {};
    const acts = make("div", { class: "button-row mb-3" });
    if (given.url) acts.append(make("a", { class: "btn btn-sm", href: given.url }, "Open"));
    if (this.element.dataset.expandUrl && !node.members) acts.append(button("plus", "Expand", () => void this.expand(id)));
    if (node.members) acts.append(button("stack-2", "Ungroup", () => this.act(() => this.model.ungroup(id))));
    acts.append(
      button("eye-off", "Hide", () => ((this.focused = id), this.chosen.clear(), this.hide())),
      button("pin", node.pinned ? "Unpin" : "Pin", () => {
        this.act(() => this.model.pin([id], !node.pinned));
        this.showNode(id);
      }),
      button("check", this.chosen.has(id) ? "Not chosen" : "Choose", () => {
        this.choose(id);
        this.showNode(id);
      }),
    );
    const mine = lines.filter((line) => line.from === node || line.to === node);
    const ties = make("ul", { class: "reasons" }, ...mine.slice(0, 200).map((line) => this.tieLine(line, node)));
    const head: (Node | string)[] = [make("div", { class: "path-kind" }, words(node.kind))];
    if (node.subtitle) head.push(make("p", { class: "soft" }, node.subtitle));
    if (node.generic) head.push(make("p", {}, make("span", { class: "mark", "data-tone": "line" }, "generic"), " Too many use this value; it does not link by itself."));
    const group = this.model.groupOf(id);
    if (group) head.push(make("p", { class: "soft" }, group.members.slice(0, 40).map((member) => this.model.nodes.get(member)?.label ?? "").filter(Boolean).join(", ")));
    this.openPanel(node.label, ...head, acts, this.noteForm(id), make("h3", { class: "mb-2" }, `${count(mine.length)} ${mine.length === 1 ? "tie" : "ties"}`), ties);
  }

  private noteForm(id: string): HTMLElement {
    const note = make("input", { class: "form-control", type: "text", maxlength: "200", placeholder: "A note on the chart", "aria-label": "Note on the chart", value: this.model.noteOf(id) });
    const form = make("form", { class: "chart-note mb-3" }, note, make("button", { class: "btn btn-sm", type: "submit" }, "Keep note"));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      event.stopPropagation();
      this.act(() => this.model.note(id, note.value.trim()));
      this.frame.focus();
    });
    return form;
  }

  private tieLine(line: Line, from?: Drawn): HTMLElement {
    const why = make("button", { type: "button", class: "btn btn-sm btn-ghost" }, "Why");
    why.addEventListener("click", () => this.showLine(line));
    const [tie] = line.ties;
    const name = from ? (line.from === from ? line.to : line.from).label : `${line.from.label} – ${line.to.label}`;
    const said = line.ties.length > 1 ? line.label : (tie?.sentence ?? tie?.label ?? words(tie?.kind ?? ""));
    return make("li", { class: "reason" }, make("span", {}, make("strong", {}, name), " ", said), make("span", {}, why));
  }

  private showLine(line: Line): void {
    this.painter.chosen = new Set([...this.chosen, line.id]);
    this.painter.ask();
    const [tie] = line.ties;
    if (!tie) return;
    const ends = make("div", { class: "chart-ends" }, line.from.label, icon("arrows-sort"), line.to.label);
    if (line.ties.length > 1) {
      const each = line.ties.slice(0, 200).map((one) => make("li", { class: "reason" }, make("span", {}, one.sentence ?? one.label ?? ""), make("span", {}, button("help", "Why", () => void this.explain(one, ends)))));
      this.openPanel(`${count(line.ties.length)} ties`, ends, make("ul", { class: "reasons" }, ...each));
    } else void this.explain(tie, ends);
  }

  /** Why a tie is there; its reasons are asked of the server where they did not come along. */
  private async explain(tie: ChartEdge, ends: HTMLElement): Promise<void> {
    const reasons = make("ul", { class: "reasons" });
    const weight = tie.bits == null ? [] : [make("p", { class: "quiet" }, `${tie.bits.toFixed(1)} bits of evidence`)];
    if (tie.first) weight.push(make("p", { class: "quiet" }, tie.last && tie.last !== tie.first ? `Between ${tie.first} and ${tie.last}` : tie.first));
    this.openPanel(tie.sentence ?? tie.label ?? words(tie.kind), ends, ...weight, reasons);
    const url = this.element.dataset.whyUrl;
    if (!tie.reasons && url) {
      const address = new URL(url, location.href);
      address.searchParams.set("tie", tie.id);
      try {
        tie.reasons = (await readJson<{ reasons: Reason[] }>(address.toString())).reasons;
      } catch (reason) {
        reasons.append(make("li", { class: "reason" }, reason instanceof Error ? reason.message : String(reason)));
      }
    }
    reasons.append(...(tie.reasons ?? []).map(reasonLine));
  }

  private openPanel(title: string, ...content: (Node | string)[]): void {
    const shut = button("x", "Close the explanation", () => {
      this.closePanel();
      this.frame.focus();
    });
    shut.className = "copy";
    shut.setAttribute("aria-label", "Close the explanation");
    shut.replaceChildren(icon("x"));
    this.panel.replaceChildren(make("div", { class: "chart-panel-head" }, make("h2", {}, title), shut), ...content);
    this.panel.hidden = false;
    this.stage.dataset.panel = "";
  }

  private closePanel(): void {
    this.panel.hidden = true;
    delete this.stage.dataset.panel;
    this.painter.marked.clear();
    this.painter.faded = undefined;
    this.painter.chosen = new Set(this.chosen);
    this.painter.ask();
  }

  // --- the same as a table ---

  private drawTable(): void {
    const { nodes, lines } = this.model.shown();
    const head = make("tr", {}, ...["From", "Tie", "To", "Why"].map((text) => make("th", { scope: "col" }, text)));
    const rows = lines.slice(0, this.rows).map((line) => {
      const why = make("td", {}, line.ties[0]?.sentence ?? "");
      for (const reason of line.ties[0]?.reasons ?? []) why.append(make("span", { class: "sub" }, reason.sentence));
      return make("tr", {}, this.cell(line.from), make("td", {}, line.label || words(line.ties[0]?.kind ?? "")), this.cell(line.to), why);
    });
    const alone = [...nodes.values()].filter((node) => !node.degree);
    for (const node of alone.slice(0, Math.max(0, this.rows - rows.length))) rows.push(make("tr", {}, this.cell(node), make("td", { class: "quiet" }, "no tie shown"), make("td"), make("td")));
    const table = make("table", { class: "grid-table", "data-rows": true }, make("thead", {}, head), make("tbody", {}, ...rows));
    this.table.replaceChildren(make("div", { class: "table-frame", "data-tall": true, tabindex: "0", role: "region", "aria-label": "The chart as a table" }, table));
    const left = lines.length + alone.length - rows.length;
    if (left > 0) {
      this.table.append(
        button("plus", `Show ${count(Math.min(left, 5 * ROWS))} more of ${count(left)}`, () => {
          this.rows += 5 * ROWS;
          this.drawTable();
        }),
      );
    }
  }

  private cell(node: Drawn): HTMLElement {
    const url = this.model.nodes.get(node.id)?.url;
    const more = [words(node.kind), node.subtitle, node.note && `Note: ${node.note}`].filter(Boolean).join(", ");
    return make("td", {}, url ? make("a", { href: url }, node.label) : node.label, make("span", { class: "sub" }, more));
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
      if (on) this.drawTable();
    });
    asTable.setAttribute("aria-pressed", "false");
    return make(
      "div",
      { class: "chart-tools", role: "toolbar", "aria-label": "Chart" },
      search,
      iconButton("zoom-in", "Zoom in", () => this.painter.zoom(1.25)),
      iconButton("zoom-out", "Zoom out", () => this.painter.zoom(0.8)),
      iconButton("maximize", "Fit everything", () => this.painter.fit()),
      this.undoing,
      this.redoing,
      this.grouping,
      this.wayfinding,
      this.returning,
      asTable,
      button("download", "PNG", () => void this.savePicture()),
      this.counted,
    );
  }
}

function named(made: HTMLButtonElement, label: string, off: boolean): void {
  made.disabled = off;
  made.title = label;
  made.setAttribute("aria-label", label);
}

function reasonLine(reason: Reason): HTMLElement {
  const line = make("li", { class: "reason" }, make("span", { class: "reason-sentence" }, reason.sentence));
  if (reason.left || reason.right)
    line.append(make("span", { class: "sides" }, make("span", { class: "side-value" }, reason.left || "(none)"), make("span", { class: "side-value" }, reason.right || "(none)")));
  if (reason.bits != null) line.append(make("span", { class: "reason-weight" }, `${reason.bits.toFixed(1)} bits`));
  return line;
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
  const forms: Record<string, string> = {
    square: "M1.5 1.5h11v11h-11z",
    box: "M3.5 1.5h7a2 2 0 0 1 2 2v7a2 2 0 0 1-2 2h-7a2 2 0 0 1-2-2v-7a2 2 0 0 1 2-2z",
    diamond: "M7 .8 13.2 7 7 13.2.8 7z",
    hexagon: "M4 1.5h6L13.2 7 10 12.5H4L.8 7z",
    group: "M4.3.8h5.4l3.5 3.5v5.4l-3.5 3.5H4.3L.8 9.7V4.3z",
  };
  path.setAttribute("d", forms[SHAPES[kind] ?? "ellipse"] ?? "M7 1a6 6 0 1 1 0 12A6 6 0 0 1 7 1z");
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

function plural(kind: string): string {
  const text = kind.replaceAll(/[_.-]/g, " ");
  return text === "person" ? "people" : text.endsWith("s") || text === "media" ? text : `${text}s`;
}
