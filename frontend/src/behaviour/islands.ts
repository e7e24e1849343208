/** An island takes an element marked `data-island="name"` and makes it live. Each is fetched only where a page has it. */
export type Island = (element: HTMLElement) => void | Promise<void>;

const islands: Record<string, () => Promise<{ mount: Island }>> = {
  footage: () => import("../islands/footage"),
  gallery: () => import("../islands/gallery"),
  grading: () => import("../islands/grading"),
  linkchart: () => import("../islands/linkchart"),
  masks: () => import("../islands/masks"),
  push: () => import("../islands/push"),
  map: () => import("../islands/map"),
  region: () => import("../islands/region"),
  timeline: () => import("../islands/timeline"),
  uploader: () => import("../islands/uploader"),
};

/** Every island inside `root` that is not live yet becomes so; one that fails says it in its own place. */
export function mountIslands(root: ParentNode): void {
  for (const element of root.querySelectorAll<HTMLElement>("[data-island]:not([data-mounted])")) {
    const load = islands[element.dataset.island ?? ""];
    if (!load) continue;
    element.dataset.mounted = "";
    load()
      .then(({ mount }) => mount(element))
      .catch((reason: unknown) => {
        console.error(reason);
        const line = document.createElement("p");
        line.setAttribute("role", "alert");
        line.textContent = `This part of the page could not start: ${reason instanceof Error ? reason.message : String(reason)}. Reload the page; the table view keeps working.`;
        element.append(line);
      });
  }
}
