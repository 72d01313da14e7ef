import { readFileSync } from 'node:fs';

/** The release that runs: the version in the root's package.json, which every image has. */
export const runningRelease = (
  JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')) as { readonly version: string }
).version;
