/**
 * What a link chart holds: nodes and ties as the server gave them, and what the reader made of them: places, what is hidden, pinned,
 * grouped, noted, and the time shown. Every act of the reader can be taken back.
 */
export interface Reason {
  sentence: string;
  left?: string | null;
  right?: string | null;
  bits?: number | null;
}
export interface ChartNode {
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
export interface ChartEdge {
  id: string;
  source: string;
  target: string;
  kind: string;
  label?: string | null;
  bits?: number | null;
  sentence?: string | null;
  /** null: not sent along; the server tells them for this tie alone. */
  reasons?: Reason[] | null;
  /** The time between which the tie is told, as days; empty: without a time. */
  first?: string | null;
  last?: string | null;
}
export interface Group {
  id: string;
  label: string;
  members: string[];
}
/** What the reader made of a chart, as it is kept. */
export interface Layout {
  places?: Record<string, [number, number]>;
  hidden?: string[];
  pinned?: string[];
  groups?: Group[];
  notes?: Record<string, string>;
  expanded?: string[];
  time?: [string, string] | null;
}
export interface Chart {
  nodes: ChartNode[];
  edges: ChartEdge[];
  more?: boolean;
  layout?: Layout;
  /** Of a way between two: how likely it is, and each of its ties in words. */
  told?: string[];
}
export interface Place {
  x: number;
  y: number;
}
/** A node or a group as it is drawn. */
export interface Drawn extends Place {
  id: string;
  label: string;
  kind: string;
  subtitle: string;
  generic: boolean;
  pointer: boolean;
  pinned: boolean;
  note: string;
  /** Of a group: how many nodes it stands for. */
  members: number;
  degree: number;
}
/** A tie as it is drawn; between groups one line stands for many ties. */
export interface Line {
  id: string;
  from: Drawn;
  to: Drawn;
  ties: ChartEdge[];
  label: string;
  width: number;
  bend: number;
}

interface State {
  hidden: Set<string>;
  pinned: Set<string>;
  groups: Group[];
  notes: Map<string, string>;
  time: [string, string] | null;
  places: Map<string, Place>;
}

const KEPT_STEPS = 50;

export class Model {
  readonly nodes = new Map<string, ChartNode>();
  readonly edges = new Map<string, ChartEdge>();
  readonly expanded = new Set<string>();
  private state: State = { hidden: new Set(), pinned: new Set(), groups: [], notes: new Map(), time: null, places: new Map() };
  private past: { what: string; state: State }[] = [];
  private future: { what: string; state: State }[] = [];
  private made: { nodes: Map<string, Drawn>; lines: Line[] } | undefined;

  /** Take in what the server told; nodes without a place stand on a circle around `centre`. How many nodes are new. */
  merge(chart: Chart, centre: Place = { x: 0, y: 0 }): number {
    const fresh = chart.nodes.filter((node) => !this.nodes.has(node.id));
    fresh.forEach((node, at) => {
      this.nodes.set(node.id, node);
      if (!this.state.places.has(node.id)) this.state.places.set(node.id, placed(node, at, fresh.length, centre));
    });
    for (const edge of chart.edges) {
      if (!this.edges.has(edge.id) && this.nodes.has(edge.source) && this.nodes.has(edge.target)) this.edges.set(edge.id, edge);
    }
    this.made = undefined;
    return fresh.length;
  }

  /** As a saved chart has it. */
  take(layout: Layout): void {
    for (const [id, place] of Object.entries(layout.places ?? {})) this.state.places.set(id, { x: place[0], y: place[1] });
    this.state.hidden = new Set(layout.hidden);
    this.state.pinned = new Set(layout.pinned);
    this.state.groups = (layout.groups ?? []).map((group) => ({ ...group }));
    this.state.notes = new Map(Object.entries(layout.notes ?? {}));
    this.state.time = layout.time ?? null;
    this.made = undefined;
  }

  /** As it is kept. */
  layout(): Layout {
    const places: Record<string, [number, number]> = {};
    for (const [id, place] of this.state.places) places[id] = [Math.round(place.x * 10) / 10, Math.round(place.y * 10) / 10];
    return {
      places,
      hidden: [...this.state.hidden],
      pinned: [...this.state.pinned],
      groups: this.state.groups,
      notes: Object.fromEntries(this.state.notes),
      expanded: [...this.expanded],
      time: this.state.time,
    };
  }

  // --- Acts, each of which can be taken back ---

  act(what: string, change: (state: State) => void): void {
    this.past.push({ what, state: this.copy() });
    if (this.past.length > KEPT_STEPS) this.past.shift();
    this.future = [];
    change(this.state);
    this.made = undefined;
  }

