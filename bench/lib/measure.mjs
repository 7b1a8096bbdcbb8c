/**
 * Measures the contenders of a scenario in interleaved rounds: A B C, A B C, …, so that whatever else the machine does
 * meets all of them. A scenario has:
 * - `name`, `title`, `what` it does, and its `figures`: `{ key, label, unit, better: "higher" | "lower" }`
 * - `contenders`: each with an `id`, a `label`, and `missing()` if it may not be there
 * - `baseline`: the id of the one that the others are compared with, round by round
 * - `open(contender, n)`: everything that is to be paid before the clock runs; the subject of the measurements
 * - `measure(subject, n)`: once a round; one number for each figure
 * - `close(subject)`
 * @returns one result for each figure: `{ scenario, figure, baseline, rows: [{ contender, values } | { contender, missing }] }`
 */
export async function measureScenario(scenario, { rounds, n, say }) {
  const entries = [];
  try {
    for (const contender of scenario.contenders) entries.push(await prepare(scenario, contender, n, say));
    for (let round = 0; round < rounds; round++) {
      for (const entry of entries) {
        if (entry.missing === undefined) await measureOnce(scenario, entry, n, say);
      }
    }
  } finally {
    for (const { subject } of entries) if (subject !== undefined) await scenario.close?.(subject);
  }
  return scenario.figures.map((figure) => ({
    scenario: scenario.name,
    title: scenario.title,
    figure,
    baseline: scenario.baseline,
    rows: entries.map(({ contender, missing, measured }) => ({
      contender: contender.id,
      label: contender.label,
      missing,
      values: measured.map((numbers) => numbers[figure.key]),
    })),
  }));
}

async function prepare(scenario, contender, n, say) {
  const entry = { contender, measured: [] };
  entry.missing = contender.missing?.();
  if (entry.missing !== undefined) return entry;
  try {
    entry.subject = await scenario.open(contender, n);
  } catch (error) {
    setAside(entry, error, say);
  }
  return entry;
}

async function measureOnce(scenario, entry, n, say) {
  try {
    const numbers = await scenario.measure(entry.subject, n);
    entry.measured.push(numbers);
    const shown = Object.entries(numbers).map(([key, value]) => `${key} ${Number(value).toPrecision(4)}`);
    say(`  ${entry.contender.label}: ${shown.join(", ")}`);
  } catch (error) {
    setAside(entry, error, say);
  }
}

/** A peer that cannot be measured is told in the table, and the others go on; without qtasks there is nothing to tell. */
function setAside(entry, error, say) {
  if (!entry.contender.isPeer) throw error;
  entry.missing = String(error?.message ?? error).split("\n")[0];
  entry.measured = [];
  say(`  ${entry.contender.label}: ${error?.stack ?? error}`);
}
