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
  /** where the tail begins: shifting a long list for every line of a flood would be slower than the flood */
  #tailStart = 0;
  #tailSize = 0;
  #cut = 0;

  /** @param limit in UTF-16 units, near enough to bytes; 0 lets nothing through */
  constructor(limit: number, forward: (line: Line) => void) {
    this.#half = Math.floor(limit / 2);
    this.#forward = forward;
  }

  add(line: Line): void {
    if (this.#half === 0) return;
    for (const part of split(line, this.#half)) this.#addPart(part);
  }

  /** Gives out what was kept back. */
  end(): void {
    if (this.#cut > 0) this.#forward({ stream: "log", text: `[${this.#cut} characters are left out here]` });
    for (const line of this.#tail.slice(this.#tailStart)) this.#forward(line);
    this.#tail = [];
    this.#tailStart = 0;
  }

  #addPart(line: Line): void {
    const size = sizeOf(line);
    if (this.#tailSize === 0 && this.#cut === 0 && this.#passed + size <= this.#half) {
      this.#passed += size;
      this.#forward(line);
      return;
    }
    this.#tail.push(line);
    this.#tailSize += size;
    while (this.#tailSize > this.#half) this.#dropOldest();
  }

  #dropOldest(): void {
    const size = sizeOf(this.#tail[this.#tailStart] as Line);
    this.#tailStart += 1;
    this.#tailSize -= size;
    this.#cut += size;
    if (this.#tailStart * 2 < this.#tail.length) return;
    this.#tail = this.#tail.slice(this.#tailStart);
    this.#tailStart = 0;
  }
}

/** With its line end. */
function sizeOf({ text }: Line): number {
  return text.length + 1;
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
