import { createRequire } from 'node:module';

const compare = createRequire(import.meta.url)('semver/functions/compare') as (a: string, b: string) => number;

/** Whether a release is newer than our own: what it has parked is its own to try again. */
export const isNewer = (release: string, own: string): boolean => compare(release, own) > 0;

/** Of the releases that rows name those that are older, and those that are newer than our own. */
export function comparedTo(own: string, rows: readonly { readonly release: string }[]): { older: string[]; newer: string[] } {
  const releases = rows.map(({ release }) => release);
  return { older: releases.filter((each) => isNewer(own, each)), newer: releases.filter((each) => isNewer(each, own)) };
}
