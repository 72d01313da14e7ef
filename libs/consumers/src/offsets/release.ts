import { createRequire } from 'node:module';

const compare = createRequire(import.meta.url)('semver/functions/compare') as (a: string, b: string) => number;

/** Whether a release is newer than our own: only that release retries what it has parked. */
export const isNewer = (release: string, own: string): boolean => compare(release, own) > 0;

/** Splits the releases named by rows into those older and those newer than our own. */
export function comparedTo(own: string, rows: readonly { readonly release: string }[]): { older: string[]; newer: string[] } {
  const releases = rows.map(({ release }) => release);
  return { older: releases.filter((each) => isNewer(own, each)), newer: releases.filter((each) => isNewer(each, own)) };
}
