/**
 * The session lock as the page sees it: after idling the page conceals itself and asks for a second factor. The server is the
 * truth: it answers nothing more for a locked session, whatever this script does. What was being written stays in the page.
 *
 * All tabs share the time of the last act; while the officer works on one page without asking for another, the server is told.
 */
import { csrfToken, make, post, Refused } from "./dom";
import { closest } from "./shell";
import { toast } from "./toast";

const ACTS = ["pointerdown", "pointermove", "keydown", "wheel", "touchstart"];
const TELL_MS = 60_000;
const LOOK_MS = 1000;
const ACTED = "opencets:acted";
const LOCKED = "opencets:locked";
const BASE = "/account/me/";

export function startLock(): void {
  startProofs();
  // What goes wrong with a passkey at sign-in is said, not only logged.
  document.addEventListener("allauth.error", (event) => {
    event.preventDefault();
    toast({ text: "The passkey was not used. Try again, or sign in with your password and a code.", tone: "warn" });
  });
  markRenewals();
  const after = Number(document.body.dataset.lockAfter ?? 0) * 1000;
  const dialog = document.getElementById("locked");
  if (!after || !(dialog instanceof HTMLDialogElement)) return;

  let told = Date.now();
  const acted = (): number => Number(localStorage.getItem(ACTED) ?? 0);
  const conceal = (): void => {
    if (document.documentElement.dataset.locked !== undefined) return;
    document.documentElement.dataset.locked = "";
    for (const other of document.querySelectorAll<HTMLDialogElement>("dialog[open]")) if (other !== dialog) other.close();
    document.dispatchEvent(new CustomEvent("opencets:locked"));
    dialog.showModal();
    dialog.querySelector<HTMLInputElement>("[name=code]")?.focus();
  };
  const reveal = (): void => {
    if (document.documentElement.dataset.locked === undefined) return;
    delete document.documentElement.dataset.locked;
    dialog.close();
    dialog.querySelector("form")?.reset();
    document.dispatchEvent(new CustomEvent("opencets:unlocked"));
  };
  const lock = async (): Promise<void> => {
    conceal();
    localStorage.setItem(LOCKED, String(Date.now()));
    await post(`${BASE}lock/`).catch(leaveIfOver);
  };
  const leaveIfOver = (reason: unknown): void => {
    // Locked already is what was wanted; a session that is over has no page to go back to.
    if (reason instanceof Refused && reason.status !== 423 && reason.status < 500) location.reload();
  };
  const act = (): void => {
    if (document.documentElement.dataset.locked !== undefined) return;
    const now = Date.now();
    if (now - acted() > LOOK_MS) localStorage.setItem(ACTED, String(now));
    if (now - told < TELL_MS) return;
    told = now;
    post(`${BASE}seen/`).catch((reason: unknown) => {
      if (reason instanceof Refused && reason.status === 423) conceal();
      else leaveIfOver(reason);
    });
  };
  localStorage.setItem(ACTED, String(Date.now()));
  for (const name of ACTS) document.addEventListener(name, act, { passive: true, capture: true });
  window.setInterval(() => {
    if (document.documentElement.dataset.locked === undefined && Date.now() - acted() >= after) void lock();
  }, LOOK_MS);
  window.addEventListener("storage", (event) => {
    if (event.key !== LOCKED) return;
    if (event.newValue) conceal();
    else reveal();
  });
  dialog.addEventListener("cancel", (event) => event.preventDefault());

  const form = dialog.querySelector<HTMLFormElement>("[data-unlock]");
  const wrong = dialog.querySelector<HTMLElement>("[data-unlock-wrong]");
  const show = async (): Promise<void> => {
    if (!form) return;
    const answer = await fetch(form.action, {
      method: "POST",
      credentials: "same-origin",
      headers: { "X-CSRFToken": csrfToken(), Accept: "application/json" },
      body: new FormData(form),
    });
    if (answer.redirected || answer.status === 401 || answer.status === 403) {
      location.reload();
      return;
    }
    const said = (await answer.json()) as { sentence: string; over: boolean };
    if (said.over) location.reload();
    else if (answer.ok) {
      if (wrong) wrong.textContent = "";
      localStorage.setItem(ACTED, String(Date.now()));
      localStorage.removeItem(LOCKED);
      reveal();
    } else if (wrong) wrong.textContent = said.sentence;
    form.reset();
  };
  const unlock = (): void => {
    show().catch(() => {
      if (wrong) wrong.textContent = "The server did not answer. Try again in a moment.";
    });
  };
  form?.addEventListener("submit", (event) => {
    event.preventDefault();
    unlock();
  });
  dialog.querySelector("[data-unlock-passkey]")?.addEventListener("click", () => {
    void (async () => {
      const answer = await fetch(`${BASE}prove/`, { credentials: "same-origin", headers: { Accept: "application/json" } });
      const { options } = (await answer.json()) as { options: PasskeyOptions | null };
      if (!options || !form) throw new Error("none");
      form.querySelector<HTMLInputElement>("[name=credential]")!.value = await askPasskey(options);
      unlock();
    })().catch((reason: unknown) => {
      if (wrong) wrong.textContent = (reason as Error).message === "none" ? "You have no passkey yet: use a code." : "The passkey was not used. Try again, or use a code.";
    });
  });
}

interface PasskeyOptions {
  publicKey: PublicKeyCredentialRequestOptionsJSON;
}

/** What the passkey answers, as JSON text. */
async function askPasskey(options: PasskeyOptions): Promise<string> {
  const credential = await navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options.publicKey) });
  if (!(credential instanceof PublicKeyCredential)) throw new Error("no credential");
  return JSON.stringify(credential.toJSON());
}

/** Pages that ask for a second factor: the button beside the field for the code. */
function startProofs(): void {
  document.addEventListener("click", (event) => {
    const button = closest(event.target, "[data-passkey]");
    const form = button?.closest("form");
    const given = document.getElementById("passkey-options")?.textContent;
    if (!form || !given) return;
    askPasskey(JSON.parse(given) as PasskeyOptions)
      .then((credential) => {
        form.querySelector<HTMLInputElement>("[name=credential]")!.value = credential;
        form.submit();
      })
      .catch(() => {
        form.querySelector("[data-passkey-wrong]")?.remove();
        form.prepend(make("p", { class: "wrong", role: "alert", "data-passkey-wrong": true }, "The passkey was not used. Try again, or use a code."));
      });
  });
}

/** A request that the page makes by itself is marked: it does not keep a session open. */
function markRenewals(): void {
  document.addEventListener("htmx:config:request", (event) => {
    const { ctx } = (event as CustomEvent<{ ctx: { sourceEvent?: Event; request: { headers: Record<string, string> } } }>).detail;
    if (!ctx.sourceEvent?.isTrusted) ctx.request.headers["X-Renewal"] = "1";
  });
}
