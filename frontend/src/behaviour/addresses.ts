/**
 * Addresses of pictures and videos are signed and last some minutes; a page that stands open longer asks for new ones. What is
 * shown already stays as it is: only what has not been loaded yet, or what failed, is asked for at its new address.
 */
import { csrfToken } from "./dom";

const SIGNED = /[?]signed=(\d+)\./;
const LOOK_MS = 30_000;
const AHEAD_S = 120;
const HELD = 'img[src*="?signed="], video[src*="?signed="], audio[src*="?signed="], a[href*="?signed="]';

export function startAddresses(): void {
  window.setInterval(() => void renew(ending()), LOOK_MS);
  document.addEventListener("visibilitychange", () => !document.hidden && void renew(ending()));
  document.addEventListener("opencets:unlocked", () => void renew(ending()));
  window.addEventListener("pageshow", (event) => event.persisted && void renew(ending()));
  // A picture that came too late, or a video that asks for its next part: errors of elements do not bubble, so they are caught.
  document.addEventListener(
    "error",
    (event) => {
      const element = event.target;
      if (element instanceof HTMLElement && element.matches(HELD) && secondsLeft(element) <= 0) void renew([element]);
    },
    true,
  );
}

function address(element: Element): string {
  return element.getAttribute(element instanceof HTMLAnchorElement ? "href" : "src") ?? "";
}

function secondsLeft(element: Element): number {
  return Number(SIGNED.exec(address(element))?.[1] ?? Infinity) - Date.now() / 1000;
}

/** What ends soon and is still to be loaded. A video is left alone while it plays what it has. */
function ending(): Element[] {
  if (document.hidden || document.documentElement.dataset.locked !== undefined) return [];
  return [...document.querySelectorAll(HELD)].filter((element) => {
    if (secondsLeft(element) > AHEAD_S) return false;
    if (element instanceof HTMLImageElement) return !(element.complete && element.naturalWidth);
    if (element instanceof HTMLMediaElement) return element.readyState === HTMLMediaElement.HAVE_NOTHING;
    return true;
  });
}

async function renew(elements: Element[]): Promise<void> {
  if (!elements.length) return;
  const answer = await fetch("/media/addresses/", {
    method: "POST",
    credentials: "same-origin",
    headers: { "X-CSRFToken": csrfToken(), Accept: "application/json", "Content-Type": "application/json", "X-Renewal": "1" },
    body: JSON.stringify({ addresses: [...new Set(elements.map(address))] }),
  }).catch(() => undefined);
  if (answer?.status !== 200 || answer.redirected) return;
  const { addresses } = (await answer.json()) as { addresses: Record<string, string> };
  for (const element of elements) {
    const now = addresses[address(element)];
    if (!now || now === address(element)) continue;
    if (element instanceof HTMLMediaElement) resume(element, now);
    else element.setAttribute(element instanceof HTMLAnchorElement ? "href" : "src", now);
  }
}

/** The same place of the same recording, at its new address. */
function resume(player: HTMLMediaElement, url: string): void {
  const at = player.currentTime;
  const played = !player.paused;
  player.src = url;
  if (!at && !played) return;
  player.addEventListener("loadedmetadata", () => {
    player.currentTime = at;
    if (played) void player.play().catch(() => undefined);
  }, { once: true });
  player.load();
}
