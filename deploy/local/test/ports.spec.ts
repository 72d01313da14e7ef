import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { homeAt, type Home } from '../src/runner/home.ts';
import { choosePorts } from '../src/runner/ports.ts';

const source = fileURLToPath(new URL('../src/', import.meta.url));

/** The ports that another process chooses in a home. */
function chosenElsewhere(home: Home, requests: Record<string, number>): Record<string, number> {
  const script = `import { choosePorts } from '${source}runner/ports.ts'; import { homeAt } from '${source}runner/home.ts';
    console.log(JSON.stringify(await choosePorts(homeAt('${home.path}'), ${JSON.stringify(requests)})))`;
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
  if (stdout === '') throw new Error(stderr);
  return JSON.parse(stdout) as Record<string, number>;
}

describe('ports', () => {
  let homes: Home[];
  beforeEach(() => (homes = [1, 2].map(() => homeAt(mkdtempSync(join(tmpdir(), 'ports-'))))));
  afterEach(() => homes.forEach(({ path }) => rmSync(path, { recursive: true })));

  it('are all different, and the same again in the next run', () => {
    const requests = { a: 0, b: 0, c: 0 };
    const first = chosenElsewhere(homes[0]!, requests);
    expect(new Set(Object.values(first)).size).toBe(3);
    expect(chosenElsewhere(homes[0]!, requests)).toEqual(first);
  });

  it('are not given twice to fleets that start at once, before either listens', async () => {
    const { a = 0 } = await choosePorts(homes[0]!, { a: 0 });
    expect(chosenElsewhere(homes[1]!, { a })).not.toEqual({ a });
  });

  it('on which a server listens are left alone', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    expect(chosenElsewhere(homes[0]!, { a: port })).not.toEqual({ a: port });
    server.close();
  });
});
