import { median } from "../lib/statistics.mjs";
import { number } from "./numbers.mjs";

const PANELS = ["one-by-one", "producers", "bulk", "drained-10", "drained-100", "called"];
const WIDTH = 860;
const LABEL = 220;
const BAR = 16;
const GAP = 5;
const HEAD = 46;

/** Bars, one panel a scenario; each panel has a scale of its own. */
export function chart(results) {
  const shown = PANELS.map((name) => results.find(({ scenario }) => scenario === name)).filter(Boolean);
  let top = 10;
  const panels = shown.map((result) => {
    const panel = drawPanel(result, top);
    top += panel.height;
    return panel.svg;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${top}" viewBox="0 0 ${WIDTH} ${top}" font-family="sans-serif" font-size="12">
<title>Tasks per second, queued and drained</title>
<rect width="100%" height="100%" fill="#fff"/>
${panels.join("\n")}
</svg>
`;
}

function drawPanel({ title, figure, rows }, top) {
  const measured = rows.filter(({ values }) => values.length > 0);
  const best = Math.max(...measured.flatMap(({ values }) => values));
  const toX = (value) => LABEL + (value / best) * (WIDTH - LABEL - 90);
  const bars = measured.map(({ contender, label, values }, i) => {
    const y = top + HEAD + i * (BAR + GAP);
    const value = median(values);
    const [from, to] = [toX(Math.min(...values)), toX(Math.max(...values))];
    const middle = y + BAR / 2;
    return `<text x="${LABEL - 8}" y="${y + 12}" text-anchor="end">${escaped(label)}</text>
<rect x="${LABEL}" y="${y}" width="${round(toX(value) - LABEL)}" height="${BAR}" fill="${colourOf(contender)}"/>
<path d="M${round(from)} ${middle}H${round(to)}" stroke="#222"/>
<text x="${round(Math.max(to, toX(value)) + 6)}" y="${y + 12}">${number(value)}</text>`;
  });
  const unit = `${figure.label}, ${figure.unit}, ${figure.better} is better`;
  return {
    height: HEAD + measured.length * (BAR + GAP) + 16,
    svg: `<text x="10" y="${top + 20}" font-size="15" font-weight="bold">${escaped(title)}</text>
<text x="10" y="${top + 36}" fill="#666">${escaped(unit)}</text>
${bars.join("\n")}`,
  };
}

function colourOf(contender) {
  if (contender.startsWith("qtasks")) return "#2563eb";
  if (contender.startsWith("raw")) return "#94a3b8";
  return "#d6a75c";
}

function round(x) {
  return Number(x.toFixed(1));
}

function escaped(text) {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}
