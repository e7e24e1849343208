/**
 * The uploader: a folder, a ZIP or files by thousands, sent in pieces that survive a lost connection and a closed tab.
 *
 * `data-begin-url` gets `{"files", "bytes"}` and answers texts, `batch` among them; each file goes by
 * tus 1.0 to `data-uploads-url` (`/uploads/`) with the metadata `filename, filetype, relativePath, case, files` and those texts;
 * `data-complete-url` gets those texts, `files` and `failed` (`[{"path", "reason"}]`) and may answer `{"url"}`.
 */
import { Upload, type PreviousUpload, type UrlStorage } from "tus-js-client";
import "./uploader.css";
import { csrfToken, icon, make, post, Refused } from "../behaviour/dom";
import { toast } from "../behaviour/toast";
import { byteSize, count, duration } from "../behaviour/words";

interface Entry {
  file: File;
  path: string;
  sent: number;
  state: "waiting" | "sending" | "sent" | "failed";
  reason?: string;
  upload?: Upload;
}

const CHUNK_BYTES = 8 * 1024 * 1024;
const PARALLEL = 3;
/** Below this a file is sent again from its start sooner than its place is looked up. */
const WORTH_RESUMING_BYTES = 16 * 1024 * 1024;
const SPEED_WINDOW_MS = 8000;
const RETRY_MS = [0, 1000, 3000, 6000, 12_000];
const LINE_LOST_MS = 4000;
const MOST_LISTED = 200;

export function mount(element: HTMLElement): void {
  new Uploader(element);
}

class Uploader {
  private readonly entries: Entry[] = [];
  private readonly bar = make("progress", { max: "1", value: "0", "aria-label": "Bytes sent" });
  private readonly label = make("span", { class: "progress-label" });
  private readonly counted = make("span", { class: "progress-count" });
  private readonly foot = make("div", { class: "progress-foot" });
  private readonly words = make("p", { class: "soft mb-0 mt-2", role: "status" });
  private readonly state = make("section", { class: "card-plain upload-state", "aria-label": "Upload", hidden: true });
  private readonly failedList = make("ul", { class: "upload-failed" });
  private readonly failed = make("section", { class: "panel", hidden: true });
  private batch = "";
  private answered: Record<string, string> = {};
  private resumed = false;
  private closed = false;
  private running = 0;
  private begunAt = 0;
  private lineLost = false;
  private readonly marks: { at: number; bytes: number }[] = [];
  private readonly sentBefore = new Set<string>();
  private drawn = 0;

  constructor(private readonly element: HTMLElement) {
    element.classList.add("uploader");
    const drop = this.dropZone();
    const line = make("div", { class: "progress-line" }, make("div", { class: "progress-head" }, this.label, this.counted), this.bar, this.foot);
    this.state.append(line, this.words);
    const again = make("button", { type: "button", class: "btn btn-sm" }, icon("refresh"), "Try all again");
    again.addEventListener("click", () => this.retry(this.entries.filter((entry) => entry.state === "failed")));
    this.failed.append(make("div", { class: "panel-head" }, make("h2", {}, "Not sent"), again), make("div", { class: "panel-body" }, this.failedList));
    element.replaceChildren(drop, this.state, this.failed);
    window.addEventListener("beforeunload", (event) => {
      if (this.running) event.preventDefault();
    });
    window.addEventListener("online", () => this.pump());
  }

  // --- choosing ---

  private dropZone(): HTMLElement {
    const folder = make("input", { type: "file", webkitdirectory: true, multiple: true, tabindex: "-1", "aria-hidden": "true" });
    const files = make("input", { type: "file", multiple: true, tabindex: "-1", "aria-hidden": "true" });
    for (const input of [folder, files])
      input.addEventListener("change", () => {
        void this.take([...(input.files ?? [])].map((file) => ({ file, path: file.webkitRelativePath || file.name })));
        input.value = "";
      });
    const folderButton = make("button", { type: "button", class: "btn btn-primary" }, icon("folder-open"), "Choose a folder");
    folderButton.addEventListener("click", () => folder.click());
    const filesButton = make("button", { type: "button", class: "btn" }, icon("file-zip"), "Choose files or a ZIP");
    filesButton.addEventListener("click", () => files.click());
    const drop = make(
      "div",
      { class: "drop" },
      icon("upload"),
      make("div", { class: "drop-title" }, "Drop a folder, a ZIP or files here"),
      make("div", {}, "Of any size. If the connection breaks, sending goes on where it stopped."),
      make("div", { class: "button-row" }, folderButton, filesButton),
      folder,
      files,
    );
    drop.addEventListener("dragover", (event) => {
      event.preventDefault();
      drop.dataset.over = "";
    });
    drop.addEventListener("dragleave", () => delete drop.dataset.over);
    drop.addEventListener("drop", (event) => {
      event.preventDefault();
      delete drop.dataset.over;
      if (event.dataTransfer) void readDrop(event.dataTransfer).then((found) => this.take(found));
    });
    return drop;
  }

