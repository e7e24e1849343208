/**
 * Shared footage: a second in a table jumps to it in the page's own player, which opens for it.
 *
 * A page opened at `#t=12.5`, as a mark found in a video leads to it, jumps there at once.
 * Without this island the same links open the file itself at that second in a new tab.
 */
export function mount(element: HTMLElement): void {
  const player = element.querySelector<HTMLVideoElement>("video[data-player]");
  if (!player) return;
  const jump = (second: number): void => {
    player.closest("details")?.setAttribute("open", "");
    const go = (): void => {
      player.currentTime = second;
    };
    if (player.readyState >= HTMLMediaElement.HAVE_METADATA) go();
    else {
      player.addEventListener("loadedmetadata", go, { once: true });
      player.preload = "metadata";
      player.load();
    }
    const frame = player.closest<HTMLElement>(".tile-frame");
    frame?.scrollIntoView({ block: "center" });
    frame?.focus();
  };
  element.addEventListener("click", (event) => {
    const link = (event.target as Element).closest<HTMLElement>("[data-second]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    jump(Number(link.dataset.second));
  });
  const asked = /^#t=(\d+(?:\.\d+)?)$/.exec(location.hash);
  if (asked) jump(Number(asked[1]));
}
