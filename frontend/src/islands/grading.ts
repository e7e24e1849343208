/**
 * The grading bar: grades by key, never waiting for the server.
 *
 * A digit (or a button of the bar) grades what is chosen in a gallery, else the file that has the focus. What is chosen: tiles with
 * `data-selected` (the gallery's, told by `gallery:selection`), or a whole group: `g` the near-duplicates of the focused file
 * (`data-near-group` inside a `data-unit`), `Shift+g` its whole series. `u` takes the last act back, `n` goes to the next unit.
 *
 * Each act is one POST to `data-give-url`: `{media, scheme, grade, client_id}`, or `{series, waiting, seen, ...}` for more than is drawn. It
 * stands on the tiles at once, waits in a queue, is sent again where the network failed (the client id makes it count once), and is
 * taken off again with the server's sentence where it was refused.
 */
import "./grading.css";
import { isTyping, make, post, Refused } from "../behaviour/dom";
import { toast } from "../behaviour/toast";

interface Act {
  clientId: string;
  body: Record<string, unknown>;
  tiles: HTMLElement[];
  before: (Shown | undefined)[];
  label: string;
  act?: string;
  undo?: string;
  dropped?: boolean;
}
interface Shown {
  words: string;
  tone: string;
}
interface Mark extends Shown {
  state: string;
  mine: string;
}

const RETRY_MS = [500, 2_000, 5_000, 15_000];
const MARKS_AT_ONCE = 300;