  private async take(found: { file: File; path: string }[]): Promise<void> {
    if (!found.length) {
      toast({ text: "There was no file in what you chose.", tone: "warn" });
      return;
    }
    const first = !this.running && !this.entries.some((entry) => entry.state === "waiting");
    if (first) {
      this.entries.length = 0;
      this.sentBefore.clear();
      this.marks.length = 0;
    }
    for (const { file, path } of found) this.entries.push({ file, path, sent: 0, state: "waiting" });
    this.state.hidden = false;
    this.draw(true);
    if (!first) {
      this.pump();
      return;
    }
    this.batch = "";
    await this.start();
  }

  private async start(): Promise<void> {
    try {
      await this.begin();
    } catch (reason) {
      for (const entry of this.entries) this.fail(entry, reason instanceof Error ? reason.message : String(reason));
      this.draw(true);
      return;
    }
    this.begunAt = performance.now();
    this.pump();
  }

  /** What was dropped, in the words of whoever named it: the folder all files share, or the first file's name. */
  private title(): string {
    const tops = new Set(this.entries.map((entry) => entry.path.split("/")[0] ?? ""));
    const first = this.entries[0]?.path.split("/")[0] ?? "";
    return tops.size === 1 ? first : `${first} and ${count(tops.size - 1)} more`;
  }

  private async begin(): Promise<void> {
    const remembered = this.memory();
    this.resumed = remembered !== undefined;
    if (remembered) {
      // The same files in the same case, begun before and not completed: the batch that a closed tab left.
      this.answered = remembered.answered;
      this.batch = remembered.batch;
      for (const mark of remembered.sent) this.sentBefore.add(mark);
      return;
    }
    const response = await post(this.element.dataset.beginUrl ?? "", { files: this.entries.length, bytes: this.total(), title: this.title() });
    const answer = (await response.json()) as Record<string, unknown>;
    this.answered = Object.fromEntries(Object.entries(answer).filter((pair): pair is [string, string] => typeof pair[1] === "string"));
    this.batch = this.answered.batch ?? this.answered.exhibit ?? "";
    if (!this.batch) throw new Error("The server opened no batch for these files.");
    this.remember();
  }

  // --- sending ---

  private pump(): void {
    if (!this.batch) return;
    for (const entry of this.entries) {
      if (this.running >= PARALLEL) return;
      if (entry.state !== "waiting") continue;
      if (this.sentBefore.has(markOf(entry))) {
        entry.state = "sent";
        entry.sent = entry.file.size;
        continue;
      }
      this.send(entry);
    }
    this.draw();
    if (!this.running && this.entries.every((entry) => entry.state === "sent" || entry.state === "failed")) void this.finish();
  }

  private send(entry: Entry): void {
    entry.state = "sending";
    this.running += 1;
    const large = entry.file.size >= WORTH_RESUMING_BYTES;
    const upload = new Upload(entry.file, {
      endpoint: this.element.dataset.uploadsUrl ?? "/uploads/",
      chunkSize: CHUNK_BYTES,
      retryDelays: RETRY_MS,
      headers: { "X-CSRFToken": csrfToken() },
      storeFingerprintForResuming: large,
      removeFingerprintOnSuccess: true,
      urlStorage: storage,
      fingerprint: () => Promise.resolve(`opencets-upload:${this.batch}:${entry.path}:${entry.file.size}:${entry.file.lastModified}`),
      metadata: {
        filename: entry.file.name,
        filetype: entry.file.type || "application/octet-stream",
        relativePath: entry.path,
        ...this.answered,
        case: this.element.dataset.case ?? "",
        files: String(this.entries.length),
      },
      onProgress: (sent) => {
        entry.sent = sent;
        this.lineLost = false;
        this.draw();
      },
      onSuccess: () => {
        entry.state = "sent";
        entry.sent = entry.file.size;
        this.sentBefore.add(markOf(entry));
        this.lineLost = false;
        this.rememberSoon();
        this.done();
      },
      onError: (error) => {
        const status = "originalResponse" in error ? error.originalResponse?.getStatus() : undefined;
        if (!status || status >= 500) {
          // No answer at all: the line or the server is down. The file keeps its place in the queue.
          this.lineLost = true;
          window.setTimeout(() => {
            entry.state = "waiting";
            this.done();
          }, LINE_LOST_MS);
          this.draw(true);
          return;
        }
        // A remembered batch may have been completed since; trying again then opens a new one.
        if (this.resumed && (status === 404 || status === 409)) this.closed = true;
        this.fail(entry, refusalOf(status, "originalResponse" in error ? (error.originalResponse?.getBody() ?? "") : ""));
        this.done();
      },
    });
    entry.upload = upload;
    if (large) void upload.findPreviousUploads().then((earlier) => resumeOrStart(upload, earlier));
    else upload.start();
  }

