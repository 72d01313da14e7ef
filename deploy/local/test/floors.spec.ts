import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { checkFloors } from '../src/floors.ts';

interface Sample {
  readonly name: string;
  readonly tags?: readonly string[];
  readonly dependencies?: Record<string, string>;
  readonly source?: string;
}

describe('the floors', () => {
  let root: string;
  beforeEach(() => (root = mkdtempSync(join(tmpdir(), 'floors-'))));
  afterEach(() => rmSync(root, { recursive: true }));

  function house(...samples: Sample[]): string[] {
    for (const folder of ['libs', 'services', 'deploy']) mkdirSync(join(root, folder));
    for (const { name, tags, dependencies, source = '' } of samples) {
      mkdirSync(join(root, 'libs', name, 'src'), { recursive: true });
      const manifest = { name: `@tradecore/${name}`, nx: { tags }, dependencies };
      writeFileSync(join(root, 'libs', name, 'package.json'), JSON.stringify(manifest));
      writeFileSync(join(root, 'libs', name, 'src', 'index.ts'), source);
    }
    return checkFloors(root);
  }
  const ground = { name: 'events', tags: ['floor:1'] };

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
});
