interface Family {
  readonly name: string;
  readonly type: string;
  readonly samples: Sample[];
}

interface Sample {
  readonly name: string;
  readonly labels: string;
  readonly value: string;
  readonly exemplar: string | undefined;
}

const suffixes: Readonly<Record<string, readonly string[]>> = {
  counter: ['_total', '_created'],
  gauge: [''],
  histogram: ['_bucket', '_sum', '_count', '_created'],
};
const label = '[a-zA-Z_]\\w*="(?:[^"\\\\\\n]|\\\\[\\\\"n])*"';
const sampleLine = new RegExp(`^([a-zA-Z_:][\\w:]*)(?:\\{(${label}(?:,${label})*)?\\})? (\\S+)(?: # \\{(.*)\\} \\S+ \\S+)?$`);
const number = /^(?:[+-]?\d+(?:\.\d+)?(?:e[+-]?\d+)?|[+-]Inf|NaN)$/;

/**
 * What a page says that OpenMetrics 1.0 forbids, of counters, gauges and histograms. Prometheus itself is milder: it
 * takes a family that comes twice, and drops one of two series of the same name.
 */
export function openMetricsFaults(page: string): string[] {
  if (!page.endsWith('\n# EOF\n')) return ['the page does not end in # EOF'];
  const families: Family[] = [];
  const faults: string[] = [];
  for (const line of page.split('\n').slice(0, -2)) {
    const [, name, type] = /^# TYPE (\S+) (\w+)$/.exec(line) ?? [];
    if (name !== undefined && type !== undefined) families.push({ name, type, samples: [] });
    else if (!/^# HELP \S+ (?:[^\\"]|\\[\\"n])*$/.test(line)) faults.push(...take(line, families.at(-1)));
  }
  return [...faults, ...clashes(families), ...families.flatMap(faultsIn)];
}

function take(line: string, family: Family | undefined): string[] {
  const [, name, labels = '', value = '', exemplar] = sampleLine.exec(line) ?? [];
  if (name === undefined) return [`not a sample: ${line}`];
  if (!family || !suffixes[family.type]?.some((suffix) => name === family.name + suffix))
    return [`not a sample of the family before it: ${line}`];
  family.samples.push({ name, labels, value, exemplar });
  return number.test(value) ? [] : [`not a number: ${line}`];
}

/** Two families must not share a name of a sample, nor may one come twice. */
function clashes(families: readonly Family[]): string[] {
  const names = families.flatMap(({ name, type }) => [...new Set([name, ...(suffixes[type] ?? []).map((each) => name + each)])]);
  return [...new Set(names.filter((name, index) => names.indexOf(name) !== index))].map((name) => `two families have ${name}`);
}

function faultsIn({ name, type, samples }: Family): string[] {
  const series = samples.map((sample) => `${sample.name}{${sample.labels}}`);
  const faults = series.filter((each, index) => series.indexOf(each) !== index).map((each) => `twice: ${each}`);
  if (type === 'counter')
    faults.push(...samples.filter(({ value }) => !(Number(value) >= 0)).map((each) => `below 0: ${each.name}`));
  for (const { name: sample, labels, exemplar } of samples) {
    if (exemplar === undefined) continue;
    if (!/_(?:bucket|total)$/.test(sample)) faults.push(`an exemplar of ${sample}`);
    if (exemplar.replace(/[="',]/g, '').length > 128) faults.push(`an exemplar too long: ${sample}{${labels}}`);
  }
  return type === 'histogram' ? [...faults, ...bucketFaults(name, samples)] : faults;
}

const withoutBound = (labels: string): string => labels.replace(/,?le="[^"]*"/, '').replace(/^,/, '');

/** Bounds are floats and rise, counts do not fall, and the last is the number of all. */
function bucketFaults(family: string, samples: readonly Sample[]): string[] {
  return [...Map.groupBy(samples, ({ labels }) => withoutBound(labels))].flatMap(([labels, all]) => {
    const buckets = all.filter(({ name }) => name.endsWith('_bucket'));
    const bounds = buckets.map(({ labels: each }) => /le="([^"]*)"/.exec(each)?.[1] ?? '');
    const counts = buckets.map(({ value }) => Number(value));
    const rises = bounds
      .slice(0, -1)
      .every((bound, index) => /\.|e-/.test(bound) && !(Number(bound) >= Number(bounds[index + 1])));
    const count = all.find(({ name }) => name.endsWith('_count'))?.value;
    const whole = bounds.at(-1) === '+Inf' && counts.every((each, index) => each >= (counts[index - 1] ?? 0));
    return rises && whole && Number(count) === counts.at(-1) ? [] : [`wrong buckets: ${family}{${labels}}`];
  });
}
