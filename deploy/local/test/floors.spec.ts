import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { checkFloors } from '../src/testing/floors.ts';

interface Sample {
  /** Where it stands; `libs/<name>` when absent. */
  readonly path?: string;
  readonly name: string;
  readonly tags?: readonly string[];
  readonly dependencies?: Record<string, string>;
  readonly source?: string;
  /** Of the source; `src/index.ts` when absent. */
  readonly file?: string;
}

describe('the floors', () => {
  let root: string;
  beforeEach(() => (root = mkdtempSync(join(tmpdir(), 'floors-'))));
  afterEach(() => rmSync(root, { recursive: true }));

  function house(...samples: Sample[]): string[] {
    for (const folder of ['libs', 'services', 'deploy']) mkdirSync(join(root, folder));
    for (const { name, path = `libs/${name}`, tags, dependencies, source = '', file = 'src/index.ts' } of samples) {
      mkdirSync(dirname(join(root, path, file)), { recursive: true });
      const manifest = { name: `@tradecore/${name}`, nx: { tags }, dependencies };
      writeFileSync(join(root, path, 'package.json'), JSON.stringify(manifest));
      writeFileSync(join(root, path, file), source);
    }
    return checkFloors(root);
  }
  const ground = { name: 'events', tags: ['floor:1'] };
  const runner = { name: 'local', path: 'deploy/local', tags: ['floor:6'], file: 'src/runner/start.ts' };
  const proofs = { name: 'e2e', path: 'e2e', tags: ['floor:7'], file: 'world.ts' };
  const bench = { name: 'bench', path: 'bench', tags: ['floor:8'], file: 'append.bench.ts' };

  it('hold in this repository', () => expect(checkFloors(fileURLToPath(new URL('../../..', import.meta.url)))).toEqual([]));

  it('accept a dependency on a lower floor', () => {
    const upper = { name: 'messaging', tags: ['floor:2'], dependencies: { '@tradecore/events': '*' } };
    expect(house(ground, { ...upper, source: `import '@tradecore/events';` })).toEqual([]);
  });

  it('refuse a dependency that goes up', () => {
    const upper = { name: 'messaging', tags: ['floor:2'] };
    expect(house({ ...ground, dependencies: { '@tradecore/messaging': '*' } }, upper)).toEqual([
      '@tradecore/events (floor 1) depends on @tradecore/messaging (floor 2): down only',
    ]);
  });

  it('refuse a dependency that goes sideways', () => {
    const neighbour = { name: 'money', tags: ['floor:1'], dependencies: { '@tradecore/events': '*' } };
    expect(house(ground, neighbour)).toHaveLength(1);
  });

  it('refuse an import that the package does not declare', () => {
    const sly = { name: 'messaging', tags: ['floor:2'], source: `await import('@tradecore/events');` };
    expect(house(ground, sly)).toEqual([
      '@tradecore/messaging: src/index.ts imports @tradecore/events, which its package.json does not name',
    ]);
  });

  it('refuse a package without a floor', () => expect(house({ name: 'attic' })).toHaveLength(1));

  it('let e2e import the runner, and bench both', () => {
    const start = `import { start } from '../deploy/local/src/runner/start.ts';`;
    const world = `import { world } from '../e2e/world.ts';`;
    expect(house(runner, { ...proofs, source: start }, { ...bench, source: `${start}\n${world}` })).toEqual([]);
  });

  it('refuse that the runner imports e2e, and e2e bench', () => {
    const up = [
      { ...runner, source: `await import('../../../../e2e/world.ts');` },
      { ...proofs, source: `import '../bench/append.bench.ts';` },
      bench,
    ];
    expect(house(...up)).toEqual([
      'deploy/local/src/runner/start.ts (floor 6) imports e2e/world.ts (floor 7): down only',
      'e2e/world.ts (floor 7) imports bench/append.bench.ts (floor 8): down only',
    ]);
  });

  it.each([
    ['deploy/local/src/runner/start.ts', runner],
    ['e2e/world.ts', proofs],
    ['bench/append.bench.ts', bench],
  ])('refuse that a lib imports %s, in a test as well', (target, above) => {
    const lib = { ...ground, file: 'test/killed.int.spec.ts', source: `import '../../../${target}';` };
    expect(house(lib, above)).toEqual([
      expect.stringMatching(`^libs/events/test/killed.int.spec.ts .floor 1. imports ${target} .floor .`),
    ]);
  });
});
