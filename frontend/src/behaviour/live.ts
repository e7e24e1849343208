import { toast } from "./toast";

interface LiveEvent {
  channel: string;
  id: string;
  event?: string;
}

const FIRST_WAIT_MS = 1000;
const LONGEST_WAIT_MS = 30_000;
const SETTLE_MS = 250;

/** Listen to `data-live-url` of the body and send `live` to the elements an event concerns. */
export function startLive(): void {
  const url = document.body.dataset.liveUrl;
  const words = document.querySelector<HTMLElement>("[data-live-words]");
  const banner = document.querySelector<HTMLElement>("[data-offline]");
  let wait = FIRST_WAIT_MS;
  let lostBefore = false;

  const say = (state: "open" | "waiting" | "lost"): void => {
    document.body.dataset.liveState = state;
    if (words) words.textContent = { open: "Live", waiting: "Connecting", lost: "Not connected" }[state];
    if (banner) banner.hidden = state !== "lost";
  };
  window.addEventListener("offline", () => say("lost"));
  if (!url) return;

  let source: EventSource | undefined;
  let timer = 0;
  const open = (): void => {
    window.clearTimeout(timer);
    source?.close();
    source = new EventSource(url);
    source.onopen = () => {
      wait = FIRST_WAIT_MS;
      say("open");
      // What happened while the line was down is only known by asking again.
      if (lostBefore) refreshAll();
      lostBefore = false;
    };
    source.onmessage = (message: MessageEvent<string>) => receive(message.data);
    source.onerror = () => {
      source?.close();
      // One quick reconnect is normal after a restart of the server; only a second failure is worth a banner.
      say(wait > FIRST_WAIT_MS ? "lost" : "waiting");
      lostBefore = true;
      timer = window.setTimeout(open, wait * (0.75 + Math.random() / 2));
      wait = Math.min(wait * 2, LONGEST_WAIT_MS);
    };
  };
  window.addEventListener("online", open);
  window.addEventListener("pagehide", () => source?.close());
  window.addEventListener("pageshow", (event) => event.persisted && open());
  say("waiting");
  open();
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

function refreshAll(): void {
  wake(document.querySelectorAll("[data-live]"));
}

export function receive(text: string): void {
  let event: LiveEvent;
  try {
    event = JSON.parse(text) as LiveEvent;
  } catch {
    return;
  }
  if (typeof event.channel !== "string") return;
  const concerned = [...document.querySelectorAll<HTMLElement>("[data-live]")].filter((element) =>
    (element.dataset.live ?? "").split(/\s+/).some((name) => name === event.channel || name === `${event.channel}:${event.id}`),
  );
  wake(concerned);
  document.dispatchEvent(new CustomEvent("opencets:live", { detail: event }));
  if (event.channel === "alert" && event.event === "raised" && !concerned.length) toast({ text: "A new alert has come in.", tone: "info" });
}
