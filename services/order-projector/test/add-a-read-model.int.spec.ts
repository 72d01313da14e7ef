import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Migration, Transaction } from '@tradecore/event-sourcing';
import { freshId, topics } from '@tradecore/events';
import { sampleTerms } from '@tradecore/events/testing';
import { createTestKafka } from '@tradecore/messaging/testing';
import { TestReadModels } from '@tradecore/read-models/testing';
import type { ServiceOptions } from '@tradecore/service';
import { startTestService } from '@tradecore/service/testing';
import { rebuildProjection, type ProjectorClass } from '@tradecore/consumers';

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
  const named = model.replaceAll('orderProjector', 'symbolProjector').replaceAll('order-projector', 'symbol-projector');
  expect(block('services/symbol-projector/src/main.ts')).toBe(named);
});

it('its service builds the model from the store, follows the topic, and builds it anew', async () => {
  const { added, Symbols } = await load<{ added: Migration[]; Symbols: ProjectorClass }>('libs/read-models/src/index.ts');
  const { busiestSymbols } = await load<{ busiestSymbols(db: Transaction, limit: number): Promise<object[]> }>(
    'libs/read-models/src/symbols.queries.ts',
  );
  const { symbolProjector } = await load<{ symbolProjector: ServiceOptions }>(
    'services/symbol-projector/src/symbol-projector.ts',
  );
  const declarations = [topics.orderEvents, topics.deadLetters, topics.relayPosition];
  const [models, kafka] = await Promise.all([
    TestReadModels.create({ projected: false, migrations: added }),
    createTestKafka({ declarations }),
  ]);
  const place = (symbol: string) => models.place({ ...sampleTerms({ accountId: freshId(), symbol }), clientOrderId: freshId() });
  const reader = await models.database.dataSourceFor('query-api');
  const shows = async (expected: object[]) => {
    while (JSON.stringify(await busiestSymbols(reader, 10)) !== JSON.stringify(expected)) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };

  await Promise.all(['ACME', 'ACME', 'BRK.B'].map(place));
  const service = await startTestService(symbolProjector, {
    DATABASE_URL: models.database.urlFor('symbol-projector'),
    KAFKA_BROKERS: kafka.brokers.join(),
    NAMESPACE: kafka.namespace,
  });
  try {
    await shows([
      { symbol: 'ACME', orders: 2 },
      { symbol: 'BRK.B', orders: 1 },
    ]);
    await Promise.all(['BRK.B', 'BRK.B', 'ACME', 'BRK.B'].map(place));
    await models.relay(kafka.kafka);
    const all = [
      { symbol: 'BRK.B', orders: 4 },
      { symbol: 'ACME', orders: 3 },
    ];
    await shows(all);
    await models.database.dataSource.query('update symbol_projector.symbols set orders = 0');
    await rebuildProjection(Symbols, { dataSource: models.database.dataSource });
    await shows(all);
  } finally {
    await service.stop();
    await Promise.all([models.drop(), kafka.drop()]);
  }
}, 60_000);
