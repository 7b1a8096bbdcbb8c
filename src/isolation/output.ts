type Line = { readonly stream: "stdout" | "stderr" | "log"; readonly text: string };

/**
 * Lets through what one attempt prints, up to a limit: the first half of it at once, then only the last half is kept
 * and comes at the end, after a line that says how much is missing. A flood costs no more memory than the limit.
 */
export class OutputCap {
  readonly #half: number;
  readonly #forward: (line: Line) => void;
  #passed = 0;
  #tail: Line[] = [];
  #tailSize = 0;
  #cut = 0;

  /** @param limit in UTF-16 units, near enough to bytes; 0 lets nothing through */
  constructor(limit: number, forward: (line: Line) => void) {
    this.#half = Math.floor(limit / 2);
    this.#forward = forward;
  }

  add(line: Line): void {
    for (const part of split(line, this.#half)) this.#addPart(part);
  }

  /** Gives out what was kept back. */
  end(): void {
    if (this.#cut > 0) this.#forward({ stream: "log", text: `[${this.#cut} characters are left out here]` });
    for (const line of this.#tail) this.#forward(line);
    this.#tail = [];
  }

  #addPart(line: Line): void {
    const size = line.text.length + 1;
    if (this.#tailSize === 0 && this.#cut === 0 && this.#passed + size <= this.#half) {
      this.#passed += size;
      this.#forward(line);
      return;
    }
    this.#tail.push(line);
    this.#tailSize += size;
    while (this.#tailSize > this.#half) {
      const size = (this.#tail.shift()?.text.length ?? 0) + 1;
      this.#tailSize -= size;
      this.#cut += size;
    }
  }
}

/** Parts small enough to be kept or dropped one by one. */
function split(line: Line, half: number): readonly Line[] {
  const most = Math.max(1, Math.floor(half / 8));
  if (line.text.length < most) return [line];
  const parts: Line[] = [];
  for (let at = 0; at < line.text.length; at += most)
    parts.push({ ...line, text: line.text.slice(at, at + most) });
  return parts;
}
