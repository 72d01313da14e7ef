import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const read = (path: string): string => readFileSync(join(root, path), 'utf8');
const { scripts } = JSON.parse(read('package.json')) as { scripts: Readonly<Record<string, string>> };
const tests = execFileSync('git', ['ls-files', '-co', '--exclude-standard', '*.spec.ts'], { cwd: root, encoding: 'utf8' })
  .split('\n')
  .filter((file) => file !== '');
const pages = ['docs/guarantees.md', 'docs/checklist.md'];

/** The last cell of each row of a page's tables that has three. */
const lastCells = (page: string): string[] =>
  [...read(page).matchAll(/^\| (?!what \||promise \|).+ \| .+ \| (.+) \|$/gm)].map(([, cell = '']) => cell);
const commandsIn = (text: string): string[] => [...text.matchAll(/`((?:npm|npx) [^`]+)`/g)].map(([, command = '']) => command);

/** What a command names that is not there. */
function missing(command: string): string[] {
  const [program = '', word = '', ...rest] = command.split(' ');
  if (program === 'npx') return word === 'tradecore' ? [] : [word];
  const script = word === 'run' ? rest.find((each) => !each.startsWith('-')) : word;
  if (script === undefined || scripts[script] === undefined) return [command];
  const named = script === 'test' ? rest.filter((each) => each !== '--') : [];
  return named.filter((path) => path !== 'FILE' && !tests.some((file) => file.includes(path)));
}

describe.each(pages)('%s', (page) => {
  it('names a command for each line', () => {
    const cells = lastCells(page);
    expect(cells.length).toBeGreaterThan(20);
    expect(cells.filter((cell) => commandsIn(cell).length === 0)).toEqual([]);
  });

  it('names no script and no file of tests that is not there', () => {
    expect(commandsIn(read(page)).flatMap(missing)).toEqual([]);
  });
});

describe('a command that is not there', () => {
  it.each(['npm run nothing', 'npm test -- libs/nothing', 'npx nothing'])('is found: %s', (command) => {
    expect(missing(command)).toHaveLength(1);
  });
});