  hide(ids: string[]): void {
    this.act(`hide ${this.called(ids)}`, (state) => this.each(ids, (id) => state.hidden.add(id)));
  }

  showAll(): void {
    this.act("show everything", (state) => state.hidden.clear());
  }

  pin(ids: string[], on: boolean): void {
    this.act(`${on ? "pin" : "unpin"} ${this.called(ids)}`, (state) => ids.forEach((id) => (on ? state.pinned.add(id) : state.pinned.delete(id))));
  }

  group(ids: string[], label: string): string {
    const members = [...new Set(ids.flatMap((id) => this.state.groups.find((group) => group.id === id)?.members ?? [id]))];
    let number = this.state.groups.length + 1;
    while (this.state.groups.some((group) => group.id === `g:${number}`)) number += 1;
    const id = `g:${number}`;
    const at = middle(members.map((member) => this.state.places.get(member) ?? { x: 0, y: 0 }));
    this.act(`group ${members.length}`, (state) => {
      state.groups = [...state.groups.filter((group) => !ids.includes(group.id)), { id, label, members }];
      state.places.set(id, at);
    });
    return id;
  }

  ungroup(id: string): void {
    this.act("ungroup", (state) => (state.groups = state.groups.filter((group) => group.id !== id)));
  }

  note(id: string, text: string): void {
    this.act("note", (state) => void (text ? state.notes.set(id, text) : state.notes.delete(id)));
  }

  move(id: string, place: Place): void {
    this.state.places.set(id, place);
    const drawn = this.made?.nodes.get(id);
    if (drawn) Object.assign(drawn, place);
  }

  within(time: [string, string] | null): void {
    this.state.time = time;
    this.made = undefined;
  }

  undo(): string | undefined {
    return this.step(this.past, this.future);
  }

  redo(): string | undefined {
    return this.step(this.future, this.past);
  }

  get mayUndo(): string | undefined {
    return this.past.at(-1)?.what;
  }

  get mayRedo(): string | undefined {
    return this.future.at(-1)?.what;
  }

  get hidden(): number {
    return this.state.hidden.size;
  }

  get time(): [string, string] | null {
    return this.state.time;
  }

  noteOf(id: string): string {
    return this.state.notes.get(id) ?? "";
  }

  isPinned(id: string): boolean {
    return this.state.pinned.has(id);
  }

  groupOf(id: string): Group | undefined {
    return this.state.groups.find((group) => group.id === id);
  }

  // --- What is drawn ---

  shown(): { nodes: Map<string, Drawn>; lines: Line[] } {
    this.made ??= this.make();
    return this.made;
  }

  private make(): { nodes: Map<string, Drawn>; lines: Line[] } {
    const { hidden, groups } = this.state;
    const stands = new Map<string, string>();
    for (const group of groups) for (const member of group.members) stands.set(member, group.id);
    const nodes = new Map<string, Drawn>();
    const tied = new Set<string>();
    const open: ChartEdge[] = [];
    for (const edge of this.edges.values()) {
      if (hidden.has(edge.source) || hidden.has(edge.target)) continue;
      if (this.inTime(edge)) open.push(edge);
      else if (edge.first) tied.add(edge.source).add(edge.target);
    }
    const still = new Set(open.flatMap((edge) => [edge.source, edge.target]));
    for (const node of this.nodes.values()) {
      // Outside of the time shown: what only ties of another time hold on the chart.
      if (hidden.has(node.id) || stands.has(node.id) || (tied.has(node.id) && !still.has(node.id))) continue;
      nodes.set(node.id, this.draw(node.id, node.label, node.kind, node.subtitle ?? "", node.generic ?? false, node.pointer ?? false, 0));
    }
    for (const group of groups) {
      const members = group.members.filter((id) => this.nodes.has(id) && !hidden.has(id)).length;
      if (members && !hidden.has(group.id)) nodes.set(group.id, this.draw(group.id, group.label, "group", `${members} grouped`, false, false, members));
    }
    const between = new Map<string, Line[]>();
    for (const edge of open) {
      const from = nodes.get(stands.get(edge.source) ?? edge.source);
      const to = nodes.get(stands.get(edge.target) ?? edge.target);
      if (!from || !to || from === to) continue;
      const key = from.id < to.id ? `${from.id}\n${to.id}` : `${to.id}\n${from.id}`;
      const lines = between.get(key) ?? [];
      between.set(key, lines);
      const one = lines[0];
      if (one && (from.members || to.members)) {
        one.ties.push(edge);
        one.label = `${one.ties.length} ties`;
        one.width = Math.min(5, 1 + Math.log2(one.ties.length));
      } else lines.push({ id: edge.id, from, to, ties: [edge], label: edge.label ?? "", width: 1 + Math.min(4, Math.max(0, edge.bits ?? 0) / 6), bend: 0 });
    }
    const lines: Line[] = [];
    for (const several of between.values()) {
      several.forEach((line, at) => (line.bend = (at - (several.length - 1) / 2) * 28 * (line.from.id < line.to.id ? 1 : -1)));
      for (const line of several) {
        line.from.degree += 1;
        line.to.degree += 1;
        lines.push(line);
      }
    }
    return { nodes, lines };
  }

