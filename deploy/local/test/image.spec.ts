import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const read = (path: string): string => readFileSync(join(root, path), 'utf8');

/** A pattern of .dockerignore, as Docker reads it. */
const expression = (pattern: string): RegExp =>
  new RegExp(
    `^${pattern
      .replace(/[.+^${}()|[\]\\]/g, '\\$&')
      .replaceAll('**/', '\0')
      .replaceAll('*', '[^/]*')
      .replaceAll('\0', '(.*/)?')}$`,
  );
const rules = read('.dockerignore')
  .split('\n')
  .filter((line) => line !== '' && !line.startsWith('#'))
  .map((line) => ({ takes: line.startsWith('!'), pattern: expression(line.replace(/^!/, '')) }));

/** The path and every folder above it. */
const andAbove = (path: string): string[] => (path === '.' ? [] : [path, ...andAbove(dirname(path))]);

/** The last rule that knows a path, or a folder above it, decides. */
const enters = (path: string): boolean =>
  rules.findLast(({ pattern }) => andAbove(path).some((each) => pattern.test(each)))?.takes ?? true;

describe('what Docker is sent', () => {
  const files = execFileSync('git', ['ls-files', '-co', '--exclude-standard'], { cwd: root, encoding: 'utf8' })
    .split('\n')
    .filter((path) => path !== '' && existsSync(join(root, path)));
  const sent = files.filter(enters);

  it('are the sources that run, the manifests, and what builds them', () => {
    const folders = (path: string) => (/^(libs|services)\//.test(path) ? path.replace(/\/.*/, '/') : path);
    const places = new Set(sent.map(folders).filter((path) => path.includes('/')));
    expect([...places].sort()).toEqual([
      'bench/package.json',
      'deploy/local/package.json',
      'e2e/package.json',
      'libs/',
      'services/',
    ]);
    const needed = files.filter((path) => /^(libs|services)\/[^/]+\/(src|schema|bin)\/(?!.*(\.spec\.ts$|\btest\/))/.test(path));
    expect(needed.length).toBeGreaterThan(400);
    expect(needed.filter((path) => !enters(path))).toEqual([]);
    expect(['package-lock.json', '.npmrc', '.swcrc', 'nx.json', 'typescript-hook.mjs'].filter((path) => !enters(path))).toEqual(
      [],
    );
  });

  it.each([
    ...['.env', '.env.production', 'services/command-api/.env', '.git/config', '.local/secrets/operator.env', '.github/x.yml'],
    ...[
      'node_modules/a/index.js',
      'libs/money/node_modules/a/index.js',
      'libs/money/dist/index.js',
      '.nx/cache/x',
      'helm/x.yaml',
    ],
    ...['libs/consumers/test/world.ts', 'libs/event-sourcing/src/test/parts.ts', 'libs/money/src/money.spec.ts', 'docs/x.md'],
    ...['e2e/main.ts', 'deploy/local/src/main.ts', 'coverage/x', 'services/operate/coverage/x'],
  ])('is not %s', (path) => expect(enters(path)).toBe(false));

  it('has no test', () => expect(sent.filter((path) => /\.spec\.ts$|(^|\/)tests?\//.test(path))).toEqual([]));
});

describe('the image', () => {
  const dockerfile = read('deploy/Dockerfile');
  const [last = ''] = dockerfile.split(/^(?=FROM )/m).slice(-1);

  it('stands on images that a release names by digest', () => {
    const images = [...dockerfile.matchAll(/^FROM (\S+)/gm)].map(([, image]) => image);
    const stages = [...dockerfile.matchAll(/^FROM \S+ AS (\S+)/gm)].map(([, stage]) => stage);
    const named = images.filter((image) => !stages.includes(image));
    expect(named).toEqual(['${NODE_IMAGE}', '${BASE_IMAGE}']);
    expect(read('.github/workflows/release.yml')).toMatch(/NODE_IMAGE=\$\{\{.*\n\s*BASE_IMAGE=\$\{\{/);
  });

  it('has Node of the image that has npm, yarn and corepack, and nothing else of it', () => {
    expect(last).toMatch(/^FROM \$\{BASE_IMAGE\}\n/);
    const copied = [...last.matchAll(/^COPY --from=toolchain (.*)$/gm)].map(([, paths]) => paths);
    expect(copied).toEqual(['/usr/local/bin/node /usr/local/bin/node']);
  });

  it('has what npm lays beside a workspace', () => {
    const { packages } = JSON.parse(read('package-lock.json')) as { packages: Record<string, { dev?: boolean }> };
    const nested = Object.keys(packages).filter((path) => /^(libs|services)\/[^/]+\/node_modules\//.test(path));
    const folders = new Set(nested.filter((path) => packages[path]?.dev !== true).map((path) => path.replace(/\/.*/, '')));
    expect([...folders].filter((folder) => !last.includes(`COPY --from=dependencies /app/${folder} ${folder}\n`))).toEqual([]);
    expect(folders.size).toBeGreaterThan(0);
  });

  it('is compiled with the flags with which it runs, by the same user: other code is not used', () => {
    const [, ran = ''] = /^ENTRYPOINT \["node", (.*)\]$/m.exec(last) ?? [];
    const flags = ran.replaceAll(/[",]/g, '');
    expect(flags).not.toBe('');
    expect(last).toContain(`timeout 60 node ${flags} "\${main}"`);
    expect(last.indexOf('USER 10001:10001')).toBeLessThan(last.indexOf('timeout 60 node'));
  });

  it('carries its labels', () => {
    const labels = [...last.matchAll(/org\.opencontainers\.image\.([a-z.]+)=/g)].map(([, label]) => label);
    expect(labels).toEqual(['title', 'description', 'licenses', 'version', 'revision', 'source', 'base.name']);
  });
});
