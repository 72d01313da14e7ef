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
  type ReadModel,
} from '@tradecore/read-models';
import { Needs, validated } from '@tradecore/service';
import type { FastifyReply } from 'fastify';
import { DataSource } from 'typeorm';
import { Access, accountNotFound } from './access.ts';
import { AskedBy, cacheable, type Asked } from './asked.ts';
import { ConsistentReads } from './consistent-reads.ts';

type Path = { readonly id: string };

/** Accounts: their money, positions and history. A foreign account is answered like one that does not exist. */
@Controller('v1/accounts')
export class AccountsHttp {
  constructor(
    @Inject(DataSource) private readonly db: DataSource,
    @Inject(ConsistentReads) private readonly consistentReads: ConsistentReads,
    @Inject(Access) private readonly access: Access,
    @Inject(MarketData) private readonly market: MarketData,
  ) {}

  /** `GET /v1/accounts`: the caller's, by their ids, page by page. */
  @Needs('read')
  @Get()
  async list(
    @Query(validated(accountsQuery, 'query')) { limit, cursor }: AccountsQuery,
    @AskedBy() asked: Asked,
  ): Promise<AccountPageResponse> {
    await this.#awaitToken(asked, 'accounts');
    const accounts = await this.access.accountsOf(asked.caller);
    const page = await accountPage(this.db, {
      accounts,
      limit: this.access.pageOf(limit),
      ...(cursor !== undefined && { after: cursor }),
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
    await this.#admit(id, asked, 'accounts');
    const found = await accountById(this.db, id, [id]);
    if (!found) throw accountNotFound('path');
    const account = accountResponseOf(found);
    return cacheable(account, asked, reply) ? account : undefined;
  }

  /** `GET /v1/accounts/{id}/reservations`: what its open orders reserve, by symbol. */
  @Needs('read')
  @Get(':id/reservations')
  async reservations(
    @Param(validated(accountPath, 'path')) { id }: Path,
    @Query(validated(reservationsQuery, 'query')) { limit, cursor }: ReservationsQuery,
    @AskedBy() asked: Asked,
  ): Promise<ReservationPageResponse> {
    await this.#admit(id, asked, 'accounts');
    const found = await accountById(this.db, id, [id]);
    if (!found) throw accountNotFound('path');
    return reservationPageOf(Object.values(found.reservations), { limit: this.access.pageOf(limit), cursor });
  }

  /** `GET /v1/accounts/{id}/positions`: what it holds, valued at the last prices. */
  @Needs('read')
  @Get(':id/positions')
  async positions(
    @Param(validated(accountPath, 'path')) { id }: Path,
    @Query(validated(noQuery, 'query')) _: object,
    @AskedBy() asked: Asked,
  ): Promise<PositionsResponse> {
    await this.#admit(id, asked, 'positions');
    const held = await positionsOfAccount(this.db, id);
    return { positions: held.map((each) => positionResponseOf(each, this.market.quote(each.symbol))) };
  }

  /** `GET /v1/accounts/{id}/activities`: the ledger, newest first. */
  @Needs('read')
  @Get(':id/activities')
  async activities(
    @Param(validated(accountPath, 'path')) { id }: Path,
    @Query(validated(ledgerQuery, 'query')) query: LedgerQuery,
    @AskedBy() asked: Asked,
  ): Promise<ActivityPageResponse> {
    await this.#admit(id, asked, 'accounts');
    const { lines, next } = await activitiesOfAccount(this.db, this.#pageOf(id, query));
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
    await this.#admit(id, asked, 'accounts');
    const { lines, next } = await executionsOfAccount(this.db, this.#pageOf(id, query));
    return { executions: lines.map(executionResponseOf), ...(next !== undefined && { nextCursor: encodeLedgerCursor(next) }) };
  }

  /** Refuses who may not read the account; resolves when the read model shows what the token names. */
  async #admit(id: string, asked: Asked, model: ReadModel): Promise<void> {
    await this.access.must(asked.caller, id);
    await this.#awaitToken(asked, model);
  }

  #pageOf(accountId: string, { limit, cursor }: LedgerQuery) {
    return { accountId, limit: this.access.pageOf(limit), ...(cursor !== undefined && { before: cursor }) };
  }

  async #awaitToken({ caller, headers: { 'consistency-token': token } }: Asked, model: ReadModel): Promise<void> {
    if (token) await this.consistentReads.waitFor(model, token, caller);
  }
}
