import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Migration, Transaction } from '@tradecore/event-sourcing';
import { freshId } from '@tradecore/events';
import { sampleTerms } from '@tradecore/events/testing';
import { TestReadModels } from '@tradecore/read-models/testing';
import { projectorService } from '@tradecore/service/projector';
import { TestProjector } from '@tradecore/service/testing';
import type { ProjectorClass } from '@tradecore/consumers';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const page = readFileSync(join(root, 'docs/add-a-read-model.md'), 'utf8');

/** The blocks of the page by the file that they name, and the fragment that goes into an existing file. */
const blocks = new Map(
  [...page.matchAll(/^```\w+ (?:file=)?(\S+)\n(.*?)^```$/gms)].map(([, name, text]): [string, string] => [
    name ?? '',
    text ?? '',
  ]),
);
const block = (name: string): string => {
  const text = blocks.get(name);
  if (text === undefined) throw new Error(`the page has no block ${name}`);
  return text;
};

/** A tree of its own beside the repository, with the page's files in their places. */
const tree = mkdtempSync(join(tmpdir(), 'add-a-read-model-'));
symlinkSync(join(root, 'node_modules'), join(tree, 'node_modules'));
write('package.json', '{"type": "module"}');
for (const [name, text] of blocks) {
  if (name !== 'fragment') write(name, text.replace("'@tradecore/read-models'", `'../../../libs/read-models/src/index.ts'`));
}
write(
  'libs/read-models/src/index.ts',
  `import { readMigrations } from '@tradecore/event-sourcing';
   import { readModelMigrations as others } from '@tradecore/read-models';
   import { projectorMigration } from '@tradecore/consumers';
   import { Symbols } from './symbols.projector.ts';
   export { Symbols };
   export const added = [${block('fragment')} ...readMigrations(new URL('../schema/', import.meta.url))];
   export const readModelMigrations = [...others, ...added];`,
);
afterAll(() => rmSync(tree, { recursive: true }));

function write(name: string, text: string): void {
  mkdirSync(dirname(join(tree, name)), { recursive: true });
  writeFileSync(join(tree, name), text);
}

const load = async <T>(name: string): Promise<T> => (await import(join(tree, name))) as T;

// Its test of the fold registers itself.
await import(join(tree, 'libs/read-models/src/symbols.spec.ts'));

it('its main.ts is that of the other projectors', () => {
  const model = readFileSync(join(root, 'services/order-projector/src/main.ts'), 'utf8');
  const bare = model.replaceAll(', withReadCache', '');
  const named = bare.replace('{ Orders, readModelMigrations }', '{ readModelMigrations, Symbols }').replace('Orders', 'Symbols');
  expect(block('services/symbol-projector/src/main.ts')).toBe(named);
});

it('its service builds the model from the store, follows the topic, and builds it anew', async () => {
  const { added, Symbols } = await load<{ added: Migration[]; Symbols: ProjectorClass }>('libs/read-models/src/index.ts');
  const { busiestSymbols } = await load<{ busiestSymbols(db: Transaction, limit: number): Promise<object[]> }>(
    'libs/read-models/src/symbols.queries.ts',
  );
  const place = (models: TestReadModels, symbols: readonly string[]) =>
    Promise.all(
      symbols.map((symbol) => models.place({ ...sampleTerms({ accountId: freshId(), symbol }), clientOrderId: freshId() })),
    );
  const models = await TestReadModels.create({ projected: false, migrations: added });
  await place(models, ['ACME', 'ACME', 'BRK.B']);
  const projector = await TestProjector.start(projectorService(Symbols, added), models);
  const shows = async (expected: object[]) => {
    while (JSON.stringify(await busiestSymbols(projector.db, 10)) !== JSON.stringify(expected)) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };

  try {
    await shows([
      { symbol: 'ACME', orders: 2 },
      { symbol: 'BRK.B', orders: 1 },
    ]);
    await place(models, ['BRK.B', 'BRK.B', 'ACME', 'BRK.B']);
    await projector.relay();
    const all = [
      { symbol: 'BRK.B', orders: 4 },
      { symbol: 'ACME', orders: 3 },
    ];
    await shows(all);
    await models.database.dataSource.query('update symbol_projector.symbols set orders = 0');
    await models.database.dataSource.query('select symbol_projector.rebuild()');
    await shows(all);
  } finally {
    await projector.drop();
  }
}, 60_000);
