import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The repository. */
export const root = fileURLToPath(new URL('../../../..', import.meta.url)).replace(/\/$/, '');

/** The folders of one fleet. Everything that it writes lies in here, so that to remove the folder is to forget the fleet. */
export interface Home {
  readonly path: string;
  /** Files of the servers. */
  readonly data: string;
  /** `<name>.pid` and `<name>.log` of every process, and what the fleet says about itself. */
  readonly run: string;
  /** Passwords and keys, readable by their owner alone. */
  readonly secrets: string;
}

/** The home at a path. */
export function homeAt(path: string): Home {
  const at = resolve(path);
  return { path: at, data: join(at, 'data'), run: join(at, 'run'), secrets: join(at, 'secrets') };
}

/** `TRADECORE_HOME`, or `.local` in the repository. */
export const home = homeAt(process.env['TRADECORE_HOME'] || join(root, '.local'));

/** The servers of the tests have a home of their own, so that a test run never touches a fleet that someone uses. */
export const testHome = homeAt(join(home.path, 'test'));