export function mount(bar: HTMLElement): void {
  const giveUrl = bar.dataset.giveUrl ?? "";
  const scheme = bar.dataset.scheme ?? "";
  const state = bar.querySelector<HTMLElement>("[data-grading-state]");
  const undoButton = bar.querySelector<HTMLButtonElement>("[data-grading-undo]");
  const buttons = [...bar.querySelectorAll<HTMLButtonElement>("[data-grade]")];
  const byKey = new Map(buttons.map((button) => [button.dataset.gradeKey ?? "", button]));
  const gone = new AbortController();
  const queue: Act[] = [];
  const done: Act[] = [];
  let sending = false;
  let attempts = 0;
  let retry = 0;
  let told: string[] = [];
  let wholeSeries = "";
  let seenSeries = "";
  let chosenWhole = false;
  let last: HTMLElement | null = null;

  // --- what stands on the tiles
  const tileFor = (id: string): HTMLElement | null => document.querySelector<HTMLElement>(`.tile[data-medium="${CSS.escape(id)}"]`);
  const shownOn = (tile: HTMLElement): Shown | undefined => (tile.dataset.mark ? { words: tile.dataset.mark, tone: tile.dataset.markTone ?? "" } : undefined);
  const show = (tile: HTMLElement, mark: Shown | undefined): void => {
    tile.querySelector("[data-grade-mark]")?.remove();
    if (!mark) {
      delete tile.dataset.mark;
      delete tile.dataset.markTone;
      return;
    }
    tile.dataset.mark = mark.words;
    tile.dataset.markTone = mark.tone;
    tile.querySelector(".tile-marks")?.append(make("span", { class: "mark", "data-tone": mark.tone, "data-grade-mark": true }, mark.words));
  };

  const asked = new Set<string>();
  let asking = 0;
  const askMarks = async (): Promise<void> => {
    asking = 0;
    const ids = [...document.querySelectorAll<HTMLElement>(".tile[data-medium]")].map((tile) => tile.dataset.medium ?? "").filter((id) => id && !asked.has(id));
    for (const id of ids) asked.add(id);
    for (let begin = 0; begin < ids.length; begin += MARKS_AT_ONCE) {
      const some = ids.slice(begin, begin + MARKS_AT_ONCE);
      try {
        const answer = (await (await post(bar.dataset.marksUrl ?? "", { media: some })).json()) as { marks: Record<string, Mark> };
        for (const [id, mark] of Object.entries(answer.marks)) {
          const tile = tileFor(id);
          if (tile && !tile.dataset.grading) show(tile, mark);
        }
      } catch {
        for (const id of some) asked.delete(id);
      }
    }
  };
  const askSoon = (): void => {
    asking ||= window.setTimeout(() => void askMarks(), 60);
  };

  // --- what is chosen
  const focused = (): HTMLElement | null => {
    const tile = document.activeElement?.closest<HTMLElement>(".tile[data-medium]") ?? null;
    return tile ?? (last?.isConnected ? last : null);
  };
  const selected = (): HTMLElement[] => {
    const marked = [...document.querySelectorAll<HTMLElement>(".tile[data-selected], .tile[data-chosen]")];
    const more = told.map(tileFor).filter((tile): tile is HTMLElement => tile !== null);
    return [...new Set([...marked, ...more])];
  };
  const chosen = (): HTMLElement[] => {
    const some = selected();
    const one = focused();
    return some.length ? some : one ? [one] : [];
  };
  const clearChosen = (): void => {
    for (const tile of document.querySelectorAll(".tile[data-chosen]")) tile.removeAttribute("data-chosen");
    told = [];
    wholeSeries = "";
    document.dispatchEvent(new CustomEvent("grading:done"));
  };
  const choose = (whole: boolean): void => {
    const tile = focused();
    const unit = tile?.closest<HTMLElement>("[data-unit]");
    if (!tile || !unit) return;
    const again = tile.hasAttribute("data-chosen") && whole === chosenWhole;
    clearChosen();
    chosenWhole = whole;
    if (again) return say("Nothing is chosen.");
    const group = tile.closest<HTMLElement>("[data-near-group]")?.dataset.nearGroup;
    const tiles = [...unit.querySelectorAll<HTMLElement>(".tile[data-medium]")].filter(
      (other) => whole || other === tile || (group !== undefined && other.closest<HTMLElement>("[data-near-group]")?.dataset.nearGroup === group),
    );
    for (const other of tiles) other.setAttribute("data-chosen", "");
    if (whole) [wholeSeries, seenSeries] = [unit.dataset.series ?? "", unit.dataset.seen ?? ""];
    say(wholeSeries ? `All that waits in the series is chosen, ${tiles.length} files of it here. A digit grades them.` : `${tiles.length} near-duplicate${tiles.length === 1 ? "" : "s"} chosen. A digit grades them.`);
  };

  // --- sending
  const say = (text: string, tone = ""): void => {
    if (!state) return;
    state.textContent = text;
    state.dataset.tone = tone;
  };
  const pending = (): void => {
    if (undoButton) undoButton.disabled = !done.length;
    if (!queue.length) return;
    const waiting = queue.length;
    if (attempts) say(`${waiting} act${waiting === 1 ? " is" : "s are"} not sent yet: the network does not answer. Trying again; keep this page open.`, "bad");
  };

  const give = (code: string, extra: Record<string, unknown> = {}, tilesGiven?: HTMLElement[]): void => {
    const button = buttons.find((one) => one.dataset.grade === code);
    const tiles = tilesGiven ?? chosen();
    if (!button || !tiles.length) return say("Choose a file first: Tab or the arrows move to one.");
    const label = (button.textContent ?? "").replace(/^\s*\d\s*/, "").trim();
    const body: Record<string, unknown> = { scheme, grade: code, client_id: newId(), ...extra };
    // Of a whole series what waits is graded, not what the officer has graded before.
    if (wholeSeries && !tilesGiven) Object.assign(body, { series: wholeSeries, waiting: true, seen: seenSeries });
    else body.media = tiles.map((tile) => tile.dataset.medium);
    const act: Act = { clientId: String(body.client_id), body, tiles, before: tiles.map(shownOn), label };
    for (const tile of tiles) {
      tile.dataset.grading = "waiting";
      show(tile, { words: label, tone: "accent" });
    }
    queue.push(act);
    done.push(act);
    say(`${tiles.length} file${tiles.length === 1 ? "" : "s"} as ${label}.`);
    clearChosen();
    moveOn(tiles);
    pending();
    void send();
  };

  const send = async (): Promise<void> => {
    if (sending) return;
    sending = true;
    while (queue.length && !gone.signal.aborted) {
      const act = queue[0];
      if (!act) break;
      if (act.dropped) {
        queue.shift();
        continue;
      }
      try {
        const answer = (await (await post(giveUrl, act.body)).json()) as { act: string; files: number; undo: string };
        attempts = 0;
        queue.shift();
        act.act = answer.act;
        act.undo = answer.undo;
        for (const tile of act.tiles) tile.dataset.grading = "sent";
        if (act.dropped) await takeBack(act);
        else if (answer.files > 1) tellGroup(`${answer.files} files graded as ${act.label}.`, answer.undo);
      } catch (reason) {
        if (reason instanceof Refused && reason.status < 500 && reason.status !== 429) {
          queue.shift();
          fail(act, reason.message);
          continue;
        }
        retry = window.setTimeout(() => void send(), RETRY_MS[Math.min(attempts, RETRY_MS.length - 1)]);
        attempts += 1;
        pending();
        break;
      }
    }
    sending = false;
    if (!queue.length && !attempts && state?.dataset.tone === "bad") say("Everything is sent.");
  };
  const restore = (act: Act): void => {
    act.tiles.forEach((tile, at) => {
      delete tile.dataset.grading;
      show(tile, act.before[at]);
    });
  };
  const fail = (act: Act, sentence: string): void => {
    restore(act);
    for (const tile of act.tiles) tile.dataset.grading = "failed";
    const at = done.indexOf(act);
    if (at >= 0) done.splice(at, 1);
    say(`Not graded: ${sentence}`, "bad");
    toast({ text: `Not graded: ${sentence}`, tone: "bad" });
    pending();
  };
  const takeBack = async (act: Act): Promise<void> => {
    if (!act.undo) return;
    try {
      await post(act.undo);
    } catch (reason) {
      toast({ text: `Not taken back: ${reason instanceof Error ? reason.message : String(reason)}`, tone: "bad" });
      for (const tile of act.tiles) asked.delete(tile.dataset.medium ?? "");
      askSoon();
    }
  };
  const undo = (): void => {
    const act = done.pop();
    if (!act) return say("Nothing to take back on this page; earlier acts stand under “Your gradings”.");
    restore(act);
    act.dropped = true;
    if (act.undo) void takeBack(act);
    say(`Taken back: ${act.tiles.length} file${act.tiles.length === 1 ? "" : "s"} as ${act.label}.`);
    act.tiles[0]?.querySelector<HTMLElement>(".tile-frame")?.focus();
    pending();
  };

  // --- moving
  const frames = (root: ParentNode): HTMLElement[] => [...root.querySelectorAll<HTMLElement>(".tile[data-medium] .tile-frame")];
  const moveOn = (tiles: HTMLElement[]): void => {
    const work = document.querySelector("[data-grading-work]");
    if (!work) return;
    const all = frames(work);
    const at = Math.max(...tiles.map((tile) => all.findIndex((frame) => tile.contains(frame))));
    const next = all.slice(at + 1).find((frame) => !frame.closest<HTMLElement>(".tile")?.dataset.mark);
    next?.focus({ preventScroll: true });
    next?.scrollIntoView({ block: "nearest" });
  };
  const nextUnit = (): boolean => {
    const units = [...document.querySelectorAll<HTMLElement>("[data-unit]")];
    if (!units.length) return false;
    const here = focused()?.closest<HTMLElement>("[data-unit]");
    const at = here ? units.indexOf(here) : -1;
    const next = units[at + 1];
    if (next) {
      const first = frames(next)[0];
      next.scrollIntoView({ block: "start" });
      first?.focus({ preventScroll: true });
    } else document.querySelector<HTMLElement>("#more-units")?.scrollIntoView();
    return true;
  };

  // --- listening; before the gallery does, since `n` and `g` mean something else there
  const options = { signal: gone.signal };
  document.addEventListener(
    "keydown",
    (event) => {
      if (!bar.isConnected) return gone.abort();
      if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target) || document.querySelector("dialog[open]")) return;
      // A digit with the focus elsewhere grades nothing: nobody sees then what it would grade.
      if (!document.activeElement?.closest(".gallery, [data-unit], .grading-bar") && !selected().length) return;
      const button = byKey.get(event.key);
      const onWork = document.querySelector("[data-grading-work]") !== null;
      if (button) give(button.dataset.grade ?? "");
      else if (event.key === "u") undo();
      else if (onWork && event.key.toLowerCase() === "g") choose(event.shiftKey);
      else if (onWork && event.key === "n" && nextUnit()) event.preventDefault();
      else return;
      event.preventDefault();
      event.stopPropagation();
    },
    { ...options, capture: true },
  );
  document.addEventListener("gallery:selection", (event) => {
    const detail = (event as CustomEvent<{ ids?: string[]; focus?: string | null }>).detail;
    told = detail?.ids ?? [];
    if (detail?.focus) last = tileFor(detail.focus) ?? last;
    if (told.length > 1) say(`${told.length} files chosen.`);
  }, options);
  document.addEventListener("focusin", (event) => {
    const tile = event.target instanceof Element ? event.target.closest<HTMLElement>(".tile[data-medium]") : null;
    if (tile) last = tile;
  }, options);
  for (const button of buttons) button.addEventListener("click", () => give(button.dataset.grade ?? ""));
  undoButton?.addEventListener("click", undo);
  document.addEventListener("click", (event) => {
    const same = event.target instanceof Element ? event.target.closest<HTMLElement>("[data-inherit]") : null;
    const unit = same?.closest<HTMLElement>("[data-unit]");
    if (!same || !unit) return;
    const tiles = [...unit.querySelectorAll<HTMLElement>(".tile[data-medium]")].filter((tile) => !tile.dataset.mark);
    give(same.dataset.inherit ?? "", { inherited: true }, tiles);
  }, options);
  const chooser = bar.querySelector<HTMLSelectElement>("select[data-submits]");
  chooser?.addEventListener("change", () => chooser.form?.requestSubmit());
  window.addEventListener("online", () => {
    window.clearTimeout(retry);
    attempts = 0;
    void send();
  }, options);
  window.addEventListener("beforeunload", (event) => {
    if (queue.some((act) => !act.dropped)) event.preventDefault();
  }, options);
  new MutationObserver(askSoon).observe(document.body, { childList: true, subtree: true });
  askSoon();
  if (document.querySelector("[data-grading-work]") && (document.activeElement === document.body || !document.activeElement)) {
    const work = document.querySelector("[data-grading-work]");
    if (work) frames(work)[0]?.focus({ preventScroll: true });
  }
}

/** A toast with Undo for the last group alone: those before it would pile up. */
function tellGroup(text: string, undo: string): void {
  document.querySelector("[data-grading-toast]")?.remove();
  toast({ text, tone: "good", undo });
  document.querySelector("#toasts > .toast-line:last-child")?.setAttribute("data-grading-toast", "");
}

/** Random, also where the page is served without TLS (`randomUUID` is not there then). */
function newId(): string {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
