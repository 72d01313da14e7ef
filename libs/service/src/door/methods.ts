import type { FastifyInstance, FastifyRequest } from 'fastify';
import { RequestRefused } from './problems.ts';

/** Methods in capitals by path, with `{name}` for each variable part. */
export type Paths = Readonly<Record<string, readonly string[]>>;

/** Which methods a path has, and which answers a client accepts: checked before anything is looked up or read. */
export class Methods {
  readonly #paths = new Map<string, { readonly shape: RegExp; readonly methods: Set<string> }>();

  constructor(fastify: FastifyInstance, paths: Paths) {
    for (const [path, methods] of Object.entries(paths)) this.#add(path, methods);
    fastify.addHook('onRoute', ({ url, method }) => this.#add(url, [method].flat()));
  }

  /** 405 with `Allow` when the API has the path but not the method; 406 for a client that does not accept JSON. */
  refusalOf({ is404, method, url, headers }: FastifyRequest): RequestRefused | undefined {
    const allowed = is404 ? this.#methodsAt(url.split('?', 1)[0] ?? '') : [];
    if (allowed.length > 0 && !allowed.includes(method)) return methodNotAllowed(method, allowed.join(', '));
    return acceptsJson(headers.accept) ? undefined : notAcceptable();
  }

  #add(path: string, methods: readonly string[]): void {
    const pattern = path.replace(/[.*+?^$()|[\]\\]/g, '\\$&').replace(/\{\w+\}|:\w+/g, '[^/]+');
    const known = this.#paths.get(pattern) ?? { shape: new RegExp(`^${pattern}$`), methods: new Set() };
    for (const method of methods) known.methods.add(method);
    this.#paths.set(pattern, known);
  }

  #methodsAt(path: string): string[] {
    const methods = [...this.#paths.values()].flatMap((each) => (each.shape.test(path) ? [...each.methods] : []));
    return [...new Set(methods.includes('GET') ? [...methods, 'HEAD'] : methods)].sort();
  }
}

/**
 * Whether an `Accept` (RFC 9110, 12.5.1) admits JSON: the most specific range that covers it has a weight above zero.
 */
function acceptsJson(accept = '*/*'): boolean {
  const weights = new Map(
    accept.split(',').map((range) => {
      const [type = '', ...parameters] = range.split(';').map((part) => part.trim().toLowerCase());
      return [type, Number(parameters.find((each) => each.startsWith('q='))?.slice(2) ?? 1)];
    }),
  );
  const weight = weights.get('application/json') ?? weights.get('application/*') ?? weights.get('*/*');
  return (weight ?? (weights.has('') ? 1 : 0)) > 0;
}

const methodNotAllowed = (method: string, allow: string): RequestRefused =>
  new RequestRefused(405, 'method-not-allowed', `This path does not support ${method}, only ${allow}.`, { headers: { allow } });

function notAcceptable(): RequestRefused {
  const detail = 'Responses are JSON: application/json.';
  return new RequestRefused(406, 'not-acceptable', detail, {
    errors: [{ pointer: '#/accept', in: 'header', code: 'not-acceptable', detail }],
  });
}
