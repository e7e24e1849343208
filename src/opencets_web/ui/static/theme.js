// Runs before the first paint: the chosen theme, or the system's, so the page never flashes.
(() => {
  const chosen = localStorage.getItem("theme") ?? "system";
  const dark = chosen === "dark" || (chosen === "system" && matchMedia("(prefers-color-scheme: dark)").matches);
  document.documentElement.dataset.bsTheme = dark ? "dark" : "light";
  document.documentElement.dataset.themeChoice = chosen;
})();
