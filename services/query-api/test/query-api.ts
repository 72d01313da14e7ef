import {
  accountPageResponse,
  accountResponse,
  activityPageResponse,
  encodeConsistencyToken,
  etagOf,
  executionPageResponse,
  orderEventsResponse,
  orderPageResponse,
  orderResponse,
  positionsResponse,
  problemResponse,
  reservationPageResponse,
  timelineResponse,
  type Consistency,
} from '@tradecore/api';
import { StoreIdentity } from '@tradecore/event-sourcing';
import { TestReadModels } from '@tradecore/read-models/testing';
import { type Problem, type RunningService } from '@tradecore/service';
import { createTestIssuer, startTestService, type TestIssuer } from '@tradecore/service/testing';
import { queryApi } from '../src/query-api.module.ts';

/** A query-api on its own database, logged in as its own role, with the read models that the test writes to. */
export class TestQueryApi {
  private constructor(
    readonly models: TestReadModels,
    readonly service: RunningService,
    private readonly issuer: TestIssuer,
    /** Of the store when the test began: in ETags and tokens. */
    readonly epoch: string,
  ) {}

  /** The ETag of a version. */
  tag(version: number): string {
    return etagOf({ version, epoch: this.epoch });
  }

  /** The token of a write. */
  token(of: Omit<Consistency, 'epoch'>): string {
    return encodeConsistencyToken({ epoch: this.epoch, ...of });
  }

  /** `through` changes the address of its database, for a proxy. */
  static async start(env: Readonly<Record<string, string>> = {}, through = (url: string) => url): Promise<TestQueryApi> {
    const [models, issuer] = await Promise.all([TestReadModels.create(), createTestIssuer()]);
    const service = await startTestService(queryApi, {
      ...issuer.env,
      DATABASE_URL: through(models.database.urlFor('query-api')),
      REDIS_URL: process.env['REDIS_URL'] ?? '',
      KAFKA_BROKERS: process.env['KAFKA_BROKERS'] ?? '',
      NAMESPACE: `t${Math.random().toString(36).slice(2)}`,
      READ_CACHE_MS: '0', // nothing would drop what the test writes to the models
      ...env,
    });
    const { epoch } = await new StoreIdentity(models.database.dataSource).current();
    return new TestQueryApi(models, service, issuer, epoch);
  }

  /** An `Authorization` header for these accounts. */
  async bearer(accounts: readonly string[], more: { subject?: string; expiresIn?: number; role?: string } = {}): Promise<string> {
    return `Bearer ${await this.issuer.token({ accounts, ...more })}`;
  }

  /** Sends a request and checks the answer against the schema of the OpenAPI document. */
  async get(
    path: string,
    accounts: readonly string[],
    { subject, ...headers }: Readonly<Record<string, string>> = {},
  ): Promise<Response> {
    const authorization = await this.bearer(accounts, subject === undefined ? {} : { subject });
    const response = await fetch(`${this.service.url}${path}`, { headers: { authorization, ...headers } });
    if (response.status !== 304) documented(path, response).parse(await response.clone().json());
    return response;
  }

  async stop(): Promise<void> {
    await this.service.stop();
    await this.issuer.close();
    await this.models.drop();
  }
}

/** The document's schema for an answer of `path`. */
function documented(path: string, { ok }: Response) {
  if (!ok) return problemResponse;
  const [, schema] = answers.find(([shape]) => shape.test(path)) ?? [];
  if (!schema) throw new Error(`no route ${path}`);
  return schema;
}

const answers = [
  [/^\/v1\/orders(\?|$)/, orderPageResponse],
  [/^\/v1\/orders\/[^/]+\/events/, orderEventsResponse],
  [/^\/v1\/orders\/[^/]+\/timeline/, timelineResponse],
  [/^\/v1\/orders\//, orderResponse],
  [/^\/v1\/accounts(\?|$)/, accountPageResponse],
  [/^\/v1\/accounts\/[^/]+\/reservations/, reservationPageResponse],
  [/^\/v1\/accounts\/[^/]+\/positions/, positionsResponse],
  [/^\/v1\/accounts\/[^/]+\/activities/, activityPageResponse],
  [/^\/v1\/accounts\/[^/]+\/executions/, executionPageResponse],
  [/^\/v1\/accounts\//, accountResponse],
] as const;

/** The problem document of an answer, after a check that it is one. */
export async function problemOf(response: Response): Promise<Problem & { code: string }> {
  expect(response.headers.get('content-type')).toBe('application/problem+json');
  const problem = (await response.json()) as Problem;
  expect(problem.status).toBe(response.status);
  return { ...problem, code: problem.type.split('/').at(-1) ?? '' };
}
