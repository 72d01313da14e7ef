import { globSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';

const root = new URL('../../../', import.meta.url).pathname;
const page = readFileSync(`${root}docs/refusals.md`, 'utf8');
const sourceOf = (pattern: string): string =>
  globSync(pattern, { cwd: root })
    .filter((path) => !path.endsWith('.spec.ts') && !path.includes('/test/'))
    .map((path) => readFileSync(`${root}${path}`, 'utf8'))
    .join('\n');
const sources = sourceOf('{libs/{trading,service,event-sourcing}/src/**,services/{command-api,query-api}/src/**}/*.ts');

it('the page on refusals names no code that is never answered', () => {
  const named = page
    .split('\n')
    .filter((line) => line.startsWith('|'))
    .flatMap((line) => [...(line.split('|')[2] ?? '').matchAll(/`([a-z]+(?:-[a-z]+)+)`/g)].map(([, code = '']) => code));
  expect(named.length).toBeGreaterThan(30);
  expect(named.filter((code) => !sources.includes(`'${code}'`))).toEqual([]);
});

describe('every problem', () => {
  /** Made from a reason in auth.ts. */
  const tokens = ['missing-token', 'expired-token', 'invalid-token'];
  const pages = globSync('docs/problems/*.md', { cwd: root }).map((path) => basename(path, '.md'));

  it('has its own page', () => {
    const codes = [
      ...sources.matchAll(/^ *readonly code = '([a-z-]+)'/gm),
      ...sources.matchAll(/RequestRefused\(\s*\d+,\s*'([a-z-]+)'/g),
      ...sources.matchAll(/^\s*(?:FST_|HPE_|ERR_|\d{3}: ).*'([a-z]+(?:-[a-z]+)+)'/gm),
    ]
      .map(([, code = '']) => code)
      .concat(tokens);
    expect(codes.length).toBeGreaterThan(40);
    expect([...new Set(codes)].filter((code) => !pages.includes(code))).toEqual([]);
  });

  it('with a page is answered somewhere', () => {
    expect(pages.filter((code) => !tokens.includes(code) && !sources.includes(`'${code}'`))).toEqual([]);
  });
});
