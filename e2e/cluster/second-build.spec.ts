import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { asSecondBuild, chartCopy, second } from './second-build.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

describe('the next release that is made of this tree', () => {
  let folder: string;
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'second-build-'))));
  afterEach(() => rmSync(folder, { recursive: true }));

  it('has a migration more, and the fold of orders one version higher, which fills its column', () => {
    cpSync(join(root, 'libs/read-models'), join(folder, 'libs/read-models'), {
      recursive: true,
      filter: (path) => !/node_modules|dist/.test(path),
    });
    const fold = () => readFileSync(join(folder, 'libs/read-models/src/orders.projector.ts'), 'utf8');
    const [, version] = /name: 'order-projector'.*version: (\d+)/.exec(fold()) ?? [];
    asSecondBuild(folder);
    expect(Number(/name: 'order-projector'.*version: (\d+)/.exec(fold())?.[1])).toBe(Number(version) + 1);
    expect(second.foldVersion).toBe(Number(version) + 1);
    expect(fold()).toContain(`status: 'pendingNew', ${second.column}: `);
    expect(() => asSecondBuild(folder)).toThrow('does not say');
  });

  it('has a chart of its version and its image', () => {
    const copy = chartCopy(join(root, 'helm/tradecore'), folder, { version: '0.99.0', image: '0.99.0' });
    expect(readFileSync(join(copy, 'Chart.yaml'), 'utf8')).toMatch(/^version: 0\.99\.0\nappVersion: 0\.99\.0$/m);
  });
});
