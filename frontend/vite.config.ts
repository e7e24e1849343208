import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { constants, gzipSync } from "node:zlib";
import { defineConfig, type Plugin } from "vite";

const outline = resolve(import.meta.dirname, "node_modules/@tabler/icons/icons/outline");

/** One `icons.svg` holding the icons named in src/icons.txt as symbols; a name without a drawing stops the build. */
function iconSprite(): Plugin {
  return {
    name: "icon-sprite",
    generateBundle() {
      const names = readFileSync(resolve(import.meta.dirname, "src/icons.txt"), "utf8").split(/\s+/).filter(Boolean);
      const drawn = new Set(readdirSync(outline));
      const symbols = names.map((name) => {
        if (!drawn.has(`${name}.svg`)) throw new Error(`src/icons.txt names "${name}", which @tabler/icons does not draw.`);
        const paths = readFileSync(resolve(outline, `${name}.svg`), "utf8").match(/<(path|circle|rect|line)[^>]*>/g) ?? [];
        const body = paths.filter((path) => !path.includes('stroke="none"')).join("");
        return `<symbol id="${name}" viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="1.75" stroke-linecap="round" stroke-linejoin="round">${body}</symbol>`;
      });
      this.emitFile({
        type: "asset",
        fileName: "icons.svg",
        source: `<svg xmlns="http://www.w3.org/2000/svg">${symbols.join("")}</svg>`,
      });
    },
  };
}

/** A `.gz` beside each text file: the server sends it as it is, and compresses nothing while an officer waits. */
function compressed(): Plugin {
  return {
    name: "compressed",
    writeBundle(options, bundle) {
      for (const name of [...Object.keys(bundle), "theme.js", "push-worker.js", "mark.svg"]) {
        if (!/\.(js|css|svg)$/.test(name)) continue;
        const path = resolve(options.dir ?? "", name);
        writeFileSync(`${path}.gz`, gzipSync(readFileSync(path), { level: constants.Z_BEST_COMPRESSION }));
      }
    },
  };
}

export default defineConfig({
  // Relative, so the built files work under any STATIC_URL.
  base: "./",
  plugins: [iconSprite(), compressed()],
  build: {
    outDir: resolve(import.meta.dirname, "../src/opencets_web/ui/static/dist"),
    emptyOutDir: true,
    // Not in a dot folder: packagers and static file finders skip those.
    manifest: "manifest.json",
    target: "es2022",
    assetsInlineLimit: 0,
    // The polyfill would be injected as an inline script, which the content policy forbids.
    modulePreload: { polyfill: false },
    rolldownOptions: { input: { main: resolve(import.meta.dirname, "src/main.ts") } },
  },
});
