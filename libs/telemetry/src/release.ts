import { readFileSync } from 'node:fs';

/** The running release: the version in the root package.json, which every image contains. */
export const runningRelease = (
  JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')) as { readonly version: string }
).version;
