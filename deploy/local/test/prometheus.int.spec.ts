import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { homeAt } from '../src/runner/home.ts';
import type { Supervised } from '../src/runner/processes.ts';
import { startWatch } from '../src/watch/watch.ts';

const quiet = async <T>(_: string, work: (remark: (text: string) => void) => Promise<T> | T): Promise<T> => work(() => {});

describe('the Prometheus of a watched fleet', () => {
  const home = homeAt(mkdtempSync(join(tmpdir(), 'watched-')));
  const own: Supervised[] = [];
  let address = '';

  beforeAll(async () => {
    const services = [
      { name: 'order-projector', service: 'order-projector', adminPort: 1 },
      { name: 'order-projector-2', service: 'order-projector', adminPort: 2 },
    ];
    const lines = await startWatch({ home, services, step: quiet, onCrash: () => undefined, own });
    address = lines.find(([name]) => name === 'Prometheus')?.[1] ?? '';
  }, 180_000); // Debian's package is unpacked once
  afterAll(async () => {
    for (const each of own) await each.stop();
    rmSync(home.path, { recursive: true, force: true });
  });

  const ask = async (path: string): Promise<{ groups: unknown[]; yaml: string }> =>
    ((await (await fetch(`${address}/api/v1/${path}`)).json()) as { data: never }).data;

  it('reads every process under the name of its service and its own', async () => {
    const { yaml } = await ask('status/config');
    expect(yaml.match(/job_name: .*/g)).toEqual(['job_name: order-projector']);
    expect(yaml.match(/(127.*|instance: .*)/g)).toEqual([
      '127.0.0.1:1',
      'instance: order-projector',
      '127.0.0.1:2',
      'instance: order-projector-2',
    ]);
  });

  it('has every group of rules', async () => {
    expect((await ask('rules')).groups.length).toBeGreaterThan(2);
  });
});
