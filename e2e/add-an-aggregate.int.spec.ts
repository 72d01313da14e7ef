import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { watchlistOf } from './watchlist-of.ts';

const root = fileURLToPath(new URL('../', import.meta.url));
const page = readFileSync(join(root, 'docs/add-an-aggregate.md'), 'utf8');

/**
 * A copy of the files that the page changes, with the page applied: its own `@tradecore` packages, all others from the
 * repository.
 */
const tree = mkdtempSync(join(tmpdir(), 'add-an-aggregate-'));
afterAll(() => rmSync(tree, { recursive: true, force: true }));

const left = new Set(['dist', 'node_modules', 'golden']);
for (const folder of ['libs', 'services']) {
  const filter = (path: string): boolean => !left.has(path.split('/').at(-1) ?? '') || path.includes('/event-sourcing/');
  cpSync(join(root, folder), join(tree, folder), { recursive: true, filter });
}
writeFileSync(join(tree, 'package.json'), '{"type": "module"}');
linkPackages();
const blocks = [...page.matchAll(/^```ts (file|into)=(\S+)(?: (after|replace|before)="([^\n]+)")?\n(.*?)^```$/gms)];
for (const [, kind, name = '', how = '', where = '', text = ''] of blocks) {
  if (kind === 'file') write(name, text);
  else change(name, { how, where, text: text.trimEnd() });
}

function linkPackages(): void {
  const modules = join(tree, 'node_modules');
  mkdirSync(join(modules, '@tradecore'), { recursive: true });
  for (const name of readdirSync(join(root, 'node_modules'))) {
    if (name !== '@tradecore') symlinkSync(join(root, 'node_modules', name), join(modules, name));
  }
  for (const folder of ['libs', 'services']) {
    for (const name of readdirSync(join(tree, folder))) {
      symlinkSync(join(tree, folder, name), join(modules, '@tradecore', name));
      const own = join(root, folder, name, 'node_modules');
      if (existsSync(own)) symlinkSync(own, join(tree, folder, name, 'node_modules'));
    }
  }
}

function write(name: string, text: string): void {
  mkdirSync(dirname(join(tree, name)), { recursive: true });
  writeFileSync(join(tree, name), text);
}

/** Inserts the block where the page says; a place that is missing or ambiguous is a fault of the page. */
function change(name: string, { how, where, text }: { how: string; where: string; text: string }): void {
  const source = readFileSync(join(tree, name), 'utf8');
  if (source.split(where).length !== 2) throw new Error(`${name} has no single place "${where}"`);
  const changed = { after: `${where}\n${text}`, before: `${text}\n\n${where}`, replace: text.trim() }[how];
  write(
    name,
    source.replace(where, () => changed ?? where),
  );
}

// Its test of the rules registers itself.
await import(join(tree, 'libs/trading/src/watchlist.spec.ts'));

it('changes the files that it names, each at one place', () => {
  expect(blocks.filter(([, kind]) => kind === 'file')).toHaveLength(5);
  expect(blocks.filter(([, kind]) => kind === 'into').length).toBeGreaterThan(7);
});

it('its aggregate lives: asked over HTTP, stored by its one writer, on its way to its topic, refused by its rule', async () => {
  const found = await watchlistOf(tree);
  expect(found.answers).toEqual([
    { status: 200, symbols: ['ACME'] },
    { status: 200, symbols: ['ACME'] },
    { status: 200, symbols: ['ACME', 'BRK.B'] },
  ]);
  expect(found.events).toEqual([
    { type: 'SymbolWatched', symbol: 'ACME', account: found.account },
    { type: 'SymbolWatched', symbol: 'BRK.B', account: found.account },
  ]);
  expect(found.outbox).toEqual({ topic: 'transport.watchlist-events', keyIsItsId: true });
  expect(found.full).toMatchObject({ status: 409, code: 'watchlist-full' });
  expect(found.foreign).toBe(404);
  expect(found.otherWriter).toMatch(/order_saga does not write SymbolWatched of Watchlist/);
}, 60_000);
