/**
 * How many messages when: bars over time, and a brush that filters the page by `?from=` and `?to=` (UTC days).
 *
 * The numbers come from the server's table inside the element (`<time datetime>` and a count a row), which stays as the
 * equal reading view, or from `data-url` as `{"times": [unix seconds], "counts": [...]}`. `data-from-name` and
 * `data-to-name` rename the query parameters, `data-what` what is counted.
 */
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import "./timeline.css";
import { make, readJson, token } from "../behaviour/dom";
import { count } from "../behaviour/words";

const HEIGHT = 132;

export async function mount(element: HTMLElement): Promise<void> {
  const table = element.querySelector("table");
  const what = element.dataset.what ?? "messages";
  const [times, counts] = element.dataset.url ? await fetched(element.dataset.url) : rowsOf(table);
  element.classList.add("density");
  const status = make("span", { role: "status" });
  const acts = make("span", { class: "button-row" });
  const frame = make("div", { "aria-hidden": "true" });
  const head = make("div", { class: "density-head" }, status, acts);
  const source = table?.closest(".table-frame") ?? table;
  element.prepend(head, frame);
  if (source) {
    const numbers = make("details", {}, make("summary", {}, "The same as a table"));
    source.replaceWith(numbers);
    numbers.append(source);
  }
  if (!times.length) {
    status.textContent = `No dated ${what}.`;
    frame.remove();
    return;
  }
  const total = counts.reduce((sum, each) => sum + each, 0);
  const names = { from: element.dataset.fromName ?? "from", to: element.dataset.toName ?? "to" };
  const here = new URL(location.href);
  const chosen = here.searchParams.has(names.from) || here.searchParams.has(names.to);
  status.textContent = chosen
    ? `Showing ${here.searchParams.get(names.from) ?? "the start"} to ${here.searchParams.get(names.to) ?? "the end"}`
    : `${count(total)} ${what}, ${day(times[0] ?? 0)} to ${day(times.at(-1) ?? 0)}. Drag over the bars to choose a time.`;
  if (chosen) {
    for (const name of Object.values(names)) here.searchParams.delete(name);
    acts.append(make("a", { class: "btn btn-sm btn-ghost", href: here.toString() }, "Show all"));
  }

  const step = Math.min(...times.slice(1).map((at, index) => at - (times[index] ?? at))) || 86_400;
  const width = Number.isFinite(step) ? step : 86_400;
  const draw = (): uPlot => {
    frame.replaceChildren();
    const axis: uPlot.Axis = { stroke: token("--text-3"), font: `11px ${token("--font")}`, grid: { stroke: token("--line"), width: 1 }, ticks: { show: false } };
    return new uPlot(
      {
        width: Math.max(200, frame.clientWidth),
        height: HEIGHT,
        legend: { show: false },
        tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "UTC"),
        padding: [8, 4, 0, 0],
        cursor: { y: false, drag: { x: true, y: false, setScale: false } },
        scales: { x: { time: true, range: (_plot, least, most) => [least - width / 2, most + width / 2] }, y: { range: (_plot, _least, most) => [0, Math.max(1, most)] } },
        axes: [{ ...axis, size: 26, space: 64, grid: { show: false }, values: (_plot, ticks, _axis, _space, increment) => ticks.map((tick, at) => tickWords(tick, ticks[at - 1], increment)) }, { ...axis, size: 44, values: (_plot, ticks) => ticks.map((tick) => (Number.isInteger(tick) ? count(tick) : "")) }],
        series: [{}, { fill: token("--accent-solid"), stroke: token("--accent-solid"), width: 0, points: { show: false }, ...(uPlot.paths.bars ? { paths: uPlot.paths.bars({ size: [0.82, 40] }) } : {}) }],
        hooks: {
          setSelect: [
            (plot) => {
              if (plot.select.width < 4) return;
              const from = plot.posToVal(plot.select.left, "x");
              const to = plot.posToVal(plot.select.left + plot.select.width, "x");
              const next = new URL(location.href);
              next.searchParams.set(names.from, day(from));
              next.searchParams.set(names.to, day(to));
              next.searchParams.delete("page");
              location.assign(next.toString());
            },
          ],
          setCursor: [
            (plot) => {
              const at = plot.cursor.idx;
              if (at != null && !chosen) status.textContent = `${day(times[at] ?? 0)}: ${count(counts[at] ?? 0)} ${what}`;
            },
          ],
        },
      },
      [times, counts],
      frame,
    );
  };
  let plot = draw();
  new ResizeObserver(() => plot.setSize({ width: Math.max(200, frame.clientWidth), height: HEIGHT })).observe(frame);
  document.addEventListener("opencets:theme", () => {
    plot.destroy();
    plot = draw();
  });
}

async function fetched(url: string): Promise<[number[], number[]]> {
  const answer = await readJson<{ times: number[]; counts: number[] }>(url);
  return [answer.times, answer.counts];
}

function rowsOf(table: HTMLTableElement | null): [number[], number[]] {
  const pairs: [number, number][] = [];
  for (const row of table?.tBodies[0]?.rows ?? []) {
    const time = row.querySelector("time")?.dateTime ?? "";
    const number = Number((row.cells[row.cells.length - 1]?.textContent ?? "").replace(/\D/g, ""));
    const at = Date.parse(time.length === 10 ? `${time}T00:00:00Z` : time) / 1000;
    if (!Number.isNaN(at)) pairs.push([at, number]);
  }
  pairs.sort((one, other) => one[0] - other[0]);
  return [pairs.map(([at]) => at), pairs.map(([, number]) => number)];
}

/** A tick in UTC: hours within a day, days within a year, the year where it begins. */
function tickWords(at: number, before: number | undefined, increment: number): string {
  const moment = new Date(at * 1000);
  const words = (options: Intl.DateTimeFormatOptions): string => moment.toLocaleString("en-GB", { ...options, timeZone: "UTC" });
  const newYear = before === undefined || new Date(before * 1000).getUTCFullYear() !== moment.getUTCFullYear();
  if (increment < 86_400) return words({ hour: "2-digit", minute: "2-digit" });
  if (increment >= 300 * 86_400) return words({ year: "numeric" });
  if (newYear && before !== undefined) return words({ month: "short", year: "numeric" });
  return increment >= 28 * 86_400 ? words({ month: "short" }) : words({ day: "numeric", month: "short" });
}

function day(seconds: number): string {
  return new Date(seconds * 1000).toISOString().slice(0, 10);
}
