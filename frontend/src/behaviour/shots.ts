/** A screenshot that is veiled leaves the server when its button is pressed, and not before: the server counts the look. */
export function startShots(): void {
  document.addEventListener("click", (event) => {
    const button = event.target instanceof Element ? event.target.closest("[data-shot]") : null;
    if (!(button instanceof HTMLButtonElement) || button.disabled) return;
    button.disabled = true;
    const panel = button.closest("section");
    const words = panel?.querySelector<HTMLElement>("[data-shot-words]");
    const shown = panel?.querySelector<HTMLImageElement>("img.shot") ?? document.createElement("img");
    const picture = new Image();
    picture.addEventListener("load", () => {
      shown.src = picture.src;
      shown.alt = "Screenshot of the hit";
      shown.className = "shot";
      if (!shown.isConnected) button.before(shown);
      if (words) words.textContent = "Shown, and counted as a look.";
    });
    picture.addEventListener("error", () => {
      button.disabled = false;
      if (words) words.textContent = "It is not shown now: reload the page, which says why.";
    });
    picture.src = button.dataset.shot ?? "";
  });
}
