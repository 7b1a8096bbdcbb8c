import { escapeLine } from "./escape.js";
import { textWidth } from "./textWidth.js";

export interface Column<Row> {
  readonly title: string;
  readonly value: (row: Row) => string;
  /** numbers stand better on the right */
  readonly align?: "left" | "right";
  /** never cut: of no use but as a whole */
  readonly keep?: boolean;
}

export interface TableLook {
  /** the terminal's width; undefined: as wide as it gets, nothing is cut */
  readonly width: number | undefined;
  readonly title: (text: string) => string;
}

const GAP = "  ";
const NARROWEST = 6;

/** Aligned columns without lines around them. Cells are one line each; what does not fit a terminal is cut with `…`. */
export function renderTable<Row>(
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  look: TableLook,
): string {
  const cells = rows.map((row) => columns.map((column) => escapeLine(column.value(row))));
  const titles = columns.map(({ title }) => title);
  const natural = columns.map((_, index) =>
    [titles, ...cells].reduce((widest, line) => Math.max(widest, textWidth(line[index] ?? "")), 0),
  );
  const widths = look.width === undefined ? natural : shrink(natural, columns, look.width);
  const draw = (line: readonly string[], paint: (text: string) => string = (text) => text) =>
    columns
      .map(({ align }, index) => paint(inWidth(line[index] ?? "", widths[index] ?? 0, align)))
      .join(GAP)
      .trimEnd();
  return [draw(titles, look.title), ...cells.map((line) => draw(line))].join("\n");
}

/** Takes from the widest columns first, until the line fits. */
function shrink<Row>(
  natural: readonly number[],
  columns: readonly Column<Row>[],
  width: number,
): readonly number[] {
  const widths = [...natural];
  const room = width - GAP.length * (widths.length - 1);
  while (sum(widths) > room) {
    const cuttable = widths.map((one, index) => (columns[index]?.keep ? 0 : one));
    const widest = cuttable.indexOf(Math.max(...cuttable));
    if ((cuttable[widest] ?? 0) <= NARROWEST) break;
    widths[widest] = (widths[widest] ?? 0) - 1;
  }
  return widths;
}

function inWidth(text: string, width: number, align: "left" | "right" = "left"): string {
  const cut = textWidth(text) <= width ? text : `${cutTo(text, width - 1)}…`;
  const padding = " ".repeat(Math.max(0, width - textWidth(cut)));
  return align === "right" ? padding + cut : cut + padding;
}

export function cutTo(text: string, width: number): string {
  let cut = "";
  let used = 0;
  for (const char of text) {
    used += textWidth(char);
    if (used > width) break;
    cut += char;
  }
  return cut;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
