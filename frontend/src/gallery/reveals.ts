/**
 * Showing what is veiled: the picture is fetched when somebody asks for it, shown while they ask, counted, and dropped.
 *
 * `img[data-picture]` stands veiled by its own few pixels; the picture behind it leaves the server only here. An `img` without
 * that, and a video, is veiled by the style sheet alone.
 */
import { csrfToken } from "../behaviour/dom";

interface Reveal {
  id: string;
  milliseconds: number;
  sound?: true;
  lifted?: true;
}

export interface Reveals {
  show: (tile: HTMLElement) => void;
  veil: (tile: HTMLElement) => void;
  veilAll: () => void;
  /** Until pressed again. */
  toggle: (tile: HTMLElement) => void;
  kept: (tile: HTMLElement) => boolean;
}

const REPORT_AFTER_MS = 1500;

export function reveals(element: HTMLElement): Reveals {
  const seconds = Number(element.dataset.revealSeconds ?? 20);
  const begun = new Map<HTMLElement, number>();
  const asked = new Map<HTMLElement, AbortController>();
  const ends = new Map<HTMLElement, number>();
  const kept = new Set<HTMLElement>();
  let counted: Reveal[] = [];
  let report = 0;

  const send = (): void => {
    window.clearTimeout(report);
    report = 0;
    const url = element.dataset.exposureUrl;
    if (!url || !counted.length) return;
    const body = JSON.stringify({ reveals: counted, count: counted.length });
    counted = [];
    // keepalive: the count must arrive even when the officer leaves the page at once.
    void fetch(url, { method: "POST", keepalive: true, credentials: "same-origin", headers: { "X-CSRFToken": csrfToken(), "Content-Type": "application/json" }, body })
      .then((answer) => {
        if (answer.headers.get("X-Exposure") === "break") calm(element, "break");
      })
      .catch(() => undefined);
  };

  const open = (tile: HTMLElement): void => {
    tile.classList.add("shown");
    begun.set(tile, performance.now());
    ends.set(tile, window.setTimeout(() => veil(tile), seconds * 1000));
  };
  const show = (tile: HTMLElement): void => {
    if (begun.has(tile) || asked.has(tile)) return;
    tile.querySelector(".tile-eye")?.setAttribute("aria-pressed", "true");
    const pictures = [...tile.querySelectorAll<HTMLImageElement>("img[data-picture]")];
    if (!pictures.length) {
      if (tile.querySelector("img, video")) open(tile);
      return;
    }
    const control = new AbortController();
    asked.set(tile, control);
    Promise.all(pictures.map((picture) => unveil(picture, control.signal)))
      .then(() => {
        if (!control.signal.aborted) open(tile);
      })
      .catch((reason: unknown) => {
        for (const picture of pictures) drop(picture);
        if (reason instanceof NotGiven) calm(element, reason.code, reason.sentence);
      })
      .finally(() => asked.delete(tile));
  };
  const veil = (tile: HTMLElement): void => {
    asked.get(tile)?.abort();
    asked.delete(tile);
    kept.delete(tile);
    tile.querySelector(".tile-eye")?.setAttribute("aria-pressed", "false");
    const since = begun.get(tile);
    for (const picture of tile.querySelectorAll<HTMLImageElement>("img[data-picture]")) drop(picture);
    tile.classList.remove("shown");
    if (since === undefined) return;
    begun.delete(tile);
    window.clearTimeout(ends.get(tile));
    const videos = [...tile.querySelectorAll("video")];
    const sound = videos.some((video) => video.dataset.heard !== undefined);
    for (const video of videos) {
      video.pause();
      delete video.dataset.heard;
    }
    counted.push({ id: tile.dataset.medium ?? "", milliseconds: Math.round(performance.now() - since), ...(sound ? { sound } : {}), ...(tile.dataset.lifted !== undefined ? { lifted: true } : {}) });
    report ||= window.setTimeout(send, REPORT_AFTER_MS);
  };
  const veilAll = (): void => [...new Set([...begun.keys(), ...asked.keys()])].forEach(veil);

  // Nobody looks at a page in the background; nothing stays open there.
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) veilAll();
    if (document.hidden) send();
  });
  window.addEventListener("blur", veilAll);
  window.addEventListener("pagehide", () => {
    veilAll();
    send();
  });
  return {
    show,
    veil,
    veilAll,
    kept: (tile) => kept.has(tile),
    toggle(tile) {
      if (kept.has(tile)) veil(tile);
      else {
        show(tile);
        kept.add(tile);
      }
    },
  };
}

class NotGiven extends Error {
  constructor(
    readonly code: string,
    readonly sentence: string,
  ) {
    super(sentence);
  }
}

async function unveil(picture: HTMLImageElement, signal: AbortSignal): Promise<void> {
  const address = picture.dataset.picture ?? "";
  const answer = await fetch(address, { credentials: "same-origin", signal, headers: { Accept: "image/*, application/json" } });
  if (!answer.ok || !answer.headers.get("Content-Type")?.startsWith("image/")) {
    const said = (await answer.json().catch(() => ({}))) as { code?: string; sentence?: string };
    throw new NotGiven(said.code ?? "", said.sentence ?? "The picture was not given out. Reload the page, and ask again.");
  }
  const blob = await answer.blob();
  if (signal.aborted) return;
  picture.dataset.veil ??= picture.src;
  const url = URL.createObjectURL(blob);
  picture.dataset.url = url;
  picture.src = url;
  await picture.decode();
}

/** The veil is back, and the bytes of the picture are gone. */
function drop(picture: HTMLImageElement): void {
  const { url, veil } = picture.dataset;
  if (url === undefined) return;
  if (veil !== undefined) picture.src = veil;
  delete picture.dataset.url;
  URL.revokeObjectURL(url);
}

/** A quiet word in the place of the picture: what is so, and what can be done. The page under it stays as it is. */
function calm(element: HTMLElement, code: string, sentence = ""): void {
  element.dispatchEvent(new CustomEvent("gallery:calm", { detail: { code, sentence }, bubbles: true }));
}