  private done(): void {
    this.running -= 1;
    this.pump();
  }

  private fail(entry: Entry, reason: string): void {
    entry.state = "failed";
    entry.reason = reason;
    entry.sent = 0;
    this.drawFailed();
  }

  private retry(entries: Entry[]): void {
    for (const entry of entries) {
      entry.state = "waiting";
      delete entry.reason;
    }
    this.drawFailed();
    if (this.closed) {
      this.forget();
      this.closed = false;
      this.batch = "";
    }
    if (this.batch) this.pump();
    else void this.start();
  }

  private async finish(): Promise<void> {
    const failed = this.entries.filter((entry) => entry.state === "failed").map(({ path, reason }) => ({ path, reason: reason ?? "" }));
    try {
      const response = await post(this.element.dataset.completeUrl ?? "", { ...this.answered, batch: this.batch, files: this.entries.length - failed.length, failed });
      const answer = (await response.json().catch(() => ({}))) as { url?: string };
      this.words.replaceChildren(failed.length ? "All else is received. You may close this tab or try the rest again: reading goes on without it. " : "Everything is received. You may close this tab: reading and matching go on without it. ");
      if (answer.url) this.words.append(make("a", { href: answer.url }, "Follow it"));
      if (!failed.length) this.forget();
      document.dispatchEvent(new CustomEvent("opencets:uploaded", { detail: { batch: this.batch } }));
    } catch (reason) {
      const sentence = reason instanceof Error ? reason.message : String(reason);
      if (reason instanceof Refused && reason.status < 500) {
        this.words.textContent = `The files are received, but not taken over: ${sentence}`;
        this.draw(true);
        return;
      }
      this.words.textContent = `${sentence} The files are received; asking again in a moment.`;
      window.setTimeout(() => void this.finish(), LINE_LOST_MS);
    }
    this.draw(true);
  }

  // --- what is remembered across a reload ---

  private get key(): string {
    const names = this.entries.map(markOf).sort().join("");
    return `opencets-batch:${this.element.dataset.case ?? ""}:${this.entries.length}:${this.total()}:${hash(names)}`;
  }
  private total(): number {
    return this.entries.reduce((sum, entry) => sum + entry.file.size, 0);
  }
  private memory(): { batch: string; answered: Record<string, string>; sent: string[] } | undefined {
    try {
      return JSON.parse(localStorage.getItem(this.key) ?? "") as { batch: string; answered: Record<string, string>; sent: string[] };
    } catch {
      return undefined;
    }
  }
  private remember(): void {
    try {
      localStorage.setItem(this.key, JSON.stringify({ batch: this.batch, answered: this.answered, sent: [...this.sentBefore] }));
    } catch {
      // A full store costs only the resuming after a reload; sending goes on.
    }
  }
  private remembering = 0;
  private rememberSoon(): void {
    this.remembering ||= window.setTimeout(() => {
      this.remembering = 0;
      this.remember();
    }, 1000);
  }
  private forget(): void {
    window.clearTimeout(this.remembering);
    localStorage.removeItem(this.key);
  }

  // --- drawing ---

  private draw(now = false): void {
    const at = performance.now();
    if (!now && at - this.drawn < 200) return;
    this.drawn = at;
    const total = this.total();
    const sent = this.entries.reduce((sum, entry) => sum + entry.sent, 0);
    const finished = this.entries.filter((entry) => entry.state === "sent").length;
    const failed = this.entries.filter((entry) => entry.state === "failed").length;
    this.marks.push({ at, bytes: sent });
    while (this.marks.length > 2 && at - (this.marks[0]?.at ?? at) > SPEED_WINDOW_MS) this.marks.shift();
    const oldest = this.marks[0];
    const speed = oldest && at - oldest.at > 800 ? Math.max(0, (sent - oldest.bytes) / ((at - oldest.at) / 1000)) : 0;
    const over = finished + failed === this.entries.length;
    this.bar.max = Math.max(1, total);
    this.bar.value = over && !failed ? Math.max(1, total) : sent;
    this.state.dataset.state = over ? (failed ? "failed" : "done") : "running";
    this.label.textContent = over ? (failed ? "Sent, with exceptions" : "Sent") : this.lineLost || !navigator.onLine ? "Waiting for the connection" : "Sending";
    this.counted.textContent = `${count(finished)} of ${count(this.entries.length)} files${total ? ` (${Math.floor((100 * sent) / total)} %)` : ""}`;
    const parts = [`${byteSize(sent)} of ${byteSize(total)}`];
    if (!over && speed > 0) parts.push(`${byteSize(speed)}/s`, `${duration((total - sent) / speed)} left`);
    if (failed) parts.push(`${count(failed)} not sent`);
    if (over && this.begunAt) parts.push(`in ${duration((at - this.begunAt) / 1000)}`);
    this.foot.replaceChildren(...parts.map((part) => make("span", {}, part)));
    if (!over) this.words.textContent = "Keep this tab open until everything is sent; after that you may close it.";
  }

