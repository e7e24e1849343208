// Woken by a push service: shows one sentence that says nothing of any case, and opens the link that came with it.
const LINK = /^\/[A-Za-z0-9/-]*$/;

self.addEventListener("install", () => self.skipWaiting());

self.addEventListener("push", (event) => {
  let url = "/";
  try {
    const given = event.data?.json().url;
    if (typeof given === "string" && LINK.test(given) && !given.startsWith("//")) url = given;
  } catch {
    // Unreadable: the start page, where everything stands that there is to be told.
  }
  event.waitUntil(self.registration.showNotification("OpenCETS: please sign in", { tag: url, data: { url }, icon: "mark.svg" }));
});

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(self.clients.openWindow(event.notification.data?.url ?? "/"));
});
