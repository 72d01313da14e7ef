import { readFileSync } from 'node:fs';
import { mask } from '@tradecore/telemetry';
import { z } from 'zod';
import { rateSettings } from '../door/rate-limits.ts';
import { serverFaults, serverSettings } from '../servers/settings.ts';
import { milliseconds, port, url } from './setting-types.ts';

export { kafkaSettings } from '../servers/settings.ts';

/** Settings by their environment names. `.meta({ examples: [...], secret: true })` improves the error messages. */
export type Shape = Readonly<Record<string, z.ZodType>>;

/** The servers that a service talks to; it has settings and connections for no others. */
export type Server = 'postgres' | 'kafka' | 'redis';

const base = {
  NODE_ENV: z.enum(['development', 'test', 'production']).default('development'),
  LOG_LEVEL: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal']).default('info'),
  /** The commit that was built, for the metric of the build. */
  REVISION: z.string().max(80).default('unknown'),
  /** Prefix of topics, groups and transactional ids, so that fleets can share a broker. */
  NAMESPACE: z
    .string()
    .regex(/^([a-z][a-z0-9_-]{0,39})?$/, 'must be at most 40 of a-z, 0-9, _ and -, a letter first')
    .default('')
    .meta({ examples: ['blue'] }),
  HOST: z.string().default('127.0.0.1'),
  /** Health and metrics need no token: any client that reaches the address reads them. Port 0 takes a free one. */
  ADMIN_HOST: z.string().default('127.0.0.1'),
  ADMIN_PORT: port.default(0),
  /** Milliseconds from SIGTERM to the end; anything still hanging then is named, and the exit code is 1. */
  STOP_LIMIT: milliseconds(600_000).default(20_000),
  /** Milliseconds that startup waits for servers and schema. */
  START_LIMIT: milliseconds(600_000).default(60_000),
  /** Milliseconds between two readings of the gauges that a server is asked for. */
  GAUGES_REFRESH: milliseconds(600_000).default(5_000),
};

/** Issuer of tokens for local use: its key is in a file, so production refuses it. */
export const localIssuer = 'https://local.tradecore.dev/';

/** Asymmetric only: a service that can verify a token must not be able to make one. */
const algorithms = ['ES256', 'EdDSA', 'RS256', 'PS256'];

const http = {
  /** 0 takes a free port. */
  PORT: port.default(0),
  /** Origins whose pages may call the API, separated by commas; none when empty. */
  CORS_ORIGINS: z
    .string()
    .default('')
    .transform((text) => (text === '' ? [] : text.split(',').map((each) => each.trim())))
    .refine(
      (all) => all.every((each) => URL.canParse(each) && new URL(each).origin === each),
      'must be origins: scheme://host[:port]',
    )
    .meta({ examples: ['https://app.example.com,http://localhost:3000'] }),
  JWT_ISSUER: url('https').meta({ examples: ['https://login.example.com/'] }),
  JWT_AUDIENCE: z.string().min(1).default('tradecore'),
  JWT_JWKS_URL: url('https', 'http').meta({ examples: ['https://login.example.com/.well-known/jwks.json'] }),
  /** Accepted signature algorithms, separated by commas; the token's own header never chooses. */
  JWT_ALGORITHMS: z
    .string()
    .default('ES256,EdDSA')
    .transform((text) => text.split(',').map((each) => each.trim()))
    .refine((each) => each.every((name) => algorithms.includes(name)), `must be some of ${algorithms.join(', ')}`)
    .meta({ examples: ['RS256'] }),
  /** The `typ` in the header of an access token; `any` for an issuer that sets none of its own. */
  JWT_TYP: z.string().min(1).max(40).default('at+jwt'),
  /** Seconds after its `iat` during which a token is accepted, whatever its `exp` says. */
  JWT_MAX_AGE: z.coerce.number().int().min(60).max(31_536_000).default(86_400),
  /** Maximum size of a request body in bytes, and maximum nesting of its JSON. */
  LIMIT_BODY: z.coerce.number().int().min(1024).max(1_048_576).default(65_536),
  LIMIT_DEPTH: z.coerce.number().int().min(2).max(20).default(20),
  ...rateSettings,
};

type Values<S extends Shape> = { readonly [Name in keyof S]: z.output<S[Name]> };

