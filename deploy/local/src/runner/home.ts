import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The repository. */
export const root = fileURLToPath(new URL('../../../..', import.meta.url)).replace(/\/$/, '');

/** The folders of one fleet. It writes only here, so deleting the folder deletes the fleet. */
export interface Home {
  readonly path: string;
  /** Files of the servers. */
  readonly data: string;
  /** `<name>.pid` and `<name>.log` of every process, and `fleet.json`. */
  readonly run: string;
  /** Passwords and keys, readable only by their owner. */
  readonly secrets: string;
}

/** The home at a path. */
export function homeAt(path: string): Home {
  const at = resolve(path);
  return { path: at, data: join(at, 'data'), run: join(at, 'run'), secrets: join(at, 'secrets') };
}

/** `TRADECORE_HOME`, or `.local` in the repository. */
export const home = homeAt(process.env['TRADECORE_HOME'] || join(root, '.local'));

/** The test servers have their own home, so that a test run never touches a fleet in use. */
export const testHome = homeAt(join(home.path, 'test'));
