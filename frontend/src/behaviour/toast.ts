import { csrfToken, icon, make } from "./dom";

export interface Toast {
  text: string;
  tone?: "good" | "warn" | "bad" | "info";
  undo?: string;
}

const SHAPES: Record<string, string> = { good: "circle-check", warn: "alert-triangle", bad: "circle-x" };
const STAYS_MS = 7000;

/** A result in the corner, spoken by screen readers. It goes by itself unless it failed or can be undone. */
export function toast({ text, tone = "info", undo }: Toast): void {
  const line = make("div", { class: "toast-line", "data-tone": tone, "data-stay": Boolean(undo) || tone === "bad" });
  line.append(icon(SHAPES[tone] ?? "info-circle"), make("span", { class: "toast-text" }, text));
  if (undo?.startsWith("/") && !undo.startsWith("//")) {
    const button = make("button", { class: "btn btn-sm", type: "submit" }, icon("arrow-back-up"), "Undo");
    const token = make("input", { type: "hidden", name: "csrfmiddlewaretoken", value: csrfToken() });
    const next = make("input", { type: "hidden", name: "next", value: location.pathname + location.search });
    line.append(make("form", { method: "post", action: undo }, token, next, button));
  }
  line.append(make("button", { type: "button", class: "copy", "data-close-toast": true, "aria-label": "Dismiss" }, icon("x")));
  document.getElementById("toasts")?.append(line);
  letGo(line);
}

/** Take the line away after a while; not while the pointer or the focus is on it. */
export function letGo(line: HTMLElement): void {
  if ("stay" in line.dataset) return;
  const leave = (): void => {
    if (line.matches(":hover, :focus-within")) window.setTimeout(leave, 1500);
    else line.remove();
  };
  window.setTimeout(leave, STAYS_MS);
}
