import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const compare = createRequire(import.meta.url)('semver/functions/compare') as (a: string, b: string) => number;

/** The release that runs: the version in the root's package.json, which every image has. */
export const runningRelease = (
  JSON.parse(readFileSync(new URL('../../../../package.json', import.meta.url), 'utf8')) as { readonly version: string }
).version;

/** Whether a release is newer than our own: what it has parked is its own to try again. */
export const isNewer = (release: string, own: string): boolean => compare(release, own) > 0;

/** Of some releases those that are older, and those that are newer than our own. */
export const comparedTo = (own: string, releases: readonly string[]): { older: string[]; newer: string[] } => ({
  older: releases.filter((each) => isNewer(own, each)),
  newer: releases.filter((each) => isNewer(each, own)),
});
