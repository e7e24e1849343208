/**
 * Being told in this browser: asks for the permission, gets a subscription from the browser's own push service and hands it in.
 * `data-key`: the node's public key; `data-worker`: the script that a push wakes; `data-begin-url`: where it is handed in.
 */
import { post, Refused } from "../behaviour/dom";

export function mount(element: HTMLElement): void {
  const button = element.querySelector<HTMLButtonElement>("[data-push-begin]");
  const words = element.querySelector<HTMLElement>("[data-push-words]");
  const { key, worker, beginUrl } = element.dataset;
  if (!button || !words || !key || !worker || !beginUrl) return;
  const say = (text: string): void => {
    words.textContent = text;
  };
  if (!("serviceWorker" in navigator) || !("PushManager" in window) || !("Notification" in window)) {
    button.disabled = true;
    say(window.isSecureContext ? "This browser has no web push." : "Web push needs an address that begins with https.");
    return;
  }
  if (Notification.permission === "denied") say("This browser was told to refuse notices of this site. Its settings for the site take that back.");
  button.addEventListener("click", () => {
    button.disabled = true;
    begin(key, worker, beginUrl)
      .then(() => location.reload())
      .catch((reason: unknown) => {
        button.disabled = false;
        say(reason instanceof Refused || reason instanceof Refusal ? reason.message : "The browser's push service could not be reached. Try again later, or ask whoever runs the network.");
      });
  });
}

class Refusal extends Error {}

async function begin(key: string, worker: string, url: string): Promise<void> {
  if ((await Notification.requestPermission()) !== "granted") throw new Refusal("The browser was not allowed to show notices.");
  const registration = await navigator.serviceWorker.register(worker);
  const wanted = octets(key);
  const earlier = await registration.pushManager.getSubscription();
  // One made for another key of this node is of no use.
  if (earlier && !same(earlier.options.applicationServerKey, wanted)) await earlier.unsubscribe();
  const made = await registration.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: wanted });
  await post(url, made.toJSON());
}

function octets(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (letter) => letter.charCodeAt(0));
}

function same(one: ArrayBuffer | null, other: Uint8Array): boolean {
  const given = one ? new Uint8Array(one) : undefined;
  return given?.length === other.length && given.every((octet, place) => octet === other[place]);
}