/** The settings of a service, read once: those of every service, those of its servers and door, and its own (`S`). */
export type Config<S extends Shape = Record<never, never>> = Values<typeof base> &
  Values<typeof serverSettings.postgres> &
  Values<typeof serverSettings.kafka> &
  Values<typeof serverSettings.redis> &
  Values<typeof http> &
  Values<S>;

/** What a service reads. */
export interface ConfigNeeds {
  readonly uses: readonly Server[];
  readonly http: boolean;
  readonly own?: Shape;
}

/**
 * Settings are missing or wrong: lists every fault with an example, secrets masked. The process exits with 78
 * (EX_CONFIG).
 */
export class ConfigFaults extends Error {
  override readonly name = 'ConfigFaults';
  constructor(readonly faults: readonly string[]) {
    super(
      `${faults.length} setting${faults.length === 1 ? ' is' : 's are'} wrong:\n${faults.map((each) => `  ${each}`).join('\n')}`,
    );
  }
}

/** Environment variables. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** This process's environment; read only here. */
export const environment = (): Environment => process.env;

/**
 * A setting's text: from the environment, or, for secrets, from the file that `<NAME>_FILE` names. Empty counts as
 * absent.
 */
function textOf(name: string, env: Environment): string | undefined {
  const path = env[`${name}_FILE`];
  const text = path ? readFileSync(path, 'utf8').trimEnd() : env[name];
  return text === '' ? undefined : text;
}

/** A certificate is no line of a log. */
const shortened = (text: string): string => (text.length > 200 ? `${text.slice(0, 100)}..."` : text);

/** Reads one setting: its value, or its fault. */
function readSetting(name: string, schema: z.ZodType, env: Environment): { value?: unknown; fault?: string } {
  const meta = z.globalRegistry.get(schema) as { examples?: readonly unknown[]; secret?: boolean } | undefined;
  const example = meta?.examples ? `; for example ${String(meta.examples[0])}` : '';
  try {
    const text = textOf(name, env);
    const parsed = schema.safeParse(text);
    if (parsed.success) return { value: parsed.data };
    if (text === undefined) return { fault: `${name} is missing${example}` };
    const shown = meta?.secret ? '***' : shortened(mask(JSON.stringify(text)));
    const reasons = parsed.error.issues.map(({ message }) => message).join('; ');
    return { fault: `${name} is ${shown}: ${reasons}${example}` };
  } catch (error) {
    return { fault: `${name}_FILE can't be read: ${(error as Error).message}` };
  }
}

/** Faults of settings that are allowed only on a developer's machine. */
function* faultsInProduction(values: Readonly<Record<string, unknown>>, shape: Shape): Generator<string> {
  const { JWT_ISSUER: issuer, JWT_JWKS_URL: keys } = values;
  if (issuer === localIssuer) yield `JWT_ISSUER is ${localIssuer}: the issuer of local tokens is refused in production`;
  if (String(keys).startsWith('http:')) yield `JWT_JWKS_URL is ${mask(String(keys))}: must be https: in production`;
  for (const [name, schema] of Object.entries(shape)) {
    if (isDefaultSecret(schema, values[name])) yield `${name} is its default, which is public: refused in production`;
  }
}

/** A secret that is in the source. */
function isDefaultSecret(schema: z.ZodType, value: unknown): boolean {
  const meta = z.globalRegistry.get(schema) as { secret?: boolean } | undefined;
  return meta?.secret === true && value !== undefined && schema.safeParse(undefined).data === value;
}

/**
 * Reads the settings of a service from `env`. Throws `ConfigFaults` with all faults of all settings.
 * Only settings of the servers it uses are read; the others are absent, whatever the type says.
 */
export function readConfig<S extends Shape>(needs: ConfigNeeds & { own?: S }, env: Environment): Config<S> {
  const shape: Shape = {
    ...base,
    ...Object.assign({}, ...needs.uses.map((server) => serverSettings[server])),
    ...(needs.http && http),
    ...needs.own,
  };
  const read = Object.entries(shape).map(([name, schema]) => ({ name, ...readSetting(name, schema, env) }));
  const faults = read.flatMap(({ fault }) => fault ?? []);
  const values = Object.fromEntries(read.map(({ name, value }) => [name, value]));
  if (values['NODE_ENV'] === 'production') faults.push(...faultsInProduction(values, shape));
  if (faults.length === 0) faults.push(...serverFaults(values as Config));
  if (faults.length > 0) throw new ConfigFaults(faults);
  return Object.freeze(values) as Config<S>;
}