  /** The days between which ties are told: all of them, sorted. */
  days(): string[] {
    const days = new Set<string>();
    for (const edge of this.edges.values()) for (const day of [edge.first, edge.last]) if (day) days.add(day);
    return [...days].sort();
  }

  /** The lines of the shortest way between two nodes, over what is drawn and links; the weightier of two equal ones. */
  way(from: string, to: string): Line[] | undefined {
    const { nodes, lines } = this.shown();
    const around = new Map<string, Line[]>();
    for (const line of lines) for (const end of [line.from.id, line.to.id]) around.set(end, [...(around.get(end) ?? []), line]);
    const came = new Map<string, { line: Line; steps: number; weight: number }>();
    let edge = [from];
    for (let steps = 1; edge.length && !came.has(to); steps += 1) {
      const next: string[] = [];
      for (const id of edge) {
        for (const line of around.get(id) ?? []) {
          const other = line.from.id === id ? line.to : line.from;
          if (other.id === from || (other.generic && other.id !== to) || !nodes.has(other.id)) continue;
          const weight = (came.get(id)?.weight ?? 0) + line.width;
          const before = came.get(other.id);
          if (before && (before.steps < steps || before.weight >= weight)) continue;
          if (!before) next.push(other.id);
          came.set(other.id, { line, steps, weight });
        }
      }
      edge = next;
    }
    const found: Line[] = [];
    for (let at = to; at !== from; ) {
      const step = came.get(at);
      if (!step) return undefined;
      found.unshift(step.line);
      at = step.line.from.id === at ? step.line.to.id : step.line.from.id;
    }
    return found;
  }

  private inTime(edge: ChartEdge): boolean {
    const { time } = this.state;
    if (!time || !edge.first) return true;
    return edge.first <= time[1] && (edge.last ?? edge.first) >= time[0];
  }

  private draw(id: string, label: string, kind: string, subtitle: string, generic: boolean, pointer: boolean, members: number): Drawn {
    const place = this.state.places.get(id) ?? { x: 0, y: 0 };
    return { id, label, kind, subtitle, generic, pointer, pinned: this.state.pinned.has(id), note: this.noteOf(id), members, degree: 0, x: place.x, y: place.y };
  }

  private each(ids: string[], act: (id: string) => void): void {
    for (const id of ids) for (const one of [id, ...(this.groupOf(id)?.members ?? [])]) act(one);
  }

  private called(ids: string[]): string {
    const first = ids[0] ?? "";
    return ids.length === 1 ? (this.nodes.get(first)?.label ?? this.groupOf(first)?.label ?? "") : `${ids.length}`;
  }

  private copy(): State {
    const { state } = this;
    return { hidden: new Set(state.hidden), pinned: new Set(state.pinned), groups: [...state.groups], notes: new Map(state.notes), time: state.time, places: new Map(state.places) };
  }

  private step(from: { what: string; state: State }[], to: { what: string; state: State }[]): string | undefined {
    const last = from.pop();
    if (!last) return undefined;
    to.push({ what: last.what, state: this.copy() });
    // What was expanded since keeps its place.
    const places = new Map([...this.state.places, ...last.state.places]);
    this.state = { ...last.state, places };
    this.made = undefined;
    return last.what;
  }
}

/** Where the server put it; where it did not, on a circle around the node that was expanded. */
function placed(node: ChartNode, at: number, of: number, centre: Place): Place {
  if (node.x != null && node.y != null) return { x: node.x, y: node.y };
  const angle = (2 * Math.PI * at) / Math.max(1, of);
  const radius = 90 + 9 * of;
  return { x: centre.x + radius * Math.cos(angle), y: centre.y + radius * Math.sin(angle) };
}

function middle(places: Place[]): Place {
  const sum = places.reduce((one, other) => ({ x: one.x + other.x, y: one.y + other.y }), { x: 0, y: 0 });
  return { x: sum.x / Math.max(1, places.length), y: sum.y / Math.max(1, places.length) };
}
