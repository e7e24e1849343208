/**
 * Live pages: server-sent events wake the elements that name their channel; the element then asks again through htmx.
 *
 * Read with fetch in place of EventSource, which tells neither the status of a refusal nor events of unknown names.
 */
import { toast } from "./toast";

interface LiveEvent {
  channel: string;
  id: string;
  event: string;
}

const FIRST_WAIT_MS = 1000;
const LONGEST_WAIT_MS = 30_000;
const SETTLE_MS = 250;
/** As many as the server takes on one line (`MAX_CHANNELS`). */
const MOST_CHANNELS = 64;
/** The server pings every 15 s; a line silent for longer is dead though nobody said so. */
const SILENCE_MS = 45_000;

export function startLive(): void {
  const url = document.body.dataset.liveUrl;
  const words = document.querySelector<HTMLElement>("[data-live-words]");
  const banner = document.querySelector<HTMLElement>("[data-offline]");
  const say = (state: "open" | "waiting" | "lost" | "refused"): void => {
    document.body.dataset.liveState = state;
    if (words) words.textContent = { open: "Live", waiting: "Connecting", lost: "Not connected", refused: "Not live: reload to renew" }[state];
    if (banner) banner.hidden = state !== "lost";
  };
  window.addEventListener("offline", () => say("lost"));
  if (!url) return;

  let line: AbortController | undefined;
  let channels = "";
  let timer = 0;
  let wait = FIRST_WAIT_MS;
  let missed = false;

  const shut = (): void => {
    window.clearTimeout(timer);
    line?.abort();
    line = undefined;
  };
  const later = (): void => {
    // One quick reconnect is normal after a restart of the server; only a second failure is worth a banner.
    say(wait > FIRST_WAIT_MS ? "lost" : "waiting");
    missed = true;
    timer = window.setTimeout(() => void open(), wait * (0.75 + Math.random() / 2));
    wait = Math.min(wait * 2, LONGEST_WAIT_MS);
  };
  const open = async (): Promise<void> => {
    shut();
    const wanted = channelsHere();
    channels = wanted.join(" ");
    if (!wanted.length) {
      if (words) words.textContent = "";
      return;
    }
    const mine = new AbortController();
    line = mine;
    try {
      const query = wanted.map((channel) => `channel=${encodeURIComponent(channel)}`).join("&");
      const response = await fetch(`${url}?${query}`, { credentials: "same-origin", headers: { Accept: "text/event-stream" }, signal: mine.signal, cache: "no-store" });
      if (response.status >= 400 && response.status < 500) {
        say("refused");
        return;
      }
      if (!response.ok || !response.body) throw new Error(String(response.status));
      wait = FIRST_WAIT_MS;
      say("open");
      // What happened while the line was down is only known by asking again.
      if (missed) wake(document.querySelectorAll("[data-live]"));
      missed = false;
      await readEvents(response.body, mine);
      if (!mine.signal.aborted || line === mine) later();
    } catch {
      if (line === mine) later();
    }
  };
  const reopenIfChanged = (): void => {
    if (channelsHere().join(" ") !== channels) void open();
  };
  document.addEventListener("htmx:after:swap", reopenIfChanged);
  window.addEventListener("online", () => void open());
  document.addEventListener("opencets:locked", shut);
  document.addEventListener("opencets:unlocked", () => {
    missed = true;
    void open();
  });
  window.addEventListener("pagehide", shut);
  window.addEventListener("pageshow", (event) => event.persisted && void open());
  say("waiting");
  void open();
}

function channelsHere(): string[] {
  const named = [document.body.dataset.liveChannels ?? "", ...[...document.querySelectorAll<HTMLElement>("[data-live]")].map((element) => element.dataset.live ?? "")];
  return [...new Set(named.flatMap((text) => text.split(/\s+/)).filter(Boolean))].slice(0, MOST_CHANNELS);
}

/** Read the stream until it ends; every event that arrives is received. Throws when the line breaks. */
async function readEvents(body: ReadableStream<Uint8Array>, line: AbortController): Promise<void> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let kept = "";
  let silence = window.setTimeout(() => line.abort("silent"), SILENCE_MS);
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      window.clearTimeout(silence);
      silence = window.setTimeout(() => line.abort("silent"), SILENCE_MS);
      const blocks = (kept + decoder.decode(value, { stream: true })).split("\n\n");
      kept = blocks.pop() ?? "";
      for (const block of blocks) receive(block);
    }
  } finally {
    window.clearTimeout(silence);
  }
}

/** One event as text: `event: name` and `data: {"channel", "event", "id"}`; `resync` renews everything. */
export function receive(block: string): void {
  let name = "message";
  let text = "";
  for (const row of block.split("\n")) {
    if (row.startsWith("event:")) name = row.slice(6).trim();
    if (row.startsWith("data:")) text += row.slice(5).trim();
  }
  if (name === "resync") {
    wake(document.querySelectorAll("[data-live]"));
    return;
  }
  if (!text) return;
  let event: LiveEvent;
  try {
    event = JSON.parse(text) as LiveEvent;
  } catch {
    return;
  }
  const concerned = [...document.querySelectorAll<HTMLElement>("[data-live]")].filter((element) => concerns(element, event));
  wake(concerned);
  document.dispatchEvent(new CustomEvent("opencets:live", { detail: event }));
  if (event.event !== "alert.raised" || told.has(event.id)) return;
  // The channel of the case and the officer's own both tell of it.
  told.add(event.id);
  if (!concerned.length) toast({ text: "A new alert has come in.", tone: "info" });
}

const told = new Set<string>();

function concerns(element: HTMLElement, event: LiveEvent): boolean {
  const has = (value: string | undefined, wanted: string): boolean => (value ?? "").split(/\s+/).includes(wanted);
  return (
    has(element.dataset.live, event.channel) &&
    (!element.dataset.liveEvents || has(element.dataset.liveEvents, event.event)) &&
    (!element.dataset.liveId || has(element.dataset.liveId, event.id))
  );
}

const waiting = new Set<Element>();
let settling = 0;

/** Many events in a moment become one request per element. */
function wake(elements: Iterable<Element>): void {
  for (const element of elements) waiting.add(element);
  if (!waiting.size || settling) return;
  settling = window.setTimeout(() => {
    settling = 0;
    const now = [...waiting];
    waiting.clear();
    for (const element of now) if (element.isConnected) element.dispatchEvent(new CustomEvent("live", { bubbles: false }));
  }, SETTLE_MS);
}
