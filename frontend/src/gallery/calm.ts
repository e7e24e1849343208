/**
 * A quiet page in a dialog, where nothing is shown for now: the day's budget, a break, the want of a second officer.
 *
 * The server writes it (`data-calm-url` with `?because=`); its forms answer in place, and the gallery under it stays as it is.
 */
import { csrfToken, make } from "../behaviour/dom";

export function startCalm(element: HTMLElement): void {
  const url = element.dataset.calmUrl;
  element.addEventListener("gallery:calm", (event) => {
    const { code, sentence } = (event as CustomEvent<{ code: string; sentence: string }>).detail;
    if (!url) return say(element, sentence);
    void open(`${url}?because=${encodeURIComponent(code)}`, sentence, element);
  });
}

function say(element: HTMLElement, sentence: string): void {
  if (!sentence) return;
  element.querySelector(".gallery-refused")?.remove();
  element.querySelector(".gallery-tools")?.after(make("p", { class: "gallery-refused notice", role: "alert" }, sentence));
}

async function open(url: string, sentence: string, element: HTMLElement): Promise<void> {
  if (document.querySelector("dialog[open]")) return;
  const answer = await fetch(url, { credentials: "same-origin", headers: { "X-Renewal": "" } }).catch(() => null);
  if (!answer?.ok) return say(element, sentence);
  const read = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector<HTMLElement>("[data-calm]");
  if (!read) return say(element, sentence);
  const before = document.activeElement;
  for (const next of read.querySelectorAll<HTMLInputElement>("input[name=next]")) next.value = location.pathname + location.search;
  read.querySelector("[data-calm-close]")?.removeAttribute("hidden");
  const dialog = make("dialog", { class: "calm-dialog", "aria-labelledby": "calm-title" }, document.adoptNode(read));
  document.body.append(dialog);
  const end = (): void => {
    dialog.close();
    dialog.remove();
    if (before instanceof HTMLElement) before.focus({ preventScroll: true });
  };
  dialog.addEventListener("cancel", end);
  dialog.addEventListener("click", (event) => {
    if (event.target instanceof Element && event.target.closest("[data-calm-close]")) end();
  });
  dialog.addEventListener("submit", (event) => {
    const form = event.target;
    if (!(form instanceof HTMLFormElement) || form.dataset.leaves !== undefined) return;
    event.preventDefault();
    const body = new FormData(form, event.submitter);
    void fetch(form.action, { method: "POST", body, credentials: "same-origin", headers: { "X-CSRFToken": csrfToken(), Accept: "application/json" } })
      .then((told) => told.json() as Promise<{ sentence?: string }>)
      .then(({ sentence: said }) => {
        const words = dialog.querySelector("[data-calm-said]");
        if (words) words.textContent = said ?? "";
        if (form.dataset.ends !== undefined) end();
      })
      .catch(() => undefined);
  });
  dialog.showModal();
}
