import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const door = fileURLToPath(new URL('../run.mjs', import.meta.url));

describe('the door of the npm scripts', () => {
  const bare = mkdtempSync(join(tmpdir(), 'bare-path-'));
  afterAll(() => rmSync(bare, { recursive: true }));

  it('names everything that is missing at once: what was looked for, where, and the command that installs it', () => {
    symlinkSync(process.execPath, join(bare, 'node'));
    const { status, stderr } = spawnSync(process.execPath, [door, 'start'], {
      encoding: 'utf8',
      env: { PATH: bare, TRADECORE_HOME: bare },
    });
    expect(status).toBe(1);
    for (const program of ['npm', 'java']) expect(stderr).toContain(`looked for \`${program}\` in ${bare}`);
    expect(stderr).toMatch(/Install: .*(apt-get install -y openjdk-17|brew install openjdk@17)/);
  });

  it('says which commands there are', () => {
    const { status, stderr } = spawnSync(process.execPath, [door, 'dance'], { encoding: 'utf8' });
    expect(status).toBe(1);
    expect(stderr).toContain('No command "dance". There are: start, test, check');
  });
});
