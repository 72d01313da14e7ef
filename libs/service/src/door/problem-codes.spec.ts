import { globSync } from 'node:fs';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { problemCodes } from './problem-codes.ts';

it('every problem with a page is counted from zero', () => {
  const root = fileURLToPath(new URL('../../../..', import.meta.url));
  const pages = globSync('docs/problems/*.md', { cwd: root }).map((path) => basename(path, '.md'));
  expect([...problemCodes]).toEqual(pages.toSorted());
});