  private drawFailed(): void {
    const failed = this.entries.filter((entry) => entry.state === "failed");
    this.failed.hidden = !failed.length;
    this.failedList.replaceChildren(
      ...failed.slice(0, MOST_LISTED).map((entry) => {
        const again = make("button", { type: "button", class: "btn btn-sm" }, "Try again");
        again.addEventListener("click", () => this.retry([entry]));
        return make("li", {}, make("span", { class: "name" }, entry.path, make("span", { class: "sub" }, entry.reason ?? "")), again);
      }),
    );
    if (failed.length > MOST_LISTED) this.failedList.append(make("li", { class: "quiet" }, `and ${count(failed.length - MOST_LISTED)} more`));
  }
}

/** Every file of what was dropped, folders walked through, with its path; `readEntries` gives at most 100 at a time. */
async function readDrop(transfer: DataTransfer): Promise<{ file: File; path: string }[]> {
  const roots = [...transfer.items].map((entry) => entry.webkitGetAsEntry()).filter((entry) => entry !== null);
  if (!roots.length) return [...transfer.files].map((file) => ({ file, path: file.name }));
  const found: { file: File; path: string }[] = [];
  const open: FileSystemEntry[] = [...roots];
  for (let entry = open.pop(); entry; entry = open.pop()) {
    if (entry.isFile) {
      const one = entry as FileSystemFileEntry;
      const file = await new Promise<File>((resolve, reject) => one.file(resolve, reject));
      found.push({ file, path: entry.fullPath.replace(/^\//, "") });
      continue;
    }
    const reader = (entry as FileSystemDirectoryEntry).createReader();
    for (;;) {
      const some = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
      if (!some.length) break;
      open.push(...some);
    }
  }
  return found.sort((one, other) => (one.path < other.path ? -1 : 1));
}

function resumeOrStart(upload: Upload, earlier: PreviousUpload[]): void {
  const last = earlier.at(-1);
  if (last) upload.resumeFromPreviousUpload(last);
  upload.start();
}

function refusalOf(status: number, body: string): string {
  let said = body.trim();
  try {
    said = (JSON.parse(said) as { sentence?: string }).sentence ?? "";
  } catch {
    // Not every refusal comes from our own route; a proxy answers in plain text.
  }
  if (said && said.length < 300 && !said.startsWith("<")) return said;
  const known: Record<number, string> = { 401: "Sign in again in another tab, then try again; what was sent is kept.", 403: "The server refused this file.", 404: "The upload is no longer open.", 413: "The file is larger than this installation takes.", 507: "The server has no room left." };
  return known[status] ?? `The server answered ${status}.`;
}

function markOf(entry: { file: File; path: string }): string {
  return hash(`${entry.path}\u0000${entry.file.size}\u0000${entry.file.lastModified}`);
}

/** 53 bits of a text in base 36 (cyrb53), enough to tell the files of one batch apart. */
function hash(text: string): string {
  let high = 0xdeadbeef;
  let low = 0x41c6ce57;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    high = Math.imul(high ^ code, 2654435761);
    low = Math.imul(low ^ code, 1597334677);
  }
  high = Math.imul(high ^ (high >>> 16), 2246822507) ^ Math.imul(low ^ (low >>> 13), 3266489909);
  low = Math.imul(low ^ (low >>> 16), 2246822507) ^ Math.imul(high ^ (high >>> 13), 3266489909);
  return (4294967296 * (2097151 & low) + (high >>> 0)).toString(36);
}

/** Where the addresses of large unfinished uploads stay; a full store costs only the resuming. */
const storage: UrlStorage = {
  findAllUploads: () => Promise.resolve([]),
  findUploadsByFingerprint: (fingerprint) => {
    const kept = localStorage.getItem(fingerprint);
    return Promise.resolve(kept ? [{ ...(JSON.parse(kept) as PreviousUpload), urlStorageKey: fingerprint }] : []);
  },
  removeUpload: (key) => {
    localStorage.removeItem(key);
    return Promise.resolve();
  },
  addUpload: (fingerprint, upload) => {
    try {
      localStorage.setItem(fingerprint, JSON.stringify(upload));
    } catch {
      return Promise.resolve("");
    }
    return Promise.resolve(fingerprint);
  },
};
