import { insiders } from '../../src/runner/service-list.ts';

/** Series by their name and labels, with their values from minute 0 on as promtool writes them: `0x300`. */
export type Series = Readonly<Record<string, string>>;

/** What one alert sees. The namespace is added: each case is a fleet of its own, beside all others. */
export interface Case {
  /** Its name; and its window, where several rules have the name. */
  readonly alert: string;
  /** The fault begins within the first hour and lasts. */
  readonly broken: Series;
  /** The same without a fault. */
  readonly healthy: Series;
  /** It takes hours: judged after four of them, all others after an hour and a half. */
  readonly isSlow?: boolean;
  /** Alerts that the same fault raises as well. */
  readonly also?: readonly string[];
}

/** Four hours. */
export const ever = 'x240';

/** A fleet in which every service runs. Other cases have no processes at all, which is no fault by itself. */
const wholeFleet: Series = {
  ...Object.fromEntries(
    insiders.map(({ name }) => [
      `tradecore_build_info{service="${name}",version="1",revision="a",instance="${name}"}`,
      `1${ever}`,
    ]),
  ),
  'tradecore_relay_lease_owner{instance="outbox-relay"}': `1${ever}`,
};

/** A case in which processes are counted. */
export const ofProcesses = (each: Case): Case => ({
  ...each,
  broken: { ...wholeFleet, ...each.broken },
  healthy: { ...wholeFleet, ...each.healthy },
});

/** A gauge of a table: two instances say the same of it. */
export const replicated = (name: string, labels: string, values: string): Series =>
  Object.fromEntries(['1', '2'].map((instance) => [`${name}{${labels}${labels && ','}instance="${instance}"}`, values]));

/** A gauge of a table whose value says whether there is a fault. */
export const gaugeCase = (alert: string, name: string, labels = '', [bad, good] = ['3', '0']): Case => ({
  alert,
  broken: replicated(name, labels, `${bad}${ever}`),
  healthy: replicated(name, labels, `${good}${ever}`),
});

/** A gauge of each server of its own. */
export const ownCase = (alert: string, name: string, labels = '', [bad, good] = ['3', '0']): Case => {
  const series = `${name}{${labels}${labels && ','}instance="1"}`;
  return { alert, broken: { [series]: `${bad}${ever}` }, healthy: { [series]: `${good}${ever}` } };
};

/** A counter of rare faults: it is born with the first, before anything was scraped; or has been what it is for long. */
export const counterCase = (alert: string, name: string, labels = ''): Case => ({
  alert,
  broken: {
    [`${name}{${labels}${labels && ','}instance="1"}`]: `_x20 1${ever}`,
    [`${name}{${labels}${labels && ','}instance="2"}`]: `0${ever}`,
  },
  healthy: replicated(name, labels, `0${ever}`),
});
