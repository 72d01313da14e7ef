import { globSync, readFileSync } from 'node:fs';

const root = new URL('../../../', import.meta.url).pathname;
const page = readFileSync(`${root}docs/refusals.md`, 'utf8');
const sources = ['libs/{trading,service,event-sourcing}/src/**/*.ts', 'services/command-api/src/*.ts']
  .flatMap((pattern) => globSync(pattern, { cwd: root }))
  .filter((path) => !path.endsWith('.spec.ts'))
  .map((path) => readFileSync(`${root}${path}`, 'utf8'))
  .join('\n');

it('the page on refusals names no code that nobody answers', () => {
  const named = page
    .split('\n')
    .filter((line) => line.startsWith('|'))
    .flatMap((line) => [...(line.split('|')[2] ?? '').matchAll(/`([a-z]+(?:-[a-z]+)+)`/g)].map(([, code = '']) => code));
  expect(named.length).toBeGreaterThan(30);
  expect(named.filter((code) => !sources.includes(`'${code}'`))).toEqual([]);
});
