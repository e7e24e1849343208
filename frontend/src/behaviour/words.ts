/** Numbers, sizes and times as the server's templates write them. */
const GAP = "\u202f";

export function count(number: number): string {
  return Math.round(number).toString().replace(/\B(?=(\d{3})+(?!\d))/g, GAP);
}

/** A size in the largest unit (powers of 1,000) that leaves a number of at least one. */
export function byteSize(octets: number): string {
  const units = ["B", "kB", "MB", "GB", "TB", "PB"];
  let size = octets;
  let at = 0;
  while (size >= 1000 && at < units.length - 1) {
    size /= 1000;
    at += 1;
  }
  return `${size.toFixed(at === 0 || size >= 100 ? 0 : 1)}${GAP}${units[at]}`;
}

/** Seconds in words a person plans by. */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.ceil(seconds));
  if (whole < 60) return `${whole}${GAP}s`;
  if (whole < 3600) return `${Math.round(whole / 60)}${GAP}min`;
  const minutes = Math.round(whole / 60);
  if (whole < 86_400) return `${Math.floor(minutes / 60)}${GAP}h${minutes % 60 ? ` ${minutes % 60}${GAP}min` : ""}`;
  const days = Math.round(whole / 86_400);
  return days === 1 ? "1 day" : `${days} days`;
}

/** How long ago, in the words of the `reltime` filter. */
export function ago(instant: Date, now: Date): string {
  const seconds = (now.getTime() - instant.getTime()) / 1000;
  const size = Math.abs(seconds);
  if (size < 45) return "just now";
  if (size >= 30 * 86_400)
    return instant.toLocaleDateString("en-GB", { day: "numeric", month: "short", year: "numeric", timeZone: "UTC" });
  const [span, unit]: [number, string] = size >= 86_400 ? [86_400, "day"] : size >= 3600 ? [3600, "hour"] : [60, "minute"];
  const number = Math.max(1, Math.round(size / span));
  const words = `${number} ${unit}${number === 1 ? "" : "s"}`;
  return seconds > 0 ? `${words} ago` : `in ${words}`;
}
