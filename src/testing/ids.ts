/**
 * Makes UUIDv7s, each greater than the one before, even where the clock stands still or goes back.
 * They are the same in every run: nothing in them is random.
 */
export function sequentialIds(): (wallMs: number) => string {
  let latestMs = 0;
  let count = 0;
  return (wallMs) => {
    latestMs = Math.max(latestMs, Math.floor(wallMs));
    count += 1;
    const time = latestMs.toString(16).padStart(12, "0");
    return `${time.slice(0, 8)}-${time.slice(8)}-7000-8000-${count.toString(16).padStart(12, "0")}`;
  };
}
