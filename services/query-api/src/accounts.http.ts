import { Controller, Get, Inject, Param, Query, Res } from '@nestjs/common';
import {
  accountPath,
  accountResponseOf,
  accountsQuery,
  accountSummaryOf,
  activityResponseOf,
  encodeAccountCursor,
  encodeLedgerCursor,
  executionResponseOf,
  ledgerQuery,
  noQuery,
  positionResponseOf,
  reservationPageOf,
  reservationsQuery,
  type AccountPageResponse,
  type AccountResponse,
  type AccountsQuery,
  type ActivityPageResponse,
  type ExecutionPageResponse,
  type LedgerQuery,
  type PositionsResponse,
  type ReservationPageResponse,
  type ReservationsQuery,
} from '@tradecore/api';
import { MarketData } from '@tradecore/market-data';
import {
  accountById,
  accountPage,
  activitiesOfAccount,
  executionsOfAccount,
  positionsOfAccount,
  type AccountFound,
  type LedgerPage,
} from '@tradecore/read-models';
import { Needs, validated } from '@tradecore/service';
import type { FastifyReply } from 'fastify';
import { DataSource } from 'typeorm';
import { Access, accountNotFound } from './access.ts';
import { AskedBy, cacheable, type Asked } from './asked.ts';
import { Reads } from './reads.ts';

type Path = { readonly id: string };

/** Reads of accounts: money, positions and history. A foreign account is answered like one that does not exist. */
@Controller('v1/accounts')
export class AccountsHttp {
  constructor(
    @Inject(DataSource) private readonly db: DataSource,
    @Inject(Access) private readonly access: Access,
    @Inject(Reads) private readonly reads: Reads,
    @Inject(MarketData) private readonly market: MarketData,
  ) {}

  /** `GET /v1/accounts`: the caller's accounts, by id, in pages. */
  @Needs('read')
  @Get()
  async list(
    @Query(validated(accountsQuery, 'query')) { limit, cursor }: AccountsQuery,
    @AskedBy() asked: Asked,
  ): Promise<AccountPageResponse> {
    const page = await this.reads.uncached(asked, 'accounts', async () => {
      const accounts = await this.access.accountsOf(asked.caller);
      return accountPage(this.db, { accounts, limit: this.access.pageOf(limit), ...(cursor !== undefined && { after: cursor }) });
    });
    return {
      accounts: page.accounts.map(accountSummaryOf),
      ...(page.next !== undefined && { nextCursor: encodeAccountCursor(page.next) }),
    };
  }

  /** `GET /v1/accounts/{id}`: its money, and what open orders reserve. */
  @Needs('read')
  @Get(':id')
  async one(
    @Param(validated(accountPath, 'path')) { id }: Path,
    @Query(validated(noQuery, 'query')) _: object,
    @AskedBy() asked: Asked,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<AccountResponse | undefined> {
    const account = accountResponseOf(await this.#account(id, asked));
    return (await cacheable(account, asked, reply)) ? account : undefined;
  }

  /** `GET /v1/accounts/{id}/reservations`: what its open orders reserve, by symbol. */
  @Needs('read')
  @Get(':id/reservations')
  async reservations(
    @Param(validated(accountPath, 'path')) { id }: Path,
    @Query(validated(reservationsQuery, 'query')) { limit, cursor }: ReservationsQuery,
    @AskedBy() asked: Asked,
  ): Promise<ReservationPageResponse> {
    const { reservations } = await this.#account(id, asked);
    return reservationPageOf(Object.values(reservations), { limit: this.access.pageOf(limit), cursor });
  }

  /** `GET /v1/accounts/{id}/positions`: what it holds, valued at the last prices. */
  @Needs('read')
  @Get(':id/positions')
  async positions(
    @Param(validated(accountPath, 'path')) { id }: Path,
    @Query(validated(noQuery, 'query')) _: object,
    @AskedBy() asked: Asked,
  ): Promise<PositionsResponse> {
    await this.access.must(asked.caller, id);
    const versionOf = (all: Holdings) => Math.max(0, ...all.map(({ version }) => version));
    const place = { model: 'positions', id, query: 'positions', versionOf } as const;
    const held = await this.reads.of(asked, place, () => positionsOfAccount(this.db, id));
    return { positions: (held ?? []).map((each) => positionResponseOf(each, this.market.quote(each.symbol))) };
  }

  /** `GET /v1/accounts/{id}/activities`: the ledger, newest first. */
  @Needs('read')
  @Get(':id/activities')
  async activities(
    @Param(validated(accountPath, 'path')) { id }: Path,
    @Query(validated(ledgerQuery, 'query')) query: LedgerQuery,
    @AskedBy() asked: Asked,
  ): Promise<ActivityPageResponse> {
    const { lines, next } = await this.#ledger(asked, { kind: 'activities', id, query }, activitiesOfAccount);
    return { activities: lines.map(activityResponseOf), ...(next !== undefined && { nextCursor: encodeLedgerCursor(next) }) };
  }

  /** `GET /v1/accounts/{id}/executions`: its trades, latest booking first. */
  @Needs('read')
  @Get(':id/executions')
  async executions(
    @Param(validated(accountPath, 'path')) { id }: Path,
    @Query(validated(ledgerQuery, 'query')) query: LedgerQuery,
    @AskedBy() asked: Asked,
  ): Promise<ExecutionPageResponse> {
    const { lines, next } = await this.#ledger(asked, { kind: 'executions', id, query }, executionsOfAccount);
    return { executions: lines.map(executionResponseOf), ...(next !== undefined && { nextCursor: encodeLedgerCursor(next) }) };
  }

  async #account(id: string, asked: Asked): Promise<AccountFound> {
    await this.access.must(asked.caller, id);
    const place = { model: 'accounts', id, query: 'account', versionOf: ({ version }: AccountFound) => version } as const;
    const found = await this.reads.of(asked, place, () => accountById(this.db, id));
    if (!found) throw accountNotFound('path');
    return found;
  }

  /** A page of the ledger; it shows at least the version of its first line. */
  async #ledger(
    asked: Asked,
    { kind, id, query }: { kind: string; id: string; query: LedgerQuery },
    select: typeof activitiesOfAccount,
  ): Promise<LedgerPage> {
    await this.access.must(asked.caller, id);
    const page = {
      accountId: id,
      limit: this.access.pageOf(query.limit),
      ...(query.cursor !== undefined && { before: query.cursor }),
    };
    const versionOf = ({ lines: [first] }: LedgerPage) => first?.version ?? 0;
    const place = { model: 'accounts', id, query: `${kind} ${JSON.stringify(page)}`, versionOf } as const;
    return (await this.reads.of(asked, place, () => select(this.db, page))) ?? { lines: [] };
  }
}

type Holdings = Awaited<ReturnType<typeof positionsOfAccount>>;
