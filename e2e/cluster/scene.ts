import type { Stage } from './stage.ts';

/** One thing that is proved on a real cluster. */
export interface Scene {
  /** For `--only`. */
  readonly name: string;
  /** In a line of the table. */
  readonly proves: string;
  /** Throws when it is not so; returns the figures of what was seen. */
  readonly run: (stage: Stage) => Promise<string>;
}
