import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import type { Environment } from '@tradecore/service/config';

/**
 * `env`, and where it does not set `name`, below it what the fleet of `npm start` in this folder (or in TRADECORE_HOME) has left in `file`. A name
 * that is set to nothing is not set.
 */
export function withLocal(env: Environment, name: string, file: string): Environment {
  const path = join(env['TRADECORE_HOME'] || '.local', 'secrets', file);
  if (env[name] || !existsSync(path)) return env;
  const left = parseEnv(readFileSync(path, 'utf8'));
  return { ...left, ...env, [name]: left[name] };
}
