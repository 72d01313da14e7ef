/** What a dashboard shows, as data: `dashboard.ts` makes Grafana's JSON of it, the tests run its queries. */
export interface Board {
  /** Stable, for links and bookmarks. */
  readonly uid: string;
  readonly title: string;
  /** The questions that this board answers. */
  readonly description: string;
  readonly rows: readonly Row[];
}

/** Panels under one heading. */
export interface Row {
  readonly title: string;
  readonly panels: readonly Panel[];
}

/** One panel: what it asks, in which unit, and where to read on. */
export interface Panel {
  readonly title: string;
  /** What the figure means, and from when on it is bad. */
  readonly description: string;
  /** `number`: the newest value of each series. `lines`: over time. `heatmap`: a histogram over time. `table`: a row a series. */
  readonly shows: 'number' | 'lines' | 'heatmap' | 'table';
  readonly unit: Unit;
  readonly queries: readonly Query[];
  /** Page of docs/runbooks, without `.md`. */
  readonly runbook: string;
  /** Of 24 columns. */
  readonly width: number;
  /** From these values on it is shown yellow, and red. A red below yellow: small values are bad. */
  readonly bad?: { readonly yellow?: number; readonly red: number };
  /** Words in the place of values: `{ 1: 'on', 0: 'off' }`. */
  readonly words?: Readonly<Record<number, string>>;
  /**
   * The series exists only where something is outside the local fleet (another server's exporter), or after an event
   * that a healthy fleet never sees: no data is not a fault.
   */
  readonly mayBeEmpty?: true;
}

/** A PromQL expression and the name of its series. */
export interface Query {
  readonly expr: string;
  /** With `{{label}}`; a table needs none. */
  readonly legend: string;
}

/** Grafana's names of the units in use. */
export type Unit = 's' | 'percentunit' | 'short' | 'reqps' | 'cps' | 'bytes' | 'none' | 'bool' | 'dateTimeFromNow';
